"""Train LeNet-5 on MNIST with three seeds.

    python benchmarks/lenet_accuracy.py

Stores ``benchmarks/results/lenet_accuracy.json``. Needs MNIST; see ``data/README.md``.
"""

import _runs

from cnnlab.course import records

SEEDS = 3


def main() -> None:
    pair = _runs.load("mnist")
    rows = [_runs.trained("lenet5", pair, seed=seed)[1] for seed in range(SEEDS)]
    payload = {
        "what": "LeNet-5 (61,706 parameters) on MNIST, accuracy on the test images",
        "accuracy": _runs.spread(row["accuracy_1_crop"] for row in rows),
        "minutes": _runs.spread(row["minutes"] for row in rows),
        "runs": rows,
    }
    print(payload["accuracy"], payload["minutes"])
    print(records.write("lenet_accuracy", payload))


if __name__ == "__main__":
    main()
