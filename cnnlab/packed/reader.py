"""Read batches of a store ahead of the training step that uses them.

One background thread gathers whole batches into a ring of buffers; for a GPU these
are pinned and copied on a stream of their own. There are no worker processes: nothing
is decoded, so one thread keeps up with many cores of arithmetic.

Rows are read with ``preadv`` rather than through a memory map. A map is somewhat
faster, but a file that is cut off under it ends the whole process (SIGBUS) where a
read says so. Only where there is no ``preadv``, on Windows, the map is read, after a
look at the length of the file. Buffers start on a cache line: copies into others are
much slower.
"""

import atexit
import contextlib
import os
import threading
import time
import weakref
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from cnnlab import shapes
from cnnlab.data import DataError
from cnnlab.packed.store import Packed, state_of

_WORD = 2**64 - 1
_UPLOAD = 64 << 20  # bytes a piece, when a set moves to the device
# source -> device -> (images, labels): every feeder of a source uses the same copy.
_RESIDENT: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


class Batch(NamedTuple):
    """Images uint8 (N, C, H, W), labels int64 (N,), indices int64 (N,): torch."""

    images: "torch.Tensor"  # noqa: F821  torch is loaded only when batches are read
    labels: "torch.Tensor"  # noqa: F821
    indices: "torch.Tensor"  # noqa: F821


def order(n: int, seed: int, epoch: int) -> np.ndarray:
    """Return the order in which an epoch visits ``n`` images, int64 (n,).

    A permutation of ``range(n)`` that depends on (n, seed, epoch) alone: the ranks of
    n outputs of the counter-based generator Philox, keyed by seed and epoch. NumPy
    keeps these outputs the same in all its versions.

    Parameters
    ----------
    n : number of images
    seed, epoch : from 0 to 2**64 - 1

    Source: Salmon et al. 2011, Parallel random numbers: as easy as 1, 2, 3.

    Examples
    --------
    >>> order(5, seed=0, epoch=0).tolist(), order(5, seed=0, epoch=1).tolist()
    ([0, 2, 1, 4, 3], [3, 2, 4, 1, 0])
    """
    n = shapes.require_int(n, 0, "order", "n")
    key = [
        shapes.require_int(seed, 0, "order", "seed", _WORD),
        shapes.require_int(epoch, 0, "order", "epoch", _WORD),
    ]
    drawn = np.random.Philox(key=np.array(key, np.uint64)).random_raw(n)
    return np.argsort(drawn, kind="stable").astype(np.int64)


class Feeder:
    """Batches of chosen rows, in order, read ahead.

    Parameters
    ----------
    source : ``Packed``, or anything with ``images`` (N, C, H, W) uint8 and ``labels``
    rows : an int64 array of positions for each batch; a generator runs in the
        background thread, some batches ahead
    device : where the batches go
    ring : buffers of one batch, at least 4: one being filled, one that the consumer
        uses, the one before it, and those that wait. Host memory is ring times the
        bytes of a batch, ``host_bytes``
    resident : True keeps all images on the device, as long as ``source`` lives, and
        gathers there; "auto" does so on CUDA if they take less than a quarter of its
        free memory
    threads : how many read the rows of one batch of a store; worth trying above 1
        where a GPU waits for images and cores are idle

    Attributes
    ----------
    waited : seconds that the consumer has waited for batches so far
    resident : whether the images live on the device

    Notes
    -----
    A batch stays valid as long as anyone holds it: a buffer returns to the ring only
    when its last tensor is gone. Images of a colour store have ``channels_last``
    strides. Leaving the loop in any way ends the thread; ``close`` and ``with`` too.
    """

    def __init__(
        self,
        source,
        rows: Iterable,
        device="cpu",
        *,
        ring=4,
        resident="auto",
        threads=1,
    ):
        import torch

        self.ring = shapes.require_int(ring, 4, "Feeder", "ring")
        if resident not in (True, False, "auto"):
            shapes.require_choice(resident, ("auto",), "Feeder", "resident")
        self.device, self.waited, self.host_bytes = torch.device(device), 0.0, 0
        self._rows, self._run = rows, None
        threads = shapes.require_int(threads, 1, "Feeder", "threads", 64)
        self._source = _rows_of(source, threads)
        there = _on_devices(source)
        if resident == "auto":
            resident = self.device.type == "cuda" and (
                self.device in there or _fits(self._source, self.device)
            )
        self.resident = resident
        if resident and self.device not in there:
            there[self.device] = _upload(self._source, self.device)
        self._all = there[self.device] if resident else None

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Batch]:
        if self.resident:
            return self._gather_there()
        return self._read_ahead()

    def __enter__(self) -> "Feeder":
        return self

    def __exit__(self, *exc) -> None:
        self.close()

    def close(self) -> None:
        """End the background thread; may be called at any time."""
        if self._run is not None:
            self._run.close()
            self._run = None

    def _read_ahead(self) -> Iterator[Batch]:
        """Yield what the background thread has gathered."""
        self.close()
        move = _mover(self.device, self.ring)
        run = self._run = _Run(self._source, self._rows, move, self.ring - 3)
        try:
            while True:
                started = time.perf_counter()
                came = run.channel.get()
                self.waited += time.perf_counter() - started
                if came is _END:
                    return
                if isinstance(came, BaseException):
                    raise came
                self.host_bytes = self.ring * move.largest
                yield move.receive(came)
        finally:
            run.close()

    def _gather_there(self) -> Iterator[Batch]:
        """Yield batches of images that are on the device already."""
        import torch

        images, labels = self._all
        for chosen in self._rows:
            rows = torch.from_numpy(_checked(chosen, self._source.count))
            if self.device.type == "cuda":
                rows = rows.pin_memory().to(self.device, non_blocking=True)
            else:
                rows = rows.to(self.device)
            found = images.index_select(0, rows).view(torch.uint8)
            yield Batch(_as_nchw(found, self._source), labels[rows], rows)


