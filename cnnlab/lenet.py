"""LeNet-5 on paper: sizes, weights, a drawing made ready, and what is read in it.

Letters: N images, C channels, H rows, W columns. The network itself is built and
trained by ``nets`` and ``train``; a :class:`Reader` asks a trained one, in NumPy.
"""

import math

import numpy as np

from . import fast, kernels, ops, shapes
from .arrays import as_numbers, real_array
from .course.paths import results_dir

IMAGE = (1, 32, 32)  # channels, rows, columns
LENET5 = (
    ("conv", 6, 5),  # C1: 6 filters of 5 x 5
    ("pool", 2),  # S2
    ("conv", 16, 5),  # C3
    ("pool", 2),  # S4
    ("dense", 120),  # C5
    ("dense", 84),  # F6
    ("dense", 10),
)
NAMES = ("C1", "S2", "C3", "S4", "C5", "F6", "output")
SIDE, BOX = 28, 20  # pixels: a digit of MNIST lies in a box of 20 in a picture of 28

# ------------------------------------------------------------------ sizes and weights


def lenet_shapes(image, layers) -> list[tuple]:
    """Return the shape after each layer.

    Parameters
    ----------
    image : (C, H, W)
    layers : rows ``("conv", filters, k)``, k by k with stride 1 and no padding;
        ``("pool", k)``, k by k with stride k; ``("dense", n)``

    Examples
    --------
    >>> lenet_shapes((1, 32, 32), [("conv", 6, 5), ("pool", 2), ("dense", 10)])
    [(6, 28, 28), (6, 14, 14), (10,)]
    """
    shape, found = _maps(image, "lenet_shapes"), []
    for kind, *numbers in _rows(layers, "lenet_shapes"):
        if kind == "conv":
            filters, k = numbers
            shape = (filters, *(shapes.out_size(n, k) for n in shape[1:]))
        elif kind == "pool":
            [k] = numbers
            shape = (shape[0], *(shapes.out_size(n, k, k) for n in shape[1:]))
        else:
            shape = tuple(numbers)
        found.append(shape)
    return found


def count_parameters(image, layers) -> list[int]:
    """Return the number of weights and biases of each layer.

    Examples
    --------
    >>> sum(count_parameters(IMAGE, LENET5))
    61706
    """
    before, counts = _maps(image, "count_parameters"), []
    layers = _rows(layers, "count_parameters")
    for layer, shape in zip(layers, lenet_shapes(before, layers), strict=True):
        if layer[0] == "conv":
            counts.append(layer[1] * (before[0] * layer[2] ** 2 + 1))
        elif layer[0] == "pool":
            counts.append(0)
        else:
            counts.append(layer[1] * (math.prod(before) + 1))
        before = shape
    return counts


def _maps(image, where: str) -> tuple[int, int, int]:
    """Return (C, H, W) as whole numbers, or say what is wrong with it."""
    sizes = image.tolist() if isinstance(image, np.ndarray) else image
    if not isinstance(sizes, (tuple, list)) or len(sizes) != 3:
        raise ValueError(
            f"{where}: image needs three sizes (C, H, W), such as (1, 32, 32); got "
            f"{shapes.spoken(image)}."
        )
    c, h, w = (shapes.require_int(one, 1, where, "each size of image") for one in sizes)
    return c, h, w


def _rows(layers, where: str) -> list[tuple]:
    """Return checked rows: every kind known, whole numbers, dense layers last."""
    if not isinstance(layers, (tuple, list)):
        raise TypeError(
            f'{where}: layers needs a list of rows, such as [("conv", 6, 5)]; got '
            f"{shapes.spoken(layers)}."
        )
    found = []
    for number, row in enumerate(layers, 1):
        plain = isinstance(row, (tuple, list)) and row and isinstance(row[0], str)
        if not plain or len(row) - 1 != {"conv": 2, "pool": 1, "dense": 1}.get(row[0]):
            raise ValueError(
                f'{where}: layer {number} is written as ("conv", filters, k), '
                f'("pool", k) or ("dense", n); got {shapes.spoken(row)}.'
            )
        name = f"each number of layer {number}"
        numbers = [shapes.require_int(one, 1, where, name) for one in row[1:]]
        if row[0] != "dense" and found and found[-1][0] == "dense":
            raise ValueError(
                f"{where}: layer {number}, {row[0]}, needs maps (C, H, W), and a dense "
                "layer gives none. Put dense layers last."
            )
        found.append((row[0], *numbers))
    return found


