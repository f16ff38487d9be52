"""Split streams: equal numbers of classes of a data set per experience."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from lifelong_lb.config import DealtStream, StreamEntry
from lifelong_lb.data.classes import class_order
from lifelong_lb.data.experiences import experiences_of, positions
from lifelong_lb.data.image_tensors import ImageData, ImageTensors
from lifelong_lb.data.selection import Indices, select
from lifelong_lb.data.shape import Shape
from lifelong_lb.streams.stream import Stream, arrangement, avalanche_streams, labelled_dataset


def split_stream(entry: StreamEntry, images: ImageData, seed: int) -> Stream:
    """Build a split stream.

    Let p be the position of a class in the class order and c the number of classes per experience. The label and the
    task label of an image are:

    - task-incremental: p mod c and p // c,
    - class-incremental: p and 0,
    - domain-incremental: p mod c and 0.

    Images are shared, not copied: an experience is a set of indices.

    Args:
        entry: the stream's entry in the study file.
        images: the data set.
        seed: draws the class order, unless the entry fixes it, and the subset of images if the entry selects one.

    Returns:
        The stream.

    Raises:
        UserError: if the classes cannot be split as the entry requires.
    """
    assert isinstance(entry, DealtStream)
    order = class_order(entry, images.classes, seed)
    train, test = images.train.y.numpy(), images.test.y.numpy()
    chosen = select(entry, train, test, seed)
    on_validation = entry.evaluate == "validation"
    places, measured = positions(order, train), positions(order, train if on_validation else test)
    learnt = experiences_of(entry, places, chosen.learnt, seed, blurry=entry.blurry)
    evaluated = experiences_of(entry, measured, chosen.evaluated, seed)
    learning = _datasets(images.train, places, len(order), entry, learnt)
    measuring = _datasets(images.train if on_validation else images.test, measured, len(order), entry, evaluated)
    per = len(order) // entry.experiences
    channels, height, width = images.train.x.shape[1:]
    label_map = {own: (i // per, *task_and_label(entry, i, len(order))) for i, own in enumerate(order)}
    return Stream(
        *avalanche_streams(learning, measuring),
        Shape(
            (channels, height, width),
            entry.experiences,
            per if entry.scenario == "domain-incremental" else len(order),
            per,
            images.mean,
            images.std,
        ),
        order,
        images.names(order),
        label_map,
        arrangement([np.array(order), *learnt, *evaluated], f"{entry.scenario}, {entry.evaluate}"),
    )


def task_and_label(entry: DealtStream, position: Any, classes: int) -> tuple[Any, Any]:
    """Compute task label and label from the position in the class order.

    Args:
        entry: the stream's entry in the study file.
        position: integers, positions of classes in the class order.
        classes: total number of classes.

    Returns:
        Task label and label, of the same shape as ``position``.
    """
    per = classes // entry.experiences
    task = position // per if entry.scenario == "task-incremental" else 0 * position
    return task, position if entry.scenario == "class-incremental" else position % per


def _datasets(
    part: ImageTensors, places: Indices, classes: int, entry: DealtStream, dealt: Sequence[Indices]
) -> list[Any]:
    task, label = task_and_label(entry, torch.from_numpy(places), classes)
    whole = labelled_dataset(part.x, label, task)
    return [whole.subset(indices.tolist()) for indices in dealt]
