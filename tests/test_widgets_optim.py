"""The widget of notebook 04, every control driven without a browser."""

import asyncio
import time

import ipywidgets as w
import numpy as np
import pytest

from cnnlab import landscapes, optim, widgets


@pytest.fixture(scope="module")
def hills():
    rng = np.random.default_rng(0)
    x = np.c_[rng.normal(size=(200, 12)), np.ones(200)]
    y = (x[:, :3] + rng.normal(size=(200, 3))).argmax(axis=1)
    return {"a valley": landscapes.valley(), "a slice": landscapes.slice_of_loss(x, y)}


def drive(explorer, name, value):
    explorer.controls[name].value = value
    assert explorer.status.value == ""
    return explorer.image.value, explorer.text.value


def test_every_control_changes_the_picture(hills):
    explorer = widgets.valley_explorer(hills)
    seen = {explorer.image.value}
    for move in (("a", 2.0), ("b", -5.0), ("rate", 18.0), ("momentum", 0.5),
                 ("batch", 10), ("shown", 20), ("place", "a slice")):  # fmt: skip
        seen.add(drive(explorer, *move)[0])
    assert len(seen) == 8


def test_the_sentence_names_curvatures_and_what_became_of_the_loss(hills):
    explorer = widgets.valley_explorer(hills)
    assert "0.1 where it is steepest" in explorer.text.value
    assert "after 60 steps the loss is 0.00104" in explorer.text.value
    _, text = drive(explorer, "rate", 60.0)
    assert "after 60 steps the loss is" in text  # enormous, and still a number
    explorer.controls["momentum"].value = 0.99
    assert explorer.status.value == ""


@pytest.mark.parametrize("size", [0, 50, 1])
def test_a_walk_is_that_of_the_learners_own_functions(hills, size):
    hill, called = hills["a valley"], []

    def momentum_step(place, v, gradient, rate, momentum=0.9, decay=0.0005):
        called.append("step")
        assert decay == 0
        return optim.momentum_step(place, v, gradient, rate, momentum, decay)

    def minibatches(n, size, rng):
        called.append("batches")
        return optim.minibatches(n, size, rng)

    path, losses = widgets.walk(
        hill, (-4.0, 9.0), 5.0, 0.5, size, 30, momentum_step, minibatches
    )
    assert called.count("step") == 30 and ("batches" in called) == (size > 0)
    assert path.shape == (31, 2) and losses.shape == (31,)
    np.testing.assert_allclose(losses, hill.loss(path))


def test_a_walk_that_leaves_all_bounds_ends_in_nan(hills, recwarn):
    path, losses = widgets.walk(hills["a valley"], (0.0, 5.0), 1e30)
    assert np.isnan(losses[-1]) and np.isfinite(losses[0]) and not recwarn.list
    assert np.isnan(path[-1]).all()


def test_play_moves_the_steps_that_are_shown_from_the_start(hills):
    explorer = widgets.valley_explorer(hills)
    [panel, _] = explorer.both.children
    [play] = [one for one in panel.children if isinstance(one, w.Button)]
    seen = []
    explorer.controls["shown"].observe(lambda change: seen.append(change["new"]))

    async def press():
        play.click()
        play.click()  # a second press begins anew
        await asyncio.sleep(0.4)

    asyncio.run(press())
    assert seen[:3] == [0, 2, 4] and len(seen) < 20
    assert f"after {seen[-1]} steps" in explorer.text.value
    play.click()  # without a loop: the end at once
    assert explorer.controls["shown"].value == 60


def test_an_error_of_the_learners_step_is_shown(hills, monkeypatch):
    monkeypatch.delenv("CNNLAB_STRICT", raising=False)
    broken = []

    def momentum_step(*args):
        if broken:
            raise KeyError("oh")
        return optim.momentum_step(*args)

    explorer = widgets.valley_explorer(hills, momentum_step)
    broken.append(True)
    explorer.controls["rate"].value = 3.0
    assert "KeyError" in explorer.status.value


def test_functions_are_wanted(hills):
    with pytest.raises(TypeError, match="momentum_step needs a function"):
        widgets.valley_explorer(hills, 3)


def test_a_picture_takes_less_than_a_twentieth_of_a_second(hills):
    explorer, times = widgets.valley_explorer(hills, place="a slice"), []
    for step in range(9):
        start = time.process_time()
        explorer.controls["rate"].value = 5.0 + step
        times.append(time.process_time() - start)
    assert np.median(times) < 0.05, times
