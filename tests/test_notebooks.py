"""What every notebook must be: a build of its source, clean, short, and solvable."""

import ast
import importlib.util
import inspect
import os
import re
import sys
import tempfile
import textwrap
from pathlib import Path

import nbformat
import pytest

from cnnlab import checks
from cnnlab.course.paths import course_root

sys.path.insert(0, str(Path(__file__).parent / "browser"))

import labdriver

FOLDER = Path(__file__).parents[1] / "notebooks"
NAMES = sorted(path.stem for path in FOLDER.glob("*_*.ipynb"))
LESSONS = [name for name in NAMES if name[:2].isdigit()]  # not the appendix
WHOLE = "05_perceptrons_and_neurons"  # uses what is written in it, and is quick
SOURCES = sorted(path.stem for path in (FOLDER / "src").glob("*.md"))

# The budget of AUTHORING.md.
CELLS, WORDS, CODE_LINES, LINES_A_CELL, ASSERTS = 70, 2600, 320, 18, 1
PREDICTIONS, WIDGETS, KINDS = 3, 1, {"write", "bug", "open"}

each_notebook = pytest.mark.parametrize("name", NAMES)
each_lesson = pytest.mark.parametrize("name", LESSONS)


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
    """Return (cell, name) of every exercise, in order."""
    found = []
    for cell in _code(notebook):
        if "exercise" in _tags(cell):
            [name] = re.findall(r"^(?:def )?(\w+)(?: = |\()", cell.source, re.M)[:1]
            found.append((cell, name.removesuffix("_cause")))
    return found


def _is_mechanics(cell) -> bool:
    """Say whether a cell is the stub, the verdict or the hints of an exercise."""
    call = re.fullmatch(r"checks\.\w+(\.hints)?\(.*\)", cell.source.strip())
    return "exercise" in _tags(cell) or call is not None


def _lines(cell) -> list[str]:
    return [line for line in cell.source.splitlines() if line.strip()]


def _visible(notebook) -> list:
    return [cell for cell in _code(notebook) if "proof" not in _tags(cell)]


def words(text: str) -> list[str]:
    """Return the words of Markdown as a reader reads them: no formulas, no code."""
    text = re.sub(r"```.*?```|`[^`\n]*`", " ", text, flags=re.S)
    text = re.sub(r"\$\$.*?\$\$|\$[^$\n]+\$", " ", text, flags=re.S)
    text = re.sub(r"<[^>\n]*>", " ", text)
    text = re.sub(r"\]\([^)\n]*\)", "]", text)  # where a link leads
    return re.findall(r"[^\W_][\w'’.-]*", text)


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
        folds = build.folding(cell.cell_type, _tags(cell))
        tags = {"tags": _tags(cell)} if _tags(cell) else {}
        assert cell.metadata == {**folds, **tags}
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
    notebook = _read(name)
    cells = [cell for cell in notebook.cells if not _is_mechanics(cell)]
    assert len(cells) <= CELLS
    assert len(words("\n\n".join(_prose(notebook)))) <= WORDS
    lines = [line for cell in _visible(notebook) for line in _lines(cell)]
    assert len(lines) <= CODE_LINES


@each_notebook
def test_code_cells_are_short(name):
    for cell in _visible(_read(name)):
        assert len(_lines(cell)) <= LINES_A_CELL, cell.source[:200]


@each_notebook
def test_proof_is_out_of_sight(name):
    notebook = _read(name)
    visible = _visible(notebook)
    statements = [
        node
        for cell in visible
        for node in ast.walk(ast.parse(cell.source))
        if isinstance(node, ast.Assert)
    ]
    assert len(statements) <= ASSERTS
    for cell in _code(notebook):
        if "proof" in _tags(cell):  # it asserts, or reads what was measured
            purpose = "assert" in cell.source or "records.read(" in cell.source
            assert purpose and not cell.outputs, cell.source[:200]
    for cell in visible:
        styled = r"\bax\.|\bset_(title|xlabel|ylabel)|subplots|legend\("
        assert not re.search(styled, cell.source), cell.source[:200]


def test_words_are_counted_as_a_reader_reads_them():
    text = '# Title\n\nAn `array[0]` of [uint8](glossary.md#uint8 "one byte"), $x + 1$.'
    assert words(text) == ["Title", "An", "of", "uint8"]
    assert words("```python\nx = 1\n```\n\n$$\ny = 2\n$$\n\ntwo words") == [
        "two",
        "words",
    ]


