"""Verdicts on answers to notebook 13 that learners write, beyond the known mistakes."""

import numpy as np
import pytest
import torch

from cnnlab import checks, recipe

pytestmark = pytest.mark.usefixtures("no_progress")


def by_hand(net, loss_of, update, x, labels):
    loss = loss_of(net(x), labels)
    net.zero_grad()
    loss.backward()
    update.step()
    return float(loss)


def by_slices(net, loss_of, update, x, labels, parts):
    update.zero_grad()
    size, total = len(x) // parts, 0.0
    for k in range(0, len(x), size):
        loss = loss_of(net(x[k : k + size]), labels[k : k + size]) * size / len(x)
        loss.backward()
        total += float(loss)
    update.step()
    return total


def by_rank(scores, labels):
    own = scores[np.arange(len(labels)), labels]
    return ((scores > own[:, None]).sum(axis=1) >= 5).mean()


@pytest.mark.parametrize(
    ("name", "answer"),
    [("train_step", by_hand), ("accumulate", by_slices), ("top5_error", by_rank)],
)
def test_another_way_of_writing_it_is_right(name, answer):
    verdict = checks.EXERCISES[name](answer)
    assert verdict.passed, verdict


def test_a_loss_that_is_a_tensor_is_told():
    def answer(net, loss_of, update, x, labels):
        update.zero_grad()
        loss = loss_of(net(x), labels)
        loss.backward()
        update.step()
        return loss

    verdict = checks.train_step(answer)
    assert verdict.status == "raised" and "loss.item()" in verdict.text
    assert "SGD(0.5, 0.0)" in verdict.text


def test_what_a_library_has_not_implemented_is_no_stub():
    def answer(net, loss_of, update, x, labels):
        return loss_of(labels, net(x)).item()

    verdict = checks.train_step(answer)
    assert verdict.status == "raised" and "not implemented for" in verdict.text

    def unfinished(net, loss_of, update, x, labels):
        net(x)
        raise NotImplementedError

    assert checks.train_step(unfinished).status == "not attempted"


def test_a_network_must_go_on_training():
    def answer(net, loss_of, update, x, labels):
        net.eval()
        return recipe.train_step(net, loss_of, update, x, labels)

    assert "net.eval()" in checks.train_step(answer).text


def test_more_than_a_part_does_not_fit():
    def answer(net, loss_of, update, x, labels, parts):
        with torch.no_grad():
            net(x)
        return recipe.accumulate(net, loss_of, update, x, labels, parts)

    verdict = checks.accumulate(answer)
    assert verdict.status == "raised" and "there is room for 2" in verdict.text


def test_a_forgotten_return_is_told():
    verdict = checks.train_step(lambda *given: recipe.train_step(*given) and None)
    assert "returned None" in verdict.text


@pytest.mark.parametrize("letter", ["a", "b", "d"])
def test_a_mended_order_with_another_cause_gets_its_reply(letter):
    verdict = checks.resumed_order(recipe.batches_from, letter)
    reply = next(c.reply for c in checks.resumed_order.causes if c.letter == letter)
    assert verdict.status == "wrong cause" and reply in verdict.text


def test_the_untouched_order_is_right_from_the_start_only():
    broken = checks.resumed_order.broken
    assert np.array_equal(broken(5, 2, 3, 0), recipe.batches_from(5, 2, 3, 0))
    assert not np.array_equal(broken(5, 2, 3, 0, 3), recipe.batches_from(5, 2, 3, 0, 3))


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"batch": 1000}, "from 1 to 128"),
        ({"batchsize": 8}, "some of batch"),
        ({"precision": "fp8"}, '"fp32" or "bf16"'),
        ({"channels_last": 1}, "True or False"),
        (7, "a dict"),
    ],
)
def test_settings_that_do_not_exist_are_told(settings, word):
    verdict = checks.images_a_second(lambda: settings)
    assert verdict.status == "raised" and word in verdict.text, verdict
