"""The δ rule of lecture CSE634: by hand, by nudging, by PyTorch, and by the loop."""

import numpy as np
import pytest
import torch

from cnnlab import delta, grads

X, T = np.array([1.0, 0.0]), np.array([1.0])
LAYERS = [
    (np.array([[0.5, 0.4], [-0.3, 0.8]]), np.array([-0.2, 0.1])),
    (np.array([[0.6, -0.9]]), np.array([0.2])),
]


def signals(slope=1.0, x=X, t=T, layers=LAYERS):
    _, h, o = delta.forward(x, layers, slope)
    d2 = delta.delta_output(t, o, slope)
    return h, o, delta.delta_hidden(h, d2, layers[1][0], slope), d2


def test_one_pattern_by_hand():
    h, o, d1, d2 = signals()
    assert h.round(3).tolist() == [0.574, 0.450] and o.round(3).tolist() == [0.535]
    assert d2.round(4).tolist() == [0.1157] and d1.round(4).tolist() == [
        0.0170,
        -0.0258,
    ]
    assert delta.tsse(T, o) == pytest.approx(0.1082, abs=5e-5)
    assert delta.rmse(T, o) == pytest.approx(0.4652, abs=5e-5)


@pytest.mark.parametrize("slope", [0.5, 1.0, 2.0])
def test_signals_are_minus_the_derivatives_whatever_the_slope(slope):
    """With λ in both formulas; without it, only those for λ = 1 are right."""
    h, _, d1, d2 = signals(slope)

    def error(p):
        layers = [(p[:4].reshape(2, 2), p[4:6]), (p[6:8].reshape(1, 2), p[8:])]
        return delta.tsse(T, delta.forward(X, layers, slope)[-1])

    flat = np.concatenate([one.ravel() for layer in LAYERS for one in layer])
    wanted = -grads.numerical_gradient(error, flat)
    found = np.concatenate([np.outer(d1, X).ravel(), d1, np.outer(d2, h).ravel(), d2])
    np.testing.assert_allclose(found, wanted, atol=1e-9)


def test_signals_equal_pytorchs_gradients():
    (w1, b1), (w2, b2) = (
        [torch.from_numpy(one).requires_grad_() for one in layer] for layer in LAYERS
    )
    h = torch.sigmoid(2 * (w1 @ torch.from_numpy(X) + b1))
    o = torch.sigmoid(2 * (w2 @ h + b2))
    (0.5 * (torch.from_numpy(T) - o) ** 2).sum().backward()
    *_, d1, d2 = signals(2.0)
    np.testing.assert_allclose(d1, -b1.grad, rtol=1e-12)
    np.testing.assert_allclose(d2, -b2.grad, rtol=1e-12)


def test_adjust_moves_along_the_signals_and_changes_nothing_it_was_given():
    outputs = delta.forward(X, LAYERS)
    *_, d1, d2 = signals()
    before = [one.copy() for layer in LAYERS for one in layer]
    (w1, b1), (w2, _) = delta.adjust(LAYERS, outputs, [d1, d2], 2.0)
    np.testing.assert_allclose(w1, LAYERS[0][0] + 2 * np.outer(d1, X))
    np.testing.assert_allclose(b1, LAYERS[0][1] + 2 * d1)
    np.testing.assert_allclose(w2, LAYERS[1][0] + 2 * np.outer(d2, outputs[1]))
    after = [one for layer in LAYERS for one in layer]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    moved = delta.forward(X, delta.adjust(LAYERS, outputs, [d1, d2], 2.0))[-1]
    assert delta.tsse(T, moved) < delta.tsse(T, outputs[-1])


def test_whole_numbers_of_few_bits_do_not_wrap_round():
    assert delta.tsse(np.uint8([0]), np.uint8([255])) == 255**2 / 2
    assert delta.rmse(np.int8([-100]), np.int8([100])) == 200
    assert delta.tsse([True], [False]) == 0.5
    assert delta.delta_output(np.uint8([0]), np.uint8([3])).tolist() == [18]
    assert delta.delta_hidden(np.uint8([3]), [1.0], [[1.0]]).tolist() == [-6]


def test_lists_and_whole_weights_are_trained():
    layers = [([[1, 0], [0, 1]], [0, 0]), ([[1, 1]], [0])]
    rng = np.random.default_rng
    _, errors = delta.train(*delta.XOR, layers, rng(0), passes=3)
    floats = [(np.array(w, float), np.array(b, float)) for w, b in layers]
    _, wanted = delta.train(*delta.XOR, floats, rng(0), passes=3)
    np.testing.assert_array_equal(errors, wanted)


def test_a_stuck_network_stands_on_a_slope_that_is_hardly_one():
    """No small change leads up in all directions: downhill goes on, very gently."""
    ends, errors = delta.train(
        *delta.XOR, delta.start((2, 2, 1), range(30)), np.random.default_rng(0), 3.0
    )
    x, t = delta.XOR

    def error(p):
        layers = [(p[:4].reshape(2, 2), p[4:6]), (p[6:8].reshape(1, 2), p[8:])]
        return delta.tsse(t, delta.forward(x, layers)[-1])

    stuck = np.flatnonzero(errors[-1] >= 0.1)
    assert len(stuck) >= 2
    for n in stuck:
        p = np.concatenate([one[n].ravel() for layer in ends for one in layer])
        gradient = grads.numerical_gradient(error, p)
        length = np.linalg.norm(gradient)
        assert length < 0.03
        assert error(p - 0.01 * gradient / length) < error(p)


