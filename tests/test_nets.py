"""The networks: the papers' numbers, torchvision's outputs, real towers, starts."""

import copy
import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from cnnlab import nets, shapes
from cnnlab.nets import lenet
from cnnlab.nets.initialise import TABLES

SMALL = {"image_size": 32, "num_classes": 10, "hidden": 32, "width": 0.25}
ALEXNETS = (
    "alexnet", "alexnet-one-tower", "alexnet-half", "caffe", "owt2014",
    "alexnet-torchvision",
)  # fmt: skip


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def empty(name, **options):
    """Return a network with shapes and without values."""
    with torch.device("meta"):
        return nets.build(name, **options)


def drawn(*shape, seed=0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=dtype)


def held(module):
    return sum(p.numel() for p in module.parameters())


def message_of(call, error=ValueError):
    with pytest.raises(error) as caught:
        call()
    return str(caught.value)


# ------------------------------------------------------------ counts of the papers

COUNTS = {  # trainable values, multiply-accumulates, neurons
    "alexnet": (60_965_224, 724_406_816, 659_272),
    "alexnet-one-tower": (62_378_344, 1_135_256_096, 659_272),
    "caffe": (60_965_224, 724_406_816, 659_272),
    "owt2014": (61_100_840, 714_188_480, 494_184),
    "alexnet-torchvision": (61_100_840, 714_188_480, 494_184),
    "cuda-convnet": (89_578, 12_298_240, 45_066),
    "residual": (269_722, 40_551_040, 188_426),
    "plain": (269_722, 40_551_040, 188_426),
    "lenet5": (61_706, 416_520, 6_518),
    "lenet5-1998": (60_000, 328_096, 8_094),
    "vgg-a": (132_863_336, 7_609_090_048, 7_435_240),
    "vgg-a-lrn": (132_863_336, 7_609_090_048, 7_435_240),
    "vgg-b": (133_047_848, 11_308_466_176, 12_252_136),
    "vgg-c": (133_638_952, 11_770_888_192, 13_556_712),
    "vgg-d": (138_357_544, 15_470_264_320, 13_556_712),
    "vgg-e": (143_667_240, 19_632_062_464, 14_861_288),
}


@pytest.mark.parametrize("name", COUNTS)
def test_every_network_has_exactly_its_numbers(name):
    net = empty(name)
    layers = nets.walk(net)
    params, macs, neurons = COUNTS[name]
    assert held(net) == sum(layer.params for layer in layers) == params
    assert sum(layer.macs for layer in layers) == macs
    assert sum(layer.neurons for layer in layers) == neurons


def test_the_layers_of_alexnet_are_the_papers():
    layers = {layer.name: layer for layer in nets.walk(empty("alexnet"))}
    weighted = [name for name, layer in layers.items() if layer.params]
    assert weighted == [f"conv{n}" for n in range(1, 6)] + ["fc6", "fc7", "fc8"]
    neurons = [layers[name].neurons for name in weighted]
    assert neurons == [290_400, 186_624, 64_896, 64_896, 43_264, 4096, 4096, 1000]
    macs = [layers[f"conv{n}"].macs for n in range(1, 6)]
    assert macs == [105_415_200, 223_948_800, 149_520_384, 112_140_288, 74_760_192]
    params = [layers[f"conv{n}"].params for n in range(1, 6)]
    weights = (34_848, 307_200, 884_736, 663_552, 442_368)
    assert params == [w + b for w, b in zip(weights, (96, 256, 384, 384, 256))]  # noqa: B905
    assert layers["conv1"].shape == (96, 55, 55)
    assert layers["pool5"].shape == (256, 6, 6)
    # without weight sharing conv1 would need its connections and a bias for each neuron
    assert layers["conv1"].macs + layers["conv1"].neurons == 105_705_600


def test_the_layers_stand_in_the_order_of_configuration_145():
    order = (
        "pad1 conv1 norm1 pool1 relu1 conv2 relu2 norm2 within2 pool2 conv3 relu3 "
        "conv4 relu4 conv5 pool5 relu5 flatten fc6 relu6 drop6 fc7 relu7 drop7 fc8"
    )
    net = empty("alexnet", within_map_norm=True)
    assert " ".join(name for name, _ in net.named_children()) == order
    written = empty("alexnet", order="as-written")
    names = [name for name, _ in written.named_children()]
    assert names[1:5] == ["conv1", "relu1", "norm1", "pool1"]
    assert names[13:16] == ["conv5", "relu5", "pool5"]


def test_224_pixels_make_55_by_three_zeros_and_54_by_cutting_off():
    up, down = empty("alexnet"), empty("alexnet", round_up=False)
    assert up.pad1.padding == (0, 3, 0, 3)
    assert nets.walk(up)[1].shape == (96, 55, 55)
    assert not hasattr(down, "pad1")
    assert nets.walk(down)[0].shape == (96, 54, 54)
    assert held(down) == 49_430_888
    assert held(empty("alexnet", image_size=227, round_up=False)) == held(up)


