"""Documents of a report: summary and rules side by side, in LaTeX, Markdown and CSV."""

from collections.abc import Sequence

import pandas as pd

from lifelong_lb.reports.definitions import (
    DEFAULT_COLUMNS,
    SPREAD,
    Definition,
    definitions,
    describe_test_images,
    units,
)
from lifelong_lb.reports.documents.pivots import Pivot, pivot, pivot_styled
from lifelong_lb.reports.names import display_name
from lifelong_lb.reports.page.findings import findings, placed
from lifelong_lb.reports.render.latex import latex_document
from lifelong_lb.reports.render.text import markdown_escaped, markdown_table
from lifelong_lb.reports.results.collect import Results
from lifelong_lb.reports.statistics.comparisons import verdict_on
from lifelong_lb.reports.statistics.summary import GROUP, state_sentence, undefined_reason, verdict
from lifelong_lb.reports.tables.costs import TUNING_NOTE, tuning_sentences, tuning_styled
from lifelong_lb.reports.tables.summary import comparison_definitions, comparison_styled, summary_styled
from lifelong_lb.store import ResultFolder

TOO_FEW_RULES = "fewer than two rules: nothing to compare"
_NUMBERS = ["seeds", "mean", "std", "ci_low", "ci_high", "best", "untold"]
SIDE_BY_SIDE_COLUMNS = [*GROUP, "metric", *_NUMBERS]


def write_side_by_side(
    folder: ResultFolder, results: Results, metrics: Sequence[str], test: str = "sign-flip"
) -> pd.DataFrame:
    """Write ``comparison.tex``, ``comparison.md`` and ``comparison.csv``.

    Args:
        folder: the result folder.
        results: its results.
        metrics: metrics to write.
        test: key of :data:`~lifelong_lb.evaluation.TESTS`.

    Returns:
        The content of ``comparison.csv``.
    """
    tables = rules_side_by_side(results, metrics, test)
    caption = _caption(results)
    folder.write_file("comparison.tex", rules_latex(results, tables))
    folder.write_file("comparison.md", "\n".join(each.to_markdown(caption) for each in tables) or f"{TOO_FEW_RULES}\n")
    frame = _frame(results, tables)
    folder.write_table("comparison", frame)
    return frame


def rules_side_by_side(results: Results, metrics: Sequence[str], test: str = "sign-flip") -> list[Pivot]:
    """Build tables with one column per rule and one row per stream, strategy and base optimizer.

    Args:
        results: results of a folder.
        metrics: metrics to tabulate.
        test: key of :data:`~lifelong_lb.evaluation.TESTS`.

    Returns:
        One pivot per metric; none if there is nothing to compare.
    """
    runs = results.without_imported().runs  # seeds of another framework are paired with none
    if runs["rule"].nunique() < 2:
        return []
    index = [column for column in GROUP if column != "rule" and runs[column].nunique() > 1] or ["stream"]
    return [pivot(runs, metric, index, test=test) for metric in metrics]


def rules_latex(results: Results, tables: Sequence[Pivot]) -> str:
    """Format the tables in LaTeX.

    Args:
        results: results of a folder.
        tables: their pivots.

    Returns:
        ``table`` environments; a comment if there is nothing to compare.
    """
    caption = _caption(results)
    return latex_document([pivot_styled(each, caption) for each in tables]) if tables else f"% {TOO_FEW_RULES}\n"


def _caption(results: Results) -> str:
    """What all runs have in common."""
    runs = results.without_imported().runs
    shared = [display_name(str(runs[c].iloc[0])) for c in GROUP if c != "rule" and runs[c].nunique() == 1]
    return ", ".join(filter(None, [*shared, describe_test_images(results)]))


def _frame(results: Results, tables: Sequence[Pivot]) -> pd.DataFrame:
    if not tables:
        return pd.DataFrame(columns=SIDE_BY_SIDE_COLUMNS)
    runs = results.without_imported().runs
    frame = pd.concat([each.to_frame() for each in tables], ignore_index=True)
    same = {column: str(runs[column].iloc[0]) for column in GROUP if column not in frame}
    return frame.assign(**same)[SIDE_BY_SIDE_COLUMNS]


def summary_latex(
    results: Results,
    summary: pd.DataFrame,
    compared: pd.DataFrame | None = None,
    test: str = "sign-flip",
    columns: Sequence[str] = DEFAULT_COLUMNS,
) -> str:
    """Format the summary as LaTeX tables.

    Args:
        results: results of a folder.
        summary: their summary table.
        compared: their comparisons with the baseline; None for no marks.
        test: the test of the comparisons.
        columns: metrics and costs of the table.

    Returns:
        ``table`` or ``table*`` environments; a comment without rows.
    """
    table = summary_styled(summary, columns, compared=compared, test=test)
    notes = [
        *table.notes,
        units(results),
        *(f"{str(each)[:1].upper()}{str(each)[1:]}." for each in definitions(columns)),
    ]
    return latex_document([table.with_notes(notes)], results.problems)


def summary_markdown(
    results: Results,
    summary: pd.DataFrame,
    compared: pd.DataFrame | None = None,
    test: str = "sign-flip",
    columns: Sequence[str] = DEFAULT_COLUMNS,
) -> str:
    """Format findings, summary, comparisons and tuning as a Markdown document.

    Args:
        results: results of a folder.
        summary: their summary table.
        compared: their comparisons with the baseline.
        test: the test of the comparisons.
        columns: metrics and costs of the summary's table.

    Returns:
        Markdown.
    """
    found = findings(summary, compared) if compared is not None else []
    parts = [f"# {markdown_escaped(results.study.study.name if results.study else 'Results')}"]
    parts += [markdown_escaped(state_sentence(results)), _listed(results.problems)]
    parts.append(
        _listed([f"{place}{finding}" for place, finding in placed(found)]) or markdown_escaped(verdict(results))
    )
    if not summary.empty:
        parts += [markdown_table(summary_styled(summary, columns, compared=compared, test=test))]
        parts += [markdown_escaped(f"{SPREAD} {units(results)}"), _listed(definitions(columns))]
    for metric, rows in compared.groupby("metric", sort=False) if compared is not None else ():
        table = comparison_styled(rows, test)
        parts += [f"## {markdown_escaped(table.caption)}", markdown_table(table)]
        parts.append(markdown_escaped(undefined_reason(results, str(metric)) or verdict_on(rows)))
    if compared is not None and len(compared):
        parts.append(_listed(comparison_definitions(test)))
    chosen = tuning_styled(results)
    if chosen:
        parts += ["## Tuning", markdown_table(chosen), _listed([*tuning_sentences(results), TUNING_NOTE])]
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def _listed(items: Sequence[str | Definition]) -> str:
    return "\n".join(f"- {markdown_escaped(str(item))}" for item in items)
