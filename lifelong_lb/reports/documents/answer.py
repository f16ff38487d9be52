"""What the command line prints of a report: findings and a small table that fit a screen."""

from collections.abc import Iterator, Sequence

import pandas as pd

from lifelong_lb.reports.definitions import SPREAD, definitions, units
from lifelong_lb.reports.names import plural
from lifelong_lb.reports.page.findings import baseline_name, condensed, findings, placed
from lifelong_lb.reports.render.text import text_lines, text_table
from lifelong_lb.reports.results.collect import Results
from lifelong_lb.reports.statistics.comparisons import comparison_table, verdict_on
from lifelong_lb.reports.statistics.summary import state_sentence, summary_table, undefined_reason, verdict
from lifelong_lb.reports.tables.styled import StyledTable
from lifelong_lb.reports.tables.summary import (
    checked_columns,
    comparison_definitions,
    comparison_styled,
    summary_styled,
)

LINES = 22
"""Most lines of findings and table: a terminal of 24 lines without the path of the report and the prompt."""
_MAX_PROBLEMS = 5


def summary_text(
    results: Results,
    columns: Sequence[str] | None = None,
    *,
    baseline: str | None = None,
    metrics: Sequence[str] | None = None,
    test: str = "sign-flip",
    explain: bool = False,
) -> str:
    """Format the state of a study, findings and a small table for a terminal.

    Args:
        results: results of a folder.
        columns: metrics and costs of the table; None for the default ones.
        baseline: label of the rule that the others are compared with, see
            :func:`~lifelong_lb.reports.comparison_table`.
        metrics: metrics that are compared, see the same function.
        test: test of the comparisons.
        explain: whether to show all findings and rows, with definitions, however long.

    Returns:
        Lines of at most 80 characters if the numbers fit, ending with a newline; the last :data:`LINES` of them are
        findings and table, unless ``explain`` is set.

    Raises:
        UserError: for an unknown column, rule, metric or test.
    """
    summary = summary_table(results)
    shown = checked_columns(summary, columns)
    compared = comparison_table(results, baseline, metrics, test)
    some = bool(summary["seeds"].any())
    stated = findings(summary, compared) if some else []
    table = summary_styled(summary if some else summary.iloc[:0], shown, compared=compared, test=test)
    before = [line for sentence in _state(results, every=explain) for line in text_lines(sentence)]
    found = placed(stated)
    full = [line for place, finding in found for line in text_lines(f"{place}{finding}")]
    full = full or text_lines(verdict(results))
    few, others = condensed(stated, baseline_name(compared))
    headlines = [f"{place}{finding.headline}" for place, finding in found if finding in few]
    short = [line for sentence in (*headlines, others) if sentence for line in text_lines(sentence)] or full
    if explain:
        after = [SPREAD, units(results), *(f"  {definition}" for definition in definitions(shown)), verdict(results)]
        answer = [*full, *_spaced(table), "", *(line for sentence in after for line in text_lines(sentence))]
    else:
        answer = next(_answers(full, short, table))
    return "\n".join([*before, "", *answer, ""])


def comparisons_text(
    compared: pd.DataFrame, test: str = "sign-flip", results: Results | None = None, *, explain: bool = False
) -> str:
    """Format comparisons for a terminal: one table per metric, and what the seeds can decide.

    Args:
        compared: from :func:`~lifelong_lb.reports.comparison_table`.
        test: the test of the comparisons.
        results: results of the runs; needed to explain why a metric is undefined.
        explain: whether to add uncorrected p-values, effect sizes and definitions.

    Returns:
        Lines, ending with a newline; empty if there is nothing to compare.
    """
    lines: list[str] = []
    for metric, rows in compared.groupby("metric", sort=False):
        sentence = (undefined_reason(results, str(metric)) if results else "") or verdict_on(rows)
        lines += ["", *text_table(comparison_styled(rows, test, effects=explain)), *text_lines(sentence)]
    if lines and explain:
        lines += ["", *(line for each in comparison_definitions(test) for line in text_lines(f"  {each}"))]
    return "\n".join([*lines, ""]) if lines else ""


def _state(results: Results, *, every: bool) -> list[str]:
    problems = list(results.problems)
    most = len(problems) if every else _MAX_PROBLEMS
    further = len(problems) - most
    rest = [f"Note: {further} further {plural('note', further)} in report.html"] if further > 0 else []
    return [state_sentence(results), *(f"Note: {problem}" for problem in problems[:most]), *rest]


def _answers(full: Sequence[str], short: Sequence[str], table: StyledTable) -> Iterator[list[str]]:
    """Yield the longest answer that fits the screen: details go first, then rows, then groups of rows."""
    if _fits(answer := [*full, *_spaced(table)]) or _fits(answer := [*short, *_spaced(table)]):
        yield answer
    kept = table.select(lambda i, row: i == 0 or any(cell.best or cell.differs for cell in row))
    while len(kept.rows) > 1 and not _fits(answer := [*short, *_spaced(kept, len(table.rows))]):
        kept = kept.without_last_row()
    yield [*short, *_spaced(kept, len(table.rows))]


def _spaced(table: StyledTable, rows: int = 0) -> list[str]:
    """Lines of a table after an empty one, with the number of rows that are left out."""
    if not table.rows:
        return []
    further = rows - len(table.rows)
    return [
        "",
        *text_table(table),
        *([f"({further} further {plural('row', further)} in report.html)"] if further > 0 else []),
    ]


def _fits(lines: Sequence[str]) -> bool:
    return len(lines) <= LINES
