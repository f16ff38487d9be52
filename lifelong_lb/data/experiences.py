"""Splitting of images into experiences, as indices. Does not import torch, so that images can be counted without it."""

from collections.abc import Sequence

import numpy as np

from lifelong_lb.config import DealtStream, PermutedStream, RotatedStream, StreamEntry
from lifelong_lb.data.classes import class_order
from lifelong_lb.data.selection import Indices, Labels, select
from lifelong_lb.seeding import BLUR, generator


def learnt_labels(entry: StreamEntry, train: Labels, test: Labels, seed: int) -> list[Labels] | None:
    """Return the labels of the training images of each experience of a stream.

    Args:
        entry: the stream's entry in the study file.
        train: ``(N,)``, labels of the data set's train part.
        test: ``(M,)``, labels of its test part.
        seed: seed of the stream.

    Returns:
        One array of the data set's labels per experience; None for a stream registered by the user, whose images are
        only known once it is built.

    Raises:
        UserError: if the classes cannot be split as the entry requires.
    """
    selected = select(entry, train, test, seed).learnt
    if not isinstance(entry, DealtStream):
        return [train[selected]] * entry.learnt if isinstance(entry, PermutedStream | RotatedStream) else None
    order = class_order(entry, np.unique(train).tolist(), seed)
    numbers = entry.class_numbers(order)
    experiences = experiences_of(numbers, positions(order, train), selected, seed, blurry=entry.blurry)
    return [train[indices] for indices in experiences[: entry.learnt]]


def positions(order: Sequence[int], labels: Indices) -> Indices:
    """Return the positions of labels in the class order.

    Args:
        order: the labels in the order in which a stream presents them.
        labels: ``(N,)``, each contained in ``order``.

    Returns:
        ``(N,)``.

    Example:
        >>> positions((7, 2, 5), np.array([5, 5, 7])).tolist()
        [2, 2, 0]
    """
    ascending = np.argsort(order)
    return ascending[np.searchsorted(order, labels, sorter=ascending)]


def experiences_of(
    numbers: Sequence[int], position: Indices, selected: Indices, seed: int, blurry: float = 0.0
) -> list[Indices]:
    """Split images into experiences.

    Args:
        numbers: number of classes of each experience.
        position: ``(N,)``, the position of each image's class in the class order.
        selected: ascending indices of the images to split.
        seed: draws the images that move to other experiences.
        blurry: fraction of each class's images that moves to other experiences, spread evenly over them.

    Returns:
        One array of ascending indices per experience.
    """
    T, home = len(numbers), np.repeat(np.arange(len(numbers)), numbers)
    experience = home[position[selected]]
    for c in np.unique(position[selected]).tolist() if blurry else ():
        draw = generator(seed, BLUR, c)
        of_class = np.flatnonzero(position[selected] == c)
        moved = draw.permutation(of_class)[: round(len(of_class) * blurry)]
        others = draw.permutation([i for i in range(T) if i != home[c]])
        experience[moved] = others[np.arange(len(moved)) % (T - 1)]
    return [selected[experience == i] for i in range(T)]
