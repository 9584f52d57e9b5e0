"""The update of ``train.sgd`` as one pass over weights, velocities and gradients."""

import torch

from cnnlab.cuda import kernels

BLOCK = 1024


@torch.no_grad()
def step(update, copies: dict, rates: torch.Tensor) -> None:
    """Update every parameter, and the copy in which the network computes.

    Parameters
    ----------
    update : ``sgd.Momentum``
    copies : parameter -> its copy of a shorter type, whose ``grad`` is taken; a
        parameter without one has its own
    rates : (number of groups,) as for ``Momentum.step``
    """
    for row, (_, decay, _, pairs) in enumerate(update.groups):
        for w, v in pairs:
            copy = copies.get(w)
            gradient = w.grad if copy is None else copy.grad
            if gradient is None:
                continue
            if gradient.stride() != w.stride():  # values must lie in one order
                gradient = torch.empty_like(w, dtype=gradient.dtype).copy_(gradient)
            block = _block(w)
            kernels.momentum[(-(-w.numel() // block),)](
                w, v, gradient, w if copy is None else copy, rates, row, w.numel(),
                MOMENTUM=update.momentum, DECAY=decay, COPY=copy is not None,
                BLOCK=block,
            )  # fmt: skip


def _block(w: torch.Tensor) -> int:
    """Return the values of a program; the interpreter is slow by the program."""
    return 64 * BLOCK if w.device.type == "cpu" else BLOCK
