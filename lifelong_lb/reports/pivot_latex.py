"""A pivot as LaTeX tables: the best in bold, values not significantly different from it underlined."""

from collections.abc import Sequence
from dataclasses import dataclass

from lifelong_lb.reports.latex import escape, float_lines, latex_heading, latex_label, latex_number, note_lines, part_of
from lifelong_lb.reports.latex_layout import MAX_LINES, label_lines, pages, split_columns
from lifelong_lb.reports.pivot_values import PivotValues
from lifelong_lb.reports.pivot_words import caption_of, note_of
from lifelong_lb.reports.tables import HEADINGS

_MARKS = "Underlined"


@dataclass(frozen=True)
class _Piece:
    """Rows and columns of a pivot that form one table, and its height in lines."""

    rows: slice
    columns: slice
    lines: int


def pivot_latex(table: PivotValues, caption: str = "") -> str:
    """Write a pivot in LaTeX.

    Args:
        table: the pivot.
        caption: text to prepend to the caption.

    Returns:
        A ``table`` environment, in which columns that do not fit the width continue below; several environments if they
        do not fit a page; a comment if there are no rows.
    """
    if table.text.empty:
        return "% no runs\n"
    words = " ".join(filter(None, [caption, caption_of(table, _MARKS)]))
    shown = pages(_pieces(table), lambda piece: piece.lines)
    tables = [
        float_lines(words + part_of(i, len(shown)), [_tabular(table, piece) for piece in pieces])
        for i, pieces in enumerate(shown)
    ]
    tables[-1][-1:-1] = note_lines(note_of(table, _MARKS))
    lines = [line for each in tables for line in each]
    return "\n".join([r"% needs \usepackage{booktabs}; about 14 cm wide", *lines, ""])


def _pieces(table: PivotValues) -> list[_Piece]:
    labels = table.labels
    columns = split_columns(list(zip(*labels, strict=True)), list(map(str, table.text.columns)))
    heights = [max(len(label_lines(label)) for label in row) for row in labels]
    size = len(labels) if sum(heights) <= MAX_LINES - 2 else MAX_LINES // 2
    starts = range(0, len(labels), size)
    return [
        _Piece(slice(start, start + size), column_slice, 2 + sum(heights[start : start + size]))
        for start in starts
        for column_slice in columns
    ]


def _tabular(table: PivotValues, piece: _Piece) -> list[str]:
    rows = list(map(str, table.text.index.names))
    titles = [escape(HEADINGS.get(name, name)) for name in rows]
    names = list(map(str, table.text.columns))
    return [
        rf"\begin{{tabular}}{{@{{}}{'l' * len(rows)}{'r' * len(names[piece.columns])}@{{}}}}",
        r"\toprule",
        " & ".join([*titles, *map(latex_heading, names[piece.columns])]) + r" \\",
        r"\midrule",
        *_lines(table, range(len(table.text))[piece.rows], range(len(names))[piece.columns]),
        r"\bottomrule",
        r"\end{tabular}",
    ]


def _lines(table: PivotValues, rows: Sequence[int], columns: Sequence[int]) -> list[str]:
    lines = []
    before: tuple[str, ...] = ()
    for row in rows:
        labels = table.labels[row]
        shown = [
            "" if labels[: place + 1] == before[: place + 1] else latex_label(label)
            for place, label in enumerate(labels)
        ]
        lines.append(" & ".join([*shown, *(_cell(table, row, i) for i in columns)]) + r" \\")
        before = labels
    return lines


def _cell(table: PivotValues, row: int, column: int) -> str:
    number = latex_number(str(table.text.iloc[row, column]), bold=bool(table.best.iloc[row, column]))
    return rf"\underline{{{number}}}" if table.not_significant.iloc[row, column] else number
