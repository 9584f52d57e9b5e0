"""Build notebooks: MyST Markdown in ``src/`` -> executed, canonical ``.ipynb``.

    python notebooks/build.py            build what changed since the last build
    python notebooks/build.py 02 03      build these
    python notebooks/build.py --all      build all
    python notebooks/build.py --check    build nothing; fail where source and
                                         notebook differ

Canonical: cell ids from positions, no timings, no widget state, no random widget
ids, so that building twice gives the same bytes.
"""

import argparse
import ast
import hashlib
import json
import os
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCES = HERE / "src"
CACHE = HERE / ".built.json"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def read_source(path: Path):
    """Return the unexecuted notebook of one Markdown source."""
    import jupytext

    notebook = jupytext.read(path, fmt="md:myst")
    for index, cell in enumerate(notebook.cells):
        cell.id = f"cell-{index:03d}"
        cell.metadata = {
            key: value for key, value in cell.metadata.items() if key == "tags"
        }
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    notebook.metadata = {
        "kernelspec": {
            "display_name": "Python 3 (ipykernel)",
            "language": "python",
            "name": "python3",
        },
        "language_info": {"name": "python"},
    }
    return notebook


def execute(notebook, folder: Path = HERE, timeout: int = 180):
    """Run all cells in a fresh kernel, as in a fresh clone.

    No progress and no data set of this machine gets into the outputs: what is stored
    can be repeated anywhere, and no picture of others' data is given away.
    """
    from nbclient import NotebookClient

    with tempfile.TemporaryDirectory() as scratch:
        settings = {
            "CNNLAB_PROGRESS": str(Path(scratch) / "progress.json"),
            "CNNLAB_STRICT": "1",
            "CNNLAB_DATA": "none",
        }
        before = {name: os.environ.get(name) for name in settings}
        os.environ.update(settings)
        try:
            NotebookClient(
                notebook,
                timeout=timeout,
                kernel_name="python3",
                resources={"metadata": {"path": str(folder)}},
                store_widget_state=False,
            ).execute()
        finally:
            for name, value in before.items():
                os.environ.pop(name)
                if value is not None:
                    os.environ[name] = value
    return notebook


def canonical(notebook) -> str:
    """Return the notebook's JSON text without anything that varies by itself."""
    notebook.metadata.pop("widgets", None)
    notebook.metadata["language_info"] = {"name": "python"}
    count = 0
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        count += 1
        cell.execution_count = count
        cell.metadata.pop("execution", None)
        cell.outputs = _joined(cell.outputs)
        for output in cell.outputs:
            if "execution_count" in output:
                output["execution_count"] = count
            output.get("data", {}).pop(WIDGET_VIEW, None)
    return json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _joined(outputs: list) -> list:
    """Join neighbouring pieces of one stream: how text is cut up is chance."""
    joined: list = []
    for output in outputs:
        last = joined[-1] if joined else {}
        if output.output_type == "stream" and last.get("name") == output.name:
            last["text"] += output.text
        else:
            joined.append(output)
    return joined


def cells_of(notebook) -> list[tuple]:
    """Return what source and notebook must share: type, text and tags of each cell."""
    return [
        (cell.cell_type, cell.source.strip(), sorted(cell.metadata.get("tags", [])))
        for cell in notebook.cells
    ]


def same_cells(source: Path, built: Path) -> bool:
    """Say whether the built notebook holds exactly the cells of its source."""
    import nbformat

    if not built.is_file():
        return False
    return cells_of(read_source(source)) == cells_of(nbformat.read(built, as_version=4))


def fingerprint(source: Path, built: Path) -> str:
    """Return a hash of all that decides the outputs: text, package, versions."""
    from importlib import metadata

    parts = [source.read_bytes(), built.read_bytes() if built.is_file() else b""]
    modules = imported_modules(source)
    parts += [path.read_bytes() for path in sorted(modules)]
    parts += [
        path.read_bytes() for path in sorted(HERE.glob("../benchmarks/results/*"))
    ]
    for name in ("numpy", "matplotlib", "scikit-learn", "torch", "ipywidgets"):
        parts.append(metadata.version(name).encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def imported_modules(source: Path) -> set[Path]:
    """Return the files of ``cnnlab`` a source reaches through imports."""
    text = "\n".join(
        cell.source for cell in read_source(source).cells if cell.cell_type == "code"
    )
    found: set[Path] = set()
    waiting = _imports(text)
    while waiting:
        path = _module_file(waiting.pop())
        if path and path not in found:
            found.add(path)
            package = path.relative_to(HERE.parent).parts[:-1]
            waiting |= _imports(path.read_text(encoding="utf-8"), package)
    return found


def _imports(text: str, package: tuple[str, ...] = ()) -> set[str]:
    """Return the modules of ``cnnlab`` that code inside ``package`` may import."""
    names = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join((*above, node.module) if node.module else above)
            names |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return {name for name in names if name.split(".")[0] == "cnnlab"}


def _module_file(name: str) -> Path | None:
    path = HERE.parent / Path(*name.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def build(source: Path) -> bool:
    """Build one notebook; return whether its bytes changed."""
    built = HERE / f"{source.stem}.ipynb"
    text = canonical(execute(read_source(source)))
    if built.is_file() and built.read_text(encoding="utf-8") == text:
        return False
    partial = built.with_suffix(".tmp")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, built)
    return True


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Build the notebooks.")
    parser.add_argument("notebooks", nargs="*", help="numbers such as 02; default: all")
    parser.add_argument("--all", action="store_true", help="build unchanged ones too")
    parser.add_argument("--check", action="store_true", help="only compare the cells")
    options = parser.parse_args(argv)
    sources = sorted(SOURCES.glob("[0-9][0-9]_*.md"))
    if options.notebooks:
        sources = [one for one in sources if one.stem[:2] in options.notebooks]
    if not sources:
        print("build: no source in notebooks/src matches.", file=sys.stderr)
        return 2
    if options.check:
        return _check(sources)
    known = _read_cache()
    for source in sources:
        built = HERE / f"{source.stem}.ipynb"
        fresh = known.get(source.stem) == fingerprint(source, built)
        if fresh and not (options.all or options.notebooks):
            print(f"{source.stem}: unchanged")
            continue
        print(f"{source.stem}: building ...", end=" ", flush=True)
        print("changed" if build(source) else "same bytes")
        known[source.stem] = fingerprint(source, built)
        CACHE.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    return 0


def _check(sources: list[Path]) -> int:
    stale = [s.stem for s in sources if not same_cells(s, HERE / f"{s.stem}.ipynb")]
    for name in stale:
        print(f"{name}: the notebook is not a build of its source; run make notebooks")
    return 1 if stale else 0


def _read_cache() -> dict:
    try:
        return json.loads(CACHE.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


if __name__ == "__main__":
    sys.exit(main())
