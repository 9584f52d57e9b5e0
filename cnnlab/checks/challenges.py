"""The exercises of notebook 01: pixel change, a rule, splits, a leak, top-k error."""

import numpy as np

from cnnlab import challenges, data, scenes, yours
from cnnlab.checks._base import (
    Case,
    Cause,
    Exercise,
    FindBug,
    Mistake,
    Open,
    Score,
)

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
    changed = change[change > 0]
    return float((change > 0).mean()), float(changed.mean() if changed.size else 0)


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


def _int8(changed):
    """Return a wrong answer that subtracts in int8; ``changed`` counts the share."""

    def answer(before, after):
        change = np.abs(after.astype(np.int8) - before.astype(np.int8))
        return float(changed(change).mean()), float(change.mean())

    return answer


def _int8_first(*narrow):
    """Return a wrong answer in which the images that are named pass through int8."""

    def answer(before, after):
        old, new = (
            image.astype(np.int8).astype(int) if name in narrow else image.astype(int)
            for name, image in (("before", before), ("after", after))
        )
        return float((before != after).mean()), float(np.abs(new - old).mean())

    return answer


_NARROW = (
    "int8 holds -128 to 127 only: 200 becomes -56, so from 10 to 200 it seems to be "
    "66. It takes a wider type, such as int or np.int16."
)


def _row(*values):
    return np.array([[values]], np.uint8)  # (1, 1, W)


def _changed_images(rng, size):
    """Draw an image, grey or in colour, and the same with some values changed."""
    shape = rng.choice([1, 3]), *rng.integers(1, size + 1, 2)
    before = rng.integers(0, 256, shape, dtype=np.uint8)
    before[rng.random(shape) < 0.2] = rng.choice([0, 255])
    after = rng.integers(0, 256, shape, dtype=np.uint8)
    keep = rng.random(shape) < rng.choice([0, 0.3, 0.7, 1])
    return Case((before, np.where(keep, before, after)), "drawn at random")


pixel_change = Exercise(
    name="pixel_change",
    notebook="01",
    reference=challenges.pixel_change,
    cases=[
        Case((_row(10, 50, 90), _row(10, 56, 99)), "three values, two of them lighter"),
        Case((_row(10, 50, 90, 7), _row(10, 49, 90, 7)), "one value, darker by 1"),
        Case((_row(10, 200), _row(200, 190)), "one value lighter by 190, one darker"),
        Case(_images(3, 2, 4, seed=1), "a small colour image"),
        Case(_images(3, 6, 5, seed=2), "another"),
        Case((_row(7, 8), _row(7, 8)), "nothing changed"),
    ],
    samples=_changed_images,
    outputs=("share", "mean"),
    mistakes=[
        Mistake(
            "uint8 wraps around",
            _wrapped,
            "the subtraction was done in uint8, where 49 - 50 is 255: convert both "
            "images first, for example with .astype(int).",
        ),
        Mistake("int8", _int8(lambda change: change != 0), _NARROW),
        Mistake("int8, lighter than 0", _int8(lambda change: change > 0), _NARROW),
        Mistake("int8, then wider", _int8_first("before", "after"), _NARROW),
        Mistake("one image in int8", _int8_first("after"), _NARROW),
        Mistake("the other image in int8", _int8_first("before"), _NARROW),
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
            "only lighter values",
            lambda before, after: (
                float((after > before).mean()),
                float(np.maximum(after.astype(int) - before, 0).mean()),
            ),
            "only values that became lighter are counted; darker ones changed, too.",
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
        "In uint8, 49 - 50 is 255: the numbers wrap round. Which type holds -1?",
        "`before, after = before.astype(int), after.astype(int)` makes room for the "
        "sign, and `change = np.abs(after - before)` is how far each value moved.",
        "A comparison such as `change > 0` gives True and False; its `.mean()` is the "
        "share that is True. Return that first, then `change.mean()`.",
    ],
)

# ------------------------------------------------------------------ is_mushroom

RULE_BAR = 0.90
RULE_DIALS = {"variation": 0.5, "viewpoint": 0.5}
_HIDDEN_SEED = 4242
_COUNT = 216
_OTHERS = [name for name in scenes.CLASSES if name != "mushroom"]

