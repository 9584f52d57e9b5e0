"""Layers of 2012 that PyTorch lacks, has differently, or has slower."""

from collections import OrderedDict
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from .. import shapes


class Network(nn.Sequential):
    """Named layers, one after the other, that know which images they take.

    Call it with float images (N, C, S, S); it returns logits (N, K). A slice such as
    ``net[:-3]`` is the network without its last layers, and takes any size.
    """

    def __init__(self, layers: OrderedDict, image: tuple[int, int, int] | None = None):
        super().__init__(layers)
        self.image = image  # (C, S, S), or None for any

    def forward(self, x: Tensor) -> Tensor:
        if self.image is not None:
            self._require_images(x)
        return super().forward(x)

    def _require_images(self, x: Tensor) -> None:
        shapes.require_axes(x, "N, C, H, W", "network", "x", "One image: x[None].")
        if tuple(x.shape[1:]) != self.image:
            raise ValueError(
                f"network: x needs images of shape {self.image}; got "
                f"{tuple(x.shape[1:])}. Crop them, or build the network for them: "
                f"image_size={x.shape[-1]}, in_channels={x.shape[1]}."
            )
        if not x.is_floating_point():
            raise TypeError(
                f"network: x needs float images; got {x.dtype}. Subtract the mean, or "
                "convert them: x.float()."
            )


class LocalResponseNorm(nn.Module):
    """Divide every activity by the activity of its neighbour maps at the same place.

    ``y_c = x_c / (k + alpha / size * sum of x_j^2 for |j - c| <= size / 2)^beta``

    Parameters
    ----------
    size : how many neighbouring maps compete, itself among them
    groups : towers; a map competes only within its own

    Notes
    -----
    ``alpha`` is divided by ``size``, as in cuda-convnet, Caffe and PyTorch; the
    formula of the paper is not divided, so its alpha = 1e-4 is 5e-4 here. What was
    *run* in 2012 is 1e-4 here. Equal to ``nn.LocalResponseNorm`` (in each group), but
    with its own derivative. float16 and bfloat16 are computed in float32, since the
    square of 256 is already infinite in float16, and returned in their own type.

    Source: Krizhevsky, Sutskever, Hinton (2012), section 3.3.
    """

    def __init__(
        self,
        size: int = 5,
        alpha: float = 1e-4,
        beta: float = 0.75,
        k: float = 2.0,
        groups: int = 1,
    ):
        super().__init__()
        where = "LocalResponseNorm"
        self.size = shapes.require_int(size, 1, where, "size")
        self.alpha = shapes.require_number(alpha, 0, where, "alpha")
        self.beta = shapes.require_number(beta, 0, where, "beta")
        self.k = shapes.require_number(k, 0, where, "k")
        self.groups = shapes.require_int(groups, 1, where, "groups")

    def forward(self, x: Tensor) -> Tensor:
        return _Normalise.apply(
            x, self.size, self.alpha, self.beta, self.k, self.groups
        )

    def extra_repr(self) -> str:
        return (
            f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}, "
            f"groups={self.groups}"
        )


def _window_sum(x: Tensor, left: int, right: int) -> Tensor:
    """Sum over the maps c - left ... c + right of the same group; x (N, G, C, ...)."""
    total = x.clone()
    for shift in range(1, left + 1):
        total[:, :, shift:] += x[:, :, :-shift]
    for shift in range(1, right + 1):
        total[:, :, :-shift] += x[:, :, shift:]
    return total


def _power(scale: Tensor, beta: float) -> Tensor:
    """Return ``scale ** -beta``; for 0.75 by square roots, much faster than a power."""
    if beta == 0.75:
        root = scale.rsqrt()
        return root * root.sqrt()
    return scale.pow(-beta)


