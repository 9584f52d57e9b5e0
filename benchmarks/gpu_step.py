"""Where a step of the full two-tower network goes on a GPU, layer by layer.

    python benchmarks/gpu_step.py [--batch 128] [--precision bf16]

One eager step of `krizhevsky2012`'s network on photographs, after three that warm up.
Notebook 13 reads the record `gpu_step`; this script replaces it.
"""

import argparse

import numpy as np
import torch

from cnnlab import data, nets
from cnnlab.course import records
from cnnlab.train import clock


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--precision", default="bf16", choices=["fp32", "bf16"])
    options = parser.parse_args()
    photos = data.load("photos", size=256).images
    images = photos[np.arange(options.batch) % len(photos)]
    net = nets.build("alexnet", within_map_norm=True, inverted_dropout=False)
    net = net.to(device="cuda", memory_format=torch.channels_last)
    update = torch.optim.SGD(net.parameters(), 1e-4, 0.9)
    step = clock.step_of(
        net, images, np.zeros(len(images), np.int64), update, "cuda",
        options.precision, warm=3,
    )  # fmt: skip
    payload = {
        "source": f"measured, torch {torch.__version__}",
        "note": "one eager step, its parts one after the other",
        **as_record(step, options.precision),
        "images_per_s": {"this network": round(step.images_per_s)},
    }
    print(records.write("gpu_step", payload))


def as_record(step, precision: str) -> dict:
    """Return a step as a record holds it; ``recipe.step_from`` reads it back."""
    return {
        "machine": list(step.machine),
        "precision": precision,
        "images": step.images,
        "parts": [list(part) for part in step.parts],
    }


if __name__ == "__main__":
    main()
