"""Permuted streams: all images in every experience, their pixels in another order each time."""

import hashlib

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifelong_lb.config import PermutedStream, StreamEntry
from lifelong_lb.data.classes import check_classes, check_test_classes
from lifelong_lb.data.image_tensors import ImageData
from lifelong_lb.data.shape import Shape
from lifelong_lb.seeding import PERMUTATIONS, generator
from lifelong_lb.streams.stream import Stream, avalanche_streams, labelled_dataset


def permuted_stream(entry: StreamEntry, images: ImageData, seed: int) -> Stream:
    """Build a permuted stream. An image keeps the data set's own label in every experience; its task label is 0.

    Each experience holds a copy of the images, 55 MB for MNIST: making it takes 0.1 s, while permuting images as they
    are asked for would slow training with minibatches of 256 by nearly a third.

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
    check_classes(entry, images.classes)
    check_test_classes(images.classes, images.test.classes)
    channels, height, width = images.train.x.shape[1:]
    orders = permutations(entry, height * width, seed)
    train, test = (
        [labelled_dataset(permuted(part.x, order), part.y, torch.zeros_like(part.y)) for order in orders]
        for part in (images.train, images.test)
    )
    shape = Shape((channels, height, width), entry.experiences, entry.classes, entry.classes, images.mean, images.std)
    classes = tuple(images.classes)
    digest = hashlib.sha256(orders.astype("<i4").tobytes()).hexdigest()[:16]
    return Stream(*avalanche_streams(train, test), shape, classes, images.names(classes), digest)


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
