"""The arithmetic of a training: its rate, its step, its errors, its order, its cost.

The functions of notebook 13, written as their definition. Those that train take a
network, its loss and its update as arguments and touch them only by ``net(x)``,
``loss.backward()``, ``update.zero_grad()`` and ``update.step()``: PyTorch's, or others.
``cnnlab.train`` does the same with logs, checkpoints, precision and processes around.

Sources: Krizhevsky, Sutskever and Hinton, NIPS 2012, sections 5 and 6 (table 2).
"""

from typing import NamedTuple

import numpy as np

from cnnlab import arrays, shapes

CUTS = 3  # "reduced three times prior to termination" [section 5]

# Error in per cent: (who, top-1 and top-5 on validation images, top-5 on test images);
# None: not reported. A star: first trained on the 15 million images of ImageNet 2011.
RESULTS_2012 = (
    ("SIFT", None, None, 26.2),
    ("1 CNN", 40.7, 18.2, None),
    ("5 CNNs", 38.1, 16.4, 16.4),
    ("1 CNN*", 39.0, 16.6, None),
    ("7 CNNs*", 36.7, 15.4, 15.3),
)
IMAGES, EPOCHS = 1_281_167, 90  # ILSVRC-2012's training images; "roughly 90 cycles"
DAYS_2012 = (5, 6)  # "five to six days to train on two GTX 580 3GB GPUs"


def learning_rate_at(errors, rate: float = 0.01, patience: int = 3) -> float:
    """Return the learning rate of the next epoch, by the paper's rule.

    "Divide the learning rate by 10 when the validation error rate stopped improving
    with the current learning rate": here, when ``patience`` epochs in a row did not
    beat the best one since the rate was last divided; three times at most.

    Parameters
    ----------
    errors : validation error of each epoch so far
    """
    errors = arrays.real_array(errors, "learning_rate_at", "errors")
    shapes.require_axes(errors, "epochs", "learning_rate_at", "errors")
    shapes.require_number(rate, 0, "learning_rate_at", "rate")
    shapes.require_int(patience, 1, "learning_rate_at", "patience")
    best, wasted, cuts = np.inf, 0, 0
    for error in errors:
        if error < best:
            best, wasted = error, 0
        else:
            wasted += 1
        if wasted == patience and cuts < CUTS:
            best, wasted, cuts = np.inf, 0, cuts + 1
    return rate * 0.1**cuts


def train_step(net, loss_of, update, x, labels) -> float:
    """Take one step of training on a batch; return its loss.

    Parameters
    ----------
    net, loss_of : ``loss_of(net(x), labels)`` is the batch's mean loss
    update : such as ``torch.optim.SGD``: ``zero_grad()`` and ``step()``
    """
    update.zero_grad()
    loss = loss_of(net(x), labels)
    loss.backward()
    update.step()
    return loss.item()


def accumulate(net, loss_of, update, x, labels, parts: int) -> float:
    """Take the step of ``train_step``, with one part of the batch in memory at a time.

    Gradients add up until they are set to zero; each part's counts as its share.
    """
    parts = shapes.require_int(parts, 1, "accumulate", "parts")
    if not len(x) or len(x) % parts:
        raise ValueError(
            f"accumulate: parts must divide the batch: {parts} does not divide "
            f"{len(x)} images. Take another number of parts."
        )
    update.zero_grad()
    total = 0.0
    for some, their in zip(x.chunk(parts), labels.chunk(parts), strict=True):
        loss = loss_of(net(some), their) / parts
        loss.backward()
        total += loss.item()
    update.step()
    return total


def top5_error(scores, labels) -> float:
    """Return the share of images whose label is not among the five highest scores.

    Of equal scores the last class counts as the higher one, whatever the label: judge
    no network whose scores are all alike.

    Parameters
    ----------
    scores : (N, K) with at least 5 classes
    labels : (N,) whole numbers below K
    """
    scores = arrays.real_array(scores, "top5_error", "scores")
    shapes.require_axes(scores, "N, K", "top5_error", "scores")
    labels = arrays.as_labels(
        labels, scores.shape[1], len(scores), "top5_error", "labels"
    )
    if scores.shape[1] < 5 or not len(scores):
        raise ValueError(
            "top5_error: scores needs one image and five classes at least; got shape "
            f"{scores.shape}."
        )
    five = np.argsort(scores, axis=1)[:, -5:]
    return float(1 - (five == labels[:, None]).any(axis=1).mean())


