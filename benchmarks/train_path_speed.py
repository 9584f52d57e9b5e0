"""Where the time of training goes: data, arithmetic, both together, and the limit.

    python benchmarks/train_path_speed.py [STORE] [--net NAME] [--crop N] [--batch N]

Four rates of one network, taking turns in one process, in images a second:
*data*: batches read, copied to the device and augmented, no network;
*compute*: the loop's own step on one batch that stays on the device;
*end to end*: the real loop, ``train.fit``;
*roofline*: closed-form FLOPs at the rate of a large matrix product, measured here.
On a CPU the CIFAR-size AlexNet, on a GPU the two-tower network of 2012 at 224 pixels.
Without STORE photographs are packed first. ``--stream`` keeps the images in host
memory as a large set must be, even if they would fit on the GPU.
"""

import argparse
import tempfile
from pathlib import Path
from unittest import mock

import _photographs as photographs
import _turns
import torch

from cnnlab import nets, packed
from cnnlab.packed import reader
from cnnlab.train import compute, loop, parallel

TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def training_flops(net) -> int:
    """Return the floating-point operations of one image's training step.

    Two for a multiply-accumulate, of which forward pass, gradient of the weights and
    gradient of the input need one set each; the first layer needs no gradient of its
    input. Element-wise work counts as nothing.
    """
    macs = [layer.macs for layer in nets.walk(net) if layer.macs]
    return 6 * sum(macs) - 2 * macs[0]


def matmul(side: int, kind: torch.dtype, device):
    """Return a step: the product of two (side, side) matrices of normal numbers."""
    a, b = (torch.randn(side, side, device=device).to(kind) for _ in range(2))
    return lambda: a @ b


def batches(part, state, step, device):
    """Yield (x, labels) for ever, as the loop reads and augments them."""
    batch = min(state.preset.batch, len(part))
    rows = loop._rows(len(part), state.preset.seed, batch, len(part) // batch, 0)
    with packed.Feeder(part, rows, device) as feeder:
        for images, labels, indices in feeder:
            yield step.see(images, indices, 0), labels


def measure(pair, preset, device, rounds: int, steps: int, side: int) -> dict:
    """Return rates, FLOPs and verdicts of one network on one device."""
    known = _turns.few_statistics(preset, pair[0])
    state = _turns.new_state(preset, pair, device, known=known)
    state.precision = compute.choose_precision(state)
    batch = min(preset.batch, len(pair[0]))
    update = _turns.step_of(state, batch, device)
    rates = _turns.no_rates(state, device)
    feed = batches(pair[0], state, update, device)
    x, labels = (value.clone() for value in next(feed))
    works = {
        "data": lambda: next(feed),
        "compute": lambda: update(x, labels, rates),
        "matmul": matmul(side, TYPES[state.precision], device),
    }
    state.net.train()

    def say(name: str, rate: float) -> None:
        told = f"{2 * side**3 * rate / 1e12:,.2f} TFLOP/s"
        told = told if name == "matmul" else f"{rate * batch:,.0f} images/s"
        print(f"  {name}: {told}", flush=True)

    for name, work in works.items():
        say(name, _turns.rate(work, 1, 9, device))  # compiles, records, fills caches
    fixed = preset.change(precision=state.precision)
    with _turns.knowing(known):
        found, lines = _turns.beside_fit(
            fixed, pair, works, rounds, steps, device=str(device), least=0.3, say=say
        )
    feed.close()
    flops, peak = training_flops(state.net), 2 * side**3 * max(found.pop("matmul"))
    rows = _turns.table(found, batch)
    rows["roofline"] = {"rounds": [peak / flops], "median": peak / flops}
    rows["roofline"]["most"] = peak / flops
    slower = [min(both) for both in zip(found["data"], found["compute"], strict=True)]
    return {
        "precision": state.precision,
        "batch": batch,
        "flops_per_image": flops,
        "matmul_side": side,
        "peak_flops_per_s": peak,
        "images_per_s": rows,
        "end_to_end_of_slower_part": _turns.ratio(found["end to end"], slower),
        "compute_of_roofline": round(rows["compute"]["median"] * flops / peak, 3),
        "waited": [round(line["waited"], 4) for line in lines[1::2]],
    }


def main(arguments=None) -> dict:
    options = parser().parse_args(arguments)
    device = parallel.choose_device(options.device)
    gpu = device.type == "cuda"
    preset = _turns.LARGE if gpu else _turns.SMALL
    preset = preset.change(**given(options))
    steps = options.steps or (100 if gpu else 10)
    side = options.side or (8192 if gpu else 2048)
    with tempfile.TemporaryDirectory() as folder:
        place = options.store or prepared(Path(folder), preset, options.images, gpu)
        streamed = mock.patch.object(reader, "_fits", lambda *_: False)
        with streamed if options.stream else mock.MagicMock():
            pair = photographs.opened(place)
            rounds = options.rounds or (2 if gpu else 5)
            row = measure(pair, preset, device, rounds, steps, side)
    row |= {"net": preset.net, "options": preset.options, "crop": preset.crop}
    row |= {"stored": list(pair[0].images.shape), "steps_a_block": steps}
    row |= {"streamed": options.stream or not gpu}
    report(row)
    ending = "_stream" if options.stream else ""
    _turns.store(options.record + ending, device, row)
    return row


def given(options) -> dict:
    """Return the fields of the recipe that the command line changes."""
    fields = {name: getattr(options, name) for name in ("net", "crop", "batch")}
    fields |= {"precision": options.precision}
    return {name: value for name, value in fields.items() if value is not None}


def prepared(folder: Path, preset, images: int | None, gpu: bool) -> Path:
    """Pack photographs into a temporary store; on a GPU enough for long epochs."""
    size = photographs.LARGE if preset.store > 64 else photographs.SMALL
    count = images or (24_576 if gpu else 4_096)
    tree = photographs.write_tree(folder / "some", min(count, 1_200), size)
    tree = photographs.at_least(tree, count, folder / "tree")
    packed.pack(tree, folder / "store", size=preset.store, progress=False)
    return folder / "store"


def report(row: dict) -> None:
    print(f"{row['net']}, batch {row['batch']}, {row['crop']} pixels: "
          f"{row['flops_per_image'] / 1e9:.3f} GFLOP an image, matrix product "
          f"{row['peak_flops_per_s'] / 1e12:.2f} TFLOP/s, "
          f"{row['precision']}")  # fmt: skip
    _turns.print_rates(row["images_per_s"])
    share = row["end_to_end_of_slower_part"]["median"]
    print(f"end to end / min(data, compute) = {share:.3f} (goal 0.9)")
    print(f"compute / roofline = {row['compute_of_roofline']:.3f} (goal on H200 0.4)")


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    made.add_argument("store", nargs="?", help="a packed store")
    made.add_argument("--net", choices=nets.NAMES)
    made.add_argument("--crop", type=int)
    made.add_argument("--batch", type=int)
    made.add_argument("--device", default="auto")
    made.add_argument("--precision", default="auto", choices=("auto", *TYPES))
    made.add_argument("--rounds", type=int, help="5, on a GPU 2")
    made.add_argument("--steps", type=int, help="of one block")
    made.add_argument("--images", type=int, help="of the store packed without STORE")
    made.add_argument("--side", type=int, help="of the matrices")
    made.add_argument("--stream", action="store_true")
    made.add_argument("--record", default="train_path_speed")
    return made


if __name__ == "__main__":
    main()
