"""The section of the page about several streams."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from lifelong_lb.reports.charts.chart import Chart
from lifelong_lb.reports.charts.looks import looks
from lifelong_lb.reports.charts.profiles import profiles
from lifelong_lb.reports.definitions import Definition
from lifelong_lb.reports.names import display_name
from lifelong_lb.reports.page.findings import METRIC
from lifelong_lb.reports.page.streams_findings import StreamsFinding, streams_findings
from lifelong_lb.reports.results.collect import Results
from lifelong_lb.reports.statistics.over_streams import FEW_SEEDS, left_out_streams, stream_scores
from lifelong_lb.reports.statistics.summary import labels_of
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
            [_table_row(row, metric, str(optimizer)) for _, row in rows.iterrows()],
        )
        for (strategy, optimizer), rows in aggregated.groupby(["strategy", "base_optimizer"], sort=False)
    ]
    caption = f"{of_metric.title} over {numbers} streams, in pairs with {base} ({of_metric.direction} is better)"
    return StyledTable(f"streams-{metric.replace('_', '-')}", caption, columns, groups)


def _table_row(row: "pd.Series[float]", metric: str, optimizer: str) -> list[Cell]:
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


BOOTSTRAP = (
    "Intervals are percentiles of a stratified bootstrap: on each stream as many seeds as it has are drawn, with "
    "replacement, and a seed brings its runs of both rules. They hold for these streams and say nothing of others; "
    f"with fewer than {FEW_SEEDS} seeds on a stream they are too narrow. They are not corrected for several rules."
)
UNSCALED = (
    "Scores are not rescaled. If the streams differ much in level, the interquartile mean leaves out runs of the "
    "lowest and the highest stream under every rule. Then read the mean, and the pairs, which are of one stream."
)


@dataclass(frozen=True)
class OverStreams:
    """What the page shows over several streams.

    Attributes:
        findings: sentences for the top of the page.
        tables: one table per metric.
        charts: performance profiles, one chart per base optimizer.
        notes: what the intervals mean, and what is left out.
        definitions: definitions of the columns.
    """

    findings: Sequence[StreamsFinding]
    tables: Sequence[StyledTable]
    charts: Sequence[Chart]
    notes: Sequence[str]
    definitions: Sequence[Definition]


def over_streams(results: Results, aggregated: pd.DataFrame) -> OverStreams:
    """Collect the section.

    Args:
        results: results of a folder.
        aggregated: from :func:`~lifelong_lb.reports.aggregate_table`, not empty.

    Returns:
        The section.
    """
    metrics = list(map(str, aggregated["metric"].unique()))
    left_out = dict.fromkeys(sentence for metric in metrics for sentence in left_out_streams(results, metric))
    return OverStreams(
        findings=streams_findings(aggregated),
        tables=[over_streams_styled(aggregated[aggregated["metric"] == metric]) for metric in metrics],
        charts=_charts(results),
        notes=[BOOTSTRAP, UNSCALED, *left_out],
        definitions=OVER_STREAMS,
    )


def _charts(results: Results) -> list[Chart]:
    blocks, of_rules = stream_scores(results, METRIC), looks(labels_of(results, "rule"))
    charts = [
        profiles([block for block in blocks if block.base_optimizer == optimizer], of_rules)
        for optimizer in labels_of(results, "base_optimizer")
    ]
    return [chart for chart in charts if chart is not None]
