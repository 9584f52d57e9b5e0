"""Drawings for notebook 04: walks downhill, power laws, races, the valley.

Colours: a walk is vermilion; one image, a batch and all images are light blue, blue and
black; predictions are grey and dashed.
"""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

from cnnlab import shapes
from cnnlab.plots._base import (
    BLACK,
    BLUE,
    CYCLE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    describe,
    font,
    png_bytes,
)
from cnnlab.plots.linear import WIDE

MARKERS = ("o", "s", "^", "D", "v", "P")
COLOURS = {
    "all images": BLACK, "batches of 32": BLUE, "one image": SKY,
    "rate 3": BLUE, "rate 1": GREEN, "rate 3, then 0.3": PURPLE, "raw pixels": ORANGE,
    "less the mean image": BLACK,
    "the paper": VERMILION, "PyTorch": GREEN,
}  # fmt: skip


def descents(cost, walks, rates, reach=(-3.0, 9.0)):
    """Return a figure of walks on the curve of a cost of one number, side by side.

    Parameters
    ----------
    cost : function of an array of places
    walks : one array of places (steps + 1,) each; what lies outside is not drawn
    rates : of the walks, for the titles
    reach : the part of the axis that is drawn
    """
    figure, axes = plt.subplots(1, len(walks), figsize=(WIDE, 2.7), sharey=True)
    ticks = np.linspace(*reach, 100)
    top, told = float(cost(ticks).max()), []
    for ax, walk, rate in zip(np.atleast_1d(axes), walks, rates, strict=True):
        ax.plot(ticks, cost(ticks), color=GREY, linewidth=1.5)
        seen = np.where((walk > reach[0]) & (walk < reach[1]), walk, np.nan)
        ax.plot(seen, cost(seen), "o-", color=VERMILION, markersize=4, linewidth=1)
        ax.set(title=f"rate {rate:g}", xlabel="w", xlim=reach, ylim=(-0.05 * top, top))
        told.append(
            f"rate {rate:g}: {', '.join(f'{place:.3g}' for place in walk[:4])}, ..., "
            f"{walk[-1]:.3g}"
        )
    np.atleast_1d(axes)[0].set_ylabel("cost")
    text = f"Places of {len(walks)} walks on the curve of a cost: {'; '.join(told)}."
    return describe(figure, text)


def power_laws(x, curve, xlabel: str, ylabel: str, colour=BLACK, line: bool = True):
    """Return a figure of positive numbers over positive numbers, both logarithmic.

    Its title says the slope of the line that fits best, or where the least value is.

    Parameters
    ----------
    x : (P,)
    curve : (P,) values, or (3, P): 10 %, the median and 90 % of many measurements
    line : whether to fit a line; if not, the least value is marked
    """
    x, curve = np.asarray(x, dtype=float), np.asarray(curve, dtype=float)
    figure, ax = plt.subplots(figsize=(WIDE, 3.3))
    middle = curve[1] if curve.ndim == 2 else curve
    label = "measured"
    if curve.ndim == 2:
        ax.fill_between(x, curve[0], curve[2], color=colour, alpha=0.2)
        label = "median, band from 10 to 90 %"
    ax.plot(x, middle, "o" if line else "o-", color=colour, label=label, markersize=5)
    if line:
        slope, height = np.polyfit(np.log(x), np.log(middle), 1)
        fitted = np.exp(height) * x**slope
        ax.plot(x, fitted, "--", color=GREY, label=f"slope {slope:.2f}")
        title = f"A line of slope {slope:.2f}"
        ax.legend()
    else:
        least = int(np.nanargmin(middle))
        title = f"{ylabel[0].upper()}{ylabel[1:]}: least at {x[least]:.0e}"
        ax.plot(x[least], middle[least], "o", color=VERMILION, markersize=9)
    ax.set(xscale="log", yscale="log", xlabel=xlabel, ylabel=ylabel, title=title)
    text = (
        f"{title}. {ylabel} over {xlabel}: {middle[0]:.2g} at {x[0]:.2g}, "
        f"{middle[-1]:.2g} at {x[-1]:.2g}."
    )
    return describe(figure, text)


