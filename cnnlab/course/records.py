"""Stored measurements: every number in prose comes from a run anyone can repeat.

A record is one JSON file in ``benchmarks/results``. It carries what was run, on
which hardware, with which versions, how many seeds, and the numbers.
"""

import json
import os
import platform
import re
import sys
from importlib import metadata
from pathlib import Path

from cnnlab.course.paths import course_root, results_dir

PACKAGES = ("numpy", "scikit-learn", "torch", "torchvision", "matplotlib")


def hardware() -> dict:
    """Return processor model, number of usable cores, and memory in GiB."""
    cores = (
        len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count()
    )
    return {
        "processor": _processor(),
        "cores": cores,
        "memory_gib": memory_gib(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def memory_gib() -> float | None:
    """Return the machine's memory in GiB, or None where it cannot be read."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
    return round(total / 2**30, 1)


def versions() -> dict:
    """Return the versions of Python and of the packages that decide results."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def write(
    name: str, payload: dict, command: str | None = None, folder: Path | None = None
) -> Path:
    """Store ``payload`` as ``benchmarks/results/<name>.json``, whole or not at all.

    Parameters
    ----------
    name : file name without ending
    payload : JSON-able numbers; name the number of seeds and the spread in it
    command : how to repeat the run; the running script's path by default
    folder : another place for the file
    """
    record = {
        "command": command or _command(),
        "hardware": hardware(),
        "versions": versions(),
        **payload,
    }
    path = Path(folder or results_dir()) / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".tmp")
    partial.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    os.replace(partial, path)
    return path


def read(name: str) -> dict:
    """Return the stored record ``name``.

    Raises
    ------
    FileNotFoundError
        If it was never measured; the message says how to measure it.
    """
    if not isinstance(name, str) or not re.fullmatch(r"[\w.-]{1,100}", name):
        raise ValueError(
            f"records: a name has letters, digits, dashes and no path; got {name!r}."
        )
    path = results_dir() / f"{name}.json"
    if not path.is_file():
        raise FileNotFoundError(
            f"records: no stored measurement {name!r} in {path.parent.name}/; "
            f"run the script in benchmarks/ that writes it."
        )
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(
            f"records: {path.name} is cut off or altered ({error}); run the script in "
            "benchmarks/ that writes it."
        ) from None


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _command() -> str:
    script = Path(sys.argv[0]).resolve()
    try:
        shown = script.relative_to(course_root()).as_posix()
    except ValueError:
        shown = script.name
    return " ".join(["python", shown, *sys.argv[1:]])
