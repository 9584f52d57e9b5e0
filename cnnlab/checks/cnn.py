"""The exercises of notebook 09: local rules, two passes, a training, a clinic."""

import re
from dataclasses import replace

import numpy as np

from cnnlab import clinic, grads, layers, optim
from cnnlab.checks import _show
from cnnlab.checks._base import (
    WRONG_TYPE,
    Case,
    Cause,
    Exercise,
    FindBug,
    Mistake,
    Open,
    Score,
)


def _drawn(rng, *shape):
    return rng.normal(0, 1, shape).round(1)


# ----------------------------------------------------------------- local rules


def _relu_sample(rng, size):
    shape = tuple(int(n) for n in rng.integers(1, size + 2, rng.choice([2, 4])))
    x = rng.integers(-2, 3, shape) * 1.0 if rng.random() < 0.5 else _drawn(rng, *shape)
    return Case((_drawn(rng, *shape), x))


_DOUT = np.array([[5.0, -2.0, 3.0], [4.0, 1.0, -6.0]])
_AT = np.array([[-1.0, 0.0, 2.0], [0.5, -3.0, 0.1]])

relu_backward = Exercise(
    name="relu_backward",
    notebook="09",
    reference=grads.relu_backward,
    cases=(
        Case((np.array([[3.0]]), np.array([[2.0]])), "one number above 0"),
        Case((_DOUT, _AT), "below 0, at 0 and above"),
        Case((np.arange(8.0).reshape(1, 2, 2, 2) - 3,
              np.array([1, -1, -2, 3, 0, 5, -4, 2.0]).reshape(1, 2, 2, 2)),
             "two feature maps"),
    ),
    samples=_relu_sample,
    mistakes=(
        Mistake("forward again", lambda dout, x: np.maximum(dout, 0),
                "this is the ReLU of the blame; where blame passes is decided by x."),
        Mistake("the sign of dout decides", lambda dout, x: x * (dout > 0),
                "x and dout are exchanged: dout passes where x is above 0."),
        Mistake("dout left out", lambda dout, x: (x > 0) * 1.0,
                "`dout` is missing: this is the slope; the blame is slope times dout."),
        Mistake("times x", lambda dout, x: dout * np.maximum(x, 0),
                "the slope of ReLU above 0 is 1, not x."),
        Mistake("times x everywhere", lambda dout, x: dout * x,
                "dout is multiplied by x; the slope is 1 above 0, and 0 elsewhere."),
        Mistake("the way forward", lambda dout, x: np.maximum(x, 0),
                "this is the way forward, the ReLU of x: the blame is slope times "
                "dout."),
        Mistake("ReLU of the product", lambda dout, x: np.maximum(dout * x, 0),
                "this is the ReLU of dout times x; x only decides where dout passes."),
        Mistake("picked out", lambda dout, x: dout[x > 0],
                "`dout[x > 0]` picks entries out, and the shape is lost: multiply by "
                "`x > 0`."),
        Mistake("passes at 0", lambda dout, x: dout * (x >= 0),
                "at exactly 0 nothing passes here: the course's rule is x > 0."),
        Mistake("sides exchanged", lambda dout, x: dout * (x < 0),
                "blame passes on the wrong side: ReLU is flat below 0."),
        Mistake("everything passes", lambda dout, x: dout * 1.0,
                "everything passes: where x is below 0, nudging it changes nothing."),
        Mistake("step of both signs", lambda dout, x: dout * np.sign(x),
                "np.sign is -1 below 0; the slope there is 0."),
    ),
    hints_=(
        "Above 0 the ReLU returns x itself: slope 1. Below 0 it returns 0 whatever x "
        "is: slope 0.",
        "A comparison gives True and False, which count as 1 and 0: `x > 0`.",
        "`return dout * (x > 0)`",
    ),
)  # fmt: skip


def _affine_sample(rng, size):
    n, d, k = (int(v) for v in rng.integers(1, size + 2, 3))
    return Case((_drawn(rng, n, k), _drawn(rng, n, d), _drawn(rng, k, d)))


_rng = np.random.default_rng(9)
_AFFINE = _drawn(_rng, 4, 2), _drawn(_rng, 4, 3), _drawn(_rng, 2, 3)


