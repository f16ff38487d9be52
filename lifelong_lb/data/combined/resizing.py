"""Bring images to one size and number of channels."""

import numpy as np
from numpy.typing import NDArray

from lifelong_lb.data.arrays import require_memory
from lifelong_lb.data.progress import with_progress

Pixels = NDArray[np.uint8]


def resized(x: Pixels, size: int | None, channels: int, what: str) -> Pixels:
    """Scale images to squares, and make them grey or RGB.

    Scaling is bilinear, with antialiasing when images shrink; images that are not square are stretched. Grey images
    are repeated over three channels; RGB becomes grey by the weights 0.299, 0.587, 0.114 (ITU-R BT.601).

    Args:
        x: uint8 ``(N, C, H, W)``, C 1 or 3.
        size: height and width; None to keep the size.
        channels: 1 or 3.
        what: description of the images, for progress and messages.

    Returns:
        uint8 ``(N, channels, size, size)``; ``x`` itself if nothing changes.

    Raises:
        UserError: if the memory is too small.
    """
    from PIL import Image

    number, before, height, width = x.shape
    new = (height, width) if size is None else (size, size)
    if (before, height, width) == (channels, *new):
        return x
    mode = "L" if channels == 1 else "RGB"
    with require_memory(number * channels * new[0] * new[1], f"{number:,} images of {what}"):
        result = np.empty((number, channels, *new), dtype=np.uint8)
    for i in with_progress(range(number), f"resizing {what}"):
        picture = Image.fromarray(x[i, 0] if before == 1 else np.ascontiguousarray(x[i].transpose(1, 2, 0)))
        if picture.size != new[::-1]:
            picture = picture.resize(new[::-1], Image.Resampling.BILINEAR)
        pixels = np.asarray(picture.convert(mode))
        result[i] = pixels if channels == 1 else pixels.transpose(2, 0, 1)
    return result
