"""Pack images into a store: in parallel, and resumable after any interruption.

Every image has a planned row from the start, so workers write side by side and the
result does not depend on how many there are. A journal beside the pixels notes each
finished chunk of rows; a second run skips those. Rows whose image did not decode are
filled from the end of the split at last, and the header is written when all is done.
"""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cnnlab import data, shapes
from cnnlab.data import DataError
from cnnlab.data import _base as base
from cnnlab.packed import crew, sources
from cnnlab.packed import progress as shown
from cnnlab.packed import store as form
from cnnlab.packed.journal import Journal

_CHUNK_BYTES = 8 << 20  # of pixels written between two lines of the journal
_MOST_IN_CHUNK = 512  # images
_RESERVE = 16 << 20  # bytes left free on the disk
_SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Report:
    """What packing did.

    Attributes
    ----------
    path : the store
    splits : number of images of each split
    skipped : (split, file, reason) of every image that was left out
    notes : what else a person should know: empty classes, formats that are not read
    seconds : of this run
    bytes : of the store
    """

    path: Path
    splits: dict[str, int]
    skipped: list[tuple[str, str, str]]
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    bytes: int = 0

    @property
    def images(self) -> int:
        return sum(self.splits.values())

    def __str__(self) -> str:
        counts = ", ".join(f"{name} {n:,}" for name, n in self.splits.items())
        lines = [
            f"{self.path}: {self.images:,} images ({counts}), {self.bytes / 1e6:,.1f} "
            f"MB, {len(self.skipped):,} skipped, {self.seconds:.1f} s"
        ]
        lines += [f"  note: {note}" for note in self.notes]
        for split, file, reason in self.skipped[:20]:
            lines.append(f"  skipped, {split}: {' '.join(file.split())}: {reason}")
        if len(self.skipped) > 20:
            lines.append(f"  ... the whole list is in {self.path / form.HEADER}")
        return "\n".join(lines)


@dataclass(frozen=True)
class _Work:
    """Images with their planned rows, whatever they come from."""

    shape: tuple[int, int, int]  # H, W, C
    about: dict  # goes into the header
    files: dict[str, list[str]]  # a name for each row, by split
    labels: dict[str, np.ndarray]
    # (store, chunks, handle of the locked journal): writes chunks of rows
    fill: Callable[[Path, list[dict], int], Iterator[dict]]

    @property
    def row_bytes(self) -> int:
        return int(np.prod(self.shape))


def pack(
    source,
    store,
    *,
    size: int | None = None,
    fit: str = "crop",
    workers: int | None = None,
    progress: bool = True,
    limit: int | None = None,
    labels=None,
    synset_words=None,
    test_fraction: float = 0.1,
) -> Report:
    """Decode the images of a source once and write them as a store.

    Run again after an interruption, of whatever kind, it goes on where it was.

    Parameters
    ----------
    source : a folder or .zip of images, see ``cnnlab.packed.sources``, or the name of
        a data set of ``cnnlab.data``
    store : folder to write; new, empty, or an unfinished store of the same command
    size : side in pixels, 256 unless said; named sets of one size keep theirs
    fit : "crop" resizes the short side and cuts out the centre, as Krizhevsky et al.
        2012, section 2; "squash" resizes both sides, as Caffe did
    workers : processes; by default one a core
    progress : whether to show how far it is
    limit : at most so many images of each class in each split, the first by name
    labels, synset_words : for ImageNet's validation folder, see ``packed.labels``
    test_fraction : share of every class to cut out for testing where the source has
        no split folders

    Raises
    ------
    DataError
        If the source is laid out otherwise, the disk is too small or full, or the
        store holds something else.
    """
    started = time.monotonic()
    _check(size, fit, limit, test_fraction)
    workers, target = _workers(workers), base.as_path(store, "store")
    kind, place = sources.find(source)
    if kind == "set":
        work = _set_work(str(source), size, limit)
    else:
        _require_apart(place, target)
        plan = sources.plan(
            place, limit=limit, labels=labels, synset_words=synset_words,
            test_fraction=test_fraction,
        )  # fmt: skip
        work = _tree_work(plan, place, size or 256, fit, workers)
    try:
        return _pack(work, target, progress, started)
    except OSError as error:
        raise _disk_fault(error, target) from None
    except MemoryError:
        raise DataError(
            "There was not enough memory to decode an image. Run the same command "
            "again with fewer processes: --workers 1"
        ) from None


def _require_apart(source: Path, store: Path) -> None:
    """Raise if the store would lie among the images that it is made of."""
    source, store = Path(os.path.realpath(source)), Path(os.path.realpath(store))
    if source == store or source in store.parents:
        raise DataError(
            f"{store} lies inside {source}; name a folder outside of it for the store."
        )


def _check(size, fit, limit, test_fraction) -> None:
    """Raise unless the options make sense."""
    shapes.require_choice(fit, ("crop", "squash"), "pack", "fit")
    if limit is not None:
        shapes.require_int(limit, 1, "pack", "limit")
    if size is not None:
        shapes.require_int(size, 1, "pack", "size", 4096)
    if not shapes.require_number(test_fraction, 0, "pack", "test_fraction") < 1:
        raise ValueError(
            f"pack: test_fraction must be from 0 to less than 1; got {test_fraction}."
        )