def _affine(change):
    """Return an answer that changes the right (dx, dw, db)."""

    def answer(dout, x, w):
        return change(dout, x, w, *grads.linear_backward(dout, x, w))

    return answer


affine_backward = Exercise(
    name="affine_backward",
    notebook="09",
    reference=grads.linear_backward,
    outputs=("dx", "dw", "db"),
    cases=(
        Case((np.array([[2.0]]), np.array([[3.0]]), np.array([[5.0]])),
             "one number each: 10, 6 and 2 by hand"),
        Case(tuple(one[:1] if i < 2 else one for i, one in enumerate(_AFFINE)),
             "one example"),
        Case(_AFFINE, "4 examples, 3 inputs, 2 outputs"),
        Case((_AFFINE[0], _AFFINE[1][:, :2], _AFFINE[2][:, :2]), "2 inputs, 2 outputs"),
    ),
    samples=_affine_sample,
    mistakes=(
        Mistake("dw transposed", _affine(lambda d, x, w, dx, dw, db: (dx, dw.T, db)),
                "dw is transposed: it has the shape of w, (K, D): dout.T @ x."),
        Mistake("mean over the examples",
                _affine(lambda d, x, w, dx, dw, db: (dx, dw / len(x), db / len(x))),
                "the mean over the examples is taken; dout holds the loss's 1/N."),
        Mistake("db by mean",
                _affine(lambda d, x, w, dx, dw, db: (dx, dw, d.mean(axis=0))),
                "db is a mean over the examples; it is their sum."),
        Mistake("db in one number",
                _affine(lambda d, x, w, dx, dw, db: (dx, dw, d.sum())),
                "db is one number: sum over the examples only, axis 0."),
        Mistake("db over the outputs",
                _affine(lambda d, x, w, dx, dw, db: (dx, dw, d.sum(axis=1))),
                "db is summed over the outputs; each output has its own bias: axis 0."),
        Mistake("db forgotten",
                _affine(lambda d, x, w, dx, dw, db: (dx, dw, np.zeros_like(db))),
                "the gradient of the bias is forgotten: a bias is added for every "
                "example, so db is the sum of dout over them."),
        Mistake("order changed", _affine(lambda d, x, w, dx, dw, db: (dw, dx, db)),
                "dx and dw are exchanged: gradients come in the order of the inputs."),
        Mistake("dx last", _affine(lambda d, x, w, dx, dw, db: (dw, db, dx)),
                "dx comes last, but should come first: (dx, dw, db)."),
        Mistake("dw alone by mean",
                _affine(lambda d, x, w, dx, dw, db: (dx, dw / len(x), db)),
                "dw is a mean over the examples; dout holds the loss's 1/N."),
        Mistake("all by mean",
                _affine(lambda d, x, w, dx, dw, db: (
                    dx / len(x), dw / len(x), db / len(x))),
                "all three are divided by N; dout holds the loss's 1/N."),
        Mistake("db missing", _affine(lambda d, x, w, dx, dw, db: (dx, dw)),
                "db is missing: return (dx, dw, db)."),
        Mistake("dx transposed", lambda d, x, w: (d @ w.T, d.T @ x, d.sum(axis=0)),
                "dx goes through w the wrong way round: dout @ w, not w.T."),
        Mistake("dx through x", _affine(lambda d, x, w, dx, dw, db: (dx * x, dw, db)),
                "dx is multiplied by x; the slope of w x in x is w alone."),
        Mistake("sign reversed", _affine(lambda d, x, w, dx, dw, db: (-dx, -dw, -db)),
                "every sign is reversed: a gradient points uphill, the step turns it."),
    ),
    hints_=(
        "Look at the shapes: dx is (N, D) as x is, dw (K, D), db (K,). There is only "
        "one way to multiply dout (N, K) with w (K, D) to get (N, D).",
        "Three parts: `dout @ w`, `dout.T @ x`, `dout.sum(axis=0)`.",
        "`return dout @ w, dout.T @ x, dout.sum(axis=0)`",
    ),
)  # fmt: skip


# ------------------------------------------------------------ a list of layers


