"""The arithmetic of a training: hand-worked numbers, and the engine beside it."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from cnnlab import nets, recipe
from cnnlab.train import clock, presets, sgd


def test_the_rate_falls_when_the_engine_says_that_it_stalls():
    rng = np.random.default_rng(0)
    preset = presets.load("paper-text")
    for _ in range(50):
        errors, stalls = [], ()
        for epoch in range(1, 25):
            errors.append(float(rng.integers(20, 40)) / 100)
            if sgd.stalled(errors, stalls):
                stalls = (*stalls, epoch)
            wanted = sgd.rate_at(preset, epoch, stalls)
            assert recipe.learning_rate_at(errors) == pytest.approx(wanted)


def test_a_step_in_parts_is_the_step_of_the_whole():
    def stepped(step, *more):
        torch.manual_seed(0)
        net = torch.nn.Linear(5, 3).double()
        update = torch.optim.SGD(net.parameters(), 0.1, 0.9)
        x, labels = torch.randn(12, 5).double(), torch.arange(12) % 3
        losses = [step(net, cross_entropy, update, x, labels, *more) for _ in "ab"]
        return losses, net.weight.detach()

    losses, w = stepped(recipe.train_step)
    for parts in (1, 3, 4):
        others, v = stepped(recipe.accumulate, parts)
        assert others == pytest.approx(losses, abs=1e-12)
        assert torch.allclose(v, w, atol=1e-12)


def test_parts_that_do_not_divide_a_batch_are_refused():
    net, x = torch.nn.Linear(2, 2), torch.zeros(5, 2)
    update = torch.optim.SGD(net.parameters(), 0.1)
    with pytest.raises(ValueError, match="4 does not divide 5"):
        recipe.accumulate(net, cross_entropy, update, x, torch.zeros(5).long(), 4)


@pytest.mark.parametrize(
    "given", [([0.5, np.nan],), (["a"],), ([0.5], -0.1), ([0.5], 0.1, 0)]
)
def test_a_rate_that_cannot_be_is_refused(given):
    with pytest.raises((ValueError, TypeError), match="learning_rate_at: "):
        recipe.learning_rate_at(*given)


def test_top_5_error_is_that_of_the_engine_and_of_the_hand():
    scores = np.array([[9, 8, 7, 6, 5, 4.0], [0, 1, 2, 3, 4, 5.0]])
    assert recipe.top5_error(scores, [5, 5]) == 0.5
    assert recipe.top5_error(scores, [4, 1]) == 0.0
    with pytest.raises(ValueError, match="five classes"):
        recipe.top5_error(scores[:, :4], [0, 0])


@pytest.mark.parametrize("start", [0, 1, 4, 7, 9])
def test_a_resumed_order_is_the_end_of_the_whole_one(start):
    whole = recipe.batches_from(10, 3, 3, seed=4)
    left = recipe.batches_from(10, 3, 3, seed=4, start=start)
    assert len(whole) == 9 and len(left) == 9 - start
    assert all(map(np.array_equal, left, whole[start:]))


def test_the_paper_trained_at_240_images_a_second():
    days = recipe.training_seconds(recipe.IMAGES, recipe.EPOCHS, 240) / 86_400
    assert recipe.DAYS_2012[0] < days < recipe.DAYS_2012[1]
    with pytest.raises(ValueError, match="above 0"):
        recipe.training_seconds(1, 1, 0)


@pytest.fixture(scope="module")
def step():
    net = nets.build("alexnet", image_size=32, width=0.05, hidden=16, num_classes=5)
    update = torch.optim.SGD(net.parameters(), 0.01)
    images = np.random.default_rng(0).integers(0, 256, (3, 3, 36, 36)).astype(np.uint8)
    return clock.step_of(net, images, [0, 1, 2], update, warm=0), net


def test_every_layer_is_timed_once_each_way(step):
    step, net = step
    names = [name for name, _ in net.named_children()]
    forward = [p.name for p in step.parts if p.kind == "forward"]
    assert forward == [*names, "loss"]
    backward = [p.name for p in step.parts if p.kind == "backward"]
    # a border of zeros before the first layer has no gradient
    assert backward == ["loss", *[n for n in reversed(names) if n != "pad1"]]
    assert all(p.seconds > 0 for p in step.parts)
    assert list(recipe.grouped(step.parts)) == [
        "data", "conv1", "around 1", "conv2", "around 2", "conv3", "conv4", "conv5",
        "fc6", "fc7", "fc8", "update",
    ]  # fmt: skip
    groups = recipe.grouped(step.parts).values()
    assert sum(map(len, groups)) == len(step.parts)


def test_work_is_that_of_the_walk(step):
    step, net = step
    layers = {layer.name: layer for layer in nets.walk(net)}
    by = {(p.kind, p.name): p for p in step.parts}
    conv2 = layers["conv2"]
    assert by["forward", "conv2"].flops == 2 * conv2.macs
    assert by["backward", "conv2"].flops == 4 * conv2.macs
    assert by["backward", "conv1"].flops == 2 * layers["conv1"].macs
    assert by["forward", "fc6"].fixed == 4 * layers["fc6"].params
    weights = sum(w.numel() for w in net.parameters())
    assert by["update", "weights"].fixed == 20 * weights


def test_the_roofline_by_hand():
    machine = recipe.Machine("toy", 100.0, 10.0)
    part = recipe.Part("fc6", "forward", 1.0, flops=50.0, bytes=1.0, fixed=20.0)
    assert machine.floor(part, 1) == pytest.approx(2.1)  # 21 bytes
    assert machine.bound(part, 1) == "memory"
    assert machine.floor(part, 100) == pytest.approx(50.0)  # 5000 operations
    assert machine.bound(part, 100) == "arithmetic"


def test_times_are_spoken_in_their_unit():
    spoken = [
        recipe.spoken_time(n) for n in (0.013, 1.5, 119.2, 119.9, 5400, 20_000, 5e5)
    ]
    assert spoken == [
        "0.013 s", "1.5 s", "119 s", "2 minutes", "90 minutes", "5.6 hours", "5.8 days",
    ]  # fmt: skip
