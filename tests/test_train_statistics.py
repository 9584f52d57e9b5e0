"""Statistics of a train set: computed once a store, and never believed wrongly."""

import os
import shutil
import warnings

import numpy as np
import pytest
import torch
from _packing import pack, tree
from _training import TINY

from cnnlab import augment, packed
from cnnlab.train import checkpoints, files, sources, statistics

LAYOUT = {"train/cat": 9, "train/dog": 8, "val/cat": 2, "val/dog": 2}
ALL = TINY.change(mean="image", unit=True, colour_std=0.1)
CHANNEL = TINY.change(mean="channel", unit=True, colour_std=0.0)


@pytest.fixture(scope="module")
def packed_once(tmp_path_factory):
    place = tmp_path_factory.mktemp("data")
    pack(tree(place / "pictures", LAYOUT), place / "store", size=36)
    return place / "store"


@pytest.fixture
def store(packed_once, tmp_path):
    return shutil.copytree(packed_once, tmp_path / "store")


def found(store, preset=ALL) -> dict:
    parts = packed.open(store, "train"), packed.open(store, "val")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return statistics.statistics(sources.Source(*parts, "x"), preset)


@pytest.fixture(scope="module")
def computed(packed_once):
    """The same images, as arrays in memory: nothing is kept."""
    part = packed.open(packed_once, "train")

    class Arrays:
        images = np.ascontiguousarray(part.images.transpose(0, 3, 1, 2))
        labels = part.labels

    return lambda preset=ALL: statistics.statistics(
        sources.Source(Arrays, Arrays, "x"), preset
    )


def same(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(
        torch.equal(value, other[name]) and value.dtype == torch.float32
        for name, value in one.items()
    )


def test_they_are_computed_once_and_come_back_bit_for_bit(store, computed, monkeypatch):
    whole, channel = computed(), computed(CHANNEL)
    assert sorted(whole) == ["colour", "directions", "mean", "scale"]
    assert same(found(store), whole)
    monkeypatch.setattr(augment, "mean_image", None)  # not called any more
    monkeypatch.setattr(augment, "moments", None)
    assert same(found(store), whole)
    assert same(found(store, CHANNEL), channel)  # from the same pass over the pixels
    assert packed.verify(store) == {"train": 17, "val": 4}


def test_what_one_recipe_needs_is_added_to_what_another_did(store, computed):
    for preset in (CHANNEL, ALL, CHANNEL):
        assert same(found(store, preset), computed(preset))
    kept = checkpoints.load(store / "train.statistics")["found"]
    assert len(kept) == 5


def test_none_wanted_none_kept(store):
    assert found(store, ALL.change(mean="none", unit=False, colour_std=0)) == {}
    assert not (store / "train.statistics").exists()


def rewritten(store, **changes) -> None:
    """Write the file anew, whole, with other content."""
    path = store / "train.statistics"
    checkpoints.write(path, {**checkpoints.load(path), **changes})


def odd(found: dict, **changes) -> dict:
    return {"found": {**found, **changes}}


ATTACKS = {
    "empty": lambda path, kept: path.write_bytes(b""),
    "cut": lambda path, kept: path.write_bytes(path.read_bytes()[:-9]),
    "flipped": lambda path, kept: path.write_bytes(
        path.read_bytes().replace(b"scale", b"scalf")
    ),
    "text": lambda path, kept: path.write_text("{}"),
    "folder": lambda path, kept: (path.unlink(), path.mkdir()),
    "pipe": lambda path, kept: (path.unlink(), os.mkfifo(path)),
    "other pixels": lambda path, kept: rewritten(path.parent, pixels="0" * 64),
    "other rows": lambda path, kept: rewritten(path.parent, rows=7),
    "other version": lambda path, kept: rewritten(path.parent, version=0),
    "other entry": lambda path, kept: rewritten(path.parent, more=1),
    "a list": lambda path, kept: checkpoints.write(path, [1]),
    "no dict": lambda path, kept: rewritten(path.parent, found=3),
    "tensor as key": lambda path, kept: rewritten(path.parent, rows=torch.zeros(2)),
    "other shape": lambda path, kept: rewritten(
        path.parent, **odd(kept, scale=torch.ones(3))
    ),
    "other type": lambda path, kept: rewritten(
        path.parent, **odd(kept, scale=kept["scale"].double())
    ),
    "not finite": lambda path, kept: rewritten(
        path.parent, **odd(kept, scale=kept["scale"] * float("nan"))
    ),
    "no tensor": lambda path, kept: rewritten(path.parent, **odd(kept, scale=2)),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_is_damaged_or_anothers_is_computed_again(store, computed, attack):
    if attack == "pipe" and os.name != "posix":
        pytest.skip("needs named pipes")
    found(store)
    path = store / "train.statistics"
    kept = checkpoints.load(path)["found"]
    wrong = {kind: value + 1 for kind, value in kept.items()}  # would be noticed
    rewritten(store, found=wrong)
    assert not same(found(store), computed())
    ATTACKS[attack](path, wrong)
    assert same(found(store), computed())
    if attack != "folder":
        assert checkpoints.load(path)["found"].keys() == kept.keys()
        assert same(found(store), computed())


def test_a_store_that_cannot_be_written_is_no_fault(store, computed, monkeypatch):
    def denied(path, mode="r", **options):
        if "b" in mode and "x" in mode:
            raise PermissionError(13, "Permission denied")
        return open(path, mode, **options)

    monkeypatch.setattr(files, "open", denied, raising=False)
    assert same(found(store), computed())
    assert not list(store.glob("*statistics*"))


def test_other_pictures_packed_into_the_same_folder_have_their_own(tmp_path):
    store = tmp_path / "store"
    pack(tree(tmp_path / "a", LAYOUT), store, size=36)
    first = found(store)
    old = (store / "train.statistics").read_bytes()
    shutil.rmtree(store)
    root = tree(tmp_path / "b", dict(reversed(LAYOUT.items())))  # others, as many
    pack(root, store, size=36)
    (store / "train.statistics").write_bytes(old)
    assert not same(found(store), first)
    (store / ".train.statistics.1.partial").write_bytes(b"killed")
    pack(root, store, size=36)  # finds nothing to do, and no fault


def test_altered_pixels_leave_no_statistics_behind(store, monkeypatch):
    monkeypatch.setattr(packed.store, "CHECKED_AT_ONCE", 0)  # as of a large store
    whole = (store / "train.images").read_bytes()
    with open(store / "train.images", "r+b") as file:
        file.write(b"\xff" * 3000)
    with pytest.raises(ValueError, match="image 0 is not as it was packed"):
        found(store)
    assert not (store / "train.statistics").exists()
    (store / "train.images").write_bytes(whole)
    part = packed.open(store, "train")
    assert not part.checked.any()
    statistics.statistics(sources.Source(part, part, "x"), ALL)
    assert part.checked.all() and (store / "train.statistics").exists()
