"""Write a report: tables, texts, figures and the HTML page."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain

import pandas as pd

from lifelong_lb.reports.definitions import DEFAULT_COLUMNS
from lifelong_lb.reports.results import Results, collect
from lifelong_lb.reports.summary import summary_table
from lifelong_lb.store import ResultFolder
from lifelong_lb.temporary import redirect_matplotlib

_GC_THRESHOLD = 100_000
"""Allocations between two garbage collections while a report is written."""


def write_report(
    folder: ResultFolder,
    results: Results | None = None,
    *,
    baseline: str | None = None,
    metrics: Sequence[str] | None = None,
    test: str = "sign-flip",
    columns: Sequence[str] | None = None,
    every_figure: bool = False,
    parquet: bool = False,
) -> Results:
    """Write the tables, the texts, the figures and the page.

    Args:
        folder: the result folder.
        results: its results; None to read them.
        baseline: label of the rule that the others are compared with, see
            :func:`~lifelong_lb.reports.comparison_table`.
        metrics: columns of ``results.csv`` to compare, see the same function.
        test: test of the comparisons, ``sign-flip`` or ``wilcoxon``.
        columns: metrics and costs in the tables of ``summary.md`` and ``summary.tex``; None for
            :data:`~lifelong_lb.reports.definitions.DEFAULT_COLUMNS`.
        every_figure: also draw the figures that large reports omit.
        parquet: also write the tables as Parquet, and one Parquet file each for accuracies during training, confusion
            counts and diagnostics. Later reports update Parquet files that exist.

    Returns:
        The results, with problems found while the report was written.

    Raises:
        UserError: if the folder contains no results, or for an unknown rule, metric, column or test.
    """
    from lifelong_lb.reports.recorded import write_recorded

    with _rare_garbage_collection():
        results = results or collect(folder)
        folder = replace(folder, parquet=parquet)
        results = _write_report(folder, results, baseline, metrics, test, columns, every_figure)
        write_recorded(folder, results)
        return results


def _write_report(
    folder: ResultFolder,
    results: Results,
    baseline: str | None,
    metrics: Sequence[str] | None,
    test: str,
    columns: Sequence[str] | None,
    every_figure: bool,
) -> Results:
    from lifelong_lb.reports.classes import collect_classes
    from lifelong_lb.reports.columns import column_definitions
    from lifelong_lb.reports.comparisons import comparison_table
    from lifelong_lb.reports.confusion import collect_confusion
    from lifelong_lb.reports.documents import summary_latex, summary_markdown
    from lifelong_lb.reports.figures import draw_figures, omitted_figures
    from lifelong_lb.reports.flatness import write_flatness
    from lifelong_lb.reports.landscape import collect_landscape
    from lifelong_lb.reports.over_streams import aggregate_table
    from lifelong_lb.reports.page.render import render_page
    from lifelong_lb.reports.side_by_side import write_side_by_side
    from lifelong_lb.reports.tables.summary import checked_columns
    from lifelong_lb.reports.undefined import partly_undefined

    redirect_matplotlib()
    compared = comparison_table(results, baseline, metrics, test)
    shown = checked_columns(summary_table(results), columns) if columns else DEFAULT_COLUMNS
    counted, measured = collect_confusion(folder, results), collect_landscape(folder, results)
    problems = [*results.problems, *counted.problems, *measured.problems, *measured.gaps, *partly_undefined(results)]
    results = replace(results, problems=list(dict.fromkeys(problems)))
    summary = _write_tables(folder, results)
    folder.write_table("comparisons", compared)
    tables = {"results": results.table(), "accuracy": results.accuracy, "summary": summary, "comparisons": compared}
    tables["comparison"] = write_side_by_side(folder, results, list(compared["metric"].unique()), test)
    aggregated = aggregate_table(results, compared)
    if len(aggregated):
        tables["aggregate"] = aggregated
        folder.write_table("aggregate", aggregated)
    if len(counted.classes):
        tables["class_accuracy"] = counted.classes
        folder.write_table("class_accuracy", counted.classes)
    folder.write_table("columns", column_definitions(tables, test))
    folder.write_file("summary.md", summary_markdown(results, summary, compared, test, shown))
    folder.write_file("summary.tex", summary_latex(results, summary, compared, test, shown))
    figures = draw_figures(results, every=every_figure)
    note = "" if every_figure else omitted_figures(results)
    flatness = write_flatness(folder, results, measured, every=every_figure)
    classes = collect_classes(results, counted, every=every_figure)
    further = [block.figures for block in flatness.blocks] if flatness else []
    further.append([block.figure for block in classes.blocks])
    for drawing in chain(*figures.values(), *further):
        folder.write_file(f"{folder.figures_path.name}/{drawing.name}.svg", drawing.svg)
        folder.write_file(f"{folder.figures_path.name}/{drawing.name}.png", drawing.png)
    page = render_page(results, summary, compared, figures, flatness, note, test, classes, aggregated)
    folder.write_file(folder.report_path.name, page)
    return results


@contextmanager
def _rare_garbage_collection() -> Iterator[None]:
    """Collect garbage less often: figures consist of many small objects that live until they are saved."""
    before = gc.get_threshold()
    gc.set_threshold(max(before[0], _GC_THRESHOLD), *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def write_tables(folder: ResultFolder, results: Results) -> None:
    """Write ``results.csv``, ``accuracy.csv`` and ``summary.csv``; cheap enough to call whenever a run ends.

    Args:
        folder: the result folder.
        results: its results.
    """
    _write_tables(folder, results)


def _write_tables(folder: ResultFolder, results: Results) -> pd.DataFrame:
    summary = summary_table(results)
    folder.write_table("results", results.table())
    folder.write_table("accuracy", results.accuracy)
    folder.write_table("summary", summary)
    return summary
