"""Exercise verdicts, one per exercise: ``checks.<name>(your_function)``.

``checks.<name>.hints()`` unfolds hints and, last, the reference. Each topic module
lists its exercises in ``EXERCISES``; here they are found by name.
"""

from cnnlab.checks import (
    after,
    anatomy,
    backprop,
    challenges,
    cnn,
    conv,
    gpu,
    images,
    ingredients,
    inside,
    lenet,
    linear,
    neighbors,
    neurons,
    optim,
    pool,
)
from cnnlab.checks._base import (
    Case,
    Cause,
    Exercise,
    FindBug,
    Hints,
    Mistake,
    Open,
    Score,
    Verdict,
)
from cnnlab.checks._progress import solved
from cnnlab.checks.images import practice

EXERCISES: dict[str, Exercise | Open] = {
    exercise.name: exercise
    for topic in (
        images,
        challenges,
        neighbors,
        linear,
        optim,
        neurons,
        backprop,
        conv,
        pool,
        cnn,
        lenet,
        anatomy,
        ingredients,
        gpu,
        inside,
        after,
    )  # fmt: skip
    for exercise in topic.EXERCISES
}

__all__ = [
    "EXERCISES",
    "Case",
    "Cause",
    "Exercise",
    "FindBug",
    "Hints",
    "Mistake",
    "Open",
    "Score",
    "Verdict",
    "practice",
    "solved",
]


def __getattr__(name: str) -> Exercise | Open:
    if name in EXERCISES:
        return EXERCISES[name]
    raise AttributeError(
        f"checks: there is no exercise {name!r}; there are {', '.join(EXERCISES)}."
    )
