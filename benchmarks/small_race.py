"""ReLU against tanh in the small network of notebook 12: at other rates, and longer.

    python benchmarks/small_race.py

The notebook compares both live, over three seeds. This asks what else could explain
what it finds: the rate (each at all of RATES, with a seed of its own), or too little
training (three times the passes at the better rate, seeds of their own). A minute on
one thread; embedded photographs. Stores ``benchmarks/results/small_race.json``.
"""

import _runs
import torch

from cnnlab import train
from cnnlab.course import records

RATES, TRIAL_SEED = (0.003, 0.006, 0.01, 0.03), 100
LONGER, SEEDS = 60, (101, 102)


def judged(**changes) -> dict:
    run = train.small(**changes)
    return {
        "error": round(run.error, 4),
        "error_on_training": round(run.error_on_training, 4),
    }


def main() -> None:
    torch.set_num_threads(1)
    found = {}
    for activation in ("relu", "tanh"):
        trials = {
            str(rate): judged(seed=TRIAL_SEED, activation=activation, rate=rate)
            for rate in RATES
        }
        best = _runs.best_rate({rate: one["error"] for rate, one in trials.items()})
        longer = [
            judged(seed=s, activation=activation, rate=best, passes=LONGER)
            for s in SEEDS
        ]
        found[activation] = {"trials": trials, "rate": best, "longer": longer}
        print(activation, found[activation], flush=True)
    payload = {
        "what": "held-out error of the small network of notebook 12 at several rates, "
        f"and after {LONGER} passes",
        "trial_seed": TRIAL_SEED,
        "seeds": list(SEEDS),
        "passes": [20, LONGER],
        "activations": found,
    }
    print(records.write("small_race", payload))


if __name__ == "__main__":
    main()
