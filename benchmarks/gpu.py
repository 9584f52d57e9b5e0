"""Does the engine hold on this NVIDIA GPU, and how fast is it? Six minutes at most.

    python3 benchmarks/gpu.py [SOURCE] [--only speed,train] [--out FOLDER]

Nothing needs to be installed but torch, numpy, pillow, pytest, hypothesis and
safetensors. SOURCE is a .zip or a folder of images, or a data set's name. Four
sections, each in a process of its own that ends when its time is over:

*tests*: the tests that only a GPU can run;
*speed*: what the machine can do at its best; the loop's step on one resident batch, the
way of the data, and ``train.fit``; the floor by arithmetic and by bytes;
*reference*: the same networks in a tuned eager loop of PyTorch;
*train*: a run from the command line, killed in the middle and resumed.

A row is printed and kept when it is measured. One that fails does not end the others;
the exit status is then 1.
"""

import argparse
import json
import math
import os
import re
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext, suppress
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]  # nothing is installed there

import _photographs as photographs  # noqa: E402
import _turns  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch import nn  # noqa: E402
from train_path_speed import TYPES, matmul, training_flops  # noqa: E402

from cnnlab import augment, data, nets, packed, train  # noqa: E402
from cnnlab.course import records  # noqa: E402
from cnnlab.packed import reader  # noqa: E402
from cnnlab.train import compute, logs, loop, parallel, presets  # noqa: E402

# Seconds of six minutes; what one section leaves, the next ones may use.
SHARES = {"pack": 30, "tests": 60, "speed": 130, "reference": 50, "train": 90}
MAIN = "krizhevsky2012"
PRESETS = (MAIN, "owt2014", "caffe", "torchvision", "modern")
SILENCE = 15  # seconds until a line says that something still goes on
LOST = 3  # exit status: the GPU answers nothing any more in this process
# The errors after which a process cannot use its GPU any more.
FATAL = ("CUDA error", "AcceleratorError", "[CUDA]", "illegal memory access")
SMALL = {"store": 72, "crop": 64, "batch": 8, "options": {"width": 0.05, "hidden": 16}}
POINTWISE = ("ReLU", "Tanh", "Dropout", "Dropout2012", "Flatten", "ZeroPad2d")


# --------------------------------------------------------------------------- rows


class Rows:
    """What was measured, one JSON line a row, shared by the processes of a run.

    A row of which only the beginning is there ended the process that measured it.
    """

    def __init__(self, path: Path, seconds: float = math.inf, begun: float = 0.0):
        self.path, self.begun = path, begun or time.time()
        self.end = time.time() + seconds
        self.tried, self.found, self.failed = set(), {}, {}
        for line in path.read_text().splitlines() if path.exists() else ():
            self._take(json.loads(line))

    def _take(self, line: dict) -> None:
        name = line["row"]
        self.tried.add(name)
        self.failed[name] = line.get("failed", "its process ended")
        if "found" in line:
            self.found[name] = line["found"]
            del self.failed[name]

    def _note(self, **line) -> None:
        self._take(line)
        with open(self.path, "a") as file:
            file.write(json.dumps(line) + "\n")

    def say(self, text: str) -> None:
        print(f"[{time.time() - self.begun:5.1f} s] {text}", flush=True)

    def fail(self, name: str, why: str) -> None:
        self._note(row=name, failed=why)
        self.say(f"{name}: FAILED: {why}")

    def measure(self, name: str, work, *arguments) -> None:
        """Call ``work``, which returns (numbers, sentence); keep and print both."""
        if name in self.tried:
            return
        if time.time() > self.end:
            self.fail(name, "no time was left")
            return
        self.say(f"{name} ...")
        self._note(row=name)
        try:
            numbers, said = work(*arguments)
        except Exception as error:
            text = " ".join(f"{type(error).__name__}: {error}".split())
            self.fail(name, text[:500])
            if any(word in text for word in FATAL):
                raise SystemExit(LOST) from error
            return
        self._note(row=name, found=numbers)
        self.say(f"{name}: {said}")


