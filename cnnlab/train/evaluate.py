"""Validation: loss, top-1 and top-5 error over a whole set, each image counted once."""

import numpy as np
import torch
from torch import nn

from cnnlab import augment, packed
from cnnlab.train import parallel
from cnnlab.train._errors import TrainError

# Error in per cent on ILSVRC-2012 validation: top-1, top-5. Paper: Krizhevsky,
# Sutskever and Hinton, NIPS 2012, table 2; runs: the released logs of configuration
# 145, Caffe's model zoo, cuda-convnet2's wiki, torchvision's weight metadata.
REFERENCES = (
    ("paper, 1 network, 10 crops", 40.7, 18.2),
    ("released run of 2012, 10 crops", 40.66, 18.21),
    ("Caffe's bvlc_alexnet, centre crop", 42.9, 19.8),
    ("one-tower net of 2014, centre crop", 42.55, 19.81),
    ("one-tower net of 2014, many crops", 40.42, 18.15),
    ("torchvision's alexnet, centre crop", 43.48, 20.93),
)


@torch.no_grad()
def accuracy(net: nn.Module, source, state, group: parallel.Group, crops=1) -> dict:
    """Return loss, error (top-1) and error5 (top-5, with more than 5 classes), count.

    Every process takes a contiguous part, no image is repeated to fill a batch, and
    sums are added over processes: the count is exact for any number of them.

    Parameters
    ----------
    source : a set with ``images`` and ``labels``
    state : what the network was trained with: ``preset``, ``statistics``, ``autocast``
    crops : 1, the centre; or 10, corners and centre and their reflections, whose
        softmax outputs are averaged [section 4.1]
    """
    if crops not in (1, 10):
        raise ValueError(f"eval: crops must be 1 or 10; got {crops!r}.")
    training = net.training
    net.eval()
    group.share_buffers(net)
    rows = group.share(np.arange(len(source.labels)))
    small = state.preset.crop <= 64 or group.device.type == "cuda"
    size = max(1, 512 // crops) if small else 64 // min(crops, 4)
    cuts = np.split(rows, range(size, len(rows), size)) if len(rows) else []
    # loss, right, right among five, count; 64-bit where the device has it
    kind = torch.float32 if group.device.type == "mps" else torch.float64
    sums = torch.zeros(4, dtype=kind, device=group.device)
    with packed.Feeder(source, cuts, group.device) as feeder:
        for images, labels, _ in feeder:
            chances = probabilities(net, images, state, crops)
            sums += _counts(chances, labels, kind)
    net.train(training)
    loss, right, among, count = group.total(sums).tolist()
    if count != len(source.labels):
        raise TrainError(
            f"eval: {count:.0f} images were judged instead of {len(source.labels)}."
        )
    found = {"loss": loss / count, "error": 1 - right / count, "count": int(count)}
    return found | ({"error5": 1 - among / count} if len(state.classes) > 5 else {})


@torch.no_grad()
def probabilities(net: nn.Module, images: torch.Tensor, state, crops=1):
    """Return class probabilities (N, K) for uint8 images (N, C, H, W)."""
    small = min(images.shape[2:]) < state.preset.crop
    padding = state.preset.padding if small else 0
    recipe = {"crop": state.preset.crop, "padding": padding, **state.input()}
    if crops == 1:
        views = augment.for_evaluation(images, **recipe)[None]
    else:
        views = augment.ten_crop(images, **recipe)
    total = 0.0
    for view in views:  # (N, C, crop, crop)
        with state.autocast():
            logits = net(view)
        total = total + logits.float().softmax(dim=1)
    return total / len(views)


def _counts(chances: torch.Tensor, labels: torch.Tensor, kind) -> torch.Tensor:
    """Return (summed loss, right, right among the first five, count) of a batch."""
    own = chances.gather(1, labels[:, None])
    # The class with the highest probability wins; a tie goes to the lower class.
    best = chances.argmax(dim=1)
    top = chances.topk(min(5, chances.shape[1]), dim=1).indices
    return torch.stack(
        [
            -own.clamp_min(1e-30).log().sum().to(kind),
            (best == labels).sum().to(kind),
            (top == labels[:, None]).any(dim=1).sum().to(kind),
            torch.full((), len(labels), dtype=kind, device=labels.device),
        ]
    )


def report(found: dict, crops: int, num_classes: int, split: str) -> str:
    """Return error rates as text, the paper's reference rows beside them."""
    views = "centre crop" if crops == 1 else "10 crops"
    error, error5 = found["error"], found.get("error5", float("nan"))
    count = f"{found['count']:,} images of {split}, {num_classes} classes"
    lines = [f"{count}; error in per cent"]
    lines += [f"{'':<36}{'top-1':>7}{'top-5':>7}"]
    lines += [f"{f'this run, {views}':<36}{100 * error:7.2f}{_five(100 * error5)}"]
    lines += ["", "for comparison, ILSVRC-2012 validation, 1,000 classes"]
    lines += [f"{name:<36}{one:7.2f}{five:7.2f}" for name, one, five in REFERENCES]
    return "\n".join(lines)


def _five(value: float) -> str:
    return f"{value:7.2f}" if value == value else f"{'-':>7}"