class _Normalise(torch.autograd.Function):
    """Local response normalisation with its derivative written out.

    With ``s_c = k + a sum_j x_j^2`` and ``y_c = x_c s_c^-beta``:
    ``dL/dx_j = g_j s_j^-beta - 2 a beta x_j sum_c g_c x_c s_c^(-beta - 1)``,
    where c runs over the maps whose window holds j.
    """

    @staticmethod
    def forward(ctx, x, size, alpha, beta, k, groups):
        exact = x if x.dtype in (torch.float32, torch.float64) else x.float()
        maps = exact.unflatten(1, (groups, -1))
        left, right = size // 2, (size - 1) // 2  # as PyTorch, also for an even size
        scale = _window_sum(maps * maps, left, right).mul_(alpha / size).add_(k)
        ctx.save_for_backward(x, scale)
        ctx.constants = (size, alpha, beta, groups)
        return (maps * _power(scale, beta)).flatten(1, 2).to(x.dtype)

    @staticmethod
    def backward(ctx, gradient):
        x, scale = ctx.saved_tensors
        size, alpha, beta, groups = ctx.constants
        maps = x.to(scale.dtype).unflatten(1, (groups, -1))
        direct = gradient.to(scale.dtype).unflatten(1, (groups, -1)) * _power(
            scale, beta
        )
        spread = _window_sum(direct * maps / scale, (size - 1) // 2, size // 2)
        through = maps * spread * (-2 * beta * alpha / size)
        return ((direct + through).flatten(1, 2).to(x.dtype), *[None] * 5)


class WithinMapNorm(nn.Module):
    """Divide every activity by the activity around it in its own map.

    ``y = x / (1 + alpha * mean of x^2 in the size x size square)^beta``; the square is
    cut off at the border, but its sum is always divided by size^2.

    Notes
    -----
    The extra layer after the second normalisation of the network of 2012, which the
    paper does not mention (released configuration 145, layer cnorm2).
    """

    def __init__(self, size: int = 5, alpha: float = 0.001, beta: float = 0.75):
        super().__init__()
        where = "WithinMapNorm"
        self.size = shapes.require_int(size, 1, where, "size")
        self.padding = shapes.same_padding(size)
        self.alpha = shapes.require_number(alpha, 0, where, "alpha")
        self.beta = shapes.require_number(beta, 0, where, "beta")

    def forward(self, x: Tensor) -> Tensor:
        exact = x if x.dtype in (torch.float32, torch.float64) else x.float()
        mean = functional.avg_pool2d(exact * exact, self.size, 1, self.padding)
        return (exact * _power(1 + self.alpha * mean, self.beta)).to(x.dtype)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}"


class Dropout2012(nn.Module):
    """Dropout as it was: zeros in training, all units times ``1 - p`` in evaluation.

    Notes
    -----
    ``nn.Dropout`` is the inverted form: it divides by ``1 - p`` in training and does
    nothing in evaluation. With p = 0.5 the two train alike only if the layers fed by
    dropout get half the initial weights, a quarter of the learning rate and four
    times the weight decay (w' = w / 2, so g' = 2 g).

    Source: Krizhevsky, Sutskever, Hinton (2012), section 4.2.
    """

    def __init__(self, p: float = 0.5):
        super().__init__()
        self.p = require_share(p, "Dropout2012", "p")

    def forward(self, x: Tensor) -> Tensor:
        kept = functional.dropout(x, self.p) if self.training else x
        return kept * (1 - self.p)

    def extra_repr(self) -> str:
        return f"p={self.p}"


def dropout_layer(p: float, inverted: bool = True) -> Callable[[], nn.Module]:
    """Return what makes dropout layers: of today's form, or of that of 2012."""
    p = require_share(p, "dropout", "p")
    return partial(nn.Dropout if inverted else Dropout2012, p)


def require_share(value, where: str, name: str) -> float:
    """Return ``value`` as a float in [0, 1), or raise."""
    share = shapes.require_number(value, 0, where, name)
    if share >= 1:
        raise ValueError(
            f"{where}: {name} must be a share of at least 0 and below 1; got {value}."
        )
    return share
