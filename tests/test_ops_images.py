"""Convolution and pooling by hand; `test_fast` compares them with PyTorch."""

import numpy as np
import pytest

from cnnlab import grads, ops, windows


def test_conv2d_of_the_lecture_is_2_minus_17_minus_6():
    rows = ["517781", "725781", "535442", "443321", "334781", "578231"]
    x = [[[[int(digit) for digit in row] for row in rows]]]
    got = ops.conv2d(x, [[[[1, 0, -1], [2, 0, -2], [1, 0, -1]]]])
    np.testing.assert_array_equal(
        got[0, 0],
        [[2, -17, -6, 20], [3, -6, 0, 12], [1, -3, -1, 12], [-4, -2, -2, 15]],
    )


def test_a_pixel_that_wins_two_windows_gets_both_gradients():
    x = np.zeros((1, 1, 3, 5))
    x[0, 0, 1, 2] = 9  # in both windows of 3 x 3 at stride 2
    got = grads.max_pool2d_backward([[[[10, 1]]]], x, 3, 2)
    assert got[0, 0, 1, 2] == 11
    assert got.sum() == 11


def test_of_equal_values_the_first_in_reading_order_won():
    got = grads.max_pool2d_backward([[[[1]]]], [[[[0, 5], [5, 5]]]], 2)
    np.testing.assert_array_equal(got, [[[[0, 1], [0, 0]]]])


def test_relu_and_its_gradient_are_zero_at_zero():
    np.testing.assert_array_equal(ops.relu([-1, 0, 2]), [0, 0, 2])
    np.testing.assert_array_equal(grads.relu_backward([5, 5, 5], [-1, 0, 2]), [0, 0, 5])


def test_float32_stays_and_other_numbers_become_float64():
    x = np.ones((1, 2, 3, 4), np.uint8) * 255
    w = np.ones((1, 2, 2, 2), np.int8)
    assert ops.conv2d(x, w).dtype == np.float64
    assert ops.conv2d(x, w)[0, 0, 0, 0] == 8 * 255
    single = x.astype(np.float32)
    assert ops.conv2d(single, w.astype(np.float32)).dtype == np.float32
    assert ops.max_pool2d(single, 2).dtype == np.float32
    assert ops.relu(single).dtype == np.float32


def test_inputs_are_not_changed_and_may_be_read_only_or_strided():
    x = np.random.default_rng(0).normal(size=(2, 2, 12, 10))[:, :, ::2, ::-1]
    w = np.random.default_rng(1).normal(size=(3, 2, 3, 3))
    dout = np.ones((2, 3, 4, 8))
    for array in (x, w, dout):
        array.flags.writeable = False
    ops.conv2d(x, w)
    grads.conv2d_backward(dout, x, w)
    dx = grads.max_pool2d_backward(np.ones((2, 2, 3, 5)), x, 2)
    dx += 1  # the result is the caller's own
    assert grads.conv2d_backward(dout, x, w)[0].flags.owndata


X, W = np.zeros((1, 4, 5, 6)), np.zeros((2, 4, 3, 3))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ops.conv2d(X[0], W), r"x needs 4 axes .* For one image: x\[None\]"),
        (lambda: ops.conv2d(X, W[0]), r"w needs 4 axes .* For one filter: w\[None\]"),
        (lambda: ops.conv2d(X, W[:, :3]), "channels of x is 4 but .* is 3"),
        (lambda: ops.conv2d(X, W[:, :2], groups=2, b=[1, 2, 3]), "entries of b is 3"),
        (lambda: ops.conv2d(X, W, groups=3), "groups"),
        (lambda: ops.conv2d(X, W, stride=0), "stride must be .* at least 1; got 0"),
        (
            lambda: ops.conv2d(X, W, stride=(1, 2, 3)),
            r"one number or \(rows, columns\)",
        ),
        (lambda: ops.conv2d(X, W, padding=-1), "padding must be .* at least 0"),
        (lambda: ops.conv2d(X, W, dilation=3), "does not fit"),
        (lambda: ops.conv2d(X, np.full((2, 4, 3, 3), np.nan)), "NaN"),
        (lambda: ops.conv2d(X + 1e200, W + 1e200), "the feature maps"),
        (lambda: ops.max_pool2d(X, 2, padding=2), "at most half the window"),
        (lambda: ops.avg_pool2d(X, 2, ceil_mode="yes"), "ceil_mode"),
        (lambda: ops.max_pool2d(X, 7), "does not fit"),
        (lambda: grads.conv2d_backward(np.zeros((1, 2, 3, 3)), X, W), "dout"),
        (lambda: grads.max_pool2d_backward(np.zeros((1, 4, 2, 2)), X, 2), "dout"),
        (lambda: grads.relu_backward([1, 2], [1, 2, 3]), "dout"),
    ],
)
def test_wrong_input_is_refused_in_one_clear_sentence(call, words):
    with pytest.raises((TypeError, ValueError), match=words):
        call()


def test_windows_say_where_every_unit_looks():
    at = windows.windows(np.zeros((1, 1, 5, 4)), (2, 1), (3, 2), (1, 0))
    assert at.out == (2, 2)
    assert [(i, j, r.start, r.stop, c.start) for i, j, r, c in at.places()] == [
        (0, 0, 0, 2, 0), (0, 1, 0, 2, 2), (1, 0, 3, 5, 0), (1, 1, 3, 5, 2),
    ]  # fmt: skip
