"""Writing a report: every file that is made from the runs."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain

import pandas as pd

from lifelong_lb.reports.results import Results, collect
from lifelong_lb.reports.summary import summary_table
from lifelong_lb.store import ResultFolder
from lifelong_lb.temporary import redirect_matplotlib

_BETWEEN_COLLECTIONS = 100_000
"""Objects made between two looks for garbage, while a report is written."""


def write_report(
    folder: ResultFolder,
    results: Results | None = None,
    *,
    baseline: str | None = None,
    metrics: Sequence[str] | None = None,
    test: str = "sign-flip",
    every_figure: bool = False,
    parquet: bool = False,
) -> Results:
    """Write the tables, the figures and the page.

    Args:
        folder: the result folder.
        results: what its runs have to say, where that was read already.
        baseline: label of the rule that the others are compared with, see
            :func:`~lifelong_lb.reports.comparison_table`.
        metrics: columns of ``results.csv`` that are compared, likewise.
        test: test by which they are compared, ``sign-flip`` or ``wilcoxon``.
        every_figure: draw what is left out of large reports, too.
        parquet: write tables as Parquet, too, and what was measured during training, counted and recorded, as one file
            each. Such files are written anew by every later report.

    Returns:
        What its runs have to say.

    Raises:
        UserError: when the folder holds no results, or there is no such rule, metric or test.
    """
    from lifelong_lb.reports.recorded import write_recorded

    with _seldom_collected():
        results = results or collect(folder)
        folder = replace(folder, parquet=parquet)
        results = _write_report(folder, results, baseline, metrics, test, every_figure)
        write_recorded(folder, results)
        return results


def _write_report(
    folder: ResultFolder,
    results: Results,
    baseline: str | None,
    metrics: Sequence[str] | None,
    test: str,
    every_figure: bool,
) -> Results:
    from lifelong_lb.reports.classes import show_classes
    from lifelong_lb.reports.columns import column_definitions
    from lifelong_lb.reports.comparisons import comparison_table
    from lifelong_lb.reports.confusion import collect_confusion
    from lifelong_lb.reports.figures import draw_figures, left_out
    from lifelong_lb.reports.flatness import write_flatness
    from lifelong_lb.reports.landscape import collect_landscape
    from lifelong_lb.reports.latex import summary_latex
    from lifelong_lb.reports.page import render_page
    from lifelong_lb.reports.plain_text import summary_markdown
    from lifelong_lb.reports.side_by_side import write_side_by_side
    from lifelong_lb.reports.undefined import partly_undefined

    redirect_matplotlib()
    compared = comparison_table(results, baseline, metrics, test)
    counted, measured = collect_confusion(folder, results), collect_landscape(folder, results)
    told = [*counted.problems, *measured.problems, *measured.gaps, *partly_undefined(results)]
    results = replace(results, problems=list(dict.fromkeys([*results.problems, *told])))
    summary = _write_tables(folder, results)
    folder.write_table("comparisons", compared)
    tables = {"results": results.table(), "accuracy": results.accuracy, "summary": summary, "comparisons": compared}
    tables["comparison"] = write_side_by_side(folder, results, list(compared["metric"].unique()), test)
    if len(counted.classes):
        tables["class_accuracy"] = counted.classes
        folder.write_table("class_accuracy", counted.classes)
    folder.write_table("columns", column_definitions(tables, test))
    folder.write_file("summary.md", summary_markdown(results, summary, compared, test))
    folder.write_file("summary.tex", summary_latex(results, summary))
    figures = draw_figures(results, every=every_figure)
    note = "" if every_figure else left_out(results)
    flatness = write_flatness(folder, results, measured, every=every_figure)
    classes = show_classes(results, counted, every=every_figure)
    further = [block.figures for block in flatness.blocks] if flatness else []
    further.append([block.figure for block in classes.blocks])
    for drawing in chain(*figures.values(), *further):
        folder.write_file(f"{folder.figures_path.name}/{drawing.name}.svg", drawing.svg)
        folder.write_file(f"{folder.figures_path.name}/{drawing.name}.png", drawing.png)
    page = render_page(results, summary, compared, figures, flatness, note, test, classes)
    folder.write_file(folder.report_path.name, page)
    return results


@contextmanager
def _seldom_collected() -> Iterator[None]:
    """Let Python look for garbage less often: figures are made of many small parts that stay until they are saved.

    Yields:
        Nothing.
    """
    before = gc.get_threshold()
    gc.set_threshold(max(before[0], _BETWEEN_COLLECTIONS), *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def write_tables(folder: ResultFolder, results: Results) -> None:
    """Write ``results.csv``, ``accuracy.csv`` and ``summary.csv``: cheap enough to be done as runs end.

    Args:
        folder: the result folder.
        results: what its runs have to say.
    """
    _write_tables(folder, results)


def _write_tables(folder: ResultFolder, results: Results) -> pd.DataFrame:
    summary = summary_table(results)
    folder.write_table("results", results.table())
    folder.write_table("accuracy", results.accuracy)
    folder.write_table("summary", summary)
    return summary
