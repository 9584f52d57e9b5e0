"""A convolutional network from scratch: two engines, the ladder, the clinic."""

import numpy as np
import pytest
import torch

from cnnlab import clinic, fast, grads, layers, ops, optim


def images(n=6, size=8, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 3, size, size)), rng.integers(0, 10, n)


def tiny(seed=0, **ways):
    return layers.small_cnn(seed, (4, 5), 8, number=np.float64, **ways)


def twin_of(net):
    twin = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(4, 5, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Flatten(), torch.nn.Linear(20, 10),
    ).double()  # fmt: skip
    with torch.no_grad():
        ours = [w for layer in net for w in layer.weights]
        for theirs, w in zip(twin.parameters(), ours, strict=True):
            theirs.copy_(torch.from_numpy(w))
    return twin


@pytest.mark.parametrize("ways", [{}, {
    "conv2d": ops.conv2d, "conv2d_backward": grads.conv2d_backward,
    "max_pool2d": ops.max_pool2d, "max_pool2d_backward": grads.max_pool2d_backward,
}])  # fmt: skip
def test_scores_and_gradients_are_those_of_torch(ways):
    net, (x, y) = tiny(**ways), images()
    scores, caches = layers.forward_all(x, net)
    found = layers.backward_all(grads.cross_entropy_backward(scores, y), net, caches)
    twin = twin_of(net)
    theirs = twin(torch.from_numpy(x))
    torch.nn.functional.cross_entropy(theirs, torch.from_numpy(y)).backward()
    np.testing.assert_allclose(scores, theirs.detach().numpy(), atol=1e-12)
    assert [len(own) for own in found] == [len(layer.weights) for layer in net]
    own = [g for one in found for g in one]
    for mine, one in zip(own, twin.parameters(), strict=True):
        np.testing.assert_allclose(mine, one.grad.numpy(), atol=1e-12)


def test_training_is_that_of_torch_step_by_step_and_changes_no_input():
    net, (x, y) = tiny(), images(12)
    before = [w.copy() for layer in net for w in layer.weights]
    batches = optim.minibatches(12, 5, np.random.default_rng(0))
    after = layers.sgd_train(net, x, y, batches, 0.1, 0.9)
    twin = twin_of(net)
    optimiser = torch.optim.SGD(twin.parameters(), 0.1, 0.9)
    for batch in batches:
        optimiser.zero_grad()
        scores = twin(torch.from_numpy(x[batch]))
        torch.nn.functional.cross_entropy(scores, torch.from_numpy(y[batch])).backward()
        optimiser.step()
    mine = [w for layer in after for w in layer.weights]
    for w, theirs in zip(mine, twin.parameters(), strict=True):
        np.testing.assert_allclose(w, theirs.detach().numpy(), atol=1e-12)
    for w, old in zip([w for one in net for w in one.weights], before, strict=True):
        np.testing.assert_array_equal(w, old)


@pytest.mark.parametrize("seed", range(3))
def test_the_first_loss_is_that_of_guessing(seed):
    x, y, *_ = clinic.images_of(60, 10, 0.5, 16, seed)
    assert layers.loss(x, y, layers.small_cnn(seed, size=16)) == pytest.approx(
        np.log(10), abs=0.05
    )


@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_check_passes_what_is_right_and_finds_what_is_wrong(seed):
    x, y = images(5, seed=seed)

    def worst(net):
        return max(e for own in layers.gradient_errors(x, y, net, 5) for e in own)

    assert worst(tiny(seed)) < 1e-4
    assert worst(tiny(seed, relu_backward=lambda dout, x: dout)) > 0.01
    wrong = fast.avg_pool2d_backward
    assert worst(tiny(seed, max_pool2d_backward=wrong)) > 0.01
    assert worst(layers.forgetful(tiny(seed))) == 1
    assert worst(layers.shifted(tiny(seed), -30)) < 1e-4  # no blame, no false alarm


def test_accuracy_does_not_depend_on_how_many_images_go_at_a_time():
    net, (x, y) = tiny(), images(9)
    whole = layers.forward_all(x, net)[0]
    np.testing.assert_allclose(layers.scores_of(x, net, 2), whole, atol=1e-14)
    assert layers.accuracy(x, y, net) == np.mean(whole.argmax(axis=1) == y)


def test_watching_keeps_every_pass_and_describes_it():
    (x, y), (x_held, y_held) = images(20), images(10, seed=1)
    film, charts = layers.watch(tiny(), x, y, x_held, y_held, 2, 0.05, size=5)
    assert len(film) == 3 and charts.loss.shape == charts.right.shape == (3, 2)
    assert charts.alive.shape == charts.moved.shape == (3, 2)
    assert charts.loss[2, 0] == pytest.approx(layers.loss(x, y, film[2]))
    np.testing.assert_array_equal(charts.moved[0], 0)
    assert (charts.moved[1:] > 0).all() and (0 < charts.alive).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: layers.small_cnn(size=10), "multiple of 4"),
        (lambda: layers.small_cnn(filters=8), "must be a tuple"),
        (lambda: layers.small_cnn(filters=(0,)), "at least 1"),
        (lambda: layers.small_cnn(number=int), "fractions"),
        (lambda: layers.accuracy(np.zeros((0, 3, 8, 8)), [], tiny()), "at least 1"),
        (lambda: layers.overfit(*images(), tiny(), steps=-3), "at least 0"),
        (lambda: layers.small_cnn(relu=1), "a way must be"),
        (lambda: layers.small_cnn(-1), "seed"),
        (lambda: layers.forward_all(np.zeros((2, 4, 8, 8)), tiny()), "channels of x"),
        (lambda: clinic.treated(clinic.Patient(), "x"), "illness must be"),
    ],
)
def test_wrong_input_is_refused_in_one_clear_sentence(call, words):
    with pytest.raises((TypeError, ValueError), match=words):
        call()


# The clinic: another seed than the notebook's shows the same signs


@pytest.fixture(scope="module")
def ward():
    return {
        name: clinic.examine(patient, seed=1, passes=4)
        for name, patient in {"well": clinic.Patient(), **clinic.PATIENTS}.items()
    }


def test_every_illness_shows_its_sign_at_another_seed(ward):
    assert ward["well"].right[-1, 1] > 0.8 and ward["B"].right[-1, 1] > 0.8
    assert (ward["B"].moved[:, 1] == 0).all() and ward["well"].moved[-1, 1] > 0.01
    for sick in "ACD":
        assert ward[sick].right[-1, 1] < 0.3
    assert ward["A"].loss[-1, 0] < ward["A"].loss[-1, 1]  # by heart
    assert ward["C"].moved[1, 0] > 5 * ward["well"].moved[1, 0]
    assert ward["C"].alive[0, 1] > 0.3
    assert ward["D"].alive[0, 1] < 0.05 and ward["D"].moved[-1, 0] < 0.01


def test_every_cure_makes_its_patient_the_healthy_one_and_no_other_does():
    for name, patient in clinic.PATIENTS.items():
        right = clinic.diagnose()["ABCD".index(name)]
        for letter in clinic.ILLNESSES:
            cured = clinic.treated(patient, letter) == clinic.Patient()
            assert cured == (letter == right), (name, letter)
