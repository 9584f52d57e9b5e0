"""The exercises of notebook 12: colours, crops, normalisation, dropout, a recipe."""

import functools
from dataclasses import dataclass

import numpy as np

from cnnlab import ingredients
from cnnlab.checks import _show
from cnnlab.checks._base import (
    Case,
    Cause,
    Exercise,
    FindBug,
    Mistake,
    Open,
    Score,
)

# ------------------------------------------------------------------------- colours


@dataclass(frozen=True, eq=False)
class Directions(Exercise):
    """Variances and unit vectors; a vector and its opposite are one direction."""

    outputs: tuple = ("variances", "directions")

    def _as_tuple(self, value):
        value = super()._as_tuple(value)
        if len(value) != 2:
            return value
        vectors = _show.array(value[1])
        if vectors is None or vectors.ndim != 2 or vectors.dtype.kind not in "iuf":
            return value
        if not vectors.size:
            return value
        largest = np.abs(vectors).argmax(axis=0)
        signs = np.sign(vectors[largest, np.arange(vectors.shape[1])])
        return value[0], vectors * np.where(signs == 0, 1, signs)


_MIX = np.array([[50.0, 20.0, 4.0], [45.0, -5.0, -6.0], [40.0, -18.0, 5.0]])


def _colours(rng, n, h, w) -> np.ndarray:
    """Return images (n, 3, h, w) whose colours vary most in brightness."""
    drawn = rng.normal(0, 1, (n, h, w, 3)) @ _MIX.T + (120, 110, 100)
    return np.clip(drawn, 0, 255).round().transpose(0, 3, 1, 2)


def _drawn_colours(rng, size):
    n, h, w = (int(v) for v in rng.integers((1, 2, 3), size + 4))
    images = _colours(rng, n, h, w)
    return Case((images.astype(np.uint8) if rng.random() < 0.5 else images,))


def _axes_of(centred=True, turned=False, flat="right", root=False, rows=False,
             share=True, correlation=False, names="both", wide=False):  # fmt: skip
    """Return an answer with these faults."""

    def answer(images):
        images = images if wide else np.asarray(images, float)
        if flat == "wrong":
            pixels = images.reshape(-1, 3)
        else:
            pixels = images.transpose(0, 2, 3, 1).reshape(-1, 3)
        if centred:
            pixels = pixels - pixels.mean(axis=0)
        table = pixels.T @ pixels / (len(pixels) if share else 1)
        if correlation:
            spread = np.sqrt(np.diag(table))
            table = table / np.outer(spread, spread)
        values, vectors = np.linalg.eigh(table)
        if not turned:
            values, vectors = values[::-1], vectors[:, ::-1]
        if turned == "values":
            values = values[::-1]
        values = np.sqrt(np.maximum(values, 0)) if root else values
        return values, vectors.T if rows else vectors

    return answer


def _sample_axes(images):
    values, vectors = np.linalg.eigh(np.cov(images.swapaxes(0, 1).reshape(3, -1)))
    return values[::-1], vectors[:, ::-1]


def _axes_with(mean=None, share=None, images_first=True, turn=None, vt=False,
               exchanged=False):  # fmt: skip
    """Return an answer with these slips."""

    def answer(images):
        images = np.asarray(images, float)
        if mean == "an image":
            images = images - images.mean(axis=(2, 3), keepdims=True)
        pixels = images.transpose(0, 2, 3, 1).reshape(-1, 3)
        if not images_first:
            pixels = images.reshape(3, -1).T
        if mean == "one":
            pixels = pixels - pixels.mean()
        elif mean == "a pixel":
            pixels = pixels - pixels.mean(axis=1, keepdims=True)
        else:
            pixels = pixels - pixels.mean(axis=0)
        if vt:
            _, sizes, rows = np.linalg.svd(pixels, full_matrices=False)
            return sizes**2 / len(pixels), rows
        count = len(images) if share == "images" else len(pixels)
        values, vectors = np.linalg.eigh(pixels.T @ pixels / count)
        vectors = {"rows": vectors[::-1], "both": vectors[::-1, ::-1]}.get(
            turn, vectors[:, ::-1]
        )
        return (vectors, values[::-1]) if exchanged else (values[::-1], vectors)

    return answer


