"""k nearest neighbours: distances, the search, the vote, cross-validation.

Letters: Q queries, N training rows, D numbers in a row, K classes. Rows are flat
images: ``images.reshape(len(images), -1)``. Any real type is taken (``uint8`` does
not wrap round). Arithmetic is float64: whole numbers beyond 2^53, which it cannot
tell apart, are refused, and so is a difference that vanishes beside the largest
value of the call (150 powers of ten below it). No function changes its inputs.

Ties, everywhere: the smaller training index is the nearer neighbour, and a drawn
vote goes to the class of the nearest neighbour among those drawn.

Source: T. Cover and P. Hart, Nearest neighbor pattern classification, IEEE
Transactions on Information Theory 13(1), 1967.
"""

import numpy as np

from .. import shapes
from ..arrays import as_array, as_labels, as_numbers, real_array
from ..ops import accuracy
from . import search

__all__ = [
    "accuracy",
    "copy_nearest",
    "cross_validate",
    "features",
    "folds",
    "l1_distance",
    "l1_distances",
    "l1_two_loops",
    "l2_distances",
    "l2_one_loop",
    "l2_two_loops",
    "nearest",
    "predict",
    "tune_and_test",
    "vote",
]

FLAT = "Flatten images with x.reshape(len(x), -1); for one row take x[None]."


def _rows(x, y, where: str, names=("x", "y")) -> tuple[np.ndarray, np.ndarray]:
    """Return both as (Q, D) and (N, D) arrays of finite numbers, types kept."""
    x = as_numbers(x, "Q, D", where, names[0], FLAT, floats=False)
    y = as_numbers(y, "N, D", where, names[1], FLAT, floats=False)
    columns = {f"{names[0]}_columns": x.shape[1], f"{names[1]}_columns": y.shape[1]}
    shapes.require_same(where, **columns)
    for rows, name in zip((x, y), names, strict=True):
        _require_exact(rows, where, name)
    return x, y


def _require_exact(values: np.ndarray, where: str, name: str) -> None:
    """Raise where float64 would round whole numbers: two of them would be equal."""
    wide = values.dtype.kind in "iu" and values.dtype.itemsize == 8 and values.size
    if wide and max(-int(values.min()), int(values.max())) > 2**53:
        raise ValueError(
            f"{where}: {name} needs whole numbers of at most 2^53, since float64 "
            f"cannot tell larger ones apart; got {values.dtype} values up to "
            f"{int(values.max()):,}. Subtract a common offset first."
        )


