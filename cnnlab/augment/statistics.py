"""Means, deviations and colour axes of a data set, exact and part by part."""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from cnnlab import shapes
from cnnlab.augment.arguments import require_images, require_indices

PART = 2**22  # bytes of images added up at a time
# 256 * 255^2 < 2^24: so many products of two bytes add up exactly in float32.
_BLOCK = 256  # pixels


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


class Moments(NamedTuple):
    """Sums over all pixels of a data set: ``moments`` of it.

    Attributes
    ----------
    count : number of pixels
    sums : float64 (C,), of each channel
    products : float64 (C, C), of the products of every two channels
    """

    count: int
    sums: torch.Tensor
    products: torch.Tensor

    def mean(self) -> torch.Tensor:
        """Return the mean of each channel, float32 (C, 1, 1)."""
        return (self.sums / self.count).float()[:, None, None]

    def std(self) -> torch.Tensor:
        """Return the standard deviation of each channel, float32 (C, 1, 1)."""
        variances = self.products.diagonal() / self.count - self._means() ** 2
        return variances.clamp_min(0).sqrt().float()[:, None, None]

    def directions(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return ``colour_directions``."""
        means = self._means()
        covariance = self.products / self.count - means[:, None] * means
        values, vectors = torch.linalg.eigh(covariance)
        values, vectors = values.flip(0).clamp_min(0), vectors.flip(1)
        largest = vectors.gather(0, vectors.abs().argmax(0, keepdim=True))  # (1, 3)
        return values.sqrt().float(), (vectors * largest.sign()).float()

    def _means(self) -> torch.Tensor:
        return self.sums / self.count


def channel_mean(source, rows=None) -> torch.Tensor:
    """Return the mean of each channel over all pixels, float32 (C, 1, 1)."""
    return moments(source, rows, "channel_mean").mean()


def channel_std(source, rows=None) -> torch.Tensor:
    """Return the standard deviation of each channel over all pixels, (C, 1, 1)."""
    return moments(source, rows, "channel_std").std()


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
    return moments(source, rows, "colour_directions").directions()


def moments(source, rows=None, where: str = "moments") -> Moments:
    """Return the sums that channel means, deviations and colour axes follow from.

    One pass over the pixels for all three. ``source`` and ``rows`` as in
    ``mean_image``; ``where`` begins the text of errors.

    Notes
    -----
    Blocks of 256 pixels are summed in float32, which is exact, and blocks in float64:
    whole numbers below 2^53 are exact in any order. So the result does not depend on
    threads or on the size of the parts (up to 1.3e11 pixels).
    """
    count, sums, products = 0, 0, 0
    for part in _chunks(source, rows, where):
        pixels = part.permute(0, 2, 3, 1).reshape(-1, part.shape[1])
        count += len(pixels)
        full = nn.functional.pad(pixels, (0, 0, 0, -len(pixels) % _BLOCK))
        blocks = full.view(-1, _BLOCK, part.shape[1]).float()
        sums = sums + blocks.sum(1).double().sum(0)
        products = products + (blocks.mT @ blocks).double().sum(0)
    return Moments(count, sums, products)


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
        if not isinstance(stored, torch.Tensor):
            rows = rows.numpy()  # a tensor of one index would take an axis away
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
