"""Verdicts on answers to notebook 06 that learners write, beyond the known mistakes."""

import math

import numpy as np
import pytest

from cnnlab import checks, mlp, scalar

pytestmark = pytest.mark.usefixtures("no_progress")


def in_loops(o, delta, w, slope=1.0):
    return [
        slope * o[j] * (1 - o[j]) * sum(delta[k] * w[k][j] for k in range(len(delta)))
        for j in range(len(o))
    ]


def recursive(graph, output):
    order, blame = [], [0.0] * len(graph)

    def visit(node):
        if node not in order:
            for one, _ in graph[node]:
                visit(one)
            order.append(node)

    visit(output)
    blame[output] = 1.0
    for node in reversed(order):
        for one, slope in graph[node]:
            blame[one] += slope * blame[node]
    return blame


def along_paths(graph, output):
    blame = np.zeros(len(graph))

    def walk(node, amount):
        blame[node] += amount
        for one, slope in graph[node]:
            walk(one, amount * slope)

    walk(output, 1.0)
    return blame


def appended(ds, caches):
    found = []
    for level in range(len(caches) - 1, -1, -1):
        x, w = caches[level]
        found.append((np.einsum("nk,nd->kd", ds, x), ds.sum(0)))
        ds = np.einsum("nk,kd->nd", ds, w) * (1 + x) * (1 - x)
    return found[::-1]


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("delta_output", lambda t, o, slope=1.0: [
            slope * (a - b) * b * (1 - b) for a, b in zip(t, o, strict=True)]),
        ("delta_hidden", in_loops),
        ("delta_hidden", lambda o, delta, w, slope=1.0:
            slope * o * (1 - o) * (w.T @ delta)),
        ("multiply_backward", lambda dout, a, b: [b * dout, a * dout]),
        ("multiply_backward", lambda dout, a, b: np.array([b, a]) * dout),
        ("tanh_backward", lambda dout, x: dout * (1 - np.tanh(x)) * (1 + np.tanh(x))),
        ("backward", recursive),
        ("backward", along_paths),
        ("mlp_backward", appended),
        ("mlp_backward", lambda ds, caches: tuple(mlp.backward(ds, caches))),
    ],
)  # fmt: skip
def test_another_way_of_writing_it_is_right(name, answer):
    verdict = checks.EXERCISES[name](answer)
    assert verdict.passed, verdict


