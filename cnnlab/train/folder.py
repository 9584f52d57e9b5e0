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
from cnnlab.train import checkpoints, files, parallel
from cnnlab.train._errors import TrainError, write_fault

CONFIG = "config.json"
WEIGHTS = "weights.safetensors"
LOCK = ".lock"


def write_config(folder: Path, state, data, source, group) -> None:
    """Record what is run in ``config.json``; a resumed run adds a line to ``runs``."""
    path = folder / CONFIG
    runs = read_config(folder).get("runs")
    runs = [
        *(runs if isinstance(runs, list) else []),
        {
            "from_step": state.step,
            "command": shlex.join(["python", *sys.orig_argv[1:]]),
            "processes": group.size,
            "device": str(group.device),
            "hardware": records.hardware(),
            "versions": records.versions(),
        },
    ]
    named = None
    if isinstance(data, (str, Path)):  # a path is found again from anywhere
        place = files.place(data)
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
    with files.whole(path) as file:
        file.write((json.dumps(config, indent=1) + "\n").encode())


def read_config(folder: Path) -> dict:
    """Return what ``config.json`` says; {} where it is missing or not readable."""
    try:
        config = json.loads(files.read(folder / CONFIG))
    except (OSError, ValueError, RecursionError):
        return {}
    return config if isinstance(config, dict) else {}


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


class Owner:
    """The lock of a run's folder, held as long as this process trains."""

    def __init__(self, folder: Path, file):
        self.folder, self.file = folder, file

    def require(self) -> None:
        """Raise if the folder, or the lock in it, is no longer the one that is held."""
        try:
            there = os.stat(self.folder / LOCK)
            if os.path.samestat(there, os.fstat(self.file.fileno())):
                return
        except OSError:
            pass
        raise TrainError(
            f"train: {self.folder}, or {LOCK} in it, was deleted or replaced while "
            "training; another training may write there now, so this one stops."
        )


@contextlib.contextmanager
def owned(out, group: parallel.Group):
    """Keep other trainings out of the run's folder; a lock ends with its process.

    Yields the ``Owner``, or None in a process that writes nothing.
    """
    if out is None or not group.first:
        yield None
        return
    folder = files.place(out)
    _make(folder)
    try:
        file = open(folder / LOCK, "ab", opener=files.regular)
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
        yield Owner(folder, file)
