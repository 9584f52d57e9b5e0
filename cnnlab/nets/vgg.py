"""The VGG networks, from the table of their paper.

Source: Simonyan, Zisserman, "Very deep convolutional networks for large-scale image
recognition" (ICLR 2015), table 1: columns A to E.
"""

import re
from collections import OrderedDict

from torch import nn

from .. import shapes
from .alexnet import head
from .layers import LocalResponseNorm, Network, dropout_layer

# Blocks between max poolings. A number is a 3x3 convolution with so many filters,
# 1:256 a 1x1 convolution, and LRN a local response normalisation.
CONFIGURATIONS = {
    "vgg-a": "64 | 128 | 256 256 | 512 512 | 512 512",
    "vgg-a-lrn": "64 LRN | 128 | 256 256 | 512 512 | 512 512",
    "vgg-b": "64 64 | 128 128 | 256 256 | 512 512 | 512 512",
    "vgg-c": "64 64 | 128 128 | 256 256 1:256 | 512 512 1:512 | 512 512 1:512",
    "vgg-d": "64 64 | 128 128 | 256 256 256 | 512 512 512 | 512 512 512",
    "vgg-e": "64 64 | 128 128 | 256 256 256 256 | 512 512 512 512 | 512 512 512 512",
}


def vgg(
    num_classes: int,
    image_size: int,
    in_channels: int,
    *,
    blocks: str,
    hidden: int = 4096,
    dropout: float = 0.5,
    inverted_dropout: bool = True,
) -> Network:
    """Return blocks of 3x3 convolutions and three fully connected layers.

    Parameters
    ----------
    blocks : like a row of CONFIGURATIONS
    image_size : at least 32; five poolings leave a 32nd of it
    hidden : units of fc6 and of fc7

    Notes
    -----
    Five poolings, dropout and three fully connected layers as in the paper. Its LRN
    is AlexNet's (section 2.1): size 5, alpha 1e-4, beta 0.75, k 2.
    """
    if not re.fullmatch(r"( *(([1-9]:)?[1-9]\d*|LRN|\|))+ *", str(blocks)):
        raise ValueError(
            "vgg: blocks needs numbers of filters, with | for a pooling, such as "
            f"'64 | 128 1:128 LRN'; got {shapes.spoken(blocks)}."
        )
    parts = blocks.split("|")
    size = shapes.require_int(image_size, 2 ** len(parts), "vgg", "image_size")
    layers, channels = OrderedDict(), in_channels
    for block, words in enumerate(parts, 1):
        for n, word in enumerate(words.split(), 1):
            if word == "LRN":
                first = f"norm{block}"
                name = f"{first}_{n}" if first in layers else first
                layers[name] = LocalResponseNorm()
                continue
            side, _, filters = word.rpartition(":")
            window = int(side or 3)
            layers[f"conv{block}_{n}"] = nn.Conv2d(
                channels, int(filters), window, padding=shapes.same_padding(window)
            )
            layers[f"relu{block}_{n}"] = nn.ReLU()
            channels = int(filters)
        layers[f"pool{block}"] = nn.MaxPool2d(2)
        size //= 2
    layers["flatten"] = nn.Flatten()
    drop = dropout_layer(dropout, inverted_dropout)
    layers |= head((channels * size**2, hidden, num_classes), drop)
    return Network(layers, (in_channels, image_size, image_size))
