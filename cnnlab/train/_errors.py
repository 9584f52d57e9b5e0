"""The one error of training: a clear sentence, and nothing that was saved is lost."""

import errno
from pathlib import Path


class TrainError(ValueError):
    """Training cannot start or go on; the text says why and what mends it."""


class DiskFull(TrainError):
    """Nothing more fits on the disk: giving something up may help."""


def read_fault(error: OSError, path: Path) -> TrainError:
    """Word a failed read of ``path``."""
    return TrainError(f"{path} cannot be read ({error.strerror or error}).")


def write_fault(error: OSError, path: Path) -> TrainError:
    """Word a failed write of ``path``.

    The disk is full, a quota or a size limit is reached, or the folder is read-only.
    """
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    if full:
        said, cure = f"the disk that holds {path.parent} is full", "Free some space"
    elif error.errno == errno.EFBIG:
        said, cure = f"{path.name} exceeds the file size limit", "Raise it (ulimit -f)"
    elif error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        said, cure = f"{path.parent} cannot be written", "Name another folder"
    elif error.errno in (errno.ENOTDIR, errno.EEXIST):
        said, cure = f"{path.parent} is a file, not a folder", "Name another folder"
    elif not error.errno:  # files.NotAFile
        said, cure = error.strerror, f"Delete {path}, or name another folder"
    else:
        said, cure = f"the write failed ({error.strerror or error})", "Check the disk"
    return (DiskFull if full else TrainError)(
        f"{path.name} was not written: {said}. What was saved before is untouched. "
        f"{cure}."
    )
