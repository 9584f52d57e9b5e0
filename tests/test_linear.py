"""Scores, hinge and softmax losses, their gradients, and training."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from torch.nn import functional

from cnnlab import grads, linear, ops

SCORES = np.array([[3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]])
LABELS = np.array([0, 1, 2])  # cat, car, frog


def problem(seed, n=6, d=4, k=3, dtype="float64"):
    rng = np.random.default_rng(seed)
    x, w, b = rng.normal(size=(n, d)), rng.normal(size=(k, d)), rng.normal(size=k)
    return x.astype(dtype), rng.integers(0, k, n), w.astype(dtype), b.astype(dtype)


def torch_loss(x, y, w, b, loss, reg, margin=1.0):
    """The same loss and gradients by PyTorch and its automatic differentiation."""
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    w, b = (torch.from_numpy(a).requires_grad_() for a in (w, b))
    s = functional.linear(x, w, b)
    if loss == "softmax":
        value = functional.cross_entropy(s, y)
    else:  # PyTorch divides by the number of classes
        value = functional.multi_margin_loss(s, y, margin=margin) * s.shape[1]
    value = value + reg * (w**2).sum()
    value.backward()
    return value.item(), w.grad.numpy(), b.grad.numpy()


# Numbers worked by hand


@pytest.mark.parametrize("f", [linear.hinge_loss, linear.hinge_loss_loops])
def test_hinge_losses_of_the_lecture_scores(f):
    losses = f(SCORES, LABELS)
    np.testing.assert_allclose(losses, [2.9, 0, 12.9], atol=1e-12)
    assert round(losses.mean(), 2) == 5.27


@pytest.mark.parametrize("f", [linear.softmax_loss, linear.softmax_loss_loops])
def test_softmax_losses_of_the_lecture_scores(f):
    losses = f(SCORES, LABELS)
    assert losses.round(3).tolist() == [2.040, 0.079, 6.156]
    assert round(losses.mean(), 3) == 2.759


def test_gradients_worked_by_hand():
    # cat: only the car is within the margin; frog: both others are
    wanted = [[-1, 1, 0], [0, 0, 0], [1, 1, -2]]
    assert linear.hinge_gradient(SCORES, LABELS).tolist() == wanted
    half = linear.softmax_gradient([[5.0, 5.0]], [1])
    assert half.tolist() == [[0.5, -0.5]]


def test_on_the_margin_the_loss_and_its_gradient_are_zero():
    assert linear.hinge_loss([[2.0, 1.0]], [0]).tolist() == [0]
    assert linear.hinge_gradient([[2.0, 1.0]], [0]).tolist() == [[0, 0]]


def test_a_margin_of_zero_asks_only_that_the_right_class_wins():
    s = [[1.0, 3.0], [3.0, 1.0]]
    for f in (linear.hinge_loss, linear.hinge_loss_loops, linear.hinge_by_cases):
        assert f(s, [0, 0], 0).tolist() == [2, 0]
    assert linear.hinge_gradient(s, [0, 0], 0).tolist() == [[-1, 1], [0, 0]]


def test_by_cases_a_score_on_the_margin_costs_exactly_nothing():
    s = [[0.1 + 0.2, 0.1]]  # 0.1 - 0.30000000000000004 + 0.2 is not 0
    assert linear.hinge_by_cases(s, [0], 0.2).tolist() == [0]


def test_on_the_margin_the_loops_have_no_slope_either():
    value, dw, db = linear.dataset_loss_loops(
        [[1.0]], [0], [[2.0], [1.0]], [0.0, 0.0], "hinge"
    )
    assert value == 0 and not dw.any() and not db.any()


def test_the_loops_have_the_defaults_of_the_fast_loss():
    x, y, w, b = problem(20)
    for loss in linear.LOSSES:
        fast = linear.dataset_loss(x, y, w, b, loss)
        assert linear.dataset_loss_loops(x, y, w, b, loss)[0] == pytest.approx(fast[0])


def test_every_row_has_its_own_largest_score():
    # one maximum for both rows would leave nothing of the first: exp(-2000) is 0
    s, y = [[0.0, 0.0], [2000.0, 2000.0]], [0, 0]
    assert linear.softmax_gradient(s, y).tolist() == [[-0.5, 0.5]] * 2
    w = np.array([[0.0, 2000.0]] * 2)
    value, dw, _ = linear.dataset_loss(np.eye(2), y, w, np.zeros(2))
    assert value == pytest.approx(np.log(2)) and np.isfinite(dw).all()


def test_sums_over_float32_are_taken_in_float64():
    f4 = np.float32
    w = np.array([[0, 0], [1000, 0]], f4)
    value, *_ = linear.dataset_loss(np.eye(2, dtype=f4), [0, 0], w, np.zeros(2, f4))
    assert value == (1000 + float(np.log(f4(2)))) / 2
    w = np.array([[1.0], [2.0**13]], f4)  # 1 is lost beside 2^26 in float32
    value, *_ = linear.dataset_loss(
        np.zeros((1, 1), f4), [0], w, np.zeros(2, f4), reg=1
    )
    assert value - 2**26 == pytest.approx(1 + np.log(2), abs=1e-5)


def test_losses_beyond_the_float_range_are_infinite_without_a_warning():
    s = [[1.7e308, -1.7e308]]
    with np.errstate(all="raise", under="ignore"):
        assert linear.hinge_loss_loops(s, [1]).tolist() == [np.inf]
        assert linear.softmax_loss_loops(s, [1]).tolist() == [np.inf]
        with pytest.raises(ValueError, match="leave the range of float64"):
            linear.dataset_loss_loops([[1e200]], [0], [[-1e200], [1e200]], [0.0, 0.0])


def test_the_first_loss_is_log_k_or_k_minus_one():
    x, y, w, b = problem(0, n=20, k=10)
    assert linear.dataset_loss(x, y, 0 * w, 0 * b)[0] == pytest.approx(np.log(10))
    assert linear.dataset_loss(x, y, 0 * w, 0 * b, "hinge")[0] == 9


def test_regularisation_adds_all_squared_weights_and_leaves_the_bias_out():
    x, y, w, b = problem(1)
    for loss in linear.LOSSES:
        plain = linear.dataset_loss(x, y, w, b, loss)
        value, dw, db = linear.dataset_loss(x, y, w, b, loss, reg=0.5)
        assert value == pytest.approx(plain[0] + 0.5 * (w**2).sum())
        np.testing.assert_allclose(dw, plain[1] + w)
        np.testing.assert_array_equal(db, plain[2])


def test_the_sliders_of_the_scores_give_the_numbers_of_the_text():
    cat = np.array([[6.1, 5.1, -1.7], [4.2, 6.1, -0.7], [1.0, 1.0, 1.0]])
    zeros = np.zeros(3, int)
    np.testing.assert_allclose(linear.hinge_loss(cat, zeros), [0, 2.9, 2], atol=1e-12)
    losses = linear.softmax_loss(cat, zeros).round(3)
    assert losses.tolist() == [0.314, 2.040, 1.099]
    for f in (linear.hinge_loss, linear.softmax_loss):  # softmax alone goes on falling
        further = f(np.array([[9.0, 5.1, -1.7]]), [0])[0]
        assert further < 0.05 and (further > 0) == (f is linear.softmax_loss)


# Two engines, one input


@settings(deadline=None, max_examples=80, derandomize=True)
@given(
    st.integers(1, 9),
    st.integers(0, 9),
    st.integers(1, 9),
    st.sampled_from(linear.LOSSES),
    st.sampled_from([0.0, 0.3]),
    st.sampled_from([0.5, 1.0, 7.0]),
    st.integers(0, 999),
)
def test_loss_and_gradients_match_torch_and_the_loops(n, d, k, loss, reg, margin, seed):
    data = problem(seed, n, d, k)
    value, dw, db = linear.dataset_loss(*data, loss, reg, margin)
    assert isinstance(value, float) and dw.shape == (k, d) and db.shape == (k,)
    by_loops = linear.dataset_loss_loops(*data, loss, reg, margin)
    for other in (torch_loss(*data, loss, reg, margin), by_loops):
        assert value == pytest.approx(other[0], rel=1e-12, abs=1e-12)
        np.testing.assert_allclose(dw, other[1], rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(db, other[2], rtol=1e-10, atol=1e-12)


@settings(deadline=None, max_examples=50, derandomize=True)
@given(st.integers(0, 9), st.integers(1, 9), st.integers(0, 999))
def test_the_losses_match_their_loops(n, k, seed):
    rng = np.random.default_rng(seed)
    s, y = 5 * rng.normal(size=(n, k)), rng.integers(0, k, n)
    for fast, loops in [
        (linear.hinge_loss, linear.hinge_loss_loops),
        (linear.hinge_loss, linear.hinge_by_cases),
        (linear.softmax_loss, linear.softmax_loss_loops),
    ]:
        assert fast(s, y).shape == (n,)
        np.testing.assert_allclose(fast(s, y), loops(s, y), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("loss", linear.LOSSES)
def test_float32_stays_float32_and_agrees_with_float64(loss):
    x, y, w, b = problem(2, n=40, d=30, k=5, dtype="float32")
    value, dw, db = linear.dataset_loss(x, y, w, b, loss, reg=0.1)
    assert dw.dtype == db.dtype == np.float32
    exact = linear.dataset_loss(
        *(a.astype("f8") for a in (x,)), y, w * 1.0, b, loss, 0.1
    )
    assert value == pytest.approx(exact[0], rel=1e-6)
    np.testing.assert_allclose(dw, exact[1], atol=1e-5)


# Numerical gradients


@pytest.mark.parametrize("loss", linear.LOSSES)
def test_gradients_are_the_numerical_ones(loss):
    x, y, w, b = problem(3)

    def value(w, b):
        return linear.dataset_loss(x, y, w, b, loss, reg=0.2)[0]

    _, dw, db = linear.dataset_loss(x, y, w, b, loss, reg=0.2)
    numerical = grads.numerical_gradient(lambda w: value(w, b), w)
    assert grads.relative_error(dw, numerical) < 1e-7
    numerical = grads.numerical_gradient(lambda b: value(w, b), b)
    assert grads.relative_error(db, numerical) < 1e-7


@pytest.mark.parametrize("loss", linear.LOSSES)
def test_score_gradients_are_the_numerical_ones(loss):
    gradient = {"hinge": linear.hinge_gradient, "softmax": linear.softmax_gradient}
    f = {"hinge": linear.hinge_loss, "softmax": linear.softmax_loss}[loss]
    numerical = grads.numerical_gradient(lambda s: f(s, LABELS).sum(), SCORES)
    np.testing.assert_allclose(gradient[loss](SCORES, LABELS), numerical, atol=1e-8)


# Properties


def test_score_gradients_sum_to_zero_and_leave_scores_alone():
    rng = np.random.default_rng(4)
    s, y = rng.normal(size=(8, 5)), rng.integers(0, 5, 8)
    before = s.copy()
    for f in (linear.hinge_gradient, linear.softmax_gradient):
        np.testing.assert_allclose(f(s, y).sum(axis=1), 0, atol=1e-12)
    assert (s == before).all()


def test_adding_a_number_to_all_scores_changes_no_loss():
    for f in (linear.hinge_loss, linear.softmax_loss):
        np.testing.assert_allclose(f(SCORES + 100, LABELS), f(SCORES, LABELS))


def test_the_bias_trick_gives_the_same_scores():
    x, _, w, b = problem(5)
    joined = linear.scores(linear.append_one(x), linear.join_bias(w, b))
    np.testing.assert_allclose(joined, linear.scores(x, w, b))
    assert linear.append_one(np.uint8([[200]])).tolist() == [[200, 1]]


def test_predict_takes_the_largest_score_and_of_equal_ones_the_first():
    w = [[1, 0], [0, 1], [0, 1]]
    assert linear.predict([[3, 1], [1, 3], [0, 0]], w).tolist() == [0, 1, 0]
    assert linear.predict([[0, 0]], w, [0, 0, 1]).tolist() == [2]
    assert linear.predict(np.zeros((0, 2)), w).shape == (0,)


def test_of_one_class_every_example_is_one():
    assert linear.predict([[1.0], [-1.0]], [[2.0]]).tolist() == [0, 0]
    w, b, _ = linear.train([[1.0], [2.0]], [0, 0], 1)
    assert not w.any() and not b.any()


def test_the_appended_ones_keep_the_type():
    assert linear.append_one(np.ones((2, 3), np.float32)).dtype == np.float32


def test_one_class_or_one_example_has_a_loss():
    for loss in linear.LOSSES:
        assert linear.dataset_loss([[1.0]], [0], [[2.0]], [3.0], loss)[0] == 0
    assert linear.hinge_loss([[1.0, 0.5]], [1]).tolist() == [1.5]


def test_no_examples_have_no_losses():
    for f in (linear.hinge_loss, linear.softmax_loss, linear.hinge_loss_loops):
        assert f(np.zeros((0, 3)), []).shape == (0,)
    assert linear.hinge_gradient(np.zeros((0, 3)), []).shape == (0, 3)


def test_whole_number_scores_do_not_wrap_round():
    s = np.array([[3, 250]], dtype=np.uint8)
    assert linear.hinge_loss(s, [1]).tolist() == [0]
    assert linear.hinge_loss(s, [0]).tolist() == [248]
    assert linear.softmax_loss(s, [0]).tolist() == [247]


def test_huge_scores_have_finite_losses():
    s = [[1e300, -1e300]]
    assert linear.softmax_loss(s, [0]).tolist() == [0]
    assert linear.softmax_loss(s, [1]).tolist() == [2e300]
    assert linear.hinge_loss(s, [1]).tolist() == [2e300]
    assert np.isfinite(linear.softmax_gradient(s, [1])).all()


# Training


@pytest.mark.parametrize("loss", linear.LOSSES)
def test_one_full_batch_step_from_zero_is_the_gradient_step(loss):
    x, y, w, b = problem(6, n=12)
    got_w, got_b, history = linear.train(
        x, y, 3, loss, learning_rate=0.5, epochs=1, batch_size=12
    )
    value, dw, db = linear.dataset_loss(x, y, 0 * w, 0 * b, loss)
    np.testing.assert_allclose(got_w, -0.5 * dw)
    np.testing.assert_allclose(got_b, -0.5 * db)
    assert history["loss"] == pytest.approx([value])


@pytest.mark.parametrize("loss", linear.LOSSES)
def test_training_reads_digits_and_repeats_itself_exactly(loss):
    x, y = load_digits(return_X_y=True)
    x = x / 16
    runs = [
        linear.train(x[:1200], y[:1200], 10, loss, 0.1, reg=1e-4, epochs=15, seed=1)
        for _ in range(2)
    ]
    w, b, history = runs[0]
    assert linear.accuracy(linear.predict(x[1200:], w, b), y[1200:]) > 0.85
    assert history["loss"][0] == pytest.approx(
        {"softmax": np.log(10), "hinge": 9}[loss]
    )
    assert history["loss"][-10:].mean() < history["loss"][:10].mean() / 2
    assert (w == runs[1][0]).all() and (b == runs[1][1]).all()
    other = linear.train(x[:1200], y[:1200], 10, loss, 0.1, reg=1e-4, epochs=15, seed=2)
    assert (w != other[0]).any()


def test_the_defaults_of_training_are_those_of_its_signature():
    x, y, *_ = problem(21, n=300)
    named = {"learning_rate": 0.01, "reg": 0.0, "epochs": 10, "batch_size": 128}
    w, b, history = linear.train(x, y, 3)
    wanted = linear.train(x, y, 3, "softmax", **named, seed=0, record=1)
    assert (w == wanted[0]).all() and (b == wanted[1]).all()
    assert history["epoch"].tolist() == list(range(11)) and len(history["loss"]) == 30


def test_float32_is_trained_in_float32_and_one_example_is_a_batch():
    x, y, *_ = problem(22, n=5, dtype="float32")
    w, b, history = linear.train(x, y, 3, batch_size=1, epochs=2)
    assert w.dtype == b.dtype == np.float32 and history["loss"].shape == (10,)


def test_history_keeps_the_weights_from_the_start_to_the_end():
    x, y, *_ = problem(7, n=10)
    w, b, history = linear.train(x, y, 3, epochs=5, batch_size=4, record=2)
    assert history["loss"].shape == (15,)  # 5 epochs of 4 + 4 + 2 examples
    assert history["epoch"].tolist() == [0, 2, 4, 5]
    assert history["w"].shape == (4, 3, 4) and history["b"].shape == (4, 3)
    assert not history["w"][0].any() and (history["w"][-1] == w).all()
    assert (history["b"][-1] == b).all() and history["diverged"] is None


def test_no_epochs_leave_the_weights_at_zero():
    x, y, *_ = problem(8)
    w, b, history = linear.train(x, y, 3, epochs=0)
    assert not w.any() and not b.any() and history["loss"].shape == (0,)
    assert history["epoch"].tolist() == [0]


def test_more_regularisation_gives_smaller_weights():
    x, y, *_ = problem(9, n=60)
    sizes = [
        (linear.train(x, y, 3, learning_rate=0.1, reg=reg)[0] ** 2).sum()
        for reg in (0, 0.1, 1)
    ]
    assert sizes[0] > sizes[1] > sizes[2]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("loss", linear.LOSSES)
def test_a_diverging_run_stops_and_says_at_which_step(loss, dtype):
    x, y, *_ = problem(10, n=30, dtype=dtype)
    w, b, history = linear.train(
        x, y, 3, loss, learning_rate=1e3, reg=10, epochs=100, batch_size=10
    )
    assert history["diverged"] == len(history["loss"]) - 1 > 0
    assert np.isfinite(w).all() and np.isfinite(history["w"]).all()
    assert linear.predict(x, w, b).shape == (30,)


def test_training_does_not_change_its_inputs():
    x, y, *_ = problem(11)
    before = x.copy(), y.copy()
    x.flags.writeable = y.flags.writeable = False
    linear.train(x, y, 3)
    assert (x == before[0]).all() and (y == before[1]).all()


def test_training_takes_pixels_as_they_are():
    rng = np.random.default_rng(12)
    images = rng.integers(0, 256, (20, 6), dtype=np.uint8)
    w, _, history = linear.train(images, rng.integers(0, 2, 20), 2, learning_rate=1e-6)
    assert w.dtype == np.float64 and history["loss"][-1] < history["loss"][0]


# The loop of the exercise


@pytest.mark.parametrize("loss", linear.LOSSES)
def test_the_loop_walks_where_pytorchs_sgd_walks(loss):
    x, y, w, b = problem(14, n=20, d=5, k=4)
    batches = [np.array([3, 1, 7]), np.arange(20), np.array([5]), np.array([2, 2, 9])]
    gradient = {"hinge": linear.hinge_gradient, "softmax": linear.softmax_gradient}
    got = linear.train_linear(x, y, w, b, batches, 0.3, gradient[loss])
    for batch in batches:
        _, dw, db = torch_loss(x[batch], y[batch], w, b, loss, 0.0)
        w, b = w - 0.3 * dw, b - 0.3 * db
    np.testing.assert_allclose(got[0], w, atol=1e-12)
    np.testing.assert_allclose(got[1], b, atol=1e-12)


def test_no_batch_leaves_the_weights_where_they_are_in_new_arrays():
    x, y, w, b = problem(15)
    got = linear.train_linear(x, y, w, b, [], 0.3, linear.softmax_gradient)
    assert (got[0] == w).all() and (got[1] == b).all()
    assert got[0] is not w and got[1] is not b


def test_the_loop_keeps_float32_and_its_inputs():
    x, y, w, b = problem(16, dtype="float32")
    for array in (x, y, w, b):
        array.flags.writeable = False
    got = linear.train_linear(x, y, w, b, [[0, 1], [2]], 0.1, linear.softmax_gradient)
    assert got[0].dtype == got[1].dtype == np.float32


@pytest.mark.parametrize("loss", linear.LOSSES)
def test_a_template_trained_from_zero_is_a_sum_of_pictures(loss):
    x, y, w, b = problem(17, n=6, d=40, k=3)
    gradient = {"hinge": linear.hinge_gradient, "softmax": linear.softmax_gradient}
    batches = [np.arange(6)[i : i + 2] for i in (0, 2, 4)] * 20
    w, _ = linear.train_linear(x, y, 0 * w, 0 * b, batches, 0.1, gradient[loss])
    shares = np.linalg.lstsq(x.T, w.T, rcond=None)[0]  # (pictures, classes)
    np.testing.assert_allclose(x.T @ shares, w.T, atol=1e-10)
    assert np.abs(w).max() > 0.1


# What one template can and cannot do


@settings(deadline=None, max_examples=50, derandomize=True)
@given(st.integers(2, 6), st.integers(0, 999))
def test_for_one_class_at_most_a_picture_and_its_negative_are_right(k, seed):
    x, _, w, b = problem(seed, n=50, d=7, k=k)
    both = linear.predict(x, w, b) == linear.predict(-x, w, b)
    assert set(linear.predict(x, w, b)[both].tolist()) <= {int(b.argmax())}


def test_no_line_of_many_gets_more_than_three_of_the_four_corners():
    corners = np.array([[1, 1], [-1, -1], [1, -1], [-1, 1]])
    y = np.array([0, 0, 1, 1])
    rng = np.random.default_rng(18)
    right = [
        np.mean(linear.predict(corners, w, b) == y)
        for w, b in zip(
            rng.normal(size=(5000, 2, 2)), rng.normal(size=(5000, 2)), strict=True
        )
    ]
    assert max(right) == 0.75
    product = np.c_[corners[:, 0], corners[:, 0] * corners[:, 1]]
    w = np.array([[0, 1.0], [0, -1]])
    assert (linear.predict(product, w) == y).all()


def test_a_row_added_to_all_rows_moves_no_border_and_a_length_none_without_bias():
    x, _, w, b = problem(19, n=200)
    guess = linear.predict(x, w, b)
    added = linear.predict(x, w + [2.0, -0.7, 1, 0], b)
    assert (added == guess).all()
    long = linear.predict(x, 5 * w)
    assert (long == linear.predict(x, w)).all()
    assert (linear.predict(x, 5 * w, b) != guess).any()


def test_the_centre_is_bright_and_the_upper_half_heavy_where_they_are_drawn_so():
    images = np.zeros((3, 1, 8, 8), np.uint8)
    images[0, 0, 3:5, 3:5] = 16  # the middle only
    images[1, 0, 0] = 16  # the top row
    images[2, 0, 7] = 16  # the bottom row
    plane = linear.ink_plane(images)
    assert plane.shape == (3, 2)
    np.testing.assert_allclose(plane.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(plane.std(axis=0), 1)
    assert plane[:, 0].argmax() == 0 and plane[:, 1].argsort().tolist() == [2, 0, 1]
    assert (linear.ink_plane(images[:1]) == 0).all()


def test_the_centre_is_the_middle_quarter_and_the_upper_half_ends_in_the_middle():
    images = np.zeros((5, 1, 8, 8))
    for image, place in enumerate([(3, 3), (2, 3), (3, 2), (5, 4), (4, 5)]):
        images[image, 0][place] = 1
    centre = linear.ink_plane(images)[:, 0]
    np.testing.assert_allclose(centre, [2, -0.5, -0.5, -0.5, -0.5])
    images = np.zeros((3, 1, 8, 8))
    images[0, 0, 3], images[1, 0, 4] = 1, 1  # the last row above, the first below
    upper = linear.ink_plane(images)[:, 1]
    np.testing.assert_allclose(upper, [1.5**0.5, -(1.5**0.5), 0], atol=1e-12)
    assert linear.ink_plane(np.ones((2, 1, 4, 4))).tolist() == [[0, 0]] * 2


def test_the_rings_of_a_seed_stay_where_the_notebook_drew_them():
    np.testing.assert_allclose(linear.rings_centre(), [0.5478467, -0.9208531], 1e-6)
    points, labels = linear.rings(3)
    wanted = [
        [-0.1894831, -0.9757211],
        [2.6241236, -1.5887948],
        [1.2200064, -0.0636944],
    ]
    np.testing.assert_allclose(points, wanted, rtol=1e-5)
    assert labels.tolist() == [0, 1, 0]
    assert (linear.rings(3, 0)[0] == points).all()


def test_ring_features_append_the_squared_radius():
    assert linear.ring_features([[3, 4], [-1, 2]]).tolist() == [[3, 4, 25], [-1, 2, 5]]


def test_rings_lie_round_their_centre_and_repeat_themselves():
    for seed in range(5):
        points, labels = linear.rings(400, seed)
        assert points.shape == (400, 2) and np.bincount(labels).tolist() == [200, 200]
        radius = np.hypot(*(points - linear.rings_centre(seed)).T)
        for label, wanted in ((0, 1), (1, 2)):
            assert abs(radius[labels == label].mean() - wanted) < 0.05
            assert abs(radius[labels == label].std() - 0.2) < 0.05
        assert (linear.rings(400, seed)[0] == points).all()
    assert linear.rings(0)[0].shape == (0, 2)


def test_two_rings_are_parted_by_a_line_in_three_numbers_and_by_none_in_two():
    points, labels = linear.rings(400, 3)
    steps = [np.arange(400)] * 2000
    right = {}
    for name, x in (("plain", points), ("three", linear.ring_features(points))):
        x = (x - x.mean(axis=0)) / x.std(axis=0)
        w, b = np.zeros((2, x.shape[1])), np.zeros(2)
        w, b = linear.train_linear(x, labels, w, b, steps, 1, linear.softmax_gradient)
        right[name] = linear.accuracy(linear.predict(x, w, b), labels)
    assert right["plain"] < 0.6 < 0.97 < right["three"]


X, Y, W, B = problem(13)
WALK = (X, Y, W, B)
WRONG = {
    "labels": (lambda: linear.hinge_loss(SCORES, [0, 1, 3]), "labels from 0 to 2"),
    "negative label": (lambda: linear.softmax_loss(SCORES, [0, 1, -1]), "labels from"),
    "margin": (lambda: linear.hinge_loss(SCORES, LABELS, -1), "margin must be"),
    "NaN": (lambda: linear.hinge_loss(SCORES * np.nan, LABELS), "finite numbers"),
    "one example": (lambda: linear.hinge_loss(SCORES[0], [0]), r"take s\[None\]"),
    "no classes": (lambda: linear.predict(X, W[:0], B[:0]), "number of classes"),
    "loss": (lambda: linear.dataset_loss(X, Y, W, B, "svm"), "'softmax' or 'hinge'"),
    "reg": (lambda: linear.dataset_loss(X, Y, W, B, reg=-1), "reg must be"),
    "no examples": (lambda: linear.dataset_loss(X[:0], [], W, B), "of examples"),
    "fewer labels": (lambda: linear.dataset_loss(X, Y[:2], W, B), "must be equal"),
    "w turned": (lambda: linear.scores(X, W.T, B), "x columns is 4 but w columns is 3"),
    "b too long": (lambda: linear.join_bias(W, [0.0] * 4), "b entries is 4"),
    "classes": (lambda: linear.train(X, Y, 2), "train: y needs labels from 0 to 1"),
    "a million and one classes": (
        lambda: linear.train(X, Y, 1_000_001),
        "from 1 to 1000000; got 1000001",
    ),
    "batch": (lambda: linear.train(X, Y, 3, batch_size=0), "batch_size must be"),
    "epochs": (lambda: linear.train(X, Y, 3, epochs=1.5), "epochs must be"),
    "rate": (lambda: linear.train(X, Y, 3, learning_rate=np.inf), "learning_rate must"),
    "no list": (lambda: linear.train_linear(*WALK, 3, 1, min), "list of index arrays"),
    "empty batch": (
        lambda: linear.train_linear(*WALK, [[0], []], 1, linear.softmax_gradient),
        "none of them empty",
    ),
    "index": (
        lambda: linear.train_linear(*WALK, [[6]], 1, linear.softmax_gradient),
        "indices from 0 to 5",
    ),
    "mask": (
        lambda: linear.train_linear(*WALK, [np.ones(6, bool)], 1, min),
        "whole numbers",
    ),
    "gradient": (lambda: linear.train_linear(*WALK, [[0]], 1, 3), "gradient needs a"),
    "far too fast": (
        lambda: linear.train_linear(*WALK, [[0]], 1e308, lambda s, y: s * 0 + 9),
        "leave the range",
    ),
    "one point": (lambda: linear.ring_features(X[0]), "points.None."),
    "no digits": (lambda: linear.ink_plane(np.zeros((1, 1, 2, 8))), "height"),
    "rings": (lambda: linear.rings(-1), "n must be"),
    "no data": (lambda: linear.train(X[:0], [], 3), "number of examples"),
    "images": (lambda: linear.train(np.zeros((2, 3, 4)), [0, 1], 2), "Flatten"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_refused_in_one_clear_sentence(case):
    call, message = WRONG[case]
    with pytest.raises((ValueError, TypeError), match=message):
        call()


def test_linear_and_ops_share_one_accuracy():
    assert linear.accuracy is ops.accuracy
