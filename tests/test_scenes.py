"""The generated scenes: determined by their seed, smooth in their dials, fair."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnlab import scenes

PERTURBATIONS = tuple(dial for dial in scenes.DIALS if dial != "variation")
STEPS = (0.0, 0.25, 0.5, 0.75, 1.0)


def mean_change(a, b):
    """Mean absolute difference in grey levels."""
    return float(np.abs(a.astype(int) - b.astype(int)).mean())


def nearest_accuracy(severity, train=500, test=200):
    x, y = scenes.generate(train, seed=0, severity=severity)
    q, t = scenes.generate(test, seed=1, severity=severity)
    x, q = (a.reshape(len(a), -1).astype(np.float32) for a in (x, q))
    guess = y[((x * x).sum(1) - 2 * q @ x.T).argmin(1)]
    return (guess == t).mean()


@pytest.fixture(scope="module")
def pictures():
    """Smooth random colour pictures, as photographs are: (12, 3, 24, 36) uint8."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(30, 226, (12, 3, 4, 6))
    return coarse.repeat(6, axis=2).repeat(6, axis=3).astype(np.uint8)


# ---------------------------------------------------------------- determined by a seed


@given(n=st.integers(0, 90), k=st.integers(0, 90), severity=st.sampled_from(STEPS))
@settings(max_examples=8, deadline=None)
def test_the_first_k_of_n_pictures_equal_k_pictures(n, k, severity):
    k = min(n, k)
    images, labels = scenes.generate(n, seed=3, severity=severity)
    fewer, fewer_labels = scenes.generate(k, seed=3, severity=severity)
    assert images.shape == (n, 3, 32, 32) and images.dtype == np.uint8
    assert labels.shape == (n,) and labels.dtype == np.int64
    np.testing.assert_array_equal(images[:k], fewer)
    np.testing.assert_array_equal(labels[:k], fewer_labels)


@given(start=st.integers(0, 60))
@settings(max_examples=6, deadline=None)
def test_a_later_start_continues_the_same_pictures(start):
    images, labels = scenes.generate(80, seed=5, severity=0.7)
    rest, rest_labels = scenes.generate(80 - start, seed=5, severity=0.7, start=start)
    np.testing.assert_array_equal(images[start:], rest)
    np.testing.assert_array_equal(labels[start:], rest_labels)


def test_a_picture_does_not_depend_on_the_labels_of_the_others():
    labels = np.arange(20) % 10
    a, _ = scenes.generate(20, seed=1, severity=0.8, labels=labels)
    other = np.where(np.arange(20) == 7, labels, 4)
    b, _ = scenes.generate(20, seed=1, severity=0.8, labels=other)
    np.testing.assert_array_equal(a[7], b[7])
    assert mean_change(a[8], b[8]) > 1


def test_given_labels_are_returned_and_drawn():
    labels = np.array([9, 9, 0], np.uint8)
    images, returned = scenes.generate(3, seed=2, severity=0.4, labels=labels)
    np.testing.assert_array_equal(returned, labels)
    np.testing.assert_array_equal(images[0], scenes.draw("car", seed=2, severity=0.4))


def test_another_seed_gives_other_pictures_and_another_order():
    a, order_a = scenes.generate(50, seed=0)
    b, order_b = scenes.generate(50, seed=1)
    assert (order_a != order_b).any()
    assert all(mean_change(x, y) > 1 for x, y in zip(a, b, strict=True))


def test_random_numbers_equal_splitmix64_in_whole_numbers():
    def mix(z):
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
        return z ^ (z >> 31)

    stream = int.from_bytes(b"view", "little")
    row = mix((mix(mix(11) ^ stream) + 42) % 2**64)
    slots = [(row + (j + 1) * 0x9E3779B97F4A7C15) % 2**64 for j in range(3)]
    want = [(mix(slot) >> 40) / 2**24 for slot in slots]
    got = scenes._uniform(11, np.array([42]), "view", 3)
    np.testing.assert_array_equal(got, np.array([want], np.float32))


