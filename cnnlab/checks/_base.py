"""The machinery of exercises: an answer goes in, a verdict that teaches comes out.

There are three kinds. An :class:`Exercise` compares the learner's function with the
reference: on hand-picked cases first, because they explain best, then on drawn
samples of all that the task names. It knows plausible wrong answers, each with its
cause, and names one where it explains everything that went wrong. :class:`FindBug`
shows broken code to be mended, and asks for the cause. :class:`Open` scores an answer
of the learner's own invention against a bar.
"""

import ast
import contextlib
import copy
import dis
import inspect
import io
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from cnnlab.checks import _causes, _guard, _progress, _show, _yours
from cnnlab.checks._verdict import (
    BAR_REACHED,
    BELOW_BAR,
    CHANGED_INPUT,
    CORRECT,
    NOT_ATTEMPTED,
    RAISED,
    TOO_COSTLY,
    WRONG_CAUSE,
    WRONG_SHAPE,
    WRONG_TYPE,
    WRONG_VALUES,
    Hints,
    Verdict,
)

SAMPLES = 50  # drawn inputs a check
LARGEST = 8  # the size of the last of them
SHRINKS = 150  # smaller inputs tried to find one that explains better
# The relative error that a right answer in these types may have, sums included.
HELD = {np.dtype(np.float32): 1e-5, np.dtype(np.float16): 2e-2}
UNEXPLAINED = (
    "No mistake that is known here explains every case that fails: compare wanted "
    "and got."
)


@dataclass(frozen=True)
class Mistake:
    """A plausible wrong answer and the sentence that names its cause."""

    name: str
    function: Callable
    cause: str


@dataclass(frozen=True, eq=False)
class Case:
    """Arguments for one call; ``note`` says what is special about them."""

    args: tuple
    note: str = ""
    kwargs: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Cause:
    """One answer to "what is wrong?"; ``reply`` says why it is not, or why it is."""

    letter: str
    text: str
    reply: str = ""
    right: bool = False


@dataclass(frozen=True)
class Score:
    """What an open answer reached.

    Attributes
    ----------
    value : compared with the bar
    detail : sentences about it
    pictures : (uint8 image, caption) of what went wrong, for a person to look at
    """

    value: float
    detail: str = ""
    pictures: Sequence[tuple[np.ndarray, str]] = ()


@dataclass(frozen=True)
class _Outcome:
    """One case tried: what came back, and what is wrong with it, if anything."""

    case: Case
    result: object  # the returned value, or the exception
    fault: tuple[str, str] | None = None  # (status, detail)
    wanted: tuple = ()
    changed: bool = False


class _NotAttempted(Exception):
    """The function is still a stub."""


class _Task:
    """What the three kinds share: bounds, hints, progress, the learner's version."""

    def hints(self) -> Hints:
        """Return the hints and the reference, folded."""
        shown = (self.reference, *self.also)
        source = "\n\n".join(inspect.getsource(one) for one in shown)
        return Hints(self.name, tuple(self.hints_), self.where, source)

    @property
    def where(self) -> str:
        """The public place of the reference, such as ``cnnlab.data.split_indices``."""
        parts = self.reference.__module__.split(".")
        public = [part for part in parts if not part.startswith("_")]
        return ".".join([*public, self.reference.__name__])

    @property
    def key(self) -> str:
        """The name under which progress remembers it, such as ``02.vote``."""
        return f"{self.notebook}.{self.name}"

    def _say(self, status: str, *lines: str, picture: bytes = b"") -> Verdict:
        text = "\n".join(line for line in lines if line)
        return Verdict(self.name, status, text, picture)

    def _within_bounds(self, work: Callable) -> Verdict:
        """Return the verdict that ``work(report)`` reaches; never raises."""
        try:
            return _guard.isolated(work, self.seconds, self.memory, self.isolate)
        except _guard.TimeUp:
            return self._say(TOO_COSTLY, self._stopped())
        except _guard.Crashed as error:
            return self._say(RAISED, f"Nothing came back: {error}.")
        except _guard.Failed as error:
            return self._say(RAISED, f"The check itself failed: {error}")
        except Exception as error:  # a fault of the check must not stop a learner
            fault = f"The check itself failed: {_show.one_line(error)}"
            return self._say(RAISED, fault)

    def _stopped(self) -> str:
        return (
            f"Your code was stopped after {self.seconds:g} seconds. Is there an "
            "endless loop, or far too much to do?"
        )

    def _cost(self, error: BaseException) -> str | None:
        """Return what to say of an answer that was stopped, or None."""
        if isinstance(error, _guard.TimeUp):
            return self._stopped()
        if isinstance(error, MemoryError):
            return (
                f"Your code asks for more than the {self.memory} MiB of memory that "
                "this check grants: it builds an array far larger than its result."
            )
        return None

    def _raised(self, error: BaseException, answer, *more: str) -> Verdict:
        cost = self._cost(error)
        if cost is None:
            return self._say(RAISED, _show.error_text(error, answer), *more)
        where = _show.error_text(error, answer).partition("\n")[2]
        return self._say(TOO_COSTLY, cost, where, *more)

    def _finish(self, verdict: Verdict, answer) -> Verdict:
        """Remember a success, and say whose function later cells run."""
        if self.practice:
            return verdict
        if verdict.passed:
            _progress.remember(self.key)
        line = _yours.after(self, verdict, answer)
        text = f"{verdict.text}\n{line}" if verdict.text and line else verdict.text
        return replace(verdict, text=text or line)

    def _not_callable(self, answer) -> Verdict:
        text = (
            f"This check needs your function, but got {type(answer).__name__}. "
            f"Pass it without calling it: checks.{self.name}({self.name})."
        )
        return self._say(NOT_ATTEMPTED, text)

    def _invitation(self) -> str:
        return (
            "Replace the line `raise NotImplementedError` by your own code, run the "
            "cell, and run this one again."
        )


