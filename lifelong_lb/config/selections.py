"""Which combinations of a grid are asked for: all, unless ``only`` names some, or ``exclude`` leaves some out."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Annotated, Any

from pydantic import BeforeValidator

from lifelong_lb.config.errors import unknown_name
from lifelong_lb.config.fields import Entry, Settings
from lifelong_lb.config.labels import axis_labels
from lifelong_lb.config.parse import Problems, as_list, parse_settings
from lifelong_lb.untrusted import quoted

Combination = tuple[int, int, int, int]
"""Index of an entry on each axis: streams, strategies, rules, optimizers."""

Grid = Mapping[str, Sequence[Entry]]
"""Entries of each axis, with labels that tell them apart."""


def _labels(value: Any) -> Any:
    if value is None:
        return None
    labels = as_list(value)
    if not labels or not all(isinstance(label, str) for label in labels):
        raise ValueError(f"must be what the study calls an entry, or a list of such names; got {quoted(value)}")
    return tuple(labels)


Labels = Annotated[tuple[str, ...] | None, BeforeValidator(_labels)]


class Selection(Settings):
    """Combinations whose entries are among those named on each axis; an axis that is not named has all of its entries.

    An entry is named by its label, as reports call it; a name means all entries that have it.
    """

    streams: Labels = None
    strategies: Labels = None
    rules: Labels = None
    optimizers: Labels = None

    def named(self) -> dict[str, tuple[str, ...]]:
        """Labels on each axis that the selection names.

        Returns:
            Axis to labels.
        """
        return {axis: labels for axis in type(self).model_fields if (labels := getattr(self, axis)) is not None}


def parse_selections(key: str, value: Any, problems: Problems) -> tuple[Selection, ...]:
    """Build the selections under a key.

    Args:
        key: ``only`` or ``exclude``.
        value: a mapping, or a list of them.
        problems: receives what is wrong.

    Returns:
        Those that are right.
    """
    found = []
    for index, item in enumerate([] if value is None else as_list(value)):
        selection = parse_settings(Selection, item, f"{key}[{index}]", problems)
        if selection is not None and not selection.named():
            problems.add(f"{key}[{index}]", "needs an axis and labels on it, such as {strategies: ewc, rules: sam}")
        elif selection is not None:
            found.append(selection)
    return tuple(found)


def whole(grid: Grid) -> list[Combination]:
    """All combinations of a grid.

    Args:
        grid: entries of each axis.

    Returns:
        Combinations, streams outermost.
    """
    a, b, c, d = (range(len(grid[axis])) for axis in Selection.model_fields)
    return list(product(a, b, c, d))


def asked_for(grid: Grid, only: Sequence[Selection], exclude: Sequence[Selection]) -> list[Combination]:
    """The combinations that a study asks for.

    Args:
        grid: entries of each axis.
        only: selections of which a combination must be in one, where there are any.
        exclude: selections of which it must be in none.

    Returns:
        Combinations, streams outermost.
    """
    kept, left_out = ([_indices(grid, one) for one in group] for group in (only, exclude))
    return [
        one
        for one in whole(grid)
        if (not kept or any(_within(one, each) for each in kept)) and not any(_within(one, each) for each in left_out)
    ]


def checked_combinations(parts: Mapping[str, Any], problems: Problems) -> list[Combination]:
    """See that selections name entries of the study, that each exclusion leaves something out, and that some are left.

    Args:
        parts: the study's axes, ``only`` and ``exclude``, checked one by one.
        problems: receives what is wrong.

    Returns:
        The combinations asked for; all of them where something was wrong.
    """
    before = len(problems.found)
    for key in ("only", "exclude"):
        for index, selection in enumerate(parts[key]):
            for axis, label in _unknown(parts, selection):
                known = dict.fromkeys([*axis_labels(parts[axis], axis), *(entry.called for entry in parts[axis])])
                problems.add(f"{key}[{index}].{axis}", unknown_name("entry", label, known))
    if len(problems.found) > before:
        return whole(parts)
    left = asked_for(parts, parts["only"], ())
    for index, selection in enumerate(parts["exclude"]):
        indices = _indices(parts, selection)
        fewer = [one for one in left if not _within(one, indices)]
        if len(fewer) == len(left):
            beside = "only and the exclusions before it" if index else "only"
            problems.add(f"exclude[{index}]", f"leaves nothing out that {beside} would not leave out anyway")
        left = fewer
    if not left:
        problems.add("exclude", "leaves nothing of the study")
    return left


def _unknown(grid: Grid, selection: Selection) -> Iterator[tuple[str, str]]:
    for axis, labels in selection.named().items():
        yield from ((axis, label) for label in labels if not _entries(grid, axis, label))


def _indices(grid: Grid, selection: Selection) -> tuple[set[int] | None, ...]:
    """Indices of the entries that a selection names on each axis; None where it names none."""
    named = selection.named()
    return tuple(
        {index for label in named[axis] for index in _entries(grid, axis, label)} if axis in named else None
        for axis in Selection.model_fields
    )


def _entries(grid: Grid, axis: str, label: str) -> list[int]:
    """Indices of the entries that a label, else a name, means."""
    labels = axis_labels(grid[axis], axis)
    if label in labels:
        return [labels.index(label)]
    return [index for index, entry in enumerate(grid[axis]) if label in (entry.name, entry.called)]


def _within(one: Combination, indices: Sequence[set[int] | None]) -> bool:
    return all(among is None or index in among for index, among in zip(one, indices, strict=True))
