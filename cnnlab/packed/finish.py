"""The last steps of packing: close the gaps, write labels, checksums and header."""

import json
import os
from pathlib import Path

import numpy as np

from cnnlab.data import DataError
from cnnlab.data import _base as base
from cnnlab.data.listing import listed
from cnnlab.packed import progress
from cnnlab.packed import store as form
from cnnlab.packed.journal import Journal
from cnnlab.packed.work import Work

_SPLITS = ("train", "val", "test")


def finish(
    work: Work, store: Path, journal: Journal, fingerprint: str, show: bool
) -> None:
    """Make a store of planned rows that are all written."""
    splits, notes = {}, list(work.about["notes"])
    with progress.bar("checksum", work.images * work.row_bytes, 0, "B", show) as update:
        for split, files in work.files.items():
            holes = journal.skipped.get(split, {})
            labels = _close_gaps(work, store, split, journal)
            _write(store / f"{split}.labels", labels.astype("<i8").tobytes())
            pixels = store / f"{split}.images"
            images_sha256, sums = form.digests(pixels, work.row_bytes, update)
            _write(store / f"{split}.sums", sums.tobytes())
            skipped = [(files[row], holes[row]) for row in sorted(holes)]
            splits[split] = {
                "images": len(labels),
                "images_sha256": images_sha256,
                "labels_sha256": form.digest(store / f"{split}.labels"),
                "sums_sha256": form.digest(store / f"{split}.sums"),
                "skipped": skipped + work.missing.get(split, []),
            }
            lost = np.setdiff1d(work.labels[split], labels).tolist()
            if lost:
                named = listed(work.about["folders"][label] for label in lost)
                notes.append(f"{split}: no readable images of {named}")
    header = {
        "format": form.FORMAT, "version": form.VERSION, "shape": work.shape,
        "axes": "N, H, W, C", "dtype": "uint8", **work.about, "notes": notes,
        "splits": splits, "fingerprint": fingerprint,
        "stamp": work.stamp,
    }  # fmt: skip
    header["header_sha256"] = form.header_digest(header)
    _write(store / form.HEADER, json.dumps(header, indent=1).encode())


def remove_leftovers(store: Path) -> None:
    """Remove the temporary files of a run that was killed; the lock is ours."""
    begun = tuple(f".{name}." for name in (*_SPLITS, "store"))
    for file in store.glob(".*"):
        if file.name.startswith(begun):
            file.unlink(missing_ok=True)


def _close_gaps(work: Work, store: Path, split: str, journal: Journal) -> np.ndarray:
    """Move the last rows into those that failed, cut the file, return the labels.

    The move may be interrupted and done again: it writes only into gaps, and the
    journal notes its end before the file is cut.
    """
    holes = journal.skipped.get(split, {})
    planned = len(work.files[split])
    kept = planned - len(holes)
    if not kept:
        raise _nothing_left(store, split, work.files[split], holes)
    last = [row for row in range(kept, planned) if row not in holes]
    gaps = [row for row in sorted(holes) if row < kept]
    labels, size = work.labels[split].copy(), work.row_bytes
    labels[gaps] = labels[last]
    with open(store / f"{split}.images", "r+b") as images:
        if split not in journal.moved:
            for gap, row in zip(gaps, last, strict=True):
                images.seek(row * size)
                pixels = images.read(size)
                images.seek(gap * size)
                images.write(pixels)
            images.flush()
            os.fsync(images.fileno())
            journal.write({"moved": split})
        images.truncate(kept * size)
        os.fsync(images.fileno())
    return labels[:kept]


def _nothing_left(store: Path, split: str, files, holes) -> DataError:
    """Word a split of which no image decoded."""
    some = [f"{files[row]} ({holes[row]})" for row in sorted(holes)]
    return DataError(
        f"None of the {len(files):,} images of {split} can be decoded: "
        f"{listed(some)}. Mend them, delete {store}, and run again."
    )


def _write(path: Path, content: bytes) -> None:
    """Write a whole file, or nothing."""
    with base.atomic_file(path) as file:
        file.write(content)
