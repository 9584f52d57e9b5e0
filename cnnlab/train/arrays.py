"""Training in memory: a small network on uint8 arrays, for seconds, not hours.

No store, no checkpoint, no log: ``fit`` has them. Notebook 01 borrows it from the
future, as a box: examples in, classifier out.
"""

import numpy as np
import torch
from torch import nn

from cnnlab import nets
from cnnlab.arrays import as_labels
from cnnlab.shapes import require_axes, require_int, spoken


def on_arrays(
    images, labels, num_classes=10, epochs=4, seed=0, subtract_mean=True
) -> nn.Module:
    """Return a ``nets.scene_net`` fitted to ``images``, uint8 (N, 3, 32, 32).

    Parameters
    ----------
    labels : (N,) integers from 0 to ``num_classes - 1``
    epochs : how often each image is seen, in batches of 64, by Adam
    seed : of weights and order; the same seed gives the same network, and the global
        random numbers stay as they are
    subtract_mean : take from each image the mean of each colour, here and whenever
        the network is asked; False takes one half from every value of every image
    """
    where = "on_arrays"
    x = _as_input(images, where, subtract_mean)
    num_classes = require_int(num_classes, 1, where, "num_classes", 10**6)
    y = torch.from_numpy(as_labels(labels, num_classes, len(x), where, "labels"))
    epochs = require_int(epochs, 0, where, "epochs")
    seed = require_int(seed, 0, where, "seed", 2**63 - 1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = nets.scene_net(num_classes)
        network.subtract_mean = subtract_mean
        update = torch.optim.Adam(network.parameters(), lr=0.003)
        for _ in range(epochs):
            for rows in torch.randperm(len(x)).split(64):
                loss = nn.functional.cross_entropy(network(x[rows]), y[rows])
                update.zero_grad()
                loss.backward()
                update.step()
    return network.eval()


def scores(network: nn.Module, images: np.ndarray) -> np.ndarray:
    """Return the network's scores (N, K) for uint8 images (N, 3, 32, 32)."""
    return _scores(network, images, "scores")


def predict(network: nn.Module, images: np.ndarray) -> np.ndarray:
    """Return the class (N,) with the highest score for each image."""
    return _scores(network, images, "predict").argmax(axis=1)


@torch.no_grad()
def _scores(network, images, where: str) -> np.ndarray:
    if not isinstance(network, nn.Module):
        raise TypeError(
            f"{where}: network must come from train.on_arrays; got {spoken(network)}."
        )
    x = _as_input(images, where, getattr(network, "subtract_mean", True))
    parts = [network(part) for part in x.split(256)]
    return (
        torch.cat(parts).numpy() if parts else np.zeros((0, network[-1].out_features))
    )


def _as_input(images: np.ndarray, where: str, subtract_mean=True) -> torch.Tensor:
    """Return floats (N, 3, 32, 32) around 0, by default in each image and colour."""
    require_axes(images, "N, C, H, W", where, "images", "Add an axis: images[None].")
    if images.shape[1:] != (3, 32, 32) or images.dtype != np.uint8:
        raise ValueError(
            f"{where}: images needs uint8 of shape (N, 3, 32, 32); got "
            f"{images.dtype} {images.shape}. Resize them first."
        )
    x = torch.from_numpy(images).float() / 255
    return x - (x.mean(dim=(2, 3), keepdim=True) if subtract_mean else 0.5)
