"""The benchmarks of training run, and their records hold together; not how fast."""

import importlib
import importlib.util
import json
import math
import os
import sys
import time
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from cnnlab import data, nets, packed, train
from cnnlab.course import records

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
TRIAL = ["--rounds", "2", "--device", "cpu"]


@pytest.fixture
def script(monkeypatch):
    """Return a function that imports a benchmark and keeps its record in memory."""
    written = {}
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setattr(
        records,
        "write",
        lambda name, payload, command=None: written.update({name: payload}),
    )

    def run(name: str, *arguments: str) -> dict:
        importlib.import_module(name).main([str(a) for a in arguments])
        (record,) = written.values()
        return json.loads(json.dumps(record))  # what a file would hold

    before = set(sys.modules)
    yield run
    for name in set(sys.modules) - before:  # other tests must not find them
        if (BENCHMARKS / f"{name}.py").exists():
            del sys.modules[name]


@pytest.fixture
def gpu(helpers):
    """``benchmarks/gpu.py``, by its path: other modules have that name too."""
    spec = importlib.util.spec_from_file_location("_gpu", BENCHMARKS / "gpu.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def helpers(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("_photographs"), importlib.import_module("_turns")


@pytest.mark.parametrize(
    ("name", "giga"),  # closed form: 6 MACs - 2 MACs of conv1
    [("alexnet", 4.136), ("alexnet-one-tower", 6.601), ("owt2014", 4.145)],
)
def test_training_flops_are_the_closed_form(helpers, name, giga):
    path = importlib.import_module("train_path_speed")
    assert path.training_flops(nets.build(name)) / 1e9 == pytest.approx(giga, abs=5e-4)


def test_bytes_that_a_step_moves_are_the_closed_form(gpu):
    layers = OrderedDict(
        conv=nn.Conv2d(3, 4, 3, padding=1), relu=nn.ReLU(), pool=nn.MaxPool2d(2),
        flatten=nn.Flatten(), fc=nn.Linear(64, 5),
    )  # fmt: skip
    net = nets.Network(layers, (3, 8, 8))
    numbers = 2 * 192 + 2 * 256  # conv: image twice, output and its gradient
    numbers += 3 * 256 + 2 * 64  # pool: its input twice; gradient; the other side
    numbers += 3 * 64 + 2 * 5  # fc
    moved = gpu.training_bytes(net, 10)
    assert moved == 2 * 10 * numbers + 30 * (112 + 325)


def test_a_row_that_fails_is_kept_and_ends_no_other(gpu, tmp_path, capsys):
    rows = gpu.Rows(tmp_path / "rows.jsonl")
    rows.measure("divides", lambda a: (a / 0, ""), 1)
    rows.measure("adds", lambda a: ({"sum": a + 1}, "two"), 1)
    with pytest.raises(SystemExit) as ended:  # a GPU that answers nothing any more
        rows.measure("lost", raising(RuntimeError("CUDA error: misaligned address")))
    assert ended.value.code == gpu.LOST
    with pytest.raises(KeyboardInterrupt):  # as if the process had been killed
        rows.measure("killed", raising(KeyboardInterrupt))
    again = gpu.Rows(rows.path, seconds=-1)
    again.measure("adds", None)  # was tried
    again.measure("late", None)
    assert again.found == {"adds": {"sum": 2}}
    assert set(again.failed) == {"divides", "lost", "killed", "late"}
    assert "division by zero" in again.failed["divides"]
    assert again.failed["killed"] == "its process ended"
    assert "adds: two" in capsys.readouterr().out


def raising(error):
    def work():
        raise error

    return work


def test_what_takes_too_long_is_ended_with_all_it_began(gpu, tmp_path):
    begins = "import subprocess as s; print('begun', s.Popen(['sleep', '60']).pid)"
    command = [sys.executable, "-uc", f"{begins}; import time; time.sleep(60)"]
    status, said = gpu.watched(command, gpu.Rows(tmp_path / "rows.jsonl"), 1.0)
    assert status is None and said.startswith("begun ")
    for _ in range(50):
        if not alive(int(said.split()[1])):
            return
        time.sleep(0.1)
    raise AssertionError("a child of the command goes on")


def alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.slow
def test_the_gpu_script_measures_a_small_network(gpu, tmp_path):
    tables = importlib.import_module("readme_tables")
    for split, images in (("train", few_photographs(24, 72, 1)), ("val", None)):
        images = images or few_photographs(6, 72, 2)
        for n, image in enumerate(images.images):
            folder = tmp_path / "tree" / split / "abc"[images.labels[n]]
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image.transpose(1, 2, 0)).save(folder / f"{n}.png")
    packed.pack(tmp_path / "tree", tmp_path / "store", size=72, progress=False,
                workers=1)  # fmt: skip
    options = gpu.parsed(["--device", "cpu", "--small", "--presets", "krizhevsky2012"])
    rows = gpu.Rows(tmp_path / "rows.jsonl")
    for section in (gpu.speed, gpu.reference):
        section(tmp_path / "store", options, rows)
    assert not rows.failed
    step, eager = (rows.found[f"{kind} krizhevsky2012"] for kind in
                   ("step", "eager loop"))  # fmt: skip
    assert step["us"] == pytest.approx(1e6 * 8 / step["images_per_s"], rel=1e-2)
    floor = step["floor_flops_us"] + step["floor_bytes_us"]
    assert step["of_floor"] == pytest.approx(floor / step["us"], abs=1e-3)
    assert eager["ours"] == step["images_per_s"]
    for where in ("resident", "streamed"):
        assert rows.found[f"end to end {where}"]["images_per_s"] > 0
        assert rows.found[f"data {where}"]["images_per_s"] > step["images_per_s"] / 5
    told = list(tables._gpu_rows({"gpu": "a GPU", "rows": rows.found}))
    assert len(told) == 3 and "as fast as a tuned eager loop" in told[0][1]


