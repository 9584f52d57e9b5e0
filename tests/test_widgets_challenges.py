"""The widgets of notebook 01, driven control by control."""

import io
import time

import numpy as np
import pytest
from PIL import Image

from cnnlab import challenges, scenes, widgets


@pytest.fixture(scope="module")
def network():
    from cnnlab import train

    return train.on_arrays(*challenges.training_scenes(100, 1, (0,)), epochs=1)


def test_every_dial_changes_every_kind_of_picture():
    explorer = widgets.dials()
    for picture in ("fish", "chelsea", "rocket"):
        explorer.controls["picture"].value = picture
        for dial in scenes.DIALS:
            if dial == "variation" and picture != "fish":
                continue
            explorer.controls["dial"].value = dial
            before = explorer.image.value
            explorer.controls["severity"].value = 0.95
            assert explorer.image.value != before
            assert f"{dial} 0.95" in explorer.text.value
            explorer.controls["severity"].value = 0.6


def test_severity_zero_changes_no_value():
    picture = widgets.render_dials("cat", "clutter", 0.0)
    assert " 0 of 3,072 values changed" in picture.alt


def test_variation_of_a_photograph_shows_it_unmoved_and_explains_itself():
    explorer = widgets.dials("chelsea", "viewpoint")
    moved = explorer.image.value
    explorer.controls["dial"].value = "variation"
    assert "nobody can draw another chelsea" in explorer.text.value
    still = widgets.render_dials("chelsea", "viewpoint", 0.0)
    assert explorer.image.value == still.data != moved


@pytest.mark.parametrize("picture", ["cat", "chelsea"])
def test_the_three_pictures_fit_beside_the_controls_and_each_other(picture):
    size = Image.open(io.BytesIO(widgets.render_dials(picture).data)).size
    assert size[0] <= 560 and 150 < size[1] <= 200


def test_the_count_in_the_text_is_the_share_of_changed_values():
    picture = widgets.render_dials("key", "occlusion", 0.8, draw=5)
    before = scenes.draw("key", 5)
    after = scenes.draw("key", 5, {"occlusion": 0.8})
    assert f" {(before != after).sum():,} of 3,072 values changed" in picture.alt


def test_the_duel_counts_what_rule_and_network_get_right(network):
    from cnnlab import train

    picture = widgets.render_duel(network, challenges.is_cat, "cat", "all", 0.4, 2)
    images, truth = challenges.one_against_rest("cat", 48, 52, 0.4)
    rule = (challenges.answers(challenges.is_cat, images) == truth).sum()
    net = ((train.predict(network, images) == 0) == truth).sum()
    assert f"rule is right on {rule}, the network on {net}." in picture.alt


def test_the_duel_follows_its_controls_and_takes_any_rule(network):
    explorer = widgets.duel(network, {"key": lambda image: np.bool_(True)})
    seen = {explorer.image.value}
    for name, value in (("dial", "all"), ("severity", 0.9), ("draw", 7)):
        explorer.controls[name].value = value
        seen.add(explorer.image.value)
    assert len(seen) == 4
    assert "rule is right on 24" in explorer.text.value


def test_an_error_in_the_readers_rule_is_shown(network, monkeypatch):
    monkeypatch.delenv("CNNLAB_STRICT", raising=False)
    answers = iter([False] * 48)
    explorer = widgets.duel(network, {"key": lambda image: next(answers)})
    explorer.controls["severity"].value = 0.8
    assert "StopIteration" in explorer.status.value


def test_pictures_are_drawn_fast_enough_to_follow_a_slider(network):
    def cost(draw):
        start = time.process_time()
        draw()
        return time.process_time() - start

    dials = min(cost(lambda: widgets.render_dials("chelsea")) for _ in range(5))
    duel = min(
        cost(lambda: widgets.render_duel(network, challenges.is_cat, "cat"))
        for _ in range(5)
    )
    assert dials < 0.1 and duel < 0.2  # measured: 0.015 s and 0.03 s


def test_the_duel_switches_between_labels(network):
    explorer = widgets.duel(
        network, {"cat": challenges.is_cat, "mushroom": challenges.is_mushroom}
    )
    explorer.controls["label"].value = "mushroom"
    assert "mushroom or not" in explorer.text.value
