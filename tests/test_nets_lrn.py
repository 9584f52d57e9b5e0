"""Normalisation and dropout of 2012: by hand, against PyTorch, and by gradients."""

import shutil

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from cnnlab import nets
from cnnlab.nets import Dropout2012, LocalResponseNorm, WithinMapNorm


def drawn(
    *shape, seed=0, scale=1.0, dtype=torch.float64, layout=torch.contiguous_format
):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(shape, generator=generator, dtype=torch.float64) * scale
    return x.to(dtype).contiguous(memory_format=layout)


def through(layer, x):
    """Return the output of ``layer`` and the gradient of a weighted sum of it."""
    x = x.clone(memory_format=torch.preserve_format).requires_grad_()
    y = layer(x)
    y.backward(drawn(*y.shape, seed=1, dtype=y.dtype))
    return y.detach(), x.grad


# --------------------------------------------------------- local response normalisation


def test_five_maps_worked_by_hand():
    x = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], dtype=torch.float64)
    layer = LocalResponseNorm(size=5, alpha=5.0, beta=1.0, k=1.0)  # alpha / size = 1
    y = layer(x.reshape(1, 6, 1, 1)).flatten()
    scale = torch.tensor([1 + 14, 1 + 30, 1 + 55, 1 + 90, 1 + 86, 1 + 77])
    torch.testing.assert_close(y, x / scale)
    # in two towers no map sees beyond its own three
    layer = LocalResponseNorm(size=5, alpha=5.0, beta=1.0, k=1.0, groups=2)
    y = layer(x.reshape(1, 6, 1, 1)).flatten()
    torch.testing.assert_close(y, x / torch.tensor([15, 15, 15, 78, 78, 78]))


def test_small_activities_are_only_made_smaller_by_a_constant():
    x = drawn(2, 8, 3, 3, scale=0.01)
    torch.testing.assert_close(LocalResponseNorm()(x), x * 2**-0.75, rtol=1e-6, atol=0)


@settings(max_examples=60, deadline=None)
@given(
    batch=st.integers(0, 3),
    maps=st.integers(1, 9),
    size=st.integers(1, 12),
    beta=st.sampled_from([0.5, 0.75, 1.0]),
    layout=st.sampled_from([torch.contiguous_format, torch.channels_last]),
)
def test_output_and_gradient_are_pytorchs(batch, maps, size, beta, layout):
    x = drawn(batch, maps, 3, 5, scale=2.0, layout=layout)
    ours = through(LocalResponseNorm(size, 0.3, beta, 1.5), x)
    theirs = through(nn.LocalResponseNorm(size, 0.3, beta, 1.5), x)
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_each_tower_is_normalised_as_if_it_were_alone(groups):
    x = drawn(2, 8, 3, 5, scale=3.0)
    single = nn.LocalResponseNorm(3, 0.5, 0.75, 2.0)

    def towers(x):
        return torch.cat([single(part) for part in x.chunk(groups, 1)], 1)

    ours = through(LocalResponseNorm(3, 0.5, 0.75, 2.0, groups), x)
    torch.testing.assert_close(ours, through(towers, x))


@pytest.mark.parametrize("size", [1, 2, 4, 5, 9])
@pytest.mark.parametrize("groups", [1, 2])
def test_its_gradient_is_the_numerical_one(size, groups):
    x = drawn(2, 6, 2, 3).requires_grad_()
    layer = LocalResponseNorm(size, 0.8, 0.75, 1.2, groups)
    assert torch.autograd.gradcheck(layer, x)


def test_many_images_are_normalised_in_blocks_without_a_seam():
    x = drawn(
        40, 16, 16, 16, dtype=torch.float32
    )  # more than one block of 2**17 values
    ours = through(LocalResponseNorm(alpha=0.1), x)
    theirs = through(nn.LocalResponseNorm(5, 0.1, 0.75, 2.0), x)
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_does_not_overflow_and_keeps_its_type(dtype):
    x = drawn(2, 8, 3, 3, scale=500.0, dtype=dtype)
    assert x.abs().max() > 256  # whose square float16 does not have
    y, gradient = through(LocalResponseNorm(), x)
    exact, exact_gradient = through(LocalResponseNorm(), x.double())
    assert y.dtype == gradient.dtype == dtype
    tolerance = {"rtol": 4 * torch.finfo(dtype).eps, "atol": 1e-6}
    torch.testing.assert_close(y.double(), exact, **tolerance)
    tolerance["atol"] = 0.05 * exact_gradient.abs().max().item()
    torch.testing.assert_close(gradient.double(), exact_gradient, **tolerance)


def test_under_autocast_the_type_of_the_convolution_goes_through():
    net = nn.Sequential(nn.Conv2d(3, 8, 3), LocalResponseNorm())
    with torch.autocast("cpu", torch.bfloat16):
        y = net(drawn(2, 3, 8, 8, dtype=torch.float32))
    assert y.dtype == torch.bfloat16
    y.float().sum().backward()
    assert net[0].weight.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_under_autocast_the_squares_are_still_added_up_in_float32(dtype):
    layer = LocalResponseNorm(alpha=0.01)
    x = drawn(2, 8, 6, 6, dtype=dtype).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        y = layer(x)
    assert torch.equal(y, layer(x))
    assert torch.equal(y, layer(x.float()).to(dtype))


@pytest.mark.parametrize("layer", [LocalResponseNorm(groups=2), WithinMapNorm()])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_layout_in_memory_stays(layer, layout):
    x = drawn(3, 8, 5, 7, dtype=torch.float32, layout=layout)
    y, gradient = through(layer, x)
    assert y.stride() == gradient.stride() == x.stride()


