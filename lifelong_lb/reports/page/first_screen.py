"""First screen of the page: findings, a small table and one chart for each stream."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from lifelong_lb.reports.charts.chart import Chart
from lifelong_lb.reports.charts.panels import Look
from lifelong_lb.reports.charts.points import trade_off
from lifelong_lb.reports.page.findings import Finding
from lifelong_lb.reports.tables.styled import StyledTable
from lifelong_lb.reports.tables.summary import summary_styled


@dataclass(frozen=True)
class Stream:
    """What the first screen shows of one stream.

    Attributes:
        label: label of the stream.
        findings: what was found, one item per strategy and base optimizer.
        table: the small table.
        charts: learning accuracy against forgetting, one chart per base optimizer.
    """

    label: str
    findings: Sequence[Finding]
    table: StyledTable
    charts: Sequence[Chart]


def first_screen(
    summary: pd.DataFrame,
    runs: pd.DataFrame,
    found: Sequence[Finding],
    looks: Mapping[str, Look],
    compared: pd.DataFrame | None = None,
    test: str = "sign-flip",
) -> list[Stream]:
    """Collect the first screen.

    Args:
        summary: from :func:`~lifelong_lb.reports.summary_table`.
        runs: rows of ``results.csv``.
        found: findings of all streams.
        looks: looks by label of a rule.
        compared: comparisons with the baseline, which decide the marks for differences from it.
        test: the test of the comparisons.

    Returns:
        One item per stream, in the order of the summary.
    """
    done = runs[runs["status"] == "done"]
    streams = []
    for stream, rows in summary.groupby("stream", sort=False):
        table = summary_styled(rows, compared=compared, test=test)
        of_stream = done[done["stream"] == stream]
        charts = [
            chart
            for _, same in of_stream.groupby("base_optimizer", sort=False)
            if (chart := trade_off(same, looks)) is not None
        ]
        streams.append(Stream(str(stream), [f for f in found if f.stream == stream], table, charts))
    return streams
