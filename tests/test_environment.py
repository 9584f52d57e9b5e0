"""The three lists of requirements say the same, and name no host."""

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parent.parent
CONDA_NAMES = {
    "matplotlib": "matplotlib-base",
    "torch": "pytorch",
    "playwright": "playwright-python",
}


def _pyproject() -> dict[str, SpecifierSet]:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    lists = re.findall(r"^(?:dependencies|dev) = \[\n(.*?)^\]", text, re.S | re.M)
    assert len(lists) == 2
    found = [Requirement(line) for line in re.findall(r'"([^"]+)"', "".join(lists))]
    return {one.name: one.specifier for one in found}


def _conda() -> dict[str, str]:
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    lines = re.findall(r"^  - ([a-z][^:\n]*)$", text, re.M)
    pairs = [re.fullmatch(r"([a-z0-9-]+)(.*)", line).groups() for line in lines]
    return dict(pairs[1:])  # the first is the channel


def test_environment_yml_names_exactly_the_packages_of_pyproject():
    wanted = {CONDA_NAMES.get(name, name) for name in _pyproject()}
    assert set(_conda()) == wanted | {"python", "pip"}


def test_environment_yml_asks_for_the_same_versions_as_pyproject():
    conda = _conda()
    for name, specifier in _pyproject().items():
        text = conda[CONDA_NAMES.get(name, name)].strip()
        text = re.sub(r"^=(?!=)", "==", text)  # conda writes one sign
        assert SpecifierSet(text) == specifier, name


def test_environment_yml_asks_for_the_same_python():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'requires-python = "{_conda()["python"].strip()}"' in text


def test_environment_yml_installs_the_package_in_place():
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    assert text.rstrip().endswith("- pip:\n      - -e .")


def test_constraints_pin_a_version_that_each_requirement_accepts():
    pins = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            one = Requirement(line)
            pins[one.name.lower()] = next(iter(one.specifier)).version
    for name, specifier in _pyproject().items():
        assert specifier.contains(pins[name]), f"{name} is pinned to {pins[name]}"


@pytest.mark.parametrize(
    "name", ["pyproject.toml", "environment.yml", "constraints.txt"]
)
def test_no_list_of_requirements_names_a_host(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "://" not in text and " @ " not in text
