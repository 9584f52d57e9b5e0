"""The exercises of notebook 01: pixel change, a rule, splits, top-k error."""

import numpy as np

from cnnlab import challenges, data, scenes
from cnnlab.checks._base import CHANGED_INPUT, WRONG_SHAPE, Case, Exercise, Mistake

# ------------------------------------------------------------------ pixel_change


def _images(*shape, seed=0):
    rng = np.random.default_rng(seed)
    before = rng.integers(0, 256, shape, dtype=np.uint8)
    keep = rng.random(shape) < 0.3
    after = np.where(keep, before, rng.integers(0, 256, shape, dtype=np.uint8))
    return before, after.astype(np.uint8)


def _gap(before, after):
    return np.abs(before.astype(int) - after.astype(int))


def _wrapped(before, after):
    return float((before != after).mean()), float(np.abs(before - after).mean())


def _signed(before, after):
    change = after.astype(float) - before
    return float((change != 0).mean()), float(change.mean())


def _only_changed(before, after):
    change = _gap(before, after)
    return float((change > 0).mean()), float(change[change > 0].mean())


def _counted(before, after):
    return int((before != after).sum()), float(_gap(before, after).mean())


def _whole_pixels(before, after):
    change = _gap(before, after)
    return float((change > 0).any(axis=0).mean()), float(change.mean())


def _in_units(before, after):
    return float((before != after).mean()), float(_gap(before, after).mean() / 255)


def _squared(before, after):
    change = _gap(before, after)
    return float((change > 0).mean()), float((change**2).mean())


def _exchanged(before, after):
    change = _gap(before, after)
    return float(change.mean()), float((change > 0).mean())


def _total(before, after):
    change = _gap(before, after)
    return float((change > 0).mean()), float(change.sum())


def _row(*values):
    return np.array([[values]], np.uint8)  # (1, 1, W)


pixel_change = Exercise(
    name="pixel_change",
    notebook="01",
    reference=challenges.pixel_change,
    cases=[
        Case((_row(10, 50, 90), _row(10, 56, 99)), "three values, two of them lighter"),
        Case((_row(10, 50, 90, 7), _row(10, 49, 90, 7)), "one value, darker by 1"),
        Case(_images(3, 2, 4, seed=1), "a small colour image"),
        Case(_images(3, 6, 5, seed=2), "another"),
    ],
    outputs=("share", "mean"),
    mistakes=[
        Mistake(
            "uint8 wraps around",
            _wrapped,
            "the subtraction was done in uint8, where 49 - 50 is 255: convert both "
            "images first, for example with .astype(int).",
        ),
        Mistake(
            "signed mean",
            _signed,
            "lighter and darker cancel: take the absolute value before the mean.",
        ),
        Mistake(
            "mean of changed values only",
            _only_changed,
            "the mean was taken over the changed values only; unchanged ones count "
            "too, as 0.",
        ),
        Mistake(
            "count instead of share",
            _counted,
            "share is a part from 0 to 1, not a count: divide by the number of values.",
        ),
        Mistake(
            "pixels instead of values",
            _whole_pixels,
            "share counts values, three to a colour pixel; yours counts a pixel once "
            "if any of its colours changed.",
        ),
        Mistake(
            "scaled to [0, 1]",
            _in_units,
            "the mean is wanted in grey levels, 0 to 255; yours is divided by 255.",
        ),
        Mistake(
            "squared",
            _squared,
            "the changes were squared: take absolute values instead.",
        ),
        Mistake(
            "unchanged counted",
            lambda before, after: (
                float((before == after).mean()),
                float(_gap(before, after).mean()),
            ),
            "share is the part that changed; yours is the part that stayed the same.",
        ),
        Mistake(
            "root of the mean square",
            lambda before, after: (
                float((before != after).mean()),
                float(np.sqrt((_gap(before, after) ** 2.0).mean())),
            ),
            "this is the root of the mean square; wanted is the mean of the absolute "
            "changes.",
        ),
        Mistake(
            "largest change",
            lambda before, after: (
                float((before != after).mean()),
                int(_gap(before, after).max()),
            ),
            "this is the largest change of a value; wanted is the mean of all.",
        ),
        Mistake(
            "difference of the means",
            lambda before, after: (
                float((before != after).mean()),
                float(abs(before.mean() - after.mean())),
            ),
            "the absolute value comes too late: lighter and darker have cancelled in "
            "the mean. Take it of every value first.",
        ),
        Mistake(
            "per cent",
            lambda before, after: (
                float(100 * (before != after).mean()),
                float(_gap(before, after).mean()),
            ),
            "share is in per cent; wanted is a part from 0 to 1.",
        ),
        Mistake(
            "divided by the number of pixels",
            lambda before, after: (
                float((before != after).sum() / before[0].size),
                float(_gap(before, after).sum() / before[0].size),
            ),
            "divided by height times width; a colour pixel holds three values. Divide "
            "by .size, or take .mean().",
        ),
        Mistake(
            "results exchanged",
            _exchanged,
            "the two results are exchanged: share first, then the mean.",
        ),
        Mistake(
            "sum instead of mean",
            _total,
            "the changes were added up but not divided by their number.",
        ),
    ],
    hints_=[
        "What is np.uint8(49) - np.uint8(50)? Try it before you trust a subtraction.",
        "Convert both images with .astype(int), subtract, and take np.abs.",
        "A comparison such as change > 0 gives an array of booleans; its .mean() is "
        "the share that is True.",
    ],
)

