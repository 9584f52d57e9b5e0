"""The exercises of notebook 07: sizes, convolution, its gradients, weights, kernels."""

import numpy as np

from cnnlab import fast, grads, kernels, ops, shapes
from cnnlab.checks._base import Case, Cause, Exercise, FindBug, Mistake, Open, Score

# ------------------------------------------------------------------------ out_size


def _drawn_size(rng, size):
    kernel, dilation = int(rng.integers(1, 6)), int(rng.choice([1, 1, 2, 3]))
    padding, stride = int(rng.integers(0, 4)), int(rng.integers(1, 5))
    least = max(1, dilation * (kernel - 1) + 1 - 2 * padding)
    n = least + int(rng.integers(0, 4 * size))
    return Case((n, kernel, stride, padding, dilation)[: int(rng.integers(4, 6))])


def _size(steps=lambda n, k, p, d: n + 2 * p - d * (k - 1) - 1,
          count=lambda steps, s: steps // s + 1):  # fmt: skip
    """Return an answer that counts these steps of the window in this way."""

    def answer(n, kernel_size, stride=1, padding=0, dilation=1, ceil_mode=False):
        return count(steps(n, kernel_size, padding, dilation), stride)

    return answer


_plain_size = _size()  # as a learner has it: no word where nothing fits

out_size = Exercise(
    name="out_size",
    notebook="07",
    reference=shapes.out_size,
    returns=("int64", "int32"),
    cases=(
        Case((6, 3), "the lecture's image: four places"),
        Case((5, 5), "a kernel as large as the image: one place"),
        Case((7, 3, 2), "stride 2 fits"),
        Case((8, 3, 2), "stride 2 leaves a pixel over"),
        Case((7, 3, 1, 1), "a frame of one zero"),
        Case((227, 11, 4), "AlexNet's first layer: 55"),
        Case((9, 3, 1, 0, 2), "dilation 2: a window of 5"),
        Case((9, 3, 2, 1, 2), "all of them"),
    ),
    samples=_drawn_size,
    mistakes=(
        Mistake(
            "one too few",
            _size(count=lambda steps, s: steps // s),
            "the first place is missing: steps are counted, and there is one place "
            "more than there are steps. Add 1.",
        ),
        Mistake(
            "one too many",
            _size(lambda n, k, p, d: n + 2 * p - d * (k - 1)),
            "the kernel spans D (K - 1) + 1 pixels: that 1 is not taken off.",
        ),
        Mistake(
            "padding on one side",
            _size(lambda n, k, p, d: n + p - d * (k - 1) - 1),
            "padding is added on both sides: 2 P.",
        ),
        Mistake(
            "padding forgotten",
            _size(lambda n, k, p, d: n - d * (k - 1) - 1),
            "the padding is not counted: the image has N + 2 P pixels.",
        ),
        Mistake(
            "dilation forgotten",
            _size(lambda n, k, p, d: n + 2 * p - k),
            "dilation spreads the kernel: it spans D (K - 1) + 1 pixels, not K.",
        ),
        Mistake(
            "dilation times the kernel",
            _size(lambda n, k, p, d: n + 2 * p - d * k),
            "a spread kernel has gaps only between its numbers: it spans "
            "D (K - 1) + 1 pixels, not D K.",
        ),
        Mistake(
            "rounded up",
            _size(count=lambda steps, s: -(-steps // s) + 1),
            "rounded up: a window that hangs over the edge does not count; round down.",
        ),
        Mistake(
            "not rounded",
            _size(count=lambda steps, s: steps / s + 1),
            "not a whole number: divide with //, which rounds down.",
        ),
        Mistake(
            "rounded down to a float",
            _size(count=lambda steps, s: float(steps // s + 1)),
            "the values are right, but np.floor and float() give floats, and sizes are "
            "whole numbers: divide with //, or put int(...) around.",
        ),
        Mistake(
            "rounded to the nearest",
            _size(count=lambda steps, s: round(steps / s) + 1),
            "rounded to the nearest whole number: what is left of a stride does not "
            "count, however much it is; round down.",
        ),
        Mistake(
            "rounded to the nearest at last",
            _size(count=lambda steps, s: round(steps / s + 1)),
            "rounded to the nearest whole number: what is left of a stride does not "
            "count, however much it is; round down.",
        ),
        Mistake(
            "only 1 divided",
            lambda n, kernel_size, stride=1, padding=0, dilation=1, ceil_mode=False: (
                n + 2 * padding - dilation * (kernel_size - 1) - 1 // stride + 1
            ),
            "brackets are missing: only the last term is divided by the stride.",
        ),
        Mistake(
            "one too few, and no dilation",
            _size(lambda n, k, p, d: n + 2 * p - k, lambda steps, s: steps // s),
            "two things are missing: the dilation (a window spans D (K - 1) + 1 "
            "pixels), and the first place: add 1 at the end.",
        ),
        Mistake(
            "K for K - 1",
            _size(lambda n, k, p, d: n + 2 * p - d * k - 1),
            "D K is taken off where D (K - 1) belongs: take 1 off K, then multiply.",
        ),
        Mistake(
            "rounded up to a float",
            _size(count=lambda steps, s: float(-(-steps // s) + 1)),
            "rounded up: a window that hangs over the edge does not count; round down.",
        ),
        Mistake(
            "span one too small",
            _size(lambda n, k, p, d: n + 2 * p - d * k + 1),
            "a spread kernel does not span D K - 1 pixels, but D (K - 1) + 1.",
        ),
        Mistake(
            "stride forgotten",
            _size(count=lambda steps, s: steps + 1),
            "the stride is not used: the window moves S pixels at a time.",
        ),
        Mistake(
            "1 added too early",
            _size(count=lambda steps, s: (steps + 1) // s),
            "the 1 stands inside the division: divide the steps by S, then add 1.",
        ),
    ),
    hints_=(
        "How many pixels does the window span? K of them, with D - 1 gaps' worth of "
        "pixels between neighbours: `window = dilation * (kernel_size - 1) + 1`.",
        "In the padded image, the window can move `n + 2 * padding - window` pixels "
        "before it hits the other edge. How many strides is that?",
        "`return (n + 2 * padding - window) // stride + 1`",
    ),
)


# -------------------------------------------------------------------------- conv2d


def _numbers(rng, *shape):
    """Draw small whole numbers, or quarters, whose sums and products are exact."""
    if rng.random() < 0.5:
        return rng.integers(-4, 5, shape).astype(float)
    return rng.normal(0, 8, shape).round() / 4


def _drawn_geometry(rng, size, dilations=(1, 1, 2)):
    """Return (height, width), (KH, KW), stride, padding, dilation that fit."""
    kernel = tuple(int(one) for one in rng.integers(1, 4, 2))
    stride, padding = int(rng.integers(1, 4)), int(rng.integers(0, 3))
    dilation = int(rng.choice(dilations))
    sides = tuple(
        max(1, dilation * (k - 1) + 1 - 2 * padding)
        + int(rng.integers(0, 2 + size // 2))
        for k in kernel
    )
    return sides, kernel, stride, padding, dilation


def _drawn_conv(rng, size):
    sides, kernel, stride, padding, dilation = _drawn_geometry(rng, size)
    n, c, f = (int(one) for one in rng.integers(1, 4, 3))
    x, w = _numbers(rng, n, c, *sides), _numbers(rng, f, c, *kernel)
    b = _numbers(rng, f) if rng.random() < 0.6 else None
    return Case((x, w, b, stride, padding, dilation))


def _places(x, w, stride, padding, dilation):
    """Yield i, j, rows, columns of every place of the window."""
    oh, ow = (
        shapes.out_size(n, k, stride, padding, dilation)
        for n, k in zip(x.shape[2:], w.shape[2:], strict=True)
    )
    for i, j in np.ndindex(oh, ow):
        rows, columns = (
            slice(stride * at, stride * at + dilation * (k - 1) + 1, dilation)
            for at, k in zip((i, j), w.shape[2:], strict=True)
        )
        yield i, j, rows, columns


def _framed(x, padding, **options):
    return np.pad(x, ((0, 0), (0, 0), (padding,) * 2, (padding,) * 2), **options)


def _conv(product=lambda patch, w: np.tensordot(patch, w, ((1, 2, 3), (1, 2, 3))),
          bias=lambda out, b: out + b[None, :, None, None], pad=_framed,
          at=lambda i, j, rows, columns: (rows, columns)):  # fmt: skip
    """Return an answer that goes by these rules for patch, product and bias."""

    def answer(x, w, b=None, stride=1, padding=0, dilation=1, groups=1):
        places = list(_places(x, w, stride, padding, dilation))
        x = pad(x, padding)
        out = np.zeros((len(x), len(w), places[-1][0] + 1, places[-1][1] + 1))
        for i, j, rows, columns in places:
            rows, columns = at(i, j, rows, columns)
            out[:, :, i, j] = product(x[:, :, rows, columns], w)
        return out if b is None else bias(out, b)

    return answer


def _with(change):
    """Return conv2d where ``change`` has altered the settings by name."""

    def answer(x, w, b=None, stride=1, padding=0, dilation=1, groups=1):
        settings = {"stride": stride, "padding": padding, "dilation": dilation}
        return ops.conv2d(x, w, b, **{**settings, **change(settings)})

    return answer


def _with_kernel(change):
    """Return conv2d where ``change`` has altered the kernels."""
    return lambda x, w, *more, **others: ops.conv2d(x, change(w), *more, **others)


def _contiguous(i, j, rows, columns):
    """Return a window of K pixels in a row, where dilation should spread it."""
    return tuple(
        slice(one.start, one.start + (one.stop - one.start - 1) // one.step + 1)
        for one in (rows, columns)
    )


def _cut_short(i, j, rows, columns):
    """Return the slices ``start : start + K : dilation``, which are too short."""
    return tuple(
        slice(one.start, whole.stop, one.step)
        for one, whole in zip(
            (rows, columns), _contiguous(i, j, rows, columns), strict=True
        )
    )


def _unstrided(i, j, rows, columns):
    return tuple(
        slice(at, at + one.stop - one.start, one.step)
        for at, one in zip((i, j), (rows, columns), strict=True)
    )


def _summed(subscripts):
    return lambda patch, w: np.einsum(subscripts, patch, w)


_as_hinted = _summed("ncab,fcab->nf")


def _by_filter(patch, w):
    return np.stack([np.sum(patch * one, axis=(1, 2, 3)) for one in w], axis=1)


def _one_by_one(patch, w):
    return np.array([[np.sum(part * one) for one in w] for part in patch])


def _hinted(at=lambda rows, columns: (rows, columns), size=lambda oh, ow: (oh, ow),
            pad=_framed, end=lambda out: out, framed_twice=False, bare=False,
            sides=lambda kh, kw: (kh, kw), corner=lambda i, j, s, d: (i * s, j * s),
            span=lambda k, d: d * (k - 1) + 1, sized_by=None, kind=float, into=False,
            product=_as_hinted):  # fmt: skip
    """Return an answer written as the hints say, but for one slip."""

    def answer(x, w, b=None, stride=1, padding=0, dilation=1, groups=1):
        n, f, (kh, kw) = len(x), len(w), sides(*w.shape[2:])
        given = _framed(x, padding) if framed_twice else pad(x, padding) if bare else x
        oh, ow = (
            _plain_size(m, k, stride, 0 if bare else padding, sized_by or dilation)
            for m, k in zip(given.shape[2:], (kh, kw), strict=True)
        )
        x = pad(x, padding)
        out = np.zeros((n, f, *size(oh, ow)), kind)
        for i, j in np.ndindex(out.shape[2:]):
            top, left = corner(i, j, stride, dilation)
            rows = slice(top, top + span(kh, dilation), dilation)
            columns = slice(left, left + span(kw, dilation), dilation)
            rows, columns = at(rows, columns)
            patch = x[:, :, rows, columns]
            out[:, :, i, j] = product(patch, w)
        if into and b is not None:
            out += b[:, None, None]
            return out
        return end(out if b is None else out + b[:, None, None])

    return answer


def _partly_framed(rows=(1, 1), columns=(1, 1)):
    """Return a padding that leaves out some of the four sides."""
    return lambda x, p: np.pad(
        x, ((0, 0), (0, 0), *(tuple(p * n for n in one) for one in (rows, columns)))
    )


_ONE_SIDED = (
    "the frame lies on one side only: np.pad wants (P, P) for the rows and for "
)
_ONE_SIDED += "the columns, before and after."
_BEFORE, _AFTER = (_partly_framed(one, one) for one in ((1, 0), (0, 1)))


def _one_dot(patch, w):
    return np.tensordot(patch, w, ((1, 2, 3), (1, 2, 3)))


_X = np.arange(24.0).reshape(1, 1, 4, 6) % 7
_W = np.array([[[[1.0, 2.0], [0.0, -1.0], [3.0, 0.5]]]])  # (1, 1, 3, 2)
_X3 = (np.arange(90.0).reshape(1, 3, 5, 6) * 5 % 11) - 4
_W3 = (np.arange(36.0).reshape(2, 3, 3, 2) * 7 % 5) - 2
_B3 = np.array([10.0, -20.0])
_LECTURE = kernels.LECTURE[None, None]

conv2d = Exercise(
    name="conv2d",
    notebook="07",
    reference=ops.conv2d,
    drawn=30,
    cases=(
        Case((_X[:, :, :1, :3], np.array([[[[1.0, 2.0]]]])), "one row, by hand"),
        Case((_LECTURE, kernels.VERTICAL[None, None]), "the lecture's 6 x 6 image"),
        Case((_X, _W), "a kernel of 3 rows and 2 columns"),
        Case((_X, _W, np.array([5.0])), "and a bias"),
        Case((_X3, _W3, _B3), "3 channels, 2 filters"),
        Case((_X, _W, None, 2), "stride 2"),
        Case((_X, _W, None, 1, 1), "padding 1"),
        Case((_X, _W[:, :, :2], None, 1, 0, 2), "dilation 2"),
        Case((np.concatenate([_X3, 2 - _X3]), _W3, _B3, 2, 1), "2 images"),
    ),
    samples=_drawn_conv,
    mistakes=(
        Mistake(
            "kernel turned round",
            _with_kernel(lambda w: w[:, :, ::-1, ::-1]),
            "the kernel is turned by 180 degrees: here it lies on the patch as it "
            "stands, w[f, c, 0, 0] on the patch's top left pixel.",
        ),
        Mistake(
            "bias forgotten",
            lambda x, w, b=None, stride=1, padding=0, dilation=1, groups=1: ops.conv2d(
                x, w, None, stride, padding, dilation
            ),
            "the bias is missing: add b[f] to the whole map of filter f.",
        ),
        Mistake(
            "padding ignored",
            _with(lambda given: {"padding": 0}),
            "the padding is not used: frame the image with zeros first.",
        ),
        Mistake(
            "stride ignored",
            _with(lambda given: {"stride": 1}),
            "the stride is not used: the windows begin S pixels apart.",
        ),
        Mistake(
            "dilation ignored",
            _with(lambda given: {"dilation": 1}),
            "the dilation is not used: neighbouring numbers of the kernel meet pixels "
            "that lie D apart.",
        ),
        Mistake(
            "stride for the size only",
            _conv(at=_unstrided),
            "the map has the right size, but its windows begin 1 pixel apart: window "
            "(i, j) begins at pixel (S i, S j).",
        ),
        Mistake(
            "window not spread",
            _conv(at=_contiguous),
            "with dilation the window takes every D-th pixel: the slice needs the step "
            "D.",
        ),
        Mistake(
            "spread window cut short",
            _conv(at=_cut_short),
            "the slice ends too early for a spread kernel: it spans D (K - 1) + 1 "
            "pixels.",
        ),
        Mistake(
            "all axes padded",
            _hinted(pad=lambda x, padding: np.pad(x, padding)),
            "np.pad(x, padding) frames all four axes, the images and channels too: "
            "give the widths axis by axis, ((0, 0), (0, 0), (P, P), (P, P)).",
        ),
        Mistake(
            "padded with the edge",
            _conv(pad=lambda x, padding: _framed(x, padding, mode="edge")),
            "the frame repeats the pixels at the edge; here it holds zeros.",
        ),
        Mistake(
            "rows and columns exchanged",
            _hinted(at=lambda rows, columns: (columns, rows)),
            "the window's rows and columns are exchanged: i goes down, j to the right.",
        ),
        Mistake(
            "sizes exchanged",
            _hinted(size=lambda oh, ow: (ow, oh)),
            "OH and OW are exchanged: OH comes from the rows, x.shape[2].",
        ),
        Mistake(
            "size of the framed image",
            _hinted(framed_twice=True),
            "the padding is counted twice: the size is taken of the framed image, and "
            "out_size adds the frame once more.",
        ),
        Mistake(
            "frame not put on",
            _hinted(pad=lambda x, padding: x),
            "the map has room for the padding, but the image has no frame: put zeros "
            "round it.",
        ),
        *(
            Mistake(f"frame {where} only{how}", _hinted(pad=pad, **form), _ONE_SIDED)
            for where, pad in (("before", _BEFORE), ("behind", _AFTER))
            for how, form in (
                ("", {}),
                (", filter by filter", {"product": _by_filter}),
                (", one by one", {"product": _one_by_one}),
                (", size to match", {"bare": True}),
            )
        ),
        Mistake(
            "rows framed only",
            _hinted(pad=_partly_framed(columns=(0, 0))),
            "only the rows have a frame: np.pad wants (P, P) for the columns, too.",
        ),
        Mistake(
            "columns framed only",
            _hinted(pad=_partly_framed(rows=(0, 0))),
            "only the columns have a frame: np.pad wants (P, P) for the rows, too.",
        ),
        Mistake(
            "frame of ones",
            _hinted(pad=lambda x, padding: _framed(x, padding, constant_values=1)),
            "the frame holds ones; here it holds zeros.",
        ),
        *(
            Mistake(
                f"KH and KW exchanged{how}",
                _hinted(sides=lambda kh, kw: (kw, kh), **form),
                "KH and KW are exchanged: w.shape is (F, C, KH, KW), rows first.",
            )
            for how, form in (("", {}), (", one by one", {"product": _one_by_one}))
        ),
        Mistake(
            "slice ends too early",
            _hinted(span=lambda k, d: d * (k - 1)),
            "the slice ends one pixel too early: it leaves its end out, so the end is "
            "top + D (K - 1) + 1.",
        ),
        Mistake(
            "slice of K pixels",
            _hinted(span=lambda k, d: k),
            "the slice ends too early for a spread kernel: it spans D (K - 1) + 1 "
            "pixels.",
        ),
        Mistake(
            "size without the dilation",
            _hinted(sized_by=1),
            "the map is too large: its size needs the dilation, as the spread kernel "
            "has fewer places.",
        ),
        Mistake(
            "corner times the dilation",
            _hinted(corner=lambda i, j, s, d: (i * s * d, j * s * d)),
            "window (i, j) begins at pixel (S i, S j); the dilation spreads its "
            "numbers, not the places.",
        ),
        Mistake(
            "stride for the rows only",
            _hinted(corner=lambda i, j, s, d: (i * s, j)),
            "the columns do not use the stride: left is j * stride.",
        ),
        Mistake(
            "stride for the columns only",
            _hinted(corner=lambda i, j, s, d: (i, j * s)),
            "the rows do not use the stride: top is i * stride.",
        ),
        *(
            Mistake(
                f"kernel transposed{how}",
                _hinted(product=product),
                "rows and columns of the kernel are exchanged: w[f, c, k, l] meets row "
                "k and column l of the patch.",
            )
            for how, product in (
                ("", _summed("ncab,fcba->nf")),
                (
                    " first",
                    lambda patch, w: _as_hinted(patch, w.swapaxes(2, 3)),
                ),
                (", one by one", lambda patch, w: _one_by_one(patch, w.swapaxes(2, 3))),
            )
        ),
        Mistake(
            "kernel upside down",
            _with_kernel(lambda w: w[:, :, ::-1]),
            "the kernel's rows run backwards: its first row meets the patch's first.",
        ),
        Mistake(
            "kernel from right to left",
            _with_kernel(lambda w: w[:, :, :, ::-1]),
            "the kernel's columns run backwards: its first column meets the patch's "
            "first.",
        ),
        Mistake(
            "channels not matched",
            _hinted(product=_summed("ncab,fdab->nf")),
            "every channel of the patch meets every kernel of the filter: w[f, c] "
            "belongs to channel c alone, so both need the same letter.",
        ),
        Mistake(
            "summed over the images",
            _hinted(product=_summed("ncab,fcab->f")),
            "the images are added up: every image has maps of its own, so N stays.",
        ),
        Mistake(
            "whole numbers",
            _hinted(kind=int),
            "fractions are cut off: the maps stand in an array of whole numbers. Begin "
            "with np.zeros(...), which holds floats.",
        ),
        Mistake(
            "whole numbers, and the bias into them",
            _hinted(kind=int, into=True),
            "fractions are cut off: the maps stand in an array of whole numbers. Begin "
            "with np.zeros(...), which holds floats.",
        ),
        Mistake(
            "filters last",
            _hinted(end=lambda out: out.transpose(0, 2, 3, 1)),
            "the filters come last; wanted is (N, F, OH, OW).",
        ),
        Mistake(
            "last channel only",
            _conv(lambda patch, w: _one_dot(patch[:, -1:], w[:, -1:])),
            "only the last channel is used: add the channels up, with +=.",
        ),
        Mistake(
            "first channel only",
            _conv(
                lambda patch, w: np.tensordot(patch[:, 0], w[:, 0], ((1, 2), (1, 2)))
            ),
            "only the first channel is used: sum over all of them.",
        ),
        Mistake(
            "kernel of the first channel",
            _conv(
                lambda patch, w: np.tensordot(
                    patch.sum(axis=1), w[:, 0], ((1, 2), (1, 2))
                )
            ),  # fmt: skip
            "the kernel of channel 0 meets every channel: w[f, c] belongs to c.",
        ),
        Mistake(
            "mean over the window",
            _conv(lambda patch, w: _one_dot(patch, w) / w[0].size),
            "this is the mean of the products; wanted is their sum.",
        ),
        Mistake(
            "bias once a channel",
            _conv(bias=lambda out, b: out + b[None, :, None, None] * 2),
            "the bias is added more than once; it belongs there once.",
        ),
        Mistake(
            "bias along the columns",
            _conv(bias=lambda out, b: out + b),
            "b is added along the last axis: filter f is axis 1, so b[:, None, None].",
        ),
        Mistake(
            "first filter only",
            _conv(lambda patch, w: _one_dot(patch, w[:1])),
            "all maps are that of filter 0: filter f makes map f.",
        ),
        Mistake(
            "first image only",
            _conv(lambda patch, w: _one_dot(patch[:1], w)),
            "all images get the maps of the first one.",
        ),
    ),
    hints_=(
        "Frame the image: `x = np.pad(x, ((0, 0), (0, 0), (padding, padding), "
        "(padding, padding)))`. Take OH and OW from `yours.out_size`, before that. "
        "Begin with `out = np.zeros((n, f, oh, ow))`.",
        "`for i, j in np.ndindex(oh, ow):` goes over all places. The window begins at "
        "`top, left = i * stride, j * stride`, and its patch is x[:, :, rows, columns] "
        "with `rows = slice(top, top + dilation * (kh - 1) + 1, dilation)`, and the "
        "same for the columns.",
        "Multiply and sum over channel, row and column, for all images and filters at "
        "once, with the patch as `patch = x[:, :, rows, columns]`: "
        '`out[:, :, i, j] = np.einsum("ncab,fcab->nf", patch, w)`.',
        "At the end, where b is not None: `out = out + b[:, None, None]`.",
    ),
)


# ------------------------------------------------------------------ conv_parameters


def _parameters(each=lambda c, f, kh, kw: c * f * kh * kw, more=lambda c, f: f):
    """Return an answer with this many weights, and this many for the biases."""

    def answer(in_channels, filters, kernel_size, groups=1, bias=True):
        pair = isinstance(kernel_size, tuple)
        kh, kw = kernel_size if pair else (kernel_size, kernel_size)
        found = each(in_channels, filters, kh, kw)
        return found + (more(in_channels, filters) if bias else 0)

    return answer


def _always_a_pair(in_channels, filters, kernel_size, groups=1, bias=True):
    kh, kw = kernel_size
    return filters * in_channels * kh * kw + (filters if bias else 0)


def _drawn_parameters(rng, size):
    c, f, k = (int(one) for one in rng.integers(1, 3 + 4 * size, 3))
    if rng.random() < 0.3:
        return Case((c, f, (k, int(rng.integers(1, 9)))))
    return Case((c, f, k), kwargs={} if rng.random() < 0.6 else {"bias": False})


conv_parameters = Exercise(
    name="conv_parameters",
    notebook="07",
    reference=shapes.conv_params,
    cases=(
        Case((1, 1, 3), "one kernel and its bias: 10"),
        Case((1, 2, 3), "two filters"),
        Case((3, 10, 5), "3 channels, 10 filters of 5 x 5: 760"),
        Case((3, 10, 3), "3 channels, 10 filters of 3 x 3: 280"),
        Case((2, 3, (1, 5)), "a kernel of 1 row and 5 columns"),
        Case((3, 4, 2), "without biases", {"bias": False}),
    ),
    samples=_drawn_parameters,
    mistakes=(
        Mistake(
            "biases forgotten",
            _parameters(more=lambda c, f: 0),
            "the biases are missing: every filter has one.",
        ),
        Mistake(
            "one bias for all",
            _parameters(more=lambda c, f: 1),
            "one bias in all; every filter has its own.",
        ),
        Mistake(
            "a bias for each channel",
            _parameters(more=lambda c, f: c * f),
            "a bias for each channel of a filter; the sum over the channels gets one.",
        ),
        Mistake(
            "channels forgotten",
            _parameters(lambda c, f, kh, kw: f * kh * kw),
            "a filter has a kernel for every input channel: multiply by C.",
        ),
        Mistake(
            "filters forgotten",
            _parameters(lambda c, f, kh, kw: c * kh * kw),
            "these are the weights of one filter: multiply by F.",
        ),
        Mistake(
            "kernel not squared",
            _parameters(lambda c, f, kh, kw: c * f * kh),
            "a kernel has rows and columns: KH times KW weights.",
        ),
        Mistake(
            "sides added",
            _parameters(lambda c, f, kh, kw: c * f * (kh + kw)),
            "the two sides of the kernel are added: KH times KW weights.",
        ),
        Mistake(
            "a bias for each input channel",
            _parameters(more=lambda c, f: c),
            "a bias for each input channel is counted; each filter has one: F.",
        ),
        Mistake(
            "one kernel, one bias",
            _parameters(lambda c, f, kh, kw: c * kh * kw, lambda c, f: 1),
            "these are the numbers of one filter: multiply by F, the bias, too.",
        ),
        Mistake(
            "a pair taken for its second number",
            _parameters(lambda c, f, kh, kw: c * f * kw * kw),
            "kernel_size may be a pair (rows, columns): multiply both.",
        ),
        Mistake(
            "a pair multiplied by itself",
            lambda c, f, kernel_size, groups=1, bias=True: (
                f * c * kernel_size * kernel_size + (f if bias else 0)
            ),
            "kernel_size may be a pair, which cannot be multiplied by itself: take its "
            "two numbers first, kh, kw = kernel_size.",
        ),
        Mistake(
            "a pair squared",
            lambda c, f, kernel_size, groups=1, bias=True: (
                f * c * kernel_size**2 + (f if bias else 0)
            ),
            "kernel_size may be a pair, which cannot be squared: take its two numbers "
            "first, kh, kw = kernel_size.",
        ),
        Mistake(
            "always a pair",
            _always_a_pair,
            "kernel_size may be one number, which cannot be taken apart: then KH and "
            "KW are both that number.",
        ),
        Mistake(
            "biases always",
            lambda c, f, kernel_size, groups=1, bias=True: shapes.conv_params(
                c, f, kernel_size
            ),
            "with bias=False there are no biases to count.",
        ),
        Mistake(
            "a pair taken for its first number",
            lambda c, f, kernel_size, groups=1, bias=True: shapes.conv_params(
                c, f, np.ravel(kernel_size)[0], bias=bias
            ),
            "kernel_size may be a pair (rows, columns): multiply both.",
        ),
    ),
    hints_=(
        "How many weights does one filter have, that looks at C channels through KH "
        "rows and KW columns? And one bias.",
        "`pair = isinstance(kernel_size, tuple)`, then "
        "`kh, kw = kernel_size if pair else (kernel_size, kernel_size)`.",
        "`return filters * in_channels * kh * kw + (filters if bias else 0)`",
    ),
)


# -------------------------------------------------------------------------- im2col


def _drawn_patches(rng, size):
    sides, kernel, stride, padding, dilation = _drawn_geometry(rng, size)
    n, c = (int(one) for one in rng.integers(1, 4, 2))
    x = _numbers(rng, n, c, *sides)
    size = kernel if rng.random() < 0.5 else min(kernel)
    return Case((x, size, stride, padding, dilation))


def _columns(arrange, settings=lambda given: {}):
    """Return an answer that arranges (N, C, KH, KW, OH, OW) in this way."""

    def answer(x, kernel_size, stride=1, padding=0, dilation=1):
        pair = isinstance(kernel_size, tuple)
        kh, kw = kernel_size if pair else (kernel_size, kernel_size)
        given = {"stride": stride, "padding": padding, "dilation": dilation}
        given |= settings(given)
        found = fast.im2col(x, (kh, kw), **given)
        oh, ow = (
            shapes.out_size(n, k, **given)
            for n, k in zip(x.shape[2:], (kh, kw), strict=True)
        )
        return arrange(found.reshape(*x.shape[:2], kh, kw, oh, ow))

    return answer


def _cut(number=lambda i, j, oh, ow, kh, kw: i * ow + j, pad=_framed, order="C",
         sides=lambda kh, kw: (kh, kw), corner=lambda i, j, s, d: (i * s, j * s),
         span=lambda k, d: d * (k - 1) + 1, kind=float):  # fmt: skip
    """Return an answer written as the hints say, but for one slip."""

    def answer(x, kernel_size, stride=1, padding=0, dilation=1):
        pair = isinstance(kernel_size, tuple)
        kh, kw = sides(*(kernel_size if pair else (kernel_size, kernel_size)))
        n, c = x.shape[:2]
        oh, ow = (
            _plain_size(m, k, stride, padding, dilation)
            for m, k in zip(x.shape[2:], (kh, kw), strict=True)
        )
        x, columns = pad(x, padding), np.zeros((n, c * kh * kw, oh * ow), kind)
        for i, j in np.ndindex(oh, ow):
            top, left = corner(i, j, stride, dilation)
            rows = slice(top, top + span(kh, dilation), dilation)
            cols = slice(left, left + span(kw, dilation), dilation)
            patch = x[:, :, rows, cols].reshape(n, -1, order=order)
            columns[:, :, number(i, j, oh, ow, kh, kw)] = patch
        return columns

    return answer


def _flat(six, *axes):
    """Return (N, first three axes, last two axes) of the six, reordered."""
    six = six.transpose(0, *axes)
    return six.reshape(len(six), np.prod(six.shape[1:4]), -1)


im2col = Exercise(
    name="im2col",
    notebook="07",
    reference=fast.im2col,
    drawn=30,
    cases=(
        Case((_X[:, :, :2, :3], 2), "two places"),
        Case((_X[:, :, :3, :4], 2), "six places"),
        Case((_X, (3, 2)), "windows of 3 rows and 2 columns"),
        Case((_X3, (3, 2)), "3 channels"),
        Case((_X, 2, 2), "stride 2"),
        Case((_X[:, :, :2, :3], 2, 1, 1), "padding 1"),
        Case((_X, 2, 1, 0, 2), "dilation 2"),
        Case((np.concatenate([_X3, 2 - _X3]), 2, 2, 1), "2 images"),
    ),
    samples=_drawn_patches,
    mistakes=(
        Mistake(
            "places as rows",
            _columns(lambda six: _flat(six, 1, 2, 3, 4, 5).transpose(0, 2, 1)),
            "rows and columns are exchanged: every patch is a column, every place of "
            "the kernel a row.",
        ),
        Mistake(
            "only reshaped",
            _columns(
                lambda six: np.ascontiguousarray(
                    _flat(six, 1, 2, 3, 4, 5).transpose(0, 2, 1)
                ).reshape(len(six), -1, six.shape[4] * six.shape[5])
            ),
            "the shape is right, but the numbers are out of order: reshape does not "
            "exchange axes. Write patch after patch into its column.",
        ),
        Mistake(
            "channels last",
            _columns(lambda six: _flat(six, 2, 3, 1, 4, 5)),
            "the channels run fastest down a column; the order is channel, then row, "
            "then column of the kernel.",
        ),
        Mistake(
            "kernel by columns",
            _columns(lambda six: _flat(six, 1, 3, 2, 4, 5)),
            "the patch is read column by column; read it row by row.",
        ),
        Mistake(
            "places by columns",
            _columns(lambda six: _flat(six, 1, 2, 3, 5, 4)),
            "the places are taken column by column; go along the rows of the map.",
        ),
        Mistake(
            "padding ignored",
            _columns(lambda six: _flat(six, 1, 2, 3, 4, 5), lambda g: {"padding": 0}),
            "the padding is not used: frame the image with zeros first.",
        ),
        Mistake(
            "stride ignored",
            _columns(lambda six: _flat(six, 1, 2, 3, 4, 5), lambda g: {"stride": 1}),
            "the stride is not used: the windows begin S pixels apart.",
        ),
        Mistake(
            "dilation ignored",
            _columns(lambda six: _flat(six, 1, 2, 3, 4, 5), lambda g: {"dilation": 1}),
            "the dilation is not used: the window takes every D-th pixel.",
        ),
        Mistake(
            "numbered by OH",
            _cut(lambda i, j, oh, ow, kh, kw: i * oh + j),
            "place (i, j) is column i OW + j: a row of the map has OW places, not OH.",
        ),
        Mistake(
            "numbered by KW",
            _cut(lambda i, j, oh, ow, kh, kw: i * kw + j),
            "place (i, j) is column i OW + j: a row of the map has OW places, not KW.",
        ),
        Mistake(
            "patch in order F",
            _cut(order="F"),
            'the patch is read with order="F", so channels run fastest; leave the '
            "order out: channel by channel, row by row.",
        ),
        Mistake(
            "padded with the edge",
            _cut(pad=lambda x, padding: _framed(x, padding, mode="edge")),
            "the frame repeats the pixels at the edge; here it holds zeros.",
        ),
        Mistake(
            "all axes padded",
            _cut(pad=lambda x, padding: np.pad(x, padding)),
            "np.pad(x, padding) frames all four axes, the images and channels too: "
            "give the widths axis by axis, ((0, 0), (0, 0), (P, P), (P, P)).",
        ),
        Mistake(
            "frame before only",
            _cut(pad=_BEFORE),
            _ONE_SIDED,
        ),
        Mistake(
            "frame behind only",
            _cut(pad=_AFTER),
            _ONE_SIDED,
        ),
        Mistake(
            "KH and KW exchanged",
            _cut(sides=lambda kh, kw: (kw, kh)),
            "KH and KW are exchanged: the pair is (rows, columns).",
        ),
        Mistake(
            "stride for the rows only",
            _cut(corner=lambda i, j, s, d: (i * s, j)),
            "the columns do not use the stride: left is j * stride.",
        ),
        Mistake(
            "stride for the columns only",
            _cut(corner=lambda i, j, s, d: (i, j * s)),
            "the rows do not use the stride: top is i * stride.",
        ),
        Mistake(
            "slice of K pixels",
            _cut(span=lambda k, d: k),
            "the slice ends too early for a spread kernel: it spans D (K - 1) + 1 "
            "pixels.",
        ),
        Mistake(
            "whole numbers",
            _cut(kind=int),
            "fractions are cut off: the columns stand in an array of whole numbers. "
            "Begin with np.zeros(...), which holds floats.",
        ),
        Mistake(
            "images side by side",
            _columns(
                lambda six: np.concatenate(list(_flat(six, 1, 2, 3, 4, 5)), axis=1)
            ),
            "the columns of all images stand side by side; every image has columns of "
            "its own, so the shape is (N, C KH KW, OH OW).",
        ),
        Mistake(
            "images below each other",
            _columns(
                lambda six: np.concatenate(list(_flat(six, 1, 2, 3, 4, 5)), axis=0)
            ),
            "the axis of the images is missing: every image has columns of its own, so "
            "the shape is (N, C KH KW, OH OW).",
        ),
        Mistake(
            "first image only",
            _columns(lambda six: _flat(six[:1], 1, 2, 3, 4, 5)[0]),
            "the axis of the images is missing: every image has columns of its own, so "
            "the shape is (N, C KH KW, OH OW).",
        ),
        Mistake(
            "patches turned round",
            _columns(lambda six: _flat(six[:, :, ::-1, ::-1], 1, 2, 3, 4, 5)),
            "every patch is turned by 180 degrees: its top left pixel comes first.",
        ),
    ),
    hints_=(
        "Take `kh, kw` from kernel_size as in conv_parameters, frame x with zeros, "
        "and get OH and OW from `yours.out_size`, all as in conv2d.",
        "Begin with `columns = np.zeros((n, c * kh * kw, oh * ow))`. The same loop as "
        "in conv2d goes over the places.",
        "Place (i, j) is column number `i * ow + j`. Its patch, read channel by "
        "channel and row by row, is `x[:, :, rows, cols].reshape(n, -1)`.",
    ),
)


# ------------------------------------------------------------------ conv2d_backward


def _drawn_backward(rng, size):
    sides, kernel, stride, padding, _ = _drawn_geometry(rng, size, (1,))
    n, c, f = (int(one) for one in rng.integers(1, 4, 3))
    x, w = _numbers(rng, n, c, *sides), _numbers(rng, f, c, *kernel)
    return _backward_case(rng, x, w, stride, padding)


def _backward_case(rng, x, w, stride=1, padding=0, note=""):
    oh, ow = (
        shapes.out_size(n, k, stride, padding)
        for n, k in zip(x.shape[2:], w.shape[2:], strict=True)
    )
    return Case((_numbers(rng, len(x), len(w), oh, ow), x, w, stride, padding), note)


def _give(kept, given):
    """Add what a window gives to its pixels, or to the weights."""
    kept += given


def _keep(kept, given):
    """Overwrite what an earlier window gave."""
    kept[...] = given


def _back(to_w=_give, to_x=_give, back=lambda w: w, at=lambda i, j, r, c: (r, c),
          crop=True, cut=False, half=False):  # fmt: skip
    """Return an answer that goes by these rules."""

    def answer(dout, x, w, stride=1, padding=0, dilation=1, groups=1):
        places = list(_places(x, w, stride, padding, dilation))
        high, wide = x.shape[2:]
        x = _framed(x, padding)
        dx, dw = np.zeros(x.shape), np.zeros(w.shape)
        for i, j, rows, columns in places:
            rows, columns = at(i, j, rows, columns)
            d = dout[:, :, i, j]
            to_w(dw, np.tensordot(d, x[:, :, rows, columns], (0, 0)))
            to_x(dx[:, :, rows, columns], np.tensordot(d, back(w), 1))
        if crop:
            dx = dx[:, :, padding : padding + high, padding : padding + wide]
        if cut:
            dx = dx[:, :, padding:-padding, padding:-padding]
        if half:
            dx = dx[:, :, padding:, padding:]
        return dx, dw, dout.sum(axis=(0, 2, 3))

    return answer


def _changed(change):
    """Return an answer that alters the right gradients."""

    def answer(dout, x, w, stride=1, padding=0, dilation=1, groups=1):
        return change(*grads.conv2d_backward(dout, x, w, stride, padding), dout)

    return answer


_RNG = np.random.default_rng(7)
_DOUT1 = np.array([[[[1.0, 0.0, 0.0, 0.0, 0.0]]]])

conv2d_backward = Exercise(
    name="conv2d_backward",
    notebook="07",
    reference=grads.conv2d_backward,
    outputs=("dx", "dw", "db"),
    drawn=25,
    cases=(
        Case(
            (_DOUT1, _X[:, :, :1], np.array([[[[2.0, 3.0]]]])),
            "blame at one place only",
        ),
        Case((2 + _DOUT1, _X[:, :, :1], np.array([[[[2.0, 3.0]]]])), "windows overlap"),
        _backward_case(_RNG, _X, _W, note="a kernel of 3 rows and 2 columns"),
        _backward_case(_RNG, _X3, _W3, note="3 channels, 2 filters"),
        _backward_case(_RNG, _X, _W, 2, note="stride 2"),
        _backward_case(_RNG, _X, _W, 1, 1, note="padding 1"),
        _backward_case(
            _RNG, np.concatenate([_X3, 2 - _X3]), _W3, 2, 1, "2 images, all of it"
        ),
    ),
    samples=_drawn_backward,
    mistakes=(
        Mistake(
            "overlaps overwritten",
            _back(to_x=_keep),
            "dx: a pixel under several windows keeps the blame of the last one only; "
            "uses add up: +=.",
        ),
        Mistake(
            "last place only",
            _back(to_w=_keep),
            "dw: the kernel keeps the blame of the last place only; it is used at "
            "every place, and uses add up: +=.",
        ),
        Mistake(
            "both overwritten",
            _back(to_x=_keep, to_w=_keep),
            "dx and dw keep the blame of the last window only; uses add up: +=.",
        ),
        Mistake(
            "frame left on",
            _back(crop=False),
            "dx has the size of the framed image: cut the padding off again.",
        ),
        Mistake(
            "frame cut off by -P",
            _back(crop=False, cut=True),
            "dx: the slice P : -P is empty where P is 0; write P : P + H.",
        ),
        Mistake(
            "frame cut off before only",
            _back(crop=False, half=True),
            "dx: the frame is cut off before the image, but not behind it: the slice "
            "is P : P + H.",
        ),
        Mistake(
            "db summed over the images only",
            _changed(lambda dx, dw, db, dout: (dx, dw, dout.sum(axis=0))),
            "db: sum over rows and columns of the map, too.",
        ),
        Mistake(
            "kernel turned round",
            _back(back=lambda w: w[:, :, ::-1, ::-1]),
            "dx: the kernel is turned by 180 degrees; the weight that met a pixel on "
            "the way forward sends the blame to that same pixel.",
        ),
        Mistake(
            "stride ignored",
            _back(at=_unstrided),
            "the windows begin 1 pixel apart; window (i, j) begins at pixel "
            "(S i, S j), as on the way forward.",
        ),
        Mistake(
            "db of the first place",
            _changed(lambda dx, dw, db, dout: (dx, dw, dout[:, :, 0, 0].sum(axis=0))),
            "db: the bias is used at every place, so sum over all of them.",
        ),
        Mistake(
            "db a mean",
            _changed(lambda dx, dw, db, dout: (dx, dw, dout.mean(axis=(0, 2, 3)))),
            "db is the sum over images and places, not their mean.",
        ),
        Mistake(
            "db for each image",
            _changed(lambda dx, dw, db, dout: (dx, dw, dout.sum(axis=(2, 3)))),
            "db: sum over the images, too.",
        ),
        Mistake(
            "dw a mean over the images",
            _changed(lambda dx, dw, db, dout: (dx, dw / len(dout), db)),
            "dw is averaged over the images; all uses of a weight add up.",
        ),
        Mistake(
            "dw a mean over the places",
            _changed(lambda dx, dw, db, dout: (dx, dw / dout[0, 0].size, db)),
            "dw is averaged over the places; all uses of a weight add up.",
        ),
        Mistake(
            "another order",
            _changed(lambda dx, dw, db, dout: (dw, dx, db)),
            "the order is dx, dw, db: that of the inputs x, w, b.",
        ),
        Mistake(
            "dx without the kernel",
            _back(back=lambda w: np.ones_like(w)),
            "dx: the weights are missing; a pixel's slope is the weight that met it.",
        ),
    ),
    hints_=(
        "The loop of conv2d, once more, over the framed image. A use of a weight is "
        "one product: a pixel, times this weight, in the answer at (i, j). Its blame "
        "is dout[n, f, i, j] times the pixel; the pixel's is dout[n, f, i, j] times "
        "the weight.",
        "Start with zeros: `dx, dw = np.zeros(x.shape), np.zeros(w.shape)`, after the "
        "frame is put on. At each place take `d = dout[:, :, i, j]`, (N, F).",
        '`dw += np.einsum("nf,ncab->fcab", d, x[:, :, rows, columns])` and '
        '`dx[:, :, rows, columns] += np.einsum("nf,fcab->ncab", d, w)`.',
        "Cut the frame off: `dx = dx[:, :, padding : padding + high, padding : padding "
        "+ wide]`, where `high, wide = x.shape[2:]` was kept before framing. And "
        "`db = dout.sum(axis=(0, 2, 3))`.",
    ),
)


# ---------------------------------------------------------------- slide: find the bug


def _turned(x, w):
    """Return the map of one kernel (KH, KW) slid over one image (H, W)."""
    kh, kw = w.shape
    out = np.zeros((x.shape[0] - kh + 1, x.shape[1] - kw + 1))
    for i, j in np.ndindex(out.shape):
        for a, b in np.ndindex(w.shape):
            out[i, j] += x[i + a, j + b] * w[kh - 1 - a, kw - 1 - b]
    return out


def _transposed_slide(x, w):
    kh, kw = w.shape
    out = np.zeros((x.shape[0] - kh + 1, x.shape[1] - kw + 1))
    for i, j in np.ndindex(out.shape):
        for a, b in np.ndindex(w.shape):
            out[i, j] += x[i + a, j + b] * w[b, a]
    return out


def _drawn_slide(rng, size):
    kernel = rng.integers(1, 4, 2)
    return Case((_numbers(rng, *(kernel + rng.integers(0, size, 2))),
                 _numbers(rng, *kernel)))  # fmt: skip


slide = FindBug(
    name="slide",
    notebook="07",
    reference=kernels.slide,
    broken=_turned,
    causes=(
        Cause(
            "a",
            "Every patch begins one pixel too late.",
            "Patch (i, j) begins at pixel (i, j), and ends inside the image.",
        ),
        Cause(
            "b",
            "The kernel lies on the patch turned by 180 degrees.",
            "Its last number meets the first pixel. That is what mathematics calls "
            "convolution; what networks do is called cross-correlation there.",
            right=True,
        ),
        Cause(
            "c",
            "Rows and columns of the kernel are exchanged.",
            "Exchanged, this kernel would look for horizontal edges: try "
            "kernels.slide(kernels.LECTURE, kernels.VERTICAL.T).",
        ),
        Cause(
            "d",
            "Every product has the wrong sign.",
            "For this kernel it looks like that. Try one with all numbers positive.",
        ),
    ),
    cases=(
        Case((kernels.LECTURE, kernels.VERTICAL), "2, -17, -6: the lecture's image"),
        Case((np.array([[1.0, 2.0, 3.0]]), np.array([[1.0, 10.0]])), "one row"),
        Case((_X[0, 0], _W[0, 0]), "3 rows, 2 columns"),
        Case((kernels.CROSSED, kernels.DIAGONALS), "a kernel that is its own turn"),
    ),
    samples=_drawn_slide,
    mistakes=(
        Mistake(
            "signs turned",
            lambda x, w: -_turned(x, w),
            "now all signs are reversed, which mends only kernels whose numbers change "
            "sign when they are turned.",
        ),
        Mistake(
            "transposed",
            _transposed_slide,
            "now rows and columns of the kernel are exchanged: w[a, b], a goes down.",
        ),
        Mistake(
            "transposed and turned",
            lambda x, w: _transposed_slide(x, w[::-1, ::-1]),
            "the kernel is still turned, and its rows and columns are exchanged now.",
        ),
        Mistake(
            "only the rows mended",
            lambda x, w: kernels.slide(x, w[:, ::-1]),
            "now the kernel's rows are right, but its columns still run backwards.",
        ),
        Mistake(
            "only the columns mended",
            lambda x, w: kernels.slide(x, w[::-1]),
            "now the kernel's columns are right, but its rows still run backwards.",
        ),
        Mistake(
            "image turned as well",
            lambda x, w: kernels.slide(x[::-1, ::-1], w),
            "now the image is turned instead: the map comes out turned, too.",
        ),
        Mistake(
            "size of the answers",
            lambda x, w: np.abs(kernels.slide(x, w)),
            "now the signs are lost: the example's second answer is -17.",
        ),
    ),
    hints_=(
        "Do the first patch by hand, with the kernel's indices as the code has them: "
        "at a = 0, b = 0, which number of the kernel meets the first pixel?",
        "It is the last one, w[2, 2]. And at a = 0, b = 1?",
        "`out[i, j] += x[i + a, j + b] * w[a, b]`",
    ),
)


# ------------------------------------------------------------------- a kernel of yours

BAR = 0.925
_WIDEST = 9


def _score_kernel(answer):
    kernel = answer() if callable(answer) else answer
    if kernel is None:
        raise ValueError("Your function gives None: is a `return` missing?")
    kernel = np.asarray(kernel)
    if kernel.dtype.kind not in "biuf":
        raise ValueError(f"A kernel holds real numbers; yours has {kernel.dtype}.")
    kernel = kernel.astype(float)
    if kernel.ndim != 2 or not kernel.size or max(kernel.shape) > _WIDEST:
        raise ValueError(
            f"A kernel has rows and columns, from 1 x 1 to {_WIDEST} x {_WIDEST}; got "
            f"shape {kernel.shape}."
        )
    if not np.isfinite(kernel).all():
        raise ValueError("A kernel holds finite numbers; yours has NaN or infinity.")
    share = kernels.pairs_right(kernel, "test")
    return Score(share, _about(kernel, share), _worst(kernel) if share < 1 else ())


def _about(kernel, share) -> str:
    turned = kernels.pairs_right(kernel.T, "test")
    if not kernel.any():
        return "All its numbers are 0, so it never lights up."
    if turned >= BAR:
        return "Turned on its side it would pass: exchange rows and columns."
    if abs(share - 0.5) < 0.05:
        return (
            "It sees no difference: rows and columns are treated alike, or it measures "
            "brightness. Take a kernel that differs from its transpose."
        )
    if share < 0.5:
        return "It prefers the bricks that lie: exchange rows and columns."
    if share < BAR:
        return (
            "It sees the direction. A joint from top to bottom is a narrow line here; "
            "a kernel for edges stays below the bar."
        )
    return "It sees upright bricks."


def _worst(kernel):
    """Return the lying patch that lights up most, and the upright that does least."""
    upright, lying = kernels.bricks("test")
    least = upright[kernels.light(kernel, upright).argmin()]
    most = lying[kernels.light(kernel, lying).argmax()]
    return [
        ((255 * least).astype(np.uint8), "the upright bricks that light up least"),
        ((255 * most).astype(np.uint8), "the lying bricks that light up most"),
    ]


brick_kernel = Open(
    name="brick_kernel",
    notebook="07",
    reference=kernels.brick_kernel,
    score=_score_kernel,
    bar=BAR,
    measured_on="all pairs of 128 upright and 128 lying squares, the lower half of it",
    wants="a function that returns a kernel",
    mistakes=(
        Mistake("zeros", lambda: np.zeros((3, 3)), "never lights up"),
        Mistake("blur", lambda: np.full((3, 3), 1 / 9), "sees no difference"),
        Mistake("sobel", lambda: kernels.VERTICAL, "is a narrow line here"),
        Mistake("sobel on its side", lambda: kernels.VERTICAL.T, "prefers the bricks"),
        Mistake(
            "line on its side", lambda: kernels.brick_kernel().T, "Turned on its side"
        ),
        Mistake("no return", lambda: print(end=""), "is a `return` missing?"),
    ),
    hints_=(
        "Start with the lecture's kernel: it finds edges that run from top to bottom, "
        "and is right about 90% of the pairs.",
        "But look at the picture: a joint is a narrow line, with brick on both sides. "
        "Which three numbers in a row answer most to dark, bright, dark, and nothing "
        "to an even grey?",
        "`row = [-1.0, 2.0, -1.0]`, three times below each other: "
        "`return np.array([row, row, row])`.",
    ),
)

EXERCISES = (
    out_size,
    conv2d,
    slide,
    conv_parameters,
    conv2d_backward,
    im2col,
    brick_kernel,
)
