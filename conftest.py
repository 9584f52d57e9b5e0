"""Guards that make the test run quick to fail and impossible to fool.

- Kernels started by a test never touch the learner's progress, and raise errors
  of widget callbacks.
- A kernel that dies is reported at once, not after the cell time-out.
- What takes longest begins first.
"""

import contextlib
import os
import queue
import tempfile
import time
from pathlib import Path

import pytest

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ["CNNLAB_STRICT"] = "1"
os.environ["CNNLAB_PROGRESS"] = str(Path(tempfile.mkdtemp()) / "progress.json")

collect_ignore = ["notebooks/build.py"]

with contextlib.suppress(ImportError):  # needed by some of the tests only
    import hypothesis

    # How long an example takes says something about the machine, not about the code.
    hypothesis.settings.register_profile("course", deadline=None)
    hypothesis.settings.load_profile("course")


def _report_dead_kernels() -> None:
    # nbval waits for the whole cell time-out when a kernel dies (out of memory, a
    # crash). Its kernel class is private, hence the pin nbval==0.11.* . Without it no
    # notebook is run; tests of the engine need nothing but torch, pytest, hypothesis.
    try:
        import nbval.kernel as nbval_kernel
    except ImportError:
        return

    original = nbval_kernel.RunningKernel.get_message

    def get_message(self, stream, timeout=None):
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            left = 1.0 if end is None else max(0.01, min(1.0, end - time.monotonic()))
            try:
                return original(self, stream, timeout=left)
            except queue.Empty:
                if not self.is_alive():
                    raise RuntimeError(
                        "the notebook kernel died (out of memory, or a crash)"
                    ) from None
                if end is not None and time.monotonic() >= end:
                    raise

    nbval_kernel.RunningKernel.get_message = get_message


_report_dead_kernels()


def pytest_ignore_collect(collection_path, config):
    return True if ".ipynb_checkpoints" in collection_path.parts else None


def pytest_collection_modifyitems(items):
    # The browser's minutes begin first, then the notebooks: what takes long would leave
    # a core idle at the end.
    def turn(item) -> int:
        if item.get_closest_marker("browser"):
            return 0
        return 1 if item.path.suffix == ".ipynb" else 2

    items.sort(key=turn)


@pytest.fixture
def no_progress(tmp_path, monkeypatch):
    """Give a test its own, empty progress file, and no answer from another test."""
    from cnnlab.checks import _yours

    monkeypatch.setenv("CNNLAB_PROGRESS", str(tmp_path / "progress.json"))
    _yours.forget()
    yield
    _yours.forget()