def test_a_rate_counts_only_timed_steps(helpers, monkeypatch):
    _, turns = helpers
    clock = iter([0.0, 4.0])
    monkeypatch.setattr(turns.time, "perf_counter", lambda: next(clock))
    calls = []
    cpu = torch.device("cpu")
    assert turns.rate(lambda: calls.append(0), steps=8, warm=3, device=cpu) == 2
    assert len(calls) == 11


def test_ratios_compare_the_same_round(helpers):
    _, turns = helpers
    assert turns.ratio([1.0, 4.0, 9.0], [1.0, 2.0, 3.0]) == {
        "median": 2.0, "least": 1.0, "greatest": 3.0,
    }  # fmt: skip


def test_trees_hold_different_photographs_and_repeat_them_by_links(helpers, tmp_path):
    photographs, _ = helpers
    tree = photographs.write_tree(tmp_path / "tree", 24, (40, 30))
    files = sorted(tree.rglob("*.jpg"))
    assert len(files) == 24 and len({f.read_bytes() for f in files}) == 24
    more = photographs.at_least(tree, 60, tmp_path / "more")
    assert len(list(more.rglob("*.jpg"))) == 72


@pytest.mark.slow
def test_path_speed_reports_four_rates(script, capsys):
    row = script(
        "train_path_speed", *TRIAL, "--images", 96, "--batch", 8, "--steps", 2,
        "--side", 64, "--precision", "fp32",
    )  # fmt: skip
    rates = row["images_per_s"]
    assert set(rates) == {"data", "compute", "end to end", "roofline"}
    assert all(len(r["rounds"]) == 2 for n, r in rates.items() if n != "roofline")
    assert rates["data"]["median"] > rates["compute"]["median"] > 0
    assert 0.05 < row["end_to_end_of_slower_part"]["median"] < 20
    said = capsys.readouterr().out  # each rate as soon as it is known
    assert said.index("  data: ") < said.index("  compute: ") < said.index("GFLOP")
    assert said.count("  end to end: ") == 2
    flops = row["flops_per_image"] * rates["roofline"]["median"]
    assert flops == pytest.approx(row["peak_flops_per_s"])


def test_path_speed_takes_a_store(script, helpers, tmp_path, monkeypatch):
    photographs, _ = helpers
    tree = photographs.write_tree(tmp_path / "tree", 60, (40, 40))
    packed.pack(tree, tmp_path / "store", size=36, progress=False)
    module, seen = importlib.import_module("train_path_speed"), []

    def stop(pair, preset, *rest):
        seen.append((pair[0].images.shape[1:], preset.crop, preset.batch))
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "measure", stop)
    with pytest.raises(KeyboardInterrupt):
        script(
            "train_path_speed", *TRIAL, tmp_path / "store", "--crop", 32, "--batch", 8
        )
    assert seen == [((36, 36, 3), 32, 8)]


@pytest.mark.slow
def test_the_reference_trains_like_ours_from_the_same_files(script):
    row = script(
        "train_reference_speed", *TRIAL, "--images", 36, "--batch", 16, "--cores", 1,
        "--steps", 3, "--seconds", 0.05, "--rounds", 1,
    )  # fmt: skip
    times = row["data"]["by_cores"]["1"]["times_as_fast"]
    assert times["gathered"]["median"] > 2  # bytes are gathered, not decoded
    both = row["train"]["mean_losses"]
    assert len(both["ours"]) == len(both["reference"]) == 1
    chance = math.log(12)
    for losses in both.values():
        assert 0 < losses[0] < 2.5 * chance
    # The first means are of the same weights, images and recipe, other crops.
    assert both["ours"][0] == pytest.approx(both["reference"][0], abs=chance)


