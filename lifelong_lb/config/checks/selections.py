"""Selection of combinations of a grid by ``only`` and ``exclude``."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, ConfigDict, WithJsonSchema, model_validator

from lifelong_lb.config.checks.labels import axis_labels
from lifelong_lb.config.entries.fields import Entry, Settings, one_or_more
from lifelong_lb.config.errors import unknown_name
from lifelong_lb.config.parse import as_list
from lifelong_lb.config.problems import Problems
from lifelong_lb.untrusted import quoted

if TYPE_CHECKING:  # importing numpy takes as long as `lifelong-lb list`, which needs no grid
    import numpy as np
    from numpy.typing import NDArray

    Combinations = NDArray[np.bool_]
    """Whether each combination is selected, ``(streams, strategies, rules, optimizers)``."""

Grid = Mapping[str, Sequence[Entry]]
"""Entries of each axis, with unique labels."""


def _labels(value: Any) -> Any:
    if value is None:
        return None
    labels = as_list(value)
    if not labels or not all(isinstance(label, str) for label in labels):
        raise ValueError(f"must be a label or name of an entry, or a list of them; got {quoted(value)}")
    return tuple(dict.fromkeys(labels))


Labels = Annotated[tuple[str, ...] | None, BeforeValidator(_labels), WithJsonSchema(one_or_more({"type": "string"}))]


class Selection(Settings):
    """Combinations given by entries on each axis; an axis without a value selects all of its entries.

    An entry is given by its label in reports; a name selects all entries with that name.
    """

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    streams: Labels = None
    """Labels or names of streams; by default all."""
    strategies: Labels = None
    """Labels or names of strategies; by default all."""
    rules: Labels = None
    """Labels or names of rules; by default all."""
    optimizers: Labels = None
    """Labels or names of optimizers; by default all."""

    @model_validator(mode="after")
    def _restricts_an_axis(self) -> "Selection":
        if not self.named():
            raise ValueError("needs an axis with labels, e.g. {strategies: ewc, rules: sam}")
        return self

    def named(self) -> dict[str, tuple[str, ...]]:
        """Labels on each restricted axis.

        Returns:
            Axis to labels.
        """
        return {axis: labels for axis in type(self).model_fields if (labels := getattr(self, axis)) is not None}


MAX_SELECTIONS = 1000
"""Maximum number of selections under ``only``, and under ``exclude``."""


def _some(value: Any) -> Any:
    """One selection, or a list of them."""
    items = [] if value is None else as_list(value)
    if len(items) > MAX_SELECTIONS:
        raise ValueError(f"must have at most {MAX_SELECTIONS:,} selections; got {len(items):,}")
    return items


Selections = Annotated[
    tuple[Selection, ...], BeforeValidator(_some, json_schema_input_type=Selection | list[Selection])
]
"""The type of the fields ``only`` and ``exclude``."""


def whole(grid: Grid) -> "Combinations":
    """Select all combinations of a grid.

    Args:
        grid: entries of each axis.

    Returns:
        True everywhere.
    """
    import numpy as np

    return np.ones([len(grid[axis]) for axis in Selection.model_fields], dtype=bool)


def selected_combinations(grid: Grid, only: Sequence[Selection], exclude: Sequence[Selection]) -> "Combinations":
    """Select the combinations of a study.

    Args:
        grid: entries of each axis.
        only: if not empty, a combination must be in at least one of these selections.
        exclude: selections that a combination must not be in.

    Returns:
        Whether each combination is selected.
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
    """Project combinations onto two axes.

    Args:
        selected: the combinations.
        rows: an axis.
        columns: a later axis.

    Returns:
        Whether any combination has both entries, ``(rows, columns)``.
    """
    import numpy as np

    others = tuple(i for i, axis in enumerate(Selection.model_fields) if axis not in (rows, columns))
    return np.asarray(selected.any(axis=others))


def checked_combinations(parts: Mapping[str, Any], problems: Problems) -> "Combinations":
    """Check that selections name entries, that each exclusion has an effect, and that combinations remain.

    Args:
        parts: the study's axes, ``only`` and ``exclude``, checked separately.
        problems: receives the problems.

    Returns:
        The selected combinations; all of them if there are problems.
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
            earlier = "only and earlier exclusions" if index else "only"
            problems.add(f"exclude[{index}]", f"has no effect: these combinations are already left out by {earlier}")
        left[within] = False
    if not left.any():
        problems.add("exclude", "leaves out all combinations of the study")
    return left


def _unknown(names: Mapping[str, Mapping[str, list[int]]], selection: Selection) -> Iterator[tuple[str, str]]:
    for axis, labels in selection.named().items():
        yield from ((axis, label) for label in labels if label not in names[axis])


def _indices(names: Mapping[str, Mapping[str, list[int]]], selection: Selection) -> list[list[int]]:
    """Indices of the selected entries on each axis; all of an axis that is not restricted."""
    named = selection.named()
    groups = [[known.get(label, []) for label in named[axis]] if axis in named else [] for axis, known in names.items()]
    return [
        group[0] if len(group) == 1 else sorted({*chain(*(group if axis in named else known.values()))})
        for group, (axis, known) in zip(groups, names.items(), strict=True)
    ]


def _names(grid: Grid) -> dict[str, dict[str, list[int]]]:
    """Indices of the entries for each label or name, by axis."""
    found: dict[str, dict[str, list[int]]] = {}
    for axis in Selection.model_fields:
        indices = found[axis] = {}
        for index, entry in enumerate(grid[axis]):
            for name in {entry.name, entry.called}:
                indices.setdefault(name, []).append(index)
        indices |= {label: [index] for index, label in enumerate(axis_labels(grid[axis], axis))}
    return found
