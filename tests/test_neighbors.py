"""Distances, the search, the vote and cross-validation."""

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.datasets import load_digits
from sklearn.model_selection import KFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

from cnnlab import data, linear, neighbors, widgets
from cnnlab.course import records
from cnnlab.neighbors import search

TYPES = ["u1", "i1", "i2", "i4", "i8", "u4", "f2", "f4", "f8", "?"]
BY_HAND = ([[0, 0], [1, 1]], [[3, 4], [1, 1], [0, 2]])


def random_rows(rng, n, d, dtype):
    if dtype == "?":
        return rng.random((n, d)) < 0.5
    if dtype.startswith("f"):
        return rng.normal(size=(n, d)).astype(dtype)
    low = 0 if dtype.startswith("u") else -100
    return rng.integers(low, 128, (n, d)).astype(dtype)


def by_definition(x, y, k, metric="l2"):
    """Neighbours from a stable sort of the two-loop distances."""
    loops = {"l1": neighbors.l1_two_loops, "l2": neighbors.l2_two_loops}[metric]
    d = loops(x, y)
    order = np.argsort(d, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(d, order, axis=1)


# Numbers worked by hand


def test_l1_of_the_lecture_example_is_456():
    test = [56, 32, 10, 18, 90, 23, 128, 133, 24, 26, 178, 200, 2, 0, 255, 220]
    train = [10, 20, 24, 17, 8, 10, 89, 100, 12, 16, 178, 170, 4, 32, 233, 112]
    for distances in (neighbors.l1_two_loops, neighbors.l1_distances):
        assert distances([test], np.array([train], dtype="u1")).tolist() == [[456.0]]


def test_distances_worked_by_hand():
    assert neighbors.l1_distances(*BY_HAND).tolist() == [[7, 2, 2], [5, 0, 2]]
    wanted = [[5, np.sqrt(2), 2], [np.sqrt(13), 0, np.sqrt(2)]]
    for f in (neighbors.l2_two_loops, neighbors.l2_one_loop, neighbors.l2_distances):
        np.testing.assert_allclose(f(*BY_HAND), wanted, rtol=1e-14)


def test_whole_numbers_have_exact_distances():
    assert neighbors.l2_distances([[0, 0]], [[3, 4], [-6, 8]]).tolist() == [[5, 10]]
    rng = np.random.default_rng(0)
    x, y = random_rows(rng, 9, 3072, "u1"), random_rows(rng, 11, 3072, "u1")
    np.testing.assert_array_equal(
        neighbors.l2_distances(x, y), neighbors.l2_two_loops(x, y)
    )


def test_vote_takes_the_majority():
    assert neighbors.vote([[2, 1, 1], [0, 0, 1]], 3).tolist() == [1, 0]


def test_a_drawn_vote_goes_to_the_class_with_the_nearest_member():
    assert neighbors.vote([[2, 0, 1], [3, 0, 3]], 4).tolist() == [2, 3]
    four = [[1, 0, 0, 1], [0, 2, 2, 0], [3, 2, 2, 0]]
    assert neighbors.vote(four, 4).tolist() == [1, 0, 2]


# Two engines, one input


@pytest.mark.parametrize("dtype", TYPES)
def test_distances_match_scipy_for_every_type(dtype):
    rng = np.random.default_rng(1)
    x, y = random_rows(rng, 7, 13, dtype), random_rows(rng, 5, 13, dtype)
    a, b = x.astype(float), y.astype(float)
    for f in (neighbors.l2_two_loops, neighbors.l2_one_loop, neighbors.l2_distances):
        np.testing.assert_allclose(f(x, y), cdist(a, b), rtol=1e-12)
    for f in (neighbors.l1_two_loops, neighbors.l1_distances):
        np.testing.assert_allclose(f(x, y), cdist(a, b, "cityblock"), rtol=1e-12)


@pytest.mark.parametrize("offset", [0, 1e4, 1e8])
@pytest.mark.parametrize("spread", [1e-6, 1, 1e6])
def test_l2_keeps_its_digits_far_from_the_origin(offset, spread):
    rng = np.random.default_rng(2)
    y = offset + spread * rng.normal(size=(40, 20))
    x = np.vstack([y[:3], y[3:6] + spread * 1e-7, y[6:9]])
    d = neighbors.l2_distances(x, y)
    np.testing.assert_allclose(d, cdist(x, y), rtol=1e-9)
    assert (d[range(3), range(3)] == 0).all()  # a row and its copy are at distance 0


def test_float32_far_from_the_origin_is_not_cancelled_away():
    rng = np.random.default_rng(3)
    y = (4096 + rng.integers(0, 3, (30, 50))).astype("f4")
    i, d = neighbors.nearest(y[:5], y, 4)
    wanted_i, wanted_d = by_definition(y[:5], y, 4)
    np.testing.assert_array_equal(i, wanted_i)
    np.testing.assert_array_equal(d, wanted_d)


@pytest.mark.parametrize("dtype", ["u1", "f4", "f8"])
def test_nearest_finds_the_neighbours_scikit_learn_finds(dtype):
    rng = np.random.default_rng(4)
    x, y = random_rows(rng, 50, 192, dtype), random_rows(rng, 700, 192, dtype)
    brute = NearestNeighbors(n_neighbors=6, algorithm="brute").fit(y.astype("f8"))
    wanted_d, wanted_i = brute.kneighbors(x.astype("f8"))
    i, d = neighbors.nearest(x, y, 6)
    np.testing.assert_array_equal(i, wanted_i)
    np.testing.assert_allclose(d, wanted_d, rtol=1e-6)


def test_predict_matches_scikit_learn_on_digits():
    x, y = load_digits(return_X_y=True)
    for k, metric, name in [(1, "l2", "euclidean"), (3, "l1", "manhattan")]:
        model = KNeighborsClassifier(k, algorithm="brute", metric=name)
        wanted = model.fit(x[:1000], y[:1000]).predict(x[1000:])
        got = neighbors.predict(x[1000:], x[:1000], y[:1000], k, metric)
        # scikit-learn gives a draw to the smallest class, so a few may differ
        assert np.mean(got == wanted) == 1 if k == 1 else np.mean(got == wanted) > 0.98


def test_cross_validation_matches_scikit_learn_on_the_same_folds():
    x, y = load_digits(return_X_y=True)
    x, y = x[:300], y[:300]
    ours = neighbors.cross_validate(x, y, [1, 2], num_folds=4, seed=5)
    parts = neighbors.folds(300, 4, seed=5)
    split = [(np.setdiff1d(np.arange(300), part), part) for part in parts]
    one = KNeighborsClassifier(1, algorithm="brute")
    np.testing.assert_allclose(ours[0], cross_val_score(one, x, y, cv=split))
    np.testing.assert_allclose(ours[1], ours[0])  # k = 2: a draw goes to the nearest


def test_folds_have_the_sizes_of_scikit_learn():
    for n, num_folds in [(10, 3), (11, 4), (5, 5), (2, 2)]:
        wanted = [len(test) for _, test in KFold(num_folds).split(np.zeros(n))]
        assert [len(f) for f in neighbors.folds(n, num_folds)] == wanted


# Properties


@st.composite
def problems(draw):
    """Small whole numbers, so that ties are frequent, in every type."""
    dtype = draw(st.sampled_from(TYPES))
    q, n, d = (draw(st.integers(low, 9)) for low in (0, 1, 0))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    x, y = (rng.integers(0, 3, (rows, d)).astype(dtype) for rows in (q, n))
    metric = draw(st.sampled_from(["l1", "l2"]))
    return x, y, draw(st.integers(1, n)), metric, draw(st.integers(1, 12))


@settings(deadline=None, max_examples=300, derandomize=True)
@given(problems())
def test_nearest_is_a_stable_sort_of_the_definition(problem):
    x, y, k, metric, chunk_size = problem
    wanted_i, wanted_d = by_definition(x, y, k, metric)
    i, d = neighbors.nearest(x, y, k, metric, chunk_size)
    assert i.dtype == np.int64 and d.dtype == np.float64
    np.testing.assert_array_equal(i, wanted_i)
    np.testing.assert_array_equal(d, wanted_d)


@settings(deadline=None, max_examples=100, derandomize=True)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.sampled_from(["f4", "f8"]))
def test_nearest_does_not_depend_on_the_chunk_size(seed, chunk_size, dtype):
    rng = np.random.default_rng(seed)
    y = random_rows(rng, 50, 17, dtype)
    y[rng.integers(0, 50, 20)] = y[rng.integers(0, 50, 20)]  # copies: true ties
    x = np.vstack([y[:5], random_rows(rng, 6, 17, dtype)])
    i, d = neighbors.nearest(x, y, 7, chunk_size=chunk_size)
    wanted_i, wanted_d = by_definition(x, y, 7)
    np.testing.assert_array_equal(i, wanted_i)
    np.testing.assert_allclose(d, wanted_d, rtol=1e-14)


