"""The scalar engine and its parser: numbers by hand, PyTorch beside it, bad input."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnlab import expressions, grads, mlp, ops, scalar
from cnnlab.scalar import Value

# ------------------------------------------------------------------- by hand


def test_the_engine_can_be_read_in_one_sitting():
    source = Path(scalar.__file__).read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 120


def test_a_neuron_by_hand():
    w, x, b = Value(2.0), Value(-1.0), Value(3.0)
    (w * x + b).tanh().backward()
    slope = 1 - math.tanh(1) ** 2
    assert [w.gradient, x.gradient, b.gradient] == [-slope, 2 * slope, slope]


def test_a_node_that_is_used_again_adds_up():
    x = Value(3.0)
    (x * x + x).backward()
    assert x.gradient == 7.0
    y = x + x
    (y * y * x).backward()  # 4 x^3
    assert x.gradient == 12 * 9


def test_backward_twice_gives_the_same_and_not_the_double():
    x = Value(3.0)
    result = x * x
    result.backward()
    result.backward()
    assert x.gradient == 6.0 and result.gradient == 1.0


def test_plain_numbers_stand_on_either_side():
    x = Value(4.0)
    for result, slope in (
        (2 + x, 1), (2 - x, -1), (2 * x, 2), (2 / x, -2 / 16), (x - 2, 1), (x / 2, 0.5),
        (2**x, 16 * math.log(2)), (x**2, 8), (x**0.5, 0.25), (-x, -1), (x**0, 0),
    ):  # fmt: skip
        result.backward()
        assert x.gradient == pytest.approx(slope, rel=1e-15)


def test_a_negative_base_takes_a_whole_constant_exponent():
    x = Value(-2.0)
    (x**3).backward()
    assert x.gradient == 12
    with pytest.raises(ValueError, match=r"\*\* of \[-2.0, 3.0\]"):
        x ** Value(3.0)


def test_relu_at_zero_has_slope_zero_as_in_pytorch():
    x = Value(0.0)
    x.relu().backward()
    assert x.gradient == 0


def test_a_chain_longer_than_pythons_stack():
    x = total = Value(1.0)
    length = 2 * sys.getrecursionlimit()
    for _ in range(length):
        total = total + x
    (total * total).backward()
    assert x.gradient == 2 * (length + 1) ** 2


def test_a_ladder_with_two_to_the_forty_paths_is_walked_once():
    x = rung = Value(1.0)
    for _ in range(40):
        rung = rung + rung
    rung.backward()
    assert x.gradient == 2.0**40


def test_backward_of_a_plain_graph():
    graph = [[(2, 1.0), (3, 1.0)], [], [(3, 2.0)], [(1, 5.0)]]
    assert scalar.backward(graph, 0) == [1.0, 15.0, 1.0, 3.0]
    assert scalar.backward([[], [], [(0, 4.0)]], 2) == [4.0, 0.0, 1.0]  # 1 is unused
    with pytest.raises(ValueError, match="circle"):
        scalar.backward([[(1, 1.0)], [(0, 1.0)]], 0)


# ------------------------------------------------------------- a second engine


class Pair:
    """The same formula for our engine and for PyTorch."""

    def __init__(self, ours, theirs):
        self.ours, self.theirs = ours, theirs


NAMES = ("+", "-", "*", "/", "**", "exp", "log", "tanh", "relu", "neg", "square")


def grown(kind, a, b):
    """Return a new pair from two, kept where every function is tame."""
    o, t = a.ours, a.theirs
    if kind in "+-*":
        sign = {"+": "__add__", "-": "__sub__", "*": "__mul__"}[kind]
        return Pair(getattr(o, sign)(b.ours), getattr(t, sign)(b.theirs))
    if kind == "/":
        return Pair(o / (b.ours * b.ours + 0.5), t / (b.theirs * b.theirs + 0.5))
    if kind == "**":
        base, other = o.tanh() + 1.5, t.tanh() + 1.5
        return Pair(base ** b.ours.tanh(), other ** b.theirs.tanh())
    if kind == "log":
        return Pair((o * o + 0.5).log(), (t * t + 0.5).log())
    if kind == "exp":
        return Pair(o.tanh().exp(), t.tanh().exp())
    if kind == "square":
        return Pair(o**2, t**2)
    return Pair(-o, -t) if kind == "neg" else Pair(
        getattr(o, kind)(), getattr(t, kind)()
    )  # fmt: skip


@settings(deadline=None, max_examples=150, derandomize=True)
@given(
    st.lists(st.floats(-2, 2), min_size=1, max_size=4),
    st.lists(
        st.tuples(st.sampled_from(NAMES), st.integers(0, 99), st.integers(0, 99)),
        min_size=1,
        max_size=14,
    ),
)
def test_gradients_of_any_graph_equal_pytorchs(numbers, steps):
    leaves = [
        Pair(Value(one), torch.tensor(one, dtype=torch.float64, requires_grad=True))
        for one in numbers
    ]
    nodes = list(leaves)
    for kind, first, second in steps:
        new = grown(kind, nodes[first % len(nodes)], nodes[second % len(nodes)])
        if abs(new.ours.data) < 1e3:
            nodes.append(new)
    total = nodes[0]
    for node in nodes[1:]:  # all nodes are used, some of them often
        total = Pair(total.ours + node.ours, total.theirs + node.theirs)
    total.ours.backward()
    total.theirs.backward()
    assert total.ours.data == pytest.approx(total.theirs.item(), rel=1e-12, abs=1e-12)
    largest = max(1.0, *(abs(leaf.theirs.grad.item()) for leaf in leaves))
    for leaf in leaves:
        wanted = leaf.theirs.grad.item()
        assert leaf.ours.gradient == pytest.approx(wanted, abs=1e-12 * largest)


def test_a_network_of_numbers_has_the_gradients_of_a_network_of_layers():
    """The same network twice; and its multiplications, counted one by one."""
    rng = np.random.default_rng(0)
    layers = mlp.start((5, 4, 3), 0)
    x, y = rng.normal(size=5), 2
    values = [[[Value(one) for one in row] for row in w] for w, _ in layers]
    biases = [[Value(one) for one in b] for _, b in layers]
    out, products = list(x), 0
    for level, (w, b) in enumerate(zip(values, biases, strict=True)):
        out = [one.tanh() for one in out] if level else out
        sums = []
        for row, start in zip(w, b, strict=True):
            for weight, one in zip(row, out, strict=True):
                start, products = start + weight * one, products + 1
            sums.append(start)
        out = sums
    loss = sum((one - out[y]).exp() for one in out).log()
    loss.backward()
    value, gradients = mlp.loss_and_gradients(x[None], [y], layers)
    assert loss.data == pytest.approx(value, rel=1e-12)
    for w, b, (dw, db) in zip(values, biases, gradients, strict=True):
        found = [[one.gradient for one in row] for row in w]
        np.testing.assert_allclose(found, dw, rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose([one.gradient for one in b], db, rtol=1e-10)
    nodes, _ = scalar.graph_of(loss)
    assert products == sum(one.op == "*" for one in nodes) == 5 * 4 + 4 * 3
    assert mlp.multiplications((5, 4, 3))[0] == products
    assert ops.cross_entropy(np.array([[one.data for one in out]]), [y]) == (
        pytest.approx(loss.data)
    )


# ------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        (lambda x: x / 0, "/ of [2.0, 0.0]"),
        (lambda x: (x - 2).log(), "log of [0.0]"),
        (lambda x: (x * 500).exp(), "exp of [1000.0]"),
        (lambda x: (x - 2) ** -1, "** of [0.0, -1.0]"),
        (lambda x: (x - 2) ** 0.5, "** of [0.0, 0.5]"),
        (lambda x: (x - 4) ** 0.5, "** of [-2.0, 0.5]"),
        (lambda x: x**5000, "** of [2.0, 5000.0]"),
        (lambda x: x * 1e308 * 10, "* of [2e+308, 10.0]"),
    ],
)
def test_what_has_no_finite_number_or_slope_is_refused(formula, said):
    with pytest.raises((ValueError, TypeError)) as error:
        formula(Value(2.0))
    assert said in str(error.value) or "finite" in str(error.value)


@pytest.mark.parametrize("value", [math.nan, math.inf, "2", None, [1.0]])
def test_only_finite_numbers_become_values(value):
    with pytest.raises((TypeError, ValueError), match="must be a finite number"):
        Value(value)
    with pytest.raises((TypeError, ValueError), match="must be a finite number"):
        Value(1.0) + value


def test_gradients_that_leave_the_range_are_told():
    result = Value(1e-300)
    for _ in range(3):
        result = result * 1e200
    with pytest.raises(ValueError, match="finite"):
        result.backward()


# ---------------------------------------------------------------------- parser

XYZ = {"x": 3.0, "y": -2.0, "z": 0.5}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("x + y * z", 2), ("(x + y) * z", 0.5), ("x - y - z", 4.5), ("x / y / z", -3),
        ("-x**2", -9), ("(-x)**2", 9), ("2**-x", 0.125), ("2**3**z", 2 ** 3**0.5),
        ("x*-y", 6), ("--x", 3), ("relu(y) + relu(x)", 3), ("exp(log(x))", 3),
        ("tanh(0)", 0), (".5 + 1. + 2e-1", 1.7), ("x·y − 3", -9), ("x × z ÷ 2", 0.75),
        ("  x  ", 3), ("7", 7),
    ],
)  # fmt: skip
def test_formulas_mean_what_they_mean_in_print(text, wanted):
    assert expressions.parse(text, XYZ)[0].data == pytest.approx(wanted, rel=1e-15)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.recursive(
    st.sampled_from(["x", "y", "z", "2", "0.5"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*"]), inner).map(" ".join),
        inner.map("({})".format), inner.map("tanh({})".format),
        inner.map("relu({})".format), inner.map("-{}".format),
    ),
    max_leaves=10,
))  # fmt: skip
def test_typed_formulas_agree_with_python_and_with_nudging(text):
    def value(x, y, z):
        space = {"tanh": math.tanh, "relu": lambda v: max(v, 0.0)}
        return eval(text, {"__builtins__": {}}, {**space, "x": x, "y": y, "z": z})

    numbers = {"x": 0.31, "y": -0.72, "z": 1.13}
    output, names = expressions.parse(text, numbers)
    assert output.data == pytest.approx(value(**numbers), rel=1e-12, abs=1e-12)
    output.backward()
    wanted = grads.numerical_gradient(lambda v: value(*v), list(numbers.values()))
    for name, slope in zip(numbers, wanted, strict=True):
        if name in names and "relu" not in text:
            assert names[name].gradient == pytest.approx(slope, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("(x + 2", 1, "never closed"),
        ("x + 2) * y", 6, "closes nothing"),
        ("2x", 2, "wanted a sign"),
        ("x^2", 2, "written **"),
        ("x $ y", 3, "has no meaning"),
        ("", 1, "the end"),
        ("x +", 4, "the end"),
        ("x * * y", 5, "got *"),
        ("tanh x", 6, "in parentheses"),
        ("tanh()", 6, "got )"),
        ("q + 1", 1, "q has no value"),
        ("(x y)", 4, "wanted ) or a sign"),
        ("1e999", 1, "too large"),
        ("__import__('os')", 12, "no meaning"),
        ("x.real", 2, "no meaning"),
        ("lambda: x", 1, "lambda has no value"),
        ("[x]", 1, "no meaning"),
        ("(" * 60 + "x", 42, "inside each other"),
    ],
)
def test_what_is_no_formula_is_refused_with_the_place_marked(text, place, said):
    with pytest.raises(ValueError) as error:
        expressions.parse(text, XYZ)
    message = str(error.value)
    assert f"at character {place} " in message and said in message, message
    assert f"{text[: place - 1]}▸{text[place - 1 :]}" in message


@settings(deadline=None, max_examples=200, derandomize=True)
@given(st.text(alphabet="xy2.+-*/()e^ 1tanhlog", max_size=30))
def test_no_text_does_anything_but_parse_or_be_refused(text):
    try:
        output, _ = expressions.parse(text, XYZ)
    except ValueError as error:
        assert str(error)
    else:
        assert math.isfinite(output.data)


def test_long_texts_and_other_things_are_refused():
    with pytest.raises(ValueError, match="at most 400"):
        expressions.parse("x+" * 300 + "x", XYZ)
    for text in (3, None, ["x"]):
        with pytest.raises(TypeError, match="needs a string"):
            expressions.parse(text, XYZ)


def test_values_are_read_from_a_line():
    assert expressions.read_values(" x = 3,y=-2; z = 1e-1 ,") == {
        "x": 3.0, "y": -2.0, "z": 0.1,
    }  # fmt: skip
    assert expressions.read_values("") == {}
    for text in ("x", "x = a", "= 3", "3 = x", "x = 3 4"):
        with pytest.raises(ValueError, match="wanted a name and its number"):
            expressions.read_values(text)
    with pytest.raises(ValueError, match="finite"):
        expressions.read_values("x = inf")


def test_the_names_of_a_formula_are_found_in_order():
    assert expressions.names_in("tanh(b + w*x) - b") == ["b", "w", "x"]
