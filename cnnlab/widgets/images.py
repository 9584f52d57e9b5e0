"""Widgets of notebook 00: edit single pixels; see how few numbers suffice."""

import ipywidgets as w
import numpy as np

from cnnlab.plots import ink_on
from cnnlab.plots.images import coarse_picture, pixel_picture
from cnnlab.widgets._base import Explorer, number, showing_errors, tick, with_still

CELL = (36, 28)  # width and height of a number in the table, in CSS pixels
RULER = 20  # of the row and column numbers around it


class PixelEditor(w.VBox):
    """A small grey image as a table of buttons: choose a pixel, change its number.

    Click a number, or key in row and column; then set the value. ``.pixels`` is the
    array as it stands, to go on with in the next cell.

    Parameters
    ----------
    image : uint8 (H, W); it is copied, not altered
    """

    def __init__(self, image: np.ndarray, row: int = 0, column: int = 0):
        image = np.asarray(image)
        if image.ndim != 2 or image.dtype != np.uint8:
            raise ValueError(
                f"PixelEditor: image needs uint8 (H, W); got {image.dtype} "
                f"{image.shape}. Take one channel of one image: images[0, 0]."
            )
        self._original = image.copy()
        self.pixels = image.copy()
        height, width = image.shape
        self.row = number("row", row, 0, height - 1)
        self.column = number("column", column, 0, width - 1)
        self.number = number("value", int(image[row, column]), 0, 255)
        self.reset = w.Button(
            description="Put the original back",
            icon="undo",
            layout=w.Layout(width="auto", align_self="flex-start"),
        )
        self.cells = [w.Button() for _ in range(image.size)]
        self.still = pixel_picture(image, row, column, CELL[1])
        self.image = w.Image(value=self.still.data, format="png")
        self.image.layout = w.Layout(
            width=f"{width * CELL[1]}px",
            max_width="100%",
            margin=f"{RULER}px 0 0 12px",  # its rows stand beside those of the table
            align_self="flex-start",
        )
        self.text, self.status = w.HTML(), w.HTML()
        controls = w.VBox(
            [self.row, self.column, self.number, self.reset, self.status, self.text],
            layout=w.Layout(flex="1 1 250px", max_width="270px", min_width="0"),
        )
        board = w.HBox(
            [self._table(), self.image],
            layout=w.Layout(flex="0 1 auto", flex_flow="row wrap", min_width="0"),
        )
        both = w.HBox([controls, board], layout=w.Layout(flex_flow="row wrap"))
        super().__init__([both, _names(height, width)])
        for index, cell in enumerate(self.cells):
            self._paint(index)
            cell.on_click(lambda _, index=index: self._select(index))
        self._outline(row, column)
        self.row.observe(lambda _: self._selected())
        self.column.observe(lambda _: self._selected())
        self.number.observe(lambda _: self._changed())
        self.reset.on_click(lambda _: self._restore())
        self._draw()

    def _table(self) -> w.GridBox:
        """Return the numbers as buttons, with row and column numbers around them."""
        height, width = self.pixels.shape
        for index, cell in enumerate(self.cells):
            cell.layout = w.Layout(
                width=f"{CELL[0]}px", height=f"{CELL[1]}px", padding="0", margin="0"
            )
            cell.add_class("cnnlab-pixel")
            cell.add_class("cnnlab-pixel-{}-{}".format(*divmod(index, width)))
        parts = [_ruler(""), *(_ruler(str(column)) for column in range(width))]
        for row in range(height):
            parts += [_ruler(str(row)), *self.cells[row * width : (row + 1) * width]]
        return w.GridBox(
            parts,
            layout=w.Layout(
                grid_template_columns=f"{RULER}px repeat({width}, {CELL[0]}px)",
                grid_template_rows=f"{RULER}px repeat({height}, {CELL[1]}px)",
                grid_gap="0",
                margin="0",
                align_self="flex-start",
                overflow="visible",
            ),
        )

    def _select(self, index: int) -> None:
        with showing_errors(self.status):
            self.row.value, self.column.value = divmod(index, self.pixels.shape[1])

    def _selected(self) -> None:
        with showing_errors(self.status):
            row, column = self.row.value, self.column.value
            self._outline(row, column)
            self.number.value = int(self.pixels[row, column])
            self._draw()

    def _changed(self) -> None:
        with showing_errors(self.status):
            row, column = self.row.value, self.column.value
            self.pixels[row, column] = self.number.value
            self._paint(row * self.pixels.shape[1] + column)
            self._draw()

    def _restore(self) -> None:
        with showing_errors(self.status):
            self.pixels[...] = self._original
            for index in range(len(self.cells)):
                self._paint(index)
            self.number.value = int(self.pixels[self.row.value, self.column.value])
            self._draw()

    def _paint(self, index: int) -> None:
        grey = int(self.pixels.flat[index])
        cell, shade = self.cells[index], f"#{grey:02x}{grey:02x}{grey:02x}"
        cell.description = str(grey)
        cell.style.button_color, cell.style.text_color = shade, ink_on(shade)
        row, column = divmod(index, self.pixels.shape[1])
        cell.tooltip = f"row {row}, column {column}: {grey}"

    def _outline(self, row: int, column: int) -> None:
        chosen = row * self.pixels.shape[1] + column
        for index, cell in enumerate(self.cells):
            colour = "#E69F00" if index == chosen else "transparent"
            cell.layout.border = f"2px solid {colour}"

    def _draw(self) -> None:
        place = self.row.value, self.column.value
        picture = pixel_picture(self.pixels, *place, CELL[1])
        self.image.value = picture.data
        changed = int((self.pixels != self._original).sum())
        count = f"{changed} pixel{'' if changed == 1 else 's'} changed so far."
        self.text.value = f"<span aria-live='polite'>{picture.alt} {count}</span>"

    def _repr_mimebundle_(self, **options):
        return with_still(super()._repr_mimebundle_(**options), self.still)


def _ruler(text: str) -> w.HTML:
    """Return one row or column number beside the table."""
    return w.HTML(
        f"<div style='text-align:center;line-height:{RULER}px'>{text}</div>",
        layout=w.Layout(margin="0", align_self="center"),
    )


def _names(height: int, width: int) -> w.HTML:
    """Return the style that gives every number of the table its place as a name.

    A button of ipywidgets has no name but its text. The place is put before it where
    a screen reader finds it and nobody sees it.
    """
    hidden = (
        "position:absolute;width:1px;height:1px;overflow:hidden;"
        "clip-path:inset(50%);white-space:nowrap"
    )
    rules = [f".cnnlab-pixel::before{{{hidden}}}"]
    for row, column in np.ndindex(height, width):
        name = f"row {row}, column {column}: "
        rules.append(f'.cnnlab-pixel-{row}-{column}::before{{content:"{name}"}}')
    style = w.HTML(f"<style>{''.join(rules)}</style>")
    style.layout.display = "none"
    return style


def coarse(image: np.ndarray) -> Explorer:
    """Return controls for the pixels, levels and colour of a photograph (3, H, W)."""
    return Explorer(
        lambda side, levels, colour: coarse_picture(image, side, levels, colour),
        {
            "side": number("pixels on the shorter side", 4, 4, 128),
            "levels": number("levels a channel", 256, 2, 256),
            "colour": tick("colour", True),
        },
    )
