"""The exercises of notebook 15: VGG counted, blocks, batch norm, a probe, a contest."""

import functools
from dataclasses import dataclass

import numpy as np

from cnnlab import data, deeper, fast, linear
from cnnlab.checks import _show
from cnnlab.checks._base import (
    Case,
    Cause,
    Exercise,
    FindBug,
    Mistake,
    Open,
    Score,
)

# ------------------------------------------------------------------------- counting


def _counted(bias=1, updates=True, halves=True, square=True, dense_bias=1, window=None,
             middle=True, flat=True, last=True, images=3, per_block=False, places=True,
             up=False, turned=False, each=False):  # fmt: skip
    """Return an answer with these faults."""

    def answer(blocks, size=224, hidden=4096, classes=1000):
        channels, total = images, 0
        for block in blocks:
            entering = channels
            for filters, k in block:
                filters, k = (k, filters) if turned else (filters, k)
                k = window or k
                seen = entering if per_block else channels
                total += filters * (seen * (k * k if square else k) + bias)
                channels = filters if updates else channels
                size = size // 2 if each else size
            if not each and halves:
                size = -(-size // 2) if up else size // 2
        if not updates:
            channels = blocks[-1][-1][0]
        inputs = (channels if places else 1) * (size * size if flat else size)
        rows = [(inputs, hidden), (hidden, hidden), (hidden, classes)]
        if not middle:
            del rows[1]
        if not last:
            del rows[2]
        return total + sum(n * (m + dense_bias) for m, n in rows)

    return answer


def _drawn_vgg(rng, size):
    blocks = [
        [(int(f), int(rng.choice([1, 3, 3]))) for f in rng.integers(1, size + 3, count)]
        for count in rng.integers(1, 4, rng.integers(1, 4))
    ]
    side = int(rng.integers(2 ** len(blocks), 2 ** len(blocks) * (size + 1)))
    hidden, classes = (int(n) for n in rng.integers(1, 2 * size + 3, 2))
    return Case((blocks, side, hidden, classes))


vgg_parameters = Exercise(
    name="vgg_parameters",
    notebook="15",
    reference=deeper.vgg_parameters,
    cases=(
        Case(([[(2, 3)]], 4, 5, 3), "one convolution"),
        Case(([[(2, 3), (4, 3)]], 6, 5, 3), "two in a block"),
        Case(([[(2, 3)], [(4, 3), (5, 1)]], 12, 5, 3), "two blocks, one 1 x 1"),
        Case(([[(2, 3)], [(3, 3)]], 11, 4, 3), "a size that is odd: rounded down"),
    ),
    samples=_drawn_vgg,
    mistakes=(
        Mistake("no biases", _counted(0, dense_bias=0), "the biases are not counted."),
        Mistake(
            "no biases in convolutions",
            _counted(0),
            "the biases of the convolutions are not counted: one for each filter.",
        ),
        Mistake(
            "no biases in dense layers",
            _counted(dense_bias=0),
            "the biases of the dense layers are not counted: one for each neuron.",
        ),
        Mistake(
            "always three channels",
            _counted(updates=False),
            "every convolution sees 3 channels here; it sees as many as the layer "
            "before gave out.",
        ),
        Mistake(
            "channels of the block",
            _counted(per_block=True),
            "all convolutions of a block see what enters the block; each sees what the "
            "one before it gave out.",
        ),
        Mistake(
            "nothing is pooled",
            _counted(halves=False),
            "the maps are not halved after a block, so the first dense layer sees too "
            "much.",
        ),
        Mistake(
            "window not squared",
            _counted(square=False),
            "a window has k · k weights for each map, not k.",
        ),
        Mistake(
            "all windows 3 x 3",
            _counted(window=3),
            "1 x 1 convolutions are counted with 3 x 3 weights.",
        ),
        Mistake(
            "two dense layers",
            _counted(middle=False),
            "there are three dense layers; the second joins hidden to hidden.",
        ),
        Mistake(
            "scores forgotten",
            _counted(last=False),
            "the last dense layer, which gives the scores, is forgotten.",
        ),
        Mistake(
            "a row for a map",
            _counted(flat=False),
            "the first dense layer sees the whole maps, size · size places each.",
        ),
        Mistake(
            "halved after each layer",
            _counted(each=True),
            "the maps are halved after each convolution; only a block ends with a "
            "pooling.",
        ),
        Mistake(
            "rounded up",
            _counted(up=True),
            "an odd size is rounded up when it is halved; round down: `size // 2`.",
        ),
        Mistake(
            "pair turned round",
            _counted(turned=True),
            "a pair is read as (k, filters); it is (filters, k).",
        ),
        Mistake(
            "one map into the dense layer",
            _counted(places=False),
            "the first dense layer sees all maps: channels · size · size numbers.",
        ),
        Mistake(
            "grey images", _counted(images=1), "the image has 3 channels, not one."
        ),
    ),
    hints_=(
        "Walk through the blocks and keep two numbers: how many maps there are now, "
        "`channels`, and how large they are. In the beginning there are 3.",
        "A convolution: `total += filters * (channels * k * k + 1)`, and then "
        "`channels = filters`. After a block: `size //= 2`.",
        "The first dense layer sees `channels * size * size` numbers, the other two "
        "`hidden`; a layer of n neurons that see m numbers has `n * (m + 1)`.",
    ),
)


# --------------------------------------------------------------------- a residual block


def _block(middle=True, end="after", shortcut="zeros behind", bias=True, second=False,
           source="x", where="second", join="add", same_bias=False):  # fmt: skip
    """Return an answer with these faults."""

    def answer(x, w1, b1, w2, b2, stride=1):
        b1, b2 = (b1, b2) if bias else (0 * b1, 0 * b2)
        steps = (1, stride) if second else (stride, 1)
        y = fast.conv2d(x, w1, b1, steps[0], 1)
        y = np.maximum(y, 0) if middle else y
        short = np.maximum(x, 0) if source == "relu" else x
        if shortcut == "first rows":
            rows = -(-x.shape[2] // stride), -(-x.shape[3] // stride)
            short = short[:, :, : rows[0], : rows[1]]
        else:
            short = short[:, :, ::stride, ::stride]
        more = len(w1) - x.shape[1]
        around = (more, 0) if shortcut == "zeros before" else (0, more)
        if shortcut == "repeated":
            copies = -(-len(w1) // x.shape[1])
            short = np.tile(short, (1, copies, 1, 1))[:, : len(w1)]
        else:
            short = np.pad(short, ((0, 0), around, (0, 0), (0, 0)))
        if shortcut == "none":
            short = 0 * short
        if where == "first":
            y = y + short
        y = fast.conv2d(y, w2, b1 if same_bias else b2, steps[1], 1)
        if end in ("before", "both"):
            y = np.maximum(y, 0)
        if where == "second":
            y = y * short if join == "times" else y + short
        return y if end == "never" or end == "before" else np.maximum(y, 0)

    return answer


def _not_strided(added):
    """Return an answer whose shortcut forgets the stride."""

    def answer(x, w1, b1, w2, b2, stride=1):
        y = np.maximum(fast.conv2d(x, w1, b1, stride, 1), 0)
        y = fast.conv2d(y, w2, b2, 1, 1)
        if added == "in place":
            y[:, : x.shape[1]] += x
        else:
            around = (0, len(w1) - x.shape[1])
            y = y + np.pad(x, ((0, 0), around, (0, 0), (0, 0)))
        return np.maximum(y, 0)

    return answer


NOT_STRIDED = (
    "the shortcut forgets the stride: it takes every stride-th row and column, "
    "`x[:, :, ::stride, ::stride]`."
)


def _block_case(seed, n, c, f, h, w, stride=1, note=""):
    rng = np.random.default_rng([15, seed])
    draw = [rng.normal(0, 1, shape).round(1) for shape in
            ((n, c, h, w), (f, c, 3, 3), (f,), (f, f, 3, 3), (f,))]  # fmt: skip
    draw[0] *= 3  # so that the shortcut counts beside the convolutions
    return Case((*draw, stride), note)


def _drawn_block(rng, size):
    c = int(rng.integers(1, 3))
    f = c + int(rng.integers(0, 3))
    n, h, w = (int(v) for v in rng.integers(1, 3 + size // 2, 3))
    return _block_case(int(rng.integers(1 << 30)), n, c, f, h, w, 1 + (f > c) * int(
        rng.integers(0, 2)))  # fmt: skip


residual_block = Exercise(
    name="residual_block",
    notebook="15",
    reference=deeper.residual_block,
    cases=(
        _block_case(0, 1, 1, 1, 2, 3, note="one map"),
        _block_case(1, 2, 2, 2, 3, 4, note="two images, two maps"),
        _block_case(2, 1, 2, 3, 3, 4, note="a map more than x has"),
        _block_case(3, 2, 2, 4, 5, 4, 2, "twice the maps, stride 2"),
    ),
    samples=_drawn_block,
    drawn=20,
    mistakes=(
        Mistake(
            "no shortcut",
            _block(shortcut="none"),
            "x is not added: this is a plain block.",
        ),
        Mistake(
            "no ReLU at the end",
            _block(end="never"),
            "the last ReLU, after the sum, is missing.",
        ),
        Mistake(
            "ReLU before the sum",
            _block(end="before"),
            "the last ReLU comes before x is added, so the block can only raise x, "
            "never lower it: add first.",
        ),
        Mistake(
            "no ReLU between",
            _block(middle=False),
            "the ReLU between the two convolutions is missing.",
        ),
        Mistake(
            "added too early",
            _block(where="first"),
            "x is added before the second convolution; it belongs behind it.",
        ),
        Mistake("no biases", _block(bias=False), "the biases are not used."),
        Mistake(
            "stride in the second convolution",
            _block(second=True),
            "the stride belongs to the first convolution; the second has 1.",
        ),
        Mistake(
            "zeros before",
            _block(shortcut="zeros before"),
            "the maps of zeros come before those of x; they belong behind them.",
        ),
        Mistake(
            "maps repeated",
            _block(shortcut="repeated"),
            "where the block has more maps, x is repeated; add zeros to those.",
        ),
        Mistake(
            "first rows",
            _block(shortcut="first rows"),
            "the shortcut takes the first rows and columns of x, not every stride-th: "
            "`x[:, :, ::stride, ::stride]`.",
        ),
        Mistake(
            "ReLU on the shortcut",
            _block(source="relu"),
            "x goes through a ReLU before it is added; the shortcut leaves x as it is.",
        ),
        Mistake("no stride, in place", _not_strided("in place"), NOT_STRIDED),
        Mistake("no stride, padded", _not_strided("padded"), NOT_STRIDED),
        Mistake(
            "ReLU before the sum, too",
            _block(end="both"),
            "there is a ReLU before the sum as well as after it; the first of them "
            "does not belong there.",
        ),
        Mistake(
            "the first bias twice",
            _block(same_bias=True),
            "the second convolution uses b1; its bias is b2.",
        ),
        Mistake(
            "multiplied",
            _block(join="times"),
            "the two are multiplied; they are to be added.",
        ),
    ),
    hints_=(
        "First the plain block: `y = np.maximum(yours.conv2d(x, w1, b1, stride, 1), "
        "0)`, then `y = yours.conv2d(y, w2, b2, 1, 1)`.",
        "What goes along the shortcut: `short = x[:, :, ::stride, ::stride]`. Adding "
        "maps of zeros to it is the same as adding it to the first maps only.",
        "`y[:, : x.shape[1]] += short`, and then `return np.maximum(y, 0)`.",
    ),
)


# ------------------------------------------------------------------------ batch norm


def _normed(axes=(0, 2, 3), root=True, inside=True, use="given", ddof=0, swap=False,
            scale=True, shift=True, centred=True, spread=False, turned=False,
            shift_first=False):  # fmt: skip
    """Return an answer with these faults."""

    def answer(x, gamma, beta, running=None, eps=1e-5):
        gamma, beta = (beta, gamma) if swap else (gamma, beta)
        running = running[::-1] if turned and running is not None else running
        mean = x.mean(axes, keepdims=True)
        variance = x.var(axes, keepdims=True, ddof=ddof)
        if running is not None and use != "batch":
            mean, variance = (np.asarray(one)[:, None, None] for one in running)
            if use == "spread":
                variance = variance**2
        elif spread:
            variance = np.sqrt(variance)
        if inside:
            root_of = np.sqrt(variance + eps) if root else variance + eps
        else:
            root_of = np.sqrt(variance) + eps
        y = (x - mean if centred else x) / root_of
        if shift_first:
            return (y + beta[:, None, None]) * gamma[:, None, None]
        y = y * gamma[:, None, None] if scale else y
        return y + beta[:, None, None] if shift else y

    return answer


def _along_columns(x, gamma, beta, running=None, eps=1e-5):
    mean, variance = running or (x.mean((0, 2, 3)), x.var((0, 2, 3)))
    return gamma * (x - mean) / np.sqrt(variance + eps) + beta


def _norm_case(seed, n, c, h, w, running=False, eps=1e-5, note=""):
    rng = np.random.default_rng([16, seed])
    x = (rng.normal(0, 1, (n, c, h, w)) * (1 + np.arange(c))[:, None, None] + 2).round(
        1
    )
    gamma, beta = rng.uniform(0.5, 2, c).round(1), rng.normal(0, 1, c).round(1)
    kept = (rng.normal(1, 1, c).round(1), rng.uniform(0.5, 4, c).round(1))
    return Case((x, gamma, beta, kept if running else None, eps), note)


def _drawn_norm(rng, size):
    c, h, w = (int(v) for v in rng.integers(1, 3 + size // 2, 3))
    n = int(rng.integers(2, 4 + size // 2))
    running = bool(rng.integers(2))
    eps = float(rng.choice([1e-5, 1e-3, 0.1]))
    return _norm_case(int(rng.integers(1 << 30)), n, c, h, w, running, eps)


batch_norm = Exercise(
    name="batch_norm",
    notebook="15",
    reference=deeper.batch_norm,
    cases=(
        _norm_case(0, 2, 1, 1, 2, note="training, one map"),
        _norm_case(1, 2, 3, 2, 4, note="training, three maps"),
        _norm_case(2, 2, 2, 1, 3, True, note="evaluation"),
        _norm_case(3, 1, 3, 2, 3, True, 0.1, "evaluation of a single image"),
        _norm_case(4, 3, 2, 2, 3, False, 0.1, "training, a large eps"),
    ),
    samples=_drawn_norm,
    mistakes=(
        Mistake(
            "one mean for all maps",
            _normed(axes=(0, 1, 2, 3)),
            "all maps share one mean and one variance; each map has its own, over "
            "the axes (0, 2, 3).",
        ),
        Mistake(
            "each image by itself",
            _normed(axes=(2, 3)),
            "every image has its own mean and variance; they are taken over all images "
            "of the batch, too.",
        ),
        Mistake(
            "each place by itself",
            _normed(axes=(0,)),
            "every place has its own mean and variance; they are taken over all places "
            "of a map, too.",
        ),
        Mistake(
            "each image's maps together",
            _normed(axes=(1, 2, 3)),
            "mean and variance are taken over the maps of each image (axis 1); that is "
            "another normalisation. Take the axes (0, 2, 3).",
        ),
        Mistake(
            "divided by the variance",
            _normed(root=False),
            "this divides by the variance: take its root.",
        ),
        Mistake(
            "eps outside the root",
            _normed(inside=False),
            "eps is added to the root; it belongs to the variance, inside.",
        ),
        Mistake(
            "running ignored",
            _normed(use="batch"),
            "in evaluation, too, the batch's own mean and variance are used; take "
            "those of `running`.",
        ),
        Mistake(
            "running variance taken for a spread",
            _normed(use="spread"),
            "`running` holds a variance: do not square it.",
        ),
        Mistake(
            "variance with n - 1",
            _normed(ddof=1),
            "the variance divides by one less than the count here; in batch norm it "
            "is `x.var(...)` as it is.",
        ),
        Mistake(
            "gamma and beta exchanged",
            _normed(swap=True),
            "gamma and beta are exchanged: gamma scales, beta shifts.",
        ),
        Mistake(
            "shifted, then scaled",
            _normed(shift_first=True),
            "beta is added before gamma multiplies; scale first, then shift.",
        ),
        Mistake(
            "spread for a variance",
            _normed(spread=True),
            "in training a spread, `x.std`, stands where the variance should: its root "
            "is taken a second time.",
        ),
        Mistake(
            "running turned round",
            _normed(turned=True),
            "`running` is read as (variance, mean); the mean comes first.",
        ),
        Mistake("no gamma", _normed(scale=False), "gamma is not used."),
        Mistake("no beta", _normed(shift=False), "beta is not used."),
        Mistake(
            "numbers of a map along the last axis",
            _along_columns,
            "numbers for each map, (C,), meet the columns of x, its last axis; put two "
            "axes behind them: `gamma[:, None, None]`.",
        ),
        Mistake(
            "mean not taken off",
            _normed(centred=False),
            "the mean is not taken off before dividing.",
        ),
    ),
    hints_=(
        "Which numbers share a mean? All those of one map: over the images and both "
        "axes of places, `(0, 2, 3)`.",
        "In training `mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3))`, else "
        "`mean, variance = running`.",
        "Numbers for each map need two axes behind: `mean[:, None, None]`. Divide by "
        "`np.sqrt(variance + eps)[:, None, None]`; gamma multiplies, beta is added.",
    ),
)


# --------------------------------------------------------------- what it remembers


def _last_counts_most(means, momentum=0.1):
    """Return the mean that batch normalisation remembers for evaluation."""
    running = np.zeros(means.shape[1])
    for mean in means:
        running = momentum * running + (1 - momentum) * mean
    return running


def _remembered(start="zeros", step=None):
    """Return a mending with these rules."""

    def answer(means, momentum=0.1):
        running = means[0] if start == "first" else np.zeros(means.shape[1])
        share = step if step is not None else momentum
        for mean in means:
            running = (1 - share) * running + share * mean
        return running

    return answer


def _drawn_means(rng, size):
    shape = (int(rng.integers(1, size + 3)), int(rng.integers(1, 4)))
    means = rng.normal(2, 1, shape).round(1)
    return Case((means, float(rng.choice([0.01, 0.1, 0.2, 0.3]))))


running_mean = FindBug(
    name="running_mean",
    notebook="15",
    reference=deeper.running_mean,
    broken=_last_counts_most,
    cases=(
        Case((np.array([[2.0]]), 0.1), "one batch moves 0 by a tenth"),
        Case((np.array([[2.0], [4.0]]), 0.1), "two batches"),
        Case((np.array([[1.0, 5.0], [3.0, 3.0], [2.0, 4.0]]), 0.3), "two maps"),
    ),
    samples=_drawn_means,
    causes=(
        Cause(
            "a",
            "It should start at the first batch's mean, not at 0.",
            "A start at 0 fades out: after 50 batches with a momentum of 0.1 it has a "
            "weight of half a per cent. The jumps stay.",
        ),
        Cause(
            "b",
            "All batches should count alike.",
            "Early batches are of early weights, and should be forgotten.",
        ),
        Cause(
            "c",
            "The two weights are exchanged, so almost only the last batch counts.",
            right=True,
        ),
        Cause(
            "d",
            "A mean of means is wrong where batches differ in size.",
            "In a training at most the last batch is smaller, and these jumps have "
            "another cause.",
        ),
    ),
    mistakes=(
        Mistake(
            "starts at the first",
            _remembered("first"),
            "now it starts at the first batch's mean; the task keeps the start at 0.",
        ),
        Mistake(
            "plain mean",
            lambda means, momentum=0.1: means.mean(axis=0),
            "now all batches count alike, and momentum is not used.",
        ),
        Mistake(
            "always a tenth",
            _remembered(step=0.1),
            "now momentum is always 0.1; use the argument.",
        ),
        Mistake(
            "always nine tenths",
            _remembered(step=0.9),
            "now the last batch counts nine tenths, whatever momentum is.",
        ),
        Mistake(
            "nothing forgotten",
            lambda means, momentum=0.1: momentum * means.sum(axis=0),
            "now nothing is forgotten: the old mean keeps 1 - momentum of itself.",
        ),
        Mistake(
            "the last batch",
            lambda means, momentum=0.1: means[-1],
            "now only the last batch counts.",
        ),
    ),
    hints_=(
        "Try it with batches whose means are 0, 0, 0 and 10. What comes out, and what "
        "should, if a batch moves the memory by a tenth?",
        "The old mean should keep nine tenths of its weight when momentum is 0.1.",
        "`running = (1 - momentum) * running + momentum * mean`",
    ),
)


# ------------------------------------------------------------------------- the probe


def _probed(stats="training", root=True, bias=True, sign=-1.0, mean=True, out="scores",
            spread=True, once=False, centred=True, fit=True, more=0, square=False,
            ones_too=False):  # fmt: skip
    """Return an answer with these faults."""

    def answer(features, labels, x, steps=200, rate=1.0):
        rows = []
        for one in (features, x):
            base = {"training": features, "own": one, "both": np.r_[features, x]}[stats]
            scale = base.std(0) + 1e-6 if spread else 1.0
            one = (one - base.mean(0) if centred else one) / scale
            d = features.shape[1]
            one = one / (d if square else np.sqrt(d)) if root else one
            column = float(bias) / (np.sqrt(d) if ones_too else 1)
            rows.append(np.c_[one, np.full(len(one), column)])
        a, b = rows
        w = np.zeros((a.shape[1], labels.max() + 1))
        for _ in range(1 if once else steps + more):
            blame = a.T @ linear.softmax_gradient(a @ w, labels)
            w = w + sign * rate * blame / (len(a) if mean else 1)
        scores = (b if fit else a) @ w
        if out == "classes":
            return scores.argmax(axis=1)
        if out == "weights":
            return w
        if out == "shares":
            e = np.exp(scores - scores.max(axis=1, keepdims=True))
            return e / e.sum(axis=1, keepdims=True)
        return scores

    return answer


def _probe_case(seed, n, d, k, m, steps=3, rate=1.0, note="", missing=False):
    rng = np.random.default_rng([17, seed])
    features = (rng.normal(0, 1, (n, d)) * (1 + np.arange(d)) + 1).round(1)
    labels = np.r_[np.arange(k), rng.integers(0, k, n - k)]
    if missing:  # the class before the last has no image
        labels[labels == k - 2] = k - 1
    x = (rng.normal(0, 1, (m, d)) * (1 + np.arange(d)) + 2).round(1)
    return Case((features, labels, x, steps, rate), note)


def _drawn_probe(rng, size):
    k, d = int(rng.integers(2, 4)), int(rng.integers(1, size + 2))
    n, m = k + 1 + int(rng.integers(0, size)), int(rng.integers(1, size + 3))
    steps = int(rng.integers(1, 5))
    seed, rate = int(rng.integers(1 << 30)), float(rng.choice([0.5, 1.0]))
    missing = bool(rng.integers(4) == 0)
    return _probe_case(seed, n, d, k, m, steps, rate, missing=missing)


linear_probe = Exercise(
    name="linear_probe",
    notebook="15",
    reference=deeper.linear_probe,
    cases=(
        _probe_case(0, 3, 1, 2, 2, 1, note="one feature, one step"),
        _probe_case(1, 4, 2, 2, 3, 1, note="two features, one step"),
        _probe_case(2, 5, 3, 3, 2, 4, 0.5, "three classes, four steps"),
        _probe_case(3, 5, 2, 3, 2, 2, 1.0, "a class without an image", True),
    ),
    samples=_drawn_probe,
    drawn=30,
    rtol=1e-5,
    mistakes=(
        Mistake(
            "each set by itself",
            _probed("own"),
            "x is shifted and scaled by its own mean and spread; use those of the "
            "training features, or an image's answer depends on its neighbours.",
        ),
        Mistake(
            "both sets together",
            _probed("both"),
            "mean and spread are taken over the training features and x together: that "
            "looks at what is to be judged. Take the training features' alone.",
        ),
        Mistake(
            "not scaled",
            _probed(spread=False),
            "the features are not divided by their spread.",
        ),
        Mistake(
            "not shifted",
            _probed(centred=False),
            "the mean of the training features is not taken off.",
        ),
        Mistake(
            "no root",
            _probed(root=False),
            "the features are not divided by the root of their number, `np.sqrt(D)`.",
        ),
        Mistake(
            "divided by the number",
            _probed(square=True),
            "the features are divided by their number D; take its root, `np.sqrt(D)`.",
        ),
        Mistake(
            "column of ones divided",
            _probed(ones_too=True),
            "the column of ones is divided by the root of D, too; put it behind after "
            "that.",
        ),
        Mistake("one step too many", _probed(more=1), "one step too many is taken."),
        Mistake("no bias", _probed(bias=False), "the column of ones is missing."),
        Mistake(
            "uphill",
            _probed(sign=1.0),
            "the weights go uphill: subtract the gradient.",
        ),
        Mistake(
            "sum of the gradients",
            _probed(mean=False),
            "the gradients of the images are added: divide by their number.",
        ),
        Mistake(
            "one step",
            _probed(once=True),
            "only one step is taken: is `return` inside the loop?",
        ),
        Mistake(
            "classes",
            _probed(out="classes"),
            "these are classes; wanted are the scores, (M, K).",
        ),
        Mistake("weights", _probed(out="weights"), "these are weights, not scores."),
        Mistake(
            "probabilities",
            _probed(out="shares"),
            "these are probabilities; wanted are the scores, before the softmax.",
        ),
        Mistake(
            "the training images' scores",
            _probed(fit=False),
            "these are the scores of the training images; wanted are those of x.",
        ),
    ),
    hints_=(
        "Make both sets ready in the same way: `mean, spread = features.mean(0), "
        "features.std(0) + 1e-6`, then `(features - mean) / spread / np.sqrt(D)`, "
        "and a column of ones put behind with `np.c_`.",
        "Weights: `w = np.zeros((D + 1, K))`. One step: `w = w - rate * a.T @ "
        "yours.softmax_gradient(a @ w, labels) / len(a)` with `a` the training "
        "features made ready.",
        "At the end `return b @ w` with `b` the other images' features made ready.",
    ),
)


# ------------------------------------------------------------------------- the contest

SIDE, CLASSES = 24, 10
BUDGET = 452_288  # multiply-accumulates of the small AlexNet
ALEXNET_ERROR = 0.66  # its error at the best of three rates, mean of three seeds
BAR = 0.45
SEEDS, PASSES, BATCH, RATE = (0, 1), 4, 20, 0.03


@functools.cache
def _patches():
    """Return training and held-out patches, as the networks get them."""
    import torch

    parts = (
        data.load("patches", size=SIDE, per_class=30),
        data.load("patches", "test", size=SIDE, per_class=30),
    )
    return [
        ((torch.from_numpy(p.images) - 118.0) / 60, torch.from_numpy(p.labels))
        for p in parts
    ]


def _work(net) -> int:
    """Return the multiply-accumulates of a network, or raise one sentence."""
    import torch

    from cnnlab import nets

    if not isinstance(net, torch.nn.Module):
        raise TypeError(
            "better_network must return a network, an nn.Module; got "
            f"{_show.kind(net)}."
        )
    kinds = (torch.nn.Conv2d, torch.nn.Linear, torch.nn.modules.batchnorm._NormBase,
             torch.nn.GroupNorm, torch.nn.LayerNorm)  # fmt: skip
    for module in net.modules():
        if isinstance(module, torch.nn.modules.lazy.LazyModuleMixin):
            raise TypeError(
                f"better_network: {type(module).__name__} does not say how many inputs "
                "it has, so its work cannot be counted; give the number."
            )
        if (
            not isinstance(module, kinds)
            and next(module.parameters(False), None) is not None
        ):
            raise TypeError(
                f"better_network: {type(module).__name__} has weights of its own, "
                "whose work is not counted; use Conv2d, Linear and normalisations."
            )
    try:
        macs = sum(layer.macs for layer in nets.walk(net, (3, SIDE, SIDE)))
    except RuntimeError as error:
        raise ValueError(
            f"better_network: an image (3, {SIDE}, {SIDE}) does not pass through the "
            f"network. PyTorch says: {error}. Has each layer as many inputs as the one "
            "before it gives? nn.Linear sees what nn.Flatten() leaves."
        ) from None
    if not macs:
        raise ValueError(
            "better_network: this network has no nn.Conv2d and no nn.Linear that could "
            "be counted."
        )
    if macs > BUDGET:
        raise ValueError(
            f"better_network: {macs:,} multiply-accumulates; at most {BUDGET:,} are "
            "allowed. Fewer filters, or an earlier pooling, cost less."
        )
    return macs


def trained_error(make, seed: int, rate: float = RATE) -> float:
    """Train what ``make()`` returns on 300 patches; return its error on 300 others."""
    import torch

    (x, y), (held, labels) = _patches()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = make().train()
        update = torch.optim.SGD(
            net.parameters(), rate, momentum=0.9, weight_decay=5e-4
        )
        steps = [
            rows for _ in range(PASSES) for rows in torch.randperm(len(x)).split(BATCH)
        ]
        for number, rows in enumerate(steps):
            update.param_groups[0]["lr"] = rate * (1 - number / len(steps))
            update.zero_grad()
            scores = net(x[rows])
            if tuple(scores.shape) != (len(rows), CLASSES):
                raise ValueError(
                    f"better_network: the scores of {len(rows)} images have shape "
                    f"{tuple(scores.shape)}; wanted ({len(rows)}, {CLASSES})."
                )
            torch.nn.functional.cross_entropy(scores, y[rows]).backward()
            update.step()
        net.eval()
        with torch.no_grad():
            return float((net(held).argmax(dim=1) != labels).float().mean())


def _score_network(answer) -> Score:
    net = answer()
    if net is None:
        raise TypeError("better_network returned None: is the `return` missing?")
    macs = _work(net)
    if {id(w) for w in net.parameters()} & {id(w) for w in answer().parameters()}:
        raise ValueError(
            "better_network: the same weights came twice, so the second training would "
            "go on where the first ended; make all layers inside the function."
        )
    errors = [trained_error(answer, seed) for seed in SEEDS]
    both = " and ".join(f"{error:.0%}" for error in errors)
    detail = (
        f"{macs:,} of {BUDGET:,} multiply-accumulates; {both} wrong from two starts. "
        f"The small AlexNet: {ALEXNET_ERROR:.0%}."
    )
    return Score(float(np.mean(errors)), detail)


@functools.cache
def _warmed() -> None:
    """Load PyTorch whole before a check is timed: its first step loads much."""
    import torch

    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * SIDE**2, CLASSES))
    net(_patches()[0][0][:2]).sum().backward()
    torch.optim.SGD(net.parameters(), 0.1).step()


@dataclass(frozen=True, eq=False)
class Contest(Open):
    """An open exercise that trains a network."""

    def _within_bounds(self, work):
        _warmed()
        return super()._within_bounds(work)


def _linear():
    from torch import nn

    return nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE**2, CLASSES))


def _two_small_windows():
    from torch import nn

    return nn.Sequential(
        nn.MaxPool2d(4), nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, CLASSES),
    )  # fmt: skip


better_network = Contest(
    name="better_network",
    notebook="15",
    reference=deeper.small_vgg,
    score=_score_network,
    bar=BAR,
    lower_is_better=True,
    show="{:.0%} wrong".format,
    measured_on="300 held-out patches, the mean of two trainings",
    wants="a function that returns a network",
    isolate=False,
    mistakes=(
        Mistake("a linear classifier", _linear, "17,280 of 452,288"),
        Mistake("hardly a filter", _two_small_windows, "2,344 of 452,288"),
    ),
    hints_=(
        "Where does the small AlexNet spend its work, and where does it lose most in "
        "so few steps? The table of its layers shows the first.",
        "Sixty steps are few. What made a deep network's first steps count, in this "
        "notebook?",
        "3 × 3 windows, each with `nn.BatchNorm2d(filters)` and `nn.ReLU()` behind it, "
        "pooling early and often; in place of dense layers "
        "`nn.AdaptiveAvgPool2d(1)`. (Two 1 × 1 convolutions with batch normalisation "
        "and a mean pass, too: colours and batch normalisation decide here, not "
        "depth.)",
    ),
)

EXERCISES = (
    vgg_parameters,
    batch_norm,
    running_mean,
    residual_block,
    linear_probe,
    better_network,
)