@pytest.mark.parametrize("size", [1e-300, 1e-30, 1e30, 1e200, 1e307])
def test_huge_and_tiny_values_neither_overflow_nor_vanish(size):
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(4, 6)), rng.normal(size=(9, 6))
    for metric, f in [("l1", neighbors.l1_distances), ("l2", neighbors.l2_distances)]:
        i, d = neighbors.nearest(x, y, 3, metric)
        far_i, far_d = neighbors.nearest(x * size, y * size, 3, metric)
        np.testing.assert_array_equal(far_i, i)
        np.testing.assert_allclose(far_d / size, d, rtol=1e-12)
        np.testing.assert_allclose(f(x * size, y * size) / size, f(x, y), rtol=1e-9)


def test_a_distance_beyond_the_float_range_is_infinite():
    x, y = [[1.7e308]], [[-1.7e308], [1.6e308]]
    for metric in ("l1", "l2"):
        i, d = neighbors.nearest(x, y, 2, metric)
        assert i.tolist() == [[1, 0]] and d[0, 1] == np.inf
    assert neighbors.l2_distances(x, y)[0, 0] == np.inf


def test_float32_at_the_end_of_its_range_still_has_neighbours():
    y = np.array([[3e38, 0], [-3e38, 1e38], [0, 3e38]], dtype="f4")
    i, _ = neighbors.nearest(y, y, 2)
    assert i[:, 0].tolist() == [0, 1, 2]


def test_one_far_outlier_does_not_hide_near_neighbours():
    y = np.array([[0.0], [1.0], [1.5], [1e9], [-1e9]])
    assert neighbors.nearest([[1.3]], y, 3)[0].tolist() == [[2, 1, 0]]
    assert neighbors.nearest(np.float32([[1.3]]), y.astype("f4"), 3)[0].tolist() == [
        [2, 1, 0]
    ]


def test_training_rows_from_far_to_near_are_found_too():
    # every block brings nearer rows than all blocks before it
    y = np.arange(400, 0, -1)[:, None].astype("u2")
    i, d = neighbors.nearest([[0]], y, 3, chunk_size=20)
    assert i.tolist() == [[399, 398, 397]] and d.tolist() == [[1, 2, 3]]


def test_equal_rows_are_taken_in_the_order_of_their_index():
    for dtype in TYPES:
        y = np.ones((300, 4), dtype=dtype)
        i, d = neighbors.nearest(y[:2], y, 5, chunk_size=64)
        assert i.tolist() == [[0, 1, 2, 3, 4]] * 2 and not d.any()


