"""LeNet-5: as it is built today, and as it was published in 1998.

Source: LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document
recognition" (Proceedings of the IEEE, 1998), section II-B.
"""

import math
from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional

from .. import shapes
from .layers import Network


def lenet5(
    num_classes: int,
    image_size: int,
    in_channels: int,
    *,
    activation: str = "tanh",
    pool: str = "average",
    c3: str = "full",
) -> Network:
    """Return LeNet-5 as it is built today: 61,706 trainable values for 10 digits.

    Parameters
    ----------
    image_size : 32 as in the paper; below, 28 say, conv1 adds the missing border
    activation : "tanh" or "relu"
    pool : "average", "max", or "trainable": the mean as in 1998, with a coefficient and
        a bias for each map
    c3 : "full", or "sparse": the connections of 1998

    Notes
    -----
    Unlike the network of 1998, every map of C3 sees all maps of S2, pooling has
    nothing to learn (both by default), and the last layer is linear.
    """
    squash = {"tanh": nn.Tanh, "relu": nn.ReLU}
    pools = {
        "average": lambda maps: nn.AvgPool2d(2),
        "max": lambda maps: nn.MaxPool2d(2),
        "trainable": Subsample,
    }
    thirds = {
        "full": lambda: nn.Conv2d(6, 16, 5),
        "sparse": lambda: SparseConv2d(C3_SEES, 5),
    }
    shapes.require_choice(activation, tuple(squash), "lenet5", "activation")
    shapes.require_choice(pool, tuple(pools), "lenet5", "pool")
    shapes.require_choice(c3, tuple(thirds), "lenet5", "c3")
    border = _border(image_size, "lenet5")
    size = ((image_size + 2 * border - 4) // 2 - 4) // 2
    act = activation
    layers = OrderedDict(
        {
            "c1": nn.Conv2d(in_channels, 6, 5, padding=border),  # (N, 6, 28, 28)
            f"{act}1": squash[act](),
            "s2": pools[pool](6),  # (N, 6, 14, 14)
            "c3": thirds[c3](),  # (N, 16, 10, 10)
            f"{act}3": squash[act](),
            "s4": pools[pool](16),  # (N, 16, 5, 5)
            "flatten": nn.Flatten(),
            "c5": nn.Linear(16 * size**2, 120),
            f"{act}5": squash[act](),
            "f6": nn.Linear(120, 84),
            f"{act}6": squash[act](),
            "output": nn.Linear(84, num_classes),
        }
    )
    return Network(layers, (in_channels, image_size, image_size))


def _border(image_size: int, where: str) -> int:
    """Return the zeros on each side that make the image at least 32 pixels wide."""
    image_size = shapes.require_int(image_size, 20, where, "image_size")
    return max(0, math.ceil((32 - image_size) / 2))


# ------------------------------------------------------------------------- as in 1998

# The paper's table I: which maps of S2 each of the 16 maps of C3 sees.
C3_SEES = (
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5),
    (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5),
    (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5),
    (0, 1, 2, 3, 4, 5),
)  # fmt: skip

# The codes of the output layer: the digits in 7 by 12 pixels, drawn for this course in
# the manner of the paper's figure 3.
CODES = """
..###.. ...#... .#####. .#####. ....##. ####### ..####. ####### ..###.. ..###..
.#...#. ..##... #.....# #.....# ...#.#. #...... .#..... ......# .#...#. .#...#.
#.....# .#.#... ......# ......# ..#..#. #...... #...... ......# #.....# #.....#
#.....# ...#... ......# ......# .#...#. #...... #...... .....#. #.....# #.....#
#.....# ...#... .....#. ......# #....#. ######. #.####. .....#. .#...#. #.....#
#.....# ...#... ....#.. ..####. #....#. ......# ##....# ....#.. ..###.. .#...##
#.....# ...#... ...#... ......# ####### ......# #.....# ....#.. .#...#. ..###.#
#.....# ...#... ..#.... ......# .....#. ......# #.....# ...#... #.....# ......#
#.....# ...#... .#..... ......# .....#. ......# #.....# ...#... #.....# ......#
#.....# ...#... #...... ......# .....#. ......# #.....# ..#.... #.....# ......#
.#...#. ...#... #...... #.....# .....#. #.....# .#...#. ..#.... .#...#. .....#.
..###.. .#####. ####### .#####. .....#. .#####. ..###.. ..#.... ..###.. .####..
"""


