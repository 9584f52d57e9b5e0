"""One process and two by `torchrun`: do they train the same network?

    python benchmarks/two_processes.py

The small two-tower network of notebook 13 takes the same steps twice, on the CPU:
alone, and shared by two processes, each with half of every batch. Without dropout,
whose random numbers each process draws for itself.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cnnlab.course import records
from cnnlab.train import checkpoints

STEPS, BATCH = 12, 32
RECIPE = (
    "--preset", "krizhevsky2012", "--data", "patches", "--crop", "24",
    "--batch", str(BATCH), "--lr", "0.02", "--chunk", "1",
    "--init", "he", "--unit", "--mean", "channel", "--precision", "fp32",
    "--device", "cpu",
    "--options", "width=0.1", "hidden=32", "dropout=0",
)  # fmt: skip
ALONE = ("-m", "cnnlab.train")
SHARED = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")


def trained(start, out: Path, steps: int = STEPS) -> tuple[dict, float]:
    """Return the last checkpoint of a training, and the seconds of its process."""
    begun = time.perf_counter()
    more = ("--steps", str(steps), "--out", str(out))
    command = [sys.executable, *start, *RECIPE, *more]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return checkpoints.newest(out)[1], time.perf_counter() - begun


def apart(one: dict, other: dict) -> float:
    """Return by how much the weights of two checkpoints differ at most."""
    pairs = zip(one["net"].values(), other["net"].values(), strict=True)
    most = max((a.double() - b.double()).abs().max().item() for a, b in pairs)
    return float(f"{most:.3g}")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        one, alone = trained(ALONE, Path(folder) / "one")
        two, shared = trained((*SHARED, *ALONE), Path(folder) / "two")
        early, _ = trained(ALONE, Path(folder) / "early", STEPS - 1)
    payload = {
        "steps": [one["step"], two["step"]],
        "batch": BATCH,
        "weights": sum(w.numel() for w in one["net"].values()),
        "largest_difference": apart(one, two),
        "last_step": apart(one, early),
        "shared_command": "torchrun --nproc-per-node 2 -m cnnlab.train ...",
    }
    print(records.write("two_processes", payload), f"{alone:.1f} s, {shared:.1f} s")


if __name__ == "__main__":
    main()
