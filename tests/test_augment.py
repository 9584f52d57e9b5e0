"""Crops, reflections, colour shifts, and the random numbers behind them."""

import math
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from cnnlab import augment
from cnnlab.augment import choices, pixels, randoms, statistics
from cnnlab.data import pictures

IMAGENET = (0.2175, 0.0188, 0.0045)  # eigenvalues often used; pixels in [0, 1]


# References that a machine for the engine alone lacks; it skips the tests that ask.


@pytest.fixture
def tv():
    return pytest.importorskip("torchvision.transforms")


@pytest.fixture
def tvf():
    return pytest.importorskip("torchvision.transforms.functional")


@pytest.fixture
def stats():
    return pytest.importorskip("scipy.stats")


def batch(n=12, channels=3, height=20, width=24, seed=0, nhwc=True):
    """Return random uint8 images (N, C, H, W), in the memory order of a store."""
    generator = torch.Generator().manual_seed(seed)
    shape = (n, height, width, channels)
    images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    images = images.permute(0, 3, 1, 2)
    return images if nhwc else images.contiguous()


def colours(images):
    return augment.colour_directions(images)


OPTIONS = {
    "plain": dict(crop=16),
    "no reflection": dict(crop=16, flip=False),
    "whole": dict(crop=20),
    "channel mean": dict(crop=16, mean=[120.0, 110.0, 100.0], scale=[0.1, 0.2, 0.3]),
    "mean image": dict(crop=16, mean="image", colour=True),
    "padding": dict(crop=20, padding=4, mean="image"),
    "padding, channel mean": dict(crop=20, padding=4, mean=[120.0, 110.0, 100.0]),
    "resized": dict(crop=12, resized=True, mean="image", scale=0.5, colour=True),
    "resized up": dict(crop=40, resized=(0.2, 0.4), flip=False, mean=99.5),
    "erase": dict(crop=16, erase=5, scale=1 / 60, colour=True),
}


def options(name, images):
    """Return the arguments of one row of OPTIONS for these images."""
    kwargs = dict(OPTIONS[name])
    if kwargs.get("mean") == "image":
        kwargs["mean"] = augment.mean_image(images)
    if kwargs.get("colour"):
        kwargs["colour"] = colours(images)
    return kwargs


def drawn(indices, epoch, seed, height=20, width=24, **kwargs):
    """Return what is drawn for a call of ``for_training`` with these arguments."""
    for name in ("mean", "scale"):
        kwargs.pop(name, None)
    if kwargs.pop("colour", None) is not None:
        kwargs.setdefault("colour_std", 0.1)
    return augment.choose(seed, epoch, indices, height=height, width=width, **kwargs)


# ------------------------------------------------------------- random numbers

