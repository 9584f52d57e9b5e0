"""Race one image, batches of 64 and all images a step on the real MNIST, at equal work.

    python benchmarks/batch_race.py

A linear classifier with the softmax loss and a price of 0.0015 times the squared
weights starts at zero and sees 55,000 training images twice. Each batch size gets the
best of several learning rates (lowest mean loss after the first and the second epoch),
then three new orders of the images. 5,000 other training images are held out; the test
images are not touched. Stores ``benchmarks/results/batch_race.json``.
Needs MNIST; see ``data/README.md``.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np

from cnnlab import data, linear, ops, optim
from cnnlab.course import records

PRICE, EPOCHS, SEEDS, HELD_OUT = 0.003, 2, (1, 2, 3), 5000
RATES = {"all": (1.0, 2.0, 3.0, 4.0, 5.0), "64": (0.03, 0.1, 0.3, 1.0),
         "1": (0.001, 0.003, 0.01)}  # fmt: skip


def gradient(w, x, y):
    """Return the gradient of the mean loss of some images: (K, D)."""
    s = x @ w.T
    ds = np.exp(s - s.max(axis=1, keepdims=True))
    ds /= ds.sum(axis=1, keepdims=True)
    ds[np.arange(len(y)), y] -= 1
    return ds.T @ x / np.float32(len(y)) + np.float32(PRICE) * w


def run(known, held_out, size: int, rate: float, seed: int):
    """Return (loss, share of wrong held-out images) after every epoch."""
    (x, y), (x_held, y_held) = known, held_out
    rng, found = np.random.default_rng(seed), []
    w = np.zeros((10, x.shape[1]), np.float32)
    for _ in range(EPOCHS):
        for batch in optim.minibatches(len(x), size, rng):
            if size == len(x):
                batch = slice(None)
            w = w - np.float32(rate) * gradient(w, x[batch], y[batch])
        loss = ops.cross_entropy(x @ w.T, y) + PRICE / 2 * float(np.sum(w * w))
        wrong = 1 - linear.accuracy(linear.predict(x_held, w), y_held)
        found.append((float(loss), float(wrong)))
    return found


def main() -> None:
    train = data.load("mnist", "train")
    order, _ = data.split_indices(len(train.images), (1, 0), seed=0)
    mean = data.as_float(train.images).mean(axis=0)
    x = linear.append_one(data.flatten(data.as_float(train.images) - mean))
    held, rest = order[:HELD_OUT], order[HELD_OUT:]
    known, held_out = (x[rest], train.labels[rest]), (x[held], train.labels[held])
    results = {}
    for name, rates in RATES.items():
        size = len(rest) if name == "all" else int(name)
        losses = {}
        for rate in rates:
            found = run(known, held_out, size, rate, 0)
            losses[rate] = float(np.mean([loss for loss, _ in found]))
        best = min(losses, key=losses.get)
        runs = np.array([run(known, held_out, size, best, seed) for seed in SEEDS])
        results[name] = {
            "losses_by_rate": {str(r): round(v, 4) for r, v in losses.items()},
            "rate": best,
            "loss": runs[:, :, 0].round(4).tolist(),  # seeds, epochs
            "held_out_wrong": runs[:, :, 1].round(4).tolist(),
        }
        print(name, best, losses, runs.mean(axis=0).round(4).tolist())
    settings = {"epochs": EPOCHS, "price": PRICE, "seeds": SEEDS, "rates": RATES,
                "training_images": len(rest), "held_out_images": HELD_OUT}  # fmt: skip
    records.write("batch_race", {"settings": settings, "results": results})


if __name__ == "__main__":
    main()