_ONE = np.array([[60.0, 70, 98], [100, 100, 104], [140, 130, 98]]).reshape(1, 3, 3, 1)

pca_colour = Directions(
    name="pca_colour",
    notebook="12",
    reference=ingredients.pca_colour,
    rtol=1e-5,
    atol=1e-6,
    drawn=12,
    cases=(
        Case((_ONE,), "one row of three pixels"),
        Case((_colours(np.random.default_rng(1), 1, 2, 4),), "one image"),
        Case((_colours(np.random.default_rng(2), 3, 4, 5),), "three images"),
    ),
    samples=_drawn_colours,
    mistakes=(
        Mistake("mean left in", _axes_of(centred=False),
                "the mean colour is not taken off: the first direction then points at "
                "the mean itself."),
        Mistake("smallest first", _axes_of(turned=True),
                "`eigh` gives the smallest first: turn both round, the columns of the "
                "directions with their variances."),
        Mistake("only the variances turned", _axes_of(turned="values"),
                "the variances are turned round, their directions are not."),
        Mistake("colours mixed up", _axes_of(flat="wrong"),
                "`reshape(-1, 3)` of (N, 3, H, W) takes three neighbouring pixels of "
                "one colour for a pixel: move the colour axis to the end before."),
        Mistake("roots", _axes_of(root=True),
                "these are standard deviations: the variances are wanted, without a "
                "root."),
        Mistake("rows for columns", _axes_of(rows=True),
                "the directions stand in the rows: wanted are columns, "
                "`directions[:, i]`, as `eigh` gives them."),
        Mistake("sums", _axes_of(share=False),
                "the sums are not divided by the number of pixels."),
        Mistake("one less", _sample_axes,
                "the sums are divided by the number of pixels less one, as `np.cov` "
                "does; the formula divides by n."),
        Mistake("correlations", _axes_of(correlation=True),
                "each colour was divided by its spread, so these are correlations: "
                "the covariance is wanted."),
        Mistake("exchanged", _axes_with(exchanged=True),
                "the two are exchanged: the variances come first."),
        Mistake("one mean", _axes_with(mean="one"),
                "one mean is taken off all colours: each colour has its own, axis 0."),
        Mistake("a mean for each pixel", _axes_with(mean="a pixel"),
                "the mean is taken along axis 1, over a pixel's three colours: take it "
                "along axis 0."),
        Mistake("a mean for each image", _axes_with(mean="an image"),
                "each image loses its own mean: the mean is that of all pixels."),
        Mistake("shared among images", _axes_with(share="images"),
                "the sums are divided by the number of images: n counts pixels."),
        Mistake("images taken for colours", _axes_with(images_first=False),
                "`reshape(3, -1)` of several images mixes images and colours: move the "
                "colour axis to an end before."),
        Mistake("rows turned", _axes_with(turn="rows"),
                "the rows of the directions are turned round, not the columns: "
                "`directions[:, ::-1]`."),
        Mistake("rows turned, too", _axes_with(turn="both"),
                "the rows of the directions are turned round as well: the columns "
                "only, `directions[:, ::-1]`."),
        Mistake("vt", _axes_with(vt=True),
                "the directions stand in the rows: wanted are columns, "
                "`directions[:, i]`."),
    ),
    hints_=(
        "Make a table of all pixels, one row each, three columns; take the mean off "
        "each column.",
        "`pixels = images.transpose(0, 2, 3, 1).reshape(-1, 3)` is the table, and "
        "`pixels = pixels - pixels.mean(axis=0)`.",
        "`covariance = pixels.T @ pixels / len(pixels)`, then "
        "`variances, directions = np.linalg.eigh(covariance)`: the smallest first.",
        "`return variances[::-1], directions[:, ::-1]`",
    ),
)  # fmt: skip


def _by_eigenvalue(image, variances, directions, alphas):
    """Return the image, its colours moved along the directions."""
    shift = directions @ (alphas * variances)
    return image + shift[:, None, None]


def _moved(size=np.sqrt, turn=False, divide=1.0, axis="colour", times=True, one=False,
           sign=1.0):  # fmt: skip
    """Return an answer with these faults."""

    def answer(image, variances, directions, alphas):
        amounts = size(np.asarray(variances, float)) / divide
        amounts = amounts * alphas if times else amounts + alphas
        matrix = directions.T if turn else directions
        shift = sign * (matrix @ amounts)
        if one:
            shift = np.full(3, shift.mean())
        if axis == "last":
            return (image.transpose(1, 2, 0) + shift).transpose(1, 2, 0)
        return image + shift[:, None, None]

    return answer


