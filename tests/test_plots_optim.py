"""The drawings of notebook 04: what they show, and that they leave nothing open."""

import numpy as np
import pytest
from _figures import no_figure_stays_open, pixels  # noqa: F401

from cnnlab import landscapes, plots

X = np.array([1.0, 2.0, 4.0, 8.0])


def test_walks_lie_on_the_curve_of_the_cost_and_what_leaves_it_is_not_drawn():
    walks = [np.array([0.0, 1.0, 2.0]), np.array([0.0, 8.0, -400.0])]
    figure = plots.descents(lambda w: (w - 3) ** 2, walks, (0.1, 1.1))
    first, second = figure.axes
    places, costs = first.lines[1].get_data()
    np.testing.assert_allclose(costs, (places - 3) ** 2)
    assert np.isnan(second.lines[1].get_xdata()[2])
    assert second.get_title() == "rate 1.1" and second.get_xlabel()
    assert "rate 1.1: 0, 8, -400, ..., -400" in figure.alternative


def test_a_power_law_has_its_slope_in_the_title():
    figure = plots.power_laws(X, 3 * X**-0.5, "images", "angle")
    [ax] = figure.axes
    assert ax.get_title() == "A line of slope -0.50"
    assert ax.get_xscale() == ax.get_yscale() == "log"
    assert "3 at 1, 1.1 at 8" in figure.alternative


def test_a_band_is_drawn_about_its_middle():
    middle = X**2
    figure = plots.power_laws(X, [middle / 2, middle, middle * 2], "a", "b", "blue")
    assert figure.axes[0].get_title().endswith("2.00")
    assert len(figure.axes[0].collections) == 1


def test_a_curve_without_a_line_has_its_least_value_named():
    figure = plots.power_laws(X, [3, 1, 2, 9], "step h", "error", line=False)
    assert figure.axes[0].get_title() == "Error: least at 2e+00"


def test_limits_are_drawn_where_they_were_predicted_and_infinity_at_the_top(recwarn):
    costs = {"a": [0.1, 0.2, np.inf, np.nan], "b": [0.1, 0.2, 0.1, 9.0]}
    figure = plots.limits(X, costs, {"a": 3.0, "b": 6.0}, 0.5)
    [ax] = figure.axes
    shown = ax.lines[0].get_ydata()
    assert shown.tolist() == [0.1, 0.2, 500, 500]
    assert ax.lines[1].get_xdata() == [3.0, 3.0]
    assert ax.get_title() == "Lost from rates 4 and 8 on; dashed: predicted"
    assert "a: predicted 3, seen at 4; b: predicted 6, seen at 8" in figure.alternative
    assert not recwarn.list


def test_a_race_shows_means_and_bands_and_a_curve_may_be_shorter():
    curves = {"all images": [[8.0, 4, 4, 4], [8, 6, 6, 4]], "one image": [8.0, 3, 2]}
    figure = plots.race(X, curves, "epochs", "loss", "A race")
    [ax] = figure.axes
    assert ax.lines[0].get_ydata().tolist() == [8, 5, 5, 4]
    assert ax.lines[1].get_xdata().tolist() == [1, 2, 4]
    assert ax.get_title() == "A race"
    assert "all images 5, then 4 at 8; one image 3, then 2 at 4" in figure.alternative


@pytest.fixture(scope="module")
def hill():
    return landscapes.valley()


def test_the_map_is_light_where_the_loss_is_low(hill):
    picture = plots.map_of(hill.loss, hill.low, hill.high)
    assert picture.shape == (300, 300, 3) and picture.dtype == np.uint8
    share = (hill.lowest - hill.low) / np.subtract(hill.high, hill.low)
    row, column = int((1 - share[1]) * 300), int(share[0] * 300)
    assert picture[row, column, 0] == picture.max() > picture[0, 0, 0]


def test_the_board_draws_the_walk_as_far_as_it_is_shown(hill):
    picture = plots.map_of(hill.loss, hill.low, hill.high)
    path = np.stack([np.linspace(-4, 10, 61), np.linspace(9, 0, 61)], axis=1)
    losses = hill.loss(path)

    def orange(shown):
        found = pixels(plots.walk_board(picture, hill, path, losses, shown))
        assert found.shape[1] <= 560
        return (found == (0xD5, 0x5E, 0x00)).all(axis=2).sum()

    assert 0 < orange(0) < orange(10) < orange(60)


def test_a_walk_that_runs_away_is_marked_and_raises_nothing(hill, recwarn):
    picture = plots.map_of(hill.loss, hill.low, hill.high)
    path = np.full((61, 2), np.nan)
    path[:4] = [[0, 5], [0, -50], [0, 1e80], [np.inf, 0]]
    losses = np.full(61, np.nan)
    losses[:2] = hill.loss(path[:2])
    found = pixels(plots.walk_board(picture, hill, path, losses, 60))
    assert (found[:40, 380:] == (0xD5, 0x5E, 0x00)).all(axis=2).any()  # the triangles
    assert not recwarn.list
