"""Batches as the network sees them, in training and in evaluation."""

from functools import partial

import torch
import torch.nn.functional as F

from cnnlab import shapes
from cnnlab.augment.arguments import (
    per_channel,
    require_colour,
    require_images,
    require_indices,
    require_sizes,
)
from cnnlab.augment.choices import Choices, choose
from cnnlab.augment.pixels import (
    copy_pixels,
    empty,
    erase_squares,
    finish,
    rows_of,
    slices,
    windows,
)


def for_training(
    images,
    indices,
    epoch,
    *,
    seed: int,
    crop: int,
    flip: bool = True,
    padding: int = 0,
    mean=None,
    scale=1.0,
    colour=None,
    colour_std: float = 0.1,
    chunk: int = 1,
    resized=False,
    erase: int = 0,
) -> torch.Tensor:
    """Return a batch as the network sees it in training.

    In this order: pad; cut a random crop; mirror half of the images; subtract the mean;
    multiply by ``scale``; add the colour shift, times ``scale``; erase a square.

    Parameters
    ----------
    images : uint8 (N, C, H, W)
    indices : int64 (N,), positions of the images in their data set
    epoch : whole number; a tensor of no axes if a captured graph is to be replayed
        with other epochs
    crop : side of the result. From 256 to 224 there are 33 * 33 * 2 = 2178 crops; the
        paper says 2048 = 32 * 32 * 2
    padding : pixels added on each side before the crop: zeros of the mean-subtracted
        image, so grey levels equal to the mean [He et al., CVPR 2016, section 4.2]
    mean : None, a number, (C,), (C, 1, 1), or an image (C, H, W), of which the same
        crop is subtracted, mirrored alike, as in 2012
    scale : a number, (C,) or (C, 1, 1); 1 / standard deviation for unit variance
    colour : None, or (sds, vectors) of :func:`colour_directions`. To all pixels of an
        image the sum over k of ``alpha_k * sds[k] * vectors[:, k]`` grey levels is
        added, alpha_k from N(0, colour_std^2). Ignored for images of one channel,
        which have no colour
    colour_std : the paper's 0.1; the released configuration divides it by 1.1
    chunk : images of consecutive rows that share crop and reflection, drawn for the
        index of their first row: the one choice that depends on the batch. 32 in 2012
    resized : cut a box of random area and ratio and resize it to ``crop`` (bilinear);
        True for 8 to 100 % of the area [Szegedy et al., CVPR 2015, section 6], or a
        pair (low, high). Boxes are distributed as torchvision's RandomResizedCrop
        draws them; pixels equal its antialias=False
    erase : side of a square set to zero; its centre is any pixel, so that part of it
        may lie outside [DeVries and Taylor, "Cutout", 2017, section 3]

    Returns
    -------
    float32 (N, C, crop, crop), channels-last memory

    Raises
    ------
    TypeError
        If images are not uint8 or an argument has the wrong type.
    ValueError
        If shapes disagree or the crop is larger than the (padded) images.
    """
    where = "for_training"
    images = require_images(images, where)
    count, channels = images.shape[:2]
    indices = require_indices(indices, where, images)
    shapes.require_same(where, images=count, indices=len(indices))
    size = images.shape[2:]
    crop, padding = require_sizes(size, crop, padding, resized, where)
    chunk = shapes.require_int(chunk, 1, where, "chunk")
    erase = shapes.require_int(erase, 0, where, "erase", crop)
    mean = per_channel(mean, images, where, "mean", image=True)
    scale = per_channel(scale, images, where, "scale")
    colour = require_colour(colour, images, where) if channels == 3 else None
    std = shapes.require_number(colour_std, 0, where, "colour_std") if colour else 0.0
    drawn = choose(
        seed, epoch, indices, height=size[0], width=size[1], crop=crop, flip=flip,
        padding=padding, colour_std=std, chunk=chunk, resized=resized, erase=erase,
    )  # fmt: skip
    images, mean = _padded(images, mean, padding)
    mean = _both_ways(mean)
    shift = _shift(drawn.alphas, colour)
    out = empty((count, channels, crop, crop), images)
    _fill(out, images, drawn, mean, scale, shift, erase)
    return out


def _fill(out, images, drawn, mean, scale, shift=None, erase: int = 0) -> None:
    """Write the results for ``images`` into ``out``, a few images at a time."""
    fill = _fill_crops if drawn.height is None else _fill_resized
    for rows in slices(out):
        part, x = drawn.part(rows), out[rows]
        fill(x, images[rows], part, mean)
        finish(x, scale, None if shift is None else shift[rows])
        if erase:
            erase_squares(x, part.hole, erase)


def _fill_crops(out, images, drawn, mean) -> None:
    """Write the chosen crops, minus their mean, into ``out`` (n, C, crop, crop)."""
    crop = out.shape[-1]
    cut = windows(images, None, drawn.top, drawn.left, drawn.mirrored, crop)
    copy_pixels(out, cut)
    if mean is None:
        return
    if mean.ndim == 1:
        rows_of(out).sub_(mean.repeat(crop))
        return
    which, left = torch.zeros_like(drawn.left), drawn.left
    if drawn.mirrored is not None:
        which = drawn.mirrored.long()
        left = torch.where(drawn.mirrored, mean.shape[3] - crop - left, left)
    rows_of(out).sub_(rows_of(windows(mean, which, drawn.top, left, None, crop)))


