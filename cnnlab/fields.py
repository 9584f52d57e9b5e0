"""What a unit of a stack of convolutions and poolings sees: in theory, and in effect.

A stack is a list of :class:`Layer`, the first one first, written in short as
``conv 3, pool 3/2, conv 5``. Nothing is padded, so every unit sees real pixels only.
"""

import re
from typing import NamedTuple

import numpy as np

from . import arrays, fast, shapes

_LAYER = r"(conv|pool) *([0-9]{1,3})(?: */ *([0-9]{1,3}))?"
CHANNELS = 4  # filters of every convolution whose effective field is measured


class Layer(NamedTuple):
    """One step of a stack: ``kind`` is "conv" or "pool"."""

    kind: str
    kernel_size: int
    stride: int

    @property
    def row(self) -> tuple[int, int, int, int]:
        """(kernel_size, stride, padding, dilation), as `receptive_field` takes it."""
        return self.kernel_size, self.stride, 0, 1

    def __str__(self) -> str:
        usual = 1 if self.kind == "conv" else self.kernel_size
        step = "" if self.stride == usual else f"/{self.stride}"
        return f"{self.kind} {self.kernel_size}{step}"


def read_stack(text: str) -> list[Layer]:
    """Return the layers that a text names; a stride is written behind a slash.

    Without one, the windows of a convolution move by 1, those of a pooling touch.

    Examples
    --------
    >>> [str(layer) for layer in read_stack("conv 5/2, pool 2, pool 3/2")]
    ['conv 5/2', 'pool 2', 'pool 3/2']
    >>> read_stack("conv three")
    Traceback (most recent call last):
        ...
    ValueError: read_stack: a layer is written as conv 3, pool 2 or pool 3/2 (window, \
stride); got 'conv three'.
    """
    if not isinstance(text, str):
        got = shapes.spoken(text)
        raise TypeError(f"read_stack: a stack is written as a text; got {got}.")
    layers = []
    for part in filter(None, map(str.strip, text.split(","))):
        found = re.fullmatch(_LAYER, part)
        if found is None or not int(found[2]) or found[3] and not int(found[3]):
            raise ValueError(
                "read_stack: a layer is written as conv 3, pool 2 or pool 3/2 (window, "
                f"stride); got {shapes.spoken(part)}."
            )
        kind, window = found[1], int(found[2])
        usual = 1 if kind == "conv" else window
        layers.append(Layer(kind, window, int(found[3]) if found[3] else usual))
    return layers


def map_sizes(n: int, layers) -> list[int]:
    """Return the side of the map after every layer, that of the image first.

    Examples
    --------
    >>> map_sizes(28, read_stack("conv 3, pool 2"))
    [28, 26, 13]
    """
    sizes = [shapes.require_int(n, 1, "map_sizes", "n")]
    for layer in _layers(layers, "map_sizes"):
        sizes.append(shapes.out_size(sizes[-1], layer.kernel_size, layer.stride))
    return sizes


def _layers(layers, where: str) -> list[Layer]:
    """Return a stack as a list, or say how it is made."""
    layers = list(layers) if isinstance(layers, (list, tuple)) else None
    if layers is None or not all(isinstance(one, Layer) for one in layers):
        raise TypeError(
            f"{where}: layers needs a list of Layer; make one of a text: "
            'read_stack("conv 3, pool 2").'
        )
    for number, layer in enumerate(layers, 1):
        name = f"of layer {number}"
        shapes.require_choice(layer.kind, ("conv", "pool"), where, f"kind {name}")
        shapes.require_int(layer.kernel_size, 1, where, f"kernel_size {name}")
        shapes.require_int(layer.stride, 1, where, f"stride {name}")
    return layers


