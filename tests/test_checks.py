"""Every exercise against stubs, references, known mistakes, and hostile answers."""

import copy
import inspect
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from cnnlab import checks
from cnnlab.checks import Case, Exercise, Mistake, _base, _causes, _guard, _progress

EXERCISES = sorted(checks.EXERCISES.values(), key=lambda one: (one.notebook, one.name))
MISTAKES = [(one, mistake) for one in EXERCISES for mistake in one.mistakes]

pytestmark = pytest.mark.usefixtures("no_progress")
each_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda one: one.name)


@pytest.fixture
def in_place(monkeypatch):
    """Judge without a child process, as Windows and macOS do; twice as fast.

    References, hints followed literally, and what hangs or ends Python are judged in
    children, as on Linux.
    """
    monkeypatch.setattr(_guard, "FORKS", False)


def judge(exercise, answer):
    """Return the verdict on an answer; a bug's cause is named rightly."""
    if exercise.kind != "bug":
        return exercise(answer)
    [right] = [cause.letter for cause in exercise.causes if cause.right]
    return exercise(answer, right)


# ------------------------------------------------------------- every exercise there is


@each_exercise
def test_stub_is_not_attempted(exercise):
    def stub(*args, **kwargs):
        raise NotImplementedError

    def only_pass(*args, **kwargs):
        pass

    def only_docstring(*args, **kwargs):
        """Return something."""

    def dots(*args, **kwargs):
        return ...

    for answer in (stub, only_pass, only_docstring, dots):
        assert exercise(answer).status == _base.NOT_ATTEMPTED, answer.__name__


@each_exercise
def test_reference_is_correct_and_remembered(exercise):
    verdict = judge(exercise, exercise.reference)
    assert verdict.passed, verdict
    assert f"{exercise.notebook}.{exercise.name}" in checks.solved()


@each_exercise
def test_mistakes_with_at_least_five_different_causes_are_known(exercise):
    causes = [mistake.cause for mistake in exercise.mistakes]
    assert len(set(causes)) >= 5 or exercise.kind == "open"
    assert len({mistake.name for mistake in exercise.mistakes}) == len(causes)
    assert all(len(cause.split()) >= 3 for cause in causes)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("exercise", "mistake"),
    MISTAKES,
    ids=[f"{one.name}-{mistake.name}" for one, mistake in MISTAKES],
)
def test_known_mistake_is_rejected_and_its_cause_named(in_place, exercise, mistake):
    verdict = judge(exercise, mistake.function)
    assert not verdict.passed and verdict.status != _base.NOT_ATTEMPTED, verdict
    assert mistake.cause in verdict.text or verdict.status == _base.CHANGED_INPUT, (
        verdict
    )
    assert checks.solved() == set()


@each_exercise
def test_exercise_teaches_with_staged_hints_and_shows_the_reference(exercise):
    hints = exercise.hints()
    assert len(hints.texts) >= 2
    assert f"def {exercise.reference.__name__}" in hints.source
    assert callable(exercise.reference) and exercise.where.startswith("cnnlab.")
    shown = hints._repr_html_()
    assert shown.count("<details>") == len(hints.texts) + 1
    assert re.fullmatch(r"\d\d", exercise.notebook)
    assert getattr(checks, exercise.name) is exercise


@pytest.mark.slow
@each_exercise
def test_no_answer_however_odd_makes_the_check_raise(in_place, exercise):
    def exits(*args, **kwargs):
        raise SystemExit(1)

    def recurses(*args, **kwargs):
        return recurses(*args, **kwargs)

    def strange(*args, **kwargs):
        return object()

    def ragged(*args, **kwargs):
        return [[1.0], [2.0, 3.0]]

    def words(*args, **kwargs):
        return "seven"

    def empty(*args, **kwargs):
        return np.empty((0, 3))

    def unasked(a, b, c, d, e, f, g, h):
        return a

    def nothing(*args, **kwargs):
        answer = args  # and no return
        del answer

    answers = [exits, recurses, strange, ragged, words, empty, unasked, nothing]
    answers += [lambda *args, **kwargs: np.nan, lambda *args, **kwargs: (1, None)]
    # All checks have one machinery: exercises take turns.
    for answer in answers[EXERCISES.index(exercise) % 4 :: 4]:
        verdict = exercise(answer)
        assert verdict.status in (
            _base.RAISED,
            _base.WRONG_TYPE,
            _base.WRONG_SHAPE,
            _base.WRONG_VALUES,
            _base.BELOW_BAR,
        ), (answer.__name__, verdict)
        assert "The check itself failed" not in verdict.text, answer.__name__
        assert verdict.text
    for value in (None, 3, "code", [1, 2], np.zeros(3), {}):
        verdict = exercise(value)
        assert not verdict.passed
        if exercise.kind != "open":  # an open answer need not be a function
            assert verdict.status == _base.NOT_ATTEMPTED
            assert f"checks.{exercise.name}({exercise.name})" in verdict.text
    assert checks.solved() == set()


