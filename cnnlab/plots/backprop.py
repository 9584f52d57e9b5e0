"""Drawings for notebook 06: a small network, a graph that passes blame, trainings.

One meaning a colour: blue is blame above 0 (more of this raises the result), vermilion
blame below 0. Numbers on the way forward are black; whatever has not been computed yet
is grey. Trainings: green reaches its goal, orange does not.
"""

import functools
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

from cnnlab import scalar
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
    png_bytes,
)

WIDE = 5.6  # inches, of every figure
PALE = "#D5D5D5"
WIDTH, BOX, TALL, PRINT = 560, (90, 42), 470, 15  # pixels of the graph's picture
MOST_ROWS, MOST_ACROSS = 9, 6
SIGNS = {"+": "+", "-": "−", "*": "×", "/": "÷", "neg": "−", "**": "**"}


def colour_of(blame: float) -> str:
    """Return the colour that stands for the sign of a blame."""
    return BLUE if blame > 0 else VERMILION if blame < 0 else GREY


# ------------------------------------------------------------- a layered network


def network(layers, outputs, deltas=None, names=("input", "hidden", "output")):
    """Draw a small network: weights on the lines, outputs in the circles.

    Parameters
    ----------
    layers : list of (w, b)
    outputs : of every layer, the inputs first
    deltas : error signals of every layer but the inputs; None leaves them out
    """
    figure, ax = plt.subplots(figsize=(WIDE, 3.5))
    widest = max(len(one) for one in outputs)
    spot = [
        [(2.2 * column, 1.4 * ((len(one) - 1) / 2 - row)) for row in range(len(one))]
        for column, one in enumerate(outputs)
    ]
    for column, (w, b) in enumerate(layers):
        for k, row in enumerate(w):
            for d, weight in enumerate(row):
                (x0, y0), (x1, y1) = spot[column][d], spot[column + 1][k]
                ax.plot((x0, x1), (y0, y1), color=PALE, zorder=1)
                part = 0.36 if (d + k) % 2 else 0.27
                place = x0 + part * (x1 - x0), y0 + part * (y1 - y0)
                _label(ax, place, _signed(weight, 1))
            x, y = spot[column + 1][k]
            _label(ax, (x, y + 0.5), f"bias {_signed(b[k], 1)}")
    for column, values in enumerate(outputs):
        for row, value in enumerate(values):
            x, y = spot[column][row]
            ax.scatter(x, y, s=1500, color="white", edgecolor=BLACK, zorder=3)
            ax.text(x, y, f"{value:.3f}" if column else f"{value:g}", ha="center",
                    va="center", fontsize=10, zorder=4)  # fmt: skip
            if deltas is not None and column:
                signal = deltas[column - 1][row]
                ax.text(x, y - 0.5, f"δ {_signed(signal, 4)}", ha="center", va="center",
                        fontsize=10, color=colour_of(signal), zorder=4)  # fmt: skip
        if column < len(names):
            ax.text(spot[column][0][0], 0.7 * widest + 0.35, names[column], ha="center",
                    fontsize=11)  # fmt: skip
    ax.set(
        xlim=(-0.6, 2.2 * len(layers) + 0.7),
        ylim=(-0.7 * widest - 0.2, 0.7 * widest + 0.6),
    )
    ax.axis("off")
    told = "; ".join(
        f"{name}: {', '.join(f'{value:.3f}' for value in values)}"
        for name, values in zip(names, outputs, strict=False)
    )
    text = f"A network with the numbers on its connections. {told}."
    if deltas is not None:
        signals = ", ".join(f"{one:+.4f}" for row in deltas for one in row)
        text += f" Error signals, layer by layer: {signals}."
    return describe(figure, text)


def _signed(number: float, digits: int) -> str:
    """Return a number with its sign, minus as a real minus."""
    return f"{number:+.{digits}f}".replace("-", "−")


def _label(ax, place, text):
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1}
    ax.text(*place, text, ha="center", va="center", fontsize=10, bbox=box, zorder=2)


# ------------------------------------------------------------------- trainings


