"""Find the images of a source and the split and class of each, without decoding any.

Layouts, in a folder or in a .zip of one::

    CLASS/image                       cut into train and test, from every class alike
    SPLIT/CLASS/image                 train, val (or validation, valid), test
    train/SYNSET/image, val/image     ImageNet as published, with a file of labels
    image                             a validation folder alone, with a file of labels

Below a class folder every image counts, however deep. Classes are the folders of the
class level, sorted; that is also the order of the labels.
"""

import os
import zipfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cnnlab import data
from cnnlab.data import DataError, trees
from cnnlab.data import _base as base
from cnnlab.packed import labels as labelling
from cnnlab.packed.store import listed

_SPLIT_OF = {
    "train": "train", "training": "train", "test": "test",
    "val": "val", "validation": "val", "valid": "val",
}  # fmt: skip
CUT_SEED = 0


class Listing(NamedTuple):
    """What lies in a source, as relative paths with "/"."""

    root: Path
    kind: str  # "folder" or "zip"
    files: frozenset[str]
    folders: tuple[str, ...]
    unread: tuple[str, ...] = ()  # folders that may not be read
    prefix: str = ""  # of the names in a zip


class Item(NamedTuple):
    """One image to pack."""

    file: str
    label: int


class Plan(NamedTuple):
    """All that packing needs to know."""

    root: Path
    kind: str
    prefix: str
    splits: dict[str, list[Item]]
    folders: tuple[str, ...]  # class folders, in the order of the labels
    classes: tuple[str, ...]  # the same for people
    missing: dict[str, list[tuple[str, str]]]  # split -> (file, reason)
    notes: list[str]


def find(source) -> tuple[str, Path | None]:
    """Return ("tree" or "set", place): a place on the disk, or a named data set."""
    place = base.as_path(source, "source")
    if os.path.exists(place) or len(place.parts) > 1:
        return "tree", place
    name, found = str(source), trees.found()
    if name in found:
        return "tree", found[name]
    if name in {row.name for row in data.available()}:
        return "set", None
    raise DataError(
        f"{name} is no folder or file here, and no data set of that name is known; "
        "`python -m cnnlab data` lists those that are."
    )


def listing(place: Path) -> Listing:
    """Return what lies in a folder or in a zip archive."""
    if os.path.isdir(place):
        return _list_folder(place)
    if not os.path.exists(place):
        raise DataError(f"{place} does not exist; name a folder of images, or a .zip.")
    if not zipfile.is_zipfile(place):
        raise DataError(
            f"{place} is neither a folder nor a whole .zip archive. Unpack other "
            f"archives first: python -m cnnlab data unpack {place}"
        )
    return _list_zip(place)


def _list_folder(root: Path) -> Listing:
    """Walk a folder; hidden names are left out, and links in a circle."""
    files, folders, unread, pending = [], [], [], [""]
    while pending:
        inside = pending.pop()
        try:
            entries = list(os.scandir(root / inside))
        except OSError as error:
            if not inside:
                raise DataError(f"{root} cannot be read ({error.strerror}).") from None
            unread.append(inside)
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            name = f"{inside}/{entry.name}" if inside else entry.name
            if _is_folder(entry, name.count("/")):
                folders.append(name)
                pending.append(name)
            else:
                files.append(name)
    return Listing(
        root, "folder", frozenset(files), tuple(sorted(folders)), tuple(sorted(unread))
    )  # fmt: skip


def _is_folder(entry: os.DirEntry, depth: int) -> bool:
    """Return whether to go into an entry; below the classes no link is followed."""
    try:
        if not entry.is_symlink():
            return entry.is_dir()
        return depth < 2 and entry.is_dir() and not trees.leads_back(entry.path)
    except OSError:
        return False


def _list_zip(path: Path) -> Listing:
    """List a zip archive; one folder around everything is taken off."""
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be read ({error}). Fetch it again.") from None
    names = {i.filename for i in infos if not i.is_dir() and _visible(i.filename)}
    around = {name.split("/")[0] for name in names}
    prefix = ""
    if len(around) == 1 and all("/" in name for name in names):
        (top,) = around
        prefix = "" if top in _SPLIT_OF else f"{top}/"
    files = frozenset(name[len(prefix) :] for name in names)
    folders = {i.filename.rstrip("/")[len(prefix) :] for i in infos if i.is_dir()}
    for name in files:
        parts = name.split("/")[:-1]
        folders |= {"/".join(parts[: n + 1]) for n in range(len(parts))}
    kept = tuple(sorted(name for name in folders if name and _visible(name)))
    return Listing(path, "zip", files, kept, prefix=prefix)


