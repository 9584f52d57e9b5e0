"""Perceptrons and neurons: a threshold, its learning rule, circuits, activations.

Letters: N examples, D inputs, M neurons of a layer; ``x`` (N, D), ``w`` (D,) and a
number ``b`` for one neuron, ``w`` (M, D) and ``b`` (M,) for a layer, targets ``t``
(N,) of 0 and 1. A perceptron answers 1 where ``w . x + b`` is above 0, and 0 where it
is 0 or below.

No function changes its inputs. float32 stays float32; other types become float64.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from . import arrays, ops, shapes

ROW = "For one example take x[None]."
MOST_INPUTS = 10**6  # of a NAND: more is a slip


# ------------------------------------------------------------------ one perceptron


def _bias(b, where: str) -> float:
    return shapes.require_number(b, None, where, "b")


def perceptron(x: np.ndarray, w: np.ndarray, b: float) -> np.ndarray:
    """Answer of one perceptron to every row: 1 where ``w . x[n] + b > 0``, else 0.

    Parameters
    ----------
    x : (N, D)
    w : (D,)
    b : a number

    Returns
    -------
    (N,) int64 of 0 and 1

    Examples
    --------
    >>> perceptron([[0, 0], [0, 1], [1, 0], [1, 1]], [-2, -2], 3).tolist()
    [1, 1, 1, 0]
    """
    x = arrays.as_numbers(x, "N, D", "perceptron", "x", ROW)
    w = arrays.as_numbers(w, "D", "perceptron", "w")
    shapes.require_same("perceptron", x_columns=x.shape[1], w_entries=len(w))
    with np.errstate(all="ignore"):
        z = x @ w + _bias(b, "perceptron")  # (N,)
    shapes.require_in_range(z, "perceptron", "w . x + b")
    return (z > 0).astype(np.int64)


def nand_weights(n: int) -> tuple[np.ndarray, float]:
    """Return ``w`` (n,) and ``b`` of a perceptron that computes NAND of n inputs.

    NAND of inputs 0 and 1 is 0 where all of them are 1, else 1. With every weight -2,
    all ones add up to -2n, and one zero less to -2n + 2: a bias between 2n - 2 and 2n
    parts the two, such as 2n - 1.

    Examples
    --------
    >>> nand_weights(2)
    (array([-2., -2.]), 3.0)
    """
    n = shapes.require_int(n, 1, "nand_weights", "n", MOST_INPUTS)
    return np.full(n, -2.0), 2.0 * n - 1


def perceptron_update(
    x: np.ndarray, t: int, w: np.ndarray, b: float
) -> tuple[np.ndarray, float]:
    """Mend a perceptron by one example, and return the new ``w`` and ``b``.

    With ``y`` its answer to ``x``: ``w <- w + (t - y) x`` and ``b <- b + (t - y)``.
    A right answer changes nothing.

    Parameters
    ----------
    x : (D,)
    t : the right answer, 0 or 1
    w, b : (D,) and a number; not changed

    Source: F. Rosenblatt, The perceptron, Psychological Review 65 (1958).

    Examples
    --------
    >>> perceptron_update([1.0, 2.0], 1, [0.5, -1.0], 0.0)
    (array([1.5, 1. ]), 1.0)
    """
    where = "perceptron_update"
    x = arrays.as_numbers(x, "D", where, "x", "Hand over one example: x[n].")
    t = shapes.require_int(t, 0, where, "t", 1)
    y = int(perceptron(x[None], w, b)[0])
    w = arrays.as_numbers(w, "D", where, "w")
    return w + (t - y) * x, _bias(b, where) + (t - y)


class Moment(NamedTuple):
    """A perceptron while it learns: ``w``, ``b``, and the example that led here."""

    w: np.ndarray
    b: float
    example: int | None  # None at the start


def perceptron_path(
    x, t, w, b, corrections: int, update: Callable = perceptron_update
) -> list[Moment]:
    """Return the start and every correction of the perceptron rule, in order.

    The examples are asked in turn, round and round; each that is answered wrongly
    mends the perceptron by ``update(x[n], t[n], w, b)``. It ends after a whole round
    without an error, or after so many corrections.

    Parameters
    ----------
    x, t : (N, D) and (N,) of 0 and 1
    w, b : where to start
    corrections : at most so many
    update : such as `perceptron_update`, or a learner's version of it
    """
    where = "perceptron_path"
    x = arrays.as_numbers(x, "N, D", where, "x", ROW)
    t = arrays.as_labels(t, 2, len(x), where, "t")
    corrections = shapes.require_int(corrections, 0, where, "corrections")
    shapes.require_callable(update, where, "update")
    path = [Moment(arrays.as_numbers(w, "D", where, "w"), _bias(b, where), None)]
    n, clean = 0, 0  # whose turn it is, and how many were right in a row
    wrong = perceptron(x, *path[-1][:2]) != t
    while len(path) <= corrections and clean < len(x):
        clean += 1
        if wrong[n]:
            w, b = update(x[n], t[n], *path[-1][:2])
            path.append(Moment(np.asarray(w, dtype=float), float(b), n))
            wrong, clean = perceptron(x, *path[-1][:2]) != t, 0
        n = (n + 1) % len(x)
    return path


# --------------------------------------------------------- networks of perceptrons


def xor_network() -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Return ``w1, b1, w2, b2`` of three perceptrons that compute XOR.

    The first layer, ``w1`` (2, 2) and ``b1`` (2,), holds OR and NAND of the two
    inputs; the last perceptron, ``w2`` (2,) and a number ``b2``, is their AND.
    """
    w1 = np.array([[2.0, 2.0], [-2.0, -2.0]])  # OR, NAND
    return w1, np.array([-1.0, 3.0]), np.array([2.0, 2.0]), -3.0


