"""ReLU against tanh: epochs to 25 % training error on CIFAR-10.

    python benchmarks/activation_race.py [ARM ...]

Figure 1 of the AlexNet paper: a four-layer network with ReLUs reached 25 % training
error six times faster than one with tanh, rates chosen for each. Here: cuda-convnet's
four-layer network, without any regularisation, under the initialisation of 2012 and
under a modern one. Rates are chosen by the training error after two epochs, from RATES
and beyond: as long as the best one is at an edge, another is tried. Stores
``benchmarks/results/activation_race.json``; arms that are not named keep their result.
"""

import itertools
import sys

import _runs

from cnnlab import train
from cnnlab.course import records
from cnnlab.train import presets

GOAL, MOST_EPOCHS, TRIAL_EPOCHS = 0.25, 40, 2
BASE = presets.Preset(
    name="four-layer",
    about="cuda-convnet's layers-18pct without normalisation and decay.",
    net="cuda-convnet", init="cuda-convnet", store=32, crop=32, flip=False,
    mean="image", batch=128, schedule="constant", weight_decay=0.0,
)  # fmt: skip
ERAS = {
    "2012": {"init": "cuda-convnet", "unit": False},
    "modern": {"init": "he", "unit": True},
}
RATES = {"2012": (0.001, 0.003, 0.01), "modern": (0.005, 0.02, 0.05)}
ARMS = [f"{activation}, {era}" for era, activation in itertools.product(
    ERAS, ("relu", "tanh"))]  # fmt: skip


def trial(arm, pair, lr: float) -> float:
    """Return the training error after two epochs at this rate."""
    try:
        run = train.fit(arm, pair, lr=lr, epochs=TRIAL_EPOCHS, progress=False)
    except train.TrainError:  # the loss was not finite: too high a rate
        return 1.0
    return round(run.history[-1]["train_error"], 4)


def try_rates(arm, pair, rates) -> dict:
    """Return rate -> training error; the best rate has neighbours on both sides."""
    trials = {lr: trial(arm, pair, lr) for lr in rates}
    while True:
        best = min(trials, key=trials.get)
        if best not in (min(trials), max(trials)):
            return trials
        further = best * 3 if best == max(trials) else best / 3
        trials[further] = trial(arm, pair, further)


def race(pair, name: str) -> dict:
    """Return the chosen rate and the epochs until the goal."""
    activation, era = name.split(", ")
    arm = BASE.change(options={"activation": activation}, **ERAS[era])
    trials = try_rates(arm, pair, RATES[era])
    best = min(trials, key=trials.get)
    reached = []

    def enough(line) -> bool:
        print(name, line["epoch"], round(line["train_error"], 4), flush=True)
        reached.append(round(line["train_error"], 4))
        return line["train_error"] < GOAL

    train.fit(arm, pair, lr=best, epochs=MOST_EPOCHS, on_epoch=enough, progress=False)
    return {
        "trials": {str(lr): error for lr, error in trials.items()},
        "lr": best,
        "epochs": len(reached) if reached[-1] < GOAL else None,
        "train_error": reached,
    }


def main(names: list[str]) -> None:
    pair = _runs.load("cifar10", "cifar10-jpeg")
    arms = {name: race(pair, name) for name in names or ARMS}
    if names:
        arms = {**records.read("activation_race")["arms"], **arms}
    payload = {
        "what": f"epochs until {GOAL:.0%} running training error; None: not in "
        f"{MOST_EPOCHS}",
        "dataset": pair[0].name,
        "seeds": 1,
        "preset": BASE.as_dict(),
        "arms": arms,
    }
    print({name: arm["epochs"] for name, arm in arms.items()})
    print(records.write("activation_race", payload))


if __name__ == "__main__":
    if not set(sys.argv[1:]) <= set(ARMS):
        sys.exit(f"usage: python benchmarks/activation_race.py [{' | '.join(ARMS)}]")
    main(sys.argv[1:])
