"""A run record: what is left of a training once its folder is gone.

``of_run(folder)`` turns the folder of a run (``fit(..., out=folder)``) into a record,
``write`` stores it, ``read`` gives it back. Notebooks 13 and 14 read the record
``alexnet_run``; another run, of another machine, takes its place by file alone.

A record is ``benchmarks/results/NAME.json``, and NAME.npz beside it:

``command``
    the command line or the script that trained, without the machine's folders
``hardware``, ``versions``
    of the machine that trained, as ``course.records`` gives them, and
    ``hardware["device"]``: "cpu", or the GPU's name
``about``
    a sentence for the reader: which network, which images, on what
``source``
    "measured, torch 2.11.0": where the numbers come from
``recipe``
    all fields of the preset, as ``Preset.as_dict`` gives them
``parameters``, ``precision``, ``processes``
    the number of trainable values; "fp32" or "bf16"; how many processes
``data``
    ``name``, ``classes`` (names), ``train`` and ``validation`` (images), ``shape``
    [C, H, W] of a stored image, ``note`` (source and licence, in words)
``curve``
    one row an epoch: step, epoch, train_loss, train_error, loss, error, error5 (with
    more than 5 classes), lr, seconds
``intervals``
    at most 200 rows of the interval log: step, epoch, loss, error, lr,
    images_per_s, waited
``speed``
    ``images_per_s``: the median of all intervals, ``low`` and ``high``: one tenth
    of the intervals lie below and above; ``waited``: mean share of the time spent
    waiting for images; ``seconds``: all epochs together, validation included
``judged``
    {"1": found, "10": found}: loss, error, error5, count on the validation images
    with the centre crop and with ten crops; only what was measured
``filters``
    shape of the first convolution's weights; NAME.npz holds them as float16
    ``filters`` (F, C, k, k), the first half of F belonging to the first tower, and
    ``biases`` (F,)
"""

import os
import shlex
from pathlib import Path

import numpy as np
import torch

from cnnlab import recipe
from cnnlab.course import records
from cnnlab.course.paths import results_dir
from cnnlab.train import checkpoints, evaluate, files, folder, logs, parallel, runs
from cnnlab.train._errors import TrainError

LINES = 200  # of the interval log
EPOCH = ("step", "epoch", "train_loss", "train_error", "loss", "error", "error5",
         "lr", "seconds")  # fmt: skip
INTERVAL = ("step", "epoch", "loss", "error", "lr", "images_per_s", "waited")


def of_run(out, about: str, data: dict, crops=(), source=None) -> tuple[dict, dict]:
    """Return (record, arrays) of the run in folder ``out``.

    Parameters
    ----------
    about : a sentence that says what was trained, on which images and machine
    data : ``name`` and ``note`` (source and licence); the rest is in the folder
    crops : what to judge the network by now: (), (1,), (1, 10); needs the images
    source : the images, if they are no longer where the run found them

    Raises
    ------
    TrainError
        If the folder holds no log, no configuration or no checkpoint.
    """
    out = files.place(out)
    config = folder.read_config(out)
    epochs, intervals = logs.read(out)
    if not config or not epochs:
        raise TrainError(
            f"record: {out} holds no finished epoch of a run. Give the folder of a "
            "training that went on for one epoch at least."
        )
    found = checkpoints.newest(out)
    if found is None:
        raise TrainError(f"record: {out} holds no checkpoint.")
    last = config["runs"][-1]
    filters, biases = _first_filters(found[1]["net"])
    record = {
        "command": _portable(last["command"]),
        "hardware": {**last["hardware"], "device": _device(last["device"])},
        "versions": last["versions"],
        "about": about,
        "source": f"measured, torch {last['versions'].get('torch', '')}".strip(),
        "recipe": config["preset"],
        "parameters": config["parameters"],
        "precision": config["precision"],
        "processes": last["processes"],
        "data": {
            **data,
            "classes": config["classes"],
            "train": config["images"][0],
            "validation": config["images"][1],
            "shape": config["shape"],
        },
        "curve": [_rounded(row, EPOCH) for row in epochs],
        "intervals": [_rounded(row, INTERVAL) for row in _thinned(intervals)],
        "speed": _speed(intervals, epochs),
        "judged": _judged(out, crops, source),
        "filters": list(filters.shape),
    }
    return record, {"filters": filters, "biases": biases}


