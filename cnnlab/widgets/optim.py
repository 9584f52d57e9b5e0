"""The widget of notebook 04: a walk downhill, with dials, by the learner's own step."""

import asyncio

import ipywidgets as w
import numpy as np

from cnnlab import landscapes as lands
from cnnlab import optim, shapes
from cnnlab import plots as p
from cnnlab.widgets._base import Explorer, choice, number

STEPS, PAUSE = 60, 0.1  # steps of a walk; seconds between two pictures of it


def walk(
    landscape: lands.Landscape,
    start,
    rate: float,
    momentum: float = 0.0,
    size: int = 0,
    steps: int = STEPS,
    momentum_step=optim.momentum_step,
    minibatches=optim.minibatches,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Walk downhill; return the places (steps + 1, 2) and their losses (steps + 1,).

    Parameters
    ----------
    landscape : as `landscapes.valley` returns it
    start : two numbers
    rate, momentum : of the step; there is no weight decay
    size : of the batches that gradients are measured on; 0 for all images
    momentum_step, minibatches : such as a learner's
    seed : of the order of the images

    A walk that leaves the range of floats ends in NaN.
    """
    rate = shapes.require_number(rate, 0, "walk", "rate")
    rng, batches = np.random.default_rng(seed), []
    size = size or landscape.n
    path = np.full((steps + 1, 2), np.nan)
    losses = np.full(steps + 1, np.nan)
    place, v = np.array(start, dtype=float), np.zeros(2)
    everyone = np.arange(landscape.n)
    for step in range(steps + 1):
        path[step] = place
        if step == steps or not (np.abs(place) < 1e100).all():
            break
        if size < landscape.n:
            batches = batches or list(minibatches(landscape.n, size, rng))
            images = batches.pop(0)
        else:
            images = everyone
        gradient = landscape.gradient_of(place, images)
        place, v = (
            np.asarray(one)
            for one in momentum_step(place, v, gradient, rate, momentum, 0.0)
        )
    sound = (np.abs(path) < 1e100).all(axis=1)
    losses[sound] = landscape.loss(path[sound])
    return path, losses


def render_walk(
    landscape, background, start, rate, momentum, size, shown, **functions
) -> p.Picture:
    """Draw one state of the valley: the walk on the map, and its loss."""
    path, losses = walk(landscape, start, rate, momentum, size, **functions)
    data = p.walk_board(background, landscape, path, losses, shown)
    end = losses[shown]
    told = (
        f"the loss is {end:.3g}" if np.isfinite(end) else "the walk has left all bounds"
    )
    alt = (
        f"Curvature λ: {landscape.curvatures[0]:.3g} where it is steepest, "
        f"{landscape.curvatures[1]:.2g} where it is flattest. Loss at the start "
        f"{losses[0]:.3g}; after {shown} steps {told}."
    )
    return p.Picture(data, alt)


def valley_explorer(
    landscapes: dict,
    momentum_step=optim.momentum_step,
    minibatches=optim.minibatches,
    **first,
) -> Explorer:
    """Return controls for a walk: landscape, start, rate, momentum, batch, steps, play.

    Parameters
    ----------
    landscapes : name -> `landscapes.Landscape`
    momentum_step, minibatches : such as a learner's
    first : values of the controls at the start, by name
    """
    shapes.require_callable(momentum_step, "valley_explorer", "momentum_step")
    shapes.require_callable(minibatches, "valley_explorer", "minibatches")
    names = list(landscapes)
    maps = {
        name: p.map_of(land.loss, land.low, land.high)
        for name, land in landscapes.items()
    }
    value = {
        "place": names[0], "a": -4.0, "b": 9.0, "rate": 10.0, "momentum": 0.0,
        "batch": 0, "shown": STEPS, **first,
    }  # fmt: skip

    def render(place, a, b, rate, momentum, batch, shown):
        return render_walk(
            landscapes[place], maps[place], (a, b), rate, momentum, batch, shown,
            momentum_step=momentum_step, minibatches=minibatches,
        )  # fmt: skip

    sizes = [("all images", 0), ("50 images", 50), ("10 images", 10), ("1 image", 1)]
    controls = {
        "place": choice("landscape", names, value["place"]),
        "a": number("start: a", value["a"], -6.0, 24.0, 0.5),
        "b": number("start: b", value["b"], -12.0, 12.0, 0.5),
        "rate": number("rate", value["rate"], 0.0, 60.0, 0.5),
        "momentum": number("momentum", value["momentum"], 0.0, 0.99, 0.01),
        "batch": choice("batch", sizes, value["batch"]),
        "shown": number("steps shown", value["shown"], 0, STEPS),
    }
    play = w.Button(description="play")
    play.on_click(_player(controls["shown"]))
    return Explorer(render, controls, extra=(play,))


def _player(shown):
    """Return what the button does: show the walk step by step, or only its end."""
    running = []

    async def play():
        for step in range(0, STEPS + 1, 2):
            shown.value = step
            await asyncio.sleep(PAUSE)

    def start(button):
        for task in running:
            task.cancel()
        try:
            running[:] = [asyncio.get_running_loop().create_task(play())]
        except RuntimeError:
            shown.value = STEPS

    return start
