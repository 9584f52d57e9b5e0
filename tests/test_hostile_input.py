"""Every public function against every odd argument: an answer or one clear sentence.

A function may take an odd value, or refuse it with a ValueError or TypeError of one
short line that begins with a public name. It never warns, never lets an error of NumPy
through, and never changes what it was given.
"""

import functools
import re
import warnings

import numpy as np
import pytest

from cnnlab import (
    challenges,
    data,
    fields,
    grads,
    images,
    lenet,
    linear,
    neighbors,
    ops,
    scenes,
)

_rng = np.random.default_rng(0)
X, Q, W, B = (_rng.normal(size=shape) for shape in ((6, 4), (5, 4), (3, 4), (3,)))
S, Y = _rng.normal(size=(6, 3)), np.array([0, 1, 2, 0, 1, 2])
PICTURES = _rng.integers(0, 256, (2, 3, 16, 16), dtype=np.uint8)


class Stubborn:
    """An object that refuses to become an array."""

    def __array__(self, *args, **kwargs):
        raise RuntimeError("no")


def _torch(**options):
    return pytest.importorskip("torch").tensor(X.tolist(), **options)


def _frozen():
    x = X.copy()
    x.flags.writeable = False
    return x


ODD = {
    "nothing": lambda: None,
    "text": lambda: "abc",
    "bytes": lambda: b"abc",
    "number": lambda: 2.5,
    "negative": lambda: -1,
    "NaN": lambda: float("nan"),
    "infinity": lambda: float("inf"),
    "complex number": lambda: 1j,
    "boolean": lambda: True,
    "NumPy whole number": lambda: np.int8(2),
    "whole float": lambda: 3.0,
    "zero axes": lambda: np.array(3.0),
    "dict": dict,
    "set": lambda: {1, 2},
    "generator": lambda: (i for i in range(3)),
    "function": lambda: len,
    "empty list": list,
    "list": lambda: [1, 2, 3],
    "ragged": lambda: [[1, 2], [3]],
    "three axes": lambda: np.zeros((2, 3, 4)),
    "no rows": lambda: np.zeros((0, 4)),
    "no columns": lambda: np.zeros((6, 0)),
    "NaN array": lambda: np.full((6, 4), np.nan),
    "infinite array": lambda: np.full((6, 4), np.inf),
    "huge array": lambda: np.full((6, 4), 1e308),
    "tiny array": lambda: np.full((6, 4), 1e-320),
    "complex array": lambda: X + 1j,
    "objects": lambda: X.astype(object),
    "words": lambda: np.array([["a"] * 4] * 6),
    "dates": lambda: np.zeros((6, 4), "M8[s]"),
    "records": lambda: np.zeros(6, [("a", int)]),
    "float16": lambda: X.astype(np.float16),
    "int8": lambda: (50 * X).astype(np.int8),
    "booleans": lambda: X > 0,
    "long double": lambda: X.astype(np.longdouble),
    "matrix": lambda: np.asmatrix(X),
    "masked": lambda: np.ma.masked_array(X, mask=X > 1),
    "read-only": _frozen,
    "strided": lambda: np.asfortranarray(np.repeat(X, 2, axis=0))[::-2],
    "tensor": _torch,
    "tensor with gradient": lambda: _torch(requires_grad=True),
    "stubborn": Stubborn,
    "float labels": lambda: Y.astype(float),
    "labels too large": lambda: Y + 9,
    "labels below 0": lambda: -1 - Y,
    "labels beyond int64": lambda: np.full(6, 2**63, dtype=np.uint64),
    "a column of labels": lambda: Y[:, None],
    "uint64 labels": lambda: Y.astype(np.uint64),
    "pictures": PICTURES.copy,
    "one picture": PICTURES[0].copy,
    "float pictures": lambda: PICTURES / 255,
    "channels last": lambda: PICTURES.transpose(0, 2, 3, 1),
}


def _load(name):
    return functools.partial(data.load, name)


def _square_sum(x):
    with np.errstate(over="ignore"):
        return float((np.asarray(x) ** 2).sum())


