"""Drawings for notebook 02: distances, neighbours, votes, regions, validation.

One meaning a colour: blue is the right class, orange a wrong one. Whatever is not
right or wrong is black or grey, or a class of the plane (green, pink, sky).
"""

import functools

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
    PURPLE,
    SKY,
    Picture,
    describe,
    matrix,
    png_bytes,
    show_image,
    to_pixels,
)

WIDE = 5.6  # inches, of every figure
REGION_COLOURS = (GREEN, PURPLE, SKY)
REGION_MARKERS = ("o", "s", "^")
PALE = "#DDDDDD"


def difference_table(a: np.ndarray, b: np.ndarray):
    """Return a figure of two small images as numbers, and their pixel distances.

    Parameters
    ----------
    a, b : integers (H, W), one shape
    """
    gap = np.abs(np.asarray(a, int) - np.asarray(b, int))
    figure, axes = plt.subplots(1, 3, figsize=(WIDE, 2.3))
    for ax, values, title in zip(
        axes, (a, b, gap), ("image a", "image b", f"|a − b|, sum {gap.sum()}"),
        strict=True,
    ):  # fmt: skip
        matrix(ax, values, title, cmap="gray", vmin=0, vmax=255)
        ax.set(xlabel="column", ylabel="row" if ax is axes[0] else "")
    first = f"Top left |{a[0, 0]} − {b[0, 0]}| = {gap[0, 0]}"
    return describe(figure, f"{first}; all {gap.size} add up to {gap.sum()}.")


def neighbour_rows(
    queries, truth, neighbours, labels, distances=None, title="", classes=None
):
    """Return a figure: a query in each row, then its neighbours, nearest first.

    Neighbours of the query's own class have a blue frame, others an orange one; above
    each stands its class, and its distance where distances are given.

    Parameters
    ----------
    queries : Q images as in ``show_image``
    truth : (Q,) their classes
    neighbours : Q lists of k images
    labels : (Q, k) classes of the neighbours
    distances : (Q, k), or None
    title : the finding
    classes : names of the classes; by default their numbers
    """
    rows, columns = np.shape(labels)
    name = str if classes is None else (lambda label: classes[label])
    size = WIDE / (columns + 1.25)
    figure, axes = plt.subplots(
        rows,
        columns + 1,
        figsize=(WIDE, rows * (size + 0.3) + 0.35 * bool(title)),
        squeeze=False,
        gridspec_kw={"width_ratios": [1.25, *[1] * columns]},
    )
    for row in range(rows):
        show_image(axes[row, 0], queries[row], f"asked: {name(truth[row])}")
        for column in range(columns):
            ax, label = axes[row, column + 1], labels[row][column]
            caption = name(label)
            if distances is not None:
                caption += f" · {distances[row][column]:,.0f}"
            show_image(ax, neighbours[row][column], caption)
            _frame(ax, BLUE if label == truth[row] else ORANGE)
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return describe(figure, _rows_in_words(truth, labels, distances, name))


def _rows_in_words(truth, labels, distances, name) -> str:
    parts = []
    for row, (own, found) in enumerate(zip(truth, labels, strict=True)):
        text = f"Nearest to a {name(own)}: {', '.join(map(name, found))}"
        if distances is not None:
            near, far = distances[row][0], distances[row][-1]
            text += f", at distances from {near:,.0f} to {far:,.0f}"
        parts.append(text + ".")
    return " ".join(parts)


def _frame(ax, colour) -> None:
    for spine in ax.spines.values():
        spine.set(visible=True, color=colour, linewidth=2.5)


def regions(points, labels, classes, answers: dict, title: str = "", steps: int = 90):
    """Return a figure of 2-D points and the class that each place would be given.

    Parameters
    ----------
    points, labels : (N, 2), (N,) labels below 3; the last point is the stray one
    classes : up to three names
    answers : panel title -> function of (M, 2) places that returns (M,) classes
    title : the finding
    """
    low, high = points.min(axis=0) - 0.5, points.max(axis=0) + 0.5
    across, up = (np.linspace(low[i], high[i], steps) for i in (0, 1))
    grid = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)  # (M, 2)
    figure, axes = plt.subplots(
        1, len(answers), figsize=(WIDE, 2.9), sharey=True, squeeze=False
    )
    words = []
    for ax, (name, answer) in zip(axes[0], answers.items(), strict=True):
        won = np.asarray(answer(np.concatenate([grid, points[-1:], points])))
        share = np.mean(won[len(grid) + 1 :] == labels)
        words.append(f"{name}: {classes[won[len(grid)]]}, {share:.0%} right")
        _region(ax, won[: len(grid)].reshape(steps, steps), points, labels, classes)
        ax.set(
            xlabel="$x_1$", title=f"{name}: {share:.0%} right",
            xlim=(low[0], high[0]), ylim=(low[1], high[1]),
        )  # fmt: skip
    axes[0, 0].set_ylabel("$x_2$")
    marks, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(marks, names, loc="outside lower center", ncols=3, fontsize=10)
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    text = "; ".join(words)
    return describe(figure, f"Class at the stray point, share of points right. {text}.")


