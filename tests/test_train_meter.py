"""The signal meter: numbers worked by hand, dead starts told from live ones, guilt."""

import math
from collections import OrderedDict

import pytest
import torch
from torch import nn

from cnnlab import nets
from cnnlab.train import meter
from cnnlab.train.meter import Reading


def small_net(std: float = 0.3, seed: int = 0, **more) -> nn.Module:
    parts = OrderedDict(
        conv1=nn.Conv2d(2, 6, 3),
        relu1=nn.ReLU(inplace=True),
        drop1=nn.Dropout(0.5),
        conv2=nn.Conv2d(6, 6, 3),
        relu2=nn.ReLU(inplace=True),
        **more,
        flat=nn.Flatten(),
        fc3=nn.Linear(6 * 4 * 4, 5),
    )
    net = nn.Sequential(parts)
    generator = torch.Generator().manual_seed(seed)
    for name, w in net.named_parameters():
        if w.dim() > 1:
            nn.init.normal_(w, 0, std, generator=generator)
        elif name.endswith("bias"):
            nn.init.zeros_(w)
    return net


def images(n: int = 32, seed: int = 1) -> torch.Tensor:
    return torch.randn(n, 2, 8, 8, generator=torch.Generator().manual_seed(seed))


def labels(n: int = 32) -> torch.Tensor:
    return torch.arange(n) % 5


# ---------------------------------------------------------------------------- signal


def test_the_spread_of_two_images_is_as_worked_by_hand():
    net = nn.Sequential(OrderedDict(fc=nn.Linear(2, 3, bias=False), relu=nn.ReLU()))
    net.fc.weight.data = torch.tensor([[1.0, 0.0], [0.0, 2.0], [0.0, -1.0]])
    x = torch.tensor([[1.0, 1.0], [4.0, 3.0]])
    # fc: (1, 2, -1) and (4, 6, -3): half the differences are 1.5, 2 and 1
    # relu: (1, 2, 0) and (4, 6, 0): 1.5, 2 and 0; the third unit is dead
    fc, relu = meter.signal(net, x)
    assert fc == ("fc", pytest.approx(1.5), pytest.approx(17 / 6), 0.0)
    assert relu == (
        "relu",
        pytest.approx(3.5 / 3),
        pytest.approx(13 / 6),
        pytest.approx(1 / 3),
    )


def test_equal_images_have_no_spread_however_large_the_outputs():
    readings = meter.signal(small_net(std=3.0), images()[:1].expand(8, -1, -1, -1))
    assert all(one.spread < 1e-5 for one in readings)
    assert readings[-1].mean_abs > 1


def test_the_spread_is_numpys_standard_deviation_of_what_a_layer_gives():
    net, x = small_net().eval(), images()
    out = net.conv1(x).detach().numpy().reshape(32, -1)
    wanted = out.std(axis=0).mean(), abs(out).mean(), 0.0
    assert meter.signal(net, x)[0][1:] == pytest.approx(wanted, rel=1e-5)


def test_layers_come_in_order_of_execution_with_their_names():
    names = [one.name for one in meter.signal(small_net(), images())]
    assert names == ["conv1", "relu1", "drop1", "conv2", "relu2", "flat", "fc3"]