def _leaves(value):
    """Yield the numbers and arrays in nested lists; of a layer its weights."""
    if isinstance(value, layers.Layer):
        value = value.weights
    if isinstance(value, (tuple, list)):
        for one in value:
            yield from _leaves(one)
    else:
        yield value


class _Leaves(tuple):
    """The arrays in nested lists, and how they are nested."""

    outline: object


def _outline(value):
    """Return how lists are nested: a tuple for each, a word for what is none."""
    if isinstance(value, layers.Layer):
        return f"a layer with {len(value.weights)} weight arrays"
    if isinstance(value, (tuple, list)):
        return tuple(map(_outline, value))
    array = _show.array(value)
    numbers = array is not None and array.dtype.kind in "biufc"
    return "an array" if numbers else _show.kind(value)


def _misfit(wanted, got, where: str) -> str | None:
    """Return where two outlines differ, in words, or None: outer lengths first."""
    if wanted == got:
        return None
    if isinstance(wanted, tuple) and isinstance(got, tuple):
        if len(wanted) != len(got):
            return f"{where}: wanted {len(wanted)} entries, got {len(got)}."
        pairs = enumerate(zip(wanted, got, strict=True), 1)
        faults = (_misfit(w, g, f"{where}, entry {i}") for i, (w, g) in pairs)
        return next(fault for fault in faults if fault)
    wish, came = (
        f"a list or tuple of {len(one)}" if isinstance(one, tuple) else one
        for one in (wanted, got)
    )
    return f"{where}: wanted {wish}, got {came}."


class Nested(Exercise):
    """An exercise whose answer is made of lists of lists of arrays."""

    def _as_tuple(self, value) -> tuple:
        leaves = _Leaves(_leaves(value))
        leaves.outline = _outline(value)
        return leaves

    def _compare(self, wanted, got, told=True):
        if got is not None:
            fault = _misfit(wanted.outline, _outline(got), self.outputs[0])
            if fault is not None:
                return WRONG_TYPE, fault[0].upper() + fault[1:]
        names = tuple(f"array {i + 1} of {len(wanted)}" for i in range(len(wanted)))
        return Exercise._compare(replace(self, outputs=names), wanted, got, told)

    def _alike(self, a, b) -> bool:
        if not isinstance(a, BaseException) and _outline(a) != _outline(b):
            return False
        return Exercise._alike(self, a, b)


def _network(rng, sizes):
    """Draw a network of fully connected layers with a ReLU between two of them."""
    net = []
    for d, k in zip(sizes[:-1], sizes[1:], strict=True):
        net += [layers.relu()] if net else []
        net.append(layers.affine(_drawn(rng, k, d), _drawn(rng, k)))
    return net


def _network_of(rng, size):
    n = int(rng.integers(1, size + 2))
    sizes = [int(v) for v in rng.integers(1, size + 2, rng.integers(2, 5))]
    net = _network(rng, sizes)
    if rng.random() < 0.3:  # images, made into rows by the first layer
        x = _drawn(rng, n, 1, 1, sizes[0])
        return x, [layers.flatten(), *net]
    return _drawn(rng, n, sizes[0]), net


def _forward_case(x, net, note=""):
    return Case((x, net), note)


_ONE = _network(_rng, (3, 2))
_THREE = _network(_rng, (3, 4, 2))
_X3 = _drawn(_rng, 5, 3)


def _outputs_as_caches(x, net):
    scores, _ = layers.forward_all(x, net)
    outs = []
    for layer in net:
        x = layer.forward(x, *layer.weights)[0]
        outs.append(x)
    return scores, outs


def _inputs_as_caches(x, net):
    given = []
    for layer in net:
        given.append(x)
        x = layer.forward(x, *layer.weights)[0]
    return x, given


def _forward(keep, through=lambda net: net):
    """Return an answer that keeps something else, or leaves layers out."""

    def answer(x, net):
        caches = []
        for layer in through(net):
            out, cache = layer.forward(x, *layer.weights)
            keep(caches, x, out, cache)
            x = out
        return x, caches

    return answer


def _no_star(x, net):
    for layer in net:
        x, _ = layer.forward(x, layer.weights)


def _no_weights(x, net):
    for layer in net:
        x, _ = layer.forward(x)


def _same_input(x, net):
    found = [layer.forward(x, *layer.weights) for layer in net]
    return found[-1][0], [cache for _, cache in found]


