"""The section of the page about several streams, and findings over them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from lifelong_lb.evaluation import smallest_p
from lifelong_lb.reports.charts.chart import Chart
from lifelong_lb.reports.charts.over_streams import profiles
from lifelong_lb.reports.charts.panels import looks
from lifelong_lb.reports.definitions import KNOWN, Definition, in_percent
from lifelong_lb.reports.names import display_name, number_word
from lifelong_lb.reports.page.findings import LEVEL, METRIC, Kind, metric_of
from lifelong_lb.reports.results.collect import Results
from lifelong_lb.reports.statistics.over_streams import FEW_SEEDS, left_out_streams, stream_scores
from lifelong_lb.reports.statistics.summary import labels_of
from lifelong_lb.reports.tables.cells import PERCENT, column_of, metric_text
from lifelong_lb.reports.tables.styled import Cell, Column, Group, StyledTable
from lifelong_lb.reports.tables.summary import RULE

Row = Mapping[Any, Any]
EVEN = 50
"""Percent of pairs of runs in which either rule is better if they do not differ."""
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
class StreamsFinding:
    """What was found for one strategy and base optimizer over several streams.

    Attributes:
        strategy: label of the strategy.
        base_optimizer: label of the base optimizer.
        kind: ``better`` if runs of a rule are shown to be better more often, else ``worse`` if those of the only rule
            are shown to be worse, else ``no difference``.
        headline: one sentence.
        detail: the numbers behind it, and their limits.
    """

    strategy: str
    base_optimizer: str
    kind: Kind
    headline: str
    detail: str

    def __str__(self) -> str:
        return f"{self.headline} {self.detail}"


def streams_findings(aggregated: pd.DataFrame) -> list[StreamsFinding]:
    """State how often runs are better than those of the baseline, over the streams.

    Args:
        aggregated: from :func:`~lifelong_lb.reports.aggregate_table`. The findings are about average accuracy, or the
            first metric if that is not compared.

    Returns:
        One finding per strategy and base optimizer with a rule that shares seeds with the baseline on each stream.
    """
    found = []
    of_metric = aggregated[aggregated["metric"] == metric_of(aggregated)]
    for (strategy, optimizer), frame in of_metric.groupby(["strategy", "base_optimizer"], sort=False):
        rows = {str(row["rule"]): row for row in frame.to_dict("records")}
        compared = [row for row in rows.values() if not pd.isna(row["improvement"])]
        if compared:
            base = rows[str(frame["baseline"].iloc[0])]
            found.append(_finding(str(strategy), str(optimizer), base, compared))
    return found


def _finding(strategy: str, optimizer: str, base: Row, compared: Sequence[Row]) -> StreamsFinding:
    row = max(compared, key=lambda row: (_side(row) > 0, row["improvement"]))  # a clear one before a higher one
    rule, plain = (display_name(str(each["rule"]), optimizer) for each in (row, base))
    baseline = plain if row["metric"] == METRIC else f"{plain} in {KNOWN[row['metric']].title}"
    left_out = f" of {number_word(row['streams'] + row['streams_left_out'])}" if row["streams_left_out"] else ""
    start = f"Over {number_word(row['streams'])}{left_out} streams,"
    rule += "," if "," in rule else ""
    pairs, several = _pairs(row), len(compared) > 1
    if _side(row) > 0:
        largest = several and row["improvement"] == max(each["improvement"] for each in compared)
        most = f" most often of {number_word(len(compared))} rules:" if largest else ""
        headline = f"{start} {rule} beats {baseline}{most} in {pairs}."
    elif several:
        none = f"is shown to beat {baseline}" if _side(row) == 0 else f"beats {baseline} in half of the pairs of runs"
        headline = f"{start} no rule {none}: {rule} does in {pairs}, the largest share."
    elif _side(row) < 0:
        headline = f"{start} {rule} beats {baseline} in {pairs}."
    else:
        headline = f"{start} {rule} is not shown to differ from {baseline}: it is better in {pairs}."
    kind: Kind = "better" if _side(row) > 0 else "worse" if _side(row) < 0 and not several else "no difference"
    detail = " ".join([_means(row, base, plain), *_limits(row, several)])
    return StreamsFinding(strategy, optimizer, kind, headline, detail)


def _side(row: Row) -> int:
    """Decide whether a rule is shown to be better in more or in less than half of the pairs.

    The interval, as it is printed, must exclude an even chance; if it has no width, all pairs must agree. In addition,
    the runs must be enough for a sign test of the pairs with equal seeds.

    Returns:
        1 for more, -1 for less, 0 for neither.
    """
    if smallest_p(row["shared_runs"]) > LEVEL:
        return 0
    if _degenerate(row):
        return int(row["improvement"] == 1) - int(row["improvement"] == 0)
    return int(_percent(row["improvement_low"]) > EVEN) - int(_percent(row["improvement_high"]) < EVEN)


def _degenerate(row: Row) -> bool:
    """Whether the interval is unknown or has no width."""
    return not row["improvement_low"] < row["improvement_high"]


def _pairs(row: Row) -> str:
    share = row["improvement"]
    if share in (0, 1):
        return "all pairs of runs" if share else "none of the pairs of runs"
    interval = "" if _degenerate(row) else f" (95 % interval {_ends(row)})"
    return f"{_share(share)} % of pairs of runs{interval}"


def _means(row: Row, base: Row, baseline: str) -> str:
    metric, numbers = str(row["metric"]), []
    unit = " %" if in_percent(metric) else ""
    for each in (row, base):
        mean, low, high = (metric_text(metric, each[f"interquartile_mean{end}"]) for end in ("", "_low", "_high"))
        known = not pd.isna(each["interquartile_mean_low"])
        numbers.append(f"{mean}{unit}" + f" ({low} to {high}{unit})" * known)
    return f"Interquartile mean of {KNOWN[metric].title}: {numbers[0]}, that of {baseline} {numbers[1]}."


def _limits(row: Row, several: bool) -> list[str]:
    fewest = int(row["fewest_seeds"])
    if fewest == 1:
        return ["There is no interval: some stream has one seed only."]
    limits = []
    if _degenerate(row):
        limits.append("The bootstrap gives no interval if all pairs agree, which is not certainty.")
    elif several:
        limits.append("The interval is not corrected for the choice of the rule.")
    if fewest < FEW_SEEDS:
        limits.append(f"With {number_word(fewest)} seeds on a stream, intervals are too narrow.")
    return limits


def _ends(row: Row) -> str:
    low, high = (_percent(row[f"improvement_{end}"]) for end in ("low", "high"))
    return f"{low} to {high} %"


def _share(share: float) -> str:
    percent = _percent(share)
    return "more than 99" if percent == 100 else "less than 1" if percent == 0 else str(percent)


def _percent(share: float) -> int:
    return int(f"{100 * share:.0f}")


def over_streams_styled(aggregated: pd.DataFrame) -> StyledTable:
    """Build the table of one metric over several streams.

    Args:
        aggregated: rows of :func:`~lifelong_lb.reports.aggregate_table` for one metric, at least one.

    Returns:
        The table, with a group of rows per strategy and base optimizer.
    """
    metric, baseline = (str(aggregated[column].iloc[0]) for column in ("metric", "baseline"))
    of_metric, optimizers = column_of(metric), list(map(str, aggregated["base_optimizer"].unique()))
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
