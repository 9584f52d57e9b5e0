"""Learning curves from a run's logs, still or redrawn while training goes on."""

import time

import matplotlib.pyplot as plt
import numpy as np

from cnnlab.plots._base import BLUE, GREEN, GREY, ORANGE, VERMILION, Picture, png

INK = "#5F5F5F"  # grey that reads well on white (6.4 : 1)


def learning_curves(epochs, intervals=(), num_classes=None, title: str = ""):
    """Return a figure of loss, top-1 error, learning rate and images a second.

    Parameters
    ----------
    epochs, intervals : rows of a run's two logs (dicts), as ``train.logs.read`` gives
        them; what a row lacks is left out
    num_classes : marks the loss and the error of answers by chance
    title : above all four
    """
    figure, axes = plt.subplots(2, 2, figsize=(5.6, 5.6), sharex=True)
    _loss(axes[0, 0], epochs, intervals, num_classes)
    _error(axes[0, 1], epochs, intervals, num_classes)
    _rate(axes[1, 0], epochs, intervals)
    _speed(axes[1, 1], epochs, intervals)
    last = max((row.get("epoch", 1) for row in (*epochs, *intervals)), default=1)
    for ax in axes.flat:
        if not any(np.isfinite(line.get_ydata()).any() for line in ax.lines):
            ax.set_yticks([])
            ax.text(0.5, 0.5, "not logged", transform=ax.transAxes, ha="center")
    for ax in axes[1]:
        ax.set(xlabel="epoch", xlim=(0, 1.03 * last))
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return figure


def learning_sentence(epochs, intervals=()) -> str:
    """Return what the curves show, in words: the text beside the picture.

    Examples
    --------
    >>> row = {"epoch": 2, "train_loss": 0.51, "loss": 0.62, "error": 0.207}
    >>> learning_sentence([{**row, "epoch": 1, "error": 0.31}, row])
    'After epoch 2: training loss 0.51, validation loss 0.62, validation error 20.7 \
%, best 20.7 % after epoch 2.'
    """
    if not epochs:
        last = intervals[-1] if intervals else {}
        loss = last.get("loss")
        said = "no loss yet" if loss is None else f"training loss {loss:.3g}"
        return f"In the first epoch: {said}."
    last = epochs[-1]
    parts = [
        f"{word} {last[key]:.3g}"
        for word, key in (("training loss", "train_loss"), ("validation loss", "loss"))
        if last.get(key) is not None
    ]
    best = _best(epochs)
    if best is not None:
        epoch, error = best
        if last.get("error") is not None:
            parts.append(f"validation error {100 * last['error']:.1f} %")
        parts.append(f"best {100 * error:.1f} % after epoch {epoch:g}")
    said = ", ".join(parts) or "no numbers yet"
    return f"After epoch {last.get('epoch', len(epochs)):g}: {said}."


class LiveCurves:
    """Learning curves that redraw in place in a notebook while training goes on.

    ``epoch`` and ``interval`` take one row each, like ``train.logs.Log``; ``update``
    takes all rows. An epoch redraws at once; intervals redraw as often as costs 5 % of
    the time at most. Outside a notebook nothing is drawn.

    Parameters
    ----------
    epochs, intervals : rows logged before, of a run that goes on
    num_classes, title : as in ``learning_curves``
    """

    SHARE = 0.05  # of the time may go into drawing intervals

    def __init__(self, epochs=(), intervals=(), num_classes=None, title: str = ""):
        self.epochs, self.intervals = list(epochs), list(intervals)
        self.num_classes, self.title = num_classes, title
        self._handle, self._can_draw = None, True
        self._next = 0.0

    def epoch(self, row: dict) -> None:
        """Add an epoch's row and redraw."""
        self.epochs.append(row)
        self.draw()

    def interval(self, row: dict) -> None:
        """Add an interval's row; redraw if the last drawing is long ago."""
        self.intervals.append(row)
        if time.monotonic() >= self._next:
            self.draw()

    def update(self, epochs, intervals=None) -> None:
        """Take these rows for all rows so far and redraw."""
        self.epochs = list(epochs)
        if intervals is not None:
            self.intervals = list(intervals)
        self.draw()

    def picture(self) -> Picture:
        """Return the curves as they are now."""
        rows = self.epochs, self.intervals
        data = png(learning_curves(*rows, self.num_classes, self.title))
        return Picture(data, learning_sentence(*rows))

    def draw(self) -> None:
        """Show the curves, in the place where they were shown before."""
        if not self._can_draw:
            return
        from IPython import get_ipython
        from IPython.display import display

        if self._handle is None:
            shell = get_ipython()
            if shell is None or not hasattr(shell, "kernel"):
                self._can_draw = False
                return
        start = time.monotonic()
        picture = self.picture()
        if self._handle is None:
            self._handle = display(picture, display_id=True)
        else:
            self._handle.update(picture)
        now = time.monotonic()
        self._next = now + (now - start) * (1 / self.SHARE - 1)


