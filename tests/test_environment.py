"""The lists of requirements say the same; the engine's tests need few of them."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parent.parent
ENGINE = {"torch", "numpy", "pytest", "hypothesis"}  # all that its tests need
MODULES = {  # names of imports, where a package has another
    "pillow": "PIL",
    "scikit-image": "skimage",
    "scikit-learn": "sklearn",
    "pytest-xdist": "xdist",
}
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


@pytest.mark.slow
def test_the_engines_tests_run_where_only_torch_numpy_and_pytest_are():
    absent = {MODULES.get(name, name) for name in set(_pyproject()) - ENGINE}
    absent |= {"scipy", "jupyter_client"}  # come with others
    tests = ROOT / "tests"
    names = ("nets*", "augment", "packed*", "train_*", "shapes")
    files = sorted({str(f) for name in names for f in tests.glob(f"test_{name}.py")})
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({sorted(absent)})); "
        "import pytest; sys.exit(pytest.main(sys.argv[1:]))"
    )
    few = "test_train_sgd or walk or equal_torchvision"
    line = [sys.executable, "-c", code, "-p", "no:cacheprovider", "-k", few, *files]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        line, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    passed = int(re.search(r"(\d+) passed", done.stdout).group(1))
    skipped = int(re.search(r"(\d+) skipped", done.stdout).group(1))
    assert passed >= 10 and skipped >= 1, done.stdout  # not all deselected or skipped


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_what_make_starts_keeps_its_bytecode():
    line = ["make", "--no-print-directory", "--eval=probe:;@env", "probe"]
    given = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    told = subprocess.run(line, env=given, cwd=ROOT, capture_output=True, text=True)
    assert "OMP_WAIT_POLICY=" in told.stdout
    assert "PYTHONDONTWRITEBYTECODE" not in told.stdout