forward_all = Nested(
    name="forward_all",
    notebook="09",
    reference=layers.forward_all,
    outputs=("(scores, caches)",),
    cases=(
        _forward_case(_X3[:1], _ONE, "one layer, one example"),
        _forward_case(_X3, _ONE, "one layer"),
        _forward_case(_X3, _THREE, "two fully connected layers with a ReLU between"),
        _forward_case(_X3.reshape(5, 1, 1, 3), [layers.flatten(), *_THREE],
                      "images are made into rows first"),
    ),
    samples=lambda rng, size: _forward_case(*_network_of(rng, size)),
    mistakes=(
        Mistake("last layer first in caches",
                lambda x, layers_: (lambda s, c: (s, c[::-1]))(
                    *layers.forward_all(x, layers_)),
                "the caches come out last layer first: append each at the end."),
        Mistake("outputs kept", _outputs_as_caches,
                "the caches hold what the layers put out; `layer.forward` returns the "
                "cache as its second result."),
        Mistake("inputs kept", _inputs_as_caches,
                "the caches hold what went into the layers; keep the second result of "
                "`layer.forward`."),
        Mistake("every layer gets x", lambda x, net: (
                    _same_input(x, net) if len(net) == 1 else layers.forward_all(
                        x, net[:1])),
                "only the first layer has run: go through all of them."),
        Mistake("scores alone", lambda x, layers_: layers.forward_all(x, layers_)[0],
                "the caches are missing: return (scores, caches)."),
        Mistake("caches first", lambda x, layers_: layers.forward_all(x, layers_)[::-1],
                "scores and caches are exchanged: return (scores, caches)."),
        Mistake("caches not in a list", lambda x, net: (
                    lambda s, c: (s, *c))(*layers.forward_all(x, net)),
                "the caches stand beside the scores: return two things, the scores "
                "and a list with the caches."),
        Mistake("both results kept",
                _forward(lambda kept, x, out, cache: kept.append((out, cache))),
                "the list holds both results of `layer.forward`; keep the second, the "
                "cache."),
        Mistake("input and cache kept",
                _forward(lambda kept, x, out, cache: kept.append((x, cache))),
                "the list holds the layer's input, too; keep its cache alone."),
        Mistake("last layer left out",
                _forward(lambda kept, x, out, cache: kept.append(cache),
                         lambda net: net[:-1]),
                "the last layer is left out."),
        Mistake("extend", _forward(lambda kept, x, out, cache: kept.extend(cache)),
                "`extend` takes a cache apart: append it, one entry for each layer."),
        Mistake("no star", _no_star,
                "the weights go in as one tuple: put a star before `layer.weights`."),
        Mistake("no weights", _no_weights,
                "the layer does not get its weights: `layer.forward(x, "
                "*layer.weights)`."),
        Mistake("last cache only",
                lambda x, layers_: (lambda s, c: (s, c[-1:]))(
                    *layers.forward_all(x, layers_)),
                "only the last layer's cache is kept: collect one for each layer."),
    ),
    hints_=(
        "What comes out of a layer goes into the next. Begin with an empty list, "
        "`caches = []`, and go through the layers: `for layer in layers:`.",
        "A layer gives two results: `x, cache = layer.forward(x, *layer.weights)`. The "
        "star hands over its weights one by one; a layer without any gets x alone.",
        "Keep every cache, `caches.append(cache)`, and at the end `return x, caches`.",
    ),
)  # fmt: skip


def _backward_case(x, net, rng, note=""):
    scores, caches = layers.forward_all(x, net)
    return Case((_drawn(rng, *scores.shape), net, caches), note)


def _back(dout, net, caches, own=lambda found: found, passed=lambda new, old: new):
    gradients = []
    for layer, cache in zip(reversed(net), reversed(caches), strict=True):
        new, *found = layer.backward(dout, cache)
        gradients.insert(0, tuple(own(found)))
        dout = passed(new, dout)
    return gradients


def _no_relu(dout, net, caches):
    gradients = []
    for layer, cache in zip(reversed(net), reversed(caches), strict=True):
        if not layer.weights and np.shape(cache) == np.shape(dout):
            gradients.insert(0, ())
            continue
        dout, *found = layer.backward(dout, cache)
        gradients.insert(0, tuple(found))
    return gradients


