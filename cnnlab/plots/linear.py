"""Drawings for notebook 03: templates, decision regions, the losses of three scores.

Colours: hinge is vermilion and softmax blue; the classes of points in the plane are
green, pink and light blue; weights are purple above 0 and orange below.
"""

import io

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

from cnnlab import shapes
from cnnlab.plots._base import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    PURPLE,
    SIGNED,
    SKY,
    VERMILION,
    describe,
    font,
    matrix,
    mosaic_png,
    png_bytes,
    show_image,
)

LOSS_COLOURS = {"hinge": VERMILION, "softmax": BLUE}
CLASS_COLOURS = (GREEN, PURPLE, SKY)
CLASS_MARKERS = ("o", "s", "^")
FEATURES = ("feature $x_1$", "feature $x_2$")
WIDE = 5.6  # inches: more would be shrunk below what can be read in a narrow window


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


def templates(w, shape, names, title: str = "", columns: int = 5):
    """Return a figure of the rows of ``w`` as pictures, named, above their scale.

    Every template has its own scale, from minus to plus its largest weight. One
    channel: purple is positive, orange negative, white is 0. Three channels: a colour
    is brighter than mid-grey where its weight is positive, else darker.

    Parameters
    ----------
    w : (K, D)
    shape : (C, H, W) with C H W = D
    names : of the templates
    """
    w, grey = np.asarray(w), shape[0] == 1
    pictures = template_images(w, shape)
    columns = min(columns, len(w))
    rows = -(-len(w) // columns)
    side = min(WIDE / columns, 1.6)
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(max(columns * side, 4.2), rows * (side + 0.15) + 0.9),
        squeeze=False,
    )
    for ax in axes.flat:
        ax.axis("off")
    for ax, picture, name in zip(axes.flat, pictures, names, strict=False):
        show_image(ax, picture, cmap=SIGNED, vmin=1, vmax=255)
        ax.set_title(str(name), fontsize=11, loc="center")
    scale = mpl.cm.ScalarMappable(
        mpl.colors.Normalize(-1, 1), SIGNED if grey else "gray"
    )
    bar = figure.colorbar(
        scale,
        ax=axes,
        orientation="horizontal",
        aspect=40,
        shrink=0.8,
        ticks=[-1, 0, 1],
    )
    bar.ax.set_xticklabels(["wants dark: −largest", "0", "wants light: +largest"])
    bar.outline.set_visible(False)
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    best = int(np.abs(w).max(axis=1).argmax())
    shown = (
        "purple above 0, orange below" if grey else "mid-grey is 0, brighter is above"
    )
    head, told = f"{title}: " if title else "", "; ".join(map(str, names))
    text = (
        f"{head}{len(w)} templates as pictures of {shape[1]} × {shape[2]} pixels "
        f"({told}); {shown}. The largest weight, {np.abs(w).max():.2g}, is in "
        f"{names[best]!r}."
    )
    return describe(figure, text)


def template_scores(x, w, b, shape, names):
    """Draw one small picture beside every template, numbers written in, and scores.

    Parameters
    ----------
    x : (D,) pixels in [0, 1]
    w, b : (K, D), (K,)
    shape : (H, W) with H W = D
    """
    panels = len(w) + 1
    figure, axes = plt.subplots(1, panels, figsize=(WIDE, WIDE / panels + 0.6))
    matrix(axes[0], np.reshape(x, shape), "picture x", "gray", ".1f", vmin=0, vmax=1)
    scores = np.asarray(w) @ x + b
    for ax, row, bias, score, name in zip(axes[1:], w, b, scores, names, strict=True):
        reach = np.abs(w).max() * 1.6  # paler than the extremes, to read the numbers
        row = np.reshape(row, shape)
        matrix(ax, row, name, SIGNED, "+.0f", vmin=-reach, vmax=reach)
        ax.set_xlabel(f"bias {bias:g}\nscore {score:+.1f}")
    for ax in axes:
        ax.set(xticks=[], yticks=[])
    told = ", ".join(f"{name} {s:+.1f}" for name, s in zip(names, scores, strict=True))
    return describe(
        figure,
        f"A picture of {shape[0]} × {shape[1]} pixels, row by row "
        f"{np.round(x, 1).tolist()}, beside {len(w)} templates; their scores: {told}.",
    )


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
    names = [f"{classes[k]} ✓" if k == right else classes[k] for k in everyone]
    counted = [LOSS_COLOURS["hinge"] if gap > 0 else GREY for gap in gaps]
    terms = [None if k == right else gaps[k] for k in everyone]
    chance = [LOSS_COLOURS["softmax"] if k == right else GREY for k in everyone]
    dark = [BLACK if k == right else GREY for k in everyone]
    panels = (
        ("scores; ✓ is the right class", s, dark, (-7, 0, 7), ".1f"),
        (
            f"hinge loss {hinge:.2f}: score − right score + 1, where above 0",
            terms, counted, (-15, 0, 15), ".1f",
        ),
        (
            f"softmax loss {short_loss(cross)}: −ln of the right probability",
            p, chance, (0, 0.5, 1), ".3f",
        ),
    )  # fmt: skip
    tall = 58 + 27 * len(classes)
    sheet = Image.new("RGB", (560, tall * len(panels)), "white")
    draw = ImageDraw.Draw(sheet)
    for row, (title, values, colours, ticks, fmt) in enumerate(panels):
        _panel(draw, row * tall, names, values, colours, ticks, title, fmt)
    return png_bytes(sheet)