def test_distances_are_a_metric():
    rng = np.random.default_rng(7)
    x = rng.normal(size=(12, 5))
    for f in (neighbors.l1_distances, neighbors.l2_distances):
        d = f(x, x)
        np.testing.assert_allclose(d, d.T, rtol=1e-12)
        assert not np.diag(d).any() and (d[~np.eye(12, dtype=bool)] > 0).all()
        assert (d[:, :, None] <= d[:, None, :] + d.T[None, :, :] + 1e-12).all()


@settings(deadline=None, max_examples=100, derandomize=True)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 6))
def test_vote_follows_its_definition(seed, k, num_classes):
    labels = np.random.default_rng(seed).integers(0, num_classes, (8, k))
    got = neighbors.vote(labels, num_classes)
    for row, chosen in zip(labels.tolist(), got, strict=True):
        most = max(row.count(c) for c in row)
        assert chosen == next(c for c in row if row.count(c) == most)


@settings(deadline=None, max_examples=50, derandomize=True)
@given(st.integers(2, 40), st.integers(2, 40), st.integers(0, 99))
def test_folds_are_a_partition(n, num_folds, seed):
    num_folds = min(n, num_folds)
    parts = neighbors.folds(n, num_folds, seed)
    sizes = [len(part) for part in parts]
    assert len(parts) == num_folds and max(sizes) - min(sizes) <= 1
    assert sorted(np.concatenate(parts)) == list(range(n))
    again = neighbors.folds(n, num_folds, seed)
    assert all((a == b).all() for a, b in zip(parts, again, strict=True))


def test_cross_validation_does_not_leak_the_held_out_fold():
    # Labels without any pattern: a leak would find each example itself at k = 1.
    rng = np.random.default_rng(8)
    x, y = rng.normal(size=(400, 3)), rng.integers(0, 4, 400)
    result = neighbors.cross_validate(x, y, [1, 5], num_folds=5)
    assert result.shape == (2, 5)
    assert 0.15 < result.mean() < 0.35


def test_inputs_are_not_changed_and_may_be_read_only_or_strided():
    rng = np.random.default_rng(9)
    for dtype in ("u1", "f4", "f8"):
        whole = random_rows(rng, 40, 12, dtype)
        y, x = whole[::2, ::-3], np.asfortranarray(whole[1::7, ::-3])
        whole.flags.writeable = False
        before = whole.copy(), x.copy()
        wanted = by_definition(x, y, 3)
        for engine in ("numpy", "torch") if dtype == "u1" else ("numpy",):
            i, d = neighbors.nearest(x, y, 3, engine=engine)
            np.testing.assert_array_equal(i, wanted[0])
            np.testing.assert_allclose(d, wanted[1], rtol=1e-14)
        neighbors.l1_distances(x, y), neighbors.l2_distances(x, y)
        assert (whole == before[0]).all() and (x == before[1]).all()


# The integer engine


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 5, 7), (40, 130, 64), (9, 33, 3072)])
@pytest.mark.parametrize("high", [2, 256])
def test_integer_products_give_exactly_the_definition(shape, high):
    q, n, d = shape
    rng = np.random.default_rng(10)
    x, y = (rng.integers(0, high, (rows, d)).astype("u1") for rows in (q, n))
    for k in {1, min(5, n), n}:
        wanted_i, wanted_d = by_definition(x, y, k)
        for engine in ("numpy", "torch"):
            i, d = neighbors.nearest(x, y, k, chunk_size=16, engine=engine)
            np.testing.assert_array_equal(i, wanted_i)
            np.testing.assert_array_equal(d, wanted_d)


def test_integer_products_hold_at_the_extremes_of_uint8():
    # All sums at their largest: 0 against 255 in as many columns as are allowed.
    x = np.zeros((2, search.WIDEST), dtype="u1")
    x[1] = 255
    i, d = neighbors.nearest(x, x, 2, engine="torch")
    assert i.tolist() == [[0, 1], [1, 0]]
    assert d.tolist() == [[0, np.sqrt(255.0**2 * search.WIDEST)]] * 2


def test_large_uint8_work_takes_the_integer_engine_and_any_other_does_not(monkeypatch):
    pixels = np.zeros((3, 4), dtype="u1")
    assert search.engine_for(pixels, pixels, "l2", "auto") is search.Products
    monkeypatch.setattr(search, "LARGE", 1)
    monkeypatch.setattr(search, "integers_are_fast", lambda: True)
    wanted = search.IntegerProducts
    assert search.engine_for(pixels, pixels, "l2", "auto") is wanted
    monkeypatch.setattr(search, "integers_are_fast", lambda: False)
    assert search.engine_for(pixels, pixels, "l2", "auto") is search.Products
    assert search.engine_for(pixels, pixels, "l2", "torch") is wanted
    monkeypatch.setattr(search, "integers_are_fast", lambda: True)
    assert search.engine_for(pixels, pixels + 0.0, "l2", "auto") is search.Products
    assert search.engine_for(pixels, pixels, "l1", "auto") is search.Differences
    monkeypatch.setattr(search, "integer_product", lambda: None)  # no torch
    assert search.engine_for(pixels, pixels, "l2", "auto") is search.Products
    with pytest.raises(ValueError, match="needs metric 'l2', uint8 rows"):
        neighbors.nearest(pixels, pixels, 1, engine="torch")


def test_the_module_does_not_load_torch():
    code = "import sys; from cnnlab import neighbors; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr


