"""Which split is validation and which is test, and inputs whose scale is zero."""

import numpy as np
import pytest
from _training import TINY, pair, pictures

from cnnlab import data, train
from cnnlab.train import TrainError, evaluate, sources
from cnnlab.train import __main__ as command

Image = pytest.importorskip("PIL.Image")
SPLITS = {"train": (1, 30), "val": (2, 9), "test": (3, 12)}  # seed, images


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of one step on folders train, val and test."""
    root = tmp_path_factory.mktemp("splits")
    for split, (seed, count) in SPLITS.items():
        part = pictures(count, seed)
        for n, (image, label) in enumerate(zip(part.images, part.labels, strict=True)):
            place = root / "photos" / split / part.classes[label]
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image.transpose(1, 2, 0)).save(place / f"{n:03}.png")
    train.fit(TINY, root / "photos", root / "run", steps=1, store=36, progress=False)
    return root / "run"


def test_val_is_validation_and_test_waits_for_eval(run, capsys, monkeypatch):
    judged = []
    real = evaluate.accuracy

    def accuracy(net, source, *rest):
        judged.append((source.split, len(source)))
        return real(net, source, *rest)

    monkeypatch.setattr(evaluate, "accuracy", accuracy)
    for extra in ([], ["--split", "test"], ["--split", "train"]):
        assert command.main(["eval", str(run), "--device", "cpu", *extra]) == 0
    assert judged == [("val", 9), ("test", 12), ("train", 30)]
    assert "12 images of test, 3 classes" in capsys.readouterr().out


def test_a_test_set_that_has_to_validate_is_named():
    said = []
    found = sources.find("digits", TINY.change(crop=8), note=said.append)
    assert (found.held, len(found.valid)) == ("test", 359)
    assert said == ["digits has no validation set: its test set is used for that"]
    found = sources.find("scenes", TINY, note=said.append)
    assert (found.held, found.valid.split, len(said)) == ("val", "val", 1)
    assert found.part("test").split == "test" and found.part("val") is found.valid
    pairs = sources.find(pair(), TINY)
    with pytest.raises(TrainError, match="has no split test: its validation set is"):
        pairs.part("test")


@pytest.mark.parametrize("level, odd", [(0, 0), (0, 1), (137, 0), (255, 1)])
def test_a_channel_without_variance_is_trained_on_at_its_own_scale(level, odd):
    def flat(part: data.Dataset) -> data.Dataset:
        images = part.images.copy()
        images[:, 0] = level
        images[0, 0, 0, 0] ^= odd  # one grey level in one pixel: rounding, no signal
        return data.Dataset(images, part.labels, part.classes, "flat", part.split)

    parts = [flat(part) for part in pair(30, 9)]
    scale = sources.statistics(sources.Source(*parts, "flat"), TINY)["scale"].ravel()
    assert scale[0] == 1 and (scale[1:] < 0.1).all()
    run = train.fit(TINY, parts, steps=2, progress=False)
    assert np.isfinite(run.history[-1]["loss"])


def test_any_changed_pixel_is_another_data_set():
    train_set, valid = pair(30, 9)
    before = sources.Source(train_set, valid, "x").fingerprint()
    train_set.images[7, 1, 3, 3] ^= 1
    assert sources.Source(train_set, valid, "x").fingerprint() != before