def test_the_border_of_zeros_lies_at_the_bottom_and_the_right():
    net = nets.build("alexnet", width=0.1, hidden=8, num_classes=2)
    x = drawn(1, 3, 224, 224)
    padded = functional.pad(x, (0, 3, 0, 3))
    assert padded.shape[2:] == (227, 227)
    torch.testing.assert_close(net[:2](x), net.conv1(padded))
    torch.testing.assert_close(net[:2](x)[..., :54, :54], net.conv1(x))


def test_receptive_fields_grow_as_by_hand():
    sees = {layer.name: layer.field.size for layer in nets.walk(empty("alexnet"))}
    wanted = {"conv1": 11, "pool1": 19, "conv2": 51, "pool2": 67, "conv3": 99}
    wanted |= {"conv4": 131, "conv5": 163, "pool5": 195, "fc6": 224}
    assert {name: sees[name] for name in wanted} == wanted
    assert nets.walk(empty("vgg-d"))[4].field.size == 6  # 3x3, 3x3, pooled
    assert nets.walk(empty("lenet5"))[5].field.size == 16


# ------------------------------------------------------------ torchvision


def with_equal_weights(name, reference):
    """Return our network holding the very tensors of torchvision's, both in eval."""
    ours = empty(name).eval()
    values = reference.state_dict().values()
    assert len(values) == len(ours.state_dict())
    ours.load_state_dict(dict(zip(ours.state_dict(), values, strict=True)), assign=True)
    return ours


def filled(network):
    """Return torchvision's ``network`` with small random weights."""
    with torch.device("meta"):
        net = network(weights=None)
    net.to_empty(device="cpu").eval()
    generator = torch.Generator().manual_seed(0)
    for p in net.parameters():
        bound = (6 / p[0].numel()) ** 0.5 if p.ndim > 1 else 0.1
        nn.init.uniform_(p, -bound, bound, generator=generator)
    return net


@pytest.mark.slow
@pytest.mark.parametrize(
    "ours, theirs",
    [("alexnet-torchvision", "alexnet"), ("vgg-a", "vgg11"), ("vgg-b", "vgg13"),
     ("vgg-d", "vgg16"), ("vgg-e", "vgg19")],
)  # fmt: skip
def test_outputs_are_torchvisions_once_the_weights_are(ours, theirs):
    models = pytest.importorskip("torchvision.models")
    reference = filled(getattr(models, theirs))
    net = with_equal_weights(ours, reference)
    x = drawn(2 if theirs == "alexnet" else 1, 3, 224, 224)
    with torch.no_grad():
        expected = reference(x)
        torch.testing.assert_close(net(x), expected, rtol=1e-4, atol=1e-5)
    assert expected.std() > 0.01  # the weights let something through


# ------------------------------------------------------------ towers


def two_real_towers(net, x):
    """Run AlexNet as two networks with half the maps each, as on two GPUs.

    They exchange their maps before conv3, fc6, fc7 and fc8, and nowhere else.
    """

    def half(name, tower):
        layer = net.get_submodule(name)
        return layer.weight.chunk(2)[tower], layer.bias.chunk(2)[tower]

    def convolve(tower, maps, name, **window):
        return functional.conv2d(maps, *half(name, tower), **window)

    def pool(maps):
        return functional.max_pool2d(maps, 3, 2, ceil_mode=True)

    lrn = nn.LocalResponseNorm(5, 1e-4, 0.75, 2.0)
    towers = (0, 1)
    maps = [convolve(t, x, "conv1", stride=net.conv1.stride, padding=2) for t in towers]
    maps = [functional.relu(pool(lrn(own))) for own in maps]
    maps = [convolve(t, maps[t], "conv2", padding=2) for t in towers]
    maps = [pool(lrn(functional.relu(own))) for own in maps]
    both = torch.cat(maps, 1)
    maps = [functional.relu(convolve(t, both, "conv3", padding=1)) for t in towers]
    maps = [functional.relu(convolve(t, maps[t], "conv4", padding=1)) for t in towers]
    maps = [pool(convolve(t, maps[t], "conv5", padding=1)) for t in towers]
    units = torch.cat([functional.relu(own).flatten(1) for own in maps], 1)
    for name in ("fc6", "fc7"):
        halves = [functional.linear(units, *half(name, t)) for t in towers]
        units = functional.relu(torch.cat(halves, 1))
    return net.fc8(units)


@pytest.mark.parametrize("image_size", [32, 64])
def test_groups_are_two_real_towers(image_size):
    net = nets.build("alexnet", **{**SMALL, "image_size": image_size}).double().eval()
    nets.initialise(net, "he")
    x = drawn(3, 3, image_size, image_size, dtype=torch.float64)
    torch.testing.assert_close(net(x), two_real_towers(net, x))


