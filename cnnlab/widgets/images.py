"""Widgets of notebook 00: edit single pixels; see how few numbers suffice."""

import ipywidgets as w
import numpy as np

from cnnlab.plots import ink_on
from cnnlab.plots.images import coarse_picture, pixel_picture
from cnnlab.widgets._base import Explorer, number, showing_errors, tick, with_still


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
        self.cells = [
            w.Button(layout=w.Layout(width="38px", height="28px", padding="0"))
            for _ in range(image.size)
        ]
        table = w.GridBox(
            self.cells,
            layout=w.Layout(
                grid_template_columns=f"repeat({width}, 38px)", grid_gap="1px"
            ),
        )
        self.still = pixel_picture(image, row, column)
        self.image = w.Image(value=self.still.data, format="png")
        self.image.layout = w.Layout(max_width="100%", align_self="flex-start")
        self.text, self.status = w.HTML(), w.HTML()
        both = w.HBox([table, self.image], layout=w.Layout(flex_flow="row wrap"))
        controls = (self.row, self.column, self.number, self.reset)
        super().__init__([*controls, self.status, both, self.text])
        for index, cell in enumerate(self.cells):
            self._paint(index)
            cell.on_click(lambda _, index=index: self._select(index))
        self._outline(row, column)
        self.row.observe(lambda _: self._selected())
        self.column.observe(lambda _: self._selected())
        self.number.observe(lambda _: self._changed())
        self.reset.on_click(lambda _: self._restore())
        self._draw()

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
        picture = pixel_picture(self.pixels, self.row.value, self.column.value)
        self.image.value = picture.data
        self.text.value = f"<span aria-live='polite'>{picture.alt}</span>"

    def _repr_mimebundle_(self, **options):
        return with_still(super()._repr_mimebundle_(**options), self.still)


def coarse(image: np.ndarray) -> Explorer:
    """Return controls for the pixels, levels and colour of a photograph (3, H, W)."""
    return Explorer(
        lambda side, levels, colour: coarse_picture(image, side, levels, colour),
        {
            "side": number("pixels on the shorter side", 12, 4, 128),
            "levels": number("levels a channel", 256, 2, 256),
            "colour": tick("colour", True),
        },
    )
