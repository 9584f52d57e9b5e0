"""Which exercises are solved: one small JSON file the learner can delete."""

import json
import os
from contextlib import suppress

from cnnlab.course.paths import progress_file


def solved() -> set[str]:
    """Return the solved exercises as ``"02.l2_distances"``; empty if none is known."""
    try:
        names = json.loads(progress_file().read_text(encoding="utf-8"))["solved"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return set()
    return (
        {n for n in names if isinstance(n, str)} if isinstance(names, list) else set()
    )


def remember(name: str) -> None:
    """Add ``name`` to the solved exercises; a disk that refuses changes nothing."""
    before = solved()
    if name in before:
        return
    path = progress_file()
    partial = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        text = json.dumps({"solved": sorted(before | {name})}, indent=1)
        partial.write_text(text + "\n", encoding="utf-8")
        os.replace(partial, path)
    except OSError:
        with suppress(OSError):
            partial.unlink()
