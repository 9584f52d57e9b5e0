"""What came after AlexNet, on paper and in NumPy: stacks, blocks, norms, probes.

The functions of notebook 15, written as their definition. Sources: Simonyan and
Zisserman, ICLR 2015 (VGG); He, Zhang, Ren and Sun, CVPR 2016 (residual networks); Ioffe
and Szegedy, ICML 2015 (batch normalisation); Szegedy and others, CVPR 2015 (inception).
"""

import re

import numpy as np

from cnnlab import arrays, fast, linear, shapes

# Top-1 and top-5 error in per cent on ImageNet's validation photographs, by the VGG
# paper's table 3: smallest side 256 in training and at test (C to E have more rows).
VGG_ERRORS = {
    "vgg-a": (29.6, 10.4),
    "vgg-a-lrn": (29.7, 10.5),
    "vgg-b": (28.7, 9.9),
    "vgg-c": (28.1, 9.4),
    "vgg-d": (27.0, 8.8),
    "vgg-e": (27.3, 9.0),
}

# The first inception block of GoogLeNet, 3a (table 1 of its paper): maps in, side, and
# the filters of its four ways; a way of two windows reduces by 1 x 1 first.
INCEPTION_3A = {
    "maps": 192,
    "side": 28,
    "ways": (((64, 1),), ((96, 1), (128, 3)), ((16, 1), (32, 5)), ((32, 1),)),
}


# ------------------------------------------------------------------------ counting


def read_blocks(text: str) -> list[list[tuple[int, int]]]:
    """Return the convolutions of each block of a VGG: (filters, side of the window).

    A number is a 3 x 3 convolution with so many filters, ``1:256`` a 1 x 1 one; a
    normalisation (LRN) has no weights and is left out.

    Examples
    --------
    >>> read_blocks("64 LRN | 128 1:256")
    [[(64, 3)], [(128, 3), (256, 1)]]
    """
    if not isinstance(text, str) or not re.fullmatch(
        r"( *(([1-9]\d?:)?[1-9]\d{0,4}|LRN|\|))+ *", text
    ):
        raise ValueError(
            "read_blocks: blocks are written as numbers of filters, with | for a "
            f"pooling, such as '64 | 128 1:128'; got {shapes.spoken(text)}."
        )
    blocks = []
    for part in text.split("|"):
        words = [word.rpartition(":") for word in part.split() if word != "LRN"]
        blocks.append([(int(filters), int(side or 3)) for side, _, filters in words])
    if not all(blocks):
        raise ValueError(
            f"read_blocks: a block without a convolution in {shapes.spoken(text)}; "
            "| stands between two blocks."
        )
    return blocks


def vgg_parameters(blocks, size=224, hidden=4096, classes=1000) -> int:
    """Return the number of weights and biases of a VGG network.

    Parameters
    ----------
    blocks : as `read_blocks` returns them; after each one the maps are half as large,
        rounded down
    size : of the image, in pixels of a side; it has 3 channels
    hidden : neurons of each of the first two dense layers
    classes : neurons of the last

    Examples
    --------
    >>> vgg_parameters([[(2, 3)], [(4, 1)]], size=8, hidden=5, classes=3)
    201
    """
    where = "vgg_parameters"
    blocks = _checked_blocks(blocks, where)
    size = shapes.require_int(size, 2 ** len(blocks), where, "size", 10**5)
    hidden = shapes.require_int(hidden, 1, where, "hidden", 10**6)
    classes = shapes.require_int(classes, 1, where, "classes", 10**6)
    channels, total = 3, 0
    for block in blocks:
        for filters, k in (map(int, pair) for pair in block):  # int8 would overflow
            total += filters * (channels * k * k + 1)
            channels = filters
        size //= 2
    inputs = channels * size * size
    for outputs in (hidden, hidden, classes):
        total += outputs * (inputs + 1)
        inputs = outputs
    return total


