"""Labels that stand in a file instead of in folder names, and names of synsets.

Three forms of label files are read:

* ``NAME CLASS`` a line, parted by tabs, semicolons, commas or spaces, in quotes or
  not, further fields ignored: Tiny ImageNet's ``val_annotations.txt``, Kaggle's
  ``LOC_val_solution.csv``. CLASS is a class folder, such as the synset n01440764.
  A table with one column a class, of zeros and one 1 a line, means the same.
* ``NAME NUMBER`` a line, Caffe's ``val.txt``: the number counts the sorted class
  folders from 0.
* ``NUMBER`` a line, ``ILSVRC2012_validation_ground_truth.txt`` of the development
  kit: the ids of the images in the order of their names. Ids count the synsets from 1
  in the order of the kit's ``meta.mat``, which is *not* the alphabetical order, so
  that file (or a text file with one synset a line, in that order) is needed too.

Source: Russakovsky et al. 2015, ILSVRC; readme.txt of its development kit.
"""

import csv
import os
import re
import unicodedata
import zipfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from cnnlab import shapes
from cnnlab.data import DataError, listing
from cnnlab.data import _base as base
from cnnlab.data.listing import listed


class Text(NamedTuple):
    """The lines of a label file, split into words."""

    name: str
    rows: list[list[str]]


class Named(NamedTuple):
    """Images with their class, and those without one."""

    pairs: list[tuple[str, str]]
    classes: tuple[str, ...]  # in the order of their labels
    missing: list[tuple[str, str]]  # (file, reason)


def read_text(path) -> Text:
    """Return a label file, split into words."""
    path = base.as_path(path, "labels")
    return Text(path.name, _rows(_read(path), path.name))


def inner_text(found, name: str) -> Text:
    """Return a label file that lies in the source."""
    return Text(name, _rows(_inside(found, name), name))


def tree_words(found) -> dict[str, str]:
    """Return the names of the synsets in ``words.txt`` of a tree, if it is there."""
    if "words.txt" not in found.files:
        return {}
    return _words(_inside(found, "words.txt"))


def read_words(path) -> dict[str, str]:
    """Return synset -> names, in the order of the file; ``meta.mat`` is read too."""
    if path is None:
        return {}
    path = base.as_path(path, "synset_words")
    words = _matlab(path) if path.suffix == ".mat" else _words(_read(path))
    if not words:
        raise DataError(f"{path} lists no synsets; expected lines like n01440764 tench")
    return words


def spoken(folders: tuple[str, ...], words: dict[str, str]) -> tuple[str, ...]:
    """Return a name for people for every class folder, all different.

    Examples
    --------
    >>> words = {"n1": "crane, bird", "n2": "crane, machine", "n3": "tench"}
    >>> spoken(("n1", "n2", "n3", "mine"), words)
    ('crane (n1)', 'crane (n2)', 'tench', 'mine')
    """
    first = [
        words[name].split(",")[0].strip() if name in words else name for name in folders
    ]
    count = Counter(first)
    return tuple(
        name if count[name] == 1 else f"{name} ({folder})"
        for name, folder in zip(first, folders, strict=True)
    )


def match(files: list[str], text: Text, folders, words: dict[str, str]) -> Named:
    """Return the class of every file by a label file.

    Parameters
    ----------
    files : sorted paths of the images
    text : the label file
    folders : the classes where they are known, else empty
    words : synsets in the order of the ids, see ``read_words``
    """
    missing: list[tuple[str, str]] = []
    if all(len(row) == 1 for row in text.rows):
        pairs = _by_position(files, text, words)
        classes = folders or tuple(sorted(words))
    else:
        pairs, missing = _by_name(files, text)
        pairs, classes = _classes(pairs, text, folders, words)
    strange = sorted({kind for _, kind in pairs} - set(classes))
    if strange:
        raise DataError(
            f"{text.name} names classes that the tree does not have: {listed(strange)}."
        )
    if not pairs:
        first = shapes.spoken(" ".join(text.rows[0])) if text.rows else "none"
        raise DataError(
            f"{text.name} names none of the {len(files):,} images; is it the label "
            f"file of this folder? Its first line: {first}"
        )
    return Named(pairs, classes, missing)


