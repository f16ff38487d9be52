"""Which classes a data set has, and in which order a stream meets them."""

from collections.abc import Collection, Sequence

from lifelong_lb.config import SplitStream, StreamEntry, UserError
from lifelong_lb.seeding import CLASS_ORDER, generator


def class_order(entry: SplitStream, classes: Sequence[int], seed: int) -> tuple[int, ...]:
    """The data set's labels in the order in which a stream meets them.

    Args:
        entry: what the study file says.
        classes: the labels that occur in the data.
        seed: draws the order, unless the entry fixes it.

    Returns:
        The labels, permuted.

    Raises:
        UserError: when their number is no multiple of the experiences', or the fixed order names others.
    """
    check_classes(entry, classes)
    if entry.class_order is not None:
        return entry.class_order
    return tuple(int(label) for label in generator(seed, CLASS_ORDER).permutation(list(classes)))


def check_classes(entry: StreamEntry, classes: Sequence[int]) -> None:
    """Check that the classes found are those that a stream needs.

    Args:
        entry: what the study file says.
        classes: the labels that occur in the train part.

    Raises:
        UserError: when a class is missing, or the classes cannot be dealt out as asked.
    """
    known = set(range(entry.classes))
    if set(classes) - known or (known - set(classes) and not entry.may_be_partial):
        of = "classes among" if entry.may_be_partial else "the classes"
        raise UserError(
            f"{entry.name}: the train part of {entry.dataset} must have {of} 0 to {entry.classes - 1}; "
            f"it has {_listed(sorted(classes))}"
        )
    if isinstance(entry, SplitStream):
        _check_split(entry, classes)


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


def _check_split(entry: SplitStream, classes: Sequence[int]) -> None:
    if len(classes) % entry.experiences:
        raise UserError(
            f"{entry.name}: experiences must divide the {len(classes)} classes found in the data; "
            f"got {entry.experiences}"
        )
    if entry.class_order is not None and sorted(entry.class_order) != sorted(classes):
        raise UserError(
            f"{entry.name}: class_order must name each class found in the data once ({_listed(sorted(classes))}); "
            f"got {_listed(entry.class_order)}"
        )


def _listed(labels: Sequence[int]) -> str:
    return ", ".join(map(str, labels[:24])) + (", ..." if len(labels) > 24 else "")
