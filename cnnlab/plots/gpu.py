"""Drawings for notebook 13: a step's time against the roofline, and what it costs.

One meaning a colour: blue is forward, orange is backward, grey is data and update; a
black mark is the least that is possible, green the time of a whole training.
"""

import math

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator

from cnnlab import recipe
from cnnlab.plots._base import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    Picture,
    describe,
    font,
    mosaic_png,
    png_bytes,
)

WIDE = 5.6  # inches, of every figure
WIDTH, PRINT, LINE = 560, 15, 27  # pixels of the boards, their text and their rows
LEFT, ROOM = 84, 272  # where bars begin, and how long they may be
COLOURS = {"data": GREY, "forward": BLUE, "backward": ORANGE, "update": GREY}
PALE = {
    "data": "#D4D4D4",
    "forward": "#B3CDE3",
    "backward": "#F6CFB0",
    "update": "#D4D4D4",
}


def step_board(step: recipe.Step, images: int) -> Picture:
    """Draw a measured step, image by image, and the roofline of another batch.

    Parameters
    ----------
    step : measured; its bars are its time divided by its images
    images : of the batch that the black marks, the least possible, are for
    """
    from PIL import Image, ImageDraw

    groups = recipe.grouped(step.parts)
    floors = {
        name: [(step.machine.floor(part, images) / images, part) for part in parts]
        for name, parts in groups.items()
    }
    spent = {n: sum(p.seconds for p in g) / step.images for n, g in groups.items()}
    least = {name: sum(f for f, _ in rows) for name, rows in floors.items()}
    longest = max(*spent.values(), *least.values())
    unit, times = ("ms", 1e3) if longest > 5e-4 else ("µs", 1e6)
    sheet = Image.new("RGB", (WIDTH, 66 + LINE * len(groups) + 24), "white")
    draw = ImageDraw.Draw(sheet)
    _legend(draw)
    draw.text(
        (LEFT, 40), f"{unit} an image: measured (least)", BLACK, font(PRINT), "lm"
    )
    draw.text((WIDTH - 2, 40), "bound by", BLACK, font(PRINT), "rm")
    for place, (name, parts) in enumerate(groups.items()):
        y, x = 66 + LINE * place, float(LEFT)
        draw.text((LEFT - 8, y), name, BLACK, font(PRINT), "rm")
        for kind in COLOURS:
            value = sum(p.seconds for p in parts if p.kind == kind) / step.images
            if value:
                end = x + ROOM * value / longest
                colour = COLOURS[kind] if images == step.images else PALE[kind]
                draw.rectangle((x, y - 8, end, y + 8), colour)
                x = end
        mark = LEFT + ROOM * least[name] / longest
        draw.rectangle((mark - 2, y - 12, mark + 1, y + 12), BLACK)
        bound = _bound(step.machine, floors[name], images)
        text = f"{_short(spent[name] * times)} ({_short(least[name] * times)})"
        draw.text((max(x, mark + 2) + 5, y), text, BLACK, font(PRINT), "lm")
        draw.text((WIDTH - 2, y), bound, BLACK, font(PRINT), "rm")
    total, floor = sum(spent.values()), sum(least.values())
    y = 66 + LINE * len(groups) + 4
    text = (
        f"together {_short(total * times)} {unit} ({step.images} a step); "
        f"least {_short(floor * times)} ({images} a step)"
    )
    draw.text((LEFT, y), text, BLACK, font(PRINT), "lm")
    worst = max(spent, key=spent.get)
    memory = [n for n in groups if _bound(step.machine, floors[n], images) == "memory"]
    said = (
        f"{step.machine.name}, measured with {step.images} images a step: "
        f"{_rate(1 / total)} images a second. Most time goes to {worst}, "
        f"{spent[worst] / total:.0%}. At the roofline with {images} "
        f"image{'s' if images != 1 else ''} a step it would be {_rate(1 / floor)} "
        f"images a second; bound by memory then: {', '.join(memory)}."
    )
    return Picture(png_bytes(sheet, PRINT), said)


