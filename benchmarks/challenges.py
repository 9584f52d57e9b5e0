"""Accuracy against severity, dial by dial: a hand-written rule and trained networks.

    python benchmarks/challenges.py [--seeds 3]

The question is always "cat or not", half of the pictures are cats, so guessing gives
one half. Two kinds of network see the same number of examples: one kind learns from
pictures with all dials between 0 and 0.8, the other only from pictures at 0.
"""

import argparse

import numpy as np

from cnnlab import challenges, scenes, train
from cnnlab.course import records

SEVERITIES = (0.0, 0.25, 0.5, 0.75, 1.0)
IMAGES = 400
TRAINING = 3000
SEED = 900  # of the test scenes; training uses 100 and following
PANELS = (*scenes.DIALS, "all")
CAT = scenes.CLASSES.index("cat")


def curves(answer) -> dict:
    """Return panel -> accuracies of ``answer(images) -> bool (N,)`` by severity."""
    found = {}
    for dial in PANELS:
        found[dial] = []
        for severity in SEVERITIES:
            turned = severity if dial == "all" else {dial: severity}
            images, truth = challenges.one_against_rest("cat", IMAGES, SEED, turned)
            found[dial].append(float((answer(images) == truth).mean()))
    return found


def network_curves(severities: tuple, seed: int) -> dict:
    """Train one network and return its curves."""
    images, labels = challenges.training_scenes(TRAINING, 100 + seed, severities)
    network = train.on_arrays(images, labels, seed=seed)
    return curves(lambda images: train.predict(network, images) == CAT)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    seeds = parser.parse_args().seeds
    kinds = {"varied": (0, 0.2, 0.4, 0.6, 0.8), "plain": (0,)}
    payload = {
        "question": "cat or not, half of the pictures are cats",
        "images_a_point": IMAGES,
        "test_seed": SEED,
        "training_images": TRAINING,
        "seeds": seeds,
        "severities": SEVERITIES,
        "rule": curves(lambda images: challenges.answers(challenges.is_cat, images)),
    }
    for kind, severities in kinds.items():
        runs = [network_curves(severities, seed) for seed in range(seeds)]
        payload[kind] = {dial: [run[dial] for run in runs] for dial in PANELS}
    for dial in PANELS:
        means = [np.mean(payload[kind][dial], axis=0)[-1] for kind in kinds]
        print(
            f"{dial:<13} at severity 1: rule {payload['rule'][dial][-1]:.2f}, network "
            f"{means[0]:.2f}, network that never saw a dial turned {means[1]:.2f}"
        )
    print(records.write("challenges", payload).name)


if __name__ == "__main__":
    main()
