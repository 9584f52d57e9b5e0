"""Drawings for notebook 11: weights against arithmetic, memory, and boxes to scale.

One meaning a colour: blue are weights, orange what layers give out, green the
multiply-accumulates.
"""

import math

import matplotlib.pyplot as plt
import numpy as np

from cnnlab.plots._base import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    Picture,
    describe,
    font,
    png_bytes,
)

WIDE = 5.6  # inches, of every figure
MIB = 2**20


def mirror_bars(names, left, right, words, title: str):
    """Draw two shares of each layer back to back, in percent of their sums.

    Parameters
    ----------
    left, right : numbers, such as the weights and the multiply-accumulates
    words : what they are
    """
    shares = [np.array(one) / sum(one) * 100 for one in (left, right)]
    figure, ax = plt.subplots(figsize=(WIDE, 0.33 * len(names) + 1.2))
    at = np.arange(len(names))
    ax.barh(at, -shares[0], color=BLUE)
    ax.barh(at, shares[1], color=GREEN)
    for y, pair in zip(at, zip(*shares, strict=True), strict=True):
        for share, side, place in zip(pair, (-1, 1), ("right", "left"), strict=True):
            text = f" {share:.0f} " if share >= 10 else f" {share:.1f} "
            ax.text(side * share, y, text, va="center", ha=place, fontsize=10)
    ax.axvline(0, color=BLACK, linewidth=1)
    ax.set_yticks(at, names)
    ax.invert_yaxis()
    most = max(one.max() for one in shares) * 1.2
    ax.set(xlim=(-most, most), xticks=[], title=title)
    ax.spines["bottom"].set_visible(False)
    ax.set_xlabel(f"{words[0]} (blue), {words[1]} (green), in %")
    said = "; ".join(
        f"{name} {one:.1f} and {two:.1f}"
        for name, one, two in zip(names, *shares, strict=True)
    )
    return describe(figure, f"{title}. {words[0]} and {words[1]} in percent: {said}.")


def memory_bars(memory, title: str):
    """Draw what training takes, layer by layer, in MiB.

    Parameters
    ----------
    memory : name -> bytes of (weights and all that belongs to them, outputs)
    """
    names = list(memory)
    weights, outputs = (np.array(one) / MIB for one in zip(*memory.values()))  # noqa: B905
    figure, ax = plt.subplots(figsize=(WIDE, 0.33 * len(names) + 1.3))
    at = np.arange(len(names))
    ax.barh(at, weights, color=BLUE, label="weights, gradients, momentum")
    ax.barh(at, outputs, left=weights, color=ORANGE, label="outputs, gradients")
    for y, whole in zip(at, weights + outputs, strict=True):
        ax.text(whole, y, f" {whole:.0f}", va="center", fontsize=10)
    ax.set_yticks(at, names)
    ax.invert_yaxis()
    ax.set(xlabel="MiB", title=title, xlim=(0, (weights + outputs).max() * 1.12))
    ax.legend(fontsize=10, loc="center right", bbox_to_anchor=(1.0, 0.52))
    said = "; ".join(
        f"{name} {one:.0f} and {two:.0f}"
        for name, one, two in zip(names, weights, outputs, strict=True)
    )
    sums = f"together {weights.sum():,.0f} and {outputs.sum():,.0f} MiB"
    return describe(figure, f"{title}. Weights and outputs in MiB: {said}; {sums}.")


# ------------------------------------------------------------------- boxes to scale

WIDTH, TALL, PRINT = 560, 356, 15  # pixels
TOP, HIGH = 26, 126  # of the boxes
SLOT, GAP = 25, 12  # pixels: least width of a box's place; between places
EDGE = 12  # pixels that stay free at both sides, for names
UNCUT = "fc8"  # on one card
COLOURS = {"weights": BLUE, "work": GREEN, "outputs": ORANGE, "memory": None}


def slots(values) -> list[tuple[float, float]]:
    """Return (left edge, side of the box) for each value; areas are to scale."""
    roots = [math.sqrt(max(value, 0)) for value in values]
    room, largest = WIDTH - 2 * EDGE + GAP, max(roots) or 1
    low, high = 0.0, HIGH / largest
    for _ in range(40):  # the largest scale at which all find room
        scale = (low + high) / 2
        need = sum(max(scale * root, SLOT) + GAP for root in roots)
        low, high = (scale, high) if need <= room else (low, scale)
    found, left = [], float(EDGE)
    for root in roots:
        found.append((left, low * root))
        left += max(low * root, SLOT) + GAP
    return found


