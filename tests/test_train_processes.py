"""Training as processes: killed at random moments, told to stop, two at once."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest
import torch
from _packing import pillow
from _training import TINY, pictures

from cnnlab import packed, train
from cnnlab.train import __main__ as cli
from cnnlab.train import checkpoints, logs, parallel

pytestmark = pytest.mark.slow
ENV = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def write_tree(folder, n: int, seed: int) -> None:
    """Write pictures as files, one folder a class."""
    part = pictures(n, seed)
    for index, (image, label) in enumerate(zip(part.images, part.labels, strict=True)):
        place = folder / part.classes[label]
        place.mkdir(parents=True, exist_ok=True)
        pillow().fromarray(image.transpose(1, 2, 0)).save(place / f"{index:04d}.png")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_tree(folder / "tree" / "train", 240, 1)
    write_tree(folder / "tree" / "val", 25, 2)
    packed.pack(folder / "tree", folder / "store", size=36, progress=False)
    return folder / "store"


def line(store, out, *more, processes: int = 1, dropout: float = 0.5) -> list[str]:
    """Return the command line of a small training, as TINY of ``_training``."""
    start = ["-m", "cnnlab.train"]
    if processes > 1:
        start = ["-m", "torch.distributed.run", "--standalone",
                 f"--nproc-per-node={processes}", *start]  # fmt: skip
    return [
        sys.executable, *start, "--preset", "krizhevsky2012", "--data", str(store),
        "--out", str(out), "--crop", "32", "--batch", "16", "--epochs", "4",
        "--lr", "0.01", "--chunk", "1", "--drops", "2", "--precision", "fp32",
        "--device", "cpu", "--resume", "auto", "--interval", "5",
        "--init", "he", "--unit", "--mean", "channel",
        "--options", "width=0.08", "hidden=16", f"dropout={dropout}", *more,
    ]  # fmt: skip


def finish(command) -> subprocess.CompletedProcess:
    done = subprocess.run(command, env=ENV, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    return done


def finish_here(command) -> None:
    """Run the same command in this process, where PyTorch is loaded already."""
    assert cli.main(command[3:]) == 0  # behind "python -m cnnlab.train"


def final(out) -> dict:
    return checkpoints.newest(out)[1]


def assert_same(one: dict, other: dict) -> None:
    assert one["step"] == other["step"]
    for part in ("net", "velocity"):
        for name, w in one[part].items():
            assert torch.equal(w, other[part][name]), name


@pytest.fixture(scope="module")
def whole(store, tmp_path_factory):
    """An uninterrupted run."""
    out = tmp_path_factory.mktemp("whole") / "run"
    finish_here(line(store, out))
    return out


SLOW = """
import sys, time
from cnnlab.train import __main__ as cli, checkpoints
seal = checkpoints._seal
def slowly(out):
    out.flush()
    time.sleep(0.1)
    seal(out)
