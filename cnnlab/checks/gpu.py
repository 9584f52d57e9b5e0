"""The exercises of notebook 13: a training's rate, step, parts, errors and order.

Answers train a linear network of PyTorch, in double precision: what a step did to its
weights is compared, so every way to write the step is right that does the same.
"""

import functools
import math
import time
from dataclasses import dataclass

import numpy as np

from cnnlab import recipe
from cnnlab.checks import _show
from cnnlab.checks._base import (
    Case,
    Cause,
    Exercise,
    FindBug,
    Mistake,
    Open,
    Score,
)
from cnnlab.checks._verdict import WRONG_TYPE

# ------------------------------------------------------------------ the learning rate


def _rate(cuts=3, forgets=True, strict=True, resets=True, more=0, own=False,
          factor=0.1, at_cut=False, skip=0, given=True, wait=True):  # fmt: skip
    """Return an answer with these rules."""

    def answer(errors, rate=0.01, patience=3):
        best, wasted, done = np.inf, 0, 0
        rate, patience = rate if given else 0.01, patience if wait else 3
        for error in errors[: len(errors) - skip]:
            better = error < best if strict else error <= best
            if better:
                best, wasted = error, wasted if not resets else 0
            else:
                wasted += 1
                best = error if own else best
            if wasted == patience + more and done < cuts:
                kept = error if at_cut else best
                best = np.inf if forgets and not at_cut else kept
                wasted, done = 0, done + 1
        return rate * factor**done

    return answer


def _last_only(errors, rate=0.01, patience=3):
    """Look at the last epochs alone, and forget earlier cuts."""
    stalled = len(errors) > patience
    stalled = stalled and min(errors[-patience:]) >= min(errors[:-patience])
    return rate / 10 if stalled else rate


def _drawn_errors(rng, size):
    count = int(rng.integers(0, 3 * size + 2))
    errors = (rng.integers(30, 36 + 3 * size, count) / 100).tolist()
    rate = float(rng.choice([0.01, 0.02, 0.1]))
    return Case((errors, rate, int(rng.integers(1, 5))))


_FALLS = [0.9, 0.8, 0.7, 0.6]

learning_rate_at = Exercise(
    name="learning_rate_at",
    notebook="13",
    reference=recipe.learning_rate_at,
    cases=(
        Case(([], 0.01, 3), "before the first epoch"),
        Case((_FALLS, 0.01, 3), "every epoch is better"),
        Case(([0.9, 0.8, 0.8, 0.85, 0.81], 0.01, 3), "three epochs without a new best"),
        Case(
            ([0.9, 0.8, 0.8, 0.81, 0.7, 0.71, 0.72], 0.01, 3),
            "twice two wasted epochs, a better one between",
        ),
        Case(([0.5, 0.6, 0.6, 0.55, 0.54], 0.02, 2), "after a cut a new best begins"),
        Case(([0.5] * 20, 0.01, 2), "three cuts, no more"),
    ),
    samples=_drawn_errors,
    mistakes=(
        Mistake(
            "best not forgotten",
            _rate(forgets=False),
            'after a cut the best error begins anew: "with the current rate".',
        ),
        Mistake(
            "equal is better",
            _rate(strict=False),
            "an error equal to the best does not beat it.",
        ),
        Mistake(
            "wasted epochs not in a row",
            _rate(resets=False),
            "a better epoch begins the count of wasted ones anew.",
        ),
        Mistake(
            "any number of cuts",
            _rate(cuts=99),
            "the rate is divided three times at most.",
        ),
        Mistake("four cuts", _rate(cuts=4), "there are four cuts here, not three."),
        Mistake(
            "two cuts", _rate(cuts=2), "there are two cuts at most here, not three."
        ),
        Mistake(
            "multiplied",
            _rate(factor=10),
            "the rate rises: it is to be divided by ten.",
        ),
        Mistake(
            "best at the cut",
            _rate(at_cut=True),
            "after a cut the best is the error of the epoch before it; it begins anew, "
            "with no best at all: `np.inf`.",
        ),
        Mistake(
            "last epoch left out",
            _rate(skip=1),
            "the last error is not looked at.",
        ),
        Mistake(
            "another rate", _rate(given=False), "the argument `rate` is not used: 0.01."
        ),
        Mistake(
            "another patience",
            _rate(wait=False),
            "the argument `patience` is not used: 3.",
        ),
        Mistake(
            "one epoch more",
            _rate(more=1),
            "one epoch too late: after `patience` wasted epochs the rate falls.",
        ),
        Mistake(
            "compared with the epoch before",
            _rate(own=True),
            "each epoch is compared with the one before it; compare with the best.",
        ),
        Mistake(
            "only the last epochs",
            _last_only,
            "only the last epochs are looked at; earlier cuts stay.",
        ),
    ),
    hints_=(
        "Walk through the errors and keep three numbers: the best so far, how many "
        "epochs in a row did not beat it, and how many cuts there were.",
        "A better epoch: `best, wasted = error, 0`. Any other: `wasted += 1`.",
        "`if wasted == patience and cuts < 3:` then "
        "`best, wasted, cuts = np.inf, 0, cuts + 1`; at the end "
        "`return rate * 0.1**cuts`.",
    ),
)


