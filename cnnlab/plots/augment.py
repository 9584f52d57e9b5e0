"""Contact sheets of augmentation: one image, and what training makes of it."""

import matplotlib.pyplot as plt
import numpy as np

from cnnlab import arrays, shapes
from cnnlab.plots._base import CYCLE, ink_on, require_pixels, show_image


def contact_sheet(image, views, labels, boxes=None, title: str = "", columns: int = 3):
    """Return a figure: an image, frames of what was cut from it; below, the results.

    Parameters
    ----------
    image : uint8 (C, H, W), C = 1 or 3
    views : (n, C, h, w) in grey levels; what lies outside 0 to 255 is cut off
    labels : n short texts, such as those of :func:`crop_labels`
    boxes : (n, 4) top, left, height, width in pixels of ``image``, or None
    columns : results in a row; with more than 3, labels may not be readable on a
        narrow page
    """
    image = require_pixels(image, "C, H, W", "contact_sheet")
    views = displayed(views)
    columns = shapes.require_int(columns, 1, "contact_sheet", "columns")
    shapes.require_same("contact_sheet", views=len(views), labels=len(labels))
    colours = [CYCLE[k % len(CYCLE)] for k in range(len(views))]
    columns = min(columns, len(views))
    rows = -(-len(views) // columns)
    wide = max(5.6, 1.8 * columns)  # room for labels of 10 points
    cell = 1.8 * views.shape[2] / views.shape[3] + 0.45
    figure = plt.figure(figsize=(wide, 3.3 + cell * rows))
    above, below = figure.add_gridspec(2, 1, height_ratios=(3.0, cell * rows))
    ax = show_image(figure.add_subplot(above), image, f"the image: {_size(image)}")
    if boxes is not None:
        boxes = arrays.real_array(boxes, "contact_sheet", "boxes")
        shapes.require_shape(boxes, (len(views), 4), "contact_sheet", "boxes")
        _frames(ax, boxes, colours)
    cells = below.subgridspec(rows, columns).subplots(squeeze=False)
    for cell in cells.flat[len(views) :]:
        cell.set_visible(False)
    for k, (view, label) in enumerate(zip(views, labels, strict=True)):
        show_image(cells.flat[k], view)
        cells.flat[k].set_title(label, fontsize=10, loc="center")
        if boxes is not None:
            _edge(cells.flat[k], colours[k])
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return figure


def displayed(views) -> np.ndarray:
    """Return views (n, C, h, w) in grey levels as uint8, cut off at 0 and 255."""
    views = arrays.real_array(views, "contact_sheet", "views")
    shapes.require_axes(views, "n, C, h, w", "contact_sheet", "views")
    if not len(views):
        raise ValueError("contact_sheet: views needs at least one image; got none.")
    return np.clip(np.rint(views), 0, 255).astype(np.uint8)


def crop_labels(tops, lefts, mirrored=None) -> list[str]:
    """Return one text a crop: its first row and column, and whether it is mirrored.

    Examples
    --------
    >>> crop_labels([3, 0], [32, 7], [False, True])
    ['row 3, column 32', 'row 0, column 7\\nmirrored']
    """
    mirrored = [False] * len(tops) if mirrored is None else mirrored
    sizes = {"tops": len(tops), "lefts": len(lefts), "mirrored": len(mirrored)}
    shapes.require_same("crop_labels", **sizes)
    return [
        _minus(f"row {int(top)}, column {int(left)}") + ("\nmirrored" if turn else "")
        for top, left, turn in zip(tops, lefts, mirrored, strict=True)
    ]


def shift_labels(shifts) -> list[str]:
    """Return one text a colour shift (n, 3), in grey levels of red, green and blue.

    Examples
    --------
    >>> shift_labels([[12.4, -3.2, 0.1]])
    ['red +12, green −3\\nblue 0']
    """
    shifts = arrays.as_numbers(shifts, "n, C", "shift_labels", "shifts")
    shapes.require_shape(shifts, (len(shifts), 3), "shift_labels", "shifts")
    return [
        f"red {_signed(red)}, green {_signed(green)}\nblue {_signed(blue)}"
        for red, green, blue in shifts
    ]


def _signed(value: float) -> str:
    whole = round(float(value))
    return _minus(f"{whole:+d}") if whole else "0"


def _minus(text: str) -> str:
    return text.replace("-", "−")


def _size(image) -> str:
    return f"{image.shape[1]} × {image.shape[2]} pixels"


def _frames(ax, boxes, colours) -> None:
    """Outline every box, wholly visible even where it follows the image's border."""
    for (top, left, height, width), colour in zip(boxes, colours, strict=True):
        style = {"fill": False, "edgecolor": colour, "linewidth": 1.5}
        corner = (left - 0.5, top - 0.5)
        ax.add_patch(plt.Rectangle(corner, width, height, clip_on=False, **style))


def _edge(ax, colour) -> None:
    for spine in ax.spines.values():
        spine.set(visible=True, color=colour, linewidth=2)


def colour_axes(mean, sds, vectors, reach: float = 2.0, steps: int = 9):
    """Return a figure: the mean colour, moved along each principal axis.

    Parameters
    ----------
    mean : (3,) mean colour in grey levels
    sds, vectors : standard deviations (3,) and axes (3, 3), ``vectors[:, k]`` each
    reach : how far to go, in standard deviations
    """
    mean = arrays.as_numbers(np.ravel(mean), "C", "colour_axes", "mean")
    sds = arrays.as_numbers(sds, "K", "colour_axes", "sds")
    vectors = arrays.as_numbers(vectors, "C, K", "colour_axes", "vectors")
    shapes.require_shape(mean, (3,), "colour_axes", "mean")
    shapes.require_shape(vectors, (3, len(sds)), "colour_axes", "vectors")
    steps = shapes.require_int(steps, 2, "colour_axes", "steps")
    amounts = np.linspace(-reach, reach, steps)
    colours = mean + (amounts[None, :, None] * sds[:, None, None]) * vectors.T[:, None]
    colours = np.clip(colours / 255, 0, 1)  # (K, steps, 3)
    figure, ax = plt.subplots(figsize=(7.6, 0.62 * len(sds) + 1.3))
    ax.imshow(colours, aspect="auto")
    for (row, column), amount in np.ndenumerate(np.tile(amounts, (len(sds), 1))):
        text = _signed(amount * sds[row])
        ink = ink_on(colours[row, column])
        ax.text(column, row, text, ha="center", va="center", color=ink, fontsize=9)
    ax.set_xticks(range(steps), [_minus(f"{a:+g}") if a else "0" for a in amounts])
    ax.set_yticks(range(len(sds)), [_axis_name(k, vectors) for k in range(len(sds))])
    ax.tick_params(length=0)
    ax.set(
        xlabel="standard deviations along the axis (in the cells: grey levels)",
        ylabel="axis (red, green, blue)",
    )
    share = sds[0] ** 2 / ((sds**2).sum() or 1)  # of one colour only: nothing varies
    ax.set_title(f"The first axis of colour holds {100 * share:.0f} % of the variance")
    return figure


def _axis_name(k: int, vectors) -> str:
    parts = ", ".join(f"{v:+.2f}" for v in vectors[:, k])
    return _minus(f"{k + 1}: ({parts})")