def test_before_conv3_no_tower_hears_of_the_other():
    net = nets.build("alexnet", **SMALL)
    x = drawn(1, 3, 32, 32)
    first = net.upto("pool2")(x)
    maps = first.shape[1]
    first[:, : maps // 2].square().sum().backward()
    own, other = net.conv1.weight.grad.chunk(2)
    assert own.abs().sum() > 0 and not other.any()
    net.zero_grad()
    third = net.upto("conv3")(x)
    third[:, : third.shape[1] // 2].square().sum().backward()
    assert all(part.abs().sum() > 0 for part in net.conv1.weight.grad.chunk(2))


# ------------------------------------------------------------ options


def test_relu_and_max_pooling_change_places_unless_a_normalisation_stands_between():
    x = drawn(2, 3, 32, 32)
    for norm, equal in (("none", True), ("lrn", False)):
        run, written = (
            nets.build("alexnet", **SMALL, norm=norm, order=order).eval()
            for order in ("as-run", "as-written")
        )
        nets.initialise(run, "he")
        written.load_state_dict(run.state_dict())
        scale = 1000 * x  # raw grey levels, so that LRN has an effect
        assert torch.allclose(run(scale), written(scale), rtol=1e-5) == equal


@pytest.mark.parametrize("name", ALEXNETS)
@pytest.mark.parametrize(
    "size", [24, 31, 32, 33, 48, 63, 64, 80, 96, 127, 128, 160, 224, 256]
)
def test_every_image_size_leaves_maps_of_at_least_three_by_three(name, size):
    net = empty(name, image_size=size, num_classes=10, hidden=8, width=0.1)
    layers = {layer.name: layer for layer in nets.walk(net)}
    least = 2 if name == "alexnet-torchvision" and size < 31 else 3  # it rounds down
    assert least <= layers["pool5"].shape[-1] <= 8
    assert layers["fc8"].shape == (10,)


def test_the_small_sizes_change_only_conv1_and_fc6():
    large = empty("alexnet")
    for size in (32, 64, 128):
        small = empty("alexnet", image_size=size)
        changed = {
            name.split(".")[0]
            for name, p in small.named_parameters()
            if p.shape != large.get_parameter(name).shape
        }
        assert changed == ({"fc6"} if size == 128 else {"conv1", "fc6"})


def test_width_and_hidden_scale_the_two_halves_apart():
    net = empty("alexnet", width=0.5, hidden=512, num_classes=50, image_size=64)
    maps = [net.get_submodule(f"conv{n}").out_channels for n in range(1, 6)]
    assert maps == [48, 128, 192, 192, 128]
    assert (net.fc6.out_features, net.fc8.out_features) == (512, 50)
    odd = empty("alexnet", width=0.01, image_size=32)
    assert all(odd.get_submodule(f"conv{n}").out_channels % 2 == 0 for n in (2, 4, 5))


def test_non_overlapping_pooling_takes_other_sizes():
    layers = {layer.name: layer for layer in nets.walk(empty("alexnet", pool=(2, 2)))}
    sizes = [layers[f"pool{n}"].shape[-1] for n in (1, 2, 5)]
    assert sizes == [28, 14, 7]


def test_batch_normalisation_follows_every_convolution_instead_of_a_bias():
    net = empty("alexnet", norm="batch", image_size=32)
    names = [name for name, _ in net.named_children()]
    for n in range(1, 6):
        assert net.get_submodule(f"conv{n}").bias is None
        assert names[names.index(f"conv{n}") + 1] == f"norm{n}"
        assert isinstance(net.get_submodule(f"norm{n}"), nn.BatchNorm2d)


def test_batch_normalisation_may_wait_until_after_the_pooling():
    net = empty("alexnet", norm="batch", image_size=32, order="pool-first")
    names = [name for name, _ in net.named_children()]
    assert names[:4] == ["conv1", "pool1", "norm1", "relu1"]
    at = names.index("conv3")
    assert names[at : at + 3] == ["conv3", "norm3", "relu3"]


def test_dropout_comes_in_both_forms_and_in_both_places():
    old = empty("alexnet", inverted_dropout=False, dropout=0.3)
    assert isinstance(old.drop6, nets.Dropout2012) and old.drop6.p == 0.3
    first = [name for name, _ in empty("alexnet-torchvision").named_children()]
    assert first[-7:] == ["drop5", "fc6", "relu6", "drop6", "fc7", "relu7", "fc8"]


def test_the_strength_of_the_normalisation_can_follow_the_scale_of_the_input():
    weak, strong = (
        nets.build("alexnet", **SMALL, norm_alpha=alpha).norm1 for alpha in (1e-4, 6.5)
    )
    x = drawn(1, 8, 3, 3)
    torch.testing.assert_close(weak(255 * x) / 255, strong(x), rtol=1e-3, atol=1e-6)


def test_caffe_normalises_across_towers_with_its_own_constant():
    norm = empty("caffe").norm1
    assert (norm.k, norm.groups) == (1.0, 1)
    norm = empty("alexnet").norm1
    assert (norm.k, norm.groups) == (2.0, 2)


def test_tanh_and_relu_race_in_otherwise_equal_networks():
    relu, tanh = (empty("cuda-convnet", activation=a) for a in ("relu", "tanh"))
    assert held(relu) == held(tanh)
    kinds = [layer.kind for layer in nets.walk(tanh)]
    assert kinds.count("Tanh") == 3 and "ReLU" not in kinds
    sizes = [x.shape[-1] for x in nets.walk(relu) if "Pool" in x.kind]
    assert sizes == [16, 8, 4]


# ------------------------------------------------------------ LeNet-5


def test_an_alexnet_may_have_tanh_and_towers_that_meet_in_fc6_only():
    options = {"image_size": 32, "width": 0.1, "hidden": 8, "num_classes": 4}
    net = empty("alexnet", activation="tanh", talking=False, **options)
    assert not [m for m in net.modules() if isinstance(m, nn.ReLU)]
    assert sum(isinstance(m, nn.Tanh) for m in net) == 7
    groups = [m.groups for m in net if isinstance(m, nn.Conv2d)]
    assert groups == [1, 2, 2, 2, 2]
    one = empty("alexnet", talking=False, towers=1, **options)
    assert all(m.groups == 1 for m in one if isinstance(m, nn.Conv2d))


def test_a_shortcut_hands_on_its_input_at_half_the_size_with_maps_of_zeros():
    net = nets.build("residual", depth=8, width=2, norm="none", image_size=8)
    block = net.block3_1  # 2 maps of 8x8 to 4 maps of 4x4
    with torch.no_grad():
        for w in block.parameters():
            w.zero_()
    x = drawn(1, 2, 8, 8).abs()
    y = block(x)
    assert torch.equal(y[:, :2], x[:, :, ::2, ::2]) and not y[:, 2:].any()
    block.shortcut = False
    assert not block(x).any()


def test_plain_and_residual_networks_have_the_same_weights():
    one, other = (nets.build(n, depth=14, width=4) for n in ("plain", "residual"))
    shapes = [{k: v.shape for k, v in net.state_dict().items()} for net in (one, other)]
    assert shapes[0] == shapes[1]
    x = drawn(2, *one.image)
    other.load_state_dict(one.state_dict())
    assert not torch.allclose(one(x), other(x))
    said = message_of(lambda: nets.build("residual", depth=19))
    assert said.startswith("residual: depth must be 6 n + 2")


def test_the_lenet_of_1998_has_the_papers_numbers_in_every_layer():
    layers = {layer.name: layer for layer in nets.walk(empty("lenet5-1998"))}
    params = {name: layer.params for name, layer in layers.items() if layer.params}
    assert params == {
        "c1": 156, "s2": 12, "c3": 1516, "s4": 32, "c5": 48_120, "f6": 10_164,
    }  # fmt: skip
    # the paper counts a connection for every product and every bias
    connections = {
        name: layers[name].macs + layers[name].neurons for name in ("c1", "c3", "c5")
    }
    assert connections == {"c1": 122_304, "c3": 151_600, "c5": 48_120}


def test_c3_is_a_whole_convolution_with_zeros_where_it_does_not_look():
    layer = lenet.SparseConv2d(lenet.C3_SEES, 5).double()
    whole = nn.Conv2d(6, 16, 5).double()
    with torch.no_grad():
        whole.weight.zero_()
        whole.bias.copy_(layer.bias)
        rows = iter(layer.weight)
        for above, seen in enumerate(lenet.C3_SEES):
            for below in seen:
                whole.weight[above, below] = next(rows)
    x = drawn(2, 6, 14, 14, dtype=torch.float64)
    torch.testing.assert_close(layer(x), whole(x))
    layer(x).sum().backward()
    assert layer.weight.grad.abs().min() > 0


def test_subsampling_adds_four_values_and_learns_two():
    layer = lenet.Subsample(2)
    x = torch.arange(32.0).reshape(1, 2, 4, 4)
    torch.testing.assert_close(layer(x), functional.avg_pool2d(x, 2))
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([2.0, 3.0]))
        layer.bias.copy_(torch.tensor([1.0, -1.0]))
    assert layer(x)[0, :, 0, 0].tolist() == [
        2 * (0 + 1 + 4 + 5) + 1,
        3 * (16 + 17 + 20 + 21) - 1,
    ]


def test_the_codes_are_ten_different_pictures_and_the_nearest_wins():
    codes = lenet.codes()
    assert codes.shape == (10, 84) and set(codes.unique().tolist()) == {-1.0, 1.0}
    layer = lenet.Distances(codes)
    assert not list(layer.parameters())
    logits = layer(codes)
    assert logits.argmax(1).tolist() == list(range(10))
    different = (codes[0] != codes[1]).sum().item()
    assert logits[0, 0] == 0 and logits[0, 1] == -4 * different
    nearest = logits - torch.eye(10) * 1e3
    assert -nearest.max() >= 4 * 8  # every pair differs in at least eight pixels


def test_the_squashing_function_keeps_one():
    ends = lenet.Squash()(torch.tensor([1.0, -1.0, 0.0, 1e4]))
    torch.testing.assert_close(
        ends, torch.tensor([1.0, -1.0, 0.0, 1.7159]), rtol=0, atol=1e-4
    )


@pytest.mark.parametrize("name", ["lenet5", "lenet5-1998"])
def test_digits_of_28_pixels_get_the_border_of_the_paper(name):
    small, large = nets.build(name, image_size=28), nets.build(name)
    large.load_state_dict(small.state_dict())
    x = drawn(2, 1, 28, 28)
    torch.testing.assert_close(small(x), large(functional.pad(x, (2, 2, 2, 2))))


def test_lenet_takes_colour_and_other_activations():
    net = nets.build("lenet5", in_channels=3, activation="relu", pool="max")
    assert net(drawn(2, 3, 32, 32)).shape == (2, 10)


# ------------------------------------------------------------ initial weights


@pytest.mark.parametrize(
    "scheme", ["paper", "krizhevsky2012", "caffe", "owt2014", "cifar2012"]
)
def test_tables_set_the_deviations_and_the_biases_of_every_layer(scheme):
    net = nets.initialise(nets.build("alexnet", **{**SMALL, "width": 1}), scheme)
    for name, (deviation, value) in TABLES[scheme].items():
        layer = net.get_submodule(name)
        spread = layer.weight.std().item()
        tolerance = 4 / math.sqrt(2 * layer.weight.numel())  # four standard errors
        assert spread == pytest.approx(deviation, rel=tolerance)
        assert abs(layer.weight.mean()) < 4 * deviation / layer.weight.numel() ** 0.5
        assert (layer.bias == torch.tensor(value)).all()


def test_the_tables_differ_where_the_recipes_do():
    assert TABLES["paper"]["conv3"] != TABLES["krizhevsky2012"]["conv3"] == (0.03, 0)
    assert TABLES["caffe"]["fc6"] == (0.005, 0.1)
    assert TABLES["owt2014"]["fc8"] == (0.01, -7)


@pytest.mark.parametrize("scheme", ["torch", "he", "lecun"])
@pytest.mark.parametrize("name", ["alexnet", "lenet5", "lenet5-1998", "vgg-a"])
def test_rules_scale_with_the_values_that_enter_a_unit(scheme, name):
    options = {} if "lenet" in name else {"image_size": 32, "hidden": 64}
    net = nets.initialise(nets.build(name, **options), scheme)
    layer = net.get_submodule({"alexnet": "conv2", "vgg-a": "conv2_1"}.get(name, "c3"))
    assert layer.weight.std() > 0
    if name == "alexnet":  # 48 maps of its own tower, 5x5
        deviation = {
            "torch": (1 / 1200) ** 0.5 / 3**0.5,
            "he": (2 / 1200) ** 0.5,
            "lecun": 2.4 / 1200 / 3**0.5,
        }
        assert layer.weight.std().item() == pytest.approx(deviation[scheme], rel=0.01)
    if scheme != "he" and name == "lenet5-1998":  # 3, 4 or 6 maps of 5x5
        bound = {"torch": 75**-0.5, "lecun": 2.4 / 75}[scheme]
        assert 0.8 * bound < layer.weight[:18].abs().max() <= bound
        assert layer.weight[-6:].abs().max() <= bound / 2 ** (scheme == "lecun")


def test_equal_seeds_draw_equal_weights_whatever_the_layout_and_the_global_seed():
    first = nets.initialise(nets.build("alexnet", **SMALL), "krizhevsky2012", seed=3)
    torch.manual_seed(99)
    state = torch.get_rng_state()
    second = nets.build("alexnet", **SMALL).to(memory_format=torch.channels_last)
    drawn_before = torch.get_rng_state()
    assert nets.initialise(second, "krizhevsky2012", seed=3) is second
    assert torch.equal(torch.get_rng_state(), drawn_before)
    assert not torch.equal(state, drawn_before)  # building draws, initialising does not
    for p, q in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(p, q)
    other = nets.initialise(nets.build("alexnet", **SMALL), "krizhevsky2012", seed=4)
    assert not torch.equal(first.conv1.weight, other.conv1.weight)


def test_batch_normalisation_starts_as_the_identity_again():
    net = nets.build("alexnet", **SMALL, norm="batch")
    net(drawn(4, 3, 32, 32))
    nets.initialise(net, "he")
    assert not net.norm1.running_mean.any() and (net.norm1.weight == 1).all()


def test_a_table_for_other_layers_is_refused_with_what_fits():
    got = message_of(lambda: nets.initialise(nets.build("lenet5"), "paper"))
    assert got == (
        "initialise: 'paper' is written for the layers conv1, conv2, conv3, conv4, "
        "conv5, fc6, fc7, fc8; this network has c1, c3, c5, f6, output. Take 'torch', "
        "'he' or 'lecun', which fit every network."
    )
    assert "scheme must be 'paper' or" in message_of(
        lambda: nets.initialise(nets.build("lenet5"), "xavier")
    )


def test_a_layer_without_one_weight_is_named_instead_of_started():
    got = message_of(lambda: nets.initialise(nn.LSTM(2, 3), "he"))
    assert got.startswith("initialise: layer net (LSTM) has no `weight`; layers of con")
    net = nn.Sequential(nn.Linear(2, 2), nn.GRU(2, 3))
    assert "layer 1 (GRU) has no" in message_of(lambda: nets.initialise(net, "he"))


def test_stems_are_a_table_that_is_not_empty():
    for stems in ({}, [(11, 4, 0)], None):
        got = message_of(lambda s=stems: nets.build("alexnet", stems=s))
        assert got.startswith("alexnet: stems needs {smallest side: (window, stride, ")


def landscapes(n, size, seed=0):
    """Return images whose contrast falls with the frequency, as in nature, 0 to 255."""
    generator = torch.Generator().manual_seed(seed)
    octaves = []
    for side in (2, 4, 8, 16, 32, 64, 112):
        grey, colour = (
            torch.randn(n, c, side, side, generator=generator) for c in (1, 3)
        )
        octaves.append(
            functional.interpolate(grey + colour / 2, (size, size), mode="bilinear")
        )
    x = sum(octaves)
    return (120 + 65 * (x - x.mean()) / x.std()).clamp(0, 255)


@pytest.mark.slow
def test_the_papers_start_tells_no_image_from_another_and_that_of_the_run_does():
    net = nets.build("alexnet").eval()
    images = landscapes(6, 224)
    raw = images - images.mean(0)
    unit = (images - images.mean((0, 2, 3), keepdim=True)) / images.std()

    def spread(scheme, x):
        with torch.no_grad():
            return nets.initialise(net, scheme)(x).std(0).mean().item()

    as_run, as_written = spread("krizhevsky2012", raw), spread("paper", unit)
    assert 0.05 < as_run < 0.5
    assert as_written < 0.001
    assert as_run > 100 * as_written


# ------------------------------------------------------------ machines


@pytest.mark.parametrize("name", ["alexnet", "owt2014", "cuda-convnet", "lenet5-1998"])
def test_channels_last_and_plain_layout_agree(name):
    options = {} if name in ("cuda-convnet", "lenet5-1998") else SMALL
    net = nets.build(name, **options).eval()
    x = drawn(2, *net.image)
    expected = net(x)
    net = net.to(memory_format=torch.channels_last)
    torch.testing.assert_close(net(x.to(memory_format=torch.channels_last)), expected)


@pytest.mark.parametrize("name", ["alexnet", "lenet5-1998", "cuda-convnet"])
@pytest.mark.parametrize("norm", ["lrn", "batch"])
def test_bfloat16_autocast_trains(name, norm):
    options = {**SMALL, "norm": norm, "within_map_norm": True}
    net = nets.build(name, **(options if name == "alexnet" else {}))
    with torch.autocast("cpu", torch.bfloat16):
        logits = net(drawn(4, *net.image))
        loss = functional.cross_entropy(logits.float(), torch.arange(4))
    loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


@pytest.mark.slow
def test_it_learns_sixteen_images_by_heart():
    net = nets.initialise(nets.build("alexnet", **SMALL, dropout=0), "he")
    x, y = drawn(16, 3, 32, 32), torch.arange(16) % 10
    optimiser = torch.optim.Adam(net.parameters())
    for _ in range(40):
        loss = functional.cross_entropy(net(x), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert (net(x).argmax(1) == y).all()


def test_gradients_pass_distributed_data_parallel(tmp_path):
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1
    )
    try:
        for name, options in (("alexnet", {**SMALL, "dropout": 0}), ("lenet5", {})):
            net = nets.build(name, **options)
            alone = copy.deepcopy(net)
            x = drawn(2, *net.image)
            nn.parallel.DistributedDataParallel(net)(x).square().sum().backward()
            alone(x).square().sum().backward()
            for p, q in zip(net.parameters(), alone.parameters(), strict=True):
                torch.testing.assert_close(p.grad, q.grad)
    finally:
        torch.distributed.destroy_process_group()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["alexnet", "lenet5-1998"])
