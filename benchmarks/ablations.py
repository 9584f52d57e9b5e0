"""Which ingredient of AlexNet was worth how much? One left out at a time, over seeds.

    python benchmarks/ablations.py [ROW ...]

A small AlexNet of two towers, trained on 2,000 photographs of CIFAR-10: few, so that it
can over-fit them in a minute or two. It is judged by the centre crop of 5,000 other
training photographs, which choose nothing; the test photographs are not touched. Every
row changes one ingredient of the base and has the same pictures, order, number of
passes and batch.

The learning rate of the base is the best of RATES after a third of the passes, on two
further sets of training photographs and with a seed of its own. Rows whose loss could
be the rate's fault are tried at the same rates in the same way and take the best. One
thread.

Stores ``benchmarks/results/ablations.json`` after every training: stopped at any
moment, the same command goes on with what is missing. Seeds are the outer loop. Needs
CIFAR-10 in either form; see ``data/README.md``.
"""

import sys
import time

import _runs
import numpy as np
import torch

from cnnlab import data, train
from cnnlab.course import records
from cnnlab.train import parallel, presets

NAME, COMMAND = "ablations", "python benchmarks/ablations.py"
SEEDS, IMAGES, HELD, EPOCHS = 3, 2_000, 5_000, 60
RATES, TRIAL_SEED, TRIAL_EPOCHS = (0.0025, 0.005, 0.01, 0.02, 0.04, 0.08), 100, 20
QUICK = 500  # held photographs for the curve
SIDE, CROP = 32, 28


def drops(epochs: int) -> tuple:
    """Return when the rate falls to a tenth: after 70 and 90 % of the passes."""
    return 0.7 * epochs, 0.9 * epochs


BASE = presets.Preset(
    name="small-2012",
    about="A two-tower AlexNet of a sixth of the width for crops of 28 pixels: conv1 "
    "has 5x5 filters at stride 2, so that maps of 16, 8, 4 and 2 pixels follow, with "
    "overlapping pooling and without. Half the paper's dropout, because few units are "
    "few; weights begin by He's rule, younger than 2012, which chooses for this width "
    "what was chosen by hand for that of 2012. Inputs are about 64 times smaller than "
    "grey levels, so LRN's alpha is 64^2 times larger.",
    net="alexnet",
    options={
        "filters": [16, 32, 48, 48, 32],
        "hidden": 256,
        "dropout": 0.25,
        "stems": {CROP: [5, 2, 3]},
        "order": "pool-first",
        "norm_alpha": 0.4,
        "norm_k": 1.0,
    },
    init="he",
    store=SIDE,
    crop=CROP,
    unit=True,
    colour_std=0.1,
    batch=32,
    epochs=EPOCHS,
    lr=0.005,
    drops=drops(EPOCHS),
    precision="fp32",
)  # fmt: skip

# row -> what it changes; "centre" is not a field: pictures cut to their centre before
ROWS = {
    "base": {},
    "no crops, no reflections": {"centre": True, "flip": False},
    "no colour shift": {"colour_std": 0.0},
    "no dropout": {"options": {"dropout": 0.0}},
    "tanh instead of ReLU": {"options": {"activation": "tanh"}},
    "no LRN": {"options": {"norm": "none"}},
    "pooling without overlap": {"options": {"pool": [2, 2]}},
    "no weight decay": {"weight_decay": 0.0},
    "one tower of half the width": {
        "options": {"towers": 1, "filters": [8, 16, 24, 24, 32]}
    },
    "start: the paper's text": {"init": "paper"},
    "start: PyTorch's default": {"init": "torch"},
}
RIVAL_RATE = (
    "base", "tanh instead of ReLU", "start: the paper's text",
    "start: PyTorch's default",
)  # fmt: skip


def recipe(name: str, **fields) -> presets.Preset:
    changes = {key: value for key, value in ROWS[name].items() if key != "centre"}
    return BASE.change(**changes).change(**fields)


def seen_by(name: str, pair) -> tuple:
    """Return the pictures of a row: whole, or nothing but their centre."""
    if not ROWS[name].get("centre"):
        return pair
    edge = (pair[0].images.shape[2] - CROP) // 2
    middle = slice(edge, edge + CROP)
    return tuple(
        data.Dataset(
            np.ascontiguousarray(part.images[:, :, middle, middle]),
            part.labels, part.classes, part.name, part.split,
        )
        for part in pair
    )  # fmt: skip


