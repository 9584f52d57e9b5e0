"""The exercises of notebook 11: AlexNet's sizes, weights, arithmetic, and towers."""

import math

import numpy as np

from cnnlab import anatomy, fast
from cnnlab.checks import _show
from cnnlab.checks._base import Case, Cause, Exercise, FindBug, Mistake, Open, Score
from cnnlab.checks._verdict import WRONG_SHAPE, WRONG_TYPE, WRONG_VALUES
from cnnlab.checks.lenet import LayerShapes

# ------------------------------------------------------------------- drawn networks


def _drawn_rows(rng, size):
    """Draw an image and rows that fit it: convolutions and pools, then dense ones."""
    image = (2 * int(rng.integers(1, 4)), *(int(n) for n in rng.integers(12, 61, 2)))
    layers, shape = [], image
    for _ in range(rng.integers(0, min(size, 4) + 1)):
        least = min(shape[1:])
        if rng.random() < 0.6 and least >= 3:
            towers = int(rng.integers(1, 3))
            filters = 2 * int(rng.integers(1, 12))
            if rng.random() < 0.5:  # a padded one keeps its stride of 1
                k, stride, padding = 3, 1, int(rng.integers(1, 3))
            else:
                k = int(rng.integers(1, min(7, least) + 1))
                stride, padding = int(rng.integers(1, min(k, 4) + 1)), 0
            layers.append(("conv", filters, k, stride, padding, towers))
        elif least >= 4:
            k = int(rng.integers(2, 4))
            layers.append(("pool", k, int(rng.integers(1, k + 1))))
        else:
            break
        shape = anatomy.layer_shapes(shape, layers[-1:])[0]
    for _ in range(rng.integers(0 if layers else 1, 3)):
        layers.append(("dense", int(rng.integers(2, 130))))
    return image, tuple(layers)


def _drawn_shapes(rng, size):
    return Case((*_drawn_rows(rng, size), bool(rng.integers(2))))


def _drawn_costs(rng, size):
    image, layers = _drawn_rows(rng, size)
    up = bool(rng.integers(2))
    return Case((image, layers, anatomy.layer_shapes(image, layers, up)))


_FIRST, _POOL, _DENSE = ("conv", 96, 11, 4, 0, 1), ("pool", 3, 2), ("dense", 10)
_SAME, _SPLIT = ("conv", 8, 5, 1, 2, 1), ("conv", 256, 5, 1, 2, 2)
_ODD = (("conv", 4, 3, 2, 0, 1), ("pool", 3, 2), ("conv", 6, 3, 1, 1, 2), _DENSE)


# -------------------------------------------------------------------------- shapes


