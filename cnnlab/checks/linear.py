"""The exercises of notebook 03: losses, gradients, training, a bug, two rings."""

import math

import numpy as np

from cnnlab import linear, ops
from cnnlab.checks import _show
from cnnlab.checks._base import (
    Case,
    Cause,
    Exercise,
    FindBug,
    Mistake,
    Open,
    Score,
)

_rng = np.random.default_rng(3)
_SLIDE = np.array([[3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]])  # (3, 3)
# other scores than the notebook has its readers predict
_THREE = np.array([[3.2, 5.1, -1.7], [0.5, 4.0, 3.2], [1.1, -0.6, 2.4]])
_S = _rng.normal(0, 2, (4, 5)).round(1)  # more classes than examples
_Y = np.array([4, 0, 2, 2])
_TALL = _rng.normal(0, 2, (6, 4)).round(1)  # and fewer
_TALL_Y = np.array([1, 3, 0, 2, 1, 1])


def _scores_and_labels(rng, size):
    """Draw scores (N, K) and labels: whole numbers with ties, or fractions."""
    n, k = int(rng.integers(1, size + 2)), int(rng.integers(2, size + 3))
    s = rng.integers(-4, 5, (n, k)) if rng.random() < 0.5 else rng.normal(0, 3, (n, k))
    return s, rng.integers(0, k, n)


def _drawn_margins(rng, size):
    """Draw a case of the hinge loss or its gradient, with or without a margin."""
    s, y = _scores_and_labels(rng, size)
    margins = ((), (0.0,), (2.0,), (float(rng.uniform(0.1, 5)),))
    return Case((s, y, *margins[rng.integers(len(margins))]))


def _spread_scores(rng, size):
    """Draw scores of every size: rows of moderate ones, of thousands, of both."""
    s, y = _scores_and_labels(rng, size)
    wide = rng.integers(-4, 5, s.shape) * rng.choice([0, 1000, 20_000], (len(s), 1))
    # whole numbers where they are large, so that float32 holds them exactly
    return (s if rng.random() < 0.5 else np.round(s) + wide), y


def _right(s, y):
    """Return the score of the right class, as a column (N, 1)."""
    return s[np.arange(len(s)), y][:, None]


def _without_right(table, y):
    table = np.array(table, dtype=float)
    table[np.arange(len(table)), y] = 0
    return table


def _gaps(s, y, margin=1.0):
    """Return ``s_j - s_y + margin`` as it stands, for the right class too."""
    return s - _right(s, y) + margin


def _hinge_terms(s, y, margin=1.0):
    return _without_right(np.maximum(0, _gaps(s, y, margin)), y)


def _hinge_with_row_left_out(s, y, margin=1.0):
    terms = np.maximum(0, _gaps(s, y, margin))  # (N, K)
    return (terms * (np.arange(s.shape[1]) != np.arange(len(s))[:, None])).sum(axis=1)


def _as_printed(s, y, margin=1.0):
    gaps = np.where(s >= _right(s, y) + margin, 0, _gaps(s, y, margin))
    return _without_right(gaps, y).sum(axis=1)


hinge_loss = Exercise(
    name="hinge_loss",
    notebook="03",
    reference=linear.hinge_loss,
    also=(linear._gaps,),
    cases=(
        Case((_SLIDE[:1], np.array([0])), "the cat of the lecture: 2.9 by hand"),
        Case((_THREE, np.array([0, 1, 0])), "three pictures"),
        Case((np.array([[4, 2, 4, 1]]), np.array([2])), "a tie, and whole numbers"),
        Case((_SLIDE[:2], np.array([2, 0]), 0.5), "another margin"),
        Case((_S, _Y), "4 examples, 5 classes"),
        Case((_TALL, _TALL_Y, 2.0), "6 examples, 4 classes, margin 2"),
        Case((np.array([[0.125, -0.5, 0.75]]), np.array([2])), "fractions"),
        Case((np.zeros((0, 3)), np.zeros(0, int)), "no example at all"),
    ),
    samples=_drawn_margins,
    mistakes=(
        Mistake(
            "right class counted",
            lambda s, y, margin=1.0: np.maximum(0, _gaps(s, y, margin)).sum(axis=1),
            "the right class is counted too: for j = y the term is the margin itself. "
            "The sum runs over the other classes only.",
        ),
        Mistake(
            "margin missing",
            lambda s, y, margin=1.0: _hinge_terms(s, y, 0).sum(axis=1),
            "the margin is missing: the right class must win by `margin`, not barely.",
        ),
        Mistake(
            "margin fixed",
            lambda s, y, margin=1.0: _hinge_terms(s, y, 1.0).sum(axis=1),
            "the margin is always 1: use the parameter `margin`.",
        ),
        Mistake(
            "sign reversed",
            lambda s, y, margin=1.0: _without_right(
                np.maximum(0, _right(s, y) - s + margin), y
            ).sum(axis=1),
            "the difference is the wrong way round: s_y - s_j punishes a right class "
            "that wins. Take s_j - s_y.",
        ),
        Mistake(
            "the slide's brace",
            _as_printed,
            "the brace is taken as the slide prints it, with its two cases exchanged: "
            "0 is for s_y >= s_j + margin, when the right class wins clearly.",
        ),
        Mistake(
            "absolute value",
            lambda s, y, margin=1.0: _without_right(np.abs(_gaps(s, y, margin)), y).sum(
                axis=1
            ),
            "the absolute value makes a clear win costly; max(0, ...) cuts it to 0.",
        ),
        Mistake(
            "first class taken for the right one",
            lambda s, y, margin=1.0: linear.hinge_loss(s, 0 * y, margin),
            "class 0 is taken for the right one in every row: use y[n].",
        ),
        Mistake(
            "row number taken for the right class",
            lambda s, y, margin=1.0: _hinge_with_row_left_out(s, y, margin),
            "the class with the number of the row is left out of the sum, instead of "
            "the right class: compare j with y[n], not with n.",
        ),
        Mistake(
            "1 subtracted instead of the margin",
            lambda s, y, margin=1.0: np.maximum(0, _gaps(s, y, margin)).sum(axis=1) - 1,
            "the right class adds `margin` to the sum, and 1 is subtracted for it: "
            "right for a margin of 1 only.",
        ),
        Mistake(
            "margin subtracted",
            lambda s, y, margin=1.0: _hinge_terms(s, y, -margin).sum(axis=1),
            "the margin has the wrong sign: it is added to s_j - s_y.",
        ),
        Mistake(
            "margin as a factor",
            lambda s, y, margin=1.0: margin * _hinge_terms(s, y, 1.0).sum(axis=1),
            "the margin is added to each difference; it is no factor of the loss.",
        ),
        Mistake(
            "table not summed",
            lambda s, y, margin=1.0: np.maximum(0, _gaps(s, y, margin)),
            "this is the table of all terms, (N, K): sum each row, without the right "
            "class.",
        ),
        Mistake(
            "no max",
            lambda s, y, margin=1.0: _without_right(_gaps(s, y, margin), y).sum(axis=1),
            "max(0, ...) is missing: a class that loses clearly must not be rewarded.",
        ),
        Mistake(
            "largest term only",
            lambda s, y, margin=1.0: _hinge_terms(s, y, margin).max(axis=1, initial=0),
            "only the worst wrong class counts here; sum over all wrong classes. (Your "
            "version is a loss of its own, by Crammer and Singer, 2001.)",
        ),
        Mistake(
            "mean over classes",
            lambda s, y, margin=1.0: _hinge_terms(s, y, margin).mean(axis=1),
            "the mean over classes is taken; the definition sums over the wrong ones.",
        ),
        Mistake(
            "mean over other classes",
            lambda s, y, margin=1.0: (
                _hinge_terms(s, y, margin).sum(axis=1) / (s.shape[1] - 1)
            ),
            "the sum is divided by the number of wrong classes; leave it a sum.",
        ),
        Mistake(
            "mean over examples",
            lambda s, y, margin=1.0: _hinge_terms(s, y, margin).sum(axis=1).mean(),
            "one number for all examples: return one loss for each, shape (N,). The "
            "mean over the data set comes later.",
        ),
        Mistake(
            "sum over examples",
            lambda s, y, margin=1.0: _hinge_terms(s, y, margin).sum(),
            "everything is summed into one number: return one loss for each example, "
            "shape (N,), with sum(axis=1).",
        ),
        Mistake(
            "sum over the wrong axis",
            lambda s, y, margin=1.0: _hinge_terms(s, y, margin).sum(axis=0),
            "the sum runs over the examples; the classes are axis 1.",
        ),
        Mistake(
            "squared hinge",
            lambda s, y, margin=1.0: (_hinge_terms(s, y, margin) ** 2).sum(axis=1),
            "the terms are squared: that is the squared hinge, another loss.",
        ),
        Mistake(
            "label column of every row",
            lambda s, y, margin=1.0: _without_right(
                np.maximum(0, s - s[:, y] + margin), y
            ).sum(axis=1),
            "s[:, y] takes a column for every label, for all rows: an (N, N) table. "
            "One score a row is s[np.arange(len(s)), y].",
        ),
        Mistake(
            "label column of every row, margin subtracted",
            lambda s, y, margin=1.0: (
                np.maximum(0, s - s[:, y] + margin).sum(axis=1) - margin
            ),
            "s[:, y] takes a column for every label, for all rows: an (N, N) table. "
            "One score a row is s[np.arange(len(s)), y].",
        ),
        Mistake(
            "largest score taken for the right one",
            lambda s, y, margin=1.0: linear.hinge_loss(s, s.argmax(axis=1), margin),
            "the class of the largest score is taken for the right one: use y[n].",
        ),
        Mistake(
            "an axis too many",
            lambda s, y, margin=1.0: _hinge_terms(s, y, margin).sum(1, keepdims=True),
            "one axis of length 1 too many: sum each row without keepdims.",
        ),
        Mistake(
            "column forgotten",
            lambda s, y, margin=1.0: _without_right(
                np.maximum(0, s - _right(s, y)[:, 0] + margin), y
            ).sum(axis=1),
            "the scores of the right classes are a row, so NumPy lines them up with "
            "the classes. Make them a column: s[np.arange(len(s)), y][:, None].",
        ),
        Mistake(
            "margins counted",
            lambda s, y, margin=1.0: (
                (_hinge_terms(s, y, margin) > 0).sum(axis=1).astype(float)
            ),
            "the violations are counted; the loss is by how much they violate.",
        ),
    ),
    hints_=(
        "Pick the score of the right class in each row first. Row n and column y[n], "
        "for all n at once: `s[np.arange(len(s)), y]`.",
        "Make that a column with `[:, None]`, so that it is subtracted from the whole "
        "row. Then add the margin and cut off below 0 with `np.maximum`.",
        "The right class itself gives exactly the margin: subtract that from the sum "
        "of each row. `gaps = np.maximum(0, s - s[np.arange(len(s)), y][:, None] + "
        "margin)`, then `gaps.sum(axis=1) - margin`.",
    ),
)


