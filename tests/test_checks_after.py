"""Verdicts on answers to notebook 15 that learners write, beyond the known mistakes."""

import numpy as np
import pytest
from torch import nn

from cnnlab import checks, deeper, nets
from cnnlab.checks import after
from cnnlab.nets.vgg import CONFIGURATIONS

OWN = nn.Sequential(nn.Flatten(), nn.Linear(1728, 10))  # made once
pytestmark = pytest.mark.usefixtures("no_progress")


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_the_count_is_that_of_the_network_that_is_built(name):
    blocks = deeper.read_blocks(CONFIGURATIONS[name])
    small = {"image_size": 33, "hidden": 7, "num_classes": 5}
    built = nets.build(name, **small)
    counted = sum(w.numel() for w in built.parameters())
    assert deeper.vgg_parameters(blocks, 33, 7, 5) == counted


def test_a_block_may_pad_and_concatenate():
    def answer(x, w1, b1, w2, b2, stride=1):
        inner = np.maximum(
            checks.EXERCISES["conv2d"].reference(x, w1, b1, stride, 1), 0
        )
        inner = checks.EXERCISES["conv2d"].reference(inner, w2, b2, 1, 1)
        short = x[:, :, ::stride, ::stride]
        zeros = np.zeros((len(x), len(w1) - x.shape[1], *short.shape[2:]))
        return np.maximum(inner + np.concatenate([short, zeros], axis=1), 0)

    assert checks.residual_block(answer).passed


def test_the_classes_of_a_probe_are_not_counted():
    def answer(features, labels, x, steps=200, rate=1.0):
        classes, packed = np.unique(labels, return_inverse=True)
        return deeper.linear_probe(features, packed, x, steps, rate)

    assert not checks.linear_probe(answer).passed


@pytest.mark.parametrize("letter", ["a", "b", "d"])
def test_a_mended_mean_with_another_cause_gets_its_reply(letter):
    verdict = checks.running_mean(deeper.running_mean, letter)
    reply = next(c.reply for c in checks.running_mean.causes if c.letter == letter)
    assert verdict.status == "wrong cause" and reply in verdict.text


def test_the_start_fades_as_the_reply_says():
    means = np.ones((50, 1))
    assert 0.0045 < 1 - deeper.running_mean(means)[0] < 0.0055


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (lambda: 7, "nn.Module"),
        (lambda: [][:1] or None, "returned None"),
        (lambda: nn.Flatten(), "no nn.Conv2d"),
        (lambda: nn.Sequential(nn.Conv2d(3, 64, 3, padding=1)), "at most 452,288"),
        (lambda: nn.Sequential(nn.Flatten(), nn.Linear(1728, 9)), "wanted (20, 10)"),
        (lambda: nn.Sequential(nn.Flatten(), nn.Linear(99, 10)), "nn.Flatten() leaves"),
        (lambda: nn.Sequential(nn.Flatten(), nn.LazyLinear(10)), "give the number"),
        (lambda: nn.Sequential(nn.Flatten(), OWN, nn.Bilinear(2, 2, 2)), "of its own"),
        (lambda: OWN, "the same weights"),
    ],
)
def test_what_is_no_network_for_the_contest_is_told(answer, word):
    verdict = checks.better_network(answer)
    assert verdict.status == "raised" and word in verdict.text, verdict


def test_the_budget_is_the_work_of_the_small_alexnet():
    small = {"image_size": 24, "width": 0.05, "hidden": 64, "norm": "none"}
    net = nets.build("alexnet", num_classes=10, **small)
    assert sum(layer.macs for layer in nets.walk(net)) == after.BUDGET


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: deeper.vgg_parameters("64 | 128"),
        lambda: deeper.vgg_parameters([[(2, 3)], [(2, 3)]], size=3),
        lambda: deeper.read_blocks("64 - 128"),
        lambda: deeper.batch_norm(np.ones((2, 3, 2, 2)), np.ones(2), np.ones(3)),
        lambda: deeper.residual_block(
            np.ones((1, 2, 3, 3)), np.ones((1, 2, 3, 3)), np.ones(1), 0, 0
        ),
        lambda: deeper.running_mean(np.ones((2, 2)), momentum=2),
        lambda: deeper.running_mean(np.ones((0, 2))),
        lambda: deeper.vgg_parameters([[]]),
        lambda: deeper.read_blocks("64 | "),
        lambda: deeper.batch_norm(np.ones((2, 1, 2, 2)), [1], [0], eps=-1),
        lambda: deeper.batch_norm(np.ones((2, 1, 2, 2)), [1], [0], eps=0),
        lambda: deeper.batch_norm(1e200 * np.eye(4)[None, None], [1], [0]),
        lambda: deeper.linear_probe(np.eye(2), [0, 1], np.eye(2), rate=-1),
        lambda: deeper.linear_probe(np.eye(2), [0, 10**5], np.eye(2)),
        lambda: deeper.linear_probe(np.ones((2, 3)), [0, 1], np.ones((2, 4))),
        lambda: deeper.linear_probe(np.ones((2, 3)), [0.5, 1], np.ones((2, 3))),
    ],
)
def test_bad_input_is_told_by_the_functions_name(wrong):
    with pytest.raises((ValueError, TypeError), match=r"^\w+: "):
        wrong()
