"""Drawings for notebook 12: what each ingredient was worth, and how each works.

One meaning a colour: blue is the whole recipe (or the first of two), orange what
something was left out of (or the second of two), grey a band or a line to compare with.
"""

import math

import matplotlib.pyplot as plt
import numpy as np

from cnnlab.plots._base import (
    BLACK,
    BLUE,
    GREY,
    ORANGE,
    Picture,
    describe,
    font,
    png_bytes,
)

WIDE = 5.6  # inches, of every figure
WIDTH, PRINT = 560, 15  # pixels of the boards, and their text
LIGHT = "#D4D4D4"
FAR = 12.0  # points above the base, at which the axis of the ladder ends


def ladder_dots(steps, base, noise: float, title: str):
    """Draw the errors of every row, a dot a seed, around the base's and its noise.

    Parameters
    ----------
    steps : rows with name, errors (in per cent), difference and verdict
    base : errors of the whole recipe, one a seed
    noise : points of difference that chance alone hardly makes; infinite: not known
    """
    middle = float(np.mean(base))
    names = ["the whole recipe", *(one.name for one in steps)]
    rows = [list(base), *(one.errors for one in steps)]
    figure, ax = plt.subplots(figsize=(WIDE, 0.34 * len(rows) + 1.3))
    if math.isfinite(noise):
        ax.axvspan(middle - noise, middle + noise, color=GREY, alpha=0.25, linewidth=0)
    ax.axvline(middle, color=GREY, linewidth=1.2)
    far = middle + FAR  # what failed would leave no room for the rest
    for place, errors in enumerate(rows):
        colour = BLUE if not place else ORANGE
        if np.mean(errors) > far:
            ax.plot([far], [place], ">", color=colour)
            text = f"{np.mean(errors):.0f} %  "
            ax.text(far - 0.2, place, text, ha="right", va="center")
            continue
        ax.plot(errors, [place] * len(errors), "o", color=colour, alpha=0.75)
        mean = float(np.mean(errors))
        ax.plot([mean, mean], [place - 0.3, place + 0.3], color=BLACK, linewidth=1.6)
    ax.set_yticks(range(len(rows)), names)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set(xlabel="held-out error in % (dot: a seed, bar: mean)")
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    said = "; ".join(
        f"{one.name} {one.difference:+.1f} points, {one.verdict}" for one in steps
    )
    band = f"grey: {noise:.1f} points" if math.isfinite(noise) else "one seed, no band"
    return describe(
        figure,
        f"{title}. The whole recipe: {middle:.1f} % wrong ({band}). {said}.",
    )


def race_lines(arms: dict, goal: float):
    """Draw running training errors, pass by pass, until they fall below ``goal``.

    Parameters
    ----------
    arms : (panel, name) -> errors, one a pass
    goal : the share to reach
    """
    panels = list(dict.fromkeys(panel for panel, _ in arms))
    figure, axes = plt.subplots(
        1, len(panels), figsize=(WIDE, 2.9), sharex=True, sharey=True, squeeze=False
    )
    said, times = [], {}
    for ax, panel in zip(axes[0], panels, strict=True):
        mine = {name: errors for (own, name), errors in arms.items() if own == panel}
        for (name, errors), colour in zip(mine.items(), (BLUE, ORANGE), strict=False):
            ax.plot(range(1, len(errors) + 1), 100 * np.array(errors), color=colour,
                    label=name)  # fmt: skip
            reached = next((n for n, e in enumerate(errors, 1) if e < goal), None)
            when = f"{reached} passes" if reached else f"not in {len(errors)} passes"
            said.append(f"{panel}, {name}: {when}")
            word = str(reached) if reached else f"over {len(errors)}"
            times.setdefault(name, []).append(word)
        ax.axhline(100 * goal, color=GREY, linestyle=":", linewidth=1.2)
        ax.set_title(panel, fontsize=11)
        ax.set(xlabel="passes", ylim=(0, 70))
    axes[0, 0].set_ylabel("training error in %")
    axes[0, -1].legend(loc="upper right", fontsize=10)
    each = ", ".join(f"{name} {' and '.join(found)}" for name, found in times.items())
    title = f"Passes until {goal:.0%}: {each}"
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return describe(figure, f"{title}. {'; '.join(said)}.")


def two_rows(errors: dict, own: dict, title: str):
    """Draw held-out (filled) and training (open) errors of small trainings by name."""
    figure, ax = plt.subplots(figsize=(WIDE, 0.55 * len(errors) + 1.3))
    for place, (name, values) in enumerate(errors.items()):
        colour = BLUE if not place else ORANGE
        held, seen = (100 * np.array(one) for one in (values, own[name]))
        ax.plot(held, [place - 0.12] * len(held), "o", color=colour)
        ax.plot(seen, [place + 0.12] * len(seen), "o", color=colour,
                markerfacecolor="white")  # fmt: skip
    ax.set_yticks(range(len(errors)), list(errors))
    ax.set_ylim(len(errors) - 0.5, -0.5)
    ax.set_xlim(left=0)
    ax.set(xlabel="error in % (filled: held out, open: training)")
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    said = "; ".join(
        f"{name}: held out {', '.join(f'{v:.0%}' for v in values)}, training "
        f"{', '.join(f'{v:.0%}' for v in own[name])}"
        for name, values in errors.items()
    )
    return describe(figure, f"{title}. {said}.")


