"""How fast a convolution in plain NumPy is, forward and backward, against PyTorch.

    python benchmarks/conv_speed.py

Layers of the size of CIFAR-10's images, batch 64, float32, as many threads as the
environment gives both. Outputs and gradients agree, or the script stops.
"""

import argparse
import os

import numpy as np
from _race import load, print_table, race, summary

from cnnlab.course import records

BASE = "PyTorch"
LAYERS = {  # images' channels and side, filters, window
    "3 to 32 maps of 32 x 32, window 5": (3, 32, 32, 5),
    "32 to 32 maps of 16 x 16, window 5": (32, 16, 32, 5),
    "32 to 32 maps of 32 x 32, window 3": (32, 32, 32, 3),
}
here = {}  # what this process works on


def setup(name: str, channels: int, side: int, filters: int, window: int) -> None:
    """Draw the same numbers in every process, and warm up."""
    rng = np.random.default_rng(0)
    here.update(
        x=rng.standard_normal((64, channels, side, side), np.float32),
        w=rng.standard_normal((filters, channels, window, window), np.float32),
        dout=rng.standard_normal((64, filters, side, side), np.float32),
        padding=window // 2,
    )
    {BASE: theirs, "cnnlab.fast": ours}[name]()


def ours():
    """Run once forwards and backwards; return some of each result."""
    from cnnlab import fast

    x, w, dout, padding = here.values()
    out = fast.conv2d(x, w, padding=padding)
    dx, dw, _ = fast.conv2d_backward(dout, x, w, padding=padding)
    return out[0], dx[0], dw


def theirs():
    """Do the same in PyTorch."""
    import torch

    x, w, dout = (torch.from_numpy(here[name]) for name in ("x", "w", "dout"))
    x.requires_grad_().grad = None
    w.requires_grad_().grad = None
    out = torch.nn.functional.conv2d(x, w, padding=here["padding"])
    out.backward(dout)
    return out[0].detach().numpy(), x.grad[0].numpy(), w.grad.numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    payload = {"dtype": "float32", "batch": 64, "rounds": rounds, "base": BASE}
    payload |= {"threads": threads, "load_average": [load()]}
    for title, layer in LAYERS.items():
        seconds, results = race(
            {BASE: theirs, "cnnlab.fast": ours}, setup, layer, rounds
        )
        pairs = zip(results[BASE], results["cnnlab.fast"], strict=True)
        for one, other in pairs:
            np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-2)
        payload[title] = summary(seconds, BASE)
        print(f"\n{title}")
        print_table(payload[title], BASE)
    payload["load_average"].append(load())
    print(records.write("conv_speed", payload))


if __name__ == "__main__":
    main()
