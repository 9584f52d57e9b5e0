"""Where things live: the course folder, the data roots, stored measurements."""

import os
from pathlib import Path


def course_root() -> Path:
    """Return the folder that holds ``notebooks/`` and ``data/``.

    The course is installed in place (``pip install -e .``), so this is the parent
    of the package; where the package was copied elsewhere, the working directory
    or its parent is taken.
    """
    package = Path(__file__).resolve().parents[2]
    for folder in (package, Path.cwd(), Path.cwd().parent):
        if (folder / "notebooks").is_dir():
            return folder
    return Path.cwd()


def data_roots() -> list[Path]:
    """Return the folders searched for data sets, in order.

    First the folders of the environment variable ``CNNLAB_DATA`` (several are
    separated as in ``PATH``), then ``data/`` of the course. New files are written
    to the first one that can be written. ``CNNLAB_DATA=none`` hides all of them:
    what is left is what a fresh clone has, and notebooks are built like that.
    """
    if os.environ.get("CNNLAB_DATA") == "none":
        return []
    named = [part for part in os.environ.get("CNNLAB_DATA", "").split(os.pathsep)]
    # Not Path.resolve: it raises for an unknown ~user and for links in a circle.
    roots = [
        Path(os.path.realpath(os.path.expanduser(part)))
        for part in named
        if part.strip()
    ]
    return [*roots, course_root() / "data"]


def expanded(path) -> Path:
    """Return ``path`` with ``~`` and ``~user`` spelled out.

    Raises
    ------
    ValueError
        If this machine knows no such user, or the user no home.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ValueError(
            f"{path}: there is no home folder for {Path(path).parts[0]} on this "
            "machine; write the folder out."
        ) from None


def results_dir() -> Path:
    """Return the folder of stored measurements, ``benchmarks/results``."""
    return course_root() / "benchmarks" / "results"


def progress_file() -> Path:
    """Return the one small file that remembers solved exercises.

    ``CNNLAB_PROGRESS`` names another place; deleting the file starts afresh.
    """
    named = os.environ.get("CNNLAB_PROGRESS")
    return Path(named) if named else course_root() / ".cnnlab-progress.json"
