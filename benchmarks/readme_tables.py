"""Write the README's three tables from what they describe.

    python benchmarks/readme_tables.py

Lessons come from the map of the course, modules from their docstrings, numbers from
the stored records. A test compares, so that no table can grow stale.
"""

import ast
import re

from cnnlab import course
from cnnlab.course import records
from cnnlab.course.paths import course_root

README = course_root() / "README.md"
WINGS = {
    "what is taught": (
        "images", "scenes", "challenges", "data", "neighbors", "linear",
        "optim", "landscapes",
        "neurons",
        "delta", "scalar", "expressions", "mlp",
        "kernels",
        "lenet",
        "fields",
        "layers", "clinic",
        "anatomy", "ingredients", "inside",
        "recipe",
        "deeper",
        "attribution",
        "ops", "grads", "fast", "windows", "shapes", "arrays",
        "plots", "widgets", "checks", "yours",
    ),
    "the engine": ("nets", "augment", "packed", "train", "cuda"),
    "the apparatus": ("course",),
}  # fmt: skip


def lessons() -> str:
    """Return a row a notebook, with a link where it is written."""
    rows = ["| | notebook | its question |", "|---|---|---|"]
    for lesson in course.LESSONS:
        title = lesson.title
        if lesson.path is not None:
            title = f"[{title}](notebooks/{lesson.path.name})"
        else:
            title += " *(to come)*"
        rows.append(f"| {lesson.number} | {title} | {lesson.question} |")
    return "\n".join(rows)


def modules() -> str:
    """Return a row a module: its wing, name, and its docstring's first sentence."""
    rows = ["| wing | module of `cnnlab` | what it holds |", "|---|---|---|"]
    package = course_root() / "cnnlab"
    files = {p.stem: p for p in package.glob("[a-z]*.py")}
    files |= {p.parent.name: p for p in package.glob("*/__init__.py")}
    listed = [name for names in WINGS.values() for name in names]
    assert sorted(listed) == sorted(files), "every module needs its place in WINGS"
    for wing, names in WINGS.items():
        for name in names:
            text = ast.get_docstring(ast.parse(files[name].read_text(encoding="utf-8")))
            sentence = " ".join(text.split("\n\n")[0].split()).replace("``", "`")
            rows.append(f"| {wing} | `{name}` | {sentence} |")
            wing = ""
    return "\n".join(rows)


def numbers() -> str:
    """Return a row a measurement: what, the number, and the record it comes from."""
    rows = ["| what | measured | record |", "|---|---|---|"]
    for what, measured, name in _measurements():
        link = f"[{name}](benchmarks/results/{name}.json)"
        rows.append(f"| {what} | {measured} | {link} |")
    return "\n".join(rows)


def _measurements():
    knn = records.read("knn_speed")
    contest = knn["contestants"]
    size = f"{knn['queries']:,} × {knn['rows']:,} × {knn['columns']:,}"
    for engine, words in (
        ("cnnlab numpy", "in plain NumPy"),
        ("cnnlab torch", "by exact integer products"),
    ):
        ratio = contest[engine]["ratio_median_of_rounds"]
        same = knn["same_neighbours"][engine]["by_index"]
        yield (
            f"5 nearest neighbours, {size} photographs, {words}",
            f"{ratio:.1f} × as fast as scikit-learn, {same:.0%} the same neighbours",
            "knn_speed",
        )
    for row in records.read("knn_accuracy")["exam"]:
        if row["dataset"] in ("mnist", "cifar10", "cifar10-jpeg"):
            held = row["chosen_on"]["n_val"]
            yield (
                f"nearest neighbours on {row['dataset']}, k = {row['chosen_k']} "
                f"by {held:,} held-out images",
                f"{row['accuracy']:.1%} right",
                "knn_accuracy",
            )
    linear = records.read("linear_accuracy")["results"]
    for name, entry in linear.items():
        found = entry["softmax"]["test_accuracy"]
        yield (
            f"linear softmax classifier on {name}, {len(found)} seeds",
            f"{sum(found) / len(found):.1%} right",
            "linear_accuracy",
        )
    speed = records.read("linear_speed")["softmax"]["500"]
    autograd = speed["cnnlab"]["ratio_median_of_rounds"]
    loops = autograd / speed["loops"]["ratio_median_of_rounds"]
    yield (
        "softmax loss and gradient, 500 images, in NumPy",
        f"{autograd:.1f} × as fast as PyTorch autograd, {loops:.0f} × as loops",
        "linear_speed",
    )
    yield from _latency(records.read("widget_latency"))
    imports = records.read("import_time")["imports"]
    yield (
        "`import cnnlab`; the NumPy half with NumPy",
        f"{1000 * imports['cnnlab']['median_s']:.0f} ms; "
        f"{imports['numpy_half']['median_s']:.2f} s",
        "import_time",
    )
    yield from _scenes(records.read("scenes_speed"))
    yield from _training_runs()
    yield from _training_speed()
    yield from _mutation()