def half_adder(a, b, nand: Callable) -> tuple:
    """Return the sum and the carry of two bits, by five calls of ``nand``.

    Parameters
    ----------
    a, b : bits, or whatever ``nand`` takes
    nand : function of two bits
    """
    m = nand(a, b)
    return nand(nand(a, m), nand(b, m)), nand(m, m)


def full_adder(a, b, c, nand: Callable) -> tuple:
    """Return the sum and the carry of three bits, by nine calls of ``nand``.

    Two half adders, but without their last gates: the carry is 1 where m or n is 0,
    and that is ``nand(m, n)``.

    Parameters
    ----------
    a, b, c : bits, or whatever ``nand`` takes
    nand : function of two bits
    """
    m = nand(a, b)
    s = nand(nand(a, m), nand(b, m))  # the sum of a and b
    n = nand(s, c)
    return nand(nand(s, n), nand(c, n)), nand(m, n)


class Wire:
    """A wire of a circuit that is being read: it can go into a NAND, nothing else."""

    def __init__(self, number: int):
        self.number = number

    def _refuse(self, *_):
        raise TypeError(
            "a wire carries no value while the circuit is read, so it cannot be "
            "compared, counted or asked: call nand(wire, wire)."
        )

    __bool__ = __int__ = __index__ = __float__ = __len__ = __iter__ = _refuse
    __eq__ = __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _refuse
    __mod__ = __floordiv__ = __truediv__ = __invert__ = __neg__ = _refuse
    __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __hash__ = object.__hash__


class Circuit(NamedTuple):
    """NAND gates in the order in which they were called.

    Wires are numbered: the inputs first, then one for each gate. ``gates[i]`` holds
    the numbers of the two wires that go into it, ``outputs`` those that come out.
    """

    inputs: int
    gates: tuple[tuple[int, int], ...]
    outputs: tuple[int, ...]

    def values(self, bits, nand: Callable) -> list[int]:
        """Return the value of every wire for these input bits."""
        wires = list(bits)
        for i, j in self.gates:
            wires.append(nand(wires[i], wires[j]))
        return wires


def read_circuit(circuit: Callable, inputs: int) -> Circuit:
    """Return the gates of a function such as `half_adder`, by calling it once.

    Parameters
    ----------
    circuit : function of ``inputs`` wires and of ``nand``; returns a wire or several
    inputs : how many

    Raises
    ------
    TypeError
        If it does something else with a wire than hand it to ``nand``, or returns
        something else.
    """
    where = "read_circuit"
    shapes.require_callable(circuit, where, "circuit")
    inputs = shapes.require_int(inputs, 1, where, "inputs", 16)
    gates: list[tuple[int, int]] = []

    def nand(one, other):
        for wire in (one, other):
            if not isinstance(wire, Wire):
                raise TypeError(
                    "nand takes two wires, inputs or answers of nand, and no "
                    f"constants; got {shapes.spoken(wire)}."
                )
        gates.append((one.number, other.number))
        return Wire(inputs + len(gates) - 1)

    result = circuit(*map(Wire, range(inputs)), nand)
    outputs = result if isinstance(result, (tuple, list)) else (result,)
    for wire in outputs:
        if not isinstance(wire, Wire):
            raise TypeError(
                f"{where}: the circuit must return wires, inputs or results of nand; "
                f"got {shapes.spoken(wire)}."
            )
    return Circuit(inputs, tuple(gates), tuple(wire.number for wire in outputs))


# --------------------------------------------------------------------- activations


def sigmoid(z: np.ndarray, slope: float = 1.0) -> np.ndarray:
    """Sigmoid of every number: ``1 / (1 + exp(-slope z))``.

    Parameters
    ----------
    z : any shape
    slope : the larger, the more it looks like a step

    Examples
    --------
    >>> sigmoid([-1000.0, 0.0, 1000.0]).tolist()
    [0.0, 0.5, 1.0]
    """
    z = _numbers(z, "sigmoid")
    slope = shapes.require_number(slope, None, "sigmoid", "slope")
    with np.errstate(over="ignore"):  # exp(1000) is infinite, and 1 / inf is 0: right
        return 1 / (1 + np.exp(-z.dtype.type(slope) * z))


def sigmoid_derivative(z: np.ndarray, slope: float = 1.0) -> np.ndarray:
    """Derivative of `sigmoid` in every number: ``slope f (1 - f)``, ``f = f(z)``.

    Examples
    --------
    >>> sigmoid_derivative([-1000.0, 0.0, 1000.0]).tolist()
    [0.0, 0.25, 0.0]
    """
    f = sigmoid(z, slope)
    return f.dtype.type(slope) * f * (1 - f)