def limits(rates, costs, predicted, start: float):
    """Return a figure of the cost at the end of a walk over its rate, several curves.

    Parameters
    ----------
    rates : (P,)
    costs : name -> (P,) cost at the end; not finite where the walk left all bounds
    predicted : name -> rate from which on it should diverge, drawn dashed
    start : the cost at the start
    """
    figure, ax = plt.subplots(figsize=(WIDE, 3.3))
    told, top, grown = [], 1e3 * start, []
    for index, (name, values) in enumerate(costs.items()):
        colour = COLOURS.get(name, CYCLE[index])
        shown = np.minimum(np.nan_to_num(values, nan=np.inf), top)
        ax.plot(
            rates, shown, MARKERS[index] + "-", color=colour, label=name, markersize=4
        )
        ax.axvline(predicted[name], color=GREY, linestyle="--", linewidth=1.5)
        above = np.asarray(rates)[~(np.asarray(values) < start)]
        grown.append(f"{above.min():.2g}" if len(above) else "none")
        told.append(f"{name}: predicted {predicted[name]:.3g}, seen at {grown[-1]}")
    ax.axhline(start, color=GREY, linewidth=0.8)
    ax.set(xscale="log", yscale="log", xlabel="learning rate")
    ax.set_title(f"Lost from rates {' and '.join(grown)} on; dashed: predicted")
    ax.set_ylabel("cost at the end, cut off at the top")
    ax.legend(loc=(0.42, 0.45), handlelength=1)
    return describe(figure, f"Rates that end above the start. {'; '.join(told)}.")


def race(x, curves, xlabel: str, ylabel: str, title: str):
    """Return a figure of several runs a curve: their mean, and a band from end to end.

    The upright axis is logarithmic.

    Parameters
    ----------
    x : (P,)
    curves : name -> (runs, P), or (P,); a curve may be shorter than the others
    """
    figure, ax = plt.subplots(figsize=(WIDE, 3.3))
    told = []
    for index, (name, runs) in enumerate(curves.items()):
        runs = np.atleast_2d(np.asarray(runs, dtype=float))
        colour, mean = COLOURS.get(name, CYCLE[index]), runs.mean(axis=0)
        seen = x[: len(mean)]
        ax.fill_between(
            seen, runs.min(axis=0), runs.max(axis=0), color=colour, alpha=0.2
        )
        ax.plot(
            seen, mean, MARKERS[index] + "-", color=colour, label=name, markersize=4
        )
        told.append(f"{name} {mean[1]:.2g}, then {mean[-1]:.2g} at {seen[-1]:g}")
    ax.set(xlabel=xlabel, ylabel=ylabel, yscale="log", title=title)
    ax.yaxis.set_minor_formatter(mpl.ticker.NullFormatter())
    ax.legend()
    return describe(figure, f"{ylabel} over {xlabel}: {'; '.join(told)}.")


# ------------------------------------------------------------------ the valley, quick

MAP, SIDE, HEAD = 300, 228, 30  # pixels: the map, the width of the losses, the titles


def map_of(loss, low, high, bands: int = 14):
    """Return a map of a loss as an RGB image, (300, 300, 3) uint8.

    Light is low. The lines are places of equal loss, closer where it is steep.
    """
    a = np.linspace(low[0], high[0], 61)
    b = np.linspace(high[1], low[1], 61)
    coarse = np.asarray(loss(np.stack(np.meshgrid(a, b), axis=-1)))  # (61, 61)
    fine = _stretched(coarse, MAP)
    least, most = fine.min(), fine.max()
    level = np.sqrt((fine - least) / max(most - least, 1e-300)) * bands
    step = np.floor(level)
    shade = 250 - 110 * step / bands
    edge = np.zeros_like(step, dtype=bool)
    edge[1:] |= step[1:] != step[:-1]
    edge[:, 1:] |= step[:, 1:] != step[:, :-1]
    shade[edge] -= 45
    return np.repeat(shade[..., None], 3, axis=2).astype(np.uint8)


def _stretched(table, size: int):
    """Return a table stretched to (size, size), straight lines between its values."""
    at = np.linspace(0, len(table) - 1, size)
    rows = np.stack([np.interp(at, np.arange(len(table)), row) for row in table])
    columns = [np.interp(at, np.arange(len(table)), column) for column in rows.T]
    return np.stack(columns, axis=1)


