"""Find the images of a source and the split and class of each, without decoding any.

Layouts, in a folder or in a .zip of one::

    CLASS/image                       cut into train and test, from every class alike
    SPLIT/CLASS/image                 train, val (or validation, valid), test, in
                                      capitals too
    train/SYNSET/image, val/image     ImageNet as published, with a file of labels
    image                             a validation folder alone, with a file of labels

Below a class folder every image counts, however deep. Classes are the folders of the
class level, sorted; that is also the order of the labels.
"""

import hashlib
import os
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cnnlab import data
from cnnlab.data import DataError, listing, trees
from cnnlab.data import _base as base
from cnnlab.data.listing import Listing, children, images_below, listed
from cnnlab.packed import labels as labelling

CUT_SEED = 0


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
    stamp: str  # of the sizes and times of the images


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


def plan(
    place: Path,
    *,
    limit: int | None = None,
    labels=None,
    synset_words=None,
    test_fraction: float = 0.1,
) -> Plan:
    """Return the split and class of every image below ``place``."""
    found = listing.of(place)
    nested, flat = _parts(found, labels is not None)
    label_files, unlabelled = _label_files(found, flat, labels)
    words = labelling.read_words(synset_words)
    own = {split: listing.by_class(found, folder) for split, folder in nested.items()}
    by_class, twins = listing.joined(own)
    folders = _same_classes(place, by_class)
    pairs, missing = _pairs(by_class), {}
    for split, text in label_files.items():
        files = images_below(found, flat[split])
        named = labelling.match(files, text, folders, words)
        folders = folders or named.classes
        pairs[split], missing[split] = named.pairs, named.missing
    splits = {split: _items(pairs[split], folders, limit) for split in pairs}
    if list(splits) == [""]:
        splits = _cut(splits[""], test_fraction)
    if not any(splits.values()):
        raise _no_layout(place)
    notes = [
        *listing.notes(found),
        *twins,
        *(f"{name}: no class folders and no labels, left out" for name in unlabelled),
        *_unused(found, pairs, missing, unlabelled),
        *_empty_classes(splits, folders),
        *listing.no_classes(found, own),
        *_one_class(found, nested, folders),
    ]
    splits = {name: splits[name] for name in sorted(splits, key=_rank) if splits[name]}
    classes = labelling.spoken(folders, words or labelling.tree_words(found))
    return Plan(
        found.root, found.kind, found.prefix, splits, folders, classes, missing,
        [*map(base.printable, notes)], _stamp(found, splits),
    )  # fmt: skip


def _stamp(found: Listing, splits) -> str:
    """Return a digest that changes when any of the images does."""
    stamp = hashlib.sha256()
    for items in splits.values():
        for item in items:
            said = f"{item.file}\0{found.files[item.file]}\n"
            stamp.update(said.encode("utf-8", "surrogatepass"))
    return stamp.hexdigest()


def _rank(split: str) -> int:
    return ("train", "val", "test").index(split)


def _parts(found: Listing, labelled: bool) -> tuple[dict[str, str], dict[str, str]]:
    """Return the splits with class folders and those without, by their name."""
    nested, loose = listing.split_folders(found)
    if not nested and not (labelled and loose):
        if labelled:
            return {}, {"val": ""}
        return ({"": ""}, {}) if children(found, "") else ({}, {})
    return nested, loose


def _label_files(found: Listing, flat: dict[str, str], labels):
    """Return the label file of every flat split, and the folders that have none.

    Only the labels of a test split may be missing: those of ImageNet's are not public.
    """
    texts, unlabelled = {}, []
    given = ("val" if "val" in flat else next(iter(flat), None)) if labels else None
    if labels is not None and given is None:
        raise DataError(
            f"{found.root}: every split has class folders, so the file of labels "
            "belongs to none. Leave --labels out."
        )
    for split, folder in flat.items():
        inside = f"{folder}/val_annotations.txt"  # Tiny ImageNet's
        if split == given:
            texts[split] = labelling.read_text(labels)
        elif inside in found.files:
            texts[split] = labelling.inner_text(found, inside)
        elif split == "test":
            unlabelled.append(folder)
        else:
            raise _no_labels(found.root, folder)
    return texts, unlabelled


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


def _unused(found: Listing, pairs, missing, unlabelled) -> list[str]:
    """Count images that belong to no class."""
    used = {file for p in (*pairs.values(), *missing.values()) for file, _ in p}
    used.update(*(images_below(found, folder) for folder in unlabelled))
    rest = sorted(found.images - used)
    if not rest:
        return []
    return [f"{len(rest):,} images outside the classes left out: {listed(rest)}"]


def _one_class(found: Listing, nested: dict[str, str], folders) -> list[str]:
    """Ask whether the source is one folder too high, if its one class has several."""
    if len(folders) != 1 or "" not in nested:
        return []
    inside = children(found, folders[0])
    if len(inside) < 2:
        return []
    return [
        f"all images are of one class, {folders[0]}, which holds {listed(inside)}; if "
        f"those are the classes, name {found.root / found.prefix / folders[0]}"
    ]


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