def _exp(s):
    """Return exp without a warning, as a float array."""
    with np.errstate(all="ignore"):
        return np.exp(np.asarray(s, dtype=float))


def _divide(a, b):
    with np.errstate(all="ignore"):
        return a / b


def _naive(s):
    e = _exp(s)
    return _divide(e, e.sum(axis=1, keepdims=True))


def _wide(s):
    """Return softmax in long double, nothing subtracted."""
    with np.errstate(all="ignore"):
        e = np.exp(np.asarray(s, dtype=np.longdouble))
        return np.asarray(e / e.sum(axis=1, keepdims=True), dtype=float)


def _shifted_by(shift, axis=1):
    """Return a softmax of ``s - shift(s)`` that is normalised along ``axis``."""

    def softmax(s):
        e = _exp(s - shift(s))
        return _divide(e, e.sum(axis=axis, keepdims=True))

    return softmax


def _row_max(s):
    return s.max(axis=1, keepdims=True)


softmax = Exercise(
    name="softmax",
    notebook="03",
    reference=ops.softmax,
    rtol=1e-5,  # float32 will do
    atol=1e-6,
    cases=(
        Case((np.array([[0.0, 0.0]]),), "two equal scores: one half each"),
        Case((_SLIDE,), "the scores of the lecture"),
        Case((_S,), "4 examples, 5 classes"),
        Case((np.array([[1000.0, 1000.0, 999.0]]),), "large scores: exp overflows"),
        Case(
            (np.array([[1000.0, 1001.0], [-1000.0, -1001.0], [2.0, 1.0]]),),
            "rows of very different size",
        ),
        Case((np.array([[3000.0, 0.0, -3000.0, 7.0]]),), "a wide spread in one row"),
        Case((np.array([[3, 1, 2]]),), "whole numbers"),
        Case((np.array([[1000, 1001], [-1000, -1001]]),), "large and small rows"),
        Case((np.array([[-1000.0, 1000.0]]),), "the first score is far below"),
        Case((np.array([[20_000.0, 0.0], [0.0, 1.0]]),), "a very large score"),
    ),
    samples=lambda rng, size: Case((_spread_scores(rng, size)[0],)),
    mistakes=(
        Mistake(
            "overflow",
            _naive,
            "exp overflows: exp(710) is infinite, and inf / inf is no number. Subtract "
            "the largest score of each row first; the result stays the same.",
        ),
        Mistake(
            "clipped",
            lambda s: _naive(np.clip(s, -700, 700)),
            "cutting the scores off avoids the overflow but changes the answer: two "
            "large scores become equal. Subtract the largest of each row instead.",
        ),
        Mistake(
            "column forgotten",
            lambda s: _divide(
                _exp(s - s.max(axis=1)), _exp(s - s.max(axis=1)).sum(axis=1)
            ),
            "keepdims=True is missing: the numbers of the rows are lined up with the "
            "classes.",
        ),
        Mistake(
            "integer result",
            lambda s: _naive(s - _row_max(s)).astype(s.dtype),
            "the result array has the integer type of the scores, which cuts every "
            "fraction off to 0: fill np.zeros(s.shape), not a copy of s.",
        ),
        Mistake(
            "one maximum for all rows",
            _shifted_by(lambda s: s.max()),
            "the largest score of the whole table is subtracted: rows far below it "
            "turn into 0 / 0. Take the maximum of each row.",
        ),
        Mistake(
            "first score subtracted",
            _shifted_by(lambda s: s[:, :1]),
            "the first score of each row is subtracted: another one may be far larger, "
            "and overflows. Subtract the largest.",
        ),
        Mistake(
            "a wider type",
            lambda s: _wide(s),
            "a wider type only moves the overflow to larger scores. Subtract the "
            "largest score of each row first.",
        ),
        Mistake(
            "not-a-number hidden by a shift of the whole table",
            lambda s: np.nan_to_num(_shifted_by(lambda s: s.max())(s)),
            "the largest score of the whole table is subtracted: rows far below it "
            "turn into 0 / 0, and nan_to_num hides that. Take the maximum of each row.",
        ),
        Mistake(
            "rounded",
            lambda s: ops.softmax(s).round(2),
            "the probabilities are rounded: return them as they are.",
        ),
        Mistake(
            "smallest score subtracted",
            _shifted_by(lambda s: s.min(axis=1, keepdims=True)),
            "the smallest score is subtracted: the largest stays large, and exp "
            "overflows all the same. Subtract the largest.",
        ),
        Mistake(
            "smallest of all subtracted",
            _shifted_by(lambda s: s.min()),
            "the smallest score of the whole table is subtracted: the largest grows "
            "even larger. Subtract the largest of each row.",
        ),
        Mistake(
            "mean subtracted",
            _shifted_by(lambda s: s.mean(axis=1, keepdims=True)),
            "the mean is subtracted: a score far above the mean still overflows. "
            "Subtract the largest.",
        ),
        Mistake(
            "maximum of each column",
            _shifted_by(lambda s: s.max(axis=0, keepdims=True)),
            "each column is shifted by its own maximum. A shift is harmless only where "
            "all classes of one example share it: axis=1.",
        ),
        Mistake(
            "columns normalised",
            _shifted_by(_row_max, axis=0),
            "each column sums to 1; each row must: sum over the classes, axis=1.",
        ),
        Mistake(
            "the whole table normalised",
            _shifted_by(_row_max, axis=None),
            "the whole table sums to 1; each row must: sum with axis=1, keepdims=True.",
        ),
        Mistake(
            "not normalised",
            lambda s: _exp(s - _row_max(s)),
            "the rows do not sum to 1: divide by the sum of each row.",
        ),
        Mistake(
            "mean instead of sum",
            lambda s: _shifted_by(_row_max)(s) * s.shape[1],
            "divided by the mean of each row: the rows sum to the number of classes. "
            "Divide by the sum.",
        ),
        Mistake(
            "sign reversed",
            lambda s: ops.softmax(-s),
            "the smallest score gets the largest share: the sign of the exponent is "
            "reversed.",
        ),
        Mistake(
            "winner takes all",
            lambda s: np.eye(s.shape[1])[s.argmax(axis=1)],
            "the largest score gets everything (that is argmax); softmax leaves "
            "something to the others.",
        ),
        Mistake(
            "not-a-number hidden",
            lambda s: np.nan_to_num(_naive(s)),
            "exp overflows, and nan_to_num turns the nan into 0: hidden, not mended. "
            "Subtract the largest score of each row first.",
        ),
        Mistake(
            "largest absolute score subtracted",
            _shifted_by(lambda s: np.abs(s).max(axis=1, keepdims=True)),
            "the largest absolute value is subtracted: a row of very negative scores "
            "ends at 0 / 0. Subtract the largest score itself.",
        ),
        Mistake(
            "divided by the largest",
            lambda s: _naive(_divide(s, _row_max(s))),
            "the scores are divided by the largest of their row, which changes the "
            "result; subtract it.",
        ),
        Mistake(
            "math.exp overflows",
            lambda s: [
                [math.exp(v) / sum(map(math.exp, row)) for v in row] for row in s
            ],
            "math.exp raises where np.exp gives infinity: subtract the largest score "
            "of the row first.",
        ),
        Mistake(
            "no exp",
            lambda s: _divide(s, s.sum(axis=1, keepdims=True)),
            "exp is missing: scores may be negative, probabilities may not.",
        ),
        Mistake(
            "log-softmax",
            lambda s: ops.log_softmax(s),
            "these are the logarithms of the probabilities; return exp of them.",
        ),
        Mistake(
            "sigmoid",
            lambda s: _divide(1.0, 1 + _exp(-np.asarray(s, dtype=float))),
            "each score is squashed by itself (a sigmoid): the classes do not compete.",
        ),
        Mistake(
            "base 2",
            lambda s: _divide(
                np.exp2(s - _row_max(s)),
                np.exp2(s - _row_max(s)).sum(axis=1, keepdims=True),
            ),
            "powers of 2 instead of e: use np.exp.",
        ),
    ),
    hints_=(
        "Two steps: make every score positive with `np.exp`, then divide each row by "
        "its sum. `keepdims=True` keeps the sums as a column.",
        "exp(s - m) / sum exp(s - m): the factor exp(-m) cancels, for any m of a row. "
        "Which m makes overflow impossible?",
        "`m = s.max(axis=1, keepdims=True)`: then the largest exponent of each row is "
        "0. `e = np.exp(s - m)`, and return `e / e.sum(axis=1, keepdims=True)`.",
    ),
)


