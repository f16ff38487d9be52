"""Selection of the images that a stream is trained and evaluated on."""

from dataclasses import dataclass
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from lifelong_lb.config import DealtStream, SeveralSources, StreamEntry, UserError, refuse
from lifelong_lb.config.entries.streams.several_sources import LABELS_PER_SOURCE
from lifelong_lb.data.classes import check_test_classes
from lifelong_lb.seeding import SELECTION, TEST_IMAGES, VALIDATION, generator

Labels = NDArray[np.int64]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Selection:
    """Selected images, as ascending indices.

    Attributes:
        learnt: into the train part.
        evaluated: into the train part if the stream is evaluated on its validation part, otherwise into the test part.
    """

    learnt: Indices
    evaluated: Indices


def select(entry: StreamEntry, train: Labels, test: Labels, seed: int) -> Selection:
    """Select the images of a stream.

    Args:
        entry: the stream's entry in the study file.
        train: ``(N,)``, labels of the train part.
        test: ``(M,)``, labels of the test part.
        seed: draws the validation part and the selected images, from separate generators for each class.

    Returns:
        The selection.

    Raises:
        UserError: if a class has too few images.
    """
    check_images(entry, train, test)
    learnt, validation = [], []
    for label in np.unique(train).tolist():
        indices = np.flatnonzero(train == label)
        if entry.validation:
            count = _held_out(entry, len(indices))
            shuffled = generator(seed, VALIDATION, label).permutation(indices)
            validation.append(shuffled[:count])
            indices = np.sort(shuffled[count:])
        if entry.images_per_class is not None:
            indices = generator(seed, SELECTION, label).permutation(indices)[: entry.images_per_class]
        learnt.append(indices)
    evaluated = np.sort(np.concatenate(validation)) if entry.evaluate == "validation" else np.arange(len(test))
    return Selection(np.sort(np.concatenate(learnt)), evaluated)


def limit_test_images(test: Labels, number: int) -> Indices:
    """Select a random subset of the test part with the given number of images per class.

    The subset does not depend on the seed of a run, so that all runs are evaluated on the same images. The images of a
    smaller number are among those of a larger one.

    Args:
        test: ``(M,)``, labels of the test part, 0 or more.
        number: images per class; all of a class with fewer.

    Returns:
        Ascending indices.
    """
    selected = []
    for label in np.unique(test).tolist():
        indices = np.flatnonzero(test == label)
        selected.append(generator(0, TEST_IMAGES, label).permutation(indices)[:number])
    return np.sort(np.concatenate(selected))


def check_images(entry: StreamEntry, train: Labels, test: Labels) -> None:
    """Check that both parts have the same classes, and that each has enough images.

    Args:
        entry: the stream's entry in the study file.
        train: ``(N,)``, labels of the train part.
        test: ``(M,)``, labels of the test part.

    Raises:
        UserError: if a class is missing or has too few images.
    """
    labels, counts = np.unique(train, return_counts=True)
    learnt = labels
    if isinstance(entry, SeveralSources) and entry.shared_test:
        learnt = np.unique(labels % LABELS_PER_SOURCE)  # the test part has the labels of the first experience
    try:
        check_test_classes(learnt.tolist(), np.unique(test).tolist())
    except UserError as error:
        refuse(entry, entry.path_key, f"in {entry.images}, {error}")
    blurry = entry.blurry if isinstance(entry, DealtStream) else 0.0
    for label, count in zip(labels.tolist(), counts.tolist(), strict=True):
        left = min(count - _held_out(entry, count), entry.images_per_class or count)
        if entry.validation and not 0 < _held_out(entry, count) < count:
            _refuse(entry, "validation", label, count, f"hold out a fraction of {entry.validation:g} and keep one")
        if blurry and not 0 < round(left * blurry) < left:
            _refuse(entry, "blurry", label, left, f"move a fraction of {blurry:g} to other experiences and keep one")


def _refuse(entry: StreamEntry, key: str, label: int, count: int, purpose: str) -> NoReturn:
    number = f"{count} training image{'s' * (count != 1)}"
    refuse(entry, key, f"class {label} of {entry.images} has {number}, too few to {purpose}")


def _held_out(entry: StreamEntry, count: int) -> int:
    return round(count * entry.validation)