# ------------------------------------------------------------------ is_mushroom

RULE_GOAL = 0.95
_HIDDEN_SEED = 4242
_COUNT = 216
_OTHERS = [name for name in scenes.CLASSES if name != "mushroom"]

_YES = "it says True to everything: a rule must also say no."
_NO = "it says False to everything: half of the pictures are mushrooms."
_TURNED = "True and False are exchanged: turn the answer round with `not`."
_FLAT = (
    "it gives the same answers when the pixels are shuffled, so it reads colours or "
    "brightness, not the shape; colours are free here. Start from "
    "challenges.silhouette(image)."
)
_UPSIDE = "it finds mushrooms that stand on their heads: row 0 is the top row."
_GROUND = (
    "it is right on a light ground and not on a dark one: compare a pixel with the "
    "border of its own picture, as challenges.silhouette does, not with a fixed grey."
)
_NAME = "the answer to 'is it a mushroom?' is True or False, not the name of a class."
_ARRAY = "it returns an array; one picture needs one answer, True or False."
_NOTHING = "it returns None: end it with `return` and the answer."
_GREEDY = (
    "most mistakes are false alarms: the rule describes other things as well. Look at "
    "the class it confuses most and add what tells the two apart."
)
_STRICT = "most mistakes are misses: the rule asks for too much."


def _say_rule(rule) -> str | None:
    """Judge a rule for mushrooms on hidden scenes; None if it is good enough."""
    images, truth = challenges.one_against_rest("mushroom", _COUNT, _HIDDEN_SEED)
    said = []
    for image in images:
        given = image.copy()
        one = rule(given)
        fault = _fault_of(one)
        if fault:
            return f"{WRONG_SHAPE}|Got {_brief(one)} for a picture.\nCause: {fault}"
        if not np.array_equal(given, image):
            return f"{CHANGED_INPUT}|The rule altered the picture. Work on a copy."
        said.append(bool(one))
    said = np.array(said)
    right = (said == truth).mean()
    if right >= RULE_GOAL:
        return None
    cause = _cause_of_rule(rule, images, truth, said)
    return f"{_summary(truth, said)}\nLikely cause: {cause}"


