"""The exercises of notebook 04: walking downhill, measuring slopes, batches, momentum,
a bug in a loop, and twenty trainings."""

import numpy as np

from cnnlab import grads, landscapes, optim
from cnnlab.checks import _show
from cnnlab.checks._base import (
    Case,
    Cause,
    Exercise,
    FindBug,
    Mistake,
    Open,
    Score,
)


def _named(name, function):
    """Give a function the name that a verdict shows."""
    function.__name__ = name
    return function


# ------------------------------------------------------------------ a walk downhill

_TO_3 = _named("w -> 2 (w - 3)", lambda w: 2 * (w - 3))
_CUBE = _named("w -> w**3", lambda w: w**3)
_VALLEY = _named(
    "w -> 0.5 w + the mean of w", lambda w: 0.5 * w + np.full(np.shape(w), np.mean(w))
)


def _drawn_walk(rng, size):
    """Draw a start of any shape, whole numbers or fractions, and a short walk."""
    shape = ((), (size,), (2, size))[rng.integers(3)]
    whole = rng.random() < 0.3
    w = rng.integers(-3, 4, shape) if whole else rng.normal(0, 1, shape).round(2)
    slope = (_TO_3, _VALLEY)[rng.integers(2)]
    w = w if shape else float(w)
    return Case((slope, w, float(rng.uniform(0.05, 0.6)), int(rng.integers(0, 5))))


def _walk(step, keep=None):
    """Return a walk that takes ``step(w, gradient_of, rate, start)``."""

    def gradient_descent(gradient_of, w, rate, steps):
        start = np.asarray(w, dtype=float)
        path = [start]
        for _ in range(steps):
            path.append(step(path[-1], gradient_of, rate, start))
        return np.array(path if keep is None else keep(path))

    return gradient_descent


def _plain(w, gradient_of, rate, start):
    return w - rate * gradient_of(w)


def _walk_in_place(gradient_of, w, rate, steps):
    w = np.array(w)
    path = [w.copy()]
    for _ in range(steps):
        w -= rate * gradient_of(w)
        path.append(w.copy())
    return np.array(path)


def _step_in_place(w, v, gradient, rate, momentum=0.9, decay=0.0005):
    w, v = np.array(w), np.asarray(v)
    v = momentum * v - decay * rate * w - rate * gradient
    w += v
    return w, v


gradient_descent = Exercise(
    name="gradient_descent",
    notebook="04",
    reference=optim.gradient_descent,
    cases=(
        Case((_TO_3, 0.0, 0.1, 1), "one step of the loop by hand"),
        Case((_TO_3, 0.0, 0.1, 3), "the three steps by hand"),
        Case((_TO_3, 5.0, 0.1, 0), "no step: the start alone"),
        Case((_VALLEY, np.array([1.0, -2.0, 0.5]), 0.5, 2), "three weights"),
        Case((_VALLEY, np.array([3, 1]), 0.5, 3), "whole numbers to start from"),
        Case(
            (_VALLEY, np.array([[1.0, 2.0, 3.0], [0.0, -1.0, 2.0]]), 0.3, 4), "(2, 3)"
        ),
    ),
    samples=_drawn_walk,
    mistakes=(
        Mistake(
            "uphill",
            _walk(lambda w, g, rate, start: w + rate * g(w)),
            "the walk goes uphill: the step is subtracted, w - rate * gradient.",
        ),
        Mistake(
            "start missing",
            _walk(_plain, lambda path: path[1:]),
            "the start is missing: the path holds steps + 1 places.",
        ),
        Mistake(
            "last place missing",
            _walk(_plain, lambda path: path[:-1]),
            "the last place is missing: the path holds the start and one place for "
            "each step.",
        ),
        Mistake(
            "only the end",
            _walk(_plain, lambda path: path[-1]),
            "only the last place is returned; the whole path is wanted, the start "
            "first.",
        ),
        Mistake(
            "rate not used",
            _walk(lambda w, g, rate, start: w - g(w)),
            "the rate is not used: the step is rate times the gradient.",
        ),
        Mistake(
            "gradient of the start",
            _walk(lambda w, g, rate, start: w - rate * g(start)),
            "every step uses the gradient of the start. Measure it anew at each place.",
        ),
        Mistake(
            "every step from the start",
            _walk(lambda w, g, rate, start: start - rate * g(w)),
            "every step begins at the start again; begin at the last place reached.",
        ),
        Mistake(
            "one array many times",
            _walk(_plain, lambda path: [path[-1]] * len(path)),
            "every entry of the path is the last place: the same array was stored "
            "again and again, and changed in place. Store a new one: w = w - ...",
        ),
        Mistake(
            "sign only",
            _walk(lambda w, g, rate, start: w - rate * np.sign(g(w))),
            "the steps have all the same length; the gradient is more than its sign.",
        ),
        Mistake(
            "in place on whole numbers",
            _walk_in_place,
            "`w -= ...` keeps the type of w, and whole numbers have no room for "
            "fractions: write `w = w - ...`.",
        ),
        Mistake(
            "cut to whole numbers",
            lambda gradient_of, w, rate, steps: optim.gradient_descent(
                gradient_of, w, rate, steps
            ).astype(np.asarray(w).dtype),
            "the path is an array of whole numbers, which cuts every fraction off: "
            "make the start float first.",
        ),
    ),
    hints_=(
        "Keep the places in a list that begins with the start. A step from `w` leads "
        "to w - rate * gradient_of(w).",
        "In a loop over `range(steps)`, make a new `w` and append it. (A step in place "
        "would change the array in the list, too.)",
        "`path = [w]`, then in the loop `w = w - rate * gradient_of(w)` and "
        "`path.append(w)`; last `return np.array(path)`.",
    ),
)


