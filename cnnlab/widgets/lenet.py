"""The widget of notebook 10: draw a digit, and a network reads it while you draw."""

from collections import OrderedDict

import ipywidgets as w
import numpy as np

from cnnlab import lenet, ops
from cnnlab import plots as p
from cnnlab.widgets._base import Explorer, choice, tick

SIDE, ZOOM = 56, 4  # cells of the sheet, and screen pixels of each
STEP, BRUSH = 4, 2.3  # cells of a step by keyboard; radius of the pen
ARROWS = {"ArrowUp": (-1, 0), "ArrowDown": (1, 0), "ArrowLeft": (0, -1),
          "ArrowRight": (0, 1)}  # fmt: skip
# Digits as strokes: (column, row) from 0 to 1, in a box higher than it is wide.
STROKES = {
    "0": [(.5, 0), (.2, .1), (.05, .4), (.1, .8), (.45, 1), (.8, .85), (.95, .5),
          (.85, .15), (.5, 0)],
    "1": [(.35, .2), (.6, 0), (.55, 1)],
    "2": [(.1, .25), (.3, .02), (.7, .02), (.9, .25), (.75, .5), (.1, 1), (1, 1)],
    "3": [(.1, .12), (.4, 0), (.8, .08), (.85, .3), (.65, .45), (.35, .48), (.7, .52),
          (.92, .72), (.8, .93), (.4, 1), (.05, .88)],
    "4": [(.65, 1), (.75, 0), (.05, .65), (1, .65)],
    "5": [(.9, 0), (.25, 0), (.15, .42), (.55, .36), (.9, .55), (.85, .85), (.45, 1),
          (.05, .9)],
    "6": [(.7, 0), (.3, .25), (.1, .65), (.25, .95), (.6, 1), (.85, .8), (.75, .58),
          (.4, .52), (.14, .7)],
    "7": [(.05, .02), (.95, .02), (.6, .5), (.4, 1)],
    "8": [(.8, .12), (.5, 0), (.2, .12), (.25, .35), (.75, .6), (.85, .85), (.5, 1),
          (.15, .85), (.25, .6), (.75, .35), (.8, .12)],
    "9": [(.85, .2), (.55, 0), (.2, .12), (.15, .35), (.4, .48), (.75, .4), (.85, .2),
          (.75, .7), (.6, 1)],
}  # fmt: skip


def inked(points, sheet=None) -> np.ndarray:
    """Return a sheet, uint8 (56, 56), with a stroke through these (row, column)s."""
    sheet = np.zeros((SIDE, SIDE), np.uint8) if sheet is None else sheet.copy()
    rows, columns = np.indices(sheet.shape)
    ends = [*points, points[-1]]
    for (r0, c0), (r1, c1) in zip(ends[:-1], ends[1:], strict=True):
        along = np.array([r1 - r0, c1 - c0], float)
        length = float(along @ along)
        share = ((rows - r0) * along[0] + (columns - c0) * along[1]) / (length or 1)
        share = np.clip(share, 0, 1)
        apart = np.hypot(rows - r0 - share * along[0], columns - c0 - share * along[1])
        ink = np.clip(255 * (BRUSH + 0.5 - apart), 0, 255)
        sheet = np.maximum(sheet, ink.astype(np.uint8))
    return sheet


def drawn(digit: str, top: int = 8, left: int = 14) -> np.ndarray:
    """Return a sheet with this digit, written in one stroke of the pen."""
    tall, wide = 40, 27
    points = [(top + tall * y, left + wide * x) for x, y in STROKES[digit]]
    return inked(points)


WITHOUT = (
    "Here the buttons draw. For mouse and finger: "
    "<code>pip install ipycanvas</code>, then open the page again."
)


