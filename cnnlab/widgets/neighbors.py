"""The widget of notebook 02: change an image and watch its neighbours move."""

from collections.abc import Callable

import numpy as np

from cnnlab import data, neighbors, shapes
from cnnlab.plots import Picture
from cnnlab.plots.neighbors import HIGHEST_K, neighbour_board
from cnnlab.widgets._base import Explorer, choice, number


def disturb(image, right: int = 0, down: int = 0, light: int = 0, square: int = 0):
    """Return a changed copy of one image.

    Parameters
    ----------
    image : uint8 (C, H, W)
    right, down : pixels to shift by; black comes in
    light : grey levels added to every pixel, cut off at 0 and 255
    square : side of a grey square that covers the middle, in pixels
    """
    height, width = image.shape[1:]
    moved = np.zeros_like(image)
    rows, columns = _overlap(down, height), _overlap(right, width)
    moved[:, rows[0], columns[0]] = image[:, rows[1], columns[1]]
    lit = np.clip(moved.astype(int) + light, 0, 255).astype(np.uint8)
    top, left = (height - square) // 2, (width - square) // 2
    lit[:, top : top + square, left : left + square] = 128
    return lit


def _overlap(shift: int, size: int) -> tuple[slice, slice]:
    """Return where the shifted part goes, and where it comes from."""
    shift = max(-size, min(size, shift))
    if shift >= 0:
        return slice(shift, size), slice(0, size - shift)
    return slice(0, size + shift), slice(-shift, size)


def render_neighbours(
    train, test, image=0, k=5, metric="l2", right=0, down=0, light=0, square=0,
    l2_distances: Callable = neighbors.l2_one_loop, vote: Callable = neighbors.vote,
) -> Picture:  # fmt: skip
    """Draw one asked image, changed as told, with its neighbours and their vote.

    Parameters
    ----------
    train, test : remembered and asked data sets, images and classes alike
    image : index of the asked image
    k : 1 to 15 neighbours
    metric : "l1" or "l2"
    right, down, light, square : see `disturb`
    l2_distances, vote : the functions that decide, the reader's own perhaps
    """
    where = "render_neighbours"
    image = shapes.require_int(image, 0, where, "image", len(test) - 1)
    k = shapes.require_int(k, 1, where, "k", min(HIGHEST_K, len(train)))
    shapes.require_choice(metric, ("l1", "l2"), where, "metric")
    original = test.images[image]
    asked = disturb(original, right, down, light, square)
    rows = data.flatten(train.images)
    measure = l2_distances if metric == "l2" else neighbors.l1_distances
    crowd = np.asarray(measure(asked.reshape(1, -1), rows), dtype=float)[0]  # (N,)
    nearest = np.argsort(crowd, kind="stable")[:k]
    labels = train.labels[nearest]
    winner = int(np.asarray(vote(labels[None], len(train.classes)))[0])
    truth = int(test.labels[image])
    votes, guess = int((labels == winner).sum()), train.classes[winner]
    verdict = "right" if truth == winner else f"wrong, it is {test.classes[truth]}"
    text = (
        f"{votes} of {k} neighbours say {guess}: {verdict}. "
        f"Nearest {metric.upper()} distance {crowd[nearest[0]]:.0f}, "
        f"k-th {crowd[nearest[-1]]:.0f}, mean of all {crowd.mean():.0f}."
    )
    return neighbour_board(
        original, asked, truth, train.images[nearest], labels, crowd[nearest],
        train.classes, winner, crowd, _reach(train, metric), text,
    )  # fmt: skip


def _reach(train, metric: str) -> float:
    """Return a round right end for the distance axis, the same for all queries."""
    size = int(np.prod(train.images.shape[1:]))
    whole = 255 * (np.sqrt(size) if metric == "l2" else size)
    unit = 10 ** np.floor(np.log10(whole))
    return float(np.ceil(0.6 * whole / unit * 10) * unit / 10)


def neighbours(
    train,
    test,
    image: int = 0,
    k: int = 5,
    l2_distances: Callable = neighbors.l2_one_loop,
    vote: Callable = neighbors.vote,
) -> Explorer:
    """Return the widget: pick or change an asked image, set k and the metric.

    Parameters
    ----------
    train, test : remembered and asked data sets, images and classes alike
    image, k : where to start
    l2_distances, vote : the functions to run
    """
    side = min(train.images.shape[2:])

    def render(**state) -> Picture:
        return render_neighbours(
            train, test, **state, l2_distances=l2_distances, vote=vote
        )

    most = side // 2
    return Explorer(
        render,
        {
            "image": number("asked image", image, 0, len(test) - 1),
            "k": number("k, neighbours that vote", k, 1, min(HIGHEST_K, len(train))),
            "metric": choice("distance", [("L2", "l2"), ("L1", "l1")]),
            "right": number("shift right, pixels", 0, -most, most),
            "down": number("shift down, pixels", 0, -most, most),
            "light": number("brightness, grey levels", 0, -200, 200, 5),
            "square": number("grey square, pixels wide", 0, 0, side),
        },
        title="Neighbours of an image",
    )
