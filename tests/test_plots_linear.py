"""The drawings of notebook 03: what they show, and that they leave nothing open."""

import io

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from _figures import no_figure_stays_open  # noqa: F401
from PIL import Image

from cnnlab import plots
from cnnlab.plots.linear import CLASS_COLOURS, LOSS_COLOURS, short_loss

RNG = np.random.default_rng(0)


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
    w = RNG.normal(size=(3, 4))
    figure = plots.templates(w, (1, 2, 2), "abc", columns=2)
    *grid, bar = figure.axes
    assert [ax.get_title() for ax in grid] == ["a", "b", "c", ""]
    assert not any(ax.axison for ax in grid)
    labels = [text.get_text() for text in bar.get_xticklabels()]
    assert labels == ["wants dark: −largest", "0", "wants light: +largest"]


@pytest.mark.parametrize("channels", [1, 3])
def test_templates_say_what_they_show(channels):
    w = np.zeros((2, 4 * channels))
    w[1, 0] = -2.5
    text = plots.templates(w, (channels, 2, 2), "ab", "Two of them").alternative
    assert text.startswith(
        "Two of them: 2 templates as pictures of 2 × 2 pixels (a; b)"
    )
    assert text.endswith("The largest weight, 2.5, is in 'b'.")
    assert ("purple" in text) == (channels == 1)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_board_shows_each_template_in_its_place_above_the_scale(channels):
    w = RNG.uniform(-1, 1, (7, channels * 12))
    w[5, :] = 2.0  # the largest of all: bright everywhere
    sheet = Image.open(io.BytesIO(plots.template_board(w, (channels, 3, 4), "abcdefg")))
    assert sheet.width == 560
    wide, high = 112, 26 + 24 * 3
    middle = np.array(sheet.convert("RGB"))[high + 26 + 36, wide // 2]  # of the sixth
    purple = np.array(mpl.colormaps["PuOr"](254)[:3]) * 255
    wanted = purple if channels == 1 else (255, 255, 255)
    np.testing.assert_allclose(middle, wanted, atol=3)


def test_a_board_of_zeros_is_grey_and_has_no_ends_of_a_scale():
    with np.errstate(all="raise"):
        data = plots.template_board(np.zeros((2, 12)), (3, 2, 2), "ab")
    assert np.array(Image.open(io.BytesIO(data)).convert("RGB"))[60, 56].tolist() == [
        128, 128, 128,
    ]  # fmt: skip


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


def test_the_board_of_a_slider_has_both_labels_and_all_classes():
    x, y = RNG.uniform(-2, 2, (9, 2)), np.arange(9) % 3
    board = plots.decision_board(x, y, np.eye(3, 2), np.zeros(3), "ABC", ("u", "v"))
    [ax], [legend] = board.axes, board.legends
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("u", "v")
    assert [text.get_text() for text in legend.get_texts()] == ["A", "B", "C"]


def test_a_pair_of_boards_counts_the_points_in_their_own_region():
    x, y = np.array([[1.0, 0], [-1, 0], [2, 1], [-2, 1]]), np.array([0, 1, 0, 1])
    w, b = np.array([[1.0, 0], [-1, 0]]), np.zeros(2)
    good, bad = (x, y, w, b, "$x_2$"), (x, [0, 1, 1, 1], w, b, "$x_1 x_2$")
    figure = plots.decision_pair(good, (bad[0], np.array(bad[1]), *bad[2:]), "AB")
    titles = [ax.get_title(loc="left") or ax.get_title() for ax in figure.axes]
    assert titles == ["with $x_2$: 100% right", "with $x_1 x_2$: 75% right"]
    assert "with x_1 x_2 as second number 75% of 4 points" in figure.alternative
    assert all(labelled(ax) for ax in figure.axes)


def test_one_meaning_a_colour_losses_and_classes_share_none():
    assert not set(LOSS_COLOURS.values()) & set(CLASS_COLOURS)
    assert len(set(CLASS_COLOURS)) == 3


def test_the_bars_are_drawn_in_the_colour_of_their_loss():
    s, p = np.array([3.2, 5.1, -1.7]), np.array([0.13, 0.869, 0.001])
    data = plots.score_bars(s, s - 3.2 + 1, p, 0, 2.9, 2.04, ("cat", "car", "frog"))
    sheet = np.array(Image.open(io.BytesIO(data)).convert("RGB"))
    third = len(sheet) // 3
    for part, loss in ((1, "hinge"), (2, "softmax")):
        colour = np.array(mpl.colors.to_rgb(LOSS_COLOURS[loss])) * 255
        found = np.abs(sheet - colour.round()).max(axis=2) < 2
        assert found[part * third : (part + 1) * third].sum() > 300
        assert not found[:third].any()


def figures():
    w, b = RNG.normal(size=(4, 12)), np.zeros(3)
    x, y = RNG.uniform(-2, 2, (9, 2)), np.arange(9) % 3
    half = (x, y, np.eye(3, 2), b, "$x_2$")
    return {
        "templates": plots.templates(w, (3, 2, 2), "abcd", columns=4),
        "two templates": plots.templates(w[:2], (3, 2, 2), "ab"),
        "scores": plots.template_scores(w[0, :4], w[:3, :4], b, (2, 2), "abc"),
        "pair": plots.decision_pair(half, half, "ABC"),
        "board": plots.decision_board(*half[:4], "ABC"),
    }


def test_every_figure_can_be_read_in_a_window_of_480_pixels(monkeypatch):
    monkeypatch.setenv("CNNLAB_STRICT", "1")
    plots.style()
    for name, figure in figures().items():
        assert figure.get_figwidth() <= 5.61, name
        assert plots.png(figure)


def test_template_scores_writes_the_score_below_its_template():
    x, w = np.array([0.9, 0.1, 0.8, 0.2]), np.array([[1, -1, 1, -1], [1, 1, -1, -1]])
    figure = plots.template_scores(x, w, [0, 0.5], (2, 2), "ab")
    labels = [ax.get_xlabel() for ax in figure.axes]
    assert labels == ["", "bias 0\nscore +1.4", "bias 0.5\nscore +0.5"]
    assert figure.alternative.endswith("their scores: a +1.4, b +0.5.")


def test_a_small_softmax_loss_is_not_written_as_zero():
    assert short_loss(2.0404) == "2.040"
    assert short_loss(1.8e-6) == "2e-06"
    assert short_loss(0.0) == "0.000"
