"""Tables in Markdown."""

from lifelong_lb.reports.render.text import one_line
from lifelong_lb.reports.tables.styled import Cell, StyledTable


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
    plain = "".join(f"\\{char}" if char in "\\`*_{}[]<>|#$~" else char for char in one_line(text))
    return plain.replace("&", "&amp;")
