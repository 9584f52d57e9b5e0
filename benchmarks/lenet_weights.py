"""Train LeNet-5 on MNIST once, and keep its weights for the drawing board.

    python benchmarks/lenet_weights.py

One thread, seed 0. Stores ``benchmarks/results/lenet5_mnist.npz``: the weights as
16-bit numbers, the mean of the training pixels and the scale
of what is left, and the share of the
10,000 test images that these weights read rightly. Needs MNIST; see ``data/README.md``.
"""

import _runs
import numpy as np
import torch

from cnnlab import train
from cnnlab.course.paths import results_dir
from cnnlab.train import parallel


def main() -> None:
    torch.set_num_threads(1)
    pair = _runs.load("mnist")
    run = train.fit("lenet5", pair, seed=0, precision="fp32", progress=False)
    halves = {k: v.half() for k, v in run.net.state_dict().items()}
    run.net.load_state_dict({k: v.float() for k, v in halves.items()})
    group = parallel.Group(0, 1, run.state.device)
    right = 1 - train.accuracy(run.net, pair[1], run.state, group)["error"]
    input_ = run.state.input()
    pixels = {key: np.float32(input_[key]).ravel() for key in ("mean", "scale")}
    path = results_dir() / "lenet5_mnist.npz"
    weights = {key: value.numpy() for key, value in halves.items()}
    np.savez_compressed(path, **weights, **pixels, right=np.float32(right))
    print(path, f"{right:.2%} of the test images are right")


if __name__ == "__main__":
    main()
