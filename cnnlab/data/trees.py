"""Trees of image files, one folder a class: found by name, decoded once, cached."""

import contextlib
import hashlib
import json
import os
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cnnlab import shapes
from cnnlab.data import _base, listing, pictures
from cnnlab.data._base import DataError, Dataset

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
# Where there is no test folder, the validation folder takes its place, as is the custom
# with ImageNet.
_STAND_INS = {"test": "val"}
# Folders of the benchmarks' own formats, which are no trees.
_OTHER = frozenset({"MNIST", "FashionMNIST", "cifar-10-batches-py"})

# Written by ``unpack``: size and CRC-32 of every file, so that a loss is noticed.
MANIFEST = ".cnnlab-files.json"


def load(
    tree: Path,
    split: str,
    *,
    size: int | None = None,
    per_class: int | None = None,
    unreadable: str = "raise",
    test_fraction: float = 0.2,
    seed: int = 0,
    memory: float = pictures.MEMORY,
    cache: bool = True,
) -> Dataset:
    """Decode a tree ``tree/class/image`` or ``tree/split/class/image``.

    Parameters
    ----------
    split : a folder of the tree; where it has none, "all", or "train" and "test"
        cut from every class by ``test_fraction`` and ``seed``
    size : side in pixels; the short side is resized to it and the centre cut out.
        None keeps the pixels as they are, so all images must be of one size
    per_class : take only the first so many files of each class
    unreadable : "raise", or "skip" to leave out files that do not decode
    memory : the most, in GB, that decoding one picture may take
    cache : keep the decoded images beside the tree (about N * 3 * H * W bytes)
    """
    shapes.require_choice(unreadable, ("raise", "skip"), "load", "unreadable")
    shapes.require_number(memory, 0, "load", "memory")
    laid_out = layout(tree)
    found = _choose_split(tree, split, laid_out)
    folder = tree / laid_out.folders[found]
    files, labels, stamp = _labelled(tree, laid_out, found, per_class)
    if not files:
        raise DataError(f"{folder} holds no images in its class folders.")
    for note in laid_out.notes:
        warnings.warn(f"{tree}: {note}", stacklevel=4)
    key = f"{stamp}-{size}-{memory:g}"
    store = f"{tree.name}-{folder.name}-{size or 'as-is'}-{per_class or 'all'}.npz"
    stored = _read_cache(tree, store, key) if cache else None
    if stored is None:
        _require_listed(tree, folder)
        stored = _decode(folder, files, labels, unreadable, size, memory)
        if cache and len(stored[1]) == len(files):  # else: warn again next time
            _write_cache(tree, store, key, *stored)
    images, labels = stored
    if not found:  # no split folders: cut one out
        picked = _base.stratified(labels, test_fraction, seed)
        rows = {"all": picked | True, "train": ~picked, "test": picked}[split]
        images, labels, found = images[rows], labels[rows], split
    return Dataset(
        images, labels, _spoken(tree, laid_out.classes), tree.name, found,
        source=f"image files in {tree.name}/", licence="that of the files",
    )  # fmt: skip


def find(name: str, root=None) -> Path:
    """Return the folder of the tree ``name`` under the data roots, or raise."""
    _base.require_name(name, "load")
    roots = _base.search_roots(root)
    for folder in roots:
        if is_tree(folder / name):
            return folder / name
    for folder in roots:
        if name not in _OTHER and os.path.isdir(folder / name):
            raise DataError(
                f"{folder / name} is there, but holds no images in class folders, or "
                f"may not be read; expected {name}/CLASS/image.jpg or "
                f"{name}/train/CLASS/image.jpg."
            )
    raise DataError(_missing(name, root))


def found(root=None) -> dict[str, Path]:
    """Return every tree under the data roots by name, the first of a name."""
    trees: dict[str, Path] = {}
    for folder in _base.search_roots(root):
        for tree in sorted(_folders(folder).values()):
            if tree.name not in _OTHER and tree.name not in trees and is_tree(tree):
                trees[tree.name] = tree
    return trees


class Layout(NamedTuple):
    """The pictures of a tree by split and class; the split "" where none are laid out.

    ``folders``: where each split lies; ``notes``: what was left out, in sentences.
    """

    splits: dict[str, dict[str, list[str]]]
    folders: dict[str, str]
    classes: list[str]
    files: dict[str, str]
    notes: list[str]


