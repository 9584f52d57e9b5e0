"""The exercises of notebook 05, written by following their hints to the letter."""

import numpy as np


def perceptron(x, w, b):
    return (x @ w + b > 0).astype(int)


def nand_weights(n):
    return np.full(n, -2), 2 * n - 1


def perceptron_update(x, t, w, b):
    y = int(x @ w + b > 0)
    return w + (t - y) * x, b + (t - y)


def xor_network():
    w1 = np.array([[2, 2], [-2, -2]])
    b1 = np.array([-1, 3])
    w2 = np.array([2, 2])
    b2 = -3
    return w1, b1, w2, b2


def sigmoid_derivative(z, slope=1.0):
    f = 1 / (1 + np.exp(-slope * z))
    return slope * f * (1 - f)


def tanh(z):
    with np.errstate(over="ignore"):
        return 2 / (1 + np.exp(-2 * z)) - 1


def full_adder(a, b, c, nand):
    def half(one, other):
        m = nand(one, other)
        return m, nand(nand(one, m), nand(other, m))  # and not nand(m, m)

    m = nand(a, b)
    s = nand(nand(a, m), nand(b, m))
    n = nand(s, c)
    return nand(nand(s, n), nand(c, n)), nand(m, n)
