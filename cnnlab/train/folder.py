"""The folder of a run: who owns it, what is run in it, its plain weights at the end."""

import contextlib
import json
import os
import shlex
import sys
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

from cnnlab.course import records
from cnnlab.train import checkpoints, parallel
from cnnlab.train._errors import TrainError, write_fault

CONFIG = "config.json"
WEIGHTS = "weights.safetensors"
LOCK = ".lock"


def write_config(folder: Path, state, data, source, group) -> None:
    """Record what is run in ``config.json``; a resumed run adds a line to ``runs``."""
    path = folder / CONFIG
    runs = []
    with contextlib.suppress(OSError, ValueError, KeyError):
        runs = json.loads(path.read_text(encoding="utf-8"))["runs"]
    runs.append(
        {
            "from_step": state.step,
            "command": shlex.join(["python", *sys.orig_argv[1:]]),
            "processes": group.size,
            "device": str(group.device),
            "hardware": records.hardware(),
            "versions": records.versions(),
        }
    )
    named = None
    if isinstance(data, (str, Path)):  # a path is found again from anywhere
        place = Path(data).expanduser()
        named = str(place.resolve() if place.exists() else data)
    config = {
        "preset": state.preset.as_dict(),
        "data": named,
        "classes": list(source.classes),
        "images": [len(source.train.labels), len(source.valid.labels)],
        "shape": list(source.shape),
        "precision": state.precision,
        "parameters": sum(w.numel() for w in state.net.parameters()),
        "runs": runs,
    }
    _replace(path, json.dumps(config, indent=1) + "\n")


def export(folder: Path, state) -> None:
    """Write the plain weights, with what is needed to use them."""
    preset = state.preset
    metadata = {
        "preset": preset.name,
        "net": preset.net,
        "options": preset.options,
        "image_size": preset.crop,
        "classes": list(state.classes),
        "step": state.step,
    }
    checkpoints.export(state.net, folder / WEIGHTS, metadata)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainError(
            f"train: {folder} cannot be made ({error.strerror}). Choose another folder."
        ) from None


def _replace(path: Path, text: str) -> None:
    """Write a small file, whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        raise write_fault(error, path) from None


@contextlib.contextmanager
def owned(out, group: parallel.Group):
    """Keep other trainings out of the run's folder; a lock ends with its process."""
    if out is None or not group.first:
        yield
        return
    folder = Path(out).expanduser()
    _make(folder)
    try:
        file = open(folder / LOCK, "ab")
    except OSError as error:
        raise write_fault(error, folder / LOCK) from None
    with file:
        try:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TrainError(
                f"train: another training is writing to {folder} right now. Wait for "
                "it, stop it, or choose another folder."
            ) from None
        except OSError:  # a file system without locks
            pass
        yield
