"""Share chunks of images out to worker processes.

Workers are plain subprocesses of this Python rather than ``multiprocessing``: they
import nothing of the calling script (so no PyTorch), work the same on every system,
need no shared memory, and end by themselves when their input closes, also when the
process that started them is killed.
"""

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from cnnlab.data import DataError
from cnnlab.packed import worker


def run(job: dict, chunks: list[dict], workers: int, lock: int) -> Iterator[dict]:
    """Yield the answer to each chunk as it comes; see ``worker.Job``.

    ``lock`` is the handle of a locked file. Workers hold it too: should this process
    be killed, the store stays locked until the last of them has ended.
    """
    if min(workers, len(chunks)) <= 1:
        here = worker.Job(**job) if chunks else None
        for chunk in chunks:
            yield here.run(chunk)
        return
    tasks, answers = deque(chunks), queue.Queue()
    hands: list[_Hand] = []
    try:
        while len(hands) < min(workers, len(chunks)):
            hands.append(_Hand(job, tasks, answers, lock))
        for _ in chunks:
            yield _checked(_next(answers))
    finally:
        tasks.clear()
        for hand in hands:
            hand.stop()


class _Hand:
    """A worker process, and the thread that feeds it and collects its answers."""

    def __init__(self, job: dict, tasks: deque, answers: queue.Queue, lock: int):
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [sys.executable, "-m", worker.__name__],
            cwd=Path(worker.__file__).parents[2],  # where the package is found
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
            encoding="ascii", start_new_session=True,  # Ctrl-C is ours to handle
            pass_fds=() if os.name == "nt" else (lock,),
        )  # fmt: skip
        self.thread = threading.Thread(
            target=self._serve, args=(job, tasks, answers), daemon=True
        )
        self.thread.start()

    def _serve(self, job: dict, tasks: deque, answers: queue.Queue) -> None:
        """Hand over one chunk after the other."""
        try:
            self._send(job)
            while tasks:
                self._send(tasks.popleft())
                answers.put(json.loads(self.process.stdout.readline()))
        except IndexError:  # another one took the last chunk
            pass
        except (OSError, ValueError):  # a broken pipe, or no answer
            answers.put(self._died())

    def _send(self, message: dict) -> None:
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def _died(self) -> DataError:
        """Word the end of a worker, with the last line that it said."""
        self.errors.seek(0)
        last = self.errors.read().decode("utf-8", "replace").strip().split("\n")[-1]
        return DataError(
            f"A worker process ended ({last or 'killed, or out of memory'}). Run the "
            "same command again to go on; take fewer workers: --workers 1"
        )

    def stop(self) -> None:
        """End the process and the thread."""
        self.process.kill()
        self.thread.join()
        self.process.communicate()
        self.errors.close()


def _next(answers: queue.Queue):
    """Wait for an answer; in steps, so that Ctrl-C is noticed on every system."""
    while True:
        try:
            return answers.get(timeout=1)
        except queue.Empty:
            continue


def _checked(answer):
    """Return an answer, or raise the fault that it reports."""
    if isinstance(answer, Exception):
        raise answer
    if "errno" in answer:
        raise OSError(answer["errno"], answer["said"])
    return answer
