"""How far may a digit be shifted? Small networks with and without pooling, over seeds.

    python benchmarks/pool_shift.py            all kinds
    python benchmarks/pool_shift.py KIND ...   these anew, the others as they are

Each network has two convolutions of 3x3 with 8 and 16 filters, ReLU, and one fully
connected layer; they differ in what follows each ReLU. Scikit-learn's digits, enlarged
twice to 16x16 and put into the middle of 24x24 pixels, train all of them alike, until
the mean loss of an epoch is below 0.05 or 40 epochs are over; two kinds are trained on
digits shifted by up to 2 pixels, and one for all 40 epochs, to tell both apart. 287
held-out digits are then shifted by up to 4 pixels to each of four sides; the test
digits are not touched. Stores ``benchmarks/results/pool_shift.json``.
"""

import os
import sys

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch
from torch import nn

from cnnlab import data
from cnnlab.course import records

SIDE, SEEDS, EPOCHS, GOAL, SIZE, RATE = 24, range(4), 40, 0.05, 64, 0.005
FILTERS, FARTHEST, JITTER = (8, 16), 4, 2
WAYS = ((0, 1), (0, -1), (1, 0), (-1, 0))
KINDS = {
    "none": [],
    "max 2, stride 2": [nn.MaxPool2d(2)],
    "max 3, stride 2": [nn.MaxPool2d(3, 2)],
    "average 2, stride 2": [nn.AvgPool2d(2)],
    "every second": [nn.MaxPool2d(1, 2)],
    "max 2, stride 1": [nn.MaxPool2d(2, 1)],
    "max 3, stride 1": [nn.MaxPool2d(3, 1)],
    "max 2, then max of all": [nn.MaxPool2d(2)],
    "none, trained shifted": [],
    "none, as many passes": [],
    "max 3, trained shifted": [nn.MaxPool2d(3, 2)],
}  # fmt: skip


def enlarged(images):
    """Return uint8 digits (N, 1, 8, 8) as floats of twice the size."""
    x = torch.from_numpy(data.as_float(images).astype(np.float32))
    return nn.functional.interpolate(x, scale_factor=2, mode="bilinear")


def placed(x, down: int, right: int):
    """Return digits on an empty field, so far from its middle."""
    out = x.new_zeros(len(x), 1, SIDE, SIDE)
    top, left = (SIDE - x.shape[2]) // 2 + down, (SIDE - x.shape[3]) // 2 + right
    out[:, :, top : top + x.shape[2], left : left + x.shape[3]] = x
    return out


def network(kind: str):
    """Return a network of this kind with fresh weights."""
    pool, (first, second) = KINDS[kind], FILTERS
    last = [nn.AdaptiveMaxPool2d(1)] if kind.endswith("max of all") else []
    net = nn.Sequential(
        nn.Conv2d(1, first, 3, padding=1), nn.ReLU(), *pool,
        nn.Conv2d(first, second, 3, padding=1), nn.ReLU(), *pool,
        *last, nn.Flatten(), nn.LazyLinear(10),
    )  # fmt: skip
    net(torch.zeros(1, 1, SIDE, SIDE))
    return net


def trained(kind: str, x, y, seed: int):
    """Return a network trained to the goal, and the mean loss of every epoch."""
    torch.manual_seed(seed)
    rng, net = np.random.default_rng(seed), network(kind)
    walk = torch.optim.Adam(net.parameters(), RATE)
    far = JITTER if kind.endswith("shifted") else 0
    means, goal = [], 0 if kind.endswith("passes") else GOAL
    while len(means) < EPOCHS and (not means or means[-1] > goal):
        losses, order = [], rng.permutation(len(x))
        for start in range(0, len(x), SIZE):
            batch = order[start : start + SIZE]
            moves = rng.integers(-far, far + 1, (len(batch), 2))
            shown = torch.cat([
                placed(x[n : n + 1], *move)
                for n, move in zip(batch, moves, strict=True)
            ])  # fmt: skip
            walk.zero_grad()
            loss = nn.functional.cross_entropy(net(shown), y[batch])
            loss.backward()
            walk.step()
            losses.append(loss.item())
        means.append(float(np.mean(losses)))
    return net, means


@torch.no_grad()
def curve(net, x, y) -> list[float]:
    """Return the share of digits read rightly at every distance, over four ways."""
    shares = []
    for far in range(FARTHEST + 1):
        right = [
            (net(placed(x, down * far, side * far)).argmax(1) == y).float().mean()
            for down, side in WAYS[: 4 if far else 1]
        ]
        shares.append(round(float(np.mean(right)), 4))
    return shares


def main() -> None:
    known, held = data.load("digits").hold_out(0.2)
    x, y = enlarged(known.images), torch.from_numpy(known.labels)
    x_held, y_held = enlarged(held.images), torch.from_numpy(held.labels)
    results = records.read("pool_shift")["results"] if sys.argv[1:] else {}
    for kind in sys.argv[1:] or KINDS:
        runs = [trained(kind, x, y, seed) for seed in SEEDS]
        results[kind] = {
            "weights": sum(w.numel() for w in runs[0][0].parameters()),
            "epochs": [len(losses) for _, losses in runs],
            "last_loss": [round(losses[-1], 4) for _, losses in runs],
            "right": [curve(net, x_held, y_held) for net, _ in runs],
        }
        mean = np.mean(results[kind]["right"], axis=0).round(3)
        print(kind, results[kind]["weights"], mean, results[kind]["last_loss"],
              results[kind]["epochs"], flush=True)  # fmt: skip
    settings = {
        "side": SIDE, "seeds": len(SEEDS), "most_epochs": EPOCHS, "goal": GOAL,
        "rate": RATE, "batch": SIZE, "filters": FILTERS, "jitter": JITTER,
        "training_images": len(x), "held_out_images": len(x_held),
    }  # fmt: skip
    command = "python benchmarks/pool_shift.py"
    payload = {"settings": settings, "results": results}
    records.write("pool_shift", payload, command)


if __name__ == "__main__":
    main()