def _workers(workers: int | None) -> int:
    """Return the number of processes; by default one for each usable core."""
    if workers is not None:
        return shapes.require_int(workers, 1, "pack", "workers", 1024)
    with contextlib.suppress(AttributeError):  # only Linux knows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _tree_work(plan, place: Path, size: int, fit: str, workers: int) -> _Work:
    """Describe the packing of image files."""
    import PIL

    job = {
        "kind": plan.kind, "root": os.path.abspath(plan.root), "prefix": plan.prefix,
        "size": size, "fit": fit,
    }  # fmt: skip
    about = {
        "source": place.resolve().name,
        "folders": list(plan.folders),
        "classes": list(plan.classes),
        "preprocessing": {
            "size": size, "fit": fit, "filter": "bilinear, antialiased",
            "colour": "RGB, upright by EXIF", "pillow": PIL.__version__,
        },
        "notes": plan.notes,
        "missing": {name: pairs for name, pairs in plan.missing.items() if pairs},
    }  # fmt: skip
    return _Work(
        (size, size, 3),
        about,
        {name: [item.file for item in items] for name, items in plan.splits.items()},
        {
            name: np.array([item.label for item in items], np.int64)
            for name, items in plan.splits.items()
        },
        lambda store, chunks, lock: crew.run(
            {**job, "store": os.path.abspath(store)}, chunks, workers, lock
        ),
    )


