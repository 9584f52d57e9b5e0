"""Whoever follows the hints of an exercise to the letter passes its check.

``followed/`` holds, for each exercise, the function that its hints lead to. Every piece
of code in a hint must stand in that function.
"""

import importlib.util
import inspect
import re
from pathlib import Path

import pytest

from cnnlab import checks

FOLDER = Path(__file__).parent / "followed"

pytestmark = pytest.mark.usefixtures("no_progress")


def _followed() -> dict:
    found = {}
    for path in sorted(FOLDER.glob("*.py")):
        spec = importlib.util.spec_from_file_location(f"followed_{path.stem}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ == module.__name__:
                found[name] = function
    return found


FOLLOWED = _followed()
each_exercise = pytest.mark.parametrize(
    "exercise", checks.EXERCISES.values(), ids=lambda one: one.name
)


@pytest.mark.slow
@each_exercise
def test_following_the_hints_passes(exercise):
    function = FOLLOWED[exercise.name]
    if exercise.kind == "bug":
        [right] = [cause.letter for cause in exercise.causes if cause.right]
        verdict = exercise(function, right)
    elif callable(exercise.reference):
        verdict = exercise(function)
    else:
        verdict = exercise(function())  # an answer that is no function
    assert verdict.passed, verdict


@each_exercise
def test_every_piece_of_code_in_the_hints_stands_in_what_they_lead_to(exercise):
    source = _squeezed(inspect.getsource(FOLLOWED[exercise.name]))
    for hint in exercise.hints_:
        for piece in re.findall(r"`([^`]+)`", hint):
            if re.search(r"[=()\[\]+*/.,:-]", piece):
                assert _squeezed(piece) in source, piece


def _squeezed(code: str) -> str:
    return re.sub(r"[\s\"']", "", code)
