"""Which classes a data set has, and in which order a stream meets them."""

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
    """The data set's labels in the order in which a stream meets them.

    Args:
        entry: what the study file says.
        classes: the labels that occur in the data.
        seed: draws the order, unless the entry fixes it: of the classes, or of whole experiences where the classes of
            each belong together.

    Returns:
        The labels, permuted.

    Raises:
        UserError: when their number is no multiple of the experiences', or the fixed order names others.
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
    """Check that the classes found are those that a stream needs.

    Args:
        entry: what the study file says.
        classes: the labels that occur in the train part.

    Raises:
        UserError: when a class is missing, or the classes cannot be dealt out as asked.
    """
    if entry.classes is None:
        if min(classes) < 0:
            raise UserError(f"{entry.name}: labels of {entry.images} must be 0 or more; got {min(classes)}")
        if len(classes) < 2:
            only = f"one, with the label {classes[0]}" if classes else "none"
            raise UserError(f"{entry.name}: {entry.images} must have at least two classes; it has {only}")
    else:
        _check_known(entry, entry.classes, classes)
    if isinstance(entry, DealtStream):
        _check_split(entry, classes)


def _check_known(entry: StreamEntry, number: int, classes: Sequence[int]) -> None:
    known = set(range(number))
    if set(classes) - known or (known - set(classes) and not entry.may_be_partial):
        of = "classes among" if entry.may_be_partial else "the classes"
        raise UserError(
            f"{entry.name}: the train part of {entry.images} must have {of} 0 to {number - 1}; "
            f"it has {_listed(sorted(classes))}"
        )


def check_test_classes(learnt: Collection[int], tested: Collection[int]) -> None:
    """Check that a test part has the classes of its train part.

    Args:
        learnt: the labels that occur in the train part.
        tested: the labels that occur in the test part.

    Raises:
        UserError: naming a class that only one of them has.
    """
    for label in sorted(set(tested) - set(learnt)):
        raise UserError(f"the test part has the class {label}, which the train part lacks")
    for label in sorted(set(learnt) - set(tested)):
        raise UserError(f"the test part has no image of the class {label}, which the train part has")


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
