"""Small changes of a source, one at a time, that a test of it should notice.

Not changed are annotations, messages (f-strings) and ``raise`` statements.
"""

import ast
import copy
from pathlib import Path

EQUIVALENT = Path(__file__).with_name("equivalent_mutants.txt")
SIGNS = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==",
    ast.NotEq: "!=", ast.Is: "is", ast.IsNot: "is not", ast.In: "in",
    ast.NotIn: "not in", ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/",
    ast.And: "and", ast.Or: "or", ast.FloorDiv: "//",
}  # fmt: skip
SWAPS = {a: list(SIGNS)[i ^ 1] for i, a in enumerate([*SIGNS][:-1])}  # pair by pair
SWAPS[ast.FloorDiv] = ast.Div


def places(node: ast.AST):
    """Yield the nodes of a tree, but none of annotations, messages and errors."""
    yield node
    for name, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            told = isinstance(child, (ast.JoinedStr, ast.Raise))
            if isinstance(child, ast.AST) and not told:
                if name not in ("annotation", "returns"):
                    yield from places(child)


def changes(node: ast.AST):
    """Yield (line, what is changed, the changed node) of one node."""

    def swap(line, old, **fields):
        new = copy.copy(node)
        vars(new).update(fields)
        return line, f"{SIGNS[type(old)]} → {SIGNS[SWAPS[type(old)]]}", new

    if isinstance(node, ast.Compare):
        for i, (op, right) in enumerate(zip(node.ops, node.comparators, strict=True)):
            if type(op) in SWAPS:
                ops = [*node.ops[:i], SWAPS[type(op)](), *node.ops[i + 1 :]]
                yield swap(right.lineno, op, ops=ops)
    elif isinstance(getattr(node, "op", None), tuple(SWAPS)):
        right = getattr(node, "right", None) or getattr(node, "value", node)
        yield swap(right.lineno, node.op, op=SWAPS[type(node.op)]())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.USub)):
        sign = "not" if isinstance(node.op, ast.Not) else "-"
        yield node.lineno, f"{sign} → nothing", node.operand
    elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        old = node.value
        new = (not old) if isinstance(old, bool) else old + 1
        new = 2 * old or 1.0 if isinstance(old, float) else new
        yield node.lineno, f"{old} → {new}", ast.Constant(new)
    elif isinstance(node, ast.Call):
        for given in node.keywords:
            if given.arg in ("axis", "dtype"):
                others = [k for k in node.keywords if k is not given]
                new = ast.Call(node.func, node.args, others)
                yield given.lineno, f"{ast.unparse(given)} → nothing", new


def mutants(text: str):
    """Yield (line, code, change, key) for every mutant of a source."""
    lines, seen = text.splitlines(), {}
    for number, place in enumerate(places(ast.parse(text))):
        for variant, (line, change, _) in enumerate(changes(place)):
            count = seen[line, change] = seen.get((line, change), 0) + 1
            change += f" (no. {count} of the line)" if count > 1 else ""
            yield line, lines[line - 1].strip(), change, (number, variant)


def changed(text: str, key: tuple[int, int]) -> str:
    """Return the source with the one change that ``key`` stands for."""
    tree = ast.parse(text)
    node = list(places(tree))[key[0]]
    new = list(changes(node))[key[1]][2]
    node.__class__ = type(new)  # in its place, whoever holds it
    vars(node).clear(), vars(node).update(vars(new))
    return ast.unparse(ast.fix_missing_locations(tree))


def equivalent(module: str) -> set[tuple[str, str]]:
    """Return (code, change) of the listed mutants that no test can notice."""
    listed = set()
    for entry in EQUIVALENT.read_text(encoding="utf-8").split("\n\n"):
        where, _, code = entry.strip().split("\n")[0].partition(": ")
        changes = [line.strip() for line in entry.split("\n") if " → " in line]
        listed |= {(code, change) for change in changes if where == module}
    return listed
