"""Signals that ask a training to stop, heard between two steps."""

import contextlib
import signal
import threading
import time


class Stop:
    """What asked to stop, if anything did."""

    cause: str | None = None


@contextlib.contextmanager
def stop_signals():
    """Turn SIGTERM, a closed terminal and the first Ctrl-C into a wish of the loop's.

    A second Ctrl-C interrupts at once; one in the same second is the first one, heard
    twice: from the terminal, and from ``torchrun``. A signal that was ignored (nohup)
    stays so. Outside the main thread nothing changes.
    """
    stop, asked = Stop(), {}
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def ask(number, frame):
        now = time.monotonic()
        if number == signal.SIGINT:
            if now - asked.setdefault("at", now) > 1:
                raise KeyboardInterrupt
        stop.cause = stop.cause or signal.Signals(number).name

    names = [n for n in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, n)]
    heard = [n for n in (getattr(signal, name) for name in names)
             if signal.getsignal(n) is not signal.SIG_IGN]  # fmt: skip
    kept = {n: signal.signal(n, ask) for n in heard}
    try:
        yield stop
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