class Twice(nn.Module):
    """Uses one layer twice, out of the order of its parts, and ends outside a layer."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(4, 3)
        self.body = nn.Linear(4, 4)

    def forward(self, x):
        x = self.body(self.body(x.flatten(1)).tanh())
        return self.head(x) * 10


def test_a_layer_used_twice_and_logits_made_outside_a_layer_are_told_apart():
    readings = meter.signal(Twice(), torch.randn(5, 1, 2, 2))
    assert [one.name for one in readings] == ["body", "body (2)", "head", "logits"]
    assert readings[3].spread == pytest.approx(10 * readings[2].spread, rel=1e-5)


def test_a_single_layer_is_named_by_its_kind():
    assert [one.name for one in meter.signal(nn.Linear(3, 2), torch.rand(4, 3))] == [
        "Linear"
    ]


@pytest.mark.parametrize("training", [True, False])
def test_measuring_changes_nothing_in_the_network_and_draws_no_random_number(training):
    net = small_net(norm2=nn.BatchNorm2d(6)).train(training)
    net.drop1.eval()  # a part in a mode of its own
    before = {name: t.clone() for name, t in net.state_dict().items()}
    modes = [module.training for module in net.modules()]
    torch.manual_seed(3)
    wanted = torch.rand(4)
    torch.manual_seed(3)
    x = images()
    first = meter.signal(net, x)
    assert torch.equal(torch.rand(4), wanted)
    assert [module.training for module in net.modules()] == modes
    assert all(torch.equal(t, before[name]) for name, t in net.state_dict().items())
    assert not any(module._forward_hooks for module in net.modules())
    assert all(w.grad is None for w in net.parameters())
    assert torch.equal(x, images()) and meter.signal(net, x) == first


def test_the_network_is_left_alone_when_it_fails():
    net = small_net().train()
    with pytest.raises(RuntimeError):
        meter.signal(net, torch.rand(4, 3, 8, 8))  # a channel too many
    assert not any(module._forward_hooks for module in net.modules())
    assert all(module.training for module in net.modules())


def test_new_batch_norm_takes_the_batch_and_a_trained_one_its_statistics():
    net = small_net(norm2=nn.BatchNorm2d(6))
    spread = {one.name: one.spread for one in meter.signal(net, 100 * images())}
    assert 0.3 < spread["norm2"] < 1.1  # of unit variance, whatever comes in
    net.train()
    net(images())  # statistics a tenth of the way from (0, 1)
    later = {one.name: one.spread for one in meter.signal(net, 100 * images())}
    assert later["norm2"] > 10 * spread["norm2"]


def test_dropout_noise_is_not_taken_for_signal():
    net = small_net(std=0.0).train()
    net.conv1.bias.data.fill_(1.0)  # equal outputs, which dropout would make differ
    net.conv2.weight.data.fill_(0.1)
    assert meter.signal(net, images())[-1].spread == 0


def test_numbers_are_measured_in_single_precision_under_autocast():
    net = small_net()
    with torch.autocast("cpu", torch.bfloat16):
        low = meter.signal(net, images())
    full = meter.signal(net, images())
    for one, other in zip(low, full, strict=True):
        assert one.spread == pytest.approx(other.spread, rel=0.05)


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (torch.zeros(4, 2, 8, 8, dtype=torch.uint8), "float tensor"),
        ([1.0], "float tensor"),
        (torch.zeros(1, 2, 8, 8), "at least 2 images"),
        (torch.zeros(8), "at least 2 images"),
    ],
)
def test_inputs_that_say_nothing_about_images_are_refused(x, said):
    with pytest.raises((TypeError, ValueError), match=said):
        meter.signal(small_net(), x)


def test_the_table_has_one_line_a_layer():
    text = meter.table(
        [Reading("conv1", 0.5, 1.25, 0.0), Reading("fc8", 2e-4, 1e-3, 0.25)]
    )
    head, *rows = text.splitlines()
    assert head.split() == [
        "layer",
        "between",
        "images",
        "mean",
        "size",
        "dead",
        "units",
    ]
    assert rows[0].split() == ["conv1", "0.5", "1.25", "0%"]
    assert rows[1].split() == ["fc8", "0.0002", "0.001", "25%"]
    assert len({len(line) for line in (head, *rows)}) == 1


# ------------------------------------------------------------ dead starts and plateaus


@pytest.mark.parametrize(
    ("spread", "dead"), [(0.0, True), (0.0099, True), (0.01, False)]
)
def test_a_start_is_dead_below_a_hundredth(spread, dead):
    text = meter.warning([Reading("fc8", spread, 1.0, 0.0)], num_classes=1000)
    assert (text is not None) == dead
    if dead:
        assert "dead start" in text and "ln 1000 = 6.91" in text


def test_a_start_that_is_not_finite_names_the_first_layer():
    nan = float("nan")
    readings = [Reading("conv1", 1.0, 1.0, 0), *(Reading(n, nan, nan, 0) for n in "ab")]
    assert "not finite before training, first in a" in meter.warning(readings, 10)


def test_small_weights_and_small_inputs_make_a_dead_start():
    assert meter.warning(meter.signal(small_net(std=0.3), images()), 5) is None
    assert meter.warning(meter.signal(small_net(std=0.01), images()), 5)
    # the network is homogeneous of degree 3 in its weights and 1 in its input
    dead = meter.signal(small_net(std=0.01), images())[-1].spread
    raw = meter.signal(small_net(std=0.01), 1000 * images())[-1].spread
    alive = meter.signal(small_net(std=0.1), images())[-1].spread
    assert raw / dead == pytest.approx(1000, rel=1e-3) == pytest.approx(alive / dead)


def _logit_spread(net: str, scheme: str, unit: bool, **options) -> float:
    """Spread at initialisation for smooth random pictures of 64 x 64."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(8, 3, 8, 8, generator=generator)
    x = 255 * nn.functional.interpolate(coarse, size=64, mode="bilinear")
    x = x - x.mean(dim=0)
    built = nets.build(net, num_classes=10, image_size=64, hidden=1024, **options)
    nets.initialise(built, scheme, seed=0)
    return meter.signal(built, x / x.std() if unit else x)[-1].spread


def test_alexnets_starts_come_in_the_order_that_decides_who_learns():
    text_unit = _logit_spread("alexnet", "paper", unit=True, order="as-written")
    text_raw = _logit_spread("alexnet", "paper", unit=False, order="as-written")
    as_run = _logit_spread("alexnet", "krizhevsky2012", unit=False)
    he = _logit_spread("alexnet", "he", unit=True)
    assert 30 * text_unit < 3 * text_raw < as_run < he
    assert text_unit < meter.DEAD_START