def write(name: str, record: dict, arrays: dict) -> Path:
    """Store a record as ``benchmarks/results/NAME.json``, its arrays beside it."""
    path = records.write(name, record, record.get("command"))
    partial = path.with_suffix(".part")
    with open(partial, "wb") as file:
        np.savez_compressed(file, **arrays)
    os.replace(partial, path.with_suffix(".npz"))
    return path


def read(name: str = "alexnet_run") -> dict:
    """Return the record ``name``; ``filters`` and ``biases`` are float32 arrays.

    Raises
    ------
    FileNotFoundError
        If there is no such record; the message says so.
    """
    record = records.read(name)
    path = results_dir() / f"{name}.npz"
    if not path.is_file():
        raise FileNotFoundError(f"record: {path.name} is missing beside {name}.json.")
    with np.load(path) as file:
        return record | {key: file[key].astype(np.float32) for key in file.files}


def sentence(record: dict) -> str:
    """Return who trained what, where, how fast: for the reader, from the record."""
    hardware, curve = record["hardware"], record["curve"][-1]
    where = hardware["device"]
    if where == "cpu":
        cores = hardware["cores"]
        where = f"{hardware['processor']} ({cores} core{'s' if cores != 1 else ''})"
    took = recipe.spoken_time(record["speed"]["seconds"])
    classes = len(record["data"]["classes"])
    lines = (
        record["about"],
        f"{record['parameters']:,} trainable values, {record['precision']}; machine: "
        f"{where}.",
        f"{record['data']['train']:,} images of {classes} classes, "
        f"{curve['epoch']:g} epochs in {took}: "
        f"{record['speed']['images_per_s']:,.0f} images a second.",
        f"Of {record['data']['validation']:,} images held out, {curve['error']:.1%} "
        f"are wrong at the end; by chance {1 - 1 / classes:.0%} would be.",
    )
    return "\n".join(lines)


def _first_filters(net: dict) -> tuple[np.ndarray, np.ndarray]:
    """Return weights and biases of the first convolution in half precision."""
    name = next((n for n, w in net.items() if n.endswith("weight") and w.ndim == 4), "")
    if not name:
        raise TrainError("record: the network has no convolution.")
    w = net[name].float().cpu().contiguous()
    b = net.get(name.removesuffix("weight") + "bias")
    b = torch.zeros(len(w)) if b is None else b.float().cpu()
    return w.numpy().astype(np.float16), b.numpy().astype(np.float16)


def _portable(command: str) -> str:
    """Return a command line without this machine's folders."""
    parts = [
        Path(part).name if os.sep in part and Path(part).is_absolute() else part
        for part in shlex.split(command)
    ]
    return shlex.join(parts)


def _device(name: str) -> str:
    if name.startswith("cuda") and torch.cuda.is_available():
        return torch.cuda.get_device_name(name)
    return name


def _rounded(row: dict, keys) -> dict:
    """Return these keys of a log's line, numbers to five digits."""
    found = {key: row[key] for key in keys if row.get(key) is not None}
    return {
        key: float(f"{value:.5g}") if isinstance(value, float) else value
        for key, value in found.items()
    }


def _thinned(rows: list) -> list:
    step = -(-len(rows) // LINES)
    return rows[:: max(1, step)]


def _speed(intervals: list, epochs: list) -> dict:
    speeds = [r["images_per_s"] for r in intervals if r.get("images_per_s")]
    if not speeds:
        raise TrainError(
            "record: the run logged no interval; train with a smaller interval."
        )
    low, middle, high = np.quantile(speeds, (0.1, 0.5, 0.9)).tolist()
    waited = [row["waited"] for row in intervals if row.get("waited") is not None]
    return {
        "images_per_s": float(f"{middle:.4g}"),
        "low": float(f"{low:.4g}"),
        "high": float(f"{high:.4g}"),
        "waited": round(float(np.mean(waited or [0.0])), 4),
        "seconds": round(sum(row.get("seconds") or 0.0 for row in epochs), 1),
    }


def _judged(out, crops, source) -> dict:
    if not crops:
        return {}
    run, images = runs.load(out, source)
    group = parallel.Group(0, 1, run.state.device)
    found = {}
    for count in crops:
        judged = evaluate.accuracy(run.net, images.valid, run.state, group, count)
        found[str(count)] = _rounded(judged, ("loss", "error", "error5", "count"))
    return found
