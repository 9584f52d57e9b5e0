"""The fast paths of a GPU against the code they stand in for.

On a machine without a GPU the file runs itself in a process in which Triton interprets
the kernels: slow, so shapes are small, and bfloat16 is rounded down there.
"""

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from cnnlab import augment, nets
from cnnlab.train import presets, sgd

pytest.importorskip("triton")

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
DEVICE = "cuda" if torch.cuda.is_available() and not INTERPRETED else "cpu"
RUNS = INTERPRETED or DEVICE == "cuda"
kernel = pytest.mark.skipif(not RUNS, reason="needs a GPU, or the interpreter")

if RUNS:
    from cnnlab.cuda import layers, network, update
    from cnnlab.cuda.batches import Batches

# The greatest relative errors allowed: float32 has 24 digits, bfloat16 has 8, and the
# interpreter cuts them off instead of rounding.
ALLOWED = {torch.float32: 1e-6, torch.bfloat16: 1e-2 if INTERPRETED else 4e-3}
TYPES = tuple(ALLOWED)


@pytest.mark.slow
@pytest.mark.skipif(RUNS, reason="the kernels run here themselves")
def test_the_kernels_interpreted_on_a_processor():
    environment = {**os.environ, "TRITON_INTERPRET": "1", "CUDA_VISIBLE_DEVICES": ""}
    for name in [name for name in environment if name.startswith("PYTEST_")]:
        del environment[name]
    line = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__]
    done = subprocess.run(
        line, env=environment, capture_output=True, text=True, timeout=600,
        cwd=Path(__file__).parent.parent,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
    assert " passed" in done.stdout


def apart(found, wanted) -> float:
    """Return the relative distance of two tensors; NaN is far."""
    found, wanted = found.double().cpu(), wanted.double().cpu()
    distance = (found - wanted).norm() / wanted.norm().clamp_min(1e-30)
    return math.inf if distance.isnan() else distance.item()


def normal(*shape, dtype=torch.float32, seed=0):
    x = 3 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    x = x.to(DEVICE, dtype)
    return x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x


def compare(fast, layer, x, bias, before=nn.Identity(), after=nn.Identity()):
    """Compare values and gradients of ``fast(x, bias)`` with those of the layer's."""
    ours = [None if t is None else t.clone().requires_grad_() for t in (x, bias)]
    theirs = [None if t is None else t.clone().requires_grad_() for t in (x, bias)]
    y = fast(*ours)
    v = theirs[0] if bias is None else theirs[0] + theirs[1][:, None, None]
    wanted = after(layer(before(v)))
    gradient = normal(*y.shape, dtype=y.dtype, seed=1)
    y.backward(gradient)
    wanted.backward(gradient)
    assert y.dtype == x.dtype and y.is_contiguous(memory_format=torch.channels_last)
    assert apart(y, wanted) < ALLOWED[x.dtype]
    for a, b in zip(ours, theirs, strict=True):
        if a is not None:
            assert apart(a.grad, b.grad) < 3 * ALLOWED[x.dtype]


@kernel
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(
    ("maps", "options", "relu", "bias"),
    [
        (12, {"groups": 2}, True, True),
        (16, {"size": 4, "k": 1.0, "beta": 0.5}, False, False),
        (150, {"alpha": 0.3}, False, True),  # more maps than a tile holds
        (288, {"groups": 2, "size": 9}, True, False),
    ],
)
def test_lrn_is_the_layers(dtype, maps, options, relu, bias):
    layer = nets.LocalResponseNorm(**{"size": 5, "alpha": 0.1, **options})
    how = relu, layer.size, layer.alpha, layer.beta, layer.k, layer.groups
    compare(
        lambda x, b: layers.lrn(x, b, *how),
        layer,
        normal(2, maps, 3, 3, dtype=dtype),
        normal(maps, dtype=dtype, seed=2) if bias else None,
        nn.ReLU() if relu else nn.Identity(),
    )


@kernel
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(
    ("window", "ceil", "relu", "bias"),
    [
        ((3, 2, 0), True, True, True),
        ((2, 2, 0), False, False, False),
        ((3, 2, 1), False, True, False),
        ((3, 1, 1), True, False, True),
    ],
)
def test_max_pooling_is_pytorchs(dtype, window, ceil, relu, bias):
    layer = nn.MaxPool2d(*window, ceil_mode=ceil)
    # Whole numbers: rounding makes no ties, of which another value might win.
    x = (8 * normal(2, 5, 8, 7)).round().to(dtype)
    shift = normal(5, seed=2).round().to(dtype) if bias else None
    side = layer(x).shape[2:]
    compare(
        lambda x, b: layers.max_pool(x, b, relu, *window, *side)[0],
        layer,
        x,
        shift,
        after=nn.ReLU() if relu else nn.Identity(),
    )


@kernel
def test_max_pooling_passes_nan_on():
    x = normal(1, 16, 4, 4)
    x[0, 3, 1, 1] = math.nan
    y, _ = layers.max_pool(x, None, True, 2, 2, 0, 2, 2)
    assert y.isnan().sum() == 1 and y[0, 3, 0, 0].isnan()


@kernel
@pytest.mark.parametrize("dtype", TYPES)
def test_within_map_normalisation_is_the_layers(dtype):
    layer = nets.WithinMapNorm(5, 0.3)
    compare(
        lambda x, _: layers.within_map(x, 5, 0.3, 0.75)[0],
        layer, normal(2, 20, 5, 7, dtype=dtype), None,
    )  # fmt: skip


MEAN = torch.rand(3, 12, 13, generator=torch.Generator().manual_seed(1)) * 255
AXES = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(2)))
COLOUR = torch.tensor([50.0, 20.0, 10.0]), AXES[0]


