"""The exercises of notebook 08, written by following their hints to the letter."""

import numpy as np

from cnnlab import shapes


def max_pool2d(x, kernel_size, stride=None, padding=0, ceil_mode=False):
    stride = kernel_size if stride is None else stride
    rows = shapes.out_size(x.shape[2], kernel_size, stride)
    columns = shapes.out_size(x.shape[3], kernel_size, stride)
    out = np.empty((*x.shape[:2], rows, columns))
    for i in range(rows):
        for j in range(columns):
            top, left = i * stride, j * stride
            window = x[:, :, top : top + kernel_size, left : left + kernel_size]
            out[:, :, i, j] = window.max(axis=(2, 3))
    return out


def avg_pool2d(x, kernel_size, stride=None, padding=0, ceil_mode=False):
    stride = kernel_size if stride is None else stride
    rows = shapes.out_size(x.shape[2], kernel_size, stride)
    columns = shapes.out_size(x.shape[3], kernel_size, stride)
    out = np.empty((*x.shape[:2], rows, columns))
    for i in range(rows):
        for j in range(columns):
            top, left = i * stride, j * stride
            window = x[:, :, top : top + kernel_size, left : left + kernel_size]
            out[:, :, i, j] = window.mean(axis=(2, 3))
    return out


def max_pool2d_backward(dout, x, kernel_size, stride=None, padding=0, ceil_mode=False):
    stride = kernel_size if stride is None else stride
    dx = np.zeros(x.shape)
    for n, c, i, j in np.ndindex(*dout.shape):
        top, left = i * stride, j * stride
        window = x[n, c, top : top + kernel_size, left : left + kernel_size]
        row, column = divmod(window.argmax(), kernel_size)
        dx[n, c, i * stride + row, j * stride + column] += dout[n, c, i, j]
    return dx


def receptive_field(layers):
    size, jump, start = 1, 1, 0
    for k, s, p, d in layers:
        size += d * (k - 1) * jump
        start -= p * jump
        jump *= s
    return size, jump, start


def padded_pool(x, kernel_size, stride, padding):
    p, (n, c, height, width) = padding, x.shape
    padded = np.full((n, c, height + 2 * p, width + 2 * p), -np.inf)
    padded[:, :, p : p + height, p : p + width] = x
    rows = shapes.out_size(height, kernel_size, stride, p)
    columns = shapes.out_size(width, kernel_size, stride, p)
    out = np.empty((n, c, rows, columns))
    for i in range(rows):
        for j in range(columns):
            top, left = i * stride, j * stride
            window = padded[:, :, top : top + kernel_size, left : left + kernel_size]
            out[:, :, i, j] = window.max(axis=(2, 3))
    return out


def far_sight():  # reaches the bar
    return (
        "conv 3/2, conv 2/2, conv 2/2, pool 3/1, pool 3/1, pool 3/1, "
        "conv 2, conv 2, conv 2, conv 2, conv 2, conv 2"
    )
