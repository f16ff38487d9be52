"""Rotated streams: every experience has all images, rotated by its own angle."""

from functools import partial

import torch
from torch import Tensor

from lifelong_lb.config import RotatedStream, StreamEntry
from lifelong_lb.data.image_tensors import ImageData
from lifelong_lb.seeding import ROTATIONS, generator
from lifelong_lb.streams.domains import domain_stream
from lifelong_lb.streams.stream import Stream

BATCH_SIZE = 2000
"""Images rotated per call, to limit memory: rotation needs several float32 copies."""


def rotated_stream(entry: StreamEntry, images: ImageData, seed: int) -> Stream:
    """Build a rotated stream; see :func:`~lifelong_lb.streams.domains.domain_stream`.

    Args:
        entry: the stream's entry in the study file.
        images: the data set.
        seed: draws the angles, unless the entry fixes them.

    Returns:
        The stream.

    Raises:
        UserError: if a class is missing in the data.
    """
    assert isinstance(entry, RotatedStream)
    turns = angles(entry, seed)
    changes = [partial(rotated, angle=angle) for angle in turns]
    return domain_stream(entry, images, seed, changes, f"rotated {turns}", angles=turns)


def angles(entry: RotatedStream, seed: int) -> tuple[float, ...]:
    """Determine the rotation angle of each experience.

    Args:
        entry: the stream's entry in the study file.
        seed: draws one from each of T equal parts of [0, ``max_angle``), unless the entry fixes them.

    Returns:
        ``(T,)``, degrees counter-clockwise.
    """
    if entry.angles is not None:
        return entry.angles
    shares = generator(seed, ROTATIONS).random(entry.length)
    return tuple(float(entry.max_angle * (i + share) / entry.length) for i, share in enumerate(shares))


def rotated(x: Tensor, angle: float) -> Tensor:
    """Rotate images about their centre with bilinear interpolation and black background.

    Args:
        x: uint8 ``(N, C, H, W)``.
        angle: degrees counter-clockwise.

    Returns:
        uint8 ``(N, C, H, W)``; ``x`` itself if the angle is 0.
    """
    from torchvision.transforms.v2 import InterpolationMode
    from torchvision.transforms.v2.functional import rotate

    if angle == 0:
        return x
    return torch.cat([rotate(part, angle, InterpolationMode.BILINEAR) for part in torch.split(x, BATCH_SIZE)])
