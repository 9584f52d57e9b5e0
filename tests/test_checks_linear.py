"""Verdicts on answers to notebook 03 that learners write, beyond the known mistakes."""

import linecache

import numpy as np
import pytest

from cnnlab import checks, linear, ops
from cnnlab.checks import linear as tasks

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
    right = column(s, y).copy()
    s[np.arange(len(s)), y] = right[:, 0] - 100
    return np.maximum(0, s - right + margin).sum(axis=1)


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
        (printed, "wrong type", "return"),
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
        (lambda loss, dw, db: (loss, dw), "wrong type", "3 results"),
        (lambda loss, dw, db: (loss, db, dw), "wrong shape", "dw"),
        (lambda loss, dw, db: (loss, -dw, db), "wrong values", "dw"),
        (lambda loss, dw, db: (loss, dw, db[:, None]), "wrong shape", "db"),
        (lambda loss, dw, db: loss, "wrong type", "loss, dw, db"),
        (lambda loss, dw, db: (loss, dw, 2 * db), "wrong values", "2 times"),
    ],
)
def test_dataset_loss_says_which_result_is_wrong(change, status, word):
    def answer(x, y, w, b, loss="softmax", reg=0.0, margin=1.0):
        return change(*linear.dataset_loss(x, y, w, b, loss, reg, margin))

    verdict = checks.dataset_loss(answer)
    assert verdict.status == status and word in verdict.text, verdict


# Answers that were once taken for right, or explained wrongly


def shifted(shift):
    """Return a softmax that subtracts ``shift(s)`` from the scores."""

    def answer(s):
        with np.errstate(all="ignore"):
            e = np.exp(s - shift(s))
            return e / e.sum(axis=1, keepdims=True)

    return answer


def long_double(s):
    with np.errstate(all="ignore"):
        e = np.exp(s.astype(np.longdouble))
        return (e / e.sum(axis=1, keepdims=True)).astype(float)


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (shifted(lambda s: s.max()), "largest score of the whole table"),
        (shifted(lambda s: s[:, :1]), "first score of each row"),
        (shifted(lambda s: s.mean(axis=1, keepdims=True)), "mean is subtracted"),
        (shifted(lambda s: s.min(axis=1, keepdims=True)), "smallest score"),
        (long_double, "a wider type"),
        (lambda s: np.nan_to_num(shifted(lambda s: s.max())(s)), "nan_to_num hides"),
    ],
)
def test_softmax_is_right_only_for_scores_of_every_size(answer, word):
    verdict = checks.softmax(answer)
    assert verdict.status == "wrong values" and word in verdict.text, verdict


def test_one_maximum_for_all_rows_fails_on_the_rows_that_lie_far_apart():
    rows = np.array([[1000, 1001], [-1000, -1001]])
    assert not np.isfinite(shifted(lambda s: s.max())(rows)).all()
    assert any(np.array_equal(case.args[0], rows) for case in checks.softmax.cases)


def test_a_gradient_in_long_double_overflows_too():
    def answer(s, y):
        p = long_double(s)
        p[np.arange(len(s)), y] -= 1
        return p

    verdict = checks.softmax_gradient(answer)
    assert not verdict.passed and "a wider type" in verdict.text, verdict


def in_single(function):
    """Return a function that computes with float32 in place of float64."""

    def answer(*args):
        args = [
            one.astype(np.float32)
            if isinstance(one, np.ndarray) and one.dtype.kind == "f"
            else one
            for one in args
        ]
        return function(*args)

    return answer


@pytest.mark.parametrize("exercise", [
    "hinge_loss", "softmax", "softmax_gradient", "hinge_gradient", "train_linear",
    "dataset_loss",
])  # fmt: skip
def test_answers_in_float32_are_right(exercise):
    task = checks.EXERCISES[exercise]
    verdict = task(in_single(task.reference))
    assert verdict.passed, verdict


def label_columns(s, y, margin=1.0):
    terms = np.maximum(0, s - s[:, y] + margin)
    terms[np.arange(len(s)), y] = 0
    return terms.sum(axis=1)


@pytest.mark.parametrize(
    ("exercise", "answer", "word"),
    [
        ("hinge_loss", label_columns, "takes a column for every label"),
        ("hinge_loss", lambda s, y, margin=1.0: linear.hinge_loss(
            s, s.argmax(axis=1), margin), "largest score is taken for the right one"),
        ("hinge_gradient", lambda s, y, margin=1.0: linear.hinge_gradient(
            s, s.argmax(axis=1), margin), "largest score is taken for the right one"),
        ("softmax_gradient", lambda s, y: ops.softmax(s) - 1, "every class of a row"),
        ("softmax_gradient", lambda s, y: linear.softmax_gradient(s, y).round(2),
         "rounded"),
        ("dataset_loss", lambda *all: linear.dataset_loss(*all)[::-1], "another order"),
        ("dataset_loss", lambda *all: (*linear.dataset_loss(*all)[1:],
                                       linear.dataset_loss(*all)[0]), "another order"),
        ("train_linear", lambda *all: linear.train_linear(*all)[::-1], "exchanged"),
    ],
)  # fmt: skip
def test_the_cause_that_is_named_is_the_one(exercise, answer, word):
    verdict = checks.EXERCISES[exercise](answer)
    assert not verdict.passed and word in verdict.text, verdict


