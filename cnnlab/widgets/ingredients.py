"""The widgets of notebook 12: the crop machine, the signal meter, competing maps."""

import numpy as np

from cnnlab import ingredients, shapes
from cnnlab import plots as p
from cnnlab.widgets._base import Explorer, choice, number, tick


def crop_explorer(
    photos: dict, variances, directions, side: int = 224,
    colour_shift=ingredients.colour_shift,
) -> Explorer:  # fmt: skip
    """Return controls of a crop, its reflection, and its shift along the colours.

    Parameters
    ----------
    photos : name -> uint8 (3, H, W), all of one size
    variances, directions : as `ingredients.pca_colour` gives them
    side : of the crop
    colour_shift : like `ingredients.colour_shift`, or a learner's
    """
    names = list(photos)
    height, width = photos[names[0]].shape[1:]
    variances, directions = np.array(variances), np.array(directions)
    # eigh leaves the sign open: more of a direction is to mean brighter
    directions = directions * np.where(directions.sum(axis=0) < 0, -1, 1)

    def render(photo, top, left, mirrored, first, second, third):
        cut = photos[photo][:, top : top + side, left : left + side]
        cut = cut[:, :, ::-1] if mirrored else cut
        alphas = np.array([first, second, third])
        moved = np.asarray(
            colour_shift(cut.astype(float), variances, directions, alphas)
        )
        shapes.require_shape(moved, cut.shape, "crop_explorer", "the shifted crop")
        shift = (moved - cut)[:, 0, 0]
        return p.crop_board(photos[photo], moved, (top, left), mirrored, shift)

    controls = {
        "photo": choice("photograph", names),
        "top": number("first row", (height - side) // 2, 0, height - side),
        "left": number("first column", (width - side) // 2, 0, width - side),
        "mirrored": tick("mirrored"),
        "first": number("along direction 1", 0.3, -1.0, 1.0, 0.05),
        "second": number("along direction 2", 0.0, -1.0, 1.0, 0.05),
        "third": number("along direction 3", 0.0, -1.0, 1.0, 0.05),
    }
    return Explorer(render, controls)


def signal_explorer(starts: dict, chance: float) -> Explorer:
    """Return a control of the first weights' size: the signal, and what was learned.

    Parameters
    ----------
    starts : multiple of the reference size -> (rows of (layer, spread), losses)
    chance : the loss of equal answers
    """
    sizes = list(starts)
    curves = {size: losses for size, (_, losses) in starts.items()}

    def render(size):
        rows, losses = starts[size]
        others = [curve for key, curve in curves.items() if key != size]
        return p.signal_board(rows, losses, others, chance, f"Weights × {size:g}")

    options = [(f"× {size:g}", size) for size in sizes]
    return Explorer(render, {"size": choice("first weights", options, sizes[0])})


ALPHAS = (0.0, 1e-4, 1e-3, 0.01, 0.1, 1.0)


def lrn_explorer(maps: dict, lrn=ingredients.lrn, tower: int | None = None) -> Explorer:
    """Return controls of the normalisation of real maps, and of the place looked at.

    Parameters
    ----------
    maps : name -> (C, H, W)
    lrn : like `ingredients.lrn`, or a learner's
    tower : maps that compete, where not all do
    """
    names = list(maps)
    count, high, wide = maps[names[0]].shape
    tower = tower or count

    def render(photo, alpha, k, n, row, column):
        x = maps[photo][None].astype(float)
        parts = [
            lrn(x[:, at : at + tower], k, n, alpha) for at in range(0, count, tower)
        ]
        after = np.concatenate([np.asarray(part) for part in parts], axis=1)
        shapes.require_shape(after, x.shape, "lrn_explorer", "what lrn gives")
        line = tower if tower < count else None
        return p.lrn_board(x[0], after[0], (row, column), tower=line)

    controls = {
        "photo": choice("photograph", names),
        "alpha": choice("alpha", [(f"{a:g}", a) for a in ALPHAS], 0.1),
        "k": number("k", 1.0, 0.5, 4.0, 0.5),
        "n": choice("n", [1, 3, 5, 9], 5),
        "row": number("row", high // 2, 0, high - 1),
        "column": number("column", wide // 2, 0, wide - 1),
    }
    return Explorer(render, controls)
