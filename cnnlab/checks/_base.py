"""The machinery of exercises: an answer goes in, a verdict that teaches comes out.

An :class:`Exercise` compares the learner's function with the reference on a list of
cases, smallest first. It also knows plausible wrong answers, each with its cause:
where the learner's results equal those of a known mistake, the verdict names it.
The same list of mistakes is what the tests throw at every exercise.
"""

import copy
import dis
import html
import inspect
import io
import linecache
import signal
import threading
import warnings
from collections.abc import Callable, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field

import numpy as np

from cnnlab.checks import _progress

NOT_ATTEMPTED = "not attempted"
RAISED = "raised"
WRONG_SHAPE = "wrong shape"
WRONG_VALUES = "wrong values"
CHANGED_INPUT = "changed its input"
CORRECT = "correct"

SECONDS = 20  # longer than any reference needs, by far: an endless loop ends here


@dataclass(frozen=True)
class Mistake:
    """A plausible wrong answer and the sentence that names its cause."""

    name: str
    function: Callable
    cause: str


@dataclass(frozen=True)
class Case:
    """Arguments for one call; ``note`` says what is special about them."""

    args: tuple
    note: str = ""
    kwargs: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """What a check says. ``status`` is one of the six words above."""

    exercise: str
    status: str
    text: str

    @property
    def passed(self) -> bool:
        return self.status == CORRECT

    def __repr__(self) -> str:
        mark = {CORRECT: "✓", NOT_ATTEMPTED: "○"}.get(self.status, "✗")
        head = f"{mark} {self.exercise}: {self.status}"
        return f"{head}\n{self.text}" if self.text else head

    def _repr_html_(self) -> str:
        colour = {CORRECT: "#009E73", NOT_ATTEMPTED: "#8A8A8A"}.get(
            self.status, "#D55E00"
        )
        head, _, rest = repr(self).partition("\n")
        rest = html.escape(rest)
        style = (
            "margin:4px 0 0;font-family:monospace;"
            "white-space:pre-wrap;word-break:normal"
        )
        body = f"<pre style='{style}'>{rest}</pre>" if rest else ""
        return (
            f"<div style='border-left:4px solid {colour};padding:2px 0 2px 10px'>"
            f"<b>{html.escape(head)}</b>{body}</div>"
        )


class Hints:
    """Folded hints, and the reference behind the last fold."""

    def __init__(self, name: str, hints: Sequence[str], where: str, source: str):
        self.name, self.texts, self.where, self.source = name, hints, where, source

    def __repr__(self) -> str:
        count = len(self.texts)
        return f"{self.name}: {count} hints and the reference, {self.where}, folded"

    def _repr_html_(self) -> str:
        folds = [
            f"<details><summary>Hint {number} of {len(self.texts)}</summary>"
            f"<p>{html.escape(text)}</p></details>"
            for number, text in enumerate(self.texts, start=1)
        ]
        folds.append(
            f"<details><summary>The reference: <code>{self.where}</code></summary>"
            f"<pre>{html.escape(self.source)}</pre></details>"
        )
        return "".join(folds)


