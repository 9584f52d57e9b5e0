"""Random numbers that are a function of (seed, epoch, index, draw): Philox."""

import math
from functools import partial

import torch

from cnnlab import shapes
from cnnlab.augment.arguments import require_indices

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
    words = draw(seed, epoch, require_indices(indices, "uniform"), 2 * -(-draws // 4))
    return fraction(words[:, ::2].flatten(1)[:, :draws])


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
    words = draw(seed, epoch, require_indices(indices, "normal"), 2 * -(-draws // 4))
    return gauss(words[:, 1::2].flatten(1))[:, :draws]


def draw(seed, epoch, indices: torch.Tensor, blocks: int) -> torch.Tensor:
    """Return int64 (N, blocks, 4) in [0, 2^32); even blocks uniform, odd ones normal.

    Counter: (block, index, index >> 32, epoch), key: the seed's two halves. All
    tensors are computed from scalars: a captured CUDA graph may copy nothing from the
    host.
    """
    seed = shapes.require_seed(seed, "augment")
    if not isinstance(epoch, torch.Tensor):
        epoch = shapes.require_int(epoch, 0, "augment", "epoch", MASK)
    ramp = partial(torch.arange, device=indices.device)
    pair = ramp(2)[:, None, None]  # (2, 1, 1): 0, 1

    def both(first, second):
        return first + pair * (second - first)

    even = both(ramp(blocks)[:, None], indices >> 32 & MASK)  # (2, blocks, N)
    odd = both(indices & MASK, epoch)  # (2, 1, N)
    steps = ramp(ROUNDS)[:, None, None, None] * both(*STEPS)
    keys = (both(seed & MASK, seed >> 32 & MASK) + steps) & MASK
    even, odd = philox(even, odd, keys, both(*FACTORS))
    return torch.stack((even[0], odd[0], even[1], odd[1]), -1).swapaxes(0, 1)


def philox(even, odd, keys, factors):
    """Return Philox4x32's words (0, 2) and (1, 3) after ``len(keys)`` rounds.

    A factor m >= 2^31 is given as m - 2^32: then every product fits a signed 64-bit
    integer, and its high half, floored by the shift, is smaller by ``even`` exactly.
    """
    for key in keys:
        product = even * factors
        high, low = (product >> 32) + even, product & MASK
        even, odd = high.flip(0) ^ odd ^ key, low.flip(0)
    return even, odd


def _real(device: torch.device) -> torch.dtype:
    return torch.float32 if device.type == "mps" else torch.float64


def fraction(words: torch.Tensor) -> torch.Tensor:
    return words.to(_real(words.device)) * 2.0**-32


def gauss(words: torch.Tensor) -> torch.Tensor:
    """Return one normal number for each 32-bit word of (N, 2 K)."""
    real = words.to(_real(words.device))
    radius = ((real[:, ::2] + 0.5) * 2.0**-32).log().mul(-2).sqrt()
    angle = real[:, 1::2] * (2 * math.pi * 2.0**-32)
    return torch.stack((radius * angle.cos(), radius * angle.sin()), -1).flatten(1)


def below(words: torch.Tensor, count) -> torch.Tensor:
    """Return whole numbers in [0, count): equally likely, to one part in 2^32."""
    return words * count >> 32
