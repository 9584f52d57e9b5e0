"""The one walk over folders of pictures, or a zip archive of them: names, no pixels.

Layouts are ``CLASS/image`` and ``SPLIT/CLASS/image``; below a class folder every
picture counts, however deep. What is a picture is told by its suffix and, where that is
none or an odd one, by its first bytes. Links to folders are followed, but not in a
circle. Hidden names and folders that systems make are left out; what else is left out
is counted, and ``notes`` says it.
"""

import contextlib
import functools
import os
import re
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from cnnlab.data import _base, pictures
from cnnlab.data._base import DataError

SUFFIXES = frozenset(
    ".bmp .dib .gif .jfif .jpe .jpeg .jpg .pbm .pgm .png .pnm .ppm .tif .tiff .webp"
    .split()
)  # fmt: skip
# Pictures, but none that are read: raw photographs begin like TIFF files.
_FOREIGN = frozenset(
    ".3fr .arw .avif .cr2 .cr3 .dds .dng .eps .heic .heif .icns .ico .j2k .jp2 .jxl "
    ".nef .orf .pcx .pef .ps .psd .raf .rw2 .srw .svg .tga .xbm .xcf".split()
)
# Files beside pictures that go without saying.
_QUIET = frozenset(
    ".7z .avi .bz2 .cfg .csv .data .db .doc .docx .gz .htm .html .ini .ipynb .json "
    ".jsonl .log .lst .mat .md .md5 .mov .mp3 .mp4 .names .npy .npz .pdf .pkl .py .rar "
    ".rst .sha256 .tar .tgz .toml .tsv .txt .url .wav .xls .xlsx .xml .xz .yaml .yml "
    ".zip".split()
)
_QUIET_NAMES = frozenset("readme license licence copying notice changelog".split())
# Folders that are made by systems and by storage devices: thumbnails, waste baskets.
_SYSTEM = frozenset(
    name.casefold()
    for name in (
        "__MACOSX", "@eaDir", "@Recycle", "@Recently-Snapshot", "@tmp", "#recycle",
        "#snapshot", "$RECYCLE.BIN", "RECYCLER", "System Volume Information",
        "lost+found", "__pycache__",
    )
)  # fmt: skip
# What folders of splits may be called, and the split that they are.
_SPLITS = {
    "train": "train", "training": "train", "test": "test", "testing": "test",
    "val": "val", "validation": "val", "valid": "val",
}  # fmt: skip
_MOST_LINKS = 8  # one inside the other
# Why something is left out.
UNREAD, DEAD, CIRCLE, SYSTEM, HIDDEN, STRANGE, OUTSIDE, TWICE = (
    "may not be read, left out", "links that lead nowhere, left out",
    "links that lead in a circle, left out", "folders of the system, left out",
    "hidden pictures, left out", "files that are no pictures, left out",
    "names that lead out of the archive, left out",
    "names that stand in the archive twice, the last one read",
)  # fmt: skip


class Listing(NamedTuple):
    """What lies in a source, as relative paths with "/"."""

    root: Path
    kind: str  # "folder" or "zip"
    files: dict[str, str]  # path -> what changes when the file does
    images: frozenset[str]  # those that are pictures
    folders: tuple[str, ...]
    left_out: dict[str, list[str]]  # why -> what
    prefix: str = ""  # of the names in a zip


class Entry(NamedTuple):
    """What the walk over a folder meets: a folder, a file, or what is left out."""

    name: str
    folder: bool
    state: str = ""
    left_out: str | None = None


def of(place: Path) -> Listing:
    """Return what lies in a folder, in a zip archive, or in a folder of one."""
    if os.path.isdir(place):
        return _list_folder(place)
    archive = zip_of(place)
    if archive is not None:
        inside = place.relative_to(archive).as_posix()
        return _list_zip(archive, "" if inside == "." else inside)
    if not os.path.exists(place):
        raise DataError(f"{place} does not exist; name a folder of images, or a .zip.")
    raise DataError(
        f"{place} is neither a folder nor a whole .zip archive. Unpack other "
        f"archives first: python -m cnnlab data unpack {place}"
    )


def zip_of(place: Path) -> Path | None:
    """Return the zip archive that a place is, or lies in."""
    for path in (place, *place.parents):
        if os.path.isfile(path):  # no pipe: that would be waited for
            return path if zipfile.is_zipfile(path) else None
    return None


