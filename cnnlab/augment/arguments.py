"""Checks of arguments: what was expected, what came, and what mends it."""

import numpy as np
import torch

from cnnlab import shapes


def require_images(images, where: str) -> torch.Tensor:
    """Return images as a uint8 tensor (N, C, H, W), or raise."""
    if isinstance(images, np.ndarray) and images.dtype == np.uint8:
        usable = images.flags.writeable and min(images.strides, default=0) >= 0
        images = torch.from_numpy(images if usable else images.copy())
    shapes.require_axes(
        images, "N, C, H, W", where, "images", "Add a batch axis: images[None]."
    )
    if not isinstance(images, torch.Tensor) or images.dtype != torch.uint8:
        kind = getattr(images, "dtype", type(images).__name__)
        raise TypeError(
            f"{where}: images needs uint8 grey levels 0 to 255; got {kind}. From "
            "floats in [0, 1]: (images * 255).round().to(torch.uint8)."
        )
    if images.shape[1] not in (1, 3):
        raise ValueError(
            f"{where}: images needs axes (N, C, H, W) with one or three channels; got "
            f"shape {tuple(images.shape)}. From (N, H, W, C): "
            "images.permute(0, 3, 1, 2)."
        )
    return images


def require_indices(indices, where: str, images=None, name="indices") -> torch.Tensor:
    """Return indices as int64 (N,) on the images' device, or raise."""
    device = None if images is None else images.device
    indices = _numbers(indices, where, name)
    shapes.require_axes(indices, "N", where, name)
    kind = indices.dtype
    whole = not (kind.is_floating_point or kind.is_complex or kind == torch.bool)
    if len(indices) and not whole:
        raise TypeError(
            f"{where}: {name} needs whole numbers; got {kind}. Pass each image's "
            "position in its data set."
        )
    return indices.to(device=device, dtype=torch.int64)


def require_sizes(size, crop, padding, resized, where) -> tuple[int, int]:
    """Return crop and padding as ints if images of ``size`` (height, width) allow."""
    crop = shapes.require_int(crop, 1, where, "crop")
    padding = shapes.require_int(padding, 0, where, "padding")
    height, width = size
    shares = isinstance(resized, (tuple, list)) and len(resized) == 2
    if not shares and not isinstance(resized, bool):
        raise TypeError(_wrong_shares(resized, where))
    if padding and resized:
        raise ValueError(
            f"{where}: padding belongs to plain crops; with resized it must be 0."
        )
    if not resized and crop > min(height, width) + 2 * padding:
        raise ValueError(
            f"{where}: crop {crop} is larger than images of {height} x {width} with "
            f"padding {padding}. Take a crop of at most "
            f"{min(height, width) + 2 * padding}, or larger images."
        )
    if shares:
        low, high = (shapes.require_number(n, 0, where, "resized") for n in resized)
        if not 0 < low <= high <= 1:
            raise ValueError(_wrong_shares(resized, where))
    return crop, padding


def _wrong_shares(resized, where: str) -> str:
    return (
        f"{where}: resized needs True, or shares of the area (low, high) with "
        f"0 < low <= high <= 1; got {shapes.spoken(resized)}."
    )


def per_channel(value, images, where: str, name: str, image: bool = False):
    """Return None, float32 (C,), or an image (C, H, W) on the images' device."""
    if value is None or (name == "scale" and isinstance(value, float) and value == 1):
        return None
    if isinstance(value, (int, float)):
        value = shapes.require_number(value, None, where, name)
        return torch.full(images.shape[1:2], float(value), device=images.device)
    given = value
    value = _numbers(given, where, name).to(images.device, torch.float32)
    # a tensor may lie on a GPU, where looking at its values would wait for them
    if not isinstance(given, torch.Tensor) and not np.isfinite(given).all():
        raise ValueError(f"{where}: {name} needs finite numbers; got NaN or infinity.")
    channels = images.shape[1]
    if value.ndim == 0 or value.numel() == channels == value.shape[0]:
        return value.reshape(-1).expand(channels)
    if image and value.shape == images.shape[1:]:
        return value
    wanted = f"one number, ({channels},) or ({channels}, 1, 1)"
    raise ValueError(
        f"{where}: {name} needs shape {wanted}"
        f"{f', or an image {tuple(images.shape[1:])}' if image else ''}; got "
        f"{tuple(value.shape)}."
    )


def require_colour(colour, images, where: str):
    """Return (sds, vectors) on the images' device, or None."""
    if colour is None:
        return None
    wanted = "(sds (3,), vectors (3, 3)), as colour_directions returns them"
    if not isinstance(colour, (tuple, list)) or len(colour) != 2:
        raise ValueError(
            f"{where}: colour needs {wanted}; got {shapes.spoken(colour)}."
        )
    sds, vectors = (
        _numbers(part, where, "colour").to(images.device) for part in colour
    )
    if sds.shape != (3,) or vectors.shape != (3, 3):
        raise ValueError(
            f"{where}: colour needs {wanted}; got shapes {tuple(sds.shape)} and "
            f"{tuple(vectors.shape)}."
        )
    return sds, vectors


def _numbers(value, where: str, name: str) -> torch.Tensor:
    try:
        return torch.as_tensor(
            value if isinstance(value, torch.Tensor) else np.array(value)
        )
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(
            f"{where}: {name} needs numbers; got {shapes.spoken(value)}."
        ) from None
