"""The pictures of notebook 01: labelled, closed after use, sized as promised."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from cnnlab import challenges, plots, scenes


@pytest.fixture(autouse=True)
def no_open_figures():
    yield
    plt.close("all")


def test_numbers_under_writes_every_number_of_the_window():
    photo = np.arange(3 * 20 * 30, dtype=np.uint16).reshape(3, 20, 30).astype(np.uint8)
    figure = plots.numbers_under(photo, top=4, left=7, side=5)
    written = [text.get_text() for text in figure.axes[1].texts]
    assert written == [str(v) for v in photo[0, 4:9, 7:12].ravel()]
    assert figure.axes[1].get_xlabel() == "column"


def test_board_names_its_rows_and_columns():
    images, _ = scenes.generate(6, 1, 0)
    figure = plots.board([images[:3], images[3:]], "ab", "xyz")
    assert [ax.get_title(loc="center") for ax in figure.axes[:3]] == list("xyz")
    assert figure.axes[3].get_ylabel() == "b"


def test_severity_curves_draw_a_labelled_panel_for_each_dial_and_a_legend():
    rule = {dial: [1, 0.6] for dial in scenes.DIALS}
    runs = {dial: [[1, 0.8], [1, 0.9]] for dial in scenes.DIALS}
    figure = plots.severity_curves((0, 1), rule, {"network": runs}, "title")
    assert [ax.get_title(loc="left") for ax in figure.axes[:6]] == list(scenes.DIALS)
    assert figure.axes[0].get_ylabel() == "accuracy, %"
    assert figure.axes[4].get_xlabel() == "severity"
    assert np.allclose(figure.axes[0].lines[2].get_ydata(), [100, 85])
    assert figure.axes[6].get_legend() is not None


def test_contest_shows_a_bar_for_each_winner_and_stars_what_is_not_given():
    figure = plots.contest(challenges.WINNERS, challenges.OTHERS)
    (ax,) = figure.axes
    heights = [bar.get_height() for bar in ax.patches]
    assert heights == [entry.top5 for entry in challenges.WINNERS]
    texts = {text.get_text() for text in ax.texts}
    assert {"15.3", "3.57*", "26.2 second place"} <= texts
    assert ax.get_ylabel() == "top-5 error, %"


def test_rule_steps_and_distances_have_titles_and_labels():
    cat = scenes.draw("cat", 3)
    mask = challenges.silhouette(cat)
    figure = plots.rule_steps(
        cat, challenges.luminance(cat), mask, challenges.tips(mask), "From"
    )
    assert len(figure.axes) == 4
    bars = plots.distances_bar(["cat, other lamp", "star"], [66.0, 46.0], "title")
    assert bars.axes[0].get_xlabel().startswith("mean change")


def test_before_after_puts_three_pictures_side_by_side():
    image = scenes.draw("cup", 1)
    picture = plots.before_after(image, image, "nothing changed", height=96)
    opened = Image.open(io.BytesIO(picture.data))
    assert opened.height == 96 and opened.width > 3 * 96
    right = np.asarray(opened.convert("RGB"))[:, -96:]
    assert len(np.unique(right.reshape(-1, 3), axis=0)) == 1  # no pixel moved


def test_verdict_tiles_colour_a_wrong_answer():
    images, _ = scenes.generate(4, 1, 0)
    names = ["cat"] * 4, ["cup"] * 4
    right = [True] * 4, [True] * 4
    wrong = [True] * 4, [False] * 4
    good = plots.verdict_tiles(images, names, right, "all right", columns=2)
    bad = plots.verdict_tiles(images, names, wrong, "second wrong", columns=2)
    assert good.data != bad.data and repr(bad) == "second wrong"


def test_pictures_leave_no_figure_open():
    image = scenes.draw("cup", 1)
    plots.before_after(image, 255 - image, "negative")
    assert plt.get_fignums() == []


def test_the_captions_of_the_duel_fit_under_their_pictures():
    from cnnlab.plots.challenges import fitting_font

    for words in ("✓ rule: yes", *(f"✗ net: {name}" for name in scenes.CLASSES)):
        font = fitting_font(words, 92)
        assert font.getlength(words) <= 92 and font.size >= 9, words
    assert fitting_font("cat", 92).size == 12
