"""Pictures of notebook 01: what the dials do, where rules break, the contest.

Colours: vermilion is the rule by hand, purple the rule whose numbers examples chose,
blue a network, orange a network from whose examples something was left out.
"""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

from cnnlab import shapes
from cnnlab.plots._base import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    VERMILION,
    Picture,
    describe,
    ink_on,
    png_bytes,
    require_pixels,
    show_image,
    to_pixels,
)

WIDE = 5.6  # inches, of every figure


def numbers_under(photo: np.ndarray, top: int, left: int, what: str, side: int = 8):
    """Return a figure: a photograph, a small window of it, and the window's numbers.

    Parameters
    ----------
    photo : uint8 (3, H, W)
    top, left, side : the window, in pixels; its red values are written out
    what : what the window shows, such as "the pupil of a cat"
    """
    window = photo[0, top : top + side, left : left + side]
    figure, (whole, part) = plt.subplots(
        1, 2, figsize=(WIDE, 3.1), width_ratios=(1.0, 1.25)
    )
    show_image(whole, photo, f"{photo.size:,} numbers")
    frame = {"fill": False, "edgecolor": "white", "linewidth": 2}
    whole.add_patch(plt.Rectangle((left - 0.5, top - 0.5), side, side, **frame))
    part.imshow(window, cmap="gray", vmin=0, vmax=255)
    for (i, j), value in np.ndenumerate(window):
        ink = ink_on(np.full(3, value / 255))
        part.text(j, i, str(value), ha="center", va="center", fontsize=10, color=ink)
    part.set(xlabel="column", ylabel="row", title="the window: red, 0 to 255")
    part.set_xticks((0, side - 1), (left, left + side - 1))
    part.set_yticks((0, side - 1), (top, top + side - 1))
    describe(
        figure,
        f"Left: a photograph with {what} framed. Right: the {side} by {side} red "
        f"values in the frame, from {window.min()} to {window.max()}; the top row "
        f"reads {', '.join(map(str, window[0]))}.",
    )
    return figure


def board(rows, row_names, column_names, title: str):
    """Return a figure with images in named rows and columns.

    Parameters
    ----------
    rows : list of lists of images of one shape
    row_names, column_names : one text for each row and column
    """
    shape = len(rows), len(rows[0])
    room = 0.09 * max(len(name) for name in row_names) + 0.15  # for the names
    size = (WIDE - room) / shape[1]
    figure, axes = plt.subplots(
        *shape, figsize=(WIDE, shape[0] * size + 0.6), squeeze=False
    )
    for line, images, name in zip(axes, rows, row_names, strict=True):
        for ax, image in zip(line, images, strict=True):
            show_image(ax, image)
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=10)
    for ax, name in zip(axes[0], column_names, strict=True):
        ax.set_title(name, fontsize=10, loc="center")
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    text = f"{title}. {shape[0]} rows of {shape[1]} pictures"
    if any(map(str, column_names)):
        text += f"; columns: {', '.join(map(str, column_names))}"
    text += f". Rows: {', '.join(map(str, row_names))}."
    describe(figure, text)
    return figure


def rule_steps(image, grey, mask, corners, title: str):
    """Return a figure of what a rule sees: picture, brightness, silhouette, corners.

    Parameters
    ----------
    image : uint8 (3, H, W)
    grey : (H, W) brightness, 0 to 255
    mask : (H, W) bool
    corners : (n, 2) rows and columns
    """
    figure, axes = plt.subplots(1, 4, figsize=(WIDE, 2.1))
    show_image(axes[0], image)
    show_image(axes[1], grey, vmin=0, vmax=255)
    show_image(axes[2], ~mask * 255.0, vmin=0, vmax=255)
    show_image(axes[3], ~mask * 90 + 165.0, vmin=0, vmax=255)
    axes[3].scatter(corners[:, 1], corners[:, 0], s=45, color=VERMILION, marker="^")
    names = ("picture", "brightness", "1 silhouette", "2 corners")
    for ax, name in zip(axes, names, strict=True):
        ax.set_title(name, fontsize=10, loc="center")
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    places = ", ".join(f"row {row} column {column}" for row, column in corners)
    describe(
        figure,
        f"{title}. A picture, its brightness, its silhouette of {mask.sum()} pixels, "
        f"and {len(corners)} places in it where a corner points up: {places}.",
    )
    return figure


