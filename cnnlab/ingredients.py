"""The ingredients of AlexNet in NumPy, and what each was worth: the paper, and here.

The functions of notebook 12, written as their definition; ``nets``, ``augment`` and
``train`` do the same with PyTorch, faster.

Sources: Krizhevsky, Sutskever and Hinton, NIPS 2012, sections 3.1, 3.3, 3.4, 4.1, 4.2;
the run logs its authors released.
"""

import math
from typing import NamedTuple

import numpy as np

from cnnlab import arrays, shapes


def lrn(x, k=2.0, n=5, alpha=1e-4, beta=0.75):
    """Divide every activity by that of its neighbour maps at the same place.

    ``y[c] = x[c] / (k + alpha * sum of x[j]^2)^beta``, over maps j from c - n // 2 to
    c + n // 2, as far as there are any

    Parameters
    ----------
    x : (N, C, H, W)
    n : how many maps compete, itself among them; an odd number

    Notes
    -----
    The paper's formula [section 3.3]. The program of 2012 divided alpha by n, as
    PyTorch's ``LocalResponseNorm`` does.
    """
    x = arrays.as_numbers(x, "N, C, H, W", "lrn", "x")
    n = shapes.require_int(n, 1, "lrn", "n")
    if n % 2 == 0 or not (k > 0 and alpha >= 0):
        raise ValueError(
            "lrn: n must be odd, k above 0 and alpha at least 0; got "
            f"n = {n}, k = {k}, alpha = {alpha}."
        )
    squares, y = x**2, np.empty_like(x)
    for c in range(x.shape[1]):
        low, high = max(0, c - n // 2), c + n // 2 + 1
        total = squares[:, low:high].sum(axis=1)
        y[:, c] = x[:, c] / (k + alpha * total) ** beta
    return y


def dropout_forward(x, kept, p=0.5, training=True, inverted=False):
    """Return what a layer with dropout gives.

    Parameters
    ----------
    x : activities
    kept : of the same shape: 1 for a unit that is kept in training, 0 for one that is
        set to 0
    p : share of the units that are set to 0
    inverted : False for the form of 2012, which multiplies by 1 - p when it is tested;
        True for today's, which divides by 1 - p in training instead
    """
    x = arrays.real_array(x, "dropout_forward", "x")
    x = x if x.dtype.kind == "f" else x.astype(float)
    share = 1 - shapes.require_number(p, 0, "dropout_forward", "p")
    if share <= 0:
        raise ValueError(f"dropout_forward: p must be below 1; got {p}.")
    if training:
        kept = arrays.real_array(kept, "dropout_forward", "kept")
        shapes.require_shape(kept, x.shape, "dropout_forward", "kept")
        if not np.isin(kept, (0, 1)).all():
            raise ValueError("dropout_forward: kept may hold 0 and 1 only.")
        return x * kept / share if inverted else x * kept
    return x if inverted else x * share  # all units are on


def pca_colour(images):
    """Return the variances (3,) and the directions (3, 3) of all pixels' colours.

    Eigenvalues of the covariance matrix of red, green and blue, the largest first, and
    unit vectors: ``directions[:, i]`` belongs to ``variances[i]``.

    Parameters
    ----------
    images : (N, 3, H, W) grey levels
    """
    images = arrays.as_numbers(images, "N, C, H, W", "pca_colour", "images")
    if images.shape[1] != 3 or not images.size:
        raise ValueError(
            "pca_colour: images needs one image or more of three channels, (N, 3, H, "
            f"W); got shape {images.shape}."
        )
    pixels = images.transpose(0, 2, 3, 1).reshape(-1, 3)
    pixels = pixels - pixels.mean(axis=0)
    covariance = pixels.T @ pixels / len(pixels)
    variances, directions = np.linalg.eigh(covariance)  # the smallest first
    variances = np.maximum(variances, 0)  # rounding may leave -1e-12
    return variances[::-1].copy(), directions[:, ::-1].copy()


def colour_shift(image, variances, directions, alphas):
    """Move all pixels of an image (3, H, W) along the directions of colour.

    Along direction i by ``alphas[i]`` standard deviations, the roots of ``variances``.
    """
    image = arrays.as_numbers(image, "C, H, W", "colour_shift", "image")
    shapes.require_shape(image, (3, *image.shape[1:]), "colour_shift", "image")
    spreads = np.sqrt(np.maximum(variances, 0))  # rounding may leave -1e-12
    shift = np.asarray(directions) @ (np.asarray(alphas) * spreads)
    return image + shift[:, None, None]


def ten_crop(images, side):
    """Return the four corners and the centre of images, then these five mirrored.

    Parameters
    ----------
    images : (N, C, H, W)
    side : of the square crops

    Returns
    -------
    (10, N, C, side, side): top left, top right, bottom left, bottom right, centre
    """
    images = arrays.as_array(images, "ten_crop", "images")
    shapes.require_axes(images, "N, C, H, W", "ten_crop", "images")
    side = shapes.require_int(side, 1, "ten_crop", "side", min(images.shape[2:]))
    low, wide = images.shape[2] - side, images.shape[3] - side
    corners = [(0, 0), (0, wide), (low, 0), (low, wide), (low // 2, wide // 2)]
    crops = []
    for top, left in corners:
        crops.append(images[:, :, top : top + side, left : left + side])
    return np.stack(crops + [crop[:, :, :, ::-1] for crop in crops])


def good_recipe():
    """Return settings for `cnnlab.train.small` that reach the bar of notebook 12."""
    return {"activation": "tanh", "momentum": 0.8, "views": 10}


# ------------------------------------------------------------- what each was worth

# Row of the record `ablations` -> how much larger the error became without it, in
# points of top-1 and top-5: in the paper, and between runs in the released logs
# (validation photographs of 2012, several crops; the half network: test of 2010).
EFFECTS_2012 = {
    "no LRN": ((1.4, 1.2), (1.37, 1.15)),
    "pooling without overlap": ((0.4, 0.3), (0.40, 0.30)),
    "one tower of half the width": ((1.7, 1.2), (1.67, 1.23)),
    "no colour shift": ((1.0, None), None),  # "over 1 %"
}
TEN_CROPS_2012 = (39.0, 37.5)  # top-1 of one crop and of ten, test photographs of 2010
NOISE = 3.0  # standard errors of a difference that we call clear


class Worth(NamedTuple):
    """What leaving an ingredient out did, over the seeds that there are.

    Attributes
    ----------
    name : of the row
    errors : one a seed, in per cent
    difference : of the mean error and the base's, in points; positive: it became worse
    verdict : "worse", "better", "within the noise", or "one seed" where there are no
        two runs of it and the base to tell
    limit : the difference in points that chance alone hardly makes
    """

    name: str
    errors: list
    difference: float
    verdict: str
    limit: float = math.inf


STARTS = "start: "  # rows with other first weights: their seeds spread in their own way


def noise_of(rows) -> float:
    """Return the difference in points that chance alone hardly makes, or infinity.

    Runs of one row differ only in start, order and chance. Their standard deviation s,
    pooled over all rows that begin as the base does, gives the standard error of a
    difference of two means of n runs, s sqrt(2 / n); this is NOISE times that, with the
    least n of any row. With so many comparisons two standard errors would be passed
    too often by chance.
    """
    runs = [_errors(row) for name, row in rows.items() if not name.startswith(STARTS)]
    return _limit([errors for errors in runs if errors])


def _limit(runs) -> float:
    """Return NOISE standard errors of a difference, by the spread of ``runs``."""
    runs = [np.array(errors) for errors in runs]
    freedom = sum(len(errors) - 1 for errors in runs)
    least = min(map(len, runs), default=0)
    if freedom < 2 or least < 2:
        return math.inf
    squares = sum(((errors - errors.mean()) ** 2).sum() for errors in runs)
    return float(NOISE * np.sqrt(squares / freedom) * np.sqrt(2 / least))


def _errors(row) -> list:
    return [100 * run["error"] for run in row["runs"] if run["error"] is not None]


def ladder(record) -> list[Worth]:
    """Return what every row of the record `ablations` says, the largest loss first."""
    rows = {name: row for name, row in record["rows"].items() if row["runs"]}
    usual, base = noise_of(rows), _errors(rows["base"])
    found = []
    for name, row in rows.items():
        errors = _errors(row)
        if name == "base" or not errors:
            continue
        own = name.startswith(STARTS)  # judged by its own spread, and the base's
        limit = _limit([errors, base]) if own else usual
        apart = float(np.mean(errors) - np.mean(base))
        verdict = "worse" if apart > 0 else "better"
        if math.isinf(limit):
            verdict = "one seed"
        elif abs(apart) <= limit:
            verdict = "within the noise"
        found.append(Worth(name, errors, apart, verdict, limit))
    return sorted(found, key=lambda one: -one.difference)


def sorted_out(steps) -> str:
    """Return the names of the rows by verdict, one line each."""
    words = {
        "worse": "clearly worse so",
        "better": "clearly better so",
        "within the noise": "within the noise",
        "one seed": "one seed only",
    }
    lines = []
    for verdict, word in words.items():
        names = [one.name for one in steps if one.verdict == verdict]
        if names:
            lines.append(f"{word}: {'; '.join(names)}")
    return "\n".join(lines)


def beside_the_paper(steps) -> str:
    """Return a table: each row's difference here, in the paper, and in the logs."""

    def told(pair, digits):
        if pair is None:
            return "–"
        return "/".join("–" if v is None else f"{v:+.{digits}f}" for v in pair)

    lines = [
        f"{'left out or changed':28} {'here':>6}  {'':16} {'paper':>10} {'logs':>12}"
    ]
    for one in steps:
        paper, logs = map(told, EFFECTS_2012.get(one.name, (None, None)), (1, 2))
        here = f"{one.name:28} {one.difference:+6.1f}  {one.verdict:16}"
        lines.append(f"{here} {paper:>10} {logs:>12}")
    return "\n".join(lines)


def passes_until(curve, share: float = 0.25):
    """Return after how many passes an error first lies below ``share``, or None."""
    if any(error > 1 for error in curve):
        raise ValueError("passes_until: errors are shares, from 0 to 1.")
    below = [n for n, error in enumerate(curve, 1) if error < share]
    return below[0] if below else None
