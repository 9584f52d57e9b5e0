"""The widget of notebook 07, every control driven without a browser."""

import statistics
import time

import numpy as np
import pytest

from cnnlab import ops, widgets
from cnnlab.widgets.conv import OWN, read_kernel, written


def in_six_loops(x, w, b=None, stride=1, padding=0, dilation=1, groups=1):
    """A learner's conv2d, as slow as can be."""
    out = np.zeros_like(ops.conv2d(x, w, b, stride, padding, dilation))
    x = np.pad(x, ((0, 0), (0, 0), (padding,) * 2, (padding,) * 2)).tolist()
    _, channels, rows, columns = w.shape
    w = w.tolist()
    for n, f, i, j in np.ndindex(out.shape):
        for c in range(channels):
            for k in range(rows):
                for m in range(columns):
                    pixel = x[n][c][i * stride + k * dilation][
                        j * stride + m * dilation
                    ]
                    out[n, f, i, j] += pixel * w[f][c][k][m]
    return out


def test_every_control_changes_picture_and_sentence():
    explorer = widgets.conv_explorer()
    seen = {(explorer.image.value, explorer.text.value)}
    changes = {"step": 3, "size": 8, "kernel": "1 2 / 3 4", "stride": 2, "padding": 1,
               "dilation": 2, "image": "coffee, colour"}  # fmt: skip
    for name, value in changes.items():
        explorer.controls[name].value = value
        assert explorer.status.value == ""
        seen.add((explorer.image.value, explorer.text.value))
    assert len(seen) == 8


def test_the_places_follow_the_size_of_the_map():
    explorer = widgets.conv_explorer()
    step = explorer.controls["step"]
    step.value = 15
    assert "Place 16 of 16" in explorer.text.value
    explorer.controls["stride"].value = 2
    assert step.slider.max == step.box.max == step.value == 3
    assert "Place 4 of 4: row 1, column 1." in explorer.text.value


def test_buttons_walk_over_the_map_and_come_round():
    explorer = widgets.conv_explorer()
    row = next(one for one in explorer.both.children[0].children
               if hasattr(one, "children") and len(one.children) == 4)  # fmt: skip
    back, following, up, down = row.children
    walked = []
    for button in (following, down, down, up, back, back):
        button.click()
        walked.append(explorer.controls["step"].value)
    assert walked == [1, 5, 9, 5, 4, 3]
    explorer.controls["step"].value = 0
    back.click()
    assert explorer.controls["step"].value == 15


def test_a_preset_is_written_out_and_a_change_makes_it_ones_own():
    explorer = widgets.conv_explorer()
    explorer._preset.value = "blur"
    assert explorer.controls["kernel"].value.startswith("1÷9 1÷9")
    assert "Sum of the 9 products: 4.4" in explorer.text.value
    explorer.controls["kernel"].value = "1 -3"
    assert explorer._preset.value == OWN and "2 products: 2" in explorer.text.value
    explorer.controls["kernel"].value = "1 0 -1 / 2 0 -2 / 1 0 -1"
    assert explorer._preset.value == "vertical edges (lecture)"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("kernel", "1 2 / 3", "equally many numbers; yours: 2, 1"),
        ("kernel", "", "equally many"),
        ("kernel", "1 two", "'two' is no number"),
        ("kernel", "0,5 1", "0.5 with a point"),
        ("kernel", "1 1÷0", "'1÷0' is no number"),
        ("kernel", "1e9", "from -999 to 999"),
        ("kernel", "nan", "from -999 to 999"),
        ("kernel", "1 2 3 4 5 6", "room for kernels of 5"),
        ("kernel", "1 | 2", "The image has 1 channel, and your text 2 kernels"),
        ("kernel", "1 | 2 3", "have the same size"),
        ("dilation", 3, "a window of 7 does not fit"),
    ],
)
def test_what_cannot_be_drawn_is_explained_and_the_picture_stays(name, value, said):
    explorer = widgets.conv_explorer()
    before, old = explorer.image.value, explorer.controls[name].value
    explorer.controls[name].value = value
    shown = explorer.status.value.replace("&#x27;", "'")
    assert "Not possible." in shown and said in shown, shown
    assert explorer.image.value == before
    explorer.controls[name].value = old
    assert explorer.status.value == ""


def test_kernels_are_read_as_they_are_written():
    assert read_kernel("1 −2, .5 / 0 1÷4 3").tolist() == [[[1, -2, 0.5], [0, 0.25, 3]]]
    planes = read_kernel("1 | 2 | 3", 3)
    assert planes[:, 0, 0].tolist() == [1, 2, 3]
    assert read_kernel("1 2", 3).shape == (3, 1, 2)
    kernel = np.array([[1.0, -0.5], [0.25, 12.0]])
    assert (read_kernel(written(kernel))[0] == kernel).all()


def test_the_widget_runs_the_learners_own_function():
    def doubled(x, w, *settings):
        return 2 * ops.conv2d(x, w, *settings)

    own = widgets.convolved(conv2d=doubled)
    assert own.data != widgets.convolved().data
    with pytest.raises(ValueError, match="conv2d gave shape"):
        widgets.convolved(conv2d=lambda x, w, *settings: x)


def test_a_step_is_drawn_in_a_twentieth_of_a_second_with_slow_loops_too():
    explorer = widgets.conv_explorer(in_six_loops, "coffee, colour", 16)
    times = []
    for step in range(1, 22):
        start = time.process_time()
        explorer.controls["step"].value = step
        times.append(time.process_time() - start)
    assert statistics.median(times) < 0.05
