"""One update of all weights: forward, loss, backward, step; recorded on a GPU."""

import math

import torch
from torch import nn
from torch.utils._triton import has_triton

from cnnlab import augment
from cnnlab.train import parallel
from cnnlab.train._errors import TrainError


def make(state, group: parallel.Group, batch: int, engine: str = "auto") -> "Step":
    """Return what takes the steps of a run.

    Parameters
    ----------
    batch : images of all processes together; gradients are those of their mean loss
    engine : "eager", the code as it is written; "compile" (fused kernels; on one GPU
        those of ``cnnlab.cuda``); "graph" (the same, and the whole step recorded once
        as a CUDA graph and replayed); "auto": "graph" on one CUDA GPU, "compile" on
        several, "eager" elsewhere (``benchmarks/cpu_arithmetic_speed.py --compile``
        shows what compiling does to a CPU). Where Triton, which compiles for GPUs, is
        missing (Windows), an uncompiled step is recorded
    """
    on_gpu = group.device.type == "cuda"
    compiles = not on_gpu or has_triton()
    if engine == "auto":
        several = "compile" if compiles else "eager"
        engine = ("graph" if group.size == 1 else several) if on_gpu else "eager"
    if engine not in ("eager", "compile", "graph"):
        raise ValueError(
            f"train: engine must be auto, eager, compile or graph; got {engine!r}."
        )
    if engine == "graph" and (not on_gpu or group.size > 1):
        raise TrainError("train: engine graph needs one CUDA GPU; use engine eager.")
    compiles = compiles and engine != "eager"
    kind, net = Step, state.net
    if compiles and on_gpu and group.size == 1:
        from cnnlab.train import fast  # lazily: needs Triton

        if fast.fits(state):
            kind, net = fast.Step, fast.network_of(state)
    model = group.wrap(net)
    if compiles:
        # All networks share one forward: another batch or network is another entry.
        limit = torch._dynamo.config.cache_size_limit
        torch._dynamo.config.cache_size_limit = max(64, limit)
        model = torch.compile(model, dynamic=False)
    step = kind(state, net, model, batch, group.size)
    if engine == "graph":
        step.take = Recorded(step)
    return step


class Step:
    """Takes one step after the other: ``step(step.see(images, ...), labels, rates)``.

    Parameters
    ----------
    net : what computes logits in validation; it has the weights of ``state.net``
    model : the same, wrapped for several processes, compiled
    batch, processes : images of all processes together, and their number

    Attributes
    ----------
    take : what takes a step: ``once``, or its record
    buffer : memory in which ``see`` leaves every batch, or None
    """

    buffer = None

    def __init__(self, state, net, model, batch: int, processes: int):
        self.state, self.net, self.model, self.batch = state, net, model, batch
        self.share = processes / batch  # DistributedDataParallel averages
        self.parameters = list(net.parameters())
        # Looking at a loss is free only on a CPU.
        self.watch = state.device.type == "cpu"
        self.take = self.once

    def __call__(self, x, labels, rates):
        """Update all weights; return (summed loss, right answers) before it."""
        return self.take(x, labels, rates)

    def see(self, images, indices, epoch: int) -> torch.Tensor:
        """Return a batch as the network sees it in training."""
        return augment.for_training(images, indices, epoch, **self.state.recipe(epoch))

    def logits(self, x) -> torch.Tensor:
        with self.state.autocast():
            return self.model(x)

    def update(self, rates) -> None:
        self.state.update.step(rates)

    def refresh(self) -> None:
        """Take note that the weights were changed from outside."""

    def once(self, x, labels, rates):
        """Take a step, operation by operation."""
        for w in self.parameters:
            w.grad = None
        logits = self.logits(x)
        loss = nn.functional.cross_entropy(
            logits.float(), labels, reduction="sum",
            label_smoothing=self.state.preset.smoothing,
        )  # fmt: skip
        if self.watch and not math.isfinite(loss.item()):
            raise NotFinite
        (loss * self.share).backward()
        self.update(rates)
        return loss.detach(), (logits.detach().argmax(dim=1) == labels).sum()


class NotFinite(Exception):
    """A loss was NaN or infinite; the loop adds where and why."""


class Recorded:
    """A step recorded as a CUDA graph at its first call and replayed from then on.

    A recorded step costs one launch instead of some hundred; shapes must stay.
    """

    def __init__(self, step: Step):
        self.step, self.state, self.graph = step, step.state, None

    def __call__(self, *inputs):
        if self.graph is None:
            # Warming up draws random numbers; the first replay starts where it began.
            with torch.random.fork_rng(devices=[self.state.device]):
                self._record(inputs)
        for holder, value in zip(self.inputs, inputs, strict=True):
            if holder is not value:
                holder.copy_(value)
        self.graph.replay()
        return self.outputs

    def _record(self, inputs) -> None:
        # A batch that always lies in the same memory need not be copied.
        self.inputs = [v if v is self.step.buffer else v.clone() for v in inputs]
        touched = [*self.state.net.state_dict().values()]
        touched += self.state.update.velocity.values()
        before = [tensor.clone() for tensor in touched]
        device = self.state.device
        with torch.cuda.device(device):
            # Of high priority, because streams come from pools: the copies of a reader
            # would be recorded too if it were given this one.
            side = torch.cuda.Stream(device, priority=-1)
            side.wait_stream(torch.cuda.current_stream(device))
            with torch.cuda.stream(side):  # compiles, lets libraries choose kernels
                for _ in range(3):
                    self.step.once(*self.inputs)
            torch.cuda.current_stream(device).wait_stream(side)
            graph = torch.cuda.CUDAGraph()
            # "thread_local": the reader's thread may allocate meanwhile
            with torch.cuda.graph(
                graph, stream=side, capture_error_mode="thread_local"
            ):
                self.outputs = self.step.once(*self.inputs)
            for tensor, value in zip(touched, before, strict=True):
                tensor.copy_(value)  # warming up has left no trace
            self.step.refresh()
        self.graph = graph


def choose_precision(state) -> str:
    """Return "bf16" where the hardware computes in it, else "fp32".

    On GPUs it is taken from compute capability 8 on, on processors where there are
    instructions for it (AVX-512 BF16 or AMX). A rule and no measurement: the same
    command gives the same run.
    """
    wanted = state.preset.precision
    if wanted != "auto":
        return wanted
    if state.device.type == "cuda":
        has = torch.cuda.get_device_capability(state.device)[0] >= 8
    else:
        has = state.device.type == "cpu" and any(
            getattr(torch.cpu, name, lambda: False)()
            for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        )
    return "bf16" if has else "fp32"