# --------------------------------------------------------------- measuring a slope

_SQUARES = _named("x -> sum of x**2", lambda x: np.sum(np.square(x, dtype=float)))
_CUBES = _named("x -> sum of x**3", lambda x: np.sum(np.asarray(x, float) ** 3))
_MIXED = _named("x -> (sum of x)**3", lambda x: np.sum(x, dtype=float) ** 3)
_WAVES = _named(
    "x -> sum of sin(x) * (1, 2, 3, ...)",
    lambda x: np.sum(np.sin(x).ravel() * (1 + np.arange(np.size(x)))),
)


def _drawn_slope(rng, size):
    """Draw a function, a place of one axis or two, and perhaps a step."""
    shape = ((size,), (2, size))[rng.integers(2)]
    whole = rng.random() < 0.3
    x = rng.integers(-3, 4, shape) if whole else rng.normal(0, 1, shape).round(2)
    f = (_CUBES, _MIXED, _WAVES)[rng.integers(3)]
    h = ((), (0.5,), (0.01,))[rng.integers(3)]
    return Case((f, x, *h))


def _differences(quotient, prepare=float, put_back=True):
    """Return a numerical gradient by ``quotient(f, x, i, h)``."""

    def numerical_gradient(f, x, h=1e-5):
        x = np.array(x, dtype=prepare or np.asarray(x).dtype)
        out = np.zeros(x.shape)
        for i in np.ndindex(x.shape):
            out[i] = quotient(f, x, i, h)
        return out

    return numerical_gradient


def _moved(x, i, h):
    x = x.copy()
    x[i] += np.asarray(h).astype(x.dtype)
    return x


def _central(f, x, i, h):
    return (f(_moved(x, i, h)) - f(_moved(x, i, -h))) / (2 * h)


def _not_put_back(f, x, h=1e-5):
    x = np.array(x, dtype=float)
    out = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        x[i] += h
        above = f(x)
        x[i] -= 2 * h
        out[i] = (above - f(x)) / (2 * h)
    return out


def _rows_moved(f, x, h=1e-5):
    x = np.array(x, dtype=float)
    out = np.zeros(x.shape)
    for i in range(len(x)):
        out[i] = _central(f, x, i, h)
    return out