def _legend(draw) -> None:
    x = 4
    for colour, word in ((BLUE, "forward"), (ORANGE, "backward"),
                         (GREY, "data, update")):  # fmt: skip
        draw.rectangle((x, 6, x + 14, 20), colour)
        draw.text((x + 20, 13), word, BLACK, font(PRINT), "lm")
        x += 34 + int(draw.textlength(word, font(PRINT)))
    draw.rectangle((x + 4, 4, x + 7, 22), BLACK)
    draw.text((x + 14, 13), "least possible", BLACK, font(PRINT), "lm")


def _bound(machine, rows, images: int) -> str:
    """Return what bounds most of a group's least time."""
    shares = {"arithmetic": 0.0, "memory": 0.0}
    for floor, part in rows:
        shares[machine.bound(part, images)] += floor
    return max(shares, key=shares.get)


def _rate(value: float) -> str:
    return f"{value:,.0f}" if value >= 99.5 else f"{value:.2g}"


def _short(value: float) -> str:
    if value >= 99.5:
        return f"{value:,.0f}"
    digits = 1 if value >= 9.95 else 2
    return f"{value:.{digits}f}"


# ------------------------------------------------------------------------- the cost

SCALE = (
    ("a minute", 60), ("an hour", 3600), ("a day", 86_400), ("a month", 2_629_800),
    ("3 years", 94_672_800),
)  # fmt: skip
SHORTEST, LONGEST = 20.0, 1e9  # seconds, of the axis


def cost_board(speeds: dict, images: float, epochs: float, share: int = 1) -> Picture:
    """Draw how long a training takes at each speed, on a logarithmic axis.

    Parameters
    ----------
    speeds : name -> images a second
    share : so many of each machine share the work, without any loss
    """
    from PIL import Image, ImageDraw

    if not speeds:
        raise ValueError("cost_board: speeds needs one machine at least; got none.")
    left, room, top = 6, WIDTH - 12, 44
    sheet = Image.new("RGB", (WIDTH, top + 48 * len(speeds) + 4), "white")
    draw = ImageDraw.Draw(sheet)

    def at(seconds):
        low, high = math.log(SHORTEST), math.log(LONGEST)
        place = (math.log(max(seconds, SHORTEST)) - low) / (high - low)
        return left + room * min(1.0, place)

    for word, seconds in SCALE:
        x = at(seconds)
        draw.line((x, 26, x, top + 48 * len(speeds)), "#D0D0D0")
        draw.text((x, 13), word, BLACK, font(PRINT), "mm")
    said = []
    for place, (name, speed) in enumerate(speeds.items()):
        y = top + 48 * place
        took = recipe.training_seconds(images, epochs, speed * share)
        text = recipe.spoken_time(took)
        draw.text((left, y + 6), f"{name}: {text}", BLACK, font(PRINT), "lm")
        x = at(took)
        draw.line((left, y + 26, WIDTH - 6, y + 26), "#D0D0D0")
        draw.ellipse((x - 8, y + 18, x + 8, y + 34), GREEN)
        said.append(f"{name} ({_short(speed)} images a second): {text}")
    each = f"{share} of each, sharing without loss" if share > 1 else "one of each"
    return Picture(
        png_bytes(sheet, PRINT),
        f"{images:,.0f} images, {epochs:g} times, {each}. {'; '.join(said)}.",
    )


# -------------------------------------------------------------------------- figures


def run_errors(curve, classes: int):
    """Draw a run's errors, epoch by epoch, on training and on held-out images.

    Parameters
    ----------
    curve : rows with epoch, train_error and error, as a run record has them
    classes : how many, for the error by chance
    """
    epochs = [row["epoch"] for row in curve]
    figure, ax = plt.subplots(figsize=(WIDE, 3.0))
    chance, last = 100 * (1 - 1 / classes), curve[-1]
    lines = (
        ("train_error", "training, as it learned", GREY),
        ("error", "held out", BLUE),
        ("error5", "held out, top-5", GREEN),
    )
    for key, name, colour in lines:
        known = [(row["epoch"], 100 * row[key]) for row in curve if key in row]
        if known:
            point = "o" if len(known) <= 30 else None
            ax.plot(*zip(*known, strict=True), marker=point, color=colour, label=name)
    ax.axhline(chance, color=BLACK, linestyle=":", linewidth=1.2)
    ax.text(epochs[-1], chance + 1, "chance", ha="right", va="bottom")
    said = f"{100 * curve[0]['error']:.0f} % wrong after the first epoch, "
    said += f"{100 * last['error']:.0f} % after {last['epoch']:g}"
    ax.set(xlabel="epoch", ylabel="error in %", title=said, ylim=(0, 108))
    ax.legend(loc="best", fontsize=10)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    best = min(row["error"] for row in curve)
    return describe(
        figure,
        f"Held out: {said}; the least is {best:.1%}, and by chance it would be "
        f"{chance:.0f} %.",
    )