@pytest.mark.slow
def test_overhead_compares_the_loop_with_a_bare_one(script):
    row = script(
        "loop_overhead_speed", *TRIAL, "--images", 640, "--steps", 5,
        "--case", "lenet5",
    )["cases"]["lenet5"]  # fmt: skip
    assert set(row["images_per_s"]) == {"end to end", "bare loop", "step alone"}
    assert 0.05 < row["time_of_ours_to_bare"]["median"] < 20


@pytest.mark.slow
def test_waiting_threads_are_compared_in_processes_of_their_own(script, monkeypatch):
    module = importlib.import_module("wait_policy_speed")
    real, measured = module.speed, {"PASSIVE": 100.0, "ACTIVE": 150.0}

    def speed(policy, options, rivals=0):  # one way is really measured, and once
        if policy not in measured:
            measured[policy] = real(policy, options)
        return measured[policy] / (1 + rivals)

    monkeypatch.setattr(module, "speed", speed)
    row = script(
        "wait_policy_speed", "--rounds", 1, "--steps", 1, "--precision", "fp32"
    )
    for place in ("", "_beside_one_program"):
        found = row[f"images_per_s{place}"]
        assert set(found) == {"PASSIVE", "SPIN", "ACTIVE"}
        for policy in ("SPIN", "ACTIVE"):
            quotient = found[policy][0] / found["PASSIVE"][0]
            gain = row[f"{policy.lower()}_to_passive{place}"]["median"]
            assert gain == pytest.approx(quotient, abs=1e-3)


@pytest.mark.slow
def test_arithmetic_compares_formats_and_layouts(script):
    row = script(
        "cpu_arithmetic_speed", "--rounds", 2, "--steps", 2, "--case", "lenet5"
    )["cases"]["lenet5"]  # fmt: skip
    assert len(row["images_per_s"]) == 4
    assert row["times_as_fast_as_base"]["fp32 NCHW"]["median"] == 1
    assert row["chosen"] in ("fp32", "bf16")
    assert 0 <= row["chosen_behind_faster"] < 1


@pytest.mark.slow
def test_memory_is_noted_through_the_steps(script, monkeypatch):
    monkeypatch.setattr(importlib.import_module("train_memory"), "INTERVAL", 8)
    row = script(
        "train_memory", "--device", "cpu", "--images", 160, "--steps", 8, "--warm", 8
    )
    assert row["notes"]["step"] == [8, 16]
    assert 50 < row["first_mib"] < 20_000
    assert row["reader_host_bytes"] == 4 * 64 * 3 * 32 * 32


def test_no_benchmark_names_a_place_of_one_machine():
    for path in BENCHMARKS.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert os.sep + "tmp" + os.sep not in text and "/work" not in text, path


def test_the_best_of_the_tried_rates_has_neighbours_on_both_sides(helpers, monkeypatch):
    race = importlib.import_module("activation_race")
    monkeypatch.setattr(race, "trial", lambda arm, pair, lr: abs(math.log(lr / 0.25)))
    for rates in ((0.001, 0.003, 0.01), (1.0, 3.0, 9.0), (0.1, 0.3, 0.9)):
        trials = race.try_rates(None, None, rates)
        best = min(trials, key=trials.get)
        assert min(trials) < best < max(trials) and 0.1 < best < 0.6


def test_the_record_of_the_activation_race_holds_together():
    for arm in records.read("activation_race")["arms"].values():
        rates = {float(rate): error for rate, error in arm["trials"].items()}
        assert arm["lr"] == min(rates, key=rates.get)
        assert min(rates) < arm["lr"] < max(rates)
        *before, last = arm["train_error"]
        assert all(error >= 0.25 for error in before)
        assert arm["epochs"] == (len(before) + 1 if last < 0.25 else None)


def test_spinning_threads_were_faster_in_every_round_as_the_readme_says():
    row = records.read("wait_policy_speed")
    assert row["active_to_passive"]["least"] > 1.1


