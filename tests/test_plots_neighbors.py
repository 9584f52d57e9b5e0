"""The drawings of notebook 02."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from cnnlab import neighbors, plots
from cnnlab.course import records


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    with plt.rc_context():
        plots.style()
        yield
    plt.close("all")


@pytest.fixture
def ax():
    return plt.subplots()[1]


def labelled(ax) -> bool:
    return bool(ax.get_xlabel() and ax.get_ylabel())


def test_the_difference_table_adds_up_to_456():
    a = [[56, 32, 10, 18], [90, 23, 128, 133], [24, 26, 178, 200], [2, 0, 255, 220]]
    b = [[10, 20, 24, 17], [8, 10, 89, 100], [12, 16, 178, 170], [4, 32, 233, 112]]
    figure = plots.difference_table(np.array(a), np.array(b))
    written = [text.get_text() for text in figure.axes[2].texts]
    assert sum(map(int, written)) == 456
    assert "456" in figure.axes[2].get_title(loc="left")
    assert all(labelled(one) for one in figure.axes)


def test_the_difference_table_of_uint8_does_not_wrap():
    a, b = np.array([[3]], np.uint8), np.array([[5]], np.uint8)
    assert plots.difference_table(a, b).axes[2].texts[0].get_text() == "2"


def test_neighbour_rows_frame_right_neighbours_in_blue():
    images = np.zeros((1, 3, 1, 4, 4), np.uint8)
    figure = plots.neighbour_rows(
        images[0, :1], images, [[True, False, True]], [["a", "b", "c"]]
    )
    colours = [
        plt.matplotlib.colors.to_hex(one.spines["left"].get_edgecolor())
        for one in figure.axes[1:]
    ]
    blue, orange = plots.BLUE.lower(), plots.ORANGE.lower()
    assert colours == [blue, orange, blue]


def test_regions_ask_for_every_place_once_and_label_the_axes(ax):
    points = np.array([[0.0, 0.0], [2.0, 1.0], [1.0, 3.0]])
    asked = []

    def answer(places):
        asked.append(len(places))
        return neighbors.predict(places, points, np.array([0, 1, 2]))

    plots.regions(ax, answer, points, np.array([0, 1, 2]), "abc", "title", steps=20)
    assert asked == [400] and labelled(ax)
    assert len(np.unique(ax.images[0].get_array())) == 3


def test_the_fold_table_holds_out_one_fold_a_round():
    figure = plots.fold_table(4)
    words = [text.get_text() for text in figure.axes[0].texts]
    assert words.count("asked") == 4 and words.count("remembered") == 12


def test_the_fold_table_needs_two_folds():
    with pytest.raises(ValueError, match="num_folds"):
        plots.fold_table(1)


def test_the_validation_curve_draws_mean_and_spread_in_percent(ax):
    plots.validation_curve(ax, [1, 3], np.array([[0.5, 0.7], [0.2, 0.4]]))
    line = ax.containers[0].lines[0]
    np.testing.assert_allclose(line.get_ydata(), [60, 30])
    bars = ax.containers[0].lines[2][0].get_segments()
    np.testing.assert_allclose(bars[0][:, 1], [60 - 200**0.5, 60 + 200**0.5])
    assert labelled(ax)


def test_the_concentration_law_passes_through_its_formula(ax):
    plots.concentration(ax, [1, 100], [1.2, 0.12], {"digits": (64, 0.3)})
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [1.4**0.5, 0.014**0.5])
    assert labelled(ax)


def test_the_shift_curve_is_in_percent(ax):
    plots.shift_curve(ax, range(3), {"a": [1, 0.5, 0.1], "b": [0.9, 0.8, 0.7]})
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [100, 50, 10])
    assert labelled(ax)


def test_the_stored_record_is_drawn_with_one_panel_a_data_set():
    record = records.read("knn_accuracy")
    figure = plots.record_curves(record)
    names = {row["dataset"] for row in record["subsets"]}
    assert {one.get_title(loc="left") for one in figure.axes} == names
    assert all(one.get_xlabel() for one in figure.axes)


def test_the_stored_record_says_how_it_was_measured():
    record = records.read("knn_accuracy")
    assert {"command", "hardware", "versions", "sources", "ks"} <= record.keys()
    for row in record["subsets"]:
        runs = np.array(row["runs"])
        assert runs.shape == (row["seeds"], len(record["ks"])) and row["seeds"] >= 5
        np.testing.assert_allclose(row["mean"], runs.mean(axis=0), atol=1e-4)
        np.testing.assert_allclose(row["sd"], runs.std(axis=0, ddof=1), atol=1e-4)
    assert {row["dataset"] for row in record["full"]} >= {"digits", "scenes", "mnist"}
