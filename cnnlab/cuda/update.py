"""The update of ``train.sgd`` as one pass over weights, velocities and gradients."""

import torch
from triton import cdiv

from cnnlab.cuda import kernels
from cnnlab.cuda.layers import block_of


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
            block = block_of(w)
            kernels.momentum[(cdiv(w.numel(), block),)](
                w, v, gradient, w if copy is None else copy, rates, row, w.numel(),
                MOMENTUM=update.momentum, DECAY=decay, COPY=copy is not None,
                BLOCK=block,
            )  # fmt: skip
