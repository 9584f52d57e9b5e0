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

from cnnlab import neighbors
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
    wanted = search.IntegerProducts
    assert search.engine_for(pixels, pixels, "l2", "auto") is wanted
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