def walk_board(background, land, path, losses, shown: int) -> bytes:
    """Draw a walk on a map beside its loss, step by step: a PNG, in milliseconds.

    Parameters
    ----------
    background : (300, 300, 3) uint8, by :func:`map_of`
    land : the `landscapes.Landscape` that it is a map of
    path : (steps + 1, 2); what is not finite ends the walk
    losses : (steps + 1,)
    shown : how many steps of them to draw
    """
    from PIL import Image, ImageDraw

    shapes.require_axes(np.asarray(path), "N, D", "walk_board", "path")
    sheet = Image.new("RGB", (WIDTH, HEAD + MAP + 62), "white")
    sheet.paste(Image.fromarray(background), (8, HEAD))
    draw = ImageDraw.Draw(sheet)
    _draw_walk(draw, land, np.asarray(path)[: shown + 1])
    draw.rectangle((0, 0, WIDTH, HEAD - 1), fill="white")
    draw.rectangle((0, HEAD + MAP, WIDTH, HEAD + MAP + 62), fill="white")
    draw.rectangle((8 + MAP, 0, WIDTH, HEAD + MAP + 62), fill="white")
    draw.rectangle((0, 0, 7, HEAD + MAP), fill="white")
    draw.text((8, 6), "the walk; × is the lowest place", BLACK, font(14))
    draw.rectangle((8, HEAD, 8 + MAP, HEAD + MAP), outline=GREY)
    bottom = HEAD + MAP
    for share in (0, 0.5, 1):
        value = land.low[0] + share * (land.high[0] - land.low[0])
        anchor = ("la", "ma", "ra")[int(2 * share)]
        place = (8 + share * MAP, bottom + 4)
        draw.text(place, f"{value:.3g}", BLACK, font(13), anchor)
    up = f"up: {land.axes[1]}, {land.low[1]:.3g} to {land.high[1]:.3g}"
    for row, text in enumerate((f"right: {land.axes[0]}", up)):
        draw.text((8, bottom + 22 + 17 * row), text, BLACK, font(13))
    _draw_losses(
        draw, np.asarray(losses), float(land.loss(land.lowest[None])[0]), shown
    )
    return png_bytes(sheet)


WIDTH = 8 + MAP + 24 + SIDE


def _draw_walk(draw, land, path):
    low, high = np.asarray(land.low), np.asarray(land.high)

    def pixel(place):
        share = (
            np.clip(place, low - 9 * (high - low), high + 9 * (high - low)) - low
        ) / (high - low)
        return 8 + share[0] * MAP, HEAD + (1 - share[1]) * MAP

    x, y = pixel(land.lowest)
    draw.line((x - 6, y - 6, x + 6, y + 6), fill=BLACK, width=2)
    draw.line((x - 6, y + 6, x + 6, y - 6), fill=BLACK, width=2)
    sound = path[np.isfinite(path).all(axis=1)]
    points = [pixel(place) for place in sound]
    if len(points) > 1:
        draw.line(points, fill=VERMILION, width=2)
    for x, y in points:
        draw.ellipse((x - 2.5, y - 2.5, x + 2.5, y + 2.5), fill=VERMILION)
    if points:
        x, y = points[-1]
        draw.ellipse((x - 5, y - 5, x + 5, y + 5), fill=VERMILION, outline=BLACK)


def _draw_losses(draw, losses, lowest, shown):
    """Draw the loss of every step so far, on a logarithmic axis."""
    left, top, wide, high = 8 + MAP + 24 + 50, HEAD, SIDE - 62, MAP
    first = losses[0] if np.isfinite(losses[0]) and losses[0] > 0 else 1.0
    most = 4 * first
    least = max(0.9 * lowest, 1e-3 * first)
    span = np.log(most / least)
    draw.text((left - 50, 6), "loss of all images", BLACK, font(14))
    draw.line((left, top, left, top + high, left + wide, top + high), fill=BLACK)
    for value in (least, np.sqrt(least * most), most):
        y = top + (1 - np.log(value / least) / span) * high
        draw.line((left - 4, y, left, y), fill=BLACK)
        draw.text((left - 6, y), f"{value:.2g}", BLACK, font(13), "rm")
    steps = len(losses) - 1
    for share, text in ((0, "0"), (0.5, "steps"), (1, f"{steps}")):
        anchor = ("la", "ma", "ra")[int(2 * share)]
        draw.text((left + share * wide, top + high + 4), text, BLACK, font(13), anchor)
    points = []
    for step, value in enumerate(losses[: shown + 1]):
        x = left + 1 + (wide - 1) * step / max(steps, 1)
        if not value <= most:  # NaN as well
            draw.text((x, top - 2), "▲", VERMILION, font(13), "ma")
            _line(draw, points)
            points = []
            continue
        share = np.log(max(value, least) / least) / span
        points.append((x, top + (1 - share) * high))
    _line(draw, points)


def _line(draw, points):
    """Draw a line through points, or the one point that there is."""
    if len(points) > 1:
        draw.line(points, fill=VERMILION, width=2)
    elif points:
        x, y = points[0]
        draw.ellipse((x - 2, y - 2, x + 2, y + 2), fill=VERMILION)