def _fault_of(answer) -> str | None:
    """Return what is wrong with the type of an answer, or None."""
    if answer is None:
        return _NOTHING
    if isinstance(answer, str):
        return _NAME
    if hasattr(answer, "item") and np.shape(answer) == ():
        answer = answer.item()  # one number in an array or tensor without axes
    if isinstance(answer, (bool, np.bool_)):
        return None
    if np.ndim(answer) > 0:
        return _ARRAY
    if isinstance(answer, (int, float, np.number)) and answer in (0, 1):
        return None
    return f"wanted True or False, got {type(answer).__name__}."


def _brief(answer) -> str:
    if isinstance(answer, np.ndarray):
        return f"an array of shape {answer.shape}"
    return repr(answer)[:40]


def _summary(truth, said) -> str:
    """Return accuracy, misses against false alarms, and the first failures."""
    others = _other_names(len(truth))
    missed, alarms = truth & ~said, ~truth & said
    lines = [
        f"Right on {(said == truth).sum()} of {len(truth)} hidden pictures "
        f"({(said == truth).mean():.0%}); wanted {RULE_GOAL:.0%}.",
        f"  misses:       {missed.sum()} of {truth.sum()} mushrooms",
        f"  false alarms: {alarms.sum()} of {(~truth).sum()} others",
    ]
    counts = {name: int((alarms & (others == name)).sum()) for name in _OTHERS}
    worst = sorted(counts, key=lambda name: -counts[name])[:3]
    if alarms.any():
        named = ", ".join(
            f"{name} {counts[name]} of {(others == name).sum()}"
            for name in worst
            if counts[name]
        )
        lines.append(f"  taken for a mushroom: {named}")
    shown = ", ".join(
        f"#{i} {'mushroom' if truth[i] else others[i]}"
        for i in np.flatnonzero(said != truth)[:4]
    )
    lines.append(f"  first failures: {shown}")
    return "\n".join(lines)


