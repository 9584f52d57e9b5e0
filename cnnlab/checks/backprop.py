"""The exercises of notebook 06: the δ rule, local rules, graphs, networks."""

import math
from dataclasses import replace

import numpy as np

from cnnlab import data, delta, mlp, neurons, scalar
from cnnlab.checks import _show
from cnnlab.checks._base import (
    WRONG_TYPE,
    Case,
    Cause,
    Exercise,
    FindBug,
    Mistake,
    Open,
    Score,
)

# ------------------------------------------------------------------ the δ rule


def _fractions(rng, *shape):
    """Draw outputs of sigmoid neurons, two digits each."""
    return rng.integers(2, 99, shape) / 100


def _drawn_slope(rng):
    return ((), (1.0,), (2.0,), (float(rng.integers(1, 40)) / 10,))[rng.integers(4)]


def _drawn_outputs(rng, size):
    k = int(rng.integers(1, size + 1))
    t = rng.integers(0, 2, k).astype(float) if rng.random() < 0.7 else rng.random(k)
    return Case((t.round(2), _fractions(rng, k), *_drawn_slope(rng)))


_T, _O = np.array([1.0, 0.0, 1.0]), np.array([0.6, 0.3, 0.95])

delta_output = Exercise(
    name="delta_output",
    notebook="06",
    reference=delta.delta_output,
    cases=(
        Case((np.array([1.0]), np.array([0.5])), "one neuron, half way: 0.125 by hand"),
        Case((_T, _O), "three output neurons"),
        Case((np.array([0.0]), np.array([0.8]), 2.0), "a steeper neuron, λ = 2"),
        Case((np.array([0.25, 1.0]), np.array([0.75, 0.25]), 0.5), "a target of 0.25"),
    ),
    samples=_drawn_outputs,
    mistakes=(
        Mistake(
            "sign reversed",
            lambda t, o, slope=1.0: slope * (o - t) * o * (1 - o),
            "the difference is the wrong way round: T - O is positive where the output "
            "should rise.",
        ),
        Mistake(
            "no slope of the neuron",
            lambda t, o, slope=1.0: t - o,
            "this is the error alone: multiply by the neuron's own slope, λ O (1 - O).",
        ),
        Mistake(
            "λ without O (1 - O)",
            lambda t, o, slope=1.0: slope * (t - o),
            "O (1 - O) is missing, the slope of the sigmoid at this output.",
        ),
        Mistake(
            "λ forgotten",
            lambda t, o, slope=1.0: (t - o) * o * (1 - o),
            "λ is missing: the steepness, the parameter `slope`, is one factor.",
        ),
        Mistake(
            "slope of the target",
            lambda t, o, slope=1.0: slope * (t - o) * t * (1 - t),
            "the slope is taken at the target, T (1 - T); it belongs to the output: "
            "O (1 - O).",
        ),
        Mistake(
            "squared error",
            lambda t, o, slope=1.0: slope * (t - o) ** 2 * o * (1 - o),
            "the error is squared: the derivative of (T - O)^2 / 2 is T - O, up to its "
            "sign.",
        ),
        Mistake(
            "slope of tanh",
            lambda t, o, slope=1.0: slope * (t - o) * (1 - o**2),
            "1 - O^2 is the slope of tanh; that of a sigmoid neuron is O (1 - O).",
        ),
        Mistake(
            "one factor O",
            lambda t, o, slope=1.0: slope * (t - o) * o,
            "the factor 1 - O is missing: the slope is O (1 - O).",
        ),
        Mistake(
            "one factor 1 - O",
            lambda t, o, slope=1.0: slope * (t - o) * (1 - o),
            "the factor O is missing: the slope is O (1 - O).",
        ),
        Mistake(
            "sigmoid applied again",
            lambda t, o, slope=1.0: (
                slope * (t - o) * neurons.sigmoid(o) * (1 - neurons.sigmoid(o))
            ),
            "o is the output already: the sigmoid is applied to it again.",
        ),
        Mistake(
            "half of it",
            lambda t, o, slope=1.0: 0.5 * slope * (t - o) * o * (1 - o),
            "a factor one half too many: the 2 of the square has cancelled it.",
        ),
        Mistake(
            "twice of it",
            lambda t, o, slope=1.0: 2 * slope * (t - o) * o * (1 - o),
            "a factor 2 too many: the error is (T - O)^2 / 2, and its half cancels "
            "the 2 of the square.",
        ),
        Mistake(
            "λ squared",
            lambda t, o, slope=1.0: slope**2 * (t - o) * o * (1 - o),
            "λ is a factor once, not twice.",
        ),
        Mistake(
            "size of the error",
            lambda t, o, slope=1.0: slope * np.abs(t - o) * o * (1 - o),
            "the sign of the error is lost: T - O is below 0 where the output should "
            "fall.",
        ),
        Mistake(
            "summed over the neurons",
            lambda t, o, slope=1.0: np.sum(slope * (t - o) * o * (1 - o)),
            "the signals are summed: every output neuron keeps its own.",
        ),
    ),
    hints_=(
        "Two factors: how far the output is from its target, and how much it moves "
        "when net moves.",
        "The first is `t - o`. The second is the derivative of the sigmoid, which the "
        "output itself tells, with the steepness `slope`: `slope * o * (1 - o)`.",
        "`return (t - o) * slope * o * (1 - o)`",
    ),
)


