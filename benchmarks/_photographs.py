"""Trees of real photographs for speed tests, from what the course carries or is given.

Pixels of zeros or noise would flatter or slow decoders and arithmetic; these are
windows of the course's own photographs, as JPEG files.
"""

import math
import os
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from cnnlab import data, packed

LARGE, SMALL = (500, 375), (32, 32)  # width, height: usual in ImageNet; in CIFAR-10
ENDINGS = (".jpg", ".jpeg")


def write_tree(folder: Path, count: int, size: tuple[int, int], seed: int = 0) -> Path:
    """Write ``count`` JPEG files of (width, height) as ``train``/CLASS/NUMBER.jpg.

    Each is a window of a photograph, of random place and at least half of its size;
    the class is the photograph.
    """
    rng = np.random.default_rng(seed)
    names = data.photo_names()
    photos = [Image.fromarray(data.photo(n).transpose(1, 2, 0)) for n in names]
    for number in range(count):
        which = number % len(names)
        photo, target = photos[which], folder / "train" / names[which]
        target.mkdir(parents=True, exist_ok=True)
        most = min(photo.width / size[0], photo.height / size[1])
        width, height = (side * most * rng.uniform(0.5, 1) for side in size)
        left = rng.uniform(0, photo.width - width)
        top = rng.uniform(0, photo.height - height)
        box = (left, top, left + width, top + height)
        window = photo.resize(size, Image.Resampling.BILINEAR, box)
        window.save(target / f"{number:05}.jpg", quality=90)
    return folder


def split_of(tree: Path) -> Path:
    """Return the folder of class folders to train on: TREE/train, or the only one."""
    folders = sorted(p for p in tree.iterdir() if p.is_dir())
    chosen = next((p for p in folders if p.name == "train"), folders[0])
    if not any(p.is_dir() for p in chosen.iterdir()):
        raise SystemExit(
            f"{tree} needs the layout SPLIT/CLASS/image.jpg, as train/cat."
        )
    return chosen


def at_least(tree: Path, count: int, folder: Path) -> Path:
    """Return a tree with ``count`` files or more: the split of ``tree``, repeated.

    Files are linked, not copied, where the disk allows it; a loader still reads and
    decodes each by its own name.
    """
    split = split_of(tree)
    found = sorted(p for p in split.rglob("*") if p.suffix.lower() in ENDINGS)
    if not found:
        raise SystemExit(f"{tree} holds no JPEG files.")
    for copy in range(math.ceil(count / len(found))):
        for path in found:
            place = folder / "train" / path.relative_to(split).parts[0]
            place.mkdir(parents=True, exist_ok=True)
            target = place / f"{copy:04}-{path.name}"
            try:
                os.link(path.resolve(), target)
            except OSError:
                shutil.copyfile(path, target)
    return folder


def few(part: packed.Packed, count: int = 64) -> data.Dataset:
    """Return some images of a store in memory, to validate on in no time."""
    rows = np.linspace(0, len(part) - 1, min(count, len(part))).astype(int)
    images = np.ascontiguousarray(part.images[rows].transpose(0, 3, 1, 2))
    return data.Dataset(images, part.labels[rows], part.classes, "few", part.split)


def opened(store) -> tuple[packed.Packed, data.Dataset]:
    """Return (train, a few images) of a store, as ``train.fit`` takes them."""
    splits = packed.splits(store)
    part = packed.open(store, "train" if "train" in splits else splits[0])
    return part, few(part)
