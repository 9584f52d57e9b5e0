"""The recipe behind every widget: stills, errors that are seen, controls that move."""

from base64 import b64decode

import ipywidgets
import numpy as np
import pytest

from cnnlab import widgets
from cnnlab.plots import Picture, mosaic_png
from cnnlab.widgets._base import showing_errors


@pytest.fixture(autouse=True)
def as_a_learner(monkeypatch):
    monkeypatch.delenv("CNNLAB_STRICT", raising=False)


def render(k, metric="L1", flip=False):
    if k == 6:
        raise ValueError("k = 6 <is> left out.")
    if k == 7:
        raise KeyError("lost")
    grey = np.full((1, 4, 4), 10 * k + flip, np.uint8)
    return Picture(mosaic_png(grey), f"k is {k}, by {metric}")


def explorer(**options):
    controls = {
        "k": widgets.number("k", 3, 1, 9),
        "metric": widgets.choice("metric", ["L1", "L2"]),
        "flip": widgets.tick("flip"),
    }
    return widgets.Explorer(render, controls, **options)


# ----------------------------------------------------------------------- Explorer


def test_explorer_first_shows_what_render_gives():
    shown = explorer()
    assert shown.state() == {"k": 3, "metric": "L1", "flip": False}
    assert shown.image.value == render(3).data
    assert "k is 3, by L1" in shown.text.value
    assert shown.status.value == ""


def test_every_control_changes_picture_and_sentence():
    shown = explorer()
    shown.controls["k"].value = 4
    assert shown.image.value == render(4).data
    shown.controls["metric"].value = "L2"
    assert "k is 4, by L2" in shown.text.value
    shown.controls["flip"].value = True
    assert shown.image.value == render(4, flip=True).data


def test_an_impossible_setting_explains_itself_and_keeps_the_last_picture():
    shown = explorer()
    shown.controls["k"].value = 6
    assert "role='alert'" in shown.status.value
    assert "Not possible.</b> k = 6 &lt;is&gt; left out." in shown.status.value
    assert shown.image.value == render(3).data
    shown.controls["k"].value = 5
    assert shown.status.value == ""
    assert shown.image.value == render(5).data


def test_an_unforeseen_error_is_shown_with_its_type():
    shown = explorer()
    shown.controls["k"].value = 7
    assert "KeyError: " in shown.status.value


def test_tests_may_have_errors_raised_as_well(monkeypatch):
    monkeypatch.setenv("CNNLAB_STRICT", "1")
    shown = explorer()
    with pytest.raises(KeyError):
        shown.controls["k"].value = 7
    assert "KeyError" in shown.status.value
    shown.controls["k"].value = 6  # an explanation, not a fault: never raised
    assert "left out" in shown.status.value


def test_a_first_state_that_cannot_be_drawn_is_an_error_at_once():
    with pytest.raises(ValueError, match="left out"):
        widgets.Explorer(render, {"k": widgets.number("k", 6, 1, 9)})


def test_a_reader_without_a_kernel_sees_a_still_picture_with_its_text():
    shown = explorer()
    data, metadata = shown._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert b64decode(data["image/png"]) == render(3).data
    assert data["text/plain"] == metadata["image/png"]["alt"] == "k is 3, by L1"
    shown.controls["k"].value = 4  # the still stays what the cell first showed
    assert shown._repr_mimebundle_()[0]["text/plain"] == "k is 3, by L1"


def test_sentence_and_title_are_text_and_not_markup():
    def angle(k):
        return Picture(render(k).data, f"{k} < 4 & <b>")

    shown = widgets.Explorer(angle, {"k": widgets.number("k", 3, 1, 5)}, title="<i>")
    assert "3 &lt; 4 &amp; &lt;b&gt;" in shown.text.value
    assert "<b>&lt;i&gt;</b>" in shown.both.children[0].children[0].value


def test_controls_and_sentence_stand_beside_status_and_picture():
    button = ipywidgets.Button(description="again")
    shown = explorer(extra=(button,), title="Neighbours")
    left, right = shown.both.children
    assert [type(child) for child in left.children] == [
        ipywidgets.HTML,
        widgets.Number,
        ipywidgets.Dropdown,
        ipywidgets.Checkbox,
        ipywidgets.Button,
        ipywidgets.HTML,
    ]
    assert left.children[-1] is shown.text
    assert right.children == (shown.status, shown.image)
    assert shown.both.layout.flex_flow == "row wrap"  # below each other where narrow


