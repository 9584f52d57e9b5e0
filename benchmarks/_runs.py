"""Real trainings for the records: one preset, some seeds, curves and all."""

import os
import statistics
import time

# Threads that spin while they wait: a third faster on a machine that does nothing else,
# many times slower beside anything that computes.
os.environ.setdefault("OMP_WAIT_POLICY", "ACTIVE")

import torch

from cnnlab import data, train
from cnnlab.train import parallel

CURVE = ("step", "epoch", "train_loss", "train_error", "loss", "error", "lr")


def load(*names: str) -> tuple:
    """Return (train, test) of the first of ``names`` that is there."""
    for name in names[:-1]:
        try:
            return data.load(name, "train"), data.load(name, "test")
        except data.DataError:
            continue
    return data.load(names[-1], "train"), data.load(names[-1], "test")


def trained(preset, pair, crops=(1,), **changes) -> tuple[train.Run, dict]:
    """Train once; return the run and what a record keeps of it.

    ``minutes`` is wall time of everything between data in memory and error rates:
    statistics, measuring precision, training and each epoch's validation.
    """
    start, spent = time.perf_counter(), time.process_time()
    run = train.fit(preset, pair, **changes)
    if run.stopped:
        raise SystemExit(f"stopped by {run.stopped}: nothing is recorded")
    row = {
        "preset": run.state.preset.as_dict(),
        "precision": run.state.precision,
        "parameters": sum(w.numel() for w in run.net.parameters()),
        "images": [len(part) for part in pair],
        "minutes": round((time.perf_counter() - start) / 60, 2),
        "cpu_minutes": round((time.process_time() - spent) / 60, 2),
        "threads": torch.get_num_threads(),
        "wait_policy": os.environ["OMP_WAIT_POLICY"],
        "load_average": [round(x, 1) for x in os.getloadavg()],
        "curve": [
            {key: round(line[key], 6) for key in CURVE if key in line}
            for line in run.history
        ],
    }
    group = parallel.Group(0, 1, run.state.device)
    for count in crops:
        found = train.accuracy(run.net, pair[1], run.state, group, count)
        row[f"accuracy_{count}_crop"] = round(1 - found["error"], 4)
        if "error5" in found:
            row[f"accuracy5_{count}_crop"] = round(1 - found["error5"], 4)
    return run, row


def spread(values) -> dict:
    """Return number, mean, least and greatest of some results."""
    values = list(values)
    return {
        "seeds": len(values),
        "mean": round(statistics.fmean(values), 4),
        "least": min(values),
        "greatest": max(values),
    }


def best_rate(losses: dict) -> float:
    """Return the rate of the least loss; a run that diverged (None) comes last."""
    return float(
        min(losses, key=lambda rate: (losses[rate] is None, losses[rate] or 0))
    )


def set_rate(row: dict, rate: float) -> None:
    """Give a row its rate; runs of another one are forgotten, and made anew."""
    if row.get("lr") != rate:
        row |= {"lr": rate, "runs": []}


def try_rates(what: str, rates, known: dict, measure, save) -> None:
    """Fill ``known``, rate -> ``measure(rate)``, with what is missing; save each."""
    for rate in rates:
        if str(rate) not in known:
            known[str(rate)] = measure(rate)
            print("trial", what, rate, known[str(rate)], flush=True)
            save()
