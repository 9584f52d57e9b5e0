"""Several processes as one: the little that ``torchrun`` needs of a training loop."""

import contextlib
import os
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import nn


@dataclass(frozen=True)
class Group:
    """This process among all: ``rank`` of ``size``, on ``device``."""

    rank: int
    size: int
    device: torch.device
    patient: object = None  # the processes as a group that waits for days

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

    def any(self, flag: bool) -> bool:
        """Return whether ``flag`` is set in any process."""
        if self.size == 1:
            return flag
        flags = torch.tensor(int(flag))  # on the CPU: no GPU's queue is waited for
        dist.all_reduce(flags, group=self.patient)
        return bool(flags)

    def broadcast(self, value):
        """Return the first process's picklable ``value`` in every process."""
        if self.size == 1:
            return value
        holder = [value]
        dist.broadcast_object_list(holder, device=self.device)
        return holder[0]

    def barrier(self) -> None:
        """Wait until every process is here, for days if one is packing images."""
        if self.size > 1:
            dist.barrier(self.patient)

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
        dist.init_process_group("nccl" if on_gpu else "gloo")
        try:
            patient = dist.new_group(backend="gloo", timeout=timedelta(days=7))
            yield Group(rank, size, place, patient)
        finally:
            dist.destroy_process_group()


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
