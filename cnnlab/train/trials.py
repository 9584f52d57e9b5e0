"""A small AlexNet trained in seconds, one ingredient at a time: for notebook 12.

Twenty patches of each of ten photographs that come with the course, 28 pixels wide; the
network is to say from which photograph a patch comes. It sees crops of 24 pixels, and
is judged on patches of other parts of the photographs.
"""

import functools
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from cnnlab import augment, data, nets, recipe, shapes

SIDE, CROP, PER_CLASS, HELD = 28, 24, 20, 40  # pixels; patches of each photograph
MEAN, SPREAD = 118.0, 60.0  # of grey levels: the mean is taken off, then divided
CUT = 0.75  # of the steps: then the rate falls to a tenth
MOST_PASSES = 60

# name -> (start value, what is allowed); the start is AlexNet's recipe, smaller
SETTINGS = {
    "activation": ("relu", ("relu", "tanh")),
    "norm": ("none", ("none", "lrn")),
    "pool": ((3, 2), ((3, 2), (2, 2))),  # window, stride
    "towers": (2, (1, 2)),
    "crops": (True, (True, False)),
    "flip": (True, (True, False)),
    "colour": (0.0, (0.0, 1.0)),  # numbers: from, to
    "dropout": (0.0, (0.0, 0.9)),
    "decay": (5e-4, (0.0, 0.1)),
    "start": ("he", ("he", "torch", "paper", "cifar2012")),  # or a number: he's times
    "rate": (0.01, (0.0, 1.0)),
    "momentum": (0.9, (0.0, 0.99)),
    "batch": (20, (1, 200)),
    "views": (1, (1, 10)),  # crops whose answers are averaged, held out
}


class Small(NamedTuple):
    """A training in small.

    Attributes
    ----------
    net : the trained network, in evaluation mode
    losses : one a step
    error_on_training : share of wrong answers on the centres of the training patches
    error : on the held-out ones: their centres, or the mean answer of ten crops
    """

    net: nn.Module
    losses: list
    error_on_training: float
    error: float


@functools.cache
def patches() -> tuple:
    """Return (training, held-out) patches: data sets of 28 × 28 pixels."""
    part = data.load("patches", size=SIDE, per_class=PER_CLASS)
    return part, data.load("patches", "test", size=SIDE, per_class=HELD)


def small_settings(changes: dict) -> dict:
    """Return all settings, ``changes`` among them, or say which one cannot be."""
    unknown = set(changes) - set(SETTINGS)
    if unknown:
        raise ValueError(
            f"small: there is no setting {', '.join(sorted(unknown))}; there are "
            f"{', '.join(SETTINGS)}."
        )
    found = {name: start for name, (start, _) in SETTINGS.items()} | changes
    for name, value in found.items():
        found[name] = _require(name, value, SETTINGS[name][1])
    return found


def _require(name: str, value, allowed):
    if name == "pool" and isinstance(value, list):
        value = tuple(value)
    number = not isinstance(value, (str, bool, tuple))
    if name == "batch":
        return shapes.require_int(value, *allowed[:1], "small", name, allowed[1])
    if name == "start" and number:
        return shapes.require_number(value, 0, "small", name)
    if isinstance(allowed[0], float):
        value = shapes.require_number(value, allowed[0], "small", name)
        if value > allowed[1]:
            raise ValueError(f"small: {name} may be at most {allowed[1]}; got {value}.")
        return value
    if value not in allowed or isinstance(value, bool) != isinstance(allowed[0], bool):
        words = ", ".join(map(repr, allowed))
        raise ValueError(f"small: {name} is one of {words}; got {value!r}.")
    return value


def small_net(seed: int = 0, **changes) -> nn.Module:
    """Return the untrained network of these settings."""
    settings = small_settings(changes)
    kept = {n: settings[n] for n in ("activation", "norm", "pool", "towers", "dropout")}
    with torch.random.fork_rng(devices=[]):  # PyTorch draws weights, which are replaced
        net = nets.build(
            "alexnet", num_classes=10, image_size=CROP, width=0.1, hidden=64,
            norm_alpha=0.4, norm_k=1.0,  # inputs are 60 times smaller than grey levels
            **kept,
        )  # fmt: skip
    start = settings["start"]
    if isinstance(start, str):
        return nets.initialise(net, start, seed)
    nets.initialise(net, "he", seed)
    with torch.no_grad():
        for weights in net.parameters():  # biases are 0
            weights.mul_(start)
    return net


def small(seed: int = 0, passes: int = 20, **changes) -> Small:
    """Train the network on 200 patches; the same seed gives the same training."""
    settings = small_settings(changes)
    passes = shapes.require_int(passes, 1, "small", "passes", MOST_PASSES)
    part, held = patches()
    labels, images = torch.from_numpy(part.labels), part.images
    colour = augment.colour_directions(part) if settings["colour"] else None
    if not settings["crops"]:
        edge = (SIDE - CROP) // 2
        images = images[:, :, edge : edge + CROP, edge : edge + CROP].copy()
    net, losses = small_net(seed, **changes), []
    update = torch.optim.SGD(
        net.parameters(), settings["rate"], settings["momentum"],
        weight_decay=settings["decay"],
    )  # fmt: skip
    batches = recipe.batches_from(len(labels), settings["batch"], passes, seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # dropout's numbers
        for step, batch in enumerate(batches):
            if step == int(CUT * len(batches)):
                update.param_groups[0]["lr"] *= 0.1
            x = augment.for_training(
                images[batch], batch, step * passes // len(batches), seed=seed,
                flip=settings["flip"], colour=colour, colour_std=settings["colour"],
                **_input(),
            )  # fmt: skip
            loss_of = nn.functional.cross_entropy
            losses.append(recipe.train_step(net, loss_of, update, x, labels[batch]))
    net.eval()
    error = small_error(net, held, settings["views"])
    return Small(net, losses, small_error(net, part), error)


def _input() -> dict:
    return {"crop": CROP, "mean": MEAN, "scale": 1 / SPREAD}


def small_views(part, crops: int = 1) -> torch.Tensor:
    """Return what the network sees of patches: (crops, N, C, H, W), 1 or 10 crops."""
    if crops == 10:
        return augment.ten_crop(part.images, **_input())
    return augment.for_evaluation(part.images, **_input())[None]


@torch.no_grad()
def small_error(net: nn.Module, part, crops: int = 1) -> float:
    """Return the share of wrong answers, of 1 crop or the mean answer of 10."""
    views = small_views(part, crops)
    chances = sum(net(view).softmax(dim=1) for view in views)
    return float(np.mean(chances.argmax(dim=1).numpy() != part.labels))
