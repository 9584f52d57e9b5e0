"""Verdicts on answers to notebook 12, and its functions beside the engine's."""

import math

import numpy as np
import pytest
import torch

from cnnlab import augment, checks, ingredients, nets, train
from cnnlab.course import records
from cnnlab.train import trials

pytestmark = pytest.mark.usefixtures("no_progress")
RNG = np.random.default_rng(12)


def by_svd(images):
    pixels = np.moveaxis(images, 1, -1).reshape(-1, 3)
    pixels = pixels - pixels.mean(axis=0)
    _, values, rows = np.linalg.svd(pixels, full_matrices=False)
    found = np.zeros(3)
    found[: len(values)] = values**2 / len(pixels)
    return found, -rows.T


def by_cov(images):
    values, vectors = np.linalg.eig(
        np.cov(images.swapaxes(0, 1).reshape(3, -1), bias=True)
    )
    order = np.argsort(-values)
    return values[order], vectors[:, order]


def by_padding(x, k=2.0, n=5, alpha=1e-4, beta=0.75):
    half = n // 2
    wide = np.pad(np.asarray(x, float) ** 2, ((0, 0), (half, half), (0, 0), (0, 0)))
    total = sum(wide[:, j : j + x.shape[1]] for j in range(n))
    return x * (k + alpha * total) ** -beta


def by_factor(x, kept, p=0.5, training=True, inverted=False):
    factor = np.asarray(kept) if training else 1.0
    if training == inverted:
        factor = factor / (1 - p) if training else factor * (1 - p)
    return x * factor


@pytest.mark.parametrize(
    ("name", "answer"),
    [("pca_colour", by_svd), ("pca_colour", by_cov), ("lrn", by_padding),
     ("dropout_forward", by_factor)],
)  # fmt: skip
def test_another_way_of_writing_it_is_right(name, answer):
    verdict = checks.EXERCISES[name](answer)
    assert verdict.passed, verdict


@pytest.mark.parametrize("letter", ["a", "b", "d"])
def test_a_mended_shift_with_another_cause_gets_its_reply(letter):
    verdict = checks.colour_shift(ingredients.colour_shift, letter)
    reply = next(c.reply for c in checks.colour_shift.causes if c.letter == letter)
    assert verdict.status == "wrong cause" and reply in verdict.text


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        (7, "a dict"),
        ({"rates": 0.1}, "no setting rates"),
        ({"activation": "gelu"}, "one of 'relu', 'tanh'"),
        ({"dropout": 0.95}, "at most 0.9"),
        ({"batch": 2.5}, "whole number"),
        ({"flip": 1}, "one of True, False"),
        ({"towers": True}, "one of 1, 2"),
        ({"rate": float("nan")}, "finite"),
        ({"pool": [5, 1]}, "one of (3, 2), (2, 2)"),
        ({"start": -1}, "at least 0"),
        ({"views": [10]}, "one of 1, 10"),
        ({"rate": 0}, "nothing is learned"),
        ({"start": 1e9}, "at most 100"),
    ],
)
def test_settings_that_do_not_exist_are_told(settings, word):
    verdict = checks.best_recipe(lambda: settings)
    assert verdict.status == "raised" and word in verdict.text, verdict


# ------------------------------------------------------------- two engines, one input


