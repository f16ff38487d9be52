"""Images dealt out over experiences, as indices. No torch here, so that they can be counted without it."""

from collections.abc import Sequence

import numpy as np

from lifelong_lb.config import DealtStream, PermutedStream, RotatedStream, StreamEntry
from lifelong_lb.data.classes import class_order
from lifelong_lb.data.selection import Indices, Labels, select
from lifelong_lb.seeding import BLUR, generator


def learnt_labels(entry: StreamEntry, train: Labels, test: Labels, seed: int) -> list[Labels] | None:
    """Labels of the images that each experience of a stream is learnt from.

    Args:
        entry: what the study file says.
        train: ``(N,)``, labels of the data set's train part.
        test: ``(M,)``, labels of its test part.
        seed: as for the stream itself.

    Returns:
        One array an experience, of the data set's own labels; None for a stream that a user has added, whose function
        alone decides.

    Raises:
        UserError: when the classes found cannot be dealt out as asked.
    """
    chosen = select(entry, train, test, seed).learnt
    if not isinstance(entry, DealtStream):
        return [train[chosen]] * entry.learnt if isinstance(entry, PermutedStream | RotatedStream) else None
    order = class_order(entry, np.unique(train).tolist(), seed)
    dealt = experiences_of(entry, positions(order, train), chosen, seed, blurry=entry.blurry)
    return [train[indices] for indices in dealt[: entry.learnt]]


def positions(order: Sequence[int], labels: Indices) -> Indices:
    """Places of labels in the class order.

    Args:
        order: the labels in the order in which a stream meets them.
        labels: ``(N,)``, all of them in the order.

    Returns:
        ``(N,)``.

    Example:
        >>> positions((7, 2, 5), np.array([5, 5, 7])).tolist()
        [2, 2, 0]
    """
    ascending = np.argsort(order)
    return ascending[np.searchsorted(order, labels, sorter=ascending)]


def experiences_of(
    entry: DealtStream, position: Indices, chosen: Indices, seed: int, blurry: float = 0.0
) -> list[Indices]:
    """Deal images out over experiences.

    Args:
        entry: what the study file says.
        position: ``(N,)``, the place of each image's class in the whole order.
        chosen: ascending indices of the images to deal out.
        seed: draws which of them go to other experiences.
        blurry: share of each class's images that goes to other experiences, spread evenly over them.

    Returns:
        One array of ascending indices an experience.
    """
    T = entry.experiences
    classes = np.unique(position[chosen]).tolist()
    per = (max(classes) + 1) // T
    home = position[chosen] // per
    for place in classes if blurry else ():
        draw = generator(seed, BLUR, place)
        own = np.flatnonzero(position[chosen] == place)
        moved = draw.permutation(own)[: round(len(own) * blurry)]
        others = draw.permutation([i for i in range(T) if i != place // per])
        home[moved] = others[np.arange(len(moved)) % (T - 1)]
    return [chosen[home == i] for i in range(T)]
