"""The widgets of notebook 03, every control driven without a browser."""

import numpy as np
import pytest

from cnnlab import linear, ops, widgets

RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(30, 2)) + np.repeat([[0, 3], [-3, -2], [3, -2]], 10, axis=0)
LABELS = np.repeat([0, 1, 2], 10)


@pytest.fixture(scope="module")
def film():
    x = RNG.normal(size=(40, 12)).astype(np.float32)
    return linear.train(x, RNG.integers(0, 7, 40), 7, epochs=4, learning_rate=0.5)[2]


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
    good = widgets.three_rows(POINTS, LABELS, "abc", (90, 214, 326), length=1.0)
    bad = widgets.three_rows(POINTS, LABELS, "abc", (270, 34, 146), length=1.0)
    assert good.alt.startswith("100%") and not bad.alt.startswith("100%")


def test_length_changes_the_losses_but_no_decision():
    explorer = widgets.rows_explorer(POINTS, LABELS, "abc")
    texts = [drive(explorer, "length", length)[1] for length in (0.6, 2.0, 5.0)]
    shares = {text.split("%")[0].split(">")[-1] for text in texts}
    assert len(set(texts)) == 3 and len(shares) == 1


@pytest.mark.parametrize("name", ["first", "second", "third", "length", "bias"])
def test_every_control_of_the_rows_changes_the_picture(name):
    explorer = widgets.rows_explorer(POINTS, LABELS, "abc", features=("u", "v"))
    before = explorer.image.value
    picture, _ = drive(explorer, name, 3.0 if name in ("length", "bias") else 45)
    assert picture != before


def test_no_weights_at_all_give_the_losses_of_a_fresh_start():
    alt = widgets.three_rows(POINTS, LABELS, "abc", length=0.0).alt
    assert "hinge loss 2.000" in alt and "softmax loss 1.099" in alt


def test_the_film_steps_through_every_recorded_moment(film):
    shares = {"of some pictures right": np.linspace(0.1, 0.9, 5)}
    explorer = widgets.training_explorer(film, (3, 2, 2), shares, index=0)
    frames = {explorer.image.value}
    for index in range(1, 5):
        picture, sentence = drive(explorer, "index", index)
        frames.add(picture)
        assert (
            f"After {index} epochs: {shares['of some pictures right'][index]:.1%}"
            in (sentence)
        )
    assert len(frames) == 5


def test_the_still_is_what_the_widget_shows_first(film):
    shares = {"right": np.zeros(5)}
    still = widgets.templates_at(film, 2, (3, 2, 2), shares)
    explorer = widgets.training_explorer(film, (3, 2, 2), shares, index=2)
    assert explorer.still.data == still.data == explorer.image.value
