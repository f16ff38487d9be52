"""Table of the hyper-parameter searches before the runs of a report."""

import math

from lifelong_lb.config.tuning import Chosen, Range, Search, Space
from lifelong_lb.reports.definitions import GRADIENTS
from lifelong_lb.reports.results.collect import Results
from lifelong_lb.reports.statistics.tuning import searches
from lifelong_lb.reports.tables.cells import cost_cell, cost_column, metric_text
from lifelong_lb.reports.tables.styled import DASH, Cell, Column, Group, Row, StyledTable

_LABELS = ("stream", "strategy", "rule", "base optimizer", "chosen", "searched")


def tuning_styled(results: Results) -> StyledTable | None:
    """Build the table of the searches that chose the settings of a folder's runs.

    Args:
        results: results of a folder.

    Returns:
        The table, one row per combination; None without a search.
    """
    rows = [_row(choice, choice.search) for choice in searches(results) if choice.search is not None]
    if not rows:
        return None
    numbers = [Column("trials"), Column("best"), Column("median"), Column("worst"), cost_column(GRADIENTS)]
    labels = [Column(title, kind="label") for title in _LABELS]
    return StyledTable("tuning", "Settings chosen before the runs", [*labels, *numbers], [Group("", rows)])


def _row(choice: Chosen, search: Search) -> Row:
    not_done = f" ({search.not_done} not done)" if search.not_done else ""
    spaces = [f"{name}.{key}: {_space(space)}" for name, own in search.space.items() for key, space in own.items()]
    labels = [*choice.at, choice.summary() or DASH, "; ".join(spaces)]
    values = (math.nan if v is None else v for v in (search.best, search.median, search.worst))
    return [
        *map(Cell, labels),
        Cell(f"{search.trials}{not_done}", value=search.trials),
        *(Cell(metric_text(search.metric, value), value=value) for value in values),
        cost_cell(GRADIENTS, search.gradient_evaluations),
    ]


def _space(space: Space) -> str:
    if isinstance(space, Range):
        kind = "".join(f", {word}" for word, meant in (("log", space.log), ("whole", space.whole)) if meant)
        return f"{space.low:g} to {space.high:g}{kind}"
    return ", ".join(map(str, space))