def _region(ax, winners, points, labels, classes) -> None:
    """Draw the areas as colour, their borders as lines, and the points on top."""
    low, high = points.min(axis=0) - 0.5, points.max(axis=0) + 0.5
    colours = mpl.colors.ListedColormap(REGION_COLOURS[: len(classes)])
    ax.imshow(
        winners, cmap=colours, alpha=0.3, origin="lower", aspect="equal",
        extent=(low[0], high[0], low[1], high[1]), vmin=0, vmax=len(classes) - 1,
    )  # fmt: skip
    for k, name in enumerate(classes):
        ax.scatter(
            *points[labels == k].T, s=18, color=REGION_COLOURS[k], label=name,
            marker=REGION_MARKERS[k], edgecolor="black", linewidth=0.4,
        )  # fmt: skip
    ax.scatter(*points[-1], s=150, facecolor="none", edgecolor="black", linewidth=1.2)


def k_curves(ks, curves: dict, asked: int, title: str = ""):
    """Return a figure of accuracy against k, bars of one standard error.

    Parameters
    ----------
    ks : (R,) values of k, drawn on a logarithmic axis
    curves : name -> (R,) accuracies in [0, 1], at most three
    asked : number of images behind every accuracy
    title : the finding
    """
    figure, ax = plt.subplots(figsize=(WIDE, 3.2))
    looks = zip((BLACK, GREY, GREY), ("-", "--", ":"), "os^", strict=True)
    words = []
    for (name, values), (colour, line, marker) in zip(
        curves.items(), looks, strict=False
    ):
        p = np.asarray(values, dtype=float)
        error = np.sqrt(p * (1 - p) / asked)
        ax.errorbar(
            ks, 100 * p, yerr=100 * error, color=colour, linestyle=line,
            marker=marker, capsize=3, label=name,
        )  # fmt: skip
        listed = ", ".join(f"k = {k}: {v:.1%}" for k, v in zip(ks, p, strict=True))
        words.append(f"{name}: {listed}")
    _axis_of_k(ax, ks)
    ax.legend(loc="best")
    ax.set_title(title)
    return describe(figure, f"Accuracy on {asked} images. {'; '.join(words)}.")


def _axis_of_k(ax, ks) -> None:
    ax.set(xscale="log", xlabel="k, neighbours that vote", ylabel="accuracy, %")
    ax.set_xticks(ks, [str(k) for k in ks])
    ax.minorticks_off()


def fold_table(num_folds: int = 5):
    """Return a figure: in each round another fold is held out of the training rows."""
    shapes.require_int(num_folds, 2, "fold_table", "num_folds")
    figure, ax = plt.subplots(figsize=(WIDE, 0.36 * num_folds + 0.9))
    for row in range(num_folds):
        for fold in range(num_folds):
            out = row == fold
            colour = "#444444" if out else PALE
            ax.barh(row, 0.94, left=fold + 0.03, height=0.8, color=colour)
            ax.text(
                fold + 0.5, row, "asked" if out else "known", ha="center",
                va="center", color="white" if out else BLACK, fontsize=10,
            )  # fmt: skip
    ax.set(
        xlim=(0, num_folds),
        ylim=(num_folds - 0.5, -0.5),
        xticks=np.arange(num_folds) + 0.5,
        xticklabels=[f"fold {fold + 1}" for fold in range(num_folds)],
        yticks=range(num_folds),
        yticklabels=[f"round {row + 1}" for row in range(num_folds)],
    )
    ax.set_title("Each image is asked about once, and known otherwise")
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    text = f"{num_folds} rounds; in round i, fold i is asked and the others are known."
    return describe(figure, text)


def fold_curve(ks, accuracies, title: str = ""):
    """Return a figure: mean accuracy against k, bars of one deviation, and the folds.

    Parameters
    ----------
    ks : (R,) values of k, drawn on a logarithmic axis
    accuracies : (R, folds) in [0, 1]
    title : the finding
    """
    percent = 100 * np.asarray(accuracies)
    mean, sd = percent.mean(axis=1), percent.std(axis=1, ddof=1)
    figure, ax = plt.subplots(figsize=(WIDE, 3.0))
    for column in percent.T:
        ax.plot(ks, column, ".", color=GREY, alpha=0.7, markersize=6)
    ax.errorbar(ks, mean, yerr=sd, color=BLACK, marker="o", capsize=3)
    _axis_of_k(ax, ks)
    ax.set_title(title)
    listed = zip(ks, mean, sd, strict=True)
    text = ", ".join(f"k = {k}: {m:.1f} ± {s:.1f} %" for k, m, s in listed)
    return describe(figure, f"Mean and standard deviation over the folds. {text}.")


