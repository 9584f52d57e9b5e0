"""Verdicts on answers to notebook 08 that learners write, beyond the known mistakes."""

import numpy as np
import pytest

from cnnlab import checks, ops, shapes

pytestmark = pytest.mark.usefixtures("no_progress")


def by_view(x, kernel_size, stride=None, padding=0, ceil_mode=False):
    stride = stride or kernel_size
    sides = (kernel_size, kernel_size)
    view = np.lib.stride_tricks.sliding_window_view(x, sides, (2, 3))
    return view[:, :, ::stride, ::stride].max(axis=(4, 5))


def in_four_loops(x, kernel_size, stride=None, padding=0, ceil_mode=False):
    stride = stride or kernel_size
    n, c, h, w = x.shape
    out = np.zeros((n, c, (h - kernel_size) // stride + 1,
                    (w - kernel_size) // stride + 1))  # fmt: skip
    for a, b, i, j in np.ndindex(*out.shape):
        top, left = i * stride, j * stride
        out[a, b, i, j] = x[
            a, b, top : top + kernel_size, left : left + kernel_size
        ].sum()
    return out / kernel_size**2


def by_comparison(dout, x, kernel_size, stride=None, padding=0, ceil_mode=False):
    stride, dx = stride or kernel_size, np.zeros_like(x)
    for a, b, i, j in np.ndindex(*dout.shape):
        best, place = -np.inf, None
        for k, m in np.ndindex(kernel_size, kernel_size):
            if x[a, b, i * stride + k, j * stride + m] > best:
                place = a, b, i * stride + k, j * stride + m
                best = x[place]
        dx[place] += dout[a, b, i, j]
    return dx


def from_the_top(layers):
    size = 1
    for k, s, _, d in reversed(layers):
        size = (size - 1) * s + d * (k - 1) + 1
    jump = int(np.prod([s for _, s, _, _ in layers]))
    steps = np.cumprod([1, *(s for _, s, _, _ in layers)])
    start = -sum(
        p * int(step) for (_, _, p, _), step in zip(layers, steps, strict=False)
    )
    return [size, jump, start]


def edge_repeated(x, kernel_size, stride, padding):
    p = padding
    padded = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)), mode="edge")
    return by_view(padded, kernel_size, stride)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("max_pool2d", by_view),
        ("avg_pool2d", in_four_loops),
        ("max_pool2d_backward", by_comparison),
        ("receptive_field", from_the_top),
        ("receptive_field", lambda layers: np.array(from_the_top(layers))),
    ],
)
def test_another_way_of_writing_it_is_right(name, answer):
    verdict = checks.EXERCISES[name](answer)
    assert verdict.passed, verdict


def test_a_border_of_repeated_edges_never_wins_either():
    assert checks.padded_pool(edge_repeated, "b").passed


def test_the_bug_gives_what_the_task_says():
    x = [[5.0, 3, 1, 2], [6, 4, 2, -6], [0, 1, -2, 6], [-7, 3, 2, 1]]
    task, x = checks.padded_pool, np.array(x)[None, None]
    wanted, got = (f(x, 2, 2, 1)[0, 0] for f in (task.reference, task.broken))
    assert wanted.tolist() == [[5, 3, 2], [6, 4, 6], [-7, 3, 1]]
    assert np.argwhere(wanted != got).tolist() == [[2, 0]] and got[2, 0] == 0
    assert task(task.broken).status == "not attempted"
    for cause in task.causes:
        verdict = task(task.reference, cause.letter)
        assert verdict.passed == cause.right and (
            cause.right or cause.reply in verdict.text
        )


def test_the_mended_bug_is_the_pooling_of_the_package_with_padding():
    rng = np.random.default_rng(0)
    x = rng.normal(-3, 1, (2, 3, 6, 7))
    got = checks.padded_pool.reference(x, 3, 2, 1)
    assert np.array_equal(got, ops.max_pool2d(x, 3, 2, 1))


@pytest.mark.parametrize(
    ("name", "answer", "word"),
    [
        ("max_pool2d", lambda x, k, s=None, p=0, c=False: by_view(x, k), ""),
        ("max_pool2d", lambda x, k, s=None, p=0, c=False: by_view(x, k, s).clip(0),
         "start from its first value"),
        ("max_pool2d_backward",
         lambda d, x, k, s=None, p=0, c=False: by_comparison(np.ones_like(d), x, k, s),
         "the winners get 1"),
        ("receptive_field", lambda layers: shapes.receptive_field(layers)[:2],
         "Wanted 3 results"),
        ("receptive_field", lambda layers: shapes.receptive_field(layers).size, "size"),
        ("receptive_field",
         lambda layers: shapes.receptive_field([(k, s) for k, s, _, _ in layers]), ""),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(name, answer, word):
    verdict = checks.EXERCISES[name](answer)
    assert not verdict.passed and word in verdict.text, verdict
    assert "The check itself failed" not in verdict.text


@pytest.mark.parametrize(
    ("stack", "word"),
    [
        (None, "is a `return` missing?"),
        (7, "must return a text"),
        ("conv 3, dense 3", "a layer is written as"),
        ("", "begin with a convolution"),
        ("conv 8", "from 2 to 7"),
        ("conv 3/3", "must be 1 or 2"),
        ("conv 2, pool 4", "from 2 to 3"),
        (", ".join(["conv 2"] * 61), "At most 60 layers"),
        ("conv 7/2, conv 7/2, conv 7/2, conv 7, conv 7", "52,608 weights"),
    ],
)
def test_stacks_that_do_not_reach_the_bar_are_told_why(stack, word):
    def answer():
        return [stack][0]

    verdict = checks.far_sight(answer)
    assert not verdict.passed and word in verdict.text, verdict
