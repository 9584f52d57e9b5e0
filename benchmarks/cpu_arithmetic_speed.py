"""Number formats and memory layouts of a training step on a processor.

    python benchmarks/cpu_arithmetic_speed.py [--compile]

One step of the loop (forward, loss, backward, update) on a batch that is already
there: float32 and bfloat16 (autocast), planes (NCHW) and channels last (NHWC). Then
whether ``train.compute.choose_precision`` picks what is faster in the layout that
training uses. ``--compile`` adds torch.compile, whose first step takes long.
"""

import argparse
import itertools

import _turns
import torch
from loop_overhead_speed import CASES

from cnnlab import augment, packed
from cnnlab.train import compute, sgd

LAYOUTS = {"NCHW": torch.contiguous_format, "channels last": torch.channels_last}
BASE = "fp32 NCHW"
CPU = torch.device("cpu")


def step_in(pair, preset, x, labels, precision: str, layout: str, engine: str):
    """Return the loop's step on one batch in this format and layout."""
    form = LAYOUTS[layout]
    state = _turns.new_state(preset, pair, CPU)
    state.precision, state.net = precision, state.net.to(memory_format=form).train()
    state.update = sgd.Momentum(state.net, preset)  # velocity in the same layout
    x, rates = x.contiguous(memory_format=form), _turns.no_rates(state, CPU)
    update = _turns.step_of(state, len(x), CPU, engine)
    return lambda: update(x, labels, rates)


def measure(name: str, options) -> dict:
    """Return the rates of one network, and whether the choice was right."""
    preset, load, steps = CASES[name]
    pair = load(max(512, preset.batch)), load(64)
    state = _turns.new_state(preset, pair, CPU)
    chosen = torch.from_numpy(packed.order(len(pair[0]), 0, 0)[: preset.batch])
    images = torch.from_numpy(pair[0].images)[chosen]
    x = augment.for_training(images, chosen, 0, **state.recipe(0))
    labels = torch.from_numpy(pair[0].labels)[chosen]
    works = {
        f"{precision} {layout}": step_in(
            pair, preset, x, labels, precision, layout, "eager"
        )
        for precision, layout in itertools.product(("fp32", "bf16"), LAYOUTS)
    }
    if options.compile:
        for precision in ("fp32", "bf16"):
            works[f"{precision} channels last, compiled"] = step_in(
                pair, preset, x, labels, precision, "channels last", "compile"
            )
    found = _turns.turns(works, options.rounds, options.steps or steps // 2, CPU)
    return result(name, found, len(x), compute.choose_precision(state))


def result(name: str, found: dict, batch: int, chosen: str) -> dict:
    rows = _turns.table(found, batch)
    against = {key: _turns.ratio(rates, found[BASE]) for key, rates in found.items()}
    print(f"\n{name}, batch {batch}")
    _turns.print_rates(rows)
    for key, row in against.items():
        print(f"{key}: {row['median']:.2f} times as fast as {BASE}")
    both = {p: rows[f"{p} channels last"]["median"] for p in ("fp32", "bf16")}
    lost = 1 - both[chosen] / max(both.values())
    print(f"chosen: {chosen}, {lost:.0%} behind the faster one")
    return {
        "batch": batch,
        "images_per_s": rows,
        "times_as_fast_as_base": against,
        "chosen": chosen,
        "chosen_behind_faster": round(lost, 3),  # a tenth is its own margin
    }


def main(arguments=None) -> dict:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, help="of one block")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--case", choices=CASES, help="one case only")
    options = parser.parse_args(arguments)
    names = [options.case] if options.case else list(CASES)
    cases = {name: measure(name, options) for name in names}
    payload = {"base": BASE, "rounds": options.rounds, "cases": cases,
               "capability": torch.backends.cpu.get_cpu_capability()}  # fmt: skip
    _turns.store("cpu_arithmetic_speed", CPU, payload)
    return payload


if __name__ == "__main__":
    main()
