"""LeNet-5 on paper, and its reader: hand-worked numbers, and PyTorch beside it."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from cnnlab import grads, lenet, nets, shapes
from cnnlab.nets.lenet import C3_SEES, Subsample


def test_the_shapes_and_weights_are_those_of_the_network_that_is_built():
    walked = [row for row in nets.walk(nets.build("lenet5")) if row.params or
              "Pool" in row.kind]  # fmt: skip
    assert lenet.lenet_shapes(lenet.IMAGE, lenet.LENET5) == [r.shape for r in walked]
    counts = lenet.count_parameters(lenet.IMAGE, lenet.LENET5)
    assert counts == [row.params for row in walked] and sum(counts) == 61_706
    assert counts == [156, 0, 2416, 0, 48_120, 10_164, 850]


def test_the_sparse_table_gives_1516_and_the_whole_60000():
    assert sum(25 * len(row) + 1 for row in C3_SEES) == 1516
    assert sum(p.numel() for p in nets.build("lenet5-1998").parameters()) == 60_000


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({}, 61_706),
        ({"c3": "sparse"}, 60_806),
        ({"pool": "trainable"}, 61_750),
        ({"c3": "sparse", "pool": "trainable"}, 60_850),
    ],
)
def test_each_difference_of_1998_can_be_built_alone(options, count):
    net = nets.build("lenet5", **options)
    assert sum(p.numel() for p in net.parameters()) == count
    assert net(torch.zeros(2, 1, 32, 32)).shape == (2, 10)


def test_an_option_that_does_not_exist_is_told():
    with pytest.raises(ValueError, match="c3 must be 'full' or 'sparse'"):
        nets.build("lenet5", c3="half")


def test_trainable_pooling_equals_the_layer_of_the_network():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 3, 4, 6))
    w, b = rng.normal(size=3), rng.normal(size=3)
    layer = Subsample(3).double()
    layer.weight.data, layer.bias.data = torch.from_numpy(w), torch.from_numpy(b)
    with torch.no_grad():
        wanted = layer(torch.from_numpy(x)).numpy()
    assert np.abs(lenet.trainable_pool(x, w, b) - wanted).max() < 1e-12


def test_trainable_pooling_refuses_odd_sizes():
    with pytest.raises(ValueError, match="even numbers of rows and columns"):
        lenet.trainable_pool(np.zeros((1, 1, 3, 4)), [1.0], [0.0])


def test_a_drawing_made_ready_has_its_longer_side_at_20_and_its_centre_in_the_middle():
    drawing = np.zeros((60, 50), np.uint8)
    drawing[3:43, 30:36] = 255
    image = lenet.prepared(drawing)
    assert image.shape == (28, 28) and image.dtype == np.uint8
    rows = np.flatnonzero(image.any(axis=1))
    columns = np.flatnonzero(image.any(axis=0))
    assert np.ptp(rows) == 19 and np.ptp(columns) == 2
    assert np.abs(np.array(lenet.centre_of_mass(image)) - 13.5).max() <= 0.5


def test_size_and_place_of_a_drawing_leave_no_trace():
    drawing = np.zeros((20, 20), np.uint8)
    drawing[2:18, 4:12] = np.random.default_rng(1).integers(0, 256, (16, 8))
    drawing[[2, 17], 4:12] = drawing[2:18, [4]] = drawing[2:18, [11]] = 99
    large = drawing.repeat(3, axis=0).repeat(3, axis=1)
    large = np.pad(large, ((5, 40), (33, 2)))
    apart = lenet.prepared(large).astype(int) - lenet.prepared(drawing)
    assert np.abs(apart).max() <= 1


def test_ink_is_kept_when_a_sheet_is_shrunk():
    drawing = np.random.default_rng(2).integers(0, 256, (56, 56))
    small = lenet.squeezed(drawing)
    assert abs(small.mean() - drawing.mean()) < 0.5
    assert (lenet.squeezed(np.full((56, 40), 77)) == 77).all()
    assert not lenet.prepared(np.zeros((9, 7))).any()


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.zeros((3, 3)), "no ink"),
        (np.full((2, 2), -1.0), "ink of 0 or more"),
        (np.zeros((2, 2, 2)), "2 axes"),
    ],
)
def test_ink_without_a_centre_is_refused(image, words):
    with pytest.raises(ValueError, match=words):
        lenet.centre_of_mass(image)


# ------------------------------------------------------------------------ the reader


@pytest.fixture(scope="module")
def pair():
    """Return (a reader, its twin in PyTorch) with the same random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        net = nets.build("lenet5").double()
    weights = {name: one.numpy() for name, one in net.state_dict().items()}
    return lenet.Reader({**weights, "mean": 33.0, "scale": 1 / 78}), net


def _scores(net, images):
    x = functional.pad(images[:, None], (2, 2, 2, 2))
    return net((x - 33) / 78)


def test_the_reader_answers_as_pytorch_does(pair):
    reader, net = pair
    images = np.random.default_rng(4).integers(0, 256, (3, 28, 28)).astype(np.uint8)
    with torch.no_grad():
        wanted = _scores(net, torch.from_numpy(images).double())
    seen = reader.layers(images)
    assert np.abs(seen["output"] - wanted.numpy()).max() < 1e-5
    assert np.abs(reader.chances(images) - wanted.softmax(1).numpy()).max() < 1e-6
    sizes = [seen[name].shape[1:] for name in ("c1", "s2", "c3", "s4", "c5", "f6")]
    assert sizes == lenet.lenet_shapes(lenet.IMAGE, lenet.LENET5)[:-1]


def test_the_pull_is_pytorchs_gradient(pair):
    reader, net = pair
    image = np.random.default_rng(5).integers(0, 256, (28, 28)).astype(np.uint8)
    x = torch.from_numpy(image[None]).double().requires_grad_()
    scores = _scores(net, x)[0]
    (scores[8] - scores[3]).backward()
    wanted = x.grad[0].numpy()
    got = reader.pull(image, 8, 3)
    assert grads.relative_error(got, wanted) < 1e-3
    assert np.abs(got - wanted).max() < 1e-6 * max(1, np.abs(wanted).max() * 1e3)


def test_a_reader_says_what_it_wants(pair):
    with pytest.raises(ValueError, match=r"shape \(N, 28, 28\); got \(28, 28\)"):
        pair[0].layers(np.zeros((28, 28), np.uint8))


def test_the_stored_network_reads_digits_that_it_has_never_seen():
    from cnnlab import data

    held = data.load("digits").hold_out(0.2)[1].take(slice(60))
    images = np.stack([lenet.prepared(one[0]) for one in held.images])
    right = np.mean(lenet.stored().chances(images).argmax(axis=1) == held.labels)
    assert right > 0.75
    assert shapes.out_size(32, 5) == 28


def test_the_stored_weights_are_those_of_the_record():
    with np.load(lenet.results_dir() / "lenet5_mnist.npz") as file:
        assert float(file["right"]) > 0.99
        sizes = [file[name].size for name in file.files if name.count(".") == 1]
    assert sum(sizes) == 61_706
