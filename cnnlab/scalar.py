"""Automatic derivatives of single numbers, to be read in one sitting.

Every step leaves a node: its number, its inputs, and one slope for each input.
"""

import math

from . import shapes


def multiply_backward(dout, a, b):
    """Return (da, db): the blame of both factors, where a * b has ``dout``."""
    return dout * b, dout * a


def tanh_backward(dout, x):
    """Return the blame of x, where tanh(x) has ``dout``."""
    return dout * (1 - math.tanh(x) ** 2)


def power_slopes(a, b):
    """Return the slopes of a ** b in a and, where a is above 0, in b."""
    return b and b * a ** (b - 1), a**b * math.log(a) if a > 0 else math.nan


RULES = {  # name: (its result, its slopes, one for each input)
    "+": (lambda a, b: a + b, lambda a, b: (1.0, 1.0)),
    "-": (lambda a, b: a - b, lambda a, b: (1.0, -1.0)),
    "*": (lambda a, b: a * b, lambda a, b: multiply_backward(1.0, a, b)),
    "/": (lambda a, b: a / b, lambda a, b: (1 / b, -a / b / b)),
    "**": (lambda a, b: a**b, power_slopes),
    "neg": (lambda x: -x, lambda x: (-1.0,)),
    "exp": (math.exp, lambda x: (math.exp(x),)),
    "log": (math.log, lambda x: (1 / x,)),
    "tanh": (math.tanh, lambda x: (tanh_backward(1.0, x),)),
    "relu": (lambda x: max(x, 0.0), lambda x: (float(x > 0),)),
}


def apply(name, *inputs):
    """Return the node of one step, such as ``apply("*", x, 2)``."""
    inputs = tuple(x if isinstance(x, Value) else Value(x, "const") for x in inputs)
    numbers = [one.data for one in inputs]
    result, slopes = RULES[name]
    try:
        node = Value(result(*numbers), name, inputs)
        given = zip(inputs, slopes(*numbers), strict=True)
        slopes = [0.0 if one.op == "const" else slope for one, slope in given]
        node.slopes = tuple(Value(slope).data for slope in slopes)
    except (ArithmeticError, ValueError, TypeError):
        raise ValueError(f"{name} of {numbers}: no finite number, or slope.") from None
    return node


def _method(name, way=1):
    return lambda *inputs: apply(name, *inputs[::way])  # -1: for 2 - x, turned round


class Value:
    """A number that remembers how it was made: + - * / ** exp log tanh relu.

    >>> x, y = Value(3.0), Value(-2.0)
    >>> (x * y + x).backward()
    >>> x.gradient, y.gradient
    (-1.0, 3.0)
    """

    def __init__(self, data, op="", inputs=()):
        self.data = shapes.require_number(data, None, "scalar", "a number")
        self.op, self.inputs, self.slopes, self.gradient = op, inputs, (), 0.0

    signs = list(RULES)[:5]
    __add__, __sub__, __mul__, __truediv__, __pow__ = map(_method, signs)
    __radd__, __rsub__, __rmul__, __rtruediv__, __rpow__ = map(_method, signs, [-1] * 5)
    __neg__, exp, log, tanh, relu = map(_method, list(RULES)[5:])

    def __repr__(self):
        return f"Value({self.data:g})"

    def backward(self):
        """Set ``gradient`` of this node and of all that it was made of."""
        nodes, graph = graph_of(self)
        for node, blame in zip(nodes, backward(graph, 0), strict=True):
            node.gradient = shapes.require_number(blame, None, f"blame of {node}", "it")


def graph_of(output):
    """Return (nodes, graph): node 0 is the output; row i holds (input, slope) of i."""
    nodes, number, graph = [output], {output: 0}, []
    for node in nodes:  # the list grows while it is read
        for one in node.inputs:
            if one not in number:
                number[one] = len(nodes)
                nodes.append(one)
        sources = [number[one] for one in node.inputs]
        graph.append(list(zip(sources, node.slopes, strict=True)))
    return nodes, graph


def order(graph, output):
    """Return the nodes that ``output`` is made of, every one after its inputs."""
    done, waiting, most = {}, [output], 1 + sum(map(len, graph))
    while waiting:  # no recursion: a chain may be longer than Python's stack
        missing = [one for one, _ in graph[waiting[-1]] if one not in done]
        waiting += missing
        if len(waiting) > most:
            raise ValueError("order: the graph runs in a circle.")
        if not missing:
            done[waiting.pop()] = True
    return list(done)


def backward(graph, output):
    """Return d output / d node for every node; ``graph[i]`` lists (input, slope)."""
    shapes.require_int(output, 0, "backward", "output", len(graph) - 1)
    blame = [float(node == output) for node in range(len(graph))]
    for node in reversed(order(graph, output)):
        for one, slope in graph[node]:
            blame[one] += slope * blame[node]  # a node used twice adds up
    return blame
