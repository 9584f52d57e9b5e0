"""Batches made on a GPU by one kernel, in the memory the network reads.

The same images, numbers and arithmetic as ``augment.for_training``, which stays the
reference: the tests compare the two.
"""

import math

import torch
from triton import next_power_of_2

from cnnlab import shapes
from cnnlab.augment import choices
from cnnlab.augment.arguments import per_channel, require_colour
from cnnlab.cuda import kernels


class Batches:
    """Writes augmented batches into ``out``, again and again.

    Parameters
    ----------
    count : images of a batch
    shape : (C, H, W) of a stored image
    recipe : arguments of ``augment.for_training`` but images, indices and epoch
    fold, seen, border : the network's input is cut into squares of ``fold`` pixels,
        whose values lie side by side: (N, fold^2 C, seen / fold, seen / fold), the
        images ``border`` pixels from top and left. fold 1: plain (N, C, seen, seen)
    dtype, device : of the result

    Attributes
    ----------
    out : the last batch, channels-last memory; borders are zero
    """

    def __init__(self, count, shape, recipe, device, dtype, fold=1, seen=None,
                 border=0):  # fmt: skip
        self.shape, self.device = tuple(shape), device
        self.fold, self.border = fold, border
        self.seen = recipe["crop"] if seen is None else seen
        side, channels = self.seen // fold, fold * fold * shape[0]
        self.out = torch.empty(
            (count, channels, side, side), dtype=dtype, device=device,
            memory_format=torch.channels_last,
        ).zero_()  # fmt: skip
        self.numbers = torch.zeros(3, dtype=torch.int64, device=device)
        self.epoch = None

    def __call__(self, images, indices, epoch: int, recipe: dict) -> torch.Tensor:
        """Return ``out`` with these images in it.

        Parameters
        ----------
        images : uint8 (N, C, H, W), any strides
        indices : int64 (N,)
        recipe : as before; its colour may be switched off from one epoch on
        """
        shapes.require_same("Batches", images=len(images), out=len(self.out))
        if epoch != self.epoch:
            seed = recipe["seed"]
            words = [epoch, seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF]
            self.numbers.copy_(torch.tensor(words))
            self._constants(images, recipe)
            self.epoch = epoch
        strides = images.stride()
        kernels.batch[(len(images) * recipe["crop"],)](
            images, indices, self.numbers, *self.tables, self.out,
            strides[0], strides[1], strides[2], strides[3], *self.mean_strides,
            **self.constants,
        )  # fmt: skip
        return self.out

    def _constants(self, images, recipe: dict) -> None:
        """Lay out what stays the same for an epoch."""
        channels, height, width = self.shape
        given = [recipe.get(name) for name in ("mean", "scale", "colour")]
        mean = per_channel(given[0], images, "Batches", "mean", image=True)
        scale = per_channel(given[1], images, "Batches", "scale")
        colour = require_colour(given[2], images, "Batches") if channels == 3 else None
        std = float(recipe.get("colour_std", 0.1)) if colour else 0.0
        if mean is not None and mean.ndim == 1:
            mean = mean[:, None, None].expand(self.shape)
        none = torch.zeros(1, device=self.device)
        self.mean_strides = (0, 0, 0) if mean is None else mean.stride()
        self.tables = (
            none if mean is None else mean,
            none if scale is None else scale.contiguous(),
            *(part.double().contiguous() for part in colour or (none, none)),
        )
        resized = recipe.get("resized", False)
        areas = choices.AREAS if resized in (True, False) else resized
        low, high = choices.RATIOS
        self.constants = {
            "SEEN": self.seen, "HEIGHT": height, "WIDTH": width, "CHANNELS": channels,
            "CROP": recipe["crop"], "FLIP": recipe.get("flip", True),
            "PADDING": recipe.get("padding", 0), "MEAN": mean is not None,
            "SCALE": scale is not None, "COLOUR": std > 0, "STD": std,
            "CHUNK": recipe.get("chunk", 1), "RESIZED": bool(resized),
            "AREA_LOW": float(areas[0]), "AREA_HIGH": float(areas[1]),
            "LOG_LOW": math.log(low), "LOG_HIGH": math.log(high),
            "REST_HIGH": min(height, round(width / low)),
            "REST_WIDE": min(width, round(height * high)),
            "ERASE": recipe.get("erase", 0), "FOLD": self.fold, "BORDER": self.border,
            "ROW": next_power_of_2(recipe["crop"] * channels),
        }  # fmt: skip