@pytest.mark.slow
@each_exercise
def test_verdicts_repeat_word_for_word_and_leave_the_cases_alone(in_place, exercise):
    before = copy.deepcopy([(case.args, case.kwargs) for case in exercise.cases])
    for mistake in exercise.mistakes[:1]:
        first, second = exercise(mistake.function), exercise(mistake.function)
        assert repr(first) == repr(second)
        assert not re.search(r"0x[0-9a-f]{6}", repr(first))
    exercise(exercise.reference)
    for (args, kwargs), case in zip(before, exercise.cases, strict=True):
        assert _base._same((args, kwargs), (case.args, case.kwargs))


@each_exercise
def test_overwriting_the_given_arrays_is_noticed(exercise):
    if getattr(exercise, "judge", True) is not None:
        pytest.skip("judged in its own way")

    def overwrites(*args, **kwargs):
        result = copy.deepcopy(exercise.reference(*args, **kwargs))
        for value in (*args, *kwargs.values()):
            if isinstance(value, np.ndarray) and value.size:
                value[...] = value.dtype.type(1) - value
            elif hasattr(value, "detach"):  # a tensor made of a case's array
                value.copy_(1 - value)
        return result

    arrays = [
        value
        for case in exercise.cases
        for value in (*case.args, *case.kwargs.values())
        if isinstance(value, np.ndarray)
    ]
    if arrays:
        assert exercise(overwrites).status == _base.CHANGED_INPUT


def _first_output_as_list(exercise):
    def answer(*args, **kwargs):
        result = exercise.reference(*args, **kwargs)
        if isinstance(result, np.ndarray):
            return result.tolist() if result.size else result
        return result

    return answer


@each_exercise
def test_right_values_in_a_list_are_right(exercise):
    if getattr(exercise, "judge", True) is not None:
        pytest.skip("judged in its own way")
    if exercise.returns:
        pytest.skip("a list has no type of its numbers, and the task asks for one")
    assert judge(exercise, _first_output_as_list(exercise)).passed


# --------------------------------------------------- the machinery, on a toy exercise


def scaled_sums(x, scale=1.0):
    """Return ``scale`` times the sum of every row: x (N, D) -> (N,)."""
    return scale * x.sum(axis=1)


def _columns(x, scale=1.0):
    return scale * x.sum(axis=0)


def _no_scale(x, scale=1.0):
    return x.sum(axis=1)


TOY = Exercise(
    name="scaled_sums",
    notebook="99",
    reference=scaled_sums,
    cases=[
        Case((np.array([[1.0, 2.0, 4.0]]),), "one row"),
        Case((np.array([[1.0, 2.0, 4.5], [3.0, -5.0, 0.25]]),), kwargs={"scale": 2.0}),
    ],
    mistakes=[
        Mistake("columns", _columns, "the sum runs over the rows, axis 0."),
        Mistake("no scale", _no_scale, "scale is never used."),
    ],
    hints_=("Which axis is summed?", "x.sum(axis=1)"),
)


def test_verdict_shows_smallest_failing_case_wanted_beside_got_and_one_cause():
    verdict = TOY(_no_scale)
    assert repr(verdict) == (
        "✗ scaled_sums: wrong values\n"
        "at [0] wanted 15, got 7.5; 2 of 2 differ.\n"
        "  wanted = array([15. , -3.5])\n"
        "  got    = array([ 7.5 , -1.75])\n"
        "Smallest failing case:\n"
        "  x = array([[ 1.  ,  2.  ,  4.5 ],\n"
        "             [ 3.  , -5.  ,  0.25]])\n"
        "  scale = 2.0\n"
        "Likely cause: scale is never used.\n"
        "Until yours is right, yours.scaled_sums runs the reference."
    )


