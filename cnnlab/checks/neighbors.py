"""Exercises of notebook 02: distances, the vote, cross-validation, features."""

import functools

import numpy as np

from cnnlab import data, neighbors
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

NOTEBOOK = "02"


def _wide(*arrays):
    return [np.asarray(array, dtype=np.float64) for array in arrays]


# ------------------------------------------------------------------- l1_distance

SLIDE = (
    np.array([56, 32, 10, 18, 90, 23, 128, 133, 24, 26, 178, 200, 2, 0, 255, 220]),
    np.array([10, 20, 24, 17, 8, 10, 89, 100, 12, 16, 178, 170, 4, 32, 233, 112]),
)


def _pixels(rng, shape):
    """Draw uint8 pixels, or floats from 0 to 1."""
    if rng.random() < 0.5:
        return rng.integers(0, 256, shape, dtype=np.uint8)
    return rng.random(shape)


def _like(rng, array, shape=None):
    """Draw pixels of the same type as ``array``."""
    shape = array.shape if shape is None else shape
    if array.dtype == np.uint8:
        return rng.integers(0, 256, shape, dtype=np.uint8)
    return rng.random(shape)


def _l1_cases() -> list[Case]:
    rng = np.random.default_rng(21)
    a, b = np.array([[7.0, 2, 5], [1, 9, 4]]), np.array([[4.0, 8, 5], [3, 9, 2]])
    return [
        Case((a, b), "two rows, three pixels each"),
        Case((np.array([[3, 200]], np.uint8), np.array([[5, 100]], np.uint8)), "uint8"),
        Case(tuple(a.reshape(4, 4) for a in SLIDE), "the two images of the notebook"),
        Case((rng.random((3, 4, 2)), rng.random((3, 4, 2))), "colour, floats"),
    ]


def _l1_sample(rng, size: int) -> Case:
    a = _pixels(rng, tuple(rng.integers(1, size + 1, rng.integers(1, 4))))
    return Case((a, a.copy() if rng.random() < 0.1 else _like(rng, a)))


def _l1_mistakes() -> list[Mistake]:
    def gap(a, b):
        return np.subtract(*_wide(a, b))

    return [
        Mistake(
            "no absolute value",
            lambda a, b: gap(a, b).sum(),
            "the absolute value is missing: darker and brighter pixels cancel.",
        ),
        Mistake(
            "absolute value of the sum",
            lambda a, b: abs(gap(a, b).sum()),
            "the absolute value comes too late: take it of every pixel, then add.",
        ),
        Mistake(
            "uint8 wraps",
            lambda a, b: np.abs(np.asarray(a) - np.asarray(b)).sum(),
            "uint8 wraps round: 3 - 5 is 254. Convert to int or float first.",
        ),
        Mistake(
            "squares",
            lambda a, b: (gap(a, b) ** 2).sum(),
            "differences are squared; L1 takes their absolute value.",
        ),
        Mistake(
            "L2",
            lambda a, b: np.sqrt((gap(a, b) ** 2).sum()),
            "this is L2, the root of the sum of squares; L1 has no squares.",
        ),
        Mistake(
            "mean",
            lambda a, b: np.abs(gap(a, b)).mean(),
            "this is the mean over the pixels; the distance is their sum.",
        ),
        Mistake(
            "largest difference",
            lambda a, b: np.abs(gap(a, b)).max(),
            "this is the largest difference; L1 adds all of them.",
        ),
        Mistake(
            "fractions cut off",
            lambda a, b: np.abs(a.astype(int) - b.astype(int)).sum(),
            "astype(int) cuts fractions off, and pixels may be floats from 0 to 1: "
            "convert to float.",
        ),
        Mistake(
            "pixels counted",
            lambda a, b: int((np.asarray(a) != np.asarray(b)).sum()),
            "this counts the pixels that differ; add up by how much they differ.",
        ),
        Mistake(
            "one direction only",
            lambda a, b: np.maximum(gap(a, b), 0).sum(),
            "only pixels that are brighter in the first image count; take the absolute "
            "value of every difference.",
        ),
        Mistake(
            "first row or channel only",
            lambda a, b: np.abs(gap(a, b))[0].sum(),
            "only the first row, or the first channel, is summed; all pixels count.",
        ),
        Mistake(
            "matrix norm",
            lambda a, b: np.linalg.norm(gap(a, b), 1),
            "np.linalg.norm(..., 1) of a table is its largest column sum; flatten the "
            "differences first, or write np.abs(...).sum().",
        ),
        Mistake(
            "counted twice",
            lambda a, b: 2 * np.abs(gap(a, b)).sum(),
            "every difference is counted twice, as a - b and as b - a.",
        ),
        Mistake(
            "int8",
            lambda a, b: np.abs(
                a.astype(np.int8).astype(int) - b.astype(np.int8)
                if a.dtype == np.uint8
                else a.astype(np.int8) - b.astype(np.int8)
            ).sum(),
            "int8 ends at 127, and pixels go up to 255: convert to float.",
        ),
        Mistake(
            "one axis only",
            lambda a, b: np.abs(gap(a, b)).sum(axis=0),
            "the sum runs over one axis only; it should run over all pixels.",
        ),
        Mistake(
            "second axis only",
            lambda a, b: np.abs(gap(a, b)).sum(axis=1),
            "each row is summed by itself; the sum should run over all pixels.",
        ),
        Mistake(
            "in a list",
            lambda a, b: [np.abs(gap(a, b)).sum()],
            "the number is wrapped in a list, a tuple or an array: return it bare.",
        ),
    ]


L1_DISTANCE = Exercise(
    name="l1_distance",
    notebook=NOTEBOOK,
    reference=neighbors.l1_distance,
    cases=_l1_cases(),
    mistakes=_l1_mistakes(),
    hints_=(
        "Three steps, in the order of the picture above: subtract, take absolute "
        "values, add up.",
        "`np.abs` works on every element of an array; `.sum()` without an axis adds "
        "all elements, whatever the shape.",
        "The images may be uint8. Begin with `a.astype(float) - b.astype(float)`.",
    ),
    samples=_l1_sample,
)


# ------------------------------------------------------------------ copy_nearest


def _broken_copy_nearest(query, rows, labels):
    """Return the label of the row nearest to query, in L1; the first of equals."""
    gaps = abs(rows - query)  # (N, D)
    return labels[gaps.sum(axis=1).argmin()]


def _copy_cases() -> list[Case]:
    rng = np.random.default_rng(28)
    rows = np.array([[3, 98], [60, 150], [90, 20]], np.uint8)
    tied = np.array([[9.0, 4], [2, 3], [1, 2], [2, 3]])
    many = rng.integers(0, 256, (12, 5), dtype=np.uint8)
    query = np.clip(many[4].astype(int) - 3, 0, 255).astype(np.uint8)
    return [
        Case((np.array([5, 100], np.uint8), rows, np.array([7, 4, 2])), "uint8"),
        Case((np.array([2.0, 2]), tied, np.array([5, 8, 3, 6])), "equally near rows"),
        Case(
            (rng.random(4), rng.random((6, 4)), np.array([3, 1, 4, 1, 5, 9])), "floats"
        ),
        Case((query, many, np.arange(12) % 10), "twelve rows of uint8"),
    ]


