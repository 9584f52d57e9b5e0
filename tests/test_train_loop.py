"""The training loop: it learns, stops, resumes bit for bit, and names its faults."""

import dataclasses
import json
import math
import os
import shutil

import numpy as np
import pytest
import torch
from _packing import pillow
from _training import SAVES, TINY, digest, pair, pictures

from cnnlab import packed, train
from cnnlab.train import TrainError, checkpoints, logs

GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")


@pytest.fixture(autouse=True)
def on_the_processor(request, monkeypatch):
    """Keep tests off GPUs, whose sums differ in the last bits, unless it is asked."""
    if not request.node.name.startswith("test_on_a_gpu"):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@GPU
@pytest.mark.parametrize("norm", ["lrn", "batch"])
def test_on_a_gpu_a_recorded_step_is_the_eager_one(norm):
    recipe = TINY.change(options={"dropout": 0.0, "norm": norm})

    def weights(precision, engine):
        run = train.fit(
            recipe, pair(), steps=7, device="cuda", precision=precision, engine=engine,
            progress=False,
        )  # fmt: skip
        return torch.cat([w.detach().flatten() for w in run.net.parameters()])

    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        exact, recorded = weights("fp32", "eager"), weights("fp32", "graph")
    # Not with TensorFloat-32, PyTorch's way for convolutions: with ten binary digits
    # each kernel rounds differently, and 7 steps make 0.0155 of it.
    assert (recorded - exact).norm() < 1e-3 * exact.norm()
    # In bfloat16 the two round at other places: what fused kernels never write down
    # keeps float32's digits. Neither may be much farther from float32 than the other.
    rounding = (weights("bf16", "eager") - exact).norm()
    assert (weights("bf16", "graph") - exact).norm() < 2 * rounding


@GPU
def test_on_a_gpu_a_resumed_run_draws_the_same_masks(tmp_path):
    here = {"device": "cuda", "engine": "graph", "progress": False}
    whole = train.fit(TINY, pair(), **here)
    train.fit(TINY, pair(), tmp_path, steps=7, **here)
    again = train.fit(TINY, pair(), tmp_path, resume="auto", **here)
    for a, b in zip(whole.net.parameters(), again.net.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=2e-2, atol=2e-3)


def test_training_learns_and_reports_both_sets_every_epoch():
    run = train.fit(TINY, pair(160), epochs=6, drops=(5,), progress=False)
    assert [row["step"] for row in run.history] == [10 * e for e in range(1, 7)]
    assert run.history[-1]["train_loss"] < 0.7 * run.history[0]["train_loss"]
    assert run.history[-1]["error"] < 0.2
    assert run.history[-1]["count"] == 24 and run.stopped is None
    assert not run.net.training and run.classes == ("a", "b", "c")


def test_the_first_loss_is_near_log_c():
    run = train.fit(TINY, pair(), steps=1, progress=False)
    assert run.history[-1]["train_loss"] == pytest.approx(math.log(3), rel=0.2)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others():
    first, again, other = (
        digest(train.fit(TINY, pair(), steps=3, progress=False, seed=seed).net)
        for seed in (0, 0, 1)
    )
    assert first == again != other


def test_every_step_draws_another_dropout_mask():
    masks = []
    original = torch.nn.functional.dropout

    def watched(x, *arguments, **options):
        y = original(x, *arguments, **options)
        if arguments[1] if len(arguments) > 1 else options.get("training"):
            drawn = original(torch.ones(64), 0.5, True)  # of the same generator
            masks.append(tuple(drawn.tolist()))
        return y

    recipe = TINY.change(options={"inverted_dropout": True})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.nn.functional, "dropout", watched)
        train.fit(recipe, pair(), steps=4, progress=False)
    assert len(masks) >= 8 and len(set(masks)) == len(masks)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="compiling needs g++")
def test_a_compiled_step_is_the_eager_one():
    # Few kernels: compiling each takes seconds. LRN is compiled by a test of its own.
    recipe = TINY.change(net="lenet5", init="torch")
    one, two = (
        train.fit(recipe, pair(), steps=2, engine=engine, progress=False).net
        for engine in ("eager", "compile")
    )
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_training_leaves_the_callers_random_numbers_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    train.fit(TINY, pair(), steps=2, progress=False)
    assert torch.equal(torch.rand(3), expected)


