"""Table of the comparisons of a metric with the baseline."""

import math

import pandas as pd

from lifelong_lb.evaluation import TESTS
from lifelong_lb.reports.definitions import KNOWN, Definition, in_percent
from lifelong_lb.reports.names import display_name, plural
from lifelong_lb.reports.tables.cells import interval_cell, metric_cell, note_on_test, number_cell, p_cell
from lifelong_lb.reports.tables.styled import Cell, Column, Row, StyledTable
from lifelong_lb.reports.tables.summary import LEVEL, RULE, grouped

_FIRST = [
    Definition("seeds", "seeds under which both rules have a value"),
    Definition(
        "difference",
        "mean over these seeds of the rule's value minus the baseline's ± the sample standard deviation of the "
        "differences (divisor n - 1)",
    ),
    Definition("95 % interval", "of the mean difference, by Student's t with n - 1 degrees of freedom"),
    Definition("better under", "number of seeds under which the rule's value is better"),
    Definition("p, Holm", "p corrected for all comparisons of this metric in the table", "Holm 1979"),
]
_EFFECTS = [
    Definition("Cohen's d_z", "mean difference divided by the standard deviation of the differences", "Cohen 1988"),
    Definition(
        "Cliff's delta",
        "fraction of all pairs of a rule's and a baseline's value in which the rule's is larger, minus smaller",
        "Cliff 1993",
    ),
]


def comparison_definitions(test: str = "sign-flip") -> list[Definition]:
    """Define the columns of a table of comparisons.

    Args:
        test: key of :data:`~lifelong_lb.evaluation.TESTS`.

    Returns:
        One definition per column.
    """
    return [*_FIRST, Definition("p", TESTS[test].formula, TESTS[test].source), *_EFFECTS]


def comparison_styled(compared: pd.DataFrame, test: str = "sign-flip", *, effects: bool = True) -> StyledTable:
    """Build the table of the comparisons of one metric.

    Args:
        compared: rows of :func:`~lifelong_lb.reports.comparison_table` for one metric, at least one.
        test: the test of the comparisons.
        effects: whether to include the number of seeds, the uncorrected p-value and the effect sizes.

    Returns:
        The table.
    """
    metric, base = str(compared["metric"].iloc[0]), str(compared["baseline"].iloc[0])
    known = KNOWN[metric]
    optimizers = compared["base_optimizer"].unique()
    named = display_name(base, str(optimizers[0]) if len(optimizers) == 1 else "")
    unit = "points" if in_percent(metric) else ""
    columns = [
        *([RULE, Column("seeds")] if effects else [RULE]),
        Column("difference", unit, "higher" if known.higher_is_better else "lower"),
        *(Column("95 % interval"), Column("better under"), Column("p, Holm")),
        *([Column("p"), Column("Cohen's d_z"), Column("Cliff's delta")] if effects else []),
    ]
    cells = {index: _cells(row, effects=effects) for index, row in compared.iterrows()}
    better = "higher" if known.higher_is_better else "lower"
    table = StyledTable(
        f"compared-{metric.replace('_', '-')}",
        f"{known.title}: rule minus {named} ({better} is better)",
        columns,
        grouped(compared, cells),
    )
    if not table.has(lambda cell: cell.differs):
        return table
    family = int(compared["family"].max())
    comparisons = f"{family} {plural('comparison', family)}"
    return table.with_notes((f"*: {note_on_test(test, comparisons, LEVEL)}.",))


def _cells(row: "pd.Series[float]", *, effects: bool) -> Row:
    metric, pairs = str(row["metric"]), int(row["pairs"])
    lower = pairs - row["larger"] - row["equal"]
    better = int(row["larger"] if KNOWN[metric].higher_is_better else lower)
    difference, differs = row["difference_mean"], bool(row["p_holm"] <= LEVEL)
    return [
        *([Cell(str(pairs), value=pairs)] if effects else []),
        _signed(metric_cell(metric, difference, row["difference_std"], differs=differs)),
        interval_cell(metric, row["ci_low"], row["ci_high"]),
        Cell(f"{better} of {pairs}", value=better) if pairs else Cell(),
        p_cell(row["p_holm"]),
        *([p_cell(row["p"]), number_cell(row["cohen_dz"]), number_cell(row["cliff_delta"])] if effects else []),
    ]


def _signed(cell: Cell) -> Cell:
    plus = "+" if not math.isnan(cell.value) and float(cell.text) > 0 else ""
    return Cell(plus + cell.text, cell.deviation, cell.value, differs=cell.differs)
