"""The widget of notebook 11: AlexNet as boxes to scale, with the arithmetic of each."""

import math

import ipywidgets as w

from cnnlab import anatomy
from cnnlab.plots.anatomy import (
    COLOURS,
    GAP,
    HIGH,
    MIB,
    SLOT,
    TALL,
    TOP,
    WIDTH,
    anatomy_board,
    slots,
)
from cnnlab.widgets._base import Explorer, choice, number

SHOWN = {
    "weights and biases": "weights",
    "multiply-accumulates of an image": "work",
    "numbers that come out, an image": "outputs",
    "memory of training, MiB": "memory",
}
CLICKS = 40  # columns of places to click
FUNCTIONS = (anatomy.layer_shapes, anatomy.layer_parameters, anatomy.layer_macs)


def numbers_of(size=224, round_up=True, towers=2, batch=128, functions=FUNCTIONS):
    """Return rows, shapes, and what the widget shows: name -> a number a layer."""
    image = (3, size, size)
    layers = anatomy.ALEXNET if towers == 2 else anatomy.one_tower()
    layer_shapes, layer_parameters, layer_macs = functions
    _require_room(image, layers, round_up)
    shapes = [tuple(one) for one in layer_shapes(image, layers, round_up)]
    weights = [int(n) for n in layer_parameters(image, layers, shapes)]
    work = [int(n) for n in layer_macs(image, layers, shapes)]
    outputs = [math.prod(shape) for shape in shapes]
    held = [3 * anatomy.FLOAT * n for n in weights]
    given = [
        2 * anatomy.FLOAT * batch * copies * n
        for copies, n in zip(anatomy.OUTPUTS, outputs, strict=True)
    ]
    memory = [(one + two) / MIB for one, two in zip(held, given, strict=True)]
    values = {"weights": weights, "work": work, "outputs": outputs, "memory": memory}
    return layers, shapes, values, (held, given)


def _require_room(image, layers, round_up) -> None:
    """Raise if nothing is left of the image for a window, and say for which."""
    shape = image
    for name, row in zip(anatomy.NAMES, layers, strict=True):
        try:
            [shape] = anatomy.layer_shapes(shape, [row], round_up)
        except ValueError:
            left, window = shape[1], row[1] if row[0] == "pool" else row[2]
            raise ValueError(
                f"An image of {image[1]} pixels is too small: its maps are {left} x "
                f"{left} before {name}, whose window is {window} x {window} and does "
                "not fit. Take a larger image, or round up."
            ) from None


def anatomy_of(show="weights and biases", size=224, rounding="up, as in 2012", towers=2,
               batch=128, layer="conv1", functions=FUNCTIONS):  # fmt: skip
    """Draw all layers to scale, and the arithmetic of one.

    Parameters
    ----------
    show : a key of ``SHOWN``
    size : pixels of a side of the image
    rounding : "up, as in 2012" or "down, as in PyTorch"
    towers : 2 or 1
    batch : images at a time, in training
    layer : a name of ``anatomy.NAMES``
    functions : three like ``FUNCTIONS``, or a learner's
    """
    up = rounding.startswith("up")
    found = numbers_of(size, up, towers, batch, functions)
    layers, shapes, values, (held, given) = found
    key = SHOWN[show]
    shown, at = values[key], anatomy.NAMES.index(layer)
    before = shapes[at - 1] if at else (3, size, size)
    lines = _arithmetic(layers[at], before, shapes[at], up, found, batch, at)
    total = sum(shown)
    images = anatomy.FLOAT * batch * 3 * size * size
    bytes_ = sum(held), sum(given) + images
    whole = sum(bytes_) / MIB
    if key == "memory":
        total += images / MIB
    title = f"{show}: {total:,.0f} in all"
    if key == "outputs":
        learning = zip(shown, values["weights"], strict=True)
        title += f", {sum(n for n, learned in learning if learned):,} of neurons"
    bar = (
        f"training with {batch} images at a time: {whole:,.0f} of "
        f"{anatomy.CARD / MIB:,.0f} MiB"
    )
    shares = None
    if key == "memory":
        shares = [a / (a + b) for a, b in zip(held, given, strict=True)]
    both = [row[0] == "dense" or (row[0] == "conv" and row[5] == 1) for row in layers]
    alt = (
        f"{title}. {layer}: {lines[0]}; {lines[1]}; {lines[2]}. {bar[0].upper()}"
        f"{bar[1:]}."
    )
    return anatomy_board(
        anatomy.NAMES, shown, shares, towers, both, at, lines,
        (*bytes_, anatomy.CARD, bar), COLOURS[key], title, alt,
    )  # fmt: skip


