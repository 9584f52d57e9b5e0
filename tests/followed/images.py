"""Notebook 00, done by following the hints to the letter."""

import numpy as np


def value_count(height, width, channels):
    return height * width * channels


def zero_to_eight(zero):
    zero[3:5, 3:5] = 255  # rows 3 and 4, columns 3 and 4
    return zero


def to_channels_first(images):
    return images.transpose(0, 3, 1, 2)


def brighten(image, amount):
    total = image.astype(int) + amount
    return np.clip(total, 0, 255).astype(np.uint8)


def average(a, b):
    return ((a.astype(int) + b) // 2).astype(np.uint8)


def as_float(images):
    return images / 255