def _both_ways(mean):
    """Return a mean image and its mirror image (2, C, H, W), other means as they are.

    Mirrored crops subtract a crop of the mirror image: nothing is turned per image.
    """
    if mean is None or mean.ndim == 1:
        return mean
    both = torch.stack((mean, mean.flip(2)))
    return both.contiguous(memory_format=torch.channels_last)


def _fill_resized(out, images, drawn, mean) -> None:
    """Write the chosen boxes, resized, minus their mean, into ``out``."""
    crop = out.shape[-1]
    x = images.float()
    if mean is not None:
        x = x - (mean[0] if mean.ndim == 4 else mean[:, None, None])
    rows = _places(drawn.top, drawn.height, images.shape[2], crop)
    columns = _places(drawn.left, drawn.width, images.shape[3], crop)
    if drawn.mirrored is not None:
        columns = torch.where(drawn.mirrored[:, None], columns.flip(1), columns)
    grid = torch.stack(
        torch.broadcast_tensors(columns[:, None, :], rows[:, :, None]), -1
    )  # (n, crop, crop, 2): x, y in [-1, 1]
    out.copy_(F.grid_sample(x, grid, align_corners=False))  # all places lie inside


def _places(first, length, size: int, crop: int) -> torch.Tensor:
    """Return where ``crop`` samples of a box lie on a side, (n, crop) in [-1, 1].

    Sample j lies at first + (j + 1/2) length / crop - 1/2 pixels, kept inside the box.
    """
    steps = torch.arange(crop, device=first.device) + 0.5
    place = (steps * length[:, None] / crop - 0.5).clamp_min(0)
    place = torch.minimum(place, length[:, None] - 1) + first[:, None]
    return (2 * place + 1) / size - 1


def _shift(alphas, colour) -> torch.Tensor | None:
    """Return float32 (N, 3): the colour shift of every image, in grey levels."""
    if alphas is None:
        return None
    sds, vectors = (part.to(alphas.dtype) for part in colour)
    return ((alphas * sds)[:, None] * vectors).sum(-1).float()


def _padded(images, mean, padding: int):
    """Return images and mean with ``padding`` pixels of zero on every side."""
    if not padding:
        return images, mean
    if mean is not None and mean.ndim == 1:
        mean = mean[:, None, None].expand(images.shape[1:])
    wider = partial(F.pad, pad=[padding] * 4)
    return wider(images), None if mean is None else wider(mean)


TEN_CROPS = tuple(
    f"{place}{turn}"
    for turn in ("", ", mirrored")
    for place in ("top left", "top right", "bottom left", "bottom right", "centre")
)


def for_evaluation(images, *, crop: int, padding=0, mean=None, scale=1.0):
    """Return the centre crop of every image, minus ``mean``, times ``scale``.

    Parameters
    ----------
    images : uint8 (N, C, H, W)
    crop, padding, mean, scale : as in :func:`for_training`; padding is needed
        only for images that are smaller than the crop

    Returns
    -------
    float32 (N, C, crop, crop), channels last. Of an odd margin the larger half is
    below and to the right.
    """
    where = "for_evaluation"
    images, mean, crop = _bordered(images, mean, crop, padding, where)
    height, width = images.shape[2:]
    corner = (height - crop) // 2, (width - crop) // 2
    return _fixed_crops(images, [corner], False, crop, mean, scale, where)


def ten_crop(images, *, crop: int, padding=0, mean=None, scale=1.0) -> torch.Tensor:
    """Return four corner crops and the centre one, then the same five mirrored.

    Parameters
    ----------
    images : uint8 (N, C, H, W)
    crop, padding, mean, scale : as in :func:`for_evaluation`

    Returns
    -------
    float32 (10, N, C, crop, crop), in the order of ``TEN_CROPS``: crop k + 5 is crop k
    mirrored. The paper averages the ten softmax outputs [section 4.1].
    """
    where = "ten_crop"
    images, mean, crop = _bordered(images, mean, crop, padding, where)
    low, wide = images.shape[2] - crop, images.shape[3] - crop
    corners = [(0, 0), (0, wide), (low, 0), (low, wide), (low // 2, wide // 2)]
    views = _fixed_crops(images, corners, True, crop, mean, scale, where)
    return views.unflatten(0, (10, len(images)))


def _bordered(images, mean, crop, padding, where: str):
    """Return checked and padded images, their mean alike, and the crop's side."""
    images = require_images(images, where)
    size = images.shape[2:]
    crop, padding = require_sizes(size, crop, padding, False, where)
    mean = per_channel(mean, images, where, "mean", image=True)
    return *_padded(images, mean, padding), crop


def _fixed_crops(images, corners, mirrored, crop, mean, scale, where):
    """Return crops at ``corners`` of all images, one corner after the other."""
    scale = per_channel(scale, images, where, "scale")
    turns = (False, True) if mirrored else (False,)
    views = [(*corner, turn) for turn in turns for corner in corners]
    count, channels = images.shape[:2]
    shape = (len(views) * count, channels, crop, crop)
    out, mean = empty(shape, images), _both_ways(mean)
    parts = out.unflatten(0, (len(views), count))
    for view, (top, left, turn) in zip(parts, views, strict=True):
        _fill(view, images, _everywhere(images, top, left, turn), mean, scale)
    return out


def _everywhere(images, top: int, left: int, mirrored: bool) -> Choices:
    """Return the choices that cut the same window from all images."""
    fill = partial(torch.full, (len(images),), device=images.device)
    return Choices(fill(top), fill(left), mirrored=fill(True) if mirrored else None)
