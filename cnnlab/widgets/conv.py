"""The widget of notebook 07: a kernel on its way over an image, step by step."""

import functools
import html
import re

import ipywidgets as w
import numpy as np

from cnnlab import data, kernels, ops, shapes
from cnnlab import plots as p
from cnnlab.plots.conv import MOST
from cnnlab.widgets._base import STYLE, WIDEST, Explorer, choice, number, showing_errors

PHOTOS = ("chelsea", "coffee", "brick", "astronaut")
EXAMPLES = {"6 × 6, lecture": kernels.LECTURE, "5 × 5, CSE634": kernels.CROSSED}
OWN = "your own"


@functools.cache
def pixels(image: str, size: int) -> np.ndarray:
    """Return an image of the explorer as (C, size, size): numbers, or 0 to 255."""
    if image in EXAMPLES:
        return np.pad(EXAMPLES[image], (0, 16), mode="wrap")[None, :size, :size]
    name = image.partition(",")[0]
    photo = data.load("photos", size=size)
    photo = photo.images[data.photo_names().index(name)].astype(float)
    return photo if image.endswith("colour") else photo.mean(axis=0).round()[None]


def read_kernel(text: str, channels: int = 1) -> np.ndarray:
    """Return the kernels that a text describes: (channels, KH, KW).

    Rows are parted by ``/``, kernels of different channels by ``|``; one kernel alone
    is meant for every channel.

    Examples
    --------
    >>> read_kernel("1 0 -1 / 2 0 -2")[0]
    array([[ 1.,  0., -1.],
           [ 2.,  0., -2.]])
    """
    if re.search(r"\d,\d", text):
        raise ValueError("Write 0.5 with a point, and spaces between numbers.")
    planes = []
    for plane in text.replace("−", "-").replace(",", " ").split("|"):
        rows = [[_value(one) for one in row.split()] for row in plane.split("/")]
        if len({len(row) for row in rows}) != 1 or not rows[0]:
            lengths = ", ".join(str(len(row)) for row in rows)
            raise ValueError(
                f"The rows of a kernel hold equally many numbers; yours: {lengths}. "
                "Write spaces between numbers, / between rows, and a ninth as 1÷9."
            )
        planes.append(rows)
    if len({(len(rows), len(rows[0])) for rows in planes}) != 1:
        raise ValueError("The kernels of all channels have the same size.")
    if len(planes) == 1:
        planes = planes * channels
    if len(planes) != channels:
        raise ValueError(
            f"The image has {channels} channel{'s' if channels > 1 else ''}, and your "
            f"text {len(planes)} kernels (parted by |). Write one for all, or "
            f"{channels}."
        )
    found = np.array(planes)
    most = MOST if channels == 1 else 3
    if max(found.shape[1:]) > most:
        raise ValueError(
            f"The picture has room for kernels of {most} rows and columns"
            f"{' a channel' if channels > 1 else ''}; yours has {found.shape[1]} × "
            f"{found.shape[2]}."
        )
    return found


def _value(text: str) -> float:
    """Return a number that is written as 0.5, 2 or 1/9, and not too large."""
    above, bar, below = text.partition("÷")
    try:
        value = float(above) / (float(below) if bar else 1)
    except (ValueError, ZeroDivisionError):
        raise ValueError(
            f"{text!r} is no number. A ninth is written 1÷9 or 0.111."
        ) from None
    if not abs(value) <= 999:
        raise ValueError(f"Numbers from -999 to 999 fit; got {text}.")
    return value


def written(kernel: np.ndarray) -> str:
    """Return a kernel (KH, KW) as the text that `read_kernel` reads."""
    return " / ".join(" ".join(map(_number, row)) for row in kernel)


def _number(value: float) -> str:
    """Return a number as text; a ninth as 1÷9."""
    text = f"{value:.3g}"
    parts = round(1 / value) if value else 0
    return f"1÷{parts}" if parts > 1 and 1 / parts == value != float(text) else text


def convolved(image="6 × 6, lecture", size=6, kernel=None, stride=1, padding=0,
              dilation=1, step=0, conv2d=ops.conv2d) -> p.Picture:  # fmt: skip
    """Draw one step of a kernel over an image; the map is what ``conv2d`` gives.

    Parameters
    ----------
    image : a key of `EXAMPLES`, or a photograph and its kind: ``"coffee, grey"``,
        ``"coffee, colour"``
    size : rows and columns of the image
    kernel : text as in `read_kernel`; the lecture's by default
    step : number of the place; one too large is the last
    conv2d : a function such as `ops.conv2d`, or a learner's
    """
    kernel = written(kernels.VERTICAL) if kernel is None else kernel
    x = pixels(image, size)
    w = read_kernel(kernel, len(x))
    out = _map(image, size, kernel, stride, padding, dilation, conv2d)
    step = min(step, out.size - 1)
    return p.conv_board(x, w, out, step, stride, padding, dilation)


