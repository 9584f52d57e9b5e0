"""How far packing is: a bar on a terminal or in a notebook, else a line at times."""

import contextlib
import sys
import time

_EVERY = 10.0  # seconds between plain lines


@contextlib.contextmanager
def bar(what: str, total: int, done: int, unit: str, show: bool):
    """Yield a function that is called with the number that came to be done."""
    if not show or done >= total or sys.stderr is None:  # nobody looks
        yield lambda n: None
    elif sys.stderr.isatty() or _in_notebook():
        from tqdm.auto import tqdm

        scale = unit == "B"
        with tqdm(
            desc=what, total=total, initial=done, unit=unit if scale else f" {unit}",
            unit_scale=scale, dynamic_ncols=True,
        ) as shown:  # fmt: skip
            yield shown.update
    else:
        yield _lines(what, total, done, unit)


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return getattr(shell, "kernel", None) is not None


def _lines(what: str, total: int, done: int, unit: str):
    """Return a function that prints a line every few seconds, and one at the end."""
    begun = said = time.monotonic()
    came = 0

    def update(n: int) -> None:
        nonlocal came, said
        came += n
        now = time.monotonic()
        if now - said < _EVERY and done + came < total:
            return
        said, rate = now, came / max(now - begun, 1e-9)
        left = (total - done - came) / max(rate, 1e-9)
        wait = f"{left / 60:,.0f} min" if left >= 90 else f"{left:,.0f} s"
        scale, word = (1e6, "MB") if unit == "B" else (1, unit)
        print(
            f"{what}: {(done + came) / scale:,.0f} of {total / scale:,.0f} {word} "
            f"({(done + came) / total:.0%}), {rate / scale:,.0f} {word}/s, {wait} left",
            file=sys.stderr, flush=True,
        )  # fmt: skip

    return update
