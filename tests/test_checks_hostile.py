"""Exercises against odd but right answers, and wrong ones beyond their lists."""

import asyncio
import math
import warnings
from collections import Counter

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from cnnlab import challenges, checks, linear, neighbors, ops
from cnnlab.checks import _base, _causes

pytestmark = pytest.mark.usefixtures("no_progress")

EXERCISES = sorted(checks.EXERCISES.values(), key=lambda one: (one.notebook, one.name))


# ------------------------------------------------------------------ right answers


def judge(exercise, answer):
    """Return the verdict on an answer; a bug's cause is named rightly."""
    if exercise.kind != "bug":
        return exercise(answer)
    [right] = [cause.letter for cause in exercise.causes if cause.right]
    return exercise(answer, right)


@pytest.mark.slow
@pytest.mark.parametrize(
    "exercise",
    [one for one in EXERCISES if one.name != "best_recipe"],  # it trains for seconds
    ids=lambda one: one.name,
)
def test_a_right_answer_may_print_draw_and_return_tensors(exercise):
    torch = pytest.importorskip("torch")

    def prints(*args, **kwargs):
        print("here")
        np.random.rand(2)  # noqa: NPY002
        return exercise.reference(*args, **kwargs)

    def as_tensors(value):
        if type(value) in (tuple, list):
            return type(value)(map(as_tensors, value))
        if isinstance(value, tuple):  # a layer
            return value
        numbers = np.asarray(value)
        return torch.tensor(numbers) if numbers.dtype.kind in "biuf" else value

    def tensors(*args, **kwargs):
        made = as_tensors(exercise.reference(*args, **kwargs))
        if isinstance(made, torch.Tensor) and made.is_floating_point():
            made.requires_grad_()
        return made

    # All checks have one machinery: exercises take turns. Of an open one an answer in
    # arrays is scored, tensors are not asked.
    if exercise.kind == "open" or EXERCISES.index(exercise) % 2:
        assert judge(exercise, prints).passed
    else:
        assert judge(exercise, tensors).passed, judge(exercise, tensors)


def _split(n, fractions, seed=0):
    """Shuffle in place with the old generator, count up to each running total."""
    order, parts, start = np.arange(n), [], 0
    np.random.RandomState(seed).shuffle(order)
    for number in range(1, len(fractions) + 1):
        stop = round(math.fsum(fractions[:number]) * n)
        parts.append(order[start:stop].tolist())
        start = stop
    return parts


def _nested_loops(x, y):
    return [
        [math.sqrt(math.fsum((float(p) - float(q)) ** 2 for p, q in zip(a, b)))  # noqa: B905
         for b in y] for a in x
    ]  # fmt: skip


def _tuned(x, y, x_test, y_test, ks, num_folds=5):
    best, chosen = -1.0, None
    for k in ks:
        found = neighbors.cross_validate(x, y, [k], num_folds).mean()
        if found > best:
            best, chosen = found, k
    right = neighbors.predict(x_test, x, y, chosen) == y_test
    return np.array([chosen, right.mean()])


RIGHT = [
    ("to_channels_first", lambda x: np.einsum("nhwc->nchw", x)),
    ("to_channels_first", lambda x: np.moveaxis(x, -1, 1)),
    ("as_float", lambda x: x.astype(np.float32) * np.float32(1 / 255)),
    ("brighten", lambda a, b: np.clip(a + 1.0 * b, 0, 255).astype(np.uint8)),
    ("l1_distance", lambda a, b: math.fsum(np.abs(a - b.astype(float)).ravel())),
    ("l2_distances", cdist),
    ("vote", lambda rows, k: [Counter(r.tolist()).most_common(1)[0][0] for r in rows]),
    ("tune_and_test", _tuned),
    ("split_indices", _split),
    ("is_mushroom", lambda image: np.array(challenges.is_mushroom(image))),
    ("softmax", lambda s: np.exp(ops.log_softmax(s))),
    ("softmax_gradient", lambda s, y: ops.softmax(s) - np.eye(s.shape[1])[y]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "answer"), RIGHT)
def test_another_way_of_writing_it_is_right(name, answer):
    verdict = checks.EXERCISES[name](answer)
    assert verdict.passed, verdict


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (_nested_loops, "there is a loop"),
        (
            lambda a, b: np.linalg.norm(a[:, None] - b.astype(float), axis=2),
            "an array far larger than its result",
        ),
    ],
)
def test_distances_that_are_right_may_be_too_costly(answer, why):
    verdict = checks.l2_distances(answer)
    assert verdict.status == _base.TOO_COSTLY
    assert "The result is right, but" in verdict.text and why in verdict.text


# ------------------------------------------------------------------ wrong answers


def _strided(n, fractions, seed):
    """Not shuffled: every second index first, odd or even by the seed."""
    order = np.concatenate([np.arange(seed % 2, n, 2), np.arange(1 - seed % 2, n, 2)])
    return np.split(order, np.rint(np.cumsum(fractions) * n).astype(int))[:-1]


def _times(factor):
    return lambda *args: factor * np.asarray(neighbors.cross_validate(*args))


