"""Pictures of notebook 01: what the dials do, where rules break, the contest."""

import io

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

from cnnlab import shapes
from cnnlab.plots._base import (
    BLUE,
    GREY,
    ORANGE,
    VERMILION,
    Picture,
    ink_on,
    require_pixels,
    show_image,
    to_pixels,
)


def numbers_under(photo: np.ndarray, top: int, left: int, side: int = 12):
    """Return a figure: a photograph, a small window of it, and the window's numbers.

    Parameters
    ----------
    photo : uint8 (3, H, W)
    top, left, side : the window, in pixels; its red values are written out
    """
    window = photo[:, top : top + side, left : left + side]
    figure, (whole, part) = plt.subplots(1, 2, figsize=(10.5, 4.3))
    show_image(whole, photo, f"{photo.size:,} numbers")
    frame = {"fill": False, "edgecolor": "white", "linewidth": 2}
    whole.add_patch(plt.Rectangle((left - 0.5, top - 0.5), side, side, **frame))
    part.imshow(window[0], cmap="gray", vmin=0, vmax=255)
    for (i, j), value in np.ndenumerate(window[0]):
        ink = ink_on(np.full(3, value / 255))
        part.text(j, i, str(value), ha="center", va="center", fontsize=8, color=ink)
    part.set(xlabel="column", ylabel="row", title="the window: red, 0 to 255")
    step = max(1, side // 4)
    part.set_xticks(range(0, side, step), range(left, left + side, step))
    part.set_yticks(range(0, side, step), range(top, top + side, step))
    return figure


def board(rows, row_names, column_names, title: str = "", size: float = 1.15):
    """Return a figure with images in named rows and columns.

    Parameters
    ----------
    rows : list of lists of images
    row_names, column_names : one text for each row and column
    """
    shape = len(rows), len(rows[0])
    figure, axes = plt.subplots(
        *shape, figsize=(shape[1] * size + 1.3, shape[0] * size + 0.7), squeeze=False
    )
    for line, images, name in zip(axes, rows, row_names, strict=True):
        for ax, image in zip(line, images, strict=True):
            show_image(ax, image)
        line[0].set_ylabel(name, rotation=0, ha="right", va="center")
    for ax, name in zip(axes[0], column_names, strict=True):
        ax.set_title(name, fontsize=10, loc="center")
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return figure


def rule_steps(image, grey, mask, corners, title: str = ""):
    """Return a figure of what a rule sees: picture, brightness, outline, corners.

    Parameters
    ----------
    image : uint8 (3, H, W)
    grey : (H, W) brightness, 0 to 255
    mask : (H, W) bool
    corners : (n, 2) rows and columns
    """
    figure, axes = plt.subplots(1, 4, figsize=(10, 2.9))
    show_image(axes[0], image, "1  the picture")
    show_image(axes[1], grey, "2  brightness", vmin=0, vmax=255)
    show_image(axes[2], ~mask * 255.0, "3  not like the border", vmin=0, vmax=255)
    show_image(
        axes[3], ~mask * 90 + 165.0, "4  corners that point up", vmin=0, vmax=255
    )
    axes[3].scatter(corners[:, 1], corners[:, 0], s=45, color=VERMILION, marker="^")
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return figure


def distances_bar(names, values, title: str = ""):
    """Return a figure: mean change in grey levels for named pairs of pictures."""
    figure, ax = plt.subplots(figsize=(7.5, 0.42 * len(names) + 1.1))
    colours = [VERMILION if "lamp" in name else BLUE for name in names]
    ax.barh(range(len(names)), values, color=colours)
    for row, value in enumerate(values):
        ax.text(value + 0.5, row, f"{value:.0f}", va="center")
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.set(xlabel="mean change of a value, grey levels (0 to 255)", title=title)
    return figure


def severity_curves(severities, rule: dict, networks: dict, title: str = ""):
    """Return a figure with a panel for each dial: accuracy against severity.

    Parameters
    ----------
    severities : (S,) in [0, 1]
    rule : dial -> (S,) accuracies
    networks : name -> dial -> (seeds, S) accuracies; drawn as mean and range
    """
    figure, axes = plt.subplots(
        2, 4, figsize=(11, 5.4), sharex=True, sharey=True, squeeze=False
    )
    for ax, dial in zip(axes.flat, rule, strict=False):
        ax.axhline(50, color=GREY, linewidth=1, linestyle=":")
        _curve(ax, severities, [rule[dial]], VERMILION, "s", "-", "the rule")
        looks = ((BLUE, "o", "-"), (ORANGE, "^", "--"))
        for (name, runs), look in zip(networks.items(), looks, strict=False):
            _curve(ax, severities, runs[dial], *look, name)
        ax.set_title(dial, fontsize=11, loc="left")
    for ax in axes[-1]:
        ax.set_xlabel("severity")
    for ax in axes[:, 0]:
        ax.set_ylabel("accuracy, %")
    axes[0, 0].set(ylim=(40, 102), xticks=(0, 0.5, 1))
    _legend_in(axes.flat[len(rule)], axes.flat[0])
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return figure


def _curve(ax, x, runs, colour, marker, line, label):
    runs = 100 * np.asarray(runs, dtype=float)  # (seeds, S)
    ax.fill_between(x, runs.min(axis=0), runs.max(axis=0), color=colour, alpha=0.2)
    mean = runs.mean(axis=0)
    ax.plot(x, mean, color=colour, marker=marker, ms=5, linestyle=line, label=label)


def _legend_in(empty, source) -> None:
    """Use an empty panel for the legend of another."""
    handles, labels = source.get_legend_handles_labels()
    guess = plt.Line2D([], [], color=GREY, linestyle=":", linewidth=1)
    empty.legend([*handles, guess], [*labels, "guessing"], loc="center", fontsize=10)
    empty.axis("off")


def contest(winners, others, title: str = ""):
    """Return a figure of the contest's top-5 errors by year.

    Parameters
    ----------
    winners, others : entries with ``year, team, top5, given``
    """
    figure, ax = plt.subplots(figsize=(10, 4.8))
    years = [entry.year for entry in winners]
    colours = [BLUE if entry.year >= 2012 else GREY for entry in winners]
    ax.bar(years, [entry.top5 for entry in winners], width=0.62, color=colours)
    for entry in winners:
        ax.text(
            entry.year, entry.top5 + 0.2, _starred(entry), ha="center", fontsize=9.5
        )
    for entry in others:
        end = max(years) + 0.4 if entry.year > 2012 else entry.year + 2.2
        ax.plot([entry.year + 0.36, end], [entry.top5] * 2, color=ORANGE, ls="--")
        text = f"{_starred(entry)} {entry.team}"
        ax.text(end, entry.top5 + 0.3, text, ha="right", fontsize=10)
    names = [f"{entry.year}\n{entry.team}" for entry in winners]
    ax.set_xticks(years, names)
    ax.set(xlabel="year of the contest and its winner", title=title)
    ax.set(ylabel="top-5 error, %", ylim=(0, 30))
    return figure


def _starred(entry) -> str:
    """Return an error as text, with a star where the lecture sources lack it."""
    return f"{entry.top5:g}{'' if entry.given else '*'}"


# ------------------------------------------------------------------ for widgets


def before_after(before, after, text: str, height: int = 224) -> Picture:
    """Return one PNG: a picture, the changed picture, and where they differ.

    Parameters
    ----------
    before, after : uint8 (3, H, W)
    text : what the picture shows
    height : of the PNG's images in pixels, at least
    """
    from PIL import Image

    before = require_pixels(before, "C, H, W", "before_after", "before")
    after = require_pixels(after, "C, H, W", "before_after", "after")
    shapes.require_shape(after, before.shape, "before_after", "after")
    change = np.abs(after.astype(np.int16) - before).max(axis=0)  # (H, W)
    table = (255 * mpl.colormaps["viridis"](np.arange(256))[:, :3]).astype(np.uint8)
    parts = [to_pixels(before), to_pixels(after), table[change]]
    scale = max(1, round(height / change.shape[0]))
    gap = np.full((change.shape[0], max(1, 8 // scale), 3), 255, np.uint8)
    strip = np.concatenate([parts[0], gap, parts[1], gap, parts[2]], axis=1)
    picture = Image.fromarray(strip)
    size = (picture.width * scale, picture.height * scale)
    return _as_png(picture.resize(size, Image.Resampling.NEAREST), text)


def verdict_tiles(images, captions, right, text: str, columns=6, scale=3) -> Picture:
    """Return one PNG: small pictures, and under each what two classifiers say.

    Parameters
    ----------
    images : uint8 (N, 3, H, W)
    captions : two lists of N short texts
    right : two lists of N booleans; a wrong answer gets a cross and orange ground
    """
    from PIL import Image, ImageDraw

    count, _, height, width = images.shape
    cell, line = (width * scale + 6, height * scale + 40), 17
    rows = -(-count // columns)
    sheet = Image.new("RGB", (cell[0] * columns, cell[1] * rows), "white")
    draw = ImageDraw.Draw(sheet)
    for index, image in enumerate(images):
        x, y = index % columns * cell[0], index // columns * cell[1]
        tile = Image.fromarray(np.ascontiguousarray(to_pixels(image)))
        size = (width * scale, height * scale)
        sheet.paste(tile.resize(size, Image.Resampling.NEAREST), (x, y))
        for number, (names, good) in enumerate(zip(captions, right, strict=True)):
            top = y + height * scale + 2 + number * line
            box = (x, top, x + width * scale - 1, top + line - 2)
            draw.rectangle(box, fill="#D9E9F5" if good[index] else "#F7C59B")
            words = f"{'✓' if good[index] else '✗'} {names[index]}"
            font = fitting_font(words, width * scale - 4)
            draw.text((x + 3, top), words, fill="black", font=font)
    return _as_png(sheet, text)


def _as_png(picture, text: str) -> Picture:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=1)
    return Picture(buffer.getvalue(), " ".join(text.split()))


def fitting_font(words: str, room: float):
    """Return the house font, of 12 pixels down to 8, in which ``words`` fit."""
    fonts = [_font(size) for size in (12, 11, 10, 9, 8)]
    return next((one for one in fonts if one.getlength(words) <= room), fonts[-1])


_FONTS: dict = {}


def _font(size: int):
    """Return the house font for Pillow, read from Matplotlib once."""
    from PIL import ImageFont

    if size not in _FONTS:
        path = f"{mpl.get_data_path()}/fonts/ttf/DejaVuSans.ttf"
        _FONTS[size] = ImageFont.truetype(path, size)
    return _FONTS[size]
