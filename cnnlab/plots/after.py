"""Drawings for notebook 15: depth and error, and the networks since 2012.

One meaning a colour: orange is plain, blue has shortcuts, grey has no batch norm (or,
among the networks since 2012, is of no family), green is what is chosen.
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
COLOURS = {"plain": ORANGE, "residual": BLUE, "no batch norm": GREY}
LABELS = {"no batch norm": "plain, no\nbatch norm"}
MARKS = {"plain": "o", "residual": "s", "no batch norm": "^"}


def _kinds(rows: dict, key: str) -> dict:
    """Return kind -> depth -> the value ``key`` of every run."""
    found = {}
    for name, row in rows.items():
        words, _, rest = name.partition(",")
        kind, depth = words.split()
        kind = rest.strip() or kind
        values = [run[key] for run in row["runs"] if run.get(key) is not None]
        if values:
            found.setdefault(kind, {})[int(depth)] = values
    return found


def depth_errors(rows: dict, title: str, key: str = "error_on_training_pictures"):
    """Return a figure of the error against depth, a mark for each seed.

    Parameters
    ----------
    rows : those of the record ``depth``
    key : "error_on_training_pictures", or "error" on others
    """
    figure, ax = plt.subplots(figsize=(WIDE, 3.2))
    said = []
    for kind, depths in _kinds(rows, key).items():
        colour = COLOURS[kind]
        means = [np.mean(depths[d]) for d in depths]
        ax.plot(
            list(depths), means, f"{MARKS[kind]}-", color=colour, mfc="none",
            label=LABELS.get(kind, kind),
        )  # fmt: skip
        for depth, values in depths.items():
            ax.plot([depth] * len(values), values, MARKS[kind], color=colour, ms=7,
                    mfc="none")  # fmt: skip
            least, most = (f"{100 * one:.0f}" for one in (min(values), max(values)))
            range_ = f"{least} %" if least == most else f"{least} to {most} %"
            said.append(f"{kind}, {depth} layers: {range_}")
    ticks = sorted({d for depths in _kinds(rows, key).values() for d in depths})
    ax.set(xticks=ticks, xlabel="layers with weights")
    wrong = "training" if "training" in key else "other"
    ax.set(ylabel=f"{wrong} photographs wrong", title=title, ylim=(0.3, 0.95))
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=10)
    return describe(figure, f"{title}. A mark for each seed. {'; '.join(said)}.")


def depth_curves(rows: dict, names, title: str, drops=()):
    """Return a figure of the training error, pass by pass, of some rows.

    Parameters
    ----------
    rows : those of the record ``depth``
    names : of the rows to draw; each run of each is a line
    drops : passes after which the rate falls, marked by thin lines
    """
    figure, ax = plt.subplots(figsize=(WIDE, 3.2))
    said = []
    styles = {8: ":", 20: "--", 32: "-"}
    for name in names:
        kind, depth = name.split()[:2]
        runs = [run["curve"]["train_error"] for run in rows[name]["runs"]]
        for number, curve in enumerate(runs):
            ax.plot(
                range(1, len(curve) + 1), curve, styles[int(depth)],
                color=COLOURS[kind], lw=1.5, label=None if number else name,
            )  # fmt: skip
        first, last = (np.mean([one[at] for one in runs]) for at in (0, -1))
        said.append(f"{name}: from {first:.0%} to {last:.0%}")
    for number, drop in enumerate(drops):
        label = None if number else "rate falls"
        ax.axvline(drop, color=GREY, lw=1, label=label)
    ax.set(xlabel="passes through the training photographs", title=title)
    ax.set_ylabel("wrong during the pass")
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=10)
    marked = " and ".join(f"{drop:.1f}" for drop in drops)
    said += [f"the rate falls after {marked} passes"] if drops else []
    return describe(figure, f"{title}. A line for each seed. {'; '.join(said)}.")


# ---------------------------------------------------------------- networks since 2012

WIDTH, HEIGHT, PRINT = 560, 430, 15  # pixels of the board, and its text
LEFT, RIGHT, TOP, BOTTOM = 52, 18, 40, 52  # pixels around the plane
ACROSS = {
    "year of the paper": ("year", None),
    "parameters": ("parameters", 10),
    "multiply-accumulates": ("macs", 10),
    "layers with weights": ("layers", 2),
}
FAMILIES = {"VGG": ORANGE, "ResNet": BLUE}
FINE = ("top1", "top5")


def timeline_board(rows: dict, across: str, error: str, chosen: str) -> Picture:
    """Draw error against year, parameters, work or depth, a dot for each network.

    Parameters
    ----------
    rows : those of the record ``timeline``
    across : a key of ACROSS
    error : "top1" or "top5"
    chosen : the network whose numbers are told
    """
    from PIL import Image, ImageDraw

    key, base = ACROSS[across]
    values = {name: row[key] for name, row in rows.items()}
    low, high = min(values.values()), max(values.values())
    if base is None:
        low, high, ticks = low - 0.5, high + 0.5, list(range(low, high + 1))
    elif base == 10:
        ticks = [n * 10**p for p in range(5, 12) for n in (1, 3)]
        low, high = low / 1.4, high * 1.4
    else:
        low, high, ticks = low / 1.2, high * 1.2, [8, 16, 32, 64, 128]
    found = [row[error] for row in rows.values()]
    floor, top = math.floor(min(found) / 5) * 5, math.ceil(max(found) / 5) * 5
    if floor == 5:
        floor = 0

    def at(name):
        return across_at(values[name]), down_at(rows[name][error])

    def across_at(value):
        if base:
            share = math.log(value / low) / math.log(high / low)
        else:
            share = (value - low) / (high - low)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def down_at(value):
        share = (value - floor) / (top - floor)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    sheet = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw = ImageDraw.Draw(sheet)
    for value in range(floor, top + 1, 5):
        y = down_at(value)
        draw.line((LEFT, y, WIDTH - RIGHT, y), "#DDDDDD")
        draw.text((LEFT - 6, y), f"{value}", BLACK, font(PRINT), "rm")
    for value in ticks:
        if low <= value <= high:
            x = across_at(value)
            draw.line((x, HEIGHT - BOTTOM, x, HEIGHT - BOTTOM + 5), GREY)
            text = _short(value) if base == 10 else str(value)
            draw.text((x, HEIGHT - BOTTOM + 8), text, BLACK, font(PRINT), "mt")
    draw.text((WIDTH - RIGHT, HEIGHT - 4), across, BLACK, font(PRINT), "rb")
    words = "top-1" if error == "top1" else "top-5"
    draw.text((6, 6), f"{words} error, %", BLACK, font(PRINT), "lt")
    x = 190
    for family, colour in (*FAMILIES.items(), ("others", GREY), ("chosen", GREEN)):
        draw.ellipse((x, 7, x + 12, 19), colour)
        draw.text((x + 18, 13), family, BLACK, font(PRINT), "lm")
        x += 36 + int(draw.textlength(family, font(PRINT)))
    for family, colour in FAMILIES.items():
        line = [at(name) for name, row in rows.items() if row["family"] == family]
        if base and len(line) > 1:
            draw.line(line, colour, 2)
    x, y = at(chosen)  # the name's place is cleared before the dots are drawn
    width = draw.textlength(chosen, font(PRINT))
    name_x = min(max(x, LEFT + width / 2 + 4), WIDTH - RIGHT - width / 2)
    name_y = y - 20 if y > TOP + 34 else y + 20
    box = (name_x - width / 2 - 3, name_y - 9, name_x + width / 2 + 3, name_y + 9)
    draw.rectangle(box, "white")
    for name, row in rows.items():
        x, y = at(name)
        colour, size = FAMILIES.get(row["family"], GREY), 6
        if name == chosen:
            colour, size = GREEN, 9
        draw.ellipse((x - size, y - size, x + size, y + size), colour)
    draw.text((name_x, name_y), chosen, BLACK, font(PRINT), "mm")
    row = rows[chosen]
    better = sum(other[error] < row[error] for other in rows.values())
    said = (
        f"{chosen}: top-1 {row['top1']:.1f} %, top-5 {row['top5']:.1f} %; "
        f"{row['layers']} layers, {row['parameters']:,} parameters, "
        f"{row['macs']:,} multiply-accumulates an image. {better} of {len(rows)} have "
        f"a smaller {words} error. Paper: {row['paper']}; trained weights: "
        f"torchvision, {row['weights']}."
    )
    return Picture(png_bytes(sheet, PRINT), said)


def _short(value: float) -> str:
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g} {unit}"
    return f"{value:g}"
