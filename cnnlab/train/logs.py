"""The log of a run: one JSON line an epoch, one an interval, and a progress bar.

``log.jsonl`` and ``intervals.jsonl`` are appended line by line, so that a killed run
loses at most the line it was writing. Every line has ``step``.
"""

import contextlib
import json
import math
import os
import sys
import warnings
from pathlib import Path

from cnnlab import shapes
from cnnlab.train import files
from cnnlab.train._errors import TrainError, read_fault, write_fault

EPOCHS, INTERVALS = "log.jsonl", "intervals.jsonl"


class Log:
    """Append lines to the two logs of ``folder``.

    Parameters
    ----------
    resume_step : global step a run goes on from: later lines, of work that was lost,
        are removed, and a line that was cut off. None starts both logs anew.

    Notes
    -----
    A disk that is full does not end training: it warns once, keeps the lines in
    memory, and writes them when there is space again. Only a checkpoint that cannot
    be written is an error.
    """

    def __init__(self, folder, resume_step: int | None = None):
        self.folder = Path(folder)
        self._waiting = {EPOCHS: [], INTERVALS: []}
        self._warned = False
        if resume_step is not None:
            shapes.require_int(resume_step, 0, "Log", "resume_step")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for name in self._waiting:
                _cut(self.folder / name, resume_step)
        except OSError as error:
            raise write_fault(error, self.folder / EPOCHS) from None

    def epoch(self, row: dict) -> None:
        """Append one epoch's numbers; ``row`` needs ``step``."""
        self._append(EPOCHS, row)

    def forget(self, step: int) -> None:
        """Remove the epoch's line of this step: another one will take its place."""
        with contextlib.suppress(OSError, TrainError):  # two lines do no harm
            _cut(self.folder / EPOCHS, step - 1)

    def interval(self, row: dict) -> None:
        """Append one interval's numbers; ``row`` needs ``step``."""
        self._append(INTERVALS, row)

    def _append(self, name: str, row: dict) -> None:
        waiting = self._waiting[name]
        waiting.append(_line(row))
        try:
            _append_whole(self.folder / name, b"".join(waiting), sync=name == EPOCHS)
            waiting.clear()
        except OSError as error:
            if not self._warned:
                self._warned = True
                warnings.warn(
                    f"{self.folder / name} cannot be written "
                    f"({error.strerror or error}). Training goes on; its lines are "
                    "kept in memory and written when that is possible.",
                    stacklevel=3,
                )


def read(folder) -> tuple[list[dict], list[dict]]:
    """Return the lines of both logs, (epochs, intervals); a cut-off line is left out.

    Raises
    ------
    TrainError
        If the folder holds no log.
    """
    files = [Path(folder) / name for name in (EPOCHS, INTERVALS)]
    if not any(path.is_file() for path in files):
        raise TrainError(
            f"{folder} holds no log of a run ({EPOCHS}). Name the folder that was "
            "given to --out."
        )
    epochs, intervals = (_rows(path) for path in files)
    return epochs, intervals


# ------------------------------------------------------------------------------ lines


def _line(row: dict) -> bytes:
    """Return ``row`` as one line of JSON; a number that is not finite becomes null."""
    if not isinstance(row, dict) or "step" not in row:
        raise ValueError(f"Log: a line needs a step; got {shapes.spoken(row)}.")
    row = {name: _plain(value) for name, value in row.items()}
    for name, value in row.items():
        if not _is_plain(value):
            raise ValueError(
                f"Log: {name} must be a number or text; got {shapes.spoken(value)}."
            )
    return (json.dumps(row, allow_nan=False) + "\n").encode()


def _plain(value):
    """Return numbers of NumPy and PyTorch as Python's, NaN and infinity as None."""
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _append_whole(path: Path, lines: bytes, sync: bool) -> None:
    """Append all of ``lines``, or leave the file as it was."""
    with open(path, "ab", buffering=0, opener=files.regular) as file:
        size = os.fstat(file.fileno()).st_size
        try:
            left = memoryview(lines)
            while left:
                left = left[file.write(left) :]
            if sync:
                os.fsync(file.fileno())
        except OSError:
            with contextlib.suppress(OSError):
                file.truncate(size)
            raise


def _rows(path: Path) -> list[dict]:
    """Return the readable lines of one log."""
    try:
        lines = files.read(path).split(b"\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise read_fault(error, path) from None
    return [row for line in lines if (row := _parsed(line)) is not None]


def _parsed(line: bytes) -> dict | None:
    """Return a line as a dict with a step, or None for one that is cut off or odd."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    whole = isinstance(row, dict) and type(row.get("step")) is int
    return row if whole and all(map(_is_plain, row.values())) else None


def _is_plain(value) -> bool:
    """Whether a value is a finite number, a word or None: what a log's line holds."""
    if not isinstance(value, (str, int, float, type(None))):
        return False
    try:
        return not isinstance(value, (int, float)) or math.isfinite(value)
    except OverflowError:  # a number of hundreds of digits
        return False


def _cut(path: Path, last_step: int | None) -> None:
    """Remove lines after ``last_step`` and damaged ones, all or nothing."""
    try:
        old = files.read(path)
    except FileNotFoundError:
        return
    rows = [] if last_step is None else _rows(path)
    new = b"".join(_line(row) for row in rows if row["step"] <= last_step)
    if new != old:
        with files.whole(path) as file:
            file.write(new)


# --------------------------------------------------------------------------- progress


class Progress:
    """A bar in a terminal or a notebook, plain lines elsewhere, or nothing.

    Parameters
    ----------
    total : steps of the whole run
    initial : steps already done before a resume
    unit : what is counted
    silent : show nothing
    """

    def __init__(
        self, total: int, initial: int = 0, unit: str = "step", silent: bool = False
    ):
        self.total, self.done, self.unit = total, initial, unit
        self.silent = silent
        self.bar = None
        if not silent and _interactive():
            from tqdm.auto import tqdm

            self.bar = tqdm(
                total=total, initial=initial, unit=f" {unit}s", dynamic_ncols=True
            )

    def advance(self, count: int = 1) -> None:
        """Count ``count`` more steps."""
        self.done += count
        if self.bar is not None:
            self.bar.update(count)

    def report(self, numbers: dict) -> None:
        """Show an interval's numbers: beside the bar, or as one plain line."""
        shown = {name: _short(value) for name, value in numbers.items()}
        if self.bar is not None:
            self.bar.set_postfix(shown)
            return
        share = f"{100 * self.done / self.total:.0f} %" if self.total else ""
        parts = [f"{name} {text}" for name, text in shown.items()]
        self.say("  ".join((f"{self.unit} {self.done}/{self.total} {share}", *parts)))

    def say(self, text: str) -> None:
        """Show one line above the bar, or plainly."""
        if self.silent:
            return
        if self.bar is not None:
            self.bar.write(text)
            return
        try:
            print(text, flush=True)
        except OSError:  # the terminal was closed, or the pipe: training goes on
            self.silent = True

    def close(self) -> None:
        """Leave the bar as it is."""
        if self.bar is not None:
            self.bar.close()

    def __enter__(self):
        return self

    def __exit__(self, *fault):
        self.close()


def _interactive() -> bool:
    """Whether a bar can be redrawn: a terminal, or a notebook."""
    if "ipykernel" in sys.modules:
        from IPython import get_ipython

        shell = get_ipython()
        if shell is not None and hasattr(shell, "kernel"):
            return True
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):  # no or a closed stream
        return False


def _short(value) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)
