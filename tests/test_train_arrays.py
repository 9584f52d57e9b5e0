"""The network that notebook 01 borrows from the future."""

import numpy as np
import pytest

from cnnlab import challenges, train


@pytest.fixture(scope="module")
def network():
    return train.on_arrays(*challenges.training_scenes(300, 1, (0,)), epochs=6)


def test_a_small_network_beats_chance_by_far_on_new_plain_scenes(network):
    images, labels = challenges.training_scenes(200, 2, (0,))
    assert (train.predict(network, images) == labels).mean() > 0.6


def test_the_same_seed_trains_the_same_network():
    images, labels = challenges.training_scenes(64, 1)
    first = train.on_arrays(images, labels, epochs=1, seed=3)
    second = train.on_arrays(images, labels, epochs=1, seed=3)
    assert np.allclose(train.scores(first, images), train.scores(second, images))


def test_a_lamp_shows_only_where_the_mean_colour_is_not_subtracted():
    images, labels = challenges.training_scenes(64, 1)
    brighter = np.minimum(images, 215)
    for subtract_mean in (True, False):
        one = train.on_arrays(images, labels, 10, 1, subtract_mean=subtract_mean)
        before, after = (train.scores(one, x) for x in (brighter, brighter + 40))
        assert np.allclose(before, after, atol=1e-4) == subtract_mean


def test_scores_have_a_row_for_each_image_even_for_none(network):
    images, _ = challenges.training_scenes(3, 5)
    assert train.scores(network, images).shape == (3, 10)
    assert train.scores(network, images[:0]).shape == (0, 10)


def test_training_leaves_the_global_random_numbers_alone():
    import torch

    images, labels = challenges.training_scenes(8, 1)
    torch.manual_seed(9)
    wanted = torch.rand(3)
    torch.manual_seed(9)
    train.on_arrays(images, labels, epochs=1)
    assert torch.equal(torch.rand(3), wanted)


def test_wrong_images_and_labels_are_named(network):
    images, labels = challenges.training_scenes(4, 1)
    with pytest.raises(ValueError, match="uint8 of shape"):
        train.predict(network, images.astype(float))
    with pytest.raises(ValueError, match="Add an axis"):
        train.predict(network, images[0])
    with pytest.raises(ValueError, match="must be equal"):
        train.on_arrays(images, labels[:3])
