"""Figures, widgets and records against odd input: one clear sentence each."""

import numpy as np
import pytest

from cnnlab import data, plots, widgets
from cnnlab.course import paths, records
from cnnlab.plots._base import require_pixels

plt = pytest.importorskip("matplotlib.pyplot")
IMAGES = np.arange(6 * 3 * 4 * 4, dtype=np.uint8).reshape(6, 3, 4, 4)
DIGITS = data.load("digits", "test").take(range(30))


@pytest.fixture(autouse=True)
def no_open_figures():
    yield
    plt.close("all")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: plots.image_grid(IMAGES[:0]), "the number of images"),
        (lambda: plots.image_grid(None), "the number of images"),
        (lambda: plots.image_grid(IMAGES, columns=0), "columns must be"),
        (lambda: plots.image_grid(IMAGES, ["a"]), "images is 6 but titles is 1"),
        (lambda: plots.to_pixels(IMAGES * np.nan), "NaN or infinity"),
        (lambda: plots.to_pixels(IMAGES[0] * 1j), "needs real numbers"),
        (lambda: plots.to_pixels(IMAGES[0, :, :0]), "an image has shape"),
        (lambda: plots.mosaic_png(IMAGES, columns=0), "columns must be"),
        (lambda: plots.mosaic_png(IMAGES, scale=0.5), "scale must be"),
        (lambda: plots.coarse_picture(IMAGES[0] / 255, 4, 4, True), "uint8 pixels"),
        (lambda: plots.coarse_picture(IMAGES[0], 4, 1, True), "from 2 to 256"),
        (lambda: plots.coarse_picture(IMAGES[0, 0], 4, 4, True), "3 axes"),
        (lambda: plots.pixel_picture(IMAGES[0, 0], 4, 0), "row must be"),
        (lambda: plots.pixel_picture(IMAGES[0], 0, 0), "2 axes"),
        (lambda: plots.before_after(IMAGES[0], IMAGES[0, :, :2], ""), "needs shape"),
        (lambda: plots.before_after(IMAGES[0] / 1, IMAGES[0], ""), "uint8 pixels"),
        (lambda: require_pixels([[1], [2, 3]], "H, W", "f"), "rows of equal length"),
        (lambda: widgets.render_neighbours(DIGITS, DIGITS, image=30), "image must be"),
        (lambda: widgets.render_neighbours(DIGITS, DIGITS, k=99), "from 1 to 15"),
        (lambda: widgets.render_neighbours(DIGITS, DIGITS, metric="l3"), "'l1' or"),
        (lambda: records.read("../secret"), "a name has letters"),
        (lambda: records.read(None), "a name has letters"),
    ],
)
def test_what_cannot_be_drawn_or_read_is_refused_in_one_sentence(call, said):
    with pytest.raises((ValueError, TypeError)) as caught:
        call()
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_a_record_cut_off_names_the_file_and_the_cure(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "results_dir", lambda: tmp_path)
    (tmp_path / "speed.json").write_text('{"seconds": [1, 2')
    with pytest.raises(ValueError, match=r"speed\.json is cut off.*benchmarks/"):
        records.read("speed")
    assert paths.results_dir() != tmp_path