def is_tree(folder: Path) -> bool:
    """Return whether there is a picture in a class folder; reads no further."""
    with contextlib.suppress(DataError):
        return any(
            "/" in entry.name and _is_picture(entry.name, _start_in(folder))
            for entry in _walk(folder)
            if not entry.folder and not entry.left_out
        )
    return False


# ---------------------------------------------------------------------- the two walks


def _list_folder(root: Path) -> Listing:
    files, folders, left = {}, [], {}
    for entry in _walk(root):
        if entry.left_out:
            left.setdefault(entry.left_out, []).append(entry.name)
        elif entry.folder:
            folders.append(entry.name)
        else:
            files[entry.name] = entry.state
    return _listed(root, "folder", files, folders, left, _start_in(root))


def _walk(root: Path) -> Iterator[Entry]:
    """Yield every entry below a folder."""
    pending = [("", (_identity(root),), 0)]
    while pending:
        inside, around, links = pending.pop()
        try:
            entries = list(os.scandir(root / inside))
        except OSError as error:
            if not inside:
                raise DataError(f"{root} cannot be read ({error.strerror}).") from None
            yield Entry(inside, True, left_out=UNREAD)
            continue
        for entry in entries:
            name = f"{inside}/{entry.name}" if inside else entry.name
            came = _met(entry, name, around, links)
            if came is not None:
                yield came
            if came is not None and came.folder and not came.left_out:
                deeper = links + entry.is_symlink()
                pending.append((name, (*around, _identity(entry.path)), deeper))


def _met(entry: os.DirEntry, name: str, around: tuple, links: int) -> Entry | None:
    """Return what an entry of a folder is, None for what goes without saying."""
    try:
        folder = entry.is_dir()
    except OSError:
        folder = False
    if entry.name.startswith("."):
        seen = not folder and _suffix(name) in SUFFIXES
        return Entry(name, False, left_out=HIDDEN) if seen else None
    if folder and entry.name.casefold() in _SYSTEM:
        return Entry(name, True, left_out=SYSTEM)
    if folder and entry.is_symlink():
        again = links >= _MOST_LINKS or _identity(entry.path) in around
        return Entry(name, True, left_out=CIRCLE if again else None)
    try:
        status = entry.stat()
    except OSError:  # of a picture, the decoder will say what is wrong
        odd = _suffix(name) not in SUFFIXES
        return Entry(name, False, left_out=DEAD if odd else None)
    return Entry(name, folder, f"{status.st_size} {status.st_mtime_ns}")


def _identity(folder) -> tuple | None:
    """Return what is the same for all paths to a folder."""
    try:
        status = os.stat(folder)
    except OSError:
        return None
    # Windows has no such numbers for some disks.
    return (status.st_dev, status.st_ino) if status.st_ino else os.path.realpath(folder)


def _list_zip(path: Path, inside: str) -> Listing:
    """List a zip archive; one folder around all pictures is taken off."""
    try:
        with zipfile.ZipFile(path) as archive:
            prefix = f"{inside}/" if inside else _around(members(archive))
            infos = members(archive, prefix)
            left = _left_out(archive, prefix)
            files = {name: f"{i.file_size} {i.CRC}" for name, i in infos.items()
                     if name and not _is_folder(i)}  # fmt: skip
            folders = {name for name, i in infos.items() if _is_folder(i) and name}
            for name in files:
                parts = name.split("/")[:-1]
                folders |= {"/".join(parts[: n + 1]) for n in range(len(parts))}

            def start(name: str) -> bytes:
                with archive.open(infos[name]) as file:
                    return file.read(16)

            found = _listed(path, "zip", files, folders, left, start, prefix)
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be read ({error}). Fetch it again.") from None
    if inside and not files:
        raise DataError(f"{path} holds no folder {inside}.")
    return found


def members(archive: zipfile.ZipFile, prefix: str = "") -> dict[str, zipfile.ZipInfo]:
    """Return the files and folders of an archive below ``prefix`` by their paths.

    Paths are cleaned: "/" between folders (Windows writes backslashes), none in front
    and never two; what leads out, is hidden or made by a system is left out.
    """
    found = {}
    for info in archive.infolist():
        name = member_path(info.filename)
        if name is not None and name.startswith(prefix) and visible(name):
            found[name[len(prefix) :]] = info
    return found


_ODD = re.compile(r"\\|^/|//|/$|(^|/)\.\.?(/|$)")