# ------------------------------------------------------------------------ the step


@functools.cache
def _warmed() -> None:
    """Load PyTorch whole before a check is timed: its first step loads much."""
    import torch

    net = torch.nn.Linear(1, 1)
    update = torch.optim.SGD(net.parameters(), 0.1)
    recipe.train_step(net, torch.nn.functional.mse_loss, update, *torch.zeros(2, 1, 1))


@dataclass(frozen=True, eq=False)
class OneStep(Exercise):
    """An exercise whose answer trains a network; a case says which, and how often.

    A case holds (weights, [(x, labels), ...], rate, momentum) and further arguments of
    the answer: weights are K rows of D numbers, x is (N, D). What comes back are the
    losses, one a batch, and the weights afterwards.
    """

    outputs: tuple = ("loss", "weights afterwards")
    isolate: bool = False  # a child of a process that trains on a GPU cannot train

    def _within_bounds(self, work):
        _warmed()
        return super()._within_bounds(work)

    def _trained(self, answer, weights, batches, rate, momentum, *more):
        import torch

        weights = torch.tensor(weights, dtype=torch.float64)
        net = torch.nn.Linear(*weights.T.shape, bias=False).double()
        with torch.no_grad():
            net.weight.copy_(weights)
        update = torch.optim.SGD(net.parameters(), rate, momentum)
        loss_of, losses = torch.nn.functional.cross_entropy, []
        seen, passes = [], []
        room = [math.inf]

        def enters(net, args):
            seen.append(len(args[0]))
            if seen[-1] > room[0]:
                raise RuntimeError(
                    f"out of memory: the network got {seen[-1]} images at once; here "
                    f"there is room for {room[0]}, one part."
                )

        net.register_forward_pre_hook(enters)
        net.weight.register_post_accumulate_grad_hook(passes.append)
        for x, labels in batches:
            if more:
                room[0] = len(x) // more[0]
            seen.clear()
            passes.clear()
            given = torch.from_numpy(x), torch.from_numpy(labels)
            try:
                loss = answer(net, loss_of, update, *given, *more)
            except NotImplementedError as error:
                if not error.args:  # a stub; a library says what it lacks
                    raise
                raise RuntimeError(*error.args).with_traceback(
                    error.__traceback__
                ) from None
            if not net.training:
                raise ValueError(
                    f"{self.name} calls net.eval(), and the network stays like that: "
                    "dropout would be off in every step to come. Leave the mode alone."
                )
            if more and len(seen) >= more[0] > len(passes) == 1:
                raise RuntimeError(
                    "out of memory: all parts are kept until one backward pass. Call "
                    "backward for each part, before the next."
                )
            if torch.is_tensor(loss) and loss.numel() == 1:
                if loss.grad_fn is not None:
                    raise TypeError(
                        f"{self.name} returns a tensor that keeps its whole step in "
                        "memory. Return a number: loss.item()."
                    )
                loss = loss.item()
            if not isinstance(loss, (int, float, np.number)):
                return loss
            losses.append(loss)
        return losses, net.weight.detach().numpy().copy()

    def _compare(self, wanted, got, told=True):
        if got is None or (isinstance(got, tuple) and len(got) == 2):
            return super()._compare(wanted, got, told)
        return WRONG_TYPE, f"Wanted a number, the loss. Got {_show.kind(got)}."

    def _try(self, answer, case, quiet=False, told=True):
        run = functools.partial(self._trained, answer)
        run.__code__ = getattr(answer, "__code__", None)  # whose stub it may be
        return super()._try(run, case, quiet, told)

    def _wanted(self, case):
        return self._trained(self.reference, *case.args)

    def _result(self, function, case):
        return super()._result(functools.partial(self._trained, function), case)

    def _shown(self, case):
        weights, batches, rate, momentum, *more = case.args
        k, d = len(weights), len(weights[0])
        sizes = ", ".join(str(len(x)) for x, _ in batches)
        many = "batches" if len(batches) > 1 else "a batch"
        lines = [
            f"Smallest failing case{f' ({case.note})' if case.note else ''}:",
            f"  net: {d} inputs, {k} classes, no bias; update: SGD({rate}, {momentum})",
            f"  {self.name} is called for {many} of {sizes} images",
        ]
        return "\n".join(lines + [f"  parts = {parts}" for parts in more])


