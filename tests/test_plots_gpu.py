"""The drawings and widgets of notebook 13."""

import statistics
import time

import numpy as np
import pytest
from _figures import no_figure_stays_open  # noqa: F401

from cnnlab import plots, recipe, widgets
from cnnlab.course import records


@pytest.fixture(scope="module")
def step():
    return recipe.step_from(records.read("gpu_step"))


def test_the_board_says_where_the_time_goes(step):
    said = plots.step_board(step, 128).alt
    assert "10,289 images a second" in said and "conv4, 21%" in said
    assert "fc6" in said and "fc6" not in plots.step_board(step, 512).alt


def test_every_control_of_the_step_changes_the_picture(step):
    slow = recipe.Step(step.parts, 64, step.machine)
    board = widgets.step_explorer({"a": step, "b": slow})
    for name, value in (("images", 1), ("step", "b")):
        before = board.image.value, board.text.value
        board.controls[name].value = value
        assert board.image.value != before[0] and board.text.value != before[1]
        assert board.status.value == ""


def test_the_calculator_multiplies_and_divides():
    board = widgets.cost_calculator({"slow": 100.0, "fast": 10_000.0}, 10_000, 10)
    assert "slow (100 images a second): 17 minutes" in board.text.value
    for name, value, word in (
        ("epochs", 20, "33 minutes"), ("thousands", 20, "67 minutes"),
        ("share", 2, "33 minutes"),
    ):  # fmt: skip
        before = board.image.value
        board.controls[name].value = value
        assert board.image.value != before and word in board.text.value


def test_a_control_is_answered_in_a_twentieth_of_a_second(step):
    board, times = widgets.step_explorer({"a": step}), []
    for n in range(9):
        start = time.process_time()
        board.controls["images"].value = 3 + n
        times.append(time.process_time() - start)
    assert statistics.median(times) < 0.05


def test_filters_are_stretched_about_grey():
    filters = np.zeros((2, 3, 5, 5))
    filters[0] = 0.5
    filters[1, 0] = -2.0
    assert plots.filter_sheet(filters).alt.startswith("2 filters of 5 × 5 pixels; 1 of")
    with pytest.raises(ValueError, match="needs shape"):
        plots.filter_sheet(filters[:, :1])


def test_the_curve_says_when_the_rate_falls():
    figure = plots.rate_and_error([0.5, 0.4, 0.4], [0.1, 0.1, 0.01], "T", "epoch")
    assert "50%, 40%, 40%" in figure.alternative
    assert "falls before epoch 3" in figure.alternative
