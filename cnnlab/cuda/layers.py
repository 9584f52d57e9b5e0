"""The layers that PyTorch has slower on a GPU, as operators with their derivatives.

Each equals a layer of ``nets`` (or two: what follows or precedes it comes for free);
x is (N, C, H, W) in channels-last memory, float32 inside whatever its type.
"""

import torch
from torch import Tensor
from triton import cdiv, next_power_of_2

from cnnlab.cuda import kernels

# Sizes of tiles: the largest for which compute capability 9 keeps all in registers
# (`ptxas -v`: no spills; with 128 maps there are some).
PIXELS, MAPS = 32, 64
WIDEST = 64  # pixels of a row that ``within_map`` takes
BLOCK = 1024  # values of a program that works on them one by one

# ------------------------------------------------------- local response normalisation


@torch.library.custom_op("cnnlab::lrn", mutates_args=())
def lrn(x: Tensor, bias: Tensor | None, relu: bool, size: int, alpha: float,
        beta: float, k: float, groups: int) -> Tensor:  # fmt: skip
    """``nets.LocalResponseNorm`` of x + bias, after a ReLU if ``relu``."""
    y = torch.empty_like(x)
    _launch_lrn(kernels.lrn_forward, (x, bias, y), size, alpha, beta, k, groups, relu)
    return y


@torch.library.custom_op("cnnlab::lrn_slope", mutates_args=())
def lrn_slope(x: Tensor, bias: Tensor | None, gradient: Tensor, relu: bool, size: int,
              alpha: float, beta: float, k: float, groups: int) -> Tensor:  # fmt: skip
    """The gradient of ``lrn`` with respect to x."""
    slope = torch.empty_like(x)
    tensors = x, bias, _like(gradient, x), slope
    _launch_lrn(kernels.lrn_backward, tensors, size, alpha, beta, k, groups, relu)
    return slope


def _launch_lrn(kernel, tensors, size, alpha, beta, k, groups, relu) -> None:
    x, bias, *_ = tensors
    channels = x.shape[1]
    tower = channels // groups
    wide = min(MAPS, max(16, next_power_of_2(tower)))
    halo = 0 if wide >= tower else size - 1
    blocks = cdiv(tower, wide - 2 * halo)
    pixels = x.numel() // channels
    # Without a bias any pointer does: the kernel does not look at it.
    tensors = x, x if bias is None else bias, *tensors[2:]
    rows = PIXELS * block_of(x) // BLOCK
    kernel[(cdiv(pixels, rows), groups * blocks)](
        *tensors, pixels, alpha / size, k, BETA=beta, LEFT=size // 2,
        RIGHT=(size - 1) // 2, BIAS=bias is not None, RELU=relu, CHANNELS=channels,
        TOWER=tower, ROWS=rows, WIDE=wide, HALO=halo, BLOCKS=blocks,
        PARTS=_parts(x),
    )  # fmt: skip


# ------------------------------------------------------------------------- max pooling


@torch.library.custom_op("cnnlab::max_pool", mutates_args=())
def max_pool(x: Tensor, bias: Tensor | None, relu: bool, side: int, stride: int,
             padding: int, high: int, wide: int) -> tuple[Tensor, Tensor]:  # fmt: skip
    """``nn.MaxPool2d`` of x + bias, a ReLU after it if ``relu``: y (N, C, high, wide).

    Beside y: uint8 like it, the place of the maximum in its window; 255 where the ReLU
    let nothing through.
    """
    y, which = _pooled(x, high, wide)
    count, block = y.numel(), block_of(x)
    kernels.pool_forward[(cdiv(count, block),)](
        x, x if bias is None else bias, y, which, count, BIAS=bias is not None,
        RELU=relu, SIDE=side, STRIDE=stride, PADDING=padding, HEIGHT=x.shape[2],
        WIDTH=x.shape[3], HIGH=high, WIDE=wide, CHANNELS=x.shape[1], BLOCK=block,
    )  # fmt: skip
    return y, which


@torch.library.custom_op("cnnlab::max_pool_slope", mutates_args=())
def max_pool_slope(gradient: Tensor, which: Tensor, side: int, stride: int,
                   padding: int, height: int, width: int) -> Tensor:  # fmt: skip
    """The gradient of ``max_pool`` with respect to x (N, C, height, width)."""
    gradient = _like(gradient, which)
    slope, _ = _pooled(gradient, height, width)
    count, block = slope.numel(), block_of(slope)
    kernels.pool_backward[(cdiv(count, block),)](
        gradient, which, slope, count, SIDE=side, STRIDE=stride, PADDING=padding,
        REACH=cdiv(side, stride), HEIGHT=height, WIDTH=width, HIGH=which.shape[2],
        WIDE=which.shape[3], CHANNELS=which.shape[1], BLOCK=block,
    )  # fmt: skip
    return slope


