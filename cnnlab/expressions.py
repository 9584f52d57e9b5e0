"""Typed formulas become nodes of `scalar`: a parser of its own, Python runs nothing.

The grammar, the weakest sign first::

    sum     = product (("+" | "-") product)*
    product = signed (("*" | "/") signed)*
    signed  = ("-" | "+") signed | power
    power   = atom ["**" signed]
    atom    = number | name | function "(" sum ")" | "(" sum ")"
"""

import re

from . import shapes
from .scalar import Value, apply

FUNCTIONS = ("exp", "log", "tanh", "relu")
LONGEST, DEEPEST = 400, 40  # characters; parentheses and signs inside each other
TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[^\W\d]\w*)|(?P<sign>\*\*|[-+*/()]))"
)
ALIKE = str.maketrans({"−": "-", "–": "-", "×": "*", "·": "*", "÷": "/", ":": "/"})


def parse(text: str, values: dict | None = None) -> tuple[Value, dict[str, Value]]:
    """Return (output, variables) of a typed formula such as ``"tanh(w * x + b)"``.

    Parameters
    ----------
    text : + - * / ** and parentheses, numbers, names, exp log tanh relu
    values : the number of every name that occurs

    Returns
    -------
    the node of the whole formula, and the node of each name in it

    Raises
    ------
    ValueError
        If the text is no formula; ▸ marks the place. Also where a name has no value,
        or a step has no finite result.

    Examples
    --------
    >>> output, names = parse("x * x + y", {"x": 3, "y": 1})
    >>> output.backward()
    >>> output.data, names["x"].gradient
    (10.0, 6.0)
    """
    return _Parser(text, {} if values is None else values).whole()


def names_in(text: str) -> list[str]:
    """Return the names that a formula uses, in order, functions left out."""
    found = [token for kind, token, _ in _tokens(text) if kind == "name"]
    return [name for name in dict.fromkeys(found) if name not in FUNCTIONS]


def read_values(text: str) -> dict[str, float]:
    """Return the numbers of a text such as ``"x = 3, y = -2"``.

    Examples
    --------
    >>> read_values("x = 3, y = -2")
    {'x': 3.0, 'y': -2.0}
    """
    if not isinstance(text, str):
        raise TypeError(f"read_values: text needs a string; got {shapes.spoken(text)}.")
    values, place = {}, 0
    for part in re.split(r"[,;]", text.translate(ALIKE)):
        match = re.fullmatch(r"\s*([^\W\d]\w*)\s*=\s*(\S+)\s*", part)
        try:
            number = float(match[2]) if match else None
        except ValueError:
            number = None
        if number is None and part.strip():
            raise _fault(text, place, "wanted a name and its number, such as x = 3.")
        if number is not None:
            if match[1] in FUNCTIONS:
                raise _fault(text, place, f"{match[1]} is the name of a function.")
            if match[1] in values:
                raise _fault(text, place, f"{match[1]} has a number already.")
            values[match[1]] = shapes.require_number(number, None, "values", match[1])
        place += len(part) + 1
    return values


def _tokens(text: str) -> list[tuple[str, str, int]]:
    """Return (kind, text, place) of every token, and ("end", "", length) last."""
    if not isinstance(text, str):
        raise TypeError(f"parse: text needs a string; got {shapes.spoken(text)}.")
    if len(text) > LONGEST:
        raise ValueError(
            f"parse: at most {LONGEST} characters are read; got {len(text)}."
        )
    plain, found, place = text.translate(ALIKE).rstrip(), [], 0
    while place < len(plain):
        match = TOKEN.match(plain, place)
        if match is None:
            place += len(plain[place:]) - len(plain[place:].lstrip())
            sign = plain[place]
            hint = " A power is written **." if sign == "^" else ""
            raise _fault(text, place, f"{sign!r} has no meaning here.{hint}")
        kind = match.lastgroup
        found.append((kind, match[kind], match.start(kind)))
        place = match.end()
    return [*found, ("end", "", len(plain))]


