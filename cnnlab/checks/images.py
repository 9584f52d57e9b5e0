"""The exercises of notebook 00: an image as an array."""

import functools
import itertools

import numpy as np

from cnnlab import data, images, neighbors
from cnnlab.checks._base import Case, Cause, Exercise, FindBug, Mistake, Open, Score

_rng = np.random.default_rng(0)
_BATCH = _rng.integers(0, 256, (2, 3, 4, 5), dtype=np.uint8)  # all sizes distinct
_WHOLE = (np.int64, np.int32, np.int16)  # types that hold every sum
_FLOATS = (np.float64, np.float32)


def _byte_image(rng, size: int) -> np.ndarray:
    """Return one uint8 image or a batch, dark and bright ends among its values."""
    axes = int(rng.integers(1, 5))
    shape = tuple(rng.integers(1, min(size, 9 - 2 * axes) + 1, axes))
    image = rng.integers(0, 256, shape)
    ends = rng.choice([0, 1, 254, 255], shape)
    return np.where(rng.random(shape) < 0.3, ends, image).astype(np.uint8)


# ------------------------------------------------------------------- value_count


def _sizes(rng, size: int) -> Case:
    height, width = (int(one) for one in rng.integers(1, 4 * size + 1, 2))
    return Case((height, width, int(rng.integers(1, size + 1))))


value_count = Exercise(
    name="value_count",
    notebook="00",
    reference=images.value_count,
    returns=("int64", "int32"),
    cases=(
        Case((1, 2, 3)),
        Case((32, 32, 3)),
        Case((5, 4, 1), "a grey image: one channel"),
        Case((2, 2, 4), "four channels: some files add transparency"),
        Case((300, 451, 3), "a photograph: no longer a square"),
    ),
    samples=_sizes,
    mistakes=(
        Mistake(
            "sum of the sizes",
            lambda height, width, channels: height + width + channels,
            "the sizes are added; a table of 2 rows and 3 columns has 2 * 3 cells.",
        ),
        Mistake(
            "the shape itself",
            lambda height, width, channels: (height, width, channels),
            "these are the three sizes; the number of cells is their product.",
        ),
        Mistake(
            "channels forgotten",
            lambda height, width, channels: height * width,
            "the channels are forgotten: a pixel holds one number for each of them.",
        ),
        Mistake(
            "square images only",
            lambda height, width, channels: height * height * channels,
            "the height stands in for the width: right for square images only.",
        ),
        Mistake(
            "width twice",
            lambda height, width, channels: width * width * channels,
            "the width stands in for the height: right for square images only.",
        ),
        Mistake(
            "three channels built in",
            lambda height, width, channels: height * width * channels * 3,
            "a factor 3 too many: `channels` counts the colours already.",
        ),
        Mistake(
            "always three channels",
            lambda height, width, channels: height * width * 3,
            "3 stands in for `channels`: right for colour images only.",
        ),
        Mistake(
            "grey or colour only",
            lambda height, width, channels: (
                height * width * (1 if channels == 1 else 3)
            ),
            "one or three channels are told apart by hand; multiply by `channels`, "
            "which may be any number.",
        ),
        Mistake(
            "way round the edge",
            lambda height, width, channels: 2 * (height + width) * channels,
            "twice the sum of two sides is the way round the edge; the number of "
            "cells inside is their product.",
        ),
        Mistake(
            "channels as a power",
            lambda height, width, channels: (height * width) ** channels,
            "** is a power: the pixels are counted `channels` times, not multiplied "
            "by themselves.",
        ),
        Mistake(
            "bytes as bits",
            lambda height, width, channels: height * width * channels * 8,
            "a factor 8 too many: those are bits; the task asks for numbers.",
        ),
        Mistake(
            "a float",
            lambda height, width, channels: float(height * width * channels),
            "the number is right, but a float: a count is an int, such as 6, not 6.0.",
        ),
    ),
    hints_=(
        "How many pixels has an image of 2 rows and 5 columns?",
        "Every pixel holds `channels` numbers. Which operation counts a full table?",
        "Multiply all three: `return height * width * channels`.",
    ),
)

# ------------------------------------------------------------- to_channels_first


def _batch(rng, size: int) -> Case:
    count, *sizes = (int(one) for one in rng.integers(1, min(size, 4) + 1, 4))
    shape = (count * int(rng.random() > 0.05), *sizes)
    whole = rng.integers(0, 256, shape)
    kind = rng.choice(["uint8", "int64", "float64"])
    return Case((whole / 255 if kind == "float64" else whole.astype(kind),))


