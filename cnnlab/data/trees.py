"""Trees of image files, one folder a class: found by name, decoded once, cached."""

import contextlib
import hashlib
import json
import os
import warnings
from pathlib import Path

import numpy as np

from cnnlab import shapes
from cnnlab.data import _base, pictures
from cnnlab.data._base import DataError, Dataset

SUFFIXES = frozenset(".bmp .gif .jpeg .jpg .pgm .png .ppm .tif .tiff .webp".split())
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
# What a folder of a split may be called. Where there is no test folder, the
# validation folder takes its place, as is the custom with ImageNet.
SPLITS = {
    "train": ("train", "training"),
    "test": ("test", "val", "validation"),
    "val": ("val", "validation", "valid"),
}
_SPLIT_NAMES = frozenset(name for names in SPLITS.values() for name in names)
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
    cache : keep the decoded images beside the tree (about N * 3 * H * W bytes)
    """
    shapes.require_choice(unreadable, ("raise", "skip"), "load", "unreadable")
    folder, found = _choose_split(tree, split)
    classes = class_names(tree)
    files, labels, stamp = _listing(folder, classes, per_class)
    if not files:
        raise DataError(f"{folder} holds no images in its class folders.")
    key = f"{stamp}-{size}"
    store = f"{tree.name}-{folder.name}-{size or 'as-is'}-{per_class or 'all'}.npz"
    stored = _read_cache(tree, store, key) if cache else None
    if stored is None:
        _require_listed(tree, folder)
        stored = _decode(folder, files, labels, size, unreadable)
        if cache and len(stored[1]) == len(files):  # else: warn again next time
            _write_cache(tree, store, key, *stored)
    images, labels = stored
    if found is None:  # no split folders: cut one out
        picked = _base.stratified(labels, test_fraction, seed)
        rows = {"all": picked | True, "train": ~picked, "test": picked}[split]
        images, labels, found = images[rows], labels[rows], split
    return Dataset(
        images, labels, _spoken(tree, classes), tree.name, found,
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


def is_tree(folder: Path) -> bool:
    """Return whether ``folder`` has class folders with at least one image."""
    kinds = [
        kind
        for part in _split_folders(folder).values() or [folder]
        for kind in _folders(part).values()
    ]
    return any(map(_holds_images, kinds))


def _holds_images(folder: Path) -> bool:
    """Return whether a class folder can be read and has an image."""
    with contextlib.suppress(OSError):
        return next(_image_files(folder), None) is not None
    return False


def splits(tree: Path) -> tuple[str, ...]:
    """Return the splits that ``load`` takes for this tree."""
    return tuple(_split_folders(tree)) or ("all", "train", "test")


def manifest(tree: Path) -> dict[str, tuple[int, int]]:
    """Return size and CRC-32 by path as unpacked; empty if that is not known."""
    try:
        listed = json.loads((tree / MANIFEST).read_text(encoding="utf-8"))
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
            if not entry.name.startswith(".")
            and entry.is_dir()
            and not (entry.is_symlink() and leads_back(entry.path))
        }
    return {}


def leads_back(link: str) -> bool:
    """Return whether a link leads to a folder that it lies in."""
    inside = Path(os.path.realpath(os.path.dirname(link)))
    return Path(os.path.realpath(link)) in (inside, *inside.parents)


def _split_folders(tree: Path) -> dict[str, Path]:
    """Return the folders that are splits: named so, and themselves of folders."""
    subfolders = _folders(tree)
    names = sorted(_SPLIT_NAMES & subfolders.keys())
    return {name: subfolders[name] for name in names if _folders(subfolders[name])}


def _choose_split(tree: Path, split: str) -> tuple[Path, str | None]:
    """Return the folder to read and its split name, None where none are laid out."""
    present = _split_folders(tree)
    if not present:
        _base.require_split(tree.name, split, ("all", "train", "test"))
        return tree, None
    for name in (split, *SPLITS.get(split, ())):
        if name in present:
            return present[name], name
    raise ValueError(
        f"load: {tree.name} has no split {split!r}; it has: {', '.join(present)}."
    )


def class_names(tree: Path) -> list[str]:
    """Return the class folders of all splits, so that labels agree between them."""
    parts = _split_folders(tree).values() or [tree]
    return sorted({name for part in parts for name in _folders(part)})


def _spoken(tree: Path, classes: list[str]) -> tuple[str, ...]:
    """Translate folder names by ``words.txt`` (ImageNet: number, tab, names)."""
    try:
        lines = (tree / "words.txt").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return tuple(classes)
    words = dict(line.split("\t", 1) for line in lines if "\t" in line)
    names = [words.get(name, name).split(",")[0].strip() for name in classes]
    return tuple(names if len(set(names)) == len(names) else classes)


def _image_files(folder: Path):
    """Yield the entries of all visible image files below a class folder."""
    pending = [folder]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if os.path.splitext(entry.name)[1].lower() in SUFFIXES:
                    yield entry
                elif entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)


def _listing(folder: Path, classes: list[str], per_class: int | None):
    """Return file paths, labels, and a stamp that changes when any file does."""
    if per_class is not None:
        shapes.require_int(per_class, 1, "load", "per_class")
    paths_, labels, stamp = [], [], hashlib.blake2b(digest_size=16)
    for label, name in enumerate(classes):
        kind = folder / name
        try:
            listed = sorted(_image_files(kind), key=lambda e: e.path)
        except (FileNotFoundError, NotADirectoryError):  # a class that this split lacks
            listed = []
        except OSError as error:
            raise DataError(
                f"{kind} cannot be read ({error.strerror}). Allow it, or move the "
                "folder away."
            ) from None
        for entry in listed[:per_class]:
            inside = entry.path[len(str(folder)) :]
            stamp.update(f"{inside}\0{_state(entry)}\n".encode("utf-8", "replace"))
            paths_.append(entry.path)
            labels.append(label)
    stamp.update(repr(classes).encode())
    return paths_, np.array(labels, dtype=np.int64), stamp.hexdigest()


def _state(entry: os.DirEntry) -> str:
    """Return what changes when a file does; empty for a link that leads nowhere."""
    try:
        status = entry.stat()
    except OSError:
        return ""  # the decoder will name it
    return f"{status.st_size}\0{status.st_mtime_ns}"


def _decode(folder: Path, files, labels, size: int | None, unreadable: str):
    """Return images (N, 3, H, W) uint8 and the labels of those that decoded."""
    decoded = (_try_read(file, size) for file in files)
    first = next((pixels for pixels in decoded if pixels is not None), None)
    shape = (3, 1, 1) if first is None else first.shape
    _require_memory(folder, len(files), shape)
    images, bad = np.empty((len(files), *shape), np.uint8), []
    for row, file in enumerate(files):
        pixels = _try_read(file, size)
        if pixels is None:
            bad.append(row)
        elif pixels.shape != shape:
            raise DataError(
                f"The images of {folder} differ in size: {shape[1]} x {shape[2]}, but "
                f"{Path(file).name} has {pixels.shape[1]} x {pixels.shape[2]}. "
                "Bring them to one size: load(..., size=64)."
            )
        else:
            images[row] = pixels
    if bad:
        _report_bad([files[row] for row in bad], len(files), unreadable)
        images, labels = np.delete(images, bad, axis=0), np.delete(labels, bad)
    return images, labels


def _try_read(file: str, size: int | None) -> np.ndarray | None:
    """Return the decoded image, or None if it cannot be decoded."""
    try:
        return pictures.read(file, size)
    except DataError:
        return None


def _report_bad(bad: list[str], total: int, unreadable: str) -> None:
    """Raise or warn about files that do not decode, with the first three by name."""
    some = ", ".join(bad[:3]) + (", ..." if len(bad) > 3 else "")
    said = f"{len(bad)} of {total} images cannot be decoded: {some}."
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
            with np.load(folder / store, allow_pickle=False) as cached:
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