@dataclass(frozen=True)
class Exercise(_Task):
    """Write a function: call the exercise with yours, get a :class:`Verdict`.

    Parameters
    ----------
    name : the function's name, as the notebook's stub has it
    notebook : two digits, such as ``"02"``
    reference : the reference solution
    cases : list of :class:`Case`, smallest first
    mistakes : plausible wrong answers, each with its cause
    hints : sentences, from a nudge to nearly the answer
    outputs : names of the returned values, where there are several
    rtol, atol : a value is right if it is this close to the wanted one; an answer in
        float32 or float16 is measured by what that type can hold
    returns : the type that the task asks for, such as ``"uint8"``, or a tuple of those
        that it allows; any by default
    samples : ``samples(rng, size)`` draws a case of all that the task names; ``size``
        grows from 1 to 8
    drawn : how many of those a check draws; fewer where one call is dear
    seconds, memory : bounds for the whole check, in seconds and MiB
    loop_free : two cases, a small and a large one, for which the learner's own code
        must take equally many steps
    large : a case for which it may take at most ``large_memory`` MiB at a time
    judge : where many answers are right: takes the learner's function and returns
        ``None`` if it is good, else a text (``"wrong shape|text"`` names a status);
        it replaces the comparison
    practice : a success is not remembered
    also : the functions the reference leans on, shown below it
    isolate : may run in a child process; False for answers that compute on a GPU
    """

    name: str
    notebook: str
    reference: Callable
    cases: Sequence[Case]
    mistakes: Sequence[Mistake]
    hints_: Sequence[str]
    outputs: Sequence[str] = ("result",)
    rtol: float = 1e-6
    atol: float = 1e-8
    returns: str | tuple[str, ...] = ()
    samples: Callable[[np.random.Generator, int], Case] | None = None
    drawn: int = SAMPLES
    seconds: float = 10.0
    memory: int = 512
    loop_free: tuple[Case, Case] | None = None
    large: Case | None = None
    large_memory: int = 64
    judge: Callable | None = None
    practice: bool = False
    also: Sequence[Callable] = ()
    isolate: bool = True

    kind = "write"

    def __call__(self, answer) -> Verdict:
        """Judge ``answer``; never raises, and remembers a success."""
        return self._finish(self._verdict(answer), answer)

    def _verdict(self, answer) -> Verdict:
        if not callable(answer):
            return self._not_callable(answer)
        if _is_stub(answer):
            return self._say(NOT_ATTEMPTED, self._invitation())
        return self._within_bounds(lambda report: self._tried(answer, report))

    def _tried(self, answer, report: Callable) -> Verdict:
        try:
            if self.judge is not None:
                return self._judged(answer)
            return self._compared(answer, report)
        except (_NotAttempted, NotImplementedError):
            return self._say(NOT_ATTEMPTED, self._invitation())

    def _judged(self, answer) -> Verdict:
        try:
            text = _guard.call(self.judge, (answer,))
        except (KeyboardInterrupt, NotImplementedError):
            raise
        except BaseException as error:
            return self._raised(error, answer)
        if text is None:
            return self._say(CORRECT, f"Compare with the reference, {self.where}.")
        status, _, rest = text.partition("|")
        if status in (WRONG_TYPE, WRONG_SHAPE, WRONG_VALUES, CHANGED_INPUT):
            return self._say(status, rest)
        return self._say(WRONG_VALUES, text)

    def _compared(self, answer, report: Callable) -> Verdict:
        drawn, changed = self._drawn(), None
        for case in (*self.cases, *drawn):
            outcome = self._try(answer, case, quiet=case in drawn)
            if outcome.fault is not None:
                if case in drawn:
                    outcome = self._smallest(answer, outcome)
                return self._explained(answer, outcome, drawn, report)
            if outcome.changed and changed is None:
                changed = case
        if changed is not None:
            text = (
                "The result is right, but the function altered the array it was "
                "given. Work on a copy, or build a new array."
            )
            return self._say(CHANGED_INPUT, text, self._shown(changed))
        costs = self._loops(answer) or self._memory(answer)
        if costs:
            return self._say(TOO_COSTLY, costs)
        count = len(self.cases) + len(drawn)
        praise = f"Right on every case ({count} tried). Compare with the reference, "
        return self._say(CORRECT, f"{praise}{self.where}.")

    # ------------------------------------------------------------ one case

    def _try(self, answer, case: Case, quiet=False, told=True) -> _Outcome:
        """Return what an answer does with a case; ``told`` says its fault in words."""
        given = copy.deepcopy((case.args, case.kwargs))
        try:
            got = _guard.call(answer, *given, quiet=quiet)
        except NotImplementedError as error:
            unwritten = _unwritten(error, answer)
            if not unwritten:
                raise _NotAttempted from None
            said = NotImplementedError(
                f"`{unwritten}`, which it calls, is not written yet; "
                f"`yours.{unwritten}` works all the same, if it is an exercise."
            ).with_traceback(error.__traceback__)
            return _Outcome(case, said, (RAISED, ""))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return _Outcome(case, error, (RAISED, ""))
        if got is Ellipsis:
            raise _NotAttempted
        wanted = self._wanted(case)
        fault = self._compare(wanted, got, told)
        changed = not _same(given, (case.args, case.kwargs))
        return _Outcome(case, got, fault, wanted, changed)

    def _wanted(self, case: Case) -> tuple:
        args, kwargs = copy.deepcopy((case.args, case.kwargs))
        with np.errstate(all="ignore"):
            return self._as_tuple(self.reference(*args, **kwargs))

    def _as_tuple(self, value) -> tuple:
        if len(self.outputs) == 1:
            return (value,)
        several = isinstance(value, (tuple, list)) or np.ndim(_show.array(value)) == 1
        return tuple(value) if several else (value,)

    def _compare(self, wanted: tuple, got, told=True) -> tuple[str, str] | None:
        """Return (status, detail) of the first output that is wrong, or None."""
        if got is None:
            return WRONG_TYPE, "Your function returned None."
        got = self._as_tuple(got)
        if len(got) != len(wanted):
            names = ", ".join(self.outputs)
            one = f"one: {_show.kind(got[0])}" if len(got) == 1 else ""
            came = one or f"{len(got)} results"
            wish = f"Wanted {len(wanted)} results ({names})."
            return WRONG_TYPE, f"{wish} Got {came}."
        for name, one, other in zip(self.outputs, wanted, got, strict=True):
            with np.errstate(all="ignore"):
                fault = self._compare_one(name, one, other, told)
            if fault is not None:
                return fault
        return None

    def _compare_one(self, name, wanted, got, told) -> tuple[str, str] | None:
        label = "" if len(self.outputs) == 1 else f"{name}: "
        wanted = np.asarray(wanted)
        given, got = got, _show.array(got)
        if got is None or got.dtype.kind not in "biufc":
            return WRONG_TYPE, f"{label}wanted numbers, got {_show.kind(given)}."
        if isinstance(given, list) and not given and not wanted.size:
            return None  # a list of no rows does not tell how long they would be
        if got.shape != wanted.shape:
            return WRONG_SHAPE, f"{label}wanted shape {wanted.shape}, got {got.shape}."
        rtol, atol = self._tolerance(wanted, got)
        with contextlib.suppress(TypeError):
            got_wide = got if got.dtype.kind == "c" else got.astype(np.float64)
        close = np.isclose(got_wide, wanted.astype(np.float64), rtol=rtol, atol=atol)
        if not close.all():
            said = _show.difference(wanted, got, close) if told else ""
            return WRONG_VALUES, label + said
        if self._types and got.dtype.name not in self._types:
            wish = " or ".join(self._types)
            return WRONG_TYPE, f"{label}wanted {wish}, got {got.dtype}."
        return None

    @property
    def _types(self) -> tuple[str, ...]:
        return (self.returns,) if isinstance(self.returns, str) else self.returns

    def _tolerance(self, wanted: np.ndarray, got: np.ndarray) -> tuple[float, float]:
        """Return (rtol, atol), widened to what the answer's own type can hold."""
        eps = HELD.get(got.dtype, 0) if wanted.size else 0
        finite = np.abs(wanted[np.isfinite(wanted)]).max(initial=0)
        return max(self.rtol, eps), max(self.atol, eps * float(finite))

    # ------------------------------------------------------- drawn samples

    def _drawn(self) -> list[Case]:
        if self.samples is None:
            return []
        sizes = 1 + np.arange(self.drawn) * LARGEST // self.drawn
        return [
            self.samples(np.random.default_rng([7, index]), int(size))
            for index, size in enumerate(sizes)
        ]

    def _smallest(self, answer, worst: _Outcome) -> _Outcome:
        """Return the failing case with the fewest numbers that a search finds."""
        best = worst
        shrinks = SHRINKS * self.drawn // SAMPLES
        for index in range(shrinks):
            size = 1 + index * 3 // shrinks
            case = self.samples(np.random.default_rng([8, index]), size)
            if _weight(case) >= _weight(best.case) or _guard.is_over():
                continue
            outcome = self._try(answer, case, quiet=True)
            if outcome.fault is not None and not self._cost_of(outcome):
                best = outcome
        return best

    def _cost_of(self, outcome: _Outcome) -> str | None:
        error = outcome.result
        return self._cost(error) if isinstance(error, BaseException) else None

    def _loops(self, answer) -> str | None:
        if self.loop_free is None:
            return None
        few, many = (
            _guard.steps(answer, *copy.deepcopy((case.args, case.kwargs)))
            for case in self.loop_free
        )
        if many <= few:
            return None
        return (
            f"The result is right, but there is a loop: {few:,} steps of Python for "
            f"{self._sizes(self.loop_free[0])}, and {many:,} for "
            f"{self._sizes(self.loop_free[1])}. Leave the loop to NumPy."
        )

    def _memory(self, answer) -> str | None:
        if self.large is None:
            return None
        given = copy.deepcopy((self.large.args, self.large.kwargs))
        peak = _guard.peak_memory(answer, *given) / 2**20
        if peak <= self.large_memory:
            return None
        return (
            f"The result is right, but for {self._sizes(self.large)} your code takes "
            f"{peak:,.0f} MiB at a time; {self.large_memory} MiB are enough. It builds "
            "an array far larger than its result."
        )

    @staticmethod
    def _sizes(case: Case) -> str:
        return " and ".join(str(one.shape) for one in case.args if np.ndim(one))

    # ---------------------------------------------------------- explaining

    def _explained(self, answer, outcome, drawn, report: Callable) -> Verdict:
        """Return the verdict on a failing case, with one cause where it is certain."""
        case, error = outcome.case, outcome.result
        if isinstance(error, BaseException):
            verdict = self._raised(error, answer, self._shown(case))
            if self._cost(error):
                return verdict
        else:
            status, detail = outcome.fault
            verdict = self._say(status, detail, self._shown(case))
        report(self._finish_early(verdict))
        cause = self._cause(answer, outcome, drawn)
        said = f"Likely cause: {cause}" if cause else UNEXPLAINED
        if verdict.status == RAISED and not cause:
            return verdict  # the error itself says what is wrong
        return replace(verdict, text=f"{verdict.text}\n{said}")

    def _finish_early(self, verdict: Verdict) -> Verdict:
        """Return what is said where the search for a cause takes too long."""
        text = f"{verdict.text}\nOn other cases your code does not come to an end."
        return replace(verdict, text=text)

    def _cause(self, answer, outcome: _Outcome, drawn) -> str | None:
        cases = [outcome.case]
        cases += [case for case in (*self.cases, *drawn) if case is not outcome.case]
        tried = [outcome]
        for case in cases[1:]:
            try:
                tried.append(self._try(answer, case, quiet=True, told=False))
            except _NotAttempted:
                tried.append(_Outcome(case, NotImplementedError(), (RAISED, "")))
        failing = [one for one in tried if one.fault is not None]
        known = self._known_mistake(failing, tried)
        if known is not None:
            return known
        if any(isinstance(one.result, BaseException) for one in failing):
            return None
        if all(one.result is None for one in failing):
            return "the function ends without `return`."
        return self._wrapped(answer, failing) or self._general(failing)

    def _known_mistake(self, failing, tried) -> str | None:
        """Return the cause of the one known mistake that explains every failure.

        It must give the learner's results on all failing cases. Where several do, the
        one that gives them on every other case, too, is meant.
        """
        alike = [one for one in self.mistakes if self._agrees(one, failing)]
        if len({one.cause for one in alike}) > 1:
            alike = [one for one in alike if self._agrees(one, tried)]
        causes = {one.cause for one in alike}
        return causes.pop() if len(causes) == 1 else None

    def _agrees(self, mistake: Mistake, tried) -> bool:
        return all(
            self._alike(one.result, self._result(mistake.function, one.case))
            for one in tried
        )

    def _result(self, function, case: Case):
        """Return what ``function`` gives for ``case``, or the exception it raises."""
        try:
            args, kwargs = copy.deepcopy((case.args, case.kwargs))
            value = _guard.call(function, args, kwargs, quiet=True)
            _show.array(value)  # closes a coroutine
            return value
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return error

    def _alike(self, a, b) -> bool:
        if isinstance(a, BaseException) or isinstance(b, BaseException):
            return type(a) is type(b) and str(a) == str(b)
        if a is None or b is None:
            return a is b
        a, b = self._as_tuple(a), self._as_tuple(b)
        if len(a) != len(b):
            return False
        try:
            with np.errstate(all="ignore"):
                return all(self._alike_one(x, y) for x, y in zip(a, b, strict=True))
        except (TypeError, ValueError):
            return False

    def _alike_one(self, x, y) -> bool:
        x, y = _show.array(x), _show.array(y)
        if x is None or y is None or x.shape != y.shape:
            return False
        if self._types and x.dtype != y.dtype:
            allowed = x.dtype.name in self._types and y.dtype.name in self._types
            if not allowed:
                return False
        if x.dtype.kind not in "biufc" or y.dtype.kind not in "biufc":
            return bool(np.array_equal(x, y))
        rtol, atol = self._tolerance(y, x)
        return np.allclose(x, y, rtol=rtol, atol=atol, equal_nan=True)

    def _wrapped(self, answer, failing) -> str | None:
        """Return a cause where the same numbers as floats come out right."""
        for one in failing:
            wide = tuple(map(_widened, one.case.args))
            if all(new is old for new, old in zip(wide, one.case.args, strict=True)):
                return None
            got = self._result(answer, Case(wide, kwargs=one.case.kwargs))
            if isinstance(got, BaseException) or got is None:
                return None
            if self._compare(one.wanted, got, told=False) is not None:
                return None
        return "uint8 wraps round: 3 - 5 is 254. Convert to float first."

    def _general(self, failing) -> str | None:
        """Return the cause that the numbers alone show, the same in every failure."""
        causes = set()
        for one in failing:
            with np.errstate(all="ignore"):
                cause = _causes.general_cause(one.wanted, self._as_tuple(one.result))
            causes.add(cause)
        return causes.pop() if len(causes) == 1 else None

    def _shown(self, case: Case) -> str:
        names = list(inspect.signature(self.reference).parameters)
        lines = [f"Smallest failing case{f' ({case.note})' if case.note else ''}:"]
        pairs = [*zip(names, case.args, strict=False), *case.kwargs.items()]
        lines += [
            f"  {name} = {_show.short(value, len(name) + 5)}" for name, value in pairs
        ]
        return "\n".join(lines)


