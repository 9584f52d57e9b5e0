"""Accuracy of k nearest neighbours on digits, scenes, MNIST and CIFAR-10.

    python benchmarks/knn_accuracy.py

Two tables are stored as ``benchmarks/results/knn_accuracy.json``:

- ``subsets``: L1 and L2 on random parts of each data set, one part a seed; the
  spread is the standard deviation over the seeds.
- ``full``: L2 on the whole data set, where k was chosen by cross-validation on
  training images only; the spread is the binomial standard error of one test.

Data sets that are not on this computer are named and left out.
"""

import argparse
import time

import numpy as np

from cnnlab import data, neighbors
from cnnlab.course import records

KS = (1, 3, 5, 10, 20, 50)
SEEDS = (0, 1, 2, 3, 4)
SIZES = {"digits": (1000, 300), "scenes": (5000, 1000)}  # others as scenes
SEVERITY = 0.5  # of the scenes; at 0.3 they are solved
SETS = (("digits",), ("scenes",), ("mnist",), ("cifar10", "cifar10-jpeg"))


def load(names: tuple[str, ...]):
    """Return (train, test) of the first of ``names`` found here, or None."""
    for name in names:
        try:
            if name == "scenes":  # generated, so as many as wanted
                return (
                    data.load(name, "train", n=10_000, severity=SEVERITY),
                    data.load(name, "test", n=2_000, severity=SEVERITY),
                )
            return data.load(name, "train"), data.load(name, "test")
        except data.DataError as error:
            print(error)
    return None


def some(dataset, n: int, seed: int):
    """Return ``n`` flat images, drawn without repetition, and their labels."""
    rows = np.random.default_rng(seed).permutation(len(dataset))[:n]
    return data.flatten(dataset.images[rows]), dataset.labels[rows]


def accuracies(x, y, x_test, y_test, metric: str, num_classes: int) -> list[float]:
    """Return the test accuracy for every k of ``KS``."""
    indices, _ = neighbors.nearest(x_test, x, max(KS), metric)
    votes = [neighbors.vote(y[indices[:, :k]], num_classes) for k in KS]
    return [round(float(np.mean(chosen == y_test)), 5) for chosen in votes]


def on_subsets(train, test, metric: str) -> dict:
    """Return mean and spread over the seeds, for every k."""
    n, m = SIZES.get(train.name, SIZES["scenes"])
    runs = [
        accuracies(
            *some(train, n, seed), *some(test, m, seed), metric, len(train.classes)
        )
        for seed in SEEDS
    ]
    return {
        "dataset": train.name,
        "metric": metric,
        "n_train": n,
        "n_test": m,
        "seeds": len(SEEDS),
        "runs": runs,
        "mean": np.mean(runs, axis=0).round(5).tolist(),
        "sd": np.std(runs, axis=0, ddof=1).round(5).tolist(),
    }


def on_everything(train, test) -> dict:
    """Return one run over all images, and k from cross-validation on training rows."""
    n = SIZES.get(train.name, SIZES["scenes"])[0]
    x, y = some(train, n, 0)
    folds = neighbors.cross_validate(x, y, KS, num_folds=5, seed=0)
    rows = data.flatten(train.images), train.labels
    found = accuracies(
        *rows, data.flatten(test.images), test.labels, "l2", len(train.classes)
    )
    p = np.array(found)
    return {
        "dataset": train.name,
        "metric": "l2",
        "n_train": len(train),
        "n_test": len(test),
        "seeds": 1,
        "accuracy": found,
        "standard_error": np.sqrt(p * (1 - p) / len(test)).round(5).tolist(),
        "chosen_k": KS[int(folds.mean(axis=1).argmax())],
        "cross_validation": {
            "n": n,
            "num_folds": 5,
            "mean": folds.mean(axis=1).round(5).tolist(),
            "sd": folds.std(axis=1, ddof=1).round(5).tolist(),
        },
    }


def report(row: dict, values: list[float], spread: list[float], seconds: float) -> None:
    """Print one row of the table."""
    cells = "  ".join(
        f"{100 * a:5.1f} ±{100 * s:4.1f}" for a, s in zip(values, spread, strict=True)
    )
    print(
        f"{row['dataset']:>12} {row['metric']} {row['n_train']:>6} x {row['n_test']:<6}"
        f" {cells}  ({seconds:.0f} s)",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dry-run", action="store_true", help="store nothing")
    options = parser.parse_args()
    print("accuracy in %, k =", *KS)
    subsets, full, sources = [], [], {}
    for names in SETS:
        pair = load(names)
        if pair is None:
            continue
        train, test = pair
        sources[train.name] = train.source
        for metric in ("l2", "l1"):
            start = time.perf_counter()
            row = on_subsets(train, test, metric)
            report(row, row["mean"], row["sd"], time.perf_counter() - start)
            subsets.append(row)
        start = time.perf_counter()
        row = on_everything(train, test)
        report(row, row["accuracy"], row["standard_error"], time.perf_counter() - start)
        full.append(row)
    if not options.dry_run:
        records.write(
            "knn_accuracy",
            {
                "ks": list(KS),
                "subsets": subsets,
                "full": full,
                "sources": sources,
                "severity": SEVERITY,
            },
            command="python benchmarks/knn_accuracy.py",
        )


if __name__ == "__main__":
    main()
