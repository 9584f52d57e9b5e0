"""Samples, causes, bounds, and the two newer kinds of exercises, on toys."""

import contextlib
import os
import sys
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from cnnlab import checks
from cnnlab.checks import (
    Case,
    Cause,
    Exercise,
    FindBug,
    Mistake,
    Open,
    Score,
    _base,
    _guard,
    _verdict,
)

pytestmark = pytest.mark.usefixtures("no_progress")


def largest(x):
    """Return the largest number of every row: x (N, D) -> (N,)."""
    return x.max(axis=1)


def _largest_case(rng, size):
    shape = (int(rng.integers(1, size + 1)), int(rng.integers(1, size + 1)))
    return Case((rng.integers(-9, 10, shape).astype(float),))


def _over_zero(x):
    return np.maximum(x, 0).max(axis=1)


def _over_rows(x):
    return x.max(axis=0)


TOY = Exercise(
    name="largest",
    notebook="99",
    reference=largest,
    cases=[Case((np.array([[1.0, 3.0, 2.0]]),), "one row")],
    mistakes=[
        Mistake("over zero", _over_zero, "a maximum below 0 is lost: start lower."),
        Mistake("over rows", _over_rows, "the maximum runs over the rows, axis 0."),
    ],
    hints_=("Which axis?", "x.max(axis=1)"),
    samples=_largest_case,
)


# ----------------------------------------------------------------------- samples


def test_a_mistake_that_the_cases_miss_is_found_by_samples_and_made_small():
    verdict = TOY(_over_zero)
    assert verdict.status == _verdict.WRONG_VALUES
    assert "start lower" in verdict.text
    assert "x = array([[-" in verdict.text and verdict.text.count(",") < 4, verdict


def test_samples_are_the_same_every_time_and_grow():
    first, again = TOY._drawn(), TOY._drawn()
    assert len(first) == _base.SAMPLES
    for one, other in zip(first, again, strict=True):
        assert np.array_equal(one.args[0], other.args[0])
    sizes = [case.args[0].size for case in first]
    assert sizes[0] == 1 and max(sizes) > 16


def test_a_cause_is_named_only_where_it_explains_every_failure():
    def partly(x):  # agrees with "over zero" on small inputs, not on large ones
        return _over_zero(x) if x.size < 12 else x.min(axis=1)

    verdict = TOY(partly)
    assert verdict.status == _verdict.WRONG_VALUES
    assert _base.UNEXPLAINED in verdict.text and "start lower" not in verdict.text


def test_of_two_mistakes_that_explain_the_failures_the_whole_one_is_named():
    def half_over_zero(x):
        return np.where(x.max(axis=1) < 0, 0, x.max(axis=1))

    twice = replace(
        TOY,
        mistakes=[*TOY.mistakes, Mistake("twin", half_over_zero, "another sentence.")],
    )
    assert _base.UNEXPLAINED in twice(_over_zero).text  # nothing tells them apart


def test_a_general_cause_must_hold_for_every_failure_too():
    def doubled_when_wide(x):
        return x.max(axis=1) * (2 if x.shape[1] > 1 else 3)

    assert "times the wanted one" not in TOY(doubled_when_wide).text


@pytest.mark.parametrize("kind", [np.float32, np.float16])
def test_an_answer_is_measured_by_what_its_own_type_can_hold(kind):
    def mean(x):
        return x.mean(axis=1)

    def case(rng, size):
        return Case((rng.normal(size=(size, size)),))

    task = Exercise("mean", "99", mean, [], [], ("a", "b"), samples=case)
    assert task(lambda x: x.astype(kind).mean(axis=1)).passed
    assert not task(lambda x: x.astype(kind).mean(axis=1) * 1.2).passed
    assert not task(lambda x: np.round(x.mean(axis=1), 2)).passed


def test_the_type_is_checked_where_the_task_asks_for_one():
    def twice(x):
        return (x.astype(int) * 2).astype(np.uint8)

    case = Case((np.array([1, 2], np.uint8),))
    lost = Mistake("int", lambda x: x.astype(int) * 2, "the wide type is kept.")
    task = Exercise("twice", "99", twice, [case], [lost], ("a", "b"), returns="uint8")
    assert task(twice).passed
    verdict = task(lambda x: 2 * x.astype(np.int64))
    assert verdict.status == _verdict.WRONG_TYPE
    assert "wanted uint8, got int64" in verdict.text
    assert "the wide type is kept" in verdict.text


