"""The fast paths of a GPU against the code they stand in for.

On a machine without a GPU the file runs itself in a process in which Triton interprets
the kernels: slow, so shapes are small and only some of the networks are compared, and
bfloat16 is cut off there instead of rounded, so float32 stands for both.
"""

import importlib
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from cnnlab import augment, data, nets
from cnnlab.train import compute, evaluate, parallel, presets, sgd, sources
from cnnlab.train import state as states

pytest.importorskip("triton")

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
DEVICE = "cuda" if torch.cuda.is_available() and not INTERPRETED else "cpu"
RUNS = INTERPRETED or DEVICE == "cuda"
kernel = pytest.mark.skipif(not RUNS, reason="needs a GPU, or the interpreter")

if RUNS:
    from cnnlab.cuda import layers, network, update
    from cnnlab.cuda.batches import Batches
    from cnnlab.train import fast

# The greatest relative errors allowed: float32 has 24 digits, bfloat16 has 8.
ALLOWED = {torch.float32: 1e-6, torch.bfloat16: 1e-2 if INTERPRETED else 4e-3}
TYPES = (torch.float32,) if INTERPRETED else tuple(ALLOWED)


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


@pytest.mark.slow
@pytest.mark.skipif(RUNS, reason="the kernels are compiled by running here")
def test_the_kernels_compile_for_a_gpu_that_is_not_there(tmp_path):
    script = Path(__file__).parent / "_compiling.py"
    environment = {**os.environ, "TRITON_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, script], env=environment, capture_output=True, text=True,
        timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    rows = [line.split() for line in done.stdout.splitlines()]
    assert {name for name, _ in rows} == {
        "lrn_forward", "lrn_backward", "pool_forward", "pool_backward", "momentum",
        "within_forward", "within_backward", "batch",
    }  # fmt: skip
    assert max(int(shared) for _, shared in rows) <= 48 * 1024  # several at a time


def test_looking_for_examples_replaces_nothing_of_triton():
    from triton.runtime.jit import JITFunction

    before = JITFunction.run
    importlib.import_module("_compiling")  # as pytest does
    assert JITFunction.run is before and before.__module__ == "triton.runtime.jit"


def apart(found, wanted) -> float:
    """Return the relative distance of two tensors; NaN is far."""
    found, wanted = found.double().cpu(), wanted.double().cpu()
    distance = (found - wanted).norm() / wanted.norm().clamp_min(1e-30)
    return math.inf if distance.isnan() else distance.item()


def normal(*shape, dtype=torch.float32, seed=0):
    x = 3 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    x = x.to(DEVICE, dtype)
    return x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x


SAME = nn.Identity()


def compare(fast, layer, x, bias, before=SAME, after=SAME):
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
        nn.ReLU() if relu else SAME,
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
        after=nn.ReLU() if relu else SAME,
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
    ("recipe", "fold", "size", "whole"),
    [
        ({"mean": MEAN, "padding": 2, "seed": 2**40 + 17, "flip": False},
         1, (12, 13), True),
        ({"mean": MEAN[:, :1, :1], "scale": 0.5, "colour": COLOUR, "chunk": 2,
          "colour_std": 0.1 / 1.1, "seed": 1}, 4, (12, 13), True),
        ({"scale": torch.tensor([1.0, 2.0, 3.0]), "erase": 3, "chunk": 2, "seed": 2},
         4, (12, 13), False),
        ({"mean": MEAN, "resized": True, "seed": 3}, 4, (12, 13), True),
        ({"resized": (0.01, 0.05), "erase": 3, "colour": COLOUR, "seed": 4},
         1, (12, 13), True),
        # In so narrow an image no box of its whole area fits: the centre is taken.
        ({"resized": (1.0, 1.0), "seed": 5}, 1, (18, 9), True),
        ({"resized": (1.0, 1.0), "seed": 6}, 1, (9, 18), True),
    ],
)  # fmt: skip
def test_batches_are_augments(recipe, fold, size, whole):
    drawn = torch.Generator().manual_seed(0)
    # The interpreter takes a tenth of a second for each row of an image.
    few = 2 + ("chunk" in recipe)  # a chunk, and one image of another
    count, crop = (few, 4) if INTERPRETED else (64, 9)
    size, recipe = (3, *size), {**recipe, "crop": crop}
    images = torch.randint(0, 256, (count, *size), generator=drawn).byte().to(DEVICE)
    if fold > 1:
        images = images.contiguous(memory_format=torch.channels_last)
    indices = torch.randint(0, 2**40, (count,), generator=drawn).to(DEVICE)
    # Or the network's windows do not reach the last rows and columns.
    seen, border = (16 if whole else crop // 4 * 4, 2) if fold > 1 else (crop, 0)
    make = Batches(count, size, recipe, DEVICE, torch.float32, fold, seen, border)
    with pytest.raises(ValueError, match="Batches"):  # others would stay from before
        make(images[1:], indices[1:], 5, recipe)
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
@pytest.mark.parametrize("name", list(NETWORKS)[: 3 if INTERPRETED else None])
def test_a_network_and_its_gradients_are_the_tables(name):
    net = small(name)
    assert network.fits(net)
    quick = network.Fast(net, torch.float32)
    x = normal(2, *net.image)
    labels = torch.tensor([1, 3], device=DEVICE)
    gradients = []
    for model in (quick, net):
        net.zero_grad()
        with exact():
            nn.functional.cross_entropy(model(x), labels).backward()
        gradients.append({k: w.grad.clone() for k, w in net.named_parameters()})
    for key, wanted in gradients[1].items():
        assert apart(gradients[0][key], wanted) < 1e-5, key
    if quick.fold > 1:
        with exact():
            folded = quick(network.fold(x, quick.fold, quick.border, quick.seen))
            torch.testing.assert_close(folded, quick(x), rtol=1e-5, atol=1e-5)


def test_networks_with_other_layers_take_the_usual_path():
    from cnnlab.cuda.network import fits

    for name in ("lenet5-1998", "residual"):
        assert not fits(nets.build(name))
    assert not fits(nn.Linear(2, 2))
    assert fits(nets.build("alexnet", hidden=8))


def test_where_a_kernel_does_not_compile_the_usual_path_trains(monkeypatch):
    from types import SimpleNamespace

    from cnnlab.train import fast

    able = [(9, 0)]
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: able[0])
    state = SimpleNamespace(net=nets.build("alexnet", hidden=8), device="cuda")
    tried = []
    monkeypatch.setattr(fast, "_try_out", tried.append)
    assert fast.fits(state) and tried == [state]
    able[0] = (7, 5)  # no bfloat16 in its matrix units: not even tried
    assert not fast.fits(state) and len(tried) == 1
    able[0] = (8, 0)

    def fails(_):
        raise RuntimeError("no such instruction\nand much more")

    monkeypatch.setattr(fast, "_try_out", fails)
    with pytest.warns(UserWarning, match=r"\(no such instruction\); going on without"):
        assert not fast.fits(state)


