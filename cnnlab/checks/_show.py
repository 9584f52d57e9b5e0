"""How arguments, results and errors of a learner's function are put into words."""

import inspect
import linecache

import numpy as np


def array(value) -> np.ndarray | None:
    """Return ``value`` as an array, or None where it cannot be one."""
    if inspect.iscoroutine(value):
        value.close()  # or Python warns that nobody awaited it
    if hasattr(value, "detach"):  # a torch tensor, which may record gradients
        value = value.detach().cpu()
    try:
        return np.asarray(value)
    except Exception:
        return None


def kind(value) -> str:
    """Return what a learner's value is, in words."""
    words = {str: "text", dict: "a dict", set: "a set", type(None): "None"}
    if inspect.isgenerator(value):
        return "a generator: collect its values in an array and `return` that"
    if inspect.iscoroutine(value):
        return "a coroutine: write `def`, not `async def`"
    if isinstance(value, (list, tuple)):
        return f"a {type(value).__name__} that is no table of numbers"
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype}" if value.dtype.kind in "OUS" else "array"
    return words.get(type(value), type(value).__name__)


def difference(wanted: np.ndarray, got: np.ndarray, close: np.ndarray) -> str:
    """Return wanted beside got: whole where small, else the first difference."""
    if wanted.ndim == 0:
        return f"{_beside(wanted[()], got[()])}."
    place = tuple(int(i) for i in np.argwhere(~close)[0])
    first = (
        f"at [{', '.join(map(str, place))}] {_beside(wanted[place], got[place])}; "
        f"{int((~close).sum())} of {close.size} differ."
    )
    if wanted.size > 30:
        return first
    return f"{first}\n  wanted = {short(wanted, 11)}\n  got    = {short(got, 11)}"


def _beside(wanted, got) -> str:
    """Return both numbers, with as many digits as tell them apart."""
    for digits in (6, 9, 17):
        texts = number(wanted, digits), number(got, digits)
        if texts[0] != texts[1]:
            break
    return f"wanted {texts[0]}, got {texts[1]}"


def number(value, digits: int = 6) -> str:
    """Return a number as text, with so many significant digits."""
    real = isinstance(value, (float, np.floating))
    return f"{value:.{digits}g}" if real else f"{value}"


def short(value, indent: int) -> str:
    """Return a printed argument, shortened; ``indent`` is where it starts."""
    if isinstance(value, np.ndarray):
        if value.size > 60:
            return f"array of shape {value.shape}, {value.dtype}"
        with np.printoptions(precision=4, suppress=True, linewidth=76 - indent):
            text = repr(value)
        return text.replace("\n", "\n" + " " * indent)
    text = getattr(value, "__name__", None) or repr(value)
    return text if len(text) < 200 else text[:197] + "..."


def one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def error_text(error: BaseException, answer) -> str:
    """Return the error and the learner's own line that raised it."""
    text = f"Your code raised {one_line(error)}"
    code = getattr(answer, "__code__", None)
    trace, place = error.__traceback__, None
    while trace is not None and code is not None:
        inside = trace.tb_frame.f_code
        if inside.co_filename == code.co_filename:
            row = trace.tb_lineno - inside.co_firstlineno + 1
            where = "your function" if inside is code else inside.co_name
            place = row, where, linecache.getline(code.co_filename, trace.tb_lineno)
        trace = trace.tb_next
    if place is not None and place[2].strip():
        text += f"\n  in line {place[0]} of {place[1]}: {place[2].strip()}"
    return text
