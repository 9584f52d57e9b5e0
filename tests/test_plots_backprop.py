"""The drawings of notebook 06: what they show, and that they leave nothing open."""

import io

import numpy as np
import pytest
from _figures import no_figure_stays_open  # noqa: F401
from PIL import Image

from cnnlab import expressions, plots, scalar
from cnnlab.plots.backprop import _places, _short, colour_of

XY = {"x": 3.0, "y": -2.0, "a": 1.0, "b": 0.5, "c": 2.0}


def board(text, step, **options):
    return plots.graph_board(*expressions.parse(text, XY), step, **options)


def test_the_network_shows_every_weight_output_and_signal():
    layers = [(np.array([[0.5, -0.3]]), np.array([0.1]))]
    figure = plots.network(layers, [np.array([1.0, 0.0]), np.array([0.6])], [[0.25]])
    texts = {text.get_text() for text in figure.axes[0].texts}
    assert {"+0.5", "−0.3", "bias +0.1", "0.600", "δ +0.2500"} <= texts
    assert "+0.2500" in figure.alternative and "0.600" in figure.alternative


def test_error_curves_tell_who_reached_the_goal():
    figure = plots.error_curves([np.array([0.5, 0.05]), np.array([0.5, 0.4])], 0.1, "T")
    assert "1 end below 0.1" in figure.alternative and "1 do not" in figure.alternative
    ax = figure.axes[0]
    assert ax.get_xlabel() and ax.get_ylabel() and ax.get_title() == "T"
    assert ax.lines[0].get_color() != ax.lines[1].get_color()


def test_accuracies_are_dots_one_a_seed():
    shares = np.array([[[0.9, 0.8], [0.5, 0.6]], [[0.1, 0.2], [0.95, 0.97]]])
    figure = plots.who_learns(shares, ("none", "some"), ("one", "two"), "T")
    assert [len(line.get_xdata()) for line in figure.axes[0].lines[:2]] == [2, 2]
    assert "one: none 85%, some 55%" in figure.alternative


def test_prices_are_two_lines():
    figure = plots.price_lines(
        [10, 100], [100, 10_000], [20, 200], [(10, "small")], "T"
    )
    assert "1.0e+04 multiplications by nudging" in figure.alternative
    assert figure.axes[0].get_xscale() == figure.axes[0].get_yscale() == "log"


def test_steps_go_forward_then_back():
    output, names = expressions.parse("x*x + y", XY)
    assert plots.steps_of(output) == 5
    told = [plots.graph_board(output, names, step).alt for step in range(6)]
    assert "only the inputs" in told[0]
    assert "forward: 3 × 3 = 9" in told[1] and "9 + (−2) = 7" in told[2]
    assert "gets the blame 1" in told[3]
    assert "through the sum" in told[4] and "y gets slope 1 × blame 1 = 1" in told[4]
    assert "x gets slope 3 × blame 1 = 3, and has 6 in all" in told[5]


def test_every_step_changes_the_picture_and_the_blame_is_the_engines():
    output, names = expressions.parse("tanh(a*x + b) - c**2", XY)
    last = plots.steps_of(output)
    pictures = {plots.graph_board(output, names, s).data for s in range(last + 1)}
    assert len(pictures) == last + 1
    _, graph = scalar.graph_of(output)
    same = plots.graph_board(output, names, last, scalar.backward(graph, 0))
    assert same.data in pictures


def test_lines_are_as_wide_as_the_blame_that_flows():
    def inked(text):
        data = board(text, 99).data
        pixels = np.array(Image.open(io.BytesIO(data)).convert("RGB")).reshape(-1, 3)
        blue, red = (
            (pixels == [int(c[i : i + 2], 16) for i in (1, 3, 5)]).all(axis=1).sum()
            for c in (colour_of(1), colour_of(-1))
        )
        return blue, red

    assert inked("x * 2 + a * 2")[1] == inked("x + a")[1]  # the legend's word alone
    assert inked("a - x")[1] > inked("a + x")[1] + 100
    assert inked("x + a")[0] > 100


def test_no_box_lies_on_another_and_all_lie_inside():
    for text in (
        "(a*x + b*y)*(a + c*x) - relu(-x)**3",
        "a*b + c*x/y",
        "x",
        "log(exp(a) + exp(b) + exp(c)) - a",
        "(c - tanh(a*x + b*y + 1))**2",
    ):
        output, names = expressions.parse(text, XY)
        spots = _places(scalar.graph_of(output)[1])
        for i, (x, row) in enumerate(spots):
            assert -1e-9 <= x <= 5 + 1e-9
            for other, level in spots[:i]:
                assert level != row or abs(x - other) > 0.999
        image = Image.open(io.BytesIO(plots.graph_board(output, names, 3).data))
        assert image.width == 560 and image.height < 530
        assert float(image.text["Text"]) * 364 / 560 >= 9


@pytest.mark.parametrize(
    "text",
    ["a+b+c+x+y+a+b+c+x+y+a", "((a*a+b*b)+(c*c+x*x))+((y*y+a*b)+(c*x+y*a))"],
)
def test_graphs_that_do_not_fit_are_refused_with_their_size(text):
    with pytest.raises(ValueError, match="Shorten the formula"):
        board(text, 0)


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.0, "0"), (-1.5, "−1.5"), (12345.678, "1.23e4"), (-12345.678, "−1.2e4"),
     (1.234e-5, "1.2e−5"), (0.123456, "0.123"), (-0.0123, "−0.012"), (1e300, "1e300")],
)  # fmt: skip
def test_numbers_fit_their_box(number, text):
    assert _short(number) == text


def test_a_graph_of_one_node_and_of_constants():
    assert "gets the blame 1" in board("7", 1).alt
    assert "constants take no blame" in board("2 + 3", 3).alt
