"""LeNet-5, AlexNet, VGG and residual networks in PyTorch, tables next to their papers.

``build(name)`` makes them; ``scene_net()`` is a small network without a paper.
"""

import inspect

from .. import shapes
from . import alexnet as _alexnet
from . import lenet as _lenet
from . import residual as _residual
from . import vgg as _vgg
from .initialise import SCHEMES, initialise
from .layers import Dropout2012, LocalResponseNorm, Network, WithinMapNorm
from .scene import scene_net
from .walk import Layer, table, walk

__all__ = [
    "NAMES",
    "SCHEMES",
    "Dropout2012",
    "Layer",
    "LocalResponseNorm",
    "Network",
    "WithinMapNorm",
    "build",
    "initialise",
    "scene_net",
    "table",
    "walk",
]

# name -> (function, its options in this variant, the images and classes of its paper)
_IMAGENET = {"num_classes": 1000, "image_size": 224, "in_channels": 3}
_DIGITS = {"num_classes": 10, "image_size": 32, "in_channels": 1}
_CIFAR = {"num_classes": 10, "image_size": 32, "in_channels": 3}
_NETWORKS = {
    **{
        name: (_alexnet.alexnet, options, _IMAGENET)
        for name, options in _alexnet.VARIANTS.items()
    },
    "caffe": (
        _alexnet.alexnet,
        _alexnet.VARIANTS["caffe"],
        {**_IMAGENET, "image_size": 227},
    ),
    "cuda-convnet": (_alexnet.cuda_convnet, {}, _CIFAR),
    "residual": (_residual.residual, {}, _CIFAR),
    "plain": (_residual.residual, {"shortcuts": False}, _CIFAR),
    "lenet5": (_lenet.lenet5, {}, _DIGITS),
    "lenet5-1998": (_lenet.lenet5_1998, {}, _DIGITS),
    **{
        name: (_vgg.vgg, {"blocks": blocks}, _IMAGENET)
        for name, blocks in _vgg.CONFIGURATIONS.items()
    },
}
NAMES = tuple(_NETWORKS)


def build(
    name: str,
    *,
    num_classes: int | None = None,
    image_size: int | None = None,
    in_channels: int | None = None,
    **options,
) -> Network:
    """Return the network ``name``, with PyTorch's default weights.

    Parameters
    ----------
    name : one of NAMES
    num_classes, image_size, in_channels : those of its paper by default: 1000 classes
        and 224 pixels for AlexNet and VGG, 10 and 32 for the small ones
    options : those of the network, such as ``towers``, ``norm``, ``width``; they win
        over what the name stands for

    Raises
    ------
    ValueError
        For a name or an option that does not exist; the message lists those that do.

    Examples
    --------
    >>> net = build("lenet5")
    >>> sum(p.numel() for p in net.parameters())
    61706
    """
    shapes.require_choice(name, NAMES, "build", "name")
    function, variant, images = _NETWORKS[name]
    parameters = list(inspect.signature(function).parameters.values())[3:]
    _require_options(name, {p.name: p.default for p in parameters}, options)
    given = {
        "num_classes": num_classes,
        "image_size": image_size,
        "in_channels": in_channels,
    }
    sizes = {
        key: images[key]
        if value is None
        else shapes.require_int(value, 1, "build", key)
        for key, value in given.items()
    }
    return function(**sizes, **{**variant, **options})


def _require_options(name: str, known: dict, options: dict) -> None:
    """Raise unless all ``options`` are known, and True or False where they must be."""
    for option, value in options.items():
        if option not in known:
            listed = ", ".join(known) or "none"
            raise ValueError(
                f"build: {name} has no option {option!r}. Its options: {listed}."
            )
        if isinstance(known[option], bool) and not isinstance(value, bool):
            raise TypeError(
                f"build: {option} must be True or False; got {shapes.spoken(value)}."
            )
