"""The summary as a document in LaTeX and in Markdown."""

from collections.abc import Sequence

import pandas as pd

from lifelong_lb.reports.definitions import DEFAULT_COLUMNS, SPREAD, Definition, definitions, units
from lifelong_lb.reports.page.findings import findings, placed
from lifelong_lb.reports.render.latex import latex_document
from lifelong_lb.reports.render.markdown import markdown_escaped, markdown_table
from lifelong_lb.reports.results.collect import Results
from lifelong_lb.reports.statistics.comparisons import verdict_on
from lifelong_lb.reports.statistics.summary import state_sentence, verdict
from lifelong_lb.reports.statistics.tuning import TUNING_NOTE, tuning_sentences
from lifelong_lb.reports.statistics.undefined import undefined_reason
from lifelong_lb.reports.tables.comparisons import comparison_definitions, comparison_styled
from lifelong_lb.reports.tables.summary import summary_styled
from lifelong_lb.reports.tables.tuning import tuning_styled


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