def effective_field(patch, layers, draws: int = 4, seed: int = 0) -> np.ndarray:
    """Return how much every pixel of a unit's receptive field moves the unit.

    The mean of the absolute gradient over networks with random weights (He's size,
    ReLU after every convolution, no bias), each scaled to a sum of 1.

    Parameters
    ----------
    patch : (C, R, R), the pixels that the unit sees, exactly
    draws : how many networks
    seed : of their weights

    Returns
    -------
    (R, R), with a sum of 1; zeros where no network lets any blame through
    """
    where = "effective_field"
    patch = arrays.as_numbers(patch, "C, R, R", where, "patch")
    shapes.require_int(len(patch), 1, where, "the number of channels of patch")
    layers, seed = _layers(layers, where), shapes.require_seed(seed, where)
    size = shapes.receptive_field([layer.row for layer in layers]).size
    shapes.require_shape(patch, (len(patch), size, size), where, "patch")
    total = np.zeros((size, size))
    for draw in range(shapes.require_int(draws, 1, where, "draws")):
        moved = _gradient(patch[None], layers, np.random.default_rng([seed, draw]))
        total += moved / (moved.sum() or 1)
    return total / (total.sum() or 1)


def _gradient(x, layers, rng) -> np.ndarray:
    """Return the absolute gradient of the one unit on top, summed over colours."""
    kept = []
    for kind, k, stride in layers:
        if kind == "pool":
            kept.append((x, None, None))
            x = fast.max_pool2d(x, k, stride)
            continue
        fan_in = x.shape[1] * k * k
        w = rng.normal(0, np.sqrt(2 / fan_in), (CHANNELS, x.shape[1], k, k))
        net = fast.conv2d(x, w, stride=stride)
        kept.append((x, w, net))
        x = np.maximum(net, 0)
    d = np.ones_like(x)
    for (kind, k, stride), (x, w, net) in zip(layers[::-1], kept[::-1], strict=True):
        if kind == "pool":
            d = fast.max_pool2d_backward(d, x, k, stride)
        else:
            d = fast.conv2d_backward(d * (net > 0), x, w, stride)[0]
    return np.abs(d).sum(axis=(0, 1))


def middle_share(field: np.ndarray) -> float:
    """Return how much of a square field lies in the middle quarter of its area.

    A field of zeros has 0 there.

    Examples
    --------
    >>> middle_share(np.ones((6, 6)))
    0.25
    """
    field = arrays.as_numbers(field, "R, R", "middle_share", "field")
    size = shapes.require_int(len(field), 1, "middle_share", "the number of rows")
    shapes.require_shape(field, (size, size), "middle_share", "field")
    if field.min() < 0:
        raise ValueError(
            "middle_share: field needs numbers of 0 or more; got "
            f"{field.min():g}. Take their sizes: np.abs(field)."
        )
    field = field / (field.max() or 1)  # so that no sum leaves the range of a float
    low, high = size / 4, 3 * size / 4
    pixel = np.arange(size)
    inside = np.clip(np.minimum(pixel + 1, high) - np.maximum(pixel, low), 0, 1)
    return float(inside @ field @ inside / (field.sum() or 1))


def padded_pool(x, kernel_size, stride, padding):
    """Return max pooling of (N, C, H, W) with a border that never wins."""
    x = arrays.as_numbers(x, "N, C, H, W", "padded_pool", "x")
    kernel_size = shapes.require_int(kernel_size, 1, "padded_pool", "kernel_size")
    stride = shapes.require_int(stride, 1, "padded_pool", "stride")
    p = shapes.require_int(padding, 0, "padded_pool", "padding", kernel_size // 2)
    n, c, height, width = x.shape
    padded = np.full((n, c, height + 2 * p, width + 2 * p), -np.inf)
    padded[:, :, p : p + height, p : p + width] = x
    rows = shapes.out_size(height, kernel_size, stride, p)
    columns = shapes.out_size(width, kernel_size, stride, p)
    out = np.empty((n, c, rows, columns))
    for i in range(rows):
        for j in range(columns):
            top, left = i * stride, j * stride
            window = padded[:, :, top : top + kernel_size, left : left + kernel_size]
            out[:, :, i, j] = window.max(axis=(2, 3))
    return out


def far_sight() -> str:
    """Return a stack of 8,528 weights, by the rules of notebook 08 as few as can be.

    Steps of 2 come early, when a layer costs little; windows of 2, late, add most for
    each weight; and the poolings, which cost nothing, widen the field the more the
    larger the jump is when they come.
    """
    return ", ".join(
        ["conv 2/2, conv 2/2, pool 3/2, pool 3/1, pool 3/1", *["conv 2"] * 7]
    )