def test_random_numbers_are_uniform_and_uncorrelated():
    u = scenes._uniform(0, np.arange(20_000), "test", 4).astype(float)
    assert u.min() >= 0 and u.max() < 1
    np.testing.assert_allclose(u.mean(0), 0.5, atol=0.01)
    np.testing.assert_allclose(u.var(0), 1 / 12, atol=0.003)
    assert np.abs(np.corrcoef(u.T) - np.eye(4)).max() < 0.03
    assert abs(np.corrcoef(u[1:, 0], u[:-1, 0])[0, 1]) < 0.03


# -------------------------------------------------------------------------- the dials


@pytest.mark.parametrize("dial", scenes.DIALS)
def test_a_dial_moves_the_picture_smoothly(dial):
    levels = np.linspace(0, 1, 41)
    frames = [scenes.generate(20, seed=4, severity={dial: v})[0] for v in levels]
    steps = [mean_change(a, b) for a, b in zip(frames, frames[1:], strict=False)]
    assert mean_change(frames[0], frames[-1]) > 3
    assert max(steps) < 3  # of 255 grey levels, for a fortieth of the way


@pytest.mark.parametrize("dial", scenes.DIALS)
def test_a_dial_changes_the_picture_more_the_further_it_is_turned(dial):
    still = scenes.generate(100, seed=6, severity=0)[0]
    turned = [scenes.generate(100, seed=6, severity={dial: s})[0] for s in STEPS]
    changes = [mean_change(still, picture) for picture in turned]
    assert changes[0] == 0
    assert all(a < b for a, b in zip(changes, changes[1:], strict=False))


def test_one_number_turns_all_dials_and_a_missing_dial_stands_at_zero():
    everything = dict.fromkeys(scenes.DIALS, 0.6)
    a, b = (scenes.generate(12, severity=s)[0] for s in (0.6, everything))
    np.testing.assert_array_equal(a, b)
    full = {**dict.fromkeys(scenes.DIALS, 0), "clutter": 1}
    a, b = (scenes.generate(12, severity=s)[0] for s in (full, {"clutter": 1}))
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("dial", ("occlusion", "illumination"))
def test_drawing_with_a_dial_equals_turning_it_on_the_drawn_picture(dial):
    plain = scenes.generate(30, seed=8, severity=0)[0]
    drawn = scenes.generate(30, seed=8, severity={dial: 0.7})[0]
    turned = scenes.perturb(plain, dial, 0.7, seed=8)
    # the drawn one was rounded once, the turned one twice, scaled by at most 2
    assert np.abs(drawn.astype(int) - turned.astype(int)).max() <= 2


# ------------------------------------------------------------------------ fair classes


def test_every_ten_pictures_in_a_row_hold_each_class_once():
    _, labels = scenes.generate(200, seed=9, severity=0)
    assert (np.sort(labels.reshape(20, 10), axis=1) == np.arange(10)).all()
    assert len({tuple(row) for row in labels.reshape(20, 10)}) > 15


@pytest.mark.parametrize("severity", (0.0, 0.5, 1.0))
def test_colour_does_not_give_the_class_away(severity):
    x, y = scenes.generate(1500, seed=0, severity=severity)
    q, t = scenes.generate(500, seed=1, severity=severity)
    x, q = x.mean(axis=(2, 3)), q.mean(axis=(2, 3))
    means = np.stack([x[y == k].mean(0) for k in range(10)])
    guess = ((q[:, None] - means) ** 2).sum(2).argmin(1)
    assert (guess == t).mean() < 0.2  # chance is 0.1


def test_with_all_dials_at_zero_the_nearest_neighbour_is_right():
    assert nearest_accuracy(0.0) > 0.98


def test_with_all_dials_at_one_the_nearest_neighbour_is_mostly_wrong():
    assert nearest_accuracy(1.0) < 0.35


def test_the_ten_objects_differ_in_shape_when_drawn_in_the_same_colours():
    objects = [scenes.draw(name, seed=0) for name in scenes.CLASSES]
    changes = [mean_change(a, b) for i, a in enumerate(objects) for b in objects[:i]]
    assert min(changes) > 10


# ------------------------------------------------------------------- sizes and geometry


