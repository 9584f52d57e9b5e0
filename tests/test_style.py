"""ruff, over code and notebooks alike."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLACES = ("cnnlab", "tests", "benchmarks", "notebooks", "conftest.py")


def _ruff(*arguments) -> subprocess.CompletedProcess:
    if not (shutil.which("ruff", path=str(Path(sys.executable).parent))):
        pytest.importorskip("ruff", reason="ruff is not installed (pip install ruff)")
    places = [place for place in PLACES if (ROOT / place).exists()]
    return subprocess.run(
        [sys.executable, "-m", "ruff", *arguments, "--no-cache", *places],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


def test_code_and_notebooks_have_no_lint():
    done = _ruff("check", "--output-format=concise")
    assert done.returncode == 0, done.stdout + done.stderr


def test_code_and_notebooks_are_formatted():
    done = _ruff("format", "--check")
    assert done.returncode == 0, done.stdout + done.stderr
