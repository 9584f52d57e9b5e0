"""The exercises of notebook 06, written by following their hints to the letter."""

import math

from cnnlab import mlp


def delta_output(t, o, slope=1.0):
    return (t - o) * slope * o * (1 - o)


def delta_hidden(o, delta, w, slope=1.0):
    return slope * o * (1 - o) * (delta @ w)


def multiply_backward(dout, a, b):
    return dout * b, dout * a


def tanh_backward(dout, x):
    return dout * (1 - math.tanh(x) ** 2)


def reused_node(graph):
    blame = [0.0] * len(graph)
    blame[-1] = 1.0
    for node in reversed(range(len(graph))):
        for one, slope in graph[node]:
            blame[one] += slope * blame[node]
    return blame


def backward(graph, output):
    uses = [
        sum(one == node for row in graph for one, _ in row)
        for node in range(len(graph))
    ]  # fmt: skip
    blame = [0.0] * len(graph)
    blame[output] = 1.0
    ready = [output]
    for node in ready:
        for one, slope in graph[node]:
            blame[one] += slope * blame[node]
            uses[one] -= 1
            if uses[one] == 0:
                ready.append(one)
    return blame


def mlp_backward(ds, caches):
    gradients = []
    for x, w in reversed(caches):
        gradients.insert(0, (ds.T @ x, ds.sum(axis=0)))
        ds = (ds @ w) * (1 - x**2)
    return gradients


def small_network(x, y, seed):  # reaches the bar
    layers = mlp.start((64, 12, 10), seed)
    return mlp.train(x, y, layers, passes=50, rate=0.2, size=64, decay=0.001,
                     seed=seed)[-1]  # fmt: skip
