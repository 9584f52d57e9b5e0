"""The trained networks that come with the course: whole, small, and as good as said."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from cnnlab import data, train
from cnnlab.course.paths import data_roots
from cnnlab.train import ready

NAMES = train.shipped_names()
MEBI = 2**20
LARGEST = {"photo": 2 * MEBI, "plain-32": MEBI, "residual-32": MEBI}


def test_an_unknown_network_brings_a_list_of_those_that_are_there():
    with pytest.raises(ValueError, match="shipped: name .*photo"):
        train.shipped("alexnet")


@pytest.mark.parametrize("name", NAMES)
def test_a_network_says_where_it_comes_from_and_is_small(name):
    found = train.shipped(name)
    about = found.about
    assert (ready.FOLDER / f"{name}.safetensors").stat().st_size <= LARGEST[name]
    assert sum(w.numel() for w in found.net.parameters()) == about["parameters"]
    assert len(found.classes) == len(set(found.classes)) == found.net[-1].out_features
    assert {"what", "script", "seed", "data", "licence", "recipe"} <= set(about)
    assert "no" in about["licence"] and about["judged_on"] >= 2500
    chance = 1 - 1 / len(found.classes)
    assert all(0 < row["error"] < chance - 0.05 for row in about["judged"].values())


@pytest.mark.parametrize("name", NAMES)
def test_a_network_takes_photographs_and_answers_with_probabilities(name):
    found = train.shipped(name)
    side = found.about["recipe"]["store"]
    images = data.load("photos", size=side).images
    chances = found.probabilities(images)
    assert chances.shape == (len(images), len(found.classes))
    np.testing.assert_allclose(chances.sum(1), 1, rtol=1e-5)
    assert len(set(chances.argmax(1))) >= 3  # not the same answer to everything
    np.testing.assert_allclose(found.probabilities(images[:1]), chances[:1], atol=1e-5)


def held_photographs(n: int):
    """Return n validation photographs of Tiny-ImageNet from its archive, or skip."""
    archives = (root / "tiny-imagenet-50.zip" for root in data_roots())
    path = next((path for path in archives if path.is_file()), None)
    if path is None:
        pytest.skip("the archive of Tiny-ImageNet is in no data root")
    with zipfile.ZipFile(path) as archive:
        files = sorted(f for f in archive.namelist() if "/val/" in f and "." in f)
        folders = sorted({f.split("/")[2] for f in files})
        chosen = files[:: len(files) // n][:n]
        images = [
            np.asarray(Image.open(io.BytesIO(archive.read(f))).convert("RGB"))
            for f in chosen
        ]
    labels = np.array([folders.index(f.split("/")[2]) for f in chosen])
    return np.stack(images).transpose(0, 3, 1, 2), labels


@pytest.mark.skipif("photo" not in NAMES, reason="not trained yet")
def test_the_photo_network_is_as_good_as_it_says_where_its_data_are():
    found = train.shipped("photo")
    images, labels = held_photographs(300)
    error = (found.probabilities(images).argmax(1) != labels).mean()
    assert abs(error - found.about["judged"]["1"]["error"]) < 0.085  # 3 deviations
