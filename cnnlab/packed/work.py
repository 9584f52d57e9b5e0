"""What is to be packed: images with planned rows, and the way to write them."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cnnlab import data
from cnnlab.packed import crew
from cnnlab.packed.sources import Plan


@dataclass(frozen=True)
class Work:
    """Images with their planned rows, whatever they come from.

    Attributes
    ----------
    shape : (H, W, C) of every image
    about : goes into the header of the store
    files : a name for each planned row, by split
    labels : int64, one for each planned row, by split
    missing : (file, reason) of images that got no row, by split
    fill : (store, chunks of rows, handle of the locked journal) -> an answer to each
        chunk as it is written: its split, its first row, and [row, reason] of gaps
    stamp : a digest that changes when any of the files does
    """

    shape: tuple[int, int, int]
    about: dict
    files: dict[str, list[str]]
    labels: dict[str, np.ndarray]
    missing: dict[str, list[tuple[str, str]]]
    fill: Callable[[Path, list[dict], int], Iterator[dict]]
    stamp: str = ""

    @property
    def row_bytes(self) -> int:
        return int(np.prod(self.shape))

    @property
    def images(self) -> int:
        return sum(map(len, self.files.values()))


def of_files(
    plan: Plan, name: str, size: int, fit: str, workers: int, memory: float
) -> Work:
    """Describe the packing of image files."""
    import PIL

    job = {
        "kind": plan.kind, "root": os.path.abspath(plan.root), "prefix": plan.prefix,
        "size": size, "fit": fit, "memory": memory,
    }  # fmt: skip
    about = {
        "source": name,
        "folders": list(plan.folders),
        "classes": list(plan.classes),
        "preprocessing": {
            "size": size, "fit": fit, "filter": "bilinear, antialiased",
            "colour": "RGB, upright by EXIF, alpha dropped", "pillow": PIL.__version__,
            "memory": memory,
        },
        "notes": plan.notes,
    }  # fmt: skip

    def fill(store: Path, chunks: list[dict], lock: int) -> Iterator[dict]:
        return crew.run({**job, "store": os.path.abspath(store)}, chunks, workers, lock)

    splits = plan.splits.items()
    files = {split: [item.file for item in items] for split, items in splits}
    labels = {split: np.array([item.label for item in items], np.int64)
              for split, items in splits}  # fmt: skip
    return Work((size, size, 3), about, files, labels, plan.missing, fill, plan.stamp)


def of_set(name: str, size: int | None, limit: int | None) -> Work:
    """Describe the packing of a data set of ``cnnlab.data``, which is decoded."""
    sets = {split: _first(data.load(name, split), limit) for split in ("train", "test")}
    train = sets["train"]
    channels, height, width = train.images.shape[1:]
    if size not in (None, height):
        raise ValueError(
            f"pack: {name} is packed as it is, at {height} x {width}; leave size out."
        )
    about = {
        "source": name, "folders": list(train.classes), "classes": list(train.classes),
        "preprocessing": {"size": height, "fit": "as it is"},
        "notes": [f"{train.source}; licence: {train.licence}"],
    }  # fmt: skip

    def fill(store: Path, chunks: list[dict], lock: int) -> Iterator[dict]:
        for chunk in chunks:
            rows = slice(chunk["start"], chunk["start"] + len(chunk["files"]))
            pixels = sets[chunk["split"]].images[rows].transpose(0, 2, 3, 1)
            with open(store / f"{chunk['split']}.images", "r+b") as images:
                images.seek(chunk["start"] * channels * height * width)
                images.write(np.ascontiguousarray(pixels).data)
                images.flush()
                os.fsync(images.fileno())
            yield {"split": chunk["split"], "start": chunk["start"], "skipped": []}

    files = {split: [str(row) for row in range(len(s))] for split, s in sets.items()}
    labels = {split: found.labels for split, found in sets.items()}
    return Work((height, width, channels), about, files, labels, {}, fill)


def _first(found: data.Dataset, limit: int | None) -> data.Dataset:
    """Return the first ``limit`` images of each class, in their order."""
    if limit is None:
        return found
    kinds = range(len(found.classes))
    kept = [np.flatnonzero(found.labels == kind)[:limit] for kind in kinds]
    return found.take(np.sort(np.concatenate(kept)))
