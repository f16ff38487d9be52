"""Section of the report about the loss landscape: tables, figures, definitions."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from lifelong_lb.evaluation import LANDSCAPE_MEASURES, MIN_CLUSTERS
from lifelong_lb.reports.charts.chart import Chart
from lifelong_lb.reports.charts.figures import select_blocks
from lifelong_lb.reports.charts.landscape import Key, away_from_weights
from lifelong_lb.reports.charts.landscape import flatness as flatness_charts
from lifelong_lb.reports.charts.looks import looks
from lifelong_lb.reports.definitions import Definition
from lifelong_lb.reports.results.collect import Results
from lifelong_lb.reports.results.landscape import (
    CollectedLandscape,
    correlation_table,
    flatness_table,
    measure_title,
    pick_measures,
    rows_at,
)
from lifelong_lb.reports.statistics.summary import labels_of
from lifelong_lb.reports.tables.flatness import correlation_styled
from lifelong_lb.reports.tables.styled import StyledTable
from lifelong_lb.store import ResultFolder

_MAX_DRAWN = 3
"""Number of strategies, over all streams, with figures by default; few, because the figures have many panels."""


@dataclass(frozen=True)
class FlatnessBlock:
    """Table and figures of one stream, strategy and base optimizer.

    Attributes:
        title: their labels.
        table: correlations of flatness with forgetting; None if nothing was correlated.
        figures: its figures.
    """

    title: str
    table: StyledTable | None
    figures: Sequence[Chart]


@dataclass(frozen=True)
class Flatness:
    """Section of the report about the loss landscape.

    Attributes:
        blocks: in the order of the study.
        definitions: definitions of the measures that occur.
        note: how to read the correlations.
        problems: sentences about landscapes that were left out or are not comparable.
    """

    blocks: Sequence[FlatnessBlock]
    definitions: Sequence[Definition]
    note: str
    problems: Sequence[str]


NOTE = (
    "An entry is one experience i < T-1 of one run: its flatness directly after it was learnt, on its training images "
    "(accuracy lost to noise: on its test images), and its forgetting, R[i, i] - R[T-1, i]. A positive "
    "coefficient means that sharper minima are forgotten more. In brackets: 95 % interval from a bootstrap over seeds. "
    "The experiences of a run are not independent, nor are runs of one seed under different rules, so whole seeds are "
    f"resampled; intervals require {MIN_CLUSTERS} seeds and are too narrow with few seeds. Early experiences have more "
    "time to be forgotten regardless of flatness; the coefficient within experiences compares each experience only "
    "with itself, between rules and seeds. A correlation does not prove that flatness is the cause: rules differ in "
    "more than flatness."
)


def write_flatness(
    folder: ResultFolder, results: Results, collected: CollectedLandscape, *, every: bool = False
) -> Flatness | None:
    """Write ``landscape.csv``, ``flatness.csv`` and ``flatness_correlation.csv``, and build their section.

    Args:
        folder: the result folder.
        results: its results.
        collected: landscapes of its runs.
        every: draw figures of all strategies instead of the first few.

    Returns:
        The section; None if no landscape was measured.
    """
    if collected.frame.empty:
        return Flatness((), (), "", collected.problems) if collected.problems else None
    flatness = flatness_table(collected.frame, results.accuracy)
    correlations = correlation_table(flatness)
    tables = {"landscape": collected.frame, "flatness": flatness, "flatness_correlation": correlations}
    for name, table in tables.items():
        folder.write_table(name, table)
    keys = _keys(collected.frame, results)
    singled = select_blocks(results, every=every, most=_MAX_DRAWN)
    alone = [(block.stream, block.strategy, block.base_optimizer) for block in singled]
    drawn = [key for key in keys if key in alone]
    blocks = [_block(key, tables, results, draw=key in drawn) for key in keys]
    measured = set(collected.frame["measure"])
    definitions = [
        Definition(measure.title, measure.formula, measure.source)
        for name, measure in LANDSCAPE_MEASURES.items()
        if name in measured
    ]
    note = NOTE if drawn == keys else f"{NOTE} {_omitted_figures(len(drawn), len(keys))}"
    return Flatness(blocks, definitions, note, collected.problems)


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


def _block(key: Key, tables: dict[str, pd.DataFrame], results: Results, *, draw: bool) -> FlatnessBlock:
    landscape, flatness, correlations = (_of_block(table, key) for table in tables.values())
    styles = looks(labels_of(results, "rule"))
    drawn = [*flatness_charts(key, flatness, styles), away_from_weights(key, landscape, styles)] if draw else []
    rows = {
        measure_title(*place): row
        for place in pick_measures(correlations)
        for _, row in rows_at(correlations, *place).iterrows()
    }
    table = correlation_styled(rows, ", ".join(key)) if rows else None
    return FlatnessBlock(", ".join(key), table, [chart for chart in drawn if chart is not None])


def _of_block(table: pd.DataFrame, key: Key) -> pd.DataFrame:
    stream, strategy, optimizer = key
    same = (table["stream"] == stream) & (table["strategy"] == strategy) & (table["base_optimizer"] == optimizer)
    return table[same]
