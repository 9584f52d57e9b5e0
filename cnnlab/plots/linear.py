"""Drawings for notebook 03: templates, decision lines, the losses of three scores."""

import functools
import io
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

from cnnlab import shapes
from cnnlab.plots._base import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    SIGNED,
    VERMILION,
    ink_on,
    matrix,
    mosaic_png,
    show_image,
)

CLASS_COLOURS = (BLUE, ORANGE, GREEN)
CLASS_MARKERS = ("o", "s", "^")
FEATURES = ("feature $x_1$", "feature $x_2$")


def template_images(w: np.ndarray, shape, largest=None) -> np.ndarray:
    """Return the rows of ``w`` as pictures, weight 0 in the middle of the scale.

    Parameters
    ----------
    w : (K, D)
    shape : (C, H, W) with C H W = D
    largest : the weight shown as an extreme; by default every template's own largest

    Returns
    -------
    (K, C, H, W) uint8; 128 is weight 0, 1 and 255 are the extremes
    """
    w = np.asarray(w, dtype=np.float64)
    shapes.require_axes(w, "K, D", "template_images", "w")
    shapes.require_same(
        "template_images", columns_of_w=w.shape[1], pixels=int(np.prod(shape))
    )
    own = np.abs(w).max(axis=1, keepdims=True) if largest is None else largest
    scaled = np.clip(w / np.where(own > 0, own, 1), -1, 1)
    return (128 + 127 * scaled).round().astype(np.uint8).reshape(len(w), *shape)


def templates(pictures, classes, columns: int = 5, size: float = 1.25, suptitle=""):
    """Return a figure of ``template_images``, each named by its class.

    One channel: purple is positive, orange negative, white is 0. Three channels: a
    colour is brighter than mid-grey where its weight is positive, else darker.
    """
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(columns * size, rows * (size + 0.28) + (0.35 if suptitle else 0)),
        squeeze=False,
    )
    for ax in axes.flat:
        ax.axis("off")
    for ax, picture, name in zip(axes.flat, pictures, classes, strict=False):
        show_image(ax, picture, str(name), cmap=SIGNED, vmin=1, vmax=255)
    if suptitle:
        figure.suptitle(suptitle, x=0.01, ha="left", fontsize=12)
    return figure


def template_scores(x, w, b, shape, classes):
    """Draw one small picture beside every template, numbers written in, and scores.

    Parameters
    ----------
    x : (D,) pixels in [0, 1]
    w, b : (K, D), (K,)
    shape : (H, W) with H W = D
    """
    figure, axes = plt.subplots(1, len(w) + 1, figsize=(1.75 * (len(w) + 1), 2.1))
    matrix(axes[0], np.reshape(x, shape), "picture x", "gray", ".1f", vmin=0, vmax=1)
    for ax, row, bias, name in zip(axes[1:], w, b, classes, strict=True):
        reach = np.abs(w).max() * 1.6  # paler than the extremes, to read the numbers
        row = np.reshape(row, shape)
        matrix(ax, row, name, SIGNED, "+.0f", vmin=-reach, vmax=reach)
        ax.set_xlabel(f"score {row.ravel() @ x + bias:+.1f}")
    for ax in axes:
        ax.set(xticks=[], yticks=[])
    return figure


def loss_against_score(ax, right, hinge, cross, title: str = ""):
    """Draw both losses of one example against the score of its right class."""
    ax.plot(right, hinge, color=VERMILION, label="hinge")
    ax.plot(right, cross, "--", color=BLUE, label="softmax")
    ax.axhline(0, color=BLACK, linewidth=0.8)
    ax.set(xlabel="score of the right class", ylabel="loss of the example")
    ax.set_title(title)
    ax.legend()
    return ax


def score_bars(s, gaps, p, right: int, hinge: float, cross: float, classes) -> bytes:
    """Draw the scores of one example, its hinge terms and its probabilities: a PNG.

    Parameters
    ----------
    s, gaps, p : (K,) scores; ``s_j - s_y + 1``, the place of y unused; probabilities
    right : the right class
    hinge, cross : its two losses

    Notes
    -----
    Drawn with Pillow, in some milliseconds: the picture follows a dragged slider.
    """
    from PIL import Image, ImageDraw

    everyone = range(len(classes))
    sheet = Image.new("RGB", (740, 60 + 44 * len(classes) + 52), "white")
    draw = ImageDraw.Draw(sheet)
    names = [f"{classes[k]} ✓" if k == right else classes[k] for k in everyone]
    colours = [BLUE if k == right else GREY for k in everyone]
    counts = [VERMILION if gap > 0 else GREY for gap in gaps]
    terms = [None if k == right else gaps[k] for k in everyone]
    head, what = f"hinge loss {hinge:.2f}", "score - right score + 1"
    _panel(draw, 66, 170, names, s, colours, (-7, 0, 7), "the scores", "score", ".1f")
    _panel(draw, 312, 170, names, terms, counts, (-15, 0, 15), head, what, ".1f")
    head, what = f"softmax loss {short_loss(cross)}", "probability"
    _panel(draw, 556, 130, names, p, colours, (0, 0.5, 1), head, what, ".3f")
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def short_loss(value: float) -> str:
    """Return a loss with three decimals, or as a power of ten where that is 0."""
    return f"{value:.3f}" if value == 0 or value >= 0.0005 else f"{value:.0e}"


