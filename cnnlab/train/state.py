"""Everything a training run is at one moment: what a checkpoint holds."""

import math
from dataclasses import dataclass, field

import torch
from torch import nn

from cnnlab import nets
from cnnlab.train import checkpoints, presets, saved, sgd
from cnnlab.train._errors import TrainError


@dataclass(eq=False)
class State:
    """A run at one moment.

    Attributes
    ----------
    net, update : the network and its ``sgd.Momentum``
    statistics : mean, scale and colour directions of the train set
    classes, fingerprint : of the data
    precision : "fp32" or "bf16", decided once
    step : updates done; epoch : epochs done, their validation included
    stalls : epochs at which the plateau schedule lowered the rate
    errors : validation error of each epoch
    totals : (4,) of the running epoch: loss, right, count, and the first step whose
        loss was not finite (-1: none); this process's share
    line_totals : the totals at the last line of the interval log (if that was in an
        earlier epoch: below zero by what that epoch added since)
    """

    preset: presets.Preset
    net: nn.Module
    update: sgd.Momentum
    statistics: dict
    classes: tuple
    fingerprint: str
    precision: str = "fp32"
    step: int = 0
    epoch: int = 0
    stalls: tuple = ()
    errors: list = field(default_factory=list)
    totals: torch.Tensor | None = None
    line_totals: torch.Tensor | None = None

    @property
    def device(self) -> torch.device:
        return next(self.net.parameters()).device

    def input(self) -> dict:
        """Return mean and scale, for ``augment``."""
        return {k: v for k, v in self.statistics.items() if k in ("mean", "scale")}

    def recipe(self, epoch: int) -> dict:
        """Return the arguments of ``augment.for_training`` in this epoch."""
        p, stats = self.preset, self.statistics
        colour = None
        if "colour" in stats and epoch < p.colour_until:
            colour = stats["colour"], stats["directions"]
        return {
            "seed": p.seed, "crop": p.crop, "flip": p.flip, "padding": p.padding,
            "colour": colour, "colour_std": p.colour_std, "chunk": p.chunk,
            "resized": p.resized, "erase": p.erase, **self.input(),
        }  # fmt: skip

    def autocast(self):
        """Return the context in which the network computes."""
        return torch.autocast(
            self.device.type, torch.bfloat16, enabled=self.precision == "bf16"
        )

    def clear_totals(self) -> None:
        kind = torch.float32 if self.device.type == "mps" else torch.float64
        self.totals = torch.zeros(4, dtype=kind, device=self.device)
        self.totals[3] = -1

    def begin_line(self) -> None:
        """Let a new interval of the log begin here."""
        self.line_totals = self.totals.clone()

    def count(self, loss: torch.Tensor, right: torch.Tensor, images: int) -> None:
        """Add a step's summed loss and right answers, without waiting for a GPU."""
        self.totals[0] += loss
        self.totals[1] += right
        self.totals[2] += images
        if self.device.type == "cpu":
            return  # the step itself has looked at the loss
        new = (self.totals[3] < 0) & ~torch.isfinite(loss)
        self.totals[3] = torch.where(new, float(self.step), self.totals[3])

    def finish_epoch(self, error: float) -> None:
        """Count the epoch; the plateau schedule may lower the rate."""
        self.errors.append(error)
        self.epoch += 1
        if self.preset.schedule == "plateau" and sgd.stalled(self.errors, self.stalls):
            self.stalls = (*self.stalls, self.epoch)
        self.line_totals -= self.totals  # the interval goes on in the next epoch
        self.clear_totals()

    def as_dict(self, totals: torch.Tensor, line_totals: torch.Tensor) -> dict:
        """Return what a checkpoint holds; the sums are those of all processes."""
        return {
            "version": saved.VERSION,
            "step": self.step,
            "epoch": self.epoch,
            "preset": self.preset.as_dict(),
            "precision": self.precision,
            "classes": list(self.classes),
            "fingerprint": self.fingerprint,
            "statistics": {k: v.cpu() for k, v in self.statistics.items()},
            "stalls": list(self.stalls),
            "errors": list(self.errors),
            "totals": totals.cpu(),
            "line_totals": line_totals.cpu(),
            "net": self.net.state_dict(),
            "velocity": self.update.velocity,
        }

    def restore(self, before: dict, first: bool = True) -> None:
        """Take all of a checkpoint (``saved.checked``) of the same network and data."""
        self._require_fits(before)
        momentum = self.update.velocity
        checkpoints.require_alike(momentum, before["velocity"], "its momentum")
        checkpoints.fill(self.net, before["net"])
        for name, v in self.update.velocity.items():
            v.copy_(before["velocity"][name])
        self.statistics = {
            name: value.to(self.device) for name, value in before["statistics"].items()
        }
        wanted = self.preset.precision  # "auto" keeps what was chosen at the start
        self.precision = before["precision"] if wanted == "auto" else wanted
        self.step, self.epoch = before["step"], before["epoch"]
        self.stalls, self.errors = tuple(before["stalls"]), list(before["errors"])
        self.clear_totals()
        self.begin_line()
        if first:  # sums of all processes: one of them carries on with them
            self.totals.copy_(before["totals"])
            self.line_totals.copy_(before["line_totals"])

    def _require_fits(self, before: dict) -> None:
        """Raise unless a checkpoint is of this network and these data."""
        if list(before["classes"]) != list(self.classes):
            raise TrainError(
                f"train: the checkpoint knows {len(before['classes'])} classes, the "
                f"data have {len(self.classes)}, or other names. Give the data it was "
                "trained on, or begin in another folder."
            )
        if before["fingerprint"] != self.fingerprint:
            raise TrainError(
                "train: the checkpoint was trained on other images than these (labels "
                "or pixels differ). Give the same data, or begin in another folder."
            )


def new(preset: presets.Preset, source, statistics: dict, device) -> State:
    """Return an untrained run: network built, initialised and on its device."""
    saved.require_statistics(statistics, source, preset)
    channels = source.shape[0]
    net = nets.build(
        preset.net,
        num_classes=len(source.classes),
        image_size=preset.crop,
        in_channels=channels,
        **preset.options,
    )
    nets.initialise(net, preset.init, preset.seed)
    net = net.to(device=device, memory_format=torch.channels_last)
    statistics = {name: value.to(device) for name, value in statistics.items()}
    state = State(
        preset, net, sgd.Momentum(net, preset), statistics,
        source.classes, source.fingerprint(),
    )  # fmt: skip
    state.clear_totals()
    state.begin_line()
    return state


def step_count(preset: presets.Preset, images: int) -> tuple[int, int]:
    """Return (steps an epoch, steps in all); an incomplete last batch is left out.

    Every epoch has its own order, so no image is left out for good.
    """
    per_epoch = max(1, images // preset.batch)
    return per_epoch, max(1, math.ceil(preset.epochs * per_epoch))