@pytest.mark.parametrize("dtype", ["u1", "f4"])
def test_memory_is_bounded_by_the_chunk_not_by_the_data(dtype):
    rng = np.random.default_rng(11)
    y = random_rows(rng, 8_000, 48, dtype)
    peaks = []
    for n in (2_000, 8_000):
        tracemalloc.start()
        neighbors.nearest(y[:300], y[:n], 3, chunk_size=128)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 6_000 * 16  # one squared length a row may be kept
    assert peaks[1] < 300 * 8_000  # a byte for every distance would be more


def test_l1_of_signed_against_unsigned_bytes_is_exact_in_many_columns():
    columns = 44_000  # sums of differences of 383 pass 2^24, where float32 skips
    x = np.full((1, columns), -128, np.int8)
    y = np.full((3, columns), 255, np.uint8)
    y[0, 0], y[2, :2] = 254, 254
    i, d = neighbors.nearest(x, y, 3, "l1")
    assert i.tolist() == [[2, 0, 1]]
    assert (383 * columns - d).tolist() == [[2, 1, 0]]


# What float64 cannot tell apart is refused


CALLS = {
    "l1_distance": lambda x, y: neighbors.l1_distance(x, y[:1]),
    "l1_two_loops": neighbors.l1_two_loops,
    "l1_distances": neighbors.l1_distances,
    "l2_two_loops": neighbors.l2_two_loops,
    "l2_one_loop": neighbors.l2_one_loop,
    "l2_distances": neighbors.l2_distances,
    "nearest": lambda x, y: neighbors.nearest(x, y, 1),
    "predict": lambda x, y: neighbors.predict(x, y, [0, 1]),
    "cross_validate": lambda x, y: neighbors.cross_validate(y, [0, 1], [1], 2),
    "tune_and_test": lambda x, y: neighbors.tune_and_test(y, [0, 1], x, [0], [1], 2),
}


@pytest.mark.parametrize("call", CALLS)
def test_whole_numbers_that_float64_would_make_equal_are_refused(call):
    rows = np.array([[2**60], [2**60 + 1]])
    with pytest.raises(ValueError, match="numbers of at most 2.53"):
        CALLS[call](rows[:1], rows)
    with pytest.raises(ValueError, match="numbers of at most 2.53"):
        CALLS[call](np.array([[-(2**53) - 1]]), -rows)
    with pytest.raises(ValueError, match="up to 18,446,744,073,709,551,615"):
        CALLS[call](np.array([[2**64 - 1]], "u8"), np.array([[2**64 - 1], [1]], "u8"))


def test_a_test_set_that_float64_would_round_is_refused():
    with pytest.raises(ValueError, match="numbers of at most 2.53"):
        neighbors.tune_and_test([[0], [1]], [0, 1], [[2**53 + 1]], [0], [1], 2)


def test_whole_numbers_up_to_2_to_the_53_have_exact_distances():
    x, y = [[2**53]], [[2**53 - 1], [-(2**53)]]
    assert neighbors.l1_distances(x, y).tolist() == [[1, 2.0**54]]
    assert neighbors.l2_distances(x, y).tolist() == [[1, 2.0**54]]
    assert neighbors.nearest(x, y, 1)[0].tolist() == [[0]]


FAR = {k: CALLS[k] for k in CALLS if k.startswith("l2_") or k == "nearest"}


@pytest.mark.parametrize("call", FAR)
def test_a_difference_whose_square_vanishes_is_refused(call):
    for train in ([[9e-146], [1.0]], [[1e-170], [1.0]], [[1e-300], [1e200]]):
        with pytest.raises(ValueError, match="two rows differ by so little"):
            FAR[call](np.array([[0.0]]), np.array(train))
    for kept in (1e-145, 1.2e-145):  # squares from 1e-290 on hold all their digits
        d = FAR[call](np.array([[0.0]]), np.array([[kept], [1.0]]))
        first = np.ravel(d[1] if call == "nearest" else d)[0]
        assert first == pytest.approx(kept, rel=1e-12)


def test_rows_whose_squares_vanish_in_the_centre_are_refused():
    with pytest.raises(ValueError, match="two rows differ by so little"):
        neighbors.l2_distances([[0.0]], [[1e-170], [1.0], [-1.0]])


def test_an_outlier_is_refused_before_it_makes_near_rows_equal():
    with pytest.raises(ValueError, match="Is there an outlier"):
        neighbors.predict([[1.0]], [[3.0], [2.0], [1e200]], [0, 1, 2])
    assert neighbors.predict([[1.0]], [[3.0], [2.0], [1e100]], [0, 1, 2]).tolist() == [
        1
    ]
    i, d = neighbors.nearest([[0.0]], [[1e-200], [1.0], [0.0]], 2, "l1")
    assert i.tolist() == [[2, 0]] and d.tolist() == [[0, 1e-200]]


def test_l1_refuses_only_what_its_own_scaling_would_lose():
    smallest, large = 5e-324, 2.0**901  # all values are halved, and 5e-324 / 2 is 0
    with pytest.raises(ValueError, match="two rows differ by so little"):
        neighbors.nearest([[0.0]], [[smallest], [large]], 1, "l1")
    huge = np.array([[1e307], [-1e307]])
    i, d = neighbors.nearest(huge, huge, 1, "l1", chunk_size=1)
    assert i.tolist() == [[0], [1]] and d.tolist() == [[0], [0]]


def test_of_equal_squares_the_smaller_index_is_nearer():
    # 1 + 2^-52 is no square of a float: both distances are 1 after the root
    i, d = neighbors.nearest([[0, 0]], [[1, 2**-26], [1, 0]], 2)
    assert i.tolist() == [[1, 0]] and d.tolist() == [[1, 1]]


def test_a_near_pair_of_long_rows_is_measured_by_its_difference():
    x = np.random.default_rng(13).choice([-0.9, 0.7], (1, 3072))
    x[0, 0] = 0
    y = np.vstack([x, -x])
    y[0, 0] = 2.0**-7  # the three terms are about 2,000, their sum 6e-5
    assert neighbors.l2_distances(x, y)[0, 0] == pytest.approx(2.0**-7, rel=1e-13)


