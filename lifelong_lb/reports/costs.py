"""Costs of rules, and average accuracy against cost."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lifelong_lb.config import Train
from lifelong_lb.evaluation import METRICS, pareto_front, spread
from lifelong_lb.reports.layout import Layout, create_panels
from lifelong_lb.reports.matrices import band
from lifelong_lb.reports.style import WIDTH, Drawing, Look, file_name, finish, legend, lines_of, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

BLOCK = ["stream", "strategy", "base_optimizer"]
"""Columns within which rules are compared by cost."""

PRICES = {"gradients": "gradient evaluations", "train_seconds": "training time in seconds"}
"""Cost column to axis label; ``gradients`` are those of the rule and of the strategy."""

_CAPTION = (
    "Average accuracy ({formula}) against cost, one row per strategy: gradient evaluations of a run, including those "
    "taken by the strategy, and seconds of training. Up and to the left is better. Points are means over seeds; bars "
    "show one sample standard deviation on either side (none for one seed), clipped to [0, 1] for accuracies. The line "
    "joins the rules that no other rule beats at the same or lower cost, by these means; this is not a test. Compare "
    "seconds only between runs made on the same hardware."
)


def pareto_fronts(summary: pd.DataFrame) -> pd.DataFrame:
    """Mark the rows of a summary that no other rule of their block beats at the same or lower cost, by mean.

    Args:
        summary: from :func:`~lifelong_lb.reports.summary.summary_table`.

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
        summary: from :func:`~lifelong_lb.reports.summary.summary_table`.

    Returns:
        Ratios with the summary's index; NaN where one of the two is unknown or 0.
    """
    passes = summary["gradient_evaluations"]
    fewest = summary.groupby(BLOCK)["gradient_evaluations"].transform("min")
    return (passes / fewest).where((passes > 0) & (fewest > 0))


def draw_costs(runs: pd.DataFrame, looks: Mapping[str, Look]) -> Drawing | None:
    """Draw average accuracy against gradient evaluations and against seconds, one row of panels per strategy.

    Args:
        runs: done runs of one stream and base optimizer, rows of ``results.csv``.
        looks: looks by rule.

    Returns:
        The figure; None if no run has an average accuracy.
    """
    known = runs[runs["average_accuracy"].notna()]
    if known.empty:
        return None
    known = known.assign(gradients=known["gradient_evaluations"] + known["strategy_gradient_evaluations"])
    stream, optimizer = str(known["stream"].iloc[0]), str(known["base_optimizer"].iloc[0])
    strategies = [str(strategy) for strategy in known["strategy"].drop_duplicates()]
    rules = [rule for rule in looks if (known["rule"] == rule).any()]
    name = file_name("cost", stream, optimizer)
    layout = Layout(
        headings=[lines_of(strategy, 36) for strategy in strategies for _ in PRICES],
        columns=len(PRICES),
        height=1.9,
        width=WIDTH,
        shared="row",
        labelled="all",
        rules=rules,
    )
    with style(name):
        figure, grid = create_panels(layout, list(PRICES.values()), "average accuracy")
        handles: dict[str, Line2D] = {}
        for axes, (strategy, price) in zip(grid, product(strategies, PRICES), strict=True):
            handles |= _draw_panel(axes, known[known["strategy"] == strategy], price, rules, looks)
            axes.set_xlim(left=0)
        legend(figure, {rule: handles[rule] for rule in rules})
        caption = _CAPTION.format(formula=METRICS["average_accuracy"].formula)
        return finish(figure, name, f"Average accuracy and its cost: {stream}, {optimizer}", caption)


def _draw_panel(
    axes: "Axes", runs: pd.DataFrame, price: str, rules: Sequence[str], looks: Mapping[str, Look]
) -> "dict[str, Line2D]":
    handles, points = {}, []
    for rule in rules:
        of_rule = runs[runs["rule"] == rule]
        if of_rule.empty:
            continue
        x, y, look = spread(of_rule[price].tolist()), spread(of_rule["average_accuracy"].tolist()), looks[rule]
        points.append((x.mean, y.mean))
        if y.seeds > 1:
            axes.plot([x.mean - x.std, x.mean + x.std], [y.mean] * 2, color=look.colour, linewidth=1.1, alpha=0.8)
            axes.plot(
                [x.mean] * 2, [*band(np.array(y.mean), np.array(y.std))], color=look.colour, linewidth=1.1, alpha=0.8
            )
        (handles[rule],) = axes.plot(
            [x.mean],
            [y.mean],
            linestyle="",
            marker=look.marker,
            color=look.colour,
            markersize=7.5,
            mec="white",
            mew=0.8,
        )
    front = sorted(point for point, best in zip(points, pareto_front(*zip(*points, strict=True)), strict=True) if best)
    axes.plot(*zip(*front, strict=True), color="#9a9a9a", linewidth=1.1, drawstyle="steps-post", zorder=0)
    return handles