# --------------------------------------------------------------------------- speed


class Case:
    """A preset, ready to be measured: its state, a few images, a batch of them."""

    def __init__(self, name: str, part, options):
        self.device, self.small = options.device, options.small
        self.preset = presets.load(name).change(**(SMALL if self.small else {}))
        some = few(part, 2 * self.preset.batch, None if self.small else 1000)
        pair = (some, some)
        self.state = _turns.new_state(self.preset, pair, self.device)
        self.state.precision = compute.choose_precision(self.state)
        self.preset = self.preset.change(precision=self.state.precision)
        self.state.net.train()
        rows = np.arange(self.preset.batch) % len(part)
        with packed.Feeder(part, [rows], self.device, resident=False) as feeder:
            images, self.labels, self.indices = next(iter(feeder))
        self.images = images.clone()

    def step(self, engine: str):
        """Return the loop's own step as a function without arguments, and its input."""
        step = _turns.step_of(self.state, self.preset.batch, self.device, engine)
        x = step.see(self.images, self.indices, 0)
        rates = _turns.no_rates(self.state, self.device)
        return lambda: step(x, self.labels, rates)

    def rates(self, step, rounds: int = 5) -> dict:
        """Return images a second and microseconds a step: median of some blocks."""
        steps, least = (1, 0.0) if self.small else (20, 0.4)
        started = time.perf_counter()
        step()
        _turns.settle(self.device)
        first = time.perf_counter() - started
        _turns.rate(step, 1, 1 if self.small else 9, self.device)
        each = [_turns.rate(step, steps, 1, self.device, least) for _ in range(rounds)]
        return summary([rate * self.preset.batch for rate in each], self.preset.batch,
                       first_s=round(first, 2))  # fmt: skip


def few(part, count: int, classes: int | None) -> data.Dataset:
    """Return images of a store in memory, as of a set of so many classes."""
    rows = np.linspace(0, len(part) - 1, count).astype(int)
    images = np.ascontiguousarray(part.images[rows].transpose(0, 3, 1, 2))
    names = part.classes if classes is None else tuple(map(str, range(classes)))
    labels = part.labels[rows].astype(np.int64) % len(names)
    return data.Dataset(images, labels, names, "few", part.split)


def summary(each: list, batch: int, **more) -> dict:
    median = statistics.median(each)
    row = {"images_per_s": round(median, 1), "least": round(min(each), 1)}
    row |= {"most": round(max(each), 1), "us": round(1e6 * batch / median, 1)}
    return {**row, "batch": batch, **more}


def spoken(row: dict) -> str:
    first = f", the first after {row['first_s']:.1f} s" if "first_s" in row else ""
    return (f"{row['images_per_s']:,.0f} images/s ({row['least']:,.0f} to "
            f"{row['most']:,.0f}), {row['us']:,.0f} us a batch of {row['batch']}"
            f"{first}")  # fmt: skip


def ceilings(options) -> tuple[dict, str]:
    """Measure a large matrix product and a copy within the device's memory."""
    device, small = options.device, options.small
    side, count = (256, 2**16) if small else (8192, 2**29)
    product = matmul(side, TYPES["bf16"], device)
    a, b = (torch.zeros(count, device=device) for _ in "ab")
    least = 0.0 if small else 0.3

    def best(work):
        return max(_turns.rate(work, 10, 5, device, least) for _ in range(3))

    flops = 2 * side**3 * best(product)
    moved = 2 * a.nbytes * best(lambda: a.copy_(b))
    row = {"flops_per_s": flops, "bytes_per_s": moved}
    return row, (f"bf16 product {side}: {flops / 1e12:.0f} TFLOP/s, device copy "
                 f"{moved / 1e12:.2f} TB/s")  # fmt: skip


