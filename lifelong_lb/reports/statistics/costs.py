"""Costs of rules, and which rules are best for their cost."""

import pandas as pd

from lifelong_lb.config import Train
from lifelong_lb.evaluation import pareto_front

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


def budget_sentence(train: Train) -> str:
    """Describe the training budget that all rules of a study share.

    Args:
        train: the study's training settings.

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
    if train.match == "gradients":
        epochs = f"{train.epochs} epoch{'s' * (train.epochs != 1)}"
        return (
            f"Every rule got {train.passes:g} gradient evaluations for each minibatch of {epochs} in each experience, "
            "so rules with cheaper steps trained for more epochs."
        )
    return "Every rule took the same number of steps; gradient evaluations and time differ."


def relative_costs(summary: pd.DataFrame) -> "pd.Series[float]":
    """Compute gradient evaluations relative to the fewest within a stream, strategy and base optimizer.

    Args:
        summary: from :func:`~lifelong_lb.reports.statistics.summary.summary_table`.

    Returns:
        Ratios with the summary's index; NaN where one of the two is unknown or 0.
    """
    passes = summary["gradient_evaluations"]
    fewest = summary.groupby(BLOCK)["gradient_evaluations"].transform("min")
    return (passes / fewest).where((passes > 0) & (fewest > 0))
