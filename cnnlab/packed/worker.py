"""Decode images into their rows of a store: one process of several.

Started by ``pack`` as ``python -m cnnlab.packed.worker``. It reads one JSON line that
describes the job, then one a chunk of images, answers each with a line, and ends when
its input does, so that no worker outlives the process that started it.
"""

import errno
import io
import json
import os
import re
import stat
import sys
import warnings
import zipfile
from pathlib import Path

import numpy as np

from cnnlab.data import pictures
from cnnlab.data._base import is_markup

_LARGEST = 1 << 30  # bytes of one packed file in a zip archive


class Job:
    """Where the images are, what becomes of them, and where they go."""

    def __init__(self, kind, root, prefix, store, size, fit):
        self.kind, self.root, self.prefix = kind, Path(root), prefix
        self.store, self.size = Path(store), size
        self.fit = {"crop": pictures.fit, "squash": pictures.squash}[fit]
        self.archive = zipfile.ZipFile(root) if kind == "zip" else None

    def run(self, chunk: dict) -> dict:
        """Decode the files of a chunk into their rows; return those that failed."""
        row_bytes, skipped = 3 * self.size * self.size, []
        file = self.store / f"{chunk['split']}.images"
        with open(file, "r+b") as images, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's remarks on odd metadata
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
                return pictures.decode(opened, self.size, self.fit), ""
        except MemoryError:
            raise  # no fault of the picture: fewer workers may do
        except Exception as error:  # decoders trip over broken files in every way
            if isinstance(error, OSError) and error.errno is not None:
                self.require_source(error)
            return None, self.reason(file, error)

    def opened(self, file: str):
        """Return an image file, opened for reading."""
        if self.archive is not None:
            info = self.archive.getinfo(self.prefix + file)
            if info.file_size > _LARGEST:
                raise ValueError(f"{info.file_size:,} bytes are too many")
            return io.BytesIO(self.archive.read(info))
        path = self.root / file
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise ValueError("no file")  # opening a pipe would wait for ever
        return open(path, "rb")

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

    def reason(self, file: str, error: Exception) -> str:
        """Return in words why a file is no picture, the same on every machine."""
        from PIL import UnidentifiedImageError

        if isinstance(error, FileNotFoundError):
            broken = os.path.islink(self.root / file)
            return "a link that leads nowhere" if broken else "no longer there"
        if isinstance(error, PermissionError):
            return "may not be read"
        if isinstance(error, UnidentifiedImageError):
            return self.sniff(file)
        said = getattr(error, "strerror", None) or str(error) or type(error).__name__
        said = said.replace(str(self.root / file), "file")
        return " ".join(re.sub(r"<[^<>]* at 0x[^<>]*>", "file", said).split())[:200]

    def sniff(self, file: str) -> str:
        """Return what a file is that Pillow does not recognise."""
        with self.opened(file) as opened:
            start = opened.read(512)
        if not start:
            return "empty file"
        if is_markup(start):
            return "a web page, not an image"
        return "no image, or damaged in its first bytes"


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