def error_curves(curves, goal: float, title: str = ""):
    """Draw the error of several trainings, green where it ends below the goal.

    Parameters
    ----------
    curves : list of 1-D arrays, an RMSE for every pass, the start first
    """
    figure, ax = plt.subplots(figsize=(WIDE, 3.4))
    reached = [bool(curve[-1] < goal) for curve in curves]
    names = {True: f"end below {goal:g}", False: "stay above"}
    for curve, good in zip(curves, reached, strict=True):
        colour, width = (GREEN, 1.4) if good else (ORANGE, 1.8)
        line = "-" if good else "--"
        ax.plot(curve, color=colour, linewidth=width, linestyle=line, label=names[good])
    ax.axhline(goal, color=BLACK, linewidth=1, linestyle=":")
    longest = max(len(curve) for curve in curves) - 1
    ax.text(longest, goal + 0.008, f"goal {goal:g}", ha="right", va="bottom")
    ax.set(xlabel="passes over the four patterns", ylabel="RMSE", ylim=(0, 0.62))
    ax.set_title(title)
    kinds = dict(zip(*ax.get_legend_handles_labels()[::-1], strict=True))
    ax.legend(kinds.values(), kinds, loc="upper right", ncols=2)
    return describe(
        figure,
        f"{title}: RMSE against passes for {len(curves)} starts; {sum(reached)} end "
        f"below {goal:g} (solid lines), {len(curves) - sum(reached)} do not (dashed).",
    )


def who_learns(shares, kinds, tasks, title: str = ""):
    """Draw accuracies as dots, one a seed, in a row for each kind of network.

    Parameters
    ----------
    shares : (tasks, kinds, seeds), in [0, 1]
    kinds, tasks : their names
    """
    shares = np.asarray(shares)
    tall = 0.42 * len(kinds) + 1.5
    figure, axes = plt.subplots(1, len(tasks), figsize=(WIDE, tall), sharey=True)
    for ax, row, task in zip(np.atleast_1d(axes), shares, tasks, strict=True):
        for place, dots in enumerate(row):
            ax.plot(100 * dots, [place] * len(dots), "o", color=SKY, markersize=9,
                    markeredgecolor=BLACK, markeredgewidth=0.6)  # fmt: skip
        ax.axvline(10, color=GREY, linewidth=1, linestyle=":")
        ax.set(xlim=(0, 104), xticks=(10, 50, 100), yticks=range(len(kinds)))
        ax.set_yticklabels(kinds)
        ax.set_ylim(len(kinds) - 0.5, -0.5)
        ax.set_xlabel("right (%); dotted: chance")
        ax.set_title(task, fontsize=11)
        ax.grid(axis="y", color=PALE, linewidth=0.8)
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    told = "; ".join(
        f"{task}: " + ", ".join(
            f"{kind.replace(chr(10), ' ')} {one.mean():.0%}"
            for kind, one in zip(kinds, row, strict=True)
        )
        for task, row in zip(tasks, shares, strict=True)
    )  # fmt: skip
    return describe(
        figure, f"{title}: mean accuracy over {shares.shape[2]} seeds. {told}."
    )


def price_lines(weights, nudging, blaming, marked, title: str = ""):
    """Draw multiplications for one gradient against the number of weights, log-log.

    Parameters
    ----------
    weights, nudging, blaming : of several networks, smallest first
    marked : (number of weights, name) of networks to name
    """
    figure, ax = plt.subplots(figsize=(WIDE, 3.6))
    ax.loglog(weights, nudging, "o--", color=PURPLE, label="a nudge for each weight")
    ax.loglog(weights, blaming, "o-", color=BLUE, label="one pass forward, one back")
    for count, name in marked:
        ax.axvline(count, color=GREY, linewidth=1, linestyle=":")
        ax.text(count * 1.1, 0.04, name, ha="left", va="bottom",
                transform=ax.get_xaxis_transform())  # fmt: skip
    ax.set(xlabel="weights and biases", ylabel="multiplications, one picture")
    ax.legend(loc="upper left")
    ax.set_title(title)
    ratio = nudging[-1] / blaming[-1]
    return describe(
        figure,
        f"{title}: for {weights[-1]:,} weights {nudging[-1]:.1e} multiplications by "
        f"nudging, {blaming[-1]:.1e} by a pass forward and one back, {ratio:.0e} times "
        "fewer.",
    )


# ---------------------------------------------------------------- a typed graph


