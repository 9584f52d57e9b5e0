"""The exercises of notebook 05: perceptrons, XOR, a sigmoid, a bug, an adder."""

import itertools

import numpy as np

from cnnlab import neurons
from cnnlab.checks import _show
from cnnlab.checks._base import Case, Cause, Exercise, FindBug, Mistake, Open, Score

_FOUR = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])


def _bits(n: int) -> np.ndarray:
    """Return every row of n bits, (2^n, n), counting up."""
    return np.array(list(itertools.product((0, 1), repeat=n)))


def _fires(x, w, b):
    return (x @ w + b > 0).astype(int)


# ---------------------------------------------------------------- one perceptron


def _neuron(rng, size):
    """Draw weights (D,) and a bias: whole numbers, with sums of 0, or fractions."""
    d = int(rng.integers(1, size + 2))
    if rng.random() < 0.5:
        return rng.integers(-3, 4, d), int(rng.integers(-3, 4))
    return rng.normal(0, 2, d), float(rng.normal(0, 2))


def _drawn_perceptron(rng, size):
    w, b = _neuron(rng, size)
    n = int(rng.integers(1, size + 3))
    x = rng.integers(0, 2, (n, len(w)))
    return Case((x if rng.random() < 0.5 else rng.normal(0, 2, x.shape), w, b))


perceptron = Exercise(
    name="perceptron",
    notebook="05",
    reference=neurons.perceptron,
    cases=(
        Case((np.array([[1, 1]]), np.array([-2, -2]), 3), "the inputs 1, 1"),
        Case((_FOUR, np.array([-2, -2]), 3), "all four inputs"),
        Case((_FOUR, np.array([1, 1]), -1), "a sum of exactly 0"),
        Case((np.array([[0.5, -1.5, 2.0]]), np.array([1.0, 2.0, 0.25]), 2.25),
             "fractions"),
        Case((np.array([[0.5], [-0.5], [0.1]]), np.array([2.0]), 0.5), "one input"),
        Case((np.zeros((0, 3)), np.array([1.0, 2.0, 3.0]), 1.0), "no example at all"),
    ),
    samples=_drawn_perceptron,
    mistakes=(
        Mistake(
            "at least 0",
            lambda x, w, b: (x @ w + b >= 0).astype(int),
            "a sum of exactly 0 is answered by 1: the answer is 1 only above 0.",
        ),
        Mistake(
            "bias missing",
            lambda x, w, b: (x @ w > 0).astype(int),
            "the bias is missing: w . x + b is compared with 0.",
        ),
        Mistake(
            "bias as a threshold",
            lambda x, w, b: (x @ w > b).astype(int),
            "b is taken for the threshold; the threshold is -b: compare w . x + b "
            "with 0.",
        ),
        Mistake(
            "minus one",
            lambda x, w, b: np.where(x @ w + b > 0, 1, -1),
            "the answers are 1 and -1; wanted are 1 and 0.",
        ),
        Mistake(
            "sign",
            lambda x, w, b: np.sign(x @ w + b),
            "sign gives -1, 0 and 1; wanted are 1 above 0, else 0.",
        ),
        Mistake(
            "turned round",
            lambda x, w, b: (x @ w + b < 0).astype(int),
            "it answers 1 below 0; wanted is 1 above 0.",
        ),
        Mistake(
            "at most 0",
            lambda x, w, b: (x @ w + b <= 0).astype(int),
            "the answer is turned round: 1 is for sums above 0, 0 for all others.",
        ),
        Mistake(
            "sum returned",
            lambda x, w, b: x @ w + b,
            "this is the sum w . x + b itself: answer 1 where it is above 0, else 0.",
        ),
        Mistake(
            "cut off at 0",
            lambda x, w, b: np.maximum(0, x @ w + b),
            "the sum is cut off below 0 (that is ReLU): answer 1 where it is above 0.",
        ),
        Mistake(
            "squashed",
            lambda x, w, b: neurons.sigmoid(np.asarray(x @ w + b, float)),
            "the sum is squashed smoothly (a sigmoid); a perceptron has a step.",
        ),
        Mistake(
            "not added up",
            lambda x, w, b: (x * w + b > 0).astype(int),
            "the products are not added up: one answer a row, so x @ w.",
        ),
        Mistake(
            "bias for every input",
            lambda x, w, b: ((x * w + b).sum(axis=1) > 0).astype(int),
            "the bias is added once for every input; it is added once.",
        ),
        Mistake(
            "weights not used",
            lambda x, w, b: (x.sum(axis=1) + b > 0).astype(int),
            "the inputs are added up without their weights.",
        ),
        Mistake(
            "an axis too many",
            lambda x, w, b: (x @ w + b > 0).astype(int)[:, None],
            "one axis of length 1 too many: (N,), not (N, 1).",
        ),
        Mistake(
            "first row only",
            lambda x, w, b: int((x[:1] @ w + b > 0).any()),
            "one number for all rows: return one answer a row, (N,).",
        ),
        Mistake(
            "any row",
            lambda x, w, b: int((x @ w + b > 0).any()),
            "one number that says whether any row is above 0: one answer a row, (N,).",
        ),
    ),
    hints_=(
        "The sums of all rows at once are a product: `x @ w`, of shape (N,).",
        "Add the bias and compare: `x @ w + b > 0` is an array of True and False.",
        "`(x @ w + b > 0).astype(int)` turns these into 1 and 0.",
    ),
)  # fmt: skip


