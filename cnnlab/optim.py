"""Update rules as pure functions: from weights and a gradient to new weights.

Letters: ``w`` weights of any shape, ``gradient`` of the loss at ``w`` and shaped like
it, ``rate`` the learning rate, ``v`` the velocity, shaped like ``w``.

No function changes its inputs. Where ``w`` is float32 the results are; other types
become float64. A step too long for the range of its type gives an infinite weight,
without a warning; a weight that is not finite is refused.
"""

import numpy as np

from . import arrays, shapes

__all__ = [
    "adam_step",
    "gradient_descent",
    "gradient_step",
    "minibatches",
    "momentum_step",
    "nesterov_step",
    "sgd_epoch",
    "step_rate",
]


def _floats(values, where: str, name: str) -> np.ndarray:
    """Return finite real numbers of any shape as float32 or float64."""
    values = arrays.real_array(values, where, name)
    return values if values.dtype == np.float32 else values.astype(np.float64)


def _like(values, w: np.ndarray, where: str, name: str) -> np.ndarray:
    """Return ``values`` in the type of ``w``, or raise unless they have its shape."""
    values = arrays.real_array(values, where, name)
    shapes.require_shape(values, w.shape, where, name)
    with np.errstate(over="ignore"):
        return values.astype(w.dtype)


def _share(value, where: str, name: str) -> float:
    """Return a finite number of at least 0 and below 1, or raise."""
    number = shapes.require_number(value, 0, where, name)
    if number >= 1:
        got = shapes.spoken(value)
        raise ValueError(f"{where}: {name} must be below 1; got {got}.")
    return number


def _reached(where: str, *results):
    """Return the results, unless two overflows met: infinity less infinity."""
    for result in results:
        if np.isnan(result).any():
            raise ValueError(
                f"{where}: the step leaves the range of {result.dtype}. Lower the rate."
            )
    return results


def gradient_step(w: np.ndarray, gradient: np.ndarray, rate: float) -> np.ndarray:
    """Take one step downhill: ``w - rate * gradient``.

    Parameters
    ----------
    w, gradient : of one shape
    rate : the learning rate, at least 0

    Examples
    --------
    >>> gradient_step([1.0, -2.0], [10.0, 0.0], 0.1).tolist()
    [0.0, -2.0]
    """
    where = "gradient_step"
    w = _floats(w, where, "w")
    gradient = _like(gradient, w, where, "gradient")
    rate = shapes.require_number(rate, 0, where, "rate")
    with np.errstate(over="ignore"):
        return w - rate * gradient


def gradient_descent(gradient_of, w: np.ndarray, rate: float, steps: int) -> np.ndarray:
    """Walk downhill, and return every place on the way.

    Parameters
    ----------
    gradient_of : function of ``w``; returns the gradient there, shaped like ``w``
    w : where to start; it is not changed
    rate : the learning rate, at least 0
    steps : how many, at least 0

    Returns
    -------
    (steps + 1, *w.shape), the start first. A walk that leaves the range of its float
    type stays there: the place reached holds an infinity, all later ones are NaN.

    Examples
    --------
    >>> gradient_descent(lambda w: 2 * w, 1.0, 0.25, 3).tolist()
    [1.0, 0.5, 0.25, 0.125]
    """
    where = "gradient_descent"
    shapes.require_callable(gradient_of, where, "gradient_of")
    w = _floats(w, where, "w")
    rate = shapes.require_number(rate, 0, where, "rate")
    steps = shapes.require_int(steps, 0, where, "steps")
    path = np.full((steps + 1, *w.shape), np.nan, w.dtype)
    path[0] = w
    for step in range(steps):
        with np.errstate(all="ignore"):
            slope = gradient_of(path[step].copy())
            gradient = arrays.as_array(slope, where, "gradient")
            shapes.require_shape(gradient, w.shape, where, "the gradient")
            path[step + 1] = path[step] - rate * gradient
        if not np.isfinite(path[step + 1]).all():
            break
    return path


