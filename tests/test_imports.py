"""The import table of the package, held by walking every ``import`` statement."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "cnnlab"
NUMERIC = {
    "shapes", "arrays", "ops", "grads", "neighbors", "linear", "images", "scenes",
    "data", "optim", "landscapes", "neurons", "delta", "scalar",
    "expressions", "mlp", "windows", "fast", "kernels", "lenet",
    "fields", "layers", "clinic",
    "anatomy",
    "recipe",
    "ingredients",
    "inside",
    "deeper",
}  # fmt: skip

# module or package -> (what it may import from cnnlab, which other packages); `course`
# has a row for each module, since some of them are loaded everywhere and some nowhere
TABLE = {
    "__init__": (("_waiting",), ()),
    "_waiting": ((), ()),
    "__main__": (("course.door",), ()),
    "course": (("course.map",), ()),
    "course.map": (("course.paths",), ()),
    "course.paths": ((), ()),
    "course.records": (("course.paths",), ()),
    "course.door": ((), ()),
    "course.lab": (("course.paths",), ()),
    "course.data_cli": (("data", "course.door"), ()),
    "course.checkup": (("course.paths", "course.records"), ()),
    "shapes": ((), ()),
    "arrays": (("shapes",), ("numpy",)),
    "windows": (("shapes",), ("numpy",)),
    "ops": (("shapes", "arrays", "windows"), ("numpy",)),
    "grads": (("shapes", "arrays", "ops", "windows"), ("numpy",)),
    "neighbors": (("shapes", "arrays", "ops"), ("numpy",)),
    "linear": (("shapes", "arrays", "ops"), ("numpy",)),
    "optim": (("shapes", "arrays"), ("numpy",)),
    "neurons": (("shapes", "arrays", "ops"), ("numpy",)),
    "delta": (("shapes", "arrays", "neurons"), ("numpy",)),
    "scalar": (("shapes",), ()),
    "expressions": (("shapes", "scalar"), ()),
    "fast": (("shapes", "arrays", "ops", "grads", "windows"), ("numpy",)),
    "mlp": (
        ("shapes", "arrays", "neurons", "ops", "grads", "optim"), ("numpy",),
    ),
    "lenet": (
        ("shapes", "arrays", "ops", "fast", "kernels", "course.paths"), ("numpy",),
    ),
    "fields": (("shapes", "arrays", "fast"), ("numpy",)),
    "anatomy": (("shapes", "fast"), ("numpy",)),
    "layers": (
        ("shapes", "fast", "grads", "ops", "optim"), ("numpy",),
    ),
    "clinic": (("shapes", "data", "layers", "scenes"), ("numpy",)),
    "landscapes": (("shapes", "arrays", "ops", "linear", "optim", "data"), ("numpy",)),
    "recipe": (("shapes", "arrays"), ("numpy",)),
    "ingredients": (("shapes", "arrays"), ("numpy",)),
    "inside": (("shapes", "arrays", "data"), ("numpy",)),
    "deeper": (("shapes", "arrays", "fast", "linear"), ("numpy",)),
    "images": (("shapes", "arrays"), ("numpy",)),
    "kernels": (("shapes", "arrays", "ops", "data"), ("numpy",)),
    "scenes": (("shapes", "arrays"), ("numpy",)),
    "challenges": (("shapes", "arrays", "scenes", "data"), ("numpy",)),
    "data": (("shapes", "arrays", "course.paths", "images"), ("numpy",)),
    "nets": (("shapes",), ("torch",)),
    "augment": (("shapes",), ("numpy", "torch")),
    "attribution": ((), ("torch",)),
    "cuda": (("nets", "augment", "shapes"), ("torch", "triton")),
    "train": (
        (
            "nets", "augment", "packed", "data", "shapes", "arrays", "course.door",
            "course.paths", "course.records", "recipe",
            "cuda",  # in train.fast, which is loaded where there is Triton
        ),
        ("numpy", "torch"),
    ),
    "packed": (("shapes", "data", "course.door"), ("numpy",)),
    "plots": ((*NUMERIC, "challenges"), ("numpy", "matplotlib")),
    "widgets": ((*NUMERIC, "challenges", "plots"), ("numpy", "ipywidgets")),
    "checks": ((*NUMERIC, "challenges", "course.paths", "yours"), ("numpy",)),
    "yours": ((), ()),
}  # fmt: skip

# Imports inside functions, taken only when the function runs.
LAZY = {
    "packed": ("PIL", "torch", "tqdm", "scipy"),
    "__main__": (
        "cnnlab.course", "cnnlab.course.checkup", "cnnlab.course.data_cli",
        "cnnlab.course.lab",
    ),
    "neighbors": ("torch",),  # exact integer products, where torch is there
    "deeper": ("torch",),  # the network of an open exercise
    "data": ("cnnlab.scenes", "PIL", "sklearn", "skimage", "torchvision"),
    "augment": ("PIL", "cnnlab.data"),  # the paper's preprocessing
    "course.map": ("cnnlab.checks",),  # the list of exercises, for `progress`
    "course.checkup": ("cnnlab.data", "torch", "packaging", "jupyter_client"),
    "train": ("cnnlab.plots", "IPython", "safetensors", "tqdm"),
    "plots": ("PIL", "IPython"),
    "widgets": (
        "PIL", "IPython", "cnnlab.train",
        "torch", "cnnlab.attribution",  # networks that are looked into
        "ipycanvas",  # a sheet for the mouse; without it there are buttons
    ),
    "checks": (
        "PIL",  # the pictures that an open answer got wrong
        "torch", "cnnlab.nets", "cnnlab.train",  # answers that train a network
        "cnnlab.data",  # the network that is to be fooled
    ),
    "inside": ("torch", "PIL"),  # networks of PyTorch are looked into
    "yours": ("cnnlab.checks",),
}  # fmt: skip


def _files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def _unit(path: Path) -> str:
    """Return the row of the table a file belongs to: its module or topic package."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[: 2 if parts[0] == "course" else 1]).removesuffix(".__init__")


