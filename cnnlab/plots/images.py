"""Pictures of notebook 00: an image beside its numbers, photographs side by side."""

import matplotlib.pyplot as plt
import numpy as np

from cnnlab import shapes
from cnnlab.plots._base import (
    Picture,
    describe,
    image_grid,
    png_bytes,
    require_pixels,
    show_image,
    to_pixels,
)

WIDTH = 5.6  # inches: wide enough for the page, and still legible in half of it


def pixel_table(image: np.ndarray, title: str = ""):
    """Return a figure: a small grey image, and the same image as its numbers.

    Parameters
    ----------
    image : uint8 (H, W) or (1, H, W)
    """
    pixels = to_pixels(image)
    height, width = pixels.shape
    size = (WIDTH, WIDTH / 2 * height / width + 0.65)
    figure, (left, right) = plt.subplots(1, 2, figsize=size)
    show_image(left, pixels, "what you see")
    right.imshow(np.zeros_like(pixels), cmap="Greys", vmin=0, vmax=1)  # white paper
    right.set_title("what the computer has", fontsize=10, loc="center")
    for (i, j), value in np.ndenumerate(pixels):
        right.text(j, i, str(value), ha="center", va="center", fontsize=10)
    for ax in (left, right):
        ax.set(xticks=range(width), yticks=range(height), xlabel="column")
        ax.tick_params(length=0)
    left.set_ylabel("row")
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    rows = "; ".join(
        f"row {i}: {' '.join(map(str, row))}" for i, row in enumerate(pixels)
    )
    return describe(
        figure,
        f"{title}: a grey image of {height} rows and {width} columns, beside its "
        f"numbers, large ones for bright pixels. {rows}.",
    )


def planes(image: np.ndarray, title: str = ""):
    """Return a figure: a colour image, then its red, green and blue values.

    Parameters
    ----------
    image : uint8 (3, H, W)
    """
    image = require_pixels(image, "C, H, W", "planes")
    names = ("red", "green", "blue")
    means = [
        f"{name}: mean {plane.mean():.0f}"
        for name, plane in zip(names, image, strict=True)
    ]
    figure = image_grid(
        [image, *image],
        ["all three together", *means],
        columns=2,
        size=WIDTH / 2,
        suptitle=title,
    )
    order = [names[index] for index in np.argsort(-image.mean(axis=(1, 2)))]
    return describe(
        figure,
        f"{title}: a colour photograph, and its three planes as grey pictures; "
        f"{', '.join(means)}. The {order[0]} plane is the brightest, the {order[-1]} "
        "one the darkest.",
    )


def side_by_side(images, titles, title: str = "", columns: int | None = None):
    """Return a figure of colour images in rows, each under its own title.

    The text alternative of a single row gives the mean of each channel, how much
    neighbours differ (little in a picture of something, much in scattered numbers),
    and how many values equal those of the first image.

    Parameters
    ----------
    images : sequence of uint8 (3, H, W), all of one shape
    titles : one short text an image
    title : the finding
    columns : images in a row; by default all
    """
    images = [require_pixels(one, "C, H, W", "side_by_side") for one in images]
    shapes.require_same("side_by_side", images=len(images), titles=len(titles))
    columns = columns or len(images)
    size = WIDTH / columns
    figure = image_grid(images, titles, columns=columns, size=size, suptitle=title)
    head = f"{title}: " if title else ""
    if columns < len(images):
        names = ", ".join(titles)
        return describe(figure, f"{head}{len(images)} colour images, {names}.")
    parts = [
        f"{name}, {_in_words(image, images[0] if index else None)}"
        for index, (image, name) in enumerate(zip(images, titles, strict=True))
    ]
    return describe(figure, f"{head}{'; '.join(parts)}.")


def _in_words(image: np.ndarray, first: np.ndarray | None) -> str:
    red, green, blue = image.reshape(3, -1).mean(axis=1)
    wide = image.astype(np.int16)
    step = np.abs(np.diff(wide, axis=2)).mean()
    text = (
        f"mean red {red:.0f}, green {green:.0f} and blue {blue:.0f}, neighbours "
        f"differing by {step:.0f}"
    )
    if first is None or first.shape != image.shape:
        return text
    same, lower = 100 * (image == first).mean(), 100 * (image < first).mean()
    return (
        f"{text}, {same:.1f} % of the values as in the first picture and "
        f"{lower:.1f} % lower"
    )


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
    text = f"image[{row}, {column}] is {image[row, column]}."
    return Picture(png_bytes(picture), text)


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
    return Picture(png_bytes(enlarged), text)
