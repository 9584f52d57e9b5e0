"""Networks after AlexNet: layers, parameters, work and error, none typed by hand.

    python benchmarks/timeline.py

Builds torchvision's networks without values, walks through them for parameters and
multiply-accumulates, and finds by torch.fx how many layers with weights the longest way
has. Errors are those that torchvision states for its own trained weights: one network,
one crop of 224 pixels, ImageNet's validation photographs. Nothing is downloaded. Stores
``benchmarks/results/timeline.json``.
"""

import torch
from torch import fx, nn
from torchvision import models

from cnnlab import nets
from cnnlab.course import records

# name -> (torchvision's model, its weights, year of the paper, family, paper)
NETWORKS = {
    "AlexNet": ("alexnet", "V1", 2014, "", "Krizhevsky, arXiv:1404.5997"),
    "VGG A": ("vgg11", "V1", 2014, "VGG", "Simonyan, Zisserman, arXiv:1409.1556"),
    "VGG B": ("vgg13", "V1", 2014, "VGG", "Simonyan, Zisserman, arXiv:1409.1556"),
    "VGG D": ("vgg16", "V1", 2014, "VGG", "Simonyan, Zisserman, arXiv:1409.1556"),
    "VGG E": ("vgg19", "V1", 2014, "VGG", "Simonyan, Zisserman, arXiv:1409.1556"),
    "GoogLeNet": ("googlenet", "V1", 2014, "", "Szegedy et al., arXiv:1409.4842"),
    "ResNet-18": ("resnet18", "V1", 2015, "ResNet", "He et al., arXiv:1512.03385"),
    "ResNet-34": ("resnet34", "V1", 2015, "ResNet", "He et al., arXiv:1512.03385"),
    "ResNet-50": ("resnet50", "V1", 2015, "ResNet", "He et al., arXiv:1512.03385"),
    "ResNet-152": ("resnet152", "V1", 2015, "ResNet", "He et al., arXiv:1512.03385"),
    "SqueezeNet": ("squeezenet1_1", "V1", 2016, "", "Iandola et al., arXiv:1602.07360"),
    "Wide ResNet-50": ("wide_resnet50_2", "V1", 2016, "",
                       "Zagoruyko, Komodakis, arXiv:1605.07146"),
    "DenseNet-121": ("densenet121", "V1", 2016, "", "Huang et al., arXiv:1608.06993"),
    "ResNeXt-50": ("resnext50_32x4d", "V1", 2016, "", "Xie et al., arXiv:1611.05431"),
    "MobileNetV2": ("mobilenet_v2", "V1", 2018, "", "Sandler et al., arXiv:1801.04381"),
    "ResNet-50, trained as in 2021": ("resnet50", "V2", 2015, "",
                                      "He et al., arXiv:1512.03385"),
}  # fmt: skip


def built(name: str) -> nn.Module:
    aux = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
    with torch.device("meta"):
        return models.get_model(name, **aux).eval()


def depth(net: nn.Module) -> int:
    """Return the most layers with weights (norms left out) that lie on one way."""
    modules, longest = dict(net.named_modules()), {}
    for node in fx.symbolic_trace(net).graph.nodes:
        before = max((longest[one] for one in node.all_input_nodes), default=0)
        module = modules.get(node.target) if node.op == "call_module" else None
        longest[node] = before + isinstance(module, (nn.Conv2d, nn.Linear))
    return max(longest.values())


def main() -> None:
    rows = {}
    for name, (model, version, year, family, paper) in NETWORKS.items():
        weights = getattr(models.get_model_weights(model), f"IMAGENET1K_{version}")
        net = built(model)
        walked = nets.walk(net, (3, 224, 224))
        found = weights.meta["_metrics"]["ImageNet-1K"]
        params = sum(w.numel() for w in net.parameters())
        macs = sum(layer.macs for layer in walked)
        assert params == weights.meta["num_params"]
        assert abs(macs / 1e9 - weights.meta["_ops"]) < 0.001
        rows[name] = {
            "year": year,
            "family": family,
            "layers": depth(net),
            "parameters": params,
            "macs": macs,
            "top1": round(100 - found["acc@1"], 3),
            "top5": round(100 - found["acc@5"], 3),
            "weights": f"{model}, IMAGENET1K_{version}",
            "paper": paper,
        }
        print(name, rows[name])
    payload = {
        "what": "one network, one crop of 224 pixels, ImageNet's 50,000 validation "
        "photographs: error in per cent, as torchvision states it for its weights",
        "source": "https://docs.pytorch.org/vision/stable/models.html",
        "rows": rows,
    }
    records.write("timeline", payload, "python benchmarks/timeline.py")


if __name__ == "__main__":
    main()
