"""Packing: layouts, label files, the format, and going on after any interruption."""

import hashlib
import io
import json
import os
import random
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from _packing import files, pack, picture, pillow, tree, zipped

from cnnlab import data, packed
from cnnlab.course import paths
from cnnlab.data import DataError, listing, pictures
from cnnlab.packed import __main__ as command
from cnnlab.packed import labels, progress

ENGINE = sys.modules["cnnlab.packed.pack"]  # the name means the function


@pytest.fixture
def two(tmp_path):
    """A tree with two splits of two classes."""
    layout = {"train/cat": 5, "train/dog": 4, "val/cat": 2, "val/dog": 1}
    return tree(tmp_path / "two", layout)


# ------------------------------------------------------------------------ the result


def test_a_store_holds_the_decoded_pixels_the_labels_and_the_classes(two, tmp_path):
    report = pack(two, tmp_path / "store")
    store = packed.open(tmp_path / "store")
    wanted = [
        np.asarray(pictures.fit(pillow().open(file).convert("RGB"), 8))
        for file in sorted((two / "train").rglob("*.png"))
    ]
    assert (store.images == np.stack(wanted)).all()
    assert store.labels.tolist() == [0] * 5 + [1] * 4
    assert store.labels.dtype == np.int64 and store.images.dtype == np.uint8
    assert store.classes == ("cat", "dog")
    assert repr(store) == "store/train: 9 images of 3 x 8 x 8, 2 classes"
    assert report.splits == packed.splits(tmp_path / "store") == {"train": 9, "val": 3}
    assert report.images == 12 and report.skipped == []
    size = sum(len(content) for content in files(tmp_path / "store").values())
    assert report.bytes == size


def test_the_pixels_equal_those_that_data_load_decodes(two, tmp_path):
    pack(two, tmp_path / "store")
    store = packed.open(tmp_path / "store")
    loaded = data.load("folder", root=two, size=8, cache=False)
    assert (store.images.transpose(0, 3, 1, 2) == loaded.images).all()
    assert (store.labels == loaded.labels).all()


def test_the_files_are_plain_bytes_as_the_format_says(two, tmp_path):
    pack(two, tmp_path / "store")
    found = files(tmp_path / "store")
    assert sorted(found) == [
        "store.json", "train.images", "train.labels", "train.sums", "val.images",
        "val.labels", "val.sums",
    ]  # fmt: skip
    rows = np.frombuffer(found["val.images"], np.uint8).reshape(3, -1)
    sums = np.frombuffer(found["val.sums"], "<u4").tolist()
    assert sums == [zlib.crc32(row) for row in rows]
    assert len(found["train.images"]) == 9 * 8 * 8 * 3
    assert found["val.labels"] == np.array([0, 0, 1], "<i8").tobytes()
    header = json.loads(found["store.json"])
    assert (header["format"], header["version"]) == ("cnnlab packed images", 2)
    said = header["splits"]["train"]["images_sha256"]
    assert said == hashlib.sha256(found["train.images"]).hexdigest()
    assert packed.open(tmp_path / "store").sha256 == said


def test_the_store_does_not_depend_on_workers_or_chunks(two, tmp_path, monkeypatch):
    pack(two, tmp_path / "one")
    monkeypatch.setattr(ENGINE, "_MOST_IN_CHUNK", 2)
    pack(two, tmp_path / "three", workers=3)
    assert files(tmp_path / "one") == files(tmp_path / "three")


def test_a_zip_gives_the_same_pixels_as_its_folder(two, tmp_path):
    pack(two, tmp_path / "folder")
    for top in ("", "two/"):
        archive = zipped(two, tmp_path / f"x{len(top)}.zip", top)
        pack(archive, tmp_path / f"store{len(top)}", workers=2)
        folder, from_zip = (
            files(tmp_path / name) for name in ("folder", f"store{len(top)}")
        )
        del folder["store.json"], from_zip["store.json"]  # names the source
        assert folder == from_zip


