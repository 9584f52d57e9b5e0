"""Size arithmetic and the only place where shape errors are worded.

Every message says what was expected, what came, and how to mend it.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple


def spoken(value) -> str:
    """Return ``value`` for a message: on one line, and short.

    Examples
    --------
    >>> import numpy as np
    >>> spoken(np.zeros((3, 4))), spoken(0.5)
    ('an array of shape (3, 4), float64', '0.5')
    """
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and shape:
        return f"an array of shape {tuple(shape)}, {value.dtype}"
    try:
        text = " ".join(repr(value).split())
    except Exception:  # a broken __repr__, or a number of too many digits
        text = f"a {type(value).__name__}"
    return text if len(text) <= 60 else f"{text[:57]}..."


def require_axes(array, axes: str, where: str, name: str, hint: str = "") -> None:
    """Raise unless ``array`` has as many axes as ``axes`` names.

    Parameters
    ----------
    array : anything with a ``shape``
    axes : names separated by spaces or commas, such as ``"N, C, H, W"``
    where, name : the public function and its parameter, for the message
    hint : a sentence that says how to mend it

    Raises
    ------
    TypeError
        If ``array`` has no ``shape``.
    ValueError
        If the number of axes differs.

    Examples
    --------
    >>> import numpy as np
    >>> require_axes(np.zeros((3, 32, 32)), "N, C, H, W", "conv2d", "x",
    ...              "Add a batch axis: x[None].")
    Traceback (most recent call last):
        ...
    ValueError: conv2d: x needs 4 axes (N, C, H, W); got shape (3, 32, 32). \
