"""Decode images into their rows of a store: one process of several.

Started by ``pack`` as ``python -m cnnlab.packed.worker``. It reads one JSON line that
describes the job, then one a chunk of images, answers each with a line, and ends when
its input does, so that no worker outlives the process that started it.
"""

import errno
import io
import json
import os
import sys
import zipfile
import zlib
from pathlib import Path
from typing import IO

import numpy as np

from cnnlab.data import _base as base
from cnnlab.data import listing, pictures


class Job:
    """Where the images are, what becomes of them, and where they go."""

    def __init__(self, kind, root, prefix, store, size, fit, memory):
        self.root, self.store = Path(root), Path(store)
        self.size, self.memory = size, memory
        self.fit = {"crop": pictures.fit, "squash": pictures.squash}[fit]
        self.archive = zipfile.ZipFile(root) if kind == "zip" else None
        if self.archive is not None:
            self.members = listing.members(self.archive, prefix)

    def run(self, chunk: dict) -> dict:
        """Decode the files of a chunk into their rows; return those that failed."""
        row_bytes, skipped = 3 * self.size * self.size, []
        file = self.store / f"{chunk['split']}.images"
        with open(file, "r+b") as images:
            images.seek(chunk["start"] * row_bytes)
            for row, file in enumerate(chunk["files"], chunk["start"]):
                pixels, reason = self.read(file)
                if reason:
                    skipped.append([row, reason])
                    images.seek(row_bytes, os.SEEK_CUR)
                else:
                    images.write(np.ascontiguousarray(pixels).data)
            images.flush()
            os.fsync(images.fileno())
        return {"split": chunk["split"], "start": chunk["start"], "skipped": skipped}

    def read(self, file: str) -> tuple[np.ndarray | None, str]:
        """Return the pixels (size, size, 3) of a file, or why there are none."""
        try:
            with self.opened(file) as opened:
                read = pictures.decode(opened, self.size, self.fit, self.memory)
                return read, ""
        except pictures.Unreadable as fault:
            return None, str(fault)
        except OSError as error:
            self.require_source(error)
            return None, self.reason(file, error)

    def opened(self, file: str):
        """Return an image file, opened for reading."""
        if self.archive is None:
            return base.open_regular(self.root / file)
        most = int(self.memory * 1e9)
        return _inflated(self.archive, self.members[file], most)

    def require_source(self, error: OSError) -> None:
        """Raise if not one file but the whole source is out of reach, or the system."""
        if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
            raise error
        try:
            if self.archive is None:
                os.scandir(self.root).close()
            else:
                os.stat(self.root)
        except OSError as gone:
            said = f"{self.root} is out of reach: {gone.strerror}"
            raise OSError(gone.errno, said) from None

    def reason(self, file: str, error: OSError) -> str:
        """Return in words why a file cannot be read, the same on every machine."""
        if isinstance(error, FileNotFoundError):
            broken = os.path.islink(self.root / file)
            return "a link that leads nowhere" if broken else "no longer there"
        if isinstance(error, PermissionError):
            return "may not be read"
        return error.strerror or type(error).__name__


def _inflated(archive, info: zipfile.ZipInfo, most: int) -> IO[bytes]:
    """Return the content of a file in a zip archive; its stated size may be a lie."""
    content = io.BytesIO()
    try:
        with archive.open(info) as packed:
            while block := packed.read(1 << 20):
                content.write(block)
                if content.tell() > most:
                    raise pictures.Unreadable(f"more than {most:,} bytes")
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as why:
        raise pictures.Unreadable(f"damaged in the archive ({why})") from None
    content.seek(0)
    return content


def main() -> int:
    """Serve chunks until the input ends."""
    job = Job(**json.loads(sys.stdin.readline()))
    for line in sys.stdin:
        try:
            answer = job.run(json.loads(line))
        except OSError as error:
            answer = {"errno": error.errno, "said": error.strerror or str(error)}
        print(json.dumps(answer), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
