"""Which images of a data set a stream learns from, and which its accuracy is measured on."""

from dataclasses import dataclass
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from lifelong_lb.config import DealtStream, StreamEntry, UserError
from lifelong_lb.data.classes import check_test_classes
from lifelong_lb.seeding import SELECTION, TEST_IMAGES, VALIDATION, generator

Labels = NDArray[np.int64]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Selection:
    """Chosen images, as ascending indices.

    Attributes:
        learnt: into the train part.
        evaluated: into the train part where the stream is evaluated on its validation part, else into the test part.
    """

    learnt: Indices
    evaluated: Indices


def select(entry: StreamEntry, train: Labels, test: Labels, seed: int) -> Selection:
    """Choose the images of a stream.

    Args:
        entry: what the study file says.
        train: ``(N,)``, labels of the train part.
        test: ``(M,)``, labels of the test part.
        seed: draws the validation part and the images that are kept, class by class, each from a generator of its own.

    Returns:
        The choice.

    Raises:
        UserError: when a class has too few images.
    """
    check_images(entry, train, test)
    kept, held = [], []
    for label in np.unique(train).tolist():
        own = np.flatnonzero(train == label)
        if entry.validation:
            count = _held_out(entry, len(own))
            mixed = generator(seed, VALIDATION, label).permutation(own)
            held.append(mixed[:count])
            own = np.sort(mixed[count:])
        if entry.images_per_class is not None:
            own = generator(seed, SELECTION, label).permutation(own)[: entry.images_per_class]
        kept.append(own)
    evaluated = np.sort(np.concatenate(held)) if entry.evaluate == "validation" else np.arange(len(test))
    return Selection(np.sort(np.concatenate(kept)), evaluated)


def limit_test_images(test: Labels, number: int) -> Indices:
    """Choose images of the test part: the first of a random order of each class.

    The order does not depend on the seed of a run, so that all runs are measured on the same images. A larger number
    adds images to those of a smaller one.

    Args:
        test: ``(M,)``, labels of the test part, 0 or more.
        number: images of each class; all of a class that has fewer.

    Returns:
        Ascending indices.
    """
    chosen = []
    for label in np.unique(test).tolist():
        own = np.flatnonzero(test == label)
        chosen.append(generator(0, TEST_IMAGES, label).permutation(own)[:number])
    return np.sort(np.concatenate(chosen))


def check_images(entry: StreamEntry, train: Labels, test: Labels) -> None:
    """Check that both parts have the same classes, and that each has enough images.

    Args:
        entry: what the study file says.
        train: ``(N,)``, labels of the train part.
        test: ``(M,)``, labels of the test part.

    Raises:
        UserError: naming the stream, and the class that lacks something.
    """
    labels, counts = np.unique(train, return_counts=True)
    try:
        check_test_classes(labels.tolist(), np.unique(test).tolist())
    except UserError as error:
        raise UserError(f"{entry.name}: in {entry.images}, {error}") from None
    blurry = entry.blurry if isinstance(entry, DealtStream) else 0.0
    for label, count in zip(labels.tolist(), counts.tolist(), strict=True):
        left = min(count - _held_out(entry, count), entry.images_per_class or count)
        if entry.validation and not 0 < _held_out(entry, count) < count:
            _refuse(entry, label, count, f"hold out a share of {entry.validation:g} and keep one")
        if blurry and not 0 < round(left * blurry) < left:
            _refuse(entry, label, left, f"see a share of {blurry:g} in other experiences and keep one")


def _refuse(entry: StreamEntry, label: int, count: int, purpose: str) -> NoReturn:
    number = f"{count} image{'s' * (count != 1)}"
    raise UserError(
        f"{entry.name}: the class {label} of {entry.images} has {number} to learn from, too few to {purpose}"
    )


def _held_out(entry: StreamEntry, count: int) -> int:
    return round(count * entry.validation)
