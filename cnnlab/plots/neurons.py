"""Drawings for notebook 05: lines that learn, circuits, activations, a deep stack.

Colours: 1 is orange and 0 blue, in points, half-planes and wires alike; a function is
black, its derivative green; flat places are grey.
"""

import functools

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

from cnnlab import neurons
from cnnlab.plots._base import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    VERMILION,
    describe,
    font,
    png_bytes,
)

WIDE = 5.6  # inches, as in plots.linear
SIDE = 440  # pixels of the board of points
OF_VALUE = (BLUE, ORANGE)  # of 0 and 1
PALE = ("#CCE3F0", "#FAECCC")


# ------------------------------------------------------- a line that is being mended


def line_board(x, t, w, b, before=None, last=None, features=("x₁", "x₂")) -> bytes:
    """Draw points and the line of a perceptron: a PNG, in milliseconds.

    Parameters
    ----------
    x, t : (N, 2) points and (N,) of 0 and 1
    w, b : (2,) and a number
    before : (w, b) of the line before the last correction, drawn pale, or None
    last : index of the point that led to that correction, or None
    features : what the two axes measure
    """
    from PIL import Image, ImageDraw

    edge = 30  # room for the names of the axes
    reach = float(np.ceil(np.abs(x).max() * 1.1 * 2) / 2)
    ticks = np.linspace(-reach, reach, SIDE)
    sums = w[0] * ticks + w[1] * ticks[::-1, None] + b  # (SIDE, SIDE)
    tint = np.array([mpl.colors.to_rgb(one) for one in PALE]) * 255
    plane = tint.round().astype(np.uint8)[(sums > 0).astype(int)]
    sheet = Image.new("RGB", (SIDE + edge, SIDE + edge), "white")
    sheet.paste(Image.fromarray(plane), (edge, 0))
    draw = ImageDraw.Draw(sheet)

    def place(point):
        across, up = (np.asarray(point) / reach + 1) / 2 * (SIDE - 1)
        return edge + across, SIDE - 1 - up

    if before is not None:
        _line(draw, *before, reach, place, GREY, 2)
    _line(draw, w, b, reach, place, BLACK, 3)
    _arrow(draw, w, b, reach, place)
    wrong = neurons.perceptron(x, w, b) != t
    for n, point in enumerate(x):
        _dot(draw, *place(point), int(t[n]), bool(wrong[n]), n == last)
    draw.rectangle((edge, 0, edge + SIDE - 1, SIDE - 1), outline=BLACK)
    draw.text((edge + SIDE / 2, SIDE + 6), features[0], BLACK, font(16), "ma")
    side = Image.new("RGB", (SIDE, edge - 4), "white")
    ImageDraw.Draw(side).text((SIDE / 2, 4), features[1], BLACK, font(16), "ma")
    sheet.paste(side.rotate(90, expand=True), (0, 0))
    return png_bytes(sheet)


def _line(draw, w, b, reach, place, colour, width):
    """Draw where ``w . x + b = 0``, if it is somewhere in the picture."""
    length = np.hypot(*w)
    if length < 1e-12:
        return
    foot = -b * np.asarray(w) / length**2
    along = np.array([-w[1], w[0]]) / length
    steps = np.linspace(-4 * reach, 4 * reach, 400)
    points = foot + steps[:, None] * along
    points = points[np.abs(points).max(axis=1) <= reach]
    if len(points) > 1:
        draw.line((*place(points[0]), *place(points[-1])), colour, width)


def _arrow(draw, w, b, reach, place):
    """Draw the direction of ``w`` on its line: it points to the side of 1."""
    length = np.hypot(*w)
    if length < 1e-12:
        return
    ahead = np.asarray(w) / length
    foot = -b / length * ahead
    if np.abs(foot).max() > reach:
        return
    tip = np.clip(foot + reach / 4 * ahead, -reach, reach)
    draw.line((*place(foot), *place(tip)), BLACK, 4)
    across = np.array([-ahead[1], ahead[0]])
    barbs = [tip - reach / 14 * (ahead + side * 0.6 * across) for side in (1, -1)]
    draw.polygon([place(tip), *map(place, barbs)], fill=BLACK)


def _dot(draw, left, top, value, wrong, last):
    """Draw a point: a circle for 1, a square for 0; wrong ones are ringed."""
    r = 6
    box = (left - r, top - r, left + r, top + r)
    shape = draw.ellipse if value else draw.rectangle
    shape(box, fill=OF_VALUE[value], outline=BLACK, width=1)
    if wrong:
        far = r + 5
        draw.ellipse((left - far, top - far, left + far, top + far), outline=BLACK,
                     width=3)  # fmt: skip
    if last:
        far = r + 11
        box = (left - far, top - far, left + far, top + far)
        draw.rectangle(box, outline=VERMILION, width=3)


