"""Widgets of notebook 03: three scores, three rows of W, templates while training.

Each has a pure function that draws one state; the notebook shows it as a still.
"""

import numpy as np

from cnnlab import linear, ops
from cnnlab import plots as p
from cnnlab.plots.linear import short_loss
from cnnlab.widgets._base import Explorer, choice, number

CLASSES = ("cat", "car", "frog")


def losses_of_scores(
    cat=3.2,
    car=5.1,
    frog=-1.7,
    right: int = 0,
    hinge_loss=linear.hinge_loss,
    softmax=ops.softmax,
) -> p.Picture:
    """Draw both losses of one example with three scores.

    Parameters
    ----------
    cat, car, frog : scores
    right : index of the right class
    hinge_loss, softmax : functions of ``(s, y)`` and of ``s``, such as a learner's
    """
    s, y = np.array([[cat, car, frog]], dtype=float), np.array([right])
    hinge, chances = float(hinge_loss(s, y)[0]), np.asarray(softmax(s))[0]
    cross, gaps = -float(np.log(chances[right])), s[0] - s[0, right] + 1
    data = p.score_bars(s[0], gaps, chances, right, hinge, cross, CLASSES)
    terms = " + ".join(f"{max(gaps[k], 0):.1f}" for k in range(3) if k != right)
    alt = (
        f"{CLASSES[right]} is right: hinge loss {terms} = {hinge:.2f}, softmax loss "
        f"-ln({chances[right]:.3g}) = {short_loss(cross)}."
    )
    return p.Picture(data, alt)


def scores_explorer(hinge_loss=linear.hinge_loss, softmax=ops.softmax) -> Explorer:
    """Return three scores to drag and the right class to choose."""

    def render(cat, car, frog, right):
        return losses_of_scores(cat, car, frog, right, hinge_loss, softmax)

    start = (3.2, 5.1, -1.7)
    controls = {
        name: number(f"score of {name}", value, -7.0, 7.0, 0.1)
        for name, value in zip(CLASSES, start, strict=True)
    }
    controls["right"] = choice(
        "right class", [(name, k) for k, name in enumerate(CLASSES)], 0
    )
    return Explorer(render, controls)


def three_rows(
    x,
    y,
    classes,
    directions=(90, 210, 330),
    length=0.5,
    bias=0.0,
    features=("feature $x_1$", "feature $x_2$"),
) -> p.Picture:
    """Draw a linear classifier of 2-D points whose rows are given by direction.

    Parameters
    ----------
    x, y : (N, 2) points and (N,) labels in 0, 1, 2
    directions : of the three rows, in degrees
    length : of all three rows
    bias : of the first class; the others have 0
    features : what the two axes measure
    """
    angles = np.radians(directions)
    w = length * np.stack([np.cos(angles), np.sin(angles)], axis=1)  # (3, 2)
    b = np.array([bias, 0.0, 0.0])
    numbers = {
        "hinge": linear.dataset_loss(x, y, w, b, "hinge")[0],
        "softmax": linear.dataset_loss(x, y, w, b, "softmax")[0],
        "R(W)": float((w**2).sum()),
    }
    right = linear.accuracy(linear.predict(x, w, b), y)
    alt = (
        f"{right:.0%} of {len(y)} points are right; mean hinge loss "
        f"{numbers['hinge']:.3f}, mean softmax loss {numbers['softmax']:.3f}, "
        f"R(W) = {numbers['R(W)']:.2f}."
    )
    board = p.decision_board(x, y, w, b, classes, numbers, features)
    return p.Picture(p.png(board), alt)


def rows_explorer(x, y, classes, **options) -> Explorer:
    """Return controls for the rows of a linear classifier of 2-D points."""

    def render(first, second, third, length, bias):
        directions = (first, second, third)
        return three_rows(x, y, classes, directions, length, bias, **options)

    controls = {
        name: number(f"direction of {label} in degrees", value, 0, 360, 5, False)
        for name, label, value in zip(
            ("first", "second", "third"), classes, (90, 210, 330), strict=True
        )
    }
    controls["length"] = number("length of all rows", 0.5, 0.0, 5.0, 0.1, False)
    controls["bias"] = number(f"bias of {classes[0]}", 0.0, -5.0, 5.0, 0.1, False)
    return Explorer(render, controls)


def templates_at(history: dict, index: int, shape, accuracies: dict) -> p.Picture:
    """Draw all templates as they were at one recorded moment of training.

    All moments share one scale, so templates fade in as their weights grow.

    Parameters
    ----------
    history : as from ``linear.train``
    index : which record
    shape : (C, H, W) of an image
    accuracies : name -> one share for each record
    """
    largest = np.abs(history["w"]).max()
    w, epoch = history["w"][index], history["epoch"][index]
    scale = max(1, 640 // (5 * shape[-1]))
    shares = ", ".join(
        f"{shown[index]:.1%} {name}" for name, shown in accuracies.items()
    )
    alt = f"After {epoch} epochs: {shares}; largest weight {np.abs(w).max():.3f}."
    return p.Picture(p.template_mosaic(w, shape, 5, scale, largest), alt)


def training_explorer(history: dict, shape, accuracies: dict, index=1) -> Explorer:
    """Return a slider through the recorded moments of a training."""

    def render(index):
        return templates_at(history, index, shape, accuracies)

    last = len(history["epoch"]) - 1
    return Explorer(render, {"index": number("recorded moment", index, 0, last)})