def _panel(draw, left, width, names, values, colours, ticks, title, label, fmt):
    """Draw named bars with their numbers, between the first tick and the last.

    A value of None has no bar; it is marked as not counted.
    """
    low, high = ticks[0], ticks[-1]

    def across(value):
        return left + width * (min(max(value, low), high) - low) / (high - low)

    bottom = 48 + 44 * len(names)
    draw.text((left, 8), title, BLACK, _font(17))
    for row, (name, value) in enumerate(zip(names, values, strict=True)):
        y, zero = 70 + 44 * row, across(0)
        draw.text((left - 6, y), name, BLACK, _font(14), anchor="rm")
        if value is None:
            draw.text((zero + 5, y), "not counted", GREY, _font(12), anchor="lm")
            continue
        ends = sorted((zero, across(value)))
        draw.rectangle((ends[0], y - 14, ends[1], y + 14), fill=colours[row])
        crowded = low < 0 and value > 0.5 * high  # no room to the right of the bar
        place = (zero - 5, "rm") if crowded else (max(zero, ends[1]) + 5, "lm")
        draw.text((place[0], y), format(value, fmt), BLACK, _font(14), anchor=place[1])
    draw.line((across(0), 44, across(0), bottom), fill=BLACK)
    draw.line((left, bottom, left + width, bottom), fill=BLACK)
    for tick in ticks:
        draw.line((across(tick), bottom, across(tick), bottom + 4), fill=BLACK)
        draw.text((across(tick), bottom + 6), f"{tick:g}", BLACK, _font(12), "ma")
    draw.text((left + width / 2, bottom + 24), label, BLACK, _font(13), "ma")


@functools.cache
def _font(size: int):
    """Return the house font for Pillow; it ships inside Matplotlib."""
    from PIL import ImageFont

    path = Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(str(path), size)


def _bars(ax, names, values, colours, limits, title, fmt):
    """Draw horizontal bars, each with its number on the side that has room."""
    low, high = limits
    places = np.arange(len(names))
    ax.barh(places, np.clip(values, low, high), color=colours, height=0.6)
    ax.axvline(0, color=BLACK, linewidth=0.8)
    for place, value, colour in zip(places, values, colours, strict=True):
        # beside the bar's end; a bar to the left has its number on the right of 0
        crowded = low < 0 and value > 0.5 * high
        x, side = (0, "right") if crowded else (max(value, 0), "left")
        full = not crowded and value > 0.8 * high  # its number goes into the bar
        x, side = (min(value, high), "right") if full else (x, side)
        ax.annotate(
            format(value, fmt), (x, place), (-4 if side == "right" else 4, 0),
            textcoords="offset points", va="center", ha=side, fontsize=10,
            color=ink_on(mpl.colors.to_rgba(colour)) if full else BLACK,
        )  # fmt: skip
    ax.set(yticks=places, xlim=limits, ylim=(len(names) - 0.4, -0.6))
    ax.set_yticklabels(names)
    ax.tick_params(axis="y", length=0)
    ax.set_title(title, fontsize=11)


def decisions(
    ax, x, y, w, b, classes, title: str = "", lines: bool = True, features=FEATURES
):
    """Draw 2-D points, the region of each class, and every row of ``w``.

    The line of a row is where its score is 0; the arrow is the row itself and
    points, at a right angle to the line, to where the score grows.

    Parameters
    ----------
    x : (N, 2)
    y : (N,) labels below 3
    w, b : (K, 2), (K,) with K at most 3
    features : what the two axes measure
    """
    reach = float(np.ceil(np.abs(x).max() * 1.05))
    ticks = np.linspace(-reach, reach, 120)
    grid = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)  # (120 * 120, 2)
    winner = (grid @ w.T + b).argmax(axis=1).reshape(120, 120)
    colours = mpl.colors.ListedColormap(CLASS_COLOURS[: len(w)])
    box = (-reach, reach, -reach, reach)
    options = {"origin": "lower", "extent": box, "vmin": 0, "vmax": len(w) - 1}
    ax.imshow(winner, cmap=colours, alpha=0.18, **options)
    for k in range(len(w)):
        dots = {"color": CLASS_COLOURS[k], "marker": CLASS_MARKERS[k]}
        ax.scatter(
            *x[y == k].T, s=22, label=classes[k], edgecolor="white", linewidth=0.5,
            **dots,
        )  # fmt: skip
        if lines:
            _hyperplane(ax, w[k], b[k], CLASS_COLOURS[k], reach)
    ax.set(xlim=box[:2], ylim=box[2:], xlabel=features[0], ylabel=features[1])
    ax.set_aspect("equal")
    ax.set_title(title)
    return ax


