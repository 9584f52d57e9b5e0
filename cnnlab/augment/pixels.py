"""Windows cut from many images at once, and what is done to them in place."""

import math

import torch

BLOCK = 2**19  # numbers worked on at a time on a CPU: they stay in its cache


def plain_cpu(tensor: torch.Tensor) -> bool:
    """Return whether NumPy may be used: on the CPU, and not inside torch.compile."""
    return tensor.device.type == "cpu" and not torch.compiler.is_compiling()


def slices(out: torch.Tensor) -> list[slice]:
    """Return slices of images: a few at a time on a CPU, all of them elsewhere."""
    count, size = len(out), math.prod(out.shape[1:])
    step = max(1, BLOCK // size) if out.device.type == "cpu" else count
    return [slice(start, start + step) for start in range(0, count, max(1, step))]


def rows_of(x: torch.Tensor) -> torch.Tensor:
    """Return channels-last (n, C, H, W) as a view (n, H, W C): long rows are fast."""
    return x.permute(0, 2, 3, 1).flatten(2)


def copy_pixels(out: torch.Tensor, pixels: torch.Tensor) -> None:
    """Write pixels into channels-last ``out``; from separate planes, plane by plane."""
    if pixels.shape[1] == 1 or pixels.stride(1) == 1:
        out.copy_(pixels)
    else:
        for channel in range(pixels.shape[1]):
            out[:, channel].copy_(pixels[:, channel])


def windows(images, which, top, left, mirrored, crop: int) -> torch.Tensor:
    """Return windows of ``images[which]`` (all by default), some mirrored.

    On a CPU, NumPy copies windows of a strided view, which takes no index per pixel;
    elsewhere one gather does it all.
    """
    if which is None:
        which = torch.arange(len(images), device=images.device)
    if plain_cpu(images):
        return _cut_windows(images, which, top, left, mirrored, crop)
    span = torch.arange(crop, device=images.device)
    across = span.expand(len(top), -1)
    if mirrored is not None:
        across = torch.where(mirrored[:, None], crop - 1 - span, span)
    rows, columns = top[:, None] + span, left[:, None] + across
    places = which[:, None, None], rows[:, :, None], columns[:, None, :]
    return images.permute(0, 2, 3, 1)[places].permute(0, 3, 1, 2)


def _cut_windows(images, which, top, left, mirrored, crop: int) -> torch.Tensor:
    count, channels, height, width = images.shape
    n, c, h, w = images.stride()
    places = (height - crop + 1, width - crop + 1)
    if c == 1 and w == channels:  # channels last: a window's rows lie in one piece
        size, steps = (crop, crop * channels), (h, 1)
    else:
        size, steps = (channels, crop, crop), (c, h, w)
    views = images.as_strided((count, *places, *size), (n, h, w, *steps)).numpy()
    cut = torch.from_numpy(views[which.numpy(), top.numpy(), left.numpy()])
    if len(size) == 2:
        cut = cut.unflatten(2, (crop, channels)).permute(0, 3, 1, 2)
    if mirrored is not None:
        turn, pixels = mirrored.numpy().nonzero()[0], cut.numpy()
        pixels[turn] = torch.from_numpy(pixels[turn]).flip(3).numpy()
    return cut


def empty(shape: tuple, images: torch.Tensor) -> torch.Tensor:
    """Return memory for float32 results beside ``images``, channels last."""
    last = torch.channels_last
    return torch.empty(shape, device=images.device, memory_format=last)


def finish(x: torch.Tensor, scale, shift) -> None:
    """Multiply a batch by ``scale`` (C,) and add ``shift * scale`` (N, C), in place."""
    rows, width = rows_of(x), x.shape[-1]
    if scale is not None:
        rows.mul_(scale.repeat(width))
    if shift is not None:
        shift = shift if scale is None else shift * scale
        rows.add_(shift.repeat(1, width)[:, None])


def erase_squares(x: torch.Tensor, holes: torch.Tensor, side: int) -> None:
    """Set a square to zero in each image of (n, C, S, S); parts outside are cut off."""
    place = torch.arange(x.shape[-1], device=x.device)
    inside = (place >= holes[..., None]) & (place < holes[..., None] + side)  # n, 2, S
    x.masked_fill_(inside[:, None, 0, :, None] & inside[:, None, 1, None], 0)
