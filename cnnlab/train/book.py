"""What a person sees of a run, and keeps: log, progress, checkpoints, warnings."""

import contextlib
import tempfile
import time
import warnings
from pathlib import Path

import torch

from cnnlab import shapes
from cnnlab.course import door
from cnnlab.train import (
    checkpoints,
    files,
    folder,
    logs,
    meter,
    parallel,
    presets,
    sgd,
)  # fmt: skip
from cnnlab.train import state as states
from cnnlab.train._errors import TrainError
from cnnlab.train.saved import checked
from cnnlab.train.writer import Writer


class Book:
    """Keeps a run's folder; without a folder, or in another process, it is silent."""

    def __init__(
        self, owner, out, group: parallel.Group, progress, live, interval, minutes
    ):
        self.owner = owner  # of the folder, in the process that writes
        self.folder = None if out is None else files.place(out)
        self.interval = shapes.require_int(interval, 1, "train", "interval")
        self.group = group
        self.minutes = shapes.require_number(minutes, 0, "train", "save_minutes")
        self.silent = not (progress and group.first)
        self.live = live and group.first
        self.on_epoch = self.on_interval = None
        self.history: list[dict] = []
        self.log = self.bar = self.curves = None
        self.saved_at = time.monotonic()
        self.writer = Writer(self._write)
        self.losses: list[float] = []  # a mean an interval, for the plateau warning
        self.agree_every, self.agreed = 1, (0, self.saved_at)

    # ------------------------------------------------------------------ before

    def note(self, sentence: str) -> None:
        """Tell a person something, without disturbing a progress bar."""
        sentence = door.printable(sentence)
        if self.bar is not None:
            self.bar.say(sentence)
        elif not self.silent:
            with contextlib.suppress(OSError):  # nobody reads any more
                print(sentence, flush=True)

    def checkpoint(self, resume) -> dict | None:
        """Return the checkpoint to go on from, or None for a new run."""
        if resume not in (None, "auto"):
            raise ValueError(
                f'train: resume must be None or "auto"; got {resume!r}. To go on from '
                "one checkpoint only, move the newer ones out of the folder."
            )
        if self.folder is None:
            if resume:
                raise TrainError("train: resume needs out, the folder of the run.")
            return None
        if self.group.first:
            found = checkpoints.newest(self.folder)
            if found and resume is None:
                raise TrainError(
                    f"train: {self.folder} already holds a run, at step "
                    f"{checkpoints.found(self.folder)[0][0]}. Go on with it (--resume "
                    "auto), or choose another folder."
                )
        else:
            found = None
        path = self.group.broadcast(found[0] if found else None)
        if path is None:
            return None
        saved = checked(found[1] if found else checkpoints.load(path), path)
        self.note(f"going on from {path.name}, step {saved['step']}")
        return saved

    def compare(self, before: presets.Preset, now: presets.Preset) -> None:
        """Say which fields of the recipe changed since the checkpoint."""
        if before.batch != now.batch:
            raise TrainError(
                f"train: the run was begun with a batch of {before.batch}, and its "
                f"steps count such batches; {now.batch} needs another folder."
            )
        old, new = before.as_dict(), now.as_dict()
        fixed = [name for name in ("mean", "unit") if old[name] != new[name]]
        fixed += ["colour_std"] if now.colour_std and not before.colour_std else []
        for name in fixed:  # the statistics of the data were computed for these
            raise TrainError(
                f"train: the run was begun with {name} {old[name]}, and its weights "
                f"know such inputs; {new[name]} needs another folder."
            )
        changed = [f"{k} {old[k]} -> {new[k]}" for k in new if old[k] != new[k]]
        if changed:
            self.note(f"changed since the checkpoint: {'; '.join(changed)}")

    def signal(self, state, x: torch.Tensor) -> None:
        """Measure how much of the differences between images reaches the output."""
        if self.silent or len(x) < 2:
            return
        with state.autocast():
            readings = meter.signal(state.net, x)
        self.note(
            f"signal: outputs differ between images by {readings[-1].spread:.2g} "
            f"(precision {state.precision}, {self.group.device})"
        )
        problem = meter.warning(readings, len(state.classes))
        if problem:
            self.note(f"warning: {problem}\n{meter.table(readings)}")

    @contextlib.contextmanager
    def opened(self, state, data, source, steps):
        """Open log and progress while training; write the plain weights at the end."""
        per_epoch, total = states.step_count(state.preset, len(source.train.labels))
        self.per_epoch, self.total = per_epoch, min(total, steps or total)
        self.images = min(state.preset.batch, len(source.train.labels))
        self.epoch_started = self.interval_started = time.monotonic()
        self.interval_step, self.interval_waited = state.step, 0.0
        self.agreed = state.step, self.epoch_started
        before = [], []  # epochs and intervals that were logged earlier
        if self.folder is not None and self.group.first:
            folder.write_config(self.folder, state, data, source, self.group)
            self.log = logs.Log(self.folder, state.step)
            with contextlib.suppress(TrainError):  # nothing was logged yet
                before = logs.read(self.folder)
                self.history = list(before[0])
        if self.live:
            from cnnlab.plots.training import LiveCurves  # lazily: needs matplotlib

            self.curves = LiveCurves(*before, num_classes=len(state.classes))
        self.bar = logs.Progress(self.total, state.step, silent=self.silent)
        try:
            yield
            if self.folder is not None and self.group.first:
                self._require_owner(state)
                folder.export(self.folder, state)
        finally:
            self.bar.close()
            self.writer.close()  # an error, too, waits for what is being written
            for error in self.writer.faults():
                warnings.warn(str(error), stacklevel=2)

    # ------------------------------------------------------------------ during

    def after_step(self, state, waited: float, stop) -> bool:
        """Log, save if it is time; return whether to stop. The loss is finite."""
        self.bar.advance()
        self._heed(state)
        if state.step % self.interval == 0:
            self._interval(state, waited)
        if (state.step - self.agreed[0]) % self.agree_every:
            return False
        late = time.monotonic() - self.saved_at > 60 * self.minutes
        asked, late = self._agree(state, stop.cause is not None, late)
        if asked:
            stop.cause = stop.cause or "another process"
            self.save(state, last=True)
            kept = "" if self.folder is None else "; saved"
            self.note(f"stopped by {stop.cause} after step {state.step}{kept}")
            return True
        if late:
            self.save(state)
        return False

    def _agree(self, state, asked: bool, late: bool) -> tuple[bool, bool]:
        """Return what the processes agree on: whether to stop, and whether to save.

        Agreeing means waiting for each other, so it is done about once a second and
        every tenth step at least: ``torchrun`` gives 30 s between telling and killing.
        """
        if self.group.size == 1:
            return asked, late
        step, then = self.agreed
        now = time.monotonic()
        seconds = (now - then) / max(1, state.step - step)
        late = late and self.group.first
        asked, late, seconds = self.group.most(asked, late, seconds)
        self.agree_every = max(1, min(10, int(1 / max(seconds, 1e-9))))
        self.agreed = state.step, now
        return bool(asked), bool(late)

    def _interval(self, state, waited: float) -> None:
        """Write a line of the interval log."""
        self.require_finite(state)
        now = time.monotonic()
        spent = max(now - self.interval_started, 1e-9)
        steps = state.step - self.interval_step
        loss, right, count, _ = (state.totals - state.line_totals).tolist()
        line = {
            "step": state.step,
            "epoch": round(state.step / self.per_epoch, 4),
            "loss": loss / max(count, 1),
            "error": 1 - right / max(count, 1),
            "lr": self._rate(state),
            "images_per_s": steps * self.images / spent,
            "waited": (waited - self.interval_waited) / spent,
        }
        self.interval_started, self.interval_step = now, state.step
        self.interval_waited = waited
        state.begin_line()
        if self.log is not None:
            self._require_owner(state)
            self.log.interval(line)
        self.bar.report(_shown(line))
        if self.curves is not None:
            self.curves.interval(line)
        if self.on_interval is not None:
            self.on_interval(line)
        self.losses.append(line["loss"])
        problem = meter.plateau(self.losses, len(state.classes))
        if problem:
            self.note(f"warning: {problem}")

    def _rate(self, state) -> float:
        moment = max(0, state.step - 1) / self.per_epoch
        return sgd.rate_at(state.preset, moment, state.stalls)

    def require_finite(self, state) -> None:
        """Raise if a loss since the epoch began was not finite, or a weight is not."""
        bad = int(state.totals[3])
        if bad >= 0:
            raise self._not_finite(state, bad, "")
        norms = torch._foreach_norm([w.detach() for w in state.net.parameters()])
        if not torch.isfinite(torch.stack(norms)).all():
            raise self._not_finite(state, state.step, "")
        self.looked_at = time.monotonic()  # a GPU has caught up by now

    def not_finite(self, state, x, labels) -> TrainError:
        """Return the error for a loss that is not finite, the guilty layer named."""
        with state.autocast():
            layer = meter.guilty(state.net, x, labels)
        return self._not_finite(state, state.step, f" First in {layer}.")

    def _not_finite(self, state, step: int, where: str) -> TrainError:
        """Word the fault; weights that are not finite are never saved."""
        moment = step / self.per_epoch
        rate = sgd.rate_at(state.preset, moment, state.stalls)
        kept = ""
        if self.folder is not None:
            self.writer.wait()  # to know which one is the last
            found = checkpoints.found(self.folder)
            kept = (
                f" The last checkpoint, of step {found[0][0]}, is kept."
                if found
                else " There was no checkpoint yet."
            )
        return TrainError(
            f"train: the loss is not finite at step {step} (learning rate {rate:.3g})."
            f"{where}{kept} Choose a smaller learning rate, or precision fp32, and go "
            "on with --resume auto."
        )

    def after_epoch(self, state, found: dict, epochs: float) -> bool:
        """Log the epoch, both sets side by side; return whether it was enough."""
        loss, right, count, _ = self.group.total(state.totals).tolist()
        now = time.monotonic()
        spent = now - self.epoch_started
        line = {
            "step": state.step,
            "epoch": round(epochs, 4),
            "train_loss": loss / max(count, 1),
            "train_error": 1 - right / max(count, 1),
            **found,
            "lr": self._rate(state),
            "seconds": spent,
        }
        self.epoch_started = now
        # The time that validation took is none of training's.
        self.interval_started += now - self.looked_at
        if self.log is not None:
            self._require_owner(state)
        if self.history and self.history[-1]["step"] == state.step:
            self.history.pop()  # killed before it was saved: this step is judged again
            if self.log is not None:
                self.log.forget(state.step)
        self.history.append(line)
        if self.log is not None:
            self.log.epoch(line)
        if not self.silent:
            self.note(_sentence(line))
        if self.curves is not None:
            self.curves.epoch(line)
        return self.group.any(bool(self.on_epoch and self.on_epoch(line)))

    def save(self, state, last: bool = False) -> None:
        """Write a checkpoint, in the background unless it is the last one.

        On a full disk training goes on, and says so when it is known. The last one is
        waited for, and written elsewhere if it must be: no work is lost.
        """
        self.saved_at = time.monotonic()
        self.require_finite(state)
        if self.folder is None:
            return
        sums = self.group.total(state.totals), self.group.total(state.line_totals)
        if not self.group.first:
            return
        self._require_owner(state)
        last = last or state.step >= self.total
        saved = state.as_dict(*sums)
        if not last and self.writer.begin(saved):
            return
        self.writer.wait()
        self._heed(state)
        try:
            self._write(saved)
        except TrainError as error:
            if last:
                raise self._elsewhere(error, state) from None
            warnings.warn(f"{error} Training goes on.", stacklevel=2)

    def _write(self, saved: dict) -> None:
        """Write what a checkpoint holds; mostly in the writer's thread."""
        self.owner.require()  # it may have waited for the one before
        checkpoints.save(self.folder, saved["step"], saved)

    def _heed(self, state) -> None:
        """Tell of checkpoints that could not be written in the background."""
        for error in self.writer.faults():
            self._require_owner(state)
            if not isinstance(error, TrainError):
                raise error
            warnings.warn(f"{error} Training goes on.", stacklevel=2)

    def rescue(self, state) -> None:
        """Save before an error ends the run; several processes could not agree to."""
        if self.group.size == 1:
            with contextlib.suppress(TrainError):  # the first error is the one to tell
                self.save(state, last=True)

    def _require_owner(self, state) -> None:
        """Raise if the folder is no longer this run's, what was learned kept."""
        try:
            self.owner.require()
        except TrainError as error:
            raise self._elsewhere(error, state) from None

    def _elsewhere(self, error: TrainError, state) -> TrainError:
        """Save among temporary files; return the error with that place in it."""
        sums = state.totals, state.line_totals
        try:
            place = Path(tempfile.mkdtemp(prefix="cnnlab-"))
            path = checkpoints.save(place, state.step, state.as_dict(*sums))
        except (OSError, TrainError):
            return error
        return TrainError(
            f"{error} The run as it is now, step {state.step}, was saved as {path}: "
            f"move it to {self.folder} and go on with --resume auto."
        )


def _sentence(line: dict) -> str:
    """Return an epoch's line for a person."""
    five = f", top-5 {line['error5']:.2%}" if "error5" in line else ""
    return (
        f"epoch {line['epoch']:g}: loss {line['train_loss']:.4f}, error "
        f"{line['train_error']:.2%}; validation loss {line['loss']:.4f}, error "
        f"{line['error']:.2%}{five}; rate {line['lr']:.3g}; {line['seconds']:.1f} s"
    )


def _shown(line: dict) -> dict:
    """Return the numbers of an interval worth a place beside the bar."""
    return {
        "loss": line["loss"],
        "error": f"{line['error']:.1%}",
        "lr": line["lr"],
        "images/s": f"{line['images_per_s']:.0f}",
        "waited": f"{line['waited']:.0%}",
    }
