"""The one walk over folders: nothing appears or vanishes without a word."""

import os
import shutil
import time
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from _packing import pack, picture, tree, zipped
from _training import TINY

from cnnlab import data, packed, train
from cnnlab.data import DataError, listing
from cnnlab.packed import labels
from cnnlab.train import TrainError

Image = pytest.importorskip("PIL.Image")


def loaded(root, split="train", **options):
    """Return what ``data.load`` gives, and its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        options = {"size": 8, "cache": False, **options}
        found = data.load("folder", split, root=root, **options)
    return found, [str(one.message) for one in caught]


def both(root, store, split="train"):
    """Return classes and labels, which packing and loading must agree on, and notes."""
    report = pack(root, store)
    found, said = loaded(root, split)
    opened = packed.open(store, split)
    assert opened.labels.tolist() == found.labels.tolist()
    assert opened.classes == found.classes
    assert (opened.images.transpose(0, 3, 1, 2) == found.images).all()
    return found, report.notes, said


# ----------------------------------------------------------------- what is a picture

ODD = ["noext", "a.jpe", "b.jpg_large", "c.jpg?w=640", "d.JFIF", "e.png!small", "f.x"]


def test_pictures_with_odd_suffixes_are_known_by_their_content(tmp_path):
    source = tree(tmp_path / "x", {"train/cat": 1, "train/dog": 0})
    for n, name in enumerate(ODD):
        picture(n).save(source / "train/dog" / name, "PNG" if n % 2 else "JPEG")
    (source / "train/dog/README").write_text("BMP are not here")
    (source / "train/dog/tale").write_text("BM: P5 and II*")
    (source / "train/cat/raw.cr2").write_bytes(b"II*\0")
    found, notes, said = both(source, tmp_path / "store")
    assert np.bincount(found.labels).tolist() == [1, len(ODD)]
    assert notes[:2] == [
        "1 files that are no pictures, left out: train/dog/tale",
        "1 .cr2 files left out: not read here; save them as JPEG or PNG",
    ]
    assert said == [f"{source}: {note}" for note in notes[:2]]
    archive = zipped(source, tmp_path / "x.zip")
    assert listing.of(archive).images == listing.of(source).images
    assert listing.notes(listing.of(archive)) == notes[:2]


def test_system_folders_are_no_classes_and_their_thumbnails_no_photographs(tmp_path):
    source = tree(tmp_path / "x", {"cat": 8, "dog": 8})
    for name in ("__MACOSX/cat", "@eaDir/cat", "cat/@eaDir/p000.png", "$RECYCLE.BIN",
                 "dog/#recycle", "lost+found", "__macosx"):  # fmt: skip
        tree(source, {name: 1})
    picture(0).save(source / "cat/._p000.png")
    notes = pack(source, tmp_path / "store").notes
    assert loaded(source)[0].classes == packed.open(tmp_path / "store").classes
    assert packed.splits(tmp_path / "store") == {"train": 14, "test": 2}
    notes = sorted(notes[:2])
    assert [note.partition(":")[0] for note in notes] == [
        "1 hidden pictures, left out", "7 folders of the system, left out",
    ]  # fmt: skip
    archive = zipped(source, tmp_path / "x.zip")
    assert sorted(pack(archive, tmp_path / "zip").notes[:2]) == notes[:2]


def test_links_are_followed_alike_in_every_layout_and_dead_ones_are_named(tmp_path):
    tree(tmp_path / "pool", {"more": 2, "deep/er": 1})
    for root, layout in (
        ("a", {"cat": 2, "dog": 2}),
        ("b", {"train/cat": 2, "train/dog": 2}),
    ):
        source = tree(tmp_path / root, layout)
        start = source / "train" if root == "b" else source
        (start / "cat/more").symlink_to(tmp_path / "pool/more")
        (start / "bird").symlink_to(tmp_path / "pool/deep")
        (start / "fish").symlink_to(tmp_path / "nowhere")
        (start / "dog/up").symlink_to(start)
        (start / "dog/self").symlink_to("self")
        found = listing.of(source)
        kinds = listing.by_class(found, "train" if root == "b" else "")
        assert {k: len(v) for k, v in kinds.items()} == {"cat": 4, "dog": 2, "bird": 1}
        said = "; ".join(listing.notes(found))
        assert "links that lead nowhere, left out" in said and "fish" in said
        assert "1 links that lead in a circle" in said and "dog/up" in said
        assert any("fish" in line for line in loaded(source, "train")[1])


def test_links_that_multiply_come_to_an_end(tmp_path):
    for n in range(12):
        (tmp_path / f"x/cat/{n}").mkdir(parents=True)
        for link in "ab":
            (tmp_path / f"x/cat/{n}/{link}").symlink_to(tmp_path / f"x/cat/{n + 1}")
    picture(0).save(tmp_path / "x/cat/11/p.png")
    started = time.monotonic()
    listing.of(tmp_path / "x")
    assert time.monotonic() - started < 10


def test_a_class_whose_pictures_cannot_be_read_is_named(tmp_path):
    source = tree(tmp_path / "x", {"cat": 2, "dog": 2, "notes": 0, "fox": 0})
    (source / "notes/a.txt").write_text("x")
    (source / "fox/a.heic").write_bytes(b"x")
    _, notes, said = both(source, tmp_path / "store")
    assert "no pictures in fox, notes: no class" in notes
    assert any("no pictures in fox, notes" in line for line in said)


# ------------------------------------------------------------- one class, one label


@pytest.mark.parametrize(
    "train_names, val_names",
    [
        (("Cat", "dog"), ("cat", "Dog")),
        (("caf\u00e9", "b"), ("cafe\u0301", "b")),
        (("CAFE\u0301", "b"), ("caf\u00e9", "B")),
    ],
)
def test_classes_of_splits_that_differ_in_spelling_are_one(
    train_names, val_names, tmp_path
):
    layout = {f"train/{name}": 2 for name in train_names}
    source = tree(
        tmp_path / "x", {**layout, **{f"val/{name}": 1 for name in val_names}}
    )
    found, notes, said = both(source, tmp_path / "store", "val")
    assert len(found.classes) == 2 and sorted(found.labels) == [0, 1]
    assert set(found.classes) == set(train_names)
    assert "are read as one class" in notes[0] and "as one class" in said[0]


def test_capitals_tell_letters_apart(tmp_path):
    source = tree(
        tmp_path / "x", {f"{s}/{c}": 1 for s in ("train", "val") for c in "Aab"}
    )
    found, notes, _ = both(source, tmp_path / "store", "val")
    assert found.classes == ("A", "a", "b") and notes == []


def test_data_load_knows_splits_in_capitals_and_by_other_names(tmp_path):
    source = tree(tmp_path / "x", {"Training/a": 2, "Training/b": 1, "VALIDATION/a": 1,
                                   "VALIDATION/b": 1})  # fmt: skip
    assert len(both(source, tmp_path / "store")[0]) == 3
    assert (
        loaded(source, "validation")[0].split
        == loaded(source, "test")[0].split
        == "val"
    )


# -------------------------------------------------------------- tables of labels


def table(tmp_path, text: str, files: int = 3):
    source = tree(tmp_path / "x", {".": files})
    (tmp_path / "l.csv").write_text(text)
    pack(source, tmp_path / "s", labels=tmp_path / "l.csv")
    found = packed.open(tmp_path / "s", "val")
    return [found.classes[label] for label in found.labels]


@pytest.mark.parametrize(
    "text",
    [
        "image,cat,dog\np000,1.0,0.0\np001,0.0,1.0\np002,1.0,0.0\n",
        "image;cat;dog\np000;1;0\np001;0;1\np002;1;0\n",
        "name;class\np000.png;cat\np001.png;dog\np002.png;cat\n",
        '"name","class"\n"p000.png","cat"\n"p001.png","dog"\n"p002.png","cat"\n',
        '"p000.png" "cat"\n"p001.png"   "dog"\np002.png cat\n',
        "p000.png\tcat\np001.png\tdog\np002.png\tcat\np002.png\tcat\n",
        "a/p000.png,cat\na/p001.png,dog\na\\p002.png,cat\n",
    ],
)
def test_tables_in_many_forms_are_understood(text, tmp_path):
    assert table(tmp_path, text) == ["cat", "dog", "cat"]


def test_whole_numbers_with_a_point_and_names_with_commas(tmp_path):
    assert table(tmp_path, "f,y\np000,2.0\np001,10.0\np002,2.0\n") == ["2", "10", "2"]
    shutil.rmtree(tmp_path / "s")
    assert table(tmp_path, 'p000,"a, b"\np001,c\np002,c\n') == ["a, b", "c", "c"]


@pytest.mark.parametrize(
    "text, said",
    [
        ("f,y\np000,cat\np001,dog\np000,dog\n", "gives p000.png two classes"),
        ("f,mel,nv,age\np000,1,0,4\np001,0,1,5\np002,0,1,9\n", "columns of 0 and 1"),
        ("f,a,b\np000,1,1\np001,0,1\np002,0,0\n", "a single 1 in every other"),
        ("p000,1,0\np001,0,1\np002,1,0\n", "names of the classes in the first line"),
        ("f,a\np000,0.25\np001,0.5\np002,1\n", "expected names or whole numbers"),
        ("p000.png golden retriever\np001.png cat\n", "line 1 has 3 words"),
    ],
)
def test_tables_that_say_two_things_are_refused(text, said, tmp_path):
    with pytest.raises(DataError, match=said):
        table(tmp_path, text)


def test_equal_names_in_different_folders_keep_their_own_labels(tmp_path):
    source = tree(tmp_path / "x", {"val/1": 1, "val/2": 1})
    lines = "1/p000.png,cat\n2/p000.png,dog\n"
    (tmp_path / "l.csv").write_text(lines)
    found = labels.match(
        sorted(listing.of(source).images), labels.read_text(tmp_path / "l.csv"), (), {}
    )
    assert [kind for _, kind in found.pairs] == ["cat", "dog"]


def test_tens_of_thousands_of_classes_take_a_moment():
    names = tuple(f"n{n}" for n in range(40_000))
    started = time.monotonic()
    assert labels.spoken(names, {})[-1] == "n39999"
    picked = data._base.stratified(np.repeat(np.arange(40_000), 2), 0.5, 0)
    assert picked.sum() == 40_000
    assert time.monotonic() - started < 5


# ---------------------------------------------------------------------- zip archives


def archive_of(path: Path, names: dict[str, str]) -> Path:
    """Write a zip: name -> "picture" or a text."""
    with zipfile.ZipFile(path, "w") as archive:
        for n, (name, content) in enumerate(names.items()):
            picture(n).save(path.parent / "one.png")
            one = (path.parent / "one.png").read_bytes()
            info = zipfile.ZipInfo("x")
            info.filename = name  # as it is, backslashes too
            archive.writestr(info, one if content == "picture" else content)
    return path


@pytest.mark.parametrize(
    "names",
    [
        {"README.txt": "hello", "z/cat/1.png": "picture", "z/dog/1.png": "picture"},
        {"z\\cat\\1.png": "picture", "z\\dog\\1.png": "picture", "z\\": ""},
        {"/cat/x.png": "picture", "/dog/x.png": "picture"},
        {"t//cat/x.png": "picture", "t//dog//x.png": "picture"},
        {"./cat/x.png": "picture", "./dog/./x.png": "picture"},
        {"../x.png": "picture", "cat/x.png": "picture", "dog/x.png": "picture"},
    ],
)
def test_zips_of_every_make_are_packed(names, tmp_path):
    report = pack(archive_of(tmp_path / "r.zip", names), tmp_path / "store", workers=2)
    assert packed.open(tmp_path / "store").classes == ("cat", "dog")
    assert report.skipped == [] and packed.splits(tmp_path / "store") == {"train": 2}
    outside = [note for note in report.notes if "lead out of the archive" in note]
    assert len(outside) == ("../x.png" in names)


def test_a_zip_of_windows_is_unpacked_and_bombs_are_not(tmp_path):
    names = {"z\\cat\\1.png": "picture", "z\\dog\\1.png": "picture"}
    archive = archive_of(tmp_path / "w.zip", names)
    folder = data.unpack(archive, tmp_path)
    assert sorted(p.name for p in folder.iterdir() if p.is_dir()) == ["cat", "dog"]
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("z/cat/1.bmp", bytes(80 << 20))
    with pytest.raises(DataError, match="more than a hundred times its size"):
        data.unpack(tmp_path / "bomb.zip", tmp_path / "root")
    assert not (tmp_path / "root/z").exists()


def test_a_folder_in_a_zip_can_be_named_as_the_note_advises(tmp_path):
    names = {
        f"z/a/{kind}/{n}.png": "picture" for kind in ("cat", "dog") for n in range(10)
    }
    archive = archive_of(tmp_path / "r.zip", names)
    report = pack(archive, tmp_path / "store")
    (advice,) = [note for note in report.notes if "all images are of one class" in note]
    place = advice.rsplit("name ", 1)[1]
    assert place == str(tmp_path / "r.zip/z/a")
    pack(place, tmp_path / "other")
    assert packed.open(tmp_path / "other").classes == ("cat", "dog")
    with pytest.raises(DataError, match="holds no folder q"):
        pack(tmp_path / "r.zip/q", tmp_path / "third")


# ------------------------------------------------------------------ told in good time


def test_what_cannot_train_is_told_before_anything_is_decoded(tmp_path, monkeypatch):
    def decode(*args):
        raise AssertionError("decoded")

    monkeypatch.setattr(data.pictures, "decode", decode)
    for name, layout, said in (
        ("one", {"photos/cat": 3, "photos/dog": 3}, "one class only.*name .*photos"),
        ("few", {"cat": 3, "dog": 3}, "holds the splits train"),
        ("all", {"train/cat": 3, "train/dog": 3}, "holds the splits train"),
    ):
        source = tree(tmp_path / name, layout)
        with pytest.raises(TrainError, match=said):
            train.fit(TINY, source, tmp_path / "run", progress=False)
        assert not (tmp_path / "run" / "store").exists()


def test_a_photograph_that_was_repaired_or_replaced_is_noticed(tmp_path):
    source = tree(tmp_path / "x", {"train/a": 2, "train/b": 1})
    broken = source / "train/b/p001.png"
    broken.write_bytes(b"<html>")
    assert len(pack(source, tmp_path / "store").skipped) == 1
    picture(5).save(broken)
    with pytest.raises(DataError, match="were replaced or repaired since.*Delete it"):
        pack(source, tmp_path / "store")
    shutil.rmtree(tmp_path / "store")
    assert pack(source, tmp_path / "store").images == 4
    status = broken.stat()
    broken.write_bytes(bytes(status.st_size))
    os.utime(broken, ns=(status.st_atime_ns, status.st_mtime_ns + 10**9))
    with pytest.raises(DataError, match="replaced or repaired"):
        pack(source, tmp_path / "store")


def test_names_cannot_send_commands_to_the_terminal(tmp_path):
    evil = "\x1b[2J\x1b]0;owned\x07\u202e\x9b"
    source = tree(tmp_path / "x", {"train/a": 1, f"train/b{evil}": 1})
    (source / f"train/a/{evil}.png").write_bytes(b"")
    (source / f"train/a/{evil}").write_bytes(b"?")
    report = pack(source, tmp_path / "store")
    with pytest.raises(DataError) as caught:
        pack(source, tmp_path / f"x/{evil}")
    for text in (str(report), str(caught.value)):
        assert not set(text) & set("\x1b\x07\x9b\u202e") and "\\x1b[2J" in text