def equal_changes(original, changed: dict, distance, title: str = ""):
    """Return a figure: an image, changed versions, and how far each is from it.

    Parameters
    ----------
    original : integers (C, H, W) from 0 to 255
    changed : name -> image of the same shape
    distance : function of two images
    """
    figure, axes = plt.subplots(1, 1 + len(changed), figsize=(WIDE, 2.0))
    show_image(axes[0], original.astype(np.uint8), "the cat\n")
    words = []
    for ax, (name, image) in zip(axes[1:], changed.items(), strict=True):
        d = float(distance(image, original))
        show_image(ax, image.astype(np.uint8), f"{name}\n{d:,.0f}")
        words.append(f"{name} at distance {d:,.0f}")
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return describe(figure, f"One cat and {len(changed)} changes: {', '.join(words)}.")


def falling_curves(
    places, curves: dict, xlabel: str, title: str = "", guessing: float = 0.1
):
    """Return a figure of accuracy against what is done to the images.

    Parameters
    ----------
    places : (R,) whole numbers on the horizontal axis, drawn at equal distances
    curves : name -> (R,) accuracies in [0, 1], at most three
    xlabel : what is counted
    guessing : the accuracy of a guesser
    """
    figure, ax = plt.subplots(figsize=(WIDE, 3.2))
    looks = zip((BLACK, BLACK, GREY), ("-", "--", ":"), "os^", strict=True)
    words = []
    for (name, values), (colour, line, marker) in zip(
        curves.items(), looks, strict=False
    ):
        p = 100 * np.asarray(values, dtype=float)
        ax.plot(range(len(p)), p, color=colour, linestyle=line, marker=marker)
        ax.lines[-1].set_label(name)
        listed = (f"{at:,}: {v:.0f} %" for at, v in zip(places, p, strict=True))
        words.append(f"{name}: {', '.join(listed)}")
    ax.axhline(100 * guessing, color=GREY, linewidth=1, linestyle="-.")
    ax.text(0, 100 * guessing + 2, "guessing", color="#555555", fontsize=10)
    ax.set(xlabel=xlabel, ylabel="accuracy, %", ylim=(0, 102))
    ax.set_xticks(range(len(places)), [f"{at:,}" for at in places])
    if len(curves) > 1:
        ax.legend(loc="best")
    ax.set_title(title)
    return describe(figure, f"Accuracy by {xlabel}. {'; '.join(words)}.")


def memory_curves(record: dict, title: str = ""):
    """Return a figure of a stored ``knn_accuracy`` record: accuracy against memory.

    One line a data set, with bars of one standard deviation over five random draws.
    ``title`` states the finding.
    """
    figure, ax = plt.subplots(figsize=(WIDE, 3.6))
    words = []
    for row, marker in zip(record["memory"], "os^D", strict=False):
        n, mean, sd = row["n_train"], 100 * np.array(row["mean"]), np.array(row["sd"])
        ax.errorbar(
            n, mean, yerr=100 * sd, color=BLACK, marker=marker, capsize=3,
            markersize=5, linewidth=1.5, label=row["dataset"],
        )  # fmt: skip
        ends = f"{mean[0]:.0f} % with {n[0]:,} to {mean[-1]:.0f} % with {n[-1]:,}"
        words.append(f"{row['dataset']} from {ends}")
    ax.axhline(10, color=GREY, linewidth=1, linestyle="-.")
    ax.text(10, 4, "guessing", color="#555555", fontsize=10)
    ax.set(
        xscale="log", xlabel="images remembered", ylabel="validation accuracy, %",
        ylim=(0, 102),
    )  # fmt: skip
    ax.legend(loc="lower right", bbox_to_anchor=(1, 0.38), fontsize=10)
    ax.set_title(title)
    return describe(figure, f"Accuracy of one neighbour: {'; '.join(words)}.")


# ------------------------------------------------------------ the board of the widget

WIDTH = 480  # of the board, in pixels
PRINT = 12  # height of its text: 9 where the board is shown in a column of 364
LEFT = 118  # where the right-hand part begins
TILE = 46  # side of a neighbour
BIG = 92  # side of the query
HIGHEST_K = 15


