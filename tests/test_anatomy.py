"""AlexNet on paper: the same numbers as the networks that are built, and its memory."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from cnnlab import anatomy, nets

MIB = 2**20


def on_paper(name, **options):
    with torch.device("meta"):
        return nets.build(name, **options)


@pytest.fixture(scope="module")
def walked():
    return nets.walk(on_paper("alexnet"))


@pytest.mark.parametrize(
    ("name", "layers", "size", "up"),
    [
        ("alexnet", anatomy.ALEXNET, 224, True),
        ("alexnet", anatomy.ALEXNET, 224, False),
        ("alexnet", anatomy.ALEXNET, 300, True),
        ("alexnet-one-tower", anatomy.one_tower(), 227, False),
    ],
)
def test_the_table_and_a_network_that_is_built_agree(name, layers, size, up):
    image = (3, size, size)
    rows = {
        layer.name: layer
        for layer in nets.walk(on_paper(name, image_size=size, round_up=up))
    }
    rows = [rows[name] for name in anatomy.NAMES]
    shapes = anatomy.layer_shapes(image, layers, up)
    assert shapes == [row.shape for row in rows]
    counts = anatomy.layer_parameters(image, layers, shapes)
    assert counts == [row.params for row in rows]
    assert anatomy.layer_macs(image, layers, shapes) == [row.macs for row in rows]


def test_the_numbers_of_the_paper(walked):
    shapes = anatomy.layer_shapes(anatomy.IMAGE, anatomy.ALEXNET)
    counts = anatomy.layer_parameters(anatomy.IMAGE, anatomy.ALEXNET, shapes)
    macs = anatomy.layer_macs(anatomy.IMAGE, anatomy.ALEXNET, shapes)
    assert (sum(counts), sum(macs)) == (60_965_224, 724_406_816)
    assert anatomy.first_layer(anatomy.IMAGE, 96, 11, 4) == counts[0] == 34_944
    assert math.prod(shapes[0]) * (3 * 11 * 11 + 1) == 105_705_600
    assert sum(layer.neurons for layer in walked) == 659_272


def test_two_towers_are_a_convolution_in_two_groups():
    conv = nn.Conv2d(6, 4, 3, stride=2, padding=1, groups=2)
    x = torch.randn(2, 6, 7, 8, generator=torch.Generator().manual_seed(0))
    given = (one.detach().numpy() for one in (x, conv.weight, conv.bias))
    got = anatomy.two_towers(*given, 2, 1)
    np.testing.assert_allclose(got, conv(x).detach().numpy(), atol=1e-5)


def test_memory_by_hand():
    conv = nets.Layer("conv1", "Conv2d", (2, 3, 3), 10, 99, 72, None)
    relu = nets.Layer("relu1", "ReLU", (2, 3, 3), 0, 0, 72, None)
    flat = nets.Layer("flatten", "Flatten", (18,), 0, 0, 72, None)
    found = anatomy.training_memory([conv, relu, flat], 5, (1, 4, 4))
    assert found["images"] == (0, 4 * 5 * 16)
    assert found["conv1"] == (3 * 4 * 10, 2 * 2 * 5 * 72)


def test_every_row_knows_how_many_outputs_of_its_shape_there_are(walked):
    counted, name = dict.fromkeys(anatomy.NAMES, 0), ""
    for layer in walked:
        name = layer.name if layer.name in counted else name
        if layer.kind not in ("ZeroPad2d", "Flatten"):
            counted[name] += 1
    assert tuple(counted.values()) == anatomy.OUTPUTS


def test_memory_of_training(walked):
    memory = anatomy.training_memory(walked, 128)
    weights, outputs = (sum(part) / MIB for part in zip(*memory.values(), strict=True))
    assert round(weights) == 698 and round(outputs) == 1705


def test_memory_as_the_released_code_holds_it():
    held = anatomy.memory_of_2012(128)
    walked = nets.walk(on_paper("alexnet", within_map_norm=True))
    copies = {"LocalResponseNorm": 3, "WithinMapNorm": 3, "Dropout": 3, "Flatten": 0,
              "ZeroPad2d": 0}  # fmt: skip
    numbers = sum(copies.get(row.kind, 2) * math.prod(row.shape) for row in walked)
    softmax = 2 * anatomy.ANSWERS
    assert held["outputs and gradients"] == 4 * 128 * (numbers + softmax)
    assert held["two batches of images"] == 2 * 4 * 128 * 150_528
    parts = 605 * 34_848 + 243 * 307_200 + 13 * (442_368 + 663_552 + 442_368)
    assert held["parts of gradients"] == 4 * parts
    weights = [row.params * (2 if row.kind == "Linear" else 3) for row in walked]
    biases = 4096 + 4096 + 1000  # of dense layers: these have a gradient of their own
    assert held["weights and momentum"] == 4 * (sum(weights) + biases)
    assert round(sum(held.values()) / MIB) == 3206 > anatomy.CARD / MIB
    assert sum(anatomy.memory_of_2012(120).values()) < anatomy.CARD


def test_half_of_the_numbers():
    rows = anatomy.halved(anatomy.ALEXNET)
    shapes = anatomy.layer_shapes(anatomy.IMAGE, rows)
    total = sum(anatomy.layer_parameters(anatomy.IMAGE, rows, shapes))
    assert total == 28_461_416 < 60_965_224 // 2


def test_a_batch_of_none_is_told():
    with pytest.raises(ValueError, match="training_memory: batch"):
        anatomy.training_memory([], 0)
    with pytest.raises(ValueError, match="memory_of_2012: batch"):
        anatomy.memory_of_2012(-1)


@pytest.mark.parametrize(
    ("layers", "word"),
    [
        ([("relu",)], "layer 1 is"),
        ([("dense", 5), ("pool", 2, 2)], "layer 2: after a dense layer"),
        ([("conv", -4, 3, 1, 0, 1)], "layer 1: filters"),
        ([("conv", 4, 3, 1, 0, 2)], "3 maps and 4 filters"),
        ([("conv", 4, 30, 1, 0, 1)], "does not fit"),
    ],
)
def test_rows_that_are_none_are_told(layers, word):
    with pytest.raises(ValueError, match=word):
        anatomy.layer_shapes((3, 9, 9), layers)


def test_other_odd_input_is_told():
    with pytest.raises(ValueError, match="image must be"):
        anatomy.layer_shapes((9, 9), anatomy.ALEXNET)
    with pytest.raises(ValueError, match="11 layers, but 0 shapes"):
        anatomy.layer_macs(anatomy.IMAGE, anatomy.ALEXNET, [])
    with pytest.raises(ValueError, match="two_towers: maps"):
        anatomy.two_towers(np.ones((1, 3, 4, 4)), np.ones((2, 1, 2, 2)), np.ones(2))