def anatomy_board(names, values, shares, towers, sees_both, chosen, lines, footer,
                  colour, title, alt):  # fmt: skip
    """Draw the layers as boxes to scale, and the arithmetic of one of them.

    Parameters
    ----------
    names, values : of the layers; the areas are proportional to the values
    shares : of each box that is drawn in blue, the rest in orange; or None
    towers : 1 or 2
    sees_both : for each layer, whether its neurons see both towers
    chosen : number of the layer that is outlined
    lines : of text, the arithmetic
    footer : (weights, outputs, room) of the bar below, any unit, and a text
    colour : of the boxes, where there are no shares
    title, alt : texts
    """
    from PIL import Image, ImageDraw

    sheet = Image.new("RGB", (WIDTH, TALL), "white")
    draw = ImageDraw.Draw(sheet)
    draw.text((2, 2), title, BLACK, font(PRINT))
    middle, places = TOP + HIGH / 2 + 2, slots(values)
    wides = [max(side, SLOT) for _, side in places]
    _wires(draw, places, wides, middle, towers)
    for n, (name, (left, side)) in enumerate(zip(names, places, strict=True)):
        centre, half = left + wides[n] / 2, max(side, SLOT) / 2
        share = shares[n] if shares else None
        cut = towers if name != UNCUT else 1
        _box(draw, centre - side / 2, middle - side / 2, side, share, colour, cut)
        if towers == 2 and n and sees_both[n]:
            _cross(draw, left - GAP, left, middle)
        low = TOP + HIGH + 8 + 18 * (n % 2)
        if n == chosen:
            box = (centre - half - 3, middle - half - 3, centre + half + 2)
            draw.rectangle((*box, middle + half + 2), None, BLACK, 2)
            long = draw.textlength(name, font(PRINT)) / 2
            draw.line((centre - long, low + 18, centre + long, low + 18), BLACK, 2)
        ink = BLACK if n == chosen else "#505050"
        draw.text((centre, low), name, ink, font(PRINT), "ma")
    for n, line in enumerate(lines):
        draw.text((2, TOP + HIGH + 54 + 20 * n), line, BLACK, font(PRINT))
    _footer(draw, *footer)
    return Picture(png_bytes(sheet, PRINT), alt)


def _box(draw, x, top, side, share, colour, towers) -> None:
    if side < 0.5:  # nothing, or nearly: a dot shows where
        draw.ellipse((x - 1, top - 1, x + 1, top + 1), GREY)
        return
    box = (x, top, x + side, top + side)
    if share is None:
        draw.rectangle(box, colour)
    else:
        draw.rectangle(box, ORANGE)
        if share > 0:
            draw.rectangle((x, top, x + side * share, top + side), BLUE)
    if towers == 2 and side >= 6:
        draw.line((x, top + side / 2, x + side, top + side / 2), "white", 3)


OFF = 8  # pixels from the middle to the wire of a tower


def _wires(draw, places, wides, middle, towers) -> None:
    """Join neighbouring layers, tower by tower."""
    centres = [left + wide / 2 for (left, _), wide in zip(places, wides, strict=True)]
    for y in (middle - OFF, middle + OFF) if towers == 2 else (middle,):
        draw.line((centres[0], y, centres[-1], y), GREY, 1)


def _cross(draw, start, stop, middle) -> None:
    """Draw that what comes next sees both towers."""
    draw.line((start, middle - OFF, stop, middle + OFF), BLACK, 2)
    draw.line((start, middle + OFF, stop, middle - OFF), BLACK, 2)


def _footer(draw, weights, outputs, room, text) -> None:
    top, wide = TALL - 22, WIDTH - 6
    draw.text((2, top - 22), text, BLACK, font(PRINT))
    scale = wide / max(room, weights + outputs)
    draw.rectangle((2, top, 2 + weights * scale, top + 16), BLUE)
    ends = (2 + weights * scale, 2 + (weights + outputs) * scale)
    draw.rectangle((ends[0], top, ends[1], top + 16), ORANGE)
    draw.rectangle((2, top, 2 + room * scale, top + 16), None, BLACK, 2)