def xor_planes(w1, b1, w2, b2):
    """Return a figure of XOR before and behind two hidden neurons.

    Parameters
    ----------
    w1, b1 : (2, 2), (2,) of the hidden neurons
    w2, b2 : (2,) and a number, of the last one
    """
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    t = np.array([0, 1, 1, 0])
    w1, b1 = np.asarray(w1, float), np.asarray(b1, float)
    hidden = (corners @ w1.T + b1 > 0).astype(int)
    figure, axes = plt.subplots(1, 2, figsize=(WIDE, 3.3))
    _corners(axes[0], corners, t, "the four inputs", ("input 1", "input 2"))
    for row, bias, style, name in zip(w1, b1, ("-", "--"), (1, 2), strict=True):
        _border(axes[0], row, bias, style, f"hidden neuron {name}")
    names = ("hidden neuron 1", "hidden neuron 2")
    _corners(axes[1], hidden, t, "what the last one sees", names)
    _border(axes[1], np.asarray(w2, float).reshape(2), float(np.ravel(b2)[0]), ":",
            "last neuron")  # fmt: skip
    lines = [one for ax in axes for one in ax.get_lines()]
    figure.legend(
        lines, [one.get_label() for one in lines], loc="outside lower center", ncols=2
    )
    told = "; ".join(
        f"({x[0]}, {x[1]}), a {y}, lands on ({h[0]}, {h[1]})"
        for x, h, y in zip(corners, hidden, t, strict=True)
    )
    text = f"The four inputs of XOR, and where two hidden neurons put them: {told}."
    return describe(figure, text)


def _corners(ax, points, t, title, labels):
    for value, marker in ((0, "s"), (1, "o")):
        ax.scatter(*points[t == value].T, s=130, c=OF_VALUE[value], marker=marker,
                   edgecolor=BLACK, zorder=3)  # fmt: skip
    for point in {tuple(one) for one in points}:
        here = (points == point).all(axis=1)
        ax.annotate(
            f"{t[here][0]}{f' ({here.sum()} inputs)' if here.sum() > 1 else ''}",
            point, (9, 9), textcoords="offset points",
        )  # fmt: skip
    ax.set(xlim=(-0.5, 1.75), ylim=(-0.5, 1.6), xticks=[0, 1], yticks=[0, 1],
           xlabel=labels[0], ylabel=labels[1])  # fmt: skip
    ax.set_title(title)


def _border(ax, w, b, style, label):
    low, high = np.array([-0.5, 1.75]), np.array([-0.5, 1.6])
    if abs(w[1]) > 1e-9:
        places = low, -(w[0] * low + b) / w[1]
    elif abs(w[0]) > 1e-9:
        places = np.full(2, -b / w[0]), high
    else:
        places = low * np.nan, low
    ax.plot(*places, style, color=BLACK, linewidth=1.8, label=label)


# ------------------------------------------------------------------------ circuits


def circuit_board(circuit, values, inputs, outputs) -> bytes:
    """Draw a circuit of NAND gates with the value of every wire: a PNG.

    Parameters
    ----------
    circuit : `neurons.Circuit`
    values : of every wire, as ``circuit.values`` returns them
    inputs, outputs : their names
    """
    from PIL import Image, ImageDraw

    places, routes, (wide, tall) = _layout(circuit)
    sheet = Image.new("RGB", (wide, tall), "white")
    draw = ImageDraw.Draw(sheet)
    order = sorted(routes, key=lambda route: values[route[0]])  # ones above zeros
    for wire, points in order:
        value = int(values[wire])
        draw.line(points, OF_VALUE[value], 5 if value else 2, joint="curve")
    for wire, (left, top) in places.items():
        value = int(values[wire])
        if wire < circuit.inputs:
            draw.text((left - 8, top), f"{inputs[wire]} = {value}", BLACK, font(16),
                      "rm")  # fmt: skip
        else:
            _gate(draw, left, top, value)
    heights = _ports(circuit.outputs, places, tall)
    for place, wire in enumerate(circuit.outputs):
        value, top = int(values[wire]), heights[place]
        draw.text((wide - 86, top), f"{outputs[place]} {value}", BLACK, font(16), "lm")
    return png_bytes(sheet)


def _ports(outputs, places, tall: int) -> list[float]:
    """Return the heights of the outputs, in the order of what they come from."""
    order = sorted(range(len(outputs)), key=lambda k: (places[outputs[k]][1], k))
    return [tall * (order.index(k) + 0.5) / len(outputs) for k in range(len(outputs))]


