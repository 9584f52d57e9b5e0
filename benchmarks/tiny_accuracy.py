"""Train AlexNet's shape on 50 classes of Tiny-ImageNet at 64 pixels.

    python -m cnnlab.packed TREE_OR_ZIP STORE --size 64
    python benchmarks/tiny_accuracy.py STORE

Stores ``benchmarks/results/tiny_accuracy.json``.
"""

import sys

import _runs

from cnnlab import packed
from cnnlab.course import records

PRESET = "tiny-modern"


def main(store: str) -> None:
    pair = packed.open(store, "train"), packed.open(store, "test")
    run, row = _runs.trained(PRESET, pair, crops=(1, 10))
    payload = {
        "what": "Tiny-ImageNet at 64 pixels, accuracy on the validation photographs",
        "dataset": f"{len(pair[0].classes)} classes of Tiny-ImageNet",
        "seeds": 1,
        **row,
    }
    print(run, row["accuracy_1_crop"], row["accuracy5_1_crop"], row["minutes"])
    print(records.write("tiny_accuracy", payload))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python benchmarks/tiny_accuracy.py STORE")
    main(sys.argv[1])
