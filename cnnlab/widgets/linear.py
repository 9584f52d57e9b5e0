"""Widgets of notebook 03: three rows of W, three scores, templates while training.

Each has a pure function that draws one state.
"""

import numpy as np

from cnnlab import linear, ops
from cnnlab import plots as p
from cnnlab.plots.linear import short_loss
from cnnlab.widgets._base import Explorer, choice, number

CLASSES = ("cat", "car", "frog")
START = (3.2, 5.1, -1.7)  # their scores for the picture of a cat
DIRECTIONS = (90, 210, 330)  # of three rows, in degrees


def losses_of_scores(
    cat=START[0],
    car=START[1],
    frog=START[2],
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
        f"−ln({chances[right]:.3g}) = {short_loss(cross)}."
    )
    return p.Picture(data, alt)


def scores_explorer(hinge_loss=linear.hinge_loss, softmax=ops.softmax) -> Explorer:
    """Return three scores to drag and the right class to choose."""

    def render(cat, car, frog, right):
        return losses_of_scores(cat, car, frog, right, hinge_loss, softmax)

    controls = {
        name: number(f"score of {name}", value, -7.0, 7.0, 0.1)
        for name, value in zip(CLASSES, START, strict=True)
    }
    controls["right"] = choice(
        "right class", [(name, k) for k, name in enumerate(CLASSES)], 0
    )
    return Explorer(render, controls)


def three_rows(
    x,
    y,
    classes,
    directions=DIRECTIONS,
    length=1.0,
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
    guess = linear.predict(x, w, b)
    by_class = ", ".join(
        f"{np.mean(guess[y == k] == k):.0%} of class {name}"
        for k, name in enumerate(classes)
    )
    alt = f"{linear.accuracy(guess, y):.0%} of {len(y)} points are right: {by_class}."
    return p.Picture(p.png(p.decision_board(x, y, w, b, classes, features)), alt)


def rows_explorer(x, y, classes, **options) -> Explorer:
    """Return controls for the rows of a linear classifier of 2-D points."""

    def render(first, second, third, length, bias):
        directions = (first, second, third)
        return three_rows(x, y, classes, directions, length, bias, **options)

    controls = {
        name: number(f"direction of {label} (degrees)", value, 0, 360, 5, False)
        for name, label, value in zip(
            ("first", "second", "third"), classes, DIRECTIONS, strict=True
        )
    }
    controls["length"] = number("length of all rows", 1.0, 0.0, 5.0, 0.1, False)
    controls["bias"] = number(f"bias of {classes[0]}", 0.0, -3.0, 3.0, 0.1, False)
    return Explorer(render, controls)


def templates_after(film, passes: int, shape, classes, x, y) -> p.Picture:
    """Draw all templates as they were after some passes over the training images.

    Each moment has its own scale, which is told, so that the first ones can be seen.

    Parameters
    ----------
    film : one (w, b) for every pass, the start first
    passes : which of them
    shape : (C, H, W) of an image
    x, y : held-out images (N, D) and labels, for the accuracy that is told
    """
    w, b = film[passes]
    right = linear.accuracy(linear.predict(x, w, b), y)
    unit = "pass" if passes == 1 else "passes"
    alt = (
        f"After {passes} {unit} {right:.1%} of {len(y)} held-out images are right; the "
        f"largest weight is {np.abs(w).max():.3f}."
    )
    return p.Picture(p.template_board(w, shape, classes), alt)


def training_explorer(film, shape, classes, x, y, passes: int = 1) -> Explorer:
    """Return a slider through the passes of a training."""

    def render(passes):
        return templates_after(film, passes, shape, classes, x, y)

    control = number("passes over the images", passes, 0, len(film) - 1)
    return Explorer(render, {"passes": control})