# The engine room, by hand


def test_the_scale_is_the_power_of_two_at_or_below_the_largest_value():
    assert search.scale_of(np.array([3.0]), np.array([-1.0])) == 2
    assert search.scale_of(np.array([1.0])) == 1
    assert search.scale_of(np.array([-5.0, 4.0])) == 4
    assert search.scale_of(np.zeros(2)) == search.scale_of(np.zeros(0)) == 1
    assert search.scale_of(np.array([5e-324])) == 2.0**-1000
    assert search.scale_of(np.array([1.7e308])) == 2.0**1000


def test_the_centre_is_the_mean_row_rounded_to_16_bits():
    rows = np.array([[1.0, 2.0], [3.0, 6.0]])
    assert search.centre_of(rows, 1.0).tolist() == [2, 4]
    assert search.centre_of(rows, 2.0).tolist() == [1, 2]
    thirds = search.centre_of(np.array([[1.0], [0], [0]]), 1.0)
    assert thirds.tolist() == [21845 / 65536]
    assert search.centre_of(rows[:1], 1.0).tolist() == [1, 2]
    assert search.centre_of(rows[:0], 1.0).tolist() == [0, 0]


def test_the_bounds_of_products_are_those_of_their_description():
    rows = np.array([[3.0] + [0] * 9, [1.0] + [0] * 9], np.float32)
    engine = search.Products(rows, rows, 4)
    assert engine.type is np.float32 and engine.scale == 2
    assert engine.c == (2 * 10 + 32) * 2.0**-24  # half a step at 1
    assert engine.tiny == 8 * 11 * float(np.finfo(np.float32).tiny)
    assert engine.rows(rows)[:, 0].tolist() == [0.5, -0.5]  # 3/2 and 1/2 less 1
    squares = engine.squares(np.array([[3, 4]], np.float32))
    assert squares.dtype == np.float64 and 24.99 < squares[0] < 25
    assert search.Products(rows.astype("f8"), rows, 4).type is np.float64
    engine.c, engine.tiny, engine.type = 0.5, 1.0, np.float64
    engine.x2, engine.y2 = np.array([3.0]), np.array([5.0, 7.0])
    # a width of 2 * 0.5 / 0.5 * (3 + 7) = 20 on both sides of the smallest, 1
    limit = engine.first_limit(np.array([[4.0, 1.0]]), 1, slice(0, 2))
    assert limit.tolist() == [1 + 2 * 20 + 1]
    limit = engine.limit(np.array([1e9]))
    np.testing.assert_allclose(limit, [1e9 + 1 - 3 + 1], rtol=1e-12)


def test_differences_are_scaled_and_rounded_only_where_nothing_is_lost():
    ordinary, huge = np.ones((1, 2)), np.full((1, 2), 1e307)
    assert search.Differences(ordinary, ordinary, 1).scale == 1
    assert search.Differences(ordinary, huge, 1).scale == 2.0**100
    for columns, first, second, wanted in [
        (1 << 15, "u1", "i1", np.float32),
        ((1 << 15) + 1, "u1", "i1", np.float64),
        (4, "u1", "i8", np.float64),
        (4, "i8", "u1", np.float64),
        (4, "u2", "u2", np.float64),
    ]:
        x, y = np.zeros((1, columns), first), np.zeros((1, columns), second)
        assert search.Differences(x, y, 1).type is wanted


def test_integer_products_are_for_large_work_of_columns_that_are_there(monkeypatch):
    pixels = np.zeros((3, 4), dtype="u1")
    monkeypatch.setattr(search, "integers_are_fast", lambda: True)
    monkeypatch.setattr(search, "LARGE", 36)  # 3 x 3 x 4
    wanted = search.IntegerProducts
    assert search.engine_for(pixels, pixels, "l2", "auto") is wanted
    assert search.engine_for(pixels, pixels, "l2", "numpy") is search.Products
    monkeypatch.setattr(search, "LARGE", 37)
    assert search.engine_for(pixels, pixels, "l2", "auto") is search.Products
    with pytest.raises(ValueError, match="needs metric 'l2', uint8 rows"):
        neighbors.nearest(pixels[:, :0], pixels[:, :0], 1, engine="torch")


def test_a_processor_without_exact_products_has_none(monkeypatch):
    import torch

    find = search.integer_product.__wrapped__
    assert find() is torch._int_mm
    with monkeypatch.context() as patch:
        patch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
        assert find() is None
    real = torch._int_mm
    with monkeypatch.context() as patch:
        patch.setattr(torch, "_int_mm", lambda a, b: real(a, b).clamp(max=32767))
        assert find() is None
    monkeypatch.delattr(torch.cpu, "_is_vnni_supported", raising=False)
    assert search.integers_are_fast.__wrapped__()


# The vote, features and cross-validation, at their ends


def test_a_vote_may_name_as_many_classes_as_int64_does():
    assert neighbors.vote([[5]], 2**63 - 1).tolist() == [5]
    with pytest.raises(ValueError, match="num_classes must be"):
        neighbors.vote([[5]], 2**63)
    with pytest.raises(ValueError, match="from 0 to 9223372036854775806; got"):
        neighbors.predict([[0.0]], [[1.0]], np.array([2**63], np.uint64))


def test_one_training_row_is_enough_for_an_answer():
    assert neighbors.predict([[0.0]], [[1.0]], [3]).tolist() == [3]