def test_nothing_and_text_are_not_called_a_wrong_shape():
    for value in (None, "seven", {"a": 1}, object()):
        assert TOY(lambda x, value=value: value).status == _verdict.WRONG_TYPE


def test_wrong_results_come_before_a_changed_input():
    def in_place(x):
        x -= 1
        return x.max(axis=1) + (x < -5).any()

    assert TOY(in_place).status != _verdict.CHANGED_INPUT

    def harmless(x):
        top = x.max(axis=1)
        x *= 0
        x += 77
        return top

    assert TOY(harmless).status == _verdict.CHANGED_INPUT


def test_strict_settings_of_numpy_do_not_reach_the_check():
    def tiny(x):
        return np.exp(-x)

    task = Exercise("tiny", "99", tiny, [Case((np.array([1000.0]),))], [], ("a", "b"))
    with np.errstate(all="raise"):
        assert task(lambda x: np.exp(-x)).passed
        assert not task(lambda x: np.exp(-x) + 1).passed


def test_one_check_of_a_right_answer_is_quick():
    def spent():  # computing, with the child that judges: others may use the cores
        return sum(os.times()[:4])

    TOY(largest)
    times = []
    for _ in range(5):
        start = spent()
        TOY(largest)
        times.append(spent() - start)
    assert min(times) < 0.3


# ------------------------------------------------------------------------- bounds


def _endless(x):
    while True:
        pass


def _sleeps_in_a_bare_except(x):
    while True:
        try:
            time.sleep(0.05)
        except:  # noqa: E722
            pass


def _suppresses(x):
    while True:
        with contextlib.suppress(BaseException):
            time.sleep(1)


def _clings(x):
    while True:
        try:
            try:
                time.sleep(0.01)
            except BaseException:
                time.sleep(0.01)
        except BaseException:
            time.sleep(0.01)


ENDLESS = [_endless, _sleeps_in_a_bare_except, _suppresses, _clings]


@pytest.mark.parametrize("answer", ENDLESS, ids=lambda one: one.__name__)
@pytest.mark.parametrize("isolate", [True, False])
def test_an_endless_answer_is_stopped_in_words(answer, isolate):
    start = time.monotonic()
    verdict = replace(TOY, seconds=0.3, isolate=isolate)(answer)
    assert verdict.status == _verdict.TOO_COSTLY
    assert "stopped after 0.3 seconds" in verdict.text
    assert time.monotonic() - start < 0.3 + _guard.GRACE + 2
    assert sys.gettrace() is None or "coverage" in sys.modules


@pytest.mark.skipif(not _guard.FORKS, reason="nothing stops C code in place here")
def test_what_python_cannot_interrupt_is_ended_with_its_process():
    verdict = replace(TOY, seconds=0.2)(lambda x: sum(range(10**13)))
    assert verdict.status == _verdict.TOO_COSTLY


def test_wrong_at_first_and_endless_later_is_told_by_the_first_case():
    def wrong_then_endless(x):
        if x.size == 3:
            return x.min(axis=1)
        while True:
            pass

    verdict = replace(TOY, seconds=0.5)(wrong_then_endless)
    assert verdict.status == _verdict.WRONG_VALUES
    assert "one row" in verdict.text


@pytest.mark.skipif(not _guard.FORKS, reason="memory is bounded in a child only")
def test_an_answer_may_not_take_all_memory():
    def hungry(x):
        return np.ones((len(x), 40, 2**24)).max(axis=(1, 2))

    verdict = replace(TOY, memory=256)(hungry)
    assert verdict.status == _verdict.TOO_COSTLY
    assert "256 MiB of memory" in verdict.text


