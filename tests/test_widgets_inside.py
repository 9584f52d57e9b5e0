"""The widgets of notebook 14, every control driven without a browser."""

from datetime import datetime

import numpy as np
import pytest
from test_inside import file_of, other_subject

from cnnlab import inside, train, widgets
from cnnlab.widgets.inside import OWN


@pytest.fixture(scope="module")
def photo_net():
    return inside.subject(train.shipped("photo"))


def give(picker, content: bytes) -> None:
    """Do what the browser does once a file is chosen."""
    picker.upload.value = (
        {"name": "own", "type": "", "size": len(content), "content": content,
         "last_modified": datetime.now()},
    )  # fmt: skip


def drive(explorer, moves) -> None:
    seen = {(explorer.image.value, explorer.text.value)}
    for name, value in moves:
        explorer.controls[name].value = value
        assert explorer.status.value == ""
        seen.add((explorer.image.value, explorer.text.value))
    assert len(seen) == 1 + len(moves)


def test_the_browser_shows_every_layer_and_ones_own_photograph(photo_net):
    browser = widgets.layer_browser(photo_net, layer="relu6")
    drive(browser, [("which", 5), ("layer", "conv1"), ("which", 23), ("layer", "fc8")])
    picker = browser.controls["photo"]
    before = browser.image.value
    give(picker, file_of("L", (9, 40), 200))
    assert browser.image.value != before and picker.list.value == OWN
    assert "grey" in picker.status.value and "9 × 40" in picker.status.value
    kept = browser.image.value
    give(picker, b"a text file")
    assert "Not possible" in picker.status.value and browser.image.value == kept
    picker.list.value = "rocket"
    assert picker.status.value == "" and "beacon" in browser.text.value
    give(picker, file_of("RGB", (50, 50), (250, 120, 10)))  # another, after the first
    assert browser.image.value not in (before, kept)


def test_blame_moves_with_class_layers_and_photograph(photo_net):
    blame = widgets.blame_explorer(photo_net, "conv5", window=28, stride=28)
    assert "saliency alike: 1.00" in blame.text.value
    drive(blame, [("forgot", 1), ("answer", "second answer"), ("forgot", 8)])
    blame.controls["photo"].list.value = "rocket"
    assert "crane (4%)" in blame.text.value and blame.status.value == ""


def test_any_network_can_be_looked_into():
    subject = other_subject()
    drive(widgets.layer_browser(subject), [("layer", "last"), ("which", 2)])
    blame = widgets.blame_explorer(subject, "second", window=10, stride=10)
    drive(blame, [("forgot", 3), ("answer", "third answer")])


def test_the_map_shows_each_image_once_and_its_neighbours():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (6, 3, 8, 8), np.uint8)
    labels, near = [0, 0, 1, 1, 2, 2], {"features": np.array([[1, 2]] * 6)}
    shown = widgets.feature_map(rng.random((6, 2)), images, labels, "abc", near)
    assert shown.hover.value.count("<img") == 6 and "5: c" in shown.hover.value
    drive(shown, [("which", 3), ("which", 5)])
    assert "Image 5 is from c. Nearest by features: a, b." in shown.text.value
