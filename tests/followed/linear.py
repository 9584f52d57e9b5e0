"""The exercises of notebook 03, written by following their hints to the letter."""

import numpy as np

from cnnlab import linear


def hinge_loss(s, y, margin=1.0):
    gaps = np.maximum(0, s - s[np.arange(len(s)), y][:, None] + margin)
    return gaps.sum(axis=1) - margin


def hinge_by_cases(s, y, margin=1.0):
    losses = [0.0] * len(s)
    for n, label in enumerate(y):
        for j, s_j in enumerate(s[n]):
            if j == label:
                continue
            if s[n, label] >= s_j + margin:
                losses[n] += 0
            else:
                losses[n] += s_j - s[n, label] + margin
    return losses


def softmax(s):
    m = s.max(axis=1, keepdims=True)
    e = np.exp(s - m)
    return e / e.sum(axis=1, keepdims=True)


def softmax_gradient(s, y):
    p = softmax(s)
    p[np.arange(len(s)), y] -= 1
    return p


def train_linear(x, y, w, b, batches, learning_rate, gradient):
    for batch in batches:
        s = x[batch] @ w.T + b
        ds = gradient(s, y[batch]) / len(batch)
        w = w - learning_rate * ds.T @ x[batch]
        b = b - learning_rate * ds.sum(axis=0)
    return w, b


def ring_features(points):  # reaches the bar
    return np.column_stack([points, (points**2).sum(axis=1)])


def hinge_gradient(s, y, margin=1.0):
    ds = (s - s[np.arange(len(s)), y][:, None] + margin > 0).astype(float)
    ds[np.arange(len(s)), y] = 0
    ds[np.arange(len(s)), y] = -ds.sum(axis=1)
    return ds


def dataset_loss(x, y, w, b, loss="softmax", reg=0.0, margin=1.0):
    s = x @ w.T + b
    if loss == "hinge":
        losses = linear.hinge_loss(s, y, margin)
        ds = linear.hinge_gradient(s, y, margin)
    else:
        losses = linear.softmax_loss(s, y)
        ds = linear.softmax_gradient(s, y)
    ds = ds / len(x)
    dw = ds.T @ x + 2 * reg * w
    db = ds.sum(axis=0)
    return losses.mean() + reg * (w**2).sum(), dw, db