def minibatches(n: int, size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Shuffle the numbers 0 to ``n - 1`` and cut them into batches: one epoch.

    Parameters
    ----------
    n : how many examples there are
    size : how many a batch has, at least 1; the last one may be smaller
    rng : ``np.random.default_rng(seed)``; the next call draws another order

    Returns
    -------
    list of index arrays; every index is in exactly one

    Examples
    --------
    >>> [len(batch) for batch in minibatches(10, 4, np.random.default_rng(0))]
    [4, 4, 2]
    """
    n = shapes.require_int(n, 0, "minibatches", "n")
    size = shapes.require_int(size, 1, "minibatches", "size")
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            "minibatches: rng must be a generator of random numbers, such as "
            f"np.random.default_rng(0); got {shapes.spoken(rng)}."
        )
    order = rng.permutation(n)
    return [order[first : first + size] for first in range(0, n, size)]


def sgd_epoch(gradient_of, w: np.ndarray, batches, rate: float) -> np.ndarray:
    """Take one step downhill for each batch, and return the weights reached.

    Parameters
    ----------
    gradient_of : function of ``w`` and of an index array; returns the gradient of the
        mean loss of these examples at ``w``, shaped like ``w``
    w : where to start; it is not changed
    batches : list of index arrays, such as `minibatches` returns
    rate : the learning rate, at least 0
    """
    where = "sgd_epoch"
    shapes.require_callable(gradient_of, where, "gradient_of")
    w = _floats(w, where, "w").copy()
    rate = shapes.require_number(rate, 0, where, "rate")
    for batch in batches:
        gradient = gradient_of(w, batch)
        w = gradient_step(w, gradient, rate)
    return w


def _moving(w, v, gradient, rate, momentum, decay, where):
    """Check and convert the arguments of the steps with a velocity."""
    w = _floats(w, where, "w")
    v, gradient = _like(v, w, where, "v"), _like(gradient, w, where, "gradient")
    rate = shapes.require_number(rate, 0, where, "rate")
    momentum = _share(momentum, where, "momentum")
    return (
        w,
        v,
        gradient,
        rate,
        momentum,
        shapes.require_number(decay, 0, where, "decay"),
    )


def momentum_step(
    w: np.ndarray,
    v: np.ndarray,
    gradient: np.ndarray,
    rate: float,
    momentum: float = 0.9,
    decay: float = 0.0005,
) -> tuple[np.ndarray, np.ndarray]:
    """Take one step of the AlexNet paper's update; return ``(w, v)``.

    ``v <- momentum v - decay rate w - rate gradient``, then ``w <- w + v``

    Parameters
    ----------
    w, v, gradient : of one shape; ``v`` is 0 at the start
    rate : the learning rate, at least 0
    momentum : the share of the velocity that is kept, at least 0 and below 1
    decay : weight decay, at least 0

    Notes
    -----
    The rate is inside ``v``: after a drop of the rate, the old velocity goes on as
    fast as it was. PyTorch's ``SGD`` keeps it outside, and slows down at once. As long
    as the rate stays the same, both walk the same way.

    Source: A. Krizhevsky, I. Sutskever and G. Hinton, ImageNet classification with
    deep convolutional neural networks, NIPS 2012, section 5.

    Examples
    --------
    >>> w, v = momentum_step(1.0, 0.0, 2.0, 0.1, decay=0.0)
    >>> float(w), float(v)
    (0.8, -0.2)
    """
    where = "momentum_step"
    w, v, gradient, rate, momentum, decay = _moving(
        w, v, gradient, rate, momentum, decay, where
    )
    with np.errstate(all="ignore"):
        v = momentum * v - decay * rate * w - rate * gradient
        return _reached(where, w + v, v)


def nesterov_step(
    w: np.ndarray,
    v: np.ndarray,
    gradient: np.ndarray,
    rate: float,
    momentum: float = 0.9,
    decay: float = 0.0005,
) -> tuple[np.ndarray, np.ndarray]:
    """Take one step of Nesterov's momentum; return ``(w, v)``.

    ``v <- momentum v - rate (gradient + decay w)``, then
    ``w <- w + momentum v - rate (gradient + decay w)``: the next step's momentum is
    taken ahead, so that the next gradient is measured where it leads.

    Parameters
    ----------
    w, v, gradient, rate, momentum, decay : as in `momentum_step`

    Source: I. Sutskever, J. Martens, G. Dahl and G. Hinton, On the importance of
    initialization and momentum in deep learning, ICML 2013, section 2.
    """
    where = "nesterov_step"
    w, v, gradient, rate, momentum, decay = _moving(
        w, v, gradient, rate, momentum, decay, where
    )
    with np.errstate(all="ignore"):
        push = rate * (gradient + decay * w)
        v = momentum * v - push
        return _reached(where, w + momentum * v - push, v)


def adam_step(
    w: np.ndarray,
    state,
    gradient: np.ndarray,
    rate: float = 0.001,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
) -> tuple[np.ndarray, tuple]:
    """Take one step of Adam: every weight has a rate of its own. Return ``(w, state)``.

    ``m <- beta1 m + (1 - beta1) g`` and ``s <- beta2 s + (1 - beta2) g^2``; with
    ``m' = m / (1 - beta1^t)`` and ``s' = s / (1 - beta2^t)`` at step ``t``,
    ``w <- w - rate m' / (sqrt(s') + eps)``

    Parameters
    ----------
    w, gradient : of one shape
    state : None at the start, then what the last step returned: ``(m, s, t)``
    rate, eps : at least 0, and above 0
    beta1, beta2 : at least 0 and below 1

    Source: D. Kingma and J. Ba, Adam: a method for stochastic optimization, ICLR 2015.
    """
    where = "adam_step"
    w = _floats(w, where, "w")
    gradient = _like(gradient, w, where, "gradient")
    rate = shapes.require_number(rate, 0, where, "rate")
    beta1, beta2 = _share(beta1, where, "beta1"), _share(beta2, where, "beta2")
    eps = shapes.require_number(eps, 1e-300, where, "eps")
    if state is None:
        state = np.zeros_like(w), np.zeros_like(w), 0
    if not isinstance(state, (tuple, list)) or len(state) != 3:
        raise TypeError(
            f"{where}: state must be None at the start, then the (m, s, t) that the "
            f"last step returned; got {shapes.spoken(state)}."
        )
    m, s = (
        _like(state[0], w, where, "m of state"),
        _like(state[1], w, where, "s of state"),
    )
    t = shapes.require_int(state[2], 0, where, "t of state") + 1
    with np.errstate(all="ignore"):
        m = beta1 * m + (1 - beta1) * gradient
        s = beta2 * s + (1 - beta2) * gradient**2
        pace = np.sqrt(s / (1 - beta2**t)) + eps
        w = w - rate * (m / (1 - beta1**t)) / pace
    return _reached(where, w)[0], (m, s, t)


def step_rate(epoch: int, rate: float, drops, factor: float = 0.1) -> float:
    """Return the learning rate of an epoch: ``rate * factor^(drops behind it)``.

    Parameters
    ----------
    epoch : the first one is 0
    rate : of the first epoch, at least 0
    drops : epochs from which on the rate is multiplied by ``factor`` once more
    factor : at least 0

    Examples
    --------
    >>> [step_rate(epoch, 1.0, [2, 3], 0.5) for epoch in range(5)]
    [1.0, 1.0, 0.5, 0.25, 0.25]
    """
    where = "step_rate"
    epoch = shapes.require_int(epoch, 0, where, "epoch")
    rate = shapes.require_number(rate, 0, where, "rate")
    factor = shapes.require_number(factor, 0, where, "factor")
    drops = arrays.real_array(drops, where, "drops")
    shapes.require_axes(drops, "D", where, "drops", "For one drop write [30].")
    return rate * factor ** int((drops <= epoch).sum())
