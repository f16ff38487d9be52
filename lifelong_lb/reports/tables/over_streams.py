"""Table of a metric over several streams."""

import math
from dataclasses import replace

import pandas as pd

from lifelong_lb.reports.definitions import Definition
from lifelong_lb.reports.names import display_name
from lifelong_lb.reports.tables.cells import PERCENT, metric_column, metric_text
from lifelong_lb.reports.tables.styled import Cell, Column, Group, StyledTable
from lifelong_lb.reports.tables.summary import RULE

_AGARWAL = "Agarwal et al. 2021, arXiv 2108.13264"
OVER_STREAMS = [
    Definition("runs", "done runs of the rule on these streams"),
    Definition("interquartile mean", "mean of the middle half of these runs, with its 95 % interval", _AGARWAL),
    Definition("mean", "mean over streams of the mean over seeds, with its 95 % interval"),
    Definition(
        "better pairs",
        "mean over streams of the share of pairs (a run of the rule, a run of the baseline) in which the rule's is "
        "better, ties count 1/2, with its 95 % interval; 50 % is even",
        _AGARWAL,
    ),
]
"""Definitions of the columns."""


def over_streams_styled(aggregated: pd.DataFrame) -> StyledTable:
    """Build the table of one metric over several streams.

    Args:
        aggregated: rows of :func:`~lifelong_lb.reports.aggregate_table` for one metric, at least one.

    Returns:
        The table, with a group of rows per strategy and base optimizer.
    """
    metric, baseline = (str(aggregated[column].iloc[0]) for column in ("metric", "baseline"))
    of_metric, optimizers = metric_column(metric), list(map(str, aggregated["base_optimizer"].unique()))
    base = display_name(baseline, optimizers[0] if len(optimizers) == 1 else "")
    numbers = " or ".join(map(str, sorted({int(number) for number in aggregated["streams"]})))
    runs, interquartile, mean, pairs = (definition.title for definition in OVER_STREAMS)
    columns = [
        *(RULE, Column(runs), *(replace(of_metric, title=title) for title in (interquartile, mean))),
        Column(pairs, PERCENT, "higher"),
    ]
    groups = [
        Group(
            ", ".join([display_name(str(strategy)), *([display_name(str(optimizer))] if len(optimizers) > 1 else [])]),
            [_row(row, metric, str(optimizer)) for _, row in rows.iterrows()],
        )
        for (strategy, optimizer), rows in aggregated.groupby(["strategy", "base_optimizer"], sort=False)
    ]
    caption = f"{of_metric.title} over {numbers} streams, in pairs with {base} ({of_metric.direction} is better)"
    return StyledTable(f"streams-{metric.replace('_', '-')}", caption, columns, groups)


def _row(row: "pd.Series[float]", metric: str, optimizer: str) -> list[Cell]:
    return [
        Cell(display_name(str(row["rule"]), optimizer)),
        Cell(str(row["runs"]), value=float(row["runs"])),
        *(_cell(row, name, metric) for name in ("interquartile_mean", "mean")),
        _cell(row, "improvement", "average_accuracy"),
    ]


def _cell(row: "pd.Series[float]", name: str, unit_of: str) -> Cell:
    """Return a value with its interval, written as values of a metric are."""
    value, low, high = (float(row[f"{name}{end}"]) for end in ("", "_low", "_high"))
    if math.isnan(value):
        return Cell()
    interval = "" if math.isnan(low) else f" ({metric_text(unit_of, low)} to {metric_text(unit_of, high)})"
    return Cell(f"{metric_text(unit_of, value)}{interval}", value=value)
