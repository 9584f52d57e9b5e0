"""The exercises of notebook 12, written by following their hints to the letter."""

import numpy as np


def pca_colour(images):
    pixels = images.transpose(0, 2, 3, 1).reshape(-1, 3)
    pixels = pixels - pixels.mean(axis=0)
    covariance = pixels.T @ pixels / len(pixels)
    variances, directions = np.linalg.eigh(covariance)
    return variances[::-1], directions[:, ::-1]


def colour_shift(image, variances, directions, alphas):
    shift = directions @ (alphas * np.sqrt(variances))
    return image + shift[:, None, None]


def ten_crop(images, side):
    low, wide = images.shape[2] - side, images.shape[3] - side
    crops = []
    for top, left in [(0, 0), (0, wide), (low, 0), (low, wide), (low // 2, wide // 2)]:
        crops.append(images[:, :, top : top + side, left : left + side])
    for crop in crops[:5]:
        crops.append(crop[:, :, :, ::-1])
    return np.stack(crops)


def lrn(x, k=2.0, n=5, alpha=1e-4, beta=0.75):
    y = np.zeros(x.shape)
    for c in range(x.shape[1]):
        low, high = max(0, c - n // 2), c + n // 2 + 1
        total = (x[:, low:high] ** 2).sum(axis=1)
        y[:, c] = x[:, c] / (k + alpha * total) ** beta
    return y


def dropout_forward(x, kept, p=0.5, training=True, inverted=False):
    if training and inverted:
        return x * kept / (1 - p)
    if training:
        return x * kept
    return x if inverted else x * (1 - p)


def best_recipe():
    return {"activation": "tanh", "momentum": 0.8, "views": 10}