def _step_case(seed, sizes, d=3, k=2, rate=0.5, momentum=0.0, note="", parts=()):
    rng = np.random.default_rng([13, seed])
    batches = [
        (rng.normal(0, 1, (n, d)).round(1), rng.integers(0, k, n)) for n in sizes
    ]
    weights = rng.normal(0, 1, (k, d)).round(1).tolist()
    return Case((weights, batches, rate, momentum, *parts), note)


def _drawn_step(rng, size, parts=False):
    cut = int(rng.integers(2, 5)) if parts else 1
    sizes = [cut * int(n) for n in rng.integers(1, size + 2, rng.integers(1, 4))]
    return _step_case(
        int(rng.integers(1 << 30)), sizes, int(rng.integers(2, 5)),
        int(rng.integers(2, 5)), float(rng.choice([0.1, 0.5])),
        float(rng.choice([0.0, 0.9])), parts=(cut,) if parts else (),
    )  # fmt: skip


def _exchanged(net, loss_of, update, x, labels):
    update.zero_grad()
    loss = loss_of(labels, net(x))
    loss.backward()
    update.step()
    return loss.item()


def _stepped(zero=True, step=1, scale=1.0, after=False, softmax=False, said=1.0):
    """Return an answer with these faults."""

    def answer(net, loss_of, update, x, labels):
        if zero:
            update.zero_grad()
        scores = net(x)
        loss = loss_of(scores.softmax(1) if softmax else scores, labels)
        (loss * (len(x) if scale == "sum" else 1.0)).backward()
        for _ in range(step):
            update.step()
        if after:
            loss = loss_of(net(x), labels)
        return loss.item() * (len(x) if said == "sum" else 1.0)

    return answer


_CHECKED_STEPS = 12