numerical_gradient = Exercise(
    name="numerical_gradient",
    notebook="04",
    reference=grads.numerical_gradient,
    also=(grads._number,),
    rtol=1e-6,
    atol=1e-7,
    cases=(
        Case((_SQUARES, np.array([3.0])), "one number: the slope is 6"),
        Case((_CUBES, np.array([1.0]), 0.5), "a step so long that it shows: 3.25"),
        Case((_SQUARES, np.array([1.0, -3.0, 0.5])), "three numbers"),
        Case((_WAVES, np.array([[0.5, 1.0, -2.0], [0.0, 3.0, 1.5]])), "(2, 3)"),
        Case((_MIXED, np.array([1.0, -0.5]), 0.5), "two that work together"),
        Case((_CUBES, np.array([2, -1])), "whole numbers"),
        Case((_CUBES, np.array([2, -1]), 0.5), "whole numbers, a long step"),
        Case((_WAVES, np.array([0.3, 0.7]), 0.25), "another step"),
    ),
    samples=_drawn_slope,
    mistakes=(
        Mistake(
            "forward difference",
            _differences(lambda f, x, i, h: (f(_moved(x, i, h)) - f(x)) / h),
            "only one side is measured, (f(x + h) - f(x)) / h, whose error is of the "
            "order of h. Go up and down.",
        ),
        Mistake(
            "backward difference",
            _differences(lambda f, x, i, h: (f(x) - f(_moved(x, i, -h))) / h),
            "only the lower side is measured, (f(x) - f(x - h)) / h. Go up and down.",
        ),
        Mistake(
            "half steps",
            _differences(
                lambda f, x, i, h: (
                    (f(_moved(x, i, h / 2)) - f(_moved(x, i, -h / 2))) / h
                )
            ),
            "the entry moves by h / 2 each way; it is to move by h, and the distance "
            "is 2 h.",
        ),
        Mistake(
            "one side over 2 h",
            _differences(lambda f, x, i, h: (f(_moved(x, i, h)) - f(x)) / (2 * h)),
            "one place is x itself, and the distance 2 h: measure f(x - h) for it.",
        ),
        Mistake(
            "whole rows moved",
            _rows_moved,
            "with two axes, x[i] is a whole row: go through single places, for "
            "instance with np.ndindex(x.shape).",
        ),
        Mistake(
            "divided by h",
            _differences(lambda f, x, i, h: 2 * _central(f, x, i, h)),
            "the two places are 2 h apart, not h: everything is twice too large.",
        ),
        Mistake(
            "multiplied by h",
            _differences(lambda f, x, i, h: _central(f, x, i, h) * 2 * h * h / 2),
            "(f(x + h) - f(x - h)) / 2 * h multiplies by h: write / (2 * h).",
        ),
        Mistake(
            "not divided",
            _differences(lambda f, x, i, h: _central(f, x, i, h) * 2 * h),
            "the difference is not divided by the distance of the two places, 2 h.",
        ),
        Mistake(
            "sign turned",
            _differences(lambda f, x, i, h: -_central(f, x, i, h)),
            "the sign is turned: f(x + h) comes first.",
        ),
        Mistake(
            "all entries moved at once",
            lambda f, x, h=1e-5: np.full(
                np.shape(x), (f(np.asarray(x) + h) - f(np.asarray(x) - h)) / (2 * h)
            ),
            "all entries are moved at once, which gives the sum of all slopes. Move "
            "one entry at a time.",
        ),
        Mistake(
            "not put back",
            _not_put_back,
            "an entry that was moved is not put back before the next one is moved.",
        ),
        Mistake(
            "h not used",
            lambda f, x, h=1e-5: grads.numerical_gradient(f, x),
            "h is always 1e-5: use the parameter `h`.",
        ),
        Mistake(
            "whole numbers kept",
            _differences(_central, prepare=None),
            "in an array of whole numbers, adding h adds nothing: copy x as floats.",
        ),
        Mistake(
            "one number",
            lambda f, x, h=1e-5: grads.numerical_gradient(f, x, h).sum(),
            "one number for all entries: the gradient has the shape of x.",
        ),
        Mistake(
            "flattened",
            lambda f, x, h=1e-5: grads.numerical_gradient(f, x, h).ravel(),
            "the gradient is a flat list of slopes; give it the shape of x.",
        ),
    ),
    hints_=(
        "Work on a copy of floats, `x = np.array(x, dtype=float)`, and go through all "
        "places of it with `for i in np.ndindex(x.shape):`.",
        "In the loop: keep `old = x[i]`; set `x[i] = old + h` and measure; set "
        "`x[i] = old - h` and measure; put the old one back.",
        "`above = f(x)` after the first move, `below = f(x)` after the second, then "
        "`x[i] = old` and `gradient[i] = (above - below) / (2 * h)`, with "
        "`gradient = np.zeros(x.shape)` made before the loop.",
    ),
)


# ------------------------------------------------------------------------- batches

_NOT_ARRAYS = (
    "a list of index arrays is wanted, one a batch: whole numbers, one axis each."
)
_RANGE = "the indices run from 0 to n - 1; some of these lie outside."
_TWICE = "some index is in an epoch twice: shuffle once, then cut; do not draw anew."
_LOST = "some indices are in no batch: the last batch may be smaller than the others."
_SIZES = "all batches but the last have `size` indices, and the last has the rest."
_IN_ORDER = "the indices are not shuffled: neighbours in the data stay together."
_WITHIN = (
    "only the order of the batches is shuffled: each holds neighbours in the data. "
    "Shuffle the indices."
)
_PARTLY = (
    "many images still stand next to their neighbours in the data, as in an order that "
    "is only turned round, or shuffled in part. Shuffle all indices."
)
_HALVES = (
    "the two halves of the data are shuffled apart, and never meet in a batch. Shuffle "
    "all indices together."
)
_SAME = (
    "each epoch has the same order: take the order from `rng`, which goes on from "
    "epoch to epoch, and seed nothing inside."
)
_NOT_RNG = (
    "two generators with one seed give different batches: take the order from `rng`, "
    "and from nowhere else."
)


def _say_batches(answer) -> str | None:
    """Judge batches: any order will do that comes from the generator alone."""
    for n, size in ((6, 2), (7, 3), (1, 1), (3, 5), (5, 5), (64, 8), (50, 7), (0, 4)):
        text = _say_epoch(answer, n, size)
        if text is not None:
            return text
    rng = np.random.default_rng(5)
    first, second = (_whole(answer(40, 6, rng)) for _ in range(2))
    again = _whole(answer(40, 6, np.random.default_rng(5)))
    if np.array_equal(first, second):
        return f"Two epochs of n = 40, size = 6.\nLikely cause: {_SAME}"
    if not np.array_equal(first, again):
        return f"n = 40, size = 6, seed 5, twice.\nLikely cause: {_NOT_RNG}"
    return None


def _whole(batches):
    return np.concatenate([np.asarray(batch) for batch in batches])