def _mutation():
    found = _stored("mutants")
    if found is not None and found["sample"] is None:
        rows = found["modules"].values()
        tried = sum(row["tried"] for row in rows)
        noticed = tried - sum(len(row["survivors"]) for row in rows)
        share = 100 * noticed / tried
        names = ", ".join(f"`{name}`" for name in found["modules"])
        yield (
            f"changes of one operator or number in {names}",
            f"{noticed:,} of {tried:,} ({share:.0f} %) noticed by its tests",
            "mutants",
        )


def _training_runs():
    if (lenet := _stored("lenet_accuracy")) is not None:
        right, minutes = lenet["accuracy"], lenet["minutes"]["mean"]
        yield (
            f"LeNet-5 on MNIST, {right['seeds']} seeds",
            f"{right['mean']:.2%} right ({right['least']:.2%} to "
            f"{right['greatest']:.2%}), {minutes:.1f} minutes each",
            "lenet_accuracy",
        )
    for preset in ("cifar2012", "cifar-modern"):
        name = f"cifar_accuracy_{preset}"
        if (run := _stored(name)) is not None:
            yield (
                f"CIFAR-size AlexNet, preset `{preset}`, on {run['dataset']}, one seed",
                f"{run['accuracy_1_crop']:.1%} right, {run['accuracy_10_crop']:.1%} by "
                f"ten crops, in {run['minutes']:.0f} minutes{_cores(run)}",
                name,
            )
    if (tiny := _stored("tiny_accuracy")) is not None:
        yield (
            f"half-width AlexNet, {tiny['dataset']} at 64 pixels, one seed",
            f"{tiny['accuracy_1_crop']:.1%} right, {tiny['accuracy5_1_crop']:.1%} "
            f"among the first five, in {tiny['minutes']:.0f} minutes{_cores(tiny)}",
            "tiny_accuracy",
        )
    if (race := _stored("start_race")) is not None:
        last = {name: arm["last"]["mean"] for name, arm in race["recipes"].items()}
        yield (
            "loss after 240 steps on ten classes (chance: 2.303)",
            ", ".join(f"{loss:.2f} ({name})" for name, loss in last.items()),
            "start_race",
        )
    if (race := _stored("activation_race")) is not None:
        epochs = {
            name: arm["epochs"] or f"more than {len(arm['train_error'])}"
            for name, arm in race["arms"].items()
        }
        yield (
            "epochs to 25 % training error on CIFAR-10, four layers, one seed",
            "; ".join(f"{name}: {count}" for name, count in epochs.items()),
            "activation_race",
        )
    if (lrn := _stored("lrn_speed")) is not None:
        yield from _lrn_rows(lrn)


def _cores(run) -> str:
    return f" on {run['threads']} core{'s' if run['threads'] > 1 else ''}"


def _lrn_rows(record):
    for place in ("norm1 at 224 pixels", "norm1 at 32 pixels"):
        times = record[place]["channels_last, 1 tower"]["cnnlab"]
        yield (
            f"local response normalisation with gradient, {place}, on a processor",
            f"{times['ratio_median_of_rounds']:.1f} × as fast as PyTorch's",
            "lrn_speed",
        )


def _latency(record):
    ways = record["ways"]
    ours = ways["mosaic_png"]
    slow = ways["axes_to_output"]
    yield (
        "key press to changed pixels in the browser, 64 images",
        f"{ours['median_ms']:.0f} ms (median of {ours['presses']}); redrawing "
        f"Matplotlib axes: {slow['median_ms']:.0f} ms",
        "widget_latency",
    )
    if lessons := record.get("lessons"):
        medians = [row["median_ms"] for row in lessons.values()]
        yield (
            f"the same, one step of the moving pictures of {len(lessons)} notebooks",
            f"{min(medians):.0f} to {max(medians):.0f} ms (medians)",
            "widget_latency",
        )


def _scenes(record):
    slowest = min(record["speed"].values())
    yield (
        "generated scenes, on one core, at the slowest setting of the dials",
        f"{slowest:,} pictures a second",
        "scenes_speed",
    )


def _stored(name):
    """Return a record if it was measured; those of GPUs may not be."""
    try:
        return records.read(name)
    except FileNotFoundError:
        return None