def test_short_sides_are_resized_and_the_centre_cut_out_or_all_is_squashed(tmp_path):
    (tmp_path / "t/train/x").mkdir(parents=True)
    wide = pillow().new("RGB", (30, 10), "red")
    wide.paste("blue", (10, 0, 20, 10))  # thirds: red, blue, red
    wide.save(tmp_path / "t/train/x/wide.png")
    pack(tmp_path / "t", tmp_path / "crop", size=10)
    pack(tmp_path / "t", tmp_path / "squash", size=10, fit="squash")
    crop, squash = (
        packed.open(tmp_path / name).images[0] for name in ("crop", "squash")
    )
    assert (crop == (0, 0, 255)).all()
    assert (squash[:, 0] == (255, 0, 0)).all() and (squash[:, 5] == (0, 0, 255)).all()


def test_a_named_set_is_packed_as_it_is_and_grey_stays_grey(tmp_path):
    pytest.importorskip("sklearn")
    report = pack("digits", tmp_path / "store", size=None)
    store, loaded = packed.open(tmp_path / "store", "test"), data.load("digits", "test")
    assert store.images.shape == (359, 8, 8, 1)
    assert (store.images[..., 0] == loaded.images[:, 0]).all()
    assert (store.labels == loaded.labels).all() and store.classes == loaded.classes
    assert report.splits == {"train": 1438, "test": 359}
    with pytest.raises(ValueError, match="packed as it is, at 8 x 8; leave size out"):
        pack("digits", tmp_path / "other", size=9)


def test_test_and_val_stand_in_for_each_other(two, tmp_path):
    pack(two, tmp_path / "store")
    assert packed.open(tmp_path / "store", "test").split == "val"
    with pytest.raises(ValueError, match="has no split 'all'; it has: train, val"):
        packed.open(tmp_path / "store", "all")


def test_limit_takes_the_first_of_each_class(two, tmp_path):
    assert pack(two, tmp_path / "store", limit=2).splits == {"train": 4, "val": 3}
    assert packed.open(tmp_path / "store").labels.tolist() == [0, 0, 1, 1]
    pytest.importorskip("sklearn")
    report = pack("digits", tmp_path / "digits", size=None, limit=3)
    assert report.splits == {"train": 30, "test": 30}
    assert np.bincount(packed.open(tmp_path / "digits").labels).tolist() == [3] * 10


def test_packing_again_changes_nothing(two, tmp_path):
    pack(two, tmp_path / "store")
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "store").iterdir()}
    assert pack(two, tmp_path / "store").images == 12
    assert before == {p: p.stat().st_mtime_ns for p in (tmp_path / "store").iterdir()}


# --------------------------------------------------------------------------- layouts


def test_without_split_folders_a_share_of_every_class_is_cut_out(tmp_path):
    source = tree(tmp_path / "photos", {"cat": 20, "dog": 10})
    pack(source, tmp_path / "a", test_fraction=0.2)
    pack(source, tmp_path / "b", test_fraction=0.2, workers=2)
    train, test = (packed.open(tmp_path / "a", split) for split in ("train", "test"))
    assert np.bincount(train.labels).tolist() == [16, 8]
    assert np.bincount(test.labels).tolist() == [4, 2]
    both = np.concatenate([train.images, test.images]).reshape(30, -1)
    assert len(np.unique(both, axis=0)) == 30  # disjoint, and nothing is lost
    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_no_share_or_too_small_a_share_leaves_no_test_split(tmp_path):
    source = tree(tmp_path / "photos", {"cat": 3, "dog": 3})
    assert pack(source, tmp_path / "a", test_fraction=0).splits == {"train": 6}
    report = pack(source, tmp_path / "b", test_fraction=0.1)
    assert report.notes == ["test: no images at all, left out"]


def test_other_names_of_splits_are_understood(tmp_path):
    source = tree(tmp_path / "x", {"training/a": 2, "validation/a": 1, "test/a": 1})
    report = pack(source, tmp_path / "store")
    assert report.splits == {"train": 2, "val": 1, "test": 1}


@pytest.mark.parametrize("names", [("Train", "TEST"), ("Training", "Testing")])
@pytest.mark.parametrize("zip_it", [False, True])
def test_splits_in_capitals_are_splits_and_no_classes(names, zip_it, tmp_path):
    layout = {f"{split}/{kind}": 2 for split in names for kind in ("cat", "dog")}
    source = tree(tmp_path / "x", layout)
    if zip_it:
        source = zipped(source, tmp_path / "x.zip")
    assert pack(source, tmp_path / "store").splits == {"train": 4, "test": 4}
    assert packed.open(tmp_path / "store").classes == ("cat", "dog")