def _drawn_shift(rng, size):
    h, w = (int(v) for v in rng.integers((1, 2), size + 3))
    image = rng.integers(0, 256, (3, h, w)).astype(float)
    directions = np.linalg.qr(rng.normal(0, 1, (3, 3)))[0]
    variances = np.sort(rng.uniform(4, 3000, 3).round(1))[::-1].copy()
    return Case((image, variances, directions, rng.normal(0, 0.1, 3).round(2)))


_TURNED = np.array([[0.6, 0.8, 0.0], [0.8, -0.6, 0.0], [0.0, 0.0, 1.0]])

colour_shift = FindBug(
    name="colour_shift",
    notebook="12",
    reference=ingredients.colour_shift,
    broken=_by_eigenvalue,
    drawn=20,
    cases=(
        Case((np.full((3, 1, 1), 100.0), np.array([400.0, 100.0, 25.0]), np.eye(3),
              np.array([0.1, 0.0, 0.0])), "one pixel, one direction: red"),
        Case((np.full((3, 1, 2), 100.0), np.array([400.0, 100.0, 25.0]), _TURNED,
              np.array([0.1, -0.2, 0.3])), "two pixels, three directions"),
    ),
    samples=_drawn_shift,
    causes=(
        Cause("a", "The rows of `directions` should be used, not its columns.",
              "`directions @ amounts` adds the columns, each times its amount: that is "
              "right."),
        Cause("b", "Each image needs its own directions.",
              "They are the data's: one image's colours would be moved along what it "
              "has already."),
        Cause("c", "`alphas` counts standard deviations, and is multiplied by "
              "variances.", right=True),
        Cause("d", "The result should be cut off at 0 and 255.",
              "The network takes any number; the mean is taken off afterwards anyway."),
    ),
    mistakes=(
        Mistake("as it was", _by_eigenvalue,
                "the function does what it did: the shift is still made of "
                "variances."),
        Mistake("cut off", lambda *a: np.clip(_moved()(*a), 0, 255),
                "the shift is right; but now the result is cut off at 0 and 255."),
        Mistake("rounded", lambda *a: np.round(_moved()(*a)),
                "the shift is right; but now the result is rounded."),
        Mistake("uint8", lambda *a: np.clip(_moved()(*a), 0, 255).astype(np.uint8),
                "the shift is right; but now the result is turned into `uint8`."),
        Mistake("root of the product", lambda image, v, d, a: (
                    image + (d @ np.sqrt(a * v))[:, None, None]),
                "now the root is taken of alphas, too: only of the variances, and "
                "negative alphas have no root."),
        Mistake("a tenth again", _moved(divide=10.0),
                "a tenth of the shift: `alphas` are drawn with 0.1 already."),
        Mistake("sizes by rows", lambda image, v, d, a: (
                    image + ((np.sqrt(v)[:, None] * d) @ a)[:, None, None]),
                "the roots multiply the rows of the directions: each belongs to a "
                "column."),
        Mistake("a variance of one", _moved(size=lambda v: v / v.max()),
                "now the variances are divided by the largest: the shift is no longer "
                "in grey levels."),
        Mistake("divided by 255", _moved(size=lambda v: v / 255),
                "now the variances are divided by 255: that suits this unit only; the "
                "standard deviation suits any."),
        Mistake("rows", _moved(turn=True),
                "the root is right; but now the directions are taken from the rows."),
        Mistake("no size", _moved(size=np.ones_like),
                "now all directions count alike: what varies little is moved as far as "
                "what varies much."),
        Mistake("squared", _moved(size=lambda v: v**2),
                "now the variances are squared; the root is wanted."),
        Mistake("one shift for all", _moved(one=True),
                "now all three colours get the same shift: only the brightness moves."),
        Mistake("root of both", lambda image, v, d, a: _moved()(
                    image, v, d, np.sign(a) * np.sqrt(np.abs(a))),
                "now the root is taken of alphas, too: only of the variances."),
        Mistake("root of the directions", lambda image, v, d, a: _moved()(
                    image, v, np.sign(d) * np.sqrt(np.abs(d)), a),
                "now the root is taken of the directions, too: only of the variances."),
    ),
    hints_=(
        "The first variance of photographs in grey levels is some thousands. How many "
        "grey levels is a tenth of it?",
        "Grey levels squared are no grey levels. Which number says how far colours "
        "spread along a direction?",
        "`alphas * np.sqrt(variances)`",
    ),
)  # fmt: skip


