"""The one recipe behind every widget: controls around a pure ``render`` function.

``render(**state)`` returns a :class:`cnnlab.plots.Picture`. It is called with the
initial state once, and that still picture is what a reader without a kernel sees;
then again whenever a control moves. Pictures go to the browser as PNG bytes.
"""

import html
import os
from collections.abc import Callable

import ipywidgets as w

from cnnlab.plots import Picture

WIDEST = "560px"  # of a control; narrower where the page is
STYLE = {"description_width": "initial"}


def strict() -> bool:
    """Say whether errors in callbacks are raised again, as the tests want it."""
    return os.environ.get("CNNLAB_STRICT") == "1"


def choice(label: str, options, value=None) -> w.Dropdown:
    """Return a labelled list to choose from; ``options`` as for ``Dropdown``."""
    names = [one[1] if isinstance(one, tuple) else one for one in options]
    start = names[0] if value is None else value
    return w.Dropdown(
        options=options,
        value=start,
        description=label,
        style=STYLE,
        layout=w.Layout(width="auto", max_width=WIDEST),
    )


def tick(label: str, value: bool = False) -> w.Checkbox:
    """Return a labelled box to tick."""
    return w.Checkbox(
        value=value,
        description=label,
        indent=False,
        layout=w.Layout(width="auto", max_width="100%"),
    )


class Number(w.HBox):
    """A slider and a number box that move together; ``.value`` is theirs.

    A bare slider has no name that a screen reader could speak; the box has one.
    """

    def __init__(self, label, value, low, high, step=1, continuous=True):
        whole = all(isinstance(number, int) for number in (value, low, high, step))
        slider = w.IntSlider if whole else w.FloatSlider
        box = w.BoundedIntText if whole else w.BoundedFloatText
        shared = {"value": value, "min": low, "max": high, "step": step}
        self.slider = slider(
            **shared,
            readout=False,
            continuous_update=continuous,
            layout=w.Layout(width="auto", flex="1 1 120px", min_width="80px"),
        )
        self.box = box(
            **shared,
            description=label,
            style=STYLE,
            layout=w.Layout(width="auto", flex="0 1 auto", max_width="100%"),
        )
        # sliders in the browser turn 3.2 into 3.1999999999999997
        self._digits = 0 if whole else _decimals(step)
        self._link = w.link(
            (self.slider, "value"), (self.box, "value"), (self._round, self._round)
        )
        super().__init__(
            [self.box, self.slider],
            layout=w.Layout(width="100%", max_width=WIDEST, flex_flow="row wrap"),
        )

    def _round(self, value):
        return round(value, self._digits) if self._digits else value

    @property
    def value(self):
        return self._round(self.slider.value)

    @value.setter
    def value(self, value):
        self.slider.value = value

    def observe(self, handler, names="value", **options):
        if names == "value":
            self.slider.observe(handler, names=names, **options)
        else:
            super().observe(handler, names=names, **options)


number = Number


def _decimals(step: float) -> int:
    """Return how many decimals a step such as 0.05 needs."""
    return len(f"{step:.10f}".rstrip("0").partition(".")[2])


class Explorer(w.VBox):
    """Controls, a picture, a sentence; and errors where the learner sees them.

    Parameters
    ----------
    render : ``render(**state) -> Picture``; its text is shown below the controls
    controls : name of a parameter of ``render`` -> a control with ``.value``
    extra : further widgets (buttons and the like) shown below the controls
    width : CSS width of the picture, or None for its own
    title : a short heading

    A setting that cannot be drawn is a ``ValueError`` from ``render``: its text is
    shown, and the last good picture stays. Any other error is shown with its type.
    Set the environment variable ``CNNLAB_STRICT=1`` to have errors raised as well.
    """

    def __init__(
        self,
        render: Callable[..., Picture],
        controls: dict,
        extra: tuple = (),
        width: str | None = None,
        title: str = "",
    ):
        self._render = render
        self.controls = controls
        still = render(**self.state())
        self.still = still
        self.image = w.Image(value=still.data, format="png")
        # a box would stretch it to the page's width; large pixels say nothing more
        self.image.layout = w.Layout(
            width=width or "auto",
            max_width="100%",
            align_self="flex-start",
            margin="0",  # 100 % and a margin would be cut off at the right
        )
        self.text = w.HTML(_sentence(still.alt))
        self.status = w.HTML("")
        head = [w.HTML(f"<b>{html.escape(title)}</b>")] if title else []
        panel = w.VBox([*head, *controls.values(), *extra, self.text])
        shown = w.VBox([self.status, self.image])
        # side by side where there is room, so that cause and effect are seen together
        panel.layout = w.Layout(flex="1 1 240px", min_width="0", max_width=WIDEST)
        shown.layout = w.Layout(flex="0 1 auto", min_width="0", max_width="100%")
        self.both = w.HBox([panel, shown])
        self.both.layout = w.Layout(flex_flow="row wrap", grid_gap="8px", margin="0")
        super().__init__([self.both])
        self.layout.max_width = "100%"
        for control in controls.values():
            control.observe(lambda change: self.update(), names="value")

    def state(self) -> dict:
        """Return the value of every control by name."""
        return {name: control.value for name, control in self.controls.items()}

    def update(self) -> None:
        """Draw the present state; show what went wrong instead of swallowing it."""
        with showing_errors(self.status):
            picture = self._render(**self.state())
            self.image.value = picture.data
            self.text.value = _sentence(picture.alt)

    def _repr_mimebundle_(self, **options):
        return with_still(super()._repr_mimebundle_(**options), self.still)


def with_still(bundle, still: Picture):
    """Return a widget's mime bundle with a still picture added to it.

    The still is what a reader without a kernel sees in the widget's place.
    """
    data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
    still_data, still_metadata = still._repr_mimebundle_()
    return {**data, **still_data}, {**metadata, **still_metadata}


class showing_errors:
    """Context: write an error into an ``HTML`` widget instead of losing it."""

    def __init__(self, status: w.HTML):
        self.status = status

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if error is None:
            self.status.value = ""
            return False
        if not isinstance(error, Exception):
            return False
        named = "" if isinstance(error, ValueError) else f"{kind.__name__}: "
        text = html.escape(f"{named}{error}")
        self.status.value = f"<span role='alert'><b>Not possible.</b> {text}</span>"
        return not strict() or isinstance(error, ValueError)


def _sentence(text: str) -> str:
    return f"<span aria-live='polite'>{html.escape(text)}</span>"