@pytest.mark.parametrize("name", scenes.CLASSES)
def test_a_large_drawing_averaged_down_equals_the_small_one(name):
    small = scenes.draw(name, seed=3, severity=0.4)
    large = scenes.draw(name, seed=3, severity=0.4, size=128).astype(float)
    averaged = large.reshape(3, 32, 4, 32, 4).mean(axis=(2, 4))
    assert np.abs(small - averaged).mean() < 4


def test_a_disc_covers_pi_r_squared():
    x, y, pixel = scenes._axes(32, 32)
    cover = scenes._cover(scenes._disc(x - 0.1, y, 0.5), pixel)
    assert cover.sum() * pixel**2 == pytest.approx(np.pi * 0.25, rel=0.01)


def test_an_edge_through_the_middle_of_a_pixel_covers_half_of_it():
    np.testing.assert_allclose(
        scenes._cover(np.array([-1.0, -0.025, 0.0, 0.05, 1.0]), 0.1),
        [1, 0.75, 0.5, 0, 0],
    )


def test_a_polygon_is_negative_inside_and_measures_distance_outside():
    square = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    distance = scenes._polygon(
        np.array([0.0, 3.0, 0]), np.array([0.0, 0, -1.5]), *square
    )
    np.testing.assert_allclose(distance, [-1, 2, 0.5])


def test_positions_fold_at_the_border_as_between_two_mirrors():
    folded = scenes._mirror(np.array([-1.0, 0, 2.5, 3, 4, 6, 7]), 4)
    np.testing.assert_allclose(folded, [1, 0, 2.5, 3, 2, 0, 1])


def test_sampling_at_the_pixels_own_places_returns_them():
    planes = np.random.default_rng(1).random((3, 2, 5, 7), dtype=np.float32)
    x, y, pixel = scenes._axes(5, 7)
    x, y = np.broadcast_to(x, (2, 5, 7)), np.broadcast_to(y, (2, 5, 7))
    np.testing.assert_allclose(scenes._warp(planes, x, y, pixel), planes, atol=1e-5)


def test_sampling_one_pixel_to_the_right_moves_the_picture_left():
    planes = np.arange(12, dtype=np.float32).reshape(1, 1, 3, 4)
    x, y, pixel = scenes._axes(3, 4)
    x, y = np.broadcast_to(x + pixel, (1, 3, 4)), np.broadcast_to(y, (1, 3, 4))
    moved = scenes._warp(planes, x, y, pixel)[0, 0]
    np.testing.assert_allclose(moved[:, :3], planes[0, 0, :, 1:], atol=1e-4)


# ---------------------------------------------------------------------------- perturb


@pytest.mark.parametrize("dial", PERTURBATIONS)
def test_severity_zero_returns_an_equal_copy(dial, pictures):
    out = scenes.perturb(pictures, dial, 0)
    np.testing.assert_array_equal(out, pictures)
    assert not np.shares_memory(out, pictures)


@pytest.mark.parametrize("dial", PERTURBATIONS)
def test_a_perturbation_leaves_its_input_alone_and_repeats_itself(dial, pictures):
    before = pictures.copy()
    a = scenes.perturb(pictures, dial, 0.8, seed=3)
    b = scenes.perturb(pictures, dial, 0.8, seed=3)
    np.testing.assert_array_equal(pictures, before)
    np.testing.assert_array_equal(a, b)
    assert mean_change(a, scenes.perturb(pictures, dial, 0.8, seed=4)) > 1


@pytest.mark.parametrize("dial", PERTURBATIONS)
def test_a_perturbed_picture_does_not_depend_on_its_batch(dial, pictures):
    whole = scenes.perturb(pictures, dial, 0.6, seed=1)
    alone = scenes.perturb(pictures[4:6], dial, 0.6, seed=1, start=4)
    np.testing.assert_array_equal(whole[4:6], alone)


@pytest.mark.parametrize("dial", PERTURBATIONS)
def test_more_severity_changes_a_picture_more_and_smoothly(dial, pictures):
    levels = np.linspace(0, 1, 21)
    frames = [scenes.perturb(pictures, dial, v, seed=2) for v in levels]
    changes = [mean_change(pictures, frame) for frame in frames[::5]]
    assert all(a < b for a, b in zip(changes, changes[1:], strict=False))
    steps = [mean_change(a, b) for a, b in zip(frames, frames[1:], strict=False)]
    assert max(steps) < 8