def layout(tree: Path) -> Layout:
    """Return the splits and classes of a tree, without decoding anything."""
    found = listing.of(tree)
    for name in found.left_out.pop(listing.UNREAD, ()):
        raise DataError(
            f"{tree / name} cannot be read{_why(tree / name)}. Allow it, or move the "
            "folder away."
        )
    folders = listing.split_folders(found)[0] or {"": ""}
    own = {split: listing.by_class(found, folder) for split, folder in folders.items()}
    splits, twins = listing.joined(own)
    for why in (listing.SYSTEM, listing.HIDDEN):  # no one misses these
        found.left_out.pop(why, None)
    notes = [*listing.notes(found), *listing.no_classes(found, own), *twins]
    classes = sorted({name for kinds in splits.values() for name in kinds})
    return Layout(splits, folders, classes, found.files, [*map(_base.printable, notes)])


def _why(folder: Path) -> str:
    """Return in brackets why a folder cannot be read."""
    try:
        os.scandir(folder).close()
    except OSError as error:
        return f" ({error.strerror})"
    return ""


def is_tree(folder: Path) -> bool:
    """Return whether ``folder`` has class folders with at least one image."""
    return listing.is_tree(folder)


def splits(tree: Path) -> tuple[str, ...]:
    """Return the splits that ``load`` takes for this tree."""
    return tuple(filter(None, layout(tree).splits)) or ("all", "train", "test")


def manifest(tree: Path) -> dict[str, tuple[int, int]]:
    """Return size and CRC-32 by path as unpacked; empty if that is not known."""
    try:
        listed = json.loads(_base.read_regular(tree / MANIFEST))
        return {
            path: (int(size), int(crc))
            for path, (size, crc) in listed.items()
            if ".." not in Path(path).parts and not Path(path).is_absolute()
        }
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}  # garbled: nothing is known


def _require_listed(tree: Path, folder: Path) -> None:
    """Raise if files that were unpacked into ``folder`` are gone or differ in size."""
    start = "" if folder == tree else f"{folder.name}/"
    listed = {p: s for p, (s, _) in manifest(tree).items() if p.startswith(start)}
    bad = [path for path, size in listed.items() if _size(tree / path) != size]
    if bad:
        some = ", ".join(bad[:3]) + (", ..." if len(bad) > 3 else "")
        raise DataError(
            f"{tree}: {len(bad):,} of {len(listed):,} files are missing or differ from "
            f"the archive: {some}. Move the folder away and unpack again: python -m "
            f"cnnlab data unpack {archive_of(tree.name) or 'ARCHIVE'}"
        )


def _size(path: Path) -> int | None:
    """Return the size of a file in bytes, None where there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return None


def archive_of(name: str, root=None) -> Path | None:
    """Return an archive called ``name`` that lies in a data root."""
    for folder in _base.search_roots(root):
        for suffix in ARCHIVES:
            if (folder / f"{name}{suffix}").is_file():
                return folder / f"{name}{suffix}"
    return None


def _missing(name: str, root) -> str:
    """Word a tree that is in none of the roots."""
    archive = archive_of(name, root)
    places = _base.places(root)
    packed = archive or f"PATH/{name}.zip"
    return (
        f"No data set {name!r} in {places}. If you have its archive, unpack it: "
        f"python -m cnnlab data unpack {packed}"
    )


def _folders(folder: Path) -> dict[str, Path]:
    """Return the visible subfolders by name; none where it cannot be read."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        return {
            entry.name: Path(entry.path)
            for entry in entries
            if listing.visible(entry.name) and entry.is_dir()
        }
    return {}


def _choose_split(tree: Path, split: str, laid_out: Layout) -> str:
    """Return the split to read, "" where none are laid out."""
    present = laid_out.splits
    if "" in present:
        _base.require_split(tree.name, split, ("all", "train", "test"))
        return ""
    name = listing.split_of(split) if isinstance(split, str) else None
    for chosen in (name, _STAND_INS.get(name)):
        if chosen in present:
            return chosen
    raise ValueError(
        f"load: {tree.name} has no split {shapes.spoken(split)}; it has: "
        f"{', '.join(present)}."
    )


def class_names(tree: Path) -> list[str]:
    """Return the class folders of all splits; for a list, without a walk to the end."""
    parts = [part for name, part in _folders(tree).items() if listing.split_of(name)]
    parts = [part for part in parts if _folders(part)] or [tree]
    return sorted({name for part in parts for name in _folders(part)})