def _drawn_hidden(rng, size):
    j, k = int(rng.integers(1, size + 2)), int(rng.integers(1, size + 1))
    whole = rng.random() < 0.3
    w = rng.integers(-3, 4, (k, j)) if whole else rng.normal(0, 1, (k, j)).round(1)
    return Case(
        (_fractions(rng, j), rng.normal(0, 0.2, k).round(2), w, *_drawn_slope(rng))
    )


def _hidden(blame, slope_of=lambda o: o * (1 - o)):
    """Return an answer that sends ``blame(delta, w)`` back through ``slope_of(o)``."""

    def answer(o, delta, w, slope=1.0):
        return slope * slope_of(o) * blame(delta, w)

    return answer


_OH, _DO = np.array([0.5, 0.8]), np.array([0.1, -0.2, 0.3])
_WH = np.array([[1.0, -2.0], [0.5, 3.0], [-1.0, 4.0]])  # (K, J)

delta_hidden = Exercise(
    name="delta_hidden",
    notebook="06",
    reference=delta.delta_hidden,
    cases=(
        Case(
            (np.array([0.5]), np.array([0.2]), np.array([[2.0]])),
            "one neuron, one connection: 0.1 by hand",
        ),
        Case((_OH, _DO, _WH), "2 hidden neurons feed 3 outputs"),
        Case((_OH, _DO[:2], _WH[:2]), "as many hidden neurons as outputs"),
        Case((_OH, _DO[:1], _WH[:1], 2.0), "λ = 2"),
        Case(
            (np.array([0.1, 0.5, 0.9]), _DO[1:], np.array([[1, 0, -2], [3, 1, 1]])),
            "whole weights",
        ),
    ),
    samples=_drawn_hidden,
    mistakes=(
        Mistake(
            "weights transposed",
            lambda o, delta, w, slope=1.0: slope * o * (1 - o) * (w @ delta),
            "the weights are used as on the way forward: w[k, j] leads from hidden j "
            "to output k, so sum over k: delta @ w.",
        ),
        Mistake(
            "no slope of the neuron",
            lambda o, delta, w, slope=1.0: delta @ w,
            "this is the blame of the hidden outputs; multiply by each neuron's own "
            "slope, λ O (1 - O).",
        ),
        Mistake(
            "λ forgotten",
            lambda o, delta, w, slope=1.0: o * (1 - o) * (delta @ w),
            "λ is missing: the steepness, the parameter `slope`, is one factor.",
        ),
        Mistake(
            "λ without O (1 - O)",
            _hidden(lambda d, w: d @ w, lambda o: 1.0),
            "O (1 - O) is missing, the slope of the sigmoid at this output.",
        ),
        Mistake(
            "weights left out",
            _hidden(lambda d, w: np.sum(d)),
            "every hidden neuron gets all the blame; w[k, j] says how much of it.",
        ),
        Mistake(
            "first output only",
            _hidden(lambda d, w: d[0] * w[0]),
            "only the first output neuron sends blame back: sum over all k.",
        ),
        Mistake(
            "mean over the outputs",
            _hidden(lambda d, w: d @ w / len(d)),
            "the mean over the output neurons is taken; blames add up, they do not "
            "average.",
        ),
        Mistake(
            "absolute weights",
            _hidden(lambda d, w: d @ np.abs(w)),
            "the sign of the weights is lost: a negative weight turns blame round.",
        ),
        Mistake(
            "slope of tanh",
            _hidden(lambda d, w: d @ w, lambda o: 1 - o**2),
            "1 - O^2 is the slope of tanh; that of a sigmoid neuron is O (1 - O).",
        ),
        Mistake(
            "one factor O",
            _hidden(lambda d, w: d @ w, lambda o: o),
            "the factor 1 - O is missing: the slope is O (1 - O).",
        ),
        Mistake(
            "table not summed",
            _hidden(lambda d, w: d[:, None] * w),
            "this is the table of all connections, (K, J): sum it over k, axis 0.",
        ),
        Mistake(
            "λ squared",
            lambda o, delta, w, slope=1.0: slope**2 * o * (1 - o) * (delta @ w),
            "λ is a factor once, not twice.",
        ),
        Mistake(
            "sign reversed",
            _hidden(lambda d, w: -(d @ w)),
            "the sign is reversed; δ already points where the output should go.",
        ),
    ),
    hints_=(
        "A hidden neuron j is blamed by every output neuron k, in proportion to the "
        "weight between them. Sum over k first.",
        "The sum of delta[k] * w[k, j] over k, for all j at once: `delta @ w`.",
        "Then the neuron's own slope, as before: "
        "`return slope * o * (1 - o) * (delta @ w)`.",
    ),
)


# ------------------------------------------------------------------ local rules


def _number(rng):
    """Draw a number: whole, a fraction, or 0."""
    return float(rng.choice([rng.integers(-5, 6), round(rng.normal(0, 2), 2), 0]))


