"""Logs that survive kills and full disks; progress for terminals, files and pipes."""

import errno
import json
import os
import random
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnlab.train import logs
from cnnlab.train._errors import TrainError


def steps(rows) -> list[int]:
    return [row["step"] for row in rows]


def filled(folder, last: int = 6) -> logs.Log:
    """Return a log with an interval line every step, an epoch line every second."""
    log = logs.Log(folder)
    for step in range(1, last + 1):
        log.interval({"step": step, "loss": 2.5 / step})
        if step % 2 == 0:
            log.epoch({"step": step, "epoch": step / 2, "error": 0.1 * step})
    return log


# --------------------------------------------------------------------------- the log


def test_lines_come_back_in_order(tmp_path):
    filled(tmp_path / "deep" / "run")
    epochs, intervals = logs.read(tmp_path / "deep" / "run")
    assert steps(epochs) == [2, 4, 6] and steps(intervals) == [1, 2, 3, 4, 5, 6]
    assert epochs[1] == {"step": 4, "epoch": 2.0, "error": 0.4}
    assert intervals[2]["loss"] == 2.5 / 3  # every digit


def test_every_line_is_on_disk_as_soon_as_it_is_logged(tmp_path):
    log = logs.Log(tmp_path)
    log.interval({"step": 1})
    assert (tmp_path / "intervals.jsonl").read_text() == '{"step": 1}\n'


def test_numbers_of_pytorch_and_numpy_are_written_as_plain_ones(tmp_path):
    row = {
        "step": torch.tensor(3), "loss": np.float32(0.5), "rate": np.int64(1),
        "error": np.float64("nan"), "worst": float("inf"), "ok": True, "name": "ü",
        "none": None,
    }  # fmt: skip
    logs.Log(tmp_path).epoch(row)
    text = (tmp_path / "log.jsonl").read_text(encoding="utf-8")
    strict = json.loads(text, parse_constant=pytest.fail)  # NaN is no JSON (RFC 8259)
    assert strict == {
        "step": 3, "loss": 0.5, "rate": 1, "error": None, "worst": None, "ok": True,
        "name": "ü", "none": None,
    }  # fmt: skip
    assert torch.is_tensor(row["step"])  # the caller's row is left alone


def test_a_nested_value_is_refused_by_its_name(tmp_path):
    for value in ([1], {"a": 1}, np.array([1.0, 2.0])):
        with pytest.raises(ValueError, match="rates must be a number or text"):
            logs.Log(tmp_path).epoch({"step": 1, "rates": value})


@pytest.mark.parametrize("row", [{}, {"loss": 1.0}, [1], None, 3])
def test_a_line_without_a_step_is_refused(tmp_path, row):
    with pytest.raises(ValueError, match="a line needs a step; got"):
        logs.Log(tmp_path).epoch(row)
    assert not (tmp_path / "log.jsonl").exists()


@pytest.mark.parametrize("resume", [0, 1, 3, 4, 99])
def test_a_resume_removes_the_lines_of_lost_work(tmp_path, resume):
    filled(tmp_path)
    logs.Log(tmp_path, resume_step=resume)
    epochs, intervals = logs.read(tmp_path)
    assert steps(epochs) == [s for s in (2, 4, 6) if s <= resume]
    assert steps(intervals) == [s for s in range(1, 7) if s <= resume]


def test_a_resume_that_removes_nothing_leaves_the_bytes_alone(tmp_path):
    filled(tmp_path)
    before = {p.name: (p.read_bytes(), p.stat().st_ino) for p in tmp_path.iterdir()}
    logs.Log(tmp_path, resume_step=6)
    after = {p.name: (p.read_bytes(), p.stat().st_ino) for p in tmp_path.iterdir()}
    assert before == after


def test_a_new_run_starts_both_logs_anew(tmp_path):
    filled(tmp_path)
    logs.Log(tmp_path).interval({"step": 1})
    assert logs.read(tmp_path) == ([], [{"step": 1}])


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, 200), resume=st.integers(0, 7))
def test_a_log_cut_off_anywhere_loses_one_line_at_most(tmp_path_factory, cut, resume):
    folder = tmp_path_factory.mktemp("run")
    filled(folder)
    path = folder / "intervals.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[: max(0, len(whole) - cut)])
    lines = path.read_bytes().count(b"\n")
    # the last line may have lost its line end only
    read = logs.read(folder)[1]
    assert len(read) in (lines, lines + 1) and steps(read) == list(
        range(1, len(read) + 1)
    )
    log = logs.Log(folder, resume_step=resume)
    log.interval({"step": 100})
    assert steps(logs.read(folder)[1]) == [s for s in steps(read) if s <= resume] + [
        100
    ]


@pytest.mark.parametrize(
    "rubbish",
    [
        b"\0\0\0\0\n", b'{"step": \n', b"[1, 2]\n", b'{"loss": 1}\n', b"\xff\n",
        b'{"step": 1, "loss": {"a": 1}}\n', b'{"step": 1, "loss": NaN}\n',
        b'{"step": true}\n', b"[" * 100_000 + b"\n",
        b'{"step": 1, "loss": 1' + b"0" * 400 + b"}\n",
    ],
    ids=lambda line: line[:30].decode("latin-1"),
)  # fmt: skip
def test_damaged_lines_are_left_out_and_removed_on_resume(tmp_path, rubbish):
    filled(tmp_path)
    path = tmp_path / "intervals.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:40] + b"\n" + rubbish + whole)
    assert steps(logs.read(tmp_path)[1])[-6:] == [1, 2, 3, 4, 5, 6]
    logs.Log(tmp_path, resume_step=9)
    assert rubbish not in path.read_bytes()


