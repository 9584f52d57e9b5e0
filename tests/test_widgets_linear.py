"""The widgets of notebook 03, every control driven without a browser."""

import numpy as np
import pytest

from cnnlab import data, linear, ops, widgets

RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(30, 2)) + np.repeat([[0, 3], [-3, -2], [3, -2]], 10, axis=0)
LABELS = np.repeat([0, 1, 2], 10)


@pytest.fixture(scope="module")
def film():
    """Return four passes of a training, and the images and labels of it."""
    x, y = RNG.normal(size=(40, 12)), RNG.integers(0, 7, 40)
    moments = [(np.zeros((7, 12)), np.zeros(7))]
    for _ in range(4):
        batches = data.batches(40, 10, 0)
        moments.append(
            linear.train_linear(
                x, y, *moments[-1], batches, 0.5, linear.softmax_gradient
            )
        )
    return moments, x, y


def drive(explorer, name, value):
    """Move one control and return the picture and the sentence it leads to."""
    explorer.controls[name].value = value
    assert explorer.status.value == ""
    return explorer.image.value, explorer.text.value


@pytest.mark.parametrize(
    ("scores", "right", "hinge", "cross"),
    [
        ((3.2, 5.1, -1.7), 0, "2.9 + 0.0 = 2.90", "2.040"),
        ((1.3, 4.9, 2.0), 1, "0.0 + 0.0 = 0.00", "0.079"),
        ((2.2, 2.5, -3.1), 2, "6.3 + 6.6 = 12.90", "6.156"),
        ((1.0, 1.0, 1.0), 0, "1.0 + 1.0 = 2.00", "1.099"),
    ],
)
def test_the_lectures_losses_stand_in_the_sentence(scores, right, hinge, cross):
    alt = widgets.losses_of_scores(*scores, right).alt
    assert f"hinge loss {hinge}," in alt and alt.endswith(f" = {cross}.")


def test_every_control_of_the_scores_changes_picture_and_sentence():
    explorer = widgets.scores_explorer()
    seen = {(explorer.image.value, explorer.text.value)}
    for move in (("cat", 7.0), ("car", -7.0), ("frog", 7.0), ("right", 2)):
        seen.add(drive(explorer, *move))
    assert len(seen) == 5


def test_the_scores_widget_runs_the_learners_own_functions():
    called = []

    def hinge_loss(s, y):
        called.append("hinge")
        return linear.hinge_loss(s, y)

    def softmax(s):
        called.append("softmax")
        return ops.softmax(s)

    explorer = widgets.scores_explorer(hinge_loss, softmax)
    called.clear()
    drive(explorer, "cat", 4.0)
    assert sorted(called) == ["hinge", "softmax"]


def test_extreme_scores_are_drawn_without_a_warning():
    with np.errstate(all="raise"):
        for right in range(3):
            widgets.losses_of_scores(-7, 7, 7, right)


def test_turning_the_rows_can_get_every_point_right():
    good = widgets.three_rows(POINTS, LABELS, "abc", (90, 214, 326))
    bad = widgets.three_rows(POINTS, LABELS, "abc", (270, 34, 146))
    assert good.alt.startswith("100%") and not bad.alt.startswith("100%")
    assert good.alt.endswith("100% of class a, 100% of class b, 100% of class c.")


def test_length_changes_the_arrows_but_no_decision():
    explorer = widgets.rows_explorer(POINTS, LABELS, "abc")
    seen = [drive(explorer, "length", length) for length in (0.6, 2.0, 5.0)]
    assert len({picture for picture, _ in seen}) == 3
    assert len({text for _, text in seen}) == 1


def test_with_a_bias_length_changes_decisions():
    seen = [
        widgets.three_rows(POINTS, LABELS, "abc", length=length, bias=2.0).alt
        for length in (0.2, 5.0)
    ]
    assert seen[0] != seen[1]


@pytest.mark.parametrize("name", ["first", "second", "third", "length", "bias"])
def test_every_control_of_the_rows_changes_the_picture(name):
    explorer = widgets.rows_explorer(POINTS, LABELS, "abc", features=("u", "v"))
    before = explorer.image.value
    picture, _ = drive(explorer, name, 3.0 if name in ("length", "bias") else 45)
    assert picture != before


def test_the_rows_of_the_notebook_get_95_percent_right():
    train, _ = data.load("digits").hold_out(0.2)
    picked = np.concatenate([np.flatnonzero(train.labels == k)[:40] for k in (0, 6, 9)])
    plane, y = linear.ink_plane(train.images[picked]), np.repeat([0, 1, 2], 40)
    alt = widgets.three_rows(plane, y, "069", (180, 300, 60)).alt
    assert float(alt.split("%")[0]) >= 95


def test_the_film_steps_through_every_pass(film):
    moments, x, y = film
    explorer = widgets.training_explorer(moments, (3, 2, 2), "abcdefg", x, y, passes=0)
    frames = {explorer.image.value}
    for passes in range(1, 5):
        picture, sentence = drive(explorer, "passes", passes)
        frames.add(picture)
        share = linear.accuracy(linear.predict(x, *moments[passes]), y)
        word = "pass" if passes == 1 else "passes"
        assert f"After {passes} {word} {share:.1%} of 40 held-out images" in sentence
    assert len(frames) == 5


def test_a_picture_of_a_widget_is_as_wide_as_a_narrow_page_allows(film):
    moments, x, y = film
    pictures = (
        widgets.templates_after(moments, 2, (3, 2, 2), "abcdefg", x, y),
        widgets.losses_of_scores(),
        widgets.three_rows(POINTS, LABELS, "abc"),
    )
    for picture in pictures:
        width, height = (
            int.from_bytes(picture.data[place : place + 4], "big") for place in (16, 20)
        )
        assert width <= 560 and height <= 500
