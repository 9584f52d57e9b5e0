"""A training step on one GPU: batches, network and update by their fast paths."""

import warnings

import torch

from cnnlab.cuda import network, update
from cnnlab.cuda.batches import Batches
from cnnlab.train import compute


def fits(state) -> bool:
    """Return whether a run's network and GPU can take the fast paths.

    They need bfloat16 in the matrix units: compute capability 8. A network whose
    kernels do not compile (Triton's versions differ) trains as it did without them.
    """
    if not network.fits(state.net):
        return False
    if torch.cuda.get_device_capability(state.device)[0] < 8:
        return False
    try:
        _try_out(state)
    except Exception as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        warnings.warn(
            f"train: the fast kernels do not run here ({first[:200]}); going on "
            "without them.",
            stacklevel=4,
        )
        return False
    return True


def _try_out(state) -> None:
    """Compile and run the kernels on two grey images, leaving no trace."""
    net, recipe = network_of(state), state.recipe(0)
    mean, shape = recipe.get("mean"), state.net.image
    if mean is not None and mean.shape[-1] > 1:
        shape = tuple(mean.shape)  # of what is stored
    see = _batches(state, net, 2, shape)
    images = torch.full((2, *shape), 128, dtype=torch.uint8, device=state.device)
    x = see(images, torch.arange(2, device=state.device), 0, recipe)
    training = state.net.training
    state.net.eval()  # no statistics of a batch are kept
    try:
        slopes = torch.autograd.grad(net(x).float().sum(), list(net.parameters()))
        slopes[0].sum().item()  # waits: errors of a GPU come late
    finally:
        state.net.train(training)


def _batches(state, net: network.Fast, count: int, shape) -> Batches:
    """Return what makes batches of ``count`` images of a stored shape (C, H, W)."""
    folding = net.fold, net.seen, net.border
    return Batches(count, shape, state.recipe(0), state.device, net.dtype, *folding)


def network_of(state) -> network.Fast:
    """Return the run's network by its fast paths, in the run's precision."""
    half = state.precision == "bf16"
    return network.Fast(state.net, torch.bfloat16 if half else torch.float32)


class Step(compute.Step):
    """``compute.Step`` with the fast paths; ``net`` is a ``network.Fast``."""

    batches = None

    def see(self, images, indices, epoch: int) -> torch.Tensor:
        recipe = self.state.recipe(epoch)
        if self.batches is None:
            shape = images.shape[1:]
            self.batches = _batches(self.state, self.net, self.batch, shape)
            self.buffer = self.batches.out
        return self.batches(images, indices, epoch, recipe)

    def logits(self, x) -> torch.Tensor:
        return self.model(x)

    def update(self, rates) -> None:
        update.step(self.state.update, self.net.copies, rates)

    def refresh(self) -> None:
        self.net.refresh()
