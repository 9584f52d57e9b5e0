"""Checkpoints: attacked with kills, cuts, flipped bytes, full disks and strangers."""

import errno
import io
import os
import pickle
import random
import signal
import subprocess
import sys
import time
import warnings
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from _training import SAVES
from torch import nn

from cnnlab.train import _errors, checkpoints, files
from cnnlab.train._errors import TrainError

POSIX = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals and limits")


def small_net(hidden: int = 4, classes: int = 3) -> nn.Module:
    parts = OrderedDict(
        conv1=nn.Conv2d(2, hidden, 3),
        norm1=nn.BatchNorm2d(hidden),
        pool1=nn.AdaptiveAvgPool2d(1),
        flat=nn.Flatten(),
        fc2=nn.Linear(hidden, classes),
    )
    return nn.Sequential(parts)


def some_state(seed: int = 0) -> dict:
    generator = torch.Generator().manual_seed(seed)
    return {
        "version": 1,
        "step": seed,
        "net": OrderedDict(w=torch.randn(5, 7, generator=generator), n=torch.tensor(4)),
        "velocity": [torch.randn(5, 7, generator=generator).bfloat16()],
        "meters": {"loss": torch.tensor(1.5, dtype=torch.float64), "best": 0.25},
        "config": {"lr": 0.1, "name": "ü", "drops": [1, 2], "towers": (1, None, True)},
        3: float("inf"),
    }


def same(a, b) -> bool:
    """Whether two states are equal: types, order of keys, every bit of every tensor."""
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, torch.Tensor):
        alike = a.dtype == b.dtype and a.shape == b.shape
        bits = [t.reshape(-1).view(torch.uint8) for t in (a, b)] if alike else []
        return alike and torch.equal(*bits)
    return type(a) is type(b) and a == b


def listing(folder) -> list[str]:
    return sorted(os.listdir(folder))


# ------------------------------------------------------------------- save, load, keep


def test_a_state_comes_back_exactly_as_it_was_saved(tmp_path):
    path = checkpoints.save(tmp_path / "run", 1234, some_state())
    assert path == tmp_path / "run" / "checkpoint-00001234.pt"
    assert same(checkpoints.load(path), some_state())


def test_pytorch_and_unzip_read_a_checkpoint_too(tmp_path):
    path = checkpoints.save(tmp_path, 1, some_state())
    assert same(torch.load(path, weights_only=True)["state"], some_state())
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.comment.startswith(b"cnnlab sha256 ")


def test_a_channels_last_network_comes_back_in_its_layout(tmp_path):
    net = small_net().to(memory_format=torch.channels_last)
    path = checkpoints.save(tmp_path, 1, {"net": net.state_dict()})
    weight = checkpoints.load(path)["net"]["conv1.weight"]
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(weight, net.conv1.weight)


def test_saving_leaves_the_state_alone(tmp_path):
    state, before = some_state(), some_state()
    checkpoints.save(tmp_path, 1, state)
    assert same(state, before)


@pytest.mark.parametrize("keep", [1, 2, 3])
def test_only_the_last_checkpoints_are_kept(tmp_path, keep):
    for step in (5, 10, 100_000_000, 15):
        checkpoints.save(tmp_path, step, some_state(step), keep=keep)
    # step 100,000,000 is of a later time than 15: it stays until that is passed
    steps = [step for step, _ in checkpoints.found(tmp_path)]
    assert steps == [100_000_000, 15, 10, 5][: keep + 1]
    checkpoints.save(tmp_path, 200_000_000, some_state(), keep=keep)
    assert len(listing(tmp_path)) == keep


def test_saving_the_same_step_again_replaces_it(tmp_path):
    checkpoints.save(tmp_path, 7, some_state(1))
    path = checkpoints.save(tmp_path, 7, some_state(2))
    assert same(checkpoints.load(path), some_state(2)) and len(listing(tmp_path)) == 1


def test_newest_is_by_step_not_by_name_or_age(tmp_path):
    for step in (99_999_999, 100_000_000, 5):
        path = checkpoints.save(tmp_path, step, some_state(step))
        os.utime(path, (step % 7, step % 7))
    path, state = checkpoints.newest(tmp_path)
    assert state["step"] == 100_000_000 and path.name == "checkpoint-100000000.pt"


