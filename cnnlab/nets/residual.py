"""Deep stacks of 3x3 convolutions, with shortcuts and without: the networks for CIFAR.

Source: He, Zhang, Ren, Sun, "Deep residual learning for image recognition" (CVPR
2016), section 4.2: three stages of blocks of two convolutions, shortcuts without
weights (option A), so that a plain network and a residual one have equally many.
"""

from collections import OrderedDict

from torch import Tensor, nn
from torch.nn import functional

from .. import shapes
from .layers import Network


class Block(nn.Module):
    """Two convolutions; with a shortcut, their input is added to their output.

    Where the maps become more and smaller, the shortcut takes every second pixel and
    adds maps of zeros.
    """

    def __init__(self, channels: int, filters: int, norm: str, shortcut: bool):
        super().__init__()
        self.stride, self.more = filters // channels, filters - channels
        self.shortcut = shortcut
        plain = norm == "none"
        self.conv1 = nn.Conv2d(channels, filters, 3, self.stride, 1, bias=plain)
        self.norm1 = nn.Identity() if plain else nn.BatchNorm2d(filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=plain)
        self.norm2 = nn.Identity() if plain else nn.BatchNorm2d(filters)

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        if self.shortcut:
            if self.more:
                x = x[:, :, :: self.stride, :: self.stride]
                x = functional.pad(x, (0, 0, 0, 0, 0, self.more))
            y = y + x
        return functional.relu(y)


def residual(
    num_classes: int,
    image_size: int,
    in_channels: int,
    *,
    depth: int = 20,
    width: int = 16,
    shortcuts: bool = True,
    norm: str = "batch",
    stride: int = 1,
) -> Network:
    """Return conv1, three stages of (depth - 2) / 6 blocks, the mean, and scores.

    Parameters
    ----------
    depth : layers with weights along the way: 8, 14, 20, 26, 32 ...
    width : filters of the first stage; the second and third have two and four times
        as many, at a half and a quarter of the size
    shortcuts : False for the plain network of the same weights
    norm : "batch" after every convolution, or "none"
    stride : of conv1; 2 leaves a quarter of the work

    Examples
    --------
    >>> from cnnlab import nets
    >>> net = nets.build("residual", depth=20)
    >>> sum(p.numel() for p in net.parameters())
    269722
    """
    depth = shapes.require_int(depth, 8, "residual", "depth")
    width = shapes.require_int(width, 1, "residual", "width")
    stride = shapes.require_int(stride, 1, "residual", "stride", 2)
    shapes.require_int(image_size, 4, "residual", "image_size")
    shapes.require_choice(norm, ("batch", "none"), "residual", "norm")
    if depth % 6 != 2:
        raise ValueError(
            "residual: depth must be 6 n + 2, such as 8, 14, 20, 26 or 32; got "
            f"{depth}."
        )
    layers = OrderedDict()
    layers["conv1"] = nn.Conv2d(in_channels, width, 3, stride, 1, bias=norm == "none")
    if norm == "batch":
        layers["norm1"] = nn.BatchNorm2d(width)
    layers["relu1"] = nn.ReLU()
    channels = width
    for stage, filters in enumerate((width, 2 * width, 4 * width), 2):
        for n in range(1, depth // 6 + 1):
            layers[f"block{stage}_{n}"] = Block(channels, filters, norm, shortcuts)
            channels = filters
    layers["mean"] = nn.AdaptiveAvgPool2d(1)
    layers["flatten"] = nn.Flatten()
    layers["fc"] = nn.Linear(channels, num_classes)
    return Network(layers, (in_channels, image_size, image_size))
