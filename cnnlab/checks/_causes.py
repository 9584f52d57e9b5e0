"""Likely causes that can be read off the numbers alone, wanted beside got."""

import numpy as np

_CUT_OFF = "fractions are cut off: rounded, or stored with an integer dtype."


def general_cause(wanted: tuple, got: tuple) -> str | None:
    """Return a likely cause that can be read off the numbers alone."""
    for one, other in zip(wanted, got, strict=False):
        try:
            w, g = np.asarray(one, dtype=float), np.asarray(other, dtype=float)
        except (TypeError, ValueError):
            return None
        if w.shape == g.shape and np.allclose(g, w, rtol=1e-6, atol=1e-8):
            continue  # one of several results, and right
        whole = np.asarray(other).dtype.kind in "iu"
        if w.shape != g.shape:
            cause = _cause_of_shape(w, g)
        elif whole and _cut_off(w, g):
            cause = _CUT_OFF
        else:
            cause = _cause_of_values(w, g)
        if cause:
            return cause
    return None


def _cut_off(w: np.ndarray, g: np.ndarray) -> bool:
    """Say whether g is w without its fractions; 2.9999999999 may have been 3."""
    return bool(np.all((g == np.trunc(w)) | (g == np.rint(w)) & np.isclose(g, w)))


def _cause_of_shape(w: np.ndarray, g: np.ndarray) -> str | None:
    if w.ndim == 0 and g.size != 1:
        return "one number is wanted, not an array: sum or average over all axes."
    if g.shape == w.shape[::-1] and np.allclose(g.T, w, equal_nan=True):
        return "the result is transposed: rows and columns are exchanged."
    if g.shape == w.shape[::-1]:
        return "rows and columns are exchanged."
    if _without(g.shape, 1) == _without(w.shape, 1) and g.ndim > w.ndim:
        return "one axis of length 1 too many: squeeze it, or sum without keepdims."
    if _without(g.shape, 1) == _without(w.shape, 1) and g.ndim < w.ndim:
        return "an axis of length 1 is lost: it was squeezed, or indexed away."
    if g.size == w.size:
        return "the right number of values in another shape: reshape the result."
    if g.ndim > w.ndim:
        return "an axis too many: sum, average or pick along it."
    if g.ndim < w.ndim:
        return "an axis was summed or averaged away that should stay."
    return None


def _without(shape: tuple[int, ...], size: int) -> tuple[int, ...]:
    return tuple(one for one in shape if one != size)


def _cause_of_values(w: np.ndarray, g: np.ndarray) -> str | None:
    if np.isnan(g).any() and not np.isnan(w).any():
        return "not-a-number: 0/0, inf - inf, or the root of a negative number."
    if np.isinf(g).any() and not np.isinf(w).any():
        return "infinity: exp of a large number, or a division by zero."
    wrong = ~np.isclose(g, w)
    near = max(1e-5, 1e-3 * float(np.abs(w).max(initial=0)))
    if not wrong.any() or (w.size > 1 and np.allclose(g, w, rtol=1e-3, atol=near)):
        return (
            "round-off: nearly right. Compute in float64, round nothing, and cancel "
            "less."
        )
    if np.allclose(g, -w):
        return "the sign is reversed."
    if w.ndim == 2 and w.shape[0] == w.shape[1] and np.allclose(g, w.T):
        return "the result is transposed: rows and columns are exchanged."
    if w.size < 2:
        return None
    if not g.any():
        return "every value is 0: was the result ever filled in?"
    if np.array_equal(g, np.trunc(w)) or np.array_equal(g, np.rint(w)):
        return _CUT_OFF
    return _cause_of_pattern(w, g)


def _cause_of_pattern(w: np.ndarray, g: np.ndarray) -> str | None:
    used = np.abs(w) > 1e-12
    if used.sum() > 1:
        ratio = g[used] / w[used]
        if not np.isclose(ratio[0], (0, 1)).any() and np.allclose(g, ratio[0] * w):
            return f"every value is {ratio[0]:.4g} times the wanted one."
    if np.allclose(g, np.abs(w)):
        return "the signs are lost: negative values came out positive."
    shift = g - w
    if np.allclose(shift, shift.flat[0]):
        return f"every value is off by the same {shift.flat[0]:.4g}."
    if (w >= 0).all() and np.allclose(g, np.sqrt(w)):
        return "a square root too many."
    if np.allclose(g, w**2) and not np.allclose(g, np.abs(w)):
        return "the values are squared: a square root is missing."
    return None
