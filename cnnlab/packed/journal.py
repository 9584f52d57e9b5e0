"""The journal of a store that is being packed: one JSON line for each finished step."""

import contextlib
import json
import os
import time
from pathlib import Path

from cnnlab.data import DataError

try:
    import fcntl
except ImportError:  # Windows: two packers of one store are not told apart
    fcntl = None

# Seconds to wait for the lock: workers of a killed process first end their chunk.
_PATIENCE = 10.0


def _above_streams(file):
    """Return a file whose number is none of the standard streams'.

    Where those are closed, the next files get their numbers, and a worker that inherits
    the lock would take it for its input.
    """
    if fcntl is None or file.fileno() > 2:
        return file
    with file:
        return open(fcntl.fcntl(file.fileno(), fcntl.F_DUPFD_CLOEXEC, 3), "a+b")


class Journal:
    """What of a store is finished.

    Attributes
    ----------
    done : (split, first row) of the chunks that are written
    skipped : split -> {row: reason} of images that did not decode
    moved : splits whose gaps are filled
    """

    def __init__(self, path: Path, fingerprint: str):
        self.path, self.fingerprint = path, fingerprint
        self.done: set[tuple[str, int]] = set()
        self.skipped: dict[str, dict[int, str]] = {}
        self.moved: set[str] = set()

    def __enter__(self) -> "Journal":
        self.file = _above_streams(open(self.path, "a+b"))
        try:
            self._lock()
            self._replay()
        except BaseException:
            self.file.close()
            raise
        return self

    def __exit__(self, *exc) -> None:
        self.file.close()

    def write(self, line: dict) -> None:
        """Append one finished step."""
        self._note(line)
        self.file.write(json.dumps(line).encode() + b"\n")
        self.file.flush()
        os.fsync(self.file.fileno())

    def _lock(self) -> None:
        """Keep a second packer out; the lock goes with the process."""
        end = time.monotonic() + _PATIENCE
        while fcntl is not None:
            try:
                fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > end:
                    raise DataError(
                        f"{self.path.parent} is being packed by another process; wait "
                        "for it."
                    ) from None
                time.sleep(0.05)
            except OSError:  # a file system without locks
                return

    def _replay(self) -> None:
        """Read what is finished; cut off a line that was not written to its end."""
        self.file.seek(0)
        whole, lines = 0, []
        for line in self.file:
            if not line.endswith(b"\n"):
                break
            with contextlib.suppress(ValueError):
                lines.append(json.loads(line))
                whole += len(line)
                continue
            break
        self.file.truncate(whole)
        if not lines:
            self.write({"fingerprint": self.fingerprint})
        elif lines[0] != {"fingerprint": self.fingerprint}:
            raise DataError(
                f"{self.path.parent} is an unfinished store of other images or other "
                "options. Repeat the command that began it, name a new folder, or "
                "delete that one."
            )
        for line in lines[1:]:
            self._note(line)

    def _note(self, line: dict) -> None:
        if "start" in line:
            self.done.add((line["split"], line["start"]))
            self.skipped.setdefault(line["split"], {}).update(
                map(tuple, line["skipped"])
            )
        elif "moved" in line:
            self.moved.add(line["moved"])
