"""Permuted streams: all images in every experience, their pixels in another order each time."""

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
    """Build a permuted stream, see :func:`~lifelong_lb.streams.domains.domain_stream`.

    Args:
        entry: what the study file says.
        images: the data set.
        seed: draws the permutations.

    Returns:
        The stream.

    Raises:
        UserError: when the data found lack a class.
    """
    assert isinstance(entry, PermutedStream)
    orders = permutations(entry, images.train.x[0, 0].numel(), seed)
    digest = hashlib.sha256(orders.astype("<i4").tobytes()).hexdigest()[:16]
    changes = [partial(permuted, order=order) for order in orders]
    return domain_stream(entry, images, seed, changes, f"permuted {digest}", permutations=digest)


def permutations(entry: PermutedStream, pixels: int, seed: int) -> NDArray[np.int64]:
    """The order of the pixels in each experience. More experiences leave those of the earlier ones as they are.

    Args:
        entry: what the study file says.
        pixels: number of pixels of an image.
        seed: the study's seed.

    Returns:
        ``(T, pixels)``, row i holding for each place in experience i the pixel that goes there.
    """
    draw = generator(seed, PERMUTATIONS)
    orders = np.stack([draw.permutation(pixels) for _ in range(entry.experiences)])
    if not entry.permute_first:
        orders[0] = np.arange(pixels)
    return orders


def permuted(x: Tensor, order: NDArray[np.int64]) -> Tensor:
    """Images with their pixels in another order, the same in all channels.

    Args:
        x: uint8 ``(N, C, H, W)``.
        order: ``(H * W,)``, for each place the pixel that goes there.

    Returns:
        uint8 ``(N, C, H, W)``, a copy.
    """
    return torch.from_numpy(np.take(x.flatten(2).numpy(), order, axis=2)).reshape(x.shape)
