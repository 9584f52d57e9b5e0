"""The widget of notebook 06, every control driven without a browser."""

import statistics
import time

import pytest

from cnnlab import scalar, widgets


def test_every_control_changes_picture_and_sentence():
    explorer = widgets.graph_explorer()
    seen = {(explorer.image.value, explorer.text.value)}
    for name, value in (
        ("step", 3),
        ("formula", "w*x - b"),
        ("values", "w=1, x=2, b=4"),
    ):
        explorer.controls[name].value = value
        assert explorer.status.value == ""
        seen.add((explorer.image.value, explorer.text.value))
    assert len(seen) == 4


def test_the_steps_follow_the_formula():
    explorer = widgets.graph_explorer(step=7)
    step = explorer.controls["step"]
    assert step.slider.max == step.box.max == 7
    explorer.controls["formula"].value = "w + x"
    assert step.slider.max == step.box.max == step.value == 3
    assert "Step 3 of 3" in explorer.text.value
    explorer.controls["formula"].value = "tanh(w*x + b)**2"
    assert step.slider.max == 9 and step.value == 3


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("formula", "w * (x", "▸(x : this ( is never closed"),
        ("formula", "w + q", "q has no value; those with one: w, x, b"),
        ("formula", "log(x)", "log of [-1.0]"),
        ("formula", "x**(1 + 1)", "the exponent must be a plain number"),
        ("formula", "x²", "A power is written **"),
        ("values", "w=1e200, x=1e200, b=3, x=2", "x has a number already"),
        ("values", "tanh = 3", "the name of a function"),
        ("formula", "+".join("wxb" * 5), "Shorten the formula"),
        ("values", "w = two", "wanted a name and its number"),
        ("values", "w = 1", "x has no value"),
    ],
)
def test_what_cannot_be_drawn_is_explained_and_the_picture_stays(name, value, said):
    explorer = widgets.graph_explorer()
    before, old = explorer.image.value, explorer.controls[name].value
    explorer.controls[name].value = value
    shown = explorer.status.value.replace("&#x27;", "'").replace("&gt;", ">")
    assert "Not possible." in shown and said in shown, shown
    assert explorer.image.value == before
    explorer.controls["step"].value = 2  # of the last good formula
    assert explorer.image.value != before and "Not possible." in explorer.status.value
    explorer.controls[name].value = old
    assert explorer.status.value == ""


def test_a_blame_too_large_for_a_number_names_its_node():
    explorer = widgets.graph_explorer("x*y*z", "x = 1, y = 1, z = 1")
    explorer.controls["values"].value = "x = 1e200, y = 1e-200, z = 1e200"
    assert "The blame of y is too large" in explorer.status.value


def test_a_plus_before_a_number_is_read():
    assert "= +3" not in widgets.stepped("+x * 2", "x = 3").alt
    assert widgets.stepped("+x * 2", "x = 3").data == (
        widgets.stepped("x * 2", "x = 3").data
    )


def test_the_widget_runs_the_learners_own_function():
    def twice(graph, output):
        return [2 * one for one in scalar.backward(graph, output)]

    own = widgets.stepped("x*x", "x = 3", 3, twice)
    assert "slope 3 × blame 1 = 6" in own.alt or "= 6" in own.alt
    assert own.data != widgets.stepped("x*x", "x = 3", 3).data


def test_a_step_is_drawn_in_a_fraction_of_a_tenth_of_a_second():
    explorer = widgets.graph_explorer("(t - tanh(w*x + v*y + b))**2",
                                      "t=1, w=2, x=-1, v=1, y=3, b=0.5")  # fmt: skip
    times = []
    for step in range(1, 14):
        start = time.perf_counter()
        explorer.controls["step"].value = step
        times.append(time.perf_counter() - start)
    assert statistics.median(times) < 0.1
