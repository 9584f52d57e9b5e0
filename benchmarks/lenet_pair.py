"""LeNet-5 of 1998 against the one that is built today, on MNIST, over seeds.

    python benchmarks/lenet_pair.py [--whole] [--passes N] [--seeds N] [NETWORK ...]

Four networks: today's; today's with the sparse connections of 1998; today's with
pooling that learns; and all of 1998. A fifth is today's again, at the rate that the
pools take: is it the pools, or the rate? Networks that are named are measured alone.

They learn from the first 10,000 training images only, so that a laptop does it in ten
minutes. Each takes the rate that is best, of those tried, on 5,000 other training
images (two passes, one seed); then it is trained with three seeds, and asked for the
test images once. With ``--whole`` today's and that of 1998 learn from all 60,000, twice
as many passes, and rates are tried with the first 55,000: half an hour. One thread.
Stores ``benchmarks/results/lenet_pair.json``; other numbers of passes or seeds are
printed only. Needs MNIST; see ``data/README.md``.
"""

import argparse
from dataclasses import dataclass, replace

import _runs
import torch

from cnnlab import train
from cnnlab.course import records
from cnnlab.train import presets

SEEDS, SHORT = 3, 2


@dataclass(frozen=True)
class Race:
    """How many images are learned from, how often, and the images that choose a rate.

    ``early`` learns in the search for a rate, ``held`` judges there: both (first, end).
    """

    images: int
    passes: int
    early: tuple[int, int]
    held: tuple[int, int]


PART = Race(10_000, 6, (0, 10_000), (10_000, 15_000))
WHOLE = Race(60_000, 12, (0, 55_000), (55_000, 60_000))
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


def raced(name: str, race: Race, seeds: int, images, test) -> dict:
    """Return the rate that a network took, and the wrong answers of its seeds."""
    short = (images.take(slice(*race.early)), images.take(slice(*race.held)))
    rate, errors = (GIVEN[name], {}) if name in GIVEN else rate_of(name, short)
    pair, rows = (images.take(slice(race.images)), test), []
    for seed in range(seeds):
        row = _runs.trained(
            recipe(name), pair, lr=rate, epochs=race.passes, seed=seed, progress=False
        )[1]
        row["errors"] = round((1 - row["accuracy_1_crop"]) * len(test))
        print(name, seed, row["errors"], row["minutes"], flush=True)
        rows.append(row)
    return {
        "parameters": rows[0]["parameters"],
        "rate": rate,
        "held_out_error_of_rates": errors,
        "errors": _runs.spread(row["errors"] for row in rows),
        "runs": rows,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NETWORK", help=", ".join(NETWORKS))
    parser.add_argument("--whole", action="store_true", help="all 60,000 images")
    parser.add_argument("--passes", type=int, help="train so long")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="train so often")
    options = parser.parse_args()
    usual = race = WHOLE if options.whole else PART
    if options.passes is not None:
        race = replace(race, passes=options.passes)
    if race.passes < 1 or options.seeds < 1:
        parser.error("at least one pass, and one seed")
    known = ("today", "1998") if options.whole else tuple(NETWORKS)
    if strange := set(options.names) - set(known):
        parser.error(f"known networks: {', '.join(known)}; not {', '.join(strange)}")
    torch.set_num_threads(1)
    images, test = _runs.load("mnist")
    found = {
        name: raced(name, race, options.seeds, images, test)
        for name in options.names or known
    }
    if race != usual or options.seeds != SEEDS:
        return
    try:
        stored = records.read("lenet_pair")
    except FileNotFoundError:
        stored = {}
    before = stored.get("whole", {}) if options.whole else stored
    both = before.get("networks", {}) | found
    told = {
        "images": race.images,
        "held_out": race.held[1] - race.held[0],
        "passes": race.passes,
        "networks": {name: both[name] for name in known if name in both},
    }
    payload = {key: stored[key] for key in (*told, "whole") if key in stored}
    payload |= {"whole": told} if options.whole else told
    payload["what"] = "wrong answers on the 10,000 test images of MNIST"
    print(records.write("lenet_pair", payload, "python benchmarks/lenet_pair.py"))


if __name__ == "__main__":
    main()
