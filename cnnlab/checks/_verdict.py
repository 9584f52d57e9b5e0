"""What a check says: the words it may say, and how they are shown."""

import html
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

NOT_ATTEMPTED = "not attempted"
RAISED = "raised"
WRONG_TYPE = "wrong type"
WRONG_SHAPE = "wrong shape"
WRONG_VALUES = "wrong values"
CHANGED_INPUT = "changed its input"
TOO_COSTLY = "too costly"
WRONG_CAUSE = "wrong cause"
BELOW_BAR = "below the bar"
BAR_REACHED = "bar reached"
CORRECT = "correct"

PASSED = (CORRECT, BAR_REACHED)


@dataclass(frozen=True)
class Verdict:
    """What a check says.

    Attributes
    ----------
    exercise : its name
    status : one of the words above
    text : the explanation, several lines
    picture : PNG bytes that show what the text speaks of, or empty
    """

    exercise: str
    status: str
    text: str
    picture: bytes = b""

    @property
    def passed(self) -> bool:
        return self.status in PASSED

    def __repr__(self) -> str:
        mark = "✓" if self.passed else "○" if self.status == NOT_ATTEMPTED else "✗"
        head = f"{mark} {self.exercise}: {self.status}"
        return f"{head}\n{self.text}" if self.text else head

    def _repr_html_(self) -> str:
        colour = "#009E73" if self.passed else "#D55E00"
        if self.status == NOT_ATTEMPTED:
            colour = "#8A8A8A"
        head, _, rest = repr(self).partition("\n")
        style = (
            "margin:4px 0 0;font-family:monospace;"
            "white-space:pre-wrap;word-break:normal"
        )
        body = f"<pre style='{style}'>{html.escape(rest)}</pre>" if rest else ""
        if self.picture:
            source = f"data:image/png;base64,{b64encode(self.picture).decode()}"
            alt = f"{self.exercise}: the pictures named above"
            body += f"<img src='{source}' alt='{alt}' style='max-width:100%'>"
        return (
            f"<div style='border-left:4px solid {colour};padding:2px 0 2px 10px'>"
            f"<b>{html.escape(head)}</b>{body}</div>"
        )


class Hints:
    """Folded hints, and the reference behind the last fold."""

    def __init__(self, name: str, hints: Sequence[str], where: str, source: str):
        self.name, self.texts, self.where, self.source = name, hints, where, source

    def __repr__(self) -> str:
        count = len(self.texts)
        return f"{self.name}: {count} hints and the reference, {self.where}, folded"

    def _repr_html_(self) -> str:
        folds = [
            f"<details><summary>Hint {number} of {len(self.texts)}</summary>"
            f"<p>{html.escape(text)}</p></details>"
            for number, text in enumerate(self.texts, start=1)
        ]
        folds.append(
            f"<details><summary>The reference: <code>{self.where}</code></summary>"
            f"<pre>{html.escape(self.source)}</pre></details>"
        )
        return "".join(folds)