def _copy_sample(rng, size: int) -> Case:
    rows = _pixels(rng, tuple(rng.integers(1, size + 1, 2)))
    query = _like(rng, rows, rows.shape[1:])
    if rng.random() < 0.3:  # a remembered image, and its copy
        query = rows[rng.integers(len(rows))].copy()
        rows[rng.integers(len(rows))] = query
    return Case((query, rows, rng.integers(0, 10, len(rows))))


def _copied(distances, pick=np.argmin):
    """Return a search that goes wrong in its distances (N,), or in what it picks."""

    def wrong(query, rows, labels):
        return labels[pick(distances(query, rows))]

    return wrong


def _sums(query, rows):
    return np.abs(rows.astype(float) - query).sum(axis=1)


STILL_WRAPS = (
    "uint8 still wraps round in the subtraction, 3 - 5 is 254, and what follows cannot "
    "mend that: convert before you subtract."
)


def _copy_mistakes() -> list[Mistake]:
    return [
        Mistake(
            "as it was, in other words",
            _copied(lambda q, rows: np.abs(rows - q).sum(axis=1)),
            STILL_WRAPS,
        ),
        Mistake(
            "farthest",
            _copied(_sums, np.argmax),
            "argmax takes the row that is farthest away.",
        ),
        Mistake(
            "farthest, wrapped",
            _copied(lambda q, rows: np.abs(rows - q).sum(axis=1), np.argmax),
            "argmax takes the row that is farthest away, and uint8 still wraps round.",
        ),
        Mistake(
            "absolute value of the sum",
            _copied(lambda q, rows: np.abs((rows.astype(float) - q).sum(axis=1))),
            "abs comes too late: brighter and darker pixels have cancelled in the sum.",
        ),
        Mistake(
            "no absolute value",
            _copied(lambda q, rows: (rows.astype(float) - q).sum(axis=1)),
            "the absolute value is gone: the darkest row has the smallest sum.",
        ),
        Mistake(
            "converted too late",
            _copied(lambda q, rows: np.abs((rows - q).astype(float)).sum(axis=1)),
            STILL_WRAPS,
        ),
        Mistake(
            "wider, but unsigned",
            _copied(
                lambda q, rows: (
                    np.abs(rows.astype(np.uint32) - q.astype(np.uint32)).sum(axis=1)
                    if rows.dtype == np.uint8
                    else _sums(q, rows)
                )
            ),
            "a wider unsigned type has more room above 255, and none below 0.",
        ),
        Mistake(
            "unsigned, fractions cut off",
            _copied(
                lambda q, rows: np.abs(
                    rows.astype(np.uint32) - q.astype(np.uint32)
                ).sum(axis=1)
            ),
            "an unsigned type has no room below 0, however wide; and it cuts the "
            "fractions of floats off.",
        ),
        Mistake(
            "int8",
            _copied(
                lambda q, rows: np.abs(
                    rows.astype(np.int8).astype(int) - q.astype(np.int8)
                ).sum(axis=1)
            ),
            "int8 ends at 127, and pixels go up to 255: use float.",
        ),
        Mistake(
            "fractions cut off",
            _copied(
                lambda q, rows: np.abs(rows.astype(int) - q.astype(int)).sum(axis=1)
            ),
            "astype(int) cuts fractions off, and pixels may be floats from 0 to 1: "
            "convert to float.",
        ),
        Mistake(
            "squares",
            _copied(lambda q, rows: ((rows.astype(float) - q) ** 2).sum(axis=1)),
            "squares make it the nearest in L2; L1 is wanted.",
        ),
        Mistake(
            "largest gap",
            _copied(lambda q, rows: np.abs(rows.astype(float) - q).max(axis=1)),
            "only the largest difference of each row counts; add all of them.",
        ),
        Mistake(
            "last of equals",
            lambda q, rows, labels: labels[
                len(rows) - 1 - _sums(q, rows)[::-1].argmin()
            ],
            "of two rows equally near, the last is taken; argmin takes the first.",
        ),
        Mistake(
            "place instead of label",
            lambda q, rows, labels: _sums(q, rows).argmin(),
            "this is the place of the nearest row; its label is labels[place].",
        ),
        Mistake(
            "wrong axis",
            lambda q, rows, labels: labels[
                np.abs(rows.astype(float) - q).sum(axis=0).argmin() % len(labels)
            ],
            "axis=0 sums down the rows, one number a pixel; axis=1 gives one number a "
            "row.",
        ),
    ]


COPY_NEAREST = FindBug(
    name="copy_nearest",
    notebook=NOTEBOOK,
    reference=neighbors.copy_nearest,
    broken=_broken_copy_nearest,
    cases=_copy_cases(),
    mistakes=_copy_mistakes(),
    causes=(
        Cause(
            "a",
            "`argmin` finds the farthest image, not the nearest",
            "The nearest image has the smallest distance, and argmin finds that.",
        ),
        Cause(
            "b",
            "`abs` is applied too late, after the sum",
            "abs stands around the differences, and the sum follows.",
        ),
        Cause(
            "c",
            "the subtraction has no room for negative numbers",
            "uint8 wraps round, 3 - 5 is 254, and abs finds no sign to drop.",
            right=True,
        ),
        Cause(
            "d",
            "the sum runs along the wrong axis",
            "gaps is (N, D), and axis=1 leaves one sum for each of the N rows.",
        ),
    ),
    hints_=(
        "Try it on one pixel: rows = [[3]] and query = [5], both uint8. What is the "
        "gap, and what should it be?",
        "The same happens to every pixel that is darker than the query's. A number "
        "type with a sign has room below zero, and pixels may be fractions.",
        "Convert before you subtract: `rows.astype(float) - query`. Set "
        "copy_nearest_cause to the letter that speaks of negative numbers.",
    ),
    samples=_copy_sample,
)


# ------------------------------------------------------------------ l2_distances


def _l2_cases() -> list[Case]:
    rng = np.random.default_rng(22)
    y = 1 + 2 * rng.random((40, 7))
    x = np.concatenate([y[5:25], rng.random((3, 7))])
    pixels = rng.integers(0, 256, (5, 4), dtype=np.uint8)
    return [
        Case((np.array([[0, 0, 0], [1, 2, 2]]), np.array([[3, 0, 4], [1, 2, 2]]))),
        Case(
            (np.array([[0, 0], [4, 6], [1, 1]]), np.array([[3, 4], [1, 2]])),
            "three queries, two training rows",
        ),
        Case((pixels[:2], pixels[1:]), "uint8 pixels"),
        Case((rng.normal(size=(4, 5)), rng.normal(size=(3, 5))), "floats"),
        Case((x, y), "twenty queries that are training rows, too"),
        Case((np.zeros((0, 3)), np.ones((2, 3))), "no query at all"),
    ]