@SAVES
@pytest.mark.parametrize("cut", [1, 4, 5, 7, 10, 13])
def test_k_steps_and_a_resume_equal_an_uninterrupted_run_bit_for_bit(tmp_path, cut):
    whole = train.fit(TINY, pair(), tmp_path / "whole", progress=False)
    train.fit(TINY, pair(), tmp_path / "cut", steps=cut, progress=False)
    resumed = train.fit(TINY, pair(), tmp_path / "cut", resume="auto", progress=False)
    assert resumed.state.step == whole.state.step == 15
    assert digest(resumed.net) == digest(whole.net)
    for name, v in whole.state.update.velocity.items():
        assert torch.equal(v, resumed.state.update.velocity[name]), name
    # so do the epochs' numbers, those of the interrupted epoch included
    final = {row["epoch"]: row for row in resumed.history}
    for row in whole.history:
        for key in ("train_loss", "train_error", "loss", "error", "lr"):
            assert final[row["epoch"]][key] == pytest.approx(row[key], abs=1e-12)


@SAVES
def test_batch_norm_dropout_and_one_cycle_resume_exactly_too(tmp_path):
    recipe = TINY.change(
        options={"norm": "batch"}, schedule="one-cycle", colour_std=0.1,
        resized=True, erase=6,
    )  # fmt: skip
    whole = train.fit(recipe, pair(), progress=False)
    train.fit(recipe, pair(), tmp_path, steps=8, progress=False)
    resumed = train.fit(recipe, pair(), tmp_path, resume="auto", progress=False)
    assert digest(resumed.net) == digest(whole.net)


@SAVES
def test_a_run_folder_holds_config_logs_two_checkpoints_and_plain_weights(tmp_path):
    run = train.fit(TINY, pair(), tmp_path, interval=2, progress=False)
    assert [s for s, _ in checkpoints.found(tmp_path)] == [15, 10]
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["preset"]["lr"] == 0.01 and config["classes"] == ["a", "b", "c"]
    assert config["runs"][0]["versions"]["torch"]
    epochs, intervals = logs.read(tmp_path)
    assert len(epochs) == 3 and [r["step"] for r in intervals] == list(range(2, 15, 2))
    assert all(r["images_per_s"] > 0 and 0 <= r["waited"] <= 1 for r in intervals)
    other = train.fit(TINY, pair(), steps=1, progress=False)
    metadata = checkpoints.import_weights(other.net, tmp_path / "weights.safetensors")
    assert digest(other.net) == digest(run.net)
    assert metadata["net"] == "alexnet" and metadata["classes"] == ["a", "b", "c"]


@SAVES
def test_the_interval_log_adds_up_to_the_epochs_loss(tmp_path):
    train.fit(TINY, pair(), tmp_path, interval=1, progress=False)
    epochs, intervals = logs.read(tmp_path)
    for epoch in epochs:
        parts = [r["loss"] for r in intervals if r["step"] <= epoch["step"]][-5:]
        assert sum(parts) / 5 == pytest.approx(epoch["train_loss"])


@SAVES
def test_a_folder_that_holds_a_run_is_not_overwritten(tmp_path):
    train.fit(TINY, pair(), tmp_path, steps=2, progress=False)
    with pytest.raises(TrainError, match="already holds a run, at step 2.*--resume"):
        train.fit(TINY, pair(), tmp_path, progress=False)
    assert [s for s, _ in checkpoints.found(tmp_path)] == [2]


@SAVES
def test_resume_auto_begins_where_there_is_nothing_yet(tmp_path):
    run = train.fit(TINY, pair(), tmp_path, steps=1, resume="auto", progress=False)
    assert run.state.step == 1


@SAVES
def test_a_resumed_run_may_change_rate_and_precision_but_not_the_batch(
    tmp_path, capsys
):
    train.fit(TINY, pair(), tmp_path, steps=5, progress=False)
    with pytest.raises(TrainError, match="begun with a batch of 16.*8 needs another"):
        train.fit(TINY, pair(), tmp_path, resume="auto", batch=8, progress=False)
    changed = {"lr": 0.001, "precision": "bf16"}
    run = train.fit(TINY, pair(), tmp_path, resume="auto", steps=6, **changed)
    assert "lr 0.01 -> 0.001; precision fp32 -> bf16" in capsys.readouterr().out
    assert run.state.precision == "bf16" and run.state.step == 6


