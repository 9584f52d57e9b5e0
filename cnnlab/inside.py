"""What a network learned, made visible: filters, towers, blame, and neighbours.

The short forms that notebook 14 teaches. `attribution` has the same maps for every
batch and every layer, with all questions of form answered.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cnnlab import arrays, shapes
from cnnlab.data import pictures

SMALL = 16  # pixels; from fewer, little is to be recognised


# ------------------------------------------------------------------------ the network


@dataclass(frozen=True)
class Subject:
    """A network to look into, and how it takes a photograph.

    Attributes
    ----------
    net : any ``nn.Module`` that turns images into scores (N, K)
    ready : turns uint8 images (N, 3, side, side) into what ``net`` takes
    classes : their names, in the order of the scores
    side : pixels of a photograph before ``ready``
    """

    net: object
    ready: Callable
    classes: tuple[str, ...]
    side: int

    def shares(self, images) -> np.ndarray:
        """Return the probabilities (N, K) of uint8 images (N, 3, side, side)."""
        import torch

        images = arrays.as_array(images, "Subject", "images")
        shapes.require_axes(images, "N, C, H, W", "Subject", "images")
        with torch.no_grad():
            return self.net(self.ready(images)).softmax(1).numpy()


def subject(shipped) -> Subject:
    """Return a network that comes with the course, ready to be looked into."""
    store = shipped.about["recipe"]["store"]
    return Subject(shipped.net, shipped.input, shipped.classes, store)


def photograph(content: bytes, side: int) -> tuple[np.ndarray, str]:
    """Return a picture file's centre square, uint8 (3, side, side), and a remark.

    The remark says what a reader should know of it: grey, tiny, see-through.

    Raises
    ------
    ValueError
        If ``content`` is no picture; the text says what it is.
    """
    side = shapes.require_int(side, 1, "photograph", "side", 4096)
    if not isinstance(content, (bytes, bytearray, memoryview)):
        raise TypeError(
            f"photograph: content must be bytes, got {type(content).__name__}. Read "
            "the file: Path(name).read_bytes()."
        )
    try:
        pixels = pictures.decode(io.BytesIO(bytes(content)), side)
    except pictures.Unreadable as fault:
        raise ValueError(f"This file is not a readable picture: {fault}.") from None
    high, wide, clear = _facts(bytes(content))
    remarks = []
    if min(high, wide) < SMALL:
        remarks.append(f"It has {wide} × {high} pixels only, and was enlarged.")
    if max(high, wide) >= 3 * min(high, wide):
        remarks.append("Of this long picture, the centre square is used.")
    if clear:
        remarks.append("Where it is see-through, the colour stored beneath is used.")
    if (pixels.max(axis=2) - pixels.min(axis=2)).max() <= 2:
        remarks.append("It is grey.")
    return pixels.transpose(2, 0, 1).copy(), " ".join(remarks)


def _facts(content: bytes) -> tuple[int, int, bool]:
    """Return height, width, and whether a picture that was read is see-through."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content), formats=list(pictures.FORMATS)) as image:
            clear = "A" in image.getbands() or "transparency" in image.info
            return image.height, image.width, clear
    except Exception:  # what is too large for Pillow, or odd, is neither
        return SMALL, SMALL, False


# ------------------------------------------------------------------- filters, towers


def colour_share(filters) -> np.ndarray:
    """Return how colourful first-layer filters are: 0 for grey, up to 1.

    Of a filter's squared weights, the share that is left once each place's mean over
    the three colours is taken away.
    """
    filters = _filters(filters, "colour_share")
    filters = filters / np.maximum(_largest(filters), 1e-300)  # squares stay finite
    colour = filters - filters.mean(axis=1, keepdims=True)
    return _share((colour**2).sum(axis=(1, 2, 3)), (filters**2).sum(axis=(1, 2, 3)))


def fineness(filters, size: int = 32) -> np.ndarray:
    """Return the mean spatial frequency of first-layer filters, in cycles a pixel.

    A wave that changes its sign with each pixel has 0.5. Mean over the power spectrum
    of the three colours, each padded to ``size`` with zeros; so even a flat filter has
    an edge, and about 0.1 at 7 × 7 pixels.
    """
    filters = _filters(filters, "fineness")
    size = shapes.require_int(size, max(filters.shape[2:]), "fineness", "size", 4096)
    power = (np.abs(np.fft.fft2(filters, s=(size, size))) ** 2).sum(axis=1)
    along = np.fft.fftfreq(size)
    cycles = np.hypot(along[:, None], along[None])
    return _share((power * cycles).sum(axis=(1, 2)), power.sum(axis=(1, 2)))