def _with_dx(dout, net, caches):
    gradients = []
    for layer, cache in zip(reversed(net), reversed(caches), strict=True):
        found = layer.backward(dout, cache)
        dout = found[0]
        gradients.insert(0, found)
    return gradients


def _never_renewed(dout, net, caches):
    return _back(dout, net, caches, passed=lambda new, old: old)


def _first_layer_first(dout, net, caches):
    for layer, cache in zip(net, caches, strict=True):
        dout, *_ = layer.backward(dout, cache)


def _flat(dout, net, caches):
    return [g for own in layers.backward_all(dout, net, caches) for g in own]


backward_all = Nested(
    name="backward_all",
    notebook="09",
    reference=layers.backward_all,
    outputs=("a list with a tuple of gradients for each layer",),
    cases=(
        _backward_case(_X3[:1], _ONE, _rng, "one layer, one example"),
        _backward_case(_X3, _ONE, _rng, "one layer"),
        _backward_case(_X3, _THREE, _rng,
                       "two fully connected layers with a ReLU between"),
        _backward_case(_X3.reshape(5, 1, 1, 3), [layers.flatten(), *_THREE], _rng,
                       "images are made into rows first"),
    ),
    samples=lambda rng, size: _backward_case(*_network_of(rng, size), rng),
    mistakes=(
        Mistake("last layer first",
                lambda dout, net, caches: layers.backward_all(dout, net, caches)[::-1],
                "the gradients come out last layer first: put each in front of the "
                "list, or turn it round at the end."),
        Mistake("dx kept too", _with_dx,
                "each layer's first result is dx, the blame of its input: hand it to "
                "the layer below, and keep the others."),
        Mistake("one flat list", _flat,
                "all gradients stand in one flat list: put a tuple for each layer."),
        Mistake("no entry where no weights",
                lambda dout, net, caches: [
                    own for own in layers.backward_all(dout, net, caches) if own],
                "layers without weights have no entry: theirs is an empty tuple."),
        Mistake("dout never renewed", _never_renewed,
                "every layer gets the blame of the scores: put each layer's first "
                "result in place of dout."),
        Mistake("from the first layer", _first_layer_first,
                "blame goes from the last layer to the first: reverse layers and "
                "caches."),
        Mistake("return in the loop",
                lambda dout, net, caches: layers.backward_all(
                    dout, net[-1:], caches[-1:]),
                "only the last layer has been gone through: is `return` in the loop?"),
        Mistake("first layer left out",
                lambda dout, net, caches: layers.backward_all(
                    dout, net[1:], caches[1:]),
                "the first layer is left out: the loop ends too early."),
        Mistake("ReLU left out", _no_relu,
                "the layers without weights are left out: blame must go through them, "
                "too."),
        Mistake("pairs turned round",
                lambda dout, net, caches: _back(dout, net, caches, lambda f: f[::-1]),
                "the gradients of a layer are in the wrong order: as its weights are."),
        Mistake("mean over the examples",
                lambda dout, net, caches: _back(
                    dout / len(dout), net, caches),
                "divided by the number of examples; dout holds the loss's 1/N."),
        Mistake("sign reversed",
                lambda dout, net, caches: _back(-dout, net, caches),
                "every sign is reversed: a gradient points uphill, the step turns it."),
        Mistake("last layer only",
                lambda dout, net, caches: [
                    *[tuple(0 * w for w in one.weights) for one in net[:-1]],
                    layers.backward_all(dout, net, caches)[-1]],
                "only the last layer has a gradient: hand dx on to the layer below."),
    ),
    hints_=(
        "From the last layer to the first, each with its cache: "
        "`for layer, cache in zip(reversed(layers), reversed(caches)):`.",
        "The first result is the blame of the layer's input, and so the dout of the "
        "layer below; the others are its gradients: "
        "`dout, *own = layer.backward(dout, cache)`.",
        "Begin with `gradients = []`, and put each in front: "
        "`gradients.insert(0, tuple(own))`. A layer without weights has `own` empty.",
    ),
)  # fmt: skip