def short_loss(value: float) -> str:
    """Return a loss with three decimals, or as a power of ten where that is 0."""
    return f"{value:.3f}" if value == 0 or value >= 0.0005 else f"{value:.0e}"


def _panel(draw, top, names, values, colours, ticks, title, fmt):
    """Draw named bars with their numbers, between the first tick and the last.

    A value of None has no bar; it is marked as not counted.
    """
    left, width, high = 84, 420, 27
    low, most = ticks[0], ticks[-1]

    def across(value):
        return left + width * (min(max(value, low), most) - low) / (most - low)

    bottom = top + 28 + high * len(names)
    draw.text((8, top + 6), title, BLACK, font(15))
    for row, (name, value) in enumerate(zip(names, values, strict=True)):
        y, zero = top + 41 + high * row, across(0)
        draw.text((left - 8, y), name, BLACK, font(15), anchor="rm")
        if value is None:
            draw.text((zero + 6, y), "not counted", BLACK, font(14), anchor="lm")
            continue
        ends = sorted((zero, across(value)))
        draw.rectangle((ends[0], y - 9, ends[1], y + 9), fill=colours[row])
        # a bar to the left has its number on the right of 0
        place = (max(zero, ends[1]) + 6, y)
        draw.text(place, format(value, fmt), BLACK, font(15), anchor="lm")
    draw.line((across(0), top + 28, across(0), bottom), fill=BLACK)
    draw.line((left, bottom, left + width, bottom), fill=BLACK)
    for tick in ticks:
        draw.line((across(tick), bottom, across(tick), bottom + 4), fill=BLACK)
        draw.text((across(tick), bottom + 6), f"{tick:g}", BLACK, font(14), "ma")


def template_board(w, shape, names, columns: int = 5) -> bytes:
    """Draw named templates of one scale above that scale: a PNG, in milliseconds.

    Parameters
    ----------
    w : (K, D)
    shape : (C, H, W) with C H W = D
    """
    from PIL import Image, ImageDraw

    largest = float(np.abs(w).max())
    pictures = template_images(w, shape, largest or 1)
    grey = shape[0] == 1
    zoom = max(1, 96 // max(shape[1:]))
    high, wide, name = zoom * shape[1], 560 // columns, 26
    rows = -(-len(w) // columns)
    sheet = Image.new("RGB", (560, rows * (high + name) + 48), "white")
    draw = ImageDraw.Draw(sheet)
    for k, picture in enumerate(pictures):
        left, top = k % columns * wide, k // columns * (high + name)
        tile = mosaic_png(picture[None], 1, zoom, 0, SIGNED)
        tile = Image.open(io.BytesIO(tile)).convert("RGB")
        sheet.paste(tile, (left + (wide - tile.width) // 2, top + name))
        middle = left + wide // 2
        draw.text((middle, top + name - 3), str(names[k]), BLACK, font(15), "ms")
    top = rows * (high + name)
    steps = np.linspace(1, 255, 240).round().astype(np.uint8)
    strip = mosaic_png(np.tile(steps, (1, 12, 1)), 1, 1, 0, SIGNED if grey else "gray")
    sheet.paste(Image.open(io.BytesIO(strip)).convert("RGB"), (160, top + 10))
    ends = ((160, f"−{largest:.2g}"), (400, f"+{largest:.2g}")) if largest else ()
    for x, text in ((280, "0"), *ends):
        draw.text((x, top + 26), text, BLACK, font(14), "ma")
    draw.text((150, top + 16), "wants dark", BLACK, font(14), "rm")
    draw.text((410, top + 16), "wants light", BLACK, font(14), "lm")
    return png_bytes(sheet)


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
    ax.imshow(winner, cmap=colours, alpha=0.22, **options)
    for k in range(len(w)):
        dots = {"color": CLASS_COLOURS[k], "marker": CLASS_MARKERS[k]}
        ax.scatter(
            *x[y == k].T, s=24, label=classes[k], edgecolor="black", linewidth=0.4,
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


def decision_board(x, y, w, b, classes, features=FEATURES):
    """Return a figure of :func:`decisions` with its legend; quick, for a slider."""
    figure = mpl.figure.Figure(figsize=(WIDE, 4.9), layout="none")
    ax = figure.add_axes((0.14, 0.12, 0.76, 0.8))
    decisions(ax, x, y, w, b, classes, features=features)
    figure.legend(
        *ax.get_legend_handles_labels(), loc="upper center", ncols=3, fontsize=11,
        handletextpad=0.1, columnspacing=1.2,
    )  # fmt: skip
    return figure


def decision_pair(first, second, classes):
    """Return a figure of two trained classifiers of 2-D points, side by side.

    Each title says what share of the points lies in the region of its class.

    Parameters
    ----------
    first, second : each (points (N, 2), labels (N,), w, b, name of the second feature)
    """
    figure, axes = plt.subplots(1, 2, figsize=(WIDE, 3.6))
    told = []
    for ax, (x, y, w, b, name) in zip(axes, (first, second), strict=True):
        right = np.mean((x @ w.T + b).argmax(axis=1) == y)
        title, features = f"with {name}: {right:.0%} right", ("$x_1$", name)
        decisions(ax, x, y, w, b, classes, title, lines=False, features=features)
        plain = name.replace("$", "")
        told.append(f"with {plain} as second number {right:.0%} of {len(y)} points lie "
                    "in the region of their class")  # fmt: skip
    figure.legend(
        *axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2
    )
    text = f"Two linear classifiers: {'; '.join(told)}."
    return describe(figure, text)