@dataclass(frozen=True)
class FindBug(Exercise):
    """Mend broken code and name the cause: ``checks.<name>(function, letter)``.

    Parameters
    ----------
    broken : what the notebook's stub shows; it runs, and is wrong
    causes : :class:`Cause` from ``a`` on, exactly one of them right
    mistakes : wrong mendings
    """

    broken: Callable | None = None
    causes: Sequence[Cause] = ()

    kind = "bug"

    def __call__(self, answer, cause: str | None = None) -> Verdict:
        """Judge the mended function and the named cause; never raises."""
        return self._finish(self._whole(answer, cause), answer)

    def _whole(self, answer, cause) -> Verdict:
        if not callable(answer):
            return self._not_callable(answer)
        named = cause if cause not in (None, "", "?", Ellipsis) else None
        untouched = _same_code(answer, self.broken)
        if untouched and named is None:
            return self._say(NOT_ATTEMPTED, self._invitation())
        letters = {one.letter: one for one in self.causes}
        chosen = letters.get(str(named).strip().strip("()").lower())
        if named is not None and chosen is None:
            wish = f"The cause is one of {', '.join(letters)}; got {named!r}."
            return self._say(WRONG_CAUSE, wish)
        verdict = self._verdict(answer)
        if verdict.status == NOT_ATTEMPTED:
            return verdict
        if not verdict.passed:
            return replace(verdict, text=self._with_cause(verdict.text, chosen))
        if chosen is None:
            mended = "Mended. Now name what was wrong: set"
            return self._say(
                WRONG_CAUSE, f"{mended} {self.name}_cause to a letter of the list."
            )
        if not chosen.right:
            return self._say(
                WRONG_CAUSE,
                f"The function is mended, but it was not ({chosen.letter}). "
                f"{chosen.reply}",
            )
        return self._say(CORRECT, f"Mended, and found: {chosen.text}", verdict.text)

    def _with_cause(self, text: str, chosen: Cause | None) -> str:
        if chosen is None:
            return text
        if chosen.right:
            return f"The cause that you name is right. What is still wrong:\n{text}"
        return f"{text}\nIt is not ({chosen.letter}), either. {chosen.reply}"

    def _invitation(self) -> str:
        letters = ", ".join(one.letter for one in self.causes[:-1])
        return (
            f"Mend the function, set {self.name}_cause to {letters} or "
            f"{self.causes[-1].letter}, run the cell, and run this one again."
        )


