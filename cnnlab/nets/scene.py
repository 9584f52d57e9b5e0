"""A small convolutional network for the generated scenes, of 32 by 32 pixels."""

from collections import OrderedDict

from torch import nn

from .. import shapes
from .layers import Network


def scene_net(num_classes: int = 10) -> Network:
    """Return three layers of filters, then scores, with PyTorch's default weights.

    Examples
    --------
    >>> sum(p.numel() for p in scene_net().parameters())
    34602
    """
    classes = shapes.require_int(num_classes, 1, "scene_net", "num_classes", 10**6)
    layers = OrderedDict(
        conv1=nn.Conv2d(3, 16, 5, stride=2, padding=2),
        relu1=nn.ReLU(),  # (N, 16, 16, 16)
        conv2=nn.Conv2d(16, 32, 3, padding=1),
        relu2=nn.ReLU(),
        pool2=nn.MaxPool2d(2),  # (N, 32, 8, 8)
        conv3=nn.Conv2d(32, 64, 3, padding=1),
        relu3=nn.ReLU(),
        pool3=nn.MaxPool2d(2),  # (N, 64, 4, 4)
        flatten=nn.Flatten(),
        fc4=nn.Linear(64 * 4 * 4, classes),
    )
    return Network(layers, (3, 32, 32))
