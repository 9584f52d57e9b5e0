"""What notebook 14 computes: by hand, beside the engine's forms, on odd pictures."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats
from torch import nn

from cnnlab import attribution, inside, nets


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return nets.scene_net().eval()


@pytest.fixture(scope="module")
def x():
    return torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def test_the_short_forms_are_the_engines(net, x):
    torch.testing.assert_close(
        inside.saliency(net, x, 3), attribution.saliency(net, x, 3)
    )
    lower, upper = inside.cut(net, "conv3", x)
    torch.testing.assert_close(
        inside.grad_cam(lower, upper, x, 3),
        attribution.grad_cam(net, x, "conv3", 3, size=None),
    )
    with torch.no_grad():
        squares = inside.occlusion_map(net, x, 3, 8, 8)  # side by side: no means
    whole = attribution.occlusion(net, x, 3, window=8, stride=8)
    large = squares.repeat_interleave(8, 1).repeat_interleave(8, 2)
    torch.testing.assert_close(large, whole, atol=1e-5, rtol=1e-4)
    rows = x.flatten(1)
    for one, two in zip(
        inside.feature_neighbours(rows[:1], rows, 2),
        attribution.feature_neighbours(rows[:1], rows, 2),
        strict=True,
    ):
        torch.testing.assert_close(one, two, check_dtype=False)


def test_a_network_cut_in_two_is_the_network_and_keeps_no_hook(net, x):
    for layer in ("relu1", "fc4"):  # fc4 is the last one
        lower, upper = inside.cut(net, layer, x)
        torch.testing.assert_close(upper(lower(x)), net(x))
    assert not any(one._forward_hooks for one in net.modules())


def test_the_worked_examples_of_the_notebook():
    assert inside.colour_share(np.array([[[[1.0]], [[-1.0]], [[0.0]]]])) == [1]
    assert inside.colour_share(np.full((1, 3, 2, 2), 5.0)) == [0]
    maps = torch.tensor([[[[4.0, 0.0]], [[0.0, 2.0]]]])
    weights = torch.tensor([0.5, -1.0])

    def upper(a):
        return (a.mean(dim=(2, 3)) * weights * 2).sum(1, keepdim=True)

    found = inside.grad_cam(lambda x: maps, upper, None, 0)
    torch.testing.assert_close(found, torch.tensor([[[2.0, 0.0]]]))


def test_fineness_is_the_frequency_of_a_wave():
    place = np.arange(16)
    wave = np.cos(2 * np.pi * place / 4)[None, None, None].repeat(16, 2).repeat(3, 1)
    assert inside.fineness(wave, 16) == pytest.approx([0.25])
    flat = inside.fineness(np.zeros((1, 3, 5, 5)))
    assert flat == [0]


def test_the_permutation_test_finds_what_is_there_and_chance_where_it_is_not():
    apart = np.r_[np.zeros(12), np.ones(12)] + np.linspace(0, 0.1, 24)
    assert inside.tower_test(apart) == inside.tower_test(apart[::-1]) < 0.001
    rng = np.random.default_rng(0)
    shares = [inside.tower_test(rng.normal(size=24), 60, n) for n in range(150)]
    assert 0.01 < np.mean(np.array(shares) < 0.05) < 0.1  # no towers: 5 in 100
    with pytest.raises(ValueError, match="even number"):
        inside.tower_test(np.ones(3))


def test_rank_correlation_is_spearmans():
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 5, (2, 30))
    assert inside.rank_correlation(a, b) == pytest.approx(stats.spearmanr(a, b)[0])
    assert inside.rank_correlation(a, np.ones(30)) == 0


def test_counted_edges_know_directions_and_places():
    image = np.zeros((1, 3, 14, 14), np.uint8)
    image[:, :, :, 7:] = 200  # brighter to the right, in the middle only
    counts = (inside.edges_counted(image) ** 2).reshape(8, 7, 7)
    assert counts.sum() == pytest.approx(1)
    assert counts[0, :, 3].sum() == pytest.approx(1)  # columns 6 and 7
    assert inside.edges_counted(np.zeros((1, 3, 9, 9), np.uint8)).sum() == 0


NONE, ROWS = np.zeros((0, 3)), torch.ones(2, 3)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: inside.colours_counted(np.ones((1, 3, 8, 8))), "must be uint8"),
        (lambda: inside.colours_counted(np.ones((1, 1, 8, 8), np.uint8)), "N, 3, H"),
        (lambda: inside.edges_counted(np.ones((0, 3, 8, 8), np.uint8)), "at least one"),
        (lambda: inside.rank_correlation([1, np.nan], [1, 2]), "NaN"),
        (
            lambda: inside.rank_correlation(np.ones((2, 3)), np.ones((3, 2))),
            "one shape",
        ),
        (lambda: inside.likeness([], []), "empty"),
        (lambda: inside.neighbour_score([[0], [0]], [1], [1]), "must be equal"),
        (lambda: inside.neighbour_score(np.ones((2, 0), int), [1, 1], [1]), "no neigh"),
        (lambda: inside.tower_test(np.ones(4), 0), "shuffles"),
        (lambda: inside.fineness(np.ones((1, 3, 40, 40))), "size"),
        (lambda: inside.feature_neighbours(ROWS, ROWS, -1), "k must be"),
        (lambda: inside.feature_neighbours(ROWS, ROWS, 3), "k must be"),
        (lambda: inside.feature_neighbours(ROWS.int(), ROWS, 1), "floating-point"),
        (lambda: inside.occlusion_map(None, ROWS[None, None], 0, 3, 1), "window"),
        (lambda: inside.occlusion_map(None, ROWS[None, None], -1, 1, 1), "target"),
        (lambda: inside.plane(NONE), "at least one row"),
    ],
)
def test_what_makes_no_sense_is_said_in_words(call, told):
    with pytest.raises((ValueError, TypeError), match=told):
        call()


def test_scale_does_not_matter():
    values = np.r_[np.arange(6), np.arange(10, 16)].astype(float)
    assert inside.tower_test(values * 1e-14) == inside.tower_test(values) < 0.01
    coloured = np.array([[[[1.0]], [[-1.0]], [[0.0]]]])
    assert inside.colour_share(coloured * 1e-200) == inside.colour_share(coloured)
    assert inside.colour_share(coloured * 1e200) == inside.colour_share(coloured)


def test_the_plane_keeps_distances_of_points_in_a_plane():
    rng = np.random.default_rng(3)
    flat, turn = rng.random((6, 2)), np.linalg.qr(rng.random((5, 5)))[0][:2]
    points, kept = inside.plane(flat @ turn)
    assert kept == pytest.approx(1)
    apart = np.linalg.norm(points[:, None] - points, axis=-1)
    np.testing.assert_allclose(
        apart, np.linalg.norm(flat[:, None] - flat, axis=-1), atol=1e-9
    )
    assert inside.plane(np.ones((3, 1)))[0].tolist() == [[0, 0]] * 3


def file_of(mode, size, colour, kind="PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size, colour).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (file_of("RGB", (80, 70), (200, 10, 90)), ""),
        (file_of("L", (80, 70), 90), "grey"),
        (file_of("RGB", (1, 1), (200, 10, 90)), "1 × 1 pixels only"),
        (file_of("RGBA", (80, 70), (200, 10, 90, 0)), "see-through"),
        (file_of("RGB", (900, 30), (9, 99, 9), "JPEG"), "centre square"),
        (file_of("RGB", (6000, 5000), (9, 99, 9), "JPEG"), ""),
    ],
)
def test_any_picture_becomes_a_square_with_a_remark(content, told):
    image, remark = inside.photograph(content, 64)
    assert image.shape == (3, 64, 64) and image.dtype == np.uint8
    assert told in remark and bool(told) == bool(remark)


@pytest.mark.parametrize(
    "content", [b"no picture", b"", file_of("L", (9, 9), 3)[:40], b"%PDF-1.4"]
)
def test_what_is_no_picture_is_said_in_words(content):
    with pytest.raises(ValueError, match="This file is not a readable picture: "):
        inside.photograph(content, 64)


class Other(nn.Module):
    """A network that is no row of layers, with grey input and an in-place ReLU."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3, padding=1)
        self.second = nn.Conv2d(4, 4, 3, padding=1)
        self.relu, self.last = nn.ReLU(inplace=True), nn.Linear(4, 3)

    def forward(self, x):
        maps = self.first(x)
        return self.last(self.relu(self.second(maps) + maps).mean(dim=(2, 3)))


def other_subject() -> inside.Subject:
    torch.manual_seed(0)

    def ready(images):
        return torch.as_tensor(images).float().mean(1, keepdim=True) / 255 - 0.5

    return inside.Subject(Other().eval(), ready, ("a", "b", "c"), 20)


def test_three_maps_of_any_network():
    subject = other_subject()
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 20, 20), np.uint8)
    found = inside.three_maps(subject.net, subject.ready(images), 1, "second", 5, 5)
    assert {one.shape for one in found.values()} == {(2, 20, 20)}
    np.testing.assert_allclose(subject.shares(images).sum(axis=1), 1, rtol=1e-5)
    for layer, window in (("third", 5), ("second", 21)):
        with pytest.raises(ValueError, match="cut: layer|three_maps: window"):
            inside.three_maps(subject.net, subject.ready(images), 1, layer, window)
