"""Write a report: tables, texts, the HTML page, and figures for papers."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain

import pandas as pd

from lifelong_lb.reports.charts.chart import Chart
from lifelong_lb.reports.definitions import DEFAULT_COLUMNS
from lifelong_lb.reports.results.collect import Results, collect
from lifelong_lb.reports.statistics.summary import summary_table
from lifelong_lb.store import ResultFolder
from lifelong_lb.store.report_files import remove_stale


def write_report(
    folder: ResultFolder,
    results: Results | None = None,
    *,
    baseline: str | None = None,
    metrics: Sequence[str] | None = None,
    test: str = "sign-flip",
    columns: Sequence[str] | None = None,
    every_figure: bool = False,
    figures: Sequence[str] = (),
    width: str = "column",
    font_size: float = 8.0,
    parquet: bool = False,
) -> Results:
    """Write the tables, the texts, the page, and, if asked to, figures for papers.

    Files of the last report that this one does not write are removed, unless they have been changed since, or if only
    tables are left to read. Figures that are not asked for stay as long as the numbers are the same.

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
        figures: formats of the files in ``figures/``: ``svg``, ``pdf`` or ``png``; none by default.
        width: their width: ``column`` (3.3 inches) or ``page`` (6.75 inches).
        font_size: size of their letters in points, 4 to 24.
        parquet: also write the tables as Parquet, and one Parquet file each for accuracies during training, confusion
            counts and diagnostics. Later reports update Parquet files that exist.

    Returns:
        The results, with problems found while the report was written.

    Raises:
        UserError: if the folder contains no results, or for an unknown rule, metric, column, test, format, width or
            size.
    """
    from lifelong_lb.reports.charts.export import check_formats, figure_canvas, figure_files
    from lifelong_lb.reports.results.recorded import write_recorded

    check_formats(figures)
    canvas = figure_canvas(width, font_size)
    results = results or collect(folder)
    written: set[str] = set()
    folder = replace(folder, parquet=parquet, written=written)
    results, charts = _write_report(folder, results, baseline, metrics, test, columns, every_figure)
    for name, content in figure_files(charts if figures else (), figures, canvas):
        folder.write_file(f"{folder.figures_path.name}/{name}", content)
    write_recorded(folder, results)
    remove_stale(folder.path, written, from_runs=bool(results.records))
    return results


def _write_report(
    folder: ResultFolder,
    results: Results,
    baseline: str | None,
    metrics: Sequence[str] | None,
    test: str,
    columns: Sequence[str] | None,
    every_figure: bool,
) -> tuple[Results, list[Chart]]:
    from lifelong_lb.reports.charts.figures import charts_of, omitted_figures
    from lifelong_lb.reports.definitions import column_definitions
    from lifelong_lb.reports.documents.files import summary_latex, summary_markdown, write_side_by_side
    from lifelong_lb.reports.page.over_streams import over_streams
    from lifelong_lb.reports.page.render import render_page
    from lifelong_lb.reports.page.sections import collect_classes, write_flatness
    from lifelong_lb.reports.results.landscape import collect_landscape
    from lifelong_lb.reports.results.recorded import collect_confusion
    from lifelong_lb.reports.statistics.comparisons import comparison_table
    from lifelong_lb.reports.statistics.over_streams import aggregate_table
    from lifelong_lb.reports.statistics.summary import partly_undefined
    from lifelong_lb.reports.tables.summary import checked_columns

    compared = comparison_table(results, baseline, metrics, test)
    shown = checked_columns(summary_table(results), columns) if columns else DEFAULT_COLUMNS
    counted, measured = collect_confusion(folder, results), collect_landscape(folder, results)
    problems = [*results.problems, *counted.problems, *measured.problems, *measured.gaps, *partly_undefined(results)]
    results = replace(results, problems=list(dict.fromkeys(problems)))
    summary = write_tables(folder, results)
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
    figures = charts_of(results, every=every_figure)
    note = "" if every_figure else omitted_figures(results)
    flatness = write_flatness(folder, results, measured, every=every_figure)
    classes = collect_classes(results, counted, every=every_figure)
    over = over_streams(results, aggregated) if len(aggregated) else None
    page = render_page(results, summary, compared, figures, flatness, note, test, classes, over)
    folder.write_file(folder.report_path.name, page)
    charts = [*chain(*figures.values()), *(over.charts if over else ())]
    return results, charts + [chart for block in (*classes.blocks, *flatness.blocks) for chart in block.charts]


def write_tables(folder: ResultFolder, results: Results) -> pd.DataFrame:
    """Write ``results.csv``, ``accuracy.csv`` and ``summary.csv``; cheap enough to call whenever a run ends.

    Args:
        folder: the result folder.
        results: its results.

    Returns:
        The summary.
    """
    summary = summary_table(results)
    folder.write_table("results", results.table())
    folder.write_table("accuracy", results.accuracy)
    folder.write_table("summary", summary)
    return summary


def write_progress(folder: ResultFolder, results: Results) -> None:
    """Write the tables, and a page that shows that the study is running and reloads itself.

    Args:
        folder: the result folder.
        results: its results so far.
    """
    from lifelong_lb.reports.charts.figures import charts_of
    from lifelong_lb.reports.page.render import render_page
    from lifelong_lb.reports.statistics.comparisons import comparison_table

    summary, compared = write_tables(folder, results), comparison_table(results)
    now = datetime.now().astimezone().strftime("%H:%M")
    folder.write_file(folder.report_path.name, render_page(results, summary, compared, charts_of(results), now=now))