# --------------------------------------------------------------------- NAND

_TABLES = {
    "AND": (lambda x: x.all(axis=1), "that is AND, the opposite: turn every sign."),
    "OR": (lambda x: x.any(axis=1), "that is OR: an input of 1 must pull the sum down, "
           "so the weights are negative."),
    "NOR": (lambda x: ~x.any(axis=1), "that is NOR: a single 1 already gives 0 here; "
            "NAND gives 0 only where all inputs are 1. The bias is too small."),
    "always 0": (lambda x: np.zeros(len(x), bool), "the answer is always 0: the bias "
                 "is not positive (a threshold of -3 is a bias of +3)."),
    "always 1": (lambda x: np.ones(len(x), bool), "the answer is always 1: with all "
                 "inputs 1, the weights must outweigh the bias."),
}  # fmt: skip
_TWO_ONLY = (
    "right for two inputs only: with more of them, all weights together pull further "
    "down, so that the bias must grow with n, or the weights shrink."
)
_BETWEEN = (
    "b must lie between the sum of all weights and the sum without one of them, both "
    "turned round"
)
_AT_ZERO = "a sum of exactly 0 answers 0, and this NAND relies on 1 there."
_CASES_OF_N = (2, 1, 3, 4, 6)


def _weights(result, n):
    """Return ``w`` and ``b`` of an answer, or (status|text) of what is wrong."""
    if not isinstance(result, (tuple, list)) or len(result) != 2:
        came = _show.kind(result)
        return f"wrong type|n = {n}: wanted 2 results (w, b), got {came}."
    w, b = (_show.array(one) for one in result)
    if (
        w is None
        or b is None
        or w.dtype.kind not in "biuf"
        or b.dtype.kind not in "biuf"
    ):
        return f"wrong type|n = {n}: wanted numbers w (n,) and b."
    if w.shape == () and b.shape == (n,):
        return (
            f"wrong shape|n = {n}: w is one number and b has shape ({n},). Likely "
            "cause: the two results are exchanged: return w, b."
        )
    if w.shape == () and n > 1:
        return (
            f"wrong shape|n = {n}: w is one number. Likely cause: one weight for all "
            "inputs is not enough for a dot product: return n of them, (n,)."
        )
    if w.shape != (n,) or b.size != 1:
        return (
            f"wrong shape|n = {n}: wanted w of shape ({n},) and one number b, got "
            f"shapes {w.shape} and {b.shape}."
        )
    if not (np.isfinite(w).all() and np.isfinite(b).all()):
        return f"wrong values|n = {n}: w and b must be finite."
    return w.astype(float), float(b.reshape(()))


def _judge_nand(answer) -> str | None:
    tables, first, given = {}, None, {}
    for n in _CASES_OF_N:
        got = _weights(answer(n), n)
        if isinstance(got, str):
            return got
        x = _bits(n)
        z = x @ got[0] + got[1]
        tables[n], given[n] = (x, z), got
        wrong = np.flatnonzero((z > 0) == x.all(axis=1))
        if first is None and len(wrong):
            row = x[wrong[0]]
            first = (
                f"n = {n}: w = {got[0].tolist()}, b = {got[1]:g}. The inputs "
                f"{tuple(row.tolist())} give the sum {z[wrong[0]]:g}, so the answer "
                f"{int(z[wrong[0]] > 0)}; wanted {int(not row.all())}."
            )
    if first is None:
        return None
    cause = _cause_of_tables(tables) or _cause_of_weights(tables, given)
    return f"{first}\nLikely cause: {cause}" if cause else first


def _cause_of_tables(tables) -> str | None:
    more = {n: pair for n, pair in tables.items() if n > 1}  # one input tells little
    if all(((z >= 0) == ~x.all(axis=1)).all() for x, z in tables.values()):
        return _AT_ZERO
    for table, cause in _TABLES.values():
        if all(((z > 0) == table(x)).all() for x, z in more.values()):
            return cause
    return None


def _cause_of_weights(tables, given) -> str | None:
    failing = [n for n, (x, z) in tables.items() if ((z > 0) == x.all(axis=1)).any()]
    if any((given[n][0] >= 0).any() for n in failing):
        return None
    if 2 not in failing and len({(*given[n][0][:1], given[n][1]) for n in given}) == 1:
        return _TWO_ONLY  # the same weights and the same bias for every n
    n = failing[0]
    w = given[n][0]
    low, high = -w.sum() + w.max(), -w.sum()
    return f"{_BETWEEN}: for n = {n} above {low:g}, and at most {high:g}."