def training_bytes(net, batch: int) -> int:
    """Return the bytes that a step must move at least, as the roofline counts them.

    Numbers that pass between layers have 2 bytes. A layer with weights reads its input
    and writes its output; backwards it reads the output's gradient and its input, and
    writes the input's gradient, which the image does not need. Pooling and
    normalisation until the next such layer are one pass: they read and write once in
    each direction, and read their input again backwards. Pointwise functions are part
    of what stands beside them. A weight costs 30 bytes: value and velocity are read and
    written (16), its copy of 2 bytes is written and read forwards and backwards (6),
    its gradient of 4 is written and read.
    """
    moved, given, made, pending = 0, math.prod(net.image), 0, False
    size, first = given, True
    for layer in [*nets.walk(net), None]:
        if layer is None or layer.macs:
            if pending:  # a pass between two layers with weights
                moved += 3 * made + 2 * size
            if layer is None:
                break
            given, made, pending = size, math.prod(layer.shape), False
            moved += (2 if first else 3) * given + 2 * made
            first = False
        pending |= not layer.macs and layer.kind not in POINTWISE
        size = math.prod(layer.shape)
    return 2 * batch * moved + 30 * sum(w.numel() for w in net.parameters())


def step_row(case: Case, engine: str, best: dict | None) -> tuple[dict, str]:
    row = case.rates(case.step(engine), rounds=2 if engine == "eager" else 5)
    row |= {"engine": engine, "precision": case.state.precision}
    said = spoken(row)
    if best:
        flops = training_flops(case.state.net) * case.preset.batch
        moved = training_bytes(case.state.net, case.preset.batch)
        row["floor_flops_us"] = round(1e6 * flops / best["flops_per_s"], 1)
        row["floor_bytes_us"] = round(1e6 * moved / best["bytes_per_s"], 1)
        both = row["floor_flops_us"] + row["floor_bytes_us"]
        row["of_floor"] = round(both / row["us"], 3)
        said += (f"; floor {row['floor_flops_us']:,.0f} us of arithmetic + "
                 f"{row['floor_bytes_us']:,.0f} us of bytes, reached "
                 f"{row['of_floor']:.0%}")  # fmt: skip
    return row, said


