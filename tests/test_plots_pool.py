"""The drawings of notebook 08: what they show, and that they leave nothing open."""

import io

import numpy as np
from _figures import no_figure_stays_open  # noqa: F401
from PIL import Image

from cnnlab import plots
from cnnlab.plots.pool import PHOTO, WIDTH

PICTURE = np.random.default_rng(0).integers(0, 256, (3, 32, 32), dtype=np.uint8)


def test_a_map_and_its_poolings_are_written_in_numbers():
    x = np.arange(16.0).reshape(4, 4)
    figure = plots.pooled_numbers(x, {"max": np.array([[5, 7], [13, 15]])}, 2, 2)
    texts = [text.get_text() for ax in figure.axes for text in ax.texts]
    assert len(texts) == 20 and "max: 5, 7, 13, 15" in figure.alternative
    assert len(figure.axes[0].patches) == 4  # one window each


def test_the_steps_of_a_map_have_their_sizes():
    net = np.linspace(-1, 1, 64).reshape(8, 8)
    figure = plots.map_steps(np.zeros((10, 10)), net, net.clip(0), net[::2, ::2], "T")
    assert [ax.get_xlabel() for ax in figure.axes] == [
        "10 × 10",
        "8 × 8",
        "8 × 8",
        "4 × 4",
    ]
    assert "the 50 % of it below 0" in figure.alternative


def test_shift_curves_are_means_with_their_range():
    curves = {"none": [[0.9, 0.5], [1.0, 0.3]], "something else": [[0.8, 0.2]]}
    figure = plots.shift_curves(curves, "T")
    ax = figure.axes[0]
    assert ax.get_xlabel() and ax.get_ylabel() and ax.get_title() == "T"
    assert np.allclose(ax.lines[0].get_ydata(), [95, 40])
    assert len(ax.collections) == 2
    assert "none 95, 40; something else 80, 20" in figure.alternative
    assert not plots.shift_curves(curves, "T", band=False).axes[0].collections


def test_effective_fields_show_the_middle_quarter():
    figure = plots.effective_fields([np.ones((8, 8))], ["a"], [0.25], "T")
    [box] = figure.axes[0].patches
    assert box.get_width() == 4 and box.get_xy() == (1.5, 1.5)
    assert "25% in the middle quarter" in figure.alternative


def test_the_board_outlines_the_field_and_enlarges_it():
    alone = plots.field_board(PICTURE, (4, 8, 6), None, None, "said")
    both = plots.field_board(PICTURE, (4, 8, 6), (4, 10), np.eye(6), "said")
    assert alone.alt == "said" and alone.data != both.data
    sheet = Image.open(io.BytesIO(both.data))
    assert sheet.size == (WIDTH, PHOTO) and sheet.text["Text"] == "15.00"
    at = 4 * PHOTO // 32 + 1, 8 * PHOTO // 32 + 30
    assert sheet.getpixel(at[::-1]) == (230, 159, 0)  # orange
