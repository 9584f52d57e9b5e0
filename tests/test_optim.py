"""Update rules: by hand, beside PyTorch, and at the edge of what floats hold."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnlab import optim

RNG = np.random.default_rng(0)
CURVATURE = RNG.normal(size=(6, 6))
CURVATURE = CURVATURE @ CURVATURE.T / 6 + 0.1 * np.eye(6)
START = RNG.normal(size=6)


def slope(w):
    """The gradient of a valley, the same for NumPy and PyTorch."""
    if isinstance(w, torch.Tensor):
        return torch.from_numpy(CURVATURE) @ w
    return CURVATURE @ w


def torch_walk(make, rates):
    """Every place where a torch.optim optimiser leads, the start first."""
    w = torch.from_numpy(START.copy()).requires_grad_()
    optimiser = make([w])
    path = [START]
    for rate in rates:
        optimiser.param_groups[0]["lr"] = rate
        w.grad = slope(w.detach())
        optimiser.step()
        path.append(w.detach().numpy().copy())
    return np.array(path)


def our_walk(step, rates, state):
    w, path = START, [START]
    for rate in rates:
        w, state = step(w, state, slope(w), rate)
        path.append(w)
    return np.array(path)


# Numbers worked by hand


def test_three_steps_of_the_coefficient_loop():
    path = optim.gradient_descent(lambda w: 2 * (w - 3), 0.0, 0.1, 3)
    np.testing.assert_allclose(path, [0, 0.6, 1.08, 1.464])


def test_two_steps_of_the_papers_update():
    w, v = optim.momentum_step(2.0, 0.0, 4.0, 0.1)
    assert (v, w) == pytest.approx((-0.4001, 1.5999))
    w, v = optim.momentum_step(w, v, 2 * w, 0.1)
    assert (v, w) == pytest.approx((-0.680149995, 0.919750005))


def test_the_rate_drops_at_the_epochs_named():
    rates = [optim.step_rate(epoch, 0.01, [2, 4]) for epoch in range(6)]
    np.testing.assert_allclose(rates, [0.01, 0.01, 1e-3, 1e-3, 1e-4, 1e-4])
    assert optim.step_rate(7, 0.5, []) == 0.5
    assert optim.step_rate(3, 1, [3, 3], 0.5) == 0.25


# Two engines, one walk

RATES = [0.05] * 50
WALKS = {
    "plain": (
        lambda p: torch.optim.SGD(p, lr=0.05),
        lambda w, state, g, rate: (optim.gradient_step(w, g, rate), state),
    ),
    "momentum": (
        lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.0005),
        optim.momentum_step,
    ),
    "nesterov": (
        lambda p: torch.optim.SGD(
            p, lr=0.05, momentum=0.9, weight_decay=0.0005, nesterov=True
        ),
        optim.nesterov_step,
    ),
    "adam": (
        lambda p: torch.optim.Adam(p, lr=0.05),
        lambda w, state, g, rate: optim.adam_step(w, state, g, rate),
    ),
}


@pytest.mark.parametrize("name", WALKS)
def test_fifty_steps_lead_where_pytorch_leads(name):
    theirs, step = WALKS[name]
    start = None if name == "adam" else np.zeros(6)
    ours = our_walk(step, RATES, start)
    np.testing.assert_allclose(ours, torch_walk(theirs, RATES), rtol=0, atol=1e-13)
    assert np.abs(ours[-1] - START).max() > 0.3  # and not nowhere


def test_after_a_drop_the_papers_velocity_goes_on_and_pytorchs_does_not():
    rates = [0.05] * 5 + [0.005] * 5
    ours = our_walk(optim.momentum_step, rates, np.zeros(6))
    theirs = torch_walk(WALKS["momentum"][0], rates)
    np.testing.assert_allclose(ours[:6], theirs[:6], atol=1e-13)
    steps = [np.linalg.norm(path[6] - path[5]) for path in (ours, theirs)]
    before = np.linalg.norm(ours[5] - ours[4])
    assert 0.8 * before < steps[0] < before  # the old velocity, nearly all of it
    assert steps[1] < 0.12 * before  # ten times slower at once
    # with the velocity shortened like the rate, they are one rule
    w, v, shortened = START, np.zeros(6), [START]
    for before, rate in zip([0.05, *rates[:-1]], rates, strict=True):
        w, v = optim.momentum_step(w, v * rate / before, slope(w), rate)
        shortened.append(w)
    np.testing.assert_allclose(shortened, theirs, atol=1e-13)


# Properties


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.integers(0, 60), st.integers(1, 70), st.integers(0, 99))
def test_an_epoch_of_batches_holds_every_index_once(n, size, seed):
    batches = optim.minibatches(n, size, np.random.default_rng(seed))
    assert sorted(np.concatenate([[], *batches]).tolist()) == list(range(n))
    assert all(len(batch) == size for batch in batches[:-1])
    assert len(batches) == -(-n // size)


def test_every_epoch_has_its_own_order_and_a_seed_repeats_it():
    rng, again = np.random.default_rng(1), np.random.default_rng(1)
    first, second = (optim.minibatches(50, 50, rng)[0] for _ in range(2))
    assert (first != second).any() and (first != np.arange(50)).any()
    assert (optim.minibatches(50, 50, again)[0] == first).all()


@pytest.mark.parametrize("curvature", [0.02, 1.0, 40.0])
def test_a_walk_diverges_from_two_over_the_curvature_on(curvature):
    def end(rate):
        return abs(optim.gradient_descent(lambda w: curvature * w, 1, rate, 2000)[-1])

    assert end(0.99 * 2 / curvature) < 1e-8 and end(1.01 * 2 / curvature) > 1e8


def test_without_momentum_and_decay_every_rule_is_the_plain_one():
    w, g = np.array([[1.0, 2.0]]), np.array([[3.0, -4.0]])
    plain = optim.gradient_step(w, g, 0.1)
    for step in (optim.momentum_step, optim.nesterov_step):
        new, v = step(w, 0 * w, g, 0.1, momentum=0.0, decay=0.0)
        np.testing.assert_allclose(new, plain)
        np.testing.assert_allclose(v, plain - w)


def test_the_first_step_of_adam_has_the_length_of_the_rate_everywhere():
    w, _ = optim.adam_step([1.0, 1.0, 1.0], None, [1e-3, 5.0, -1e6], 0.01)
    np.testing.assert_allclose(w, [0.99, 0.99, 1.01], rtol=1e-5)


def test_weight_decay_alone_shortens_the_weights():
    w, v = np.array([2.0, -4.0]), np.zeros(2)
    w, _ = optim.momentum_step(w, v, np.zeros(2), 0.1, decay=0.5)
    np.testing.assert_allclose(w, [1.9, -3.8])


@pytest.mark.parametrize("kind", ["float32", "float64", "int64", "uint8"])
def test_inputs_stay_as_they_are_and_float32_stays_float32(kind):
    w, g = np.array([3, 1], kind), np.array([1, 2], kind)
    v, wanted = np.zeros(2, kind), kind if "float" in kind else "float64"
    for array in (w, g, v):
        array.flags.writeable = False
    results = [
        optim.gradient_step(w, g, 0.5),
        optim.gradient_descent(lambda w: 2 * w, w, 0.5, 2),
        *optim.momentum_step(w, v, g, 0.5),
        *optim.nesterov_step(w, v, g, 0.5),
        optim.adam_step(w, None, g, 0.5)[0],
    ]
    assert {result.dtype.name for result in results} == {wanted}
    assert w.tolist() == [3, 1]
    np.testing.assert_allclose(results[0], [2.5, 0])  # uint8 does not wrap round


def test_a_function_that_moves_the_weights_it_is_given_moves_only_a_copy():
    def greedy(w):
        w += 100
        return np.ones(2)

    path = optim.gradient_descent(greedy, np.zeros(2), 1.0, 2)
    assert path.tolist() == [[0, 0], [-1, -1], [-2, -2]]


# At the edge


def test_a_walk_that_diverges_ends_in_nan_without_a_warning(recwarn):
    path = optim.gradient_descent(lambda w: w**3, np.array([10.0]), 1.0, 20)
    last = np.flatnonzero(np.isfinite(path[:, 0]))[-1]
    assert 2 < last < 10 and np.isinf(path[last + 1, 0])
    assert np.isnan(path[last + 2 :]).all() and not recwarn.list


@pytest.mark.parametrize("step", [optim.momentum_step, optim.nesterov_step])
def test_a_huge_rate_gives_infinity_or_one_clear_sentence(step, recwarn):
    w, _ = step(np.ones(1), np.zeros(1), np.full(1, 1e10), 1e308, decay=0.0)
    assert w.tolist() == [-np.inf]
    w = optim.gradient_step([1.0], [1e10], 1e308)
    assert w.tolist() == [-np.inf]
    assert not recwarn.list


def test_two_overflows_that_meet_are_told():
    with pytest.raises(ValueError, match="Lower the rate"):
        optim.momentum_step(1.0, 0.0, -1e300, 1e300, decay=1e300)


WRONG = {
    "shape": (lambda: optim.gradient_step([1.0, 2.0], [1.0], 0.1), "gradient"),
    "nan": (lambda: optim.gradient_step([np.nan], [1.0], 0.1), "w needs finite"),
    "text": (lambda: optim.gradient_step(["a"], [1.0], 0.1), "real numbers"),
    "rate": (lambda: optim.gradient_step([1.0], [1.0], -1), "rate must be"),
    "rate nan": (lambda: optim.gradient_step([1.0], [1.0], np.nan), "rate must be"),
    "function": (
        lambda: optim.gradient_descent(2.0, [1.0], 0.1, 2),
        "needs a function",
    ),
    "slope": (
        lambda: optim.gradient_descent(lambda w: np.ones(3), np.ones(2), 0.1, 2),
        "the gradient",
    ),
    "steps": (lambda: optim.gradient_descent(abs, 1.0, 0.1, -1), "steps"),
    "size": (lambda: optim.minibatches(5, 0, RNG), "size"),
    "n": (lambda: optim.minibatches(5.5, 2, RNG), "n must"),
    "rng": (lambda: optim.minibatches(5, 2, 0), "default_rng"),
    "momentum": (lambda: optim.momentum_step(1.0, 0.0, 1.0, 0.1, 1.0), "below 1"),
    "decay": (lambda: optim.momentum_step(1.0, 0.0, 1.0, 0.1, 0.9, -1), "decay"),
    "velocity": (lambda: optim.nesterov_step([1.0], [0.0, 1.0], [1.0], 0.1), "v "),
    "state": (lambda: optim.adam_step([1.0], 0, [1.0]), "state must be None"),
    "beta": (lambda: optim.adam_step([1.0], None, [1.0], beta2=1), "beta2"),
    "epoch": (lambda: optim.step_rate(-1, 0.1, []), "epoch"),
    "drops": (lambda: optim.step_rate(1, 0.1, 30), r"\[30\]"),
}


@pytest.mark.parametrize("name", WRONG)
def test_bad_input_is_refused_in_one_sentence(name):
    call, words = WRONG[name]
    with pytest.raises((TypeError, ValueError), match=words) as caught:
        call()
    assert ": " in str(caught.value) and "\n" not in str(caught.value)
