"""Drawings for notebook 09: charts of a training, and a network at work.

One meaning a colour: blue is training images or weights, orange held-out images or
biases; lines of one panel differ in their dashes, too. Maps are grey: white is most.
"""

import matplotlib.pyplot as plt
import numpy as np

from cnnlab.plots._base import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    VERMILION,
    Picture,
    describe,
    font,
    png_bytes,
)

WIDE = 5.6  # inches, of every figure
BOARD, PRINT = 560, 15  # pixels of the widget's picture, of its text
COLUMNS = ("loss", "outputs above 0", "moved so far")


def clinic_charts(charts: dict, title: str = ""):
    """Draw a row of three charts for each training.

    Parameters
    ----------
    charts : name -> `layers.Charts`
    """
    figure, axes = plt.subplots(
        len(charts),
        3,
        figsize=(WIDE, 1.45 * len(charts) + 1.2),
        squeeze=False,
        sharex=True,
    )
    for number, (name, chart) in enumerate(charts.items()):
        row = axes[number]
        passes = range(len(chart.loss))
        pairs = (chart.loss, 100 * chart.alive, chart.moved)
        for ax, lines, head in zip(row, pairs, COLUMNS, strict=True):
            for values, colour, dash in zip(
                lines.T, (BLUE, ORANGE), ("-", "--"), strict=True
            ):
                ax.plot(passes, values, dash, color=colour, marker=".")
            if number == 0:
                ax.set_title(head, fontsize=11)
            if number == len(charts) - 1:
                ax.set_xlabel("passes", fontsize=10)
        row[0].axhline(np.log(10), color=GREY, linewidth=1, linestyle=":")
        row[0].set_xticks(range(0, len(chart.loss), 2))
        row[0].set(ylim=(-0.15, 3), yticks=(0, 1, 2, 3), ylabel=name)
        row[1].set(ylim=(-4, 70), yticks=(0, 30, 60))
        row[1].set_yticklabels(["0 %", "30 %", "60 %"])
        row[2].set_yscale("symlog", linthresh=0.01)
        row[2].set(ylim=(-0.002, 8), yticks=(0, 0.01, 0.1, 1))
        row[2].set_yticklabels(["0", "0.01", "0.1", "1"])
    for ax, (solid, dashed) in zip(
        axes[0],
        (("training", "held out"), ("1st ReLU", "2nd ReLU"), ("weights", "biases")),
        strict=True,
    ):
        ax.plot([], [], "-", color=BLUE, label=solid)
        ax.plot([], [], "--", color=ORANGE, label=dashed)
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.22), fontsize=10,
                  borderaxespad=0, handlelength=1.6)  # fmt: skip
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return describe(figure, f"{title}: {' '.join(map(_told, charts, charts.values()))}")


def _told(name: str, chart) -> str:
    """Return what the charts of one training show, in words."""
    loss, alive, moved = (np.round(one[[0, 1, -1]], 2) for one in chart[:1] + chart[2:])
    return (
        f"{name}: training loss {loss[0, 0]:.2f} at the start, {loss[1, 0]:.2f} after "
        f"one pass, {loss[2, 0]:.2f} at the end, held-out loss {loss[2, 1]:.2f}; "
        f"outputs of the second ReLU above 0 {alive[0, 1]:.0%}, {alive[1, 1]:.0%}, "
        f"{alive[2, 1]:.0%}; weights moved {moved[1, 0]:.2f} in the first pass, "
        f"{moved[2, 0]:.2f} in all, biases {moved[2, 1]:.2f}."
    )


def learning_lines(shares, others: dict, title: str = ""):
    """Draw accuracy against passes for several starts, and others as levels.

    Parameters
    ----------
    shares : (starts, passes), of held-out images, in [0, 1]
    others : name -> share
    """
    shares = np.asarray(shares)
    figure, ax = plt.subplots(figsize=(WIDE, 3.2))
    for line, dash in zip(shares, ("-", "--", ":", "-.") * len(shares), strict=False):
        ax.plot(100 * line, dash, color=ORANGE, marker=".")
    for number, share in enumerate(shares[:, 1] if shares.shape[1] > 2 else ()):
        ax.annotate(f"start {number}", (1, 100 * share), (6, -12),
                    textcoords="offset points")  # fmt: skip
    lowest = min(others.values())
    for (name, share), dash in zip(others.items(), ("--", ":", "-."), strict=False):
        ax.axhline(100 * share, color=GREY, linestyle=dash, linewidth=1.5)
        side, gap = ("top", -1.5) if share == lowest else ("bottom", 1)
        ax.text(shares.shape[1] - 1, 100 * share + gap, name, ha="right", va=side)
    ax.axhline(90, color=BLACK, linewidth=0.8)
    ax.text(0, 91, "90 %", va="bottom")
    ax.set(xlabel="passes over the training images", ylabel="held-out right (%)",
           ylim=(0, 104), xticks=range(shares.shape[1]))  # fmt: skip
    ax.set_title(title)
    told = ", ".join(f"{name} {share:.0%}" for name, share in others.items())
    return describe(
        figure,
        f"{title}: {len(shares)} networks reach "
        f"{', '.join(f'{one:.0%}' for one in shares[:, -1])}; {told}.",
    )


