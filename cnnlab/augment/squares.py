"""A photograph as the paper prepares it."""

import os

import numpy as np
import torch

from cnnlab import shapes
from cnnlab.augment.arguments import require_images


def paper_square(picture, size: int = 256) -> torch.Tensor:
    """Return a picture as the paper prepares it: short side ``size``, centre square.

    Parameters
    ----------
    picture : path of an image file, or uint8 (3, H, W)

    Returns
    -------
    uint8 (3, size, size) [section 2]. Resizing is Pillow's bilinear filter; the paper
    names none.
    """
    from PIL import Image

    from cnnlab.data import pictures

    size = shapes.require_int(size, 1, "paper_square", "size", 4096)
    if not isinstance(picture, (str, os.PathLike, np.ndarray, torch.Tensor)):
        raise TypeError(
            "paper_square: picture needs the path of an image file, or uint8 "
            f"(3, H, W); got {shapes.spoken(picture)}."
        )
    if not hasattr(picture, "shape"):
        return torch.from_numpy(pictures.read(picture, size))
    pixels = require_images(picture[None], "paper_square")[0]
    square = pictures.fit(_pillow(pixels, Image), size)
    return torch.from_numpy(np.array(square.convert("RGB"))).permute(2, 0, 1)


def _pillow(pixels: torch.Tensor, image_module):
    pixels = pixels.expand(3, -1, -1).permute(1, 2, 0)
    return image_module.fromarray(np.ascontiguousarray(pixels.cpu().numpy()))
