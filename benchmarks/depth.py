"""Do deeper networks learn better? Plain and residual ones of three depths, over seeds.

    python benchmarks/depth.py [ROW ...]

Narrow networks after He et al. (2016) on photographs of CIFAR-10 shrunk to 16 pixels:
the same number of passes, the same batches in the same order, reflections only. A plain
network and a residual one of a depth have equally many weights. Judged at the end, in
evaluation mode, on the training pictures (can it fit them?) and on others of the
training set (does it help?); the test photographs are not touched.

Every row takes the best of RATES, by the loss on the training pictures after a whole
training with a seed of its own, so that no rate is to blame: deep networks of both
kinds begin badly at the rate that is best for shallow ones, and what leads after a
third of the passes need not lead at the end. One thread.

Stores ``benchmarks/results/depth.json`` after every training: stopped at any moment,
the same command goes on with what is missing. Seeds are the outer loop. Two networks of
seed 0 are kept, in half precision, as ``cnnlab/nets/trained/NAME.safetensors``. Needs
CIFAR-10 in either form; see ``data/README.md``.
"""

import itertools
import sys
import time

import _runs
import _shipped
import numpy as np
import torch

from cnnlab import data, nets, train
from cnnlab.course import records
from cnnlab.train import parallel, presets

NAME, COMMAND = "depth", "python benchmarks/depth.py"
SEEDS, IMAGES, HELD, EPOCHS, SIDE = 3, 2_500, 5_000, 12, 16
QUICK = 500  # held photographs for the curve
RATES, TRIAL_SEED = (0.01, 0.03, 0.1), 100

BASE = presets.Preset(
    name="depth",
    about="Plain and residual networks of width 8 on 16 pixels, rate falling twice.",
    net="residual",
    options={"width": 8},
    init="he",
    store=SIDE,
    crop=SIDE,
    unit=True,
    mean="channel",
    batch=64,
    epochs=EPOCHS,
    lr=0.1,
    weight_decay=0.0001,
    bias_rate=1.0,
    drops=(0.6 * EPOCHS, 0.9 * EPOCHS),
    precision="fp32",
)  # fmt: skip

# row -> network and options
ROWS = {
    f"{kind} {depth}{words}": {"net": kind, "options": {"depth": depth, "norm": norm}}
    for norm, words, pairs in (
        ("batch", "", itertools.product((8, 20, 32), ("plain", "residual"))),
        ("none", ", no batch norm", ((8, "plain"), (20, "plain"), (32, "plain"))),
    )
    for depth, kind in pairs
}
SHIPPED = {"plain 32": "plain-32", "residual 32": "residual-32"}


def recipe(name: str, **fields) -> presets.Preset:
    changes = ROWS[name]
    options = {**BASE.options, **changes["options"]}
    return BASE.change(net=changes["net"], options=options, **fields)