def test_networks_are_captured_whole_for_a_compiler_and_stay_equal(name):
    options = {**SMALL, "dropout": 0, "within_map_norm": True}
    net = nets.build(name, **(options if name == "alexnet" else {}))
    x = drawn(2, *net.image)
    results = []
    for run in (net, torch.compile(net, fullgraph=True, backend="aot_eager")):
        net.zero_grad()
        y = run(x)
        y.square().sum().backward()
        results.append((y.detach(), [p.grad.clone() for p in net.parameters()]))
    torch.testing.assert_close(*results, rtol=1e-4, atol=1e-5)


# ------------------------------------------------------------ walking


@pytest.mark.parametrize("name", ["alexnet", "lenet5-1998", "vgg-a-lrn"])
def test_a_walk_finds_the_shapes_of_a_real_pass_and_leaves_no_trace(name):
    options = {"image_size": 32, "hidden": 16} if name != "lenet5-1998" else {}
    net = nets.build(name, **options).eval()
    before = copy.deepcopy(net.state_dict())
    layers = nets.walk(net)
    assert not any(module._forward_hooks for module in net.modules())
    assert not net.training
    for key, value in net.state_dict().items():
        assert torch.equal(value, before[key])
    x = drawn(2, *net.image)
    for layer in layers:
        x = net.get_submodule(layer.name)(x)
        assert layer.shape == tuple(x.shape[1:])
        assert layer.bytes == x[0].numel() * 4


