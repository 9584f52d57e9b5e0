"""From what the user names to a train and a validation set."""

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cnnlab import data, packed, shapes
from cnnlab.data import listing
from cnnlab.train import files
from cnnlab.train._errors import TrainError
from cnnlab.train.presets import Preset
from cnnlab.train.statistics import statistics as statistics

# The first that exists is used: a test set is judged by `eval --split test`, unless
# there is no other to choose by.
VALIDATION = ("val", "test")


class Source(NamedTuple):
    """A train and a validation set: each has ``images``, ``labels``, ``classes``.

    ``held`` is the split that ``valid`` is, ``opened(split)`` returns any other.
    """

    train: object
    valid: object
    name: str
    held: str = "val"
    opened: Callable | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(str(name) for name in self.train.classes)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one image."""
        return image_shape(self.train)

    def fingerprint(self) -> str:
        """Return a digest of classes, labels and pixels, to know the data by."""
        digest = hashlib.sha256(
            "\0".join(self.classes).encode(errors="surrogatepass")  # odd file names
        )
        for part in (self.train, self.valid):
            digest.update(np.ascontiguousarray(part.labels, dtype=np.int64))
            if isinstance(part, packed.Packed):  # checked against it as it is read
                digest.update(part.sha256.encode())
            else:
                digest.update(np.ascontiguousarray(part.images))
        return digest.hexdigest()[:16]

    def part(self, split: str):
        """Return the set of a split, or say that there is none."""
        if split in ("train", self.held):
            return self.train if split == "train" else self.valid
        try:
            found = self.opened(split) if self.opened else None
        except data.DataError:
            raise
        except ValueError:
            found = None
        if found is None or found.split != split:  # not another one in its place
            raise TrainError(
                f"{self.name} has no split {split}: its validation set is {self.held}."
            )
        return found


def image_shape(part) -> tuple[int, int, int]:
    """Return (C, H, W) of a part's images; stores hold them as (H, W, C)."""
    shape = tuple(part.images.shape[1:])
    return shape if isinstance(part, data.Dataset) else (shape[2], *shape[:2])


def find(source, preset: Preset, out=None, note=print) -> Source:
    """Return the data that ``source`` names.

    Parameters
    ----------
    source : a pair (train, validation) of data sets; a data set's name, such as
        "mnist"; the folder of a packed store; or a folder (or zip) of image files, one
        folder a class, which is packed into ``out``/store first
    note : called with a sentence when something lasting is done
    """
    if isinstance(source, (tuple, list)) and len(source) == 2:
        return _checked(Source(*source, getattr(source[0], "name", "data")), preset)
    if not isinstance(source, (str, Path)):
        raise TypeError(
            "train: data needs a data set's name, a folder, or a pair (train, "
            f"validation); got {shapes.spoken(source)}."
        )
    path = files.place(source)
    if (path / packed.store.HEADER).is_file():
        return _checked(_open_store(path, note), preset)
    if path.exists() or listing.zip_of(path) is not None:
        return _checked(_packed_here(path, preset, out, note), preset)
    name = str(source)
    if path.name != name:
        raise TrainError(f"train: there is no file or folder {source}.")
    train, held, source = _load(name, "train"), "val", None
    try:
        valid = _load(name, "val")
    except TrainError:
        valid, held = _load(name, "test"), "test"
    source = Source(train, valid, name, held, lambda split: _load(name, split))
    _tell_stand_in(source, note)
    return _checked(source, preset)


def _load(name: str, split: str):
    try:
        return data.load(name, split)
    except data.DataError:
        raise
    except ValueError as error:
        raise TrainError(f"train: {error}") from None


def _tell_stand_in(source: Source, note) -> None:
    """Say so where test images choose: their error is then no test any more."""
    if source.held == "test":
        note(f"{source.name} has no validation set: its test set is used for that")


def _require_trainable(path: Path, splits, classes, notes=()) -> None:
    """Raise unless there is something to train on and to validate by."""
    if len(classes) < 2:
        raise TrainError(
            f"train: {path.name} has one class only; give at least two folders."
            + "".join(f" Note: {note}." for note in notes)
        )
    if "train" not in splits or not any(name in splits for name in VALIDATION):
        raise TrainError(
            f"{path} holds the splits {', '.join(splits)}; training needs train and "
            "val (or test). Give folders train and val, or none of them and at least "
            "ten images in a class: every tenth is kept for validation."
        )


def _open_store(path: Path, note) -> Source:
    splits = packed.splits(path)
    _require_trainable(path, splits, packed.store.read_header(path)["classes"])
    valid = next(name for name in VALIDATION if name in splits)
    parts = packed.open(path, "train"), packed.open(path, valid)
    source = Source(*parts, path.name, valid, lambda split: packed.open(path, split))
    _tell_stand_in(source, note)
    return source


def _packed_here(path: Path, preset: Preset, out, note) -> Source:
    if out is None:
        raise TrainError(
            f"{path} holds image files, and they must be packed once before training: "
            f"python -m cnnlab.packed {path} STORE --size {preset.store}; then give "
            "STORE as data, or give out=RUN and it is done there."
        )
    store = Path(out) / "store"
    new = not (store / packed.store.HEADER).is_file()
    side = preset.store if new else packed.store.read_header(store)["shape"][0]
    if side != preset.store:
        raise TrainError(
            f"train: {store} was packed with {side} pixels, and store={preset.store} "
            f"is asked for. Delete {store}, or choose store={side}."
        )
    if new:
        note(f"packing {path} into {store}, once")
    accept = functools.partial(_require_trainable, path)
    report = packed.pack(path, store, size=preset.store, fit=preset.fit, accept=accept)
    if new:  # else it only made sure that the images are still those of the store
        note(str(report))
    return _open_store(store, note)


def _checked(source: Source, preset: Preset) -> Source:
    """Raise unless both sets fit the preset and each other."""
    for part in (source.train, source.valid):
        if not all(hasattr(part, name) for name in ("images", "labels", "classes")):
            raise TypeError(
                "train: each of the two sets needs images, labels and classes, as "
                f"data.Dataset has; got {shapes.spoken(part)}."
            )
        if len(part.labels) == 0:
            raise TrainError(f"train: {source.name} has a split without images.")
    if source.classes != tuple(str(name) for name in source.valid.classes):
        raise TrainError(
            f"train: the two sets of {source.name} name different classes "
            f"({len(source.classes)} and {len(source.valid.classes)})."
        )
    if len(source.classes) < 2:
        raise TrainError(
            f"train: {source.name} has one class only; give at least two folders."
        )
    if image_shape(source.valid) != source.shape:
        raise TrainError(
            f"train: images of {source.name} are {source.shape} for training but "
            f"{image_shape(source.valid)} for validation; pack both alike."
        )
    smallest = min(source.shape[1:])
    if smallest < preset.crop and not (
        preset.padding and smallest + 2 * preset.padding >= preset.crop
    ):
        raise TrainError(
            f"train: {preset.name} cuts inputs of {preset.crop} pixels, but images of "
            f"{source.name} have {smallest}. Choose a smaller one (crop={smallest}), "
            "or pack larger images."
        )
    return source