@kernel
@pytest.mark.parametrize(
    ("recipe", "fold"),
    [
        ({"mean": MEAN, "padding": 2, "seed": 2**40 + 17, "flip": False}, 1),
        ({"mean": MEAN[:, :1, :1], "scale": 0.5, "colour": COLOUR, "chunk": 2,
          "colour_std": 0.1 / 1.1, "seed": 1}, 4),
        ({"scale": torch.tensor([1.0, 2.0, 3.0]), "erase": 5, "seed": 2}, 4),
        ({"mean": MEAN, "resized": True, "seed": 3}, 4),
        ({"resized": (0.01, 0.05), "erase": 3, "colour": COLOUR, "seed": 4}, 1),
    ],
)  # fmt: skip
def test_batches_are_augments(recipe, fold):
    drawn = torch.Generator().manual_seed(0)
    # The interpreter takes a tenth of a second for each row of an image.
    size, count, crop = (3, 12, 13), 3 if INTERPRETED else 64, 4 if INTERPRETED else 9
    recipe = {**recipe, "crop": crop}
    images = torch.randint(0, 256, (count, *size), generator=drawn).byte().to(DEVICE)
    if fold > 1:
        images = images.contiguous(memory_format=torch.channels_last)
    indices = torch.randint(0, 2**40, (count,), generator=drawn).to(DEVICE)
    seen, border = (crop, 0) if fold == 1 else (16, 2)
    make = Batches(count, size, recipe, DEVICE, torch.float32, fold, seen, border)
    for epoch in (5, 6):  # written over, with other draws
        wanted = augment.for_training(images, indices, epoch, **recipe)
        found = make(images, indices, epoch, recipe)
        wide = wanted if fold == 1 else network.fold(wanted, fold, border, seen)
        torch.testing.assert_close(found, wide, rtol=0, atol=2e-4)


# Every network of the recipes, and its layers in other orders.
NETWORKS = {
    "as it was run": ("alexnet", {"within_map_norm": True}, 70),
    "as written": ("alexnet", {"order": "as-written"}, 66),
    "pool first": ("alexnet-one-tower", {"order": "pool-first"}, 24),
    "caffe": ("caffe", {}, 67),
    "torchvision": ("alexnet-torchvision", {}, 64),
    "modern": ("alexnet-one-tower", {"norm": "batch"}, 64),
}


def small(name: str) -> nets.Network:
    which, options, size = NETWORKS[name]
    options = {"dropout": 0.0, "width": 0.05, "hidden": 8, **options}
    net = nets.build(which, num_classes=5, image_size=size, in_channels=3, **options)
    nets.initialise(net, "he")
    return net.to(DEVICE, memory_format=torch.channels_last)


def exact():
    """Return the context in which convolutions keep all digits of float32."""
    return torch.backends.cudnn.flags(enabled=True, allow_tf32=False)


@kernel
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_and_its_gradients_are_the_tables(name):
    net = small(name)
    assert network.fits(net)
    fast = network.Fast(net, torch.float32)
    x = normal(2, *net.image)
    labels = torch.tensor([1, 3], device=DEVICE)
    gradients = []
    for model in (fast, net):
        net.zero_grad()
        with exact():
            nn.functional.cross_entropy(model(x), labels).backward()
        gradients.append({k: w.grad.clone() for k, w in net.named_parameters()})
    for key, wanted in gradients[1].items():
        assert apart(gradients[0][key], wanted) < 1e-5, key
    if fast.fold > 1:
        with exact():
            folded = fast(network.fold(x, fast.fold, fast.border, fast.seen))
            torch.testing.assert_close(folded, fast(x), rtol=1e-5, atol=1e-5)


def test_networks_with_other_layers_take_the_usual_path():
    from cnnlab.cuda.network import fits

    for name in ("lenet5-1998", "residual"):
        assert not fits(nets.build(name))
    assert not fits(nn.Linear(2, 2))
    assert fits(nets.build("alexnet")) and fits(nets.build("vgg11"))


@kernel
@pytest.mark.parametrize("dtype", TYPES)
def test_an_update_in_one_pass_is_the_papers(dtype):
    recipe = presets.load("krizhevsky2012").change(layer_rates=())
    nets_ = [small("pool first") for _ in "ab"]
    updates = [sgd.Momentum(net, recipe) for net in nets_]
    fast = network.Fast(nets_[0], dtype)
    rates = torch.tensor(updates[0].rates(0.05, 0), device=DEVICE)
    for step in range(3):
        pairs = zip(nets_[0].parameters(), nets_[1].parameters(), strict=True)
        for seed, (a, b) in enumerate(pairs):
            copy = fast.copies.get(a, a)
            copy.grad = normal(*a.shape, dtype=copy.dtype, seed=100 * step + seed)
            b.grad = copy.grad.to(b.dtype)
        update.step(updates[0], fast.copies, rates)
        updates[1].step(rates)
    for a, b in zip(nets_[0].parameters(), nets_[1].parameters(), strict=True):
        assert apart(a, b) < 1e-6
    for w, copy in fast.copies.items():
        assert apart(copy, w) < ALLOWED[dtype]
    fast.refresh()
    assert all(torch.equal(copy, w.to(dtype)) for w, copy in fast.copies.items())