def test_nothing_is_wider_than_the_page():
    shown = explorer(width="640px")
    assert shown.image.layout.max_width == "100%"
    assert shown.layout.max_width == "100%"
    assert explorer().image.layout.width == "auto"


# --------------------------------------------------------------------------- Number


def test_slider_and_box_move_together_and_call_once():
    number = widgets.number("k", 3, 1, 9)
    seen = []
    number.observe(lambda change: seen.append(change["new"]), names="value")
    number.slider.value = 4
    assert number.box.value == number.value == 4
    number.box.value = 8
    assert number.slider.value == number.value == 8
    number.value = 2
    assert (number.slider.value, number.box.value) == (2, 2)
    assert seen == [4, 8, 2]


def test_number_stays_inside_its_bounds():
    number = widgets.number("k", 3, 1, 9)
    number.box.value = 40
    assert number.value == 9
    number.box.value = -40
    assert number.value == 1


def test_whole_numbers_stay_whole_and_fractions_fractions():
    whole = widgets.number("k", 3, 1, 9)
    assert isinstance(whole.value, int)
    assert isinstance(whole.slider, ipywidgets.IntSlider)
    part = widgets.number("severity", 0.0, 0.0, 1.0, 0.05)
    assert isinstance(part.value, float)
    part.box.value = 0.35
    assert part.slider.value == pytest.approx(0.35)
    assert isinstance(widgets.number("r", 1, 0, 2, 0.5).slider, ipywidgets.FloatSlider)


def test_the_box_carries_the_name_and_the_slider_none_of_its_own():
    number = widgets.number("k", 3, 1, 9)
    assert number.box.description == "k"
    assert number.slider.description == ""
    assert number.layout.flex_flow == "row wrap"


def test_a_slow_picture_is_drawn_only_when_the_slider_rests():
    assert widgets.number("k", 3, 1, 9).slider.continuous_update is True
    slow = widgets.number("k", 3, 1, 9, continuous=False)
    assert slow.slider.continuous_update is False


def test_other_traits_of_a_number_can_be_observed_too():
    number = widgets.number("k", 3, 1, 9)
    seen = []
    number.observe(lambda change: seen.append(change["name"]), names="box_style")
    number.box_style = "info"
    assert seen == ["box_style"]


# ------------------------------------------------------------------- choice and tick


def test_choice_starts_at_its_first_option_or_where_told():
    assert widgets.choice("metric", ["L1", "L2"]).value == "L1"
    assert widgets.choice("metric", ["L1", "L2"], "L2").value == "L2"
    pairs = [("Manhattan", 1), ("Euclid", 2)]
    assert widgets.choice("metric", pairs).value == 1
    assert widgets.choice("metric", pairs, 2).value == 2


def test_choice_and_tick_carry_their_names():
    assert widgets.choice("metric", ["L1"]).description == "metric"
    assert widgets.tick("colour", True).value is True
    assert widgets.tick("colour").description == "colour"


# --------------------------------------------------------------------- errors shown


def test_the_error_of_any_callback_is_shown_and_cleared_by_the_next_success(
    monkeypatch,
):
    monkeypatch.delenv("CNNLAB_STRICT", raising=False)
    status = ipywidgets.HTML()
    with showing_errors(status):
        1 / 0  # noqa: B018
    assert "ZeroDivisionError: division by zero" in status.value
    with showing_errors(status):
        pass
    assert status.value == ""


def test_an_interrupt_is_not_taken_for_an_error():
    status = ipywidgets.HTML()
    with pytest.raises(KeyboardInterrupt), showing_errors(status):
        raise KeyboardInterrupt
    assert status.value == ""


def test_a_number_shows_3_2_where_the_browser_sends_3_1999999999999993():
    score = widgets.number("score", 5.1, -7, 7, 0.1)
    score.slider.value = 3.1999999999999993
    assert score.box.value == score.value == 3.2
