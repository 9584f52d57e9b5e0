"""The README tells the truth: its tables, its commands, its links."""

import re
import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_tables_are_what_lessons_modules_and_records_say():
    tables = runpy.run_path(str(ROOT / "benchmarks" / "readme_tables.py"))
    assert tables["fill"](TEXT) == TEXT, "run: python benchmarks/readme_tables.py"


def test_every_make_target_the_readme_names_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = set(re.findall(r"make ([a-z]+)", TEXT))
    assert {"lab", "test", "quick", "notebooks", "bench"} <= named
    for target in named:
        assert re.search(rf"^{target}:", makefile, re.M), target


def test_every_relative_link_of_the_readme_leads_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert len(links) > 8
    for link in links:
        assert "://" in link or (ROOT / link).exists(), link


def test_the_plain_line_runs_the_same_tests_as_make_test():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    options = re.search(r"^NBVAL = (.*)$", makefile, re.M).group(1)
    assert TEXT.count(f"pytest {options}") == 2


def test_ci_runs_the_command_of_the_readme():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert script.rstrip().endswith("make test")
