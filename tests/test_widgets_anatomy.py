"""The boxes of notebook 11, every control driven without a browser."""

import re
import statistics
import time

import pytest

from cnnlab import anatomy, widgets
from cnnlab.widgets.anatomy import CLICKS, numbers_of


@pytest.fixture
def boxes():
    return widgets.anatomy_explorer()


def test_every_control_changes_picture_and_sentence(boxes):
    seen = {(boxes.image.value, boxes.text.value)}
    for name, value in (
        ("layer", "conv1"), ("size", 225), ("rounding", "down, as in PyTorch"),
        ("towers", 1), ("batch", 64), ("show", "multiply-accumulates of an image"),
        ("show", "numbers that come out, an image"),
        ("show", "memory of training, MiB"),
    ):  # fmt: skip
        boxes.controls[name].value = value
        assert boxes.status.value == ""
        seen.add((boxes.image.value, boxes.text.value))
    assert len(seen) == 9


@pytest.mark.parametrize("layer", anatomy.NAMES)
def test_the_arithmetic_of_every_layer_is_right(layer):
    said = widgets.anatomy_of(layer=layer).alt
    found = re.findall(r"([\d(][\d,.·×()+−/ ]+) = ([\d,.]*\d)", said)
    assert len(found) >= (2 if layer.startswith("pool") else 3)
    for left, right in found:
        left, right = (
            part.translate(str.maketrans("·×−", "**-", ",")) for part in (left, right)
        )
        assert eval(left) == float(right), (left, right)


def test_the_sum_is_that_of_the_network_that_is_built(boxes):
    assert "2,403 of 3,072 MiB" in boxes.text.value  # as in test_anatomy.py
    assert "weights and biases: 60,965,224 in all" in boxes.text.value
    boxes.controls["towers"].value = 1
    assert "62,378,344" in boxes.text.value


def test_a_click_chooses_the_box_below_it(boxes):
    sheet = boxes.both.children[1].children[1].children[1]
    assert len(sheet.children) == CLICKS
    assert not any(place.tabbable for place in sheet.children)
    chosen = []
    for place in sheet.children:
        place.click()
        chosen.append(boxes.controls["layer"].value)
    assert list(dict.fromkeys(chosen)) == list(anatomy.NAMES)
    assert chosen[-1] == "fc8" and chosen.count("fc6") > 3 * chosen.count("conv2")


def test_an_image_in_which_a_window_does_not_fit_is_told(boxes):
    boxes.controls["rounding"].value = "down, as in PyTorch"
    boxes.controls["size"].value = 64
    assert "does not fit" in boxes.status.value
    boxes.controls["size"].value = 67
    assert boxes.status.value == ""


def test_a_learners_functions_are_used():
    def doubled(image, layers, shapes):
        return [2 * n for n in anatomy.layer_parameters(image, layers, shapes)]

    functions = (anatomy.layer_shapes, doubled, anatomy.layer_macs)
    assert sum(numbers_of(functions=functions)[2]["weights"]) == 2 * 60_965_224
    assert "121,930,448" in widgets.anatomy_explorer(*functions).text.value


def test_a_change_is_answered_in_a_twentieth_of_a_second(boxes):
    times = []
    for size in range(200, 215):
        start = time.process_time()
        boxes.controls["size"].value = size
        times.append(time.process_time() - start)
    assert statistics.median(times) < 0.05
