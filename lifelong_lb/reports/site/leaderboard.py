"""The table of all studies of a site."""

from collections.abc import Sequence

from lifelong_lb.reports.definitions import DEFAULT_COLUMNS, GRADIENTS, UNBOUNDED
from lifelong_lb.reports.names import display_name
from lifelong_lb.reports.site.studies import SiteStudy
from lifelong_lb.reports.tables.cells import column_of, cost_cell, interval_cell, metric_cell, seeds_cell
from lifelong_lb.reports.tables.styled import DASH, Cell, Column, Group, Row, StyledTable

METRICS = tuple(column for column in DEFAULT_COLUMNS if column != GRADIENTS)
"""Metrics of the table, each with the interval of its mean."""


def leaderboard(studies: Sequence[SiteStudy]) -> StyledTable:
    """Build the table: a group per stream, a row per combination of a study.

    Args:
        studies: the studies.

    Returns:
        Columns rule, strategy, base optimizer if there are several, study, seeds, mean and 95 % interval of each
        metric, and gradients.
    """
    several = len({str(label) for study in studies for label in study.summary["base_optimizer"]}) > 1
    titles = ["rule", "strategy", *(["optimizer"] if several else []), "study"]
    labels = [Column(title, kind="label") for title in titles]
    numbers = [Column("seeds")]
    for metric in METRICS:
        column = column_of(metric)
        numbers += [column, Column("95 % interval", column.unit)]
    groups: dict[str, list[Row]] = {}
    for study in studies:
        for _, row in study.summary.iterrows():
            cells = [
                Cell(display_name(str(row["rule"]), str(row["base_optimizer"]))),
                Cell(display_name(str(row["strategy"]))),
                *([Cell(display_name(str(row["base_optimizer"])))] if several else []),
                Cell(study.title),
                seeds_cell(row),
            ]
            for metric in METRICS:
                cells.append(metric_cell(metric, row[f"{metric}_mean"], row[f"{metric}_std"]))
                cells.append(interval_cell(metric, row[f"{metric}_ci_low"], row[f"{metric}_ci_high"]))
            cells.append(cost_cell(GRADIENTS, float(row[GRADIENTS])))
            groups.setdefault(display_name(str(row["stream"])), []).append(cells)
    table = StyledTable(
        "leaderboard",
        "Mean ± sample standard deviation over seeds",
        [*labels, *numbers, column_of(GRADIENTS)],
        [Group(stream, rows) for stream, rows in groups.items()],
    )
    notes = [f"The interval is the 95 % interval of the mean, by Student's t; one seed has none. {UNBOUNDED}"]
    if table.has(lambda cell: cell.text == DASH):
        notes.append("-: no run is done, or the number is undefined.")
    return table.with_notes(notes)