def _gate(draw, left, top, value):
    """Draw a NAND: a box that is round on its right, and the circle of its NOT."""
    r = 13
    draw.rounded_rectangle((left - 18, top - r, left + 10, top + r), 11, "white",
                           BLACK, 2, corners=(False, True, True, False))  # fmt: skip
    draw.ellipse((left + 10, top - 4, left + 18, top + 4), "white", BLACK, 2)
    draw.text((left - 4, top), str(value), BLACK, font(15), "mm")


@functools.lru_cache(maxsize=64)
def _layout(circuit):
    """Return places of all wires' sources, routes of the wires, and the size.

    Every gate stands in the column behind the later of its two sources. A wire that
    passes a column gets a row of its own there, so it runs through no gate.
    """
    depth = [0] * circuit.inputs
    for i, j in circuit.gates:
        depth.append(1 + max(depth[i], depth[j]))
    last = max(depth) + 1
    columns = [[("at", k) for k, d in enumerate(depth) if d == c] for c in range(last)]
    ends = [(w, depth[g], ("at", g)) for g, pair in enumerate(circuit.gates,
            circuit.inputs) for w in dict.fromkeys(pair)]  # fmt: skip
    ends += [(w, last, ("out", k)) for k, w in enumerate(circuit.outputs)]
    for wire in range(len(depth)):
        furthest = max([d for w, d, _ in ends if w == wire], default=0)
        for column in range(depth[wire] + 1, furthest):
            columns[column].append(("by", wire, column))
    rows = max(map(len, columns))
    wide, tall = 560, max(150, 38 * rows + 20)
    _sort_columns(columns, circuit, depth)
    step = (wide - 220) / max(last - 1, 1)
    spots = {}
    for c, column in enumerate(columns):
        for r, one in enumerate(column):
            left = 74 if c == 0 else 74 + c * step
            spots[one] = (left, tall * (r + 0.5) / len(column))
    places = {one[1]: spot for one, spot in spots.items() if one[0] == "at"}
    heights, routes = _ports(circuit.outputs, places, tall), []
    for wire, column, end in ends:
        left, top = spots["at", wire]
        points = [(left + (18 if wire >= circuit.inputs else 0), top)]
        for c in range(depth[wire] + 1, column):
            left, top = spots["by", wire, c]
            points += [(left - 14, top), (left + 14, top)]
        if end[0] == "out":
            points.append((wide - 92, heights[end[1]]))
        else:
            left, top = spots[end]
            pair = circuit.gates[end[1] - circuit.inputs]
            both = (-7, 7) if pair[0] == pair[1] else (_side(pair, wire, spots, depth),)
            for shift in both:
                routes.append((wire, (*points, (left - 18, top + shift))))
            continue
        routes.append((wire, tuple(points)))
    return places, tuple(routes), (wide, int(tall))


def _side(pair, wire, spots, depth):
    """Return the upper port of a gate for the wire that comes from above."""
    other = pair[0] if pair[1] == wire else pair[1]
    column = max(depth[pair[0]], depth[pair[1]])

    def height(one):
        key = ("at", one) if depth[one] == column else ("by", one, column)
        return spots[key][1]

    return -7 if (height(wire), wire) < (height(other), other) else 7


def _sort_columns(columns, circuit, depth):
    """Order each column by where its sources stand, so that few wires cross."""
    at = {one: r / len(columns[0]) for r, one in enumerate(columns[0])}
    for c, column in enumerate(columns[1:], 1):

        def source(wire, c=c):
            key = ("at", wire) if depth[wire] == c - 1 else ("by", wire, c - 1)
            return at[key]

        def height(one):
            if one[0] == "by":
                return source(one[1])
            return np.mean([source(w) for w in circuit.gates[one[1] - circuit.inputs]])

        column.sort(key=lambda one: (height(one), one[1]))
        for r, one in enumerate(column):
            at[one] = (r + 0.5) / len(column)


# ---------------------------------------------------------------- steps and slopes


def nudge_curves(values, outputs, changes, nudge: float):
    """Return a figure of two neurons against one weight, and what a nudge does.

    Parameters
    ----------
    values : (V,) values of the weight
    outputs : dict of name -> (V,) answers, of two neurons
    changes : dict of name -> (V,) change of the answer by the nudge
    nudge : by how much the weight was moved
    """
    figure, axes = plt.subplots(2, 1, figsize=(WIDE, 4.6), sharex=True)
    styles = zip(outputs, (BLACK, GREEN), ("-", "--"), strict=True)
    told = []
    for name, colour, style in styles:
        axes[0].plot(values, outputs[name], style, color=colour, label=name)
        moved = np.abs(changes[name])
        shown = np.where(moved > 0, moved, np.nan)
        axes[1].plot(values, shown, style, color=colour, label=name)
        if np.isfinite(shown).sum() == 1:  # a line needs two points, a dot one
            axes[1].plot(values, shown, "o", color=colour)
        told.append(
            f"{name}: {np.mean(moved == 0):.1%} of the nudges change nothing, the "
            f"largest change is {moved.max():.2g}"
        )
    axes[0].set(ylabel="answer")
    axes[0].set_title("A step hides what a small change does")
    axes[0].legend(loc="upper left")
    axes[1].set(
        yscale="log", xlabel="weight", ylabel=f"change by a nudge\nof {nudge:g}"
    )
    axes[1].set_ylim(1e-7, 3)
    text = (
        f"Answers against a weight, and their change by {nudge:g}. {'; '.join(told)}."
    )
    return describe(figure, text)