WRONG = [
    ("value_count", lambda h, w, c: 3 * h * w, "right for colour images only"),
    ("value_count", lambda h, w, c: np.array([h * w * c]), "squeeze it"),
    ("value_count", lambda h, w, c: f"{h * w * c}", "wanted numbers, got text"),
    ("value_count", lambda h, w, c: [h, w, c], "these are the three sizes"),
    ("value_count", lambda h, w, c: [h * w, c], "one number is wanted"),
    ("to_channels_first", lambda x: x.transpose(2, 0, 1), "four axes"),
    ("to_channels_first", lambda x: x[0].transpose(2, 0, 1), "only the first image"),
    ("to_channels_first", lambda x: x.transpose(0, 3, 1, 2).squeeze(), "loses its"),
    ("as_float", lambda x: 1 - x / 255, "dark and bright are exchanged"),
    ("as_float", lambda x: (x / 255).astype(np.float16), "about three digits"),
    ("brighten", lambda a, b: np.minimum(255, np.abs(a.astype(int) + b)), "-7 into 7"),
    ("topk_error", lambda s, y, k: 1 - np.isin(y, np.argsort(
        -s.astype(float), axis=1, kind="stable")[:, :k]).mean(), "its own row"),
    ("l1_distance", lambda a, b: np.abs(a.astype(int) - b.astype(int)).sum(), "cuts"),
    ("l1_distance", lambda a, b: np.abs(a - b.astype(float)).sum(1), "by itself"),
    ("l2_distances", lambda x, y: cdist(x, y).round(2), "wanted 3.4641, got 3.46"),
    ("l2_distances", lambda x, y: cdist(x, y)[..., None], "squeeze it"),
    ("vote", lambda rows, k: [row[-1] for row in rows], "farthest neighbour, is asked"),
    ("cross_validate", _times(100), "in per cent"),
    ("hinge_loss", lambda s, y, m=1.0: linear.hinge_loss(s, y, m).round(1), "0.375"),
    ("hinge_loss", lambda s, y, m=1.0: m * linear.hinge_loss(s, y), "no factor"),
    ("softmax", lambda s: ops.softmax(-s), "exponent is reversed"),
    ("hinge_gradient", lambda s, y, m=1.0: abs(linear.hinge_gradient(s, y, m)), "sign"),
    ("softmax_gradient", lambda s, y: ops.softmax(s) - np.eye(10)[y], "built in as 10"),
    ("dataset_loss", lambda x, y, w, b, *rest: linear.dataset_loss(
        x, y, w, b, "softmax", *rest[1:]), "whatever `loss` says"),
    ("dataset_loss", lambda *args: {"loss": 1}, "Got one: a dict"),
    ("split_indices", _strided, "not shuffled"),
    ("is_mushroom", lambda image: image[40, 0, 0] > 3, "IndexError"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "answer", "says"), WRONG)
def test_a_wrong_answer_of_another_kind_is_rejected_with_a_fitting_word(
    name, answer, says
):
    verdict = checks.EXERCISES[name](answer)
    assert not verdict.passed and says in verdict.text, verdict


def test_a_cause_is_not_read_off_results_that_are_all_not_a_number():
    def spread(s):
        with np.errstate(all="ignore"):
            low = s - s.min(axis=1, keepdims=True)
            return low / low.sum(axis=1, keepdims=True)

    text = checks.softmax(spread).text
    assert "got nan" in text and _base.UNEXPLAINED in text


@pytest.mark.parametrize(
    ("got", "cause"),
    [
        ([1.0, 0.0, 5.0], None),  # where the wanted value is not 0 the ratio is 1
        ([1.0, 0.01, 5.0], None),
        ([1.0, 2.0, 5.0], "signs are lost"),
    ],
)
def test_no_absurd_cause_is_given(got, cause):
    found = _causes.general_cause((np.array([1.0, -2.0, 5.0]),), (np.array(got),))
    assert found is None if cause is None else cause in found
    ones = _causes.general_cause((np.array([0.0, 2, 3]),), (np.array([7.0, 2, 3]),))
    assert ones is None


def test_a_lone_number_gets_no_cause_made_for_arrays():
    assert _causes.general_cause((np.array(0.5),), (np.array(0.0),)) is None
    assert _causes.general_cause((np.array(0.667),), (np.array(1.0),)) is None


# ------------------------------------------------------------------ odd answers


async def _waits(*args, **kwargs):
    return 1


def _yields(*args, **kwargs):
    yield 1


# All checks that compare have one machinery: every fourth exercise.
COMPARED = [one for one in EXERCISES if getattr(one, "judge", True) is None]


@pytest.mark.parametrize("exercise", COMPARED[::4], ids=lambda one: one.name)
def test_generators_and_coroutines_are_named_as_such(exercise):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if COMPARED.index(exercise) % 8:
            assert "not `async def`" in exercise(_waits).text
        else:
            assert "a generator: collect" in exercise(_yields).text


ERRORS = GeneratorExit, asyncio.CancelledError, SystemExit, MemoryError


@pytest.mark.parametrize(
    ("exercise", "error"),
    # All checks have one machinery: every third exercise, and errors take turns.
    [(one, ERRORS[n % 4]) for n, one in enumerate(EXERCISES[::3])],
    ids=lambda one: one.name if hasattr(one, "name") else one.__name__,
)
def test_no_error_of_an_answer_leaves_the_check(exercise, error):
    def answer(*args, **kwargs):
        raise error

    verdict = exercise(answer)
    if error is MemoryError:
        assert verdict.status == _base.TOO_COSTLY and "MiB of memory" in verdict.text
    else:
        assert verdict.status == _base.RAISED and error.__name__ in verdict.text
