"""The notebook builder: canonical, repeatable, and careful with what is there."""

import importlib.util
import json
from pathlib import Path

import nbformat
import pytest

FILE = Path(__file__).parents[1] / "notebooks" / "build.py"

HEAD = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3 (ipykernel)
  language: python
  name: python3
---
"""

SOURCE = (
    HEAD
    + """
# A title

+++

Words.

```{code-cell} ipython3
import os

import ipywidgets

print(os.environ["CNNLAB_STRICT"], os.path.basename(os.environ["CNNLAB_PROGRESS"]))
1 + 1
```

```{code-cell} ipython3
:tags: [widget]

ipywidgets.IntSlider()
```
"""
)


@pytest.fixture
def builder(tmp_path, monkeypatch):
    """Return the builder, working in a folder of its own with one source."""
    spec = importlib.util.spec_from_file_location("notebook_builder", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "HERE", tmp_path)
    monkeypatch.setattr(module, "SOURCES", tmp_path / "src")
    monkeypatch.setattr(module, "CACHE", tmp_path / ".built.json")
    (tmp_path / "src").mkdir()
    module.source = tmp_path / "src" / "01_tiny.md"
    module.source.write_text(SOURCE, encoding="utf-8")
    module.built = tmp_path / "01_tiny.ipynb"
    return module


def _fake_run(notebook, **options):
    """Stand for a kernel: every code cell prints its number of characters."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            text = f"{len(cell.source)}\n"
            cell.outputs = [nbformat.v4.new_output("stream", text=text)]
    return notebook


def test_source_becomes_cells_with_ids_from_positions_and_only_tags(builder):
    notebook = builder.read_source(builder.source)
    assert [cell.cell_type for cell in notebook.cells] == [
        "markdown",
        "markdown",
        "code",
        "code",
    ]
    assert [cell.id for cell in notebook.cells] == [f"cell-00{i}" for i in range(4)]
    assert [dict(cell.metadata) for cell in notebook.cells] == [
        {},
        {},
        {},
        {"tags": ["widget"]},
    ]
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    nbformat.validate(notebook)


def test_canonical_drops_times_widget_state_and_random_numbers(builder):
    notebook = builder.read_source(builder.source)
    notebook.metadata["widgets"] = {"state": {}}
    notebook.metadata["language_info"] = {"name": "python", "version": "3.11.7"}
    cell = notebook.cells[3]
    cell.execution_count = 17
    cell.metadata["execution"] = {"iopub.status.busy": "2026-01-01T00:00:00Z"}
    data = {builder.WIDGET_VIEW: {"model_id": "a1b2c3"}, "text/plain": "a slider"}
    cell.outputs = [
        nbformat.v4.new_output("execute_result", data=data, execution_count=17)
    ]
    text = builder.canonical(notebook)
    for varying in ("2026", "a1b2c3", "3.11.7", '"widgets"'):
        assert varying not in text
    again = json.loads(text)
    assert [cell.get("execution_count") for cell in again["cells"]] == [
        None,
        None,
        1,
        2,
    ]
    assert again["cells"][3]["outputs"][0]["data"] == {"text/plain": "a slider"}
    assert again["cells"][3]["outputs"][0]["execution_count"] == 2
    assert builder.canonical(nbformat.reads(text, as_version=4)) == text


@pytest.mark.slow
def test_building_twice_gives_the_same_bytes(builder):
    assert builder.build(builder.source) is True
    first = builder.built.read_bytes()
    assert builder.build(builder.source) is False
    assert builder.built.read_bytes() == first
    cells = nbformat.read(builder.built, as_version=4).cells
    assert cells[2].outputs[0].text == "1 progress.json\n"
    assert cells[2].outputs[1].data["text/plain"] == "2"
    assert cells[3].outputs[0].data.keys() == {"text/plain"}


