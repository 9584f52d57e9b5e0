"""How fast local response normalisation is, forwards and backwards on a CPU.

    python benchmarks/lrn_speed.py

The two normalisations of AlexNet at 224 pixels, 16 images, and the first one at 32
pixels, 64 images, in float32, in both layouts in memory, over all maps and in two
towers, against ``nn.LocalResponseNorm`` (which runs once for each tower). Outputs and
gradients agree, or the script stops.
"""

import argparse

import numpy as np
from _race import load, print_table, race, summary

from cnnlab.course import records

BASE = "nn.LocalResponseNorm"
SHAPES = {
    "norm1 at 224 pixels": (16, 96, 55, 55),
    "norm2 at 224 pixels": (16, 256, 27, 27),
    "norm1 at 32 pixels": (64, 96, 32, 32),
}
here = {}  # what this process works on


def setup(name: str, shape: tuple, layout: str, towers: int) -> None:
    """Draw the same activities in every process, and warm up."""
    import torch
    from torch import nn

    from cnnlab import nets

    torch.manual_seed(0)
    layout = getattr(torch, layout)
    x, gradient = (
        torch.randn(shape).mul_(50).contiguous(memory_format=layout) for _ in range(2)
    )
    single = nn.LocalResponseNorm(5, 1e-4, 0.75, 2.0)
    layers = {
        "cnnlab": nets.LocalResponseNorm(groups=towers),
        BASE: single
        if towers == 1
        else lambda x: torch.cat([single(part) for part in x.chunk(towers, 1)], 1),
    }
    here.update(x=x.requires_grad_(), gradient=gradient, layer=layers[name])
    step()


def step():
    """Run once forwards and backwards; return the first image's results."""
    here["x"].grad = None
    y = here["layer"](here["x"])
    y.backward(here["gradient"])
    return y[0].detach().numpy(), here["x"].grad[0].numpy()


def measure(title: str, shape: tuple, layout: str, towers: int, rounds: int) -> dict:
    """Race, check that both agree, print and return the times."""
    contestants = {BASE: step, "cnnlab": step}
    seconds, results = race(contestants, setup, (shape, layout, towers), rounds)
    for ours, theirs in zip(results["cnnlab"], results[BASE], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-3)
    rows = summary(seconds, BASE)
    noun = "tower" if towers == 1 else "towers"
    print(f"\n{title}, {shape}, {layout}, {towers} {noun}")
    print_table(rows, BASE)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    payload = {"dtype": "float32", "rounds": rounds, "base": BASE}
    payload["load_average"] = [load()]
    for title, shape in SHAPES.items():
        payload[title] = {"shape": shape}
        for layout in ("contiguous_format", "channels_last"):
            for towers in (1, 2):
                key = f"{layout}, {towers} tower{'s' * (towers > 1)}"
                rows = measure(title, shape, layout, towers, rounds)
                payload[title][key] = rows
    payload["load_average"].append(load())
    print(records.write("lrn_speed", payload))


if __name__ == "__main__":
    main()
