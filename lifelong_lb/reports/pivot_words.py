"""Captions and notes of pivots, and pivots as Markdown and as a frame with one row per cell."""

import pandas as pd

from lifelong_lb.evaluation import TESTS
from lifelong_lb.reports.arguments import title_of
from lifelong_lb.reports.pivot_values import PivotValues
from lifelong_lb.reports.plain_text import markdown_escaped, markdown_table
from lifelong_lb.reports.tables import HEADINGS, KNOWN


def caption_of(table: PivotValues, marks: str) -> str:
    """Caption a pivot: the metric, and the meaning of the marks.

    Args:
        table: the pivot.
        marks: how values that do not differ significantly from the best are marked, e.g. ``Underlined``.

    Returns:
        One or two sentences.
    """
    legend = f" {marks}: not significantly different from the best (bold) at level {table.level:g}."
    return f"{title_of(table.metric)}.{legend if table.family else ''}"


def note_of(table: PivotValues, marks: str) -> str:
    """Define the numbers and the marks of a pivot.

    Args:
        table: the pivot.
        marks: how values that do not differ significantly from the best are marked.

    Returns:
        Sentences.
    """
    known = KNOWN[table.metric]
    counts = sorted({int(n) for n in table.seeds.to_numpy().ravel() if n})
    over = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else "".join(map(str, counts)) or "no"
    parts = [
        f"{known.title}: {known.formula} ({known.paper}).",
        f"Mean over {over} {'seed' if counts == [1] else 'seeds'} ± sample standard deviation (divisor n - 1).",
        *_fewer_seeds(table),
    ]
    if table.family:
        parts += [
            "Bold: best mean of a row, before rounding.",
            f"{marks}: the {TESTS[table.test].title} against the best over shared seeds gives p > {table.level:g}, or "
            "no seed is shared.",
            f"p is Holm-corrected for all {table.family} pairs of values within rows of the table, because the best is "
            "selected from the same values.",
            table.verdict,
        ]
    return " ".join(parts)


def _fewer_seeds(table: PivotValues) -> list[str]:
    """Name the cells with fewer seeds than others."""
    most = int(table.seeds.to_numpy().max())
    cells = [
        f"{', '.join([*(map(str, key) if isinstance(key, tuple) else [str(key)]), str(name)])}: {int(n)}"
        for key, row in table.seeds.iterrows()
        for name, n in row.items()
        if 0 < n < most
    ]
    return [f"Fewer seeds: {'; '.join(cells)}."] if cells else []


def pivot_markdown(table: PivotValues, caption: str = "") -> str:
    """Write a pivot in Markdown.

    Args:
        table: the pivot.
        caption: text to prepend to the caption.

    Returns:
        A caption, a table and a note, ending with a newline.
    """
    if table.text.empty:
        return "No runs.\n"
    marks = "In italics"
    words = [" ".join(filter(None, [caption, caption_of(table, marks)])), note_of(table, marks)]
    names = [HEADINGS.get(str(name), str(name)) for name in table.text.index.names]
    labels = pd.DataFrame(table.labels, columns=names)
    cells = table.text.reset_index(drop=True).map(markdown_escaped)
    best, not_significant = (frame.reset_index(drop=True) for frame in (table.best, table.not_significant))
    cells = cells.where(~best, "**" + cells + "**").where(~not_significant, "*" + cells + "*")
    shown = markdown_table(pd.concat([labels.map(markdown_escaped), cells], axis=1), len(names))
    return "\n\n".join([markdown_escaped(words[0]), shown, markdown_escaped(words[1])]) + "\n"


def pivot_frame(table: PivotValues) -> pd.DataFrame:
    """Return the unrounded values of a pivot, one row per cell that has a value.

    Args:
        table: the pivot.

    Returns:
        The labels of row and column, ``metric``, ``seeds``, ``mean``, ``std``, ``ci_low``, ``ci_high``, ``best`` and
        ``untold``.
    """
    names = list(map(str, table.text.index.names))
    frames = _frames(table)
    rows = [
        [*labels, str(column), table.metric, *(frame.iloc[row, i] for frame in frames.values())]
        for row, labels in enumerate(table.labels)
        for i, column in enumerate(table.text.columns)
        if table.seeds.iloc[row, i]
    ]
    return pd.DataFrame(rows, columns=[*names, table.columns, "metric", *frames])


def _frames(table: PivotValues) -> dict[str, pd.DataFrame]:
    return {
        **{"seeds": table.seeds, "mean": table.mean, "std": table.std, "ci_low": table.low, "ci_high": table.high},
        **{"best": table.best, "untold": table.not_significant},
    }