nand_weights = Exercise(
    name="nand_weights",
    notebook="05",
    reference=neurons.nand_weights,
    cases=(),
    judge=_judge_nand,
    mistakes=(
        Mistake("and", lambda n: (np.full(n, 2.0), 1.0 - 2 * n), _TABLES["AND"][1]),
        Mistake("or", lambda n: (np.full(n, 2.0), -1.0), _TABLES["OR"][1]),
        Mistake("nor", lambda n: (np.full(n, -2.0), 1.0), _TABLES["NOR"][1]),
        Mistake(
            "a threshold", lambda n: (np.full(n, -2.0), 1.0 - 2 * n),
            _TABLES["always 0"][1],
        ),
        Mistake(
            "a bias too large", lambda n: (np.full(n, -1.0), 2.0 * n),
            _TABLES["always 1"][1],
        ),
        Mistake("for two inputs", lambda n: (np.full(n, -2.0), 3.0), _TWO_ONLY),
        Mistake(
            "a bias that grows too slowly", lambda n: (np.full(n, -2.0), n + 1.0),
            f"{_BETWEEN}: for n = 3 above 4, and at most 6.",
        ),
        Mistake(
            "weights that grow", lambda n: (np.full(n, -float(n)), 2.0 * n - 1),
            f"{_BETWEEN}: for n = 3 above 6, and at most 9.",
        ),
        Mistake(
            "both grow", lambda n: (np.full(n, -float(n)), n + 1.0),
            f"{_BETWEEN}: for n = 1 above 0, and at most 1.",
        ),
        Mistake("on the edge", lambda n: (np.full(n, -1.0), n - 1.0), _AT_ZERO),
        Mistake(
            "exchanged", lambda n: (2.0 * n - 1, np.full(n, -2.0)),
            "the two results are exchanged: return w, b.",
        ),
        Mistake(
            "one weight", lambda n: (-2.0, 2.0 * n - 1),
            "one weight for all inputs is not enough",
        ),
    ),
    hints_=(
        "All inputs are alike, so are their weights: negative, since a 1 must pull the "
        "sum down. Take -2 each.",
        "With all inputs 1 the sum is -2n + b, and must not be above 0. With one 0 "
        "among them it is -2n + 2 + b, and must be above 0. Which b lies between?",
        "`return np.full(n, -2), 2 * n - 1`",
    ),
)  # fmt: skip


# ---------------------------------------------------------------- learning


def _drawn_correction(rng, size):
    w, b = _neuron(rng, size)
    whole = w.dtype.kind == "i"
    x = rng.integers(-2, 3, len(w)) if whole else rng.normal(0, 2, len(w))
    return Case((x, int(rng.integers(0, 2)), w, b))


def _updated(answer=_fires, step=lambda t, y, z: t - y, bias=lambda step, x: step):
    """Return an update with a part of it exchanged."""

    def update(x, t, w, b):
        change = step(t, answer(x, w, b), x @ w + b)
        return w + change * x, b + bias(change, x)

    return update


def _asked_again(x, t, w, b):
    moved = w + (t - _fires(x, w, b)) * x
    return moved, b + t - _fires(x, moved, b)


def _bias_first(x, t, w, b):
    moved = b + t - _fires(x, w, b)
    return w + (t - _fires(x, w, moved)) * x, moved


def _until_right(x, t, w, b):
    for _ in range(10_000):
        if _fires(x, w, b) == t:
            break
        w, b = neurons.perceptron_update(x, t, w, b)
    return w, b


def _in_place(x, t, w, b):
    w += (t - _fires(x, w, b)) * x
    return w, b


