"""Accuracy of nearest neighbours on digits, scenes, MNIST and CIFAR-10.

    python benchmarks/knn_accuracy.py

Three tables are stored as ``benchmarks/results/knn_accuracy.json``:

- ``validation``: L1 and L2 at every k; remembered and asked images are drawn from
  the training part alone, one draw a seed, the same draw for both distances.
- ``memory``: L2 and one neighbour, with more and more images remembered.
- ``exam``: all training images remembered, L2, and all test images asked, once: at
  the one k that was best on a held-out tenth of the training part. No test image is
  asked at any other k. (The exam of the digits is taken in notebook 02.)

Data sets that are not on this computer are named and left out. About seven minutes
on one core.
"""

import argparse
import time

import numpy as np

from cnnlab import data, neighbors
from cnnlab.course import records

KS = (1, 3, 5, 10, 20, 50)
SEEDS = (0, 1, 2, 3, 4)
SIZES = {"digits": (1000, 300)}  # remembered and asked, for the choice of k
USUAL = (5000, 1000)
MEMORY = (10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 50_000)
SEVERITY = 0.5  # of the scenes; at 0.3 they are solved
SETS = (("digits",), ("scenes",), ("mnist",), ("cifar10", "cifar10-jpeg"))
EXAMS = ("scenes", "mnist", "cifar10", "cifar10-jpeg")


def load(names: tuple[str, ...], split: str):
    """Return one split of the first of ``names`` found here, or None."""
    for name in names:
        try:
            if name == "scenes":  # generated, so as many as wanted
                n = {"train": 10_000, "test": 2_000}[split]
                return data.load(name, split, n=n, severity=SEVERITY)
            return data.load(name, split)
        except data.DataError as error:
            print(error)
    return None


def draw(dataset, sizes, seed: int):
    """Return disjoint random parts, each as flat images and their labels."""
    order = np.random.default_rng(seed).permutation(len(dataset))[: sum(sizes)]
    parts = np.split(order, np.cumsum(sizes)[:-1])
    return [(data.flatten(dataset.images[p]), dataset.labels[p]) for p in parts]


def accuracies(known, asked, metric: str, ks=KS) -> list[float]:
    """Return the accuracy of (x, y) ``asked`` with ``known`` remembered, every k."""
    (x, y), (queries, labels) = known, asked
    indices, _ = neighbors.nearest(queries, x, max(ks), metric, engine="numpy")
    votes = [neighbors.vote(y[indices[:, :k]], int(y.max()) + 1) for k in ks]
    return [round(float(np.mean(chosen == labels)), 5) for chosen in votes]


def summary(runs) -> dict:
    """Return the runs, one row a seed, with their mean and standard deviation."""
    return {
        "runs": runs,
        "mean": np.mean(runs, axis=0).round(5).tolist(),
        "sd": np.std(runs, axis=0, ddof=1).round(5).tolist(),
    }


def on_validation(train, metric: str) -> dict:
    """Return validation accuracies for every k, one draw a seed."""
    sizes = SIZES.get(train.name, USUAL)
    runs = [accuracies(*draw(train, sizes, seed), metric) for seed in SEEDS]
    return {
        "dataset": train.name,
        "metric": metric,
        "n_train": sizes[0],
        "n_val": sizes[1],
        "seeds": len(SEEDS),
        **summary(runs),
    }


def by_memory(train) -> dict:
    """Return validation accuracies of the nearest neighbour as memory grows."""
    n_val = SIZES.get(train.name, USUAL)[1]
    sizes = [n for n in MEMORY if n <= len(train) - n_val]
    if sizes[-1] < 0.8 * (len(train) - n_val):
        sizes.append(len(train) - n_val)
    runs = []
    for seed in SEEDS:
        asked, (x, y) = draw(train, (n_val, sizes[-1]), seed)
        runs.append([accuracies((x[:n], y[:n]), asked, "l2", (1,))[0] for n in sizes])
    return {
        "dataset": train.name,
        "metric": "l2",
        "k": 1,
        "n_train": sizes,
        "n_val": n_val,
        "seeds": len(SEEDS),
        **summary(runs),
    }


def exam(train, test) -> dict:
    """Return k, chosen on a held-out tenth, and the accuracy of one test at that k."""
    known, held = train.hold_out(0.1)
    rows = [(data.flatten(part.images), part.labels) for part in (known, held)]
    on_held = accuracies(*rows, "l2")
    k = KS[int(np.argmax(on_held))]
    whole, asked = [(data.flatten(part.images), part.labels) for part in (train, test)]
    p = accuracies(whole, asked, "l2", (k,))[0]
    return {
        "dataset": train.name,
        "metric": "l2",
        "n_train": len(train),
        "n_test": len(test),
        "chosen_k": k,
        "chosen_on": {"n_val": len(held), "accuracy": on_held},
        "accuracy": p,
        "standard_error": round(float(np.sqrt(p * (1 - p) / len(test))), 5),
    }


def report(row: dict, text: str, start: float) -> None:
    """Print one row of a table."""
    size = row["n_train"] if isinstance(row["n_train"], int) else row["n_train"][-1]
    seconds = time.perf_counter() - start
    head = f"{row['dataset']:>12} {row['metric']} {size:>6}"
    print(f"{head}  {text}  ({seconds:.0f} s)", flush=True)


def in_percent(row: dict) -> str:
    pairs = zip(row["mean"], row["sd"], strict=True)
    return "  ".join(f"{100 * a:5.1f} ±{100 * s:4.1f}" for a, s in pairs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dry-run", action="store_true", help="store nothing")
    options = parser.parse_args()
    tables = {"validation": [], "memory": [], "exam": []}
    sources = {}
    for names in SETS:
        if (train := load(names, "train")) is None:
            continue
        sources[train.name] = train.source
        for metric in ("l2", "l1"):
            start = time.perf_counter()
            tables["validation"].append(row := on_validation(train, metric))
            report(row, in_percent(row), start)
        start = time.perf_counter()
        tables["memory"].append(row := by_memory(train))
        report(row, in_percent(row), start)
        if train.name in EXAMS:
            start = time.perf_counter()
            tables["exam"].append(row := exam(train, load((train.name,), "test")))
            text = f"k = {row['chosen_k']}: {100 * row['accuracy']:.2f} %"
            report(row, text, start)
    if not options.dry_run:
        records.write(
            "knn_accuracy",
            {"ks": list(KS), **tables, "sources": sources, "severity": SEVERITY},
            command="python benchmarks/knn_accuracy.py",
        )


if __name__ == "__main__":
    main()