def test_classes_are_the_folders_of_the_first_level_however_deep_images_lie(tmp_path):
    source = tree(tmp_path / "x", {"train/a/images": 2, "train/b/deep/er": 1})
    pack(source, tmp_path / "store")
    assert packed.open(tmp_path / "store").classes == ("a", "b")
    assert packed.open(tmp_path / "store").labels.tolist() == [0, 0, 1]


def test_a_class_may_be_called_like_a_split(tmp_path):
    source = tree(tmp_path / "vehicles", {"train": 10, "bus": 10, "car": 10})
    pack(source, tmp_path / "store")
    assert packed.open(tmp_path / "store").classes == ("bus", "car", "train")


def test_splits_with_different_classes_are_refused_by_name(tmp_path):
    source = tree(tmp_path / "x", {"train/a": 1, "train/b": 1, "val/a": 1, "val/c": 1})
    with pytest.raises(DataError, match="only in train: b; only in val: c"):
        pack(source, tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_a_class_without_images_is_named(tmp_path):
    layout = {"train/a": 1, "train/b": 1, "val/a": 1, "val/b": 0}
    source = tree(tmp_path / "x", layout)
    report = pack(source, tmp_path / "store")
    assert report.notes == ["val: no images of b"]
    assert packed.open(tmp_path / "store", "val").classes == ("a", "b")


def test_images_outside_the_classes_and_other_formats_are_counted(tmp_path):
    source = tree(tmp_path / "x", {"train/a": 1, ".": 2, "extra/things": 1})
    (source / "train/a/IMG_1.HEIC").write_bytes(b"?")
    (source / "train/a/notes.txt").write_bytes(b"?")
    assert pack(source, tmp_path / "store").notes == [
        "1 .heic files left out: not read here; save them as JPEG or PNG",
        "3 images outside the classes left out: extra/things/p000.png, p000.png, "
        "p001.png",
    ]


def test_a_source_one_folder_too_high_is_noticed(tmp_path):
    tree(tmp_path / "archive", {"photos/cat": 3, "photos/dog": 3})
    report = pack(tmp_path / "archive", tmp_path / "store", test_fraction=0)
    assert report.notes[1:] == [
        "all images are of one class, photos, which holds photos/cat, photos/dog; if "
        f"those are the classes, name {tmp_path / 'archive/photos'}"
    ]


def test_hidden_files_and_links_in_a_circle_are_left_out(tmp_path):
    source = tree(tmp_path / "x", {"a": 2, "b": 2, ".git": 1, "a/.thumbs": 1})
    picture(0).save(source / "a" / "._p000.png")
    (source / "a" / "up").symlink_to(source)
    (source / "loop").symlink_to(source)
    report = pack(source, tmp_path / "store", test_fraction=0)
    assert report.images == 4 and packed.open(tmp_path / "store").classes == ("a", "b")


def test_linked_class_folders_are_followed(tmp_path):
    tree(tmp_path / "elsewhere", {"cats": 3})
    (tmp_path / "x/train").mkdir(parents=True)
    (tmp_path / "x/train/cat").symlink_to(tmp_path / "elsewhere/cats")
    assert pack(tmp_path / "x", tmp_path / "store").splits == {"train": 3}


@pytest.mark.parametrize(
    "layout", [{}, {".": 3}, {"train": 3}, {"a": 0, "b": 0}, {"train/a": 0}]
)
def test_a_folder_without_class_folders_is_explained(layout, tmp_path):
    (tmp_path / "x").mkdir()
    source = tree(tmp_path / "x", layout)
    if layout == {"train": 3}:  # then it is a class
        assert pack(source, tmp_path / "store").images == 3
        return
    with pytest.raises(DataError, match=r"expected x/CLASS/image.jpg or x/train/CLASS"):
        pack(source, tmp_path / "store")


def test_two_folders_of_one_split_are_refused(tmp_path):
    source = tree(tmp_path / "x", {"val/a": 1, "valid/a": 1})
    with pytest.raises(DataError, match="both val and valid, which mean the same"):
        pack(source, tmp_path / "store")


def test_names_of_synsets_come_from_words_txt(tmp_path):
    source = tree(tmp_path / "x", {"train/n1": 1, "train/n2": 1, "train/n3": 1})
    lines = "n1\tcrane, bird\nn2\tcrane, machine\nn3\ttench, Tinca\nn4\tnot here\n"
    (source / "words.txt").write_text(lines)
    pack(source, tmp_path / "store")
    assert packed.open(tmp_path / "store").classes == (
        "crane (n1)", "crane (n2)", "tench",
    )  # fmt: skip
    header = json.loads((tmp_path / "store/store.json").read_text())
    assert header["folders"] == ["n1", "n2", "n3"]


# ----------------------------------------------------- labels in a file, as ImageNet's

SYNSETS = (
    "n00000003",
    "n00000001",
    "n00000002",
)  # ids 1, 2, 3: not in alphabetical order


@pytest.fixture
def imagenet(tmp_path):
    """ImageNet as published: train by synset, a flat val folder, files of labels."""
    source = tree(tmp_path / "ilsvrc", {f"train/{name}": 2 for name in SYNSETS})
    (source / "val").mkdir()
    for n in range(1, 6):
        name = f"ILSVRC2012_val_{n:08}.JPEG"
        picture(100 + n).save(source / "val" / name, "JPEG")
    return source


def _write(path: Path, lines) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


IDS = (2, 3, 1, 1, 2)
VAL_LABELS = [0, 1, 2, 2, 0]  # among the sorted synsets
NAMES = [f"ILSVRC2012_val_{n:08}" for n in range(1, 6)]


def _forms(folder: Path) -> dict[str, tuple[Path, Path | None]]:
    """Return each form of label file, with the list of synsets that it needs."""
    order = _write(folder / "order.txt", [f"{s} word {s}, more" for s in SYNSETS])
    named = list(zip(NAMES, [SYNSETS[i - 1] for i in IDS], strict=True))
    kaggle = [f"{n},{s} 1 2 3 4 {s} 5 6 7 8 " for n, s in named]
    caffe = zip(NAMES, VAL_LABELS, strict=True)
    rows = {
        "ids": ([str(i) for i in IDS], order),
        "synsets": ([f"{n}.JPEG {s}" for n, s in named][::-1], None),
        "caffe": ([f"{n}.JPEG {k}" for n, k in caffe], None),
        "tiny": ([f"{n}.JPEG\t{s}\t0\t9" for n, s in named], None),
        "kaggle": (["ImageId,PredictionString", *kaggle], None),
    }
    return {
        name: (_write(folder / f"{name}.txt", lines), synsets)
        for name, (lines, synsets) in rows.items()
    }


@pytest.mark.parametrize("form", ["ids", "synsets", "caffe", "tiny", "kaggle"])
def test_every_form_of_label_file_gives_the_same_labels(form, imagenet, tmp_path):
    file, synsets = _forms(tmp_path)[form]
    report = pack(imagenet, tmp_path / "s", labels=file, synset_words=synsets)
    val = packed.open(tmp_path / "s", "val")
    assert val.labels.tolist() == VAL_LABELS
    assert report.splits == {"train": 6, "val": 5} and report.skipped == []
    wanted = pictures.read(imagenet / "val" / f"{NAMES[1]}.JPEG", 8)
    assert (val.images[1].transpose(2, 0, 1) == wanted).all()


def test_a_validation_folder_alone_is_packed_by_its_labels(imagenet, tmp_path):
    file, synsets = _forms(tmp_path)["ids"]
    pack(imagenet / "val", tmp_path / "s", labels=file, synset_words=synsets)
    val = packed.open(tmp_path / "s", "val")
    assert val.labels.tolist() == VAL_LABELS
    assert val.classes == tuple(f"word {name}" for name in sorted(SYNSETS))


def test_the_development_kits_own_list_is_read(imagenet, tmp_path):
    savemat = pytest.importorskip("scipy.io").savemat
    kind = [("id", "i4"), ("WNID", "O"), ("words", "O"), ("gloss", "O"),
            ("num_children", "i4")]  # fmt: skip
    rows = [(i + 1, name, f"word {name}", "", 0) for i, name in enumerate(SYNSETS)]
    rows.append((4, "n00000000", "an inner node", "", 2))
    savemat(tmp_path / "meta.mat", {"synsets": np.array(rows, kind)})
    file, _ = _forms(tmp_path)["ids"]
    options = {"labels": file, "synset_words": tmp_path / "meta.mat"}
    pack(imagenet, tmp_path / "s", **options)
    assert packed.open(tmp_path / "s", "val").labels.tolist() == VAL_LABELS
    assert packed.open(tmp_path / "s").classes[0] == "word n00000001"
    (tmp_path / "bad.mat").write_bytes(b"no matrix")
    with pytest.raises(DataError, match=r"bad.mat is no meta.mat of ILSVRC"):
        labels.read_words(tmp_path / "bad.mat")


def test_ids_with_an_alphabetical_list_are_refused(imagenet, tmp_path):
    file, _ = _forms(tmp_path)["ids"]
    thousand = [f"n{n:08}" for n in range(1000)]
    wrong = _write(tmp_path / "sorted.txt", thousand)
    with pytest.raises(DataError, match="do not count the synsets in alphabetical"):
        pack(imagenet, tmp_path / "s", labels=file, synset_words=wrong)


def test_tiny_imagenet_as_published_is_understood(tmp_path):
    layout = {"train/n1/images": 2, "train/n2/images": 2, "val/images": 3}
    source = tree(tmp_path / "tiny", {**layout, "test/images": 2})
    lines = ["p000.png\tn2\t0\t0\t9\t9", "p001.png\tn1\t0\t0\t9\t9", "p002.png\tn2\t0"]
    _write(source / "val/val_annotations.txt", lines)
    for place in (source, zipped(source, tmp_path / "tiny.zip", "tiny/")):
        store = tmp_path / f"store{place.suffix}"
        report = pack(place, store)
        assert packed.open(store, "val").labels.tolist() == [1, 0, 1]
        assert report.splits == {"train": 4, "val": 3}
        assert report.notes == ["test: no class folders and no labels, left out"]


def test_images_without_a_line_and_lines_without_an_image_are_listed(
    imagenet, tmp_path
):
    file = _write(
        tmp_path / "l.txt", ["head class", f"{NAMES[0]}.JPEG {SYNSETS[0]}", "x9 n1"]
    )
    report = pack(imagenet, tmp_path / "s", labels=file)
    assert report.splits["val"] == 1
    assert ("val", f"val/{NAMES[1]}.JPEG", "no line in l.txt") in report.skipped
    assert ("val", "x9", "only a line in l.txt") in report.skipped
    assert len(report.skipped) == 5


def test_the_file_of_labels_belongs_to_val_and_test_may_have_none(imagenet, tmp_path):
    tree(imagenet, {"test": 3})
    file, _ = _forms(tmp_path)["synsets"]
    report = pack(imagenet, tmp_path / "s", labels=file)
    assert report.splits == {"train": 6, "val": 5}
    assert report.notes == ["test: no class folders and no labels, left out"]


@pytest.mark.parametrize(
    "lines, synsets, said",
    [
        (["1", "2"], True, "has 2 ids, but there are 5 images"),
        (["1", "2", "3", "4", "1"], True, "expected ids from 1 to 3.*got '4'"),
        (["1", "2", "3", "x", "1"], True, "expected ids from 1 to 3.*got 'x'"),
        (["1", "2", "3", "1", "1"], False, "name the synsets in their order"),
        (["a 1", "b 2"], True, "names none of the 5 images"),
        ([f"{NAMES[0]} n77"], True, "classes that the tree does not have: n77"),
        ([f"{NAMES[0]} 3"], False, "numbers the classes from 0 to 3, but there are 3"),
    ],
)
def test_label_files_that_do_not_fit_are_explained(
    lines, synsets, said, imagenet, tmp_path
):
    file = _write(tmp_path / "labels.txt", lines)
    order = _forms(tmp_path)["ids"][1] if synsets else None
    with pytest.raises(DataError, match=said):
        pack(imagenet, tmp_path / "s", labels=file, synset_words=order)


def test_label_files_that_cannot_be_read_are_explained(imagenet, two, tmp_path):
    for content, said in ((b"", "is empty"), (b"\xff\xfe1", "no text file in UTF-8")):
        (tmp_path / "l.txt").write_bytes(content)
        with pytest.raises(DataError, match=said):
            pack(imagenet, tmp_path / "s", labels=tmp_path / "l.txt")
    with pytest.raises(DataError, match="does not exist; name a label file"):
        pack(imagenet, tmp_path / "s", labels=tmp_path / "none.txt")
    with pytest.raises(DataError, match="Name the file of their labels: --labels"):
        pack(imagenet, tmp_path / "s")
    (tmp_path / "l.txt").write_text("1\n")
    with pytest.raises(DataError, match="every split has class folders"):
        pack(two, tmp_path / "s", labels=tmp_path / "l.txt")


def test_a_label_file_that_excel_wrote_loses_no_line(tmp_path):
    source = tree(tmp_path / "x", {".": 2})
    (tmp_path / "l.csv").write_bytes(b"\xef\xbb\xbfp000.png,a\r\np001.png,b\r\n")
    report = pack(source, tmp_path / "s", labels=tmp_path / "l.csv")
    assert (report.images, report.skipped) == (2, [])


def test_numbers_alone_become_classes_in_the_order_of_numbers(tmp_path):
    source = tree(tmp_path / "x", {".": 3})
    file = _write(tmp_path / "l.csv", ["file,label", "p000.png,10", "p001,9", "p002,2"])
    pack(source, tmp_path / "s", labels=file)
    assert packed.open(tmp_path / "s", "val").classes == ("2", "9", "10")
    assert packed.open(tmp_path / "s", "val").labels.tolist() == [2, 1, 0]


# ------------------------------------------------------------- after an interruption


class Stop(BaseException):
    """Not an Exception, so that nothing on the way may catch it."""


@pytest.fixture
def holed(tmp_path, monkeypatch):
    """A tree with broken images at the start, the middle and the end; small chunks."""
    monkeypatch.setattr(ENGINE, "_MOST_IN_CHUNK", 4)
    source = tree(
        tmp_path / "holed", {"train/a": 9, "train/b": 9, "val/a": 3, "val/b": 3}
    )
    for name in ("train/a/p000", "train/b/p002", "train/b/p008", "val/a/p001"):
        (source / f"{name}.png").write_bytes(b"broken")
    return source


def test_gaps_are_filled_from_the_end_with_their_labels(holed, tmp_path):
    report = pack(holed, tmp_path / "store")
    assert report.splits == {"train": 15, "val": 5} and len(report.skipped) == 4
    store = packed.open(tmp_path / "store")
    good = [f for f in sorted((holed / "train").rglob("*.png")) if f.stat().st_size > 9]
    wanted = {pictures.read(f, 8).tobytes(): "ab".index(f.parent.name) for f in good}
    got = {
        row.transpose(2, 0, 1).tobytes(): label
        for row, label in zip(store.images, store.labels, strict=True)
    }
    assert got == wanted  # every good picture once, with its own label


def test_a_pack_stopped_at_any_step_goes_on_to_the_same_bytes(
    holed, tmp_path, monkeypatch
):
    pack(holed, tmp_path / "whole")
    wanted, steps, real = files(tmp_path / "whole"), 0, os.fsync
    while True:  # stop before the k-th write that must last, for every k
        left = [steps]

        def fsync(handle, left=left):
            if not left[0]:
                raise Stop
            left[0] -= 1
            real(handle)

        store = tmp_path / f"store{steps}"
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", fsync)
            try:
                pack(holed, store)
                break
            except Stop:
                pass
        with pytest.raises(DataError, match="is not finished"):
            packed.open(store)
        pack(holed, store)
        assert files(store) == wanted
        steps += 1
    assert steps > 20


def test_finished_chunks_are_not_decoded_again(holed, tmp_path, monkeypatch):
    seen, real = [], pictures.decode
    monkeypatch.setattr(pictures, "decode", lambda *a: seen.append(1) or real(*a))

    def stopped(*args):
        raise Stop

    with monkeypatch.context() as patch:
        patch.setattr(ENGINE, "finish", stopped)
        with pytest.raises(Stop):
            pack(holed, tmp_path / "store")
    assert len(seen) == 24
    pack(holed, tmp_path / "store")
    assert len(seen) == 24


def test_a_torn_last_line_of_the_journal_is_forgotten(holed, tmp_path, monkeypatch):
    pack(holed, tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(ENGINE, "finish", lambda *args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            pack(holed, tmp_path / "store")
    journal = tmp_path / "store/packing.jsonl"
    content = journal.read_bytes()
    for cut in (1, 9, len(content) // 2, len(content) - 3):
        journal.write_bytes(content[:-cut])
        with monkeypatch.context() as patch:
            patch.setattr(ENGINE, "finish", lambda *args: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                pack(holed, tmp_path / "store")
        assert sorted(journal.read_bytes().split()) == sorted(content.split())
    pack(holed, tmp_path / "store")
    assert files(tmp_path / "store") == files(tmp_path / "whole")


def _command(source, store, *options):
    return [
        sys.executable, "-m", "cnnlab.packed", str(source), str(store), "--quiet",
        *map(str, options),
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_kills_at_random_moments_cost_no_byte(tmp_path):
    source = tree(tmp_path / "x", {"train/a": 4, "val/a": 2})
    whole = io.BytesIO()
    picture(1, 300, 400).save(whole, "JPEG")
    for n in range(420):
        content = whole.getvalue()[:-200] if n % 50 == 0 else whole.getvalue()
        (source / f"train/a/{n:03}.jpg").write_bytes(content)
    subprocess.run(_command(source, tmp_path / "whole"), check=True)
    wanted, kills, rng = files(tmp_path / "whole"), 0, random.Random(0)
    while True:
        process = subprocess.Popen(_command(source, tmp_path / "s", "--workers", 2))
        try:
            process.wait(timeout=rng.uniform(0.3, 0.5 + 0.1 * kills))
            break
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
    assert process.returncode == 0 and kills
    got = files(tmp_path / "s")
    assert got.keys() == wanted.keys()
    assert [name for name in got if got[name] != wanted[name]] == []


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")
def test_workers_end_when_the_packer_is_killed(tmp_path):
    source = tree(tmp_path / "x", {"train/a": 3})
    whole = io.BytesIO()
    picture(1, 900, 1200).save(whole, "JPEG")
    for n in range(300):
        (source / f"train/a/{n:03}.jpg").write_bytes(whole.getvalue())
    before = _workers()
    process = subprocess.Popen(_command(source, tmp_path / "store", "--workers", 3))
    end = time.monotonic() + 20
    while len(_workers() - before) < 3 and time.monotonic() < end:
        time.sleep(0.02)
    started = _workers() - before
    process.kill()
    process.wait()
    while started & _workers() and time.monotonic() < end:
        time.sleep(0.05)
    assert len(started) >= 3 and not started & _workers()


def _workers() -> set[int]:
    """Return the numbers of all worker processes of this machine."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if b"cnnlab.packed.worker" in entry.read_bytes():
                found.add(int(entry.parent.name))
        except OSError:
            continue
    return found


# ------------------------------------------------------------------ the command line


def test_the_command_packs_reports_and_verifies(two, tmp_path, capsys):
    store = tmp_path / "store"
    assert command.main([str(two), str(store), "--size", "8", "--verify"]) == 0
    out, progress = capsys.readouterr()
    assert "12 images (train 9, val 3)" in out and "0 skipped" in out
    assert "every byte as it was packed (train 9, val 3)" in out
    assert "packing: 12 of 12 images (100%)" in progress
    assert command.main(["--verify", str(store), "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_the_command_says_in_one_line_what_is_wrong(two, tmp_path, capsys):
    assert command.main([str(tmp_path / "none"), str(tmp_path / "store")]) == 1
    err = capsys.readouterr().err
    assert "none does not exist; name a folder of images, or a .zip." in err
    assert err.count("\n") == 1
    assert command.main([str(two)]) == 1
    assert "Name the folder to write too" in capsys.readouterr().err
    assert command.main(["no-such-set", str(tmp_path / "store")]) == 1
    assert "no data set of that name" in capsys.readouterr().err


def test_a_stopped_command_says_how_to_go_on(two, tmp_path, capsys, monkeypatch):
    def stopped(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(packed, "pack", stopped)
    assert command.main([str(two), str(tmp_path / "store")]) == 130
    assert "the same command again to go on" in capsys.readouterr().err


def test_a_terminal_gets_a_bar_and_a_file_gets_lines(capsys, monkeypatch):
    pytest.importorskip("tqdm.auto")
    monkeypatch.setattr(progress, "_EVERY", 0.0)
    for terminal in (False, True):
        monkeypatch.setattr(sys.stderr, "isatty", lambda terminal=terminal: terminal)
        with progress.bar("packing", 8, 2, "images", True) as update:
            update(3)
            update(3)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("packing: 5 of 8 images (62%), ")
    assert lines[1].startswith("packing: 8 of 8 images (100%), ")
    assert "\r" not in "".join(lines[:2]) and "8/8" in lines[-1]


@pytest.mark.slow
def test_workers_load_no_torch(two, tmp_path):
    code = (
        "import sys, torch; from cnnlab.packed import crew, worker; "
        "import subprocess; done = subprocess.run([sys.executable, '-X', 'importtime',"
        " '-m', worker.__name__], input='', capture_output=True, text=True); "
        "print('torch' in done.stderr, 'numpy' in done.stderr)"
    )
    call = [sys.executable, "-c", code]
    done = subprocess.run(call, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


@pytest.mark.slow
def test_a_script_without_a_main_guard_may_pack(two, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from cnnlab import packed\n"
        f"r = packed.pack({str(two)!r}, {str(tmp_path / 's')!r}, size=300, workers=3)\n"
        "print(r.images)\n"
    )
    call = [sys.executable, str(script)]
    done = subprocess.run(call, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["12"]


# ----------------------------------------------------------------------- real images


def _real(name: str) -> Path:
    for root in paths.data_roots():
        if (root / name).exists():
            return root / name
    pytest.skip(f"{name} is not in a data root")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, size, splits, classes",
    [
        ("tiny-imagenet-50.zip", 64, {"train": 250, "val": 250}, 50),
        ("imagenet-samples-200.zip", 256, {"val": 207}, 207),
        ("cifar10-jpeg.zip", 32, {"train": 50, "test": 50}, 10),
    ],
)
def test_real_archives_are_packed_whole(name, size, splits, classes, tmp_path):
    source = _real(name)
    report = packed.pack(source, tmp_path / "s", size=size, progress=False, limit=5)
    assert report.splits == splits and report.skipped == report.notes == []
    assert packed.verify(tmp_path / "s") == splits
    store = packed.open(tmp_path / "s", next(iter(splits)))
    assert len(set(store.classes)) == classes and 10 < store.images.mean() < 245


def test_mnist_is_packed_as_it_is(tmp_path):
    _real("MNIST")
    report = packed.pack("mnist", tmp_path / "s", progress=False, limit=10)
    assert report.splits == {"train": 100, "test": 100}
    assert packed.open(tmp_path / "s").images.shape == (100, 28, 28, 1)


def test_the_listing_of_a_zip_equals_that_of_its_folder(two, tmp_path):
    folder = listing.of(two)
    archive = listing.of(zipped(two, tmp_path / "x.zip", "some/"))
    assert folder.files.keys() == archive.files.keys() == folder.images
    assert folder.folders == archive.folders
    assert archive.prefix == "some/"


def test_exif_rotation_survives_packing(tmp_path):
    (tmp_path / "t/train/x").mkdir(parents=True)
    upright = picture(3, 40, 60)
    exif = pillow().Exif()
    exif[0x0112] = 6  # the camera was held on its side
    turned = upright.rotate(90, expand=True)
    turned.save(tmp_path / "t/train/x/a.jpg", quality=95, exif=exif)
    from PIL import ImageOps

    seen = ImageOps.exif_transpose(pillow().open(tmp_path / "t/train/x/a.jpg"))
    assert seen.size == (60, 40)
    pack(tmp_path / "t", tmp_path / "store")
    wanted = np.asarray(pictures.fit(upright, 8)).astype(int)
    assert np.abs(packed.open(tmp_path / "store").images[0] - wanted).max() < 16
