"""The drawings of notebook 11: what they show, and that areas are to scale."""

import numpy as np
from _figures import no_figure_stays_open, pixels  # noqa: F401

from cnnlab import plots
from cnnlab.plots.anatomy import GAP, MIB, SLOT, WIDTH, slots


def test_bars_back_to_back_are_shares():
    figure = plots.mirror_bars(["a", "b"], [1, 3], [6, 2], ("left", "right"), "T")
    assert "a 25.0 and 75.0; b 75.0 and 25.0" in figure.alternative
    widths = [bar.get_width() for bar in figure.axes[0].patches]
    np.testing.assert_allclose(widths, [-25, -75, 75, 25])


def test_memory_is_stacked_in_mib():
    memory = {"images": (0, MIB), "conv1": (2 * MIB, 3 * MIB)}
    figure = plots.memory_bars(memory, "T")
    assert "conv1 2 and 3; together 2 and 4 MiB" in figure.alternative
    assert figure.axes[0].get_xlabel() == "MiB"


def test_areas_are_to_scale_and_all_boxes_find_room():
    for values in ([1, 0, 100, 40], [5] * 11, [1e9, 1, 1], [0, 0]):
        places = slots(values)
        sides = np.array([side for _, side in places])
        if max(values):
            np.testing.assert_allclose(
                sides**2 * max(values), np.array(values) * sides.max() ** 2, atol=1e-6
            )
        lefts = [left for left, _ in places]
        ends = [left + max(side, SLOT) for left, side in places]
        assert all(b >= a + GAP - 0.01 for a, b in zip(ends, lefts[1:], strict=False))
        assert lefts[0] >= 0 and ends[-1] <= WIDTH
