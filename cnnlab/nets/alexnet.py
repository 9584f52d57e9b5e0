"""AlexNet as it was run in 2012, its relatives, and its small ancestor, as tables.

Sources: Krizhevsky, Sutskever, Hinton, "ImageNet classification with deep
convolutional neural networks" (NIPS 2012), section 3; the code and the run logs its
authors released (cuda-convnet, configuration 145); Krizhevsky, "One weird trick for
parallelizing convolutional neural networks" (2014); Caffe's ``bvlc_alexnet``;
torchvision's ``alexnet``. A layer carries the number of the convolution or the fully
connected layer it belongs to: the third pooling is ``pool5``.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from torch import nn

from .. import shapes
from .layers import LocalResponseNorm, Network, WithinMapNorm, dropout_layer


class Row(NamedTuple):
    """One convolution, and what follows it."""

    window: tuple[int, int, int] | None  # its side, stride, padding
    sees_both: bool  # the maps of both towers, or those of its own only
    as_run: str  # configuration 145
    as_written: str  # the paper, section 3.5
    pool_first: str  # Caffe's CaffeNet: four times fewer values to normalise


# fmt: off
LAYERS = (
    #   window     sees both  as it was run            as the paper writes it
    Row(None,      True,      "norm pool relu",        "relu norm pool",  # see STEMS
        "pool relu norm"),
    Row((5, 1, 2), False,     "relu norm within pool", "relu norm within pool",
        "pool relu norm within"),
    Row((3, 1, 1), True,      "relu",                  "relu", "relu"),
    Row((3, 1, 1), False,     "relu",                  "relu", "relu"),
    Row((3, 1, 1), False,     "pool relu",             "relu pool", "pool relu"),
)

ORDERS = ("as-run", "as-written", "pool-first")

# Images of at least so many pixels -> window, stride, padding of conv1. All else stays,
# and at least 3x3 values of a map reach fc6 (rounded down, from 31 pixels on).
STEMS = {
    24:  (5, 1, 2),
    64:  (6, 2, 2),
    128: (11, 4, 0),  # the paper's, for 224 pixels (Caffe's for 227)
}

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh}
FILTERS_2012 = (96, 256, 384, 384, 256)  # of both towers together
FILTERS_2014 = (64, 192, 384, 256, 256)

VARIANTS = {
    # as it was run: 60,965,224 trainable values
    "alexnet": {"filters": FILTERS_2012, "towers": 2},
    # without towers: 62,378,344
    "alexnet-one-tower": {"filters": FILTERS_2012, "towers": 1},
    # one tower of half the width, but with a whole conv5: the paper, 3.2, footnote
    "alexnet-half": {"filters": (48, 128, 192, 192, 256), "towers": 1},
    # bvlc_alexnet: the paper's order; LRN with k = 1 and across both towers
    "caffe": {"filters": FILTERS_2012, "towers": 2, "order": "as-written",
              "norm_k": 1.0, "norm_across": True},
    # one weird trick on one GPU: 61,100,840
    "owt2014": {"filters": FILTERS_2014, "towers": 1},
    # torchvision: the filters of 2014, no LRN, sizes rounded down, dropout goes first
    "alexnet-torchvision": {"filters": FILTERS_2014, "towers": 1, "norm": "none",
                            "order": "as-written", "dropout_first": True,
                            "stems": {**STEMS, 128: (11, 4, 2)}, "round_up": False},
}
# fmt: on


def alexnet(
    num_classes: int,
    image_size: int,
    in_channels: int,
    *,
    filters: tuple[int, ...] = FILTERS_2012,
    towers: int = 2,
    talking: bool = True,
    activation: str = "relu",
    order: str = "as-run",
    norm: str = "lrn",
    norm_alpha: float = 1e-4,
    norm_k: float = 2.0,
    norm_across: bool = False,
    within_map_norm: bool = False,
    width: float = 1.0,
    hidden: int = 4096,
    pool: tuple[int, int] = (3, 2),
    dropout: float = 0.5,
    inverted_dropout: bool = True,
    dropout_first: bool = False,
    stems: dict = STEMS,
    round_up: bool = True,
) -> Network:
    """Return five convolutions and three fully connected layers.

    Parameters
    ----------
    filters : of conv1 ... conv5, both towers together; ``width`` multiplies them
    towers : 2: conv2, conv4, conv5 and LRN see only the maps of their own half
    talking : False: conv3 too; the towers then meet in fc6 only
    activation : "relu" or "tanh", of all layers
    order : "as-run" (conv-norm-pool-ReLU in layer 1), "as-written" in the paper, or
        "pool-first", as in Caffe's CaffeNet
    norm : "lrn", "batch" (after every convolution, which then has no bias; after its
        pooling if that comes first), "none"
    norm_alpha, norm_k : LRN's constants; inputs s times smaller need an alpha s**2
        times larger for the same competition
    norm_across : whether LRN looks into the other tower too
    within_map_norm : the extra layer of configuration 145 after the second LRN
    hidden : units of fc6 and of fc7
    pool : window and stride
    dropout, inverted_dropout : share of zeros; today's form, or that of 2012
    dropout_first : before fc6 and fc7 instead of after them
    stems : like STEMS
    round_up : sizes as in 2012: 55 from 224, by three rows and columns of zeros at the
        bottom and the right (``pad1``); otherwise the rest is cut off: 54

    Notes
    -----
    fc6 and fc7 lay in two halves on the two GPUs, but each saw everything: one layer.
    """
    towers = shapes.require_int(towers, 1, "alexnet", "towers", 2)
    pool = _numbers(pool, 2, "pool", "window and stride, such as (3, 2)")
    lrn_groups = 1 if norm_across else towers
    lrn = {"alpha": norm_alpha, "k": norm_k, "groups": lrn_groups}
    after = _followers(activation, norm, lrn, within_map_norm, pool, round_up)

    layers, channels, size = OrderedDict(), in_channels, image_size
    counts = _widened(filters, width, towers)
    for n, (row, count) in enumerate(zip(LAYERS, counts, strict=True), 1):
        window = row.window or stem(image_size, stems)
        groups = 1 if row.sees_both and (talking or n == 1) else towers
        size, border = _covered(size, window, round_up)
        if border:
            layers[f"pad{n}"] = nn.ZeroPad2d((0, border, 0, border))
        layers[f"conv{n}"] = nn.Conv2d(
            channels, count, *window, groups=groups, bias=norm != "batch"
        )
        channels = count
        for word in _order(row, order, norm):
            if word in after:
                name = activation if word == "relu" else word
                layers[f"{name}{n}"] = after[word](channels)
            if word == "pool":
                size = shapes.out_size(size, *pool, ceil_mode=round_up)
    layers["flatten"] = nn.Flatten()
    drop = dropout_layer(dropout, inverted_dropout)
    layers |= head(
        (channels * size**2, hidden, num_classes), drop, dropout_first, activation
    )
    return Network(layers, (in_channels, image_size, image_size))


def stem(image_size: int, stems: dict = STEMS) -> tuple[int, int, int]:
    """Return window, stride and padding of conv1 for images of this size.

    Examples
    --------
    >>> stem(224), stem(48)
    ((11, 4, 0), (5, 1, 2))
    """
    if not isinstance(stems, dict) or not stems:
        raise ValueError(
            "alexnet: stems needs {smallest side: (window, stride, padding)}, like "
            f"STEMS; got {shapes.spoken(stems)}."
        )
    image_size = shapes.require_int(image_size, min(stems), "alexnet", "image_size")
    return stems[max(side for side in stems if side <= image_size)]


def _order(row: Row, order: str, norm: str) -> list[str]:
    """Return what follows a convolution; batch normalisation comes before the ReLU."""
    shapes.require_choice(order, ORDERS, "alexnet", "order")
    words = getattr(row, order.replace("-", "_"))
    if norm == "batch":
        both = "pool norm relu" if order == "pool-first" else "norm pool relu"
        words = both if "pool" in words else "norm relu"
    return words.split()


def _widened(filters: tuple[int, ...], width: float, towers: int) -> list[int]:
    """Return the filters times ``width``, equally many in each tower."""
    filters = _numbers(filters, 5, "filters", "those of conv1 to conv5")
    width = shapes.require_number(width, 0, "alexnet", "width")
    if not width:
        raise ValueError("alexnet: width must be above 0; got 0.")
    return [towers * max(1, round(count * width / towers)) for count in filters]


def _numbers(value, count: int, name: str, meaning: str) -> tuple[int, ...]:
    """Return ``value`` as ``count`` whole numbers, or raise."""
    if not isinstance(value, (tuple, list)) or len(value) != count:
        raise ValueError(
            f"alexnet: {name} needs {count} numbers, {meaning}; got "
            f"{shapes.spoken(value)}."
        )
    return tuple(shapes.require_int(n, 1, "alexnet", name) for n in value)


def _covered(size: int, window: tuple[int, int, int], round_up: bool):
    """Return the output size and the zeros missing at the right and the bottom."""
    kernel_size, stride, padding = window
    out = shapes.out_size(size, *window, ceil_mode=round_up)
    return out, max(0, (out - 1) * stride + kernel_size - size - 2 * padding)


def _followers(
    activation: str, norm: str, lrn: dict, within: bool, pool, round_up: bool
) -> dict[str, Callable[[int], nn.Module]]:
    """Return what the words of ORDERS stand for: functions of the number of maps."""
    shapes.require_choice(norm, ("lrn", "batch", "none"), "alexnet", "norm")
    shapes.require_choice(activation, tuple(ACTIVATIONS), "alexnet", "activation")
    after = {
        "relu": lambda maps: ACTIVATIONS[activation](),
        "pool": lambda maps: nn.MaxPool2d(*pool, ceil_mode=round_up),
    }
    if norm == "lrn":
        after["norm"] = lambda maps: LocalResponseNorm(**lrn)
    if norm == "batch":
        after["norm"] = nn.BatchNorm2d
    if within:
        after["within"] = lambda maps: WithinMapNorm()
    return after


def head(
    sizes: tuple[int, int, int],
    drop: Callable[[], nn.Module],
    dropout_first: bool = False,
    activation: str = "relu",
) -> OrderedDict:
    """Return fc6, fc7 and fc8 with ReLU (or tanh) and dropout between them.

    ``sizes`` are the values that reach fc6, the hidden units, and the classes.
    """
    features, hidden, num_classes = sizes
    hidden = shapes.require_int(hidden, 1, "build", "hidden")
    layers = OrderedDict()
    for n, inputs in ((6, features), (7, hidden)):
        if dropout_first:
            layers[f"drop{n - 1}"] = drop()
        layers[f"fc{n}"] = nn.Linear(inputs, hidden)
        layers[f"{activation}{n}"] = ACTIVATIONS[activation]()
        if not dropout_first:
            layers[f"drop{n}"] = drop()
    layers["fc8"] = nn.Linear(hidden, num_classes)
    return layers


# The example layers-18pct: filters, pooling, and what comes first. A maximum and a
# rising function change places, so pooling first is the same and cheaper.
CUDA_CONVNET = (
    (32, nn.MaxPool2d, ("pool", "act")),
    (32, nn.AvgPool2d, ("act", "pool")),
    (64, nn.AvgPool2d, ("act", "pool")),
)


def cuda_convnet(
    num_classes: int, image_size: int, in_channels: int, *, activation: str = "relu"
) -> Network:
    """Return the four-layer network of cuda-convnet for images of 32 pixels.

    Parameters
    ----------
    activation : "relu" or "tanh", for the race of the paper's figure 1

    Notes
    -----
    Without the two normalisations of the example; sizes are rounded up as there: 32,
    16, 8, 4. Which four layers figure 1 used, the paper does not say.
    """
    shapes.require_choice(activation, tuple(ACTIVATIONS), "cuda-convnet", "activation")
    size = shapes.require_int(image_size, 8, "cuda-convnet", "image_size")
    layers, channels = OrderedDict(), in_channels
    for n, (filters, pool, order) in enumerate(CUDA_CONVNET, 1):
        layers[f"conv{n}"] = nn.Conv2d(channels, filters, 5, padding=2)
        follow = {
            "act": (f"{activation}{n}", ACTIVATIONS[activation]()),
            "pool": (f"pool{n}", pool(3, 2, ceil_mode=True)),
        }
        layers |= (follow[word] for word in order)
        channels, size = filters, shapes.out_size(size, 3, 2, ceil_mode=True)
    layers["flatten"] = nn.Flatten()
    layers["fc4"] = nn.Linear(channels * size**2, num_classes)
    return Network(layers, (in_channels, image_size, image_size))
