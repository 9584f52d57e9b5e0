"""Damaged files, hostile archives, bad networks, full disks: one clear sentence each.

The server is a thread on the loopback interface that misbehaves on purpose.
"""

import errno
import gzip
import hashlib
import http.server
import io
import os
import pickle
import re
import shutil
import struct
import tarfile
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnlab import data
from cnnlab.course import data_cli
from cnnlab.data import _base, archives, benchmarks, download, embedded, upkeep

BODY = bytes(range(256)) * 400  # 102,400 bytes
MD5 = hashlib.md5(BODY).hexdigest()


# --- a server that misbehaves -----------------------------------------------------


class Handler(http.server.BaseHTTPRequestHandler):
    """Serve ``server.files``; the first path component names the misbehaviour."""

    def log_message(self, *args):
        pass

    def do_GET(self):
        _, mode, name = self.path.split("/", 2)
        self.server.requests.append((mode, name, self.headers.get("Range")))
        try:
            getattr(self, mode)(self.server.files.get(name))
        except (BrokenPipeError, ConnectionResetError):
            pass
        self.close_connection = True

    def begin(self, status=200, kind="application/octet-stream", **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), str(value))
        self.end_headers()

    def ok(self, body):
        start = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if body is None:
            self.send_error(404)
        elif start and int(start[1]) >= len(body):
            self.send_error(416)
        elif start:
            rest = body[int(start[1]) :]
            span = f"bytes {start[1]}-{len(body) - 1}/{len(body)}"
            self.begin(206, Content_Length=len(rest), Content_Range=span)
            self.wfile.write(rest)
        else:
            self.begin(Content_Length=len(body))
            self.wfile.write(body)

    def cut(self, body):  # breaks off half-way, but continues when asked to
        if self.headers.get("Range"):
            return self.ok(body)
        self.begin(Content_Length=len(body))
        self.wfile.write(body[: len(body) // 2])

    def always_cut(self, body):  # 1000 bytes, whatever is asked
        self.begin(Content_Length=len(body))
        self.wfile.write(body[:1000])

    def too_short(self, body):  # announces, and sends, less than there is
        self.begin(Content_Length=len(body) // 2)
        self.wfile.write(body[: len(body) // 2])

    def too_long(self, body):  # announces more than it sends
        self.begin(Content_Length=len(body) + 5000)
        self.wfile.write(body)

    def no_length(self, body):
        self.begin()
        self.wfile.write(body)

    def endless(self, body):
        self.begin()
        while True:
            self.wfile.write(body)

    def altered(self, body):
        self.begin(Content_Length=len(body))
        self.wfile.write(body[:-1] + b"?")

    def web_page(self, body):
        self.begin(kind="text/html; charset=utf-8", Content_Length=6)
        self.wfile.write(b"<html>")

    def hang(self, body):
        self.server.release.wait(10)

    def hang_inside(self, body):
        self.begin(Content_Length=len(body))
        self.wfile.write(body[:1000])
        self.wfile.flush()
        self.server.release.wait(10)

    def drip(self, body):
        self.begin(Content_Length=len(body))
        for byte in body:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            if self.server.release.wait(0.02):
                return

    def wrong_range(self, body):
        if self.headers.get("Range"):
            self.begin(206, Content_Length=5, Content_Range="bytes 7-11/99")
            self.wfile.write(body[7:12])
        else:
            self.cut(body)

    def error_500(self, body):
        self.send_error(500)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(download, "TIMEOUT", 20)  # good servers may be slow, too
    monkeypatch.setattr(download, "PAUSE", 0.0)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        made.files, made.requests = {"x.bin": BODY}, []
        made.release, made.daemon_threads = threading.Event(), True
        made.url = f"http://127.0.0.1:{made.server_port}"
        thread = threading.Thread(target=made.serve_forever, args=(0.02,))
        thread.start()
        yield made
        made.release.set()
        made.shutdown()
        thread.join()


def get(server, path, *modes):
    urls = [f"{server.url}/{mode}/x.bin" for mode in modes]
    download.download(urls, path, MD5, len(BODY), "COMMAND")


# --- downloads ----------------------------------------------------------------------


def test_a_download_arrives_whole_and_reports_its_progress(server, tmp_path):
    seen = []
    download.download(
        [f"{server.url}/ok/x.bin"], tmp_path / "x", MD5, len(BODY), "COMMAND",
        lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    assert (tmp_path / "x").read_bytes() == BODY
    assert seen[-1] == (len(BODY), len(BODY)) and os.listdir(tmp_path) == ["x"]


def test_a_download_cut_in_the_middle_goes_on_where_it_stopped(server, tmp_path):
    get(server, tmp_path / "x", "cut")
    assert (tmp_path / "x").read_bytes() == BODY
    ranges = [asked for _, _, asked in server.requests]
    assert ranges == [None, f"bytes={len(BODY) // 2}-"]


def test_a_server_that_ignores_ranges_gets_a_fresh_start(server, tmp_path):
    (tmp_path / "x.part").write_bytes(b"z" * 500)
    get(server, tmp_path / "x", "no_length")
    assert (tmp_path / "x").read_bytes() == BODY


def test_a_foreign_beginning_is_noticed_and_fetched_anew(server, tmp_path):
    (tmp_path / "x.part").write_bytes(b"z" * 500)
    get(server, tmp_path / "x", "ok")
    assert (tmp_path / "x").read_bytes() == BODY


def test_a_beginning_longer_than_the_file_is_fetched_anew(server, tmp_path):
    (tmp_path / "x.part").write_bytes(b"z" * (len(BODY) + 1))
    get(server, tmp_path / "x", "ok")
    assert (tmp_path / "x").read_bytes() == BODY


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("always_cut", "broke off after 1,000 of 102,400 bytes"),
        ("too_short", "sent only 51,200 of 102,400 bytes"),
        ("endless", "sends more than the 102,400 bytes"),
        ("altered", "sent other content"),
        ("web_page", "sent a web page instead of the file"),
        ("hang", "sent nothing for 0.8 seconds"),
        ("hang_inside", "sent nothing for 0.8 seconds"),
        ("drip", "sends fewer than 1,000 bytes a second"),
        ("error_500", "answered 500"),
        ("wrong_range", "sent another range than was asked for"),
    ],
)
def test_each_fault_of_a_server_is_named_and_the_old_file_stays(
    server, tmp_path, mode, said, monkeypatch
):
    if mode in ("hang", "hang_inside", "drip"):
        monkeypatch.setattr(download, "TIMEOUT", 0.8)
    (tmp_path / "x").write_bytes(b"earlier")
    before = time.monotonic()
    with pytest.raises(data.DataError) as caught:
        get(server, tmp_path / "x", mode)
    assert said in str(caught.value) and str(caught.value).endswith("COMMAND")
    assert "\n" not in str(caught.value)
    assert (tmp_path / "x").read_bytes() == b"earlier"
    assert time.monotonic() - before < 20
    part = tmp_path / "x.part"
    assert not part.exists() or part.stat().st_size < len(BODY)


def test_a_server_that_announces_too_much_is_forgiven_if_the_content_is_right(
    server, tmp_path
):
    get(server, tmp_path / "x", "too_long")
    assert (tmp_path / "x").read_bytes() == BODY


def test_a_run_killed_before_the_last_step_needs_no_network(server, tmp_path):
    (tmp_path / "x.part").write_bytes(BODY)
    get(server, tmp_path / "x", "error_500")
    assert (tmp_path / "x").read_bytes() == BODY and not server.requests


def test_a_second_address_is_tried_when_the_first_fails(server, tmp_path):
    get(server, tmp_path / "x", "error_500", "ok")
    assert (tmp_path / "x").read_bytes() == BODY


def test_a_missing_file_is_not_asked_for_again(server, tmp_path):
    with pytest.raises(data.DataError, match="answered 404"):
        download.download(
            [f"{server.url}/ok/nothing"], tmp_path / "x", MD5, 5, "COMMAND"
        )
    assert len(server.requests) == 1


def test_no_network_is_said_so(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(download, "PAUSE", 0.0)
    with pytest.raises(data.DataError, match="cannot be reached"):
        download.download(["http://127.0.0.1:9/x"], tmp_path / "x", MD5, 5, "COMMAND")


def test_too_little_disk_is_refused_before_anything_is_written(
    server, tmp_path, monkeypatch
):
    usage = shutil.disk_usage(tmp_path)._replace(free=10)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(data.DataError, match="nothing was written"):
        get(server, tmp_path / "x", "ok")
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_disk_that_fills_up_ends_the_download_at_once(server, tmp_path):
    (tmp_path / "x").write_bytes(b"earlier")
    (tmp_path / "x.part").symlink_to("/dev/full")
    with pytest.raises(data.DataError, match=r"is full; nothing .* is lost.*COMMAND"):
        get(server, tmp_path / "x", "ok")
    assert (tmp_path / "x").read_bytes() == b"earlier"
    assert len(server.requests) == 1


# --- benchmarks ---------------------------------------------------------------------


def idx(array):
    header = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()


@pytest.fixture(scope="module")
def small_mnist():
    """Content with MNIST's sizes but few different pixels, and its table entry."""
    files, parts = {}, []
    for stem, n in (("train", 60000), ("t10k", 10000)):
        rows = np.arange(n) % 251
        images = np.repeat(rows, 784).astype(np.uint8).reshape(n, 28, 28)
        for kind, array in (("images-idx3", images), ("labels-idx1", rows % 10)):
            plain = idx(array.astype(np.uint8))
            packed = gzip.compress(plain, 1, mtime=0)
            name = f"{stem}-{kind}-ubyte.gz"
            files[name] = packed
            parts.append(
                benchmarks.Part(
                    name,
                    hashlib.md5(packed).hexdigest(),
                    len(packed),
                    hashlib.md5(plain).hexdigest(),
                )
            )
    return files, tuple(parts)


@pytest.fixture
def mnist(server, small_mnist, monkeypatch, tmp_path):
    """A root, and a server that has the small MNIST."""
    server.files, parts = small_mnist
    entry = benchmarks.BENCHMARKS["mnist"]
    entry = entry._replace(mirrors=(f"{server.url}/ok/",), parts=parts)
    monkeypatch.setitem(benchmarks.BENCHMARKS, "mnist", entry)
    monkeypatch.setenv("CNNLAB_DATA", str(tmp_path))
    yield tmp_path
    shutil.rmtree(tmp_path)  # 65 MB a test


def test_fetch_brings_a_benchmark_that_loads_and_is_not_fetched_twice(mnist, server):
    folder = data.fetch("mnist")
    assert folder == mnist / "MNIST" / "raw" and len(os.listdir(folder)) == 8
    train = data.load("mnist")
    assert train.images.shape == (60000, 1, 28, 28)
    assert train.images[250].max() == 250 and train.labels[:12].tolist()[-2:] == [0, 1]
    asked = len(server.requests)
    assert data.fetch("mnist") == folder and len(server.requests) == asked
    assert all(finding.good for finding in data.verify("mnist"))


def damage_cut(path):
    path.write_bytes(path.read_bytes()[:1000])


def damage_flip(path):
    content = bytearray(path.read_bytes())
    content[-7] ^= 1
    path.write_bytes(content)


def damage_header(path):
    content = bytearray(path.read_bytes())
    content[3] = 4
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (damage_cut, "is cut off: 1,000 of 7,840,016 bytes"),
        (damage_flip, "is altered: its md5 is"),
        (damage_header, "is altered: its md5 is"),
        (Path.unlink, "is missing"),
    ],
)
def test_each_damage_is_named_with_the_command_that_mends_it(
    mnist, server, damage, said
):
    folder = data.fetch("mnist")
    (folder / "t10k-images-idx3-ubyte.gz").unlink()
    damage(folder / "t10k-images-idx3-ubyte")
    with pytest.raises(data.DataError) as caught:
        data.load("mnist", "test")
    assert said in str(caught.value)
    assert str(caught.value).endswith("python -m cnnlab data fetch mnist")
    assert [finding.good for finding in data.verify("mnist")].count(False) == 1
    assert len(data.load("mnist", "train")) == 60000  # the other files still serve
    asked = len(server.requests)
    data.fetch("mnist")
    assert len(data.load("mnist", "test")) == 10000
    again = {name for _, name, _ in server.requests[asked:]}
    assert again == {"t10k-images-idx3-ubyte.gz"}


def test_a_good_packed_copy_stands_in_for_a_damaged_plain_one(mnist, server):
    folder = data.fetch("mnist")
    damage_flip(folder / "t10k-labels-idx1-ubyte")
    assert len(data.load("mnist", "test")) == 10000


def test_names_with_dots_and_folders_of_their_name_are_found(mnist, server):
    folder = data.fetch("mnist")
    for path in list(folder.iterdir()):
        dotted = folder / path.name.replace("-idx", ".idx")
        if path.name.startswith("train"):
            path.rename(dotted)
        elif path.suffix == ".gz":
            path.unlink()
        else:  # as Kaggle's archive unpacks
            path.rename(folder / "moved")
            path.mkdir()
            (folder / "moved").rename(path / path.name)
    asked = len(server.requests)
    assert [len(data.load("mnist", split)) for split in ("train", "test")] == [
        60000, 10000,
    ]  # fmt: skip
    assert data.fetch("mnist") == folder and len(server.requests) == asked
    assert all(finding.good for finding in data.verify("mnist"))


def test_a_damaged_root_is_passed_over_if_another_is_whole(mnist, monkeypatch):
    folder = data.fetch("mnist")
    first = mnist / "first"
    shutil.copytree(folder, first / "MNIST" / "raw")
    for path in (first / "MNIST" / "raw").iterdir():
        damage_cut(path) if path.stat().st_size > 1000 else path.unlink()
    monkeypatch.setenv("CNNLAB_DATA", os.pathsep.join([str(first), str(mnist)]))
    assert len(data.load("mnist", "test")) == 10000


def test_without_known_checksums_length_header_and_labels_are_checked(
    mnist, monkeypatch
):
    folder = data.fetch("mnist")
    entry = benchmarks.BENCHMARKS["mnist"]
    bare = tuple(part._replace(raw_md5=None) for part in entry.parts)
    monkeypatch.setitem(benchmarks.BENCHMARKS, "mnist", entry._replace(parts=bare))
    for path in folder.glob("*.gz"):
        path.unlink()
    assert len(data.load("mnist", "test")) == 10000
    labels = folder / "t10k-labels-idx1-ubyte"
    good = labels.read_bytes()
    for bad, said in (
        (good + b"x", "is too long"),
        (good[:-1], "is cut off"),
        (good[:-1] + b"\x63", "they go up to 99"),
        (b"\1" + good[1:], "foreign header"),
    ):
        labels.write_bytes(bad)
        with pytest.raises(data.DataError, match=said):
            data.load("mnist", "test")


def test_a_file_that_may_not_be_read_is_named(mnist, monkeypatch):
    data.fetch("mnist")

    def denied(path):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(data._base, "open_regular", denied)
    with pytest.raises(data.DataError, match=r"cannot be read \(Permission denied\)"):
        data.load("mnist")


def test_a_read_only_or_full_disk_keeps_what_was_there(mnist, monkeypatch):
    folder = data.fetch("mnist")
    damage_cut(folder / "t10k-images-idx3-ubyte")
    (folder / "t10k-images-idx3-ubyte.gz").unlink()
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    for number, said in (
        (errno.EROFS, "cannot be written"),
        (errno.ENOSPC, "is full"),
    ):

        def refuse(*args, number=number, **kwargs):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(download, "open", refuse, raising=False)
        with pytest.raises(data.DataError, match=said):
            data.fetch("mnist")
        assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


def test_a_write_that_fails_half_way_leaves_the_old_file(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"earlier")
    with pytest.raises(OSError, match="full"), _base.atomic_file(path) as file:
        file.write(b"new")
        raise OSError(errno.ENOSPC, "full")
    assert path.read_bytes() == b"earlier" and os.listdir(tmp_path) == ["x"]


def test_no_folder_that_can_be_written_is_said_so(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(data.DataError, match=r"can be written.*CNNLAB_DATA=FOLDER"):
        data.fetch("mnist", root=tmp_path / "file" / "sub")


def cifar_batch(seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (10, 3072), dtype=np.uint8)
    return pickle.dumps({b"data": pixels, b"labels": list(range(10))}, protocol=2)


@pytest.fixture
def cifar(server, monkeypatch, tmp_path):
    """A root, and a server with an archive laid out as CIFAR-10's."""
    entry, packed = benchmarks.BENCHMARKS["cifar10"], io.BytesIO()
    parts = []
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for seed, part in enumerate(entry.parts):
            content = cifar_batch(seed)
            info = tarfile.TarInfo(f"{entry.folder}/{part.name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
            md5 = hashlib.md5(content).hexdigest()
            parts.append(part._replace(md5=md5, size=len(content)))
    server.files = {"cifar-10-python.tar.gz": packed.getvalue()}
    archive = benchmarks.CIFAR_ARCHIVE._replace(
        md5=hashlib.md5(packed.getvalue()).hexdigest(), size=len(packed.getvalue())
    )
    entry = entry._replace(mirrors=(f"{server.url}/cut/",), parts=tuple(parts))
    monkeypatch.setitem(benchmarks.BENCHMARKS, "cifar10", entry)
    monkeypatch.setattr(benchmarks, "CIFAR_ARCHIVE", archive)
    monkeypatch.setenv("CNNLAB_DATA", str(tmp_path))
    return tmp_path


def test_cifar10_is_fetched_unpacked_and_mended_without_the_network(cifar, server):
    folder = data.fetch("cifar10")
    train = data.load("cifar10")
    assert (
        train.images.shape == (50, 3, 32, 32)
        and len(data.load("cifar10", "test")) == 10
    )
    first = pickle.loads(cifar_batch(0), encoding="bytes")[b"data"]
    assert (train.images[:10].reshape(10, -1) == first).all()
    asked = len(server.requests)
    damage_flip(folder / "data_batch_3")
    with pytest.raises(data.DataError, match="data_batch_3 is altered"):
        data.load("cifar10")
    data.fetch("cifar10")
    assert (data.load("cifar10").images == train.images).all()
    assert len(server.requests) == asked  # the archive was still there
    assert sorted(os.listdir(cifar)) == [
        "cifar-10-batches-py",
        "cifar-10-python.tar.gz",
    ]


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("exploded",)


def test_a_pickle_with_a_wrong_checksum_is_never_unpickled(cifar, monkeypatch):
    folder = data.fetch("cifar10")
    monkeypatch.chdir(cifar)
    (folder / "test_batch").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(data.DataError, match="test_batch is cut off"):
        data.load("cifar10", "test")
    assert not (cifar / "exploded").exists()


# --- archives -------------------------------------------------------------------------


def png(value):
    stream = io.BytesIO()
    Image.new("RGB", (4, 4), (value, 0, 0)).save(stream, "PNG")
    return stream.getvalue()


def make_zip(path, names, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for i, name in enumerate(names):
            archive.writestr(name, png(i))
    return path


PETS = [f"pets/train/{kind}/{i}.png" for kind in ("cat", "dog") for i in range(3)]


@pytest.fixture
def roots(tmp_path, monkeypatch):
    (tmp_path / "root").mkdir()
    monkeypatch.setenv("CNNLAB_DATA", str(tmp_path / "root"))
    return tmp_path / "root"


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.xz"])
def test_an_archive_becomes_a_data_set_and_unpacking_again_changes_nothing(
    roots, tmp_path, kind
):
    path = tmp_path / f"anything.{kind}"
    if kind == "zip":
        make_zip(path, PETS)
    else:
        with tarfile.open(path, f"w:{kind[4:]}") as archive:
            for i, name in enumerate(PETS):
                info = tarfile.TarInfo(f"./{name}")
                info.size = len(png(i))
                archive.addfile(info, io.BytesIO(png(i)))
    folder = data.unpack(path)
    assert folder == roots / "pets"
    assert data.load("pets").images[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4, 5]
    state = {p: p.stat().st_mtime_ns for p in folder.rglob("*")}
    assert data.unpack(path) == folder
    assert {p: p.stat().st_mtime_ns for p in folder.rglob("*")} == state
    assert all(finding.good for finding in data.verify("pets"))


def test_an_archive_without_one_top_folder_is_named_after_itself(roots, tmp_path):
    inner = [name.removeprefix("pets/") for name in PETS]
    assert data.unpack(make_zip(tmp_path / "mine.zip", inner)).name == "mine"
    flat = ["cat/0.png", "dog/0.png", "readme.txt"]
    assert data.unpack(make_zip(tmp_path / "flat.zip", flat)).name == "flat"


def test_a_folder_with_other_content_is_left_alone(roots, tmp_path):
    path = make_zip(tmp_path / "pets.zip", PETS)
    folder = data.unpack(path)
    (folder / "train" / "cat" / "0.png").write_bytes(b"mine")
    with pytest.raises(data.DataError, match=r"1 of the 6 files.*nothing was changed"):
        data.unpack(path)
    assert (folder / "train" / "cat" / "0.png").read_bytes() == b"mine"


def test_a_loss_after_unpacking_is_noticed_by_load_and_verify(roots, tmp_path):
    folder = data.unpack(make_zip(tmp_path / "pets.zip", PETS))
    assert len(data.load("pets")) == 6
    (folder / "train" / "cat" / "2.png").unlink()
    with pytest.raises(data.DataError, match=r"1 of 6 files.*cat/2\.png.*unpack"):
        data.load("pets")
    (folder / "train" / "cat" / "2.png").write_bytes(png(99))  # decodes, but differs
    assert [finding.good for finding in data.verify("pets")] == [True, False]


@pytest.mark.parametrize(
    "name", ["../evil.png", "/evil.png", "a/../../evil.png", "a\\..\\evil.png", "C:e"]
)
def test_no_path_leads_out_of_the_data_root(roots, tmp_path, name):
    make_zip(tmp_path / "bad.zip", ["a/x.png", name])
    with pytest.raises(data.DataError, match="leads out of its folder"):
        data.unpack(tmp_path / "bad.zip")
    assert os.listdir(roots) == [] and not (tmp_path / "evil.png").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_an_archive_are_refused(roots, tmp_path, kind):
    with tarfile.open(tmp_path / "bad.tar", "w") as archive:
        info = tarfile.TarInfo("a/x.png")
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(data.DataError, match="is a link or leads out"):
        data.unpack(tmp_path / "bad.tar")
    link = zipfile.ZipInfo("a/x.png")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(data.DataError, match="is a link or leads out"):
        data.unpack(tmp_path / "bad.zip")
    assert os.listdir(roots) == []


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.xz"])
def test_a_cut_off_archive_leaves_nothing_behind(roots, tmp_path, kind):
    whole = tmp_path / f"pets.{kind}"
    noise = np.random.default_rng(0).bytes(40000)
    if kind == "zip":
        with zipfile.ZipFile(whole, "w") as archive:
            archive.writestr("pets/train/cat/0.png", noise)
    else:
        with tarfile.open(whole, f"w:{kind[4:]}") as archive:
            info = tarfile.TarInfo("pets/train/cat/0.png")
            info.size = len(noise)
            archive.addfile(info, io.BytesIO(noise))
    for share in (0.005, 0.5, 0.7):
        cut = tmp_path / f"cut.{kind}"
        content = whole.read_bytes()
        cut.write_bytes(content[: int(share * len(content))])
        with pytest.raises(data.DataError, match="cut off"):
            data.unpack(cut)
        assert os.listdir(roots) == []


def test_an_altered_archive_leaves_nothing_behind(roots, tmp_path):
    path = make_zip(tmp_path / "pets.zip", PETS, zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    content[content.index(b"IDAT") + 6] ^= 1
    path.write_bytes(content)
    with pytest.raises(data.DataError, match=r"damaged.*nothing was unpacked"):
        data.unpack(path)
    assert os.listdir(roots) == []


def test_what_is_no_archive_is_said_so(roots, tmp_path):
    (tmp_path / "page.zip").write_text("<!DOCTYPE html><html>Please log in</html>")
    with pytest.raises(data.DataError, match="is a web page"):
        data.unpack(tmp_path / "page.zip")
    (tmp_path / "empty.zip").write_bytes(b"")
    with pytest.raises(data.DataError, match="no zip or tar archive"):
        data.unpack(tmp_path / "empty.zip")
    with pytest.raises(data.DataError, match="does not exist"):
        data.unpack(tmp_path / "nothing.zip")
    with pytest.raises(data.DataError, match="is a folder"):
        data.unpack(tmp_path)
    make_zip(tmp_path / "none.zip", [])
    with pytest.raises(data.DataError, match="holds no files"):
        data.unpack(tmp_path / "none.zip")


def test_a_disk_too_small_is_refused_before_unpacking(roots, tmp_path, monkeypatch):
    path = make_zip(tmp_path / "pets.zip", PETS)
    usage = shutil.disk_usage(tmp_path)._replace(free=16 << 20)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(data.DataError, match="nothing was written"):
        data.unpack(path)
    assert os.listdir(roots) == []


def test_a_disk_that_fills_up_while_unpacking_leaves_nothing(
    roots, tmp_path, monkeypatch
):
    path, copies = make_zip(tmp_path / "pets.zip", PETS), []
    copy = archives._copy

    def fills_up(member, target):
        if len(copies) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        copies.append(target)
        return copy(member, target)

    monkeypatch.setattr(archives, "_copy", fills_up)
    with pytest.raises(data.DataError, match="is full; nothing that was there"):
        data.unpack(path)
    assert os.listdir(roots) == []


def test_leftovers_of_a_killed_run_are_removed_after_a_day(roots, tmp_path):
    for name, age in ((".unpack-old", 2 * 86400), (".unpack-new", 60)):
        (roots / name).mkdir()
        then = time.time() - age
        os.utime(roots / name, (then, then))
    data.unpack(make_zip(tmp_path / "pets.zip", PETS))
    assert sorted(os.listdir(roots)) == [".unpack-new", "pets"]


# --- embedded files and the command line ------------------------------------------


def test_a_package_without_its_pictures_names_the_command(monkeypatch):
    gone = embedded.PHOTOS["coffee"]._replace(path="data/nothing.png")
    monkeypatch.setitem(embedded.PHOTOS, "coffee", gone)
    with pytest.raises(data.DataError, match=r"pip install .* scikit-image"):
        data.photo("coffee")
    findings = {f.item: f.good for f in data.verify("photos")}
    assert not findings["coffee"] and findings["chelsea"]


def test_an_altered_bundled_file_is_found_by_verify(monkeypatch):
    other = embedded.DIGITS._replace(sha256="0" * 64)
    monkeypatch.setattr(embedded, "DIGITS", other)
    assert [finding.good for finding in data.verify("digits")] == [False]


def test_the_command_line_lists_unpacks_and_verifies(roots, tmp_path, capsys):
    path = make_zip(tmp_path / "pets.zip", PETS)
    assert data_cli.main(["unpack", str(path)]) == 0
    assert "data.load('pets')" in capsys.readouterr().out
    assert data_cli.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(
        re.match(r"pets +found +images in 2 classes +\S+root/pets", s) for s in lines
    )
    assert any(re.match(r"cifar10 +missing .*data fetch cifar10", s) for s in lines)
    assert data_cli.main(["verify", "pets"]) == 0
    (roots / "pets" / "train" / "dog" / "0.png").write_bytes(b"cut")
    capsys.readouterr()
    assert data_cli.main(["verify", "pets"]) == 1
    assert "dog/0.png" in capsys.readouterr().out


def test_the_command_line_spells_out_control_characters_of_names(roots, capsys):
    rng = np.random.default_rng(0)
    for number in range(2):
        folder = roots / "two\nlines" / f"\x1b[31m{number}"
        folder.mkdir(parents=True)
        pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "\x1b[2J.png")
    for arguments in ([], ["verify", "two\nlines"]):
        assert data_cli.main(arguments) == 0
        said = capsys.readouterr().out
        assert "\x1b" not in said
        assert "two\\nlines" in said or arguments


def test_the_command_line_ends_faults_with_one_line_and_status_1(roots, capsys):
    for arguments in (
        ["unpack", "/nothing.zip"],
        ["fetch", "digits"],
        ["fetch", "birds"],
        ["verify", "birds"],
    ):
        assert data_cli.main(arguments) == 1
        said = capsys.readouterr()
        assert len(said.err.splitlines()) == 1 and "Traceback" not in said.err


def test_the_list_of_data_sets_names_each_with_its_licence():
    rows = {row.name: row for row in upkeep.available()}
    assert {"digits", "scenes", "photos", "patches", "mnist", "cifar10"} <= set(rows)
    assert all(row.licence and row.holds and row.where for row in rows.values())


# --- hostile folders, names and places ------------------------------------------------


def folder_tree(root, classes=("cat", "dog")):
    for kind in classes:
        (root / kind).mkdir(parents=True)
        for i in range(3):
            (root / kind / f"{i}.png").write_bytes(png(i))
    return root


def load_folder(root, **options):
    return data.load("folder", "all", root=root, cache=False, **options)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_called_like_an_image_does_not_hang_the_reader(tmp_path):
    tree = folder_tree(tmp_path / "pets")
    os.mkfifo(tree / "cat" / "pipe.png")
    with pytest.raises(data.DataError, match=r"1 of 7 .* decoded: \S*pipe\.png"):
        load_folder(tree)
    with pytest.warns(UserWarning, match="pipe"):
        assert len(load_folder(tree, unreadable="skip")) == 6


def test_a_link_that_leads_nowhere_is_an_unreadable_image(tmp_path):
    tree = folder_tree(tmp_path / "pets")
    (tree / "cat" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(data.DataError, match=r"decoded: \S*gone\.png"):
        load_folder(tree)
    with pytest.warns(UserWarning, match="left out"):
        assert len(load_folder(tree, unreadable="skip")) == 6


def test_links_in_a_circle_are_not_followed(tmp_path, monkeypatch):
    tree = folder_tree(tmp_path / "pets")
    (tree / "cat" / "loop").symlink_to(tree)
    (tree / "self").symlink_to(tree)
    assert load_folder(tree).classes == ("cat", "dog")
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    monkeypatch.setenv("CNNLAB_DATA", str(tmp_path / "a"))
    with pytest.raises(data.DataError, match="mnist is not in"):
        data.load("mnist")


def test_class_names_of_any_script_are_kept(tmp_path):
    names = ("a b", "katze ü", "кот", "日本")
    assert load_folder(folder_tree(tmp_path / "t", names)).classes == names


@pytest.mark.parametrize(
    "text", ["[1, 2]", "null", '{"cat/0.png": 5}', '{"../x": [1, 2]}', "[" * 100_000]
)
def test_a_garbled_list_of_unpacked_files_counts_as_none(tmp_path, monkeypatch, text):
    monkeypatch.setenv("CNNLAB_DATA", str(tmp_path))
    tree = folder_tree(tmp_path / "pets")
    (tree / ".cnnlab-files.json").write_text(text)
    assert len(load_folder(tree)) == 6
    assert all(finding.good for finding in data.verify("pets"))


def test_a_folder_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("CNNLAB_DATA", str(tmp_path))
    tree, real = folder_tree(tmp_path / "pets"), os.scandir

    def refuse(path):
        if os.fspath(path).endswith("cat"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(data.DataError, match=r"pets/cat cannot be read \(Permission"):
        load_folder(tree)
    assert "pets" in {row.name for row in data.available()}


@pytest.mark.parametrize(
    "place", ["/dev/null", "~", "~nobody-of-this-name/x", "", ":::", "/proc/1", "a\nb"]
)
def test_a_strange_data_folder_ends_in_one_sentence(monkeypatch, place):
    monkeypatch.setenv("CNNLAB_DATA", place)
    for name in ("mnist", "no-such-set"):
        with pytest.raises(data.DataError, match="python -m cnnlab data"):
            data.load(name)
    assert data.available()


@pytest.mark.parametrize("place", [3, b"/tmp", "", " ", "a\0b", [], np.zeros(2)])
def test_what_is_no_place_is_refused(place):
    for call in (
        lambda: data.load("folder", root=place),
        lambda: data.load("mnist", root=place),
        lambda: data.unpack(place),
    ):
        with pytest.raises(TypeError, match="must name a place on the disk"):
            call()


@pytest.mark.parametrize("name", [3, [], "", ".", "../x", "a\0b", "x" * 5000])
def test_what_is_no_name_is_refused(name):
    for call in (data.load, data.fetch, lambda name: list(data.verify(name))):
        with pytest.raises(ValueError, match="name must be the name of a data set"):
            call(name)


@pytest.mark.parametrize(
    "archive", ["..zip", ".zip", "~x.zip", "mnist.zip", "digits.zip", "folder.zip"]
)
def test_a_folder_that_load_could_not_find_is_not_made(roots, tmp_path, archive):
    make_zip(tmp_path / archive, ["cat/0.png", "dog/0.png"])
    with pytest.raises(data.DataError, match="could not find it by that name"):
        data.unpack(tmp_path / archive)
    assert os.listdir(roots) == []


def test_a_file_that_is_a_folder_too_is_refused(roots, tmp_path):
    make_zip(tmp_path / "x.zip", ["x/cat", "x/cat/0.png"])
    with pytest.raises(data.DataError, match="'cat' as a file and as a folder"):
        data.unpack(tmp_path / "x.zip")
    assert os.listdir(roots) == []


def test_the_list_of_an_earlier_unpacking_is_written_anew(roots, tmp_path):
    make_zip(tmp_path / "x.zip", [*PETS, "pets/.cnnlab-files.json"])
    data.unpack(tmp_path / "x.zip")
    assert len(data.load("pets")) == 6 and data.unpack(tmp_path / "x.zip")


def test_an_archive_that_lies_about_a_size_leaves_nothing_behind(roots, tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/cat/0.png", b"\0" * 3_000_000)
    content = bytearray((tmp_path / "x.zip").read_bytes())
    directory = content.index(b"PK\1\2")
    content[directory + 24 : directory + 28] = struct.pack("<I", 100)
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(data.DataError, match="nothing was unpacked"):
        data.unpack(tmp_path / "x.zip")
    assert os.listdir(roots) == []


def test_a_folder_without_images_is_not_called_missing(roots):
    (roots / "pets" / "cat").mkdir(parents=True)
    with pytest.raises(data.DataError, match="is there, but holds no images"):
        data.load("pets")
