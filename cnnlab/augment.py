"""Crops, reflections and colour shifts of whole batches, on any device.

What happens to an image depends on (seed, epoch, its index) only: never on the batch
it is in, its place there, the number of processes, or the device; the one exception is
``chunk``, for the crops of 2012. The random numbers are computed from these three by
Philox, a counter-based generator, so there is no state to save and nothing to restore.

Images are uint8 (N, C, H, W) of one or three channels, tensors or NumPy arrays. Results
are float32 (N, C, crop, crop) in channels-last memory, in grey levels minus ``mean``,
times ``scale``. Everything random about one image is drawn by :func:`choose`.

Sources: Krizhevsky, Sutskever and Hinton, NIPS 2012, section 4.1 (crops, reflections,
colour shift, ten crops); its released configuration 145 (one crop for 32 images).
"""

import math
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

from cnnlab import shapes

# ------------------------------------------------------------- random numbers

MASK = 0xFFFFFFFF
ROUNDS = 7
FACTORS = (0xD2511F53 - 2**32, 0xCD9E8D57 - 2**32)  # minus 2^32: products fit int64
STEPS = (0x9E3779B9, 0xBB67AE85)


def uniform(seed: int, epoch, indices, draws: int) -> torch.Tensor:
    """Return random numbers in [0, 1), a function of (seed, epoch, index, draw).

    Parameters
    ----------
    seed : whole number of at least 0 (its low 64 bits count)
    epoch : whole number of at least 0, or an int64 tensor of no axes
    indices : int64 (N,)

    Returns
    -------
    float64 (N, draws), multiples of 2^-32; bit for bit equal on every device

    Notes
    -----
    Philox4x32 [Salmon, Moraes, Dror, Shaw, "Parallel Random Numbers: As Easy as 1, 2,
    3", SC 2011] with seven rounds, enough there to pass every test of BigCrush
    (PyTorch's CUDA generator takes ten).

    Examples
    --------
    >>> whole = uniform(0, 3, torch.arange(5), 2)
    >>> torch.equal(whole[4:], uniform(0, 3, [4], 2))
    True
    """
    draws = shapes.require_int(draws, 1, "uniform", "draws")
    words = _words(seed, epoch, _indices(indices, "uniform"), 2 * -(-draws // 4))
    return _fraction(words[:, ::2].flatten(1)[:, :draws])


def normal(seed: int, epoch, indices, draws: int) -> torch.Tensor:
    """Return standard normal numbers, independent of those of :func:`uniform`.

    Returns
    -------
    float64 (N, draws), at most 6.8 in size; on two devices they may differ in the last
    bit of a logarithm or cosine

    Notes
    -----
    Box and Muller, "A note on the generation of random normal deviates", 1958.
    """
    draws = shapes.require_int(draws, 1, "normal", "draws")
    words = _words(seed, epoch, _indices(indices, "normal"), 2 * -(-draws // 4))
    return _gauss(words[:, 1::2].flatten(1))[:, :draws]


def _words(seed, epoch, indices: torch.Tensor, blocks: int) -> torch.Tensor:
    """Return int64 (N, blocks, 4) in [0, 2^32); even blocks uniform, odd ones normal.

    Counter: (block, index, index >> 32, epoch), key: the seed's two halves. All
    tensors are computed from scalars: a captured CUDA graph may copy nothing from the
    host. On the CPU NumPy computes them, which is faster for so few numbers.
    """
    seed = shapes.require_seed(seed, "augment")
    host = _plain_cpu(indices)
    if not isinstance(epoch, torch.Tensor):
        epoch = shapes.require_int(epoch, 0, "augment", "epoch", MASK)
    elif host:
        epoch = int(epoch)
    if host:
        ramp, stack = partial(np.arange, dtype=np.int64), np.stack
        indices = indices.numpy()
    else:
        ramp, stack = partial(torch.arange, device=indices.device), torch.stack
    pair = ramp(2)[:, None, None]  # (2, 1, 1): 0, 1

    def both(first, second):
        return first + pair * (second - first)

    even = both(ramp(blocks)[:, None], indices >> 32 & MASK)  # (2, blocks, N)
    odd = both(indices & MASK, epoch)  # (2, 1, N)
    steps = ramp(ROUNDS)[:, None, None, None] * both(*STEPS)
    keys = (both(seed & MASK, seed >> 32 & MASK) + steps) & MASK
    swap = _reversed if host else partial(torch.flip, dims=(0,))
    even, odd = philox(even, odd, keys, both(*FACTORS), swap)
    words = stack((even[0], odd[0], even[1], odd[1]), -1).swapaxes(0, 1)
    return torch.from_numpy(words) if host else words


def _reversed(pair: np.ndarray) -> np.ndarray:
    return pair[::-1]


def philox(even, odd, keys, factors, swap):
    """Return Philox4x32's words (0, 2) and (1, 3) after ``len(keys)`` rounds.

    A factor m >= 2^31 is given as m - 2^32: then every product fits a signed 64-bit
    integer, and its high half, floored by the shift, is smaller by ``even`` exactly.
    """
    for key in keys:
        product = even * factors
        high, low = (product >> 32) + even, product & MASK
        even, odd = swap(high) ^ odd ^ key, swap(low)
    return even, odd


def _plain_cpu(tensor: torch.Tensor) -> bool:
    """Return whether NumPy may be used: on the CPU, and not inside torch.compile."""
    return tensor.device.type == "cpu" and not torch.compiler.is_compiling()


def _real(device: torch.device) -> torch.dtype:
    return torch.float32 if device.type == "mps" else torch.float64


def _fraction(words: torch.Tensor) -> torch.Tensor:
    return words.to(_real(words.device)) * 2.0**-32


def _gauss(words: torch.Tensor) -> torch.Tensor:
    """Return one normal number for each 32-bit word of (N, 2 K)."""
    real = words.to(_real(words.device))
    radius = ((real[:, ::2] + 0.5) * 2.0**-32).log().mul(-2).sqrt()
    angle = real[:, 1::2] * (2 * math.pi * 2.0**-32)
    return torch.stack((radius * angle.cos(), radius * angle.sin()), -1).flatten(1)


def _below(words: torch.Tensor, count) -> torch.Tensor:
    """Return whole numbers in [0, count): equally likely, to one part in 2^32."""
    return words * count >> 32


# ------------------------------------------------------------- what is drawn

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
    indices, size = _indices(indices, "choose"), (height, width)
    crop, padding = _require_sizes(size, crop, padding, resized, "choose")
    blocks = 13 if resized else 3 if erase else 2 if colour_std else 1
    words = _words(seed, epoch, indices, blocks)
    shared = words[:, ::2].flatten(1)
    if chunk > 1:
        place = torch.arange(len(indices), device=indices.device)
        shared = shared[place // chunk * chunk]
    if resized:
        areas = AREAS if resized is True else resized
        box = _box(shared, height, width, areas)
    else:
        top = _below(shared[:, 0], height + 2 * padding - crop + 1)
        left = _below(shared[:, 1], width + 2 * padding - crop + 1)
        box = top, left, None, None
    return Choices(
        *box,
        mirrored=shared[:, 2] >= 2**31 if flip else None,
        alphas=_gauss(words[:, 1])[:, :3] * colour_std if colour_std else None,
        hole=_below(words[:, 2, :2], crop) - erase // 2 if erase else None,
    )


def _box(words: torch.Tensor, height: int, width: int, areas) -> tuple:
    """Return top, left, height, width (N,) of boxes as torchvision draws them.

    Of ten boxes of random area and ratio the first that fits the image is taken; if
    none does, the centre of the image, cut at the nearest ratio allowed.
    """
    u = _fraction(words[:, 8:28])
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
        start = torch.where(found, _below(word, side - size + 1), (side - rest) // 2)
        box.append((start, size))
    return box[0][0], box[1][0], box[0][1], box[1][1]


# ------------------------------------------------------------- training


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
    images = _batch(images, where)
    count, channels = images.shape[:2]
    indices = _indices(indices, where, images)
    shapes.require_same(where, images=count, indices=len(indices))
    size = images.shape[2:]
    crop, padding = _require_sizes(size, crop, padding, resized, where)
    chunk = shapes.require_int(chunk, 1, where, "chunk")
    erase = shapes.require_int(erase, 0, where, "erase", crop)
    mean = _per_channel(mean, images, where, "mean", image=True)
    scale = _per_channel(scale, images, where, "scale")
    colour = _require_colour(colour, images, where) if channels == 3 else None
    std = shapes.require_number(colour_std, 0, where, "colour_std") if colour else 0.0
    drawn = choose(
        seed, epoch, indices, height=size[0], width=size[1], crop=crop, flip=flip,
        padding=padding, colour_std=std, chunk=chunk, resized=resized, erase=erase,
    )  # fmt: skip
    images, mean = _padded(images, mean, padding)
    mean = _both_ways(mean)
    shift = _shift(drawn.alphas, colour)
    out = _empty((count, channels, crop, crop), images)
    _fill(out, images, drawn, mean, scale, shift, erase)
    return out


def _fill(out, images, drawn, mean, scale, shift=None, erase: int = 0) -> None:
    """Write the results for ``images`` into ``out``, a few images at a time."""
    fill = _fill_crops if drawn.height is None else _fill_resized
    for rows in _blocks(out):
        part, x = drawn.part(rows), out[rows]
        fill(x, images[rows], part, mean)
        _finish(x, scale, None if shift is None else shift[rows])
        if erase:
            _erase(x, part.hole, erase)


def _fill_crops(out, images, drawn, mean) -> None:
    """Write the chosen crops, minus their mean, into ``out`` (n, C, crop, crop)."""
    crop = out.shape[-1]
    cut = _cut(images, None, drawn.top, drawn.left, drawn.mirrored, crop)
    _copy(out, cut)
    if mean is None:
        return
    if mean.ndim == 1:
        _rows(out).sub_(mean.repeat(crop))
        return
    which, left = torch.zeros_like(drawn.left), drawn.left
    if drawn.mirrored is not None:
        which = drawn.mirrored.long()
        left = torch.where(drawn.mirrored, mean.shape[3] - crop - left, left)
    _rows(out).sub_(_rows(_cut(mean, which, drawn.top, left, None, crop)))


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


def _finish(x: torch.Tensor, scale, shift) -> None:
    """Multiply a batch by ``scale`` (C,) and add ``shift * scale`` (N, C), in place."""
    rows, width = _rows(x), x.shape[-1]
    if scale is not None:
        rows.mul_(scale.repeat(width))
    if shift is not None:
        shift = shift if scale is None else shift * scale
        rows.add_(shift.repeat(1, width)[:, None])


def _erase(x: torch.Tensor, holes: torch.Tensor, side: int) -> None:
    """Set a square to zero in each image of (n, C, S, S); parts outside are cut off."""
    if _plain_cpu(x):
        for image, (top, left) in zip(x.numpy(), holes.tolist(), strict=True):
            rows = slice(max(top, 0), max(top + side, 0))
            image[:, rows, max(left, 0) : max(left + side, 0)] = 0
        return
    place = torch.arange(x.shape[-1], device=x.device)
    inside = (place >= holes[..., None]) & (
        place < holes[..., None] + side
    )  # (n, 2, S)
    x.masked_fill_(inside[:, None, 0, :, None] & inside[:, None, 1, None], 0)


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


# ------------------------------------------------------------- evaluation

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
    images = _batch(images, where)
    size = images.shape[2:]
    crop, padding = _require_sizes(size, crop, padding, False, where)
    mean = _per_channel(mean, images, where, "mean", image=True)
    return *_padded(images, mean, padding), crop


def _fixed_crops(images, corners, mirrored, crop, mean, scale, where):
    """Return crops at ``corners`` of all images, one corner after the other."""
    scale = _per_channel(scale, images, where, "scale")
    turns = (False, True) if mirrored else (False,)
    views = [(*corner, turn) for turn in turns for corner in corners]
    count, channels = images.shape[:2]
    shape = (len(views) * count, channels, crop, crop)
    out, mean = _empty(shape, images), _both_ways(mean)
    parts = out.unflatten(0, (len(views), count))
    for view, (top, left, turn) in zip(parts, views, strict=True):
        _fill(view, images, _everywhere(images, top, left, turn), mean, scale)
    return out


def _everywhere(images, top: int, left: int, mirrored: bool) -> Choices:
    """Return the choices that cut the same window from all images."""
    fill = partial(torch.full, (len(images),), device=images.device)
    return Choices(fill(top), fill(left), mirrored=fill(True) if mirrored else None)


def paper_square(picture, size: int = 256) -> torch.Tensor:
    """Return a picture as the paper prepares it: short side ``size``, centre square.

    Parameters
    ----------
    picture : path of an image file, or uint8 (3, H, W)

    Returns
    -------
    uint8 (3, size, size) [section 2]. Resizing is Pillow's bilinear filter; the paper
    names none.
    """
    from PIL import Image

    from cnnlab.data import pictures

    if not hasattr(picture, "shape"):
        return torch.from_numpy(pictures.read(picture, size))
    pixels = _batch(picture[None], "paper_square")[0]
    size = shapes.require_int(size, 1, "paper_square", "size", 4096)
    square = pictures.fit(_pillow(pixels, Image), size)
    return torch.from_numpy(np.array(square.convert("RGB"))).permute(2, 0, 1)


def _pillow(pixels: torch.Tensor, image_module):
    pixels = pixels.expand(3, -1, -1).permute(1, 2, 0)
    return image_module.fromarray(np.ascontiguousarray(pixels.cpu().numpy()))


# ------------------------------------------------------------- statistics

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
        rows = _indices(rows, where, name="rows").cpu()
    total = len(stored) if rows is None else len(rows)
    if not total:
        raise ValueError(f"{where}: source needs at least one image; got none.")
    step = max(1, PART // math.prod(stored.shape[1:]))
    for start in range(0, total, step):
        chosen = slice(start, start + step)
        part = stored[chosen] if rows is None else stored[rows[chosen]]
        part = part if isinstance(part, torch.Tensor) else torch.from_numpy(part.copy())
        yield _batch(part.permute(0, 3, 1, 2) if last else part, where)


def _channels_last(stored) -> bool:
    """Return whether a source's images are (N, H, W, C), as packed stores are."""
    first, last = stored.shape[1] in (1, 3), stored.shape[3] in (1, 3)
    return last and (not first or isinstance(stored, np.memmap))


# ------------------------------------------------------------- memory

BLOCK = 2**19  # numbers worked on at a time on a CPU: they stay in its cache


def _blocks(out: torch.Tensor) -> list[slice]:
    """Return slices of images: a few at a time on a CPU, all of them elsewhere."""
    count, size = len(out), math.prod(out.shape[1:])
    step = max(1, BLOCK // size) if out.device.type == "cpu" else count
    return [slice(start, start + step) for start in range(0, count, max(1, step))]


def _rows(x: torch.Tensor) -> torch.Tensor:
    """Return channels-last (n, C, H, W) as a view (n, H, W C): long rows are fast."""
    return x.permute(0, 2, 3, 1).flatten(2)


def _copy(out: torch.Tensor, pixels: torch.Tensor) -> None:
    """Write pixels into channels-last ``out``; from separate planes, plane by plane."""
    if pixels.shape[1] == 1 or pixels.stride(1) == 1:
        out.copy_(pixels)
    else:
        for channel in range(pixels.shape[1]):
            out[:, channel].copy_(pixels[:, channel])


def _cut(images, which, top, left, mirrored, crop: int) -> torch.Tensor:
    """Return windows of ``images[which]`` (all by default), some mirrored.

    On a CPU, NumPy copies windows of a strided view, which takes no index per pixel;
    elsewhere one gather does it all.
    """
    if which is None:
        which = torch.arange(len(images), device=images.device)
    if _plain_cpu(images):
        return _cut_windows(images, which, top, left, mirrored, crop)
    span = torch.arange(crop, device=images.device)
    across = span.expand(len(top), -1)
    if mirrored is not None:
        across = torch.where(mirrored[:, None], crop - 1 - span, span)
    rows, columns = top[:, None] + span, left[:, None] + across
    places = which[:, None, None], rows[:, :, None], columns[:, None, :]
    return images.permute(0, 2, 3, 1)[places].permute(0, 3, 1, 2)


def _cut_windows(images, which, top, left, mirrored, crop: int) -> torch.Tensor:
    count, channels, height, width = images.shape
    n, c, h, w = images.stride()
    places = (height - crop + 1, width - crop + 1)
    if c == 1 and w == channels:  # channels last: a window's rows lie in one piece
        size, steps = (crop, crop * channels), (h, 1)
    else:
        size, steps = (channels, crop, crop), (c, h, w)
    views = images.as_strided((count, *places, *size), (n, h, w, *steps)).numpy()
    cut = torch.from_numpy(views[which.numpy(), top.numpy(), left.numpy()])
    if len(size) == 2:
        cut = cut.unflatten(2, (crop, channels)).permute(0, 3, 1, 2)
    if mirrored is not None:
        turn, pixels = mirrored.numpy().nonzero()[0], cut.numpy()
        pixels[turn] = torch.from_numpy(pixels[turn]).flip(3).numpy()
    return cut


def _empty(shape: tuple, images: torch.Tensor) -> torch.Tensor:
    """Return memory for float32 results beside ``images``, channels last."""
    last = torch.channels_last
    return torch.empty(shape, device=images.device, memory_format=last)


# ------------------------------------------------------------- checks of arguments


def _batch(images, where: str) -> torch.Tensor:
    """Return images as a uint8 tensor (N, C, H, W), or raise."""
    if isinstance(images, np.ndarray) and images.dtype == np.uint8:
        usable = images.flags.writeable and min(images.strides, default=0) >= 0
        images = torch.from_numpy(images if usable else images.copy())
    shapes.require_axes(
        images, "N, C, H, W", where, "images", "Add a batch axis: images[None]."
    )
    if not isinstance(images, torch.Tensor) or images.dtype != torch.uint8:
        kind = getattr(images, "dtype", type(images).__name__)
        raise TypeError(
            f"{where}: images needs uint8 grey levels 0 to 255; got {kind}. From "
            "floats in [0, 1]: (images * 255).round().to(torch.uint8)."
        )
    if images.shape[1] not in (1, 3):
        raise ValueError(
            f"{where}: images needs axes (N, C, H, W) with one or three channels; got "
            f"shape {tuple(images.shape)}. From (N, H, W, C): "
            "images.permute(0, 3, 1, 2)."
        )
    return images


def _indices(indices, where: str, images=None, name="indices") -> torch.Tensor:
    """Return indices as int64 (N,) on the images' device, or raise."""
    device = None if images is None else images.device
    indices = _numbers(indices, where, name)
    shapes.require_axes(indices, "N", where, name)
    kind = indices.dtype
    whole = not (kind.is_floating_point or kind.is_complex or kind == torch.bool)
    if len(indices) and not whole:
        raise TypeError(
            f"{where}: {name} needs whole numbers; got {kind}. Pass each image's "
            "position in its data set."
        )
    return indices.to(device=device, dtype=torch.int64)


def _require_sizes(size, crop, padding, resized, where) -> tuple[int, int]:
    """Return crop and padding as ints if images of ``size`` (height, width) allow."""
    crop = shapes.require_int(crop, 1, where, "crop")
    padding = shapes.require_int(padding, 0, where, "padding")
    height, width = size
    shares = isinstance(resized, (tuple, list)) and len(resized) == 2
    if not shares and not isinstance(resized, bool):
        raise TypeError(_wrong_shares(resized, where))
    if padding and resized:
        raise ValueError(
            f"{where}: padding belongs to plain crops; with resized it must be 0."
        )
    if not resized and crop > min(height, width) + 2 * padding:
        raise ValueError(
            f"{where}: crop {crop} is larger than images of {height} x {width} with "
            f"padding {padding}. Take a crop of at most "
            f"{min(height, width) + 2 * padding}, or larger images."
        )
    if shares:
        low, high = (shapes.require_number(n, 0, where, "resized") for n in resized)
        if not 0 < low <= high <= 1:
            raise ValueError(_wrong_shares(resized, where))
    return crop, padding


def _wrong_shares(resized, where: str) -> str:
    return (
        f"{where}: resized needs True, or shares of the area (low, high) with "
        f"0 < low <= high <= 1; got {shapes.spoken(resized)}."
    )


def _per_channel(value, images, where: str, name: str, image: bool = False):
    """Return None, float32 (C,), or an image (C, H, W) on the images' device."""
    if value is None or (name == "scale" and isinstance(value, float) and value == 1):
        return None
    if isinstance(value, (int, float)):
        return torch.full(images.shape[1:2], float(value), device=images.device)
    value = _numbers(value, where, name).to(images.device, torch.float32)
    channels = images.shape[1]
    if value.ndim == 0 or value.numel() == channels == value.shape[0]:
        return value.reshape(-1).expand(channels)
    if image and value.shape == images.shape[1:]:
        return value
    wanted = f"one number, ({channels},) or ({channels}, 1, 1)"
    raise ValueError(
        f"{where}: {name} needs shape {wanted}"
        f"{f', or an image {tuple(images.shape[1:])}' if image else ''}; got "
        f"{tuple(value.shape)}."
    )


def _require_colour(colour, images, where: str):
    """Return (sds, vectors) on the images' device, or None."""
    if colour is None:
        return None
    wanted = "(sds (3,), vectors (3, 3)), as colour_directions returns them"
    if not isinstance(colour, (tuple, list)) or len(colour) != 2:
        raise ValueError(
            f"{where}: colour needs {wanted}; got {shapes.spoken(colour)}."
        )
    sds, vectors = (
        _numbers(part, where, "colour").to(images.device) for part in colour
    )
    if sds.shape != (3,) or vectors.shape != (3, 3):
        raise ValueError(
            f"{where}: colour needs {wanted}; got shapes {tuple(sds.shape)} and "
            f"{tuple(vectors.shape)}."
        )
    return sds, vectors


def _numbers(value, where: str, name: str) -> torch.Tensor:
    try:
        return torch.as_tensor(
            value if isinstance(value, torch.Tensor) else np.array(value)
        )
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(
            f"{where}: {name} needs numbers; got {shapes.spoken(value)}."
        ) from None