train_step = OneStep(
    name="train_step",
    notebook="13",
    reference=recipe.train_step,
    cases=(
        _step_case(0, [2], note="one step"),
        _step_case(1, [3, 3], note="two steps, two batches"),
        _step_case(2, [4, 2, 3], 4, 3, 0.1, 0.9, "three steps with momentum"),
    ),
    samples=_drawn_step,
    drawn=_CHECKED_STEPS,
    mistakes=(
        Mistake(
            "gradients never set to zero",
            _stepped(zero=False),
            "PyTorch adds every gradient to the ones before: `update.zero_grad()` once "
            "a step.",
        ),
        Mistake(
            "nothing is learned",
            _stepped(step=0),
            "the weights do not move: the step needs a gradient, `loss.backward()`, "
            "which nobody sets to zero before `update.step()`.",
        ),
        Mistake(
            "two updates",
            _stepped(step=2),
            "the weights move twice: `update.step()` once a step.",
        ),
        Mistake(
            "arguments exchanged",
            _exchanged,
            "`loss_of` takes the scores first, then the labels.",
        ),
        Mistake(
            "loss after the step",
            _stepped(after=True),
            "the loss is that of the new weights; wanted is the one that the step "
            "was taken for.",
        ),
        Mistake(
            "the sum over the batch",
            _stepped(scale="sum"),
            "the gradient is that of the batch's sum: `loss_of` gives the mean; take "
            "it as it is.",
        ),
        Mistake(
            "softmax twice",
            _stepped(softmax=True),
            "`loss_of` applies the softmax itself: give it the scores, `net(x)`.",
        ),
        Mistake(
            "the loss times the images",
            _stepped(said="sum"),
            "the loss that comes back is multiplied by the number of images.",
        ),
    ),
    hints_=(
        "Four things in this order: forget the old gradients, forward, backward, "
        "update.",
        "`update.zero_grad()`, then `loss = loss_of(net(x), labels)`.",
        "`loss.backward()` fills in the gradients, `update.step()` uses them, and "
        "`return loss.item()` gives the number.",
    ),
)


def _as_one(net, loss_of, update, x, labels, parts):
    return recipe.train_step(net, loss_of, update, x, labels)


def _one_backward(net, loss_of, update, x, labels, parts):
    update.zero_grad()
    pairs = zip(x.chunk(parts), labels.chunk(parts), strict=True)
    loss = sum(loss_of(net(some), their) for some, their in pairs) / parts
    loss.backward()
    update.step()
    return loss.item()


def _in_parts(share=True, zero="before", step="after", used=None, said="mean",
              split=False):  # fmt: skip
    """Return an answer with these faults."""

    def answer(net, loss_of, update, x, labels, parts):
        import torch

        losses = []
        if zero == "before":
            update.zero_grad()
        cut = torch.split if split else torch.chunk
        pairs = list(zip(cut(x, parts), cut(labels, parts), strict=True))
        for some, their in pairs[:used]:
            if zero == "each":
                update.zero_grad()
            loss = loss_of(net(some), their)
            by = {True: parts, False: 1, "images": len(some)}[share]
            (loss / by).backward()
            if step == "each":
                update.step()
            losses.append(loss.item())
        if step == "after":
            update.step()
        total = {"mean": sum(losses) / parts, "sum": sum(losses), "last": losses[-1],
                 "images": sum(losses) / len(some)}  # fmt: skip
        return total[said]

    return answer