multiply_backward = Exercise(
    name="multiply_backward",
    notebook="06",
    reference=scalar.multiply_backward,
    outputs=("da", "db"),
    cases=(
        Case((1.0, 3.0, -2.0), "3 · (-2), and all the blame"),
        Case((4.0, 3.0, -2.0), "the product has a blame of 4"),
        Case((-0.5, 0.25, 8.0), "a negative blame"),
        Case((2.0, 0.0, 5.0), "a factor of 0"),
        Case((2.0, 3.0, 5.0), "both above 0"),
        Case((1.0, -3.0, -4.0), "both below 0"),
    ),
    samples=lambda rng, size: Case((_number(rng), _number(rng), _number(rng))),
    mistakes=(
        Mistake(
            "own factor",
            lambda dout, a, b: (dout * a, dout * b),
            "each factor is blamed with its own value; nudge a by h, and a · b moves "
            "by h times the *other* factor.",
        ),
        Mistake(
            "dout left out",
            lambda dout, a, b: (b, a),
            "`dout` is missing: these are the slopes; the blame is slope times dout.",
        ),
        Mistake(
            "added",
            lambda dout, a, b: (dout + b, dout + a),
            "along a path slopes are multiplied, not added.",
        ),
        Mistake(
            "rule of the sum",
            lambda dout, a, b: (dout, dout),
            "this is the rule of a sum, a + b: it passes the blame on unchanged.",
        ),
        Mistake(
            "the product itself",
            lambda dout, a, b: (dout * a * b, dout * a * b),
            "the product a · b is no slope: the slope in a is b alone.",
        ),
        Mistake(
            "shared out",
            lambda dout, a, b: (dout * b / 2, dout * a / 2),
            "blame is not shared out: each factor is fully responsible.",
        ),
        Mistake(
            "signs of the factors lost",
            lambda dout, a, b: (dout * abs(b), dout * abs(a)),
            "the sign of the factors is lost: a negative b turns the blame of a round.",
        ),
        Mistake(
            "a factor of 0 taken to have no blame",
            lambda dout, a, b: (dout * b if a else 0.0, dout * a if b else 0.0),
            "a factor of 0 can be blamed: nudge it by h, and a · b moves by h times "
            "the other factor.",
        ),
        Mistake(
            "sign reversed",
            lambda dout, a, b: (-dout * b, -dout * a),
            "the sign is reversed: where b is above 0, the product rises with a.",
        ),
        Mistake(
            "the same for both",
            lambda dout, a, b: (dout * a, dout * a),
            "both results are dout times a; the blame of a is dout times b.",
        ),
    ),
    hints_=(
        "Nudge a by a little h: a · b becomes a · b + h · b. How many times h is that?",
        "The slope in a is b, and the slope in b is a. Blame is slope times dout: "
        "`dout * b` for a.",
        "`return dout * b, dout * a`",
    ),
)


def _safe(function):
    """Return ``function`` with overflow as infinity, as NumPy has it."""

    def answer(dout, x):
        with np.errstate(all="ignore"):
            return function(np.float64(dout), np.float64(x))

    return answer


tanh_backward = Exercise(
    name="tanh_backward",
    notebook="06",
    reference=scalar.tanh_backward,
    cases=(
        Case((1.0, 0.0), "the steepest place: slope 1"),
        Case((3.0, 0.5), "a blame of 3"),
        Case((-2.0, -1.5), "negative numbers"),
        Case((1.0, 800.0), "far out: tanh is flat, exp overflows"),
    ),
    samples=lambda rng, size: Case(
        (_number(rng), round(rng.normal(0, 1.5), 2) * 10.0 ** rng.integers(0, 3))
    ),
    mistakes=(
        Mistake(
            "x for its tanh",
            _safe(lambda dout, x: dout * (1 - x**2)),
            "1 - x^2 holds for the *result*: with t = tanh(x), the slope is 1 - t^2.",
        ),
        Mistake(
            "dout left out",
            _safe(lambda dout, x: 1 - np.tanh(x) ** 2),
            "`dout` is missing: this is the slope; the blame is slope times dout.",
        ),
        Mistake(
            "not squared",
            _safe(lambda dout, x: dout * (1 - np.tanh(x))),
            "the square is missing: the slope is 1 - tanh(x)^2, the same on both "
            "sides of 0.",
        ),
        Mistake(
            "forward again",
            _safe(lambda dout, x: dout * np.tanh(x)),
            "this multiplies by tanh(x) itself; wanted is its slope.",
        ),
        Mistake(
            "slope of the sigmoid",
            _safe(lambda dout, x: dout * np.tanh(x) * (1 - np.tanh(x))),
            "t (1 - t) is the slope of the sigmoid; that of tanh is 1 - t^2.",
        ),
        Mistake(
            "tanh of the blame",
            _safe(lambda dout, x: 1 - np.tanh(dout * x) ** 2),
            "the slope is taken at dout · x; take it at x, then multiply by dout.",
        ),
        Mistake(
            "hyperbolic cosine, not squared",
            _safe(lambda dout, x: dout / np.cosh(x)),
            "the square is missing: 1 - tanh(x)^2 is 1 / cosh(x)^2.",
        ),
        Mistake(
            "exponentials that overflow",
            _safe(
                lambda dout, x: (
                    dout * (1 - ((np.exp(2 * x) - 1) / (np.exp(2 * x) + 1)) ** 2)
                )
            ),
            "far from 0 the exponentials overflow, and inf / inf is no number: use "
            "math.tanh or np.tanh.",
        ),
    ),
    hints_=(
        "What is the slope of tanh at 0? Far out, where the curve is flat?",
        "With t = tanh(x) the slope is 1 - t^2: 1 at 0, and nearly 0 far out. "
        "`math.tanh(x)` is t.",
        "`return dout * (1 - math.tanh(x) ** 2)`",
    ),
)