def _checked_blocks(blocks, where):
    rows = blocks if isinstance(blocks, (list, tuple)) else ()
    for number, block in enumerate(rows, 1):
        pairs = block if isinstance(block, (list, tuple)) and block else (None,)
        for row in pairs:
            if not isinstance(row, (list, tuple)) or len(row) != 2:
                raise TypeError(
                    f"{where}: block {number} needs pairs (filters, k); got "
                    f"{shapes.spoken(row)}."
                )
            for value, name in zip(row, ("filters", "k"), strict=True):
                shapes.require_int(value, 1, where, f"{name} of block {number}")
    if not rows:
        raise ValueError(
            f"{where}: blocks needs a list of blocks, one at least; make one of a "
            'text: read_blocks("64 | 128").'
        )
    return rows


def inception_macs(maps: int, side: int, ways, reduced: bool = True) -> int:
    """Return the multiply-accumulates of an inception block for one image.

    Parameters
    ----------
    maps, side : of what comes in
    ways : as in INCEPTION_3A; the last is the one behind the pooling
    reduced : False leaves every 1 x 1 convolution out that only reduces
    """
    total = 0
    for way in ways if reduced else (ways[0], *(way[-1:] for way in ways[1:-1])):
        channels = maps
        for filters, k in way:
            total += shapes.conv_macs(channels, filters, k, (side, side))
            channels = filters
    return total


# -------------------------------------------------------------------------- blocks


def residual_block(x, w1, b1, w2, b2, stride=1) -> np.ndarray:
    """Return relu(conv(relu(conv(x))) + x): two convolutions and a shortcut.

    Where the block has more maps than x, the shortcut adds maps of zeros behind those
    of x; with a stride it takes every stride-th row and column (He et al., option A).

    Parameters
    ----------
    x : (N, C, H, W)
    w1, b1 : (F, C, 3, 3) with F of at least C, and (F,); its stride is ``stride``
    w2, b2 : (F, F, 3, 3), (F,)

    Returns
    -------
    (N, F, H / stride, W / stride), rounded up
    """
    where = "residual_block"
    x = arrays.as_numbers(x, "N, C, H, W", where, "x")
    w1 = arrays.as_numbers(w1, "F, C, KH, KW", where, "w1")
    stride = shapes.require_int(stride, 1, where, "stride")
    channels, filters = x.shape[1], len(w1)
    shapes.require_shape(w1, (filters, channels, 3, 3), where, "w1")
    if filters < channels:
        raise ValueError(
            f"{where}: w1 needs at least as many filters as x has maps, {channels}; "
            f"got {filters}."
        )
    y = np.maximum(fast.conv2d(x, w1, b1, stride, 1), 0)
    y = fast.conv2d(y, w2, b2, 1, 1)
    y[:, :channels] += x[:, :, ::stride, ::stride]
    return np.maximum(y, 0)


def batch_norm(x, gamma, beta, running=None, eps=1e-5) -> np.ndarray:
    """Return every map shifted and scaled to mean beta and spread gamma.

    Parameters
    ----------
    x : (N, C, H, W)
    gamma, beta : (C,), learned
    running : None in training: mean and variance of each map over the images and
        places of this batch; (mean, variance), two arrays (C,), in evaluation
    eps : added to the variance

    Returns
    -------
    (N, C, H, W)
    """
    where = "batch_norm"
    x = arrays.as_numbers(x, "N, C, H, W", where, "x")
    if not x.size:
        raise ValueError(f"{where}: x needs one number at least; got {x.shape}.")
    eps = shapes.require_number(eps, 0, where, "eps")
    given = {"gamma": gamma, "beta": beta}
    if running is not None:
        if not isinstance(running, (tuple, list)) or len(running) != 2:
            raise TypeError(
                f"{where}: running needs None or (mean, variance); got "
                f"{shapes.spoken(running)}."
            )
        given["mean"], given["variance"] = running
    for name, value in given.items():
        given[name] = arrays.as_numbers(value, "C", where, name)
        shapes.require_shape(given[name], (x.shape[1],), where, name)
    if running is None:
        with np.errstate(over="ignore", invalid="ignore"):
            given["mean"], given["variance"] = x.mean((0, 2, 3)), x.var((0, 2, 3))
        if not np.isfinite(given["variance"]).all():
            raise ValueError(f"{where}: the variance of x is too large for its type.")
    elif given["variance"].min() < 0:
        raise ValueError(f"{where}: a variance is 0 or more; got one below.")
    if given["variance"].min() + eps <= 0:
        raise ValueError(f"{where}: a map without spread needs eps above 0.")
    mean, variance, gamma, beta = (
        given[name][:, None, None] for name in ("mean", "variance", "gamma", "beta")
    )
    return gamma * (x - mean) / np.sqrt(variance + eps) + beta