def neighbour_board(
    original, asked, truth, neighbours, labels, distances, classes, winner, crowd,
    reach, alt,
) -> Picture:  # fmt: skip
    """Draw a query, its neighbours, all distances and the votes, in a few ms.

    Neighbours of the query's own class are blue, others orange, in the frames, the
    ticks and the bars; the bar of the winner is the one that says so.

    Parameters
    ----------
    original, asked : uint8 (C, H, W), the query before and after a change
    truth : the query's class
    neighbours : uint8 (k, C, H, W), nearest first, k at most 15
    labels, distances : (k,) class and distance of every neighbour
    classes : names of the classes
    winner : the class that won the vote
    crowd : (N,) distances to all training images
    reach : right end of the distance axis
    alt : what the picture says, as a sentence
    """
    from PIL import Image, ImageDraw

    rows = -(-HIGHEST_K // 5)  # always, so that nothing jumps when k moves
    top = 20 + rows * (TILE + 22) + 4
    sheet = Image.new("RGB", (WIDTH, top + 70 + 17 * len(classes) + 4), "white")
    draw = ImageDraw.Draw(sheet)
    pace = (WIDTH - LEFT) // 5
    _tile(sheet, draw, original, (4, 20), BIG, None, "asked image")
    _tile(sheet, draw, asked, (4, 20 + BIG + 22), BIG, None, "as changed")
    draw.text(
        (LEFT, 2), f"the {len(labels)} nearest: class, distance", "black", _font()
    )
    for place, (image, label, d) in enumerate(
        zip(neighbours, labels, distances, strict=True)
    ):
        x, y = LEFT + 3 + place % 5 * pace, 22 + place // 5 * (TILE + 22)
        _tile(sheet, draw, image, (x, y), TILE, BLUE if label == truth else ORANGE)
        _caption(draw, (x - 2, y + TILE + 3), classes[label], d, pace - 2)
    colours = [BLUE if label == truth else ORANGE for label in labels]
    _crowd(draw, top, crowd, distances, colours, reach)
    _votes(draw, top + 70, labels, classes, winner, truth)
    return Picture(png_bytes(sheet, PRINT), alt)


@functools.cache
def _font():
    from PIL import ImageFont

    place = f"{mpl.get_data_path()}/fonts/ttf/DejaVuSans.ttf"
    return ImageFont.truetype(place, PRINT)


def _tile(sheet, draw, image, corner, side, colour, title: str = "") -> None:
    """Paste one image, enlarged without smoothing, with a frame and a title."""
    from PIL import Image

    x, y = corner
    picture = Image.fromarray(np.ascontiguousarray(to_pixels(image))).convert("RGB")
    sheet.paste(picture.resize((side, side), Image.Resampling.NEAREST), (x, y))
    if colour:
        draw.rectangle((x - 3, y - 3, x + side + 2, y + side + 2), None, colour, 3)
    if title:
        draw.text((x, y - 18), title, "black", _font())


def _caption(draw, corner, name: str, distance: float, room: int) -> None:
    """Write class and distance where both fit, else the class alone."""
    both = f"{name}: {distance:.0f}"
    fits = draw.textlength(both, _font()) <= room
    draw.text(corner, both if fits else name, "black", _font())


def _crowd(draw, top, crowd, distances, colours, reach) -> None:
    """Draw all distances as a grey histogram, the neighbours as coloured ticks."""
    width, floor, bins = WIDTH - LEFT - 8, top + 44, 88
    counts, _ = np.histogram(crowd, bins=bins, range=(0, reach))
    heights = np.ceil(38 * counts / max(counts.max(), 1)).astype(int)
    for place, high in enumerate(heights.tolist()):
        if high:
            x = LEFT + place * width // bins
            draw.rectangle((x, floor - high, x + 3, floor - 1), "#BBBBBB")
    draw.line((LEFT, floor, LEFT + width, floor), "black")
    for d, colour in zip(distances, colours, strict=True):
        x = LEFT + min(d / reach, 1) * width
        draw.line((x, floor - 16, x, floor + 6), colour, 2)
    draw.text((4, top + 14), "distance to all", "black", _font())
    draw.text((4, top + 30), "known images", "black", _font())
    draw.text((LEFT, floor + 8), "0", "black", _font())
    draw.text((LEFT + width, floor + 8), f"{reach:,.0f}", "black", _font(), anchor="ra")


def _votes(draw, top, labels, classes, winner, truth) -> None:
    """Draw one bar a class, as long as its votes."""
    votes = np.bincount(labels, minlength=len(classes)).tolist()
    step = (WIDTH - LEFT - 70) / HIGHEST_K
    draw.text((4, top), "votes", "black", _font())
    for k, (name, count) in enumerate(zip(classes, votes, strict=True)):
        y = top + 17 * k
        draw.text((LEFT - 8, y), name, "black", _font(), anchor="ra")
        if count:
            end = LEFT + step * count
            draw.rectangle((LEFT, y + 2, end, y + 12), BLUE if k == truth else ORANGE)
            text = f"{count}  wins" if k == winner else f"{count}"
            draw.text((end + 6, y), text, "black", _font())
