"""Change the package in one small place at a time, and see whether a test notices.

    python benchmarks/mutants.py [module ...] [--sample N --seed S] [--recheck]

A change is a *mutant*: ``<`` for ``<=``, ``+`` for ``-``, 1 for 2, no ``axis``.
Each runs the doctests of its module and the test file of that name, fastest test first,
in a fork of a process that has imported everything but the package; a test that takes
ten times as long as it should has noticed, too. Mutants that no test could notice stand
with their reasons in ``equivalent_mutants.txt``; ``--recheck`` runs them as well.
"""

import argparse
import contextlib
import gc
import importlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import _mutants
import pytest
from hypothesis import Phase, settings

ROOT = Path(__file__).resolve().parent.parent
COPIED = ("cnnlab", "tests", "benchmarks", "notebooks", "conftest.py", "pyproject.toml")
OPTIONS = "-xq -p no:xdist -p no:unraisableexception -p no:cacheprovider --assert=plain"
OPTIONS += " --doctest-modules --hypothesis-profile=mutants"
LONGEST = 4  # seconds; slower tests are left out
MODULES = ("ops", "grads", "shapes", "linear", "neighbors", "neighbors/search")
# A failure need not be shrunk to its smallest example.
QUICK = {"deadline": None, "database": None, "phases": [Phase.explicit, Phase.generate]}
settings.register_profile("mutants", derandomize=True, **QUICK)
sys.dont_write_bytecode = True


def source_of(module: str) -> str:
    path = f"cnnlab/{module}.py"
    return path if (ROOT / path).exists() else f"cnnlab/{module}/__init__.py"


class Times:
    """A plugin of pytest: fast tests first; one ten times as slow as before fails."""

    def __init__(self, known: dict):
        self.known, self.found = known, {}

    def pytest_collection_modifyitems(self, items):
        items.sort(key=lambda item: self.known.get(item.nodeid, 0))
        items[:] = [i for i in items if self.known.get(i.nodeid, 0) < LONGEST]

    def pytest_runtest_logstart(self, nodeid):
        signal.alarm(int(10 + 10 * self.known.get(nodeid, 60)))  # ends the process

    def pytest_collectreport(self, report):
        if report.failed:
            os._exit(1)  # at once: tidying up takes a second

    def pytest_runtest_logreport(self, report):
        self.pytest_collectreport(report)
        past = self.found.get(report.nodeid, 0)
        self.found[report.nodeid] = past + report.duration


def passes(folder: Path, files: list[str], known: dict) -> bool:
    """Run tests in a fork, up to the first that fails; the first run leaves notes."""
    sys.stdout.flush()
    if child := os.fork():
        return os.waitpid(child, 0)[1] == 0
    with contextlib.suppress(BaseException):
        signal.alarm(120)  # for the imports
        os.chdir(folder)
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1), os.dup2(silent, 2)
        sys.path.insert(0, str(folder))
        os.environ["PYTHONPATH"] = str(folder)
        if not pytest.main([*OPTIONS.split(), *files], [times := Times(known)]):
            there = {n: getattr(m, "__file__", 0) for n, m in sys.modules.items()}
            others = [
                n for n, file in there.items() if file and str(folder) not in file
            ]
            Path("notes.json").write_text(json.dumps([times.found, others]))
            os._exit(0)
    os._exit(1)


def score(root: Path, source: str, tests: str, skip=(), draw=list) -> dict:
    """Try the mutants of one module; print those that no test notices."""
    with tempfile.TemporaryDirectory() as name:
        folder, files = Path(name).resolve(), [source, tests]
        ignore = shutil.ignore_patterns("__pycache__", "*.ipynb")
        for part in filter(Path.exists, (root / part for part in COPIED)):
            if part.is_dir():
                shutil.copytree(part, folder / part.name, ignore=ignore)
            else:
                shutil.copy(part, folder)
        if not passes(folder, files, {}):
            raise SystemExit(f"{source}: its tests fail or hang before any change")
        known, others = json.loads((folder / "notes.json").read_text())
        for module in others:  # so that no mutant has to
            with contextlib.suppress(Exception):
                importlib.import_module(module)
        gc.freeze()  # what is there now need not be searched by every fork
        text = (root / source).read_text(encoding="utf-8")
        found = list(_mutants.mutants(text))
        for code, change in set(skip) - {mutant[1:3] for mutant in found}:
            print(f"{source}: listed, and no longer there: {change} in {code}")
        tried = draw([mutant for mutant in found if mutant[1:3] not in skip])
        survivors = []
        for line, code, change, key in tried:
            new = _mutants.changed(text, key)
            (folder / source).write_text(new, encoding="utf-8")
            if passes(folder, files, known):
                survivors += [f"{source}:{line}: {change} in {code}"]
                print(survivors[-1], flush=True)
    row = {"mutants": len(found), "tried": len(tried), "survivors": survivors}
    print(
        f"{source}: {len(tried) - len(survivors)} of {len(tried)} noticed", flush=True
    )
    return row


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("module", nargs="*", default=MODULES)
    parser.add_argument("--sample", type=int, help="only so many mutants a module")
    parser.add_argument("--seed", type=int, default=0, help="of that sample")
    parser.add_argument("--recheck", action="store_true", help="the equivalent, too")
    chosen, rows = parser.parse_args(arguments), {}
    rng = random.Random(chosen.seed)

    def draw(found):
        few = rng.sample(found, min(chosen.sample or len(found), len(found)))
        return sorted(few, key=lambda mutant: mutant[0])

    for module in chosen.module:
        tests = f"tests/test_{module.split('/')[0]}.py"
        skip = set() if chosen.recheck else _mutants.equivalent(module)
        rows[module] = score(ROOT, source_of(module), tests, skip, draw)
    from cnnlab.course import records  # not before: forks import their own package

    records.write("mutants", {"sample": chosen.sample, "modules": rows})


if __name__ == "__main__":
    main(sys.argv[1:])