# ------------------------------------------------------------------ where rows are


class _FileRows:
    """Rows (H, W, C) of a store, read from its file."""

    channels_last = True

    def __init__(self, source: Packed, threads: int = 1):
        self.file = source.path / f"{source.split}.images"
        self.count, self.shape, self.labels = (
            len(source), source.images.shape[1:], source.labels,
        )  # fmt: skip
        self.row_bytes = int(np.prod(self.shape))
        self.map = None if hasattr(os, "preadv") else source.images
        # Between two rows a thread waits for the interpreter; others read meanwhile.
        self.threads = threads
        self.pool = ThreadPoolExecutor(threads, "cnnlab-rows") if threads > 1 else None
        try:
            self.handle = open(self.file, "rb", buffering=0)
        except OSError as error:
            raise DataError(
                f"{self.file} cannot be opened ({error.strerror})."
            ) from None
        self.require_whole()
        # An image is compared with its sum when it is first read, and again when the
        # file was written to or is another one than the store was opened with.
        self.sums, self.checked = source.sums, source.checked
        self.state = source.state
        self.require_same()

    def into(self, out: np.ndarray, rows: np.ndarray) -> None:
        """Read rows into ``out`` (len(rows), H, W, C), C-contiguous."""
        self.require_same()
        try:
            if self.map is None:
                self.share_out(out, rows.tolist())
            else:
                self.require_whole()
                np.take(self.map, rows, axis=0, out=out, mode="clip")
                self.check(out.reshape(len(rows), -1), rows.tolist())
        except OSError as error:
            raise DataError(
                f"{self.file} cannot be read any more ({error.strerror or error}). "
                "Bring it back, then go on from the last checkpoint."
            ) from None

    def share_out(self, out: np.ndarray, rows: list[int]) -> None:
        """Read rows, cut into a part for each thread."""
        if self.pool is None:
            self.read(out, rows)
            return
        step = -(-len(rows) // self.threads)
        cuts = [slice(at, at + step) for at in range(0, len(rows), step)]
        parts = self.pool.map(
            self.read, (out[c] for c in cuts), (rows[c] for c in cuts)
        )
        deque(parts, maxlen=0)  # wait for all, and raise what any of them raised

    def read(self, out: np.ndarray, rows: list[int]) -> None:
        view, handle = memoryview(out.reshape(-1)), self.handle.fileno()
        start, size = 0, self.row_bytes
        unchecked = not self.checked[rows].all()
        for row in rows:
            end = start + size
            if os.preadv(handle, (view[start:end],), row * size) != size:
                self.require_whole()
                raise OSError(None, f"row {row} came back short")
            start = end
        if unchecked:
            self.check(out.reshape(len(rows), -1), rows)

    def check(self, read: np.ndarray, rows: list[int]) -> None:
        """Raise if an image is not as it was packed."""
        for pixels, row in zip(read, rows, strict=True):
            if not self.checked[row] and zlib.crc32(pixels) != self.sums[row]:
                raise DataError(
                    f"{self.file} is altered or another one: image {row} is not as it "
                    "was packed. Bring it back or pack the images again, then go on "
                    "from the last checkpoint."
                )
        self.checked[rows] = True

    def require_same(self) -> None:
        """Raise if there is another file now; check anew what was written to."""
        state = state_of(os.fstat(self.handle.fileno()))
        if state != self.state:
            self.state, self.checked = state, np.zeros_like(self.checked)
        with contextlib.suppress(OSError):  # deleted: the open file still serves
            if state_of(os.stat(self.file))[:2] != state[:2]:
                raise DataError(
                    f"{self.file} was replaced while it was being read. Go on from the "
                    "last checkpoint, with the images that it was trained on."
                )

    def require_whole(self) -> None:
        """Raise unless the file has its full length."""
        length = os.fstat(self.handle.fileno()).st_size
        if length < self.count * self.row_bytes:
            raise DataError(
                f"{self.file} was cut off: {length:,} of "
                f"{self.count * self.row_bytes:,} bytes are left. Bring it back or "
                "pack the images again, then go on from the last checkpoint."
            )


class _ArrayRows:
    """Rows (C, H, W) of an array in memory."""

    channels_last = False

    def __init__(self, source):
        self.images, self.labels = np.asarray(source.images), np.asarray(source.labels)
        shapes.require_axes(self.images, "N, C, H, W", "Feeder", "images")
        if self.images.dtype != np.uint8:
            raise TypeError(
                f"Feeder: images must be uint8; got {self.images.dtype}. Feed the "
                "pixels as they are, and convert the batches."
            )
        shapes.require_same("Feeder", images=len(self.images), labels=len(self.labels))
        self.count, self.shape = len(self.images), self.images.shape[1:]
        self.row_bytes = int(np.prod(self.shape))

    def into(self, out: np.ndarray, rows: np.ndarray) -> None:
        np.take(self.images, rows, axis=0, out=out, mode="clip")


def _rows_of(source, threads: int):
    """Return the reader of a source by its type."""
    if isinstance(source, Packed):
        return _FileRows(source, threads)
    if hasattr(source, "images") and hasattr(source, "labels"):
        return _ArrayRows(source)
    raise TypeError(
        "Feeder: source needs images and labels, as packed.open(STORE) or "
        f"data.load(NAME) return; got {shapes.spoken(source)}."
    )


def _checked(chosen, count: int) -> np.ndarray:
    """Return the rows of a batch as int64 of its own, or raise."""
    rows = np.array(chosen)
    if rows.ndim != 1 or rows.dtype.kind not in "iu" or not len(rows):
        raise TypeError(
            "Feeder: each batch of rows needs one axis of integers, at least one; got "
            f"{rows.dtype} of shape {rows.shape}."
        )
    if rows.min() < 0 or rows.max() >= count:
        raise ValueError(
            f"Feeder: rows must lie from 0 to {count - 1}; got values from "
            f"{rows.min()} to {rows.max()}."
        )
    return rows.astype(np.int64)


def _as_nchw(images, source):
    """Return gathered rows with the axes (N, C, H, W), without copying."""
    images = images.view(len(images), *source.shape)
    return images.permute(0, 3, 1, 2) if source.channels_last else images


# ----------------------------------------------------------------- the other thread

_END = object()
_RUNS: "weakref.WeakSet[_Run]" = weakref.WeakSet()


class _Channel:
    """Hands gathered batches over, at most ``depth`` waiting; either side may leave."""

    def __init__(self, depth: int):
        self.waiting, self.depth, self.closed = deque(), depth, False
        self.changed = threading.Condition()

    def put(self, item) -> bool:
        """Wait for room; return False if the consumer has left."""
        with self.changed:
            while len(self.waiting) >= self.depth and not self.closed:
                self.changed.wait()
            if not self.closed:
                self.waiting.append(item)
                self.changed.notify_all()
            return not self.closed

    def get(self):
        """Wait for an item."""
        with self.changed:
            while not self.waiting and not self.closed:
                self.changed.wait()
            if self.closed:
                raise ValueError("Feeder: closed while batches were still being read.")
            self.changed.notify_all()
            return self.waiting.popleft()

    def close(self) -> None:
        with self.changed:
            self.closed = True
            self.waiting.clear()
            self.changed.notify_all()


class _Run:
    """One pass over the rows: a thread and the channel that it fills."""

    def __init__(self, source, rows, move, depth: int):
        self.channel = _Channel(depth)
        # The thread must not know this object, or it would never be collected.
        self.thread = threading.Thread(
            target=_fill, args=(source, rows, move, self.channel),
            name="cnnlab-feeder", daemon=True,
        )  # fmt: skip
        _RUNS.add(self)
        self.thread.start()

    def close(self) -> None:
        self.channel.close()
        if self.thread is not threading.current_thread():
            self.thread.join(timeout=10)


@atexit.register
def _close_all() -> None:
    """End all threads before the interpreter takes itself apart."""
    for run in list(_RUNS):
        run.close()


def _fill(source, rows, move, channel: _Channel) -> None:
    """Gather batch after batch, until the rows end or the consumer leaves."""
    try:
        for chosen in rows:
            if not channel.put(move.send(source, _checked(chosen, source.count))):
                return
        channel.put(_END)
    except BaseException as error:  # for the consumer to raise
        channel.put(error)


# ----------------------------------------------------------------- ways to a device


def _mover(device, ring: int):
    return _ToCuda(device, ring) if device.type == "cuda" else _ToHost(device)


class _ToHost:
    """Batches in host memory, whose buffers come back when nobody holds them."""

    def __init__(self, device):
        self.device, self.largest = device, 0
        self.free: deque = deque()  # also appended to where a tensor is collected

    def send(self, source, rows: np.ndarray) -> Batch:
        import torch

        size = len(rows) * source.row_bytes
        self.largest = max(self.largest, size)
        buffer = self.buffer(size)
        view = buffer[:size].reshape(len(rows), *source.shape)
        # The tensor keeps ``view`` alive, and so does every tensor made from it.
        weakref.finalize(view, self.free.append, buffer).atexit = False
        source.into(view, rows)
        images = _as_nchw(torch.from_numpy(view), source)
        labels = torch.from_numpy(source.labels[rows])
        batch = Batch(images, labels, torch.from_numpy(rows))
        if self.device.type == "cpu":
            return batch
        return Batch(*(part.to(self.device) for part in batch))

    def buffer(self, size: int) -> np.ndarray:
        """Return a free buffer of at least ``size`` bytes, or a new one."""
        import torch

        while self.free:
            buffer = self.free.popleft()
            if len(buffer) >= size:
                return buffer
        return torch.empty(self.largest, dtype=torch.uint8).numpy()  # 64-byte aligned

    def receive(self, batch: Batch) -> Batch:
        return batch


class _ToCuda:
    """Batches through pinned buffers, copied on a side stream."""

    def __init__(self, device, ring: int):
        import torch

        self.device, self.ring, self.largest = device, ring, 0
        self.stream = torch.cuda.Stream(device)
        self.busy: deque = deque()  # (pinned buffer, event after its copy)

    def send(self, source, rows: np.ndarray):
        """Gather and begin the copy; return the batch and the event that ends it."""
        import torch

        if self.device.index is not None:  # a new thread would begin on the first GPU
            torch.cuda.set_device(self.device)
        size = len(rows) * source.row_bytes
        self.largest = max(self.largest, size)
        buffer = self.buffer(size)
        source.into(buffer[:size].numpy().reshape(len(rows), *source.shape), rows)
        small = (torch.from_numpy(source.labels[rows]), torch.from_numpy(rows))
        small = [part.pin_memory() for part in small]
        with torch.cuda.stream(self.stream):
            images = buffer[:size].to(self.device, non_blocking=True)
            small = [part.to(self.device, non_blocking=True) for part in small]
            event = torch.cuda.Event()
            event.record(self.stream)
        self.busy.append((buffer, event))
        return Batch(_as_nchw(images.view(len(rows), -1), source), *small), event

    def buffer(self, size: int):
        """Return a pinned buffer whose last copy is over, or a new one."""
        import torch

        full = len(self.busy) >= self.ring
        if self.busy and (full or self.busy[0][1].query()):
            buffer, event = self.busy.popleft()
            event.synchronize()
            if len(buffer) >= size:
                return buffer
        return torch.empty(self.largest, dtype=torch.uint8, pin_memory=True)

    def receive(self, sent) -> Batch:
        """Make the consumer's stream wait for the copy; keep its memory till then."""
        import torch

        batch, event = sent
        current = torch.cuda.current_stream(self.device)
        current.wait_event(event)
        for part in batch:
            part.record_stream(current)
        return batch


def _on_devices(source) -> dict:
    """Return device -> (images, labels) of a source, to be added to."""
    try:
        return _RESIDENT.setdefault(source, {})
    except TypeError:  # an object that cannot be a key: not remembered
        return {}


def _fits(source, device) -> bool:
    """Return whether a set takes less than a quarter of the free memory of a GPU."""
    import torch

    free, _ = torch.cuda.mem_get_info(device)
    return source.count * source.row_bytes < free // 4


def _upload(source, device):
    """Return all images as rows of the widest words that fit, and labels, there."""
    import torch

    count, size = source.count, source.row_bytes
    images = torch.empty((count, size), dtype=torch.uint8, device=device)
    step = max(1, _UPLOAD // size)
    piece = torch.empty((min(step, count), size), dtype=torch.uint8)
    for start in range(0, count, step):
        rows = np.arange(start, min(start + step, count))
        part = piece[: len(rows)]
        source.into(part.numpy().reshape(len(rows), *source.shape), rows)
        images[start : start + len(rows)].copy_(part)
    labels = torch.from_numpy(np.array(source.labels, np.int64)).to(device)
    # A gather moves one element a step: eight bytes are faster than one.
    words = {0: torch.int64, 4: torch.int32}.get(size % 8, torch.uint8)
    return images.view(words), labels
