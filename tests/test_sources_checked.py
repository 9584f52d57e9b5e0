"""Appendix A: thirteen places, each found in its source, computed and put right."""

import re
from pathlib import Path

import nbformat
import numpy as np
import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"
NAME = "A_sources_checked"
PLACES = range(1, 14)
# What a section quotes from or names of its source, and a number only a cell can give.
WANTED = {
    1: ("CSE634", ["456", "360", "12.9"]),
    2: ("CS231B", ["5.27", "2.759", "23.17"]),
    3: ("CSE634", ["20.00", "-1.00"]),
    4: ("CSE634", ["37.5", "17.0", "16.4", "False"]),
    5: ("CSE634", ["290,400", "69,984"]),
    6: ("CS231B", ["105,705,600", "34,944", "3,025"]),
    7: ("Wiki", ["54.25", "49,430,888", "60,965,224"]),
    8: ("CS231B", ["724,406,816", "665,784,864", "670,279,808", "659,272"]),
    9: ("CSE634", ["2,048", "2,178"]),
    10: ("CNN-deck", ["60,965,224", "62,378,344", "9,216", "1,800"]),
    11: ("Wiki", ["47.6", "0.21"]),
    12: ("CNN-deck", ["[2, -17, -6, 20]", "[-2, 17, 6, -20]", "86%", "99.0%"]),
    13: ("CNN-deck", ["1,261,406", "150,000", "100,000"]),
}


@pytest.fixture(scope="module")
def notebook():
    return nbformat.read(FOLDER / f"{NAME}.ipynb", as_version=4)


@pytest.fixture(scope="module")
def sections(notebook):
    """Return number -> (heading, cells) of the thirteen sections."""
    found, current = {}, []
    for cell in notebook.cells:
        heading = re.match(r"## (.*)", cell.source)
        if heading and cell.cell_type == "markdown":
            number = re.match(r"(\d+)\. ", heading[1])
            current = []
            if number:
                found[int(number[1])] = heading[1], current
        current.append(cell)
    return found


def _tags(cell) -> list[str]:
    return cell.metadata.get("tags", [])


def _visible(cells) -> list:
    code = [cell for cell in cells if cell.cell_type == "code"]
    return [cell for cell in code if "proof" not in _tags(cell)]


def _prose(cells) -> str:
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def _printed(cells) -> str:
    outputs = [out for cell in cells if "outputs" in cell for out in cell.outputs]
    return "".join(out.text for out in outputs if out.output_type == "stream")


def test_thirteen_sections_in_order_each_with_source_cell_proof_and_verdict(sections):
    assert list(sections) == list(PLACES)
    for number, (_, cells) in sections.items():
        source, numbers = WANTED[number]
        prose = _prose(cells)
        assert "**Printed" in prose and "**True" in prose, number
        assert re.search(rf"\*\*Printed[^\n]*{source}", prose), number
        assert 1 <= len(_visible(cells)) <= 3
        assert any("assert" in c.source for c in cells if "proof" in _tags(c)), number
        for wanted in numbers:
            assert wanted in _printed(cells), f"{number}: {wanted}"


def test_exact_counts_in_a_verdict_are_printed_by_a_cell_of_its_section(sections):
    """A count with thousands separators is computed, not typed."""
    for number, (_, cells) in sections.items():
        text = _prose(cells)
        verdicts = "\n".join(re.findall(r"\*\*True.*", text))
        for count in re.findall(r"\b\d{1,3}(?:,\d{3})+\b", verdicts):
            assert count in _printed(cells) or count in _given(text), (number, count)


def _given(text: str) -> str:
    """Return what the section says that its sources print."""
    return "\n".join(re.findall(r"\*\*Printed.*", text)) + " 34,848 253,440 "


