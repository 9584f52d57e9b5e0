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
    figure = plots.numbers_under(photo, top=4, left=7, what="a ramp", side=5)
    written = [text.get_text() for text in figure.axes[1].texts]
    assert written == [str(v) for v in photo[0, 4:9, 7:12].ravel()]
    assert figure.axes[1].get_xlabel() == "column"
    row = ", ".join(map(str, photo[0, 4, 7:12]))
    assert "a ramp framed" in figure.alternative
    assert f"the top row reads {row}." in figure.alternative


def test_board_names_its_rows_and_columns_and_tells_no_numbers():
    images, _ = scenes.generate(6, 1, 0)
    rows = [images[:3], images[3:]]
    figure = plots.board(rows, "ab", "xyz", "Six")
    assert [ax.get_title(loc="center") for ax in figure.axes[:3]] == list("xyz")
    assert figure.axes[3].get_ylabel() == "b"
    assert "2 rows of 3 pictures; columns: x, y, z. Rows: a, b." in figure.alternative
    plain = plots.board(rows, "ab", ["", "", ""], "Six").alternative
    assert plain == "Six. 2 rows of 3 pictures. Rows: a, b."


def test_severity_curves_draw_a_labelled_panel_for_each_dial_and_explain_the_band():
    panels = (*scenes.DIALS, "all")
    curves = {
        "rule": {dial: [[1, 0.6]] for dial in panels},
        "tuned": {dial: [[1, 0.7]] for dial in panels},
        "network": {dial: [[1, 0.8], [1, 0.9]] for dial in panels},
    }
    figure = plots.severity_curves((0, 1), curves, "title")
    assert [ax.get_title(loc="left") for ax in figure.axes[:7]] == list(panels)
    assert figure.axes[0].get_ylabel() == "accuracy, %"
    assert figure.axes[6].get_xlabel() == "severity"
    assert np.allclose(figure.axes[0].lines[3].get_ydata(), [100, 85])
    texts = [text.get_text() for text in figure.axes[7].get_legend().get_texts()]
    assert texts[:3] == list(curves) and "highest\nof 2 networks" in texts[3]
    assert "illumination 60%, 70%, 85%" in figure.alternative


def test_left_out_shows_every_run_beside_the_mean():
    seen, unseen = {"lamp": [1.0, 1.0]}, {"lamp": [0.2, 0.4]}
    figure = plots.left_out(seen, unseen, 0.1, "title")
    (ax,) = figure.axes
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([100, 30])
    assert [text.get_text() for text in ax.texts] == ["100", "30"]
    assert "lamp 100% and 30%. Guessing gives 10%." in figure.alternative


def test_contest_shows_a_bar_for_each_entry_in_the_order_of_years():
    others = (challenges.SECOND, challenges.PERSON)
    figure = plots.contest(challenges.WINNERS, others, "title")
    (ax,) = figure.axes
    texts = [text.get_text() for text in ax.texts]
    assert texts[:4] == ["28.2", "25.8", "15.3", "26.2"] and len(texts) == 10
    assert "test images" in ax.get_xlabel()
    assert "2012 AlexNet 15.3 %; 2012 second place 26.2 %" in figure.alternative


def test_rule_steps_silhouettes_and_distances_say_what_they_show():
    cat = scenes.draw("cat", 5)
    mask = challenges.silhouette(cat)
    figure = plots.rule_steps(
        cat, challenges.luminance(cat), mask, challenges.tips(mask), "From"
    )
    assert len(figure.axes) == 4
    assert f"silhouette of {mask.sum()} pixels, and 4 places" in figure.alternative
    figure = plots.silhouettes([mask] * 6, [f"cat\n{n}" for n in range(6)], "Six")
    assert figure.alternative.endswith("cat 0, cat 1, cat 2, cat 3, cat 4, cat 5.")
    bars = plots.distances_bar(["cat, lamp", "star"], [66.0, 46.0], 1, "title")
    assert bars.axes[0].get_xlabel().startswith("mean change")
    colours = [bar.get_facecolor() for bar in bars.axes[0].patches]
    assert colours[0] != colours[1] and "cat, lamp 66, star 46" in bars.alternative


def test_every_figure_can_be_read_in_a_narrow_column(monkeypatch):
    """``plots.png`` raises where text would be too small; see its own tests."""
    monkeypatch.setenv("CNNLAB_STRICT", "1")
    plots.style()
    panels = (*scenes.DIALS, "all")
    runs = {dial: [[1.0, 0.7]] for dial in panels}
    masks = [np.eye(32, dtype=bool)] * 14
    for figure in (
        plots.numbers_under(scenes.draw("cat", 5), 3, 4, "a cat"),
        plots.severity_curves((0, 1), {"rule": runs, "network": runs}, "A title " * 9),
        plots.left_out({"viewpoint": [1.0]}, {"viewpoint": [0.5]}, 0.1, "title"),
        plots.contest(challenges.WINNERS, (challenges.SECOND,), "title"),
        plots.silhouettes(masks, ["mushroom\n50 times"] * 14, "title"),
        plots.distances_bar(["cat, illumination at 1", "star"], [66, 46], 1, "title"),
    ):
        assert figure.get_size_inches()[0] <= 5.6 and plots.png(figure)


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
        font = fitting_font(words, 124)
        assert font.getlength(words) <= 124 and font.size >= 12, words
    assert fitting_font("cat", 124).size == 13
