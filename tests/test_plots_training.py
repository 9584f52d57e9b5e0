"""Learning curves: what they show, in full and half-empty logs, still and live."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from cnnlab import plots
from cnnlab.plots import training


@pytest.fixture(autouse=True)
def no_figure_left_open():
    plt.close("all")
    plots.style()  # titles on the left
    yield
    assert plt.get_fignums() == []


def epoch_rows(count: int = 4) -> list[dict]:
    return [
        {
            "step": 10 * e, "epoch": e, "train_loss": 2 / e, "train_error": 0.8 / e,
            "loss": 2.2 / e, "error": 0.9 / e if e != 4 else 0.5, "error5": 0.3 / e,
            "lr": 0.01,
        }
        for e in range(1, count + 1)
    ]  # fmt: skip


def interval_rows(count: int = 20) -> list[dict]:
    return [
        {
            "step": 2 * i, "epoch": i / 5, "loss": 10 / (i + 4), "error": 4 / (i + 4),
            "lr": 0.01 if i < 15 else 0.001, "images_per_s": 1000 + i, "waited": 0.25,
        }
        for i in range(1, count + 1)
    ]  # fmt: skip


def drawn(*arguments, **options):
    figure = plots.learning_curves(*arguments, **options)
    figure.canvas.draw()
    plt.close(figure)
    return figure


def line(ax, label) -> np.ndarray:
    (found,) = (one for one in ax.lines if one.get_label() == label)
    return found.get_xydata()


# ------------------------------------------------------------------------ the curves


def test_the_curves_hold_the_numbers_of_the_log():
    loss, error, _, _ = drawn(epoch_rows(), interval_rows()).axes
    assert line(loss, "training").tolist() == [[e, 2 / e] for e in (1, 2, 3, 4)]
    assert line(loss, "validation").tolist() == [[e, 2.2 / e] for e in (1, 2, 3, 4)]
    assert line(error, "validation")[:, 1] == pytest.approx([90, 45, 30, 50])
    assert line(error, "validation, top-5")[:, 1] == pytest.approx([30, 15, 10, 7.5])
    thin = loss.lines[0].get_xydata()
    assert thin.tolist() == [[i / 5, 10 / (i + 4)] for i in range(1, 21)]


def test_titles_state_what_the_curves_show():
    figure = drawn(epoch_rows(), interval_rows(), title="A run")
    assert [ax.get_title(loc="left") for ax in figure.axes] == [
        "loss: training 0.5, validation 0.55",
        "error: best 30.0 % after epoch 3",
        "learning rate: now 0.001",
        "1,010 images/s, 25 % waiting for data",
    ]
    assert figure.get_suptitle() == "A run"


def test_every_axis_is_labelled_with_its_unit():
    figure = drawn(epoch_rows(), interval_rows())
    labels = [ax.get_ylabel() for ax in figure.axes]
    assert labels == [
        "cross-entropy loss", "top-1 error in %", "learning rate", "images a second",
    ]  # fmt: skip
    assert [ax.get_xlabel() for ax in figure.axes[2:]] == ["epoch", "epoch"]


def test_chance_is_marked_when_the_number_of_classes_is_known():
    loss, error, _, _ = drawn(epoch_rows(), num_classes=1000).axes
    assert [text.get_text() for text in loss.texts] == ["chance: ln 1000 = 6.91"]
    assert [text.get_text() for text in error.texts] == ["chance: 99.9 %"]
    assert loss.lines[-1].get_ydata()[0] == pytest.approx(np.log(1000))


def test_error_and_speed_begin_at_zero_and_no_curve_touches_the_frame():
    _, error, rate, speed = drawn(epoch_rows(), interval_rows()).axes
    for ax in (error, speed):
        low, high = ax.get_ylim()
        assert low == 0 and high > max(one.get_ydata().max() for one in ax.lines)
    assert rate.get_yscale() == "log" and rate.get_ylim()[0] < 0.001


def test_a_constant_rate_has_powers_of_ten_around_it():
    rate = drawn(epoch_rows()).axes[2]
    assert rate.get_ylim() == pytest.approx((0.001, 0.1))


@pytest.mark.parametrize(
    ("epochs", "intervals", "empty"),
    [
        ([], [], 4),
        ([], interval_rows(3), 0),
        (epoch_rows(1), [], 1),
        ([{"step": 1, "loss": None, "error": None, "lr": 0.0}], [], 4),
        ([{"step": 1}], [{"step": 1}], 4),
        (epoch_rows(2), [{"step": 1, "images_per_s": None, "loss": float("nan")}], 2),
    ],
)
def test_half_empty_logs_say_what_is_not_there(epochs, intervals, empty, recwarn):
    figure = drawn(epochs, intervals, num_classes=None)
    texts = [text.get_text() for ax in figure.axes for text in ax.texts]
    assert texts.count("not logged") == empty
    assert not [str(one.message) for one in recwarn]


def test_the_rows_are_left_alone():
    epochs, intervals = epoch_rows(), interval_rows()
    drawn(epochs, intervals)
    assert epochs == epoch_rows() and intervals == interval_rows()


def test_the_sentence_beside_the_picture_says_the_numbers():
    said = plots.learning_sentence(epoch_rows(), interval_rows())
    assert said == (
        "After epoch 4: training loss 0.5, validation loss 0.55, validation error "
        "50.0 %, best 30.0 % after epoch 3."
    )
    early = plots.learning_sentence([], interval_rows(1))
    assert early == "In the first epoch: training loss 2."
    assert plots.learning_sentence([]) == "In the first epoch: no loss yet."
    assert plots.learning_sentence([{"step": 3}]) == "After epoch 1: no numbers yet."


# ------------------------------------------------------------------------------ live


class Place:
    """Stands for the output cell of a notebook."""

    def __init__(self, monkeypatch):
        self.pictures = []
        monkeypatch.setattr("IPython.get_ipython", lambda: Shell())
        monkeypatch.setattr("IPython.display.display", self.display)

    def display(self, picture, display_id):
        assert display_id is True
        self.pictures.append(picture)
        return self

    def update(self, picture):
        self.pictures.append(picture)


class Shell:
    kernel = object()


@pytest.fixture
def place(monkeypatch):
    return Place(monkeypatch)


def test_live_curves_redraw_in_one_place_after_every_epoch(place):
    live = plots.LiveCurves(num_classes=10)
    for row in epoch_rows(3):
        live.epoch(row)
    assert len(place.pictures) == 3
    assert all(one.data.startswith(b"\x89PNG") for one in place.pictures)
    assert len({one.data for one in place.pictures}) == 3
    assert [repr(one)[:14] for one in place.pictures] == [
        f"After epoch {e}:" for e in (1, 2, 3)
    ]


def test_all_rows_at_once_draw_the_same_as_row_by_row(place):
    one, other = plots.LiveCurves(), plots.LiveCurves(intervals=interval_rows())
    for row in interval_rows():
        one.interval(row)
    one.epoch(epoch_rows()[0])
    other.update(epoch_rows()[:1])
    assert place.pictures[-1].data == place.pictures[-2].data
    other.update(epoch_rows()[:1], interval_rows(3))
    assert place.pictures[-1].data != place.pictures[-2].data


def test_intervals_redraw_only_as_often_as_five_per_cent_of_the_time(
    place, monkeypatch
):
    clock = [100.0]
    monkeypatch.setattr(training.time, "monotonic", lambda: clock[0])
    live = plots.LiveCurves()

    def slow_picture():
        clock[0] += 0.5  # seconds a drawing
        return plots.Picture(b"", "curves")

    monkeypatch.setattr(live, "picture", slow_picture)
    start, times = clock[0], []
    for row in interval_rows(20) * 10:
        clock[0] += 1.0
        before = len(place.pictures)
        live.interval(row)
        if len(place.pictures) > before:
            times.append(clock[0])
    assert 0.03 < 0.5 * len(times) / (clock[0] - start) < 0.06
    assert len(live.intervals) == 200


def test_outside_a_notebook_nothing_is_drawn(monkeypatch, capsys):
    monkeypatch.setattr("IPython.get_ipython", lambda: None)
    live = plots.LiveCurves()
    monkeypatch.setattr(live, "picture", lambda: pytest.fail("drawn"))
    for row in epoch_rows():
        live.epoch(row)
        live.interval(row)
    assert capsys.readouterr() == ("", "") and len(live.epochs) == 4


@pytest.mark.slow
def test_a_kernel_shows_one_picture_that_holds_the_last_epoch():
    nbformat = pytest.importorskip("nbformat")
    from nbclient import NotebookClient

    book = nbformat.v4.new_notebook()
    book.cells = [
        nbformat.v4.new_code_cell(
            "from cnnlab import plots\n"
            "live = plots.LiveCurves()\n"
            "for e in (1, 2, 3):\n"
            "    live.epoch({'step': e, 'epoch': e, 'loss': 1 / e, 'error': 0.5 / e})"
        )
    ]
    NotebookClient(book, timeout=120).execute()
    (output,) = book.cells[0].outputs
    assert output["output_type"] == "display_data" and "image/png" in output["data"]
    assert output["data"]["text/plain"].startswith("After epoch 3:")
    assert output["metadata"]["image/png"]["alt"].startswith("After epoch 3:")
