"""Unpack a zip or tar archive into a data root: all of it, or nothing."""

import contextlib
import json
import os
import shutil
import stat
import tarfile
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from cnnlab.data import _base, benchmarks, embedded, listing, trees
from cnnlab.data._base import DataError

_BROKEN = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, LZMAError, EOFError,
    NotImplementedError, RuntimeError,
)  # fmt: skip
_BLOCK = 4096  # bytes; a file takes whole blocks of the disk


class Member(NamedTuple):
    """One file of an archive."""

    path: PurePosixPath
    size: int
    open: Callable[[], IO[bytes]]


def unpack(archive, root=None) -> Path:
    """Unpack an archive as one folder of a data root, and return that folder.

    The folder is the single top folder of the archive or, where there are several,
    is named after the archive. Files are written to a temporary folder that gets its
    name when complete. Unpacking again changes nothing.

    Parameters
    ----------
    archive : a zip or tar file (also .tar.gz, .tar.bz2, .tar.xz)
    root : where to; by default the first data root that can be written

    Raises
    ------
    DataError
        If the archive is missing or damaged, holds links or paths that lead out of
        it, if the folder exists with other content, or the disk is too small.
    """
    archive = _base.as_path(archive, "archive")
    root = _base.writable_root(root)
    with _opened(archive) as members:
        name, files = _plan(archive, members)
        if _is_complete(root / name, files):
            return root / name
        command = f"python -m cnnlab data unpack {archive}"
        space = sum(-(-file.size // _BLOCK) * _BLOCK for file in files.values())
        if sum(file.size for file in files.values()) > _largest(archive):
            raise DataError(
                f"{archive} would become {space / 1e6:,.0f} MB, more than a hundred "
                "times its size, as pictures never do; nothing was unpacked. Unpack it "
                "by other means if you trust it."
            )
        _base.require_space(root, space, command)
        try:
            _extract_all(files, root, name)
        except OSError as error:
            # Decompressors report a damaged stream as an OSError without a number.
            if error.errno is None:
                raise _damaged(archive, error) from None
            raise _base.disk_fault(error, root / name, command) from None
    return root / name


def _largest(archive: Path) -> int:
    """Return the bytes that an honest archive may hold."""
    return 100 * archive.stat().st_size + (64 << 20)


@contextlib.contextmanager
def _opened(archive: Path):
    """Yield the members of an archive; word every way in which it can be broken."""
    try:
        with _base.open_regular(archive) as file:
            start = file.read(512)
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened:
                yield [_zip_member(opened, info) for info in opened.infolist()]
        elif tarfile.is_tarfile(archive):
            with tarfile.open(archive) as opened:
                yield [_tar_member(opened, info) for info in opened.getmembers()]
        elif _base.is_markup(start):
            raise DataError(f"{archive} is a web page, not an archive. Fetch it again.")
        else:
            raise DataError(
                f"{archive} is no zip or tar archive, or is cut off. Fetch it again."
            )
    except FileNotFoundError as error:
        if error.filename is None or Path(error.filename) != archive:
            raise
        raise DataError(f"{archive} does not exist; name an archive.") from None
    except IsADirectoryError:
        raise DataError(f"{archive} is a folder; name an archive.") from None
    except _BROKEN as error:
        raise _damaged(archive, error) from None
    except OSError as error:
        raise _damaged(archive, error) from None


def _damaged(archive: Path, error: Exception) -> DataError:
    """Word an archive that opens but does not read."""
    said = str(error) or type(error).__name__
    return DataError(
        f"{archive} is damaged or cut off ({said}); nothing was unpacked. Fetch it "
        "again, then run the command again."
    )


def _zip_member(opened: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member | None:
    """Describe a file of a zip archive; None for a folder."""
    name = info.filename.replace("\\", "/")  # as some programs of Windows write it
    if name.endswith("/"):
        return None
    kind = stat.S_IFMT(info.external_attr >> 16)
    _require_plain(name, kind in (0, stat.S_IFREG))
    return Member(PurePosixPath(name), info.file_size, lambda: opened.open(info))


def _tar_member(opened: tarfile.TarFile, info: tarfile.TarInfo) -> Member | None:
    """Describe a file of a tar archive; None for a folder."""
    if info.isdir():
        return None
    _require_plain(info.name, info.isreg())
    return Member(PurePosixPath(info.name), info.size, lambda: opened.extractfile(info))


def _require_plain(name: str, plain: bool) -> None:
    """Raise for links, devices, and paths that could lead out of the folder."""
    parts = PurePosixPath(name).parts
    outside = not parts or name.startswith("/") or ".." in parts
    if outside or not plain or any(mark in name for mark in "\\:\0"):
        raise DataError(
            f"The archive holds {name!r}, which is a link or leads out of its folder; "
            "nothing was unpacked. Use an archive from a source that you trust."
        )


def _plan(archive: Path, members) -> tuple[str, dict[PurePosixPath, Member]]:
    """Return the name of the folder and its files by their path inside it."""
    kept = [m for m in members if m is not None and _wanted(m.path)]
    if not kept:
        raise DataError(f"{archive} holds no files.")
    tops = {member.path.parts[0] for member in kept}
    nested = len(tops) == 1 and all(len(member.path.parts) > 1 for member in kept)
    suffix = next((s for s in trees.ARCHIVES if archive.name.endswith(s)), "")
    name = archive.name.removesuffix(suffix) if suffix else archive.stem
    if nested and not any(map(listing.split_of, tops)):
        name, *_ = tops
        kept = [m._replace(path=m.path.relative_to(name)) for m in kept]
    files = {member.path: member for member in kept}
    if len(files) < len(kept):
        raise DataError(f"{archive} holds a file twice; nothing was unpacked.")
    both = sorted(files.keys() & {parent for path in files for parent in path.parents})
    if both:
        raise DataError(
            f"{archive} holds {str(both[0])!r} as a file and as a folder; nothing was "
            "unpacked. Fetch or pack it again."
        )
    _require_free_name(archive, name)
    return name, files


def _wanted(path: PurePosixPath) -> bool:
    """Leave out what macOS adds, and the list that an earlier ``unpack`` wrote."""
    return path.parts[0] != "__MACOSX" and path.name != trees.MANIFEST


def _require_free_name(archive: Path, name: str) -> None:
    """Raise if ``load`` could not find a folder of this name."""
    taken = {*embedded.LOADERS, *benchmarks.BENCHMARKS, "folder"}
    if name in taken or not name or name.startswith((".", "~")):
        raise DataError(
            f"The folder of {archive} would be called {name!r}, and data.load could "
            "not find it by that name; nothing was unpacked. Rename the archive, or "
            "the folder in it."
        )


def _is_complete(folder: Path, files: dict[PurePosixPath, Member]) -> bool:
    """Return whether the folder is there with every file at its size."""
    if not folder.exists():
        return False
    different = 0
    for path, member in files.items():
        try:
            different += (folder / path).stat().st_size != member.size
        except OSError:
            different += 1
    if different:
        raise DataError(
            f"{folder} exists, but {different:,} of the {len(files):,} files of the "
            "archive are missing there or differ; nothing was changed. Move the "
            "folder away, then run the command again."
        )
    return True


def _extract_all(files: dict[PurePosixPath, Member], root: Path, name: str) -> None:
    """Write all files into a temporary folder, then give it its name."""
    _remove_leftovers(root)
    workplace = Path(tempfile.mkdtemp(prefix=".unpack-", dir=root))
    made, listed = set(), {}
    try:
        for path, member in files.items():
            target = workplace / name / path
            if target.parent not in made:
                target.parent.mkdir(parents=True, exist_ok=True)
                made.add(target.parent)
            listed[str(path)] = _copy(member, target)
        with open(workplace / name / trees.MANIFEST, "x", encoding="utf-8") as file:
            json.dump(listed, file)
        os.rename(workplace / name, root / name)
    finally:
        shutil.rmtree(workplace, ignore_errors=True)


def _copy(member: Member, target: Path) -> tuple[int, int]:
    """Write one file; return its size and CRC-32."""
    size = crc = 0
    with member.open() as source, open(target, "xb") as file:
        while block := source.read(1 << 18):
            file.write(block)
            size, crc = size + len(block), zlib.crc32(block, crc)
    if size != member.size:
        raise EOFError(f"{target.name} has {size:,} of {member.size:,} bytes")
    return size, crc


def _remove_leftovers(root: Path) -> None:
    """Remove temporary folders that a killed run left behind more than a day ago."""
    for folder in root.glob(".unpack-*"):
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime > 86400:
                shutil.rmtree(folder, ignore_errors=True)