def graph_board(output, names, step: int, blame=None) -> Picture:
    """Draw the graph of a formula as it stands after some steps: a PNG.

    Inputs are above, the result below. On the way forward a step computes a node; on
    the way back it lets a node pass its blame on: the wider a line, the more of it.

    Parameters
    ----------
    output : node of `scalar`
    names : name -> node
    step : from 0 to `steps_of(output)`
    blame : of every node, as ``scalar.backward(*graph)`` gives it; computed by default

    Notes
    -----
    Drawn with Pillow, in some milliseconds.
    """
    nodes, graph = scalar.graph_of(output)
    called = {node: name for name, node in names.items()}
    order = scalar.order(graph, 0)
    blame = scalar.backward(graph, 0) if blame is None else list(blame)
    made = [n for n in order if graph[n]]
    known = {n for n in order if not graph[n]} | set(made[:step])
    senders = made[::-1][: max(0, step - len(made) - 1)]
    begun = step > len(made)
    flows = {n: [slope * blame[n] for _, slope in graph[n]] for n in senders}
    shown = [0.0] * len(nodes)
    for n, row in flows.items():
        for (one, _), flow in zip(graph[n], row, strict=True):
            shown[one] += flow
    shown[0] = 1.0
    touched = {0} | {one for n in senders for one, _ in graph[n]}
    current = None if step == 0 else made[step - 1] if step <= len(made) else 0
    if senders:
        current = senders[-1]
    spots = _places(graph)
    largest = max((abs(f) for row in flows.values() for f in row), default=0)
    data = _draw(nodes, graph, called, spots, known, flows, largest,
                 {n: shown[n] for n in touched} if begun else {}, current)  # fmt: skip
    told = _said(nodes, graph, called, step, made, senders, shown, flows)
    return Picture(data, told)


def steps_of(output) -> int:
    """Return how many steps there are: every node forward, the start, and back."""
    nodes, graph = scalar.graph_of(output)
    return 2 * sum(1 for row in graph if row) + 1


def _places(graph) -> list[tuple[float, int]]:
    """Return (x, row) of every node: the output in the last row, x in boxes."""
    order = scalar.order(graph, 0)
    depth = [0] * len(graph)
    for node in reversed(order):
        for one, _ in graph[node]:
            depth[one] = max(depth[one], depth[node] + 1)
    rows = max(depth) + 1
    x, free = [0.0] * len(graph), 0
    for node in _left_to_right(graph):
        sources = {one for one, _ in graph[node]}
        if sources:
            x[node] = sum(x[one] for one in sources) / len(sources)
        else:
            x[node], free = float(free), free + 1
    levels = [[n for n in order if depth[n] == level] for level in range(rows)]
    most = max(map(len, levels))
    if most > MOST_ACROSS or rows > MOST_ROWS:
        raise ValueError(
            f"This graph is {rows} rows deep, with up to {most} nodes side by side; "
            f"at most {MOST_ROWS} rows of {MOST_ACROSS} are drawn. Shorten the formula."
        )
    squeeze = min(1, (MOST_ACROSS - 1) / max(free - 1, 1))
    x = [one * squeeze for one in x]
    for inside in levels:
        _spread(sorted(inside, key=lambda n: x[n]), x)
    return [(x[n], rows - 1 - depth[n]) for n in range(len(graph))]


def _left_to_right(graph) -> list[int]:
    """Return the nodes, every one after its inputs, and those in the order written."""
    done, waiting = {}, [0]
    while waiting:
        missing = [one for one, _ in graph[waiting[-1]] if one not in done]
        waiting += missing[::-1]
        if not missing:
            done[waiting.pop()] = True
    return list(done)


def _spread(inside, x) -> None:
    """Move the nodes of one row apart, to at least one box, and into the picture."""
    middle = sum(x[n] for n in inside) / len(inside)
    for left, right in zip(inside, inside[1:], strict=False):
        x[right] = max(x[right], x[left] + 1)
    shift = middle - sum(x[n] for n in inside) / len(inside)
    shift = min(max(shift, -x[inside[0]]), MOST_ACROSS - 1 - x[inside[-1]])
    for n in inside:
        x[n] += shift


def _draw(nodes, graph, called, spots, known, flows, largest, blamed, current) -> bytes:
    from PIL import Image, ImageDraw

    rows = max(row for _, row in spots) + 1
    low, high = min(x for x, _ in spots), max(x for x, _ in spots)
    pace = min(BOX[0] + 22, (WIDTH - BOX[0] - 4) / max(high - low, 1e-9))
    pitch = min(92, (TALL - BOX[1]) / max(rows - 1, 1))
    middle = (low + high) / 2
    centres = [
        (WIDTH / 2 + (x - middle) * pace, 26 + BOX[1] / 2 + row * pitch)
        for x, row in spots
    ]
    tall = int(26 + BOX[1] + (rows - 1) * pitch + 6)
    sheet = Image.new("RGB", (WIDTH, tall), "white")
    draw = ImageDraw.Draw(sheet)
    draw.text((6, 3), "black: number", BLACK, _font())
    draw.text((150, 3), "blame above 0", BLUE, _font())
    draw.text((300, 3), "below 0", VERMILION, _font())
    draw.text((400, 3), "line: how much", GREY, _font())
    for n, row in enumerate(graph):
        for place, (one, _) in enumerate(row):
            flow = flows[n][place] if n in flows else None
            _line(draw, centres[one], centres[n], flow, largest, place,
                  sum(1 for other, _ in row if other == one))  # fmt: skip
    for n, node in enumerate(nodes):
        _box(draw, centres[n], node, called.get(node), n in known, blamed.get(n),
             n == current)  # fmt: skip
    return png_bytes(sheet, PRINT)