def batches_from(n: int, size: int, epochs: int, seed: int, start: int = 0) -> list:
    """Return the rows of every batch of a training from step ``start`` on.

    Each epoch has its own order; an incomplete last batch is left out. A training that
    is resumed at step ``start`` goes on as one that was never stopped.
    """
    n = shapes.require_int(n, 1, "batches_from", "n")
    size = shapes.require_int(size, 1, "batches_from", "size", n)
    epochs = shapes.require_int(epochs, 0, "batches_from", "epochs", 10**6)
    start = shapes.require_int(start, 0, "batches_from", "start")
    rng = np.random.default_rng(seed)
    steps, found = n // size, []
    for epoch in range(epochs):
        order = rng.permutation(n)
        for place in range(steps):
            if epoch * steps + place >= start:
                found.append(order[place * size : (place + 1) * size])
    return found


def fast_settings() -> dict:
    """Return settings that share the cost of an update among many images."""
    return {"batch": 128}


def training_seconds(images: float, epochs: float, images_per_s: float) -> float:
    """Return how long a training takes: images x epochs / speed.

    Examples
    --------
    >>> round(training_seconds(1_281_167, 90, 240) / 86_400, 1)  # days, in 2012
    5.6
    """
    for name, value in (("images", images), ("epochs", epochs)):
        shapes.require_number(value, 0, "training_seconds", name)
    speed = shapes.require_number(images_per_s, 0, "training_seconds", "images_per_s")
    if not speed:
        raise ValueError("training_seconds: images_per_s must be above 0.")
    return images * epochs / speed


UNITS = ((120, 1, " s"), (7200, 60, " minutes"), (172_800, 3600, " hours"))


def spoken_time(seconds: float) -> str:
    """Return a time in its natural unit, to two digits or so.

    Examples
    --------
    >>> [spoken_time(n) for n in (1.5, 45, 900, 20_000, 500_000)]
    ['1.5 s', '45 s', '15 minutes', '5.6 hours', '5.8 days']
    """
    shapes.require_number(seconds, 0, "spoken_time", "seconds")
    fitting = (row[1:] for row in UNITS if seconds < row[0] - row[1] / 2)
    size, unit = next(fitting, (86_400, " days"))
    value = seconds / size
    return f"{value:,.0f}{unit}" if value >= 9.95 else f"{value:.2g}{unit}"


# ------------------------------------------------------------------ where time goes


class Part(NamedTuple):
    """One part of a training step.

    Attributes
    ----------
    name : of the layer; "crops" and "copy" for the data, "weights" for the update
    kind : "data", "forward", "backward" or "update"
    seconds : measured, for the whole batch
    flops, bytes : arithmetic, and what must be read and written, for each image
    fixed : bytes that must be read and written once a step: weights
    """

    name: str
    kind: str
    seconds: float
    flops: float = 0.0
    bytes: float = 0.0
    fixed: float = 0.0


class Machine(NamedTuple):
    """What a machine does at its best: in operations, and in bytes, a second."""

    name: str
    flops_per_s: float
    bytes_per_s: float

    def floor(self, part: Part, images: int) -> float:
        """Return the least seconds that a part could take: the roofline."""
        return max(self._times(part, images))

    def bound(self, part: Part, images: int) -> str:
        """Return what bounds a part: "arithmetic" or "memory"."""
        arithmetic, memory = self._times(part, images)
        return "arithmetic" if arithmetic > memory else "memory"

    def _times(self, part, images):
        moved = images * part.bytes + part.fixed
        return images * part.flops / self.flops_per_s, moved / self.bytes_per_s


class Step(NamedTuple):
    """One measured training step: its parts, how many images, and on what."""

    parts: tuple
    images: int
    machine: Machine

    @property
    def seconds(self) -> float:
        return sum(part.seconds for part in self.parts)

    @property
    def images_per_s(self) -> float:
        return self.images / self.seconds


def step_from(record: dict) -> Step:
    """Return the step that a record holds: machine, images and parts as lists."""
    parts = tuple(Part(*row) for row in record["parts"])
    return Step(parts, record["images"], Machine(*record["machine"]))


def grouped(parts) -> dict[str, list]:
    """Return the parts of a step in a dozen groups, by name.

    The convolutions and fully connected layers stand for themselves; what lies around
    layers 1 and 2 (normalisation, pooling, ReLU) is a group each, and what lies
    around the others goes with them.
    """
    found = {}
    for part in parts:
        word, number = part.name.rstrip("0123456789"), part.name[-1:]
        if part.kind in ("data", "update"):
            name = part.kind
        elif not number.isdigit():  # the loss
            name = "fc8"
        elif number in "12" and word != "conv":
            name = f"around {number}"
        else:
            name = f"conv{number}" if number in "12345" else f"fc{number}"
        found.setdefault(name, []).append(part)
    order = ["data", "conv1", "around 1", "conv2", "around 2", "conv3", "conv4",
             "conv5", "fc6", "fc7", "fc8", "update"]  # fmt: skip
    return {name: found[name] for name in order if name in found}
