"""Tables of a metric with the labels of one grid column side by side."""

import math

from lifelong_lb.reports.definitions import KNOWN, in_percent
from lifelong_lb.reports.names import display_name
from lifelong_lb.reports.statistics.pivot_values import PivotValues
from lifelong_lb.reports.statistics.summary import HEADINGS
from lifelong_lb.reports.tables.cells import PERCENT, metric_cell, note_on_test
from lifelong_lb.reports.tables.styled import Cell, Column, Group, Row, StyledTable


def pivot_styled(table: PivotValues, caption: str = "") -> StyledTable:
    """Build the table of a pivot.

    Args:
        table: the pivot.
        caption: text to prepend to the caption.

    Returns:
        The table: labels that repeat those of the row above are left out; the best of each row, and what the test does
        not distinguish from it in rows where it distinguishes something, are marked.
    """
    known = KNOWN[table.metric]
    better = "higher" if known.higher_is_better else "lower"
    labels = [Column(HEADINGS.get(str(name), str(name)), kind="label") for name in table.mean.index.names]
    numbers = [Column(display_name(str(name), table.optimizer)) for name in table.mean.columns]
    unit = f", {PERCENT}" if in_percent(table.metric) else ""
    parts = [caption.rstrip(":."), f"{known.title}{unit} ({better} is better), {_seeds(table)}"]
    words = ": ".join(filter(None, parts))
    name = f"pivot-{table.metric.replace('_', '-')}"
    return StyledTable(name, words, [*labels, *numbers], [Group("", _rows(table))], _notes(table))


def _seeds(table: PivotValues) -> str:
    counts = sorted({int(n) for n in table.seeds.to_numpy().ravel() if n})
    if counts == [1]:
        return "one seed"
    number = "-".join(dict.fromkeys(str(n) for n in (counts[0], counts[-1]))) if counts else "no"
    return f"mean ± sample standard deviation over {number} seeds"


def _rows(table: PivotValues) -> list[Row]:
    rows: list[Row] = []
    before: tuple[str, ...] = ()
    for row, key in enumerate(table.labels):
        names = ["" if key[: i + 1] == before[: i + 1] else display_name(label) for i, label in enumerate(key)]
        rows.append([*map(Cell, names), *(_cell(table, row, i) for i in range(table.mean.shape[1]))])
        before = key
    return rows


def _cell(table: PivotValues, row: int, column: int) -> Cell:
    best = bool(table.best.iloc[row, column])
    mean, std = (float(frame.iloc[row, column]) for frame in (table.mean, table.std))  # type: ignore[arg-type]
    cell = metric_cell(table.metric, mean, std, best=best)
    tied = bool(table.not_significant.iloc[row, column]) and bool(table.decided.iloc[row])
    return Cell(cell.text, cell.deviation, cell.value, best, not_significant=tied)


def _notes(table: PivotValues) -> list[str]:
    known = KNOWN[table.metric]
    notes = [f"{known.title[:1].upper()}{known.title[1:]}: {known.formula} ({known.paper}).", *_fewer_seeds(table)]
    if table.best.to_numpy().any():
        notes.append("Bold: best mean of a row, before rounding.")
    if table.family:
        most = int(table.p.groupby("row").size().max())
        pairs = f"the pairs of values of its row, at most {most}"
        test = note_on_test(table.test, pairs, table.level)
        notes.append(
            f"†: not distinguished from the best of its row, where the test distinguishes another value ({test})."
            if table.decided.any()
            else table.verdict
        )
    return notes


def _fewer_seeds(table: PivotValues) -> list[str]:
    """Name the cells with fewer seeds than others."""
    most = int(table.seeds.to_numpy().max(initial=0))
    cells = [
        f"{', '.join(map(display_name, [*key, str(name)]))}: {int(n)}"
        for key, (_, row) in zip(table.labels, table.seeds.iterrows(), strict=True)
        for name, n in row.items()
        if 0 < n < most
    ]
    return [f"Fewer seeds: {'; '.join(cells)}."] if cells else []


def pivot_texts(table: PivotValues) -> list[list[str]]:
    """Format the cells of a pivot.

    Args:
        table: the pivot.

    Returns:
        Rows of texts, e.g. ``"81.2 ± 1.3"``; a dash for none.
    """
    return [
        [_joined(_cell(table, row, column)) for column in range(table.mean.shape[1])]
        for row in range(table.mean.shape[0])
    ]


def _joined(cell: Cell) -> str:
    return f"{cell.text} ± {cell.deviation}" if cell.deviation and not math.isnan(cell.value) else cell.text
