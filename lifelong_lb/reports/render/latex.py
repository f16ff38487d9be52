"""Tables in LaTeX, for documents that load booktabs."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from lifelong_lb.reports.render.latex_layout import (
    COLUMN,
    GAP,
    MAX_LABEL,
    MAX_LINES,
    broken,
    column_widths,
    heading_lines,
    pages,
    row_lines,
    split_columns,
    text_width,
)
from lifelong_lb.reports.render.latex_text import latex_escaped, latex_label, latex_prose
from lifelong_lb.reports.tables.styled import Cell, Column, Group, StyledTable

_ARROWS = {"higher": r" $\uparrow$", "lower": r" $\downarrow$", "": ""}


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
    widths = column_widths(table)
    apart = split_columns(table)
    blocks = pages(_cut(table), lambda group: _height(group, table.labels))
    pieces = [_Piece(groups, columns) for groups in blocks for columns in apart]
    shown = pages(pieces, lambda piece: 3 + sum(_height(group, table.labels) for group in piece.groups))
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
        heights = [row_lines(row, table.labels) for row in group.rows]
        size = len(heights) if sum(heights) < MAX_LINES - 1 else max(1, (MAX_LINES // 2) // max(heights))
        groups += [Group(group.heading, group.rows[i : i + size]) for i in range(0, len(heights), size)]
    return groups


def _height(group: Group, labels: int) -> int:
    return 1 + bool(group.heading) + sum(row_lines(row, labels) for row in group.rows)


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
        [column.title] if column.kind == "label" else heading_lines(column, width)
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
    if text_width(label) <= width:
        return latex_label(label)
    return rf"\parbox[t]{{{width:.0f}pt}}{{\raggedright\strut {_breakable(label)}\strut}}"


def _breakable(text: str, form: Callable[[str], str] = latex_label) -> str:
    return r"\allowbreak{}".join(map(form, broken(text)))


def _number(cell: Cell, pad: int) -> str:
    text = latex_escaped(cell.text).replace("-", "$-$") if cell.text != "-" else "--"
    number = rf"\textbf{{{text}}}" if cell.best else text
    if cell.deviation:
        phantom = rf"\phantom{{{'0' * (pad - len(cell.deviation))}}}" if len(cell.deviation) < pad else ""
        number += rf"\,$\pm$\,{phantom}{latex_escaped(cell.deviation)}"
    marks = "*" * cell.differs + r"\dagger" * cell.not_significant
    return rf"{number}\rlap{{$^{{{marks}}}$}}" if marks else number
