"""Broken images, broken stores, full disks: listed, or one clear sentence each."""

import errno
import json
import os
import re
import shlex
import shutil
import struct
import subprocess
import sys
import types
import unicodedata
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from _packing import files, pack, picture, pillow, tree, zipped

from cnnlab import packed
from cnnlab.data import DataError
from cnnlab.packed import crew, journal, worker
from cnnlab.packed import store as form

ENGINE = sys.modules["cnnlab.packed.pack"]  # the name means the function


def _only(tmp_path: Path, name: str, write) -> tuple[packed.Report, np.ndarray]:
    """Pack one odd image beside a plain one; return the report and the odd pixels."""
    folder = tree(tmp_path / "x", {"train/a": 1}) / "train/a"
    write(folder / name)
    report = pack(tmp_path / "x", tmp_path / "store")
    return report, packed.open(tmp_path / "store").images[0]


# ------------------------------------------------------------------------ odd images


def red():
    return pillow().new("RGB", (20, 10), (200, 40, 40))


def _deep(path: Path) -> None:
    pillow().fromarray(np.full((9, 9), 200 << 8, np.uint16)).save(path)


def _animated(path: Path) -> None:
    other = pillow().new("RGB", red().size, "blue")
    red().save(path, save_all=True, append_images=[other, other], duration=20)


def _palette(path: Path) -> None:
    red().convert("P").save(path, transparency=0)


# name -> (how it is written, the colour that must come out, tolerance)
ODD = {
    "0grey.jpg": (lambda p: red().convert("L").save(p), (88, 88, 88), 3),
    "0one.png": (lambda p: pillow().new("1", (9, 9), 1).save(p), (255, 255, 255), 0),
    "0cmyk.jpg": (
        lambda p: red().convert("CMYK").save(p, quality=95),
        (200, 40, 40),
        4,
    ),
    "0cmyk.tif": (lambda p: red().convert("CMYK").save(p), (200, 40, 40), 0),
    "0palette.png": (_palette, (200, 40, 40), 30),
    "0rgba.png": (lambda p: red().convert("RGBA").save(p), (200, 40, 40), 0),
    "0la.png": (lambda p: red().convert("LA").save(p), (88, 88, 88), 1),
    "0deep.png": (_deep, (200, 200, 200), 0),
    "0deep.tif": (_deep, (200, 200, 200), 0),
    "0animated.gif": (_animated, (200, 40, 40), 8),
    "0small.png": (lambda p: red().resize((3, 2)).save(p), (200, 40, 40), 0),
    "0dot.png": (lambda p: red().resize((1, 1)).save(p), (200, 40, 40), 0),
    "0long.png": (lambda p: red().resize((9000, 2)).save(p), (200, 40, 40), 0),
    "0tall.jpg": (lambda p: red().resize((1, 9000)).save(p), (200, 40, 40), 4),
    "0PNG named.jpg": (lambda p: red().save(p, "PNG"), (200, 40, 40), 0),
    "0bmp.bmp": (lambda p: red().save(p), (200, 40, 40), 0),
    "0web.webp": (lambda p: red().save(p, lossless=True), (200, 40, 40), 0),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_images_come_out_in_rgb(name, tmp_path):
    write, colour, tolerance = ODD[name]
    report, pixels = _only(tmp_path, name, write)
    assert report.skipped == [] and report.images == 2
    assert pixels.shape == (8, 8, 3)
    assert np.abs(pixels.astype(int) - colour).max() <= tolerance


NAMES = [
    "0 with space.png",
    "0ü.png",
    "0u\u0308.png",
    "0🦊.png",
    "0a\nb.png",
    '0"q".png',
]


@pytest.mark.parametrize("workers", [1, 2])
def test_names_in_any_unicode_are_packed(workers, tmp_path, monkeypatch):
    monkeypatch.setattr(ENGINE, "_MOST_IN_CHUNK", 3)
    for name in NAMES:
        tree(tmp_path / "x", {f"train/{name[:-4]}": 1})
        red().save(tmp_path / "x" / "train" / name[:-4] / name)
        (tmp_path / "x" / "train" / name[:-4] / f"{name}x.png").write_bytes(b"")
    report = pack(tmp_path / "x", tmp_path / "store", workers=workers)
    assert report.images == 2 * len(NAMES)
    assert report.skipped == [
        ("train", f"train/{name[:-4]}/{name}x.png", "empty file")
        for name in sorted(NAMES)
    ]
    # The two that look the same, with a composed and a decomposed letter, are one.
    wanted = sorted({unicodedata.normalize("NFC", name[:-4]) for name in NAMES})
    found = packed.open(tmp_path / "store").classes
    assert [unicodedata.normalize("NFC", name) for name in found] == wanted
    assert report.notes == [
        "'0\\xfc', '0u\\u0308' are read as one class, " + found[wanted.index("0ü")]
    ]
    assert len(str(report).splitlines()) == 2 + len(NAMES)


def test_names_that_are_no_unicode_are_packed(tmp_path, capsys):
    from cnnlab.packed import __main__ as command

    folder = tree(tmp_path / "x", {"train/a": 1}) / "train/a"
    try:
        red().save(os.fsencode(folder) + b"/0\xff.png")
    except OSError:
        pytest.skip("this file system takes Unicode only")
    Path(os.fsdecode(os.fsencode(folder) + b"/1\xff.png")).write_bytes(b"?")
    call = [str(tmp_path / "x"), str(tmp_path / "store"), "--size", "8", "--workers"]
    assert command.main([*call, "2"]) == 0
    assert "train/a/1\\udcff.png: no image" in capsys.readouterr().out
    assert packed.verify(tmp_path / "store") == {"train": 2}


# --------------------------------------------------------------------- broken images


def _png_of(width: int, height: int) -> bytes:
    """Return the head of a PNG of this size; its pixels are missing."""

    def part(kind: bytes, body: bytes) -> bytes:
        crc = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc)

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", b"x")