def trained(name: str, pair, lr: float, seed: int, epochs=None) -> dict:
    """Train a row once; return its curve, and its errors at the end."""
    start = time.process_time()
    shown = seen_by(name, pair)
    quick = shown[0], shown[1].take(slice(QUICK))
    epochs = epochs or EPOCHS
    fields = {"lr": lr, "seed": seed, "epochs": epochs, "drops": drops(epochs)}
    try:
        run = train.fit(recipe(name, **fields), quick, progress=False)
    except train.TrainError as error:  # the loss was not finite
        return {"seed": seed, "error": None, "failed": str(error).split(".")[0]}
    if run.stopped:
        raise SystemExit(f"stopped by {run.stopped}; the same command goes on")
    group = parallel.Group(0, 1, run.state.device)

    def error(part, crops=1):
        found = train.accuracy(run.net, part, run.state, group, crops)
        return round(found["error"], 4)

    row = {
        "seed": seed,
        "error": error(shown[1]),
        "error_on_training_pictures": error(shown[0]),
        "parameters": sum(w.numel() for w in run.net.parameters()),
        "cpu_seconds": round(time.process_time() - start),
        "curve": {
            key: [round(line[key], 4) for line in run.history]
            for key in ("train_loss", "train_error", "loss", "error")
        },
    }
    if name == "base":
        row["error_of_ten_crops"] = error(shown[1], 10)
    return row


def summary(rows: dict) -> dict:
    """Return the rows with mean and spread, and what each costs beside the base.

    Differences are taken between runs of the same seed.
    """
    base = {run["seed"]: run["error"] for run in rows["base"]["runs"]}
    for row in rows.values():
        found = {run["seed"]: run["error"] for run in row["runs"]}
        if found and None not in found.values():
            row["errors"] = _runs.spread(found.values())
            apart = [round(e - base[s], 4) for s, e in found.items() if s in base]
            if apart:
                row["minus_base"] = _runs.spread(apart)
    return rows


def payload(rows: dict) -> dict:
    return {
        "what": f"validation error on {HELD:,} photographs of CIFAR-10 after {EPOCHS} "
        f"passes over {IMAGES:,} others, one ingredient left out at a time",
        "images": [IMAGES, HELD],
        "epochs": EPOCHS,
        "seeds": SEEDS,
        "rates_tried": list(RATES),
        "epochs_of_a_try": TRIAL_EPOCHS,
        "preset": BASE.as_dict(),
        "rows": {name: rows[name] for name in ROWS if name in rows},
    }


def parts() -> tuple:
    """Return the pairs (train, validation) of the rows, and of the trials of rates."""
    whole = _runs.load("cifar10", "cifar10-jpeg")[0]
    order = np.random.default_rng(0).permutation(len(whole))
    ends = np.cumsum([0, IMAGES, HELD, IMAGES, HELD])
    first, held, other, judge = (
        whole.take(order[low:high])
        for low, high in zip(ends[:-1], ends[1:], strict=True)
    )
    return (first, held), (other, judge)


def main(names) -> None:
    torch.set_num_threads(1)
    pair, trial_pair = parts()
    try:
        rows = records.read(NAME)["rows"]
    except FileNotFoundError:
        rows = {}
    for name in ROWS:
        rows.setdefault(name, {"changes": ROWS[name], "runs": []})

    def save():
        records.write(NAME, payload(summary(rows)), COMMAND)

    def tried(name: str) -> None:
        def measure(rate: float):
            return trained(name, trial_pair, rate, TRIAL_SEED, TRIAL_EPOCHS)["error"]

        known = rows[name].setdefault("trials", {})
        _runs.try_rates(name, RATES, known, measure, save)

    tried("base")
    for seed in range(SEEDS):
        for name in names or ROWS:
            row = rows[name]
            if name in RIVAL_RATE:
                tried(name)
            known = row.get("trials") or rows["base"]["trials"]
            _runs.set_rate(row, _runs.best_rate(known))
            if seed in [run["seed"] for run in row["runs"]]:
                continue
            row["runs"].append(trained(name, pair, row["lr"], seed))
            print(seed, name, row["runs"][-1]["error"], flush=True)
            save()


if __name__ == "__main__":
    if not set(sys.argv[1:]) <= set(ROWS):
        sys.exit(f"usage: python benchmarks/ablations.py [{' | '.join(ROWS)}]")
    main(sys.argv[1:])