def _visible(name: str) -> bool:
    parts = name.rstrip("/").split("/")
    return parts[0] != "__MACOSX" and not any(part.startswith(".") for part in parts)


def plan(
    place: Path,
    *,
    limit: int | None = None,
    labels=None,
    synset_words=None,
    test_fraction: float = 0.1,
) -> Plan:
    """Return the split and class of every image below ``place``."""
    found = listing(place)
    notes = [f"may not be read, left out: {name}" for name in found.unread]
    parts, flat = _parts(found, labels is not None)
    if labels is not None and not flat:
        raise DataError(
            f"{place}: every split has class folders, so the file of labels belongs to "
            "none. Leave --labels out."
        )
    own = _annotations(found, flat)
    words = labelling.read_words(synset_words)
    if not parts and not flat:
        raise _no_layout(place)
    for name in [n for n in flat if labels is None and n not in own]:
        if name != "test":
            raise _no_labels(place, flat[name])
        notes.append(f"{flat[name]}: no class folders and no labels, left out")
        del flat[name]
    per_split = {name: _by_class(found, folder) for name, folder in parts.items()}
    folders = _same_classes(place, per_split)
    pairs, missing = _pairs(per_split), {}
    for name, folder in flat.items():
        listed = _images_below(found, folder)
        text = labelling.source_text(labels, found, own.get(name))
        named = labelling.match(listed, text, folders, words)
        folders = folders or named.classes
        pairs[name], missing[name] = named.pairs, named.missing
    notes += _unused(found, pairs, missing)
    splits = {name: _items(pairs[name], folders, limit) for name in pairs}
    if list(splits) == [""]:
        splits = _cut(splits[""], test_fraction)
    _require_images(place, splits)
    notes += _empty_classes(splits, folders) + _others(found)
    splits = {name: splits[name] for name in sorted(splits, key=_rank) if splits[name]}
    classes = labelling.spoken(folders, words or labelling.tree_words(found))
    return Plan(
        found.root, found.kind, found.prefix, splits, folders, classes, missing, notes
    )


def _rank(split: str) -> int:
    return ("train", "val", "test").index(split)


def _children(found: Listing, folder: str) -> list[str]:
    """Return the folders directly in a folder."""
    start = f"{folder}/" if folder else ""
    inside = [name for name in found.folders if name.startswith(start)]
    return [name for name in inside if "/" not in name[len(start) :]]


def _parts(found: Listing, labelled: bool) -> tuple[dict[str, str], dict[str, str]]:
    """Return the splits with class folders and those without, by their name."""
    named = [name for name in _children(found, "") if name in _SPLIT_OF]
    kinds = {name: [c.split("/")[1] for c in _children(found, name)] for name in named}
    # Tiny ImageNet keeps the images of val and test in one folder called "images".
    nested = [name for name in named if kinds[name] and kinds[name] != ["images"]]
    loose = [name for name in named if name not in nested]
    if not nested and not (labelled and loose):
        if labelled:
            return {}, {"val": ""}
        return ({"": ""}, {}) if _children(found, "") else ({}, {})
    loose = [name for name in loose if _images_below(found, name)]
    return _by_split(found, nested), _by_split(found, loose)


def _by_split(found: Listing, folders: list[str]) -> dict[str, str]:
    """Return the folders by the split they are, each at most once."""
    splits: dict[str, str] = {}
    for folder in folders:
        split = _SPLIT_OF[folder]
        if split in splits:
            raise DataError(
                f"{found.root} has both {splits[split]} and {folder}, which mean the "
                "same split. Move one of them away."
            )
        splits[split] = folder
    return splits


def _annotations(found: Listing, flat: dict[str, str]) -> dict[str, str]:
    """Return the label files that lie inside flat splits (Tiny ImageNet's val)."""
    named = {split: f"{folder}/val_annotations.txt" for split, folder in flat.items()}
    return {split: file for split, file in named.items() if file in found.files}


