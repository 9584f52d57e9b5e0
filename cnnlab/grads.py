"""Derivatives, and the numerical gradient that every derivative is checked against."""

import math

import numpy as np

from . import arrays, ops, shapes
from .windows import groups_of, pooling_windows, windows


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


# ---------------------------------------------------------------- images


def relu_backward(dout: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Gradient of ``ops.relu(x)``: ``dout`` where ``x`` is above 0, else 0.

    Parameters
    ----------
    dout, x : arrays of one shape

    Examples
    --------
    >>> relu_backward([1.0, 2.0, 3.0], [-1.5, 0.0, 2.0])
    array([0., 0., 3.])
    """
    x = arrays.real_array(x, "relu_backward", "x")
    dout = arrays.real_array(dout, "relu_backward", "dout")
    shapes.require_shape(dout, x.shape, "relu_backward", "dout")
    return dout * (x > 0)


def conv2d_backward(dout, x, w, stride=1, padding=0, dilation=1, groups=1):
    """Gradients of ``ops.conv2d(x, w, b, ...)``.

    Every place of the window gives ``dout[n, f, i, j] x patch`` to ``dw[f]`` and
    ``dout[n, f, i, j] w[f]`` to its pixels of ``dx``; where windows overlap, what they
    give adds up.

    Parameters
    ----------
    dout : (N, F, OH, OW), the gradient in the feature maps
    x, w, stride, padding, dilation, groups : as in `ops.conv2d`

    Returns
    -------
    dx (N, C, H, W), dw (F, C / groups, KH, KW), db (F,)
    """
    where = "conv2d_backward"
    dout, x, w, at = conv_inputs(dout, x, w, stride, padding, dilation, groups, where)
    x, number = at.pad(x), np.result_type(dout, x, w)
    dx, dw = np.zeros(x.shape, number), np.zeros(w.shape, number)
    with np.errstate(all="ignore"):
        for i, j, rows, columns in at.places():
            for cs, fs in groups_of(x.shape[1], len(w), groups):
                d = dout[:, fs, i, j]  # (N, F / groups)
                dw[fs] += np.tensordot(d, x[:, cs, rows, columns], (0, 0))
                dx[:, cs, rows, columns] += np.tensordot(d, w[fs], 1)
        results = at.crop(dx).copy(), dw, dout.sum(axis=(0, 2, 3))
    for result in results:
        shapes.require_in_range(result, where, "the gradients")
    return results


def conv_inputs(dout, x, w, stride, padding, dilation, groups, where):
    """Return (dout, x, w, windows) that fit each other, or raise."""
    x, w = ops.conv_inputs(x, w, groups, where)
    at = windows(x, w.shape[2:], stride, padding, dilation, where=where)
    dout = arrays.as_numbers(dout, "N, F, OH, OW", where, "dout")
    shapes.require_shape(dout, (len(x), len(w), *at.out), where, "dout")
    return dout, x, w, at


def max_pool2d_backward(
    dout, x, kernel_size, stride=None, padding=0, ceil_mode=False
) -> np.ndarray:
    """Gradient of ``ops.max_pool2d(x, ...)``: all of it goes to the winner.

    Of equal values the first in reading order won; where windows overlap, a pixel that
    won several of them gets the sum.

    Parameters
    ----------
    dout : (N, C, OH, OW)
    x and the others : as in `ops.max_pool2d`

    Returns
    -------
    dx (N, C, H, W)
    """
    where = "max_pool2d_backward"
    dout, x, at = pool_inputs(dout, x, kernel_size, stride, padding, ceil_mode, where)
    x = at.pad(x, -np.inf)
    dx = np.zeros(x.shape, dout.dtype)
    with np.errstate(over="ignore"):
        for i, j, rows, columns in at.places():
            patch = x[:, :, rows, columns]
            size = math.prod(patch.shape[2:])
            flat = patch.reshape(*patch.shape[:2], size)  # (N, C, KH KW)
            won = np.arange(flat.shape[2]) == flat.argmax(axis=2)[..., None]
            given = dout[:, :, i, j, None, None] * won.reshape(patch.shape)
            dx[:, :, rows, columns] += given
    shapes.require_in_range(dx, where, "the gradient")
    return at.crop(dx).copy()


def avg_pool2d_backward(
    dout, x, kernel_size, stride=None, padding=0, ceil_mode=False
) -> np.ndarray:
    """Gradient of ``ops.avg_pool2d(x, ...)``: every pixel of a window gets its share.

    Parameters and result are those of `max_pool2d_backward`; of ``x`` only the shape
    counts.
    """
    where = "avg_pool2d_backward"
    dout, x, at = pool_inputs(dout, x, kernel_size, stride, padding, ceil_mode, where)
    dx = np.zeros(at.pad(x).shape, dout.dtype)
    with np.errstate(over="ignore"):
        for i, j, rows, columns in at.places():
            pixels = dx[:1, :1, rows, columns].size
            dx[:, :, rows, columns] += dout[:, :, i, j, None, None] / pixels
    shapes.require_in_range(dx, where, "the gradient")
    return at.crop(dx).copy()


def pool_inputs(dout, x, kernel_size, stride, padding, ceil_mode, where):
    """Return (dout, x, windows) that fit each other, or raise."""
    x = arrays.as_numbers(x, "N, C, H, W", where, "x", "For one image: x[None].")
    at = pooling_windows(x, kernel_size, stride, padding, ceil_mode, where)
    dout = arrays.as_numbers(dout, "N, C, OH, OW", where, "dout")
    shapes.require_shape(dout, (*x.shape[:2], *at.out), where, "dout")
    return dout, x, at
