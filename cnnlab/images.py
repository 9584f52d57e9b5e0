"""An image as an array of numbers: counting, reordering, rescaling, brightening."""

import numpy as np

from cnnlab import arrays
from cnnlab.shapes import require_axes, require_int, require_same


def value_count(height: int, width: int, channels: int) -> int:
    """Return how many numbers one image holds: H · W · C.

    Examples
    --------
    >>> value_count(32, 32, 3)
    3072
    """
    height = require_int(height, 0, "value_count", "height")
    width = require_int(width, 0, "value_count", "width")
    channels = require_int(channels, 0, "value_count", "channels")
    return height * width * channels


def to_channels_first(images: np.ndarray) -> np.ndarray:
    """Return (N, H, W, C) images as (N, C, H, W).

    Files, Pillow and Matplotlib put the channels last; PyTorch and this course put
    them first. The values stay; only the order of the axes changes.

    Raises
    ------
    ValueError
        If ``images`` does not have four axes.
    """
    images = arrays.as_array(images, "to_channels_first", "images")
    hint = "Add a batch axis: images[None]."
    require_axes(images, "N, H, W, C", "to_channels_first", "images", hint)
    return images.transpose(0, 3, 1, 2)  # (N, H, W, C) -> (N, C, H, W)


def as_float(images: np.ndarray) -> np.ndarray:
    """Return uint8 images as float32 in [0, 1]: each value divided by 255.

    Raises
    ------
    TypeError
        If ``images`` is not uint8.

    Examples
    --------
    >>> as_float(np.array([0, 51, 255], np.uint8)).round(3).tolist()
    [0.0, 0.20000000298023224, 1.0]
    """
    images = _bytes(images, "as_float", "images", "Floats are converted already.")
    return images.astype(np.float32) / 255


def brighten(image: np.ndarray, amount: int) -> np.ndarray:
    """Return a uint8 image with ``amount`` added to every value, kept in 0..255.

    uint8 arithmetic counts modulo 256: 250 + 10 is 4. So the sum is taken in wider
    integers, limited to 0..255, and only then stored as uint8 again.

    Raises
    ------
    TypeError
        If ``image`` is not uint8, or ``amount`` is not a whole number.
    """
    image = _bytes(image, "brighten", "image")
    amount = require_int(amount, -255, "brighten", "amount", high=255)
    return np.clip(image.astype(np.int16) + amount, 0, 255).astype(np.uint8)


def average(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the uint8 image halfway between two of one shape, rounded down.

    The sum goes up to 510, so it is taken in 16 bits; halved, it fits into 8 again.

    Raises
    ------
    TypeError, ValueError
        If an image is not uint8, or the shapes differ.

    Examples
    --------
    >>> average(np.array([200, 3], np.uint8), np.array([100, 4], np.uint8))
    array([150,   3], dtype=uint8)
    """
    a, b = _bytes(a, "average", "a"), _bytes(b, "average", "b")
    require_same("average", a_shape=a.shape, b_shape=b.shape)
    return ((a.astype(np.uint16) + b) // 2).astype(np.uint8)


def with_middle_lit(image: np.ndarray) -> np.ndarray:
    """Return a copy of an image (..., H, W) whose four middle pixels are white."""
    lit = np.array(image)
    row, column = lit.shape[-2] // 2, lit.shape[-1] // 2
    lit[..., row - 1 : row + 1, column - 1 : column + 1] = 255
    return lit


def _bytes(images, where: str, name: str, hint: str = "") -> np.ndarray:
    images = arrays.as_array(images, where, name)
    if images.dtype != np.uint8:
        text = f"{where}: {name} needs dtype uint8 (0 to 255); got {images.dtype}."
        raise TypeError(f"{text} {hint}".rstrip())
    return images