def lenet5_1998(num_classes: int, image_size: int, in_channels: int) -> Network:
    """Return LeNet-5 as it was published: 60,000 trainable values.

    Logits are negative squared distances to the codes, which are fixed, so that the
    nearest code wins, and cross entropy is the paper's criterion (9) without its
    rubbish class.

    Parameters
    ----------
    num_classes : at most 10: there are codes for the digits only
    image_size : 32 as in the paper, or less: C1 adds the missing border of zeros,
        where the paper has the grey of the background

    Notes
    -----
    The codes are not the paper's own pictures.
    """
    num_classes = shapes.require_int(num_classes, 1, "lenet5-1998", "num_classes", 10)
    shapes.require_int(image_size, 20, "lenet5-1998", "image_size", 32)
    padding = _border(image_size, "lenet5-1998")
    layers = OrderedDict(
        c1=nn.Conv2d(in_channels, 6, 5, padding=padding),  # (N, 6, 28, 28)
        squash1=Squash(),
        s2=Subsample(6),  # (N, 6, 14, 14)
        squash2=Squash(),
        c3=SparseConv2d(C3_SEES, 5),  # (N, 16, 10, 10)
        squash3=Squash(),
        s4=Subsample(16),  # (N, 16, 5, 5)
        squash4=Squash(),
        c5=nn.Conv2d(16, 120, 5),  # (N, 120, 1, 1)
        squash5=Squash(),
        flatten=nn.Flatten(),
        f6=nn.Linear(120, 84),
        squash6=Squash(),
        output=Distances(codes()[:num_classes]),
    )
    return Network(layers, (in_channels, image_size, image_size))


class Squash(nn.Module):
    """``1.7159 tanh(2 x / 3)``: 1 stays about 1 (appendix A)."""

    def forward(self, x: Tensor) -> Tensor:
        return 1.7159 * torch.tanh(x * (2 / 3))


class Subsample(nn.Module):
    """Add the four values of a 2x2 square, times a weight, plus a bias, map by map."""

    kernel_size = stride = 2

    def __init__(self, maps: int):
        super().__init__()
        self.weight = nn.Parameter(torch.full((maps,), 0.25))  # begins as the mean
        self.bias = nn.Parameter(torch.zeros(maps))

    def forward(self, x: Tensor) -> Tensor:
        total = 4 * functional.avg_pool2d(x, 2)  # (N, C, H / 2, W / 2)
        return total * self.weight[:, None, None] + self.bias[:, None, None]

    def fan_in(self, key: str) -> int:
        return 4

    def macs(self, shape: tuple[int, ...]) -> int:
        return math.prod(shape)


class SparseConv2d(nn.Module):
    """A convolution in which each map sees only some of the maps below.

    Parameters
    ----------
    sees : for each map the numbers of the maps below that it sees
    """

    stride = 1

    def __init__(self, sees: tuple[tuple[int, ...], ...], kernel_size: int):
        super().__init__()
        self.sees, self.kernel_size = sees, kernel_size
        seen = [(above, below) for above, row in enumerate(sees) for below in row]
        pairs = torch.tensor(seen).T.contiguous()  # so that processes can send it
        self.register_buffer("pairs", pairs, persistent=False)
        self.weight = nn.Parameter(torch.empty(len(seen), kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.empty(len(sees)))
        for key, values in self.named_parameters():
            share = 2 * torch.rand(values.shape, device="cpu") - 1
            values.data = (share * self.fan_in(key) ** -0.5).to(values)  # as nn.Conv2d

    def forward(self, x: Tensor) -> Tensor:
        whole = self.weight.new_zeros(
            len(self.sees), x.shape[1], *self.weight.shape[1:]
        )
        whole = whole.index_put(tuple(self.pairs), self.weight)  # (F, C, KH, KW)
        return functional.conv2d(x, whole, self.bias)

    def fan_in(self, key: str) -> Tensor:
        counts = [len(row) * self.kernel_size**2 for row in self.sees]
        if key == "weight":
            pairs = zip(counts, self.sees, strict=True)
            counts = [[[count]] for count, row in pairs for _ in row]  # (60, 1, 1)
        return torch.tensor(counts, device="cpu")

    def macs(self, shape: tuple[int, ...]) -> int:
        return self.weight.numel() * math.prod(shape[1:])


class Distances(nn.Module):
    """Minus the squared distance to each code: (N, D) -> (N, K); nothing to learn."""

    def __init__(self, codes: Tensor):
        super().__init__()
        self.register_buffer("codes", codes)  # (K, D)

    def forward(self, x: Tensor) -> Tensor:
        return -(x[:, None] - self.codes).square().sum(2)

    def macs(self, shape: tuple[int, ...]) -> int:
        return self.codes.numel()


def codes() -> Tensor:
    """Return the ten pictures of the output layer as -1 and +1, (10, 84)."""
    lines = [line.split() for line in CODES.strip().split("\n")]  # 12 lines, 10 digits
    pictures = ["".join(parts) for parts in zip(*lines, strict=True)]
    return torch.tensor([[1.0 if dot == "#" else -1.0 for dot in p] for p in pictures])
