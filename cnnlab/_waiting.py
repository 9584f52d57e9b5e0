"""How the threads of a command-line training wait for each other.

A network's step on a processor is hundreds of short parallel pieces. A thread that
sleeps between two of them wakes late; one that spins meanwhile takes its core from
whoever computes beside it, perhaps from the very thread it waits for. So threads sleep,
and spin for a moment before it only where nothing else computes when training begins.
"""

import contextlib
import math
import os
import time
from pathlib import Path

# Rounds of a waiting loop of GNU's OpenMP, which PyTorch for Linux brings along; other
# OpenMPs ignore it. With 10,000, two threads beside one other program on two cores made
# half as many images as sleeping ones, though it is a little faster alone; see
# benchmarks/wait_policy_speed.py.
SPINS = 1_000
SECONDS = 0.3  # to look at the machine
BUSY = 0.1  # cores that others may use on an idle machine


def spin_if_idle() -> None:
    """Let waiting threads spin a moment first, if they have the machine to themselves.

    To be called before OpenMP is loaded. A spin count that is set already stays.
    """
    if "GOMP_SPINCOUNT" not in os.environ and _cores() > 1 and used() < BUSY:
        os.environ["GOMP_SPINCOUNT"] = str(SPINS)


def _cores() -> int:
    """Return how many threads will run, or 1 if a quota of time is less than that."""
    with contextlib.suppress(AttributeError):  # only Linux knows
        cores = len(os.sched_getaffinity(0))
        with contextlib.suppress(ValueError):  # unset, or one number a level
            cores = min(cores, int(os.environ.get("OMP_NUM_THREADS", "")))
        return cores if quota() >= cores else 1
    return 1


def quota(root: Path = Path("/sys/fs/cgroup")) -> float:
    """Return the cores' worth of time a container may use; infinite without a limit."""
    for names in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        with contextlib.suppress(OSError, ValueError):
            words = " ".join((root / name).read_text() for name in names).split()
            most, period = map(float, words)  # "max" is no number
            return most / period if most > 0 else math.inf
    return math.inf


def used(seconds: float = SECONDS) -> float:
    """Return the cores in use while this process sleeps; infinite where unknown."""
    try:
        before = _busy()
        time.sleep(seconds)
        return (_busy() - before) / os.sysconf("SC_CLK_TCK") / seconds
    except (OSError, ValueError, AttributeError):
        return math.inf


def _busy(stat: Path = Path("/proc/stat")) -> int:
    """Return the ticks that the cores this process may use have worked since boot."""
    mine, total = os.sched_getaffinity(0), 0
    for line in stat.read_text().splitlines():
        name, *ticks = line.split()
        if name[:3] == "cpu" and name[3:].isdigit() and int(name[3:]) in mine:
            user, nice, system, _, _, *others = map(int, ticks[:8])
            total += (
                user + nice + system + sum(others)
            )  # not idle, not waiting for disk
    return total