# ----------------------------------------------------------------------- graphs


def _drawn_graph(rng, size, shuffled=True):
    """Return (graph, output): all nodes lead to the output; some are used twice."""
    n = int(rng.integers(2, size + 3))
    rows, unused = [[]], {0}
    for node in range(1, n):
        last = node == n - 1
        count = int(rng.integers(0 if not last and node < 3 else 1, 3))
        sources = [int(one) for one in rng.integers(0, node, count)]
        sources = sorted(unused | set(sources)) if last else sources
        rows.append([(one, _number(rng) or 1.0) for one in sources])
        unused = (unused | {node}) - set(sources)
    names = [int(one) for one in (rng.permutation(n) if shuffled else range(n))]
    graph = [[]] * n
    for node, row in enumerate(rows):
        graph[names[node]] = [(names[one], slope) for one, slope in row]
    return graph, names[-1]


def _walked(graph, nodes, output=None, add=True, step=lambda s, b: s * b, first=1.0):
    """Return the blames where ``nodes`` pass theirs on in this order."""
    blame = [0.0] * len(graph)
    blame[-1 if output is None else output] = first
    for node in nodes:
        for one, slope in graph[node]:
            passed = step(slope, blame[node])
            blame[one] = blame[one] + passed if add else passed
    return blame


def _backwards(graph, output):
    return scalar.order(graph, output)[::-1]


def _breadth(graph, output):
    """Return the nodes in the order in which a walk from the output meets them."""
    nodes = [output]
    for node in nodes:
        nodes += dict.fromkeys(one for one, _ in graph[node] if one not in nodes)
    return nodes


def _depth(graph, output):
    """Return the nodes in the order of a walk that goes deep first."""
    nodes, waiting = [], [output]
    while waiting:
        node = waiting.pop()
        if node not in nodes:
            nodes.append(node)
            waiting += [one for one, _ in reversed(graph[node])]
    return nodes


def _marked(graph, output):
    """Return the nodes as a stack gives them that marks a node when it is put on."""
    nodes, waiting, met = [], [output], {output}
    while waiting:
        nodes.append(waiting.pop())
        for one, _ in graph[nodes[-1]]:
            if one not in met:
                met.add(one)
                waiting.append(one)
    return nodes


def _marked_reversed(graph, output):
    return _marked([row[::-1] for row in graph], output)


def _depth_reversed(graph, output):
    return _depth([row[::-1] for row in graph], output)


def _users_as_sets(graph, output):
    """Return the blames where doubles in a row count as one user: too early or late."""
    uses = [sum(one == node for row in graph for one, _ in row)
            for node in range(len(graph))]  # fmt: skip
    blame, ready = [0.0] * len(graph), [output]
    blame[output] = 1.0
    for node in ready:
        for one, slope in graph[node]:
            blame[one] += slope * blame[node]
        for one in {one for one, _ in graph[node]}:
            uses[one] -= 1
            if uses[one] == 0:
                ready.append(one)
    return blame


def _users_counted_once(graph, output):
    """As above, but the count is of users, and every use counts down."""
    uses = [sum(any(one == node for one, _ in row) for row in graph)
            for node in range(len(graph))]  # fmt: skip
    blame, ready = [0.0] * len(graph), [output]
    blame[output] = 1.0
    for node in ready:
        for one, slope in graph[node]:
            blame[one] += slope * blame[node]
            uses[one] -= 1
            if uses[one] == 0:
                ready.append(one)
    return blame


def _without_doubles(graph):
    return [list(dict(row).items()) for row in graph]


def _rule(order_of=_backwards, **options):
    return lambda graph, output: _walked(
        graph, order_of(graph, output), output, **options
    )


_X_TIMES_X = [[], [(0, 3.0), (0, 3.0)]]
_TWICE = [[], [(0, 3.0), (0, 3.0)], [(1, 1.0), (0, 1.0)]]  # x x + x at x = 3
_DIAMOND = [[(2, 1.0), (3, 1.0)], [], [(3, 2.0)], [(1, 5.0)]]  # output 0, leaf 1
_LATE = [[(1, 1.0), (2, 1.0)], [(3, 2.0)], [(1, 4.0)], []]  # 1 is used by 2 as well
_DEEP = [[(1, 1.0), (4, -1.0)], [(2, 2.0)], [(3, 3.0)], [], [(3, 7.0), (2, 1.0)]]
_SQUARE = [  # 1 uses 4 twice, and 3 uses it later on the way back
    [(1, 1.0), (2, 1.0)], [(4, 2.0), (4, 3.0)], [(3, 1.0)], [(4, 5.0)], [(5, 2.0)], [],
]  # fmt: skip