def test_a_walk_leaves_running_means_alone():
    net = nets.build("alexnet", **SMALL, norm="batch")
    nets.walk(net)
    assert net.norm1.num_batches_tracked == 0 and not net.norm1.running_mean.any()


def test_receptive_fields_of_a_walk_are_where_the_gradient_is_not_zero():
    net = nets.build("alexnet", **{**SMALL, "image_size": 64}, norm="none").eval()
    nets.initialise(net, "he")
    layers = {layer.name: layer for layer in nets.walk(net)}
    x = drawn(1, 3, 64, 64).requires_grad_()
    for name, unit in (("conv1", 5), ("pool1", 3), ("conv2", 7)):
        y = net.upto(name)(x)
        (gradient,) = torch.autograd.grad(y[0, :, unit, unit].sum(), x)
        rows = gradient.abs().sum((0, 1, 3)).nonzero().flatten().tolist()
        first, last = layers[name].field.span(unit)
        assert max(first, 0) <= rows[0] and rows[-1] <= min(last, 63)
        if name == "conv1":
            assert (rows[0], rows[-1]) == (max(first, 0), last)


def test_any_network_can_be_walked():
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 5))
    last = nets.walk(net, (3, 2, 2))[-1]
    assert (last.name, last.shape, last.params, last.macs) == ("1", (5,), 65, 60)
    got = message_of(lambda: nets.walk(net))
    assert got == "walk: input_shape needs (C, H, W), the shape of one image; got None."
    models = pytest.importorskip("torchvision.models")
    with torch.device("meta"):
        residual = models.resnet18()
    layers = nets.walk(residual, (3, 224, 224))
    assert sum(layer.params for layer in layers) == 11_689_512
    assert sum(layer.macs for layer in layers) == 1_814_073_344