def _l2_sample(rng, size: int) -> Case:
    q, n, d = rng.integers((0, 1, 1), size + 2)
    if rng.random() < 0.5:
        x, y = (rng.integers(0, 256, (m, d), dtype=np.uint8) for m in (q, n))
    else:
        x, y = (rng.normal(size=(m, d)) for m in (q, n))
    if q and rng.random() < 0.3:
        x[rng.integers(q)] = y[rng.integers(n)]
    return Case((x, y))


def _rows_of(q: int, n: int, d: int) -> Case:
    rng = np.random.default_rng(29)
    return Case((rng.random((q, d)), rng.random((n, d))))


def _expanded(x, y, cross=-2.0, dtype=np.float64, clip=True):
    """|x|^2 + cross x.y + |y|^2, rooted: right for cross = -2 in float64."""
    x, y = np.asarray(x).astype(dtype), np.asarray(y).astype(dtype)
    d2 = (x * x).sum(1)[:, None] + dtype(cross) * (x @ y.T) + (y * y).sum(1)
    with np.errstate(invalid="ignore"):
        return np.sqrt(np.maximum(d2, 0) if clip else d2)


def _l1_matrix(x, y):
    x, y = _wide(x, y)
    return np.abs(x[:, None] - y).sum(-1)


def _l2_of_wrapped_differences(x, y):
    gaps = np.asarray(x)[:, None] - np.asarray(y)  # uint8 stays uint8
    return np.sqrt((gaps.astype(float) ** 2).sum(-1))


def _l2_of_wrapped_squares(x, y):
    x, y = np.asarray(x), np.asarray(y)
    x2 = (x * x).sum(1).astype(float)[:, None]
    d2 = x2 + (y * y).sum(1).astype(float) - 2.0 * (x @ y.T).astype(float)
    return np.sqrt(np.maximum(d2, 0))


def _l2_in_int16(x, y):
    gaps = np.asarray(x).astype(np.int16)[:, None] - np.asarray(y).astype(np.int16)
    with np.errstate(invalid="ignore"):
        return np.sqrt((gaps**2).sum(-1).astype(float))


def _length(gaps, axis=-1):
    return np.sqrt((gaps**2).sum(axis))


def _gap_of_sums(x, y):
    x, y = _wide(x, y)
    return np.abs(x.sum(1)[:, None] - y.sum(1))


def _gap_of_norms(x, y):
    x, y = _wide(x, y)
    return np.abs(np.linalg.norm(x, axis=1)[:, None] - np.linalg.norm(y, axis=1))


def _l2_mistakes() -> list[Mistake]:
    return [
        Mistake(
            "no square root",
            lambda x, y: _expanded(x, y) ** 2,
            "the square root is missing. The neighbours would be the same, for the "
            "root keeps the order, but the distances are not.",
        ),
        Mistake(
            "L1",
            _l1_matrix,
            "this is the L1 distance, a sum of absolute values; L2 adds squares and "
            "takes the root.",
        ),
        Mistake(
            "transposed",
            lambda x, y: _expanded(x, y).T,
            "the result is transposed: row i should belong to query x[i], column j to "
            "training row y[j].",
        ),
        Mistake(
            "no cross term",
            lambda x, y: _expanded(x, y, cross=0.0),
            "the cross term -2 x.y is missing; only the squared lengths are left.",
        ),
        Mistake(
            "plus the cross term",
            lambda x, y: _expanded(x, y, cross=2.0),
            "the cross term has the wrong sign: it is subtracted, or you get |x + y|.",
        ),
        Mistake(
            "half the cross term",
            lambda x, y: _expanded(x, y, cross=-1.0),
            "the cross term needs its factor 2: (a - b)^2 = a^2 - 2ab + b^2.",
        ),
        Mistake(
            "differences of sums",
            _gap_of_sums,
            "the pixels are summed first and subtracted then; subtract pixel by pixel.",
        ),
        Mistake(
            "differences of lengths",
            _gap_of_norms,
            "this is the difference of two lengths, not the length of the difference.",
        ),
        Mistake(
            "uint8 differences",
            _l2_of_wrapped_differences,
            "uint8 wraps round: 3 - 5 is 254. Convert to float first.",
        ),
        Mistake(
            "uint8 squares",
            _l2_of_wrapped_squares,
            "uint8 wraps round: 20 * 20 is 144. Convert to float first.",
        ),
        Mistake(
            "float32, goes negative",
            lambda x, y: _expanded(x, y, dtype=np.float32, clip=False),
            "float32 has about 7 digits, and three large terms that nearly cancel "
            "leave round-off, at times below zero: the root of that is nan. Compute "
            "in float64 and clip with np.maximum(d2, 0).",
        ),
        Mistake(
            "float32, clipped",
            lambda x, y: _expanded(x, y, dtype=np.float32),
            "float32 has about 7 digits; for rows that are close, three large terms "
            "cancel and round-off is left. Compute in float64.",
        ),
        Mistake(
            "float64, goes negative",
            lambda x, y: _expanded(x, y, clip=False),
            "for equal rows the three terms cancel, and round-off may leave a number "
            "below zero: its root is nan. Clip with np.maximum(d2, 0).",
        ),
        Mistake(
            "fractions cut off",
            lambda x, y: _expanded(x.astype(int), y.astype(int)),
            "astype(int) cuts the fractions of floats off: convert to float.",
        ),
        Mistake(
            "int16 overflows",
            _l2_in_int16,
            "int16 ends at 32767, and 255 * 255 is above it: squares wrap round. "
            "Convert to float.",
        ),
        Mistake(
            "pairs only",
            lambda x, y: np.array([_length(a - b) for a, b in zip(*_wide(x, y))]),  # noqa: B905
            "only x[0] with y[0], x[1] with y[1] and so on are compared; every query "
            "belongs with every training row.",
        ),
        Mistake(
            "rounded",
            lambda x, y: _expanded(x, y).round(2),
            "round-off: the distances are rounded to two decimals; return all digits.",
        ),
        Mistake(
            "a list of rows",
            lambda x, y: np.array(
                [[_length(a - b) for b in _wide(y)[0]] for a in _wide(x)[0]]
            ),
            "without any query, a list of rows has no second axis, and (0, N) is "
            "wanted. Without a loop it comes by itself: x @ y.T is (0, N) then.",
        ),
        Mistake(
            "wrong axis",
            lambda x, y: _length(_wide(x)[0][:, None] - _wide(y)[0], axis=1),
            "the sum runs over the training rows; the columns are the last axis.",
        ),
        Mistake(
            "column forgotten",
            lambda x, y: np.sqrt(
                np.maximum(
                    np.sum(_wide(x)[0] ** 2, axis=1)
                    - 2 * _wide(x)[0] @ _wide(y)[0].T
                    + np.sum(_wide(y)[0] ** 2, axis=1),
                    0,
                )
            ),
            "the squared lengths of x lie as a row; query x[i] is row i, so make them "
            "a column: [:, None], or keepdims=True.",
        ),
        Mistake(
            "largest difference",
            lambda x, y: np.abs(_wide(x)[0][:, None] - _wide(y)[0]).max(
                axis=-1, initial=0
            ),
            "this is the largest difference; L2 adds the squares of all.",
        ),
        Mistake(
            "mean of squares",
            lambda x, y: _expanded(x, y) / np.sqrt(np.shape(x)[1]),
            "the squares are averaged; the distance is the root of their sum.",
        ),
    ]


