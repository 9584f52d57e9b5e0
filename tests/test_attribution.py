"""Attribution: captum as the second engine, worked numbers, and no trace left."""

import pytest
import torch
from torch import nn

from cnnlab import attribution, nets


@pytest.fixture
def captum():
    return pytest.importorskip("captum.attr")  # in the dev extra


def small(inplace=True, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.ReLU(inplace=inplace),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3),
        nn.ReLU(inplace=inplace),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(6 * 4 * 3, 5),
    ).double()


def images(n=3, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, 3, 12, 10, generator=generator, dtype=torch.float64)


TARGETS = torch.tensor([4, 0, 2])


def close(a, b):
    torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)


# ------------------------------------------------------------- captum says the same


@pytest.mark.filterwarnings("ignore:Input Tensor")
def test_saliency_is_captums(captum):
    model = small().eval()
    wanted = captum.Saliency(model).attribute(images(), target=TARGETS)
    close(attribution.saliency(model, images(), TARGETS), wanted.amax(1))
    signed = captum.Saliency(model).attribute(images(), target=TARGETS, abs=False)
    close(attribution.input_gradient(model, images(), TARGETS), signed)


@pytest.mark.parametrize("window, stride, fill", [(4, 2, 0.0), (5, 3, 0.7), (3, 3, 0)])
def test_occlusion_is_captums(captum, window, stride, fill):
    model = small().eval()
    wanted = captum.Occlusion(model).attribute(
        images(),
        sliding_window_shapes=(3, window, window),
        strides=(3, stride, stride),
        baselines=fill,
        target=TARGETS,
    )
    found = attribution.occlusion(model, images(), TARGETS, window, stride, fill, 7)
    wanted = wanted[:, 0].double()  # added up in float32
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("layer", ["0", "1", "3"])
def test_grad_cam_is_captums(captum, layer):
    model = small(inplace=False).eval()
    engine = captum.LayerGradCam(model, model.get_submodule(layer))
    wanted = engine.attribute(images(), target=TARGETS, relu_attributions=True)
    close(
        attribution.grad_cam(model, images(), layer, TARGETS, size=None), wanted[:, 0]
    )
    enlarged = captum.LayerAttribution.interpolate(wanted, (12, 10), "bilinear")
    close(attribution.grad_cam(model, images(), layer, TARGETS), enlarged[:, 0])


@pytest.mark.parametrize("layer", ["0", "3"])
def test_a_relu_in_place_changes_nothing(layer):
    careful, hasty = small(inplace=False), small(inplace=True)
    x = images()
    close(
        attribution.grad_cam(hasty, x, layer, 1),
        attribution.grad_cam(careful, x, layer, 1),
    )
    close(
        attribution.activations(hasty, x)[layer],
        attribution.activations(careful, x)[layer],
    )
    assert (attribution.activations(hasty, x)[layer] < 0).any()


# ------------------------------------------------------------------ worked by hand


def test_by_hand_a_linear_network_is_blamed_for_its_weights():
    model = nn.Sequential(nn.Flatten(), nn.Linear(8, 2, bias=False))
    with torch.no_grad():
        model[1].weight.copy_(torch.arange(16.0).reshape(2, 8) - 4)
    x = torch.ones(1, 2, 2, 2)
    # Row 0 of the weights: red -4 -3 -2 -1, green 0 1 2 3.
    close(attribution.saliency(model, x, 0)[0], torch.tensor([[4.0, 3.0], [2.0, 3.0]]))
    # One pixel covered at a time: the score falls by red + green.
    fall = attribution.occlusion(model, x, 0, window=1, stride=1)[0]
    close(fall, torch.tensor([[-4.0, -2.0], [0.0, 2.0]]))


def test_without_a_target_the_highest_score_is_explained():
    model, x = small(), images()
    best = model.eval()(x).argmax(1)
    assert len(set(best.tolist())) > 1
    close(attribution.saliency(model, x), attribution.saliency(model, x, best))
    close(
        attribution.grad_cam(model, x, "3"), attribution.grad_cam(model, x, "3", best)
    )
    close(attribution.occlusion(model, x), attribution.occlusion(model, x, best))


def test_neighbours_by_hand_equal_distances_in_order():
    bank = torch.tensor([[3.0, 0], [0, 1], [1, 0], [5, 5]])
    index, distance = attribution.feature_neighbours(torch.zeros(1, 2), bank, 3)
    assert index.tolist() == [[1, 2, 0]]
    assert distance.tolist() == [[1, 1, 3]]


def test_features_are_the_activations_whatever_the_batch():
    model, x = small(), images(5)
    whole = attribution.activations(model, x, ["3"])["3"].flatten(1)
    close(attribution.features(model, x, "3", batch=2), whole)


