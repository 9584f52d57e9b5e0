"""Measure how long a key press takes to change the pixels of 64 small images.

    python benchmarks/widget_latency.py

Three ways to draw the same 64 images (generated scenes, 32 x 32, which a slider dims)
in real JupyterLab and Chromium:
the course's own (one PNG by ``mosaic_png``), 64 Matplotlib axes drawn into a PNG,
and 64 axes redrawn into an ``Output`` as ``interactive_output`` does. The clock runs
in the page, from the key's event until the frame with the new picture was painted.
Goal: a median of at most 50 ms for the first. Beside them one step of the moving
pictures of notebooks 04 to 10, each with its own goal. Blocks of presses are
interleaved, so that a busy moment hits every row alike.
"""

import itertools
import statistics
import sys
import tempfile
from pathlib import Path

import nbformat

from cnnlab.course import records

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "browser"))

import labdriver

PRESSES, BLOCK, GOAL_MS = 24, 6, 50
RIGHT, TURNS = ("ArrowRight",), ("ArrowRight", "ArrowLeft")

HEAD = """
import ipywidgets as w
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display

from cnnlab import landscapes, lenet, plots, scenes, widgets

plots.style()
base = scenes.generate(64, seed=0)[0].mean(axis=1)  # (64, 32, 32)

def maps(k):
    return (base * (1 - k / 400)).astype(np.uint8)

def mosaic(k):
    return plots.Picture(plots.mosaic_png(maps(k), cmap="viridis"), f"64 maps, k = {k}")

def axes(k):
    return plots.Picture(plots.png(plots.image_grid(maps(k))), f"64 maps, k = {k}")

def redraw(k):
    plots.image_grid(maps(k))
    plt.show()
"""

CELLS = {
    "mosaic_png": 'widgets.Explorer(mosaic, {"k": widgets.number("k", 3, 0, 200)})',
    "axes_to_png": 'widgets.Explorer(axes, {"k": widgets.number("k", 3, 0, 200)})',
    "axes_to_output": """
%matplotlib inline
slider = w.IntSlider(value=3, min=0, max=200)
display(w.VBox([slider, w.interactive_output(redraw, {"k": slider})]))
""",
}

# notebook: (cell, control that is moved, or controls in turn, keys in turn, goal in ms)
LESSONS = {
    "04 valley": (
        'widgets.valley_explorer({"a valley": landscapes.valley()})',
        "rate", TURNS, 50,
    ),
    "05 perceptron": (
        """
corners = np.array([[-1, -1], [1, 1], [-1, 1], [1, -1]]), np.array([0, 0, 1, 1])
widgets.perceptron_explorer({"corners": (*corners, ("first", "second"))})
""",
        "errors mended", TURNS, 50,
    ),
    "06 graph": (
        """
formula, values = "(t - tanh(w*x + v*y + b))**2", "t=1, w=2, x=-1, v=1, y=3, b=0.5"
widgets.graph_explorer(formula, values, 9)
""",
        "step", TURNS, 100,
    ),
    "07 convolution": ("widgets.conv_explorer()", "place", TURNS, 50),
    "08 receptive field": (
        'widgets.field_explorer("conv 3, pool 2, conv 3, pool 2, conv 3", "chelsea")',
        "layer", TURNS[::-1], 50,
    ),
    "10 drawing": (
        'widgets.drawing_board({"MNIST": lenet.stored()}, "3")',
        ("left", "right"), ("Enter",), 100,
    ),
    "11 boxes": ("widgets.anatomy_explorer()", "images at a time", TURNS, 50),
}  # fmt: skip

CLOCK = """i => {
  const cell = cnnlab.panel().content.widgets[i].node;
  window.clock = new Promise(done => {
    let start = null;
    const key = event => { start ??= performance.now(); };
    window.addEventListener("keydown", key, { capture: true, once: true });
    setTimeout(() => done(null), 20000);
    const seen = new MutationObserver(async changes => {
      const image = changes.flatMap(one => [one.target, ...one.addedNodes])
        .map(one => one.matches?.("img") ? one : one.querySelector?.("img"))
        .find(one => one && one.src);
      if (!image || start === null) return;
      await image.decode().catch(() => null);
      requestAnimationFrame(() => {  // the frame that shows it; then after its paint
        const channel = new MessageChannel();
        channel.port1.onmessage = () => {
          seen.disconnect();
          done(performance.now() - start);
        };
        channel.port2.postMessage(0);
      });
    });
    seen.observe(cell, { subtree: true, childList: true, attributeFilter: ["src"] });
  });
}"""


