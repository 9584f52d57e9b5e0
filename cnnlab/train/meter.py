"""The signal meter: do differences between images reach the output?

A network whose logits are equal for all images starts with the loss ln C and stays
there: the gradient says nothing about images. Measured at initialisation, this tells
AlexNet's paper text (0.0003 with inputs of unit variance) from the configuration that
was run in 2012 (0.18).
"""

import contextlib
import math
from collections import Counter
from typing import NamedTuple

import torch
from torch import nn

from cnnlab import shapes

DEAD_START = 0.01  # spread of the logits below which a start is called dead
FLAT = 0.005  # of ln C
_NORMS = (nn.modules.batchnorm._BatchNorm,)


class Reading(NamedTuple):
    """What one layer gives for a batch of images.

    Attributes
    ----------
    name : of the layer, in the network
    spread : standard deviation between images, mean over units
    mean_abs : mean magnitude
    dead_share : share of units that are 0 for every image
    """

    name: str
    spread: float
    mean_abs: float
    dead_share: float


def signal(net: nn.Module, x: torch.Tensor) -> list[Reading]:
    """Measure every layer's output for a batch of images, in order of execution.

    The network is in evaluation mode (no dropout: its noise is no signal), except that
    batch normalisation which has seen no batch yet takes this one's statistics. Mode,
    parameters, buffers and random numbers of the network are left as they were.

    Parameters
    ----------
    x : (N, C, H, W) float input as in training, N at least 2

    Returns
    -------
    one Reading a layer; the last is the logits'
    """
    if not isinstance(x, torch.Tensor) or not x.is_floating_point():
        raise TypeError(
            f"meter.signal: x needs a float tensor; got {shapes.spoken(x)}. "
            "Use augment.for_training, as training does."
        )
    if x.dim() < 2 or len(x) < 2:
        raise ValueError(
            f"meter.signal: x needs at least 2 images; got shape {tuple(x.shape)}."
        )
    readings = []
    with torch.no_grad(), _untouched(net):
        net.eval()
        for module in net.modules():
            if isinstance(module, _NORMS) and not int(module.num_batches_tracked or 0):
                module.train()

        def measure(name, module, inputs, output):
            readings.append(_reading(name, output))

        with _watched(net, measure):
            logits = net(x)
    last = _reading("logits", logits)
    if not readings or repr(readings[-1][1:]) != repr(last[1:]):  # made by no layer
        readings.append(last)
    return readings


def table(readings: list[Reading]) -> str:
    """Return the readings as text, one line a layer."""
    width = max(len("layer"), *(len(one.name) for one in readings))
    lines = [f"{'layer':<{width}}  between images  mean size  dead units"]
    lines += [
        f"{one.name:<{width}}  {one.spread:14.3g}  {one.mean_abs:9.3g}  "
        f"{one.dead_share:10.0%}"
        for one in readings
    ]
    return "\n".join(lines)


def warning(readings: list[Reading], num_classes: int) -> str | None:
    """Return a sentence if the start is dead, or None.

    Dead: the logits' standard deviation between images is below 0.01, or not a number.
    """
    spread = readings[-1].spread
    if spread >= DEAD_START:
        return None
    chance = math.log(num_classes)
    if not math.isfinite(spread):
        bad = next(one.name for one in readings if not math.isfinite(one.spread))
        return f"the output is not finite before training, first in {bad}."
    return (
        f"dead start: the outputs differ between images by {spread:.2g} only, less "
        f"than {DEAD_START}, so that the loss may stay at ln {num_classes} = "
        f"{chance:.2f}. Try another initialisation (he, krizhevsky2012), or the input "
        "range the recipe was made for."
    )


