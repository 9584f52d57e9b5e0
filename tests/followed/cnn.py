"""What the hints of notebook 09 lead to, word for word."""

import numpy as np

from cnnlab import grads, yours
from cnnlab.layers import step_all


def relu_backward(dout, x):
    return dout * (x > 0)


def affine_backward(dout, x, w):
    return dout @ w, dout.T @ x, dout.sum(axis=0)


def forward_all(x, layers):
    caches = []
    for layer in layers:
        x, cache = layer.forward(x, *layer.weights)
        caches.append(cache)
    return x, caches


def backward_all(dout, layers, caches):
    gradients = []
    for layer, cache in zip(reversed(layers), reversed(caches)):  # noqa: B905
        dout, *own = layer.backward(dout, cache)
        gradients.insert(0, tuple(own))
    return gradients


def sgd_train(layers, x, y, batches, rate, momentum=0.9):
    velocity = None
    for batch in batches:
        scores, caches = yours.forward_all(x[batch], layers)
        dscores = grads.cross_entropy_backward(scores, y[batch])
        gradients = yours.backward_all(dscores, layers, caches)
        layers, velocity = step_all(layers, velocity, gradients, rate, momentum)
    return layers


def worst_error(a, b):
    return np.max(np.abs(a - b) / np.maximum(np.abs(a) + np.abs(b), 1e-8))


def diagnose():
    return "cead"