def test_a_folder_without_checkpoints_has_no_newest(tmp_path):
    assert checkpoints.newest(tmp_path) is None
    assert checkpoints.newest(tmp_path / "missing") is None
    for name in ("checkpoint-5.pt", "checkpoint-00000005.pt.old", "notes.txt"):
        (tmp_path / name).write_text("x")
    assert checkpoints.newest(tmp_path) is None


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (np.float64(1), "float64"),
        (Path("a"), "Path"),
        ({1, 2}, "set"),
        (np.zeros(2), "ndarray"),
        (object(), "object"),
        (len, "builtin_function"),
    ],
)
def test_a_state_that_could_not_be_read_back_is_refused_at_once(tmp_path, value, said):
    state = {"config": {"drops": [1, value]}}
    with pytest.raises(TypeError, match=rf"state\['config'\]\['drops'\]\[1\].*{said}"):
        checkpoints.save(tmp_path, 1, state)
    with pytest.raises(TypeError, match=r"keys of state\['a'\] must be text"):
        checkpoints.save(tmp_path, 1, {"a": {0.5: 1}})
    assert listing(tmp_path) == []


def test_odd_arguments_are_refused_in_one_sentence(tmp_path):
    with pytest.raises(ValueError, match="step must be a whole number of at least 0"):
        checkpoints.save(tmp_path, -1, {})
    with pytest.raises(ValueError, match="keep must be a whole number of at least 1"):
        checkpoints.save(tmp_path, 1, {}, keep=0)
    with pytest.raises(TypeError, match="state needs a dict"):
        checkpoints.save(tmp_path, 1, [1])


# ------------------------------------------------------------------ damaged and foreign


def _refused_when_flipped(path, places, rng) -> None:
    whole = path.read_bytes()
    for place in places:
        altered = bytearray(whole)
        altered[place] ^= rng.randrange(1, 256)
        path.write_bytes(altered)
        with pytest.raises(TrainError, match="damaged"):
            checkpoints.load(path)


def test_a_flipped_byte_anywhere_is_noticed(tmp_path):
    path, rng = checkpoints.save(tmp_path, 1, some_state()), random.Random(0)
    size = path.stat().st_size
    end = range(size - 110, size)  # the archive's last table and the checksum
    _refused_when_flipped(path, [*rng.sample(range(size), 150), *end], rng)


@pytest.mark.slow
def test_a_flipped_byte_everywhere_is_noticed(tmp_path):
    path, rng = checkpoints.save(tmp_path, 1, some_state()), random.Random(1)
    _refused_when_flipped(path, range(path.stat().st_size), rng)