def plateau(losses: list[float], num_classes: int, patience: int = 20) -> str | None:
    """Return a sentence if the loss has not left chance for ``patience`` values.

    Chance: within 0.5 % of ln C, the loss of equal probabilities. A run that goes on
    like that is told again after as many values more.

    Parameters
    ----------
    losses : mean training losses so far, such as one an interval
    """
    chance = math.log(num_classes)
    flat = 0
    for loss in reversed(losses):
        if not abs(loss - chance) <= FLAT * chance:
            break
        flat += 1
    if not flat or flat % patience:
        return None
    return (
        f"plateau: the last {flat} losses are ln {num_classes} = {chance:.3f} within "
        "0.5 %: the network answers alike whatever the image. Look at the signal "
        "meter; try another initialisation or learning rate."
    )


def guilty(net: nn.Module, x: torch.Tensor, y: torch.Tensor) -> str:
    """Name the first layer in which a number is not finite, for one batch.

    Forward order for weights and outputs; if all are finite, backward order for
    gradients. The network runs in its present mode and is left as it was; call it
    under the autocast of the training.

    Parameters
    ----------
    x : (N, C, H, W) input
    y : (N,) labels

    Returns
    -------
    such as "conv3: its weights are not finite"
    """
    if not _finite(x):
        return "the input: it is not finite"
    passed = []  # (name, layer, output), in order of execution

    def look(name, module, inputs, output):
        if not all(map(_finite, _own_tensors(module))):
            raise _Found(f"{name}: its weights are not finite")
        if not _finite(output):
            raise _Found(f"{name}: its output is not finite")
        passed.append((name, module, output))

    try:
        with torch.enable_grad(), _untouched(net):
            with _watched(net, look):
                logits = net(x)
            loss = nn.functional.cross_entropy(logits.float(), y)
            return _guilty_gradient(passed, loss)
    except _Found as found:
        return str(found)


class _Found(Exception):
    """Ends a forward pass at the first layer that is not finite."""


def _guilty_gradient(passed, loss) -> str:
    """Name the layer whose gradient is the first that is not finite, from the end."""
    if not _finite(loss):
        return "the loss: every layer's output is finite"
    for name, module, output in reversed(passed):
        weights = [w for w in module.parameters(recurse=False) if w.requires_grad]
        wanted = [t for t in (output, *weights) if t.requires_grad]
        gradients = wanted and torch.autograd.grad(
            loss, wanted, retain_graph=True, allow_unused=True
        )
        if not all(g is None or _finite(g) for g in gradients):
            return f"{name}: its gradient is not finite"
    return "no layer: outputs and gradients of this batch are finite"


def _reading(name: str, output: torch.Tensor) -> Reading:
    flat = output.detach().float().reshape(len(output), -1)  # (N, units)
    return Reading(
        name,
        float(flat.std(dim=0, correction=0).mean()),
        float(flat.abs().mean()),
        float((flat == 0).all(dim=0).float().mean()),
    )


def _finite(tensor: torch.Tensor) -> bool:
    return not tensor.is_floating_point() or bool(torch.isfinite(tensor).all())


def _own_tensors(module: nn.Module):
    yield from module.parameters(recurse=False)
    yield from module.buffers(recurse=False)


@contextlib.contextmanager
def _watched(net: nn.Module, look):
    """Call ``look(name, layer, inputs, output)`` after each layer without parts."""
    seen = Counter()

    def hook(name):
        def call(module, inputs, output):
            if isinstance(output, torch.Tensor) and output.dim():
                seen[name] += 1
                again = f" ({seen[name]})" if seen[name] > 1 else ""
                look(name + again, module, inputs, output)

        return call

    handles = [
        module.register_forward_hook(hook(name or type(module).__name__))
        for name, module in net.named_modules()
        if next(module.children(), None) is None
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextlib.contextmanager
def _untouched(net: nn.Module):
    """Give back modes, buffers and random numbers as they were."""
    modes = [(module, module.training) for module in net.modules()]
    buffers = [(b, b.detach().clone()) for b in net.buffers()]
    cuda = {t.device for t in net.parameters() if t.device.type == "cuda"}
    try:
        with torch.random.fork_rng(devices=[d.index or 0 for d in cuda]):
            yield
    finally:
        for module, training in modes:
            module.training = training
        with torch.no_grad():
            for buffer, before in buffers:
                buffer.copy_(before)