@dataclass(frozen=True)
class Exercise:
    """One exercise: call it with your function, get a :class:`Verdict`.

    Parameters
    ----------
    name : the function's name, as the notebook's stub has it
    notebook : two digits, such as ``"02"``
    reference : the reference solution
    cases : list of :class:`Case`, smallest first
    mistakes : plausible wrong answers, each with its cause
    hints : sentences, from a nudge to nearly the answer
    outputs : names of the returned values, where there are several
    rtol, atol : a value is right if it is this close to the wanted one
    judge : for open exercises: takes the learner's function and returns ``None`` if
        it is good enough, else a text; it replaces the comparison
    practice : a success is not remembered
    also : the functions the reference leans on, shown below it
    """

    name: str
    notebook: str
    reference: Callable
    cases: Sequence[Case]
    mistakes: Sequence[Mistake]
    hints_: Sequence[str]
    outputs: Sequence[str] = ("result",)
    rtol: float = 1e-6
    atol: float = 1e-8
    judge: Callable | None = None
    practice: bool = False
    also: Sequence[Callable] = ()

    @property
    def where(self) -> str:
        """The public place of the reference, such as ``cnnlab.data.split_indices``."""
        parts = self.reference.__module__.split(".")
        public = [part for part in parts if not part.startswith("_")]
        return ".".join([*public, self.reference.__name__])

    def hints(self) -> Hints:
        """Return the hints and the reference, folded."""
        shown = (self.reference, *self.also)
        source = "\n\n".join(inspect.getsource(one) for one in shown)
        return Hints(self.name, tuple(self.hints_), self.where, source)

    def or_reference(self, answer) -> Callable:
        """Return ``answer`` if it passes the check, else the reference."""
        return answer if self(answer).passed else self.reference

    def __call__(self, answer) -> Verdict:
        """Judge ``answer``; never raises, and remembers a success."""
        try:
            verdict = self._verdict(answer)
        except Exception as error:  # a fault of the check must not stop a learner
            verdict = Verdict(
                self.name, RAISED, f"The check itself failed: {_one_line(error)}"
            )
        if verdict.passed and not self.practice:
            _progress.remember(f"{self.notebook}.{self.name}")
        return verdict

    def _verdict(self, answer) -> Verdict:
        if not callable(answer):
            text = (
                f"This check needs your function, but got {type(answer).__name__}. "
                f"Pass it without calling it: checks.{self.name}({self.name})."
            )
            return Verdict(self.name, NOT_ATTEMPTED, text)
        if _is_stub(answer):
            return Verdict(self.name, NOT_ATTEMPTED, self._invitation())
        if self.judge is not None:
            return self._judged(answer)
        for case in self.cases:
            verdict = self._run(answer, case)
            if verdict is not None:
                return verdict
        return Verdict(self.name, CORRECT, self._praise())

    def _judged(self, answer) -> Verdict:
        try:
            with _time_limit(SECONDS):
                text = self.judge(answer)
        except NotImplementedError:
            return Verdict(self.name, NOT_ATTEMPTED, self._invitation())
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return Verdict(self.name, RAISED, _describe_error(error, answer))
        if text is None:
            return Verdict(self.name, CORRECT, self._praise())
        status, _, rest = text.partition("|")
        if status in (WRONG_SHAPE, WRONG_VALUES, CHANGED_INPUT):
            return Verdict(self.name, status, rest)
        return Verdict(self.name, WRONG_VALUES, text)

    def _run(self, answer, case: Case) -> Verdict | None:
        """Return the verdict of one case, or None where the answer is right."""
        given = copy.deepcopy((case.args, case.kwargs))
        try:
            with _time_limit(SECONDS):
                got = answer(*given[0], **given[1])
        except NotImplementedError:
            return Verdict(self.name, NOT_ATTEMPTED, self._invitation())
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            text = f"{_describe_error(error, answer)}\n{self._show_case(case)}"
            cause = self._known_error(error, answer, case)
            return Verdict(self.name, RAISED, text + cause)
        if got is Ellipsis:
            return Verdict(self.name, NOT_ATTEMPTED, self._invitation())
        wanted = self._wanted(case)
        fault = self._compare(wanted, got)
        if fault is None:
            if _same(given, (case.args, case.kwargs)):
                return None
            text = (
                "The result is right, but the function altered the array it was "
                "given. Work on a copy, or build a new array.\n"
            )
            return Verdict(self.name, CHANGED_INPUT, text + self._show_case(case))
        status, detail = fault
        cause = self._cause(answer, case, wanted, got)
        parts = [detail, self._show_case(case), cause]
        return Verdict(self.name, status, "\n".join(part for part in parts if part))

    def _wanted(self, case: Case) -> tuple:
        args, kwargs = copy.deepcopy((case.args, case.kwargs))
        return self._as_tuple(self.reference(*args, **kwargs))

    def _as_tuple(self, value) -> tuple:
        if len(self.outputs) == 1:
            return (value,)
        several = isinstance(value, (tuple, list)) or np.ndim(_array(value)) == 1
        return tuple(value) if several else (value,)

    def _compare(self, wanted: tuple, got) -> tuple[str, str] | None:
        """Return (status, detail) of the first output that is wrong, or None."""
        if got is None:
            return WRONG_SHAPE, "Your function returned None."
        got = self._as_tuple(got)
        if len(got) != len(wanted):
            names = ", ".join(self.outputs)
            came = f"{len(got)} results" if len(got) != 1 else f"one: {_kind(got[0])}"
            wish = f"Wanted {len(wanted)} results ({names})."
            return WRONG_SHAPE, f"{wish} Got {came}."
        for name, one, other in zip(self.outputs, wanted, got, strict=True):
            fault = self._compare_one(name, one, other)
            if fault is not None:
                return fault
        return None

    def _compare_one(self, name: str, wanted, got) -> tuple[str, str] | None:
        label = "" if len(self.outputs) == 1 else f"{name}: "
        wanted = np.asarray(wanted)
        given, got = got, _array(got)
        if got is None or got.dtype.kind not in "biufc":
            return WRONG_SHAPE, f"{label}wanted numbers, got {_kind(given)}."
        if isinstance(given, list) and not given and not wanted.size:
            return None  # a list of no rows does not tell how long they would be
        if got.shape != wanted.shape:
            return WRONG_SHAPE, f"{label}wanted shape {wanted.shape}, got {got.shape}."
        close = np.isclose(
            got.astype(np.float64) if got.dtype.kind != "c" else got,
            wanted.astype(np.float64),
            rtol=self.rtol,
            atol=self.atol,
        )
        if close.all():
            return None
        return WRONG_VALUES, label + _show_difference(wanted, got, close)

    def _known_mistake(self, answer, case: Case) -> str | None:
        """Return the cause of the known mistake most like the learner's answer.

        It must give the learner's results on the failing case; among several, the
        one that agrees on most of the other cases is named.
        """
        theirs = [_results(answer, one) for one in self.cases]
        failing = next(i for i, one in enumerate(self.cases) if one is case)
        # Not-a-number alone tells nothing: then all the other cases must agree, too.
        hollow = _hollow(theirs[failing])
        best, cause = len(self.cases) - 1 if hollow else 0, None
        for mistake in self.mistakes:
            if not self._alike(theirs[failing], _results(mistake.function, case)):
                continue
            agreed = sum(
                self._alike(mine, _results(mistake.function, one))
                for mine, one in zip(theirs, self.cases, strict=True)
            )
            if agreed > best:
                best, cause = agreed, mistake.cause
        return cause

    def _alike(self, a, b) -> bool:
        if isinstance(a, BaseException) or isinstance(b, BaseException):
            return type(a) is type(b) and str(a) == str(b)
        if a is None or b is None:
            return a is b
        a, b = self._as_tuple(a), self._as_tuple(b)
        if len(a) != len(b):
            return False
        try:
            return all(
                np.shape(x) == np.shape(y)
                and np.allclose(x, y, rtol=self.rtol, atol=self.atol, equal_nan=True)
                for x, y in zip(a, b, strict=True)
            )
        except (TypeError, ValueError):
            return False

    def _cause(self, answer, case: Case, wanted: tuple, got) -> str:
        known = self._known_mistake(answer, case)
        if known is None and got is not None:
            known = self._wrapped(answer, case, wanted) or _general_cause(
                wanted, self._as_tuple(got)
            )
        if got is None and known is None:
            known = "the function ends without `return`."
        return f"Likely cause: {known}" if known else ""

    def _wrapped(self, answer, case: Case, wanted: tuple) -> str | None:
        """Return a cause where the same numbers as floats come out right."""
        wide = [
            value.astype(np.float64)
            if isinstance(value, np.ndarray) and value.dtype == np.uint8
            else value
            for value in case.args
        ]
        if all(new is old for new, old in zip(wide, case.args, strict=True)):
            return None
        got = _results(answer, Case(tuple(wide), kwargs=case.kwargs))
        if isinstance(got, Exception) or self._compare(wanted, got) is not None:
            return None
        return "uint8 wraps round: 3 - 5 is 254. Convert to float first."

    def _known_error(self, error, answer, case: Case) -> str:
        if isinstance(error, TimeUp):
            return ""
        known = self._known_mistake(answer, case)
        return f"\nLikely cause: {known}" if known else ""

    def _show_case(self, case: Case) -> str:
        names = list(inspect.signature(self.reference).parameters)
        lines = [f"Smallest failing case{f' ({case.note})' if case.note else ''}:"]
        pairs = [*zip(names, case.args, strict=False), *case.kwargs.items()]
        lines += [f"  {name} = {_short(value, len(name) + 5)}" for name, value in pairs]
        return "\n".join(lines)

    def _invitation(self) -> str:
        return (
            "Replace the line `raise NotImplementedError` by your own code, run the "
            "cell, and run this one again."
        )

    def _praise(self) -> str:
        if self.judge is not None:
            return f"Compare with the reference, {self.where}."
        return (
            f"Right on every case ({len(self.cases)} tried). Compare with the "
            f"reference, {self.where}."
        )