def filter_sheet(filters, columns: int = 12) -> Picture:
    """Draw first-layer filters (F, 3, k, k), each stretched about grey.

    Grey is 0; the weight of a filter that is farthest from 0 has full contrast.
    """
    filters = np.asarray(filters, float)
    if filters.ndim != 4 or filters.shape[1] != 3:
        raise ValueError(
            f"filter_sheet: filters needs shape (F, 3, k, k); got {filters.shape}."
        )
    if not np.isfinite(filters).all() or np.abs(filters).max(initial=0) > 1e30:
        raise ValueError("filter_sheet: filters must be finite, and below 1e30.")
    largest = np.abs(filters).max(axis=(1, 2, 3), keepdims=True)
    tiles = 127.5 + 127.5 * filters / np.where(largest > 0, largest, 1)
    side = filters.shape[2]
    scale = max(1, WIDTH // (columns * (side + 1)))
    data = mosaic_png(tiles.round().astype(np.uint8), columns, scale)
    colour = np.abs(filters - filters.mean(axis=1, keepdims=True)).max(axis=(1, 2, 3))
    grey = int((colour < 0.25 * largest[:, 0, 0, 0]).sum())
    return Picture(
        data,
        f"{len(filters)} filters of {side} × {side} pixels; {grey} of them are grey, "
        "or nearly so.",
    )


def rate_and_error(errors, rates, title: str, unit: str = "pass", without=()):
    """Draw the validation error of every pass, and the rate of the pass.

    Parameters
    ----------
    errors : one share a pass
    rates : the rate that the pass was trained with
    without : errors of the same training where the rate never falls, in grey
    """
    if len(errors) != len(rates) or not len(errors):
        raise ValueError(
            "rate_and_error: errors and rates need one number a pass, one at least; "
            f"got {len(errors)} and {len(rates)}."
        )
    figure, (above, below) = plt.subplots(2, 1, figsize=(WIDE, 3.6), sharex=True)
    passes = np.arange(1, len(errors) + 1)
    if len(without):
        places = np.arange(1, len(without) + 1)
        kept = 100 * np.asarray(without)
        above.plot(places, kept, "s--", color=GREY, label="rate kept")
    above.plot(
        passes, 100 * np.asarray(errors), "o-", color=BLUE, label="rate as below"
    )
    if len(without):
        above.legend(loc="lower left", fontsize=10)
    above.set(ylabel="held-out error in %", title=title)
    above.set_ylim(0, 110 * max(*errors, *without, 0.01))
    below.step(passes, rates, where="mid", color=GREY)
    below.set(ylabel="rate", xlabel=unit, yscale="log", xticks=passes)
    below.set_ylim(min(rates) / 3, max(rates) * 3)
    shown = sorted(set(rates))
    below.set_yticks(shown, [f"{rate:.3g}" for rate in shown])
    below.minorticks_off()
    falls = [int(n) + 1 for n in np.flatnonzero(np.diff(rates) < 0) + 1]
    when = f" and falls before {unit} {', '.join(map(str, falls))}" if falls else ""
    return describe(
        figure,
        f"{title}. Held-out error by {unit}: "
        f"{', '.join(f'{error:.0%}' for error in errors)}. The rate begins at "
        f"{rates[0]:g}{when}."
        + (
            f" With the rate kept it ends at {without[-1]:.0%}." if len(without) else ""
        ),
    )