def silhouettes(masks, captions, title: str):
    """Return a figure of small black shapes with a caption under each.

    Parameters
    ----------
    masks : list of (H, W) bool
    captions : one text for each
    """
    columns = 5
    lines = -(-len(masks) // columns)
    figure, axes = plt.subplots(
        lines, columns, figsize=(WIDE, 1.4 * lines + 0.4), squeeze=False
    )
    for ax in axes.flat:
        ax.axis("off")
    for ax, mask, caption in zip(axes.flat, masks, captions, strict=False):
        show_image(ax, ~np.asarray(mask) * 255.0, vmin=0, vmax=255)
        ax.axis("on")
        ax.set_xlabel(caption, fontsize=10)
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    shown = ", ".join(" ".join(caption.split()) for caption in captions)
    describe(figure, f"{title}. The shapes: {shown}.")
    return figure


def distances_bar(names, values, own: int, title: str):
    """Return a figure: mean change in grey levels for named pairs of pictures.

    Parameters
    ----------
    names, values : of each pair
    own : so many of the first pairs have one and the same label
    """
    figure, ax = plt.subplots(figsize=(WIDE, 0.3 * len(names) + 1.1))
    colours = [GREEN if row < own else GREY for row in range(len(names))]
    bars = ax.barh(range(len(names)), values, color=colours)
    for row, value in enumerate(values):
        ax.text(value + 0.5, row, f"{value:.0f}", va="center", fontsize=10)
    ax.legend(
        [bars[0], bars[-1]], ["the same label", "another label"], loc="lower right"
    )
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.set_xlim(0, 1.45 * max(values))
    ax.set(xlabel="mean change of a value, grey levels (0 to 255)")
    _title(figure, title)
    pairs = ", ".join(f"{n} {v:.0f}" for n, v in zip(names, values, strict=True))
    said = title if title.endswith("?") else f"{title}."
    describe(figure, f"{said} Mean change in grey levels: {pairs}.")
    return figure


def _title(figure, title: str) -> None:
    """Set a title that may be as wide as the figure and not wider."""
    import textwrap

    text = "\n".join(textwrap.wrap(title, 62))
    figure.suptitle(text, x=0.01, ha="left", fontsize=12)


LOOKS = ((VERMILION, "s", "-"), (PURPLE, "D", ":"), (BLUE, "o", "-"))


def severity_curves(severities, curves: dict, title: str):
    """Return a figure with a panel for each dial: accuracy against severity.

    Parameters
    ----------
    severities : (S,) in [0, 1]
    curves : name -> dial -> (runs, S) accuracies; drawn as mean and range
    """
    dials = list(next(iter(curves.values())))
    figure, axes = plt.subplots(3, 3, figsize=(WIDE, 5.9), sharex=True, sharey=True)
    handles = []
    for ax, dial in zip(axes.flat, dials, strict=False):
        ax.axhline(50, color=GREY, linewidth=1, linestyle="--")
        handles = [
            _curve(ax, severities, runs[dial], *look)
            for runs, look in zip(curves.values(), LOOKS, strict=False)
        ]
        ax.set_title(dial, fontsize=11, loc="left")
        ax.tick_params(labelbottom=True)
        ax.set(ylim=(40, 103), xticks=(0, 0.5, 1))
    for ax in (*axes.flat[4:6], axes.flat[6]):
        ax.set_xlabel("severity")
    for ax in axes[:, 0]:
        ax.set_ylabel("accuracy, %")
    handles += [
        plt.Rectangle((0, 0), 1, 1, color=BLUE, alpha=0.25, linewidth=0),
        plt.Line2D([], [], color=GREY, linestyle="--", linewidth=1),
    ]
    count = max(len(runs[dials[0]]) for runs in curves.values())
    names = [*curves, f"band: lowest to highest\nof {count} networks", "guessing"]
    for ax in axes.flat[len(dials) :]:
        ax.axis("off")
    legend = axes.flat[len(dials)].legend(
        handles, names, loc="center left", fontsize=10, bbox_to_anchor=(0, 0.45)
    )
    legend.set_in_layout(False)
    _title(figure, title)
    worst = "; ".join(
        f"{dial} {', '.join(f'{_last(runs[dial]):.0%}' for runs in curves.values())}"
        for dial in dials
    )
    describe(
        figure,
        f"{title}. Accuracy against severity, a panel for each dial. At severity 1, "
        f"for {', '.join(' '.join(name.split()) for name in curves)}: {worst}.",
    )
    return figure


def _last(runs) -> float:
    return float(np.mean(np.asarray(runs, dtype=float)[:, -1]))


def _curve(ax, x, runs, colour, marker, line):
    runs = 100 * np.asarray(runs, dtype=float)  # (runs, S)
    ax.fill_between(x, runs.min(axis=0), runs.max(axis=0), color=colour, alpha=0.25)
    return ax.plot(x, runs.mean(axis=0), color=colour, marker=marker, ms=5, ls=line)[0]


def left_out(seen: dict, unseen: dict, chance: float, title: str):
    """Return a figure: accuracy on a change that was, or was not, in the examples.

    Parameters
    ----------
    seen, unseen : name of the change -> accuracies of the runs; the bars are means,
        the dots single runs
    chance : accuracy of guessing
    """
    figure, ax = plt.subplots(figsize=(WIDE, 3.4))
    rows = np.arange(len(seen))
    bars = []
    for runs, shift, colour in ((seen, -0.2, BLUE), (unseen, 0.2, ORANGE)):
        values = 100 * np.array([runs[name] for name in seen])  # (changes, runs)
        bars.append(ax.barh(rows + shift, values.mean(axis=1), 0.36, color=colour))
        for row, line in zip(rows, values, strict=True):
            ax.plot(line, np.full(len(line), row + shift), "o", color=BLACK, ms=3)
            mean = line.mean()
            ax.text(max(line) + 2, row + shift, f"{mean:.0f}", va="center", fontsize=10)
    guess = ax.axvline(100 * chance, color=GREY, linestyle="--", linewidth=1)
    ax.set_yticks(rows, list(seen))
    ax.invert_yaxis()
    ax.set(xlabel="accuracy on that change, %", xlim=(0, 109))
    names = ["it was among the examples", "it was left out", "guessing"]
    figure.legend([*bars, guess], names, loc="outside lower left", ncols=3, fontsize=10)
    _title(figure, title)
    text = "; ".join(
        f"{name} {np.mean(seen[name]):.0%} and {np.mean(unseen[name]):.0%}"
        for name in seen
    )
    describe(
        figure,
        f"{title}. Accuracy where the change was among the examples, and where it was "
        f"left out: {text}. Guessing gives {chance:.0%}.",
    )
    return figure


def contest(winners, others, title: str):
    """Return a figure of the contest's top-5 errors, a bar for each entry.

    Parameters
    ----------
    winners, others : entries with ``year, team, top5, network``; the bars of others
        are hatched
    """
    entries = sorted((*winners, *others), key=lambda entry: (entry.year, entry.top5))
    figure, ax = plt.subplots(figsize=(WIDE, 0.31 * len(entries) + 1.2))
    for row, entry in enumerate(entries):
        colour = BLUE if entry.network else GREY
        look = {"color": colour}
        if entry in others:
            look = {"edgecolor": colour, "facecolor": "white", "hatch": "///"}
        ax.barh(row, entry.top5, **look)
        ax.text(entry.top5 + 0.4, row, f"{entry.top5:g}", va="center", fontsize=10)
    names = [f"{entry.team}  {entry.year}" for entry in entries]
    ax.set_yticks(range(len(entries)), names)
    ax.invert_yaxis()
    ax.set(xlabel="top-5 error on the test images of the contest, %", xlim=(0, 31))
    patches = [
        plt.Rectangle((0, 0), 1, 1, color=GREY),
        plt.Rectangle((0, 0), 1, 1, color=BLUE),
        plt.Rectangle((0, 0), 1, 1, edgecolor=GREY, facecolor="white", hatch="///"),
    ]
    kinds = ["winner: hand-made features", "winner: network", "for comparison"]
    ax.legend(patches, kinds, loc="lower right", fontsize=10)
    _title(figure, title)
    described = "; ".join(f"{e.year} {e.team} {e.top5:g} %" for e in entries)
    describe(figure, f"{title}. Top-5 error: {described}.")
    return figure


# ------------------------------------------------------------------ for widgets


def before_after(before, after, text: str, height: int = 176) -> Picture:
    """Return one PNG: a picture, the changed picture, and where they differ.

    Parameters
    ----------
    before, after : uint8 (3, H, W)
    text : what the picture shows
    height : of the PNG's images in pixels, at most, where they are smaller
    """
    from PIL import Image

    before = require_pixels(before, "C, H, W", "before_after", "before")
    after = require_pixels(after, "C, H, W", "before_after", "after")
    shapes.require_shape(after, before.shape, "before_after", "after")
    change = np.abs(after.astype(np.int16) - before).max(axis=0)  # (H, W)
    table = (255 * mpl.colormaps["viridis"](np.arange(256))[:, :3]).astype(np.uint8)
    parts = [to_pixels(before), to_pixels(after), table[change]]
    scale = max(1, height // change.shape[0])
    gap = np.full((change.shape[0], max(1, 8 // scale), 3), 255, np.uint8)
    strip = np.concatenate([parts[0], gap, parts[1], gap, parts[2]], axis=1)
    picture = Image.fromarray(strip)
    size = (picture.width * scale, picture.height * scale)
    return _as_png(picture.resize(size, Image.Resampling.NEAREST), text)


def verdict_tiles(images, captions, right, text: str, columns=3, scale=4) -> Picture:
    """Return one PNG: small pictures, and under each what two classifiers say.

    Parameters
    ----------
    images : uint8 (N, 3, H, W)
    captions : two lists of N short texts
    right : two lists of N booleans; a wrong answer gets a cross and black ground
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
            ground, ink = ("#E8E8E8", "black") if good[index] else ("black", "white")
            draw.rectangle(box, fill=ground)
            words = f"{'✓' if good[index] else '✗'} {names[index]}"
            font = fitting_font(words, width * scale - 4)
            draw.text((x + 3, top), words, fill=ink, font=font)
    return _as_png(sheet, text)


def _as_png(picture, text: str) -> Picture:
    return Picture(png_bytes(picture), " ".join(text.split()))


def fitting_font(words: str, room: float):
    """Return the house font, of 13 pixels down to 10, in which ``words`` fit."""
    fonts = [_font(size) for size in (13, 12, 11, 10)]
    return next((one for one in fonts if one.getlength(words) <= room), fonts[-1])


_FONTS: dict = {}


def _font(size: int):
    """Return the house font for Pillow, read from Matplotlib once."""
    from PIL import ImageFont

    if size not in _FONTS:
        path = f"{mpl.get_data_path()}/fonts/ttf/DejaVuSans.ttf"
        _FONTS[size] = ImageFont.truetype(path, size)
    return _FONTS[size]
