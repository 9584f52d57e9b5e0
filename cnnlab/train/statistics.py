"""What the input needs to know of a train set, computed once for each packed store.

It is kept beside the pixels, in ``SPLIT.statistics``, together with what it follows
from. What is damaged, or of other pixels, is computed again, and a store that cannot be
written to is left as it is.
"""

import contextlib
from collections import deque

import numpy as np
import torch

from cnnlab import augment, packed
from cnnlab.train import checkpoints
from cnnlab.train._errors import TrainError
from cnnlab.train.presets import Preset

VERSION = 1  # raise it when other numbers come out
IMAGES = 20_000  # evenly spaced, at most
_CHECKED = 1 << 24  # bytes read at a time


def statistics(source, preset: Preset) -> dict[str, torch.Tensor]:
    """Return what the input needs of the train set: mean, scale, colour directions.

    Mean (C, H, W) or (C, 1, 1) and scale (C, 1, 1) in grey levels; colour: standard
    deviations (3,) and directions (3, 3). From at most 20,000 evenly spaced images.

    Parameters
    ----------
    source : a ``sources.Source``

    Raises
    ------
    DataError
        If one of these images is not as it was packed.
    """
    part, wanted = source.train, _wanted(preset)
    rows = np.linspace(0, len(part.labels) - 1, IMAGES).astype(np.int64)
    rows = np.unique(rows)
    if not isinstance(part, packed.Packed):
        found = _computed(part, rows, wanted.values())
    else:
        found = _kept(part)
        missing = [kind for kind in wanted.values() if kind not in found]
        if missing:
            _require_sound(part, rows)
            found |= _computed(part, rows, missing)
            with contextlib.suppress(TrainError):  # it only saves time
                checkpoints.write(_place(part), {**_key(part), "found": found})
    return {name: found[kind] for name, kind in wanted.items() if kind in found}


def _wanted(preset: Preset) -> dict[str, str]:
    """Return name -> kind of statistic."""
    wanted = {} if preset.mean == "none" else {"mean": f"{preset.mean} mean"}
    wanted |= {"scale": "scale"} if preset.unit else {}
    colour = ("colour", "directions")
    return wanted | (
        dict(zip(colour, colour, strict=True)) if preset.colour_std else {}
    )


def _computed(part, rows: np.ndarray, kinds) -> dict[str, torch.Tensor]:
    """Compute statistics, float32; all that is about colours in one pass."""
    found, kinds = {}, set(kinds)
    if "image mean" in kinds:
        found["image mean"] = augment.mean_image(part, rows)
    if kinds - {"image mean"}:
        moments = augment.moments(part, rows)
        found["channel mean"] = moments.mean()
        # Below one grey level there is only rounding (or, in a channel that is the
        # same everywhere, nothing): that is not made larger.
        found["scale"] = 1 / moments.std().clamp_min(1)
        if len(moments.sums) == 3:
            found["colour"], found["directions"] = moments.directions()
    return {kind: value.float() for kind, value in found.items()}


def _require_sound(part: packed.Packed, rows: np.ndarray) -> None:
    """Read rows once as training does: compared with their checksums."""
    unchecked = rows[~part.checked[rows]]
    if len(unchecked):
        step = max(1, _CHECKED // part.images[0].nbytes)
        cuts = np.split(unchecked, range(step, len(unchecked), step))
        with packed.Feeder(part, cuts) as feeder:
            deque(feeder, maxlen=0)


# ------------------------------------------------------------------------ what is kept


def _place(part: packed.Packed):
    return part.path / f"{part.split}.statistics"


def _key(part: packed.Packed) -> dict:
    """Return all that statistics depend on."""
    shape = list(map(int, part.images.shape))
    return {
        "version": VERSION, "pixels": part.sha256, "shape": shape, "rows": IMAGES,
    }  # fmt: skip


def _kept(part: packed.Packed) -> dict[str, torch.Tensor]:
    """Return the statistics in the store's folder; {} unless they are its own."""
    try:
        state = checkpoints.load(_place(part))
        found = state.pop("found")
        fits = state == _key(part) and all(
            tuple(value.shape) == shape and value.dtype == torch.float32
            and torch.isfinite(value).all()
            for kind, shape in _shapes(part).items()
            if (value := found.get(kind)) is not None
        )  # fmt: skip
    except (TrainError, LookupError, TypeError, AttributeError, RuntimeError):
        return {}
    return (
        {kind: found[kind] for kind in _shapes(part) if kind in found} if fits else {}
    )


def _shapes(part: packed.Packed) -> dict[str, tuple[int, ...]]:
    """Return the shape of each kind of statistic."""
    height, width, channels = part.images.shape[1:]
    flat = (channels, 1, 1)
    return {
        "image mean": (channels, height, width), "channel mean": flat, "scale": flat,
        "colour": (3,), "directions": (3, 3),
    }  # fmt: skip
