"""Does it start to learn? The paper's text against what was run, on ten classes.

    python benchmarks/start_race.py STORE

The first ten classes of a packed store of 64-pixel photographs (Tiny-ImageNet), the
full-width network on whole pictures, batch 32, constant rate 0.002 (not 0.01), one
crop an image, float32. Nothing else differs from the named recipes.
Stores
``benchmarks/results/start_race.json``.
"""

import sys

import _runs
import numpy as np

from cnnlab import data, packed, train
from cnnlab.course import records
from cnnlab.train import presets

SEEDS, STEPS, CLASSES = 2, 240, 10
RECIPES = ("krizhevsky2012", "paper-text")
COMMON = {
    "crop": 64, "batch": 32, "lr": 0.002, "chunk": 1, "schedule": "constant",
    "precision": "fp32",
}  # fmt: skip


def ten_classes(store: str) -> tuple:
    """Return (train, validation) sets of the first ten classes, in memory."""
    parts = []
    for split in ("train", "test"):
        part = packed.open(store, split)
        rows = np.flatnonzero(part.labels < CLASSES)
        images = np.ascontiguousarray(part.images[rows].transpose(0, 3, 1, 2))
        names = part.classes[:CLASSES]
        parts.append(data.Dataset(images, part.labels[rows], names, "ten", split))
    return tuple(parts)


def race(name: str, pair) -> dict:
    preset = presets.load(name).change(**COMMON)
    rows = []
    for seed in range(SEEDS):
        losses = []
        run = train.fit(
            preset, pair, seed=seed, steps=STEPS, interval=20, progress=False,
            on_interval=lambda line, kept=losses: kept.append(round(line["loss"], 4)),
        )  # fmt: skip
        rows.append(
            {
                "seed": seed,
                "loss_every_20_steps": losses,
                "loss_of_last_20": losses[-1],
                "validation_error": round(run.history[-1]["error"], 4),
            }
        )
        print(name, rows[-1], flush=True)
    return {
        "last": _runs.spread(row["loss_of_last_20"] for row in rows),
        "preset": preset.as_dict(),
        "runs": rows,
    }


def main(store: str) -> None:
    pair = ten_classes(store)
    payload = {
        "what": "training loss in the first 240 steps, ten classes; ln 10 = 2.303",
        "dataset": f"{packed.open(store).path.name}, first {CLASSES} classes",
        "images": [len(part) for part in pair],
        "recipes": {name: race(name, pair) for name in RECIPES},
    }
    print(records.write("start_race", payload))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python benchmarks/start_race.py STORE")
    main(sys.argv[1])