@pytest.mark.skipif(not _guard.FORKS, reason="in place, ending Python ends it")
def test_an_answer_that_ends_python_leaves_the_notebook_alone():
    verdict = TOY(lambda x: os._exit(3))
    assert verdict.status == _verdict.RAISED
    assert "ended Python itself (exit code 3)" in verdict.text
    verdict = TOY(lambda x: os.kill(os.getpid(), 11))
    assert "SIGSEGV" in verdict.text


def test_prints_are_seen_once_and_come_back_from_the_child(capsys):
    def talks(x):
        print("row", x.shape)
        return x.max(axis=1)

    assert TOY(talks).passed
    assert capsys.readouterr().out == "row (1, 3)\n"


def test_no_child_and_no_descriptor_is_left_behind():
    count = len(os.listdir("/proc/self/fd")) if _guard.FORKS else 0
    for _ in range(5):
        TOY(largest)
        TOY(_over_rows)
    if _guard.FORKS:
        assert len(os.listdir("/proc/self/fd")) <= count
        with pytest.raises(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)


def test_an_answer_may_use_pytorch_whose_threads_ran_before():
    torch = pytest.importorskip("torch")
    many = torch.rand(2000, 2000)
    (many + many).sum()  # in several threads, where there are cores

    def doubled(a):
        return 2 * a

    case = Case((np.ones((600, 600)),))
    task = Exercise("doubled", "99", doubled, [case], [], ("a", "b"), seconds=5)
    for _ in range(5):
        verdict = task(lambda a: (torch.tensor(a) + torch.tensor(a)).numpy())
        assert verdict.passed, verdict


def test_checks_work_beside_other_threads():
    verdicts = []
    run = threading.Thread(target=lambda: verdicts.append(TOY(largest)))
    run.start()
    run.join()
    assert verdicts[0].passed


def _table(x, y):
    return np.abs(x[:, None] - y).sum(axis=2)


def _table_by_columns(x, y):
    """One column at a time: few steps that do not depend on the rows."""
    return sum(np.abs(x[:, [d]] - y[:, d]) for d in range(x.shape[1]))


def _case(q, n, d):
    rng = np.random.default_rng(0)
    return Case((rng.normal(size=(q, d)), rng.normal(size=(n, d))))


@pytest.mark.parametrize(
    ("answer", "loops"),
    [
        (_table, False),
        (lambda x, y: np.abs(x[:, None] - y).sum(2), False),
        (_table_by_columns, False),
        (lambda x, y: np.array([[np.abs(a - b).sum() for b in y] for a in x]), True),
        (lambda x, y: np.array([np.abs(a - y).sum(1) for a in x]), True),
        (lambda x, y: np.stack(list(map(lambda a: np.abs(a - y).sum(1), x))), True),
        (lambda x, y: np.apply_along_axis(lambda a: np.abs(a - y).sum(1), 1, x), True),
    ],
)
def test_loops_over_rows_are_seen_however_they_are_written(answer, loops):
    sizes = _case(3, 4, 5), _case(8, 9, 5)
    task = Exercise("t", "99", _table, [], [], ("a", "b"), loop_free=sizes)
    verdict = task(answer)
    assert verdict.passed != loops
    if loops:
        assert verdict.status == _verdict.TOO_COSTLY
        assert "(3, 5) and (4, 5)" in verdict.text and "loop" in verdict.text


def test_an_array_far_larger_than_the_result_is_refused():
    large = _case(60, 80, 500)  # the difference of all pairs takes 19 MB
    task = Exercise("t", "99", _table_by_columns, [], [], ("a", "b"), large=large)
    tight = replace(task, large_memory=4)
    assert tight(_table_by_columns).passed
    verdict = tight(_table)
    assert verdict.status == _verdict.TOO_COSTLY
    assert "MiB at a time; 4 MiB are enough" in verdict.text


# ------------------------------------------------------------------ find the bug


def _broken(a, b):
    return (a + b) // 2