def tanh(z: np.ndarray) -> np.ndarray:
    """Hyperbolic tangent, as a stretched sigmoid: ``2 / (1 + exp(-2 z)) - 1``."""
    z = _numbers(z, "tanh")
    with np.errstate(over="ignore"):
        return 2 / (1 + np.exp(-2 * z)) - 1


def _numbers(z, where: str) -> np.ndarray:
    """Return ``z`` as finite floats of any shape."""
    z = arrays.real_array(z, where, "z")
    return z if z.dtype in (np.float32, np.float64) else z.astype(np.float64)


class Activation(NamedTuple):
    """One row of the table: a function, its derivative, and its range."""

    f: Callable
    derivative: Callable
    low: float
    high: float


INF = np.inf
PRELU, ELU = 0.25, 1.0  # their slopes below 0; PReLU's is learned, and starts here


def _exp(z):
    return np.exp(np.minimum(z, 0))  # asked below 0 only: never overflows


# Where a function has a corner or a jump, at 0, the derivative on its left is taken.
ACTIVATIONS = {
    "identity": Activation(lambda z: z, lambda z: 0 * z + 1, -INF, INF),
    "step": Activation(lambda z: (z > 0) * 1.0, lambda z: 0 * z, 0, 1),
    "logistic": Activation(sigmoid, sigmoid_derivative, 0, 1),
    "tanh": Activation(np.tanh, lambda z: 1 - np.tanh(z) ** 2, -1, 1),
    "arctan": Activation(np.arctan, lambda z: 1 / (z**2 + 1), -np.pi / 2, np.pi / 2),
    "ReLU": Activation(lambda z: np.maximum(0, z), lambda z: (z > 0) * 1.0, 0, INF),
    "PReLU": Activation(
        lambda z: np.where(z > 0, z, PRELU * z),
        lambda z: np.where(z > 0, 1.0, PRELU), -INF, INF,
    ),
    "ELU": Activation(
        lambda z: np.where(z > 0, z, ELU * (_exp(z) - 1)),
        lambda z: np.where(z > 0, 1.0, ELU * _exp(z)), -ELU, INF,
    ),
    "softplus": Activation(lambda z: np.logaddexp(0, z), sigmoid, 0, INF),
}  # fmt: skip


def _row(name: str, where: str) -> Activation:
    shapes.require_choice(name, tuple(ACTIVATIONS), where, "name")
    return ACTIVATIONS[name]


def activate(name: str, z: np.ndarray) -> np.ndarray:
    """Return ``f(z)`` of an activation of the table, of any shape."""
    return _in_type(_row(name, "activate").f, _numbers(z, "activate"))


def slope_of(name: str, z: np.ndarray) -> np.ndarray:
    """Return ``f'(z)`` of an activation of the table, of any shape."""
    return _in_type(_row(name, "slope_of").derivative, _numbers(z, "slope_of"))


def _in_type(function, z):
    with np.errstate(over="ignore"):  # 1 / (z^2 + 1) is 0 there, and right
        return np.asarray(function(z)).astype(z.dtype, copy=False)


def is_flat(name: str, z: np.ndarray, share: float = 0.01) -> np.ndarray:
    """Say where the slope is below ``share`` of the steepest: saturated, or dead.

    Examples
    --------
    >>> is_flat("ReLU", [-1.0, 2.0]).tolist()
    [True, False]
    """
    share = shapes.require_number(share, 0, "is_flat", "share")
    steepest = slope_of(name, np.linspace(-5, 5, 1001)).max()
    return np.abs(slope_of(name, z)) <= share * steepest


# -------------------------------------------------------------------------- layers


def start_layers(widths, scale: float = 1.0, seed: int = 0) -> list[tuple]:
    """Return layers ``(w, b)`` with normal weights of sd ``scale / sqrt(D)``, b = 0.

    Parameters
    ----------
    widths : number of inputs, then of the neurons of every layer
    scale : at least 0; with 1, and inputs of size 1, the sums have size 1
    """
    where = "start_layers"
    scale = shapes.require_number(scale, 0, where, "scale")
    rng = np.random.default_rng(shapes.require_seed(seed, where))
    widths = [shapes.require_int(n, 1, where, "each of widths") for n in widths]
    return [
        (rng.normal(0, scale / np.sqrt(d), (m, d)), np.zeros(m))
        for d, m in zip(widths[:-1], widths[1:], strict=True)
    ]


def layer_sums(x: np.ndarray, layers, name: str) -> list[np.ndarray]:
    """Return the sums ``z = w . a + b`` of every layer, each (N, M).

    ``a`` is ``x`` for the first layer, then the activation of the sums before.

    Parameters
    ----------
    x : (N, D)
    layers : list of ``(w, b)``, (M, D) and (M,)
    name : of an activation of the table
    """
    a, sums = x, []
    for w, b in layers:
        sums.append(ops.linear(a, w, b))
        a = activate(name, sums[-1])
    return sums
