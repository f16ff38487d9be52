"""Table of the correlations of flatness with later forgetting."""

import math
from collections.abc import Mapping

import pandas as pd

from lifelong_lb.reports.tables.styled import Cell, Column, Group, Row, StyledTable

_COEFFICIENTS = {
    "spearman": "Spearman",
    "pearson": "Pearson",
    "spearman_within": "Spearman within experiences",
}


def correlation_styled(rows: "Mapping[str, pd.Series[float]]", title: str) -> StyledTable:
    """Build the table of correlations.

    Args:
        rows: rows of :func:`~lifelong_lb.reports.correlation_table` by title of the measure.
        title: stream, strategy and base optimizer.

    Returns:
        The table.
    """
    columns = [
        Column("measure", kind="label"),
        Column("entries"),
        Column("seeds"),
        *map(Column, _COEFFICIENTS.values()),
    ]
    cells = [[Cell(title), *_row(row)] for title, row in rows.items()]
    return StyledTable(
        "flatness", f"{title}: correlation of flatness with later forgetting", columns, [Group("", cells)]
    )


def _row(row: "pd.Series[float]") -> Row:
    counts = [Cell(f"{int(row[name])}", value=float(row[name])) for name in ("pairs", "seeds")]
    return [*counts, *(_coefficient(row[name], row[f"{name}_low"], row[f"{name}_high"]) for name in _COEFFICIENTS)]


def _coefficient(value: float, low: float, high: float) -> Cell:
    if math.isnan(value):
        return Cell()
    interval = "" if math.isnan(low) else f" [{low:z.2f}, {high:z.2f}]"
    return Cell(f"{value:z.2f}{interval}", value=float(value))