def _array(value) -> np.ndarray | None:
    """Return ``value`` as an array, or None where it cannot be one."""
    if inspect.iscoroutine(value):
        value.close()  # or Python warns that nobody awaited it
    if hasattr(value, "detach"):  # a torch tensor, which may record gradients
        value = value.detach().cpu()
    try:
        return np.asarray(value)
    except Exception:
        return None


def _hollow(result) -> bool:
    """Say whether a result is an array or number without one finite value."""
    array = _array(result)
    numbers = array is not None and array.dtype.kind == "f" and array.size > 0
    return numbers and not np.isfinite(array).any()


def _kind(value) -> str:
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


def _is_stub(function) -> bool:
    """Say whether the body is only ``pass``, ``...`` or a docstring."""
    if not hasattr(function, "__code__"):
        return False
    for step in dis.get_instructions(function):
        if step.opname not in ("RESUME", "NOP", "LOAD_CONST", "RETURN_VALUE") and (
            step.opname != "RETURN_CONST"
        ):
            return False
        constant = step.opname in ("LOAD_CONST", "RETURN_CONST")
        if constant and step.argval not in (None, Ellipsis):
            return False
    return True


def _results(function, case: Case):
    """Return what ``function`` gives for ``case``, or the exception it raises.

    What it prints is dropped: the learner has seen it once.
    """
    args, kwargs = copy.deepcopy((case.args, case.kwargs))
    try:
        with (
            warnings.catch_warnings(),
            np.errstate(all="ignore"),
            redirect_stdout(io.StringIO()),
            _time_limit(SECONDS),
        ):
            warnings.simplefilter("ignore")
            value = function(*args, **kwargs)
            _array(value)  # closes a coroutine
            return value
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return error


