"""A training step on one GPU: batches, network and update by their fast paths."""

import torch

from cnnlab.cuda import network, update
from cnnlab.cuda.batches import Batches
from cnnlab.cuda.network import fits
from cnnlab.train import compute

__all__ = ["Step", "fits"]

COMPILED = True  # what stands between our kernels is fused by torch.compile


class Step(compute.Step):
    """``compute.Step`` with the fast paths."""

    def __init__(self, state, batch: int, group, recorded: bool):
        half = state.precision == "bf16"
        net = model = network.Fast(state.net, torch.bfloat16 if half else torch.float32)
        if COMPILED:
            model = torch.compile(net, dynamic=False)
        super().__init__(state, batch, group, model, recorded)
        self.net, self.parameters = net, list(net.parameters())
        self.batch, self.batches = batch, None

    def see(self, images, indices, epoch: int) -> torch.Tensor:
        recipe = self.state.recipe(epoch)
        if self.batches is None:
            self.batches = Batches(
                self.batch, images.shape[1:], recipe, self.state.device,
                self.net.dtype, self.net.fold, self.net.seen, self.net.border,
            )  # fmt: skip
            self.buffer = self.batches.out
        return self.batches(images, indices, epoch, recipe)

    def logits(self, x) -> torch.Tensor:
        return self.model(x)

    def update(self, rates) -> None:
        update.step(self.state.update, self.net.copies, rates)

    def refresh(self) -> None:
        self.net.refresh()
