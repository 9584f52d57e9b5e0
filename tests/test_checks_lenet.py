"""Verdicts on answers to notebook 10 that learners write, beyond the known mistakes."""

import math

import numpy as np
import pytest

from cnnlab import checks, lenet

pytestmark = pytest.mark.usefixtures("no_progress")


def by_steps(image, layers):
    shape, found = list(image), []
    for row in layers:
        if row[0] == "dense":
            shape = [row[1]]
        else:
            k, stride = (row[2], 1) if row[0] == "conv" else (row[1], row[1])
            maps = row[1] if row[0] == "conv" else shape[0]
            shape = [maps] + [(n - k) // stride + 1 for n in shape[1:]]
        found.append(list(shape))
    return found


def squares(x, w, b):
    n, c, height, width = x.shape
    out = np.zeros((n, c, height // 2, width // 2))
    for i in range(2):
        for j in range(2):
            out += x[:, :, i::2, j::2]
    return w.reshape(1, -1, 1, 1) * out + b.reshape(1, -1, 1, 1)


def by_grid(image):
    i, j = np.mgrid[: image.shape[0], : image.shape[1]]
    return np.average(i, weights=image), np.average(j, weights=image)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("lenet_shapes", by_steps),
        ("lenet_shapes", lambda image, layers: tuple(by_steps(image, layers))),
        ("count_parameters", lambda image, layers: np.array(
            lenet.count_parameters(image, layers))),
        ("trainable_pool", squares),
        ("centre_of_mass", by_grid),
        ("centre_of_mass", lambda image: list(by_grid(image))),
    ],
)  # fmt: skip
def test_another_way_of_writing_it_is_right(name, answer):
    verdict = checks.EXERCISES[name](answer)
    assert verdict.passed, verdict


@pytest.mark.parametrize(
    ("name", "answer", "status", "word"),
    [
        ("lenet_shapes", lambda image, layers: by_steps(image, layers)[0],
         "wrong", ""),
        ("lenet_shapes", lambda image, layers: 3, "wrong type", "a list of"),
        ("lenet_shapes", lambda image, layers: [(0, 0)] + by_steps(image, layers),
         "wrong type", ""),
        ("count_parameters", lambda image, layers: [
            math.prod(one) for one in by_steps(image, layers)], "wrong values", ""),
        ("trainable_pool", lambda x, w, b: squares(x, w, b)[0], "wrong shape", ""),
        ("trainable_pool", lambda x, w, b: x.sum(axis=(2, 3)), "wrong shape", ""),
        ("centre_of_mass", lambda image: by_grid(image)[0], "wrong type",
         "row, column"),
        ("centre_of_mass", lambda image: (0, 0), "wrong values", ""),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(name, answer, status, word):
    verdict = checks.EXERCISES[name](answer)
    assert verdict.status.startswith(status) and word in verdict.text, verdict
    assert "The check itself failed" not in verdict.text


def test_pooling_that_changes_its_maps_is_told():
    def answer(x, w, b):
        found = squares(x, w, b)
        x *= 0
        return found

    assert checks.trainable_pool(answer).status == "changed its input"


def test_the_untouched_bug_does_what_the_task_says():
    broken = checks.off_centre.broken
    image = np.zeros((9, 9), np.uint8)
    image[1, 4] = 255
    assert broken(image)[1, 7] == 255 and lenet.centred(image)[4, 4] == 255
    assert checks.off_centre(broken).status == "not attempted"
    for letter in "abd":
        verdict = checks.off_centre(broken, letter)
        assert verdict.status == "wrong values" and "axes" not in verdict.text


@pytest.mark.parametrize("letter", ["a", "b", "d"])
def test_a_mended_function_with_another_cause_gets_its_reply(letter):
    verdict = checks.off_centre(lenet.centred, letter)
    reply = next(c.reply for c in checks.off_centre.causes if c.letter == letter)
    assert verdict.status == "wrong cause" and reply in verdict.text


@pytest.mark.parametrize(
    "nearest", [round, np.rint, lambda v: math.floor(v + 0.5), lambda v: -round(-v)]
)
def test_any_way_of_rounding_mends_the_bug(nearest):
    def mended(image):
        middle = (np.array(image.shape) - 1) / 2
        shift = [int(nearest(one)) for one in middle - lenet.centre_of_mass(image)]
        return np.roll(image, shift, axis=(0, 1))

    assert checks.off_centre(mended, "c").passed


def test_no_ink_of_the_bugs_cases_would_leave_the_image():
    for case in (*checks.off_centre.cases, *checks.off_centre._drawn()):
        [image] = case.args
        moved = lenet.centred(image)
        assert not (moved[[0, -1]].any() or moved[:, [0, -1]].any())


def test_drawn_networks_are_those_that_the_task_names():
    kinds, odd = set(), 0
    for case in checks.lenet_shapes._drawn():
        image, layers = case.args
        kinds |= {row[0] for row in layers}
        odd += image[1] != image[2]
        names = [row[0] for row in layers]
        assert layers and names == sorted(names, key=lambda name: name == "dense")
        sizes = lenet.lenet_shapes(image, layers)
        assert all(min(shape) >= 1 for shape in sizes)
    assert kinds == {"conv", "pool", "dense"} and odd > 30


@pytest.mark.parametrize(
    ("drawing", "word"),
    [
        (np.zeros((8, 8)), "shape (28, 28)"),
        (np.full((28, 28), 300), "between 0 and 255"),
        (np.full((28, 28), np.nan), "between 0 and 255"),
        ("eight", "shape (28, 28)"),
    ],
)
def test_a_drawing_of_another_form_is_told(drawing, word):
    verdict = checks.fooling_drawing(lambda reader: drawing)
    assert verdict.status == "raised" and word in verdict.text, verdict


def test_a_forgotten_return_of_the_drawing_is_told():
    verdict = checks.fooling_drawing(lambda reader: None)
    assert not verdict.passed and "None" in verdict.text