def _same(a, b) -> bool:
    """Say whether nested arguments are equal, bit for bit."""
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, np.ndarray):
        return (
            a.shape == b.shape
            and a.dtype == b.dtype
            and bool(np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"))
        )
    if callable(a):
        return True
    return bool(a == b)


def _show_difference(wanted: np.ndarray, got: np.ndarray, close: np.ndarray) -> str:
    """Return wanted beside got: whole where small, else the first difference."""
    if wanted.ndim == 0:
        return f"wanted {_number(wanted[()])}, got {_number(got[()])}."
    place = tuple(int(i) for i in np.argwhere(~close)[0])
    first = (
        f"at [{', '.join(map(str, place))}] wanted {_number(wanted[place])}, "
        f"got {_number(got[place])}; {int((~close).sum())} of {close.size} differ."
    )
    if wanted.size > 30:
        return first
    return f"{first}\n  wanted = {_short(wanted, 11)}\n  got    = {_short(got, 11)}"


def _number(value) -> str:
    return f"{value:.6g}" if isinstance(value, (float, np.floating)) else f"{value}"


def _short(value, indent: int) -> str:
    """Return a printed argument, shortened; ``indent`` is where it starts."""
    if isinstance(value, np.ndarray):
        if value.size > 60:
            return f"array of shape {value.shape}, {value.dtype}"
        with np.printoptions(precision=4, suppress=True, linewidth=76 - indent):
            text = repr(value)
        return text.replace("\n", "\n" + " " * indent)
    text = getattr(value, "__name__", None) or repr(value)
    return text if len(text) < 200 else text[:197] + "..."


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _describe_error(error: BaseException, answer) -> str:
    """Return the error and the learner's own line that raised it."""
    if isinstance(error, TimeUp):
        text = f"Your code was {error}"
    else:
        text = f"Your code raised {_one_line(error)}"
    code = getattr(answer, "__code__", None)
    trace = error.__traceback__
    line = None
    while trace is not None:
        if code is not None and trace.tb_frame.f_code.co_filename == code.co_filename:
            line = (
                trace.tb_lineno - code.co_firstlineno + 1,
                linecache.getline(code.co_filename, trace.tb_lineno).strip(),
            )
        trace = trace.tb_next
    if line is not None and line[1]:
        text += f"\n  in line {line[0]} of your function: {line[1]}"
    return text


_CUT_OFF = "fractions are cut off: rounded, or stored with an integer dtype."


def _general_cause(wanted: tuple, got: tuple) -> str | None:
    """Return a likely cause that can be read off the numbers alone."""
    for one, other in zip(wanted, got, strict=False):
        try:
            w, g = np.asarray(one, dtype=float), np.asarray(other, dtype=float)
        except (TypeError, ValueError):
            return None
        if w.shape == g.shape and np.allclose(g, w, rtol=1e-6, atol=1e-8):
            continue  # one of several results, and right
        whole = np.asarray(other).dtype.kind in "iu"
        if w.shape != g.shape:
            cause = _cause_of_shape(w, g)
        elif whole and np.array_equal(g, np.trunc(w)):
            cause = _CUT_OFF
        else:
            cause = _cause_of_values(w, g)
        if cause:
            return cause
    return None


def _cause_of_shape(w: np.ndarray, g: np.ndarray) -> str | None:
    if w.ndim == 0 and g.size != 1:
        return "one number is wanted, not an array: sum or average over all axes."
    if g.shape == w.shape[::-1] and np.allclose(g.T, w, equal_nan=True):
        return "the result is transposed: rows and columns are exchanged."
    if g.shape == w.shape[::-1]:
        return "rows and columns are exchanged."
    if _without(g.shape, 1) == _without(w.shape, 1) and g.ndim > w.ndim:
        return "one axis of length 1 too many: squeeze it, or sum without keepdims."
    if _without(g.shape, 1) == _without(w.shape, 1) and g.ndim < w.ndim:
        return "an axis of length 1 is lost: it was squeezed, or indexed away."
    if g.size == w.size:
        return "the right number of values in another shape: reshape the result."
    if g.ndim > w.ndim:
        return "an axis too many: sum, average or pick along it."
    if g.ndim < w.ndim:
        return "an axis was summed or averaged away that should stay."
    return None


def _without(shape: tuple[int, ...], size: int) -> tuple[int, ...]:
    return tuple(one for one in shape if one != size)


def _cause_of_values(w: np.ndarray, g: np.ndarray) -> str | None:
    if np.isnan(g).any() and not np.isnan(w).any():
        return "not-a-number: 0/0, inf - inf, or the root of a negative number."
    if np.isinf(g).any() and not np.isinf(w).any():
        return "infinity: exp of a large number, or a division by zero."
    wrong = ~np.isclose(g, w)
    near = max(1e-5, 1e-3 * float(np.abs(w).max(initial=0)))
    if not wrong.any() or (w.size > 1 and np.allclose(g, w, rtol=1e-3, atol=near)):
        return (
            "round-off: nearly right. Compute in float64, round nothing, and cancel "
            "less."
        )
    if np.allclose(g, -w):
        return "the sign is reversed."
    if w.ndim == 2 and w.shape[0] == w.shape[1] and np.allclose(g, w.T):
        return "the result is transposed: rows and columns are exchanged."
    if w.size < 2:
        return None
    if not g.any():
        return "every value is 0: was the result ever filled in?"
    if np.array_equal(g, np.trunc(w)) or np.array_equal(g, np.rint(w)):
        return _CUT_OFF
    return _cause_of_pattern(w, g)


def _cause_of_pattern(w: np.ndarray, g: np.ndarray) -> str | None:
    used = np.abs(w) > 1e-12
    if used.sum() > 1:
        ratio = g[used] / w[used]
        if not np.isclose(ratio[0], (0, 1)).any() and np.allclose(g, ratio[0] * w):
            return f"every value is {ratio[0]:.4g} times the wanted one."
    if np.allclose(g, np.abs(w)):
        return "the signs are lost: negative values came out positive."
    shift = g - w
    if np.allclose(shift, shift.flat[0]):
        return f"every value is off by the same {shift.flat[0]:.4g}."
    if (w >= 0).all() and np.allclose(g, np.sqrt(w)):
        return "a square root too many."
    if np.allclose(g, w**2) and not np.allclose(g, np.abs(w)):
        return "the values are squared: a square root is missing."
    return None


class TimeUp(BaseException):
    """An answer takes too long. No ``except Exception`` in it can catch this."""


@contextmanager
def _time_limit(seconds: float):
    """End an endless loop with TimeUp, where the system has such an alarm."""
    usable = (
        hasattr(signal, "setitimer")
        and threading.current_thread() is threading.main_thread()
    )
    if not usable:
        yield
        return

    def ring(*_):
        raise TimeUp(f"stopped after {seconds:g} seconds; is there an endless loop?")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