def running_mean(means, momentum=0.1) -> np.ndarray:
    """Return the mean that batch normalisation remembers for evaluation.

    It starts at 0; each batch moves it by the share ``momentum`` towards its own mean
    (PyTorch's meaning of the word).

    Parameters
    ----------
    means : (B, C), the mean of each map in each batch, one batch after the other
    """
    means = arrays.as_numbers(means, "B, C", "running_mean", "means")
    shapes.require_number(momentum, 0, "running_mean", "momentum")
    if momentum > 1:
        raise ValueError(f"running_mean: momentum is at most 1; got {momentum:g}.")
    if not len(means):
        raise ValueError("running_mean: means needs a batch at least; got none.")
    running = np.zeros(means.shape[1])
    for mean in means:
        running = (1 - momentum) * running + momentum * mean
    return running


# ------------------------------------------------------------------------ transfer


def linear_probe(features, labels, x, steps=200, rate=1.0) -> np.ndarray:
    """Return the scores of a softmax classifier that is trained on features.

    Features are shifted and scaled to mean 0 and spread 1 by the *training* features,
    and divided by the root of their number; a 1 is put behind for the bias. Weights
    start at 0 and take ``steps`` full gradient steps.

    Parameters
    ----------
    features : (N, D) of the training images
    labels : (N,) whole numbers; K is the largest of them and one more
    x : (M, D), features of other images

    Returns
    -------
    (M, K) scores of ``x``
    """
    where = "linear_probe"
    features = arrays.as_numbers(features, "N, D", where, "features")
    x = arrays.as_numbers(x, "M, D", where, "x")
    if not features.size:
        raise ValueError(f"{where}: features needs an image and a number at least.")
    shapes.require_shape(x, (len(x), features.shape[1]), where, "x")
    labels = np.asarray(labels)
    shapes.require_labels(labels, 10_000, where, "labels")  # W has a column for each
    shapes.require_same(where, features=len(features), labels=len(labels))
    steps = shapes.require_int(steps, 0, where, "steps")
    rate = shapes.require_number(rate, 0, where, "rate")
    mean, spread = features.mean(0), features.std(0) + 1e-6
    a, b = (
        np.c_[(one - mean) / spread / np.sqrt(len(mean)), np.ones(len(one))]
        for one in (features, x)
    )
    w = np.zeros((a.shape[1], labels.max() + 1))
    for _ in range(steps):
        w = w - rate * a.T @ linear.softmax_gradient(a @ w, labels) / len(a)
    return b @ w


# ---------------------------------------------------------------- the open exercise


def small_vgg():
    """Return a network for 24 pixels: 3 x 3 windows, batch norm, a mean at the end."""
    from torch import nn

    layers, channels = [], 3
    for filters in (8, 16, 24):
        layers += [nn.Conv2d(channels, filters, 3, padding=1, bias=False)]
        layers += [nn.BatchNorm2d(filters), nn.ReLU(), nn.MaxPool2d(2)]
        channels = filters
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10)
    )
