"""Forward operations in NumPy, written as their definition: the reference solutions.

Letters: N examples, D features, K classes. Axes are ``(N, D)`` for examples,
``(K, D)`` for weights, ``(N, K)`` for scores. Images: C channels, H rows, W columns,
``(N, C, H, W)``; F filters of KH x KW, ``(F, C, KH, KW)``; feature maps
``(N, F, OH, OW)``. No function changes its inputs.
"""

import numpy as np

from . import shapes
from .arrays import as_labels, as_numbers, real_array
from .windows import groups_of, pooling_windows, windows


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


# ---------------------------------------------------------------- images


def relu(x: np.ndarray) -> np.ndarray:
    """Return ``max(0, x)`` of every entry; ``x`` may have any shape.

    Examples
    --------
    >>> relu([-1.5, 0, 2])
    array([0., 0., 2.])
    """
    x = real_array(x, "relu", "x")
    x = x if x.dtype in (np.float32, np.float64) else x.astype(np.float64)
    return np.maximum(x, 0)


def conv2d(x, w, b=None, stride=1, padding=0, dilation=1, groups=1) -> np.ndarray:
    """Convolution of images with filters, as networks mean it: no filter is flipped.

    ``out[n, f, i, j] = b[f] + sum_ckl x[n, c, S i + D k, S j + D l] w[f, c, k, l]``

    with ``x`` padded by zeros, stride S and dilation D. In signal processing this is
    called cross-correlation.

    Parameters
    ----------
    x : (N, C, H, W)
    w : (F, C / groups, KH, KW)
    b : (F,), or None for no bias
    stride, padding, dilation : whole numbers, or pairs (rows, columns)
    groups : the channels and the filters are cut into that many parts, and every
        part of the filters sees its part of the channels only

    Returns
    -------
    (N, F, OH, OW), sizes by `shapes.out_size`

    Examples
    --------
    >>> x = [[[[1, 2, 3], [4, 5, 6]]]]
    >>> conv2d(x, [[[[1, 10]]]])
    array([[[[21., 32.],
             [54., 65.]]]])
    """
    x, w = conv_inputs(x, w, groups, "conv2d")
    (n, channels), filters = x.shape[:2], len(w)
    b = as_numbers(np.zeros(filters, w.dtype) if b is None else b, "F", "conv2d", "b")
    shapes.require_same("conv2d", filters_in_w=filters, entries_of_b=len(b))
    at = windows(x, w.shape[2:], stride, padding, dilation, where="conv2d")
    x = at.pad(x)
    out = np.empty((n, filters, *at.out), np.result_type(x, w, b))
    with np.errstate(all="ignore"):
        for i, j, rows, columns in at.places():
            patch = x[:, :, rows, columns]  # (N, C, KH, KW)
            for cs, fs in groups_of(channels, filters, groups):
                out[:, fs, i, j] = (
                    np.tensordot(patch[:, cs], w[fs], ((1, 2, 3), (1, 2, 3))) + b[fs]
                )
    shapes.require_in_range(out, "conv2d", "the feature maps")
    return out


def conv_inputs(x, w, groups, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Return images and filters that fit each other, as float arrays, or raise."""
    x = as_numbers(x, "N, C, H, W", where, "x", "For one image: x[None].")
    w = as_numbers(w, "F, C, KH, KW", where, "w", "For one filter: w[None].")
    groups = shapes.require_int(groups, 1, where, "groups")
    shapes.require_divisor(groups, x.shape[1], where, "the channels of x")
    shapes.require_divisor(groups, len(w), where, "the number of filters")
    shapes.require_same(
        where, channels_of_x=x.shape[1], channels_of_all_groups_of_w=groups * w.shape[1]
    )
    return x, w


def max_pool2d(x, kernel_size, stride=None, padding=0, ceil_mode=False) -> np.ndarray:
    """Largest value of every window, in each feature map by itself.

    Parameters
    ----------
    x : (N, C, H, W)
    kernel_size, stride, padding : whole numbers, or pairs (rows, columns). The stride
        is that of windows which touch (``kernel_size``) unless it is given; the padding
        never wins
    ceil_mode : also take a last window that hangs over the edge: `shapes.out_size`

    Returns
    -------
    (N, C, OH, OW)

    Examples
    --------
    >>> max_pool2d([[[[1, 2, 5, 0], [3, 4, 1, 1]]]], 2)
    array([[[[4., 5.]]]])
    """
    return _pool(x, kernel_size, stride, padding, ceil_mode, np.max, "max_pool2d")


def avg_pool2d(x, kernel_size, stride=None, padding=0, ceil_mode=False) -> np.ndarray:
    """Mean of every window, in each feature map by itself.

    Padding counts as zeros; what hangs over its edge (``ceil_mode``) does not count.
    Parameters and result are those of `max_pool2d`.

    Examples
    --------
    >>> avg_pool2d([[[[1, 2, 5, 0], [3, 4, 1, 1]]]], 2)
    array([[[[2.5 , 1.75]]]])
    """
    return _pool(x, kernel_size, stride, padding, ceil_mode, np.mean, "avg_pool2d")


def _pool(x, kernel_size, stride, padding, ceil_mode, summary, where) -> np.ndarray:
    """Return one number for every window: its largest value, or its mean."""
    x = as_numbers(x, "N, C, H, W", where, "x", "For one image: x[None].")
    at = pooling_windows(x, kernel_size, stride, padding, ceil_mode, where)
    x = at.pad(x, -np.inf if summary is np.max else 0.0)
    out = np.empty((*x.shape[:2], *at.out), x.dtype)
    with np.errstate(over="ignore"):
        for i, j, rows, columns in at.places():
            out[:, :, i, j] = summary(x[:, :, rows, columns], axis=(2, 3))
    shapes.require_in_range(out, where, "the feature maps")
    return out
