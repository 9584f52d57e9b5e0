"""The exercises of notebook 01, written by following their hints to the letter."""

import numpy as np

from cnnlab import challenges, yours


def pixel_change(before, after):
    before, after = before.astype(int), after.astype(int)
    change = np.abs(after - before)
    return (change > 0).mean(), change.mean()


def is_mushroom(image):
    widths = challenges.silhouette(image).sum(axis=1)
    rows = np.flatnonzero(widths)
    profile = widths[rows[0] : rows[-1] + 1]
    upper = profile[: len(profile) // 2].sum()
    return upper / profile.sum() > 0.55


def split_indices(n, fractions=(0.8, 0.2), seed=0):
    order = np.random.default_rng(seed).permutation(n)
    cuts = np.rint(np.cumsum(fractions) * n).astype(int)
    return tuple(np.split(order, cuts)[: len(fractions)])


def held_out_accuracy(learn, images, labels, seed=0):
    train, held_out = yours.split_indices(len(labels), (0.8, 0.2), seed)
    classify = learn(images[train], labels[train])
    assert np.isin(held_out, train).mean() == 0
    return (classify(images[held_out]) == labels[held_out]).mean()


def topk_error(scores, labels, k):
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    hit = (best == labels[:, None]).any(axis=1)
    return 1 - hit.mean()