def tower_gaps(values, shuffles: int = 2000, seed: int = 0) -> tuple[float, np.ndarray]:
    """Return the gap between two towers' means, and that of each shuffle.

    Parameters
    ----------
    values : one number a filter; the first half of them belongs to the first tower
    """
    values = _values(values, "tower_gaps")
    shuffles = shapes.require_int(shuffles, 1, "tower_gaps", "shuffles")
    rng = np.random.default_rng(seed)
    half = len(values) // 2

    def gap(order):
        return abs(order[:half].mean() - order[half:].mean())

    shuffled = np.array([gap(rng.permutation(values)) for _ in range(shuffles)])
    return float(gap(values)), shuffled


def tower_test(values, shuffles=2000, seed=0):
    """Return how often chance alone sets two towers as far apart as they are.

    A permutation test: the values are dealt out to both towers anew, ``shuffles``
    times. The order found counts as one of them, so that the share is never 0.

    Parameters
    ----------
    values : (F,) one number a filter, F even; the first half is the first tower
    """
    values = _values(values, "tower_test")
    shuffles = shapes.require_int(shuffles, 1, "tower_test", "shuffles")
    tiny = 1e-12 * np.abs(values).max()  # equal sums may differ in a last bit
    rng = np.random.default_rng(seed)
    half = len(values) // 2
    found = abs(values[:half].mean() - values[half:].mean())
    count = 1
    for _ in range(shuffles):
        order = rng.permutation(values)
        gap = abs(order[:half].mean() - order[half:].mean())
        count += bool(gap >= found - tiny)
    return count / (shuffles + 1)


# ------------------------------------------------------------------------------ blame


def saliency(net, x, target):
    """Return how much each pixel could move a score: the largest |gradient|.

    ``m = max over the colours of |d score / d x|``: x (N, C, H, W) -> (N, H, W).
    """
    import torch

    x = x.detach().clone().requires_grad_()
    score = net(x)[:, target].sum()  # image by image: no score sees another image
    [gradient] = torch.autograd.grad(score, x)
    return gradient.abs().amax(dim=1)


def occlusion_map(net, x, target, window, stride):
    """Return by how much a score falls when a square is covered with zeros.

    The square in row i and column j begins at pixel (i · stride, j · stride) and has
    ``window`` pixels a side; squares lie within the image.
    x (N, C, H, W) -> (N, rows, columns); positive where covering lowers the score.
    """
    import torch

    _require_squares(x, target, window, stride)
    whole = net(x)[:, target]
    rows = []
    for top in range(0, x.shape[2] - window + 1, stride):
        row = []
        for left in range(0, x.shape[3] - window + 1, stride):
            covered = x.clone()
            covered[:, :, top : top + window, left : left + window] = 0
            row.append(whole - net(covered)[:, target])
        rows.append(torch.stack(row, dim=1))
    return torch.stack(rows, dim=1)


def grad_cam(lower, upper, x, target):
    """Return where the maps of a layer speak for a class.

    ``lower(x)`` gives the maps A (N, F, h, w), ``upper(A)`` the scores (N, K).
    ``w_f = mean over the places of d score / d A_f``, and the result is
    ``max(0, sum over f of w_f A_f)``: (N, h, w).
    """
    import torch

    maps = lower(x).detach().requires_grad_()
    [gradient] = torch.autograd.grad(upper(maps)[:, target].sum(), maps)
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    return (weights * maps).sum(dim=1).relu().detach()


def cut(net, layer: str, x):
    """Return a network as two functions: up to a layer, and on from there.

    Works for every ``nn.Module`` that runs the layer once. ``upper`` is for batches of
    as many images as ``x``.
    """
    named = dict(net.named_modules())
    shapes.require_choice(layer, tuple(name for name in named if name), "cut", "layer")
    module = named[layer]

    def lower(x):
        kept = []
        hook = module.register_forward_hook(lambda *three: kept.append(three[2]))
        try:
            net(x)
        finally:
            hook.remove()
        return kept[0].clone()  # a ReLU in place changes the other one

    def upper(maps):
        hook = module.register_forward_hook(lambda *three: maps.clone())
        try:
            return net(x)
        finally:
            hook.remove()

    return lower, upper


