"""The drawings of notebook 07: what they show, and that they leave nothing open."""

import io

import numpy as np
import pytest
from _figures import no_figure_stays_open  # noqa: F401
from PIL import Image

from cnnlab import kernels, ops, plots, widgets
from cnnlab.plots.conv import _short, _signed


def board(x, w, step, **settings):
    out = ops.conv2d(x[None], w[None], **settings)[0, 0]
    return plots.conv_board(x, w, out, step, **settings)


def test_the_board_tells_place_sum_and_what_is_uncovered():
    x, w = kernels.LECTURE[None], kernels.VERTICAL[None]
    told = board(x, w, 1).alt
    assert "Place 2 of 16: row 0, column 1." in told and "9 products: −17" in told
    assert "crossed out" not in told
    assert "11 pixels, crossed out" in board(x, w, 0, stride=2).alt
    colour = np.stack([kernels.LECTURE] * 3), np.stack([kernels.VERTICAL] * 3)
    assert "channels: 2 + 2 + 2 = 6" in board(*colour, 0).alt


def test_every_step_and_setting_draws_another_picture():
    x, w = kernels.LECTURE[None], kernels.VERTICAL[None]
    drawn = {board(x, w, step).data for step in range(16)}
    drawn |= {board(x, w, 0, **{name: 2}).data
              for name in ("stride", "padding", "dilation")}  # fmt: skip
    assert len(drawn) == 19


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [((3, 7, 3, 2, 1), 0), ((3, 8, 3, 2, 1), 1), ((2, 5, 2, 3, 1), 1),
     ((2, 5, 3, 1, 2), 2), ((3, 9, 2, 3, 1), 3), ((1, 5, 2, 4, 1), 3)],
)  # fmt: skip
def test_uncovered_is_what_no_window_touches(settings, wanted):
    k, n, places, stride, dilation = settings
    touched = {stride * i + dilation * a for i in range(places) for a in range(k)}
    missed = plots.uncovered((n, 1), (k, 1), (places, 1), stride, dilation)
    assert missed.shape == (n, 1)
    assert set(np.flatnonzero(~missed[:, 0])) == touched & set(range(n))


def test_boards_fit_and_can_be_read_at_480_pixels():
    for picture in (
        widgets.convolved("coffee, colour", 48),
        widgets.convolved("coffee, grey", 12, "1 2 3 4 5 / " * 4 + "1 2 3 4 5"),
        widgets.convolved("6 × 6, lecture", 6, "1 -1", 2, 3, 3),
    ):
        image = Image.open(io.BytesIO(picture.data))
        assert image.width == 560 and image.height < 560
        assert float(image.text["Text"]) * 364 / 560 >= 9


def test_signs_have_colours_and_zero_is_white():
    blue, white, red = _signed([1.0, 0.0, -1.0])
    assert white.tolist() == [255, 255, 255]
    assert blue[2] > blue[0] and red[0] > red[2]


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.0, "0"), (-0.0, "0"), (-17.0, "−17"), (0.111, ".11"), (-0.5, "−.5"),
     (765.4, "765"), (-1020.0, "−1020"), (2.345, "2.35"), (1.0, "1")],
)  # fmt: skip
def test_numbers_fit_their_cells(number, text):
    assert _short(number) == text


def test_figures_say_what_they_show():
    errors = {kind: [[0.0, 0.5], [0.0, 0.7]] for kind in ("fully", "locally")}
    errors["shared"] = [[0.0, 0.0], [0.0, 0.0]]
    figure = plots.shift_errors([0, 4], errors, "T")
    assert "T. Error at shifts of 0, 4 pixels: fully connected: 0%, 60%" in (
        figure.alternative
    )
    figure = plots.shift_errors([0, 4], errors)
    assert figure.axes[0].get_title() == "Right at every shift: convolution"
    assert figure.axes[0].get_xlabel() and figure.axes[0].get_ylabel()
    truth = np.eye(4) - 0.5
    figure = plots.edge_maps(np.eye(6), truth, {"shared": truth, "fully": 0 * truth})
    assert "convolution 0%, fully connected 100%" in figure.alternative
    figure = plots.learned_kernels(
        [(1, truth), (9, truth + 0.25)], [2.0, 0.5], truth, "T"
    )
    assert "from 2 to 0.5" in figure.alternative and "0.25" in figure.alternative
    assert "48 weights" in plots.three_ways("T").alternative
    upright, lying = kernels.bricks()
    assert "7 squares" in plots.brick_squares(upright[:7], lying[:7]).alternative
