"""Layout of LaTeX tables: estimated widths, broken headings, and parts that fit a page."""

import textwrap
from collections.abc import Callable, Iterable
from typing import TypeVar

from lifelong_lb.reports.render.latex_text import latex_escaped
from lifelong_lb.reports.tables.styled import Cell, Column, Row, StyledTable

COLUMN = 229
"""Width in points up to which a table is set in one column of a two-column page."""
TEXT = 344
"""Maximum width of a table in points: the text width of a one-column article."""
MAX_LINES = 36
"""Maximum number of lines of a table, so that caption and notes fit the same page."""
GAP = 8
"""Distance of columns in points."""
MAX_LABEL = 150
"""Width in points beyond which a label is broken into lines."""

_CLASSES = {2.8: "ijl .,;:'!|", 3.9: 'frstI()-[]{}`"', 5.2: "acegoz?/0123456789", 7.5: "ABCDEFGHKLNOPQRTUVXYZJS&"}
_WIDTHS = {char: 0.9 * width for width, chars in _CLASSES.items() for char in chars}
_ASCII, _OTHER, _WIDEST = 5.3, 6.5, 9.0
_LEAST_HEADING = 9
"""Characters of a line of a heading."""
_MAX_WORD = 20
"""Characters after which a word is broken."""

Part = TypeVar("Part")


def text_width(text: str) -> float:
    r"""Estimate the width of a text in \small Computer Modern, rather too large than too small.

    Args:
        text: plain text.

    Returns:
        Points.
    """
    return sum(map(_character_width, text))


def _character_width(char: str) -> float:
    if char in _WIDTHS:
        return _WIDTHS[char]
    if char.isascii():
        return _WIDEST if char in "mwMW%=+<>@~^_#" else _ASCII
    shown = latex_escaped(char)
    return 5 * len(shown) if "U+" in shown else _OTHER


def _cell_width(cell: Cell) -> float:
    """Estimate the width of a cell with a number."""
    number = text_width(cell.text) * (1.15 if cell.best else 1)
    deviation = text_width(cell.deviation) + 11 if cell.deviation else 0
    return number + deviation  # marks are set into the gap


def heading_lines(column: Column, body: float) -> list[str]:
    """Break a heading into lines.

    Args:
        column: the column.
        body: width of its cells in points.

    Returns:
        Lines of plain text; the last one has the unit.

    Example:
        >>> heading_lines(Column("average accuracy", "%"), 42)
        ['average', 'accuracy', '(%)']
    """
    unit = f" ({column.unit})" if column.unit else ""
    title = column.title.replace(" = ", "=") + unit
    width = max(_LEAST_HEADING, int(body / _ASCII))
    lines = textwrap.wrap(title, width, break_long_words=False) or [""]
    return [piece for line in lines for piece in textwrap.wrap(line, _MAX_WORD)]


def column_widths(table: StyledTable) -> list[float]:
    """Estimate the widths of a table's columns.

    Args:
        table: the table.

    Returns:
        Points, one number per column.
    """
    widths = []
    for i, column in enumerate(table.columns):
        cells = [row[i] for row in table.rows]
        if column.kind == "label":
            body = min(MAX_LABEL, max(map(text_width, [column.title, *(cell.text for cell in cells)])))
            widths.append(body)
        else:
            body = max(map(_cell_width, cells), default=0)
            arrow = 8 if column.direction else 0
            lines = heading_lines(column, body)
            widths.append(max(body, *map(text_width, lines[:-1]), text_width(lines[-1]) + arrow))
    return widths


def split_columns(table: StyledTable) -> list[list[int]]:
    """Split columns of numbers into tables that fit the text width.

    Args:
        table: the table.

    Returns:
        Indices of the number columns of each table, split as evenly as possible.
    """
    widths = column_widths(table)
    room = TEXT - sum(width + GAP for width in widths[: table.labels])
    numbers = list(range(table.labels, len(table.columns)))
    for parts in range(1, len(numbers) + 1):
        size = -(-len(numbers) // parts)
        apart = [numbers[start : start + size] for start in range(0, len(numbers), size)]
        if all(sum(widths[i] + GAP for i in part) - GAP <= room for part in apart):
            return apart
    return [[i] for i in numbers]


def row_lines(row: Row, labels: int) -> int:
    """Count the lines of a row.

    Args:
        row: the row.
        labels: number of label columns.

    Returns:
        At least 1.
    """
    return max((int(text_width(cell.text) / MAX_LABEL * 1.15) + 1 for cell in row[:labels]), default=1)


def pages(parts: Iterable[Part], lines: Callable[[Part], int]) -> list[list[Part]]:
    """Distribute parts of a table over pages.

    Args:
        parts: the parts, in order.
        lines: number of lines of a part.

    Returns:
        The parts of each page, at least one per page.

    Example:
        >>> pages([30, 5, 2], lambda part: part)
        [[30, 5], [2]]
    """
    filled: list[list[Part]] = []
    room = 0
    for part in parts:
        if not filled or lines(part) > room:
            filled.append([])
            room = MAX_LINES
        filled[-1].append(part)
        room -= lines(part)
    return filled


def broken(text: str) -> list[str]:
    """Cut the long words of a text, so that lines can break in them.

    Args:
        text: plain text.

    Returns:
        Pieces that together are the text.
    """
    pieces = [""]
    for word in text.split(" "):
        chunks = [word[i : i + _MAX_WORD] for i in range(0, len(word), _MAX_WORD)] or [""]
        pieces[-1] += chunks[0] + ("" if chunks[1:] else " ")
        pieces += [*chunks[1:-1], *(f"{chunk} " for chunk in chunks[1:][-1:])]
    return [*pieces[:-1], pieces[-1].removesuffix(" ")]
