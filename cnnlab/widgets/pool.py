"""The widget of notebook 08: click a unit of any layer, and see what it sees."""

import functools
import html

import ipywidgets as w

from cnnlab import data, fields, shapes
from cnnlab import plots as p
from cnnlab.plots.pool import PHOTO, WIDTH
from cnnlab.widgets._base import (
    STYLE,
    WIDEST,
    Explorer,
    choice,
    number,
    showing_errors,
    tick,
)

STACK = "conv 3, pool 2, conv 3, pool 2, conv 3"
SIDE = 128  # pixels of the photograph
CLICKS = 12  # places to click, each way
SHOWN = ("chelsea", "astronaut", "coffee", "china", "flower", "rocket")


@functools.cache
def _photos() -> dict:
    """Return name -> uint8 (3, SIDE, SIDE)."""
    everything = data.load("photos", size=SIDE)
    return dict(zip(everything.classes, everything.images, strict=True))


def _spans(layers, receptive_field):
    """Return (size, jump, start) of the image itself and of every layer."""
    rows = [layer.row for layer in layers]
    found = [(1, 1, 0)]
    for count in range(1, len(rows) + 1):
        size, jump, start = receptive_field(rows[:count])
        found.append((int(size), int(jump), int(start)))
    return found


def _sides_of(text: str):
    """Return the layers of a text and the sides of their maps, or say what is wrong."""
    layers = fields.read_stack(text)
    if not layers:
        raise ValueError("The stack has no layer yet. Write, for example, conv 3.")
    try:
        return layers, fields.map_sizes(SIDE, layers)
    except ValueError:
        raise ValueError(
            f"This stack sees more than the {SIDE} pixels of the photograph: a window "
            "does not fit any more. Take away a layer, or make windows or strides "
            "smaller."
        ) from None


def traced(photo="chelsea", stack=STACK, layer=None, row=None, column=None,
           effective=True, receptive_field=shapes.receptive_field):  # fmt: skip
    """Draw the receptive field of one unit on a photograph of 128 × 128 pixels.

    Parameters
    ----------
    photo : a name of `data.photo_names`
    stack : such as ``"conv 3, pool 3/2"``
    layer : 0 is the photograph; None is the last
    row, column : of the unit in the map of its layer; None is the middle
    effective : whether to measure how much each pixel counts
    receptive_field : such as a learner's
    """
    layers, sides = _sides_of(stack)
    layer = len(layers) if layer is None else min(layer, len(layers))
    n = sides[layer]
    row = n // 2 if row is None else min(row, n - 1)
    column = n // 2 if column is None else min(column, n - 1)
    size, jump, start = _spans(layers, receptive_field)[layer]
    image = _photos()[photo]
    top, left = start + jump * row, start + jump * column
    if not (size >= 1 and 0 <= min(top, left) and max(top, left) + size <= SIDE):
        raise ValueError(
            f"A field of {size} pixels from {top}, {left} on lies outside of the "
            "photograph: is receptive_field right?"
        )
    beside = (top, left + jump) if column + 1 < n else None
    place = "the photograph" if layer == 0 else f"layer {layer}, {layers[layer - 1]}"
    alt = (
        f"Unit ({row}, {column}) of {place}, sees {size} × {size} pixels from "
        f"({top}, {left}) on."
    )
    if beside:
        alt += f" Its right neighbour (blue): {jump} further."
    field = None
    if effective and layer:
        patch = image[:, top : top + size, left : left + size] / 255
        field = fields.effective_field(patch, layers[:layer])
        share = fields.middle_share(field)
        alt += f" The middle quarter has {share:.0%} of the gradient."
    return p.field_board(image, (top, left, size), beside, field, alt)


