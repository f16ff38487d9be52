"""The summary as plain text for a terminal, and as Markdown."""

import textwrap
from collections.abc import Sequence

import pandas as pd

from lifelong_lb.reports.comparisons import comparison_definitions, readable_comparisons, verdict_on
from lifelong_lb.reports.results import Results
from lifelong_lb.reports.summary import GROUP, state_sentence, summary_table, varying, verdict
from lifelong_lb.reports.tables import (
    HEADINGS,
    KNOWN,
    SPREAD,
    Section,
    constants,
    definitions,
    readable_table,
    sections,
    units,
)
from lifelong_lb.reports.tuning import TUNING_NOTE, tuning_sentences, tuning_table
from lifelong_lb.reports.undefined import undefined_reason
from lifelong_lb.untrusted import printable

_LABEL_WIDTH = 22
_HEADING_WIDTH = 11
_PAGE_WIDTH = 108


def summary_text(results: Results) -> str:
    """Format the summary for a terminal: one table, definitions, and what the seeds can decide.

    Args:
        results: results of a folder.

    Returns:
        Lines of at most about 110 characters, ending with a newline.
    """
    summary = summary_table(results)
    parts = [state_sentence(results), *(f"Note: {problem}" for problem in results.problems)]
    lines = [line for part in parts for line in _wrapped(part)]
    if not summary.empty:
        constant = constants(summary)
        lines += ["", *_wrapped(f"All rows: {constant}")] if constant else []
        lines += [
            "",
            *_table_lines(sections(summary, readable_table(summary))),
            "",
            *_wrapped(SPREAD),
            *_wrapped(units(results)),
        ]
        lines += [line for definition in definitions() for line in _wrapped(f"  {definition}")]
    return "\n".join([*lines, "", *_wrapped(verdict(results)), ""])


def comparisons_text(compared: pd.DataFrame, test: str = "sign-flip", results: Results | None = None) -> str:
    """Format comparisons for a terminal: one table per metric, definitions, and what the seeds can decide.

    Args:
        compared: from :func:`~lifelong_lb.reports.comparison_table`.
        test: the test of the comparisons.
        results: results of the runs; needed to explain why a metric is undefined.

    Returns:
        Lines, ending with a newline; empty if there is nothing to compare.
    """
    lines: list[str] = []
    for metric, rows in compared.groupby("metric", sort=False):
        known, base = KNOWN[str(metric)], rows["baseline"].iloc[0]
        better = "higher" if known.higher_is_better else "lower"
        lines += ["", *_wrapped(f"{known.title}, rule minus {base} ({better} is better)"), ""]
        lines += [*_table_lines(sections(rows, readable_comparisons(rows))), ""]
        lines += _wrapped((undefined_reason(results, str(metric)) if results else "") or verdict_on(rows))
    lines += ["", *(line for each in comparison_definitions(test) for line in _wrapped(f"  {each}"))] if lines else []
    return "\n".join([*lines, ""]) if lines else ""


def summary_markdown(
    results: Results, summary: pd.DataFrame, compared: pd.DataFrame | None = None, test: str = "sign-flip"
) -> str:
    """Format the summary as a Markdown document.

    Args:
        results: results of a folder.
        summary: their summary table.
        compared: their comparisons.
        test: the test of the comparisons.

    Returns:
        Markdown.
    """
    name = results.study.study.name if results.study else "Results"
    parts = [f"# {markdown_escaped(name)}", markdown_escaped(state_sentence(results))]
    parts += ["\n".join(f"- {markdown_escaped(problem)}" for problem in results.problems)] if results.problems else []
    if not summary.empty:
        constant = constants(summary)
        parts += [f"All rows: {markdown_escaped(constant)}."] if constant else []
        parts += [_markdown_table(readable_table(summary)), markdown_escaped(f"{SPREAD} {units(results)}")]
        parts += ["\n".join(f"- {markdown_escaped(str(definition))}" for definition in definitions())]
    parts.append(markdown_escaped(verdict(results)))
    for metric, rows in compared.groupby("metric", sort=False) if compared is not None else ():
        known, base = KNOWN[str(metric)], rows["baseline"].iloc[0]
        better = "higher" if known.higher_is_better else "lower"
        labels = rows[varying(rows)].rename(columns=HEADINGS)
        parts += [f"## {markdown_escaped(f'{known.title}, rule minus {base} ({better} is better)')}"]
        parts += [
            _markdown_table(pd.concat([labels, readable_comparisons(rows)], axis=1)),
            markdown_escaped(undefined_reason(results, str(metric)) or verdict_on(rows)),
        ]
    if compared is not None and len(compared):
        parts.append("\n".join(f"- {markdown_escaped(str(definition))}" for definition in comparison_definitions(test)))
    chosen = tuning_table(results)
    if chosen:
        parts += ["## Tuning", _markdown_table(pd.DataFrame(chosen))]
        parts.append(
            "\n".join(f"- {markdown_escaped(sentence)}" for sentence in [*tuning_sentences(results), TUNING_NOTE])
        )
    return "\n\n".join(part for part in parts if part) + "\n"