def _by_position(files, text: Text, words) -> list[tuple[str, str]]:
    """Pair sorted files with ids that count the synsets from 1."""
    order = list(words)
    if not order:
        raise DataError(
            f"{text.name} holds ids only; name the synsets in their order: "
            "--synset-words meta.mat (of the same development kit)."
        )
    if len(order) >= 1000 and order == sorted(order):
        raise DataError(
            f"{text.name} holds ids of the ILSVRC development kit, which do not count "
            "the synsets in alphabetical order as this list does: its first is "
            "n02119789. Use the kit's own: --synset-words meta.mat"
        )
    if len(text.rows) != len(files):
        raise DataError(
            f"{text.name} has {len(text.rows):,} ids, but there are {len(files):,} "
            "images; without names they only fit when they are equally many."
        )
    ids = [_id(row[0], len(order), text.name) for row in text.rows]
    return [(file, order[i - 1]) for file, i in zip(files, ids, strict=True)]


def _id(word: str, count: int, name: str) -> int:
    """Return a word as an id from 1 to ``count``, or raise."""
    if not re.fullmatch(r"[0-9]{1,9}", word) or not 1 <= int(word) <= count:
        raise DataError(
            f"{name}: expected ids from 1 to {count}, one a line, or lines of a file "
            f"name and a class; got {shapes.spoken(word)}."
        )
    return int(word)


def _by_name(files: list[str], text: Text):
    """Pair files with the second field of the line that begins with their name."""
    kinds: dict[str, str | None] = {}  # None: two classes for one name
    for row in text.rows:
        if len(row) > 1 and row[1]:
            for key in _keys(row[0]):
                kinds[key] = row[1] if kinds.get(key, row[1]) == row[1] else None
    pairs, missing = [], []
    for file in files:
        named = [kinds[key] for key in _keys(file) if key in kinds]
        if named and not any(named):
            raise DataError(
                f"{text.name} gives {file} two classes. Leave one of its lines."
            )
        kind = next(filter(None, named), None)
        if kind:
            pairs.append((file, kind))
        else:
            missing.append((file, f"no line in {text.name}"))
    stems = {_stem(row[0]) for row in text.rows if len(row) > 1}
    absent = stems - {_stem(file) for file in files} - {_stem(text.rows[0][0])}
    missing += [(name, f"only a line in {text.name}") for name in sorted(absent)]
    return pairs, missing


def _keys(name: str) -> list[str]:
    """Return what a file may be called, the fullest name first.

    Examples
    --------
    >>> _keys("val/x.png")
    ['val/x.png', 'x.png', 'val/x', 'x']
    """
    parts = [part for part in name.replace("\\", "/").split("/") if part]
    tails = ["/".join(parts[n:]) for n in range(len(parts))]
    return list(dict.fromkeys([*tails, *map(_without_suffix, tails)]))


def _classes(pairs, text: Text, folders, words):
    """Return the pairs with class folders instead of numbers, and all classes."""
    spelled = _spelled({kind for _, kind in pairs}, folders, text.name)
    pairs = [(file, spelled[kind]) for file, kind in pairs]
    kinds = {kind for _, kind in pairs}
    if kinds <= set(folders) or not all(kind.isdecimal() for kind in kinds):
        return pairs, folders or tuple(sorted(kinds))
    classes = folders or tuple(sorted(words))
    if not classes:  # nothing but the numbers is known
        return pairs, tuple(sorted(kinds, key=int))
    highest = max(map(int, kinds))
    if highest >= len(classes) or (not folders and highest + 1 < len(classes)):
        raise DataError(
            f"{text.name} numbers the classes from 0 to {highest}, but there are "
            f"{len(classes):,}; are both of the same set?"
        )
    return [(file, classes[int(kind)]) for file, kind in pairs], classes


def _spelled(kinds: set[str], folders, name: str) -> dict[str, str]:
    """Return each class of a table as the class folder is written, or raise."""
    folded: dict[str, list[str]] = {}
    for folder in folders:
        folded.setdefault(_folded(folder), []).append(folder)
    spelled = {}
    for kind in kinds:
        alike = folded.get(_folded(kind), ())
        written = alike[0] if len(alike) == 1 and kind not in folders else kind
        spelled[kind] = (
            unicodedata.normalize("NFC", written) if not folders else written
        )
        if kind not in folders and re.fullmatch(r"[+-]?\d*\.\d+(e[+-]?\d+)?", kind):
            if float(kind) != int(float(kind)):
                raise DataError(
                    f"{name} gives the class {kind}: expected names or whole numbers "
                    "in the second column, or one column a class with a single 1."
                )
            spelled[kind] = str(int(float(kind)))  # 2.0, as spreadsheets write it
    return spelled


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _stem(name: str) -> str:
    """Return the name of a file without folders and suffix."""
    return _without_suffix(name.replace("\\", "/").rsplit("/", 1)[-1])


def _without_suffix(name: str) -> str:
    stem, suffix = os.path.splitext(name)
    return stem if suffix.lower() in listing.SUFFIXES else name


