"""Feeding batches: right rows in order, bounded memory, threads that end."""

import gc
import itertools
import os
import subprocess
import sys
import threading
import time
import types
import weakref

import numpy as np
import pytest
import torch
from _packing import pack, tree
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnlab import data, packed
from cnnlab.data import DataError
from cnnlab.packed import reader

GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.fixture(scope="module")
def colour(tmp_path_factory):
    """An opened store of 30 colour images."""
    folder = tmp_path_factory.mktemp("reader")
    pack(tree(folder / "x", {"train/a": 18, "train/b": 12}), folder / "store")
    return packed.open(folder / "store")


@pytest.fixture(scope="module")
def grey(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reader")
    pytest.importorskip("sklearn")  # has the digits
    pack("digits", folder / "digits", size=None, limit=4)
    return packed.open(folder / "digits")


def _batches(n: int, size: int, seed: int = 0) -> list[np.ndarray]:
    order = packed.order(n, seed, 0)
    return [order[start : start + size] for start in range(0, n, size)]


def _threads() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name.startswith("cnnlab")]


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    end = time.monotonic() + 5
    while _threads() and time.monotonic() < end:
        gc.collect()
        time.sleep(0.01)
    assert _threads() == []


# ----------------------------------------------------------------------------- order


def test_order_is_a_permutation_that_depends_on_seed_and_epoch_alone():
    drawn = {
        (seed, epoch): tuple(packed.order(200, seed, epoch).tolist())
        for seed, epoch in itertools.product((0, 1, 2**63), repeat=2)
    }
    assert all(sorted(order) == list(range(200)) for order in drawn.values())
    assert len(set(drawn.values())) == 9
    again = packed.order(200, 1, 0)
    assert again.dtype == np.int64 and tuple(again.tolist()) == drawn[1, 0]


def test_order_is_the_same_in_every_version():
    assert packed.order(12, seed=3, epoch=7).tolist() == [
        5,
        0,
        11,
        6,
        9,
        10,
        8,
        7,
        4,
        2,
        3,
        1,
    ]
    assert packed.order(0, 0, 0).shape == (0,)
    assert packed.order(1, 0, 0).tolist() == [0]


def test_order_is_uniform():
    first = [packed.order(8, seed=0, epoch=epoch)[0] for epoch in range(4000)]
    counts = np.bincount(first, minlength=8)
    # 500 each is expected, with a standard deviation of 21
    assert counts.min() > 500 - 5 * 21 and counts.max() < 500 + 5 * 21


@pytest.mark.parametrize("bad", [(-1, 0, 0), (3, -1, 0), (3, 0, 2**64), (2.5, 0, 0)])
def test_order_refuses_numbers_out_of_range(bad):
    with pytest.raises((ValueError, TypeError), match="order: .* must be a whole"):
        packed.order(*bad)


# --------------------------------------------------------------------------- batches


@pytest.mark.parametrize("resident", [False, True])
@pytest.mark.parametrize("size", [1, 7, 30, 64])
def test_batches_hold_the_chosen_rows_in_order(colour, resident, size):
    rows = _batches(30, size)
    seen = list(packed.Feeder(colour, rows, resident=resident))
    assert len(seen) == len(rows)
    for batch, chosen in zip(seen, rows, strict=True):
        assert batch.images.dtype == torch.uint8
        assert batch.images.shape == (len(chosen), 3, 8, 8)
        wanted = np.asarray(colour.images[chosen]).transpose(0, 3, 1, 2)
        assert (batch.images.numpy() == wanted).all()
        assert (batch.labels.numpy() == colour.labels[chosen]).all()
        assert (batch.indices.numpy() == chosen).all()
        assert batch.labels.dtype == batch.indices.dtype == torch.int64


@pytest.mark.parametrize("resident", [False, True])
def test_colour_batches_have_channels_last_strides_for_free(colour, resident):
    (batch,) = packed.Feeder(colour, [np.arange(6)], resident=resident)
    assert batch.images.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("resident", [False, True])
