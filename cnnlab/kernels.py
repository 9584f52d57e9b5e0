"""Kernels made by hand, the lectures' worked examples, and what a kernel lights up on.

A kernel is (KH, KW); an image with one channel is (H, W). Networks have stacks of
both, for which there is `ops.conv2d`.
"""

import functools

import numpy as np

from . import arrays, data, ops, shapes


def _table(rows: str) -> np.ndarray:
    table = np.array([[float(one) for one in row.split()] for row in rows.split("/")])
    table.setflags(write=False)
    return table


# An image and a kernel that finds edges, as lecture CNN-deck works them out.
LECTURE = _table(
    "5 1 7 7 8 1 / 7 2 5 7 8 1 / 5 3 5 4 4 2 / 4 4 3 3 2 1 / 3 3 4 7 8 1 / 5 7 8 2 3 1"
)
VERTICAL = _table("1 0 -1 / 2 0 -2 / 1 0 -1")
# The same for lecture CSE634.
CROSSED = _table("1 1 1 0 1 / 0 1 1 1 0 / 0 0 1 1 1 / 0 0 1 1 0 / 0 1 1 0 0")
DIAGONALS = _table("1 0 1 / 0 1 0 / 1 0 1")

PRESETS = {
    "vertical edges (lecture)": VERTICAL,
    "horizontal edges": VERTICAL.T,
    "blur": np.full((3, 3), 1 / 9),
    "sharpen": _table("0 -1 0 / -1 5 -1 / 0 -1 0"),
    "spots and lines": _table("-1 -1 -1 / -1 8 -1 / -1 -1 -1"),
    "diagonals (CSE634)": DIAGONALS,
    "two neighbours": _table("1 -1"),
    "as it is": _table("0 0 0 / 0 1 0 / 0 0 0"),
}


def slide(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Return the map of one kernel slid over one image; no padding, stride 1.

    ``out[i, j] = sum_ab x[i + a, j + b] w[a, b]``

    Parameters
    ----------
    x : (H, W)
    w : (KH, KW), not larger than x

    Examples
    --------
    >>> slide(LECTURE, VERTICAL)[0]
    array([  2., -17.,  -6.,  20.])
    """
    x = arrays.as_numbers(x, "H, W", "slide", "x")
    w = arrays.as_numbers(w, "KH, KW", "slide", "w")
    return ops.conv2d(x[None, None], w[None, None])[0, 0]


def shift(x: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Return images moved down and to the right; what enters is 0.

    Parameters
    ----------
    x : (..., H, W)
    rows, columns : whole numbers, negative ones move up and to the left

    Examples
    --------
    >>> shift(np.array([[1, 2], [3, 4]]), 0, 1)
    array([[0, 1],
           [0, 3]])
    """
    x = arrays.real_array(x, "shift", "x")
    if x.ndim < 2:
        shapes.require_axes(x, "H, W", "shift", "x")
    rows = shapes.require_int(rows, -(10**9), "shift", "rows")
    columns = shapes.require_int(columns, -(10**9), "shift", "columns")
    out = np.zeros_like(x)
    (to_r, from_r), (to_c, from_c) = (
        (_part(n, by), _part(n, -by))
        for n, by in zip(x.shape[-2:], (rows, columns), strict=True)
    )
    out[..., to_r, to_c] = x[..., from_r, from_c]
    return out


def _part(n: int, by: int) -> slice:
    """Return where n pixels that moved by so many lie within their old places."""
    return slice(min(max(by, 0), n), max(n + min(by, 0), 0))


# ----------------------------------------------------------- bricks, upright or lying


@functools.cache
def bricks(split: str = "train") -> tuple[np.ndarray, np.ndarray]:
    """Return squares of a brick wall, and the same turned on their side: grey.

    The upper half of the photograph is for training, the lower half for the test.

    Parameters
    ----------
    split : ``"train"`` or ``"test"``

    Returns
    -------
    upright, lying : both (128, 32, 32), from 0 to 1, equally bright and rich in
        contrast
    """
    shapes.require_choice(split, ("train", "test"), "bricks", "split")
    photo = data.photo("brick").mean(axis=0) / 255  # (512, 512)
    half = photo[:256] if split == "train" else photo[256:]
    upright = half.reshape(8, 32, 16, 32).swapaxes(1, 2).reshape(-1, 32, 32)
    upright.setflags(write=False)
    return upright, upright.swapaxes(1, 2)


def light(kernel: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Return how much a kernel lights up on each image: the mean size of its answers.

    Parameters
    ----------
    kernel : (KH, KW)
    images : (N, H, W)

    Returns
    -------
    (N,): the mean over the map of |answer|
    """
    kernel = arrays.as_numbers(kernel, "KH, KW", "light", "kernel")
    images = arrays.as_numbers(images, "N, H, W", "light", "images")
    high, wide = images.shape[1:]
    oh, ow = (
        shapes.out_size(n, k) for n, k in zip((high, wide), kernel.shape, strict=True)
    )
    maps = np.zeros((len(images), oh, ow))
    with np.errstate(all="ignore"):
        for a, b in np.ndindex(kernel.shape):
            maps += kernel[a, b] * images[:, a : a + oh, b : b + ow]
    found = np.abs(maps).mean(axis=(1, 2))
    shapes.require_in_range(found, "light", "the answers of the kernel")
    return found


def pairs_right(kernel: np.ndarray, split: str = "train") -> float:
    """Return the share of pairs (upright, lying) whose upright one lights up more.

    A tie counts half, so that a kernel that sees no difference gets 0.5.
    """
    upright, lying = (light(kernel, images) for images in bricks(split))
    more = upright[:, None] - lying
    return float(np.mean(more > 0) + np.mean(more == 0) / 2)


def brick_kernel() -> np.ndarray:
    """Return a kernel that lights up on upright bricks more than on lying ones.

    Upright, the joints of the wall run from top to bottom, and are narrow lines. So:
    one sign in the middle column, the other on both sides.
    """
    return np.array([[-1.0, 2.0, -1.0]] * 3)
