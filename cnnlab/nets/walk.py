"""What every layer of a network gives, holds, costs and sees, by walking through it."""

import math
from typing import NamedTuple

import torch
from torch import nn
from torch.func import functional_call

from .. import shapes
from .initialise import require_module


class Layer(NamedTuple):
    """One layer on the way through a network; all numbers are for one image."""

    name: str
    kind: str  # the class of the module
    shape: tuple[int, ...]  # of its output, without the batch axis
    params: int  # trainable values
    macs: int  # multiply-accumulates; only weighted sums count
    bytes: int  # of its output
    field: shapes.Field  # jump 0: every unit sees the same, the whole image

    @property
    def neurons(self) -> int:
        """Return the units that form a weighted sum."""
        return math.prod(self.shape) if self.macs else 0


def walk(net: nn.Module, input_shape: tuple[int, ...] | None = None) -> list[Layer]:
    """Return the layers of ``net`` in the order in which an image passes them.

    Parameters
    ----------
    net : layers that follow one another; other networks get right shapes and costs,
        but a receptive field only along the order of the calls
    input_shape : (C, H, W); what ``net`` was built for by default

    Notes
    -----
    Nothing is computed: the layers run on PyTorch's meta device, which has shapes
    and no values. ``net`` stays where and as it is.

    Examples
    --------
    >>> from cnnlab import nets
    >>> conv1 = nets.walk(nets.build("lenet5"))[0]
    >>> conv1.name, conv1.shape, conv1.params, conv1.macs, conv1.field.size
    ('c1', (6, 28, 28), 156, 117600, 5)
    """
    image = _image(net, input_shape)
    names = {module: name for name, module in net.named_modules()}
    layers, field = [], shapes.Field()

    def note(module, inputs, output):
        nonlocal field
        given, shape = tuple(inputs[0].shape[1:]), tuple(output.shape[1:])
        field = _field(module, field, shape, image)
        size = shapes.activation_bytes(shape, output.element_size())
        kind, macs = type(module).__name__, _macs(module, given, shape)
        row = (names[module], kind, shape, params[module], macs, size, field)
        layers.append(Layer(*row))

    leaves = [module for module in names if not list(module.children())]
    params = {m: sum(p.numel() for p in m.parameters()) for m in leaves}
    hooks = [module.register_forward_hook(note) for module in leaves]
    try:
        _pass(net, image)
    finally:
        for hook in hooks:
            hook.remove()
    return layers


def _image(net: nn.Module, input_shape) -> tuple[int, ...]:
    require_module(net, "walk")
    image = getattr(net, "image", None) if input_shape is None else input_shape
    if not isinstance(image, (tuple, list)) or len(image) != 3:
        raise ValueError(
            "walk: input_shape needs (C, H, W), the shape of one image; got "
            f"{shapes.spoken(input_shape)}."
        )
    return tuple(shapes.require_int(n, 1, "walk", "input_shape") for n in image)


def _pass(net: nn.Module, image: tuple[int, ...]) -> None:
    """Run ``net`` on two images without values; one alone has no batch statistics."""
    values = dict(net.named_parameters()) | dict(net.named_buffers())
    empty = {k: torch.empty_like(v, device="meta") for k, v in values.items()}
    dtype = next((v.dtype for v in empty.values() if v.is_floating_point()), None)
    with torch.no_grad():
        functional_call(net, empty, torch.empty(2, *image, dtype=dtype, device="meta"))


def _macs(module: nn.Module, given, shape: tuple[int, ...]) -> int:
    """Return the multiply-accumulates of one image, ``given`` its shape before."""
    if hasattr(module, "macs"):
        return module.macs(shape)
    if isinstance(module, nn.Conv2d):
        return shapes.conv_macs(
            module.in_channels,
            module.out_channels,
            module.kernel_size,
            shape[1:],
            module.groups,
        )
    if isinstance(module, nn.Linear):
        return math.prod(shape) * module.in_features
    if isinstance(module, nn.ConvTranspose2d):  # each input goes to a whole window
        window = math.prod(module.kernel_size) * module.out_channels // module.groups
        return math.prod(given) * window
    return 0


def _field(module: nn.Module, field: shapes.Field, shape, image) -> shapes.Field:
    """Return the receptive field after ``module``, along the image's height."""
    adaptive = type(module).__name__.startswith("Adaptive") and shape[1:] == (1, 1)
    if isinstance(module, nn.Linear) or adaptive or not field.jump:
        return shapes.Field(image[1], 0, 0)
    if isinstance(module, nn.ZeroPad2d):
        return field._replace(start=field.start - module.padding[2] * field.jump)
    if not hasattr(module, "kernel_size"):
        return field
    names = ("kernel_size", "stride", "padding", "dilation")
    window = {name: getattr(module, name) for name in names if hasattr(module, name)}
    window = {n: v[0] if isinstance(v, tuple) else v for n, v in window.items()}
    if isinstance(module, nn.Conv2d) and isinstance(module.padding, str):
        total = window["dilation"] * (window["kernel_size"] - 1)
        window["padding"] = total // 2 if module.padding == "same" else 0
    return field.then(**window)


def table(net: nn.Module, input_shape: tuple[int, ...] | None = None) -> str:
    """Return the layers of ``net`` as a table, with sums in the last line.

    Examples
    --------
    >>> from cnnlab import nets
    >>> print(nets.table(nets.build("cuda-convnet")).splitlines()[1])
    conv1    Conv2d       32 x 32 x 32       2,432   2,457,600  128.0 KiB     5
    """
    layers = walk(net, input_shape)
    rows = [("layer", "kind", "output", "parameters", "MACs", "memory", "sees")]
    rows += [_row(layer) for layer in layers]
    params, macs, size = (
        sum(getattr(layer, key) for layer in layers)
        for key in ("params", "macs", "bytes")
    )
    neurons = f"{sum(layer.neurons for layer in layers):,} neurons"
    rows += [("total", "", neurons, f"{params:,}", f"{macs:,}", _readable(size), "")]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_line(row, widths) for row in rows)


def _row(layer: Layer) -> tuple[str, ...]:
    shape = " x ".join(map(str, layer.shape))
    sees = str(layer.field.size) if layer.field.jump else "all"
    costs = (f"{n:,}" if n else "-" for n in (layer.params, layer.macs))
    return (layer.name, layer.kind, shape, *costs, _readable(layer.bytes), sees)


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    words = zip(row, widths, strict=True)
    cells = [f"{w:{n}}" if i < 2 else f"{w:>{n}}" for i, (w, n) in enumerate(words)]
    return "  ".join(cells).rstrip()


def _readable(size: int) -> str:
    return f"{size / 2**10:,.1f} KiB" if size < 2**20 else f"{size / 2**20:,.1f} MiB"
