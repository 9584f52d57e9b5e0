"""The drawings of notebook 05: what they show, and that they leave nothing open."""

import matplotlib as mpl
import numpy as np
import pytest
from _figures import no_figure_stays_open, pixels  # noqa: F401

from cnnlab import neurons, plots

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 2))
T = (X[:, 0] > 0).astype(int)


def count(sheet, colour):
    wanted = np.array(mpl.colors.to_rgb(colour)) * 255
    return int((np.abs(sheet - wanted.round()).max(axis=2) < 2).sum())


def test_half_planes_have_the_colour_of_their_answer():
    sheet = pixels(plots.line_board(X, T, [1.0, 0.0], 0.0))
    left, right = sheet[5, 60], sheet[5, 450]
    assert left[2] > left[0] and right[0] > right[2]  # blue is 0, orange is 1


def test_a_perceptron_without_weights_has_no_line_and_no_arrow(recwarn):
    plain = plots.line_board(X, T, [0.0, 0.0], -1.0)
    lined = plots.line_board(X, T, [0.0, 0.1], 0.0)
    assert plain != lined and not recwarn.list


def test_wrong_points_are_ringed_and_the_last_one_is_framed():
    right = pixels(plots.line_board(X, T, [1.0, 0.0], 0.0))
    wrong = pixels(plots.line_board(X, T, [-1.0, 0.0], 0.0))
    assert count(wrong, "black") > count(right, "black") + 1000
    framed = pixels(plots.line_board(X, T, [1.0, 0.0], 0.0, None, 3))
    assert count(right, "#D55E00") == 0 and count(framed, "#D55E00") > 100


def test_the_line_before_a_correction_stays_pale():
    before = ([0.5, 1.0], 0.2)
    with_it = plots.line_board(X, T, [1.0, 0.0], 0.0, before)
    assert count(pixels(with_it), "#8A8A8A") > 300


def test_xor_planes_say_where_the_inputs_land():
    figure = plots.xor_planes(*neurons.xor_network())
    assert "(0, 1), a 1, lands on (1, 1); (1, 0), a 1, lands on (1, 1)" in (
        figure.alternative
    )
    assert [ax.get_xlabel() for ax in figure.axes] == ["input 1", "hidden neuron 1"]
    for line, (w, b) in zip(
        figure.axes[0].get_lines(), zip(*neurons.xor_network()[:2], strict=True),
        strict=True,
    ):  # fmt: skip
        np.testing.assert_allclose(line.get_xydata() @ w + b, 0, atol=1e-12)


def test_xor_planes_draw_upright_lines_and_neurons_without_weights(recwarn):
    plots.xor_planes([[1, 0], [0, 0]], [-0.5, 1], [0, 0], [1])
    assert not recwarn.list


def lit(circuit, bits):
    read = neurons.read_circuit(circuit, len(bits))
    values = read.values(bits, lambda p, q: 1 - p * q)
    return plots.circuit_board(read, values, "abc", ("sum", "carry"))


def chain(a, b, nand):
    for _ in range(14):
        a = nand(a, b)
    return a, b


@pytest.mark.parametrize(
    ("circuit", "bits"),
    [(neurons.half_adder, (1, 0)), (neurons.full_adder, (1, 1, 0)), (chain, (1, 1)),
     (lambda a, b, nand: (a, b), (0, 1)), (lambda a, b, nand: (nand(a, a), a), (0, 1))],
)  # fmt: skip
def test_circuits_of_any_depth_fit_the_page(circuit, bits, recwarn):
    sheet = pixels(lit(circuit, bits))
    assert sheet.shape[1] == 560 and sheet.shape[0] < 420 and not recwarn.list


def test_wires_with_a_one_are_orange():
    dark, bright = (pixels(lit(neurons.half_adder, bits)) for bits in ((0, 0), (1, 1)))
    off = pixels(lit(lambda a, b, nand: (a, b), (0, 0)))
    assert count(off, "#E69F00") == 0 and count(off, "#0072B2") > 300
    assert count(dark, "#E69F00") > 300 and count(bright, "#E69F00") > 300


def figures():
    w = np.linspace(-2, 2, 41)
    outputs = {"step": (w > 0) * 1.0, "sigmoid": neurons.sigmoid(w)}
    one = np.zeros(41)
    one[7] = 1
    changes = {"step": one, "sigmoid": 0 * w + 1e-4}
    sums = [neurons.layer_sums(X, neurons.start_layers((2, 5, 4, 3), s), "ReLU")
            for s in (0.1, 10)]  # fmt: skip
    return {
        "xor": plots.xor_planes(*neurons.xor_network()),
        "nudges": plots.nudge_curves(w, outputs, changes, 1e-3),
        "table": plots.activation_table(),
        "stack": plots.stack_histograms("ReLU", sums, ["small", "large"], "Two"),
    }


def test_every_figure_can_be_read_in_a_window_of_480_pixels(monkeypatch):
    monkeypatch.setenv("CNNLAB_STRICT", "1")
    plots.style()
    for name, figure in figures().items():
        assert figure.get_figwidth() <= 5.61, name
        assert plots.png(figure)


def test_figures_tell_their_numbers():
    told = {name: figure.alternative for name, figure in figures().items()}
    assert "step: 97.6% of the nudges change nothing" in told["nudges"]
    assert "tanh 62%" in told["table"] and "ReLU 50%" in told["table"]
    assert "small: from layer 1 to 3" in told["stack"]


def test_a_stack_that_answers_alike_is_drawn_without_a_warning(recwarn):
    zeros = [np.zeros((4, 3))] * 2
    plots.stack_histograms("ReLU", [zeros], ["none"], "Nothing")
    plots.stack_histograms("logistic", [zeros], ["half"], "Halves")
    assert not recwarn.list
