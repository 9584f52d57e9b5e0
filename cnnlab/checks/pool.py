"""The exercises of notebook 08: pooling, its way back, and what a unit sees."""

import numpy as np

from cnnlab import fields, grads, ops, shapes
from cnnlab.checks._base import (
    Case,
    Cause,
    Exercise,
    FindBug,
    Mistake,
    Open,
    Score,
)

# ------------------------------------------------------------------------ pooling


def _maps(rng, *shape):
    """Draw feature maps of whole numbers: many of them below 0, some of them equal."""
    return rng.integers(-9, 10, shape).astype(float)


def _drawn_pooling(rng, size):
    """Draw (x, kernel_size) or (x, kernel_size, stride) of all kinds."""
    k = int(rng.integers(1, 4))
    stride = (None, 1, 2, 3, 4)[rng.integers(5)]
    h, w = (int(k + rng.integers(0, size + 2)) for _ in range(2))
    n, c = (int(rng.integers(1, 3 + (size > 4))) for _ in range(2))
    x = _maps(rng, n, c, h, w)
    if rng.random() < 0.2:
        x -= 12.0  # all below 0
    if rng.random() < 0.5:
        x /= 2
    return (x, k) if stride is None else (x, k, stride)


_SEEN = np.array([[2, 0, 0, 20], [3, 0, 0, 12], [1, 0, 0, 12], [0, 0, 0, 15.0]])
_SMALL = np.array([[3, 1, 4, 1, 5], [9, 2, 6, 5, 3], [5, 8, 9, 7, 9], [3, 2, 3, 8, 4],
                   [6, 2, 6, 4, 3.0]])  # fmt: skip
_rng = np.random.default_rng(8)
_MANY = _maps(_rng, 2, 3, 6, 7)
_BELOW = -np.array([[[[4, 7, 1, 3], [2, 9, 5, 6.0]]]])

_POOLED = (
    Case((_SEEN[None, None], 2), "the 4 × 4 map of the text"),
    Case((_SMALL[None, None], 3, 2), "overlapping: windows of 3, steps of 2"),
    Case((_SMALL[None, None], 2), "a row and a column are left over"),
    Case((_BELOW, 2), "all below 0"),
    Case((_SMALL[None, None] / 4, 2, 3), "fractions; windows of 2, steps of 3"),
    Case((_MANY, 2, 1), "2 images, 3 channels, 6 × 7 pixels, steps of 1"),
    Case((_MANY, 3, 2), "2 images, 3 channels, overlapping"),
)


def _steps(kernel_size, stride):
    return kernel_size if stride is None else stride


def _windowed(summary, places=None, used=None):
    """Return a pooling with this summary of a window, or with other steps or places."""

    def answer(x, kernel_size, stride=None, padding=0, ceil_mode=False):
        stride = used(kernel_size, stride) if used else _steps(kernel_size, stride)
        rows, columns = (
            shapes.out_size(side, kernel_size, stride) for side in x.shape[2:]
        )
        out = np.empty((*x.shape[:2], rows, columns))
        for i in range(rows):
            for j in range(columns):
                top, left = places(i, j) if places else (i * stride, j * stride)
                window = x[:, :, top : top + kernel_size, left : left + kernel_size]
                out[:, :, i, j] = summary(window)
        return out

    return answer


def _max(window):
    return window.max(axis=(2, 3))


def _mean(window):
    return window.mean(axis=(2, 3))


def _over_all_channels(summary):
    return lambda window: summary(window, axis=(1, 2, 3))[:, None]


def _hanging(pool):
    return lambda x, kernel_size, stride=None, padding=0, ceil_mode=False: pool(
        x, kernel_size, stride, 0, True
    )


def _transposed(pool):
    return lambda x, *sizes: pool(x, *sizes).swapaxes(2, 3)


def _left_out(pool):
    return lambda x, *sizes: pool(x, *sizes)[:, :, :-1, :-1]


def _first_image(pool):
    return lambda x, *sizes: pool(x[:1], *sizes)


