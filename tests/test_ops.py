"""The forward operations, against hand-worked numbers, SciPy and PyTorch."""

import numpy as np
import pytest
import scipy.special
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from cnnlab import ops

SCORES = np.array([[3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]])


def test_linear_worked_by_hand():
    assert ops.linear([[1, 2]], [[3, 4], [5, 6]]).tolist() == [[11, 17]]
    assert ops.linear([[1, 2]], [[3, 4], [5, 6]], [10, 20]).tolist() == [[21, 37]]


def test_linear_of_uint8_does_not_wrap_round():
    x = np.full((1, 2), 200, dtype=np.uint8)
    assert ops.linear(x, x).tolist() == [[80_000]]


def test_softmax_of_equal_scores_is_uniform_and_of_log_counts_are_shares():
    assert ops.softmax(np.zeros((1, 4))).tolist() == [[0.25] * 4]
    np.testing.assert_allclose(ops.softmax(np.log([[1, 2, 5]])), [[0.125, 0.25, 0.625]])


def test_cross_entropy_of_the_lecture_scores_is_2_759():
    losses = ops.cross_entropy(SCORES, [0, 1, 2], reduction="none")
    assert losses.round(3).tolist() == [2.040, 0.079, 6.156]
    assert round(ops.cross_entropy(SCORES, [0, 1, 2]), 3) == 2.759


def test_accuracy_counts_equal_labels():
    assert ops.accuracy([1, 2, 3, 3], np.array([1, 2, 0, 3])) == 0.75


def test_one_example_is_right_or_wrong():
    assert ops.accuracy([1], [1]) == 1 and ops.accuracy([1], [0]) == 0


def test_the_mean_loss_of_float32_scores_is_taken_in_float64():
    s = np.array([[0, 1000], [0, 0]], np.float32)
    two = float(np.log(np.float32(2)))  # 1000 + 0.6931 would keep four digits of it
    assert ops.cross_entropy(s, [0, 0]) == (1000 + two) / 2


@settings(deadline=None, max_examples=100, derandomize=True)
@given(
    st.integers(0, 7),
    st.integers(1, 7),
    st.sampled_from([1e-3, 1.0, 50.0, 1e4]),
    st.sampled_from(["float32", "float64"]),
    st.integers(0, 99),
)
def test_softmax_and_cross_entropy_match_scipy_and_torch(n, k, size, dtype, seed):
    rng = np.random.default_rng(seed)
    s = (size * rng.normal(size=(n, k))).astype(dtype)
    y = rng.integers(0, k, n)
    tolerance = {"rtol": 1e-5, "atol": 1e-6} if dtype == "float32" else {"rtol": 1e-12}
    assert ops.softmax(s).dtype == ops.log_softmax(s).dtype == dtype
    np.testing.assert_allclose(ops.softmax(s), scipy.special.softmax(s, 1), **tolerance)
    logs = functional.log_softmax(torch.from_numpy(s), 1).numpy()
    np.testing.assert_allclose(ops.log_softmax(s), logs, atol=1e-12, rtol=1e-5)
    losses = functional.cross_entropy(*map(torch.from_numpy, (s, y)), reduction="none")
    got = ops.cross_entropy(s, y, reduction="none")
    np.testing.assert_allclose(got, losses.numpy(), atol=1e-12, rtol=1e-5)
    assert got.shape == (n,) and (got >= 0).all() and not np.signbit(got).any()
    if n:
        assert ops.cross_entropy(s, y) == pytest.approx(losses.mean().item(), rel=1e-5)


@settings(deadline=None, max_examples=50, derandomize=True)
@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 99))
def test_linear_matches_torch_for_any_sizes(n, d, k, seed):
    rng = np.random.default_rng(seed)
    x, w, b = rng.normal(size=(n, d)), rng.normal(size=(k, d)), rng.normal(size=k)
    wanted = functional.linear(*map(torch.from_numpy, (x, w, b))).numpy()
    np.testing.assert_allclose(ops.linear(x, w, b), wanted, rtol=1e-12, atol=1e-12)


def test_softmax_does_not_feel_a_shift_and_sums_to_one():
    rng = np.random.default_rng(0)
    s = rng.normal(size=(5, 7))
    p = ops.softmax(s)
    np.testing.assert_allclose(ops.softmax(s + 300), p, rtol=1e-10)
    np.testing.assert_allclose(p.sum(axis=1), 1)


def test_extreme_scores_give_finite_probabilities_without_warnings():
    s = np.array([[1e308, -1e308, 0], [-1e308, -1e308, -1e308], [1e4, 0, -1e4]])
    wanted = [[1, 0, 0], [1 / 3] * 3, [1, 0, 0]]
    np.testing.assert_allclose(ops.softmax(s), wanted)
    np.testing.assert_allclose(ops.softmax(np.float32([[3e38, -3e38]])), [[1, 0]])
    assert ops.cross_entropy([[0.0, 1000.0]], [0]) == 1000


def test_one_class_has_no_loss():
    assert ops.softmax([[-7.0], [3.0]]).tolist() == [[1], [1]]
    assert ops.cross_entropy([[-7.0], [3.0]], [0, 0]) == 0


def test_inputs_are_not_changed():
    s, y = SCORES.copy(), np.array([0, 1, 2])
    s.flags.writeable = y.flags.writeable = False
    ops.softmax(s), ops.log_softmax(s), ops.cross_entropy(s, y), ops.linear(s, s, y)
    assert (s == SCORES).all() and (y == [0, 1, 2]).all()


WRONG = {
    "one example": (lambda: ops.softmax([1.0, 2.0]), r"For one example: s\[None\]"),
    "no class": (lambda: ops.softmax(np.zeros((2, 0))), "number of classes"),
    "NaN": (lambda: ops.log_softmax([[np.nan, 1.0]]), "finite numbers"),
    "infinity": (lambda: ops.softmax([[np.inf, 1.0]]), "finite numbers"),
    "label K": (lambda: ops.cross_entropy(SCORES, [0, 1, 3]), "labels from 0 to 2"),
    "label -1": (lambda: ops.cross_entropy(SCORES, [0, 1, -1]), "labels from 0 to 2"),
    "float label": (lambda: ops.cross_entropy(SCORES, [0.0, 1, 2]), "integer labels"),
    "boolean label": (
        lambda: ops.cross_entropy(SCORES, [True, False, True]),
        "integer labels",
    ),
    "one-hot": (lambda: ops.cross_entropy(SCORES, np.eye(3, dtype=int)), "1 axis"),
    "few labels": (lambda: ops.cross_entropy(SCORES, [0, 1]), "must be equal"),
    "no example": (lambda: ops.cross_entropy(SCORES[:0], []), "number of examples"),
    "reduction": (
        lambda: ops.cross_entropy(SCORES, [0, 1, 2], "sum"),
        "'mean' or 'none'; got 'sum'",
    ),
    "columns": (lambda: ops.linear(SCORES, [[1.0]]), "x columns is 3 but w columns"),
    "bias": (lambda: ops.linear(SCORES, SCORES, [1.0]), "w rows is 3 but b entries"),
    "images": (lambda: ops.linear(np.zeros((2, 3, 4)), SCORES), "Flatten the images"),
    "nothing to count": (lambda: ops.accuracy([], []), "number of examples"),
    "lengths": (lambda: ops.accuracy([1], [1, 2]), "must be equal"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_refused_in_one_clear_sentence(case):
    call, message = WRONG[case]
    with pytest.raises((ValueError, TypeError), match=message):
        call()
