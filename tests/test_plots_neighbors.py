"""The drawings of notebook 02."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from cnnlab import neighbors, plots
from cnnlab.course import records

A = np.array(
    [[56, 32, 10, 18], [90, 23, 128, 133], [24, 26, 178, 200], [2, 0, 255, 220]]
)
B = np.array(
    [[10, 20, 24, 17], [8, 10, 89, 100], [12, 16, 178, 170], [4, 32, 233, 112]]
)
POINTS = np.array([[0.0, 0.0], [2.0, 1.0], [1.0, 3.0]])
MARKS = np.array([0, 1, 2])


@pytest.fixture(autouse=True)
def no_figure_stays_open(monkeypatch):
    monkeypatch.setenv("CNNLAB_STRICT", "1")  # png() refuses small print
    with plt.rc_context():
        plots.style()
        yield
    plt.close("all")


def labelled(ax) -> bool:
    return bool(ax.get_xlabel() and ax.get_ylabel())


def titles(figure) -> list[str]:
    return [ax.get_title(loc="left") or ax.get_title() for ax in figure.axes]


def rows_figure(**options):
    images = np.zeros((2, 3, 1, 4, 4), np.uint8)
    labels = [[4, 7, 4], [1, 1, 0]]
    return plots.neighbour_rows(images[:, 0], [4, 0], images, labels, **options)


FIGURES = {
    "difference_table": lambda: plots.difference_table(A, B),
    "neighbour_rows": lambda: rows_figure(title="two rows"),
    "regions": lambda: plots.regions(
        POINTS,
        MARKS,
        ["circle", "square", "triangle"],
        {"k = 1": lambda places: neighbors.predict(places, POINTS, MARKS)},
        "title",
        20,
    ),
    "k_curves": lambda: plots.k_curves([1, 3], {"a": [0.9, 0.8], "b": [1, 0.5]}, 50),
    "fold_table": lambda: plots.fold_table(4),
    "fold_curve": lambda: plots.fold_curve([1, 3], [[0.5, 0.7], [0.2, 0.4]], "t"),
    "equal_changes": lambda: plots.equal_changes(
        np.full((3, 9, 9), 50), {"brighter": np.full((3, 9, 9), 60)}, gap, "t"
    ),
    "falling_curves": lambda: plots.falling_curves(
        [0, 1000], {"one": [1, 0.4], "two": [0.9, 0.8]}, "pixels of static", "t"
    ),
    "memory_curves": lambda: plots.memory_curves(records.read("knn_accuracy"), "t"),
}


def gap(a, b):
    return np.abs(a - b).sum()


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_narrow_readable_and_says_what_it_shows(name):
    figure = FIGURES[name]()
    assert figure.get_figwidth() <= 5.6
    assert len(figure.alternative.split()) >= 8
    assert any(letter.isdigit() for letter in figure.alternative)
    assert plots.png(figure).startswith(b"\x89PNG")  # or the print is too small


def test_the_difference_table_adds_up_to_456():
    figure = plots.difference_table(A, B)
    written = [text.get_text() for text in figure.axes[2].texts]
    assert sum(map(int, written)) == 456
    assert "456" in titles(figure)[2]
    assert "|56 − 10| = 46; all 16 add up to 456" in figure.alternative


def test_the_difference_table_of_uint8_does_not_wrap():
    a, b = np.array([[3]], np.uint8), np.array([[5]], np.uint8)
    assert plots.difference_table(a, b).axes[2].texts[0].get_text() == "2"


def test_neighbour_rows_frame_neighbours_of_the_right_class_in_blue():
    colours = [
        plt.matplotlib.colors.to_hex(ax.spines["left"].get_edgecolor())
        for ax in rows_figure().axes
        if ax.spines["left"].get_visible()
    ]
    blue, orange = plots.BLUE.lower(), plots.ORANGE.lower()
    assert colours == [blue, orange, blue, orange, orange, blue]


def test_neighbour_rows_say_classes_and_distances_above_and_in_words():
    figure = rows_figure(distances=[[1000, 2000.4, 3000], [5, 6, 7]])
    above = titles(figure)
    assert above[:4] == ["asked: 4", "4 · 1,000", "7 · 2,000", "4 · 3,000"]
    assert "Nearest to a 4: 4, 7, 4, at distances from 1,000 to" in figure.alternative


def test_neighbour_rows_take_names_of_classes():
    figure = rows_figure(classes=list("abcdefgh"))
    assert titles(figure)[:2] == ["asked: e", "e"]


def test_regions_ask_for_every_place_and_tell_the_share_of_points_right():
    asked = []

    def answer(places):
        asked.append(len(places))
        return neighbors.predict(places, POINTS, MARKS)

    figure = plots.regions(POINTS, MARKS, "abc", {"k = 1": answer}, steps=20)
    assert asked == [400 + 1 + 3]  # places, the stray point, the points
    assert labelled(figure.axes[0])
    assert len(np.unique(figure.axes[0].images[0].get_array())) == 3
    assert titles(figure) == ["k = 1: 100% right"]
    assert "k = 1: c, 100% right" in figure.alternative  # the stray is the last point


def test_the_colours_of_classes_in_the_plane_are_not_those_of_right_and_wrong():
    from cnnlab.plots.neighbors import REGION_COLOURS

    assert not {plots.BLUE, plots.ORANGE} & set(REGION_COLOURS)


def test_curves_over_k_carry_bars_of_one_standard_error():
    figure = plots.k_curves([1, 4], {"a": [0.9, 0.5]}, asked=100)
    ax = figure.axes[0]
    bars = ax.containers[0].lines[2][0].get_segments()
    np.testing.assert_allclose(bars[0][:, 1], [87, 93])
    np.testing.assert_allclose(bars[1][:, 1], [45, 55])
    assert labelled(ax) and "a: k = 1: 90.0%, k = 4: 50.0%" in figure.alternative


def test_the_fold_table_holds_out_one_fold_a_round():
    figure = plots.fold_table(4)
    words = [text.get_text() for text in figure.axes[0].texts]
    assert words.count("asked") == 4 and words.count("known") == 12


def test_the_fold_table_needs_two_folds():
    with pytest.raises(ValueError, match="num_folds"):
        plots.fold_table(1)


def test_the_fold_curve_draws_mean_and_spread_in_percent():
    figure = plots.fold_curve([1, 3], np.array([[0.5, 0.7], [0.2, 0.4]]))
    ax = figure.axes[0]
    np.testing.assert_allclose(ax.containers[0].lines[0].get_ydata(), [60, 30])
    bars = ax.containers[0].lines[2][0].get_segments()
    np.testing.assert_allclose(bars[0][:, 1], [60 - 200**0.5, 60 + 200**0.5])
    assert labelled(ax) and "k = 1: 60.0 ± 14.1 %" in figure.alternative


def test_equal_changes_measure_each_change_by_the_given_distance():
    figure = FIGURES["equal_changes"]()
    assert titles(figure)[1] == "brighter\n2,430"
    assert "brighter at distance 2,430" in figure.alternative


def test_falling_curves_are_in_percent_and_named():
    figure = FIGURES["falling_curves"]()
    ax = figure.axes[0]
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [100, 40])
    assert labelled(ax) and "one: 0: 100 %, 1,000: 40 %" in figure.alternative
    assert [text.get_text() for text in ax.get_legend().texts] == ["one", "two"]


def test_the_stored_record_is_drawn_with_one_line_a_data_set():
    record = records.read("knn_accuracy")
    figure = plots.memory_curves(record)
    ax = figure.axes[0]
    names = [row["dataset"] for row in record["memory"]]
    assert [text.get_text() for text in ax.get_legend().texts] == names
    assert labelled(ax) and all(name in figure.alternative for name in names)


def test_the_stored_record_says_how_it_was_measured():
    record = records.read("knn_accuracy")
    assert {"command", "hardware", "versions", "sources", "ks"} <= record.keys()
    for row in (*record["validation"], *record["memory"]):
        runs = np.array(row["runs"])
        columns = len(row["n_train"] if "k" in row else record["ks"])
        assert runs.shape == (row["seeds"], columns) and row["seeds"] >= 5
        np.testing.assert_allclose(row["mean"], runs.mean(axis=0), atol=1e-4)
        np.testing.assert_allclose(row["sd"], runs.std(axis=0, ddof=1), atol=1e-4)
    assert {row["dataset"] for row in record["validation"]} >= {"digits", "mnist"}


def test_the_stored_record_holds_one_test_accuracy_a_data_set_at_the_chosen_k():
    record = records.read("knn_accuracy")
    for row in record["exam"]:
        held = row["chosen_on"]
        assert row["chosen_k"] == record["ks"][int(np.argmax(held["accuracy"]))]
        p = row["accuracy"]
        assert isinstance(p, float)
        error = np.sqrt(p * (1 - p) / row["n_test"])
        assert row["standard_error"] == pytest.approx(error, abs=1e-5)
    assert "digits" not in {row["dataset"] for row in record["exam"]}  # in notebook 02
