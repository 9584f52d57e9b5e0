"""Exercise verdicts, one per exercise: ``checks.<name>(your_function)``.

``checks.<name>.hints()`` unfolds hints and, last, the reference.
"""

from cnnlab.checks._base import Case, Exercise, Hints, Mistake, Verdict

EXERCISES: dict[str, Exercise] = {}

__all__ = ["EXERCISES", "Case", "Exercise", "Hints", "Mistake", "Verdict"]
