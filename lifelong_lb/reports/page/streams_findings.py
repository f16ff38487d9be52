"""Findings over several streams: how often runs of a rule are better than runs of the baseline, in sentences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lifelong_lb.evaluation import smallest_p
from lifelong_lb.reports.names import display_name
from lifelong_lb.reports.page.findings import LEVEL, METRIC
from lifelong_lb.reports.statistics.over_streams import FEW_SEEDS
from lifelong_lb.reports.text import number_word

Row = Mapping[Any, Any]
EVEN = 50
"""Percent of pairs of runs in which either rule is better if they do not differ."""


@dataclass(frozen=True)
class StreamsFinding:
    """What was found for one strategy and base optimizer over several streams.

    Attributes:
        strategy: label of the strategy.
        base_optimizer: label of the base optimizer.
        headline: one sentence.
        detail: the numbers behind it, and their limits.
    """

    strategy: str
    base_optimizer: str
    headline: str
    detail: str

    def __str__(self) -> str:
        return f"{self.headline} {self.detail}"


def streams_findings(aggregated: pd.DataFrame) -> list[StreamsFinding]:
    """State how often runs are better than those of the baseline, over the streams.

    Args:
        aggregated: from :func:`~lifelong_lb.reports.aggregate_table`; without average accuracy, nothing is
            stated.

    Returns:
        One finding per strategy and base optimizer with a rule that shares seeds with the baseline on each stream.
    """
    found = []
    of_metric = aggregated[aggregated["metric"] == METRIC]
    for (strategy, optimizer), frame in of_metric.groupby(["strategy", "base_optimizer"], sort=False):
        rows = {str(row["rule"]): row for row in frame.to_dict("records")}
        compared = [row for row in rows.values() if not pd.isna(row["improvement"])]
        if compared:
            base = rows[str(frame["baseline"].iloc[0])]
            found.append(_finding(str(strategy), str(optimizer), base, compared))
    return found


def _finding(strategy: str, optimizer: str, base: Row, compared: Sequence[Row]) -> StreamsFinding:
    row = max(compared, key=lambda row: (_side(row) > 0, row["improvement"]))  # a clear one before a higher one
    rule, baseline = (display_name(str(each["rule"]), optimizer) for each in (row, base))
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
    return StreamsFinding(
        strategy, optimizer, headline, " ".join([_means(row, base, baseline), *_limits(row, several)])
    )


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
    interval = "" if _degenerate(row) else f" (95 % interval {_ends(row, 'improvement', 0)})"
    return f"{_share(share)} % of pairs of runs{interval}"


def _means(row: Row, base: Row, baseline: str) -> str:
    numbers = []
    for each in (row, base):
        known = not pd.isna(each["interquartile_mean_low"])
        interval = f" ({_ends(each, 'interquartile_mean', 1)})" if known else ""
        numbers.append(f"{100 * each['interquartile_mean']:z.1f} %{interval}")
    return f"Interquartile mean of average accuracy: {numbers[0]}, that of {baseline} {numbers[1]}."


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


def _ends(row: Row, name: str, decimals: int) -> str:
    low, high = (f"{100 * row[f'{name}_{end}']:z.{decimals}f}" for end in ("low", "high"))
    return f"{low} to {high} %"


def _share(share: float) -> str:
    percent = _percent(share)
    return "more than 99" if percent == 100 else "less than 1" if percent == 0 else str(percent)


def _percent(share: float) -> int:
    return int(f"{100 * share:.0f}")
