"""Linear classifiers: scores, hinge and softmax losses, gradients, training.

Letters: N examples, D features, K classes; ``x`` (N, D), ``w`` (K, D) with one row
(one template) for each class, ``b`` (K,), scores ``s`` (N, K), labels ``y`` (N,)
in [0, K). The dataset loss is ``mean_n L[n] + reg * sum w^2``: all squared weights,
without a factor one half, and never the bias. Its gradient holds ``2 reg w``.

No function changes its inputs. float32 stays float32; other types become float64.
"""

import math

import numpy as np

from . import arrays, ops, shapes
from .ops import accuracy

__all__ = [
    "accuracy",
    "append_one",
    "dataset_loss",
    "dataset_loss_loops",
    "hinge_by_cases",
    "hinge_gradient",
    "hinge_loss",
    "hinge_loss_loops",
    "ink_plane",
    "join_bias",
    "predict",
    "ring_features",
    "rings",
    "rings_centre",
    "scores",
    "softmax_gradient",
    "softmax_loss",
    "softmax_loss_loops",
    "train",
    "train_linear",
]

LOSSES = ("softmax", "hinge")
MOST = 10**6  # classes in training: more is a slip
FLAT = "Flatten the images: x.reshape(len(x), -1)."


def _scores_and_labels(s, y, where: str) -> tuple[np.ndarray, np.ndarray]:
    s = arrays.as_numbers(s, "N, K", where, "s", "For one example take s[None].")
    num_classes = shapes.require_int(s.shape[1], 1, where, "the number of classes")
    return s, arrays.as_labels(y, num_classes, len(s), where)


def scores(x: np.ndarray, w: np.ndarray, b: np.ndarray | None = None) -> np.ndarray:
    """Score every class: ``s[n, k] = sum_d w[k, d] x[n, d] + b[k]``.

    Parameters
    ----------
    x : (N, D)
    w : (K, D)
    b : (K,), or None for no bias

    Returns
    -------
    (N, K)
    """
    return ops.linear(x, w, b)


def predict(x: np.ndarray, w: np.ndarray, b: np.ndarray | None = None) -> np.ndarray:
    """Return the class of the largest score, (N,); of equal scores the first."""
    s = scores(x, w, b)
    shapes.require_int(s.shape[1], 1, "predict", "the number of classes")
    return s.argmax(axis=1)


def append_one(x: np.ndarray) -> np.ndarray:
    """The bias trick: append a column of ones, so that the bias is one more weight.

    ``scores(append_one(x), join_bias(w, b)) == scores(x, w, b)``

    Parameters
    ----------
    x : (N, D)

    Returns
    -------
    (N, D + 1)
    """
    x = arrays.as_numbers(x, "N, D", "append_one", "x", "For one example take x[None].")
    return np.hstack([x, np.ones((len(x), 1), dtype=x.dtype)])