def test_no_training_rows_and_words_for_labels_are_named():
    with pytest.raises(ValueError, match="the number of training rows"):
        neighbors.predict([[0.0]], np.zeros((0, 1)), np.zeros(0, int))
    with pytest.raises(TypeError, match="integer labels"):
        neighbors.predict([[0.0]], [[1.0]], ["cat"])
    with pytest.raises(ValueError, match="queries needs finite"):
        neighbors.nearest([[np.nan]], [[1.0]], 1)


def test_a_single_pixel_comes_to_lie_in_the_middle():
    for h, w in [(3, 7), (7, 3), (5, 5)]:
        images = np.zeros((1, 1, h, w))
        images[0, 0, 0, 0] = 1.5e-9  # however faint it is
        rows = neighbors.features(images)
        assert rows.argmax() == h // 2 * w + w // 2 and rows.sum() == 1.5e-9


def test_the_defaults_of_cross_validation_are_five_folds_by_seed_0():
    x, y = load_digits(return_X_y=True)
    x, y = x[:60], y[:60]
    got = neighbors.cross_validate(x, y, [1])
    assert (got == neighbors.cross_validate(x, y, [1], num_folds=5, seed=0)).all()
    same = zip(neighbors.folds(60, 5), neighbors.folds(60, 5, 0), strict=True)
    assert all((a == b).all() for a, b in same)
    # five examples cannot be cut into six
    five = np.arange(5.0)[:, None], [0, 0, 1, 1, 1]
    assert neighbors.tune_and_test(*five, [[4.0]], [1], [1]) == (1, 1.0)


def test_the_largest_fold_decides_how_large_k_may_be():
    x = np.arange(4.0)[:, None]  # folds of 2, 1 and 1: two rows are left at least
    with pytest.raises(ValueError, match="each k in ks .* from 1 to 2; got 3"):
        neighbors.cross_validate(x, [0, 0, 1, 1], [3], 3)


def test_one_test_image_is_a_test_set_and_none_is_not():
    five = np.arange(5.0)[:, None], [0, 0, 1, 1, 1]
    assert neighbors.tune_and_test(*five, [[0.0]], [1], [1], 5) == (1, 0.0)
    with pytest.raises(ValueError, match="the number of test images"):
        neighbors.tune_and_test(*five, np.zeros((0, 1)), [], [1], 5)


def test_a_vote_among_more_classes_than_int64_can_name_is_refused():
    with pytest.raises(ValueError, match="num_classes"):
        neighbors.vote(np.array([[2**63]], dtype=np.uint64), 2**64)


# Written for notebook 02


def test_l1_distance_of_the_example_is_456_in_every_type():
    a, b = ([56, 32, 10], [90, 23, 128]), ([10, 20, 24], [8, 10, 89])
    for kind in (int, float, np.uint8, np.float32):
        a, b = np.array(a, dtype=kind), np.array(b, dtype=kind)
        assert neighbors.l1_distance(a, b) == 46 + 12 + 14 + 82 + 13 + 39


def test_copying_the_nearest_agrees_with_the_search():
    rng = np.random.default_rng(12)
    for dtype in ("u1", "f8"):
        rows = random_rows(rng, 30, 6, dtype)
        rows[7] = rows[3]
        labels = rng.integers(0, 9, 30)
        for query in (*random_rows(rng, 20, 6, dtype), rows[7]):
            wanted = neighbors.predict(query[None], rows, labels, 1, "l1")[0]
            assert neighbors.copy_nearest(query, rows, labels) == wanted


def test_features_of_a_shifted_image_are_those_of_the_image():
    images = np.pad(data.load("digits").images[:50], ((0, 0), (0, 0), (2, 2), (2, 2)))
    still = neighbors.features(images)
    assert still.shape == (50, 144)
    for step in [(0, 1), (0, -1), (1, 0), (-1, 0), (2, -2)]:
        moved = np.roll(images, step, axis=(2, 3))
        np.testing.assert_array_equal(neighbors.features(moved), still)


def test_features_keep_all_ink_and_take_empty_and_no_images():
    images = np.zeros((3, 1, 4, 6), np.uint8)
    images[1, 0, 0, 0] = 9
    rows = neighbors.features(images)
    assert rows.sum(axis=1).tolist() == [0, 9, 0]
    assert np.unravel_index(rows[1].argmax(), (4, 6))[0] in (1, 2)
    assert neighbors.features(images[:0]).shape == (0, 24)


# What notebook 02 says, against rival explanations


@pytest.fixture(scope="module")
def held_out():
    """Training rows and labels of the digits, and 287 held-out ones."""
    train, val = data.load("digits").hold_out(0.2)
    rows, asked = data.flatten(train.images), data.flatten(val.images)
    return rows, train.labels, asked, val.labels


def right(known, labels, asked, truth, k=1, metric="l2") -> float:
    return float(np.mean(neighbors.predict(asked, known, labels, k, metric) == truth))


def test_most_digits_are_read_by_their_nearest_neighbour(held_out):
    rows, labels, asked, truth = held_out
    assert 0.97 < right(rows, labels, asked, truth, 1, "l1") < 0.99
    assert 0.98 < right(rows, labels, asked, truth) < 0.995


def test_a_part_in_one_piece_is_a_little_harder_than_one_at_random():
    # The rival: the asked images are by hands that are remembered.
    pile = data.load("digits")
    fifth = np.arange(len(pile)) * 5 // len(pile)
    shares = []
    for piece in range(5):
        known, asked = pile.take(fifth != piece), pile.take(fifth == piece)
        parts = data.flatten(known.images), known.labels, data.flatten(asked.images)
        shares.append(right(*parts, asked.labels, 1, "l1"))
    assert 0.93 < min(shares) < 0.945 and 0.985 < max(shares) < 0.995


