"""Cells and columns: rounded numbers as text."""

import math

import pandas as pd

from lifelong_lb.evaluation import TESTS
from lifelong_lb.reports.definitions import COSTS, KNOWN, in_percent
from lifelong_lb.reports.tables.styled import DASH, Cell, Column

PERCENT = "%"


def metric_column(metric: str) -> Column:
    """Return the column of a metric.

    Args:
        metric: key of :data:`~lifelong_lb.reports.definitions.KNOWN`.

    Returns:
        Its title, unit and direction.
    """
    known = KNOWN[metric]
    unit = PERCENT if in_percent(metric) else ""
    return Column(known.title, unit, "higher" if known.higher_is_better else "lower")


def cost_column(cost: str) -> Column:
    """Return the column of a cost.

    Args:
        cost: key of :data:`~lifelong_lb.reports.definitions.COSTS`.

    Returns:
        Its title and unit.
    """
    return Column(COSTS[cost].title, COSTS[cost].unit)


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
        >>> cost_cell("gradient_evaluations", 14400.0).text, cost_cell("train_seconds", 12.345).text
        ('14,400', '12.3')
    """
    if cost == "train_seconds":
        return Cell(duration(value), value=value)
    return Cell(count(value / 1e6 if cost == "peak_memory" else value), value=value)


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


def p_cell(p: float) -> Cell:
    """Return the cell of a p-value.

    Args:
        p: the p-value; NaN for none.

    Returns:
        The cell.

    Example:
        >>> p_cell(0.0312).text, p_cell(0.00002).text
        ('0.031', '2e-05')
    """
    if math.isnan(p):
        return Cell()
    return Cell(f"{p:.3f}" if p >= 0.001 else f"{p:.1g}", value=p)


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


def count(number: float) -> str:
    """Format a count.

    Args:
        number: a count or a mean of counts; NaN for none.

    Returns:
        Text.

    Example:
        >>> count(14400.0), count(float("nan"))
        ('14,400', '-')
    """
    return DASH if math.isnan(number) else f"{number:,.0f}"


def duration(seconds: float) -> str:
    """Format a duration with three significant digits.

    Args:
        seconds: duration; NaN for none.

    Returns:
        Text, without the unit.

    Example:
        >>> duration(0.5234), duration(12.345), duration(1234.5)
        ('0.523', '12.3', '1,234')
    """
    if math.isnan(seconds):
        return DASH
    digits = 0 if seconds >= 100 else 1 if seconds >= 10 else 2 if seconds >= 1 else 3
    return f"{seconds:,.{digits}f}"
