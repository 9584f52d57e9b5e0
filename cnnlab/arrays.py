"""Whatever comes in becomes a checked NumPy array, or one clear sentence.

Lists, tensors and arrays of any type are taken; the wording of what is refused is in
`shapes`. No function changes its inputs.
"""

import numpy as np

from . import shapes


def as_numbers(
    values, axes: str, where: str, name: str, hint: str = "", floats: bool = True
) -> np.ndarray:
    """Return ``values`` as an array of finite numbers, or raise one clear sentence.

    Parameters
    ----------
    values : array or nested list of real numbers or booleans
    axes : the names of its axes, such as ``"N, D"``
    where, name, hint : the public function, its parameter, and a way to mend it
    floats : if true, float32 and float64 stay as they are and any other type
        becomes float64; if false, the type is kept

    Raises
    ------
    TypeError
        If the values are not real numbers.
    ValueError
        If rows differ in length, the number of axes is wrong, or a value is
        NaN or infinite.
    """
    array = as_array(values, where, name)
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        array = array.astype(np.float64)  # long double
    with np.errstate(all="ignore"):  # one pass over the numbers, instead of two
        finite = array.dtype.kind == "f" and bool(np.isfinite(array.sum()))
    shapes.require_numbers(array, where, name, finite)
    shapes.require_axes(array, axes, where, name, hint)
    if floats and array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float64)
    return array


def as_array(values, where: str, name: str) -> np.ndarray:
    """Return ``values`` as a plain array, or say why there is none.

    Raises
    ------
    TypeError
        If ``values`` cannot become an array (a tensor that records gradients).
    ValueError
        If its rows differ in length, or it is a masked array.
    """
    if isinstance(values, np.ma.MaskedArray):
        if np.ma.is_masked(values):
            raise shapes.masked(where, name)
        values = values.data
    try:
        return np.asarray(values)
    except ValueError:
        raise shapes.ragged(where, name) from None
    except (RuntimeError, TypeError):
        raise shapes.not_an_array(where, name, values) from None


def real_array(values, where: str, name: str) -> np.ndarray:
    """Return ``values`` as an array of finite real numbers of any shape, or raise."""
    array = as_array(values, where, name)
    shapes.require_numbers(array, where, name)
    return array


def as_labels(labels, num_classes: int, n: int, where: str, name: str = "y"):
    """Return ``labels`` as an int64 array of length ``n`` with values in [0, K)."""
    array = as_array(labels, where, name)
    if array.size == 0 and array.ndim == 1:
        array = array.astype(np.int64)  # an empty list has no type of its own
    shapes.require_labels(array, num_classes, where, name)
    words = "labels" if name == "labels" else f"labels_in_{name}"
    shapes.require_same(where, examples=n, **{words: len(array)})
    return array.astype(np.int64)
