"""The script that counts unnoticed changes counts them, on a module of three lines."""

import importlib
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
TOY = '''"""Toys: ``1 + 1`` in a text is no code."""


def longer(a: "1 < 2", b) -> bool:
    """Say whether ``a`` is longer; of equal lengths neither is.

    >>> longer("ab", "c")
    True
    """
    if not b:
        raise ValueError(1 + 1)
    return len(a) > len(b)
'''


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield importlib.import_module("mutants")
    for name in ("mutants", "_mutants"):
        sys.modules.pop(name, None)


def test_every_operator_of_code_is_changed_once_and_no_word(script):
    making = importlib.import_module("_mutants")
    found = [row[:3] for row in making.mutants(TOY)]
    assert found == [
        (10, "if not b:", "not → nothing"),
        (12, "return len(a) > len(b)", "> → >="),
    ]
    source = "x = [-1, 2.0, True][f(0, axis=1) // 3 and 4]\n"
    keys = {change: key for *_, change, key in making.mutants(source)}
    assert len(keys) == 11  # five whole numbers, six others
    for change, new in [
        ("- → nothing", "x = [1, 2.0, True][f(0, axis=1) // 3 and 4]"),
        ("axis=1 → nothing", "x = [-1, 2.0, True][f(0) // 3 and 4]"),
        ("and → or", "x = [-1, 2.0, True][f(0, axis=1) // 3 or 4]"),
        ("2.0 → 4.0", "x = [-1, 4.0, True][f(0, axis=1) // 3 and 4]"),
    ]:
        assert making.changed(source, keys[change]) == new


def test_what_is_listed_as_equivalent_is_still_there(script):
    making = importlib.import_module("_mutants")
    for module in script.MODULES:
        path = BENCHMARKS.parent / script.source_of(module)
        found = {row[1:3] for row in making.mutants(path.read_text(encoding="utf-8"))}
        assert making.equivalent(module) <= found, module


@pytest.mark.slow
def test_a_change_that_no_test_notices_is_told(script, tmp_path, capsys):
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "toys.py").write_text(TOY)
    test = "import toys\n\ndef test_it():\n    assert not toys.longer('a', 'bc')\n"
    (tmp_path / "tests" / "test_toys.py").write_text(test)
    row = script.score(tmp_path, "tests/toys.py", "tests/test_toys.py")
    survivor = "tests/toys.py:12: > → >= in return len(a) > len(b)"
    assert row == {"mutants": 2, "tried": 2, "survivors": [survivor]}
    assert capsys.readouterr().out.splitlines() == [
        survivor,
        "tests/toys.py: 1 of 2 noticed",
    ]
    skip = {("return len(a) > len(b)", "> → >=")}
    row = script.score(tmp_path, "tests/toys.py", "tests/test_toys.py", skip)
    assert (row["tried"], row["survivors"]) == (1, [])