backward = Exercise(
    name="backward",
    notebook="06",
    reference=scalar.backward,
    also=(scalar.order,),
    cases=(
        Case(([[(1, 2.0)], []], 0), "one step: node 0 is made of node 1"),
        Case((_X_TIMES_X, 1), "x · x at x = 3: node 0 is used twice"),
        Case((_TWICE, 2), "x · x + x at x = 3: node 0 is used three times"),
        Case((_DIAMOND, 0), "two ways from node 0 to node 3"),
        Case((_LATE, 0), "node 1 is used by 0 and, later on the way back, by 2"),
        Case((_DEEP, 0), "a short way and a long one"),
        Case((_SQUARE, 0), "node 4 is used twice by 1, and later by 3"),
        Case(([[]], 0), "the output alone"),
    ),
    samples=lambda rng, size: Case(_drawn_graph(rng, size)),
    mistakes=(
        Mistake(
            "overwritten",
            _rule(add=False),
            "a node that is used twice keeps the blame of one use only: add with +=.",
        ),
        Mistake(
            "numbers taken for the order, downwards",
            _rule(lambda graph, output: range(len(graph) - 1, -1, -1)),
            "the nodes pass on their blame in the order of their numbers, from the "
            "last; a number says nothing about when a node was computed.",
        ),
        Mistake(
            "numbers taken for the order, upwards",
            _rule(lambda graph, output: range(len(graph))),
            "the nodes pass on their blame in the order of their numbers, from 0; a "
            "number says nothing about when a node was computed.",
        ),
        Mistake(
            "as they are met",
            _rule(_breadth),
            "a node passes its blame on when it is first met, before all its users "
            "have passed theirs to it: wait for the last one.",
        ),
        Mistake(
            "deep first",
            _rule(_depth),
            "the walk goes down one path to its end: a node passes its blame on "
            "before all its users have passed theirs to it. Wait for the last one.",
        ),
        *(
            Mistake(
                f"a walk with a stack, {name}",
                _rule(order_of),
                "the walk goes down one path to its end: a node passes its blame on "
                "before all its users have passed theirs to it. Wait for the last one.",
            )
            for name, order_of in (
                ("the last input first", _depth_reversed),
                ("marked when met", _marked),
                ("marked when met, turned", _marked_reversed),
            )
        ),
        Mistake(
            "users counted, uses counted down",
            _users_counted_once,
            "a node that stands twice in one row has two uses there: count both, or "
            "its blame is taken for complete after the first.",
        ),
        Mistake(
            "uses counted, users counted down",
            _users_as_sets,
            "a node that stands twice in one row has two uses there: count both down, "
            "or it waits for ever.",
        ),
        Mistake(
            "from the inputs",
            _rule(lambda graph, output: scalar.order(graph, output)),
            "the order is that of the way forward: go from the output to the inputs.",
        ),
        Mistake(
            "slopes added",
            _rule(step=lambda slope, blame: slope + blame),
            "along a path slopes are multiplied: slope * blame[node].",
        ),
        Mistake(
            "slopes alone",
            _rule(step=lambda slope, blame: slope),
            "the blame of the node itself is missing: slope * blame[node].",
        ),
        Mistake(
            "slopes left out",
            _rule(step=lambda slope, blame: blame),
            "the slope is not used: an input gets slope * blame[node].",
        ),
        Mistake(
            "no blame to start with",
            _rule(first=0.0),
            "the output begins with 0, and nothing comes of that: its own blame is 1.",
        ),
        Mistake(
            "doubles lost",
            lambda graph, output: scalar.backward(_without_doubles(graph), output),
            "an input that stands twice in one row is counted once: x · x has two "
            "ways to x.",
        ),
        Mistake(
            "output's blame lost",
            lambda graph, output: [
                0.0 if node == output else one
                for node, one in enumerate(scalar.backward(graph, output))
            ],
            "the blame of the output itself is 1.",
        ),
    ),
    hints_=(
        "A node may pass its blame on when every node that uses it has done so. So "
        "count first how often each node is used: "
        "`uses = [sum(one == node for row in graph for one, _ in row) for node in "
        "range(len(graph))]`.",
        "Start with `ready = [output]`, and a blame of 1 there. A `for node in ready:` "
        "goes on as long as the list grows.",
        "Inside: `for one, slope in graph[node]:` add `slope * blame[node]` to "
        "blame[one], and count down with `uses[one] -= 1`.",
        "When `uses[one] == 0`, its blame is complete: `ready.append(one)`.",
    ),
)


def _forgetful(graph):
    """Return dL/dnode; nodes come in the order they were computed, L last."""
    blame = [0.0] * len(graph)
    blame[-1] = 1.0
    for node in reversed(range(len(graph))):
        for one, slope in graph[node]:
            blame[one] = slope * blame[node]
    return blame


def _down(graph):
    return range(len(graph) - 1, -1, -1)


def _first_use(graph):
    blame = [0.0] * (len(graph) - 1) + [1.0]
    for node in _down(graph):
        for one, slope in graph[node]:
            blame[one] = blame[one] or slope * blame[node]
    return blame


def _largest_use(graph):
    blame = [0.0] * (len(graph) - 1) + [1.0]
    for node in _down(graph):
        for one, slope in graph[node]:
            blame[one] = max(blame[one], slope * blame[node], key=abs)
    return blame