def _arithmetic(row, before, after, up, found, batch, at) -> list[str]:
    """Return the lines that compute size, weights, work and memory of one layer."""
    _, _, values, (held, given) = found
    weights, work = values["weights"][at], values["work"][at]
    kind, *numbers = row
    if kind == "dense":
        sees, n = " · ".join(map(str, before)), numbers[0]
        size = f"{n:,} neurons, each sees {sees} = {math.prod(before):,} numbers"
        learned = f"{n:,} · ({math.prod(before):,} + 1) = {weights:,} weights, biases"
        done = f"{n:,} · {math.prod(before):,} = {work:,} multiply-accumulates"
    else:
        k, stride, padding = (
            numbers[1:4] if kind == "conv" else (numbers[0], numbers[1], 0)
        )
        places = (before[1] + 2 * padding - k) / stride + 1
        border = f" + 2 · {padding}" if padding else ""
        exact = "" if places == after[1] else f"{places:g}, "
        size = (
            f"({before[1]}{border} − {k}) / {stride} + 1 = {exact}"
            f"{'' if not exact else 'up: ' if up else 'down: '}{after[1]}; "
            f"{' × '.join(map(str, after))} = {math.prod(after):,}"
        )
        learned, done = "a maximum learns nothing", "and multiplies nothing"
        if kind == "conv":
            maps = before[0] // numbers[4]
            each = f"{maps} · {k} · {k}"
            learned = f"{numbers[0]} · ({each} + 1) = {weights:,} weights, biases"
            sums = " · ".join(map(str, after))
            done = f"{sums} · {each} = {work:,} multiply-accumulates"
    learns = f" + 3 · {weights:,}" if weights else ""
    taken = (
        f"training: 2 · {anatomy.OUTPUTS[at]} · {batch} · {math.prod(after):,}{learns} "
        f"floats = {(held[at] + given[at]) / MIB:,.1f} MiB"
    )
    return [size, learned, done, taken]


class AnatomyExplorer(Explorer):
    """An `Explorer` whose boxes can be clicked; the list of layers does the same."""

    def __init__(self, functions=FUNCTIONS):
        self._functions = functions

        def render(**state):
            return anatomy_of(**state, functions=functions)

        controls = {
            "show": choice("show", list(SHOWN)),
            "layer": choice("layer", list(anatomy.NAMES), "conv2"),
            "size": number("image", 224, 64, 400),
            "rounding": choice(
                "sizes rounded", ["up, as in 2012", "down, as in PyTorch"]
            ),
            "towers": choice("towers", [2, 1]),
            "batch": number("images at a time", 128, 1, 256),
        }
        super().__init__(render, controls)
        shown = self.both.children[1]
        shown.children = (self.status, self._over())
        self.status.layout.max_width = f"{WIDTH}px"

    def _over(self) -> w.GridBox:
        """Return the picture with a sheet of places to click on it."""
        self.image.layout.grid_area = "1 / 1 / 2 / 2"
        places = []
        for column in range(CLICKS):
            place = w.Button(
                tooltip=f"layer at {(column + 0.5) / CLICKS:.0%} of the width",
                tabbable=False,  # the list of layers is the way by keyboard
                layout=w.Layout(width="100%", height="100%", margin="0", padding="0",
                                min_width="0"),
            )  # fmt: skip
            place.style.button_color = "transparent"
            at = (column + 0.5) / CLICKS * WIDTH
            place.on_click(lambda _, at=at: self.choose(at))
            places.append(place)
        sheet = w.GridBox(
            places,
            layout=w.Layout(
                grid_template_columns=f"repeat({CLICKS}, minmax(0, 1fr))", grid_gap="0",
                grid_area="1 / 1 / 2 / 2", margin="0", padding="0", width="100%",
                height=f"{100 * (TOP + HIGH + 50) / TALL:.1f}%",
            ),
        )  # fmt: skip
        return w.GridBox(
            [self.image, sheet],
            layout=w.Layout(
                grid_template_columns=f"minmax(0, {WIDTH}px)", margin="0",
                max_width="100%", align_self="flex-start",
            ),
        )  # fmt: skip

    def choose(self, x: float) -> None:
        """Choose the layer whose box stands at ``x`` pixels of the picture."""
        state = self.state()
        up = state["rounding"].startswith("up")
        size, towers, batch = (state[name] for name in ("size", "towers", "batch"))
        values = numbers_of(size, up, towers, batch, self._functions)[2]
        places = slots(values[SHOWN[state["show"]]])
        ends = [left + max(side, SLOT) + GAP / 2 for left, side in places]
        last = len(ends) - 1
        at = next((n for n, end in enumerate(ends) if x <= end), last)
        self.controls["layer"].value = anatomy.NAMES[at]


def anatomy_explorer(layer_shapes=anatomy.layer_shapes,
                     layer_parameters=anatomy.layer_parameters,
                     layer_macs=anatomy.layer_macs):  # fmt: skip
    """Return AlexNet as boxes to scale; the numbers are what these functions give."""
    return AnatomyExplorer((layer_shapes, layer_parameters, layer_macs))
