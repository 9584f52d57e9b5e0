"""Verdicts on answers to notebook 07 that learners write, beyond the known mistakes."""

import numpy as np
import pytest
from followed import conv as followed

from cnnlab import checks, fast, kernels

pytestmark = pytest.mark.usefixtures("no_progress")


def in_loops(x, w, b=None, stride=1, padding=0, dilation=1, groups=1):
    """Seven loops, number by number."""
    n, c, _, _ = x.shape
    f, _, kh, kw = w.shape
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    oh = (x.shape[2] - dilation * (kh - 1) - 1) // stride + 1
    ow = (x.shape[3] - dilation * (kw - 1) - 1) // stride + 1
    out = np.zeros((n, f, oh, ow))
    for m, g, i, j in np.ndindex(out.shape):
        out[m, g, i, j] = 0.0 if b is None else b[g]
        for d, k, p in np.ndindex(c, kh, kw):
            pixel = x[m, d, i * stride + k * dilation, j * stride + p * dilation]
            out[m, g, i, j] += pixel * w[g, d, k, p]
    return out


def as_columns(x, w, b=None, stride=1, padding=0, dilation=1, groups=1):
    columns = fast.im2col(x, w.shape[2:], stride, padding, dilation)
    out = w.reshape(len(w), -1) @ columns
    oh = followed.out_size(x.shape[2], w.shape[2], stride, padding, dilation)
    out = out.reshape(len(x), len(w), oh, -1)
    return out if b is None else out + b[:, None, None]


def back_by_columns(dout, x, w, stride=1, padding=0, dilation=1, groups=1):
    columns, flat = (
        fast.im2col(x, w.shape[2:], stride, padding),
        dout.reshape(len(dout), len(w), -1),
    )
    dw = np.einsum("nfp,nkp->fk", flat, columns).reshape(w.shape)
    dx = w.reshape(len(w), -1).T @ flat
    dx = fast.col2im(dx, x.shape[2:], w.shape[2:], stride, padding)
    return dx, dw, flat.sum(axis=(0, 2))


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("conv2d", in_loops),
        ("conv2d", as_columns),
        ("conv2d_backward", back_by_columns),
        ("slide", lambda x, w: in_loops(x[None, None], w[None, None])[0, 0]),
    ],
)
def test_another_way_of_writing_it_is_right(name, answer):
    more = ("b",) if name == "slide" else ()
    verdict = checks.EXERCISES[name](answer, *more)
    assert verdict.passed, verdict


def sized_by_hand(x, w, b=None, stride=1, padding=0, dilation=1, groups=1):
    """KH and KW exchanged, number by number of the maps."""
    return _by_hand(x, w, b, stride, padding, dilation, sides=(3, 2))


def framed_on_one_side(x, w, b=None, stride=1, padding=0, dilation=1, groups=1):
    return _by_hand(x, w, b, stride, padding, dilation, frame=(padding, 0))


def in_whole_numbers(x, w, b=None, stride=1, padding=0, dilation=1, groups=1):
    return _by_hand(x, w, b, stride, padding, dilation, kind=int)


def in_float32(x, w, b=None, stride=1, padding=0, dilation=1, groups=1):
    return _by_hand(x, w, b, stride, padding, dilation, kind=np.float32)


def _by_hand(x, w, b, stride, padding, dilation, sides=(2, 3), frame=None, kind=float):
    kh, kw = (w.shape[side] for side in sides)
    oh, ow = (
        followed.out_size(n, k, stride, padding, dilation)
        for n, k in zip(x.shape[2:], (kh, kw), strict=True)
    )
    frame = frame or (padding, padding)
    x = np.pad(x, ((0, 0), (0, 0), frame, frame))
    out = np.zeros((len(x), len(w), oh, ow), kind)
    for m, f, i, j in np.ndindex(out.shape):
        down = slice(i * stride, i * stride + dilation * (kh - 1) + 1, dilation)
        across = slice(j * stride, j * stride + dilation * (kw - 1) + 1, dilation)
        out[m, f, i, j] = np.sum(x[m][:, down, across] * w[f])
    out = out if b is None else out + b[:, None, None]
    return out.astype(kind) if kind is np.float32 else out


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (sized_by_hand, "KH and KW are exchanged"),
        (framed_on_one_side, "the frame lies on one side only"),
        (in_whole_numbers, "fractions are cut off"),
    ],
)
def test_a_likely_slip_in_other_words_gets_its_cause(answer, word):
    verdict = checks.conv2d(answer)
    assert f"Likely cause: {word}" in verdict.text, verdict


def test_float32_is_right_as_the_task_says():
    assert checks.conv2d(in_float32).passed


@pytest.mark.parametrize(
    ("name", "answer", "status", "word"),
    [
        ("out_size", lambda *given, **others: float(followed.out_size(*given)),
         "wrong type", "float64"),
        ("conv2d", lambda x, w, *more, **others: in_loops(x, w)[0], "wrong shape", ""),
        ("conv2d_backward", lambda *given, **others: back_by_columns(*given)[:2],
         "wrong type", "dx, dw, db"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(name, answer, status, word):
    verdict = checks.EXERCISES[name](answer)
    assert verdict.status == status and word in verdict.text, verdict
    assert "The check itself failed" not in verdict.text


def test_a_frame_written_into_the_given_image_is_told():
    def answer(x, w, b=None, stride=1, padding=0, dilation=1, groups=1):
        found = in_loops(x, w, b, stride, padding, dilation)
        x += 1
        return found

    assert checks.conv2d(answer).status == "changed its input"


def test_the_untouched_bug_gives_what_the_task_says():
    broken = checks.slide.broken
    assert broken(kernels.LECTURE, kernels.VERTICAL)[0, :3].tolist() == [-2, 17, 6]
    assert checks.slide(broken).status == "not attempted"
    assert checks.slide(broken, "b").status == "wrong values"


@pytest.mark.parametrize("letter", ["a", "c", "d"])
def test_a_mended_function_with_another_cause_gets_its_reply(letter):
    verdict = checks.slide(kernels.slide, letter)
    reply = next(c.reply for c in checks.slide.causes if c.letter == letter)
    assert verdict.status == "wrong cause" and reply in verdict.text


def test_drawn_cases_are_those_that_the_tasks_name():
    seen = {name: [set() for _ in range(3)] for name in ("conv2d", "conv2d_backward")}
    for name, sets in seen.items():
        for case in checks.EXERCISES[name]._drawn():
            settings = case.args[3:]
            for one, value in zip(sets, settings, strict=False):
                one.add(value)
    assert seen["conv2d"] == [{1, 2, 3}, {0, 1, 2}, {1, 2}]
    assert seen["conv2d_backward"][:2] == [{1, 2, 3}, {0, 1, 2}]
    assert not seen["conv2d_backward"][2]


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (lambda: 3, "rows and columns, from 1 x 1"),
        (lambda: np.zeros((10, 1)), "rows and columns, from 1 x 1"),
        (lambda: [[np.inf]], "NaN or infinity"),
        (lambda: "edge", "ValueError"),
        (lambda: np.ones((3, 3)), "sees no difference"),
    ],
)
def test_kernels_that_cannot_pass_are_told_why(answer, word):
    verdict = checks.brick_kernel(answer)
    assert not verdict.passed and word in verdict.text, verdict


def test_a_kernel_below_the_bar_shows_what_deceives_it():
    verdict = checks.brick_kernel(lambda: kernels.VERTICAL)
    assert verdict.status == "below the bar" and verdict.picture[:4] == b"\x89PNG"
    assert "the lying bricks that light up most" in verdict.text
