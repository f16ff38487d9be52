"""Tables of the costs of rules."""

import pandas as pd

from lifelong_lb.reports.definitions import COSTS, GRADIENTS
from lifelong_lb.reports.statistics.costs import pareto_fronts, relative_costs
from lifelong_lb.reports.tables.cells import cost_cell, cost_column, metric_cell, metric_column, number_cell, seeds_cell
from lifelong_lb.reports.tables.styled import Cell, Column, StyledTable
from lifelong_lb.reports.tables.summary import RULE, common, grouped

_ACCURACY = "average_accuracy"
_STRATEGY = "strategy_gradient_evaluations"


def cost_styled(summary: pd.DataFrame) -> StyledTable:
    """Build the table of the mean costs of a run; relative costs are 1 for the cheapest rule of each block.

    Args:
        summary: from :func:`~lifelong_lb.reports.summary_table`, or rows of it.

    Returns:
        The table, without the costs that no run has recorded.
    """
    marks = pareto_fronts(summary).assign(relative=relative_costs(summary)).to_dict("index")
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