@dataclass(frozen=True)
class Open(_Task):
    """Invent something: ``checks.<name>(answer)`` scores it against a bar.

    Parameters
    ----------
    reference : an answer that reaches the bar
    score : ``score(answer) -> Score``; may raise, which is reported as the answer's
    bar : the value to reach
    measured_on : on what the score is measured, in words
    lower_is_better : a score of at most the bar is wanted
    show : puts a score into words
    wants : what an answer is, in words
    untouched : says whether an answer is still the one the notebook starts with
    mistakes : answers below the bar, with a sentence of their score's detail
    """

    name: str
    notebook: str
    reference: object
    score: Callable[[object], Score]
    bar: float
    measured_on: str
    hints_: Sequence[str]
    lower_is_better: bool = False
    show: Callable[[float], str] = "{:.1%}".format
    wants: str = "an answer"
    untouched: Callable[[object], bool] | None = None
    mistakes: Sequence[Mistake] = ()
    also: Sequence[Callable] = ()
    seconds: float = 30.0
    memory: int = 1024
    isolate: bool = True

    kind = "open"
    practice = False
    cases = ()

    def __call__(self, answer) -> Verdict:
        """Score ``answer``; never raises, and remembers a success."""
        return self._finish(self._verdict(answer), answer)

    def _verdict(self, answer) -> Verdict:
        if answer is None or answer is Ellipsis or _is_stub(answer):
            return self._say(NOT_ATTEMPTED, self._none(answer), self._invitation())
        return self._within_bounds(lambda report: self._scored(answer))

    def _none(self, answer) -> str:
        """Return what to say of None, where an answer or its result should be."""
        if answer is None:
            return f"Expected {self.wants}, but got None."
        if answer is Ellipsis or answer.__code__.co_names:  # NotImplementedError
            return ""
        return f"Expected {self.wants}, but yours returns None."

    def _scored(self, answer) -> Verdict:
        try:
            if self.untouched is not None and self.untouched(answer):
                return self._say(NOT_ATTEMPTED, self._invitation())
            score = _guard.call(self.score, (answer,))
        except NotImplementedError:
            return self._say(NOT_ATTEMPTED, self._invitation())
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return self._raised(error, answer)
        reached = score.value <= self.bar
        if not self.lower_is_better:
            reached = score.value >= self.bar
        text = (
            f"Your score: {self.show(score.value)}; the bar: {self.show(self.bar)}"
            f"{' or fewer' if self.lower_is_better else ''}. "
            f"Measured on {self.measured_on}."
        )
        status = BAR_REACHED if reached else BELOW_BAR
        names = ", ".join(caption for _, caption in score.pictures)
        shown = f"Shown: {names}." if names else ""
        picture = _sheet(score.pictures) if score.pictures else b""
        return self._say(status, text, score.detail, shown, picture=picture)

    def _invitation(self) -> str:
        return (
            f"Nothing to score yet. The bar: {self.show(self.bar)}"
            f"{' or fewer' if self.lower_is_better else ''}, measured on "
            f"{self.measured_on}."
        )


