"""The δ rule: a network of sigmoid neurons that learns one pattern after another.

Letters, as in lecture CSE634: targets T, outputs O, learning rate α, steepness λ
(``slope``) of the neurons ``O = 1 / (1 + exp(-λ net))``. A network is a list of layers
``(w, b)``, with ``w`` (outputs, inputs) and ``b`` (outputs,), the weights of an input
that is always 1.
An error signal δ is *minus* the derivative of the error ``(T - O)^2 / 2`` in ``net``.

The lecture prints both signals for λ = 1; by the chain rule each has a factor λ.
No function changes its inputs.
"""

import numpy as np

from . import arrays, shapes
from .neurons import sigmoid

XOR = (
    np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]),  # patterns (N, inputs)
    np.array([[0.0], [1], [1], [0]]),  # targets (N, outputs)
)


def forward(x: np.ndarray, layers, slope: float = 1.0) -> list[np.ndarray]:
    """Return the outputs of every layer, the pattern itself first.

    Parameters
    ----------
    x : (inputs,) one pattern, or (N, inputs)
    layers : list of (w, b)
    """
    outputs = [_floats(x, "forward", "x")]
    slope = shapes.require_number(slope, 0, "forward", "slope")
    for w, b in layers:
        w, b = _fitting(outputs[-1].shape, w, b, "forward")
        outputs.append(sigmoid(outputs[-1] @ w.T + b, slope))
    return outputs


def delta_output(t: np.ndarray, o: np.ndarray, slope: float = 1.0) -> np.ndarray:
    """Return the error signals of output neurons: ``λ (T - O) O (1 - O)``.

    Parameters
    ----------
    t, o : (K,) targets and outputs, or (N, K)
    slope : λ

    Examples
    --------
    >>> delta_output([1.0], [0.5]).tolist()
    [0.125]
    """
    t, o = _targets_and_outputs(t, o, "delta_output")
    slope = shapes.require_number(slope, 0, "delta_output", "slope")
    return slope * (t - o) * o * (1 - o)


def delta_hidden(o, delta, w, slope: float = 1.0) -> np.ndarray:
    """Return the error signals of hidden neurons: ``λ O_j (1 - O_j) Σ_k δ_k w_kj``.

    Parameters
    ----------
    o : (J,) outputs of the hidden neurons, or (N, J)
    delta : (K,) error signals of the neurons they feed, or (N, K)
    w : (K, J), from hidden neuron j to neuron k
    slope : λ

    Examples
    --------
    >>> delta_hidden([0.5, 0.5], [0.1], [[2.0, -4.0]]).round(3).tolist()
    [0.05, -0.1]
    """
    o, delta, w = (
        _floats(one, "delta_hidden", name)
        for one, name in ((o, "o"), (delta, "delta"), (w, "w"))
    )
    shapes.require_axes(w, "K, J", "delta_hidden", "w")
    shapes.require_shape(o, (*delta.shape[:-1], w.shape[1]), "delta_hidden", "o")
    shapes.require_same("delta_hidden", deltas=delta.shape[-1], rows_of_w=len(w))
    slope = shapes.require_number(slope, 0, "delta_hidden", "slope")
    return slope * o * (1 - o) * (delta @ w)


def adjust(layers, outputs, deltas, rate: float) -> list[tuple]:
    """Return new layers after one pattern: ``w_ji + α δ_j O_i``, ``b_j + α δ_j``.

    Parameters
    ----------
    layers : list of (w, b)
    outputs : as from `forward`, the pattern first
    deltas : the error signals (outputs,) of every layer
    rate : α
    """
    rate = shapes.require_number(rate, 0, "adjust", "rate")
    counts = {"layers": len(layers), "outputs_less_one": len(outputs) - 1}
    shapes.require_same("adjust", **counts, deltas=len(deltas))
    return [
        (w + rate * np.outer(delta, o), b + rate * delta)
        for (w, b), o, delta in zip(layers, outputs[:-1], deltas, strict=True)
    ]


def tsse(t: np.ndarray, o: np.ndarray) -> float:
    """Total sum of squared errors: ``½ Σ over patterns and outputs of (T - O)^2``."""
    t, o = _targets_and_outputs(t, o, "tsse")
    with np.errstate(over="ignore"):
        total = 0.5 * ((t - o) ** 2).sum()
    shapes.require_in_range(total, "tsse", "the squared errors")
    return float(total)


def rmse(t: np.ndarray, o: np.ndarray) -> float:
    """Root mean squared error: ``√(2 TSSE / (patterns · outputs))``."""
    t, o = _targets_and_outputs(t, o, "rmse")
    shapes.require_int(t.size, 1, "rmse", "the number of targets")
    return float(np.sqrt(2 * tsse(t, o) / t.size))


def start(sizes, seeds, scale: float = 1.0) -> list[tuple]:
    """Return layers with weights drawn from -scale to scale, for one seed or many.

    Parameters
    ----------
    sizes : neurons of every layer, the inputs first, such as (2, 2, 1)
    seeds : an integer, or a list of S; then every array gets a first axis of S
    """
    sizes = [shapes.require_int(n, 1, "start", "a size") for n in sizes]
    scale = shapes.require_number(scale, 0, "start", "scale")
    if np.ndim(seeds) == 0:
        rng = np.random.default_rng(shapes.require_seed(seeds, "start"))
        return [
            (rng.uniform(-scale, scale, (k, d)), rng.uniform(-scale, scale, k))
            for d, k in zip(sizes[:-1], sizes[1:], strict=True)
        ]
    single = [start(sizes, seed, scale) for seed in seeds]
    return [tuple(map(np.stack, zip(*layer, strict=True)))
            for layer in zip(*single, strict=True)]  # fmt: skip