def _counted(mask, y):
    """Return 0/1 violations with minus their number at the right class."""
    ds = _without_right(mask, y)
    ds[np.arange(len(ds)), y] = -ds.sum(axis=1)
    return ds


def _minus_one(s, y, margin=1.0):
    ds = _without_right(_gaps(s, y, margin) > 0, y)
    ds[np.arange(len(ds)), y] = -1
    return ds


def _worst_only(s, y, margin=1.0):
    terms = _hinge_terms(s, y, margin)
    ds = np.eye(s.shape[1])[terms.argmax(axis=1)] * (terms.max(axis=1) > 0)[:, None]
    return _counted(ds > 0, y)


def _all_wrong_counted(s, y, margin=1.0):
    ds = _without_right(_gaps(s, y, margin) > 0, y)
    ds[np.arange(len(ds)), y] = 1 - s.shape[1]
    return ds


def _self_counted(s, y, margin=1.0):
    ds = np.array(_gaps(s, y, margin) > 0, dtype=float)  # holds j = y as well
    count = ds.sum(axis=1)
    ds[np.arange(len(ds)), y] = -count
    return ds


hinge_gradient = Exercise(
    name="hinge_gradient",
    notebook="03",
    reference=linear.hinge_gradient,
    also=(linear._hinge, linear._gaps),
    cases=(
        Case((_SLIDE[:1], np.array([0])), "the cat: one violation"),
        Case((_SLIDE[2:], np.array([2])), "the frog: two violations"),
        Case((_SLIDE[1:2], np.array([1])), "the car: none"),
        Case((np.array([[3, 2, 1, 5]]), np.array([0])), "exactly on the margin"),
        Case((_S, _Y), "4 examples, 5 classes"),
        Case((_TALL, _TALL_Y, 2.55), "6 examples, 4 classes, margin 2.55"),
    ),
    samples=_drawn_margins,
    mistakes=(
        Mistake(
            "right class forgotten",
            lambda s, y, margin=1.0: _without_right(_gaps(s, y, margin) > 0, y),
            "the right class has no gradient: s_y stands in every violating term with "
            "a minus, so its entry is minus their number.",
        ),
        Mistake(
            "largest score taken for the right one",
            lambda s, y, margin=1.0: linear.hinge_gradient(s, s.argmax(axis=1), margin),
            "the class of the largest score is taken for the right one: use y[n].",
        ),
        Mistake(
            "right class -1",
            _minus_one,
            "the right class always has -1: it is minus the NUMBER of violations.",
        ),
        Mistake(
            "right class counted as a violation",
            _self_counted,
            "the right class is counted as a violation of itself: one too many.",
        ),
        Mistake(
            "worst class only",
            _worst_only,
            "only the worst wrong class counts here; every class that violates the "
            "margin has a 1.",
        ),
        Mistake(
            "number of wrong classes",
            _all_wrong_counted,
            "the right class has minus the number of all wrong classes; only those "
            "that violate the margin count.",
        ),
        Mistake(
            "booleans",
            lambda s, y, margin=1.0: _gaps(s, y, margin) > 0,
            "this says which classes violate the margin; the right class needs minus "
            "their number.",
        ),
        Mistake(
            "sign lost",
            lambda s, y, margin=1.0: np.abs(linear.hinge_gradient(s, y, margin)),
            "the right class has the wrong sign: raising its score lowers the loss.",
        ),
        Mistake(
            "inactive terms counted",
            lambda s, y, margin=1.0: _counted(np.ones(s.shape), y),
            "terms that max cuts off count too: where s_j - s_y + margin is below 0 "
            "the loss is flat, and the derivative 0.",
        ),
        Mistake(
            "values instead of ones",
            lambda s, y, margin=1.0: _counted(_hinge_terms(s, y, margin), y),
            "these are the violations themselves; the derivative of each is 1.",
        ),
        Mistake(
            "margin missing",
            lambda s, y, margin=1.0: _counted(_gaps(s, y, 0.0) > 0, y),
            "the margin is missing: a class within the margin violates it already.",
        ),
        Mistake(
            "margin fixed",
            lambda s, y, margin=1.0: _counted(_gaps(s, y, 1.0) > 0, y),
            "the margin is always 1: use the parameter `margin`.",
        ),
        Mistake(
            "on the margin",
            lambda s, y, margin=1.0: _counted(_gaps(s, y, margin) >= 0, y),
            "exactly on the margin the loss has a corner and no derivative; 0 is "
            "agreed on: compare with > instead of >=.",
        ),
        Mistake(
            "sign reversed",
            lambda s, y, margin=1.0: -_counted(_gaps(s, y, margin) > 0, y),
            "the sign is reversed: raising the score of a violating class raises the "
            "loss.",
        ),
        Mistake(
            "divided by N",
            lambda s, y, margin=1.0: _counted(_gaps(s, y, margin) > 0, y) / len(s),
            "divided by the number of examples; here each example's own gradient is "
            "asked for. The mean comes with the data set.",
        ),
        Mistake(
            "averaged",
            lambda s, y, margin=1.0: _counted(_gaps(s, y, margin) > 0, y).mean(axis=0),
            "the gradients of all examples are averaged into one: keep one row for "
            "each, shape (N, K).",
        ),
        Mistake(
            "divided by the number of classes",
            lambda s, y, margin=1.0: _counted(_gaps(s, y, margin) > 0, y) / s.shape[1],
            "divided by the number of classes: the loss is a sum over them, no mean.",
        ),
        Mistake(
            "transposed",
            lambda s, y, margin=1.0: _counted(_gaps(s, y, margin) > 0, y).T,
            "the result is transposed: one row for each example, shape (N, K).",
        ),
    ),
    hints_=(
        "Take one term, s_j - s_y + margin. While it is positive, its derivative in "
        "s_j is 1 and in s_y is -1. While it is cut off, both are 0.",
        "So start with ones where s_j - s_y + margin > 0, as floats: "
        "`ds = (s - s[np.arange(len(s)), y][:, None] + margin > 0).astype(float)`.",
        "The right class is no violation: `ds[np.arange(len(s)), y] = 0`. Then it gets "
        "minus their number: `ds[np.arange(len(s)), y] = -ds.sum(axis=1)`.",
    ),
)