def press(notebook, cell: int, slider: int, key: str = "ArrowRight") -> float:
    """Press a key once; return milliseconds until new pixels are seen."""
    before = notebook.look(cell)
    notebook.page.evaluate(CLOCK, cell)
    notebook.press(cell, slider, [key])
    spent = notebook.page.evaluate("() => window.clock")
    notebook.page.wait_for_timeout(150)
    if spent is None or notebook.look(cell) == before:
        raise RuntimeError(f"cell {cell}: the picture did not change")
    return spent


def measure(notebook) -> dict[str, list[float]]:
    """Return the milliseconds of every press, by way of drawing and by lesson."""
    notebook.run_all()
    moves = {}
    for cell, name in enumerate([*CELLS, *LESSONS], start=1):
        controls, keys = notebook.controls(cell), RIGHT
        if name in CELLS:
            found = [[one["kind"] for one in controls].index("slider")]
        else:
            _, labels, keys, _ = LESSONS[name]
            found = [
                next(
                    n for n, one in enumerate(controls)
                    if one["label"] == label and one["kind"] in ("slider", "button")
                )
                for label in ([labels] if isinstance(labels, str) else labels)
            ]  # fmt: skip
        turns = itertools.cycle(found), itertools.cycle(keys)
        moves[name] = zip(itertools.repeat(cell), *turns, strict=False)
        press(notebook, *next(moves[name]))  # the first is never counted
    times = {name: [] for name in moves}
    for _ in range(PRESSES // BLOCK):
        for name, turns in moves.items():
            times[name] += [press(notebook, *next(turns)) for _ in range(BLOCK)]
    return times


def main() -> None:
    reason = labdriver.missing()
    if reason:
        sys.exit(f"widget_latency: {reason}")
    texts = [HEAD, *CELLS.values(), *(one[0] for one in LESSONS.values())]
    cells = [nbformat.v4.new_code_cell(text) for text in texts]
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        (scratch / "served").mkdir()
        kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
        sheet = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
        nbformat.write(sheet, scratch / "served" / "grid.ipynb")
        with (
            labdriver.server(scratch / "served", scratch) as (url, token),
            labdriver.browser(scratch, height=1400) as page,
        ):
            notebook = labdriver.Notebook(page, url, token)
            notebook.open("grid.ipynb")
            times = measure(notebook)
            browser = page.context.browser.version if page.context.browser else ""
            notebook.close()
    report(times, browser)


def report(times: dict[str, list[float]], browser: str) -> None:
    """Print the tables and store them."""
    ours = statistics.median(times["mosaic_png"])
    tables = {"ways": {}, "lessons": {}}
    print(f"{'':20} {'median ms':>10} {'min':>6} {'max':>6} {'goal':>6}")
    for name, found in times.items():
        middle = statistics.median(found)
        row = {
            "presses": len(found),
            "median_ms": round(middle, 1),
            "min_ms": round(min(found), 1),
            "max_ms": round(max(found), 1),
        }
        if name in CELLS:
            goal = GOAL_MS if name == "mosaic_png" else ""
            tables["ways"][name] = {**row, "times_mosaic": round(middle / ours, 2)}
        else:
            goal = LESSONS[name][3]
            tables["lessons"][name] = {**row, "goal_ms": goal}
        print(f"{name:20} {middle:10.1f} {min(found):6.1f} {max(found):6.1f} {goal:>6}")
    payload = {"goal_ms": GOAL_MS, "browser": browser, **tables}
    path = records.write("widget_latency", payload)
    print(f"stored in results/{path.name}")


if __name__ == "__main__":
    main()
