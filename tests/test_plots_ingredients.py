"""The drawings and widgets of notebook 12."""

import math
import statistics
import time

import numpy as np
import pytest
from _figures import no_figure_stays_open  # noqa: F401

from cnnlab import ingredients, plots, widgets

RNG = np.random.default_rng(12)
STEPS = [ingredients.Worth("a row", [45.0, 46.0], 5.5, "worse")]


def test_the_ladder_says_every_difference_and_the_noise():
    said = plots.ladder_dots(STEPS, [40.0, 40.0], 1.5, "T").alternative
    assert "a row +5.5 points, worse" in said and "grey: 1.5 points" in said
    failed = [*STEPS, ingredients.Worth("failed", [90.0, 90.0], 50.0, "worse")]
    figure = plots.ladder_dots(failed, [40.0, 40.0], 1.5, "T")
    assert figure.axes[0].get_xlim()[1] < 60 and "failed +50.0" in figure.alternative
    assert "no band" in plots.ladder_dots(STEPS, [40.0], math.inf, "T").alternative
    assert "40.0 % wrong" in plots.ladder_dots([], [40.0], math.inf, "T").alternative


def test_the_race_says_who_arrives():
    arms = {("then", "ReLU"): [0.5, 0.2], ("then", "tanh"): [0.5, 0.4]}
    said = plots.race_lines(arms, 0.25).alternative
    assert "ReLU: 2 passes" in said and "tanh: not in 2 passes" in said


def test_two_rows_say_all_errors():
    said = plots.two_rows({"a": [0.4], "b": [0.2]}, {"a": [0.1], "b": [0.0]}, "T")
    assert "b: held out 20%, training 0%" in said.alternative


@pytest.fixture
def crops():
    photo = RNG.integers(0, 256, (3, 40, 40)).astype(np.uint8)
    pair = np.array([900.0, 100.0, 25.0]), np.eye(3)
    return widgets.crop_explorer({"a": photo, "b": 255 - photo}, *pair, 32)


def rows(scale):
    return [(name, scale ** (n + 1)) for n, name in enumerate(("conv1", "fc8"))]


@pytest.fixture
def signals():
    curves = {1.0: (rows(1.0), [2.3, 1.0]), 0.1: (rows(0.1), [2.3, 2.3]),
              9.0: (rows(9.0), [80.0, math.nan])}  # fmt: skip
    return widgets.signal_explorer(curves, math.log(10))


@pytest.fixture
def maps():
    values = np.maximum(RNG.normal(0, 5, (2, 24, 20, 20)), 0)
    return widgets.lrn_explorer({"a": values[0], "b": values[1]}, tower=12)


@pytest.mark.parametrize(
    ("board", "values"),
    [
        ("crops", {"photo": "b", "top": 0, "left": 8, "mirrored": True, "first": 0.5,
                   "second": 0.5, "third": 1.0}),
        ("signals", {"size": 0.1}),
        ("maps", {"photo": "b", "alpha": 1.0, "k": 2.0, "n": 1, "row": 3, "column": 4}),
    ],
)  # fmt: skip
def test_every_control_changes_picture_and_sentence(request, board, values):
    board = request.getfixturevalue(board)
    for name, value in values.items():
        before = board.image.value, board.text.value
        board.controls[name].value = value
        assert board.status.value == "" and board.image.value != before[0], name
        assert name in ("photo", "n") or board.text.value != before[1], name


def test_the_crop_machine_says_the_shift_in_grey_levels(crops):
    crops.controls["first"].value = 0.5  # of sqrt(900) grey levels of red
    assert "red +15, green +0, blue +0" in crops.text.value


def test_a_direction_that_points_to_dark_is_turned():
    photo = np.full((3, 8, 8), 100, np.uint8)
    pair = np.array([400.0, 100.0, 25.0]), -np.eye(3)
    board = widgets.crop_explorer({"a": photo}, *pair, 4)
    board.controls["first"].value = 1.0
    assert "red +20" in board.text.value


def test_the_meter_says_what_became_of_the_loss(signals):
    signals.controls["size"].value = 0.1
    assert "no better than chance" in signals.text.value
    signals.controls["size"].value = 9.0
    assert "no longer a number" in signals.text.value


def test_maps_compete_within_their_tower_only():
    x = np.zeros((4, 1, 1))
    x[1:3] = 100.0
    whole = widgets.lrn_explorer({"a": x})
    apart = widgets.lrn_explorer({"a": x}, tower=2)
    assert whole.text.value != apart.text.value


def test_a_learners_normalisation_is_used():
    x = np.ones((2, 1, 1))
    board = widgets.lrn_explorer({"a": x}, lambda x, k, n, alpha: x * 0.25)
    assert "multiplied by 0.25 to 0.25" in board.text.value


@pytest.mark.parametrize(
    ("board", "name", "values"),
    [("crops", "top", range(7)), ("maps", "row", range(7)),
     ("signals", "size", [0.1, 9.0, 1.0, 0.1, 9.0])],
)  # fmt: skip
def test_a_control_is_answered_in_a_twentieth_of_a_second(request, board, name, values):
    board, times = request.getfixturevalue(board), []
    for value in values:
        start = time.process_time()
        board.controls[name].value = value
        times.append(time.process_time() - start)
    assert statistics.median(times) < 0.05
