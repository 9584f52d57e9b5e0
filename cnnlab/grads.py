"""Derivatives, and the numerical gradient that every derivative is checked against."""

import numpy as np

from . import arrays, ops, shapes


def numerical_gradient(f, x: np.ndarray, h: float = 1e-5) -> np.ndarray:
    """Gradient of a function by central differences, one entry of ``x`` at a time.

    ``df/dx[i] = (f(x + h e_i) - f(x - h e_i)) / (2 h)``, with an error of order h^2.

    Parameters
    ----------
    f : function of an array shaped like ``x``, returning one number
    x : array of any shape, turned into float64; it is not changed
    h : step, above 0; 1e-5 balances the h^2 error and float64 round-off for values
        around 1. A step too small to change a value is refused

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
    shapes.require_callable(f, "numerical_gradient", "f")
    x = arrays.real_array(x, "numerical_gradient", "x")
    x = x.astype(np.float64)  # a copy: entries are moved and put back
    h = shapes.require_number(h, 1e-300, "numerical_gradient", "h")
    lost = np.abs(x[(x + h == x) | (x - h == x)])
    if lost.size:
        raise shapes.step_vanishes("numerical_gradient", h, float(lost.max()))
    gradient = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        old = x[i]
        x[i] = old + h
        above = _number(f(x))
        x[i] = old - h
        below = _number(f(x))
        x[i] = old
        with np.errstate(invalid="ignore"):  # inf - inf: NaN says that f overflowed
            gradient[i] = np.subtract(above, below) / (2 * h)
    return gradient


def _number(value) -> float:
    """Return the one number that ``f`` gave, or say what came instead."""
    value = arrays.as_array(value, "numerical_gradient", "f(x)")
    if value.dtype.kind not in "biuf":
        raise shapes.no_number("numerical_gradient", "f", value)
    if value.size != 1:
        raise shapes.not_one_number("numerical_gradient", "f", value.shape)
    return float(value.reshape(()))


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
    a, b = _real(a, "a"), _real(b, "b")
    shapes.require_shape(b, a.shape, "relative_error", "b")
    if a.size == 0:
        return 0.0
    a, b = a / 2, b / 2  # halves: neither difference nor sum leaves the float range
    with np.errstate(all="ignore"):  # NaN says that an entry is NaN or infinite
        return float(np.max(np.abs(a - b) / np.maximum(5e-9, np.abs(a) + np.abs(b))))


def _real(values, name: str) -> np.ndarray:
    """Return real numbers of any shape, NaN included, as float64."""
    array = arrays.as_array(values, "relative_error", name)
    if array.dtype.kind not in "biuf":
        shapes.require_numbers(array, "relative_error", name)
    return array.astype(np.float64)


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
    y = arrays.as_labels(y, num_classes, n, "cross_entropy_backward")
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
    dout = arrays.as_numbers(dout, "N, K", where, "dout")
    x, w = (
        arrays.as_numbers(x, "N, D", where, "x"),
        arrays.as_numbers(w, "K, D", where, "w"),
    )
    shapes.require_same(where, x_columns=x.shape[1], w_columns=w.shape[1])
    shapes.require_shape(dout, (len(x), len(w)), where, "dout")
    with np.errstate(all="ignore"):
        dx, dw, db = dout @ w, dout.T @ x, dout.sum(axis=0)
    for result in (dx, dw, db):
        shapes.require_in_range(result, where, "the gradients")
    return dx, dw, db