def few_photographs(n: int, side: int, seed: int):
    """Return noisy pictures of three classes, told apart by their brightest channel."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    images = rng.integers(0, 120, (n, 3, side, side))
    images[np.arange(n), labels] += 90
    return data.Dataset(images.astype(np.uint8), labels, tuple("abc"), "noise", "train")


def test_ablations_and_depth_go_on_with_the_rows_that_are_missing(
    helpers, monkeypatch, tmp_path
):
    kept, trainings = {}, []

    def read(name):
        if name not in kept:
            raise FileNotFoundError
        return json.loads(json.dumps(kept[name]))

    monkeypatch.setattr(records, "read", read)
    monkeypatch.setattr(
        records, "write", lambda name, payload, command: kept.update({name: payload})
    )
    monkeypatch.setattr(importlib.import_module("_shipped"), "FOLDER", tmp_path)
    for name, side, rows in (
        ("ablations", 32, ("base", "no crops, no reflections")),
        ("depth", 16, ("plain 8", "residual 8")),
    ):
        module = importlib.import_module(name)
        pair = few_photographs(12, side, 1), few_photographs(6, side, 2)
        parts = (pair, pair) if name == "ablations" else pair
        monkeypatch.setattr(module, "parts", lambda found=parts: found)
        monkeypatch.setattr(module, "EPOCHS", 1)
        monkeypatch.setattr(module, "TRIAL_EPOCHS", 1, raising=False)
        monkeypatch.setattr(module, "SEEDS", 1)
        monkeypatch.setattr(module, "RATES", (0.01,))
        monkeypatch.setattr(module, "BASE", module.BASE.change(batch=6, epochs=1))
        one = module.trained
        monkeypatch.setattr(
            module, "trained",
            lambda row, *rest, one=one, **more: (
                trainings.append(row), one(row, *rest, **more))[1],
        )  # fmt: skip
        module.main([rows[0]])
        before = json.dumps(kept[name]["rows"][rows[0]])
        trainings.clear()
        module.main(list(rows))
        assert set(trainings) == {rows[1]}
        assert json.dumps(kept[name]["rows"][rows[0]]["runs"]) in before
        for row in rows:
            (run,) = kept[name]["rows"][row]["runs"]
            assert 0 <= run["error"] <= 1 and len(run["curve"]["error"]) == 1
    row = kept["ablations"]["rows"]["no crops, no reflections"]
    assert row["minus_base"]["seeds"] == 1


def test_rows_of_the_ablations_change_what_they_say(helpers):
    ablations, depth = map(importlib.import_module, ("ablations", "depth"))
    base = ablations.recipe("base").as_dict()
    for row in list(ablations.ROWS)[1:]:
        changed = [
            k for k, v in ablations.recipe(row).as_dict().items() if v != base[k]
        ]
        assert changed or ablations.ROWS[row] == {"centre": True}
    for module in (ablations, depth):
        for row in module.ROWS:
            preset = module.recipe(row)
            with torch.device("meta"):
                nets.build(preset.net, num_classes=10, image_size=preset.crop,
                           **preset.options)  # fmt: skip


def test_the_photo_network_is_stored_as_it_is_read(helpers, monkeypatch, tmp_path):
    photo, shipped = (importlib.import_module(n) for n in ("photo_net", "_shipped"))
    images = few_photographs(36, 64, 3)
    for n, image in enumerate(images.images):
        split = "val" if n % 4 == 0 else "train"
        folder = tmp_path / "tree" / split / images.classes[images.labels[n]]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.transpose(1, 2, 0)).save(folder / f"{n}.png")
    packed.pack(tmp_path / "tree", tmp_path / "store", size=64, progress=False)
    monkeypatch.setattr(shipped, "FOLDER", tmp_path / "nets")
    monkeypatch.setitem(train.shipped.__globals__, "FOLDER", tmp_path / "nets")
    kept = []
    monkeypatch.setattr(photo.record, "write", lambda *found: kept.append(found))
    photo.main(
        tmp_path / "store", tmp_path / "run", steps=1, interval=1, progress=False
    )
    ((name, told, arrays),) = kept
    assert name == "alexnet_run" and told["filters"] == [24, 3, 7, 7]
    assert told["judged"]["10"]["count"] == told["data"]["validation"] == 9
    found = train.shipped("photo")
    run, source = train.load(tmp_path / "run")
    assert found.classes == source.classes == ("a", "b", "c")
    assert set(found.about["judged"]) == {"1", "10"}
    for name, w in run.net.state_dict().items():
        assert torch.equal(found.net.state_dict()[name], w.half().float())


@pytest.mark.parametrize("name", ["ablations", "depth"])
def test_the_records_of_ablations_and_depth_hold_together(helpers, name):
    module, stored = importlib.import_module(name), records.read(name)
    for row, entry in stored["rows"].items():
        assert entry["changes"] == json.loads(json.dumps(module.ROWS[row]))
        seeds = [run["seed"] for run in entry["runs"]]
        assert len(seeds) == len(set(seeds)) <= stored["seeds"]
        if seeds and "trials" in entry:
            assert entry["lr"] == module._runs.best_rate(entry["trials"])
        for run in entry["runs"]:
            if run["error"] is not None:
                curve = run["curve"]["error"]
                assert len(curve) == stored["epochs"] and 0 < run["error"] < 0.91
                assert abs(curve[-1] - run["error"]) < 0.1  # of fewer photographs
