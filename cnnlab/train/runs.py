"""A trained network from its run's folder, and its error rates."""

from pathlib import Path

from cnnlab import packed
from cnnlab.train import (
    checkpoints,
    evaluate,
    files,
    folder,
    logs,
    parallel,
    presets,
    sources,
)  # fmt: skip
from cnnlab.train import state as states
from cnnlab.train._errors import TrainError
from cnnlab.train.saved import checked


def load(out, data=None, device="auto"):
    """Return the ``Run`` in a folder, its network as of the newest checkpoint.

    Parameters
    ----------
    data : the data it was trained on; by default what the folder remembers

    Raises
    ------
    TrainError
        If the folder holds no checkpoint, or the data differ from those of the run.
    """
    from cnnlab.train.loop import Run

    out = files.place(out)
    found = checkpoints.newest(out)
    if found is None:
        raise TrainError(
            f"{out} holds no checkpoint of a run. Name the folder that was given to "
            "--out."
        )
    saved = checked(found[1], found[0])
    preset = presets.from_dict(saved["preset"])
    source = sources.find(_data_of(out, data), preset, out, note=lambda said: None)
    state = states.new(
        preset, source, saved["statistics"], parallel.choose_device(device)
    )
    state.restore(saved)
    return Run(state.net.eval(), logs.read(out)[0], state, out), source


def _data_of(out: Path, data):
    """Return what names the run's data: the argument, its own store, or its note."""
    if data is not None:
        return data
    if (out / "store" / packed.store.HEADER).is_file():
        return out / "store"
    named = folder.read_config(out).get("data")
    if not isinstance(named, str):
        raise TrainError(f"{out} does not say which data it was trained on; give data.")
    return named


def evaluate_run(out, crops: int = 1, data=None, device="auto", split=None) -> str:
    """Return the error rates of a run, the paper's beside them.

    ``split`` is "test", "val" or "train"; by default the validation set.
    """
    run, source = load(out, data, device)
    split = split or source.held
    judged = source.part(split)
    if tuple(map(str, judged.classes)) != source.classes:
        raise TrainError(f"eval: {split} names other classes than the run.")
    group = parallel.Group(0, 1, run.state.device)
    found = evaluate.accuracy(run.net, judged, run.state, group, crops)
    return evaluate.report(found, crops, len(source.classes), split)
