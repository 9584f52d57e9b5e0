"""Measure linear classifiers on the real MNIST and CIFAR-10 photographs.

    python benchmarks/linear_accuracy.py

For each data set and each loss: choose the learning rate and the regularisation with
short trainings on a part of the training images, judged by another part; then train
on all training images with several seeds, and only then look at the test images.
Stores ``benchmarks/results/linear_accuracy.json``, with the templates of one more, more
strongly regularised softmax classifier, which are smoother to look at: our own weights
as 8-bit numbers, no picture of any data set.
Needs the data sets; see ``data/README.md``.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from base64 import b64encode

import numpy as np

from cnnlab import data, linear, plots
from cnnlab.course import records

NAMES = ("mnist", ("cifar10", "cifar10-jpeg"))  # either form of CIFAR-10 will do
RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
REGS = (0.0, 0.001, 0.01, 0.1)
SEARCH_IMAGES, HELD_OUT_IMAGES = 10_000, 5_000
SMOOTH = {"learning_rate": 0.01, "reg": 0.1, "epochs": 5}  # of the stored templates
SEARCH_EPOCHS, EPOCHS, BATCH, SEEDS = 5, 10, 128, 5


def load(names, split: str) -> data.Dataset:
    """Load the first of ``names`` that is there."""
    names = (names,) if isinstance(names, str) else names
    for name in names[:-1]:
        try:
            return data.load(name, split)
        except data.DataError:
            continue
    return data.load(names[-1], split)


def rows(images: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Return pixels in [0, 1] less the training mean: float32 (N, D)."""
    x = data.flatten(data.as_float(images))
    x -= mean
    return x


def search(x, y, loss: str) -> np.ndarray:
    """Return held-out accuracies (rates, regs), one short training each."""
    order, _ = data.split_indices(len(x), (1, 0), seed=0)
    train, held = np.split(order[: SEARCH_IMAGES + HELD_OUT_IMAGES], [SEARCH_IMAGES])
    x_train, y_train, x_held, y_held = x[train], y[train], x[held], y[held]
    grid = np.zeros((len(RATES), len(REGS)))
    for (i, j), _ in np.ndenumerate(grid):
        w, b, _ = linear.train(
            x_train, y_train, 10, loss, RATES[i], REGS[j], SEARCH_EPOCHS, BATCH
        )
        grid[i, j] = linear.accuracy(linear.predict(x_held, w, b), y_held)
    return grid


def measure(x, y, x_test, y_test, loss: str) -> dict:
    """Choose on held-out images, train on all, and only then test."""
    grid = search(x, y, loss)
    i, j = np.unravel_index(grid.argmax(), grid.shape)
    train_accuracy, test_accuracy = [], []
    for seed in range(SEEDS):
        w, b, _ = linear.train(
            x, y, 10, loss, RATES[i], REGS[j], EPOCHS, BATCH, seed, EPOCHS
        )
        guess = linear.predict(x_test, w, b)
        test_accuracy.append(linear.accuracy(guess, y_test))
        train_accuracy.append(linear.accuracy(linear.predict(x, w, b), y))
        if seed == 0:
            confusion = np.zeros((10, 10), int)
            np.add.at(confusion, (y_test, guess), 1)
    result = {
        "learning_rate": RATES[i],
        "reg": REGS[j],
        "held_out_accuracy": grid.round(4).tolist(),
        "test_accuracy": np.round(test_accuracy, 4).tolist(),
        "train_accuracy": np.round(train_accuracy, 4).tolist(),
        "confusion_seed_0": confusion.tolist(),
    }
    print(f"  {loss}: {np.mean(test_accuracy):.4f} +- {np.std(test_accuracy):.4f}")
    return result


def templates(x, y, x_test, y_test, shape) -> dict:
    """Return smooth templates as pictures in text form, and how good they are."""
    w, b, _ = linear.train(x, y, 10, "softmax", batch_size=BATCH, **SMOOTH)
    pictures = plots.template_images(w, shape)
    return {
        **SMOOTH,
        "test_accuracy": linear.accuracy(linear.predict(x_test, w, b), y_test),
        "shape": list(pictures.shape),
        "uint8_base64": b64encode(pictures.tobytes()).decode(),
    }


def main() -> None:
    results = {}
    for names in NAMES:
        train = load(names, "train")
        print(train)
        mean = data.flatten(data.as_float(train.images)).mean(axis=0)
        x, y = rows(train.images, mean), train.labels
        test = load(names, "test")
        x_test, y_test = rows(test.images, mean), test.labels
        entry = {"name": train.name, "classes": list(train.classes)}
        entry |= {"train_images": len(x), "test_images": len(x_test)}
        for loss in linear.LOSSES:
            entry[loss] = measure(x, y, x_test, y_test, loss)
        shape = train.images.shape[1:]
        entry["templates"] = templates(x, y, x_test, y_test, shape)
        results["mnist" if train.name == "mnist" else "cifar10"] = entry
    settings = {
        "epochs": EPOCHS, "search_epochs": SEARCH_EPOCHS, "batch_size": BATCH,
        "seeds": SEEDS, "search_images": SEARCH_IMAGES,
        "held_out_images": HELD_OUT_IMAGES,
        "learning_rates": RATES, "regs": REGS,
        "pixels": "in [0, 1], less the mean training image",
    }  # fmt: skip
    records.write("linear_accuracy", {"settings": settings, "results": results})


if __name__ == "__main__":
    main()
