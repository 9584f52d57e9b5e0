"""The drawings and the widget of notebook 09."""

import time

import numpy as np
import pytest
from _figures import no_figure_stays_open  # noqa: F401

from cnnlab import layers, plots, scenes, widgets


@pytest.fixture
def charts():
    passes = np.linspace(0, 1, 4)[:, None] * np.ones(2)
    return layers.Charts(2.3 - passes, passes, 0.5 - passes / 4, passes / 10)


def test_charts_say_what_they_show(charts):
    figure = plots.clinic_charts({"A": charts, "B": charts}, "Two")
    assert "A: training loss 2.30 at the start, 1.97 after one pass, 1.30" in (
        figure.alternative
    )
    heads = [ax.get_title() or ax.get_title(loc="left") for ax in figure.axes[:3]]
    assert heads == ["loss", "outputs above 0", "moved so far"]
    assert figure.axes[-1].get_xlabel() == "passes"
    assert plots.png(figure)[:4] == b"\x89PNG"


def test_learning_lines_and_rungs_name_their_numbers():
    figure = plots.learning_lines([[0.1, 0.95], [0.1, 0.9]], {"linear": 0.4}, "T")
    assert figure.alternative == "T: 2 networks reach 95%, 90%; linear 40%."
    plots.png(figure)
    figure = plots.rungs({"labels": (2.3, 1e-7, 0.5, [0.08, 0.12])}, "T")
    assert figure.alternative == (
        "T: labels: 1: first loss passes, 2: gradients passes, "
        "3: 20 images alarm, alarm, 4: held out alarm, 8%, 12%."
    )
    plots.png(figure)


@pytest.fixture(scope="module")
def explorer():
    images, y = scenes.generate(4, 0, 0.3)
    x = images.astype(np.float32) / 255
    film = [layers.small_cnn(seed) for seed in range(3)]
    return widgets.network_explorer(film, x, images, y, scenes.CLASSES)


def test_both_controls_change_picture_and_sentence(explorer):
    seen = {(explorer.image.value, explorer.text.value)}
    assert explorer.controls["passes"].value == 2  # the trained one is shown first
    for name, value in (("passes", 0), ("which", 2)):
        explorer.controls[name].value = value
        assert explorer.status.value == ""
        seen.add((explorer.image.value, explorer.text.value))
    assert len(seen) == 3 and "The answer is" in explorer.text.value


def test_a_picture_takes_less_than_a_twentieth_of_a_second(explorer):
    times = []
    for step in range(6):
        start = time.process_time()
        explorer.controls["which"].value = step % 4
        times.append(time.process_time() - start)
    assert np.median(times) < 0.05, times
