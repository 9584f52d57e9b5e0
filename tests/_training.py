"""Small trainings for tests: generated pictures, a tenth-width AlexNet, seconds."""

import hashlib
from importlib.util import find_spec

import numpy as np
import pytest

from cnnlab import data
from cnnlab.train import presets

# For tests that write plain weights: a machine for the engine alone cannot.
SAVES = pytest.mark.skipif(find_spec("safetensors") is None, reason="safetensors")

TINY = presets.load("krizhevsky2012").change(
    crop=32,
    batch=16,
    epochs=3,
    lr=0.01,
    chunk=1,
    drops=(2,),
    precision="fp32",
    init="he",
    unit=True,
    mean="channel",
    options={"width": 0.08, "hidden": 16},
)


def pictures(n: int, seed: int, side: int = 36, classes: int = 3) -> data.Dataset:
    """Return noisy pictures whose class is the channel that is brightest."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    images = rng.integers(0, 120, (n, 3, side, side))
    images[np.arange(n), labels % 3] += 90
    names = tuple("abcdefghij"[:classes])
    return data.Dataset(images.astype(np.uint8), labels, names, "noise", "train")


def pair(n: int = 80, valid: int = 24) -> tuple:
    return pictures(n, 1), pictures(valid, 2)


def digest(net) -> str:
    """Return a digest of all weights, bit for bit."""
    found = hashlib.sha256()
    for name, w in sorted(net.state_dict().items()):
        found.update(name.encode() + w.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()
