"""Where the windows of a convolution or a pooling lie on an image."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from . import shapes


class Windows(NamedTuple):
    """Windows of one size, set down at equal steps on images with a border of padding.

    Every field is a pair (rows, columns). ``out`` counts the places, (OH, OW).
    """

    size: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    out: tuple[int, int]

    def pad(self, x: np.ndarray, value: float = 0.0) -> np.ndarray:
        """Return a copy of ``x`` (N, C, H, W) with a border of ``value`` around it."""
        (rows, columns), (height, width) = self.padding, self.size
        padded = np.full(
            (*x.shape[:2], height + 2 * rows, width + 2 * columns), value, x.dtype
        )
        self.crop(padded)[...] = x
        return padded

    def crop(self, padded: np.ndarray) -> np.ndarray:
        """Return the view of a padded array without its border."""
        (rows, columns), (height, width) = self.padding, self.size
        return padded[..., rows : rows + height, columns : columns + width]

    def places(self) -> Iterator[tuple[int, int, slice, slice]]:
        """Yield (i, j, rows, columns): the slices of the padded image under unit i, j.

        A window that hangs over the right or lower edge is cut there, as slices are.
        """
        for i in range(self.out[0]):
            for j in range(self.out[1]):
                yield i, j, self._span(0, i), self._span(1, j)

    def _span(self, axis: int, unit: int) -> slice:
        first = unit * self.stride[axis]
        reach = self.dilation[axis] * (self.kernel[axis] - 1) + 1
        return slice(first, first + reach, self.dilation[axis])


def windows(
    x: np.ndarray,
    kernel_size,
    stride=1,
    padding=0,
    dilation=1,
    ceil_mode: bool = False,
    where: str = "windows",
) -> Windows:
    """Return the windows on images ``x`` (N, C, H, W).

    Parameters
    ----------
    kernel_size, stride, padding, dilation : whole numbers, or pairs (rows, columns)
    ceil_mode : as in `shapes.out_size`
    where : the public function, for messages

    Raises
    ------
    TypeError, ValueError
        If a setting is not a whole number in its range, or no window fits.
    """
    kernel = shapes.pair(kernel_size, where, "kernel_size")
    stride = shapes.pair(stride, where, "stride")
    padding = shapes.pair(padding, where, "padding", 0)
    dilation = shapes.pair(dilation, where, "dilation")
    ceil_mode = shapes.require_bool(ceil_mode, where, "ceil_mode")
    height, width = x.shape[2:]
    sizes = zip((height, width), kernel, stride, padding, dilation, strict=True)
    rows, columns = (shapes.out_size(*axis, ceil_mode) for axis in sizes)
    return Windows((height, width), kernel, stride, padding, dilation, (rows, columns))


def pooling_windows(x, kernel_size, stride, padding, ceil_mode, where) -> Windows:
    """Return the windows of a pooling: by default they touch and do not overlap.

    Raises
    ------
    ValueError
        If the padding is wider than half a window, so that a window could lie on
        padding alone.
    """
    stride = kernel_size if stride is None else stride
    found = windows(x, kernel_size, stride, padding, 1, ceil_mode, where)
    if any(2 * p > k for p, k in zip(found.padding, found.kernel, strict=True)):
        raise ValueError(
            f"{where}: padding may be at most half the window, else a window sees no "
            f"pixel; got padding={padding} with kernel_size={kernel_size}."
        )
    return found


def groups_of(channels: int, filters: int, groups: int) -> Iterator[tuple]:
    """Yield (channels, filters) of every group as slices: they see only each other."""
    c, f = channels // groups, filters // groups
    for g in range(groups):
        yield slice(g * c, g * c + c), slice(g * f, g * f + f)
