"""What lies in a folder or in a zip archive, without looking into any image."""

import os
import zipfile
from pathlib import Path
from typing import NamedTuple

from cnnlab.data import DataError, trees

# What folders of splits may be called, and the split that they are.
_SPLITS = {
    "train": "train", "training": "train", "test": "test", "testing": "test",
    "val": "val", "validation": "val", "valid": "val",
}  # fmt: skip


def split_of(folder: str) -> str | None:
    """Return the split that a folder of this name is, if any: Train is train."""
    return _SPLITS.get(folder.lower())


class Listing(NamedTuple):
    """What lies in a source, as relative paths with "/"."""

    root: Path
    kind: str  # "folder" or "zip"
    files: frozenset[str]
    folders: tuple[str, ...]
    unread: tuple[str, ...] = ()  # folders that may not be read
    prefix: str = ""  # of the names in a zip


def of(place: Path) -> Listing:
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
        prefix = "" if split_of(top) else f"{top}/"
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


def children(found: Listing, folder: str) -> list[str]:
    """Return the folders directly in a folder."""
    start = f"{folder}/" if folder else ""
    inside = [name for name in found.folders if name.startswith(start)]
    return [name for name in inside if "/" not in name[len(start) :]]


def is_image(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in trees.SUFFIXES


def images_below(found: Listing, folder: str) -> list[str]:
    start = f"{folder}/" if folder else ""
    names = (name for name in found.files if name.startswith(start))
    return sorted(name for name in names if is_image(name))
