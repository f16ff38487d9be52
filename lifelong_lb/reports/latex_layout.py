"""Layout of LaTeX tables: line breaks in headings and labels, and splits into parts that fit a page."""

import textwrap
from collections.abc import Callable, Sequence
from typing import TypeVar

TEXT_WIDTH = 398
"""Maximum width of a table in points: 14 cm, the text width of many conference styles."""
MAX_LINES = 40
"""Maximum number of lines of a table, so that caption and notes fit the same page."""

_CHARACTER = 3.9
"""Average width of a character in \\scriptsize, in points."""
_NUMBER = 44
"""Width of a mean with its standard deviation, in points."""
_GAP = 6
_HEADING, _LABEL, _MAX_WORD = 12, 22, 20
"""Maximum number of characters in a line of a heading, in a line of a row label, and in an unbroken word."""

Part = TypeVar("Part")


def heading_lines(title: str) -> list[str]:
    """Break a long column heading into lines.

    Args:
        title: plain text.

    Returns:
        Lines; hyper-parameters start on a new line.

    Example:
        >>> heading_lines("sam(rho=0.05)"), heading_lines("lookbehind-sam(k=2, alpha=0.5)")
        (['sam', '(rho=0.05)'], ['lookbehind-', 'sam', '(k=2,', 'alpha=0.5)'])
    """
    return _lines(title, _HEADING)


def label_lines(label: str) -> list[str]:
    """Break a long row label into lines.

    Args:
        label: plain text.

    Returns:
        Lines.

    Example:
        >>> label_lines("sam(rho=0.05)"), label_lines("lookbehind-sam(k=2, alpha=0.5)")
        (['sam(rho=0.05)'], ['lookbehind-sam', '(k=2, alpha=0.5)'])
    """
    return _lines(label, _LABEL)


def _lines(text: str, width: int) -> list[str]:
    if len(text) <= width:
        return [text]
    name, bracket, settings = text.partition("(")
    parts = [part for part in (name, bracket + settings) if part.strip()]
    whole = [line for part in parts for line in textwrap.wrap(part, width, break_long_words=False)]
    return [piece for line in whole for piece in textwrap.wrap(line, max(width, _MAX_WORD))]


def split_columns(labels: Sequence[Sequence[str]], titles: Sequence[str]) -> list[slice]:
    """Split columns of numbers into tables that fit the text width.

    Args:
        labels: label columns, which each table repeats.
        titles: headings of the columns of numbers.

    Returns:
        The columns of each table, split as evenly as possible.
    """
    before = sum(_CHARACTER * _longest(map(label_lines, column)) + _GAP for column in labels)
    each = max(_NUMBER, _CHARACTER * _longest(map(heading_lines, titles))) + _GAP
    most = max(2, int((TEXT_WIDTH - before) / each))
    tables = -(-len(titles) // most)
    size = -(-len(titles) // tables)
    return [slice(start, start + size) for start in range(0, len(titles), size)]


def pages(parts: Sequence[Part], lines: Callable[[Part], int]) -> list[list[Part]]:
    """Distribute parts of a table over pages.

    Args:
        parts: the parts, in order.
        lines: number of lines of a part.

    Returns:
        The parts of each page, at least one per page.

    Example:
        >>> pages([30, 10, 1], lambda part: part)
        [[30, 10], [1]]
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


def _longest(texts: "map[list[str]]") -> int:
    return max((len(line) for lines in texts for line in lines), default=0)