def _shaped(steps=lambda n, k, s, p: n + 2 * p - k, up=None, one=1,
            pool=lambda k, s: (k, s), maps=lambda c, f, g: f,
            dense=lambda n: (n,)):  # fmt: skip
    """Return an answer with these rules."""

    def answer(image, layers, round_up=True):
        shape, found = tuple(image), []
        rounded = round_up if up is None else up

        def size(n, k, s, p):
            left = steps(n, k, s, p)
            return (-(-left // s) if rounded else left // s) + one

        for kind, *numbers in layers:
            if kind == "conv":
                f, k, s, p, g = numbers
                sizes = [size(n, k, s, p) for n in shape[1:]]
                shape = (maps(shape[0], f, g), *sizes)
            elif kind == "pool":
                k, s = pool(*numbers)
                shape = (shape[0], *(size(n, k, s, 0) for n in shape[1:]))
            else:
                shape = dense(numbers[0])
            found.append(shape)
        return found

    return answer


def _square(image, layers, round_up=True):
    image = (image[0], image[1], image[1])
    return anatomy.layer_shapes(image, layers, round_up)


def _lists(image, layers, round_up=True):
    return [list(one) for one in anatomy.layer_shapes(image, layers, round_up)]


def _never_updated(image, layers, round_up=True):
    found = []
    for row in layers:  # every layer is laid on the image
        found += anatomy.layer_shapes(image, [row], round_up)
    return found


def _crossed(image, layers, round_up=True):
    found = anatomy.layer_shapes(image, layers, round_up)
    return [(one[0], one[2], one[1]) if len(one) == 3 else one for one in found]


def _nearest(image, layers, round_up=True):
    shape, found = tuple(image), []
    for kind, *row in layers:
        if kind == "dense":
            shape = (row[0],)
        else:
            k, s, p = row[1:4] if kind == "conv" else (*row, 0)
            maps = row[0] if kind == "conv" else shape[0]
            sides = (round((n + 2 * p - k) / s + 1) for n in shape[1:])
            shape = (maps, *sides)
        found.append(shape)
    return found


class _Shapes(LayerShapes):
    """Shapes that must be tuples of whole numbers, as later cells need them."""

    def _compare(self, wanted, got, told=True):
        if not isinstance(got, (list, tuple)):
            return LayerShapes._compare(self, wanted, got, told)
        if len(got) != len(wanted):
            some = "shape" if len(wanted) == 1 else "shapes, one for each layer"
            return WRONG_TYPE, f"Wanted {len(wanted)} {some}; got {len(got)}."
        for number, (one, other) in enumerate(zip(wanted, got, strict=True), 1):
            label = f"layer {number}: wanted {one}, got"
            values = _show.array(other)
            if values is None or values.ndim != 1 or values.dtype.kind not in "iuf":
                return WRONG_TYPE, f"{label} {_show.kind(other)}."
            if len(values) != len(one):
                return WRONG_SHAPE, f"{label} {_show.short(other, 0)}."
            if values.tolist() != list(one):
                return WRONG_VALUES, f"{label} {_show.short(other, 0)}."
            whole = values.dtype.kind in "iu"
            if not isinstance(other, tuple) or not whole:
                return WRONG_TYPE, f"{label} {_show.short(other, 0)}."
        return None


layer_shapes = _Shapes(
    name="layer_shapes",
    notebook="11",
    reference=anatomy.layer_shapes,
    cases=(
        Case(((3, 227, 227), (_FIRST,), False), "(96, 55, 55) by hand"),
        Case(((3, 224, 224), (_FIRST,), False), "54.25 places, rounded down"),
        Case(((3, 224, 224), (_FIRST,), True), "54.25 places, rounded up"),
        Case(((6, 13, 13), (_POOL,), True), "windows that overlap"),
        Case(((2, 9, 7), (_SAME,), True), "padding of 2 on each side"),
        Case((anatomy.IMAGE, anatomy.ALEXNET, True), "AlexNet"),
        Case(((2, 21, 34), _ODD, False), "an image that is not square"),
    ),
    samples=_drawn_shapes,
    mistakes=(
        Mistake(
            "always down",
            _shaped(up=False),
            "it is always rounded down; with round_up, a window may hang over the "
            "edge.",
        ),
        Mistake(
            "always up",
            _shaped(up=True),
            "it is always rounded up; without round_up, what is left over is dropped.",
        ),
        Mistake(
            "the other way round",
            lambda image, layers, round_up=True: anatomy.layer_shapes(
                image, layers, not round_up
            ),
            "up and down are exchanged.",
        ),
        Mistake(
            "no + 1",
            _shaped(one=0),
            "the first place counts, too: steps divided by the stride, plus 1.",
        ),
        Mistake(
            "padding once",
            _shaped(steps=lambda n, k, s, p: n + p - k),
            "padding adds p pixels on each side: n + 2 p.",
        ),
        Mistake(
            "no padding",
            _shaped(steps=lambda n, k, s, p: n - k),
            "the padding is missing: n + 2 p pixels in all.",
        ),
        Mistake(
            "window forgotten",
            _shaped(steps=lambda n, k, s, p: n + 2 * p),
            "the window itself takes k pixels: n + 2 p - k are left to move.",
        ),
        Mistake(
            "pool with stride k",
            _shaped(pool=lambda k, s: (k, k)),
            "a pool has a stride of its own, the last number of its row: windows may "
            "overlap.",
        ),
        Mistake(
            "channels of the input kept",
            _shaped(maps=lambda c, f, g: c),
            "a convolution gives one map for each filter, however many came in.",
        ),
        Mistake(
            "maps of one tower",
            _shaped(maps=lambda c, f, g: f // g),
            "the filters are those of both towers together; so are the maps.",
        ),
        Mistake(
            "dense as a number",
            _shaped(dense=lambda n: n),
            "the shape after a dense layer is a tuple with one number: (n,).",
        ),
        Mistake(
            "dense as maps of one pixel",
            _shaped(dense=lambda n: (n, 1, 1)),
            "the shape after a dense layer is a tuple with one number: (n,).",
        ),
        Mistake(
            "filters in each tower",
            _shaped(maps=lambda c, f, g: f * g),
            "the filters are those of both towers together; do not count them twice.",
        ),
        Mistake(
            "the image first",
            lambda image, layers, round_up=True: [
                tuple(image),
                *anatomy.layer_shapes(image, layers, round_up),
            ],
            "the image is in the list; it begins with the shape after the first layer.",
        ),
        Mistake(
            "every layer on the image",
            _never_updated,
            "every layer is laid on the image; each must be laid on what the layer "
            "before it gave.",
        ),
        Mistake(
            "rows and columns exchanged",
            _crossed,
            "rows and columns are exchanged: (C, H, W).",
        ),
        Mistake(
            "to the nearest",
            _nearest,
            "`round` goes to the nearest whole number; round_up says up or down.",
        ),
        Mistake(
            "lists",
            _lists,
            "the numbers are right, but each shape must be a tuple of whole numbers, "
            "(96, 55, 55): no list or array, no floats such as 55.0.",
        ),
        Mistake(
            "squares only",
            _square,
            "rows and columns have sizes of their own; here the width is taken to be "
            "the height.",
        ),
        Mistake(
            "last shape only",
            lambda image, layers, round_up=True: anatomy.layer_shapes(
                image, layers, round_up
            )[-1:],
            "only the last shape is there: append one for each layer.",
        ),
    ),
    hints_=(
        "Keep the present shape in a variable, change it layer by layer, and append "
        "it to a list each time. `kind, *numbers = layer` takes a row apart.",
        "A window has `n + 2 * padding - k` pixels left to move. Divide by the stride: "
        "`left // stride` rounds down, `-(-left // stride)` rounds up. And 1 for the "
        "first place.",
        "Write that as a function `size(n, k, stride, padding)` inside yours. A pool "
        "has padding 0, and keeps its maps: `(c, size(h, k, stride, 0), "
        "size(w, k, stride, 0))`. After a dense layer the shape is `(numbers[0],)`.",
    ),
)


# -------------------------------------------------------------------------- weights


def _costs(conv, dense, pool=lambda before, after, k: 0):
    """Return an answer with these rules; each is given the shapes and the numbers."""

    def answer(image, layers, shapes):
        found = []
        pairs = zip((image, *shapes), shapes, layers, strict=False)
        for before, after, (kind, *numbers) in pairs:
            if kind == "conv":
                f, k, s, p, g = numbers
                found.append(conv(before, after, f, k, g))
            elif kind == "dense":
                found.append(dense(before, numbers[0]))
            else:
                found.append(pool(before, after, numbers[0]))
        return found

    return answer


def _weights(before, n):
    return n * (math.prod(before) + 1)


def _shared(before, after, f, k, g):
    return f * (before[0] // g * k * k + 1)


_COUNTED = (  # what both counts are asked for
    Case(((96, 27, 27), (_SPLIT,), [(256, 27, 27)]), "two towers"),
    Case(((6, 28, 28), (_POOL,), [(6, 14, 14)]), "a pool"),
    Case(((256, 6, 6), (_DENSE,), [(10,)]), "dense after maps"),
    Case(
        (
            anatomy.IMAGE,
            anatomy.ALEXNET,
            anatomy.layer_shapes(anatomy.IMAGE, anatomy.ALEXNET),
        ),
        "AlexNet",
    ),
)

layer_parameters = Exercise(
    name="layer_parameters",
    notebook="11",
    reference=anatomy.layer_parameters,
    cases=(
        Case((anatomy.IMAGE, (_FIRST,), [(96, 55, 55)]), "conv1: 34,944 by hand"),
        *_COUNTED,
    ),
    samples=_drawn_costs,
    mistakes=(
        Mistake(
            "towers forgotten",
            _costs(lambda b, a, f, k, g: f * (b[0] * k * k + 1), _weights),
            "with two towers a filter sees half of the maps only: C / towers.",
        ),
        Mistake(
            "filters halved, too",
            _costs(
                lambda b, a, f, k, g: f // g * (b[0] // g * k * k + 1),
                _weights,
            ),
            "the filters are those of both towers together; only the maps that each "
            "sees are halved.",
        ),
        Mistake(
            "filters halved instead",
            _costs(
                lambda b, a, f, k, g: f // g * (b[0] * k * k + 1),
                _weights,
            ),
            "with two towers all filters are there, and each sees half of the maps.",
        ),
        Mistake(
            "twice for two towers",
            _costs(lambda b, a, f, k, g: g * f * (b[0] // g * k * k + 1), _weights),
            "the filters are those of both towers together; do not count them twice.",
        ),
        Mistake(
            "biases of convolutions forgotten",
            _costs(lambda b, a, f, k, g: f * (b[0] // g) * k * k, _weights),
            "every filter has a bias: one more number for each.",
        ),
        Mistake(
            "all biases forgotten",
            _costs(
                lambda b, a, f, k, g: f * (b[0] // g) * k * k,
                lambda b, n: n * math.prod(b),
            ),
            "the biases are missing: one for each filter, and one for each neuron.",
        ),
        Mistake(
            "k instead of k x k",
            _costs(lambda b, a, f, k, g: f * (b[0] // g * k + 1), _weights),
            "a window of k by k has k · k weights for each map.",
        ),
        Mistake(
            "nothing shared",
            _costs(
                lambda b, a, f, k, g: math.prod(a) * (b[0] // g * k * k + 1), _weights
            ),
            "this counts the weights of every place; all places of a map share one "
            "filter.",
        ),
        Mistake(
            "dense sees maps only",
            _costs(_shared, lambda b, n: n * (b[0] + 1)),
            "a dense layer sees every number of every map: C · H · W.",
        ),
        Mistake(
            "one bias a layer",
            _costs(
                lambda b, a, f, k, g: f * (b[0] // g) * k * k + 1,
                lambda b, n: n * math.prod(b) + 1,
            ),
            "there is one bias for the whole layer; each filter and each neuron has "
            "its own.",
        ),
        Mistake(
            "biases of dense layers forgotten",
            _costs(_shared, lambda b, n: n * math.prod(b)),
            "every neuron of a dense layer has a bias, too.",
        ),
        Mistake(
            "one bias a dense layer",
            _costs(_shared, lambda b, n: n * math.prod(b) + 1),
            "a dense layer has a bias for each neuron, not one in all.",
        ),
        Mistake(
            "shape after",
            _costs(
                lambda b, a, f, k, g: f * (a[0] // g * k * k + 1),
                _weights,
            ),
            "C is the number of maps that come in: the shape before the layer.",
        ),
        Mistake(
            "always the shape after",
            lambda image, layers, shapes: anatomy.layer_parameters(
                shapes[0], layers, shapes[1:] + shapes[-1:]
            ),
            "a layer sees the shape before it, not the one it gives.",
        ),
        Mistake(
            "maps times towers",
            _costs(lambda b, a, f, k, g: f * (b[0] * g * k * k + 1), _weights),
            "with two towers a filter sees half of the maps: divide C by the towers.",
        ),
        Mistake(
            "maps forgotten",
            _costs(lambda b, a, f, k, g: f * (k * k + 1), _weights),
            "a filter has k · k weights for each map that it sees: C / towers of them.",
        ),
        Mistake(
            "pools left out",
            lambda image, layers, shapes: [
                n for n in anatomy.layer_parameters(image, layers, shapes) if n
            ],
            "pools are left out; the list has a 0 for each.",
        ),
        Mistake(
            "None for a pool",
            _costs(_shared, _weights, lambda b, a, k: None),
            "a pool counts 0, not None.",
        ),
        Mistake(
            "running sum",
            lambda image, layers, shapes: [
                *map(int, np.cumsum(anatomy.layer_parameters(image, layers, shapes)))
            ],
            "each count has those before it added; wanted is each layer for itself.",
        ),
        Mistake(
            "pools that learn",
            _costs(_shared, _weights, lambda b, a, k: k * k),
            "a pool has nothing to learn.",
        ),
        Mistake(
            "the sum",
            lambda image, layers, shapes: sum(
                anatomy.layer_parameters(image, layers, shapes)
            ),
            "this is the sum; wanted is a list with the count of each layer.",
        ),
    ),
    hints_=(
        "Layer by layer, you need the shape *before* it: `[image, *shapes]` has it at "
        "the same place as the layer.",
        "With towers, a filter sees `before[0] // towers` maps; so a convolution has "
        "`filters * (before[0] // towers * k * k + 1)`.",
        "A dense layer of n neurons has `n * (math.prod(before) + 1)`, a pool 0. "
        "`zip([image, *shapes], layers)` walks over both.",
    ),
)


# ----------------------------------------------------------------------- arithmetic


def _work(before, after, f, k, g):
    return math.prod(after) * (before[0] // g * k * k)


def _dense_work(before, n):
    return n * math.prod(before)


layer_macs = Exercise(
    name="layer_macs",
    notebook="11",
    reference=anatomy.layer_macs,
    cases=(
        Case(((3, 11, 11), (_FIRST,), [(96, 1, 1)]), "one place: 363 for each filter"),
        Case((anatomy.IMAGE, (_FIRST,), [(96, 55, 55)]), "conv1: 3,025 places"),
        *_COUNTED,
    ),
    samples=_drawn_costs,
    mistakes=(
        Mistake(
            "one place only",
            _costs(lambda b, a, f, k, g: f * (b[0] // g) * k * k, _dense_work),
            "a filter works at every place of its map: H · W of the output times.",
        ),
        Mistake(
            "places of the input",
            _costs(
                lambda b, a, f, k, g: f * b[1] * b[2] * (b[0] // g) * k * k,
                _dense_work,
            ),
            "a filter stops at the places of its output, not at every pixel of its "
            "input.",
        ),
        Mistake(
            "towers forgotten",
            _costs(lambda b, a, f, k, g: math.prod(a) * b[0] * k * k, _dense_work),
            "with two towers a filter sees half of the maps only: C / towers.",
        ),
        Mistake(
            "filters halved, too",
            _costs(
                lambda b, a, f, k, g: math.prod(a) // g * (b[0] // g) * k * k,
                _dense_work,
            ),
            "the filters are those of both towers together; only the maps that each "
            "sees are halved.",
        ),
        Mistake(
            "one map only",
            _costs(lambda b, a, f, k, g: math.prod(a) * k * k, _dense_work),
            "a filter multiplies in all the maps that it sees: C / towers times k · k.",
        ),
        Mistake(
            "biases counted",
            _costs(
                lambda b, a, f, k, g: math.prod(a) * (b[0] // g * k * k + 1),
                _weights,
            ),
            "a bias is added, not multiplied; it is not counted here.",
        ),
        Mistake(
            "two for each",
            _costs(
                lambda *all_: 2 * _work(*all_), lambda *all_: 2 * _dense_work(*all_)
            ),
            "a multiplication and its addition count as one multiply-accumulate.",
        ),
        Mistake(
            "parameters at every place",
            _costs(
                lambda b, a, f, k, g: math.prod(a) * (b[0] // g * k * k + 1),
                _dense_work,
            ),
            "a bias is added, not multiplied; it is not counted here.",
        ),
        Mistake(
            "biases of dense layers counted",
            _costs(_work, _weights),
            "a bias is added, not multiplied; it is not counted here.",
        ),
        Mistake(
            "dense sees maps only",
            _costs(_work, lambda b, n: n * b[0]),
            "a dense layer sees every number of every map: C · H · W.",
        ),
        Mistake(
            "the shape after",
            _costs(
                lambda b, a, f, k, g: math.prod(a) * (a[0] // g * k * k), _dense_work
            ),
            "C is the number of maps that come in: the shape before the layer.",
        ),
        Mistake(
            "filters twice",
            _costs(lambda *all_: all_[2] * _work(*all_), _dense_work),
            "the filters are counted twice: the shape after has them already.",
        ),
        Mistake(
            "height for width",
            _costs(
                lambda b, a, f, k, g: f * a[1] * a[1] * (b[0] // g * k * k),
                _dense_work,
            ),
            "the places are H · W of the output; here the height is taken twice.",
        ),
        Mistake(
            "None for a pool",
            _costs(_work, _dense_work, lambda b, a, k: None),
            "a pool counts 0, not None.",
        ),
        Mistake(
            "a pool as a filter",
            _costs(_work, _dense_work, lambda b, a, k: k * k),
            "a pool compares; it multiplies nothing.",
        ),
        Mistake(
            "pools counted",
            _costs(_work, _dense_work, lambda b, a, k: math.prod(a) * k * k),
            "a pool compares; it multiplies nothing.",
        ),
        Mistake(
            "parameters",
            anatomy.layer_parameters,
            "these are the parameters; a filter's weights are used again at every "
            "place.",
        ),
        Mistake(
            "the sum",
            lambda image, layers, shapes: sum(
                anatomy.layer_macs(image, layers, shapes)
            ),
            "this is the sum; wanted is a list with the count of each layer.",
        ),
    ),
    hints_=(
        "Each number that comes out of a layer is one weighted sum. The loop counts "
        "them, `math.prod(after)`. How many products has each?",
        "A filter multiplies k by k pixels of every map that it sees: `products = "
        "before[0] // towers * k * k`.",
        "A dense neuron multiplies every number before it: `products = "
        "math.prod(before)`.",
    ),
)


# --------------------------------------------------------------------------- towers


def _drawn_towers(rng, size):
    n, half, few = (int(one) for one in rng.integers(1, 3, 3))
    k = int(rng.integers(1, 4))
    h, w = (int(one) for one in rng.integers(k, k + min(size, 4) + 1, 2))
    x = rng.normal(0, 1, (n, 2 * half, h, w)).round(1)
    filters = rng.normal(0, 1, (2 * few, half, k, k)).round(1)
    b = rng.normal(0, 1, 2 * few).round(1)
    return Case((x, filters, b, int(rng.integers(1, 3)), int(rng.integers(0, 2))))


def _halves(pick=lambda x, h, t: x[:, h * t : h * (t + 1)], order=(0, 1),
            w_of=lambda w, f, t: w[f * t : f * (t + 1)],
            b_of=lambda b, f, t: b[f * t : f * (t + 1)],
            stride=lambda s: s, padding=lambda p: p,
            join=lambda parts: np.concatenate(parts, axis=1)):  # fmt: skip
    """Return an answer that computes two halves, and joins them in these ways."""

    def answer(x, w, b, s=1, p=0):
        maps, filters = x.shape[1] // 2, len(w) // 2
        parts = [
            fast.conv2d(pick(x, maps, t), w_of(w, filters, t), b_of(b, filters, t),
                        stride(s), padding(p))
            for t in (0, 1)
        ]  # fmt: skip
        return join([parts[t] for t in order])

    return answer


_rng = np.random.default_rng(11)
_X = _rng.normal(0, 1, (2, 4, 5, 6)).round(1)
_W, _B = _rng.normal(0, 1, (6, 2, 3, 3)).round(1), _rng.normal(0, 1, 6).round(1)

two_towers = Exercise(
    name="two_towers",
    notebook="11",
    reference=anatomy.two_towers,
    cases=(
        Case((_X[:1], _W, _B), "three filters in each tower, with biases"),
        Case((_X[:1], _W[:2], np.zeros(2)), "one filter in each tower"),
        Case(
            (
                np.array([[[[1.0]], [[2.0]]]]),
                np.array([[[[10.0]]], [[[100.0]]]]),
                np.array([0.0, 5.0]),
            ),
            "two maps of one pixel: 10 and 205 by hand",
        ),
        Case((_X, _W, _B, 2, 1), "stride 2, padding 1, two images"),
    ),
    samples=_drawn_towers,
    mistakes=(
        Mistake(
            "first half for both",
            _halves(pick=lambda x, h, t: x[:, :h]),
            "both towers see the first half of the maps.",
        ),
        Mistake(
            "towers crossed",
            _halves(pick=lambda x, h, t: x[:, h * (1 - t) : h * (2 - t)]),
            "the first half of the filters sees the second half of the maps.",
        ),
        Mistake(
            "every second map",
            _halves(pick=lambda x, h, t: x[:, t::2]),
            "a tower sees one half of the maps as they lie, not every second one.",
        ),
        Mistake(
            "every second filter",
            _halves(
                w_of=lambda w, f, t: w[t::2],
                b_of=lambda b, f, t: b[t::2],
            ),
            "a tower has one half of the filters as they lie, not every second one.",
        ),
        Mistake(
            "second tower first",
            _halves(order=(1, 0)),
            "the second tower's maps come first.",
        ),
        Mistake(
            "sum of the towers",
            _halves(join=sum),
            "the towers' maps are added; they lie one after the other.",
        ),
        Mistake(
            "joined along the images",
            _halves(join=lambda parts: np.concatenate(parts, axis=0)),
            "the towers' maps are joined along axis 0, the images; maps lie on axis 1.",
        ),
        Mistake(
            "first filters for both",
            _halves(w_of=lambda w, f, t: w[:f]),
            "both towers use the first half of the filters.",
        ),
        Mistake(
            "filters exchanged",
            _halves(w_of=lambda w, f, t: w[f * (1 - t) : f * (2 - t)]),
            "the first tower has the second half of the filters.",
        ),
        Mistake(
            "biases exchanged",
            _halves(b_of=lambda b, f, t: b[f * (1 - t) : f * (2 - t)]),
            "the first tower has the second half of the biases.",
        ),
        Mistake(
            "both in a list",
            _halves(join=list),
            "the towers are two arrays still; join their maps into one along axis 1.",
        ),
        Mistake(
            "joined along the rows",
            _halves(join=lambda parts: np.concatenate(parts, axis=2)),
            "the towers' maps are joined along axis 2, the rows; maps lie on axis 1.",
        ),
        Mistake(
            "joined along the columns",
            _halves(join=lambda parts: np.concatenate(parts, axis=3)),
            "the towers' maps are joined along axis 3, the columns; maps lie on "
            "axis 1.",
        ),
        Mistake(
            "maps in turn",
            _halves(
                join=lambda parts: np.stack(parts, axis=2).reshape(
                    len(parts[0]), -1, *parts[0].shape[2:]
                )
            ),
            "the towers' maps take turns; the second tower's come after all of the "
            "first's.",
        ),
        Mistake(
            "biases forgotten",
            _halves(b_of=lambda b, f, t: np.zeros(f)),
            "the biases are missing.",
        ),
        Mistake(
            "first biases for both",
            _halves(b_of=lambda b, f, t: b[:f]),
            "both towers use the first half of the biases.",
        ),
        Mistake(
            "stride forgotten",
            _halves(stride=lambda s: 1),
            "the stride is not passed on.",
        ),
        Mistake(
            "padding forgotten",
            _halves(padding=lambda p: 0),
            "the padding is not passed on.",
        ),
        Mistake(
            "one tower",
            lambda x, w, b, s=1, p=0: fast.conv2d(
                x, np.concatenate([w, w], axis=1), b, s, p
            ),
            "every filter sees all maps, its weights used twice; a tower sees its "
            "own half.",
        ),
    ),
    hints_=(
        "Cut maps, filters and biases in two: `maps = x.shape[1] // 2` and "
        "`filters = len(w) // 2`.",
        "The first tower is a whole convolution of its own: `yours.conv2d(x[:, :maps], "
        "w[:filters], b[:filters], stride, padding)`.",
        "The second has what is left, `x[:, maps:]` and so on. Lay the maps of both "
        "one after the other: `np.concatenate([first, second], axis=1)`.",
    ),
)


# ------------------------------------------------------------------------------ bug


def _broken(image, filters, k, stride):
    """Return the number of weights and biases of a convolution without padding."""
    channels, height, width = image
    rows = -(-(height - k) // stride) + 1
    columns = -(-(width - k) // stride) + 1
    neurons = filters * rows * columns
    return neurons * (channels * k * k + 1)


def _drawn_first(rng, size):
    k = int(rng.integers(1, 8))
    image = (int(rng.integers(1, 5)), *(int(n) for n in rng.integers(k, k + 30, 2)))
    return Case((image, int(rng.integers(1, 20)), k, int(rng.integers(1, k + 1))))


def _places(image, k, stride, up=True):
    sizes = (-(-(n - k) // stride) if up else (n - k) // stride for n in image[1:])
    return math.prod(n + 1 for n in sizes)


first_layer = FindBug(
    name="first_layer",
    notebook="11",
    reference=anatomy.first_layer,
    broken=_broken,
    cases=(
        Case(((1, 3, 3), 1, 2, 1), "four places, five numbers"),
        Case(((3, 4, 6), 2, 3, 1), "an image that is not square"),
        Case((anatomy.IMAGE, 96, 11, 4), "conv1 of AlexNet"),
    ),
    samples=_drawn_first,
    causes=(
        Cause(
            "a",
            "The size of the map should be rounded down, not up.",
            "Then it would be 54 x 54, and the number still far too large: it does "
            "not hang on the number of places at all.",
        ),
        Cause(
            "b",
            "The layer has one bias, not one for each neuron.",
            "Not one, either: there is one for each filter.",
        ),
        Cause(
            "c",
            "All neurons of a map use the same filter.",
            right=True,
        ),
        Cause(
            "d",
            "A neuron sees the whole image, not a window.",
            "In a convolution it sees a window. Counted with whole images, the number "
            "would grow.",
        ),
    ),
    mistakes=(
        Mistake(
            "rounded down",
            lambda image, f, k, s: (
                f * _places(image, k, s, False) * (image[0] * k * k + 1)
            ),
            "only the rounding has changed; the weights of every place are counted "
            "still.",
        ),
        Mistake(
            "weights shared, biases not",
            lambda image, f, k, s: f * (image[0] * k * k + _places(image, k, s)),
            "the weights are shared now, but every neuron has a bias of its own: a "
            "map has one.",
        ),
        Mistake(
            "biases shared, weights not",
            lambda image, f, k, s: f * (_places(image, k, s) * image[0] * k * k + 1),
            "the biases are shared now, but not the weights.",
        ),
        Mistake(
            "biases gone",
            lambda image, f, k, s: f * image[0] * k * k,
            "the weights are right; every filter has a bias, too.",
        ),
        Mistake(
            "one bias",
            lambda image, f, k, s: f * image[0] * k * k + 1,
            "one bias for the whole layer; every filter has its own.",
        ),
        Mistake(
            "one filter",
            lambda image, f, k, s: image[0] * k * k + 1,
            "this is one filter; there are more.",
        ),
        Mistake(
            "a filter for each place",
            lambda image, f, k, s: _places(image, k, s) * (image[0] * k * k + 1),
            "a set of weights for every place, shared by all maps: it is the other "
            "way round.",
        ),
    ),
    hints_=(
        "How many different numbers does one map of the output need, if the same "
        "filter is laid on every place?",
        "A filter has `channels * k * k + 1` numbers, with its bias.",
        "So the size of the image does not matter: "
        "`return filters * (channels * k * k + 1)`.",
    ),
)


# ----------------------------------------------------------------------------- open

WHOLE = sum(
    anatomy.layer_parameters(
        anatomy.IMAGE,
        anatomy.ALEXNET,
        anatomy.layer_shapes(anatomy.IMAGE, anatomy.ALEXNET),
    )
)


def _require_rules(layers) -> None:
    """Raise if rows that fit break a rule of the exercise."""
    for number, (kind, *numbers) in enumerate(layers, 1):
        if kind == "pool" and numbers[1] > numbers[0]:
            raise ValueError(
                f"layer {number}: a stride above the window throws pixels away."
            )
        if kind == "conv" and numbers[4] not in (1, 2):
            raise ValueError(f"layer {number}: there are one or two towers.")


def _missing(wanted, shapes) -> tuple | None:
    """Return the first of the wanted shapes that does not come in its turn."""
    left = iter(shapes)
    return next((one for one in wanted if one not in left), None)


def _score_rows(answer) -> Score:
    rows = answer(list(anatomy.ALEXNET))
    if not isinstance(rows, (list, tuple)) or not rows:
        raise ValueError(
            "Return a list of layers, like the one that you were given; yours is "
            f"{'empty' if rows in ([], ()) else type(rows).__name__}."
        )
    shapes = anatomy.layer_shapes(anatomy.IMAGE, rows)  # says in words what is no row
    layers = [tuple(row) for row in rows]
    _require_rules(layers)
    counts = anatomy.layer_parameters(anatomy.IMAGE, layers, shapes)
    macs = sum(anatomy.layer_macs(anatomy.IMAGE, layers, shapes))
    wanted = anatomy.layer_shapes(anatomy.IMAGE, anatomy.ALEXNET)
    total, most = sum(counts), counts.index(max(counts, default=0))
    detail = (
        f"{len(layers)} layers, {total:,} parameters, {macs / 1e6:,.0f} million "
        f"multiply-accumulates; most parameters in layer {most + 1}, {layers[most]}: "
        f"{counts[most]:,}."
    )
    missing = _missing(wanted, shapes)
    if missing is None and shapes[-1] != wanted[-1]:
        missing = wanted[-1]
    if missing is not None:
        return Score(math.inf, f"{detail} Shape {missing} is missing, or too late.")
    narrow = min(shapes, key=math.prod)
    if math.prod(narrow) < anatomy.ANSWERS:
        return Score(
            math.inf,
            f"{detail} Shape {narrow} is too narrow: at least {anatomy.ANSWERS:,} "
            "numbers are to go through every layer.",
        )
    return Score(total, detail)


def _numbers(value: float) -> str:
    return f"{value:,.0f} parameters" if math.isfinite(value) else "none that counts"


def _with_between(width):
    def answer(layers):
        return [*layers[:8], ("dense", width), *layers[8:]]

    return answer


half_the_numbers = Open(
    name="half_the_numbers",
    notebook="11",
    reference=anatomy.halved,
    score=_score_rows,
    bar=WHOLE // 2,
    lower_is_better=True,
    show=_numbers,
    measured_on="images of 3 x 224 x 224, sizes rounded up",
    mistakes=(
        Mistake(
            "nothing changed", lambda layers: layers, f"11 layers, {WHOLE:,} parameters"
        ),
        Mistake(
            "towers in conv3",
            lambda layers: [
                (*row[:5], 2) if n == 4 else row for n, row in enumerate(layers)
            ],
            "most parameters in layer 9",
        ),
        Mistake(
            "a smaller fc6",
            lambda layers: [*layers[:8], ("dense", 2000), *layers[9:]],
            "Shape (4096,) is missing, or too late",
        ),
        Mistake("a bottleneck of 10", _with_between(10), "is too narrow: at least"),
        Mistake("one layer more", _with_between(1024), "most parameters in layer 11"),
    ),
    hints_=(
        "Where are the numbers? Cutting anything but fc6 and fc7 does not reach the "
        "bar.",
        "A dense layer with 9,216 inputs and 4,096 neurons has their product of "
        "weights. With a dense layer of r neurons before it there are r times their "
        "sum. fc7 wants the same.",
        "r must be 1,000 or more, by the rules. Or let fewer numbers reach fc6: a pool "
        "after pool5 that leaves 2 x 2 places of each map.",
    ),
)

EXERCISES = (
    layer_shapes,
    first_layer,
    layer_parameters,
    layer_macs,
    two_towers,
    half_the_numbers,
)