def test_wrong_shape_says_both_shapes():
    verdict = TOY(_columns)
    assert verdict.status == _base.WRONG_SHAPE
    assert "wanted shape (1,), got (3,)" in verdict.text
    assert "Smallest failing case (one row):" in verdict.text
    assert "axis 0" in verdict.text


def test_error_is_reported_with_the_learners_own_line():
    def breaks(x, scale=1.0):
        total = x.sum(axis=1)
        return total / undefined_name  # noqa: F821

    verdict = TOY(breaks)
    assert verdict.status == _base.RAISED
    assert "NameError: name 'undefined_name' is not defined" in verdict.text
    assert "in line 3 of your function: return total / undefined_name" in verdict.text


def test_right_result_with_changed_input_is_not_correct():
    def in_place(x, scale=1.0):
        x *= scale + 1
        return x.sum(axis=1) * (scale / (scale + 1))

    verdict = TOY(in_place)
    assert verdict.status == _base.CHANGED_INPUT
    assert "Work on a copy" in verdict.text


def test_print_instead_of_return_is_named(capsys):
    def prints(x, scale=1.0):
        print(scale * x.sum(axis=1))

    verdict = TOY(prints)
    assert "returned None" in verdict.text
    assert "Likely cause: the function ends without `return`." in verdict.text
    assert capsys.readouterr().out.count("[7.]") == 1  # not once for every mistake


def test_endless_loop_is_stopped_and_named():
    def endless(x, scale=1.0):
        while True:
            pass

    verdict = replace(TOY, seconds=0.2)(endless)
    assert verdict.status == _base.TOO_COSTLY
    assert "stopped after 0.2 seconds. Is there an endless loop" in verdict.text
    assert "of your function: " in verdict.text


def test_the_alarm_is_off_after_a_check():
    import signal

    before = signal.getsignal(signal.SIGALRM)
    TOY(scaled_sums)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) is before


def test_check_works_outside_the_main_thread():
    import threading

    verdicts = []
    thread = threading.Thread(target=lambda: verdicts.append(TOY(scaled_sums)))
    thread.start()
    thread.join()
    assert verdicts[0].passed


def test_a_lambda_a_partial_and_a_callable_object_are_answers():
    import functools

    class Summer:
        def __call__(self, x, scale=1.0):
            return scaled_sums(x, scale)

    assert TOY(lambda x, scale=1.0: scale * x.sum(1)).passed
    assert TOY(functools.partial(scaled_sums)).passed
    assert TOY(Summer()).passed


def test_an_interrupt_by_the_learner_is_not_swallowed():
    def stopped(x, scale=1.0):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        TOY(stopped)


def test_a_fault_of_the_check_itself_is_said_and_not_raised():
    broken = Exercise("f", "99", scaled_sums, [Case((None,))], [], ("a", "b"))
    verdict = broken(lambda x: 1.0)
    assert verdict.status == _base.RAISED
    assert verdict.text.startswith("The check itself failed: AttributeError"), verdict


def test_several_outputs_are_compared_by_name():
    def both(x):
        return x.sum(), x.max()

    pair = Exercise(
        "both", "99", both, [Case((np.arange(4.0),))], [], ("a", "b"), ("total", "top")
    )
    assert pair(lambda x: [x.sum(), x.max()]).passed
    assert "top: wanted 3, got 4." in pair(lambda x: (x.sum(), 4.0)).text
    assert "Wanted 2 results (total, top)." in pair(lambda x: x.sum()).text


def test_where_many_answers_are_right_a_rule_judges():
    def judge(answer):
        value = answer()
        if value == "shape":
            return f"{_base.WRONG_SHAPE}|one label an image"
        return None if value > 0.5 else f"{value} is too low."

    ruled = Exercise("o", "99", scaled_sums, [], [], ("a", "b"), judge=judge)
    assert ruled(lambda: 0.9).passed
    assert ruled(lambda: 0.1).text.startswith("0.1 is too low.")
    assert ruled(lambda: 0.1).status == _base.WRONG_VALUES
    assert ruled(lambda: "shape").status == _base.WRONG_SHAPE
    assert ruled(lambda: 1 / 0).status == _base.RAISED

    def leaves():
        raise SystemExit

    assert ruled(leaves).status == _base.RAISED


