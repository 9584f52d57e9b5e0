"""The paper's update rule and the schedules of its learning rate."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from cnnlab import nets
from cnnlab.train import presets, sgd

PAPER = presets.load("krizhevsky2012").change(layer_rates=())


def _layer(preset, weight, bias, gradients):
    layer = nn.Linear(1, 1).double()
    with torch.no_grad():
        layer.weight.fill_(weight)
        layer.bias.fill_(bias)
    update = sgd.Momentum(layer, preset)
    for gradient in gradients:
        layer.weight.grad = torch.full_like(layer.weight, gradient)
        layer.bias.grad = torch.full_like(layer.bias, gradient)
        update.step(torch.tensor(update.rates(0.01, 0.0), dtype=torch.float64))
    return layer.weight.item(), layer.bias.item()


def test_two_steps_worked_by_hand():
    # w: v1 = -0.0005*0.01*2 - 0.01*3 = -0.03001, w1 = 1.96999
    #    v2 = 0.9*v1 - 0.0005*0.01*w1 - 0.01*3 = -0.05701884995, w2 = 1.91297115005
    # b: rate 0.02 and no decay: v1 = -0.06, b1 = 0.94; v2 = -0.114, b2 = 0.826
    w, b = _layer(PAPER, 2.0, 1.0, [3.0, 3.0])
    assert w == pytest.approx(1.91297115005, abs=1e-12)
    assert b == pytest.approx(0.826, abs=1e-12)


def test_a_layer_that_the_network_lacks_is_named():
    preset = PAPER.change(layer_rates=(("conv9", 1, 0.1),))
    with pytest.raises(ValueError, match="names .conv9.; .* c1, c3, c5"):
        sgd.Momentum(nets.build("lenet5"), preset)


def test_at_a_constant_rate_the_rule_is_pytorchs_sgd():
    torch.manual_seed(0)
    ours, theirs = nn.Linear(4, 3), nn.Linear(4, 3)
    theirs.load_state_dict(ours.state_dict())
    update = sgd.Momentum(ours, PAPER)
    other = torch.optim.SGD(
        [
            {"params": [theirs.weight], "lr": 0.01, "weight_decay": 0.0005},
            {"params": [theirs.bias], "lr": 0.02, "weight_decay": 0.0},
        ],
        momentum=0.9,
    )
    for _ in range(20):
        x = torch.randn(8, 4)
        for net in (ours, theirs):
            net.zero_grad()
            net(x).square().mean().backward()
        update.step(torch.tensor(update.rates(0.01, 0.0)))
        other.step()
    torch.testing.assert_close(ours.weight, theirs.weight)
    torch.testing.assert_close(ours.bias, theirs.bias)


def test_after_a_drop_of_the_rate_the_rule_differs_from_pytorchs_for_a_few_steps():
    rule, torchs = torch.zeros(2, dtype=torch.float64)  # velocities, in units of w
    gaps = []
    for step in range(120):
        rate = 0.01 if step < 60 else 0.001
        rule = 0.9 * rule - rate * 1.0
        torchs = 0.9 * torchs + 1.0
        gaps.append(abs(rule + rate * torchs).item())
    assert max(gaps[:60]) < 1e-12
    assert gaps[60] > 0.08  # ours still rolls at the old speed
    assert gaps[-1] < 1e-3


def test_normalisation_scales_and_biases_do_not_decay_unless_asked():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    decays = {id(w): d for _, d, _, pairs in sgd.Momentum(net, PAPER).groups
              for w, _ in pairs}  # fmt: skip
    by_name = {name: decays[id(w)] for name, w in net.named_parameters()}
    assert by_name == {
        "0.weight": 0.0005, "0.bias": 0.0, "1.weight": 0.0, "1.bias": 0.0,
    }  # fmt: skip
    everything = sgd.Momentum(net, presets.load("torchvision"))
    assert [group[1] for group in everything.groups] == [0.0001]


def test_conv1_slows_down_at_epoch_67_and_freezes_at_72_as_in_the_released_run():
    from cnnlab import nets

    preset = presets.load("krizhevsky2012")
    net = nets.build("alexnet", image_size=32, num_classes=10, width=0.1, hidden=16)
    update = sgd.Momentum(net, preset)

    def rate_of(name, epoch):
        rates = update.rates(sgd.rate_at(preset, epoch), epoch)
        w = dict(net.named_parameters())[name]
        for rate, (*_, pairs) in zip(rates, update.groups, strict=True):
            if any(p is w for p, _ in pairs):
                return rate

    found = [rate_of("conv1.weight", e) for e in (0, 25, 51, 67, 72, 90)]
    assert found == pytest.approx([1e-2, 1e-3, 1e-4, 1e-5, 0, 0])
    assert rate_of("conv1.bias", 67) == pytest.approx(2e-5)
    assert rate_of("conv2.weight", 72) == pytest.approx(1e-4)
    assert rate_of("conv2.weight", 79) == pytest.approx(1e-5)


def test_one_cycle_rises_for_three_tenths_and_ends_near_zero():
    preset = presets.load("modern").change(epochs=10, lr=1.0)
    rates = [sgd.rate_at(preset, e / 100) for e in range(1001)]
    assert rates[0] == pytest.approx(1 / 25)
    assert max(rates) == pytest.approx(1.0) and rates.index(max(rates)) == 300
    assert rates[-1] == pytest.approx(1e-4)
    assert rates[650] == pytest.approx(0.5, abs=1e-3)  # half way down the cosine


def test_the_four_levels_of_2014_end_at_a_factor_of_250():
    preset = presets.load("owt2014")
    levels = [sgd.rate_at(preset, e) for e in (0, 30, 60, 89)]
    assert levels[0] / levels[-1] == pytest.approx(250)
    ratios = [a / b for a, b in zip(levels, levels[1:], strict=False)]
    assert ratios == pytest.approx([250 ** (1 / 3)] * 3)


@given(st.floats(0, 91), st.sampled_from(sorted(presets.PRESETS)))
def test_the_rate_is_positive_and_never_above_its_peak(epoch, name):
    preset = presets.load(name)
    assert 0 < sgd.rate_at(preset, epoch) <= preset.lr * (1 + 1e-12)


def test_a_plateau_is_three_epochs_without_a_better_validation_error():
    assert not sgd.stalled([0.9, 0.8, 0.8, 0.8], ())
    assert sgd.stalled([0.9, 0.8, 0.8, 0.85, 0.8], ())
    assert not sgd.stalled([0.9, 0.8, 0.8, 0.85, 0.8, 0.8], (5,))  # counted afresh
    assert not sgd.stalled([0.5] * 30, (5, 10, 15))  # three times, then no more
    paper = presets.load("paper-text")
    assert sgd.rate_at(paper, 6, (5,)) == pytest.approx(0.001)
    assert math.isclose(sgd.rate_at(paper, 5 - 1e-9, (5,)), 0.01)