L2_DISTANCES = Exercise(
    name="l2_distances",
    notebook=NOTEBOOK,
    reference=neighbors.l2_distances,
    cases=_l2_cases(),
    mistakes=_l2_mistakes(),
    hints_=(
        "The formula above has three parts: a number for each query, a number for "
        "each pair, and a number for each remembered row.",
        "All products of rows at once are one matrix product, `x @ y.T`, of shape "
        "(Q, N).",
        "Add a column and a row to it: `np.sum(x**2, axis=1)[:, None]` has shape "
        "(Q, 1) and `np.sum(y**2, axis=1)` has shape (N,). Broadcasting does the rest.",
        "Begin with `x, y = x.astype(float), y.astype(float)`, or uint8 will wrap "
        "round; end with `np.sqrt(np.maximum(d2, 0))`, for round-off may fall below "
        "zero. That is all; the reference is longer, to keep more digits.",
    ),
    atol=1e-6,
    samples=_l2_sample,
    loop_free=(_rows_of(3, 4, 5), _rows_of(30, 40, 5)),
    large=_rows_of(200, 400, 300),
)


# -------------------------------------------------------------------------- vote


def _vote_cases() -> list[Case]:
    rng = np.random.default_rng(23)
    return [
        Case((np.array([[1, 2, 2], [3, 0, 3]]), 4), "no draw"),
        Case((np.array([[2, 0, 1], [1, 0, 2]]), 4), "three classes, one vote each"),
        Case((np.array([[3, 1, 1, 3], [1, 3, 3, 1]]), 4), "two against two"),
        Case((np.array([[2, 0, 0, 1, 1], [0, 1, 2, 2, 1]]), 5), "a draw below the top"),
        Case((np.array([[4], [0], [2]]), 5), "k = 1"),
        Case((rng.integers(0, 6, (30, 7)), 6), "thirty queries, k = 7"),
        Case((np.zeros((0, 3), dtype=int), 3), "no query at all"),
    ]


def _vote_sample(rng, size: int) -> Case:
    num_classes = int(rng.integers(2, size + 3))
    shape = (rng.integers(0, size + 1), rng.integers(1, size + 2))
    return Case((rng.integers(0, num_classes, shape), num_classes))


def _counts(labels, num_classes):
    """Votes of every class, (Q, K)."""
    labels = np.asarray(labels)
    return (labels[:, :, None] == np.arange(num_classes)).sum(1)


def _smallest_class(labels, num_classes):
    return _counts(labels, num_classes).argmax(1)


def _largest_class(labels, num_classes):
    return num_classes - 1 - _counts(labels, num_classes)[:, ::-1].argmax(1)


def _farthest_of_tied(labels, num_classes):
    return neighbors.vote(np.asarray(labels)[:, ::-1], num_classes)


def _fewer_until_decided(labels, num_classes):
    chosen = []
    for row in np.asarray(labels):
        k = len(row)
        votes = np.bincount(row[:k], minlength=num_classes)
        while (votes == votes.max()).sum() > 1:
            k -= 1
            votes = np.bincount(row[:k], minlength=num_classes)
        chosen.append(votes.argmax())
    return np.array(chosen, dtype=int)


def _weighted(labels, num_classes):
    """Votes count 1, 1/2, 1/3 and so on."""
    labels = np.asarray(labels)
    weights = 1 / (1 + np.arange(labels.shape[1]))
    table = (labels[:, :, None] == np.arange(num_classes)) * weights[:, None]
    return table.sum(1).argmax(1)


