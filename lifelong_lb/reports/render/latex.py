"""Tables in LaTeX, for documents that load booktabs; their widths are estimated, so that they fit a page."""

import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from lifelong_lb.reports.render.latex_text import latex_escaped, latex_label, latex_prose
from lifelong_lb.reports.tables.styled import Cell, Column, Group, Row, StyledTable

_ARROWS = {"higher": r" $\uparrow$", "lower": r" $\downarrow$", "": ""}
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


def latex_document(tables: Sequence[StyledTable], comments: Iterable[str] = ()) -> str:
    """Format tables for a document that loads booktabs.

    Args:
        tables: the tables; their notes follow the last one, each once.
        comments: sentences that are written as comments.

    Returns:
        ``table`` environments, ``table*`` for tables wider than a column of a two-column page; several for a table that
        fits neither the text width of an article nor a page. A comment without rows.
    """
    shown = [table for table in tables if table.rows]
    if not shown:
        return "% no rows\n"
    notes = list(dict.fromkeys(note for table in shown for note in table.notes))
    floats = [lines for table in shown for lines in _floats(table)]
    if notes:
        words = _breakable(" ".join(notes), latex_prose)
        note = rf"\parbox{{\linewidth}}{{\footnotesize\raggedright {words}}}"
        floats[-1][-1:-1] = [r"\par\smallskip", note]
    lines = [line for each in floats for line in [*each, ""]]
    return "\n".join([r"% needs \usepackage{booktabs}", *(f"% {latex_escaped(c)}" for c in comments), *lines])


@dataclass(frozen=True)
class _Piece:
    """Rows and columns of numbers that form one tabular."""

    groups: Sequence[Group]
    columns: Sequence[int]


def _floats(table: StyledTable) -> list[list[str]]:
    """Lines of each float of a table."""
    widths = _column_widths(table)
    apart = _split_columns(table)
    blocks = _pages(_cut(table), lambda group: _height(group, table.labels))
    pieces = [_Piece(groups, columns) for groups in blocks for columns in apart]
    shown = _pages(pieces, lambda piece: 3 + sum(_height(group, table.labels) for group in piece.groups))
    floats = []
    for number, page in enumerate(shown):
        width = max(_width(widths, table.labels, piece.columns) for piece in page)
        kind = "table" if width <= COLUMN else "table*"
        part = f" Part {number + 1} of {len(shown)}." if len(shown) > 1 else ""
        label = f"tab:{table.name}" + (f"-{number + 1}" if number else "")
        tabulars = [_tabular(table, piece, widths) for piece in page]
        floats.append([
            rf"\begin{{{kind}}}[t]",
            r"\centering",
            rf"\caption{{{_breakable(table.caption)}.{part}}}",
            rf"\label{{{label}}}",
            r"\small",
            rf"\setlength{{\tabcolsep}}{{{GAP / 2:g}pt}}",
            *(line for i, lines in enumerate(tabulars) for line in ([r"\par\medskip"] if i else []) + lines),
            rf"\end{{{kind}}}",
        ])
    return floats