def _line(draw, start, end, flow, largest, place, twice) -> None:
    shift = (place - 0.5) * 22 if twice > 1 else 0  # x · x has two lines to x
    (x0, y0), (x1, y1) = start, end
    ends = (x0 + shift, y0 + BOX[1] / 2, x1 + shift, y1 - BOX[1] / 2)
    if flow is None:
        draw.line(ends, fill="#B8B8B8", width=2)
        return
    width = 2 if not flow else max(2, round(14 * abs(flow) / largest))
    draw.line(ends, fill=colour_of(flow), width=width)


def _box(draw, centre, node, name, known, blame, current) -> None:
    x, y = centre
    half, tall = BOX[0] / 2, BOX[1] / 2
    corners = (x - half, y - tall, x + half, y + tall)
    edge, width = (BLACK, 3) if current else (GREY if known else PALE, 1)
    fill = "#FFF6DC" if current else "white"
    draw.rounded_rectangle(corners, 7, fill=fill, outline=edge, width=width)
    value = _short(node.data) if known else "?"
    sign = SIGNS.get(node.op)
    head = f"{sign} = {value}" if sign else f"{node.op} {value}"
    if name:
        head = f"{name if len(name) < 4 else name[:2] + '…'} = {value}"
    elif node.op == "const":
        head = value
    ink, told = BLACK if known else GREY, blame is not None and node.op != "const"
    draw.text((x, y - 9 * told), head, ink, _fitting(head), anchor="mm")
    if told:
        text = _short(blame)
        draw.text((x, y + 10), text, colour_of(blame), _bold(), anchor="mm")


def _short(number: float) -> str:
    """Return a number in at most 6 characters, minus as a real minus."""
    for digits in (3, 2, 1):
        text = f"{number:.{digits}g}".replace("e+0", "e").replace("e-0", "e-")
        text = text.replace("e+", "e").replace("-", "−")
        if len(text) <= 6:
            break
    return text


@functools.cache
def _font(size: int = PRINT, bold: bool = False):
    """Return the house font for Pillow; it ships inside Matplotlib."""
    from PIL import ImageFont

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    path = Path(mpl.get_data_path()) / "fonts" / "ttf" / name
    return ImageFont.truetype(str(path), size)


def _bold():
    return _font(PRINT, True)


def _fitting(text: str):
    return _font(PRINT if len(text) < 11 else PRINT - 1)


def _said(nodes, graph, called, step, made, senders, shown, flows) -> str:
    """Return what the last step did, as a sentence with its numbers."""

    def name(n):
        node = nodes[n]
        if node in called:
            return called[node]
        return _short(node.data) if node.op == "const" else f"the {_word(node.op)}"

    count = f"Step {step} of {2 * len(made) + 1}"
    if step == 0:
        return f"{count}: only the inputs are known."
    if step <= len(made):
        n = made[step - 1]
        numbers = [_short(nodes[one].data) for one, _ in graph[n]]
        done = _written(nodes[n].op, numbers)
        return f"{count}, forward: {done} = {_short(nodes[n].data)}."
    if not senders:
        return f"{count}, back: the result itself gets the blame 1."
    n = senders[-1]
    parts = []
    for (one, slope), flow in zip(graph[n], flows[n], strict=True):
        if nodes[one].op == "const":
            continue
        part = f"{name(one)} gets slope {_short(slope)} × blame {_short(shown[n])}"
        part += f" = {_short(flow)}"
        if abs(shown[one] - flow) > 1e-12 * max(1, abs(flow)):
            part += f", and has {_short(shown[one])} in all"
        parts.append(part)
    if not parts:
        parts = ["constants take no blame"]
    whose = called.get(nodes[n], f"the {_word(nodes[n].op)}")
    return f"{count}, back, through {whose}: {'; '.join(parts)}."


def _word(op: str) -> str:
    words = {"+": "sum", "-": "difference", "*": "product", "/": "quotient",
             "**": "power", "neg": "negative"}  # fmt: skip
    return words.get(op, op)


def _written(op: str, numbers) -> str:
    if op == "neg":
        return f"−({numbers[0]})"
    if len(numbers) == 1:
        return f"{op}({numbers[0]})"
    second = f"({numbers[1]})" if numbers[1].startswith("−") else numbers[1]
    return f"{numbers[0]} {SIGNS[op]} {second}"