@pytest.mark.slow
def test_a_failing_cell_leaves_the_old_notebook_untouched(builder):
    builder.built.write_text("the old one", encoding="utf-8")
    failing = f"{HEAD}\n```{{code-cell}} ipython3\n1 / 0\n```\n"
    builder.source.write_text(failing, encoding="utf-8")
    with pytest.raises(Exception, match="ZeroDivisionError"):
        builder.main(["01"])
    assert builder.built.read_text(encoding="utf-8") == "the old one"
    names = sorted(path.name for path in builder.HERE.iterdir())
    assert names == ["01_tiny.ipynb", "src"]


def test_the_environment_is_given_back_after_a_run(builder, monkeypatch):
    import os

    import nbclient

    class Dies(nbclient.NotebookClient):
        def execute(self):
            seen.update(os.environ)
            raise RuntimeError("no kernel")

    seen = {}
    monkeypatch.setattr(nbclient, "NotebookClient", Dies)
    monkeypatch.setenv("CNNLAB_STRICT", "before")
    monkeypatch.delenv("CNNLAB_PROGRESS", raising=False)
    with pytest.raises(RuntimeError, match="no kernel"):
        builder.execute(builder.read_source(builder.source))
    assert seen["CNNLAB_DATA"] == "none"  # no picture of a data set is ever stored
    assert os.environ["CNNLAB_STRICT"] == "before"
    assert "CNNLAB_PROGRESS" not in os.environ


def test_check_passes_after_a_build_and_finds_every_drift(builder, monkeypatch, capsys):
    monkeypatch.setattr(builder, "execute", _fake_run)
    assert builder.main(["--check"]) == 1  # not built yet
    assert "01_tiny" in capsys.readouterr().out
    assert builder.main([]) == 0
    assert builder.main(["--check"]) == 0
    for changed in (
        SOURCE.replace("Words.", "Other words."),
        SOURCE.replace("1 + 1", "1 + 2"),
        SOURCE.replace("[widget]", "[widget, exercise]"),
        SOURCE + "\n+++\n\nOne more cell.\n",
    ):
        builder.source.write_text(changed, encoding="utf-8")
        assert builder.main(["--check"]) == 1
    builder.source.write_text(SOURCE, encoding="utf-8")
    assert builder.main(["--check"]) == 0


def test_only_what_changed_is_built_again(builder, monkeypatch):
    runs = []

    def counting(notebook, **options):
        runs.append(notebook)
        return _fake_run(notebook)

    monkeypatch.setattr(builder, "execute", counting)
    builder.main([])
    builder.main([])
    assert len(runs) == 1
    builder.source.write_text(SOURCE.replace("1 + 1", "1 + 3"), encoding="utf-8")
    builder.main([])
    assert len(runs) == 2
    builder.built.unlink()
    builder.main([])
    assert len(runs) == 3
    builder.main(["--all"])
    assert len(runs) == 4
    builder.CACHE.write_text("garbage", encoding="utf-8")
    builder.main([])
    assert len(runs) == 5


def test_a_changed_module_counts_as_a_change(builder):
    package = builder.HERE / "cnnlab"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "a.py").write_text("from cnnlab import b\n")
    (package / "b.py").write_text("from . import c\nfrom .d import e\n")
    (package / "c.py").write_text("VALUE = 1\n")
    (package / "d.py").write_text("e = 1\n")
    text = f"{HEAD}\n```{{code-cell}} ipython3\nfrom cnnlab import a\n```\n"
    builder.source.write_text(text, encoding="utf-8")
    builder.HERE = builder.HERE / "notebooks"
    names = {path.name for path in builder.imported_modules(builder.source)}
    assert names == {"__init__.py", "a.py", "b.py", "c.py", "d.py"}
    before = builder.fingerprint(builder.source, builder.built)
    (package / "c.py").write_text("VALUE = 2\n")
    assert builder.fingerprint(builder.source, builder.built) != before


def test_an_unknown_notebook_is_said_so(builder, capsys):
    assert builder.main(["77"]) == 2
    assert "no source" in capsys.readouterr().err