@functools.lru_cache(64)
def _map(image, size, kernel, stride, padding, dilation, conv2d) -> np.ndarray:
    x = pixels(image, size)
    w = read_kernel(kernel, len(x))
    wanted = tuple(
        shapes.out_size(n, k, stride, padding, dilation)
        for n, k in zip(x.shape[1:], w.shape[1:], strict=True)
    )
    out = np.asarray(conv2d(x[None], w[None], None, stride, padding, dilation), float)
    if out.shape != (1, 1, *wanted):
        raise ValueError(f"conv2d gave shape {out.shape}; wanted {(1, 1, *wanted)}.")
    return out[0, 0]


class ConvExplorer(Explorer):
    """An `Explorer` whose places follow the size of the map, with buttons to step."""

    def __init__(self, conv2d=ops.conv2d, image="6 × 6, lecture", size=6):
        images = [*EXAMPLES]
        images += [f"{name}, {kind}" for name in PHOTOS for kind in ("grey", "colour")]
        self._conv2d = conv2d
        self._preset = choice("kernel", [*kernels.PRESETS, OWN])
        controls = {
            "image": choice("image", images, image),
            "size": number("size", size, 3, 48),
            "kernel": w.Text(
                value=written(kernels.VERTICAL),
                description="its numbers",
                style=STYLE,
                continuous_update=False,
                layout=w.Layout(width="auto", max_width=WIDEST),
            ),
            "stride": number("stride", 1, 1, 4),
            "padding": number("padding", 0, 0, 3),
            "dilation": number("dilation", 1, 1, 3),
            "step": number("place", 0, 0, 15),
        }
        super().__init__(functools.partial(convolved, conv2d=conv2d), controls,
                         extra=(self._buttons(),))  # fmt: skip
        panel = self.both.children[0]
        first, *rest = panel.children
        second, *rest = rest
        panel.children = (first, second, self._preset, *rest)
        self._preset.observe(lambda change: self._chosen(), names="value")
        controls["kernel"].observe(lambda change: self._written(), names="value")

    def _buttons(self) -> w.HBox:
        """Return buttons to the next place and the one before, and by whole rows."""
        moves = (("◀ back", -1, 0), ("next ▶", 1, 0), ("▲ up", 0, -1), ("▼ down", 0, 1))
        buttons = []
        for label, by, rows in moves:
            button = w.Button(
                description=label, layout=w.Layout(width="auto", margin="2px")
            )
            button.on_click(lambda _, by=by, rows=rows: self._move(by, rows))
            buttons.append(button)
        return w.HBox(buttons, layout=w.Layout(flex_flow="row wrap"))

    def _move(self, by: int, rows: int) -> None:
        with showing_errors(self.status):
            step = self.controls["step"]
            out = self._out()
            step.value = int((step.value + by + rows * out.shape[1]) % out.size)

    def _out(self) -> np.ndarray:
        state = self.state()
        del state["step"]
        return _map(*state.values(), self._conv2d)

    def _chosen(self) -> None:
        if self._preset.value != OWN:
            chosen = kernels.PRESETS[self._preset.value]
            self.controls["kernel"].value = written(chosen)

    def _written(self) -> None:
        texts = {written(one): name for name, one in kernels.PRESETS.items()}
        self._preset.value = texts.get(self.controls["kernel"].value, OWN)

    def update(self) -> None:
        """Draw the present state; where there is none, say why and keep the picture."""
        with showing_errors(self.status):
            state = self.state()
            last = self._out().size - 1
            state["step"] = min(state["step"], last)
            picture = self._render(**state)
            self.image.value = picture.data
            self.text.value = (
                f"<span aria-live='polite'>{html.escape(picture.alt)}</span>"
            )
            step = self.controls["step"]
            if step.slider.max != last:
                step.slider.max = step.box.max = last  # a value above it is cut off


def conv_explorer(conv2d=ops.conv2d, image="6 × 6, lecture", size=6) -> ConvExplorer:
    """Return an image, a kernel, and all that moves it, drawn step by step.

    Parameters
    ----------
    conv2d : a function such as `ops.conv2d`, or a learner's
    """
    return ConvExplorer(conv2d, image, size)
