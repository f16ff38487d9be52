"""Tables in HTML."""

import re
from typing import Any

from markupsafe import Markup, escape

from lifelong_lb.reports.tables.styled import Cell, Column, StyledTable

LONG = 24
"""Number of rows beyond which a table scrolls in a box."""
WIDE = 9
"""Number of columns beyond which letters are smaller."""
_CONTROLS = dict.fromkeys(code for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n")


def html_table(table: StyledTable, *, small: bool = False) -> Markup:
    """Format a table, in a box that scrolls.

    Args:
        table: the table.
        small: whether to leave out caption, directions and notes, and to make it narrow.

    Returns:
        Markup; a column is sorted by the ``data-sort`` of its cells.
    """
    columns = len(table.columns)
    parts = [
        f'<div class="scroll{"" if small else " table"}{" long" if len(table.rows) > LONG else ""}" '
        f'role="region" aria-label="{escape(without_controls(table.caption))}" tabindex="0">',
        f'<table class="{"small" if small else "sortable wide" if columns > WIDE else "sortable"}">',
        "" if small else f"<caption><span>{escape(without_controls(table.caption))}</span></caption>",
        f"<thead><tr>{''.join(_heading(column, small=small) for column in table.columns)}</tr></thead>",
    ]
    for group in table.groups:
        parts.append("<tbody>")
        if group.heading:
            heading = escape(without_controls(group.heading))
            parts.append(
                f'<tr class="section"><th scope="rowgroup" colspan="{columns}"><span>{heading}</span></th></tr>'
            )
        parts += [f"<tr>{_row(row, table.labels)}</tr>" for row in map(list, group.rows)]
        parts.append("</tbody>")
    parts.append("</table></div>")
    if table.notes and not small:
        parts.append(f'<p class="notes">{escape(without_controls(" ".join(table.notes)))}</p>')
    return Markup("\n".join(part for part in parts if part))  # escaped above


def without_controls(text: Any) -> Any:
    """Remove the control characters that HTML forbids; markup stays markup.

    Args:
        text: a text; other values are returned as they are.

    Returns:
        The text.
    """
    return text.translate(_CONTROLS) if isinstance(text, str) else text


def breakable(label: str) -> Markup:
    """Escape a label and allow a line break before its hyper-parameters.

    Args:
        label: any text.

    Returns:
        Markup.
    """
    return Markup(re.sub(r"(?<=\S)\(", "<wbr>(", str(escape(without_controls(label)))))  # escaped


def _heading(column: Column, *, small: bool) -> str:
    attributes = ' class="label"' if column.kind == "label" else ""
    attributes += ' data-first="descending"' if column.direction == "higher" and not small else ""
    direction = (
        f' <span class="direction">{column.direction} is better</span>' if column.direction and not small else ""
    )
    return f'<th scope="col"{attributes}>{breakable(column.heading)}{direction}</th>'


def _row(row: list[Cell], labels: int) -> str:
    first = f'<th scope="row">{breakable(row[0].text)}</th>'
    others = "".join(f'<td class="label">{escape(without_controls(cell.text))}</td>' for cell in row[1:labels])
    return first + others + "".join(map(_number, row[labels:]))


def _number(cell: Cell) -> str:
    key = f' data-sort="{cell.value}"' if cell.value == cell.value else ""
    text = _minus(escape(cell.text))
    number = f"<b>{text}</b>" if cell.best else text
    deviation = f' <span class="sd">± {escape(cell.deviation)}</span>' if cell.deviation else ""
    marks = (
        f"<sup>{'*' * cell.differs}{'†' * cell.not_significant}</sup>" if cell.differs or cell.not_significant else ""
    )
    return f"<td{key}>{number}{deviation}{marks}</td>"


def _minus(text: str) -> str:
    return re.sub(r"-(?=\d)", "−", text)
