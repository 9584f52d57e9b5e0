"""Drawings for notebook 07: a kernel on its way over an image, and three detectors.

One meaning a colour: purple frames what the kernel lies on now, and the answer that it
gives there. In maps, blue is an answer above 0, vermilion one below, white is 0.
"""

import functools

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap

from cnnlab.plots._base import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    Picture,
    describe,
    font,
    ink_on,
    png_bytes,
    show_image,
)

WIDE = 5.6  # inches, of every figure
WIDTH, SIDE, PRINT = 560, 236, 14  # pixels of the board, its grids, its text
TOP = 22  # of the grids
CELL = (42, 21)  # a number of a patch, a kernel, a product
MOST = 5  # rows and columns of a kernel that the board can write out
NAMES = {"fully": "fully connected", "locally": "locally connected",
         "shared": "convolution"}  # fmt: skip
COLOURS = {"fully": ORANGE, "locally": SKY, "shared": GREEN}
MARKS = {"fully": "s--", "locally": "^-.", "shared": "o-"}


# -------------------------------------------------------------------- the board


def conv_board(x, w, out, step: int, stride=1, padding=0, dilation=1) -> Picture:
    """Draw one step of a kernel over an image: patch, kernel, products, sum, answer.

    Parameters
    ----------
    x : (C, H, W), one channel or three
    w : (C, KH, KW), at most 5 rows and columns; 3 with three channels
    out : (OH, OW), the map
    step : number of the place, in reading order
    stride, padding, dilation : whole numbers

    Notes
    -----
    Drawn with Pillow, in some milliseconds.
    """
    from PIL import Image, ImageDraw

    x, w, out = (np.asarray(one, float) for one in (x, w, out))
    i, j = divmod(step, out.shape[1])
    rows = stride * i + dilation * np.arange(w.shape[1])
    columns = stride * j + dilation * np.arange(w.shape[2])
    framed = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    patch = framed[:, rows[:, None], columns]
    missed = uncovered(framed.shape[1:], w.shape[1:], out.shape, stride, dilation)
    sums, sizes, told = _said(x, w, out, (i, j), patch, missed, stride, padding,
                              dilation)  # fmt: skip
    lines = [sums, *sizes]
    tall = TOP + SIDE + 14 + len(w) * (w.shape[1] * CELL[1] + 8) + 21 * len(lines)
    sheet = Image.new("RGB", (WIDTH, tall), "white")
    pen = ImageDraw.Draw(sheet)
    left, right = 2, WIDTH - SIDE - 4
    sheet.paste(_image_grid(framed.tobytes(), framed.shape, padding, missed.tobytes()),
                (left, TOP))  # fmt: skip
    sheet.paste(_map_grid(out.tobytes(), out.shape), (right, TOP))
    cell = _cell(framed.shape[1:])
    for r in rows:
        for c in columns:
            pen.rectangle(_box(left, TOP, r, c, cell), None, PURPLE, 2 + (cell > 8))
    cell = _cell(out.shape)
    pen.rectangle(_box(right, TOP, i, j, cell), None, PURPLE, 2 + (cell > 8))
    frame = f", and {padding} of padding" if padding else ""
    heads = (f"image, {x.shape[1]} × {x.shape[2]}{frame}",
             f"map, {out.shape[0]} × {out.shape[1]}")  # fmt: skip
    for spot, head in zip((left, right), heads, strict=True):
        pen.text((spot, 1), head, "black", font(PRINT))
    y = _tables(pen, patch, w, TOP + SIDE + 14)
    for line in lines:
        pen.text((2, y), line, "black", font(PRINT))
        y += 21
    return Picture(png_bytes(sheet, PRINT), told)


def uncovered(framed, kernel, out, stride: int, dilation: int) -> np.ndarray:
    """Return which pixels of a framed image no place of the kernel touches: (H, W).

    Parameters
    ----------
    framed, kernel, out : their rows and columns
    """
    touched = []
    for n, k, places in zip(framed, kernel, out, strict=True):
        line = np.zeros(n, bool)
        line[stride * np.arange(places)[:, None] + dilation * np.arange(k)] = True
        touched.append(line)
    return ~(touched[0][:, None] & touched[1])


