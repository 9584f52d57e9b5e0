"""Whether training grows in memory: 1,000 steps after a warm-up.

    python benchmarks/train_memory.py

A narrow AlexNet trains on a packed store of photographs, with logs, checkpoints and
validation, through many epochs. The resident memory of the process is noted at every
interval; a straight line through the notes says how much a step adds.
"""

import argparse
import os
import subprocess
import tempfile
from pathlib import Path

import _photographs as photographs
import _turns
import numpy as np
import torch

from cnnlab import packed, train
from cnnlab.train import parallel

INTERVAL = 25  # steps between two notes
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def resident_mib() -> float:
    """Return the memory of this process that is in RAM, in MiB."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * PAGE / 2**20
    except OSError:  # macOS
        told = subprocess.check_output(["ps", "-o", "rss=", "-p", str(os.getpid())])
        return int(told) / 2**10


def watch(pair, preset, steps: int, warm: int, device, folder: Path) -> dict:
    """Train; return the notes of every interval."""
    notes = {"step": [], "resident_mib": [], "device_mib": []}

    def note(line: dict) -> None:
        notes["step"].append(line["step"])
        notes["resident_mib"].append(round(resident_mib(), 2))
        if device.type == "cuda":
            allocated = torch.cuda.memory_allocated(device) / 2**20
            notes["device_mib"].append(round(allocated, 2))

    train.fit(
        preset, pair, folder / "run", steps=warm + steps, interval=INTERVAL,
        device=str(device), progress=False, on_interval=note,
    )  # fmt: skip
    return notes


def growth(notes: dict, warm: int) -> dict:
    """Return what the notes after the warm-up say."""
    kept = [(s, m) for s, m in zip(notes["step"], notes["resident_mib"], strict=True)
            if s >= warm]  # fmt: skip
    steps, resident = np.array(kept).T
    return {
        "first_mib": float(resident[0]),
        "last_mib": float(resident[-1]),
        "most_mib": float(resident.max()),
        "growth_mib": round(float(resident[-1] - resident[0]), 2),
        "slope_kib_a_step": round(float(np.polyfit(steps, resident, 1)[0]) * 1024, 3),
    }


def host_bytes(part, batch: int, device) -> int:
    """Return what the reader says it holds: its ring of batches."""
    rows = [np.arange(batch)] * 4
    with packed.Feeder(part, rows, device, resident=False) as feeder:
        for _ in feeder:
            pass
        return feeder.host_bytes


def main(arguments=None) -> dict:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--warm", type=int, default=200)
    parser.add_argument("--images", type=int, default=2048)
    options = parser.parse_args(arguments)
    device = parallel.choose_device(options.device)
    preset = _turns.SMALL.change(options={"width": 0.25, "hidden": 128}, batch=64)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tree = photographs.write_tree(
            folder / "tree", options.images, photographs.SMALL
        )
        packed.pack(tree, folder / "store", size=preset.store, progress=False)
        pair = photographs.opened(folder / "store")
        notes = watch(pair, preset, options.steps, options.warm, device, folder)
        held = host_bytes(pair[0], preset.batch, device)
    row = {"steps": options.steps, "warm_up": options.warm, "batch": preset.batch,
           **growth(notes, options.warm), "reader_host_bytes": held,
           "notes": notes}  # fmt: skip
    print(f"resident after {options.warm} steps {row['first_mib']:.1f} MiB, after "
          f"{options.steps} more {row['last_mib']:.1f} MiB: "
          f"{row['slope_kib_a_step']:+.2f} KiB a step")  # fmt: skip
    print(f"of these the reader's ring: {held / 2**20:.2f} MiB")
    _turns.store("train_memory", device, row)
    return row


if __name__ == "__main__":
    main()
