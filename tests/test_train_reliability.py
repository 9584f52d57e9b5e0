"""A run that is attacked: lost folders, full disks, pipes, signals, forged files."""

import errno
import json
import os
import signal
import tempfile
import time
from pathlib import Path

import pytest
import torch
from _packing import pack, tree
from _training import SAVES, TINY, digest, pair

from cnnlab import packed, train
from cnnlab.train import (
    TrainError,
    checkpoints,
    compute,
    evaluate,
    files,
    folder,
    logs,
    parallel,
    signals,
)
from cnnlab.train import __main__ as cli
from cnnlab.train.book import Book

POSIX = pytest.mark.skipif(os.name != "posix", reason="needs POSIX files and signals")
QUIET = {"progress": False, "device": "cpu"}


@pytest.fixture(scope="module")
def whole():
    """An uninterrupted run of three epochs of five steps."""
    return train.fit(TINY, pair(), **QUIET)


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Let temporary files lie in a folder of the test."""
    place = tmp_path / "elsewhere"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


def resumed(out, **more):
    return train.fit(TINY, pair(), out, resume="auto", **QUIET, **more)


# ---------------------------------------------------------- what is lost while training


@SAVES
def test_a_validation_that_fails_costs_no_step(tmp_path, monkeypatch, whole):
    def lost(*_):
        raise OSError(errno.ENOENT, "No such file", "val.images")

    with monkeypatch.context() as patch:
        patch.setattr(evaluate, "accuracy", lost)
        with pytest.raises(OSError, match="No such file"):
            resumed(tmp_path)
    saved = checkpoints.newest(tmp_path)[1]
    assert (saved["step"], saved["epoch"]) == (5, 0)  # still to be judged
    run = resumed(tmp_path)
    assert digest(run.net) == digest(whole.net)
    assert [row["step"] for row in run.history] == [5, 10, 15]
    assert run.state.errors == whole.state.errors


@SAVES
def test_data_that_cannot_be_read_any_more_cost_no_step(tmp_path, monkeypatch, whole):
    class Breaking(packed.Feeder):
        def __iter__(self):
            for number, batch in enumerate(super().__iter__()):
                if number == 8:
                    raise packed.store.DataError("the store is gone")
                yield batch

    with monkeypatch.context() as patch:
        patch.setattr(packed, "Feeder", Breaking)
        with pytest.raises(ValueError, match="the store is gone"):
            resumed(tmp_path)
    assert checkpoints.newest(tmp_path)[1]["step"] == 8
    assert digest(resumed(tmp_path).net) == digest(whole.net)


def test_pictures_altered_between_stop_and_resume_are_not_trained_on(tmp_path):
    layout = {"train/cat": 9, "train/dog": 9, "val/cat": 3, "val/dog": 3}
    root = tree(tmp_path / "pictures", layout)
    store, out = tmp_path / "store", tmp_path / "out"
    pack(root, store, size=36)
    recipe = TINY.change(batch=6, epochs=3)

    def go(**more):
        parts = packed.open(store), packed.open(store, "val")
        return train.fit(recipe, parts, out, resume="auto", **QUIET, **more)

    go(steps=4)
    saved = {path: path.read_bytes() for path in out.rglob("*.pt")}
    with open(store / "train.images", "r+b") as file:  # a white one among 18
        file.write(b"\xff" * (36 * 36 * 3))
    with pytest.raises(ValueError, match="train.images was altered"):
        go()
    assert saved and all(path.read_bytes() == was for path, was in saved.items())


def remove_lock(out):
    (out / folder.LOCK).unlink()


def replace_lock(out):
    remove_lock(out)
    (out / folder.LOCK).touch()


def move_folder(out):
    out.rename(out.with_name("moved"))
    out.mkdir()


@SAVES
@POSIX
@pytest.mark.parametrize("attack", [remove_lock, replace_lock, move_folder])
def test_a_run_whose_folder_or_lock_is_gone_stops_and_loses_nothing(
    tmp_path, elsewhere, attack
):
    out = tmp_path / "run"
    with pytest.raises(TrainError, match="was deleted or replaced") as caught:
        resumed(out, interval=4, on_interval=lambda row: attack(out))
    assert "step 5, was saved as" in str(caught.value)
    assert not checkpoints.found(out) and not (out / "log.jsonl").exists()
    (place,) = elsewhere.iterdir()
    checkpoint = checkpoints.found(place)[0][1]
    assert str(checkpoint) in str(caught.value)
    assert checkpoints.load(checkpoint)["step"] == 5


class Quota:
    """Stands for ``open``: a folder that holds so many checkpoints, and no more."""

    def __init__(self, place: Path, room: int):
        self.place, self.room = place, room

    def __call__(self, path, mode="r", **options):
        here = Path(path).parent == self.place and "checkpoint" in Path(path).name
        if here and mode != "rb" and len(checkpoints.found(self.place)) >= self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return open(path, mode, **options)


def test_a_full_disk_takes_the_older_checkpoint_before_the_new_one(
    tmp_path, monkeypatch
):
    for step in (1, 2):
        checkpoints.save(tmp_path, step, {"step": step})
    monkeypatch.setattr(files, "open", Quota(tmp_path, 2), raising=False)
    checkpoints.save(tmp_path, 3, {"step": 3})
    assert [step for step, _ in checkpoints.found(tmp_path)] == [3, 2]
    (tmp_path / "checkpoint-00000003.pt").write_bytes(b"damaged")
    with pytest.raises(TrainError, match="is full"):  # the last whole one is never
        checkpoints.save(tmp_path, 4, {"step": 4})
    assert checkpoints.load(tmp_path / "checkpoint-00000002.pt") == {"step": 2}


@SAVES
def test_a_disk_that_is_full_until_the_end_does_not_cost_the_weights(
    tmp_path, elsewhere, monkeypatch, whole
):
    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(files, "open", Quota(out, 0), raising=False)
        with (
            pytest.warns(UserWarning, match="is full.*Training goes on"),
            pytest.raises(TrainError, match=f"is full.*saved as {elsewhere}"),
        ):
            resumed(out)
    (place,) = elsewhere.iterdir()
    checkpoints.found(place)[0][1].rename(out / "checkpoint-00000015.pt")
    assert digest(resumed(out).net) == digest(whole.net)


@SAVES
def test_the_interval_log_of_a_run_in_parts_is_that_of_a_whole_one(tmp_path):
    train.fit(TINY, pair(), tmp_path / "whole", interval=4, **QUIET)
    for steps in (2, 5, 7, 8, None):
        resumed(tmp_path / "parts", steps=steps, interval=4)
    one, other = (logs.read(tmp_path / name)[1] for name in ("whole", "parts"))
    for row, same in zip(one, other, strict=True):
        for key in ("step", "epoch", "loss", "error", "lr"):
            assert row[key] == pytest.approx(same[key], abs=1e-12), (row["step"], key)


# ------------------------------------------------------------------- what is no file


@SAVES
@POSIX
@pytest.mark.parametrize(
    "name", [".lock", "log.jsonl", "intervals.jsonl", "checkpoint-00000001.pt"]
)
@pytest.mark.parametrize("kind", ["pipe", "link to a device"])
def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path, name, kind):
    if kind == "pipe":
        os.mkfifo(tmp_path / name)
    else:
        (tmp_path / name).symlink_to("/dev/zero")
    with pytest.raises(TrainError, match="it is a (named pipe|device), not a file"):
        resumed(tmp_path, steps=1)


@SAVES
@POSIX
def test_a_pipe_in_the_place_of_config_or_weights_is_replaced_or_refused(tmp_path):
    os.mkfifo(tmp_path / "config.json")
    os.mkfifo(tmp_path / "weights.safetensors")
    net = train.fit(TINY, pair(), steps=1, **QUIET).net
    with pytest.raises(TrainError, match="named pipe, not a file"):
        checkpoints.import_weights(net, tmp_path / "weights.safetensors")
    resumed(tmp_path, steps=1)
    assert json.loads((tmp_path / "config.json").read_text())["classes"]


@SAVES
@POSIX
def test_no_link_in_the_folder_leads_a_write_elsewhere(tmp_path):
    victim, out = tmp_path / "victim", tmp_path / "run"
    victim.write_text("mine")
    out.mkdir()
    for name in ("config.json", "log.jsonl", "weights.safetensors"):
        for part in ("partial", f"{os.getpid()}.partial"):
            (out / f".{name}.{part}").symlink_to(victim)
    (out / f".checkpoint-00000001.pt.{os.getpid()}.partial").symlink_to(victim)
    (out / "log.jsonl").write_text("odd\n")  # so that it is written anew
    resumed(out, steps=1)
    assert victim.read_text() == "mine"


# -------------------------------------------------------------------- forged content


@SAVES
@pytest.mark.parametrize(
    "text",
    ["[]", "7", '{"runs": 3, "data": 5}', '{"runs": {"a": 1}}', "[" * 99_999, "\0",
     '{"runs": null, "data": null}', "\ufeff{}"],
    ids=lambda text: text[:20].encode("unicode_escape").decode(),
)  # fmt: skip
def test_an_odd_config_is_no_config(tmp_path, text):
    (tmp_path / "config.json").write_text(text, encoding="utf-8")
    with pytest.raises(TrainError, match="holds no checkpoint"):
        train.load(tmp_path)
    found = folder.read_config(tmp_path)
    assert isinstance(found, dict) and not isinstance(found.get("data"), str)


def test_an_odd_config_is_replaced_when_a_run_begins(tmp_path):
    (tmp_path / "config.json").write_text('{"runs": 3, "data": 5}')
    run = train.fit(TINY, pair(), steps=1, **QUIET)
    group = parallel.Group(0, 1, torch.device("cpu"))
    source = train.sources.Source(*pair(), "noise")
    folder.write_config(tmp_path, run.state, 5, source, group)
    assert len(json.loads((tmp_path / "config.json").read_text())["runs"]) == 1


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """What a checkpoint holds after one step, with all statistics there are."""
    out = tmp_path_factory.mktemp("run")
    pytest.importorskip("safetensors")
    train.fit(TINY, pair(), out, steps=1, colour_std=0.1, **QUIET)
    return checkpoints.newest(out)[1]


def without(part: dict, name: str) -> dict:
    return {key: value for key, value in part.items() if key != name}


ENTRIES = [
    "version", "step", "epoch", "preset", "precision", "classes", "fingerprint",
    "statistics", "stalls", "errors", "totals", "line_totals", "net",
    "velocity",
]  # fmt: skip
FORGED = [
    ("version", lambda v: 99), ("step", lambda v: -1), ("step", lambda v: 10**12),
    ("step", lambda v: 1.5), ("step", lambda v: True), ("epoch", lambda v: 7),
    ("preset", lambda v: {}), ("preset", lambda v: {**v, "lr": "x"}),
    ("preset", lambda v: {**v, "more": 1}), ("preset", lambda v: {**v, "drops": 3}),
    ("precision", lambda v: "fp64"), ("classes", lambda v: [1, 2, 3]),
    ("classes", lambda v: v[:1]), ("fingerprint", lambda v: "0" * 16),
    ("statistics", lambda v: {}), ("statistics", lambda v: without(v, "mean")),
    ("statistics", lambda v: without(v, "directions")),
    ("statistics", lambda v: {**v, "mean": torch.zeros(5)}),
    ("statistics", lambda v: {**v, "mean": "grey"}),
    ("statistics", lambda v: {**v, "scale": v["scale"] * float("nan")}),
    ("stalls", lambda v: ["x"]), ("errors", lambda v: [None]),
    ("totals", lambda v: torch.zeros(3)), ("line_totals", lambda v: [0, 0, 0, 0]),
    ("net", lambda v: {}), ("net", lambda v: dict.fromkeys(v, 1)),
    ("net", lambda v: {**v, "conv1.weight": v["conv1.weight"] * float("inf")}),
    ("net", lambda v: {**v, "conv1.weight": v["conv1.weight"].to_sparse()}),
    ("net", lambda v: {**v, "conv1.bias": v["conv1.bias"].long()}),
    ("velocity", lambda v: without(v, "conv1.weight")),
    ("velocity", lambda v: {**v, "conv1.bias": torch.zeros(2)}),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:Validating sparse tensor")
def test_a_forged_checkpoint_is_one_sentence(tmp_path, checkpoint):
    attacks = [(name, without(checkpoint, name)) for name in ENTRIES]
    attacks += [(n, {**checkpoint, n: None}) for n in ENTRIES]
    attacks += [(n, {**checkpoint, n: forge(checkpoint[n])}) for n, forge in FORGED]
    for number, (name, forged) in enumerate(attacks):
        checkpoints.save(tmp_path, 1, forged)
        with pytest.raises(TrainError) as caught:
            resumed(tmp_path, colour_std=0.1)
        assert len(str(caught.value)) < 400, name
        if number % 5 == 0:
            with pytest.raises(TrainError):
                train.load(tmp_path, pair())
    with pytest.raises(TrainError, match="already holds a run, at step 1"):
        train.fit(TINY, pair(), tmp_path, **QUIET)


@SAVES
@pytest.mark.parametrize("text", ["[1]", "{", "", "[" * 99_999, '"a"', "null"])
def test_odd_metadata_leave_the_network_alone(tmp_path, text):
    from safetensors.torch import save_file

    net, other = (train.fit(TINY, pair(), steps=n, **QUIET).net for n in (1, 2))
    tensors = {name: w.contiguous() for name, w in net.state_dict().items()}
    sha = checkpoints._digest(tensors, text)
    path, before = tmp_path / "w.safetensors", digest(other)
    save_file(tensors, path, {"cnnlab": text, "sha256": sha})
    with pytest.raises(TrainError, match="metadata that cnnlab.train did not write"):
        checkpoints.import_weights(other, path)
    assert digest(other) == before


@SAVES
def test_equal_weights_are_equal_files(tmp_path):
    net = torch.nn.Linear(3, 2)
    names = {f"n{i}": i for i in range(9)}
    paths = [tmp_path / f"{i}.safetensors" for i in range(6)]
    for path in paths:
        checkpoints.export(net, path, names)
    assert len({path.read_bytes() for path in paths}) == 1
    assert checkpoints.import_weights(net, paths[0]) == names


# ----------------------------------------------------- decided alike, told in good time


@pytest.mark.parametrize(
    ("has", "wanted", "chosen"),
    [(False, "auto", "fp32"), (True, "auto", "bf16"), (True, "fp32", "fp32"),
     (False, "bf16", "bf16")],
)  # fmt: skip
def test_precision_is_a_rule_of_the_hardware(monkeypatch, whole, has, wanted, chosen):
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: has, raising=False)
    monkeypatch.setattr(
        whole.state, "preset", whole.state.preset.change(precision=wanted)
    )
    assert {compute.choose_precision(whole.state) for _ in range(5)} == {chosen}


def test_an_option_may_be_called_none():
    read = cli._parser().parse_args(["--options", "norm=none", "hidden=8", "flag=True"])
    assert dict(read.options) == {"norm": "none", "hidden": 8, "flag": True}
    assert train.fit(TINY, pair(), steps=1, options={"norm": "none"}, **QUIET)


@POSIX
def test_signals_after_the_first_change_nothing_but_a_later_ctrl_c(monkeypatch):
    moment = [100.0]
    monkeypatch.setattr(signals.time, "monotonic", lambda: moment[0])
    for first in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        with signals.stop_signals() as stop:
            for number in (first, signal.SIGINT, signal.SIGTERM, signal.SIGINT):
                signal.raise_signal(number)  # to this thread, so in order
            assert stop.cause == first.name
            moment[0] += 2
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
                time.sleep(1)


@pytest.mark.parametrize(
    ("seconds", "every"), [(30, 1), (1, 1), (0.3, 3), (0.001, 10), (0.0, 10)]
)
def test_processes_agree_about_once_a_second(seconds, every):
    class Pair(parallel.Group):
        def most(self, *values):  # the other one is slower, and was told to stop
            return [1.0, values[1], max(values[2], seconds)]

    class State:
        step = 10_000_000  # so fast was this one

    group = Pair(1, 2, torch.device("cpu"))
    book = Book(None, None, group, False, False, 50, 5)
    assert book._agree(State, False, True) == (True, False)
    assert book.agree_every == every


def test_a_lost_process_is_told_from_other_errors():
    lost = "[gloo/transport/tcp/pair.cc:534] Connection closed by peer [127.0.1.1]"
    assert parallel._is_lost(RuntimeError(lost))
    assert not parallel._is_lost(RuntimeError("mat1 and mat2 shapes cannot be"))
