"""Domain streams: every experience has all images, with a different pixel transform."""

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
    """Build a stream whose experiences transform all images.

    The label of an image is the index of its class among all labels in ascending order; its task label is 0. Each
    experience has a transformed copy of the images (55 MB for MNIST), which takes tenths of a second. Transforming
    minibatches during training instead would slow it by almost a third at batch size 256.

    Args:
        entry: the stream's entry in the study file.
        images: the data set.
        seed: draws the subset of images if the entry selects one.
        changes: one function per experience, from uint8 ``(N, C, H, W)`` to uint8 ``(N, C, H, W)``.
        pixels: description of the changes, for the hash of the arrangement.
        permutations: see :class:`~lifelong_lb.streams.stream.Stream`.
        angles: see :class:`~lifelong_lb.streams.stream.Stream`.

    Returns:
        The stream.

    Raises:
        UserError: if a class or its images are missing in the data.
    """
    check_classes(entry, images.classes)
    chosen = select(entry, images.train.y.numpy(), images.test.y.numpy(), seed)
    measured_on = images.train if entry.evaluate == "validation" else images.test
    classes = tuple(images.classes)
    learning = _transformed(images.train, chosen.learnt, classes, changes)
    measuring = _transformed(measured_on, chosen.evaluated, classes, changes)
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


def _transformed(
    part: ImageTensors, chosen: Indices, classes: Sequence[int], changes: Sequence[Callable[[Tensor], Tensor]]
) -> list[Any]:
    x, y = part.x, part.y
    if len(chosen) < len(y):
        x, y = x[torch.from_numpy(chosen)], y[torch.from_numpy(chosen)]
    label = torch.searchsorted(torch.tensor(classes), y)
    return [labelled_dataset(change(x), label, torch.zeros_like(label)) for change in changes]