_YES = "It says True to everything: a rule must also say no."
_NO = "It says False to everything: half of the pictures are mushrooms."
_TURNED = "True and False are exchanged: turn the answer round with `not`."
_FLAT = (
    "It gives about the same answers when the pixels of each picture are shuffled, so "
    "it reads colours, brightness or size, not the shape. Start from "
    "challenges.silhouette(image), row by row."
)
_UPSIDE = "It finds mushrooms that stand on their heads: row 0 is the top row."
_GROUND = (
    "It is right on a light ground and not on a dark one: compare a pixel with the "
    "border of its own picture, as challenges.silhouette does, not with a fixed grey."
)
_NAME = "It returns text; the answer to 'is it a mushroom?' is True or False."
_ARRAY = "It returns an array; one picture needs one answer, True or False."
_NOTHING = (
    "It returns None; wanted is True or False. End it with `return` and the answer."
)
_CHANGED = "It alters the picture that it is given: work on a copy, image.copy()."
_UNSTEADY = (
    "It answers differently when the same pictures come in another order: a rule may "
    "look at the picture and at nothing else."
)
_GREEDY = (
    "Most mistakes are false alarms: the rule describes other things as well. Look at "
    "the class it confuses most and add what tells the two apart."
)
_STRICT = "Most mistakes are misses: the rule asks for too much."


