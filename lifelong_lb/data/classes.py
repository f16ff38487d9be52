"""Class order of a stream, and checks of the classes of a data set."""

from collections.abc import Collection, Sequence
from itertools import chain

from lifelong_lb.config import (
    FIVE_DATASETS,
    DealtStream,
    FiveDatasets,
    SplitStream,
    StreamEntry,
    UserError,
)
from lifelong_lb.seeding import CLASS_ORDER, generator


def class_order(entry: DealtStream, classes: Sequence[int], seed: int) -> tuple[int, ...]:
    """Return the labels of a data set in the order in which a stream presents them.

    Args:
        entry: the stream's entry in the study file.
        classes: the labels that occur in the data.
        seed: draws the order, unless the entry fixes it: of the classes, or of whole experiences if each has its own
            classes.

    Returns:
        The labels, permuted.

    Raises:
        UserError: if the number of classes is not a multiple of the number of experiences, or the fixed order contains
            other labels.
    """
    check_classes(entry, classes)
    if isinstance(entry, SplitStream):
        if entry.class_order is not None:
            return entry.class_order
        return tuple(int(label) for label in generator(seed, CLASS_ORDER).permutation(list(classes)))
    per = len(classes) // entry.experiences
    if isinstance(entry, FiveDatasets) and entry.order is not None:
        blocks = [FIVE_DATASETS.index(name) for name in entry.order]
    else:
        blocks = generator(seed, CLASS_ORDER).permutation(entry.experiences).tolist()
    return tuple(chain.from_iterable(classes[per * block : per * (block + 1)] for block in blocks))


def check_classes(entry: StreamEntry, classes: Sequence[int]) -> None:
    """Check that a data set has the classes that a stream needs.

    Args:
        entry: the stream's entry in the study file.
        classes: the labels that occur in the train part.

    Raises:
        UserError: if a class is missing, or the classes cannot be split as the entry requires.
    """
    if entry.classes is None:
        if min(classes) < 0:
            raise UserError(f"{entry.name}: labels of {entry.images} must be 0 or more; got {min(classes)}")
        if len(classes) < 2:
            got = f"one, with label {classes[0]}" if classes else "none"
            raise UserError(f"{entry.name}: {entry.images} must have at least two classes; got {got}")
    else:
        _check_known(entry, entry.classes, classes)
    if isinstance(entry, DealtStream):
        _check_split(entry, classes)


def _check_known(entry: StreamEntry, number: int, classes: Sequence[int]) -> None:
    known = set(range(number))
    if set(classes) - known or (known - set(classes) and not entry.may_be_partial):
        expected = "classes among" if entry.may_be_partial else "the classes"
        raise UserError(
            f"{entry.name}: the train part of {entry.images} must have {expected} 0 to {number - 1}; "
            f"got {_listed(sorted(classes))}"
        )


def check_test_classes(learnt: Collection[int], tested: Collection[int]) -> None:
    """Check that the train and test part have the same classes.

    Args:
        learnt: the labels that occur in the train part.
        tested: the labels that occur in the test part.

    Raises:
        UserError: if only one of them has a class.
    """
    for label in sorted(set(tested) - set(learnt)):
        raise UserError(f"class {label} is in the test part, but not in the train part")
    for label in sorted(set(learnt) - set(tested)):
        raise UserError(f"class {label} is in the train part, but not in the test part")


def _check_split(entry: DealtStream, classes: Sequence[int]) -> None:
    if len(classes) % entry.experiences:
        raise UserError(
            f"{entry.name}: experiences must divide the {len(classes)} classes found in the data; "
            f"got {entry.experiences}"
        )
    order = entry.class_order if isinstance(entry, SplitStream) else None
    if order is not None and sorted(order) != sorted(classes):
        raise UserError(
            f"{entry.name}: class_order must name each class found in the data once ({_listed(sorted(classes))}); "
            f"got {_listed(order)}"
        )


def _listed(labels: Sequence[int]) -> str:
    return ", ".join(map(str, labels[:24])) + (", ..." if len(labels) > 24 else "")