def data_row(case: Case, part, resident: bool) -> tuple[dict, str]:
    """Measure batches gathered, copied and augmented, without a network."""
    step = _turns.step_of(case.state, case.preset.batch, case.device)
    batch = min(case.preset.batch, len(part))
    rows = loop._rows(len(part), 0, batch, len(part) // batch, 0)
    with packed.Feeder(part, rows, case.device, resident=resident) as feeder:
        feed = iter(feeder)

        def work():
            images, _, indices = next(feed)
            return step.see(images, indices, 0)

        row = case.rates(work, rounds=3)
    return row, spoken(row)


def fit_row(case: Case, place, resident: bool, expected: float) -> tuple[dict, str]:
    """Measure ``train.fit`` by its interval log; the first two lines warm up."""
    pair = photographs.opened(place)  # opened anew: it lies nowhere on the device yet
    known = {name: v.cpu() for name, v in case.state.statistics.items()}
    batch = min(case.preset.batch, len(pair[0]))
    interval = 1 if case.small else max(10, round(0.8 * expected / batch))
    lines = []
    with (
        _turns.knowing(known),
        mock.patch.object(reader, "_fits", lambda *_: resident),
    ):
        train.fit(
            case.preset, pair, steps=6 * interval, interval=interval, progress=False,
            device=str(case.device), on_interval=lines.append,
        )  # fmt: skip
    lines = lines[2:]
    waited = statistics.median(line["waited"] for line in lines)
    each = [line["images_per_s"] for line in lines]
    row = summary(each, batch, waited=round(waited, 3), interval=interval)
    return row, f"{spoken(row)}, waited for images {waited:.0%} of the time"


def speed(place, options, rows: Rows) -> None:
    """Ceilings, then all of the main preset, then the others' steps."""
    rows.measure("ceilings", ceilings, options)
    part = photographs.opened(place)[0]
    for name in options.presets:
        if name != options.presets[0] and f"step {name}" in rows.tried:
            continue
        case = _made(name, part, options, rows)
        if case is None:
            continue
        best = rows.found.get("ceilings")
        rows.measure(f"step {name}", step_row, case, "auto", best)
        if name == options.presets[0]:
            expected = rows.found.get(f"step {name}", {"images_per_s": 10_000})
            expected = expected["images_per_s"]
            rows.measure("data resident", data_row, case, part, True)
            rows.measure("end to end resident", fit_row, case, place, True, expected)
            rows.measure("data streamed", data_row, case, part, False)
            rows.measure("end to end streamed", fit_row, case, place, False, expected)
            rows.measure(f"step {name} eager", step_row, case, "eager", best)
        del case


def _made(name: str, part, options, rows: Rows) -> Case | None:
    """Return the case, or note that there is none."""
    try:
        return Case(name, part, options)
    except Exception as error:
        rows.fail(f"making {name}", f"{type(error).__name__}: {error}")
        return None


# --------------------------------------------------------------------------- reference


def eager_loop(net, case: Case):
    """Return a step as a user would write it, every usual switch on.

    bfloat16 by autocast, channels-last memory, cuDNN's choice by measuring, the fused
    update; the batch lies on the device, augmented. Nothing waits for the loss.
    """
    device, preset = case.device, case.preset
    net = net.to(device=device, memory_format=torch.channels_last).train()
    x = augment.for_training(
        case.images, case.indices, 0, **case.state.recipe(0)
    ).contiguous(memory_format=torch.channels_last)
    criterion = nn.CrossEntropyLoss(label_smoothing=preset.smoothing)
    optimizer = torch.optim.SGD(
        net.parameters(), 0.0, preset.momentum, weight_decay=preset.weight_decay,
        fused=True,
    )  # fmt: skip

    def step():
        optimizer.zero_grad(set_to_none=True)
        with case.state.autocast():
            loss = criterion(net(x), case.labels)
        loss.backward()
        optimizer.step()

    return step


def reference_row(name: str, case: Case, rows: Rows, net=None) -> tuple[dict, str]:
    preset, classes = case.preset, len(case.state.classes)
    if net is None:
        net = nets.build(
            preset.net, num_classes=classes, image_size=preset.crop, **preset.options
        )
        nets.initialise(net, preset.init, preset.seed)
    with torch.backends.cudnn.flags(enabled=True, benchmark=True):
        row = case.rates(eager_loop(net, case), rounds=3)
    ours = rows.found.get(f"step {name}")
    if ours is None:
        ours = case.rates(case.step("auto"), rounds=3)
    row["ours"] = ours["images_per_s"]
    row["ours_to_theirs"] = round(row["ours"] / row["images_per_s"], 3)
    return row, (f"{spoken(row)}; ours {row['ours']:,.0f}: "
                 f"{row['ours_to_theirs']:.2f} times as fast (goal 1.2)")  # fmt: skip


def reference(place, options, rows: Rows) -> None:
    """Eager loops of the same networks, and of torchvision's own."""
    part = photographs.opened(place)[0]
    for name in options.presets:
        if f"eager loop {name}" in rows.tried:
            continue
        if (case := _made(name, part, options, rows)) is not None:
            rows.measure(f"eager loop {name}", reference_row, name, case, rows)
    if "torchvision" in options.presets:
        try:
            from torchvision.models import alexnet
        except ImportError:
            rows.say("torchvision's own alexnet: torchvision is not installed")
            return
        if (case := _made("torchvision", part, options, rows)) is not None:
            rows.measure("torchvision's own alexnet", reference_row, "torchvision",
                         case, rows, alexnet())  # fmt: skip


# --------------------------------------------------------------------------- train


def followed(command: list, folder: Path, rows: Rows, kill_after=None) -> dict:
    """Run a training, print its notes; kill it in the middle of an epoch if asked."""
    started, first, epochs, since = time.perf_counter(), None, 0, 0
    last = []
    # Nothing was compiled before: the first start is one on a new machine.
    environment = {**os.environ, **caches(folder)}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT,
        env=environment,
    )  # fmt: skip
    with process:
        for line in process.stdout:
            last = [*last[-2:], line.strip()]
            if line.startswith("step "):
                since += 1
                if first is None:
                    first = round(time.perf_counter() - started, 2)
                    rows.say(f"  first steps {first:.1f} s after the command")
                if epochs == kill_after and since == 2:
                    process.kill()
                continue
            rows.say(f"  {line.rstrip()}")
            if line.startswith("epoch "):
                epochs, since = epochs + 1, 0
    wanted = 0 if kill_after is None else -signal.SIGKILL
    if process.returncode != wanted:
        raise RuntimeError(f"ended with {process.returncode}: {' | '.join(last)}")
    return {"first_s": first, "epochs": epochs}