LOSS = dict(x=X, y=Y, w=W, b=B, loss="hinge", reg=0.1, margin=1.0)
PAIR = dict(x=X, y=Q)
MAPS, FILTERS = _rng.normal(size=(2, 4, 5, 6)), _rng.normal(size=(3, 2, 3, 2))
CONV = dict(x=MAPS, w=FILTERS, stride=2, padding=1, dilation=1, groups=2)
POOL = dict(x=MAPS, kernel_size=2, stride=2, padding=1, ceil_mode=True)
LAYERS = [("conv", 2, 3), ("pool", 2), ("dense", 3)]
STACK = fields.read_stack("conv 3, pool 2")
INK = _rng.integers(0, 256, (9, 7), dtype=np.uint8)
READER = lenet.stored()
CALLS = (
    (neighbors.l1_distance, dict(a=X, b=X + 1)),
    (neighbors.l1_two_loops, PAIR),
    (neighbors.l2_two_loops, PAIR),
    (neighbors.l2_one_loop, PAIR),
    (neighbors.l1_distances, PAIR),
    (neighbors.l2_distances, PAIR),
    (
        neighbors.nearest,
        dict(queries=Q, train=X, k=2, metric="l2", chunk_size=3, engine="auto"),
    ),
    (neighbors.vote, dict(labels=np.array([[0, 1, 2], [1, 1, 0]]), num_classes=3)),
    (neighbors.predict, dict(queries=Q, train=X, labels=Y, k=2, metric="l1")),
    (neighbors.folds, dict(n=6, num_folds=3, seed=0)),
    (neighbors.cross_validate, dict(x=X, y=Y, ks=[1, 2], num_folds=3, seed=0)),
    (
        neighbors.tune_and_test,
        dict(x=X, y=Y, x_test=X, y_test=Y, ks=[1, 2], num_folds=3),
    ),
    (linear.scores, dict(x=X, w=W, b=B)),
    (linear.predict, dict(x=X, w=W, b=B)),
    (linear.append_one, dict(x=X)),
    (linear.join_bias, dict(w=W, b=B)),
    (linear.hinge_loss, dict(s=S, y=Y, margin=1.0)),
    (linear.hinge_loss_loops, dict(s=S, y=Y, margin=1.0)),
    (linear.hinge_gradient, dict(s=S, y=Y, margin=1.0)),
    (linear.softmax_loss, dict(s=S, y=Y)),
    (linear.softmax_loss_loops, dict(s=S, y=Y)),
    (linear.softmax_gradient, dict(s=S, y=Y)),
    (linear.dataset_loss, LOSS),
    (linear.dataset_loss_loops, LOSS),
    (
        linear.train,
        dict(x=X, y=Y, num_classes=3, learning_rate=0.1, reg=0.1, epochs=2,
             batch_size=4, seed=0, record=1, loss="softmax"),
    ),
    (ops.softmax, dict(s=S)),
    (ops.log_softmax, dict(s=S)),
    (ops.cross_entropy, dict(s=S, y=Y, reduction="mean")),
    (ops.accuracy, dict(predicted=Y, y=Y)),
    (grads.numerical_gradient, dict(f=_square_sum, x=X, h=1e-5)),
    (grads.relative_error, dict(a=X, b=X)),
    (grads.cross_entropy_backward, dict(s=S, y=Y)),
    (grads.linear_backward, dict(dout=S, x=X, w=W)),
    (ops.relu, dict(x=X)),
    (ops.conv2d, dict(b=B, **CONV)),
    (ops.max_pool2d, POOL),
    (ops.avg_pool2d, POOL),
    (grads.relu_backward, dict(dout=X, x=X)),
    (grads.conv2d_backward, dict(dout=np.ones((2, 3, 3, 4)), **CONV)),
    (grads.max_pool2d_backward, dict(dout=np.ones((2, 4, 3, 4)), **POOL)),
    (grads.avg_pool2d_backward, dict(dout=np.ones((2, 4, 3, 4)), **POOL)),
    (images.value_count, dict(height=2, width=3, channels=3)),
    (images.to_channels_first, dict(images=PICTURES)),
    (images.as_float, dict(images=PICTURES)),
    (images.brighten, dict(image=PICTURES, amount=3)),
    (challenges.luminance, dict(image=PICTURES[0])),
    (challenges.pixel_change, dict(before=PICTURES[0], after=PICTURES[1])),
    (challenges.silhouette, dict(image=PICTURES[0], contrast=35)),
    (challenges.is_mushroom, dict(image=PICTURES[0])),
    (challenges.one_against_rest, dict(label="cat", n=4, seed=0, severity=0.0)),
    (challenges.training_scenes, dict(n=4, seed=0, severities=(0, 0.2))),
    (challenges.answers, dict(rule=lambda image: True, images=PICTURES)),
    (challenges.topk_error, dict(scores=S, labels=Y, k=2)),
    (scenes.generate, dict(n=6, seed=0, severity=0.3, labels=Y, size=16, start=0)),
    (scenes.draw, dict(label="cat", seed=0, severity=0.1, size=16)),
    (
        scenes.perturb,
        dict(images=PICTURES, dial="occlusion", severity=0.5, seed=0, start=0),
    ),
    (data.flatten, dict(images=PICTURES)),
    (data.split_indices, dict(n=5, fractions=(0.6, 0.4), seed=0)),
    (data.batches, dict(n=5, batch_size=2, seed=0)),
    (data.load("digits").take, dict(indices=[0, 1])),
    (_load("digits"), dict(split="train", test_fraction=0.2, seed=0)),
    (_load("scenes"), dict(split="train", n=4, seed=0, severity=0.2)),
    (_load("patches"), dict(size=16, per_class=3, seed=0)),
    (data.photo, dict(name="chelsea")),
    (lenet.lenet_shapes, dict(image=(1, 9, 8), layers=LAYERS)),
    (lenet.count_parameters, dict(image=(1, 9, 8), layers=LAYERS)),
    (lenet.trainable_pool, dict(x=MAPS[:, :3, :4], w=B, b=B)),
    (lenet.centre_of_mass, dict(image=INK)),
    (lenet.centred, dict(image=INK)),
    (lenet.prepared, dict(drawing=INK)),
    (lenet.squeezed, dict(drawing=INK)),
    (lenet.Reader, dict(weights=READER.w)),
    (lenet.Reader.of, dict(run=lenet)),
    (READER.layers, dict(images=np.zeros((2, 28, 28)))),
    (READER.chances, dict(images=np.zeros((2, 28, 28)))),
    (READER.pull, dict(image=np.zeros((28, 28)), towards=8, away=3, seen=None)),
    (lenet.fooling_drawing, dict(reader=READER)),
    (fields.read_stack, dict(text="conv 3, pool 2")),
    (fields.map_sizes, dict(n=9, layers=STACK)),
    (fields.effective_field, dict(patch=MAPS[:, :2, :4, :4].mean(axis=0),
                                  layers=STACK, draws=1, seed=0)),
    (fields.middle_share, dict(field=INK[:7])),
    (fields.padded_pool, dict(x=MAPS, kernel_size=2, stride=2, padding=1)),
)  # fmt: skip