def member_path(name: str) -> str | None:
    """Return the cleaned path of a file in an archive, None if it leads out of it.

    Examples
    --------
    >>> member_path("t//a\\\\x.jpg"), member_path("../x.jpg")
    ('t/a/x.jpg', None)
    """
    if not _ODD.search(name):
        return name
    parts = [p for p in name.replace("\\", "/").split("/") if p not in ("", ".")]
    return None if ".." in parts else "/".join(parts)


def _left_out(archive: zipfile.ZipFile, prefix: str) -> dict[str, list[str]]:
    """Return what of an archive is not listed, and why."""
    left: dict[str, list[str]] = {}
    seen = set()
    for info in archive.infolist():
        name = member_path(info.filename)
        if name is None:
            left.setdefault(OUTSIDE, []).append(info.filename)
        elif name.startswith(prefix) and not _is_folder(info):
            if name in seen:
                left.setdefault(TWICE, []).append(name)
            elif not visible(name):
                _add_hidden(left, name)
            seen.add(name)
    return left


def _add_hidden(left: dict[str, list[str]], name: str) -> None:
    """Note a file that is hidden, or the folder of the system around it."""
    parts = name.split("/")
    system = [n for n, part in enumerate(parts) if part.casefold() in _SYSTEM]
    if system:
        folder = "/".join(parts[: system[0] + 1])
        if folder not in left.setdefault(SYSTEM, []):
            left[SYSTEM].append(folder)
    elif _suffix(name) in SUFFIXES:
        left.setdefault(HIDDEN, []).append(name)


def _is_folder(info: zipfile.ZipInfo) -> bool:
    return info.filename.endswith(("/", "\\"))


def visible(name: str) -> bool:
    """Return whether no part of a path is hidden or made by a system."""
    folder, _, last = name.rpartition("/")
    if last.startswith(".") or last.casefold() in _SYSTEM:
        return False
    return not folder or _visible_folder(folder)


@functools.lru_cache(1 << 14)
def _visible_folder(folder: str) -> bool:
    return visible(folder)


def _around(infos: dict[str, zipfile.ZipInfo]) -> str:
    """Return the folder around all pictures of an archive with "/", or nothing."""
    files = [name for name, info in infos.items() if name and not _is_folder(info)]
    images = [name for name in files if _suffix(name) in SUFFIXES] or files
    tops = {name.split("/")[0] for name in images}
    if len(tops) != 1 or not all("/" in name for name in images):
        return ""
    (top,) = tops
    return "" if split_of(top) else f"{top}/"


# ------------------------------------------------------------------ what is a picture


def _listed(root, kind, files, folders, left, start, prefix="") -> Listing:
    """Return the listing, with pictures told from other files."""
    images = frozenset(name for name in files if _is_picture(name, start))
    strange = [name for name in files if name not in images and _is_strange(name)]
    left = {**left, STRANGE: strange} if strange else left
    left = {why: sorted(names) for why, names in left.items()}
    return Listing(root, kind, files, images, tuple(sorted(folders)), left, prefix)


def _is_picture(name: str, start: Callable[[str], bytes]) -> bool:
    """Return whether a file is a picture; ``start`` returns the first bytes of one."""
    if _suffix(name) in SUFFIXES:
        return True
    if not _is_strange(name):
        return False
    try:
        begin = start(name)
    except Exception:  # whatever an archive raises, and the disk
        return False
    found = pictures.kind(begin)
    # Two letters are soon met by chance.
    return found not in (None, "PPM") and (found != "BMP" or begin[6:10] == bytes(4))


def _is_strange(name: str) -> bool:
    """Return whether only the content says what a file is."""
    suffix, base = _suffix(name), name.rsplit("/", 1)[-1].casefold()
    return suffix not in _QUIET | _FOREIGN and base not in _QUIET_NAMES


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def _start_in(root: Path) -> Callable[[str], bytes]:
    def start(name: str) -> bytes:
        with _base.open_regular(root / name) as file:
            return file.read(16)

    return start


def notes(found: Listing) -> list[str]:
    """Return in sentences what is left out."""
    said = [
        f"{len(names):,} {why}: {listed(names)}" if why != UNREAD else f"{why}: {name}"
        for why, names in found.left_out.items()
        for name in (names if why == UNREAD else names[:1])
    ]
    kinds = Counter(_suffix(name) for name in found.files)
    return said + [
        f"{n:,} {kind} files left out: not read here; save them as JPEG or PNG"
        for kind, n in sorted(kinds.items())
        if kind in _FOREIGN
    ]


