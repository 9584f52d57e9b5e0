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
import re
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCES = HERE / "src"
CACHE = HERE / ".built.json"
GLOSSARY = HERE / "glossary.md"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
FOLD = "Compare with your prediction"


def read_source(path: Path):
    """Return the unexecuted notebook of one Markdown source.

    Tags become what JupyterLab understands; AUTHORING.md lists them.
    """
    import jupytext

    notebook = jupytext.read(path, fmt="md:myst")
    known = glossary()
    for index, cell in enumerate(notebook.cells):
        tags = cell.metadata.get("tags", [])
        cell.id = f"cell-{index:03d}"
        cell.metadata = folding(cell.cell_type, tags)
        if tags:
            cell.metadata["tags"] = tags
        if cell.cell_type == "markdown":
            if "answer" in tags:
                cell.source = folded(cell.source)
            cell.source = explained(cell.source, known)
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


def folding(cell_type: str, tags: list[str]) -> dict:
    """Return the metadata by which JupyterLab folds a cell with these tags.

    ``source_hidden`` and ``outputs_hidden`` are Jupyter's own names (nbformat 4.5);
    the heading's is JupyterLab's. Running a cell opens its output.
    """
    if cell_type == "code" and "proof" in tags:
        return {"jupyter": {"source_hidden": True}}
    if cell_type == "code" and "answer" in tags:
        return {"jupyter": {"outputs_hidden": True}}
    if cell_type == "markdown" and "optional" in tags:
        return {"jp-MarkdownHeadingCollapsed": True}
    return {}


def folded(text: str) -> str:
    """Return the words after a prediction, to be unfolded by the reader."""
    return f"<details><summary>{FOLD}</summary>\n\n{text.strip()}\n\n</details>"


def glossary(path: Path = GLOSSARY) -> dict[str, str]:
    """Return the first sentence of every entry of the glossary, by its anchor."""
    if not path.is_file():
        return {}
    entries = re.findall(r"^### (.+)\n+(.+)", path.read_text(encoding="utf-8"), re.M)
    return {anchor(term): re.split(r"(?<=[.!?]) ", text)[0] for term, text in entries}


def anchor(term: str) -> str:
    """Return the anchor that JupyterLab gives to a heading."""
    return term.strip().replace(" ", "-")


def explained(text: str, known: dict[str, str]) -> str:
    """Add to every link into the glossary what the term means, as its tooltip."""

    def with_title(match: re.Match) -> str:
        meaning = known.get(match[1])
        if meaning is None:
            return match[0]
        plain = re.sub(r"[`*]|\$", "", meaning).replace('"', "'")
        return f'](glossary.md#{match[1]} "{plain}")'

    return re.sub(r"\]\(glossary\.md#([^)\s]+)\)", with_title, text)


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
            _refuse_loud_proofs(notebook)
        finally:
            for name, value in before.items():
                os.environ.pop(name)
                if value is not None:
                    os.environ[name] = value
    return notebook


def _refuse_loud_proofs(notebook) -> None:
    """Raise where a cell that only proves something shows something."""
    for cell in notebook.cells:
        if "proof" in cell.metadata.get("tags", []) and cell.get("outputs"):
            raise ValueError(
                f"a proof cell prints something; it asserts only:\n{cell.source}"
            )


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
        (cell.cell_type, cell.source.strip(), json.dumps(cell.metadata, sort_keys=True))
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
    parts.append(GLOSSARY.read_bytes() if GLOSSARY.is_file() else b"")
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
    sources = sorted(SOURCES.glob("*_*.md"))
    if options.notebooks:
        chosen = set(options.notebooks)
        sources = [one for one in sources if one.stem.partition("_")[0] in chosen]
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