def _say_epoch(answer, n, size) -> str | None:
    given = answer(n, size, np.random.default_rng(1))
    shown = f"n = {n}, size = {size}"
    if given is None:
        return "wrong type|Your function returned None."
    try:
        batches = [np.asarray(batch) for batch in given]
    except (TypeError, ValueError):
        return (
            f"wrong type|{shown}: got {_show.kind(given)}.\nLikely cause: {_NOT_ARRAYS}"
        )
    if any(
        one.ndim != 1 or (one.size and one.dtype.kind not in "iu") for one in batches
    ):
        return f"wrong type|{shown}.\nLikely cause: {_NOT_ARRAYS}"
    told = f"{shown}: got {_told(batches)}"
    sizes, order = [len(one) for one in batches], np.concatenate([[], *batches])
    wanted = [size] * (n // size) + [n % size] * (n % size > 0)
    if order.size and (order.min() < 0 or order.max() >= n):
        return f"{told}\nLikely cause: {_RANGE}"
    if len(set(order.tolist())) < len(order):
        return f"{told}\nLikely cause: {_TWICE}"
    if len(order) < n:
        return f"{told}\nLikely cause: {_LOST}"
    if sizes != wanted:
        return f"{told}\nWanted sizes {wanted}, got {sizes}.\nLikely cause: {_SIZES}"
    if n >= 50:
        if (np.diff(order) == 1).all() or (np.diff(order) == -1).all():
            return f"{told}\nLikely cause: {_IN_ORDER}"
        if all(np.ptp(one) == len(one) - 1 for one in batches):
            return f"{told}\nLikely cause: {_WITHIN}"
        if (np.abs(np.diff(order)) == 1).sum() > n // 5:
            return f"{told}\nLikely cause: {_PARTLY}"
        if (order[: n // 2] < n // 2).all() or (order[: n // 2] >= n // 2).all():
            return f"{told}\nLikely cause: {_HALVES}"
    return None


def _told(batches) -> str:
    text = ", ".join(str(one.tolist()) for one in batches[:4])
    return f"{text}, ..." if len(batches) > 4 else text


def _cut(order, size):
    return [order[i : i + size] for i in range(0, len(order), size)]


def _batches_shuffled(n, size, rng):
    batches = _cut(np.arange(n), size)
    return [batches[i] for i in rng.permutation(len(batches))]


minibatches = Exercise(
    name="minibatches",
    notebook="04",
    reference=optim.minibatches,
    cases=(),
    judge=_say_batches,
    mistakes=(
        Mistake(
            "not shuffled", lambda n, size, rng: _cut(np.arange(n), size), _IN_ORDER
        ),
        Mistake(
            "last batch dropped",
            lambda n, size, rng: _cut(rng.permutation(n)[: n // size * size], size),
            _LOST,
        ),
        Mistake(
            "drawn anew for each batch",
            lambda n, size, rng: [
                rng.integers(0, n, min(size, n - i)) for i in range(0, n, size)
            ],
            _TWICE,
        ),
        Mistake(
            "permuted anew for each batch",
            lambda n, size, rng: [
                rng.permutation(n)[i : i + size] for i in range(0, n, size)
            ],
            _TWICE,
        ),
        Mistake(
            "a seed of its own",
            lambda n, size, rng: _cut(np.random.default_rng(0).permutation(n), size),
            _SAME,
        ),
        Mistake(
            "another generator",
            lambda n, size, rng: _cut(np.random.default_rng().permutation(n), size),
            _NOT_RNG,
        ),
        Mistake(
            "counted from 1",
            lambda n, size, rng: _cut(rng.permutation(n) + 1, size),
            _RANGE,
        ),
        Mistake(
            "number of batches instead of their size",
            lambda n, size, rng: [
                part for part in np.array_split(rng.permutation(n), size) if len(part)
            ],
            _SIZES,
        ),
        Mistake("batches shuffled, not images", _batches_shuffled, _WITHIN),
        Mistake(
            "turned round, not shuffled",
            lambda n, size, rng: _cut(
                np.roll(np.arange(n), rng.integers(n) if n else 0), size
            ),
            _PARTLY,
        ),
        Mistake(
            "one half shuffled",
            lambda n, size, rng: _cut(
                np.r_[rng.permutation(n // 2), np.arange(n // 2, n)], size
            ),
            _PARTLY,
        ),
        Mistake(
            "halves shuffled apart",
            lambda n, size, rng: _cut(
                np.r_[rng.permutation(n // 2), n // 2 + rng.permutation(n - n // 2)],
                size,
            ),
            _HALVES,
        ),
        Mistake("one flat array", lambda n, size, rng: rng.permutation(n), _NOT_ARRAYS),
        Mistake(
            "evenly cut",
            lambda n, size, rng: [
                part
                for part in np.array_split(rng.permutation(n), -(-n // size) or 1)
                if len(part)
            ],
            _SIZES,
        ),
    ),
    hints_=(
        "Shuffle all indices once: `order = rng.permutation(n)`.",
        "Then cut: the batch that begins at position i is `order[i : i + size]`. A "
        "slice that reaches over the end stops there by itself.",
        "The positions are `range(0, n, size)`: "
        "`return [order[i : i + size] for i in range(0, n, size)]`.",
    ),
)


# ------------------------------------------------------------------------ momentum


def _drawn_step(rng, size):
    """Draw weights, a velocity and a gradient of one shape, and some of the dials."""
    shape = ((size,), (2, size))[rng.integers(2)]
    w, v, gradient = (rng.normal(0, 2, shape).round(2) for _ in range(3))
    if rng.random() < 0.2:
        w, v = rng.integers(-3, 4, shape), np.zeros(shape)
    rate = float(rng.choice([0.01, 0.1, 0.5]))
    dials = ({}, {"momentum": 0.5}, {"decay": 0.1}, {"momentum": 0.0, "decay": 0.0})
    return Case((w, v, gradient, rate), kwargs=dials[rng.integers(4)])


def _update(velocity, place=lambda w, v, old, rate, decay: w + v):
    """Return a wrong step: ``velocity(w, v, g, rate, m, decay)``, then ``place``."""

    def momentum_step(w, v, gradient, rate, momentum=0.9, decay=0.0005):
        new = velocity(w, v, gradient, rate, momentum, decay)
        return place(w, new, v, rate, decay), new

    return momentum_step


def _right_velocity(w, v, g, rate, m, decay):
    return m * v - decay * rate * w - rate * g


momentum_step = Exercise(
    name="momentum_step",
    notebook="04",
    reference=optim.momentum_step,
    outputs=("w", "v"),
    also=(optim._moving, optim._reached),
    cases=(
        Case((np.array([2.0]), np.array([0.0]), np.array([4.0]), 0.1), "by hand"),
        Case(
            (np.array([1.5999]), np.array([-0.4001]), np.array([3.1998]), 0.1),
            "by hand, the second step",
        ),
        Case(
            (np.array([1.0, -2.0]), np.array([0.5, 1.0]), np.array([3.0, 0.0]), 0.01),
            "two weights",
        ),
        Case(
            (np.array([1.0, -2.0]), np.array([0.5, 1.0]), np.array([3.0, 0.0]), 0.5),
            "other dials",
            {"momentum": 0.5, "decay": 0.1},
        ),
        Case(
            (np.array([[3, 1], [2, 0]]), np.zeros((2, 2)), np.eye(2), 0.5),
            "whole numbers, from rest",
        ),
    ),
    samples=_drawn_step,
    mistakes=(
        Mistake(
            "decay without the rate",
            _update(lambda w, v, g, rate, m, decay: m * v - decay * w - rate * g),
            "the rate is missing in the decay: it is decay * rate * w.",
        ),
        Mistake(
            "decay left out",
            _update(lambda w, v, g, rate, m, decay: m * v - rate * g),
            "the weight decay is left out: subtract decay * rate * w, too.",
        ),
        Mistake(
            "decay beside the velocity",
            _update(
                lambda w, v, g, rate, m, decay: m * v - rate * g,
                lambda w, v, old, rate, decay: w + v - decay * rate * w,
            ),
            "the decay is subtracted from w, beside the velocity; here it is a part of "
            "v, and is remembered with it.",
        ),
        Mistake(
            "a look ahead",
            lambda w, v, gradient, rate, momentum=0.9, decay=0.0005: (
                optim.nesterov_step(w, v, gradient, rate, momentum, decay)
            ),
            "the weights look ahead by one more momentum, which is Nesterov's rule; "
            "here they move by the new v, no more.",
        ),
        Mistake(
            "rate times all",
            _update(lambda w, v, g, rate, m, decay: rate * (m * v - decay * w - g)),
            "the old velocity is multiplied by the rate, too; only the decay and the "
            "gradient are.",
        ),
        Mistake(
            "decay added",
            _update(
                lambda w, v, g, rate, m, decay: m * v + decay * rate * w - rate * g
            ),
            "the decay is added: it must pull the weights towards 0.",
        ),
        Mistake(
            "uphill",
            _update(
                lambda w, v, g, rate, m, decay: m * v - decay * rate * w + rate * g
            ),
            "the gradient is added to the velocity, which leads uphill.",
        ),
        Mistake(
            "velocity of the other sign",
            _update(
                lambda w, v, g, rate, m, decay: m * v + decay * rate * w + rate * g,
                lambda w, v, old, rate, decay: w - v,
            ),
            "your velocity points uphill and is subtracted. That is a rule, too; in "
            "this one v points downhill, and is added.",
        ),
        Mistake(
            "the rate outside",
            _update(
                lambda w, v, g, rate, m, decay: m * v + decay * w + g,
                lambda w, v, old, rate, decay: w - rate * v,
            ),
            "this is PyTorch's rule, with the rate outside the velocity. The paper "
            "keeps it inside: v = momentum * v - decay * rate * w - rate * gradient.",
        ),
        Mistake(
            "old velocity",
            _update(_right_velocity, lambda w, v, old, rate, decay: w + old),
            "the weights move by the old velocity: make the new one, then add it.",
        ),
        Mistake(
            "new velocity subtracted",
            _update(_right_velocity, lambda w, v, old, rate, decay: w - v),
            "the velocity already points downhill: add it to the weights.",
        ),
        Mistake(
            "an average",
            _update(
                lambda w, v, g, rate, m, decay: (
                    m * v - (1 - m) * (decay * rate * w + rate * g)
                )
            ),
            "the gradient is weighted by 1 - momentum; in the paper it enters in full.",
        ),
        Mistake(
            "momentum not used",
            _update(lambda w, v, g, rate, m, decay: v - decay * rate * w - rate * g),
            "the old velocity is kept in full: multiply it by momentum.",
        ),
        Mistake(
            "no memory",
            _update(lambda w, v, g, rate, m, decay: -decay * rate * w - rate * g),
            "the old velocity is forgotten: the new one begins with momentum * v.",
        ),
        Mistake(
            "dials not used",
            lambda w, v, gradient, rate, momentum=0.9, decay=0.0005: (
                optim.momentum_step(w, v, gradient, rate)
            ),
            "0.9 and 0.0005 are written in: use the parameters momentum and decay.",
        ),
        Mistake(
            "results exchanged",
            lambda w, v, gradient, rate, momentum=0.9, decay=0.0005: (
                optim.momentum_step(w, v, gradient, rate, momentum, decay)[::-1]
            ),
            "the two results are exchanged: return w first, then v.",
        ),
        Mistake(
            "in place on whole numbers",
            _step_in_place,
            "`w += v` keeps the type of w, and whole numbers have no room for "
            "fractions: write `w + v`.",
        ),
        Mistake(
            "rate applied twice",
            _update(_right_velocity, lambda w, v, old, rate, decay: w + rate * v),
            "the rate is applied twice: it is already in the velocity.",
        ),
    ),
    hints_=(
        "Two lines: first the new velocity from the old one, then the new weights from "
        "the new velocity. Make new arrays, and leave those that you were given.",
        "`v = momentum * v - decay * rate * w - rate * gradient`.",
        "Then `return w + v, v`.",
    ),
)


# ---------------------------------------------------------------- a rate that drops


def _drawn_rate(rng, size):
    """Draw an epoch, and drops in rising order, none or several, a factor or none."""
    drops = np.cumsum(rng.integers(1, 6, rng.integers(0, 4))).tolist()
    epoch = int(rng.integers(0, 4 * size + 4))
    if drops and rng.random() < 0.4:
        epoch = int(rng.choice(drops))  # exactly where it drops
    rate = float(rng.choice([0.01, 0.5, 2.0]))
    factor = ((), (0.5,), (0.2,))[rng.integers(3)]
    return Case((epoch, rate, drops, *factor))


def _rate(count=lambda epoch, drops: sum(epoch >= drop for drop in drops)):
    def step_rate(epoch, rate, drops, factor=0.1):
        return rate * factor ** count(epoch, drops)

    return step_rate


step_rate = Exercise(
    name="step_rate",
    notebook="04",
    reference=optim.step_rate,
    rtol=1e-9,
    atol=1e-12,
    cases=(
        Case((0, 0.01, [2, 4]), "before the first drop"),
        Case((2, 0.01, [2, 4]), "exactly at a drop"),
        Case((3, 0.01, [2, 4]), "one epoch before the second drop"),
        Case((5, 0.01, [2, 4]), "after both"),
        Case((3, 0.5, [2, 4], 0.5), "another factor"),
        Case((7, 0.5, []), "no drop at all"),
        Case((9, 1.0, [1, 2, 3]), "three drops"),
    ),
    samples=_drawn_rate,
    mistakes=(
        Mistake(
            "one epoch late",
            _rate(lambda epoch, drops: sum(epoch > drop for drop in drops)),
            "the rate drops one epoch late: from the epoch named on, so >= is meant.",
        ),
        Mistake(
            "one epoch early",
            _rate(lambda epoch, drops: sum(epoch + 1 >= drop for drop in drops)),
            "the rate drops one epoch early: the first epoch is 0, as in `drops`.",
        ),
        Mistake(
            "what the factor leaves",
            lambda epoch, rate, drops, factor=0.1: (
                rate * (1 - factor) ** sum(epoch >= drop for drop in drops)
            ),
            "the rate is multiplied by 1 - factor: multiply it by the factor itself.",
        ),
        Mistake(
            "dropped once only",
            _rate(lambda epoch, drops: int(any(epoch >= drop for drop in drops))),
            "the rate drops once only: multiply once for each drop that is reached.",
        ),
        Mistake(
            "all drops at once",
            _rate(lambda epoch, drops: len(drops)),
            "every drop is counted, those to come as well: compare with the epoch.",
        ),
        Mistake(
            "a drop each epoch",
            _rate(lambda epoch, drops: epoch),
            "the rate drops in every epoch: only at those in `drops`.",
        ),
        Mistake(
            "at the drop only",
            _rate(lambda epoch, drops: sum(epoch == drop for drop in drops)),
            "the rate goes up again after a drop: what is reached stays reached.",
        ),
        Mistake(
            "factor not used",
            lambda epoch, rate, drops, factor=0.1: optim.step_rate(epoch, rate, drops),
            "the factor is always 0.1: use the parameter.",
        ),
        Mistake(
            "divided",
            lambda epoch, rate, drops, factor=0.1: (
                rate / factor ** sum(epoch >= drop for drop in drops)
            ),
            "the rate is divided by the factor, and grows. Multiply.",
        ),
        Mistake(
            "factor times count",
            lambda epoch, rate, drops, factor=0.1: (
                rate * (factor * sum(epoch >= d for d in drops) or 1)
            ),
            "the factor is multiplied by the number of drops; it is to be applied "
            "that many times: factor ** count.",
        ),
        Mistake(
            "subtracted",
            lambda epoch, rate, drops, factor=0.1: (
                rate - factor * sum(epoch >= drop for drop in drops)
            ),
            "the factor is subtracted; the rate is to be multiplied by it.",
        ),
        Mistake(
            "the factor alone",
            lambda epoch, rate, drops, factor=0.1: (
                factor ** sum(epoch >= drop for drop in drops)
            ),
            "the rate of the start is missing in the product.",
        ),
    ),
    hints_=(
        "How many drops has this epoch reached? A drop at epoch d is reached where "
        "`epoch >= d`.",
        "`reached = sum(epoch >= d for d in drops)`; True counts as 1.",
        "`return rate * factor**reached`.",
    ),
)


# --------------------------------------------------------------------- find the bug

_POINTS = np.array([[1.0, 0.0], [3.0, 1.0], [2.0, -2.0], [0.0, 5.0], [-4.0, 1.0]])


def _towards(points):
    """Return the gradient of half the mean squared distance from some points."""
    return _named(
        "w, batch -> w - the mean of points[batch]",
        lambda w, batch: w - points[batch].mean(axis=0),
    )


def _drawn_epoch(rng, size):
    n, d = int(rng.integers(2, size + 3)), int(rng.integers(1, 4))
    slope = _towards(rng.integers(-5, 6, (n, d)).astype(float))
    batches = optim.minibatches(n, int(rng.integers(1, n + 1)), rng)
    if rng.random() < 0.3:
        batches = batches[:1]
    start = rng.integers(-3, 4, d).astype(float)
    return Case((slope, start, batches, float(rng.choice([0.1, 0.3, 0.5]))))


def _one_behind(gradient_of, w, batches, rate):
    """Take one step for each batch; return the weights reached."""
    gradient = gradient_of(w, batches[0])
    for batch in batches:
        w = w - rate * gradient
        gradient = gradient_of(w, batch)
    return w


def _all_at_start(gradient_of, w, batches, rate):
    return w - rate * sum(gradient_of(w, batch) for batch in batches)


def _place_behind(gradient_of, w, batches, rate):
    before = w
    for batch in batches:
        before, w = w, w - rate * gradient_of(before, batch)
    return w


def _one_ahead(gradient_of, w, batches, rate):
    gradient = gradient_of(w, batches[0])
    for batch in batches[1:]:
        w = w - rate * gradient
        gradient = gradient_of(w, batch)
    return w


def _last_repeated(gradient_of, w, batches, rate):
    return optim.gradient_step(
        w := _one_behind(gradient_of, w, batches, rate),
        gradient_of(w, batches[-1]),
        rate,
    )


def _added_up(gradient_of, w, batches, rate):
    total = 0.0
    for batch in batches:
        total = total + gradient_of(w, batch)
        w = w - rate * total
    return w


sgd_epoch = FindBug(
    name="sgd_epoch",
    notebook="04",
    reference=optim.sgd_epoch,
    broken=_one_behind,
    cases=(
        Case(
            (
                _towards(_POINTS),
                np.array([0.0, 0.0]),
                [np.array([0]), np.array([1])],
                0.5,
            ),
            "two batches of one point: (1, 0), then (3, 1)",
        ),
        Case(
            (_towards(_POINTS), np.array([1.0, 1.0]), [np.arange(5)], 0.5), "one batch"
        ),
        Case(
            (
                _towards(_POINTS),
                np.array([0.0, 2.0]),
                [np.array([4, 2]), np.array([0, 1]), np.array([3])],
                0.3,
            ),
            "three batches, the last one smaller",
        ),
    ),
    samples=_drawn_epoch,
    causes=(
        Cause(
            "a",
            "The steps lead uphill.",
            "Look at one batch only: the result is right, so the sign is.",
        ),
        Cause(
            "b",
            "The weights that were given are changed in place.",
            "`w = w - ...` makes a new array; `w -= ...` would change the old one.",
        ),
        Cause(
            "c",
            "Each step uses the gradient of the batch before; the last is never used.",
            right=True,
        ),
        Cause(
            "d",
            "All gradients are measured at the weights of the start.",
            "`gradient_of(w, batch)` stands inside the loop, where w has moved.",
        ),
    ),
    mistakes=(
        Mistake(
            "all gradients at the start",
            _all_at_start,
            "now all gradients are measured at the weights of the start: measure each "
            "where the last step led.",
        ),
        Mistake(
            "gradient of the place before",
            _place_behind,
            "now each gradient is of the right batch, but measured one place behind.",
        ),
        Mistake(
            "last batch left out",
            _one_ahead,
            "the last batch is left out: its gradient is measured, and never used.",
        ),
        Mistake(
            "a step more",
            _last_repeated,
            "one step too many: the first batch is still used twice.",
        ),
        Mistake(
            "uphill",
            lambda gradient_of, w, batches, rate: optim.sgd_epoch(
                lambda w, batch: -gradient_of(w, batch), w, batches, rate
            ),
            "the steps lead uphill now: subtract the gradient.",
        ),
        Mistake(
            "first batch always",
            lambda gradient_of, w, batches, rate: optim.sgd_epoch(
                lambda w, batch: gradient_of(w, batches[0]), w, batches, rate
            ),
            "every step uses the first batch: pass `batch` on.",
        ),
        Mistake(
            "gradients added up",
            _added_up,
            "the gradients are added up, and each step takes all so far: a step "
            "takes that of its batch alone.",
        ),
        Mistake(
            "times the images",
            lambda gradient_of, w, batches, rate: optim.sgd_epoch(
                lambda w, batch: len(batch) * gradient_of(w, batch), w, batches, rate
            ),
            "the gradient is multiplied by the images of the batch: it is already "
            "their mean, and the rate alone sets the step.",
        ),
        Mistake(
            "over the batches",
            lambda gradient_of, w, batches, rate: optim.sgd_epoch(
                gradient_of, w, batches, rate / len(batches)
            ),
            "each step is divided by the number of batches; SGD takes every step in "
            "full.",
        ),
        Mistake(
            "unmended",
            _one_behind,
            "each step still uses the gradient of the batch before.",
        ),
    ),
    hints_=(
        "Go through it by hand with two batches. Which batch does `gradient` come from "
        "when the second step is taken?",
        "A step needs two lines, in the right order: measure, then move.",
        "Drop the line before the loop. In the loop, write "
        "`gradient = gradient_of(w, batch)` above `w = w - rate * gradient`.",
    ),
)


# ------------------------------------------------------------------------- open

TRAININGS, SEARCH_BAR, JUDGING_SEEDS = 20, 0.959, range(1, 6)
NAMES = ("rate", "momentum", "decay", "size")


class _Budget:
    """``digits_training``, at most 20 times."""

    def __init__(self):
        self.done = []

    def __call__(self, rate, momentum=0.9, decay=0.0005, size=64):
        if len(self.done) == TRAININGS:
            raise RuntimeError(
                f"twenty_trainings: all {TRAININGS} trainings are used up"
            )
        setting = _setting((rate, momentum, decay, size))
        share = landscapes.digits_training(*setting)
        self.done.append((share, setting))
        return share


def _setting(given):
    """Return (rate, momentum, decay, size), or raise what is wrong with it."""
    if isinstance(given, dict):
        given = tuple(given[name] for name in NAMES if name in given)
    try:
        rate, momentum, decay, size = given
        return float(rate), float(momentum), float(decay), round(float(size))
    except (TypeError, ValueError):
        raise TypeError(
            "twenty_trainings: four numbers are wanted, (rate, momentum, decay, size); "
            f"got {_show.kind(given)}"
        ) from None


def _score_search(search) -> Score:
    train = _Budget()
    setting = _setting(search(train))
    shares = [landscapes.digits_training(*setting, seed=seed) for seed in JUDGING_SEEDS]
    value = float(np.mean(shares))
    told = "rate {:.3g}, momentum {:g}, decay {:g}, size {}".format(*setting)
    detail = f"{len(train.done)} trainings; your choice: {told}."
    if not train.done:
        return Score(value, f"{detail} You never called `train`.")
    best = max(share for share, _ in train.done)
    own = max((share for share, one in train.done if one == setting), default=0.0)
    lowest, highest = (f(one[0] for _, one in train.done) for f in (min, max))
    detail += f" The best of them had {best:.1%}."
    if value < SEARCH_BAR:
        if highest / max(lowest, 1e-300) < 100:
            detail += (
                f" Your rates lie between {lowest:.3g} and {highest:.3g}: the best one "
                "may be a hundred times as far away. Begin coarse."
            )
        elif own < best:
            detail += " You returned another setting than that of the best one."
        elif len(train.done) < TRAININGS:
            detail += f" {TRAININGS - len(train.done)} trainings were left."
        else:
            detail += " Search finer where the coarse part was best."
    return Score(value, detail)


def _fixed(*setting):
    def twenty_trainings(train):
        train(*setting)
        return setting

    return twenty_trainings


def _linear_rates(train):
    rates = np.linspace(1e-3, 0.02, TRAININGS)
    return max(rates, key=train), 0.9, 0.0005, 64


def _worst(train):
    rates = 10.0 ** np.linspace(-4, 1, TRAININGS)
    return min(rates, key=train), 0.9, 0.0005, 64


twenty_trainings = Open(
    name="twenty_trainings",
    notebook="04",
    reference=landscapes.twenty_trainings,
    score=_score_search,
    bar=SEARCH_BAR,
    measured_on=(
        "287 held-out digits, after three passes over 1151 others, as the mean of five "
        "new orders of these"
    ),
    mistakes=(
        Mistake("the stub's", _fixed(1e-3, 0.9, 0.0005, 64), "Your rates lie between"),
        Mistake("a narrow range", _linear_rates, "may be a hundred times as far"),
        Mistake("the worst one", _worst, "another setting than that of the best"),
        Mistake("no search", lambda train: (0.01, 0, 0, 512), "never called `train`"),
    ),
    hints_=(
        "Rates differ by factors, not by sums: try 10.0 ** -4, 10.0 ** -3, up to 10, "
        "with everything else fixed. Six trainings.",
        "Then finely round the best one, with factors from 0.25 to 4. Six more.",
        "Smaller batches take more steps in three passes: try `for size in (8, 16):` "
        "with the rate at `fine[0] * size / 32`, where `fine` is the best setting so "
        "far. Return the best setting of all.",
    ),
)

EXERCISES = (
    gradient_descent,
    numerical_gradient,
    minibatches,
    sgd_epoch,
    momentum_step,
    step_rate,
    twenty_trainings,
)