def test_grey_stores_keep_one_channel(grey, resident):
    rows = _batches(len(grey), 16)
    for batch, chosen in zip(
        packed.Feeder(grey, rows, resident=resident), rows, strict=True
    ):
        assert batch.images.shape == (len(chosen), 1, 8, 8)
        assert (batch.images[:, 0].numpy() == grey.images[chosen][..., 0]).all()


@pytest.mark.parametrize("resident", [False, True])
def test_a_data_set_in_memory_is_fed_alike(resident):
    pytest.importorskip("sklearn")
    digits = data.load("digits", "test")
    rows = _batches(len(digits), 50)
    for batch, chosen in zip(
        packed.Feeder(digits, rows, resident=resident), rows, strict=True
    ):
        assert (batch.images.numpy() == digits.images[chosen]).all()
        assert (batch.labels.numpy() == digits.labels[chosen]).all()


@pytest.mark.parametrize("threads", [2, 5, 40])
def test_several_threads_read_the_same_batches(colour, threads):
    rows = _batches(30, 7) * 3
    for batch, chosen in zip(
        packed.Feeder(colour, rows, threads=threads), rows, strict=True
    ):
        wanted = np.asarray(colour.images[chosen]).transpose(0, 3, 1, 2)
        assert (batch.images.numpy() == wanted).all()
        assert batch.indices.tolist() == chosen.tolist()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.integers(0, 29), min_size=1, max_size=9), max_size=12))
def test_any_rows_may_be_asked_for(colour, rows):
    seen = [batch.indices.tolist() for batch in packed.Feeder(colour, rows)]
    assert seen == rows


def test_a_store_and_its_data_set_feed_the_same_images(grey):
    digits = data.load("digits")
    keep = [np.flatnonzero(digits.labels == k)[:4] for k in range(10)]
    alike = digits.take(np.sort(np.concatenate(keep)))
    rows = _batches(40, 12)
    for one, other in zip(
        packed.Feeder(grey, rows), packed.Feeder(alike, rows), strict=True
    ):
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.labels, other.labels)


def test_a_feeder_may_be_read_again_and_knows_its_length(colour):
    feeder = packed.Feeder(colour, _batches(30, 8))
    passes = [[b.indices.tolist() for b in feeder] for _ in range(2)]
    assert passes[0] == passes[1] and len(feeder) == 4


def test_a_generator_of_rows_without_end_is_read_only_as_far_as_needed(colour):
    asked = []

    def rows():
        for step in itertools.count():
            asked.append(step)
            yield np.arange(5)

    for _step, _ in zip(range(20), packed.Feeder(colour, rows(), ring=5), strict=False):
        pass
    assert 20 <= len(asked) <= 20 + 5


# --------------------------------------------------------- buffers, memory and waiting


def test_batches_that_are_kept_are_never_overwritten(colour):
    rows = _batches(30, 3) * 5
    kept = list(packed.Feeder(colour, rows))
    for batch, chosen in zip(kept, rows, strict=True):
        wanted = np.asarray(colour.images[chosen]).transpose(0, 3, 1, 2)
        assert (batch.images.numpy() == wanted).all()


def test_parts_of_a_batch_keep_its_buffer_too(colour):
    rows = _batches(30, 3) * 5
    kept = [batch.images[1:, :, 2:].float for batch in packed.Feeder(colour, rows)]
    for pixels, chosen in zip(kept, rows, strict=True):
        wanted = np.asarray(colour.images[chosen]).transpose(0, 3, 1, 2)[1:, :, 2:]
        assert (pixels().numpy() == wanted).all()


@pytest.mark.parametrize("ring", [4, 7])
def test_no_more_buffers_than_the_ring_are_in_use(colour, ring, monkeypatch):
    made, real = [], torch.empty

    def empty(*args, **options):
        made.append(args)
        return real(*args, **options)

    monkeypatch.setattr(torch, "empty", empty)
    feeder = packed.Feeder(colour, _batches(30, 3) * 40, ring=ring)
    for _batch in feeder:
        time.sleep(0.0005)
    assert 3 <= len(made) <= ring
    assert feeder.host_bytes == ring * 3 * 8 * 8 * 3


def test_buffers_start_on_a_cache_line(colour):
    for batch in packed.Feeder(colour, _batches(30, 10)):
        assert batch.images.data_ptr() % 64 == 0