def training(place, options, run: Path) -> list[str]:
    """Return the command of a short training that goes on from its checkpoint."""
    epochs, interval = (3, 1) if options.small else (5, 20)
    command = [
        sys.executable, "-m", "cnnlab.train", "--preset", MAIN, "--data", place,
        "--out", run, "--resume", "auto", "--epochs", epochs, "--interval", interval,
        "--device", options.device.type,
    ]  # fmt: skip
    if options.small:
        small = {name: SMALL[name] for name in ("crop", "batch")} | {"lr": 0.001}
        command += [word for k, v in small.items() for word in (f"--{k}", v)]
        command += ["--init", "he", "--options"]
        command += [f"{k}={v}" for k, v in SMALL["options"].items()]
    return [str(word) for word in command]


def train_row(place, options, rows: Rows, run: Path, resumed: bool):
    """Train until it is killed in its third epoch; or to the end, ``resumed``."""
    command = training(place, options, run)
    kill_after = None if resumed else 1 if options.small else 2
    row = followed(command, run.parent, rows, kill_after)
    history, intervals = logs.read(run)
    per_epoch, steps = history[0]["step"], [line["step"] for line in history]
    if steps != [per_epoch * n for n in range(1, len(steps) + 1)]:
        raise RuntimeError(f"the epochs in the log end at steps {steps}")
    best = rows.found.get(f"step {MAIN}")
    rate = best["images_per_s"] if best else max(r["images_per_s"] for r in intervals)
    batch = SMALL["batch"] if options.small else presets.load(MAIN).batch
    seconds = statistics.median(line["seconds"] for line in history)
    row |= {
        "images": len(photographs.opened(place)[0]),
        "epoch_s": [round(line["seconds"], 2) for line in history],
        "epoch_to_steps_alone": round(seconds * rate / (per_epoch * batch), 3),
        "errors": [round(line["error"], 4) for line in history],
        "train_errors": [round(line["train_error"], 4) for line in history],
    }
    errors = " ".join(f"{error:.1%}" for error in row["errors"])
    return row, (f"first steps after {row['first_s']:.1f} s; an epoch of {per_epoch} "
                 f"steps in {seconds:.2f} s, {row['epoch_to_steps_alone']:.2f} times "
                 f"its steps alone; errors {errors}")  # fmt: skip


def train_section(place, options, rows: Rows) -> None:
    with tempfile.TemporaryDirectory(dir=rows.path.parent) as folder:
        given = place, options, rows, Path(folder) / "run"
        rows.measure("train, killed", train_row, *given, False)
        rows.measure("train, resumed", train_row, *given, True)


# --------------------------------------------------------------------------- all


