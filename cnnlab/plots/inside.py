"""Drawings for notebook 14: filters by tower, maps of layers, blame, neighbours.

One meaning a colour: blue is the trained network, grey one that has learned nothing
(or chance), orange what speaks for a class, purple what speaks against it.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_rgb

from cnnlab.plots._base import (
    BLACK,
    BLUE,
    CYCLE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    Picture,
    describe,
    font,
    png_bytes,
)
from cnnlab.plots.lenet import _signed

WIDE = 5.6  # inches, of every figure
WIDTH, PRINT = 560, 15  # pixels of the boards, and of their text
DASHES = ("o-", "s--", "^:")


def _sheet(height: int):
    from PIL import Image, ImageDraw

    sheet = Image.new("RGB", (WIDTH, height), "white")
    return sheet, ImageDraw.Draw(sheet)


def _paste(sheet, pixels, left: int, top: int, side: int, smooth=False) -> None:
    """Put uint8 pixels (H, W, 3) or (3, H, W) into a square of the sheet."""
    from PIL import Image

    pixels = np.asarray(pixels)
    if pixels.shape[0] == 3 and pixels.shape[-1] != 3:
        pixels = pixels.transpose(1, 2, 0)
    tile = Image.fromarray(np.ascontiguousarray(pixels))
    way = Image.Resampling.BILINEAR if smooth else Image.Resampling.NEAREST
    sheet.paste(tile.resize((side, side), way), (left, top))


def _cut(text: str, draw, room: int) -> str:
    """Return a text that fits into so many pixels."""
    if draw.textlength(text, font(PRINT)) <= room:
        return text
    while text and draw.textlength(text + "…", font(PRINT)) > room:
        text = text[:-1]
    return text + "…"


def _answers(draw, shares, classes, left: int, top: int, room: int, count=5) -> None:
    """Draw the likeliest classes as bars, one below the other."""
    for place, index in enumerate(np.argsort(-shares, kind="stable")[:count]):
        y = top + 25 * place
        draw.rectangle((left, y, left + room, y + 21), outline="#D0D0D0")
        draw.rectangle((left, y, left + room * float(shares[index]), y + 21), "#B3CDE3")
        text = _cut(f"{shares[index]:.0%} {classes[index]}", draw, room - 8)
        draw.text((left + 5, y + 11), text, BLACK, font(PRINT), "lm")


# ------------------------------------------------------------------- filters, towers


def tower_sheet(filters, values, what: str) -> Picture:
    """Draw both towers' first-layer filters, each sorted by one number a filter.

    Parameters
    ----------
    filters : (F, 3, k, k), the first half belongs to the first tower
    values : (F,), what they are sorted by, the smallest first
    what : the name of that number
    """
    filters, values = np.asarray(filters, float), np.asarray(values, float)
    half, side = len(filters) // 2, filters.shape[2]
    columns = min(half, 12)
    rows = -(-half // columns)
    tile = (WIDTH - 4) // columns - 3
    block = 24 + rows * (tile + 3) + 4
    sheet, draw = _sheet(2 * block)
    largest = np.abs(filters).max(axis=(1, 2, 3), keepdims=True)
    tiles = 127.5 + 127.5 * filters / np.where(largest > 0, largest, 1)
    tiles = tiles.round().astype(np.uint8)
    means = [values[:half].mean(), values[half:].mean()]
    for tower, mean in enumerate(means):
        top = tower * block
        text = f"tower {tower + 1}, mean {what} {mean:.2f}"
        draw.text((2, top + 2), text, BLACK, font(PRINT))
        own = np.arange(half) + tower * half
        order = own[np.argsort(values[own], kind="stable")]
        for place, index in enumerate(order):
            left = 2 + place % columns * (tile + 3)
            at = top + 24 + place // columns * (tile + 3)
            _paste(sheet, tiles[index], left, at, tile)
    return Picture(
        png_bytes(sheet, PRINT),
        f"{half} filters of {side} × {side} pixels in each tower, the least {what} "
        f"first. Mean {what}: {means[0]:.2f} and {means[1]:.2f}.",
    )


def gap_histogram(found: float, shuffled, title: str, what: str):
    """Draw how far chance sets two towers apart, and how far apart they are."""
    shuffled = np.asarray(shuffled)
    figure, ax = plt.subplots(figsize=(WIDE, 2.6))
    ax.hist(shuffled, bins=30, color=GREY)
    ax.axvline(found, color=BLUE)
    right = found < np.quantile(shuffled, 0.8)
    ax.annotate(
        "as they are",
        (found, ax.get_ylim()[1] * 0.9),
        xytext=(6 if right else -6, 0),
        textcoords="offset points",
        ha="left" if right else "right",
        color=BLUE,
    )
    ax.set(xlabel=f"difference of the mean {what}", ylabel="shuffles", title=title)
    most = np.quantile(shuffled, 0.95)
    return describe(
        figure,
        f"{title}. The towers differ by {found:.3f}; of {len(shuffled)} shuffles 95 % "
        f"differ by less than {most:.3f}.",
    )


# ------------------------------------------------------------------------ the browser


def layer_board(photo, maps, layer: str, chosen: int, shares, classes) -> Picture:
    """Draw a photograph, the answers, all maps of a layer, and one of them large.

    Parameters
    ----------
    photo : uint8 (3, S, S)
    maps : (F, h, w), or (F,) of a layer without places
    chosen : the number of the large one
    shares, classes : the probabilities and their names
    """
    maps = np.asarray(maps, float)
    flat = maps.ndim == 1
    maps = maps[:, None, None] if flat else maps
    count, large = len(maps), 132
    largest = float(np.abs(maps).max())
    room = 262
    tile = _tile(count, room)
    columns = WIDTH // tile
    sheet, draw = _sheet(196 + -(-count // columns) * tile)
    draw.text((2, 2), "photograph", BLACK, font(PRINT))
    _paste(sheet, photo, 2, 24, large)
    name = "neuron" if flat else "map"
    draw.text((148, 2), f"{name} {chosen}", BLACK, font(PRINT))
    _paste(sheet, _colours(maps[chosen], largest), 148, 24, large)
    draw.rectangle((147, 23, 148 + large, 24 + large), outline=BLACK)
    draw.text((296, 2), "answers", BLACK, font(PRINT))
    _answers(draw, shares, classes, 296, 26, WIDTH - 300)
    size = "" if flat else f" of {maps.shape[1]} × {maps.shape[2]}"
    head = f"{layer}: {count} {name}s{size}; white is 0"
    draw.text((2, 170), head, BLACK, font(PRINT))
    gap = 1 if tile < 24 else 2
    for index, one in enumerate(maps):
        left, top = index % columns * tile, 194 + index // columns * tile
        _paste(sheet, _colours(one, largest), left, top, tile - gap)
        if index == chosen:
            box = (left - 1, top - 1, left + tile - gap, top + tile - gap)
            draw.rectangle(box, outline=BLACK, width=2)
    empty = int((maps.reshape(count, -1) <= 0).all(axis=1).sum())
    best = int(np.argmax(shares))
    few = np.unique(maps).size == 1
    return Picture(
        png_bytes(sheet, PRINT),
        f"The answer is {classes[best]}, with {shares[best]:.0%}. {layer} has {count} "
        f"{name}s{size}; on this photograph {empty} of them are nowhere above 0. "
        f"{name.capitalize()} {chosen} "
        + (
            f"is {maps[chosen].item():.2f}."
            if flat
            else f"goes from {maps[chosen].min():.2f} to {maps[chosen].max():.2f}."
        )
        + (" All of them are equal." if few and count > 1 else ""),
    )


def _tile(count: int, room: int) -> int:
    """Return the largest side at which so many tiles fit into the board's width."""
    for side in range(64, 5, -1):
        if -(-count // (WIDTH // side)) * side <= room:
            return side
    return 6


def _colours(values, largest: float) -> np.ndarray:
    return _signed(values, largest).astype(np.uint8)


# ------------------------------------------------------------------------------ blame


def blame_board(photo, maps: dict, notes: dict, head: str) -> Picture:
    """Draw a photograph and maps that blame its places, alone and laid over it.

    Parameters
    ----------
    photo : uint8 (3, S, S), what the maps are of
    maps : name -> (S, S), signed
    notes : name -> a short text below it
    head : a line above
    """
    side, step = 130, 142
    sheet, draw = _sheet(54 + 2 * (side + 6) + 24)
    draw.text((2, 2), _cut(head, draw, WIDTH - 4), BLACK, font(PRINT))
    draw.text((2, 28), "photograph", BLACK, font(PRINT))
    _paste(sheet, photo, 2, 50, side)
    grey = np.asarray(photo).mean(axis=0)[..., None]
    pale = 110 + grey * (145 / 255) * np.ones(3)  # so that dark places show, too
    for place, (name, one) in enumerate(maps.items(), 1):
        left = 2 + place * step
        one = np.asarray(one, float)
        largest = float(np.quantile(np.abs(one), 0.995))  # a few peaks hide the rest
        draw.text((left, 28), name, BLACK, font(PRINT))
        _paste(sheet, _colours(one, largest), left, 50, side)
        draw.rectangle((left - 1, 49, left + side, 50 + side), outline="#D0D0D0")
        share = 0.8 * np.clip(one / (largest or 1), 0, 1)[..., None]
        laid = pale * (1 - share) + np.array(to_rgb(ORANGE)) * 255 * share
        _paste(sheet, laid.round().astype(np.uint8), left, 56 + side, side)
        draw.text((left, 60 + 2 * side), notes[name], BLACK, font(PRINT))
    lines = ("orange: above 0;", "purple: below,", "so against it.", "Below: what is",
             "orange, on the", "photograph")  # fmt: skip
    for row, line in enumerate(lines):
        draw.text((2, 60 + side + 19 * row), line, BLACK, font(PRINT))
    said = "; ".join(f"{name} {note}" for name, note in notes.items())
    return Picture(png_bytes(sheet, PRINT), f"{head}. {said}.")


def sanity_lines(counts, curves: dict, others: dict, title: str):
    """Draw how alike maps stay while layers forget, from the top.

    Parameters
    ----------
    counts : how many layers hold shuffled weights
    curves : name -> mean rank correlation with the trained network's map, a count
    others : name -> the same with the trained network's map of another photograph
    """
    figure, ax = plt.subplots(figsize=(WIDE, 3.2))
    colours, beside = (ORANGE, BLUE, GREEN), counts[-1] + 0.5
    for (name, values), dash, colour in zip(
        curves.items(), DASHES, colours, strict=False
    ):
        ax.plot(counts, values, dash, color=colour, label=name)
        ax.plot(beside, others[name], dash[0], color=colour, mfc="white")
    ax.plot([], [], "o", color=BLACK, mfc="white", label="of another photograph")
    ax.axhline(0, color=GREY, linewidth=1)
    ax.set_xticks(counts)
    ax.set(
        xlabel="layers that have forgotten, from the top",
        ylabel="rank correlation",
        title=title,
        ylim=(-0.45, 1.08),
    )
    ax.legend(loc="upper right", fontsize=10)
    said = "; ".join(
        f"{name}: {', '.join(f'{v:.2f}' for v in values)}, another photograph "
        f"{others[name]:.2f}"
        for name, values in curves.items()
    )
    return describe(
        figure,
        f"{title}. Rank correlation with the trained network's map for "
        f"{', '.join(map(str, counts))} shuffled layers: {said}.",
    )


# ------------------------------------------------------------------------- neighbours


def neighbour_lines(scores: dict, flat: dict, title: str, chance: float):
    """Draw the score of neighbours by layer, beside those that need no network.

    Parameters
    ----------
    scores : network -> {layer: score}
    flat : name -> score, such as of pixels
    chance : the score of any neighbours
    """
    figure, ax = plt.subplots(figsize=(WIDE, 2.9))
    layers = list(next(iter(scores.values())))
    for (name, found), dash, colour in zip(
        scores.items(), DASHES, (BLUE, GREY, GREEN), strict=False
    ):
        ax.plot(range(len(layers)), found.values(), dash, color=colour, label=name)
    for (name, value), colour, dash in zip(
        flat.items(), (BLACK, ORANGE, PURPLE), ("--", "-.", ":"), strict=False
    ):
        ax.axhline(value, color=colour, linestyle=dash, linewidth=1.5, label=name)
    ax.axhline(chance, color=BLACK, linestyle=":", linewidth=1)
    ax.text(0, chance - 0.01, "chance", va="top")
    ax.set_xticks(range(len(layers)), layers)
    ax.set(xlabel="layer", ylabel="right neighbours", title=title, ylim=(0, 1.36))
    ax.set_yticks(np.arange(6) / 5)
    ax.legend(loc="upper center", fontsize=10, ncols=3)
    said = "; ".join(
        f"{name}: {', '.join(f'{layer} {v:.2f}' for layer, v in found.items())}"
        for name, found in scores.items()
    )
    also = ", ".join(f"{name} {value:.2f}" for name, value in flat.items())
    return describe(figure, f"{title}. {said}. {also}; by chance {chance:.2f}.")


CLOUD = (330, 424)  # pixels of the map of features, wide and high


def spots(points) -> np.ndarray:
    """Return where points (N, 2) stand in the map, in pixels (N, 2): x, y."""
    points = np.asarray(points, float)
    low, high = points.min(axis=0), points.max(axis=0)
    share = (points - low) / np.where(high > low, high - low, 1)
    wide, high = CLOUD
    return np.stack(
        [12 + share[:, 0] * (wide - 24), high - 12 - share[:, 1] * (high - 24)], axis=1
    )


def _dot(draw, x: float, y: float, label: int) -> None:
    """Draw a class's mark: a disc, and a square where colours begin anew."""
    colour, box = CYCLE[label % len(CYCLE)], (x - 5, y - 5, x + 5, y + 5)
    (draw.ellipse if label < len(CYCLE) else draw.rectangle)(box, colour)


def cloud_board(points, images, labels, names, which: int, near: dict) -> Picture:
    """Draw images as dots in a plane, one of them chosen, and who is near to it.

    Parameters
    ----------
    points : (N, 2)
    images : uint8 (N, 3, S, S)
    labels, names : of the images; each class has its colour and its shape
    which : the number of the chosen one
    near : name of a distance -> numbers of the nearest, nearest first
    """
    sheet, draw = _sheet(CLOUD[1])
    draw.rectangle((0, 0, CLOUD[0], CLOUD[1] - 1), outline="#D0D0D0")
    places = spots(points)
    for (x, y), label in zip(places, labels, strict=True):
        _dot(draw, x, y, label)
    x, y = places[which]
    draw.ellipse((x - 11, y - 11, x + 11, y + 11), outline=BLACK, width=3)
    left = CLOUD[0] + 12
    draw.text((left, 2), f"{which}: {names[labels[which]]}", BLACK, font(PRINT))
    _paste(sheet, images[which], left, 24, 96)
    top = 132
    told = []
    for name, found in near.items():
        right = [bool(labels[n] == labels[which]) for n in found]
        draw.text(
            (left, top),
            f"{name}: {sum(right)} of {len(found)}",
            BLACK,
            font(PRINT),
        )
        for place, (n, good) in enumerate(zip(found, right, strict=True)):
            at = left + place * 43
            _paste(sheet, images[n], at, top + 24, 39)
            if good:
                draw.rectangle((at - 2, top + 22, at + 40, top + 64), outline=BLUE,
                               width=3)  # fmt: skip
        told.append(f"{name}: {', '.join(names[labels[n]] for n in found)}")
        top += 82
    draw.text((left, top - 6), "blue: same photograph", BLACK, font(PRINT))
    for label, name in enumerate(names):
        at, y = left + label // 5 * 112, top + 24 + label % 5 * 20
        _dot(draw, at + 6, y + 8, label)
        draw.text((at + 18, y + 8), name, BLACK, font(PRINT), "lm")
    return Picture(
        png_bytes(sheet, PRINT),
        f"Image {which} is from {names[labels[which]]}. "
        f"Nearest by {'; by '.join(told)}.",
    )