def _training_case(rng, sizes, n, size, passes, rate, note="", momentum=()):
    net = _network(rng, sizes)
    x, y = _drawn(rng, n, sizes[0]), rng.integers(0, sizes[-1], n)
    batches = [one for _ in range(passes) for one in optim.minibatches(n, size, rng)]
    return Case((net, x, y, batches, rate, *momentum), note)


def _training_sample(rng, size):
    sizes = [*(int(v) for v in rng.integers(1, size + 2, rng.integers(1, 3))),
             int(rng.integers(2, 4))]  # fmt: skip
    n = int(rng.integers(2, size + 4))
    momentum = ((), (0.5,), (0.0,))[rng.integers(3)]
    rate = float(rng.integers(1, 6)) / 10
    return _training_case(rng, sizes, n, int(rng.integers(1, n + 1)), 2, rate, "",
                          momentum)  # fmt: skip


def _trained(step=None, batches_of=lambda b: b, labels=lambda y, b: y[b],
             blame=grads.cross_entropy_backward, forget=False, sign=1.0,
             use=None):  # fmt: skip
    """Return an answer with parts of the loop changed."""

    def answer(net, x, y, batches, rate, momentum=0.9):
        velocity, start = None, net
        for batch in batches_of(batches):
            here = start if use == "start" else net
            scores, caches = layers.forward_all(x[batch], here)
            dscores = sign * blame(scores, labels(y, batch))
            found = layers.backward_all(dscores, here, caches)
            net, velocity = layers.step_all(
                net, None if forget else velocity, found, rate,
                0.9 if step == "0.9" else momentum,
            )  # fmt: skip
            if step == "first":
                break
        if use == "flat":
            return [w for layer in net for w in layer.weights]
        return (net, velocity) if use == "both" else net

    return answer


def _last_step(net, x, y, batches, rate, momentum=0.9):
    """Keep the start, and return what the last batch made of it."""
    velocity, new = None, net
    for batch in batches:
        scores, caches = layers.forward_all(x[batch], net)
        dscores = grads.cross_entropy_backward(scores, y[batch])
        found = layers.backward_all(dscores, net, caches)
        new, velocity = layers.step_all(net, velocity, found, rate, momentum)
    return new


def _probabilities(scores, y):
    p = grads.cross_entropy_backward(scores, y) * len(y)
    p[np.arange(len(y)), y] += 1
    return p / len(y)


sgd_train = Nested(
    name="sgd_train",
    notebook="09",
    reference=layers.sgd_train,
    outputs=("the list of trained layers",),
    drawn=10,
    cases=(
        _training_case(_rng, (2, 2), 3, 3, 1, 0.5, "one layer, one batch"),
        _training_case(_rng, (2, 2), 4, 2, 1, 0.5, "two batches"),
        _training_case(_rng, (3, 4, 2), 6, 2, 2, 0.2, "three layers, six batches"),
        _training_case(_rng, (3, 2), 5, 2, 2, 0.2, "momentum 0.5", (0.5,)),
    ),
    samples=_training_sample,
    also=(layers.step_all,),
    mistakes=(
        Mistake("first batch only", _trained("first"),
                "training ends after the first batch: is `return` in the loop?"),
        Mistake("velocity lost", _trained(forget=True),
                "the velocity begins anew in every batch: keep what `step_all` "
                "returns, and hand it in again."),
        Mistake("momentum not handed on", _trained("0.9"),
                "momentum is always 0.9: hand yours on to `step_all`."),
        Mistake("uphill", _trained(sign=-1.0),
                "the network goes uphill: `step_all` turns the sign already."),
        Mistake("gradients of the start", _trained(use="start"),
                "all gradients are taken at the start: put the new layers in place of "
                "the old ones after every batch."),
        Mistake("every step from the start", _last_step,
                "every batch starts from the first layers again: call what `step_all` "
                "returns `layers`, so that the next batch goes on from there."),
        Mistake("divided twice", _trained(
                    blame=lambda s, y: grads.cross_entropy_backward(s, y) / len(y)),
                "divided by the number of images twice: `cross_entropy_backward` is "
                "the gradient of a mean already."),
        Mistake("all images in each step", _trained(
                    batches_of=lambda batches: [
                        np.arange(1 + max(map(max, batches)))] * len(batches)),
                "each step uses all images: take x[batch] and y[batch]."),
        Mistake("velocity returned, too", _trained(use="both"),
                "the layers alone are wanted, without the velocity."),
        Mistake("weights alone", _trained(use="flat"),
                "the weights are returned in one flat list: return the layers."),
        Mistake("labels of the first images", _trained(
                    labels=lambda y, b: y[: len(b)]),
                "the labels are not those of the batch: y[batch]."),
        Mistake("probabilities as the gradient", _trained(blame=_probabilities),
                "the gradient in the scores is the probabilities, less 1 at the right "
                "class."),
        Mistake("not trained", lambda net, x, y, batches, rate, momentum=0.9: net,
                "the layers come out as they went in: return those that `step_all` "
                "gave."),
        Mistake("last batch first", _trained(batches_of=lambda b: b[::-1]),
                "the batches are taken from the last one on."),
    ),
    hints_=(
        "For every batch the four things you have: forward, the gradient in the "
        "scores, backward, a step.",
        "`scores, caches = yours.forward_all(x[batch], layers)`, then "
        "`dscores = grads.cross_entropy_backward(scores, y[batch])`.",
        "`gradients = yours.backward_all(dscores, layers, caches)`, and the step "
        "`layers, velocity = step_all(layers, velocity, gradients, rate, momentum)`.",
        "Before the loop `velocity = None`, and after it `return layers`.",
    ),
)  # fmt: skip


