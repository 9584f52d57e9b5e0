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
from dataclasses import dataclass, field
from pathlib import Path

from cnnlab import shapes
from cnnlab.data import DataError, pictures
from cnnlab.data import _base as base
from cnnlab.packed import progress as shown
from cnnlab.packed import sources, work
from cnnlab.packed import store as form
from cnnlab.packed.finish import finish, remove_leftovers
from cnnlab.packed.journal import Journal
from cnnlab.packed.work import Work

_CHUNK_BYTES = 8 << 20  # of pixels written between two lines of the journal
_MOST_IN_CHUNK = 512  # images
_RESERVE = 16 << 20  # bytes left free on the disk


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
        return "\n".join(map(base.printable, lines))


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
    memory: float = pictures.MEMORY,
    accept=lambda splits, classes, notes: None,
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
    memory : the most, in GB, that decoding one picture may take, in each process
    accept : called with the number of images of each split, the classes and the notes
        before anything is decoded; what it raises ends packing, and nothing is written

    Raises
    ------
    DataError
        If the source is laid out otherwise, the disk is too small or full, or the
        store holds something else.
    """
    started = time.monotonic()
    _check(size, fit, limit, test_fraction)
    shapes.require_number(memory, 0, "pack", "memory")
    workers, target = _workers(workers), base.as_path(store, "store")
    kind, place = sources.find(source)
    if kind == "set":
        job = work.of_set(str(source), size, limit)
    else:
        _require_apart(place, target)
        plan = sources.plan(
            place, limit=limit, labels=labels, synset_words=synset_words,
            test_fraction=test_fraction,
        )  # fmt: skip
        job = work.of_files(
            plan, place.resolve().name, size or 256, fit, workers, memory
        )
    accept(
        {split: len(files) for split, files in job.files.items()},
        job.about["classes"], job.about["notes"],
    )  # fmt: skip
    try:
        _pack(job, target, progress)
        return _report(target, started)
    except OSError as error:
        raise _disk_fault(error, target) from None
    except MemoryError:
        raise DataError(
            "There was not enough memory to decode an image. Run the same command "
            "again with fewer processes: --workers 1"
        ) from None


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


def _require_apart(source: Path, store: Path) -> None:
    """Raise if the store would lie among the images that it is made of."""
    source, store = Path(os.path.realpath(source)), Path(os.path.realpath(store))
    if source == store or source in store.parents:
        raise DataError(
            f"{store} lies inside {source}; name a folder outside of it for the store."
        )


def _pack(job: Work, store: Path, show: bool) -> None:
    """Write the store, or what of it is not written yet."""
    fingerprint = _fingerprint(job)
    if _finished(store, fingerprint, job.stamp):
        return
    store.mkdir(parents=True, exist_ok=True)
    with Journal(store / form.JOURNAL, fingerprint + job.stamp) as journal:
        remove_leftovers(store)
        _require_space(job, store, journal)
        _plan_rows(job, store, journal)
        chunks = _chunks(job)
        todo = {key: chunk for key, chunk in chunks.items() if key not in journal.done}
        left = sum(len(chunk["files"]) for chunk in todo.values())
        done = job.images - left
        with shown.bar("packing", job.images, done, "images", show) as update:
            lock = journal.file.fileno()
            for answer in job.fill(store, list(todo.values()), lock):
                journal.write(answer)
                update(len(todo[answer["split"], answer["start"]]["files"]))
        finish(job, store, journal, fingerprint, show)
    (store / form.JOURNAL).unlink(missing_ok=True)


def _fingerprint(job: Work) -> str:
    """Return a digest of all that decides what the store will hold."""
    said = [form.VERSION, job.shape, job.about, job.missing]
    checksum = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
    for split, files in job.files.items():
        checksum.update(json.dumps([split, files]).encode())
        checksum.update(job.labels[split].astype("<i8").tobytes())
    return checksum.hexdigest()


def _finished(store: Path, fingerprint: str, stamp: str) -> bool:
    """Return whether the store is complete; raise if it holds something else."""
    if not store.exists():
        return False
    if not store.is_dir():
        raise DataError(f"{store} is a file; name a new folder for the store.")
    journal = store / form.JOURNAL
    if (store / form.HEADER).exists():
        header = form.read_header(store)
        if header.get("fingerprint") != fingerprint:
            raise DataError(
                f"{store} is a store already, of other images or with other options. "
                "Name a new folder, or delete that one."
            )
        if header.get("stamp") != stamp:
            raise DataError(
                f"Images were replaced or repaired since {store} was packed: their "
                "sizes or times differ. Delete it and run the same command again."
            )
        for split in form.splits(store):
            form.open_store(store, split)
        if journal.exists():  # killed after the very last step
            remove_leftovers(store)
            journal.unlink(missing_ok=True)
        return True
    if any(store.iterdir()) and not journal.exists():
        raise DataError(
            f"{store} holds other files; name a new or an empty folder for the store."
        )
    return False


def _require_space(job: Work, store: Path, journal: Journal) -> None:
    """Raise unless the disk holds what is still to be written."""
    written = sum(_allocated(store / f"{name}.images") for name in job.files)
    needed = max(0, job.images * (job.row_bytes + 12) - written) + _RESERVE
    free = shutil.disk_usage(store).free
    if free < needed and not journal.moved:
        height, width, _ = job.shape
        raise DataError(
            f"Packing {job.images:,} images of {height} x {width} needs "
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


def _plan_rows(job: Work, store: Path, journal: Journal) -> None:
    """Give every file of pixels its planned length."""
    for split, files in job.files.items():
        if split in journal.moved:
            continue
        planned = len(files) * job.row_bytes
        with open(store / f"{split}.images", "ab") as images:
            begun = any(name == split for name, _ in journal.done)
            if begun and images.tell() != planned:
                raise DataError(
                    f"{store} was altered since packing began: {split}.images has "
                    f"{images.tell():,} of {planned:,} bytes. Delete the folder and "
                    "run again."
                )
            images.truncate(planned)


def _chunks(job: Work) -> dict[tuple[str, int], dict]:
    """Cut the planned rows into chunks; not by the number of workers."""
    step = max(1, min(_MOST_IN_CHUNK, _CHUNK_BYTES // job.row_bytes))
    return {
        (split, start): {
            "split": split, "start": start, "files": files[start : start + step],
        }
        for split, files in job.files.items()
        for start in range(0, len(files), step)
    }  # fmt: skip


def _report(store: Path, started: float) -> Report:
    """Describe a finished store."""
    header = form.read_header(store)
    skipped = [
        (split, file, reason)
        for split, said in header["splits"].items()
        for file, reason in said["skipped"]
    ]
    files = [f"{s}.{part}" for s in header["splits"] for part in form.PARTS]
    size = sum((store / file).stat().st_size for file in (*files, form.HEADER))
    seconds = time.monotonic() - started
    return Report(store, form.splits(store), skipped, header["notes"], seconds, size)


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
