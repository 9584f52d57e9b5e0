"""The exercises of notebook 01, attacked with answers beyond their lists."""

import numpy as np
import pytest

from cnnlab import challenges, checks, data


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


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("pixel_change", _loops),
        ("topk_error", _by_loops),
        ("topk_error", _by_counting),
        ("split_indices", _split_with_lists),
        ("is_mushroom", lambda image: np.bool_(challenges.is_mushroom(image))),
        ("is_mushroom", lambda image: int(challenges.is_mushroom(image))),
    ],
)
def test_another_right_way_is_right(name, answer, no_progress):
    verdict = checks.EXERCISES[name](answer)
    assert verdict.passed, repr(verdict)


def _writes_on_the_picture(image):
    image[:] = 0
    return True


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (lambda image: True, "wrong values", "True to everything"),
        (lambda image: "mushroom", "wrong shape", "not the name of a class"),
        (lambda image: 0.7, "wrong shape", "True or False, got float"),
        (lambda image: challenges.silhouette(image), "wrong shape", "one answer"),
        (_writes_on_the_picture, "changed its input", "Work on a copy"),
        (lambda image: image[5], "raised", "IndexError"),
        (lambda image: image.mean(axis=2).mean() > 99, "wrong values", "shuffled"),
        (True, "not attempted", "Pass it without calling"),
    ],
)
def test_a_wrong_rule_gets_a_verdict_that_helps(answer, status, says, no_progress):
    verdict = checks.is_mushroom(answer)
    assert verdict.status == status and says in repr(verdict), repr(verdict)


def test_the_verdict_on_a_rule_counts_misses_and_false_alarms(no_progress):
    def finds_stems(image):
        widths = challenges.silhouette(image).sum(axis=1)
        return bool(widths[24] < 16)

    text = checks.is_mushroom(finds_stems).text
    assert "misses:" in text and "false alarms:" in text
    assert "taken for a mushroom:" in text and "first failures: #" in text


def test_class_names_in_the_verdict_are_those_of_the_hidden_pictures():
    from cnnlab import scenes
    from cnnlab.checks import challenges as topic

    images, truth = challenges.one_against_rest("mushroom", 36, 8)
    names = topic._other_names(36)
    labels = [8 if t else scenes.CLASSES.index(n) for t, n in zip(truth, names)]  # noqa: B905
    again, _ = scenes.generate(36, 8, 0, np.array(labels))
    assert np.array_equal(images, again)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda n, fractions, seed: np.arange(n), "one part"),
        (lambda n, fractions, seed: ([0.5], [0.1]), "integers with one axis"),
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
    ],
)
def test_a_wrong_split_gets_its_cause(answer, says, no_progress):
    verdict = checks.split_indices(answer)
    assert not verdict.passed and says in verdict.text, repr(verdict)


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
    ],
)
def test_a_wrong_topk_error_is_caught(answer, says, no_progress):
    verdict = checks.topk_error(answer)
    assert not verdict.passed and says in repr(verdict), repr(verdict)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda before, after: print(end=""), "None"),
        (lambda before, after: 0.5, "2 results"),
        (lambda before, after: (before != after, after), "shape"),
        (lambda before, after: (0.0, 0.0), "share"),
        (lambda before, after: (float((before > after).mean()), 5.0), ""),
    ],
)
def test_a_wrong_pixel_change_is_caught(answer, says, no_progress):
    verdict = checks.pixel_change(answer)
    assert not verdict.passed and says in repr(verdict), repr(verdict)