def join_bias(w: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Append the bias to the weights as their last column: (K, D) -> (K, D + 1)."""
    w = arrays.as_numbers(w, "K, D", "join_bias", "w")
    b = arrays.as_numbers(b, "K", "join_bias", "b")
    shapes.require_same("join_bias", w_rows=len(w), b_entries=len(b))
    return np.hstack([w, b[:, None]])


@np.errstate(over="ignore")  # beyond the float range: infinite
def hinge_loss_loops(s, y, margin: float = 1.0) -> np.ndarray:
    """Hinge loss as it is defined, one example and one class at a time.

    Parameters, result and source as in `hinge_loss`.
    """
    s, y = _scores_and_labels(s, y, "hinge_loss_loops")
    margin = shapes.require_number(margin, 0, "hinge_loss_loops", "margin")
    losses = np.zeros(len(s))
    for n in range(len(s)):
        for k in range(s.shape[1]):
            if k != y[n]:
                losses[n] += max(0.0, s[n, k] - s[n, y[n]] + margin)
    return losses


def hinge_loss(s: np.ndarray, y: np.ndarray, margin: float = 1.0) -> np.ndarray:
    """Multiclass hinge (SVM) loss of every example.

    ``L[n] = sum over k != y[n] of max(0, s[n, k] - s[n, y[n]] + margin)``

    Parameters
    ----------
    s : (N, K) scores
    y : (N,) integer labels in [0, K)
    margin : by how much the right class must win, at least 0

    Returns
    -------
    (N,) losses of at least 0

    Source: J. Weston and C. Watkins, Support vector machines for multi-class
    pattern recognition, ESANN 1999.

    Examples
    --------
    >>> hinge_loss([[3.2, 5.1, -1.7], [0.5, 4.0, 3.2]], [0, 1]).round(1).tolist()
    [2.9, 0.2]
    """
    s, y = _scores_and_labels(s, y, "hinge_loss")
    margin = shapes.require_number(margin, 0, "hinge_loss", "margin")
    return _gaps(s, y, margin).sum(axis=1)


def hinge_by_cases(s: np.ndarray, y: np.ndarray, margin: float = 1.0) -> np.ndarray:
    """Hinge loss of every example, with a brace in place of the ``max``.

    A term is 0 where ``s[n, y[n]] >= s[n, k] + margin``, else as in `hinge_loss`.
    """
    s, y = _scores_and_labels(s, y, "hinge_by_cases")
    margin = shapes.require_number(margin, 0, "hinge_by_cases", "margin")
    losses = np.zeros(len(s))
    for n, label in enumerate(y):
        for j, s_j in enumerate(s[n]):
            if j == label:
                continue  # the sum leaves out the right class
            if s[n, label] >= s_j + margin:
                losses[n] += 0
            else:
                losses[n] += s_j - s[n, label] + margin
    return losses


def _gaps(s: np.ndarray, y: np.ndarray, margin: float) -> np.ndarray:
    """Return ``max(0, s_k - s_y + margin)``, and 0 where ``k`` is ``y``; (N, K)."""
    rows = np.arange(len(s))
    with np.errstate(over="ignore"):  # a gap beyond the float range is infinite
        gaps = np.maximum(0, s - s[rows, y][:, None] + s.dtype.type(margin))
    gaps[rows, y] = 0
    return gaps


def hinge_gradient(s: np.ndarray, y: np.ndarray, margin: float = 1.0) -> np.ndarray:
    """Gradient of every example's hinge loss in its scores.

    ``dL/ds[k] = 1`` where ``k != y`` violates the margin, else 0; and
    ``dL/ds[y] = -`` (the number of violations). Exactly on the margin, where the
    loss has a corner, 0 is taken.

    Parameters
    ----------
    s, y, margin : as in `hinge_loss`

    Returns
    -------
    (N, K), each row summing to 0
    """
    s, y = _scores_and_labels(s, y, "hinge_gradient")
    margin = shapes.require_number(margin, 0, "hinge_gradient", "margin")
    return _hinge(s, y, margin)[1]


def _hinge(s, y, margin):
    gaps = _gaps(s, y, margin)
    ds = (gaps > 0).astype(s.dtype)  # (N, K)
    ds[np.arange(len(s)), y] = -ds.sum(axis=1)
    return gaps.sum(axis=1), ds


@np.errstate(over="ignore")  # beyond the float range: infinite
def softmax_loss_loops(s: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Softmax loss as it is defined, one example and one class at a time.

    Parameters and result as in `softmax_loss`. The largest score is subtracted
    first, without which ``exp`` overflows from about 710 on.
    """
    s, y = _scores_and_labels(s, y, "softmax_loss_loops")
    losses = np.zeros(len(s))
    for n in range(len(s)):
        top = max(s[n])
        total = 0.0
        for k in range(s.shape[1]):
            total += np.exp(s[n, k] - top)
        losses[n] = np.log(total) - (s[n, y[n]] - top)
    return losses


def softmax_loss(s: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Softmax (cross-entropy) loss of every example, natural logarithm.

    ``L[n] = -log(exp(s[n, y[n]]) / sum_k exp(s[n, k]))``

    Parameters
    ----------
    s : (N, K) scores
    y : (N,) integer labels in [0, K)

    Returns
    -------
    (N,) losses of at least 0

    Examples
    --------
    >>> softmax_loss([[3.2, 5.1, -1.7], [1.3, 4.9, 2.0]], [0, 1]).round(3).tolist()
    [2.04, 0.079]
    """
    s, y = _scores_and_labels(s, y, "softmax_loss")
    return ops.cross_entropy(s, y, reduction="none")


def softmax_gradient(s: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Gradient of every example's softmax loss in its scores.

    ``dL/ds[k] = p[k] - 1{k = y}`` with ``p = softmax(s)``

    Parameters
    ----------
    s, y : as in `softmax_loss`

    Returns
    -------
    (N, K), each row summing to 0
    """
    s, y = _scores_and_labels(s, y, "softmax_gradient")
    return _softmax(s, y)[1]


def _softmax(s, y):
    rows = np.arange(len(s))
    with np.errstate(over="ignore"):
        shifted = s - s.max(axis=1, keepdims=True)  # (N, K)
    e = np.exp(shifted)
    total = e.sum(axis=1)  # (N,)
    ds = e / total[:, None]
    ds[rows, y] -= 1
    return np.log(total) - shifted[rows, y], ds


def _loss(x, y, w, b, loss, reg, margin):
    """`dataset_loss` on arrays that are known to fit."""
    s = x @ w.T + b  # (N, K)
    losses, ds = _hinge(s, y, margin) if loss == "hinge" else _softmax(s, y)
    ds /= len(x)
    value = losses.mean(dtype=np.float64) + reg * np.sum(w * w, dtype=np.float64)
    dw = ds.T @ x + w.dtype.type(2 * reg) * w  # (K, D)
    return float(value), dw, ds.sum(axis=0)


def _fitting(x, y, w, b, loss, reg, margin, where):
    """Check and convert the arguments of `dataset_loss`."""
    shapes.require_choice(loss, LOSSES, where, "loss")
    x = arrays.as_numbers(x, "N, D", where, "x", FLAT)
    w = arrays.as_numbers(w, "K, D", where, "w")
    b = arrays.as_numbers(b, "K", where, "b")
    shapes.require_same(where, x_columns=x.shape[1], w_columns=w.shape[1])
    shapes.require_same(where, w_rows=len(w), b_entries=len(b))
    shapes.require_int(len(w), 1, where, "the number of classes")
    shapes.require_int(len(x), 1, where, "the number of examples")
    y = arrays.as_labels(y, len(w), len(x), where)
    reg = shapes.require_number(reg, 0, where, "reg")
    return x, y, w, b, loss, reg, shapes.require_number(margin, 0, where, "margin")


def dataset_loss(
    x: np.ndarray,
    y: np.ndarray,
    w: np.ndarray,
    b: np.ndarray,
    loss: str = "softmax",
    reg: float = 0.0,
    margin: float = 1.0,
) -> tuple[float, np.ndarray, np.ndarray]:
    """Loss of a data set and its gradients.

    ``L = 1/N sum_n L[n] + reg * sum w^2``,
    ``dL/dw = 1/N ds^T x + 2 reg w``,  ``dL/db = 1/N sum_n ds[n]``

    Parameters
    ----------
    x : (N, D), N at least 1
    y : (N,) integer labels in [0, K)
    w : (K, D)
    b : (K,)
    loss : ``"softmax"`` or ``"hinge"``
    reg : strength of the regularisation, at least 0; the bias is left out
    margin : of the hinge loss

    Returns
    -------
    loss, dw (K, D), db (K,)
    """
    arguments = _fitting(x, y, w, b, loss, reg, margin, "dataset_loss")
    return _in_range(_loss, arguments, "dataset_loss")


def _in_range(function, arguments, where: str):
    """Call one of the dataset losses, and raise if its numbers overflow."""
    with np.errstate(all="ignore"):
        value, dw, db = function(*arguments)
    for result in (np.array(value), dw, db):
        shapes.require_in_range(result, where, "the loss and its gradients")
    return value, dw, db


@np.errstate(over="ignore")  # beyond the float range: infinite
def dataset_loss_loops(
    x, y, w, b, loss: str = "softmax", reg: float = 0.0, margin: float = 1.0
) -> tuple[float, np.ndarray, np.ndarray]:
    """`dataset_loss` as it is defined: one example and one class at a time."""
    arguments = _fitting(x, y, w, b, loss, reg, margin, "dataset_loss_loops")
    return _in_range(_loss_loops, arguments, "dataset_loss_loops")


def _loss_loops(x, y, w, b, loss, reg, margin):
    """`dataset_loss_loops` on arrays that are known to fit."""
    total, dw, db = 0.0, np.zeros(w.shape), np.zeros(b.shape)
    for n in range(len(x)):
        s = [float(w[k] @ x[n] + b[k]) for k in range(len(w))]
        example = _softmax_loops if loss == "softmax" else _hinge_loops
        value, ds = example(s, y[n], margin)
        total += value
        for k in range(len(w)):
            dw[k] += ds[k] * x[n]
            db[k] += ds[k]
    n = len(x)
    return float(total / n + reg * np.sum(w * w)), dw / n + 2 * reg * w, db / n


def _softmax_loops(s: list[float], y: int, _) -> tuple[float, list[float]]:
    """Loss of one example and its gradient in the scores."""
    top = max(s)
    total = sum(math.exp(score - top) for score in s)
    ds = [math.exp(score - top) / total for score in s]
    ds[y] -= 1
    return math.log(total) - (s[y] - top), ds


def _hinge_loops(s: list[float], y: int, margin: float) -> tuple[float, list[float]]:
    """Loss of one example and its gradient in the scores."""
    value, ds = 0.0, [0.0] * len(s)
    for k in range(len(s)):
        gap = s[k] - s[y] + margin
        if k != y and gap > 0:
            value += gap
            ds[k] += 1
            ds[y] -= 1
    return value, ds


def train_linear(
    x: np.ndarray,
    y: np.ndarray,
    w: np.ndarray,
    b: np.ndarray,
    batches,
    learning_rate: float,
    gradient,
) -> tuple[np.ndarray, np.ndarray]:
    """Take one step downhill for every batch, and return the weights reached.

    With ``s`` (M, K) the scores of a batch of M examples and ``ds`` the gradient of
    their losses in ``s``, divided by M: ``w <- w - learning_rate * ds^T x`` and
    ``b <- b - learning_rate * (the sum of the rows of ds)``.

    Parameters
    ----------
    x : (N, D), N at least 1
    y : (N,) integer labels in [0, K)
    w, b : (K, D) and (K,), where to start; they are not changed
    batches : index arrays, each of at least one example, such as ``data.batches``
        yields; one step each, in this order
    learning_rate : at least 0
    gradient : function of ``(s, y)``, (M, K) and (M,) -> (M, K), such as
        `softmax_gradient`: each example's own gradient

    Returns
    -------
    w, b : new arrays, shaped like the first ones
    """
    where = "train_linear"
    x, y, w, b, *_ = _fitting(x, y, w, b, "softmax", 0.0, 1.0, where)
    rate = shapes.require_number(learning_rate, 0, where, "learning_rate")
    shapes.require_callable(gradient, where, "gradient")
    w, b = w.copy(), b.copy()
    for batch in _index_arrays(batches, len(x), where):
        with np.errstate(over="ignore", invalid="ignore"):
            s = x[batch] @ w.T + b  # (M, K)
            ds = gradient(s, y[batch]) / len(batch)  # (M, K)
            w = w - rate * ds.T @ x[batch]
            b = b - rate * ds.sum(axis=0)
        shapes.require_in_range(w, where, "the weights")
        shapes.require_in_range(b, where, "the biases")
    return w, b


def _index_arrays(batches, n: int, where: str):
    """Yield every batch as an index array of at least one of ``n`` examples."""
    if not hasattr(batches, "__iter__") or isinstance(batches, (str, bytes, dict)):
        raise TypeError(
            f"{where}: batches needs a list of index arrays, such as [[0, 1], [2, 3]]."
        )
    for batch in batches:
        rows = arrays.as_array(batch, where, "batches")
        if rows.dtype.kind not in "iu" or rows.ndim != 1 or not rows.size:
            raise TypeError(
                f"{where}: batches needs index arrays, one axis of whole numbers each, "
                f"none of them empty; got {rows.dtype} of shape {rows.shape}."
            )
        if rows.min() < 0 or rows.max() >= n:
            raise ValueError(
                f"{where}: batches needs indices from 0 to {n - 1}; got values from "
                f"{rows.min()} to {rows.max()}."
            )
        yield rows


def train(
    x: np.ndarray,
    y: np.ndarray,
    num_classes: int,
    loss: str = "softmax",
    learning_rate: float = 0.01,
    reg: float = 0.0,
    epochs: int = 10,
    batch_size: int = 128,
    seed: int = 0,
    record: int = 1,
) -> tuple[np.ndarray, np.ndarray, dict]:
    """Train by plain mini-batch gradient descent, from zero weights.

    Each epoch shuffles the examples and takes ``w <- w - learning_rate * dL/dw``,
    and the same for ``b``, on one batch after the other. Both losses are convex, so
    zero is as good a start as any; the first loss is log K or (K - 1) margins.

    Parameters
    ----------
    x : (N, D), N at least 1
    y : (N,) integer labels in [0, K)
    num_classes : K
    loss : ``"softmax"`` or ``"hinge"``
    learning_rate : at least 0
    reg : see `dataset_loss`
    epochs : passes over the data, at least 0
    batch_size : examples in a step; the last batch of an epoch may be smaller
    seed : of the shuffles
    record : keep the weights after every ``record`` epochs, and after the last

    Returns
    -------
    w : (K, D)
    b : (K,)
    history : a dict with
        ``loss`` (steps,), each batch's loss before its step, regularisation
        included;
        ``epoch`` (R,), the epochs after which weights were kept, 0 for the start;
        ``w`` (R, K, D) and ``b`` (R, K), those weights;
        ``diverged``, None, or the step (from 0) at which the loss or the weights
        stopped being finite: training ends there, before that step
    """
    where = "train"
    num_classes = shapes.require_int(num_classes, 1, where, "num_classes", MOST)
    seed = shapes.require_seed(seed, where)
    epochs = shapes.require_int(epochs, 0, where, "epochs")
    batch_size = shapes.require_int(batch_size, 1, where, "batch_size")
    record = shapes.require_int(record, 1, where, "record")
    rate = shapes.require_number(learning_rate, 0, where, "learning_rate")
    x = arrays.as_numbers(x, "N, D", where, "x", FLAT)
    w = np.zeros((num_classes, x.shape[1]), dtype=x.dtype)
    b = np.zeros(num_classes, dtype=x.dtype)
    x, y, w, b, loss, reg, margin = _fitting(x, y, w, b, loss, reg, 1.0, where)
    rng, losses, kept, diverged = np.random.default_rng(seed), [], [(0, w, b)], None
    for epoch in range(1, epochs + 1):
        order = rng.permutation(len(x))
        parts = [order[i : i + batch_size] for i in range(0, len(x), batch_size)]
        w, b, values, stopped = _epoch(x, y, w, b, parts, rate, loss, reg, margin)
        losses.extend(values)
        if stopped:
            diverged = len(losses) - 1
            break
        if epoch % record == 0 or epoch == epochs:
            kept.append((epoch, w, b))
    history = {"loss": np.array(losses), "diverged": diverged}
    for column, name in enumerate(("epoch", "w", "b")):
        history[name] = np.array([entry[column] for entry in kept])
    return w, b, history


def _epoch(x, y, w, b, parts, rate, loss, reg, margin):
    """One step for every part, up to the first that does not stay finite."""
    values = []
    for part in parts:
        with np.errstate(over="ignore", invalid="ignore"):
            value, dw, db = _loss(x[part], y[part], w, b, loss, reg, margin)
            new_w, new_b = w - rate * dw, b - rate * db  # new arrays: kept ones stay
            values.append(value)
            if not np.isfinite([value, new_w.sum(), new_b.sum()]).all():
                return w, b, values, True
        w, b = new_w, new_b
    return w, b, values, False


def ink_plane(images: np.ndarray) -> np.ndarray:
    """Describe images of digits by two numbers each, so that they can be drawn.

    The first is the mean ink of the middle quarter of rows and columns, the second the
    mean ink of the upper half less that of the lower; both in standard deviations
    from their mean over the images.

    Parameters
    ----------
    images : (N, 1, H, W), H and W at least 4

    Returns
    -------
    (N, 2)
    """
    where = "ink_plane"
    ink = arrays.as_numbers(images, "N, 1, H, W", where, "images")[:, 0]
    height, width = ink.shape[1:]
    for side, name in ((height, "the height"), (width, "the width")):
        shapes.require_int(side, 4, where, name)
    top, left = 3 * height // 8, 3 * width // 8
    centre = ink[:, top : height - top, left : width - left].mean(axis=(1, 2))
    half = height // 2
    upper = ink[:, :half].mean(axis=(1, 2)) - ink[:, half:].mean(axis=(1, 2))
    plane = np.stack([centre, upper], axis=1)  # (N, 2)
    spread = plane.std(axis=0)
    return (plane - plane.mean(axis=0)) / np.where(spread > 0, spread, 1)


def rings(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw ``n`` points on two rings around one centre: (n, 2) and (n,) labels.

    Label 0 is the inner ring, of radius 1, label 1 the outer one, of radius 2; each
    radius is off by a normal deviation of 0.2. The centre lies anywhere in the square
    from -2 to 2 and is chosen by ``seed``, as everything else: half of the points of
    a larger drawing are a fair sample of it.
    """
    n = shapes.require_int(n, 0, "rings", "n")
    centre = rings_centre(seed)
    rng = np.random.default_rng([1, seed])
    labels = np.arange(n) % 2
    angle = rng.uniform(0, 2 * np.pi, n)
    radius = 1 + labels + rng.normal(0, 0.2, n)
    return centre + radius[:, None] * np.stack(
        [np.cos(angle), np.sin(angle)], 1
    ), labels


def rings_centre(seed: int = 0) -> np.ndarray:
    """Return the centre (2,) of the rings that ``rings(n, seed)`` draws."""
    seed = shapes.require_seed(seed, "rings_centre")
    return np.random.default_rng(seed).uniform(-2, 2, 2)


def ring_features(points: np.ndarray) -> np.ndarray:
    """Describe points so that a linear classifier can tell two rings apart.

    A circle is ``x1^2 + x2^2 = c0 + c1 x1 + c2 x2``, linear in the three numbers
    ``(x1, x2, x1^2 + x2^2)`` whatever its centre.

    Parameters
    ----------
    points : (N, 2)

    Returns
    -------
    (N, 3)
    """
    where = "ring_features"
    points = arrays.as_numbers(
        points, "N, 2", where, "points", "One point: points[None]."
    )
    return np.column_stack([points, (points**2).sum(axis=1)])