checkpoints._seal = slowly
sys.exit(cli.main(sys.argv[1:]))
"""


def test_a_run_killed_at_random_moments_ends_like_one_that_was_not(
    store, whole, tmp_path
):
    out, dice = tmp_path / "run", random.Random(7)
    more = line(store, out, "--save-minutes", "0.0005")[3:]  # every 30 ms
    for _ in range(int(os.environ.get("CNNLAB_KILLS", "2"))):
        process = subprocess.Popen(  # so slow that a checkpoint is always on its way
            [sys.executable, "-c", SLOW, *more],
            env=ENV, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        before = checkpoints.found(out)
        limit = time.monotonic() + 120
        while checkpoints.found(out) == before and process.poll() is None:
            assert time.monotonic() < limit
            time.sleep(0.01)
        time.sleep(dice.uniform(0, 0.3))
        process.kill()
        process.wait()
    finish_here(line(store, out))
    assert_same(final(out), final(whole))
    rows, expected = logs.read(out)[0], logs.read(whole)[0]
    assert (
        [r["step"] for r in rows] == [r["step"] for r in expected] == [15, 30, 45, 60]
    )
    for row, other in zip(rows, expected, strict=True):
        assert row["train_loss"] == pytest.approx(other["train_loss"], abs=1e-12)


def test_sigterm_saves_and_says_so_and_the_run_goes_on_exactly(store, whole, tmp_path):
    out = tmp_path / "run"
    process = subprocess.Popen(
        line(store, out, "--epochs", "4"), env=ENV, stdout=subprocess.PIPE, text=True
    )
    limit = time.monotonic() + 120
    while not (out / "intervals.jsonl").exists() or not logs.read(out)[1]:
        assert time.monotonic() < limit and process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    if process.returncode != 0:  # it had not ended by itself
        assert process.returncode == 143
        assert "stopped by SIGTERM after step" in said
        assert 0 < final(out)["step"] < 60
    finish_here(line(store, out))
    assert_same(final(out), final(whole))


def assert_close(one: dict, other: dict) -> None:
    """Equal but for the order of sums in float32, which differs by 1e-8 a step."""
    assert one["step"] == other["step"]
    for name, w in one["net"].items():
        torch.testing.assert_close(w, other["net"][name], rtol=1e-4, atol=1e-6)


@pytest.fixture(scope="module")
def alone(store, tmp_path_factory):
    """A run of one process, past the first epoch of 15 steps."""
    out = tmp_path_factory.mktemp("alone") / "run"
    finish_here(line(store, out, "--steps", "17", dropout=0))
    return out


def test_two_processes_equal_one_with_the_same_global_batch(store, alone, tmp_path):
    both = tmp_path / "both"
    finish(line(store, both, "--steps", "17", processes=2, dropout=0))
    assert_close(final(alone), final(both))
    rows = zip(logs.read(alone)[0], logs.read(both)[0], strict=True)
    for row, other in rows:
        assert row["count"] == other["count"] == 25  # odd: shares of 12 and 13
        for key in ("error", "train_error", "loss", "train_loss"):
            assert row[key] == pytest.approx(other[key], abs=1e-5), key
    config = json.loads((both / "config.json").read_text())
    assert config["runs"][0]["processes"] == 2


def test_a_run_begun_by_one_process_can_be_finished_by_two(store, alone, tmp_path):
    both = tmp_path / "both"
    finish_here(line(store, both, "--steps", "7", dropout=0))
    finish(line(store, both, "--steps", "17", processes=2, dropout=0))
    assert_close(final(alone), final(both))
    rows = [[r for r in logs.read(out)[0] if r["step"] == 15] for out in (alone, both)]
    for key in ("train_loss", "train_error", "loss", "error"):  # of a shared epoch
        assert rows[0][0][key] == pytest.approx(rows[1][0][key], abs=1e-5), key


def test_a_folder_of_photographs_is_trained_on_with_one_command(tmp_path, capsys):
    write_tree(tmp_path / "photos", 60, 3)
    (tmp_path / "photos" / "a" / "broken.jpg").write_bytes(b"no picture")
    out = tmp_path / "run"
    command = line(tmp_path / "photos", out, "--store", "36", "--steps", "2")
    finish_here(command)
    said = capsys.readouterr().out
    assert "packing" in said and "1 skipped" in said
    assert (out / "store" / packed.store.HEADER).is_file()
    assert TINY.crop == 32 and final(out)["step"] == 2
    finish_here([*command[:3], "eval", str(out), "--crops", "10"])
    told = capsys.readouterr().out
    write_tree(tmp_path / "photos", 90, 4)  # more pictures than the store holds
    assert cli.main(command[3:]) == 1
    said = capsys.readouterr().err
    assert "of other images" in said and "delete" in said
    assert "this run, 10 crops" in told and "paper, 1 network" in told


def test_faults_end_with_one_sentence_and_no_traceback(store, tmp_path, capsys):
    for command, words in (
        (line(store, tmp_path / "a", "--crop", "64"), "cuts inputs of 64 pixels"),
        (line(tmp_path / "nothing", tmp_path / "b"), "there is no file or folder"),
        (line(store, tmp_path / "c", "--lr", "1e30"), "not finite at step"),
        ([*line(store, tmp_path)[:3], "eval", str(tmp_path)], "no checkpoint"),
    ):
        assert cli.main(command[3:]) == 1
        said = capsys.readouterr().err
        assert words in said and "Traceback" not in said


def test_two_processes_judge_the_network_that_is_saved(store, tmp_path):
    out = tmp_path / "run"
    more = ("--steps", "15", "norm=batch")  # the last one continues --options
    command = line(store, out, processes=2, dropout=0)
    finish([*command, more[2], *more[:2]])
    run, source = train.load(out, store, device="cpu")
    group = parallel.Group(0, 1, run.state.device)
    found = train.accuracy(run.net, source.valid, run.state, group)
    logged = logs.read(out)[0][-1]
    assert logged["loss"] == pytest.approx(found["loss"], rel=1e-4)


PATIENCE = """
import sys, time
from datetime import timedelta
from cnnlab.course import door
from cnnlab.train import parallel
parallel.PATIENCE = timedelta(seconds=2)
def run(argv):
    with parallel.group("cpu") as group:
        time.sleep(4 if group.first else 0)  # the first one packs images
        group.await_first()
        print("packed", flush=True)
        time.sleep(0 if group.first else 60)  # frozen
        group.any(False)
sys.exit(door.enter(run, "train"))
"""


def test_processes_wait_while_the_first_one_packs_but_not_for_a_frozen_one(tmp_path):
    (tmp_path / "wait.py").write_text(PATIENCE)
    call = [sys.executable, "-m", "torch.distributed.run", "--standalone",
            "--nproc-per-node=2", str(tmp_path / "wait.py")]  # fmt: skip
    done = subprocess.run(call, capture_output=True, text=True, timeout=120, env=ENV)
    assert done.stdout.count("packed") == 2, done.stderr
    said = [line for line in done.stderr.splitlines() if line.startswith("train: ")]
    assert done.returncode == 1 and len(said) == 1, done.stderr
    assert "did not answer for 0.0333 minutes" in said[0] and "--resume" in said[0]
