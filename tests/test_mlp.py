"""A network of layers: PyTorch beside it, by nudging, and on real digits."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnlab import data, grads, mlp


def digits(seed=0):
    """Return x, y to train on and held out."""
    train, held = data.load("digits").hold_out(0.2, seed)
    usual = data.as_float(train.images).mean(axis=0)
    x, x_held = (
        data.flatten(data.as_float(one.images) - usual).astype(float)
        for one in (train, held)
    )
    return x, train.labels, x_held, held.labels


def twin_of(layers):
    """Return the same network in PyTorch."""
    parts = []
    for w, b in layers:
        linear = torch.nn.Linear(w.shape[1], len(w)).double()
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(w))
            linear.bias.copy_(torch.from_numpy(b))
        parts += [linear, torch.nn.Tanh()]
    return torch.nn.Sequential(*parts[:-1])


@settings(deadline=None, max_examples=40, derandomize=True)
@given(st.lists(st.integers(1, 6), min_size=2, max_size=5), st.integers(1, 7),
       st.integers(0, 999))  # fmt: skip
def test_loss_and_gradients_equal_pytorchs(sizes, n, seed):
    rng = np.random.default_rng(seed)
    layers = [(w, rng.normal(size=b.shape)) for w, b in mlp.start(sizes, seed)]
    x, y = rng.normal(size=(n, sizes[0])), rng.integers(0, sizes[-1], n)
    loss, gradients = mlp.loss_and_gradients(x, y, layers)
    net = twin_of(layers)
    theirs = torch.nn.functional.cross_entropy(
        net(torch.from_numpy(x)), torch.from_numpy(y)
    )
    theirs.backward()
    assert loss == pytest.approx(theirs.item(), rel=1e-12, abs=1e-12)
    for (dw, db), linear in zip(gradients, net[::2], strict=True):
        np.testing.assert_allclose(dw, linear.weight.grad, rtol=1e-10, atol=1e-13)
        np.testing.assert_allclose(db, linear.bias.grad, rtol=1e-10, atol=1e-13)


def test_gradients_by_nudging():
    rng = np.random.default_rng(1)
    layers = mlp.start((3, 4, 2), 1)
    x, y = rng.normal(size=(5, 3)), rng.integers(0, 2, 5)
    _, gradients = mlp.loss_and_gradients(x, y, layers)
    for index, part in ((0, 0), (0, 1), (1, 0), (1, 1)):

        def loss(p, index=index, part=part):
            changed = [list(layer) for layer in layers]
            changed[index][part] = p
            return mlp.loss_and_gradients(x, y, changed)[0]

        wanted = grads.numerical_gradient(loss, layers[index][part])
        np.testing.assert_allclose(gradients[index][part], wanted, atol=1e-8)


def test_training_is_pytorchs_training_step_for_step():
    x, y, *_ = digits()
    x, y, start = x[:200], y[:200], mlp.start((64, 8, 10), 3)
    film = mlp.train(x, y, start, 3, rate=0.1, size=32, decay=0.0005, seed=4)
    net, rng = twin_of(start), np.random.default_rng(4)
    optimiser = torch.optim.SGD(net.parameters(), 0.1, 0.9, weight_decay=0.0005)
    for _ in range(3):
        order = rng.permutation(200)
        for first in range(0, 200, 32):
            batch = order[first : first + 32]
            optimiser.zero_grad()
            scores = net(torch.from_numpy(x[batch]))
            torch.nn.functional.cross_entropy(
                scores, torch.from_numpy(y[batch])
            ).backward()
            optimiser.step()
    for (w, b), linear in zip(film[-1], net[::2], strict=True):
        np.testing.assert_allclose(w, linear.weight.detach(), atol=1e-12)
        np.testing.assert_allclose(b, linear.bias.detach(), atol=1e-12)


def test_97_percent_of_the_held_out_digits_over_three_seeds():
    x, y, x_held, y_held = digits()
    shares = [
        np.mean(mlp.predict(x_held, mlp.train(
            x, y, mlp.start((64, 64, 10), seed), 40, decay=0.0005, seed=seed
        )[-1]) == y_held)
        for seed in range(3)
    ]  # fmt: skip
    assert min(shares) > 0.965 and np.mean(shares) > 0.97


def test_training_runs_the_backward_that_it_is_given_and_changes_no_input():
    x, y = np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 2
    start, calls = mlp.start((3, 4, 2), 0), []
    kept = [one.copy() for layer in start for one in layer]

    def backward(ds, caches):
        calls.append(len(ds))
        return mlp.backward(ds, caches)

    film = mlp.train(x, y, start, 2, size=8, backward=backward)
    assert calls == [8, 8, 4, 8, 8, 4] and len(film) == 3
    now = [one for layer in start for one in layer]
    assert all(np.array_equal(a, b) for a, b in zip(kept, now, strict=True))


def test_a_training_that_diverges_shows_it_without_a_warning(recwarn):
    x, y = np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 2
    film = mlp.train(1e3 * x, y, mlp.start((3, 2), 0), 6, rate=1e308)
    assert len(film) == 7 and not np.isfinite(film[-1][-1][0]).all()
    assert not recwarn.list


def test_multiplications_and_weights_are_counted():
    assert mlp.multiplications((64, 10)) == (640, 640)
    assert mlp.multiplications((64, 32, 10)) == (2368, 2 * 2368 - 2048 + 64)
    layers = mlp.start((64, 32, 10), 0)
    assert mlp.count_weights(layers) == 2368  # the biases are 0 at the start
    assert mlp.count_weights([(np.ones((2, 3)), np.ones(2))]) == 8


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: mlp.start((64,)), "number of layers"),
        (lambda: mlp.start((64, -1)), "size"),
        (lambda: mlp.forward(np.zeros((2, 3)), []), "number of layers"),
        (lambda: mlp.forward(np.zeros((2, 3)), mlp.start((4, 2))), "columns"),
        (lambda: mlp.forward(np.full((2, 3), np.nan), mlp.start((3, 2))), "x"),
        (lambda: mlp.forward(np.zeros(3), mlp.start((3, 2))), "axes|shape|N, D"),
        (lambda: mlp.forward(np.zeros((1, 3)), [mlp.start((3, 2))[0]] * 2), "neurons"),
        (lambda: mlp.train(np.zeros((2, 3)), [0, 2], mlp.start((3, 2))), "y|label"),
        (lambda: mlp.train(np.zeros((2, 3)), [0, 1], mlp.start((3, 2)), rate=np.nan),
         "rate"),
        (lambda: mlp.train(np.zeros((2, 3)), [0, 1], mlp.start((3, 2)), backward=3),
         "backward"),
    ],
)  # fmt: skip
def test_bad_input_is_told(call, said):
    with pytest.raises((TypeError, ValueError), match=said):
        call()
