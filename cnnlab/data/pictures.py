"""The one reader of picture files: any file to RGB, or one sentence why not.

Formats are those of ``FORMATS`` and no others: a decoder that nobody needs is a decoder
that a hostile file can reach, and PostScript would start a program. Modes:

* 8 bits a channel, grey, RGB, CMYK, palette: as they are; alpha is dropped.
* 16-bit grey (12 bits in some TIFF files): the full range becomes 0 to 255.
* 32-bit, signed and floating-point pixels are refused: no file says which number is
  white, and a guess would make some pictures black.

A picture is turned upright by the orientation in its EXIF data; of those, nothing else
is read. What it may be large is decided by the memory that decoding takes, not by its
pixels: a JPEG is decoded at an eighth where that is enough.
"""

import contextlib
import importlib
import io
import math
import os
import struct
import threading
import warnings
from pathlib import Path
from typing import IO

import numpy as np

from cnnlab import shapes
from cnnlab.data import _base
from cnnlab.data._base import DataError

# Format -> Pillow's plugin.
FORMATS = {
    "BMP": "Bmp", "GIF": "Gif", "JPEG": "Jpeg", "PNG": "Png", "PPM": "Ppm",
    "TIFF": "Tiff", "WEBP": "WebP",
}  # fmt: skip
MEMORY = 0.5  # GB that decoding one picture may take

_STARTS = {
    b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n\x1a\n": "PNG", b"GIF87a": "GIF",
    b"GIF89a": "GIF", b"BM": "BMP", b"II*\0": "TIFF", b"MM\0*": "TIFF",
    b"II+\0": "TIFF", b"MM\0+": "TIFF",
}  # fmt: skip
_ORIENTATION, _BITS, _INVERTED, _SAMPLES = 274, 258, 262, 339  # tags of TIFF and EXIF
_STRIP, _TILES = 278, 322
_LOCK, _LIMITS = threading.Lock(), []  # of Pillow, and one for each that decodes
# Bytes of a value of each kind in a TIFF, and the tags that decoding needs.
_WIDTHS = dict(enumerate((1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4), start=1))
_NEEDED = {254, 256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 284, 292, 293,
           317, 320, 322, 323, 324, 325, 338, 339, 347, 529, 530, 531, 532}  # fmt: skip
_TEXTS = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")  # of a PNG
_TURNED_BY = (b"XML:com.adobe.xmp\0\0", b"Raw profile type exif\0")  # texts that count


class Unreadable(DataError):
    """A file that is no picture, or none that is read here; the text says why."""


def read(path, size: int | None = None, memory: float = MEMORY) -> np.ndarray:
    """Return the image in a file as uint8 (3, H, W), RGB and upright.

    With ``size`` the centre square is resized to (3, size, size), which equals
    resizing the short side to ``size`` and cutting out the centre. ``memory`` is the
    most, in GB, that decoding may take.

    Raises
    ------
    DataError
        If the file is missing, unreadable or does not decode.
    """
    if size is not None:
        size = shapes.require_int(size, 1, "load", "size", 4096)
    try:
        with _base.open_regular(path) as file:
            return decode(file, size, memory=memory).transpose(2, 0, 1).copy()
    except FileNotFoundError:
        raise DataError(f"{path} does not exist.") from None
    except OSError as error:
        said = error.strerror or str(error)
        raise DataError(f"{path} is not a readable image: {said}.") from None
    except Unreadable as fault:
        raise DataError(f"{Path(path)} is not a readable image: {fault}.") from None