def _averaged(graph):
    blame, count = _walked(graph, _down(graph)), [0] * len(graph)
    blame, met = [0.0] * (len(graph) - 1) + [1.0], count
    for node in _down(graph):
        if met[node]:
            blame[node] /= met[node]
        for one, slope in graph[node]:
            blame[one] += slope * blame[node]
            met[one] += 1
    return blame


def _within_a_row(graph):
    blame = [0.0] * (len(graph) - 1) + [1.0]
    for node in _down(graph):
        sums: dict = {}
        for one, slope in graph[node]:
            sums[one] = sums.get(one, 0.0) + slope * blame[node]
        for one, total in sums.items():
            blame[one] = total
    return blame


reused_node = FindBug(
    name="reused_node",
    notebook="06",
    reference=mlp.reused_node,
    broken=_forgetful,
    causes=(
        Cause(
            "a",
            "The nodes pass their blame on in the wrong order.",
            "From the last to the first is right: every node comes after its inputs.",
        ),
        Cause(
            "b",
            "The blame of the result should be its value, not 1.",
            "Raise L by h, and L rises by h: its blame is 1, whatever its value.",
        ),
        Cause(
            "c",
            "A node that is used twice keeps the blame of one use only.",
            "Each use moves the result; together they move it by their sum.",
            right=True,
        ),
        Cause(
            "d",
            "A blame is multiplied by the slope of the wrong input.",
            "Every input stands beside its own slope.",
        ),
    ),
    cases=(
        Case((_X_TIMES_X,), "x · x at x = 3: the slope is 6"),
        Case((_TWICE,), "x · x + x at x = 3: the slope is 7"),
        Case(([[], [], [(0, 2.0), (1, 5.0)]],), "nothing is used twice"),
        Case(([[], [(0, 2.0)], [(0, -3.0)], [(1, 1.0), (2, 4.0)]],), "two ways to 0"),
    ),
    samples=lambda rng, size: Case((_drawn_graph(rng, size, shuffled=False)[0],)),
    mistakes=(
        Mistake(
            "first use kept",
            _first_use,
            "now the first blame to arrive is kept, and the others are dropped: add "
            "them up.",
        ),
        Mistake(
            "largest use kept",
            _largest_use,
            "now the largest blame is kept; every use counts: add them up.",
        ),
        Mistake(
            "mean of the uses",
            _averaged,
            "now the mean of the blames is taken: two uses move the result twice.",
        ),
        Mistake(
            "sum within a row only",
            _within_a_row,
            "now uses by one node add up, but those by two nodes still overwrite each "
            "other.",
        ),
        Mistake(
            "slope added alone",
            lambda graph: _walked(graph, _down(graph), step=lambda s, b: s),
            "now slopes are added, without the blame of the node they belong to.",
        ),
        Mistake(
            "order turned round",
            lambda graph: _walked(graph, range(len(graph))),
            "now the nodes pass on from the first to the last: nothing has reached "
            "them yet.",
        ),
        Mistake(
            "order turned, still overwritten",
            lambda graph: _walked(graph, range(len(graph)), add=False),
            "the order is turned round, which it need not be, and blames are still "
            "overwritten.",
        ),
        Mistake(
            "doubles lost",
            lambda graph: mlp.reused_node(_without_doubles(graph)),
            "an input that stands twice in one row is counted once: x · x has two "
            "ways to x.",
        ),
        Mistake(
            "blame of the result doubled",
            lambda graph: _walked(graph, _down(graph), first=2.0),
            "the blame of the result is 1.",
        ),
    ),
    hints_=(
        "Do x · x by hand: the row of the product names node 0 twice. What happens to "
        "blame[0] in the inner loop, the first time and the second?",
        "L moves by the sum of what comes along all ways.",
        "`blame[one] += slope * blame[node]`",
    ),
)


# ------------------------------------------------------------- a network of layers


def _is_pairs(value) -> bool:
    """Say whether a value is a list of pairs, and no array cut into rows."""
    if not isinstance(value, (list, tuple)):
        return False
    return all(isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in value)


def _listed(value) -> str:
    """Return what came in place of a list of pairs."""
    if isinstance(value, (list, tuple)):
        return f"a {type(value).__name__} of {len(value)} that are not all pairs"
    return _show.kind(value)