def mean_of(a, b):
    return ((a.astype(int) + b) // 2).astype(np.uint8)


BUG = FindBug(
    name="mean_of",
    notebook="99",
    reference=mean_of,
    cases=[Case((np.array([200], np.uint8), np.array([100], np.uint8)))],
    mistakes=[Mistake("a alone", lambda a, b: a, "the second image is not used.")],
    hints_=("Add 200 and 100 in uint8.", "astype(int)"),
    broken=_broken,
    causes=(
        Cause("a", "`//` rounds down.", "Rounding costs half a level at most."),
        Cause("b", "The sum wraps round in uint8.", right=True),
        Cause("c", "The images differ in size.", "Then Python would raise."),
    ),
)


def test_a_bug_untouched_is_not_attempted():
    def copied(a, b):
        return (a + b) // 2

    def laid_out_otherwise(a, b):
        return (
            a + b  # a sum
        ) // 2

    answers = [(_broken, None), (copied, None), (copied, "?"), (laid_out_otherwise, "")]
    for answer, cause in answers:
        verdict = BUG(answer, cause)
        assert verdict.status == _verdict.NOT_ATTEMPTED
        assert "set mean_of_cause to a, b or c" in verdict.text


def test_a_bug_needs_both_the_mending_and_the_cause():
    assert BUG(mean_of, "b").status == _verdict.CORRECT
    assert BUG(mean_of, " (B) ").passed
    assert "Now name what was wrong" in BUG(mean_of).text
    assert BUG(mean_of).status == _verdict.WRONG_CAUSE
    wrong = BUG(mean_of, "a")
    assert wrong.status == _verdict.WRONG_CAUSE
    assert "not (a). Rounding costs half a level" in wrong.text
    assert checks.solved() == {"99.mean_of"}


def test_a_bug_half_done_is_answered_half_by_half():
    named = BUG(_broken, "b")
    assert named.status == _verdict.WRONG_VALUES
    assert "The cause that you name is right. What is still wrong:" in named.text
    neither = BUG(lambda a, b: a, "c")
    assert "the second image is not used" in neither.text
    assert "not (c), either. Then Python would raise." in neither.text
    unknown = BUG(mean_of, "x")
    assert unknown.status == _verdict.WRONG_CAUSE and "one of a, b, c" in unknown.text


# -------------------------------------------------------------------------- open


def _share(answer):
    value = sum(answer(x) for x in range(10)) / 10
    pictures = [(np.full((1, 8, 8), 9 * x, np.uint8), f"#{x}") for x in range(3)]
    return Score(value, "Small ones fail.", pictures if value < 1 else ())


OPEN = Open(
    name="finder",
    notebook="99",
    reference=lambda x: True,
    score=_share,
    bar=0.8,
    measured_on="ten numbers",
    hints_=("Say yes.", "Always."),
)


def test_an_open_answer_gets_its_score_passed_or_not():
    good, poor = OPEN(lambda x: x > 1), OPEN(lambda x: x > 5)
    assert good.passed and good.status == _verdict.BAR_REACHED
    assert "Your score: 80.0%; the bar: 80.0%. Measured on ten numbers." in good.text
    assert poor.status == _verdict.BELOW_BAR and "40.0%" in poor.text
    assert "Shown: #0, #1, #2." in poor.text
    assert poor.picture.startswith(b"\x89PNG")
    assert "data:image/png;base64," in poor._repr_html_()
    assert checks.solved() == {"99.finder"}


def test_an_open_answer_that_fails_is_explained():
    assert OPEN(lambda x: 1 / 0).status == _verdict.RAISED
    assert replace(OPEN, seconds=0.3)(_endless).status == _verdict.TOO_COSTLY
    assert OPEN(lambda x: np.nan).status == _verdict.BELOW_BAR

    def stub(x):
        raise NotImplementedError

    for answer in (stub, None, ...):
        assert OPEN(answer).status == _verdict.NOT_ATTEMPTED


def test_fewer_may_be_better_and_an_answer_may_be_an_array():
    start = np.zeros(5)
    task = replace(
        OPEN,
        reference=np.array([1.0, 0, 0, 0, 0]),
        score=lambda x: Score(float(np.count_nonzero(x))),
        bar=2,
        lower_is_better=True,
        show="{:.0f} changed".format,
        untouched=lambda x: np.array_equal(x, start),
    )
    assert task(start).status == _verdict.NOT_ATTEMPTED
    assert task(start + 1).status == _verdict.BELOW_BAR
    assert "the bar: 2 changed or fewer" in task(start + 1).text
    assert task(task.reference).passed