def _hidden():
    """Return the hidden pictures in mixed order, their truth, and their classes."""
    images, truth = challenges.one_against_rest(
        "mushroom", _COUNT, _HIDDEN_SEED, RULE_DIALS
    )
    first = scenes.CLASSES.index("mushroom") + 1
    others = (first + np.arange(_COUNT) // 2 % len(_OTHERS)) % len(scenes.CLASSES)
    names = np.where(truth, "mushroom", np.array(scenes.CLASSES)[others])
    order = np.random.default_rng(_HIDDEN_SEED).permutation(_COUNT)
    return images[order], truth[order], names[order]


def _score_rule(rule) -> Score:
    """Return the accuracy of a rule on hidden scenes, and its failures to look at."""
    images, truth, names = _hidden()
    said, fault = _say_all(rule, images)
    if fault:
        return Score(0.0, fault)
    back = np.random.default_rng(1).permutation(len(images))
    again, fault = _say_all(rule, images[back])
    if fault or not np.array_equal(again, said[back]):
        accuracy = min((said == truth).mean(), (again == truth[back]).mean())
        return Score(min(float(accuracy), 0.5), fault or _UNSTEADY)
    accuracy = float((said == truth).mean())
    lines = _counts(truth, said, names)
    if accuracy < RULE_BAR:
        lines.append(_cause_of_rule(rule, images, truth, said))
    return Score(accuracy, "\n".join(lines), _failures(images, truth, said, names))


def _say_all(rule, images) -> tuple[np.ndarray, str]:
    """Return a rule's answers (N,), or what is wrong with one of them."""
    said = []
    for image in images:
        given = image.copy()
        one = rule(given)
        fault = _fault_of(one)
        if not fault and not np.array_equal(given, image):
            fault = _CHANGED
        if fault:
            return np.zeros(0, bool), fault
        said.append(bool(one))
    return np.array(said), ""


def _fault_of(answer) -> str:
    """Return what is wrong with the type of an answer, or nothing."""
    if answer is None:
        return _NOTHING
    if isinstance(answer, str):
        return _NAME
    if hasattr(answer, "item") and np.shape(answer) == ():
        answer = answer.item()  # one number in an array or tensor without axes
    if isinstance(answer, (bool, np.bool_)):
        return ""
    if np.ndim(answer) > 0:
        return _ARRAY
    if isinstance(answer, (int, float, np.number)) and answer in (0, 1):
        return ""
    return f"Wanted True or False, got {type(answer).__name__}."


def _counts(truth, said, names) -> list[str]:
    """Return misses and false alarms, and what was taken for a mushroom."""
    missed, alarms = truth & ~said, ~truth & said
    lines = [
        f"Misses: {missed.sum()} of {truth.sum()} mushrooms. "
        f"False alarms: {alarms.sum()} of {(~truth).sum()} other things."
    ]
    counts = {name: int((alarms & (names == name)).sum()) for name in _OTHERS}
    worst = sorted(_OTHERS, key=lambda name: -counts[name])[:3]
    taken = [f"{n} {counts[n]} of {(names == n).sum()}" for n in worst if counts[n]]
    if taken:
        lines.append(f"Taken for a mushroom: {', '.join(taken)}.")
    return lines


def _failures(images, truth, said, names, most=6) -> tuple:
    """Return some failures with captions: false alarms and misses in turn."""
    alarms, missed = np.flatnonzero(~truth & said), np.flatnonzero(truth & ~said)
    rows = sorted([*enumerate(alarms), *enumerate(missed)])[:most]
    captions = {False: "{} taken for a mushroom", True: "mushroom missed"}
    return tuple(
        (images[row], captions[bool(truth[row])].format(names[row])) for _, row in rows
    )


def _cause_of_rule(rule, images, truth, said) -> str:
    """Return the likeliest reason for a rule's failures, found by experiments."""
    if said.all():
        return _YES
    if not said.any():
        return _NO
    if (said != truth).mean() >= RULE_BAR:
        return _TURNED
    some = slice(0, 100)
    # By chance, two answers with these shares of True agree on that part of pictures.
    yes = said[some].mean()
    chance = yes**2 + (1 - yes) ** 2
    if _agrees(rule, _shuffled(images[some]), said[some]) > (2 + chance) / 3:
        return _FLAT
    if _agrees(rule, images[some, :, ::-1], truth[some]) >= RULE_BAR:
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
    """Return the images with the pixels inside their border in one random order."""
    inner = images[:, :, 1:-1, 1:-1]
    n, channels, height, width = inner.shape
    order = np.random.default_rng(0).permutation(height * width)
    shuffled = images.copy()
    flat = inner.reshape(n, channels, -1)[:, :, order]
    shuffled[:, :, 1:-1, 1:-1] = flat.reshape(inner.shape)
    return shuffled


def _top_heavy(widths) -> bool:
    rows = np.flatnonzero(widths)
    profile = widths[rows[0] : rows[-1] + 1] if len(rows) else widths
    return bool(profile[: len(profile) // 2].sum() > 0.55 * profile.sum())


def _fixed_grey(image):
    return _top_heavy((challenges.luminance(image) < 150).sum(axis=1))


def _widest_row_high(image):
    widths = challenges.silhouette(image).sum(axis=1)
    rows = np.flatnonzero(widths)
    return bool(widths.argmax() < rows[0] + 0.6 * len(rows)) if len(rows) else False


is_mushroom = Open(
    name="is_mushroom",
    notebook="01",
    reference=challenges.is_mushroom,
    score=_score_rule,
    bar=RULE_BAR,
    measured_on=(
        f"{_COUNT} hidden pictures, half of them mushrooms, variation and viewpoint "
        "at 0.5"
    ),
    wants="a function that answers True or False",
    mistakes=[
        Mistake("always True", lambda image: True, _YES),
        Mistake("always False", lambda image: False, _NO),
        Mistake(
            "answer turned round",
            lambda image: not challenges.is_mushroom(image),
            _TURNED,
        ),
        Mistake("mean brightness", lambda image: bool(image.mean() < 150), _FLAT),
        Mistake(
            "colour",
            lambda image: bool(image[0].mean() > image[1].mean()),
            _FLAT,
        ),
        Mistake(
            "size",
            lambda image: bool(370 < challenges.silhouette(image).sum() < 470),
            _FLAT,
        ),
        Mistake(
            "upside down",
            lambda image: challenges.is_mushroom(image[:, ::-1]),
            _UPSIDE,
        ),
        Mistake("fixed grey", _fixed_grey, _GROUND),
        Mistake("widest row is high", _widest_row_high, _GREEDY),
        Mistake(
            "asks for too much",
            lambda image: (
                challenges.is_mushroom(image)
                and challenges.silhouette(image).sum() < 380
            ),
            _STRICT,
        ),
        Mistake("class name", lambda image: "mushroom", _NAME),
        Mistake("array", lambda image: image > 128, _ARRAY),
        Mistake("no return", lambda image: print(end=""), _NOTHING),
    ],
    hints_=[
        "`widths = challenges.silhouette(image).sum(axis=1)` is the width of the shape "
        "in each row, from top to bottom. Where does a mushroom have its weight, and "
        "where have a tree and a house?",
        "`rows = np.flatnonzero(widths)` are the rows of the shape, so "
        "`profile = widths[rows[0] : rows[-1] + 1]` runs from its top to its foot, "
        "wherever it stands.",
        "`upper = profile[: len(profile) // 2].sum()` is the part in the upper half. "
        "Print `upper / profile.sum()` for the practice pictures, and put a bound "
        "between mushrooms and the rest: this reaches the bar.",
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
_EACH = (
    "each part was rounded by itself, and the errors add up. Round the running totals "
    "and cut there."
)
_CUT_OFF = (
    "int() cuts off what follows the point; the task rounds. Cut at rounded running "
    "totals."
)
_REST = (
    "the last part takes all the rest, though the fractions sum to less than 1: cut "
    "there, too."
)
_SIZES = (
    "the sizes do not follow the fractions: np.split wants the places of the cuts, "
    "which are running totals, not sizes."
)
_OTHER_SIZES = "the sizes do not follow the fractions, at rounded running totals."
_ORDER = (
    "the indices are not shuffled: data often lie sorted by class, and then the test "
    "part holds classes that were never trained on."
)
_NO_SEED = (
    "two calls with one seed give different parts: use np.random.default_rng(seed)."
)
_ONE_SEED = "another seed gives the same parts: pass `seed` on to the generator."
_RANGE = "indices run from 0 to n - 1."
_MASKS = "the parts are masks of True and False; wanted are integer indices."
_PARTS = "each fraction needs one part: return as many arrays as there are fractions."
_INTEGERS = "each part must be an array or list of integers with one axis."


def _splits_to_try():
    """Return (n, fractions, seed): hand-picked ones, then drawn ones, growing."""
    tries = [
        (11, (0.6, 0.4), 3),
        (5, (0.5, 0.5), 3),
        (5, (0.6, 0.4), 3),
        (10, (0.6, 0.2, 0.2), 3),
        (20, (0.1, 0.1), 3),
        (0, (0.8, 0.2), 3),
        (101, (0.7, 0.1, 0.2), 3),
    ]
    rng = np.random.default_rng(7)
    for n in range(1, 41):
        shares = rng.dirichlet(np.ones(rng.integers(1, 5))) * rng.choice([1, 0.7])
        tries.append((n, tuple(shares.round(2).tolist()), int(rng.integers(1000))))
    return [one for one in tries if sum(one[1]) <= 1]


def _say_split(split) -> str | None:
    """Judge a function that splits; None if it keeps all its promises."""
    for n, fractions, seed in _splits_to_try():
        parts = split(n, fractions, seed)
        cause = _cause_of_split(parts, n, fractions)
        if cause:
            text = (
                f"split_indices({n}, {fractions}, seed={seed}) gave\n"
                f"{_show_parts(parts)}\nLikely cause: {cause}"
            )
            kinds = {_PARTS: "wrong type|", _MASKS: "wrong type|"}
            return kinds.get(cause, "") + text
    first, again, other = (_tuples(split(60, (0.5, 0.5), s)) for s in (1, 1, 2))
    if first != again:
        return f"The same seed must give the same parts.\nLikely cause: {_NO_SEED}"
    if first == other:
        return f"Another seed must give other parts.\nLikely cause: {_ONE_SEED}"
    return None


def _tuples(parts):
    return [np.asarray(part).tolist() for part in parts]


def _show_parts(parts) -> str:
    if not isinstance(parts, (tuple, list)):
        shape = f" of shape {parts.shape}" if isinstance(parts, np.ndarray) else ""
        return f"  {type(parts).__name__}{shape}"
    lines = []
    for number, part in enumerate(parts):
        text = np.array2string(np.asarray(part), threshold=12, separator=", ")
        lines.append(f"  part {number}: {text}")
    return "\n".join(lines)


def _cause_of_split(parts, n: int, fractions) -> str | None:
    """Return which promise is broken for one call, or None."""
    if not isinstance(parts, (tuple, list)) or len(parts) != len(fractions):
        return _PARTS
    try:
        parts = [np.asarray(part) for part in parts]
    except ValueError:
        return _INTEGERS
    if any(part.dtype == bool for part in parts):
        return _MASKS
    if any(
        part.ndim != 1 or part.dtype.kind not in "iu" for part in parts if part.size
    ):
        return _INTEGERS
    everything = np.concatenate([part.ravel() for part in parts])
    if everything.size and (everything.min() < 0 or everything.max() >= n):
        return _RANGE
    if any(len(np.unique(part)) < len(part) for part in parts):
        return _TWICE
    cause = _cause_of_sizes([len(part) for part in parts], n, fractions)
    if cause:
        return cause
    if len(np.unique(everything)) < len(everything):
        return _OVERLAP
    if n > 50 and any(len(set(np.diff(np.sort(part)))) == 1 for part in parts):
        return _ORDER  # neighbours, or every second one
    return None


def _cause_of_sizes(sizes: list[int], n: int, fractions) -> str | None:
    """Return what is wrong with the sizes; halves may be rounded up or down."""
    totals = np.cumsum(fractions) * n
    ends = np.cumsum(sizes)
    if (np.abs(ends - totals) <= 0.5 + 1e-9).all():
        return None
    if (np.abs(ends - totals) <= 0.5 + 1e-9)[:-1].all() and ends[-1] == n:
        return _REST
    if sizes == [round(share * n) for share in fractions]:
        return _EACH
    cut = np.diff(totals.astype(int), prepend=0).tolist()
    if sizes in (cut, [int(share * n) for share in fractions]):
        return _CUT_OFF
    if sizes == [len(p) for p in _sizes_as_cuts(n, fractions)]:
        return _SIZES
    return _OTHER_SIZES


def _cuts(n, fractions):
    return np.rint(np.cumsum(fractions) * n).astype(int)


def _permutation(n, seed):
    return np.random.default_rng(seed).permutation(n)


def _cut(order, cuts):
    return tuple(np.split(order, cuts)[: len(cuts)])


def _drawn_anew(n, fractions=(0.8, 0.2), seed=0):
    rng = np.random.default_rng(seed)
    sizes = np.diff(_cuts(n, fractions), prepend=0)
    return tuple(rng.choice(n, size, replace=False) for size in sizes)


def _with_replacement(n, fractions=(0.8, 0.2), seed=0):
    drawn = np.random.default_rng(seed).integers(0, max(n, 1), n)
    return _cut(drawn, _cuts(n, fractions))


def _each_rounded(n, fractions=(0.8, 0.2), seed=0):
    return _cut(_permutation(n, seed), np.cumsum([round(f * n) for f in fractions]))


def _remainder_lost(n, fractions=(0.8, 0.2), seed=0):
    return _cut(_permutation(n, seed), np.cumsum([int(f * n) for f in fractions]))


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
            lambda n, fractions=(0.8, 0.2), seed=0: _cut(
                np.arange(n), _cuts(n, fractions)
            ),
            _ORDER,
        ),
        Mistake("each part rounded", _each_rounded, _EACH),
        Mistake("remainder lost", _remainder_lost, _CUT_OFF),
        Mistake(
            "running totals cut off",
            lambda n, fractions=(0.8, 0.2), seed=0: _cut(
                _permutation(n, seed), (np.cumsum(fractions) * n).astype(int)
            ),
            _CUT_OFF,
        ),
        Mistake(
            "the last takes the rest",
            lambda n, fractions=(0.8, 0.2), seed=0: tuple(
                np.split(_permutation(n, seed), _cuts(n, fractions)[:-1])
            ),
            _REST,
        ),
        Mistake("sizes taken for cuts", _sizes_as_cuts, _SIZES),
        Mistake(
            "seed not used",
            lambda n, fractions=(0.8, 0.2), seed=0: data.split_indices(n, fractions),
            _ONE_SEED,
        ),
        Mistake(
            "unseeded generator",
            lambda n, fractions=(0.8, 0.2), seed=0: _cut(
                np.random.default_rng().permutation(n), _cuts(n, fractions)
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
            "one part too many",
            lambda n, fractions=(0.8, 0.2), seed=0: tuple(
                np.split(_permutation(n, seed), _cuts(n, fractions))
            ),
            _PARTS,
        ),
    ],
    hints_=[
        "`order = np.random.default_rng(seed).permutation(n)` holds all indices, "
        "shuffled, each one once.",
        "`cuts = np.rint(np.cumsum(fractions) * n).astype(int)` are the rounded "
        "running totals of the fractions: the places to cut.",
        "`np.split(order, cuts)` cuts there and returns one piece more than there are "
        "cuts, what lies beyond the last one: keep `[: len(fractions)]`, as a tuple.",
    ],
)

# -------------------------------------------------------------- held_out_accuracy


def _overlapping(learn, images, labels, seed=0):
    """Train on 80 % of the examples; return the accuracy on the other 20 %."""
    train, _ = yours.split_indices(len(labels), (0.8, 0.2), seed)
    classify = learn(images[train], labels[train])
    _, held_out = yours.split_indices(len(labels), (0.8, 0.2), seed + 1)
    return (classify(images[held_out]) == labels[held_out]).mean()


def _parts(labels, seed):
    return data.split_indices(len(labels), (0.8, 0.2), seed)


def _right(classify, images, labels, rows):
    return float((classify(images[rows]) == labels[rows]).mean())


def _trained_on_all(learn, images, labels, seed=0):
    _, held_out = _parts(labels, seed)
    return _right(learn(images, labels), images, labels, held_out)


def _on_training_part(learn, images, labels, seed=0):
    train, _ = _parts(labels, seed)
    return _right(learn(images[train], labels[train]), images, labels, train)


def _on_all(learn, images, labels, seed=0):
    train, _ = _parts(labels, seed)
    return float((learn(images[train], labels[train])(images) == labels).mean())


def _parts_exchanged(learn, images, labels, seed=0):
    held_out, train = _parts(labels, seed)
    return _right(learn(images[train], labels[train]), images, labels, held_out)


def _labels_apart(learn, images, labels, seed=0):
    train, held_out = _parts(labels, seed)
    said = learn(images[train], labels[train])(images[held_out])
    return float((said == np.roll(labels[held_out], 1)).mean())


def _not_shuffled(learn, images, labels, seed=0):
    cut = round(0.8 * len(labels))
    classify = learn(images[:cut], labels[:cut])
    return float((classify(images[cut:]) == labels[cut:]).mean())


def _error(learn, images, labels, seed=0):
    return 1 - challenges.held_out_accuracy(learn, images, labels, seed)


def _number_right(learn, images, labels, seed=0):
    _, held_out = _parts(labels, seed)
    share = challenges.held_out_accuracy(learn, images, labels, seed)
    return share * len(held_out)


_KNOWN = (
    "a learner that knows nothing but its training examples is right on some of the "
    "held-out ones. How can it know them?"
)

# Learners whose accuracy does not depend on how a fair shuffle falls.


def knows_by_heart(images, labels):
    """Know each training image, and answer 0 to any other."""
    return challenges.memorise(images, labels)


def reads_first_pixel(images, labels):
    """Answer with the first value of an image, whatever it was trained on."""
    return lambda images: images[:, 0, 0, 0]


def counts_examples(images, labels):
    """Answer with the number of training images."""
    count = len(images)
    return lambda images: np.full(len(images), count)


def knows_classes_seen(images, labels):
    """Read the label in an image, but only a label that came up in training."""
    seen = np.unique(labels)
    return lambda images: np.where(
        np.isin(images[:, 0, 0, 0], seen), images[:, 0, 0, 0], -1
    )


def _examples(learn, n, seed):
    """Return a case of ``n`` examples for a learner; no two images are equal."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (n, 3, 2, 3), dtype=np.uint8)
    images[:, 1, 0, 0] = np.arange(n)
    labels = rng.integers(1, 6, n)
    if learn is counts_examples:
        labels = np.full(n, round(0.8 * n))
    if learn is knows_classes_seen:
        labels = np.sort(np.arange(n) // 10)
    images[:, 0, 0, 0] = labels
    return images, labels


def _learned(rng, size):
    """Draw a learner, 5 to 45 examples and a seed."""
    learn = (knows_by_heart, reads_first_pixel, counts_examples)[rng.integers(3)]
    n = 5 * int(rng.integers(1, size + 2))
    seed = int(rng.integers(1000))
    return Case((learn, *_examples(learn, n, seed), seed), "drawn at random")


held_out_accuracy = FindBug(
    name="held_out_accuracy",
    notebook="01",
    reference=challenges.held_out_accuracy,
    broken=_overlapping,
    cases=[
        Case(
            (knows_by_heart, *_examples(knows_by_heart, 10, 1), 0),
            "a learner that knows only what it was trained on: right nowhere",
        ),
        Case(
            (reads_first_pixel, *_examples(reads_first_pixel, 10, 2), 0),
            "a learner that reads the label in the image: right everywhere",
        ),
        Case(
            (counts_examples, *_examples(counts_examples, 10, 3), 0),
            "every label is 8, and the learner answers with the number of its examples",
        ),
        Case(
            (knows_classes_seen, *_examples(knows_classes_seen, 50, 4), 0),
            "examples sorted by class, a learner that knows the classes it was shown",
        ),
    ],
    samples=_learned,
    causes=[
        Cause(
            "a",
            "Images and labels are shuffled in different orders.",
            "Then the memoriser would learn wrong labels, and be at chance (10 %) even "
            "for pictures it was trained on.",
        ),
        Cause(
            "b",
            "Some of the held-out pictures were trained on, too.",
            "Another seed is another shuffle, so about 80 % of the held-out pictures "
            "lie in the training part. 0.8 · 100 % + 0.2 · 10 % = 82 %, or near it.",
            right=True,
        ),
        Cause(
            "c",
            "The accuracy is measured on the training part.",
            "Then the memoriser would be right on 100 %, not on 81 %.",
        ),
        Cause(
            "d",
            "Nothing: from 3,000 pictures the memoriser learned what a cat is.",
            "It says 0 to every picture it has not seen: on new pictures it is at "
            "chance, 10 %, however many it has seen.",
        ),
    ],
    mistakes=[
        Mistake("not mended", _overlapping, _KNOWN),
        Mistake(
            "another seed for the other part",
            lambda learn, images, labels, seed=0: _overlapping(
                learn, images, labels, seed + 1
            ),
            _KNOWN,
        ),
        Mistake(
            "trained on everything",
            _trained_on_all,
            "the learner is trained on all examples, the held-out ones among them.",
        ),
        Mistake(
            "measured on the training part",
            _on_training_part,
            "the accuracy is measured on the part that was trained on.",
        ),
        Mistake(
            "measured on everything",
            _on_all,
            "the accuracy is measured on all examples, the training part among them.",
        ),
        Mistake(
            "parts exchanged",
            _parts_exchanged,
            "the parts are exchanged: it trains on 20 % and measures on 80 %.",
        ),
        Mistake(
            "labels of other pictures",
            _labels_apart,
            "the answers are compared with the labels of other pictures: index images "
            "and labels with the same rows.",
        ),
        Mistake(
            "not shuffled",
            _not_shuffled,
            "the examples are cut without a shuffle: sorted by class, whole classes "
            "are missing from the training part.",
        ),
        Mistake(
            "error",
            _error,
            "this is the share of wrong answers; the accuracy is 1 minus yours.",
        ),
        Mistake(
            "count",
            _number_right,
            "the right answers were counted but not divided by their number: .mean().",
        ),
    ],
    hints_=[
        "What would the memoriser reach if no held-out picture were known to it? If "
        "all were? And if four in five were?",
        "Print `np.isin(held_out, train).mean()` inside the function.",
        "One shuffle, cut once, gives two parts that cannot overlap: "
        "`train, held_out = yours.split_indices(len(labels), (0.8, 0.2), seed)`.",
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


def _down_the_columns(scores, labels, k):
    best = np.argsort(-scores.astype(float), axis=0, kind="stable")[:k]
    return float(1 - (best == labels[: best.shape[1]]).any(axis=0).mean())


def _own(scores, labels):
    """Return the label's own score (N, 1)."""
    return scores[np.arange(len(labels)), labels][:, None]


def _struck_out(scores, labels, k):
    scores, found = scores.copy(), np.zeros(len(labels), bool)
    for _ in range(k):
        best = scores.argmax(axis=1)
        found |= best == labels
        scores[np.arange(len(labels)), best] = 0
    return float(1 - found.mean())


def _scored_images(rng, size):
    """Draw scores with and without ties, of any sign, labels, and k."""
    n, count = rng.integers(1, size + 2), rng.integers(1, size + 2)
    scores = rng.normal(0, 3, (n, count))
    if rng.random() < 0.5:
        scores = np.rint(scores) + 0.0  # ties; no -0.0, which is hard to read
    if rng.random() < 0.3:
        scores = -np.abs(scores)
    labels = rng.integers(0, count, n)
    return Case((scores, labels, int(rng.integers(1, count + 1))), "drawn at random")


# Ties that a sort which is not stable takes in another order.
_TIED = np.random.default_rng(0).integers(0, 3, (60, 10)).astype(float)

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
                np.array([[5.0, 1.0, 4.0, 2.0], [1.0, 5.0, 2.0, 4.0]]),
                np.array([2, 3]),
                2,
            ),
            "the label is second best each time, k = 2",
        ),
        Case(
            (np.array([[3.0, 3.0, 1.0], [0.0, 2.0, 2.0]]), np.array([1, 2]), 1),
            "ties: the smaller class number counts as better",
        ),
        Case(
            (np.array([[2.0, 2.0, 2.0, 1.0]]), np.array([0]), 1),
            "ties: the label has the smallest number, so it is best",
        ),
        Case(
            (np.array([[-3.0, -1.0, -2.0, -4.0]]), np.array([2]), 2),
            "all scores below 0",
        ),
        Case(
            (
                _TIED,
                np.argsort(-_TIED, axis=1, kind="stable")[:, 2],
                3,
            ),
            "many ties: the label is the third best, by its number",
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
    samples=_scored_images,
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
            "ties against the label",
            lambda scores, labels, k: float(
                ((scores >= _own(scores, labels)).sum(axis=1) > k).mean()
            ),
            "ties: every class with an equal score was put before the label; only "
            "those with a smaller number are.",
        ),
        Mistake(
            "ties for the label",
            lambda scores, labels, k: float(
                ((scores > _own(scores, labels)).sum(axis=1) >= k).mean()
            ),
            "ties: the label was put before every class with an equal score; those "
            "with a smaller number come first.",
        ),
        Mistake(
            "struck out by 0",
            _struck_out,
            "the best score was struck out by setting it to 0, which is not the "
            "lowest: scores may be negative. Use -np.inf, or sort.",
        ),
        Mistake(
            "order read as rank",
            lambda scores, labels, k: float(
                (_ranked(scores)[np.arange(len(labels)), labels] >= k).mean()
            ),
            "np.argsort holds at place r the class of rank r; you read it as the rank "
            "of a class.",
        ),
        Mistake(
            "scores cut to whole numbers",
            lambda scores, labels, k: challenges.topk_error(
                np.trunc(scores), labels, k
            ),
            "the scores were cut to whole numbers before they were sorted.",
        ),
        Mistake(
            "wrong axis",
            _down_the_columns,
            "sorted down the columns (axis=0): each image is a row, sort along axis=1.",
        ),
    ],
    hints_=[
        '`best = np.argsort(-scores, axis=1, kind="stable")[:, :k]` holds the k best '
        "classes of each image, best first; stable keeps ties in the order of classes.",
        "Compare with a column: `best == labels[:, None]` has shapes (N, k) and (N, 1) "
        "and gives (N, k) times True or False.",
        "`.any(axis=1)` says for each image whether one of its k guesses was right; "
        "with that as hit, the error is `1 - hit.mean()`.",
    ],
)

EXERCISES = [
    pixel_change,
    is_mushroom,
    split_indices,
    held_out_accuracy,
    topk_error,
]
