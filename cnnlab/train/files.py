"""Files of a run: regular ones only, and written whole or not at all."""

import contextlib
import hashlib
import os
import stat
from pathlib import Path

from cnnlab.course.paths import expanded
from cnnlab.train._errors import TrainError, write_fault

_KINDS = {
    stat.S_IFIFO: "a named pipe", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket", stat.S_IFDIR: "a folder",
}  # fmt: skip


class NotAFile(OSError):
    """Something else has the name of a file: reading it could wait for ever."""

    def __init__(self, path, mode: int):
        kind = _KINDS.get(stat.S_IFMT(mode), "a special file")
        super().__init__(0, f"it is {kind}, not a file", os.fspath(path))


def place(path) -> Path:
    """Return the folder a person names, ``~`` and ``~user`` spelled out."""
    try:
        return expanded(path)
    except ValueError as error:
        raise TrainError(f"train: {error}") from None


def regular(path, flags: int) -> int:
    """Open a regular file for ``open(..., opener=regular)``, without waiting."""
    try:
        # Without O_NONBLOCK, opening a named pipe waits for its other end.
        handle = os.open(path, flags | getattr(os, "O_NONBLOCK", 0), 0o666)
    except OSError:
        _require_regular(path)  # a pipe or socket refuses in its own way
        raise
    try:
        _require_regular(path, handle)
    except OSError:
        os.close(handle)
        raise
    return handle


def _require_regular(path, handle: int | None = None) -> None:
    """Raise NotAFile for anything but a file, or a name that is free."""
    try:
        mode = os.stat(path if handle is None else handle).st_mode
    except OSError:
        return
    if not stat.S_ISREG(mode):
        raise NotAFile(path, mode)


def read(path: Path) -> bytes:
    """Return the bytes of a regular file."""
    with open(path, "rb", opener=regular) as file:
        return file.read()


class Recorder:
    """A binary file that knows its SHA-256, and why a write failed.

    ``torch.save`` replaces a full disk's error by "unexpected pos 64 vs 0".
    """

    def __init__(self):
        self.file = self.fault = None
        self.digest = hashlib.sha256()

    def write(self, data):
        self.digest.update(data)
        try:
            return self.file.write(data)
        except OSError as error:
            self.fault = error
            raise

    def flush(self):
        self.file.flush()


@contextlib.contextmanager
def whole(path: Path):
    """Open a file that takes the name ``path`` only when it is complete and on disk.

    Raises
    ------
    TrainError
        If it cannot be written; what had the name before is untouched.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    recorder = Recorder()
    try:
        remove_partial(path.parent, path.name)
        with open(partial, "xb") as recorder.file:  # x: it follows no link
            yield recorder
            recorder.file.flush()
            os.fsync(recorder.file.fileno())
        os.replace(partial, path)
        _sync_folder(path.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        fault = recorder.fault or error
        if isinstance(fault, OSError):
            raise write_fault(fault, path) from None
        raise


def remove_partial(folder: Path, name: str) -> None:
    """Remove what killed processes left of files called ``name``, a pattern."""
    for stale in folder.glob(f".{name}.*.partial"):
        with contextlib.suppress(OSError):
            stale.unlink()


def _sync_folder(folder: Path) -> None:
    """Bring the new name itself to the disk, where the system can."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