perceptron_update = Exercise(
    name="perceptron_update",
    notebook="05",
    reference=neurons.perceptron_update,
    outputs=("w", "b"),
    cases=(
        Case((np.array([1, 0]), 1, np.array([0, 0]), 0), "a sum of 0, wanted 1"),
        Case((np.array([1, 0]), 0, np.array([0, 0]), 0), "a sum of 0, wanted 0"),
        Case((np.array([1.0, 2.0]), 0, np.array([0.5, 1.0]), 0.5), "wanted 0"),
        Case((np.array([1.0, 2.0]), 1, np.array([0.5, 1.0]), 0.5), "right already"),
        Case((np.array([0.5, -1.5, 2.0]), 1, np.array([1.0, 2.0, 0.25]), 1.0),
             "answers 0, wanted 1"),
        Case((np.array([3]), 0, np.array([2]), -1), "one input"),
    ),
    samples=_drawn_correction,
    mistakes=(
        Mistake(
            "wrong way", _updated(step=lambda t, y, z: y - t),
            "the step goes the wrong way: it is t - y, what is wanted less what came.",
        ),
        Mistake(
            "also where right", _updated(step=lambda t, y, z: 2 * t - 1),
            "examples that are answered rightly change the weights, too: t - y is 0 "
            "for them.",
        ),
        Mistake(
            "ones added", _updated(step=lambda t, y, z: t),
            "x is added for every t = 1, whatever the answer, and never subtracted.",
        ),
        Mistake(
            "only missed ones", _updated(step=lambda t, y, z: max(t - y, 0)),
            "a 1 where 0 is wanted changes nothing: there, x is subtracted.",
        ),
        Mistake(
            "only false ones", _updated(step=lambda t, y, z: min(t - y, 0)),
            "a 0 where 1 is wanted changes nothing: there, x is added.",
        ),
        Mistake(
            "without the step", _updated(step=lambda t, y, z: t - z),
            "y is the sum w . x + b; it is the answer, 0 or 1.",
        ),
        Mistake(
            "at least 0",
            _updated(answer=lambda x, w, b: int(x @ w + b >= 0)),
            "a sum of exactly 0 is taken for the answer 1; the perceptron answers 0.",
        ),
        Mistake(
            "bias not in the answer",
            _updated(answer=lambda x, w, b: int(x @ w > 0)),
            "the bias is missing in the answer y.",
        ),
        Mistake(
            "bias not moved", _updated(bias=lambda step, x: 0),
            "b is never changed: it moves by t - y.",
        ),
        Mistake(
            "bias times x", _updated(bias=lambda step, x: step * x.sum()),
            "b moves by (t - y) times the sum of x; its input is always 1, so it moves "
            "by t - y.",
        ),
        Mistake(
            "bias the other way", _updated(bias=lambda step, x: -step),
            "b moves the other way: it is a bias, no threshold, and grows with t - y.",
        ),
        Mistake(
            "weights instead of inputs",
            lambda x, t, w, b: (
                w + (t - _fires(x, w, b)) * w, b + t - _fires(x, w, b)
            ),
            "w grows by a multiple of itself; add (t - y) times x.",
        ),
        Mistake(
            "inputs left out",
            lambda x, t, w, b: (w + (t - _fires(x, w, b)), b + t - _fires(x, w, b)),
            "every weight moves by t - y; each moves by that times its input.",
        ),
        Mistake(
            "results exchanged",
            lambda x, t, w, b: _updated()(x, t, w, b)[::-1],
            "the two results are exchanged: return w, b.",
        ),
        Mistake(
            "weights only", lambda x, t, w, b: _updated()(x, t, w, b)[0],
            "only w is returned: return w, b.",
        ),
        Mistake(
            "size of the error", _updated(step=lambda t, y, z: abs(t - y)),
            "x is added after every error; where 1 came and 0 is wanted, t - y is -1, "
            "and x is subtracted.",
        ),
        Mistake(
            "asked again for b", _asked_again,
            "b moves by an answer of the new w. Ask once, for y; then move w and b.",
        ),
        Mistake(
            "asked again for w", _bias_first,
            "w moves by an answer of the new b. Ask once, for y; then move w and b.",
        ),
        Mistake(
            "until right", _until_right,
            "it goes on until the example is right; wanted is one step.",
        ),
        Mistake(
            "doubled", _updated(step=lambda t, y, z: 2 * (t - y)),
            "the step is twice t - y; no factor is wanted here.",
        ),
        Mistake(
            "halved", _updated(step=lambda t, y, z: 0.5 * (t - y)),
            "the step is half of t - y; no factor is wanted here.",
        ),
        Mistake(
            "a small rate", _updated(step=lambda t, y, z: 0.1 * (t - y)),
            "the step is a tenth of t - y; no rate is wanted here.",
        ),
    ),
    hints_=(
        "First ask: `y = int(x @ w + b > 0)`.",
        "If y is right, t - y is 0, and nothing changes. So no `if` is needed.",
        "`return w + (t - y) * x, b + (t - y)` makes new arrays; += would change the "
        "ones that you were given.",
    ),
)  # fmt: skip


# ------------------------------------------------------------------------- XOR

_NAMES_OF_TABLES = {
    (0, 1, 1, 1): "OR", (0, 0, 0, 1): "AND", (1, 1, 1, 0): "NAND", (1, 0, 0, 0): "NOR",
    (1, 0, 0, 1): "XNOR, the opposite", (0, 0, 0, 0): "always 0",
    (1, 1, 1, 1): "always 1",
}  # fmt: skip
_MERGED = (
    "the hidden neurons give the same two answers to inputs that need different ones, "
    "so the last neuron cannot tell them apart. Draw the two lines: XOR needs one on "
    "either side of the middle."
)
_STILL_XOR = (
    "the hidden neurons hand the four inputs on, only renamed: what is left for the "
    "last one is still XOR, or its opposite, and no line does that."
)
_LAST_TURNED = (
    "the hidden layer is good, but the last neuron answers the other way round: turn "
    "the signs of w2 and of b2."
)
_LAST_WRONG = (
    "the hidden layer is good: some line parts its answers rightly. w2 and b2 are "
    "another line."
)
_XOR_AT_ZERO = "sums of exactly 0 answer 0. Move these biases by one half: "
_COLUMNS = (
    "w1 is written column by column: with its columns as the neurons it would be "
    "right, but row m holds the weights of hidden neuron m."
)


