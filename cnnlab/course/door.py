"""The one door for every command line: streams that cannot end it, errors in words.

``python -m cnnlab``, ``.train`` and ``.packed`` pass through ``enter``. Behind it,
output that nobody can take any more (a closed pipe or terminal, a full disk) is dropped
and the work goes on; a terminal that lacks a character gets another one; an error is
one sentence, and ``--debug`` shows where it arose.
"""

import codecs
import contextlib
import errno
import io
import os
import sys
import warnings

# Errors whose text is written for a person; of others only a developer makes sense.
KNOWN = (ValueError, TypeError, OSError, MemoryError, ImportError)
_PLAIN = {"✓": "+", "✗": "x", "·": "-", "×": "x", "→": "->", "●": "*", "○": "o",
          "–": "-", "…": "..."}  # fmt: skip
_HANDLER = "cnnlab.plain"


def enter(
    run, name: str, argv: list[str] | None = None, *, stopped="", needs_output=True
) -> int:
    """Run a command; return its exit status: 1 after an error, 130 after Ctrl-C.

    Parameters
    ----------
    run : called with the arguments; returns the exit status
    name : of the command, before the sentence of an error
    argv : arguments; ``--debug`` among them lets errors show their traceback
    stopped : what to do after Ctrl-C, in a sentence
    needs_output : whether output that a full disk refuses makes the command fail
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in argv
    with _streams() as lost, _warnings(name, debug):
        try:
            status = run([word for word in argv if word != "--debug"])
        except KeyboardInterrupt:
            say(f"\n{name}: stopped. {stopped}".rstrip())
            return 130
        except Exception as error:
            if debug:
                raise
            say(f"{name}: {sentence(error).removeprefix(f'{name}: ')}")
            return 1
    full = [fault for fault in lost if fault.errno in (errno.ENOSPC, errno.EDQUOT)]
    if full and needs_output and status == 0:
        say(f"{name}: the output was not written ({full[0].strerror}).")
        return 1
    return status


def sentence(error: BaseException) -> str:
    """Return what an error says to a person, in one line where it has one."""
    text = str(error).strip()
    if isinstance(error, MemoryError):
        text = "there is not enough memory. Close other programs, or take less at once."
    elif isinstance(error, OSError) and error.filename is not None:
        reason = error.strerror or type(error).__name__
        text = f"{os.fsdecode(error.filename)} cannot be used ({reason})."
    elif not isinstance(error, KNOWN) or not text:
        said = text.splitlines()[0] if text else "no message"
        what = f"{type(error).__name__}: {said}"
        text = f"an error that was not foreseen ({what}). --debug shows where it arose."
    return printable(text)


def printable(text: str) -> str:
    """Return ``text`` with control characters, as in odd file names, spelled out."""
    return "".join(
        c if c.isprintable() or c in "\n\t" or "\ud800" <= c <= "\udfff"
        else c.encode("unicode_escape").decode()
        for c in text
    )  # fmt: skip


def in_one_line(path) -> str:
    r"""Return a file or folder name as one line of a table.

    Examples
    --------
    >>> print(in_one_line("two\nlines"))
    two\nlines
    """
    return printable(str(path).replace("\n", "\\n").replace("\t", "\\t"))


@contextlib.contextmanager
def _warnings(name: str, debug: bool):
    """Show a warning as its sentence, without the line of code that gave it."""
    kept = warnings.formatwarning
    if not debug:
        warnings.formatwarning = lambda text, *_, **__: (
            f"{name}: {printable(str(text))}\n"
        )
    try:
        yield
    finally:
        warnings.formatwarning = kept


def say(text: str) -> None:
    """Write a line to standard error, if anybody can read it."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        print(text, file=sys.stderr, flush=True)


# ---------------------------------------------------------------------------- streams


class _Deaf(io.FileIO):
    """A raw output that drops what cannot be written, and notes why."""

    lost: list

    def write(self, data) -> int:
        try:
            return super().write(data)
        except OSError as error:
            self.lost.append(error)
            return len(data)


@contextlib.contextmanager
def _streams():
    """Make the standard streams fit for anything; yield the list of lost writes."""
    _open_closed()
    codecs.register_error(_HANDLER, _spelled)
    kept, lost = {}, []
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        raw = getattr(stream, "buffer", None)
        raw = getattr(raw, "raw", raw)
        if type(raw) is io.FileIO:  # neither a notebook's nor a Windows console's
            stream.flush()
            kept[name] = stream
            setattr(sys, name, _deaf(stream, lost))
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=_HANDLER)
    try:
        yield lost
    finally:
        for name, stream in kept.items():
            with contextlib.suppress(OSError, ValueError):
                getattr(sys, name).flush()
            setattr(sys, name, stream)


def _deaf(stream, lost: list) -> io.TextIOWrapper:
    """Return a stream like ``stream`` to the same place, that never raises."""
    raw = _Deaf(stream.fileno(), "w", closefd=False)
    raw.lost = lost
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding=stream.encoding, errors=_HANDLER,
        line_buffering=stream.line_buffering or stream.write_through,
    )  # fmt: skip


def _open_closed() -> None:
    """Open standard streams that were closed: the next file opened would be taken."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            if os.open(os.devnull, os.O_RDWR) != number:
                continue
        if getattr(sys, name) is None:
            mode = "w" if number else "r"
            setattr(sys, name, open(number, mode, closefd=False))


def _spelled(error: UnicodeError) -> tuple[str, int]:
    """Return other characters for those that the terminal's encoding lacks."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    known = "".join(
        _PLAIN.get(c) or c.encode("ascii", "backslashreplace").decode() for c in text
    )
    return known, error.end
