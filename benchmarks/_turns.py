"""Speeds of training side by side in one process: steps of work that take turns.

A contestant is a function that does one step. All are timed in blocks of steps, one
block each a round, so that a change of load meets all alike.
"""

import statistics
import time
from unittest import mock

import _photographs as photographs
import torch
from _race import load

from cnnlab import train
from cnnlab.course import records
from cnnlab.train import compute, parallel, presets, sources
from cnnlab.train import state as states

GAP = 0.3  # seconds of rest before each block
# AlexNet's shape of 2014 for 32 x 32 images: 64-192-384-256-256 filters, no LRN.
SMALL = presets.Preset(
    name="cifar-size",
    about="AlexNet for CIFAR-size images: a constant rate, nothing else special.",
    net="owt2014", options={"norm": "none", "hidden": 1024}, init="he",
    store=32, crop=32, padding=4, unit=True, mean="channel", batch=128,
    epochs=1000, lr=0.001, bias_rate=1.0, decay_all=True, schedule="constant",
)  # fmt: skip
LARGE = presets.load("krizhevsky2012").change(
    epochs=100_000, lr=0.002, schedule="constant", layer_rates=()
)
LENET = presets.load("lenet5").change(
    epochs=1000, lr=0.01, schedule="constant", decay_all=True
)


def settle(device: torch.device) -> None:
    """Wait until the device has done everything it was asked for."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def rate(step, steps: int, warm: int, device, least: float = 0.0) -> float:
    """Return steps a second, after ``warm`` untimed ones, over ``least`` seconds."""
    for _ in range(warm):
        step()
    settle(device)
    start, done = time.perf_counter(), 0
    while True:
        for _ in range(steps):
            step()
        settle(device)
        done, spent = done + steps, time.perf_counter() - start
        if spent >= least:
            return done / spent


def turns(works: dict, rounds: int, steps: int, device, warm: int = 2) -> dict:
    """Return steps a second of every round, by contestant; ten steps warm up."""
    for step in works.values():
        rate(step, 1, 9, device)
    found = {name: [] for name in works}
    for _ in range(rounds):
        for name, step in works.items():
            time.sleep(GAP)
            found[name].append(rate(step, steps, warm, device))
    return found


def beside_fit(preset, pair, works: dict, rounds: int, steps: int, **options) -> tuple:
    """Return (steps a second by contestant, lines of the interval log).

    The contestant "end to end" is the real ``train.fit``, timed by its own interval
    log. Whenever an interval has been timed, the others take their turn inside its
    callback; the next interval, which they interrupted, is not counted, nor is the
    first. ``least`` and ``warm`` in ``options`` are those of ``rate``; ``say(name,
    steps a second)`` is called with every rate.
    """
    warm, least = options.pop("warm", 2), options.pop("least", 0.0)
    say = options.pop("say", lambda name, rate: None)
    device = parallel.choose_device(options.get("device", "auto"))
    found, lines = {"end to end": [], **{name: [] for name in works}}, []

    def turn(line: dict) -> None:
        lines.append(line)
        if len(lines) % 2:
            return
        images = min(preset.batch, len(pair[0]))
        found["end to end"].append(line["images_per_s"] / images)
        say("end to end", found["end to end"][-1])
        for name, step in works.items():
            time.sleep(GAP)
            found[name].append(rate(step, steps, warm, device, least))
            say(name, found[name][-1])

    train.fit(
        preset, pair, steps=2 * rounds * steps, interval=steps, progress=False,
        on_interval=turn, **options,
    )  # fmt: skip
    return found, lines


def new_state(preset, pair, device, precision: str | None = None, known=None):
    """Return an untrained run on ``device``, as ``train.fit`` would begin it.

    ``known`` are statistics of the images, if they need not be computed.
    """
    source = sources.Source(*pair, "benchmark")
    statistics_ = sources.statistics(source, preset) if known is None else known
    return states.new(preset.change(precision=precision or preset.precision),
                      source, statistics_, device)  # fmt: skip


def few_statistics(preset, part) -> dict:
    """Return statistics of 512 images of a store: which ones changes no speed."""
    some = photographs.few(part, 512)
    return sources.statistics(sources.Source(some, some, "benchmark"), preset)


def knowing(known: dict):
    """Return a context in which ``train.fit`` takes these statistics as the data's."""
    return mock.patch.object(sources, "statistics", lambda *_: known)


def step_of(state, batch: int, device, engine: str = "auto"):
    """Return the loop's own step function, for one process."""
    return compute.make(state, parallel.Group(0, 1, device), batch, engine)


def no_rates(state, device) -> torch.Tensor:
    """Return rates of zero: the arithmetic of an update that leaves weights alone."""
    return torch.zeros(len(state.update.groups), device=device)


def table(rates: dict, images: dict | int) -> dict:
    """Return images a second by contestant: every round, median and most."""
    rows = {}
    for name, found in rates.items():
        count = images[name] if isinstance(images, dict) else images
        each = [round(value * count, 1) for value in found]
        rows[name] = {"rounds": each, "median": statistics.median(each)}
        rows[name]["most"] = max(each)
    return rows


def ratio(above, below) -> dict:
    """Return the median, least and greatest quotient of the rounds of two lists."""
    each = [a / b for a, b in zip(above, below, strict=True)]
    found = {"median": statistics.median(each), "least": min(each)}
    found["greatest"] = max(each)
    return {name: round(value, 3) for name, value in found.items()}


def print_rates(rows: dict) -> None:
    width = max(map(len, rows))
    for name, row in rows.items():
        print(f"{name:{width}}  {row['median']:12,.0f} images/s, median of "
              f"{len(row['rounds'])} (most {row['most']:,.0f})")  # fmt: skip


def machine(device: torch.device) -> dict:
    """Return what a record should say of the device beyond its processor."""
    row = {"device": str(device), "threads": torch.get_num_threads(), "load": load()}
    if device.type == "cuda":
        about = torch.cuda.get_device_properties(device)
        row["gpu"] = about.name
        row["gpu_memory_gib"] = round(about.total_memory / 2**30, 1)
        row["cuda"], row["cudnn"] = torch.version.cuda, torch.backends.cudnn.version()
    return row


def store(name: str, device: torch.device, payload: dict) -> None:
    """Write the record; one measured on a GPU has a name of its own."""
    ending = "_cuda" if device.type == "cuda" else ""
    print(records.write(name + ending, {**machine(device), **payload}))
