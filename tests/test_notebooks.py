"""What every notebook must be: a build of its source, clean, and solvable."""

import ast
import importlib.util
import inspect
import os
import re
import sys
import tempfile
from pathlib import Path

import nbformat
import pytest

from cnnlab import checks
from cnnlab.course.paths import course_root

FOLDER = Path(__file__).parents[1] / "notebooks"
NAMES = sorted(path.stem for path in FOLDER.glob("[0-9][0-9]_*.ipynb"))
SOURCES = sorted(path.stem for path in (FOLDER / "src").glob("*.md"))
CODE_LINES = 25
CELLS = range(40, 81)  # not counting stub, verdict and hints of the exercises

each_notebook = pytest.mark.parametrize("name", NAMES)


def _builder():
    spec = importlib.util.spec_from_file_location("build", FOLDER / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


build = _builder()


def _read(name):
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def _tags(cell) -> list[str]:
    return cell.metadata.get("tags", [])


def _code(notebook) -> list:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _prose(notebook) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]


def _outputs(notebook) -> list:
    """Return (cell, output) of every stored output."""
    return [(cell, output) for cell in _code(notebook) for output in cell.outputs]


def _texts(output) -> list[str]:
    if output.output_type == "stream":
        return [output.text]
    data = output.get("data", {})
    return [text for kind, text in data.items() if kind.startswith("text/")]


def _stubs(notebook) -> list[tuple]:
    """Return (cell, function definition) of every exercise."""
    found = []
    for cell in _code(notebook):
        if "exercise" in _tags(cell):
            [node] = [
                one
                for one in ast.parse(cell.source).body
                if isinstance(one, ast.FunctionDef)
            ]
            found.append((cell, node))
    return found


# ------------------------------------------------------------------------- built


def test_every_source_has_its_notebook_and_every_notebook_its_source():
    assert NAMES == SOURCES


@each_notebook
def test_notebook_holds_the_cells_of_its_source(name):
    source, built = FOLDER / "src" / f"{name}.md", FOLDER / f"{name}.ipynb"
    assert build.same_cells(source, built), "run: python notebooks/build.py"


@each_notebook
def test_notebook_is_canonical(name):
    text = (FOLDER / f"{name}.ipynb").read_text(encoding="utf-8")
    assert build.canonical(_read(name)) == text
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.keys() == {"kernelspec", "language_info"}
    for index, cell in enumerate(notebook.cells):
        assert cell.id == f"cell-{index:03d}"
        assert set(cell.metadata) <= {"tags"}
    counts = [cell.execution_count for cell in _code(notebook)]
    assert counts == list(range(1, len(counts) + 1))


@each_notebook
def test_stored_outputs_hold_no_errors_no_places_and_no_addresses(name):
    places = [str(course_root()), str(Path.home()), tempfile.gettempdir()]
    secret = re.compile(
        "|".join([r"\b0x[0-9a-fA-F]{6,}", *(re.escape(f"{p}/") for p in places)])
    )
    clock = re.compile(r"Wall time|CPU times|per loop|\bit/s\b|\bs/it\b|\d%\|")
    for cell, output in _outputs(_read(name)):
        where = f"{cell.id}: {cell.source[:60]!r}"
        if output.output_type == "error":
            assert "raises-exception" in _tags(cell), where
            continue
        assert output.get("name") != "stderr", where
        assert build.WIDGET_VIEW not in output.get("data", {}), where
        for text in _texts(output):
            assert not secret.search(text), where
            assert not clock.search(text), where
            assert "Traceback (most recent call last)" not in text, where


@each_notebook
def test_every_picture_says_in_words_what_it_shows(name):
    for cell, output in _outputs(_read(name)):
        data = output.get("data", {})
        assert not {"image/svg+xml", "image/jpeg"} & set(data), cell.id
        if "image/png" in data:
            alt = output.metadata.get("image/png", {}).get("alt", "")
            assert len(alt.split()) >= 4, f"{cell.id}: no text alternative"
            assert data["text/plain"] == alt, cell.id


@each_notebook
def test_markdown_pictures_carry_alt_texts_and_none_comes_from_the_net(name):
    for text in _prose(_read(name)):
        for alt, target in re.findall(r"!\[(.*?)\]\((.*?)\)", text):
            assert alt.strip(), target
            assert not target.startswith("http"), target
        for tag in re.findall(r"<img\b[^>]*>", text):
            assert re.search(r"\balt=['\"][^'\"]+", tag), tag
            assert "http" not in tag, tag


# -------------------------------------------------------------------------- form


@each_notebook
def test_length_is_that_of_one_sitting(name):
    cells = _read(name).cells
    mechanics = [
        cell
        for cell in cells
        if "exercise" in _tags(cell)
        or re.fullmatch(r"checks\.\w+(\.hints)?\(.*\)", cell.source.strip())
    ]
    if name[:2] != "00":
        assert len(cells) - len(mechanics) in CELLS


@each_notebook
def test_code_cells_are_short(name):
    for cell in _code(_read(name)):
        lines = [line for line in cell.source.splitlines() if line.strip()]
        assert len(lines) <= CODE_LINES, cell.source[:200]


