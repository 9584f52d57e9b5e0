"""How hard are the generated scenes? Nearest neighbour against a small network.

    python benchmarks/scenes_difficulty.py            several minutes on two cores
    python benchmarks/scenes_difficulty.py --speed    how fast scenes are drawn

The first stores in ``benchmarks/results/scenes_difficulty.json``:

- 1-nearest-neighbour accuracy (L2) with 2,000 training pictures, all dials together and
  each dial alone, over severities; with 5,000 and 20,000 at severity 1;
- the same when only the test pictures have the dial turned ("new" in the table);
- the accuracy at severity 1 of a network of three convolutions trained on 20,000.

The second stores pictures per second in ``benchmarks/results/scenes_speed.json``.

Training and test pictures come from different seeds. Spread is the standard deviation
over seeds; every seed draws its own training and test pictures.
"""

import argparse
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "2")

import numpy as np

from cnnlab import scenes
from cnnlab.course import records

SEVERITIES = (0.0, 0.25, 0.5, 0.75, 1.0)
SEEDS = (0, 1, 2)
TEST = 1000
NET_TRAIN, NET_EPOCHS, NET_BATCH = 20_000, 8, 128
NET_SEEDS = (0, 1)


def split(severity, train, seed, trained_at=None):
    """Return training and test pictures and labels, drawn from two seeds.

    The training pictures stand at ``trained_at``, by default where the test ones do.
    """
    trained_at = severity if trained_at is None else trained_at
    x, y = scenes.generate(train, seed=2 * seed, severity=trained_at)
    q, t = scenes.generate(TEST, seed=2 * seed + 1, severity=severity)
    return x, y, q, t


def knn_accuracy(x, y, q, t):
    """Return the accuracy of the single nearest neighbour in squared L2 distance."""
    x, q = (np.float32(a.reshape(len(a), -1)) / 255 for a in (x, q))
    scores = np.einsum("nd,nd->n", x, x) - 2 * (q @ x.T)  # + |q|^2, equal in a row
    return float((y[scores.argmin(axis=1)] == t).mean())


def colour_accuracy(x, y, q, t):
    """Return the accuracy of the nearest class by mean colour: does colour tell?"""
    x, q = (a.mean(axis=(2, 3)) for a in (x, q))
    means = np.stack([x[y == k].mean(axis=0) for k in range(len(scenes.CLASSES))])
    return float((((q[:, None] - means) ** 2).sum(2).argmin(axis=1) == t).mean())


def summary(values):
    """Return mean, spread and number of seeds, in per cent."""
    values = 100 * np.asarray(values)
    return {
        "mean": round(float(values.mean()), 1),
        "spread": round(float(values.std(ddof=1)), 1),
        "seeds": len(values),
    }


def over_seeds(measure, severity, train, trained_at=None):
    """Return the summary of ``measure`` over SEEDS."""
    splits = (split(severity, train, seed, trained_at) for seed in SEEDS)
    return summary([measure(*data) for data in splits])


def curve(measure, dial=None, trained_at=None):
    """Return {severity: summary} with 2,000 training pictures."""
    return {
        str(s): over_seeds(measure, {dial: s} if dial else s, 2000, trained_at)
        for s in SEVERITIES
    }


def network():
    """Three convolutions, each halving the picture, and one linear layer."""
    from torch import nn

    def block(inputs, outputs):
        return (
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )

    blocks = (*block(3, 32), *block(32, 64), *block(64, 128))
    return nn.Sequential(*blocks, nn.Flatten(), nn.Linear(128 * 4 * 4, 10))


def network_accuracy(severity, seed):
    """Train on NET_TRAIN pictures; return test accuracy."""
    import torch
    from torch import nn

    torch.manual_seed(seed)
    x, y, q, t = (torch.from_numpy(a) for a in split(severity, NET_TRAIN, seed))
    model = network()
    steps = NET_EPOCHS * (len(x) // NET_BATCH)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    for step in range(steps):
        if step % (len(x) // NET_BATCH) == 0:
            batches = torch.randperm(len(x)).split(NET_BATCH)
        rows = batches[step % (len(x) // NET_BATCH)]
        loss = nn.functional.cross_entropy(model(scaled(x[rows])), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    model.eval()
    with torch.no_grad():
        return float((model(scaled(q)).argmax(1) == t).float().mean())


def scaled(images):
    """uint8 -> float32 in [-0.5, 0.5]."""
    return images.float() / 255 - 0.5


def pictures_per_second(severity, count=2000, repeats=7):
    """Return the best of ``repeats`` rates, per second of processor time.

    Drawing runs on one thread; its processor time equals the clock on a free core and
    does not count the waiting on a busy one.
    """
    scenes.generate(500, severity=severity)
    best = 0.0
    for seed in range(repeats):
        start = time.process_time()
        scenes.generate(count, seed=seed, severity=severity)
        best = max(best, count / (time.process_time() - start))
    return int(round(best, -2))


def measure():
    """Return the whole record."""
    import torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    dials = {dial: curve(knn_accuracy, dial) for dial in scenes.DIALS}
    unseen = {dial: curve(knn_accuracy, dial, 0.0) for dial in scenes.DIALS}
    hard = {str(n): over_seeds(knn_accuracy, 1.0, n) for n in (5000, 20_000)}
    net = summary([network_accuracy(1.0, seed) for seed in NET_SEEDS])
    return {
        "unit": "per cent of test pictures right; spread is a standard deviation",
        "test_pictures": TEST,
        "knn_2000_by_severity": curve(knn_accuracy),
        "knn_2000_by_dial": dials,
        "knn_2000_trained_at_0_by_dial": unseen,
        "mean_colour_by_severity": curve(colour_accuracy),
        "knn_at_1_by_training_pictures": hard,
        "network_at_1": {"training_pictures": NET_TRAIN, "epochs": NET_EPOCHS, **net},
    }


def table(record):
    """Print the record as the README and the notebooks quote it."""
    rows = {
        "1-NN, all dials": record["knn_2000_by_severity"],
        **record["knn_2000_by_dial"],
        **{f"{d}, new": v for d, v in record["knn_2000_trained_at_0_by_dial"].items()},
        "mean colour": record["mean_colour_by_severity"],
    }
    print(f"{'per cent right':19}" + "".join(f"{s:>9}" for s in SEVERITIES))
    for name, row in rows.items():
        print(f"{name:19}" + "".join(f"{row[str(s)]['mean']:9.1f}" for s in SEVERITIES))
    for count, value in record["knn_at_1_by_training_pictures"].items():
        print(f"1-NN at 1, {count} pictures: {value['mean']} +- {value['spread']}")
    net = record["network_at_1"]
    print(f"network at 1, {NET_TRAIN} pictures: {net['mean']} +- {net['spread']}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--speed", action="store_true", help="only the drawing speed")
    if parser.parse_args().speed:
        speed = {str(s): pictures_per_second(s) for s in (0.0, 0.3, 1.0)}
        print("pictures per second of one core, by severity:", speed)
        payload = {"unit": "pictures per second of one core's time", "speed": speed}
        records.write("scenes_speed", {**payload, "repeats": 7, "size": 32})
        return
    record = measure()
    table(record)
    print("stored in", records.write("scenes_difficulty", record).name)


if __name__ == "__main__":
    main()
