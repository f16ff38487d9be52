"""Costs of rules: which rules are best for their cost, and tables."""

from collections.abc import Sequence

import pandas as pd

from lifelong_lb.config import RuleEntry, Train, axis_labels
from lifelong_lb.evaluation import pareto_front
from lifelong_lb.reports.definitions import COSTS, GRADIENTS
from lifelong_lb.reports.names import display_name
from lifelong_lb.reports.tables.cells import cost_cell, cost_column, metric_cell, metric_column, number_cell, seeds_cell
from lifelong_lb.reports.tables.styled import Cell, Column, StyledTable
from lifelong_lb.reports.tables.summary import RULE, common, grouped

BLOCK = ["stream", "strategy", "base_optimizer"]
"""Columns within which rules are compared by cost."""

PRICES = ("gradients", "train_seconds")
"""Costs; ``gradients`` are those of the rule and of the strategy."""


def pareto_fronts(summary: pd.DataFrame) -> pd.DataFrame:
    """Mark the rows of a summary that no other rule of their block beats at the same or lower cost, by mean.

    Args:
        summary: from :func:`~lifelong_lb.reports.statistics.summary.summary_table`.

    Returns:
        Booleans for the average accuracy, with the summary's index, one column for each of :data:`PRICES`.
    """
    priced = summary.assign(gradients=summary["gradient_evaluations"] + summary["strategy_gradient_evaluations"])
    marks = pd.DataFrame(False, index=summary.index, columns=list(PRICES))
    for _, rows in priced.groupby(BLOCK, sort=False):
        for price in PRICES:
            marks.loc[rows.index, price] = pareto_front(rows[price], rows["average_accuracy_mean"])
    return marks


def budget_sentence(train: Train, rules: Sequence[RuleEntry], optimizer: str = "") -> str:
    """Describe the training budget of the rules of a study.

    Args:
        train: the study's training settings.
        rules: its rules.
        optimizer: label of the only base optimizer, which names the rule ``none``.

    Returns:
        One or two sentences.
    """
    if train.match == "seconds":
        return (
            f"All rules trained for at most {train.budget:g} seconds in each experience. The number of steps depends "
            "on the machine and its load, so results are not reproducible."
        )
    if train.match == "gradients" and train.budget is not None:
        return f"Every rule got {train.budget:,.0f} gradient evaluations in each experience."
    of_epochs = f"gradient evaluations for each minibatch of {train.epochs} epoch{'s' * (train.epochs != 1)}"
    if train.match == "gradients":
        return (
            f"Every rule got {train.passes:g} {of_epochs} in each experience, so rules with cheaper steps trained for "
            "more epochs."
        )
    own: dict[float, list[str]] = {}
    for label, rule in zip(axis_labels(rules), rules, strict=True):
        if rule.passes is not None:
            own.setdefault(rule.passes, []).append(display_name(label, optimizer))
    if not own:
        return "Every rule took the same number of steps; gradient evaluations and time differ."
    budgets = "; ".join(f"{'; '.join(names)} ({passes:g} {of_epochs})" for passes, names in own.items())
    others = len(rules) - sum(map(len, own.values()))
    start = "Every rule took the same number of steps, except those with their own" if others else "Rules had their own"
    return f"{start} budget in each experience: {budgets}."


def _relative_costs(summary: pd.DataFrame) -> "pd.Series[float]":
    """Compute gradient evaluations relative to the fewest within a stream, strategy and base optimizer."""
    passes = summary["gradient_evaluations"]
    fewest = summary.groupby(BLOCK)["gradient_evaluations"].transform("min")
    return (passes / fewest).where((passes > 0) & (fewest > 0))


_ACCURACY = "average_accuracy"
_STRATEGY = "strategy_gradient_evaluations"


def cost_styled(summary: pd.DataFrame) -> StyledTable:
    """Build the table of the mean costs of a run; relative costs are 1 for the cheapest rule of each block.

    Args:
        summary: from :func:`~lifelong_lb.reports.summary_table`, or rows of it.

    Returns:
        The table, without the costs that no run has recorded.
    """
    marks = pareto_fronts(summary).assign(relative=_relative_costs(summary)).to_dict("index")
    shown = [cost for cost in COSTS if cost != GRADIENTS and summary[cost].fillna(0).any()]
    later = [cost for cost in shown if cost not in {_STRATEGY, "train_seconds"}]
    own = [_STRATEGY] if _STRATEGY in shown else []
    columns = [
        *(RULE, Column("seeds"), metric_column(_ACCURACY), cost_column(GRADIENTS), Column("relative to the fewest")),
        *map(cost_column, own),
        *(Column("best for its gradients"), cost_column("train_seconds"), Column("best for its seconds")),
        *map(cost_column, later),
    ]
    cells = {
        index: [
            seeds_cell(row),
            metric_cell(_ACCURACY, row[f"{_ACCURACY}_mean"], float("nan")),
            cost_cell(GRADIENTS, row[GRADIENTS]),
            number_cell(marks[index]["relative"]),
            *(cost_cell(cost, row[cost]) for cost in own),
            _yes(bool(marks[index]["gradients"])),
            cost_cell("train_seconds", row["train_seconds"]),
            _yes(bool(marks[index]["train_seconds"])),
            *(cost_cell(cost, row[cost]) for cost in later),
        ]
        for index, row in summary.iterrows()
    }
    return StyledTable("cost", f"{common(summary)}: cost of a run, mean over seeds", columns, grouped(summary, cells))


def _yes(mark: bool) -> Cell:
    return Cell("yes", value=1) if mark else Cell()
