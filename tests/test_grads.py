"""The numerical gradient, the relative error, and the first derivatives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnlab import grads, ops


def test_gradient_of_a_sum_of_squares_is_twice_the_point():
    x = np.array([[1.0, -2.0], [0.5, 3.0], [0.0, 4.0]])
    got = grads.numerical_gradient(lambda x: np.sum(x**2), x)
    np.testing.assert_allclose(got, 2 * x, atol=1e-9)


def test_the_error_of_central_differences_falls_with_the_square_of_the_step():
    errors = [
        abs(grads.numerical_gradient(lambda x: np.exp(x), np.array(1.0), h) - np.e)
        for h in (1e-2, 1e-3)
    ]
    assert 90 < errors[0] / errors[1] < 110


def test_the_step_is_a_hundred_thousandth_if_none_is_named():
    # ((h)^3 - (-h)^3) / 2h = h^2: what a cube leaves of its step
    got = grads.numerical_gradient(lambda x: x[0] ** 3, [0.0])
    np.testing.assert_allclose(got, [1e-10], rtol=1e-12)


def test_a_step_may_be_as_small_as_the_smallest_that_is_named():
    got = grads.numerical_gradient(lambda x: 3 * x[0], [0.0], h=1e-300)
    np.testing.assert_allclose(got, [3])


@pytest.mark.parametrize(
    ("x", "h"),
    [
        ([1e12], 1e-5),  # neighbours of 1e12 lie 1e-4 apart
        ([0.0, -1e12], 1e-5),
        ([1.0], 1e-16),  # lost above 1, where floats lie wider, and not below
        ([-1.0], 1e-16),
    ],
)
def test_a_step_that_vanishes_beside_a_value_is_refused(x, h):
    with pytest.raises(ValueError, match="numerical_gradient: the step h = .* vanish"):
        grads.numerical_gradient(lambda x: (x**2).sum(), x, h)


def test_the_refusal_names_a_step_that_helps():
    with pytest.raises(ValueError, match=r"beside a value of 1e\+12: .* about 1e\+07"):
        grads.numerical_gradient(lambda x: (x**2).sum(), [1.0, -1e12])
    got = grads.numerical_gradient(lambda x: (x**2).sum(), [1e12], h=1e7)
    np.testing.assert_allclose(got, [2e12], rtol=1e-6)


def test_whole_numbers_are_moved_by_fractions():
    got = grads.numerical_gradient(lambda x: x[0] * x[1], np.array([3, 5]))
    np.testing.assert_allclose(got, [5, 3])


def test_the_point_is_not_changed_and_may_be_read_only_or_strided():
    x = np.arange(12.0).reshape(3, 4)
    x.flags.writeable = False
    got = grads.numerical_gradient(lambda v: np.sum(v * v), x[::2, ::-1])
    np.testing.assert_allclose(got, 2 * x[::2, ::-1], atol=1e-8)
    assert (x == np.arange(12.0).reshape(3, 4)).all()


def test_points_of_any_shape_are_taken():
    assert grads.numerical_gradient(lambda x: 3 * x, 2.0).shape == ()
    assert grads.numerical_gradient(np.sum, np.zeros((2, 0, 3))).shape == (2, 0, 3)
    assert grads.numerical_gradient(np.sum, np.ones((1, 2, 3, 1))).shape == (1, 2, 3, 1)
    assert grads.numerical_gradient(lambda x: np.sum(x)[None], [1.0]) == pytest.approx(
        1
    )


def test_a_function_that_gives_an_array_is_refused():
    with pytest.raises(ValueError, match=r"f must return one number; .* shape \(3,\)"):
        grads.numerical_gradient(lambda x: x, np.zeros(3))


def test_a_point_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="finite numbers"):
        grads.numerical_gradient(np.sum, [np.nan])
    with pytest.raises(ValueError, match="h must be"):
        grads.numerical_gradient(np.sum, [1.0], h=0)


def test_relative_error_worked_by_hand():
    assert grads.relative_error([1, 10], [3, 10]) == 0.5
    assert grads.relative_error(2.0, -2.0) == 1
    assert grads.relative_error(np.zeros(3), np.zeros(3)) == 0
    assert grads.relative_error([], []) == 0
    assert grads.relative_error(0.0, 1e-12) == pytest.approx(1e-4)  # noise near zero
    assert np.isnan(grads.relative_error([np.nan], [1.0]))
    # 0.7 / 2.7, although the sum is beyond the float range
    assert grads.relative_error([1.7e308], [1e308]) == pytest.approx(7 / 27)
    assert grads.relative_error([1.7e308], [-1.7e308]) == 1


def test_relative_error_of_other_shapes_is_refused_not_broadcast():
    with pytest.raises(ValueError, match=r"needs shape \(2, 3\)"):
        grads.relative_error(np.zeros((2, 3)), np.zeros(3))


@settings(deadline=None, max_examples=40, derandomize=True)
@given(st.integers(1, 5), st.integers(1, 6), st.integers(0, 99))
def test_cross_entropy_backward_is_the_numerical_gradient(n, k, seed):
    rng = np.random.default_rng(seed)
    s, y = rng.normal(size=(n, k)), rng.integers(0, k, n)
    numerical = grads.numerical_gradient(lambda s: ops.cross_entropy(s, y), s)
    np.testing.assert_allclose(
        grads.cross_entropy_backward(s, y), numerical, rtol=1e-6, atol=1e-10
    )


def test_linear_backward_is_the_numerical_gradient():
    rng = np.random.default_rng(0)
    x, w, b = rng.normal(size=(3, 5)), rng.normal(size=(4, 5)), rng.normal(size=4)
    dout = rng.normal(size=(3, 4))
    point = {"x": x, "w": w, "b": b}
    got = grads.linear_backward(dout, x, w)
    for name, gradient in zip("xwb", got, strict=True):
        numerical = grads.numerical_gradient(
            lambda v, name=name: np.sum(dout * ops.linear(**{**point, name: v})),
            point[name],
        )
        assert grads.relative_error(gradient, numerical) < 1e-8


def test_backward_of_other_shapes_is_refused():
    with pytest.raises(ValueError, match=r"dout needs shape \(3, 2\)"):
        grads.linear_backward(np.zeros((2, 3)), np.zeros((3, 4)), np.zeros((2, 4)))
    with pytest.raises(ValueError, match="number of examples"):
        grads.cross_entropy_backward(np.zeros((0, 3)), [])