# --------------------------------------------------------------------- no trace left


def test_the_network_stays_as_it_was():
    model, x = small().train(), images()
    model[2].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    attribution.activations(model, x)
    attribution.saliency(model, x)
    attribution.occlusion(model, x)
    attribution.grad_cam(model, x, "3")
    with pytest.raises(ValueError, match="gives no maps"):
        attribution.grad_cam(model, x, "7")
    with pytest.raises(
        RuntimeError
    ):  # the network's own word; the hooks go all the same
        attribution.activations(model, x[:, :2])
    attribution.randomised(model, 3)
    assert all(not module._forward_hooks for module in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())
    modes = [module.training for module in model.modules()]
    assert modes == [True, True, True, False, True, True, True, True, True]
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    assert x.grad is None and not x.requires_grad


def test_frozen_networks_and_no_grad_blocks_are_explained_too():
    model, x = small(), images()
    wanted = attribution.saliency(model, x, 1)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    with torch.no_grad():
        close(attribution.saliency(model, x, 1), wanted)
        assert attribution.grad_cam(model, x, "0", 1).amax() > 0


def test_randomised_changes_the_last_layers_and_keeps_their_values():
    model = small()
    for count, kept in ((0, ["0", "3", "7"]), (1, ["0", "3"]), (3, [])):
        changed = attribution.randomised(model, count, seed=5)
        same = [
            name
            for name in ("0", "3", "7")
            if torch.equal(
                changed.get_submodule(name).weight, model.get_submodule(name).weight
            )
        ]
        assert same == kept
        for old, new in zip(model.parameters(), changed.parameters(), strict=True):
            assert torch.equal(old.flatten().sort()[0], new.flatten().sort()[0])
    twice = [attribution.randomised(model, 2, seed=5)[7].weight for _ in range(2)]
    assert torch.equal(*twice)


def test_every_layer_of_alexnet_is_found():
    net = nets.build("alexnet", num_classes=7, width=0.1, image_size=64)
    x = torch.randn(2, 3, 64, 64)
    seen = attribution.activations(net, x)
    assert list(seen) == list(attribution.layers(net))
    for layer in nets.walk(net):
        assert tuple(seen[layer.name].shape[1:]) == layer.shape


# ------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    "call, wanted",
    [
        (lambda m, x: attribution.saliency("net", x), "must be a torch.nn.Module"),
        (lambda m, x: attribution.saliency(m, x.numpy()), "must be a tensor"),
        (lambda m, x: attribution.saliency(m, x[0, 0, 0]), r"axes \(N, C, H, W\)"),
        (lambda m, x: attribution.saliency(m, x[:0]), "at least one image"),
        (lambda m, x: attribution.saliency(m, x.long()), "floating-point"),
        (lambda m, x: attribution.saliency(m, x / 0), "NaN or infinity"),
        (lambda m, x: attribution.saliency(m, x, 5), r"lie in \[0, 5\)"),
        (lambda m, x: attribution.saliency(m, x, -1), r"lie in \[0, 5\)"),
        (lambda m, x: attribution.saliency(m, x, [0, 1]), "one an image"),
        (lambda m, x: attribution.saliency(m, x, 1.0), "must be a class"),
        (lambda m, x: attribution.saliency(m[:5], x), r"scores \(N, K\)"),
        (lambda m, x: attribution.occlusion(m, x, window=11), "from 1 to 10"),
        (lambda m, x: attribution.occlusion(m, x, window=2, stride=3), "from 1 to 2"),
        (lambda m, x: attribution.grad_cam(m, x, "conv9"), "the network has 0, 1"),
        (lambda m, x: attribution.grad_cam(m, x, "5"), "gives no maps"),
        (lambda m, x: attribution.grad_cam(m, x, "3", size=7), '"input" or None'),
        (lambda m, x: attribution.activations(m, x, ["9"]), "no layer '9'"),
        (lambda m, x: attribution.features(m, x, "0", batch=0), "at least 1"),
        (lambda m, x: attribution.feature_neighbours(x, x), r"tensor \(N, D\)"),
        (
            lambda m, x: attribution.feature_neighbours(x[0, 0], x[0, 0], 99),
            "from 1 to 12",
        ),
        (
            lambda m, x: attribution.feature_neighbours(x[0, 0], x[0, 0, :, :3]),
            "same layer",
        ),
        (lambda m, x: attribution.randomised(m, 4), "from 0 to 3"),
    ],
)
def test_bad_input_is_answered_in_words(call, wanted):
    with pytest.raises((TypeError, ValueError), match=wanted):
        call(small(), images())