def _cut(path: Path, share: float) -> None:
    picture(1, 200, 200).save(path, "JPEG")
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])


def _flipped(path: Path) -> None:
    picture(1, 50, 50).save(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


BROKEN = {
    "truncated.jpg": (lambda p: _cut(p, 0.6), "image file is truncated"),
    "headless.jpg": (
        lambda p: _cut(p, 0.01),
        "Truncated File Read|no image, or damaged",
    ),
    "flipped.png": (_flipped, "broken|CRC|truncated"),
    "empty.jpg": (lambda p: p.write_bytes(b""), "empty file"),
    "page.jpg": (lambda p: p.write_bytes(b"\n<!DOCTYPE html><p>404"), "a web page"),
    "text.png": (lambda p: p.write_bytes(b"hello"), "no image, or damaged"),
    "bomb.png": (
        lambda p: p.write_bytes(_png_of(50000, 50000)),
        "50,000 x 50,000 pixels",
    ),
    "link.jpg": (lambda p: p.symlink_to("nowhere"), "a link that leads nowhere"),
    "self.jpg": (lambda p: p.symlink_to(p), "symbolic links"),
    "pipe.jpg": (lambda p: os.mkfifo(p), "no file"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_images_are_left_out_and_listed(name, tmp_path):
    write, said = BROKEN[name]
    report, _ = _only(tmp_path, name, write)
    ((split, file, reason),) = report.skipped
    assert (split, file) == ("train", f"train/a/{name}")
    assert re.search(said, reason)
    assert "\n" not in reason and str(tmp_path) not in reason and "0x" not in reason
    assert packed.verify(tmp_path / "store") == {"train": 1}
    header = json.loads((tmp_path / "store/store.json").read_text())
    assert header["splits"]["train"]["skipped"] == [[file, reason]]
    assert "1 skipped" in str(report) and reason in str(report)


@pytest.mark.skipif(os.name == "nt", reason="permissions")
def test_images_that_may_not_be_read_are_listed(tmp_path, monkeypatch):
    folder = tree(tmp_path / "x", {"train/a": 2}) / "train/a"
    (folder / "p000.png").chmod(0)
    if os.access(folder / "p000.png", os.R_OK):  # the superuser may: pretend
        real = worker.Job.opened

        def opened(job, file):
            if file.endswith("p000.png"):
                raise PermissionError(errno.EACCES, "Permission denied")
            return real(job, file)

        monkeypatch.setattr(worker.Job, "opened", opened)
    report = pack(tmp_path / "x", tmp_path / "store")
    assert report.skipped == [("train", "train/a/p000.png", "may not be read")]


def test_folders_that_may_not_be_read_are_named(tmp_path, monkeypatch):
    source, real = tree(tmp_path / "x", {"train/a": 2, "train/b": 1}), os.scandir

    def scandir(path):
        if str(path).endswith("b"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    report = pack(source, tmp_path / "store")
    assert report.notes == [
        "may not be read, left out: train/b",
        "train: no images of b",
    ]


def test_classes_whose_images_are_all_broken_are_named(tmp_path):
    source = tree(tmp_path / "x", {"train/a": 2, "train/b": 1})
    (source / "train/b/p000.png").write_bytes(b"")
    report = pack(source, tmp_path / "store")
    assert report.notes == ["train: no readable images of b"]


def test_a_split_without_any_good_image_is_an_error(tmp_path):
    source = tree(tmp_path / "x", {"train/a": 2})
    for file in (source / "train/a").iterdir():
        file.write_bytes(b"<html>")
    with pytest.raises(DataError, match=r"None of the 2 images of train.*a web page"):
        pack(source, tmp_path / "store")


def test_a_skip_list_is_the_same_for_every_number_of_workers(tmp_path, monkeypatch):
    monkeypatch.setattr(ENGINE, "_MOST_IN_CHUNK", 3)
    source = tree(tmp_path / "x", {"train/a": 8, "train/b": 8})
    for name, (write, _) in BROKEN.items():
        if hasattr(os, "mkfifo") or name != "pipe.jpg":
            write(source / "train/a" / name)
    pack(source, tmp_path / "one")
    pack(source, tmp_path / "four", workers=4)
    assert files(tmp_path / "one") == files(tmp_path / "four")


# -------------------------------------------------------------------- broken archives


def test_members_of_a_zip_that_are_damaged_are_listed(tmp_path):
    source = tree(tmp_path / "x", {"train/a": 3, "train/b": 3})
    archive = zipped(source, tmp_path / "x.zip")
    content = bytearray(archive.read_bytes())
    inside = content.index((source / "train/a/p001.png").read_bytes()[100:120])
    content[inside] ^= 0xFF
    archive.write_bytes(content)
    report = pack(archive, tmp_path / "store", workers=2)
    ((_, file, reason),) = report.skipped
    assert file == "train/a/p001.png" and "CRC" in reason


@pytest.mark.parametrize(
    "name, content, said",
    [
        ("x.zip", b"", "neither a folder nor a whole .zip archive"),
        ("x.zip", b"<html>404</html>", "neither a folder nor a whole .zip archive"),
        ("x.tar", b"\0" * 10240, "python -m cnnlab data unpack"),
    ],
)
def test_what_is_no_zip_is_explained(name, content, said, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=said):
        pack(tmp_path / name, tmp_path / "store")


def test_a_cut_off_zip_and_one_without_images_are_explained(tmp_path):
    archive = zipped(tree(tmp_path / "x", {"train/a": 9}), tmp_path / "x.zip")
    archive.write_bytes(archive.read_bytes()[:-300])
    with pytest.raises(DataError, match="neither a folder nor a whole .zip archive"):
        pack(archive, tmp_path / "store")
    with zipfile.ZipFile(tmp_path / "y.zip", "w") as file:
        file.writestr("__MACOSX/a/b.png", "x")
    with pytest.raises(DataError, match="holds no images in class folders"):
        pack(tmp_path / "y.zip", tmp_path / "store")


# ------------------------------------------------------- disks, processes, the source


@pytest.fixture
def source(tmp_path):
    return tree(tmp_path / "x", {"train/a": 6, "val/a": 2})


def test_too_small_a_disk_is_noticed_before_anything_is_written(
    source, tmp_path, monkeypatch
):
    usage = types.SimpleNamespace(free=17 << 20)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(DataError) as caught:
        pack(source, tmp_path / "store", size=512)
    assert str(caught.value) == (
        "Packing 8 images of 512 x 512 needs 0.02 GB more on the disk of "
        f"{tmp_path / 'store'}, which has 0.02 GB free. Free some, name a folder on "
        "another disk, or take less: --size 128, --limit 100."
    )
    assert not (tmp_path / "store/train.images").exists()
    assert pack(source, tmp_path / "store2", size=8).images == 8


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_FSIZE and SIGXFSZ")
def test_a_disk_that_fills_up_keeps_what_is_packed(workers, tmp_path):
    layout = {"train/a": 30, "train/b": 30}
    source = tree(tmp_path / "x", layout)
    # A limit on the size of files stands in for the full disk: writes come back short,
    # in this process and in its workers, with EFBIG instead of ENOSPC.
    code = (
        "import resource, sys, errno\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000000, 2000000))\n"
        "from cnnlab.packed import __main__ as command\n"
        "sys.exit(command.main(sys.argv[1:]))\n"
    )
    options = [str(source), str(tmp_path / "s"), "--size", "128", "--quiet"]
    options += ["--workers", str(workers)]
    done = subprocess.run(
        [sys.executable, "-c", code, *options], capture_output=True, text=True
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "Packing into" in done.stderr and "goes on where it was" in done.stderr
    assert pack(source, tmp_path / "s", size=128).images == 60
    assert packed.verify(tmp_path / "s") == {"train": 60}


@pytest.mark.parametrize(
    "number, said",
    [
        (errno.ENOSPC, "is full; what is packed so far stays"),
        (errno.EROFS, "cannot be written. Name another folder"),
        (errno.EIO, r"Packing into .* failed \(Input/output error\)"),
    ],
)
def test_faults_of_the_disk_are_worded_and_nothing_is_lost(
    number, said, source, tmp_path, monkeypatch
):
    def broken(*args):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(ENGINE, "finish", broken)
        with pytest.raises(DataError, match=said):
            pack(source, tmp_path / "store")
    assert pack(source, tmp_path / "store").images == 8


def test_a_source_that_vanishes_stops_packing_instead_of_emptying_it(
    source, tmp_path, monkeypatch
):
    monkeypatch.setattr(ENGINE, "_MOST_IN_CHUNK", 2)
    real, count = worker.Job.read, [0]

    def read(job, file):
        count[0] += 1
        if count[0] == 4:
            source.rename(tmp_path / "away")
        return real(job, file)

    with monkeypatch.context() as patch:
        patch.setattr(worker.Job, "read", read)
        with pytest.raises(DataError, match="is out of reach: No such file"):
            pack(source, tmp_path / "store")
    (tmp_path / "away").rename(source)
    report = pack(source, tmp_path / "store")
    assert report.images == 8 and report.skipped == []


def test_a_worker_that_dies_is_reported(source, tmp_path, monkeypatch):
    monkeypatch.setattr(ENGINE, "_MOST_IN_CHUNK", 1)
    fake = types.SimpleNamespace(__name__="no.such.module", __file__=worker.__file__)
    with monkeypatch.context() as patch:
        patch.setattr(crew, "worker", fake)
        with pytest.raises(
            DataError, match=r"A worker process ended \(.*no.*--workers"
        ):
            pack(source, tmp_path / "store", workers=2)
    assert pack(source, tmp_path / "store", workers=2).images == 8


def test_memory_that_runs_out_is_not_blamed_on_an_image(source, tmp_path, monkeypatch):
    def hungry(*args):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr("cnnlab.data.pictures.decode", hungry)
        with pytest.raises(DataError, match="not enough memory.*--workers 1"):
            pack(source, tmp_path / "store")
    assert pack(source, tmp_path / "store").skipped == []


def test_two_packers_of_one_store_do_not_mix(source, tmp_path, monkeypatch):
    if journal.fcntl is None:
        pytest.skip("no locks here")
    monkeypatch.setattr(journal, "_PATIENCE", 0.0)
    real = ENGINE.finish

    def second(*args):
        with pytest.raises(DataError, match="is being packed by another process"):
            pack(source, tmp_path / "store")
        return real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(ENGINE, "finish", second)
        assert pack(source, tmp_path / "store").images == 8


# ------------------------------------------------------------------- folders to write


def test_a_store_of_something_else_is_left_alone(source, tmp_path):
    pack(source, tmp_path / "store")
    before = files(tmp_path / "store")
    with pytest.raises(DataError, match="is a store already, of other images or with"):
        pack(source, tmp_path / "store", fit="squash")
    assert files(tmp_path / "store") == before


def test_an_unfinished_store_of_something_else_is_left_alone(
    source, tmp_path, monkeypatch
):
    with monkeypatch.context() as patch:
        patch.setattr(ENGINE, "finish", lambda *args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            pack(source, tmp_path / "store")
    with pytest.raises(
        DataError, match="unfinished store of other images or other opt"
    ):
        pack(source, tmp_path / "store", size=9)
    (tmp_path / "store/train.images").unlink()
    with pytest.raises(
        DataError, match="was altered since packing began: train.images"
    ):
        pack(source, tmp_path / "store")


def test_folders_with_other_files_and_files_are_not_written_into(source, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("important")
    with pytest.raises(
        DataError, match="mine holds other files; name a new or an empty"
    ):
        pack(source, tmp_path / "mine")
    with pytest.raises(DataError, match="thesis.txt is a file; name a new folder"):
        pack(source, tmp_path / "mine/thesis.txt")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_a_store_inside_its_source_is_refused(source):
    for inside in (source, source / "store", source / "train" / "s"):
        with pytest.raises(DataError, match="lies inside .*; name a folder outside"):
            pack(source, inside)


@pytest.mark.parametrize(
    "options, error, said",
    [
        ({"size": 0}, ValueError, "size must be a whole number from 1 to 4096"),
        ({"size": "big"}, TypeError, "size must be a whole number"),
        ({"fit": "stretch"}, ValueError, "fit must be 'crop' or 'squash'"),
        ({"workers": 0}, ValueError, "workers must be a whole number from 1"),
        ({"limit": 0}, ValueError, "limit must be a whole number of at least 1"),
        ({"test_fraction": 1}, ValueError, "test_fraction must be from 0 to less"),
        ({"test_fraction": -1}, ValueError, "test_fraction must be a finite number"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, error, said, source, tmp_path):
    with pytest.raises(error, match=said):
        pack(source, tmp_path / "store", **options)
    assert not (tmp_path / "store").exists()


def test_sources_that_are_no_places_are_refused(tmp_path):
    with pytest.raises(TypeError, match="source must name a place on the disk"):
        pack(3, tmp_path / "store")
    with pytest.raises(DataError, match="no data set of that name is known"):
        pack("no-such-set", tmp_path / "store")


@pytest.mark.skipif(os.name == "nt", reason="closed streams")
def test_packing_needs_no_standard_streams(source, tmp_path):
    call = [sys.executable, "-m", "cnnlab.packed", str(source), str(tmp_path / "s"),
            "--workers", "2", "--size", "256"]  # fmt: skip
    line = " ".join(map(shlex.quote, call)) + " <&- >&- 2>&-"
    assert subprocess.run(["sh", "-c", line], timeout=60).returncode == 0
    assert packed.verify(tmp_path / "s") == {"train": 6, "val": 2}


# ----------------------------------------------------------------------- bad stores


@pytest.fixture
def store(source, tmp_path):
    pack(source, tmp_path / "store")
    return tmp_path / "store"


def _refused(store: Path, said: str) -> None:
    """Expect one clear sentence from everything that opens a store."""
    for call in (packed.open, packed.verify):
        with pytest.raises(DataError, match=said) as caught:
            call(store)
        assert "\n" not in str(caught.value)


def test_files_of_another_length_are_noticed_at_once(store):
    sizes = {"train.images": 6 * 192, "train.labels": 48, "train.sums": 24}
    for name, size in sizes.items():
        content = (store / name).read_bytes()
        (store / name).write_bytes(content[:-1])
        _refused(store, f"damaged: {name} has {size - 1:,} of {size:,} bytes")
        (store / name).write_bytes(content + b"x")
        _refused(store, f"damaged: {name} has {size + 1:,} of {size:,} bytes")
        (store / name).unlink()
        _refused(store, rf"damaged: {name} cannot be read \(No such file")
        (store / name).write_bytes(content)
    assert len(packed.open(store)) == 6


@pytest.mark.parametrize(
    "name", ["train.images", "val.images", "val.labels", "train.sums"]
)
def test_altered_bytes_are_found_by_verify(name, store):
    assert packed.verify(store) == {"train": 6, "val": 2}
    content = bytearray((store / name).read_bytes())
    content[3] ^= 1
    (store / name).write_bytes(content)
    with pytest.raises(DataError, match=f"damaged: altered: {name}"):
        packed.verify(store)


def test_an_altered_header_is_found_by_verify(store):
    header = json.loads((store / "store.json").read_text())
    header["classes"] = ["b"]
    (store / "store.json").write_text(json.dumps(header))
    with pytest.raises(DataError, match="store.json was altered"):
        packed.verify(store)


@pytest.mark.parametrize("small", [True, False])
def test_any_flipped_byte_is_noticed_before_it_is_trained_on(
    small, source, tmp_path, monkeypatch
):
    torch = pytest.importorskip("torch")
    pack(source, tmp_path / "store", size=4)
    monkeypatch.setattr(form, "CHECKED_AT_ONCE", 1 << 20 if small else 0)
    rng, read = np.random.default_rng(0), []

    def run():
        with packed.Feeder(packed.open(tmp_path / "store"), [np.arange(6)] * 2) as feed:
            read.extend(batch.images for batch in feed)

    run()
    assert len(read) == 2
    for name in ("store.json", "train.labels", "train.sums", "train.images"):
        file = tmp_path / "store" / name
        whole = file.read_bytes()
        for at in rng.integers(0, len(whole), 40):
            content = bytearray(whole)
            content[at] ^= 1 << rng.integers(8)
            file.write_bytes(content)
            with pytest.raises(DataError, match="damaged|altered|version"):
                run()
        file.write_bytes(whole)
    assert len(read) == 2 and torch.equal(*read)


def test_a_store_altered_on_purpose_is_not_opened(store):
    header = (store / "store.json").read_text()
    several = json.loads(header)
    several["classes"] = several["folders"] = ["z"]
    (store / "store.json").write_text(json.dumps(several))
    _refused(store, "store.json was altered")
    (store / "store.json").write_text(header)
    np.full(6, 0, "<i8").tofile(store / "train.labels")
    assert packed.open(store).labels.tolist() == [0] * 6  # as they were
    np.full(6, 7, "<i8").tofile(store / "train.labels")
    with pytest.raises(DataError, match="train.labels was altered"):
        packed.open(store)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b"[" * 100000,
        b'{"format": "x", "version": 1}',
    ],
)
def test_a_header_that_is_none_is_explained(content, store):
    (store / "store.json").write_bytes(content)
    _refused(store, "store.json is not the header of a packed store")


@pytest.mark.parametrize(
    "key, value",
    [
        ("shape", [8, 8]), ("shape", [8, 8, 0]), ("shape", "8"), ("classes", []),
        ("classes", [1]), ("splits", {}), ("splits", {"train": {"images": -1}}),
        ("splits", {"../train": {"images": 1}}), ("splits", None), ("shape", None),
        ("classes", "ab"), ("notes", 3),
    ],
)  # fmt: skip
def test_a_header_with_parts_missing_is_explained(key, value, store):
    header = json.loads((store / "store.json").read_text())
    (store / "store.json").write_text(json.dumps({**header, key: value}))
    _refused(store, "store.json is incomplete")
    del header[key]
    (store / "store.json").write_text(json.dumps(header))
    _refused(store, "store.json is incomplete")


@pytest.mark.parametrize("value", [None, 3, [["p000.png"]]])
def test_a_header_without_the_skipped_files_is_explained(value, store, source):
    header = json.loads((store / "store.json").read_text())
    header["splits"]["train"]["skipped"] = value
    (store / "store.json").write_text(json.dumps(header))
    _refused(store, "store.json is incomplete")
    with pytest.raises(DataError, match="store.json is incomplete"):
        pack(source, store)


def test_a_shape_beyond_all_files_is_explained(store):
    header = json.loads((store / "store.json").read_text())
    header["shape"] = [10**9] * 2 + [3]
    header["header_sha256"] = form.header_digest(header)
    (store / "store.json").write_text(json.dumps(header))
    with pytest.raises(DataError, match="bytes") as caught:
        packed.open(store)
    assert "of -" not in str(caught.value)


def test_a_newer_version_is_named(store):
    header = json.loads((store / "store.json").read_text())
    (store / "store.json").write_text(json.dumps({**header, "version": 3}))
    _refused(store, "has version 3 of the format; this course reads version 2. Update")


def test_what_is_no_store_is_explained(store, tmp_path):
    _refused(tmp_path / "none", "none does not exist. Pack images into it: python -m")
    _refused(tmp_path / "x", "is no packed store: it has no store.json")
    _refused(store / "store.json", "is a file; a packed store is a folder")
    with pytest.raises(TypeError, match="store must name a place"):
        packed.open(None)


def test_a_store_that_is_being_packed_is_explained(source, tmp_path, monkeypatch):
    monkeypatch.setattr(ENGINE, "finish", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        pack(source, tmp_path / "unfinished")
    _refused(tmp_path / "unfinished", "is not finished: it is being packed, or packing")
