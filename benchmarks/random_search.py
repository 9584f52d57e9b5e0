"""How good is a random search of twenty trainings? It sets a bar in notebook 04.

    python benchmarks/random_search.py

Trains a linear classifier on digits with 300 random settings, once each. A search
draws 20 of them and keeps the best; that one is trained five times more, with new
orders of the images, and scored by their mean. 200 searches.
Stores ``benchmarks/results/random_search.json``.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np

from cnnlab import checks, landscapes
from cnnlab.course import records

POOL, SEARCHES, TRAININGS, SEEDS = 300, 200, 20, range(1, 6)


def setting(rng) -> tuple:
    """Draw (rate, momentum, decay, size) from all that could be meant."""
    momentum = float(rng.choice([0, 0.5, 0.9, 0.99]))
    rate, decay = 10 ** rng.uniform(-4, 1), 10 ** rng.uniform(-6, -1)
    return rate, momentum, decay, int(round(2 ** rng.uniform(3, 9)))


def main() -> None:
    rng = np.random.default_rng(0)
    pool = [setting(rng) for _ in range(POOL)]
    once = np.array([landscapes.digits_training(*one) for one in pool])
    found, apparent, anew = [], [], {}
    for _ in range(SEARCHES):
        drawn = rng.choice(POOL, TRAININGS, replace=False)
        best = int(drawn[once[drawn].argmax()])
        if best not in anew:
            runs = [landscapes.digits_training(*pool[best], seed=s) for s in SEEDS]
            anew[best] = float(np.mean(runs))
        found.append(anew[best])
        apparent.append(float(once[best]))
    bar = checks.EXERCISES["twenty_trainings"].bar
    results = {
        "bar": bar,
        "share_of_searches_that_reach_it": float(np.mean(np.array(found) >= bar)),
        "median_score": float(np.median(found)),
        "median_of_the_best_training": float(np.median(apparent)),
        "share_better_once_than_anew": float(np.mean(np.array(apparent) > found)),
        "mean_lost_anew": float(np.mean(np.array(apparent) - found)),
        "median_of_one_random_setting": float(np.median(once)),
    }
    print(results)
    settings = {"pool": POOL, "searches": SEARCHES, "trainings": TRAININGS,
                "seeds": list(SEEDS), "rate": "1e-4 to 10", "decay": "1e-6 to 0.1",
                "momentum": [0, 0.5, 0.9, 0.99], "size": "8 to 512"}  # fmt: skip
    records.write("random_search", {"settings": settings, "results": results})


if __name__ == "__main__":
    main()
