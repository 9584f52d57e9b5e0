"""The exercises of notebook 01, attacked with answers beyond their lists."""

import inspect
import itertools
import linecache

import numpy as np
import pytest

from cnnlab import challenges, checks, data, scenes
from cnnlab.checks import challenges as topic


def _loops(before, after):
    changed, total = 0, 0
    for b, a in zip(before.ravel().tolist(), after.ravel().tolist(), strict=True):
        changed += b != a
        total += abs(a - b)
    return [changed / before.size, np.float32(total / before.size)]


def _by_loops(scores, labels, k):
    wrong = 0
    for row, label in zip(scores.tolist(), labels.tolist(), strict=True):
        order = sorted(range(len(row)), key=lambda c: (-row[c], c))
        wrong += label not in order[:k]
    return wrong / len(labels)


def _by_counting(scores, labels, k):
    own = scores[np.arange(len(labels)), labels][:, None]
    number = np.arange(scores.shape[1])
    before = (scores > own) | ((scores == own) & (number < labels[:, None]))
    return np.float64((before.sum(axis=1) >= k).mean())


def _split_with_lists(n, fractions=(0.8, 0.2), seed=0):
    order = np.random.default_rng(seed).permutation(n).tolist()
    parts, start, total = [], 0, 0.0
    for fraction in fractions:
        total += fraction
        stop = round(total * n)
        parts.append(order[start:stop])
        start = stop
    return parts


def _split_by_random_keys(n, fractions=(0.8, 0.2), seed=0):
    order = np.random.default_rng(seed).random(n).argsort()
    cuts = [int(total * n + 0.5) for total in itertools.accumulate(fractions)]
    return tuple(np.split(order, cuts)[: len(fractions)])  # halves are rounded up


def _all_but_the_training_part(learn, images, labels, seed=0):
    train = data.split_indices(len(labels), (0.8,), seed + 3)[0]
    held_out = np.setdiff1d(np.arange(len(labels)), train)
    classify = learn(images[train], labels[train])
    return np.mean(classify(images[held_out]) == labels[held_out])


def _by_a_mask(learn, images, labels, seed=0):
    known = np.zeros(len(labels), bool)
    order = np.random.default_rng(seed).permutation(len(labels))
    known[order[: len(labels) * 4 // 5]] = True
    said = learn(images[known], labels[known])(images[~known])
    return (said == labels[~known]).sum() / (~known).sum()


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("pixel_change", _loops),
        ("topk_error", _by_loops),
        ("topk_error", _by_counting),
        ("split_indices", _split_with_lists),
        ("split_indices", _split_by_random_keys),
        ("is_mushroom", lambda image: np.bool_(challenges.is_mushroom(image))),
        ("is_mushroom", lambda image: int(challenges.is_mushroom(image))),
    ],
)
def test_another_right_way_is_right(name, answer, no_progress):
    verdict = checks.EXERCISES[name](answer)
    assert verdict.passed, repr(verdict)


# ------------------------------------------------------------------ is_mushroom


def _forgets_to_return(image):
    challenges.silhouette(image).sum()


def _writes_on_the_picture(image):
    image[:] = 0
    return True


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (lambda image: True, "below the bar", "True to everything"),
        (lambda image: "mushroom", "below the bar", "It returns text"),
        (lambda image: 0.7, "below the bar", "True or False, got float"),
        (_forgets_to_return, "below the bar", "returns None; wanted is True or False"),
        (lambda image: None, "not attempted", "True or False, but yours returns None"),
        (None, "not attempted", "answers True or False, but got None"),
        (lambda image: challenges.silhouette(image), "below the bar", "one answer"),
        (_writes_on_the_picture, "below the bar", "work on a copy"),
        (lambda image: image[5], "raised", "IndexError"),
        (lambda image: image.mean(axis=2).mean() > 99, "below the bar", "shuffled"),
    ],
)
def test_a_weak_rule_gets_a_verdict_that_helps(answer, status, says, no_progress):
    verdict = checks.is_mushroom(answer)
    assert verdict.status == status and says in repr(verdict), repr(verdict)


def test_the_verdict_counts_and_shows_failures_passed_or_not(no_progress):
    weak = checks.is_mushroom(topic._widest_row_high)
    passed = checks.is_mushroom(challenges.is_mushroom)
    assert not weak.passed and passed.passed
    for verdict in (weak, passed):
        assert "Your score: " in verdict.text and "the bar: 90.0%" in verdict.text
        assert "Misses: " in verdict.text and "taken for a mushroom" in verdict.text
        assert verdict.picture.startswith(b"\x89PNG")


