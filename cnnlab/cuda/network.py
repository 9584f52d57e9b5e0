"""A network's layers as a GPU computes them fastest; its parameters stay its own.

``Fast(net)`` takes the table of ``nets`` layer by layer and computes the same function:

- Towers: one dense convolution with zeros between the towers. It multiplies by as many
  zeros, and is 1.5 to 8 times as fast as the grouped one (H100, cuDNN 9): grouped
  gradients do not run on matrix units. The zeros are no parameters and get no gradient.
- A first convolution with a stride: 4 x 4 pixels of 3 channels become one place with
  48 maps, and 11 x 11 weights, with a border of zeros, 3 x 3 over them. Three channels
  leave most of a matrix unit empty.
- LRN, max pooling and what stands beside them: ``layers``.
- In bfloat16 a copy of the weights is made by the update, not by every pass.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from cnnlab import nets, shapes
from cnnlab.cuda import layers

AS_THEY_ARE = (
    nn.ReLU, nn.Tanh, nn.Flatten, nn.Dropout, nets.Dropout2012, nn.BatchNorm2d,
    nn.ZeroPad2d,
)  # fmt: skip
FEW = 4  # channels: with so few, a first convolution is folded


class Fast(nn.Module):
    """The function of ``net`` at speed, in training and in evaluation.

    Parameters
    ----------
    net : a ``nets.Network`` whose layers ``fits``
    dtype : in which it computes

    Attributes
    ----------
    copies : parameter of ``net`` -> what is used for it; empty in float32
    fold, seen, border : how the input may be given, see ``batches.Batches``; plain
        images (N, C, S, S) are taken too
    """

    def __init__(self, net: nets.Network, dtype: torch.dtype):
        super().__init__()
        self.dtype, self.copies = dtype, {}
        self.fold, self.seen, self.border = 1, net.image[1], 0
        self.stages = nn.ModuleList(self._stages(net))

    def forward(self, x: Tensor) -> Tensor:
        x = x.to(self.dtype)
        for stage in self.stages:
            x = stage(x)
        return x

    @torch.no_grad()
    def refresh(self) -> None:
        """Copy weights that changed otherwise than by ``update.step``."""
        for parameter, copy in self.copies.items():
            copy.copy_(parameter)

    def _stages(self, net: nets.Network):
        """Yield the stages; each is one layer of ``net``, or a few."""
        rest, bias = list(net.children()), None
        while rest:
            layer, border = rest.pop(0), 0
            if type(layer) is nn.ZeroPad2d and rest and _folds(rest[0]):
                layer, border = rest.pop(0), layer.padding[1]
            if type(layer) is nn.Conv2d:
                bias = self._of(layer.bias)
                own, bias = (None, bias) if _takes_bias(rest) else (bias, None)
                side = net.image[1] + border if _folds(layer) else None
                yield self._convolution(layer, own, side)
            elif type(layer) is nn.Linear:
                yield Dense(self._of(layer.weight), self._of(layer.bias))
            elif type(layer) is nets.WithinMapNorm:
                yield Within(layer)
            elif type(layer) is nn.ReLU and rest and type(rest[0]) in SPECIAL:
                yield _special(rest.pop(0), bias, True, rest)
                bias = None
            elif type(layer) in SPECIAL:
                yield _special(layer, bias, False, rest)
                bias = None
            else:
                yield layer

    def _convolution(self, layer: nn.Conv2d, bias, side: int | None):
        """Return the stage of a convolution; ``side``: of images that are folded."""
        weight = self._of(layer.weight)
        if side is None:
            return Convolution(weight, bias, layer)
        kernel, stride, padding = (
            getattr(layer, name)[0] for name in ("kernel_size", "stride", "padding")
        )
        out = (side + 2 * padding - kernel) // stride + 1
        self.fold, self.border = stride, padding
        self.seen = (out - 1) * stride + -(-kernel // stride) * stride
        return Folded(weight, bias, stride, padding, self.seen)

    def _of(self, parameter):
        """Return what stands for a parameter: itself, or its copy."""
        if parameter is None or parameter.dtype == self.dtype:
            return parameter
        copy = nn.Parameter(parameter.detach().to(self.dtype))
        self.copies[parameter] = copy
        return copy


def fits(net) -> bool:
    """Return whether ``Fast`` knows all layers of ``net``."""
    if type(net) is not nets.Network or net.image is None:
        return False
    return all(_known(layer) for layer in net.children())


def _known(layer: nn.Module) -> bool:
    if type(layer) is nn.Conv2d:
        return layer.padding_mode == "zeros" and not isinstance(layer.padding, str)
    if type(layer) is nn.MaxPool2d:
        window = layer.kernel_size, layer.stride, layer.padding
        return layer.dilation == 1 and all(isinstance(n, int) for n in window)
    if type(layer) is nets.WithinMapNorm:
        return layer.size % 2 == 1
    return type(layer) in (*AS_THEY_ARE, *SPECIAL, nn.Linear)


def _folds(layer) -> bool:
    """Return whether a layer is a convolution of few channels with a stride."""
    if type(layer) is not nn.Conv2d or layer.in_channels > FEW or layer.groups > 1:
        return False
    square = all(
        len({*getattr(layer, name)}) == 1
        for name in ("kernel_size", "stride", "padding")
    )
    return square and layer.stride[0] > 1 and layer.dilation == (1, 1)


def _takes_bias(rest: list) -> bool:
    """Return whether a bias can be added by what follows, beyond a ReLU."""
    after = [type(layer) for layer in rest[:2]] + [None, None]
    return after[0] in SPECIAL or (after[0] is nn.ReLU and after[1] in SPECIAL)


def _special(layer, bias, relu: bool, rest: list) -> nn.Module:
    """Return the stage of a normalisation, or of a pooling with the ReLU around it."""
    if type(layer) is nets.LocalResponseNorm:
        return Normalise(layer, bias, relu)
    if not relu and rest and type(rest[0]) is nn.ReLU:
        relu = bool(rest.pop(0))
    return Pool(layer, bias, relu)  # a ReLU before it and one after are the same


SPECIAL = (nets.LocalResponseNorm, nn.MaxPool2d)


class Convolution(nn.Module):
    def __init__(self, weight, bias, layer: nn.Conv2d):
        super().__init__()
        self.weight, self.bias, self.groups = weight, bias, layer.groups
        self.how = layer.stride, layer.padding, layer.dilation

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight if self.groups == 1 else dense(self.weight, self.groups)
        return functional.conv2d(x, weight, self.bias, *self.how)


def dense(weight: Tensor, groups: int) -> Tensor:
    """Return (O, I groups, h, w) with zeros between groups for (O, I, h, w)."""
    parts = weight.chunk(groups)
    width = weight.shape[1]
    rows = [
        functional.pad(part, (0, 0, 0, 0, n * width, (groups - 1 - n) * width))
        for n, part in enumerate(parts)
    ]
    return torch.cat(rows).contiguous(memory_format=torch.channels_last)


class Folded(nn.Module):
    """A convolution with a stride over images of few channels, by space to depth."""

    def __init__(self, weight, bias, stride: int, padding: int, seen: int):
        super().__init__()
        self.weight, self.bias = weight, bias
        self.stride, self.padding, self.seen = stride, padding, seen

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[1] == self.weight.shape[1]:  # plain images
            x = fold(x, self.stride, self.padding, self.seen)
        weight = fold_kernels(self.weight, self.stride)
        return functional.conv2d(x, weight, self.bias)


def fold(x: Tensor, side: int, padding: int, seen: int) -> Tensor:
    """Return (N, side^2 C, seen / side, seen / side) for images (N, C, S, S).

    The images lie ``padding`` pixels from top and left; beyond them there are zeros.
    """
    right = seen - padding - x.shape[-1]  # below zero: pixels that no window reaches
    x = functional.pad(x, (padding, right, padding, right))
    x = x.unflatten(3, (-1, side)).unflatten(2, (-1, side))  # N, C, Y, dy, X, dx
    x = x.permute(0, 3, 5, 1, 2, 4).flatten(1, 3)
    return x.contiguous(memory_format=torch.channels_last)


def fold_kernels(weight: Tensor, side: int) -> Tensor:
    """Return kernels over folded images for (O, C, k, k), zeros where k is not full."""
    rest = -weight.shape[-1] % side
    weight = functional.pad(weight, (0, rest, 0, rest))
    weight = weight.unflatten(3, (-1, side)).unflatten(2, (-1, side))
    weight = weight.permute(0, 3, 5, 1, 2, 4).flatten(1, 3)
    return weight.contiguous(memory_format=torch.channels_last)


class Dense(nn.Module):
    def __init__(self, weight, bias):
        super().__init__()
        self.weight, self.bias = weight, bias

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.weight, self.bias)


class Normalise(nn.Module):
    def __init__(self, layer: nets.LocalResponseNorm, bias, relu: bool):
        super().__init__()
        self.bias = bias
        how = relu, layer.size, layer.alpha, layer.beta, layer.k, layer.groups
        self.how = how

    def forward(self, x: Tensor) -> Tensor:
        return layers.lrn(_last(x), self.bias, *self.how)


class Pool(nn.Module):
    def __init__(self, layer: nn.MaxPool2d, bias, relu: bool):
        super().__init__()
        self.bias, self.relu, self.ceil = bias, relu, layer.ceil_mode
        self.window = layer.kernel_size, layer.stride, layer.padding

    def forward(self, x: Tensor) -> Tensor:
        side = [
            shapes.out_size(n, *self.window, ceil_mode=self.ceil) for n in x.shape[2:]
        ]
        return layers.max_pool(_last(x), self.bias, self.relu, *self.window, *side)[0]


class Within(nn.Module):
    def __init__(self, layer: nets.WithinMapNorm):
        super().__init__()
        self.layer, self.how = layer, (layer.size, layer.alpha, layer.beta)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[3] > layers.WIDEST:
            return self.layer(x)
        return layers.within_map(_last(x), *self.how)[0]


def _last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)
