"""Sections of the page about single classes and about the loss landscape."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lifelong_lb.evaluation import LANDSCAPE_MEASURES, MIN_CLUSTERS
from lifelong_lb.reports.charts.chart import Chart
from lifelong_lb.reports.charts.figures import select_blocks
from lifelong_lb.reports.charts.landscape import Key, away_from_weights
from lifelong_lb.reports.charts.landscape import flatness as flatness_charts
from lifelong_lb.reports.charts.matrices import MAX_ANNOTATED, Meaning, squares
from lifelong_lb.reports.charts.panels import file_name, looks
from lifelong_lb.reports.definitions import Definition
from lifelong_lb.reports.names import display_name
from lifelong_lb.reports.results.collect import Results
from lifelong_lb.reports.results.landscape import (
    CollectedLandscape,
    correlation_table,
    flatness_table,
    measure_title,
    pick_measures,
    rows_at,
)
from lifelong_lb.reports.results.recorded import CollectedConfusion
from lifelong_lb.reports.statistics.matrices import Array, Block, mean_over_seeds
from lifelong_lb.reports.statistics.summary import labels_of
from lifelong_lb.reports.tables.cells import PERCENT, metric_cell
from lifelong_lb.reports.tables.styled import Cell, Column, Group, Row, StyledTable
from lifelong_lb.store import ResultFolder
from lifelong_lb.store.recorded import MAX_CLASSES

_VARIES = "varies"
_CLASSES_NOTE = (
    "After the last experience, over the test images of all experiences: the fraction of the images of a class that "
    "were classified correctly, mean over seeds ± the sample standard deviation. The experience is the one whose test "
    "part contains the class; it varies if seeds have different class orders, and is not shown if it does for all "
    "classes. In the task-incremental scenario, predictions are restricted to the classes of the experience, so "
    "classes of different experiences cannot be confused."
)
_COEFFICIENTS = {
    "spearman": "Spearman",
    "pearson": "Pearson",
    "spearman_within": "Spearman within experiences",
}
_MAX_DRAWN = 3
"""Number of strategies, over all streams, with figures by default; few, because the figures have many panels."""
_FLATNESS_NOTE = (
    "An entry is one experience i < T-1 of one run: its flatness directly after it was learnt, on its training images "
    "(accuracy lost to noise: on its test images), and its forgetting, R[i, i] - R[T-1, i]. A positive "
    "coefficient means that sharper minima are forgotten more. In brackets: 95 % interval from a bootstrap over seeds. "
    "The experiences of a run are not independent, nor are runs of one seed under different rules, so whole seeds are "
    f"resampled; intervals require {MIN_CLUSTERS} seeds and are too narrow with few seeds. Early experiences have more "
    "time to be forgotten regardless of flatness; the coefficient within experiences compares each experience only "
    "with itself, between rules and seeds. A correlation does not prove that flatness is the cause: rules differ in "
    "more than flatness."
)


@dataclass(frozen=True)
class SectionBlock:
    """What a section shows of one stream, strategy and base optimizer.

    Attributes:
        title: their labels.
        table: its table, if there is one.
        charts: its charts.
    """

    title: str
    table: StyledTable | None
    charts: Sequence[Chart]


@dataclass(frozen=True)
class Section:
    """A section of the page with one block for each stream, strategy and base optimizer.

    Attributes:
        blocks: in the order of the study.
        note: how to read the numbers.
        problems: sentences about measurements that were left out or are not comparable.
        definitions: definitions of the measures that occur.
    """

    blocks: Sequence[SectionBlock] = ()
    note: str = ""
    problems: Sequence[str] = ()
    definitions: Sequence[Definition] = ()


def _class_styled(accuracies: pd.DataFrame, order: Sequence[int], rules: Sequence[str], block: Block) -> StyledTable:
    """Build the table of accuracies on each class after the last experience."""
    by_class = dict(list(accuracies.groupby("class")))
    rows = [_class_row(label, by_class[label], rules) for label in order if label in by_class]
    shown = any(row[1].text != _VARIES for row in rows)
    experience = [Column("experience")] if shown else []
    heads = [Column(display_name(rule, block.base_optimizer), PERCENT, "higher") for rule in rules]
    columns = [Column("class", kind="label"), *experience, *heads]
    place = ", ".join(map(display_name, block.key))
    caption = f"{place}: accuracy on each class after the last experience"
    kept = rows if shown else [[row[0], *row[2:]] for row in rows]
    return StyledTable("classes", caption, columns, [Group("", kept)])


def _class_row(label: int, of_class: pd.DataFrame, rules: Sequence[str]) -> Row:
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


def collect_classes(results: Results, confusion: CollectedConfusion, *, every: bool = False) -> Section:
    """Build the section about single classes.

    Args:
        results: its results.
        confusion: confusion counts of its runs.
        every: show all strategies instead of the first few.

    Returns:
        The section; without blocks if nothing was counted.
    """
    if confusion.frame.empty:
        return Section(problems=confusion.problems)
    blocks = []
    for block in select_blocks(results, every=every):
        counts, accuracies = _of_key(confusion.frame, block.key), _of_key(confusion.classes, block.key)
        if len(counts):
            order = _class_order(
                counts, [results.records[run].data.get("class_order", []) for run in set(counts["run"])]
            )
            blocks.append(_classes_block(block, counts, accuracies, order))
    return Section(blocks, _CLASSES_NOTE, confusion.problems)


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


def _class_order(counts: pd.DataFrame, orders: Sequence[Sequence[int]]) -> list[int]:
    """The classes in class order if all runs have the same, else ascending."""
    classes = {int(label) for column in ("class", "predicted") for label in counts[column].unique()}
    same = all(list(order) == list(orders[0]) for order in orders)
    if same and len(orders[0]) <= MAX_CLASSES and classes <= set(orders[0]):
        return list(orders[0])
    return sorted(classes)


def _classes_block(block: Block, counts: pd.DataFrame, accuracies: pd.DataFrame, order: Sequence[int]) -> SectionBlock:
    matrices = confusion_matrices(counts, order)
    numbers = " Numbers are rounded to two decimals." if len(order) <= MAX_ANNOTATED else ""
    figure = squares(
        file_name("confusion-matrix", *block.key),
        f"Confusion matrices: {block.stream}, {display_name(block.strategy)}, {display_name(block.base_optimizer)}",
        "Confusion matrix of each rule after the last experience, over the test images of all experiences, mean over "
        "seeds. Row c, column d: fraction of the images of class c that were predicted as class d. Classes are given "
        f"by their labels in the data set, in the order of the table. Colours mean the same in all panels; rows of "
        f"classes without test images are blank (grey in large matrices).{numbers}",
        matrices,
        Meaning("predicted as", "class", "fraction of the class", [str(label) for label in order], sparse=True),
        block.base_optimizer,
    )
    return SectionBlock(", ".join(block.key), _class_styled(accuracies, order, list(matrices), block), [figure])


def _correlation_styled(rows: "Mapping[str, pd.Series[float]]", title: str) -> StyledTable:
    """Build the table of correlations."""
    columns = [
        Column("measure", kind="label"),
        Column("entries"),
        Column("seeds"),
        *map(Column, _COEFFICIENTS.values()),
    ]
    cells = [[Cell(title), *_correlation_row(row)] for title, row in rows.items()]
    return StyledTable(
        "flatness", f"{title}: correlation of flatness with later forgetting", columns, [Group("", cells)]
    )


def _correlation_row(row: "pd.Series[float]") -> Row:
    counts = [Cell(f"{int(row[name])}", value=float(row[name])) for name in ("pairs", "seeds")]
    return [*counts, *(_coefficient(row[name], row[f"{name}_low"], row[f"{name}_high"]) for name in _COEFFICIENTS)]


def _coefficient(value: float, low: float, high: float) -> Cell:
    if math.isnan(value):
        return Cell()
    interval = "" if math.isnan(low) else f" [{low:z.2f}, {high:z.2f}]"
    return Cell(f"{value:z.2f}{interval}", value=float(value))


def write_flatness(
    folder: ResultFolder, results: Results, collected: CollectedLandscape, *, every: bool = False
) -> Section:
    """Write ``landscape.csv``, ``flatness.csv`` and ``flatness_correlation.csv``, and build their section.

    Args:
        folder: the result folder.
        results: its results.
        collected: landscapes of its runs.
        every: draw figures of all strategies instead of the first few.

    Returns:
        The section; without blocks if no landscape was measured.
    """
    if collected.frame.empty:
        return Section(problems=collected.problems)
    flatness = flatness_table(collected.frame, results.accuracy)
    correlations = correlation_table(flatness)
    tables = {"landscape": collected.frame, "flatness": flatness, "flatness_correlation": correlations}
    for name, table in tables.items():
        folder.write_table(name, table)
    keys = _keys(collected.frame, results)
    singled = select_blocks(results, every=every, most=_MAX_DRAWN)
    alone = [block.key for block in singled]
    drawn = [key for key in keys if key in alone]
    blocks = [_flatness_block(key, tables, results, draw=key in drawn) for key in keys]
    measured = set(collected.frame["measure"])
    definitions = [
        Definition(measure.title, measure.formula, measure.source)
        for name, measure in LANDSCAPE_MEASURES.items()
        if name in measured
    ]
    note = _FLATNESS_NOTE if drawn == keys else f"{_FLATNESS_NOTE} {_omitted_figures(len(drawn), len(keys))}"
    return Section(blocks, note, collected.problems, definitions)


def _omitted_figures(drawn: int, of: int) -> str:
    return (
        f"Figures are drawn for {drawn} of {of} combinations of stream, strategy and base optimizer, the first of each "
        "stream; lifelong-lb report DIR --all-figures draws them all."
    )


def _keys(landscape: pd.DataFrame, results: Results) -> list[Key]:
    """Streams, strategies and base optimizers that occur, in the order of the study."""
    columns = ["stream", "strategy", "base_optimizer"]
    orders = [{label: i for i, label in enumerate(labels_of(results, column))} for column in columns]
    keys = {(str(s), str(t), str(o)) for s, t, o in landscape[columns].drop_duplicates().itertuples(index=False)}
    return sorted(keys, key=lambda key: [order[label] for order, label in zip(orders, key, strict=True)])


def _flatness_block(key: Key, tables: dict[str, pd.DataFrame], results: Results, *, draw: bool) -> SectionBlock:
    landscape, flatness, correlations = (_of_key(table, key) for table in tables.values())
    styles = looks(labels_of(results, "rule"))
    drawn = [*flatness_charts(key, flatness, styles), away_from_weights(key, landscape, styles)] if draw else []
    rows = {
        measure_title(*place): row
        for place in pick_measures(correlations)
        for _, row in rows_at(correlations, *place).iterrows()
    }
    table = _correlation_styled(rows, ", ".join(key)) if rows else None
    return SectionBlock(", ".join(key), table, [chart for chart in drawn if chart is not None])


def _of_key(table: pd.DataFrame, key: Key) -> pd.DataFrame:
    stream, strategy, optimizer = key
    same = (table["stream"] == stream) & (table["strategy"] == strategy) & (table["base_optimizer"] == optimizer)
    return table[same]
