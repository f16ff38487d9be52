"""The section of the page about several streams."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from lifelong_lb.reports.charts.chart import Chart
from lifelong_lb.reports.charts.looks import looks
from lifelong_lb.reports.charts.profiles import profiles
from lifelong_lb.reports.definitions import Definition
from lifelong_lb.reports.page.findings import METRIC
from lifelong_lb.reports.page.streams_findings import StreamsFinding, streams_findings
from lifelong_lb.reports.results.collect import Results
from lifelong_lb.reports.statistics.over_streams import FEW_SEEDS, left_out_streams, stream_scores
from lifelong_lb.reports.statistics.summary import labels_of
from lifelong_lb.reports.tables.over_streams import OVER_STREAMS, over_streams_styled
from lifelong_lb.reports.tables.styled import StyledTable

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
