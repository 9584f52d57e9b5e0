"""The drawings and the widget of notebook 15."""

import statistics
import time

import pytest
from _figures import no_figure_stays_open  # noqa: F401

from cnnlab import plots, widgets
from cnnlab.course import records

ROWS = records.read("timeline")["rows"]


def test_the_spread_of_the_seeds_is_told():
    runs = [{"error_on_training_pictures": e, "error": 0.6} for e in (0.41, 0.5)]
    rows = {"plain 8": {"runs": runs}, "plain 20, no batch norm": {"runs": runs[:1]}}
    said = plots.depth_errors(rows, "T").alternative
    assert "plain, 8 layers: 41 to 50 %" in said
    assert "no batch norm, 20 layers: 41 %" in said


@pytest.mark.parametrize("across", ["year of the paper", "layers with weights"])
@pytest.mark.parametrize("chosen", ["ResNet-152", "ResNet-50, trained as in 2021"])
def test_the_timeline_tells_the_chosen_networks_numbers(across, chosen):
    said = plots.timeline_board(ROWS, across, "top5", chosen).alt
    assert chosen in said and f"{ROWS[chosen]['parameters']:,} parameters" in said
    assert f"{ROWS[chosen]['top5']:.1f} %" in said


def test_every_control_changes_the_picture_within_a_twentieth_of_a_second():
    board, times = widgets.timeline_explorer(ROWS), []
    for name, value in (
        ("across", "parameters"), ("across", "year of the paper"), ("error", "top5"),
        ("network", "VGG D"), ("across", "layers with weights"), ("error", "top1"),
    ):  # fmt: skip
        before, start = board.image.value, time.process_time()
        board.controls[name].value = value
        times.append(time.process_time() - start)
        assert board.image.value != before and board.status.value == ""
    assert statistics.median(times) < 0.05
