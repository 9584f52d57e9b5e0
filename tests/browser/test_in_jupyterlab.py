"""Open the notebooks in real JupyterLab, run them, and move every control by keyboard.

Real learners meet the browser, not the functions. Skipped where there is no Chromium.
"""

import json
import re
import sys
from pathlib import Path

import labdriver
import pilots
import pytest

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
DARK = "JupyterLab Dark"

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def _tagged(tag: str) -> list[str]:
    found = []
    for path in sorted(NOTEBOOKS.glob("*_*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        if any(tag in cell["metadata"].get("tags", []) for cell in cells):
            found.append(path.stem)
    return found


def _switch_theme(notebook, name: str) -> None:
    notebook.page.evaluate(
        """async name => {
            const settings = { theme: name };
            await jupyterapp.commands.execute("apputils:change-theme", settings);
        }""",
        name,
    )
    light = "false" if name == DARK else "true"
    notebook.page.wait_for_function(
        "light => document.body.dataset.jpThemeLight === light", arg=light
    )


def _make_narrow(notebook) -> None:
    notebook.page.evaluate("() => jupyterapp.shell.collapseLeft()")
    notebook.page.set_viewport_size({"width": 480, "height": 1000})
    notebook.page.wait_for_timeout(300)


def _make_wide(notebook) -> None:
    notebook.page.set_viewport_size({"width": 1280, "height": 800})
    notebook.page.evaluate("() => jupyterapp.shell.expandLeft()")
    notebook.page.wait_for_timeout(300)


# ------------------------------------------------- the tests find what is broken


@pytest.fixture
def pilot(lab):
    """Return a function that runs one pilot; it returns notebook, cell, complaints."""
    notebook = lab.again("pilots/pilots.ipynb")
    notebook.page.set_viewport_size({"width": 1280, "height": 1000})

    def run(name):
        cell = pilots.place(name)
        return notebook, cell, labdriver.complaints_of_run(notebook, [0, cell])

    return run


def test_a_good_widget_gets_no_complaint(pilot):
    notebook, cell, complaints = pilot("good")
    assert complaints == []
    kinds = [control["kind"] for control in notebook.controls(cell)]
    assert kinds == ["number", "slider", "select", "checkbox"]
    assert labdriver.complaints_of_controls(notebook, cell) == []
    assert labdriver.complaints_of_names(notebook, cell) == []
    _make_narrow(notebook)
    assert labdriver.complaints_of_width(notebook, cell) == []
    _switch_theme(notebook, DARK)
    assert labdriver.complaints_of_contrast(notebook, cell) == []
    _switch_theme(notebook, "JupyterLab Light")
    _make_wide(notebook)
    assert labdriver.complaints_of_screen(notebook, cell) == []


def test_an_impossible_setting_is_explained_and_no_fault(pilot):
    notebook, cell, _ = pilot("good")
    notebook.move(cell, 0, ["=6"])
    shown = notebook.page.locator("[role=alert]").inner_text()
    assert shown == "Not possible. k = 6 is left out on purpose."
    assert notebook.errors(cell) == []
    assert notebook.move(cell, 0, ["=7"])
    assert notebook.page.locator("[role=alert]").count() == 0


def test_failing_callbacks_and_dead_controls_are_found_out(pilot):
    notebook, cell, complaints = pilot("bad_callbacks")
    assert complaints == []
    found = "\n".join(labdriver.complaints_of_controls(notebook, cell))
    assert "slider 'k' after End: shows Not possible. KeyError" in found
    assert "hidden error: IndexError" in found  # JupyterLab swallows this one
    assert "select 'metric' changes neither picture nor text" in found


def test_nameless_wide_and_faint_widgets_are_found_out(pilot):
    notebook, cell, complaints = pilot("bad_looks")
    assert "left this machine: http://cnnlab.invalid/x.png" in "\n".join(complaints)
    [complaint] = labdriver.complaints_of_names(notebook, cell)
    assert "slider number 4 has no accessible name" in complaint
    assert "hardly seen: contrast 1.3" in "\n".join(
        labdriver.complaints_of_contrast(notebook, cell)
    )
    _make_narrow(notebook)
    found = labdriver.complaints_of_width(notebook, cell)
    assert "number k spans" in "\n".join(found)


def test_tall_widgets_and_small_print_are_found_out(pilot):
    notebook, cell, _ = pilot("bad_sizes")
    _make_wide(notebook)
    [complaint] = labdriver.complaints_of_screen(notebook, cell)
    assert re.search(r"the widget is \d{3,4} pixels tall, \d{3} are seen", complaint)
    _make_narrow(notebook)
    [complaint] = labdriver.complaints_of_text(notebook, cell)
    assert "text of 4.4 pixels" in complaint, complaint


def test_a_control_that_waits_for_another_is_not_called_dead(pilot):
    notebook, cell, _ = pilot("sleeping_control")
    assert labdriver.complaints_of_controls(notebook, cell) == []


def test_a_failing_cell_is_found_out(pilot):
    _, cell, complaints = pilot("cell_fails")
    assert any(f"cell {cell}: ZeroDivisionError" in one for one in complaints)


def test_the_kernel_runs_this_python(pilot):
    notebook, cell, _ = pilot("good")
    notebook.type_cell(cell, "import sys; print(sys.executable)")
    assert notebook.run_cell(cell).strip() == sys.executable


def test_an_answer_that_is_lost_costs_a_second_run_and_not_for_ever(lab):
    notebook = lab.again("pilots/pilots.ipynb")
    never = "() => { jupyterapp.commands.execute = () => new Promise(() => {}); }"
    notebook.page.evaluate(never)
    cell = pilots.place("good")
    assert notebook.run_all(silent=5, only=[0, cell])
    assert notebook.errors(cell) == [] and notebook.controls(cell)


# --------------------------------------------------------- the notebooks themselves


@pytest.fixture(scope="module", params=_tagged("widget"))
def ran(request, lab):
    """Open one notebook, and run its widgets and what they rest on, once for all."""
    notebook = lab(f"notebooks/{request.param}.ipynb")
    notebook.page.evaluate("() => cnnlab.unfold()")  # optional sections
    needed = labdriver.needed_by_widgets(notebook.cells())
    notebook.complaints = labdriver.complaints_of_run(notebook, needed)
    return notebook


def _over_widgets(notebook, check) -> list[str]:
    cells = notebook.widget_cells()
    assert cells
    return [complaint for cell in cells for complaint in check(notebook, cell)]


def test_widgets_and_their_cells_run_and_nothing_leaves_the_machine(ran):
    assert ran.complaints == []


def test_every_control_has_a_name(ran):
    assert _over_widgets(ran, labdriver.complaints_of_names) == []


def test_every_control_moves_its_widget_and_none_shows_an_error(ran):
    assert _over_widgets(ran, labdriver.complaints_of_controls) == []


def test_widgets_are_readable_in_the_dark_theme(ran):
    _switch_theme(ran, DARK)
    try:
        assert _over_widgets(ran, labdriver.complaints_of_contrast) == []
    finally:
        _switch_theme(ran, "JupyterLab Light")


def test_picture_and_controls_fit_on_one_screen(ran):
    _make_wide(ran)
    assert _over_widgets(ran, labdriver.complaints_of_screen) == []


def test_at_480_pixels_nothing_is_cut_off_and_all_text_can_be_read(ran):
    _make_narrow(ran)
    assert _over_widgets(ran, labdriver.complaints_of_width) == []
    found = [labdriver.complaints_of_text(ran, i) for i in range(len(ran.cells()))]
    assert sum(found, []) == []


# ------------------------------------------------------------------- what is folded


@pytest.mark.parametrize("name", _tagged("answer")[:1])
def test_a_prediction_stays_one_until_its_cell_runs(lab, name):
    notebook = lab(f"notebooks/{name}.ipynb")
    page, cells = notebook.page, notebook.cells()
    answers = [i for i, cell in enumerate(cells) if "answer" in cell["tags"]]
    code = [i for i in answers if cells[i]["type"] == "code"]
    assert len(code) >= 3 and all(cells[i]["outputHidden"] for i in code)
    for i in sorted(set(answers) - set(code)):
        page.evaluate("i => cnnlab.panel().content.scrollToItem(i)", i)
        page.wait_for_timeout(300)  # a cell out of view is rendered when it is reached
        shown = notebook.cells()[i]
        assert shown["folds"] == 1 and shown["unfolded"] == 0
    for i in (i for i, cell in enumerate(cells) if "proof" in cell["tags"]):
        assert cells[i]["sourceHidden"]
    for i in range(code[0] + 1):
        if cells[i]["type"] == "code":
            notebook.run_cell(i)
    after = notebook.cells()
    assert not after[code[0]]["outputHidden"]  # JupyterLab opens what has run
    assert all(after[i]["outputHidden"] for i in code[1:])
    assert notebook.page.evaluate("i => cnnlab.outputText(i)", code[0]).strip()


def test_optional_sections_start_folded_and_run_all_the_same(lab):
    notebook = lab("pilots/folded.ipynb")
    folded = [c["headingFolded"] for c in notebook.cells() if "optional" in c["tags"]]
    assert folded == [True]
    assert notebook.run_all()
    shown = [notebook.page.evaluate("i => cnnlab.outputText(i)", i) for i in (2, 4)]
    assert [text.strip()[:4] for text in shown] == ["3.14", "2.71"]


# ------------------------------------------------------------- a learner's answers


def _written(notebook) -> list[tuple[int, str, int]]:
    """Return (cell, function, cell of its check) of the exercises to be written."""
    from cnnlab import checks

    cells = notebook.cells()
    found = []
    for index, cell in enumerate(cells):
        name = re.match(r"def (\w+)\(", cell["source"])
        if "exercise" in cell["tags"] and name:
            if checks.EXERCISES[name[1]].kind != "write":
                continue
            check = next(
                later
                for later in range(index + 1, len(cells))
                if cells[later]["type"] == "code"
                and cells[later]["source"].startswith(f"checks.{name[1]}(")
            )
            found.append((index, name[1], check))
    return found


@pytest.mark.parametrize("name", _tagged("exercise")[:1])
def test_a_learner_gets_verdicts_on_wrong_and_right_answers(lab, name):
    from cnnlab import checks

    notebook = lab.again(f"notebooks/{name}.ipynb")
    cell, function, check = _written(notebook)[0]
    first = next(i for i, one in enumerate(notebook.cells()) if one["type"] == "code")
    assert notebook.run_all(only=[first, cell, check])
    exercise = checks.EXERCISES[function]
    assert "not attempted" in notebook.page.evaluate("i => cnnlab.outputText(i)", check)
    forgetful = f"def {function}(*args, **kwargs):\n    answer = args"
    notebook.type_cell(cell, forgetful)
    verdict = notebook.run_cell(check)
    assert verdict.startswith(f"✗ {function}: wrong type"), verdict
    endless = f"def {function}(*args, **kwargs):\n    while True:\n        pass"
    notebook.type_cell(cell, endless)
    verdict = notebook.run_cell(check)
    assert verdict.startswith(f"✗ {function}: too costly"), verdict
    module = exercise.reference.__module__
    name_there = exercise.reference.__name__
    notebook.type_cell(cell, f"from {module} import {name_there} as {function}")
    verdict = notebook.run_cell(check)
    assert verdict.startswith(f"✓ {function}: correct"), verdict
    assert f"run yours, as yours.{function}" in verdict
    assert notebook.console + notebook.requests == []