_NAMED_ORDERS = {
    (0, 1, 2, 3): "the axes are still in the old order.",
    (3, 2, 1, 0): (
        "all four axes are reversed, as .T does, the batch too; name the new order "
        "instead."
    ),
    (0, 3, 2, 1): (
        "height and width are exchanged too: the pictures lie on their side."
    ),
    (3, 0, 1, 2): "the channels stand before the batch axis; the images come first.",
    (0, 2, 3, 1): "that is the way back, from channels first to channels last.",
    (3, 1, 2, 0): (
        "batch and channels have changed places; the images stay first, and the "
        "channels move in between."
    ),
}


def _order_cause(order: tuple) -> str:
    letters = ", ".join("NHWC"[axis] for axis in order)
    said = f"your axes are the old {letters}; wanted are N, C, H, W."
    return _NAMED_ORDERS.get(order, said)


_WRONG_ORDERS = tuple(
    Mistake(
        f"order {order}",
        lambda images, order=order: images.transpose(order),
        _order_cause(order),
    )
    for order in itertools.permutations(range(4))
    if order != (0, 3, 1, 2)
)

to_channels_first = Exercise(
    name="to_channels_first",
    notebook="00",
    reference=images.to_channels_first,
    cases=(
        Case((np.arange(12).reshape(1, 2, 2, 3),)),
        Case((_BATCH,), "all sizes distinct"),
        Case((_BATCH[:0],), "a batch of no images"),
    ),
    samples=_batch,
    mistakes=(
        Mistake(
            "reshape",
            lambda images: images.reshape(
                images.shape[0], images.shape[3], images.shape[1], images.shape[2]
            ),
            "reshape keeps the numbers in reading order and cuts them anew, so "
            "colours get mixed; transpose moves whole axes.",
        ),
        *_WRONG_ORDERS,
        Mistake(
            "colours reversed",
            lambda images: images[..., ::-1].transpose(0, 3, 1, 2),
            "red and blue are exchanged: the channels were reversed on the way.",
        ),
        Mistake(
            "upside down",
            lambda images: images[:, ::-1].transpose(0, 3, 1, 2),
            "the pictures stand on their head: the rows were reversed on the way.",
        ),
        Mistake(
            "three channels built in",
            lambda images: np.stack([images[..., c] for c in range(3)], axis=1),
            "the number of channels is built in as 3; here come others too. Move the "
            "whole axis instead.",
        ),
        Mistake(
            "first image only",
            lambda images: images[0].transpose(2, 0, 1),
            "only the first image is returned; the batch axis must stay.",
        ),
        Mistake(
            "squeezed",
            lambda images: images.transpose(0, 3, 1, 2).squeeze(),
            "squeeze drops every axis of length 1: a batch of one image loses its "
            "batch axis.",
        ),
        Mistake(
            "three axes named",
            lambda images: images.transpose(2, 0, 1),
            "a batch has four axes, and transpose wants all of them named: the batch "
            "axis 0 comes first.",
        ),
        Mistake(
            "stacked one by one",
            lambda images: np.stack([one.transpose(2, 0, 1) for one in images]),
            "np.stack needs at least one image, and N may be 0: transpose the whole "
            "batch at once.",
        ),
        Mistake(
            "scaled too",
            lambda images: images.transpose(0, 3, 1, 2) / 255,
            "the values are divided as well; here only the axes move.",
        ),
    ),
    hints_=(
        "Which axis of the input becomes axis 1 of the result?",
        "images.transpose(a, b, c, d) takes the four OLD axes in their new order.",
        "Old order N, H, W, C is 0, 1, 2, 3; the new order is N, C, H, W: "
        "`return images.transpose(0, 3, 1, 2)`.",
    ),
)

# ---------------------------------------------------------------------- brighten


def _amount(rng, size: int) -> Case:
    amount = int(rng.integers(-255, 256))
    if rng.random() < 0.2:
        amount = int(rng.choice([-255, 0, 255]))
    return Case((_byte_image(rng, size), amount))


def _typed(name: str, function, cause: str, types) -> tuple[Mistake, ...]:
    """Return one mistake a result type, all with one cause."""
    return tuple(
        Mistake(
            f"{name}, {np.dtype(kind)}",
            lambda *args, kind=kind: function(*args).astype(kind),
            cause,
        )
        for kind in types
    )


