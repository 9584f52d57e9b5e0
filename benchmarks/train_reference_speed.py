"""Training from JPEG files: the usual PyTorch loop against the course's.

    python benchmarks/train_reference_speed.py [TREE]

The reference is what torchvision's examples do: ImageFolder, PIL transforms, a
DataLoader with worker processes, an nn.Module in float32, torch.optim.SGD, ``item()``
at every step. Ours packs the same files once and trains with ``train.fit``. Network,
initial weights, order of the images, recipe (crop, reflection, normalisation) and
update rule are the same; the crops themselves are other random ones.

*data*: batches as the network takes them, for 1, 2, 4 ... cores, without a network.
"gathered" are ours as bytes, which is all that a processor does when a GPU augments;
"on the device" are augmented and float32 on the device that trains.
*train*: images a second end to end, and the mean loss after equally many images. The
losses must agree within 5 % of ln(classes), the loss of a guess.

TREE has the layout SPLIT/CLASS/image.jpg. Images of at most 64 pixels train the
CIFAR-size AlexNet, larger ones torchvision's at 224 pixels. Without TREE files are
made from photographs: large ones for *data*; for *train* large ones on a GPU and small
ones on a processor.
"""

import argparse
import itertools
import math
import os
import tempfile
import time
from functools import partial
from pathlib import Path

import _photographs as photographs
import _turns
import numpy as np
import torch
from PIL import Image
from torch import nn
from torchvision import datasets, transforms

from cnnlab import augment, nets, packed
from cnnlab.train import loop, parallel, presets

TOLERANCE = 0.05  # of ln(classes)
LARGE = presets.load("torchvision").change(
    init="he", resized=False, batch=128, epochs=100_000, lr=0.002, schedule="constant"
)


def recipe_for(tree: Path) -> presets.Preset:
    """Return the recipe that fits a tree's pictures."""
    first = next(p for p in photographs.split_of(tree).rglob("*") if p.is_file())
    with Image.open(first) as picture:
        side = min(picture.size)
    return _turns.SMALL.change(store=side, crop=side) if side <= 64 else LARGE


def reference_set(tree: Path, preset, statistics_: dict):
    """Return torchvision's data set with the same recipe as ours.

    Padding comes after normalisation: zeros are the mean, as in ``augment``.
    """
    mean, scale = (statistics_[name].flatten().cpu() for name in ("mean", "scale"))
    to_numbers = [
        transforms.ToTensor(),
        transforms.Normalize((mean / 255).tolist(), (1 / scale / 255).tolist()),
    ]
    crop = transforms.RandomCrop(preset.crop, padding=preset.padding or None)
    if preset.padding:
        steps = [*to_numbers, crop, transforms.RandomHorizontalFlip()]
    else:
        size = preset.store
        whole = [transforms.Resize(size), transforms.CenterCrop(size)]
        steps = [*whole, crop, transforms.RandomHorizontalFlip(), *to_numbers]
    return datasets.ImageFolder(photographs.split_of(tree), transforms.Compose(steps))


class Rows(torch.utils.data.Sampler):
    """The order in which ``train.fit`` visits the images, epoch after epoch."""

    def __init__(self, images: int, preset):
        self.images, self.preset = images, preset

    def __iter__(self):
        return (chosen.tolist() for chosen in rows_of(self.images, self.preset))


