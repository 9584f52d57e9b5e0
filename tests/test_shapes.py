"""Error sentences say what came and how to mend it; sizes and costs are PyTorch's."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from cnnlab import shapes

fuzz = settings(max_examples=60, deadline=None)  # the first call of torch is slow


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


def test_both_ends_of_a_range_belong_to_it():
    assert shapes.require_int(1, 1, "f", "k", 5) == 1
    assert shapes.require_int(5, 1, "f", "k", 5) == 5
    assert shapes.require_seed(0, "f") == 0
    assert shapes.require_number(0, 0, "f", "reg") == 0
    assert shapes.require_number(-3, None, "f", "x") == -3


def test_a_tensor_that_records_gradients_is_no_number():
    value = torch.tensor(3.0, requires_grad=True)
    message_of(lambda: shapes.require_int(value, 0, "f", "k"), TypeError)
    assert shapes.require_int(value.detach(), 0, "f", "k") == 3


def test_values_are_spoken_in_one_line_of_at_most_60_characters():
    assert shapes.spoken("x" * 58) == repr("x" * 58)  # 60 with the quotes
    assert shapes.spoken("x" * 59) == repr("x" * 59)[:57] + "..."
    assert shapes.spoken(np.int64(3)).endswith("3)")  # one number is no array
    assert shapes.spoken("two\nlines") == repr("two\nlines")


@pytest.mark.parametrize("value", [True, False, np.True_, np.False_])
def test_a_switch_is_true_or_false(value):
    got = shapes.require_bool(value, "f", "flip")
    assert got == value and type(got) is bool


@pytest.mark.parametrize("value", ["no", 0, 1, None, np.array([True])])
def test_what_is_neither_true_nor_false_is_a_type_error(value):
    got = message_of(lambda: shapes.require_bool(value, "f", "flip"), TypeError)
    assert got.startswith("f: flip must be True or False; got")


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


def test_numbers_known_to_be_finite_are_not_looked_at_again():
    shapes.require_numbers(np.array([np.nan]), "f", "x", finite=True)
    message_of(
        lambda: shapes.require_numbers(np.array(["a"]), "f", "x", True), TypeError
    )


def test_sums_that_leave_the_float_range_are_refused_and_no_sums_are_not():
    for fine in ([], [0.0], [-1e308, 1e308]):
        shapes.require_in_range(np.array(fine), "f", "the sums")
    for bad in ([0, np.inf], [-np.inf, 0], [np.nan, 1], [-np.inf, np.inf]):
        got = message_of(
            lambda bad=bad: shapes.require_in_range(np.array(bad), "f", "the sums")
        )
        assert got.startswith("f: the sums leave the range of float64")


def test_a_function_is_what_can_be_called():
    shapes.require_callable(len, "f", "rule")
    got = message_of(lambda: shapes.require_callable(3, "f", "rule"), TypeError)
    assert got == "f: rule needs a function; got 3. Pass it without calling it."


def test_a_vanished_step_is_worded_with_one_that_helps():
    assert str(shapes.step_vanishes("f", 1e-5, 2e12)) == (
        "f: the step h = 1e-05 vanishes beside a value of 2e+12: their sum is the "
        "same float. Take a larger h, about 2e+07."
    )


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
    shapes.require_choice("b", ("a", "b"), "f", "kind")
    message_of(lambda: shapes.require_choice(np.array(["a"]), ("a",), "f", "kind"))


# ----------------------------------------------------------------- size arithmetic


def test_the_sizes_of_the_lectures():
    assert shapes.out_size(7, 3, padding=1) == 7
    assert shapes.out_size(256, 5) == 252
    assert shapes.out_size(64, 5, padding=2) == 64
    assert shapes.out_size(32, 5) == 28
    assert shapes.out_size(26, 2, 2) == 13


def test_224_gives_54_by_floor_and_55_by_ceil_and_227_needs_neither():
    assert shapes.out_size(224, 11, 4) == 54
    assert shapes.out_size(224, 11, 4, ceil_mode=True) == 55
    assert shapes.out_size(227, 11, 4) == shapes.out_size(227, 11, 4, ceil_mode=True)
    assert [shapes.out_size(n, 3, 2) for n in (55, 27, 13)] == [27, 13, 6]


def test_a_window_may_hang_over_the_edge_but_not_begin_in_the_padding():
    # one zero on each side, windows of 2 at 0 and 3: is 3 inside of n + 1?
    assert shapes.out_size(2, 2, 3, padding=1, ceil_mode=True) == 1
    assert shapes.out_size(3, 2, 3, padding=1, ceil_mode=True) == 2


@fuzz
@given(
    n=st.integers(1, 40),
    kernel_size=st.integers(1, 9),
    stride=st.integers(1, 7),
    padding=st.integers(0, 6),
    dilation=st.integers(1, 3),
)
def test_convolutions_have_the_size_that_pytorch_gives(
    n, kernel_size, stride, padding, dilation
):
    layer = nn.Conv2d(1, 1, kernel_size, stride, padding, dilation, device="meta")
    x = torch.empty(1, 1, n, 40, device="meta")
    window = (kernel_size, stride, padding, dilation)
    if n + 2 * padding < dilation * (kernel_size - 1) + 1:
        assert "does not fit" in message_of(lambda: shapes.out_size(n, *window))
    else:
        assert shapes.out_size(n, *window) == layer(x).shape[2]


@fuzz
@given(data=st.data())
def test_poolings_have_the_size_that_pytorch_gives_rounded_down_and_up(data):
    n, kernel_size = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 9))
    stride, dilation = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 3))
    padding = data.draw(st.integers(0, kernel_size // 2))
    ceil_mode = data.draw(st.booleans())
    window = (kernel_size, stride, padding, dilation)
    layer = nn.MaxPool2d(*window, ceil_mode=ceil_mode)
    try:
        expected = layer(torch.zeros(1, 1, n, 40)).shape[2]
    except RuntimeError:
        message_of(lambda: shapes.out_size(n, *window, ceil_mode))
    else:
        assert shapes.out_size(n, *window, ceil_mode) == expected


@fuzz
@given(n=st.integers(1, 50), half=st.integers(0, 5), dilation=st.integers(1, 3))
def test_same_padding_keeps_the_size(n, half, dilation):
    kernel_size = 2 * half + 1
    padding = shapes.same_padding(kernel_size, dilation)
    assert shapes.out_size(n, kernel_size, 1, padding, dilation) == n


def test_an_even_window_has_no_same_padding():
    got = message_of(lambda: shapes.same_padding(4))
    assert got == (
        "same_padding: a window of 4 needs 3 zeros, which two equal sides cannot "
        "share. Take an odd window: 5."
    )
    assert shapes.same_padding(4, dilation=2) == 3


def test_a_window_that_does_not_fit_names_the_padding_that_helps():
    got = message_of(lambda: shapes.out_size(5, 8))
    assert got.endswith("into 5 + 2 * 0 pixels. Take a smaller window, or padding=2.")
    assert shapes.out_size(5, 8, padding=2) == 2
    with pytest.raises(TypeError):
        shapes.out_size(5.5, 3)
    for bad in ({"stride": 0}, {"padding": -1}, {"dilation": 0}, {"kernel_size": 0}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            shapes.out_size(**{"n": 5, "kernel_size": 3, **bad})


# ----------------------------------------------------------------- receptive field


def test_small_windows_in_a_row_see_as_much_as_a_large_one():
    assert shapes.receptive_field([]).size == 1
    assert shapes.receptive_field([(3,), (3,)]).size == 5
    assert shapes.receptive_field([(3,), (3,), (3,)]).size == 7
    assert shapes.receptive_field([(2, 2), (2, 2)]) == (4, 4, 0)


@fuzz
@given(data=st.data())
def test_the_receptive_field_is_where_the_gradient_is_not_zero(data):
    row = st.tuples(
        st.integers(1, 4), st.integers(1, 3), st.integers(0, 2), st.integers(1, 2)
    )
    rows = data.draw(st.lists(row, min_size=1, max_size=3))
    x = torch.ones(1, 1, 1, 96, dtype=torch.float64, requires_grad=True)
    y = x
    for kernel_size, stride, padding, dilation in rows:
        ones = torch.ones(1, 1, 1, kernel_size, dtype=torch.float64)
        y = nn.functional.conv2d(
            y, ones, None, (1, stride), (0, padding), (1, dilation)
        )
    unit = data.draw(st.integers(0, y.shape[-1] - 1))
    (gradient,) = torch.autograd.grad(y[..., unit].sum(), x)
    seen = gradient.flatten().nonzero().flatten().tolist()
    first, last = shapes.receptive_field(rows).span(unit)
    inside = [p for p in range(first, last + 1) if 0 <= p < 96]
    assert set(seen) <= set(inside)
    # without padding, the ends of the field are reached; within, dilation leaves gaps
    if not any(padding for _, _, padding, _ in rows):
        assert [seen[0], seen[-1]] == [first, last]


def test_rows_that_are_no_windows_are_named():
    assert "layer 1 needs (kernel_size, stride" in message_of(
        lambda: shapes.receptive_field([(3, 1), 3])
    )
    assert "stride must be" in message_of(lambda: shapes.receptive_field([(3, 0)]))
    for row in ((), (3, 1, 0, 1, 1)):
        got = message_of(lambda row=row: shapes.receptive_field([(3,), row]))
        assert got.startswith("receptive_field: layer 1 needs (kernel_size, stride")
    with pytest.raises(
        TypeError, match=r"layers needs rows, such as \[\(3, 1\)\]; got 5"
    ):
        shapes.receptive_field(5)


# ----------------------------------------------------------------- parameters and cost


def test_the_parameters_of_the_lectures():
    assert shapes.conv_params(3, 10, 5) == 760
    assert shapes.conv_params(3, 10, 3) == 280
    assert shapes.linear_params(3072, 10) == 30_730
    assert shapes.conv_params(3, 96, 11) == 34_944
    assert shapes.conv_params(3, 96, 11, bias=False) == 34_848


def test_conv1_without_sharing_would_need_its_connections_and_its_biases():
    assert shapes.conv_macs(3, 96, 11, 55) == 105_415_200
    assert shapes.conv_macs(3, 96, 11, 55) + 96 * 55**2 == 105_705_600


@fuzz
@given(
    groups=st.integers(1, 3),
    inside=st.integers(1, 4),
    outside=st.integers(1, 4),
    kernel_size=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    bias=st.booleans(),
)
def test_parameters_are_those_that_pytorch_holds(
    groups, inside, outside, kernel_size, bias
):
    c, f = groups * inside, groups * outside
    layer = nn.Conv2d(c, f, kernel_size, groups=groups, bias=bias, device="meta")
    held = sum(p.numel() for p in layer.parameters())
    assert shapes.conv_params(c, f, kernel_size, groups, bias) == held
    layer = nn.Linear(c, f, bias=bias, device="meta")
    assert shapes.linear_params(c, f, bias) == sum(
        p.numel() for p in layer.parameters()
    )


@fuzz
@given(
    groups=st.integers(1, 3),
    inside=st.integers(1, 4),
    outside=st.integers(1, 4),
    kernel_size=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.integers(1, 3),
)
def test_multiply_accumulates_are_the_sum_of_a_convolution_of_ones(
    groups, inside, outside, kernel_size, stride
):
    c, f = groups * inside, groups * outside
    w = torch.ones(f, inside, *kernel_size)  # every product is 1
    y = nn.functional.conv2d(torch.ones(1, c, 11, 13), w, stride=stride, groups=groups)
    macs = shapes.conv_macs(c, f, kernel_size, tuple(y.shape[2:]), groups)
    assert macs == y.sum().item()


def test_memory_is_values_times_bytes():
    x = torch.empty(2, 3, 5, 7)
    assert shapes.activation_bytes(x.shape) == x.numel() * x.element_size()
    assert shapes.activation_bytes((2, 3), bytes_per_value=2) == 12
    assert shapes.activation_bytes((2, 3), bytes_per_value=1) == 6
    assert shapes.activation_bytes((0, 3)) == 0
    with pytest.raises(TypeError, match="shape needs sizes, such as .*; got 5"):
        shapes.activation_bytes(5)


def test_groups_that_do_not_divide_are_named():
    got = message_of(lambda: shapes.conv_params(3, 8, 3, groups=2))
    assert got == (
        "conv_params: groups must divide in_channels; got 2 groups and in_channels = 3."
    )
    got = message_of(lambda: shapes.conv_macs(4, 7, 3, 5, groups=2))
    assert got.endswith("got 2 groups and filters = 7.")
    assert "one number or (rows, columns)" in message_of(
        lambda: shapes.conv_params(3, 8, (3, 3, 3))
    )
