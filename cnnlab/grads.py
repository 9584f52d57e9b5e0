"""Derivatives, and the numerical gradient that every derivative is checked against."""

import numpy as np

from . import ops, shapes


def numerical_gradient(f, x: np.ndarray, h: float = 1e-5) -> np.ndarray:
    """Gradient of a function by central differences, one entry of ``x`` at a time.

    ``df/dx[i] = (f(x + h e_i) - f(x - h e_i)) / (2 h)``, with an error of order h^2.

    Parameters
    ----------
    f : function of an array shaped like ``x``, returning one number
    x : array of any shape, turned into float64; it is not changed
    h : step, above 0; 1e-5 balances the h^2 error and float64 round-off

    Returns
    -------
    array shaped like ``x``, float64

    Notes
    -----
    Wrong near a corner of ``f`` (hinge, ReLU, max): move such points away from it.

    Examples
    --------
    >>> numerical_gradient(lambda x: (x**2).sum(), [1.0, -3.0]).round(6)
    array([ 2., -6.])
    """
    x = np.array(x)  # a copy: entries are moved and put back
    shapes.require_numbers(x, "numerical_gradient", "x")
    x = x.astype(np.float64)
    h = shapes.require_number(h, 1e-300, "numerical_gradient", "h")
    gradient = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        old = x[i]
        x[i] = old + h
        above = _number(f(x))
        x[i] = old - h
        below = _number(f(x))
        x[i] = old
        gradient[i] = (above - below) / (2 * h)
    return gradient


def _number(value) -> float:
    """Return the one number that ``f`` gave, or say what came instead."""
    if np.size(value) != 1:
        raise shapes.not_one_number("numerical_gradient", "f", np.shape(value))
    return float(np.reshape(value, ()))


def relative_error(a: np.ndarray, b: np.ndarray) -> float:
    """Largest relative difference: ``max |a - b| / max(|a| + |b|, 1e-8)``.

    Below 1e-7 two gradients agree; above 1e-2 one of them is wrong. Smooth
    functions in float64 reach 1e-8 and less.

    Parameters
    ----------
    a, b : arrays of one shape, or numbers

    Returns
    -------
    a number in [0, 1]; 0 for empty arrays; NaN if an entry is NaN

    Examples
    --------
    >>> relative_error([1.0, 2.0], [1.0, 2.0])
    0.0
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    shapes.require_shape(b, a.shape, "relative_error", "b")
    if a.size == 0:
        return 0.0
    return float(np.max(np.abs(a - b) / np.maximum(1e-8, np.abs(a) + np.abs(b))))


def cross_entropy_backward(s: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Gradient of ``ops.cross_entropy(s, y)``, the mean loss, in the scores.

    ``ds[n, k] = (softmax(s)[n, k] - 1{k = y[n]}) / N``

    Parameters
    ----------
    s : (N, K) scores, N at least 1
    y : (N,) integer labels in [0, K)

    Returns
    -------
    (N, K)
    """
    p = ops.softmax(s)  # (N, K), a new array
    n, num_classes = p.shape
    y = ops.as_labels(y, num_classes, n, "cross_entropy_backward")
    shapes.require_int(n, 1, "cross_entropy_backward", "the number of examples")
    p[np.arange(n), y] -= 1
    return p / n


def linear_backward(dout, x, w) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gradients of ``ops.linear(x, w, b)``: ``dx = dout w``, ``dw = dout^T x``.

    Parameters
    ----------
    dout : (N, K), the gradient in the scores
    x : (N, D)
    w : (K, D)

    Returns
    -------
    dx (N, D), dw (K, D), db (K,)
    """
    where = "linear_backward"
    dout = ops.as_numbers(dout, "N, K", where, "dout")
    x, w = ops.as_numbers(x, "N, D", where, "x"), ops.as_numbers(w, "K, D", where, "w")
    shapes.require_same(where, x_columns=x.shape[1], w_columns=w.shape[1])
    shapes.require_shape(dout, (len(x), len(w)), where, "dout")
    return dout @ w, dout.T @ x, dout.sum(axis=0)
