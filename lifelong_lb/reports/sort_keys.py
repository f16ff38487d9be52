"""Sort keys of the page's tables: the unrounded numbers behind the cells."""

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from lifelong_lb.reports.costs import pareto_fronts, relative_costs
from lifelong_lb.reports.tables import KNOWN, interval_title

Values = dict[tuple[int, str], float]
"""Number by row index and column title; absent if the cell has a dash."""

_COUNTS = {"seeds": "seeds", "gradient evaluations": "gradient_evaluations"}
_COMPARISONS = {
    "pairs": "pairs",
    "difference": "difference_mean",
    "95 % interval": "ci_low",
    "larger": "larger",
    "p": "p",
    "p, Holm": "p_holm",
    "Cohen's d_z": "cohen_dz",
    "Cliff's delta": "cliff_delta",
}
_COSTS = {
    **_COUNTS,
    "average accuracy": "average_accuracy_mean",
    "the strategy's own": "strategy_gradient_evaluations",
    "training time in seconds": "train_seconds",
    "images seen": "samples_seen",
    "forward passes": "forward_passes",
    "parameters": "parameters",
    "peak memory in MB": "peak_memory",
}


def summary_values(summary: pd.DataFrame, metrics: Sequence[str]) -> Values:
    """Collect the numbers behind a readable summary.

    Args:
        summary: from :func:`~lifelong_lb.reports.summary.summary_table`.
        metrics: metrics of the table.

    Returns:
        Means, lower ends of intervals, and counts.
    """
    means = {KNOWN[metric].title: f"{metric}_mean" for metric in metrics}
    lows = {interval_title(metric): f"{metric}_ci_low" for metric in metrics}
    return _values(summary, {**_COUNTS, **means, **lows})


def comparison_values(compared: pd.DataFrame) -> Values:
    """Collect the numbers behind readable comparisons; an interval is sorted by its lower end.

    Args:
        compared: from :func:`~lifelong_lb.reports.comparison_table`.

    Returns:
        The numbers.
    """
    return _values(compared, _COMPARISONS)


def cost_values(summary: pd.DataFrame) -> Values:
    """Collect the numbers behind the table of costs.

    Args:
        summary: from :func:`~lifelong_lb.reports.summary.summary_table`.

    Returns:
        The numbers; 1 for rules that are best for their price.
    """
    front = pareto_fronts(summary)
    best = {"best for its gradients": front["gradients"], "best for its seconds": front["train_seconds"]}
    numbers = _values(summary, _COSTS) | _numbers("relative to the fewest", relative_costs(summary).items())
    for title, column in best.items():
        numbers |= {(int(index), title): 1.0 for index in summary.index[column]}
    return numbers


def _values(table: pd.DataFrame, columns: Mapping[str, str]) -> Values:
    numbers: Values = {}
    for title, column in columns.items():
        numbers |= _numbers(title, table[column].items())
    return numbers


def _numbers(title: str, cells: Iterable[tuple[object, float]]) -> Values:
    return {(int(str(index)), title): float(number) for index, number in cells if not pd.isna(number)}