def _set_work(name: str, size: int | None, limit: int | None) -> _Work:
    """Describe the packing of a data set of ``cnnlab.data``, which is decoded."""
    sets = {split: data.load(name, split) for split in ("train", "test")}
    for split, found in sets.items():
        if limit is not None:
            kept = [np.flatnonzero(found.labels == k)[:limit] for k in
                    range(len(found.classes))]  # fmt: skip
            sets[split] = found.take(np.sort(np.concatenate(kept)))
    train = sets["train"]
    channels, height, width = train.images.shape[1:]
    if size not in (None, height):
        raise ValueError(
            f"pack: {name} is packed as it is, at {height} x {width}; leave size out."
        )
    about = {
        "source": name, "folders": list(train.classes), "classes": list(train.classes),
        "preprocessing": {"size": height, "fit": "as it is"},
        "notes": [f"{train.source}; licence: {train.licence}"], "missing": {},
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

    files = {split: [str(i) for i in range(len(s))] for split, s in sets.items()}
    labels = {split: found.labels for split, found in sets.items()}
    return _Work((height, width, channels), about, files, labels, fill)


def _pack(work: _Work, store: Path, show: bool, started: float) -> Report:
    """Write the store, or what of it is not written yet."""
    print_ = _fingerprint(work)
    if _finished(store, print_):
        return _report(store, started)
    store.mkdir(parents=True, exist_ok=True)
    with Journal(store / form.JOURNAL, print_) as journal:
        _remove_leftovers(store)
        _require_space(work, store, journal)
        _reserve_rows(work, store, journal)
        chunks = _chunks(work)
        todo = [c for c in chunks if (c["split"], c["start"]) not in journal.done]
        total = sum(map(len, work.files.values()))
        done = total - sum(len(chunk["files"]) for chunk in todo)
        sizes = {(c["split"], c["start"]): len(c["files"]) for c in todo}
        with shown.bar("packing", total, done, "images", show) as update:
            for answer in work.fill(store, todo, journal.file.fileno()):
                journal.write(answer)
                update(sizes[answer["split"], answer["start"]])
        header = _finish(work, store, journal, show)
        _write(store / form.HEADER, json.dumps(header, indent=1).encode())
    (store / form.JOURNAL).unlink(missing_ok=True)
    return _report(store, started)


def _fingerprint(work: _Work) -> str:
    """Return a digest of all that decides what the store will hold."""
    checksum = hashlib.sha256(json.dumps([form.VERSION, work.shape, work.about],
                                         sort_keys=True).encode())  # fmt: skip
    for split, files in work.files.items():
        checksum.update(json.dumps([split, files]).encode())
        checksum.update(work.labels[split].astype("<i8").tobytes())
    return checksum.hexdigest()


def _finished(store: Path, fingerprint: str) -> bool:
    """Return whether the store is complete; raise if it holds something else."""
    if not store.exists():
        return False
    if not store.is_dir():
        raise DataError(f"{store} is a file; name a new folder for the store.")
    if (store / form.HEADER).exists():
        if form.read_header(store).get("fingerprint") == fingerprint:
            for split in form.splits(store):
                form.open_store(store, split)
            _remove_leftovers(store)
            (store / form.JOURNAL).unlink(missing_ok=True)
            return True
        raise DataError(
            f"{store} is a store already, of other images or with other options. Name "
            "a new folder, or delete that one."
        )
    if any(store.iterdir()) and not (store / form.JOURNAL).exists():
        raise DataError(
            f"{store} holds other files; name a new or an empty folder for the store."
        )
    return False


def _require_space(work: _Work, store: Path, journal: Journal) -> None:
    """Raise unless the disk holds what is still to be written."""
    images = sum(map(len, work.files.values()))
    written = sum(_allocated(store / f"{name}.images") for name in work.files)
    needed = max(0, images * (work.row_bytes + 8) - written) + _RESERVE
    free = shutil.disk_usage(store).free
    if free < needed and not journal.moved:
        height, width, _ = work.shape
        raise DataError(
            f"Packing {images:,} images of {height} x {width} needs "
            f"{needed / 1e9:,.2f} GB more on the disk of {store}, which has "
            f"{free / 1e9:,.2f} GB free. Free some, name a folder on another disk, or "
            "take less: --size 128, --limit 100."
        )


def _allocated(file: Path) -> int:
    """Return the bytes that a file takes on the disk already."""
    try:
        status = file.stat()
    except OSError:
        return 0
    return getattr(status, "st_blocks", 0) * 512


def _reserve_rows(work: _Work, store: Path, journal: Journal) -> None:
    """Give every file of pixels its planned length."""
    for split, files in work.files.items():
        if split not in journal.moved:
            planned = len(files) * work.row_bytes
            with open(store / f"{split}.images", "ab") as images:
                begun = any(name == split for name, _ in journal.done)
                if begun and images.tell() != planned:
                    raise DataError(
                        f"{store} was altered since packing began: {split}.images has "
                        f"{images.tell():,} of {planned:,} bytes. Delete the folder "
                        "and run again."
                    )
                images.truncate(planned)


def _chunks(work: _Work) -> list[dict]:
    """Cut the planned rows into chunks; not by the number of workers."""
    step = max(1, min(_MOST_IN_CHUNK, _CHUNK_BYTES // work.row_bytes))
    return [
        {"split": split, "start": start, "files": files[start : start + step]}
        for split, files in work.files.items()
        for start in range(0, len(files), step)
    ]


def _finish(work: _Work, store: Path, journal: Journal, show: bool) -> dict:
    """Close the gaps, write the labels, and return the header."""
    splits, notes = {}, list(work.about["notes"])
    total = sum(map(len, work.files.values())) * work.row_bytes
    with shown.bar("checksum", total, 0, "B", show) as update:
        for split, files in work.files.items():
            holes = journal.skipped.get(split, {})
            labels = _close_gaps(work, store, split, journal)
            _write(store / f"{split}.labels", labels.astype("<i8").tobytes())
            splits[split] = {
                "images": len(labels),
                "images_sha256": _digest(store / f"{split}.images", update),
                "labels_sha256": form.digest(store / f"{split}.labels"),
                "skipped": [[files[row], holes[row]] for row in sorted(holes)]
                + [list(pair) for pair in work.about["missing"].get(split, [])],
            }
            lost = np.setdiff1d(work.labels[split], labels).tolist()
            if lost:
                named = form.listed(work.about["folders"][label] for label in lost)
                notes.append(f"{split}: no readable images of {named}")
    header = {
        "format": form.FORMAT, "version": form.VERSION, "shape": list(work.shape),
        "axes": "N, H, W, C", "dtype": "uint8", **work.about, "notes": notes,
        "splits": splits, "fingerprint": _fingerprint(work),
    }  # fmt: skip
    del header["missing"]
    return {**header, "header_sha256": form.header_digest(header)}


def _digest(file: Path, update) -> str:
    """Return the SHA-256 of a file; ``update`` hears of every block."""
    before = 0

    def report(done: int) -> None:
        nonlocal before
        update(done - before)
        before = done

    return form.digest(file, report)


def _close_gaps(work: _Work, store: Path, split: str, journal: Journal) -> np.ndarray:
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
        f"{form.listed(some)}. Mend them, delete {store}, and run again."
    )


def _remove_leftovers(store: Path) -> None:
    """Remove the temporary files of a run that was killed; the lock is ours."""
    for file in store.glob(".*"):
        if file.name.startswith(tuple(f".{split}." for split in (*_SPLITS, "store"))):
            file.unlink(missing_ok=True)


def _write(path: Path, content: bytes) -> None:
    """Write a whole file, or nothing."""
    with base.atomic_file(path) as file:
        file.write(content)


def _report(store: Path, started: float) -> Report:
    """Describe a finished store."""
    header = form.read_header(store)
    skipped = [
        (split, file, reason)
        for split, said in header["splits"].items()
        for file, reason in said["skipped"]
    ]
    files = [f"{s}.{part}" for s in header["splits"] for part in ("images", "labels")]
    return Report(
        store, form.splits(store), skipped, header["notes"],
        time.monotonic() - started,
        sum((store / file).stat().st_size for file in [*files, form.HEADER]),
    )  # fmt: skip


def _disk_fault(error: OSError, store: Path) -> DataError:
    """Word a failed read or write while packing."""
    again = "run the same command again: it goes on where it was"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DataError(
            f"The disk of {store} is full; what is packed so far stays. Free some "
            f"space and {again}."
        )
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return DataError(f"{store} cannot be written. Name another folder.")
    said = error.strerror or str(error)
    return DataError(f"Packing into {store} failed ({said}). Mend that and {again}.")