accumulate = OneStep(
    name="accumulate",
    notebook="13",
    reference=recipe.accumulate,
    cases=(
        _step_case(3, [4], note="two parts", parts=(2,)),
        _step_case(4, [8, 8], note="two steps of four parts", parts=(4,)),
        _step_case(5, [6, 3], 4, 3, 0.1, 0.9, "three parts, momentum", (3,)),
    ),
    samples=functools.partial(_drawn_step, parts=True),
    drawn=_CHECKED_STEPS,
    mistakes=(
        Mistake(
            "the whole batch",
            _as_one,
            "the whole batch goes through the network at once; `parts` is for that.",
        ),
        Mistake(
            "one backward pass",
            _one_backward,
            "all parts' losses are added first: each part needs its own "
            "`loss.backward()`, which frees its memory.",
        ),
        Mistake(
            "split",
            _in_parts(split=True),
            "`split(parts)` makes pieces of `parts` images; `chunk(parts)` makes "
            "`parts` pieces.",
        ),
        Mistake(
            "no step",
            _in_parts(step="never"),
            "the weights do not move: `update.step()` once, after the last part.",
        ),
        Mistake(
            "divided by the images",
            _in_parts(share="images", said="images"),
            "each part's loss is divided by its images; it is their mean already. "
            "Divide by parts.",
        ),
        Mistake(
            "parts count whole",
            _in_parts(share=False),
            "each part's mean counts as if it were the batch's: the gradient is "
            "`parts` times too large. Divide each loss by parts.",
        ),
        Mistake(
            "parts count whole, losses added",
            _in_parts(share=False, said="sum"),
            "each part's mean counts as if it were the batch's: the gradient and the "
            "loss are `parts` times too large. Divide each loss by parts.",
        ),
        Mistake(
            "zero in the loop",
            _in_parts(zero="each"),
            "the gradients are set to zero before every part: only the last one "
            "counts.",
        ),
        Mistake(
            "never set to zero",
            _in_parts(zero="never"),
            "the gradients of the step before are still there: `update.zero_grad()` "
            "once, before the first part.",
        ),
        Mistake(
            "step in the loop",
            _in_parts(step="each"),
            "the weights move after every part; wanted is one update for the whole "
            "batch.",
        ),
        Mistake(
            "a step for each part",
            _in_parts(share=False, zero="each", step="each"),
            "this takes `parts` small steps; wanted is one, of the whole batch.",
        ),
        Mistake(
            "first part only",
            _in_parts(used=1),
            "only the first part is used.",
        ),
        Mistake(
            "losses not divided",
            _in_parts(said="sum"),
            "the step is right, but the loss that comes back is `parts` times too "
            "large.",
        ),
        Mistake(
            "last part's loss",
            _in_parts(said="last"),
            "the step is right, but the loss that comes back is that of the last part.",
        ),
    ),
    hints_=(
        "Gradients add up by themselves: call backward for every part, and update "
        "once.",
        "The parts are `x.chunk(parts)` and `labels.chunk(parts)`; walk through both "
        "with `zip(x.chunk(parts), labels.chunk(parts))`.",
        "The batch's mean is the mean of its parts' means: "
        "`loss = loss_of(net(some), their) / parts`, then `loss.backward()` and "
        "`total += loss.item()`.",
    ),
)


# ------------------------------------------------------------------------ the errors


def _drawn_scores(rng, size):
    n, k = int(rng.integers(1, size + 3)), int(rng.integers(5, 8 + size))
    scores = np.stack([rng.permutation(k) for _ in range(n)]).astype(float)
    return Case((scores - 2.5, rng.integers(0, k, n)))


def _among(count, of=lambda wrong: wrong.mean(), pick=lambda s: np.argsort(-s, axis=1)):
    def answer(scores, labels):
        found = pick(scores)[:, :count]
        return float(of(~(found == labels[:, None]).any(axis=1)))

    return answer


_S = np.array(
    [[9, 8, 7, 6, 5, 4, 3.0], [9, 8, 7, 6, 5, 4, 3.0], [0, 1, 2, 3, 4, 5, 6.0]]
)