@each_lesson
def test_readers_predict_before_a_folded_answer_is_there_to_see(name):
    cells = _read(name).cells
    places = [i for i, cell in enumerate(cells) if "**Predict.**" in cell.source]
    assert len(places) >= PREDICTIONS
    for place in places:
        question, code, answer = cells[place : place + 3]
        assert question.cell_type == "markdown" and question.source.count("?")
        assert code.cell_type == "code" and "answer" in _tags(code), question.source
        assert answer.cell_type == "markdown" and "answer" in _tags(answer), code.source
        assert question.source.rindex("**Predict.**") > question.source.rfind("\n#")
    answers = [i for i, cell in enumerate(cells) if "answer" in _tags(cell)]
    assert sorted(answers) == sorted(p + step for p in places for step in (1, 2))


@each_lesson
def test_a_widget_is_shown_once(name):
    cells = _code(_read(name))
    widgets = [cell for cell in cells if "widget" in _tags(cell)]
    assert len(widgets) >= WIDGETS
    pictures = [
        output.data["image/png"]
        for cell in cells
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    ]
    assert len(set(pictures)) == len(pictures), "the same picture stands here twice"


@each_lesson
def test_exercises_have_one_form_and_all_three_kinds(name):
    cells = _read(name).cells
    form = re.compile(
        r"^### Exercise: `(\w+)`\n\n\*\*(Write|Find the bug|Open)\*\* · \S.*", re.M
    )
    kinds = {"Write": "write", "Find the bug": "bug", "Open": "open"}
    told = {
        match[1]: kinds[match[2]]
        for cell in cells
        for match in form.finditer(cell.source)
    }
    stubs = [exercise for _, exercise in _stubs(_read(name))]
    assert list(told) == stubs
    assert told == {one: checks.EXERCISES[one].kind for one in stubs}
    assert set(told.values()) == KINDS
    headings = sum(len(re.findall("(?m)^#+.*Exercise", c.source)) for c in cells)
    assert headings == len(told)


@each_lesson
def test_the_causes_of_a_bug_are_listed_in_its_task(name):
    prose = " ".join(" ".join(_prose(_read(name))).replace("`", "").split())
    for _, exercise in _stubs(_read(name)):
        for cause in getattr(checks.EXERCISES[exercise], "causes", ()):
            wanted = f"({cause.letter}) {cause.text}".replace("`", "").rstrip(".")
            assert wanted in prose, wanted


@each_lesson
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


@each_lesson
def test_stubs_have_the_signature_of_their_reference(name):
    for cell, exercise in _stubs(_read(name)):
        task = checks.EXERCISES[exercise]
        assert task.notebook == name[:2]
        functions = [
            node
            for node in ast.parse(cell.source).body
            if isinstance(node, ast.FunctionDef)
        ]
        if not functions:
            assert task.kind == "open"  # an answer need not be a function
            continue
        [node] = functions
        if task.kind == "bug":
            assert f"{exercise}_cause = None" in cell.source
            broken = ast.parse(textwrap.dedent(inspect.getsource(task.broken))).body[0]
            broken.name = node.name
            assert ast.dump(node) == ast.dump(broken), "the stub is not what is judged"
            continue
        assert "raise NotImplementedError" in cell.source
        space = {}
        exec(compile(ast.Module([node], []), name, "exec"), space)
        assert _parameters(space[node.name]) == _parameters(task.reference)


def _parameters(function) -> list[tuple]:
    return [
        (one.name, one.kind, one.default)
        for one in inspect.signature(function).parameters.values()
    ]


@each_lesson
def test_every_exercise_is_checked_and_has_hints(name):
    notebook = _read(name)
    code = [cell.source.strip() for cell in _code(notebook)]
    for _, exercise in _stubs(notebook):
        assert any(one.startswith(f"checks.{exercise}(") for one in code), exercise
        assert f"checks.{exercise}.hints()" in code


def test_every_exercise_has_its_place_in_a_notebook():
    there = {exercise for name in LESSONS for _, exercise in _stubs(_read(name))}
    numbers = {name[:2] for name in LESSONS}
    wanted = {e.name for e in checks.EXERCISES.values() if e.notebook in numbers}
    assert wanted == there


