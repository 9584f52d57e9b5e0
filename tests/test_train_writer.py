"""Checkpoints in the background: what they hold, and that everything waits for them."""

import errno
import os
import signal
import threading
import time
import warnings

import pytest
import torch
from _training import SAVES, TINY, digest, pair
from torch import nn

from cnnlab import train
from cnnlab.train import TrainError, checkpoints, files, logs, writer
from cnnlab.train.writer import Writer

QUIET = {"progress": False, "device": "cpu"}
THREAD = "cnnlab-checkpoint"


class Gate:
    """A write that waits for ``open``, and notes what it was given, copied."""

    def __init__(self):
        self.open, self.written, self.busy, self.most = threading.Event(), [], 0, 0

    def __call__(self, state):
        self.busy += 1
        self.most = max(self.most, self.busy)
        assert self.open.wait(30)
        net = {name: w.clone() for name, w in state["net"].items()}
        self.written.append((state["step"], state["errors"], net))
        self.busy -= 1


def state_of(net: nn.Module, step: int, errors=()) -> dict:
    velocity = {name: torch.ones_like(w) for name, w in net.named_parameters()}
    return {"step": step, "errors": list(errors), "totals": torch.zeros(4),
            "net": net.state_dict(), "velocity": velocity}  # fmt: skip


def small_net(device: str = "cpu") -> nn.Module:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    return net.to(device, memory_format=torch.channels_last)


ON_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")


def writers() -> list:
    return [t for t in threading.enumerate() if t.name.startswith(THREAD)]


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=ON_GPU)])
def test_what_is_written_is_the_state_when_it_was_handed_over(device):
    net, seen = small_net(device), []
    gate = Gate()
    behind = Writer(lambda state: (gate(state), seen.append(state)))
    state = state_of(net, 1)
    if device == "cuda":  # what it was asked for before is in the copy, nothing after
        torch.cuda._sleep(50_000_000)
        torch._foreach_add_(list(state["net"].values()), 1)
    before = {name: w.clone() for name, w in net.state_dict().items()}
    assert behind.begin(state)
    if device == "cuda":
        assert all(w.is_pinned() for w in behind.copies["net"].values())
    with torch.no_grad():  # training goes on
        for w in (*net.parameters(), *net.buffers(), state["totals"]):
            w.add_(1)
    state["errors"].append(0.5)
    gate.open.set()
    behind.close()
    ((step, errors, written),) = gate.written
    assert (step, errors, seen[0]["totals"].sum()) == (1, [], 0)
    assert written.keys() == before.keys()
    for name, w in before.items():
        assert torch.equal(written[name], w.cpu()) and written[name].dtype == w.dtype
        assert seen[0]["net"][name].stride() == w.stride(), name
    assert type(seen[0]["net"]) is type(state["net"])
    assert seen[0]["net"]._metadata == state["net"]._metadata


def test_one_write_at_a_time_and_only_a_step_makes_training_wait():
    net, gate = small_net(), Gate()
    behind = Writer(gate)
    behind.begin(state_of(net, 1))
    copies = behind.copies
    behind.begin(state_of(net, 1, [0.5]))  # after validation: no copy, no waiting
    assert behind.copies is copies and not gate.written
    threading.Timer(0.1, gate.open.set).start()
    with torch.no_grad():
        net[0].bias.fill_(7.0)
    behind.begin(state_of(net, 2))  # needs the memory of the copies: waits
    assert len(gate.written) >= 2
    behind.close()
    assert [found[:2] for found in gate.written] == [(1, []), (1, [0.5]), (2, [])]
    assert not (gate.written[1][2]["0.bias"] == 7).any()
    assert (gate.written[2][2]["0.bias"] == 7).all()
    assert gate.most == 1 and not behind.faults()
    assert not [thread for thread in writers() if thread.is_alive()]


def test_a_failed_write_is_told_once_and_the_next_one_is_made():
    def write(state):
        if state["step"] == 1:
            raise TrainError("full")

    behind = Writer(write)
    behind.begin(state_of(small_net(), 1))
    behind.begin(state_of(small_net(), 2))
    behind.wait()
    assert [str(error) for error in behind.faults()] == ["full"]
    assert not behind.faults()
    behind.close()


@SAVES
def test_without_memory_for_copies_training_waits_as_it_must(
    tmp_path, monkeypatch, whole
):
    def none_left(*_, **__):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    threads = []
    save = checkpoints.save
    monkeypatch.setattr(writer.torch, "empty_like", none_left)
    monkeypatch.setattr(
        checkpoints, "save",
        lambda *a: (threads.append(threading.current_thread()), save(*a)),
    )  # fmt: skip
    run = train.fit(TINY, pair(), tmp_path, **QUIET)
    assert digest(run.net) == digest(whole.net)
    assert threads == [threading.main_thread()] * 6
    assert [step for step, _ in checkpoints.found(tmp_path)] == [15, 10]


# -------------------------------------------------------------------- in a training


class Slow:
    """Stands for ``checkpoints.save``: takes its time, notes begin and end.

    With a ``gate`` a write behind training takes until that is opened.
    """

    def __init__(self, save):
        self.save, self.events, self.gate = save, [], None

    def __call__(self, folder, step, state):
        thread = threading.current_thread().name
        self.events.append(("begun", step, thread))
        if self.gate is not None and thread.startswith(THREAD):
            assert self.gate.wait(60)
        else:
            time.sleep(0.15)
        path = self.save(folder, step, state)
        self.events.append(("done", step, thread))
        return path