def train(x, t, layers, rng, rate=1.0, slope=1.0, goal=0.1, passes=1000):
    """Return (layers, RMSE after every pass): the lecture's loop, in random order.

    It ends when the RMSE over all patterns is below ``goal``, or after ``passes``.
    With layers of many starts (see `start`) all are trained side by side, the same
    order for each, and the RMSE has shape (passes + 1, S); it ends after ``passes``.

    Parameters
    ----------
    x, t : (N, inputs), (N, outputs)
    rng : a generator, such as np.random.default_rng(0)
    """
    x = arrays.as_numbers(x, "N, D", "train", "x")
    t = arrays.as_numbers(t, "N, K", "train", "t")
    shapes.require_same("train", patterns=len(x), targets=len(t))
    shapes.require_int(len(x), 1, "train", "the number of patterns")
    rate = shapes.require_number(rate, 0, "train", "rate")
    slope = shapes.require_number(slope, 0, "train", "slope")
    passes = shapes.require_int(passes, 0, "train", "passes")
    goal = shapes.require_number(goal, None, "train", "goal")
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            "train: rng must be a generator, np.random.default_rng(0); "
            f"got {shapes.spoken(rng)}."
        )
    layers, many = _layers(layers, x.shape[1], t.shape[1])
    # (S, K, D) and (S, 1, K): one start is many starts of one
    nets = [
        [w.copy(), b[:, None].copy()]
        if many
        else [w[None].copy(), b[None, None].copy()]
        for w, b in layers
    ]
    errors = [_errors(x, t, nets, slope)]
    for _ in range(passes):
        if not many and errors[-1][0] < goal:
            break
        for n in rng.permutation(len(x)):
            _step(x[n], t[n], nets, rate, slope)
        errors.append(_errors(x, t, nets, slope))
    trained = [(w, b[:, 0]) if many else (w[0], b[0, 0]) for w, b in nets]
    return trained, np.array(errors) if many else np.array(errors)[:, 0]


def _outputs(x, nets, slope):
    outputs = [x]
    for w, b in nets:
        outputs.append(sigmoid(outputs[-1] @ w.swapaxes(1, 2) + b, slope))
    return outputs


def _errors(x, t, nets, slope):
    return np.sqrt(((t - _outputs(x, nets, slope)[-1]) ** 2).mean(axis=(1, 2)))


def _step(x, t, nets, rate, slope):
    """Change ``nets`` by one pattern: forward, error signals, adjustments."""
    outputs = _outputs(x[None, None], nets, slope)
    o = outputs[-1]  # (S, 1, K)
    delta = slope * (t - o) * o * (1 - o)
    for layer in reversed(range(len(nets))):
        w, b = nets[layer]
        o = outputs[layer]
        below = slope * o * (1 - o) * (delta @ w)  # before w changes
        w += rate * delta.swapaxes(1, 2) * o
        b += rate * delta
        delta = below


def _layers(layers, inputs, outputs):
    """Return the layers as checked floats, and whether they are of many starts."""
    shapes.require_int(len(layers), 1, "train", "the number of layers")
    many, checked, below = np.ndim(layers[0][0]) == 3, [], (inputs,)
    for w, b in layers:
        if many:  # the first axis is the starts: the same for all
            w, b = _floats(w, "train", "w"), _floats(b, "train", "b")
            shapes.require_axes(w, "S, outputs, inputs", "train", "w")
            shapes.require_axes(b, "S, outputs", "train", "b")
            starts = len(checked[0][0]) if checked else len(w)
            shapes.require_same("train", starts=starts, in_w=len(w), in_b=len(b))
            if starts:
                _fitting(below, w[0], b[0], "train")
        else:
            w, b = _fitting(below, w, b, "train")
        checked.append((w, b))
        below = b.shape[-1:]
    shapes.require_same("train", outputs=below[0], columns_of_t=outputs)
    return checked, many


def _fitting(below, w, b, where):
    """Return (w, b) as floats that fit the outputs below, of this shape."""
    w = arrays.as_numbers(w, "outputs, inputs", where, "w")
    b = arrays.as_numbers(b, "outputs", where, "b")
    shapes.require_same(where, inputs=below[-1], columns_of_w=w.shape[1])
    shapes.require_same(where, rows_of_w=len(w), entries_of_b=len(b))
    return w, b


def _floats(values, where, name):
    """Return numbers as floats: whole ones of few bits would wrap round."""
    array = arrays.real_array(values, where, name).astype(float)
    if array.ndim == 0:
        raise ValueError(f"{where}: {name} needs a row of numbers; got one number.")
    return array


def _targets_and_outputs(t, o, where):
    t, o = _floats(t, where, "t"), _floats(o, where, "o")
    shapes.require_shape(o, t.shape, where, "o")
    return t, o
