"""The drawings of notebook 03: what they show, and that they leave nothing open."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from cnnlab import plots
from cnnlab.plots.linear import short_loss

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    plt.close("all")
    yield
    plt.close("all")


def labelled(ax):
    return ax.get_xlabel() and ax.get_ylabel()


def test_template_pictures_have_weight_zero_in_the_middle():
    w = np.array([[0.0, 2.0, -2.0, 1.0], [0.0, 0.5, 0.25, -0.5]])
    pictures = plots.template_images(w, (1, 2, 2))
    assert pictures.shape == (2, 1, 2, 2) and pictures.dtype == np.uint8
    assert pictures[:, 0, 0, 0].tolist() == [128, 128]
    assert pictures[0].ravel().tolist() == [128, 255, 1, 192]
    assert pictures[1].ravel().tolist() == [128, 255, 192, 1]


def test_a_common_scale_keeps_small_templates_pale_and_cuts_off_large_ones():
    w = np.array([[1.0, -1.0], [4.0, -8.0]])
    pictures = plots.template_images(w, (1, 1, 2), largest=4.0)
    assert pictures.ravel().tolist() == [160, 96, 255, 1]


def test_templates_of_zeros_are_grey_and_raise_no_warning():
    with np.errstate(all="raise"):
        pictures = plots.template_images(np.zeros((2, 12)), (3, 2, 2))
        plots.template_images(np.zeros((2, 12)), (3, 2, 2), largest=0.0)
    assert (pictures == 128).all()


def test_templates_of_the_wrong_size_say_what_does_not_fit():
    with pytest.raises(ValueError, match="columns of w is 12 but pixels is 16"):
        plots.template_images(np.zeros((2, 12)), (1, 4, 4))


def test_templates_are_named_and_the_rest_of_the_grid_is_empty():
    pictures = plots.template_images(RNG.normal(size=(3, 4)), (1, 2, 2))
    figure = plots.templates(pictures, "abc", columns=2)
    assert [ax.get_title() for ax in figure.axes] == ["a", "b", "c", ""]


@pytest.mark.parametrize("channels", [1, 3])
def test_the_mosaic_is_a_png_of_the_right_size(channels):
    w = RNG.normal(size=(7, channels * 12))
    data = plots.template_mosaic(w, (channels, 3, 4), columns=5, scale=2)
    width, height = (int.from_bytes(data[a : a + 4], "big") for a in (16, 20))
    assert (width, height) == (2 * (5 * 4 + 4 * 2), 2 * (2 * 3 + 2))


def test_decisions_colour_each_point_by_the_largest_score():
    x = np.array([[-1.0, 0.0], [1.0, 0.0]])
    w, b = np.array([[-1.0, 0.0], [1.0, 0.0]]), np.zeros(2)
    _, ax = plt.subplots()
    plots.decisions(ax, x, np.array([0, 1]), w, b, "ab", features=("u", "v"))
    regions = ax.images[0].get_array()
    assert (regions[:, :60] == 0).all() and (regions[:, 60:] == 1).all()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("u", "v")


def test_the_line_of_a_row_is_where_its_score_is_zero():
    x = np.array([[-3.0, 2.0], [3.0, -2.0], [1.0, 1.0]])
    w, b = np.array([[1.0, 2.0], [-1.0, 0.5], [0.0, -1.0]]), np.array([0.5, 1.0, -1.0])
    _, ax = plt.subplots()
    plots.decisions(ax, x, np.arange(3), w, b, "abc")
    assert len(ax.lines) == 3
    for line, row, bias in zip(ax.lines, w, b, strict=True):
        np.testing.assert_allclose(line.get_xydata() @ row + bias, 0, atol=1e-9)


def test_a_row_of_zeros_has_no_line():
    _, ax = plt.subplots()
    x = RNG.normal(size=(4, 2))
    plots.decisions(ax, x, np.zeros(4, int), np.zeros((2, 2)), np.zeros(2), "ab")
    assert not ax.lines


def test_the_arrow_of_a_long_row_ends_inside_the_frame():
    figure, ax = plt.subplots()
    x, y = RNG.uniform(-2, 2, (9, 2)), np.arange(9) % 3
    w = np.array([[-5.0, 0.0], [3.0, -4.0], [0.6, 0.8]])
    plots.decisions(ax, x, y, w, np.zeros(3), "ABC")
    tips = [np.array(text.xy) for text in ax.texts]
    assert len(tips) == 3 and max(np.abs(tip).max() for tip in tips) < ax.get_xlim()[1]
    for tip, row in zip(tips, w, strict=True):
        assert np.allclose(tip / np.linalg.norm(tip), row / np.linalg.norm(row))
    assert np.allclose(tips[2], w[2])


def test_a_bar_that_fills_its_axis_still_shows_its_number():
    x, y = RNG.uniform(-2, 2, (9, 2)), np.arange(9) % 3
    numbers = {"hinge": 1.25, "softmax": 7.9, "R(W)": 75.0}
    board = plots.decision_board(x, y, np.eye(3, 2), np.zeros(3), "ABC", numbers)
    side = board.axes[1]
    assert [text.get_text() for text in side.texts] == ["1.250", "7.900", "75.000"]
    assert all(0 <= text.xy[0] <= side.get_xlim()[1] for text in side.texts)


def test_every_axis_is_labelled():
    _, axes = plt.subplots(1, 4)
    plots.loss_curves(axes[0], {"a": [3, 2, 1]}, (2.3, "start"))
    plots.loss_against_score(axes[1], np.arange(3), np.ones(3), np.ones(3))
    plots.rate_reg_map(axes[2], np.ones((2, 3)) / 2, (0.1, 1), (0, 1, 2))
    plots.gap_curve(axes[3], (0, 1), np.ones((2, 4)), np.ones((2, 4)))
    assert all(labelled(ax) for ax in axes)


def test_the_map_writes_percentages_and_marks_the_best():
    _, ax = plt.subplots()
    plots.rate_reg_map(ax, [[0.1, 0.25], [0.5, 0.4]], (1, 2), (3, 4))
    assert [text.get_text() for text in ax.texts] == ["10.0", "25.0", "50.0", "40.0"]
    assert [text.get_weight() for text in ax.texts].index("bold") == 2


def test_template_scores_writes_the_score_below_its_template():
    x, w = np.array([0.9, 0.1, 0.8, 0.2]), np.array([[1, -1, 1, -1], [1, 1, -1, -1]])
    figure = plots.template_scores(x, w, [0, 0.5], (2, 2), "ab")
    labels = [ax.get_xlabel() for ax in figure.axes]
    assert labels == ["", "score +1.4", "score +0.5"]


def test_a_small_softmax_loss_is_not_written_as_zero():
    assert short_loss(2.0404) == "2.040"
    assert short_loss(1.8e-6) == "2e-06"
    assert short_loss(0.0) == "0.000"