KNOWN = [  # tests/kat_vectors of Random123: rounds, counter, key, result
    (7, "0 0 0 0", "0 0", "5f6fb709 0d893f64 4f121f81 4f730a48"),
    (7, "ffffffff " * 4, "ffffffff " * 2, "5207ddc2 45165e59 4d8ee751 8c52f662"),
    (
        7,
        "243f6a88 85a308d3 13198a2e 03707344",
        "a4093822 299f31d0",
        "4dfccaba 190a87f0 c47362ba b6b5242a",
    ),
    (10, "0 0 0 0", "0 0", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    (10, "ffffffff " * 4, "ffffffff " * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    (
        10,
        "243f6a88 85a308d3 13198a2e 03707344",
        "a4093822 299f31d0",
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]


def hexadecimal(text):
    return [int(word, 16) for word in text.split()]


@pytest.mark.parametrize(("rounds", "counter", "key", "result"), KNOWN)
def test_philox_gives_the_published_words(rounds, counter, key, result):
    c, k = hexadecimal(counter), hexadecimal(key)
    even, odd = torch.tensor([[c[0]], [c[2]]]), torch.tensor([[c[1]], [c[3]]])
    keys = torch.tensor(
        [
            [[(k[j] + r * randoms.STEPS[j]) & randoms.MASK] for j in (0, 1)]
            for r in range(rounds)
        ]
    )
    factors = torch.tensor([[f] for f in randoms.FACTORS])
    even, odd = randoms.philox(even, odd, keys, factors)
    words = [w.item() for w in (even[0], odd[0], even[1], odd[1])]
    assert words == hexadecimal(result)


def test_a_uniform_number_is_the_published_word_over_two_to_the_32():
    # Counter and key of zeros: draw 0 of index 0 in epoch 0 under seed 0.
    words = hexadecimal("5f6fb709 0d893f64 4f121f81 4f730a48")
    got = augment.uniform(0, 0, [0], 4)[0]
    assert got.tolist() == [word / 2**32 for word in words]


def test_seed_epoch_and_index_use_all_their_bits():
    rows = [
        augment.uniform(seed, epoch, [index], 1).item()
        for seed, epoch, index in [
            (0, 0, 0), (1, 0, 0), (2**32, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 2**32),
            (0, 3, 5), (0, 5, 3),
        ]
    ]  # fmt: skip
    assert len(set(rows)) == len(rows)


def test_a_draw_does_not_depend_on_the_number_of_draws():
    few, many = (augment.uniform(3, 1, range(9), n) for n in (3, 30))
    assert torch.equal(few, many[:, :3])
    few, many = (augment.normal(3, 1, range(9), n) for n in (3, 30))
    assert torch.equal(few, many[:, :3])


def test_an_epoch_may_be_a_tensor():
    wanted = augment.uniform(3, 5, range(9), 2)
    assert torch.equal(wanted, augment.uniform(3, torch.tensor(5), range(9), 2))


def test_uniform_numbers_fill_the_unit_interval_evenly(stats):
    u = augment.uniform(0, 0, range(200_000), 4)
    assert u.dtype == torch.float64 and 0 <= u.min() and u.max() < 1
    for column in u.T:
        counts = torch.histc(column, 100, 0, 1).numpy()
        assert stats.chisquare(counts).pvalue > 1e-4
        assert stats.kstest(column.numpy(), "uniform").pvalue > 1e-4


def test_every_bit_of_a_uniform_number_is_a_fair_coin():
    words = (augment.uniform(1, 2, range(100_000), 2) * 2**32).long()
    for bit in range(32):
        ones = (words >> bit & 1).sum(0)
        assert (ones - 50_000).abs().max() < 5 * math.sqrt(25_000)


def pairs():
    """Return pairs of columns that would show a link between neighbours."""
    n = range(100_000)
    base = augment.uniform(7, 4, n, 8)
    yield "draws", base[:, 0], base[:, 1]
    yield "draws of two blocks", base[:, 0], base[:, 4]
    yield "indices", base[:-1, 0], base[1:, 0]
    yield "epochs", base[:, 0], augment.uniform(7, 5, n, 1)[:, 0]
    yield "seeds", base[:, 0], augment.uniform(8, 4, n, 1)[:, 0]
    far = [index + 2**32 for index in range(50_000)]
    yield "far indices", base[:50_000, 0], augment.uniform(7, 4, far, 1)[:, 0]
    gauss = torch.special.ndtr(augment.normal(7, 4, n, 2))
    yield "normal and uniform", base[:, 0], gauss[:, 0]
    yield "normal and normal", gauss[:, 0], gauss[:, 1]


@pytest.mark.parametrize(
    ("name", "a", "b"), list(pairs()), ids=lambda v: v if isinstance(v, str) else ""
)
def test_neighbours_share_nothing(name, a, b, stats):
    cells = (a * 16).long() * 16 + (b * 16).long()
    counts = torch.bincount(cells, minlength=256).numpy()
    assert stats.chisquare(counts).pvalue > 1e-4, name
    correlation = np.corrcoef(a.numpy(), b.numpy())[0, 1]
    assert abs(correlation) < 5 / math.sqrt(len(a)), name


def test_normal_numbers_are_normal(stats):
    z = augment.normal(0, 0, range(100_000), 3)
    for column in z.T.numpy():
        assert stats.kstest(column, "norm").pvalue > 1e-4
    assert z.abs().max() < 6.8
    assert torch.cov(z.T).sub(torch.eye(3)).abs().max() < 0.02


# ------------------------------------------------------------- only seed, epoch, index


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("nhwc", [True, False], ids=["nhwc", "nchw"])
def test_the_same_image_gets_the_same_pixels_in_any_batch(name, nhwc):
    images, indices = batch(nhwc=nhwc), torch.arange(12) * 1_000_003
    kwargs = options(name, images) | {"seed": 5}
    whole = augment.for_training(images, indices, 3, **kwargs)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(1))
    permuted = augment.for_training(images[order], indices[order], 3, **kwargs)
    assert torch.equal(permuted, whole[order])
    for size in (1, 5):
        parts = [
            augment.for_training(
                images[k : k + size], indices[k : k + size], 3, **kwargs
            )
            for k in range(0, 12, size)
        ]
        assert torch.equal(torch.cat(parts), whole)


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("nhwc", [True, False], ids=["nhwc", "nchw"])
def test_the_gather_of_gpus_and_the_windows_of_cpus_agree(name, nhwc, monkeypatch):
    images = batch(nhwc=nhwc)
    kwargs = options(name, images) | {"seed": 5}
    on_cpu = augment.for_training(images, range(12), 3, **kwargs)
    monkeypatch.setattr(pixels, "plain_cpu", lambda tensor: False)
    assert torch.equal(augment.for_training(images, range(12), 3, **kwargs), on_cpu)


@pytest.mark.parametrize("name", OPTIONS)
def test_the_number_of_threads_changes_nothing(name):
    images = batch(64, height=40, width=48)
    kwargs = options(name, images) | {"seed": 5}
    with threads(1):
        one = augment.for_training(images, range(64), 3, **kwargs)
    with threads(2):
        two = augment.for_training(images, range(64), 3, **kwargs)
    assert torch.equal(one, two)


@contextmanager
def threads(count):
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    yield
    torch.set_num_threads(before)


def test_working_block_by_block_changes_nothing(monkeypatch):
    images = batch(10)
    kwargs = options("mean image", images) | {"seed": 5}
    whole = augment.for_training(images, range(10), 0, **kwargs)
    monkeypatch.setattr(pixels, "BLOCK", 3 * 3 * 16 * 16)  # three images at a time
    assert torch.equal(augment.for_training(images, range(10), 0, **kwargs), whole)


def test_epoch_and_seed_change_the_crops():
    images = batch(30)
    one, two, three = (
        augment.for_training(images, range(30), epoch, seed=seed, crop=10)
        for epoch, seed in [(0, 0), (1, 0), (0, 1)]
    )
    assert not torch.equal(one, two) and not torch.equal(one, three)


def test_options_leave_each_others_draws_alone():
    plain = drawn(range(50), 2, 9, crop=16)
    full = drawn(range(50), 2, 9, crop=16, colour=True, erase=4)
    assert torch.equal(plain.top, full.top) and torch.equal(plain.left, full.left)
    assert torch.equal(plain.mirrored, full.mirrored)
    still = drawn(range(50), 2, 9, crop=16, flip=False)
    assert still.mirrored is None and torch.equal(plain.top, still.top)


def test_no_global_random_number_is_used():
    state = torch.get_rng_state()
    augment.for_training(batch(), range(12), 0, seed=0, crop=16, erase=3)
    assert torch.equal(state, torch.get_rng_state())


# ------------------------------------------------------------- crops and reflections


def test_all_33_by_33_crops_occur_and_are_equally_likely(stats):
    n = 60_000
    found = augment.choose(0, 0, range(n), height=256, width=256, crop=224)
    cells = found.top * 33 + found.left
    counts = torch.bincount(cells, minlength=33 * 33)
    assert found.top.min() == found.left.min() == 0
    assert found.top.max() == found.left.max() == 32
    assert len(counts) == 1089 and counts.min() > 0
    assert stats.chisquare(counts.numpy()).pvalue > 1e-4
    assert abs(found.mirrored.double().mean() - 0.5) < 5 * 0.5 / math.sqrt(n)


def test_there_are_2178_crops_and_reflections_not_2048():
    found = augment.choose(0, 0, range(60_000), height=256, width=256, crop=224)
    kinds = torch.stack((found.top, found.left, found.mirrored), 1).unique(dim=0)
    assert len(kinds) == 33 * 33 * 2 == 2178


@pytest.mark.parametrize("nhwc", [True, False], ids=["nhwc", "nchw"])
@pytest.mark.parametrize("padding", [0, 4])
def test_crops_and_reflections_equal_torchvision(nhwc, padding, tvf):
    images = batch(40, nhwc=nhwc)
    got = augment.for_training(images, range(40), 1, seed=2, crop=18, padding=padding)
    found = drawn(range(40), 1, 2, crop=18, padding=padding)
    for k, image in enumerate(images):
        padded = tvf.pad(image, padding)
        wanted = tvf.crop(padded, found.top[k], found.left[k], 18, 18)
        wanted = tvf.hflip(wanted) if found.mirrored[k] else wanted
        assert torch.equal(got[k], wanted.float())


def test_a_mean_image_is_cropped_and_mirrored_with_its_images(tvf):
    images = batch(30)
    mean = augment.mean_image(images)
    got = augment.for_training(images, range(30), 0, seed=0, crop=15, mean=mean)
    found = drawn(range(30), 0, 0, crop=15)
    for k, image in enumerate(images.float() - mean):
        wanted = tvf.crop(image, found.top[k], found.left[k], 15, 15)
        wanted = tvf.hflip(wanted) if found.mirrored[k] else wanted
        assert torch.equal(got[k], wanted)


@pytest.mark.parametrize("mean", ["image", "channel", None])
def test_padding_is_zero_after_the_mean_is_subtracted(mean):
    images = batch(30, height=8, width=8).clamp(100, 200)
    if mean is not None:
        mean = getattr(
            augment, f"{'mean_image' if mean == 'image' else 'channel_mean'}"
        )(images)
    got = augment.for_training(
        images, range(30), 0, seed=0, crop=8, padding=8, mean=mean, scale=0.5
    )
    found = drawn(range(30), 0, 0, height=8, width=8, crop=8, padding=8)
    outside = (found.top == 0) | (found.left == 0) | (found.top == 16)
    assert outside.any() and (got[outside] == 0).all()
    inside = (found.top - 8).abs() + (found.left - 8).abs() < 8
    assert inside.any() and (got[inside] != 0).any(dim=(1, 2, 3)).all()


def test_2012_gave_one_crop_and_reflection_to_32_images():
    found = drawn(range(100, 228), 0, 0, crop=16, colour=True, chunk=32)
    for part in (found.top, found.left, found.mirrored):
        assert (part.view(4, 32) == part.view(4, 32)[:, :1]).all()
    own = drawn(range(100, 228), 0, 0, crop=16)
    assert torch.equal(found.top[::32], own.top[::32])
    assert len((found.top * 100 + found.left).unique()) == 4
    assert len(found.alphas[:, 0].unique()) == 128  # every image its own colour


def test_a_chunk_depends_on_the_index_of_its_first_row_only():
    one = drawn([7, 1, 2, 9], 0, 0, crop=16, chunk=2)
    two = drawn([7, 5, 9, 2], 0, 0, crop=16, chunk=2)
    assert torch.equal(one.top[:2], two.top[:2])
    assert one.top[2] == drawn([2], 0, 0, crop=16).top[0]


def test_grey_images_work_and_take_no_colour():
    images = batch(8, channels=1, height=28, width=28)
    kwargs = dict(seed=0, crop=28, padding=2, mean=33.3, scale=1 / 78)
    plain = augment.for_training(images, range(8), 0, **kwargs)
    colour = (torch.ones(3), torch.eye(3))
    coloured = augment.for_training(images, range(8), 0, colour=colour, **kwargs)
    assert plain.shape == (8, 1, 28, 28) and torch.equal(plain, coloured)


def test_three_equal_channels_are_cropped_like_one():
    grey = batch(8, channels=1)
    one = augment.for_training(grey, range(8), 0, seed=0, crop=16, padding=1)
    three = grey.expand(-1, 3, -1, -1)
    three = augment.for_training(three, range(8), 0, seed=0, crop=16, padding=1)
    assert torch.equal(three, one.expand(-1, 3, -1, -1))


def test_the_result_lies_channels_last():
    for nhwc in (True, False):
        x = augment.for_training(batch(nhwc=nhwc), range(12), 0, seed=0, crop=16)
        assert x.is_contiguous(memory_format=torch.channels_last)
        assert x.dtype == torch.float32


def test_inputs_stay_as_they_were():
    images = batch()
    mean, indices = augment.mean_image(images), torch.arange(12)
    copies = images.clone(), mean.clone(), indices.clone()
    for name in OPTIONS:
        kwargs = options(name, images)
        kwargs["mean"] = mean if kwargs.get("mean") is not None else None
        augment.for_training(images, indices, 0, seed=0, **kwargs)
    augment.ten_crop(images, crop=16, mean=mean)
    for now, before in zip((images, mean, indices), copies, strict=True):
        assert torch.equal(now, before)


def test_numpy_images_are_taken_even_from_a_read_only_store():
    images = batch(nhwc=False)
    array = images.numpy().copy()
    array.flags.writeable = False
    got = augment.for_training(array, np.arange(12), 0, seed=0, crop=16)
    wanted = augment.for_training(images, torch.arange(12), 0, seed=0, crop=16)
    assert torch.equal(got, wanted)
    turned = augment.for_evaluation(array[:, ::-1], crop=16)
    assert torch.equal(turned, augment.for_evaluation(images.flip(1), crop=16))


def test_indices_may_run_backwards():
    found = augment.uniform(0, 0, np.arange(9)[::-1], 2)
    assert torch.equal(found.flip(0), augment.uniform(0, 0, range(9), 2))


def test_an_empty_batch_stays_empty():
    empty = batch()[:0]
    assert augment.for_training(empty, [], 0, seed=0, crop=16).shape == (0, 3, 16, 16)
    assert augment.ten_crop(empty, crop=16).shape == (10, 0, 3, 16, 16)


# ------------------------------------------------------------- colour


def test_the_colour_shift_is_worked_by_hand():
    images = torch.full((1, 3, 2, 2), 100, dtype=torch.uint8)
    sds, vectors = torch.tensor([30.0, 20.0, 10.0]), torch.eye(3)[:, [1, 0, 2]]
    got = augment.for_training(
        images, [4], 2, seed=1, crop=2, flip=False, colour=(sds, vectors), mean=100,
        scale=0.5, colour_std=0.2,
    )  # fmt: skip
    a = 0.2 * augment.normal(1, 2, [4], 3)[0]
    # Direction 0, of 30 grey levels, is green; 1, of 20, red; 2, of 10, blue.
    wanted = torch.stack((20 * a[1], 30 * a[0], 10 * a[2])).float() * 0.5
    torch.testing.assert_close(got, wanted[None, :, None, None].expand(1, 3, 2, 2))


def test_imagenets_first_direction_shifts_by_12_grey_levels_not_1414():
    eigenvalues = torch.tensor(IMAGENET) * 255**2
    mixed = torch.rand(3, 3, generator=torch.Generator().manual_seed(0))
    sds, vectors = eigenvalues.sqrt(), torch.linalg.qr(mixed)[0]
    images = torch.zeros(20_000, 3, 1, 1, dtype=torch.uint8)
    shift = augment.for_training(
        images, range(20_000), 0, seed=0, crop=1, colour=(sds, vectors)
    )[:, :, 0, 0]
    along = (shift @ vectors).std(0)
    torch.testing.assert_close(along, 0.1 * sds, rtol=0.03, atol=0)
    assert round(0.1 * sds[0].item(), 1) == 11.9
    assert round(0.1 * eigenvalues[0].item()) == 1414  # the eigenvalue, taken literally


def test_two_colours_have_one_direction():
    # (100, 100, 100) and (160, 180, 100), equally often: half their difference is
    # (30, 40, 0), of length 50, along (0.6, 0.8, 0).
    images = torch.full((1, 3, 2, 2), 100, dtype=torch.uint8)
    images[0, 0, 0], images[0, 1, 0] = 160, 180
    sds, vectors = augment.colour_directions(images)
    torch.testing.assert_close(sds, torch.tensor([50.0, 0.0, 0.0]), atol=1e-4, rtol=0)
    torch.testing.assert_close(vectors[:, 0], torch.tensor([0.6, 0.8, 0.0]))


def test_colour_directions_equal_numpys_covariance():
    base = batch(9).float()
    mixed = base * 0.3 + base[:, :1] * 0.5  # correlated channels
    images = mixed.to(torch.uint8)
    sds, vectors = augment.colour_directions(images)
    pixels = images.permute(1, 0, 2, 3).flatten(1).numpy()
    covariance = np.cov(pixels, bias=True)
    remade = vectors.double() @ torch.diag(sds.double() ** 2) @ vectors.double().T
    np.testing.assert_allclose(remade.numpy(), covariance, rtol=1e-5, atol=1e-3)
    assert (sds[:-1] >= sds[1:]).all()
    largest = vectors.gather(0, vectors.abs().argmax(0, keepdim=True))
    assert (largest > 0).all()


def test_a_shift_off_is_no_shift():
    images = batch()
    plain = augment.for_training(images, range(12), 0, seed=0, crop=16)
    off = augment.for_training(
        images, range(12), 0, seed=0, crop=16, colour=colours(images), colour_std=0
    )
    assert torch.equal(plain, off)


# ------------------------------------------------------------- resized crops


@pytest.mark.parametrize("size", [(256, 256), (100, 60), (20, 200), (7, 3)])
def test_boxes_are_distributed_as_torchvisions(size, stats, tv):
    n, image = 20_000, torch.empty(3, *size)
    found = augment.choose(
        0, 0, range(n), height=size[0], width=size[1], crop=9, resized=True
    )
    torch.manual_seed(0)
    scale, ratio = choices.AREAS, choices.RATIOS
    theirs = torch.tensor(
        [tv.RandomResizedCrop.get_params(image, scale, ratio) for _ in range(2000)]
    )
    area = found.height * found.width
    ours = (found.top, found.left, found.height, found.width, area)
    others = (*theirs.T, theirs[:, 2] * theirs[:, 3])
    for mine, other in zip(ours, others, strict=True):
        assert stats.ks_2samp(mine.numpy(), other.numpy()).pvalue > 1e-3
    assert (found.top + found.height <= size[0]).all() and (found.top >= 0).all()
    assert (found.left + found.width <= size[1]).all() and (found.left >= 0).all()


def test_a_box_that_never_fits_falls_back_as_in_torchvision(tv):
    found = augment.choose(
        0, 0, range(5), height=10, width=1000, crop=9, resized=(1, 1)
    )
    torch.manual_seed(0)
    one = tv.RandomResizedCrop.get_params(
        torch.empty(3, 10, 1000), (1, 1), (3 / 4, 4 / 3)
    )
    assert (found.height[0], found.width[0]) == one[2:]


@pytest.mark.parametrize("crop", [12, 40])
def test_resized_pixels_equal_torchvision(crop, tvf):
    images = batch(20, height=32, width=28)
    got = augment.for_training(images, range(20), 0, seed=3, crop=crop, resized=True)
    found = drawn(range(20), 0, 3, height=32, width=28, crop=crop, resized=True)
    for k, image in enumerate(images.float()):
        box = [v[k].item() for v in found[:4]]
        wanted = tvf.resized_crop(image, *box, [crop, crop], antialias=False)
        wanted = tvf.hflip(wanted) if found.mirrored[k] else wanted
        torch.testing.assert_close(got[k], wanted, rtol=0, atol=0.01)


def test_antialiasing_would_change_a_256_pixel_box_by_little(tvf):
    # At most 256 / 224 = 1.14 pixels become one: noise, the hardest case, changes most.
    image = pictures_noise()
    boxed = tvf.resized_crop(image, 0, 0, 256, 256, [224, 224], antialias=False)
    smooth = tvf.resized_crop(image, 0, 0, 256, 256, [224, 224], antialias=True)
    assert (boxed - smooth).abs().mean() < 3  # grey levels


def pictures_noise():
    generator = torch.Generator().manual_seed(0)
    blurred = torch.rand(1, 3, 64, 64, generator=generator) * 255
    return torch.nn.functional.interpolate(blurred, size=256, mode="bilinear")[0]


# ------------------------------------------------------------- erased squares


def test_erased_squares_equal_torchvision(tvf):
    images = batch(40).clamp_min(1)
    got = augment.for_training(images, range(40), 0, seed=0, crop=16, erase=6)
    plain = augment.for_training(images, range(40), 0, seed=0, crop=16)
    found = drawn(range(40), 0, 0, crop=16, erase=6)
    for k in range(40):
        top, left = found.hole[k].tolist()
        low, high = max(top, 0), min(top + 6, 16)
        start, end = max(left, 0), min(left + 6, 16)
        wanted = tvf.erase(plain[k], low, start, high - low, end - start, 0.0)
        assert torch.equal(got[k], wanted)


def test_the_centre_of_an_erased_square_is_any_pixel(stats):
    found = augment.choose(0, 0, range(20_000), height=8, width=8, crop=8, erase=4)
    centres = found.hole + 2
    assert centres.min() == 0 and centres.max() == 7
    counts = torch.bincount(centres[:, 0] * 8 + centres[:, 1], minlength=64)
    assert stats.chisquare(counts.numpy()).pvalue > 1e-4


# ------------------------------------------------------------- evaluation


@pytest.mark.parametrize("nhwc", [True, False], ids=["nhwc", "nchw"])
def test_the_centre_crop_equals_torchvision(nhwc, tvf):
    images = batch(nhwc=nhwc)
    mean = augment.mean_image(images)
    got = augment.for_evaluation(images, crop=16, mean=mean, scale=0.5)
    wanted = tvf.center_crop(images.float() - mean, [16, 16]) * 0.5
    assert torch.equal(got, wanted)


def test_the_ten_crops_equal_torchvision(tvf):
    images = batch(5)
    got = augment.ten_crop(images, crop=16)
    theirs = tvf.ten_crop(images.float(), 16)
    # torchvision cuts after mirroring: its left crops are mirrored right ones.
    order = [0, 1, 2, 3, 4, 6, 5, 8, 7, 9]
    for k, place in enumerate(order):
        assert torch.equal(got[k], theirs[place]), augment.TEN_CROPS[k]


def test_the_ten_crops_are_named_in_order():
    image = torch.arange(12, dtype=torch.uint8).view(1, 1, 3, 4)  # rows of 4
    views = augment.ten_crop(image, crop=2)[:, 0, 0].flatten(1).tolist()
    corners = dict(zip(augment.TEN_CROPS, views, strict=True))
    assert corners["top left"] == [0, 1, 4, 5]
    assert corners["top right"] == [2, 3, 6, 7]
    assert corners["bottom left"] == [4, 5, 8, 9]
    assert corners["bottom right"] == [6, 7, 10, 11]
    assert corners["centre"] == [1, 2, 5, 6]
    assert corners["top right, mirrored"] == [3, 2, 7, 6]


def test_the_ten_crops_subtract_the_mean_of_their_place(tvf):
    images = batch(4)
    mean = augment.mean_image(images)
    got = augment.ten_crop(images, crop=16, mean=mean, scale=[1, 2, 4])
    theirs = tvf.ten_crop((images.float() - mean), 16)
    scale = torch.tensor([1.0, 2, 4])[:, None, None]
    for k, place in enumerate([0, 1, 2, 3, 4, 6, 5, 8, 7, 9]):
        assert torch.equal(got[k], theirs[place] * scale)


def test_the_fifth_crop_is_the_one_of_evaluation():
    images = batch(4, height=21, width=24)
    centre = augment.for_evaluation(images, crop=16, mean=[1, 2, 3])
    assert torch.equal(augment.ten_crop(images, crop=16, mean=[1, 2, 3])[4], centre)


@pytest.mark.parametrize("mean", ["image", [90.0, 100.0, 110.0], None])
def test_evaluation_pads_images_smaller_than_the_crop_with_zeros(mean, tvf):
    images = batch(4)
    if mean == "image":
        mean = less = augment.mean_image(images)
    else:
        less = torch.tensor(mean or [0.0])[:, None, None]
    wanted = tvf.center_crop(tvf.pad(images.float() - less, 6), [28, 28])
    got = augment.for_evaluation(images, crop=28, padding=6, mean=mean)
    assert torch.equal(got, wanted)
    ten = augment.ten_crop(images, crop=28, padding=6, mean=mean)
    assert torch.equal(ten[4], wanted)
    corner = tvf.pad(images.float() - less, 6)[..., :28, :28]
    assert torch.equal(ten[0], corner)


def test_padding_changes_no_centre_crop_of_a_larger_image():
    images = batch(4)
    wanted = augment.for_evaluation(images, crop=16, mean=[1, 2, 3])
    got = augment.for_evaluation(images, crop=16, padding=4, mean=[1, 2, 3])
    assert torch.equal(got, wanted)


def test_the_papers_square_is_the_short_side_at_256_and_its_centre(tvf):
    # A smooth picture, so that the filter's support at the border does not matter.
    down, across = torch.meshgrid(
        torch.linspace(0, 1, 300), torch.linspace(0, 1, 500), indexing="ij"
    )
    planes = [down, across, (6 * down).sin() * (5 * across).cos() / 2 + 0.5]
    image = (torch.stack(planes) * 255).to(torch.uint8)
    got = augment.paper_square(image)
    assert got.shape == (3, 256, 256) and got.dtype == torch.uint8
    theirs = tvf.center_crop(tvf.resize(image, 256, antialias=True), [256, 256])
    assert (got.int() - theirs.int()).abs().max() <= 3


def test_the_papers_square_reads_files_as_the_data_half_does(tmp_path):
    Image = pytest.importorskip("PIL.Image")
    path = tmp_path / "picture.png"
    pixels = batch(1, height=40, width=60)[0].permute(1, 2, 0).numpy()
    Image.fromarray(np.ascontiguousarray(pixels)).save(path)
    got = augment.paper_square(path, 32)
    np.testing.assert_array_equal(got.numpy(), pictures.read(path, 32))
    assert torch.equal(
        got, augment.paper_square(torch.from_numpy(pixels.copy()).permute(2, 0, 1), 32)
    )


# ------------------------------------------------------------- statistics


class Store:
    """The two kinds of source, as far as augment looks at them."""

    def __init__(self, images):
        self.images = images


@pytest.mark.parametrize("kind", ["tensor", "set", "store", "mapped store"])
def test_means_and_deviations_equal_numpys(kind, tmp_path):
    images = batch(30, nhwc=False)
    source = {
        "tensor": lambda: images,
        "set": lambda: Store(images.numpy()),
        "store": lambda: Store(images.permute(0, 2, 3, 1).contiguous().numpy()),
        "mapped store": lambda: Store(mapped(images, tmp_path)),
    }[kind]()
    numbers = images.numpy().astype(np.float64)
    mean = augment.mean_image(source).numpy()
    np.testing.assert_allclose(mean, numbers.mean(0), rtol=1e-6)
    mean = augment.channel_mean(source).numpy()
    np.testing.assert_allclose(mean[:, 0, 0], numbers.mean((0, 2, 3)), rtol=1e-6)
    std = augment.channel_std(source).numpy()
    np.testing.assert_allclose(std[:, 0, 0], numbers.std((0, 2, 3)), rtol=1e-6)
    rows = np.array([3, 7, 8, 20])
    mean = augment.mean_image(source, rows).numpy()
    np.testing.assert_allclose(mean, numbers[rows].mean(0), rtol=1e-6)
    mean = augment.channel_mean(source, torch.from_numpy(rows)).numpy()
    np.testing.assert_allclose(mean[:, 0, 0], numbers[rows].mean((0, 2, 3)), rtol=1e-6)


def mapped(images, folder):
    array = images.permute(0, 2, 3, 1).contiguous().numpy()
    array.tofile(folder / "train.images")
    return np.memmap(folder / "train.images", np.uint8, "r", shape=array.shape)


def test_statistics_do_not_depend_on_how_the_source_is_cut(monkeypatch):
    images = batch(70, height=64, width=64)
    names = ("mean_image", "channel_mean", "channel_std", "colour_directions")
    whole = [getattr(augment, name)(images) for name in names]
    monkeypatch.setattr(statistics, "PART", 5 * 3 * 64 * 64)
    for name, wanted in zip(names, whole, strict=True):
        got = getattr(augment, name)(images)
        if name == "colour_directions":
            assert all(torch.equal(a, b) for a, b in zip(got, wanted, strict=True))
        else:
            assert torch.equal(got, wanted)


def test_standardised_pixels_have_mean_zero_and_variance_one():
    images = batch(200, height=16, width=16)
    mean, std = augment.channel_mean(images), augment.channel_std(images)
    x = augment.for_evaluation(images, crop=16, mean=mean, scale=1 / std)
    assert x.mean((0, 2, 3)).abs().max() < 1e-5
    assert (x.std((0, 2, 3)) - 1).abs().max() < 1e-4


# ------------------------------------------------------------- clear refusals

REFUSED = [
    (dict(images=batch().float()), TypeError, "uint8"),
    (dict(images=batch().numpy().astype(float)), TypeError, "uint8"),
    (dict(images=batch()[0]), ValueError, r"images\[None\]"),
    (dict(images=batch().permute(0, 2, 3, 1)), ValueError, r"permute\(0, 3, 1, 2\)"),
    (dict(images="cat.jpg"), TypeError, "images needs"),
    (dict(images=np.array([[["a"]]])[None]), TypeError, "uint8"),
    (dict(crop=21), ValueError, "crop 21 is larger than images of 20 x 24"),
    (dict(crop=27, padding=3), ValueError, "at most 26"),
    (dict(crop=0), ValueError, "crop must be a whole number of at least 1"),
    (dict(crop=8.5), TypeError, "whole number"),
    (dict(padding=-1), ValueError, "padding"),
    (dict(padding=2, resized=True), ValueError, "padding belongs to plain crops"),
    (dict(resized=(0.5, 2)), ValueError, "shares of the area"),
    (dict(resized=0.5), TypeError, "resized needs"),
    (dict(resized=("a", "b")), TypeError, "resized must be a finite number"),
    (dict(resized=np.array([0.2, 0.5])), TypeError, "resized needs"),
    (dict(indices=list("abcdefghijkl")), TypeError, "indices needs numbers"),
    (dict(indices=[[1], [2, 3]]), TypeError, "indices needs numbers"),
    (dict(indices=iter(range(12))), TypeError, "indices needs numbers"),
    (dict(indices=[True] * 12), TypeError, "whole numbers"),
    (dict(indices=torch.ones(12) * 1j), TypeError, "whole numbers"),
    (dict(erase=17), ValueError, "erase"),
    (dict(chunk=0), ValueError, "chunk"),
    (dict(indices=range(11)), ValueError, "images is 12 but indices is 11"),
    (dict(indices=[0.5] * 12), TypeError, "whole numbers"),
    (dict(indices=5), ValueError, "indices needs 1 axis"),
    (dict(mean=torch.zeros(4)), ValueError, "mean needs"),
    (dict(mean=torch.zeros(3, 16, 16)), ValueError, "image"),
    (dict(mean="mean.npy"), TypeError, "mean needs numbers"),
    (dict(mean=math.nan), ValueError, "mean must be a finite number"),
    (dict(mean=[1.0, math.inf, 2.0]), ValueError, "mean needs finite numbers"),
    (dict(scale=torch.zeros(3, 20, 24)), ValueError, "scale needs"),
    (dict(colour=(torch.ones(2), torch.eye(3))), ValueError, "colour_directions"),
    (dict(colour=torch.eye(3)), ValueError, "colour_directions"),
    (dict(colour=[torch.ones(3), torch.eye(3)], colour_std=-1), ValueError, "_std"),
    (dict(seed=-1), ValueError, "seed"),
    (dict(epoch=-1), ValueError, "epoch"),
    (dict(epoch=1.5), TypeError, "epoch"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "error", "words"), REFUSED)
def test_what_cannot_be_is_refused_in_a_sentence(change, error, words):
    call = dict(images=batch(), indices=range(12), epoch=0, seed=0, crop=16) | change
    with pytest.raises(error, match=words) as caught:
        augment.for_training(**call)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 250


def test_evaluation_and_statistics_refuse_too():
    with pytest.raises(ValueError, match="larger than images"):
        augment.for_evaluation(batch(), crop=30)
    with pytest.raises(ValueError, match="larger than images"):
        augment.ten_crop(batch(), crop=30)
    with pytest.raises(TypeError, match="uint8"):
        augment.mean_image(batch().float())
    with pytest.raises(ValueError, match="at least one image"):
        augment.channel_mean(batch()[:0])
    with pytest.raises(ValueError, match="4 axes"):
        augment.channel_std(batch()[0])
    for rows in ([True] * 12, [0.5]):
        with pytest.raises(TypeError, match="rows needs whole numbers"):
            augment.mean_image(batch(), rows)
    with pytest.raises(ValueError, match="choose: crop 30 is larger"):
        augment.choose(0, 0, [1], height=20, width=40, crop=30)
    with pytest.raises(ValueError, match="draws"):
        augment.uniform(0, 0, [1], 0)
    for rows, span in (([5], "5 to 5"), ([-4, 0], "-4 to 0"), ([2, 3], "2 to 3")):
        with pytest.raises(ValueError, match=rf"of the 3 images, 0 to 2; got {span}\."):
            augment.mean_image(batch(3), rows)
    assert torch.equal(augment.mean_image(batch(3), [-1]), batch(3)[2].float())
    one = augment.mean_image(batch(3).numpy(), [-1])  # an array, and one row of it
    assert torch.equal(one, batch(3)[2].float())


CHOICES = [
    (dict(chunk="a"), "chunk must be a whole number"),
    (dict(chunk=0), "chunk must be .* at least 1; got 0"),
    (dict(height=8.5), "height must be a whole number"),
    (dict(width=0), "width must be .* at least 1; got 0"),
    (dict(flip="no"), "flip must be True or False; got 'no'"),
    (dict(flip=1), "flip must be True or False; got 1"),
    (dict(erase="all"), "erase must be a whole number"),
    (dict(colour_std=float("nan")), "colour_std must be a finite number"),
]


@pytest.mark.parametrize(("change", "words"), CHOICES)
def test_a_choice_names_the_argument_that_is_none(change, words):
    call = dict(height=20, width=24, crop=16) | change
    with pytest.raises((TypeError, ValueError), match=f"choose: {words}"):
        augment.choose(0, 0, [1], **call)


def test_a_numpy_truth_is_a_switch_as_well():
    for value in (True, False):
        pair = [
            augment.choose(0, 0, range(9), height=20, width=24, crop=16, flip=flip)
            for flip in (value, np.bool_(value))
        ]
        assert str(pair[0]) == str(pair[1]) and (pair[0].mirrored is not None) == value


@pytest.mark.parametrize("picture", [None, 5, [[1, 2], [3, 4]], b"name.jpg"])
def test_the_papers_square_of_no_picture_is_refused(picture):
    with pytest.raises(TypeError, match="picture needs the path of an image file"):
        augment.paper_square(picture)


# ------------------------------------------------------------- GPUs


class NothingFromTheHost(TorchDispatchMode):
    """Refuses what a CUDA graph cannot record."""

    FORBIDDEN = ("_local_scalar_dense", "nonzero", "lift_fresh", "masked_select")

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.name().removeprefix("aten::").split(".")[0]
        assert name not in self.FORBIDDEN, f"{name} waits for the device"
        assert name != "_unique2"
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", OPTIONS)
def test_a_call_can_be_recorded_as_a_cuda_graph(name, monkeypatch):
    images, indices, epoch = batch(), torch.arange(12), torch.tensor(3)
    kwargs = options(name, images) | {"seed": 5, "chunk": 4}
    for key in ("mean", "scale"):
        if isinstance(kwargs.get(key), list):
            kwargs[key] = torch.tensor(kwargs[key])
    wanted = augment.for_training(images, indices, 3, **kwargs)
    monkeypatch.setattr(pixels, "plain_cpu", lambda tensor: False)
    with NothingFromTheHost():
        got = augment.for_training(images, indices, epoch, **kwargs)
    assert torch.equal(got, wanted)


def test_the_recording_test_sees_a_wait():
    with pytest.raises(AssertionError, match="waits"), NothingFromTheHost():
        torch.ones(3).sum().item()
    with pytest.raises(AssertionError, match="waits"), NothingFromTheHost():
        torch.tensor([1, 2])


@pytest.mark.slow
def test_a_call_compiles_without_a_break():
    images = batch()
    kwargs = options("mean image", images) | {"seed": 5, "erase": 3}

    def call(images, indices, epoch):
        return augment.for_training(images, indices, epoch, **kwargs)

    compiled = torch.compile(call, fullgraph=True, backend="eager")
    indices, epoch = torch.arange(12), torch.tensor(3)
    assert torch.equal(compiled(images, indices, epoch), call(images, indices, epoch))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize("name", OPTIONS)
def test_a_gpu_gives_the_same_pixels_and_records_a_graph(name):
    images, indices = batch(), torch.arange(12)
    kwargs = options(name, images) | {"seed": 5}
    there = {
        k: tuple(t.cuda() for t in v) if k == "colour" else torch.as_tensor(v).cuda()
        if k in ("mean", "scale") else v
        for k, v in kwargs.items()
    }  # fmt: skip
    images, indices, epoch = images.cuda(), indices.cuda(), torch.tensor(0).cuda()
    augment.for_training(images, indices, epoch, **there)  # warms up
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        got = augment.for_training(images, indices, epoch, **there)
    for number in (3, 8):
        epoch.fill_(number)
        graph.replay()
        wanted = augment.for_training(images.cpu(), indices.cpu(), number, **kwargs)
        # Grey levels; a GPU's division may place a sample 1e-5 pixels further on.
        tolerance = 5e-3 if "resized" in kwargs else 1e-3 if "colour" in kwargs else 0
        torch.testing.assert_close(got.cpu(), wanted, rtol=0, atol=tolerance)
    assert torch.equal(
        augment.uniform(1, 2, indices, 5).cpu(), augment.uniform(1, 2, range(12), 5)
    )
