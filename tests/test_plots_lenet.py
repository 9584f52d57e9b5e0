"""The drawings of notebook 10: what they show, and that they leave nothing open."""

import io

import numpy as np
import pytest
from _figures import no_figure_stays_open  # noqa: F401
from PIL import Image

from cnnlab import lenet, plots, widgets
from cnnlab.plots.lenet import SIGNS, _tiles


def test_the_table_counts_the_pairs():
    figure = plots.sees_table([(0, 1), (1, 2), (0, 1, 2)], title="T")
    assert "7 of 9 pairs" in figure.alternative and "2, 2, 3" in figure.alternative
    assert figure.axes[0].get_xlabel() and figure.axes[0].get_title() == "T"


def test_errors_are_dots_one_a_seed():
    figure = plots.error_dots({"a": [3, 5], "b": [1, 2]}, "T", "wrong")
    assert [len(line.get_xdata()) for line in figure.axes[0].lines[::2]] == [2, 2]
    assert "a 3, 5, mean 4.0" in figure.alternative


def test_tiles_are_white_at_zero_and_coloured_by_sign():
    sheet = _tiles(np.array([[[0.0, 1.0]], [[-1.0, 5.0]]]), 1, 2)
    assert sheet.shape == (6, 4, 3)
    assert (sheet[0, 0] > 240).all()
    assert (sheet[0, 2] == SIGNS[255]).all() and (sheet[4, 0] == SIGNS[0]).all()
    assert (sheet[4, 2] == SIGNS[255]).all()  # beyond the largest


def test_the_board_says_what_is_read():
    reader = lenet.stored()
    picture = widgets.read_drawing(reader, widgets.drawn("3"), towards=8)
    assert picture.alt.startswith("Sized and centred. Read as 3 (100%)")
    assert "Ink speaks most for 8 at the" in picture.alt
    assert Image.open(io.BytesIO(picture.data)).size == (560, 416)
    blank = widgets.read_drawing(reader, np.zeros((56, 56), np.uint8))
    assert "The sheet is blank. Read as" in blank.alt


@pytest.mark.parametrize("digit", list(widgets.lenet.STROKES))
def test_every_digit_of_the_board_is_read(digit):
    image = lenet.prepared(widgets.drawn(digit))
    assert lenet.stored().chances(image[None])[0].argmax() == int(digit)