def _subtract(p, rows, columns, amount=1.0):
    p = np.array(p, dtype=float)
    p[rows, columns] -= amount
    return p


def _p_less_right(s, y):
    return _subtract(ops.softmax(s), np.arange(len(s)), y)


def _naive_gradient(s, y):
    return _subtract(_naive(s), np.arange(len(s)), y)


def _only_right(s, y):
    ds = np.zeros(np.shape(s))
    rows = np.arange(len(ds))
    ds[rows, y] = ops.softmax(s)[rows, y] - 1
    return ds


softmax_gradient = Exercise(
    name="softmax_gradient",
    notebook="03",
    reference=linear.softmax_gradient,
    also=(linear._softmax,),
    rtol=1e-5,  # float32 will do
    atol=1e-6,
    cases=(
        Case((np.array([[0.0, 0.0]]), np.array([1])), "two equal scores"),
        Case((_SLIDE, np.array([0, 1, 2])), "the scores of the lecture"),
        Case((_S, _Y), "4 examples, 5 classes"),
        Case((_TALL, _TALL_Y), "6 examples, 4 classes"),
        Case((np.array([[1000.0, 998.0, -1000.0]]), np.array([1])), "large scores"),
        Case((np.array([[2, 1, 4]]), np.array([0])), "whole numbers"),
        Case((np.array([[0.0, 20_000.0]]), np.array([1])), "a very large score"),
    ),
    samples=lambda rng, size: Case(_spread_scores(rng, size)),
    mistakes=(
        Mistake(
            "1 not subtracted",
            lambda s, y: ops.softmax(s),
            "these are the probabilities: the 1 of the right class is not subtracted.",
        ),
        Mistake(
            "sign reversed",
            lambda s, y: -_p_less_right(s, y),
            "the sign is reversed: raising a wrong class's score raises the loss, so "
            "its entry is +p.",
        ),
        Mistake(
            "label subtracted",
            lambda s, y: ops.softmax(s) - y[:, None],
            "the number of the class is subtracted; wanted is a 1, in the column of "
            "that class.",
        ),
        Mistake(
            "1 added",
            lambda s, y: _subtract(ops.softmax(s), np.arange(len(s)), y, -1.0),
            "the 1 of the right class is added; it is subtracted.",
        ),
        Mistake(
            "scores instead of probabilities",
            lambda s, y: _subtract(s, np.arange(len(s)), y),
            "the 1 is subtracted from the scores; turn them into probabilities first.",
        ),
        Mistake(
            "right class kept",
            lambda s, y: ops.softmax(s) * np.eye(s.shape[1])[y],
            "only the probability of the right class is kept; subtract the one-hot row "
            "instead of multiplying with it.",
        ),
        Mistake(
            "predicted class",
            lambda s, y: _subtract(ops.softmax(s), np.arange(len(s)), s.argmax(axis=1)),
            "the 1 is subtracted at the predicted class; the label y says which one.",
        ),
        Mistake(
            "softmax down the columns",
            lambda s, y: _subtract(
                _shifted_by(lambda s: s.max(axis=0), axis=0)(s), np.arange(len(s)), y
            ),
            "the softmax runs down the columns: each row of probabilities must sum to "
            "1.",
        ),
        Mistake(
            "number of classes built in",
            lambda s, y: ops.softmax(s) - np.eye(10)[y],
            "the number of classes is built in as 10: s.shape[1] says how many there "
            "are.",
        ),
        Mistake(
            "overflow in a wider type",
            lambda s, y: _subtract(_wide(s), np.arange(len(s)), y),
            "a wider type only moves the overflow to larger scores: subtract the "
            "largest of each row first, or use a softmax that does.",
        ),
        Mistake(
            "rounded",
            lambda s, y: _p_less_right(s, y).round(2),
            "the result is rounded: return it as it is.",
        ),
        Mistake(
            "1 subtracted everywhere",
            lambda s, y: ops.softmax(s) - 1,
            "1 is subtracted from every class of a row; only the right one has it. One "
            "entry a row is p[np.arange(len(s)), y].",
        ),
        Mistake(
            "every label's column",
            lambda s, y: _subtract(ops.softmax(s), slice(None), np.unique(y)),
            "p[:, y] -= 1 changes whole columns, in every row. One entry a row is "
            "p[np.arange(len(s)), y].",
        ),
        Mistake(
            "row and column exchanged",
            lambda s, y: _subtract(ops.softmax(s), y, np.arange(len(s))),
            "row and column are exchanged: the row is the example, the column its "
            "label, p[np.arange(len(s)), y].",
        ),
        Mistake(
            "right class only",
            _only_right,
            "only the right class has a gradient here; the others push down with p_j.",
        ),
        Mistake(
            "divided by N",
            lambda s, y: _p_less_right(s, y) / len(s),
            "divided by the number of examples; here each example's own gradient is "
            "asked for. The mean comes with the data set.",
        ),
        Mistake(
            "overflow",
            _naive_gradient,
            "exp overflows for large scores: subtract each row's maximum first, or "
            "use a softmax that does.",
        ),
        Mistake(
            "p (1 - p)",
            lambda s, y: ops.softmax(s) * (1 - ops.softmax(s)),
            "p (1 - p) is the derivative of a probability, not of the loss.",
        ),
        Mistake(
            "loss instead of gradient",
            lambda s, y: linear.softmax_loss(s, y),
            "this is the loss; its gradient has one entry for each score, (N, K).",
        ),
        Mistake(
            "transposed",
            lambda s, y: _p_less_right(s, y).T,
            "the result is transposed: one row for each example, shape (N, K).",
        ),
    ),
    hints_=(
        "Write the loss as log(sum_j exp s_j) - s_y. Differentiate each part in s_k.",
        "The first part gives exp(s_k) / sum_j exp s_j, which is p_k. The second gives "
        "-1 where k is the right class, and nothing elsewhere.",
        "`p = softmax(s)`, your own, is a new array: "
        "`p[np.arange(len(s)), y] -= 1`, and return p.",
    ),
)


