"""House style and the few drawing primitives every figure uses.

Colours: Okabe and Ito's palette, told apart with any form of colour blindness
(M. Okabe, K. Ito, "Color Universal Design", 2008). Images: grey or viridis. Signed
maps: PuOr, symmetric about zero. Red against green never carries a meaning.
"""

import functools
import io
import os
from base64 import b64encode
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from cnnlab import arrays, shapes

BLACK = "#000000"
ORANGE = "#E69F00"
SKY = "#56B4E9"
GREEN = "#009E73"
YELLOW = "#F0E442"
BLUE = "#0072B2"
VERMILION = "#D55E00"
PURPLE = "#CC79A7"
GREY = "#8A8A8A"
CYCLE = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, BLACK, YELLOW)
SIGNED = "PuOr"
COLUMN = 364  # pixels that JupyterLab leaves for outputs in a window 480 wide
READABLE = 9  # pixels, the height of text that can be read


def style() -> None:
    """Set the house style; the first code cell of every notebook calls it."""
    mpl.rcParams.update(
        {
            "axes.prop_cycle": mpl.cycler(color=CYCLE),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": 12,
            "axes.titlelocation": "left",
            "axes.labelsize": 11,
            "axes.grid": False,
            "figure.dpi": 100,
            "figure.facecolor": "white",
            "figure.constrained_layout.use": True,
            "font.family": "DejaVu Sans",
            "font.size": 11,
            "image.cmap": "gray",
            "image.interpolation": "nearest",
            "legend.frameon": False,
            "lines.linewidth": 2,
            "savefig.facecolor": "white",
            "xtick.labelsize": 10,
            "ytick.labelsize": 10,
        }
    )


def png(figure: Figure) -> bytes:
    """Return the figure as PNG bytes and close it.

    The height of its smallest text in pixels is written into the PNG's "Text" field:
    tests in a browser measure with it what a reader of a small window can read.

    Raises
    ------
    ValueError
        If that text would be below 9 pixels in a column of 364, the width that
        JupyterLab leaves in a window of 480. Raised under ``CNNLAB_STRICT=1`` only.
    """
    text = smallest_text(figure)
    wide = figure.get_figwidth() * figure.dpi
    narrow = text * min(1, COLUMN / wide)
    if narrow < READABLE - 0.05 and os.environ.get("CNNLAB_STRICT") == "1":
        plt.close(figure)
        raise ValueError(
            f"png: in a column of {COLUMN} pixels this figure's smallest text is "
            f"{narrow:.1f} pixels tall; {READABLE} can be read. Make the figure "
            f"narrower than {wide / figure.dpi:.1f} inches, or its text larger."
        )
    buffer = io.BytesIO()
    notes = {"Software": None, "Text": f"{text:.2f}"}
    figure.savefig(buffer, format="png", metadata=notes)
    plt.close(figure)
    return buffer.getvalue()


def smallest_text(figure: Figure) -> float:
    """Return the height in pixels of the figure's smallest text (infinite: none)."""
    figure.draw_without_rendering()
    sizes = [
        one.get_fontsize() * figure.dpi / 72
        for one in figure.findobj(mpl.text.Text)
        if one.get_visible() and one.get_text().strip() and _is_drawn(one)
    ]
    return min(sizes, default=float("inf"))


def _is_drawn(text) -> bool:
    """Say whether a text belongs to axes that are shown, with ticks that are shown."""
    axes = text.axes
    if axes is None:
        return True
    if not axes.get_visible():
        return False
    for axis in (axes.xaxis, axes.yaxis):
        labels = [one for tick in axis.majorTicks + axis.minorTicks
                  for one in (tick.label1, tick.label2)]  # fmt: skip
        if any(one is text for one in labels):
            shown = axis.get_ticklabels(which="both")
            return axes.axison and any(one is text for one in shown)
    return True


def describe(figure: Figure, text: str) -> Figure:
    """Give a figure its text alternative, and return it.

    The text is what a screen reader, a plain terminal and the notebook test see: put
    the finding and its number into it, computed from the data. The test compares it,
    so it fails when the figure stops saying it.
    """
    figure.alternative = " ".join(text.split())
    return figure