def test_a_folder_without_logs_is_named(tmp_path):
    with pytest.raises(TrainError, match="holds no log of a run"):
        logs.read(tmp_path)
    with pytest.raises(TrainError, match="holds no log of a run"):
        logs.read(tmp_path / "missing")


def test_a_run_killed_before_its_first_epoch_has_intervals_only(tmp_path):
    logs.Log(tmp_path).interval({"step": 1})
    assert logs.read(tmp_path) == ([], [{"step": 1}])


# ----------------------------------------------------------------------- full disks


class FullDisk:
    """Stands for ``open``: while ``full``, files take ``room`` bytes and no more."""

    def __init__(self, room: int):
        self.full, self.room = True, room

    def __call__(self, *arguments, **options):
        file = open(*arguments, **options)
        if self.full:
            disk, write = self, file.write

            class Limited:
                def __getattr__(self, name):
                    return getattr(file, name)

                def __enter__(self):
                    return self

                def __exit__(self, *_):
                    file.close()

                def write(self, data):
                    if disk.room <= 0:
                        raise OSError(errno.ENOSPC, "No space left on device")
                    part = bytes(data[: disk.room])
                    disk.room -= len(part)
                    return write(part)

            return Limited()
        return file


@pytest.mark.parametrize("room", [0, 1, 10, 11, 12, 13, 25, 60])
def test_a_full_disk_warns_once_and_loses_no_line(tmp_path, monkeypatch, room):
    log = logs.Log(tmp_path)
    log.interval({"step": 1})
    disk = FullDisk(room)
    monkeypatch.setattr(logs, "open", disk, raising=False)
    with pytest.warns(UserWarning, match="No space left.*Training goes on") as caught:
        for step in range(2, 9):
            log.interval({"step": step})
    assert len(caught) == 1 and caught[0].filename == __file__
    assert (tmp_path / "intervals.jsonl").read_bytes().endswith(b"}\n")  # no torn line
    disk.full = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        log.interval({"step": 9})
    assert steps(logs.read(tmp_path)[1]) == list(range(1, 10))


def test_a_log_that_can_not_even_begin_is_an_error(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(TrainError, match="is a file, not a folder"):
        logs.Log(tmp_path / "file")


WRITER = """
import sys
from cnnlab.train import logs
log = logs.Log(sys.argv[1])
for step in range(1, 10_000_000):
    log.interval({"step": step, "loss": 1 / step})
    if step % 100 == 0:
        log.epoch({"step": step})
    if step == 500:
        print("begun", flush=True)
"""


@pytest.mark.slow
def test_a_killed_run_leaves_whole_lines_and_resumes(tmp_path):
    call = [sys.executable, "-c", WRITER, str(tmp_path)]
    with subprocess.Popen(call, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        time.sleep(random.Random(0).uniform(0, 0.1))
        process.kill()
    intervals = logs.read(tmp_path)[1]
    assert (
        steps(intervals) == list(range(1, len(intervals) + 1)) and len(intervals) > 499
    )
    logs.Log(tmp_path, resume_step=300)
    assert [len(rows) for rows in logs.read(tmp_path)] == [3, 300]


# ------------------------------------------------------------------------- progress


def test_without_a_terminal_an_interval_is_one_plain_line(capsys):
    with logs.Progress(400, initial=100) as progress:
        progress.advance(50)
        progress.report({"loss": 1.23456, "lr": 0.0001, "error": "45.6%", "epoch": 2})
        progress.say("a note")
    said = capsys.readouterr()
    assert said.out == (
        "step 150/400 38 %  loss 1.235  lr 0.0001  error 45.6%  epoch 2\na note\n"
    )
    assert said.err == ""


def test_silence_is_silent(capsys):
    with logs.Progress(10, silent=True) as progress:
        progress.advance()
        progress.report({"loss": 1.0})
        progress.say("a note")
    assert capsys.readouterr() == ("", "") and progress.done == 1


def test_a_terminal_gets_a_bar_that_notes_do_not_disturb(capsys, monkeypatch):
    pytest.importorskip("tqdm.auto")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with logs.Progress(4, initial=1, unit="step") as progress:
        progress.advance(3)
        progress.report({"loss": 0.5})
        progress.say("a note")
    said = capsys.readouterr()
    assert "100%" in said.err and "4/4" in said.err and "loss=0.5" in said.err
    assert said.out == "a note\n"


def test_a_closed_terminal_or_pipe_does_not_end_training(monkeypatch):
    class Gone:
        def write(self, _):
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

        def flush(self):
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr(sys, "stdout", Gone())
    with logs.Progress(10) as progress:
        progress.report({"loss": 1.0})
        progress.report({"loss": 0.5})
        progress.say("a note")
    assert progress.silent


@pytest.mark.parametrize("stream", [None, "closed"])
def test_no_standard_error_means_plain_lines(monkeypatch, capsys, stream):
    closed = open(os.devnull)
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed if stream else None)
    with logs.Progress(10) as progress:
        progress.advance()
        progress.report({"loss": 1.0})
    monkeypatch.undo()
    assert "step 1/10 10 %  loss 1" in capsys.readouterr().out


def test_a_bar_costs_little_a_step(monkeypatch, capsys):
    pytest.importorskip("tqdm.auto")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with logs.Progress(100_000) as progress:
        start = time.perf_counter()
        for _ in range(20_000):
            progress.advance()
        spent = time.perf_counter() - start
    assert spent / 20_000 < 20e-6  # seconds; a small network's step takes 1000e-6