def _variant(**change):
    """Return ``dataset_loss`` with one thing done wrong."""

    def answer(x, y, w, b, loss="softmax", reg=0.0, margin=1.0):
        s = x @ w.T + b
        if change.get("always", loss) == "hinge":
            losses = linear.hinge_loss(s, y, margin)
            ds = linear.hinge_gradient(s, y, margin)
        else:
            losses, ds = linear.softmax_loss(s, y), linear.softmax_gradient(s, y)
        n = len(x)
        value = losses.mean() if change.get("mean", True) else losses.sum()
        scale = n if change.get("divide", True) else 1
        scale = len(w) if change.get("classes") else scale
        dw, db = ds.T @ x / scale, ds.sum(axis=0) / change.get("db_scale", scale)
        value += change.get("penalty", 1) * reg * (w**2).sum()
        dw = dw + change.get("pull", 2) * reg * w
        if change.get("bias"):
            value, db = value + reg * (b**2).sum(), db + 2 * reg * b
        value += change.get("absolute", 0) * reg * (np.abs(w).sum() - (w**2).sum())
        return value, dw.T if change.get("transpose") else dw, db

    return answer


def _bias_forgotten(x, y, w, b, loss="softmax", reg=0.0, margin=1.0):
    return linear.dataset_loss(x, y, w, 0 * b, loss, reg, margin)


def _margin_forgotten(x, y, w, b, loss="softmax", reg=0.0, margin=1.0):
    return linear.dataset_loss(x, y, w, b, loss, reg, 1.0)


def _gradients_missing(x, y, w, b, loss="softmax", reg=0.0, margin=1.0):
    return linear.dataset_loss(x, y, w, b, loss, reg, margin)[0]


def _overflowing(x, y, w, b, loss="softmax", reg=0.0, margin=1.0):
    value, dw, db = linear.dataset_loss(x, y, w, b, loss, reg, margin)
    p = _naive(x @ w.T + b)
    if loss == "softmax" and not np.isfinite(p).all():
        return np.inf, dw * np.nan, db * np.nan
    return value, dw, db


def _divided_penalty(x, y, w, b, loss="softmax", reg=0.0, margin=1.0):
    return linear.dataset_loss(x, y, w, b, loss, reg / len(x), margin)


def _rooted_penalty(x, y, w, b, loss="softmax", reg=0.0, margin=1.0):
    value, dw, db = linear.dataset_loss(x, y, w, b, loss, reg, margin)
    return value - reg * (w**2).sum() + reg * np.linalg.norm(w), dw, db


def _mean_penalty(x, y, w, b, loss="softmax", reg=0.0, margin=1.0):
    value, dw, db = linear.dataset_loss(x, y, w, b, loss, reg, margin)
    return value - reg * (w**2).sum() + reg * (w**2).mean(), dw, db


def _bias_pulled(x, y, w, b, loss="softmax", reg=0.0, margin=1.0):
    value, dw, db = linear.dataset_loss(x, y, w, b, loss, reg, margin)
    return value, dw, db + 2 * reg * b


def _in_order(*places):
    """Return ``dataset_loss`` with its three results in another order."""

    def answer(x, y, w, b, loss="softmax", reg=0.0, margin=1.0):
        results = linear.dataset_loss(x, y, w, b, loss, reg, margin)
        return tuple(results[place] for place in places)

    return answer


def _drawn_data(rng, size):
    """Draw a data set with weights, a loss and its two parameters."""
    n, d, k = (int(rng.integers(low, size + 3)) for low in (1, 1, 2))
    x, w, b = rng.normal(0, 1, (n, d)), rng.normal(0, 1, (k, d)), rng.normal(0, 1, k)
    reg = float(rng.choice([0.0, 0.1, 1.5]))
    y, loss = rng.integers(0, k, n), str(rng.choice(linear.LOSSES))
    if loss == "softmax":
        return Case((x, y, w * rng.choice([1, 500]), b, loss, reg))
    return Case((x, y, w, b, loss, reg, float(rng.uniform(0.1, 3))))


def _downhill(x, y, w, b, loss="softmax", reg=0.0, margin=1.0):
    value, dw, db = linear.dataset_loss(x, y, w, b, loss, reg, margin)
    return value, -dw, -db


_X = _rng.normal(0, 1, (4, 3)).round(1)  # N = 4, D = 3, K = 5
_W, _B = _rng.normal(0, 1, (5, 3)).round(1), _rng.normal(0, 1, 5).round(1)
_SMALL = (_X[:3, :2], np.array([1, 0, 3]), _W[:4, :2], _B[:4])  # N, D, K = 3, 2, 4