def _other_names(n: int) -> np.ndarray:
    """Return the class name of each hidden picture, by the order they are made in."""
    first = scenes.CLASSES.index("mushroom") + 1
    others = (first + np.arange(n) // 2 % len(_OTHERS)) % len(scenes.CLASSES)
    return np.array(scenes.CLASSES)[others]


def _cause_of_rule(rule, images, truth, said) -> str:
    """Return the likeliest reason for a rule's failures, found by experiments."""
    if said.all():
        return _YES
    if not said.any():
        return _NO
    if (said != truth).mean() >= RULE_GOAL:
        return _TURNED
    some = slice(0, 60)
    if _agrees(rule, _shuffled(images[some]), said[some]) > 0.95:
        return _FLAT
    if _agrees(rule, images[some, :, ::-1], truth[some]) >= RULE_GOAL:
        return _UPSIDE
    light = np.median(images[:, :, 0], axis=(1, 2)) > 128
    good = said == truth
    if good[light].mean() > good[~light].mean() + 0.15:
        return _GROUND
    return _GREEDY if (said & ~truth).sum() > (truth & ~said).sum() else _STRICT


def _agrees(rule, images, wanted) -> float:
    """Return how often ``rule`` says ``wanted``; 0 where it fails on such pictures."""
    try:
        return float((challenges.answers(rule, images.copy()) == wanted).mean())
    except Exception:
        return 0.0


def _shuffled(images):
    """Return the images with their pixels in one random order; colours stay."""
    n, channels, height, width = images.shape
    order = np.random.default_rng(0).permutation(height * width)
    flat = images.reshape(n, channels, -1)[:, :, order]
    return flat.reshape(images.shape)


def _profile(image):
    widths = challenges.silhouette(image).sum(axis=1)
    rows = np.flatnonzero(widths)
    return widths[rows[0] : rows[-1] + 1]


def _steps_in(profile):
    step = int(np.argmin(np.diff(profile)))
    middle = 0.4 < step / len(profile) < 0.75
    return bool(middle and profile[step] > 1.8 * profile[step + 1])


def _fixed_grey(image):
    widths = (challenges.luminance(image) < 190).sum(axis=1)
    return len(np.unique(widths)) > 1 and _steps_in(widths[widths > 0])


def _wide_over_narrow(image):
    upper, lower = np.array_split(_profile(image), 2)
    return bool(upper.max() > 1.2 * lower[-3:].mean())


is_mushroom = Exercise(
    name="is_mushroom",
    notebook="01",
    reference=challenges.is_mushroom,
    cases=[],
    judge=_say_rule,
    mistakes=[
        Mistake("always True", lambda image: True, _YES),
        Mistake("always False", lambda image: False, _NO),
        Mistake(
            "answer turned round",
            lambda image: not challenges.is_mushroom(image),
            _TURNED,
        ),
        Mistake(
            "mean brightness",
            lambda image: bool(image.mean() < 150),
            _FLAT,
        ),
        Mistake(
            "colour",
            lambda image: bool(image[0].mean() > image[1].mean()),
            _FLAT,
        ),
        Mistake(
            "upside down",
            lambda image: challenges.is_mushroom(image[:, ::-1]),
            _UPSIDE,
        ),
        Mistake("fixed grey", _fixed_grey, _GROUND),
        Mistake("wide above narrow", _wide_over_narrow, _GREEDY),
        Mistake(
            "asks for too much",
            lambda image: challenges.is_mushroom(image) and image.mean() < 110,
            _STRICT,
        ),
        Mistake("class name", lambda image: "mushroom", _NAME),
        Mistake("array", lambda image: image > 128, _ARRAY),
        Mistake("no return", lambda image: print(end=""), _NOTHING),
    ],
    hints_=[
        "challenges.silhouette(image).sum(axis=1) is the width of the shape in each "
        "row, from top to bottom. Print it for a mushroom, a tree and a house.",
        "A mushroom's width jumps down once, from cap to stem, about half-way. A tree "
        "narrows near its foot, a house hardly.",
        "np.flatnonzero(widths) gives the rows of the shape; np.diff finds the jump; "
        "np.argmin says where it is.",
    ],
)

# ------------------------------------------------------------------ split_indices

_OVERLAP = (
    "the parts overlap: an example you train on comes back in the test. Shuffle all "
    "indices once and cut that one list."
)
_TWICE = (
    "an index comes up twice: it was drawn with replacement. Use a permutation, in "
    "which each index occurs once."
)
_LOST = (
    "some examples are in no part: rounding lost them. Cut at rounded running totals, "
    "so that the last part takes what is left."
)
_ORDER = (
    "the indices are not shuffled: data often lie sorted by class, and then the test "
    "part holds classes that were never trained on."
)
_NO_SEED = (
    "two calls with one seed give different parts: use np.random.default_rng(seed)."
)
_ONE_SEED = "another seed gives the same parts: pass `seed` on to the generator."
_RANGE = "indices run from 0 to n - 1."
_SIZES = (
    "the sizes do not follow the fractions: np.split wants the places of the cuts, "
    "which are running totals, not sizes."
)
_MASKS = "the parts are masks of True and False; wanted are integer indices."
_PARTS = "each fraction needs one part: return as many arrays as there are fractions."


def _say_split(split) -> str | None:
    """Judge a function that splits; None if it keeps all its promises."""
    for n, fractions in (
        (5, (0.6, 0.4)),
        (10, (0.6, 0.2, 0.2)),
        (101, (0.7, 0.1, 0.2)),
    ):
        parts = split(n, fractions, 3)
        cause = _cause_of_split(parts, n, fractions)
        if cause:
            shown = f"split_indices({n}, {fractions}, seed=3)"
            text = f"{shown} gave\n{_show_parts(parts)}\nCause: {cause}"
            return f"{WRONG_SHAPE}|{text}" if cause in (_PARTS, _MASKS) else text
    first, again, other = (_tuples(split(60, (0.5, 0.5), s)) for s in (1, 1, 2))
    if first != again:
        return f"The same seed must give the same parts.\nCause: {_NO_SEED}"
    if first == other:
        return f"Another seed must give other parts.\nCause: {_ONE_SEED}"
    return None


def _tuples(parts):
    return [np.asarray(part).tolist() for part in parts]


def _show_parts(parts) -> str:
    if not isinstance(parts, (tuple, list)):
        return f"  {_brief(parts)}"
    lines = []
    for number, part in enumerate(parts):
        text = np.array2string(np.asarray(part), threshold=12, separator=", ")
        lines.append(f"  part {number}: {text}")
    return "\n".join(lines)


def _cause_of_split(parts, n: int, fractions) -> str | None:
    """Return which promise is broken for one call, or None."""
    if not isinstance(parts, (tuple, list)) or len(parts) != len(fractions):
        return _PARTS
    parts = [np.asarray(part) for part in parts]
    if any(part.dtype == bool for part in parts):
        return _MASKS
    if any(
        part.ndim != 1 or part.dtype.kind not in "iu" for part in parts if part.size
    ):
        return "each part must be a list or array of integers with one axis."
    everything = np.concatenate(parts)
    if everything.size and (everything.min() < 0 or everything.max() >= n):
        return _RANGE
    sizes = zip(parts, fractions, strict=True)
    if max(abs(len(part) - share * n) for part, share in sizes) > 1:
        return _SIZES
    if any(len(np.unique(part)) < len(part) for part in parts):
        return _TWICE
    if len(np.unique(everything)) < len(everything):
        return _OVERLAP
    if len(everything) < n:
        return _LOST
    if n > 50 and any(len(set(np.diff(np.sort(part)))) == 1 for part in parts):
        return _ORDER  # neighbours, or every second one
    return None


def _cuts(n, fractions):
    return np.rint(np.cumsum(fractions) * n).astype(int)[:-1]


def _permutation(n, seed):
    return np.random.default_rng(seed).permutation(n)


def _drawn_anew(n, fractions=(0.8, 0.2), seed=0):
    rng = np.random.default_rng(seed)
    return tuple(rng.choice(n, round(f * n), replace=False) for f in fractions)


def _with_replacement(n, fractions=(0.8, 0.2), seed=0):
    drawn = np.random.default_rng(seed).integers(0, n, n)
    return tuple(np.split(drawn, _cuts(n, fractions)))


def _remainder_lost(n, fractions=(0.8, 0.2), seed=0):
    order, parts, start = _permutation(n, seed), [], 0
    for fraction in fractions:
        size = int(fraction * n)
        parts.append(order[start : start + size])
        start += size
    return tuple(parts)


def _sizes_as_cuts(n, fractions=(0.8, 0.2), seed=0):
    cuts = [round(f * n) for f in fractions][:-1]
    return tuple(np.split(_permutation(n, seed), cuts))


split_indices = Exercise(
    name="split_indices",
    notebook="01",
    reference=data.split_indices,
    cases=[],
    judge=_say_split,
    mistakes=[
        Mistake("parts drawn anew", _drawn_anew, _OVERLAP),
        Mistake("with replacement", _with_replacement, _TWICE),
        Mistake(
            "not shuffled",
            lambda n, fractions=(0.8, 0.2), seed=0: tuple(
                np.split(np.arange(n), _cuts(n, fractions))
            ),
            _ORDER,
        ),
        Mistake("remainder lost", _remainder_lost, _LOST),
        Mistake("sizes taken for cuts", _sizes_as_cuts, _SIZES),
        Mistake(
            "seed not used",
            lambda n, fractions=(0.8, 0.2), seed=0: data.split_indices(n, fractions),
            _ONE_SEED,
        ),
        Mistake(
            "unseeded generator",
            lambda n, fractions=(0.8, 0.2), seed=0: tuple(
                np.split(np.random.default_rng().permutation(n), _cuts(n, fractions))
            ),
            _NO_SEED,
        ),
        Mistake(
            "counted from 1",
            lambda n, fractions=(0.8, 0.2), seed=0: tuple(
                part + 1 for part in data.split_indices(n, fractions, seed)
            ),
            _RANGE,
        ),
        Mistake(
            "masks",
            lambda n, fractions=(0.8, 0.2), seed=0: tuple(
                np.isin(np.arange(n), part)
                for part in data.split_indices(n, fractions, seed)
            ),
            _MASKS,
        ),
        Mistake(
            "two parts only",
            lambda n, fractions=(0.8, 0.2), seed=0: data.split_indices(
                n, (fractions[0],), seed
            ),
            _PARTS,
        ),
    ],
    hints_=[
        "np.random.default_rng(seed).permutation(n) is all indices, shuffled, each one "
        "once.",
        "Running totals of the fractions, np.cumsum(fractions), say where to cut; "
        "times n, rounded.",
        "np.split(order, cuts) cuts at these places; leave the last total out, or an "
        "empty part is left over.",
    ],
)

# ------------------------------------------------------------------ topk_error


def _ranked(scores):
    return np.argsort(-scores.astype(float), axis=1, kind="stable")


def _found(best, labels):
    return (best == labels[:, None]).any(axis=1)


def _lowest(scores, labels, k):
    best = np.argsort(scores, axis=1, kind="stable")[:, :k]
    return float(1 - _found(best, labels).mean())


def _reversed_ties(scores, labels, k):
    best = np.argsort(scores, axis=1, kind="stable")[:, ::-1][:, :k]
    return float(1 - _found(best, labels).mean())


def _negated_uint8(scores, labels, k):
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return float(1 - _found(best, labels).mean())


def _down_the_columns(scores, labels, k):
    best = np.argsort(-scores.astype(float), axis=0, kind="stable")[:k]
    return float(1 - (best == labels[: best.shape[1]]).any(axis=0).mean())


topk_error = Exercise(
    name="topk_error",
    notebook="01",
    reference=challenges.topk_error,
    cases=[
        Case(
            (np.array([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]]), np.array([1, 2]), 1),
            "two images, three classes, k = 1",
        ),
        Case(
            (
                np.array([[5, 1, 4, 2], [1, 5, 2, 4], [9, 3, 2, 1]]),
                np.array([2, 3, 1]),
                2,
            ),
            "the label is second best each time, k = 2",
        ),
        Case(
            (np.array([[3.0, 3.0, 1.0], [0.0, 2.0, 2.0]]), np.array([1, 2]), 1),
            "ties: the smaller class number counts as better",
        ),
        Case(
            (
                np.array([[0, 9, 200, 40], [3, 0, 2, 1]], np.uint8),
                np.array([3, 0]),
                2,
            ),
            "scores in uint8",
        ),
        Case(
            (
                np.random.default_rng(1).normal(size=(7, 6)),
                np.array([0, 5, 2, 2, 4, 1, 3]),
                3,
            ),
            "seven images, six classes, k = 3",
        ),
        Case(
            (np.array([[0.2, 0.5, 0.3]] * 2), np.array([0, 2]), 3),
            "k is the number of classes: nothing can be missed",
        ),
    ],
    mistakes=[
        Mistake(
            "lowest scores",
            _lowest,
            "argsort sorts upwards: the first k are the worst. Sort -scores, or take "
            "the last k.",
        ),
        Mistake(
            "accuracy instead of error",
            lambda scores, labels, k: float(
                _found(_ranked(scores)[:, :k], labels).mean()
            ),
            "hits were counted, not errors: the result is 1 minus yours.",
        ),
        Mistake(
            "k ignored",
            lambda scores, labels, k: float((scores.argmax(axis=1) != labels).mean()),
            "k is not used: this is the top-1 error whatever k is.",
        ),
        Mistake(
            "only the k-th guess",
            lambda scores, labels, k: float(
                (_ranked(scores)[:, k - 1] != labels).mean()
            ),
            "only the k-th guess was compared; any of the first k may be the label.",
        ),
        Mistake(
            "count instead of share",
            lambda scores, labels, k: int(
                (~_found(_ranked(scores)[:, :k], labels)).sum()
            ),
            "the errors were counted but not divided by the number of images.",
        ),
        Mistake(
            "per cent",
            lambda scores, labels, k: float(
                100 * (1 - _found(_ranked(scores)[:, :k], labels).mean())
            ),
            "the result is in per cent; wanted is a share from 0 to 1.",
        ),
        Mistake(
            "all instead of any",
            lambda scores, labels, k: float(
                1 - (_ranked(scores)[:, :k] == labels[:, None]).all(axis=1).mean()
            ),
            "np.all wants every guess to be the label; one hit is enough: "
            ".any(axis=1).",
        ),
        Mistake(
            "mean over all guesses",
            lambda scores, labels, k: float(
                1 - (_ranked(scores)[:, :k] == labels[:, None]).mean()
            ),
            "the mean runs over all guesses; an image counts once, however many "
            "guesses it has: .any(axis=1) first.",
        ),
        Mistake(
            "labels not a column",
            lambda scores, labels, k: float(
                1 - (_ranked(scores)[:, :k] == labels).any(axis=1).mean()
            ),
            "the labels lie as a row beside the guesses: make them a column, "
            "labels[:, None].",
        ),
        Mistake(
            "guesses of all images",
            lambda scores, labels, k: float(
                1 - np.isin(labels, _ranked(scores)[:, :k]).mean()
            ),
            "np.isin looks among the guesses of all images; a label belongs to its "
            "own row.",
        ),
        Mistake(
            "scores instead of classes",
            lambda scores, labels, k: float(
                1
                - _found(-np.sort(-scores.astype(float), axis=1)[:, :k], labels).mean()
            ),
            "np.sort gives the scores themselves; np.argsort gives the classes.",
        ),
        Mistake(
            "an answer for each image",
            lambda scores, labels, k: ~_found(_ranked(scores)[:, :k], labels),
            "this says for each image whether it was missed; return the share of "
            "those, one number.",
        ),
        Mistake(
            "one guess too many",
            lambda scores, labels, k: float(
                1 - _found(_ranked(scores)[:, : k + 1], labels).mean()
            ),
            "one guess too many: the first k are [:, :k].",
        ),
        Mistake(
            "one guess too few",
            lambda scores, labels, k: float(
                1 - _found(_ranked(scores)[:, : k - 1], labels).mean()
            ),
            "one guess too few: the slice [: k - 1] holds k - 1 guesses.",
        ),
        Mistake(
            "ties reversed",
            _reversed_ties,
            "ties: sorting upwards and turning round puts the larger class number "
            'first. Sort -scores with kind="stable".',
        ),
        Mistake(
            "uint8 negated",
            _negated_uint8,
            "minus on uint8 wraps around (-0 stays 0 and so looks best): convert the "
            "scores to float first.",
        ),
        Mistake(
            "wrong axis",
            _down_the_columns,
            "sorted down the columns (axis=0): each image is a row, sort along axis=1.",
        ),
    ],
    hints_=[
        "np.argsort(-scores, axis=1, kind='stable')[:, :k] holds the k best classes of "
        "each image, best first.",
        "Compare with labels[:, None]: shapes (N, k) and (N, 1) give (N, k) booleans.",
        ".any(axis=1) says for each image whether one of its k guesses was right; the "
        "error is the share for which none was.",
    ],
)

EXERCISES = [pixel_change, is_mushroom, split_indices, topk_error]