# ---------------------------------------------------------------- the crop machine


def crop_board(photo, crop, box, mirrored: bool, shift) -> Picture:
    """Draw a photograph with the frame of a crop, and what the network gets.

    Parameters
    ----------
    photo : uint8 (3, H, W)
    crop : (3, h, w) grey levels, mirrored and shifted; what lies outside 0 to 255 is
        cut off in the drawing
    box : top, left of the crop in the photograph
    shift : (3,) grey levels added to red, green and blue
    """
    from PIL import Image, ImageDraw

    sheet = Image.new("RGB", (WIDTH, 300), "white")
    draw = ImageDraw.Draw(sheet)
    side = 256
    whole = Image.fromarray(np.ascontiguousarray(photo.transpose(1, 2, 0)))
    scale = side / max(photo.shape[1:])
    whole = whole.resize((round(photo.shape[2] * scale), round(photo.shape[1] * scale)))
    sheet.paste(whole, (4, 34))
    top, left = (34 + box[0] * scale, 4 + box[1] * scale)
    high, wide = crop.shape[1] * scale, crop.shape[2] * scale
    frame = (round(left), round(top), round(left + wide) - 1, round(top + high) - 1)
    draw.rectangle(frame, outline=ORANGE, width=3)
    seen = np.clip(np.rint(crop), 0, 255).astype(np.uint8).transpose(1, 2, 0)
    shown = Image.fromarray(np.ascontiguousarray(seen))
    shown = shown.resize((round(wide), round(high)))
    sheet.paste(shown, (300, 34))
    draw.text((4, 15), "the photograph", BLACK, font(PRINT), "lm")
    turned = ", mirrored" if mirrored else ""
    draw.text((300, 15), f"the network gets{turned}", BLACK, font(PRINT), "lm")
    words = [f"{name} {value:+.0f}" for name, value in
             zip(("red", "green", "blue"), shift, strict=True)]  # fmt: skip
    text = ", ".join(words).replace("-", "−")
    draw.text((300, 280), text, BLACK, font(PRINT), "lm")
    spill = float(np.mean((crop < 0) | (crop > 255)))
    said = (
        f"The crop begins at row {box[0]}, column {box[1]}{turned}; grey levels added: "
        f"{text}. Outside 0 to 255: {spill:.0%} of the values."
    )
    return Picture(png_bytes(sheet, PRINT), said)


# ------------------------------------------------------------------------- the meter


def signal_board(readings, losses, others, chance: float, label: str) -> Picture:
    """Draw the spread between images layer by layer, and the losses that followed.

    Parameters
    ----------
    readings : (layer, spread) in order
    losses : one a step, smoothed already
    others : further curves, in grey
    chance : the loss of equal answers
    """
    from PIL import Image, ImageDraw

    sheet = Image.new("RGB", (WIDTH, 330), "white")
    draw = ImageDraw.Draw(sheet)
    low, high = -9, 3  # powers of ten, of the axis
    left, room, top = 62, 190, 40
    draw.text((4, 14), "spread between images", BLACK, font(PRINT), "lm")
    for power in range(low, high + 1):
        x = left + room * (power - low) / (high - low)
        draw.line((x, top, x, top + 26 * len(readings)), LIGHT)
        if power % 3 == 0:
            word = {0: "1", -3: "0.001", -6: "10⁻⁶", -9: "10⁻⁹", 3: "1000"}[power]
            place = (x, top + 26 * len(readings) + 12)
            draw.text(place, word, BLACK, font(PRINT), "mm")
    for place, (name, spread) in enumerate(readings):
        y = top + 26 * place + 13
        draw.text((left - 6, y), name, BLACK, font(PRINT), "rm")
        share = (math.log10(max(spread, 10**low)) - low) / (high - low)
        end = left + room * min(1.0, max(0.0, share))
        draw.rectangle((left, y - 8, end, y + 8), BLUE)
    _curves(draw, (305, 40, 545, 270), losses, others, chance)
    draw.text((305, 14), "training loss", BLACK, font(PRINT), "lm")
    draw.text(
        (425, 308), f"{len(losses)} steps; grey: other sizes", BLACK, font(PRINT), "mm"
    )
    last = losses[-1]
    ends = f"the loss after {len(losses)} steps is {last:.2f}"
    if not math.isfinite(last):
        ends = "the loss is no longer a number"
    elif abs(last - chance) < 0.02:
        ends += ", no better than chance"
    spread = readings[-1][1]
    said = (
        f"{label}: between images the answers differ by {spread:.1g}; {ends} "
        f"(chance: {chance:.2f})."
    )
    return Picture(png_bytes(sheet, PRINT), said)


