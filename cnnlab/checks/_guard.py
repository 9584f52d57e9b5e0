"""Bounds for a learner's code: time, memory, and no harm to the notebook.

On Linux a whole check runs in a forked child that sends its verdict back: an answer
may loop for ever inside C code, eat all memory or end Python, and the notebook goes
on. Elsewhere it runs in place, and an alarm (a second thread on Windows) ends what
Python can interrupt.
"""

import _thread
import contextlib
import faulthandler
import io
import multiprocessing
import os
import signal
import sys
import threading
import time
import tracemalloc
import warnings
from collections.abc import Callable

import numpy as np

FORKS = sys.platform == "linux" and hasattr(os, "fork")
AGAIN = 0.003  # seconds until an answer that swallowed the first alarm hears another
GRACE = 2.0  # seconds in which a stopped answer may still be explained
LONGEST_PRINT = 20_000  # characters of a learner's own prints that are shown

_ends = [float("inf")]  # when the running check is to end, by time.monotonic


class TimeUp(BaseException):
    """An answer takes too long. No ``except Exception`` in it can catch this."""


class Crashed(Exception):
    """The answer ended the process it ran in; the text says how."""


class Failed(Exception):
    """The check, not the answer, went wrong in the child; the text says how."""


def is_over() -> bool:
    """Say whether the time of the running check is spent."""
    return time.monotonic() >= _ends[-1]


@contextlib.contextmanager
def deadline(seconds: float):
    """Give the checks inside so many seconds together."""
    _ends.append(time.monotonic() + seconds)
    try:
        yield
    finally:
        _ends.pop()


def call(function: Callable, args=(), kwargs=None, quiet: bool = False):
    """Run a learner's function in the time that is left, with NumPy's own settings.

    Raises
    ------
    TimeUp
        Where that time runs out, whatever the function catches.
    """
    if is_over():
        raise TimeUp
    muted = contextlib.redirect_stdout(io.StringIO()) if quiet else _nothing()
    with (
        warnings.catch_warnings(),
        np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"),
        muted,
    ):
        warnings.simplefilter("ignore")
        return _until(_ends[-1], function, args, kwargs or {})


_nothing = contextlib.nullcontext


def _until(end: float, function, args, kwargs):
    """Run ``function`` until it ends or the time does."""
    if end == float("inf") or threading.current_thread() is not threading.main_thread():
        return function(*args, **kwargs)
    home, traced = sys._getframe(), sys.gettrace()

    def insist(frame, event, argument):
        """Raise in the next line of the answer, too: a bare except outlives no two."""
        if event in ("line", "call") and _lies_below(frame, home):
            raise TimeUp
        return insist

    def ring(_, frame):
        if frame is home or not _lies_below(frame, home):
            return  # the answer has just ended
        sys.settrace(insist)
        while frame is not None and frame is not home:
            frame.f_trace = insist
            frame = frame.f_back
        raise TimeUp

    with _ringing(max(end - time.monotonic(), 1e-3), ring):
        try:
            return function(*args, **kwargs)
        finally:
            sys.settrace(traced)  # first: what follows would be stopped as well


def _lies_below(frame, home) -> bool:
    while frame is not None:
        if frame is home:
            return True
        frame = frame.f_back
    return False


@contextlib.contextmanager
def _ringing(seconds: float, ring: Callable):
    """Call ``ring`` in the main thread after so many seconds, and again and again."""
    if hasattr(signal, "setitimer"):
        before = signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        return
    done = threading.Event()  # Windows has no such alarm: a thread knocks instead

    def knock():
        late = done.wait(seconds)
        while not late:
            _thread.interrupt_main()
            late = done.wait(AGAIN)

    before = signal.signal(signal.SIGINT, ring)
    threading.Thread(target=knock, daemon=True).start()
    try:
        yield
    finally:
        done.set()
        signal.signal(signal.SIGINT, before)


