"""Widgets of notebook 05: a line that the perceptron rule mends, a circuit of NANDs."""

from collections.abc import Callable

import numpy as np

from cnnlab import neurons
from cnnlab import plots as p
from cnnlab.widgets._base import Explorer, choice, number, tick

CORRECTIONS = 60  # the longest path of the slider


def mended_line(
    x,
    t,
    corrections: int = 0,
    direction: float = 0.0,
    bias: float = 0.0,
    update: Callable = neurons.perceptron_update,
    features=("x₁", "x₂"),
) -> p.Picture:
    """Draw a perceptron of 2-D points after some corrections by its rule.

    Parameters
    ----------
    x, t : (N, 2) points and (N,) of 0 and 1
    corrections : how many errors have been mended
    direction : of the weights at the start, in degrees; their length is 1
    bias : at the start
    update : function of ``(x, t, w, b)``, such as a learner's `perceptron_update`
    features : what the two axes measure
    """
    angle = np.radians(direction)
    start = np.array([np.cos(angle), np.sin(angle)])
    path = neurons.perceptron_path(x, t, start, bias, corrections, update)
    w, b, last = path[-1]
    before = path[-2][:2] if len(path) > 1 else None
    wrong = int((neurons.perceptron(x, w, b) != t).sum())
    taken = len(path) - 1
    unit = "correction" if taken == 1 else "corrections"
    alt = f"After {taken} {unit} {wrong} of {len(x)} points are wrong"
    if last is not None:
        way = "towards it" if t[last] else "away from it"
        alt += f"; the last one, marked by a square, is a {t[last]}: w moved {way}"
    if wrong == 0:
        alt += ". Nothing is left to mend"
    data = p.line_board(x, t, w, b, before, last, features)
    return p.Picture(data, f"{alt}.")


def perceptron_explorer(
    sets: dict, update: Callable = neurons.perceptron_update
) -> Explorer:
    """Return a line to turn and to push, and the rule that mends it step by step.

    Parameters
    ----------
    sets : name -> (x, t, features), the points to choose from
    update : function of ``(x, t, w, b)``, such as a learner's `perceptron_update`
    """

    def render(points, direction, bias, corrections):
        x, t, features = sets[points]
        return mended_line(x, t, corrections, direction, bias, update, features)

    controls = {
        "points": choice("points", list(sets)),
        "direction": number("direction at the start (degrees)", 60, 0, 360, 5),
        "bias": number("bias at the start", 0.0, -3.0, 3.0, 0.1),
        "corrections": number("errors mended", 0, 0, CORRECTIONS),
    }
    return Explorer(render, controls)


def lit_circuit(circuit: Callable, bits, nand: Callable) -> p.Picture:
    """Draw a circuit of two or three bits with the value of every wire.

    Parameters
    ----------
    circuit : function of so many bits and of ``nand``, which returns (sum, carry)
    bits : its inputs, 0 or 1
    nand : function of two bits, such as a perceptron
    """
    read = neurons.read_circuit(circuit, len(bits))
    values = [int(one) for one in read.values(bits, nand)]
    names, (s, carry) = "abc"[: len(bits)], (values[i] for i in read.outputs)
    data = p.circuit_board(read, values, names, ("sum", "carry"))
    told = " + ".join(map(str, bits))
    alt = (
        f"{told} = {2 * carry + s}: carry {carry}, sum {s}. {len(read.gates)} NANDs, "
        f"{sum(values[read.inputs :])} of them answer 1."
    )
    return p.Picture(data, alt)


def circuit_explorer(circuits: dict, nand: Callable) -> Explorer:
    """Return switches for the inputs of a circuit of NANDs, and the lit circuit.

    Parameters
    ----------
    circuits : name -> (function, number of inputs)
    nand : function of two bits, such as a learner's perceptron
    """

    def render(circuit, a, b, c):
        function, inputs = circuits[circuit]
        return lit_circuit(function, [int(a), int(b), int(c)][:inputs], nand)

    controls = {"circuit": choice("circuit", list(circuits))}
    for name, value in zip("abc", (True, False, False), strict=True):
        note = " (carried over; full adder only)" if name == "c" else ""
        controls[name] = tick(f"{name} is 1{note}", value)
    return Explorer(render, controls)
