"""AlexNet on paper: sizes, weights, arithmetic, memory, and two towers.

Letters: N images, C channels, H rows and W columns. The networks themselves are built
by ``nets``; its ``walk`` and these functions must find the same numbers.
"""

import math

import numpy as np

from . import fast, shapes

IMAGE = (3, 224, 224)  # channels, rows, columns
NAMES = (
    "conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5", "pool5",
    "fc6", "fc7", "fc8",
)  # fmt: skip
# ("conv", filters, window, stride, padding, towers), ("pool", window, stride),
# ("dense", neurons); ReLU, normalisation and dropout have no weights and change no size
ALEXNET = (
    ("conv", 96, 11, 4, 0, 1),
    ("pool", 3, 2),
    ("conv", 256, 5, 1, 2, 2),
    ("pool", 3, 2),
    ("conv", 384, 3, 1, 1, 1),  # sees both towers
    ("conv", 384, 3, 1, 1, 2),
    ("conv", 256, 3, 1, 1, 2),
    ("pool", 3, 2),
    ("dense", 4096),
    ("dense", 4096),
    ("dense", 1000),
)
ANSWERS = 1000  # neurons of the last layer
FLOAT = 4  # bytes
CARD = 3 * 2**30  # bytes of a GTX 580 with 3 GB

# How many layers of `nets.build("alexnet")` give an output of a row's shape: its own,
# and those of the normalisation, the ReLU and the dropout that follow it.
OUTPUTS = (2, 2, 3, 1, 2, 2, 1, 2, 3, 3, 1)


def one_tower(layers=ALEXNET) -> tuple:
    """Return the same rows without towers: every filter sees all maps."""
    return tuple((*row[:5], 1) if row[0] == "conv" else row for row in layers)


# --------------------------------------------------------------- sizes, weights, work

NUMBERS = {"conv": 5, "pool": 2, "dense": 1}  # in a row, after its name


def _require_image(image, where: str) -> tuple:
    """Return (C, H, W), or (D,) after a dense layer, or raise in words."""
    image = tuple(image)
    if len(image) not in (1, 3):
        raise ValueError(f"{where}: image must be (C, H, W); got {image}.")
    return tuple(shapes.require_int(n, 1, where, "image") for n in image)


def _require_shapes(layers, shapes, where: str) -> None:
    if len(layers) != len(shapes):
        raise ValueError(
            f"{where}: {len(layers)} layers, but {len(shapes)} shapes; one after each "
            "layer is needed."
        )


def _require_row(row, number: int, before: tuple) -> tuple:
    """Return a row that can be laid on maps of a shape, or raise in words."""
    where = f"layer {number}"
    kind, *numbers = row if isinstance(row, (tuple, list)) and row else (None,)
    if not isinstance(kind, str) or NUMBERS.get(kind) != len(numbers):
        raise ValueError(
            f"{where} is {row!r}. A row is ('conv', filters, window, stride, padding, "
            "towers), ('pool', window, stride) or ('dense', neurons)."
        )
    if kind != "dense" and len(before) == 1:
        raise ValueError(f"{where}: after a dense layer there are no maps.")
    least = [1, 1, 1, 0, 1]  # only the padding may be 0
    names = {
        "conv": ("filters", "window", "stride", "padding", "towers"),
        "pool": ("window", "stride"),
        "dense": ("neurons",),
    }[kind]
    numbers = [
        shapes.require_int(n, low, where, name)
        for n, low, name in zip(numbers, least, names, strict=False)
    ]
    if kind == "conv" and (before[0] % numbers[4] or numbers[0] % numbers[4]):
        raise ValueError(
            f"{where}: {before[0]} maps and {numbers[0]} filters cannot be divided "
            f"among {numbers[4]} towers."
        )
    return (kind, *numbers)


def layer_shapes(image, layers, round_up=True) -> list[tuple]:
    """Return the shape after each layer.

    Parameters
    ----------
    image : (C, H, W)
    layers : rows like those of ``ALEXNET``
    round_up : a last window may hang over the edge, as in the code of 2012; otherwise
        what is left over is dropped, as in PyTorch

    Examples
    --------
    >>> layer_shapes(IMAGE, ALEXNET[:2]), layer_shapes(IMAGE, ALEXNET[:2], False)
    ([(96, 55, 55), (96, 27, 27)], [(96, 54, 54), (96, 26, 26)])
    """
    shape, found = _require_image(image, "layer_shapes"), []
    for number, row in enumerate(layers, 1):
        kind, *numbers = _require_row(row, number, shape)
        if kind == "dense":
            shape = tuple(numbers)
        else:
            maps, window = shape[0], numbers
            if kind == "conv":
                maps, *window, _ = numbers
            sizes = (shapes.out_size(n, *window, ceil_mode=round_up) for n in shape[1:])
            shape = (maps, *sizes)
        found.append(shape)
    return found


