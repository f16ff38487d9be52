"""Which combinations of a grid are selected: all, unless ``only`` names some, or ``exclude`` leaves some out."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator

from lifelong_lb.config.checks.labels import axis_labels
from lifelong_lb.config.entries.fields import Entry, Settings
from lifelong_lb.config.errors import unknown_name
from lifelong_lb.config.parse import Problems, as_list, parse_settings
from lifelong_lb.untrusted import quoted

if TYPE_CHECKING:  # the import takes as long as all of `lifelong-lb list`, which needs no grid
    import numpy as np
    from numpy.typing import NDArray

    Combinations = NDArray[np.bool_]
    """Whether each combination is meant: one axis a grid axis (streams, strategies, rules, optimizers)."""

Grid = Mapping[str, Sequence[Entry]]
"""Entries of each axis, with labels that tell them apart."""


def _labels(value: Any) -> Any:
    if value is None:
        return None
    labels = as_list(value)
    if not labels or not all(isinstance(label, str) for label in labels):
        raise ValueError(f"must be what the study calls an entry, or a list of such names; got {quoted(value)}")
    return tuple(dict.fromkeys(labels))


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


MAX_SELECTIONS = 1000
"""Most selections under ``only``, and under ``exclude``."""


def parse_selections(key: str, value: Any, problems: Problems) -> tuple[Selection, ...]:
    """Build the selections under a key.

    Args:
        key: ``only`` or ``exclude``.
        value: a mapping, or a list of them.
        problems: receives what is wrong.

    Returns:
        Those that are right.
    """
    found: list[Selection] = []
    items = [] if value is None else as_list(value)
    if len(items) > MAX_SELECTIONS:
        problems.add(key, f"must hold at most {MAX_SELECTIONS:,} selections; got {len(items):,}")
        return ()
    for index, item in enumerate(items):
        selection = parse_settings(Selection, item, f"{key}[{index}]", problems)
        if selection is not None and not selection.named():
            problems.add(f"{key}[{index}]", "needs an axis and labels on it, such as {strategies: ewc, rules: sam}")
        elif selection is not None:
            found.append(selection)
    return tuple(found)


def whole(grid: Grid) -> "Combinations":
    """All combinations of a grid.

    Args:
        grid: entries of each axis.

    Returns:
        True everywhere.
    """
    import numpy as np

    return np.ones([len(grid[axis]) for axis in Selection.model_fields], dtype=bool)


def selected_combinations(grid: Grid, only: Sequence[Selection], exclude: Sequence[Selection]) -> "Combinations":
    """The combinations that a study asks for.

    Args:
        grid: entries of each axis.
        only: selections of which a combination must be in one, where there are any.
        exclude: selections of which it must be in none.

    Returns:
        Whether each is selected.
    """
    import numpy as np

    selected = whole(grid)
    names = _names(grid) if only or exclude else {}
    if only:
        selected[...] = False
    for one in only:
        selected[np.ix_(*_indices(names, one))] = True
    for one in exclude:
        selected[np.ix_(*_indices(names, one))] = False
    return selected


def meeting(selected: "Combinations", rows: str, columns: str) -> "Combinations":
    """Which entries of two axes meet in any of some combinations.

    Args:
        selected: the combinations.
        rows: an axis.
        columns: an axis after it.

    Returns:
        Whether they meet, ``(rows, columns)``.
    """
    import numpy as np

    others = tuple(i for i, axis in enumerate(Selection.model_fields) if axis not in (rows, columns))
    return np.asarray(selected.any(axis=others))


def checked_combinations(parts: Mapping[str, Any], problems: Problems) -> "Combinations":
    """See that selections name entries of the study, that each exclusion leaves something out, and that some are left.

    Args:
        parts: the study's axes, ``only`` and ``exclude``, checked one by one.
        problems: receives what is wrong.

    Returns:
        The combinations selected for; all of them where something was wrong.
    """
    import numpy as np

    if not parts["only"] and not parts["exclude"]:
        return whole(parts)
    before, names = len(problems.found), _names(parts)
    for key in ("only", "exclude"):
        for index, selection in enumerate(parts[key]):
            for axis, label in _unknown(names, selection):
                known = dict.fromkeys([*axis_labels(parts[axis], axis), *(entry.called for entry in parts[axis])])
                problems.add(f"{key}[{index}].{axis}", unknown_name("entry", label, known))
    if len(problems.found) > before:
        return whole(parts)
    left = selected_combinations(parts, parts["only"], ())
    for index, selection in enumerate(parts["exclude"]):
        within = np.ix_(*_indices(names, selection))
        if not left[within].any():
            beside = "only and the exclusions before it" if index else "only"
            problems.add(f"exclude[{index}]", f"leaves nothing out that {beside} would not leave out anyway")
        left[within] = False
    if not left.any():
        problems.add("exclude", "leaves nothing of the study")
    return left


def _unknown(names: Mapping[str, Mapping[str, list[int]]], selection: Selection) -> Iterator[tuple[str, str]]:
    for axis, labels in selection.named().items():
        yield from ((axis, label) for label in labels if label not in names[axis])


def _indices(names: Mapping[str, Mapping[str, list[int]]], selection: Selection) -> list[list[int]]:
    """Indices of the entries that a selection names on each axis, all where it names none."""
    named = selection.named()
    groups = [[own.get(label, []) for label in named[axis]] if axis in named else [] for axis, own in names.items()]
    return [
        group[0] if len(group) == 1 else sorted({*chain(*(group if axis in named else own.values()))})
        for group, (axis, own) in zip(groups, names.items(), strict=True)
    ]


def _names(grid: Grid) -> dict[str, dict[str, list[int]]]:
    """On each axis, what labels, else names, mean: indices of entries."""
    found: dict[str, dict[str, list[int]]] = {}
    for axis in Selection.model_fields:
        own = found[axis] = {}
        for index, entry in enumerate(grid[axis]):
            for name in {entry.name, entry.called}:
                own.setdefault(name, []).append(index)
        own |= {label: [index] for index, label in enumerate(axis_labels(grid[axis], axis))}
    return found
