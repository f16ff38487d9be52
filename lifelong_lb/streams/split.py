"""Split streams: the classes of a data set dealt out over experiences, equally many each."""

from collections.abc import Sequence
from typing import Any

import torch

from lifelong_lb.config import SplitStream, StreamEntry
from lifelong_lb.data.classes import check_test_classes, class_order
from lifelong_lb.data.image_tensors import ImageData, ImageTensors
from lifelong_lb.data.shape import Shape
from lifelong_lb.streams.stream import Stream, avalanche_streams, labelled_dataset


def split_stream(entry: StreamEntry, images: ImageData, seed: int) -> Stream:
    """Build a split stream.

    In the task-incremental scenario an image's label is its class's place within its experience, and its task label
    the experience; in the class-incremental one its label is its class's place in the whole order, and its task label
    0. Images are shared, not copied: an experience is a set of indices.

    Args:
        entry: what the study file says.
        images: the data set.
        seed: draws the class order, unless the entry fixes it.

    Returns:
        The stream.

    Raises:
        UserError: when the classes found cannot be dealt out as asked.
    """
    assert isinstance(entry, SplitStream)
    order = class_order(entry, images.classes, seed)
    check_test_classes(images.classes, images.test.classes)
    train, test = avalanche_streams(*(_datasets(part, order, entry) for part in (images.train, images.test)))
    channels, height, width = images.train.x.shape[1:]
    per = len(order) // entry.experiences
    shape = Shape((channels, height, width), entry.experiences, len(order), per, images.mean, images.std)
    return Stream(train, test, shape, order, images.names(order))


def _datasets(part: ImageTensors, order: Sequence[int], entry: SplitStream) -> list[Any]:
    place = torch.empty(max(order) + 1, dtype=torch.int64)
    place[list(order)] = torch.arange(len(order))
    position, per = place[part.y], len(order) // entry.experiences
    experience = position // per
    if entry.scenario == "task-incremental":
        whole = labelled_dataset(part.x, position % per, experience)
    else:
        whole = labelled_dataset(part.x, position, torch.zeros_like(position))
    return [whole.subset(torch.nonzero(experience == i).flatten().tolist()) for i in range(entry.experiences)]
