"""A pivot as a LaTeX table: the best in bold, what is not told from it underlined."""

from collections.abc import Sequence

from lifelong_lb.evaluation import TESTS
from lifelong_lb.reports.frames import title_of
from lifelong_lb.reports.latex import escape, latex_heading, latex_number
from lifelong_lb.reports.pivots import Pivot, pivot
from lifelong_lb.reports.results import Results
from lifelong_lb.reports.summary import GROUP
from lifelong_lb.reports.tables import HEADINGS, KNOWN


def rules_latex(results: Results, metrics: Sequence[str], test: str = "sign-flip") -> str:
    """Metrics with the rules side by side, a row each stream, strategy and base optimizer.

    Args:
        results: what a folder's runs have to say.
        metrics: those to write.
        test: key of :data:`~lifelong_lb.evaluation.TESTS`.

    Returns:
        A ``table`` environment a metric; a comment when there is nothing to compare.
    """
    runs = results.own().runs  # seeds of another framework pair with none of ours
    if runs["rule"].nunique() < 2:
        return "% fewer than two rules: nothing to compare\n"
    index = [column for column in GROUP if column != "rule" and runs[column].nunique() > 1] or ["stream"]
    caption = f"{results.study.study.name}:" if results.study else ""
    return "\n".join(pivot(runs, metric, index, test=test).to_latex(caption) for metric in metrics)


def pivot_latex(table: Pivot, caption: str = "") -> str:
    """Write a pivot in LaTeX.

    Args:
        table: the pivot.
        caption: the words before the metric's and the test's; none where empty.

    Returns:
        A ``table`` environment; a comment when there are no rows.
    """
    if table.text.empty:
        return "% no runs\n"
    rows = list(map(str, table.text.index.names))
    titles = [escape(HEADINGS.get(name, name)) for name in rows]
    return "\n".join([
        r"% needs \usepackage{booktabs}",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escape(' '.join(filter(None, [caption, _caption(table)])))}}}",
        r"\scriptsize",
        r"\setlength{\tabcolsep}{3pt}",
        rf"\begin{{tabular}}{{@{{}}{'l' * len(rows)}{'r' * len(table.text.columns)}@{{}}}}",
        r"\toprule",
        " & ".join([*titles, *(latex_heading(str(name)) for name in table.text.columns)]) + r" \\",
        r"\midrule",
        *_lines(table),
        r"\bottomrule",
        r"\end{tabular}",
        r"\par\medskip",
        rf"\parbox{{\linewidth}}{{\raggedright {escape(_note(table))}}}",
        r"\end{table}",
        "",
    ])


def _lines(table: Pivot) -> list[str]:
    lines = []
    before: tuple[str, ...] = ()
    for row, key in enumerate(table.text.index):
        labels = tuple(map(str, key)) if isinstance(key, tuple) else (str(key),)
        shown = [
            "" if labels[: place + 1] == before[: place + 1] else escape(label) for place, label in enumerate(labels)
        ]
        lines.append(" & ".join([*shown, *(_cell(table, row, i) for i in range(len(table.text.columns)))]) + r" \\")
        before = labels
    return lines


def _cell(table: Pivot, row: int, column: int) -> str:
    number = latex_number(str(table.text.iloc[row, column]), bold=bool(table.best.iloc[row, column]))
    return rf"\underline{{{number}}}" if table.untold.iloc[row, column] else number


def _caption(table: Pivot) -> str:
    marks = f" Underlined: not told from the best in bold at level {table.level:g}." if table.family else ""
    return f"{title_of(table.metric)}.{marks}"


def _note(table: Pivot) -> str:
    known = KNOWN[table.metric]
    counts = sorted({int(n) for n in table.seeds.to_numpy().ravel() if n})
    over = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else "".join(map(str, counts)) or "no"
    parts = [
        f"{known.title}: {known.formula} ({known.paper}).",
        f"Mean over {over} {'seed' if counts == [1] else 'seeds'} ± sample standard deviation (divisor n - 1).",
        *_fewer(table),
    ]
    if table.family:
        parts += [
            "Bold: best mean of a row, before rounding.",
            f"Underlined: the {TESTS[table.test].title} over the seeds that both share gives p > {table.level:g} "
            "against it, or they share none.",
            f"p is corrected by Holm for all {table.family} pairs of values within a row of the table, since the best "
            "is picked by the same values.",
            table.verdict,
        ]
    return " ".join(parts)


def _fewer(table: Pivot) -> list[str]:
    """Which cells have fewer seeds than others."""
    most = int(table.seeds.to_numpy().max())
    cells = [
        f"{', '.join([*(map(str, key) if isinstance(key, tuple) else [str(key)]), str(name)])}: {int(n)}"
        for key, row in table.seeds.iterrows()
        for name, n in row.items()
        if 0 < n < most
    ]
    return [f"Fewer seeds: {'; '.join(cells)}."] if cells else []
