"""The format of a packed store, and how it is opened and checked.

A store is a folder. For every split it holds ``SPLIT.images``, the pixels as plain
bytes (N, H, W, C) without any header, ``SPLIT.labels``, N little-endian int64, and
``SPLIT.sums``, the CRC-32 of each image, N little-endian uint32; ``store.json``
describes them and is written last, so that a store without it is unfinished. Training
may add ``SPLIT.statistics``, which it can do without.

Header, labels and sums are compared with their digests whenever a store is opened. So
are the pixels of a small store; those of a larger one are compared image by image as
they are first read, so that no altered image is ever trained on.
"""

import hashlib
import json
import math
import os
import stat
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cnnlab import shapes
from cnnlab.data import DataError
from cnnlab.data import _base as base

FORMAT = "cnnlab packed images"
VERSION = 2
CHECKED_AT_ONCE = 256 << 20  # bytes of pixels: a quarter of a second
PARTS = ("images", "labels", "sums")
HEADER = "store.json"
JOURNAL = "packing.jsonl"  # there while a store is being packed
# Where there is no test split, the validation split takes its place, as with ImageNet.
STAND_INS = {"test": "val", "val": "test"}
_PACK = "python -m cnnlab.packed SOURCE"


@dataclass(frozen=True, eq=False, repr=False)
class Packed:
    """One split of a store.

    Attributes
    ----------
    images : uint8 (N, H, W, C), read from the disk where it is looked at
    labels : int64 (N,), values in [0, K)
    classes : K class names
    split, path : which part of which store
    sha256 : of the pixels, as written when they were packed
    sums : uint32 (N,), the CRC-32 of each image
    state : of the file of pixels when it was opened, see ``state_of``
    checked : bool (N,), which images have been compared with their sums
    """

    images: np.memmap
    labels: np.ndarray
    classes: tuple[str, ...]
    split: str
    path: Path
    sha256: str
    sums: np.ndarray
    state: tuple
    checked: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        height, width, channels = self.images.shape[1:]
        return (
            f"{self.path.name}/{self.split}: {len(self):,} images of {channels} x "
            f"{height} x {width}, {len(self.classes):,} classes"
        )


def open_store(store, split: str = "train") -> Packed:
    """Open one split of a store; its pixels stay on the disk.

    Parameters
    ----------
    store : folder written by ``pack``
    split : "train", "val" or "test"; of the last two either stands in for the other

    Raises
    ------
    DataError
        If the store is missing, unfinished, damaged, or of a newer version.
    ValueError
        If it has no such split.
    """
    store = base.as_path(store, "store")
    header = read_header(store)
    found = _choose(store, split, header["splits"])
    said = header["splits"][found]
    shape = (said["images"], *header["shape"])
    file = store / f"{found}.images"
    _require_size(file, math.prod(shape))
    labels = _table(store, f"{found}.labels", "<i8", said).astype(np.int64)
    sums = _table(store, f"{found}.sums", "<u4", said)
    classes = tuple(header["classes"])
    if labels.min() < 0 or labels.max() >= len(classes):
        raise damaged(store, f"{found}.labels names classes that do not exist")
    try:
        state = state_of(os.stat(file))
        images = np.memmap(file, np.uint8, "r", shape=shape)
    except (OSError, ValueError) as error:
        raise DataError(f"{store} cannot be read ({error}).") from None
    small = math.prod(shape) <= CHECKED_AT_ONCE
    if small and digest(file) != said["images_sha256"]:
        raise damaged(store, f"{file.name} was altered")
    checked = np.full(len(labels), small)
    return Packed(images, labels, classes, found, store, said["images_sha256"],
                  sums, state, checked)  # fmt: skip


def _table(store: Path, name: str, kind: str, said: dict) -> np.ndarray:
    """Return labels or sums from their file, compared with their digest."""
    file, part = store / name, name.rpartition(".")[2]
    _require_size(file, np.dtype(kind).itemsize * said["images"])
    try:
        content = base.read_regular(file)
    except OSError as error:
        raise DataError(f"{store} cannot be read ({error}).") from None
    if hashlib.sha256(content).hexdigest() != said[f"{part}_sha256"]:
        raise damaged(store, f"{name} was altered")
    return np.frombuffer(content, kind)