def test_tsse_and_rmse_of_the_lecture():
    t, o = [[1.0, 0.0], [0.0, 1.0]], [[0.5, 0.0], [0.0, 0.5]]
    assert delta.tsse(t, o) == 0.25
    assert delta.rmse(t, o) == pytest.approx(np.sqrt(2 * 0.25 / 4))


def test_xor_is_learned_below_an_rmse_of_a_tenth():
    for seed in range(3):
        layers, errors = delta.train(
            *delta.XOR, delta.start((2, 2, 1), seed), np.random.default_rng(seed), 3.0
        )
        assert errors[-1] < 0.1 <= errors[-2] and len(errors) < 1000
        answers = delta.forward(delta.XOR[0], layers)[-1]
        assert delta.rmse(delta.XOR[1], answers) == pytest.approx(errors[-1])
        assert (answers.round() == delta.XOR[1]).all()


def test_one_pass_is_what_the_formulas_say():
    x, t = delta.XOR
    layers = start = delta.start((2, 3, 1), 5)
    for n in np.random.default_rng(1).permutation(4):
        outputs = delta.forward(x[n], layers)
        d2 = delta.delta_output(t[n], outputs[-1])
        d1 = delta.delta_hidden(outputs[1], d2, layers[1][0])
        layers = delta.adjust(layers, outputs, [d1, d2], 0.7)
    trained, errors = delta.train(x, t, start, np.random.default_rng(1), 0.7, passes=1)
    assert len(errors) == 2
    for one, other in zip(trained, layers, strict=True):
        np.testing.assert_allclose(one[0], other[0], rtol=1e-12)
        np.testing.assert_allclose(one[1], other[1], rtol=1e-12)


def test_many_starts_side_by_side_are_what_each_is_alone():
    many, errors = delta.train(
        *delta.XOR, delta.start((2, 2, 1), [4, 7]), np.random.default_rng(2), passes=20
    )
    for place, seed in enumerate((4, 7)):
        alone, curve = delta.train(
            *delta.XOR,
            delta.start((2, 2, 1), seed),
            np.random.default_rng(2),
            passes=20,
        )
        np.testing.assert_allclose(errors[:, place], curve, rtol=1e-12)
        np.testing.assert_allclose(many[0][0][place], alone[0][0], rtol=1e-12)


def test_stuck_starts_stay_stuck_at_a_smaller_rate_too():
    ends, errors = delta.train(
        *delta.XOR, delta.start((2, 2, 1), range(40)), np.random.default_rng(0), 3.0,
        passes=700,
    )  # fmt: skip
    stuck = errors[-1] > 0.3
    rest = [(w[stuck], b[stuck]) for w, b in ends]
    for rate in (0.3, 1.0):
        _, later = delta.train(
            *delta.XOR, rest, np.random.default_rng(1), rate, passes=400
        )
        assert 5 < stuck.sum() < 20 and np.mean(later[-1] > 0.3) > 0.8


def test_a_huge_rate_gives_numbers_and_no_warning(recwarn):
    _, errors = delta.train(
        *delta.XOR, delta.start((2, 2, 1), 0), np.random.default_rng(0), 1e6, passes=20
    )
    assert np.isfinite(errors).all() and errors[-1] > 0.3 and not recwarn.list


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: delta.delta_output([1.0], [0.5, 0.5]), "t"),
        (lambda: delta.delta_output([np.nan], [0.5]), "delta_output"),
        (lambda: delta.delta_output([1.0], [0.5], slope=-1), "slope"),
        (lambda: delta.delta_hidden([0.5], [0.1], [[1.0, 2.0]]), "o"),
        (lambda: delta.delta_hidden([0.5], [0.1, 0.2], [[1.0]]), "delta_hidden"),
        (lambda: delta.delta_hidden([0.5], [0.1], [1.0]), "w"),
        (lambda: delta.forward([1.0, 2.0, 3.0], LAYERS), "columns of w"),
        (lambda: delta.rmse([[]], [[]]), "number of targets"),
        (lambda: delta.train(*delta.XOR, LAYERS, np.random.default_rng(0), rate=np.inf),
         "rate"),
        (lambda: delta.start((2, 0, 1), 0), "size"),
        (lambda: delta.start((2, 2, 1), -1), "seed"),
        (lambda: delta.start((2, 2, 1), [1.7]), "seed"),
        (lambda: delta.forward(1.0, LAYERS), "row of numbers"),
        (lambda: delta.forward(X, LAYERS, slope=-1), "slope"),
        (lambda: delta.train(*delta.XOR, LAYERS, 0), "rng must be a generator"),
        (lambda: delta.train(*delta.XOR, LAYERS, np.random.default_rng(0), goal=np.nan),
         "goal"),
        (lambda: delta.train([[1.0]], [[1.0]], LAYERS, np.random.default_rng(0)),
         "columns of w"),
        (lambda: delta.train(delta.XOR[0], delta.XOR[0], LAYERS,
                             np.random.default_rng(0)), "columns of t"),
        (lambda: delta.train(*delta.XOR, [], np.random.default_rng(0)), "layers"),
        (lambda: delta.adjust(LAYERS, delta.forward(X, LAYERS), [[0.1]], 1), "deltas"),
    ],
)  # fmt: skip
def test_bad_input_is_told(call, said):
    with pytest.raises((TypeError, ValueError), match=said):
        call()