# ------------------------------------------------------------------------ the bug


def _signed_error(a, b):
    """Return the largest relative difference of two gradients, 0 to 1."""
    return np.max((a - b) / np.maximum(np.abs(a) + np.abs(b), 1e-8))


def _pair_sample(rng, size):
    shape = tuple(int(v) for v in rng.integers(1, size + 2, rng.integers(1, 3)))
    a = _drawn(rng, *shape)
    b = a.copy() if rng.random() < 0.3 else a + _drawn(rng, *shape) * 0.1
    return Case((a, -a if rng.random() < 0.2 else b))


_GOOD = np.array([1.0, -2.0, 0.5])

worst_error = FindBug(
    name="worst_error",
    notebook="09",
    reference=grads.relative_error,
    broken=_signed_error,
    causes=(
        Cause("a", "The difference should be divided by the larger of the two.",
              "Any common size of both will do: the sum of both sizes is at most twice "
              "the larger one."),
        Cause("b", "1e-8 is too large, and hides differences.",
              "It only keeps 0 / 0 away, where both are 0."),
        Cause("c", "The mean should be taken, not the maximum.",
              "One wrong entry among many would vanish in a mean."),
        Cause("d", "A difference below 0 never counts.",
              "The maximum of signed numbers ignores every entry that is too small.",
              right=True),
    ),
    cases=(
        Case((np.array([1.0]), np.array([3.0])), "too small: 1 for 3"),
        Case((_GOOD, _GOOD), "equal"),
        Case((np.array([0.0, -2.0]), np.array([0.0, 2.0])), "one entry of the wrong "
             "sign"),
        Case((_GOOD * 0.5, _GOOD), "half as large"),
        Case((np.zeros(2), np.zeros(2)), "both 0"),
    ),
    samples=_pair_sample,
    mistakes=(
        Mistake("mean", lambda a, b: np.mean(
                    np.abs(a - b) / np.maximum(np.abs(a) + np.abs(b), 1e-8)),
                "now the mean is taken: one wrong entry among many vanishes in it."),
        Mistake("abs outside", lambda a, b: np.abs(_signed_error(a, b)),
                "now the sign is lost after the maximum, when the entry that is too "
                "small has been passed over: take it of every entry."),
        Mistake("not relative", lambda a, b: np.max(np.abs(a - b)),
                "now the difference is not divided: 0.001 is much for 0.001, and "
                "little for 1000."),
        Mistake("divided by one", lambda a, b: np.max(
                    np.abs(a - b) / np.maximum(np.abs(b), 1e-8)),
                "now it is divided by b alone; the task keeps the sum of both sizes."),
        Mistake("sign in the denominator", lambda a, b: np.max(
                    np.abs(a - b) / np.maximum(np.abs(a + b), 1e-8)),
                "now a + b is taken before its size: for opposite signs that is 0."),
        Mistake("smallest", lambda a, b: -np.min(
                    -np.abs(a - b) * -1 / np.maximum(np.abs(a) + np.abs(b), 1e-8)),
                "now the smallest difference is found, not the largest."),
        Mistake("sizes compared", lambda a, b: np.max(
                    np.abs(np.abs(a) - np.abs(b))
                    / np.maximum(np.abs(a) + np.abs(b), 1e-8)),
                "now only sizes are compared: a gradient of the wrong sign passes."),
    ),
    hints_=(
        "Try it by hand: a is 1 and b is 3. And if a is 3 and b is 1?",
        "Every entry's difference should count, whichever of the two is larger: take "
        "its size before the maximum.",
        "`np.abs(a - b)`",
    ),
)  # fmt: skip


