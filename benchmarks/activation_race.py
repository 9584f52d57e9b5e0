"""ReLU against tanh: epochs to 25 % training error on CIFAR-10.

    python benchmarks/activation_race.py

Figure 1 of the AlexNet paper: a four-layer network with ReLUs reached 25 % training
error six times faster than one with tanh, rates chosen for each. Here: cuda-convnet's
four-layer network, without any regularisation, under the initialisation of 2012 and
under a modern one. Rates are chosen from RATES by the training error after two epochs.
Stores ``benchmarks/results/activation_race.json``.
"""

import _runs

from cnnlab import records, train
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
RATES = {"2012": (0.0003, 0.001, 0.003), "modern": (0.005, 0.02, 0.05)}


def race(pair, era: str, activation: str) -> dict:
    """Return the chosen rate and the epochs until the goal."""
    arm = BASE.change(options={"activation": activation}, **ERAS[era])
    trials = {}
    for lr in RATES[era]:
        try:
            run = train.fit(arm, pair, lr=lr, epochs=TRIAL_EPOCHS, progress=False)
            trials[lr] = round(run.history[-1]["train_error"], 4)
        except train.TrainError:  # the loss was not finite: too high a rate
            trials[lr] = 1.0
    best = min(trials, key=trials.get)
    reached = []

    def enough(line) -> bool:
        print(era, activation, line["epoch"], round(line["train_error"], 4), flush=True)
        reached.append(round(line["train_error"], 4))
        return line["train_error"] < GOAL

    train.fit(arm, pair, lr=best, epochs=MOST_EPOCHS, on_epoch=enough, progress=False)
    return {
        "trials": {str(lr): error for lr, error in trials.items()},
        "lr": best,
        "epochs": len(reached) if reached[-1] < GOAL else None,
        "train_error": reached,
    }


def main() -> None:
    pair = _runs.load("cifar10", "cifar10-jpeg")
    arms = {
        f"{activation}, {era}": race(pair, era, activation)
        for era in ERAS
        for activation in ("relu", "tanh")
    }
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
    main()
