"""Widgets of notebook 01: turn a dial on a picture; a rule against a network."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from cnnlab import challenges, data, scenes
from cnnlab.plots import Picture
from cnnlab.plots.challenges import before_after, verdict_tiles
from cnnlab.widgets._base import Explorer, choice, number

PHOTOS = ("chelsea", "coffee", "astronaut", "rocket", "china", "flower")
SIDE = 176  # pixels of a photograph in the widget
SHOWN, JUDGED = 9, 48


@lru_cache
def _photo(name: str) -> np.ndarray:
    """Return the middle square of a photograph, (3, SIDE, SIDE)."""
    from PIL import Image

    from cnnlab.data.pictures import fit

    whole = Image.fromarray(data.photo(name).transpose(1, 2, 0))
    return np.asarray(fit(whole, SIDE)).transpose(2, 0, 1)


def render_dials(
    picture: str = "cat", dial: str = "illumination", severity: float = 0.6, draw=5
) -> Picture:
    """Draw a picture before and after one dial was turned.

    Parameters
    ----------
    picture : a class of ``scenes`` or the name of a photograph
    dial : one of ``scenes.DIALS``; ``variation`` moves only scenes
    severity : 0 to 1
    draw : seed; another number turns the same dial another way
    """
    if picture in scenes.CLASSES:
        before = scenes.draw(picture, draw)
        after = scenes.draw(picture, draw, {dial: severity})
    elif dial == "variation":
        before = after = _photo(picture)
        return before_after(
            before,
            after,
            "Nothing moves: variation draws another object of the same class, and "
            f"nobody can draw another {picture}. Take a scene, or another dial.",
        )
    else:
        before = _photo(picture)
        after = scenes.perturb(before[None], dial, severity, draw)[0]
    share, mean = challenges.pixel_change(before, after)
    count = round(share * before.size)
    return before_after(
        before,
        after,
        f"Before, after, and how far each pixel moved (dark: not at all; yellow: 255). "
        f"{dial} {severity:.2f}: {count:,} of {before.size:,} values changed; mean "
        f"over all values {mean:.0f} grey levels. The label is still: {picture}.",
    )


def dials(picture="cat", dial="illumination", severity=0.6) -> Explorer:
    """Return the widget: choose a picture and a dial, and turn it."""
    named = [(f"scene: {name}", name) for name in scenes.CLASSES]
    named += [(f"photograph: {name}", name) for name in PHOTOS]
    return Explorer(
        render_dials,
        {
            "picture": choice("picture", named, picture),
            "dial": choice("dial", scenes.DIALS, dial),
            "severity": number("severity", severity, 0.0, 1.0, 0.05),
            "draw": number("another draw", 5, 0, 99),
        },
        title="Turn a dial: the numbers change, the label does not",
    )


def render_duel(
    network, rule: Callable, label: str, dial="viewpoint", severity=0.5, draw=0
) -> Picture:
    """Draw scenes and what a rule and a network say of them: ``label`` or not.

    Parameters
    ----------
    network : from ``train.on_arrays``
    rule : takes one image (3, H, W), answers True or False
    label : class name the rule is for
    dial, severity, draw : how the scenes are made
    """
    from cnnlab import train

    wanted = {name: severity for name in scenes.DIALS if dial in (name, "all")}
    images, truth = challenges.one_against_rest(label, JUDGED, 50 + draw, wanted)
    ruled = challenges.answers(rule, images)
    learned = train.predict(network, images)  # (N,) class numbers
    netted = learned == scenes.CLASSES.index(label)
    names = [scenes.CLASSES[number] for number in learned[:SHOWN]]
    says = ["yes" if one else "no" for one in ruled[:SHOWN]]
    captions = [f"rule: {one}" for one in says], [f"net: {one}" for one in names]
    good = ruled == truth, netted == truth
    return verdict_tiles(
        images[:SHOWN],
        captions,
        good,
        f"{label} or not, {dial} at {severity:.2f}: of {JUDGED} pictures ({SHOWN} "
        f"shown) the rule is right on {good[0].sum()}, the network on {good[1].sum()}.",
    )


def duel(network, rules: dict[str, Callable] | None = None) -> Explorer:
    """Return the widget: a rule and a network side by side while a dial is turned.

    Parameters
    ----------
    network : from ``train.on_arrays``
    rules : class name -> rule for it, your own or one of ``challenges``
    """
    rules = {"cat": challenges.is_cat} if rules is None else rules

    def render(label, **state) -> Picture:
        return render_duel(network, rules[label], label, **state)

    return Explorer(
        render,
        {
            "label": choice("what is it about", [(f"{k} or not?", k) for k in rules]),
            "dial": choice("dial", [*scenes.DIALS, "all"], "viewpoint"),
            "severity": number("severity", 0.5, 0.0, 1.0, 0.05),
            "draw": number("other pictures", 0, 0, 99),
        },
        title="A rule and a network on the same pictures",
    )