def _hyperplane(ax, w, b, colour, reach):
    """Draw the line ``w . x + b = 0`` and the arrow ``w`` standing on it."""
    length = np.hypot(*w)
    if length < 1e-9:
        return
    foot = -b * w / length**2  # the point of the line nearest to the origin
    along = np.array([-w[1], w[0]]) / length * 4 * reach
    ax.plot(*np.stack([foot - along, foot + along]).T, color=colour, linewidth=1.5)
    if np.abs(foot).max() < reach:
        room = (0.97 * reach - np.sign(w) * foot) / np.maximum(np.abs(w), 1e-9)
        tip = foot + min(1, room.min()) * w  # a long row is drawn up to the frame
        ax.annotate(
            "", tip, foot, arrowprops={"arrowstyle": "-|>", "color": colour,
            "linewidth": 2.5, "shrinkA": 0, "shrinkB": 0},
        )  # fmt: skip


def decision_board(x, y, w, b, classes, numbers: dict, features=FEATURES):
    """Draw :func:`decisions` beside bars of named ``numbers``; quick, for a slider."""
    figure = mpl.figure.Figure(figsize=(7.4, 3.9), layout="none")
    ax = figure.add_axes((0.07, 0.14, 0.5, 0.76))
    decisions(ax, x, y, w, b, classes, features=features)
    side = figure.add_axes((0.72, 0.3, 0.26, 0.5))
    colours = (BLUE, ORANGE, GREY)
    values = np.array(list(numbers.values()))
    _bars(side, list(numbers), values, colours, (0, 8), "mean losses, R(W)", ".3f")
    figure.legend(
        *ax.get_legend_handles_labels(), loc="upper left", ncols=3, fontsize=10,
        handletextpad=0.1, columnspacing=0.8,
    )  # fmt: skip
    return figure


def loss_curves(ax, curves: dict, reference=None, title: str = "", xlabel="step"):
    """Draw named loss curves on a logarithmic axis, with a dashed line at the start.

    Parameters
    ----------
    curves : name -> (steps,) losses
    reference : (value, name) of a horizontal line, or None
    """
    colours = (BLUE, ORANGE, GREEN, VERMILION)
    for (name, values), colour in zip(curves.items(), colours, strict=False):
        ax.plot(np.arange(len(values)), values, color=colour, label=name, linewidth=1.5)
    if reference is not None:
        value, name = reference
        ax.axhline(value, color=BLACK, linestyle="--", linewidth=1, label=name)
    ax.set(xlabel=xlabel, ylabel="loss", yscale="log")
    ax.set_title(title)
    ax.legend(loc="upper right", bbox_to_anchor=(1, 0.78))
    return ax


def rate_reg_map(ax, grid, rates, regs, title: str = "", low=None, high=None):
    """Draw accuracies (rates, regs) in percent as a map with its numbers."""
    grid = 100 * np.asarray(grid, dtype=float)
    picture = ax.imshow(grid, cmap="viridis", vmin=low, vmax=high, aspect="auto")
    for (i, j), value in np.ndenumerate(grid):
        ink = ink_on(picture.cmap(picture.norm(value)))
        best = value == grid.max()
        ax.text(
            j, i, f"{value:.1f}", ha="center", va="center", color=ink,
            weight="bold" if best else "normal",
        )  # fmt: skip
    ax.set(
        xticks=range(len(regs)), yticks=range(len(rates)),
        xlabel="regularisation $\\lambda$", ylabel="learning rate",
    )  # fmt: skip
    ax.set_xticklabels([f"{reg:g}" for reg in regs])
    ax.set_yticklabels([f"{rate:g}" for rate in rates])
    ax.tick_params(length=0)
    ax.set_title(title)
    return ax


def gap_curve(ax, regs, train, held, title: str = ""):
    """Draw accuracy on training and held-out images against the regularisation.

    Parameters
    ----------
    train, held : (regs, seeds) shares in [0, 1]; lines are means, bands one standard
        deviation
    """
    places = np.arange(len(regs))
    pairs = (
        (train, BLUE, "o", "training images"),
        (held, VERMILION, "s", "test images"),
    )
    for values, colour, marker, name in pairs:
        mean, spread = 100 * np.mean(values, axis=1), 100 * np.std(values, axis=1)
        ax.fill_between(places, mean - spread, mean + spread, color=colour, alpha=0.2)
        ax.plot(places, mean, marker + "-", color=colour, label=name)
    ax.set(xlabel="regularisation $\\lambda$", ylabel="accuracy in %", ylim=(0, 105))
    ax.set_xticks(places, [f"{reg:g}" for reg in regs])
    ax.set_title(title)
    ax.legend()
    return ax


def template_mosaic(w, shape, columns=5, scale=4, largest=None) -> bytes:
    """Return :func:`template_images` as one PNG, in milliseconds."""
    pictures = template_images(w, shape, largest)
    return mosaic_png(pictures, columns, scale, gap=2, cmap=SIGNED)
