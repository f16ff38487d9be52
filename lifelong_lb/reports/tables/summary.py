"""Tables of the summary and of its comparisons: one row per stream, strategy, rule and base optimizer."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from lifelong_lb.config import UserError, unknown_name
from lifelong_lb.evaluation import TESTS
from lifelong_lb.evaluation.comparisons import DIGITS
from lifelong_lb.reports.definitions import BOLD, COSTS, DEFAULT_COLUMNS, GRADIENTS, KNOWN, Definition, in_percent
from lifelong_lb.reports.names import display_name, plural
from lifelong_lb.reports.statistics.summary import GROUP, varying
from lifelong_lb.reports.tables.cells import (
    column_of,
    cost_cell,
    interval_cell,
    metric_cell,
    note_on_test,
    number_cell,
    over_seeds,
    seeds_cell,
)
from lifelong_lb.reports.tables.styled import DASH, Cell, Column, Group, Row, StyledTable

LEVEL = 0.05
"""Significance level of the mark for differences from the baseline."""
RULE = Column("rule", kind="label")
_FIRST = [
    Definition("seeds", "seeds under which both rules have a value"),
    Definition(
        "difference",
        "mean over these seeds of the rule's value minus the baseline's ± the sample standard deviation of the "
        "differences (divisor n - 1)",
    ),
    Definition("95 % interval", "of the mean difference, by Student's t with n - 1 degrees of freedom"),
    Definition("better under", "number of seeds under which the rule's value is better"),
    Definition(
        "p, Holm", "p corrected for all comparisons of this metric with the baseline in the whole study", "Holm 1979"
    ),
]
_EFFECTS = [
    Definition("Cohen's d_z", "mean difference divided by the standard deviation of the differences", "Cohen 1988"),
    Definition(
        "Cliff's delta",
        "fraction of all pairs of a rule's and a baseline's value in which the rule's is larger, minus smaller",
        "Cliff 1993",
    ),
]


def summary_styled(
    summary: pd.DataFrame,
    columns: Sequence[str] = DEFAULT_COLUMNS,
    *,
    compared: pd.DataFrame | None = None,
    test: str = "sign-flip",
    intervals: Iterable[str] = (),
    name: str = "summary",
) -> StyledTable:
    """Build a table of means over seeds.

    Args:
        summary: from :func:`~lifelong_lb.reports.summary_table`, or rows of it.
        columns: metrics and costs, see :func:`known_columns`.
        compared: comparisons with the baseline, which decide the marks for differences from it; None for no marks.
        test: the test of the comparisons.
        intervals: metrics followed by a column with the 95 % interval of the mean (Student's t).
        name: name of the table.

    Returns:
        The table: a group for each combination of the grid columns that differ, apart from the rule; the number of
        seeds is a column if it differs between rows.
    """
    best, differs = best_means(summary, columns), differences(compared)
    seeds = summary["seeds"].nunique() > 1 or summary["not_done"].any()
    heads = [Column("seeds")] if seeds else []
    for column in columns:
        heads.append(column_of(column))
        if column in intervals:
            heads.append(Column(f"{KNOWN[column].title}, 95 % interval", heads[-1].unit))
    rows = {}
    for index, row in summary.iterrows():
        cells = [seeds_cell(row)] if seeds else []
        for column in columns:
            if column in COSTS:
                cells.append(cost_cell(column, float(row[column])))
                continue
            marks = {"best": (index, column) in best, "differs": (*(str(row[c]) for c in GROUP), column) in differs}
            cells.append(metric_cell(column, row[f"{column}_mean"], row[f"{column}_std"], **marks))
            if column in intervals:
                cells.append(interval_cell(column, row[f"{column}_ci_low"], row[f"{column}_ci_high"]))
        rows[index] = cells
    table = StyledTable(name, caption(summary), [RULE, *heads], grouped(summary, rows))
    return table.with_notes(_notes(table, compared, test))


def _notes(table: StyledTable, compared: pd.DataFrame | None, test: str) -> list[str]:
    notes = [BOLD] if table.has(lambda cell: cell.best) else []
    if compared is not None and table.has(lambda cell: cell.differs):
        base, family = compared["baseline"].iloc[0], int(compared["family"].max())
        optimizers = compared["base_optimizer"].unique()
        optimizer = str(optimizers[0]) if len(optimizers) == 1 else ""
        comparisons = f"{family} {plural('comparison', family)} with it in the whole study"
        notes.append(f"*: differs from {display_name(str(base), optimizer)}; {note_on_test(test, comparisons, LEVEL)}.")
    if any(column.title == "seeds" for column in table.columns) and table.has(lambda cell: " of " in cell.text):
        notes.append("n of m seeds: runs that are not done are left out.")
    if table.has(lambda cell: cell.text == DASH):
        notes.append("-: no run is done, or the metric is undefined.")
    return notes


def _known_columns(summary: pd.DataFrame) -> list[str]:
    """List the columns that a table of the summary can have."""
    return [*(metric for metric in KNOWN if f"{metric}_mean" in summary), *COSTS]


def checked_columns(summary: pd.DataFrame, columns: Sequence[str] | None) -> list[str]:
    """Check the columns chosen for the tables of the summary.

    Args:
        summary: from :func:`~lifelong_lb.reports.summary_table`.
        columns: names; None for :data:`~lifelong_lb.reports.definitions.DEFAULT_COLUMNS`.

    Returns:
        The names, each once.

    Raises:
        UserError: for an unknown name.
    """
    known = _known_columns(summary)
    for column in columns or ():
        if column not in known:
            raise UserError(unknown_name("column", column, known))
    return list(dict.fromkeys(columns or DEFAULT_COLUMNS))


def all_columns(summary: pd.DataFrame, but: Iterable[str] = ()) -> list[str]:
    """List the metrics that have a value, and the gradients.

    Args:
        summary: from :func:`~lifelong_lb.reports.summary_table`.
        but: metrics to leave out.

    Returns:
        Columns; the default ones come first and are always included.
    """
    measured = [m for m in KNOWN if f"{m}_mean" in summary and summary[f"{m}_mean"].notna().any()]
    leading = [column for column in DEFAULT_COLUMNS if column != GRADIENTS]
    return [*leading, *(m for m in measured if m not in {*leading, *but}), GRADIENTS]


def common(summary: pd.DataFrame) -> str:
    """Name the stream, strategy and base optimizer that all rows have in common.

    Args:
        summary: the rows.

    Returns:
        E.g. ``"split-digits, Replay, SGD"``; empty if there are none.
    """
    same = [column for column in GROUP if column != "rule" and column not in varying(summary)]
    return ", ".join(display_name(str(summary[column].iloc[0])) for column in same) if len(summary) else ""


def caption(summary: pd.DataFrame) -> str:
    """Caption a table: what all its rows have in common.

    Args:
        summary: the rows.

    Returns:
        E.g. ``"split-digits, Replay, SGD: mean ± sample standard deviation over 10 seeds"``.
    """
    spread = over_seeds(summary["seeds"], "value of one seed")
    return f"{same}: {spread}" if (same := common(summary)) else spread[:1].upper() + spread[1:]


def grouped(rows: pd.DataFrame, cells: Mapping[Any, Row]) -> list[Group]:
    """Group rows by stream, strategy and base optimizer, so that a row is labelled by its rule alone.

    Args:
        rows: rows with the columns :data:`~lifelong_lb.reports.statistics.summary.GROUP`.
        cells: cells after the label, by index.

    Returns:
        The groups, in the order of the rows.
    """
    outer = [column for column in varying(rows) if column != "rule"]
    groups: dict[tuple[str, ...], list[Row]] = {}
    for index, row in rows.iterrows():
        label = Cell(display_name(str(row["rule"]), str(row["base_optimizer"])))
        groups.setdefault(tuple(str(row[column]) for column in outer), []).append([label, *cells[index]])
    return [Group(", ".join(map(display_name, key)), same) for key, same in groups.items()]


def best_means(summary: pd.DataFrame, metrics: Sequence[str]) -> set[tuple[Any, str]]:
    """Locate the best means.

    Args:
        summary: the rows of a table.
        metrics: keys of :data:`~lifelong_lb.reports.definitions.KNOWN`; others are ignored.

    Returns:
        Pairs of a row's index and a metric: the best mean before rounding, ties included, of each stream and strategy
        with at least two rows.
    """
    best = set()
    for _, block in summary.groupby(["stream", "strategy"], sort=False):
        for metric in (metric for metric in metrics if metric in KNOWN):
            means = block[f"{metric}_mean"].dropna().round(DIGITS)  # ignores rounding errors
            if len(means) > 1:
                top = means.max() if KNOWN[metric].higher_is_better else means.min()
                best |= {(index, metric) for index in means.index[means == top]}
    return best


def differences(compared: pd.DataFrame | None) -> set[tuple[str, ...]]:
    """Locate the values that differ significantly from the baseline's.

    Args:
        compared: from :func:`~lifelong_lb.reports.comparison_table`.

    Returns:
        Stream, strategy, rule, base optimizer and metric of each.
    """
    if compared is None:
        return set()
    decided = compared[compared["p_holm"] <= LEVEL]
    return {tuple(map(str, row)) for row in decided[[*GROUP, "metric"]].itertuples(index=False)}


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
    known, better = KNOWN[metric], column_of(metric).direction
    optimizers = compared["base_optimizer"].unique()
    named = display_name(base, str(optimizers[0]) if len(optimizers) == 1 else "")
    unit = "points" if in_percent(metric) else ""
    columns = [
        *([RULE, Column("seeds")] if effects else [RULE]),
        Column("difference", unit, better),
        *(Column("95 % interval"), Column("better under"), Column("p, Holm")),
        *([Column("p"), Column("Cohen's d_z"), Column("Cliff's delta")] if effects else []),
    ]
    cells = {index: _comparison_cells(row, effects=effects) for index, row in compared.iterrows()}
    table = StyledTable(
        f"compared-{metric.replace('_', '-')}",
        f"{known.title}: rule minus {named} ({better} is better)",
        columns,
        grouped(compared, cells),
    )
    if not table.has(lambda cell: cell.differs):
        return table
    family = int(compared["family"].max())
    comparisons = f"{family} {plural('comparison', family)} in the whole study"
    return table.with_notes((f"*: {note_on_test(test, comparisons, LEVEL)}.",))


def _comparison_cells(row: "pd.Series[float]", *, effects: bool) -> Row:
    metric, pairs = str(row["metric"]), int(row["pairs"])
    lower = pairs - row["larger"] - row["equal"]
    better = int(row["larger"] if KNOWN[metric].higher_is_better else lower)
    difference, differs = row["difference_mean"], bool(row["p_holm"] <= LEVEL)
    return [
        *([Cell(str(pairs), value=pairs)] if effects else []),
        _signed(metric_cell(metric, difference, row["difference_std"], differs=differs)),
        interval_cell(metric, row["ci_low"], row["ci_high"]),
        Cell(f"{better} of {pairs}", value=better) if pairs else Cell(),
        _p_cell(row["p_holm"]),
        *([_p_cell(row["p"]), number_cell(row["cohen_dz"]), number_cell(row["cliff_delta"])] if effects else []),
    ]


def _signed(cell: Cell) -> Cell:
    plus = "+" if not math.isnan(cell.value) and float(cell.text) > 0 else ""
    return Cell(plus + cell.text, cell.deviation, cell.value, differs=cell.differs)


def _p_cell(p: float) -> Cell:
    if math.isnan(p):
        return Cell()
    return Cell(f"{p:.3f}" if p >= 0.001 else f"{p:.1g}", value=p)
