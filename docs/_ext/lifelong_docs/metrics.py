"""Reference of the metrics, from their descriptions in the code."""

from collections.abc import Iterable, Mapping
from typing import Any

from lifelong_docs.markdown import inline, table
from lifelong_lb.evaluation import CONTINUAL_METRICS, LANDSCAPE_MEASURES, METRICS, REFERENCED

TABLES: dict[str, Mapping[str, Any]] = {
    "matrix": {**METRICS, **REFERENCED},
    "continual": CONTINUAL_METRICS,
}
"""Metrics of the accuracy matrix, and of accuracies measured during training."""


def metrics(kind: str) -> str:
    """Table of metrics.

    Args:
        kind: a key of :data:`TABLES`, or ``landscape``.

    Returns:
        Markdown.
    """
    if kind == "landscape":
        rows: Iterable[list[str]] = (
            [f"`{name}`", inline(measure.title), f"`{measure.formula}`"] for name, measure in LANDSCAPE_MEASURES.items()
        )
        return table(["measure", "title", "definition"], rows)
    rows = (
        [
            f"`{name}`",
            f"`{metric.formula}`",
            "higher" if metric.higher_is_better else "lower",
            str(metric.least_experiences),
            inline(metric.paper),
        ]
        for name, metric in TABLES[kind].items()
    )
    return table(["column", "definition", "better", "experiences needed", "source"], rows)