class LayerGradients(Exercise):
    """An exercise whose answer is a list of (dw, db), one pair for every layer."""

    def _as_tuple(self, value) -> tuple:
        try:
            return tuple(one for pair in value for one in pair)
        except TypeError:
            return (value,)

    def _compare(self, wanted, got, told=True):
        if got is not None and not _is_pairs(got):
            return WRONG_TYPE, (
                "Wanted a list of pairs (dw, db), one for each layer: "
                f"{len(wanted) // 2} here. Got {_listed(got)}."
            )
        pairs = range(1, len(wanted) // 2 + 1)
        names = tuple(f"{part}{layer}" for layer in pairs for part in ("dw", "db"))
        return Exercise._compare(replace(self, outputs=names), wanted, got, told)


def _drawn_layers(rng, size):
    n = int(rng.integers(1, size + 2))
    sizes = [int(one) for one in rng.integers(1, size + 3, rng.integers(2, 5))]
    layers = [
        (rng.normal(0, 1, (k, d)).round(1), rng.normal(0, 1, k).round(1))
        for d, k in zip(sizes[:-1], sizes[1:], strict=True)
    ]
    x = rng.normal(0, 1, (n, sizes[0])).round(1)
    return _layer_case(x, layers, rng)


def _layer_case(x, layers, rng, note=""):
    s, caches = mlp.forward(x, layers)
    ds = rng.normal(0, 1, s.shape).round(1)
    return Case((ds, caches), note)


def _layered(dw=lambda ds, x: ds.T @ x, db=lambda ds: ds.sum(axis=0),
             slope=lambda x: 1 - x**2):  # fmt: skip
    """Return an answer with these three rules."""

    def answer(ds, caches):
        gradients = []
        for x, w in reversed(caches):
            gradients.insert(0, (dw(ds, x), db(ds)))
            ds = (ds @ w) * slope(x)
        return gradients

    return answer


def _bracketless(ds, caches):
    gradients = []
    for x, w in reversed(caches):
        gradients.insert(0, (ds.T @ x, ds.sum(axis=0)))
        ds = (ds @ w) - x**2
    return gradients


def _of_its_own_scores(ds, caches):
    gradients = []
    for number, (x, w) in reversed(list(enumerate(caches))):
        if number < len(caches) - 1:
            ds = ds * (1 - np.tanh(x @ w.T) ** 2)
        gradients.insert(0, (ds.T @ x, ds.sum(axis=0)))
        ds = ds @ w
    return gradients


def _slope_first(ds, caches):
    gradients = []
    for x, w in reversed(caches):
        gradients.insert(0, (ds.T @ x, ds.sum(axis=0)))
        ds = (ds @ w) * (1 - x**2) * (1 - x**2)
    return gradients


_rng = np.random.default_rng(6)
_W1, _W2, _W3 = (
    _rng.normal(0, 1, shape).round(1) for shape in ((3, 4), (2, 3), (5, 2))
)
_B1, _B2, _B3 = (_rng.normal(0, 1, k).round(1) for k in (3, 2, 5))
_X = _rng.normal(0, 1, (6, 4)).round(1)

mlp_backward = LayerGradients(
    name="mlp_backward",
    notebook="06",
    reference=mlp.backward,
    cases=(
        _layer_case(_X[:1], [(_W1, _B1)], _rng, "one layer, one example"),
        _layer_case(_X, [(_W1, _B1)], _rng, "one layer, 6 examples"),
        _layer_case(_X[:1], [(_W1, _B1), (_W2, _B2)], _rng, "two layers, one example"),
        _layer_case(_X, [(_W1, _B1), (_W2, _B2)], _rng, "two layers, 6 examples"),
        _layer_case(_X, [(_W1, _B1), (_W2, _B2), (_W3, _B3)], _rng, "three layers"),
    ),
    samples=_drawn_layers,
    mistakes=(
        Mistake(
            "slope of tanh missing",
            _layered(slope=lambda x: 1.0),
            "the slope of tanh is missing on the way down: ds = (ds @ w) * (1 - x**2).",
        ),
        Mistake(
            "tanh taken again",
            _layered(slope=lambda x: 1 - np.tanh(x) ** 2),
            "x is the tanh of the layer below already: its slope is 1 - x**2.",
        ),
        Mistake(
            "brackets forgotten",
            _bracketless,
            "`ds @ w * 1 - x**2` takes x**2 away from the whole: put brackets round "
            "1 - x**2.",
        ),
        Mistake(
            "tanh without the bias",
            _of_its_own_scores,
            "tanh(x @ w.T) leaves the bias out; what a layer gave is kept already, as "
            "the x of the layer above.",
        ),
        Mistake(
            "slope of the sigmoid",
            _layered(slope=lambda x: x * (1 - x)),
            "x (1 - x) is the slope of a sigmoid neuron; that of tanh is 1 - x**2.",
        ),
        Mistake(
            "transposed",
            _layered(dw=lambda ds, x: x.T @ ds),
            "dw is transposed: it has the shape of w, (outputs, inputs): ds.T @ x.",
        ),
        Mistake(
            "mean over the examples",
            _layered(lambda ds, x: ds.T @ x / len(ds), lambda ds: ds.mean(axis=0)),
            "the mean over the examples is taken; ds holds the loss's 1/N already.",
        ),
        Mistake(
            "db by mean",
            _layered(db=lambda ds: ds.mean(axis=0)),
            "db is a mean over the examples; it is their sum.",
        ),
        Mistake(
            "db in one number",
            _layered(db=lambda ds: ds.sum()),
            "db is one number: sum over the examples only, axis 0.",
        ),
        Mistake(
            "db not summed",
            _layered(db=lambda ds: ds),
            "db has a row for every example: sum over them, axis 0.",
        ),
        Mistake(
            "last layer first",
            lambda ds, caches: mlp.backward(ds, caches)[::-1],
            "the layers come out last first: put each pair in front of the list, or "
            "turn it round at the end.",
        ),
        Mistake(
            "pairs turned round",
            lambda ds, caches: [(db, dw) for dw, db in mlp.backward(ds, caches)],
            "dw and db are exchanged in every pair.",
        ),
        Mistake(
            "slope of tanh twice",
            _slope_first,
            "the slope of tanh is used twice in one layer.",
        ),
        Mistake(
            "sign reversed",
            lambda ds, caches: [(-dw, -db) for dw, db in mlp.backward(ds, caches)],
            "every sign is reversed: a gradient points uphill, the step turns it.",
        ),
    ),
    hints_=(
        "Go through the caches from the last layer: `for x, w in reversed(caches):`. "
        "ds is the blame of this layer's scores.",
        "A weight w[k, d] was multiplied by x[n, d] for every example n, and a bias "
        "was added in each: `(ds.T @ x, ds.sum(axis=0))`.",
        "Then pass the blame down, through w and through the tanh that made x: "
        "`ds = (ds @ w) * (1 - x**2)`.",
        "Each pair goes in front: `gradients.insert(0, (ds.T @ x, ds.sum(axis=0)))`.",
    ),
)


# ------------------------------------------------------------------------- open

SPLITS = range(3)
LEAST_RIGHT = 0.97
WEIGHTS_BAR = 1000


def _split(seed):
    """Return x, y to train on and x, y held out, of one drawing."""
    train, held = data.load("digits").hold_out(0.2, seed)
    usual = data.as_float(train.images).mean(axis=0)
    x, x_held = (
        data.flatten(data.as_float(part.images) - usual) for part in (train, held)
    )
    return x, train.labels, x_held, held.labels, held.images


def _is_network(value) -> bool:
    return _is_pairs(value) and not any(
        isinstance(one, tuple) for pair in value for one in pair
    )


def _layers_of(network, *given) -> list:
    """Return the answer's layers, or raise one sentence on their form."""
    layers = network(*given)
    if layers is None:
        raise ValueError("small_network returned None: is a `return` missing?")
    layers = list(layers) if isinstance(layers, (list, tuple)) else layers
    if isinstance(layers, list) and layers:
        if _is_network(layers):
            return layers
        if isinstance(layers[0], np.ndarray) and len(layers) == 2:
            raise ValueError(
                "small_network returned one pair (w, b), not a list of pairs: [(w, b)]."
            )
        if all(map(_is_network, layers)):
            raise ValueError(
                "small_network returned a list of networks: mlp.train gives the "
                "network after every pass. The last one is mlp.train(...)[-1]."
            )
    raise TypeError(
        "small_network must return a list of (w, b), one pair for each layer; got "
        f"{_show.kind(layers)}."
    )


def _score_network(network) -> Score:
    shares, counts, pictures = [], [], []
    for seed in SPLITS:
        x, y, x_held, y_held, images = _split(seed)
        layers = _layers_of(network, x.copy(), y.copy(), seed)
        guess = mlp.predict(x_held, layers)
        counts.append(mlp.count_weights(layers))
        shares.append(np.mean(guess == y_held))
        for wrong in np.flatnonzero(guess != y_held)[: 2 if seed else 4]:
            caption = f"a {y_held[wrong]} read as {guess[wrong]}"
            pictures.append(((255 - images[wrong]), caption))
    share, most = float(np.mean(shares)), max(counts)
    each = ", ".join(f"{one:.1%}" for one in shares)
    detail = f"{share:.2%} of the held-out digits are right ({each})."
    if share < LEAST_RIGHT:
        detail += f" {LEAST_RIGHT:.0%} are wanted before weights count."
        return Score(math.inf, detail, pictures)
    return Score(most, detail, pictures)


def _weights(value: float) -> str:
    return f"{value:,.0f} weights" if math.isfinite(value) else "too many wrong digits"


def _of_width(hidden, **options):
    """Return an answer: one hidden layer of this width."""

    def answer(x, y, seed):
        sizes = (64, hidden, 10) if hidden else (64, 10)
        return mlp.train(x, y, mlp.start(sizes, seed), seed=seed, **options)[-1]

    return answer


small_network = Open(
    name="small_network",
    notebook="06",
    reference=mlp.small_network,
    score=_score_network,
    bar=WEIGHTS_BAR,
    lower_is_better=True,
    show=_weights,
    measured_on=(
        "three drawings of 287 held-out digits; the numbers that are not 0 count, and "
        f"{LEAST_RIGHT:.0%} of the digits must be right on average"
    ),
    mistakes=(
        Mistake(
            "untrained",
            lambda x, y, seed: mlp.start((64, 8, 10), seed),
            "97% are wanted before weights count",
        ),
        Mistake(
            "no hidden layer",
            _of_width(0, passes=4, size=64),
            "97% are wanted before weights count",
        ),
    ),
    hints_=(
        "A hidden neuron costs 64 + 1 + 10 numbers, so look for the smallest width "
        "that still reaches 97 %. Start with `mlp.start((64, 12, 10), seed)`.",
        "Train it for long, and keep its weights small, which helps with new digits: "
        "`mlp.train(x, y, layers, passes=50, rate=0.2, size=64, decay=0.001, "
        "seed=seed)[-1]`.",
        "Only numbers that are not 0 count. Train a wider network, set its smallest "
        "weights to 0, and train on while they stay there.",
    ),
)

EXERCISES = (
    delta_output,
    delta_hidden,
    multiply_backward,
    tanh_backward,
    reused_node,
    backward,
    mlp_backward,
    small_network,
)
