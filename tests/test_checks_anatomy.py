"""Verdicts on answers to notebook 11 that learners write, beyond the known mistakes."""

import math

import numpy as np
import pytest

from cnnlab import anatomy, checks, fast

pytestmark = pytest.mark.usefixtures("no_progress")


def by_ceil(image, layers, round_up=True):
    whole, shape, found = math.ceil if round_up else math.floor, image, []
    for kind, *row in layers:
        if kind == "dense":
            shape = tuple(row)
        else:
            k, stride, padding = row[1:4] if kind == "conv" else (*row, 0)
            maps = row[0] if kind == "conv" else shape[0]
            sides = [whole((n - k + 2 * padding) / stride) + 1 for n in shape[1:]]
            shape = (maps, *sides)
        found.append(shape)
    return found


def in_one(x, w, b, stride=1, padding=0):
    half, few = w.shape[1], len(w) // 2
    whole = np.zeros((2 * few, 2 * half, *w.shape[2:]))  # zeros between the towers
    whole[:few, :half], whole[few:, half:] = w[:few], w[few:]
    return fast.conv2d(x, whole, b, stride, padding)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("layer_shapes", by_ceil),
        ("layer_macs", lambda *given: np.array(anatomy.layer_macs(*given))),
        ("two_towers", in_one),
        ("half_the_numbers", lambda rows: [
            *rows[:8], ("pool", 2, 2), rows[8], ("dense", 1000), *rows[9:]]),
    ],
)  # fmt: skip
def test_another_way_of_writing_it_is_right(name, answer):
    verdict = checks.EXERCISES[name](answer)
    assert verdict.passed, verdict


@pytest.mark.parametrize(
    "form",
    [list, np.array, lambda one: tuple(map(float, one))],
    ids=["lists", "arrays", "floats"],
)
def test_shapes_that_later_cells_cannot_use_are_refused(form):
    def answer(image, layers, round_up=True):
        return [form(one) for one in by_ceil(image, layers, round_up)]

    verdict = checks.layer_shapes(answer)
    assert not verdict.passed and "must be a tuple of whole numbers" in verdict.text


def test_a_pool_that_leaves_two_by_two_reaches_the_bar_as_the_hint_says():
    def answer(rows):
        return [*rows[:8], ("pool", 3, 3), *rows[8:]]

    assert checks.half_the_numbers(answer).passed


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (lambda rows: rows.insert(8, ("dense", 1024)), "yours is NoneType"),
        (lambda rows: [], "yours is empty"),
        (lambda rows: [("conv", 3)], "layer 1 is ('conv', 3). A row is"),
        (lambda rows: [["dense", 2.5]], "layer 1: neurons"),
        (lambda rows: [("conv", 96, 11, 4, 0, 3)], "one or two towers"),
        (lambda rows: [("conv", 96, 11, 4, 0, 2)], "cannot be divided"),
        (lambda rows: [("pool", 3, 0)], "layer 1: stride"),
        (lambda rows: [("pool", 2, 3)], "throws pixels away"),
        (lambda rows: [*rows, ("pool", 2, 2)], "there are no maps"),
        (lambda rows: [("pool", 500, 1)], "does not fit"),
        (lambda rows: rows[:8], "Shape (4096,) is missing"),
        (lambda rows: rows[:-1], "Shape (1000,) is missing"),
        (lambda rows: [*rows, ("dense", 2000)], "Shape (1000,) is missing"),
        (lambda rows: rows[::-1], "there are no maps"),
    ],
)
def test_rows_that_are_none_are_told(answer, word):
    verdict = checks.half_the_numbers(answer)
    assert not verdict.passed and word in verdict.text, verdict
    assert "The check itself failed" not in verdict.text


def test_the_untouched_bug_gives_the_number_in_print():
    broken = checks.first_layer.broken
    assert broken(anatomy.IMAGE, 96, 11, 4) == 105_705_600
    assert checks.first_layer(broken).status == "not attempted"


@pytest.mark.parametrize("letter", "abd")
def test_a_mended_function_with_another_cause_gets_its_reply(letter):
    verdict = checks.first_layer(anatomy.first_layer, letter)
    reply = next(c.reply for c in checks.first_layer.causes if c.letter == letter)
    assert verdict.status == "wrong cause" and reply in verdict.text


def test_drawn_networks_are_those_that_the_task_names():
    kinds, towers, ups = set(), set(), set()
    for case in checks.layer_shapes._drawn():
        image, layers, up = case.args
        ups.add(up)
        names = [row[0] for row in layers]
        kinds |= set(names)
        assert names == sorted(names, key=lambda name: name == "dense")
        for row in layers:
            if row[0] == "conv":
                _, _, k, stride, padding, tower = row
                towers.add(tower)
                assert stride <= k and (stride == 1 or not padding)
        assert 2 <= image[0] <= 6 and by_ceil(*case.args) == (
            anatomy.layer_shapes(*case.args)
        )
    assert kinds == {"conv", "pool", "dense"}
    assert towers == {1, 2} and ups == {True, False}