def _right_in(name: str, function) -> tuple[Mistake, ...]:
    """Return the right numbers in each wrong type."""
    return tuple(
        Mistake(
            f"{name} in {np.dtype(kind)}",
            lambda *args, kind=kind: function(*args).astype(kind),
            f"the numbers are right, the type is {np.dtype(kind)}: the task asks for "
            "uint8. Store the result with .astype(np.uint8).",
        )
        for kind in (*_WHOLE, np.uint16, *_FLOATS)
    )


_WRAPS = (
    "uint8 counts modulo 256: 250 + 10 becomes 4, and 3 - 10 becomes 249. Add in a "
    "wider type, limit to 0..255, and only then store."
)
_KINDS = (np.uint8, *_WHOLE, *_FLOATS)

brighten = Exercise(
    name="brighten",
    notebook="00",
    reference=images.brighten,
    returns="uint8",
    cases=(
        Case((np.array([[10, 20, 30]], np.uint8), 5)),
        Case((np.array([[0, 128, 250]], np.uint8), 10), "250 + 10 is above 255"),
        Case((np.array([[3, 128, 250]], np.uint8), -10), "3 - 10 is below 0"),
        Case((np.array([[0, 100, 255]], np.uint8), 0), "nothing to add"),
        Case((_BATCH, 60), "a batch"),
    ),
    samples=_amount,
    mistakes=(
        Mistake("uint8 + int", lambda image, amount: image + amount, _WRAPS),
        Mistake(
            "stored unlimited",
            lambda image, amount: (image.astype(np.int16) + amount).astype(np.uint8),
            _WRAPS,
        ),
        *_typed(
            "not limited",
            lambda image, amount: image.astype(int) + amount,
            "values leave 0..255: limit them, for example with np.clip, and store "
            "them as uint8.",
            (*_WHOLE, *_FLOATS),
        ),
        *_typed(
            "only the top limited",
            lambda image, amount: np.minimum(image.astype(int) + amount, 255),
            "the top is limited, the bottom is not: 3 - 10 must end at 0.",
            _KINDS,
        ),
        *_typed(
            "only the bottom limited",
            lambda image, amount: np.maximum(image.astype(int) + amount, 0),
            "the bottom is limited, the top is not: 250 + 10 must end at 255.",
            _KINDS,
        ),
        *_right_in(
            "right",
            lambda image, amount: np.clip(image.astype(int) + amount, 0, 255),
        ),
        *_typed(
            "limit 256",
            lambda image, amount: np.clip(image.astype(int) + amount, 0, 256),
            "the upper limit is 256; the largest number in a byte is 255.",
            _KINDS,
        ),
        *_typed(
            "absolute value",
            lambda image, amount: np.minimum(np.abs(image.astype(int) + amount), 255),
            "the absolute value turns -7 into 7; what falls below 0 must end at 0.",
            _KINDS,
        ),
        *_typed(
            "per cent",
            lambda image, amount: np.clip(image * (1 + amount / 100), 0, 255),
            "the amount is taken as per cent; it is a number of grey levels to add.",
            (np.uint8, *_FLOATS),
        ),
        *_typed(
            "multiplied",
            lambda image, amount: np.clip(image.astype(int) * amount, 0, 255),
            "the values are multiplied; the task adds the amount.",
            _KINDS,
        ),
        *_typed(
            "darkened",
            lambda image, amount: np.clip(image.astype(int) - amount, 0, 255),
            "the amount is subtracted: the sign is reversed.",
            _KINDS,
        ),
        *_typed(
            "brighter only",
            lambda image, amount: np.clip(image.astype(int) + abs(amount), 0, 255),
            "a negative amount brightens here as well; it must darken.",
            _KINDS,
        ),
    ),
    hints_=(
        "Try np.array([250], np.uint8) + 10 in a cell of its own.",
        "Make room first: `total = image.astype(int) + amount` can hold 260 and -7.",
        "Then limit and store: `return np.clip(total, 0, 255).astype(np.uint8)`.",
    ),
)

# ----------------------------------------------------------------------- average


def broken_average(a, b):
    """Return the uint8 image halfway between two, rounded down."""
    return (a + b) // 2


def _two_images(rng, size: int) -> Case:
    a = _byte_image(rng, size)
    other = rng.permutation(a.ravel()).reshape(a.shape)
    b = np.where(rng.random(a.shape) < 0.5, other, rng.integers(0, 256, a.shape))
    return Case((a, b.astype(np.uint8)))


