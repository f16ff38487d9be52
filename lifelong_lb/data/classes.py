"""Which classes a data set has, and in which order a stream meets them."""

from collections.abc import Sequence

from lifelong_lb.config import SplitStream, UserError
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


def check_classes(entry: SplitStream, classes: Sequence[int]) -> None:
    """Check that the classes found can be dealt out as asked.

    Args:
        entry: what the study file says.
        classes: the labels that occur in the data.

    Raises:
        UserError: when they cannot.
    """
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
