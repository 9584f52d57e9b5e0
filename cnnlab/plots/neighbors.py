"""Drawings for notebook 02: distances, neighbours, votes, regions, validation."""

import functools
import io

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

from cnnlab import shapes
from cnnlab.plots._base import (
    BLACK,
    BLUE,
    CYCLE,
    GREY,
    ORANGE,
    VERMILION,
    Picture,
    matrix,
    show_image,
    to_pixels,
)

REGION_COLOURS = (BLUE, ORANGE, CYCLE[2])
REGION_MARKERS = ("o", "s", "^")


def difference_table(a: np.ndarray, b: np.ndarray):
    """Return a figure of two small images as numbers, and their pixel distances.

    Parameters
    ----------
    a, b : integers (H, W), one shape
    """
    gap = np.abs(np.asarray(a, int) - np.asarray(b, int))
    figure, axes = plt.subplots(1, 3, figsize=(8.4, 3.0))
    for ax, values, title in zip(
        axes, (a, b, gap), ("test image a", "training image b", "|a − b|"), strict=True
    ):
        matrix(ax, values, title, cmap="gray", vmin=0, vmax=255)
        ax.set(xlabel="column", ylabel="row")
    axes[2].set_title(f"|a − b|, sum {gap.sum()}")
    return figure


def neighbour_rows(
    queries, neighbours, right, titles, asked=None, title: str = "", size: float = 0.95
):
    """Return a figure: a query in each row, then its neighbours, nearest first.

    Neighbours of the query's own class have a blue frame, others an orange one.

    Parameters
    ----------
    queries : Q images as in ``show_image``
    neighbours : Q lists of k images
    right : (Q, k) booleans, whether a neighbour has the query's class
    titles : Q lists of k short texts
    asked : Q short texts above the queries
    title : the finding
    size : width of a neighbour in inches
    """
    rows, columns = np.shape(right)
    figure, axes = plt.subplots(
        rows,
        columns + 1,
        figsize=((columns + 1.25) * size, rows * (size + 0.3) + 0.35 * bool(title)),
        squeeze=False,
        gridspec_kw={"width_ratios": [1.25, *[1] * columns]},
    )
    for row in range(rows):
        show_image(axes[row, 0], queries[row], asked[row] if asked else "query")
        for column in range(columns):
            ax = axes[row, column + 1]
            show_image(ax, neighbours[row][column])
            ax.set_title(titles[row][column], fontsize=9, loc="center")
            _frame(ax, BLUE if right[row][column] else ORANGE)
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return figure


def _frame(ax, colour) -> None:
    for spine in ax.spines.values():
        spine.set(visible=True, color=colour, linewidth=2.5)


def regions(ax, predict, points, labels, classes, title: str = "", steps: int = 110):
    """Draw 2-D points and, behind them, the class ``predict`` gives to each place.

    Parameters
    ----------
    predict : (M, 2) places -> (M,) classes
    points, labels : (N, 2), (N,) labels below 3
    classes : up to three names
    """
    low, high = points.min(axis=0) - 0.5, points.max(axis=0) + 0.5
    across, up = (np.linspace(low[i], high[i], steps) for i in (0, 1))
    grid = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)  # (M, 2)
    winners = predict(grid).reshape(steps, steps)
    box = (low[0], high[0], low[1], high[1])
    colours = mpl.colors.ListedColormap(REGION_COLOURS[: len(classes)])
    ax.imshow(
        winners, cmap=colours, alpha=0.25, origin="lower", extent=box, aspect="equal",
        vmin=0, vmax=max(len(classes) - 1, 1),
    )  # fmt: skip
    for k, name in enumerate(classes):
        ax.scatter(
            *points[labels == k].T, s=20, color=REGION_COLOURS[k], label=name,
            marker=REGION_MARKERS[k], edgecolor="white", linewidth=0.5,
        )  # fmt: skip
    ax.set(xlabel="feature $x_1$", ylabel="feature $x_2$")
    ax.set_title(title)
    return ax


def fold_table(num_folds: int = 5):
    """Return a figure: in each round another fold is held out of the training rows."""
    shapes.require_int(num_folds, 2, "fold_table", "num_folds")
    figure, ax = plt.subplots(figsize=(7, 0.42 * num_folds + 1.1))
    for row in range(num_folds):
        for fold in range(num_folds):
            out = row == fold
            ax.barh(
                row, 0.94, left=fold + 0.03, height=0.78,
                color=VERMILION if out else "#CFE3F1",
            )  # fmt: skip
            ax.text(
                fold + 0.5, row, "asked" if out else "remembered",
                ha="center", va="center", color="white" if out else BLACK, fontsize=9,
            )  # fmt: skip
    ax.barh(0, 0.94, left=num_folds + 0.23, height=num_folds * 1.9, color="#DDDDDD")
    ax.text(
        num_folds + 0.7, (num_folds - 1) / 2, "test set:\nlocked away",
        ha="center", va="center", fontsize=9,
    )  # fmt: skip
    ax.set(
        xlim=(0, num_folds + 1.2),
        ylim=(num_folds - 0.5, -0.5),
        xticks=np.arange(num_folds) + 0.5,
        xticklabels=[f"fold {fold + 1}" for fold in range(num_folds)],
        yticks=range(num_folds),
        yticklabels=[f"round {row + 1}" for row in range(num_folds)],
    )
    ax.set_title("Each image is asked about once, and remembered otherwise")
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    return figure