def _nearest_half(labels, num_classes):
    labels = np.asarray(labels)
    return neighbors.vote(labels[:, : -(-labels.shape[1] // 2)], num_classes)


def _first_twice(labels, num_classes):
    """The first label that comes a second time."""
    chosen = []
    for row in np.asarray(labels).tolist():
        again = [label for j, label in enumerate(row) if label in row[:j]]
        chosen.append(again[0] if again else row[0])
    return np.array(chosen, dtype=int)


def _least_frequent(labels, num_classes):
    votes = _counts(labels, num_classes)
    return np.where(votes == 0, 99, votes).argmin(1)


def _column_of_winner(labels, num_classes):
    winners = neighbors.vote(labels, num_classes)
    return (np.asarray(labels) == winners[:, None]).argmax(1)


def _vote_mistakes() -> list[Mistake]:
    return [
        Mistake(
            "smallest class wins a draw",
            _smallest_class,
            "a draw goes to the smallest class number here (np.argmax of the counts "
            "takes the first); it should go to the class of the nearest neighbour "
            "among those drawn.",
        ),
        Mistake(
            "largest class wins a draw",
            _largest_class,
            "a draw goes to the largest class number here; it should go to the class "
            "of the nearest neighbour among those drawn.",
        ),
        Mistake(
            "farthest wins a draw",
            _farthest_of_tied,
            "a draw goes to the farthest neighbour: the first column is the nearest.",
        ),
        Mistake(
            "fewer neighbours until decided",
            _fewer_until_decided,
            "on a draw the farthest neighbours are dropped until one class leads. A "
            "fair rule, but another one: here all k votes count, and the nearest "
            "member decides between the drawn classes.",
        ),
        Mistake(
            "nearest only",
            lambda labels, num_classes: np.asarray(labels)[:, 0],
            "only the nearest neighbour is asked; all k of them vote.",
        ),
        Mistake(
            "weighted by rank",
            _weighted,
            "near neighbours have more than one vote here: 1, 1/2, 1/3 and so on. A "
            "fair rule, but another one: each of the k has one vote.",
        ),
        Mistake(
            "nearest half",
            _nearest_half,
            "only the nearest half of the neighbours is asked; all k of them vote.",
        ),
        Mistake(
            "first to come twice",
            _first_twice,
            "the first class with two votes wins; count all k before anyone wins.",
        ),
        Mistake(
            "farthest only",
            lambda labels, num_classes: np.asarray(labels)[:, -1],
            "only the last column, the farthest neighbour, is asked; all k vote.",
        ),
        Mistake(
            "largest label",
            lambda labels, num_classes: np.asarray(labels).max(1, initial=0),
            "this is the largest class number; count the votes of each class first.",
        ),
        Mistake(
            "down the columns",
            lambda labels, num_classes: neighbors.vote(
                np.asarray(labels).T if len(labels) else labels, num_classes
            ),
            "the vote runs down the columns; each row holds the neighbours of one "
            "query.",
        ),
        Mistake(
            "table of votes",
            _counts,
            "this is the table of votes, (Q, K); one class a query is wanted.",
        ),
        Mistake(
            "mean label",
            lambda labels, num_classes: (
                np.rint(np.mean(labels, 1)).astype(int)
                if len(labels)
                else np.zeros(0, dtype=int)
            ),
            "class numbers are averaged; they are names, and halfway between a 2 and "
            "a 4 there is no 3.",
        ),
        Mistake(
            "least frequent",
            _least_frequent,
            "the rarest label is taken instead of the most frequent one.",
        ),
        Mistake(
            "number of votes",
            lambda labels, num_classes: _counts(labels, num_classes).max(1),
            "this is how many votes the winner got, not which class it is.",
        ),
        Mistake(
            "place of the winner",
            _column_of_winner,
            "this is the column in which the winner stands, not its label.",
        ),
        Mistake(
            "one vote for all queries",
            lambda labels, num_classes: np.full(
                len(labels), np.bincount(np.ravel(labels), minlength=1).argmax()
            ),
            "all queries share one vote; every row has its own.",
        ),
    ]


VOTE = Exercise(
    name="vote",
    notebook=NOTEBOOK,
    reference=neighbors.vote,
    cases=_vote_cases(),
    mistakes=_vote_mistakes(),
    hints_=(
        "Take one row: `counts = np.bincount(row, minlength=num_classes)` holds the "
        "votes of every class.",
        "The drawn classes are those with the highest count. Walk along the row from "
        "its left end, and stop at the first label that is one of them.",
        "For one row: `next(label for label in row if counts[label] == counts.max())`. "
        "Append these to a list `winners`, and return `np.array(winners, dtype=int)`. "
        "(The reference counts all rows at once, and checks its input.)",
    ),
    samples=_vote_sample,
)


# ---------------------------------------------------------------- cross_validate


def _clouds(seed: int, n: int, dims: int = 2, spread: float = 1.0):
    """Three overlapping clouds of points, sorted by class, and their classes."""
    rng = np.random.default_rng(seed)
    y = np.sort(np.arange(n) % 3)
    return rng.normal(size=(n, dims)) * spread + 1.2 * y[:, None], y


def _cv_cases() -> list[Case]:
    x, y = _clouds(24, 11)
    more, labels = _clouds(25, 31, dims=4)
    pixels = np.clip(40 * more + 60, 0, 255).astype(np.uint8)
    return [
        Case((x, y, [1, 3], 3), "11 points in 3 folds"),
        Case((more, labels, [1, 2, 5, 9], 4), "31 points, 4 values of k"),
        Case((more, labels, [2, 3, 7], 5, "l1", 1), "metric 'l1', seed 1"),
        Case((pixels, labels, [4], 2, "l2", 2), "uint8, one k, 2 folds"),
        Case((x, y, [5, 1, 3], 3), "the values of k are not sorted"),
    ]


def _cv_sample(rng, size: int) -> Case:
    n = int(rng.integers(8, 10 + 3 * size))
    x, y = _clouds(int(rng.integers(1000)), n, dims=int(rng.integers(1, 4)))
    if rng.random() < 0.3:
        x = np.clip(40 * x + 60, 0, 255).astype(np.uint8)
    num_folds = int(rng.integers(2, 4))
    ks = rng.permutation(np.arange(1, n // 2))[: rng.integers(1, 4)].tolist()
    metric, seed = str(rng.choice(["l2", "l1"])), int(rng.integers(5))
    return Case((x, y, ks, num_folds, metric, seed))


def _ks_sorted(x, y, ks, num_folds=5, metric="l2", seed=0, chunk_size=2048):
    return neighbors.cross_validate(x, y, sorted(ks), num_folds, metric, seed)


def _last_k_searched(x, y, ks, num_folds=5, metric="l2", seed=0, chunk_size=2048):
    """Neighbours are searched for the last k of the list."""
    least = [min(k, ks[-1]) for k in ks]
    return neighbors.cross_validate(x, y, least, num_folds, metric, seed)


def _validated(fold_list, split, flip=False):
    """Return a cross-validation made wrong by its folds or by its split.

    ``fold_list(n, num_folds, seed)`` gives the folds; ``split(held_out, rest)`` gives
    the rows to remember, the rows asked, and from which labels neighbours are read.
    """

    def wrong(x, y, ks, num_folds=5, metric="l2", seed=0, chunk_size=2048):
        x, y = np.asarray(x), np.asarray(y)
        parts = fold_list(len(x), num_folds, seed)
        result = np.zeros((len(ks), len(parts)))
        for column, held_out in enumerate(parts):
            rest = np.setdiff1d(np.arange(len(x)), held_out)
            known, asked, named = split(held_out, rest)
            indices, _ = neighbors.nearest(x[asked], x[known], max(ks), metric)
            for row, k in enumerate(ks):
                chosen = neighbors.vote(y[named][indices[:, :k]], int(y.max()) + 1)
                result[row, column] = np.mean(chosen == y[asked])
        return result

    return wrong


def _honest(held_out, rest):
    return rest, held_out, rest


def _in_order(n, num_folds, seed):
    return np.array_split(np.arange(n), num_folds)


def _rest_dropped(n, num_folds, seed):
    order = np.random.default_rng(seed).permutation(n)
    size = n // num_folds
    return [order[f * size : (f + 1) * size] for f in range(num_folds)]


def _last_dropped(n, num_folds, seed):
    parts = neighbors.folds(n, num_folds, seed)
    return parts[:-1] if n % num_folds else parts


def _overlapping(n, num_folds, seed):
    rng = np.random.default_rng(seed)
    return [rng.choice(n, n // num_folds, replace=False) for _ in range(num_folds)]


def _other_shuffle(n, num_folds, seed):
    order = np.random.RandomState(seed).permutation(n)
    return np.array_split(order, num_folds)


def _leaking(held_out, rest):
    everything = np.sort(np.concatenate([held_out, rest]))
    return everything, held_out, everything


def _with(change):
    """Return the reference with something done to its result or its arguments."""

    def wrong(x, y, ks, num_folds=5, metric="l2", seed=0, chunk_size=2048):
        def run(**other):
            options = {"num_folds": num_folds, "metric": metric, "seed": seed}
            return neighbors.cross_validate(x, y, ks, **{**options, **other})

        return change(run, len(x), num_folds)

    return wrong


def _with_largest_k(x, y, ks, num_folds=5, metric="l2", seed=0, chunk_size=2048):
    row = neighbors.cross_validate(x, y, [max(ks)], num_folds, metric, seed)
    return np.repeat(row, len(ks), axis=0)


def _cv_mistakes() -> list[Mistake]:
    return [
        Mistake(
            "leak",
            _validated(neighbors.folds, _leaking),
            "the held-out fold leaks into the training rows: every image finds itself "
            "at distance 0, and k = 1 looks perfect.",
        ),
        Mistake(
            "training accuracy",
            _validated(neighbors.folds, lambda held_out, rest: (rest, rest, rest)),
            "this is the accuracy on the training rows; ask about the held-out fold.",
        ),
        Mistake(
            "swapped",
            _validated(
                neighbors.folds, lambda held_out, rest: (held_out, rest, held_out)
            ),
            "the roles are exchanged: the small fold is remembered and the large rest "
            "is asked.",
        ),
        Mistake(
            "labels of the whole set",
            _validated(
                neighbors.folds,
                lambda held_out, rest: (
                    rest,
                    held_out,
                    np.arange(len(rest) + len(held_out)),
                ),
            ),
            "the indices count rows of the training part, but the labels are read "
            "from the whole y: use y[rest][indices].",
        ),
        Mistake(
            "not shuffled",
            _validated(_in_order, _honest),
            "the folds are cut in order, without a shuffle. Labels are often sorted: "
            "a fold then holds classes that the rest has never seen.",
        ),
        Mistake(
            "another shuffle",
            _validated(_other_shuffle, _honest),
            "a fair shuffle, but another one: take the folds from neighbors.folds, so "
            "that results can be compared.",
        ),
        Mistake(
            "remainder dropped",
            _validated(_rest_dropped, _honest),
            "with folds of n // num_folds rows the last n % num_folds rows are never "
            "held out; neighbors.folds spreads them.",
        ),
        Mistake(
            "last fold dropped",
            _validated(_last_dropped, _honest),
            "the last fold is missing where n is no multiple of num_folds.",
        ),
        Mistake(
            "overlapping folds",
            _validated(_overlapping, _honest),
            "the folds are drawn one by one and overlap; every row belongs to exactly "
            "one fold.",
        ),
        Mistake(
            "transposed",
            _with(lambda run, n, f: run().T),
            "the result is transposed: a row for every k, a column for every fold.",
        ),
        Mistake(
            "error rate",
            _with(lambda run, n, f: 1 - run()),
            "this is the share of errors; accuracy is the share of right answers.",
        ),
        Mistake(
            "counts",
            _with(lambda run, n, f: run() * [len(p) for p in neighbors.folds(n, f)]),
            "right answers are counted; divide by the number of rows in the fold.",
        ),
        Mistake(
            "divided by all rows",
            _with(
                lambda run, n, f: run() * [len(p) / n for p in neighbors.folds(n, f)]
            ),
            "right answers are divided by the number of all rows; divide by the number "
            "of rows in the fold.",
        ),
        Mistake(
            "per cent",
            _with(lambda run, n, f: 100 * run()),
            "accuracy in per cent; a share from 0 to 1 is wanted.",
        ),
        Mistake(
            "number of folds ignored",
            _with(lambda run, n, f: run(num_folds=5)),
            "num_folds is ignored: pass it on to neighbors.folds.",
        ),
        Mistake(
            "first k for all",
            _with(lambda run, n, f: np.repeat(run()[:1], len(run()), axis=0)),
            "every row is the same: the first k is used for all of them.",
        ),
        Mistake(
            "largest k for all",
            _with_largest_k,
            "every row is the same: the vote is taken among all neighbours found; cut "
            "them to the first k columns.",
        ),
        Mistake(
            "averaged",
            _with(lambda run, n, f: run().mean(axis=1)),
            "the folds are averaged away; return one column for every fold, or there "
            "will be no error bars.",
        ),
        Mistake(
            "metric ignored",
            _with(lambda run, n, f: run(metric="l2")),
            "the metric is ignored: pass it on to neighbors.nearest.",
        ),
        Mistake(
            "ks sorted",
            _ks_sorted,
            "the rows stand in the order of sorted ks; keep the order of ks.",
        ),
        Mistake(
            "last k searched",
            _last_k_searched,
            "neighbours are searched for the last k of the list, which need not be the "
            "largest: max(ks), not ks[-1].",
        ),
        Mistake(
            "seed ignored",
            _with(lambda run, n, f: run(seed=0)),
            "the seed is ignored: pass it on to neighbors.folds.",
        ),
    ]


CROSS_VALIDATE = Exercise(
    name="cross_validate",
    notebook=NOTEBOOK,
    reference=neighbors.cross_validate,
    cases=_cv_cases(),
    mistakes=_cv_mistakes(),
    hints_=(
        "One loop over `neighbors.folds(len(x), num_folds, seed)`. In it, the fold is "
        "`held_out`, and `rest = np.setdiff1d(np.arange(len(x)), held_out)`.",
        "Search once for the largest k: `indices, _ = neighbors.nearest(x[held_out], "
        "x[rest], max(ks), metric)`. The neighbours for a smaller k are its first "
        "columns.",
        "The indices count rows of x[rest]. So `labels = y[rest][indices]`, and the "
        "answer for one k is `neighbors.vote(labels[:, :k], int(y.max()) + 1)`.",
        "Begin with `result = np.zeros((len(ks), num_folds))`, a row for every k, a "
        "column for every fold, and fill it by `result[row, column] = "
        "np.mean(answer == y[held_out])`. The reference checks its input, too.",
    ),
    samples=_cv_sample,
    drawn=10,
)


# ----------------------------------------------------------------- tune_and_test


def _small_tune_case() -> Case:
    rng = np.random.default_rng(18)
    y, y_test = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1]), np.array([0, 0, 1, 1, 1])
    x = np.round(rng.normal(size=(9, 1)) * 1.5 + y[:, None] * 2, 1)
    x_test = np.round(rng.normal(size=(5, 1)) * 1.5 + y_test[:, None] * 2, 1)
    return Case((x, y, x_test, y_test, [1, 3, 5], 3), "nine points on a line")


def _tune_cases() -> list[Case]:
    cases = [_small_tune_case()]
    for seed, n, ks, num_folds, note in (
        (21, 30, [1, 3, 9], 3, "30 points, 3 values of k"),
        (20, 16, [3, 1, 5], 4, "three values of k are equally good"),
        (50, 16, [3, 5, 1], 2, "equally good, in another order"),
    ):
        x, y = _clouds(seed, n, spread=1.3)
        x_test, y_test = _clouds(seed + 100, n // 2 + 1, spread=1.3)
        cases.append(Case((x, y, x_test, y_test, ks, num_folds), note))
    return cases


def _tune_sample(rng, size: int) -> Case:
    n = int(rng.integers(12, 14 + 4 * size))
    x, y = _clouds(int(rng.integers(1000)), n, spread=1.3)
    m = int(rng.integers(3, 6 + size))
    x_test, y_test = _clouds(int(rng.integers(1000)), m, spread=1.3)
    ks = rng.permutation(np.arange(1, n // 2))[: rng.integers(1, 5)].tolist()
    return Case((x, y, x_test, y_test, ks, int(rng.integers(2, 5))))


def _tuned(choose, report=None):
    """Return a protocol that chooses or reports something else."""

    def wrong(x, y, x_test, y_test, ks, num_folds=5):
        k = choose(x, y, x_test, y_test, list(ks), num_folds)
        if report is not None:
            return k, report(x, y, x_test, y_test, list(ks), num_folds, k)
        return k, np.mean(neighbors.predict(x_test, x, y, k) == y_test)

    return wrong


def _scores(x, y, ks, num_folds):
    return neighbors.cross_validate(x, y, ks, num_folds)


def _by_validation(x, y, x_test, y_test, ks, num_folds):
    return ks[int(_scores(x, y, ks, num_folds).mean(axis=1).argmax())]


def _by_test(x, y, x_test, y_test, ks, num_folds):
    found = [np.mean(neighbors.predict(x_test, x, y, k) == y_test) for k in ks]
    return ks[int(np.argmax(found))]


def _by_training(x, y, x_test, y_test, ks, num_folds):
    found = [np.mean(neighbors.predict(x, x, y, k) == y) for k in ks]
    return ks[int(np.argmax(found))]


def _last_of_equals(x, y, x_test, y_test, ks, num_folds):
    means = _scores(x, y, ks, num_folds).mean(axis=1)
    return ks[len(ks) - 1 - int(means[::-1].argmax())]


def _place_of_k(x, y, x_test, y_test, ks, num_folds):
    k, found = neighbors.tune_and_test(x, y, x_test, y_test, ks, num_folds)
    return list(ks).index(k), found


def _tune_mistakes() -> list[Mistake]:
    return [
        Mistake(
            "k picked on the test set",
            _tuned(_by_test),
            "k is picked on the test set. Its accuracy is then the best of several "
            "tries, not an honest estimate: choose k by cross-validation on x, y.",
        ),
        Mistake(
            "k picked on the training set",
            _tuned(_by_training),
            "k is picked by its accuracy on the training rows themselves, where each "
            "is its own neighbour and k = 1 looks perfect. Use cross-validation.",
        ),
        Mistake(
            "first of ks",
            _tuned(lambda x, y, a, b, ks, f: ks[0]),
            "this is always the first k of the list: nothing is compared.",
        ),
        Mistake(
            "smallest k",
            _tuned(lambda x, y, a, b, ks, f: min(ks)),
            "the smallest k is taken without a look at the accuracies.",
        ),
        Mistake(
            "ks sorted",
            _tuned(lambda x, y, a, b, ks, f: _by_validation(x, y, a, b, sorted(ks), f)),
            "ks is sorted first, so that of two equally good values the smaller one "
            "wins; the first of the list as given is wanted.",
        ),
        Mistake(
            "largest of equals",
            _tuned(
                lambda x, y, a, b, ks, f: _by_validation(
                    x, y, a, b, sorted(ks, reverse=True), f
                )
            ),
            "of two equally good values the larger one wins; the first of the list as "
            "given is wanted.",
        ),
        Mistake(
            "median of the folds",
            _tuned(
                lambda x, y, a, b, ks, f: ks[
                    int(np.median(_scores(x, y, ks, f), axis=1).argmax())
                ]
            ),
            "the median over the folds decides; take their mean.",
        ),
        Mistake(
            "k alone",
            lambda *args: neighbors.tune_and_test(*args)[0],
            "only k comes back; return k and the accuracy: return k, accuracy.",
        ),
        Mistake(
            "folds alone",
            lambda x, y, a, b, ks, f=5: _scores(x, y, ks, f),
            "this is the table of the folds; choose k by it, then ask the test set.",
        ),
        Mistake(
            "table returned",
            lambda x, y, a, b, ks, f=5: (
                neighbors.tune_and_test(x, y, a, b, ks, f)[0],
                _scores(x, y, ks, f),
            ),
            "the second result is the table of the folds; the accuracy on the test "
            "set is wanted.",
        ),
        Mistake(
            "place instead of k",
            _place_of_k,
            "this is the place of k in the list, not k: use ks[...].",
        ),
        Mistake(
            "validation accuracy reported",
            _tuned(
                _by_validation,
                lambda x, y, a, b, ks, f, k: _scores(x, y, ks, f).mean(1).max(),
            ),
            "the accuracy reported is the one that chose k; report the accuracy on "
            "the test set.",
        ),
        Mistake(
            "training accuracy reported",
            _tuned(
                _by_validation,
                lambda x, y, a, b, ks, f, k: np.mean(
                    neighbors.predict(x, x, y, k) == y
                ),
            ),
            "the accuracy reported is that on the training rows; report the accuracy "
            "on the test set.",
        ),
        Mistake(
            "worst k",
            _tuned(
                lambda x, y, a, b, ks, f: ks[int(_scores(x, y, ks, f).mean(1).argmin())]
            ),
            "the k with the smallest accuracy is taken: argmax, not argmin.",
        ),
        Mistake(
            "first fold only",
            _tuned(
                lambda x, y, a, b, ks, f: ks[int(_scores(x, y, ks, f)[:, 0].argmax())]
            ),
            "only the first fold decides; take the mean over all folds.",
        ),
        Mistake(
            "best single fold",
            _tuned(
                lambda x, y, a, b, ks, f: ks[int(_scores(x, y, ks, f).max(1).argmax())]
            ),
            "the best single fold decides; take the mean over all folds.",
        ),
        Mistake(
            "worst single fold",
            _tuned(
                lambda x, y, a, b, ks, f: ks[int(_scores(x, y, ks, f).min(1).argmax())]
            ),
            "the worst single fold decides; take the mean over all folds.",
        ),
        Mistake(
            "last of equals",
            _tuned(_last_of_equals),
            "two values of k are equally good, and yours is the last of them; the "
            "first in the list is wanted (np.argmax takes it).",
        ),
        Mistake(
            "test set in the cross-validation",
            _tuned(
                lambda x, y, a, b, ks, f: _by_validation(
                    np.concatenate([x, a]), np.concatenate([y, b]), a, b, ks, f
                )
            ),
            "the test images take part in the cross-validation: choose k with x and y "
            "alone.",
        ),
        Mistake(
            "largest k",
            _tuned(lambda x, y, a, b, ks, f: max(ks)),
            "the largest k is taken without a look at the accuracies.",
        ),
        Mistake(
            "tested with k = 1",
            _tuned(
                _by_validation,
                lambda x, y, a, b, ks, f, k: np.mean(neighbors.predict(a, x, y) == b),
            ),
            "the test uses one neighbour: hand the chosen k on to neighbors.predict.",
        ),
        Mistake(
            "results exchanged",
            lambda *args: neighbors.tune_and_test(*args)[::-1],
            "the two results are exchanged: k first, then the accuracy.",
        ),
        Mistake(
            "share of errors",
            _tuned(
                _by_validation,
                lambda x, y, a, b, ks, f, k: np.mean(
                    neighbors.predict(a, x, y, k) != b
                ),
            ),
            "this is the share of errors; accuracy is the share of right answers.",
        ),
        Mistake(
            "per cent",
            _tuned(
                _by_validation,
                lambda x, y, a, b, ks, f, k: (
                    100 * np.mean(neighbors.predict(a, x, y, k) == b)
                ),
            ),
            "the accuracy is in per cent; a share from 0 to 1 is wanted.",
        ),
        Mistake(
            "right answers counted",
            _tuned(
                _by_validation,
                lambda x, y, a, b, ks, f, k: np.sum(neighbors.predict(a, x, y, k) == b),
            ),
            "right answers are counted; divide by the number of test images.",
        ),
        Mistake(
            "roles exchanged",
            _tuned(
                _by_validation,
                lambda x, y, a, b, ks, f, k: np.mean(
                    neighbors.predict(x, a, b, k) == y
                ),
            ),
            "the test images are remembered and the training images are asked.",
        ),
        Mistake(
            "number of folds ignored",
            _tuned(lambda x, y, a, b, ks, f: _by_validation(x, y, a, b, ks, 5)),
            "num_folds is ignored: pass it on to neighbors.cross_validate.",
        ),
        Mistake(
            "one neighbour in the cross-validation's place",
            _tuned(lambda x, y, a, b, ks, f: 1),
            "k is 1, whatever ks holds: choose from ks.",
        ),
    ]


TUNE_AND_TEST = Exercise(
    name="tune_and_test",
    notebook=NOTEBOOK,
    reference=neighbors.tune_and_test,
    cases=_tune_cases(),
    mistakes=_tune_mistakes(),
    hints_=(
        "Two steps that must not touch: choose k with x and y alone; then use x_test "
        "and y_test once.",
        "`means = neighbors.cross_validate(x, y, ks, num_folds).mean(axis=1)` has a "
        "number for every k, in the order of ks. Where is the largest?",
        "`k = ks[int(means.argmax())]`; with it, `accuracy = "
        "np.mean(neighbors.predict(x_test, x, y, k) == y_test)`.",
    ),
    outputs=("k", "accuracy"),
    samples=_tune_sample,
    drawn=8,
)


# ---------------------------------------------------------------------- features

SIDES = ((0, 1), (0, -1), (1, 0), (-1, 0))  # down, right: one pixel each


@functools.cache
def _moved_digits():
    """Return known images and labels, and held-out ones, still and moved."""
    known, asked = (
        (np.pad(part.images, ((0, 0), (0, 0), (2, 2), (2, 2))), part.labels)
        for part in data.load("digits").hold_out(0.2)
    )
    sides = np.random.default_rng(30).integers(0, len(SIDES), len(asked[0]))
    moved = [
        np.roll(image, SIDES[side], axis=(1, 2))
        for image, side in zip(asked[0], sides, strict=True)
    ]
    return known, asked, np.stack(moved)


def _numbers(features, images) -> np.ndarray | str:
    """Return features (N, M) as floats, or a sentence that says what came instead."""
    given = features(images.copy())
    rows = _show.array(given)
    if rows is None or rows.dtype.kind not in "biuf":
        return f"Rows of numbers, (N, M), are wanted; got {_show.kind(given)}."
    rows = rows.astype(np.float64)
    if rows.ndim != 2 or len(rows) != len(images) or not rows.shape[1]:
        came = f"for {len(images):,} images your function returns shape {rows.shape}."
        return f"{SHAPE} {came}"
    if not np.isfinite(rows).all():
        return INFINITE
    return rows


def _moved_score(features) -> Score:
    known, asked, moved = _moved_digits()
    rows = []
    for images in (known[0], asked[0], moved):
        rows.append(found := _numbers(features, images))
        if isinstance(found, str):
            return Score(0.0, found)
        if found.shape[1] != rows[0].shape[1]:
            return Score(0.0, UNEVEN)
    memory, still, shifted = rows
    answers = [neighbors.predict(part, memory, known[1]) for part in (still, shifted)]
    right = answers[1] == asked[1]
    wrong = np.flatnonzero(~right)[:6]
    pictures = [(moved[i], f"{asked[1][i]} taken for {answers[1][i]}") for i in wrong]
    unmoved = float(np.mean(answers[0] == asked[1]))
    kept = float(np.mean(np.isclose(still, shifted).all(axis=1)))
    return Score(float(right.mean()), _moved_words(unmoved, kept), pictures)


def _moved_words(unmoved: float, kept: float) -> str:
    text = (
        f"Not moved, {unmoved:.1%} would be right; {kept:.0%} of the digits keep their "
        "numbers when they are moved."
    )
    if unmoved < 0.9:
        return f"{text} {LOST}"
    return text if kept > 0.9 else f"{text} {MOVES}"


SHAPE = "One row of numbers an image is wanted, (N, M), and"
UNEVEN = "The number of columns, M, must be the same whatever the images."
INFINITE = "Some of your numbers are not finite: nan, or infinite."
LOST = (
    "What is lost is lost without any shift: these numbers no longer tell the digits "
    "apart."
)
MOVES = (
    "The numbers move with the digit: find some that depend on where ink lies beside "
    "other ink, not on where it lies in the image."
)


def _as_pixels(images):
    return images.reshape(len(images), -1)


def _blurred(images):
    padded = np.pad(images[:, 0].astype(float), ((0, 0), (1, 1), (1, 1)))
    h, w = images.shape[2:]
    blocks = [padded[:, i : i + h, j : j + w] for i in range(3) for j in range(3)]
    return np.mean(blocks, axis=0).reshape(len(images), -1)


def _blocks(images):
    n, _, h, w = images.shape
    return images.reshape(n, h // 2, 2, w // 2, 2).mean(axis=(2, 4)).reshape(n, -1)


def _open_mistakes() -> list[Mistake]:
    return [
        Mistake("the pixels", _as_pixels, MOVES),
        Mistake("blurred", _blurred, MOVES),
        Mistake("blocks of 2 x 2", _blocks, LOST),
        Mistake("scaled", lambda images: _as_pixels(images) / 255, MOVES),
        Mistake("histogram", lambda images: np.sort(_as_pixels(images), axis=1), LOST),
        Mistake(
            "ink in all",
            lambda images: images.sum(axis=(1, 2, 3))[:, None],
            LOST,
        ),
        Mistake(
            "ink by rows",
            lambda images: np.sort(images[:, 0].sum(axis=2), axis=1),
            LOST,
        ),
        Mistake("one row for all", lambda images: _as_pixels(images)[0], SHAPE),
        Mistake(
            "columns that hold ink",
            lambda images: _as_pixels(images)[:, _as_pixels(images).any(axis=0)],
            UNEVEN,
        ),
        Mistake(
            "not a number",
            lambda images: _as_pixels(images) / _as_pixels(images).min(axis=1)[:, None],
            INFINITE,
        ),
    ]


FEATURES = Open(
    name="features",
    notebook=NOTEBOOK,
    reference=neighbors.features,
    score=_moved_score,
    bar=0.96,
    measured_on="287 held-out digits, each moved by one pixel",
    hints_=(
        "A digit that is moved takes its ink along. Which point of the digit moves "
        "with it, and could be put at the same place for all?",
        "The centre of the ink, for example: the mean row and the mean column, each "
        "pixel counting as much as its grey level. With `ink = image[0].astype(float)` "
        "of one image, the mean row is `ink.sum(axis=1) @ np.arange(12) / ink.sum()`.",
        "`np.roll(ink, (down, right), axis=(0, 1))` moves an image. Move each by "
        "`round(5.5 - row)` and `round(5.5 - column)` pixels, and flatten: that "
        "reaches the bar.",
    ),
    untouched=lambda answer: not callable(answer),
    mistakes=_open_mistakes(),
)

EXERCISES = (
    L1_DISTANCE,
    COPY_NEAREST,
    L2_DISTANCES,
    VOTE,
    FEATURES,
    CROSS_VALIDATE,
    TUNE_AND_TEST,
)
