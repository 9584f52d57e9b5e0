"""Crops, reflections and colour shifts of whole batches, on any device.

What happens to an image depends on (seed, epoch, its index) only: never on the batch
it is in, its place there, the number of processes, or the device; the one exception is
``chunk``, for the crops of 2012. The random numbers are computed from these three by
Philox, a counter-based generator, so there is no state to save and nothing to restore.

Images are uint8 (N, C, H, W) of one or three channels, tensors or NumPy arrays. Results
are float32 (N, C, crop, crop) in channels-last memory, in grey levels minus ``mean``,
times ``scale``. Everything random about one image is drawn by :func:`choose`.

Sources: Krizhevsky, Sutskever and Hinton, NIPS 2012, section 4.1 (crops, reflections,
colour shift, ten crops); its released configuration 145 (one crop for 32 images).
"""

from cnnlab.augment.batches import TEN_CROPS, for_evaluation, for_training, ten_crop
from cnnlab.augment.choices import Choices, choose
from cnnlab.augment.randoms import normal, uniform
from cnnlab.augment.squares import paper_square
from cnnlab.augment.statistics import (
    channel_mean,
    channel_std,
    colour_directions,
    mean_image,
    moments,
)

__all__ = [
    "TEN_CROPS",
    "Choices",
    "channel_mean",
    "channel_std",
    "choose",
    "colour_directions",
    "for_evaluation",
    "for_training",
    "mean_image",
    "moments",
    "normal",
    "paper_square",
    "ten_crop",
    "uniform",
]