def three_maps(net, x, target, layer, window=14, stride=14, saliency=saliency,
               occlusion_map=occlusion_map, grad_cam=grad_cam) -> dict:  # fmt: skip
    """Return saliency, occlusion and Grad-CAM of a batch, by name: (N, H, W) each.

    Parameters
    ----------
    layer : whose maps Grad-CAM weighs
    window, stride : of the squares that cover, in pixels
    saliency, occlusion_map, grad_cam : such as a learner's own
    """
    import torch

    size = tuple(x.shape[2:])
    shapes.require_int(window, 1, "three_maps", "window", min(size))
    shapes.require_int(stride, 1, "three_maps", "stride")
    lower, upper = cut(net, layer, x)
    with torch.no_grad():
        squares = occlusion_map(net, x, target, window, stride)
        shapes.require_axes(
            lower(x), "N, F, h, w", "three_maps", f"the output of {layer}",
            "Take a convolution, or what follows it directly.",
        )  # fmt: skip
    seen = grad_cam(lower, upper, x, target)
    found = {
        "saliency": saliency(net, x, target),
        "occlusion": enlarged(squares, size),
        "Grad-CAM": enlarged(seen, size),
    }
    return {name: one.detach().numpy() for name, one in found.items()}


def enlarged(maps, size: tuple[int, int]):
    """Return maps (N, h, w) enlarged to (N, H, W), bilinearly."""
    import torch

    maps = torch.as_tensor(maps)[:, None].float()
    bilinear = {"mode": "bilinear", "align_corners": False}
    return torch.nn.functional.interpolate(maps, size, **bilinear)[:, 0]


def rank_correlation(a, b) -> float:
    """Return how alike two maps order their places: 1 the same, 0 not at all.

    Spearman's: the correlation of the ranks, where equal values share theirs. A map
    that is the same everywhere orders nothing: 0.
    """
    where = "rank_correlation"
    a, b = (arrays.real_array(v, where, n) for v, n in ((a, "a"), (b, "b")))
    if a.shape != b.shape or not a.size:
        raise ValueError(
            f"{where}: a and b must have one shape and at least one place; got "
            f"{a.shape} and {b.shape}."
        )
    a, b = _ranks(a), _ranks(b)
    a, b = a - a.mean(), b - b.mean()
    length = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum()) / length if length else 0.0


def likeness(one, other) -> float:
    """Return the mean rank correlation of two lists of maps, map by map."""
    shapes.require_same("likeness", maps_in_one=len(one), maps_in_other=len(other))
    if not len(one):
        raise ValueError("likeness: the lists are empty; at least one map is needed.")
    pairs = zip(one, other, strict=True)
    return float(np.mean([rank_correlation(a, b) for a, b in pairs]))


def _ranks(values) -> np.ndarray:
    values = np.asarray(values, float).ravel()
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(count) - (count - 1) / 2)[place]


# ------------------------------------------------------------------------- neighbours


def feature_neighbours(queries, bank, k):
    """Return the places in the bank of the k nearest rows, and their distances.

    Euclidean, nearest first; of equal distances the first in the bank comes first.
    queries (Q, D), bank (N, D) -> (Q, k), (Q, k)
    """
    import torch

    _require_rows(queries, bank, k)
    exact = "donot_use_mm_for_euclid_dist"  # products lose small distances
    distances = torch.cdist(queries, bank, compute_mode=exact)  # (Q, N)
    order = distances.argsort(dim=1, stable=True)[:, :k]
    return order, distances.gather(1, order)


def neighbour_score(places, labels, bank_labels) -> float:
    """Return the share of neighbours (Q, k) that have their query's label."""
    where = "neighbour_score"
    places, labels = np.asarray(places), np.asarray(labels)
    shapes.require_axes(places, "Q, k", where, "places")
    shapes.require_axes(labels, "Q", where, "labels")
    shapes.require_same(where, queries=len(places), labels=len(labels))
    if not places.size:
        raise ValueError(f"{where}: there are no neighbours, shape {places.shape}.")
    found = np.asarray(bank_labels)[places]
    return float((found == labels[:, None]).mean())


