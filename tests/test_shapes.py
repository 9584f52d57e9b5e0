"""Every error sentence says what was expected, what came, and how to mend it."""

import numpy as np
import pytest

from cnnlab import shapes


def message_of(call, error=ValueError):
    with pytest.raises(error) as caught:
        call()
    return str(caught.value)


def test_axes_are_named_in_the_message():
    got = message_of(
        lambda: shapes.require_axes(np.zeros((3, 4)), "N, C, H, W", "f", "x", "Do so.")
    )
    assert got == "f: x needs 4 axes (N, C, H, W); got shape (3, 4). Do so."
    one = message_of(lambda: shapes.require_axes(np.zeros((3, 4)), "N", "f", "y"))
    assert one == "f: y needs 1 axis (N); got shape (3, 4)."
    shapes.require_axes(np.zeros((3, 4)), "N D", "f", "x")


def test_something_without_a_shape_is_a_type_error():
    got = message_of(lambda: shapes.require_axes([1], "N", "f", "x"), TypeError)
    assert got.endswith("got list. Convert it: np.asarray(x).")


def test_sizes_that_differ_are_both_named():
    got = message_of(lambda: shapes.require_same("f", x_rows=2, y_rows=2, w_rows=3))
    assert got == "f: x rows is 2 but w rows is 3; they must be equal."
    shapes.require_same("f", x_rows=2, y_rows=2)


@pytest.mark.parametrize("value", [3, 3.0, np.int64(3), np.uint8(3), np.float32(3)])
def test_whole_numbers_of_any_type_become_int(value):
    got = shapes.require_int(value, 1, "f", "k")
    assert got == 3 and type(got) is int


@pytest.mark.parametrize("value", [1.5, "3", None, True, np.nan, np.inf, [1, 2], 1j])
def test_what_is_not_a_whole_number_is_a_type_error(value):
    message_of(lambda: shapes.require_int(value, 0, "f", "k"), TypeError)


@pytest.mark.parametrize("value", [0, 6, -1, 10**30])
def test_whole_numbers_out_of_range_name_the_range(value):
    got = message_of(lambda: shapes.require_int(value, 1, "f", "k", 5))
    assert got == f"f: k must be a whole number from 1 to 5; got {value}."


def test_numbers_are_finite_and_not_below_the_lowest():
    assert shapes.require_number(np.float32(0.5), 0, "f", "reg") == 0.5
    for value in (-0.1, np.nan, np.inf):
        assert "at least 0" in message_of(
            lambda value=value: shapes.require_number(value, 0, "f", "reg")
        )
    for value in ("a", None, [1, 2]):
        message_of(
            lambda value=value: shapes.require_number(value, 0, "f", "reg"), TypeError
        )


@pytest.mark.parametrize("dtype", ["u1", "i8", "f2", "f4", "f8", "?"])
def test_real_numbers_of_every_type_pass_and_so_do_none_of_them(dtype):
    shapes.require_numbers(np.ones((2, 3), dtype=dtype), "f", "x")
    shapes.require_numbers(np.ones((0, 3), dtype=dtype), "f", "x")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_one_value_that_is_not_finite_is_found(bad):
    x = np.zeros((4, 5))
    x[2, 3] = bad
    assert "NaN or infinity" in message_of(lambda: shapes.require_numbers(x, "f", "x"))


@pytest.mark.parametrize("values", [["a"], [1j], [None], [b"x"]])
def test_what_is_not_a_real_number_is_a_type_error(values):
    x = np.array(values)
    got = message_of(lambda: shapes.require_numbers(x, "f", "x"), TypeError)
    assert "needs real numbers; got dtype" in got


def test_labels_are_integers_inside_the_classes():
    shapes.require_labels(np.array([0, 2]), 3, "f")
    shapes.require_labels(np.array([], dtype=int), 3, "f")
    got = message_of(lambda: shapes.require_labels(np.array([0, 3]), 3, "f"))
    assert got == "f: y needs labels from 0 to 2; got values from 0 to 3."
    message_of(lambda: shapes.require_labels(np.array([0.0]), 3, "f"), TypeError)
    message_of(lambda: shapes.require_labels(np.array([[0]]), 3, "f"))


def test_shapes_and_choices_name_what_came():
    got = message_of(lambda: shapes.require_shape(np.zeros(3), (2, 3), "f", "x"))
    assert got == "f: x needs shape (2, 3); got shape (3,)."
    got = message_of(lambda: shapes.require_choice("c", ("a", "b"), "f", "kind"))
    assert got == "f: kind must be 'a' or 'b'; got 'c'."