def _layers_of(result):
    """Return the four parts of an XOR network as floats, or what is wrong."""
    names, wanted = ("w1", "b1", "w2", "b2"), ((2, 2), (2,), (2,), ())
    if not isinstance(result, (tuple, list)) or len(result) != 4:
        got = f"{len(result)} results" if isinstance(result, (tuple, list)) else (
            _show.kind(result)
        )  # fmt: skip
        return f"wrong type|Wanted 4 results (w1, b1, w2, b2), got {got}."
    parts = []
    for name, one, shape in zip(names, result, wanted, strict=True):
        values = _show.array(one)
        if values is None or values.dtype.kind not in "biuf":
            return f"wrong type|{name}: wanted numbers, got {_show.kind(one)}."
        if shape == () and values.size == 1:
            values = values.reshape(())
        if values.shape != shape:
            return f"wrong shape|{name}: wanted shape {shape}, got {values.shape}."
        if not np.isfinite(values).all():
            return f"wrong values|{name} must be finite."
        parts.append(values.astype(float))
    return parts


def _judge_xor(answer) -> str | None:
    parts = _layers_of(answer())
    if isinstance(parts, str):
        return parts
    w1, b1, w2, b2 = parts
    sums = _FOUR @ w1.T + b1
    hidden = (sums > 0).astype(int)  # (4, 2)
    last = hidden @ w2 + b2
    out = tuple((last > 0).astype(int).tolist())
    if out == (0, 1, 1, 0):
        return None
    known = _NAMES_OF_TABLES.get(out)
    rows = "; ".join(
        f"{tuple(x)} → {tuple(h)} → {y}"
        for x, h, y in zip(_FOUR.tolist(), hidden.tolist(), out, strict=True)
    )
    return (
        f"inputs → hidden neurons → answer: {rows}. Wanted the answers 0, 1, 1, 0."
        f"{f' This is {known}.' if known else ''}\n"
        f"Likely cause: {_cause_of_xor(w1, b1, w2, b2)}"
    )


def _cause_of_xor(w1, b1, w2, b2) -> str:
    if (_fires(_fires(_FOUR, w1, b1), w2, b2) == [0, 1, 1, 0]).all():
        return _COLUMNS
    sums = _FOUR @ w1.T + b1
    hidden = (sums > 0).astype(int)
    last = hidden @ w2 + b2
    up = (np.where(sums >= 0, 1, 0) @ w2 + b2 > 0).astype(int).tolist()
    also = (hidden @ w2 + b2 >= 0).astype(int).tolist()
    if [0, 1, 1, 0] in (up, also) and (not sums.all() or not last.all()):
        edges = [f"b1[{m}]" for m in (0, 1) if not sums[:, m].all()]
        if [0, 1, 1, 0] != up:
            edges = ["b2"]
        elif not last.all() and [0, 1, 1, 0] == also:
            edges.append("b2")
        return f"{_XOR_AT_ZERO}{', '.join(edges)}."
    no, yes = ({tuple(hidden[i]) for i in pair} for pair in ((0, 3), (1, 2)))
    if no & yes:
        return _MERGED
    if len(no | yes) == 4:
        return _STILL_XOR
    if ((last > 0) == [1, 0, 0, 1]).all():
        return _LAST_TURNED
    return _LAST_WRONG


def _net(w1, b1, w2, b2):
    """Return an answer to the XOR exercise with these weights."""
    return lambda: (np.array(w1), np.array(b1), np.array(w2), b2)


xor_network = Exercise(
    name="xor_network",
    notebook="05",
    reference=neurons.xor_network,
    cases=(),
    judge=_judge_xor,
    mistakes=(
        Mistake(
            "last neuron turned",
            _net([[2, 2], [-2, -2]], [-1, 3], [-2, -2], 3), _LAST_TURNED,
        ),
        Mistake(
            "last neuron an or",
            _net([[2, 2], [-2, -2]], [-1, 3], [2, 2], -1), _LAST_WRONG,
        ),
        Mistake(
            "a threshold for a bias",
            _net([[2, 2], [-2, -2]], [-1, 3], [2, 2], 3), _LAST_WRONG,
        ),
        Mistake(
            "inputs handed on",
            _net([[1, 0], [0, 1]], [-0.5, -0.5], [1, 1], -0.5), _STILL_XOR,
        ),
        Mistake(
            "twice the same line",
            _net([[2, 2], [2, 2]], [-1, -1], [2, 2], -3), _MERGED,
        ),
        Mistake(
            "thresholds in the hidden layer",
            _net([[2, 2], [-2, -2]], [1, -3], [2, 2], -3), _MERGED,
        ),
        Mistake(
            "on the edge",
            _net([[1, 1], [-1, -1]], [-0.5, 1], [1, 1], -1.5), f"{_XOR_AT_ZERO}b1[1].",
        ),
        Mistake(
            "both on the edge",
            _net([[1, 1], [-1, -1]], [-1, 1], [1, 1], -1.5),
            f"{_XOR_AT_ZERO}b1[0], b1[1].",
        ),
        Mistake(
            "columns for neurons",
            _net([[2, -2], [2, -2]], [-1, 3], [2, 2], -3), _COLUMNS,
        ),
        Mistake(
            "three results", lambda: (np.eye(2), np.zeros(2), np.ones(2)),
            "Wanted 4 results (w1, b1, w2, b2)",
        ),
        Mistake(
            "last weights as a table",
            _net([[2, 2], [-2, -2]], [-1, 3], [[2, 2]], -3), "w2: wanted shape (2,)",
        ),
    ),
    hints_=(
        "In words: at least one of the inputs is 1, and not both are. The first half "
        "is OR, the second is NAND, and the last neuron is the AND of these two.",
        "OR: the weights 2, 2 and the bias -1. NAND: -2, -2 and 3. One row each: "
        "`w1 = np.array([[2, 2], [-2, -2]])` and `b1 = np.array([-1, 3])`.",
        "AND is above 0 only where both are 1: `w2 = np.array([2, 2])` and "
        "`b2 = -3`. Then `return w1, b1, w2, b2`.",
    ),
)  # fmt: skip


