"""A convolutional network from scratch: layers, the two passes, training, a ladder.

It goes on from `mlp`: there all layers were of one kind, here each brings its own way
forward and back. A `Layer` is three things: ``forward(x, *weights) -> (out, cache)``,
``backward(dout, cache) -> (dx, *gradients)``, and its weights. A network is a list of
them. No function changes its inputs.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from . import fast, grads, ops, optim, shapes

SMALL = 1e-5  # gradients below it are compared as if they were that large


class Layer(NamedTuple):
    """One layer: its way forward, its way back, and its weights, if it has any."""

    forward: Callable
    backward: Callable
    weights: tuple = ()

    def __repr__(self) -> str:
        shapes_of = ", ".join(str(np.shape(w)) for w in self.weights)
        return f"Layer(weights {shapes_of})" if shapes_of else "Layer(no weights)"


# --------------------------------------------------------------------------------------
# Kinds of layers
# --------------------------------------------------------------------------------------


def conv(w, b, padding=0, forward=fast.conv2d, backward=fast.conv2d_backward) -> Layer:
    """Return a convolution of stride 1; other ways to compute it may be given."""
    return Layer(
        lambda x, w, b: (forward(x, w, b, padding=padding), (x, w)),
        lambda dout, cache: backward(dout, *cache, padding=padding),
        (w, b),
    )


def relu(backward=grads.relu_backward) -> Layer:
    """Return a ReLU."""
    return Layer(_relu, lambda dout, x: (backward(dout, x),))


def _relu(x):
    return ops.relu(x), x


def max_pool(size, forward=fast.max_pool2d, backward=fast.max_pool2d_backward) -> Layer:
    """Return a max-pooling over windows of ``size`` that touch."""
    return Layer(
        lambda x: (forward(x, size), x), lambda dout, x: (backward(dout, x, size),)
    )


def flatten() -> Layer:
    """Return a layer that makes a row of every image: (N, C, H, W) -> (N, C H W)."""
    return Layer(
        lambda x: (x.reshape(len(x), math.prod(x.shape[1:])), x.shape),
        lambda dout, shape: (dout.reshape(shape),),
    )


def affine(w, b, backward=grads.linear_backward) -> Layer:
    """Return a fully connected layer."""
    return Layer(
        lambda x, w, b: (ops.linear(x, w, b), (x, w)),
        lambda dout, cache: backward(dout, *cache),
        (w, b),
    )


def small_cnn(
    seed=0, filters=(8, 16), size=32, classes=10, number=np.float32, **ways
) -> list[Layer]:
    """Return a network to train.

    For every entry of ``filters`` it has a convolution 3x3, a ReLU and a max-pooling
    2x2, and at the end a fully connected layer.

    Weights are drawn from N(0, 2 / inputs), before a ReLU, or N(0, 0.01 / inputs) in
    the last layer, so that the first scores are small; biases are 0.

    Parameters
    ----------
    size : of the square colour images, a multiple of 2 for every entry of ``filters``
    number : type of the weights
    ways : ``conv2d``, ``conv2d_backward``, ``max_pool2d``, ``max_pool2d_backward``,
        ``relu_backward``, ``linear_backward``: functions in place of the course's

    Examples
    --------
    >>> [w.shape for layer in small_cnn() for w in layer.weights]
    [(8, 3, 3, 3), (8,), (16, 8, 3, 3), (16,), (10, 1024), (10,)]
    """
    rng = np.random.default_rng(shapes.require_seed(seed, "small_cnn"))
    size = shapes.require_int(size, 1, "small_cnn", "size")
    if not isinstance(filters, (tuple, list)):
        raise TypeError(
            "small_cnn: filters must be a tuple, a number for each convolution; got "
            f"{shapes.spoken(filters)}."
        )
    filters = [shapes.require_int(f, 1, "small_cnn", "filters") for f in filters]
    classes = shapes.require_int(classes, 1, "small_cnn", "classes")
    if np.dtype(number).kind != "f":
        raise TypeError(
            "small_cnn: number must be a type of fractions, such as np.float32; got "
            f"{shapes.spoken(number)}."
        )
    if size % 2 ** len(filters):
        raise ValueError(
            f"small_cnn: size must be a multiple of {2 ** len(filters)}, to be halved "
            f"by {len(filters)} poolings; got {size}."
        )
    find = {"conv2d": fast.conv2d, "conv2d_backward": fast.conv2d_backward,
            "max_pool2d": fast.max_pool2d,
            "max_pool2d_backward": fast.max_pool2d_backward,
            "relu_backward": grads.relu_backward,
            "linear_backward": grads.linear_backward}  # fmt: skip
    for name in ways:
        shapes.require_choice(name, tuple(find), "small_cnn", "a way")
    find |= ways
    layers, channels = [], 3
    for f in filters:
        w = rng.normal(0, np.sqrt(2 / (9 * channels)), (f, channels, 3, 3))
        layers += [
            conv(w.astype(number), np.zeros(f, number), 1, find["conv2d"],
                 find["conv2d_backward"]),
            relu(find["relu_backward"]),
            max_pool(2, find["max_pool2d"], find["max_pool2d_backward"]),
        ]  # fmt: skip
        channels, size = f, size // 2
    inputs = channels * size * size
    w = rng.normal(0, np.sqrt(0.01 / inputs), (classes, inputs)).astype(number)
    last = affine(w, np.zeros(classes, number), find["linear_backward"])
    return [*layers, flatten(), last]


def shifted(layers, bias: float) -> list[Layer]:
    """Return a network whose convolutions' biases are larger by ``bias``."""
    return [
        one._replace(weights=(one.weights[0], one.weights[1] + np.float32(bias)))
        if one.weights and one.weights[0].ndim == 4
        else one
        for one in layers
    ]