def test_a_rule_that_never_looks_but_counts_the_pictures_fails(no_progress):
    def in_turns():
        turn = itertools.count()
        return lambda image: next(turn) % 2 == 0

    def knows_the_order():
        _, truth, _ = topic._hidden()
        turn = itertools.count()
        return lambda image: bool(truth[next(turn) % len(truth)])

    for rule in (in_turns(), knows_the_order()):
        verdict = checks.is_mushroom(rule)
        assert not verdict.passed and "another order" in verdict.text, repr(verdict)


def test_the_classes_named_in_the_verdict_are_those_of_the_hidden_pictures():
    images, truth, names = topic._hidden()
    order = np.random.default_rng(4242).permutation(len(truth))
    labels = np.array([scenes.CLASSES.index(name) for name in names])[order.argsort()]
    again, _ = scenes.generate(len(labels), 4242, topic.RULE_DIALS, labels)
    assert np.array_equal(again[order], images)
    assert np.array_equal(names == "mushroom", truth)
    assert {(names == name).sum() for name in topic._OTHERS} == {12}


def _measures(images):
    """Return what rivals of the shape could go by: (N, 6)."""
    rows = []
    for image in images:
        mask = challenges.silhouette(image)
        widths, heights = mask.sum(axis=1), mask.sum(axis=0)
        tall, wide = (widths > 0).sum(), (heights > 0).sum()
        fill = mask.sum() / max(tall * wide, 1)
        rows.append((mask.sum(), tall, wide, fill, widths.argmax(), image.mean()))
    return np.array(rows)


def test_size_height_width_and_brightness_stay_below_the_bar():
    """The rivals choose their bounds on 400 practice pictures, as a learner might."""
    from sklearn.tree import DecisionTreeClassifier

    practice, is_one = challenges.one_against_rest("mushroom", 400, 5, topic.RULE_DIALS)
    hidden, truth, _ = topic._hidden()
    seen, asked = _measures(practice), _measures(hidden)
    for column in range(6):  # two bounds on one measure
        ends = np.quantile(seen[:, column], np.linspace(0, 1, 30))
        low, high = max(
            itertools.combinations(ends, 2),
            key=lambda pair: (_between(seen[:, column], *pair) == is_one).mean(),
        )
        right = (_between(asked[:, column], low, high) == truth).mean()
        assert right < 0.82, (column, right)
    for depth in (2, 3, 4):  # size, height and width together
        tree = DecisionTreeClassifier(max_depth=depth, random_state=0)
        tree.fit(seen[:, :3], is_one)
        assert tree.score(asked[:, :3], truth) < 0.82


def test_the_two_bounds_that_the_task_quotes_are_measured():
    """Chosen on the notebook's 200 pictures: of the best, those that do best here."""
    practice, is_one = challenges.one_against_rest("mushroom", 200, 5, topic.RULE_DIALS)
    hidden, truth, _ = topic._hidden()
    for measure, quoted in ((np.sum, 61), (_top_row, 83)):
        seen, asked = (
            np.array([measure(challenges.silhouette(one)) for one in images])
            for images in (practice, hidden)
        )
        found = [
            ((_between(seen, *ends) == is_one).mean(), ends)
            for ends in itertools.combinations(np.unique(seen), 2)
        ]
        best = max(found)[0]
        right = [
            (_between(asked, *ends) == truth).mean()
            for got, ends in found
            if got == best
        ]
        assert round(100 * max(right)) == quoted, right


def _top_row(mask):
    widths = mask.sum(axis=1)
    return widths[np.flatnonzero(widths)[0]]


def _between(values, low, high):
    return (values >= low) & (values <= high)


# ---------------------------------------------------------------- split_indices


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda n, fractions, seed: np.arange(n), "one part"),
        (lambda n, fractions, seed: tuple([0.5] for _ in fractions), "one axis"),
        (lambda n, fractions, seed: tuple([[0]] for _ in fractions), "one axis"),
        (
            lambda n, fractions, seed: data.split_indices(n, fractions[::-1], seed),
            "size",
        ),
        (lambda n, fractions, seed: print(end=""), "one part"),
        (
            lambda n, fractions, seed: tuple(
                np.sort(part) for part in data.split_indices(n, fractions, 7)
            ),
            "another seed",
        ),
        (
            lambda n, fractions, seed: data.split_indices(n, fractions, seed)[:1],
            "one part",
        ),
    ],
)
def test_a_wrong_split_gets_its_cause(answer, says, no_progress):
    verdict = checks.split_indices(answer)
    assert not verdict.passed and says in verdict.text, repr(verdict)


