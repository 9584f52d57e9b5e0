"""The drawing board of notebook 10, every control driven without a browser."""

import statistics
import time

import numpy as np
import pytest

from cnnlab import lenet, widgets
from cnnlab.widgets.lenet import SIDE, STEP


@pytest.fixture
def board():
    return widgets.drawing_board()


def _seen(board):
    assert board.status.value == ""
    return board.image.value, board.text.value


def test_every_control_changes_the_picture(board):
    pad, seen = board.controls["drawing"], [_seen(board)]
    for button in pad.arrows.values():
        button.click()
        seen.append(_seen(board))
    assert seen[1] != seen[0] and seen[1] != seen[2] and seen[3] != seen[4]
    for change in (
        lambda: setattr(pad.pen, "value", True),
        lambda: pad.arrows["ArrowLeft"].click(),
        lambda: setattr(board.controls["centre"], "value", False),
        lambda: setattr(board.controls["towards"], "value", "8"),
        lambda: setattr(pad.begin, "value", "7"),
        lambda: pad.blank.click(),
    ):
        before = _seen(board)
        change()
        assert _seen(board) != before


def test_the_pen_draws_only_when_it_is_down(board):
    pad = board.controls["drawing"]
    pad.clear()
    pad.step("ArrowDown")
    assert not pad.value.any() and pad.row == SIDE // 2 + STEP
    pad.pen.value = True
    pad.step("ArrowRight")
    assert pad.value.any()


def test_the_pen_stays_on_the_sheet():
    pad = widgets.Pad()
    for _ in range(SIDE):
        pad.step("ArrowUp")
        pad.step("ArrowLeft")
    assert (pad.row, pad.column) == (0, 0)
    pad.stroke([(20, 20), (-30, 500)])
    assert (pad.row, pad.column) == (0, SIDE - 1)


def test_mouse_and_finger_draw_while_they_are_pressed(board):
    pad = board.controls["drawing"]
    pad.clear()
    pad._move(40, 40)
    assert not pad.value.any()
    pad._down(40, 80)
    one = int(pad.value.astype(int).sum())
    pad._move(120, 80)
    pad._up()
    two = int(pad.value.astype(int).sum())
    pad._move(200, 200)
    assert 0 < one < two == int(pad.value.astype(int).sum())
    assert pad.value[20, 20] == 255  # row 80 / 4, column between 10 and 30
    pad._key("Delete", False, False, False)
    assert not pad.value.any()
    pad._key(" ", False, False, False)
    assert pad.pen.value
    pad._key("x", False, False, False)


def test_a_stroke_closes_the_loops_of_a_3_to_an_8():
    three = widgets.drawn("3")
    closed = widgets.inked([(27, 26), (20, 18), (12, 20)], three)
    closed = widgets.inked([(28, 26), (36, 16), (44, 18)], closed)
    chances = lenet.stored().chances(lenet.prepared(closed)[None])[0]
    assert chances.argmax() == 8


def test_two_networks_can_be_compared():
    weights = dict(lenet.stored().w)
    weights["output.bias"] = weights["output.bias"] + 50 * np.eye(10)[4]
    board = widgets.drawing_board({"a": lenet.stored(), "b": lenet.Reader(weights)})
    assert "Read as 3" in board.text.value
    board.controls["reader"].value = "b"
    assert "Read as 4" in board.text.value


def test_with_a_canvas_the_strokes_are_painted_and_tab_leaves_it():
    pytest.importorskip("ipycanvas")
    pad = widgets.Pad()
    assert pad.canvas is not None and pad.canvas in pad.children
    pad._down(40, 80)
    pad._key("Tab", False, False, False)


def test_a_stroke_is_answered_in_a_tenth_of_a_second(board):
    pad, times = board.controls["drawing"], []
    board.controls["towards"].value = "8"
    pad._down(60, 60)
    for n in range(15):
        start = time.process_time()
        pad._move(60 + 9 * n, 60 + 5 * n)
        times.append(time.process_time() - start)
    assert statistics.median(times) < 0.1
