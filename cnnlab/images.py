"""An image as an array of numbers: counting, reordering, rescaling, brightening."""

import numpy as np

from cnnlab import arrays
from cnnlab.shapes import require_axes, require_int


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
    images = arrays.as_array(images, "as_float", "images")
    if images.dtype != np.uint8:
        raise TypeError(
            f"as_float: images needs dtype uint8 (0 to 255); got {images.dtype}. "
            "Floats are already converted: use them as they are."
        )
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
    image = arrays.as_array(image, "brighten", "image")
    if image.dtype != np.uint8:
        raise TypeError(
            f"brighten: image needs dtype uint8 (0..255); got {image.dtype}."
        )
    amount = require_int(amount, -255, "brighten", "amount", high=255)
    return np.clip(image.astype(np.int16) + amount, 0, 255).astype(np.uint8)
