"""Measure how long imports take, each in a fresh interpreter.

    python benchmarks/import_time.py

Goals: ``import cnnlab`` within 0.1 s; the NumPy half, NumPy included, within 0.4 s.
Rounds are interleaved, so that a busy moment hits every row alike.
"""

import statistics
import subprocess
import sys

from cnnlab.course import records

HALF = "from cnnlab import shapes, ops, grads, neighbors, linear, scenes, data"
STATEMENTS = {
    "nothing": "pass",
    "cnnlab": "import cnnlab",
    "numpy": "import numpy",
    "numpy_half": HALF,
    "checks": "from cnnlab import checks",
    "plots": "from cnnlab import plots",
    "widgets": "from cnnlab import widgets",
    "torch": "import torch",
}
GOALS = {"cnnlab": 0.1, "numpy_half": 0.4}
ROUNDS = 7


def seconds(statement: str) -> float:
    """Return the time of one statement in a fresh interpreter."""
    code = (
        "import time; start = time.perf_counter()\n"
        f"{statement}\n"
        "print(time.perf_counter() - start)"
    )
    call = [sys.executable, "-c", code]
    return float(subprocess.run(call, capture_output=True, check=True).stdout)


def main() -> None:
    times = {name: [] for name in STATEMENTS}
    for _ in range(ROUNDS):
        for name, statement in STATEMENTS.items():
            times[name].append(seconds(statement))
    numpy = statistics.median(times["numpy"])
    rows = {}
    print(f"{'import':12} {'min s':>8} {'median s':>9} {'of NumPy':>9} {'goal s':>7}")
    for name, found in times.items():
        least, middle = min(found), statistics.median(found)
        rows[name] = {
            "min_s": round(least, 4),
            "median_s": round(middle, 4),
            "times_numpy": round(middle / numpy, 2),
        }
        print(
            f"{name:12} {least:8.3f} {middle:9.3f} {middle / numpy:9.2f} "
            f"{GOALS.get(name, ''):>7}"
        )
    path = records.write(
        "import_time", {"rounds": ROUNDS, "goals_s": GOALS, "imports": rows}
    )
    print(f"stored in {path.parent.name}/{path.name}")


if __name__ == "__main__":
    main()