@each_notebook
def test_readers_predict_at_least_three_times_before_code_answers(name):
    cells = _read(name).cells
    places = [i for i, cell in enumerate(cells) if "**Predict.**" in cell.source]
    assert len(places) >= 3
    for place in places:
        assert cells[place].cell_type == "markdown"
        after = [cell.cell_type for cell in cells[place + 1 : place + 4]]
        assert "code" in after, cells[place].source


@each_notebook
def test_opening_and_closing_parts_are_there(name):
    prose = _prose(_read(name))
    assert prose[0].startswith(f"# {name[:2]} · ")
    opening, closing = "\n".join(prose[:3]).lower(), "\n".join(prose[-6:]).lower()
    for words in ("you can", "the one question", "you need first", "time"):
        assert words in opening, words
    for words in ("what we found", "exercises left", "sources", "the next question"):
        assert words in closing, words
    titles = [line for text in prose for line in text.splitlines() if line[:2] == "# "]
    assert len(titles) == 1, titles


@each_notebook
def test_relative_links_lead_somewhere(name):
    for text in _prose(_read(name)):
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if not re.match(r"https?://|mailto:|#", target):
                path = FOLDER / target.partition("#")[0]
                assert path.exists(), f"{name}: {target}"
                assert not target.startswith("/"), target


@each_notebook
def test_no_magic_no_star_no_question_to_the_keyboard(name):
    first = _code(_read(name))[0].source
    assert "plots.style()" in first
    for cell in _code(_read(name)):
        tree = ast.parse(cell.source)  # also refuses %magic and !shell
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                assert node.names[0].name != "*", cell.source
        assert not re.search(r"\binput\(|filterwarnings|\bglobals\(", cell.source)
        assert not cell.source.rstrip().endswith(";"), cell.source


@each_notebook
def test_prose_is_plain(name):
    for text in _prose(_read(name)):
        words = re.search(r"\b(simply|obviously|trivially)\b", text, re.I)
        assert not words, text


# --------------------------------------------------------------------- exercises


@each_notebook
def test_stubs_have_the_signature_of_their_reference(name):
    stubs = _stubs(_read(name))
    assert len(stubs) >= 3
    for cell, node in stubs:
        assert "raise NotImplementedError" in cell.source
        space = {}
        exec(compile(ast.Module([node], []), name, "exec"), space)
        exercise = checks.EXERCISES[node.name]
        assert exercise.notebook == name[:2]
        assert _parameters(space[node.name]) == _parameters(exercise.reference)


def _parameters(function) -> list[tuple]:
    return [
        (one.name, one.kind, one.default)
        for one in inspect.signature(function).parameters.values()
    ]


@each_notebook
def test_every_exercise_is_checked_and_has_hints(name):
    notebook = _read(name)
    code = [cell.source.strip() for cell in _code(notebook)]
    for _, node in _stubs(notebook):
        assert any(f"checks.{node.name}({node.name})" in one for one in code)
        assert f"checks.{node.name}.hints()" in code


def test_every_exercise_has_its_place_in_a_notebook():
    there = {node.name for name in NAMES for _, node in _stubs(_read(name))}
    numbers = {name[:2] for name in NAMES}
    wanted = {e.name for e in checks.EXERCISES.values() if e.notebook in numbers}
    assert wanted <= there


@each_notebook
def test_later_cells_lean_on_the_reference_not_on_the_learners_answer(name):
    notebook = _read(name)
    stubs = {node.name for _, node in _stubs(notebook)}
    for cell in _code(notebook):
        if "exercise" in _tags(cell):
            continue
        tree = ast.parse(cell.source)
        handed = {
            id(value)
            for call in ast.walk(tree)
            if isinstance(call, ast.Call) and _belongs_to(call, ("checks", "widgets"))
            for part in (*call.args, *(keyword.value for keyword in call.keywords))
            for value in ast.walk(part)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and node.id in stubs:
                checked = f"checks.{node.id}({node.id}).passed" in cell.source
                assert id(node) in handed or checked, f"{cell.id} uses {node.id}"


def _belongs_to(call: ast.Call, modules) -> bool:
    function = call.func
    while isinstance(function, ast.Attribute):
        function = function.value
    return isinstance(function, ast.Name) and function.id in modules


@pytest.mark.slow
@each_notebook
def test_with_every_exercise_solved_every_verdict_says_correct(name):
    notebook = build.read_source(FOLDER / "src" / f"{name}.md")
    stubs = _stubs(notebook)
    for cell, node in stubs:
        reference = checks.EXERCISES[node.name].reference
        cell.source = (
            f"from {reference.__module__} import {reference.__name__} as {node.name}"
        )
    build.execute(notebook)
    for _, node in stubs:
        verdicts = [
            text
            for cell, output in _outputs(notebook)
            for text in _texts(output)
            if f"checks.{node.name}({node.name})" in cell.source
        ]
        assert f"✓ {node.name}: correct" in "\n".join(verdicts)


@pytest.mark.slow
def test_a_kernel_of_the_notebooks_runs_this_python():
    notebook = build.read_source(FOLDER / "src" / f"{NAMES[0]}.md")
    notebook.cells = [nbformat.v4.new_code_cell("import sys; print(sys.executable)")]
    [(_, output)] = _outputs(build.execute(notebook))
    assert os.path.realpath(output.text.strip()) == os.path.realpath(sys.executable)
