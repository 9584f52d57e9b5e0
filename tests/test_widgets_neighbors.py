"""The widget of notebook 02 and its picture, driven without a browser."""

import io
import time

import numpy as np
import pytest
from PIL import Image

from cnnlab import data, neighbors, plots, widgets

TRAIN, TEST = data.load("digits").hold_out(0.2)


@pytest.fixture
def explorer():
    return widgets.neighbours(TRAIN, TEST, image=3, k=5)


def test_nothing_changes_without_a_disturbance():
    image = np.arange(48, dtype=np.uint8).reshape(3, 4, 4)
    np.testing.assert_array_equal(widgets.disturb(image), image)


def test_a_shift_moves_the_image_and_lets_black_in():
    image = np.arange(1, 13, dtype=np.uint8).reshape(1, 3, 4)
    moved = widgets.disturb(image, right=1, down=-1)
    assert moved[0].tolist() == [[0, 5, 6, 7], [0, 9, 10, 11], [0, 0, 0, 0]]


@pytest.mark.parametrize("right, down", [(4, 0), (-9, 0), (0, 3), (0, -3), (99, 99)])
def test_a_shift_by_the_whole_width_leaves_nothing(right, down):
    image = np.full((1, 3, 4), 7, np.uint8)
    assert not widgets.disturb(image, right=right, down=down).any()


def test_brightness_stops_at_black_and_white_instead_of_wrapping():
    image = np.array([[[10, 250]]], np.uint8)
    assert widgets.disturb(image, light=20).tolist() == [[[30, 255]]]
    assert widgets.disturb(image, light=-20).tolist() == [[[0, 230]]]


def test_the_square_covers_the_middle():
    covered = widgets.disturb(np.zeros((1, 6, 6), np.uint8), square=2)
    assert covered.sum() == 4 * 128 and (covered[0, 2:4, 2:4] == 128).all()


def test_disturbing_never_alters_the_data_set():
    before = TEST.images[3].copy()
    widgets.disturb(TEST.images[3], 1, 1, 50, 3)
    np.testing.assert_array_equal(TEST.images[3], before)


def test_the_sentence_states_the_vote_and_the_distances():
    rows = data.flatten(TRAIN.images)
    query = data.flatten(TEST.images[3:4])
    indices, d = neighbors.nearest(query, rows, 5)
    winner = neighbors.vote(TRAIN.labels[indices], 10)[0]
    alt = widgets.render_neighbours(TRAIN, TEST, image=3, k=5).alt
    assert f"neighbours say {winner}: right" in alt
    assert f"Nearest L2 distance {d[0, 0]:.0f}, k-th {d[0, -1]:.0f}" in alt


def test_a_wrong_vote_is_called_wrong():
    alt = widgets.render_neighbours(TRAIN, TEST, image=220, k=5).alt
    assert "4 of 5 neighbours say 6: wrong, it is 5" in alt


def test_the_readers_functions_are_the_ones_that_run():
    calls = []

    def mine(x, y):
        calls.append("distances")
        return neighbors.l2_distances(x, y)

    def elect(labels, num_classes):
        calls.append("vote")
        return np.array([7])

    picture = widgets.render_neighbours(
        TRAIN, TEST, 3, 4, l2_distances=mine, vote=elect
    )
    assert calls == ["distances", "vote"] and "say 7" in picture.alt


@pytest.mark.parametrize(
    "name, value",
    [
        ("image", 100),
        ("k", 15),
        ("k", 1),
        ("metric", "l1"),
        ("right", 2),
        ("right", -4),
        ("down", 3),
        ("light", 100),
        ("light", -200),
        ("square", 4),
        ("square", 8),
    ],
)
def test_every_control_changes_the_picture(explorer, name, value):
    before = explorer.image.value
    explorer.controls[name].value = value
    assert explorer.image.value != before
    assert explorer.status.value == ""


def test_all_corners_of_the_controls_can_be_drawn(explorer):
    controls = explorer.controls
    for name in ("k", "right", "down", "light", "square", "image"):
        for end in ("min", "max"):
            controls[name].value = getattr(controls[name].slider, end)
            assert explorer.status.value == ""


def test_an_error_in_the_readers_function_is_shown(monkeypatch):
    monkeypatch.delenv("CNNLAB_STRICT")
    broken = []

    def mine(x, y):
        if broken:
            raise ZeroDivisionError("oh dear")
        return neighbors.l2_distances(x, y)

    explorer = widgets.neighbours(TRAIN, TEST, l2_distances=mine)
    broken.append(True)
    explorer.controls["image"].value = 7
    assert "oh dear" in explorer.status.value


@pytest.mark.parametrize("severity", [0.0, 0.7])
def test_colour_pictures_work_as_well(severity):
    train = data.load("scenes", "train", n=60, severity=severity)
    test = data.load("scenes", "test", n=5, severity=severity)
    picture = widgets.render_neighbours(train, test, 2, 15, "l1", right=-3, square=9)
    image = Image.open(io.BytesIO(picture.data))
    assert image.size[0] == 480 and image.mode == "RGB"


def pixels_of(picture) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture.data)))


def count(image: np.ndarray, colour: str) -> int:
    wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return int((image == wanted).all(axis=2).sum())


def test_blue_is_the_right_class_whoever_wins():
    # Image 159 is a nine; of its five neighbours three say 3 and win, two say 9.
    picture = widgets.render_neighbours(TRAIN, TEST, 159, 5)
    assert "3 of 5 neighbours say 3: wrong, it is 9" in picture.alt
    board = pixels_of(picture)[:75]  # the first row of neighbours
    frame = (46 + 6) ** 2 - 46**2
    assert count(board, plots.BLUE) == 2 * frame
    assert count(board, plots.ORANGE) == 3 * frame


def test_the_board_keeps_its_size_and_fits_beside_its_controls():
    [(height, width, _)] = {
        pixels_of(widgets.render_neighbours(TRAIN, TEST, 3, k)).shape
        for k in (1, 5, 6, 15)
    }
    assert width == 480 and height < 560
    note = Image.open(io.BytesIO(widgets.render_neighbours(TRAIN, TEST).data)).text
    assert float(note["Text"]) * 364 / 480 > 9


def test_few_training_images_limit_k():
    explorer = widgets.neighbours(TRAIN.take(range(4)), TEST, k=2)
    assert explorer.controls["k"].slider.max == 4


def test_one_step_of_a_slider_takes_milliseconds():
    widgets.render_neighbours(TRAIN, TEST, 1, 15)  # fonts are read once
    times = []
    for image in range(9):
        start = time.perf_counter()
        widgets.render_neighbours(TRAIN, TEST, image, 15, right=1)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.2  # about 0.015 on an idle core