# --------------------------------------------------------------------- the clinic

_EVIDENCE = {
    "a": "With a rate too high, the weights move far in the first pass.",
    "b": "With a rate too low, everything goes the right way, slowly.",
    "c": "With labels of other images, the training images are learned a little, by "
    "heart, and the loss on held-out images rises.",
    "d": "ReLUs that are dead from the start show 0 % before the first pass.",
    "e": "Without their gradient, biases do not move at all.",
    "f": "With too few images, the training loss falls well below the held-out one, "
    "which falls at first.",
}


def _letters(answer) -> str:
    """Return the four letters of an answer, or raise one sentence on its form."""
    found = answer() if callable(answer) else answer
    if found is None:
        raise TypeError("diagnose returned None: is the `return` missing?")
    if isinstance(found, dict):
        found = [found.get(name, "") for name in clinic.PATIENTS]
    if isinstance(found, (list, tuple)):
        found = "".join(str(one).strip().strip("()") for one in found)
    if not isinstance(found, str):
        raise TypeError(
            "diagnose must return four letters, such as 'abcd'; got "
            f"{_show.kind(found)}."
        )
    names = re.sub(r"\b[A-D]\s*[:=]", "", found)  # "A: c, B: e"
    letters = re.sub(r"[\W_]", "", names).lower()
    if len(letters) != len(clinic.PATIENTS) or set(letters) - set(clinic.ILLNESSES):
        raise ValueError(
            f"diagnose must return four letters from a to f, for A, B, C and D; got "
            f"{found!r}."
        )
    return letters


def _score_diagnosis(answer) -> Score:
    given, right = _letters(answer), clinic.diagnose()
    wrong = [
        f"Patient {name} has something else than ({one}): {_EVIDENCE[one]}"
        for name, one, true in zip(clinic.PATIENTS, given, right, strict=True)
        if one != true
    ]
    return Score(len(right) - len(wrong), " ".join(wrong) or "All four are named.")


def _said(letters):
    def answer():
        return letters

    return answer


diagnose = Open(
    name="diagnose",
    notebook="09",
    reference=clinic.diagnose,
    score=_score_diagnosis,
    bar=4,
    show="{:.0f} of 4".format,
    measured_on="the four patients, of whom each has one illness of the list",
    wants="a function that returns four letters",
    mistakes=(
        Mistake("dead and rate exchanged", _said("ceda"),
                "Patient C has something else than (d)"),
        Mistake("B taken for healthy", _said("cbad"),
                "Patient B has something else than (b)"),
        Mistake("A too few images", _said("fead"),
                "Patient A has something else than (f)"),
        Mistake("all of one", _said("aaaa"), "Patient D has something else than (a)"),
        Mistake("A and B exchanged", _said("ecad"),
                "Patient B has something else than (c)"),
    ),
    hints_=(
        "Several lines lie at 0. Which of them stays there while all else goes well? "
        "Only a gradient that is forgotten makes such a line.",
        "Two patients have a second ReLU that is dead at the end. In which was it dead "
        "before the first pass? In which had the weights moved far by then?",
        "One has a training loss that falls while its held-out loss rises, and both "
        "are near 2.3. One is well, but for a line that stays at 0 in the last column.",
    ),
)  # fmt: skip

EXERCISES = (
    relu_backward,
    affine_backward,
    forward_all,
    backward_all,
    sgd_train,
    worst_error,
    diagnose,
)
