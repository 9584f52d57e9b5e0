"""Train a CIFAR-size AlexNet, with the ingredients of 2012 and with today's.

    python benchmarks/cifar_accuracy.py cifar2012
    python benchmarks/cifar_accuracy.py cifar-modern

Stores ``benchmarks/results/cifar_accuracy_NAME.json``. Needs CIFAR-10 in either form;
see ``data/README.md``.
"""

import sys

import _runs

from cnnlab.course import records

NAMES = ("cifar2012", "cifar-modern")


def main(name: str) -> None:
    pair = _runs.load("cifar10", "cifar10-jpeg")
    run, row = _runs.trained(name, pair, crops=(1, 10))
    payload = {
        "what": f"CIFAR-size AlexNet, preset {name}, accuracy on the test photographs",
        "dataset": pair[0].name,
        "seeds": 1,
        **row,
    }
    print(run, row["accuracy_1_crop"], row["accuracy_10_crop"], row["minutes"])
    print(records.write(f"cifar_accuracy_{name}", payload))


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in NAMES:
        sys.exit(f"usage: python benchmarks/cifar_accuracy.py {{{','.join(NAMES)}}}")
    main(sys.argv[1])
