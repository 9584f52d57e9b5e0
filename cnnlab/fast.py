"""Convolution and pooling at speed: the functions of `ops` and `grads`, same results.

Letters: N images, C channels, F filters, KH x KW window, OH x OW places of the window.
A convolution copies the pixels under every window into the columns of a matrix, so
that one matrix product does the sums: block by block, so that the columns, which hold
every pixel up to KH KW times, never take more than a few megabytes. A pooling
compares or adds whole shifted images. No function changes its inputs. Sums are taken
in another order: results agree up to rounding, and to the edge of the number range.
"""

import math

import numpy as np

from . import arrays, grads, ops, shapes
from .windows import Windows, pooling_windows, windows

BLOCK = 2**18  # numbers in a block of columns: about what stays in a core's cache
LEAST = 256  # columns in a block: fewer make slow matrix products

# --------------------------------------------------------------------------------------
# Columns
# --------------------------------------------------------------------------------------


def im2col(x, kernel_size, stride=1, padding=0, dilation=1) -> np.ndarray:
    """Return the pixels under every place of a window, one column for each place.

    ``columns[n, c KH KW + i KW + j, k OW + l] = x[n, c, S k + D i, S l + D j]``, with
    ``x`` padded by zeros: the order of ``torch.nn.functional.unfold``. All columns at
    once: up to KH KW times the memory of ``x``.

    Parameters
    ----------
    x : (N, C, H, W)
    kernel_size, stride, padding, dilation : whole numbers, or pairs (rows, columns)

    Returns
    -------
    (N, C KH KW, OH OW)

    Examples
    --------
    >>> im2col([[[[1, 2, 3], [4, 5, 6]]]], 2)[0]
    array([[1., 2.],
           [2., 3.],
           [4., 5.],
           [5., 6.]])
    """
    x = arrays.as_numbers(x, "N, C, H, W", "im2col", "x", "For one image: x[None].")
    at = windows(x, kernel_size, stride, padding, dilation, where="im2col")
    x = _stretch(x, at)
    columns = np.empty((*x.shape[:2], *at.kernel, *at.out), x.dtype)
    for i, j, rows, cols in _taps(at):
        columns[:, :, i, j] = x[:, :, rows, cols]
    rows = x.shape[1] * math.prod(at.kernel)
    return columns.reshape(len(x), rows, math.prod(at.out))


