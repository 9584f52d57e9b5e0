"""Drawings for notebook 10: who sees whom in C3, errors by network, a reader at work.

One meaning a colour: orange is above 0, purple below, in maps and in pulls alike. Ink
is black on white, as it was drawn.
"""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

from cnnlab.plots._base import (
    BLACK,
    BLUE,
    GREY,
    SIGNED,
    Picture,
    describe,
    font,
    png_bytes,
)

WIDE = 5.6  # inches, of every figure
WIDTH, TALL, PRINT = 560, 416, 15  # pixels of the reader's board


def sees_table(sees, below: str = "map of S2", above: str = "map of C3", title=""):
    """Draw which maps below (rows) each map above (columns) sees, and how many.

    Parameters
    ----------
    sees : for each map above the numbers of the maps that it sees
    """
    count = 1 + max(max(row) for row in sees)
    table = np.zeros((count, len(sees)), bool)
    for column, row in enumerate(sees):
        table[list(row), column] = True
    figure, ax = plt.subplots(figsize=(WIDE, 2.5))
    ax.imshow(~table, cmap="gray", vmin=-0.6, vmax=1.15, aspect="auto")
    ax.set_xticks(range(len(sees)))
    ax.set_yticks(range(count))
    ax.set_xticks(np.arange(len(sees) + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(count + 1) - 0.5, minor=True)
    ax.grid(which="minor", color="white", linewidth=2)
    ax.grid(which="major", visible=False)
    ax.tick_params(which="both", length=0)
    ax.set(xlabel=above, ylabel=below, title=title)
    sums = ", ".join(str(len(row)) for row in sees)
    return describe(
        figure,
        f"{title}: {int(table.sum())} of {table.size} pairs are joined. Maps seen by "
        f"each {above}: {sums}.",
    )


def error_dots(errors: dict, title: str, unit: str = "wrong answers"):
    """Draw the errors of several networks, a dot for each seed, and their means.

    Parameters
    ----------
    errors : name -> list of numbers, one for each seed
    """
    figure, ax = plt.subplots(figsize=(WIDE, 0.55 * len(errors) + 1.2))
    for place, values in enumerate(errors.values()):
        ax.plot(values, [place] * len(values), "o", color=BLUE, alpha=0.7)
        mean = float(np.mean(values))
        ax.plot([mean, mean], [place - 0.25, place + 0.25], color=BLACK)
    ax.set_yticks(range(len(errors)), list(errors))
    ax.invert_yaxis()
    ax.set_ylim(len(errors) - 0.5, -0.5)
    largest = max(max(values) for values in errors.values())
    least = min(min(values) for values in errors.values())
    room = 0.15 * (largest - least)
    ax.set_xlim(least - room, largest + room)
    ax.set(xlabel=f"{unit} (dot: a seed, line: mean)", title=title)
    said = "; ".join(
        f"{name} {', '.join(f'{v:g}' for v in values)}, mean {np.mean(values):.1f}"
        for name, values in errors.items()
    )
    return describe(figure, f"{title}. {unit}: {said}.")


# ---------------------------------------------------------------- the reader's board


def _colours() -> np.ndarray:
    table = mpl.colormaps[SIGNED](np.linspace(1, 0, 256))[:, :3] * 255
    return table.round().astype(np.uint8)


SIGNS = _colours()  # from purple, below 0, to orange, above 0


def _signed(values, largest: float) -> np.ndarray:
    """Return colours (..., 3) for numbers; white is 0."""
    share = np.clip(np.asarray(values, float) / (largest or 1), -1, 1)
    return SIGNS[(127.5 + 127.5 * share).round().astype(int)]


def _tiles(maps, columns: int, zoom: int, largest: float = 1.0, gap: int = 2):
    """Return maps (F, H, W) side by side as colours, in rows of ``columns``."""
    count, height, width = maps.shape
    rows, step = -(-count // columns), (height * zoom + gap, width * zoom + gap)
    sheet = np.full((rows * step[0] - gap, columns * step[1] - gap, 3), 255, np.uint8)
    for index, tile in enumerate(_signed(maps, largest)):
        top, left = index // columns * step[0], index % columns * step[1]
        large = tile.repeat(zoom, axis=0).repeat(zoom, axis=1)
        sheet[top : top + height * zoom, left : left + width * zoom] = large
    return sheet


def _grey(image, side: int) -> np.ndarray:
    zoom = side // len(image)
    return np.kron(255 - image, np.ones((zoom, zoom), np.uint8))[..., None].repeat(3, 2)


def reader_board(
    drawing, image, layers, chances, cursor=None, pull=None, towards=None, how=""
):
    """Draw a drawing, what the network sees of it, all its layers, and its answer.

    Parameters
    ----------
    drawing : uint8 (56, 56)
    image : uint8 (28, 28), what the network is given
    layers : of this one image, as ``lenet.Reader.layers`` gives them
    chances : (10,)
    cursor : (row, column, pen is down) in the drawing, or None
    pull : (28, 28) how much ink at each place speaks for ``towards``, or None
    how : a sentence on how the drawing became the image
    """
    from PIL import Image, ImageDraw

    sheet = Image.new("RGB", (WIDTH, TALL), "white")
    draw = ImageDraw.Draw(sheet)

    def paste(pixels, left, top, name):
        draw.text((left, top - 3), name, BLACK, font(PRINT), "ls")
        sheet.paste(Image.fromarray(np.ascontiguousarray(pixels)), (left, top))
        box = (left - 1, top - 1, left + pixels.shape[1], top + pixels.shape[0])
        draw.rectangle(box, outline=GREY)

    paste(_grey(drawing, 112), 2, 22, "drawn")
    if cursor is not None:
        y, x = 22 + 2 * cursor[0], 2 + 2 * cursor[1]
        fill = BLUE if cursor[2] else None
        draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=fill, outline=BLUE,
                     width=2)  # fmt: skip
    paste(_grey(image, 112), 130, 22, "it sees")
    if pull is not None:
        largest = float(np.abs(pull).max())
        tile = np.kron(_signed(pull, largest), np.ones((4, 4, 1), np.uint8))
        paste(tile, 258, 22, f"ink for {towards}")
    best = int(np.argmax(chances))
    for k, chance in enumerate(chances):
        y = 14 * k + 11
        draw.text((400, y), str(k), BLACK, font(PRINT), "mm")
        full = round(90 * float(chance))
        draw.rectangle((412, y - 5, 412 + full, y + 4), BLUE if k == best else GREY)
        text = f"{chance:.0%}" if chance >= 0.005 else ""
        draw.text((418 + full, y), text, BLACK, font(PRINT), "lm")

    def maps(name):
        return layers[name][0]

    paste(_tiles(maps("c1"), 6, 2), 2, 164, "C1: 6 maps of 28 × 28")
    paste(_tiles(maps("s2"), 3, 2), 380, 164, "S2: 6 of 14 × 14")
    paste(_tiles(maps("c3"), 8, 3), 2, 246, "C3: 16 maps of 10 × 10")
    paste(_tiles(maps("s4"), 8, 4), 380, 246, "S4: 16 of 5 × 5")
    c5, f6 = maps("c5").reshape(1, 3, 40), maps("f6").reshape(1, 3, 28)
    paste(_tiles(c5, 1, 9), 2, 336, "C5: 120 numbers")
    paste(_tiles(f6, 1, 6), 380, 336, "F6: 84 numbers")
    strip = np.tile(SIGNS[np.linspace(0, 255, 120).astype(int)], (8, 1, 1))
    paste(strip, 220, 390, "")
    draw.text((210, 394), "below 0", BLACK, font(PRINT), "rm")
    draw.text((350, 394), "above 0 (white: 0)", BLACK, font(PRINT), "lm")
    said = f"{how} {_reading(drawing, chances, pull, towards)}".strip()
    return Picture(png_bytes(sheet, PRINT), said)


def _reading(drawing, chances, pull, towards) -> str:
    if not drawing.any():
        said = "The sheet is blank. "
    else:
        said = ""
    first, second = np.argsort(chances)[::-1][:2]
    said += (
        f"Read as {first} ({chances[first]:.0%}), then {second} "
        f"({chances[second]:.0%})."
    )
    if pull is None:
        return said
    rows, columns = np.unravel_index(pull.argmax(), pull.shape), pull.shape
    place = " ".join(
        (("upper", "middle", "lower")[3 * rows[0] // columns[0]],
         ("left", "centre", "right")[3 * rows[1] // columns[1]])
    )  # fmt: skip
    return f"{said} Ink speaks most for {towards} at the {place}."
