"""Permuted streams: every experience has all images, with its own pixel permutation."""

import hashlib
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifelong_lb.config import PermutedStream, StreamEntry
from lifelong_lb.data.image_tensors import ImageData
from lifelong_lb.seeding import PERMUTATIONS, generator
from lifelong_lb.streams.domains import domain_stream
from lifelong_lb.streams.stream import Stream


def permuted_stream(entry: StreamEntry, images: ImageData, seed: int) -> Stream:
    """Build a permuted stream; see :func:`~lifelong_lb.streams.domains.domain_stream`.

    Args:
        entry: the stream's entry in the study file.
        images: the data set.
        seed: draws the permutations.

    Returns:
        The stream.

    Raises:
        UserError: if a class is missing in the data.
    """
    assert isinstance(entry, PermutedStream)
    orders = permutations(entry, images.train.x[0, 0].numel(), seed)
    digest = hashlib.sha256(orders.astype("<i4").tobytes()).hexdigest()[:16]
    changes = [partial(permuted, order=order) for order in orders]
    return domain_stream(entry, images, seed, changes, f"permuted {digest}", permutations=digest)


def permutations(entry: PermutedStream, pixels: int, seed: int) -> NDArray[np.int64]:
    """Draw the pixel permutation of each experience.

    The first permutations do not depend on the number of experiences.

    Args:
        entry: the stream's entry in the study file.
        pixels: number of pixels per image.
        seed: the study's seed.

    Returns:
        ``(T, pixels)``: in experience i, position p shows pixel [i, p] of the original image.
    """
    draw = generator(seed, PERMUTATIONS)
    orders = np.stack([draw.permutation(pixels) for _ in range(entry.length)])
    if not entry.permute_first:
        orders[0] = np.arange(pixels)
    return orders


def permuted(x: Tensor, order: NDArray[np.int64]) -> Tensor:
    """Permute the pixels of images, in the same way in all channels.

    Args:
        x: uint8 ``(N, C, H, W)``.
        order: ``(H * W,)``; position p shows pixel ``order[p]``.

    Returns:
        uint8 ``(N, C, H, W)``, a copy.
    """
    return torch.from_numpy(np.take(x.flatten(2).numpy(), order, axis=2)).reshape(x.shape)
