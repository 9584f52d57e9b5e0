"""Perceptrons, circuits, activations, layers: by hand, by PyTorch, by search."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from cnnlab import data, grads, mlp, neurons, optim

FOUR = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
XOR = np.array([0, 1, 1, 0])
Z = np.concatenate([np.linspace(-9, 9, 240), [-1000.0, 1000.0, 0.5]])

# One perceptron


def test_the_nand_of_the_text_by_hand():
    assert neurons.perceptron(FOUR, [-2, -2], 3).tolist() == [1, 1, 1, 0]
    assert (FOUR @ [-2, -2] + 3).tolist() == [3, 1, 1, -1]


def test_a_sum_of_exactly_zero_answers_zero():
    assert neurons.perceptron([[1, 1]], [1, -1], 0).tolist() == [0]


@pytest.mark.parametrize("n", range(1, 9))
def test_nand_of_n_inputs_is_zero_only_where_all_are_one(n):
    rows = np.array(list(itertools.product((0, 1), repeat=n)))
    y = neurons.perceptron(rows, *neurons.nand_weights(n))
    assert y.tolist() == (1 - rows.min(axis=1)).tolist()


def test_a_correction_by_hand():
    w, b = neurons.perceptron_update([1, 0], 1, [0, 0], 0)
    assert w.tolist() == [1, 0] and b == 1
    assert neurons.perceptron_update([1, 0], 1, w, b)[1] == 1  # right: no change
    w, b = neurons.perceptron_update([2.0, -1.0], 0, [1.0, 0.5], 0.0)
    assert w.tolist() == [-1, 1.5] and b == -1


def test_inputs_stay_as_they_are():
    x, w = np.ones(3), np.zeros(3)
    neurons.perceptron_update(x, 1, w, 0)
    neurons.perceptron_path(np.eye(3), [0, 1, 1], w, 0, 50)
    assert not w.any() and (x == 1).all()


@settings(deadline=None, max_examples=40, derandomize=True)
@given(st.integers(0, 9999), st.integers(2, 30), st.integers(1, 5))
def test_the_rule_ends_within_novikoffs_bound_where_some_line_parts_the_points(
    seed, n, d
):
    rng = np.random.default_rng(seed)
    unit = rng.normal(size=d + 1)
    unit /= np.linalg.norm(unit)
    x = rng.normal(size=(n, d))
    longer = np.c_[x, np.ones(n)]
    keep = np.abs(longer @ unit) > 0.05
    x, longer = x[keep], longer[keep]
    t = (longer @ unit > 0).astype(int)
    if not len(x):
        return
    bound = (longer**2).sum(axis=1).max() / np.abs(longer @ unit).min() ** 2
    path = neurons.perceptron_path(x, t, np.zeros(d), 0.0, 10**5)
    w, b, _ = path[-1]
    assert (neurons.perceptron(x, w, b) == t).all()
    # a sum of exactly 0 counts as an error for t = 1 only: one correction more
    assert len(path) - 1 <= bound + 1


def test_the_path_mends_the_example_whose_turn_it_is():
    x, t = np.array([[1.0, 0], [0, 1], [1, 1]]), np.array([1, 0, 1])
    path = neurons.perceptron_path(x, t, np.zeros(2), 0.0, 100)
    for before, after in itertools.pairwise(path):
        n = after.example
        assert neurons.perceptron(x[[n]], *before[:2])[0] != t[n]
        w, b = neurons.perceptron_update(x[n], t[n], *before[:2])
        assert w.tolist() == after.w.tolist() and b == after.b
    assert path[0].example is None and len(path) > 2


def test_on_xor_the_rule_never_ends_and_its_weights_stay_small():
    path = neurons.perceptron_path(2 * FOUR - 1, XOR, np.zeros(2), 0.0, 500)
    assert len(path) == 501
    assert max(np.abs([*moment.w, moment.b]).max() for moment in path) <= 4


def test_the_path_takes_another_rule_and_no_corrections():
    path = neurons.perceptron_path(
        FOUR, XOR, np.zeros(2), 0.0, 3, lambda x, t, w, b: (w + 1, b + 2)
    )
    assert [moment.b for moment in path] == [0, 2, 4, 6]
    assert len(neurons.perceptron_path(FOUR, XOR, np.zeros(2), 0.0, 0)) == 1


# Networks of perceptrons


def test_three_perceptrons_compute_xor():
    w1, b1, w2, b2 = neurons.xor_network()
    hidden = np.stack(
        [neurons.perceptron(FOUR, *one) for one in zip(w1, b1, strict=True)], axis=1
    )
    assert neurons.perceptron(hidden, w2, b2).tolist() == XOR.tolist()
    assert hidden.tolist() == [[0, 1], [1, 1], [1, 1], [1, 0]]


def test_no_line_on_a_fine_grid_gets_all_of_xor():
    grid = np.linspace(-2, 2, 41)
    w1, w2, b = np.meshgrid(grid, grid, grid)
    sums = (w1[..., None] * FOUR[:, 0] + w2[..., None] * FOUR[:, 1]) + b[..., None]
    assert ((sums > 0) == XOR).sum(axis=-1).max() == 3


@pytest.mark.parametrize(
    ("circuit", "inputs", "gates"), [("half_adder", 2, 5), ("full_adder", 3, 9)]
)
def test_the_adders_add_with_so_many_gates(circuit, inputs, gates):
    read = neurons.read_circuit(getattr(neurons, circuit), inputs)
    assert len(read.gates) == gates
    w, b = neurons.nand_weights(2)

    def nand(p, q):
        return int(neurons.perceptron([[p, q]], w, b)[0])

    for bits in itertools.product((0, 1), repeat=inputs):
        wires = read.values(bits, nand)
        s, carry = (wires[k] for k in read.outputs)
        assert 2 * carry + s == sum(bits)
        assert getattr(neurons, circuit)(*bits, nand) == (s, carry)


def test_a_circuit_that_asks_its_wires_is_told():
    for answer in (
        lambda a, b, nand: a ^ b,
        lambda a, b, nand: a if a else b,
        lambda a, b, nand: nand(a, 1),
        lambda a, b, nand: 1,
        lambda a, b, nand: a + b,
        lambda a, b, nand: a == b,
    ):
        with pytest.raises(TypeError, match="wire"):
            neurons.read_circuit(answer, 2)


def test_a_circuit_may_hand_inputs_through():
    read = neurons.read_circuit(lambda a, b, nand: (b, nand(a, a)), 2)
    assert read == (2, ((0, 0),), (1, 2))
    assert read.values([1, 0], lambda p, q: 1 - p * q) == [1, 0, 0]


SUM, CARRY = 0b10010110, 0b11101000  # of three bits, as eight answers each
BITS = (0b11110000, 0b11001100, 0b10101010)


def one_gate_more(wires):
    """Return the answers that one more NAND on these wires can give."""
    new = {255 & ~(p & q) for i, p in enumerate(wires) for q in wires[i:]}
    return new - set(wires)


@pytest.mark.slow
def test_no_full_adder_has_eight_gates():
    six = {frozenset()}
    for _ in range(6):
        six = {g | {new} for g in six for new in one_gate_more((*BITS, *g))}
    assert len(six) == 56097
    for gates in six:
        # Of eight gates the last gives a missing answer; so does the seventh, or it
        # leads to it.
        new, missing = one_gate_more((*BITS, *gates)), {SUM, CARRY} - gates
        assert missing
        if len(missing) == 2:
            assert not any(
                missing - {one} <= one_gate_more((*BITS, *gates, one))
                for one in new & missing
            )
        else:
            assert not any(missing & one_gate_more((*BITS, *gates, one)) for one in new)
            assert not missing & new


def test_every_table_of_three_bits_is_an_or_of_ands_of_nands():
    w, b = neurons.nand_weights(2)
    rows = np.array(list(itertools.product((0, 1), repeat=3)))

    def nand(p, q):
        return neurons.perceptron(np.stack([p, q], axis=1), w, b)

    def both(p, q):
        return nand(nand(p, q), nand(p, q))

    def either(p, q):
        return nand(nand(p, p), nand(q, q))

    bits = [(nand(p, p), p) for p in rows.T]  # not p, and p
    never = both(*bits[0])
    ones = [both(both(bits[0][i], bits[1][j]), bits[2][k]) for i, j, k in rows]
    for table in range(256):
        answers = never
        for place, one in enumerate(ones):
            if table >> place & 1:
                answers = either(answers, one)
        assert (2 ** np.arange(8)) @ answers == table


# Activations


@pytest.mark.parametrize("name", neurons.ACTIVATIONS)
def test_every_derivative_equals_the_measured_one(name):
    z = Z[np.abs(Z) < 10]
    measured = grads.numerical_gradient(lambda v: neurons.activate(name, v).sum(), z)
    assert np.abs(measured - neurons.slope_of(name, z)).max() <= 1e-7


TORCH = {
    "identity": lambda z: z,
    "logistic": torch.sigmoid,
    "tanh": torch.tanh,
    "arctan": torch.arctan,
    "ReLU": functional.relu,
    "PReLU": lambda z: functional.prelu(z, torch.tensor([0.25], dtype=z.dtype)),
    "ELU": functional.elu,
    "softplus": lambda z: torch.logaddexp(torch.zeros_like(z), z),
}


@pytest.mark.parametrize("name", TORCH)
def test_values_and_derivatives_are_pytorchs(name):
    z = torch.from_numpy(Z).requires_grad_()
    y = TORCH[name](z)
    y.sum().backward()
    np.testing.assert_allclose(neurons.activate(name, Z), y.detach(), atol=1e-12)
    np.testing.assert_allclose(neurons.slope_of(name, Z), z.grad, atol=1e-12)


def test_there_are_nine_and_the_step_steps():
    assert len(neurons.ACTIVATIONS) == 9
    assert neurons.activate("step", [-1e-9, 0, 1e-9]).tolist() == [0, 0, 1]
    assert not neurons.slope_of("step", Z).any()


@pytest.mark.parametrize("name", neurons.ACTIVATIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_ranges_types_and_shapes_hold_without_a_warning(name, dtype, recwarn):
    z = np.array([[-1e30, -1000, 0], [1, 1000, 1e30]], dtype)
    row = neurons.ACTIVATIONS[name]
    for f in (neurons.activate, neurons.slope_of):
        y = f(name, z)
        assert y.shape == z.shape and y.dtype == dtype and np.isfinite(y).all()
    y = neurons.activate(name, z)
    assert (y >= np.float32(row.low)).all() and (y <= np.float32(row.high)).all()
    assert not recwarn.list


def test_slope_makes_the_sigmoid_a_step():
    z = np.array([-0.1, 0.1])
    assert neurons.sigmoid(z, 1000).round(9).tolist() == [0, 1]
    h = 1e-6
    measured = (neurons.sigmoid(z + h, 3) - neurons.sigmoid(z - h, 3)) / (2 * h)
    np.testing.assert_allclose(neurons.sigmoid_derivative(z, 3), measured, rtol=1e-8)


def test_tanh_is_the_stretched_sigmoid():
    np.testing.assert_allclose(neurons.tanh(Z), np.tanh(Z), atol=1e-15)
    np.testing.assert_allclose(neurons.tanh(Z), 2 * neurons.sigmoid(2 * Z) - 1)


@pytest.mark.parametrize(
    ("name", "edges"), [("logistic", 5.99), ("tanh", 2.993), ("ELU", 4.605)]
)
def test_flat_places_begin_where_the_text_says(name, edges):
    assert neurons.is_flat(name, [-edges - 0.02]).all()
    assert not neurons.is_flat(name, [-edges + 0.02]).any()
    assert neurons.is_flat("ReLU", [-0.1, 0.0, 0.1]).tolist() == [True, True, False]


# Layers


@pytest.mark.parametrize("name", ["logistic", "ReLU", "tanh"])
def test_layers_are_those_of_pytorch(name):
    x = np.random.default_rng(0).normal(size=(5, 7))
    layers = neurons.start_layers((7, 4, 6, 3), 1.4, seed=1)
    layers = [(w, b + 0.1) for w, b in layers]
    a = torch.from_numpy(x)
    for (w, b), z in zip(layers, neurons.layer_sums(x, layers, name), strict=True):
        wanted = functional.linear(a, torch.from_numpy(w), torch.from_numpy(b))
        np.testing.assert_allclose(z, wanted, atol=1e-12)
        a = TORCH[name](wanted)


def test_a_start_has_the_size_that_it_says():
    [(w, b)] = neurons.start_layers((400, 300), 2.0, seed=3)
    assert w.shape == (300, 400) and not b.any()
    assert w.std() * 20 == pytest.approx(2, rel=0.01)
    again = neurons.start_layers((400, 300), 2.0, seed=3)[0][0]
    assert (again == w).all()


def test_the_scale_of_a_start_changes_no_sign_behind_relu():
    x = np.random.default_rng(0).normal(size=(20, 8))
    signs = [
        [z > 0 for z in neurons.layer_sums(
            x, neurons.start_layers((8, *[9] * 6), s, 0), "ReLU")]
        for s in (0.1, 1.4, 10)
    ]  # fmt: skip
    assert all(
        (a == b).all() for one in signs[1:] for a, b in zip(signs[0], one, strict=True)
    )


# Why ten outputs


def test_ten_outputs_beat_four_bits_without_a_hidden_layer_whatever_the_code():
    train, val = data.load("digits").hold_out(0.2)
    usual = data.as_float(train.images).mean(axis=0)
    x, x_val = (data.flatten(data.as_float(d.images) - usual) for d in (train, val))
    y = train.labels

    def share(codes):
        layers, rng = mlp.start((64, codes.shape[1]), 0), np.random.default_rng(0)
        for _ in range(20):
            for batch in optim.minibatches(len(x), 50, rng):
                s, caches = mlp.forward(x[batch], layers)
                ds = (neurons.sigmoid(s) - codes[y[batch]]) / len(batch)
                [(w, b)], [(dw, db)] = layers, mlp.backward(ds, caches)
                layers = [(w - dw, b - db)]
        s, _ = mlp.forward(x_val, layers)
        return np.mean((s @ codes.T).argmax(axis=1) == val.labels)

    ten = share(np.eye(10))
    orders = [np.arange(10)]
    orders += [np.random.default_rng(seed).permutation(16)[:10] for seed in range(3)]
    bits = [share(o[:, None] >> np.arange(4) & 1) for o in orders]
    assert ten > 0.94 and max(bits) < 0.86


# Bad input


@pytest.mark.parametrize(
    ("call", "error", "word"),
    [
        (lambda: neurons.perceptron([1, 2], [1, 2], 0), ValueError, r"x\[None\]"),
        (lambda: neurons.perceptron([[1, 2]], [1], 0), ValueError, "w_entries|w"),
        (lambda: neurons.perceptron([[np.nan]], [1], 0), ValueError, "NaN|finite"),
        (lambda: neurons.perceptron([[1.0]], [1], [1, 2]), TypeError, "b must be"),
        (lambda: neurons.perceptron([["a"]], [1], 0), TypeError, "x"),
        (lambda: neurons.perceptron([[1e308, 1e308]], [9, 9], 0), ValueError, "w . x"),
        (lambda: neurons.nand_weights(0), ValueError, "n must be"),
        (lambda: neurons.perceptron_update([1.0], 2, [1.0], 0), ValueError, "t must"),
        (lambda: neurons.perceptron_update([1.0], 1, [1.0, 2], 0), ValueError, "w"),
        (lambda: neurons.perceptron_path(FOUR, [0, 1], [0, 0], 0, 1), ValueError, "t"),
        (lambda: neurons.perceptron_path(FOUR, XOR, [0, 0], 0, -1), ValueError,
         "corrections"),
        (lambda: neurons.perceptron_path(FOUR, XOR, [0, 0], 0, 1, 3), TypeError,
         "update"),
        (lambda: neurons.sigmoid([np.inf]), ValueError, "sigmoid"),
        (lambda: neurons.sigmoid([1.0], "x"), TypeError, "slope"),
        (lambda: neurons.activate("relu", [1.0]), ValueError, "'ReLU'"),
        (lambda: neurons.is_flat("ReLU", [1.0], -1), ValueError, "share"),
        (lambda: neurons.start_layers((3, 0)), ValueError, "widths"),
        (lambda: neurons.start_layers((3, 2), -1), ValueError, "scale"),
        (lambda: neurons.layer_sums([[1.0]], neurons.start_layers((2, 2)), "ReLU"),
         ValueError, "columns"),
        (lambda: neurons.read_circuit(3, 2), TypeError, "circuit"),
    ],
)  # fmt: skip
def test_bad_input_is_told_in_words(call, error, word):
    with pytest.raises(error, match=word):
        call()
