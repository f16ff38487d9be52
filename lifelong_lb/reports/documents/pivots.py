"""Pivot tables of one metric: means over seeds, the best of each row, and values not significantly different."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations

import numpy as np
import pandas as pd

from lifelong_lb.config import UserError, unknown_name
from lifelong_lb.evaluation import TESTS, comparisons_verdict, holm, spread
from lifelong_lb.evaluation.comparisons import DIGITS
from lifelong_lb.reports.definitions import KNOWN, in_percent
from lifelong_lb.reports.names import display_name
from lifelong_lb.reports.render.latex import latex_document
from lifelong_lb.reports.render.text import markdown_table, text_table
from lifelong_lb.reports.statistics.comparisons import Runs, check_metric, check_test, frame_of, grid_columns
from lifelong_lb.reports.statistics.summary import GROUP, HEADINGS
from lifelong_lb.reports.tables.cells import PERCENT, column_of, metric_cell, note_on_test, over_seeds
from lifelong_lb.reports.tables.styled import Cell, Column, Group, Row, StyledTable
from lifelong_lb.untrusted import quoted

Cells = dict[tuple[tuple[str, ...], str], dict[int, float]]
"""Metric of the done runs by seed, by row labels and column label."""


@dataclass(frozen=True)
class Pivot:
    """A pivot table of a metric over seeds.

    Frames have one row per combination of ``index`` and one column per label of ``columns``.

    Attributes:
        metric: the column of numbers.
        columns: the grid column whose labels are the columns.
        mean: means over the seeds of done runs; NaN for none.
        std: sample standard deviations (divisor n - 1).
        low: lower ends of the 95 % intervals of the mean (Student's t).
        high: their upper ends.
        seeds: numbers of seeds.
        best: whether a mean is the best of its row before rounding; ties included.
        not_significant: whether a value is not the best but does not differ significantly from the best.
        untold: the same, with Holm's correction for the pairs of all rows together.
        p: p-values of all pairs of columns in each row, uncorrected (``p``) and Holm-corrected for the pairs of the row
            (``p_holm``), because the best is selected from the same values.
        family: largest number of pairs of a row that have a p-value.
        test: key of :data:`~lifelong_lb.evaluation.TESTS`.
        level: significance level for corrected p-values.
        verdict: conclusions that the number of seeds allows; empty if nothing was compared.
        optimizer: label of the base optimizer if there is only one; empty otherwise.
    """

    metric: str
    columns: str
    mean: pd.DataFrame
    std: pd.DataFrame
    low: pd.DataFrame
    high: pd.DataFrame
    seeds: pd.DataFrame
    best: pd.DataFrame
    not_significant: pd.DataFrame
    untold: pd.DataFrame
    p: pd.DataFrame
    family: int
    test: str
    level: float
    verdict: str
    optimizer: str = ""

    @property
    def labels(self) -> list[tuple[str, ...]]:
        """The labels of each row."""
        return [tuple(map(str, key)) if isinstance(key, tuple) else (str(key),) for key in self.mean.index]

    @cached_property
    def decided(self) -> "pd.Series[bool]":
        """Whether a value of a row differs significantly from the best of the row."""
        return (self.mean.notna() & ~self.best & ~self.not_significant).any(axis=1)

    def to_latex(self, caption: str = "") -> str:
        """Format the table in LaTeX, for a document that loads booktabs.

        Args:
            caption: text to prepend to the caption.

        Returns:
            A ``table`` or ``table*`` environment; several if it does not fit the text width or a page.
        """
        return latex_document([pivot_styled(self, caption)])

    def to_markdown(self, caption: str = "") -> str:
        """Format the table in Markdown.

        Args:
            caption: text to prepend to the caption.

        Returns:
            A caption, a table and a note.
        """
        return markdown_table(pivot_styled(self, caption))

    def to_frame(self) -> pd.DataFrame:
        """Return the unrounded values, one row per cell.

        Returns:
            The labels of row and column, ``metric``, ``seeds``, ``mean``, ``std``, ``ci_low``, ``ci_high``, ``best``
            and ``untold``; cells without a value are left out. ``untold`` tells whether a value does not differ
            significantly from the best, with Holm's correction for the pairs of all rows.
        """
        names = list(map(str, self.mean.index.names))
        frames = {"seeds": self.seeds, "mean": self.mean, "std": self.std, "ci_low": self.low, "ci_high": self.high}
        frames |= {"best": self.best, "untold": self.untold}
        rows = [
            [*labels, str(column), self.metric, *(frame.iloc[row, i] for frame in frames.values())]
            for row, labels in enumerate(self.labels)
            for i, column in enumerate(self.mean.columns)
            if self.seeds.iloc[row, i]
        ]
        return pd.DataFrame(rows, columns=[*names, self.columns, "metric", *frames])

    @property
    def text(self) -> pd.DataFrame:
        """The cells as text, e.g. ``"81.2 ± 1.3"`` in percent."""
        cells = [[_table_cell(self, row, i) for i in range(self.mean.shape[1])] for row in range(self.mean.shape[0])]
        texts = [[" ± ".join(filter(None, (cell.text, cell.deviation))) for cell in row] for row in cells]
        return pd.DataFrame(texts, index=self.mean.index, columns=self.mean.columns)

    def __str__(self) -> str:
        return "\n".join(text_table(pivot_styled(self)))


def pivot(
    results: Runs,
    metric: str = "average_accuracy",
    index: str | Sequence[str] = ("stream", "strategy"),
    columns: str = "rule",
    *,
    test: str = "sign-flip",
    level: float = 0.05,
) -> Pivot:
    """Tabulate a metric by rows and columns.

    Within each row, every pair of columns is compared seed by seed. Holm's correction includes all pairs of the row,
    also those without the best value, because the best is selected from the same values.

    Args:
        results: the frame of :func:`~lifelong_lb.load_results`, or folders to read.
        metric: key of :data:`~lifelong_lb.reports.definitions.KNOWN`.
        index: the grid columns of the rows.
        columns: the grid column of the columns.
        test: ``sign-flip`` or ``wilcoxon``.
        level: significance level for corrected p-values.

    Returns:
        The table; it prints as text and has :meth:`Pivot.to_latex`, :meth:`Pivot.to_markdown` and
        :meth:`Pivot.to_frame`.

    Raises:
        UserError: for an unknown column, metric or test, for a level outside (0, 1), or if runs that differ in a grid
            column would share a cell.
    """
    runs = frame_of(results)
    rows = [index] if isinstance(index, str) else list(index)
    _check(runs, rows, columns, metric, level)
    check_test(test)
    cells, names = _cells(runs, rows, columns, metric)
    keys = list(dict.fromkeys(key for key, _ in cells))
    spreads = {place: spread(list(values.values())) for place, values in cells.items()}
    table = {
        name: _frame(keys, names, rows, columns, {place: getattr(s, name) for place, s in spreads.items()})
        for name in ("mean", "std", "low", "high")
    }
    table["seeds"] = _frame(keys, names, rows, columns, {place: s.seeds for place, s in spreads.items()}, 0)
    best = _best(table["mean"], KNOWN[metric].higher_is_better)
    p = _tested(cells, keys, names, test)
    family = int(p["p"].notna().groupby(p["row"]).sum().max()) if len(p) else 0
    of_all = p.assign(p_holm=holm(p["p"].astype(float).tolist()))
    optimizers = runs["base_optimizer"].unique()
    return Pivot(
        metric=metric,
        columns=columns,
        **table,
        best=best,
        not_significant=_not_significant(table["mean"], best, p, level),
        untold=_not_significant(table["mean"], best, of_all, level),
        p=p,
        family=family,
        test=test,
        level=level,
        verdict=comparisons_verdict(int(p["pairs"].max()), family, level) if family else "",
        optimizer=str(optimizers[0]) if len(optimizers) == 1 else "",
    )


def _check(runs: pd.DataFrame, rows: Sequence[str], columns: str, metric: str, level: float) -> None:
    known = grid_columns(runs)
    for column in (*rows, columns):
        if column not in known:
            raise UserError(unknown_name("column", column, known))
    if not rows or len({*rows, columns}) <= len(rows):
        raise UserError(
            f"index and columns must name different columns; got index {rows} and columns {quoted(columns)}"
        )
    check_metric(runs, metric)
    if metric not in KNOWN:
        raise UserError(unknown_name("metric", metric, [name for name in KNOWN if name in runs]))
    if not 0 < level < 1:
        raise UserError(f"level must be between 0 and 1; got {level}")


def _cells(runs: pd.DataFrame, rows: list[str], columns: str, metric: str) -> tuple[Cells, list[str]]:
    duplicated = runs.duplicated([*rows, columns, "seed"])
    for column in grid_columns(runs) if duplicated.any() else GROUP:
        labels = list(dict.fromkeys(runs[column].astype(str)))
        if column not in (*rows, columns) and len(labels) > 1:
            named = HEADINGS.get(column, column)
            raise UserError(
                f"runs with different {named} ({', '.join(labels)}) would share a cell: "
                f"add {quoted(column)} to index, or select one of them"
            )
    values = runs[metric].where(runs["status"] == "done").astype(float)
    frame = runs.assign(**{c: runs[c].astype(str) for c in (*rows, columns)})
    twice = frame[duplicated]
    if len(twice):
        where = ", ".join(str(twice.iloc[0][column]) for column in (*rows, columns))
        raise UserError(f"results contain two runs of {where}, seed {twice.iloc[0]['seed']}, with the same labels")
    cells: Cells = {}
    for key, block in frame.groupby([*rows, columns], sort=False):
        present = values.loc[block.index].dropna()
        seeds = map(int, block.loc[present.index, "seed"])
        cells[tuple(map(str, key[:-1])), str(key[-1])] = dict(zip(seeds, map(float, present), strict=True))
    return cells, list(dict.fromkeys(frame[columns]))


def _frame(
    keys: Sequence[tuple[str, ...]],
    names: Sequence[str],
    rows: list[str],
    columns: str,
    values: Mapping[tuple[tuple[str, ...], str], float],
    empty: float = float("nan"),
) -> pd.DataFrame:
    index = (
        pd.MultiIndex.from_tuples(keys, names=rows) if len(rows) > 1 else pd.Index([k for (k,) in keys], name=rows[0])
    )
    cells = [[values.get((key, name), empty) for name in names] for key in keys]
    return pd.DataFrame(cells, index=index, columns=pd.Index(names, name=columns))


def _best(mean: pd.DataFrame, higher_is_better: bool) -> pd.DataFrame:
    """Whether a value is the best of its row, for rows with at least two values; rounding errors are ignored."""
    exact = mean.round(DIGITS)
    top = exact.max(axis=1) if higher_is_better else exact.min(axis=1)
    best = exact.eq(top, axis=0)
    best.loc[exact.notna().sum(axis=1) < 2] = False
    return best


def _tested(cells: Cells, keys: Sequence[tuple[str, ...]], names: Sequence[str], test: str) -> pd.DataFrame:
    """p-values, one row per pair of columns that both have a value."""
    tests = []
    for row, key in enumerate(keys):
        present = [name for name in names if len(cells.get((key, name), ()))]
        for a, b in combinations(present, 2):
            first, second = cells[key, a], cells[key, b]
            differences = [round(first[seed] - second[seed], DIGITS) for seed in first if seed in second]
            p = TESTS[test].function(differences, None)
            tests.append({"row": row, "a": a, "b": b, "pairs": len(differences), "p": p})
    table = pd.DataFrame(tests, columns=["row", "a", "b", "pairs", "p"])
    return table.assign(p_holm=table["p"].astype(float).groupby(table["row"]).transform(lambda p: holm(p.tolist())))


def _not_significant(mean: pd.DataFrame, best: pd.DataFrame, p: pd.DataFrame, level: float) -> pd.DataFrame:
    """Values that do not differ significantly from at least one of the best values of their row."""
    significant = p[p["p_holm"] <= level]
    pairs = {(row, frozenset((a, b))) for row, a, b in significant[["row", "a", "b"]].itertuples(index=False)}
    names, present, tied = list(map(str, mean.columns)), mean.notna().to_numpy(), np.zeros(mean.shape, dtype=bool)
    for row, is_best in enumerate(best.to_numpy()):
        tops = [name for name, top in zip(names, is_best, strict=True) if top]
        for place, name in enumerate(names):
            if tops and name not in tops and present[row, place]:
                tied[row, place] = any((row, frozenset((name, top))) not in pairs for top in tops)
    return pd.DataFrame(tied, index=best.index, columns=best.columns)


def pivot_styled(table: Pivot, caption: str = "") -> StyledTable:
    """Build the table of a pivot.

    Args:
        table: the pivot.
        caption: text to prepend to the caption.

    Returns:
        The table: labels that repeat those of the row above are left out; the best of each row, and what the test does
        not distinguish from it in rows where it distinguishes something, are marked.
    """
    known, better = KNOWN[table.metric], column_of(table.metric).direction
    labels = [Column(HEADINGS.get(str(name), str(name)), kind="label") for name in table.mean.index.names]
    numbers = [Column(display_name(str(name), table.optimizer)) for name in table.mean.columns]
    unit = f", {PERCENT}" if in_percent(table.metric) else ""
    seeds = over_seeds(table.seeds.to_numpy().ravel(), "one seed")
    parts = [caption.rstrip(":."), f"{known.title}{unit} ({better} is better), {seeds}"]
    words = ": ".join(filter(None, parts))
    name = f"pivot-{table.metric.replace('_', '-')}"
    return StyledTable(name, words, [*labels, *numbers], [Group("", _table_rows(table))], _notes(table))


def _table_rows(table: Pivot) -> list[Row]:
    rows: list[Row] = []
    before: tuple[str, ...] = ()
    for row, key in enumerate(table.labels):
        names = ["" if key[: i + 1] == before[: i + 1] else display_name(label) for i, label in enumerate(key)]
        rows.append([*map(Cell, names), *(_table_cell(table, row, i) for i in range(table.mean.shape[1]))])
        before = key
    return rows


def _table_cell(table: Pivot, row: int, column: int) -> Cell:
    mean, std = (float(frame.iloc[row, column]) for frame in (table.mean, table.std))  # type: ignore[arg-type]
    tied = bool(table.not_significant.iloc[row, column]) and bool(table.decided.iloc[row])
    cell = metric_cell(table.metric, mean, std, best=bool(table.best.iloc[row, column]))
    return replace(cell, not_significant=tied)


def _notes(table: Pivot) -> list[str]:
    known = KNOWN[table.metric]
    notes = [f"{known.title[:1].upper()}{known.title[1:]}: {known.formula} ({known.paper}).", *_fewer_seeds(table)]
    if table.best.to_numpy().any():
        notes.append("Bold: best mean of a row, before rounding.")
    if table.family:
        most = int(table.p.groupby("row").size().max())
        pairs = f"the pairs of values of its row, at most {most}, and of no other row"
        test = note_on_test(table.test, pairs, table.level)
        notes.append(
            f"†: not distinguished from the best of its row, where the test distinguishes another value ({test})."
            if table.decided.any()
            else table.verdict
        )
    return notes


def _fewer_seeds(table: Pivot) -> list[str]:
    """Name the cells with fewer seeds than others."""
    most = int(table.seeds.to_numpy().max(initial=0))
    cells = [
        f"{', '.join(map(display_name, [*key, str(name)]))}: {int(n)}"
        for key, (_, row) in zip(table.labels, table.seeds.iterrows(), strict=True)
        for name, n in row.items()
        if 0 < n < most
    ]
    return [f"Fewer seeds: {'; '.join(cells)}."] if cells else []