def _floats(x, y, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Return both as float64, so that ``3 - 5`` is -2 for ``uint8`` too."""
    x, y = _rows(x, y, where)
    return x.astype(np.float64), y.astype(np.float64)


def _scaled(x, y, where: str) -> tuple[np.ndarray, np.ndarray, float]:
    """Return both divided by a power of two, so that squares stay in range."""
    x, y = _floats(x, y, where)
    scale = search.scale_of(x, y)
    u, v = x / scale, y / scale
    search.require_kept(x, u)
    search.require_kept(y, v)
    return u, v, scale


def l1_distance(a: np.ndarray, b: np.ndarray) -> float:
    """L1 distance of two images: the sum of absolute differences of their pixels.

    Parameters
    ----------
    a, b : two arrays of one shape, whichever

    Examples
    --------
    >>> l1_distance([[7, 2]], [[4, 6]])
    7.0
    """
    a, b = real_array(a, "l1_distance", "a"), real_array(b, "l1_distance", "b")
    if a.shape != b.shape:
        raise ValueError(
            f"l1_distance: a and b need one shape; got {a.shape} and {b.shape}. "
            "Resize or crop one of the images."
        )
    _require_exact(a, "l1_distance", "a")
    _require_exact(b, "l1_distance", "b")
    with np.errstate(over="ignore"):  # beyond the float range it is infinite
        return float(np.sum(np.abs(a.astype(np.float64) - b.astype(np.float64))))


def copy_nearest(query: np.ndarray, rows: np.ndarray, labels: np.ndarray):
    """Return the label of the row nearest to ``query`` in L1; the first of equals.

    Parameters
    ----------
    query : (D,)
    rows : (N, D), N at least 1
    labels : (N,)

    Examples
    --------
    >>> query, rows = np.array([5], np.uint8), np.array([[3], [9]], np.uint8)
    >>> int(copy_nearest(query, rows, np.array([7, 4])))
    7
    """
    gaps = abs(rows.astype(np.float64) - query)  # (N, D)
    return labels[gaps.sum(axis=1).argmin()]


def l1_two_loops(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """L1 distance as it is defined: ``d[i, j] = sum_p |x[i, p] - y[j, p]|``.

    Parameters
    ----------
    x : (Q, D)
    y : (N, D)

    Returns
    -------
    (Q, N) float64

    Examples
    --------
    >>> l1_two_loops([[1, 5]], [[2, 3], [1, 5]])
    array([[3., 0.]])
    """
    x, y = _floats(x, y, "l1_two_loops")
    d = np.zeros((len(x), len(y)))
    with np.errstate(over="ignore"):
        for i in range(len(x)):
            for j in range(len(y)):
                d[i, j] = np.sum(np.abs(x[i] - y[j]))
    return d


def l2_two_loops(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """L2 distance as it is defined: ``d[i, j] = sqrt(sum_p (x[i, p] - y[j, p])^2)``.

    Parameters and result as in `l1_two_loops`.

    Examples
    --------
    >>> l2_two_loops([[0, 0]], [[3, 4]])
    array([[5.]])
    """
    x, y, scale = _scaled(x, y, "l2_two_loops")
    d = np.zeros((len(x), len(y)))
    for i in range(len(x)):
        for j in range(len(y)):
            d[i, j] = np.sqrt(np.sum((x[i] - y[j]) ** 2))
    search.require_seen(d, x, y)
    return search.times(d, scale)


def l2_one_loop(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """L2 distances, all training rows at once: ``x[i]`` is broadcast over ``y``.

    Parameters and result as in `l1_two_loops`.
    """
    x, y, scale = _scaled(x, y, "l2_one_loop")
    d = np.zeros((len(x), len(y)))
    for i in range(len(x)):
        d[i] = np.sqrt(np.sum((y - x[i]) ** 2, axis=1))  # (N, D) -> (N,)
    search.require_seen(d, x, y)
    return search.times(d, scale)


def l1_distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """L1 distances between every row of ``x`` and every row of ``y``.

    A sum of absolute values does not split into a matrix product, so one loop
    stays: it goes over blocks of ``y`` small enough for the cache.

    Parameters and result as in `l1_two_loops`.
    """
    x, y = _floats(x, y, "l1_distances")
    with np.errstate(over="ignore"):
        return search.l1_block(x, y)


def l2_distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """L2 distances without a loop, through one matrix product.

    ``|x - y|^2 = |x|^2 - 2 x.y + |y|^2``

    Parameters and result as in `l1_two_loops`.

    Notes
    -----
    The three terms nearly cancel when two rows are close. So the rows are first
    centred, which moves no distance; round-off below zero is clipped; and pairs
    that lost more than four digits are computed again from their difference.
    """
    x, y = _floats(x, y, "l2_distances")
    scale = search.scale_of(x, y)
    centre = search.centre_of(y, scale)
    u, v = x / scale - centre, y / scale - centre
    u2, v2 = np.sum(u * u, axis=1)[:, None], np.sum(v * v, axis=1)  # (Q, 1), (N,)
    d2 = np.maximum(u2 - 2 * (u @ v.T) + v2, 0)  # (Q, N)
    i, j = np.nonzero(d2 <= 1e-4 * (u2 + v2))
    d2[i, j] = search.squared_pairs(x, y, i, j, scale)
    with np.errstate(over="ignore"):  # beyond the float range a distance is infinite
        return np.sqrt(d2) * scale


def nearest(
    queries: np.ndarray,
    train: np.ndarray,
    k: int,
    metric: str = "l2",
    chunk_size: int = 2048,
    engine: str = "auto",
) -> tuple[np.ndarray, np.ndarray]:
    """Return the ``k`` nearest training rows of every query, nearest first.

    Parameters
    ----------
    queries : (Q, D)
    train : (N, D), N at least 1
    k : 1 to N
    metric : ``"l2"`` or ``"l1"``
    chunk_size : at most this many queries are compared with this many training
        rows (at least ``k``) at a time, so memory does not grow with Q or N; the
        answer is the same for every size
    engine : ``"numpy"``; ``"torch"`` for integer products of ``uint8`` rows; or
        ``"auto"``, which takes torch for large ``uint8`` work where it is there and
        the processor has instructions for it. The answer is the same

    Returns
    -------
    indices : (Q, k) int64; of equal distances (L2: of equal squares, before the root
        is rounded) the smaller index comes first
    distances : (Q, k) float64

    Notes
    -----
    Neighbours are those of the definition, not of a rounded matrix product: the
    product only rules rows out, by a bound on its error, and the rows that are left
    are compared by their differences. Products of ``uint8`` rows in ``"torch"`` are
    whole numbers and need no bound.

    Examples
    --------
    >>> indices, distances = nearest([[0.0]], [[3.0], [-1.0], [1.0]], k=2)
    >>> indices.tolist(), distances.tolist()
    ([[1, 2]], [[1.0, 1.0]])
    """
    queries, train = _rows(queries, train, "nearest", ("queries", "train"))
    shapes.require_choice(metric, ("l2", "l1"), "nearest", "metric")
    shapes.require_choice(engine, ("auto", "numpy", "torch"), "nearest", "engine")
    shapes.require_int(len(train), 1, "nearest", "the number of training rows")
    k = shapes.require_int(k, 1, "nearest", "k", len(train))
    chunk_size = shapes.require_int(chunk_size, 1, "nearest", "chunk_size")
    return search.search(queries, train, k, metric, chunk_size, engine)


def vote(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Return the most frequent label of every row.

    Parameters
    ----------
    labels : (Q, k) integer labels of the neighbours, nearest first, k at least 1
    num_classes : K, below 2^63; labels lie in [0, K)

    Returns
    -------
    (Q,) int64; a draw goes to the class whose nearest member is nearest

    Examples
    --------
    >>> vote([[2, 1, 1], [2, 0, 1], [1, 0, 0]], num_classes=3)
    array([1, 2, 0])
    """
    labels = as_array(labels, "vote", "labels")
    shapes.require_axes(labels, "Q, k", "vote", "labels")
    most = 2**63 - 1  # winners are int64
    num_classes = shapes.require_int(num_classes, 1, "vote", "num_classes", most)
    q, k = labels.shape
    shapes.require_int(k, 1, "vote", "the number of neighbours k")
    labels = as_labels(labels.ravel(), num_classes, q * k, "vote", "labels")
    labels = labels.reshape(q, k)
    votes = np.zeros((q, k), dtype=np.int64)  # how many share each neighbour's label
    for column in range(k):
        votes += labels == labels[:, [column]]
    # argmax returns the first maximum: the nearest neighbour of a winning class
    return labels[np.arange(q), votes.argmax(axis=1)]


def predict(
    queries: np.ndarray,
    train: np.ndarray,
    labels: np.ndarray,
    k: int = 1,
    metric: str = "l2",
    chunk_size: int = 2048,
) -> np.ndarray:
    """Classify every query by the vote of its ``k`` nearest training rows.

    Parameters
    ----------
    queries : (Q, D)
    train : (N, D)
    labels : (N,) integers of at least 0, the classes of ``train``
    k, metric, chunk_size : see `nearest`

    Returns
    -------
    (Q,) int64

    Examples
    --------
    >>> predict([[0.2], [5.0]], [[0.0], [1.0], [6.0]], [7, 7, 4])
    array([7, 4])
    """
    queries, train = _rows(queries, train, "predict", ("queries", "train"))
    labels, num_classes = _classes(labels, len(train), "predict", "labels")
    indices, _ = nearest(queries, train, k, metric, chunk_size)
    return vote(labels[indices], num_classes)


def features(images: np.ndarray) -> np.ndarray:
    """Return images as rows, each moved so that the centre of its ink is central.

    Images that differ by a shift of whole pixels get the same numbers, as long as no
    ink leaves the image.

    Parameters
    ----------
    images : (N, 1, H, W), dark where there is no ink

    Returns
    -------
    (N, H * W) float64
    """
    h, w = images.shape[2:]
    rows = []
    for ink in images[:, 0].astype(np.float64):  # (H, W)
        total = max(ink.sum(), 1e-9)
        row = ink.sum(axis=1) @ np.arange(h) / total
        column = ink.sum(axis=0) @ np.arange(w) / total
        steps = round((h - 1) / 2 - row), round((w - 1) / 2 - column)
        rows.append(np.roll(ink, steps, axis=(0, 1)).ravel())
    return np.array(rows).reshape(len(images), h * w)


def _classes(labels, n: int, where: str, name: str) -> tuple[np.ndarray, int]:
    """Return checked labels and the number of classes they need."""
    array = as_array(labels, where, name)
    shapes.require_axes(array, "N", where, name)
    top = int(array.max()) + 1 if array.size and array.dtype.kind in "iu" else 1
    num_classes = min(max(top, 1), 2**63 - 1)  # labels are stored as int64
    return as_labels(array, num_classes, n, where, name), num_classes


def _values_of_k(ks, most: int | None, where: str) -> list[int]:
    """Return the values of k to try as a list of ints, each from 1 to ``most``."""
    try:
        values = list(ks)
    except TypeError:
        raise TypeError(
            f"{where}: ks needs a list of values of k; got {shapes.spoken(ks)}. "
            "For one value: [5]."
        ) from None
    shapes.require_int(len(values), 1, where, "the number of values in ks")
    return [shapes.require_int(k, 1, where, "each k in ks", most) for k in values]


def _test_set(x_test, y_test) -> tuple[np.ndarray, np.ndarray]:
    """Return a checked test set, before any time goes into choosing k."""
    where = "tune_and_test"
    x_test = as_numbers(x_test, "M, D", where, "x_test", FLAT, floats=False)
    shapes.require_int(len(x_test), 1, where, "the number of test images")
    return x_test, _classes(y_test, len(x_test), where, "y_test")[0]


def folds(n: int, num_folds: int, seed: int = 0) -> list[np.ndarray]:
    """Split ``range(n)`` at random into parts of equal size (give or take one).

    Parameters
    ----------
    n : number of examples
    num_folds : 2 to ``n``
    seed : of the shuffle

    Returns
    -------
    list of ``num_folds`` sorted int64 arrays; every index is in exactly one

    Examples
    --------
    >>> [len(fold) for fold in folds(10, 3)]
    [4, 3, 3]
    """
    n = shapes.require_int(n, 2, "folds", "n")
    num_folds = shapes.require_int(num_folds, 2, "folds", "num_folds", n)
    seed = shapes.require_seed(seed, "folds")
    order = np.random.default_rng(seed).permutation(n)
    return [np.sort(part) for part in np.array_split(order, num_folds)]


def cross_validate(
    x: np.ndarray,
    y: np.ndarray,
    ks,
    num_folds: int = 5,
    metric: str = "l2",
    seed: int = 0,
    chunk_size: int = 2048,
) -> np.ndarray:
    """Accuracy of every ``k`` on every fold, the fold held out of the training rows.

    Parameters
    ----------
    x : (N, D)
    y : (N,) integer labels of at least 0
    ks : the values of k to try; neighbours are searched once for the largest
    num_folds, seed : see `folds`
    metric, chunk_size : see `nearest`

    Returns
    -------
    (len(ks), num_folds) accuracies in [0, 1]
    """
    where = "cross_validate"
    x = as_numbers(x, "N, D", where, "x", FLAT, floats=False)
    y, num_classes = _classes(y, len(x), where, "y")
    parts = folds(len(x), num_folds, seed)
    most = len(x) - len(parts[0])  # training rows left when the largest is held out
    ks = _values_of_k(ks, most, where)
    result = np.zeros((len(ks), len(parts)))
    for f, held_out in enumerate(parts):
        rest = np.setdiff1d(np.arange(len(x)), held_out)  # the fold is not in here
        indices, _ = nearest(x[held_out], x[rest], max(ks), metric, chunk_size)
        labels = y[rest][indices]  # (fold, max k), nearest first
        for row, k in enumerate(ks):
            chosen = vote(labels[:, :k], num_classes)
            result[row, f] = accuracy(chosen, y[held_out])
    return result


def tune_and_test(
    x: np.ndarray,
    y: np.ndarray,
    x_test: np.ndarray,
    y_test: np.ndarray,
    ks,
    num_folds: int = 5,
) -> tuple[int, float]:
    """Choose ``k`` by cross-validation on ``x, y``, then look at the test set once.

    Parameters
    ----------
    x : (N, D)
    y : (N,) integer labels of at least 0
    x_test : (M, D), M at least 1
    y_test : (M,)
    ks, num_folds : see `cross_validate`

    Returns
    -------
    k : the value with the best mean over the folds; the first of equals
    accuracy : on the test set, with that ``k`` and all of ``x``
    """
    ks = _values_of_k(ks, None, "tune_and_test")
    x_test, y_test = _test_set(x_test, y_test)
    means = cross_validate(x, y, ks, num_folds).mean(axis=1)
    k = ks[int(means.argmax())]
    return k, float(accuracy(predict(x_test, x, y, k), y_test))