def test_waiting_is_measured(colour):
    def slowly():
        for chosen in _batches(30, 10):
            time.sleep(0.2)
            yield chosen

    feeder = packed.Feeder(colour, slowly())
    assert len(list(feeder)) == 3 and 0.1 < feeder.waited < 5

    feeder = packed.Feeder(colour, _batches(30, 10))
    for _ in feeder:
        time.sleep(0.2)
    assert feeder.waited < 0.4  # read ahead while the consumer was busy


# ------------------------------------------------------------------ the thread's end


def test_leaving_the_loop_ends_the_thread(colour):
    for batch in packed.Feeder(colour, _batches(30, 2)):
        assert len(batch.images) == 2 and len(_threads()) == 1
        break
    gc.collect()
    assert _threads() == []


def test_an_exception_in_the_loop_ends_the_thread(colour):
    with pytest.raises(ZeroDivisionError):
        for _ in packed.Feeder(colour, _batches(30, 2)):
            raise ZeroDivisionError
    gc.collect()
    assert _threads() == []


def test_with_and_close_end_the_thread_at_once(colour):
    with packed.Feeder(colour, _batches(30, 2)) as feeder:
        batches = iter(feeder)
        next(batches)
        assert len(_threads()) == 1
    assert _threads() == []
    feeder.close()
    with pytest.raises(ValueError, match="closed while batches were still being read"):
        next(batches)


def test_a_feeder_that_is_dropped_unread_leaves_nothing(colour):
    batches = iter(packed.Feeder(colour, _batches(30, 2)))
    assert _threads() == []
    next(batches)
    del batches
    gc.collect()
    assert _threads() == []


def test_a_second_pass_ends_the_first_instead_of_mixing_with_it(colour):
    feeder = packed.Feeder(colour, _batches(30, 5))
    first = iter(feeder)
    next(first)
    assert len(list(feeder)) == 6
    with pytest.raises(ValueError, match="closed while"):
        next(first)


@pytest.mark.slow
@pytest.mark.parametrize("end", ["pass", "raise SystemExit(3)", "1 / 0"])
def test_the_interpreter_exits_cleanly_in_the_middle_of_a_pass(colour, end):
    code = (
        "from cnnlab import packed; import numpy as np\n"
        f"store = packed.open({str(colour.path)!r})\n"
        "batches = iter(packed.Feeder(store, [np.arange(9)] * 10000))\n"
        "next(batches)\n"
        f"{end}\n"
    )
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == {"pass": 0, "1 / 0": 1}.get(end, 3)
    assert "Fatal" not in done.stderr and "feeder" not in done.stderr
    assert time.monotonic() - start < 30


@pytest.mark.slow
def test_memory_does_not_grow_over_many_batches(colour):
    resource = pytest.importorskip("resource")

    def highest() -> int:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # kB

    rows = [np.tile(np.arange(30), 100)] * 50  # 576 kB a batch
    for _ in packed.Feeder(colour, rows):
        pass
    before = highest()
    for _ in packed.Feeder(colour, rows * 20):
        pass
    assert highest() - before < 8_000


# ---------------------------------------------------------------------------- faults


def _copy(colour, folder):
    """Return a store of its own, opened."""
    import shutil

    shutil.copytree(colour.path, folder)
    return packed.open(folder)


@pytest.mark.parametrize("threads", [1, 3])
def test_a_store_that_is_cut_off_while_it_is_read_is_an_error_not_a_crash(
    colour, threads, tmp_path
):
    store = _copy(colour, tmp_path / "store")
    batches = iter(packed.Feeder(store, [np.arange(30)] * 50, threads=threads))
    next(batches)
    os.truncate(store.path / "train.images", 17 * 192)
    with pytest.raises(DataError, match=r"train.images was cut off: 3,264 of 5,760"):
        for _ in batches:
            pass


def test_a_store_that_vanished_before_it_is_read_is_named(colour, tmp_path):
    store = _copy(colour, tmp_path / "store")
    (store.path / "train.images").unlink()
    with pytest.raises(DataError, match="train.images cannot be opened"):
        packed.Feeder(store, [np.arange(3)])


