"""Stochastic gradient descent as the paper writes it, and its learning rate.

Source: Krizhevsky, Sutskever and Hinton, NIPS 2012, section 5.
"""

import math
from collections import defaultdict

import torch
from torch import nn

from cnnlab.train.presets import Preset


class Momentum:
    """The paper's update: v <- 0.9 v - 0.0005 e w - e g, then w <- w + v.

    ``e`` is the learning rate, twice as large for biases (``bias_rate``), and only
    weights decay. PyTorch's SGD keeps e outside v: the two differ for a few steps
    after each change of the rate.

    Attributes
    ----------
    velocity : a tensor like each parameter, by the parameter's name; starts at zero
    """

    def __init__(self, net: nn.Module, preset: Preset):
        self.momentum = preset.momentum
        self.layer_rates = preset.layer_rates
        layers = sorted({n.rpartition(".")[0] for n, _ in net.named_parameters()})
        for layer, *_ in self.layer_rates:
            if not any(_in(name, layer) for name in layers):
                raise ValueError(
                    f"train: layer_rates names {layer!r}; the network's layers with "
                    f"weights are {', '.join(layers)}."
                )
        self.velocity = {
            name: torch.zeros_like(w, memory_format=torch.preserve_format)
            for name, w in net.named_parameters()
        }
        groups = defaultdict(list)
        for name, w in net.named_parameters():
            is_bias = name.endswith("bias")
            decays = preset.decay_all or w.dim() > 1
            multiple = preset.bias_rate if is_bias else 1.0
            decay = preset.weight_decay if decays else 0.0
            layer = next((r[0] for r in self.layer_rates if _in(name, r[0])), None)
            groups[multiple, decay, layer].append((w, self.velocity[name]))
        # [(rate multiple, decay, layer or None, [(w, v), ...]), ...]
        self.groups = [(*key, pairs) for key, pairs in groups.items()]

    @torch.no_grad()
    def step(self, rates: torch.Tensor) -> None:
        """Update every parameter from its gradient.

        Parameters
        ----------
        rates : (number of groups,) the rate of each group, from ``rates``; a tensor
            on the parameters' device, so that a recorded CUDA graph can read it
        """
        for rate, (_, decay, _, pairs) in zip(rates, self.groups, strict=True):
            w = [w for w, _ in pairs if w.grad is not None]
            v = [v for w, v in pairs if w.grad is not None]
            if not w:
                continue
            change = torch._foreach_add([p.grad for p in w], w, alpha=decay)
            torch._foreach_mul_(change, -rate)
            torch._foreach_mul_(v, self.momentum)
            torch._foreach_add_(v, change)
            torch._foreach_add_(w, v)

    def rates(self, rate: float, epoch: float) -> list[float]:
        """Return each group's learning rate when the weights' is ``rate``."""
        return [
            rate * multiple * self._layer_factor(layer, epoch)
            for multiple, _, layer, _ in self.groups
        ]

    def _layer_factor(self, layer, epoch: float) -> float:
        factor = 1.0
        for name, since, value in self.layer_rates:
            if name == layer and epoch >= since:
                factor = value
        return factor


def _in(parameter: str, layer: str) -> bool:
    return layer in parameter.split(".")


def rate_at(preset: Preset, epoch: float, stalls: tuple = ()) -> float:
    """Return the learning rate at a moment of training, in epochs since its start.

    A pure function of the moment: a resumed run cannot disagree with itself.

    "constant" : lr
    "step" : lr * drop_factor ** (number of ``drops`` passed)
    "plateau" : the same, with the epochs ``stalls`` at which validation stalled
    "one-cycle" : linear from lr / 25 to lr over the first 30 % of the epochs, then
        half a cosine to lr / 10,000 [Smith, arXiv 1803.09820; only the rate cycles]

    Examples
    --------
    >>> from cnnlab.train import presets
    >>> [round(rate_at(presets.load("krizhevsky2012"), e), 7) for e in (0, 25, 79)]
    [0.01, 0.001, 1e-05]
    """
    if preset.schedule == "constant":
        return preset.lr
    if preset.schedule in ("step", "plateau"):
        drops = preset.drops if preset.schedule == "step" else stalls
        return preset.lr * preset.drop_factor ** sum(epoch >= at for at in drops)
    rise = 0.3 * preset.epochs
    if epoch < rise:
        return preset.lr * (1 + 24 * epoch / rise) / 25
    fallen = min(1.0, (epoch - rise) / (preset.epochs - rise))
    cosine = (1 + math.cos(math.pi * fallen)) / 2
    return preset.lr * (1e-4 + (1 - 1e-4) * cosine)


def stalled(errors: list[float], stalls: tuple, patience: int = 3) -> bool:
    """Return whether validation has not improved for ``patience`` epochs.

    The paper divides the rate "when the validation error rate stopped improving with
    the current learning rate" and does not say how long to wait; we wait 3 epochs.

    Parameters
    ----------
    errors : validation error of every epoch so far
    stalls : epochs at which the rate already fell; only errors since the last count
    """
    since = errors[int(stalls[-1]) :] if stalls else errors
    if len(since) <= patience or len(stalls) >= 3:  # "reduced three times"
        return False
    return min(since[-patience:]) >= min(since[:-patience])