def _is_stub(function) -> bool:
    """Say whether the body is only ``pass``, ``...``, a docstring, or unwritten."""
    code = getattr(function, "__code__", None)
    if code is None:
        return False
    idle = {"RESUME", "NOP", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST"}
    unwritten = {"LOAD_GLOBAL", "RAISE_VARARGS", "PUSH_NULL", "CALL", "PRECALL"}
    if code.co_names == ("NotImplementedError",):
        return all(one.opname in idle | unwritten for one in dis.get_instructions(code))
    for step in dis.get_instructions(code):
        if step.opname not in idle:
            return False
        constant = step.opname in ("LOAD_CONST", "RETURN_CONST")
        if constant and step.argval not in (None, Ellipsis):
            return False
    return True


def _unwritten(error: NotImplementedError, answer) -> str:
    """Return the name of another function than ``answer`` that is still a stub."""
    trace, code = error.__traceback__, getattr(answer, "__code__", None)
    while trace.tb_next is not None:
        trace = trace.tb_next
    raised = trace.tb_frame.f_code
    return "" if code is None or raised is code else raised.co_name


def _same_code(one, other) -> bool:
    """Say whether two functions read the same, whatever their names and layout."""
    try:
        return _reading(one) == _reading(other)
    except (OSError, TypeError, SyntaxError, IndexError, AttributeError):
        return False  # no source to be had, or none that stands on its own


def _reading(function) -> str:
    [statement] = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    body = statement.body[ast.get_docstring(statement) is not None :]
    return ast.dump(statement.args) + "".join(map(ast.dump, body))


def _weight(case: Case) -> float:
    """Return how much there is to read in a case: its numbers, and their digits."""
    values = (*case.args, *case.kwargs.values())
    total = sum(map(_count, values))
    digits = sum(len(_show.short(value, 0)) for value in values)
    return total + digits / 10_000


def _count(value) -> int:
    """Return how many numbers a value holds; rows may differ in length."""
    if isinstance(value, (tuple, list)):
        return sum(map(_count, value))
    return np.size(value)


def _widened(value):
    """Return a uint8 array as floats, anything else as it is."""
    if isinstance(value, np.ndarray) and value.dtype == np.uint8:
        return value.astype(np.float64)
    return value


def _same(a, b) -> bool:
    """Say whether nested arguments are equal, bit for bit."""
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, np.ndarray):
        return (
            a.shape == b.shape
            and a.dtype == b.dtype
            and bool(np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"))
        )
    if callable(a):
        return True
    return bool(a == b)


def _sheet(pictures, columns: int = 6, size: int = 96) -> bytes:
    """Return small uint8 images side by side as PNG bytes, in the order of captions."""
    from PIL import Image

    tiles = []
    for image, _ in pictures:
        image = np.asarray(image, np.uint8)
        if image.ndim == 3 and image.shape[0] in (1, 3):
            image = image.transpose(1, 2, 0)
        tile = Image.fromarray(image.squeeze()).convert("RGB")
        tiles.append(tile.resize((size, size), Image.Resampling.NEAREST))
    rows = -(-len(tiles) // columns)
    wide = min(columns, len(tiles)) * (size + 4) - 4
    sheet = Image.new("RGB", (wide, rows * (size + 4) - 4), "white")
    for index, tile in enumerate(tiles):
        place = (index % columns * (size + 4), index // columns * (size + 4))
        sheet.paste(tile, place)
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()
