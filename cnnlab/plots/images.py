"""Pictures of notebook 00: an image beside its numbers."""

import io

import matplotlib.pyplot as plt
import numpy as np

from cnnlab import shapes
from cnnlab.plots._base import Picture, require_pixels, show_image, to_pixels


def pixel_table(image: np.ndarray, title: str = ""):
    """Return a figure: a small grey image, and the same image as its numbers.

    Parameters
    ----------
    image : uint8 (H, W) or (1, H, W)
    """
    pixels = to_pixels(image)
    height, width = pixels.shape
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 4.2 * height / width))
    show_image(left, pixels)
    right.imshow(pixels, cmap="gray", vmin=0, vmax=255, alpha=0.35)
    for (i, j), value in np.ndenumerate(pixels):
        right.text(j, i, str(value), ha="center", va="center", fontsize=9)
    for ax in (left, right):
        ax.set(xticks=range(width), yticks=range(height), xlabel="column")
        ax.tick_params(length=0)
    left.set(ylabel="row")
    left.set_title(title)
    return figure


def planes(image: np.ndarray):
    """Return a figure: a colour image, then its red, green and blue values.

    Parameters
    ----------
    image : uint8 (3, H, W)
    """
    height, width = image.shape[1:]
    figure, axes = plt.subplots(1, 4, figsize=(11, 2.75 * height / width + 0.3))
    show_image(axes[0], image, "all three together")
    for ax, plane, name in zip(axes[1:], image, ("red", "green", "blue"), strict=True):
        show_image(ax, plane, f"{name}: mean {plane.mean():.0f}")
    return figure


def pixel_picture(image: np.ndarray, row: int, column: int, scale: int = 28) -> Picture:
    """Return a grey image enlarged, with one pixel outlined.

    Parameters
    ----------
    image : uint8 (H, W)
    row, column : the outlined pixel
    """
    from PIL import Image, ImageDraw

    image = require_pixels(image, "H, W", "pixel_picture")
    height, width = image.shape
    row = shapes.require_int(row, 0, "pixel_picture", "row", height - 1)
    column = shapes.require_int(column, 0, "pixel_picture", "column", width - 1)
    size = (width * scale, height * scale)
    picture = Image.fromarray(image).resize(size, Image.Resampling.NEAREST)
    picture = picture.convert("RGB")
    left, top = column * scale, row * scale
    ImageDraw.Draw(picture).rectangle(
        (left, top, left + scale - 1, top + scale - 1), outline="#E69F00", width=3
    )
    text = (
        f"image[{row}, {column}] is {image[row, column]}; "
        f"the mean of all {image.size} numbers is {image.mean():.1f}."
    )
    return Picture(_png_bytes(picture), text)


def coarse_picture(image: np.ndarray, side: int, levels: int, colour: bool) -> Picture:
    """Return a photograph with few pixels and few levels, enlarged to 320 rows.

    Parameters
    ----------
    image : uint8 (3, H, W)
    side : pixels on its shorter side
    levels : distinct values a channel may take, 2..256
    colour : keep three channels, or one grey one
    """
    from PIL import Image

    image = require_pixels(image, "C, H, W", "coarse_picture")
    if len(image) != 3:
        raise ValueError(
            f"coarse_picture: image needs shape (3, H, W); got {image.shape}."
        )
    side = shapes.require_int(side, 1, "coarse_picture", "side")
    levels = shapes.require_int(levels, 2, "coarse_picture", "levels", 256)
    full = image.size
    picture = Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0)))
    picture = picture if colour else picture.convert("L")
    scale = side / min(picture.size)
    size = tuple(max(1, round(length * scale)) for length in picture.size)
    small = np.asarray(picture.resize(size, Image.Resampling.BOX))  # (h, w[, 3])
    steps = np.rint(small / 255 * (levels - 1))  # 0 .. levels - 1
    shown = np.rint(steps / (levels - 1) * 255).astype(np.uint8)
    large = (round(320 * size[0] / size[1]), 320)
    enlarged = Image.fromarray(shown).resize(large, Image.Resampling.NEAREST)
    text = (
        f"{size[1]} × {size[0]} pixels × {3 if colour else 1} = {small.size:,} numbers "
        f"of {levels} levels: {100 * small.size / full:.2f} % of the photograph's "
        f"{full:,}."
    )
    return Picture(_png_bytes(enlarged), text)


def _png_bytes(picture) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