top5_error = Exercise(
    name="top5_error",
    notebook="13",
    reference=recipe.top5_error,
    cases=(
        Case((_S[:1], np.array([5])), "the label is sixth: wrong"),
        Case((_S[:1], np.array([4])), "the label is fifth: right"),
        Case((_S, np.array([0, 6, 1])), "two of three wrong"),
        Case((_S[:, :5], np.array([4, 0, 0])), "five classes: nothing can be wrong"),
    ),
    samples=_drawn_scores,
    mistakes=(
        Mistake(
            "the share that is right",
            _among(5, lambda wrong: 1 - wrong.mean()),
            "this is the share that is right; the error is 1 minus it.",
        ),
        Mistake(
            "the best only",
            _among(1),
            "only the highest score counts here; any of the five highest will do.",
        ),
        Mistake(
            "any image's five",
            lambda scores, labels: float(
                np.mean([y not in np.argsort(scores)[:, -5:] for y in labels])
            ),
            "a label is looked for among the five best classes of all images; each has "
            "its own row: `five[i]`.",
        ),
        Mistake(
            "sorted along the images",
            _among(5, pick=lambda s: np.argsort(s, axis=0)[:, ::-1]),
            "the scores are sorted over the images: the classes are axis 1.",
        ),
        Mistake(
            "any forgotten",
            lambda scores, labels: float(
                1 - (np.argsort(scores)[:, -5:] == labels[:, None]).mean()
            ),
            "this averages over all five places: an image is right if any of its five "
            "is, `.any(axis=1)`.",
        ),
        Mistake(
            "values for classes",
            _among(5, pick=lambda s: np.sort(s, axis=1)[:, ::-1]),
            "`np.sort` gives scores, and a label is a class: `np.argsort`.",
        ),
        Mistake(
            "the best left out",
            _among(4, pick=lambda s: np.argsort(-s, axis=1)[:, 1:]),
            "`[:, -5:-1]` leaves out the best of all: `[:, -5:]`.",
        ),
        Mistake("four", _among(4), "four scores are looked at, not five."),
        Mistake("six", _among(6), "six scores are looked at, not five."),
        Mistake(
            "the five lowest",
            _among(5, pick=lambda s: np.argsort(s, axis=1)),
            "argsort sorts upwards: the first five are the lowest. Take the last.",
        ),
        Mistake(
            "a count",
            _among(5, lambda wrong: wrong.sum()),
            "this counts the images that are wrong; wanted is their share.",
        ),
        Mistake(
            "in per cent",
            _among(5, lambda wrong: 100 * wrong.mean()),
            "this is in per cent; wanted is a share between 0 and 1.",
        ),
        Mistake(
            "the first five classes",
            _among(5, pick=lambda s: np.argsort(-s, axis=1).argsort(axis=1)),
            "these are the ranks of the first five classes, not the five best classes.",
        ),
    ),
    hints_=(
        "Sort the scores of every image; which five classes come last?",
        "`five = np.argsort(scores, axis=1)[:, -5:]` has shape (N, 5).",
        "Right: `(five == labels[:, None]).any(axis=1)`. The error is 1 minus the mean "
        "of that.",
    ),
)


# ------------------------------------------------------------------------- the order


