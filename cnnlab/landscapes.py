"""Landscapes to walk downhill in: a valley, a slice of a real loss, short trainings.

A `Landscape` is a loss of two numbers, the mean over ``n`` images, whose gradient may
be measured on some of the images only.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from . import arrays, data, linear, ops, optim, shapes

__all__ = [
    "Landscape",
    "digits_training",
    "slice_of_loss",
    "twenty_trainings",
    "valley",
]


@dataclass(frozen=True, eq=False)
class Landscape:
    """A loss of two numbers.

    Attributes
    ----------
    loss : function of places (..., 2), returns the mean loss of all images (...)
    gradient_of : function of a place (2,) and of the images to use, (2,) -> (2,)
    n : how many images there are
    low, high : the corners (2,) of the part that is drawn
    lowest : where the loss is smallest, (2,)
    curvatures : in the steepest and in the flattest direction at that place
    axes : what the two numbers are
    """

    loss: Callable
    gradient_of: Callable
    n: int
    low: tuple
    high: tuple
    lowest: np.ndarray
    curvatures: tuple[float, float]
    axes: tuple[str, str]


def valley(steep: float = 0.1, flat: float = 0.005, n: int = 200, seed: int = 0):
    """Return a valley: each of ``n`` images wants another place, on average (10, 0).

    ``L(a, b) = flat/2 (a - 10)^2 + steep/2 b^2``; on some images, (10, 0) is replaced
    by the mean of the places that these want.

    Parameters
    ----------
    steep, flat : the curvatures in b and in a, above 0
    n : how many images
    seed : of the places that they want
    """
    where = "valley"
    steep = shapes.require_number(steep, 1e-9, where, "steep")
    flat = shapes.require_number(flat, 1e-9, where, "flat")
    n = shapes.require_int(n, 1, where, "n")
    seed = shapes.require_seed(seed, where)
    bend, lowest = np.array([flat, steep]), np.array([10.0, 0.0])
    wanted = 2 * np.random.default_rng(seed).normal(size=(n, 2))
    wanted += lowest - wanted.mean(axis=0)

    def loss(places):
        return 0.5 * (np.square(places - lowest) * bend).sum(axis=-1)

    def gradient_of(place, images):
        return bend * (place - wanted[images].mean(axis=0))

    return Landscape(
        loss, gradient_of, n, (-6.0, -12.0), (24.0, 12.0), lowest,
        (max(steep, flat), min(steep, flat)), ("a", "b"),
    )  # fmt: skip


def slice_of_loss(x: np.ndarray, y: np.ndarray, price: float = 0.003) -> Landscape:
    """Return a slice of the softmax loss of a linear classifier, through its minimum.

    ``W(a, b) = a T + b S``: T leads from ``W = 0`` to the weights of the smallest loss,
    S is the direction in which the loss bends most there, at a right angle to T; both
    have the length 1. ``price / 2`` times the sum of all squared weights is part of the
    loss, without which separable images have no smallest one.

    Parameters
    ----------
    x : (N, D), with a 1 appended to each row for the bias
    y : (N,) labels
    price : of large weights, above 0
    """
    where = "slice_of_loss"
    x = arrays.as_numbers(x, "N, D", where, "x").astype(np.float64)
    price = shapes.require_number(price, 1e-6, where, "price")
    shapes.require_int(len(x), 1, where, "the number of examples")
    num_classes = shapes.require_int(int(np.max(y)) + 1, 2, where, "the classes in y")
    y = arrays.as_labels(y, num_classes, len(x), where)
    rows, everyone = np.arange(len(x)), np.arange(len(x))

    def full_gradient(w):
        ds = ops.softmax(x @ w.T)
        ds[rows, y] -= 1
        return ds.T @ x / len(x) + price * w

    def bend_of(w, way):
        return (full_gradient(w + 1e-4 * way) - full_gradient(w - 1e-4 * way)) / 2e-4

    w = np.zeros((num_classes, x.shape[1]))
    rate = 1 / (np.linalg.norm(x, 2) ** 2 / len(x) / 2 + price)
    w = optim.gradient_descent(full_gradient, w, rate, 400)[-1]
    trained = w / np.linalg.norm(w)
    steepest = np.random.default_rng(0).normal(size=w.shape)
    for _ in range(30):  # the direction that a bend lengthens most is what remains
        steepest = bend_of(w, steepest / np.linalg.norm(steepest))
    steepest = steepest - (steepest * trained).sum() * trained
    steepest /= np.linalg.norm(steepest)
    of_ways = np.stack([x @ way.T for way in (trained, steepest)])  # (2, N, K)

    def loss(places):
        places = np.asarray(places, dtype=float)
        losses = []
        for some in np.array_split(places.reshape(-1, 2), places.size // 256 + 1):
            s = np.tensordot(some, of_ways, 1)  # (places, N, K)
            right = s[:, rows, y]
            s -= s.max(axis=2, keepdims=True)
            top = right - s[:, rows, y]
            losses.append((np.log(np.exp(s).sum(axis=2)) + top - right).mean(axis=1))
        squares = np.square(places).sum(axis=-1)
        return np.concatenate(losses).reshape(squares.shape) + price / 2 * squares

    def gradient_of(place, images):
        part = of_ways[:, images]  # (2, M, K)
        s = place[0] * part[0] + place[1] * part[1]
        ds = np.exp(s - s.max(axis=1, keepdims=True))
        ds /= ds.sum(axis=1, keepdims=True)
        ds[np.arange(len(s)), y[images]] -= 1
        return part.reshape(2, -1) @ ds.ravel() / len(s) + price * place

    lowest = np.array([np.linalg.norm(w), 0.0])
    lowest = optim.gradient_descent(
        lambda place: gradient_of(place, everyone), lowest, rate, 200
    )[-1]
    bends = np.stack([
        gradient_of(lowest + way, everyone) - gradient_of(lowest - way, everyone)
        for way in 1e-4 * np.eye(2)
    ]) / 2e-4  # fmt: skip
    flat, steep = np.linalg.eigvalsh((bends + bends.T) / 2)
    reach = float(np.ceil(lowest[0] / 2))
    return Landscape(
        loss, gradient_of, len(x), (-reach, -2 * reach), (4 * reach, 2 * reach), lowest,
        (float(steep), float(flat)),
        ("a, along the trained weights", "b, where it bends most"),
    )  # fmt: skip


@cache
def _digits():
    """Return (x, y) of the training digits and of those held out; a 1 appended."""
    train, held_out = data.load("digits").hold_out(0.2)
    mean = data.as_float(train.images).mean(axis=0)
    pairs = []
    for part in (train, held_out):
        x = data.flatten(data.as_float(part.images) - mean).astype(np.float64)
        pairs.append((linear.append_one(x), part.labels))
    return pairs


def digits_training(
    rate: float,
    momentum: float = 0.9,
    decay: float = 0.0005,
    size: int = 64,
    seed: int = 0,
    passes: int = 3,
) -> float:
    """Train a linear classifier on digits; return its share of right held-out digits.

    Parameters
    ----------
    rate, momentum, decay : of `optim.momentum_step`
    size : images in a batch, from 8 to 512
    seed : of the order of the images
    passes : over the training images

    A training that diverges gets what guessing gets, 0.1.
    """
    where = "digits_training"
    size = shapes.require_int(size, 8, where, "size", 512)
    passes = shapes.require_int(passes, 0, where, "passes", 1000)
    rng = np.random.default_rng(shapes.require_seed(seed, where))
    (x, y), (x_held, y_held) = _digits()
    w = np.zeros((10, x.shape[1]))
    v = w
    for _ in range(passes):
        for batch in optim.minibatches(len(x), size, rng):
            xs, rows = x[batch], np.arange(len(batch))
            with np.errstate(all="ignore"):
                s = xs @ w.T
                ds = np.exp(s - s.max(axis=1, keepdims=True))
                ds /= ds.sum(axis=1, keepdims=True)
                ds[rows, y[batch]] -= 1
                gradient = ds.T @ xs / len(batch)
            if not np.isfinite(gradient).all():
                return 0.1
            w, v = optim.momentum_step(w, v, gradient, rate, momentum, decay)
            if not np.isfinite(w).all():
                return 0.1
    return float(np.mean((x_held @ w.T).argmax(axis=1) == y_held))


def twenty_trainings(train) -> tuple:
    """Return the best (rate, momentum, decay, size) that 20 trainings find.

    Coarse to fine: the rate over five powers of ten, then finely around the best one,
    then a neighbour or two in each of the others.

    Parameters
    ----------
    train : function such as `digits_training`, called at most 20 times
    """
    best, most = None, -1.0

    def tried(rate, momentum, decay, size):
        nonlocal best, most
        share = train(rate, momentum, decay, size)
        if share > most:
            best, most = (rate, momentum, decay, size), share

    for rate in 10.0 ** np.arange(-4, 2):  # 6 trainings
        tried(rate, 0.9, 0.0, 32)
    centre = best[0]
    for factor in (0.25, 0.4, 0.63, 1.6, 2.5, 4.0):  # 6 more
        tried(centre * factor, 0.9, 0.0, 32)
    rate = best[0]
    for size in (8, 16, 64):  # 3 more; a smaller batch takes more steps
        tried(rate * size / 32, 0.9, 0.0, size)
    for momentum in (0.0, 0.5, 0.95):  # 3 more; what is kept adds up to 1 / (1 - m)
        tried(best[0] * (1 - momentum) / (1 - best[1]), momentum, 0.0, best[3])
    for decay in (1e-4, 1e-3):  # 2 more
        tried(best[0], best[1], decay, best[3])
    return best
