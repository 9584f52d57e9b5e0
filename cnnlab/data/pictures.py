"""Decode one image file to RGB, at its own size or at one side length."""

import os
import stat
from pathlib import Path

import numpy as np

from cnnlab import shapes
from cnnlab.data._base import DataError


def read(path, size: int | None = None) -> np.ndarray:
    """Return the image in a file as uint8 (3, H, W), RGB and upright.

    With ``size`` the centre square is resized to (3, size, size), which equals
    resizing the short side to ``size`` and cutting out the centre.

    Raises
    ------
    DataError
        If the file is missing, unreadable or does not decode.
    """
    from PIL import Image  # lazily: the digits and MNIST need no Pillow

    if size is not None:
        size = shapes.require_int(size, 1, "load", "size", 4096)
    try:
        if not stat.S_ISREG(
            os.stat(path).st_mode
        ):  # opening a pipe would wait for ever
            raise ValueError("it is no file")
        return decode(path, size).transpose(2, 0, 1).copy()
    except FileNotFoundError:
        raise DataError(f"{path} does not exist.") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{Path(path)} is not a readable image: {error}.") from None


def decode(file, size: int | None = None, shape=None) -> np.ndarray:
    """Return the image in a path or an open file as uint8 (H, W, 3); Pillow's errors.

    ``shape(image, size)`` brings it to ``size`` x ``size``; by default ``fit``.
    """
    from PIL import Image, ImageOps

    with Image.open(file) as image:
        if size is not None:
            # JPEG only: skip detail far below the wanted size (4 to 8 x faster).
            image.draft("RGB", (2 * size, 2 * size))
        image = ImageOps.exif_transpose(_rgb(image))
        if size is not None:
            image = (shape or fit)(image, size)
        return np.asarray(image)


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


def _rgb(image):
    """Convert any mode to RGB; 16-bit grey is scaled, not cut off at 255."""
    if image.mode.startswith("I"):
        from PIL import Image

        levels = np.asarray(image).astype(np.uint32) >> 8
        image = Image.fromarray(np.minimum(levels, 255).astype(np.uint8))
    return image if image.mode == "RGB" else image.convert("RGB")
