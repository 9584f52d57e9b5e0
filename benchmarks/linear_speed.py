"""How fast the losses of a linear classifier and their gradients are.

    python benchmarks/linear_speed.py

Loss and gradient of CIFAR-sized examples (3,072 numbers, 10 classes, float32,
regularised), 500 of them as in a training step and 10,000 as in a test set, against
the loops of the definition and against PyTorch's automatic differentiation. The
values agree, or the script stops.
"""

import argparse

import numpy as np
from _race import load, print_table, race, summary

from cnnlab import linear
from cnnlab.course import records

SIZES, BASE = (500, 10_000), "PyTorch autograd"
here = {}  # what this process works on


def setup(name: str, n: int, loss: str) -> None:
    """Draw the same problem in every process, and warm up."""
    rng = np.random.default_rng(0)
    x = rng.random((n, 3072), dtype=np.float32) - np.float32(0.5)
    w = rng.normal(0, 0.01, (10, 3072)).astype(np.float32)
    b, y = np.zeros(10, dtype=np.float32), rng.integers(0, 10, n)
    here["repeats"] = 20_000 // n  # enough work for the clock
    here["problem"] = (x, y, w, b, loss, 1e-3)
    if name == BASE:
        import torch

        here["tensors"] = [torch.from_numpy(a) for a in (x, y, w, b)]
        autograd()
    elif name == "cnnlab":
        vectorised()


def vectorised():
    for _ in range(here["repeats"]):
        result = linear.dataset_loss(*here["problem"])
    return result


def loops():
    return linear.dataset_loss_loops(*here["problem"])


def autograd():
    import torch.nn.functional as functional

    loss, reg = here["problem"][4:]
    x, y, w, b = here["tensors"]
    for _ in range(here["repeats"]):
        w, b = (v.detach().requires_grad_() for v in (w, b))
        s = functional.linear(x, w, b)
        if loss == "softmax":
            value = functional.cross_entropy(s, y)
        else:
            value = functional.multi_margin_loss(s, y) * s.shape[1]
        value = value + reg * (w**2).sum()
        value.backward()
    return value.item(), w.grad.numpy(), b.grad.numpy()


def measure(n: int, loss: str, rounds: int) -> dict:
    """Race on one problem, check that all agree, and print and return the times."""
    contestants = {BASE: autograd, "cnnlab": vectorised, "loops": loops}
    seconds, results = race(contestants, setup, (n, loss), rounds)
    for name in (BASE, "cnnlab"):
        seconds[name] = [s * n / 20_000 for s in seconds[name]]
    for name in (BASE, "loops"):
        for ours, other in zip(results["cnnlab"], results[name], strict=True):
            np.testing.assert_allclose(ours, other, rtol=1e-3, atol=1e-5)
    rows = summary(seconds, BASE)
    print(f"\n{loss} loss and gradient, {n} x 3072 float32")
    print_table(rows, BASE)
    speedup = rows["loops"]["least"] / rows["cnnlab"]["least"]
    print(f"cnnlab is {speedup:.0f} times as fast as the loops")
    return {**rows, "cnnlab_against_loops": round(speedup, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    payload = {"columns": 3072, "classes": 10, "rounds": rounds, "base": BASE}
    payload["load_average"] = [load()]
    for loss in linear.LOSSES:
        payload[loss] = {str(n): measure(n, loss, rounds) for n in SIZES}
    payload["load_average"].append(load())
    print(records.write("linear_speed", payload))


if __name__ == "__main__":
    main()
