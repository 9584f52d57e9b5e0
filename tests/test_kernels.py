"""Kernels made by hand, moved images, and what a kernel lights up on."""

import numpy as np
import pytest

from cnnlab import kernels


def test_the_lecture_s_map_is_that_of_the_lecture():
    wanted = [[2, -17, -6, 20], [3, -6, 0, 12], [1, -3, -1, 12], [-4, -2, -2, 15]]
    assert kernels.slide(kernels.LECTURE, kernels.VERTICAL).tolist() == wanted
    patch, kernel = kernels.LECTURE[:3, :3].ravel(), kernels.VERTICAL.ravel()
    assert kernel @ patch == 2  # the same as a dot product


def test_a_moved_image_leaves_zeros_and_comes_back():
    x = np.arange(1, 25).reshape(2, 3, 4)
    moved = kernels.shift(x, 1, -2)
    assert moved[:, 1:, :2].tolist() == x[:, :2, 2:].tolist()
    assert not moved[:, 0].any() and not moved[:, :, 2:].any()
    assert (kernels.shift(x, 0, 0) == x).all() and kernels.shift(x, 0, 0) is not x
    assert not kernels.shift(x, 3, 0).any() and not kernels.shift(x, 0, -9).any()
    for rows in range(-4, 5):
        for columns in range(-5, 6):
            back = kernels.shift(kernels.shift(x, rows, columns), -rows, -columns)
            assert ((back == x) | (back == 0)).all()
            kept = max(0, 3 - abs(rows)) * max(0, 4 - abs(columns))
            assert (back != 0).sum() == 2 * kept


def test_what_cannot_be_moved_or_slid_is_said():
    with pytest.raises(ValueError, match="shift: x needs 2 axes"):
        kernels.shift(np.zeros(3), 1, 1)
    with pytest.raises(TypeError, match="shift: rows must be a whole number"):
        kernels.shift(np.zeros((3, 3)), 0.5, 1)
    with pytest.raises(ValueError, match="a window of 4 does not fit"):
        kernels.slide(np.zeros((3, 3)), np.zeros((4, 1)))
    with pytest.raises(ValueError, match="bricks: split must be 'train' or 'test'"):
        kernels.bricks("all")


def test_light_is_the_mean_size_of_the_answers():
    images = np.random.default_rng(0).random((3, 6, 5))
    kernel = np.array([[1.0, -2.0, 0.5]])
    wanted = [np.abs(kernels.slide(one, kernel)).mean() for one in images]
    assert np.allclose(kernels.light(kernel, images), wanted)
    with pytest.raises(ValueError, match="leave the range"):
        kernels.light([[1e308, 1e308]], images + 1)


def test_tables_that_all_share_cannot_be_changed():
    for table in (kernels.LECTURE, kernels.VERTICAL, *kernels.bricks()):
        with pytest.raises(ValueError, match="read-only"):
            table *= 2


def test_halves_of_the_wall_share_no_pixel_and_lie_as_they_stand():
    for split in ("train", "test"):
        upright, lying = kernels.bricks(split)
        assert upright.shape == lying.shape == (128, 32, 32)
        assert np.array_equal(upright.swapaxes(1, 2), lying)
        assert upright.min() >= 0 and upright.max() <= 1
    top = kernels.bricks("train")[0][:16].swapaxes(0, 1).reshape(32, 512)
    from cnnlab import data

    photo = data.photo("brick").mean(axis=0) / 255
    assert np.array_equal(top, photo[:32])


def test_kernels_that_treat_rows_and_columns_alike_see_no_difference():
    for name in ("blur", "spots and lines", "as it is"):
        assert abs(kernels.pairs_right(kernels.PRESETS[name]) - 0.5) < 0.02
    assert kernels.pairs_right(np.zeros((3, 3))) == 0.5
    assert kernels.pairs_right(kernels.brick_kernel(), "test") > 0.935
    assert 0.88 < kernels.pairs_right(kernels.VERTICAL, "test") < 0.91
    assert kernels.pairs_right(np.array([[1.0, -1.0]] * 3), "test") < 0.925
