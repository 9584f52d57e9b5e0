"""Small widgets that are right or wrong in one known way, to test the tests.

All stand in one notebook: opening one costs more than all of them.
"""

from pathlib import Path

import nbformat

HEAD = """
import ipywidgets as w
import numpy as np

from cnnlab import plots, widgets

def render(k=3, metric="L1", flip=False):
    if k == 6:
        raise ValueError("k = 6 is left out on purpose.")
    base = np.arange(64 * 64 * 4).reshape(4, 64, 64)
    base = base // 3 * (k + 5 * (metric == "L1")) + 90 * flip
    images = (base % 256).astype(np.uint8)
    return plots.Picture(plots.mosaic_png(images), f"k = {k}, {metric}, {flip}")

def fresh():
    return dict(
        k=widgets.number("k", 3, 1, 9),
        metric=widgets.choice("metric", ["L1", "L2"]),
        flip=widgets.tick("flip"),
    )
"""

PILOTS = {
    "good": "widgets.Explorer(render, fresh())",
    "cell_fails": "widgets.Explorer(render, fresh())\n1 / 0",
    "bad_callbacks": """
def fails(k, metric, flip):
    if k > 4:
        raise KeyError("no such neighbour")
    return render(k, "L1", flip)

controls = fresh()
controls["flip"].observe(lambda change: [][1], names="value")
widgets.Explorer(fails, controls)
""",
    "sleeping_control": """
def asleep(k, metric, flip):
    return render(k, metric if k > 3 else "L1", flip)

widgets.Explorer(asleep, fresh())
""",
    "bad_sizes": """
import matplotlib.pyplot as plt

def poster(k, metric, flip):
    figure, ax = plt.subplots(figsize=(8.0, 9.0))
    ax.set_title("small print", fontsize=7)
    return plots.Picture(plots.png(figure), f"{k}, {metric}, {flip}")

widgets.Explorer(poster, fresh())
""",
    "bad_looks": """
controls = fresh()
controls["k"].box.layout = w.Layout(min_width="700px")
controls["j"] = w.IntSlider(value=3, min=1, max=5)
foreign = w.HTML("<img src='http://cnnlab.invalid/x.png' alt=''>")
faint = w.HTML("<b style='color:#e0e0e0;background:#ffffff'>hardly seen</b>")

def ignores(j, **state):
    return render(**state)

widgets.Explorer(ignores, controls, extra=(foreign, faint))
""",
}


FOLDED = {"tags": ["optional"], "jp-MarkdownHeadingCollapsed": True}  # by build.py


def place(name: str) -> int:
    """Return the position of a pilot's cell in ``pilots.ipynb``."""
    return 1 + list(PILOTS).index(name)


def write_all(folder: Path) -> None:
    """Write the unexecuted notebooks ``pilots`` and ``folded`` into ``folder``."""
    folder.mkdir(parents=True)
    code, words = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell
    tagged = {"tags": ["widget"]}
    notebooks = {
        "pilots": [
            code(HEAD.strip()),
            *(code(source.strip(), metadata=tagged) for source in PILOTS.values()),
        ],
        "folded": [
            code("import math"),
            words("## Optional: more", metadata=FOLDED),
            code("print(math.pi)"),
            words("## Seen"),
            code("print(math.e)"),
        ],
    }
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    for name, cells in notebooks.items():
        sheet = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
        nbformat.write(sheet, folder / f"{name}.ipynb")
