"""Verdicts on answers to notebook 04 that learners write, beyond the known mistakes."""

import numpy as np
import pytest

from cnnlab import checks, optim
from cnnlab.course import records

pytestmark = pytest.mark.usefixtures("no_progress")


def in_an_array(gradient_of, w, rate, steps):
    path = np.zeros((steps + 1, *np.shape(w)))
    path[0] = w
    for step in range(steps):
        path[step + 1] = path[step] - rate * gradient_of(path[step])
    return path


def by_recursion(gradient_of, w, rate, steps):
    if steps == 0:
        return [w]
    return [w, *by_recursion(gradient_of, w - rate * gradient_of(w), rate, steps - 1)]


def in_place(gradient_of, w, rate, steps):
    w = np.array(w, dtype=float)
    path = [w]
    for _ in range(steps):
        w -= rate * gradient_of(w)
        path.append(w)
    return np.array(path)


def stops_when_flat(gradient_of, w, rate, steps):
    path = [w]
    for _ in range(steps):
        w = w - rate * gradient_of(w)
        path.append(w)
        if np.all(np.abs(gradient_of(w)) < 2):
            break
    return np.array(path)


@pytest.mark.parametrize("answer", [in_an_array, by_recursion])
def test_a_walk_may_be_written_in_any_way(answer):
    assert checks.gradient_descent(answer).passed


def test_a_walk_in_place_is_told_that_it_stores_one_array():
    assert "same array was stored" in checks.gradient_descent(in_place).text


def test_a_walk_that_stops_early_is_refused():
    assert checks.gradient_descent(stops_when_flat).status == "wrong shape"


def by_the_identity(f, x, h=1e-5):
    x = np.asarray(x, dtype=float)
    flat = [
        (f(x + h * e.reshape(x.shape)) - f(x - h * e.reshape(x.shape))) / (2 * h)
        for e in np.eye(x.size)
    ]
    return np.reshape(flat, x.shape)


def spoils_x(f, x, h=1e-5):
    if x.dtype.kind == "f":
        result = by_the_identity(f, x, h)
        x += 1
        return result
    return by_the_identity(f, x, h)


def fourth_order(f, x, h=1e-5):
    one, two = by_the_identity(f, x, h), by_the_identity(f, x, 2 * h)
    return (4 * one - two) / 3


def test_a_numerical_gradient_by_unit_vectors_is_right():
    assert checks.numerical_gradient(by_the_identity).passed
    assert checks.numerical_gradient(spoils_x).status == "changed its input"


def test_a_better_quotient_than_the_one_asked_for_is_no_known_mistake():
    verdict = checks.numerical_gradient(fourth_order)
    assert (
        verdict.status == "wrong values" and "No mistake that is known" in verdict.text
    )


@pytest.mark.parametrize("answer", [
    lambda n, size, rng: [o[i : i + size] for o in [rng.permutation(n)]
                          for i in range(0, n, size)],
    lambda n, size, rng: [o[i : i + size].tolist() for o in [rng.choice(n, n, False)]
                          for i in range(0, n, size)],
])  # fmt: skip
def test_any_order_that_comes_from_the_generator_is_right(answer):
    assert checks.minibatches(answer).passed


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (lambda n, size, rng: [np.ones(3)], "whole numbers"),
        (lambda n, size, rng: [[0], [1.5]], "whole numbers"),
        (lambda n, size, rng: [np.arange(n)[::-1]], "sizes"),
        (lambda n, size, rng: 7, "index arrays is wanted"),
        (lambda n, size, rng: n / 0, "ZeroDivisionError"),
    ],
)
def test_what_are_no_batches_is_told(answer, word):
    verdict = checks.minibatches(answer)
    assert not verdict.passed and word in verdict.text, verdict


def test_a_step_in_place_changes_its_input():
    def momentum_step(w, v, gradient, rate, momentum=0.9, decay=0.0005):
        if np.asarray(w).dtype.kind != "f":
            return optim.momentum_step(w, v, gradient, rate, momentum, decay)
        v *= momentum
        v -= rate * (decay * w + gradient)
        return w + v, v

    assert checks.momentum_step(momentum_step).status == "changed its input"


def test_pytorchs_rule_is_named_as_such():
    def momentum_step(w, v, gradient, rate, momentum=0.9, decay=0.0005):
        v = momentum * v + gradient + decay * w
        return w - rate * v, v

    assert "PyTorch's rule" in checks.momentum_step(momentum_step).text


def test_rates_by_a_loop_are_right():
    def step_rate(epoch, rate, drops, factor=0.1):
        for drop in drops:
            if epoch >= drop:
                rate *= factor
        return rate

    assert checks.step_rate(step_rate).passed


# The bug


def test_a_mended_loop_needs_its_cause():
    assert checks.sgd_epoch(optim.sgd_epoch).status == "wrong cause"
    assert checks.sgd_epoch(optim.sgd_epoch, "c").passed
    verdict = checks.sgd_epoch(optim.sgd_epoch, "d")
    assert verdict.status == "wrong cause" and "inside the loop" in verdict.text


def test_the_untouched_loop_is_not_attempted():
    broken = checks.sgd_epoch.broken
    assert checks.sgd_epoch(broken).status == "not attempted"
    assert "is right" in checks.sgd_epoch(broken, "c").text


# The open one


def test_a_twenty_first_training_is_refused():
    def twenty_trainings(train):
        return max((train(0.01, 0.0, 0.0, 512), 0.01, 0.0, 0.0, 512) for _ in range(21))

    verdict = checks.twenty_trainings(twenty_trainings)
    assert verdict.status == "raised" and "used up" in verdict.text


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (lambda train: 0.1, "four numbers are wanted"),
        (lambda train: (0.1, 0.9, 0.0, 4), "size"),
        (lambda train: (0.1, 1.0, 0.0, 64), "below 1"),
    ],
)
def test_a_choice_that_cannot_be_trained_is_told(answer, word):
    verdict = checks.twenty_trainings(answer)
    assert verdict.status == "raised" and word in verdict.text, verdict


def test_the_bar_is_what_one_random_search_in_seven_reaches():
    record = records.read("random_search")["results"]
    assert record["bar"] == checks.twenty_trainings.bar
    assert abs(record["share_of_searches_that_reach_it"] - 1 / 7) < 0.015


@pytest.mark.parametrize(
    "guess", [(0.3, 0.5, 0, 8), (0.6, 0.0, 0, 8), (0.1, 0.9, 0, 8)]
)
def test_round_numbers_that_anyone_would_guess_do_not_reach_the_bar(guess):
    assert not checks.twenty_trainings(lambda train: (train(*guess), guess)[1]).passed