# --------------------------------------------------------------------------- crops


def _drawn_images(rng, size):
    n, c, h, w = (int(v) for v in rng.integers(1, size + 3, 4))
    side = int(rng.integers(1, min(h, w) + 1))
    return Case((rng.integers(0, 256, (n, c, h, w)).astype(np.uint8), side))


def _crops(mirror=3, order="together", centre="down", corners=None, swapped=False,
           last=0, stack=0, short=0, square=False):  # fmt: skip
    """Return an answer with these faults."""

    def answer(images, side):
        low, wide = (n - side for n in images.shape[2:])
        if swapped:
            low, wide = wide, low
        if square:
            wide = low
        middle = (low // 2, wide // 2) if centre == "down" else (
            -(-low // 2), -(-wide // 2))  # fmt: skip
        if centre == "round":
            middle = round(low / 2), round(wide / 2)
        if centre == "rows":
            middle = low // 2, low // 2
        low, wide = low - short, wide - short
        places = [(0, 0), (0, wide), (low, 0), (low, wide), middle]
        if corners:
            places = [places[k] for k in corners]
        found = []
        for top, left in places:
            bottom, right = top + side - last, left + side - last
            found.append(images[:, :, top:bottom, left:right])
        turned = [np.flip(one, mirror) for one in found] if mirror else found
        if order == "pairs":
            all_ = [one for pair in zip(found, turned, strict=True) for one in pair]
        elif order == "none":
            all_ = found
        else:
            all_ = found + turned
        if stack == "concatenate":
            return np.concatenate(all_)
        return np.stack(all_, axis=stack)

    return answer


def _mirrored_first(images, side):
    turned = images[:, :, :, ::-1]
    plain = _crops(order="none")
    return np.concatenate([plain(images, side), plain(turned, side)])


_PIXELS = np.arange(2 * 3 * 4 * 6, dtype=np.uint8).reshape(2, 3, 4, 6)

ten_crop = Exercise(
    name="ten_crop",
    notebook="12",
    reference=ingredients.ten_crop,
    drawn=20,
    cases=(
        Case((_PIXELS[:1, :1, :3, :4], 2), "3 rows, 4 columns"),
        Case((_PIXELS, 3), "two images of three channels"),
        Case((_PIXELS[:, :, :, :4], 4), "no room to move"),
    ),
    samples=_drawn_images,
    mistakes=(
        Mistake("upside down", _crops(mirror=2),
                "the last five are upside down: mirror left and right, axis 3."),
        Mistake("turned in all axes", _crops(mirror=(0, 1, 2, 3)),
                "the last five are reversed along all axes, images and channels, too: "
                "mirror axis 3 only."),
        Mistake("channels reversed", _crops(mirror=1),
                "the last five have their channels reversed: `np.fliplr` turns axis 1; "
                "mirror axis 3."),
        Mistake("images mirrored, then cropped", _mirrored_first,
                "crop k + 5 is not crop k mirrored: here the whole image is mirrored "
                "before it is cut, so the corners change places. Mirror the crops."),
        Mistake("not mirrored", _crops(mirror=0),
                "the last five are the first five again: they are not mirrored."),
        Mistake("five only", _crops(order="none"),
                "the five mirrored crops are missing."),
        Mistake("in pairs", _crops(order="pairs"),
                "each crop is followed by its mirror image: wanted are all five plain "
                "ones first."),
        Mistake("centre first", _crops(corners=(4, 0, 1, 2, 3)),
                "the centre comes first: wanted are the four corners before it."),
        Mistake("columns first", _crops(corners=(0, 2, 1, 3, 4)),
                "the second crop is the bottom left one: top right comes before it."),
        Mistake("bottom corners exchanged", _crops(corners=(0, 1, 3, 2, 4)),
                "the two bottom corners are exchanged: left comes first."),
        Mistake("the rows' margin for both", _crops(square=True),
                "the margin of the rows is used for the columns, too: each axis has "
                "its own."),
        Mistake("the centre's row for both", _crops(centre="rows"),
                "the centre begins at the same row and column: each axis has its own "
                "margin."),
        Mistake("one place short", _crops(short=1),
                "the last place is missed by one: a crop still fits at `side` before "
                "the end."),
        Mistake("centre by round", _crops(centre="round"),
                "where the margin is odd, the centre begins at half of it, "
                "rounded down."),
        Mistake("rows and columns exchanged", _crops(swapped=True),
                "rows and columns are exchanged: axis 2 counts rows, axis 3 columns."),
        Mistake("centre rounded up", _crops(centre="up"),
                "where the margin is odd, the centre begins at half of it, "
                "rounded down."),
        Mistake("last one left out", _crops(last=1),
                "the last row and column of each crop are missing: a slice ends "
                "before its end."),
        Mistake("images first", _crops(stack=1),
                "the ten crops are the second axis: they come first."),
        Mistake("joined", _crops(stack="concatenate"),
                "the crops are joined along the images: `np.stack` makes an axis of "
                "their own."),
    ),
    hints_=(
        "A crop is a slice of rows and of columns. The last place where one fits "
        "begins `side` before the end.",
        "`low, wide = images.shape[2] - side, images.shape[3] - side` are the last "
        "places; the centre begins at `low // 2` and `wide // 2`.",
        "In a loop over the five places: "
        "`crops.append(images[:, :, top : top + side, left : left + side])`.",
        "A mirror image runs backwards: `crop[:, :, :, ::-1]`. At the end "
        "`return np.stack(crops)`.",
    ),
)  # fmt: skip


# ------------------------------------------------------------------- normalisation


def _normalised(share=False, own=False, wide=0, k=None, beta=True, total="sum",
                square=True, wrap=False, root=False, inside=True, causal=False,
                running=False, given=True):  # fmt: skip
    """Return an answer with these faults."""

    def answer(x, k_=2.0, n=5, alpha=1e-4, beta_=0.75):
        n = n if given else 5
        x, count = np.array(x, float), x.shape[1]
        y = x if running else np.empty_like(x)
        for c in range(count):
            half = n // 2 + wide
            low, high = max(0, c - half), c + half + 1
            if causal:
                low, high = max(0, c - n + 1), c + 1
            if inside is False:
                low, high = c - half, c + half  # a slice that ends one early
                low = max(0, low)
            maps = (
                np.arange(c - half, c + half + 1) % count if wrap else slice(low, high)
            )
            some = x[:, c : c + 1] if own else x[:, maps]
            powers = some**2 if square else some
            found = powers.mean(axis=1) if total == "mean" else powers.sum(axis=1)
            scale = (k_ if k is None else k) + alpha / (n if share else 1) * found
            y[:, c] = x[:, c] / scale ** (beta_ if beta else 1)
            if root == "times":
                y[:, c] = x[:, c] * scale**beta_
        return y

    return answer


def _powers(start=True, own=True, outside=False, inner=False, far=False, k0=None,
            alpha0=None, beta0=None):  # fmt: skip
    """Return an answer with these slips."""

    def answer(x, k=2.0, n=5, alpha=1e-4, beta=0.75):
        k = k if k0 is None else k0
        alpha = alpha if alpha0 is None else alpha0
        beta = beta if beta0 is None else beta0
        x, half = np.asarray(x, float), n if far else n // 2
        y = np.zeros(x.shape)
        for c in range(x.shape[1]):
            low = max(0, c - half) if start else c - half
            some = x[:, low : c + half + 1]
            total = some.sum(axis=1) ** 2 if outside else (some**2).sum(axis=1)
            total = total if own else total - x[:, c] ** 2
            if inner:
                y[:, c] = x[:, c] / (k + alpha * total**beta)
            else:
                y[:, c] = x[:, c] / (k + alpha * total) ** beta
        return y

    return answer


def _within(x, k=2.0, n=5, alpha=1e-4, beta=0.75):
    return x / (k + alpha * x**2) ** beta


def _everywhere(x, k=2.0, n=5, alpha=1e-4, beta=0.75):
    return x / (k + alpha * (x**2).sum(axis=1, keepdims=True)) ** beta


def _over_places(x, k=2.0, n=5, alpha=1e-4, beta=0.75):
    turned = ingredients.lrn(x.transpose(0, 3, 2, 1), k, n, alpha, beta)
    return turned.transpose(0, 3, 2, 1)


def _over_images(x, k=2.0, n=5, alpha=1e-4, beta=0.75):
    turned = ingredients.lrn(x.transpose(1, 0, 2, 3), k, n, alpha, beta)
    return turned.transpose(1, 0, 2, 3)


def _drawn_maps(rng, size):
    shape = tuple(int(v) for v in rng.integers((1, 2, 1, 1), (3, size + 6, 4, 5)))
    x = np.maximum(rng.normal(20, 60, shape), 0).round()
    if rng.random() < 0.4:
        return Case((x,))
    k = float(rng.choice([1.0, 2.0, 3.0]))
    alpha = float(rng.choice([1e-4, 1e-3, 0.1]))
    n = int(rng.choice([1, 3, 5, 7]))
    return Case((x, k, n, alpha, float(rng.choice([0.5, 0.75, 1.0]))))


def _column(*values):
    return np.array(values, float).reshape(1, -1, 1, 1)


lrn = Exercise(
    name="lrn",
    notebook="12",
    reference=ingredients.lrn,
    drawn=25,
    cases=(
        Case((_column(100, 0, 0),), "three maps, one place, one strong activity"),
        Case((_column(100, 20, 30, 40, 50, 60, 300),), "seven maps, one place"),
        Case((np.arange(2 * 4 * 2 * 3).reshape(2, 4, 2, 3) * 9.0, 1.0, 3, 1e-3, 0.5),
             "two images, n = 3, other constants"),
    ),
    samples=_drawn_maps,
    mistakes=(
        Mistake("alpha divided by n", _normalised(share=True),
                "alpha is divided by n. PyTorch does so, and the program of 2012; the "
                "formula above does not."),
        Mistake("each map alone", _within,
                "each map is divided by its own activity alone: its neighbours count, "
                "too."),
        Mistake("all maps", _everywhere,
                "all maps are added up: only those from c - n // 2 to c + n // 2."),
        Mistake("one map short", _normalised(inside=False),
                "the last neighbour is missing: a slice ends before its end."),
        Mistake("twice the reach", _normalised(wide=1),
                "one neighbour too many on each side: n maps compete, itself among "
                "them."),
        Mistake("maps before it", _normalised(causal=True),
                "the neighbours are all before the map: take half of them from each "
                "side."),
        Mistake("round the end", _normalised(wrap=True),
                "the first and the last maps are taken for neighbours: at the ends "
                "there are fewer."),
        Mistake("the mean", _normalised(total="mean"),
                "the mean of the squares is taken; the formula has their sum."),
        Mistake("no squares", _normalised(square=False),
                "the activities are added up without their squares."),
        Mistake("no power", _normalised(beta=False),
                "the power beta is missing."),
        Mistake("multiplied", _normalised(root="times"),
                "multiplied where the formula divides."),
        Mistake("work in the array", _normalised(running=True),
                "map c is divided by neighbours that were divided already: keep the "
                "results apart from x."),
        Mistake("places for maps", _over_places,
                "neighbouring columns compete here: neighbouring maps should, axis 1."),
        Mistake("images for maps", _over_images,
                "neighbouring images compete here: neighbouring maps should, axis 1."),
        Mistake("n not used", _normalised(given=False),
                "the argument `n` is not used: 5."),
        Mistake("negative start", _powers(start=False),
                "at the first maps c - n // 2 is negative, and a slice then counts "
                "from the end: `max(0, ...)`."),
        Mistake("itself left out", _powers(own=False),
                "the map itself is left out of the sum: it is among the n."),
        Mistake("square of the sum", _powers(outside=True),
                "the sum is squared: the formula adds up squares."),
        Mistake("power inside", _powers(inner=True),
                "the power beta is of the sum only: it is of the whole bracket, k "
                "too."),
        Mistake("n to each side", _powers(far=True),
                "n maps on each side compete: n // 2 should."),
        Mistake("k not used", _powers(k0=2.0), "the argument `k` is not used: 2."),
        Mistake("alpha not used", _powers(alpha0=1e-4),
                "the argument `alpha` is not used: 0.0001."),
        Mistake("beta not used", _powers(beta0=0.75),
                "the argument `beta` is not used: 0.75."),
    ),
    hints_=(
        "Go through the maps. Which maps compete with map c? At the ends there are "
        "fewer of them.",
        "`low, high = max(0, c - n // 2), c + n // 2 + 1` are the ends of a slice: "
        "beyond the last map it takes nothing.",
        "`total = (x[:, low:high] ** 2).sum(axis=1)`",
        "With `y = np.zeros(x.shape)` before the loop: "
        "`y[:, c] = x[:, c] / (k + alpha * total) ** beta`.",
    ),
)  # fmt: skip


# -------------------------------------------------------------------------- dropout


def _dropped(forms="both", at_test="share", train="share", mask="kept", swap=False,
             always=False):  # fmt: skip
    """Return an answer with these faults."""

    def answer(x, kept, p=0.5, training=True, inverted=False):
        if forms in ("old", "new"):
            inverted = forms == "new"
        if swap:
            training = not training
        share = p if train == "p" else 1 - p
        if always:
            training = True
        live = 1 - kept if mask == "dropped" else kept
        if training:
            return x * live / share if inverted else x * live
        if at_test == "p":
            share = p
        if at_test == "divided" and not inverted:
            return x / share
        if at_test == "nothing":
            return x
        if at_test == "both":
            return x * share
        return x if inverted else x * share

    return answer


def _by_draw(x, kept, p=0.5, training=True, inverted=False):
    share = np.mean(kept)
    if training:
        return x * kept / share if inverted else x * kept
    return x if inverted else x * share


def _half(x, kept, p=0.5, training=True, inverted=False):
    return ingredients.dropout_forward(x, kept, 0.5, training, inverted)


def _drawn_drop(rng, size):
    shape = tuple(int(v) for v in rng.integers(1, size + 2, 2))
    p = float(rng.choice([0.1, 0.25, 0.5, 0.8]))
    x, kept = rng.normal(0, 3, shape).round(1), (rng.random(shape) >= p) * 1.0
    return Case((x, kept, p, bool(rng.random() < 0.5), bool(rng.random() < 0.5)))


_X = np.array([[1.0, 2.0, -3.0, 4.0]])
_KEPT = np.array([[1.0, 0.0, 1.0, 0.0]])

dropout_forward = Exercise(
    name="dropout_forward",
    notebook="12",
    reference=ingredients.dropout_forward,
    drawn=25,
    cases=(
        Case((_X, _KEPT, 0.5, True, False), "form of 2012, in training"),
        Case((_X, _KEPT, 0.25, False, False), "form of 2012, in a test"),
        Case((_X, _KEPT, 0.25, True, True), "today's form, in training"),
        Case((_X, _KEPT, 0.25, False, True), "today's form, in a test"),
    ),
    samples=_drawn_drop,
    mistakes=(
        Mistake("only the form of 2012", _dropped("old"),
                "`inverted` is not looked at: today's form divides in training, and "
                "does nothing in a test."),
        Mistake("only today's form", _dropped("new"),
                "`inverted` is not looked at: the form of 2012 multiplies in a test, "
                "and only sets to 0 in training."),
        Mistake("the others kept", _dropped(mask="dropped"),
                "those that should be kept are set to 0, and the others kept."),
        Mistake("times p in a test", _dropped(at_test="p"),
                "the form of 2012 multiplies by p in a test: 1 - p is the share that "
                "was kept."),
        Mistake("divided by p", _dropped(train="p"),
                "p is the share that is set to 0: 1 - p is kept, and counts."),
        Mistake("nothing in a test", _dropped(at_test="nothing"),
                "in a test all units are on, in both forms as they are: that of 2012 "
                "multiplies by 1 - p."),
        Mistake("divided in a test", _dropped(at_test="divided"),
                "in a test the form of 2012 multiplies by 1 - p; here it divides."),
        Mistake("both in a test", _dropped(at_test="both"),
                "today's form has divided in training: in a test it leaves x alone."),
        Mistake("training and test exchanged", _dropped(swap=True),
                "training and test are exchanged."),
        Mistake("dropped in a test, too", _dropped(always=True),
                "units are set to 0 in a test, too: there all of them are on."),
        Mistake("forms exchanged", lambda x, kept, p=0.5, training=True, inverted=False:
                ingredients.dropout_forward(x, kept, p, training, not inverted),
                "`inverted` is the other way round: True is today's form."),
        Mistake("both divide", lambda x, kept, p=0.5, training=True, inverted=False:
                ingredients.dropout_forward(x, kept, p, training, inverted or training),
                "the form of 2012 does not divide in training."),
        Mistake("dropped in a test in the form of 2012",
                lambda x, kept, p=0.5, training=True, inverted=False:
                x * kept * (1 - p) if not (training or inverted) else
                ingredients.dropout_forward(x, kept, p, training, inverted),
                "the form of 2012 sets units to 0 in a test, too: there all are on."),
        Mistake("the share of this draw", _by_draw,
                "the share that this draw kept is taken for 1 - p."),
        Mistake("multiplied in training",
                lambda x, kept, p=0.5, training=True, inverted=False:
                x * kept * (1 - p) if training and inverted else
                ingredients.dropout_forward(x, kept, p, training, inverted),
                "today's form divides by 1 - p in training; here it multiplies."),
        Mistake("only those kept", lambda x, kept, p=0.5, training=True, inverted=False:
                x[kept == 1] / (1 - p if inverted else 1) if training else
                ingredients.dropout_forward(x, kept, p, training, inverted),
                "`x[kept == 1]` takes units out: they stay, as 0."),
        Mistake("always one half", _half, "the argument `p` is not used: 0.5."),
    ),
    hints_=(
        "Four cases: two forms, in training and in a test. Write down what each does "
        "to a unit that is kept.",
        "In training `x * kept` in both forms; today's then divides by the share that "
        "is kept, `1 - p`.",
        "`if training and inverted:` then `return x * kept / (1 - p)`; in a test "
        "`return x if inverted else x * (1 - p)`.",
    ),
)  # fmt: skip


# ----------------------------------------------------------------------------- open

BAR, PASSES, SEEDS = 0.67, 8, (0, 1, 2)


def _score_recipe(answer) -> Score:
    given = answer()
    if not isinstance(given, dict):
        raise TypeError(
            "best_recipe must return a dict of settings, such as "
            f'{{"activation": "tanh"}}; got {_show.short(given, 0)}.'
        )
    from cnnlab.train.trials import small_settings

    settings = small_settings(given)  # says what cannot be
    start = settings["start"]
    if settings["rate"] == 0 or start == 0:
        raise ValueError("With a rate or first weights of 0 nothing is learned.")
    if not isinstance(start, str) and start > 100:
        raise ValueError("The start may be at most 100 times He's.")
    held, own = _trained(tuple(settings.items()))
    said = ", ".join(f"{name} {value}" for name, value in given.items())
    each = ", ".join(f"{share:.0%}" for share in held)
    detail = (
        f"With {said or 'nothing changed'}: {np.mean(own):.0%} of the training patches "
        f"are right, and of the held-out ones {each} with the three seeds."
    )
    return Score(float(np.mean(held)), detail)


@functools.cache
def _trained(settings) -> tuple[list, list]:
    """Return the shares of right answers, held out and in training, one a seed."""
    from cnnlab.train.trials import small

    runs = [small(seed, PASSES, **dict(settings)) for seed in SEEDS]
    return [1 - run.error for run in runs], [1 - run.error_on_training for run in runs]


best_recipe = Open(
    name="best_recipe",
    notebook="12",
    reference=ingredients.good_recipe,
    score=_score_recipe,
    bar=BAR,
    measured_on="400 held-out patches, the mean of three seeds, after 8 passes over "
    "200 others",
    wants="a function that returns settings",
    seconds=120.0,  # a second or two, on a machine that does nothing else
    isolate=False,
    mistakes=(
        Mistake("nothing changed", lambda: {}, "With nothing changed:"),
        Mistake("nothing changed, said", lambda: {"rate": 0.01}, "With rate 0.01:"),
    ),
    hints_=(
        "Change one setting at a time, from what stands in the notebook already: which "
        "neurons learned best here?",
        "With so few passes, what only keeps from learning by heart costs. Try the "
        "size of the steps instead: rate and momentum, up and down.",
        "One ingredient costs no training at all: look at each patch ten times.",
    ),
)

EXERCISES = (
    pca_colour,
    colour_shift,
    ten_crop,
    lrn,
    dropout_forward,
    best_recipe,
)
