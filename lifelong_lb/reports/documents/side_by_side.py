"""Tables with one column per rule: LaTeX, Markdown and CSV."""

from collections.abc import Sequence

import pandas as pd

from lifelong_lb.reports.definitions import describe_test_images
from lifelong_lb.reports.documents.pivots import Pivot, pivot
from lifelong_lb.reports.names import display_name
from lifelong_lb.reports.render.latex import latex_document
from lifelong_lb.reports.results.collect import Results
from lifelong_lb.reports.statistics.summary import GROUP
from lifelong_lb.reports.tables.pivots import pivot_styled
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
