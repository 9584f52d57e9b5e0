"""The widget of notebook 09: a network at work, after every pass of its training."""

import numpy as np

from cnnlab import layers, ops
from cnnlab import plots as p
from cnnlab.widgets._base import Explorer, number


def network_explorer(film, x, images, labels, names, forward_all=layers.forward_all):
    """Return controls for a training: passes, all at first, and the image shown.

    Parameters
    ----------
    film : the network after every pass, its start first
    x : (N, 3, H, W) what the network is given
    images : the same images as uint8, to be shown
    labels, names : of the images, and of the classes
    forward_all : such as a learner's own
    """

    def render(passes, which):
        net = film[passes]
        one = x[which : which + 1]
        maps = [forward_all(one, net[: end + 1])[0][0] for end in _relus(net)]
        scores = np.asarray(forward_all(one, net)[0])
        shares = ops.softmax(scores)[0]
        return p.network_board(images[which], *maps[:2], shares, names, labels[which])

    controls = {
        "passes": number("passes", len(film) - 1, 0, len(film) - 1),
        "which": number("image", 0, 0, len(x) - 1),
    }
    return Explorer(render, controls)


def _relus(net) -> list[int]:
    """Return the places of the layers that follow a convolution."""
    return [
        place + 1
        for place, layer in enumerate(net)
        if layer.weights and layer.weights[0].ndim == 4
    ]
