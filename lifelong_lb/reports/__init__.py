"""Reports: tidy frames, tables, figures and the HTML page, made from a result folder. Never torch.

The names are loaded when they are first used, so that importing this package costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lifelong_lb.reports.build import load_results, write_report, write_tables
    from lifelong_lb.reports.compare import PairedComparison, compare
    from lifelong_lb.reports.comparisons import COMPARISON_COLUMNS, comparison_table
    from lifelong_lb.reports.confusion import load_confusion, per_class_accuracy
    from lifelong_lb.reports.continual import continual_metrics, load_continual
    from lifelong_lb.reports.diagnostics import load_diagnostics
    from lifelong_lb.reports.external import read_matrices, with_imported
    from lifelong_lb.reports.figures import draw_figures
    from lifelong_lb.reports.landscape import correlation_table, flatness_table, load_landscape
    from lifelong_lb.reports.matrices import blocks_of
    from lifelong_lb.reports.merge_folders import collect_all
    from lifelong_lb.reports.pivots import Pivot, pivot
    from lifelong_lb.reports.plain_text import comparisons_text, summary_text
    from lifelong_lb.reports.results import ACCURACY_COLUMNS, RESULT_COLUMNS, Results, collect, matrix_of
    from lifelong_lb.reports.summary import SUMMARY_COLUMNS, summary_table
    from lifelong_lb.reports.tables import readable_table

__all__ = [
    "ACCURACY_COLUMNS",
    "COMPARISON_COLUMNS",
    "PairedComparison",
    "Pivot",
    "RESULT_COLUMNS",
    "SUMMARY_COLUMNS",
    "Results",
    "blocks_of",
    "collect",
    "collect_all",
    "compare",
    "comparison_table",
    "comparisons_text",
    "continual_metrics",
    "correlation_table",
    "draw_figures",
    "flatness_table",
    "load_confusion",
    "load_continual",
    "load_diagnostics",
    "load_landscape",
    "load_results",
    "matrix_of",
    "per_class_accuracy",
    "pivot",
    "read_matrices",
    "readable_table",
    "summary_table",
    "summary_text",
    "with_imported",
    "write_report",
    "write_tables",
]

_HOMES = {
    "ACCURACY_COLUMNS": "results",
    "RESULT_COLUMNS": "results",
    "SUMMARY_COLUMNS": "summary",
    "Results": "results",
    "blocks_of": "blocks",
    "COMPARISON_COLUMNS": "comparisons",
    "collect": "results",
    "collect_all": "joined",
    "PairedComparison": "paired",
    "compare": "paired",
    "comparison_table": "comparisons",
    "comparisons_text": "plain_text",
    "continual_metrics": "continual",
    "correlation_table": "landscape",
    "draw_figures": "figures",
    "flatness_table": "landscape",
    "load_confusion": "confusion",
    "load_continual": "continual",
    "load_diagnostics": "diagnostics",
    "load_landscape": "landscape",
    "load_results": "build",
    "matrix_of": "results",
    "per_class_accuracy": "confusion",
    "Pivot": "pivots",
    "pivot": "pivots",
    "read_matrices": "imported",
    "readable_table": "tables",
    "summary_table": "summary",
    "summary_text": "plain_text",
    "with_imported": "imported",
    "write_report": "build",
    "write_tables": "build",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