@each_notebook
def test_untouched_exercises_say_so_and_nothing_else(name):
    for cell, output in _outputs(_read(name)):
        exercise = re.match(r"checks\.(\w+)\(", cell.source)
        if exercise and exercise[1] in checks.EXERCISES:
            assert f"○ {exercise[1]}: not attempted" in "\n".join(_texts(output))


@each_notebook
def test_later_cells_run_the_learners_version(name):
    """A stub's name is handed to its check only; the others say ``yours.name``."""
    notebook = _read(name)
    stubs = {exercise for _, exercise in _stubs(notebook)}
    for cell in _code(notebook):
        if "exercise" in _tags(cell):
            continue
        tree = ast.parse(cell.source)
        handed = {
            id(value)
            for call in ast.walk(tree)
            if isinstance(call, ast.Call) and _belongs_to(call, ("checks",))
            for part in (*call.args, *(keyword.value for keyword in call.keywords))
            for value in ast.walk(part)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and node.id in stubs:
                assert id(node) in handed, f"{cell.id} uses {node.id}"


def _belongs_to(call: ast.Call, modules) -> bool:
    function = call.func
    while isinstance(function, ast.Attribute):
        function = function.value
    return isinstance(function, ast.Name) and function.id in modules


def _solve(notebook) -> list[str]:
    """Put every reference into its exercise cell; return the exercises' names."""
    names = []
    for cell, name in _stubs(notebook):
        task = checks.EXERCISES[name]
        if callable(task.reference):
            module, there = task.reference.__module__, task.reference.__name__
            cell.source = f"from {module} import {there} as {name}"
        else:
            cell.source = f"from cnnlab import checks\n{name} = checks.{name}.reference"
        if task.kind == "bug":
            [right] = [cause.letter for cause in task.causes if cause.right]
            cell.source += f"\n{name}_cause = {right!r}"
        names.append(name)
    return names


def test_what_a_cell_rests_on_is_found_by_scope():
    cells = [
        ("import math", []),
        ("x = 1", []),
        ("k = math.pi", []),
        ("def f(a):\n    x = a + k\n    return x", []),
        ("x = 2", []),
        ("x += 1", []),
        ("y = [k for k in range(3)]", []),
        ("show(f(x))", ["widget"]),
        ("k = 0", []),
    ]
    wanted = labdriver.needed_by(lambda source, tags: "widget" in tags, cells)
    assert wanted == [0, 2, 3, 4, 5, 7]


@pytest.mark.parametrize(
    ("source", "others"),
    [
        ("for a, b in c:\n    d = a + b\nprint(a, d)", "c print"),
        ("e = [k for k in e]", "e"),
        ("with f() as g:\n    h = g\nh", "f"),
        ("if i:\n    j = 1\nj", "i j"),
        ("n += 1\nn", "n"),
        ("def o(p):\n    return p + q + o(r)\nq = 1", "q r"),
        ("for s in t:\n    u = s\nelse:\n    u", "t"),
        ("%reset -f\nimport v.w\nv.w(x=y)", "y"),
    ],
)
def test_a_cell_needs_of_others_what_it_does_not_set_first(source, others):
    assert labdriver._names(source)[1] == set(others.split())


BEGIN_AGAIN = """
%reset -f
from cnnlab.checks import _yours
_yours.forget()
"""


@pytest.fixture(scope="module")
def solved():
    """Return name of a notebook -> (its executed cells, names of its exercises).

    One kernel runs all, and forgets between them: starting one costs more than most.
    """
    whole, found = nbformat.v4.new_notebook(), {}
    for name in LESSONS:
        notebook = build.read_source(FOLDER / "src" / f"{name}.md")
        names = _solve(notebook)
        code = _code(notebook)
        verdict = re.compile(rf"checks\.({'|'.join(names)})\(")
        cells = [(cell.source, _tags(cell)) for cell in code]
        needed = labdriver.needed_by(
            lambda source, _, v=verdict: v.match(source), cells
        )
        part = [code[index] for index in needed]
        for cell in part:  # a failing notebook fails alone
            cell.metadata["tags"] = [*_tags(cell), "raises-exception"]
        found[name] = nbformat.v4.new_notebook(cells=part), names
        whole.cells += [nbformat.v4.new_code_cell(BEGIN_AGAIN), *part]
    build.execute(whole)
    return found


@pytest.mark.slow
@each_lesson
def test_solved_every_verdict_says_so(name, solved):
    """Run what the verdicts rest on: that later cells stay as they are is shown once.

    Where an answer is the reference itself, ``yours`` is what nbval has run anyway.
    """
    notebook, names = solved[name]
    errors = [out for _, out in _outputs(notebook) if out.output_type == "error"]
    assert errors == []
    _all_are_right(notebook, names)


@pytest.mark.slow
def test_solved_all_else_stays_as_it_is():
    notebook = build.read_source(FOLDER / "src" / f"{WHOLE}.md")
    names = _solve(notebook)
    build.execute(notebook)
    _all_are_right(notebook, names)
    for solved, untouched in zip(notebook.cells, _read(WHOLE).cells, strict=True):
        ignored = {"exercise", "nbval-ignore-output"} & set(_tags(untouched))
        if untouched.cell_type == "code" and not ignored:
            same = _shown(solved) == _shown(untouched)
            assert same or "checks." in untouched.source, untouched.source


def _all_are_right(notebook, names) -> None:
    for exercise in names:
        verdicts = [
            text
            for cell, output in _outputs(notebook)
            for text in _texts(output)
            if cell.source.startswith(f"checks.{exercise}(")
        ]
        assert f"✓ {exercise}: " in "\n".join(verdicts)


def _shown(cell) -> list[str]:
    outputs = build._joined(cell.outputs)  # how a stream is cut up is chance
    return [text for output in outputs for text in _texts(output)]


# ---------------------------------------------------------------------- glossary


def _terms() -> list[str]:
    text = (FOLDER / "glossary.md").read_text(encoding="utf-8")
    return re.findall(r"^### (.+)$", text, re.M)


def test_the_glossary_is_in_order_and_every_entry_is_explained():
    terms = _terms()
    assert terms == sorted(set(terms), key=str.lower)
    assert set(build.glossary(FOLDER / "glossary.md")) == set(map(build.anchor, terms))


def test_links_into_the_glossary_find_their_entry_and_carry_it_as_tooltip():
    known = build.glossary(FOLDER / "glossary.md")
    for name in NAMES:
        for text in _prose(_read(name)):
            for target, title in re.findall(
                r"\]\(glossary\.md#([^)\s]+)( \"[^\"]+\")?\)", text
            ):
                assert target in known and title, f"{name}: {target}"


def _body(text: str) -> str:
    """Return the prose in which a term's first use counts.

    Headings, formulas, code and tooltips are left out, and so is what stands before
    the first section and after the last, but for the links there. The words of a link
    count as the one term that they are linked to.
    """
    text = re.sub(r"(\]\(\S+) \"[^\"]*\"\)", r"\1)", text)
    text = re.sub(r"\[[^]\[]*\]\(glossary\.md#(\S+?)\)", r"[](glossary.md#\1)", text)
    start = re.search(r"(?m)^## ", text)
    opening, rest = (
        (text[: start.start()], text[start.start() :]) if start else ("", text)
    )
    links = " ".join(re.findall(r"\[\]\(glossary\.md#\S+?\)", opening))
    rest = rest.partition("## What we found")[0]
    code_and_heads = r"```.*?```|`[^`\n]*`|\$\$.*?\$\$|(?m:^#[^\n]*$)"
    return f"{links} {re.sub(code_and_heads, ' ', rest, flags=re.S)}"


def test_each_term_is_linked_where_it_is_first_used():
    terms = _terms()
    prose = [(n, _body("\n\n".join(_prose(_read(n))))) for n in NAMES]
    for term in terms:
        link = f"[](glossary.md#{build.anchor(term)})"
        for name, text in prose:
            plain = re.sub(r"\]\([^)\s]*\)", lambda m: " " * len(m[0]), text)
            use = re.search(rf"\b{re.escape(term)}(s|es)?\b", plain, re.I)
            if use or link in text:
                assert link in text, f"{name} uses {term!r} and does not link it"
                early = use and use.start() < text.index(link)
                assert not early, f"{name}: {term!r} is used before it is linked"
                break
        else:
            raise AssertionError(f"no notebook uses {term!r}")


@pytest.mark.slow
def test_a_kernel_of_the_notebooks_runs_this_python():
    notebook = build.read_source(FOLDER / "src" / f"{NAMES[0]}.md")
    notebook.cells = [nbformat.v4.new_code_cell("import sys; print(sys.executable)")]
    [(_, output)] = _outputs(build.execute(notebook))
    assert os.path.realpath(output.text.strip()) == os.path.realpath(sys.executable)
