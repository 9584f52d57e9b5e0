"""The exercises of notebook 02, attacked with answers a learner may well give."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from cnnlab import checks, data, neighbors, yours
from cnnlab.checks.neighbors import LOST, MOVES

pytestmark = pytest.mark.usefixtures("no_progress")


def says(verdict, status, *words):
    assert verdict.status == status, verdict.text
    for word in words:
        assert word in verdict.text, verdict.text


# ----------------------------------------------------------------- right answers


def broadcast_l2(x, y):
    gaps = x.astype(float)[:, None] - y
    return np.sqrt((gaps**2).sum(axis=2))


def list_l2(x, y):
    return [[float(np.linalg.norm(a - b)) for b in y * 1.0] for a in x * 1.0] or (
        np.zeros((0, len(y)))
    )


def plain_l2(x, y):
    x, y = x.astype(float), y.astype(float)
    d2 = np.sum(x**2, axis=1)[:, None] - 2 * x @ y.T + np.sum(y**2, axis=1)
    return np.sqrt(np.maximum(d2, 0))


def loop_vote(labels, num_classes):
    result = []
    for row in labels:
        counts = np.bincount(row, minlength=num_classes)
        result.append(next(label for label in row if counts[label] == counts.max()))
    return np.array(result)


def loop_l1(a, b):
    total = 0
    for p, q in zip(np.ravel(a).tolist(), np.ravel(b).tolist(), strict=True):
        total += abs(p - q)
    return total


def short_cross_validate(x, y, ks, num_folds=5, metric="l2", seed=0, chunk_size=2048):
    parts = neighbors.folds(len(x), num_folds, seed)
    table = []
    for k in ks:
        table.append([])
        for part in parts:
            rest = np.delete(np.arange(len(x)), part)
            guess = neighbors.predict(x[part], x[rest], y[rest], k, metric)
            table[-1].append((guess == y[part]).mean())
    return table


def scipy_l2(x, y):
    return cdist(x.astype(float), y.astype(float))


def absolute_l2(x, y):
    x, y = x.astype(float), y.astype(float)
    d2 = np.sum(x**2, axis=1, keepdims=True) - 2 * x @ y.T + np.sum(y**2, axis=1)
    return np.sqrt(np.abs(d2))


@pytest.mark.parametrize("answer", [plain_l2, scipy_l2, absolute_l2])
def test_other_right_ways_to_write_l2_distances_pass(answer):
    says(checks.l2_distances(answer), "correct")


def row_by_row_l2(x, y):
    d = np.zeros((len(x), len(y)))
    for i in range(len(x)):
        d[i] = np.linalg.norm(y - x[i].astype(float), axis=1)
    return d


def along_axis_l2(x, y):
    if not len(x):
        return np.zeros((0, len(y)))
    return np.apply_along_axis(
        lambda row: np.linalg.norm(y - row, axis=1), 1, x.astype(float)
    )


@pytest.mark.parametrize("answer", [row_by_row_l2, along_axis_l2])
def test_l2_distances_with_a_loop_are_right_and_refused(answer):
    says(checks.l2_distances(answer), "too costly", "right, but there is a loop")


def test_l2_distances_by_the_large_broadcast_are_stopped_in_one_sentence():
    says(checks.l2_distances(broadcast_l2), "too costly", "MiB", "far larger than")


def test_l2_distances_in_nested_lists_are_told_of_the_empty_case():
    says(checks.l2_distances(list_l2), "too costly", "loop")

    def bare(x, y):
        return np.array([[np.linalg.norm(a - b) for b in y * 1.0] for a in x * 1.0])

    says(checks.l2_distances(bare), "wrong shape", "without any query")


def test_loops_and_lists_pass_where_their_values_are_right():
    says(checks.l1_distance(loop_l1), "correct")
    says(checks.vote(loop_vote), "correct")
    says(checks.cross_validate(short_cross_validate), "correct")


def test_the_stub_of_every_exercise_of_the_notebook_is_not_attempted():
    def stub(*args, **kwargs):
        raise NotImplementedError

    for exercise in checks.EXERCISES.values():
        if exercise.notebook == "02":
            says(exercise(stub), "not attempted")


def test_later_cells_run_the_learners_function_only_if_it_passes():
    assert yours.vote is neighbors.vote
    checks.vote(lambda labels, n: labels)
    assert yours.vote is neighbors.vote
    checks.vote(loop_vote)
    assert yours.vote is loop_vote


# ----------------------------------------------------------------- wrong answers


def test_l1_of_uint8_without_conversion_is_told_that_it_wraps():
    verdict = checks.l1_distance(lambda a, b: np.sum(np.abs(a - b)))
    says(verdict, "wrong values", "uint8 wraps round", "200")


def test_l1_printed_instead_of_returned_is_told_about_return(capsys):
    verdict = checks.l1_distance(lambda a, b: print(np.abs(a - b).sum()))
    says(verdict, "wrong type", "return")


def test_l1_that_changes_its_first_image_is_caught():
    def greedy(a, b):
        if a.dtype == np.uint8:
            return loop_l1(a, b)
        a -= b
        return np.abs(a).sum()

    says(checks.l1_distance(greedy), "changed its input")


@pytest.mark.parametrize(
    "answer, words",
    [
        (lambda x, y: plain_l2(x, y) ** 2, "square root is missing"),
        (lambda x, y: plain_l2(y, x), "transposed"),
        (lambda x, y: plain_l2(x, y)[:, :-1], "wanted shape"),
        (lambda x, y: plain_l2(x, y).astype(int), "integer dtype"),
        (lambda x, y: np.abs(x.astype(float)[:, None] - y).sum(2), "L1"),
        (lambda x, y: np.sqrt(((x[:, None] - y) ** 2).sum(2)), "uint8 wraps"),
        (lambda x, y: print(x.shape), "return"),
        (lambda x, y: plain_l2(x, y) + 1, "compare wanted and got"),
        (lambda x, y: plain_l2(x, y)[..., None], "wanted shape"),
        (lambda x, y: "far", "wanted numbers"),
    ],
)
def test_wrong_l2_distances_are_rejected_with_their_cause(answer, words):
    verdict = checks.l2_distances(answer)
    assert not verdict.passed
    assert words in verdict.text


def test_l2_with_every_step_in_uint8_is_told_that_it_wraps():
    def narrow(x, y):
        x2, y2 = np.sum(x**2, axis=1)[:, None], np.sum(y**2, axis=1)
        return np.sqrt(np.maximum(x2 - 2 * x @ y.T + y2, 0))

    says(checks.l2_distances(narrow), "wrong values", "uint8 wraps round")


def test_l2_in_float32_is_rejected_although_it_is_right_for_far_rows():
    def single(x, y):
        return plain_l2(x, y).astype(np.float32)

    def really_single(x, y):
        x, y = x.astype(np.float32), y.astype(np.float32)
        d2 = (x * x).sum(1)[:, None] - 2 * x @ y.T + (y * y).sum(1)
        return np.sqrt(np.maximum(d2, 0))

    says(checks.l2_distances(single), "correct")  # rounded only at the end
    says(checks.l2_distances(really_single), "wrong values", "float32")


def test_l2_without_clipping_meets_not_a_number():
    def unclipped(x, y):
        x, y = x.astype(float), y.astype(float)
        return np.sqrt((x * x).sum(1)[:, None] - 2 * x @ y.T + (y * y).sum(1))

    with np.errstate(invalid="ignore"):
        says(checks.l2_distances(unclipped), "wrong values", "np.maximum")


def test_l2_with_the_columns_centred_in_place_is_caught():
    def centring(x, y):
        if x.dtype != np.float64:
            return plain_l2(x, y)
        result = plain_l2(x, y)
        y -= y.mean(axis=0)
        return result

    says(checks.l2_distances(centring), "changed its input")


def test_vote_by_bincount_alone_is_told_about_draws():
    def popular(labels, num_classes):
        rows = [np.bincount(row, minlength=num_classes).argmax() for row in labels]
        return np.array(rows, dtype=int)

    says(checks.vote(popular), "wrong values", "smallest class number", "one vote each")


def test_vote_that_returns_one_class_for_all_rows_is_rejected():
    verdict = checks.vote(lambda labels, num_classes: np.bincount(labels[0]).argmax())
    assert not verdict.passed


def test_vote_that_sorts_the_labels_in_place_is_rejected():
    def sorting(labels, num_classes):
        result = neighbors.vote(labels, num_classes)
        labels.sort(axis=1)
        return result

    says(checks.vote(sorting), "changed its input")


def test_vote_that_fails_without_queries_shows_the_empty_case():
    def stacking(labels, num_classes):
        return np.stack([neighbors.vote(row[None], num_classes)[0] for row in labels])

    says(checks.vote(stacking), "raised", "no query at all")


@pytest.mark.parametrize(
    "name, words",
    [
        ("leak", "leaks"),
        ("not shuffled", "without a shuffle"),
        ("last fold dropped", "last fold"),
        ("k picked on the test set", "test set"),
    ],
)
def test_the_mistakes_that_the_course_warns_of_are_known(name, words):
    for exercise in (checks.cross_validate, checks.tune_and_test):
        for mistake in exercise.mistakes:
            if mistake.name == name:
                verdict = exercise(mistake.function)
                assert not verdict.passed and words in verdict.text
                return
    raise AssertionError(name)


def test_cross_validation_with_the_default_metric_only_is_rejected():
    def stubborn(x, y, ks, num_folds=5, metric="l2", seed=0, chunk_size=2048):
        return neighbors.cross_validate(x, y, ks, num_folds, "l2", seed)

    says(checks.cross_validate(stubborn), "wrong values", "metric is ignored")


def test_tuning_that_returns_k_alone_is_told_what_is_missing():
    def only_k(x, y, x_test, y_test, ks, num_folds=5):
        return neighbors.tune_and_test(x, y, x_test, y_test, ks, num_folds)[0]

    says(checks.tune_and_test(only_k), "wrong type", "return k, accuracy")


def test_tuning_cases_tell_the_honest_k_from_the_others():
    honest, peeking = set(), set()
    for case in checks.tune_and_test.cases:
        x, y, x_test, y_test, ks, num_folds = case.args
        honest.add(neighbors.tune_and_test(*case.args)[0])
        right = [np.mean(neighbors.predict(x_test, x, y, k) == y_test) for k in ks]
        peeking.add(ks[int(np.argmax(right))])
    assert honest != peeking and len(honest) > 1


@pytest.mark.parametrize(
    "name, answer, words",
    [
        ("l1_distance", lambda a, b: (loop_l1(a, b),), "wrapped in a list"),
        ("l1_distance", lambda a, b: 2 * loop_l1(a, b), "counted twice"),
        (
            "l1_distance",
            lambda a, b: np.abs(a.astype(np.int16) - b.astype(np.int16)).sum(),
            "cuts fractions off",
        ),
        (
            "vote",
            lambda labels, n: (
                neighbors.vote(labels[:, : max(1, len(labels[0]) // 2)], n)
                if len(labels)
                else labels[:, 0]
            ),
            "compare wanted and got",
        ),
        (
            "tune_and_test",
            lambda x, y, a, b, ks, num_folds=5: neighbors.tune_and_test(x, y, a, b, ks),
            "num_folds is ignored",
        ),
        (
            "tune_and_test",
            lambda x, y, a, b, ks, num_folds=5: (
                ks[0],
                np.mean(neighbors.predict(a, x, y, ks[0]) == b),
            ),
            "always the first k",
        ),
    ],
)
def test_an_answer_gets_its_own_cause_or_none(name, answer, words):
    verdict = getattr(checks, name)(answer)
    assert not verdict.passed and words in verdict.text, verdict


def test_cross_validation_keeps_the_order_of_ks_and_searches_the_largest():
    def in_order(x, y, ks, num_folds=5, metric="l2", seed=0, chunk_size=2048):
        return neighbors.cross_validate(x, y, sorted(ks), num_folds, metric, seed)

    def last(x, y, ks, num_folds=5, metric="l2", seed=0, chunk_size=2048):
        least = [min(k, ks[-1]) for k in ks]
        return neighbors.cross_validate(x, y, least, num_folds, metric, seed)

    says(checks.cross_validate(in_order), "wrong values", "order of ks")
    says(checks.cross_validate(last), "wrong values", "max(ks), not ks[-1]")


def test_tuning_takes_the_first_of_equals_as_the_list_has_them():
    def tidy(x, y, x_test, y_test, ks, num_folds=5):
        return neighbors.tune_and_test(x, y, x_test, y_test, sorted(ks), num_folds)

    says(checks.tune_and_test(tidy), "wrong values", "sorted first")


# ------------------------------------------------------------------- find the bug


def broken(query, rows, labels):
    """Return the label of the row nearest to query, in L1; the first of equals."""
    gaps = abs(rows - query)  # (N, D)
    return labels[gaps.sum(axis=1).argmin()]


def mended(query, rows, labels):
    gaps = np.abs(rows.astype(float) - query)
    return labels[gaps.sum(axis=1).argmin()]


def test_the_bug_untouched_is_not_attempted_and_mended_needs_its_cause():
    says(checks.copy_nearest(broken), "not attempted", "a, b, c or d")
    says(checks.copy_nearest(broken, "c"), "wrong values", "3 - 5 is 254")
    says(checks.copy_nearest(mended), "wrong cause", "copy_nearest_cause")
    for letter in ("a", "b", "d"):
        says(checks.copy_nearest(mended, letter), "wrong cause", f"not ({letter})")
    says(checks.copy_nearest(mended, "c"), "correct", "no room for negative")


def test_the_bug_costs_what_the_notebook_says():
    train, val = data.load("digits").hold_out(0.2)
    rows, asked = data.flatten(train.images), data.flatten(val.images)
    for function, least, most in [(broken, 0.775, 0.785), (mended, 0.975, 0.985)]:
        said = np.array([function(query, rows, train.labels) for query in asked])
        assert least < np.mean(said == val.labels) < most


@pytest.mark.parametrize(
    "mending, words",
    [
        (lambda q, rows, y: y[np.abs(rows - q).sum(axis=1).argmax()], "still wraps"),
        (
            lambda q, rows, y: y[
                np.abs(rows.astype(np.int64) - q.astype(np.int64)).sum(axis=1).argmin()
            ],
            "fractions off",
        ),
        (lambda q, rows, y: y[np.abs(rows * 1.0 - q).sum(1).argmax()], "argmax takes"),
        (lambda q, rows, y: y[np.abs((rows * 1.0 - q).sum(1)).argmin()], "too late"),
        (
            lambda q, rows, y: y[((rows * 1.0 - q) ** 2).sum(1).argmin()],
            "nearest in L2",
        ),
        (lambda q, rows, y: np.abs(rows * 1.0 - q).sum(1).argmin(), "labels[place]"),
    ],
)
def test_wrong_mendings_are_told_what_is_still_wrong(mending, words):
    verdict = checks.copy_nearest(mending, "c")
    assert not verdict.passed and words in verdict.text, verdict


# --------------------------------------------------------------------- the open one


def pixels(images):
    return images.reshape(len(images), -1)


def spectrum(images):
    return np.abs(np.fft.fft2(images[:, 0])).reshape(len(images), -1)


def corner(images):
    """Ink moved into the upper left corner."""
    rows = np.zeros(images[:, 0].shape)
    for row, image in zip(rows, images[:, 0], strict=True):
        down, right = (np.flatnonzero(image.any(axis=axis))[0] for axis in (1, 0))
        row[: 12 - down, : 12 - right] = image[down:, right:]
    return rows.reshape(len(images), -1)


def test_features_that_bear_a_shift_reach_the_bar():
    for answer in (neighbors.features, spectrum, corner):
        says(checks.features(answer), "bar reached", "100% of the digits keep")


def test_features_below_the_bar_are_scored_shown_and_told_why():
    verdict = checks.features(lambda images: pixels(images) / 255)
    says(verdict, "below the bar", "63.8%", "bar: 96.0%", MOVES, "taken for")
    assert verdict.picture.startswith(b"\x89PNG")
    histogram = checks.features(lambda images: np.sort(pixels(images), axis=1))
    says(histogram, "below the bar", LOST)


def test_the_pixels_themselves_get_what_the_notebook_says():
    says(checks.features(pixels), "below the bar", "63.8%", MOVES)
    says(checks.features(5), "not attempted", "96.0%")


def test_features_of_another_shape_are_told_which_is_wanted():
    says(
        checks.features(lambda images: images),
        "below the bar",
        "(1151, 1, 12",
        "(N, M)",
    )
    says(
        checks.features(lambda images: ["a"] * len(images)), "below the bar", "numbers"
    )


# ------------------------------------------------- the references written for 02


def test_l1_distance_of_the_slide_is_456_for_integers_floats_and_uint8():
    a, b = (np.array(rows).reshape(4, 4) for rows in checks.neighbors.SLIDE)
    for kind in (int, float, np.uint8, np.float32):
        assert neighbors.l1_distance(a.astype(kind), b.astype(kind)) == 456


def test_l1_distance_agrees_with_the_distances_of_flat_rows():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 3, 5, 4))
    rows = neighbors.l1_distances(a.reshape(1, -1), b.reshape(1, -1))
    assert neighbors.l1_distance(a, b) == pytest.approx(rows[0, 0])
    assert neighbors.l1_distance(a, a) == 0


def test_l1_distance_refuses_images_of_two_shapes():
    with pytest.raises(ValueError, match=r"one shape; got \(2, 3\) and \(3, 2\)"):
        neighbors.l1_distance(np.zeros((2, 3)), np.zeros((3, 2)))


def test_tuning_ignores_the_test_set_until_the_end():
    case = checks.tune_and_test.cases[1]
    x, y, x_test, y_test, ks, num_folds = case.args
    k, found = neighbors.tune_and_test(*case.args)
    other, _ = neighbors.tune_and_test(x, y, x_test[:3], 2 - y_test[:3], ks, num_folds)
    means = neighbors.cross_validate(x, y, ks, num_folds).mean(axis=1)
    assert k == other == ks[int(means.argmax())]
    assert found == np.mean(neighbors.predict(x_test, x, y, k) == y_test)
