"""What the training loop costs beyond a bare PyTorch loop.

    python benchmarks/loop_overhead_speed.py

``train.fit``, with its logs, counts and checks, against the shortest loop that trains
the same network alike: the same rows, augmentation and precision, torch.optim.SGD, no
log. For scale also the step alone, on one batch that is already there. LeNet-5 on
generated digits of 28 pixels, where a step takes milliseconds, and the CIFAR-size
AlexNet. On a GPU the bare loop is eager PyTorch, and so is ours; ``--engine auto``
shows what the recorded step gains.
"""

import argparse

import _turns
import numpy as np
import torch
from torch import nn

from cnnlab import augment, data, packed
from cnnlab.data import Dataset
from cnnlab.train import compute, loop, parallel

GOAL = 1.03


def digits(count: int) -> Dataset:
    """Return handwritten digits enlarged to 28 pixels, repeated up to ``count``."""
    some = data.load("digits", "train").take(np.arange(count) % 1437)
    images = np.pad(some.images.repeat(3, 2).repeat(3, 3), [(0, 0)] * 2 + [(2, 2)] * 2)
    return Dataset(images, some.labels, some.classes, "digits-28", "train")


def scenes(count: int) -> Dataset:
    """Return generated colour scenes of 32 pixels."""
    return data.load("scenes", "train", n=count)


CASES = {  # the recipe, the data, steps a block on a CPU
    "lenet5": (_turns.LENET, digits, 200),
    "cifar-size": (_turns.SMALL, scenes, 10),
}


def bare(state, part, device):
    """Yield after each step of the shortest loop that trains alike."""
    preset, net = state.preset, state.net.train()
    images, labels = torch.from_numpy(part.images), torch.from_numpy(part.labels)
    per_epoch = len(part) // preset.batch
    optimizer = torch.optim.SGD(
        net.parameters(), preset.lr, preset.momentum, weight_decay=preset.weight_decay
    )
    rows = loop._rows(len(part), preset.seed, preset.batch, per_epoch, 0)
    for step, chosen in enumerate(map(torch.from_numpy, rows)):
        epoch = step // per_epoch
        batch, y = images[chosen].to(device), labels[chosen].to(device)
        x = augment.for_training(batch, chosen, epoch, **state.recipe(epoch))
        optimizer.zero_grad()
        with state.autocast():
            logits = net(x)
        nn.functional.cross_entropy(logits.float(), y).backward()
        optimizer.step()
        yield


def measure(name: str, device, options) -> dict:
    """Return rates and ratios of one case."""
    preset, load, steps = CASES[name]
    pair = load(options.images), load(options.images).take(range(64))
    states = [_turns.new_state(preset, pair, device) for _ in range(2)]
    rows = packed.order(len(pair[0]), preset.seed, 0)[: preset.batch]
    chosen = torch.from_numpy(rows)
    batch = torch.from_numpy(pair[0].images)[chosen].to(device)
    x = augment.for_training(batch, chosen, 0, **states[0].recipe(0))
    labels = torch.from_numpy(pair[0].labels)[chosen].to(device)
    precision = compute.choose_precision(states[0])
    for state in states:
        state.precision = precision
    running = bare(states[0], pair[0], device)
    update = _turns.step_of(states[1], len(x), device, options.engine)
    rates = _turns.no_rates(states[1], device)
    works = {
        "bare loop": lambda: next(running),
        "step alone": lambda: update(x, labels, rates),
    }
    for work in works.values():
        _turns.rate(work, 1, 9, device)
    found, _ = _turns.beside_fit(
        preset.change(precision=precision), pair, works, options.rounds,
        options.steps or steps, device=str(device), engine=options.engine,
    )  # fmt: skip
    return result(name, found, len(x), precision)


def result(name: str, found: dict, batch: int, precision: str) -> dict:
    rows = _turns.table(found, batch)
    cost = _turns.ratio(found["bare loop"], found["end to end"])
    print(f"\n{name}, batch {batch}, {precision}")
    _turns.print_rates(rows)
    print(f"time of ours / bare loop = {cost['median']:.3f} (goal at most {GOAL})")
    return {
        "precision": precision,
        "batch": batch,
        "images_per_s": rows,
        "time_of_ours_to_bare": cost,
    }


def main(arguments=None) -> dict:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--engine", default="eager")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, help="of one block")
    parser.add_argument("--images", type=int, default=12_800)
    parser.add_argument("--case", choices=CASES, help="one case only")
    options = parser.parse_args(arguments)
    device = parallel.choose_device(options.device)
    names = [options.case] if options.case else list(CASES)
    cases = {name: measure(name, device, options) for name in names}
    payload = {"engine": options.engine, "rounds": options.rounds, "cases": cases}
    ending = "" if options.engine == "eager" else f"_{options.engine}"
    _turns.store(f"loop_overhead_speed{ending}", device, payload)
    return payload


if __name__ == "__main__":
    main()
