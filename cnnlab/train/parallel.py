"""Several processes as one: the little that ``torchrun`` needs of a training loop."""

import contextlib
import os
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import nn

from cnnlab.train._errors import TrainError


@dataclass(frozen=True)
class Group:
    """This process among all: ``rank`` of ``size``, on ``device``."""

    rank: int
    size: int
    device: torch.device
    quick: object = None  # the processes as a group on the CPU
    patient: object = None  # the same, waiting for days while one packs images

    @property
    def first(self) -> bool:
        """Whether this process writes logs and checkpoints."""
        return self.rank == 0

    def share(self, rows):
        """Return this process's contiguous part of ``rows``; none is repeated."""
        low, high = (
            len(rows) * part // self.size for part in (self.rank, self.rank + 1)
        )
        return rows[low:high]

    def total(self, values: torch.Tensor) -> torch.Tensor:
        """Return the sum of ``values`` over all processes."""
        if self.size > 1:
            values = values.clone()
            dist.all_reduce(values)
        return values

    def most(self, *values: float) -> list[float]:
        """Return the greatest of each value over all processes."""
        if self.size == 1:
            return list(values)
        # On the CPU: no GPU's queue is waited for.
        most = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(most, dist.ReduceOp.MAX, group=self.quick)
        return most.tolist()

    def any(self, flag: bool) -> bool:
        """Return whether ``flag`` is set in any process."""
        return bool(self.most(flag)[0])

    def broadcast(self, value):
        """Return the first process's picklable ``value`` in every process."""
        if self.size == 1:
            return value
        holder = [value]
        dist.broadcast_object_list(holder, device=self.device)
        return holder[0]

    def await_first(self) -> None:
        """Wait for the first process, for days if it packs images; then for all."""
        if self.size > 1:
            dist.broadcast(torch.zeros(1), 0, group=self.patient)
            dist.barrier(self.quick)

    def share_buffers(self, net: nn.Module) -> None:
        """Give every process the first one's buffers: batch norm's running averages.

        In training each keeps averages of its own images; the first one's are saved.
        """
        if self.size > 1:
            saved = net.state_dict().keys()
            for name, buffer in net.named_buffers():
                if name in saved:
                    dist.broadcast(buffer, 0)

    def wrap(self, net: nn.Module) -> nn.Module:
        """Return ``net`` with gradients averaged over the processes."""
        if self.size == 1:
            return net
        ids = [self.device.index] if self.device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(
            net,
            device_ids=ids,
            gradient_as_bucket_view=True,
            broadcast_buffers=False,  # see share_buffers
        )


# A process that does not answer for so long is lost: all end, and say so.
PATIENCE = timedelta(minutes=10)
PACKING = timedelta(days=7)


@contextlib.contextmanager
def group(device: str = "auto"):
    """Yield the ``Group`` of this process; ``torchrun`` sets its environment.

    Gloo on CPU, NCCL on GPU, one process a GPU.
    """
    size = int(os.environ.get("WORLD_SIZE", 1))
    rank, local = (int(os.environ.get(k, 0)) for k in ("RANK", "LOCAL_RANK"))
    place = choose_device(device, local)
    # Streams, graphs and random numbers are those of the current GPU unless said.
    on_gpu = place.type == "cuda"
    with torch.cuda.device(place) if on_gpu else contextlib.nullcontext():
        if size == 1:
            yield Group(0, 1, place)
            return
        dist.init_process_group("nccl" if on_gpu else "gloo", timeout=PATIENCE)
        try:
            quick, patient = (
                dist.new_group(backend="gloo", timeout=time)
                for time in (PATIENCE, PACKING)
            )
            yield Group(rank, size, place, quick, patient)
        except RuntimeError as error:
            if not _is_lost(error):
                raise
            raise TrainError(
                "train: another process of this training ended, or did not answer "
                f"for {PATIENCE.total_seconds() / 60:.3g} minutes. What was saved is "
                "untouched: start all again with --resume auto."
            ) from error
        finally:
            with contextlib.suppress(RuntimeError):
                dist.destroy_process_group()


def _is_lost(error: RuntimeError) -> bool:
    """Whether an error says that processes cannot reach each other any more."""
    words = ("gloo", "nccl", "connection", "socket", "process group")
    said = str(error).lower()
    return isinstance(error, dist.DistError) or any(word in said for word in words)


def choose_device(device: str = "auto", local: int = 0) -> torch.device:
    """Return the device to train on: "auto" takes a CUDA GPU if there is one."""
    if isinstance(device, torch.device):
        device = str(device)
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        place = torch.device(device)
        if place.type not in ("cpu", "cuda", "mps"):
            raise TypeError
    except (RuntimeError, TypeError):
        raise ValueError(
            f'train: device must be "auto", "cpu", "cuda", "cuda:1" or "mps"; '
            f"got {device!r}."
        ) from None
    if place.type == "cuda":
        count = torch.cuda.device_count()
        index = local if place.index is None else place.index
        if index >= count:
            raise ValueError(
                f"train: device {device} number {index} is asked for, but PyTorch sees "
                f'{count} CUDA GPUs. Use device="cpu", or fewer processes.'
            )
        return torch.device("cuda", index)
    if place.type == "mps" and not torch.backends.mps.is_available():
        raise ValueError(
            f"train: device {device} is asked for, but PyTorch sees no Apple GPU. Use "
            'device="cpu".'
        )
    return place