def watched(command: list, rows: Rows, seconds: float) -> tuple[int | None, str]:
    """Run a command, pass its output on; kill it and all its own when time is over.

    Returns
    -------
    (exit status, or None if it was killed; its output)
    """
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment["PYTHONPATH"] = os.pathsep.join(paths)
    environment |= caches(rows.path.parent)
    process = subprocess.Popen(
        [str(word) for word in command], stdout=subprocess.PIPE, cwd=ROOT,
        stderr=subprocess.STDOUT, env=environment, start_new_session=True,
    )  # fmt: skip
    end, heard, output, late = time.time() + seconds, time.time(), b"", False
    pipe = process.stdout.fileno()
    try:
        while True:
            if select.select([pipe], [], [], 0.5)[0]:
                if not (piece := os.read(pipe, 1 << 16)):
                    break
                output, heard = output + piece, time.time()
                sys.stdout.write(piece.decode("utf-8", "replace"))
                sys.stdout.flush()
            elif process.poll() is not None:
                break
            if time.time() - heard > SILENCE:
                rows.say("  (still at it)")
                heard = time.time()
            if late := time.time() > end:
                break
        with suppress(subprocess.TimeoutExpired):
            process.wait(0 if late else 10)
    finally:
        with suppress(ProcessLookupError):  # its children too
            os.killpg(process.pid, signal.SIGKILL)
        status = process.wait()
        process.stdout.close()
    return None if late else status, output.decode("utf-8", "replace")


def ended(status: int | None) -> str:
    return "its time was over" if status is None else f"it ended with {status}"


def caches(folder: Path) -> dict:
    """Return the environment that keeps compiled kernels in ``folder``."""
    names = "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "CUDA_CACHE_PATH"
    return {name: str(folder / name.lower()) for name in names}


def pack_row(source, place, options, rows: Rows, seconds) -> tuple[dict, str]:
    size = SMALL["store"] if options.small else 256
    started = time.perf_counter()
    status, said = watched(
        [sys.executable, "-m", "cnnlab.packed", source, place, "--size", size],
        rows, seconds,
    )  # fmt: skip
    spent = time.perf_counter() - started
    if status != 0:
        raise RuntimeError(f"{ended(status)}: {said.strip()[-300:]}")
    count = {split: len(packed.open(place, split)) for split in packed.splits(place)}
    return {"seconds": round(spent, 1), "images": count}, f"{spent:.1f} s"


def tests_row(options, rows: Rows, seconds: float) -> tuple[dict, str]:
    """Run the tests of files that ask for a GPU, and those of its kernels."""
    files = [
        path for path in sorted((ROOT / "tests").glob("test_*.py"))
        if "cuda" in path.name or "cuda.is_available" in path.read_text("utf-8")
    ]  # fmt: skip
    status, said = watched(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k",
         "gpu or cuda", "--durations=5", "--durations-min=3", *files],
        rows, seconds,
    )  # fmt: skip
    last = (said.strip().splitlines() or [""])[-1]
    failed = re.findall(r"^(?:FAILED|ERROR) \S+::(.*?)(?: - |$)", said, re.M)
    if status != 0:
        raise RuntimeError(f"{ended(status)}, {last}: {', '.join(failed)}")
    counts = {word: int(n) for n, word in re.findall(r"(\d+) (\w+)", last)}
    if options.device.type == "cuda" and counts.get("skipped"):
        return counts, f"{last} -- skipped although there is a GPU: look why"
    return counts, last


def section_of(name: str, place, options, rows: Rows, seconds: float) -> None:
    """Run a section in processes of its own, until all its rows were tried."""
    end = time.time() + seconds
    while True:
        before = set(rows.tried)
        left = end - time.time()
        command = [
            sys.executable, __file__, place, "--section", name, "--rows", rows.path,
            "--begun", rows.begun, "--seconds", max(0, left - 3), "--device",
            options.device.type, "--presets", ",".join(options.presets),
        ]  # fmt: skip
        status, said = watched(command + ["--small"] * options.small, rows, left)
        again = Rows(rows.path, begun=rows.begun)
        rows.tried, rows.found, rows.failed = again.tried, again.found, again.failed
        if status == 0:
            return
        new = rows.tried - before
        if status is None or not new:  # no time is left, or it would happen again
            rows.fail(f"section {name}", f"{ended(status)}: {said.strip()[-300:]}")
            return
        rows.say(f"{name}: its process ended with {status}; on with the other rows")