def test_normalisation_is_pytorchs_with_alpha_times_n():
    x = RNG.normal(0, 50, (2, 9, 3, 4))
    theirs = torch.nn.LocalResponseNorm(5, 5e-4, 0.75, 2.0)(torch.from_numpy(x))
    np.testing.assert_allclose(ingredients.lrn(x), theirs.numpy(), rtol=1e-12)
    ours = nets.LocalResponseNorm(3, 3 * 0.01, 0.5, 1.0)(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(ingredients.lrn(x, 1.0, 3, 0.01, 0.5), ours, rtol=1e-12)


def test_colours_and_crops_are_those_of_the_engine():
    images = RNG.integers(0, 256, (3, 3, 9, 11)).astype(np.uint8)
    images[:, 0] //= 2
    images[:, 1] = images[:, 0] // 2 + images[:, 2] // 3
    variances, directions = ingredients.pca_colour(images)
    sds, vectors = augment.colour_directions(images)
    np.testing.assert_allclose(np.sqrt(variances), sds.numpy(), rtol=1e-5)
    np.testing.assert_allclose(np.abs(directions), vectors.abs().numpy(), atol=1e-5)
    ours = ingredients.ten_crop(images, 6)
    assert np.array_equal(ours, augment.ten_crop(images, crop=6).numpy())


def test_both_forms_of_dropout_are_the_layers():
    x = torch.from_numpy(RNG.normal(0, 1, (4, 50)))
    for inverted in (False, True):
        layer = nets.layers.dropout_layer(0.25, inverted)()
        torch.manual_seed(0)
        got = layer.train()(x)
        kept = (got != 0).double()
        ours = ingredients.dropout_forward(x, kept, 0.25, True, inverted)
        torch.testing.assert_close(torch.from_numpy(ours), got)
        test = ingredients.dropout_forward(x, kept, 0.25, False, inverted)
        torch.testing.assert_close(torch.from_numpy(test), layer.eval()(x))


def test_grey_photographs_have_no_negative_variance_and_can_be_shifted():
    for seed in range(5):
        grey = np.random.default_rng(seed).integers(0, 256, (1, 1, 7, 9))
        images = np.repeat(grey, 3, axis=1)
        variances, directions = ingredients.pca_colour(images)
        assert (variances >= 0).all()
        variances[2] = -1e-12
        moved = ingredients.colour_shift(images[0], variances, directions, np.ones(3))
        assert np.isfinite(moved).all()


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: ingredients.dropout_forward([[1.0]], [[2]]), "0 and 1"),
        (lambda: ingredients.dropout_forward([[1.0]], [[1]], p=1.0), "below 1"),
        (lambda: ingredients.dropout_forward([[1.0, 2]], [[1]]), "kept"),
        (lambda: ingredients.lrn(np.zeros((1, 5, 1, 1)), n=4), "odd"),
        (lambda: ingredients.lrn(np.zeros((1, 5, 1, 1)), k=0), "above 0"),
        (lambda: ingredients.colour_shift(np.zeros((4, 5, 3)), [1] * 3, np.eye(3),
                                          [0] * 3), "image"),
        (lambda: ingredients.passes_until([60, 20]), "shares"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told(call, word):
    with pytest.raises(ValueError, match=word):
        call()


# Slips that a reader made: answer, and words of the cause that is to be named.
SLIPS = {
    "pca_colour": [(lambda x: ingredients.pca_colour(x)[::-1], "exchanged")],
    "dropout_forward": [
        (lambda x, kept, p=0.5, training=True, inverted=False:
            ingredients.dropout_forward(x, kept, p, training, not inverted),
         "other way round"),
        (lambda x, kept, p=0.5, training=True, inverted=False:
            ingredients.dropout_forward(x, kept, p, training, inverted or training),
         "2012 does not divide"),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "answer", "word"), [(n, *one) for n, all_ in SLIPS.items() for one in all_]
)
def test_likely_slips_are_named(name, answer, word):
    verdict = checks.EXERCISES[name](answer)
    assert not verdict.passed and word in verdict.text, verdict


# ---------------------------------------------------------------- what each was worth


def _record(**rows):
    runs = {
        name: {"runs": [{"seed": s, "error": e / 100} for s, e in enumerate(errors)]}
        for name, errors in rows.items()
    }
    return {"rows": runs}


def test_a_difference_counts_from_three_standard_errors_on():
    found = _record(base=[40, 41, 42], far=[45, 46, 47], near=[41, 42, 43], none=[])
    limit = ingredients.noise_of({k: v for k, v in found["rows"].items() if v["runs"]})
    assert math.isclose(limit, 3 * math.sqrt(2 / 3))  # s is 1 in every row
    steps = {one.name: one for one in ingredients.ladder(found)}
    assert list(steps) == ["far", "near"]
    assert (
        steps["far"].verdict == "worse" and steps["near"].verdict == "within the noise"
    )
    assert math.isclose(steps["far"].difference, 5)
    wild = {"start: x": [40, 50, 60], "start: y": [90, 90, 90]}  # s is 10, and 0
    starts = {one.name: one for one in ingredients.ladder(_record(
        base=[40, 41, 42], far=[45, 46, 47], **wild
    ))}  # fmt: skip
    assert [starts[name].verdict for name in ("far", "start: x", "start: y")] == [
        "worse", "within the noise", "worse"
    ]  # fmt: skip
    own = 3 * math.sqrt((100 + 1) / 2 * 2 / 3)
    assert math.isclose(starts["start: x"].limit, own)
    better = ingredients.ladder(_record(base=[40, 41, 42], less=[30, 31, 32]))
    assert better[0].verdict == "better"
    told = ingredients.sorted_out(list(steps.values()))
    assert told == "clearly worse so: far\nwithin the noise: near"
    row = ingredients.Worth("no LRN", [50.0], 2.0, "worse")
    assert ingredients.beside_the_paper([row]).split()[-5:] == [
        "LRN", "+2.0", "worse", "+1.4/+1.2", "+1.37/+1.15"
    ]  # fmt: skip


def test_one_seed_says_nothing():
    steps = ingredients.ladder(_record(base=[40], far=[60]))
    assert [one.verdict for one in steps] == ["one seed"]
    half = ingredients.ladder(_record(base=[40, 41], far=[60, 61], late=[50]))
    assert {one.verdict for one in half} == {"one seed"}


def test_the_logs_agree_with_the_paper_and_name_rows_of_the_record():
    rows = records.read("ablations")["rows"]
    for name, (paper, logs) in ingredients.EFFECTS_2012.items():
        assert name in rows
        if logs:
            np.testing.assert_allclose(paper, logs, atol=0.06)


# --------------------------------------------------------------- trainings in seconds


def test_a_small_training_repeats_and_leaves_the_global_numbers_alone():
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    one, two = (train.small(3, 1, dropout=0.5, colour=0.1, crops=False) for _ in "ab")
    assert one.losses == two.losses and len(one.losses) == 10
    assert torch.equal(before, torch.random.get_rng_state())
    assert train.small(4, 1, dropout=0.5).losses != one.losses


def test_a_number_for_the_start_multiplies_hes_weights():
    whole, half = train.small_net(1), train.small_net(1, start=0.5)
    assert torch.equal(whole.fc6.weight / 2, half.fc6.weight)


def test_held_out_patches_come_from_other_parts():
    part, held = trials.patches()
    assert len(part.labels) == 200 and len(held.labels) == 400
    seen = {one.tobytes() for one in part.images}
    assert not any(one.tobytes() in seen for one in held.images)