def _is_image(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in trees.SUFFIXES


def _images_below(found: Listing, folder: str) -> list[str]:
    start = f"{folder}/" if folder else ""
    names = (name for name in found.files if name.startswith(start))
    return sorted(name for name in names if _is_image(name))


def _by_class(found: Listing, folder: str) -> dict[str, list[str]]:
    """Return the sorted images of every class folder of a split, empty ones too."""
    start = f"{folder}/" if folder else ""
    kinds: dict[str, list[str]] = {
        name[len(start) :]: [] for name in _children(found, folder)
    }
    for name in _images_below(found, folder):
        kind, slash, _ = name[len(start) :].partition("/")
        if slash:
            kinds[kind].append(name)
    # A folder beside the classes that holds no picture at all (notes, boxes) is none.
    if not folder:
        kinds = {kind: files for kind, files in kinds.items() if files or not
                 any(f.startswith(f"{kind}/") for f in found.files)}  # fmt: skip
    return kinds


def _same_classes(place: Path, per_split) -> tuple[str, ...]:
    """Return the classes, or raise if the splits differ in them."""
    (first, wanted), *others = [*per_split.items()] or [("", {})]
    for name, kinds in others:
        differing = {first: wanted.keys() - kinds.keys(),
                     name: kinds.keys() - wanted.keys()}  # fmt: skip
        said = [
            f"only in {split}: {listed(sorted(only))}"
            for split, only in differing.items()
            if only
        ]
        if said:
            raise DataError(
                f"{place}: {first} and {name} hold different classes ({'; '.join(said)}"
                "). Give both the same class folders; an empty one counts."
            )
    return tuple(sorted(wanted))


def _pairs(per_split) -> dict[str, list[tuple[str, str]]]:
    """Return (file, class folder) of every image, in the order of classes and names."""
    return {
        split: [(file, kind) for kind in sorted(kinds) for file in kinds[kind]]
        for split, kinds in per_split.items()
    }


def _items(pairs, folders, limit: int | None) -> list[Item]:
    """Return the images of a split with labels, at most ``limit`` of each class."""
    label_of, taken = {kind: label for label, kind in enumerate(folders)}, Counter()
    items = []
    for file, kind in pairs:
        taken[kind] += 1
        if limit is None or taken[kind] <= limit:
            items.append(Item(file, label_of[kind]))
    return items


def _cut(items: list[Item], fraction: float) -> dict[str, list[Item]]:
    """Cut a share of every class out as the test split."""
    labels = np.array([item.label for item in items], np.int64)
    picked = base.stratified(labels, fraction, CUT_SEED)
    parts = {"train": ~picked, "test": picked}
    return {
        name: [items[row] for row in np.flatnonzero(mask)]
        for name, mask in parts.items()
    }


def _require_images(place: Path, splits) -> None:
    if not any(splits.values()):
        raise _no_layout(place)


def _empty_classes(splits, folders) -> list[str]:
    """Name the classes without images."""
    notes = []
    for split, items in splits.items():
        present = {item.label for item in items}
        empty = [name for label, name in enumerate(folders) if label not in present]
        if empty and items:
            notes.append(f"{split}: no images of {listed(empty)}")
        elif not items:
            notes.append(f"{split}: no images at all, left out")
    return notes


def _unused(found: Listing, pairs, missing) -> list[str]:
    """Count images that belong to no class."""
    used = {file for p in (*pairs.values(), *missing.values()) for file, _ in p}
    rest = sorted(name for name in found.files - used if _is_image(name))
    if not rest:
        return []
    return [f"{len(rest):,} images outside the classes left out: {listed(rest)}"]


def _others(found: Listing) -> list[str]:
    """Count files that are no images by their suffix: photographs as .heic, say."""
    other = [name for name in found.files if not _is_image(name)]
    kinds = Counter(os.path.splitext(name)[1].lower() for name in other)
    kinds = {kind: n for kind, n in kinds.items() if kind in _PICTURES}
    return [
        f"{n:,} {kind} files left out: not read here; save them as JPEG or PNG"
        for kind, n in sorted(kinds.items())
    ]


# Suffixes of pictures that are not read. Text files and the like go without saying.
_PICTURES = frozenset(
    ".avif .arw .cr2 .cr3 .dng .heic .heif .jfif .jp2 .jxl .nef .psd .svg".split()
)


def _no_layout(place: Path) -> DataError:
    return DataError(
        f"{place} holds no images in class folders; expected {place.name}/CLASS/"
        f"image.jpg or {place.name}/train/CLASS/image.jpg. A folder of images without "
        "class folders needs a file of their labels: --labels FILE."
    )


def _no_labels(place: Path, folder: str) -> DataError:
    return DataError(
        f"{place / folder} holds images without class folders. Name the file of their "
        "labels: --labels FILE (for ImageNet with --synset-words FILE), or move the "
        "folder away."
    )
