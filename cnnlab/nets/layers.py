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

    Call it with float images (N, C, S, S); it returns logits (N, K). A part of it,
    ``net[:3]`` or ``net.upto("conv2")``, holds the same weights and takes any size.
    """

    def __init__(self, layers: OrderedDict, image: tuple[int, int, int] | None = None):
        super().__init__(layers)
        self.image = image  # (C, S, S), or None for any

    def forward(self, x: Tensor) -> Tensor:
        if self.image is not None:
            self._require_images(x)
        return super().forward(x)

    def upto(self, name: str) -> "Network":
        """Return the layers up to ``name``, with it."""
        names = tuple(self._modules)
        shapes.require_choice(name, names, "upto", "name")
        return self[: names.index(name) + 1]

    def _require_images(self, x: Tensor) -> None:
        shapes.require_axes(x, "N, C, H, W", "network", "x", "One image: x[None].")
        if tuple(x.shape[1:]) != self.image:
            raise ValueError(
                f"network: x needs images of shape {self.image}; got "
                f"{tuple(x.shape[1:])}. Crop them, or build the network for them: "
                f"image_size={x.shape[-1]}, in_channels={x.shape[1]}."
            )
        if not isinstance(x, Tensor) or not x.is_floating_point():
            raise TypeError(
                f"network: x needs float images in a tensor; got {shapes.spoken(x)}. "
                "Subtract the mean, or convert them: torch.as_tensor(x).float()."
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
        if x.ndim < 2 or x.shape[1] % self.groups:
            raise ValueError(
                f"LocalResponseNorm: x needs axes (N, C, ...) with C a multiple of "
                f"groups={self.groups}; got shape {tuple(x.shape)}."
            )
        return _Normalise.apply(
            x, self.size, self.alpha / self.size, self.beta, self.k, self.groups
        )

    def extra_repr(self) -> str:
        return (
            f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}, "
            f"groups={self.groups}"
        )


class _Normalise(torch.autograd.Function):
    """Local response normalisation with its derivative written out.

    With ``s_c = k + a sum_j x_j^2`` and ``y_c = x_c s_c^-beta``:
    ``dL/dx_j = g_j s_j^-beta - 2 a beta x_j sum_c g_c x_c s_c^(-beta - 1)``,
    where c runs over the maps whose window holds j. Only x is kept for it.
    """

    @staticmethod
    def forward(x, size, a, beta, k, groups):
        towers = _in_towers(x, groups)
        return _as_maps(towers * _power(_scale(towers, size, a, k), beta), x)

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, *ctx.constants = inputs
        ctx.save_for_backward(x)

    @staticmethod
    def backward(ctx, gradient):
        size, a, beta, k, groups = ctx.constants
        (original,) = ctx.saved_tensors
        x, g = _in_towers(original, groups), _in_towers(gradient, groups)
        scale = _scale(x, size, a, k)
        direct = g * _power(scale, beta)
        # the windows that hold j: mirrored, where the size is even
        across = _window_sum(direct * x / scale, (size - 1) // 2, size // 2)
        slope = torch.addcmul(direct, x, across, value=-2 * a * beta)
        return (_as_maps(slope, original), *[None] * 5)

    @staticmethod
    def vmap(info, axes, x, *constants):
        images = x.movedim(axes[0], 0)  # the mapped axis joins the images
        y = _Normalise.apply(images.flatten(0, 1), *constants)
        return y.unflatten(0, images.shape[:2]), 0


def _in_towers(x: Tensor, groups: int) -> Tensor:
    """Return (N, ..., groups, C / groups) in float32, or float64 if it was."""
    x = x.to(torch.promote_types(x.dtype, torch.float32))
    return x.movedim(1, -1).unflatten(-1, (groups, -1))


def _as_maps(x: Tensor, like: Tensor) -> Tensor:
    """Undo ``_in_towers``: the axes and the type of ``like``."""
    return x.flatten(-2).movedim(-1, 1).to(like.dtype)


def _scale(x: Tensor, size: int, a: float, k: float) -> Tensor:
    left, right = size // 2, (size - 1) // 2  # as PyTorch, also where size is even
    return _window_sum(x * x, left, right).mul_(a).add_(k)


def _window_sum(x: Tensor, left: int, right: int) -> Tensor:
    """Sum over the maps c - left ... c + right of the same tower; x (..., C).

    On a CPU as a product with a matrix of ones around the diagonal: faster than adding
    shifted maps, although it multiplies by many zeros. Compilers fuse the additions,
    and where a value is infinite (a square beyond the range), 0 times it is not 0.
    """
    count = x.shape[-1]
    recorded = torch.compiler.is_compiling() or torch.jit.is_tracing()
    if x.device.type == "cpu" and not recorded:
        # Autocast would multiply, and add up, in bfloat16 with its three digits.
        with torch.autocast("cpu", enabled=False):
            total = _banded(x, x.new_ones(count, count).tril(left).triu(-right))
        if _is_known_finite(total):
            return total
    total = x.clone()
    for shift in range(1, min(left, count - 1) + 1):
        total[..., shift:] += x[..., :-shift]
    for shift in range(1, min(right, count - 1) + 1):
        total[..., :-shift] += x[..., shift:]
    return total


def _is_known_finite(x: Tensor) -> bool:
    try:
        return bool(x.sum().isfinite())
    except RuntimeError:  # under torch.func.vmap, values decide nothing
        return False


def _banded(x: Tensor, band: Tensor) -> Tensor:
    """Return ``x @ band``, multiplied from the side on which the values lie."""
    maps = x.movedim((-2, -1), (1, 2))  # (N, groups, C, ...)
    if not maps.is_contiguous():
        return x @ band
    flat = maps.unsqueeze(-1).flatten(3)
    return (band.mT @ flat).view(maps.shape).movedim((1, 2), (-2, -1))


def _power(scale: Tensor, beta: float) -> Tensor:
    """Return ``scale ** -beta``; for 0.75 by roots, which are faster than powers."""
    if beta == 0.75:
        root = scale.rsqrt()
        return root * root.sqrt()
    return scale.pow(-beta)


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
        exact = x.to(torch.promote_types(x.dtype, torch.float32))
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