def colours_counted(images) -> np.ndarray:
    """Return the roots of the shares of 64 colours in uint8 images: (N, 64).

    Four levels a channel, counted wherever they are. Of roots, distances are fair to
    rare colours.
    """
    images = _pictures(images, "colours_counted")
    level = images.astype(int) // 64
    colour = (16 * level[:, 0] + 4 * level[:, 1] + level[:, 2]).reshape(len(images), -1)
    counts = np.stack([np.bincount(row, minlength=64) for row in colour])
    return np.sqrt(counts / colour.shape[1])


def edges_counted(images, directions: int = 8, places: int = 7) -> np.ndarray:
    """Return the roots of the shares of edges in uint8 images: (N, 392).

    How strong edges are in 7 × 7 parts of an image, in each of eight directions. An
    edge is the difference of a pixel's grey neighbours, across and down.
    """
    images = _pictures(images, "edges_counted", places)
    down, across = np.gradient(images.mean(axis=1), axis=(1, 2))
    turn = np.arctan2(down, across) / (2 * np.pi)  # from -0.5 to 0.5
    way = np.floor(turn * directions).astype(int) % directions
    strength = np.hypot(down, across)
    edges = np.stack([strength * (way == one) for one in range(directions)], axis=1)
    for axis in (2, 3):
        starts = np.arange(places) * edges.shape[axis] // places
        edges = np.add.reduceat(edges, starts, axis=axis)
    counts = edges.reshape(len(edges), -1)
    return np.sqrt(_share(counts, counts.sum(axis=1, keepdims=True)))


def plane(features) -> tuple[np.ndarray, float]:
    """Return points (N, 2) on the two axes of most spread, and their share of it.

    Principal component analysis: the plane through the mean on which the squared
    distances to the mean keep as much as they can.
    """
    features = arrays.real_array(features, "plane", "features").astype(float)
    shapes.require_axes(features, "N, D", "plane", "features")
    if not features.size:
        raise ValueError(
            f"plane: features needs at least one row and one column; got shape "
            f"{features.shape}."
        )
    centred = features - features.mean(axis=0)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    points = np.zeros((len(features), 2))
    points[:, : min(2, len(s))] = (u * s)[:, :2]
    total = float((s**2).sum())
    return points, float((s[:2] ** 2).sum()) / total if total else 1.0


# ----------------------------------------------------------------------------- inside


def _pictures(images, where: str, smallest: int = 1) -> np.ndarray:
    images = arrays.as_array(images, where, "images")
    shapes.require_axes(images, "N, C, H, W", where, "images")
    n, colours, high, wide = images.shape
    if images.dtype != np.uint8 or colours != 3 or not n or min(high, wide) < smallest:
        raise ValueError(
            f"{where}: images must be uint8 (N, 3, H, W), at least one of them and "
            f"{smallest} pixels a side; got {images.dtype} {images.shape}."
        )
    return images


def _filters(filters, where: str) -> np.ndarray:
    filters = arrays.real_array(filters, where, "filters").astype(float)
    shapes.require_axes(filters, "F, C, H, W", where, "filters")
    return filters


def _require_squares(x, target, window, stride) -> None:
    where = "occlusion_map"
    shapes.require_axes(x, "N, C, H, W", where, "x")
    shapes.require_int(target, 0, where, "target")
    shapes.require_int(window, 1, where, "window", min(x.shape[2:]))
    shapes.require_int(stride, 1, where, "stride")


def _require_rows(queries, bank, k) -> None:
    where = "feature_neighbours"
    for name, rows in (("queries", queries), ("bank", bank)):
        shapes.require_axes(rows, "N, D", where, name)
        if not rows.is_floating_point():
            raise TypeError(
                f"{where}: {name} must hold floating-point numbers, got {rows.dtype}. "
                f"Convert them: {name}.float()."
            )
    shapes.require_int(k, 1, where, "k", len(bank))


def _largest(filters) -> np.ndarray:
    return np.abs(filters).max(axis=(1, 2, 3), keepdims=True, initial=0)


def _values(values, where: str) -> np.ndarray:
    values = arrays.real_array(values, where, "values").astype(float)
    shapes.require_axes(values, "F", where, "values")
    if len(values) < 2 or len(values) % 2:
        raise ValueError(
            f"{where}: values needs an even number of filters, half for each tower; "
            f"got {len(values)}."
        )
    return values


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return part / np.where(whole > 0, whole, 1)
