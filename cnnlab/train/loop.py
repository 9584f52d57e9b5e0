"""The training loop: read it top down, ``fit`` prepares and ``_train`` trains."""

import contextlib
import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from cnnlab import augment, packed, shapes
from cnnlab.train import compute, evaluate, parallel, presets, sgd, sources
from cnnlab.train import state as states
from cnnlab.train._errors import TrainError
from cnnlab.train.book import Book
from cnnlab.train.folder import owned
from cnnlab.train.signals import stop_signals


@dataclass(eq=False)
class Run:
    """A finished or stopped training.

    Attributes
    ----------
    net : the trained network, in evaluation mode
    history : one dict an epoch: step, epoch, train_loss and train_error; loss, error,
        error5 (with more than 5 classes) and count in validation; lr, seconds
    state : all that ``evaluate`` needs; ``classes`` and ``preset`` are in it
    out : the run's folder, or None
    stopped : None, or what ended it early ("SIGTERM", "SIGINT")
    """

    net: nn.Module
    history: list
    state: states.State
    out: Path | None
    stopped: str | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        return self.state.classes

    def __repr__(self) -> str:
        last = self.history[-1] if self.history else {}
        error = f", validation error {last['error']:.1%}" if "error" in last else ""
        return f"Run({self.state.preset.name}, {self.state.step} steps{error})"


def fit(
    preset,
    data,
    out=None,
    *,
    device="auto",
    resume=None,
    steps=None,
    interval=50,
    save_minutes=5.0,
    engine="auto",
    progress=True,
    live=False,
    on_epoch=None,
    on_interval=None,
    **changes,
) -> Run:
    """Train a network by a recipe.

    Parameters
    ----------
    preset : a name of ``presets.PRESETS``, or a ``Preset``
    data : a data set's name, a packed store, a folder of image files in class folders,
        or a pair (train, validation); see ``sources.find``
    out : folder for log and checkpoints; None keeps everything in memory only
    device : "auto", "cpu", "cuda", "mps"
    resume : None; "auto" goes on from the newest checkpoint in ``out`` if there is one
    steps : stop after so many updates instead of the preset's epochs
    interval : updates between two lines of the interval log
    save_minutes : minutes between checkpoints; one is also written every epoch, all but
        the last while training goes on
    engine : "auto", "eager", "compile", "graph"; see ``compute.make``
    progress : show a bar (plain lines where there is no terminal) and notes
    live : draw learning curves while training, in a notebook
    on_epoch : called with each line of the history; returning True ends training
    on_interval : called with each line of the interval log
    changes : other values for fields of the preset, such as ``lr=0.02``

    Returns
    -------
    Run

    Raises
    ------
    TrainError
        If data, network, checkpoint or disk do not allow it, or the loss is not finite.
    """
    preset = presets.load(preset).change(**changes)
    steps = None if steps is None else shapes.require_int(steps, 1, "train", "steps")
    with (
        parallel.group(device) as group,
        _own_random(group),
        owned(out, group) as owner,
    ):
        book = Book(owner, out, group, progress, live, interval, save_minutes)
        book.on_epoch, book.on_interval = on_epoch, on_interval
        source = _prepare(data, preset, book.folder, group, book)
        state = _begin(preset, source, group, book, resume)
        batch = min(preset.batch, len(source.train.labels))
        shapes.require_int(batch, group.size, "train", "batch")  # an image a process
        update = compute.make(state, group, batch, engine)
        # Before, nothing could be saved: there a signal ends everything at once.
        with stop_signals() as stop, book.opened(state, data, source, steps):
            stopped = _train(state, source, update, batch, steps, group, book, stop)
        return Run(state.net.eval(), book.history, state, book.folder, stopped)


