"""The exercises of notebook 14: three maps that blame pixels, neighbours, a test.

Answers get small networks of PyTorch in double precision; a case says which. What
comes back is compared as arrays.
"""

import copy
import functools
from dataclasses import dataclass, replace

import numpy as np

from cnnlab import inside
from cnnlab.checks._base import (
    Case,
    Cause,
    Exercise,
    FindBug,
    Mistake,
    Open,
    Score,
)
from cnnlab.checks._verdict import CHANGED_INPUT

# --------------------------------------------------------------------- the networks


@functools.cache
def _net(seed: int, channels: int, side: tuple, classes: int):
    """Return two small layers and a dense one, always the same for a case."""
    import torch
    from torch import nn

    rng = np.random.default_rng([14, seed])
    high, wide = side
    net = nn.Sequential(
        nn.Conv2d(channels, 3, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(3, 4, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(4 * high * wide, classes),
    ).double()
    with torch.no_grad():
        for value in net.parameters():
            drawn = rng.normal(0, 1, tuple(value.shape)) / np.sqrt(value[0].numel())
            value.copy_(torch.from_numpy(drawn))
    return net.eval().requires_grad_(False)


def _told(shape, classes) -> str:
    n, c, h, w = shape
    return (
        f"  x: {n} image{'s' * (n != 1)} of {c} × {h} × {w}; net: two convolutions "
        f"with ReLU, then {classes} classes"
    )


@dataclass(frozen=True, eq=False)
class OfNetwork(Exercise):
    """An exercise whose answer gets a network; a case holds its seed in its place.

    A case holds ((seed, classes), x, ...). ``cuts``: the answer gets the network as two
    functions, lower and upper.
    """

    cuts: bool = False
    isolate: bool = False  # PyTorch's autograd does not survive a fork

    def _given(self, plan, x, *more):
        import torch

        seed, classes = plan
        net = _net(seed, x.shape[1], x.shape[2:], classes)
        # Cut at the first convolution: what follows is not linear, its maps have signs.
        parts = (net[:1], net[1:]) if self.cuts else (net,)
        return (*parts, torch.from_numpy(x), *more)  # shares its memory with x

    def _run(self, answer, *args, flags=None):
        import torch

        given = self._given(*args)
        found = answer(*given)
        if flags is not None and not self.cuts:
            flags.append(given[1].requires_grad)
        return found.detach() if torch.is_tensor(found) else found

    def _compared(self, answer, report):
        verdict, flags = super()._compared(answer, report), []
        if not verdict.passed:
            return verdict
        self._run(answer, *copy.deepcopy(self.cases[0].args), flags=flags)
        if not any(flags):
            return verdict
        text = (
            "The result is right, but the x that was given records gradients from now "
            "on. Let a copy record: `x = x.detach().clone().requires_grad_()`."
        )
        return replace(verdict, status=CHANGED_INPUT, text=text)

    def _try(self, answer, case, quiet=False, told=True):
        run = functools.partial(self._run, answer)
        run.__code__ = getattr(answer, "__code__", None)  # whose stub it may be
        return super()._try(run, case, quiet, told)

    def _wanted(self, case):
        return self._as_tuple(self._run(self.reference, *case.args))

    def _result(self, function, case):
        return super()._result(functools.partial(self._run, function), case)

    def _shown(self, case):
        (_, classes), x, target, *more = case.args
        lines = [
            f"Smallest failing case{f' ({case.note})' if case.note else ''}:",
            _told(x.shape, classes),
            f"  target = {target}",
        ]
        names = ("window", "stride")
        pairs = zip(names, more, strict=False)
        return "\n".join(lines + [f"  {name} = {value}" for name, value in pairs])


def _case(seed, shape, classes, target, *more, note=""):
    rng = np.random.default_rng([15, seed])
    return Case(((seed, classes), rng.normal(0, 1, shape), target, *more), note)


def _drawn(rng, size, window=False):
    n, c = int(rng.integers(1, 3)), int(rng.integers(1, 4))
    h, w = (int(side) for side in rng.integers(3, 5 + size // 2, 2))
    classes = int(rng.integers(2, 5))
    more = ()
    if window:
        k = int(rng.integers(1, min(h, w) + 1))
        more = (k, int(rng.integers(1, k + 1)))
    target = int(rng.integers(0, classes))
    return _case(int(rng.integers(6)), (n, c, h, w), classes, target, *more)


DRAWN = 10

# ------------------------------------------------------------------------- saliency


def _unsummed(net, x, target):
    import torch

    x = x.detach().clone().requires_grad_()
    [gradient] = torch.autograd.grad(net(x)[:, target], x)
    return gradient.abs().amax(dim=1)


def _tuple_kept(net, x, target):
    import torch

    x = x.detach().clone().requires_grad_()
    gradient = torch.autograd.grad(net(x)[:, target].sum(), x)
    return gradient.abs()


def _unrecorded(net, x, target):
    import torch

    [gradient] = torch.autograd.grad(net(x)[:, target].sum(), x)
    return gradient.abs().amax(dim=1)


def _first_image(net, x, target):
    import torch

    x = x.detach().clone().requires_grad_()
    [gradient] = torch.autograd.grad(net(x)[0, target], x)
    return gradient.abs().amax(dim=1)


def _blamed(of=lambda g: g.abs().amax(1), score="target", sums=True, log=False):
    """Return an answer with these faults."""

    def answer(net, x, target):
        import torch

        x = x.detach().clone().requires_grad_()
        scores = net(x)
        if score == "softmax":
            scores = scores.log_softmax(1) if log else scores.softmax(1)
        chosen = {
            "target": scores[:, target], "softmax": scores[:, target], "all": scores,
            "best": scores.amax(1), "image": scores[target % len(x)],
        }[score]  # fmt: skip
        chosen = chosen.sum() if sums else chosen.mean()
        [gradient] = torch.autograd.grad(chosen, x)
        return of(gradient)

    return answer


saliency = OfNetwork(
    name="saliency",
    notebook="14",
    reference=inside.saliency,
    cases=(
        _case(0, (1, 1, 3, 3), 2, 1, note="one grey image"),
        _case(1, (1, 3, 3, 4), 2, 0, note="one colour image"),
        _case(2, (2, 3, 4, 3), 3, 2, note="two colour images"),
    ),
    samples=_drawn,
    drawn=DRAWN,
    mistakes=(
        Mistake(
            "no absolute value",
            _blamed(lambda g: g.amax(1)),
            "the sign is still there: a pixel that lowers the score matters as much. "
            "Take `.abs()` before the maximum.",
        ),
        Mistake(
            "absolute value of the maximum",
            _blamed(lambda g: g.amax(1).abs()),
            "the absolute value is taken after the maximum over the colours: first "
            "`.abs()`, then the maximum.",
        ),
        Mistake(
            "mean over the colours",
            _blamed(lambda g: g.abs().mean(1)),
            "this is the mean over the colours; wanted is the largest.",
        ),
        Mistake(
            "sum over the colours",
            _blamed(lambda g: g.abs().sum(1)),
            "this is the sum over the colours; wanted is the largest.",
        ),
        Mistake(
            "colours kept",
            _blamed(lambda g: g.abs()),
            "each colour has a map of its own: take the largest of them, "
            "`.amax(dim=1)`.",
        ),
        Mistake(
            "probability",
            _blamed(score="softmax"),
            "this is the gradient of the probability: the softmax mixes the other "
            "classes in. Take the score, `net(x)[:, target]`.",
        ),
        Mistake(
            "logarithm of the probability",
            _blamed(score="softmax", log=True),
            "this is the gradient of the probability's logarithm: take the score, "
            "`net(x)[:, target]`.",
        ),
        Mistake(
            "not summed",
            _unsummed,
            "a gradient is of one number, but there is a score for each image: add "
            "them, `.sum()`.",
        ),
        Mistake(
            "tuple kept",
            _tuple_kept,
            "`torch.autograd.grad` returns a tuple, even of one: take its first, "
            "`[gradient] = ...`.",
        ),
        Mistake(
            "x does not record",
            _unrecorded,
            "x was not told to record: begin with a copy that does, "
            "`x.detach().clone().requires_grad_()`.",
        ),
        Mistake(
            "pair of the maximum",
            _blamed(lambda g: np.stack([v.numpy() for v in g.abs().max(1)])),
            "`.max(dim=1)` returns a pair, values and places: take `.values`, or use "
            "`.amax(dim=1)`.",
        ),
        Mistake(
            "maximum over the images",
            _blamed(lambda g: g.abs().amax(0)),
            "the maximum is over the images (axis 0): the colours are axis 1.",
        ),
        Mistake(
            "length over the colours",
            _blamed(lambda g: (g**2).sum(1).sqrt()),
            "this is the L2 length over the colours; wanted is the largest.",
        ),
        Mistake(
            "first image only",
            _first_image,
            "only the first image's score is asked: all of them, "
            "`net(x)[:, target].sum()`.",
        ),
        Mistake(
            "all scores",
            _blamed(score="all"),
            "all classes' scores are added: only `target` counts.",
        ),
        Mistake(
            "best score",
            _blamed(score="best"),
            "this is the gradient of the highest score, not of `target`.",
        ),
        Mistake(
            "mean over the images",
            _blamed(sums=False),
            "the scores are averaged over the images, so that each map is N times too "
            "small: add them.",
        ),
        Mistake(
            "times the image",
            lambda net, x, target: (
                (_blamed(lambda g: g)(net, x, target) * x).abs().amax(1)
            ),
            "the gradient is multiplied with the image: wanted is the gradient alone.",
        ),
        Mistake(
            "target names an image",
            _blamed(score="image"),
            "`scores[target]` is a row, an image's scores; a class is a column: "
            "`scores[:, target]`.",
        ),
    ),
    hints_=(
        "A tensor records what becomes of it once it is told to: begin with "
        "`x = x.detach().clone().requires_grad_()`, a copy that records.",
        "`score = net(x)[:, target].sum()` is one number; each image has its own score "
        "in it, so their gradients do not mix.",
        "`[gradient] = torch.autograd.grad(score, x)` has the shape of `x`; then "
        "`gradient.abs().amax(dim=1)`.",
    ),
    seconds=20.0,
)


# ------------------------------------------------------------------------- occlusion


def _covering(sign=1, fill=0.0, clone=True, more=0, step=None, swap=False,
              share=False, chosen=True, at=1, ends=None, index=False):  # fmt: skip
    """Return an answer with these faults."""

    def answer(net, x, target, window, stride):
        import torch

        def score(images):
            scores = net(images)
            scores = scores.softmax(1) if share else scores
            return scores[:, target] if chosen else scores.amax(1)

        whole, covered, rows = score(x), x.clone(), []
        by = step or stride
        if step == "window":
            by = window
        down, across = (side - window + more for side in x.shape[2:])
        if ends == "over":
            down, across = x.shape[2:]
        elif ends == "square":
            across = down
        for top in range(0, down, by):
            row = []
            for left in range(0, across, by):
                covered = x.clone() if clone else covered
                r, c = (left, top) if swap else (top, left)
                r, c = (r // by, c // by) if index else (r, c)
                value = x.mean(dim=(2, 3), keepdim=True) if fill == "mean" else fill
                covered[:, :at, r : r + window, c : c + window] = value
                row.append(sign * (whole - score(covered)))
            if row:
                rows.append(torch.stack(row, dim=1))
        return torch.stack(rows, dim=1) if rows else torch.zeros(len(x), 0, 0)

    return answer


def _ok(**faults):
    return _covering(**{"more": 1, "at": None, **faults})


def _turned(*given):
    return inside.occlusion_map(*given).transpose(1, 2)


def _only_falls(*given):
    return inside.occlusion_map(*given).relu()


def _covered_score(net, x, target, window, stride):
    whole = net(x)[:, target]
    return whole[:, None, None] - inside.occlusion_map(net, x, target, window, stride)


occlusion_map = OfNetwork(
    name="occlusion_map",
    notebook="14",
    reference=inside.occlusion_map,
    cases=(
        _case(0, (1, 1, 3, 3), 2, 0, 2, 1, note="four places, a grey image"),
        _case(1, (1, 3, 4, 5), 2, 1, 2, 2, note="squares side by side"),
        _case(2, (2, 2, 5, 4), 3, 2, 3, 1, note="two images"),
    ),
    samples=functools.partial(_drawn, window=True),
    drawn=DRAWN,
    mistakes=(
        Mistake(
            "rise instead of fall",
            _ok(sign=-1),
            "the sign is turned: wanted is the fall, the score before minus the score "
            "when covered.",
        ),
        Mistake(
            "covered score",
            _covered_score,
            "this is the score of the covered image; wanted is by how much it falls.",
        ),
        Mistake(
            "no copy",
            _ok(clone=False),
            "squares stay where they were: cover a fresh copy each time, `x.clone()`.",
        ),
        Mistake(
            "last place left out",
            _covering(more=0, at=None),
            "the last row and column of squares are left out: `range` ends before its "
            "end, so it is `x.shape[2] - window + 1`.",
        ),
        Mistake(
            "stride of the window",
            _ok(step="window"),
            "the argument `stride` is not used: the squares stand side by side.",
        ),
        Mistake(
            "stride 1",
            _ok(step=1),
            "the argument `stride` is not used: a square begins at every pixel.",
        ),
        Mistake(
            "filled with ones",
            _ok(fill=1.0),
            "the squares are filled with 1; wanted is 0.",
        ),
        Mistake(
            "first colour only",
            _ok(at=1),
            "only the first colour is covered: all of them, `covered[:, :, ...]`.",
        ),
        Mistake(
            "probability",
            _ok(share=True),
            "this is the fall of the probability; wanted is that of the score.",
        ),
        Mistake(
            "best score",
            _ok(chosen=False),
            "this is the fall of the highest score, not of `target`.",
        ),
        Mistake(
            "rows and columns exchanged",
            _ok(swap=True),
            "rows and columns are exchanged: axis 2 of x counts rows, axis 3 columns.",
        ),
        Mistake(
            "result turned",
            _turned,
            "rows and columns of the result are exchanged: wanted is (N, rows, "
            "columns).",
        ),
        Mistake(
            "corner at the index",
            _ok(index=True),
            "the square in row i begins at pixel i: it begins at i · stride.",
        ),
        Mistake(
            "squares over the edge",
            _ok(ends="over"),
            "the last squares reach over the edge: the corners end at "
            "`x.shape[2] - window + 1`.",
        ),
        Mistake(
            "as many columns as rows",
            _ok(ends="square"),
            "the columns are counted by axis 2 of x, the rows: columns are axis 3.",
        ),
        Mistake(
            "mean colour",
            _ok(fill="mean"),
            "the squares are filled with the image's mean; wanted is 0.",
        ),
        Mistake(
            "falls only",
            _only_falls,
            "what is negative is cut off: keep it, there covering raises the score.",
        ),
    ),
    hints_=(
        "`whole = net(x)[:, target]` once; then two loops over the corners of the "
        "square, rows outside.",
        "The rows are `range(0, x.shape[2] - window + 1, stride)`, and the columns "
        "likewise with axis 3.",
        "Each time `covered = x.clone()`, then "
        "`covered[:, :, top : top + window, left : left + window] = 0` and "
        "`row.append(whole - net(covered)[:, target])`.",
        "`rows.append(torch.stack(row, dim=1))` after each row, and at the end "
        "`return torch.stack(rows, dim=1)`.",
    ),
    seconds=20.0,
)


# -------------------------------------------------------------------------- Grad-CAM


def _camera(mean="places", relu="after", signed=False, weight=True, over=1,
            score="target", zero=False):  # fmt: skip
    """Return an answer with these faults."""

    def answer(lower, upper, x, target):
        import torch

        maps = lower(x).detach().requires_grad_()
        scores = upper(maps)
        chosen = {"target": scores[:, target], "best": scores.amax(1), "all": scores,
                  "softmax": scores.softmax(1)[:, target]}[score]  # fmt: skip
        if zero:
            asked = torch.zeros_like(maps).requires_grad_()
            [gradient] = torch.autograd.grad(upper(asked)[:, target].sum(), asked)
        else:
            [gradient] = torch.autograd.grad(chosen.sum(), maps)
        maps = maps.detach()
        if mean == "places":
            weights = gradient.mean(dim=(2, 3), keepdim=True)
        elif mean == "images":
            weights = gradient.mean(dim=(0, 2, 3))[:, None, None]
        elif mean == "first":
            weights = gradient[0].mean(dim=(1, 2))[:, None, None]
        elif mean == "relu":
            weights = gradient.mean(dim=(2, 3), keepdim=True).relu()
        elif mean == "bare":
            weights = gradient.mean(dim=(2, 3))
        elif mean == "sum":
            weights = gradient.sum(dim=(2, 3), keepdim=True)
        elif mean == "absolute":
            weights = gradient.abs().mean(dim=(2, 3), keepdim=True)
        elif mean == "maps":
            weights = gradient.mean(dim=1, keepdim=True)
        else:
            weights = gradient
        parts = weights * maps if weight else weights + 0 * maps
        if relu == "before":
            return parts.relu().sum(dim=1)
        total = parts.sum(dim=1) if over == 1 else parts.mean(dim=1)
        return total.relu() if relu == "after" else total

    return answer


grad_cam = OfNetwork(
    name="grad_cam",
    notebook="14",
    reference=inside.grad_cam,
    cuts=True,
    cases=(
        _case(3, (1, 1, 3, 3), 2, 0, note="one image"),
        _case(1, (2, 2, 3, 4), 3, 2, note="two images"),
    ),
    samples=_drawn,
    drawn=DRAWN,
    mistakes=(
        Mistake(
            "negative parts kept",
            _camera(relu=None),
            "what is negative is still there: it speaks against the class. End with "
            "`.relu()`.",
        ),
        Mistake(
            "cut off too early",
            _camera(relu="before"),
            "each weighted map is cut off at 0 before they are added: first add, then "
            "`.relu()`.",
        ),
        Mistake(
            "gradient not averaged",
            _camera(mean="none"),
            "each place has a weight of its own: one weight a map, the mean of its "
            "gradient.",
        ),
        Mistake(
            "gradient added",
            _camera(mean="sum"),
            "the gradient is added over the places; wanted is its mean.",
        ),
        Mistake(
            "mean over the maps",
            _camera(mean="maps"),
            "the gradient is averaged over the maps (axis 1): average over the places, "
            "axes 2 and 3.",
        ),
        Mistake(
            "averaged over the images",
            _camera(mean="images"),
            "the gradient is averaged over the images, too: each has weights of its "
            "own.",
        ),
        Mistake(
            "weights of the first image",
            _camera(mean="first"),
            "all images get the first one's weights: each has weights of its own.",
        ),
        Mistake(
            "gradient at 0",
            _camera(zero=True),
            "the gradient is taken where all maps are 0: take it where they are, at "
            "`lower(x)`.",
        ),
        Mistake(
            "negative weights cut off",
            _camera(mean="relu"),
            "negative weights are cut off: a map may speak against the class. Cut off "
            "only at the end, after adding.",
        ),
        Mistake(
            "axes lost",
            _camera(mean="bare"),
            "the weights are (N, F), the maps (N, F, h, w): `keepdim=True` keeps the "
            "axes for the product.",
        ),
        Mistake(
            "absolute weights",
            _camera(mean="absolute"),
            "the weights have lost their sign: a map may speak against the class.",
        ),
        Mistake(
            "maps averaged",
            _camera(over=0),
            "the weighted maps are averaged; wanted is their sum.",
        ),
        Mistake(
            "weights alone",
            _camera(weight=False),
            "the maps themselves are not used: multiply each with its weight.",
        ),
        Mistake(
            "best score",
            _camera(score="best"),
            "this is for the highest score, not for `target`.",
        ),
        Mistake(
            "all scores",
            _camera(score="all"),
            "all classes' scores are added: only `target` counts.",
        ),
        Mistake(
            "probability",
            _camera(score="softmax"),
            "this is the gradient of the probability; take the score.",
        ),
    ),
    hints_=(
        "As in `saliency`, but what records is the maps: "
        "`maps = lower(x).detach().requires_grad_()`.",
        "`[gradient] = torch.autograd.grad(upper(maps)[:, target].sum(), maps)`, and "
        "one weight a map: `gradient.mean(dim=(2, 3), keepdim=True)`.",
        "`(weights * maps).sum(dim=1).relu()`",
    ),
    seconds=20.0,
)


# ------------------------------------------------------------------------ neighbours


@dataclass(frozen=True, eq=False)
class OfTensors(Exercise):
    """An exercise whose answer gets tensors for the case's arrays."""

    isolate: bool = False

    def _run(self, answer, *args):
        import torch

        given = [
            torch.from_numpy(one) if isinstance(one, np.ndarray) else one
            for one in args
        ]
        return answer(*given)

    def _try(self, answer, case, quiet=False, told=True):
        run = functools.partial(self._run, answer)
        run.__code__ = getattr(answer, "__code__", None)
        return super()._try(run, case, quiet, told)

    def _wanted(self, case):
        return self._as_tuple(self._run(self.reference, *case.args))

    def _result(self, function, case):
        return super()._result(functools.partial(self._run, function), case)


def _near(of=lambda d: (d**2).sum(-1).sqrt(), start=0, most=False, swap=False,
          axis=1, ties=True):  # fmt: skip
    def answer(queries, bank, k):
        one, two = (bank, queries) if swap else (queries, bank)
        d = of(one[:, None] - two[None])
        order = d.argsort(dim=axis, descending=most, stable=True)
        kept = (slice(start, start + k), slice(None))[:: 1 if axis == 0 else -1]
        return order[kept], d.sort(dim=axis, descending=most)[0][kept]

    return answer


def _cosine(queries, bank, k):
    one, two = (
        v / v.norm(dim=1, keepdim=True).clamp_min(1e-12) for v in (queries, bank)
    )
    d = 1 - one @ two.T
    order = d.argsort(dim=1, stable=True)[:, :k]
    return order, d.gather(1, order)


def _topk(queries, bank, k):
    import torch

    ordered, places = torch.cdist(queries, bank).topk(k, largest=False)
    return places, ordered


def _rows_kept(queries, bank, k):
    places, ordered = inside.feature_neighbours(queries, bank, len(bank))
    return places[:k], ordered[:k]


def _one_more(queries, bank, k):
    return inside.feature_neighbours(queries, bank, min(k + 1, len(bank)))


def _swapped_results(queries, bank, k):
    return inside.feature_neighbours(queries, bank, k)[::-1]


def _unsorted_distances(queries, bank, k):
    order, _ = inside.feature_neighbours(queries, bank, k)
    return order, (queries[:, None] - bank[None]).norm(dim=-1)[:, :k]


def _drawn_rows(rng, size):
    n, d = int(rng.integers(1, size + 3)), int(rng.integers(1, 5))
    queries = rng.integers(-3, 4, (int(rng.integers(1, 4)), d)).astype(float)
    bank = rng.integers(-3, 4, (n, d)).astype(float)
    return Case((queries, bank, int(rng.integers(1, n + 1))))


feature_neighbours = OfTensors(
    name="feature_neighbours",
    notebook="14",
    reference=inside.feature_neighbours,
    outputs=("places", "distances"),
    cases=(
        Case((np.array([[0.0]]), np.array([[3.0], [-1.0], [2.0]]), 2), "on a line"),
        Case(
            (
                np.array([[0.0, 0.0], [5.0, 5.0]]),
                np.array([[3.0, 4.0], [1.0, 0.0], [6.0, 5.0]]),
                2,
            ),
            "two queries in the plane",
        ),
        Case(
            (np.array([[0.0, 0.0]]), np.array([[0.0, 2.0], [2.0, 0.0], [1.0, 0.0]]), 3),
            "two are equally far",
        ),
    ),
    samples=_drawn_rows,
    drawn=20,
    mistakes=(
        Mistake(
            "squared",
            _near(lambda d: (d**2).sum(-1)),
            "the distances are squared: take the root.",
        ),
        Mistake(
            "L1",
            _near(lambda d: d.abs().sum(-1)),
            "this is the L1 distance; wanted is L2, the root of the squares' sum.",
        ),
        Mistake(
            "mean",
            _near(lambda d: (d**2).mean(-1).sqrt()),
            "the squares are averaged over the D numbers; wanted is their sum.",
        ),
        Mistake("angle", _cosine, "this compares directions, not distances."),
        Mistake("farthest", _near(most=True), "these are the farthest ones."),
        Mistake(
            "first left out",
            _near(start=1),
            "the nearest one is left out: the queries are not in the bank here.",
        ),
        Mistake(
            "bank and queries exchanged",
            _near(swap=True),
            "for each row of the bank the queries are searched; wanted is the other "
            "way round.",
        ),
        Mistake(
            "sorted along the queries",
            _near(axis=0),
            "sorted along axis 0, the queries: sort each row, `dim=1`.",
        ),
        Mistake(
            "topk",
            _topk,
            "`topk` may put equal distances into another order: sort the rows, with "
            "`stable=True`.",
        ),
        Mistake(
            "first k rows",
            _rows_kept,
            "`[:k]` takes rows, the queries: of each row the first k, `[:, :k]`.",
        ),
        Mistake(
            "one too many",
            _one_more,
            "these are k + 1 neighbours: the queries are not in the bank here.",
        ),
        Mistake(
            "results exchanged",
            _swapped_results,
            "places and distances are exchanged: places come first.",
        ),
        Mistake(
            "distances not sorted",
            _unsorted_distances,
            "the places are right, but the distances are those of the bank's first "
            "rows: sort them, too.",
        ),
    ),
    hints_=(
        "`torch.cdist(queries, bank)` has the distance of every query (row) to every "
        "row of the bank (column).",
        "Sort each row, and keep equal ones in their order: "
        "`distances.sort(dim=1, stable=True)` gives sorted distances and where each "
        "came from.",
        "Of both, the first k columns: `places[:, :k]` and `ordered[:, :k]`; places "
        "come first.",
    ),
)


# ------------------------------------------------------------------- the towers' test


def _broken(values, shuffles=2000, seed=0):
    """Return how often chance sets two towers as far apart as they are."""
    rng = np.random.default_rng(seed)
    half = len(values) // 2
    found = values[:half].mean() - values[half:].mean()
    count = 1  # the order found is one of all orders
    for _ in range(shuffles):
        order = rng.permutation(values)
        gap = order[:half].mean() - order[half:].mean()
        count += bool(gap >= found - 1e-12)  # equal sums may differ in a last bit
    return count / (shuffles + 1)


def _in_place(values, shuffles=2000, seed=0):
    rng = np.random.default_rng(seed)
    half = len(values) // 2
    found = abs(values[:half].mean() - values[half:].mean())
    count = 1
    for _ in range(shuffles):
        rng.shuffle(values)
        gap = abs(values[:half].mean() - values[half:].mean())
        count += bool(gap >= found - 1e-12)
    return count / (shuffles + 1)


def _one_side(values, shuffles=2000, seed=0, double=False):
    half = len(values) // 2
    turn = 1 if values[:half].mean() >= values[half:].mean() else -1
    share = _broken(turn * values, shuffles, seed)
    return min(1, 2 * share) if double else share


def _tested(found_abs=True, gap_abs=True, least=True, one=True, turn=1, within=False,
            middle=np.mean, start=None, draw="permutation", tiny=1e-12):  # fmt: skip
    def answer(values, shuffles=2000, seed=0):
        rng = np.random.default_rng(seed)
        half = len(values) // 2
        found = turn * (middle(values[:half]) - middle(values[half:]))
        found = abs(found) if found_abs else found
        count = int(one) if start is None else start
        for _ in range(shuffles):
            order = getattr(rng, draw)(values, *([len(values)] * (draw == "choice")))
            if within:
                order = np.concatenate([np.sort(values[:half]), np.sort(values[half:])])
            gap = turn * (middle(order[:half]) - middle(order[half:]))
            gap = abs(gap) if gap_abs else gap
            count += bool(gap >= found - tiny if least else gap <= found + tiny)
        return count / (shuffles + one)

    return answer


def _drawn_values(rng, size):
    half = int(rng.integers(1, size + 3))
    values = rng.integers(0, 10, 2 * half) / 10
    values[half:] += float(rng.choice([0.0, 0.5, -0.5]))
    return Case((values, int(rng.integers(5, 40)), int(rng.integers(9))))


tower_test = FindBug(
    name="tower_test",
    notebook="14",
    reference=inside.tower_test,
    broken=_broken,
    cases=(
        Case((np.array([0.9, 0.8, 0.1, 0.2]), 20, 0), "the first tower is higher"),
        Case((np.array([0.1, 0.2, 0.9, 0.8]), 20, 0), "the second tower is higher"),
        Case((np.array([0.5, 0.4, 0.4, 0.5]), 20, 1), "no difference"),
    ),
    samples=_drawn_values,
    drawn=25,
    causes=(
        Cause(
            "a",
            "The values must be drawn with repetition, not dealt out.",
            "That is another test, the bootstrap. Here the filters stay what they are; "
            "only the towers are dealt out anew.",
        ),
        Cause(
            "b",
            "Each shuffle needs a seed of its own.",
            "One generator goes on and on: each order is another.",
        ),
        Cause(
            "c",
            "Only one of the two towers can come out as the special one.",
            right=True,
        ),
        Cause(
            "d",
            "The count must begin at 0.",
            "The order found is one of all orders, and as likely as each: it counts.",
        ),
    ),
    mistakes=(
        Mistake(
            "towers exchanged",
            _tested(found_abs=False, gap_abs=False, turn=-1),
            "now only the other tower can come out as the special one.",
        ),
        Mistake(
            "only the gap found is made positive",
            _tested(gap_abs=False),
            "the gap found is made positive, but not those of the shuffles.",
        ),
        Mistake(
            "only the shuffles' gaps are made positive",
            _tested(found_abs=False),
            "the shuffles' gaps are made positive, but not the one found.",
        ),
        Mistake(
            "smaller gaps counted",
            _tested(least=False),
            "this counts gaps that are as small as the one found, or smaller.",
        ),
        Mistake(
            "the order found left out",
            _tested(one=False),
            "the order found is one of all orders: the count begins at 1, and there is "
            "one order more than shuffles.",
        ),
        Mistake(
            "count from 0",
            _tested(start=0),
            "the count begins at 0, but the order found is one of the shuffles + 1.",
        ),
        Mistake(
            "nothing mended",
            _broken,
            "the function is as it was: nothing is mended yet.",
        ),
        Mistake(
            "the direction found only",
            _one_side,
            "only gaps in the direction found are counted: one as large the other way "
            "counts, too.",
        ),
        Mistake(
            "one side doubled",
            functools.partial(_one_side, double=True),
            "one side is counted and doubled: count both sides.",
        ),
        Mistake(
            "larger only",
            _tested(tiny=-1e-12),
            "gaps that are equal to the one found are left out: *at least* as far "
            "counts them.",
        ),
        Mistake(
            "last bits",
            _tested(tiny=0),
            "equal gaps may differ in their last bit: keep the `- 1e-12`.",
        ),
        Mistake(
            "drawn with repetition",
            _tested(draw="choice"),
            "values are drawn with repetition; here they are dealt out anew.",
        ),
        Mistake(
            "shuffled in place",
            _in_place,
            "`rng.shuffle` changes the values that were given; `rng.permutation` "
            "returns a shuffled copy.",
        ),
        Mistake(
            "medians",
            _tested(middle=np.median),
            "these are medians; the test compares means, as before.",
        ),
    ),
    hints_=(
        "Try it on [0.9, 0.8, 0.1, 0.2] and on [0.1, 0.2, 0.9, 0.8]: should a test of "
        "whether the towers differ answer differently?",
        "A gap of -0.7 is as large as one of 0.7.",
        "`found = abs(values[:half].mean() - values[half:].mean())`, and the same for "
        "each shuffle.",
    ),
)


# ------------------------------------------------------------------------------ open

BAR = 12  # pixels


@functools.cache
def _flower():
    """Return the network, the photograph, and its answer; loaded once."""
    from cnnlab import data, train

    found = inside.subject(train.shipped("photo"))
    photos = data.load("photos", size=found.side)
    image = photos.images[photos.classes.index("flower")]
    shares = found.shares(image[None])[0]
    return found, image, int(shares.argmax())


def _fooled_by(answer) -> Score:
    found, image, target = _flower()
    changed = answer(image.copy())
    if changed is None:
        raise TypeError("fooled returned None; return the changed photograph.")
    changed = np.asarray(changed)
    if changed.shape != image.shape or changed.dtype != np.uint8:
        raise TypeError(
            f"the changed photograph must be uint8 of shape {image.shape}; got "
            f"{changed.dtype} {changed.shape}."
        )
    count = int((changed != image).any(axis=0).sum())
    said = found.shares(np.stack([image, changed]))
    now = int(said[1].argmax())
    before, after = found.classes[target], found.classes[now]
    shown = ((image, f"as it was: {before}"), (changed, f"changed: {after}"))
    text = (
        f"{count} pixels changed; {before}: {said[0, target]:.0%} before, "
        f"{said[1, target]:.0%} after; its answer is now {after} ({said[1, now]:.0%})."
    )
    if now == target:
        return Score(np.inf, f"{text} It is not fooled yet.", shown)
    return Score(count, text, shown)


def _pixels(count: float) -> str:
    return f"{count:.0f} pixels" if np.isfinite(count) else "not fooled"


def by_gradient(photo):
    """Change one pixel after the other: the one that should lower the score most."""
    found, _, target = _flower()
    changed = photo.copy()
    edge = (found.side - found.ready(photo[None]).shape[-1]) // 2
    fresh = np.ones(photo.shape[1:], bool)
    for _ in range(BAR):
        x = found.ready(changed[None]).requires_grad_()
        scores = found.net(x)
        if int(scores.argmax()) != target:
            break
        rivals = scores[0].detach().clone()
        rivals[target] = -np.inf
        lead = scores[0, target] - scores[0, int(rivals.argmax())]
        lead.backward()
        gradient = np.zeros(photo.shape)
        inner = slice(edge, found.side - edge)
        gradient[:, inner, inner] = x.grad[0].numpy()
        goal = np.where(gradient > 0, 0, 255)
        gain = (np.abs(gradient) * np.abs(goal - changed.astype(float))).sum(axis=0)
        row, column = divmod(int((gain * fresh).argmax()), found.side)
        fresh[row, column] = False
        changed[:, row, column] = goal[:, row, column]
    return changed


def _square(photo, side=16, colour=0):
    changed = photo.copy()
    top = (photo.shape[1] - side) // 2
    changed[:, top : top + side, top : top + side] = colour
    return changed


fooled = Open(
    name="fooled",
    notebook="14",
    reference=by_gradient,
    score=_fooled_by,
    bar=BAR,
    measured_on="the photograph flower, 64 × 64 pixels",
    lower_is_better=True,
    show=_pixels,
    wants="a function that returns a changed photograph",
    mistakes=(
        Mistake("a square", _square, "256 pixels changed"),
        Mistake("nothing changed", lambda photo: photo, "not fooled yet"),
        Mistake(
            "all grey", lambda photo: np.full_like(photo, 118), "4096 pixels changed"
        ),
    ),
    hints_=(
        "Which of the three maps says what a small change *could* do, wherever it is?",
        "A gradient has a sign: where it is positive, make the value 0, else 255. "
        "`x.grad` of the score keeps it; saliency has lost it.",
        "Change the one pixel that promises most, ask for the gradient anew, and so "
        "on with pixels still untouched, until the answer is another.",
    ),
    isolate=False,
)

EXERCISES = (saliency, occlusion_map, grad_cam, feature_neighbours, tower_test, fooled)
