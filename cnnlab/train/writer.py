"""Checkpoints written while training goes on: copied first, then written by a thread.

What is written cannot change any more: weights and velocities are copied to host
memory, on a GPU by its current stream, behind every update asked of it so far. So the
file holds the state at the moment of ``begin``, however late it is written.
"""

import copy
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import torch

_LARGE = ("net", "velocity")  # what only a step changes


class Writer:
    """Writes states in the background, one after another.

    Parameters
    ----------
    write : called with each state (``State.as_dict``) in the thread; may raise
    """

    def __init__(self, write):
        self.write = write
        self.pool = ThreadPoolExecutor(1, "cnnlab-checkpoint")
        self.begun: deque = deque()
        self.step, self.copies = None, {}

    def begin(self, state: dict) -> bool:
        """Copy a state, and write it when what was begun before is written.

        Waits for that only if there was a step since: the memory of the copies, as
        much as weights and velocities take, is used again. Without a step, as after a
        validation, they are not even copied. Returns False, and writes nothing, where
        there is no memory for them.
        """
        if state["step"] != self.step:
            self.wait()
            self.step = None  # a copy may be interrupted
            try:
                self.copies = {
                    part: _copied(state[part], self.copies.get(part, {}))
                    for part in _LARGE
                }
            except RuntimeError:  # PyTorch's word for it
                self.copies = {}
                return False
            if torch.cuda.is_initialized():
                torch.cuda.current_stream().synchronize()
            self.step = state["step"]
        small = {name: part for name, part in state.items() if name not in _LARGE}
        whole = copy.deepcopy(small) | self.copies
        self.begun.append(self.pool.submit(self.write, whole))
        return True

    def wait(self) -> None:
        """Wait until all is written, or has failed; ``faults`` says which."""
        for job in self.begun:
            job.exception()

    def faults(self) -> list[BaseException]:
        """Return the errors of all that ended since this was last asked."""
        found = []
        while self.begun and self.begun[0].done():
            found.append(self.begun.popleft().exception())
        return [error for error in found if error is not None]

    def close(self) -> None:
        """Wait until all is written, and end the thread."""
        self.pool.shutdown()


def _copied(tensors: dict, held: dict) -> dict:
    """Return the tensors on the host, in the memory of ``held`` where there is any."""
    copies = copy.copy(tensors)  # its kind, and what ``state_dict`` noted on it
    for name, tensor in tensors.items():
        on_gpu = tensor.is_cuda
        if name not in held:  # pinned: copied several times as fast
            held[name] = torch.empty_like(tensor, device="cpu", pin_memory=on_gpu)
        copies[name] = held[name].copy_(tensor, non_blocking=on_gpu)
    return copies
