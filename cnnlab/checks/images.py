"""The exercises of notebook 00: an image as an array."""

import numpy as np

from cnnlab import images
from cnnlab.checks._base import Case, Exercise, Mistake

_rng = np.random.default_rng(0)
_BATCH = _rng.integers(0, 256, (2, 3, 4, 5), dtype=np.uint8)  # all sizes distinct


value_count = Exercise(
    name="value_count",
    notebook="00",
    reference=images.value_count,
    cases=(
        Case((1, 2, 3)),
        Case((32, 32, 3)),
        Case((5, 4, 1), "a grey image: one channel"),
        Case((300, 451, 3), "a photograph: no longer a square"),
    ),
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
            "bytes as bits",
            lambda height, width, channels: height * width * channels * 8,
            "a factor 8 too many: those are bits; the task asks for numbers.",
        ),
    ),
    hints_=(
        "How many pixels has an image of 2 rows and 5 columns?",
        "Every pixel holds `channels` numbers. Which operation counts a full table?",
        "Multiply all three.",
    ),
)

to_channels_first = Exercise(
    name="to_channels_first",
    notebook="00",
    reference=images.to_channels_first,
    cases=(
        Case((np.arange(12).reshape(1, 2, 2, 3),)),
        Case((_BATCH,), "all sizes distinct"),
        Case((_BATCH[:0],), "no images at all"),
    ),
    mistakes=(
        Mistake(
            "reshape",
            lambda images: images.reshape(
                images.shape[0], images.shape[3], images.shape[1], images.shape[2]
            ),
            "reshape keeps the numbers in reading order and cuts them anew, so "
            "colours get mixed; transpose moves whole axes.",
        ),
        Mistake(
            "reverse all axes",
            lambda images: images.T,
            ".T reverses all four axes, the batch too; name the new order instead.",
        ),
        Mistake(
            "height and width exchanged",
            lambda images: images.transpose(0, 3, 2, 1),
            "height and width are exchanged too: the pictures lie on their side.",
        ),
        Mistake(
            "channels to the front of all",
            lambda images: images.transpose(3, 0, 1, 2),
            "the channels stand before the batch axis; the images come first.",
        ),
        Mistake(
            "nothing moved",
            lambda images: images,
            "the axes are still in the old order.",
        ),
        Mistake(
            "colours reversed",
            lambda images: images[..., ::-1].transpose(0, 3, 1, 2),
            "red and blue are exchanged: the channels were reversed on the way.",
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
            "np.stack needs at least one image, and a batch may be empty: transpose "
            "the whole batch at once.",
        ),
        Mistake(
            "scaled too",
            lambda images: images.transpose(0, 3, 1, 2) / 255,
            "the values are divided as well; here only the axes move.",
        ),
        Mistake(
            "wrong inverse",
            lambda images: images.transpose(0, 2, 3, 1),
            "that is the way back, from channels first to channels last.",
        ),
    ),
    hints_=(
        "Which axis of the input becomes axis 1 of the result?",
        "images.transpose(a, b, c, d): a, b, c, d are the OLD axes in their new order.",
        "Old order N, H, W, C is 0, 1, 2, 3; the new order is N, C, H, W.",
    ),
)

as_float = Exercise(
    name="as_float",
    notebook="00",
    reference=images.as_float,
    cases=(
        Case((np.array([[0, 51], [102, 255]], np.uint8),)),
        Case((np.array([[100, 150, 200]], np.uint8),), "darkest value is not 0"),
        Case((_BATCH,), "a batch"),
    ),
    rtol=1e-5,
    atol=1e-6,
    mistakes=(
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
        Mistake(
            "cut off at 1",
            lambda images: np.clip(images, 0, 1),
            "the values are cut off at 1, not divided: everything bright becomes 1.",
        ),
        Mistake(
            "centred",
            lambda images: images / 127.5 - 1,
            "this maps to -1..1; the task asks for 0..1.",
        ),
    ),
    hints_=(
        "What must 255 become? And 0?",
        "Division with / gives floats; division with // gives whole numbers.",
        "Divide by 255.",
    ),
)

brighten = Exercise(
    name="brighten",
    notebook="00",
    reference=images.brighten,
    cases=(
        Case((np.array([[10, 20, 30]], np.uint8), 5)),
        Case((np.array([[0, 128, 250]], np.uint8), 10), "250 + 10 is above 255"),
        Case((np.array([[3, 128, 250]], np.uint8), -10), "3 - 10 is below 0"),
        Case((_BATCH, 60), "a batch"),
    ),
    mistakes=(
        Mistake(
            "wrap-around",
            lambda image, amount: (image.astype(np.int16) + amount).astype(np.uint8),
            "uint8 counts modulo 256: 250 + 10 becomes 4, and 3 - 10 becomes 249. Add "
            "in a wider type, limit to 0..255, and only then store.",
        ),
        Mistake(
            "not limited",
            lambda image, amount: image.astype(int) + amount,
            "values leave 0..255: limit them, for example with np.clip.",
        ),
        Mistake(
            "only the top limited",
            lambda image, amount: np.minimum(image.astype(int) + amount, 255),
            "the top is limited, the bottom is not: 3 - 10 must end at 0.",
        ),
        Mistake(
            "only the bottom limited",
            lambda image, amount: np.maximum(image.astype(int) + amount, 0),
            "the bottom is limited, the top is not: 250 + 10 must end at 255.",
        ),
        Mistake(
            "absolute value",
            lambda image, amount: np.minimum(np.abs(image.astype(int) + amount), 255),
            "the absolute value turns -7 into 7; what falls below 0 must end at 0.",
        ),
        Mistake(
            "per cent",
            lambda image, amount: np.clip(image * (1 + amount / 100), 0, 255),
            "the amount is taken as per cent; it is a number of grey levels to add.",
        ),
        Mistake(
            "multiplied",
            lambda image, amount: np.clip(image.astype(int) * amount, 0, 255),
            "the values are multiplied; the task adds the amount.",
        ),
        Mistake(
            "darkened",
            lambda image, amount: np.clip(image.astype(int) - amount, 0, 255),
            "the amount is subtracted: the sign is reversed.",
        ),
    ),
    hints_=(
        "Try np.array([250], np.uint8) + np.uint8(10) in a cell of its own.",
        "Make room first: image.astype(int) can hold 260.",
        "Then limit with np.clip(..., 0, 255), and store as np.uint8 last.",
    ),
)


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

EXERCISES = (value_count, to_channels_first, as_float, brighten)