@pytest.fixture
def slow(monkeypatch):
    stand_in = Slow(checkpoints.save)
    monkeypatch.setattr(checkpoints, "save", stand_in)
    return stand_in


@pytest.fixture(scope="module")
def whole():
    return train.fit(TINY, pair(), **QUIET)


def resumed(out, **more):
    return train.fit(TINY, pair(), out, resume="auto", **QUIET, **more)


@SAVES
def test_training_goes_on_while_a_checkpoint_is_written(tmp_path, slow, whole):
    slow.gate, seen = threading.Event(), []

    def look(row):
        if row["step"] == 6:  # before the two checkpoints of step 5 are there
            seen.extend(slow.events)
            slow.gate.set()

    run = resumed(tmp_path, interval=1, on_interval=look)
    assert digest(run.net) == digest(whole.net)
    behind = [event for event in slow.events if event[2].startswith(THREAD)]
    assert {step for _, step, _ in behind} == {5, 10}
    assert [event[:2] for event in seen] in ([], [("begun", 5)])
    assert [kind for kind, *_ in slow.events] == ["begun", "done"] * 6
    assert digest(resumed(tmp_path).net) == digest(whole.net)


class Lost(Exception):
    pass


@SAVES
@pytest.mark.parametrize("at", [6, 11])
def test_an_error_waits_for_the_checkpoint_that_is_being_written(
    tmp_path, slow, whole, at
):
    def fail(row):
        if row["step"] == at:
            raise Lost

    with pytest.raises(Lost):
        resumed(tmp_path, interval=1, on_interval=fail)
    assert slow.events[-1][:2] == ("done", at - at % 5)
    assert checkpoints.newest(tmp_path)[1]["step"] == at - at % 5
    assert not list(tmp_path.glob(".checkpoint*")) and not writers()
    assert digest(resumed(tmp_path).net) == digest(whole.net)


@SAVES
def test_the_last_checkpoint_that_an_error_names_is_one_that_is_there(tmp_path, slow):
    recipe = TINY.change(layer_rates=(("fc8", 1, 1e30),))  # from the second epoch on
    with pytest.raises(TrainError, match="The last checkpoint, of step 5, is kept"):
        train.fit(recipe, pair(), tmp_path, **QUIET)


@SAVES
@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_a_signal_while_a_checkpoint_is_written_loses_nothing(tmp_path, slow, whole):
    def tell(row):
        if row["step"] == 6:
            signal.raise_signal(signal.SIGTERM)

    run = resumed(tmp_path, interval=1, on_interval=tell)
    assert run.stopped == "SIGTERM" and run.state.step == 6
    assert [event[:2] for event in slow.events[-3:]] == [
        ("done", 5), ("begun", 6), ("done", 6)
    ]  # fmt: skip
    assert [step for step, _ in checkpoints.found(tmp_path)] == [6, 5]
    assert digest(resumed(tmp_path).net) == digest(whole.net)


@SAVES
def test_a_disk_that_is_full_for_a_while_costs_a_sentence(tmp_path, monkeypatch, whole):
    def full_at_first(path, mode="r", **options):
        if "checkpoint-00000005" in str(path) and mode == "xb":
            raise OSError(errno.ENOSPC, "No space left on device")
        return open(path, mode, **options)

    monkeypatch.setattr(files, "open", full_at_first, raising=False)
    with pytest.warns(UserWarning) as said:
        run = resumed(tmp_path)
    texts = [str(warning.message) for warning in said]
    assert len(texts) == 2 and all(  # before validation and after it
        "00000005.pt was not written" in text and text.endswith("Training goes on.")
        for text in texts
    )
    assert digest(run.net) == digest(whole.net)
    assert [step for step, _ in checkpoints.found(tmp_path)] == [15, 10]


@SAVES
def test_a_folder_lost_while_a_checkpoint_is_written_ends_the_run(
    tmp_path, slow, monkeypatch
):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    out, slow.gate, made = tmp_path / "run", threading.Event(), []
    monkeypatch.setattr(
        "cnnlab.train.book.Writer", lambda write: made.append(Writer(write)) or made[0]
    )

    def lose(row):  # the first write of step 5 is going on, the second one waits
        if row["step"] == 6:
            out.rename(tmp_path / "moved")
            slow.gate.set()
            made[0].wait()  # both have found out

    with (
        warnings.catch_warnings(record=True) as said,
        pytest.raises(TrainError, match="was deleted or replaced.*was saved as"),
    ):
        warnings.simplefilter("always")
        resumed(out, interval=6, on_interval=lose)
    assert not [w for w in said if "goes on" in str(w.message)]
    (place,) = tmp_path.glob("cnnlab-*")
    assert checkpoints.newest(place)[1]["step"] == 7
    assert not checkpoints.found(out)[1:]


@SAVES
def test_an_error_that_is_none_of_the_disk_is_not_a_warning(tmp_path, monkeypatch):
    def broken(*_):
        raise TypeError("no tensor")

    monkeypatch.setattr(checkpoints.torch, "save", broken)
    with pytest.raises(TypeError, match="no tensor"):
        resumed(tmp_path)
    assert not logs.read(tmp_path)[0][1:]  # in the second epoch at the latest
