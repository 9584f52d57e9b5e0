"""How fast the exact neighbour search is, against scikit-learn's brute force.

    python benchmarks/knn_speed.py           2,000 queries, a minute or two
    python benchmarks/knn_speed.py --full    10,000 queries, about five minutes

Both search 50,000 training rows of 3,072 pixels (CIFAR-10 where a data root has it,
else random pixels). scikit-learn gets its rows as float32 beforehand; the course's
search gets them as uint8 and converts them inside the measured time. The two loops
are timed on a few pairs and scaled up. Needs about 4 GB of memory.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from _race import load, print_table, race, summary, timed

from cnnlab import data, neighbors
from cnnlab.course import records

K, BASE = 5, "scikit-learn brute"
here = {}  # what this process works on


def pixels(queries: int, rows: int) -> tuple[str, np.ndarray, np.ndarray]:
    """Return the name of the data, queries and training rows, uint8."""
    for name in ("cifar10", "cifar10-jpeg"):
        try:
            train, test = data.load(name, "train"), data.load(name, "test")
        except data.DataError:
            continue
        rng = np.random.default_rng(0)
        some = rng.permutation(len(test))[:queries]
        every = rng.permutation(len(train))[:rows]
        flat = data.flatten(test.images), data.flatten(train.images)
        return name, flat[0][some], flat[1][every]
    rng = np.random.default_rng(0)
    sizes = [(n, 3072) for n in (queries, rows)]
    return "random pixels", *(rng.integers(0, 256, s, dtype=np.uint8) for s in sizes)


def setup(name: str, folder: str) -> None:
    """Load the rows, convert them for scikit-learn, and warm up."""
    here["x"] = np.load(Path(folder) / "x.npy")
    here["y"] = np.load(Path(folder) / "y.npy")
    if name == BASE:
        from sklearn.neighbors import NearestNeighbors

        here["x"] = here["x"].astype(np.float32)
        brute = NearestNeighbors(n_neighbors=K, algorithm="brute", n_jobs=-1)
        here["brute"] = brute.fit(here["y"].astype(np.float32))
        scikit_learn(100)
    elif name != "two loops":
        neighbors.nearest(here["x"][:100], here["y"], K, engine=name.split()[-1])


def scikit_learn(n=None):
    distances, indices = here["brute"].kneighbors(here["x"][:n])
    return indices, distances


def numpy_engine():
    return neighbors.nearest(here["x"], here["y"], K, engine="numpy")


def integer_engine():
    return neighbors.nearest(here["x"], here["y"], K, engine="torch")


def two_loops():
    """Seconds of the two loops on all pairs, scaled up from 4 x 500 of them."""
    seconds, _ = timed(neighbors.l2_two_loops, here["x"][:4], here["y"][:500])
    return seconds * len(here["x"]) * len(here["y"]) / 2000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="10,000 queries")
    parser.add_argument("--rows", type=int, default=50_000, help="training rows")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    source, x, y = pixels(10_000 if options.full else 2_000, options.rows)
    contestants = {
        BASE: scikit_learn,
        "cnnlab numpy": numpy_engine,
        "cnnlab torch": integer_engine,
        "two loops": two_loops,
    }
    print(f"{source}: {len(x)} queries, {len(y)} rows of {x.shape[1]}, k = {K}")
    before = load()
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "x.npy", x)
        np.save(Path(folder) / "y.npy", y)
        seconds, results = race(contestants, setup, (folder,), options.rounds)
    scaled = results.pop("two loops")
    del seconds["two loops"]
    rows = summary(seconds, BASE)
    print_table(rows, BASE)
    times = scaled / rows["cnnlab torch"]["least"]
    print(f"two loops, scaled up: {scaled:.0f} s, {times:.0f} times 'cnnlab torch'")
    same = compare(results)
    print(f"same neighbours as {BASE}: {same}")
    payload = {
        "data": source,
        "queries": len(x),
        "rows": len(y),
        "columns": x.shape[1],
        "k": K,
        "rounds": options.rounds,
        "load_average": [before, load()],
        "contestants": rows,
        "base": BASE,
        "two_loops_seconds_scaled_up": round(scaled),
        "same_neighbours": same,
    }
    print(records.write("knn_speed" if options.full else "knn_speed_small", payload))


def compare(results: dict) -> dict:
    """Return shares of neighbours equal to the base's, by index and by distance."""
    indices, distances = results[BASE]
    return {
        name: {
            "by_index": float(np.mean(i == indices)),
            "by_distance": float(np.mean(np.isclose(d, distances, rtol=1e-6))),
        }
        for name, (i, d) in results.items()
        if name != BASE
    }


if __name__ == "__main__":
    main()