def test_pytorch_alone_would_load_wrong_numbers_from_a_flipped_table(tmp_path):
    # Why the archive's own CRC-32 is not enough: this byte is the length of a name.
    path = checkpoints.save(tmp_path, 1, {"w": torch.arange(64.0)})
    whole = bytearray(path.read_bytes())
    wrong = 0
    start = whole.rindex(b"archive/data/0") - 46  # its entry in the table of contents
    for place in range(start, start + 46):
        for flip in (1, 2, 4, 8, 16, 32, 64, 128, 255):
            altered = bytearray(whole)
            altered[place] ^= flip
            try:
                with zipfile.ZipFile(io.BytesIO(altered)) as archive:
                    passed = archive.testzip() is None
                found = torch.load(io.BytesIO(altered), weights_only=True)
                wrong += passed and not torch.equal(
                    found["state"]["w"], torch.arange(64.0)
                )
            except Exception:  # noticed, in one way or another
                continue
    assert wrong > 0


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_a_cut_off_checkpoint_is_named(tmp_path, share):
    path = checkpoints.save(tmp_path, 1, some_state())
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    wanted = "cut off|SHA-256" if share else "empty: 0 bytes"
    with pytest.raises(TrainError, match=wanted) as caught:
        checkpoints.load(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_checkpoint_cut_off_anywhere_or_with_bytes_added_is_refused(tmp_path):
    path = checkpoints.save(tmp_path, 1, some_state())
    whole = path.read_bytes()
    for size in (*range(130), *range(130, len(whole) - 200, 37)):
        path.write_bytes(whole[:size])
        pytest.raises(TrainError, checkpoints.load, path)
    for size in range(len(whole) - 200, len(whole)):
        path.write_bytes(whole[:size])
        pytest.raises(TrainError, checkpoints.load, path)
    for more in (b"\0", b"garbage", b"\0" * 70_000, whole):
        path.write_bytes(whole + more if more is not whole else whole[:50] + whole)
        pytest.raises(TrainError, checkpoints.load, path)


class Trap:
    """Would create a file when unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return (os.mkdir, (self.path,))


def sealed(content, path) -> None:
    """Write ``content`` as a checkpoint without the checks of ``save``."""
    with files.whole(path) as file:
        torch.save(content, file)
        checkpoints._seal(file)


def test_code_in_a_checkpoint_is_never_run(tmp_path):
    trap, path = tmp_path / "sprung", tmp_path / "checkpoint-00000001.pt"
    content = {"cnnlab-checkpoint": 1, "state": {"step": Trap(trap)}}
    sealed(content, path)
    with pytest.raises(TrainError, match="could run code, so it is refused"):
        checkpoints.load(path)
    torch.save(content, path)
    with pytest.raises(TrainError, match=r"cnnlab\.train did not write it"):
        checkpoints.load(path)
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(TrainError, match="bare pickle"):
        checkpoints.load(path)
    assert not trap.exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<!DOCTYPE html><html><body>404</body></html>", "web page"),
        (b"\n  <html>", "web page"),
        (b"\0" * 5000, "no checkpoint"),
        (b"x", "no checkpoint"),
        (b"<\xa3" + random.Random(0).randbytes(3000), "no checkpoint"),
    ],
)
def test_what_is_no_checkpoint_is_called_by_its_name(tmp_path, content, said):
    path = tmp_path / "checkpoint-00000001.pt"
    path.write_bytes(content)
    with pytest.raises(TrainError, match=said):
        checkpoints.load(path)


def test_files_of_others_and_of_other_versions_are_told_apart(tmp_path):
    path = tmp_path / "checkpoint-00000001.pt"
    sealed({"conv1.weight": torch.zeros(2), "a": 1, "b": 2, "c": 3}, path)
    with pytest.raises(TrainError, match="a dict of 4: conv1.weight, a, b, ..."):
        checkpoints.load(path)
    sealed(torch.zeros(3), path)
    with pytest.raises(TrainError, match="it holds a Tensor"):
        checkpoints.load(path)
    sealed({"cnnlab-checkpoint": 99, "state": {}}, path)
    with pytest.raises(TrainError, match="has checkpoint format 99; .* reads format 1"):
        checkpoints.load(path)


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(TrainError, match="a.pt cannot be read .No such file"):
        checkpoints.load(tmp_path / "a.pt")
    with pytest.raises(TrainError, match="cannot be read .it is a folder|denied"):
        checkpoints.load(tmp_path)


def test_the_older_checkpoint_takes_over_when_the_newest_is_damaged(tmp_path):
    checkpoints.save(tmp_path, 10, some_state(10))
    torn = checkpoints.save(tmp_path, 20, some_state(20))
    torn.write_bytes(torn.read_bytes()[:-50])
    with pytest.warns(UserWarning, match=r"00000020\.pt .* from checkpoint-00000010"):
        path, state = checkpoints.newest(tmp_path)
    assert path.name == "checkpoint-00000010.pt" and same(state, some_state(10))
    # training goes on from 10; its next checkpoint must not cost the one at 10
    checkpoints.save(tmp_path, 15, some_state(15))
    assert [step for step, _ in checkpoints.found(tmp_path)] == [20, 15, 10]
    checkpoints.save(tmp_path, 20, some_state(20))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert checkpoints.newest(tmp_path)[1]["step"] == 20


def test_if_none_is_readable_nothing_starts_anew_in_silence(tmp_path):
    for step in (1, 2):
        checkpoints.save(tmp_path, step, some_state()).write_bytes(b"")
    with pytest.raises(
        TrainError, match="No checkpoint .*00000002.*00000001.*empty fol"
    ):
        checkpoints.newest(tmp_path)


# --------------------------------------------------------------- disks that do not play


class FullDisk:
    """A file that takes so many bytes and no more."""

    def __init__(self, file, room, fault):
        self.file, self.room, self.fault = file, room, fault

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def __getattr__(self, name):
        return getattr(self.file, name)

    def write(self, data):
        self.room -= len(data)
        if self.room < 0:
            raise OSError(self.fault, os.strerror(self.fault))
        return self.file.write(data)


@pytest.mark.parametrize("room", [0, 63, 64, 1000, 2500, 4000, 40_000])
@pytest.mark.parametrize(
    ("fault", "said"), [(errno.ENOSPC, "is full"), (errno.EIO, "error")]
)
def test_a_full_disk_costs_no_earlier_checkpoint(
    tmp_path, monkeypatch, room, fault, said
):
    checkpoints.save(tmp_path, 1, some_state(1))
    big = {"w": torch.zeros(20_000)}
    with monkeypatch.context() as patch:
        patch.setattr(
            files,
            "open",
            lambda *a: FullDisk(open(*a), room, fault),
            raising=False,
        )
        with pytest.raises(TrainError, match=f"00000002.pt was not written.*{said}"):
            checkpoints.save(tmp_path, 2, big)
    assert listing(tmp_path) == ["checkpoint-00000001.pt"]
    assert same(checkpoints.newest(tmp_path)[1], some_state(1))
    assert checkpoints.save(tmp_path, 2, big).is_file()


def test_a_disk_that_is_full_only_at_the_flush_is_noticed(tmp_path, monkeypatch):
    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TrainError, match="is full"):
        checkpoints.save(tmp_path, 1, some_state())
    assert listing(tmp_path) == []


LIMITED = """
import resource, sys, torch
from cnnlab.train import checkpoints
checkpoints.save(sys.argv[1], 1, {"w": torch.arange(50.0)})
for limit in (700_000, 1000, 0):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        checkpoints.save(sys.argv[1], 2, {"w": torch.zeros(200_000)})
    except checkpoints.TrainError as error:
        print(error)
"""


@POSIX
@pytest.mark.slow
def test_a_real_file_size_limit_is_one_clear_sentence(tmp_path):
    call = [sys.executable, "-c", LIMITED, str(tmp_path)]
    done = subprocess.run(call, capture_output=True, text=True, timeout=120)
    lines = done.stdout.splitlines()
    assert len(lines) == 3 and not done.stderr, done.stderr
    assert all("exceeds the file size limit" in line for line in lines)
    assert listing(tmp_path) == ["checkpoint-00000001.pt"]
    assert torch.equal(checkpoints.newest(tmp_path)[1]["w"], torch.arange(50.0))


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    with pytest.raises(TrainError, match="is a file, not a folder"):
        checkpoints.save(tmp_path / "file", 1, {})
    with pytest.raises(TrainError, match="is a file, not a folder"):
        checkpoints.save(tmp_path / "file" / "run", 1, {})

    def denied(*_):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(files, "open", denied, raising=False)
    with pytest.raises(TrainError, match="cannot be written.*Name another folder"):
        checkpoints.save(tmp_path, 1, {})


@POSIX
def test_a_read_only_folder_is_named(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    checkpoints.save(tmp_path, 1, some_state())
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(TrainError, match="cannot be written"):
            checkpoints.save(tmp_path, 2, some_state())
        assert same(checkpoints.newest(tmp_path)[1], some_state())
    finally:
        tmp_path.chmod(0o755)


@pytest.mark.parametrize("fault", [KeyboardInterrupt, MemoryError])
def test_an_interrupt_while_saving_leaves_nothing_behind(tmp_path, monkeypatch, fault):
    def interrupted(*_):
        raise fault

    checkpoints.save(tmp_path, 1, some_state(1))
    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(fault):
        checkpoints.save(tmp_path, 2, some_state(2))
    assert listing(tmp_path) == ["checkpoint-00000001.pt"]


def test_files_of_killed_processes_are_removed_and_others_are_not(tmp_path):
    stale = tmp_path / ".checkpoint-00000003.pt.4711.partial"
    mine = tmp_path / ".notes.partial"
    for path in (stale, mine):
        path.write_text("x")
    assert checkpoints.newest(tmp_path) is None
    checkpoints.save(tmp_path, 4, some_state())
    assert listing(tmp_path) == [".notes.partial", "checkpoint-00000004.pt"]


def test_every_way_a_write_can_fail_is_worded(tmp_path):
    for code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO):
        text = str(
            _errors.write_fault(OSError(code, os.strerror(code)), tmp_path / "a")
        )
        assert text.startswith("a was not written: ") and "untouched" in text


# ------------------------------------------------------------------------- real kills

SAVER = """
import sys, torch
from cnnlab.train import checkpoints
for step in range(1, 100_000):
    w = torch.full((100_000,), float(step))
    checkpoints.save(sys.argv[1], step, {"step": step, "w": w})
    print(step, flush=True)
"""


def _killed_while_saving(folder, delay: float) -> int:
    """Kill a process that saves all the time; return the last step it announced."""
    call = [sys.executable, "-c", SAVER, str(folder)]
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True) as process:
        first = int(process.stdout.readline())
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().split("\n")
    return max([first, *(int(line) for line in rest[:-1])])


@POSIX
@pytest.mark.slow
def test_kills_at_random_moments_cost_no_announced_checkpoint(tmp_path):
    rng = random.Random(0)
    for attempt in range(int(os.environ.get("CNNLAB_KILLS", "3"))):
        folder = tmp_path / str(attempt)
        announced = _killed_while_saving(folder, rng.uniform(0, 0.15))
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # not even the newest may be damaged
            _, state = checkpoints.newest(folder)
        assert state["step"] in (announced, announced + 1)
        assert torch.equal(state["w"], torch.full((100_000,), float(state["step"])))
        checkpoints.save(folder, 100_000, {})
        assert not list(folder.glob(".*"))  # the killed save's remains are gone


# ------------------------------------------------------------------ networks, weights


@SAVES
def test_weights_go_out_and_come_back_with_their_metadata(tmp_path):
    net = small_net().to(memory_format=torch.channels_last)
    net(torch.randn(4, 2, 5, 5))  # moves the running statistics
    about = {"name": "small", "options": {"towers": 2}, "error": 0.125, "ü": None}
    path = checkpoints.export(net, tmp_path / "deep" / "w.safetensors", about)
    other = small_net()
    assert checkpoints.import_weights(other, path) == about
    assert same(dict(other.state_dict()), dict(net.state_dict()))


@SAVES
def test_any_reader_of_safetensors_reads_the_weights(tmp_path):
    from safetensors.torch import load_file

    net = small_net()
    path = checkpoints.export(net, tmp_path / "w.safetensors")
    assert same(
        dict(sorted(load_file(path).items())), dict(sorted(net.state_dict().items()))
    )


@SAVES
def test_safetensors_of_others_are_taken_without_a_digest(tmp_path):
    from safetensors.torch import save_file

    net, other = small_net(), small_net()
    save_file(dict(net.state_dict()), tmp_path / "w.safetensors")
    assert checkpoints.import_weights(other, tmp_path / "w.safetensors") == {}
    assert torch.equal(other.fc2.weight, net.fc2.weight)


@SAVES
def test_flipped_bytes_of_weights_are_noticed_or_harmless(tmp_path):
    net = small_net(hidden=2, classes=2)
    path = checkpoints.export(net, tmp_path / "w.safetensors", {"name": "small"})
    whole, rng = path.read_bytes(), random.Random(0)
    places, noticed = rng.sample(range(len(whole)), 200), 0
    for place in places:
        altered = bytearray(whole)
        altered[place] ^= 1 << rng.randrange(8)
        path.write_bytes(altered)
        other = small_net(hidden=2, classes=2)
        before = {name: t.clone() for name, t in other.state_dict().items()}
        try:
            about = checkpoints.import_weights(other, path)
        except TrainError:
            noticed += 1
            assert same(dict(other.state_dict()), before)  # all or nothing
            continue
        assert about == {"name": "small"}, place
        assert same(dict(other.state_dict()), dict(net.state_dict())), place
    assert noticed > 0.95 * len(places)


@SAVES
@pytest.mark.parametrize("content", [b"", b"x", b"<html></html>", b"\0" * 99])
def test_what_is_no_safetensors_file_is_refused(tmp_path, content):
    path = tmp_path / "w.safetensors"
    path.write_bytes(content)
    with pytest.raises(TrainError, match="damaged, or no safetensors file"):
        checkpoints.import_weights(small_net(), path)
    path.unlink()
    with pytest.raises(TrainError, match="No such file"):
        checkpoints.import_weights(small_net(), path)


@SAVES
def test_weights_of_another_network_are_refused_by_the_first_tensor(tmp_path):
    path = checkpoints.export(small_net(classes=3), tmp_path / "w.safetensors")
    net = small_net(classes=5)
    before = {name: t.clone() for name, t in net.state_dict().items()}
    wanted = r"its fc2.weight has shape \(3, 4\); this network needs \(5, 4\)"
    with pytest.raises(TrainError, match=wanted):
        checkpoints.import_weights(net, path)
    assert same(dict(net.state_dict()), before)


def test_tensors_that_lack_or_exceed_are_named():
    net, tensors = small_net(), small_net().state_dict()
    missing = {name: t for name, t in tensors.items() if name != "norm1.bias"}
    with pytest.raises(TrainError, match=r"it has no norm1.bias \(4,\)"):
        checkpoints.fill(net, missing)
    with pytest.raises(TrainError, match=r"it has fc9.weight \(1, 2\), which"):
        checkpoints.fill(net, {**tensors, "fc9.weight": torch.zeros(1, 2)})
    checkpoints.fill(net, tensors)
    assert torch.equal(net.conv1.weight, tensors["conv1.weight"])


@SAVES
def test_a_full_disk_while_exporting_keeps_the_earlier_file(tmp_path, monkeypatch):
    net, path = small_net(), tmp_path / "w.safetensors"
    checkpoints.export(net, path)
    before = path.read_bytes()
    full = lambda *a: FullDisk(open(*a), 10, errno.ENOSPC)  # noqa: E731
    monkeypatch.setattr(files, "open", full, raising=False)
    with pytest.raises(TrainError, match="w.safetensors was not written.*full"):
        checkpoints.export(net, path, {"name": "x"})
    assert path.read_bytes() == before and listing(tmp_path) == ["w.safetensors"]