def decode(
    file: IO[bytes], size: int | None = None, shape=None, memory: float = MEMORY
) -> np.ndarray:
    """Return the image in an open file as uint8 (H, W, 3), RGB and upright.

    ``shape(image, size)`` brings it to ``size`` x ``size``; by default ``fit``.

    Raises
    ------
    Unreadable
        Whatever the decoder trips over.
    OSError
        Only if the disk fails: its ``errno`` is set.
    MemoryError
        If the computer has not even the memory that the picture needs.
    """
    needed = 0
    try:
        with _any_size(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's remarks on odd metadata
            image = _open(file)
            whole = image.size
            if size is not None:
                # JPEG only: skip detail far below the wanted size (4 to 8 x faster).
                image.draft("RGB", (2 * size, 2 * size))
            needed = _needed(image, whole, size)
            if needed > memory * 1e9:
                raise Unreadable(_too_large(whole, needed, memory))
            turn, image = _loaded(image)
            if size is not None:
                image = (shape or fit)(image, size)
            image = image if turn is None else image.transpose(turn)
            return np.asarray(image.convert("RGB"))
    except Unreadable:
        raise
    except MemoryError:
        bytearray(needed)  # raises if there is not even what the picture needs
        raise Unreadable("damaged: its decoder asks for endless memory") from None
    except Exception as error:  # decoders trip over broken files in every way
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise Unreadable(_reason(error)) from None


def kind(start: bytes) -> str | None:
    """Return the format of a file by its first bytes, or None.

    Examples
    --------
    >>> kind(b"GIF89a..."), kind(b"%!PS-Adobe")
    ('GIF', None)
    """
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "WEBP"
    if start[:1] == b"P" and start[1:2] in b"123456" and start[2:3].isspace():
        return "PPM"
    return next((_STARTS[s] for s in _STARTS if start.startswith(s)), None)


def fit(image, size: int):
    """Return the centre square of a Pillow image, resized to ``size``."""
    from PIL import Image

    width, height = image.size
    if (width, height) == (size, size):
        return image
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    box = (left, top, left + side, top + side)
    return image.resize((size, size), Image.Resampling.BILINEAR, box)


def squash(image, size: int):
    """Return a Pillow image resized to ``size`` x ``size``, its proportions lost."""
    from PIL import Image

    return image.resize((size, size), Image.Resampling.BILINEAR)


# --------------------------------------------------------------------------- opening


def _open(file: IO[bytes]):
    """Return a Pillow image that is not decoded yet.

    Not by ``Image.open``, which decides by pixels what is too large, and which maps an
    uncompressed TIFF into memory and turns it wrongly where it is given a path.
    """
    from PIL import Image

    start = file.read(512)
    file.seek(0)
    form = kind(start)
    if form is None:
        raise Unreadable(_foreign(start))
    importlib.import_module(f"PIL.{FORMATS[form]}ImagePlugin")
    factory, _ = Image.OPEN[form]
    plain = {"PNG": _without_texts, "TIFF": _without_broken_tags}.get(form)
    return factory(plain(file) if plain else file, "")


def _without_texts(file: IO[bytes]) -> IO[bytes]:
    """Return a PNG without texts and colour profile: Pillow refuses long ones."""
    kept = io.BytesIO()
    kept.write(file.read(8))
    while len(head := file.read(8)) == 8:
        length, name = struct.unpack(">I4s", head)
        start = file.read(min(length, 32)) if name in _TEXTS else b""
        if name in _TEXTS and not (start.startswith(_TURNED_BY) and length < 1 << 20):
            file.seek(length + 4 - len(start), os.SEEK_CUR)
            continue
        kept.write(head + start + file.read(length + 4 - len(start)))
        if name == b"IEND":
            break
    kept.write(head if len(head) < 8 else b"")
    kept.seek(0)
    return kept


def _without_broken_tags(file: IO[bytes]) -> IO[bytes]:
    """Return a TIFF without tags that lead out of it: at the first, Pillow gives up.

    Tags that decoding needs are left as they are.
    """
    start = file.read(8)
    order = "<" if start[:2] == b"II" else ">"
    try:
        table = struct.unpack(f"{order}I", start[4:])[0]
        file.seek(table)
        count = struct.unpack(f"{order}H", file.read(2))[0]
        entries = list(struct.iter_unpack(f"{order}HHII", file.read(12 * count)))
    except (struct.error, OSError):
        entries = []
    end, broken = file.seek(0, os.SEEK_END), []
    for n, (tag, kind, values, place) in enumerate(entries):
        length = values * _WIDTHS.get(kind, end)
        if tag not in _NEEDED and length > 4 and place + length > end:
            broken.append(table + 2 + 12 * n)
    file.seek(0)
    if not broken or start[2:4] not in (b"*\0", b"\0*"):  # or a BigTIFF
        return file
    content = bytearray(file.read())
    for at in broken:
        struct.pack_into(f"{order}HII", content, at + 2, 3, 1, 0)  # the number 0
    return io.BytesIO(content)


def _foreign(start: bytes) -> str:
    """Return what a file is that is no picture."""
    if not start:
        return "empty file"
    if _base.is_markup(start):
        return "a web page, not an image"
    if start[4:8] == b"ftyp":
        return "a HEIC, AVIF or video file; save it as JPEG or PNG"
    if start.startswith((b"%!PS", b"\xc5\xd0\xd3\xc6", b"%PDF")):
        return "PostScript or PDF, a program and no picture; save it as JPEG or PNG"
    return f"no image, or damaged in its first bytes; read are {', '.join(FORMATS)}"


# -------------------------------------------------------------------------- decoding


def _needed(image, whole: tuple[int, int], size: int | None) -> int:
    """Return about how many bytes decoding takes at its peak."""
    width, height = image.size
    own = {"1": 1, "L": 1, "P": 1}.get(image.mode, 4)  # RGB lies in words of 4 bytes
    each = own * (1 + _buffered(image))
    each += 0 if image.mode in ("1", "L", "RGB") else 4  # converted
    each += 7 if size is None else 0  # turned, and given back
    coefficients = 6 * whole[0] * whole[1] if image.info.get("progressive") else 0
    return int(width * height * each) + coefficients


def _buffered(image) -> float:
    """Return the share of a picture that its decoder holds a second time."""
    if image.format != "TIFF":
        return float(image.format == "WEBP")
    if _tag(image.tag_v2, _TILES) is not None:
        return 0.0
    rows = _tag(image.tag_v2, _STRIP)  # of one strip; all of them if it is not said
    rows = rows if isinstance(rows, int) and rows > 0 else image.size[1]
    return min(1.0, rows / max(1, image.size[1]))


def _too_large(size: tuple[int, int], needed: int, memory: float) -> str:
    ask = f"{math.ceil(needed / 1e8) / 10:.1f}"
    return (
        f"{size[0]:,} x {size[1]:,} pixels take {ask} GB to decode, more than the "
        f"{memory:g} allowed; allow it with memory={ask} (--memory {ask})"
    )


def _loaded(image):
    """Return how to turn a picture (None: not), and it decoded, grey or RGB."""
    form, bits, inverted, turn = image.format, 8, False, None
    if form == "TIFF":
        turn, bits = _tag(image.tag_v2, _ORIENTATION), _tag(image.tag_v2, _BITS)
        inverted = _tag(image.tag_v2, _INVERTED) == 0
        if _tag(image.tag_v2, _SAMPLES) not in (None, 1, 4):
            raise _no_range("signed or floating-point")
        image.getexif = dict  # else Pillow reads, and trips over, every tag there is
    image.load()
    if form != "TIFF":
        turn = _orientation(image)
    image = image._new(image.im)  # the pixels alone, at the size that they have
    return _turn(turn), _eight_bits(image, form, bits, inverted)


@contextlib.contextmanager
def _any_size():
    """Let Pillow decode what our own limit allows: its own counts pixels."""
    from PIL import Image

    with _LOCK:
        if not _LIMITS:
            _LIMITS.append(Image.MAX_IMAGE_PIXELS)
        _LIMITS.append(None)
        Image.MAX_IMAGE_PIXELS = None
    try:
        yield
    finally:
        with _LOCK:  # the last of several threads puts it back
            _LIMITS.pop()
            if len(_LIMITS) == 1:
                Image.MAX_IMAGE_PIXELS = _LIMITS.pop()


def _tag(tags, number: int):
    """Return a tag of a TIFF, the first of several values, None if it is broken."""
    try:
        value = tags.get(number)
        return value[0] if isinstance(value, tuple) else value
    except Exception:  # whatever parsing it raises
        return None


def _orientation(image) -> int | None:
    """Return the orientation in EXIF data, whatever else is broken there."""
    try:
        return image.getexif().get(_ORIENTATION)
    except Exception:
        return None


def _turn(orientation):
    """Return what Pillow's ``transpose`` must do to set a picture upright, or None."""
    from PIL.Image import Transpose

    if not isinstance(orientation, int):
        return None
    return {
        2: Transpose.FLIP_LEFT_RIGHT, 3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM, 5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270, 7: Transpose.TRANSVERSE, 8: Transpose.ROTATE_90,
    }.get(orientation)  # fmt: skip


def _no_range(what: str) -> Unreadable:
    return Unreadable(
        f"its pixels are {what} numbers, and nothing says which is white; save it with "
        "8 or 16 bits"
    )


def _eight_bits(image, form: str, bits, inverted: bool):
    """Return a decoded picture in mode L or RGB."""
    mode = image.mode
    if mode.startswith("I;16") or (mode == "I" and form in ("PNG", "PPM")):
        return _from_sixteen(image, bits, inverted)
    if mode in ("I", "F") or mode.startswith("I;"):
        raise _no_range("floating-point" if mode == "F" else "32-bit or signed")
    if mode in ("1", "LA"):
        return image.convert("L")
    if mode == "RGBa":  # colours multiplied by alpha
        return image.convert("RGBA").convert("RGB")
    return image if mode in ("L", "RGB") else image.convert("RGB")


def _from_sixteen(image, bits, inverted: bool):
    """Return 16-bit grey (12-bit in some TIFF files) as 8-bit grey."""
    from PIL import Image

    levels = np.asarray(image) >> (4 if bits == 12 else 8)
    levels = np.clip(levels, 0, 255).astype(np.uint8)
    return Image.fromarray(255 - levels if inverted else levels)


def _reason(error: Exception) -> str:
    """Return in words what a decoder tripped over, the same on every machine."""
    said = str(error) or type(error).__name__
    return f"damaged, or of a rare kind ({' '.join(said.split())[:150]})"
