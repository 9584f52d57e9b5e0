"""An image as an array: the functions of notebook 00."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnlab import images


def test_a_small_colour_image_holds_3072_numbers():
    assert images.value_count(32, 32, 3) == 3072
    assert images.value_count(300, 451, 3) == 405_900


@pytest.mark.parametrize("wrong", [-1, 2.5, "3", None, True])
def test_value_count_refuses_what_is_not_a_whole_number(wrong):
    with pytest.raises((TypeError, ValueError), match="whole number of at least 0"):
        images.value_count(wrong, 2, 3)


@given(st.tuples(*[st.integers(0, 5)] * 4), st.integers(0, 2**32 - 1))
def test_channels_first_moves_every_number_to_its_place(shape, seed):
    last = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    first = images.to_channels_first(last)
    n, h, w, c = shape
    assert first.shape == (n, c, h, w)
    for index in np.ndindex(n, h, w, c):
        i, row, column, channel = index
        assert first[i, channel, row, column] == last[index]


def test_channels_first_asks_for_a_batch_axis():
    with pytest.raises(ValueError, match=r"needs 4 axes .* Add a batch axis"):
        images.to_channels_first(np.zeros((4, 5, 3)))


def test_as_float_maps_0_51_255_to_0_a_fifth_1():
    found = images.as_float(np.array([0, 51, 255], np.uint8))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [0, 0.2, 1], rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.int64, np.float32, bool])
def test_as_float_refuses_other_types_than_uint8(dtype):
    with pytest.raises(TypeError, match="needs dtype uint8"):
        images.as_float(np.zeros(3, dtype))


@given(st.integers(0, 255), st.integers(-255, 255))
def test_brighten_adds_and_limits(value, amount):
    found = images.brighten(np.array([value], np.uint8), amount)
    assert found.dtype == np.uint8
    assert found[0] == min(max(value + amount, 0), 255)


def test_brighten_leaves_its_input_alone():
    image = np.array([[1, 250]], np.uint8)
    images.brighten(image, 60)
    assert image.tolist() == [[1, 250]]


@pytest.mark.parametrize("amount", [256, -256, 1.5, "10"])
def test_brighten_refuses_impossible_amounts(amount):
    with pytest.raises((TypeError, ValueError), match="from -255 to 255"):
        images.brighten(np.zeros((2, 2), np.uint8), amount)


@given(st.integers(0, 255), st.integers(0, 255))
def test_the_average_is_halfway_and_rounded_down(a, b):
    found = images.average(np.array([[a]], np.uint8), np.array([[b]], np.uint8))
    assert found.dtype == np.uint8
    assert found[0, 0] == (a + b) // 2


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        (np.zeros(3, np.uint8), np.zeros(3), "b needs dtype uint8"),
        (np.zeros(3, np.uint8), np.zeros(2, np.uint8), "a shape is"),
    ],
)
def test_the_average_takes_two_byte_images_of_one_shape(a, b, said):
    with pytest.raises((TypeError, ValueError), match=said):
        images.average(a, b)


def test_the_middle_of_a_copy_is_lit():
    image = np.zeros((8, 8), np.uint8)
    lit = images.with_middle_lit(image)
    assert np.argwhere(lit == 255).tolist() == [[3, 3], [3, 4], [4, 3], [4, 4]]
    assert not image.any()
