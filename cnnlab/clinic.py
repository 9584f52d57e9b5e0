"""Sick networks: each is shown by its charts, and treated for the illness it is said
to have.
"""

import functools
from typing import NamedTuple

import numpy as np

from . import data, layers, scenes, shapes

RATE, IMAGES, HELD, SIZE, SEVERITY, PASSES = 0.03, 400, 200, 16, 0.3, 4
ILLNESSES = {
    "a": "the learning rate is ten times too high",
    "b": "the learning rate is ten times too low",
    "c": "images and labels were shuffled apart, once, before the training",
    "d": "the ReLUs are dead from the start: biases of -3",
    "e": "the gradient of the biases is forgotten",
    "f": "there are far too few images",
}


class Patient(NamedTuple):
    """What differs from the healthy network."""

    rate: float = RATE
    images: int = IMAGES
    scrambled: bool = False
    bias: float = 0.0
    forgets: bool = False


PATIENTS = {
    "A": Patient(scrambled=True),
    "B": Patient(forgets=True),
    "C": Patient(rate=10 * RATE),
    "D": Patient(bias=-3.0),
}
CURES = {
    "a": lambda patient: patient._replace(rate=patient.rate / 10),
    "b": lambda patient: patient._replace(rate=patient.rate * 10),
    "c": lambda patient: patient._replace(scrambled=False),
    "d": lambda patient: patient._replace(bias=0.0),
    "e": lambda patient: patient._replace(forgets=False),
    "f": lambda patient: patient._replace(images=2 * patient.images),
}


def treated(patient: Patient, illness: str) -> Patient:
    """Return the patient after the cure of an illness, whether it has it or not."""
    shapes.require_choice(illness, tuple(CURES), "treated", "illness")
    return CURES[illness](patient)


def diagnose() -> str:
    """Return the letters of the illnesses of A, B, C and D."""
    return "cead"


def images_of(n: int, held: int, severity: float, size: int = 32, seed: int = 0):
    """Return (x, y, x_held, y_held): scenes less their mean colour, of spread 1.

    Mean and spread are those of the first ``n`` images, which are to be trained on.
    """
    images, y = scenes.generate(n + held, seed, severity, size=size)
    x = data.as_float(images)
    x = (x - x[:n].mean(axis=(0, 2, 3), keepdims=True)) / x[:n].std()
    return x[:n], y[:n], x[n:], y[n:]


@functools.cache
def _images(n: int, seed: int):
    return images_of(n, HELD, SEVERITY, SIZE, seed)


def examine(patient: Patient, seed: int = 0, passes: int = PASSES, **functions):
    """Train a patient, and return its `layers.Charts`.

    Parameters
    ----------
    seed : of the start, the images and their order
    functions : ``train`` and ``minibatches``, as in `layers.watch`
    """
    x, y, *held = _images(patient.images, seed)
    if patient.scrambled:
        y = np.random.default_rng(seed).permutation(y)
    start = weakened(layers.small_cnn(seed, size=SIZE), patient)
    return layers.watch(
        start, x, y, *held, passes, patient.rate, seed=seed, **functions
    )[1]


def weakened(net: list, patient: Patient) -> list:
    """Return a network as the patient has it."""
    net = layers.shifted(net, patient.bias)
    return layers.forgetful(net) if patient.forgets else net