def _spoken(tree: Path, classes: list[str]) -> tuple[str, ...]:
    """Translate folder names by ``words.txt`` (ImageNet: number, tab, names)."""
    try:
        text = _base.read_regular(tree / "words.txt")
        lines = text.decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return tuple(classes)
    words = dict(line.split("\t", 1) for line in lines if "\t" in line)
    names = [words.get(name, name).split(",")[0].strip() for name in classes]
    return tuple(names if len(set(names)) == len(names) else classes)


def _labelled(tree: Path, laid_out: Layout, split: str, per_class: int | None):
    """Return file paths, labels, and a stamp that changes when any file does."""
    if per_class is not None:
        shapes.require_int(per_class, 1, "load", "per_class")
    files, labels, stamp = [], [], hashlib.blake2b(digest_size=16)
    for label, name in enumerate(laid_out.classes):
        for file in laid_out.splits[split].get(name, [])[:per_class]:
            stamp.update(f"{file}\0{laid_out.files[file]}\n".encode("utf-8", "replace"))
            files.append(str(tree / file))
            labels.append(label)
    stamp.update(repr(laid_out.classes).encode())
    return files, np.array(labels, dtype=np.int64), stamp.hexdigest()


def _decode(folder: Path, files, labels, unreadable: str, *how):
    """Return images (N, 3, H, W) uint8 and the labels of those that decoded."""
    decoded = (_try_read(file, *how) for file in files)
    first = next((p for p in decoded if not isinstance(p, DataError)), None)
    shape = (3, 1, 1) if first is None else first.shape
    _require_memory(folder, len(files), shape)
    images, bad = np.empty((len(files), *shape), np.uint8), {}
    for row, file in enumerate(files):
        pixels = _try_read(file, *how)
        if isinstance(pixels, DataError):
            bad[row] = str(pixels)
        elif pixels.shape != shape:
            raise DataError(
                f"The images of {folder} differ in size: {shape[1]} x {shape[2]}, but "
                f"{Path(file).name} has {pixels.shape[1]} x {pixels.shape[2]}. "
                "Bring them to one size: load(..., size=64)."
            )
        else:
            images[row] = pixels
    if bad:
        _report_bad(list(bad.values()), len(files), unreadable)
        rows = list(bad)
        images, labels = np.delete(images, rows, axis=0), np.delete(labels, rows)
    return images, labels


def _try_read(file: str, size: int | None, memory: float) -> np.ndarray | DataError:
    """Return the decoded image, or why it cannot be decoded."""
    try:
        return pictures.read(file, size, memory)
    except DataError as fault:
        return fault


def _report_bad(bad: list[str], total: int, unreadable: str) -> None:
    """Raise or warn about files that do not decode, with the first three by name."""
    some = " ".join(bad[:3]) + (" ..." if len(bad) > 3 else "")
    said = f"{len(bad)} of {total} images cannot be decoded: {some}"
    if unreadable == "raise" or len(bad) == total:
        raise DataError(
            f"{said} Restore them (unpack the archive again), or leave them out: "
            'load(..., unreadable="skip").'
        )
    warnings.warn(f"{said} They are left out.", stacklevel=5)


def _require_memory(folder: Path, n: int, shape: tuple[int, ...]) -> None:
    """Raise if the decoded images would take more than half of the memory."""
    needed = n * int(np.prod(shape))
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not known on this system
        return
    if needed > memory // 2:
        raise DataError(
            f"{folder} decodes to {needed / 1e9:,.1f} GB, more than half of this "
            f"computer's memory. Take less of it: load(..., size=64, per_class=100)."
        )


def _cache_folders(tree: Path) -> list[Path]:
    """Return where a cache may lie: beside the tree, else in a data root."""
    roots = [tree.resolve().parent, *_base.search_roots(None)]
    return [root / ".cnnlab-cache" for root in roots if root.is_dir()]


def _read_cache(tree: Path, store: str, key: str):
    """Return cached images and labels if they belong to this state of the tree."""
    for folder in _cache_folders(tree):
        # A cache that is absent, cut off or altered (the zip format carries a CRC)
        # is no fault: the images are decoded again.
        with contextlib.suppress(Exception):
            file = _base.open_regular(folder / store)
            with file, np.load(file, allow_pickle=False) as cached:
                if str(cached["key"]) == key:
                    return cached["images"], cached["labels"]
    return None


def _write_cache(tree: Path, store: str, key: str, images, labels) -> None:
    """Store decoded images in the first folder that takes them, if any does."""
    for folder in _cache_folders(tree):
        with contextlib.suppress(OSError):
            folder.mkdir(exist_ok=True)
            with _base.atomic_file(folder / store) as file:
                np.savez(file, images=images, labels=labels, key=np.array(key))
            return
