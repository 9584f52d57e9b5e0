"""The learner's own functions go on working: in later cells, and in later notebooks.

A function whose check said *correct* is kept for this session, and its source is
saved with the progress. When a later notebook asks for it, the source is run and
checked again; where it is absent or no longer right, the reference runs.
"""

import ast
import builtins
import dis
import importlib
import inspect
import linecache
import textwrap
import types
from collections.abc import Callable

from cnnlab.checks import _progress

_own: dict[str, Callable] = {}  # key of an exercise -> the learner's function
_settled: set[str] = set()  # keys of which this session has said which one runs


_UNREADABLE = (
    "its source cannot be read on its own. Write it as one `def`, in a cell of its "
    "own, and run the check again"
)


class NotSaved(Exception):
    """A function leans on something that cannot be written down; the text says what."""


def best(exercise) -> Callable:
    """Return the learner's version of an exercise, else the reference.

    Says once in a session, in one line, which of the two it is.
    """
    key = exercise.key
    if key not in _own and key not in _settled:
        _load(exercise)
    if key not in _settled:
        _settled.add(key)
        whose = "your own function" if key in _own else "the course's reference"
        print(f"yours.{exercise.name}: {whose} (exercise of notebook {key[:2]})")
    return _own.get(key, exercise.reference)


def after(exercise, verdict, answer) -> str:
    """Keep a right answer; return one line that says which function runs now."""
    if not callable(exercise.reference):
        return ""
    if exercise.kind == "open" and not callable(answer):
        return ""  # a picture or a number: nothing that later cells could run
    key, name = exercise.key, f"yours.{exercise.name}"
    if verdict.passed and callable(answer):
        _own[key] = answer
        _settled.add(key)
        try:
            _progress.keep(key, source_of(answer))
        except NotSaved as fault:
            _progress.keep(key, None)
            return f"Later cells run yours, as {name}; other notebooks cannot: {fault}."
        return f"Later cells and notebooks run yours, as {name}."
    if key not in _own and key not in _settled:
        _load(exercise)
    _settled.add(key)
    if key in _own:
        return f"{name} is still your earlier version, which was right."
    return f"Until yours is right, {name} runs the reference."


def forget() -> None:
    """Drop what this session knows; what is saved stays."""
    _own.clear()
    _settled.clear()


def _load(exercise) -> None:
    """Take the saved version of an exercise if it still passes its check."""
    source = _progress.kept(exercise.key)
    if source is None:
        return
    try:
        function = _run(source, exercise.key)
    except KeyboardInterrupt:
        raise
    except BaseException:  # an edited file may do anything, SystemExit included
        return
    # A bug's cause was named when it was saved; only the function is tried here.
    if exercise._verdict(function).passed:
        _own[exercise.key] = function


def _run(source: str, key: str) -> Callable:
    place = f"<saved answer {key}>"
    linecache.cache[place] = (len(source), None, source.splitlines(True), place)
    space: dict = {"__name__": "__saved__"}
    exec(compile(source, place, "exec"), space)
    return space["answer"]


# ------------------------------------------------------------------ writing it down


def source_of(function: Callable) -> str:
    """Return a program that defines ``function`` anew, under the name ``answer``.

    It holds what the function leans on: imports, other functions of the notebook, and
    plain constants.

    Raises
    ------
    NotSaved
        If it leans on anything else.
    """
    parts: dict[str, str] = {}
    name = _write(function, parts)
    return "\n\n".join([*parts.values(), f"answer = {name}\n"])


def _write(function, parts: dict[str, str]) -> str:
    """Add a function and its needs to ``parts``; return the name it goes by."""
    public = _importable(function)
    if public:
        module, name = public
        parts[f"{module}.{name}"] = f"from {module} import {name}"
        return name
    if not isinstance(function, types.FunctionType):
        raise NotSaved(f"it is a {type(function).__name__}, not a plain function")
    if function.__code__.co_freevars:
        inner = ", ".join(function.__code__.co_freevars)
        raise NotSaved(f"it uses {inner} from a function around it")
    try:
        text = textwrap.dedent(inspect.getsource(function))
        [statement] = ast.parse(text).body
    except (OSError, TypeError, SyntaxError, ValueError):
        raise NotSaved(_UNREADABLE) from None
    name = _defined_name(statement)
    if name in parts:
        return name
    parts[name] = ""  # a function that calls itself, or two each other
    for used in _names(function.__code__):
        if used in function.__globals__:
            _write_value(used, function.__globals__[used], parts)
        elif not hasattr(builtins, used):
            raise NotSaved(f"it uses {used}, which is not there")
    del parts[name]
    parts[name] = text  # after all that it leans on
    return name


def _defined_name(statement) -> str:
    if isinstance(statement, ast.FunctionDef):
        return statement.name
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
        return statement.targets[0].id
    raise NotSaved(_UNREADABLE)


def _names(code) -> list[str]:
    """Return the global names that a function reads, inner functions included."""
    found = [
        step.argval
        for step in dis.get_instructions(code)
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")
    ]
    for constant in code.co_consts:
        if inspect.iscode(constant):
            found += _names(constant)
    return found


def _write_value(name: str, value, parts: dict[str, str]) -> None:
    if name in parts:
        return
    if isinstance(value, types.ModuleType):
        parts[name] = f"import {value.__name__} as {name}"
    elif callable(value):
        written = _write(value, parts)
        if written != name:
            parts[name] = f"{name} = {written}"
    elif _is_plain(value):
        parts[name] = f"{name} = {value!r}"
    else:
        kind = type(value).__name__
        raise NotSaved(f"it uses {name}, {kind}, from another cell")


def _is_plain(value) -> bool:
    if isinstance(value, (tuple, list)):
        return len(value) < 1000 and all(map(_is_plain, value))
    return value is None or type(value) in (bool, int, float, complex, str)


def _importable(value) -> tuple[str, str] | None:
    """Return (module, name) of a function or class that lives in a library."""
    module, name = getattr(value, "__module__", None), getattr(value, "__name__", None)
    known = module not in (None, "__main__", "__saved__", "builtins")
    if not (known and name and name.isidentifier()):
        return None
    try:
        found = getattr(importlib.import_module(module), name, None)
    except Exception:
        return None
    return (module, name) if found is value else None