def trainable_pool(x, w, b):
    """Sum each 2 x 2 square, times the map's coefficient, plus the map's bias.

    Parameters
    ----------
    x : (N, C, H, W), H and W even
    w, b : (C,)

    Returns
    -------
    (N, C, H / 2, W / 2)
    """
    x = as_numbers(x, "N, C, H, W", "trainable_pool", "x")
    w = as_numbers(w, "C", "trainable_pool", "w")
    b = as_numbers(b, "C", "trainable_pool", "b")
    shapes.require_same("trainable_pool", channels=x.shape[1], w=len(w), b=len(b))
    if x.shape[2] % 2 or x.shape[3] % 2:
        raise ValueError(
            "trainable_pool: x needs even numbers of rows and columns; got shape "
            f"{x.shape}. Cut off the last row or column."
        )
    with np.errstate(over="ignore", invalid="ignore"):
        total = 4 * ops.avg_pool2d(x, 2)  # (N, C, H / 2, W / 2)
        out = total * w[:, None, None] + b[:, None, None]
    shapes.require_in_range(out, "trainable_pool", "the pooled maps")
    return out


# -------------------------------------------------------------- a drawing made ready


def centre_of_mass(image) -> tuple[float, float]:
    """Return the mean row and the mean column of an image's ink.

    ``row = sum_ij i v_ij / sum_ij v_ij``, and the column alike with ``j``.

    Examples
    --------
    >>> centre_of_mass([[0, 0, 0], [0, 3, 1]])
    (1.0, 1.25)
    """
    v = _ink(image, "centre_of_mass")
    v = v / v.max()  # so that no sum leaves the range of a float
    rows, columns = np.indices(v.shape)
    return float((rows * v).sum() / v.sum()), float((columns * v).sum() / v.sum())


def centred(image) -> np.ndarray:
    """Shift an image by whole pixels, so that its ink lies about its middle.

    What comes in is 0, and what leaves is lost.
    """
    image = real_array(image, "centred", "image")
    shapes.require_axes(image, "H, W", "centred", "image")
    height, width = image.shape
    row, column = centre_of_mass(image)
    down = round((height - 1) / 2 - row)
    right = round((width - 1) / 2 - column)
    return kernels.shift(image, down, right)


