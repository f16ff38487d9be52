"""LaTeX tables that fit a page: headings and labels broken into lines, columns and rows set out in parts."""

import textwrap
from collections.abc import Callable, Sequence
from typing import TypeVar

TEXT_WIDTH = 398
"""Points that a table may be wide: 14 cm, as in many a conference's style."""
MOST_LINES = 40
"""Lines of numbers that leave room on a page for a caption and the notes below."""

_CHARACTER = 3.9
"""Points of an average character in \\scriptsize."""
_NUMBER = 44
"""Points of a mean with its deviation."""
_GAP = 6
_HEADING, _LABEL, _LONGEST = 12, 22, 20
"""Characters of a line of a heading, of a row's label, and of a word in a heading."""

Part = TypeVar("Part")


def heading_lines(title: str) -> list[str]:
    """Break a heading where it is long.

    Args:
        title: plain text.

    Returns:
        Its lines; hyper-parameters begin a line of their own.

    Example:
        >>> heading_lines("sam(rho=0.05)"), heading_lines("lookbehind-sam(k=2, alpha=0.5)")
        (['sam', '(rho=0.05)'], ['lookbehind-', 'sam', '(k=2,', 'alpha=0.5)'])
    """
    return _lines(title, _HEADING)


def label_lines(label: str) -> list[str]:
    """Break the label of a row where it is long.

    Args:
        label: plain text.

    Returns:
        Its lines.

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
    return [piece for line in whole for piece in textwrap.wrap(line, max(width, _LONGEST))]


def columns_apart(labels: Sequence[Sequence[str]], titles: Sequence[str]) -> list[slice]:
    """Deal columns of numbers out to tables that are narrow enough.

    Args:
        labels: the columns of labels before them, which each table repeats.
        titles: of the columns of numbers.

    Returns:
        The columns of each table, about as many in each.
    """
    before = sum(_CHARACTER * _longest(map(label_lines, column)) + _GAP for column in labels)
    each = max(_NUMBER, _CHARACTER * _longest(map(heading_lines, titles))) + _GAP
    most = max(2, int((TEXT_WIDTH - before) / each))
    tables = -(-len(titles) // most)
    size = -(-len(titles) // tables)
    return [slice(start, start + size) for start in range(0, len(titles), size)]


def pages(parts: Sequence[Part], lines: Callable[[Part], int]) -> list[list[Part]]:
    """Gather parts of a table on pages, as many as there is room for.

    Args:
        parts: in their order.
        lines: how many lines a part takes.

    Returns:
        The parts of each page, one at least.

    Example:
        >>> pages([30, 10, 1], lambda part: part)
        [[30, 10], [1]]
    """
    found: list[list[Part]] = []
    room = 0
    for part in parts:
        if not found or lines(part) > room:
            found.append([])
            room = MOST_LINES
        found[-1].append(part)
        room -= lines(part)
    return found


def _longest(texts: "map[list[str]]") -> int:
    return max((len(line) for lines in texts for line in lines), default=0)
