"""Verdicts on answers to notebook 03 that learners write, beyond the known mistakes."""

import numpy as np
import pytest

from cnnlab import checks, linear, ops

pytestmark = pytest.mark.usefixtures("no_progress")


def column(s, y):
    return s[np.arange(len(s)), y][:, None]


def loops(s, y, margin=1.0):
    return [
        sum(max(0, v - row[k] + margin) for j, v in enumerate(row) if j != k)
        for row, k in zip(s, y, strict=True)
    ]


def less_the_margin(s, y, margin=1.0):
    return np.maximum(0, s - column(s, y) + margin).sum(axis=1) - margin


def in_float32(s, y, margin=1.0):
    return less_the_margin(s.astype(np.float32), y, margin)


def as_a_column(s, y, margin=1.0):
    return less_the_margin(s, y, margin)[:, None]


def in_place(s, y, margin=1.0):
    s -= column(s, y)
    s += margin
    s[np.arange(len(s)), y] = 0
    return np.maximum(0, s).sum(axis=1)


def whole_numbers(s, y, margin=1.0):
    losses = np.zeros(len(s), dtype=int)
    losses[:] = less_the_margin(s, y, margin)
    return losses


def printed(s, y, margin=1.0):
    less_the_margin(s, y, margin)


def last_class_skipped(s, y, margin=1.0):
    return linear.hinge_loss(s, y, margin) - np.where(
        y == s.shape[1] - 1, 0, np.maximum(0, s[:, -1] - column(s, y)[:, 0] + margin)
    )


@pytest.mark.parametrize("answer", [loops, less_the_margin, in_float32])
def test_hinge_loss_takes_every_right_way_of_writing_it(answer):
    assert checks.hinge_loss(answer).passed


@pytest.mark.parametrize(
    ("answer", "status", "word"),
    [
        (as_a_column, "wrong shape", "too many"),
        (in_place, "changed its input", "altered"),
        (whole_numbers, "wrong values", "integer"),
        (printed, "wrong shape", "return"),
        (last_class_skipped, "wrong values", "wanted"),
        (lambda s, y: loops(s, y), "raised", "argument"),
        (lambda s, y, margin=1.0: loops(s, y, margin)[:-1], "wrong shape", "(0,)"),
    ],
)
def test_hinge_loss_says_what_is_wrong(answer, status, word):
    verdict = checks.hinge_loss(answer)
    assert verdict.status == status and word in verdict.text, verdict


def row_by_row(s):
    out = np.zeros(s.shape)
    for n, row in enumerate(s):
        out[n] = np.exp(row - row.max()) / np.exp(row - row.max()).sum()
    return out


def through_logarithms(s):
    return np.exp(s - np.logaddexp.reduce(s, axis=1)[:, None])


@pytest.mark.parametrize("answer", [row_by_row, through_logarithms])
def test_softmax_takes_every_stable_way_of_writing_it(answer):
    assert checks.softmax(answer).passed


def test_an_overflow_is_named_with_the_case_that_shows_it():
    def naive(s):
        with np.errstate(all="ignore"):
            return np.exp(s) / np.exp(s).sum(axis=1)[:, None]

    verdict = checks.softmax(naive)
    assert "large scores" in verdict.text and "Subtract the largest" in verdict.text


def test_softmax_that_alters_its_scores_is_told_so():
    def answer(s):
        s -= s.max(axis=1, keepdims=True)
        return np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)

    assert checks.softmax(answer).status == "changed its input"


def test_gradients_by_way_of_one_hot_labels_are_right():
    def softmax_gradient(s, y):
        return ops.softmax(s) - np.eye(s.shape[1])[y]

    def hinge_gradient(s, y, margin=1.0):
        hot = np.eye(s.shape[1])[y]
        active = (s - column(s, y) + margin > 0) * (1 - hot)
        return active - hot * active.sum(axis=1, keepdims=True)

    assert checks.softmax_gradient(softmax_gradient).passed
    assert checks.hinge_gradient(hinge_gradient).passed


def test_dataset_loss_in_loops_is_right():
    assert checks.dataset_loss(linear.dataset_loss_loops).passed


@pytest.mark.parametrize(
    ("change", "status", "word"),
    [
        (lambda loss, dw, db: (loss, dw), "wrong shape", "3 results"),
        (lambda loss, dw, db: (loss, db, dw), "wrong shape", "dw"),
        (lambda loss, dw, db: (loss, -dw, db), "wrong values", "dw"),
        (lambda loss, dw, db: (loss, dw, db[:, None]), "wrong shape", "db"),
        (lambda loss, dw, db: loss, "wrong shape", "loss, dw, db"),
        (lambda loss, dw, db: (loss, dw, 2 * db), "wrong values", "2 times"),
    ],
)
def test_dataset_loss_says_which_result_is_wrong(change, status, word):
    def answer(x, y, w, b, loss="softmax", reg=0.0, margin=1.0):
        return change(*linear.dataset_loss(x, y, w, b, loss, reg, margin))

    verdict = checks.dataset_loss(answer)
    assert verdict.status == status and word in verdict.text, verdict
