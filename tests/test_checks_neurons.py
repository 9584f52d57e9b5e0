"""Verdicts on answers to notebook 05 that learners write, beyond the known mistakes."""

import numpy as np
import pytest

from cnnlab import checks, neurons
from cnnlab.checks import neurons as tasks

pytestmark = pytest.mark.usefixtures("no_progress")


def by_loops(x, w, b):
    return [int(sum(p * q for p, q in zip(row, w, strict=True)) + b > 0) for row in x]


@pytest.mark.parametrize("answer", [
    by_loops,
    lambda x, w, b: x @ w + b > 0,
    lambda x, w, b: np.where(x.dot(w) > -b, 1.0, 0.0),
    lambda x, w, b: np.heaviside((x * w).sum(axis=1) + b, 0),
])  # fmt: skip
def test_perceptron_takes_every_right_way_of_writing_it(answer):
    verdict = checks.perceptron(answer)
    assert verdict.passed, verdict


@pytest.mark.parametrize("answer", [
    lambda n: (np.full(n, -2), 2 * n - 1),
    lambda n: ([-1] * n, n - 0.5),
    lambda n: (-np.ones(n) / n, 1 - 0.5 / n),
    lambda n: (-np.arange(1.0, n + 1), n * (n + 1) / 2 - 0.5),
    lambda n: (np.full(n, -3.0), np.array([3.0 * n - 1])),
    lambda n: (-np.ones(n), n),  # a sum of 0 with all ones: answers 0, as it should
])  # fmt: skip
def test_many_nands_are_right(answer):
    verdict = checks.nand_weights(answer)
    assert verdict.passed or "always 1" in verdict.text, verdict
    assert verdict.passed, verdict


@pytest.mark.parametrize(
    ("answer", "status", "word"),
    [
        (lambda n: np.full(n, -2), "wrong type", "wanted 2 results"),
        (lambda n: (np.full(2, -2), 3), "wrong shape", "n = 1: wanted w of shape (1,)"),
        (lambda n: (np.full(n, -2), np.ones(n + 1)), "wrong shape", "one number b"),
        (lambda n: (np.full(n, np.nan), 1), "wrong values", "finite"),
        (lambda n: ("weights", 1), "wrong type", "numbers"),
        (lambda n: 1 / 0, "raised", "ZeroDivisionError"),
    ],
)
def test_nand_weights_says_what_is_wrong(answer, status, word):
    verdict = checks.nand_weights(answer)
    assert verdict.status == status and word in verdict.text, verdict


def test_an_unknown_wrong_table_gets_no_cause():
    verdict = checks.nand_weights(lambda n: ((-1.0) ** np.arange(n), 1.5))
    assert verdict.status == "wrong values" and "Likely cause" not in verdict.text


def with_if(x, t, w, b):
    y = 1 if np.dot(w, x) + b > 0 else 0
    if y < t:
        return w + x, b + 1
    if y > t:
        return w - x, b - 1
    return w, b


def test_perceptron_update_with_if_is_right():
    assert checks.perceptron_update(with_if).passed


def test_perceptron_update_in_place_is_told_so():
    def answer(x, t, w, b):
        y = int(x @ w + b > 0)
        w += (t - y) * x
        b += t - y
        return w, b

    assert checks.perceptron_update(answer).status == "changed its input"


@pytest.mark.parametrize(
    ("w1", "b1", "w2", "b2"),
    [
        ([[1, -1], [-1, 1]], [-0.5, -0.5], [1, 1], -0.5),  # either alone
        ([[1, 1], [1, 1]], [-0.5, -1.5], [1, -1], -0.5),  # OR but not AND
        ([[-1, -1], [1, 1]], [0.5, -1.5], [-1, -1], 0.5),  # neither NOR nor AND
        ([[2, 2], [-2, -2]], [-1, 3], [2, 2], [-3]),
    ],
)
def test_many_networks_compute_xor(w1, b1, w2, b2):
    verdict = checks.xor_network(lambda: (w1, b1, w2, b2))
    assert verdict.passed, verdict


@pytest.mark.parametrize(
    ("parts", "status", "word"),
    [
        ((np.eye(3), [1, 1], [1, 1], 0), "wrong shape", "w1: wanted shape (2, 2)"),
        ((np.eye(2), [1, 1], [1, 1], [0, 1]), "wrong shape", "b2: wanted shape ()"),
        ((np.eye(2), [1, np.inf], [1, 1], 0), "wrong values", "b1 must be finite"),
        (("a", [1, 1], [1, 1], 0), "wrong type", "w1: wanted numbers"),
        (7, "wrong type", "Wanted 4 results"),
    ],
)
def test_xor_network_says_what_is_wrong(parts, status, word):
    verdict = checks.xor_network(lambda: parts)
    assert verdict.status == status and word in verdict.text, verdict


def test_an_xor_that_fails_shows_the_way_of_every_input():
    verdict = checks.xor_network(lambda: ([[2, 2], [-2, -2]], [-1, 3], [2, 2], -1))
    assert "(0, 1) → (1, 1) → 1" in verdict.text and "always 1" in verdict.text


@pytest.mark.parametrize("answer", [
    neurons.sigmoid_derivative,
    lambda z, slope=1.0: slope / (2 + 2 * np.cosh(np.clip(slope * z, -700, 700))),
    lambda z, slope=1.0: slope * (1 - np.tanh(slope * z / 2) ** 2) / 4,
])  # fmt: skip
def test_other_formulas_of_the_same_derivative_are_right(answer):
    verdict = checks.sigmoid_derivative(answer)
    assert verdict.passed, verdict


def test_the_untouched_bug_is_not_attempted_and_its_numbers_are_those_of_the_task():
    assert checks.tanh(checks.tanh.broken).status == "not attempted"
    assert checks.tanh.broken(0.0) == 1


@pytest.mark.parametrize("answer", [
    np.tanh,
    lambda z: (1 - np.exp(-2 * np.abs(z))) / (1 + np.exp(-2 * np.abs(z))) * np.sign(z),
])  # fmt: skip
def test_other_ways_to_mend_tanh_are_right(answer):
    assert checks.tanh(answer, "d").passed


@pytest.mark.parametrize("letter", ["a", "b", "c"])
def test_a_mended_tanh_with_the_wrong_cause_gets_a_reply(letter):
    verdict = checks.tanh(np.tanh, letter)
    [reply] = [one.reply for one in tasks.tanh.causes if one.letter == letter]
    assert verdict.status == "wrong cause" and reply in verdict.text


def eleven(a, b, c, nand):
    s, k = neurons.half_adder(a, b, nand)
    m, n = nand(k, k), nand(s, c)
    return nand(nand(s, n), nand(c, n)), nand(m, n)


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (neurons.full_adder, "bar reached", ["9 gates"]),
        (eleven, "below the bar", ["11 gates", "1 of the gates turns round"]),
        (tasks._thirteen, "below the bar", ["13 gates", "2 of the gates turns round"]),
        (lambda a, b, c, nand: (a, b), "below the bar", ["not an adder", "0 + 0 + 1"]),
        (lambda a, b, c, nand: (1, 0), "raised", ["must return wires"]),
        (lambda a, b, c, nand: nand(a), "raised", ["argument"]),
        (lambda a, b, c, nand: (nand(a, 1), b), "raised", ["two wires"]),
    ],
)
def test_an_adder_is_scored_by_its_gates(answer, status, words):
    verdict = checks.full_adder(answer)
    assert verdict.status == status, verdict
    assert all(word in verdict.text for word in words), verdict