def col2im(columns, size, kernel_size, stride=1, padding=0, dilation=1) -> np.ndarray:
    """Add every column back to the pixels that `im2col` took it from.

    This is the backward pass of `im2col`, not its inverse: a pixel that lies under
    several windows gets the sum. The order is that of ``torch.nn.functional.fold``.

    Parameters
    ----------
    columns : (N, C KH KW, OH OW)
    size : (H, W) of the images
    kernel_size, stride, padding, dilation : as in `im2col`

    Returns
    -------
    (N, C, H, W)

    Examples
    --------
    >>> x = [[[[1, 2, 3], [4, 5, 6]]]]
    >>> col2im(im2col(x, 2), (2, 3), 2)
    array([[[[ 1.,  4.,  3.],
             [ 4., 10.,  6.]]]])
    """
    where = "col2im"
    columns = arrays.as_numbers(columns, "N, CKHKW, OHOW", where, "columns")
    n, rows_of_all = columns.shape[:2]
    size, kernel = (
        shapes.pair(size, where, "size"),
        shapes.pair(kernel_size, where, "kernel_size"),
    )
    shapes.require_divisor(
        kernel[0] * kernel[1], rows_of_all, where, "the rows of columns"
    )
    x = np.broadcast_to(0.0, (n, rows_of_all // (kernel[0] * kernel[1]), *size))
    at = windows(x, kernel, stride, padding, dilation, where=where)
    shapes.require_same(
        where, places_of_the_window=at.out[0] * at.out[1], columns=columns.shape[2]
    )
    columns = columns.reshape(*x.shape[:2], *kernel, *at.out)
    total = np.zeros((*x.shape[:2], *_reach(at)), columns.dtype)
    with np.errstate(over="ignore"):
        for i, j, rows, cols in _taps(at):
            total[:, :, rows, cols] += columns[:, :, i, j]
    shapes.require_in_range(total, where, "the sums")
    return _within(total, at)


def _reach(at: Windows) -> tuple[int, int]:
    """Return how many rows and columns the windows need, padding included."""
    return tuple(
        stride * (out - 1) + dilation * (kernel - 1) + 1
        for stride, out, dilation, kernel in zip(
            at.stride, at.out, at.dilation, at.kernel, strict=True
        )
    )


def _stretch(x: np.ndarray, at: Windows, value: float = 0.0) -> np.ndarray:
    """Return ``x`` with its border of ``value``, as large as the windows need."""
    (top, left), (height, width) = at.padding, _reach(at)
    padded = np.full((*x.shape[:2], height, width), value, x.dtype)
    inner = padded[:, :, top : top + x.shape[2], left : left + x.shape[3]]
    inner[...] = x[:, :, : inner.shape[2], : inner.shape[3]]
    return padded


def _within(padded: np.ndarray, at: Windows) -> np.ndarray:
    """Return the images (N, C, H, W) inside of what `_stretch` makes; else 0."""
    (top, left), (height, width) = at.padding, at.size
    inner = padded[:, :, top : top + height, left : left + width]
    if inner.shape[2:] == at.size:
        return np.ascontiguousarray(inner)
    x = np.zeros((*padded.shape[:2], height, width), padded.dtype)
    x[:, :, : inner.shape[2], : inner.shape[3]] = inner
    return x


def _taps(at: Windows):
    """Yield (i, j, rows, columns): the pixels under entry i, j of all the windows."""
    reach = [
        stride * (out - 1) + 1 for stride, out in zip(at.stride, at.out, strict=True)
    ]
    for i in range(at.kernel[0]):
        for j in range(at.kernel[1]):
            row, column = at.dilation[0] * i, at.dilation[1] * j
            yield (
                i, j,
                slice(row, row + reach[0], at.stride[0]),
                slice(column, column + reach[1], at.stride[1]),
            )  # fmt: skip


# --------------------------------------------------------------------------------------
# Convolution
# --------------------------------------------------------------------------------------


class _Sheet:
    """A few images side by side, so that a window's entry is one shift away.

    The padded images are dealt out by stride: pixel (S q + a, S r + b) goes to place
    (q, r) of part (a, b). In a part, the images stand one after the other as one long
    line of pixels, ``line`` of them, ``columns`` to a row. What lies under entry (i, j)
    of the windows is then the same line, begun a little later: `under`. Of its places
    those with q < OH and r < OW are windows; the others, at the right and lower edges,
    run into the next row, and are left out of the result or stand at 0.
    """

    def __init__(self, at: Windows, n: int, channels: int, groups: int, number):
        self.at, self.n = at, n
        self.rows, self.columns = _grid(at)
        self.line = n * self.rows * self.columns
        down, right = (
            dilation * (kernel - 1) // stride
            for dilation, kernel, stride in zip(
                at.dilation, at.kernel, at.stride, strict=True
            )
        )
        parts = *at.stride, groups, channels // groups
        slack = down * self.columns + right
        self.pixels = np.zeros((*parts, self.line + slack), number)
        self.grids = self.pixels[..., : self.line].reshape(
            *at.stride, channels, n, self.rows, self.columns
        )
        size = BLOCK // max(1, channels * math.prod(at.kernel))
        size = min(max(LEAST, size), self.line)
        self.block = np.empty((groups, *at.kernel, channels // groups, size), number)

    def under(self, i: int, j: int, first: int, end: int) -> np.ndarray:
        """Return (groups, C / groups, end - first): a view on the pixels."""
        (di, dj), (si, sj) = self.at.dilation, self.at.stride
        (down, a), (right, b) = divmod(di * i, si), divmod(dj * j, sj)
        shift = down * self.columns + right
        return self.pixels[a, b, :, :, first + shift : end + shift]

    def pairs(self, padded: np.ndarray):
        """Yield views on the same pixels: of padded images, and in here."""
        si, sj = self.at.stride
        for a, b in np.ndindex(si, sj):
            images = padded[:, :, a::si, b::sj][:, :, : self.rows, : self.columns]
            grid = self.grids[a, b, :, :, : images.shape[2], : images.shape[3]]
            yield images, grid.swapaxes(0, 1)

    def windows_of(self, line: np.ndarray) -> np.ndarray:
        """Return a view (N, F, OH, OW) on lines (groups, F / groups, .)."""
        filters = line.shape[0] * line.shape[1]
        grid = line.reshape(filters, self.n, self.rows, self.columns)
        return grid[:, :, : self.at.out[0], : self.at.out[1]].swapaxes(0, 1)

    def blocks(self):
        """Yield (first, end, columns): the pixels under the windows first to end.

        ``columns`` (groups, KH, KW, C / groups, end - first) is the same memory again
        for every block.
        """
        size = self.block.shape[-1]
        for first in range(0, self.line, size):
            end = min(first + size, self.line)
            columns = self.block[..., : end - first]
            for i, j in np.ndindex(self.at.kernel):
                columns[:, i, j] = self.under(i, j, first, end)
            yield first, end, columns

    def matrix(self, first: int, end: int) -> np.ndarray:
        """Return the same columns as (groups, KH KW C / groups, end - first)."""
        flat = self.block.reshape(len(self.block), -1, self.block.shape[-1])
        return flat[:, :, : end - first]


def _calm(at: Windows) -> Windows:
    """Return windows of stride 1 along an axis where there is but one place.

    The stride is of no account there, but a `_Sheet` has a part for each of its steps.
    """
    steps = zip(at.stride, at.out, strict=True)
    stride = tuple(1 if out == 1 else step for step, out in steps)
    return at._replace(stride=stride)


def _grid(at: Windows) -> tuple[int, int]:
    """Return the rows and columns of an image in a part of a `_Sheet`."""
    rows, columns = (
        out + dilation * (kernel - 1) // stride
        for out, dilation, kernel, stride in zip(
            at.out, at.dilation, at.kernel, at.stride, strict=True
        )
    )
    return rows, columns


def _sheets(x: np.ndarray, at: Windows, groups: int, number):
    """Yield (images, sheet): a slice of the batch, and its images in a `_Sheet`.

    As many images as fill a block; a larger image takes several blocks. The sheet is
    the same again for every slice of that many.
    """
    columns = math.prod(_grid(at)) * x.shape[1] * math.prod(at.kernel)
    size, sheet = max(1, BLOCK // max(1, columns)), None
    for first in range(0, len(x), size):
        part = x[first : first + size]
        if sheet is None or sheet.n != len(part):
            sheet = _Sheet(at, *part.shape[:2], groups, number)
        for images, grid in sheet.pairs(_stretch(part, at)):
            grid[...] = images
        yield slice(first, first + size), sheet


def conv2d(x, w, b=None, stride=1, padding=0, dilation=1, groups=1) -> np.ndarray:
    """Do what `ops.conv2d` does, faster; parameters and result are the same.

    Examples
    --------
    >>> conv2d([[[[1, 2, 3], [4, 5, 6]]]], [[[[1, 10]]]])
    array([[[[21., 32.],
             [54., 65.]]]])
    """
    x, w = ops.conv_inputs(x, w, groups, "conv2d")
    b = np.zeros(len(w), w.dtype) if b is None else b
    b = arrays.as_numbers(b, "F", "conv2d", "b")
    shapes.require_same("conv2d", filters_in_w=len(w), entries_of_b=len(b))
    at = _calm(windows(x, w.shape[2:], stride, padding, dilation, where="conv2d"))
    number = np.result_type(x, w, b)
    out = np.empty((len(x), len(w), *at.out), number)
    w = _by_group(w, groups, number)
    with np.errstate(all="ignore"):
        for images, sheet in _sheets(x, at, groups, number):
            line = np.empty((*w.shape[:2], sheet.line), number)
            for first, end, _ in sheet.blocks():
                np.matmul(w, sheet.matrix(first, end), out=line[:, :, first:end])
            np.add(sheet.windows_of(line), b[:, None, None], out=out[images])
    shapes.require_in_range(out, "conv2d", "the feature maps")
    return out


def conv2d_backward(dout, x, w, stride=1, padding=0, dilation=1, groups=1):
    """Do what `grads.conv2d_backward` does, faster; parameters and result are the same.

    With the columns of `conv2d`, ``dw = dout columns^T`` and ``dcolumns = w^T dout``,
    which are added back to their pixels.
    """
    where = "conv2d_backward"
    dout, x, w, at = grads.conv_inputs(
        dout, x, w, stride, padding, dilation, groups, where
    )
    at, number = _calm(at), np.result_type(dout, x, w)
    dx, flat = np.zeros(x.shape, number), _by_group(w, groups, number)
    dflat = np.zeros_like(flat)
    with np.errstate(all="ignore"):
        for images, sheet in _sheets(x, at, groups, number):
            back = _Sheet(at, sheet.n, x.shape[1], groups, number)  # dx
            line = np.zeros((*flat.shape[:2], sheet.line), number)
            sheet.windows_of(line)[...] = dout[images]
            for first, end, columns in sheet.blocks():
                d, matrix = line[:, :, first:end], sheet.matrix(first, end)
                dflat += d @ matrix.swapaxes(1, 2)
                np.matmul(flat.swapaxes(1, 2), d, out=matrix)
                for i, j in np.ndindex(at.kernel):
                    pixels = back.under(i, j, first, end)
                    pixels += columns[:, i, j]
            padded = np.zeros((sheet.n, x.shape[1], *_reach(at)), number)
            for pixels, grid in back.pairs(padded):
                pixels[...] = grid
            dx[images] = _within(padded, at)
        dw = dflat.reshape(len(w), *at.kernel, w.shape[1]).transpose(0, 3, 1, 2)
        results = dx, dw.copy(), dout.sum(axis=(0, 2, 3))
    for result in results:
        shapes.require_in_range(result, where, "the gradients")
    return results


def _by_group(w: np.ndarray, groups: int, number) -> np.ndarray:
    """Return filters (groups, F / groups, KH KW C / groups), ordered as columns."""
    flat = w.transpose(0, 2, 3, 1).astype(number, copy=False)
    return flat.reshape(groups, len(w) // groups, math.prod(w.shape[1:]))


# --------------------------------------------------------------------------------------
# Pooling
# --------------------------------------------------------------------------------------


def max_pool2d(x, kernel_size, stride=None, padding=0, ceil_mode=False) -> np.ndarray:
    """Do what `ops.max_pool2d` does, faster; parameters and result are the same.

    Examples
    --------
    >>> max_pool2d([[[[1, 2, 5, 0], [3, 4, 1, 1]]]], 2)
    array([[[[4., 5.]]]])
    """
    where = "max_pool2d"
    x = arrays.as_numbers(x, "N, C, H, W", where, "x", "For one image: x[None].")
    at = pooling_windows(x, kernel_size, stride, padding, ceil_mode, where)
    return _largest(_stretch(x, at, -np.inf), at)


def _largest(x: np.ndarray, at: Windows) -> np.ndarray:
    out = np.full((*x.shape[:2], *at.out), -np.inf, x.dtype)
    for _, _, rows, columns in _taps(at):
        np.maximum(out, x[:, :, rows, columns], out=out)
    return out


def max_pool2d_backward(
    dout, x, kernel_size, stride=None, padding=0, ceil_mode=False
) -> np.ndarray:
    """Do what `grads.max_pool2d_backward` does, faster; parameters are the same."""
    where = "max_pool2d_backward"
    dout, x, at = grads.pool_inputs(
        dout, x, kernel_size, stride, padding, ceil_mode, where
    )
    x = _stretch(x, at, -np.inf)
    largest, dx = _largest(x, at), np.zeros(x.shape, dout.dtype)
    waiting = np.ones(largest.shape, bool)  # windows whose winner is not met yet
    with np.errstate(over="ignore"):
        for _, _, rows, columns in _taps(at):
            won = waiting & (x[:, :, rows, columns] == largest)
            dx[:, :, rows, columns] += dout * won
            waiting ^= won
    shapes.require_in_range(dx, where, "the gradient")
    return _within(dx, at)


def avg_pool2d(x, kernel_size, stride=None, padding=0, ceil_mode=False) -> np.ndarray:
    """Do what `ops.avg_pool2d` does, faster; parameters and result are the same.

    Examples
    --------
    >>> avg_pool2d([[[[1, 2, 5, 0], [3, 4, 1, 1]]]], 2)
    array([[[[2.5 , 1.75]]]])
    """
    where = "avg_pool2d"
    x = arrays.as_numbers(x, "N, C, H, W", where, "x", "For one image: x[None].")
    at = pooling_windows(x, kernel_size, stride, padding, ceil_mode, where)
    x = _stretch(x, at)
    out = np.zeros((*x.shape[:2], *at.out), x.dtype)
    with np.errstate(over="ignore"):
        for _, _, rows, columns in _taps(at):
            out += x[:, :, rows, columns]
        out /= _pixels(at)
    shapes.require_in_range(out, where, "the feature maps")
    return out


def avg_pool2d_backward(
    dout, x, kernel_size, stride=None, padding=0, ceil_mode=False
) -> np.ndarray:
    """Do what `grads.avg_pool2d_backward` does, faster; parameters are the same."""
    where = "avg_pool2d_backward"
    dout, x, at = grads.pool_inputs(
        dout, x, kernel_size, stride, padding, ceil_mode, where
    )
    dx = np.zeros((*x.shape[:2], *_reach(at)), dout.dtype)
    share = dout / _pixels(at).astype(dout.dtype)
    with np.errstate(over="ignore"):
        for _, _, rows, columns in _taps(at):
            dx[:, :, rows, columns] += share
    shapes.require_in_range(dx, where, "the gradient")
    return _within(dx, at)


def _pixels(at: Windows) -> np.ndarray:
    """Return (OH, OW): how many pixels and padding a window holds, overhang not."""
    inside = []
    for axis in range(2):
        first = at.stride[axis] * np.arange(at.out[axis])
        whole = at.size[axis] + 2 * at.padding[axis]
        inside.append(np.minimum(first + at.kernel[axis], whole) - first)
    return np.outer(*inside)