def _loss(ax, epochs, intervals, num_classes):
    _thin(ax, intervals, "loss", BLUE)
    _line(ax, epochs, "train_loss", BLUE, "o", "training")
    _line(ax, epochs, "loss", VERMILION, "s", "validation")
    if num_classes:
        chance = np.log(num_classes)
        _mark(ax, chance, f"chance: ln {num_classes} = {chance:.2f}")
    training = _last(epochs, "train_loss") if epochs else _last(intervals, "loss")
    now = {"training": training, "validation": _last(epochs, "loss")}
    known = [f"{word} {x:.3g}" for word, x in now.items() if x is not None]
    ax.set(ylabel="cross-entropy loss")
    ax.set_title("loss" + (": " if known else "") + ", ".join(known))
    _legend(ax)


def _error(ax, epochs, intervals, num_classes):
    _thin(ax, intervals, "error", BLUE, 100)
    _line(ax, epochs, "train_error", BLUE, "o", "training", 100)
    _line(ax, epochs, "error", VERMILION, "s", "validation", 100)
    _line(ax, epochs, "error5", ORANGE, "^", "validation, top-5", 100)
    if num_classes:
        chance = 100 * (1 - 1 / num_classes)
        _mark(ax, chance, f"chance: {chance:.4g} %")
    best = _best(epochs)
    said = f": best {100 * best[1]:.1f} % after epoch {best[0]:g}" if best else ""
    ax.set(ylabel="top-1 error in %")
    ax.set_title(f"error{said}")
    _from_zero(ax)
    _legend(ax)


def _rate(ax, epochs, intervals):
    rows = intervals or epochs
    x, y = _xy(rows, "lr")
    shown = y > 0
    point = "." if shown.sum() == 1 else None
    ax.plot(x[shown], y[shown], marker=point, color=GREEN, drawstyle="steps-post")
    if shown.any():
        ax.set_yscale("log")
        low, high = y[shown].min(), y[shown].max()
        if high < 10 * low:  # so that the scale shows powers of ten
            ax.set_ylim(low / 10, high * 10)
    last = _last(rows, "lr")
    ax.set(ylabel="learning rate")
    ax.set_title("learning rate" + ("" if last is None else f": now {last:.3g}"))


def _speed(ax, epochs, intervals):
    rows = intervals or epochs
    x, y = _xy(rows, "images_per_s")
    ax.set(ylabel="images a second", title="speed")
    ax.plot(x, y, marker="." if len(x) == 1 else None, color=BLUE, linewidth=1.2)
    if not np.isfinite(y).any():
        return
    _from_zero(ax)
    _, waited = _xy(rows, "waited")
    share = np.nanmean(waited) if np.isfinite(waited).any() else None
    said = "" if share is None else f", {100 * share:.0f} % waiting for data"
    ax.set_title(f"{np.nanmedian(y):,.0f} images/s{said}")


def _mark(ax, level, text):
    """Draw a dotted line at ``level`` with its name above the right end."""
    ax.axhline(level, color=GREY, linestyle=":", linewidth=1.2)
    ax.annotate(
        text, (1, level), (0, 3), xycoords=("axes fraction", "data"),
        textcoords="offset points", ha="right", color=INK, fontsize=10,
    )  # fmt: skip


def _from_zero(ax):
    """Let the vertical axis begin at 0 and leave room above the curves."""
    tops = [
        np.nanmax(y) for line in ax.lines if np.isfinite(y := line.get_ydata()).any()
    ]
    if tops:
        ax.set_ylim(0, 1.1 * max(tops))


def _xy(rows, key: str, scale: float = 1.0):
    """Return epochs and values of ``key`` as float arrays; a gap is NaN."""
    x = [row.get("epoch", place + 1) for place, row in enumerate(rows)]
    y = [row.get(key) for row in rows]
    y = [np.nan if value is None else float(value) for value in y]
    return np.array(x, dtype=float), scale * np.array(y, dtype=float)


def _thin(ax, rows, key, colour, scale=1.0):
    x, y = _xy(rows, key, scale)
    ax.plot(x, y, color=colour, linewidth=0.8, alpha=0.45)


def _line(ax, rows, key, colour, marker, label, scale=1.0):
    x, y = _xy(rows, key, scale)
    if np.isfinite(y).any():
        small = marker if len(x) <= 30 else None  # more of them hide the line
        ax.plot(x, y, color=colour, marker=small, markersize=4, label=label)


def _legend(ax):
    if ax.get_legend_handles_labels()[0]:
        ax.legend(fontsize=10)


def _last(rows, key):
    return rows[-1].get(key) if rows else None


def _best(epochs):
    """Return (epoch, error) of the smallest validation error, or None."""
    x, y = _xy(epochs, "error")
    if not np.isfinite(y).any():
        return None
    place = int(np.nanargmin(y))
    return x[place], y[place]
