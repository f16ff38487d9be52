"""First screen of the page: findings, a small table and one chart for each stream."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from lifelong_lb.reports.charts.chart import Chart
from lifelong_lb.reports.charts.looks import Look
from lifelong_lb.reports.charts.trade_off import trade_off
from lifelong_lb.reports.names import display_name
from lifelong_lb.reports.page.findings import Finding
from lifelong_lb.reports.tables import KNOWN, best_means, count

SHOWN = ("average_accuracy", "learning_accuracy", "forgetting")
"""Metrics of the small table."""


@dataclass(frozen=True)
class Cell:
    """A number of the small table.

    Attributes:
        text: the mean; a dash if it is undefined.
        deviation: the sample standard deviation; empty if it is undefined.
        best: whether it is the best mean of its group.
    """

    text: str
    deviation: str = ""
    best: bool = False


@dataclass(frozen=True)
class Stream:
    """What the first screen shows of one stream.

    Attributes:
        label: label of the stream.
        findings: what was found, one item per strategy and base optimizer.
        groups: rows of the small table by heading: a rule's name and its cells.
        charts: learning accuracy against forgetting, one chart per base optimizer.
    """

    label: str
    findings: Sequence[Finding]
    groups: Mapping[str, Sequence[tuple[str, Sequence[Cell]]]]
    charts: Sequence[Chart]


HEADINGS = [*(f"{KNOWN[metric].title}, %" for metric in SHOWN), "gradients"]
"""Headings of the small table, after the rule."""


def first_screen(
    summary: pd.DataFrame, runs: pd.DataFrame, found: Sequence[Finding], looks: Mapping[str, Look]
) -> list[Stream]:
    """Collect the first screen.

    Args:
        summary: from :func:`~lifelong_lb.reports.summary_table`.
        runs: rows of ``results.csv``.
        found: findings of all streams.
        looks: looks by label of a rule.

    Returns:
        One item per stream, in the order of the summary.
    """
    best = best_means(summary, SHOWN)
    done = runs[runs["status"] == "done"]
    streams = []
    for stream, rows in summary.groupby("stream", sort=False):
        groups: dict[str, list[tuple[str, list[Cell]]]] = {}
        several = rows["base_optimizer"].nunique() > 1
        for index, row in rows.iterrows():
            strategy, optimizer = str(row["strategy"]), str(row["base_optimizer"])
            heading = f"{display_name(strategy)}, {display_name(optimizer)}" if several else display_name(strategy)
            cells = [_cell(row, metric, (int(str(index)), KNOWN[metric].title) in best) for metric in SHOWN]
            cells.append(Cell(count(row["gradient_evaluations"])))
            groups.setdefault(heading, []).append((display_name(str(row["rule"]), optimizer), cells))
        of_stream = done[done["stream"] == stream]
        charts = [
            chart
            for _, same in of_stream.groupby("base_optimizer", sort=False)
            if (chart := trade_off(same, looks)) is not None
        ]
        streams.append(Stream(str(stream), [f for f in found if f.stream == stream], groups, charts))
    return streams


def _cell(row: "pd.Series[float]", metric: str, best: bool) -> Cell:
    mean, std = row[f"{metric}_mean"], row[f"{metric}_std"]
    if pd.isna(mean):
        return Cell("-")
    return Cell(f"{100 * mean:z.1f}", "" if pd.isna(std) else f"{100 * std:.1f}", best)