SECTIONS = {"speed": speed, "reference": reference, "train": train_section}


def run_all(source, options, folder: Path) -> Rows:
    """Run the sections asked for, each in its time."""
    rows, place = Rows(folder / "rows.jsonl"), folder / "store"
    share = {name: options.minutes / 6 * value for name, value in SHARES.items()}
    end = time.time() + sum(share.values())
    wanted = [name for name in SHARES if name in options.only]
    if set(wanted) - {"tests"}:
        wanted.insert(0, "pack")
    for turn, name in enumerate(wanted):
        left = end - time.time() - sum(share[later] for later in wanted[turn + 1 :])
        if name == "pack":
            rows.measure("pack", pack_row, source, place, options, rows, left)
        elif name == "tests":
            rows.measure("tests", tests_row, options, rows, left)
        elif "pack" in rows.found:
            section_of(name, place, options, rows, left)
        else:
            rows.fail(f"section {name}", "nothing was packed")
        write(options, rows)
    return rows


def write(options, rows: Rows) -> None:
    """Write the record: of a GPU among the others, or where it is asked for."""
    if options.device.type != "cuda" and options.out is None:
        return
    payload = {**_turns.machine(options.device), "rows": rows.found}
    payload |= {"failed": rows.failed, "sections": list(options.only)}
    payload["seconds"] = round(time.time() - rows.begun, 1)
    place = {} if options.out is None else {"folder": options.out}
    records.write("gpu_speed", payload, **place)


def main(arguments=None) -> int:
    options = parsed(arguments)
    if options.section:  # in a process of its own
        rows = Rows(options.rows, options.seconds, options.begun)
        on_gpu = options.device.type == "cuda"
        with torch.cuda.device(options.device) if on_gpu else nullcontext():
            SECTIONS[options.section](Path(options.source), options, rows)
        return 0
    keep = nullcontext(options.work) if options.work else tempfile.TemporaryDirectory()
    with keep as folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / "rows.jsonl").unlink(missing_ok=True)
        rows = run_all(options.source, options, Path(folder))
    print()
    for name, why in rows.failed.items():
        rows.say(f"FAILED {name}: {why}")
    rows.say(f"{len(rows.found)} rows, {len(rows.failed)} failed")
    return int(bool(rows.failed))


def parsed(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument

    def names(known):
        def read(text: str) -> tuple:
            found = tuple(text.split(","))
            if unknown := [name for name in found if name not in known]:
                raise argparse.ArgumentTypeError(f"{unknown} of {', '.join(known)}")
            return found

        return read

    sections = ("tests", *SECTIONS)
    add("source", nargs="?", default="tiny-imagenet-50", help="images to pack")
    add("--only", type=names(sections), default=sections, help=",".join(sections))
    add("--presets", type=names(PRESETS), default=PRESETS, help=",".join(PRESETS))
    add("--minutes", type=float, default=6.0, help="of all sections together")
    add("--out", type=Path, help="folder for the record")
    add("--work", help="folder for store and caches, kept for the next run")
    add("--device", default="auto")
    add("--small", action="store_true", help="tiny networks, to try the script")
    for hidden, kind in {"section": str, "rows": Path, "seconds": float,
                         "begun": float}.items():  # fmt: skip
        add(f"--{hidden}", type=kind, default=0.0 if kind is float else None,
            help=argparse.SUPPRESS)  # fmt: skip
    options = parser.parse_args(arguments)
    options.device = parallel.choose_device(options.device)
    return options


if __name__ == "__main__":
    sys.exit(main())
