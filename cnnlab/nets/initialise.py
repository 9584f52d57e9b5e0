"""Initial weights as named choices, the same for the same seed on every device."""

import math

import torch
from torch import Tensor, nn

from .. import shapes

# Weights: standard deviation about 0. Biases: their value.
# fmt: off
TABLES = {
    "paper": {  # Krizhevsky, Sutskever, Hinton (2012), section 5
        "conv1": (.01, 0), "conv2": (.01, 1), "conv3": (.01, 0), "conv4": (.01, 1),
        "conv5": (.01, 1), "fc6": (.01, 1), "fc7": (.01, 1), "fc8": (.01, 0)},
    "krizhevsky2012": {  # as it was run: configuration 145
        "conv1": (.01, 0), "conv2": (.01, 1), "conv3": (.03, 0), "conv4": (.03, 1),
        "conv5": (.03, 1), "fc6": (.01, 1), "fc7": (.01, 1), "fc8": (.01, 0)},
    "caffe": {  # bvlc_alexnet
        "conv1": (.01, 0), "conv2": (.01, .1), "conv3": (.01, 0), "conv4": (.01, .1),
        "conv5": (.01, .1), "fc6": (.005, .1), "fc7": (.005, .1), "fc8": (.01, 0)},
    "owt2014": {  # one weird trick: cuda-convnet2 on one GPU
        "conv1": (.01, 0), "conv2": (.01, 1), "conv3": (.03, 0), "conv4": (.03, 1),
        "conv5": (.03, 1), "fc6": (.01, 1), "fc7": (.01, 1), "fc8": (.01, -7)},
    "cifar2012": {  # chosen by hand for a quarter of the width at 24 to 32 pixels
        "conv1": (.16, 0), "conv2": (.05, 0), "conv3": (.06, 0), "conv4": (.04, 0),
        "conv5": (.04, 0), "fc6": (.04, 0), "fc7": (.06, 0), "fc8": (.01, 0)},
    "photo2012": {  # chosen by hand for the small network of benchmarks/photo_net.py
        "conv1": (.03, 0), "conv2": (.1, 0), "conv3": (.07, 0), "conv4": (.07, 0),
        "conv5": (.07, 0), "fc6": (.06, 0), "fc7": (.06, 0), "fc8": (.01, 0)},
    "cuda-convnet": {  # its example layers-18pct
        "conv1": (.0001, 0), "conv2": (.01, 0), "conv3": (.01, 0), "fc4": (.01, 0)},
}
# fmt: on
SCHEMES = (*TABLES, "torch", "he", "lecun")


def initialise(net: nn.Module, scheme: str, seed: int = 0) -> nn.Module:
    """Overwrite all weights and biases of ``net`` in place, and return it.

    Parameters
    ----------
    scheme : one of SCHEMES

        - "paper", "krizhevsky2012", "caffe", "owt2014", "cifar2012",
          "photo2012" (the AlexNets) and "cuda-convnet": normal weights, constant
          biases, written down layer by layer
        - "torch": uniform in +-1/sqrt(D), PyTorch's default for weights and biases
        - "he": normal of variance 2/D, biases 0 (He et al. 2015)
        - "lecun": uniform in +-2.4/D, biases too (LeCun et al. 1998, appendix A)

        where D is how many values enter a unit
    seed : draws the same weights whatever the device and the global generators

    Notes
    -----
    Batch normalisation begins as the identity in every scheme.

    Raises
    ------
    ValueError
        If a table does not name exactly the layers of ``net``.
    """
    shapes.require_choice(scheme, SCHEMES, "initialise", "scheme")
    seed = shapes.require_int(seed, 0, "initialise", "seed", 2**64 - 1)
    generator = torch.Generator().manual_seed(seed)
    require_module(net, "initialise")
    layers = _weighted(net)
    if scheme in TABLES:
        _require_layers(layers, scheme)
    for name, layer in layers.items():
        draw = _drawer(scheme, name, layer, generator)
        for key, parameter in layer.named_parameters(recurse=False):
            with torch.no_grad():
                parameter.copy_(draw(key, parameter.shape))
    return net


def require_module(net, where: str) -> None:
    """Raise unless ``net`` is a network."""
    if not isinstance(net, nn.Module):
        raise TypeError(
            f"{where}: net needs a network; got {shapes.spoken(net)}. Build one: "
            "nets.build('alexnet')."
        )


def _weighted(net: nn.Module) -> dict[str, nn.Module]:
    """Return the layers that have weights, after resetting batch normalisations."""
    layers = {}
    for name, module in net.named_modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.reset_parameters()
        elif next(module.parameters(recurse=False), None) is not None:
            if not (hasattr(module, "weight") or hasattr(module, "fan_in")):
                raise ValueError(
                    f"initialise: layer {name or 'net'} ({type(module).__name__}) has "
                    "no `weight`; layers of convolution, linear and normalisation "
                    "are known. Start its weights by hand."
                )
            layers[name] = module
    return layers


def _require_layers(layers: dict, scheme: str) -> None:
    if set(layers) != set(TABLES[scheme]):
        raise ValueError(
            f"initialise: {scheme!r} is written for the layers "
            f"{', '.join(TABLES[scheme])}; this network has {', '.join(layers)}. "
            "Take 'torch', 'he' or 'lecun', which fit every network."
        )


def _drawer(scheme: str, name: str, layer: nn.Module, generator: torch.Generator):
    """Return the function (key, shape) -> initial values of one layer."""

    def normal(shape, deviation) -> Tensor:
        return torch.randn(shape, generator=generator) * deviation

    def uniform(shape, bound) -> Tensor:
        return (2 * torch.rand(shape, generator=generator) - 1) * bound

    def draw(key: str, shape: torch.Size) -> Tensor:
        if scheme in TABLES:
            deviation, value = TABLES[scheme][name]
            return normal(shape, deviation) if key == "weight" else torch.tensor(value)
        inputs = fan_in(layer, key)
        if scheme == "he":
            deviation = (2 / inputs) ** 0.5
            return normal(shape, deviation) if key == "weight" else torch.zeros(())
        return uniform(shape, 2.4 / inputs if scheme == "lecun" else inputs**-0.5)

    return draw


def fan_in(layer: nn.Module, key: str = "weight") -> int | Tensor:
    """Return how many values enter a unit of ``layer``; its own word counts."""
    if hasattr(layer, "fan_in"):
        return layer.fan_in(key)
    return math.prod(layer.weight.shape[1:])