def listed(names) -> str:
    """Return the first three names, and how many there are more."""
    names = list(names)
    more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


# -------------------------------------------------------------- splits and classes


def split_of(folder: str) -> str | None:
    """Return the split that a folder of this name is, if any: Train is train."""
    return _SPLITS.get(folder.lower())


def children(found: Listing, folder: str) -> list[str]:
    """Return the folders directly in a folder."""
    start = f"{folder}/" if folder else ""
    inside = [name for name in found.folders if name.startswith(start)]
    return [name for name in inside if "/" not in name[len(start) :]]


def images_below(found: Listing, folder: str) -> list[str]:
    start = f"{folder}/" if folder else ""
    return sorted(name for name in found.images if name.startswith(start))


def split_folders(found: Listing) -> tuple[dict[str, str], dict[str, str]]:
    """Return split -> folder, of those with class folders and of those without."""
    named = [name for name in children(found, "") if split_of(name)]
    kinds = {name: [c.split("/")[1] for c in children(found, name)] for name in named}
    # Tiny ImageNet keeps the images of val and test in one folder called "images".
    nested = [name for name in named if kinds[name] and kinds[name] != ["images"]]
    loose = [name for name in named if name not in nested]
    loose = [name for name in loose if images_below(found, name)]
    return _by_split(found, nested), _by_split(found, loose)


def _by_split(found: Listing, folders: list[str]) -> dict[str, str]:
    """Return the folders by the split they are, each at most once."""
    splits: dict[str, str] = {}
    for folder in folders:
        split = split_of(folder)
        if split in splits:
            raise DataError(
                f"{found.root} has both {splits[split]} and {folder}, which mean the "
                "same split. Move one of them away."
            )
        splits[split] = folder
    return splits


def by_class(found: Listing, folder: str) -> dict[str, list[str]]:
    """Return the sorted images of every class folder of a split, empty ones too."""
    start = f"{folder}/" if folder else ""
    kinds: dict[str, list[str]] = {
        name[len(start) :]: [] for name in children(found, folder)
    }
    for name in images_below(found, folder):
        kind, slash, _ = name[len(start) :].partition("/")
        if slash:
            kinds[kind].append(name)
    # A folder beside the classes that holds no picture at all (notes, boxes) is none.
    filled = set() if folder else {name.split("/")[0] for name in found.files}
    return {kind: files for kind, files in kinds.items()
            if files or kind not in filled}  # fmt: skip


def no_classes(found: Listing, per_split) -> list[str]:
    """Name the folders beside the classes that hold no pictures."""
    if "" not in per_split:
        return []
    rest = [name for name in children(found, "") if name not in per_split[""]]
    return [f"no pictures in {listed(rest)}: no class"] if rest else []


def joined(per_split: dict[str, dict[str, list[str]]]):
    """Return the same with one name for each class, and what was joined, in words.

    Names that differ only in how letters are composed (e + accent, or one letter) look
    the same and mean one class. Capitals tell classes apart within a split ("A", "a"),
    but not between splits if that leaves one class in each of them without the other.
    """
    names: dict[str, str] = {}  # composed -> as it is first written
    spelled: dict[str, set[str]] = {}
    result: dict[str, dict[str, list[str]]] = {}
    first: set[str] = set()
    for split, kinds in per_split.items():
        composed = {kind: unicodedata.normalize("NFC", kind) for kind in kinds}
        first = first or set(composed.values())
        capitals = _respelled(set(composed.values()), first)
        mine = result.setdefault(split, {})
        for kind, files in kinds.items():
            name = names.setdefault(capitals[composed[kind]], kind)
            spelled.setdefault(name, set()).add(kind)
            mine[name] = sorted([*mine.get(name, ()), *files])
    return result, [
        f"{listed(sorted(map(ascii, kinds)))} are read as one class, {name}"
        for name, kinds in spelled.items()
        if len(kinds) > 1
    ]


def _respelled(kinds: set[str], first: set[str]) -> dict[str, str]:
    """Return each class of a split in the capitals of the first split."""
    lacking: dict[str, list[str]] = {}
    for name in first - kinds:
        lacking.setdefault(name.casefold(), []).append(name)
    own = Counter(name.casefold() for name in kinds - first)
    new = {}
    for kind in kinds:
        there = lacking.get(kind.casefold(), ())
        one = kind not in first and len(there) == 1 and own[kind.casefold()] == 1
        new[kind] = there[0] if one else kind
    return new
