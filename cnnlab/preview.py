"""Where this course leads: a small convolutional network that learns from examples.

It comes before its time, for one comparison in notebook 01. Later notebooks build
every part of it; until then it is a box with two functions, ``train`` and ``predict``.
"""

import numpy as np
import torch
from torch import nn

from cnnlab.arrays import as_labels
from cnnlab.shapes import require_axes, require_int, spoken


def train(images, labels, num_classes=10, epochs=4, seed=0) -> nn.Module:
    """Return a network fitted to ``images``, uint8 (N, 3, 32, 32), and ``labels``."""
    x, y = as_input(images), torch.from_numpy(checked(labels, images, num_classes))
    epochs = require_int(epochs, 0, "preview", "epochs")
    seed = require_int(seed, 0, "preview", "seed", 2**63 - 1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build(num_classes)
        update = torch.optim.Adam(network.parameters(), lr=0.003)
        for _ in range(epochs):
            for rows in torch.randperm(len(x)).split(64):
                loss = nn.functional.cross_entropy(network(x[rows]), y[rows])
                update.zero_grad()
                loss.backward()
                update.step()
    return network.eval()


def build(num_classes: int) -> nn.Module:
    """Return an untrained network: three layers of filters, then scores."""
    num_classes = require_int(num_classes, 1, "preview", "num_classes", 10**6)
    return nn.Sequential(
        nn.Conv2d(3, 16, 5, stride=2, padding=2),
        nn.ReLU(),  # (N, 16, 16, 16)
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 32, 8, 8)
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 64, 4, 4)
        nn.Flatten(),
        nn.Linear(64 * 4 * 4, num_classes),
    )


@torch.no_grad()
def scores(network: nn.Module, images: np.ndarray) -> np.ndarray:
    """Return the network's scores (N, K) for uint8 images (N, 3, 32, 32)."""
    if not isinstance(network, nn.Module):
        raise TypeError(
            f"preview: network must come from preview.train; got {spoken(network)}."
        )
    parts = [network(part) for part in as_input(images).split(256)]
    return (
        torch.cat(parts).numpy() if parts else np.zeros((0, network[-1].out_features))
    )


def predict(network: nn.Module, images: np.ndarray) -> np.ndarray:
    """Return the class (N,) with the highest score for each image."""
    return scores(network, images).argmax(axis=1)


def as_input(images: np.ndarray) -> torch.Tensor:
    """Return floats (N, 3, 32, 32) whose mean is 0 in each image and colour."""
    require_axes(
        images, "N, C, H, W", "preview", "images", "Add an axis: images[None]."
    )
    if images.shape[1:] != (3, 32, 32) or images.dtype != np.uint8:
        raise ValueError(
            "preview: images needs uint8 of shape (N, 3, 32, 32); got "
            f"{images.dtype} {images.shape}. Resize them first."
        )
    x = torch.from_numpy(images).float() / 255
    return x - x.mean(dim=(2, 3), keepdim=True)


def checked(labels, images, num_classes: int) -> np.ndarray:
    """Return int64 labels (N,), one for each image, or raise."""
    num_classes = require_int(num_classes, 1, "preview", "num_classes", 10**6)
    return as_labels(labels, num_classes, len(images), "preview", "labels")