dataset_loss = Exercise(
    name="dataset_loss",
    notebook="03",
    reference=linear.dataset_loss,
    also=(linear._loss, linear._hinge, linear._softmax),
    rtol=1e-5,  # float32 will do
    atol=1e-6,
    outputs=("loss", "dw", "db"),
    cases=(
        Case(_SMALL, "softmax, 3 examples, 2 features, 4 classes"),
        Case((*_SMALL, "hinge"), "hinge"),
        Case((*_SMALL, "softmax", 0.5), "with regularisation"),
        Case((_X, _Y, _W, _B, "hinge", 0.1), "4 examples, 5 classes"),
        Case((_X, _Y, _W, _B, "hinge", 0.1, 2.5), "margin 2.5"),
        Case((_X, _Y, 300 * _W, _B, "softmax", 0.01), "large scores"),
    ),
    samples=_drawn_data,
    mistakes=(
        Mistake(
            "sum over examples",
            _variant(mean=False, divide=False),
            "the losses are summed: the loss of a data set is their mean. Divide the "
            "loss and both gradients by N.",
        ),
        Mistake(
            "gradients missing",
            _gradients_missing,
            "only the loss is returned: return the three results (loss, dw, db).",
        ),
        Mistake(
            "overflow",
            _overflowing,
            "exp overflows for large scores: use linear.softmax_loss and its gradient, "
            "or subtract each row's largest score first.",
        ),
        Mistake(
            "divided by the number of classes",
            _variant(classes=True),
            "ds is divided by the number of classes; the mean runs over N examples.",
        ),
        Mistake(
            "gradient not divided",
            _variant(divide=False),
            "the loss is a mean but its gradient a sum: divide dw and db by N too.",
        ),
        Mistake(
            "db not divided",
            _variant(db_scale=1),
            "db is not divided by N, while dw is.",
        ),
        Mistake(
            "bias regularised",
            _variant(bias=True),
            "the bias is regularised as well: R(W) sums the weights only.",
        ),
        Mistake(
            "factor 2 missing",
            _variant(pull=1),
            "the derivative of reg * w^2 is 2 * reg * w: the 2 is missing.",
        ),
        Mistake(
            "one half",
            _variant(penalty=0.5, pull=1),
            "a factor one half before reg * sum w^2: common elsewhere, but not in the "
            "formula above.",
        ),
        Mistake(
            "no regularisation",
            _variant(penalty=0, pull=0),
            "reg is not used: add reg * sum w^2 to the loss and 2 * reg * w to dw.",
        ),
        Mistake(
            "regularisation in the loss only",
            _variant(pull=0),
            "the loss has the regulariser, its gradient dw has not: add 2 * reg * w.",
        ),
        Mistake(
            "regularisation in the gradient only",
            _variant(penalty=0),
            "dw has the regulariser, the loss has not: add reg * sum w^2.",
        ),
        Mistake(
            "dw transposed",
            _variant(transpose=True),
            "dw is transposed: it has the shape of w, (K, D): ds.T @ x.",
        ),
        Mistake(
            "bias left out of the scores",
            _bias_forgotten,
            "the bias is missing in the scores: s = x @ w.T + b.",
        ),
        Mistake(
            "margin fixed",
            _margin_forgotten,
            "the margin is always 1: hand `margin` on to the hinge loss.",
        ),
        Mistake(
            "absolute weights",
            _variant(absolute=1),
            "the regulariser sums |w|; the formula above sums squares.",
        ),
        Mistake(
            "always softmax",
            _variant(always="softmax"),
            'the softmax loss is taken whatever `loss` says, "hinge" too.',
        ),
        Mistake(
            "regulariser divided by N",
            _divided_penalty,
            "the regulariser is divided by N as well: only the losses are averaged.",
        ),
        Mistake(
            "root of the sum of squares",
            _rooted_penalty,
            "np.linalg.norm takes a root: the regulariser is the sum of the squares.",
        ),
        Mistake(
            "mean of squares",
            _mean_penalty,
            "the squares of the weights are averaged; they are summed.",
        ),
        Mistake(
            "bias gradient regularised",
            _bias_pulled,
            "db has a regulariser: the bias is left out of it, in the gradient too.",
        ),
        Mistake(
            "weights pushed outwards",
            _variant(pull=-2),
            "the regulariser's gradient is subtracted from dw; add 2 * reg * w.",
        ),
        Mistake(
            "gradient steps downhill",
            _downhill,
            "the gradients have the wrong sign: they point uphill; the step downhill "
            "comes in training.",
        ),
        *(
            Mistake(
                f"order {order}",
                _in_order(*order),
                "the three results come in another order; wanted is (loss, dw, db).",
            )
            for order in ((1, 2, 0), (0, 2, 1), (1, 0, 2), (2, 1, 0), (2, 0, 1))
        ),
        Mistake(
            "always hinge",
            _variant(always="hinge"),
            'the hinge loss is taken whatever `loss` says; "softmax" is the default.',
        ),
    ),
    hints_=(
        "Scores first: `s = x @ w.T + b`. Then the functions of this loss: for the "
        "hinge `losses = linear.hinge_loss(s, y, margin)` and "
        "`ds = linear.hinge_gradient(s, y, margin)`, otherwise "
        "`losses = linear.softmax_loss(s, y)` and "
        "`ds = linear.softmax_gradient(s, y)`.",
        "Each example adds ds[n, k] * x[n] to row k of dw, and ds[n, k] to db[k], all "
        "divided by N: `ds = ds / len(x)`. A sum over n of products is a matrix "
        "product.",
        "`dw = ds.T @ x + 2 * reg * w` and `db = ds.sum(axis=0)`, after ds was divided "
        "by N. The loss is `losses.mean() + reg * (w**2).sum()`.",
    ),
)


def _walk(
    x, y, w, b, batches, learning_rate, gradient, mean=len, start=False, rows=None,
    labels=None, bias=True, scored=True, sign=-1, db=1.0, rate=1.0,
):  # fmt: skip
    """`train_linear` with one thing done wrong, chosen by a keyword."""
    first = w, b
    for batch in batches:
        taken = slice(None) if rows else batch
        named = y[: len(batch)] if labels else y[taken]
        s = x[taken] @ w.T + (b if scored else 0)
        ds = gradient(s, named) / mean(x[taken])
        base = first if start else (w, b)
        w = base[0] + sign * learning_rate * rate * ds.T @ x[taken]
        b = base[1] + sign * learning_rate * rate * db * ds.sum(axis=0) * bias
    return w, b


def _trained(**change):
    """Return ``train_linear`` with one thing done wrong."""

    def answer(x, y, w, b, batches, learning_rate, gradient):
        return _walk(x, y, w, b, batches, learning_rate, gradient, **change)

    return answer


def _first_batch_only(x, y, w, b, batches, learning_rate, gradient):
    return _walk(x, y, w, b, list(batches)[:1], learning_rate, gradient)


def _all_from_the_start(x, y, w, b, batches, learning_rate, gradient):
    """Every gradient is taken at the first weights, and all of them are subtracted."""
    new_w, new_b = w, b
    for batch in batches:
        ds = gradient(x[batch] @ w.T + b, y[batch]) / len(batch)
        new_w = new_w - learning_rate * ds.T @ x[batch]
        new_b = new_b - learning_rate * ds.sum(axis=0)
    return new_w, new_b


def _divided_by_all(x, y, w, b, batches, learning_rate, gradient):
    return _walk(
        x, y, w, b, batches, learning_rate, gradient, mean=lambda rows: len(x)
    )  # fmt: skip


def _bias_with_new_weights(x, y, w, b, batches, learning_rate, gradient):
    for batch in batches:
        ds = gradient(x[batch] @ w.T + b, y[batch]) / len(batch)
        w = w - learning_rate * ds.T @ x[batch]
        ds = gradient(x[batch] @ w.T + b, y[batch]) / len(batch)
        b = b - learning_rate * ds.sum(axis=0)
    return w, b


def _weights_only(x, y, w, b, batches, learning_rate, gradient):
    return _walk(x, y, w, b, batches, learning_rate, gradient)[0]


def _exchanged(x, y, w, b, batches, learning_rate, gradient):
    return _walk(x, y, w, b, batches, learning_rate, gradient)[::-1]


def _always_softmax(x, y, w, b, batches, learning_rate, gradient):
    return _walk(x, y, w, b, batches, learning_rate, linear.softmax_gradient)


_W0, _B0 = np.zeros((3, 2)), np.zeros(3)
_X6 = _rng.normal(0, 1, (6, 2)).round(1)  # N = 6, D = 2, K = 3
_Y6 = np.array([2, 0, 1, 1, 2, 0])
_DS = (linear.softmax_gradient, linear.hinge_gradient)