_STILL_WRAPS = (
    "the sum still goes through uint8, where 200 + 100 is 44; halving, limiting or "
    "converting afterwards comes too late. Make room before the +."
)

average = FindBug(
    name="average",
    notebook="00",
    reference=images.average,
    broken=broken_average,
    returns="uint8",
    cases=(
        Case((np.array([[200]], np.uint8), np.array([[100]], np.uint8))),
        Case((np.array([[3, 9]], np.uint8), np.array([[5, 6]], np.uint8)), "odd ones"),
        Case((np.array([[10, 255]], np.uint8), np.array([[20, 255]], np.uint8))),
        Case((_BATCH, _BATCH[::-1].copy()), "two batches"),
    ),
    samples=_two_images,
    causes=(
        Cause(
            "a",
            "// throws the fractions away, and over many pixels that adds up.",
            "// costs at most half a grey level: 300 // 2 is 150. But 200 and 100 came "
            "out as 22.",
        ),
        Cause(
            "b",
            "the sum is taken in uint8, and wraps past 255 before it is halved.",
            right=True,
        ),
        Cause(
            "c",
            "the channels are mixed: red is added to blue.",
            "+ adds the numbers at equal places, red to red; and grey images come out "
            "wrong as well.",
        ),
        Cause(
            "d",
            "+ writes the sum into a, so the second call starts from a spoilt image.",
            "a + b builds a new array; only a += b would write into a. The very first "
            "call is wrong.",
        ),
    ),
    mistakes=(
        Mistake("limited", lambda a, b: np.clip(a + b, 0, 255) // 2, _STILL_WRAPS),
        *_typed(
            "divided by / instead",
            lambda a, b: (a + b) / 2,
            "the sum still goes through uint8, where 200 + 100 is 44: / instead of // "
            "changes the halves only. Make room before the +.",
            _FLOATS,
        ),
        *_typed(
            "widened after the sum",
            lambda a, b: (a + b) // 2,
            _STILL_WRAPS,
            (*_WHOLE, *_FLOATS),
        ),
        Mistake(
            "halved first",
            lambda a, b: a // 2 + b // 2,
            "each half is rounded down by itself: 3 and 5 become 1 + 2 = 3, not 4. "
            "Add first, in a wider type.",
        ),
        *_typed(
            "limited before halving",
            lambda a, b: np.clip(a.astype(int) + b, 0, 255) // 2,
            "the sum is cut off at 255 before it is halved, so nothing gets brighter "
            "than 127. It may reach 510 on the way.",
            _KINDS,
        ),
        *_typed(
            "not halved",
            lambda a, b: np.clip(a.astype(int) + b, 0, 255),
            "the sum is limited but not halved.",
            _KINDS,
        ),
        *_typed(
            "floats kept",
            lambda a, b: (a.astype(float) + b) / 2,
            "the average is right, but a float with its halves; the task asks for "
            "uint8, rounded down: .astype(np.uint8).",
            _FLOATS,
        ),
        *_right_in("right", lambda a, b: (a.astype(int) + b) // 2),
        *_typed(
            "rounded",
            lambda a, b: np.round((a.astype(float) + b) / 2),
            "rounded to the nearest whole number (halves to the even one); the task "
            "rounds down.",
            _KINDS,
        ),
        *_typed(
            "rounded up",
            lambda a, b: (a.astype(int) + b + 1) // 2,
            "rounded up where the sum is odd; the task rounds down.",
            _KINDS,
        ),
        *_typed(
            "int8",
            lambda a, b: (a.astype(np.int8).astype(int) + b.astype(np.int8)) // 2,
            "int8 holds -128 to 127 only: bright values turn negative. It takes a "
            "wider type, such as int or np.int16.",
            (np.int8, np.uint8, *_WHOLE),
        ),
        Mistake(
            "int8 sums",
            lambda a, b: (a.astype(np.int8) + b.astype(np.int8)) // 2,
            "int8 is as narrow as uint8: sums wrap there, too. It takes a wider type, "
            "such as int or np.int16.",
        ),
    ),
    hints_=(
        "What is np.array([200], np.uint8) + np.array([100], np.uint8)?",
        "Widen one of the two before the sum, as in `a.astype(int) + b`.",
        "Then halve, and store: `return ((a.astype(int) + b) // 2).astype(np.uint8)`.",
    ),
)

# ---------------------------------------------------------------------- as_float

as_float = Exercise(
    name="as_float",
    notebook="00",
    reference=images.as_float,
    cases=(
        Case((np.array([[0, 51], [102, 255]], np.uint8),)),
        Case((np.array([[100, 150, 200]], np.uint8),), "darkest value is not 0"),
        Case((_BATCH,), "a batch"),
    ),
    samples=lambda rng, size: Case((_byte_image(rng, size),)),
    returns=("float32", "float64"),
    rtol=1e-5,
    atol=1e-6,
    mistakes=(
        Mistake(
            "float16",
            lambda images: (images / 255).astype(np.float16),
            "float16 keeps about three digits; the task asks for float32 or float64.",
        ),
        Mistake(
            "divided by 256",
            lambda images: images / 256,
            "divided by 256: then white is 0.996, not 1. The largest value is 255.",
        ),
        Mistake(
            "whole-number division",
            lambda images: images // 255,
            "the fractions are thrown away, by // or by storing whole numbers: "
            "everything below white becomes 0.",
        ),
        Mistake(
            "whole-number division, as floats",
            lambda images: (images // 255).astype(float),
            "the fractions are thrown away before the result becomes a float: divide "
            "with /, not //.",
        ),
        Mistake(
            "halves up",
            lambda images: np.round(images / 255),
            "rounded to 0 or 1: no grey is left between black and white.",
        ),
        Mistake(
            "only converted",
            lambda images: images.astype(float),
            "the type changed, the range did not: values still go up to 255.",
        ),
        Mistake(
            "stretched to the range",
            lambda images: (
                (images - float(images.min()))
                / (float(images.max()) - float(images.min()))
            ),
            "each picture is stretched to its own darkest and brightest value; two "
            "pictures could no longer be compared.",
        ),
        Mistake(
            "divided by its maximum",
            lambda images: images / images.max(),
            "divided by the brightest value present, not by 255.",
        ),
        Mistake(
            "dark and bright exchanged",
            lambda images: 1 - images / 255,
            "dark and bright are exchanged: 0 must stay 0 and 255 become 1.",
        ),
        Mistake(
            "standardised",
            lambda images: (images - images.mean()) / images.std(),
            "mean 0 and spread 1 is another scaling; the task asks for 0..1, the same "
            "for every picture.",
        ),
        *_typed(
            "cut off at 1",
            lambda images: np.clip(images, 0, 1),
            "the values are cut off at 1, not divided: everything bright becomes 1.",
            (np.uint8, np.float64),
        ),
        Mistake(
            "centred",
            lambda images: images / 127.5 - 1,
            "this maps to -1..1; the task asks for 0..1.",
        ),
        Mistake(
            "two decimals",
            lambda images: np.round(images / 255, 2),
            "rounded to two decimals: 256 grey levels become 101. Keep what the "
            "division gives.",
        ),
        Mistake(
            "three decimals",
            lambda images: np.round(images / 255, 3),
            "rounded to three decimals: that is no longer the number. Keep what the "
            "division gives.",
        ),
        Mistake(
            "per cent",
            lambda images: images / 255 * 100,
            "these are per cent, 0 to 100; the task asks for 0 to 1.",
        ),
    ),
    hints_=(
        "What must 255 become? And 0?",
        "Division with / gives floats; division with // gives whole numbers.",
        "Divide by 255: `return images / 255`.",
    ),
)

# ----------------------------------------------------------------- zero_to_eight

_NOT_YET = 65.0  # worse than any number of changed pixels


@functools.cache
def _digits():
    """Return the zero to be edited, the other training digits, and their labels."""
    digits = data.load("digits")
    return digits.images[0, 0], digits.images[1:, 0], digits.labels[1:]


def _edited(answer):
    """Return the learner's image; a function is given the zero to edit."""
    return np.asarray(answer(_digits()[0].copy()) if callable(answer) else answer)


def _fault(image: np.ndarray) -> str:
    """Return what keeps an answer from being compared, or an empty text."""
    if image.dtype == object and image.shape == () and image.item() is None:
        return "Wanted are 8 x 8 numbers, but your function returns None."
    if image.shape != (8, 8) or image.dtype.kind not in "biuf":
        came = f"{image.dtype} of shape {image.shape}"
        return f"Wanted are 8 x 8 numbers, as in editor.pixels; got {came}."
    if not ((image >= 0) & (image <= 255)).all():
        return "A pixel holds a number from 0 (black) to 255 (white)."
    return ""


def _eightness(answer) -> Score:
    """Score an edited zero: changed pixels, once its five neighbours are 8s."""
    zero, others, labels = _digits()
    image = _edited(answer)
    fault = _fault(image)
    if fault:
        return Score(_NOT_YET, fault)
    changed = int((image != zero).sum())
    flat = image.astype(np.float64).reshape(1, -1)
    nearest = neighbors.nearest(flat, others.reshape(len(others), -1), k=5)[0][0]
    names = [str(labels[index]) for index in nearest]
    eights = names.count("8")
    detail = (
        f"You changed {changed} of {zero.size} pixels. The five most similar digits "
        f"are {', '.join(names)}: {_words_for(eights, changed)}"
    )
    pictures = [(np.round(image).astype(np.uint8), "your picture")]
    pictures += zip(others[nearest], names, strict=True)
    return Score(changed if eights == 5 else _NOT_YET, detail, pictures)


def _words_for(eights: int, changed: int) -> str:
    if eights == 0:
        return "no 8 among them yet."
    if eights < 5:
        return f"{eights} of five {'is an 8' if eights == 1 else 'are 8s'}, not all."
    if changed > 4:
        return "all 8s, but it takes fewer pixels than that."
    return "all 8s."


def _pixels_in_words(score: float) -> str:
    return "not an 8 yet" if score >= _NOT_YET else f"{score:.0f} pixels"


def _lit(*places, value=255):
    def edit(zero):
        for place in places:
            zero[place] = value
        return zero

    return edit


zero_to_eight = Open(
    name="zero_to_eight",
    notebook="00",
    reference=images.with_middle_lit,
    score=_eightness,
    bar=4,
    lower_is_better=True,
    show=_pixels_in_words,
    measured_on="the five most similar of the 1,437 other training digits",
    wants="an array of 8 x 8 numbers, such as editor.pixels",
    untouched=lambda answer: np.array_equal(_edited(answer), _digits()[0]),
    mistakes=(
        Mistake("one pixel", _lit((3, 3)), "no 8 among them yet."),
        Mistake(
            "three pixels", _lit((3, 3), (3, 4), (4, 3)), "1 of five is an 8, not all."
        ),
        Mistake(
            "three of the best",
            _lit((3, 3), (3, 4), (4, 4)),
            "2 of five are 8s, not all.",
        ),
        Mistake(
            "grey, not white",
            _lit((3, 3), (3, 4), (4, 3), (4, 4), value=100),
            "no 8 among them yet.",
        ),
        Mistake(
            "five pixels",
            _lit((slice(3, 5), slice(3, 5)), (2, 3)),
            "all 8s, but it takes fewer pixels than that.",
        ),
        Mistake(
            "a whole other 8",
            lambda zero: _digits()[1][np.flatnonzero(_digits()[2] == 8)[0]],
            "all 8s, but it takes fewer pixels than that.",
        ),
        Mistake(
            "two rows", _lit((slice(3, 5), slice(2, 6))), "2 of five are 8s, not all."
        ),
        Mistake("a batch of one", lambda zero: zero[None], "Wanted are 8 x 8 numbers"),
        Mistake(
            "brighter than white",
            lambda zero: zero.astype(int) + 300,
            "A pixel holds a number from 0 (black) to 255 (white).",
        ),
        Mistake(
            "turned into a negative", lambda zero: 255 - zero, "no 8 among them yet."
        ),
    ),
    hints_=(
        "Where does an 8 have ink, and the 0 has none?",
        "The two loops of an 8 meet in the middle. Light the middle, fully: 255.",
        "Four pixels suffice: rows 3 and 4, columns 3 and 4, each set to 255.",
    ),
)

# ---------------------------------------------------------------------- practice


def half(image):
    """Return the image at half its brightness."""
    return image / 2


practice = Exercise(
    name="practice",
    notebook="00",
    reference=half,
    cases=(Case((np.array([[2.0, 4.0, 6.0], [8.0, 0.0, 1.0]]),)),),
    mistakes=(
        Mistake(
            "doubled",
            lambda image: image * 2,
            "that is twice the brightness; half was asked for.",
        ),
    ),
    hints_=("Divide.",),
    practice=True,
)

EXERCISES = (zero_to_eight, value_count, to_channels_first, brighten, average, as_float)
