"""One visible training loop: recipes as data, exact resume, on CPU or many GPUs.

``fit(preset, data, out)`` trains; ``python -m cnnlab.train`` does it from the command
line. Read ``loop.py`` first. ``on_arrays(images, labels)`` trains a small network
in memory, for seconds.
"""

from cnnlab.train._errors import TrainError
from cnnlab.train.arrays import on_arrays, predict, scores
from cnnlab.train.evaluate import accuracy
from cnnlab.train.loop import Run, fit
from cnnlab.train.presets import PRESETS, Preset
from cnnlab.train.ready import Shipped, shipped, shipped_names
from cnnlab.train.runs import evaluate_run, load
from cnnlab.train.trials import small, small_net

__all__ = [
    "PRESETS", "Preset", "Run", "Shipped", "TrainError", "accuracy", "evaluate_run",
    "fit", "load", "on_arrays", "predict", "scores", "shipped", "shipped_names",
    "small", "small_net",
]  # fmt: skip