class Picture:
    """PNG bytes with a text that says what they show, for ``show`` and widgets."""

    def __init__(self, data: bytes, alt: str):
        self.data, self.alt = data, alt

    def __repr__(self) -> str:
        return self.alt

    def _repr_mimebundle_(self, include=None, exclude=None):
        return (
            {"image/png": b64encode(self.data).decode(), "text/plain": self.alt},
            {"image/png": {"alt": self.alt}},
        )


def show(figure: Figure, alt: str | None = None) -> None:
    """Display ``figure`` with its text alternative, and close it.

    Parameters
    ----------
    figure : as the functions of ``plots`` return it, described by them
    alt : a sentence that says what is to be seen, in place of that description
    """
    from IPython.display import display

    alt = getattr(figure, "alternative", "") if alt is None else alt
    if not alt or not alt.strip():
        raise ValueError(
            "show: alt needs a sentence that says what the figure shows; got none."
        )
    display(Picture(png(figure), " ".join(alt.split())))


def to_pixels(image: np.ndarray) -> np.ndarray:
    """Return one image as (H, W) or (H, W, 3), ready for ``imshow``.

    Accepts (H, W), (1, H, W), (3, H, W) or (H, W, 3); uint8 or floats in [0, 1].
    """
    image = arrays.real_array(image, "plots", "image")
    if image.ndim == 3 and image.shape[0] in (1, 3) and image.shape[-1] != 3:
        image = image.transpose(1, 2, 0)
    if image.ndim == 3 and image.shape[-1] == 1:
        image = image[..., 0]
    odd = image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[-1] != 3)
    if odd or not image.size:
        raise ValueError(
            f"plots: an image has shape (H, W), (1, H, W), (3, H, W) or (H, W, 3); "
            f"got {image.shape}."
        )
    return image


def require_pixels(image, axes: str, where: str, name: str = "image") -> np.ndarray:
    """Return a uint8 image with these axes and at least one pixel, or raise."""
    image = arrays.as_array(image, where, name)
    shapes.require_axes(image, axes, where, name)
    if image.dtype != np.uint8 or not image.size:
        raise ValueError(
            f"{where}: {name} needs uint8 pixels, at least one; got {image.dtype} of "
            f"shape {image.shape}. Scale to 0..255 and use .astype('uint8')."
        )
    return image


def show_image(ax, image: np.ndarray, title: str = "", **options):
    """Draw one image without ticks on ``ax`` and return ``ax``.

    uint8 images keep the range 0..255, so that equal greys look equal everywhere.
    """
    pixels = to_pixels(image)
    if pixels.ndim == 2:
        top = 255 if pixels.dtype == np.uint8 else 1.0
        options = {"cmap": "gray", "vmin": 0, "vmax": top, **options}
    ax.imshow(pixels, **options)
    ax.set(xticks=[], yticks=[])
    if title:
        ax.set_title(title, fontsize=10, loc="center")
    for spine in ax.spines.values():
        spine.set_visible(False)
    return ax


def image_grid(images, titles=None, columns: int = 8, size: float = 1.1, suptitle=""):
    """Return a figure with ``images`` in rows of ``columns``, row by row.

    Parameters
    ----------
    images : sequence of images as in :func:`to_pixels`
    titles : one short text an image, or None
    size : width of one image in inches
    """
    count = len(images) if hasattr(images, "__len__") else 0
    shapes.require_int(count, 1, "image_grid", "the number of images")
    columns = shapes.require_int(columns, 1, "image_grid", "columns")
    if titles is not None:
        shapes.require_same("image_grid", images=count, titles=len(titles))
    shape = to_pixels(images[0]).shape
    tall = size * shape[0] / shape[1]
    columns = min(columns, count)
    rows = -(-count // columns)
    extra = 0.28 if titles is not None else 0.04
    head = 0.35 if suptitle else 0
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(columns * size, rows * (tall + extra) + head),
        squeeze=False,
    )
    for ax in axes.flat[count:]:
        ax.set_visible(False)
    for index, image in enumerate(images):
        show_image(axes.flat[index], image, titles[index] if titles is not None else "")
    if suptitle:
        figure.suptitle(suptitle, x=0.01, ha="left", fontsize=12)
    words = ", ".join(" ".join(str(title).split()) for title in titles or ())
    count_text = f"{count} image{'s' if count != 1 else ''}"
    said = f"{count_text}: {words}." if words else f"{count_text}."
    return describe(figure, f"{suptitle}: {said}" if suptitle else said)


