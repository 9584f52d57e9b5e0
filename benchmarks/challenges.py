"""What becomes of a rule and of networks while the dials of ``scenes`` are turned.

    python benchmarks/challenges.py [--seeds 3] [--settings 500]

Three answers to "cat or not?", dial by dial (half of the pictures are cats, so guessing
gives one half): the rule with its seven numbers chosen by hand; the same rule with
numbers that 600 examples chose; networks that learned from 3,000 examples. Then, among
ten classes, what networks make of a change that was left out of their examples; and
what they make of lamps if nobody subtracts the mean of each colour for them.
"""

import argparse
from functools import partial

import numpy as np

from cnnlab import challenges, scenes, train
from cnnlab.course import records

SEVERITIES = (0.0, 0.25, 0.5, 0.75, 1.0)
IMAGES = 400
TRAINING = 3000
TUNING = 600  # examples that choose the rule's numbers
SEED = 900  # of the test scenes; training uses 100 and following
PANELS = (*scenes.DIALS, "all")
CAT = scenes.CLASSES.index("cat")
LEFT_OUT = ("illumination", "deformation", "viewpoint", "dark grounds")
RANGES = {  # of the rule's numbers, for the search
    "contrast": (10, 90),
    "least": (0.1, 0.4),
    "most": (0.5, 1.0),
    "level": (0.02, 0.4),
    "near": (0.1, 0.4),
    "far": (0.5, 1.0),
}


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


def tuned(settings: int) -> dict:
    """Return the rule's seven numbers with the best accuracy on 600 varied examples.

    Three quarters of the tries are drawn evenly, the others lie around the best so far.
    """
    rng = np.random.default_rng(0)
    parts = [
        challenges.one_against_rest("cat", TUNING // 5, 100 + part, severity)
        for part, severity in enumerate((0, 0.2, 0.4, 0.6, 0.8))
    ]
    images, truth = (np.concatenate(part) for part in zip(*parts, strict=True))
    best, reached = {}, 0.0
    for number in range(settings):
        if number < 0.75 * settings:
            tried = {k: round(rng.uniform(*ends), 3) for k, ends in RANGES.items()}
            tried["radius"] = int(rng.integers(2, 5))
        else:
            tried = {k: round(best[k] * (1 + 0.15 * rng.normal()), 3) for k in RANGES}
            tried["radius"] = best["radius"]
        rule = partial(challenges.is_cat, **tried)
        right = float((challenges.answers(rule, images) == truth).mean())
        if right > reached:
            best, reached = tried, right
    return best


def examples(left_out: str, seed: int):
    """Return training scenes with all dials up to 0.8 but for one kind of change."""
    dials = [dial for dial in scenes.DIALS if dial != left_out]
    if left_out != "dark grounds":
        return challenges.training_scenes(TRAINING, 100 + seed, dials=dials)
    images, labels = challenges.training_scenes(2 * TRAINING, 100 + seed)
    light = np.flatnonzero(~on_dark(2 * TRAINING, 100 + seed))
    rows = np.random.default_rng(seed).permutation(light)[:TRAINING]
    return images[rows], labels[rows]


def on_dark(n: int, seed: int) -> np.ndarray:
    """Say of each scene whether its ground is dark, whatever the dials do to it."""
    images, _ = scenes.generate(n, seed, 0)
    return np.array([challenges.luminance(one)[0, 0] < 128 for one in images])


def of_ten(network, change: str) -> float:
    """Return a network's accuracy among ten classes on scenes with that change."""
    severity = 0 if change == "dark grounds" else {change: 1.0}
    images, labels = scenes.generate(2 * IMAGES, SEED, severity)
    if change == "dark grounds":
        dark = on_dark(2 * IMAGES, SEED)
        images, labels = images[dark], labels[dark]
    return float((train.predict(network, images) == labels).mean())


def lamps_mean_kept(seeds: int) -> dict:
    """Return accuracies under other lamps of networks that see the colours' means."""
    return {
        name: [
            of_ten(
                train.on_arrays(*examples(left, seed), seed=seed, subtract_mean=False),
                "illumination",
            )
            for seed in range(seeds)
        ]
        for name, left in (("seen", "nothing"), ("unseen", "illumination"))
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--settings", type=int, default=500)
    options = parser.parse_args()
    numbers = tuned(options.settings)
    print("numbers that examples chose:", numbers)
    rules = {"rule": challenges.is_cat, "tuned": partial(challenges.is_cat, **numbers)}
    payload = {
        "question": "cat or not, half of the pictures are cats",
        "images_a_point": IMAGES,
        "test_seed": SEED,
        "training_images": TRAINING,
        "tuning_images": TUNING,
        "tuning_settings": options.settings,
        "tuned_numbers": numbers,
        "seeds": options.seeds,
        "severities": SEVERITIES,
    }
    for name, rule in rules.items():
        payload[name] = curves(partial(challenges.answers, rule))
    runs, seen = [], {change: [] for change in LEFT_OUT}
    unseen = {change: [] for change in LEFT_OUT}
    for seed in range(options.seeds):
        network = train.on_arrays(*examples("nothing", seed), seed=seed)
        runs.append(curves(lambda x, net=network: train.predict(net, x) == CAT))
        for change in LEFT_OUT:
            seen[change].append(of_ten(network, change))
            other = train.on_arrays(*examples(change, seed), seed=seed)
            unseen[change].append(of_ten(other, change))
            print(seed, change, seen[change][-1], unseen[change][-1], flush=True)
    payload["lamps_mean_kept"] = lamps_mean_kept(options.seeds)
    print("lamps, mean colour not subtracted:", payload["lamps_mean_kept"])
    longer = {
        change: of_ten(train.on_arrays(*examples(change, 0), epochs=12), change)
        for change in ("viewpoint", "dark grounds")
    }
    print("with three times as many passes:", longer)
    payload["network"] = {dial: [run[dial] for run in runs] for dial in PANELS}
    payload["ten_classes"] = {
        "seen": seen,
        "unseen": unseen,
        "unseen_longer": longer,
    }
    for dial in PANELS:
        network = np.mean(payload["network"][dial], axis=0)[-1]
        print(
            f"{dial:<13} at severity 1: by hand {payload['rule'][dial][-1]:.2f}, "
            f"tuned {payload['tuned'][dial][-1]:.2f}, networks {network:.2f}"
        )
    print(records.write("challenges", payload).name)


if __name__ == "__main__":
    main()
