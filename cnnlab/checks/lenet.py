"""The exercises of notebook 10: sizes, weights, pooling that learns, and centring."""

import math
from dataclasses import replace

import numpy as np

from cnnlab import lenet
from cnnlab.checks import _show
from cnnlab.checks._base import (
    WRONG_TYPE,
    Case,
    Cause,
    Exercise,
    FindBug,
    Mistake,
    Open,
    Score,
)

# ---------------------------------------------------------------- sizes and weights


class LayerShapes(Exercise):
    """An exercise whose answer is a list of shapes, one tuple for every layer."""

    def _as_tuple(self, value) -> tuple:
        return tuple(value) if isinstance(value, (list, tuple)) else (value,)

    def _compare(self, wanted, got, told=True):
        if got is not None and not isinstance(got, (list, tuple)):
            return WRONG_TYPE, (
                f"Wanted a list of {len(wanted)} shapes, one for each layer. Got "
                f"{_show.kind(got)}."
            )
        names = tuple(f"layer {number}" for number in range(1, len(wanted) + 1))
        named = replace(self, outputs=names if len(names) > 1 else ("shape", "none"))
        if len(names) == 1 and got is not None:
            if len(got) != 1:
                return WRONG_TYPE, f"Wanted 1 shape, got {len(got)}."
            return self._compare_one("layer 1", wanted[0], got[0], told)
        return Exercise._compare(named, wanted, got, told)


def _drawn_network(rng, size):
    """Draw an image and layers that fit it: any convs and pools, then dense ones."""
    k_max = 5
    image = (int(rng.integers(1, 4)), *(int(n) for n in rng.integers(8, 41, 2)))
    layers, shape = [], image
    for _ in range(rng.integers(0, min(size, 4) + 1)):
        k = int(rng.integers(1, k_max + 1))
        if rng.random() < 0.5 and min(shape[1:]) > k:
            layers.append(("conv", int(rng.integers(1, 20)), k))
        elif min(shape[1:]) >= 2:
            layers.append(("pool", int(rng.integers(2, min(4, *shape[1:]) + 1))))
        else:
            break
        shape = lenet.lenet_shapes(shape, layers[-1:])[0]
    for _ in range(rng.integers(0 if layers else 1, 3)):
        layers.append(("dense", int(rng.integers(2, 130))))
    return Case((image, tuple(layers)))


def _shaped(conv=lambda c, n, k: n - k + 1, pool=lambda n, k: n // k,
            maps=lambda c, f: f, dense=lambda n: (n,)):  # fmt: skip
    """Return an answer with these rules."""

    def answer(image, layers):
        shape, found = tuple(image), []
        for kind, *numbers in layers:
            if kind == "conv":
                f, k = numbers
                sizes = [conv(shape[0], n, k) for n in shape[1:]]
                shape = (maps(shape[0], f), *sizes)
            elif kind == "pool":
                shape = (shape[0], *(pool(n, numbers[0]) for n in shape[1:]))
            else:
                shape = dense(numbers[0])
            found.append(shape)
        return found

    return answer


def _square(image, layers):
    """Take every image to be as wide as it is tall."""
    found = _shaped()((image[0], image[1], image[1]), layers)
    return found