def test_a_loss_at_chance_is_a_plateau_only_after_enough_values():
    chance = math.log(1000)
    flat = [chance * (1 + 0.004 * (-1) ** k) for k in range(40)]
    told = [k for k in range(41) if meter.plateau(flat[:k], 1000, patience=20)]
    assert told == [20, 40]  # once, and again after as many more
    assert "last 20 losses are ln 1000 = 6.908" in meter.plateau(flat[:20], 1000)


def test_a_loss_that_has_been_elsewhere_counts_from_there():
    chance = math.log(10)
    losses = [chance] * 10 + [2.0] + [chance] * 19
    assert meter.plateau(losses, 10) is None
    assert meter.plateau([*losses, chance], 10)


@pytest.mark.parametrize("last", [1.2, 2.29, 2.315, 7.0, float("nan")])
def test_a_loss_that_moved_is_no_plateau(last):
    assert meter.plateau([math.log(10)] * 19 + [last], 10) is None
    assert meter.plateau([], 10) is None


# ----------------------------------------------------------------------------- guilt


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("name", ["conv1", "conv2", "fc3"])
@pytest.mark.parametrize("part", ["weight", "bias"])
def test_a_poisoned_weight_is_found(name, part, value):
    net = small_net()
    getattr(net.get_submodule(name), part).data.view(-1)[3] = value
    assert (
        meter.guilty(net, images(), labels()) == f"{name}: its weights are not finite"
    )


def test_a_poisoned_running_statistic_is_found():
    net = small_net(norm2=nn.BatchNorm2d(6)).eval()
    net.norm2.running_var[2] = float("nan")
    assert meter.guilty(net, images(), labels()).startswith("norm2: its weights")


def test_the_first_of_several_is_named():
    net = small_net()
    for layer in (net.fc3, net.conv2):
        layer.bias.data[0] = float("nan")
    assert meter.guilty(net, images(), labels()).startswith("conv2")


def test_an_output_that_overflows_is_found_where_it_happens():
    net = small_net()
    net.conv2.weight.data.fill_(3e38)
    assert meter.guilty(net, images(), labels()) == "conv2: its output is not finite"


def test_an_input_that_is_not_finite_is_said_to_be_one():
    x = images()
    x[3, 1, 2, 2] = float("nan")
    assert meter.guilty(small_net(), x, labels()) == "the input: it is not finite"


class BadGradient(nn.Module):
    """The identity, whose derivative is not a number."""

    def forward(self, x):
        return x + (x - x).sqrt()  # the square root's derivative at 0 is infinite


def test_a_gradient_is_found_from_the_end():
    net = small_net(odd=BadGradient())
    # fc3 and odd itself get good gradients; relu2, which feeds odd, gets the bad one
    said = meter.guilty(net, images(), labels())
    assert said == "relu2: its gradient is not finite"


def test_a_loss_beyond_the_range_of_floats_is_said_to_be_it():
    net = small_net()
    net.fc3.bias.data[:2] = torch.tensor([3e38, -3e38])
    assert "the loss" in meter.guilty(net, images(), labels())


def test_a_healthy_network_has_no_guilty_layer():
    said = meter.guilty(small_net(), images(), labels())
    assert said == "no layer: outputs and gradients of this batch are finite"


def test_looking_for_guilt_leaves_network_gradients_and_random_numbers_alone():
    net = small_net(norm2=nn.BatchNorm2d(6)).train()
    net(images()).sum().backward()
    before = {name: t.clone() for name, t in net.state_dict().items()}
    gradients = [w.grad.clone() for w in net.parameters()]
    random = torch.random.get_rng_state()
    meter.guilty(net, images(), labels())
    assert torch.equal(torch.random.get_rng_state(), random)
    assert all(torch.equal(t, before[name]) for name, t in net.state_dict().items())
    assert all(
        torch.equal(w.grad, g) for w, g in zip(net.parameters(), gradients, strict=True)
    )
    assert not any(module._forward_hooks for module in net.modules()) and net.training


def test_guilt_is_found_under_no_grad_and_for_a_frozen_network_too():
    net = small_net().requires_grad_(False)
    with torch.no_grad():
        assert meter.guilty(net, images(), labels()).startswith("no layer")
        net.fc3.bias.data[0] = float("nan")
        assert meter.guilty(net, images(), labels()).startswith("fc3")


def test_every_layer_of_alexnet_can_be_guilty():
    net = nets.build("alexnet", num_classes=10, image_size=64, width=0.1, hidden=32)
    nets.initialise(net, "krizhevsky2012", seed=0)
    x, y = 50 * torch.randn(4, 3, 64, 64), torch.arange(4)
    assert meter.guilty(net, x, y).startswith("no layer")
    for name in ("conv1", "conv4", "fc6", "fc8"):
        layer = net.get_submodule(name)
        kept = layer.weight.data.clone()
        layer.weight.data.view(-1)[0] = float("inf")
        assert meter.guilty(net, x, y) == f"{name}: its weights are not finite"
        layer.weight.data = kept
