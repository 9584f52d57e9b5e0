"""The map of the course: sixteen notebooks, in order, each with its one question."""

import html
from dataclasses import dataclass
from pathlib import Path

from cnnlab.course.paths import course_root


@dataclass(frozen=True)
class Lesson:
    """One notebook: two digits, a title, and the question it answers."""

    number: str
    title: str
    question: str

    @property
    def path(self) -> Path | None:
        """The notebook's file, or None where it is to come."""
        found = sorted((course_root() / "notebooks").glob(f"{self.number}_*.ipynb"))
        return found[0] if found else None


LESSONS = tuple(
    Lesson(f"{index:02d}", title, question)
    for index, (title, question) in enumerate(
        [
            ("Start here", "What is an image, to a computer?"),
            ("Why images are hard", "Why does nobody write image classifiers by hand?"),
            ("Nearest neighbours", "Can a machine that only remembers recognise?"),
            ("Linear classifiers and losses", "What can one template a class do?"),
            ("Optimisation", "How do you walk downhill in a million dimensions?"),
            ("Perceptrons and neurons", "What can one neuron do, and what not?"),
            ("Backpropagation", "Who is to blame for the error?"),
            ("Convolution arithmetic", "What if every place shares the same weights?"),
            ("Pooling and receptive fields", "What does a unit see, and what is lost?"),
            ("A CNN from scratch", "Does it all fit together, in plain NumPy?"),
            ("LeNet-5", "What could a network read in 1998?"),
            ("Anatomy of AlexNet", "Where do sixty million numbers go?"),
            ("The ingredients of AlexNet", "Which trick was worth how much?"),
            ("Training AlexNet on a GPU", "What does it take to really train it?"),
            ("Looking inside", "What did it learn to see?"),
            ("After AlexNet", "Why did deeper win?"),
        ]
    )
)


def progress() -> list[tuple[Lesson, list[str], list[str]]]:
    """Return (lesson, names of its solved exercises, names of all its exercises)."""
    from cnnlab import checks

    solved = checks.solved()
    rows = []
    for lesson in LESSONS:
        names = [
            exercise.name
            for exercise in checks.EXERCISES.values()
            if exercise.notebook == lesson.number
        ]
        done = [name for name in names if f"{lesson.number}.{name}" in solved]
        rows.append((lesson, done, names))
    return rows


class Overview:
    """The map as a table: number, title, question, and one dot an exercise."""

    def __init__(self):
        self.rows = progress()

    def __repr__(self) -> str:
        return progress_text()

    def _repr_html_(self) -> str:
        lines = []
        for lesson, done, names in self.rows:
            title = html.escape(f"{lesson.number} · {lesson.title}")
            if lesson.path is not None:
                title = f"<a href='{lesson.path.name}'>{title}</a>"
            dots = "".join("●" if name in done else "○" for name in names)
            state = f"{dots} {len(done)} of {len(names)}" if lesson.path else "to come"
            lines.append(
                f"<tr><td style='text-align:left'>{title}</td>"
                f"<td style='text-align:left'>{html.escape(lesson.question)}</td>"
                f"<td style='text-align:left'>{state}</td></tr>"
            )
        head = (
            "<tr><th>notebook</th><th>its question</th><th>exercises solved</th></tr>"
        )
        return f"<table>{head}{''.join(lines)}</table>"


def overview() -> Overview:
    """Return the map of the course with the learner's progress."""
    return Overview()


def progress_text() -> str:
    """Return the progress as lines of text, with the next exercise named."""
    lines, following = [], None
    for lesson, done, names in progress():
        head = f"{lesson.number}  {lesson.title}"
        if lesson.path is None:
            lines.append(f"{head:<36} to come")
            continue
        marks = "".join("●" if name in done else "○" for name in names)
        lines.append(f"{head:<36} {marks:<8} {len(done)} of {len(names)}")
        left = [name for name in names if name not in done]
        if left and following is None:
            following = f"Next: {left[0]}, in notebooks/{lesson.path.name}"
    return "\n".join([*lines, "", following or "All exercises are solved."])
