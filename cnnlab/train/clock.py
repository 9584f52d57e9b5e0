"""Where the time of one training step goes, layer by layer, against the roofline.

``step_of`` measures one step: data, forward and backward pass of every layer, and
the update. ``machine`` measures what the hardware can do at its best. A part cannot be
done in less than its arithmetic takes at the best rate, nor in less than its bytes take
to move: the greater of the two is its floor, the roofline [Williams, Waterman and
Patterson, CACM 2009].
"""

import platform
import time

import torch
from torch import nn

from cnnlab import augment, nets, shapes
from cnnlab.course import records
from cnnlab.recipe import Machine, Part, Step

TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def machine(device="cpu", precision: str = "fp32", rounds: int = 3) -> Machine:
    """Measure a device: a large matrix product, and a copy of much memory."""
    device = torch.device(device)
    on_gpu = device.type == "cuda"
    side, numbers = (8192, 2**28) if on_gpu else (768, 2**23)
    a, b = (torch.ones(side, side, device=device).to(TYPES[precision]) for _ in "ab")
    old, new = (torch.ones(numbers, device=device) for _ in "ab")
    flops = 2 * side**3 / _fastest(lambda: torch.matmul(a, b), rounds, device)
    moved = 8 * numbers / _fastest(lambda: new.copy_(old), rounds, device)
    name = records.hardware()["processor"] or platform.machine()
    if on_gpu:
        name = torch.cuda.get_device_name(device)
    return Machine(name, flops, moved)


def step_of(net: nn.Module, images, labels, update, device="cpu",
            precision: str = "fp32", warm: int = 1) -> Step:  # fmt: skip
    """Measure one step of ``net`` on a batch, after ``warm`` steps that do not count.

    Parameters
    ----------
    net : a chain of layers, such as ``nets.build`` makes; it is trained
    images : uint8 (N, C, H, W), larger than the network's input or equal
    update : such as ``torch.optim.SGD(net.parameters(), ...)``
    precision : "fp32", or "bf16": the network computes in it, weights stay in fp32
    """
    device = torch.device(device)
    shapes.require_choice(precision, tuple(TYPES), "step_of", "precision")
    warm = shapes.require_int(warm, 0, "step_of", "warm")
    crop = net.image[-1]
    images, labels = torch.as_tensor(images), torch.as_tensor(labels)
    if not len(labels) or len(labels) != len(images):
        raise ValueError(
            "step_of: give one image or more and as many labels; got "
            f"{len(images)} and {len(labels)}."
        )
    indices = torch.arange(len(labels))
    best = machine(device, precision)  # once more at the end: others may be busy
    net.train()
    for _ in range(warm + 1):
        marks = _Marks(device)
        x = augment.for_training(images, indices, 0, seed=0, crop=crop, mean=118.0)
        marks.add("data", "crops")
        x, y = x.to(device), labels.to(device)
        marks.add("data", "copy")
        handles = _watch(net, marks)
        try:
            with torch.autocast(
                device.type, torch.bfloat16, enabled=precision == "bf16"
            ):
                scores = net(x)
            loss = nn.functional.cross_entropy(scores.float(), y)
            marks.add("forward", "loss")
            update.zero_grad()
            loss.backward()
            marks.add("backward", marks.last)
        finally:
            for handle in handles:
                handle.remove()
        update.step()
        marks.add("update", "weights")
    again = machine(device, precision)
    best = Machine(again.name, *map(max, best[1:], again[1:]))
    work = _work(net, TYPES[precision].itemsize, images[0].numel())
    parts = tuple(
        Part(name, kind, spent, *work.get((kind, name), ()))
        for (kind, name), spent in marks.seconds().items()
    )
    return Step(parts, len(labels), best)


class _Marks:
    """Moments of one step; on a GPU events in its queue, which are read at the end."""

    def __init__(self, device: torch.device):
        self.device, self.rows = device, []
        self.last = "loss"  # layer whose backward pass is under way
        self.start = self._now()

    def _now(self):
        if self.device.type != "cuda":
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def add(self, kind: str, name: str) -> None:
        self.rows.append((kind, name, self._now()))

    def seconds(self) -> dict:
        """Return (kind, name) -> seconds since the mark before."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        found, before = {}, self.start
        for kind, name, now in self.rows:
            apart = now - before if isinstance(now, float) else (
                before.elapsed_time(now) / 1000)  # fmt: skip
            found[kind, name] = found.get((kind, name), 0.0) + apart
            before = now
        return found


def _watch(net: nn.Module, marks: _Marks) -> list:
    """Let every layer mark the end of its forward and the start of its backward."""

    def begins(name):
        """The gradient of a layer's output is there: the layer after it has ended."""
        marks.add("backward", marks.last)
        marks.last = name

    def hook(name):
        def after(module, inputs, output):
            marks.add("forward", name)
            if output.requires_grad:
                output.register_hook(lambda gradient: begins(name))

        return after

    return [
        layer.register_forward_hook(hook(name)) for name, layer in net.named_children()
    ]


def _work(net: nn.Module, wide: int, stored: int) -> dict:
    """Return (kind, name) -> (flops, bytes) for each image, and bytes once a step.

    A multiply-accumulate is two operations; the backward pass needs twice those of
    the forward pass, the first layer once, as nobody wants the gradient of its input.
    What is no weighted sum counts by its bytes only.

    Parameters
    ----------
    wide : bytes of a number
    stored : bytes of an image as it is stored
    """
    layers = nets.walk(net)
    before = _size(net.image)
    work = {("data", "crops"): (0.0, float(stored + 4 * before), 0.0)}
    first = next(layer.name for layer in layers if layer.macs)
    for layer in layers:
        after, back = _size(layer.shape), before if layer.name != first else 0
        work["forward", layer.name] = (
            2.0 * layer.macs, float(wide * (before + after)),
            float(wide * layer.params),
        )  # fmt: skip
        work["backward", layer.name] = (
            (2.0 if layer.name == first else 4.0) * layer.macs,
            float(wide * (before + after + back)), 2.0 * wide * layer.params,
        )  # fmt: skip
        before = after
    weights = sum(w.numel() for w in net.parameters())
    work["update", "weights"] = 0.0, 0.0, 5.0 * 4 * weights  # read w, g, v; write w, v
    return work


def _size(shape) -> int:
    return int(torch.Size(shape).numel())


def _fastest(work, rounds: int, device) -> float:
    times = []
    for _ in range(rounds + 1):
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        start = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - start)
    return min(times[1:])