def activation_table(reach: float = 8.0):
    """Return a figure of the nine activations, their derivatives, and flat places."""
    z = np.linspace(-reach, reach, 400)
    figure, axes = plt.subplots(3, 3, figsize=(WIDE, 5.6), sharex=True, sharey=True)
    told = []
    for ax, name in zip(axes.flat, neurons.ACTIVATIONS, strict=True):
        flat = neurons.is_flat(name, z)
        ax.fill_between(z, -2, 3, where=flat, color="#D9D9D9", linewidth=0)
        f = neurons.activate(name, z)
        jumps = np.abs(np.diff(f, prepend=f[0])) > 0.5
        ax.plot(z, np.where(jumps, np.nan, f), color=BLACK, label="$f$")
        slope = neurons.slope_of(name, z)
        jumps = np.abs(np.diff(slope, prepend=slope[0])) > 0.3
        ax.plot(z, np.where(jumps, np.nan, slope), "--", color=GREEN, label="$f'$")
        ax.set_title(name, loc="center")
        ax.set(ylim=(-1.8, 2.2), xticks=[-6, 0, 6], yticks=[-1, 0, 1, 2])
        share = flat.mean()
        told.append(f"{name} {share:.0%}")
    for ax in axes[-1]:
        ax.set_xlabel("$z$")
    handles = [*axes[0, 0].get_lines(), mpl.patches.Patch(color="#D9D9D9")]
    labels = ["function $f$", "derivative $f'$", "flat: below 1 % of the steepest"]
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    text = (
        f"Nine activations and their derivatives from {-reach:g} to {reach:g}; the "
        f"share that is flat: {', '.join(told)}."
    )
    return describe(figure, text)


def stack_histograms(name: str, sums, starts, title: str, bins: int = 30):
    """Return histograms of what every layer answers, a row for each start.

    Parameters
    ----------
    name : of an activation
    sums : for each start, a list of the sums (N, M) of every layer
    starts : their names
    """
    depth, row_of = len(sums[0]), neurons.ACTIVATIONS[name]
    outputs = [[neurons.activate(name, z) for z in layers] for layers in sums]
    figure, axes = plt.subplots(
        len(starts), depth, figsize=(WIDE, 1.25 * len(starts) + 0.9), squeeze=False
    )
    told = []
    for row, start, layers in zip(axes, starts, outputs, strict=True):
        for ax, a in zip(row, layers, strict=True):
            values = np.ravel(a)
            low, high = min(0.0, float(values.min())), float(values.max())
            high = high if high > low else low + 1
            if np.isfinite([row_of.low, row_of.high]).all():
                low, high = row_of.low, row_of.high  # a known range is drawn whole
            share = np.histogram(values, bins, (low, high))[0] / len(values)
            ax.stairs(share, np.linspace(0, 1, bins + 1), fill=True, color=GREY)
            ax.set(xticks=[], yticks=[], ylim=(0, max(share) * 1.08))
            ax.set_xlabel(f"{low:.2g} … {_short(high)}", fontsize=10, labelpad=3)
        row[0].set_ylabel(start)
        first, last = (f"{_spread(a):.2g}" for a in (layers[0], layers[-1]))
        way = f"from layer 1 to {depth} the sd between images goes from {first}"
        told.append(f"{start}: {way} to {last}")
    for number, ax in enumerate(axes[0], 1):
        ax.set_title(f"layer {number}", loc="center", fontsize=11)
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    figure.supxlabel("answer; below each axis, its two ends", fontsize=11)
    figure.supylabel("share of all answers", fontsize=11)
    return describe(figure, f"{title}. {'; '.join(told)}.")


def _short(value: float) -> str:
    """Return a number in at most five characters."""
    text = f"{value:.2g}" if value == 0 or abs(value) >= 1e-3 else f"{value:.1e}"
    return text.replace("e-0", "e-").replace("e+0", "e")


def _spread(a) -> float:
    return float(np.std(a, axis=0).mean())
