"""Drawings for notebook 08: pooled maps, shift curves, receptive fields.

One meaning a colour: orange is the unit in question and what it can see, sky blue its
neighbour. Of the shift curves, each kind of network keeps its own.
"""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle

from cnnlab.plots._base import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SIGNED,
    SKY,
    VERMILION,
    Picture,
    describe,
    font,
    matrix,
    png_bytes,
    require_pixels,
    show_image,
)

WIDE = 5.6  # inches, of every figure
PHOTO, ZOOM, GAP, PRINT = 384, 160, 16, 15  # pixels of the widget's picture
WIDTH = PHOTO + GAP + ZOOM
LINES = {
    "none": (BLUE, "-", "o"),
    "max 2, stride 2": (ORANGE, "-", "s"),
    "max 3, stride 2": (GREEN, "-", "^"),
    "average 2, stride 2": (PURPLE, "--", "v"),
    "every second": (SKY, "--", "D"),
    "max 2, stride 1": (BLACK, "--", "P"),
    "max 3, stride 1": (GREY, "--", "P"),
    "max 2, then max of all": (VERMILION, "-.", "X"),
    "none, trained shifted": (BLACK, ":", "*"),
    "max 3, trained shifted": (PURPLE, ":", "*"),
}


def pooled_numbers(x, pooled, kernel_size: int, stride: int):
    """Draw a small map with the corners of its windows, and what poolings make of it.

    Parameters
    ----------
    x : (H, W)
    pooled : name -> (OH, OW)
    """
    x = np.asarray(x, float)
    ratios = [x.shape[1], *(0.72 * one.shape[1] for one in pooled.values())]
    figure, axes = plt.subplots(1, 1 + len(pooled), figsize=(WIDE, 2.1),
                                width_ratios=ratios)  # fmt: skip
    low, high = x.min(), x.max()
    matrix(axes[0], x, f"{x.shape[0]} × {x.shape[1]} map", fmt="g", vmin=low, vmax=high)
    overlap = stride < kernel_size
    corners = [
        (i, j)
        for i in range(0, x.shape[0] - kernel_size + 1, stride)
        for j in range(0, x.shape[1] - kernel_size + 1, stride)
    ]
    for index, (i, j) in enumerate(corners):
        inset = 0.06 + 0.07 * (index % 4) if overlap else 0.0
        side = kernel_size - 2 * inset
        place = j - 0.5 + inset, i - 0.5 + inset
        colour = (ORANGE, SKY, PURPLE, VERMILION)[index % 4] if overlap else ORANGE
        axes[0].add_patch(
            Rectangle(place, side, side, fill=False, edgecolor=colour, linewidth=3)
        )
    for ax, (name, one) in zip(axes[1:], pooled.items(), strict=True):
        matrix(ax, one, name, fmt=".4g", vmin=low, vmax=high)
    for ax in axes:
        ax.set(xticks=[], yticks=[])
        ax.title.set_fontsize(11)
    told = "; ".join(
        f"{name}: {', '.join(f'{value:g}' for value in np.ravel(one))}"
        for name, one in pooled.items()
    )
    return describe(
        figure,
        f"A {x.shape[0]} × {x.shape[1]} map with windows of {kernel_size}, steps of "
        f"{stride}. In reading order, {told}.",
    )


def map_steps(photo, net, active, pooled, title: str = ""):
    """Draw a photograph, its feature map, the activation map, and that map pooled.

    Parameters
    ----------
    photo : (H, W), grey levels from 0 to 255
    net, active, pooled : (H, W) maps before ReLU, behind it, and pooled
    """
    figure, axes = plt.subplots(1, 4, figsize=(WIDE, 1.95))
    top = np.abs(net).max() / 2  # half of the range: edges are rare
    show_image(axes[0], np.asarray(photo).round().astype(np.uint8))
    axes[1].imshow(net, cmap=SIGNED, vmin=-top, vmax=top)
    axes[2].imshow(active, cmap="viridis", vmin=0, vmax=top)
    axes[3].imshow(pooled, cmap="viridis", vmin=0, vmax=top)
    names = "photograph", "feature map", "behind ReLU", "pooled"
    for ax, name, one in zip(axes, names, (photo, net, active, pooled), strict=True):
        ax.set(xticks=[], yticks=[])
        ax.set_title(name, fontsize=10, loc="center")
        ax.set_xlabel(f"{one.shape[0]} × {one.shape[1]}", fontsize=10)
        for spine in ax.spines.values():
            spine.set_visible(False)
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return describe(
        figure,
        f"{title}: a photograph of {photo.shape[0]} × {photo.shape[1]} pixels, its "
        f"feature map, the {100 * np.mean(net < 0):.0f} % of it below 0 cut off by "
        f"ReLU, and that map pooled to {pooled.shape[0]} × {pooled.shape[1]}.",
    )


