"""Tables as values, independent of the format in which they are shown."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

DASH = "-"
"""Text of a cell without a number."""


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: plain text; a dash if there is no number.
        deviation: standard deviation that follows the number; empty for none.
        value: unrounded number behind the text, by which rows are sorted; NaN for none.
        best: whether it is the best mean of its group or row.
        not_significant: whether it does not differ significantly from the best, while others do.
        differs: whether it differs significantly from the baseline.
    """

    text: str = DASH
    deviation: str = ""
    value: float = math.nan
    best: bool = False
    not_significant: bool = False
    differs: bool = False


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        title: heading, plain text.
        unit: unit, e.g. ``%``; empty for none.
        direction: which values are better; empty if neither is.
        kind: ``label`` for text, ``number`` for numbers.
    """

    title: str
    unit: str = ""
    direction: Literal["higher", "lower", ""] = ""
    kind: Literal["label", "number"] = "number"

    @property
    def heading(self) -> str:
        """Title and unit."""
        return f"{self.title}, {self.unit}" if self.unit else self.title


Row = Sequence[Cell]


@dataclass(frozen=True)
class Group:
    """Rows with a common heading.

    Attributes:
        heading: plain text; empty for none.
        rows: rows of one cell per column.
    """

    heading: str
    rows: Sequence[Row]


@dataclass(frozen=True)
class StyledTable:
    """A table.

    Attributes:
        name: short name, ASCII letters and hyphens; the label in LaTeX.
        caption: plain text.
        columns: columns; those of kind ``label`` come first.
        groups: groups of rows, from top to bottom.
        notes: sentences that explain the marks that occur.
    """

    name: str
    caption: str
    columns: Sequence[Column]
    groups: Sequence[Group]
    notes: Sequence[str] = ()

    @property
    def rows(self) -> list[Row]:
        """Rows of all groups."""
        return [row for group in self.groups for row in group.rows]

    @property
    def labels(self) -> int:
        """Number of leading label columns."""
        return next((i for i, column in enumerate(self.columns) if column.kind == "number"), len(self.columns))

    def has(self, mark: Callable[[Cell], bool]) -> bool:
        """Return whether a cell has a mark.

        Args:
            mark: maps a cell to whether it has the mark.

        Returns:
            The answer.
        """
        return any(mark(cell) for row in self.rows for cell in row)

    def select(self, rows: Callable[[int, Row], bool]) -> "StyledTable":
        """Return the table with some of its rows.

        Args:
            rows: maps the place of a row in its group, and the row, to whether it stays.

        Returns:
            A table without empty groups.
        """
        groups = [
            Group(group.heading, kept)
            for group in self.groups
            if (kept := [row for i, row in enumerate(group.rows) if rows(i, row)])
        ]
        return replace(self, groups=groups)

    def without_last_row(self) -> "StyledTable":
        """Return the table without its last row.

        Returns:
            A table without empty groups.
        """
        *groups, last = self.groups
        rest = [Group(last.heading, last.rows[:-1])] if len(last.rows) > 1 else []
        return replace(self, groups=[*groups, *rest])

    def with_notes(self, notes: Sequence[str]) -> "StyledTable":
        """Return the table with other notes.

        Args:
            notes: sentences.

        Returns:
            The table.
        """
        return replace(self, notes=notes)