@pytest.mark.parametrize(
    ("name", "answer", "status", "word"),
    [
        ("delta_output", lambda t, o, slope=1.0: t - o * o, "wrong values", ""),
        ("delta_hidden", lambda o, d, w, slope=1.0: slope * o * (1 - o) * (w @ d),
         "raised", "sum over k"),
        ("multiply_backward", lambda dout, a, b: dout * b, "wrong type", "da, db"),
        ("tanh_backward", lambda d, x: d / math.cosh(x) ** 2, "raised", "Overflow"),
        ("backward", lambda graph, output: dict(enumerate(recursive(graph, output))),
         "wrong type", "a dict"),
        ("backward", lambda graph, output: recursive(graph, output)[::-1],
         "wrong values", ""),
        ("mlp_backward", lambda ds, caches: mlp.backward(ds, caches)[0],
         "wrong", ""),
        ("mlp_backward", lambda ds, caches: [dw for dw, _ in mlp.backward(ds, caches)],
         "wrong", ""),
        ("mlp_backward", lambda ds, caches: [
            (dw, db[:, None]) for dw, db in mlp.backward(ds, caches)],
         "wrong shape", "db"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(name, answer, status, word):
    verdict = checks.EXERCISES[name](answer)
    assert verdict.status.startswith(status) and word in verdict.text, verdict
    assert "The check itself failed" not in verdict.text


def test_a_backward_that_changes_the_blame_it_is_given_is_told():
    def answer(ds, caches):
        found = mlp.backward(ds, caches)
        ds *= 2
        return found

    assert checks.mlp_backward(answer).status == "changed its input"


def test_the_untouched_bug_gives_what_the_task_says():
    broken = checks.reused_node.broken
    graph = [[], [(0, 3.0), (0, 3.0)], [(1, 1.0), (0, 1.0)]]
    assert broken(graph)[0] == 3.0 and mlp.reused_node(graph)[0] == 7.0
    assert checks.reused_node(broken).status == "not attempted"
    assert "two ways" in checks.reused_node(broken, "a").text or (
        checks.reused_node(broken, "a").status == "wrong values"
    )


@pytest.mark.parametrize("letter", ["a", "b", "d"])
def test_a_mended_function_with_another_cause_gets_its_reply(letter):
    verdict = checks.reused_node(mlp.reused_node, letter)
    reply = next(c.reply for c in checks.reused_node.causes if c.letter == letter)
    assert verdict.status == "wrong cause" and reply in verdict.text


def test_drawn_graphs_are_those_that_the_task_names():
    twice = empty = 0
    for case in checks.backward._drawn():
        graph, output = case.args
        assert len(scalar.order(graph, output)) == len(graph)  # all lead to the output
        used = [one for row in graph for one, _ in row]
        twice += any(len({one for one, _ in row}) < len(row) for row in graph)
        empty += any(not row for row in graph)
        assert output not in used
    assert twice > 5 and empty > 40
    for case in checks.reused_node._drawn():
        [graph] = case.args
        for node, row in enumerate(graph):
            assert all(one < node for one, _ in row)


def users_by_name(graph, output):
    """A stack that marks nodes as met."""
    blame, waiting, met = [0.0] * len(graph), [output], {output}
    blame[output] = 1.0
    while waiting:
        node = waiting.pop()
        for one, slope in graph[node]:
            blame[one] += slope * blame[node]
            if one not in met:
                met.add(one)
                waiting.append(one)
    return blame


def flat(ds, caches):
    return [one for pair in mlp.backward(ds, caches) for one in pair]


def bracketless(ds, caches):
    found = []
    for x, w in reversed(caches):
        found.insert(0, (ds.T @ x, ds.sum(axis=0)))
        ds = ds @ w * 1 - x**2
    return found


@pytest.mark.parametrize(
    ("name", "answer", "word"),
    [
        ("delta_output", lambda t, o, slope=1.0: 2 * slope * (t - o) * o * (1 - o),
         "a factor 2 too many"),
        ("delta_output", lambda t, o, slope=1.0: slope**2 * (t - o) * o * (1 - o),
         "once, not twice"),
        ("delta_output", lambda t, o, slope=1.0: slope * abs(t - o) * o * (1 - o),
         "sign of the error is lost"),
        ("multiply_backward", lambda d, a, b: (d * abs(b), d * abs(a)),
         "sign of the factors is lost"),
        ("multiply_backward", lambda d, a, b: (d * b if a else 0, d * a if b else 0),
         "a factor of 0 can be blamed"),
        ("multiply_backward", lambda d, a, b: (-d * b, -d * a), "sign is reversed"),
        ("backward", users_by_name, "Wait for the last one"),
        ("mlp_backward", flat, "list of pairs (dw, db)"),
        ("mlp_backward", bracketless, "put brackets round"),
    ],
)  # fmt: skip
def test_likely_slips_get_their_cause(name, answer, word):
    verdict = checks.EXERCISES[name](answer)
    assert not verdict.passed and word in verdict.text, verdict


def test_an_input_counted_once_in_reused_node_gets_its_cause():
    def answer(graph):
        blame = [0.0] * (len(graph) - 1) + [1.0]
        for node in reversed(range(len(graph))):
            for one, slope in dict(graph[node]).items():
                blame[one] += slope * blame[node]
        return blame

    assert "counted once" in checks.reused_node(answer, "c").text


# The open one


def dense(hidden, passes=40):
    def answer(x, y, seed):
        start = mlp.start((64, hidden, 10), seed)
        options = {"rate": 0.2, "size": 64, "decay": 0.001, "seed": seed}
        return mlp.train(x, y, start, passes, **options)[-1]

    return answer


def test_a_network_that_is_too_large_or_too_wrong_stays_below_the_bar():
    large = checks.small_network(dense(16))
    assert large.status == "below the bar" and "1,210 weights" in large.text
    wrong = checks.small_network(dense(2, 2))
    assert "too many wrong digits" in wrong.text and wrong.picture[:4] == b"\x89PNG"
    assert "read as" in wrong.text


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (lambda x, y, seed: 3, "TypeError"),
        (lambda x, y, seed: x.sum() and None, "is a `return` missing?"),
        (lambda x, y, seed: mlp.start((64, 8, 10), seed)[0], "not a list of pairs"),
        (
            lambda x, y, seed: mlp.train(x, y, mlp.start((64, 8, 10), seed), 1),
            "mlp.train(...)[-1]",
        ),
        (lambda x, y, seed: mlp.start((64, 8, 9), seed), "97% are wanted"),
        (lambda x, y, seed: mlp.start((32, 8, 10), seed), "columns"),
        (lambda x, y, seed: [(np.full((10, 64), np.nan), np.zeros(10))], "w"),
    ],
)
def test_what_cannot_be_scored_is_told(answer, word):
    verdict = checks.small_network(answer)
    assert not verdict.passed and word in verdict.text, verdict
