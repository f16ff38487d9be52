"""Split streams: the classes of a data set distributed over experiences."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from lifelong_lb.config import DealtStream, SeveralSources, StreamEntry, Vectors
from lifelong_lb.config.entries.streams.several_sources import LABELS_PER_SOURCE
from lifelong_lb.data.classes import class_order, names_if_listed, with_labels
from lifelong_lb.data.experiences import experiences_of, positions
from lifelong_lb.data.image_tensors import ImageData, ImageTensors
from lifelong_lb.data.selection import Indices, select
from lifelong_lb.data.shape import Shape
from lifelong_lb.streams.standardise import standardised
from lifelong_lb.streams.stream import Stream, arrangement, avalanche_streams, labelled_dataset


def split_stream(entry: StreamEntry, images: ImageData, seed: int) -> Stream:
    """Build a split stream.

    Let p be the position of a class in the class order, e its experience and s the position of the first class of e.
    The label and the task label of an image are:

    - task-incremental: p - s and e,
    - class-incremental: p and 0,
    - domain-incremental: p - s and 0.

    Where classes recur in later experiences, the label is k for the data set's label 1000 i + k, and the task label 0.
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
    names = names_if_listed(entry, lambda: images.train.class_names)
    entry = with_labels(entry, lambda: names)
    assert isinstance(entry, DealtStream)
    order = class_order(entry, images.classes, seed, names)
    numbers = entry.class_numbers(order)
    train, test = images.train.y.numpy(), images.test.y.numpy()
    chosen = select(entry, train, test, seed)
    on_validation = entry.evaluate == "validation"
    places = positions(order, train)
    shared = isinstance(entry, SeveralSources) and entry.shared_test and not on_validation
    learnt = experiences_of(numbers, places, chosen.learnt, seed, blurry=entry.blurry)
    homes, tasks, labels = places_of(numbers, entry.scenario)
    recurring = isinstance(entry, SeveralSources) and entry.recurring
    if recurring:
        labels = np.array(order) % LABELS_PER_SOURCE
    if isinstance(entry, Vectors):
        images = standardised(entry, images, learnt[0])
    learning = _datasets(images.train, labels[places], tasks[places], learnt)
    if shared:
        evaluated = [chosen.evaluated] * len(numbers)
        own = test % LABELS_PER_SOURCE
        measuring = _datasets(images.test, own, np.zeros_like(own), evaluated[:1]) * len(numbers)
    else:
        measured = positions(order, train if on_validation else test)
        evaluated = experiences_of(numbers, measured, chosen.evaluated, seed)
        part = images.train if on_validation else images.test
        measuring = _datasets(part, labels[measured], tasks[measured], evaluated)
    channels, height, width = images.train.x.shape[1:]
    label_map = dict(zip(order, zip(homes.tolist(), tasks.tolist(), labels.tolist(), strict=True), strict=True))
    return Stream(
        *avalanche_streams(learning, measuring),
        Shape(
            (channels, height, width),
            len(numbers),
            len(order) if entry.scenario == "task-incremental" else int(labels.max()) + 1,
            numbers[0] if len(set(numbers)) == 1 else numbers,
            images.mean,
            images.std,
        ),
        order,
        images.names(order),
        _first_places(label_map) if recurring else label_map,
        arrangement([np.array(order), *learnt, *evaluated], f"{entry.scenario}, {entry.evaluate}"),
    )


def _first_places(label_map: Mapping[int, tuple[int, int, int]]) -> dict[int, tuple[int | None, int, int]]:
    """Keep the first of the data set's labels of each class that recurs; it belongs to no single experience."""
    first: dict[int, tuple[int | None, int, int]] = {}
    seen: set[int] = set()
    for label, (_, task, own) in label_map.items():
        if own not in seen:
            seen.add(own)
            first[label] = (None, task, own)
    return first


def places_of(numbers: Sequence[int], scenario: str) -> tuple[Indices, Indices, Indices]:
    """Experience, task label and label of each class, by its position in the class order.

    Args:
        numbers: number of classes of each experience.
        scenario: ``task-incremental``, ``class-incremental`` or ``domain-incremental``.

    Returns:
        Three arrays, one number per class.

    Example:
        >>> [each.tolist() for each in places_of((3, 1, 2), "task-incremental")]
        [[0, 0, 0, 1, 2, 2], [0, 0, 0, 1, 2, 2], [0, 1, 2, 0, 0, 1]]
    """
    position, home = np.arange(sum(numbers)), np.repeat(np.arange(len(numbers)), numbers)
    within = position - np.repeat(np.cumsum(numbers) - numbers, numbers)
    task = home if scenario == "task-incremental" else np.zeros_like(home)
    return home, task, position if scenario == "class-incremental" else within


def _datasets(part: ImageTensors, labels: Indices, tasks: Indices, dealt: Sequence[Indices]) -> list[Any]:
    whole = labelled_dataset(part.x, torch.from_numpy(labels), torch.from_numpy(tasks))
    return [whole.subset(indices.tolist()) for indices in dealt]