@kernel
@pytest.mark.parametrize("dtype", ALLOWED)
def test_an_update_in_one_pass_is_the_papers(dtype):
    recipe = presets.load("krizhevsky2012").change(layer_rates=())
    nets_ = [small("pool first") for _ in "ab"]
    updates = [sgd.Momentum(net, recipe) for net in nets_]
    quick = network.Fast(nets_[0], dtype)
    rates = torch.tensor(updates[0].rates(0.05, 0), device=DEVICE)
    for step in range(3):
        pairs = zip(nets_[0].parameters(), nets_[1].parameters(), strict=True)
        for seed, (a, b) in enumerate(pairs):
            copy = quick.copies.get(a, a)
            copy.grad = normal(*a.shape, dtype=copy.dtype, seed=100 * step + seed)
            b.grad = copy.grad.to(b.dtype)
        update.step(updates[0], quick.copies, rates)
        updates[1].step(rates)
    for a, b in zip(nets_[0].parameters(), nets_[1].parameters(), strict=True):
        assert apart(a, b) < 1e-6
    for w, copy in quick.copies.items():
        assert apart(copy, w) < ALLOWED[dtype]
    quick.refresh()
    assert all(torch.equal(copy, w.to(dtype)) for w, copy in quick.copies.items())


@kernel
def test_a_step_of_the_fast_paths_is_the_eager_one():
    recipe = presets.load("cifar2012").change(
        options={"filters": [4, 6, 6, 6, 4], "hidden": 8, "dropout": 0.0}, init="he",
        store=30, batch=1, colour_std=0.1, precision="fp32",
    )  # fmt: skip
    drawn = np.random.default_rng(0)
    sets = [
        data.Dataset(
            drawn.integers(0, 256, (8, 3, 30, 30), dtype=np.uint8),
            drawn.integers(0, 3, 8), ("a", "b", "c"), "noise", split,
        )
        for split in ("train", "val")
    ]  # fmt: skip
    group = parallel.Group(0, 1, torch.device(DEVICE))
    source = sources.Source(*sets, "noise")
    found = []
    for engine in ("eager", "fast"):
        statistics = sources.statistics(source, recipe)
        state = states.new(recipe, source, statistics, group.device)
        state.net.train()
        if engine == "eager":
            step = compute.make(state, group, 1, engine)
        else:
            before = [w.clone() for w in state.net.parameters()]
            fast._try_out(state)  # leaves no trace
            assert all(map(torch.equal, before, state.net.parameters()))
            assert state.net.training
            assert all(w.grad is None for w in state.net.parameters())
            net = fast.network_of(state)
            step = fast.Step(state, net, net, 1, group.size)
        for epoch in range(1 if INTERPRETED else 3):
            images, labels = (
                torch.from_numpy(part[:1]).to(DEVICE)
                for part in (sets[0].images, sets[0].labels)
            )
            x = step.see(images, torch.arange(1, device=DEVICE), epoch)
            rates = torch.tensor(state.update.rates(0.01, 0.0), device=DEVICE)
            loss, _ = step(x, labels, rates)
        judged = evaluate.accuracy(step.net, sets[1], state, group)
        found.append((loss.item(), judged["loss"], *state.net.parameters()))
    state.precision = "bf16"
    copied = fast.network_of(state)
    step = fast.Step(state, copied, copied, 1, group.size)
    with torch.no_grad():
        for w in state.net.parameters():
            w.mul_(2)  # as when a recorded step is undone
    step.refresh()
    assert copied.copies
    assert all(torch.equal(c, w.to(c.dtype)) for w, c in copied.copies.items())
    with torch.no_grad():
        for w in state.net.parameters():
            w.div_(2)
    assert found[0][:2] == pytest.approx(found[1][:2], rel=1e-5)
    for one, two in zip(found[0][2:], found[1][2:], strict=True):
        assert apart(two, one) < 1e-5


@kernel
def test_compiling_sees_the_whole_network():
    torch.compiler.reset()
    net = small("pool first")
    quick = network.Fast(net, torch.float32)
    x = normal(2, *net.image)
    backend = "eager" if INTERPRETED else "inductor"
    whole = torch.compile(quick, backend=backend, fullgraph=True, dynamic=False)
    torch.testing.assert_close(whole(x), quick(x), rtol=1e-4, atol=1e-4)
    leaves = list(quick.parameters())
    slopes = [torch.autograd.grad(f(x).sum(), leaves) for f in (whole, quick)]
    for one, two in zip(*slopes, strict=True):
        assert apart(one, two) < 1e-4
