"""Generated 32x32 colour pictures of ten objects, with a dial for each challenge.

Every object is a few signed distance functions: a formula that says how far a point
lies outside (> 0) or inside (< 0) a shape. The share of a pixel which the shape
covers then follows from the distance at its middle, so edges are smooth at any size
without drawing anything larger first.

Why images are hard is held in six dials, each in [0, 1]: ``illumination``,
``deformation``, ``occlusion``, ``clutter``, ``viewpoint`` and ``variation``. A
picture depends only on its seed, its index and the dials: turn a dial and the same
object changes smoothly.

Coordinates: x to the right, y downwards, the picture's middle at (0, 0), and 1 is half
the shorter side. Inside this module pictures are float32 (C, N, H, W) in [0, 1], so
that each colour plane is one block of memory.

Source: the distance functions are the standard ones for disc, box, half-plane and star
(Hart, "Sphere tracing", The Visual Computer 12, 1996, and the graphics folklore since).
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from cnnlab.arrays import as_array, as_labels
from cnnlab.shapes import (
    require_axes,
    require_int,
    require_number,
    require_seed,
    spoken,
)

CLASSES = (
    "cat",
    "fish",
    "house",
    "tree",
    "star",
    "cup",
    "key",
    "boat",
    "mushroom",
    "car",
)
DIALS = (
    "illumination",
    "deformation",
    "occlusion",
    "clutter",
    "viewpoint",
    "variation",
)

_CHUNK = 64  # pictures at a time: their float32 planes stay in the processor's cache
_LAST = 2**62  # index of a picture: fits 64 bits
_INK = 0.09  # width of a drawn line
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601

# --------------------------------------------------------------------------------------
# Public functions
# --------------------------------------------------------------------------------------


def generate(n, seed=0, severity=0.3, labels=None, *, size=32, start=0):
    """Draw ``n`` labelled pictures.

    Picture i depends only on ``seed``, its index ``start + i``, its label and the
    dials, so the first k of n pictures equal ``generate(k, ...)``.

    Parameters
    ----------
    n : int >= 0
    seed : int >= 0
        Another seed gives other, independent pictures.
    severity : float in [0, 1] or dict from dial to float
        One number turns all dials alike; dials that a dict leaves out stand at 0.
    labels : (n,) integers in [0, 10), optional
        Default: all classes equally often in random order (each ten in a row hold
        every class once).
    size : int >= 8
        Side of the pictures in pixels.
    start : int >= 0
        Index of the first picture, to continue where another call stopped.

    Returns
    -------
    images : (n, 3, size, size) uint8, RGB
    labels : (n,) int64

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range.

    Examples
    --------
    >>> images, labels = generate(10, seed=1, severity=0.2)
    >>> images.shape, sorted(labels.tolist())
    ((10, 3, 32, 32), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    """
    n = require_int(n, 0, "generate", "n")
    seed = require_seed(seed, "generate")
    size = require_int(size, 8, "generate", "size")
    start = require_int(start, 0, "generate", "start", _LAST)
    dials = _dials(severity, "generate")
    labels = _labels(labels, n, seed, start)
    images = np.empty((n, 3, size, size), np.uint8)
    for first in range(0, n, _CHUNK):
        part = slice(first, min(first + _CHUNK, n))
        index = np.arange(start + part.start, start + part.stop)
        images[part] = _draw_chunk(seed, index, labels[part], dials, size)
    return images, labels


def draw(label, seed=0, severity=0.0, *, size=32):
    """Draw one object: (3, size, size) uint8.

    Parameters
    ----------
    label : class name or int in [0, 10)
    seed, severity, size : as for :func:`generate`

    Examples
    --------
    >>> draw("cat", seed=4, size=64).shape
    (3, 64, 64)
    """
    if isinstance(label, str):
        if label not in CLASSES:
            raise ValueError(
                f"draw: there is no class {label!r}; choose from {', '.join(CLASSES)}."
            )
        label = CLASSES.index(label)
    label = require_int(label, 0, "draw", "label", len(CLASSES) - 1)
    return generate(1, seed, severity, np.array([label]), size=size)[0][0]


def perturb(images, dial, severity, seed=0, *, start=0):
    """Turn one dial on any pictures, photographs included.

    Parameters
    ----------
    images : (N, C, H, W) uint8 with C = 1 or 3
    dial : one of ``DIALS`` but ``variation``
    severity : float in [0, 1]
        0 returns an unchanged copy.
    seed : int >= 0
    start : int >= 0
        Index of the first picture; picture i depends on ``seed`` and ``start + i``.

    Returns
    -------
    (N, C, H, W) uint8, a new array

    Notes
    -----
    In a generated scene clutter lies behind the object. In a photograph nobody has
    told us where the object is: clutter is laid around the middle, which stays free.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range.
    """
    images = _pictures(images)
    apply = _perturbation(dial)
    level = _dials({dial: severity}, "perturb")[dial]
    seed = require_seed(seed, "perturb")
    start = require_int(start, 0, "perturb", "start", _LAST)
    out = images.copy()
    if level == 0 or out.size == 0:
        return out
    step = max(1, _CHUNK * 3 * 32 * 32 // out[0].size)
    for first in range(0, len(out), step):
        index = start + np.arange(first, min(first + step, len(out)))
        planes = _to_planes(out[first : first + step])
        out[first : first + step] = _to_uint8(apply(planes, seed, index, level))
    return out


# --------------------------------------------------------------------------------------
# Arguments
# --------------------------------------------------------------------------------------


def _dials(severity, where):
    """Return {dial: float} with all six dials."""
    if not isinstance(severity, Mapping):
        severity = dict.fromkeys(DIALS, severity)
    unknown = [name for name in severity if name not in DIALS]
    if unknown:
        raise ValueError(
            f"{where}: there is no dial {spoken(unknown[0])}; choose from "
            f"{', '.join(DIALS)}."
        )
    return {dial: _level(severity.get(dial, 0.0), dial, where) for dial in DIALS}


def _level(value, dial, where):
    """Return ``value`` as a float in [0, 1], or raise."""
    level = require_number(value, None, where, f"the severity of {dial}")
    if not 0.0 <= level <= 1.0:
        raise ValueError(
            f"{where}: the severity of {dial} must lie from 0 (off) to 1 (hardest); "
            f"got {spoken(value)}."
        )
    return level


def _labels(labels, n, seed, start):
    """Return (n,) int64 labels: the given ones, checked, or balanced random ones."""
    if labels is None:
        index = np.arange(start, start + n)
        k = len(CLASSES)
        # Each block of ten indices is one random permutation of the classes.
        order = _uniform(seed, np.unique(index // k), "labels", k).argsort(axis=1)
        return order[(index // k) - start // k, index % k].astype(np.int64)
    labels = as_array(labels, "generate", "labels")
    if labels.ndim == 1 and len(labels) != n:
        raise ValueError(
            f"generate: labels needs one label for each of n = {n} pictures; "
            f"got {len(labels)}. Pass n=len(labels)."
        )
    return as_labels(labels, len(CLASSES), n, "generate", "labels")


def _pictures(images):
    """Return ``images`` if it is (N, C, H, W) uint8 with 1 or 3 channels, or raise."""
    images = as_array(images, "perturb", "images")
    hint = "Add a batch axis: images[None]."
    require_axes(images, "N, C, H, W", "perturb", "images", hint)
    if images.dtype != np.uint8:
        raise TypeError(
            f"perturb: images needs dtype uint8 (0 to 255); got {images.dtype}. "
            "Convert floats in [0, 1]: (255 * images).round().astype(np.uint8)."
        )
    if images.shape[1] not in (1, 3):
        raise ValueError(
            f"perturb: images needs 1 or 3 channels on axis 1; got shape "
            f"{images.shape}. Move the channels: images.transpose(0, 3, 1, 2)."
        )
    return images


def _perturbation(dial):
    """Return the function behind ``dial``, or say why there is none."""
    known = {
        "illumination": _illuminate,
        "deformation": _warp_deformed,
        "occlusion": _occlude,
        "clutter": _scatter_around,
        "viewpoint": _warp_seen,
    }
    if not isinstance(dial, str):
        raise TypeError(f"perturb: dial must be a name; got {spoken(dial)}.")
    if dial == "variation":
        raise ValueError(
            "perturb: variation makes another object of the same class, which only "
            "generated scenes can; use generate(n, severity={'variation': ...})."
        )
    if dial not in known:
        raise ValueError(
            f"perturb: there is no dial {spoken(dial)}; choose from {', '.join(known)}."
        )
    return known[dial]


# --------------------------------------------------------------------------------------
# Random numbers, planes, colours
# --------------------------------------------------------------------------------------


def _uniform(seed, index, stream, count):
    """Return (N, count) float32 in [0, 1), a pure function of its arguments.

    A generator with a state would make picture 7 depend on pictures 0 to 6; hashing
    (seed, stream, index, slot) does not. Source: SplitMix64 (Steele, Lea and Flood,
    "Fast splittable pseudorandom number generators", OOPSLA 2014, figure 16).
    """
    word = int.from_bytes(stream.encode()[:8], "little")
    key = _mix(np.array([seed % 2**64], np.uint64)) ^ np.uint64(word)
    rows = _mix(_mix(key) + np.asarray(index).astype(np.uint64))
    slots = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    bits = _mix(rows[:, None] + slots)
    return (bits >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)


def _mix(z):
    """Scramble uint64 words (the finaliser of SplitMix64)."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _signed(seed, index, stream, count):
    """Return ``count`` columns (N, 1, 1) of float32 in [-1, 1)."""
    u = 2 * _uniform(seed, index, stream, count) - 1
    return [u[:, k, None, None] for k in range(count)]


def _axes(height, width):
    """Return x (1, 1, W), y (1, H, 1) of the pixel middles, and the pixel's side."""
    pixel = 2.0 / min(height, width)
    x = (np.arange(width, dtype=np.float32) + 0.5 - width / 2) * np.float32(pixel)
    y = (np.arange(height, dtype=np.float32) + 0.5 - height / 2) * np.float32(pixel)
    return x[None, None, :], y[None, :, None], pixel


def _cover(distance, pixel):
    """Return the share in [0, 1] of each pixel inside a shape, from its distance."""
    share = distance * (-1.0 / pixel)
    share += 0.5
    return np.clip(share, 0.0, 1.0, out=share)


def _paint(planes, alpha, colour):
    """Lay ``colour`` (N, C) over ``planes`` (C, N, H, W) with ``alpha`` (N, H, W)."""
    if len(planes) == 1:
        colour = colour @ _LUMA[:, None]
    change = np.empty_like(alpha)
    for c, plane in enumerate(planes):
        np.subtract(colour[:, c, None, None], plane, out=change)
        change *= alpha
        plane += change


def _colour(luminance, chroma, hue):
    """Return (N, 3) colours in [0, 1]; hue in turns, chroma 0 is grey."""
    angle = 2 * np.pi * (hue[:, None] - np.array([0, 1 / 3, 2 / 3], np.float32))
    tint = np.cos(angle).astype(np.float32)
    tint -= (tint @ _LUMA)[:, None]  # a tint changes the hue, not the luminance
    return np.clip(luminance[:, None] + chroma[:, None] * tint, 0, 1)


def _to_planes(images):
    """uint8 (N, C, H, W) -> float32 (C, N, H, W) in [0, 1]."""
    return np.ascontiguousarray(images.transpose(1, 0, 2, 3)) * np.float32(1 / 255)


def _to_uint8(planes):
    """float32 (C, N, H, W) -> uint8 (N, C, H, W), rounded."""
    planes = np.clip(planes, 0.0, 1.0) * np.float32(255)
    return (planes + np.float32(0.5)).astype(np.uint8).transpose(1, 0, 2, 3)


# --------------------------------------------------------------------------------------
# The dials
# --------------------------------------------------------------------------------------


def _seen_from(x, y, seed, index, level):
    """Viewpoint: map points of the picture to points of the object.

    Returns x, y (N, H, W) and the scale (N, 1, 1): turned by up to 30 degrees, 0.64 to
    1.08 times as large, foreshortened to 0.8, moved by up to 0.22.
    """
    turn, grow, squash, dx, dy = _signed(seed, index, "view", 5)
    angle = turn * (level * np.float32(np.radians(30)))
    scale = 1 + level * (0.22 * grow - 0.14)
    narrow = scale * (1 - level * 0.1 * (squash + 1))
    cos, sin = np.cos(angle), np.sin(angle)
    x, y = x - level * 0.22 * dx, y - level * 0.22 * dy
    return (cos * x + sin * y) / narrow, (cos * y - sin * x) / scale, scale


def _deformed(x, y, seed, index, level):
    """Deformation: move points along smooth random waves (sums of sines)."""
    u = _signed(seed, index, "deform", 8)
    waves = []
    for first, (along, across) in ((0, (x, y)), (4, (y, x))):
        a, b, c, d = u[first : first + 4]
        bend = (0.09 + 0.03 * a) * np.sin((3.5 + a) * across + np.pi * b)
        swell = 0.06 * np.sin((5 + c) * along + np.pi * d) * np.cos(4 * across + a)
        waves.append(level * (bend + swell))
    return x + waves[0], y + waves[1]


def _warp(planes, x, y, pixel):
    """Sample ``planes`` bilinearly at points x, y (N, H, W); edges are mirrored."""
    _, _, height, width = planes.shape
    column = _mirror(x / pixel + (width - 1) / 2, width)
    row = _mirror(y / pixel + (height - 1) / 2, height)
    left, top = column.astype(np.intp), row.astype(np.intp)
    right = np.minimum(left + 1, width - 1)
    below = np.minimum(top + 1, height - 1)
    fx, fy = column - left, row - top
    n = np.arange(planes.shape[1])[:, None, None]
    out = np.empty_like(planes)
    for plane, target in zip(planes, out, strict=True):
        upper = plane[n, top, left] * (1 - fx) + plane[n, top, right] * fx
        lower = plane[n, below, left] * (1 - fx) + plane[n, below, right] * fx
        target[:] = upper * (1 - fy) + lower * fy
    return out


def _mirror(position, size):
    """Fold positions into [0, size - 1] as between two mirrors."""
    if size == 1:
        return np.zeros_like(position)
    period = 2 * (size - 1)
    return (size - 1) - np.abs(np.mod(position, period) - (size - 1))


def _warp_seen(planes, seed, index, level):
    x, y, pixel = _axes(*planes.shape[2:])
    x, y, _ = _seen_from(x, y, seed, index, level)
    return _warp(planes, x, y, pixel)


def _warp_deformed(planes, seed, index, level):
    x, y, pixel = _axes(*planes.shape[2:])
    return _warp(planes, *_deformed(x, y, seed, index, level), pixel)


def _illuminate(planes, seed, index, level):
    """Illumination: exposure, light from one side, a coloured lamp, a cast shadow."""
    x, y, _ = _axes(*planes.shape[2:])
    exposure, side, angle, edge, depth, warm = _signed(seed, index, "light", 6)
    theta = np.pi * angle
    cos, sin = np.cos(theta), np.sin(theta)
    # Half of the pictures get darker and half lighter; none stays as it was.
    stops = np.where(exposure < 0, 0.7 * exposure - 0.25, 0.25 * exposure + 0.15)
    ramp = 0.2 + 0.3 * np.abs(side)
    light = np.exp(level * (stops + ramp * cos * x)) * np.exp(level * ramp * sin * y)
    shadow = np.clip(0.5 + 4 * (sin * x - cos * y - 0.4 * edge), 0, 1)
    light *= 1 - level * (0.4 + 0.2 * depth) * shadow
    lamp = level * 0.25 * warm * np.array([1, 0, -1], np.float32)
    for c, plane in enumerate(planes):
        plane *= light * (1 + lamp[..., c, None] if len(planes) == 3 else 1)
    return np.minimum(planes, 1, out=planes)


def _occlude(planes, seed, index, level):
    """Occlusion: two bars and a disc in front, which grow with the dial."""
    u = _uniform(seed, index, "occlude", 24)
    for k, kind in enumerate((_bar, _bar, _round)):
        px, py, turn, big, thin, lum, chroma, hue = u[:, 8 * k : 8 * k + 8].T
        x, y, pixel = _around(planes, 1.5 * px - 0.75, 1.5 * py - 0.75, turn)
        a = level * (0.14 + 0.16 * big[:, None, None])
        alpha = _cover(kind(x, y, a, a * (0.4 + thin[:, None, None])), pixel)
        alpha *= min(1.0, 8 * level)  # a shape of size 0 must not leave a dot
        _paint(planes, alpha, _colour(0.1 + 0.8 * lum, 0.3 * chroma, hue))
    return planes


def _scatter_around(planes, seed, index, level):
    """Clutter for a picture of which no object is known: its middle stays free."""
    x, y, _ = _axes(*planes.shape[2:])
    x, y = (v / max(np.abs(v).max(), 1e-6) for v in (x, y))
    mask = np.clip(4 * np.sqrt(x * x + y * y) - 2, 0, 1)
    base = 0.2 + 0.6 * _uniform(seed, index, "ground", 1)[:, 0]
    return _scatter(planes, seed, index, level, base, mask)


def _scatter(planes, seed, index, level, base, mask=None):
    """Clutter: stripes, and six shapes that grow with the dial.

    ``base`` (N,) is the luminance of the ground, which the shapes differ from;
    ``mask`` (1, H, W) in [0, 1] keeps parts of the picture free.
    """
    _stripe(planes, seed, index, level, mask)
    u = _uniform(seed, index, "clutter", 48)
    for k, kind in enumerate((_round, _wedge, _bar, _loop, _wedge, _bar)):
        px, py, turn, big, thin, lum, chroma, hue = u[:, 8 * k : 8 * k + 8].T
        x, y, pixel = _around(planes, 2.2 * px - 1.1, 2.2 * py - 1.1, turn)
        a = level * (0.2 + 0.3 * big[:, None, None])
        alpha = _cover(kind(x, y, a, a * (0.2 + 0.5 * thin[:, None, None])), pixel)
        alpha *= min(1.0, 8 * level) * (1 if mask is None else mask)
        away = np.where(lum < 0.5, -0.12 - 0.4 * lum, 0.6 * lum - 0.18)
        _paint(planes, alpha, _colour(np.clip(base + away, 0, 1), 0.25 * chroma, hue))
    return planes


def _stripe(planes, seed, index, level, mask):
    """Add stripes of a random direction, width and strength."""
    x, y, _ = _axes(*planes.shape[2:])
    turn, width, phase, strength = _signed(seed, index, "stripe", 4)
    wave = np.pi * (5 + 2 * width)
    kx, ky = wave * np.cos(np.pi * turn), wave * np.sin(np.pi * turn)
    # sin(a + b) in products of rows and columns: no sine for every pixel
    a, b = kx * x + np.pi * phase, ky * y
    stripes = np.sin(a) * np.cos(b) + np.cos(a) * np.sin(b)
    stripes *= level * 0.07 * (1 + strength)
    planes += stripes if mask is None else stripes * mask


def _around(planes, px, py, turn):
    """Return x, y (N, H, W) around points of the frame, turned, and the pixel side.

    px, py (N,) run from -1 to 1 between the borders, turn (N,) from 0 to 1 once round.
    """
    x, y, pixel = _axes(*planes.shape[2:])
    px, py = (v[:, None, None] for v in (px * np.abs(x).max(), py * np.abs(y).max()))
    cos, sin = (f(2 * np.pi * turn)[:, None, None] for f in (np.cos, np.sin))
    dx, dy = x - px, y - py
    return cos * dx + sin * dy, cos * dy - sin * dx, pixel


# --------------------------------------------------------------------------------------
# Distances to simple shapes: all (N, H, W), negative inside
# --------------------------------------------------------------------------------------


def _disc(x, y, r):
    return np.sqrt(x * x + y * y) - r


def _oval(x, y, a, b):
    """Ellipse with half axes a, b; exact on its edge, rough far away."""
    u, v = x * (1 / a), y * (1 / b)
    return (np.sqrt(u * u + v * v) - 1) * np.minimum(a, b)


def _box(x, y, a, b):
    """Rectangle of half sides a, b; never too large at corners, exact elsewhere."""
    return np.maximum(np.abs(x) - a, np.abs(y) - b)


def _line(x, y, x0, y0, x1, y1):
    """Half-plane on the right of the way from (x0, y0) to (x1, y1), y downwards."""
    nx, ny = y1 - y0, x0 - x1
    length = np.sqrt(nx * nx + ny * ny)
    nx, ny = nx / length, ny / length
    return nx * x + (ny * y - (nx * x0 + ny * y0))


def _polygon(x, y, *points):
    """Convex polygon; points go clockwise as seen (y downwards)."""
    distance = None
    for (x0, y0), (x1, y1) in zip(points, points[1:] + points[:1], strict=True):
        side = _line(x, y, x0, y0, x1, y1)
        distance = side if distance is None else np.maximum(distance, side)
    return distance


def _round(x, y, a, b):
    return _disc(x, y, 0.5 * (a + b))


def _bar(x, y, a, b):
    return _box(x, y, 1.3 * a, 0.7 * b)


def _wedge(x, y, a, b):
    """Triangle of height 2a and base 2a."""
    return np.maximum(0.894 * np.abs(x) + 0.447 * (y - a), -y - a)


def _loop(x, y, a, b):
    """Ring of radius a and half width b / 3."""
    return np.abs(_disc(x, y, a)) - b * (1 / 3)


# --------------------------------------------------------------------------------------
# The ten objects
# --------------------------------------------------------------------------------------


class _Parts(NamedTuple):
    """Distances (N, H, W) of what is painted in turn; body and second get outlines."""

    body: np.ndarray
    second: np.ndarray | None = None
    ink: np.ndarray | None = None


# In each: x, y (N, H, W) are points of the object, p[k] (N, 1, 1) in [-1, 1] change its
# proportions. a = |x| draws both halves of a symmetric thing at once.


def _cat(x, y, p):
    """A head with two triangular ears, eyes, nose, whiskers and a muzzle."""
    a, wide = np.abs(x), 0.6 + 0.08 * p[0]
    head = _oval(x, y - 0.22, wide, 0.52 + 0.05 * p[1])
    tip = (wide - 0.06 + 0.08 * p[2], -0.76 + 0.08 * p[3])
    ear = _polygon(a, y, (0.12, -0.2), tip, (wide + 0.02, 0.2))
    muzzle = _oval(x, y - 0.48, 0.24 + 0.05 * p[4], 0.17)
    eyes = _oval(a - 0.25, y - 0.1, 0.08, 0.12 + 0.03 * p[5])
    whiskers = _box(a - 0.66, y - 0.4, 0.2, 0.02)
    ink = np.minimum(np.minimum(eyes, whiskers), _disc(x, y - 0.38, 0.07))
    return _Parts(np.minimum(head, ear), muzzle, ink)


def _fish(x, y, p):
    """A pointed oval that looks left, with a forked tail, a fin and an eye."""
    a = np.abs(y)
    fat = 0.44 + 0.1 * p[0]  # the oval is where two large discs overlap
    bow = (0.64**2 - fat * fat) / (2 * fat)
    oval = _disc(x + 0.2, a + bow, bow + fat)
    tip, fork = (0.86, 0.46 + 0.12 * p[1]), (0.64 + 0.08 * p[2], 0.0)
    tail = np.maximum(_line(x, a, *fork, *tip), _line(x, a, *tip, 0.26, 0.0))
    fin = _polygon(x, y, (-0.14, 0.02), (0.2, -0.12 + 0.1 * p[3]), (0.14, 0.2))
    eye = _disc(x + 0.5, y + 0.07, 0.08 + 0.02 * p[4])
    return _Parts(np.minimum(oval, tail), fin, eye)


def _house(x, y, p):
    """A wall with a door and a window under a pointed roof."""
    a, wide, eaves = np.abs(x), 0.52 + 0.1 * p[0], -0.08 + 0.1 * p[1]
    wall = np.maximum(a - wide, np.maximum(eaves - y, y - 0.76))
    slope = _line(a, y, 0.0, -0.78 + 0.1 * p[2], wide + 0.26, eaves)
    roof = np.maximum(slope, y - eaves)
    door = _box(x + 0.2, y - 0.52, 0.11 + 0.02 * p[3], 0.24)
    window = np.abs(_box(x - 0.2, y - 0.32, 0.12, 0.12)) - 0.035
    return _Parts(wall, roof, np.minimum(door, window))


def _tree(x, y, p):
    """A fir: two tiers of branches on a trunk."""
    a, wide, cut = np.abs(x), 0.64 + 0.1 * p[0], -0.12 + 0.08 * p[1]
    top = np.maximum(_line(a, y, 0.0, -0.86, 0.72 * wide, cut), y - cut)
    low = np.maximum(_line(a, y, 0.0, -0.52, wide, 0.45), y - 0.45)
    trunk = _box(x, y - 0.6, 0.11 + 0.04 * p[2], 0.24)
    branches = np.minimum(top, low)
    return _Parts(branches, np.maximum(trunk, 0.45 - y))


def _star(x, y, p):
    """Five points, by folding the plane along two mirrors; two eyes."""
    u, v = np.abs(x), -y + 0.02
    c, s = 0.809017, 0.587785  # cos, sin of 36 degrees
    fold = 2 * np.maximum(c * u - s * v, 0)
    u, v = u - c * fold, v + s * fold
    fold = 2 * np.maximum(-c * u - s * v, 0)
    u, v = np.abs(u + c * fold), v + s * fold - 0.86
    inner = 0.46 + 0.08 * p[0]  # how far in the notches reach
    bx, by = s * inner, c * inner - 1
    distance = (v * bx - u * by) / np.sqrt(bx * bx + by * by)
    eyes = _oval(np.abs(x) - 0.14 - 0.03 * p[1], y + 0.02, 0.06, 0.1)
    return _Parts(distance, None, eyes)


def _cup(x, y, p):
    """A tapered cup with a handle and a rim, steaming."""
    half, foot = 0.46 + 0.08 * p[0], 0.32 + 0.08 * p[1]
    u, rim = x + 0.14, -0.22 + 0.06 * p[2]
    side = _line(np.abs(u), y, half, rim, foot, 0.76)
    cup = np.maximum(side, np.maximum(rim - y, y - 0.76))
    handle = np.abs(_oval(x - 0.36, y - 0.2, 0.27 + 0.05 * p[3], 0.25)) - 0.06
    band = np.maximum(cup, y - rim - 0.22)
    sway = np.abs(np.abs(u) - 0.16 + 0.05 * np.sin(11 * y + 3 * p[4])) - 0.035
    steam = np.maximum(sway, np.abs(y + 0.58) - 0.2)
    return _Parts(np.minimum(cup, handle), band, steam)


def _key(x, y, p):
    """A ring, a shaft and two teeth."""
    r, bit = 0.28 + 0.04 * p[0], 0.16 + 0.05 * p[1]
    ring = np.abs(_disc(x + 0.5, y + 0.05, r)) - (0.1 + 0.02 * p[2])
    shaft = _box(x - 0.3, y + 0.05, 0.53, 0.09 + 0.02 * p[3])
    gap = 0.17 + 0.03 * p[4]
    teeth = _box(np.abs(x - 0.58) - gap, y - bit, 0.085, bit)
    return _Parts(np.minimum(np.minimum(ring, shaft), teeth))


def _boat(x, y, p):
    """A hull, a mast and two sails."""
    deck, keel = 0.8 + 0.05 * p[0], 0.46 + 0.08 * p[1]
    side = _line(np.abs(x), y, deck, 0.34, keel, 0.76)
    hull = np.maximum(side, np.maximum(0.34 - y, y - 0.76))
    top = -0.8 + 0.06 * p[2]
    main = _polygon(x, y, (0.06, top), (0.62 + 0.08 * p[3], 0.2), (0.06, 0.2))
    jib = _polygon(x, y, (-0.06, top + 0.3), (-0.06, 0.2), (-0.5 - 0.1 * p[4], 0.2))
    mast = np.maximum(np.abs(x) - 0.03, np.maximum(top - 0.06 - y, y - 0.34))
    return _Parts(hull, np.minimum(main, jib), mast)


def _mushroom(x, y, p):
    """Half an oval with spots on a stem that widens downwards."""
    brim = 0.08 + 0.08 * p[0]
    tall = 0.82 + 0.08 * p[1]
    cap = np.maximum(_oval(x, y - brim, 0.74 + 0.08 * p[2], tall), y - brim)
    flare = 0.2 + 0.04 * p[3]
    side = _line(np.abs(x), y, flare, brim, flare + 0.1, 0.76)
    stem = np.maximum(side, np.maximum(brim - y, y - 0.76))
    spots = np.minimum(
        _disc(np.abs(x) - 0.4, y + 0.12, 0.11 + 0.03 * p[4]),
        _disc(x + 0.05, y + 0.42, 0.13 + 0.03 * p[5]),
    )
    return _Parts(cap, np.minimum(stem, spots))


def _car(x, y, p):
    """A long box with a cabin, a window and two wheels."""
    a, roof, belt = np.abs(x + 0.05), -0.44 + 0.08 * p[0], -0.02
    chassis = _box(x, y - 0.2, 0.84, 0.22)
    side = _line(a, y, 0.34 + 0.08 * p[1], roof, 0.58 + 0.06 * p[2], belt + 0.04)
    cabin = np.maximum(side, np.maximum(roof - y, y - 0.2))
    pane = np.maximum(np.maximum(side, roof - y) + 0.12, y - belt)
    window = np.maximum(pane, 0.045 - a)  # a post divides it
    wheels = _disc(np.abs(x) - 0.46 - 0.04 * p[3], y - 0.44, 0.2 + 0.03 * p[4])
    return _Parts(np.minimum(chassis, cabin), window, wheels)


# In the order of CLASSES.
_OBJECTS = (_cat, _fish, _house, _tree, _star, _cup, _key, _boat, _mushroom, _car)

# --------------------------------------------------------------------------------------
# A picture: ground, clutter, object, things in front, light
# --------------------------------------------------------------------------------------


class _Palette(NamedTuple):
    """Colours (N, 3) and opacities (N, 1, 1) of one object and its ground."""

    ground: np.ndarray
    luminance: np.ndarray  # (N,) of the ground
    body: np.ndarray
    second: np.ndarray
    ink: np.ndarray
    fill: np.ndarray
    line: np.ndarray


def _palette(seed, index, level):
    """Choose colours: hues always free, light and style through ``variation``.

    No number here depends on the label, so colour cannot give the class away.
    """
    u = _uniform(seed, index, "palette", 14)
    v = (2 * u - 1) * level
    night = u[:, 0] < 0.3  # a light drawing on dark ground; else dark on light
    ground = np.where(night, 0.2, 0.86) + v[:, 1] * 0.12
    body = np.where(night, 0.58 + 0.12 * v[:, 2], 0.46 + 0.18 * v[:, 2])
    second = np.where(night, 0.8, 0.68) + 0.15 * v[:, 3]
    ink = np.where(night, 0.97, 0.1)
    # Either the filling fades or the outline, never both.
    fill = 1 - level * np.where(u[:, 6] > 0.4, np.maximum(1 - 2.2 * u[:, 5], 0), 0)
    line = 1 - level * np.maximum(0.8 - 2.2 * u[:, 6], 0)
    hue = u[:, 7] + (0.5 + 0.25 * (2 * u[:, 8] - 1))
    return _Palette(
        ground=_colour(ground, 0.1 + 0.08 * v[:, 9], u[:, 7]),
        luminance=ground,
        body=_colour(body, 0.32 + 0.15 * v[:, 10], hue),
        second=_colour(second, 0.25 + 0.15 * v[:, 11], u[:, 12]),
        ink=_colour(ink, 0.1 * u[:, 13], hue),
        fill=fill[:, None, None],
        line=line[:, None, None],
    )


def _draw_chunk(seed, index, labels, dials, size):
    """Return (N, 3, size, size) uint8; pictures of one class are drawn together."""
    order = np.argsort(labels, kind="stable")
    index, labels = index[order], labels[order]
    palette = _palette(seed, index, dials["variation"])
    planes = np.empty((3, len(index), size, size), np.float32)
    planes[:] = palette.ground.T[:, :, None, None]
    if dials["clutter"]:
        _scatter(planes, seed, index, dials["clutter"], palette.luminance)
    _paint_objects(planes, seed, index, labels, dials, palette)
    if dials["occlusion"]:
        _occlude(planes, seed, index, dials["occlusion"])
    if dials["illumination"]:
        _illuminate(planes, seed, index, dials["illumination"])
    images = np.empty((len(index), 3, size, size), np.uint8)
    images[order] = _to_uint8(planes)
    return images


def _paint_objects(planes, seed, index, labels, dials, palette):
    """Paint the object of each picture; ``labels`` (N,) are sorted."""
    x, y, pixel = _axes(*planes.shape[2:])
    x, y = _deformed(x, y, seed, index, dials["deformation"])
    x, y, scale = _seen_from(x, y, seed, index, dials["viewpoint"])
    *p, wide, tall = (dials["variation"] * v for v in _signed(seed, index, "parts", 8))
    x, y = x / (1 + 0.18 * wide), y / (1 + 0.18 * tall)
    for label in np.unique(labels):
        here = slice(*np.searchsorted(labels, [label, label + 1]))
        parts = _OBJECTS[label](x[here], y[here], [1.4 * v[here] for v in p])
        colours = _Palette(*(field[here] for field in palette))
        _paint_object(planes[:, here], parts, colours, pixel / scale[here])


def _paint_object(planes, parts, colours, pixel):
    """Fill body and second, then draw outlines and details in ink."""
    half = 0.5 * _INK
    lines = np.abs(parts.body) - half
    _paint(planes, _cover(parts.body, pixel) * colours.fill, colours.body)
    if parts.second is not None:
        _paint(planes, _cover(parts.second, pixel) * colours.fill, colours.second)
        lines = np.maximum(lines, -parts.second)  # second lies over the body's outline
        lines = np.minimum(lines, np.abs(parts.second) - half)
    alpha = _cover(lines, pixel) * colours.line
    if parts.ink is not None:
        alpha = np.maximum(alpha, _cover(parts.ink, pixel))
    _paint(planes, alpha, colours.ink)