class Pad(w.VBox):
    """A sheet to draw on with mouse, finger, arrow keys, or buttons.

    ``.value`` is the sheet, uint8 (56, 56); handlers are called when it changes, or
    the pen moves. Without the package ``ipycanvas`` the buttons are there alone.
    """

    def __init__(self, start: str = "3"):
        self._sheet = drawn(start)
        self.row = self.column = SIDE // 2
        self._handlers, self._pressed = [], False
        self.begin = choice("begin with", ["blank", *STROKES], start)
        self.pen = tick("pen down")
        small = {"width": "auto", "min_width": "0"}
        self.arrows = {
            key: w.Button(description=name, layout=w.Layout(**small))
            for key, name in zip(ARROWS, ("up", "down", "left", "right"), strict=True)
        }
        self.again = w.Button(description="begin again", layout=w.Layout(**small))
        self.blank = w.Button(description="blank sheet", layout=w.Layout(**small))
        rows = [
            w.HBox([self.begin, self.again, self.blank]),
            w.HBox([self.pen, *self.arrows.values()]),
        ]
        for row in rows:
            row.layout = w.Layout(flex_flow="row wrap")
        self.canvas = self._canvas()
        super().__init__([*rows, self.canvas or w.HTML(WITHOUT)])
        self.begin.observe(lambda _: self._begin(), names="value")
        self.pen.observe(lambda _: self._tell(), names="value")
        self.again.on_click(lambda _: self._begin())
        self.blank.on_click(lambda _: self.clear())
        for key, button in self.arrows.items():
            button.on_click(lambda _, key=key: self.step(key))

    @property
    def value(self) -> np.ndarray:
        return self._sheet

    @property
    def cursor(self) -> tuple:
        """Return row and column of the pen, and whether it is down."""
        return self.row, self.column, self.pen.value

    def observe(self, handler, names=None, **options):
        if names == "value":
            self._handlers.append(handler)
        else:
            super().observe(handler, names=names, **options)

    def clear(self) -> None:
        """Take all ink away."""
        self._show(np.zeros((SIDE, SIDE), np.uint8))

    def step(self, key: str) -> None:
        """Move the pen one step, as an arrow key does; draw if it is down."""
        down, right = ARROWS[key]
        row = min(max(self.row + STEP * down, 0), SIDE - 1)
        column = min(max(self.column + STEP * right, 0), SIDE - 1)
        if self.pen.value:
            self.stroke([(self.row, self.column), (row, column)])
        self.row, self.column = row, column
        self._tell()

    def stroke(self, points) -> None:
        """Draw through these (row, column)s."""
        self._sheet = inked(points, self._sheet)
        self.row, self.column = (round(min(max(n, 0), SIDE - 1)) for n in points[-1])
        if self.canvas:
            self._ink(points)

    # ------------------------------------------------------- what the browser sends

    def _canvas(self):
        try:
            from ipycanvas import Canvas
        except ImportError:
            return None
        side = SIDE * ZOOM
        canvas = Canvas(width=side, height=side)
        canvas.layout = w.Layout(
            width=f"{side}px", height=f"{side}px", border="1px solid #808080"
        )
        canvas.on_mouse_down(self._down)
        canvas.on_mouse_move(self._move)
        canvas.on_mouse_up(lambda x, y: self._up())
        canvas.on_mouse_out(lambda x, y: self._up())
        canvas.on_touch_start(lambda touches: self._down(*touches[0]))
        canvas.on_touch_move(lambda touches: self._move(*touches[0]))
        canvas.on_touch_end(lambda touches: self._up())
        canvas.on_touch_cancel(lambda touches: self._up())
        canvas.on_key_down(self._key)
        self.canvas = canvas
        self._repaint()
        return canvas

    def _down(self, x: float, y: float) -> None:
        self._pressed = True
        self.stroke([(y / ZOOM, x / ZOOM)])
        self._tell()

    def _move(self, x: float, y: float) -> None:
        if self._pressed:
            self.stroke([(self.row, self.column), (y / ZOOM, x / ZOOM)])
            self._tell()

    def _up(self) -> None:
        self._pressed = False

    def _key(self, key, shift, ctrl, meta) -> None:
        if key in ARROWS:
            self.step(key)
        elif key == " ":
            self.pen.value = not self.pen.value
        elif key in ("Delete", "Backspace"):
            self.clear()
        elif key in ("Tab", "Escape"):  # the canvas keeps all keys to itself
            self.begin.focus()

    # -------------------------------------------------------------------- drawing

    def _begin(self) -> None:
        self.pen.value = False
        self.row = self.column = SIDE // 2
        if self.begin.value == "blank":
            self.clear()
        else:
            self._show(drawn(self.begin.value))

    def _show(self, sheet) -> None:
        self._sheet = sheet
        if self.canvas:
            self._repaint()
        self._tell()

    def _repaint(self) -> None:
        white = 255 - self._sheet.repeat(ZOOM, axis=0).repeat(ZOOM, axis=1)
        full = np.full_like(white, 255)
        self.canvas.put_image_data(np.dstack([white, white, white, full]))

    def _ink(self, points) -> None:
        self.canvas.line_width = 2 * BRUSH * ZOOM
        self.canvas.line_cap = "round"
        ends = [(x * ZOOM, y * ZOOM) for y, x in [*points, points[-1]]]
        for (x0, y0), (x1, y1) in zip(ends[:-1], ends[1:], strict=True):
            self.canvas.stroke_line(x0, y0, x1, y1)

    def _tell(self) -> None:
        for handler in self._handlers:
            handler(None)


def read_drawing(reader, drawing, centre=True, towards=None, cursor=None):
    """Draw what a reader makes of a drawing, layer by layer.

    Parameters
    ----------
    reader : a ``lenet.Reader``
    drawing : uint8 (56, 56)
    centre : make it ready as MNIST's makers did; False shrinks the sheet as it is
    towards : a digit: show where ink would speak for it against the present answer
    cursor : (row, column, pen is down) or None
    """
    image = lenet.prepared(drawing) if centre else lenet.squeezed(drawing)
    layers = reader.layers(image[None])
    chances = ops.softmax(layers["output"].astype(float))[0]
    pull = None
    if towards is not None:
        order = np.argsort(chances)[::-1]
        rival = int(order[0] if order[0] != towards else order[1])
        pull = reader.pull(image, towards, rival, layers)
    how = "Sized and centred." if centre else "Shrunk as it lies."
    return p.reader_board(drawing, image, layers, chances, cursor, pull, towards, how)


def drawing_board(readers: dict | None = None, start: str = "3"):
    """Return a sheet to draw on, and all that a network makes of the drawing.

    Parameters
    ----------
    readers : name -> ``lenet.Reader``; by default the stored one
    start : the digit that is there at first
    """
    readers = OrderedDict(readers or {"MNIST": lenet.stored()})
    pad = Pad(start)

    def render(drawing, reader, centre, towards):
        chosen = None if towards == "none" else int(towards)
        return read_drawing(readers[reader], drawing, centre, chosen, pad.cursor)

    controls = {
        "drawing": pad,
        "reader": choice("network trained on", list(readers)),
        "centre": tick("size and centre the drawing first", True),
        "towards": choice("where would ink speak for a", ["none", *STROKES]),
    }
    return Explorer(render, controls)