def validation_curve(ax, ks, accuracies, label: str = "", colour=BLUE, title=""):
    """Draw mean accuracy against k, bars of one standard deviation, and the folds.

    Parameters
    ----------
    ks : (R,) values of k, drawn on a logarithmic axis
    accuracies : (R, folds) in [0, 1]
    """
    percent = 100 * np.asarray(accuracies)
    mean, sd = percent.mean(axis=1), percent.std(axis=1, ddof=1)
    for column in percent.T:
        ax.plot(ks, column, ".", color=colour, alpha=0.35, markersize=5)
    ax.errorbar(ks, mean, yerr=sd, color=colour, marker="o", capsize=3, label=label)
    ax.set(xscale="log", xlabel="k, neighbours that vote", ylabel="accuracy, %")
    ax.set_xticks(ks, [str(k) for k in ks])
    ax.minorticks_off()
    ax.set_title(title)
    return ax


def concentration(ax, dims, measured, real: dict, title: str = ""):
    """Draw the relative spread of squared distances against the dimension D.

    The line is what uniform random points must show: sqrt(1.4 / D).

    Parameters
    ----------
    dims, measured : (R,) dimensions, and the spread of random points there
    real : name -> (D, spread) of other sets of points
    """
    line = np.array([min(dims), max(dims)], dtype=float)
    law = np.sqrt(1.4 / line)
    ax.plot(line, law, color=GREY, label=r"law: $\sqrt{1.4 / D}$")
    ax.plot(dims, measured, "o", color=BLUE, label="random points, measured")
    looks = zip((VERMILION, ORANGE, CYCLE[2], BLACK), "s^Dv", strict=True)
    for (name, (d, spread)), (colour, marker) in zip(real.items(), looks, strict=False):
        ax.plot(d, spread, marker, color=colour, markersize=9, label=name)
    ax.set(xscale="log", yscale="log", xlabel="dimension D, numbers in a row")
    ax.set_ylabel("spread of squared distances / mean")
    ax.set_title(title)
    ax.legend(fontsize=9, loc="lower left")
    return ax


def shift_curve(ax, shifts, accuracies: dict, title: str = ""):
    """Draw accuracy against a shift in pixels, one line a data set.

    Parameters
    ----------
    shifts : (R,) pixels
    accuracies : name -> (R,) accuracies in [0, 1]
    """
    looks = zip(CYCLE[:4], "os^D", strict=True)
    for (name, values), (colour, marker) in zip(
        accuracies.items(), looks, strict=False
    ):
        ax.plot(
            shifts, 100 * np.asarray(values), color=colour, marker=marker, label=name
        )
    ax.axhline(10, color=GREY, linestyle=":", linewidth=1.5, label="guessing")
    ax.set(xlabel="test images shifted right by, pixels", ylim=(0, 102), xticks=shifts)
    ax.set_ylabel("accuracy, %")
    ax.set_title(title)
    ax.legend()
    return ax


def record_curves(record: dict, title: str = ""):
    """Return a figure of a stored ``knn_accuracy`` record: accuracy against k.

    One panel a data set, L2 solid and L1 dashed, bars of one standard deviation
    over random subsets. ``title`` states the finding.
    """
    names = list(dict.fromkeys(row["dataset"] for row in record["subsets"]))
    figure, axes = plt.subplots(
        1, len(names), figsize=(2.5 * len(names), 3.3), sharey=True, squeeze=False
    )
    looks = {"l2": (BLUE, "-", "o"), "l1": (VERMILION, "--", "s")}
    for row in record["subsets"]:
        ax = axes[0, names.index(row["dataset"])]
        colour, line, marker = looks[row["metric"]]
        ax.errorbar(
            record["ks"], 100 * np.array(row["mean"]), yerr=100 * np.array(row["sd"]),
            color=colour, linestyle=line, marker=marker, markersize=5, capsize=3,
            label=row["metric"].upper(),
        )  # fmt: skip
    for ax, name in zip(axes[0], names, strict=True):
        ax.axhline(10, color=GREY, linestyle=":", linewidth=1.5)
        ax.set(xscale="log", xlabel="k, neighbours that vote", ylim=(0, 102))
        ax.set_xticks(record["ks"], [str(k) for k in record["ks"]])
        ax.minorticks_off()
        ax.set_title(name, fontsize=11)
    axes[0, 0].set_ylabel("test accuracy, %")
    axes[0, 0].text(record["ks"][0], 12, "guessing", color=GREY, fontsize=9)
    axes[0, -1].legend(loc="upper right")
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return figure


