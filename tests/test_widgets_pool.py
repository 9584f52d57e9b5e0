"""The widget of notebook 08, every control driven without a browser."""

import statistics
import time

import pytest

from cnnlab import shapes, widgets


def test_every_control_changes_picture_and_sentence():
    explorer = widgets.field_explorer()
    seen = {(explorer.image.value, explorer.text.value)}
    for name, value in (
        ("photo", "coffee"), ("row", 3), ("column", 4), ("layer", 2),
        ("effective", False), ("stack", "conv 5, conv 5"),
    ):  # fmt: skip
        explorer.controls[name].value = value
        assert explorer.status.value == ""
        seen.add((explorer.image.value, explorer.text.value))
    assert len(seen) == 7


def test_the_sentence_and_the_table_say_what_the_rule_gives():
    explorer = widgets.field_explorer("conv 3, pool 2, conv 3")
    assert "sees 8 × 8 pixels" in explorer.text.value
    for size, jump in ((1, 1), (3, 1), (4, 2), (8, 2)):
        cell = "<td style='padding:0 5px'>{}</td>".format
        assert cell(size) + cell(jump) in explorer.table.value
    explorer.controls["layer"].value = 0
    assert "sees 1 × 1 pixels" in explorer.text.value


def test_ranges_follow_stack_and_layer():
    explorer = widgets.field_explorer("conv 3, pool 2")
    layer, row = explorer.controls["layer"], explorer.controls["row"]
    assert (layer.value, layer.slider.max, row.slider.max) == (2, 2, 62)
    row.value = 62
    explorer.controls["stack"].value = "conv 3, pool 2, conv 3, pool 2"
    assert (layer.value, layer.slider.max) == (4, 4)  # the last one is followed
    assert row.value == row.slider.max == 29
    layer.value = 1
    assert row.slider.max == row.box.max == 125 and row.value == 29
    explorer.controls["stack"].value = "conv 5, conv 5"
    assert layer.value == 1 and layer.slider.max == 2  # one in between is kept
    assert row.slider.max == 123


def test_a_click_chooses_the_unit_whose_field_lies_nearest():
    explorer = widgets.field_explorer("conv 3, pool 2, conv 3")  # sees 8, jump 2
    sheet = explorer.both.children[1].children[1].children[1]
    assert len(sheet.children) == 144 and not any(b.tabbable for b in sheet.children)
    sheet.children[12 * 6 + 3].click()  # the middle of this place: row 69, column 37
    assert explorer.controls["row"].value == round((69.3 - 4) / 2) == 33
    assert explorer.controls["column"].value == round((37.3 - 4) / 2) == 17
    assert "Unit (33, 17)" in explorer.text.value
    sheet.children[0].click()
    assert explorer.controls["row"].value <= 1
    sheet.children[143].click()
    assert explorer.controls["row"].value == 59


@pytest.mark.parametrize(
    ("stack", "said"),
    [
        ("conv 3, dense 7", "a layer is written as"),
        ("", "has no layer yet"),
        ("conv 99, conv 99", "sees more than the 128 pixels"),
    ],
)
def test_what_cannot_be_drawn_is_explained_and_the_picture_stays(stack, said):
    explorer = widgets.field_explorer()
    before, old = explorer.image.value, explorer.controls["stack"].value
    explorer.controls["stack"].value = stack
    assert "Not possible." in explorer.status.value and said in explorer.status.value
    assert explorer.image.value == before
    explorer.choose(10, 10)  # a click does no harm meanwhile
    explorer.controls["stack"].value = old
    assert explorer.status.value == ""


def test_the_widget_runs_the_learners_own_rule():
    def own(layers):
        size, jump, start = shapes.receptive_field(layers)
        return size + 1, jump, start

    assert "sees 5 × 5" in widgets.traced(stack="conv 4", effective=False).alt.replace(
        "4 × 4", "5 × 5"
    )
    shown = widgets.traced(stack="conv 4", effective=False, receptive_field=own)
    assert "sees 5 × 5" in shown.alt
    with pytest.raises(ValueError, match="is receptive_field right"):
        widgets.traced(stack="conv 4", row=0, effective=False,
                       receptive_field=lambda layers: (4, 1, -9))  # fmt: skip


def test_a_step_is_drawn_in_a_fraction_of_a_tenth_of_a_second():
    explorer = widgets.field_explorer()
    times = []
    for row in range(1, 12):
        start = time.process_time()
        explorer.controls["row"].value = row
        times.append(time.process_time() - start)
    assert statistics.median(times) < 0.1
