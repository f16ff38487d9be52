"""Cells and columns: rounded numbers as text."""

import math
from collections.abc import Iterable

import pandas as pd

from lifelong_lb.evaluation import TESTS
from lifelong_lb.reports.definitions import COSTS, KNOWN, in_percent
from lifelong_lb.reports.tables.styled import DASH, Cell, Column

PERCENT = "%"


def column_of(name: str) -> Column:
    """Return the column of a metric or a cost.

    Args:
        name: key of :data:`~lifelong_lb.reports.definitions.KNOWN` or :data:`~lifelong_lb.reports.definitions.COSTS`.

    Returns:
        Its title and unit, and the direction of a metric.
    """
    if name not in KNOWN:
        return Column(COSTS[name].title, COSTS[name].unit)
    known = KNOWN[name]
    return Column(known.title, PERCENT if in_percent(name) else "", "higher" if known.higher_is_better else "lower")


def metric_text(metric: str, value: float) -> str:
    """Format a value of a metric.

    Args:
        metric: key of :data:`~lifelong_lb.reports.definitions.KNOWN`.
        value: a value, or a difference of values; NaN for none.

    Returns:
        Percent with one decimal, or the number with three decimals for custom metrics.

    Example:
        >>> metric_text("forgetting", 0.81234), metric_text("forgetting", float("nan"))
        ('81.2', '-')
    """
    if math.isnan(value):
        return DASH
    return f"{100 * value:z.1f}" if in_percent(metric) else f"{value:z.3f}"


def metric_cell(metric: str, mean: float, std: float, *, best: bool = False, differs: bool = False) -> Cell:
    """Return the cell of a mean with its deviation.

    Args:
        metric: key of :data:`~lifelong_lb.reports.definitions.KNOWN`.
        mean: mean; NaN for none.
        std: sample standard deviation; NaN for none.
        best: whether it is the best mean of its group.
        differs: whether it differs significantly from the baseline.

    Returns:
        The cell; a dash without a mean.

    Example:
        >>> cell = metric_cell("average_accuracy", 0.81234, 0.0216)
        >>> cell.text, cell.deviation
        ('81.2', '2.2')
    """
    if math.isnan(mean):
        return Cell()
    return Cell(
        metric_text(metric, mean), "" if math.isnan(std) else metric_text(metric, std), mean, best, differs=differs
    )


def interval_cell(metric: str, low: float, high: float) -> Cell:
    """Return the cell of an interval, sorted by its lower end.

    Args:
        metric: key of :data:`~lifelong_lb.reports.definitions.KNOWN`.
        low: lower end; NaN for none.
        high: upper end.

    Returns:
        The cell.

    Example:
        >>> interval_cell("average_accuracy", 0.70123, 0.9).text
        '70.1 to 90.0'
    """
    if math.isnan(low):
        return Cell()
    return Cell(f"{metric_text(metric, low)} to {metric_text(metric, high)}", value=low)


def cost_cell(cost: str, value: float) -> Cell:
    """Return the cell of a cost.

    Args:
        cost: key of :data:`~lifelong_lb.reports.definitions.COSTS`.
        value: mean over runs; NaN for none.

    Returns:
        The cell: three significant digits for seconds, megabytes for bytes, counts without decimals.

    Example:
        >>> cost_cell("gradient_evaluations", 14400.0).text, cost_cell("train_seconds", float("nan")).text
        ('14,400', '-')
        >>> [cost_cell("train_seconds", seconds).text for seconds in (0.5234, 12.345, 1234.5)]
        ['0.523', '12.3', '1,234']
    """
    if cost == "train_seconds":
        return Cell(_duration(value), value=value)
    return Cell(_count(value / 1e6 if cost == "peak_memory" else value), value=value)


def seeds_cell(row: "pd.Series[float]") -> Cell:
    """Return the cell of the number of seeds of a summary row.

    Args:
        row: row of a summary.

    Returns:
        E.g. ``"6"``, or ``"4 of 6"`` if not all planned runs are done.
    """
    done, others = int(row["seeds"]), int(row["not_done"])
    return Cell(f"{done} of {done + others}" if others else str(done), value=done)


def number_cell(value: float, digits: int = 2) -> Cell:
    """Return the cell of a plain number.

    Args:
        value: the number; NaN for none.
        digits: number of decimals.

    Returns:
        The cell.
    """
    return Cell() if math.isnan(value) else Cell(f"{value:z.{digits}f}", value=value)


def note_on_test(test: str, family: str, level: float) -> str:
    """Describe a test in the note of a table.

    Args:
        test: key of :data:`~lifelong_lb.evaluation.TESTS`.
        family: comparisons that Holm's correction covers, e.g. ``"12 comparisons"``.
        level: significance level.

    Returns:
        Part of a sentence.
    """
    return f"{TESTS[test].title} over seeds, p <= {level:g} after Holm's correction for {family}"


def over_seeds(counts: Iterable[float], one: str) -> str:
    """Describe means over seeds in the caption of a table.

    Args:
        counts: numbers of seeds; 0 for none.
        one: the text if there is only one seed.

    Returns:
        E.g. ``"mean ± sample standard deviation over 3-5 seeds"``.
    """
    known = sorted({int(n) for n in counts if n})
    number = "-".join(dict.fromkeys(str(n) for n in (known[0], known[-1]))) if known else "no"
    return one if known == [1] else f"mean ± sample standard deviation over {number} seeds"


def _count(number: float) -> str:
    return DASH if math.isnan(number) else f"{number:,.0f}"


def _duration(seconds: float) -> str:
    """Three significant digits."""
    if math.isnan(seconds):
        return DASH
    digits = 0 if seconds >= 100 else 1 if seconds >= 10 else 2 if seconds >= 1 else 3
    return f"{seconds:,.{digits}f}"