def _broken(n, size, epochs, seed, start=0):
    """Return the rows of every batch from step ``start`` on: a list of arrays."""
    rng = np.random.default_rng(seed)
    steps, batches = n // size, []
    for epoch in range(start // steps, epochs):
        order = rng.permutation(n)
        for place in range(steps):
            if epoch * steps + place >= start:
                batches.append(order[place * size : (place + 1) * size])
    return batches


def _rows_by(order_of=None, first=lambda start, steps: 0, keep=lambda at, start: True,
             rest=False):  # fmt: skip
    """Return a mending with these rules."""

    def answer(n, size, epochs, seed, start=0):
        rng = np.random.default_rng(seed)
        steps, found = n // size, []
        for epoch in range(first(start, steps), epochs):
            order = rng.permutation(n) if order_of is None else order_of(n, seed, epoch)
            for place in range(-(-n // size) if rest else steps):
                if epoch * steps + place >= start and keep(
                    epoch * steps + place, start
                ):
                    found.append(order[place * size : (place + 1) * size])
        return found

    return answer


def _keyed(n, seed, epoch):
    return np.random.default_rng([seed, epoch]).permutation(n)


@dataclass(frozen=True, eq=False)
class Rows(FindBug):
    """A bug in a list of batches: compared as a table, short rows filled with -1."""

    def _as_tuple(self, value):
        if not isinstance(value, (list, tuple)):
            return (value,)
        rows = [_show.array(one) for one in value]
        if any(row is None or row.ndim != 1 for row in rows):
            return (value,)
        table = np.full((len(rows), max(map(len, rows), default=0)), -1)
        for line, row in zip(table, rows, strict=True):
            line[: len(row)] = row
        return (table,)


def _drawn_start(rng, size):
    n = int(rng.integers(2, size + 4))
    batch = int(rng.integers(1, n + 1))
    epochs = int(rng.integers(1, 4))
    start = int(rng.integers(0, epochs * (n // batch)))
    return Case((n, batch, epochs, int(rng.integers(0, 9)), start))


resumed_order = Rows(
    name="resumed_order",
    notebook="13",
    reference=recipe.batches_from,
    broken=_broken,
    cases=(
        Case((4, 2, 2, 0, 0), "from the start"),
        Case((4, 2, 2, 0, 1), "resumed inside the first epoch"),
        Case((4, 2, 2, 0, 2), "resumed after the first epoch"),
        Case((7, 3, 3, 1, 3), "resumed inside the second epoch, an image left over"),
    ),
    samples=_drawn_start,
    causes=(
        Cause(
            "a",
            "The steps that were done in the epoch are done again.",
            "The condition in the inner loop leaves them out.",
        ),
        Cause(
            "b",
            "The images left over at the end of an epoch are forgotten.",
            "They are left out of this epoch, with or without a resume; as every epoch "
            "has another order, none is left out for good.",
        ),
        Cause(
            "c",
            "The generator begins anew, so a resumed run gets the first epochs' orders "
            "once more.",
            right=True,
        ),
        Cause(
            "d",
            "A resumed run needs another seed.",
            "With another seed its orders would be others still.",
        ),
    ),
    mistakes=(
        Mistake(
            "keyed by seed and epoch",
            _rows_by(_keyed),
            "this resumes well, as cnnlab does it, but gives other orders than before "
            "the bug was mended: a run that begins at 0 must stay as it was.",
        ),
        Mistake(
            "another seed an epoch",
            _rows_by(
                lambda n, seed, epoch: np.random.default_rng(seed + epoch).permutation(
                    n
                )
            ),
            "this resumes well, but gives other orders than before the bug was mended: "
            "a run that begins at 0 must stay as it was.",
        ),
        Mistake(
            "all steps again",
            lambda n, size, epochs, seed, start=0: recipe.batches_from(
                n, size, epochs, seed
            ),
            "all batches come again from the beginning: those before `start` are done.",
        ),
        Mistake(
            "the epoch again",
            lambda n, size, epochs, seed, start=0: recipe.batches_from(
                n, size, epochs, seed, start // (n // size) * (n // size)
            ),
            "the epoch begins anew: its first steps are done already.",
        ),
        Mistake(
            "what is left over, too",
            _rows_by(rest=True),
            "an incomplete batch is left out, as before.",
        ),
        Mistake(
            "the step left out",
            _rows_by(keep=lambda at, start: at > start),
            "step `start` is left out: it is the next one to be done.",
        ),
        Mistake(
            "one order for all epochs",
            _rows_by(lambda n, seed, epoch: np.random.default_rng(seed).permutation(n)),
            "all epochs have one order now: draw one for each, in turn.",
        ),
    ),
    hints_=(
        "Call it for 4 images in batches of 2, with two epochs and any seed, from step "
        "0 and from step 2: the second list should be the end of the first.",
        "How often has the generator been asked before the order of epoch 1 is drawn, "
        "in a run from the start, and in a resumed one?",
        "Draw the orders of all epochs, and use those that are left: "
        "`for epoch in range(epochs):`",
    ),
)


# --------------------------------------------------------------------------- open

SPEED_BAR, LARGEST_BATCH, SMALL_BATCH = 1.5, 128, 4
ROUNDS, LONGEST = 7, 1.0  # of timing; seconds after which three rounds must do
SETTINGS = {"batch": SMALL_BATCH, "channels_last": False, "precision": "fp32"}


def _required(settings) -> dict:
    """Return the settings, checked; any may be left out."""
    if not isinstance(settings, dict) or set(settings) - set(SETTINGS):
        raise ValueError(
            "images_a_second must return a dict with some of "
            f"{', '.join(SETTINGS)}; got {_show.short(settings, 0)}."
        )
    wanted = {**SETTINGS, **settings}
    batch = wanted["batch"]
    whole = isinstance(batch, (int, np.integer)) and not isinstance(batch, bool)
    if not whole or not 1 <= batch <= LARGEST_BATCH:
        raise ValueError(
            f"images_a_second: batch is a whole number from 1 to {LARGEST_BATCH}; got "
            f"{batch!r}."
        )
    if not isinstance(wanted["channels_last"], bool):
        raise ValueError("images_a_second: channels_last is True or False.")
    if wanted["precision"] not in ("fp32", "bf16"):
        raise ValueError('images_a_second: precision is "fp32" or "bf16".')
    return wanted


def _stepper(batch, channels_last, precision):
    """Return a function that takes one step of the network of the open exercise."""
    import torch

    from cnnlab import nets

    device = "cuda" if torch.cuda.is_available() else "cpu"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = nets.build(
            "alexnet", num_classes=10, image_size=32, width=0.125, hidden=1024,
            norm="none",
        ).to(device)  # fmt: skip
        x = torch.randn(batch, 3, 32, 32, device=device)
    if channels_last:
        net = net.to(memory_format=torch.channels_last)
        x = x.contiguous(memory_format=torch.channels_last)
    labels = torch.zeros(batch, dtype=torch.long, device=device)
    update = torch.optim.SGD(net.parameters(), 1e-4, 0.9)

    def loss_of(scores, labels):
        return torch.nn.functional.cross_entropy(scores.float(), labels)

    def step():
        with torch.autocast(device, torch.bfloat16, enabled=precision == "bf16"):
            recipe.train_step(net, loss_of, update, x, labels)  # waits for a GPU

    return step


def _score_speed(answer) -> Score:
    wanted = _required(answer())
    if wanted == SETTINGS:
        return Score(1.0, "These are the settings of the plain step.")
    plain, fast = _stepper(**SETTINGS), _stepper(**wanted)
    plain()  # both warm up
    fast()
    # In turn and for as many images, so that what else the machine does slows both.
    steps = {plain: -(-wanted["batch"] // SMALL_BATCH), fast: 1}
    times, begun = {plain: [], fast: []}, time.perf_counter()
    for turn in range(ROUNDS):
        if time.perf_counter() - begun > (LONGEST if turn >= 3 else 3 * LONGEST):
            break
        for step, found in times.items():
            start = time.perf_counter()
            for _ in range(steps[step]):
                step()
            found.append(time.perf_counter() - start)
    speeds = {
        plain: SMALL_BATCH * steps[plain] / min(times[plain]),
        fast: wanted["batch"] / min(times[fast]),
    }
    said = ", ".join(f"{name} {value}" for name, value in wanted.items())
    detail = (
        f"With {said}: {speeds[fast]:,.0f} images a second; the plain step, with a "
        f"batch of {SMALL_BATCH}: {speeds[plain]:,.0f}."
    )
    return Score(speeds[fast] / speeds[plain], detail)


@dataclass(frozen=True, eq=False)
class Speed(Open):
    """An open exercise that trains."""

    def _within_bounds(self, work):
        _warmed()
        return super()._within_bounds(work)


images_a_second = Speed(
    name="images_a_second",
    notebook="13",
    reference=recipe.fast_settings,
    score=_score_speed,
    bar=SPEED_BAR,
    show="{:.2f} times the plain step".format,
    measured_on="a small two-tower network of 32 pixels, on your machine, now",
    wants="a function that returns settings",
    isolate=False,
    mistakes=(
        Mistake("nothing changed", lambda: {}, "the settings of the plain step"),
        Mistake("one image at a time", lambda: {"batch": 1}, "the plain step"),
    ),
    hints_=(
        "Which part of a step takes as long for one image as for a hundred? Look at "
        "the picture of the step.",
        "The update touches every weight once a step, however many images the step "
        "had. The gradients and the weights themselves are read once a step, too.",
        'Double the batch, as in `return {"batch": 8}`, until it does '
        "not help any more; then try the other settings, one at a time.",
    ),
)

EXERCISES = (
    learning_rate_at,
    train_step,
    accumulate,
    top5_error,
    resumed_order,
    images_a_second,
)
