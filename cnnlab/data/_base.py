"""What every data set shares: the ``Dataset`` record, helpers, and file faults."""

import contextlib
import errno
import hashlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

import numpy as np

from cnnlab import arrays, shapes
from cnnlab.course import paths


class DataError(ValueError):
    """A data set is missing, damaged or cannot be written; the text says the cure."""

    def __init__(self, text: str):
        super().__init__(printable(text))


def printable(text: str) -> str:
    """Return text in which file names cannot command the terminal, nor turn it round.

    Examples
    --------
    >>> printable("\x1b[2Jcaf\u00e9")
    '\\\\x1b[2Jcaf\u00e9'
    """
    return _COMMANDS.sub(lambda found: ascii(found[0])[1:-1], text)


# Control characters, ends of lines, and marks that turn the direction of writing.
_COMMANDS = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Labelled images with their origin.

    Attributes
    ----------
    images : uint8 array (N, C, H, W), RGB or grey
    labels : int64 array (N,), values in [0, K)
    classes : K class names
    name, split : what was asked of ``load``
    source, licence : where the images come from and how they may be used
    """

    images: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    name: str
    split: str
    source: str = field(default="")
    licence: str = field(default="")

    def __post_init__(self):
        shapes.require_axes(self.images, "N, C, H, W", "Dataset", "images")
        shapes.require_labels(self.labels, len(self.classes), "Dataset", "labels")
        shapes.require_same("Dataset", images=len(self.images), labels=len(self.labels))

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        size = " x ".join(map(str, self.images.shape[1:]))
        return (
            f"{self.name}/{self.split}: {len(self)} images of {size}, "
            f"{len(self.classes)} classes"
        )

    def take(self, indices) -> "Dataset":
        """Return the data set of these rows, in this order.

        Parameters
        ----------
        indices : integers, a slice, or a mask of N booleans

        Examples
        --------
        >>> from cnnlab import data
        >>> data.load("digits").take(range(5))
        digits/train: 5 images of 1 x 8 x 8, 10 classes
        """
        rows = indices if isinstance(indices, slice) else _rows(indices, len(self))
        return replace(self, images=self.images[rows], labels=self.labels[rows])

    def hold_out(
        self, fraction: float = 0.2, seed: int = 0
    ) -> tuple["Dataset", "Dataset"]:
        """Return (the rest, the held-out part "val"), cut class by class.

        Choices are made on the held-out part, so that the test set stays untouched.

        Parameters
        ----------
        fraction : share of every class that is held out, from 0 to 1
        seed : of the shuffle; the same seed gives the same parts

        Examples
        --------
        >>> from cnnlab import data
        >>> [len(part) for part in data.load("digits").hold_out(0.2)]
        [1151, 287]
        """
        held = stratified(self.labels, fraction, seed, "hold_out", "fraction")
        return self.take(~held), replace(self.take(held), split="val")


def _rows(indices, n: int) -> np.ndarray:
    """Return indices of ``n`` rows, or a mask of them, as an array, or raise."""
    rows = arrays.as_array(indices, "take", "indices")
    if rows.ndim == 1 and rows.size == 0:
        return np.zeros(0, np.int64)
    if rows.ndim != 1 or rows.dtype.kind not in "iub":
        raise TypeError(
            "take: indices needs one axis of integers or booleans; got "
            f"{rows.dtype} of shape {rows.shape}."
        )
    if rows.dtype == bool and len(rows) != n:
        raise ValueError(
            f"take: a mask needs one boolean for each of {n} images; got {len(rows)}."
        )
    if rows.dtype != bool and not (-n <= rows.min() and rows.max() < n):
        raise ValueError(
            f"take: indices must lie from 0 to {n - 1}; got values from {rows.min()} "
            f"to {rows.max()}."
        )
    return rows


def flatten(images: np.ndarray) -> np.ndarray:
    """Return images (N, C, H, W) as rows (N, C*H*W) of the same dtype."""
    hint = "Add a batch axis: images[None]."
    images = arrays.as_array(images, "flatten", "images")
    shapes.require_axes(images, "N, C, H, W", "flatten", "images", hint)
    return images.reshape(len(images), int(np.prod(images.shape[1:])))


def split_indices(
    n: int, fractions: Sequence[float] = (0.8, 0.2), seed: int = 0
) -> tuple[np.ndarray, ...]:
    """Shuffle ``range(n)`` and cut it into disjoint parts.

    Parameters
    ----------
    n : number of examples
    fractions : share of each part, each >= 0, together at most 1
    seed : of the shuffle

    Returns
    -------
    one int64 array a fraction; together all of ``range(n)`` if the shares sum to 1

    Examples
    --------
    >>> [part.tolist() for part in split_indices(5, (0.6, 0.4), seed=0)]
    [[2, 4, 3], [0, 1]]
    """
    n = shapes.require_int(n, 0, "split_indices", "n")
    seed = shapes.require_seed(seed, "split_indices")
    shares = arrays.as_array(fractions, "split_indices", "fractions")
    if shares.dtype.kind not in "biuf":
        shapes.require_numbers(shares, "split_indices", "fractions")
    shares = shares.astype(np.float64)
    if shares.ndim != 1 or not (shares >= 0).all() or shares.sum() > 1 + 1e-9:
        raise ValueError(
            "split_indices: fractions must be shares of at least 0 that sum to at "
            f"most 1, such as (0.8, 0.2); got {shapes.spoken(fractions)}."
        )
    order = np.random.default_rng(seed).permutation(n)
    cuts = np.rint(np.cumsum(shares) * n).astype(int)
    return tuple(np.split(order, cuts)[: len(shares)])


def batches(n: int, batch_size: int, seed: int | None = None) -> Iterator[np.ndarray]:
    """Yield int64 index arrays that visit ``range(n)`` once, ``batch_size`` at a time.

    The last one is shorter if ``batch_size`` does not divide n. ``seed=None`` keeps
    the order; an integer shuffles.

    Examples
    --------
    >>> [rows.tolist() for rows in batches(5, 2)]
    [[0, 1], [2, 3], [4]]
    """
    n = shapes.require_int(n, 0, "batches", "n")
    size = shapes.require_int(batch_size, 1, "batches", "batch_size")
    order = np.arange(n)
    if seed is not None:
        seed = shapes.require_seed(seed, "batches")
        order = np.random.default_rng(seed).permutation(n)
    return (order[start : start + size] for start in range(0, n, size))


def stratified(
    labels: np.ndarray,
    fraction: float,
    seed: int,
    where: str = "load",
    name: str = "test_fraction",
) -> np.ndarray:
    """Return a mask (N,) that picks about ``fraction`` of every class."""
    seed = shapes.require_seed(seed, where)
    if shapes.require_number(fraction, 0, where, name) > 1:
        raise ValueError(
            f"{where}: {name} must be from 0 to 1; got {shapes.spoken(fraction)}."
        )
    rng = np.random.default_rng(seed)
    picked = np.zeros(len(labels), dtype=bool)
    # The rows of each class, without a look at all of them for each class.
    order, starts = (
        np.argsort(labels, kind="stable"),
        np.unique(np.sort(labels), return_index=True)[1],
    )
    for rows in np.split(order, starts[1:]):
        rows = rng.permutation(rows)
        picked[rows[: round(fraction * len(rows))]] = True
    return picked


def require_split(name: str, split: str, allowed: Sequence[str]) -> None:
    """Raise unless the data set has this split."""
    if not isinstance(split, str) or split not in allowed:
        raise ValueError(
            f"load: {name} has no split {shapes.spoken(split)}; it has: "
            f"{', '.join(allowed)}."
        )


def search_roots(root) -> list[Path]:
    """Return the folders to search: ``root`` alone, or all data roots."""
    return paths.data_roots() if root is None else [as_path(root, "root")]


def places(root) -> str:
    """Return the searched folders in words, for messages."""
    found = ", ".join(map(str, search_roots(root)))
    return found or "any data folder (CNNLAB_DATA=none hides them)"


def open_regular(path) -> IO[bytes]:
    """Open a file for reading; an OSError for what is none.

    Opening a pipe would wait for ever, and a device may never end.
    """
    flags = os.O_RDONLY | sum(getattr(os, f"O_{f}", 0) for f in ("NONBLOCK", "BINARY"))
    handle = os.open(path, flags)
    try:
        mode = os.fstat(handle).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "no file, but a pipe or a device", str(path))
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_regular(path) -> bytes:
    """Return the content of a file; an OSError for what is none."""
    with open_regular(path) as file:
        return file.read()


def as_path(place, name: str) -> Path:
    """Return ``place`` as a path, ``~`` expanded, or say what came instead."""
    try:
        text = os.fspath(place)
    except TypeError:
        text = None
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        raise TypeError(
            f"data: {name} must name a place on the disk; got {shapes.spoken(place)}. "
            'Write it as text: "folder/file".'
        )
    return Path(os.path.expanduser(text))


def require_name(name, where: str) -> None:
    """Raise unless ``name`` can be the name of a data set: one part of a path."""
    plain = isinstance(name, str) and name and Path(name).name == name
    if not plain or name.startswith((".", "~")) or "\0" in name or len(name) > 200:
        raise ValueError(
            f"{where}: name must be the name of a data set; got {shapes.spoken(name)}. "
            'For a folder anywhere: load("folder", root=PATH).'
        )


def writable_root(root=None) -> Path:
    """Return the first folder of ``search_roots`` that takes a new file."""
    for folder in search_roots(root):
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return folder
    raise DataError(
        f"Nothing can be written to {places(root)}. "
        "Name one that can: CNNLAB_DATA=FOLDER python -m cnnlab data ..."
    )


def digest(path: Path, algorithm: str) -> str:
    """Return the checksum of a file as hexadecimal digits."""
    with open_regular(path) as file:
        checksum = hashlib.new(algorithm, usedforsecurity=False)
        while block := file.read(1 << 20):
            checksum.update(block)
    return checksum.hexdigest()


def is_markup(start: bytes) -> bool:
    """Say whether the first bytes of a file are those of a web page or of XML.

    A tag alone is not enough: damaged or random bytes begin with ``<`` now and then.
    """
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    control = set(range(32)) - set(b"\t\n\f\r\x1b")
    return bool(re.match(rb"<[!?a-zA-Z]", text)) and control.isdisjoint(text)


def disk_fault(error: OSError, path: Path, command: str) -> DataError:
    """Word a failed write."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        said = f"The disk that holds {path.parent} is full"
    elif error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        said = f"{path.parent} cannot be written"
    else:
        said = f"Writing {path} failed ({error.strerror or error})"
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    cure = "Free some space or name another folder" if full else "Name another folder"
    return DataError(
        f"{said}; nothing that was there before is lost. {cure}, and run again: "
        f"CNNLAB_DATA=FOLDER {command}"
    )


def require_space(folder: Path, needed: int, command: str) -> None:
    """Raise unless the disk of ``folder`` has ``needed`` bytes and a reserve free."""
    free, needed = shutil.disk_usage(folder).free, needed + (16 << 20)
    if free < needed:
        raise DataError(
            f"{folder} has {free / 1e6:,.0f} MB free, but {needed / 1e6:,.0f} MB are "
            "needed; nothing was written. Free some space or name another folder: "
            f"CNNLAB_DATA=FOLDER {command}"
        )


@contextlib.contextmanager
def atomic_file(path: Path):
    """Open a temporary file that takes the name ``path`` only when it is complete."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def _umask() -> int:
    """Return the file mode mask; reading it needs setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
