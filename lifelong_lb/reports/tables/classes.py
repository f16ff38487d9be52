"""Table of the accuracies on single classes."""

import math
from collections.abc import Sequence

import pandas as pd

from lifelong_lb.reports.names import display_name
from lifelong_lb.reports.statistics.matrices import Block
from lifelong_lb.reports.tables.cells import PERCENT, metric_cell
from lifelong_lb.reports.tables.styled import Cell, Column, Group, Row, StyledTable


def class_styled(accuracies: pd.DataFrame, order: Sequence[int], rules: Sequence[str], block: Block) -> StyledTable:
    """Build the table of accuracies on each class after the last experience.

    Args:
        accuracies: class, class_name, experience, rule, seed and accuracy of one stream, strategy and base optimizer.
        order: classes in the order of the rows.
        rules: labels of the rules, the columns.
        block: stream, strategy and base optimizer.

    Returns:
        The table; without the column of experiences if they vary between runs for all classes.
    """
    by_class = dict(list(accuracies.groupby("class")))
    rows = [_row(label, by_class[label], rules) for label in order if label in by_class]
    shown = any(row[1].text != _VARIES for row in rows)
    experience = [Column("experience")] if shown else []
    heads = [Column(display_name(rule, block.base_optimizer), PERCENT, "higher") for rule in rules]
    columns = [Column("class", kind="label"), *experience, *heads]
    place = ", ".join(map(display_name, (block.stream, block.strategy, block.base_optimizer)))
    caption = f"{place}: accuracy on each class after the last experience"
    kept = rows if shown else [[row[0], *row[2:]] for row in rows]
    return StyledTable("classes", caption, columns, [Group("", kept)])


_VARIES = "varies"


def _row(label: int, of_class: pd.DataFrame, rules: Sequence[str]) -> Row:
    name = str(of_class["class_name"].iloc[0])
    accuracies = (of_class.loc[of_class["rule"] == rule, "accuracy"] for rule in rules)
    return [
        Cell(name if name == str(label) else f"{name} ({label})"),
        _experience(of_class["experience"]),
        *(metric_cell("average_accuracy", float(values.mean()), float(values.std())) for values in accuracies),
    ]


def _experience(experiences: "pd.Series[float]") -> Cell:
    met = {"several" if pd.isna(experience) else int(experience) for experience in experiences}
    only = met.pop() if len(met) == 1 else _VARIES
    return Cell(str(only), value=only if isinstance(only, int) else math.nan)
