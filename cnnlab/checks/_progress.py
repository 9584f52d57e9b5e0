"""What the learner has solved, and how: one small JSON file that may be deleted."""

import json
import os
from contextlib import suppress

from cnnlab.course.paths import progress_file


def solved() -> set[str]:
    """Return the solved exercises as ``"02.l2_distances"``; empty if none is known."""
    names = _read().get("solved")
    return (
        {n for n in names if isinstance(n, str)} if isinstance(names, list) else set()
    )


def kept(name: str) -> str | None:
    """Return the source of the learner's own answer to an exercise, if it was kept."""
    text = _functions().get(name)
    return text if isinstance(text, str) else None


def remember(name: str) -> None:
    """Add ``name`` to the solved exercises; a disk that refuses changes nothing."""
    before = solved()
    if name not in before:
        _write(before | {name}, _functions())


def keep(name: str, source: str | None) -> None:
    """Keep the source of the learner's own answer, or drop an older one."""
    before = _functions()
    after = {key: text for key, text in before.items() if key != name}
    if source is not None:
        after[name] = source
    if after != before:
        _write(solved(), after)


def _read() -> dict:
    try:
        content = json.loads(progress_file().read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _functions() -> dict:
    found = _read().get("functions")
    return found if isinstance(found, dict) else {}


def _write(names: set[str], functions: dict) -> None:
    path = progress_file()
    partial = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    content: dict = {"solved": sorted(names)}
    if functions:
        content["functions"] = dict(sorted(functions.items()))
    try:
        text = json.dumps(content, indent=1)
        partial.write_text(text + "\n", encoding="utf-8")
        os.replace(partial, path)
    except OSError:
        with suppress(OSError):
            partial.unlink()
