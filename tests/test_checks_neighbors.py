"""The exercises of notebook 02, attacked with answers a learner may well give."""

import numpy as np
import pytest

from cnnlab import checks, neighbors

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


@pytest.mark.parametrize("answer", [broadcast_l2, list_l2, plain_l2])
def test_other_right_ways_to_write_l2_distances_pass(answer):
    says(checks.l2_distances(answer), "correct")


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


def test_a_widget_gets_the_learners_function_only_if_it_passes():
    assert checks.vote.or_reference(loop_vote) is loop_vote
    assert checks.vote.or_reference(lambda labels, n: labels) is neighbors.vote


# ----------------------------------------------------------------- wrong answers


def test_l1_of_uint8_without_conversion_is_told_that_it_wraps():
    verdict = checks.l1_distance(lambda a, b: np.sum(np.abs(a - b)))
    says(verdict, "wrong values", "uint8 wraps round", "200")


def test_l1_printed_instead_of_returned_is_told_about_return(capsys):
    verdict = checks.l1_distance(lambda a, b: print(np.abs(a - b).sum()))
    says(verdict, "wrong shape", "return")


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
        (lambda x, y: plain_l2(x, y) + 1, "off by the same"),
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

    says(checks.tune_and_test(only_k), "wrong shape", "k, accuracy")


def test_tuning_cases_tell_the_honest_k_from_the_others():
    honest, peeking = set(), set()
    for case in checks.tune_and_test.cases:
        x, y, x_test, y_test, ks, num_folds = case.args
        honest.add(neighbors.tune_and_test(*case.args)[0])
        right = [np.mean(neighbors.predict(x_test, x, y, k) == y_test) for k in ks]
        peeking.add(ks[int(np.argmax(right))])
    assert honest != peeking and len(honest) > 1


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