def _pooled(x: Tensor, high: int, wide: int) -> tuple[Tensor, Tensor]:
    """Return memory for values and bytes of maps (N, C, high, wide), channels last."""
    shape = (x.shape[0], high, wide, x.shape[1])
    y = torch.empty(shape, dtype=x.dtype, device=x.device)
    which = torch.empty(shape, dtype=torch.uint8, device=x.device)
    return y.permute(0, 3, 1, 2), which.permute(0, 3, 1, 2)


# ---------------------------------------------------------- normalisation within a map


@torch.library.custom_op("cnnlab::within_map", mutates_args=())
def within_map(x: Tensor, size: int, alpha: float,
               beta: float) -> tuple[Tensor, Tensor]:  # fmt: skip
    """``nets.WithinMapNorm``; beside it the float32 scale that was raised to -beta."""
    y, scale = torch.empty_like(x), torch.empty_like(x, dtype=torch.float32)
    _launch_within(kernels.within_forward, (x, y, scale), size, alpha, beta)
    return y, scale


@torch.library.custom_op("cnnlab::within_map_slope", mutates_args=())
def within_map_slope(x: Tensor, gradient: Tensor, scale: Tensor, size: int,
                     alpha: float, beta: float) -> Tensor:  # fmt: skip
    """The gradient of ``within_map`` with respect to x."""
    slope = torch.empty_like(x)
    tensors = x, _like(gradient, x), scale, slope
    _launch_within(kernels.within_backward, tensors, size, alpha, beta)
    return slope


def _launch_within(kernel, tensors, size, alpha, beta) -> None:
    x = tensors[0]
    count, channels, height, width = x.shape
    wide = min(MAPS, max(16, next_power_of_2(channels)))
    kernel[(count * height, cdiv(channels, wide))](
        *tensors, alpha / size**2, BETA=beta, SIDE=size, HEIGHT=height, WIDTH=width,
        CHANNELS=channels, ROW=max(16, next_power_of_2(width)), WIDE=wide,
        PARTS=_parts(x),
    )  # fmt: skip


# ------------------------------------------------- shapes and derivatives for PyTorch


@lrn.register_fake
def _(x, bias, relu, size, alpha, beta, k, groups):
    return torch.empty_like(x)


@lrn_slope.register_fake
def _(x, bias, gradient, relu, size, alpha, beta, k, groups):
    return torch.empty_like(x)


@max_pool.register_fake
def _(x, bias, relu, side, stride, padding, high, wide):
    return _pooled(x, high, wide)


@max_pool_slope.register_fake
def _(gradient, which, side, stride, padding, height, width):
    return _pooled(gradient, height, width)[0]


@within_map.register_fake
def _(x, size, alpha, beta):
    return torch.empty_like(x), torch.empty_like(x, dtype=torch.float32)


@within_map_slope.register_fake
def _(x, gradient, scale, size, alpha, beta):
    return torch.empty_like(x)


def _keep_lrn(ctx, inputs, output):
    x, bias, *ctx.constants = inputs
    ctx.save_for_backward(x, bias)


def _lrn_back(ctx, gradient):
    x, bias = ctx.saved_tensors
    slope = lrn_slope(x, bias, gradient, *ctx.constants)
    return slope, _bias_slope(ctx, slope), *[None] * 6


def _keep_pool(ctx, inputs, output):
    x, bias, _, *window, _, _ = inputs
    ctx.window = *window, *x.shape[2:]
    ctx.save_for_backward(output[1])
    ctx.bias = bias is not None
    ctx.set_materialize_grads(True)


def _pool_back(ctx, gradient, _):
    (which,) = ctx.saved_tensors
    slope = max_pool_slope(gradient, which, *ctx.window)
    through = torch.where(which != 255, gradient, 0) if ctx.bias else None
    return slope, _bias_slope(ctx, through), *[None] * 6


def _bias_slope(ctx, slope):
    """Return the bias's gradient: the sum over images and places, in float32."""
    if not ctx.needs_input_grad[1]:
        return None
    return slope.sum((0, 2, 3), dtype=torch.float32).to(slope.dtype)


def _keep_within(ctx, inputs, output):
    x, *ctx.constants = inputs
    ctx.save_for_backward(x, output[1])


def _within_back(ctx, gradient, _):
    x, scale = ctx.saved_tensors
    return within_map_slope(x, gradient, scale, *ctx.constants), None, None, None


lrn.register_autograd(_lrn_back, setup_context=_keep_lrn)
max_pool.register_autograd(_pool_back, setup_context=_keep_pool)
within_map.register_autograd(_within_back, setup_context=_keep_within)


def _like(gradient: Tensor, x: Tensor) -> Tensor:
    """Return a gradient in the memory order and the type of ``x``."""
    if gradient.stride() == x.stride():
        return gradient
    return torch.empty_like(x, dtype=gradient.dtype).copy_(gradient)


def block_of(x: Tensor) -> int:
    """Return the values of a program; the interpreter is slow by the program."""
    return 64 * BLOCK if x.device.type == "cpu" else BLOCK


def _parts(x: Tensor) -> int:
    """Return the bfloat16 parts of a sum's terms, see ``kernels._dot``."""
    if x.device.type == "cpu":  # interpreted
        return 0
    return 3 if x.dtype == torch.float32 else 2
