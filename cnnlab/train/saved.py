"""Is what a checkpoint holds a run's state? Asked before anything is taken from it.

``checkpoints`` knows that every byte is as it was written, and that no code is in it;
by whom it was written, and what, is looked at here.
"""

import math

import torch

from cnnlab import shapes
from cnnlab.train import checkpoints, presets
from cnnlab.train._errors import TrainError

VERSION = 2  # 2: sums of the running interval; the data known by all their pixels


def checked(saved, path) -> dict:
    """Return ``saved`` as it came from ``path``, if it is a run's state.

    Raises
    ------
    TrainError
        If another version wrote it, or an entry is missing or odd.
    """
    saved = saved if isinstance(saved, dict) else {}
    version = saved.get("version")
    if type(version) is int and version != VERSION:
        raise TrainError(
            f"train: {path} has version {shapes.spoken(version)}, this program reads "
            f"version {VERSION}; use the program that wrote it."
        )
    for name, is_sound in _ENTRIES.items():
        if name not in saved or not is_sound(saved[name]):
            raise TrainError(
                f"train: {path} holds no state of a training: its {name} is missing or "
                "odd. Move it out of the folder to go on from an older one."
            )
    return saved


def require_statistics(statistics: dict, source, preset: presets.Preset) -> None:
    """Raise unless the statistics are those that the recipe's input needs."""
    channels, *sides = source.shape
    wanted = {}
    if preset.mean != "none":
        wanted["mean"] = (channels, *(sides if preset.mean == "image" else (1, 1)))
    if preset.unit:
        wanted["scale"] = (channels, 1, 1)
    if preset.colour_std:
        wanted |= {"colour": (3,), "directions": (3, 3)}
    for name, shape in wanted.items():
        found = statistics.get(name)
        if found is None or tuple(found.shape) != shape or not _is_finite(found):
            said = "missing" if found is None else f"{tuple(found.shape)} or not finite"
            raise TrainError(
                f"train: the statistics of the train set need {name} {shape}; it is "
                f"{said}. Begin in another folder."
            )


def _is_count(value) -> bool:
    return type(value) is int and 0 <= value < 2**53


def _is_preset(value) -> bool:
    try:
        return bool(presets.from_dict(value))
    except (TypeError, ValueError, LookupError, AttributeError):
        return False


def _is_list(kind):
    return lambda value: isinstance(value, list) and all(map(kind, value))


def _is_tensors(value) -> bool:
    return isinstance(value, dict) and all(
        type(name) is str and checkpoints.is_dense(part) and _is_finite(part)
        for name, part in value.items()
    )


def _is_sums(value) -> bool:
    return checkpoints.is_dense(value) and tuple(value.shape) == (4,)


def _is_finite(tensor: torch.Tensor) -> bool:
    return bool(torch.isfinite(tensor).all())


_ENTRIES = {
    "version": _is_count,
    "step": _is_count,
    "epoch": _is_count,
    "preset": _is_preset,
    "precision": lambda value: value in ("fp32", "bf16"),
    "classes": _is_list(lambda name: type(name) is str),
    "fingerprint": lambda value: type(value) is str,
    "statistics": _is_tensors,
    "stalls": _is_list(_is_count),
    "errors": _is_list(lambda e: type(e) is float and math.isfinite(e)),
    "totals": _is_sums,
    "line_totals": _is_sums,
    "net": _is_tensors,
    "velocity": _is_tensors,
}