def _cut(table: StyledTable) -> list[Group]:
    """Groups, those that do not fit a page in pieces."""
    groups = []
    for group in table.groups:
        heights = [_row_lines(row, table.labels) for row in group.rows]
        size = len(heights) if sum(heights) < MAX_LINES - 1 else max(1, (MAX_LINES // 2) // max(heights))
        groups += [Group(group.heading, group.rows[i : i + size]) for i in range(0, len(heights), size)]
    return groups


def _height(group: Group, labels: int) -> int:
    return 1 + bool(group.heading) + sum(_row_lines(row, labels) for row in group.rows)


def _width(widths: Sequence[float], labels: int, columns: Sequence[int]) -> float:
    places = [*range(labels), *columns]
    return float(sum(widths[i] for i in places) + GAP * (len(places) - 1))


def _tabular(table: StyledTable, piece: _Piece, widths: Sequence[float]) -> list[str]:
    places = [*range(table.labels), *piece.columns]
    columns = [table.columns[i] for i in places]
    pads = [max((len(row[i].deviation) for row in table.rows), default=0) for i in places]
    lines = [
        rf"\begin{{tabular}}{{@{{}}{''.join('l' if c.kind == 'label' else 'r' for c in columns)}@{{}}}}",
        r"\toprule",
        *_head(columns, [widths[i] for i in places]),
    ]
    for group in piece.groups:
        lines.append(r"\midrule")
        if group.heading:
            heading = _boxed(group.heading, _width(widths, table.labels, piece.columns))
            lines.append(rf"\multicolumn{{{len(columns)}}}{{@{{}}l@{{}}}}{{\emph{{{heading}}}}} \\")
        for row in group.rows:
            cells = [
                _boxed(row[i].text, MAX_LABEL) if i < table.labels else _number(row[i], pad)
                for i, pad in zip(places, pads, strict=True)
            ]
            lines.append(" & ".join(cells) + r" \\")
    return [*lines, r"\bottomrule", r"\end{tabular}"]


def _head(columns: Sequence[Column], widths: Sequence[float]) -> list[str]:
    """Rows of headings, aligned at the bottom."""
    broken_titles = [
        [column.title] if column.kind == "label" else _heading_lines(column, width)
        for column, width in zip(columns, widths, strict=True)
    ]
    height = max(map(len, broken_titles))
    texts = [
        [
            *[""] * (height - len(lines)),
            *map(latex_label, lines[:-1]),
            latex_label(lines[-1]) + _ARROWS[column.direction],
        ]
        for lines, column in zip(broken_titles, columns, strict=True)
    ]
    return [" & ".join(line) + r" \\" for line in zip(*texts, strict=True)]


def _boxed(label: str, width: float) -> str:
    """A label, broken into lines if it is wider than allowed."""
    if _text_width(label) <= width:
        return latex_label(label)
    return rf"\parbox[t]{{{width:.0f}pt}}{{\raggedright\strut {_breakable(label)}\strut}}"


def _breakable(text: str, form: Callable[[str], str] = latex_label) -> str:
    return r"\allowbreak{}".join(map(form, _broken(text)))


def _number(cell: Cell, pad: int) -> str:
    text = latex_escaped(cell.text).replace("-", "$-$") if cell.text != "-" else "--"
    number = rf"\textbf{{{text}}}" if cell.best else text
    if cell.deviation:
        phantom = rf"\phantom{{{'0' * (pad - len(cell.deviation))}}}" if len(cell.deviation) < pad else ""
        number += rf"\,$\pm$\,{phantom}{latex_escaped(cell.deviation)}"
    marks = "*" * cell.differs + r"\dagger" * cell.not_significant
    return rf"{number}\rlap{{$^{{{marks}}}$}}" if marks else number


def _text_width(text: str) -> float:
    r"""Estimate the width of a text in \small Computer Modern, rather too large than too small."""
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
    number = _text_width(cell.text) * (1.15 if cell.best else 1)
    deviation = _text_width(cell.deviation) + 11 if cell.deviation else 0
    return number + deviation  # marks are set into the gap


def _heading_lines(column: Column, body: float) -> list[str]:
    """Break a heading into lines."""
    unit = f" ({column.unit})" if column.unit else ""
    title = column.title.replace(" = ", "=") + unit
    width = max(_LEAST_HEADING, int(body / _ASCII))
    lines = textwrap.wrap(title, width, break_long_words=False) or [""]
    return [piece for line in lines for piece in textwrap.wrap(line, _MAX_WORD)]


def _column_widths(table: StyledTable) -> list[float]:
    """Estimate the widths of a table's columns."""
    widths = []
    for i, column in enumerate(table.columns):
        cells = [row[i] for row in table.rows]
        if column.kind == "label":
            body = min(MAX_LABEL, max(map(_text_width, [column.title, *(cell.text for cell in cells)])))
            widths.append(body)
        else:
            body = max(map(_cell_width, cells), default=0)
            arrow = 8 if column.direction else 0
            lines = _heading_lines(column, body)
            widths.append(max(body, *map(_text_width, lines[:-1]), _text_width(lines[-1]) + arrow))
    return widths


def _split_columns(table: StyledTable) -> list[list[int]]:
    """Split columns of numbers into tables that fit the text width."""
    widths = _column_widths(table)
    room = TEXT - sum(width + GAP for width in widths[: table.labels])
    numbers = list(range(table.labels, len(table.columns)))
    for parts in range(1, len(numbers) + 1):
        size = -(-len(numbers) // parts)
        apart = [numbers[start : start + size] for start in range(0, len(numbers), size)]
        if all(sum(widths[i] + GAP for i in part) - GAP <= room for part in apart):
            return apart
    return [[i] for i in numbers]


def _row_lines(row: Row, labels: int) -> int:
    """Count the lines of a row."""
    return max((int(_text_width(cell.text) / MAX_LABEL * 1.15) + 1 for cell in row[:labels]), default=1)


def _pages(parts: Iterable[Part], lines: Callable[[Part], int]) -> list[list[Part]]:
    """Distribute parts of a table over pages."""
    filled: list[list[Part]] = []
    room = 0
    for part in parts:
        if not filled or lines(part) > room:
            filled.append([])
            room = MAX_LINES
        filled[-1].append(part)
        room -= lines(part)
    return filled


def _broken(text: str) -> list[str]:
    """Cut the long words of a text, so that lines can break in them."""
    pieces = [""]
    for word in text.split(" "):
        chunks = [word[i : i + _MAX_WORD] for i in range(0, len(word), _MAX_WORD)] or [""]
        pieces[-1] += chunks[0] + ("" if chunks[1:] else " ")
        pieces += [*chunks[1:-1], *(f"{chunk} " for chunk in chunks[1:][-1:])]
    return [*pieces[:-1], pieces[-1].removesuffix(" ")]