def test_the_table_leads_to_every_section_and_to_the_lessons_there_are(
    notebook, sections
):
    text = _prose(notebook.cells[:4])
    rows = re.findall(r"^\| \[(\d+)\]\(#(\S+)\) \|.*\| (.+) \|$", text, re.M)
    assert [int(number) for number, _, _ in rows] == list(PLACES)
    for number, anchor, lessons in rows:
        heading = sections[int(number)][0]
        # JupyterLab and nbconvert make this anchor of a heading; plain text only
        assert re.fullmatch(r"[\w., ]+", heading), heading
        assert anchor == heading.replace(" ", "-")
        for lesson in lessons.split(", "):
            assert re.search(r"\d\d", lesson), lessons
            for target in re.findall(r"\((.+)\)", lesson):
                assert (FOLDER / target).exists(), target


def test_only_a_few_words_are_quoted_at_a_time(notebook):
    for quoted in re.findall(r"[\"“]([^\"“”]+)[\"”]", _prose(notebook.cells)):
        assert len(quoted.split()) <= 12, quoted


def test_length_is_that_of_an_appendix(notebook):
    prose = re.sub(r"\$[^$]*\$|\]\([^)]*\)", " ", _prose(notebook.cells))
    code = _visible(notebook.cells)
    lines = [[x for x in cell.source.splitlines() if x.strip()] for cell in code]
    assert len(notebook.cells) <= 70
    assert len(re.findall(r"\w[\w’'.,%-]*", prose)) <= 2600
    assert sum(map(len, lines)) <= 320 and max(map(len, lines[1:])) <= 12
    assert not any("assert" in cell.source for cell in code)
    assert "plots.style()" in code[0].source


def test_opening_and_closing_say_what_for_how_long_and_where_from(notebook):
    opening, closing = _prose(notebook.cells[:1]), _prose(notebook.cells[-2:])
    assert opening.startswith("# A · The sources, checked")
    assert "**What this is for.**" in opening and "**Time:**" in opening
    for source in ("CSE634", "CS231B", "Wiki", "CNN-deck", "Chaganti"):
        assert f"**{source}**:" in closing


def test_proof_cells_print_nothing_and_figures_are_few(notebook):
    figures = [
        out
        for cell in notebook.cells
        for out in cell.get("outputs", [])
        if "image/png" in out.get("data", {})
    ]
    assert 1 <= len(figures) <= 3
    assert not any(c.outputs for c in notebook.cells if "proof" in _tags(c))


# ------------------------------------------------------------- by other means


def test_convolution_of_the_deck_by_a_second_engine():
    signal = pytest.importorskip("scipy.signal")
    rows = ["517781", "725781", "535442", "443321", "334781", "578231"]
    image = np.array([[int(digit) for digit in row] for row in rows])
    kernel = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]])
    slid = signal.correlate2d(image, kernel, "valid")
    assert slid[0].tolist() == [2, -17, -6, 20]
    assert (signal.convolve2d(image, kernel, "valid") == -slid).all()


def test_connections_without_border_zeros_by_arithmetic():
    # inputs inside the image, along one axis: all windows less what hangs over
    conv1 = (55 * 11 - 3) ** 2 * 3 * 96
    conv2 = (27 * 5 - 2 * (1 + 2)) ** 2 * 48 * 256
    deeper = (13 * 3 - 2) ** 2 * (256 * 384 + 192 * 384 + 192 * 256)
    linear = 9216 * 4096 + 4096 * 4096 + 4096 * 1000
    assert conv1 + conv2 + deeper == 611_657_856
    assert conv1 + conv2 + deeper + linear == 670_279_808


def test_swapping_within_blocks_changes_no_pooled_map():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (6, 8))
    swapped = image.reshape(6, 4, 2)[:, :, ::-1].reshape(6, 8)
    blocks = [one.reshape(3, 2, 4, 2) for one in (image, swapped)]
    assert not np.array_equal(image, swapped)
    for reduce in (np.max, np.mean, np.min):
        assert np.array_equal(*(reduce(one, axis=(1, 3)) for one in blocks))
