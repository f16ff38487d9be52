"""Streams that show all images in every experience, their pixels changed each time."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lifelong_lb.config import StreamEntry
from lifelong_lb.data.classes import check_classes
from lifelong_lb.data.image_tensors import ImageData, ImageTensors
from lifelong_lb.data.selection import Indices, select
from lifelong_lb.data.shape import Shape
from lifelong_lb.streams.stream import Stream, arrangement, avalanche_streams, labelled_dataset


def domain_stream(
    entry: StreamEntry,
    images: ImageData,
    seed: int,
    changes: Sequence[Callable[[Tensor], Tensor]],
    pixels: str,
    permutations: str | None = None,
    angles: tuple[float, ...] = (),
) -> Stream:
    """Build such a stream. An image's label is its class's place among all labels, ascending; its task label is 0.

    Each experience holds a copy of its images, 55 MB for MNIST: making it takes tenths of a second, while changing
    images as they are asked for would slow training with minibatches of 256 by nearly a third.

    Args:
        entry: what the study file says.
        images: the data set.
        seed: draws which images are meant where not all are.
        changes: one function an experience, from uint8 ``(N, C, H, W)`` to the same.
        pixels: what they do, for the arrangement's hash.
        permutations: see :class:`~lifelong_lb.streams.stream.Stream`.
        angles: likewise.

    Returns:
        The stream.

    Raises:
        UserError: when the data found lack a class, or images of one.
    """
    check_classes(entry, images.classes)
    chosen = select(entry, images.train.y.numpy(), images.test.y.numpy(), seed)
    measured_on = images.train if entry.evaluate == "validation" else images.test
    classes = tuple(images.classes)
    learning = _changed(images.train, chosen.learnt, classes, changes)
    measuring = _changed(measured_on, chosen.evaluated, classes, changes)
    channels, height, width = images.train.x.shape[1:]
    return Stream(
        *avalanche_streams(learning, measuring),
        Shape((channels, height, width), len(changes), len(classes), len(classes), images.mean, images.std),
        classes,
        images.names(classes),
        {own: (None, 0, label) for label, own in enumerate(classes)},
        arrangement([np.array(classes), chosen.learnt, chosen.evaluated], f"{entry.evaluate}, {pixels}"),
        permutations,
        angles,
    )


def _changed(
    part: ImageTensors, chosen: Indices, classes: Sequence[int], changes: Sequence[Callable[[Tensor], Tensor]]
) -> list[Any]:
    x, y = part.x, part.y
    if len(chosen) < len(y):
        x, y = x[torch.from_numpy(chosen)], y[torch.from_numpy(chosen)]
    label = torch.searchsorted(torch.tensor(classes), y)
    return [labelled_dataset(change(x), label, torch.zeros_like(label)) for change in changes]