Add a batch axis: x[None].
    """
    wanted = axes.replace(",", " ").split()
    if not hasattr(array, "shape"):
        raise TypeError(
            f"{where}: {name} needs an array with axes ({', '.join(wanted)}); "
            f"got {type(array).__name__}. Convert it: np.asarray({name})."
        )
    shape = tuple(array.shape)
    if len(shape) != len(wanted):
        noun = "axis" if len(wanted) == 1 else "axes"
        message = (
            f"{where}: {name} needs {len(wanted)} {noun} ({', '.join(wanted)}); "
            f"got shape {shape}."
        )
        raise ValueError(f"{message} {hint}".strip())


def require_same(where: str, **sizes: int) -> None:
    """Raise unless all named sizes agree.

    Examples
    --------
    >>> require_same("scores", x_columns=4, w_columns=3)
    Traceback (most recent call last):
        ...
    ValueError: scores: x columns is 4 but w columns is 3; they must be equal.
    """
    (first, wanted), *others = sizes.items()
    for name, size in others:
        if size != wanted:
            raise ValueError(
                f"{where}: {first.replace('_', ' ')} is {wanted} but "
                f"{name.replace('_', ' ')} is {size}; they must be equal."
            )


def require_int(value, low: int, where: str, name: str, high: int | None = None) -> int:
    """Return ``value`` as an int in ``[low, high]``, or raise.

    Examples
    --------
    >>> require_int(0, 1, "nearest", "k")
    Traceback (most recent call last):
        ...
    ValueError: nearest: k must be a whole number of at least 1; got 0.
    """

    def message() -> str:  # made only where it is needed: this runs at every step
        bounds = f"of at least {low}" if high is None else f"from {low} to {high}"
        return f"{where}: {name} must be a whole number {bounds}; got {spoken(value)}."

    if not _is_scalar(value):
        raise TypeError(message())
    try:
        whole = int(value)
        equal = bool(whole == value)
    except (TypeError, ValueError, OverflowError):
        raise TypeError(message()) from None
    if not equal:
        raise TypeError(message())
    if whole < low or (high is not None and whole > high):
        raise ValueError(message())
    return whole


def _is_scalar(value) -> bool:
    """Return whether ``value`` may be one number: no text, boolean or array."""
    kind = getattr(getattr(value, "dtype", None), "kind", "i")
    if getattr(value, "requires_grad", False):  # a torch tensor
        return False
    plain = not isinstance(value, (str, bytes, bool)) and kind in "iuf"
    return plain and not getattr(value, "shape", ())


def require_seed(seed, where: str, name: str = "seed") -> int:
    """Return ``seed`` as an int of at least 0, or raise.

    Examples
    --------
    >>> require_seed(-1, "folds")
    Traceback (most recent call last):
        ...
    ValueError: folds: seed must be a whole number of at least 0; got -1.
    """
    return require_int(seed, 0, where, name)


def require_numbers(array, where: str, name: str, finite: bool = False) -> None:
    """Raise unless ``array`` holds real numbers (or booleans), all of them finite.

    ``finite`` says that the caller already knows that they are finite.
    """
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"{where}: {name} needs real numbers; got dtype {array.dtype}. "
            f"Convert it: np.asarray({name}, dtype=float)."
        )
    # Integers are finite; the smallest and the largest float are NaN if any is.
    if (
        not finite
        and array.dtype.kind == "f"
        and array.size
        and not (-math.inf < array.min() and array.max() < math.inf)
    ):
        raise ValueError(
            f"{where}: {name} needs finite numbers; it holds NaN or infinity. "
            f"Find them: np.argwhere(~np.isfinite({name}))."
        )


def require_in_range(result, where: str, what: str) -> None:
    """Raise if a sum of finite numbers left the range of its float type."""
    if result.size and not (-math.inf < result.min() and result.max() < math.inf):
        raise ValueError(
            f"{where}: {what} leave the range of {result.dtype}; the numbers that go "
            "in are too large. Scale them down, or convert them to float64."
        )


def require_shape(array, wanted: tuple[int, ...], where: str, name: str) -> None:
    """Raise unless ``array`` has exactly the shape ``wanted``."""
    if tuple(array.shape) != tuple(wanted):
        raise ValueError(
            f"{where}: {name} needs shape {tuple(wanted)}; "
            f"got shape {tuple(array.shape)}."
        )


def not_one_number(where: str, name: str, shape: tuple[int, ...]) -> ValueError:
    """Return the error for a function that gave an array instead of a number."""
    return ValueError(
        f"{where}: {name} must return one number; got an array of shape {shape}. "
        f"Sum it: lambda x: {name}(x).sum()."
    )


def no_number(where: str, name: str, value) -> TypeError:
    """Return the error for a function that gave something else than a number."""
    return TypeError(
        f"{where}: {name} must return one real number; got {value.dtype}. "
        "Is there a return?"
    )


def step_vanishes(where: str, h: float, value: float) -> ValueError:
    """Return the error for a step that is lost beside the value it is added to."""
    return ValueError(
        f"{where}: the step h = {h:g} vanishes beside a value of {value:g}: their sum "
        f"is the same float. Take a larger h, about {1e-5 * value:.0e}."
    )


def require_callable(value, where: str, name: str) -> None:
    """Raise unless ``value`` is a function."""
    if not callable(value):
        raise TypeError(
            f"{where}: {name} needs a function; got {spoken(value)}. Pass it without "
            "calling it."
        )


def ragged(where: str, name: str) -> ValueError:
    """Return the error for a nested list whose rows differ in length."""
    return ValueError(
        f"{where}: {name} needs rows of equal length; got a nested list whose rows "
        f"differ. Pad or cut them to one length."
    )


def masked(where: str, name: str) -> ValueError:
    """Return the error for a masked array, whose mask NumPy would drop in silence."""
    return ValueError(
        f"{where}: {name} is a masked array, and its mask would be lost. Fill the "
        f"gaps: {name}.filled(0), or leave those rows out."
    )


def not_an_array(where: str, name: str, value) -> TypeError:
    """Return the error for an object that refuses to become a NumPy array."""
    if hasattr(value, "detach"):  # a torch tensor that records gradients
        cure = f"Convert it: {name}.detach().cpu().numpy()."
    else:
        cure = f"Convert it first: np.asarray({name}) must work."
    return TypeError(
        f"{where}: {name} needs an array; this {type(value).__name__} refuses to "
        f"become one. {cure}"
    )


def require_choice(value, choices: tuple[str, ...], where: str, name: str) -> None:
    """Raise unless ``value`` is one of ``choices``.

    Examples
    --------
    >>> require_choice("l3", ("l1", "l2"), "nearest", "metric")
    Traceback (most recent call last):
        ...
    ValueError: nearest: metric must be 'l1' or 'l2'; got 'l3'.
    """
    if not isinstance(value, str) or value not in choices:
        named = " or ".join(repr(choice) for choice in choices)
        raise ValueError(f"{where}: {name} must be {named}; got {spoken(value)}.")


def require_number(value, low: float | None, where: str, name: str) -> float:
    """Return ``value`` as a finite float of at least ``low``, or raise.

    ``low=None`` takes any finite number.

    Examples
    --------
    >>> require_number(-1, 0, "train", "reg")
    Traceback (most recent call last):
        ...
    ValueError: train: reg must be a finite number of at least 0; got -1.
    """
    bound = "" if low is None else f" of at least {low}"
    message = f"{where}: {name} must be a finite number{bound}; got {spoken(value)}."
    if not _is_scalar(value):
        raise TypeError(message)
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise TypeError(message) from None
    if not math.isfinite(number) or (low is not None and number < low):
        raise ValueError(message)
    return number


def require_bool(value, where: str, name: str) -> bool:
    """Return ``value`` as True or False; text such as ``"no"`` is neither."""
    # NumPy's own is called bool from version 2 on, and bool_ before
    if type(value).__name__ not in ("bool", "bool_"):
        raise TypeError(f"{where}: {name} must be True or False; got {spoken(value)}.")
    return bool(value)


def require_labels(labels, num_classes: int, where: str, name: str = "y") -> None:
    """Raise unless ``labels`` is a 1-D array of integers in ``[0, num_classes)``."""
    require_axes(labels, "N", where, name)
    if labels.dtype.kind not in "iu":
        raise TypeError(
            f"{where}: {name} needs integer labels; got dtype {labels.dtype}. "
            f"Convert them: {name}.astype(int)."
        )
    if len(labels) and (labels.min() < 0 or labels.max() >= num_classes):
        raise ValueError(
            f"{where}: {name} needs labels from 0 to {num_classes - 1}; got values "
            f"from {labels.min()} to {labels.max()}."
        )


# ---------------------------------------------------------------- size arithmetic


def out_size(
    n: int,
    kernel_size: int,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    ceil_mode: bool = False,
) -> int:
    """Return how many positions a window takes along one axis.

    ``floor((n + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1``

    Parameters
    ----------
    n : length of the axis
    padding : zeros added on *each* side
    ceil_mode : round up, so that the last window may hang over the right edge, as
        ``torch.nn.MaxPool2d(ceil_mode=True)`` does. A window that would begin in the
        right padding is left out.

    Raises
    ------
    ValueError
        If no window fits.

    Notes
    -----
    AlexNet's 224 pixels, window 11, stride 4: 54.25, so 54 by floor. The code of
    2012 rounded up, hence the paper's 55. Caffe's 227 gives 55 without rounding.

    Examples
    --------
    >>> out_size(224, 11, 4), out_size(224, 11, 4, ceil_mode=True), out_size(227, 11, 4)
    (54, 55, 55)
    """
    where = "out_size"
    n = require_int(n, 1, where, "n")
    kernel_size = require_int(kernel_size, 1, where, "kernel_size")
    stride = require_int(stride, 1, where, "stride")
    padding = require_int(padding, 0, where, "padding")
    dilation = require_int(dilation, 1, where, "dilation")
    window = dilation * (kernel_size - 1) + 1
    steps = n + 2 * padding - window  # from the first position to the last, in pixels
    size = (-(-steps // stride) if ceil_mode else steps // stride) + 1
    if ceil_mode and (size - 1) * stride >= n + padding:
        size -= 1
    if size < 1:
        raise ValueError(
            f"{where}: a window of {window} does not fit into {n} + 2 * {padding} "
            f"pixels. Take a smaller window, or padding={-(-(window - n) // 2)}."
        )
    return size


def same_padding(kernel_size: int, dilation: int = 1) -> int:
    """Return the padding per side that keeps the size at stride 1: ``(F - 1) / 2``.

    Raises
    ------
    ValueError
        If the window is even: no equal padding on both sides keeps the size.

    Examples
    --------
    >>> same_padding(5), same_padding(3, dilation=2)
    (2, 2)
    """
    kernel_size = require_int(kernel_size, 1, "same_padding", "kernel_size")
    total = require_int(dilation, 1, "same_padding", "dilation") * (kernel_size - 1)
    if total % 2:
        raise ValueError(
            f"same_padding: a window of {total + 1} needs {total} zeros, which two "
            f"equal sides cannot share. Take an odd window: {kernel_size + 1}."
        )
    return total // 2


class Field(NamedTuple):
    """The receptive field of the units of a layer, along one axis of the image.

    ``size`` pixels wide; neighbours lie ``jump`` pixels apart; that of unit 0 begins
    at pixel ``start``, which is negative where it reaches into the padding.
    """

    size: int = 1
    jump: int = 1
    start: int = 0

    def span(self, unit: int) -> tuple[int, int]:
        """Return the first and the last pixel that ``unit`` can see."""
        first = self.start + self.jump * unit
        return first, first + self.size - 1

    def then(
        self, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1
    ) -> "Field":
        """Return the field after one more convolution or pooling.

        ``size + dilation (kernel_size - 1) jump``, ``jump * stride``
        """
        return Field(
            self.size + dilation * (kernel_size - 1) * self.jump,
            self.jump * stride,
            self.start - padding * self.jump,
        )


def receptive_field(layers: Sequence[Sequence[int]]) -> Field:
    """Return what a unit sees of the image through a stack of layers.

    Parameters
    ----------
    layers : rows (kernel_size, stride, padding, dilation), the first layer first;
        stride 1, padding 0 and dilation 1 may be left out

    Examples
    --------
    Three 3x3 convolutions see as much as one 7x7 convolution:

    >>> receptive_field([(3,), (3,), (3,)]).size
    7

    AlexNet's conv1 and pool1: unit 2 sees the pixels 16 to 34.

    >>> field = receptive_field([(11, 4), (3, 2)])
    >>> field, field.span(2)
    (Field(size=19, jump=8, start=0), (16, 34))
    """
    names, lows = ("kernel_size", "stride", "padding", "dilation"), (1, 1, 0, 1)
    _require_sequence(layers, "receptive_field", "layers", "rows, such as [(3, 1)]")
    field = Field()
    for number, row in enumerate(layers):
        if not isinstance(row, Sequence) or not 1 <= len(row) <= 4:
            raise ValueError(
                f"receptive_field: layer {number} needs (kernel_size, stride, padding, "
                f"dilation), of which the first may stand alone; got {spoken(row)}."
            )
        checks = zip(row, lows, names, strict=False)
        field = field.then(
            *(require_int(v, low, "receptive_field", name) for v, low, name in checks)
        )
    return field


# ---------------------------------------------------------------- parameters and cost


def conv_params(
    in_channels: int,
    filters: int,
    kernel_size: int | tuple[int, int],
    groups: int = 1,
    bias: bool = True,
) -> int:
    """Return the trainable values of a convolution: ``F (C / groups) KH KW + F``.

    Examples
    --------
    Ten 3x3 filters on a colour image; AlexNet's conv2 in two towers:

    >>> conv_params(3, 10, 3), conv_params(96, 256, 5, groups=2)
    (280, 307456)
    """
    where = "conv_params"
    fan_in = _fan_in(in_channels, kernel_size, groups, where)
    filters = require_int(filters, 1, where, "filters")
    require_divisor(groups, filters, where, "filters")
    return filters * fan_in + (filters if bias else 0)


def linear_params(in_features: int, out_features: int, bias: bool = True) -> int:
    """Return the trainable values of a fully connected layer: ``D K + K``.

    Examples
    --------
    >>> linear_params(32 * 32 * 3, 10)
    30730
    """
    inputs = require_int(in_features, 1, "linear_params", "in_features")
    outputs = require_int(out_features, 1, "linear_params", "out_features")
    return inputs * outputs + (outputs if bias else 0)


def conv_macs(
    in_channels: int,
    filters: int,
    kernel_size: int | tuple[int, int],
    size: int | tuple[int, int],
    groups: int = 1,
) -> int:
    """Return the multiply-accumulates of a convolution for one image.

    Every output value costs ``(C / groups) KH KW``; the bias is not counted.

    Parameters
    ----------
    size : of the output, OH = OW or (OH, OW)

    Examples
    --------
    AlexNet's conv1; without weight sharing it would have that many weights:

    >>> conv_macs(3, 96, 11, 55)
    105415200
    """
    where = "conv_macs"
    fan_in = _fan_in(in_channels, kernel_size, groups, where)
    filters = require_int(filters, 1, where, "filters")
    require_divisor(groups, filters, where, "filters")
    return math.prod(pair(size, where, "size")) * filters * fan_in


def activation_bytes(shape: Sequence[int], bytes_per_value: int = 4) -> int:
    """Return the memory of an output of ``shape``; float32 by default.

    Examples
    --------
    >>> activation_bytes((128, 96, 55, 55)) / 2**20  # MiB, AlexNet's conv1
    141.796875
    """
    where = "activation_bytes"
    _require_sequence(shape, where, "shape", "sizes, such as (N, C, H, W)")
    sizes = [require_int(size, 0, where, "an axis of shape") for size in shape]
    return math.prod(sizes) * require_int(bytes_per_value, 1, where, "bytes_per_value")


def _require_sequence(value, where: str, name: str, meaning: str) -> None:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise TypeError(f"{where}: {name} needs {meaning}; got {spoken(value)}.")


def pair(value, where: str, name: str, low: int = 1) -> tuple[int, int]:
    """Return (rows, columns) of one whole number or of two.

    Examples
    --------
    >>> pair(3, "conv2d", "stride"), pair((3, 2), "conv2d", "stride")
    ((3, 3), (3, 2))
    """
    both = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(both) != 2:
        raise ValueError(
            f"{where}: {name} needs one number or (rows, columns); got {spoken(value)}."
        )
    rows, columns = (require_int(side, low, where, name) for side in both)
    return rows, columns


def _fan_in(in_channels: int, kernel_size, groups: int, where: str) -> int:
    """Return the weights of one filter: ``(C / groups) KH KW``."""
    in_channels = require_int(in_channels, 1, where, "in_channels")
    require_divisor(groups, in_channels, where, "in_channels")
    return in_channels // groups * math.prod(pair(kernel_size, where, "kernel_size"))


def require_divisor(groups: int, whole: int, where: str, name: str) -> None:
    groups = require_int(groups, 1, where, "groups")
    if whole % groups:
        raise ValueError(
            f"{where}: groups must divide {name}; got {groups} groups and "
            f"{name} = {whole}."
        )