def test_bytes_that_wrap_cost_the_nearest_neighbour_a_fifth_of_the_digits(held_out):
    rows, labels, asked, truth = held_out
    wrapped = [labels[np.abs(rows - q).sum(axis=1).argmin()] for q in asked]
    assert 0.775 < np.mean(wrapped == truth) < 0.785


def test_votes_forgive_wrong_labels_whichever_they_are(held_out):
    rows, labels, asked, truth = held_out
    for seed in range(10):
        rng = np.random.default_rng(seed)
        typed = labels.copy()
        slips = rng.permutation(len(labels))[: len(labels) // 10]
        typed[slips] = (typed[slips] + rng.integers(1, 10, len(slips))) % 10
        assert right(rows, typed, asked, truth, 1) < 0.93
        assert right(rows, typed, asked, truth, 5) > 0.965


def test_one_rather_than_eight_votes_is_no_discovery_and_forty_are_too_many(held_out):
    rows, labels, asked, truth = held_out
    one, eight, forty = (
        neighbors.predict(asked, rows, labels, k) == truth for k in (1, 8, 40)
    )
    for other, beyond in [(eight, False), (forty, True)]:
        won, lost = np.sum(one & ~other), np.sum(other & ~one)  # of the same questions
        assert (won - lost > 2 * np.sqrt(won + lost)) == beyond


def test_the_nine_and_the_zero_of_the_widget_behave_as_the_notebook_says(held_out):
    rows, labels, asked, _ = held_out
    nine = [neighbors.predict(asked[[159]], rows, labels, k)[0] for k in range(1, 16)]
    found = [k for k, label in enumerate(nine, start=1) if label == 9]
    assert found == [7, 8, 9, 11, 12, 13]
    image = asked[1].reshape(1, 8, 8)
    moved = widgets.disturb(image, right=1).reshape(1, -1)
    assert neighbors.predict(asked[[1]], rows, labels, 5)[0] == 0
    assert neighbors.predict(moved, rows, labels, 5)[0] == 6


def test_a_shift_costs_digits_to_every_side_with_one_neighbour_or_three(held_out):
    rows, labels, asked, truth = held_out
    places = np.pad(asked.reshape(-1, 8, 8), ((0, 0), (2, 2), (2, 2)))
    known = np.pad(rows.reshape(-1, 8, 8), ((0, 0), (2, 2), (2, 2)))
    steps = [(0, 1), (0, -1), (1, 0), (-1, 0)]
    copies = [known, *(np.roll(known, step, axis=(1, 2)) for step in steps)]
    copies = np.concatenate(copies).reshape(5 * len(known), -1)
    for step in steps:
        moved = np.roll(places, step, axis=(1, 2)).reshape(len(asked), -1)
        for k in (1, 3):
            flat = known.reshape(len(known), -1)
            assert 0.55 < right(flat, labels, moved, truth, k) < 0.72
        # five copies bring back exactly what one place reads
        with_copies = right(copies, np.tile(labels, 5), moved, truth)
        assert with_copies == right(rows, labels, asked, truth)


def test_ink_that_a_shift_pushes_out_is_not_what_is_missed(held_out):
    # It adds the same to every distance of a query, and so changes no neighbour.
    rows, labels, asked, truth = held_out
    images = asked.reshape(-1, 1, 8, 8)
    cut = np.stack([widgets.disturb(image, right=1) for image in images])
    wide = np.pad(images, ((0, 0), (0, 0), (2, 2), (2, 2)))
    moved = np.roll(wide, 1, axis=3).reshape(len(asked), -1)
    known = np.pad(rows.reshape(-1, 8, 8), ((0, 0), (2, 2), (2, 2)))
    said = neighbors.predict(moved, known.reshape(len(rows), -1), labels)
    cut_said = neighbors.predict(cut.reshape(len(asked), -1), rows, labels)
    np.testing.assert_array_equal(said, cut_said)


def test_static_drowns_neighbours_more_than_weights_whatever_k(held_out):
    rows, labels, asked, truth = held_out

    def noisy(part, extra, seed):
        static = np.random.default_rng(seed).integers(0, 256, (len(part), extra))
        return np.hstack([part, static.astype(np.uint8)])

    known, queries = noisy(rows, 4096, 3), noisy(asked, 4096, 4)
    best = max(right(known, labels, queries, truth, k) for k in (1, 5, 20, 40, 80, 160))
    w, b, _ = linear.train(known / 255 - 0.5, labels, 10, learning_rate=0.1, epochs=20)
    weighed = linear.scores(queries / 255 - 0.5, w, b).argmax(axis=1)
    assert np.mean(weighed == truth) > best + 0.05
    assert right(known, labels, queries, truth) < 0.35
    d = neighbors.l2_distances(queries, known)
    assert np.mean(d.min(axis=1) / d.mean(axis=1)) > 0.96


def test_luck_is_what_a_choice_on_the_test_points_reports():
    # The same tries with one k that nobody chose: 50 %.
    rng = np.random.default_rng(0)
    noted, unchosen = [], []
    for _ in range(20):
        places, coins = rng.random((250, 2)), rng.integers(0, 2, 250)
        near, _ = neighbors.nearest(places[200:], places[:200], 59)
        shares = [
            np.mean(neighbors.vote(coins[:200][near[:, :k]], 2) == coins[200:])
            for k in range(1, 60, 2)
        ]
        noted.append(max(shares))
        unchosen.append(shares[10])
    assert np.mean(noted) > 0.56 and abs(np.mean(unchosen) - 0.5) < 0.04


def test_tenfold_memories_of_photographs_buy_what_the_notebook_says():
    record = records.read("knn_accuracy")
    row = record["memory"][-1]
    at = dict(zip(row["n_train"], row["mean"], strict=True))
    gains = at[10_000] - at[1000], at[30_000] - at[3000]
    assert all(0.055 < gain < 0.075 for gain in gains)
    network = records.read("cifar_accuracy_cifar-modern")
    assert network["dataset"] == row["dataset"]
    missing = 0.87 - row["mean"][-1]
    assert 0.87 < network["accuracy_1_crop"] < 0.88
    assert row["n_train"][-1] * 10 ** (missing / max(gains)) > 1e12


def test_l1_and_l2_differ_beyond_the_spread_where_the_notebook_says():
    record = records.read("knn_accuracy")
    gains = {}
    for l2, l1 in zip(record["validation"][::2], record["validation"][1::2]):  # noqa: B905
        assert (l2["metric"], l1["metric"]) == ("l2", "l1")
        gain = np.max(l1["runs"], axis=1) - np.max(l2["runs"], axis=1)
        gains[l1["dataset"]] = gain.mean() / gain.std(ddof=1)
    digits, scenes, mnist, photographs = gains.values()
    assert abs(digits) < 2 and scenes < -2 and mnist < -2 and photographs > 2


# Empty and wrong inputs


def test_no_queries_give_no_neighbours():
    i, d = neighbors.nearest(np.zeros((0, 4)), np.zeros((3, 4)), 2)
    assert i.shape == d.shape == (0, 2)
    for f in (neighbors.l1_distances, neighbors.l2_distances, neighbors.l2_two_loops):
        assert f(np.zeros((0, 4)), np.zeros((3, 4))).shape == (0, 3)
        assert f(np.zeros((3, 4)), np.zeros((0, 4))).shape == (3, 0)
    assert neighbors.predict(np.zeros((0, 4)), np.zeros((3, 4)), [0, 1, 1]).shape == (
        0,
    )
    assert neighbors.vote(np.zeros((0, 3), dtype=int), 5).shape == (0,)


ROWS = np.zeros((3, 4))
WRONG = {
    "ragged labels": (lambda: neighbors.vote([[0, 1], [1]], 3), "rows of equal len"),
    "train of 5": (lambda: neighbors.predict(ROWS, 5, [0]), "train needs 2 axes"),
    "no training row": (lambda: neighbors.nearest(ROWS, ROWS[:0], 1), "training rows"),
    "k of 0": (lambda: neighbors.nearest(ROWS, ROWS, 0), "k must be .* 1 to 3; got 0"),
    "k above N": (lambda: neighbors.nearest(ROWS, ROWS, 4), "from 1 to 3; got 4"),
    "k of 1.5": (lambda: neighbors.nearest(ROWS, ROWS, 1.5), "whole number"),
    "metric": (lambda: neighbors.nearest(ROWS, ROWS, 1, "l3"), "'l2' or 'l1'"),
    "chunk": (lambda: neighbors.nearest(ROWS, ROWS, 1, chunk_size=0), "chunk_size"),
    "columns": (lambda: neighbors.l2_distances(ROWS, ROWS[:, :3]), "x columns is 4"),
    "one axis": (lambda: neighbors.l2_distances(ROWS[0], ROWS), r"take x\[None\]"),
    "images": (lambda: neighbors.l1_distances(ROWS[None], ROWS), "needs 2 axes"),
    "ragged": (lambda: neighbors.l1_distances([[1], [1, 2]], ROWS), "equal length"),
    "NaN": (lambda: neighbors.l2_distances(ROWS * np.nan, ROWS), "finite numbers"),
    "infinity": (lambda: neighbors.nearest(ROWS, ROWS - np.inf, 1), "train needs fin"),
    "complex": (lambda: neighbors.l2_distances(ROWS * 1j, ROWS), "real numbers"),
    "words": (lambda: neighbors.l2_distances([["a"]], [["b"]]), "real numbers"),
    "label 3": (lambda: neighbors.vote([[3]], 3), "labels from 0 to 2"),
    "label -1": (lambda: neighbors.vote([[-1]], 3), "labels from 0 to 2"),
    "float labels": (lambda: neighbors.vote([[1.0]], 3), "integer labels"),
    "no neighbour": (lambda: neighbors.vote(np.zeros((2, 0), int), 3), "neighbours k"),
    "too few labels": (lambda: neighbors.predict(ROWS, ROWS, [0, 1]), "must be equal"),
    "one fold": (lambda: neighbors.folds(9, 1), "num_folds must be"),
    "folds above n": (lambda: neighbors.folds(3, 4), "from 2 to 3; got 4"),
    "k above the rest": (
        lambda: neighbors.cross_validate(ROWS, [0, 1, 0], [3], 3),
        "each k in ks must be a whole number from 1 to 2; got 3",
    ),
    "no k": (lambda: neighbors.cross_validate(ROWS, [0, 1, 0], [], 3), "values in ks"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_refused_in_one_clear_sentence(case):
    call, message = WRONG[case]
    with pytest.raises((ValueError, TypeError), match=message):
        call()


def test_k_is_chosen_by_its_mean_over_the_folds_wherever_it_stands_in_the_list():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(0, 1, 20), rng.normal(6, 1, 20)])[:, None]
    y = np.repeat([0, 1], 20)
    y[[3, 9, 25, 30]] ^= 1  # four wrong labels: one neighbour is not enough
    for ks in ([1, 5], [5, 1]):
        assert neighbors.tune_and_test(x, y, [[0.0], [6.0]], [0, 1], ks, 4) == (5, 1.0)


def test_equal_rows_beside_an_outlier_are_found_in_every_block_of_queries():
    rows = [[1.0], [0.0], [1e300]]
    found = neighbors.nearest([[5.0], [0.0], [7.0]], rows, 1, "l1", chunk_size=1)
    assert found[0].ravel().tolist() == [0, 1, 0]
    assert found[1].ravel().tolist() == [4.0, 0.0, 6.0]
