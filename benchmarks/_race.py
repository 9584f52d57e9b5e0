"""Times contestants side by side: each in its own process, taking turns.

Two thread pools in one process (NumPy's and PyTorch's) slow each other down, so
every contestant lives alone, warms up, and is then called once a round; a round
goes through all of them, so that a change of load meets all alike.
"""

import multiprocessing
import os
import statistics
import time
from concurrent.futures import ProcessPoolExecutor


def timed(function, *arguments):
    """Return the seconds one call took, and its result."""
    start = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - start, result


def race(contestants: dict, setup, arguments: tuple, rounds: int) -> tuple[dict, dict]:
    """Return the seconds of every round and the last result, by contestant.

    Parameters
    ----------
    contestants : names and module-level functions of no argument
    setup : module-level function that prepares a process, called with a
        contestant's name and ``arguments``; it also warms up
    rounds : how often everyone is timed
    """
    context = multiprocessing.get_context("spawn")
    pools = {
        name: ProcessPoolExecutor(1, context, setup, (name, *arguments))
        for name in contestants
    }
    seconds, results = {name: [] for name in contestants}, {}
    for pool in pools.values():
        pool.submit(int).result()  # started and warmed up, one after the other
    for _ in range(rounds):
        for name, function in contestants.items():
            time.sleep(0.3)
            spent, results[name] = pools[name].submit(timed, function).result()
            seconds[name].append(spent)
    for pool in pools.values():
        pool.shutdown()
    return seconds, results


def summary(seconds: dict, base: str) -> dict:
    """Return least and median seconds, and how often faster than ``base``."""
    rows = {}
    for name, spent in seconds.items():
        ratios = [b / s for b, s in zip(seconds[base], spent, strict=True)]
        rows[name] = {
            "seconds": [round(s, 4) for s in spent],
            "least": round(min(spent), 4),
            "median": round(statistics.median(spent), 4),
            "ratio_of_least": round(min(seconds[base]) / min(spent), 2),
            "ratio_median_of_rounds": round(statistics.median(ratios), 2),
            "ratio_lowest_of_rounds": round(min(ratios), 2),
        }
    return rows


def print_table(rows: dict, base: str) -> None:
    width = max(map(len, rows))
    print(f"{'':{width}}  least (s)  median (s)  times as fast as {base}")
    for name, row in rows.items():
        print(
            f"{name:{width}}  {row['least']:9.4f}  {row['median']:10.4f}  "
            f"{row['ratio_of_least']:.2f} (rounds: median "
            f"{row['ratio_median_of_rounds']:.2f}, lowest "
            f"{row['ratio_lowest_of_rounds']:.2f})"
        )


def load() -> list[float] | None:
    """Return the load averages, to judge how quiet the machine was."""
    return [round(v, 2) for v in os.getloadavg()] if hasattr(os, "getloadavg") else None
