"""Landscapes: their gradients, curvatures, and the limit of the rate in each."""

import numpy as np
import pytest

from cnnlab import data, grads, landscapes, linear, optim


@pytest.fixture(scope="module")
def digits():
    train = data.load("digits")
    x = data.flatten(data.as_float(train.images))[:120].astype(float)
    return linear.append_one(x - x.mean(axis=0)), train.labels[:120]


@pytest.fixture(scope="module")
def hills(digits):
    return {"valley": landscapes.valley(), "slice": landscapes.slice_of_loss(*digits)}


@pytest.mark.parametrize("name", ["valley", "slice"])
def test_the_gradient_of_all_images_is_the_slope_of_the_loss(hills, name):
    hill, everyone = hills[name], np.arange(hills[name].n)
    for place in ([-4.0, 9.0], [8.0, -3.0], [0.0, 0.0]):
        place = np.array(place)
        slope = grads.numerical_gradient(lambda w: hill.loss(w[None])[0], place)
        np.testing.assert_allclose(
            hill.gradient_of(place, everyone), slope, rtol=1e-6, atol=1e-8
        )
    np.testing.assert_allclose(hill.gradient_of(hill.lowest, everyone), 0, atol=1e-4)


@pytest.mark.parametrize("name", ["valley", "slice"])
def test_the_gradients_of_the_batches_of_an_epoch_add_up_to_that_of_all(hills, name):
    hill, place = hills[name], np.array([1.0, 2.0])
    batches = optim.minibatches(hill.n, 7, np.random.default_rng(0))
    total = sum(len(batch) * hill.gradient_of(place, batch) for batch in batches)
    whole = hill.gradient_of(place, np.arange(hill.n))
    np.testing.assert_allclose(total / hill.n, whole, atol=1e-12)


@pytest.mark.parametrize("momentum", [0.0, 0.4, 0.9])
@pytest.mark.parametrize("name", ["valley", "slice"])
def test_the_limit_of_the_rate_is_met_within_two_percent(hills, name, momentum):
    hill, everyone = hills[name], np.arange(hills[name].n)
    limit = 2 * (1 + momentum) / hill.curvatures[0]

    def grown(share):
        place, v = hill.lowest + 1e-3, np.zeros(2)
        for _ in range(1500):
            slope = hill.gradient_of(place, everyone)
            place, v = optim.momentum_step(place, v, slope, share * limit, momentum, 0)
            if np.linalg.norm(place - hill.lowest) > 1:
                return True
        return np.linalg.norm(place - hill.lowest) > 2e-3

    assert not grown(0.98) and grown(1.02)


def test_losses_of_many_places_are_those_of_each(hills, digits):
    hill = hills["slice"]
    places = np.random.default_rng(1).normal(0, 5, (3, 4, 2))
    table = hill.loss(places)
    assert table.shape == (3, 4)
    assert table[1, 2] == pytest.approx(hill.loss(places[1, 2][None])[0])
    origin = hill.loss(np.zeros((1, 2)))[0]
    assert origin == pytest.approx(np.log(10))  # W = 0: all classes alike
    assert (hill.loss(hill.lowest[None]) < table).all()


def test_a_training_repeats_itself_and_a_seed_changes_it():
    one = landscapes.digits_training(0.3, size=64, passes=1)
    assert one == landscapes.digits_training(0.3, size=64, passes=1) > 0.8
    others = {
        landscapes.digits_training(0.3, size=64, seed=s, passes=1) for s in (1, 2)
    }
    assert others != {one}


def test_a_training_that_diverges_gets_what_guessing_gets(recwarn):
    assert landscapes.digits_training(1e300, size=512, passes=1) == 0.1
    assert landscapes.digits_training(0.0, size=512, passes=1) < 0.2
    assert not recwarn.list


def test_the_search_of_the_reference_stays_within_twenty_trainings():
    seen = []

    def train(rate, momentum, decay, size):
        seen.append((rate, momentum, decay, size))
        return -abs(np.log10(rate) + 1) - abs(momentum - 0.5)

    best = landscapes.twenty_trainings(train)
    assert len(seen) == 20
    assert train(*best) == max(train(*one) for one in seen[:20])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: landscapes.valley(steep=0), "steep"),
        (lambda: landscapes.valley(n=0), "n must"),
        (lambda: landscapes.slice_of_loss([1.0], [0]), "N, D"),
        (lambda: landscapes.slice_of_loss([[1.0], [2.0]], [0, 0]), "classes in y"),
        (lambda: landscapes.digits_training(0.1, size=4), "size"),
        (lambda: landscapes.digits_training(-0.1), "rate"),
        (lambda: landscapes.digits_training(0.1, momentum=1.0), "below 1"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(call, words):
    with pytest.raises((TypeError, ValueError), match=words):
        call()