def rows_of(images: int, preset):
    """Yield the rows of every batch, as ``train.fit`` visits them."""
    return loop._rows(images, preset.seed, preset.batch, images // preset.batch, 0)


def loader(folder, preset, workers: int, device):
    """Return the reference's batches, without end, in our order."""
    return iter(
        torch.utils.data.DataLoader(
            folder, batch_sampler=Rows(len(folder), preset), num_workers=workers,
            pin_memory=device.type == "cuda",
        )
    )  # fmt: skip


# ------------------------------------------------------------------ data


def data_rates(tree: Path, pair, preset, device, options) -> dict:
    """Return images a second of the data paths alone, by number of cores."""
    state = _turns.new_state(preset, pair, device)
    folder = reference_set(tree, preset, state.statistics)
    require_same_order(folder, pair[0])
    kept, rows = torch.get_num_threads(), {}
    for cores in core_counts(options.cores):
        torch.set_num_threads(cores)
        rows[str(cores)] = data_row(folder, pair[0], state, device, cores, options)
    torch.set_num_threads(kept)
    return rows


def core_counts(most: int | None) -> list[int]:
    """Return 1, 2, 4 ... up to the number of usable cores."""
    usable = getattr(os, "sched_getaffinity", lambda _: range(os.cpu_count() or 1))(0)
    most = most or len(usable)
    return sorted({2**n for n in range(most.bit_length()) if 2**n <= most} | {most})


def data_row(folder, part, state, device, cores: int, options) -> dict:
    """Race the data paths on so many cores."""
    preset = state.preset

    def on_device(batch):
        return augment.for_training(batch.images, batch.indices, 0, **state.recipe(0))

    feeds = {
        "reference": theirs(folder, preset, cores, device),
        "gathered": ours(part, preset, device, lambda batch: batch),
        "on the device": ours(part, preset, device, on_device),
    }
    found = {name: [] for name in feeds}
    for round_, name in itertools.product(range(options.rounds + 1), feeds):
        time.sleep(_turns.GAP)
        # What was read ahead while others took their turn must not count.
        steps, warm = (1, 2 * cores + 1) if name == "reference" else (8, 8)
        step = partial(next, feeds[name])
        value = _turns.rate(step, steps, warm, device, options.seconds)
        if round_:  # the first one warms up
            found[name].append(value)
    for feed in feeds.values():
        feed.close()
    table = _turns.table(found, preset.batch)
    print(f"\ndata, {cores} cores")
    _turns.print_rates(table)
    against = {
        name: _turns.ratio(found[name], found["reference"]) for name in list(feeds)[1:]
    }
    for name, row in against.items():
        print(f"{name}: {row['median']:.1f} times as fast as the reference")
    return {"images_per_s": table, "times_as_fast": against}


def theirs(folder, preset, workers: int, device):
    """Yield the reference's batches on the device."""
    for images, labels in loader(folder, preset, workers, device):
        yield tuple(p.to(device, non_blocking=True) for p in (images, labels))


def ours(part, preset, device, finish):
    """Yield what ``finish`` makes of each batch that the course's reader gathers."""
    rows = rows_of(len(part), preset)
    with packed.Feeder(part, rows, device, resident=False) as feeder:
        for batch in feeder:
            yield finish(batch)


def require_same_order(folder, part) -> None:
    """Raise unless image by image both sets hold the same class."""
    if not np.array_equal(np.array(folder.targets), np.asarray(part.labels)):
        raise SystemExit("The store's rows are not those of ImageFolder; pack it anew.")


# ------------------------------------------------------------------ train


def reference(folder, preset, workers: int, device, losses: list):
    """Yield after each step of the usual loop."""
    net = nets.build(
        preset.net, num_classes=len(folder.classes), image_size=preset.crop,
        **preset.options,
    )  # fmt: skip
    nets.initialise(net, preset.init, preset.seed)
    net = net.to(device).train()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(
        net.parameters(), preset.lr, preset.momentum, weight_decay=preset.weight_decay
    )
    for images, labels in theirs(folder, preset, workers, device):
        loss = criterion(net(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        yield


def train_rates(tree: Path, pair, preset, device, options) -> dict:
    """Train both, taking turns; return rates, their ratio and both losses."""
    state = _turns.new_state(preset, pair, device)
    folder = reference_set(tree, preset, state.statistics)
    require_same_order(folder, pair[0])
    workers = core_counts(options.cores)[-1]
    steps = max(options.steps, 2 * workers + 2)  # more than the workers have ready
    losses = []
    running = reference(folder, preset, workers, device, losses)
    found, lines = _turns.beside_fit(
        preset, pair, {"reference": lambda: next(running)}, options.rounds, steps,
        device=str(device), warm=steps,
    )  # fmt: skip
    running.close()
    images = min(preset.batch, len(folder))
    logged = [line["loss"] for line in lines]  # means of ``steps`` steps
    means = {
        "ours": np.reshape(logged, (-1, 2)).mean(axis=1).tolist(),
        "reference": np.reshape(losses, (-1, 2 * steps)).mean(axis=1).tolist(),
    }
    return train_result(found, images, 2 * steps, means, len(folder.classes))


def train_result(found, images: int, steps: int, means: dict, classes: int) -> dict:
    """Print and return rates, their ratio, and means of ``steps`` losses."""
    table = _turns.table(found, images)
    ratio = _turns.ratio(found["end to end"], found["reference"])
    last = {name: round(values[-1], 4) for name, values in means.items()}
    apart = abs(last["ours"] - last["reference"]) / math.log(classes)
    print("\ntrain")
    _turns.print_rates(table)
    print(f"ours is {ratio['median']:.2f} times as fast end to end")
    print(f"loss after {steps * len(means['ours']) * images:,} images: {last}; apart "
          f"{apart:.1%} of ln {classes}")  # fmt: skip
    return {
        "images_per_s": table,
        "times_as_fast": ratio,
        "steps_of_a_mean": steps,
        "mean_losses": {k: [round(x, 4) for x in v] for k, v in means.items()},
        "apart": round(apart, 4),
        "tolerance": TOLERANCE,
        "equal": apart <= TOLERANCE,
    }


# ------------------------------------------------------------------ both


def run_part(name: str, measure, folder: Path, device, options) -> dict:
    """Prepare files and store for one part, and measure it."""
    large = name == "data" or device.type == "cuda"
    tree = Path(options.tree) if options.tree else folder / "made"
    if not options.tree:
        size = photographs.LARGE if large else photographs.SMALL
        photographs.write_tree(tree, options.images, size)
    preset = recipe_for(tree)
    if options.batch:
        preset = preset.change(batch=options.batch)
    tree = photographs.at_least(tree, 20 * preset.batch, folder / "tree")
    report = packed.pack(tree, folder / "store", size=preset.store, progress=False,
                         test_fraction=0.0, workers=options.cores)  # fmt: skip
    pair = photographs.opened(folder / "store")
    row = measure(tree, pair, preset, device, options)
    about = {"net": preset.net, "store": preset.store, "crop": preset.crop,
             "batch": preset.batch, "images": len(pair[0]),
             "pack_seconds": round(report.seconds, 1)}  # fmt: skip
    return {**about, **({"by_cores": row} if name == "data" else row)}


PARTS = {"data": data_rates, "train": train_rates}


def main(arguments=None) -> dict:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tree", nargs="?", help="SPLIT/CLASS/image.jpg")
    parser.add_argument("--part", choices=PARTS, help="one part only")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--cores", type=int, help="at most, and workers of the loader")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=8, help="of a block that trains")
    parser.add_argument("--seconds", type=float, default=2.0, help="of a block of data")
    parser.add_argument("--images", type=int, default=600, help="made without TREE")
    parser.add_argument("--record", default="train_reference_speed")
    options = parser.parse_args(arguments)
    device = parallel.choose_device(options.device)
    pictures = Path(options.tree).name if options.tree else "the course's photographs"
    payload = {"pictures": pictures, "rounds": options.rounds}
    for name in [options.part] if options.part else PARTS:
        with tempfile.TemporaryDirectory() as folder:
            row = run_part(name, PARTS[name], Path(folder), device, options)
            payload[name] = row
    _turns.store(options.record, device, payload)
    return payload


if __name__ == "__main__":
    main()