def _drawn_walk(rng, size):
    """Draw a data set, a start, and batches of unequal length."""
    n, d, k = (int(rng.integers(low, size + 3)) for low in (1, 1, 2))
    x, w, b = rng.normal(0, 1, (n, d)), rng.normal(0, 1, (k, d)), rng.normal(0, 1, k)
    batches = [
        rng.integers(0, n, rng.integers(1, n + 2)) for _ in range(rng.integers(0, 5))
    ]
    rate = float(rng.choice([0.1, 0.5, 2.0]))
    return Case((x, rng.integers(0, k, n), w, b, batches, rate, _DS[rng.integers(2)]))


train_linear = Exercise(
    name="train_linear",
    notebook="03",
    reference=linear.train_linear,
    outputs=("w", "b"),
    rtol=1e-5,  # float32 will do
    atol=1e-6,
    cases=(
        Case(
            (_X6[:1], _Y6[:1], _W0, _B0, [np.array([0])], 1.0, _DS[0]),
            "one example, one step from zero",
        ),
        Case(
            (_X6, _Y6, _W0, _B0, [np.array([0, 1, 2])], 0.5, _DS[0]),
            "one batch of three examples",
        ),
        Case(
            (
                _X6,
                _Y6,
                _W0,
                _B0,
                [np.array([0, 1]), np.array([5, 3, 2, 4])],
                0.5,
                _DS[0],
            ),
            "two batches of unequal length",
        ),
        Case(
            (
                _X6,
                _Y6,
                _W0 + [0.3, -1],
                _B0 + [1, 0, -1],
                [np.arange(6)] * 3,
                0.3,
                _DS[0],
            ),
            "all examples three times, from other weights",
        ),
        Case(
            (
                _X6,
                _Y6,
                _W0 + 0.2,
                _B0,
                [np.array([4]), np.array([4, 4, 1])],
                0.5,
                _DS[1],
            ),
            "the hinge's gradient, an example twice in a batch",
        ),
        Case((_X6, _Y6, _W0 + 0.2, _B0 + 1, [], 0.5, _DS[0]), "no batch at all"),
    ),
    samples=_drawn_walk,
    mistakes=(
        Mistake(
            "sum over the batch",
            _trained(mean=lambda rows: 1),
            "the gradients of a batch are summed; the loss is a mean: divide ds by "
            "len(batch).",
        ),
        Mistake(
            "divided by all examples",
            _divided_by_all,
            "ds is divided by the number of all examples; the mean runs over the "
            "batch: len(batch).",
        ),
        Mistake(
            "uphill",
            _trained(sign=1),
            "the step goes uphill: subtract the gradient.",
        ),
        Mistake(
            "every gradient at the first weights",
            _all_from_the_start,
            "every gradient is taken at the weights of the start; take it at the "
            "weights that the last step has reached.",
        ),
        Mistake(
            "every step from the start",
            _trained(start=True),
            "every step starts again from the first weights; it goes on from where "
            "the last one ended.",
        ),
        Mistake(
            "first batch only",
            _first_batch_only,
            "only the first batch is used: does `return` stand inside the loop?",
        ),
        Mistake(
            "all examples in every step",
            _trained(rows=True),
            "every step uses all examples; take x[batch] and y[batch].",
        ),
        Mistake(
            "the first labels",
            _trained(labels=True),
            "the labels do not belong to the examples: take y[batch].",
        ),
        Mistake(
            "bias not trained",
            _trained(bias=False),
            "b is never changed: it takes a step as well.",
        ),
        Mistake(
            "bias not in the scores",
            _trained(scored=False),
            "the bias is missing in the scores: x[batch] @ w.T + b.",
        ),
        Mistake(
            "bias gradient summed",
            lambda x, y, w, b, batches, learning_rate, gradient: _bias_summed(
                x, y, w, b, batches, learning_rate, gradient
            ),
            "the step of b is not divided by len(batch), while that of w is.",
        ),
        Mistake(
            "rate ignored",
            lambda x, y, w, b, batches, learning_rate, gradient: _walk(
                x, y, w, b, batches, 1.0, gradient
            ),
            "learning_rate is not used.",
        ),
        Mistake(
            "bias after the weights",
            _bias_with_new_weights,
            "b takes its step with a gradient of the new weights; both steps belong to "
            "the same scores.",
        ),
        Mistake(
            "weights only",
            _weights_only,
            "only w is returned: return w, b.",
        ),
        Mistake(
            "results exchanged",
            _exchanged,
            "the two results are exchanged: return w, b.",
        ),
        Mistake(
            "always softmax",
            _always_softmax,
            "the softmax gradient is built in; use the function `gradient` that is "
            "handed over.",
        ),
    ),
    hints_=(
        "One step for every batch: `for batch in batches:`. Scores first, of the "
        "examples of the batch only: `s = x[batch] @ w.T + b`.",
        "The loss is the mean over the batch, so is its gradient: "
        "`ds = gradient(s, y[batch]) / len(batch)`.",
        "`w = w - learning_rate * ds.T @ x[batch]` and "
        "`b = b - learning_rate * ds.sum(axis=0)`; these make new arrays, while -= "
        "would change the ones you were given. After the loop: `return w, b`.",
    ),
)


def _bias_summed(x, y, w, b, batches, learning_rate, gradient):
    for batch in batches:
        ds = gradient(x[batch] @ w.T + b, y[batch])
        w = w - learning_rate * ds.T @ x[batch] / len(batch)
        b = b - learning_rate * ds.sum(axis=0)
    return w, b


# ---------------------------------------------------------------- find the bug


def _brace(s, y, margin=1.0):
    """Return the hinge loss of every example, case by case: (N, K), (N,) -> (N,)."""
    losses = [0.0] * len(s)
    for n, label in enumerate(y):
        for j, s_j in enumerate(s[n]):
            if j == label:
                continue  # the sum leaves out the right class
            if s_j >= s[n, label] + margin:
                losses[n] += 0
            else:
                losses[n] += s_j - s[n, label] + margin
    return losses


def _cases_of(condition, yes, no):
    """Return a mending of the brace: ``yes`` where the condition holds, else ``no``."""

    def answer(s, y, margin=1.0):
        s_y, gaps = _right(s, y), _gaps(s, y, margin)
        terms = np.where(condition(s, s_y, margin), yes(gaps), no(gaps))
        return _without_right(terms, y).sum(axis=1)

    return answer


def _zero(gaps):
    return 0 * gaps


def _as_it_is(gaps):
    return gaps