RUNGS = ("1: first loss", "2: gradients", "3: 20 images", "4: held out")


def rungs(rows: dict, title: str = ""):
    """Draw which rung of the ladder notices which bug.

    Parameters
    ----------
    rows : bug -> (first loss, largest relative error of a gradient, loss on a few
        images learned by heart, shares of held-out images that are right). Alarm is
        given for a first loss off log 10 by 0.1, errors from 1e-4, a loss from 0.1,
        and fewer than half right
    """
    figure, ax = plt.subplots(figsize=(WIDE, 0.42 * len(rows) + 1.1))
    table = [_verdicts(*row) for row in rows.values()]
    for i, row in enumerate(table):
        for j, (text, alarm) in enumerate(row):
            ax.text(j, i, text, ha="center", va="center", fontsize=10,
                    color="white" if alarm else BLACK,
                    bbox={"facecolor": VERMILION if alarm else "#F0F0F0",
                          "edgecolor": "none", "pad": 4})  # fmt: skip
    ax.set(xlim=(-0.5, len(RUNGS) - 0.5), ylim=(len(rows) - 0.5, -0.5),
           xticks=range(len(RUNGS)), yticks=range(len(rows)))  # fmt: skip
    ax.set_xticklabels(RUNGS, fontsize=10)
    ax.set_yticklabels(rows, fontsize=10)
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    told = "; ".join(
        f"{bug}: " + ", ".join(
            f"{name} {'alarm, ' * alarm}{text}"
            for name, (text, alarm) in zip(RUNGS, row, strict=True)
        )
        for bug, row in zip(rows, table, strict=True)
    )  # fmt: skip
    return describe(figure, f"{title}: {told}.")


def _verdicts(first, error, by_heart, shares) -> list[tuple[str, bool]]:
    """Return (text, alarm) of every rung."""
    alarms = abs(first - np.log(10)) >= 0.1, error >= 1e-4, by_heart >= 0.1
    marks = [("alarm" if alarm else "passes", bool(alarm)) for alarm in alarms]
    right = ", ".join(f"{share:.0%}" for share in shares)
    return [*marks, (right, min(shares) < 0.5)]


# ------------------------------------------------------------ a network at work


def network_board(image, first, second, shares, names, label: int) -> Picture:
    """Draw a picture, the maps that two layers make of it, and the ten answers.

    Parameters
    ----------
    image : uint8 (3, H, W)
    first, second : (C, H, W) outputs of the two ReLUs, at least 0
    shares : (10,) softmax probabilities
    names : of the classes
    label : the right class
    """
    from PIL import Image, ImageDraw

    sheet = Image.new("RGB", (BOARD, 430), "white")
    draw = ImageDraw.Draw(sheet)

    def paste(pixels, box):
        tile = Image.fromarray(pixels)
        sheet.paste(tile.resize(box[2:], Image.Resampling.NEAREST), box[:2])

    draw.text((4, 2), "image", BLACK, font(PRINT))
    paste(np.ascontiguousarray(image.transpose(1, 2, 0)), (4, 24, 128, 128))
    draw.text((150, 2), f"{len(first)} maps after the first ReLU", BLACK, font(PRINT))
    for index, pixels in enumerate(_grey(first)):
        paste(pixels, (150 + index % 4 * 101, 24 + index // 4 * 101, 96, 96))
    draw.text((150, 230), f"{len(second)} after the second", BLACK, font(PRINT))
    for index, pixels in enumerate(_grey(second)):
        paste(pixels, (150 + index % 8 * 51, 252 + index // 8 * 51, 47, 47))
    draw.text((4, 160), "answer", BLACK, font(PRINT))
    for index, (name, share) in enumerate(zip(names, shares, strict=True)):
        top = 182 + index * 24
        colour = GREEN if index == label else ORANGE
        draw.rectangle((4, top + 2, 4 + 52 * share, top + 18), fill=colour)
        if share == max(shares):  # the answer
            draw.rectangle((2, top, 58, top + 20), outline=BLACK, width=2)
        draw.text((8, top), f"{share:.0%}", BLACK, font(PRINT))
        draw.text((64, top), name, BLACK, font(PRINT))
    best = int(np.argmax(shares))
    silent = int(np.sum(second.max(axis=(1, 2)) <= 0))
    told = (
        f"The answer is {names[best]}, with {shares[best]:.0%}; it is a "
        f"{names[label]}. {silent} of {len(second)} maps of the second ReLU are empty."
    )
    return Picture(png_bytes(sheet), told)


def _grey(maps):
    """Return maps as uint8, all on one scale: the largest value is white."""
    top = max(float(maps.max()), 1e-9)
    return (maps / top * 255).round().astype(np.uint8)