def test_a_square_beyond_the_float_range_spoils_only_the_maps_that_see_it():
    for values in ({0: 1e20}, {3: -1e30}, {0: 1e20, 7: 1e19}):
        x = torch.ones(1, 8, 1, 1)
        for place, value in values.items():
            x[0, place] = value
        torch.testing.assert_close(
            LocalResponseNorm()(x),
            nn.functional.local_response_norm(x, 5, k=2.0),
        )
    one = torch.ones(1, 8, 1, 1)
    one[0, 0] = 1e20
    alone = (2 + 5 * 1e-4 / 5) ** -0.75  # a map three away from it sees five ones
    assert LocalResponseNorm()(one)[0, 4].item() == pytest.approx(alone, rel=1e-6)


def test_functional_derivatives_and_maps_over_it_are_those_of_the_loop():
    layer, x = LocalResponseNorm(size=3, alpha=3.0), drawn(4, 2, 6, 3, 3)
    wanted = torch.stack([layer(part) for part in x])
    torch.testing.assert_close(torch.func.vmap(layer)(x), wanted)
    last = x.movedim(0, -1)
    torch.testing.assert_close(torch.func.vmap(layer, in_dims=-1)(last), wanted)

    def loss(x):
        return (layer(x) ** 2).sum()

    each = torch.func.vmap(torch.func.grad(loss))(x)
    for part, slope in zip(x, each, strict=True):
        part = part.clone().requires_grad_()
        loss(part).backward()
        torch.testing.assert_close(slope, part.grad)


def test_inputs_stay_as_they_are():
    x = drawn(2, 8, 3, 3)
    before = x.clone()
    for layer in (LocalResponseNorm(), WithinMapNorm(), Dropout2012()):
        layer(x)
    assert torch.equal(x, before)


def test_its_second_derivative_is_the_numerical_one():
    x = drawn(1, 4, 2, 2).requires_grad_()
    assert torch.autograd.gradgradcheck(LocalResponseNorm(3, 0.8), x)


@pytest.mark.parametrize(
    "setting", [{"size": 0}, {"alpha": -1}, {"beta": "a"}, {"k": None}, {"groups": 0}]
)
def test_settings_out_of_range_are_named(setting):
    with pytest.raises((TypeError, ValueError), match=f": {next(iter(setting))} must"):
        LocalResponseNorm(**setting)


def test_towers_that_do_not_divide_the_maps_are_named():
    with pytest.raises(ValueError, match=r"groups=2; got shape \(1, 3, 2, 2\)"):
        LocalResponseNorm(groups=2)(torch.zeros(1, 3, 2, 2))
    with pytest.raises(ValueError, match=r"needs axes \(N, C, ...\)"):
        LocalResponseNorm()(torch.zeros(3))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs g++")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_it_compiles_whole_and_stays_equal(dtype):
    layer = LocalResponseNorm(groups=2)
    x = drawn(2, 8, 5, 5, scale=90.0, dtype=dtype, layout=torch.channels_last)
    compiled = through(torch.compile(layer, fullgraph=True), x)
    half = dtype.itemsize == 2
    tolerance = {"rtol": 4 * torch.finfo(dtype).eps, "atol": 1e-2 if half else 1e-5}
    torch.testing.assert_close(compiled, through(layer, x), **tolerance)


# --------------------------------------------------------- within a map, and dropout


def test_within_a_map_a_lonely_one_is_divided_by_its_share_of_the_square():
    x = torch.zeros(1, 1, 7, 7, dtype=torch.float64)
    x[..., 3, 3], x[..., 0, 0] = 5.0, 10.0
    y = WithinMapNorm(size=5, alpha=1.0, beta=1.0)(x)
    assert y[..., 3, 3].item() == pytest.approx(5 / (1 + 25 / 25))
    # the square is cut off in the corner, but still counts as 25 places
    assert y[..., 0, 0].item() == pytest.approx(10 / (1 + 100 / 25))
    assert y.count_nonzero() == 2


def test_within_map_normalisation_has_the_numerical_gradient():
    x = drawn(1, 2, 6, 5).requires_grad_()
    assert torch.autograd.gradcheck(WithinMapNorm(3, 0.7), x)


def test_old_dropout_leaves_units_as_they_are_in_training_and_halves_them_after():
    x = drawn(4000, dtype=torch.float32) + 10
    layer = Dropout2012(0.5)
    torch.manual_seed(0)
    y = layer(x)
    kept = y != 0
    assert 0.47 < kept.float().mean() < 0.53
    assert torch.equal(y[kept], x[kept])
    layer.eval()
    assert torch.equal(layer(x), x / 2)


@pytest.mark.parametrize("p", [0.0, 0.2, 0.5])
def test_both_forms_of_dropout_have_the_same_mean_in_training_as_in_evaluation(p):
    x = torch.full((20_000,), 3.0)
    for inverted in (True, False):
        layer = nets.layers.dropout_layer(p, inverted)()
        torch.manual_seed(0)
        trained = layer.train()(x).mean().item()
        assert trained == pytest.approx(layer.eval()(x).mean().item(), rel=0.03)


@pytest.mark.parametrize("p", [-0.1, 1, 1.5, "a", None])
def test_a_share_that_is_none_is_named(p):
    with pytest.raises((TypeError, ValueError), match="p must be a"):
        Dropout2012(p)