hinge_by_cases = FindBug(
    name="hinge_by_cases",
    notebook="03",
    reference=linear.hinge_by_cases,
    broken=_brace,
    causes=(
        Cause(
            "a",
            "The right class is counted as well.",
            "`continue` leaves it out: j == label adds nothing.",
        ),
        Cause(
            "b",
            "In the cost, the margin has the wrong sign.",
            "s_j - s_y + margin is right: being ahead by less than the margin costs.",
        ),
        Cause(
            "c",
            "In the condition, the two scores have changed places.",
            "0 is for a right class that wins by the margin.",
            right=True,
        ),
        Cause(
            "d",
            "In the cost, the difference is taken the wrong way round.",
            "s_j - s_y is right: it grows as the wrong class pulls ahead.",
        ),
    ),
    cases=(
        Case((_SLIDE[:1], np.array([0])), "the cat: 2.9 by hand"),
        Case((_SLIDE, np.array([0, 1, 2])), "all three pictures"),
        Case((np.array([[2.0, 1.5, 0.0]]), np.array([0])), "wins, but by 0.5 only"),
        Case((np.array([[2, 1, 5, 2]]), np.array([3])), "whole numbers, ties"),
        Case((_TALL, _TALL_Y, 2.0), "6 examples, 4 classes, margin 2"),
    ),
    samples=_drawn_margins,
    mistakes=(
        Mistake(
            "outcomes exchanged",
            _cases_of(lambda s, s_y, m: s >= s_y + m, _as_it_is, _zero),
            "now only a class that is ahead by the whole margin costs; one that is "
            "closer than the margin costs as well. 0 is for s_y >= s_j + margin.",
        ),
        Mistake(
            "margin forgotten in the condition",
            _cases_of(lambda s, s_y, m: s_y >= s, _zero, _as_it_is),
            "the condition has lost its margin: a right class that wins, but barely, "
            "costs nothing now.",
        ),
        Mistake(
            "condition turned, margin not",
            _cases_of(lambda s, s_y, m: s_y >= s - m, _zero, _as_it_is),
            "the condition asks for s_y >= s_j - margin: the margin stands on the "
            "wrong side, or has the wrong sign.",
        ),
        Mistake(
            "sum cut off",
            lambda s, y, margin=1.0: np.maximum(0, _as_printed(s, y, margin)),
            "the sum is cut off at 0, but the condition is as it was: the disasters "
            "still cost nothing.",
        ),
        Mistake(
            "absolute value",
            lambda s, y, margin=1.0: np.abs(_as_printed(s, y, margin)),
            "the sign of the loss is dropped, but the condition is as it was: a right "
            "class that wins clearly still costs.",
        ),
        Mistake(
            "no condition",
            lambda s, y, margin=1.0: _without_right(_gaps(s, y, margin), y).sum(axis=1),
            "without a condition a class that loses clearly is rewarded.",
        ),
        Mistake(
            "difference turned",
            _cases_of(lambda s, s_y, m: s >= s_y + m, _zero, lambda gaps: 2 - gaps),
            "the difference is turned round, but the condition is as it was.",
        ),
    ),
    hints_=(
        "Take the frog: 2.2 and 2.5 against -3.1. Which of the two cases do its wrong "
        "classes fall into, and which should they?",
        "A term is to be 0 where the right class wins by the margin. Say that as an "
        "inequality that begins with s_y.",
        "The condition is `if s[n, label] >= s_j + margin:`; the two outcomes stay "
        "where they are.",
    ),
)


# ------------------------------------------------------------------------- open

DRAWINGS, POINTS, STEPS, RATE = range(5), 400, 40, 4.0
MOST_NUMBERS = 3


def _on_drawing(features, points, labels):
    """Return (share of the second half that is right, which are right)."""
    half = len(points) // 2
    known, new = (_numbers(features, part) for part in (points[:half], points[half:]))
    mean, spread = known.mean(axis=0), known.std(axis=0)
    spread = np.where(spread > 0, spread, 1)
    known, new = (known - mean) / spread, (new - mean) / spread
    w, b = np.zeros((2, known.shape[1])), np.zeros(2)
    steps = [np.arange(half)] * STEPS
    w, b = linear.train_linear(
        known, labels[:half], w, b, steps, RATE, linear.softmax_gradient
    )
    right = linear.predict(new, w, b) == labels[half:]
    return float(right.mean()), right


def _numbers(features, points):
    """Return the learner's features as floats (N, F), or raise what is wrong."""
    given = features(points.copy())
    values = _show.array(given)
    if values is None or values.dtype.kind not in "biuf":
        raise TypeError(f"ring_features: wanted numbers, got {_show.kind(given)}")
    values = values.astype(float)
    if values.ndim == 1 and len(values) == len(points):
        values = values[:, None]  # one number a point
    if values.ndim != 2 or len(values) != len(points):
        raise ValueError(
            f"ring_features: wanted one row for each of {len(points)} points, got "
            f"shape {values.shape}"
        )
    if not 1 <= values.shape[1] <= MOST_NUMBERS:
        raise ValueError(
            f"ring_features: at most {MOST_NUMBERS} numbers a point, got "
            f"{values.shape[1]}"
        )
    if not np.isfinite(values).all():
        raise ValueError("ring_features: some of the numbers are not finite")
    return values


def _map_of(points, right, labels):
    """Return a drawing of points as a uint8 picture: grey rings, wrong ones black."""
    side = 96
    picture = np.full((side, side, 3), 255, np.uint8)
    low, high = points.min(axis=0), points.max(axis=0)
    places = 3 + (points - low) / (high - low).max() * (side - 7)  # (N, 2)
    for wrong in (False, True):
        for (column, row), label in zip(places[right != wrong], labels[right != wrong],
                                        strict=True):  # fmt: skip
            i, j, reach = side - 1 - int(row), int(column), 1 + wrong
            shade = 0 if wrong else (150, 205)[label]
            picture[i - reach : i + reach + 1, j - reach : j + reach + 1] = shade
    return picture


def _score_rings(features) -> Score:
    shares, centred, pictures = [], [], []
    for seed in DRAWINGS:
        points, labels = linear.rings(POINTS, seed)
        share, right = _on_drawing(features, points, labels)
        shares.append(share)
        if not right.all():
            half = POINTS // 2
            caption = f"drawing {seed}: {share:.1%}, wrong points black"
            picture = _map_of(points[half:], right, labels[half:])
            pictures.append((picture, caption))
    value, detail = float(np.mean(shares)), ""
    if value < RING_BAR:
        for seed in DRAWINGS:
            points, labels = linear.rings(POINTS, seed)
            middle = linear.rings_centre(seed)
            centred.append(_on_drawing(features, points - middle, labels)[0])
        if np.mean(centred) >= RING_BAR:
            detail = (
                f"With the centre of every drawing moved to (0, 0), you reach "
                f"{np.mean(centred):.1%}: your numbers expect the centre there."
            )
        elif value < 0.6:
            detail = (
                "That is about as good as guessing (50 %): in these numbers the outer "
                "ring still lies all around the inner one, and no line parts them."
            )
    return Score(value, detail, pictures[:5])


RING_BAR = 0.95

ring_features = Open(
    name="ring_features",
    notebook="03",
    reference=linear.ring_features,
    score=_score_rings,
    bar=RING_BAR,
    measured_on=(
        "200 new points of each of five drawings, by a linear classifier that was "
        "trained on your numbers for 200 other points of the same drawing"
    ),
    mistakes=(
        Mistake("points as they are", lambda points: points, "as good as guessing"),
        Mistake(
            "distance from the origin",
            lambda points: np.hypot(*points.T)[:, None],
            "expect the centre there",
        ),
        Mistake("squares", lambda points: points**2, "expect the centre there"),
        Mistake(
            "their sum of squares",
            lambda points: (points**2).sum(axis=1),
            "expect the centre there",
        ),
        Mistake(
            "the product, as for the square",
            lambda points: np.c_[points, points[:, :1] * points[:, 1:]],
            "as good as guessing",
        ),
    ),
    hints_=(
        "A ring is a set of equal distance from a centre. If the centre were known, "
        "one number a point would do. Write the squared distance out.",
        "(x1 - c1)^2 + (x2 - c2)^2 = (x1^2 + x2^2) - 2 c1 x1 - 2 c2 x2 + c1^2 + c2^2. "
        "Which three numbers of a point stand there, each with a constant before it? "
        "The classifier chooses the constants.",
        "Keep both coordinates and add the sum of their squares: "
        "`np.column_stack([points, (points**2).sum(axis=1)])`.",
    ),
)

EXERCISES = (
    hinge_loss,
    hinge_by_cases,
    softmax,
    softmax_gradient,
    train_linear,
    ring_features,
    hinge_gradient,
    dataset_loss,
)
