"""The exercises of notebook 03: two losses, softmax, and their gradients."""

import math

import numpy as np

from cnnlab import linear, ops
from cnnlab.checks._base import Case, Exercise, Mistake

_rng = np.random.default_rng(3)
_SLIDE = np.array([[3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]])  # (3, 3)
_S = _rng.normal(0, 2, (4, 5)).round(1)  # more classes than examples
_Y = np.array([4, 0, 2, 2])
_TALL = _rng.normal(0, 2, (6, 4)).round(1)  # and fewer
_TALL_Y = np.array([1, 3, 0, 2, 1, 1])


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
        Case((_SLIDE, np.array([0, 1, 2])), "all three pictures"),
        Case((np.array([[4, 2, 4, 1]]), np.array([2])), "a tie, and whole numbers"),
        Case((_SLIDE[:2], np.array([2, 0]), 0.5), "another margin"),
        Case((_S, _Y), "4 examples, 5 classes"),
        Case((_TALL, _TALL_Y, 2.0), "6 examples, 4 classes, margin 2"),
        Case((np.array([[0.125, -0.5, 0.75]]), np.array([2])), "fractions"),
        Case((np.zeros((0, 3)), np.zeros(0, int)), "no example at all"),
    ),
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
        "for all n at once: s[np.arange(len(s)), y].",
        "Make that a column, [:, None], so that it is subtracted from the whole row. "
        "Then add the margin and cut off below 0 with np.maximum.",
        "The right class itself gives exactly `margin`. Set its entries to 0 before "
        "you sum each row, or subtract the margin from each sum.",
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
    ),
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
        "Two steps: make every score positive with exp, then divide each row by its "
        "sum. keepdims=True keeps the sums as a column.",
        "exp(s - m) / sum exp(s - m): the factor exp(-m) cancels, for any m. Which m "
        "makes overflow impossible?",
        "m = s.max(axis=1, keepdims=True): then the largest exponent of each row is 0.",
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
        Case((_TALL, _TALL_Y, 2.5), "6 examples, 4 classes, margin 2.5"),
    ),
    mistakes=(
        Mistake(
            "right class forgotten",
            lambda s, y, margin=1.0: _without_right(_gaps(s, y, margin) > 0, y),
            "the right class has no gradient: s_y stands in every violating term with "
            "a minus, so its entry is minus their number.",
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
        "So start with ones where s_j - s_y + margin > 0, and 0 in the column of the "
        "right class.",
        "Then put minus the sum of each row into the column of the right class: every "
        "row of the result sums to 0.",
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
    ),
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
            "1 subtracted everywhere",
            lambda s, y: ops.softmax(s) - 1,
            "1 is subtracted from every class; only the right one has it.",
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
        "p = ops.softmax(s) is a new array: subtract 1 at [np.arange(len(s)), y].",
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
        Mistake(
            "always hinge",
            _variant(always="hinge"),
            'the hinge loss is taken whatever `loss` says; "softmax" is the default.',
        ),
    ),
    hints_=(
        "Scores first. Then pick the pair of functions for this `loss`: one gives the "
        "losses (N,), the other ds (N, K). Divide ds by N, and half of the work is "
        "done.",
        "s = x @ w.T + b, so each example adds ds[n, k] * x[n] to row k of dw, and "
        "ds[n, k] to db[k]. A sum over n of products is a matrix product.",
        "dw = ds.T @ x + 2 * reg * w, and db = ds.sum(axis=0), after ds was divided "
        "by N. The loss gets reg * (w**2).sum().",
    ),
)

EXERCISES = (hinge_loss, softmax, hinge_gradient, softmax_gradient, dataset_loss)