def _name(function):
    function = getattr(function, "func", function)
    return f"{function.__module__.split('.')[1]}.{function.__name__}"


def _fault(function, arguments) -> str | None:
    """Return what is wrong with the way a call ends, or None."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            result = function(**arguments)
            if hasattr(result, "__next__"):
                list(result)
        except (ValueError, TypeError) as error:
            said = str(error)
            plain = re.match(r"[A-Za-z0-9_]+: ", said) and "\n" not in said
            if not plain or len(said) > 300 or not said.endswith((".", ").", "`")):
                return f"said {type(error).__name__}: {said[:200]}"
        except Exception as error:
            return f"raised {type(error).__name__}: {str(error)[:200]}"
    return None


@pytest.mark.parametrize(("function", "good"), CALLS, ids=lambda value: (
    _name(value) if callable(value) else ""
))  # fmt: skip
def test_an_odd_argument_is_taken_or_refused_in_one_clear_sentence(function, good):
    assert _fault(function, good) is None
    faults = []
    for name in good:
        for kind, make in ODD.items():
            odd = make()
            before = odd.copy() if type(odd) is np.ndarray else None
            fault = _fault(function, {**good, name: odd})
            if fault:
                faults.append(f"{name} = {kind}: {fault}")
            if before is not None:
                np.testing.assert_array_equal(odd, before)
    assert not faults, "\n".join(faults)


MASKED = np.ma.masked_array(X, mask=X > 1)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: neighbors.l2_distances(MASKED, X), "x is a masked array"),
        (lambda: neighbors.l2_distances(_torch(requires_grad=True), X), "x.detach()"),
        (lambda: neighbors.nearest(X, X, np.ones((2, 2))), "of shape (2, 2), float64"),
        (lambda: neighbors.nearest(X, X, np.bool_(True)), "must be a whole number"),
        (lambda: neighbors.nearest(X, X, 1, metric=X), "must be 'l2' or 'l1'; got an"),
        (lambda: neighbors.cross_validate(X, Y, 3, 2), "For one value: [5]."),
        (lambda: neighbors.l1_distance(X + 1j, X), "needs real numbers"),
        (lambda: linear.scores(X * 1e200, W * 1e200), "leave the range"),
        (lambda: linear.train(X, Y, 3, seed=np.asmatrix(X)), "train: seed must be"),
        (lambda: grads.numerical_gradient(lambda x: None, X), "one real number"),
        (lambda: grads.numerical_gradient(5, X), "needs a function; got 5."),
        (lambda: challenges.luminance(PICTURES[0, :1]), "needs shape (3, H, W)"),
        (lambda: lenet.lenet_shapes((1, 8, 8), [("relu",)]), '("conv", filters, k)'),
        (lambda: lenet.lenet_shapes((1, 8, 8), [("conv", 6)]), "layer 1 is written"),
        (lambda: lenet.lenet_shapes((1, 8, 8), LAYERS[::-1]), "dense layers last"),
        (lambda: lenet.lenet_shapes((1, 8, 8), [("conv", -6, 3)]), "got -6"),
        (lambda: lenet.lenet_shapes(32, LAYERS), "three sizes (C, H, W)"),
        (lambda: lenet.count_parameters((1, 8), LAYERS), "count_parameters: image"),
        (lambda: lenet.count_parameters((1, 4, 4), [("pool", 5)]), "does not fit"),
        (lambda: lenet.prepared(INK - 300.0), "ink from 0 to 255; got values from"),
        (lambda: lenet.prepared(INK * 1e300), "ink from 0 to 255"),
        (lambda: lenet.prepared(INK / 255), "Scale it: 255 * drawing"),
        (lambda: lenet.squeezed(np.zeros((0, 5))), "at least one pixel"),
        (lambda: lenet.centred(INK[0]), "centred: image needs 2 axes (H, W)"),
        (lambda: lenet.Reader({}), "weights lacks c1.weight"),
        (lambda: lenet.Reader({**READER.w, "mean": [1, 2]}), "needs one number"),
        (lambda: lenet.Reader({**READER.w, "c1.bias": [1, 2]}), "needs shape (6,)"),
        (lambda: READER.chances(np.full((1, 28, 28), -255.0)), "ink from 0 to 255"),
        (lambda: READER.chances("eight"), "needs real numbers"),
        (lambda: READER.pull(np.zeros((28, 28)), 10, 3, None), "from 0 to 9; got 10"),
        (lambda: lenet.fooling_drawing(None), "lenet.stored()"),
        (lambda: fields.read_stack("conv \uff13"), "a layer is written as conv 3"),
        (lambda: fields.effective_field(np.zeros((0, 4, 4)), STACK), "channels"),
        (lambda: fields.map_sizes(9, [fields.Layer("dense", 3, 1)]), "'conv' or"),
        (lambda: fields.middle_share([[1, -1], [1, -1]]), "np.abs(field)"),
        (lambda: fields.middle_share(np.zeros((0, 0))), "number of rows"),
        (lambda: fields.padded_pool(MAPS, 1, 1, 1), "from 0 to 0; got 1"),
        (lambda: fields.padded_pool(MAPS[0], 2, 2, 1), "needs 4 axes"),
    ],
)
def test_what_is_refused_says_what_came_and_how_to_mend_it(call, said):
    with pytest.raises((ValueError, TypeError)) as caught:
        call()
    assert said in str(caught.value), str(caught.value)


def test_a_masked_array_without_gaps_is_an_array():
    whole = np.ma.masked_array(X, mask=False)
    np.testing.assert_array_equal(
        neighbors.l2_distances(whole, X), neighbors.l2_distances(X, X)
    )


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_all_ways_of_l2_agree_where_squares_leave_the_float_range(size):
    wanted = neighbors.l2_distances(X, Q)
    for distances in (neighbors.l2_two_loops, neighbors.l2_one_loop):
        np.testing.assert_allclose(distances(X * size, Q * size), wanted * size)


def test_differences_of_pixels_are_exact_for_floats_too():
    before, after = np.array([0.25, 0.5]), np.array([0.5, 0.5])
    assert challenges.pixel_change(before, after) == (0.5, 0.125)


def test_huge_ink_has_a_centre_too():
    assert lenet.centre_of_mass([[1e308, 1e308]]) == (0, 0.5)
    assert fields.middle_share(np.full((6, 6), 1e308)) == 0.25


def test_a_stray_dot_does_not_come_in_on_the_other_side():
    drawing = np.zeros((60, 60), np.uint8)
    drawing[40:, 40:], drawing[:3, :3] = 255, 255
    image = lenet.prepared(drawing)
    assert not image[20:, 20:].any() and lenet.squeezed(drawing)[:2, :2].any()


def test_no_picture_has_no_answer():
    assert READER.chances(np.zeros((0, 28, 28))).shape == (0, 10)