# ------------------------------------------------------------ the board of the widget

WIDTH = 640  # of the board, in pixels
TILE = 66  # side of a neighbour
BIG = 108  # side of the query
HIGHEST_K = 15


def neighbour_board(
    original, asked, neighbours, labels, distances, classes, winner, crowd, reach, alt
) -> Picture:
    """Draw a query, its neighbours, all distances and the votes, in a few ms.

    Parameters
    ----------
    original, asked : uint8 (C, H, W), the query before and after a change
    neighbours : uint8 (k, C, H, W), nearest first, k at most 15
    labels, distances : (k,) class and distance of every neighbour
    classes : names of the classes
    winner : the class that won the vote
    crowd : (N,) distances to all training images
    reach : right end of the distance axis
    alt : what the picture says, as a sentence
    """
    from PIL import Image, ImageDraw

    rows = -(-len(labels) // 5)
    top = 22 + rows * (TILE + 22) + 8
    top = max(top, 2 * (BIG + 24) + 8)
    height = top + 78 + 18 * len(classes) + 28
    sheet = Image.new("RGB", (WIDTH, height), "white")
    draw = ImageDraw.Draw(sheet)
    _tile(sheet, draw, original, (4, 20), BIG, None, "test image")
    _tile(sheet, draw, asked, (4, 20 + BIG + 24), BIG, None, "as asked")
    draw.text((150, 2), f"the {len(labels)} nearest, by distance", "black", _font(13))
    for place, (image, label, d) in enumerate(
        zip(neighbours, labels, distances, strict=True)
    ):
        x = 150 + place % 5 * (TILE + 32)
        y = 22 + place // 5 * (TILE + 22)
        colour = BLUE if label == winner else ORANGE
        _tile(sheet, draw, image, (x, y), TILE, colour)
        draw.text((x, y + TILE + 3), f"{classes[label]}: {d:.0f}", "black", _font(11))
    _crowd(draw, top, crowd, distances, labels, winner, reach)
    _votes(draw, top + 84, labels, classes, winner)
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG", compress_level=1)
    return Picture(buffer.getvalue(), alt)


@functools.cache
def _font(size: int):
    from PIL import ImageFont

    return ImageFont.truetype(f"{mpl.get_data_path()}/fonts/ttf/DejaVuSans.ttf", size)


def _tile(sheet, draw, image, corner, side, colour, title: str = "") -> None:
    """Paste one image, enlarged without smoothing, with a frame and a title."""
    from PIL import Image

    x, y = corner
    picture = Image.fromarray(np.ascontiguousarray(to_pixels(image))).convert("RGB")
    sheet.paste(picture.resize((side, side), Image.Resampling.NEAREST), (x, y))
    if colour:
        draw.rectangle((x - 3, y - 3, x + side + 2, y + side + 2), None, colour, 3)
    if title:
        draw.text((x, y - 18), title, "black", _font(13))


def _crowd(draw, top, crowd, distances, labels, winner, reach) -> None:
    """Draw all distances as a grey histogram, the neighbours as coloured ticks."""
    left, width, floor = 150, WIDTH - 170, top + 54
    counts, _ = np.histogram(crowd, bins=94, range=(0, reach))
    heights = np.ceil(44 * counts / max(counts.max(), 1)).astype(int)
    for place, high in enumerate(heights.tolist()):
        if high:
            x = left + place * width // 94
            draw.rectangle((x, floor - high, x + 3, floor - 1), "#BBBBBB")
    draw.line((left, floor, left + width, floor), "black")
    for d, label in zip(distances, labels, strict=True):
        x = left + min(d / reach, 1) * width
        colour = BLUE if label == winner else ORANGE
        draw.line((x, floor - 16, x, floor + 6), colour, 2)
    draw.text((4, top + 20), "distance to every", "black", _font(12))
    draw.text((4, top + 35), "training image", "black", _font(12))
    draw.text((left, floor + 8), "0", "black", _font(12))
    end = f"{reach:.0f}"
    draw.text((left + width, floor + 8), end, "black", _font(12), anchor="ra")


def _votes(draw, top, labels, classes, winner) -> None:
    """Draw one bar a class, as long as its votes."""
    votes = np.bincount(labels, minlength=len(classes)).tolist()
    step = (WIDTH - 200) / max(len(labels), 5)
    draw.text((4, top), "votes", "black", _font(13))
    for k, (name, count) in enumerate(zip(classes, votes, strict=True)):
        y = top + 18 * k
        draw.text((142, y), name, "black", _font(12), anchor="ra")
        if count:
            colour = BLUE if k == winner else ORANGE
            draw.rectangle((150, y + 2, 150 + step * count, y + 13), colour)
            text = f"{count}  wins" if k == winner else f"{count}"
            draw.text((156 + step * count, y), text, "black", _font(12))