@pytest.mark.skipif(os.name == "nt", reason="open files cannot be replaced there")
@pytest.mark.parametrize("how", ["folder", "file", "in place", "equal"])
def test_a_store_that_is_replaced_while_it_is_read_is_noticed(how, colour, tmp_path):
    store = _copy(colour, tmp_path / "store")
    batches = iter(packed.Feeder(store, [np.arange(30)] * 50))
    next(batches)
    other = _copy(colour, tmp_path / "other").path
    pixels = np.fromfile(other / "train.images", np.uint8)
    if how != "equal":
        (255 - pixels).tofile(other / "train.images")
    if how == "folder":
        store.path.rename(tmp_path / "away")
        other.rename(store.path)
    elif how == "file":
        os.replace(other / "train.images", store.path / "train.images")
    else:
        content = (other / "train.images").read_bytes()
        with open(store.path / "train.images", "r+b") as file:
            file.write(content)
    if how == "equal":  # written to, but with what was there
        assert sum(1 for _ in batches) == 49
        return
    with pytest.raises(DataError, match="was replaced while|image 0 is not as it was"):
        for _ in batches:
            pass
    if how != "in place":  # what is validated on next is another file
        with pytest.raises(DataError, match="image 0 is not as it was packed"):
            list(packed.Feeder(store, [np.arange(3)]))


@pytest.mark.skipif(os.name == "nt", reason="open files cannot be removed there")
def test_a_store_that_is_deleted_while_it_is_read_stays_readable(colour, tmp_path):
    store = _copy(colour, tmp_path / "store")
    batches = iter(packed.Feeder(store, [np.arange(30)] * 20))
    next(batches)
    (store.path / "train.images").unlink()
    assert sum(len(batch.images) for batch in batches) == 19 * 30


def test_read_errors_of_the_disk_are_worded(colour, monkeypatch):
    def broken(*args):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "preadv", broken, raising=False)
    with pytest.raises(DataError, match=r"cannot be read any more \(Input/output"):
        list(packed.Feeder(colour, [np.arange(3)]))


def test_without_preadv_the_map_is_read_and_its_length_checked(
    colour, tmp_path, monkeypatch
):
    monkeypatch.delattr(os, "preadv", raising=False)
    store = _copy(colour, tmp_path / "store")
    rows = _batches(30, 8)
    for batch, chosen in zip(packed.Feeder(store, rows), rows, strict=True):
        wanted = np.asarray(colour.images[chosen]).transpose(0, 3, 1, 2)
        assert (batch.images.numpy() == wanted).all()
    # Cut off between two batches; within one, the map would end this process.
    source = reader._FileRows(store)
    os.truncate(store.path / "train.images", 17 * 192)
    with pytest.raises(DataError, match="was cut off"):
        source.into(np.empty((30, 8, 8, 3), np.uint8), np.arange(30))


def test_errors_of_the_rows_reach_the_consumer(colour):
    def rows():
        yield np.arange(3)
        raise LookupError("no more orders")

    batches = iter(packed.Feeder(colour, rows()))
    next(batches)
    with pytest.raises(LookupError, match="no more orders"):
        next(batches)


@pytest.mark.parametrize("resident", [False, True])
@pytest.mark.parametrize(
    "bad, error, said",
    [
        ([0, 30], ValueError, "rows must lie from 0 to 29; got values from 0 to 30"),
        ([-1], ValueError, "rows must lie from 0 to 29"),
        ([], TypeError, "needs one axis of integers, at least one"),
        ([[1, 2]], TypeError, r"got int64 of shape \(1, 2\)"),
        ([0.5], TypeError, "got float64"),
        (3, TypeError, r"of shape \(\)"),
    ],
)
def test_rows_that_do_not_exist_are_refused(colour, resident, bad, error, said):
    with pytest.raises(error, match=said):
        list(packed.Feeder(colour, [np.array(bad)], resident=resident))