def shrunk(part: data.Dataset) -> data.Dataset:
    """Return the pictures at half their size: means of 2x2 pixels."""
    n, c, h, w = part.images.shape
    squares = part.images.reshape(n, c, h // 2, 2, w // 2, 2)
    small = np.rint(squares.mean((3, 5))).astype(np.uint8)
    return data.Dataset(small, part.labels, part.classes, part.name, part.split)


def parts() -> tuple:
    """Return (train, validation), in a random order by a fixed seed."""
    whole = _runs.load("cifar10", "cifar10-jpeg")[0]
    order = np.random.default_rng(1).permutation(len(whole))
    first, held = order[:IMAGES], order[IMAGES : IMAGES + HELD]
    return shrunk(whole.take(first)), shrunk(whole.take(held))


def trained(name: str, pair, **fields) -> tuple:
    """Train a row once; return the run, and its errors at the end."""
    start = time.process_time()
    quick = pair[0], pair[1].take(slice(QUICK))
    try:
        run = train.fit(recipe(name, **fields), quick, progress=False)
    except train.TrainError as error:  # the loss was not finite
        return None, {"error": None, "failed": str(error).split(".")[0]}
    if run.stopped:
        raise SystemExit(f"stopped by {run.stopped}; the same command goes on")
    group = parallel.Group(0, 1, run.state.device)
    seen, held = (train.accuracy(run.net, part, run.state, group) for part in pair)
    return run, {
        "error": round(held["error"], 4),
        "error_on_training_pictures": round(seen["error"], 4),
        "loss": round(held["loss"], 4),
        "loss_on_training_pictures": round(seen["loss"], 4),
        "cpu_seconds": round(time.process_time() - start),
        "curve": {
            key: [round(line[key], 4) for line in run.history]
            for key in ("train_loss", "train_error", "error")
        },
    }


def summary(rows: dict) -> dict:
    """Return the rows with mean and spread of their errors."""
    for row in rows.values():
        for key, name in (
            ("error", "errors"),
            ("error_on_training_pictures", "training_errors"),
        ):
            found = [run[key] for run in row["runs"] if run["error"] is not None]
            if found:
                row[name] = _runs.spread(found)
    return rows


def payload(rows: dict) -> dict:
    return {
        "what": f"error on {IMAGES:,} training photographs of CIFAR-10 at {SIDE} "
        f"pixels and on {HELD:,} others, after {EPOCHS} passes, by depth",
        "images": [IMAGES, HELD],
        "epochs": EPOCHS,
        "seeds": SEEDS,
        "rates_tried": list(RATES),
        "preset": BASE.as_dict(),
        "rows": {name: rows[name] for name in ROWS if name in rows},
    }


def stored() -> dict:
    try:
        return records.read(NAME)["rows"]
    except FileNotFoundError:
        return {}


def keep(name: str, run, held) -> None:
    """Store a network that ships with the course."""
    about = {
        "what": f"{name}: batch norm, width 8, photographs of {SIDE} pixels",
        "script": COMMAND,
        "data": f"{IMAGES:,} training photographs of CIFAR-10 (Krizhevsky 2009), at "
        f"half their size; judged on {len(held):,} others",
        "licence": "The weights are ours, BSD-3-Clause; no photograph is included.",
    }
    print(*_shipped.store(SHIPPED[name], run, held, about))


def main(names) -> None:
    torch.set_num_threads(1)
    pair = parts()
    rows = stored()
    for name in ROWS:
        rows.setdefault(name, {"changes": ROWS[name], "runs": []})

    def save():
        records.write(NAME, payload(summary(rows)), COMMAND)

    def tried(name: str) -> dict:
        """Return rate -> loss on the training pictures at the end."""

        def measure(rate: float):
            found = trained(name, pair, lr=rate, seed=TRIAL_SEED)[1]
            return found.get("loss_on_training_pictures")

        known = rows[name].setdefault("trials", {})
        _runs.try_rates(name, RATES, known, measure, save)
        return known

    for seed in range(SEEDS):
        for name in names or ROWS:
            row = rows[name]
            _runs.set_rate(row, _runs.best_rate(tried(name)))
            if seed in [run["seed"] for run in row["runs"]]:
                continue
            run, found = trained(name, pair, lr=row["lr"], seed=seed)
            if run is not None:
                row["parameters"] = sum(w.numel() for w in run.net.parameters())
                row["macs"] = sum(layer.macs for layer in nets.walk(run.net))
                if seed == 0 and name in SHIPPED:
                    keep(name, run, pair[1])
            row["runs"].append({"seed": seed, **found})
            errors = found.get("error_on_training_pictures"), found["error"]
            print(seed, name, row["lr"], *errors, flush=True)
            save()


if __name__ == "__main__":
    if not set(sys.argv[1:]) <= set(ROWS):
        sys.exit(f"usage: python benchmarks/depth.py [{' | '.join(ROWS)}]")
    main(sys.argv[1:])
