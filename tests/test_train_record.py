"""The record of a run: what it keeps, what it leaves out, and that it comes back."""

import json

import numpy as np
import pytest
from _training import SAVES, TINY, pair

from cnnlab import train
from cnnlab.course import records
from cnnlab.train import record

pytestmark = SAVES


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "run"
    both = pair(32, 12)
    run = train.fit(TINY, both, out, epochs=1, interval=1, progress=False)
    return run, record.of_run(out, "A try.", {"name": "noise", "note": ""}, (1,), both)


def test_a_run_becomes_a_record(made):
    run, (row, arrays) = made
    assert [r["epoch"] for r in row["curve"]] == [1.0] and len(row["intervals"]) == 2
    assert row["curve"][0]["error"] == pytest.approx(run.history[0]["error"], abs=1e-4)
    assert row["judged"]["1"]["count"] == 12 and row["speed"]["images_per_s"] > 0
    assert row["parameters"] == sum(w.numel() for w in run.net.parameters())
    assert row["data"]["train"] == 32 and row["source"].startswith("measured, torch")
    weights = run.net.conv1.weight.detach().numpy()
    assert np.allclose(arrays["filters"], weights, atol=1e-3)
    assert arrays["filters"].dtype == np.float16
    json.dumps(row, allow_nan=False)
    said = record.sentence(row)
    assert "32 images of 3 classes" in said and "by chance 67% would be" in said


def test_a_record_comes_back_by_its_name(made, tmp_path, monkeypatch):
    monkeypatch.setattr(records, "results_dir", lambda: tmp_path)
    monkeypatch.setattr(record, "results_dir", lambda: tmp_path)
    row, arrays = made[1]
    record.write("a_run", row, arrays)
    found = record.read("a_run")
    assert found["filters"].dtype == np.float32 and found["curve"] == row["curve"]
    (tmp_path / "a_run.npz").unlink()
    with pytest.raises(FileNotFoundError, match="a_run.npz"):
        record.read("a_run")


def test_a_folder_without_a_run_is_told(tmp_path):
    with pytest.raises(train.TrainError, match="no log"):
        record.of_run(tmp_path, "", {})


def test_a_command_loses_the_folders_of_its_machine():
    line = "python -m cnnlab.train --data /home/me/store --out runs/a --lr 0.1"
    wanted = "python -m cnnlab.train --data store --out runs/a --lr 0.1"
    assert record._portable(line) == wanted


def test_the_shipped_run_can_be_shown():
    row = record.read("alexnet_run")
    assert row["filters"].ndim == 4 and len(row["biases"]) == len(row["filters"])
    for key in ("command", "recipe", "hardware", "versions", "data", "speed", "judged"):
        assert row[key], key
    assert record.sentence(row)