def _training_speed():
    for name in ("train_path_speed", "train_path_speed_cuda"):
        if (path := _stored(name)) is not None:
            yield _path_row(path, name)
    for name in ("train_reference_speed", "train_reference_speed_cuda"):
        if (reference := _stored(name)) is not None:
            yield from _reference_rows(reference, name)
    if (gpu := _stored("gpu_speed")) is not None:
        yield from _gpu_rows(gpu)
    if (overhead := _stored("loop_overhead_speed")) is not None:
        costs = [
            f"{100 * (row['time_of_ours_to_bare']['median'] - 1):+.1f} % ({case})"
            for case, row in overhead["cases"].items()
        ]
        what = "time of a training step with logs and checks, beside a bare loop"
        yield what, ", ".join(costs), "loop_overhead_speed"
    if (arithmetic := _stored("cpu_arithmetic_speed")) is not None:
        yield from _arithmetic_rows(arithmetic)
    if (waiting := _stored("wait_policy_speed")) is not None:
        gain = waiting["active_to_passive"]["median"]
        spin = waiting.get("spin_to_passive")
        what = f"training `{waiting['preset']}` on a processor with nothing else to do"
        words = f"{gain:.2f} × as fast with OMP_WAIT_POLICY=ACTIVE"
        if spin is not None:
            words += f", {spin['median']:.2f} × by itself, from the command line"
        yield what, words, "wait_policy_speed"
    if (memory := _stored("train_memory")) is not None:
        what = f"memory that training gains in {memory['steps']:,} steps"
        yield what, f"{memory['growth_mib']:+.1f} MiB", "train_memory"


def _path_row(record, name):
    rates, device = record["images_per_s"], record.get("gpu", "processor")
    share = record["end_to_end_of_slower_part"]["median"]
    return (
        f"training {record['net']} at {record['crop']} pixels, batch "
        f"{record['batch']}, {record['precision']}, {device}",
        f"{rates['end to end']['median']:,.0f} images/s, {share:.0%} of its slower "
        f"part; arithmetic at {record['compute_of_roofline']:.0%} of a matrix product",
        name,
    )


def _reference_rows(record, name):
    if "data" in record:
        cores, row = list(record["data"]["by_cores"].items())[-1]
        times = row["times_as_fast"]
        yield (
            f"batches of {record['data']['crop']} pixels, against JPEG files with "
            f"{cores} workers",
            f"gathered {times['gathered']['median']:.0f} ×, augmented as float32 "
            f"{times['on the device']['median']:.0f} × as fast",
            name,
        )
    if "train" in record:
        row = record["train"]
        yield (
            f"training {row['net']} at {row['crop']} pixels, against torchvision's way",
            f"{row['times_as_fast']['median']:.1f} × as fast, losses "
            f"{row['apart']:.1%} of chance apart",
            name,
        )


def _gpu_rows(record):
    rows = record["rows"]
    for name, row in rows.items():
        kind, _, preset = name.partition(" ")
        if kind != "step" or preset.endswith(" eager"):
            continue
        words = [f"{row['images_per_s']:,.0f} images/s"]
        if "of_floor" in row:
            words.append(f"{row['of_floor']:.0%} of the floor's rate")
        if (eager := rows.get(f"eager loop {preset}")) is not None:
            times = f"{eager['ours_to_theirs']:.1f} × as fast as a tuned eager loop"
            words.append(times)
        yield (
            f"step of `{preset}`, batch {row['batch']}, {row['precision']}, "
            f"{record['gpu']}",
            ", ".join(words),
            "gpu_speed",
        )
    for where, words in (("resident", "on the GPU"), ("streamed", "in host memory")):
        if (row := rows.get(f"end to end {where}")) is not None:
            what = f"training `krizhevsky2012` on the same GPU, images {words}"
            yield what, f"{row['images_per_s']:,.0f} images/s", "gpu_speed"


def _arithmetic_rows(record):
    for case, row in record["cases"].items():
        times = row["times_as_fast_as_base"]["bf16 channels last"]["median"]
        yield (
            f"training step of {case} on a processor, bfloat16 and channels last",
            f"{times:.1f} × as fast as float32; chosen: {row['chosen']}",
            "cpu_arithmetic_speed",
        )


def fill(text: str) -> str:
    """Return the README's text with its marked tables written anew."""
    for mark, table in (
        ("lessons", lessons),
        ("modules", modules),
        ("records", numbers),
    ):
        pattern = rf"(<!-- {mark} -->\n).*?(<!-- /{mark} -->)"
        text, count = re.subn(
            pattern, lambda m, t=table: f"{m[1]}{t()}\n{m[2]}", text, flags=re.S
        )
        assert count == 1, f"README.md needs one table marked {mark}"
    return text


if __name__ == "__main__":
    README.write_text(fill(README.read_text(encoding="utf-8")), encoding="utf-8")
