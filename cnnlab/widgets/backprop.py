"""Widgets of notebook 06: type a formula, and step its numbers forward and back."""

import html
import math

import ipywidgets as w

from cnnlab import expressions, scalar
from cnnlab import plots as p
from cnnlab.widgets._base import STYLE, WIDEST, Explorer, number, showing_errors

FORMULA, VALUES = "tanh(w * x + b)", "w = 2, x = -1, b = 3"


def stepped(formula=FORMULA, values=VALUES, step=None, backward=scalar.backward):
    """Draw the graph of a typed formula after some steps, forward and then back.

    Parameters
    ----------
    formula : such as ``"tanh(w * x + b)"``
    values : such as ``"w = 2, x = -1, b = 3"``
    step : from 0; None is the last
    backward : a function of ``(graph, output)``, such as a learner's
    """
    output, names = expressions.parse(formula, expressions.read_values(values))
    nodes, graph = scalar.graph_of(output)
    last = p.steps_of(output)
    step = last if step is None else min(step, last)
    blame = [float(one) for one in backward(graph, 0)]
    for node, one in zip(nodes, blame, strict=True):
        if not math.isfinite(one):
            name = next((key for key, value in names.items() if value is node), "")
            whose = name or f"the step with the result {node.data:g}"
            raise ValueError(f"The blame of {whose} is too large for a number.")
    return p.graph_board(output, names, step, blame)


class GraphExplorer(Explorer):
    """An `Explorer` whose number of steps follows the formula."""

    def __init__(
        self, formula=FORMULA, values=VALUES, step=0, backward=scalar.backward
    ):
        def render(formula, values, step):
            return stepped(formula, values, step, backward)

        last = _last_step(formula, values)
        controls = {
            "formula": _text("formula", formula),
            "values": _text("values", values),
            "step": number("step", step, 0, last),
        }
        self._good = formula, values
        super().__init__(render, controls)

    def update(self) -> None:
        """Draw the present state; of a faulty text tell why, and keep the last good."""
        formula, values, step = self.state().values()
        with showing_errors(self.status):
            try:
                last = _last_step(formula, values)
                picture = self._render(formula, values, min(step, last))
            except ValueError:
                self._show(self._render(*self._good, step))
                raise
            self._good = formula, values
            self._show(picture)
            both = self.controls["step"]
            if both.slider.max != last:
                both.slider.max = both.box.max = last  # a value above it is cut off

    def _show(self, picture) -> None:
        self.image.value = picture.data
        self.text.value = f"<span aria-live='polite'>{html.escape(picture.alt)}</span>"


def graph_explorer(formula=FORMULA, values=VALUES, step=0, backward=scalar.backward):
    """Return fields for a formula and its numbers, and the steps through its graph."""
    return GraphExplorer(formula, values, step, backward)


def _last_step(formula: str, values: str) -> int:
    output, _ = expressions.parse(formula, expressions.read_values(values))
    return p.steps_of(output)


def _text(label: str, value: str) -> w.Text:
    """Return a labelled field that is read when it is left, or at Enter."""
    return w.Text(
        value=value,
        description=label,
        style=STYLE,
        continuous_update=False,
        layout=w.Layout(width="auto", max_width=WIDEST),
    )
