"""Class order of a stream, and checks of the classes of a data set."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from itertools import chain

import numpy as np

from lifelong_lb.config import (
    FIVE_DATASETS,
    DealtStream,
    FiveDatasets,
    SeveralSources,
    SplitStream,
    StreamEntry,
    UserError,
    refuse,
    unknown_name,
)
from lifelong_lb.config.entries.streams.experiences import NumpySeed
from lifelong_lb.seeding import CLASS_ORDER, generator
from lifelong_lb.untrusted import quoted


def class_order(entry: DealtStream, classes: Sequence[int], seed: int, names: Sequence[str] = ()) -> tuple[int, ...]:
    """Return the labels of a data set in the order in which a stream presents them.

    Args:
        entry: the stream's entry in the study file.
        classes: the labels that occur in the data.
        seed: draws the order, unless the entry fixes it: of the classes, or of whole experiences if each has its own
            classes.
        names: names of the classes in messages, as in :func:`check_classes`.

    Returns:
        The labels, permuted.

    Raises:
        UserError: if the classes cannot be split as the entry requires, or the fixed order contains other labels.
    """
    check_classes(entry, classes, names)
    if isinstance(entry, SplitStream):
        fixed = _fixed_order(entry)
        if fixed is not None:
            return fixed
        if isinstance(entry.class_order, NumpySeed):
            draw = np.random.RandomState(entry.class_order.numpy_seed)  # the generator behind np.random.seed
            return tuple(classes[i] for i in draw.permutation(len(classes)).tolist())
        return tuple(int(label) for label in generator(seed, CLASS_ORDER).permutation(list(classes)))
    if isinstance(entry, SeveralSources):
        return tuple(classes)  # ascending: in the order of the sources
    per = len(classes) // entry.length
    if isinstance(entry, FiveDatasets) and entry.order is not None:
        blocks = [FIVE_DATASETS.index(name) for name in entry.order]
    else:
        blocks = generator(seed, CLASS_ORDER).permutation(entry.length).tolist()
    return tuple(chain.from_iterable(classes[per * block : per * (block + 1)] for block in blocks))


def check_classes(entry: StreamEntry, classes: Sequence[int], names: Sequence[str] = ()) -> None:
    """Check that a data set has the classes that a stream needs.

    Args:
        entry: the stream's entry in the study file.
        classes: the labels that occur in the train part.
        names: names of the classes in messages, indexed by label; messages have labels where they are left out.

    Raises:
        UserError: if a class is missing, or the classes cannot be split as the entry requires.
    """
    if entry.classes is None:
        if min(classes) < 0:
            refuse(entry, entry.path_key, f"labels of {entry.images} must be 0 or more; got {min(classes)}")
        if len(classes) < 2:
            got = f"one, with label {classes[0]}" if classes else "none"
            refuse(entry, entry.path_key, f"{entry.images} must have at least two classes; got {got}")
    else:
        _check_known(entry, entry.classes, classes)
    if isinstance(entry, DealtStream) and not isinstance(entry, SeveralSources):
        _check_split(entry, classes, names)


def _check_known(entry: StreamEntry, number: int, classes: Sequence[int]) -> None:
    known = set(range(number))
    if set(classes) - known or (known - set(classes) and not entry.may_be_partial):
        expected = "classes among" if entry.may_be_partial else "the classes"
        refuse(
            entry,
            entry.path_key,
            f"the train part of {entry.images} must have {expected} 0 to {number - 1}; got {_listed(sorted(classes))}",
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


def names_if_listed(entry: StreamEntry, class_names: Callable[[], Sequence[str]]) -> Sequence[str]:
    """Return the names of the classes if ``experiences`` or ``class_order`` lists classes by name.

    Args:
        entry: the stream's entry in the study file.
        class_names: returns the data set's class names, indexed by label; none if it has none. Called only if needed.

    Returns:
        The names; none if the entry lists no names.
    """
    return class_names() if isinstance(entry, SplitStream) and _lists_names(entry) else ()


def _lists_names(entry: SplitStream) -> bool:
    return any(isinstance(one, str) for one in entry.fixed_order or ())


def with_labels(entry: StreamEntry, class_names: Callable[[], Sequence[str]]) -> StreamEntry:
    """Replace names of classes in ``experiences`` and ``class_order`` by labels.

    Args:
        entry: the stream's entry in the study file.
        class_names: returns the data set's class names, indexed by label; none if it has none. Called only if needed.

    Returns:
        The entry, or a copy that lists labels only.

    Raises:
        UserError: if a name is unknown, or two classes have it.
    """
    if not isinstance(entry, SplitStream) or not _lists_names(entry):
        return entry
    listed = entry.fixed_order
    assert listed is not None
    names = class_names()
    labels = {one: one if isinstance(one, int) else _label_of(one, entry, names) for one in listed}
    if entry.order_key == "class_order":
        return entry.model_copy(update={"class_order": tuple(labels[one] for one in listed)})
    groups = tuple(tuple(labels[one] for one in group) for group in entry.experiences)  # type: ignore[union-attr]
    return entry.model_copy(update={"experiences": groups})


def _label_of(name: str, entry: SplitStream, names: Sequence[str]) -> int:
    key = entry.order_key
    if not names:
        sentence = f"{entry.images} has no class names; list labels in {key}; got {quoted(name)}"
        refuse(entry, key, sentence)
    found = [label for label, known in enumerate(names) if known == name]
    if len(found) > 1:
        sentence = (
            f"classes {_listed(found)} of {entry.images} have the name {quoted(name)}; list their labels in {key}"
        )
        refuse(entry, key, sentence)
    if not found:
        sentence = f"in {key}, {unknown_name('class', name, [one for one in names if one])}"
        refuse(entry, key, sentence)
    return found[0]


def _fixed_order(entry: SplitStream) -> tuple[int, ...] | None:
    """The order that the entry fixes, as labels; None if it fixes none."""
    listed = entry.fixed_order
    if listed is None:
        return None
    assert all(isinstance(one, int) for one in listed), listed  # with_labels was called before
    return tuple(one for one in listed if isinstance(one, int))


def _check_split(entry: DealtStream, classes: Sequence[int], names: Sequence[str]) -> None:
    number, numbers = len(classes), entry.class_numbers(classes)
    if isinstance(entry.experiences, int) and number % entry.experiences:
        sentence = f"experiences must divide the {number} classes found in the data; got {entry.experiences}"
        refuse(entry, "experiences", sentence)
    order = _fixed_order(entry) if isinstance(entry, SplitStream) else None
    key = entry.order_key if isinstance(entry, SplitStream) else ""
    if sum(numbers) != number and (order is None or key != "experiences"):
        refuse(
            entry,
            "experiences",
            f"experiences must add up to the {number} classes found in the data; "
            f"got {_listed(numbers)}, which add up to {sum(numbers)}",
        )
    if order is not None and sorted(order) != sorted(classes):
        wrong = _differences(order, classes, names)
        refuse(entry, key, f"{key} must list each of the {number} classes found in the data once; {wrong}")


MAX_NAMED = 5
"""Classes that a message names before "and N more"."""


def _differences(order: Sequence[int], classes: Sequence[int], names: Sequence[str]) -> str:
    """What is wrong with a list of classes: which are missing, listed twice, or not in the data."""
    groups = (
        (sorted(set(classes) - set(order)), "missing"),
        ([label for label, count in Counter(order).items() if count > 1], "there twice"),
        (sorted(set(order) - set(classes)), "not in the data"),
    )
    return ", and ".join(
        f"{_named(labels, names)} {'is' if len(labels) == 1 else 'are'} {fault}" for labels, fault in groups if labels
    )


def _named(labels: Sequence[int], names: Sequence[str]) -> str:
    """Names of classes, or labels of those without one."""
    shown = [
        quoted(names[label]) if 0 <= label < len(names) and names[label] else str(label) for label in labels[:MAX_NAMED]
    ]
    more = len(labels) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _listed(labels: Sequence[int]) -> str:
    return ", ".join(map(str, labels[:24])) + (", ..." if len(labels) > 24 else "")