def _absolute(node: ast.ImportFrom, path: Path) -> str:
    """Return the full name of the module of a ``from ... import``."""
    if not node.level:
        return node.module
    package = ("cnnlab", *path.relative_to(PACKAGE).parts[:-1])
    base = package[: len(package) - node.level + 1]
    return ".".join((*base, node.module) if node.module else base)


def _modules(node, path: Path) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    module = _absolute(node, path)
    if module in ("cnnlab", "cnnlab.course"):
        return [f"{module}.{alias.name}" for alias in node.names]
    return [module]


def _imports(path: Path) -> list[tuple[str, bool]]:
    """Return (module, lazily) of every import outside the standard library.

    Names of ``cnnlab`` are given as ``cnnlab.unit``, those of its wing ``course`` as
    ``cnnlab.course.unit``; others by their first part.
    """
    found = []

    def walk(node, lazily):
        for child in ast.iter_child_nodes(node):
            inside = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef))
            if isinstance(child, (ast.Import, ast.ImportFrom)):
                for name in _modules(child, path):
                    parts = name.split(".")
                    wing = parts[:2] == ["cnnlab", "course"]
                    length = 3 if wing else 2 if parts[0] == "cnnlab" else 1
                    found.append((".".join(parts[:length]), lazily))
            walk(child, lazily or inside)

    walk(ast.parse(path.read_text(encoding="utf-8")), False)
    standard = sys.stdlib_module_names
    return [(name, lazily) for name, lazily in found if name not in standard]


@pytest.mark.parametrize("path", _files(), ids=lambda path: path.stem)
def test_each_module_imports_only_what_the_table_allows(path):
    unit = _unit(path)
    assert unit in TABLE, f"write {unit} into the import table of {Path(__file__).name}"
    ours, others = TABLE[unit]
    allowed = {f"cnnlab.{name}" for name in (*ours, unit)} | set(others)
    lazy = allowed | set(LAZY.get(unit, ()))
    for name, lazily in _imports(path):
        assert name in (lazy if lazily else allowed), (
            f"{path.name} imports {name}{' lazily' if lazily else ''}"
        )


def test_nothing_imports_widgets_or_checks_but_notebooks_and_tests():
    for path in _files():
        names = {name for name, lazily in _imports(path) if not lazily}
        if _unit(path) != "widgets":
            assert "cnnlab.widgets" not in names, path.name
        if _unit(path) != "checks":
            assert "cnnlab.checks" not in names, path.name


def test_the_table_names_only_modules_that_exist():
    units = {_unit(path) for path in _files()}
    assert set(TABLE) <= units | {"__main__"}
    assert set(LAZY) <= set(TABLE)


def test_the_walk_sees_relative_and_nested_imports(tmp_path, monkeypatch):
    monkeypatch.setattr(f"{__name__}.PACKAGE", tmp_path)
    (tmp_path / "plots").mkdir()
    file = tmp_path / "plots" / "topic.py"
    file.write_text(
        "import os\nfrom . import _base\nfrom .. import ops\nfrom ..data import load\n"
        "from cnnlab import shapes\nimport matplotlib.pyplot\n"
        "from cnnlab.course import paths\nfrom cnnlab.course.records import read\n"
        "def f():\n    import torch.nn\n"
    )
    assert _imports(file) == [
        ("cnnlab.plots", False),
        ("cnnlab.ops", False),
        ("cnnlab.data", False),
        ("cnnlab.shapes", False),
        ("matplotlib", False),
        ("cnnlab.course.paths", False),
        ("cnnlab.course.records", False),
        ("torch", True),
    ]


# ------------------------------------------------------------- in a fresh interpreter


def _loaded_after(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*{{n.split('.')[0] for n in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_heavy():
    heavy = {"numpy", "torch", "matplotlib", "IPython", "jupyter_client"}
    assert not _loaded_after("import cnnlab, cnnlab.course") & heavy


def test_the_numeric_half_loads_no_torch_no_matplotlib_and_no_widgets():
    names = [n for n in (*sorted(NUMERIC), "checks") if n != "shapes"]
    loaded = _loaded_after(f"from cnnlab import {', '.join(names)}")
    assert "numpy" in loaded
    heavy = {"torch", "torchvision", "matplotlib", "ipywidgets", "sklearn", "PIL"}
    assert not loaded & (heavy | {"IPython", "scipy", "skimage"})


def test_importing_the_package_takes_next_to_no_time():
    code = (
        "import time, os; start = time.perf_counter(); "
        "import cnnlab; print(time.perf_counter() - start)"
    )
    call = [sys.executable, "-c", code]
    times = [
        float(subprocess.run(call, capture_output=True, check=True).stdout)
        for _ in range(3)
    ]
    assert min(times) < 0.1  # seconds; measured: benchmarks/import_time.py