def test_no_known_cause_is_named_for_an_answer_of_another_kind():
    def answer(s, y, margin=1.0):  # half of the loss, for pictures of even number
        return linear.hinge_loss(s, y, margin) * (1 - 0.5 * (np.arange(len(s)) % 2))

    verdict = checks.hinge_loss(answer)
    assert (
        verdict.status == "wrong values" and "No mistake that is known" in verdict.text
    )


# Training


def test_training_in_place_is_told_so():
    def answer(x, y, w, b, batches, learning_rate, gradient):
        for batch in batches:
            ds = gradient(x[batch] @ w.T + b, y[batch]) / len(batch)
            w -= learning_rate * ds.T @ x[batch]
            b -= learning_rate * ds.sum(axis=0)
        return w, b

    assert checks.train_linear(answer).status == "changed its input"


def test_training_by_the_bias_trick_is_right():
    def answer(x, y, w, b, batches, learning_rate, gradient):
        longer, wide = linear.append_one(x), linear.join_bias(w, b)
        for batch in batches:
            ds = gradient(longer[batch] @ wide.T, y[batch]) / len(batch)
            wide = wide - learning_rate * ds.T @ longer[batch]
        return wide[:, :-1], wide[:, -1]

    assert checks.train_linear(answer).passed


# The bug


def test_the_printed_brace_gives_the_losses_that_the_task_names():
    scores = np.array([[3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]])
    losses = checks.hinge_by_cases.broken(scores, np.array([0, 1, 2]))
    np.testing.assert_allclose(losses, [-3.9, -4.5, 0], atol=1e-12)


def test_the_untouched_bug_is_not_attempted():
    source = """
def hinge_by_cases(s, y, margin=1.0):
    losses = [0.0] * len(s)
    for n, label in enumerate(y):
        for j, s_j in enumerate(s[n]):
            if j == label:
                continue
            if s_j >= s[n, label] + margin:
                losses[n] += 0
            else:
                losses[n] += s_j - s[n, label] + margin
    return losses
"""
    place = "<an untouched cell>"  # a notebook keeps the source of its cells, too
    linecache.cache[place] = (len(source), None, source.splitlines(True), place)
    space = {"__name__": "__main__"}
    exec(compile(source, place, "exec"), space)
    assert checks.hinge_by_cases(space["hinge_by_cases"]).status == "not attempted"
    named = checks.hinge_by_cases(space["hinge_by_cases"], "c")
    assert named.status == "wrong values" and "is right" in named.text


@pytest.mark.parametrize("letter", ["a", "b", "d"])
def test_a_mended_function_with_the_wrong_cause_gets_a_reply(letter):
    verdict = checks.hinge_by_cases(linear.hinge_loss, letter)
    reply = next(
        one.reply for one in tasks.hinge_by_cases.causes if one.letter == letter
    )
    assert verdict.status == "wrong cause" and reply in verdict.text


def test_a_mended_function_with_the_right_cause_is_correct():
    assert checks.hinge_by_cases(linear.hinge_loss, "c").passed


def test_a_mending_that_fits_the_three_pictures_only_is_refused():
    def answer(s, y, margin=1.0):  # the outcomes exchanged, not the condition
        gaps = s - column(s, y) + margin
        terms = np.where(s >= column(s, y) + margin, gaps, 0)
        terms[np.arange(len(s)), y] = 0
        return terms.sum(axis=1)

    scores = np.array([[3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]])
    np.testing.assert_allclose(answer(scores, np.array([0, 1, 2])), [2.9, 0, 12.9])
    verdict = checks.hinge_by_cases(answer, "c")
    assert "wins, but by 0.5 only" in verdict.text
    assert "closer than the margin costs as well" in verdict.text


# The open one


@pytest.mark.parametrize("answer", [
    lambda points: np.hypot(*(points - points.mean(axis=0)).T),
    lambda points: (points - points.mean(axis=0)) ** 2,
    lambda points: [[a, b, a * a + b * b] for a, b in points],
])  # fmt: skip
def test_several_descriptions_of_the_rings_reach_the_bar(answer):
    assert checks.ring_features(answer).status == "bar reached"


def test_a_score_below_the_bar_shows_the_wrong_points():
    verdict = checks.ring_features(lambda points: points)
    assert verdict.status == "below the bar" and verdict.picture[:4] == b"\x89PNG"
    assert "drawing 0: " in verdict.text and "as good as guessing" in verdict.text


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (lambda points: np.ones((len(points), 4)), "at most 3 numbers"),
        (lambda points: points[:-1], "one row for each of 200 points"),
        (lambda points: points * np.nan, "not finite"),
        (lambda points: "seven", "wanted numbers, got text"),
        (lambda points: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_what_cannot_be_scored_is_told(answer, word):
    verdict = checks.ring_features(answer)
    assert verdict.status == "raised" and word in verdict.text, verdict


def test_a_constant_is_scored_without_a_warning(recwarn):
    assert checks.ring_features(lambda points: 0 * points).status == "below the bar"
    assert not recwarn.list
