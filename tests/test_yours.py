"""What the learner wrote goes on working: kept, saved, checked again."""

import functools
import json
import linecache
import math
import subprocess
import sys

import numpy as np
import pytest

from cnnlab import checks, yours
from cnnlab.checks import _progress, _yours

pytestmark = pytest.mark.usefixtures("no_progress")


def cell(name, source):
    """Run a cell as a notebook does, in ``__main__``; return what it defines."""
    place = f"<cell {name} {len(source)}>"
    linecache.cache[place] = (len(source), None, source.splitlines(True), place)
    space = {"__name__": "__main__", "np": np, "SCALE": 255, "TABLE": np.arange(4)}
    exec(compile(source, place, "exec"), space)
    return space[name]


as_float = cell(
    "as_float",
    """
def _helper(images):
    return np.asarray(images) / np.float32(SCALE)


def as_float(images):
    return _helper(images).astype(np.float32)
""",
)


def _restart():
    """Forget what this session knows, as a new kernel would."""
    _yours.forget()


def test_until_it_is_solved_the_reference_runs_and_one_line_says_so(capsys):
    exercise = checks.EXERCISES["as_float"]
    assert yours.as_float is exercise.reference
    assert yours.as_float is exercise.reference
    said = "yours.as_float: the course's reference (exercise of notebook 00)\n"
    assert capsys.readouterr().out == said


def test_once_it_is_right_the_learners_function_runs(capsys):
    verdict = checks.as_float(as_float)
    assert "Later cells and notebooks run yours, as yours.as_float." in verdict.text
    assert yours.as_float is as_float
    assert capsys.readouterr().out == ""  # the verdict has said it


def test_a_wrong_answer_afterwards_takes_nothing_away():
    checks.as_float(as_float)
    verdict = checks.as_float(lambda images: images)
    assert "still your earlier version" in verdict.text
    assert yours.as_float is as_float
    _restart()
    assert "still your earlier version" in checks.as_float(lambda images: images).text


def test_a_later_notebook_finds_it_with_all_it_leans_on(capsys):
    checks.as_float(as_float)
    _restart()
    mine = yours.as_float
    assert "your own function" in capsys.readouterr().out
    assert mine is not as_float and mine is not checks.EXERCISES["as_float"].reference
    assert mine(np.array([51], np.uint8))[0] == pytest.approx(0.2)
    source = _progress.kept("00.as_float")
    assert "import numpy as np" in source and "SCALE = 255" in source
    assert "def _helper" in source and source.index("_helper") < source.index("as_fl")


def test_another_process_finds_it_too():
    checks.as_float(as_float)
    code = "from cnnlab import yours; print(yours.as_float.__module__)"
    call = [sys.executable, "-c", code]
    done = subprocess.run(call, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "__saved__"


@pytest.mark.parametrize(
    "source",
    [
        "answer = lambda images: images",
        "def answer(images):\n    return 1 / 0",
        "raise SystemExit",
        "this is no Python",
        "x = 1",
        "answer = 3",
    ],
)
def test_what_is_saved_is_checked_again_before_it_runs(source, capsys):
    _progress.keep("00.as_float", source)
    assert yours.as_float is checks.EXERCISES["as_float"].reference
    assert "the course's reference" in capsys.readouterr().out


def _closure():
    hidden = 255

    def inner(images):
        return (images / np.float32(hidden)).astype(np.float32)

    return inner


class _Callable:
    def __call__(self, images):
        return (images / np.float32(255)).astype(np.float32)


_with_table = cell(
    "_with_table",
    """
def _with_table(images):
    return (images / np.float32(TABLE[3] * 85)).astype(np.float32)
""",
)


_without_source = eval("lambda images: images / 255")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (_closure(), "uses hidden from a function around it"),
        (_Callable(), "not a plain function"),
        (functools.partial(as_float), "not a plain function"),
        (_with_table, "uses TABLE, ndarray, from another cell"),
        (_without_source, "read on its own. Write it as one `def`, in a cell of its"),
    ],
)
def test_what_cannot_be_written_down_runs_in_this_session_only(answer, why):
    verdict = checks.as_float(answer)
    assert verdict.passed
    assert why in verdict.text and "other notebooks cannot" in verdict.text
    assert yours.as_float is answer
    _restart()
    assert yours.as_float is checks.EXERCISES["as_float"].reference


_even = cell(
    "_even",
    """
def _even(n):
    return n == 0 or _odd(n - 1)


def _odd(n):
    return n != 0 and _even(n - 1)
""",
)
one_line = cell(
    "one_line", "one_line = lambda images: np.divide(images, SCALE, dtype=np.float32)"
)


def test_functions_that_call_each_other_lambdas_and_imports_are_written_down():
    space = {}
    exec(_yours.source_of(_even), space)
    assert space["answer"](10) and not space["answer"](7)
    space = {}
    exec(_yours.source_of(one_line), space)
    assert space["answer"](np.array([51]))[0] == pytest.approx(0.2)
    space = {}
    exec(_yours.source_of(math.sqrt), space)
    assert space["answer"] is math.sqrt


def test_a_method_is_not_taken_for_a_variable_of_its_name():
    source = "def centred(x):\n    return x - x.mean()\n"
    centred = cell("centred", source)
    centred.__globals__["mean"] = np.arange(3)
    assert "mean" not in _yours.source_of(centred).split("def ")[0]


def test_an_older_progress_file_and_a_damaged_one_are_understood(tmp_path, monkeypatch):
    path = tmp_path / "old.json"
    monkeypatch.setenv("CNNLAB_PROGRESS", str(path))
    path.write_text(json.dumps({"solved": ["00.brighten"]}))
    checks.as_float(as_float)
    content = json.loads(path.read_text())
    assert content["solved"] == ["00.as_float", "00.brighten"]
    for damage in ({"functions": 3}, {"functions": {"00.as_float": 7}}):
        path.write_text(json.dumps(damage))
        _restart()
        assert yours.as_float is checks.EXERCISES["as_float"].reference


def test_names_that_are_no_exercise_are_refused_with_the_list():
    with pytest.raises(AttributeError, match="there is no exercise 'as_floats'"):
        yours.as_floats  # noqa: B018
