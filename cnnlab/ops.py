"""Forward operations in NumPy, written as their definition: the reference solutions.

Letters: N examples, D features, K classes. Axes are ``(N, D)`` for examples,
``(K, D)`` for weights, ``(N, K)`` for scores. No function changes its inputs.
"""

import numpy as np

from . import shapes
from .arrays import as_labels, as_numbers, real_array


def linear(x: np.ndarray, w: np.ndarray, b: np.ndarray | None = None) -> np.ndarray:
    """Scores of a linear layer: one dot product with each row of ``w``, plus a bias.

    ``s[n, k] = sum_d x[n, d] w[k, d] + b[k]``

    Parameters
    ----------
    x : (N, D)
    w : (K, D), one row for each output
    b : (K,), or None for no bias

    Returns
    -------
    (N, K)

    Examples
    --------
    >>> linear([[1, 2]], [[3, 4], [5, 6]], [10, 20])
    array([[21., 37.]])
    """
    x = as_numbers(x, "N, D", "linear", "x", "Flatten the images: x.reshape(N, -1).")
    w = as_numbers(w, "K, D", "linear", "w")
    shapes.require_same("linear", x_columns=x.shape[1], w_columns=w.shape[1])
    b = as_numbers(np.zeros(len(w), w.dtype) if b is None else b, "K", "linear", "b")
    shapes.require_same("linear", w_rows=len(w), b_entries=len(b))
    with np.errstate(all="ignore"):
        s = x @ w.T + b  # (N, K)
    shapes.require_in_range(s, "linear", "the scores")
    return s


def log_softmax(s: np.ndarray) -> np.ndarray:
    """Logarithm of the softmax of every row.

    ``log p[k] = (s[k] - m) - log sum_j exp(s[j] - m)`` with ``m = max_j s[j]``:
    subtracting ``m`` changes nothing but keeps ``exp`` from overflowing.

    Parameters
    ----------
    s : (N, K) scores, K at least 1

    Returns
    -------
    (N, K) values not above 0
    """
    s = as_numbers(s, "N, K", "log_softmax", "s", "For one example: s[None].")
    shapes.require_int(s.shape[1], 1, "log_softmax", "the number of classes")
    with np.errstate(over="ignore"):  # a gap beyond the float range is -inf: right
        shifted = s - s.max(axis=1, keepdims=True)  # (N, K)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def softmax(s: np.ndarray) -> np.ndarray:
    """Turn every row of scores into probabilities.

    ``p[k] = exp(s[k] - m) / sum_j exp(s[j] - m)`` with ``m = max_j s[j]``.

    Parameters
    ----------
    s : (N, K) scores, K at least 1

    Returns
    -------
    (N, K) values in [0, 1], each row summing to 1

    Examples
    --------
    >>> softmax([[1000.0, 1000.0]])
    array([[0.5, 0.5]])
    """
    s = as_numbers(s, "N, K", "softmax", "s", "For one example: s[None].")
    shapes.require_int(s.shape[1], 1, "softmax", "the number of classes")
    with np.errstate(over="ignore"):
        e = np.exp(s - s.max(axis=1, keepdims=True))  # (N, K)
    return e / e.sum(axis=1, keepdims=True)


def cross_entropy(s: np.ndarray, y: np.ndarray, reduction: str = "mean"):
    """Minus the log-probability that softmax gives to the right class.

    ``L[n] = -log softmax(s[n])[y[n]]``, natural logarithm.

    Parameters
    ----------
    s : (N, K) scores
    y : (N,) integer labels in [0, K)
    reduction : ``"mean"`` for a number, ``"none"`` for one loss per example

    Returns
    -------
    a number (needs N at least 1), or (N,)

    Examples
    --------
    >>> round(cross_entropy([[3.2, 5.1, -1.7]], [0]), 3)
    2.04
    """
    shapes.require_choice(reduction, ("mean", "none"), "cross_entropy", "reduction")
    log_p = log_softmax(s)  # (N, K)
    n, num_classes = log_p.shape
    y = as_labels(y, num_classes, n, "cross_entropy")
    losses = -log_p[np.arange(n), y] + 0.0  # (N,); + 0.0 turns -0.0 into 0.0
    if reduction == "none":
        return losses
    shapes.require_int(n, 1, "cross_entropy", "the number of examples")
    return float(losses.mean(dtype=np.float64))


def accuracy(predicted: np.ndarray, y: np.ndarray) -> float:
    """Share of predictions that equal their label, in [0, 1].

    Parameters
    ----------
    predicted, y : (N,) integer labels, N at least 1

    Examples
    --------
    >>> accuracy([2, 0, 1, 1], [2, 0, 0, 1])
    0.75
    """
    predicted = real_array(predicted, "accuracy", "predicted")
    y = real_array(y, "accuracy", "y")
    shapes.require_axes(predicted, "N", "accuracy", "predicted")
    shapes.require_axes(y, "N", "accuracy", "y")
    shapes.require_same("accuracy", predictions=len(predicted), labels=len(y))
    shapes.require_int(len(y), 1, "accuracy", "the number of examples")
    return float(np.mean(predicted == y))
