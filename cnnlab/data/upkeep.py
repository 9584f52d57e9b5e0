"""Bring a benchmark into a data root, check what is there, and list it all."""

import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from cnnlab.data import _base, archives, benchmarks, download, embedded, trees
from cnnlab.data._base import DataError


class Row(NamedTuple):
    """One line of the list of data sets."""

    name: str
    found: bool
    where: str
    holds: str
    licence: str


class Finding(NamedTuple):
    """One checked item: what, whether it is good, and the words for it."""

    item: str
    good: bool
    said: str


def fetch(
    name: str, root=None, report: Callable[[int, int], None] = lambda done, total: None
) -> Path:
    """Download a benchmark, or mend it; what is whole is not fetched again.

    Parameters
    ----------
    name : "mnist", "fashion-mnist" or "cifar10"
    root : where to; by default the first data root that can be written
    report : called with the bytes so far and the total of each file

    Returns
    -------
    Path
        The folder that holds the files, laid out as torchvision does.
    """
    _base.require_name(name, "fetch")
    if name in embedded.LOADERS:
        raise ValueError(f"fetch: {name} is part of the course; load it: no network.")
    if name not in benchmarks.BENCHMARKS:
        raise ValueError(
            f"fetch: {name!r} has no address; those that have: "
            f"{', '.join(benchmarks.BENCHMARKS)}. An archive of images is unpacked: "
            "python -m cnnlab data unpack ARCHIVE"
        )
    whole = _whole_folder(name, root)
    if whole is not None:
        return whole
    root = _base.writable_root(root)
    folder, command = root / benchmarks.BENCHMARKS[name].folder, _command(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (_fetch_cifar if name == "cifar10" else _fetch_idx)(name, folder, report)
    except OSError as error:
        raise _base.disk_fault(error, folder, command) from None
    return folder


def verify(name: str, root=None) -> Iterator[Finding]:
    """Check every file of a data set and yield one finding for each.

    Bundled files and benchmarks are compared with their checksums; the images of a
    tree are all decoded.
    """
    _base.require_name(name, "verify")
    if name in embedded.LOADERS:
        yield from _verify_embedded(name)
    elif name in benchmarks.BENCHMARKS:
        yield from _verify_benchmark(name, root)
    else:
        yield from _verify_tree(trees.find(name, root))


def available(root=None) -> list[Row]:
    """Return one row for each known data set and each tree in the data roots."""
    mixed = "CC0, public domain, CC BY 2.0"
    inside, photos = "scikit-image, scikit-learn", f"{len(embedded.PHOTOS)} photographs"
    rows = [
        Row("digits", True, "scikit-learn", "1,797 x 1 x 8 x 8", "CC BY 4.0"),
        Row("scenes", True, "generated", "any number x 3 x 32 x 32", "as the course"),
        Row("photos", True, inside, photos, mixed),
        Row("patches", True, inside, "2,500 x 3 x 32 x 32", mixed),
    ]
    for name, bench in benchmarks.BENCHMARKS.items():
        folders = [r / bench.folder for r in _base.search_roots(root)]
        present = [folder for folder in folders if benchmarks.any_part(bench, folder)]
        shape = "60,000 x 3 x 32 x 32" if name == "cifar10" else "70,000 x 1 x 28 x 28"
        where = str(present[0]) if present else _command(name)
        rows.append(Row(name, bool(present), where, shape, bench.licence))
    for name, tree in trees.found(root).items():
        holds = f"images in {len(trees.class_names(tree))} classes"
        rows.append(Row(name, True, str(tree), holds, "that of the files"))
    return rows


def _command(name: str) -> str:
    return f"python -m cnnlab data fetch {name}"


def _whole_folder(name: str, root) -> Path | None:
    """Return the first folder where every file of the benchmark is good."""
    bench = benchmarks.BENCHMARKS[name]
    for place in _base.search_roots(root):
        folder = place / bench.folder
        if benchmarks.any_part(bench, folder) and not any(_faults(name, folder)):
            return folder
    return None


def _faults(name: str, folder: Path) -> Iterator[str]:
    """Yield the fault of each file, "" for a good one."""
    for part in benchmarks.BENCHMARKS[name].parts:
        try:
            benchmarks.read_part(name, folder, part)
            yield ""
        except DataError as fault:
            yield str(fault)


def _fetch_idx(name: str, folder: Path, report) -> None:
    """Fetch the packed files that are not whole, and lay the plain ones beside."""
    bench = benchmarks.BENCHMARKS[name]
    bad = [
        part
        for part, fault in zip(bench.parts, _faults(name, folder), strict=True)
        if fault
    ]
    # Packed, plus unpacked: at most 48 MB a file.
    _base.require_space(folder, sum(p.size + (48 << 20) for p in bad), _command(name))
    for part in bad:
        urls, packed = [m + part.name for m in bench.mirrors], folder / part.name
        if not packed.is_file() or _base.digest(packed, "md5") != part.md5:
            download.download(urls, packed, part.md5, part.size, _command(name), report)
        content = benchmarks.read_packed(packed, part)
        with _base.atomic_file(folder / part.name.removesuffix(".gz")) as file:
            file.write(content)


def _fetch_cifar(name: str, folder: Path, report) -> None:
    """Fetch the archive unless it lies there whole, and replace each bad batch."""
    bench, packed = benchmarks.BENCHMARKS[name], benchmarks.CIFAR_ARCHIVE
    archive = folder.parent / packed.name
    if not archive.is_file() or _base.digest(archive, "md5") != packed.md5:
        needed = packed.size + sum(part.size for part in bench.parts)
        _base.require_space(folder, needed, _command(name))
        urls = [mirror + packed.name for mirror in bench.mirrors]
        download.download(
            urls, archive, packed.md5, packed.size, _command(name), report
        )
    with tempfile.TemporaryDirectory(prefix=".unpack-", dir=folder.parent) as place:
        fresh = archives.unpack(archive, place)
        for file in fresh.iterdir():  # batches.meta too, which torchvision wants
            shutil.move(file, folder / file.name)
    for fault in filter(None, _faults(name, folder)):
        raise DataError(fault)


def _verify_embedded(name: str) -> Iterator[Finding]:
    """Compare the bundled files with the checksums of the course."""
    files = {"digits": {"digits": embedded.DIGITS}, "scenes": {}}
    for item, bundled in files.get(name, embedded.PHOTOS).items():
        try:
            got = _base.digest(embedded.package_file(bundled), "sha256")
        except (DataError, OSError) as error:
            yield Finding(item, False, str(error))
            continue
        same = got == bundled.sha256
        said = "sha256 agrees" if same else f"another version (sha256 {got})"
        yield Finding(item, same, said)
    if name == "scenes":
        again = [embedded.scenes("test", n=100).images for _ in range(2)]
        same = (again[0] == again[1]).all()
        yield Finding("scenes", bool(same), "drawn twice from one seed: equal")


def _verify_benchmark(name: str, root) -> Iterator[Finding]:
    """Check the files of a benchmark in every root that has any."""
    bench = benchmarks.BENCHMARKS[name]
    folders = [r / bench.folder for r in _base.search_roots(root)]
    folders = [folder for folder in folders if benchmarks.any_part(bench, folder)]
    if not folders:
        raise benchmarks.missing(name, root)
    for folder in folders:
        for part, fault in zip(bench.parts, _faults(name, folder), strict=True):
            known = part.raw_md5 or not part.name.endswith(".gz")
            known = known or (folder / part.name).exists()
            said = "md5 agrees" if known else "length agrees; no checksum is known"
            item = str(folder / part.name.removesuffix(".gz"))
            yield Finding(item, not fault, fault or said)


def _verify_tree(tree: Path) -> Iterator[Finding]:
    """Decode every image of a tree."""
    for split in trees.splits(tree):
        if split in ("train", "test") and "all" in trees.splits(tree):
            continue  # cut from "all"
        try:
            # One small size for all: the sizes themselves may differ.
            decoded = trees.load(tree, split, size=8, cache=False)
            yield Finding(f"{tree.name}/{split}", True, f"{len(decoded):,} decode")
        except DataError as fault:
            yield Finding(f"{tree.name}/{split}", False, str(fault))
    listed = trees.manifest(tree)
    if listed:
        bad = [path for path, (_, crc) in listed.items() if _crc(tree / path) != crc]
        said = f"{len(listed) - len(bad):,} of {len(listed):,} as in the archive"
        named = f"; not {', '.join(bad[:3])}" if bad else ""
        yield Finding(f"{tree.name}, checksums", not bad, said + named)


def _crc(path: Path) -> int | None:
    """Return the CRC-32 of a file, None if it cannot be read."""
    try:
        return zlib.crc32(_base.read_regular(path))
    except OSError:
        return None
