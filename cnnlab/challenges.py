"""Why images are hard: two hand-written rules, error rates, and a contest's numbers.

Images are uint8 (3, H, W), RGB; a rule takes one image and answers True or False.
The rules are what people did before learning: they work where the world holds still.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from cnnlab import data, scenes
from cnnlab.arrays import as_array, as_labels, as_numbers, real_array
from cnnlab.shapes import (
    require_axes,
    require_callable,
    require_int,
    require_number,
    spoken,
)

# ------------------------------------------------------------------ pixels


def luminance(image: np.ndarray) -> np.ndarray:
    """Return how bright each pixel looks: (3, H, W) uint8 -> (H, W) float, 0 to 255.

    Source: the weights of ITU-R BT.601.
    """
    image = real_array(image, "luminance", "image")
    require_axes(image, "C, H, W", "luminance", "image", "Pass one image: images[0].")
    if len(image) != 3 or not image.size:
        raise ValueError(
            f"luminance: image needs shape (3, H, W), RGB; got shape {image.shape}. "
            "From (H, W, 3): image.transpose(2, 0, 1)."
        )
    return np.tensordot([0.299, 0.587, 0.114], image, axes=1)


def pixel_change(before: np.ndarray, after: np.ndarray) -> tuple[float, float]:
    """Return how much two uint8 images of one shape differ.

    Returns
    -------
    share : part of the values that changed at all, 0 to 1
    mean : mean absolute change of a value, in grey levels, 0 to 255

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> pixel_change(np.array([10, 200], np.uint8), np.array([10, 201], np.uint8))
    (0.5, 0.5)
    """
    before = real_array(before, "pixel_change", "before")
    after = real_array(after, "pixel_change", "after")
    if before.shape != after.shape:
        raise ValueError(
            f"pixel_change: both images need one shape; got {before.shape} and "
            f"{after.shape}. Cut or resize one of them."
        )
    require_int(before.size, 1, "pixel_change", "the number of values")
    # In uint8, 200 - 201 is 255: make room for the sign before subtracting.
    with np.errstate(over="ignore"):  # beyond the float range: infinite
        change = np.abs(after.astype(np.float64) - before.astype(np.float64))
        return float((change > 0).mean()), float(change.mean())


# ------------------------------------------------------------------ rules


def silhouette(image: np.ndarray, contrast: float = 35) -> np.ndarray:
    """Return a mask (H, W): True where a pixel is not as bright as the border."""
    grey = luminance(image)  # (H, W)
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    return np.abs(grey - np.median(border)) > _level(contrast)


def _level(contrast) -> float:
    return require_number(contrast, 0, "silhouette", "contrast")


def tips(
    mask: np.ndarray, radius: int = 3, least: float = 0.25, most: float = 0.8
) -> np.ndarray:
    """Return the places (n, 2), as row and column, where two lines meet pointing up.

    Around each pixel of the shape lies a window of ``radius`` pixels. At a corner
    that points up, the part above is empty and the part below is partly filled: more
    than a thin line would fill (``least``), less than a straight or round edge would
    (``most``).

    Source: the idea of the SUSAN corner detector (Smith and Brady, IJCV 23, 1997): at
    a corner, little of the neighbourhood belongs to the shape.
    """
    mask = as_array(mask, "tips", "mask")
    require_axes(mask, "H, W", "tips", "mask", "One mask, as silhouette returns it.")
    mask = mask.astype(bool)
    radius = require_int(radius, 1, "tips", "radius")
    side = 2 * radius + 1
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(mask, radius), (side, side)
    )  # (H, W, side, side): the window around each pixel
    above = windows[:, :, :radius].sum(axis=(2, 3))  # (H, W)
    below = windows[:, :, radius + 1 :].mean(axis=(2, 3))  # (H, W), 0 to 1
    return np.argwhere(mask & (above == 0) & (least < below) & (below < most))


def is_cat(
    image: np.ndarray,
    contrast: float = 35,
    radius: int = 3,
    least: float = 0.25,
    most: float = 0.8,
    level: float = 0.06,
    near: float = 0.3,
    far: float = 0.8,
) -> bool:
    """Say whether two ears stick out: two tips, level, apart, and a gap between.

    ``level``, ``near`` and ``far`` are parts of the picture's height and width.
    """
    mask = silhouette(image, contrast)  # (H, W)
    height, width = mask.shape
    corners = tips(mask, radius, least, most)
    for top, left in corners:
        for row, right in corners:
            upright = abs(row - top) <= level * height
            apart = near * width <= right - left <= far * width
            if upright and apart:
                middle = (left + right) // 2
                gap = mask[: max(top, row) + 4, middle - 1 : middle + 2]
                if not gap.any():
                    return True
    return False


def is_mushroom(image: np.ndarray) -> bool:
    """Say whether the shape is top-heavy: most of it lies in its upper half."""
    widths = silhouette(image).sum(axis=1)  # (H,) pixels of the shape in each row
    rows = np.flatnonzero(widths)
    if len(rows) < 8:
        return False
    profile = widths[rows[0] : rows[-1] + 1]  # from its top row to its lowest
    upper = profile[: len(profile) // 2].sum()
    return bool(upper > 0.55 * profile.sum())


# ------------------------------------------------------------------ examples


def one_against_rest(
    label, n: int, seed: int = 0, severity=0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return scenes of which half show ``label`` and half any other class.

    Parameters
    ----------
    label : class name or its number
    n : number of images
    seed, severity : as for :func:`cnnlab.scenes.generate`

    Returns
    -------
    images : (n, 3, 32, 32) uint8
    truth : (n,) bool, True where the image shows ``label``
    """
    if isinstance(label, str):
        if label not in scenes.CLASSES:
            raise ValueError(
                f"one_against_rest: there is no class {label!r}; choose from "
                f"{', '.join(scenes.CLASSES)}."
            )
        label = scenes.CLASSES.index(label)
    n = require_int(n, 0, "one_against_rest", "n")
    count = len(scenes.CLASSES)
    label = require_int(label, 0, "one_against_rest", "label", count - 1)
    others = (label + 1 + np.arange(n) // 2 % (count - 1)) % count  # in turn
    truth = np.arange(n) % 2 == 0
    labels = np.where(truth, label, others)
    return scenes.generate(n, seed, severity, labels)[0], truth


def training_scenes(
    n: int, seed: int = 0, severities=(0, 0.2, 0.4, 0.6, 0.8), dials=scenes.DIALS
):
    """Return ``n`` labelled scenes of all classes, an equal part at each severity.

    Only ``dials`` are turned; the others stay at 0.
    """
    n = require_int(n, 0, "training_scenes", "n")
    severities = real_array(severities, "training_scenes", "severities")
    require_axes(severities, "S", "training_scenes", "severities", "For one: [0.5].")
    require_int(len(severities), 1, "training_scenes", "the number of severities")
    if not n:
        return scenes.generate(0, seed)
    parts = [
        scenes.generate(len(part), seed, dict.fromkeys(dials, severity), start=part[0])
        for severity, part in zip(
            severities, np.array_split(np.arange(n), len(severities)), strict=True
        )
        if len(part)
    ]
    images, labels = zip(*parts, strict=True)
    return np.concatenate(images), np.concatenate(labels)


def answers(rule: Callable, images: np.ndarray) -> np.ndarray:
    """Return what ``rule`` says of each image: bool (N,)."""
    require_callable(rule, "answers", "rule")
    images = as_array(images, "answers", "images")
    require_axes(images, "N, C, H, W", "answers", "images", "For one: images[None].")
    said = [rule(image) for image in images]
    for one in said:
        if np.size(one) != 1:
            raise ValueError(
                "answers: rule must say one True or False of an image; got "
                f"{spoken(one)}. Sum it up: np.any(...), or a mean and a threshold."
            )
    return np.array([bool(one) for one in said], dtype=bool)


# ------------------------------------------------------------------ error rates


def held_out_accuracy(
    learn: Callable, images: np.ndarray, labels: np.ndarray, seed: int = 0
) -> float:
    """Train on 80 % of the examples; return the accuracy on the other 20 %.

    Parameters
    ----------
    learn : ``learn(images, labels)`` returns a classifier, which takes images and
        answers with their labels (N,)
    images, labels : N examples
    seed : of the shuffle
    """
    train, held_out = data.split_indices(len(labels), (0.8, 0.2), seed)
    classify = learn(images[train], labels[train])
    return float((classify(images[held_out]) == labels[held_out]).mean())


def memorise(images: np.ndarray, labels: np.ndarray) -> Callable:
    """Return a classifier that knows these images by heart and answers 0 to others."""
    known = dict(zip([one.tobytes() for one in images], labels, strict=True))
    return lambda images: np.array([known.get(one.tobytes(), 0) for one in images])


def topk_error(scores: np.ndarray, labels: np.ndarray, k: int) -> float:
    """Return the share of images whose label is not among their k best scores.

    Among equal scores the class with the smaller number counts as better.

    Parameters
    ----------
    scores : (N, K), higher is more likely
    labels : (N,) integers in [0, K)
    k : 1 for top-1, 5 for top-5

    Source: the measure of ILSVRC (Russakovsky et al., IJCV 115, 2015).

    Examples
    --------
    >>> scores = np.array([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]])
    >>> topk_error(scores, np.array([2, 1]), 1), topk_error(scores, np.array([2, 1]), 2)
    (1.0, 0.5)
    """
    scores = as_numbers(scores, "N, K", "topk_error", "scores")
    n, num_classes = scores.shape
    require_int(n, 1, "topk_error", "the number of images")
    labels = as_labels(labels, num_classes, n, "topk_error", "labels")
    k = require_int(k, 1, "topk_error", "k", num_classes)
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]  # (N, k)
    hit = (best == labels[:, None]).any(axis=1)  # (N,)
    return float(1 - hit.mean())