def matrix(
    ax, values, title: str = "", cmap: str = "viridis", fmt: str = "", **options
):
    """Draw a small matrix with its numbers written in, and return ``ax``.

    Text is dark on light cells and light on dark ones, chosen by luminance.
    """
    values = np.asarray(values)
    picture = ax.imshow(values, cmap=cmap, **options)
    ax.set(xticks=range(values.shape[1]), yticks=range(values.shape[0]))
    ax.tick_params(length=0)
    ax.set_title(title)
    for (i, j), value in np.ndenumerate(values):
        ink = ink_on(picture.cmap(picture.norm(value)))
        ax.text(j, i, format(value, fmt), ha="center", va="center", color=ink)
    return ax


def ink_on(colour) -> str:
    """Return black or white, whichever reads better on ``colour`` (any RGB).

    Relative luminance as in the Web Content Accessibility Guidelines 2.1.
    """
    rgb = np.array(mpl.colors.to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return "black" if linear @ (0.2126, 0.7152, 0.0722) > 0.18 else "white"


def mosaic_png(
    images: np.ndarray, columns: int = 8, scale: int = 2, gap: int = 1, cmap="gray"
) -> bytes:
    """Return many small uint8 images as one PNG, fast enough to follow a slider.

    Parameters
    ----------
    images : uint8 (N, H, W), (N, 1, H, W) or (N, 3, H, W)
    scale : whole-number enlargement without smoothing
    gap : white pixels between images, before enlargement
    cmap : colour map for one-channel images; the scale 0..255 is fixed

    Notes
    -----
    A palette PNG written by Pillow takes milliseconds; redrawing 64 Matplotlib
    axes takes half a second.
    """
    from PIL import Image

    images = arrays.as_array(images, "mosaic_png", "images")
    columns = shapes.require_int(columns, 1, "mosaic_png", "columns")
    scale = shapes.require_int(scale, 1, "mosaic_png", "scale")
    gap = shapes.require_int(gap, 0, "mosaic_png", "gap")
    if images.dtype != np.uint8 or images.ndim not in (3, 4):
        raise ValueError(
            f"mosaic_png: images needs uint8 (N, H, W) or (N, C, H, W); got "
            f"{images.dtype} {images.shape}. Scale to 0..255 and use .astype('uint8')."
        )
    if images.ndim == 3:
        images = images[:, None]
    count, channels, height, width = images.shape
    if channels not in (1, 3) or 0 in images.shape:
        raise ValueError(
            f"mosaic_png: images needs at least one image of 1 or 3 channels; got "
            f"shape {images.shape}. Show more channels as images of their own: "
            f"images.reshape(-1, {height}, {width})."
        )
    columns = min(columns, count)
    rows = -(-count // columns)
    sheet = np.full(
        (channels, rows * (height + gap) - gap, columns * (width + gap) - gap),
        255,
        np.uint8,
    )
    for index, image in enumerate(images):
        top = index // columns * (height + gap)
        left = index % columns * (width + gap)
        sheet[:, top : top + height, left : left + width] = image  # (C, H, W)
    if channels == 1:
        picture = Image.fromarray(sheet[0]).convert("P")
        table = mpl.colormaps[cmap](np.arange(256))[:, :3] * 255
        picture.putpalette(table.round().astype(np.uint8).tobytes())
    else:
        picture = Image.fromarray(np.ascontiguousarray(sheet.transpose(1, 2, 0)))
    size = (sheet.shape[2] * scale, sheet.shape[1] * scale)
    picture = picture.resize(size, Image.Resampling.NEAREST)
    return png_bytes(picture)


@functools.cache
def font(size: int):
    """Return the house font for Pillow; it ships inside Matplotlib."""
    from PIL import ImageFont

    path = Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(str(path), size)


def png_bytes(sheet, text: float | None = None) -> bytes:
    """Return a Pillow picture as the bytes of a PNG.

    ``text`` is the height of its smallest text in pixels; it is noted in the PNG, as
    ``png`` notes it, for the test that looks whether a narrow page can be read.
    """
    from PIL.PngImagePlugin import PngInfo

    notes = None
    if text is not None:
        notes = PngInfo()
        notes.add_text("Text", f"{text:.2f}")
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG", compress_level=1, pnginfo=notes)
    return buffer.getvalue()