def steps(function: Callable, args=(), kwargs=None) -> int:
    """Return how many steps Python takes in the learner's own code for one call.

    Steps inside libraries are not counted: a matrix product is one step, a loop over
    rows many.
    """
    count, own = 0, _home_of(function)
    before = sys.gettrace()

    def trace(frame, event, argument):
        nonlocal count
        if frame.f_code.co_filename != own:
            return None
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    def traced():
        sys.settrace(trace)
        try:
            function(*args, **(kwargs or {}))
        finally:
            sys.settrace(before)

    call(traced, quiet=True)
    return count


def peak_memory(function: Callable, args=(), kwargs=None) -> int:
    """Return how many bytes one call takes at most at a time, its result included."""
    tracemalloc.start()
    try:
        call(function, args, kwargs, quiet=True)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _home_of(function) -> str:
    code = getattr(getattr(function, "func", function), "__code__", None)
    return code.co_filename if code else ""


# ------------------------------------------------------------------- in a child


def isolated(work: Callable, seconds: float, memory: int, fork: bool = True):
    """Return ``work(report)``, run within bounds; see the module.

    Parameters
    ----------
    work : takes a function ``report``; what it was last called with is returned
        where the time is over before ``work`` has ended
    seconds : for all of ``work`` together
    memory : MiB that it may take beyond what is taken now
    fork : whether a child may be used; not for answers that compute on a GPU

    Raises
    ------
    Crashed
        If the process ended without an answer.
    """
    if not (fork and FORKS):
        with deadline(seconds):
            return work(lambda result: None)
    here, there = multiprocessing.Pipe(duplex=False)
    sys.stdout.flush()
    with warnings.catch_warnings():
        # Python warns of forks beside other threads: see _answer for PyTorch's.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        _answer(work, there, seconds, memory)
    there.close()
    try:
        return _listen(here, child, seconds + GRACE)
    finally:
        here.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(child, 0)


def _answer(work, pipe, seconds: float, memory: int) -> None:
    """Do the work in the child, and never come back."""
    said = io.StringIO()
    faulthandler.disable()  # a crash is told in words
    try:
        if "torch" in sys.modules:
            # The threads of its parent do not exist here, and waiting for them never
            # ends; PyTorch's own workers do the same (torch.utils.data._utils.worker).
            sys.modules["torch"].set_num_threads(1)
        _bound_memory(memory)
        with (
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(io.StringIO()),
            deadline(seconds),
        ):
            result = work(lambda early: pipe.send(("early", early)))
        pipe.send(("said", said.getvalue()[:LONGEST_PRINT]))
        pipe.send(("done", result))
    except KeyboardInterrupt:
        pipe.send(("interrupted", None))
    except BaseException as error:
        with contextlib.suppress(BaseException):
            pipe.send(("failed", f"{type(error).__name__}: {error}"))
    finally:
        os._exit(0)


def _bound_memory(memory: int) -> None:
    import resource

    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[0])
    threads = 48 * (os.cpu_count() or 1)  # MiB: what a matrix product's threads reserve
    limit = pages * resource.getpagesize() + ((memory + threads) << 20)
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard == resource.RLIM_INFINITY or limit < hard:
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def _listen(pipe, child: int, seconds: float):
    end, early = time.monotonic() + seconds, None
    while pipe.poll(max(end - time.monotonic(), 0)):
        try:
            kind, value = pipe.recv()
        except EOFError:
            _, status = os.waitpid(child, 0)
            code = os.waitstatus_to_exitcode(status)
            how = f"exit code {code}" if code >= 0 else signal.Signals(-code).name
            raise Crashed(f"the function ended Python itself ({how})") from None
        if kind == "done":
            return value
        if kind == "early":
            early = value
        elif kind == "said":
            print(value, end="")
        elif kind == "interrupted":
            raise KeyboardInterrupt
        else:
            raise Failed(value)
    if early is not None:
        return early
    raise TimeUp