def _train(state, source, update, batch, steps, group, book, stop):
    """Take steps until the end; return None, or what stopped them early."""
    preset = state.preset
    per_epoch, total = states.step_count(preset, len(source.train.labels))
    limit = total if steps is None else min(steps, total)
    rows = _rows(len(source.train.labels), preset.seed, batch, per_epoch, state.step)
    shares = (group.share(part) for part in rows)
    on_gpu = group.device.type == "cuda"
    with packed.Feeder(source.train, shares, group.device) as feeder:
        feed = iter(feeder)
        while state.epoch * per_epoch < limit:
            whole = (state.epoch + 1) * per_epoch  # steps at this epoch's end
            state.net.train()
            count = max(0, min(whole, limit) - state.step)
            for images, labels, indices in _fed(feed, count, state, book):
                moment = state.step / per_epoch  # in epochs
                rate = sgd.rate_at(preset, moment, state.stalls)
                rates = torch.tensor(state.update.rates(rate, moment))
                x = update.see(images, indices, state.epoch)
                _seed_dropout(group.device, preset.seed, state.step, group.rank)
                try:
                    # A few bytes, staged at once: a GPU's queue is not waited for.
                    rates = rates.to(group.device, non_blocking=on_gpu)
                    loss, right = update(x, labels, rates)
                except compute.NotFinite:
                    raise book.not_finite(state, x, labels) from None
                state.count(loss, right, len(labels))
                state.step += 1
                if book.after_step(state, feeder.waited, stop):
                    return stop.cause
            book.save(state)  # validation may fail, or the machine meanwhile
            found = evaluate.accuracy(update.net, source.valid, state, group)
            enough = book.after_epoch(state, found, state.step / per_epoch)
            if state.step == whole:  # the last step may lie inside an epoch
                state.finish_epoch(found["error"])
            book.save(state, last=enough)
            if enough or state.step >= limit:
                break
    return None


def _fed(feed, count: int, state, book):
    """Yield ``count`` batches; what was learned is kept if they cannot be read."""
    try:
        yield from itertools.islice(feed, count)
    except (OSError, ValueError):
        book.rescue(state)
        raise


def _rows(images: int, seed: int, batch: int, per_epoch: int, start: int):
    """Yield the rows of every batch from step ``start`` on, for ever."""
    for epoch in itertools.count(start // per_epoch):
        order = packed.order(images, seed, epoch)
        first = start % per_epoch if epoch == start // per_epoch else 0
        for place in range(first, per_epoch):
            yield order[place * batch : (place + 1) * batch]


def _seed_dropout(device: torch.device, *numbers: int) -> None:
    """Seed the device's generator by seed, step and rank: a resume needs no state.

    ``torch.manual_seed`` does the same for every device there is, which takes longer
    than some networks' whole step.
    """
    words = np.random.SeedSequence(numbers).generate_state(1, np.uint64)
    key = int(words[0] >> np.uint64(1))
    if device.type == "cpu":
        torch.default_generator.manual_seed(key)
    elif device.type == "cuda":
        torch.cuda.manual_seed(key)
    else:
        torch.manual_seed(key)


@contextlib.contextmanager
def _own_random(group: parallel.Group):
    """Leave the caller's random numbers as they were."""
    devices = [group.device] if group.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        yield


def _prepare(data, preset, out, group, book) -> sources.Source:
    """Return the data; one process packs image files, the others wait for it."""
    if group.first:
        source = sources.find(data, preset, out, book.note)
    group.await_first()
    return source if group.first else sources.find(data, preset, out, book.note)


def _begin(preset, source, group, book, resume) -> states.State:
    """Return the run at its start, or at the checkpoint it goes on from."""
    saved = book.checkpoint(resume)
    if saved is not None:
        book.compare(presets.from_dict(saved["preset"]), preset)
        state = states.new(preset, source, saved["statistics"], group.device)
        state.restore(saved, group.first)
        _require_place(state, len(source.train.labels))
        return state
    statistics = sources.statistics(source, preset)
    state = states.new(preset, source, statistics, group.device)
    state.precision = compute.choose_precision(state)
    book.signal(state, _first_batch(state, source, group))
    return state


def _require_place(state, images: int) -> None:
    """Raise unless the checkpoint's steps lie in its epoch."""
    per_epoch, _ = states.step_count(state.preset, images)
    if not 0 <= state.step - state.epoch * per_epoch <= per_epoch:
        raise TrainError(
            f"train: the checkpoint is of step {state.step}, which does not lie in "
            f"epoch {state.epoch} of {per_epoch} steps. Begin in another folder."
        )


def _first_batch(state, source, group):
    """Return the first inputs of the run, 2 to 128, for measurements."""
    count = min(max(2, state.preset.batch), len(source.train.labels), 128)
    rows = packed.order(len(source.train.labels), state.preset.seed, 0)[:count]
    with packed.Feeder(source.train, [rows], group.device) as feeder:
        images, _, indices = next(iter(feeder))
    return augment.for_training(images, indices, 0, **state.recipe(0))