def forgetful(layers) -> list[Layer]:
    """Return a network whose biases get no gradient."""

    def without(backward):
        def way(dout, cache):
            dx, dw, db = backward(dout, cache)
            return dx, dw, np.zeros_like(db)

        return way

    return [
        one._replace(backward=without(one.backward)) if one.weights else one
        for one in layers
    ]


# --------------------------------------------------------------------------------------
# Passes and training
# --------------------------------------------------------------------------------------


def forward_all(x, layers) -> tuple[np.ndarray, list]:
    """Return (scores, caches): what goes through all layers, and a cache of each."""
    caches = []
    for layer in layers:
        x, cache = layer.forward(x, *layer.weights)
        caches.append(cache)
    return x, caches


def backward_all(dout, layers, caches) -> list[tuple]:
    """Return the gradients of every layer's weights, the first layer first.

    Parameters
    ----------
    dout : the gradient in the scores
    layers, caches : as in `forward_all`, and as it returned them
    """
    gradients = []
    for layer, cache in zip(reversed(layers), reversed(caches), strict=True):
        dout, *own = layer.backward(dout, cache)
        gradients.insert(0, tuple(own))
    return gradients


def step_all(layers, velocity, gradients, rate, momentum=0.9) -> tuple[list, list]:
    """Return (layers, velocity) after one `optim.momentum_step` of every weight.

    ``velocity`` is shaped like the gradients; None at the start, where it is 0.
    """
    moved, speeds = [], []
    velocity = [None] * len(layers) if velocity is None else velocity
    for layer, speed, own in zip(layers, velocity, gradients, strict=True):
        speed = [np.zeros_like(w) for w in layer.weights] if speed is None else speed
        pairs = [
            optim.momentum_step(w, v, dw, rate, momentum, 0.0)
            for w, v, dw in zip(layer.weights, speed, own, strict=True)
        ]
        moved.append(layer._replace(weights=tuple(w for w, _ in pairs)))
        speeds.append([v for _, v in pairs])
    return moved, speeds


def sgd_train(layers, x, y, batches, rate, momentum=0.9) -> list[Layer]:
    """Return the network after one step for each batch of images.

    Parameters
    ----------
    layers : list of `Layer`
    x, y : images and their labels
    batches : list of arrays of indices, as of `optim.minibatches`
    rate, momentum : of the step; the velocity begins at 0
    """
    velocity = None
    for batch in batches:
        scores, caches = forward_all(x[batch], layers)
        dscores = grads.cross_entropy_backward(scores, y[batch])
        gradients = backward_all(dscores, layers, caches)
        layers, velocity = step_all(layers, velocity, gradients, rate, momentum)
    return layers


def scores_of(x, layers, size: int = 256) -> np.ndarray:
    """Return the scores of many images, ``size`` at a time."""
    size = shapes.require_int(size, 1, "scores_of", "size")
    shapes.require_int(len(x), 1, "scores_of", "the number of images")
    parts = [
        forward_all(x[first : first + size], layers)[0]
        for first in range(0, len(x), size)
    ]
    return np.concatenate(parts)


def accuracy(x, y, layers) -> float:
    """Return the share of images whose largest score is that of their label."""
    return ops.accuracy(scores_of(x, layers).argmax(axis=1), y)


def loss(x, y, layers) -> float:
    """Return the mean softmax loss."""
    return ops.cross_entropy(scores_of(x, layers), y)


# --------------------------------------------------------------------------------------
# The ladder
# --------------------------------------------------------------------------------------