def state_of(status: os.stat_result) -> tuple:
    """Return what changes when a file is written to or replaced."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def size(store) -> int:
    """Return the bytes of the images, labels and sums of a store."""
    header = read_header(base.as_path(store, "store"))
    row = math.prod(header["shape"]) + 12
    return row * sum(said["images"] for said in header["splits"].values())


def splits(store) -> dict[str, int]:
    """Return the number of images of each split."""
    header = read_header(base.as_path(store, "store"))
    return {name: said["images"] for name, said in header["splits"].items()}


def verify(store, report=lambda read: None) -> dict[str, int]:
    """Compare every byte of a store with its checksums.

    Parameters
    ----------
    store : folder written by ``pack``
    report : called with the number of bytes of every block that was read

    Returns
    -------
    the number of images of each split

    Raises
    ------
    DataError
        If anything differs; it names the files.
    """
    store = base.as_path(store, "store")
    header = read_header(store)
    row, bad = math.prod(header["shape"]), []
    for name, said in header["splits"].items():
        for part, size in zip(PARTS, (row, 8, 4), strict=True):
            file = store / f"{name}.{part}"
            _require_size(file, size * said["images"])
            if digest(file, report) != said[f"{part}_sha256"]:
                bad.append(file.name)
    if bad:
        raise damaged(store, f"altered: {', '.join(bad)}")
    return splits(store)


def read_header(store: Path) -> dict:
    """Return the header of a finished store, or say what is there instead."""
    try:
        text = base.read_regular(store / HEADER)
    except FileNotFoundError:
        raise _no_store(store) from None
    except NotADirectoryError:
        raise DataError(
            f"{store} is a file; a packed store is a folder. Pack one: {_PACK} STORE"
        ) from None
    except OSError as error:
        raise DataError(f"{store} cannot be read ({error.strerror}).") from None
    try:
        header = json.loads(text)
        known = header["format"] == FORMAT
        version = header["version"]
    except (ValueError, TypeError, KeyError, RecursionError):
        known, version = False, None
    if not known:
        raise damaged(store, f"{HEADER} is not the header of a packed store")
    if version != VERSION:
        raise DataError(
            f"{store} has version {shapes.spoken(version)} of the format; this course "
            f"reads version {VERSION}. Update the course, or pack the images again."
        )
    if not _complete(header):
        raise damaged(store, f"{HEADER} is incomplete")
    if header["header_sha256"] != header_digest(header):
        raise damaged(store, f"{HEADER} was altered")
    return header


def header_digest(header: dict) -> str:
    """Return the SHA-256 of a header without the entry that holds it."""
    kept = {key: value for key, value in header.items() if key != "header_sha256"}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def digest(path: Path, report=lambda read: None) -> str:
    """Return the SHA-256 of a file; ``report`` hears the bytes of every block."""
    checksum = hashlib.sha256()
    for block in _blocks(path, 1 << 22):
        checksum.update(block)
        report(len(block))
    return checksum.hexdigest()


def digests(path: Path, row_bytes: int, report=lambda read: None):
    """Return the SHA-256 of a file, and the CRC-32 of each of its rows (N,)."""
    checksum, sums = hashlib.sha256(), []
    for block in _blocks(path, max(1, (1 << 22) // row_bytes) * row_bytes):
        checksum.update(block)
        rows = range(0, len(block), row_bytes)
        sums += [zlib.crc32(block[at : at + row_bytes]) for at in rows]
        report(len(block))
    return checksum.hexdigest(), np.array(sums, "<u4")


def _blocks(path: Path, size: int) -> Iterator[bytes]:
    try:
        with base.open_regular(path) as file:
            while block := file.read(size):
                yield block
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}).") from None


def damaged(store: Path, what: str) -> DataError:
    """Return the error for a store that is not as it was written."""
    return DataError(
        f"{store} is damaged: {what}. Delete it and pack the images again: "
        f"{_PACK} {store}"
    )


def _complete(header: dict) -> bool:
    """Return whether a header says everything that opening a store needs."""
    try:
        shape, classes = header["shape"], header["classes"]
        fine = len(shape) == 3 and all(type(side) is int for side in shape)
        fine &= min(shape) > 0 and shape[2] in (1, 3) and bool(classes)
        fine &= isinstance(classes, list) and isinstance(header["notes"], list)
        fine &= all(isinstance(name, str) for name in classes)
        fine &= bool(header["splits"]) and isinstance(header["header_sha256"], str)
        for name, said in header["splits"].items():
            fine &= type(said["images"]) is int and said["images"] > 0
            fine &= Path(name).name == name
            fine &= all(isinstance(said[f"{part}_sha256"], str) for part in PARTS)
            fine &= all(len(pair) == 2 for pair in said["skipped"])
    except (TypeError, LookupError, ValueError, AttributeError):
        return False
    return bool(fine)


def _no_store(store: Path) -> DataError:
    """Word a folder without a header."""
    if not store.exists():
        return DataError(
            f"{store} does not exist. Pack images into it: {_PACK} {store}"
        )
    if (store / JOURNAL).exists():
        return DataError(
            f"{store} is not finished: it is being packed, or packing was interrupted. "
            f"The command that began it also goes on with it: {_PACK} {store}"
        )
    return DataError(
        f"{store} is no packed store: it has no {HEADER}. Pack images into a store "
        f"first: {_PACK} STORE"
    )


def _choose(store: Path, split: str, present) -> str:
    """Return the split to open."""
    for name in (split, STAND_INS.get(split) if isinstance(split, str) else None):
        if isinstance(name, str) and name in present:
            return name
    raise ValueError(
        f"open: {store.name} has no split {shapes.spoken(split)}; it has: "
        f"{', '.join(present)}."
    )


def _require_size(file: Path, wanted: int) -> None:
    """Raise unless a file of a store has exactly its size."""
    try:
        status = os.stat(file)
    except OSError as error:
        said = f"{file.name} cannot be read ({error.strerror})"
        raise damaged(file.parent, said) from None
    if not stat.S_ISREG(status.st_mode) or status.st_size != wanted:
        raise damaged(
            file.parent, f"{file.name} has {status.st_size:,} of {wanted:,} bytes"
        )