def test_verdict_in_html_escapes_the_learners_text():
    verdict = checks.Verdict("f", _base.RAISED, "<script>&")
    assert "<script>" not in verdict._repr_html_()
    assert "&lt;script&gt;&amp;" in verdict._repr_html_()


@pytest.mark.parametrize(
    ("got", "cause"),
    [
        ([[1, 4], [2, 5], [3, 6]], "transposed"),
        ([[1], [2], [3], [4], [5], [6]], "another shape"),
        ([6, 15], "summed or averaged away"),
        ([[-1, -2, -3], [-4, -5, -6]], "sign is reversed"),
        ([[0, 0, 0], [0, 0, 0]], "every value is 0"),
        ([[2, 4, 6], [8, 10, 12]], "every value is 2 times"),
        ([[2, 3, 4], [5, 6, 7]], "off by the same 1"),
        ([[1, 4, 9], [16, 25, 36]], "squared"),
        (np.sqrt([[1, 2, 3], [4, 5, 6]]), "a square root too many"),
        ([[1, 2, np.nan], [4, 5, 6]], "not-a-number"),
        ([[1, 2, np.inf], [4, 5, 6]], "infinity"),
        ([[1, 2, 3.0001], [4, 5, 6]], "round-off"),
        ([[9, 7, 8], [1, 0, 2]], None),
    ],
)
def test_general_causes_are_read_off_the_numbers(got, cause):
    wanted = (np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]),)
    found = _causes.general_cause(wanted, (np.array(got, dtype=float),))
    assert found is None if cause is None else cause in found


def test_cut_off_fractions_and_spare_axes_have_a_cause():
    wanted = (np.array([1.5, 2.75, 3.25]),)
    cause = _causes.general_cause(wanted, (np.array([1, 2, 3]),))
    assert "integer dtype" in cause
    cause = _causes.general_cause(wanted, (np.array([[1.5, 2.75, 3.25]]),))
    assert "one axis of length 1 too many" in cause


# ------------------------------------------------------------------------- progress


@pytest.fixture
def file(tmp_path, monkeypatch):
    path = tmp_path / "progress.json"
    monkeypatch.setenv("CNNLAB_PROGRESS", str(path))
    return path


def test_only_success_is_remembered_and_the_file_may_be_deleted(file):
    TOY(_no_scale)
    assert not file.exists()
    TOY(scaled_sums)
    assert json.loads(file.read_text())["solved"] == ["99.scaled_sums"]
    file.unlink()
    assert checks.solved() == set()
    TOY(scaled_sums)
    assert checks.solved() == {"99.scaled_sums"}


def test_a_second_success_does_not_write_again(file):
    TOY(scaled_sums)
    stamp = file.stat().st_mtime_ns
    TOY(scaled_sums)
    assert file.stat().st_mtime_ns == stamp


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        "nonsense",
        "[]",
        "7",
        '{"solved": 5}',
        '{"solved": "02.f"}',
        '{"solved": [1, {"a": 2}]}',
        "[" * 100_000,
        "\x00\xff",
    ],
)
def test_a_garbled_file_counts_as_empty_and_is_replaced(file, garbage):
    file.write_bytes(garbage.encode("latin-1"))
    assert checks.solved() == set()
    assert TOY(scaled_sums).passed
    assert checks.solved() == {"99.scaled_sums"}


def test_a_place_that_cannot_be_written_stops_no_check(tmp_path, monkeypatch):
    (tmp_path / "a_file").write_text("")
    (tmp_path / "a_folder").mkdir()
    places = [
        tmp_path / "no" / "such" / "folder.json",
        tmp_path / "a_file" / "below.json",
        tmp_path / "a_folder",
    ]
    for place in places:
        monkeypatch.setenv("CNNLAB_PROGRESS", str(place))
        assert TOY(scaled_sums).passed
        assert checks.solved() == set()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a_file", "a_folder"]


def test_a_write_cut_short_loses_no_earlier_progress(file, monkeypatch):
    _progress.remember("00.first")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    _progress.remember("00.second")
    assert checks.solved() == {"00.first"}
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_every_exercise_tells_its_parameters_by_name():
    for exercise in EXERCISES:
        names = inspect.signature(exercise.reference).parameters
        for case in exercise.cases:
            assert len(case.args) <= len(names)