# ------------------------------------------------------------------ the contest


class Entry(NamedTuple):
    """One result of the ILSVRC classification contest.

    ``top5`` is the top-5 error on the test images of that year's contest, in per cent.
    """

    year: int
    team: str
    top5: float
    network: bool
    source: str


_SURVEY = "Russakovsky et al., IJCV 115 (2015)"

WINNERS = (
    Entry(2010, "NEC-UIUC", 28.2, False, _SURVEY),
    Entry(2011, "XRCE", 25.8, False, _SURVEY),
    Entry(2012, "AlexNet", 15.3, True, "Krizhevsky et al., NIPS 2012"),
    Entry(2013, "Clarifai", 11.2, True, _SURVEY),
    Entry(2014, "GoogLeNet", 6.7, True, _SURVEY),
    Entry(2015, "ResNet", 3.57, True, "He et al., CVPR 2016"),
    Entry(2016, "Trimps-Soushen", 2.99, True, "results page of ILSVRC-2016"),
    Entry(2017, "SENet", 2.25, True, "Hu et al., CVPR 2018"),
)
SECOND = Entry(2012, "second place", 26.2, False, "Krizhevsky et al., NIPS 2012")
# One annotator, trained on the classes, who labelled 1,500 test images.
PERSON = Entry(2014, "one trained person", 5.1, False, _SURVEY)
# The AlexNet team: contest, model, top-1 on validation or test, top-5 on test.
ALEXNET = (
    ("ILSVRC-2010 test", "CNN", 37.5, 17.0),
    ("ILSVRC-2012", "5 CNNs", 38.1, 16.4),
    ("ILSVRC-2012", "7 CNNs, two of them with extra data", 36.7, 15.3),
)
# Images for training, validation and test by year: Russakovsky et al., table 2.
SIZES = {
    2010: (1_261_406, 50_000, 150_000),
    2011: (1_229_413, 50_000, 100_000),
    2012: (1_281_167, 50_000, 100_000),
}