def layer_parameters(image, layers, shapes) -> list[int]:
    """Return the weights and biases of each layer.

    Parameters
    ----------
    image : (C, H, W)
    layers : rows like those of ``ALEXNET``
    shapes : the shape after each layer, as ``layer_shapes`` gives it

    Examples
    --------
    >>> sum(layer_parameters(IMAGE, ALEXNET, layer_shapes(IMAGE, ALEXNET)))
    60965224
    """
    befores, counts = (image, *shapes), []
    _require_shapes(layers, shapes, "layer_parameters")
    for number, (before, row) in enumerate(zip(befores, layers, strict=False), 1):
        kind, *numbers = _require_row(row, number, before)
        if kind == "conv":
            filters, k, _, _, towers = numbers
            counts.append(filters * (before[0] // towers * k * k + 1))
        elif kind == "dense":
            counts.append(numbers[0] * (math.prod(before) + 1))
        else:
            counts.append(0)
    return counts


def layer_macs(image, layers, shapes) -> list[int]:
    """Return the multiply-accumulates of each layer for one image.

    Examples
    --------
    >>> layer_macs(IMAGE, ALEXNET, layer_shapes(IMAGE, ALEXNET))[0]
    105415200
    """
    befores, counts = (image, *shapes), []
    _require_shapes(layers, shapes, "layer_macs")
    rows = zip(befores, shapes, layers, strict=False)
    for number, (before, after, row) in enumerate(rows, 1):
        kind, *numbers = _require_row(row, number, before)
        if kind == "conv":
            _, k, _, _, towers = numbers
            counts.append(math.prod(after) * (before[0] // towers * k * k))
        elif kind == "dense":
            counts.append(math.prod(before) * numbers[0])
        else:
            counts.append(0)
    return counts


def first_layer(image, filters, k, stride) -> int:
    """Return the weights and biases of a convolution, whatever the image's size.

    Examples
    --------
    >>> first_layer(IMAGE, 96, 11, 4)
    34944
    """
    return filters * (image[0] * k * k + 1)


def two_towers(x, w, b, stride=1, padding=0):
    """Convolve in two towers: each half of the filters sees its half of the maps.

    Parameters
    ----------
    x : (N, C, H, W), C even
    w : (F, C / 2, KH, KW), F even
    b : (F,)

    Returns
    -------
    (N, F, OH, OW)
    """
    if x.shape[1] % 2 or len(w) % 2:
        raise ValueError(
            f"two_towers: maps and filters must be even; got {x.shape[1]} and {len(w)}."
        )
    maps, filters = x.shape[1] // 2, len(w) // 2
    a = fast.conv2d(x[:, :maps], w[:filters], b[:filters], stride, padding)
    c = fast.conv2d(x[:, maps:], w[filters:], b[filters:], stride, padding)
    return np.concatenate([a, c], axis=1)


# ------------------------------------------------------------------------- memory


def training_memory(walked, batch: int, image=IMAGE) -> dict[str, tuple[int, int]]:
    """Return the bytes that training takes in each layer with weights.

    Parameters
    ----------
    walked : the layers of a network, as ``nets.walk`` gives them
    batch : images at a time
    image : (C, H, W)

    Returns
    -------
    name -> (weights, their gradients and their momentum; outputs and their gradients,
    with those of the ReLU, pooling and so on that follow the layer). The images come
    first, without gradients.
    """
    batch = shapes.require_int(batch, 1, "training_memory", "batch")
    name = "images"
    found = {name: (0, FLOAT * batch * math.prod(image))}
    for layer in walked:
        if layer.params:
            name = layer.name
            found[name] = (3 * FLOAT * layer.params, 0)
        if layer.kind not in ("ZeroPad2d", "Flatten"):  # the same numbers once more
            weights, outputs = found[name]
            found[name] = (weights, outputs + 2 * batch * layer.bytes)
    return found


# The released code of AlexNet, cuda-convnet with configuration 145: how many numbers it
# holds for each that a row gives out (outputs and gradients of the row and of what
# follows it; what a normalisation divides by, what dropout drops; the softmax) ...
HELD_2012 = (5, 4, 10, 2, 4, 4, 2, 4, 7, 7, 4)
# ... and how many places share a part of a convolution's gradient (partialSum).
PLACES_A_PART = {"conv1": 5, "conv2": 3, "conv3": 13, "conv4": 13, "conv5": 13}


def memory_of_2012(batch: int) -> dict[str, int]:
    """Return the bytes that the released code keeps for AlexNet, if on one card.

    Read from the release of the Computer History Museum, configuration 145, which has
    one layer more than ``ALEXNET``, a second normalisation after conv2. The option
    ``--conserve-mem`` is off, as by default; with it, much is freed on the way. Which
    was used in 2012, the release does not say, and its code may be later than the run.

    ``optimize`` in its layer.py means to let a ReLU share the memory of its input, but
    looks for layers among their names, and finds none: all have memory of their own.
    Dense weights have no separate gradient. conv3 adds up its two inputs one after the
    other, so its parts are half as large as its weights. Left out: what lives for a
    moment, copies that go from card to card, and what the card's own software takes.

    Examples
    --------
    >>> round(sum(memory_of_2012(128).values()) / 2**20)
    3206
    """
    batch = shapes.require_int(batch, 1, "memory_of_2012", "batch")
    sizes = layer_shapes(IMAGE, ALEXNET)
    counts = layer_parameters(IMAGE, ALEXNET, sizes)
    held = sum(n * math.prod(one) for n, one in zip(HELD_2012, sizes, strict=True))
    weights = parts = 0
    for name, row, shape, count in zip(NAMES, ALEXNET, sizes, counts, strict=True):
        dense_weights = count - row[1] if row[0] == "dense" else 0
        weights += 3 * count - dense_weights
        if name in PLACES_A_PART:
            places = math.prod(shape[1:]) // PLACES_A_PART[name]
            inputs = 2 if name == "conv3" else 1
            parts += places * (count - row[1]) // inputs
    return {
        "outputs and gradients": FLOAT * batch * held,
        "weights and momentum": FLOAT * weights,
        "parts of gradients": FLOAT * parts,
        "two batches of images": FLOAT * batch * 2 * math.prod(IMAGE),
    }


# ------------------------------------------------------------------------- half of it


def halved(layers) -> list:
    """Return rows with at most half the parameters and all the old shapes.

    A wide dense layer is replaced by two, with a narrow one between: 9,216 numbers
    become 1,024, and those 4,096.
    """
    layers = list(layers)
    for at in (9, 8):  # fc7, then fc6
        layers.insert(at, ("dense", 1024))
    return layers