def gradient_errors(x, y, layers, entries=10, seed=0, h=1e-6) -> list[tuple]:
    """Return the largest error of every gradient, a tuple for each layer.

    Some entries of every weight array are nudged, and what the loss does is compared
    with `backward_all`: the difference as a share of the sum of both sizes, as in
    `grads.relative_error`. A sum below 1e-5 counts as 1e-5, for a nudge of 1e-6 of a
    loss near 1 is rounded to some 1e-10.

    Parameters
    ----------
    x, y : a few images and labels; float64
    entries : of every array, drawn at random
    h : the nudge; so small that hardly any ReLU or maximum changes sides
    """
    rng = np.random.default_rng(shapes.require_seed(seed, "gradient_errors"))
    entries = shapes.require_int(entries, 1, "gradient_errors", "entries")
    scores, caches = forward_all(x, layers)
    dscores = grads.cross_entropy_backward(scores, y)
    gradients = backward_all(dscores, layers, caches)
    return [
        tuple(
            _worst(x, y, layers, (place, which), own[which], entries, rng, h)
            for which in range(len(own))
        )
        for place, own in enumerate(gradients)
    ]


def _worst(x, y, layers, at, gradient, entries, rng, h) -> float:
    """Return the relative error of some entries of one weight array's gradient."""
    place, which = at
    layer = layers[place]
    chosen = rng.permutation(gradient.size)[:entries]

    def loss_with(values):
        w = layer.weights[which].astype(np.float64).copy()
        w.flat[chosen] = values
        weights = (*layer.weights[:which], w, *layer.weights[which + 1 :])
        changed = [
            *layers[:place],
            layer._replace(weights=weights),
            *layers[place + 1 :],
        ]
        return ops.cross_entropy(forward_all(x, changed)[0], y)

    nudged = grads.numerical_gradient(loss_with, layer.weights[which].flat[chosen], h)
    own = gradient.flat[chosen]
    with np.errstate(all="ignore"):
        sizes = np.maximum(np.abs(nudged) + np.abs(own), SMALL)
        return float(np.max(np.abs(nudged - own) / sizes))


def overfit(x, y, layers, rate=0.02, steps=200, train=sgd_train) -> float:
    """Return the loss after training on a few images, all of them in every step."""
    steps = shapes.require_int(steps, 0, "overfit", "steps")
    everyone = [np.arange(len(x))] * steps
    return loss(x, y, train(layers, x, y, everyone, rate))


# --------------------------------------------------------------------------------------
# Watching a training
# --------------------------------------------------------------------------------------


class Charts(NamedTuple):
    """What is written down before the training and after every pass, as arrays.

    ``loss`` and ``right`` (passes, 2): on 200 training images and on held-out ones;
    ``alive`` (passes, ReLUs): the share of their outputs above 0; ``moved``
    (passes, 2): how far weights and biases are from their start, root mean square.
    """

    loss: np.ndarray
    right: np.ndarray
    alive: np.ndarray
    moved: np.ndarray


def watch(layers, x, y, x_held, y_held, passes, rate, size=32, seed=0, momentum=0.9,
          train=sgd_train, minibatches=optim.minibatches):  # fmt: skip
    """Train, and return (the network after every pass, its start first; `Charts`).

    Parameters
    ----------
    layers : where to start
    x, y, x_held, y_held : images and labels, to train on and held out
    passes, rate, size, momentum : over the images; of a step; images a batch
    train, minibatches : such as a learner's own
    """
    rng = np.random.default_rng(shapes.require_seed(seed, "watch"))
    passes = shapes.require_int(passes, 0, "watch", "passes")
    film = [layers]
    for _ in range(passes):
        batches = minibatches(len(x), size, rng)
        film.append(train(film[-1], x, y, batches, rate, momentum))
    rows = [_look(x[:200], y[:200], x_held, y_held, film[0], net) for net in film]
    return film, Charts(*(np.array(one) for one in zip(*rows, strict=True)))


def _look(x, y, x_held, y_held, start, net) -> tuple:
    scores = scores_of(x, net), scores_of(x_held, net)
    pairs = tuple(zip(scores, (y, y_held), strict=True))
    losses = [ops.cross_entropy(s, labels) for s, labels in pairs]
    right = [ops.accuracy(s.argmax(axis=1), labels) for s, labels in pairs]
    return losses, right, alive(x_held[:100], net), _moved(start, net)


def alive(x, layers) -> list[float]:
    """Return of every ReLU the share of its outputs that are above 0."""
    shares = []
    for layer in layers:
        x, _ = layer.forward(x, *layer.weights)
        if layer.forward is _relu:
            shares.append(float((x > 0).mean()))
    return shares


def _moved(start, net) -> list[float]:
    """Return the root mean square change of weights, and of biases."""
    changes = [[], []]
    for old, new in zip(start, net, strict=True):
        for which, (a, b) in enumerate(zip(old.weights, new.weights, strict=True)):
            changes[which].append(np.ravel(b - a))
    return [float(np.sqrt(np.mean(np.concatenate(one) ** 2))) for one in changes]
