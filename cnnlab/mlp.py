"""A network of layers from scratch: forward, backward, training.

Letters: N examples, D inputs, K outputs. A network is a list of layers ``(w, b)`` with
``w`` (K, D) and ``b`` (K,). Hidden layers end in tanh, the last one gives scores; the
loss is the mean softmax loss. No function changes its inputs.
"""

import numpy as np

from . import arrays, grads, neurons, ops, optim, shapes

MOST = 10**7  # neurons a layer: more is a slip


def start(sizes, seed: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return a network to train: weights N(0, 1 / D), biases 0.

    Parameters
    ----------
    sizes : neurons of every layer, the inputs first, such as (64, 32, 10)

    Examples
    --------
    >>> [w.shape for w, b in start((64, 32, 10))]
    [(32, 64), (10, 32)]
    """
    return neurons.start_layers(_sizes(sizes, "start"), seed=seed)


def forward(x: np.ndarray, layers) -> tuple[np.ndarray, list]:
    """Return (scores, caches): what `backward` needs is kept on the way.

    Parameters
    ----------
    x : (N, D)
    layers : list of (w, b)

    Returns
    -------
    scores : (N, K)
    caches : for every layer (its input, its w); the input of every layer but the first
        is the tanh of the layer below
    """
    x, layers = arrays.as_numbers(x, "N, D", "forward", "x"), _layers(layers, "forward")
    shapes.require_same(
        "forward", x_columns=x.shape[1], w_columns=layers[0][0].shape[1]
    )
    with np.errstate(all="ignore"):
        s, caches = _pass(x, layers)
    shapes.require_in_range(s, "forward", "the scores")
    return s, caches


def _pass(x, layers) -> tuple[np.ndarray, list]:
    """Return (scores, caches) of checked layers, finite or not."""
    s, caches = x, []
    for w, b in layers:
        x = np.tanh(s) if caches else s
        s = x @ w.T + b
        caches.append((x, w))
    return s, caches


def backward(ds: np.ndarray, caches) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the gradient of every layer, ``[(dw, db), ...]``, shaped like the layers.

    From the last layer to the first: ``dw = ds^T x`` and ``db = sum_n ds``; then, as
    ``x`` is the tanh of the layer below, ``ds <- (ds w) (1 - x^2)``.

    Parameters
    ----------
    ds : (N, K), the gradient in the scores
    caches : as `forward` returns them
    """
    gradients = []
    for x, w in reversed(caches):
        gradients.insert(0, (ds.T @ x, ds.sum(axis=0)))
        ds = (ds @ w) * (1 - x**2)
    return gradients


def predict(x: np.ndarray, layers) -> np.ndarray:
    """Return the class of the largest score, (N,); of equal scores the first."""
    return forward(x, layers)[0].argmax(axis=1)


def loss_and_gradients(x, y, layers, backward=backward):
    """Return the mean softmax loss, and the gradient (dw, db) of every layer.

    Parameters
    ----------
    x : (N, D)
    y : (N,) labels
    backward : as `backward`, such as a learner's own
    """
    s, caches = forward(x, layers)
    return ops.cross_entropy(s, y), backward(grads.cross_entropy_backward(s, y), caches)


def train(x, y, layers, passes=30, rate=0.1, size=32, momentum=0.9, decay=0.0,
          seed=0, backward=backward):  # fmt: skip
    """Return the network after every pass over the images, its start first.

    Mini-batches in random order, and `optim.momentum_step`. A training that diverges
    goes on to the end, in numbers that are not finite, without a warning.

    Parameters
    ----------
    x : (N, D)
    y : (N,) labels
    passes, rate, size : over the images; learning rate; images a batch
    momentum, decay : as in `optim.momentum_step`
    backward : as `backward`, such as a learner's own
    """
    where = "train"
    layers = _layers(layers, where)
    x = arrays.as_numbers(x, "N, D", where, "x")
    shapes.require_same(
        where, columns_of_x=x.shape[1], columns_of_w=len(layers[0][0].T)
    )
    y = arrays.as_labels(y, len(layers[-1][1]), len(x), where)
    shapes.require_callable(backward, where, "backward")
    passes = shapes.require_int(passes, 0, where, "passes")
    rng = np.random.default_rng(shapes.require_seed(seed, where))
    flat = np.concatenate([one.ravel() for layer in layers for one in layer])
    velocity, film = np.zeros_like(flat), [layers]
    settings = rate, momentum, decay
    optim.momentum_step(velocity, velocity, velocity, *settings)  # refuses bad ones
    for _ in range(passes):
        for batch in optim.minibatches(len(x), size, rng):
            gradient = _gradient(x[batch], y[batch], _cut(flat, layers), backward)
            if not np.isfinite([flat, velocity, gradient]).all():
                flat = np.full_like(flat, np.nan)  # all losses show it from here on
                break
            flat, velocity = optim.momentum_step(flat, velocity, gradient, *settings)
        film.append(_cut(flat, layers))
    return film


def _gradient(x, y, layers, backward) -> np.ndarray:
    """Return the gradient of the mean softmax loss as one vector; checks nothing."""
    with np.errstate(all="ignore"):
        s, caches = _pass(x, layers)
        p = np.exp(s - s.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        p[np.arange(len(p)), y] -= 1
        pairs = backward(p / len(p), caches)
    _require_shapes(pairs, layers)
    return np.concatenate([np.ravel(one) for pair in pairs for one in pair])


def _require_shapes(pairs, layers) -> None:
    """Raise unless gradients have the shapes of the layers, in their order."""
    wanted = [one.shape for layer in layers for one in layer]
    try:
        found = [np.shape(one) for dw, db in pairs for one in (dw, db)]
    except (TypeError, ValueError):
        found = None
    if found != wanted:
        raise ValueError(
            f"train: backward must return (dw, db) for every layer, the first one "
            f"first, of shapes {wanted}; got {found or shapes.spoken(pairs)}."
        )


def _cut(flat: np.ndarray, layers) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return one vector of all weights as layers of the given shapes."""
    parts, place = [], 0
    for w, b in layers:
        middle, end = place + w.size, place + w.size + b.size
        parts.append((flat[place:middle].reshape(w.shape), flat[middle:end]))
        place = end
    return parts


def count_weights(layers) -> int:
    """Return how many numbers a network holds that are not 0, biases included."""
    return int(sum(np.count_nonzero(one) for layer in layers for one in layer))


def multiplications(sizes) -> tuple[int, int]:
    """Return the products of numbers in one forward and one backward pass, one example.

    Forward, every weight is a factor once. Backward, it is once in ``dw``, and above
    the first layer once more in ``ds w``; tanh costs two products for each hidden
    neuron.

    Examples
    --------
    >>> multiplications((64, 32, 10))
    (2368, 2752)
    """
    sizes = _sizes(sizes, "multiplications")
    pairs = [k * d for d, k in zip(sizes[:-1], sizes[1:], strict=True)]
    return sum(pairs), 2 * sum(pairs) - pairs[0] + 2 * sum(sizes[1:-1])


def reused_node(graph) -> list[float]:
    """Return dL/dnode; nodes come in the order they were computed, L last.

    Parameters
    ----------
    graph : for every node a list of (input, slope)
    """
    blame = [0.0] * len(graph)
    blame[-1] = 1.0
    for node in reversed(range(len(graph))):
        for one, slope in graph[node]:
            blame[one] += slope * blame[node]
    return blame


def small_network(x, y, seed):
    """Return a network of few weights that reads digits: trained, pruned, trained on.

    Parameters
    ----------
    x, y : (N, 64) digits and their labels
    seed : of the start and of the order of the digits
    """
    settings = {"rate": 0.2, "size": 64, "seed": seed}
    layers = train(x, y, start((64, 16, 10), seed), 40, decay=0.001, **settings)[-1]
    smallest = np.sort(np.concatenate([np.abs(w).ravel() for w, _ in layers]))[-700]
    kept = [np.abs(w) >= smallest for w, _ in layers]
    layers = [(w * one, b) for (w, b), one in zip(layers, kept, strict=True)]

    def masked(ds, caches):
        pairs = zip(backward(ds, caches), kept, strict=True)
        return [(dw * one, db) for (dw, db), one in pairs]

    return train(x, y, layers, 20, backward=masked, **settings)[-1]


def _sizes(sizes, where: str) -> list[int]:
    sizes = [shapes.require_int(n, 1, where, "a layer's size", MOST) for n in sizes]
    shapes.require_int(len(sizes), 2, where, "the number of layers with the inputs")
    return sizes


def _layers(layers, where: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return layers as float arrays that fit each other, or raise."""
    checked = []
    for w, b in layers:
        w = arrays.as_numbers(w, "K, D", where, "w")
        b = arrays.as_numbers(b, "K", where, "b")
        shapes.require_same(where, rows_of_w=len(w), entries_of_b=len(b))
        if checked:
            below = len(checked[-1][0])
            shapes.require_same(where, columns_of_w=w.shape[1], neurons_below=below)
        checked.append((w, b))
    shapes.require_int(len(checked), 1, where, "the number of layers")
    return checked