def _table_lines(parts: Sequence[Section]) -> list[str]:
    """Lines of the table, with a heading per section."""
    titles = list(parts[0].rows[0][2])
    head = [["rule"], *(textwrap.wrap(title, _HEADING_WIDTH) for title in titles)]
    body = [
        (part.heading, [_row_cells(rule, list(cells.values()), bool(part.heading)) for _, rule, cells in part.rows])
        for part in parts
    ]
    rows = [row for _, part in body for row in part]
    widths = [max(len(line) for cell in column for line in cell) for column in zip(head, *rows, strict=True)]
    lines = [*_aligned(head, widths, bottom=True), "-" * (sum(widths) + 2 * (len(widths) - 1))]
    for number, (heading, part) in enumerate(body):
        lines += ([""] if number else []) + ([_one_line(heading)] if heading else [])
        lines += [line for row in part for line in _aligned(row, widths)]
    return lines


def _row_cells(rule: str, cells: Sequence[str], indented: bool) -> list[list[str]]:
    label, indent = _one_line(rule), "  " if indented else ""
    if len(label) > _LABEL_WIDTH:
        label = label.replace("(", " (", 1)
    parts = textwrap.wrap(label, _LABEL_WIDTH, break_on_hyphens=False) or [""]
    lines = [indent + ("  " if i else "") + part for i, part in enumerate(parts)]
    return [lines, *([cell.replace(" ± ", "±")] for cell in cells)]


def _aligned(cells: list[list[str]], widths: list[int], *, bottom: bool = False) -> list[str]:
    """Lines of one row: first cell left-aligned, the others right-aligned."""
    height = max(map(len, cells))
    blank = [""]
    full = [blank * (height - len(cell)) + cell if bottom else cell + blank * (height - len(cell)) for cell in cells]
    lines = []
    for parts in zip(*full, strict=True):
        texts = [
            text.rjust(width) if i else text.ljust(width)
            for i, (text, width) in enumerate(zip(parts, widths, strict=True))
        ]
        lines.append("  ".join(texts).rstrip())
    return lines


def _wrapped(text: str) -> list[str]:
    indent = "    " if text.startswith("  ") else ""
    return textwrap.wrap(_one_line(text), _PAGE_WIDTH, subsequent_indent=indent) or [""]


def _one_line(text: str) -> str:
    """Text on one line, with control characters escaped."""
    return printable(" ".join(text.split("\n")), lines=False)


def _markdown_table(table: pd.DataFrame) -> str:
    labels = sum(1 for name in table.columns if name in {HEADINGS.get(c, c) for c in GROUP})
    return markdown_table(table.map(markdown_escaped), labels)


def markdown_table(cells: pd.DataFrame, labels: int) -> str:
    """Format a table in Markdown.

    Args:
        cells: Markdown; the names of the columns are plain text.
        labels: number of leading columns that contain labels instead of numbers.

    Returns:
        Lines.
    """
    names = [markdown_escaped(str(name)) for name in cells.columns]
    ruler = [":---" if i < labels else "---:" for i in range(len(names))]
    return "\n".join("| " + " | ".join(row) + " |" for row in [names, ruler, *cells.to_numpy().tolist()])


def markdown_escaped(text: str) -> str:
    """Escape the special characters of Markdown and HTML.

    Args:
        text: plain text.

    Returns:
        Markdown on one line.
    """
    plain = "".join(f"\\{char}" if char in "\\`*_{}[]<>|#$~" else char for char in _one_line(text))
    return plain.replace("&", "&amp;")