def test_a_transposed_convolution_sends_every_input_to_a_whole_window():
    layer = nn.ConvTranspose2d(4, 6, (2, 3), stride=2, groups=2)
    (row,) = nets.walk(layer, (4, 5, 7))
    # 4 x 5 x 7 inputs, each times 2 x 3 weights for the 3 filters of its group
    assert row.macs == 140 * 6 * 3


def test_padding_may_be_named_and_a_global_mean_sees_everything():
    same = nn.Conv2d(1, 2, 5, padding="same", dilation=2)
    net = nn.Sequential(same, nn.Conv2d(2, 3, 3, padding="valid"))
    net.append(nn.AdaptiveAvgPool2d(1))
    first, second, last = (layer.field for layer in nets.walk(net, (1, 20, 20)))
    assert first == (9, 1, -4) and second == (11, 1, -4) and last == (20, 0, 0)


def test_the_table_ends_with_the_sums():
    lines = nets.table(empty("alexnet")).splitlines()
    assert lines[0].split() == [
        "layer", "kind", "output", "parameters", "MACs", "memory", "sees",
    ]  # fmt: skip
    assert lines[2].split()[:2] == ["conv1", "Conv2d"] and "105,415,200" in lines[2]
    last = lines[-1]
    for number in ("659,272 neurons", "60,965,224", "724,406,816"):
        assert number in last
    assert max(map(len, lines)) <= 88


