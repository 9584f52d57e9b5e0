"""LeNet-5 of 1998 against the one that is built today, on MNIST, over seeds.

    python benchmarks/lenet_pair.py [NETWORK ...]

Four networks: today's; today's with the sparse connections of 1998; today's with
pooling that learns; and all of 1998. A fifth is today's again, at the rate that the
pools take: is it the pools, or the rate? Networks that are named are measured alone.

They learn from the first 10,000 training images only, so that a laptop does it in ten
minutes. Each takes the rate that is best, of those tried, on 5,000 other training
images (two passes, one seed); then it is trained with three seeds, and asked for the
test images once. One thread. Stores ``benchmarks/results/lenet_pair.json``. Needs
MNIST; see ``data/README.md``.
"""

import sys

import _runs
import torch

from cnnlab import train
from cnnlab.course import records
from cnnlab.train import presets

SEEDS, EPOCHS, SHORT = 3, 6, 2
IMAGES, HELD = 10_000, 5_000
RATES = (0.03, 0.1, 0.3)
RATES_1998 = (0.001, 0.003, 0.01, 0.03)  # distances to codes are steeper
NETWORKS = {
    "today": ("lenet5", {}),
    "sparse C3": ("lenet5", {"c3": "sparse"}),
    "trainable pools": ("lenet5", {"pool": "trainable"}),
    "1998": ("lenet5-1998", {}),
    "today, rate 0.1": ("lenet5", {}),
}
GIVEN = {"today, rate 0.1": 0.1}


def recipe(name: str) -> presets.Preset:
    net, options = NETWORKS[name]
    return presets.load("lenet5").change(net=net, options=options, precision="fp32")


def rate_of(name: str, pair) -> tuple[float, dict]:
    """Return the best rate of those tried on held-out images, and all errors."""
    rates = RATES_1998 if name == "1998" else RATES
    errors = {}
    for rate in rates:
        try:
            run = train.fit(
                recipe(name), pair, lr=rate, epochs=SHORT, seed=100, progress=False
            )
            errors[rate] = round(run.history[-1]["error"], 4)
        except train.TrainError:
            errors[rate] = 1.0  # it ran away
        print(name, rate, errors[rate], flush=True)
    return min(errors, key=errors.get), errors


def raced(name: str, short, pair) -> dict:
    rate, errors = (GIVEN[name], {}) if name in GIVEN else rate_of(name, short)
    rows = []
    for seed in range(SEEDS):
        row = _runs.trained(
            recipe(name), pair, lr=rate, epochs=EPOCHS, seed=seed, progress=False
        )[1]
        row["errors"] = round((1 - row["accuracy_1_crop"]) * len(pair[1]))
        print(name, seed, row["errors"], row["minutes"], flush=True)
        rows.append(row)
    return {
        "parameters": rows[0]["parameters"],
        "rate": rate,
        "held_out_error_of_rates": errors,
        "errors": _runs.spread(row["errors"] for row in rows),
        "runs": rows,
    }


def main(names) -> None:
    torch.set_num_threads(1)
    whole, test = _runs.load("mnist")
    part = whole.take(slice(IMAGES))
    held = whole.take(slice(IMAGES, IMAGES + HELD))
    pair, short = (part, test), (part, held)
    known = records.read("lenet_pair")["networks"] if names else {}
    known |= {name: raced(name, short, pair) for name in names or NETWORKS}
    payload = {
        "what": "wrong answers on the 10,000 test images of MNIST, after learning "
        f"from {IMAGES:,}, {EPOCHS} passes",
        "images": IMAGES,
        "held_out": HELD,
        "passes": EPOCHS,
        "networks": {name: known[name] for name in NETWORKS},
    }
    command = "python benchmarks/lenet_pair.py"
    print(records.write("lenet_pair", payload, command))


if __name__ == "__main__":
    main(sys.argv[1:])
