"""What the command line prints of a report: findings and a small table that fit a screen."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pandas as pd

from lifelong_lb.reports.definitions import SPREAD, definitions, units
from lifelong_lb.reports.names import plural
from lifelong_lb.reports.page.findings import (
    MOST_FINDINGS,
    Some,
    baseline_name,
    condensed,
    findings,
    metric_of,
    placed,
    places,
)
from lifelong_lb.reports.page.over_streams import streams_findings
from lifelong_lb.reports.render.text import text_lines, text_table
from lifelong_lb.reports.results.collect import Results
from lifelong_lb.reports.statistics.comparisons import comparison_table, verdict_on
from lifelong_lb.reports.statistics.over_streams import aggregate_table
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
_MAX_OVER_STREAMS = 2
"""Largest number of findings over streams that are shown."""


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
    over_full, over_short = _over_streams(results, compared) if some else ([], [])
    base, each = baseline_name(compared), [f"{place}{finding}" for place, finding in placed(stated)]
    full = _lines([*over_full, *(each or [verdict(results)])])
    short, shortest = (
        _lines([*over_short, *_headlines(few, stated), others]) or full
        for few, others in (
            condensed(stated, base, most) for most in (MOST_FINDINGS, 1 if over_short else MOST_FINDINGS)
        )
    )
    if explain:
        after = [SPREAD, units(results), *(f"  {definition}" for definition in definitions(shown)), verdict(results)]
        answer = [*full, *_spaced(table), "", *(line for sentence in after for line in text_lines(sentence))]
    else:
        answer = next(_answers(full, short, shortest, table, _kinds_of_group(summary)))
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


def _headlines(few: Sequence[Some], found: Sequence[Some]) -> list[str]:
    """Headlines of some findings, each with its place among all."""
    return [f"{place}{finding.headline}" for place, finding in placed(found) if finding in few]


def _over_streams(results: Results, compared: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Sentences over the streams of a study, with details and without; none for a single stream."""
    if results.runs["stream"].nunique() < 2:
        return [], []
    found = streams_findings(aggregate_table(results, compared[compared["metric"] == metric_of(compared)]))
    full = [f"{place}{finding}" for place, finding in placed(found)]
    few, others = condensed(found, baseline_name(compared), _MAX_OVER_STREAMS)
    short = _headlines(few, found)
    return full, [*short, f"Over streams: {others[0].lower()}{others[1:]}"] if others else short


def _kinds_of_group(summary: pd.DataFrame) -> tuple[str, str]:
    """What a group of rows is, in the plural and the singular, without what it is a combination of."""
    kind = places(summary[["stream", "strategy", "base_optimizer"]].astype(str).itertuples(index=False))
    many = kind.partition(" of ")[0]
    return many, "strategy" if many == "strategies" else many.removesuffix("s")


def _lines(sentences: Sequence[str]) -> list[str]:
    return [line for sentence in sentences if sentence for line in text_lines(sentence)]


def _answers(
    full: Sequence[str], short: Sequence[str], shortest: Sequence[str], table: StyledTable, groups: tuple[str, str]
) -> Iterator[list[str]]:
    """Yield the longest answer that fits the screen: details go first, then groups of rows, then single rows."""
    if _fits(answer := [*full, *_spaced(table)]) or _fits(answer := [*short, *_spaced(table)]):
        yield answer
    number = len(table.groups)
    for sentences in (short, shortest):
        for shown in range(number - 1, 0, -1):
            further = f"{number - shown} further {groups[number - shown == 1]}"
            if _fits(answer := [*sentences, *_spaced(_first_groups(table, shown), further)]):
                yield answer
    kept = table.select(lambda i, row: i == 0 or any(cell.best or cell.differs for cell in row))
    while len(kept.rows) > 1 and not _fits([*shortest, *_spaced(kept, _further_rows(kept, table))]):
        kept = kept.without_last_row()
    yield [*shortest, *_spaced(kept, _further_rows(kept, table))]


def _first_groups(table: StyledTable, number: int) -> StyledTable:
    """The first groups of a table, without the note on differences if they have none."""
    first = replace(table, groups=table.groups[:number])
    differ = first.has(lambda cell: cell.differs)
    return first.with_notes([note for note in table.notes if differ or not note.startswith("*")])


def _further_rows(kept: StyledTable, table: StyledTable) -> str:
    further = len(table.rows) - len(kept.rows)
    return f"{further} further {plural('row', further)}" if further else ""


def _spaced(table: StyledTable, further: str = "") -> list[str]:
    """Lines of a table after an empty one, and a last one on what is left out."""
    if not table.rows:
        return []
    return ["", *text_table(table), *([f"({further} in report.html)"] if further else [])]


def _fits(lines: Sequence[str]) -> bool:
    return len(lines) <= LINES