# ------------------------------------------------------------ mistakes


def test_names_and_options_that_do_not_exist_bring_a_list_of_those_that_do():
    got = message_of(lambda: nets.build("resnet"))
    assert "name must be 'alexnet' or" in got and got.endswith("got 'resnet'.")
    got = message_of(lambda: nets.build("cuda-convnet", towers=2))
    assert got == (
        "build: cuda-convnet has no option 'towers'. Its options: activation."
    )
    got = message_of(lambda: nets.build("lenet5-1998", dropout=0.5))
    assert got.endswith("Its options: none.")


@pytest.mark.parametrize(
    "options, part",
    [
        ({"image_size": 23}, "image_size must be a whole number of at least 24"),
        ({"num_classes": 0}, "num_classes must be"),
        ({"towers": 3}, "towers must be a whole number from 1 to 2"),
        ({"norm": "layer"}, "norm must be 'lrn' or 'batch' or 'none'; got 'layer'"),
        ({"order": "other"}, "order must be 'as-run' or 'as-written'"),
        ({"dropout": 1}, "p must be a share of at least 0 and below 1"),
        ({"width": -1}, "width must be"),
        ({"width": 0}, "width must be above 0"),
        ({"hidden": 0}, "hidden must be"),
        ({"pool": 3}, "pool needs 2 numbers, window and stride"),
        ({"filters": (96, 256)}, "filters needs 5 numbers"),
    ],
)
def test_settings_that_make_no_network_are_named(options, part):
    with torch.device("meta"):
        got = message_of(lambda: nets.build("alexnet", **options))
    assert part in got


