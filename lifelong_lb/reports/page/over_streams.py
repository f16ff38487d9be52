"""The section of the page about several streams."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from lifelong_lb.reports.charts.chart import PAGE, Chart, looks
from lifelong_lb.reports.charts.profiles import profiles
from lifelong_lb.reports.names import display_name
from lifelong_lb.reports.over_streams import (
    BOOTSTRAP,
    DEFINITIONS,
    aggregate_sections,
    aggregate_values,
    left_out_streams,
    stream_scores,
)
from lifelong_lb.reports.page.findings import METRIC
from lifelong_lb.reports.page.streams_findings import StreamsFinding, streams_findings
from lifelong_lb.reports.results import Results
from lifelong_lb.reports.summary import labels_of
from lifelong_lb.reports.tables import KNOWN, Definition, Section

UNSCALED = (
    "Scores are not rescaled. If the streams differ much in level, the interquartile mean leaves out runs of the "
    "lowest and the highest stream, whatever the rule. Then read the mean, and the pairs, which are of one stream."
)


@dataclass(frozen=True)
class Block:
    """The table of one metric.

    Attributes:
        name: name for screen readers.
        caption: caption.
        sections: rows by strategy and base optimizer.
    """

    name: str
    caption: str
    sections: Sequence[Section]


@dataclass(frozen=True)
class OverStreams:
    """What the page shows over several streams.

    Attributes:
        findings: sentences for the top of the page.
        blocks: one table per metric.
        columns: titles of their columns, and whether higher or lower is better.
        values: numbers to sort by.
        charts: performance profiles, one chart per base optimizer.
        notes: what the intervals mean, and what is left out.
        definitions: definitions of the columns.
    """

    findings: Sequence[StreamsFinding]
    blocks: Sequence[Block]
    columns: Sequence[tuple[str, str]]
    values: Mapping[tuple[int, str], float]
    charts: Sequence[Chart]
    notes: Sequence[str]
    definitions: Sequence[Definition]


def over_streams(results: Results, aggregated: pd.DataFrame) -> OverStreams:
    """Collect the section.

    Args:
        results: results of a folder.
        aggregated: from :func:`~lifelong_lb.reports.over_streams.aggregate_table`, not empty.

    Returns:
        The section.
    """
    metrics = list(map(str, aggregated["metric"].unique()))
    left_out = dict.fromkeys(sentence for metric in metrics for sentence in left_out_streams(results, metric))
    return OverStreams(
        findings=streams_findings(aggregated),
        blocks=[_block(aggregated[aggregated["metric"] == metric]) for metric in metrics],
        columns=[(definition.title, "") for definition in DEFINITIONS],
        values=aggregate_values(aggregated),
        charts=_charts(results),
        notes=[BOOTSTRAP, UNSCALED, *left_out],
        definitions=DEFINITIONS,
    )


def _block(rows: pd.DataFrame) -> Block:
    metric, baseline = (str(rows[column].iloc[0]) for column in ("metric", "baseline"))
    known = KNOWN[metric]
    better = "higher" if known.higher_is_better else "lower"
    numbers = sorted({int(number) for number in rows["streams"]})
    streams = f"{' or '.join(map(str, numbers))} streams"
    optimizers = list(map(str, rows["base_optimizer"].unique()))
    base = display_name(baseline, optimizers[0] if len(optimizers) == 1 else "")
    caption = f"{known.title} over {streams}, pairs with {base} ({better} is better)"
    return Block(f"{known.title} over streams", caption, aggregate_sections(rows))


def _charts(results: Results) -> list[Chart]:
    blocks, of_rules = stream_scores(results, METRIC), looks(labels_of(results, "rule"))
    charts = [
        profiles([block for block in blocks if block.base_optimizer == optimizer], of_rules, PAGE, f"profiles-{number}")
        for number, optimizer in enumerate(labels_of(results, "base_optimizer"))
    ]
    return [chart for chart in charts if chart is not None]