def _rows(lines: list[str], name: str) -> list[list[str]]:
    """Split lines into fields: at tabs, semicolons or commas, or else at spaces.

    Of a field that lists several (Kaggle: synset, box, synset, box), the first counts.
    """
    lines = [line.strip() for line in lines if line.strip()]
    common = {m for m in "\t;," if 2 * sum(m in line for line in lines) > len(lines)}
    mark = next((m for m in "\t;," if m in common), None)
    rows = []
    for number, line in enumerate(lines, 1):
        # Line by line: a quote that is left open must not swallow the others.
        (fields,) = csv.reader([line], delimiter=mark or " ", skipinitialspace=True)
        fields = [field.strip() for field in fields]
        if len(fields) > 1 and re.match(r"n\d{8}\s", fields[1]):
            fields[1] = fields[1].split()[0]
        known = len(fields) < 3 or re.fullmatch(r"n\d{8}|\d+", fields[1])
        if mark is None and not known:
            raise DataError(
                f"{name}: line {number} has {len(fields)} words, and a class may be "
                "several; part names and classes by a tab or a comma."
            )
        rows.append(fields)
    return _from_columns(rows, name)


def _from_columns(rows: list[list[str]], name: str) -> list[list[str]]:
    """Return NAME CLASS rows of a table with one column a class; others as they are."""
    head, *body = rows or [[]]
    width = len(head)
    if not body or width < 3 or head[1].lower() in _LABEL:
        return rows
    if any(len(row) != width for row in body):
        return rows
    bits = [{_bit(row[n]) for row in body} <= {"0", "1"} for n in range(1, width)]
    if not bits[0] or sum(bits) < 2:
        return rows
    marked = [[_bit(field) for field in row[1:]] for row in body]
    right = all(bits) and all(row.count("1") == 1 for row in marked)
    if not right or {_bit(field) for field in head[1:]} <= {"0", "1"}:
        raise DataError(
            f"{name} has several columns of 0 and 1: expected the names of the classes "
            "in the first line and a single 1 in every other, or NAME CLASS a line."
        )
    named = zip(body, marked, strict=True)
    return [head[:1], *([row[0], head[1 + bits.index("1")]] for row, bits in named)]


_LABEL = ("label", "labels", "class", "category", "target", "y")


def _bit(field: str) -> str:
    """Return 1.0 as 1 and 0.0 as 0, anything else as it is."""
    return field[:1] if re.fullmatch(r"[01]\.0+", field) else field


def _read(path: Path) -> list[str]:
    """Return the lines of a text file, or say why not."""
    try:
        # Excel begins with a mark.
        text = base.read_regular(path).decode("utf-8-sig")
    except FileNotFoundError:
        raise DataError(f"{path} does not exist; name a label file.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}).") from None
    except UnicodeDecodeError:
        raise DataError(f"{path} is no text file in UTF-8.") from None
    if not text.strip():
        raise DataError(f"{path} is empty.")
    return text.splitlines()


def _inside(found, name: str) -> list[str]:
    """Return the lines of a text file of the source."""
    if found.kind == "folder":
        return _read(found.root / name)
    try:
        with zipfile.ZipFile(found.root) as archive:
            text = archive.read(listing.members(archive, found.prefix)[name])
        return text.decode("utf-8-sig").splitlines()
    except (OSError, ValueError, RuntimeError, zipfile.BadZipFile) as error:
        raise DataError(f"{name} in {found.root} cannot be read ({error}).") from None


def _words(lines: list[str]) -> dict[str, str]:
    """Return first word -> the rest of each line."""
    pairs = (line.strip().partition("\t" if "\t" in line else " ") for line in lines)
    return {key: rest.strip() or key for key, _, rest in pairs if key}


def _matlab(path: Path) -> dict[str, str]:
    """Return the leaf synsets of the development kit in the order of their ids."""
    from scipy.io import loadmat

    try:
        with base.open_regular(path) as file:
            rows = loadmat(file, squeeze_me=True)["synsets"]
        # ILSVRC2012_ID, WNID, words, gloss, num_children, ...
        leaves = [(int(r[0]), str(r[1]), str(r[2])) for r in rows if int(r[4]) == 0]
    except FileNotFoundError:
        raise DataError(f"{path} does not exist.") from None
    except Exception as error:  # loadmat raises whatever its parser trips over
        said = str(error) or type(error).__name__
        raise DataError(f"{path} is no meta.mat of ILSVRC ({said}).") from None
    return {synset: names for _, synset, names in sorted(leaves)}