def prepared(drawing) -> np.ndarray:
    """Return a drawing as MNIST's makers prepared theirs: uint8 (28, 28).

    The ink is cut out, shrunk or enlarged until its longer side has 20 pixels, and
    laid into 28 x 28 with its centre of mass in the middle; what then lies outside, a
    dot far from all else, is cut off. A blank drawing stays so.

    Parameters
    ----------
    drawing : (H, W) of any size, ink from 0 to 255
    """
    drawing = _drawing(drawing, "prepared")
    if not drawing.any():
        return np.zeros((SIDE, SIDE), np.uint8)
    rows, columns = (np.flatnonzero(drawing.any(axis=axis)) for axis in (1, 0))
    ink = drawing[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    longer = max(ink.shape)
    tall, wide = (max(1, round(n * BOX / longer)) for n in ink.shape)
    small = _areas(ink.shape[0], tall) @ ink @ _areas(ink.shape[1], wide).T
    page = np.zeros((SIDE, SIDE))
    top, left = (SIDE - tall) // 2, (SIDE - wide) // 2
    page[top : top + tall, left : left + wide] = small
    return np.clip(centred(page), 0, 255).round().astype(np.uint8)


def squeezed(drawing) -> np.ndarray:
    """Return a drawing shrunk as a whole to uint8 (28, 28), placed as it was drawn."""
    drawing = _drawing(drawing, "squeezed")
    small = _areas(drawing.shape[0], SIDE) @ drawing @ _areas(drawing.shape[1], SIDE).T
    return np.clip(small, 0, 255).round().astype(np.uint8)


def _areas(n: int, m: int) -> np.ndarray:
    """Return the (m, n) matrix that takes means over n / m pixels at a time."""
    edges = np.arange(m + 1) * n / m
    low, high = edges[:-1, None], edges[1:, None]
    pixel = np.arange(n)
    overlap = np.minimum(high, pixel + 1) - np.maximum(low, pixel)
    return np.clip(overlap, 0, None) * m / n


def _drawing(drawing, where: str) -> np.ndarray:
    """Return a drawing as floats from 0 to 255, or say what is wrong with it."""
    drawing = real_array(drawing, where, "drawing")
    shapes.require_axes(drawing, "H, W", where, "drawing")
    if not drawing.size:
        raise ValueError(
            f"{where}: drawing needs at least one pixel; got shape {drawing.shape}."
        )
    _require_grey(drawing, where, "drawing")
    if 0 < drawing.max() <= 1:
        raise ValueError(
            f"{where}: drawing has no ink above 1, and full ink is 255. Scale it: "
            "255 * drawing."
        )
    return drawing.astype(float)


def _require_grey(images, where: str, name: str) -> None:
    low, high = (images.min(), images.max()) if images.size else (0, 0)
    if low < 0 or high > 255:
        raise ValueError(
            f"{where}: {name} needs ink from 0 to 255; got values from {low:g} to "
            f"{high:g}."
        )


def _ink(image, where: str) -> np.ndarray:
    v = real_array(image, where, "image").astype(float)
    shapes.require_axes(v, "H, W", where, "image")
    if v.size and v.min() < 0:
        raise ValueError(f"{where}: image needs ink of 0 or more; got {v.min():g}.")
    if not v.any():
        raise ValueError(f"{where}: image has no ink, so its ink has no centre.")
    return v


# ------------------------------------------------------------------ a trained network

_WEIGHTS = {
    "c1.weight": (6, 1, 5, 5),
    "c1.bias": (6,),
    "c3.weight": (16, 6, 5, 5),
    "c3.bias": (16,),
    "c5.weight": (120, 400),
    "c5.bias": (120,),
    "f6.weight": (84, 120),
    "f6.bias": (84,),
    "output.weight": (10, 84),
    "output.bias": (10,),
    "mean": None,  # one number
    "scale": None,
}


def stored() -> "Reader":
    """Return LeNet-5 as ``benchmarks/lenet_weights.py`` has trained it on MNIST."""
    with np.load(results_dir() / "lenet5_mnist.npz") as file:
        return Reader({name: file[name] for name in file.files})


class Reader:
    """A trained LeNet-5 that is asked about pictures of 28 x 28, white ink on black.

    Parameters
    ----------
    weights : name -> array: what ``state_dict()`` of ``nets.build("lenet5")`` holds,
        and ``mean`` and ``scale`` of the pixels
    """

    def __init__(self, weights: dict):
        if not isinstance(weights, dict):
            raise TypeError(
                "Reader: weights needs a dict, name -> array; got "
                f"{shapes.spoken(weights)}. Take the stored one: lenet.stored()."
            )
        missing = [name for name in _WEIGHTS if name not in weights]
        if missing:
            raise ValueError(f"Reader: weights lacks {', '.join(missing)}.")
        self.w = {}
        for name, one in weights.items():
            said = f"weights[{name!r}]"
            array = real_array(one, "Reader", said)
            with np.errstate(over="ignore"):
                array = array.astype(np.float32)
            shapes.require_in_range(array, "Reader", said)
            if name in _WEIGHTS and _WEIGHTS[name] is not None:
                shapes.require_shape(array, _WEIGHTS[name], "Reader", said)
            elif name in _WEIGHTS and array.size != 1:
                raise ValueError(
                    f"Reader: {said} needs one number; got shape {array.shape}."
                )
            self.w[name] = array

    @classmethod
    def of(cls, run) -> "Reader":
        """Return the reader of a run of ``train.fit("lenet5", ...)``."""
        if not hasattr(run, "net") or not hasattr(run, "state"):
            raise TypeError(
                f"Reader: run needs what train.fit returned; got {shapes.spoken(run)}."
            )
        weights = {name: one.numpy() for name, one in run.net.state_dict().items()}
        pixels = {name: run.state.statistics[name] for name in ("mean", "scale")}
        return cls({**weights, **pixels})

    def layers(self, images) -> dict:
        """Return what each layer gives for uint8 (N, 28, 28): name -> (N, ...).

        ``output`` has the scores, before softmax.
        """
        images = real_array(images, "Reader", "images")
        if images.ndim != 3 or images.shape[1:] != (SIDE, SIDE):
            raise ValueError(
                f"Reader: images need shape (N, 28, 28); got {images.shape}. One "
                "image: image[None]."
            )
        _require_grey(images, "Reader", "images")
        w, border = self.w, (32 - SIDE) // 2
        page = np.pad(images, ((0, 0), (border, border), (border, border)))
        x = (page[:, None] - self.mean) * self.scale
        found = {"input": x}
        for conv, pool in (("c1", "s2"), ("c3", "s4")):
            x = np.tanh(fast.conv2d(x, w[f"{conv}.weight"], w[f"{conv}.bias"]))
            found[conv] = x
            x = found[pool] = fast.avg_pool2d(x, 2)
        x = x.reshape(len(x), math.prod(x.shape[1:]))
        for name in ("c5", "f6"):
            x = found[name] = np.tanh(x @ w[f"{name}.weight"].T + w[f"{name}.bias"])
        found["output"] = x @ w["output.weight"].T + w["output.bias"]
        return found

    @property
    def mean(self):
        return self.w["mean"].reshape(-1)[0]

    @property
    def scale(self):
        return self.w["scale"].reshape(-1)[0]

    def chances(self, images) -> np.ndarray:
        """Return the share of each of ten answers, (N, 10), for uint8 (N, 28, 28)."""
        return ops.softmax(self.layers(images)["output"].astype(float))

    def pull(self, image, towards: int, away: int, seen=None) -> np.ndarray:
        """Return how fast ``score[towards] - score[away]`` grows with every pixel.

        Backpropagation down to the ink: uint8 (28, 28) -> (28, 28), for one grey level.
        ``seen`` is what ``layers`` gave for this image, if it has been asked already.
        """
        image = real_array(image, "pull", "image")
        shapes.require_shape(image, (SIDE, SIDE), "pull", "image")
        towards = shapes.require_int(towards, 0, "pull", "towards", 9)
        away = shapes.require_int(away, 0, "pull", "away", 9)
        if seen is None:
            seen = self.layers(image[None])
        elif not isinstance(seen, dict) or "f6" not in seen or len(seen["f6"]) != 1:
            raise TypeError(
                "pull: seen needs what layers(image[None]) gave; got "
                f"{shapes.spoken(seen)}. Leave it out."
            )
        w = self.w
        d = w["output.weight"][towards] - w["output.weight"][away]
        for name in ("f6", "c5"):
            d = (d * (1 - seen[name][0] ** 2)) @ w[f"{name}.weight"]
        d = d.reshape(seen["s4"].shape)
        for conv, below in (("c3", "s2"), ("c1", "input")):
            d = fast.avg_pool2d_backward(d, seen[conv], 2)
            d = d * (1 - seen[conv] ** 2)
            d = fast.conv2d_backward(d, seen[below], w[f"{conv}.weight"])[0]
        border = (32 - SIDE) // 2
        return d[0, 0, border:-border, border:-border] * self.scale


# ------------------------------------------------------------------ fooling the reader

TARGET, SURE = 8, 0.99


def fooling_drawing(reader: Reader) -> np.ndarray:
    """Return a drawing with little ink that the reader takes for an 8: uint8 (28, 28).

    Ink goes where it lifts the weakest lead over another digit most, one pixel a step;
    then it is taken away again wherever it is not needed.
    """
    if not isinstance(reader, Reader):
        raise TypeError(
            f"fooling_drawing: reader needs a Reader; got {shapes.spoken(reader)}. "
            "Take the stored one: lenet.stored()."
        )
    image = np.zeros((SIDE, SIDE), np.uint8)
    for _ in range(60):
        chances = reader.chances(image[None])[0]
        if chances[TARGET] >= SURE:
            break
        chances[TARGET] = 0
        gain = reader.pull(image, TARGET, int(chances.argmax()))
        gain[image > 0] = -np.inf
        image.flat[gain.argmax()] = 255
    for place in np.flatnonzero(image):
        while image.flat[place]:
            less = image.copy()
            less.flat[place] -= min(32, less.flat[place])
            if reader.chances(less[None])[0, TARGET] < SURE:
                break
            image = less
    return image