def _cell(shape) -> int:
    """Return the pixels of a cell of a grid that must fit into SIDE."""
    return max(1, SIDE // max(shape))


@functools.lru_cache(16)
def _image_grid(content, shape, padding, missed):
    """Return the image in its frame, with what no window touches crossed out."""
    framed = np.frombuffer(content).reshape(shape)
    missed = np.frombuffer(missed, bool).reshape(shape[1:])
    shades = np.clip(framed / max(1.0, np.abs(framed).max()) * 255, 0, 255)
    colours = np.repeat(shades, 3 // len(shades), axis=0).transpose(1, 2, 0).copy()
    outside = np.pad(np.zeros(np.subtract(shape[1:], 2 * padding), bool), padding,
                     constant_values=True)  # fmt: skip
    colours[outside] = 235
    numbers = framed[0] if len(framed) == 1 else None
    return _drawn_grid(colours, numbers, missed)


@functools.lru_cache(16)
def _map_grid(content, shape):
    out = np.frombuffer(content).reshape(shape)
    shares = out / (np.abs(out).max() or 1.0)
    return _drawn_grid(_signed(shares), out, np.zeros(shape, bool))


def _drawn_grid(colours, numbers, missed):
    """Return colours (H, W, 3) as squares, with their numbers where these fit."""
    from PIL import Image, ImageDraw

    high, wide = missed.shape
    cell = _cell(missed.shape)
    grid = Image.fromarray(colours.astype(np.uint8))
    grid = grid.resize((wide * cell, high * cell), Image.Resampling.NEAREST)
    sheet = Image.new("RGB", (wide * cell + 1, high * cell + 1), "white")
    sheet.paste(grid)
    pen = ImageDraw.Draw(sheet)
    if cell > 6:
        for k in range(high + 1):
            pen.line((0, k * cell, wide * cell, k * cell), "#B0B0B0")
        for k in range(wide + 1):
            pen.line((k * cell, 0, k * cell, high * cell), "#B0B0B0")
    for r, c in np.argwhere(missed):
        x0, y0, x1, y1 = _box(0, 0, r, c, cell)
        pen.line((x0, y0, x1, y1), VERMILION, 1 + (cell > 12))
        if cell > 12:
            pen.line((x0, y1, x1, y0), VERMILION, 2)
    if numbers is not None and _fits(numbers, cell):
        for (r, c), value in np.ndenumerate(numbers):
            ink = ink_on(colours[r, c] / 255)
            _middle(pen, _box(0, 0, r, c, cell), _short(value), ink)
    return sheet


def _tables(pen, patch, w, y):
    """Write patch × kernel = products, channel below channel; return where it ends."""
    kh, kw = w.shape[1:]
    wide, step = kw * CELL[0], kw * CELL[0] + 34
    if 3 * wide + 68 > WIDTH:
        wide = (WIDTH - 68) // 3
        step = wide + 34
    cell = wide // kw
    for channel in range(len(w)):
        products = patch[channel] * w[channel]
        for column, values in enumerate((patch[channel], w[channel], products)):
            for r, c in np.ndindex(kh, kw):
                x0, y0 = column * step + c * cell, y + r * CELL[1]
                box = x0, y0, x0 + cell, y0 + CELL[1]
                tint = 0.5 * np.sign(values[r, c]) if column == 2 else 0.0
                fill = tuple(int(one) for one in _signed(tint))
                pen.rectangle(box, fill, GREY if column else PURPLE)
                _middle(pen, box, _short(values[r, c]), "black")
            if column < 2:
                spot = (column * step + wide + 17, y + kh * CELL[1] / 2)
                pen.text(spot, "×=="[column], "black", font(18), anchor="mm")
        y += kh * CELL[1] + 8
    return y


def _box(x0, y0, r, c, cell):
    return (x0 + c * cell, y0 + r * cell, x0 + (c + 1) * cell, y0 + (r + 1) * cell)


def _middle(pen, box, text, ink):
    spot = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    pen.text(spot, text, ink, font(PRINT), anchor="mm")


def _fits(values, cell: int) -> bool:
    """Say whether all numbers can be written into cells of this size."""
    if cell < 20 or values.size > 150:
        return False
    return max(font(PRINT).getlength(_short(one)) for one in values.flat) <= cell - 3


def _signed(shares) -> np.ndarray:
    """Return blue for 1, vermilion for -1, white for 0, and what lies between."""
    shares = np.asarray(shares)[..., None]
    blue, red = (np.array([int(one[k : k + 2], 16) for k in (1, 3, 5)])
                 for one in (BLUE, VERMILION))  # fmt: skip
    return 255 + np.abs(shares) * (np.where(shares > 0, blue, red) - 255)


@functools.cache
def _signs() -> ListedColormap:
    """Return the colours of maps, from vermilion over white to blue."""
    return ListedColormap(_signed(np.linspace(-1, 1, 255)) / 255)


def _short(number: float) -> str:
    """Return a number in at most five signs, minus as a real minus."""
    number = float(number) + 0.0
    text = (
        f"{number:.0f}"
        if abs(number) >= 100 or number.is_integer()
        else (f"{number:.2g}" if abs(number) < 1 else f"{number:.3g}")
    )
    return text.replace("-", "−").replace("−0.", "−.").removeprefix("0") or "0"


def _said(x, w, out, place, patch, missed, stride, padding, dilation):
    """Return the line of the sum, those of the sizes, and all of it in sentences."""
    (i, j), value = place, out[place]
    sums = [float(one) for one in (patch * w).sum(axis=(1, 2))]
    if len(sums) == 1:
        total = f"sum of the {w[0].size} products: {_long(value)}"
    else:
        parts = " + ".join(f"({_long(one)})" if one < 0 else _long(one) for one in sums)
        total = f"sum over the channels: {parts} = {_long(value)}"
    sizes = [
        _formula(n, k, o, stride, padding, dilation)
        for n, k, o in zip(x.shape[1:], w.shape[1:], out.shape, strict=True)
    ]
    if sizes[0] == sizes[1]:
        sizes = [f"map: {sizes[0]} rows and columns"]
    else:
        sizes = [f"rows: {sizes[0]}", f"columns: {sizes[1]}"]
    count = int(missed.sum())
    left = (
        ""
        if not count
        else (
            f" {count} pixel{'s' if count > 1 else ''}, crossed out, no window touches."
        )
    )
    where = f"Place {i * out.shape[1] + j + 1} of {out.size}: row {i}, column {j}."
    return total, sizes, f"{where} {total[0].upper()}{total[1:]}.{left}"


def _formula(n, k, o, stride, padding, dilation) -> str:
    return f"⌊({n} + 2·{padding} − {dilation}·({k} − 1) − 1) / {stride}⌋ + 1 = {o}"


def _long(number: float) -> str:
    return f"{round(float(number), 2) + 0.0:g}".replace("-", "−")


# --------------------------------------------------------------------- figures


def shift_errors(shifts, errors: dict, title: str = ""):
    """Draw the error of three detectors against the shift of the test images.

    Parameters
    ----------
    shifts : pixels
    errors : "fully", "locally", "shared" -> (seeds, shifts), 1 is an empty map
    title : by default the finding, read off the errors
    """
    steady = [NAMES[kind] for kind, rows in errors.items() if np.max(rows) < 0.01]
    found = ", ".join(steady) or "no detector"
    title = title or f"Right at every shift: {found}"
    figure, ax = plt.subplots(figsize=(WIDE, 3.6))
    for kind, rows in errors.items():
        rows = 100 * np.asarray(rows)
        mean, name = rows.mean(axis=0), NAMES[kind]
        look = {"color": COLOURS[kind], "label": name, "markersize": 7}
        ax.plot(shifts, mean, MARKS[kind], **look)
        ends = rows.min(axis=0), rows.max(axis=0)
        ax.fill_between(shifts, *ends, color=COLOURS[kind], alpha=0.3)
    ax.set(xlabel="shift of the test digits (pixels)", xticks=shifts, ylim=(-4, 104),
           ylabel="error (% of the edges)")  # fmt: skip
    ax.legend(loc="upper left")
    ax.set_title(title)
    told = "; ".join(
        f"{NAMES[kind]}: " + ", ".join(f"{one:.0%}" for one in np.mean(rows, axis=0))
        for kind, rows in errors.items()
    )
    moved = ", ".join(map(str, shifts))
    return describe(figure, f"{title}. Error at shifts of {moved} pixels: {told}.")


def edge_maps(image, truth, maps: dict, title: str = ""):
    """Draw one image, its true edges, and what the detectors make of it."""
    figure, axes = plt.subplots(1, 2 + len(maps), figsize=(WIDE, 1.75))
    show_image(axes[0], image, "digit")
    top = np.abs(truth).max()
    shown = {"true edges": truth, **{NAMES[kind].replace(" ", "\n"): one
                                    for kind, one in maps.items()}}  # fmt: skip
    for ax, (name, values) in zip(axes[1:], shown.items(), strict=True):
        show_image(ax, values, name, cmap=_signs(), vmin=-top, vmax=top)
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    gaps = ", ".join(
        f"{NAMES[kind]} {((one - truth) ** 2).sum() / (truth**2).sum():.0%}"
        for kind, one in maps.items()
    )
    return describe(
        figure, f"{title}: a digit, its true edges, and three maps. Errors: {gaps}."
    )


def learned_kernels(path, errors, wanted, title: str = ""):
    """Draw a kernel at some steps of its training, and the falling error.

    Parameters
    ----------
    path : list of (step, (KH, KW))
    errors : (steps,), mean squared
    wanted : (KH, KW)
    """
    figure = plt.figure(figsize=(WIDE, 4.4))
    boxes = figure.subfigures(2, 1, height_ratios=(1, 1.35))
    tiles = boxes[0].subplots(1, len(path) + 1)
    top = np.abs(wanted).max()
    shown = [(f"step {step}", kernel) for step, kernel in path] + [("wanted", wanted)]
    for ax, (name, kernel) in zip(tiles, shown, strict=True):
        show_image(ax, kernel, name, cmap=_signs(), vmin=-top, vmax=top)
    ax = boxes[1].subplots()
    ax.semilogy(errors, color=BLACK)
    ax.set(xlabel="step", ylabel="mean squared error")
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    gap = np.abs(path[-1][1] - wanted).max()
    return describe(figure, f"{title}: the error falls from {errors[0]:.2g} to "
                    f"{errors[-1]:.2g}; the last kernel differs from the wanted one by "
                    f"{gap:.2g} at most.")  # fmt: skip


def three_ways(title: str = ""):
    """Draw eight pixels and six neurons: wired fully, locally, with shared weights."""
    figure, axes = plt.subplots(1, 3, figsize=(WIDE, 2.5))
    for ax, kind in zip(axes, NAMES, strict=True):
        for neuron in range(6):
            for pixel in range(8):
                near = 0 <= pixel - neuron < 3
                if kind != "fully" and not near:
                    continue
                look = {"color": GREY, "linewidth": 0.8 if kind == "fully" else 1.6}
                if kind == "shared":  # each of the three weights has its line
                    line = ("-", "--", ":")[pixel - neuron]
                    look = {"color": GREEN, "linewidth": 2, "linestyle": line}
                ax.plot((pixel, neuron + 1), (0, 1), zorder=1, **look)
        look = {"color": "white", "edgecolor": BLACK, "zorder": 2}
        ax.scatter(range(8), [0] * 8, marker="s", **look)
        ax.scatter(range(1, 7), [1] * 6, **look)
        weights = {"fully": 48, "locally": 18, "shared": 3}[kind]
        ax.set_title(NAMES[kind], fontsize=10, loc="center")
        ax.text(3.5, -0.3, f"{weights} weights", ha="center", va="top")
        ax.set(ylim=(-0.6, 1.15))
        ax.axis("off")
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return describe(
        figure,
        f"{title}: 8 pixels below, 6 neurons above. Fully connected: 48 weights; "
        "each to its 3 nearest pixels: 18; with the same 3 for all: 3, a line each.",
    )


def brick_squares(upright, lying, title: str = ""):
    """Draw a row of upright squares of the wall above a row of lying ones."""
    figure, axes = plt.subplots(2, len(upright), figsize=(WIDE, 2.2))
    for row, images, name in zip(
        axes, (upright, lying), ("upright", "lying"), strict=True
    ):
        for ax, image in zip(row, images, strict=True):
            show_image(ax, image)
        row[0].set_ylabel(name)
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return describe(
        figure,
        f"{title}: {len(upright)} squares of a brick wall with upright joints, and the "
        "same turned on their side.",
    )