def _curves(draw, box, losses, others, chance) -> None:
    x0, y0, x1, y1 = box
    most = 3.5
    draw.rectangle(box, outline=LIGHT)

    def points(values):
        steps = max(1, len(values) - 1)
        return [
            (x0 + (x1 - x0) * n / steps, y1 - (y1 - y0) * min(v, most) / most)
            for n, v in enumerate(values)
            if math.isfinite(v)
        ]

    for curve in others:
        draw.line(points(curve), LIGHT, 2)
    level = y1 - (y1 - y0) * chance / most
    for x in range(x0, x1, 10):
        draw.line((x, level, x + 4, level), BLACK)
    draw.text((x1 - 4, level - 10), "chance", BLACK, font(PRINT), "rm")
    draw.line(points(losses), BLUE, 3)
    if not math.isfinite(losses[-1]):
        end = points(losses)[-1][0]
        draw.text((end + 6, y0 + 12), "no number from here", BLACK, font(PRINT), "lm")
    for value in range(4):
        y = y1 - (y1 - y0) * value / most
        draw.text((x0 - 6, y), str(value), BLACK, font(PRINT), "rm")


# ----------------------------------------------------------------------- competition


def lrn_board(before, after, place, names=("before", "after"), tower=None) -> Picture:
    """Draw all maps before and after normalisation, and one place of all maps.

    Parameters
    ----------
    before, after : (C, H, W), at least 0
    place : row, column; bars show its activities
    tower : maps of a tower, where a line is drawn between towers; or None
    """
    from PIL import Image, ImageDraw

    count, high, wide = before.shape
    columns = 8
    zoom = max(1, (WIDTH - 8) // (columns * (wide + 1)))
    cell = (wide + 1) * zoom
    tall = -(-count // columns) * (high + 1) * zoom
    sheet = Image.new("RGB", (WIDTH, 2 * tall + 60 + 190), "white")
    draw = ImageDraw.Draw(sheet)
    y = 0
    for name, maps in zip(names, (before, after), strict=True):
        text = f"{name}: {count} maps, white is {maps.max():.2g}"
        draw.text((4, y + 14), text, BLACK, font(PRINT), "lm")
        y += 28
        tiles = (255 * maps / (maps.max() or 1)).astype(np.uint8)
        for index, tile in enumerate(tiles):
            corner = (4 + index % columns * cell, y + index // columns * cell)
            one = Image.fromarray(tile).resize((wide * zoom, high * zoom), 0)
            sheet.paste(one, corner)
            at = (corner[0] + place[1] * zoom, corner[1] + place[0] * zoom)
            draw.rectangle((*at, at[0] + zoom - 1, at[1] + zoom - 1), outline=ORANGE)
        y += tall
    row, column = place
    _bars(draw, before[:, row, column], after[:, row, column], y + 22, tower)
    return Picture(png_bytes(sheet, PRINT), _lrn_said(before, after, place))


def _bars(draw, before, after, top, tower) -> None:
    room, left = 130, 8
    step = (WIDTH - 2 * left) / len(before)
    most = max(before.max(), after.max()) or 1  # one scale for both
    draw.text((left, top - 8), "at the marked place: ", BLACK, font(PRINT), "lm")
    draw.rectangle((170, top - 15, 184, top - 1), BLUE)
    draw.text((190, top - 8), "before", BLACK, font(PRINT), "lm")
    draw.rectangle((250, top - 15, 264, top - 1), ORANGE)
    draw.text((270, top - 8), "after", BLACK, font(PRINT), "lm")
    floor = top + 12 + room
    for index, pair in enumerate(zip(before, after, strict=True)):
        x = left + index * step
        for k, (value, colour) in enumerate(zip(pair, (BLUE, ORANGE), strict=True)):
            start = x + 1 + k * (step - 2) / 2
            height = room * value / most
            if value > 0:
                draw.rectangle(
                    (start, floor - height, start + (step - 2) / 2, floor), colour
                )
        if tower and index and index % tower == 0:
            draw.line((x, top + 8, x, floor), BLACK)
    draw.line((left, floor, WIDTH - left, floor), BLACK)


def _lrn_said(before, after, place) -> str:
    row, column = place
    at, then = before[:, row, column], after[:, row, column]
    live = at > 0
    if not live.any():
        return f"Row {place[0]}, column {place[1]}: all maps are 0 here."
    factors = then[live] / at[live]
    first, last = int(at.argmax()), int(then.argmax())
    said = (
        f"Row {place[0]}, column {place[1]}: the maps that are not 0 are multiplied by "
        f"{factors.min():.2f} to {factors.max():.2f}; the strongest map is {first}"
    )
    return said + (f", afterwards {last}." if last != first else ", afterwards, too.")
