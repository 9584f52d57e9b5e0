"""The widgets of notebook 05, every control driven without a browser."""

import time

import numpy as np
import pytest

from cnnlab import neurons, widgets

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 2)) + np.repeat([[3, 2], [-3, -2]], 20, axis=0)
T = np.repeat([1, 0], 20)
CORNERS = np.array([[-1, -1], [1, 1], [-1, 1], [1, -1]])
SETS = {
    "two heaps": (X, T, ("u", "v")),
    "corners": (CORNERS, np.array([0, 0, 1, 1]), ("a", "b")),
}


def nand(p, q):
    return 1 - p * q


def drive(explorer, name, value):
    """Move one control and return the picture and the sentence it leads to."""
    explorer.controls[name].value = value
    assert explorer.status.value == ""
    return explorer.image.value, explorer.text.value


def test_every_control_of_the_line_changes_picture_and_sentence():
    explorer = widgets.perceptron_explorer(SETS)
    seen = {(explorer.image.value, explorer.text.value)}
    moves = [("direction", 250), ("bias", 2.0), ("corrections", 2)]
    moves += [("points", "corners")]
    for move in moves:
        seen.add(drive(explorer, *move))
    assert len(seen) == 5 and len({text for _, text in seen}) >= 4


def test_the_line_runs_the_learners_rule():
    called = []

    def update(x, t, w, b):
        called.append(t)
        return neurons.perceptron_update(x, t, w, b)

    explorer = widgets.perceptron_explorer(SETS, update)
    drive(explorer, "direction", 240)
    drive(explorer, "corrections", 3)
    assert called


def test_the_rule_ends_where_nothing_is_wrong():
    alt = widgets.mended_line(X, T, 60, 240).alt
    assert "0 of 40 points are wrong" in alt and alt.endswith(
        "Nothing is left to mend."
    )
    again = widgets.mended_line(X, T, 59, 240)
    assert again.alt == alt


def test_on_the_four_corners_an_error_is_always_left():
    for corrections in range(61):
        alt = widgets.mended_line(*SETS["corners"][:2], corrections, 60).alt
        assert f"After {corrections} correction" in alt
        assert " 0 of 4" not in alt


def test_the_sentence_says_which_way_w_moved():
    told = {widgets.mended_line(X, T, k, 240).alt.split("w moved ")[1]
            for k in (1, 2)}  # fmt: skip
    assert told <= {"towards it.", "away from it.", "towards it. Nothing is left to "
                    "mend.", "away from it. Nothing is left to mend."}  # fmt: skip


@pytest.mark.parametrize("bits", [(a, b) for a in (0, 1) for b in (0, 1)])
def test_the_half_adder_adds_in_its_sentence(bits):
    alt = widgets.lit_circuit(neurons.half_adder, bits, nand).alt
    assert alt.startswith(
        f"{bits[0]} + {bits[1]} = {sum(bits)}: carry {sum(bits) // 2}"
    )
    assert "5 NANDs" in alt


def test_every_switch_of_the_circuit_changes_picture_and_sentence():
    circuits = {
        "half adder": (neurons.half_adder, 2),
        "full adder": (neurons.full_adder, 3),
    }
    explorer = widgets.circuit_explorer(circuits, nand)
    seen = {(explorer.image.value, explorer.text.value)}
    for move in (("a", False), ("b", True), ("circuit", "full adder"), ("c", True)):
        seen.add(drive(explorer, *move))
    assert len({text for _, text in seen}) == 5 == len({picture for picture, _ in seen})


def test_a_nand_that_is_wrong_shows_its_wrong_sum():
    alt = widgets.lit_circuit(neurons.half_adder, (1, 1), lambda p, q: p * q).alt
    assert not alt.startswith("1 + 1 = 2")


def test_pictures_are_as_wide_as_a_narrow_page_allows():
    pictures = (
        widgets.mended_line(X, T, 3, 60),
        widgets.lit_circuit(neurons.full_adder, (1, 0, 1), nand),
    )
    for picture in pictures:
        width, height = (
            int.from_bytes(picture.data[place : place + 4], "big") for place in (16, 20)
        )
        assert width <= 560 and height <= 500


def test_from_control_to_picture_takes_50_milliseconds():
    line = widgets.perceptron_explorer(SETS)
    adder = {"full adder": (neurons.full_adder, 3)}
    circuit = widgets.circuit_explorer(adder, nand)
    steps = [(line, "corrections", k) for k in range(1, 16)]
    steps += [(line, "direction", 5 * k) for k in range(1, 16)]
    steps += [(circuit, "abc"[k % 3], k % 2 == 0) for k in range(15)]
    spent = []
    for explorer, name, value in steps:
        start = time.process_time()  # of this process: others may keep the cores busy
        explorer.controls[name].value = value
        spent.append(time.process_time() - start)
    assert np.median(spent) <= 0.05