# ------------------------------------------------------------------- the sigmoid


def _drawn_slope(rng, size):
    shape = ((), (size,), (size, 3))[rng.integers(3)]
    z = rng.integers(-4, 5, shape) if rng.random() < 0.3 else rng.normal(0, 3, shape)
    z = np.asarray(z * rng.choice([1, 1, 1000]))
    slopes = ((), (0.5,), (2.0,), (float(rng.uniform(0.1, 5)),))
    return Case((z, *slopes[rng.integers(len(slopes))]))


def _f(z, slope=1.0):
    with np.errstate(all="ignore"):
        return 1 / (1 + np.exp(-slope * np.asarray(z, float)))


def _exp_f(z, slope):
    """Return exp(-slope z) f, as an answer that does not cancel it computes it."""
    with np.errstate(all="ignore"):
        return np.exp(-slope * np.asarray(z, float)) * _f(z, slope)


def _quotient(z, slope=1.0):
    with np.errstate(all="ignore"):
        e = np.exp(-slope * np.asarray(z, float))
        return slope * e / (1 + e) ** 2


sigmoid_derivative = Exercise(
    name="sigmoid_derivative",
    notebook="05",
    reference=neurons.sigmoid_derivative,
    also=(neurons.sigmoid,),
    cases=(
        Case((np.array([0.0]),), "the steepest place"),
        Case((np.array([0.0, 1.0, -2.5]),), "three numbers"),
        Case((np.array([[0.5, -1.0, 2.0], [3.0, 0.25, -0.5]]), 2.0), "a slope of 2"),
        Case((np.array([0, 1, -3]), 0.5), "whole numbers, a slope of 0.5"),
        Case((np.array([1000.0, -1000.0]),), "thousands"),
        Case((np.array(0.7),), "a single number"),
    ),
    samples=_drawn_slope,
    mistakes=(
        Mistake(
            "slope missing", lambda z, slope=1.0: _f(z, slope) * (1 - _f(z, slope)),
            "the factor slope is missing: the chain rule brings it out of the "
            "exponent.",
        ),
        Mistake(
            "slope not in the exponent",
            lambda z, slope=1.0: slope * _f(z) * (1 - _f(z)),
            "the slope is missing in the exponent.",
        ),
        Mistake(
            "slope not used", lambda z, slope=1.0: _f(z) * (1 - _f(z)),
            "slope is not used: it stands in the exponent, and before the product.",
        ),
        Mistake(
            "slope twice",
            lambda z, slope=1.0: slope**2 * _f(z, slope) * (1 - _f(z, slope)),
            "the factor slope is there twice.",
        ),
        Mistake(
            "input taken for output", lambda z, slope=1.0: slope * z * (1 - z),
            "z (1 - z) takes the input for the output: first f = sigmoid of z, then "
            "f (1 - f).",
        ),
        Mistake(
            "overflow", _quotient,
            "exp of a large number is infinite, and inf / inf is no number. "
            "f (1 - f) needs no second exp.",
        ),
        Mistake(
            "the sigmoid itself", _f,
            "this is the sigmoid; wanted is its derivative.",
        ),
        Mistake(
            "of tanh", lambda z, slope=1.0: slope * (1 - _f(z, slope) ** 2),
            "1 - f^2 is the derivative of tanh; that of the sigmoid is f (1 - f).",
        ),
        Mistake(
            "sign", lambda z, slope=1.0: -slope * _f(z, slope) * (1 - _f(z, slope)),
            "the sign is wrong: the sigmoid rises everywhere.",
        ),
        Mistake(
            "slope left out of a square",
            lambda z, slope=1.0: _exp_f(z, slope) * _f(z, slope),
            "the factor slope is missing: the chain rule brings it out of the "
            "exponent.",
        ),
        Mistake(
            "a missing square",
            lambda z, slope=1.0: slope * _exp_f(z, slope),
            "a square is missing: the derivative of 1/u is -1/u^2, so exp(-slope z) "
            "is multiplied by f^2.",
        ),
        Mistake(
            "divided by the slope",
            lambda z, slope=1.0: _f(z, slope) * (1 - _f(z, slope)) / slope,
            "it is divided by slope; the chain rule multiplies by it.",
        ),
        Mistake(
            "a quarter too much",
            lambda z, slope=1.0: slope / 4 * _f(z, slope) * (1 - _f(z, slope)),
            "a factor 1/4 too much: f (1 - f) is 1/4 at z = 0 by itself.",
        ),
        Mistake(
            "sign in the exponent and one factor",
            lambda z, slope=1.0: slope * (1 - _f(z, slope)),
            "a factor f is missing: f (1 - f).",
        ),
        Mistake(
            "whole numbers", lambda z, slope=1.0: np.asarray(
                slope * _f(z, slope) * (1 - _f(z, slope))).astype(int),
            "fractions are cut off: rounded, or stored with an integer dtype.",
        ),
    ),
    hints_=(
        "Compute the sigmoid first: `f = 1 / (1 + np.exp(-slope * z))`.",
        "The derivative of 1/u is -1/u^2, and that of u = 1 + exp(-slope z) is "
        "-slope exp(-slope z). Write the result with f only: exp(-slope z) / u is "
        "1 - f.",
        "`return slope * f * (1 - f)`",
    ),
)  # fmt: skip