def test_the_splits_that_are_tried_hold_what_the_task_names_and_no_other_halves():
    tries = topic._splits_to_try()
    assert len(tries) > 30 and {0, 5} < {n for n, _, _ in tries}
    assert all(sum(fractions) <= 1 for _, fractions, _ in tries)
    assert sum(sum(fractions) < 0.9 for _, fractions, _ in tries) > 5


# ------------------------------------------------------------ held_out_accuracy


@pytest.mark.parametrize("answer", [_all_but_the_training_part, _by_a_mask])
def test_another_mending_is_right(answer, no_progress):
    verdict = checks.held_out_accuracy(answer, "b")
    assert verdict.passed, repr(verdict)


def _stub():
    """Return the function of the notebook, compiled alone as in its cell."""
    source = inspect.getsource(topic._overlapping)
    source = source.replace("_overlapping", "held_out_accuracy")
    place, space = "<the cell of the stub>", {"yours": topic.yours}
    linecache.cache[place] = (len(source), None, source.splitlines(True), place)
    exec(compile(source, place, "exec"), space)
    return space["held_out_accuracy"]


def test_the_untouched_bug_is_not_attempted_and_a_cause_alone_is_not_enough(
    no_progress,
):
    assert checks.held_out_accuracy(_stub(), None).status == "not attempted"
    verdict = checks.held_out_accuracy(_stub(), "b")
    assert verdict.status == "wrong values" and "cause that you name is right" in (
        verdict.text
    )


@pytest.mark.parametrize("letter", ["a", "c", "d"])
def test_a_wrong_cause_gets_its_reply(letter, no_progress):
    verdict = checks.held_out_accuracy(challenges.held_out_accuracy, letter)
    [cause] = [c for c in checks.held_out_accuracy.causes if c.letter == letter]
    assert verdict.status == "wrong cause" and cause.reply in verdict.text


# ------------------------------------------------------ topk_error, pixel_change


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda scores, labels, k: print(end=""), "None"),
        (lambda scores, labels, k: np.array([0.5]), "shape"),
        (lambda scores, labels, k: scores.sort() or 0.5, ""),
        (lambda scores, labels, k: 1 - _by_counting(scores, labels, k), "hits"),
        (
            lambda scores, labels, k: _by_counting(scores, labels, k) * len(labels),
            "count",
        ),
        (lambda scores, labels, k: _by_counting(scores, labels, k + 1), ""),
        (lambda scores, labels, k: _by_counting(np.abs(scores), labels, k), ""),
        (lambda scores, labels, k: _by_counting(np.rint(scores), labels, k), ""),
    ],
)
def test_a_wrong_topk_error_is_caught(answer, says, no_progress):
    verdict = checks.topk_error(answer)
    assert not verdict.passed and says in repr(verdict), repr(verdict)


def test_the_scores_that_are_drawn_have_ties_and_any_sign_and_are_floats():
    cases = [*checks.topk_error.cases, *checks.topk_error._drawn()]
    scores = [case.args[0] for case in cases]
    assert {one.dtype for one in scores} == {np.dtype(float)}
    assert any(len(np.unique(row)) < len(row) for one in scores for row in one)
    assert any((one < 0).all() for one in scores)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda before, after: print(end=""), "None"),
        (lambda before, after: 0.5, "2 results"),
        (lambda before, after: (before != after, after), "shape"),
        (lambda before, after: (0.0, 0.0), "share"),
        (lambda before, after: (float((before > after).mean()), 5.0), ""),
        (
            lambda before, after: (
                (before != after).mean(),
                np.abs(after.astype(np.int8) - before).mean(),
            ),
            "int8 holds",
        ),
        (
            lambda before, after: (
                (before != after).mean(),
                np.abs((before - after).astype(np.int8)).mean(),
            ),
            "int8 holds",
        ),
    ],
)
def test_a_wrong_pixel_change_is_caught(answer, says, no_progress):
    verdict = checks.pixel_change(answer)
    assert not verdict.passed and says in repr(verdict), repr(verdict)