def shift_curves(curves, title: str = "", band: bool = True):
    """Draw the share of right answers against the shift, mean and range over seeds.

    Parameters
    ----------
    curves : name of a kind of network -> (seeds, distances), in [0, 1]
    """
    figure, ax = plt.subplots(figsize=(WIDE, 3.6))
    spare = (BLACK, "-", "o")
    told = []
    for name, rows in curves.items():
        rows = 100 * np.asarray(rows, float)
        mean, far = rows.mean(axis=0), np.arange(rows.shape[1])
        colour, line, mark = LINES.get(name, spare)
        ax.plot(far, mean, color=colour, linestyle=line, marker=mark, label=name)
        if band:
            ax.fill_between(far, rows.min(axis=0), rows.max(axis=0), color=colour,
                            alpha=0.2, linewidth=0)  # fmt: skip
        told.append(f"{name} " + ", ".join(f"{one:.0f}" for one in mean))
    ax.axhline(10, color=GREY, linewidth=1, linestyle=":")
    ax.text(len(mean) - 1, 9, "chance", color="#5F5F5F", ha="right", va="top")
    ax.set(xlabel="shift (pixels; the digit is 16 wide)", ylabel="right (%)",
           ylim=(0, 102), xticks=range(len(mean)))  # fmt: skip
    ax.set_title(title)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 0.1), fontsize=10)
    return describe(
        figure,
        f"{title}: right (%) at shifts of 0, 1, 2, ... pixels. {'; '.join(told)}.",
    )


def effective_fields(fields, names, shares, title: str = ""):
    """Draw how much every pixel of a receptive field counts, for several stacks.

    Parameters
    ----------
    fields : (R, R) arrays of any sizes
    names : of the stacks
    shares : of each field in the middle quarter of its area
    """
    figure, axes = plt.subplots(1, len(fields), figsize=(WIDE, 2.5), squeeze=False)
    told = []
    for ax, one, name, share in zip(axes[0], fields, names, shares, strict=True):
        size = len(one)
        ax.imshow(one, cmap="viridis", vmin=0)
        ax.add_patch(Rectangle((size / 4 - 0.5,) * 2, size / 2, size / 2, fill=False,
                               edgecolor=ORANGE, linewidth=2))  # fmt: skip
        ax.set(xticks=[], yticks=[])
        ax.set_title(name, fontsize=10, loc="center")
        ax.set_xlabel(f"{size} × {size} pixels\n{share:.0%} inside", fontsize=10)
        text = f"{name.replace(chr(10), ' ')}: {size} × {size} pixels, {share:.0%}"
        told.append(f"{text} in the middle quarter")
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return describe(figure, f"{title}: {'; '.join(told)}.")


# ----------------------------------------------------------------- a unit's field


def field_board(photo, span, beside, field, alt: str) -> Picture:
    """Draw a photograph with the receptive field of a unit, and that field enlarged.

    Parameters
    ----------
    photo : uint8 (3, S, S)
    span : (top, left, size) of what the unit sees, in pixels
    beside : (top, left) of the field of the unit to its right, or None
    field : (size, size), how much each pixel counts, or None for no such picture
    alt : what is to be seen

    Notes
    -----
    Drawn with Pillow, in some milliseconds. The photograph fills the left
    ``PHOTO`` pixels of the picture, from its upper edge.
    """
    from PIL import Image, ImageDraw

    photo = require_pixels(photo, "3, S, S", "field_board", "photo")
    side = photo.shape[1]
    scale = PHOTO / side
    sheet = Image.new("RGB", (WIDTH, PHOTO), "white")
    pixels = Image.fromarray(np.ascontiguousarray(photo.transpose(1, 2, 0)))
    sheet.paste(pixels.resize((PHOTO, PHOTO), Image.Resampling.NEAREST), (0, 0))
    draw = ImageDraw.Draw(sheet)
    top, left, size = span
    if beside is not None:
        _box(draw, *beside, size, scale, SKY)
    _box(draw, top, left, size, scale, ORANGE)
    x = PHOTO + GAP
    draw.text((x, 0), f"sees {size} × {size}", BLACK, font(PRINT))
    crop = pixels.crop((left, top, left + size, top + size))
    _zoom(sheet, draw, crop, x, 22)
    if field is not None:
        draw.text((x, 200), "in effect", BLACK, font(PRINT))
        shade = mpl.colormaps["viridis"](field / (field.max() or 1))[..., :3]
        heat = Image.fromarray((255 * shade).round().astype(np.uint8))
        _zoom(sheet, draw, heat, x, 222)
    return Picture(png_bytes(sheet, PRINT), alt)


def _box(draw, top, left, size, scale, colour) -> None:
    """Outline a square of pixels; small ones are widened, to be seen."""
    corners = [left * scale, top * scale, (left + size) * scale, (top + size) * scale]
    draw.rectangle(
        [corners[0] - 1, corners[1] - 1, corners[2], corners[3]], None, "white", 5
    )
    draw.rectangle([corners[0], corners[1], corners[2] - 1, corners[3] - 1], None,
                   colour, 3)  # fmt: skip


def _zoom(sheet, draw, image, x, y) -> None:
    from PIL import Image

    sheet.paste(image.resize((ZOOM, ZOOM), Image.Resampling.NEAREST), (x, y))
    draw.rectangle([x, y, x + ZOOM - 1, y + ZOOM - 1], None, ORANGE, 3)