# ------------------------------------------------------------------ find the bug


def _broken_tanh(z):
    """Return tanh of every number, as a stretched sigmoid."""
    with np.errstate(over="ignore"):  # exp(2000) is infinite, and 2 / inf is 0
        return 2 / (1 + np.exp(-2 * z))


def _tanh_with(top=2.0, factor=2.0, minus=0.0):
    def answer(z):
        with np.errstate(over="ignore"):
            return top / (1 + np.exp(-factor * np.asarray(z, float))) - minus

    return answer


tanh = FindBug(
    name="tanh",
    notebook="05",
    reference=neurons.tanh,
    broken=_broken_tanh,
    causes=(
        Cause(
            "a",
            "The exponent should be `-z`.",
            "-2 z makes the slope at 0 as steep as that of tanh, 1; with -z it would "
            "be one half.",
        ),
        Cause(
            "b",
            "The sign of the exponent is wrong.",
            "With +2 z the function would fall; tanh rises.",
        ),
        Cause(
            "c",
            "The 2 above should be a 1.",
            "tanh rises by 2 from end to end, so the 2 is needed.",
        ),
        Cause(
            "d",
            "The whole curve lies too high.",
            "A sigmoid of height 2 runs from 0 to 2; tanh runs from -1 to 1.",
            right=True,
        ),
    ),
    cases=(
        Case((np.array([0.0]),), "tanh 0 is 0"),
        Case((np.array([0.5, -1.0, 2.0]),), "three numbers"),
        Case((np.array([[1, -2, 0], [3, 0, -1]]),), "whole numbers"),
        Case((np.array([1000.0, -1000.0]),), "thousands"),
    ),
    samples=lambda rng, size: Case(
        (rng.normal(0, 2, (size, 3)) * rng.choice([1, 1, 1000]),)
        if rng.random() < 0.7
        else (rng.integers(-5, 6, size),)
    ),
    mistakes=(
        Mistake(
            "a height of 1", _tanh_with(top=1.0),
            "now it runs from 0 to 1: this is a sigmoid, steeper than before.",
        ),
        Mistake(
            "lowered by a half", _tanh_with(minus=0.5),
            "at 0 it still gives one half: it must be lowered by 1.",
        ),
        Mistake(
            "a height of 1, lowered by a half", _tanh_with(top=1.0, minus=0.5),
            "it runs from -1/2 to 1/2, half as high as tanh.",
        ),
        Mistake(
            "lowered, exponent changed", _tanh_with(factor=1.0, minus=1.0),
            "it runs from -1 to 1, but rises half as fast: this is tanh of z/2. The "
            "exponent was right.",
        ),
        Mistake(
            "exponent turned", _tanh_with(factor=-2.0, minus=1.0),
            "it falls from 1 to -1: this is -tanh. The exponent was right.",
        ),
        Mistake(
            "raised by 1", _tanh_with(minus=-1.0),
            "now it lies higher still, from 1 to 3.",
        ),
        Mistake(
            "lowered by 2", _tanh_with(minus=2.0),
            "now it lies too low, from -2 to 0.",
        ),
    ),
    hints_=(
        "What does the function give at z = 0, and what should it give?",
        "Far to the left it gives 0, far to the right 2. Which range has tanh?",
        "Subtract 1: `return 2 / (1 + np.exp(-2 * z)) - 1`. The exponent is right.",
    ),
)  # fmt: skip


# ------------------------------------------------------------------------- open

FEWEST = 9
_THIRTEEN = "turns round what another gate has just turned round"
_EXCHANGED = "the sum and the carry are exchanged"


def _wanted_bits(bits) -> tuple[int, int]:
    return sum(bits) % 2, sum(bits) // 2