def _of_one_shape(arrange=lambda c, h, w: (c, h, w), pools=lambda first, c: c,
                  pooled=None, moves=True):  # fmt: skip
    """Return an answer whose maps are read, kept or handed on in another way."""

    def answer(image, layers):
        shape, found = tuple(image), []
        for kind, *numbers in layers:
            if kind == "dense":
                new = (numbers[0],)
            else:
                c, h, w = shape
                k = numbers[-1]
                if kind == "conv":
                    new = arrange(numbers[0], h - k + 1, w - k + 1)
                else:
                    new = (pooled or arrange)(pools(image[0], c), h // k, w // k)
            found.append(new)
            shape = new if moves else shape
        return found

    return answer


def _turned_image(image, layers):
    c, h, w = image
    return lenet.lenet_shapes((c, w, h), layers)


def _of_last_maps(image, layers):
    found = lenet.lenet_shapes(image, layers)
    return [(*one[1:], one[0]) if len(one) == 3 else one for one in found]


def _one_list(image, layers):
    """Return one list, again and again, which holds the last shape everywhere."""
    shape, found = list(image), []
    for new in lenet.lenet_shapes(image, layers):
        shape[:] = new
        found.append(shape)
    return found


def _with_image(image, layers):
    return [tuple(image), *lenet.lenet_shapes(image, layers)]


_CONV, _POOL, _DENSE = ("conv", 6, 5), ("pool", 2), ("dense", 10)
_ODD = (("conv", 4, 3), ("pool", 2), ("conv", 7, 2), ("pool", 3), ("dense", 5))

lenet_shapes = LayerShapes(
    name="lenet_shapes",
    notebook="10",
    reference=lenet.lenet_shapes,
    cases=(
        Case(((1, 32, 32), (_CONV,)), "C1 alone: (6, 28, 28) by hand"),
        Case(((6, 28, 28), (_POOL,)), "S2 alone"),
        Case(((3, 7, 9), (_POOL,)), "odd sizes: what is left over is dropped"),
        Case(((1, 32, 32), lenet.LENET5), "LeNet-5"),
        Case(((3, 21, 34), _ODD), "an image that is not square"),
    ),
    samples=_drawn_network,
    mistakes=(
        Mistake(
            "no + 1",
            _shaped(conv=lambda c, n, k: n - k),
            "a window of k fits at n - k + 1 places: the first counts, too.",
        ),
        Mistake(
            "size kept",
            _shaped(conv=lambda c, n, k: n),
            "a convolution without padding gives a smaller map: n - k + 1.",
        ),
        Mistake(
            "padding on one side only taken off",
            _shaped(conv=lambda c, n, k: n - k // 2),
            "both borders are lost, k - 1 pixels together: n - k + 1.",
        ),
        Mistake(
            "pool with stride 1",
            _shaped(pool=lambda n, k: n - k + 1),
            "these pools have stride k: their windows lie side by side, n // k of "
            "them.",
        ),
        Mistake(
            "pool rounded up",
            _shaped(pool=lambda n, k: -(-n // k)),
            "a window that does not fit whole is dropped: n // k, rounded down.",
        ),
        Mistake(
            "channels of the input kept",
            _shaped(maps=lambda c, f: c),
            "a convolution gives one map for each filter, however many came in.",
        ),
        Mistake(
            "maps times channels",
            _shaped(maps=lambda c, f: c * f),
            "each filter sees all maps and gives one: F maps, not C times F.",
        ),
        Mistake(
            "dense as a number",
            _shaped(dense=lambda n: n),
            "the shape after a dense layer is a tuple with one number: (n,).",
        ),
        Mistake(
            "h and w exchanged",
            _of_one_shape(lambda c, h, w: (c, w, h)),
            "rows and columns are exchanged: the order is (C, H, W), in the image and "
            "in every shape.",
        ),
        Mistake(
            "h and w read in another order",
            _turned_image,
            "rows and columns are exchanged: the order is (C, H, W), in the image and "
            "in every shape.",
        ),
        Mistake(
            "h and w exchanged by convolutions",
            _of_one_shape(lambda c, h, w: (c, w, h), pooled=lambda c, h, w: (c, h, w)),
            "a convolution exchanges rows and columns here: both keep their places.",
        ),
        Mistake(
            "h and w exchanged by pools",
            _of_one_shape(pooled=lambda c, h, w: (c, w, h)),
            "a pool exchanges rows and columns here: both keep their places.",
        ),
        Mistake(
            "maps last",
            _of_last_maps,
            "the maps come last; the order is (C, H, W).",
        ),
        Mistake(
            "shape never handed on",
            _of_one_shape(moves=False),
            "every layer is given the image: the shape after one layer is the shape "
            "before the next.",
        ),
        Mistake(
            "channels of the image in pools",
            _of_one_shape(pools=lambda first, c: first),
            "a pool gives as many maps as come in, not as many as the image has "
            "channels.",
        ),
        Mistake(
            "one list for all",
            _one_list,
            "all entries are one and the same list, changed in place: append a new "
            "tuple for each layer.",
        ),
        Mistake(
            "pool divided",
            _shaped(pool=lambda n, k: n / k),
            "sizes are whole numbers: divide with //, which drops what is left over.",
        ),
        Mistake(
            "squares only",
            _square,
            "rows and columns have sizes of their own; here the width is taken to be "
            "the height.",
        ),
        Mistake(
            "the image in front",
            _with_image,
            "the list begins with the image; wanted is one shape after each layer.",
        ),
        Mistake(
            "last shape only",
            lambda image, layers: lenet.lenet_shapes(image, layers)[-1:],
            "only the last shape is there: append one for each layer.",
        ),
    ),
    hints_=(
        "Keep the present shape in a variable, change it layer by layer, and append "
        "it to a list each time.",
        "A window of k fits at n - k + 1 places beside each other, and n // k times "
        "without overlap: `(f, h - k + 1, w - k + 1)` after a convolution, "
        "`(c, h // k, w // k)` after a pool.",
        "Take a row apart with `kind, *numbers = layer`. Then `c, h, w = shape`, but "
        "only before a convolution or a pool; after a dense layer the shape is "
        "`(numbers[0],)`.",
    ),
)


def _counted(conv=lambda c, f, k: f * (c * k * k + 1), pool=lambda c: 0,
             dense=lambda before, n: n * (math.prod(before) + 1)):  # fmt: skip
    """Return an answer with these rules."""

    def answer(image, layers):
        before, counts = tuple(image), []
        for layer, shape in zip(layers, lenet.lenet_shapes(image, layers), strict=True):
            if layer[0] == "conv":
                counts.append(conv(before[0], layer[1], layer[2]))
            elif layer[0] == "pool":
                counts.append(pool(before[0]))
            else:
                counts.append(dense(before, layer[1]))
            before = shape
        return counts

    return answer


def _unshared(image, layers):
    """Count a weight for each connection, as if no place shared any."""
    before, counts = tuple(image), []
    for layer, shape in zip(layers, lenet.lenet_shapes(image, layers), strict=True):
        if layer[0] == "conv":
            counts.append(math.prod(shape) * (before[0] * layer[2] ** 2 + 1))
        else:
            counts.append(
                0 if layer[0] == "pool" else layer[1] * (math.prod(before) + 1)
            )
        before = shape
    return counts


count_parameters = Exercise(
    name="count_parameters",
    notebook="10",
    reference=lenet.count_parameters,
    also=(lenet.lenet_shapes,),
    cases=(
        Case(((1, 32, 32), (_CONV,)), "C1 alone: 156 by hand"),
        Case(((6, 14, 14), (("conv", 16, 5),)), "C3: each filter sees 6 maps"),
        Case(((6, 28, 28), (_POOL,)), "a pool"),
        Case(((16, 5, 5), (("dense", 120),)), "C5: dense after maps"),
        Case(((1, 32, 32), lenet.LENET5), "LeNet-5"),
        Case(((3, 21, 34), _ODD), "an image that is not square"),
    ),
    samples=_drawn_network,
    mistakes=(
        Mistake(
            "biases of convolutions forgotten",
            _counted(conv=lambda c, f, k: f * c * k * k),
            "every filter has a bias: one more number for each.",
        ),
        Mistake(
            "all biases forgotten",
            _counted(
                lambda c, f, k: f * c * k * k,
                dense=lambda before, n: n * math.prod(before),
            ),
            "the biases are missing: one for each filter, and one for each neuron.",
        ),
        Mistake(
            "biases of dense layers forgotten",
            _counted(dense=lambda before, n: n * math.prod(before)),
            "every neuron of a dense layer has a bias, too.",
        ),
        Mistake(
            "one map only",
            _counted(conv=lambda c, f, k: f * (k * k + 1)),
            "a filter has weights for all the maps that come in: C · k · k.",
        ),
        Mistake(
            "k instead of k x k",
            _counted(conv=lambda c, f, k: f * (c * k + 1)),
            "a window of k by k has k · k weights for each map.",
        ),
        Mistake(
            "one bias for the layer",
            _counted(conv=lambda c, f, k: f * c * k * k + 1),
            "one bias for the whole convolution; every filter has its own.",
        ),
        Mistake(
            "a bias for every map seen",
            _counted(conv=lambda c, f, k: f * c * (k * k + 1)),
            "a filter has one bias, not one for each map that it sees.",
        ),
        Mistake(
            "nothing shared",
            _unshared,
            "this counts the weights of every place; all places of a map share one "
            "filter.",
        ),
        Mistake(
            "dense sees maps only",
            _counted(dense=lambda before, n: n * (before[0] + 1)),
            "a dense layer sees every number of every map: C · H · W.",
        ),
        Mistake(
            "pools that learn",
            _counted(pool=lambda c: 2 * c),
            "these pools have nothing to learn; that comes below.",
        ),
        Mistake(
            "the sum",
            lambda image, layers: sum(lenet.count_parameters(image, layers)),
            "this is the sum; wanted is a list with the count of each layer.",
        ),
    ),
    hints_=(
        "One filter sees all C maps that come in, k by k pixels of each, and adds a "
        "bias. There are F filters.",
        "A convolution has `f * (c * k * k + 1)`, c from the shape *before* the "
        "layer. The shapes before the layers are "
        "`[image, *yours.lenet_shapes(image, layers)]`.",
        "A dense layer of n neurons has `n * (math.prod(before) + 1)`: math.prod "
        "multiplies all numbers of a shape. A pool has 0.",
    ),
)


# ---------------------------------------------------------------- pooling that learns


def _drawn_pool(rng, size):
    n, c = (int(one) for one in rng.integers(1, 4, 2))
    h, w = (2 * int(one) for one in rng.integers(1, min(size, 3) + 2, 2))
    x = rng.normal(0, 1, (n, c, h, w)).round(1)
    return Case((x, rng.normal(0, 1, c).round(1), rng.normal(0, 1, c).round(1)))


def _squares(x):
    n, c, h, w = x.shape
    return x.reshape(n, c, h // 2, 2, w // 2, 2)


def _pooled(summary=lambda q: q.sum(axis=(3, 5)), weight=None, bias=None):
    """Return an answer that sums up squares and weighs them in these ways."""
    weight = weight or (lambda t, w: t * w[:, None, None])
    bias = bias or (lambda t, b: t + b[:, None, None])
    return lambda x, w, b: bias(weight(summary(_squares(x)), w), b)


_rng = np.random.default_rng(10)
_X = _rng.normal(0, 1, (2, 3, 4, 6)).round(1)
_W, _B = np.array([0.5, -1.0, 2.0]), np.array([1.0, 0.0, -0.5])

trainable_pool = Exercise(
    name="trainable_pool",
    notebook="10",
    reference=lenet.trainable_pool,
    cases=(
        Case(
            (np.array([[[[1.0, 2.0], [3.0, 4.0]]]]), np.array([0.5]), np.array([1.0])),
            "one square: 0.5 · 10 + 1 = 6 by hand",
        ),
        Case((_X[:1, :1, :2], _W[:1], _B[:1]), "three squares side by side"),
        Case((_X[:1], _W, _B), "three maps, each with its own w and b"),
        Case((_X[:, :2], _W[:2], _B[:2]), "two images, two maps"),
        Case((_X, _W, _B), "two images, three maps"),
    ),
    samples=_drawn_pool,
    mistakes=(
        Mistake(
            "mean for sum",
            _pooled(lambda q: q.mean(axis=(3, 5))),
            "the mean of the square is taken; in 1998 its four values are added.",
        ),
        Mistake(
            "maximum",
            _pooled(lambda q: q.max(axis=(3, 5))),
            "the largest value is taken; here the four are added.",
        ),
        Mistake(
            "bias forgotten",
            _pooled(bias=lambda t, b: t),
            "the bias is missing.",
        ),
        Mistake(
            "coefficient forgotten",
            _pooled(weight=lambda t, w: t),
            "the coefficient is missing.",
        ),
        Mistake(
            "bias inside",
            lambda x, w, b: (
                (_squares(x).sum(axis=(3, 5)) + b[:, None, None]) * w[:, None, None]
            ),
            "the bias is multiplied by the coefficient; add it after.",
        ),
        Mistake(
            "along the columns",
            lambda x, w, b: _squares(x).sum(axis=(3, 5)) * w + b,
            "w and b are laid along the last axis, the columns; they belong to the "
            "maps: w[:, None, None].",
        ),
        Mistake(
            "first coefficient for all",
            _pooled(
                lambda q: q.sum(axis=(3, 5)),
                lambda t, w: t * w[0],
                lambda t, b: t + b[0],
            ),
            "every map has its own coefficient and bias; the first ones are used for "
            "all.",
        ),
        Mistake(
            "one row of the square",
            _pooled(lambda q: q[:, :, :, 0].sum(axis=4)),
            "only the upper row of each square is added.",
        ),
        Mistake(
            "one pixel of the square",
            lambda x, w, b: x[:, :, ::2, ::2] * w[:, None, None] + b[:, None, None],
            "only one pixel of each square is taken; add all four.",
        ),
        Mistake(
            "a bias for each of the four",
            lambda x, w, b: (
                (_squares(x) * w[:, None, None, None, None]).sum(axis=(3, 5))
                + 4 * b[:, None, None]
            ),
            "the bias is added four times, once for each pixel; it is added once.",
        ),
    ),
    hints_=(
        "The upper left pixels of all squares are `x[:, :, 0::2, 0::2]`. There are "
        "three more such arrays.",
        "Two of the four: `x[:, :, 0::2, 1::2] + x[:, :, 1::2, 0::2]`. Call the sum of "
        "all four total.",
        "A coefficient for each map must lie along axis 1 of (N, C, H, W): "
        "`w[:, None, None]`. So `return total * w[:, None, None] + b[:, None, None]`.",
    ),
)


# ----------------------------------------------------------------------- centring


def _drawn_ink(rng, size):
    h, w = (int(one) for one in rng.integers(1, size + 3, 2))
    kind = np.uint8 if rng.random() < 0.5 else float
    image = np.zeros((h, w), kind)
    for _ in range(rng.integers(1, 6)):
        i, j = rng.integers(0, h), rng.integers(0, w)
        image[i, j] = rng.integers(1, 256) if kind is np.uint8 else rng.integers(1, 9)
    return Case((image,))


def _mean_of(rows=None, columns=None, of=lambda v: v):
    """Return an answer whose coordinates are these functions of the ink."""

    def answer(image):
        v = of(np.asarray(image, float))
        i, j = np.indices(v.shape)
        row, column = (i * v).sum() / v.sum(), (j * v).sum() / v.sum()
        return (
            row if rows is None else rows(v, row, column),
            column if columns is None else columns(v, row, column),
        )

    return answer


_L = np.array([[0, 0, 0, 0], [0, 3, 0, 0], [0, 3, 0, 6]], np.uint8)

centre_of_mass = Exercise(
    name="centre_of_mass",
    notebook="10",
    reference=lenet.centre_of_mass,
    outputs=("row", "column"),
    cases=(
        Case((np.array([[0, 0, 0], [0, 3, 1]], float),), "(1, 1.25) by hand"),
        Case((np.array([[0, 2], [0, 0], [0, 2]], float),), "a tall image"),
        Case((_L,), "uint8"),
        Case((np.full((3, 5), 200, np.uint8),), "full of ink: its sum is above 255"),
        Case((np.array([[7.0]]),), "a single pixel"),
    ),
    samples=_drawn_ink,
    mistakes=(
        Mistake(
            "column first",
            lambda image: lenet.centre_of_mass(image)[::-1],
            "row and column are exchanged.",
        ),
        Mistake(
            "every inked pixel the same",
            _mean_of(of=lambda v: (v > 0).astype(float)),
            "every pixel with ink counts alike; weigh each by its ink.",
        ),
        Mistake(
            "middle of the box",
            lambda image: tuple(
                (k.min() + k.max()) / 2 for k in np.nonzero(np.asarray(image))
            ),
            "this is the middle of the box around the ink; wanted is the mean, "
            "weighed by the ink.",
        ),
        Mistake(
            "middle of the image",
            lambda image: tuple((n - 1) / 2 for n in np.shape(image)),
            "this is the middle of the image, wherever its ink lies.",
        ),
        Mistake(
            "counted from 1",
            _mean_of(lambda v, r, c: r + 1, lambda v, r, c: c + 1),
            "rows and columns count from 0.",
        ),
        Mistake(
            "pixel's far corner",
            _mean_of(lambda v, r, c: r + 0.5, lambda v, r, c: c + 0.5),
            "half a pixel too far: row i is at i, not at i + 1/2.",
        ),
        Mistake(
            "number of pixels below",
            _mean_of(
                lambda v, r, c: r * v.sum() / v.size,
                lambda v, r, c: c * v.sum() / v.size,
            ),
            "divide by the sum of the ink, not by the number of pixels.",
        ),
        Mistake(
            "not divided",
            _mean_of(lambda v, r, c: r * v.sum(), lambda v, r, c: c * v.sum()),
            "the sum of the ink is missing below the line.",
        ),
        Mistake(
            "as a share of the side",
            _mean_of(lambda v, r, c: r / len(v), lambda v, r, c: c / v.shape[1]),
            "these are shares of the height and the width; wanted are pixels.",
        ),
    ),
    hints_=(
        "A mean of row numbers, in which a pixel with twice the ink counts twice.",
        "The ink of each row is `image.sum(axis=1)`, and the number of the rows "
        "`np.arange(len(image))`. Convert uint8 with `image.astype(float)` first.",
        "`np.average(np.arange(len(image)), weights=image.sum(axis=1))` is the row.",
    ),
)


def _broken(image):
    """Return the image with its ink moved to the middle: uint8 (H, W)."""
    height, width = image.shape
    row, column = lenet.centre_of_mass(image)
    down = round((height - 1) / 2 - row)
    right = round((width - 1) / 2 - column)
    return np.roll(image, (right, down), axis=(0, 1))


def _blob(rng, height, width):
    """Return an image whose ink keeps away from the border when it is centred.

    No shift lies half-way between two whole numbers, where roundings differ.
    """
    while True:
        tall, wide = (int(one) for one in rng.integers(1, 4, 2))
        ink = rng.integers(0, 200, (tall, wide))
        ink[0, 0] = 255
        image = np.zeros((height, width), np.uint8)
        top = rng.integers(0, height - tall + 1)
        left = rng.integers(0, width - wide + 1)
        image[top : top + tall, left : left + wide] = ink
        middle = np.array([height - 1, width - 1]) / 2
        shift = middle - lenet.centre_of_mass(image)
        if (np.abs(shift - np.floor(shift) - 0.5) > 0.01).all():
            return image


def _drawn_blob(rng, size):
    height, width = (int(one) for one in rng.integers(8, 11 + 2 * size, 2))
    return Case((_blob(rng, height, width),))


def _rolled(shift, axis=(0, 1)):
    def answer(image):
        height, width = image.shape
        row, column = lenet.centre_of_mass(image)
        return np.roll(image, shift(height, width, row, column), axis=axis)

    return answer


_rng = np.random.default_rng(11)

off_centre = FindBug(
    name="off_centre",
    notebook="10",
    reference=lenet.centred,
    also=(lenet.centre_of_mass,),
    broken=_broken,
    cases=(
        Case((np.pad(np.array([[255]], np.uint8), ((1, 7), (4, 4))),), "too high"),
        Case((np.pad(np.array([[255]], np.uint8), ((4, 4), (7, 1))),), "too far right"),
        Case((_blob(_rng, 9, 12),), "9 rows, 12 columns"),
        Case((_blob(_rng, 14, 9),), "14 rows, 9 columns"),
    ),
    samples=_drawn_blob,
    causes=(
        Cause(
            "a",
            "The middle of n pixels is n / 2, not (n - 1) / 2.",
            "Pixels count from 0: of 3 the middle one is number 1, (3 - 1) / 2.",
        ),
        Cause(
            "b",
            "The shift goes the wrong way.",
            "Middle minus centre is right: ink above the middle has the smaller row, "
            "and the difference is positive: down.",
        ),
        Cause(
            "c",
            "The shifts are applied to the wrong axes.",
            right=True,
        ),
        Cause(
            "d",
            "Ink that leaves on one side comes in on the other.",
            "np.roll does so, but here no ink leaves: it is moved to the middle.",
        ),
    ),
    mistakes=(
        Mistake(
            "turned round",
            _rolled(
                lambda h, w, r, c: (round(r - (h - 1) / 2), round(c - (w - 1) / 2))
            ),
            "the shift goes away from the middle now.",
        ),
        Mistake(
            "turned round, axes as they were",
            _rolled(
                lambda h, w, r, c: (round(c - (w - 1) / 2), round(r - (h - 1) / 2))
            ),
            "the axes are still exchanged, and the shift goes away from the middle.",
        ),
        Mistake(
            "middle at n / 2",
            _rolled(lambda h, w, r, c: (round(h / 2 - r), round(w / 2 - c))),
            "the middle was right: of n pixels, counted from 0, it is (n - 1) / 2.",
        ),
        Mistake(
            "rows only",
            _rolled(lambda h, w, r, c: (round((h - 1) / 2 - r), 0)),
            "the columns do not move.",
        ),
        Mistake(
            "each part rounded",
            _rolled(
                lambda h, w, r, c: (
                    round((h - 1) / 2) - round(r),
                    round((w - 1) / 2) - round(c),
                )
            ),
            "the middle and the centre are rounded one by one, which can be a pixel "
            "off: round their difference.",
        ),
        Mistake(
            "whole middle",
            _rolled(
                lambda h, w, r, c: ((h - 1) // 2 - round(r), (w - 1) // 2 - round(c))
            ),
            "the middle and the centre are rounded one by one, which can be a pixel "
            "off: round their difference.",
        ),
        Mistake(
            "columns only",
            _rolled(lambda h, w, r, c: (0, round((w - 1) / 2 - c))),
            "the rows do not move.",
        ),
        Mistake(
            "cut off",
            _rolled(lambda h, w, r, c: (int((h - 1) / 2 - r), int((w - 1) / 2 - c))),
            "int() cuts the shift off; the nearest whole number was right.",
        ),
        Mistake(
            "rounded down",
            _rolled(
                lambda h, w, r, c: (
                    math.floor((h - 1) / 2 - r),
                    math.floor((w - 1) / 2 - c),
                )
            ),
            "the shift is rounded down; the nearest whole number was right.",
        ),
    ),
    hints_=(
        "Call it with a single pixel of ink near the upper edge, in the middle "
        "column. Where does it go?",
        "Axis 0 of an image runs down the rows, axis 1 along the columns. Which shift "
        "is applied along which?",
        "`np.roll(image, (down, right), axis=(0, 1))`",
    ),
)


# -------------------------------------------------------------------------- open

INK_BAR = 20.0


def _score_drawing(answer) -> Score:
    reader = lenet.stored()
    drawing = answer(reader)
    reader = lenet.stored()  # whatever the answer did to the other
    image = np.asarray(drawing)
    side = lenet.SIDE
    if image.shape != (side, side) or image.dtype.kind not in "iuf":
        raise ValueError(
            f"fooling_drawing must return numbers of shape ({side}, {side}); got "
            f"{_show.kind(drawing)} of shape {image.shape}, {image.dtype}."
        )
    if not np.isfinite(image).all() or image.min() < 0 or image.max() > 255:
        raise ValueError("fooling_drawing: ink lies between 0 and 255.")
    image = image.round().astype(np.uint8)
    chance = float(reader.chances(image[None])[0, lenet.TARGET])
    ink = float(image.sum() / 255)
    detail = (
        f"The reader is {chance:.1%} sure of an {lenet.TARGET}, and the drawing has "
        f"{ink:.1f} pixels' worth of ink."
    )
    pictures = [(255 - image, f"{chance:.1%} sure: an {lenet.TARGET}")]
    if chance < lenet.SURE:
        detail += f" {lenet.SURE:.0%} are wanted before ink counts."
        return Score(math.inf, detail, pictures)
    return Score(ink, detail, pictures)


def _pixels(value: float) -> str:
    return f"{value:.1f} pixels of ink" if math.isfinite(value) else "not sure enough"


def _two_rings(reader):
    """Draw a plain 8."""
    i, j = np.indices((lenet.SIDE, lenet.SIDE))
    image = np.zeros((lenet.SIDE, lenet.SIDE), np.uint8)
    for middle in (9.0, 18.5):
        apart = np.hypot(i - middle, j - 13.5)
        image[abs(apart - 4.5) < 1.2] = 255
    return image


fooling_drawing = Open(
    name="fooling_drawing",
    notebook="10",
    reference=lenet.fooling_drawing,
    score=_score_drawing,
    bar=INK_BAR,
    lower_is_better=True,
    show=_pixels,
    measured_on=(
        "the network of the drawing board, which must be at least "
        f"{lenet.SURE:.0%} sure of an {lenet.TARGET}"
    ),
    mistakes=(
        Mistake(
            "blank",
            lambda reader: np.zeros((lenet.SIDE, lenet.SIDE)),
            "99% are wanted before ink counts",
        ),
        Mistake("a plain 8", _two_rings, "pixels' worth of ink"),
    ),
    hints_=(
        "Begin with a blank picture, and put one pixel of ink at a time where it "
        "helps most: `image = np.zeros((28, 28), np.uint8)`.",
        "The pull tells where: `gain = reader.pull(image, 8, rival)`, where rival is "
        "the strongest of the other digits. Pixels that have ink already cannot get "
        "more: `gain[image > 0] = -np.inf`.",
        "`image.flat[gain.argmax()] = 255`, until "
        "`reader.chances(image[None])[0, 8] >= 0.99`. Then take away what is not "
        "needed: less and less ink at each place, as long as that holds.",
    ),
)

EXERCISES = (
    lenet_shapes,
    count_parameters,
    trainable_pool,
    centre_of_mass,
    off_centre,
    fooling_drawing,
)
