"""LeNet-5 on paper: sizes, weights, a drawing made ready, and what is read in it.

Letters: N images, C channels, H rows, W columns. The network itself is built and
trained by ``nets`` and ``train``; a :class:`Reader` asks a trained one, in NumPy.
"""

import math

import numpy as np

from . import fast, ops, shapes
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
    shape, found = tuple(image), []
    for kind, *numbers in layers:
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
    before, counts = tuple(image), []
    for layer, shape in zip(layers, lenet_shapes(image, layers), strict=True):
        if layer[0] == "conv":
            counts.append(layer[1] * (before[0] * layer[2] ** 2 + 1))
        elif layer[0] == "pool":
            counts.append(0)
        else:
            counts.append(layer[1] * (math.prod(before) + 1))
        before = shape
    return counts


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
    total = 4 * ops.avg_pool2d(x, 2)  # (N, C, H / 2, W / 2)
    return total * w[:, None, None] + b[:, None, None]


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
    rows, columns = np.indices(v.shape)
    return float((rows * v).sum() / v.sum()), float((columns * v).sum() / v.sum())


def centred(image) -> np.ndarray:
    """Shift an image by whole pixels, so that its ink lies about its middle.

    What leaves on one side comes in on the other.
    """
    image = np.asarray(image)
    height, width = image.shape
    row, column = centre_of_mass(image)
    down = round((height - 1) / 2 - row)
    right = round((width - 1) / 2 - column)
    return np.roll(image, (down, right), axis=(0, 1))


def prepared(drawing) -> np.ndarray:
    """Return a drawing as MNIST's makers prepared theirs: uint8 (28, 28).

    The ink is cut out, shrunk or enlarged until its longer side has 20 pixels, and
    laid into 28 x 28 with its centre of mass in the middle. A blank drawing stays so.

    Parameters
    ----------
    drawing : (H, W) of any size, ink above 0, 255 is full
    """
    drawing = real_array(drawing, "prepared", "drawing").astype(float)
    shapes.require_axes(drawing, "H, W", "prepared", "drawing")
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
    drawing = real_array(drawing, "squeezed", "drawing").astype(float)
    shapes.require_axes(drawing, "H, W", "squeezed", "drawing")
    small = _areas(drawing.shape[0], SIDE) @ drawing @ _areas(drawing.shape[1], SIDE).T
    return np.clip(small, 0, 255).round().astype(np.uint8)


def _areas(n: int, m: int) -> np.ndarray:
    """Return the (m, n) matrix that takes means over n / m pixels at a time."""
    edges = np.arange(m + 1) * n / m
    low, high = edges[:-1, None], edges[1:, None]
    pixel = np.arange(n)
    overlap = np.minimum(high, pixel + 1) - np.maximum(low, pixel)
    return np.clip(overlap, 0, None) * m / n


def _ink(image, where: str) -> np.ndarray:
    v = real_array(image, where, "image").astype(float)
    shapes.require_axes(v, "H, W", where, "image")
    if v.size and v.min() < 0:
        raise ValueError(f"{where}: image needs ink of 0 or more; got {v.min():g}.")
    if not v.any():
        raise ValueError(f"{where}: image has no ink, so its ink has no centre.")
    return v


# ------------------------------------------------------------------ a trained network


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
        self.w = {name: np.asarray(one, np.float32) for name, one in weights.items()}

    @classmethod
    def of(cls, run) -> "Reader":
        """Return the reader of a run of ``train.fit("lenet5", ...)``."""
        weights = {name: one.numpy() for name, one in run.net.state_dict().items()}
        pixels = {name: run.state.statistics[name] for name in ("mean", "scale")}
        return cls({**weights, **pixels})

    def layers(self, images) -> dict:
        """Return what each layer gives for uint8 (N, 28, 28): name -> (N, ...).

        ``output`` has the scores, before softmax.
        """
        images = np.asarray(images)
        if images.ndim != 3 or images.shape[1:] != (SIDE, SIDE):
            raise ValueError(
                f"Reader: images need shape (N, 28, 28); got {images.shape}. One "
                "image: image[None]."
            )
        w, border = self.w, (32 - SIDE) // 2
        page = np.pad(images, ((0, 0), (border, border), (border, border)))
        x = (page[:, None] - self.mean) * self.scale
        found = {"input": x}
        for conv, pool in (("c1", "s2"), ("c3", "s4")):
            x = np.tanh(fast.conv2d(x, w[f"{conv}.weight"], w[f"{conv}.bias"]))
            found[conv] = x
            x = found[pool] = fast.avg_pool2d(x, 2)
        x = x.reshape(len(x), -1)
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
        w, seen = self.w, seen or self.layers(np.asarray(image)[None])
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