def test_sources_that_cannot_be_fed_are_refused(colour):
    with pytest.raises(TypeError, match="source needs images and labels"):
        packed.Feeder([1, 2], [])
    floats = types.SimpleNamespace(images=np.zeros((2, 3, 8, 8)), labels=np.zeros(2))
    with pytest.raises(TypeError, match="images must be uint8; got float64"):
        packed.Feeder(floats, [])
    flat = types.SimpleNamespace(images=np.zeros((2, 192), "u1"), labels=np.zeros(2))
    with pytest.raises(ValueError, match=r"images needs 4 axes \(N, C, H, W\)"):
        packed.Feeder(flat, [])
    with pytest.raises(ValueError, match="ring must be a whole number of at least 4"):
        packed.Feeder(colour, [], ring=3)
    with pytest.raises(ValueError, match="resident must be 'auto'"):
        packed.Feeder(colour, [], resident="always")


def test_feeders_of_one_source_share_what_is_resident(colour):
    one, other = (packed.Feeder(colour, [], resident=True) for _ in range(2))
    assert one._all[0].data_ptr() == other._all[0].data_ptr()
    pytest.importorskip("sklearn")
    digits = data.load("digits", "test")
    images = packed.Feeder(digits, [], resident=True)._all[0]
    gone = weakref.ref(images)
    del digits, images
    gc.collect()
    assert gone() is None


def test_nothing_is_resident_on_the_cpu_unless_asked(colour):
    assert packed.Feeder(colour, []).resident is False
    assert packed.Feeder(colour, [], resident=True).resident is True


# ------------------------------------------------------------------------- on a GPU


@GPU
@pytest.mark.parametrize("resident", [False, True, "auto"])
def test_batches_on_the_gpu_equal_those_in_host_memory(colour, resident):
    rows = _batches(30, 7) * 20
    feeder = packed.Feeder(colour, rows, device="cuda", resident=resident)
    assert feeder.resident is (resident is not False)
    kept = [batch for batch in feeder]
    for batch, chosen in zip(kept, rows, strict=True):
        assert batch.images.device.type == "cuda"
        assert batch.images.is_contiguous(memory_format=torch.channels_last)
        wanted = np.asarray(colour.images[chosen]).transpose(0, 3, 1, 2)
        assert (batch.images.cpu().numpy() == wanted).all()
        assert (batch.labels.cpu().numpy() == colour.labels[chosen]).all()
        assert (batch.indices.cpu().numpy() == chosen).all()


class _Event:
    """Stands in for a CUDA event: over only when somebody waits for it."""

    def __init__(self):
        self.over = False

    def record(self, stream):
        pass

    def query(self):
        return self.over

    def synchronize(self):
        self.over = True


def test_pinned_buffers_are_reused_only_after_their_copy(colour, monkeypatch):
    """The bookkeeping of the CUDA path, with its calls replaced by host memory."""
    real = torch.empty
    made = []

    def empty(*args, pin_memory=False, **options):
        made.append(pin_memory)
        return real(*args, **options)

    class Stream:
        def __init__(self, device=None):
            pass

        def wait_event(self, event):
            event.synchronize()

    monkeypatch.setattr(torch, "empty", empty)
    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "Event", _Event)
    import contextlib

    monkeypatch.setattr(torch.cuda, "stream", lambda s: contextlib.nullcontext())
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: Stream())
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda self: self)
    monkeypatch.setattr(torch.Tensor, "record_stream", lambda self, stream: None)
    copies = []
    real_to = torch.Tensor.to

    def to(self, *args, non_blocking=False, **options):
        copies.append(non_blocking)
        return real_to(self, *args, **options).clone()

    monkeypatch.setattr(torch.Tensor, "to", to)
    move = reader._ToCuda(torch.device("cpu"), ring=4)
    source = reader._FileRows(colour)
    held = []
    for chosen in _batches(30, 3) * 3:
        batch, event = move.send(source, chosen)
        assert len(move.busy) <= 4
        wanted = np.asarray(colour.images[chosen]).transpose(0, 3, 1, 2)
        assert (batch.images.numpy() == wanted).all()
        held.append((batch, event))
        if len(held) == 3:
            got = move.receive(held.pop(0))
            assert got.images.shape == (3, 3, 8, 8)
    assert made.count(True) <= 4 and all(copies)
