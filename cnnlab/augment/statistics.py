"""Means, deviations and colour axes of a data set, exact and part by part."""

import math

import numpy as np
import torch

from cnnlab import shapes
from cnnlab.augment.arguments import require_images, require_indices

PART = 2**22  # bytes of images added up at a time


def mean_image(source, rows=None) -> torch.Tensor:
    """Return the mean of all images, float32 (C, H, W), in grey levels.

    Parameters
    ----------
    source : uint8 (N, C, H, W), or anything with ``images``: a data set (N, C, H, W) or
        a packed store (N, H, W, C)
    rows : indices of the images to use; all by default
    """
    total, count = 0, 0
    for part in _chunks(source, rows, "mean_image"):
        if part.device.type == "cpu":  # NumPy adds bytes up much faster
            sums = torch.from_numpy(part.numpy().sum(0, dtype=np.uint32).astype(float))
        else:
            sums = part.sum(0, dtype=torch.int64).double()
        total, count = total + sums, count + len(part)
    return (total / count).float()


def channel_mean(source, rows=None) -> torch.Tensor:
    """Return the mean of each channel over all pixels, float32 (C, 1, 1)."""
    count, sums, _ = _moments(source, rows, "channel_mean")
    return (sums / count).float()[:, None, None]


def channel_std(source, rows=None) -> torch.Tensor:
    """Return the standard deviation of each channel over all pixels, (C, 1, 1)."""
    count, sums, products = _moments(source, rows, "channel_std")
    variances = products.diagonal() / count - (sums / count) ** 2
    return variances.clamp_min(0).sqrt().float()[:, None, None]


def colour_directions(source, rows=None) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the principal axes of all pixels' colours.

    Returns
    -------
    sds : float32 (3,), standard deviations along the axes in grey levels, the largest
        first: square roots of the covariance matrix's eigenvalues
    vectors : float32 (3, 3), unit vectors; ``vectors[:, k]`` belongs to ``sds[k]``, and
        its component of largest size is positive

    Notes
    -----
    The paper's formula [section 4.1] multiplies by the eigenvalue itself. In grey
    levels the first one is about 14,000 for ImageNet, and 0.1 of that is no colour;
    0.1 of its root is 12 grey levels. The released code multiplies by
    ``color_stdevs``.
    """
    count, sums, products = _moments(source, rows, "colour_directions")
    means = sums / count
    values, vectors = torch.linalg.eigh(products / count - means[:, None] * means)
    values, vectors = values.flip(0).clamp_min(0), vectors.flip(1)
    largest = vectors.gather(0, vectors.abs().argmax(0, keepdim=True))  # (1, 3)
    return values.sqrt().float(), (vectors * largest.sign()).float()


def _moments(source, rows, where: str):
    """Return the number of pixels, sums (C,) and sums of products (C, C).

    float64 sums of whole numbers below 2^53 are exact in any order: the result does not
    depend on threads or on the size of the parts (up to 1.3e11 pixels).
    """
    count, sums, products = 0, 0, 0
    for part in _chunks(source, rows, where):
        pixels = part.permute(0, 2, 3, 1).reshape(-1, part.shape[1]).double()
        count += len(pixels)
        sums = sums + pixels.sum(0)
        products = products + pixels.T @ pixels
    return count, sums, products


def _chunks(source, rows, where: str):
    """Yield uint8 (n, C, H, W) tensors of a few megabytes each."""
    stored = getattr(source, "images", source)
    if not hasattr(stored, "shape") or len(stored.shape) != 4:
        shapes.require_axes(stored, "N, C, H, W", where, "source")
    last = stored is not source and _channels_last(stored)
    if rows is not None:
        rows = require_indices(rows, where, name="rows").cpu()
        if len(rows) and not -len(stored) <= rows.min() <= rows.max() < len(stored):
            raise ValueError(
                f"{where}: rows needs positions of the {len(stored)} images, 0 to "
                f"{len(stored) - 1}; got {int(rows.min())} to {int(rows.max())}."
            )
    total = len(stored) if rows is None else len(rows)
    if not total:
        raise ValueError(f"{where}: source needs at least one image; got none.")
    step = max(1, PART // math.prod(stored.shape[1:]))
    for start in range(0, total, step):
        chosen = slice(start, start + step)
        part = stored[chosen] if rows is None else stored[rows[chosen]]
        part = part if isinstance(part, torch.Tensor) else torch.from_numpy(part.copy())
        yield require_images(part.permute(0, 3, 1, 2) if last else part, where)


def _channels_last(stored) -> bool:
    """Return whether a source's images are (N, H, W, C), as packed stores are."""
    first, last = stored.shape[1] in (1, 3), stored.shape[3] in (1, 3)
    return last and (not first or isinstance(stored, np.memmap))
