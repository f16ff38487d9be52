"""Tables as plain text for a terminal, and in Markdown."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from lifelong_lb.reports.tables.styled import Cell, StyledTable
from lifelong_lb.untrusted import printable

WIDTH = 80
"""Characters of a line."""
_LEAST_LABEL = 16
"""Characters below which a label column is not narrowed."""
_LEAST_HEADING = 9
"""Characters below which a heading is not broken."""
_MAX_WORD = 20
"""Characters after which a word of a heading is broken."""


def text_table(table: StyledTable, width: int = WIDTH) -> list[str]:
    """Format a table.

    Args:
        table: the table.
        width: width to which label columns and headings are broken; a table of many numbers may be wider.

    Returns:
        Lines: caption, headings, rows, notes.
    """
    if not table.rows:
        return text_lines(table.caption, width)
    pads = [_Pad.of([row[i] for row in table.rows]) for i in range(len(table.columns))]
    rows = [[_text(cell, pad) for cell, pad in zip(row, pads, strict=True)] for row in table.rows]
    numbers = [max(len(row[i]) for row in rows) for i in range(table.labels, len(table.columns))]
    titles = [_one_line(column.heading) for column in table.columns]
    heads = [_heading(title, body) for title, body in zip(titles[table.labels :], numbers, strict=True)]
    numbers = [max(body, *map(len, head)) for body, head in zip(numbers, heads, strict=True)]
    labels = _label_widths(table, rows, width - sum(numbers) - 2 * len(numbers))
    heads = [*(textwrap.wrap(title, label) for title, label in zip(titles, labels, strict=False)), *heads]
    widths = [*labels, *numbers]
    lines = [*text_lines(table.caption, width), *_aligned(heads, widths, table.labels, bottom=True)]
    lines.append("-" * (sum(widths) + 2 * (len(widths) - 1)))
    place = iter(rows)
    for group in table.groups:
        if group.heading:
            lines += text_lines(group.heading, width)
        for _ in group.rows:
            row = next(place)
            indent = "  " if group.heading else ""
            cells = [
                textwrap.wrap(indent + text, widths[i], subsequent_indent=indent + "  ") or [""]
                for i, text in enumerate(row[: table.labels])
            ]
            lines += _aligned([*cells, *([text] for text in row[table.labels :])], widths, table.labels)
    notes = [note for note in table.notes if not note.startswith("Bold")]  # plain text has no bold
    return [*lines, *(line for note in notes for line in text_lines(note, width))]


def text_lines(text: str, width: int = WIDTH) -> list[str]:
    """Break a text into lines.

    Args:
        text: any text.
        width: maximum number of characters of a line.

    Returns:
        Lines; those of a text that starts with spaces are indented further. Words are not broken at hyphens, so that
        a path can be copied.
    """
    indent = "    " if text.startswith("  ") else ""
    return textwrap.wrap(_one_line(text), width, subsequent_indent=indent, break_on_hyphens=False)


def _one_line(text: str) -> str:
    """Put a text on one line, with control characters escaped."""
    return printable(" ".join(text.split("\n")), lines=False)


@dataclass(frozen=True)
class _Pad:
    """Characters of the longest deviation and of the longest marks of a column."""

    deviation: int
    marks: int

    @classmethod
    def of(cls, cells: Sequence[Cell]) -> "_Pad":
        return cls(max(len(cell.deviation) for cell in cells), max(len(_marks(cell)) for cell in cells))


def _text(cell: Cell, pad: _Pad) -> str:
    deviation = f" ± {cell.deviation.rjust(pad.deviation)}" if cell.deviation else ""
    return _one_line(cell.text) + deviation + _marks(cell).ljust(pad.marks)


def _marks(cell: Cell) -> str:
    return "*" * cell.differs + "†" * cell.not_significant


def _heading(title: str, body: int) -> list[str]:
    lines = textwrap.wrap(title, max(body, _LEAST_HEADING), break_long_words=False)
    return [piece for line in lines for piece in textwrap.wrap(line, max(body, _MAX_WORD))]


def _label_widths(table: StyledTable, rows: Sequence[Sequence[str]], room: int) -> list[int]:
    """Widths of label columns: as wide as their texts, the widest one narrowed until they fit."""
    indents = [2 if group.heading else 0 for group in table.groups for _ in group.rows]
    widths = [
        max(len(table.columns[i].heading), *(len(row[i]) + indent for row, indent in zip(rows, indents, strict=True)))
        for i in range(table.labels)
    ]
    while sum(widths) + 2 * (len(widths) - 1) > room and max(widths, default=0) > _LEAST_LABEL:
        widths[widths.index(max(widths))] -= 1
    return widths


def _aligned(cells: Sequence[Sequence[str]], widths: Sequence[int], labels: int, *, bottom: bool = False) -> list[str]:
    """Lines of one row: labels left-aligned, numbers right-aligned."""
    height = max(map(len, cells))
    lines = []
    for i in range(height):
        texts = []
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True)):
            line = i - (height - len(cell)) if bottom else i
            text = cell[line] if 0 <= line < len(cell) else ""
            texts.append(text.ljust(width) if place < labels else text.rjust(width))
        lines.append("  ".join(texts).rstrip())
    return lines


def markdown_table(table: StyledTable) -> str:
    """Format a table.

    Args:
        table: the table.

    Returns:
        Caption, table and notes, ending with a newline. Headings of groups become a column.
    """
    if not table.rows:
        return f"{markdown_escaped(table.caption)}: no rows.\n"
    grouped = any(group.heading for group in table.groups)
    heads = [*([""] if grouped else []), *(markdown_escaped(column.heading) for column in table.columns)]
    lines = [heads, [":---" if i < table.labels + grouped else "---:" for i in range(len(heads))]]
    for group in table.groups:
        for number, row in enumerate(group.rows):
            heading = markdown_escaped(group.heading) if number == 0 else ""
            lines.append([*([heading] if grouped else []), *map(_cell, row)])
    shown = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    parts = [markdown_escaped(table.caption), shown, " ".join(map(markdown_escaped, table.notes))]
    return "\n\n".join(part for part in parts if part) + "\n"


def _cell(cell: Cell) -> str:
    text = markdown_escaped(cell.text)
    deviation = f" ± {markdown_escaped(cell.deviation)}" if cell.deviation else ""
    return (f"**{text}**" if cell.best else text) + deviation + r"\*" * cell.differs + "†" * cell.not_significant


def markdown_escaped(text: str) -> str:
    """Escape the special characters of Markdown and HTML.

    Args:
        text: plain text.

    Returns:
        Markdown on one line.
    """
    plain = "".join(f"\\{char}" if char in "\\`*_{}[]<>|#$~" else char for char in _one_line(text))
    return plain.replace("&", "&amp;")
