"""The engine room of `neighbors.nearest`: blocks, bounds, and exact products.

For a block of queries against a block of training rows, an engine returns numbers
``low[i, j]`` that are not above ``|x_i - y_j|^2 - |x_i|^2``. A row whose ``low``
passes the k-th best distance so far cannot be a neighbour; for the few that are
left, ``settle`` gives the distance by the definition. So neither the rounding of a
matrix product nor the size of the blocks decides who is a neighbour.
"""

from functools import cache

import numpy as np

PAIRS = 1 << 15  # numbers in one block of row differences: 256 kB, stays in cache
LARGE = 10**11  # multiplications from which loading torch (about 2 s) pays off
SMALLEST = 1e-145  # distances of scaled rows from which their squares keep all digits
WIDEST = 1 << 15  # columns up to which sums of uint8 products fit 32 bits


def blocks(n: int, size: int) -> list[slice]:
    """Cut ``range(n)`` into slices of ``size``."""
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def l1_block(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """L1 distances of floating rows, (Q, N) float64, by the definition."""
    d = np.zeros((len(x), len(y)))
    for part in blocks(len(y), max(1, PAIRS // max(1, x.shape[1]))):
        rows = np.ascontiguousarray(y[part])
        difference = np.empty_like(rows)  # stays in cache from one x to the next
        for i in range(len(x)):
            np.subtract(rows, x[i], out=difference)
            np.abs(difference, out=difference)
            d[i, part] = difference.sum(axis=1)
    return d


def squared_pairs(x, y, i, j, scale: float) -> np.ndarray:
    """``|x[i] - y[j]|^2 / scale^2`` for lists of indices, by the definition."""
    d2 = np.zeros(len(i))
    for part in blocks(len(i), max(1, PAIRS // max(1, x.shape[1]))):
        a, b = x[i[part]].astype(np.float64), y[j[part]].astype(np.float64)
        difference = a / scale - b / scale
        d2[part] = np.sum(difference * difference, axis=1)
        pairs = np.flatnonzero(d2[part] < SMALLEST**2)
        _require_equal(a[pairs], b[pairs])
    return d2


def require_seen(d: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
    """Raise where rows differ and their L2 distance (in ``d``, scaled) is lost."""
    i, j = np.nonzero(d < SMALLEST)
    for part in blocks(len(i), max(1, PAIRS // max(1, x.shape[1]))):
        _require_equal(x[i[part]], y[j[part]])


def require_kept(x: np.ndarray, scaled: np.ndarray) -> None:
    """Raise where a value is lost by scaling."""
    _require_equal(x != 0, scaled != 0)


def _require_equal(a: np.ndarray, b: np.ndarray) -> None:
    if (a != b).any():
        raise ValueError(
            "distance: two rows differ by so little, beside the largest value of all "
            "rows, that the square of their difference vanishes (150 powers of ten). "
            "Is there an outlier? Take it out, or scale the columns."
        )


def scale_of(*arrays: np.ndarray) -> float:
    """Return a power of two that brings all values into [-2, 2].

    Dividing by it loses no digit, and squares neither overflow nor vanish: rows of
    1e200 and of 1e-200 have distances, too.
    """
    ends = [abs(float(v)) for a in arrays if a.size for v in (a.min(), a.max())]
    largest = max(ends, default=0.0)
    power = np.frexp(largest)[1] - 1 if largest else 0
    return float(2.0 ** np.clip(power, -1000, 1000))


def times(distances: np.ndarray, scale: float) -> np.ndarray:
    """Return ``distances * scale``; beyond the float range a distance is infinite."""
    with np.errstate(over="ignore"):
        return distances * scale


def centre_of(y: np.ndarray, scale: float) -> np.ndarray:
    """Return the mean row of ``y / scale``, float64 (D,).

    It is rounded to 16 bits, so that whole numbers stay exact when centred.
    """
    total = np.zeros(y.shape[1])
    for part in blocks(len(y), 1024):
        total += (y[part].astype(np.float64) / scale).sum(axis=0)
    return np.rint(total / max(1, len(y)) * 2.0**16) / 2.0**16


class Products:
    """|x - y|^2 by a floating-point matrix product with a bound on its error.

    With u the unit round-off of the product's type, all steps together (rounding
    the rows, D products and their sum, adding the squares) err by no more than
    ``c (|x|^2 + |y|^2)`` with ``c = (2 D + 32) u``.

    Source: N. Higham, Accuracy and Stability of Numerical Algorithms, section 3.1.
    """

    def __init__(self, x: np.ndarray, y: np.ndarray, size: int):
        exact_in_float32 = ("u1", "i1", "b1", "u2", "i2", "f2", "f4")
        small = {x.dtype.str[1:], y.dtype.str[1:]} <= set(exact_in_float32)
        self.type = np.float32 if small else np.float64
        self.x, self.y = x, y
        self.scale = scale_of(x, y)
        self.centre = centre_of(y, self.scale).astype(self.type)
        self.c = (2 * x.shape[1] + 32) * float(np.finfo(self.type).eps) / 2
        self.tiny = 8 * (x.shape[1] + 1) * float(np.finfo(self.type).tiny)
        self.y2 = [self.squares(self.rows(y[part])) for part in blocks(len(y), size)]
        self.y2 = np.concatenate(self.y2)  # (N,)

    def rows(self, a: np.ndarray) -> np.ndarray:
        return a.astype(self.type) / self.type(self.scale) - self.centre

    def squares(self, a: np.ndarray) -> np.ndarray:
        """Return a lower bound of the squared length of every row, float64."""
        return (1 - self.c) * np.einsum("nd,nd->n", a, a, dtype=np.float64)

    def queries(self, part: slice) -> None:
        x = self.rows(self.x[part])  # (q, D)
        self.first, self.x2, self.minus_two_x = part.start, self.squares(x), -2 * x

    def low(self, part: slice) -> np.ndarray:
        low = self.minus_two_x @ self.rows(self.y[part]).T  # (q, n)
        low += self.y2[part].astype(self.type)
        return low

    def first_limit(self, low: np.ndarray, k: int, part: slice) -> np.ndarray:
        """Return what ``low`` of k rows of this first block cannot exceed, (q,)."""
        width = 2 * self.c / (1 - self.c) * (self.x2 + self.y2[part].max())
        smallest = np.partition(low, k - 1, axis=1)[:, k - 1]
        return (smallest + 2 * width + self.tiny).astype(self.type)

    def limit(self, best: np.ndarray) -> np.ndarray:
        """Return what ``low`` of a row nearer than ``best`` cannot exceed, (q,)."""
        return (best * (1 + 1e-9) - self.x2 + self.tiny).astype(self.type)

    def settle(self, i, j, low) -> np.ndarray:
        return squared_pairs(self.x, self.y, i + self.first, j, self.scale)

    def distances(self, best: np.ndarray) -> np.ndarray:
        return np.sqrt(best) * self.scale


@cache
def integer_product():
    """Return torch's int8 matrix product, or None where it is missing or inexact.

    Processors without the VNNI instructions may clip sums of two products to 16
    bits; the extreme values below would show it.
    """
    try:
        import torch

        a = torch.tensor([-128, 127], dtype=torch.int8).repeat(64, 128)  # (64, 256)
        a[1:3] = torch.tensor([[-128], [127]], dtype=torch.int8)
        product = torch._int_mm(a, a.T.contiguous())
        wanted = a.to(torch.int64) @ a.to(torch.int64).T
        usable = torch.backends.mkldnn.is_available() and torch.equal(
            product.to(torch.int64), wanted
        )
    except (ImportError, AttributeError, RuntimeError):
        return None
    return torch._int_mm if usable else None


@cache
def integers_are_fast() -> bool:
    """Say whether the processor multiplies bytes by instructions of their own (VNNI).

    Without them PyTorch's int8 product is right, and twenty times slower than floats.
    """
    import torch

    return getattr(torch.cpu, "_is_vnni_supported", lambda: True)()


class IntegerProducts:
    """|x - y|^2 of uint8 rows in whole numbers: int8 products, 32-bit sums."""

    def __init__(self, x: np.ndarray, y: np.ndarray, size: int):
        self.x, self.y, self.product = x, y, integer_product()
        self.y2 = np.concatenate(
            [self.squares(self.rows(y[part])) for part in blocks(len(y), size)]
        )  # (N,)

    def rows(self, a: np.ndarray) -> np.ndarray:
        return (a ^ np.uint8(128)).view(np.int8)  # a - 128, in [-128, 127]

    def squares(self, a: np.ndarray) -> np.ndarray:
        return np.einsum("nd,nd->n", a, a, dtype=np.int32)

    def queries(self, part: slice) -> None:
        from torch import from_numpy

        x = self.rows(self.x[part])
        self.x2, self.xt = self.squares(x), from_numpy(x)

    def low(self, part: slice) -> np.ndarray:
        from torch import from_numpy, sub

        y = from_numpy(self.rows(self.y[part]))
        p = self.product(self.xt, y.T)  # (q, n) int32
        return sub(from_numpy(self.y2[part]), p, alpha=2, out=p).numpy()

    def first_limit(self, low: np.ndarray, k: int, part: slice) -> np.ndarray:
        return np.partition(low, k - 1, axis=1)[:, k - 1] + np.int32(1)

    def limit(self, best: np.ndarray) -> np.ndarray:
        return (best - self.x2).astype(np.int32)

    def settle(self, i, j, low) -> np.ndarray:
        return low.astype(np.float64) + self.x2[i]

    def distances(self, best: np.ndarray) -> np.ndarray:
        return np.sqrt(best)


class Differences:
    """L1 distances: nothing to bound, ``low`` is the distance itself."""

    def __init__(self, x: np.ndarray, y: np.ndarray, size: int):
        self.x, self.y = x, y
        # sums are of values, not of squares: only the largest could overflow
        self.scale = max(1.0, scale_of(x, y) * 2.0**-900)
        # int8 and uint8 differ by up to 383: sums of 2^15 such stay below 2^24
        one_byte = x.dtype.itemsize == y.dtype.itemsize == 1
        exact = one_byte and x.shape[1] <= 1 << 15
        self.type = np.float32 if exact else np.float64

    def rows(self, a: np.ndarray) -> np.ndarray:
        return a.astype(self.type) / self.type(self.scale)

    def queries(self, part: slice) -> None:
        self.part, self.first = self.rows(self.x[part]), part.start

    def low(self, part: slice) -> np.ndarray:
        return l1_block(self.part, self.rows(self.y[part]))

    def first_limit(self, low: np.ndarray, k: int, part: slice) -> np.ndarray:
        return np.nextafter(np.partition(low, k - 1, axis=1)[:, k - 1], np.inf)

    def limit(self, best: np.ndarray) -> np.ndarray:
        return best

    def settle(self, i, j, low) -> np.ndarray:
        same = np.flatnonzero(low == 0) if self.scale > 1 else []
        _require_equal(self.x[i[same] + self.first], self.y[j[same]])
        return low

    def distances(self, best: np.ndarray) -> np.ndarray:
        return best * self.scale


def engine_for(x: np.ndarray, y: np.ndarray, metric: str, engine: str):
    """Return the engine class, or raise if torch was asked for and cannot do it."""
    if metric == "l1" and engine != "torch":
        return Differences
    pixels = x.dtype == y.dtype == np.uint8 and metric == "l2"
    pixels = pixels and 0 < x.shape[1] <= WIDEST
    if engine == "torch" and not (pixels and integer_product()):
        raise ValueError(
            "nearest: engine 'torch' needs metric 'l2', uint8 rows of at most "
            f"{WIDEST} columns, and PyTorch on a processor with exact int8 products; "
            f"got metric {metric!r}, {x.dtype} and {y.dtype} rows of {x.shape[1]} "
            "columns. Use engine='auto'."
        )
    large = len(x) * len(y) * x.shape[1] >= LARGE
    if engine == "torch":
        return IntegerProducts
    worth_it = engine == "auto" and pixels and large and integer_product()
    return IntegerProducts if worth_it and integers_are_fast() else Products


def merge(best, index, i, j, d) -> tuple[np.ndarray, np.ndarray]:
    """Merge distances ``d`` of pairs ``(i, j)`` into the (q, k) best so far.

    Pairs come sorted by ``i``, then ``j``, and every ``j`` is above those in
    ``index``; so a stable sort by distance leaves ties in the order of ``j``.
    """
    k, counts = best.shape[1], np.bincount(i, minlength=len(best))
    touched = np.flatnonzero(counts)
    if not len(touched):
        return best, index
    row = np.cumsum(counts > 0)[i] - 1  # of the pair among the touched rows
    column = k + np.arange(len(i)) - (np.cumsum(counts) - counts)[i]
    wide = np.full((len(touched), k + counts.max()), np.inf)
    names = np.zeros(wide.shape, dtype=np.int64)
    wide[:, :k], names[:, :k] = best[touched], index[touched]
    wide[row, column], names[row, column] = d, j
    order = np.argsort(wide, axis=1, kind="stable")[:, :k]
    best[touched] = np.take_along_axis(wide, order, axis=1)
    index[touched] = np.take_along_axis(names, order, axis=1)
    return best, index


def search(x, y, k: int, metric: str, size: int, engine: str):
    """Return indices and distances, (Q, k) each; see `neighbors.nearest`."""
    size_y = max(size, k)
    engine = engine_for(x, y, metric, engine)(x, y, size_y)
    indices = np.zeros((len(x), k), dtype=np.int64)
    distances = np.zeros((len(x), k))
    for rows in blocks(len(x), size):
        engine.queries(rows)
        index = np.zeros((rows.stop - rows.start, k), dtype=np.int64)
        best = np.full(index.shape, np.inf)
        for part in blocks(len(y), size_y):
            low = engine.low(part)  # (q, n)
            if part.start == 0:
                limit = engine.first_limit(low, k, part)
            else:
                limit = engine.limit(best[:, -1])
            # flat indices and divmod: thirty times faster than a 2-D np.nonzero
            i, j = np.divmod(np.flatnonzero(low < limit[:, None]), low.shape[1])
            d = engine.settle(i, j + part.start, low[i, j])
            best, index = merge(best, index, i, j + part.start, d)
        indices[rows] = index
        with np.errstate(over="ignore"):  # beyond the float range: infinite
            distances[rows] = engine.distances(best)
    return indices, distances