def test_blocks_of_vgg_can_be_ones_own_and_mistakes_in_them_are_named():
    net = empty("vgg-a", blocks="8 LRN | 16 1:4", image_size=32, hidden=5)
    names = [name for name, _ in net.named_children()]
    assert names[:4] == ["conv1_1", "relu1_1", "norm1", "pool1"]
    assert net.conv2_2.kernel_size == (1, 1) and net.fc6.in_features == 4 * 8 * 8
    twice = empty("vgg-a", blocks="4 LRN 4 LRN | 4", image_size=32, hidden=5)
    norms = [n for n, m in twice.named_children() if type(m).__name__[:5] == "Local"]
    assert norms == ["norm1", "norm1_4"]  # the second one is the block's fourth word
    for blocks in ("64, 128", "", "64 | x", 64.5, "64 | 0", "0:64"):
        got = message_of(lambda b=blocks: empty("vgg-a", blocks=b))
        assert got.startswith("vgg: blocks needs numbers of filters")


def test_vgg_needs_an_image_that_its_poolings_leave_something_of():
    empty("vgg-a", blocks="8 | 8", image_size=4, hidden=5)
    got = message_of(lambda: empty("vgg-a", blocks="8|8|8|8|8|8", image_size=32))
    assert got == "vgg: image_size must be a whole number of at least 64; got 32."


@pytest.mark.parametrize("value", ["no", "false", 0, None])
def test_a_switch_is_true_or_false_and_no_word(value):
    got = message_of(lambda: nets.build("alexnet", within_map_norm=value), TypeError)
    assert got == f"build: within_map_norm must be True or False; got {value!r}."


def test_what_is_no_network_or_no_shape_is_named():
    for call in (
        lambda: nets.walk("alexnet"),
        lambda: nets.initialise("alexnet", "he"),
    ):
        assert "net needs a network; got 'alexnet'" in message_of(call, TypeError)
    net = nets.build("lenet5")
    for bad in (32, torch.zeros(3), torch.zeros(1, 1, 32, 32), ()):
        assert "needs (C, H, W)" in message_of(lambda b=bad: nets.walk(net, b))
    assert "seed must be" in message_of(lambda: nets.initialise(net, "he", 2**64))


def test_images_that_do_not_fit_are_named_before_anything_is_computed():
    net = nets.build("alexnet", **SMALL)
    got = message_of(lambda: net(drawn(2, 3, 64, 64)))
    assert got == (
        "network: x needs images of shape (3, 32, 32); got (3, 64, 64). Crop them, or "
        "build the network for them: image_size=64, in_channels=3."
    )
    assert "needs 4 axes (N, C, H, W)" in message_of(lambda: net(drawn(3, 32, 32)))
    raw = torch.zeros(2, 3, 32, 32, dtype=torch.uint8)
    for bad in (raw, torch.zeros(2, 3, 32, 32).numpy()):
        got = message_of(lambda x=bad: net(x), TypeError)
        assert got.startswith("network: x needs float images in a tensor; got an array")
    assert message_of(lambda: nets.build("lenet5-1998", num_classes=11)) == (
        "lenet5-1998: num_classes must be a whole number from 1 to 10; got 11."
    )


def test_convolutions_take_any_size_and_the_first_full_layer_does_not():
    net = nets.build("alexnet", **SMALL)
    assert net.upto("relu5")(drawn(1, 3, 50, 70)).shape[2:] == (6, 8)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        net[:](drawn(1, 3, 50, 70))
    assert "name must be 'conv1' or" in message_of(lambda: net.upto("conv9"))


def test_sizes_come_from_the_arithmetic_of_shapes():
    for name in ("alexnet", "owt2014", "vgg-d"):
        for layer in nets.walk(empty(name)):
            assert shapes.activation_bytes(layer.shape) == layer.bytes
