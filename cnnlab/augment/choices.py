"""What is drawn for each image: place, size, reflection, colour, erased square."""

import math
from typing import NamedTuple

import torch

from cnnlab import shapes
from cnnlab.augment.arguments import require_indices, require_sizes
from cnnlab.augment.randoms import below, draw, fraction, gauss

AREAS, RATIOS = (0.08, 1.0), (3 / 4, 4 / 3)  # of a resized box


class Choices(NamedTuple):
    """What was drawn for each of N images.

    Attributes
    ----------
    top, left : int64 (N,), first row and column of the box in the (padded) image
    height, width : int64 (N,), the box's size if it is to be resized; or None
    mirrored : bool (N,), or None
    alphas : (N, 3) normal numbers of the colour shift, in standard deviations; or None
    hole : int64 (N, 2), first row and column of the erased square; or None
    """

    top: torch.Tensor
    left: torch.Tensor
    height: torch.Tensor | None = None
    width: torch.Tensor | None = None
    mirrored: torch.Tensor | None = None
    alphas: torch.Tensor | None = None
    hole: torch.Tensor | None = None

    def part(self, rows: slice) -> "Choices":
        """Return the choices of some images."""
        return Choices(*(None if v is None else v[rows] for v in self))


def choose(
    seed: int,
    epoch,
    indices,
    *,
    height: int,
    width: int,
    crop: int,
    flip: bool = True,
    padding: int = 0,
    colour_std: float = 0.0,
    chunk: int = 1,
    resized=False,
    erase: int = 0,
) -> Choices:
    """Return what :func:`for_training` does to the images with these indices.

    Draws of ``uniform``: 0 row, 1 column, 2 reflection; 4, 5 the erased square; 8 to 27
    ten pairs (area, ratio) of ``resized``. Draws 0 to 2 of ``normal``: the colour. An
    option that is switched on changes none of the others' numbers.

    Examples
    --------
    >>> drawn = choose(0, 0, range(10_000), height=256, width=256, crop=224)
    >>> len({*zip(drawn.top.tolist(), drawn.left.tolist())}), drawn.top.max().item()
    (1089, 32)
    """
    indices = require_indices(indices, "choose")
    size = height, width = (
        shapes.require_int(height, 1, "choose", "height"),
        shapes.require_int(width, 1, "choose", "width"),
    )
    crop, padding = require_sizes(size, crop, padding, resized, "choose")
    chunk = shapes.require_int(chunk, 1, "choose", "chunk")
    erase = shapes.require_int(erase, 0, "choose", "erase")
    colour_std = shapes.require_number(colour_std, 0, "choose", "colour_std")
    flip = shapes.require_bool(flip, "choose", "flip")
    blocks = 13 if resized else 3 if erase else 2 if colour_std else 1
    words = draw(seed, epoch, indices, blocks)
    shared = words[:, ::2].flatten(1)
    if chunk > 1:
        place = torch.arange(len(indices), device=indices.device)
        shared = shared[place // chunk * chunk]
    if resized:
        areas = AREAS if resized is True else resized
        box = _box(shared, height, width, areas)
    else:
        top = below(shared[:, 0], height + 2 * padding - crop + 1)
        left = below(shared[:, 1], width + 2 * padding - crop + 1)
        box = top, left, None, None
    return Choices(
        *box,
        mirrored=shared[:, 2] >= 2**31 if flip else None,
        alphas=gauss(words[:, 1])[:, :3] * colour_std if colour_std else None,
        hole=below(words[:, 2, :2], crop) - erase // 2 if erase else None,
    )


def _box(words: torch.Tensor, height: int, width: int, areas) -> tuple:
    """Return top, left, height, width (N,) of boxes as torchvision draws them.

    Of ten boxes of random area and ratio the first that fits the image is taken; if
    none does, the centre of the image, cut at the nearest ratio allowed.
    """
    u = fraction(words[:, 8:28])
    log_low, log_high = math.log(RATIOS[0]), math.log(RATIOS[1])
    area = height * width * (areas[0] + (areas[1] - areas[0]) * u[:, ::2])  # (N, 10)
    ratio = (log_low + (log_high - log_low) * u[:, 1::2]).exp()
    wide, high = (area * ratio).sqrt().round(), (area / ratio).sqrt().round()
    fits = (wide >= 1) & (wide <= width) & (high >= 1) & (high <= height)
    first, found = fits.int().argmax(1, keepdim=True), fits.any(1)
    box = []
    for word, sizes, side, other, stretch in (
        (words[:, 0], high, height, width, 1 / RATIOS[0]),
        (words[:, 1], wide, width, height, RATIOS[1]),
    ):
        rest = min(side, round(other * stretch))
        size = torch.where(found, sizes.gather(1, first)[:, 0].long(), rest)
        start = torch.where(found, below(word, side - size + 1), (side - rest) // 2)
        box.append((start, size))
    return box[0][0], box[1][0], box[0][1], box[1][1]