def _other_sizes(summary, rows_and_columns):
    """Return a pooling whose result has other sizes; windows are cut at the edge."""

    def answer(x, kernel_size, stride=None, padding=0, ceil_mode=False):
        stride = _steps(kernel_size, stride)
        rows, columns = rows_and_columns(*x.shape[2:], kernel_size, stride)
        out = np.zeros((*x.shape[:2], rows, columns))
        for i in range(rows):
            for j in range(columns):
                top, left = i * stride, j * stride
                window = x[:, :, top : top + kernel_size, left : left + kernel_size]
                out[:, :, i, j] = summary(window)
        return out

    return answer


def _square(height, width, k, stride):
    return ((height - k) // stride + 1,) * 2


def _shared_mistakes(summary, pool):
    """Return the mistakes that both poolings invite."""
    return (
        Mistake(
            "stride ignored",
            _windowed(summary, used=lambda k, stride: k),
            "the stride is never used: windows start at i * stride, not at "
            "i * kernel_size.",
        ),
        Mistake(
            "stride of 1 by default",
            _windowed(summary, used=lambda k, stride: 1 if stride is None else stride),
            "without a stride the windows touch: stride = kernel_size, not 1.",
        ),
        Mistake(
            "windows not moved",
            _windowed(summary, places=lambda i, j: (i, j)),
            "window i starts at pixel i; it must start at i * stride.",
        ),
        Mistake(
            "overhanging windows",
            _hanging(pool),
            "windows that hang over the edge are used: only whole ones count, so "
            "shapes.out_size(H, kernel_size, stride) of them fit.",
        ),
        Mistake(
            "rows and columns exchanged",
            _transposed(pool),
            "rows and columns of the result are exchanged.",
        ),
        Mistake(
            "last window left out",
            _left_out(pool),
            "the last window of each axis is missing: (H - kernel_size) // stride + 1 "
            "fit, and range() leaves its end out.",
        ),
        Mistake(
            "square maps only",
            _other_sizes(summary, _square),
            "as many windows are taken across as down: count them for the width, too.",
        ),
        Mistake(
            "height by stride",
            _other_sizes(summary, lambda h, w, k, s: (h // s, w // s)),
            "height // stride windows are counted: (height - kernel_size) // stride "
            "+ 1 fit.",
        ),
        Mistake(
            "first image only",
            _first_image(pool),
            "only the first image is pooled: the result has as many images as x.",
        ),
    )


max_pool2d = Exercise(
    name="max_pool2d",
    notebook="08",
    reference=ops.max_pool2d,
    also=(ops._pool,),
    cases=_POOLED,
    samples=lambda rng, size: Case(_drawn_pooling(rng, size)),
    drawn=30,
    mistakes=(
        *_shared_mistakes(_max, ops.max_pool2d),
        Mistake(
            "never below 0",
            lambda x, *sizes: np.maximum(ops.max_pool2d(x, *sizes), 0),
            "a window whose values are all below 0 gets 0: start from its first "
            "value, not from 0.",
        ),
        Mistake(
            "mean",
            lambda x, *sizes: ops.avg_pool2d(x, *sizes),
            "that is the mean of each window, not its largest value.",
        ),
        Mistake(
            "smallest",
            lambda x, *sizes: -ops.max_pool2d(-x, *sizes),
            "that is the smallest value of each window.",
        ),
        Mistake(
            "largest size, not value",
            lambda x, *sizes: ops.max_pool2d(np.abs(x), *sizes),
            "the signs are lost: -9 is smaller than 1.",
        ),
        Mistake(
            "over all images, too",
            _windowed(np.max),
            "one maximum is taken over all images and channels: give it axis=(2, 3).",
        ),
        Mistake(
            "over the channels, too",
            _windowed(_over_all_channels(np.max)),
            "the channels are pooled together: every map by itself, so take the "
            "largest over axes 2 and 3.",
        ),
    ),
    hints_=(
        "How many windows fit is `shapes.out_size(x.shape[2], kernel_size, stride)` "
        "down, and the same with x.shape[3] across. Make room for the result: "
        "`np.empty((*x.shape[:2], rows, columns))`.",
        "Two loops, over i and j. Window (i, j) begins at row `i * stride` and column "
        "`j * stride`, and is kernel_size long each way.",
        "All images and channels at once: "
        "`x[:, :, top : top + kernel_size, left : left + kernel_size]`, then "
        "`window.max(axis=(2, 3))`.",
    ),
)

avg_pool2d = Exercise(
    name="avg_pool2d",
    notebook="08",
    reference=ops.avg_pool2d,
    also=(ops._pool,),
    cases=_POOLED,
    samples=lambda rng, size: Case(_drawn_pooling(rng, size)),
    drawn=30,
    mistakes=(
        *_shared_mistakes(_mean, ops.avg_pool2d),
        Mistake(
            "sum",
            lambda x, k, *stride: ops.avg_pool2d(x, k, *stride) * k * k,
            "that is the sum of each window: divide by its kernel_size ** 2 pixels.",
        ),
        Mistake(
            "divided by the stride",
            lambda x, k, stride=None: (
                ops.avg_pool2d(x, k, stride) * k * k / _steps(k, stride) ** 2
            ),
            "the sum is divided by stride ** 2; a window has kernel_size ** 2 pixels.",
        ),
        Mistake(
            "divided by one side",
            lambda x, k, *stride: ops.avg_pool2d(x, k, *stride) * k,
            "the sum is divided by kernel_size once; a window has kernel_size ** 2 "
            "pixels.",
        ),
        Mistake(
            "largest",
            lambda x, *sizes: ops.max_pool2d(x, *sizes),
            "that is the largest value of each window, not its mean.",
        ),
        Mistake(
            "median",
            _windowed(lambda window: np.median(window, axis=(2, 3))),
            "that is the middle one of each window's values, the median.",
        ),
        Mistake(
            "whole numbers",
            lambda x, *sizes: np.floor(ops.avg_pool2d(x, *sizes)),
            "the means are rounded down: divide with /, and into an array of floats.",
        ),
        Mistake(
            "over all images, too",
            _windowed(np.mean),
            "one mean is taken over all images and channels: give it axis=(2, 3).",
        ),
        Mistake(
            "over the channels, too",
            _windowed(_over_all_channels(np.mean)),
            "the channels are pooled together: every map by itself, so take the mean "
            "over axes 2 and 3.",
        ),
    ),
    hints_=(
        "The windows are those of max pooling.",
        "One word changes: `window.mean(axis=(2, 3))`.",
    ),
)

# ---------------------------------------------------------------- the way back


def _back_case(rng, x, kernel_size, *stride, note=""):
    dout = _maps(rng, *ops.max_pool2d(x, kernel_size, *stride).shape) / 4
    return Case((dout, x, kernel_size, *stride), note)


def _shared_out(give, used=_steps, add=True):
    """Return a backward pass: ``give(window, blame)`` is a window's share of it."""

    def answer(dout, x, kernel_size, stride=None, padding=0, ceil_mode=False):
        stride = used(kernel_size, stride)
        dx = np.zeros(x.shape)
        for n, c, i, j in np.ndindex(*dout.shape):
            top, left = i * stride, j * stride
            place = n, c, slice(top, top + kernel_size), slice(left, left + kernel_size)
            share = give(x[place], dout[n, c, i, j])
            if add:
                dx[place] += share
            else:
                dx[place] = np.where(share != 0, share, dx[place])
        return dx

    return answer


def _to(index):
    """Give all blame to the pixel that ``index(flat window)`` picks."""

    def give(window, blame):
        share = np.zeros(window.size)
        share[index(window.ravel())] = blame
        return share.reshape(window.shape)

    return give


def _placed(corner):
    """Give the winner's blame to another place, whose corner is ``corner(i, j)``."""

    def answer(dout, x, kernel_size, stride=None, padding=0, ceil_mode=False):
        stride, dx = _steps(kernel_size, stride), np.zeros(x.shape)
        for n, c, i, j in np.ndindex(*dout.shape):
            top, left = i * stride, j * stride
            window = x[n, c, top : top + kernel_size, left : left + kernel_size]
            row, column = divmod(int(window.argmax()), kernel_size)
            down, right = corner(i, j)
            dx[n, c, down + row, right + column] += dout[n, c, i, j]
        return dx

    return answer


def _to_all_largest(window, blame):
    return blame * (window == window.max())


def _split(window, blame):
    won = window == window.max()
    return blame * won / won.sum()


def _last_largest(flat):
    return flat.size - 1 - flat[::-1].argmax()


def _cleared(dout, x, kernel_size, stride=None, padding=0, ceil_mode=False):
    """Overwrite whole windows: what overlaps keeps the last one only."""
    stride = _steps(kernel_size, stride)
    dx = np.zeros(x.shape)
    for n, c, i, j in np.ndindex(*dout.shape):
        top, left = i * stride, j * stride
        place = n, c, slice(top, top + kernel_size), slice(left, left + kernel_size)
        dx[place] = _to(np.argmax)(x[place], dout[n, c, i, j])
    return dx


_TIES = np.array([[[[5, 5, 0, 2], [1, 5, 2, 2.0]]]])

max_pool2d_backward = Exercise(
    name="max_pool2d_backward",
    notebook="08",
    reference=grads.max_pool2d_backward,
    cases=(
        _back_case(_rng, _SMALL[None, None, :4, :4], 2, note="windows that touch"),
        _back_case(_rng, _SMALL[None, None], 3, 2, note="overlapping windows"),
        Case(
            (np.array([[[[3.0, -4.0]]]]), _TIES, 2), "equal values: the first has won"
        ),
        _back_case(_rng, _BELOW, 2, note="all below 0"),
        _back_case(_rng, _SMALL[None, None], 2, 3, note="gaps between the windows"),
        _back_case(_rng, _MANY, 2, 1, note="2 images, 3 channels, steps of 1"),
    ),
    samples=lambda rng, size: _back_case(rng, *_drawn_pooling(rng, min(size, 5))),
    drawn=24,
    mistakes=(
        Mistake(
            "overwritten",
            _shared_out(_to(np.argmax), add=False),
            "a pixel that has won several windows keeps the blame of one: add, with "
            "+=, as the windows overlap.",
        ),
        Mistake(
            "windows overwritten",
            _cleared,
            "a whole window is written over what others have given its pixels: add, "
            "with +=.",
        ),
        Mistake(
            "to all of the largest",
            _shared_out(_to_all_largest),
            "of equal values each gets the whole blame: only the first in reading "
            "order has won.",
        ),
        Mistake(
            "split among equals",
            _shared_out(_split),
            "of equal values each gets a part: the first in reading order gets all.",
        ),
        Mistake(
            "to the last of the largest",
            _shared_out(_to(_last_largest)),
            "of equal values the last one gets the blame: the first in reading order "
            "has won.",
        ),
        Mistake(
            "to every pixel",
            _shared_out(lambda window, blame: np.full(window.shape, blame)),
            "every pixel of a window gets its blame: only the winner moved the result.",
        ),
        Mistake(
            "a share for every pixel",
            _shared_out(
                lambda window, blame: np.full(window.shape, blame / window.size)
            ),
            "each pixel gets an equal share: that is the way back of average pooling.",
        ),
        Mistake(
            "blame not used",
            _shared_out(lambda window, blame: _to(np.argmax)(window, 1.0)),
            "the winners get 1; they must get the blame of their window, dout.",
        ),
        Mistake(
            "times the value",
            _shared_out(
                lambda window, blame: _to(np.argmax)(window, blame * window.max())
            ),
            "the blame is multiplied by the winner's value: the slope of a maximum is "
            "1 for its winner.",
        ),
        Mistake(
            "to the smallest",
            _shared_out(_to(np.argmin)),
            "the smallest value of each window gets the blame.",
        ),
        Mistake(
            "place in the window only",
            _placed(lambda i, j: (0, 0)),
            "the winner's place in its window is taken for its place in the map: add "
            "the window's corner, i * stride and j * stride.",
        ),
        Mistake(
            "corner without the stride",
            _placed(lambda i, j: (i, j)),
            "the blame goes to the window's number plus the winner's place; the "
            "window's corner is i * stride, j * stride.",
        ),
        Mistake(
            "stride ignored",
            _shared_out(_to(np.argmax), used=lambda k, stride: k),
            "the stride is never used: window i starts at i * stride.",
        ),
        Mistake(
            "stride of 1 by default",
            _shared_out(_to(np.argmax), used=lambda k, s: 1 if s is None else s),
            "without a stride the windows touch: stride = kernel_size, not 1.",
        ),
    ),
    hints_=(
        "Start with no blame, `np.zeros(x.shape)`, and go through all of dout: "
        "`for n, c, i, j in np.ndindex(*dout.shape):`.",
        "Which pixel of the window has won? `window.argmax()` counts in reading order "
        "and takes the first of equals; `divmod(window.argmax(), kernel_size)` is its "
        "row and column in the window.",
        "Add its blame, at the window's corner plus that place: "
        "`dx[n, c, i * stride + row, j * stride + column] += dout[n, c, i, j]`.",
    ),
)

# ---------------------------------------------------------------- receptive field


def _traced(size=None, jump=None, start=None):
    """Return an answer in which some of the three rules are others."""

    def answer(layers):
        r, j, b = 1, 1, 0
        for k, s, p, d in layers:
            r, j, b = (
                size(r, j, k, s, p, d) if size else r + d * (k - 1) * j,
                jump(j, s) if jump else j * s,
                start(b, j, s, p) if start else b - p * j,
            )
        return r, j, b

    return answer


def _reordered(order):
    return lambda layers: [shapes.receptive_field(layers)[i] for i in order]


def _unpacked(names):
    """Return an answer that takes the four numbers of a layer for others."""
    return lambda layers: _traced()([names(*layer) for layer in layers])


def _spread_padding(layers):
    """Let the dilation move the start, too."""
    size, jump, _ = shapes.receptive_field(layers)
    start = shapes.receptive_field([(k, s, p * d, d) for k, s, p, d in layers]).start
    return size, jump, start


def _drawn_stack(rng, size):
    layers = []
    for _ in range(int(rng.integers(1, 2 + size // 2))):
        k, s, d = (int(rng.integers(1, top)) for top in (6, 4, 3))
        layers.append((k, s, int(rng.integers(0, 3)), d))
    return Case((layers,))


receptive_field = Exercise(
    name="receptive_field",
    notebook="08",
    reference=shapes.receptive_field,
    also=(shapes.Field,),
    outputs=("size", "jump", "start"),
    cases=(
        Case(([(3, 1, 0, 1)],), "one convolution"),
        Case(([(3, 1, 0, 1), (2, 2, 0, 1)],), "a pooling behind it"),
        Case(([(3, 1, 0, 1), (2, 2, 0, 1), (3, 1, 0, 1)],), "the stack of the text"),
        Case(([(5, 1, 2, 1), (3, 2, 0, 1), (5, 1, 2, 1)],), "with padding"),
        Case(([(3, 2, 1, 1), (3, 2, 1, 1), (3, 2, 1, 1)],), "strides of 2"),
        Case(([(3, 1, 0, 2), (3, 2, 0, 1), (2, 1, 0, 3)],), "with dilation"),
    ),
    samples=_drawn_stack,
    mistakes=(
        Mistake(
            "own stride first",
            _traced(size=lambda r, j, k, s, p, d: r + d * (k - 1) * j * s),
            "a layer's own stride widens its own field here: use the jump before the "
            "layer, and multiply it afterwards.",
        ),
        Mistake(
            "jump multiplied first",
            _traced(
                size=lambda r, j, k, s, p, d: r + d * (k - 1) * j * s,
                start=lambda b, j, s, p: b - p * j * s,
            ),
            "the jump is multiplied first, and then used for size and start: they need "
            "the one before the layer.",
        ),
        Mistake(
            "jump ignored",
            _traced(size=lambda r, j, k, s, p, d: r + d * (k - 1)),
            "the size grows by k - 1 pixels of the image; it must grow by k - 1 jumps.",
        ),
        Mistake(
            "whole window",
            _traced(size=lambda r, j, k, s, p, d: r + d * k * j),
            "the size grows by k jumps; one of the k places is there already: k - 1.",
        ),
        Mistake(
            "dilation ignored",
            _traced(size=lambda r, j, k, s, p, d: r + (k - 1) * j),
            "the dilation is not used: places of a dilated window lie d apart.",
        ),
        Mistake(
            "dilation of the whole window",
            _traced(size=lambda r, j, k, s, p, d: r + (d * k - 1) * j),
            "a dilated window is d (k - 1) + 1 wide, not d k.",
        ),
        Mistake(
            "sizes multiplied",
            _traced(size=lambda r, j, k, s, p, d: r * k),
            "the sizes are multiplied: each layer adds d (k - 1) jumps.",
        ),
        Mistake(
            "strides added",
            _traced(jump=lambda j, s: j + s),
            "the strides are added: a step of 2 steps of 2 pixels is 4, a product.",
        ),
        Mistake(
            "last stride only",
            _traced(jump=lambda j, s: s),
            "the jump is the stride of the last layer only; it is the product of all.",
        ),
        Mistake(
            "padding not jumped",
            _traced(start=lambda b, j, s, p: b - p),
            "the start moves by p pixels of the image; it must move by p jumps.",
        ),
        Mistake(
            "start to the right",
            _traced(start=lambda b, j, s, p: b + p * j),
            "the padding lies before the image, so it moves the start to the left, "
            "below 0.",
        ),
        Mistake(
            "start with the new jump",
            _traced(start=lambda b, j, s, p: b - p * j * s),
            "the start uses the jump behind the layer; use the one before it.",
        ),
        Mistake(
            "padding ignored",
            _traced(start=lambda b, j, s, p: b),
            "the padding is not used: unit 0 begins p jumps before.",
        ),
        Mistake(
            "start before jump",
            lambda layers: [shapes.receptive_field(layers)[i] for i in (0, 2, 1)],
            "jump and start are exchanged: return size, jump, start.",
        ),
        *(
            Mistake(
                f"{', '.join(np.array(('size', 'jump', 'start'))[list(order)])}",
                _reordered(order),
                "the three numbers are right, but in another order: return size, jump, "
                "start.",
            )
            for order in ((1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))
        ),
        Mistake(
            "s and p exchanged",
            _unpacked(lambda k, s, p, d: (k, p, s, d)),
            "stride and padding are exchanged: a layer is (k, s, p, d).",
        ),
        Mistake(
            "p and d exchanged",
            _unpacked(lambda k, s, p, d: (k, s, d, p)),
            "padding and dilation are exchanged: a layer is (k, s, p, d).",
        ),
        Mistake(
            "k and s exchanged",
            _unpacked(lambda k, s, p, d: (s, k, p, d)),
            "window and stride are exchanged: a layer is (k, s, p, d).",
        ),
        Mistake(
            "first layer only",
            lambda layers: shapes.receptive_field(layers[:1]),
            "only the first layer is counted: `return` stands inside the loop.",
        ),
        Mistake(
            "size from 0",
            lambda layers: (
                (shapes.receptive_field(layers).size - 1,)
                + shapes.receptive_field(layers)[1:]
            ),
            "one pixel is missing: a pixel of the image sees itself, so size begins "
            "at 1.",
        ),
        Mistake(
            "padding spread",
            _spread_padding,
            "the start moves by p jumps; the dilation does not spread the padding.",
        ),
        Mistake(
            "padding widens",
            _traced(size=lambda r, j, k, s, p, d: r + (d * (k - 1) + 2 * p) * j),
            "padding does not widen a field: it only moves where unit 0 begins.",
        ),
        Mistake(
            "from the last layer",
            lambda layers: shapes.receptive_field(layers[::-1]),
            "the layers are taken from the last to the first.",
        ),
    ),
    hints_=(
        "A pixel sees itself: `size, jump, start = 1, 1, 0`. Then go through the "
        "layers: `for k, s, p, d in layers:`.",
        "The window's first and last place lie d (k - 1) units of the layer below "
        "apart, and these units lie `jump` pixels apart: `size += d * (k - 1) * jump`.",
        "`start -= p * jump`, and last, as the others need the old one, `jump *= s`.",
    ),
)

# ----------------------------------------------------------------- find the bug


def _zero_border(x, kernel_size, stride, padding):
    """Return max pooling of (N, C, H, W), with a border on all four sides."""
    p, (n, c, height, width) = padding, x.shape
    padded = np.full((n, c, height + 2 * p, width + 2 * p), 0.0)
    padded[:, :, p : p + height, p : p + width] = x
    rows = shapes.out_size(height, kernel_size, stride, p)
    columns = shapes.out_size(width, kernel_size, stride, p)
    out = np.empty((n, c, rows, columns))
    for i in range(rows):
        for j in range(columns):
            top, left = i * stride, j * stride
            window = padded[:, :, top : top + kernel_size, left : left + kernel_size]
            out[:, :, i, j] = window.max(axis=(2, 3))
    return out


def _bordered(value):
    """Return a pooling with a border of ``value(x)``."""

    def answer(x, kernel_size, stride, padding):
        p = padding
        border = ((0, 0), (0, 0), (p, p), (p, p))
        padded = np.pad(x, border, constant_values=value(x))
        return _windowed(_max)(padded, kernel_size, stride)

    return answer


def _one_sided(x, kernel_size, stride, padding):
    border = ((0, 0), (0, 0), (padding, 0), (padding, 0))
    padded = np.pad(x, border, constant_values=-np.inf)
    return _windowed(_max)(padded, kernel_size, stride)


def _drawn_border(rng, size):
    k, s = int(rng.integers(2, 4)), int(rng.integers(1, 4))
    h, w = (int(k + rng.integers(0, size + 1)) for _ in range(2))
    x = _maps(rng, int(rng.integers(1, 3)), int(rng.integers(1, 3)), h, w)
    if rng.random() < 0.4:
        x -= 15.0
    return Case((x, k, s, 1 if rng.random() < 0.8 else 0))


padded_pool = FindBug(
    name="padded_pool",
    notebook="08",
    reference=fields.padded_pool,
    broken=_zero_border,
    causes=(
        Cause(
            "a",
            "x is laid into the border one row too low.",
            "It lies in the middle: p rows above it, and p below.",
        ),
        Cause(
            "b",
            "Where all pixels of a window are below 0, the border wins.",
            "Zero is a number like others; only minus infinity never wins.",
            right=True,
        ),
        Cause(
            "c",
            "The last row of windows begins one row too high.",
            "Then the lower right number would be 6; all begin at i * stride.",
        ),
        Cause(
            "d",
            "One row of windows too many is counted.",
            "out_size counts the border, and the size of the result is right.",
        ),
    ),
    cases=(
        Case((_BELOW, 2, 2, 1), "all below 0"),
        Case((_BELOW, 2, 2, 0), "without a border"),
        Case((_SMALL[None, None], 3, 2, 1), "all above 0"),
        Case((_MANY - 10, 3, 2, 1), "2 images, 3 channels, all below 0"),
        Case((_MANY, 3, 1, 1), "of both signs"),
        Case((_BELOW * 1e12, 2, 2, 1), "very far below 0"),
    ),
    samples=_drawn_border,
    drawn=30,
    mistakes=(
        Mistake(
            "border of -1",
            _bordered(lambda x: -1.0),
            "the border is −1 now, which still wins where all pixels are below it.",
        ),
        Mistake(
            "border of the mean",
            _bordered(np.mean),
            "the border is the mean now: half of the pixels are below it.",
        ),
        Mistake(
            "border of the largest",
            _bordered(np.max),
            "the border is the largest pixel now, and wins everywhere.",
        ),
        Mistake(
            "border of NaN",
            _bordered(lambda x: np.nan),
            "a window with NaN in it has the maximum NaN: NaN never loses here.",
        ),
        Mistake(
            "border above and left only",
            _one_sided,
            "now the border lies above and on the left only.",
        ),
        Mistake(
            "no border",
            lambda x, kernel_size, stride, padding: _windowed(_max)(
                x, kernel_size, stride
            ),
            "now there is no border at all, and fewer windows fit.",
        ),
        Mistake(
            "signs lost",
            lambda x, kernel_size, stride, padding: ops.max_pool2d(
                np.abs(x), kernel_size, stride, padding
            ),
            "now the signs are lost: −4 counts as 4.",
        ),
    ),
    hints_=(
        "Do the wrong corner by hand: which four numbers does its window hold?",
        "Which number never wins against another?",
        "`np.full((n, c, height + 2 * p, width + 2 * p), -np.inf)`",
    ),
)

# ------------------------------------------------------------------------- open

SIGHT, MAPS, JUMP, POOLINGS, BAR = 100, 16, 8, 3, 10_000


def _stack_of(text):
    """Return the layers of the answer's text, or raise one sentence."""
    if text is None:
        raise ValueError("far_sight returned None: is a `return` missing?")
    if not isinstance(text, str):
        raise TypeError(
            "far_sight must return a text such as 'conv 3, pool 2'; got "
            f"{shapes.spoken(text)}."
        )
    return fields.read_stack(text)


def _broken_rule(layers) -> str:
    """Return the first rule that a stack breaks, or nothing."""
    if not layers or layers[0].kind != "conv":
        return "The stack must begin with a convolution."
    if len(layers) > 60:
        return "At most 60 layers."
    for number, layer in enumerate(layers, 1):
        top = 7 if layer.kind == "conv" else 3
        if not 2 <= layer.kernel_size <= top:
            return f"Layer {number}, {layer}: its window must be from 2 to {top}."
        if layer.stride > 2:
            return f"Layer {number}, {layer}: its stride must be 1 or 2."
    pools = sum(layer.kind == "pool" for layer in layers)
    if pools > POOLINGS:
        return f"At most {POOLINGS} poolings; there are {pools}."
    jump = shapes.receptive_field([layer.row for layer in layers]).jump
    if jump > JUMP:
        return f"The jump must be at most {JUMP}; it is {jump}."
    return ""


def _score_stack(answer) -> Score:
    try:
        layers = _stack_of(answer())
    except ValueError as error:
        return Score(np.inf, str(error))
    broken = _broken_rule(layers)
    if broken:
        return Score(np.inf, broken)
    size = shapes.receptive_field([layer.row for layer in layers]).size
    if size < SIGHT:
        return Score(np.inf, f"A unit sees {size} pixels; {SIGHT} are wanted.")
    convs = [layer.kernel_size for layer in layers if layer.kind == "conv"]
    channels = [3] + [MAPS] * (len(convs) - 1)
    weights = sum(
        shapes.conv_params(c, MAPS, k) for c, k in zip(channels, convs, strict=True)
    )
    return Score(weights, f"A unit sees {size} pixels, through {len(layers)} layers.")


def _weights(value: float) -> str:
    return f"{value:,.0f} weights" if np.isfinite(value) else "not within the rules"


far_sight = Open(
    name="far_sight",
    notebook="08",
    reference=fields.far_sight,
    score=_score_stack,
    bar=BAR,
    lower_is_better=True,
    show=_weights,
    measured_on=f"all weights and biases; a unit must see {SIGHT} pixels",
    wants="a text such as 'conv 3, pool 2'",
    seconds=5,
    mistakes=(
        Mistake(
            "not far enough",
            lambda: "conv 3, pool 2, conv 3, pool 2, conv 3",
            "A unit sees 18 pixels; 100 are wanted.",
        ),
        Mistake(
            "the usual way",
            lambda: (
                "conv 3, pool 3/2, conv 3, pool 3/2, conv 3, pool 3/2" + ", conv 3" * 5
            ),
            "A unit sees 109 pixels, through 11 layers.",
        ),
        Mistake(
            "pooling first",
            lambda: "pool 2, conv 7, conv 7",
            "The stack must begin with a convolution.",
        ),
        Mistake(
            "four poolings",
            lambda: "conv 3" + ", pool 2" * 4,
            "At most 3 poolings; there are 4.",
        ),
        Mistake(
            "steps too large",
            lambda: "conv 2/2, conv 2/2, conv 2/2, conv 2/2, pool 3/1",
            "The jump must be at most 8; it is 16.",
        ),
    ),
    hints_=(
        "A layer adds (window − 1) jumps, so the same window adds eight times as much "
        "where the jump is 8. Reach that jump early, and with few weights.",
        "The first convolution is the cheapest, as it has 3 channels below it: begin "
        "with `conv 3/2`. Strides in convolutions leave the free poolings for later, "
        "where they add most: `pool 3/1` at a jump of 8 adds 16 pixels.",
        "For each weight, a window of 2 adds more than one of 3: 1,040 for one jump, "
        "against 2,320 for two. Then count: `conv 3/2, conv 2/2, conv 2/2, pool 3/1, "
        "pool 3/1, pool 3/1, conv 2, conv 2, conv 2, conv 2, conv 2, conv 2` sees 105 "
        "pixels.",
    ),
)

EXERCISES = (
    max_pool2d,
    avg_pool2d,
    max_pool2d_backward,
    receptive_field,
    padded_pool,
    far_sight,
)