@SAVES
def test_a_damaged_newest_checkpoint_costs_only_the_steps_since_the_one_before(
    tmp_path,
):
    whole = train.fit(TINY, pair(), progress=False)
    train.fit(TINY, pair(), tmp_path, steps=12, progress=False)
    newest = checkpoints.found(tmp_path)[0][1]
    data = bytearray(newest.read_bytes())
    data[len(data) // 2] ^= 1
    newest.write_bytes(data)
    with pytest.warns(UserWarning, match="Going on from checkpoint-00000010.pt"):
        run = train.fit(TINY, pair(), tmp_path, resume="auto", progress=False)
    assert digest(run.net) == digest(whole.net)


# ------------------------------------------------------------------------------ faults


@SAVES
def test_an_exploding_loss_stops_with_step_rate_and_layer_and_keeps_the_checkpoint(
    tmp_path,
):
    train.fit(TINY, pair(), tmp_path, steps=5, progress=False)
    with pytest.raises(TrainError) as caught:
        train.fit(TINY, pair(), tmp_path, resume="auto", lr=1e30, progress=False)
    text = str(caught.value)
    assert "not finite at step" in text and "learning rate 1e+30" in text
    assert "First in " in text and "of step 5, is kept" in text
    assert checkpoints.found(tmp_path)[0][0] == 5


@SAVES
@pytest.mark.parametrize(
    ("change", "data", "words"),
    [
        ({"options": {"width": 0.2}}, pair(), "of another network.*conv1.weight"),
        ({}, pair(81), "trained on other images"),
        (
            {},
            (pictures(80, 1, classes=2), pictures(24, 2, classes=2)),
            "knows 3 classes, the data have 2",
        ),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(tmp_path, change, data, words):
    train.fit(TINY, pair(), tmp_path, steps=1, progress=False)
    with pytest.raises(TrainError, match=words):
        train.fit(TINY, data, tmp_path, resume="auto", progress=False, **change)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ((pictures(30, 1, side=20), pictures(9, 2, side=20)), "have 20. Choose a smal"),
        ((pictures(30, 1), pictures(9, 2, side=40)), r"\(3, 36, 36\) for training but"),
        ((pictures(30, 1), pictures(9, 2, classes=2)), "name different classes"),
        ((pictures(0, 1), pictures(9, 2)), "a split without images"),
        ((pictures(8, 1, classes=1), pictures(8, 2, classes=1)), "one class only"),
        (7, "data needs a data set's name, a folder, or a pair"),
        (([1, 2], [3]), "each of the two sets needs images, labels and classes"),
        ("no-such-data", "no-such-data"),
    ],
)
def test_data_that_do_not_fit_are_named_in_one_sentence(data, words):
    with pytest.raises((ValueError, TypeError), match=words):
        train.fit(TINY, data, progress=False)


@SAVES
def test_a_full_disk_warns_goes_on_and_raises_only_at_the_end(tmp_path, monkeypatch):
    import errno

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    train.fit(TINY, pair(), tmp_path, steps=5, progress=False)
    monkeypatch.setattr(checkpoints.torch, "save", full)
    with (
        pytest.warns(UserWarning, match="disk.*is full.*Training goes on"),
        pytest.raises(TrainError, match="is full"),
    ):
        train.fit(TINY, pair(), tmp_path, resume="auto", progress=False)
    monkeypatch.undo()
    assert checkpoints.newest(tmp_path)[1]["step"] == 5


def test_a_dead_start_is_announced_before_training(capsys):
    recipe = TINY.change(init="paper")
    train.fit(recipe, pair(), steps=1)
    shown = capsys.readouterr().out
    assert "dead start" in shown and "conv5" in shown


def test_bad_arguments_are_named():
    for arguments, words in (
        ({"steps": 0}, "steps must be a whole number of at least 1"),
        ({"interval": 0}, "interval must be a whole number"),
        ({"save_minutes": -1}, "save_minutes must be a finite number of at least 0"),
        ({"resume": "yes"}, 'resume must be None or "auto"'),
        ({"resume": "auto"}, "resume needs out"),
        ({"device": "gpu9"}, 'device must be "auto", "cpu"'),
        ({"device": "meta"}, 'device must be "auto", "cpu"'),
        ({"engine": "graph"}, "needs one CUDA GPU"),
        ({"engine": "fast"}, "engine must be auto"),
        ({"lrr": 1}, "no field 'lrr'"),
    ):
        with pytest.raises((ValueError, TypeError), match=words):
            train.fit(TINY, pair(), progress=False, **arguments)


@pytest.mark.slow
@pytest.mark.parametrize("interval", [1, 3, 5, 6, 7, 8])
def test_intervals_that_cross_epochs_add_up_too(tmp_path, interval):
    train.fit(TINY, pair(), tmp_path / "all", interval=1, progress=False)
    train.fit(TINY, pair(), tmp_path / "some", interval=interval, progress=False)
    every, some = (logs.read(tmp_path / name)[1] for name in ("all", "some"))
    for row in some:
        rows = every[row["step"] - interval : row["step"]]
        for key in ("loss", "error"):
            mean = sum(r[key] for r in rows) / interval
            assert row[key] == pytest.approx(mean, abs=1e-9), (row["step"], key)


@pytest.mark.slow
def test_the_time_of_validation_does_not_count_as_slow_training(monkeypatch):
    import time

    from cnnlab.train import evaluate

    judge, rows = evaluate.accuracy, []

    def slow(*arguments):
        time.sleep(1)
        return judge(*arguments)

    monkeypatch.setattr(evaluate, "accuracy", slow)
    train.fit(TINY, pair(), interval=4, epochs=1.6, progress=False,
              on_interval=rows.append)  # fmt: skip
    assert [row["step"] for row in rows] == [4, 8]  # validation lies between
    assert rows[1]["images_per_s"] > 4 * 16 / 1.0


@pytest.mark.slow
def test_a_run_of_two_epochs_and_a_half_goes_on_to_four_exactly(tmp_path):
    recipe = TINY.change(schedule="constant", epochs=4)
    whole = train.fit(recipe, pair(), progress=False)
    first = train.fit(recipe, pair(), tmp_path, epochs=2.5, progress=False)
    assert first.state.step == 13 and first.history[-1]["epoch"] == 2.6
    run = train.fit(recipe, pair(), tmp_path, resume="auto", progress=False)
    assert run.state.step == 20 and digest(run.net) == digest(whole.net)
    assert run.history[-1]["train_loss"] == pytest.approx(
        whole.history[-1]["train_loss"], abs=1e-12
    )
    assert run.state.errors == whole.state.errors


@pytest.mark.slow
def test_a_plateau_schedule_resumes_exactly(tmp_path):
    recipe = TINY.change(schedule="plateau", epochs=9, lr=1e-9)  # stalls at once
    whole = train.fit(recipe, pair(32), progress=False)
    train.fit(recipe, pair(32), tmp_path, steps=9, progress=False)
    run = train.fit(recipe, pair(32), tmp_path, resume="auto", progress=False)
    assert whole.state.stalls and run.state.stalls == whole.state.stalls
    assert digest(run.net) == digest(whole.net)


@SAVES
def test_a_step_that_is_judged_again_after_a_resume_has_one_line(tmp_path):
    for _ in range(3):
        run = train.fit(TINY, pair(), tmp_path, steps=4, resume="auto", progress=False)
        assert [row["step"] for row in run.history] == [4]
        assert [row["step"] for row in logs.read(tmp_path)[0]] == [4]


@SAVES
def test_a_finished_run_that_is_resumed_stays_as_it_is(tmp_path):
    first = train.fit(TINY, pair(), tmp_path, progress=False)
    again = train.fit(TINY, pair(), tmp_path, resume="auto", progress=False)
    assert digest(again.net) == digest(first.net)
    assert again.history == first.history


@SAVES
@pytest.mark.parametrize("change", [{"mean": "image"}, {"unit": False}])
def test_inputs_of_another_kind_are_refused_on_resume(tmp_path, change):
    bare = TINY.change(colour_std=0.0)
    train.fit(bare, pair(), tmp_path, steps=1, progress=False)
    for more in (change, {"colour_std": 0.1}):
        with pytest.raises(TrainError, match=f"{next(iter(more))}.*another folder"):
            train.fit(bare, pair(), tmp_path, resume="auto", progress=False, **more)


def test_training_that_a_callback_ends_must_save(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints.torch, "save", full)
    with (
        pytest.warns(UserWarning, match="is full.*Training goes on"),
        pytest.raises(TrainError, match="is full"),
    ):
        train.fit(TINY, pair(), tmp_path, progress=False, on_epoch=lambda row: True)


def write_photos(folder, n: int = 24) -> None:
    part = pictures(n, 1)
    for index, (image, label) in enumerate(zip(part.images, part.labels, strict=True)):
        place = folder / part.classes[label]
        place.mkdir(parents=True, exist_ok=True)
        pillow().fromarray(image.transpose(1, 2, 0)).save(place / f"{index:04d}.png")


def test_a_run_knows_its_data_from_another_folder_too(tmp_path, monkeypatch):
    write_photos(tmp_path / "photos")
    packed.pack(tmp_path / "photos", tmp_path / "store", size=36, progress=False)
    monkeypatch.chdir(tmp_path)
    train.fit(TINY, "store", "run", steps=1, progress=False)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert "this run" in train.evaluate_run(tmp_path / "run")


def test_a_store_of_another_size_is_not_taken_in_silence(tmp_path, capsys):
    write_photos(tmp_path / "photos")
    (tmp_path / "photos" / "a" / "broken.png").write_bytes(b"no picture")
    folders = tmp_path / "photos", tmp_path / "run"
    with pytest.raises(TrainError, match="have 20"):
        train.fit(TINY, *folders, store=20)
    assert "broken.png" in capsys.readouterr().out  # what was left out is listed
    with pytest.raises(TrainError, match="packed with 20 pixels, and store=36 is"):
        train.fit(TINY, *folders, store=36, progress=False)


@SAVES
def test_two_trainings_do_not_write_to_one_folder_at_once(tmp_path):
    def second(row):
        with pytest.raises(TrainError, match="another training is writing to"):
            train.fit(TINY, pair(), tmp_path, resume="auto", progress=False)
        return True

    train.fit(TINY, pair(), tmp_path, progress=False, on_epoch=second)
    train.fit(TINY, pair(), tmp_path, resume="auto", steps=6, progress=False)


def test_before_training_a_signal_ends_everything_at_once(tmp_path, monkeypatch):
    import signal

    from cnnlab.train import sources

    def interrupted(*arguments):
        signal.raise_signal(signal.SIGINT)
        return (), ()

    monkeypatch.setattr(sources, "find", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train.fit(TINY, pair(), tmp_path, progress=False)


def test_a_single_picture_a_step_is_allowed(capsys):
    run = train.fit(TINY, pair(8), batch=1, steps=2)
    assert run.state.step == 2 and "signal: outputs" in capsys.readouterr().out


@SAVES
def test_class_names_and_rates_of_numpy_can_be_saved(tmp_path):
    names = tuple(np.array(["a", "b", "c"]))
    sets = tuple(dataclasses.replace(part, classes=names) for part in pair())
    train.fit(TINY, sets, tmp_path, lr=np.float64(0.01), steps=1, progress=False)
    assert checkpoints.newest(tmp_path)[1]["classes"] == ["a", "b", "c"]


def test_the_chosen_gpu_is_the_current_one_while_training(monkeypatch):
    from cnnlab.train import parallel

    seen = []

    class Current:
        def __init__(self, place):
            self.place = place

        def __enter__(self):
            seen.append(self.place)

        def __exit__(self, *_):
            seen.append(None)

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "device", Current)
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with parallel.group("cuda:1") as group:
        assert seen == [group.device] == [torch.device("cuda", 1)]
    assert seen[1:] == [None]


def test_an_apple_gpu_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(ValueError, match="sees no Apple GPU"):
        train.fit(TINY, pair(), device="mps", progress=False)


@SAVES
def test_class_names_that_are_no_unicode_are_trained_on(tmp_path):
    names = tuple(os.fsdecode(name) for name in (b"a\xff", b"b", b"c"))
    sets = tuple(dataclasses.replace(part, classes=names) for part in pair())
    train.fit(TINY, sets, tmp_path, steps=1, progress=False)
    assert train.load(tmp_path, sets)[0].classes == names


def test_too_few_photographs_are_told_how_many_are_needed(tmp_path):
    write_photos(tmp_path / "photos", 6)
    with pytest.raises(TrainError, match="at least ten images in a class"):
        train.fit(TINY, tmp_path / "photos", tmp_path / "run", progress=False, store=36)