def _fault(text: str, place: int, what: str) -> ValueError:
    """Return an error that marks the place in the text."""
    marked = f"{text[:place]}▸{text[place:]}"
    return ValueError(f"at character {place + 1} of  {marked} : {what}")


class _Parser:
    """One pass over the tokens, a method for each line of the grammar."""

    def __init__(self, text: str, values: dict):
        self.text, self.values, self.nodes = text, values, {}
        self.tokens, self.next, self.depth = _tokens(text), 0, 0

    def whole(self):
        output = self.sum()
        kind, token, _ = self.tokens[self.next]
        if kind != "end":
            closing = "This ) closes nothing." if token == ")" else ""
            self.stop(closing or f"wanted a sign such as + or *, got {token!r}.")
        return output, self.nodes

    def stop(self, what: str, back: int = 0):
        raise _fault(self.text, self.tokens[self.next - back][2], what)

    def take(self, *signs: str) -> str:
        """Return the next token if it is one of these signs, else nothing."""
        kind, token, _ = self.tokens[self.next]
        if kind != "sign" or token not in signs:
            return ""
        self.next += 1
        return token

    def sum(self):
        left = self.product()
        while sign := self.take("+", "-"):
            left = apply(sign, left, self.product())
        return left

    def product(self):
        left = self.signed()
        while sign := self.take("*", "/"):
            left = apply(sign, left, self.signed())
        return left

    def signed(self):
        sign = self.take("-", "+")
        if not sign:
            return self.power()
        self.deeper(1)
        inner = self.signed()
        self.deeper(-1)
        if sign == "+":
            return inner
        if inner.op == "const":
            return Value(-inner.data, "const")
        return apply("neg", inner)

    def power(self):
        base = self.atom()
        if not self.take("**"):
            return base
        self.deeper(1)
        exponent = self.signed()
        self.deeper(-1)
        if base.data <= 0 and exponent.op != "const":
            raise ValueError(
                f"{base.data:g} ** {exponent.data:g}: where the base is not above 0, "
                "the exponent must be a plain number, such as 2."
            )
        return apply("**", base, exponent)

    def atom(self):
        kind, token, _ = self.tokens[self.next]
        if self.take("("):
            return self.closed("(")
        if kind == "number":
            self.next += 1
            return self.number(token)
        if kind != "name":
            self.stop(f"wanted a number, a name or (, got {token or 'the end'}.")
        self.next += 1
        if token in FUNCTIONS:
            if not self.take("("):
                self.stop(f"{token} needs its number in parentheses.")
            return apply(token, self.closed(token + "("))
        if token not in self.nodes:
            self.nodes[token] = self.variable(token)
        return self.nodes[token]

    def closed(self, opening: str):
        """Return the node inside parentheses of which the first is read."""
        start = self.tokens[self.next - 1]
        self.deeper(1)
        inner = self.sum()
        self.deeper(-1)
        if not self.take(")"):
            if self.tokens[self.next][0] != "end":
                self.stop(f"wanted ) or a sign, got {self.tokens[self.next][1]!r}.")
            raise _fault(self.text, start[2], "this ( is never closed.")
        return inner

    def number(self, token: str):
        try:
            return Value(float(token), "const")
        except ValueError:
            return self.stop(f"{token} is too large.", back=1)

    def variable(self, name: str):
        if name not in self.values:
            known = ", ".join(map(str, self.values)) or "none"
            hint = "" if name.isidentifier() else " A power is written **, as in x**2."
            self.stop(f"{name} has no value; those with one: {known}.{hint}", back=1)
        number = shapes.require_number(self.values[name], None, "parse", name)
        return Value(number)

    def deeper(self, by: int):
        self.depth += by
        if self.depth > DEEPEST:
            self.stop(f"more than {DEEPEST} brackets or signs inside each other.")