def _doubly_inverted(circuit) -> int:
    """Return how many gates are a NOT of a NOT."""
    turns = {}
    for place, (i, j) in enumerate(circuit.gates, circuit.inputs):
        if i == j:
            turns[place] = i
    return sum(one in turns for one in turns.values())


def _unused(circuit) -> int:
    """Return how many gates lead to no output."""
    needed, todo = set(), list(circuit.outputs)
    while todo:
        wire = todo.pop()
        if wire >= circuit.inputs and wire not in needed:
            needed.add(wire)
            todo.extend(circuit.gates[wire - circuit.inputs])
    return len(circuit.gates) - len(needed)


def _score_adder(answer) -> Score:
    circuit = neurons.read_circuit(answer, 3)
    if len(circuit.outputs) != 2:
        count = len(circuit.outputs)
        raise TypeError(f"full_adder: wanted 2 wires (sum, carry), got {count}")
    answers = {}
    for bits in itertools.product((0, 1), repeat=3):
        wires = circuit.values(bits, lambda one, other: 1 - one * other)
        answers[bits] = tuple(wires[i] for i in circuit.outputs)
    wrong = [bits for bits in answers if answers[bits] != _wanted_bits(bits)]
    if wrong:
        return Score(float("inf"), _say_wrong(answers, wrong))
    notes = []
    if spare := _unused(circuit):
        notes.append(f"{spare} of the gates lead to no output: leave them out.")
    if again := _doubly_inverted(circuit):
        notes.append(
            f"{again} of the gates {_THIRTEEN}: nand(m, m) of nand(k, k) is k again."
        )
    if len(set(map(frozenset, circuit.gates))) < len(circuit.gates):
        notes.append(
            "Two gates have the same two inputs: keep one, use its wire twice."
        )
    return Score(float(len(circuit.gates)), " ".join(notes))


def _say_wrong(answers, wrong) -> str:
    if all(answers[bits][::-1] == _wanted_bits(bits) for bits in answers):
        return f"{_EXCHANGED}: return sum, carry."
    bits = wrong[0]
    (s, carry), (got_s, got_carry) = _wanted_bits(bits), answers[bits]
    parts = []
    for k, name in enumerate(("sum", "carry")):
        count = sum(a[k] != _wanted_bits(x)[k] for x, a in answers.items())
        if count:
            parts.append(f"its {name} is wrong in {count} of 8 rows")
    told = " + ".join(map(str, bits))
    return (
        f"It does not add yet: {', '.join(parts)}. First wrong row: {told} is sum {s}, "
        f"carry {carry}; yours gives sum {got_s}, carry {got_carry}."
    )


def _thirteen(a, b, c, nand):
    s, k = neurons.half_adder(a, b, nand)
    s, m = neurons.half_adder(s, c, nand)
    return s, nand(nand(k, k), nand(m, m))


def _ten(a, b, c, nand):
    nand(a, c)
    return neurons.full_adder(a, b, c, nand)


def _carry_of_two(a, b, c, nand):
    s, k = neurons.half_adder(a, b, nand)
    return neurons.half_adder(s, c, nand)[0], k


def _gates(value: float) -> str:
    return "not an adder" if np.isinf(value) else f"{value:.0f} gates"


full_adder = Open(
    name="full_adder",
    notebook="05",
    reference=neurons.full_adder,
    score=_score_adder,
    bar=FEWEST,
    measured_on="all eight rows of three bits; every call of nand is one gate",
    lower_is_better=True,
    show=_gates,
    untouched=lambda answer: not callable(answer),
    mistakes=(
        Mistake("two half adders and an or", _thirteen, _THIRTEEN),
        Mistake("a gate that leads nowhere", _ten, "lead to no output"),
        Mistake(
            "results exchanged",
            lambda a, b, c, nand: neurons.full_adder(a, b, c, nand)[::-1], _EXCHANGED,
        ),
        Mistake("carry of two bits only", _carry_of_two, "its carry is wrong"),
        Mistake(
            "third bit forgotten",
            lambda a, b, c, nand: neurons.half_adder(a, b, nand),
            "its sum is wrong in 4 of 8 rows",
        ),
        Mistake(
            "Python's own operators", lambda a, b, c, nand: (a ^ b ^ c, a & b),
            "a wire carries no value",
        ),
        Mistake(
            "the sum alone", lambda a, b, c, nand: nand(a, b), "wanted 2 wires",
        ),
    ),
    hints_=(
        "Add a and b by the half adder above, then add c to their sum by another. "
        "There is a carry if either of the two has one.",
        "Write OR with NANDs: it is the NAND of the two, each turned round. Which "
        "gates of the half adders does that undo?",
        "Both carries end in `nand(m, m)`, and OR begins by turning them round again. "
        "Leave out all four: the carry is `nand(m, n)` of the two first gates, "
        "`m = nand(a, b)` and `n = nand(s, c)`.",
    ),
)  # fmt: skip

EXERCISES = (
    perceptron,
    nand_weights,
    perceptron_update,
    xor_network,
    full_adder,
    sigmoid_derivative,
    tanh,
)
