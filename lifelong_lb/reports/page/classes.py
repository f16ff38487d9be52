"""Section of the report about single classes: confusion matrices and accuracies."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lifelong_lb.reports.charts.chart import Chart
from lifelong_lb.reports.charts.figures import select_blocks
from lifelong_lb.reports.charts.heat_map import MAX_ANNOTATED, Meaning, squares
from lifelong_lb.reports.charts.labels import file_name
from lifelong_lb.reports.names import display_name
from lifelong_lb.reports.results.collect import Results
from lifelong_lb.reports.results.confusion import CollectedConfusion
from lifelong_lb.reports.statistics.matrices import Array, Block, mean_over_seeds
from lifelong_lb.reports.tables.classes import class_styled
from lifelong_lb.reports.tables.styled import StyledTable
from lifelong_lb.store.recorded import MAX_CLASSES

NOTE = (
    "After the last experience, over the test images of all experiences: the fraction of the images of a class that "
    "were classified correctly, mean over seeds ± the sample standard deviation. The experience is the one whose test "
    "part contains the class; it varies if seeds have different class orders, and is not shown if it does for all "
    "classes. In the task-incremental scenario, predictions are restricted to the classes of the experience, so "
    "classes of different experiences cannot be confused."
)


@dataclass(frozen=True)
class ClassesBlock:
    """Table and figure of one stream, strategy and base optimizer.

    Attributes:
        title: their labels.
        table: accuracies on the classes.
        figure: the confusion matrices.
    """

    title: str
    table: StyledTable
    figure: Chart


@dataclass(frozen=True)
class Classes:
    """Section of the report about single classes.

    Attributes:
        blocks: in the order of the study.
        note: how to read the numbers.
        problems: sentences about counts that were left out.
    """

    blocks: Sequence[ClassesBlock]
    note: str
    problems: Sequence[str]


def collect_classes(results: Results, confusion: CollectedConfusion, *, every: bool = False) -> Classes:
    """Build the section about single classes.

    Args:
        results: its results.
        confusion: confusion counts of its runs.
        every: show all strategies instead of the first few.

    Returns:
        The section; without blocks if nothing was counted.
    """
    if confusion.frame.empty:
        return Classes((), "", confusion.problems)
    blocks = []
    for block in select_blocks(results, every=every):
        counts, accuracies = _of_block(confusion.frame, block), _of_block(confusion.classes, block)
        if len(counts):
            order = _order(counts, [results.records[run].data.get("class_order", []) for run in set(counts["run"])])
            blocks.append(_block(block, counts, accuracies, order))
    return Classes(blocks, NOTE, confusion.problems)


def confusion_matrices(counts: pd.DataFrame, order: Sequence[int]) -> dict[str, Array]:
    """Compute row-normalised confusion matrices of one stream, strategy and base optimizer, over all experiences.

    Args:
        counts: class, predicted and count of each rule and seed.
        order: the K classes.

    Returns:
        ``(K, K)`` by rule, mean over seeds: row c, column d is the fraction of the images of class c that were
        predicted as class d; NaN in the row of a class without images.
    """
    index = {label: k for k, label in enumerate(order)}
    matrices = {}
    for rule, rule_counts in counts.groupby("rule", sort=False):
        stack = np.zeros((rule_counts["seed"].nunique(), len(order), len(order)))
        for matrix, (_, run) in zip(stack, rule_counts.groupby("seed"), strict=True):
            np.add.at(matrix, (run["class"].map(index), run["predicted"].map(index)), run["count"])
        total = stack.sum(axis=2, keepdims=True)
        matrices[str(rule)] = mean_over_seeds(np.where(total > 0, stack / np.maximum(total, 1), np.nan))
    return matrices


def _of_block(table: pd.DataFrame, block: Block) -> pd.DataFrame:
    same = (table["stream"] == block.stream) & (table["strategy"] == block.strategy)
    return table[same & (table["base_optimizer"] == block.base_optimizer)]


def _order(counts: pd.DataFrame, orders: Sequence[Sequence[int]]) -> list[int]:
    """The classes in class order if all runs have the same, else ascending."""
    classes = {int(label) for column in ("class", "predicted") for label in counts[column].unique()}
    same = all(list(order) == list(orders[0]) for order in orders)
    if same and len(orders[0]) <= MAX_CLASSES and classes <= set(orders[0]):
        return list(orders[0])
    return sorted(classes)


def _block(block: Block, counts: pd.DataFrame, accuracies: pd.DataFrame, order: Sequence[int]) -> ClassesBlock:
    matrices = confusion_matrices(counts, order)
    numbers = " Numbers are rounded to two decimals." if len(order) <= MAX_ANNOTATED else ""
    title = ", ".join((block.stream, block.strategy, block.base_optimizer))
    figure = squares(
        file_name("confusion-matrix", block.stream, block.strategy, block.base_optimizer),
        f"Confusion matrices: {block.stream}, {display_name(block.strategy)}, {display_name(block.base_optimizer)}",
        "Confusion matrix of each rule after the last experience, over the test images of all experiences, mean over "
        "seeds. Row c, column d: fraction of the images of class c that were predicted as class d. Classes are given "
        f"by their labels in the data set, in the order of the table. Colours mean the same in all panels; rows of "
        f"classes without test images are blank (grey in large matrices).{numbers}",
        matrices,
        Meaning("predicted as", "class", "fraction of the class", [str(label) for label in order], sparse=True),
        block.base_optimizer,
    )
    return ClassesBlock(title, class_styled(accuracies, order, list(matrices), block), figure)