class FieldExplorer(Explorer):
    """An `Explorer` with places to click on the photograph.

    The layers follow the text, and rows and columns the layer. A click chooses the
    unit whose field lies nearest; the number boxes do the same by keyboard.
    """

    def __init__(self, stack=STACK, photo="chelsea",
                 receptive_field=shapes.receptive_field):  # fmt: skip
        self._field = receptive_field
        self._good = stack

        def render(**state):
            return traced(**state, receptive_field=receptive_field)

        layers, sides = _sides_of(stack)
        last = sides[-1] - 1
        controls = {
            "photo": choice("photograph", list(dict.fromkeys((photo, *SHOWN))), photo),
            "stack": w.Text(
                value=stack, description="stack", style=STYLE, continuous_update=False,
                layout=w.Layout(width="auto", max_width=WIDEST),
            ),
            "layer": number("layer", len(layers), 0, len(layers)),
            "row": number("row", (last + 1) // 2, 0, last),
            "column": number("column", (last + 1) // 2, 0, last),
            "effective": tick("measure the effective field", True),
        }  # fmt: skip
        self.table = w.HTML()
        self._quiet = False
        super().__init__(render, controls, extra=(self.table,))
        shown = self.both.children[1]
        shown.children = (self.status, _over(self.image, self._places()))
        self.status.layout.max_width = f"{WIDTH}px"  # a long one would move the picture
        self._tabulate()

    def update(self) -> None:
        """Let the ranges follow stack and layer, and draw.

        Of a faulty stack it is told why, and the last good one stays in use.
        """
        if self._quiet:
            return
        text = self.controls["stack"].value
        with showing_errors(self.status):
            fault = None
            try:
                _sides_of(text)
            except ValueError as error:
                text, fault = self._good, error
            self._follow(text)
            self._show(self._render(**{**self.state(), "stack": text}))
            if fault is not None:
                raise fault

    def _follow(self, text: str) -> None:
        layers, sides = _sides_of(text)
        layer = self.controls["layer"]
        last_one = layer.value == layer.slider.max and text != self._good
        self._quiet, self._good = True, text
        try:
            _reach(layer, len(layers))
            if last_one:
                layer.value = len(layers)
            for name in ("row", "column"):
                _reach(self.controls[name], sides[layer.value] - 1)
        finally:
            self._quiet = False

    def _show(self, picture) -> None:
        self.image.value = picture.data
        self.text.value = f"<span aria-live='polite'>{html.escape(picture.alt)}</span>"
        self._tabulate()

    def _tabulate(self) -> None:
        """Write size, jump and side of every layer; the chosen one is bold."""
        layers, sides = _sides_of(self._good)
        spans = _spans(layers, self._field)
        names = ["photograph", *map(str, layers)]
        head = _table_row(("layer", "", "map", "sees", "jump"), "th")
        rows = [
            _table_row((index, name, side, size, jump), "td",
                       index == self.controls["layer"].value)
            for index, (name, side, (size, jump, _)) in enumerate(
                zip(names, sides, spans, strict=True)
            )
        ]  # fmt: skip
        self.table.value = (
            "<table style='line-height:1.35;text-align:right;white-space:nowrap'>"
            f"{head}{''.join(rows)}</table>"
        )

    def _places(self) -> w.GridBox:
        """Return a sheet of clear buttons, as large as the photograph."""
        places = []
        for index in range(CLICKS**2):
            down, across = (
                (one + 0.5) * SIDE / CLICKS for one in divmod(index, CLICKS)
            )
            place = w.Button(
                tooltip=f"the unit near row {down:.0f}, column {across:.0f}",
                tabbable=False,  # the number boxes are the way by keyboard
                layout=w.Layout(width="100%", height="100%", margin="0", padding="0",
                                min_width="0"),
            )  # fmt: skip
            place.style.button_color = "transparent"
            place.on_click(lambda _, at=(down, across): self.choose(*at))
            places.append(place)
        return w.GridBox(
            places,
            layout=w.Layout(
                grid_template_columns=f"repeat({CLICKS}, minmax(0, 1fr))",
                grid_template_rows=f"repeat({CLICKS}, minmax(0, 1fr))",
                grid_gap="0", grid_area="1 / 1 / 2 / 2", margin="0", padding="0",
                width=f"{100 * PHOTO / WIDTH:.3f}%", height="100%",
            ),
        )  # fmt: skip

    def choose(self, down: float, across: float) -> None:
        """Choose the unit of the present layer whose field's middle is nearest."""
        layers, _ = _sides_of(self._good)
        size, jump, start = _spans(layers, self._field)[self.controls["layer"].value]
        self._quiet = True
        for name, at in (("row", down), ("column", across)):
            control = self.controls[name]
            unit = round((at - start - size / 2) / jump)
            control.value = min(max(unit, 0), control.slider.max)
        self._quiet = False
        self.update()


def _table_row(cells, tag: str, bold: bool = False) -> str:
    weight = "bold" if bold else "normal"
    inside = "".join(f"<{tag} style='padding:0 5px'>{one}</{tag}>" for one in cells)
    return f"<tr style='font-weight:{weight}'>{inside}</tr>"


def _reach(control, last: int) -> None:
    """Let a number's range end at ``last``; a value above it is cut off."""
    if control.slider.max != last:
        control.value = min(control.value, last)
        control.slider.max = control.box.max = last


def _over(image: w.Image, sheet: w.GridBox) -> w.GridBox:
    """Return both in one place, the sheet on top."""
    image.layout.grid_area = "1 / 1 / 2 / 2"
    return w.GridBox(
        [image, sheet],
        layout=w.Layout(
            grid_template_columns=f"minmax(0, {WIDTH}px)", margin="0", max_width="100%",
            align_self="flex-start",
        ),
    )  # fmt: skip


def field_explorer(stack=STACK, photo="chelsea",
                   receptive_field=shapes.receptive_field):  # fmt: skip
    """Return a stack to assemble, and the field of any unit on a photograph."""
    return FieldExplorer(stack, photo, receptive_field)