@given(
    n=st.integers(0, 3),
    channels=st.sampled_from((1, 3)),
    height=st.integers(1, 20),
    width=st.integers(1, 20),
    dial=st.sampled_from(PERTURBATIONS),
)
@settings(max_examples=60, deadline=None)
def test_any_size_and_both_channel_counts_keep_shape_and_dtype(
    n, channels, height, width, dial
):
    images = np.full((n, channels, height, width), 128, np.uint8)
    out = scenes.perturb(images, dial, 1.0)
    assert out.shape == images.shape and out.dtype == np.uint8


@pytest.mark.parametrize("dial", ("deformation", "viewpoint"))
def test_moving_pixels_leaves_a_flat_picture_flat(dial):
    flat = np.full((3, 1, 9, 14), 77, np.uint8)
    np.testing.assert_array_equal(scenes.perturb(flat, dial, 1.0), flat)


def test_clutter_leaves_the_middle_of_a_photograph_free(pictures):
    out = scenes.perturb(pictures, "clutter", 1.0)
    np.testing.assert_array_equal(out[:, :, 9:15, 14:22], pictures[:, :, 9:15, 14:22])
    assert mean_change(out[:, :, :3], pictures[:, :, :3]) > 10


def test_grey_pictures_get_the_same_shapes_as_coloured_ones():
    grey = np.full((5, 1, 32, 32), 200, np.uint8)
    colour = grey.repeat(3, axis=1)
    a = scenes.perturb(grey, "occlusion", 1.0)[:, 0] != 200
    b = (scenes.perturb(colour, "occlusion", 1.0) != 200).any(axis=1)
    assert (a & ~b).sum() == 0 and a.sum() > 0.9 * b.sum()


# ----------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda: scenes.generate(-1), ValueError, "n must be a whole number"),
        (lambda: scenes.generate(2.5), TypeError, "n must be a whole number"),
        (lambda: scenes.generate(2, seed=-1), ValueError, "seed must be"),
        (lambda: scenes.generate(2, size=4), ValueError, "size must be .* at least 8"),
        (lambda: scenes.generate(2, severity=1.2), ValueError, r"from 0 \(off\) to 1"),
        (lambda: scenes.generate(2, severity=np.nan), ValueError, "got nan"),
        (lambda: scenes.generate(2, severity="high"), TypeError, "got 'high'"),
        (lambda: scenes.generate(2, severity={"fog": 1}), ValueError, "no dial 'fog'"),
        (lambda: scenes.generate(2, labels=[1]), ValueError, "n = 2 pictures; got 1"),
        (lambda: scenes.generate(1, labels=[10]), ValueError, "labels from 0 to 9"),
        (lambda: scenes.generate(1, labels=[0.5]), TypeError, "integer labels"),
        (lambda: scenes.draw("dog"), ValueError, "no class 'dog'; choose from cat"),
        (lambda: scenes.draw(10), ValueError, "label must be .* from 0 to 9"),
    ],
)
def test_a_wrong_request_says_what_was_expected(call, error, words):
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize(
    "images, dial, error, words",
    [
        (np.zeros((3, 8, 8), np.uint8), "occlusion", ValueError, r"images\[None\]"),
        (np.zeros((1, 3, 8, 8)), "occlusion", TypeError, "needs dtype uint8"),
        (np.zeros((1, 8, 8, 3), np.uint8), "occlusion", ValueError, "Move the channel"),
        ([[1]], "occlusion", ValueError, "needs 4 axes"),
        (np.zeros((1, 3, 8, 8), np.uint8), "variation", ValueError, "another object"),
        (np.zeros((1, 3, 8, 8), np.uint8), "fog", ValueError, "no dial 'fog'"),
    ],
)
def test_a_wrong_picture_says_how_to_mend_it(images, dial, error, words):
    with pytest.raises(error, match=words):
        scenes.perturb(images, dial, 0.5)


@pytest.mark.parametrize("severity", (-0.1, 1.5))
def test_a_severity_out_of_range_is_named(severity):
    with pytest.raises(ValueError, match="severity of clutter must lie from 0"):
        scenes.perturb(np.zeros((1, 3, 8, 8), np.uint8), "clutter", severity)
