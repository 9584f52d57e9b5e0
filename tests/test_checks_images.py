"""The checks of notebook 00 against answers that are almost right, and oddly right."""

import itertools

import numpy as np
import pytest

from cnnlab import checks, data, images
from cnnlab.checks import _base
from cnnlab.checks import images as topic

pytestmark = pytest.mark.usefixtures("no_progress")

NEARLY = [
    # exercise, answer, what the verdict must say
    ("value_count", lambda h, w, c: h * w * (3 if c > 1 else 1), "told apart by hand"),
    ("value_count", lambda h, w, c: 2 * (h + w) * c, "way round the edge"),
    ("value_count", lambda h, w, c: f"{h * w * c}", "wanted numbers"),
    ("value_count", lambda h, w, c: h * w * c / 1, "but a float: a count is an int"),
    ("value_count", lambda h, w, c: print(h * w * c), "without `return`"),
    ("to_channels_first", lambda x: x.transpose(3, 1, 2, 0), "have changed places"),
    ("to_channels_first", lambda x: x.transpose(0, 1, 3, 2), "the old N, H, C, W"),
    ("to_channels_first", lambda x: np.rollaxis(x, 3), "before the batch axis"),
    ("to_channels_first", lambda x: x.swapaxes(1, 3), "height and width"),
    ("to_channels_first", lambda x: [one.T for one in x], "lie on their side"),
    ("brighten", lambda x, a: np.clip(x.astype(int) + a, 0, 255), "is int64"),
    ("brighten", lambda x, a: np.clip(x + 1.0 * a, 0, 255), "is float64"),
    ("brighten", lambda x, a: np.clip(x + a, 0, 255), "modulo 256"),
    ("brighten", lambda x, a: np.uint8(np.clip(x + abs(a), 0, 255)), "wrong values"),
    (
        "brighten",
        lambda x, a: np.clip(x.astype(int) + a, 0, 255).astype(np.uint8) if a else None,
        "without `return`",
    ),
    ("average", lambda a, b: a // 2 + b // 2, "rounded down by itself"),
    ("average", lambda a, b: (a.astype(int) + b) // 2, "is int64"),
    ("average", lambda a, b: np.mean([a, b], axis=0), "a float with its halves"),
    ("average", lambda a, b: np.uint8((a + b) / 2), "still goes through uint8"),
    ("average", lambda a, b: np.clip(a + b, 0, 255) // 2, "still goes through uint8"),
    ("average", lambda a, b: np.minimum(a + 1 * b, 255) // 2, "through uint8"),
    ("as_float", lambda x: np.round(x / 255, 2), "two decimals"),
    ("as_float", lambda x: np.round(x / 255, 3), "three decimals"),
    ("as_float", lambda x: (x / 255).astype(np.uint8), "fractions are thrown away"),
    ("as_float", lambda x: x / (x.max() or 1), "brightest value present"),
    ("as_float", lambda x: x.astype(np.float32) / 256, "divided by 256"),
    ("as_float", lambda x: (x / 256).astype(np.float16), "wrong type"),
    ("as_float", lambda x: x.astype(np.float16) / 255, "about three digits"),
]


def _judge(name, answer):
    letter = ("b",) if name == "average" else ()
    return getattr(checks, name)(answer, *letter)


@pytest.mark.parametrize(("name", "answer", "said"), NEARLY)
def test_an_answer_that_is_almost_right_is_told_what_is_wrong(name, answer, said):
    verdict = _judge(name, answer)
    assert not verdict.passed
    assert said in repr(verdict), verdict


def _looped(image, amount):
    result = np.empty_like(image)
    for index in np.ndindex(image.shape):
        result[index] = min(max(int(image[index]) + amount, 0), 255)
    return result


UNUSUAL = [
    ("value_count", lambda h, w, c: np.prod([h, w, c])),
    ("value_count", lambda h, w, c: np.zeros((h, w, c)).size),
    ("to_channels_first", lambda x: np.moveaxis(x, -1, 1)),
    ("to_channels_first", lambda x: np.einsum("nhwc->nchw", x)),
    ("to_channels_first", lambda x: x.swapaxes(1, 3).swapaxes(2, 3).copy()),
    (
        "to_channels_first",
        lambda x: np.stack([x[..., c] for c in range(x.shape[-1])], axis=1),
    ),
    ("brighten", _looped),
    ("brighten", lambda x, a: np.uint8(np.clip(x.astype(float) + a, 0, 255))),
    ("brighten", lambda x, a: np.clip(np.add(x, a, dtype=int), 0, 255).astype("u1")),
    ("average", lambda a, b: np.uint8((a.astype(float) + b) / 2)),
    ("average", lambda a, b: a // 2 + b // 2 + (a & b & 1)),
    ("average", lambda a, b: np.mean([a, b], axis=0).astype(np.uint8)),
    ("as_float", lambda x: x / 255),
    ("as_float", lambda x: x.astype(np.float32) * np.float32(1 / 255)),
    ("as_float", lambda x: np.true_divide(x, 255.0)),
    ("as_float", lambda x: np.interp(x, [0, 255], [0, 1])),
]


@pytest.mark.parametrize(("name", "answer"), UNUSUAL)
def test_a_right_answer_of_another_kind_is_right(name, answer):
    verdict = _judge(name, answer)
    assert verdict.passed, verdict


@pytest.mark.parametrize("name", ["brighten", "average", "as_float"])
def test_a_right_result_written_into_the_input_is_refused(name):
    reference = getattr(images, name)

    def overwrites(first, *more):
        result = reference(first, *more)
        first[...] = 0
        return result

    assert _judge(name, overwrites).status == _base.CHANGED_INPUT


def test_a_sum_in_place_is_told_that_it_wraps():
    def in_place(image, amount):
        image += np.array(amount).astype(np.uint8)
        return image

    verdict = checks.brighten(in_place)
    assert verdict.status == _base.WRONG_VALUES
    assert "modulo 256" in verdict.text


# ------------------------------------------------------------------------- the bug


def test_the_bug_asks_for_mending_and_for_the_cause():
    broken, mended = topic.broken_average, images.average
    assert checks.average(broken, None).status == _base.NOT_ATTEMPTED
    assert checks.average(mended, None).status == _base.WRONG_CAUSE
    assert checks.average(mended, "b").passed
    assert not checks.average(broken, "b").passed


@pytest.mark.parametrize(
    ("letter", "reply"),
    [("a", "at most half a grey level"), ("c", "red to red"), ("d", "a new array")],
)
def test_a_wrong_cause_gets_its_reply(letter, reply):
    verdict = checks.average(images.average, letter)
    assert verdict.status == _base.WRONG_CAUSE
    assert reply in verdict.text


def test_what_the_replies_say_is_true():
    a, b = np.array([200], np.uint8), np.array([100], np.uint8)
    assert topic.broken_average(a, b)[0] == 22
    assert (300 // 2, (200 + 100) % 256) == (150, 44)
    assert (a[0], b[0]) == (200, 100)


# ------------------------------------------------------------------- zero to eight


@pytest.fixture
def zero():
    return data.load("digits").images[0, 0].copy()


def test_the_untouched_zero_is_not_attempted(zero):
    assert checks.zero_to_eight(zero).status == _base.NOT_ATTEMPTED


def test_four_white_pixels_reach_the_bar_and_the_neighbours_are_shown(zero):
    zero[3:5, 3:5] = 255
    verdict = checks.zero_to_eight(zero)
    assert verdict.passed
    assert "Your score: 4 pixels" in verdict.text
    assert "8, 8, 8, 8, 8: all 8s." in verdict.text
    assert verdict.picture
    assert "yours." not in verdict.text  # a picture is nothing that later cells run


def test_five_pixels_score_and_stay_above_the_bar(zero):
    zero[3:5, 3:5] = 255
    zero[2, 3] = 255
    verdict = checks.zero_to_eight(zero)
    assert verdict.status == _base.BELOW_BAR
    assert "Your score: 5 pixels" in verdict.text
    assert "it takes fewer pixels" in verdict.text


def test_a_picture_that_is_no_8_gets_no_score_and_sees_its_neighbours(zero):
    zero[3, 3] = 255
    verdict = checks.zero_to_eight(zero)
    assert verdict.status == _base.BELOW_BAR
    assert "Your score: not an 8 yet" in verdict.text
    assert "You changed 1 of 64 pixels" in verdict.text
    assert "your picture, 0" in verdict.text and verdict.picture


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (np.zeros((8, 9), np.uint8), "8 x 8 numbers"),
        (np.zeros((1, 8, 8), np.uint8), "8 x 8 numbers"),
        ("an eight", "8 x 8 numbers"),
        (lambda zero: zero.fill(255), "8 x 8 numbers, but your function returns None"),
        (np.full((8, 8), 300), "from 0 (black) to 255"),
        (np.full((8, 8), np.nan), "from 0 (black) to 255"),
    ],
)
def test_what_is_no_such_picture_is_said(answer, said):
    verdict = checks.zero_to_eight(answer)
    assert verdict.status == _base.BELOW_BAR
    assert said in verdict.text


def test_none_is_answered_by_what_is_expected():
    verdict = checks.zero_to_eight(None)
    assert verdict.status == _base.NOT_ATTEMPTED
    assert "Expected an array of 8 x 8 numbers" in verdict.text
    assert "but got None" in verdict.text


def test_floats_and_lists_of_the_same_numbers_score_alike(zero):
    zero[3:5, 3:5] = 255
    for answer in (zero.astype(float), zero.astype(int), zero.tolist()):
        assert checks.zero_to_eight(answer).passed


def test_no_three_pixels_turned_white_will_do(zero):
    """All 41,664 choices: never are even three of the five neighbours 8s."""
    digits = data.load("digits")
    others = digits.images[1:].reshape(-1, 64).astype(np.int64)
    eight = digits.labels[1:] == 8
    before = (others - zero.ravel().astype(np.int64)) ** 2
    gain = ((others - 255) ** 2 - before).T  # (64, N): one pixel turned white
    start, most = before.sum(axis=1), 0
    for i, j in itertools.combinations(range(64), 2):
        if j == 63:
            continue
        distances = start + gain[i] + gain[j] + gain[j + 1 :]  # (choices, N)
        five = np.argpartition(distances, 4, axis=1)[:, :5]
        most = max(most, int(eight[five].sum(axis=1).max()))
    assert most == 2


# ------------------------------------------------------------------------- samples


@pytest.mark.parametrize("size", range(1, 9))
@pytest.mark.parametrize("seed", range(20))
def test_drawn_inputs_are_such_as_the_task_names(seed, size):
    def draw(exercise):
        return exercise.samples(np.random.default_rng(seed), size).args

    assert all(type(one) is int and one >= 1 for one in draw(checks.value_count))
    assert draw(checks.to_channels_first)[0].ndim == 4
    image, amount = draw(checks.brighten)
    assert image.dtype == np.uint8 and image.size
    assert type(amount) is int and -255 <= amount <= 255
    a, b = draw(checks.average)
    assert a.dtype == b.dtype == np.uint8 and a.shape == b.shape
    assert draw(checks.as_float)[0].dtype == np.uint8
