"""What units see, in theory and in effect: by hand, by nudging, and with PyTorch."""

import numpy as np
import pytest
import torch

from cnnlab import fields, ops, shapes


def test_a_stack_is_read_as_it_is_written():
    layers = fields.read_stack(" conv 3,pool 2 , pool 3/2,, conv 11 / 4 ")
    assert [tuple(one) for one in layers] == [
        ("conv", 3, 1), ("pool", 2, 2), ("pool", 3, 2), ("conv", 11, 4)
    ]  # fmt: skip
    assert ", ".join(map(str, layers)) == "conv 3, pool 2, pool 3/2, conv 11/4"
    assert fields.read_stack("") == []


@pytest.mark.parametrize(
    "text", ["conv", "conv 0", "pool 2/0", "dense 3", "conv -3", "conv 3 pool 2", 7]
)
def test_what_is_no_stack_is_refused_in_words(text):
    with pytest.raises((ValueError, TypeError), match="read_stack: a "):
        fields.read_stack(text)


def test_sizes_of_maps():
    stack = fields.read_stack("conv 11/4, pool 3/2, conv 5, pool 3/2")
    assert fields.map_sizes(227, stack) == [227, 55, 27, 23, 11]
    with pytest.raises(ValueError, match="does not fit"):
        fields.map_sizes(8, fields.read_stack("conv 9"))


@pytest.mark.parametrize(
    "text", ["conv 3, pool 2, conv 3", "conv 3/2, conv 2, pool 3/1"]
)
def test_nothing_outside_of_a_receptive_field_moves_the_unit(text):
    layers = fields.read_stack(text)
    rng = np.random.default_rng(0)
    filters = [rng.random((2, 2, k, k)) for _, k, _ in layers]

    def unit(x):
        for (kind, k, stride), w in zip(layers, filters, strict=True):
            x = (ops.conv2d(x, w, stride=stride) if kind == "conv"
                 else ops.max_pool2d(x, k, stride))  # fmt: skip
        return x[0, :, 1, 2]

    x = rng.normal(size=(1, 2, 24, 24))
    field, before = shapes.receptive_field([one.row for one in layers]), unit(x)
    rows, columns = field.span(1), field.span(2)
    outside = np.ones((24, 24), bool)
    outside[rows[0] : rows[1] + 1, columns[0] : columns[1] + 1] = False
    assert np.array_equal(unit(np.where(outside, 99.0, x)), before)
    corner = x.copy()
    corner[..., rows[1], columns[1]] = 99.0  # the last pixel that belongs to it
    assert not np.allclose(unit(corner), before)


def test_the_effective_field_is_the_gradient_that_torch_finds():
    layers = fields.read_stack("conv 3, pool 3/2, conv 3")
    patch = np.random.default_rng(1).random((3, 9, 9))
    got = fields.effective_field(patch, layers, draws=1, seed=4)
    rng = np.random.default_rng([4, 0])
    first = rng.normal(0, np.sqrt(2 / 27), (fields.CHANNELS, 3, 3, 3))
    second = rng.normal(0, np.sqrt(2 / 36), (fields.CHANNELS, fields.CHANNELS, 3, 3))
    x = torch.tensor(patch[None], requires_grad=True)
    f = torch.nn.functional
    out = f.max_pool2d(f.relu(f.conv2d(x, torch.tensor(first))), 3, 2)
    f.relu(f.conv2d(out, torch.tensor(second))).sum().backward()
    moved = x.grad.abs().sum((0, 1)).numpy()
    assert np.allclose(got, moved / moved.sum())


def test_an_effective_field_sums_to_one_and_takes_its_patch_only():
    layers = fields.read_stack("conv 3, conv 3")
    patch = np.ones((3, 5, 5))
    assert np.isclose(fields.effective_field(patch, layers).sum(), 1)
    with pytest.raises(ValueError, match=r"patch needs shape \(3, 5, 5\)"):
        fields.effective_field(np.ones((3, 6, 6)), layers)
    assert fields.effective_field(np.zeros((3, 5, 5)), layers).sum() == 0  # all dead
    for layers in ("conv 3, conv 3", [(3, 1)], None):
        with pytest.raises(TypeError, match="make one of a text"):
            fields.effective_field(patch, layers)
        with pytest.raises(TypeError, match="make one of a text"):
            fields.map_sizes(5, layers)


def test_the_middle_quarter_is_cut_through_pixels_where_it_must():
    field = np.zeros((3, 3))
    field[1, 1] = 1
    assert fields.middle_share(field) == 1
    assert np.isclose(fields.middle_share(np.ones((3, 3))), 0.25)
    assert np.isclose(fields.middle_share(np.ones((7, 7))), 0.25)


def test_far_sight_is_as_cheap_as_the_rules_allow():
    """Dijkstra over (size, jump, poolings): no stack by the rules has fewer weights."""
    import heapq

    from cnnlab.checks.pool import BAR, JUMP, MAPS, POOLINGS, SIGHT, _score_stack

    waiting, done = [(0, 1, 1, 0)], set()
    while waiting:
        weights, size, jump, pools = heapq.heappop(waiting)
        if size >= SIGHT:
            break
        if (size, jump, pools) in done and weights:
            continue
        done.add((size, jump, pools))
        for stride in (1, 2):
            if jump * stride > JUMP:
                continue
            for k in range(2, 8):
                cost = shapes.conv_params(MAPS if weights else 3, MAPS, k)
                step = (weights + cost, size + (k - 1) * jump, jump * stride, pools)
                heapq.heappush(waiting, step)
                if weights and k <= 3 and pools < POOLINGS:
                    step = weights, size + (k - 1) * jump, jump * stride, pools + 1
                    heapq.heappush(waiting, step)
    assert weights == _score_stack(fields.far_sight).value == 8528 < BAR
