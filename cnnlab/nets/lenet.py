"""LeNet-5: as it is built today, and as it was published in 1998.

Source: LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document
recognition" (Proceedings of the IEEE, 1998), section II-B.
"""

import math
from collections import OrderedDict

from torch import nn

from .. import shapes
from .layers import Network


def lenet5(
    num_classes: int,
    image_size: int,
    in_channels: int,
    *,
    activation: str = "tanh",
    pool: str = "average",
) -> Network:
    """Return LeNet-5 as it is built today: 61,706 trainable values for 10 digits.

    Parameters
    ----------
    image_size : 32 as in the paper; below, 28 say, conv1 adds the missing border
    activation : "tanh" or "relu"
    pool : "average" or "max"

    Notes
    -----
    Unlike the network of 1998, every map of C3 sees all maps of S2, pooling has
    nothing to learn, and the last layer is linear.
    """
    squash = {"tanh": nn.Tanh, "relu": nn.ReLU}
    pools = {"average": nn.AvgPool2d, "max": nn.MaxPool2d}
    shapes.require_choice(activation, tuple(squash), "lenet5", "activation")
    shapes.require_choice(pool, tuple(pools), "lenet5", "pool")
    border = _border(image_size, "lenet5")
    size = ((image_size + 2 * border - 4) // 2 - 4) // 2
    act = activation
    layers = OrderedDict(
        {
            "c1": nn.Conv2d(in_channels, 6, 5, padding=border),  # (N, 6, 28, 28)
            f"{act}1": squash[act](),
            "s2": pools[pool](2),  # (N, 6, 14, 14)
            "c3": nn.Conv2d(6, 16, 5),  # (N, 16, 10, 10)
            f"{act}3": squash[act](),
            "s4": pools[pool](2),  # (N, 16, 5, 5)
            "flatten": nn.Flatten(),
            "c5": nn.Linear(16 * size**2, 120),
            f"{act}5": squash[act](),
            "f6": nn.Linear(120, 84),
            f"{act}6": squash[act](),
            "output": nn.Linear(84, num_classes),
        }
    )
    return Network(layers, (in_channels, image_size, image_size))


def _border(image_size: int, where: str) -> int:
    """Return the zeros on each side that make the image at least 32 pixels wide."""
    image_size = shapes.require_int(image_size, 20, where, "image_size")
    return max(0, math.ceil((32 - image_size) / 2))
