"""Critical-difference diagrams: average ranks of the rules over several streams."""

import pandas as pd

from lifelong_lb.evaluation import METRICS, Ranking, cliques, rank
from lifelong_lb.reports.results import Results
from lifelong_lb.reports.style import WIDTH, Drawing, apply_constrained_layout, file_name, finish, short, style
from lifelong_lb.reports.summary import labels_of

RANKED = ("average_accuracy", "forgetting")
"""Metrics that rules are ranked by."""

_FEW = 5
_CAPTION = (
    "Ranks of the rules by {title} ({formula}; {better} is better), averaged over {streams} streams; 1 is the best, "
    "ties share a rank. On each stream, the value of a rule is its mean over seeds. Bars join rules whose average "
    "ranks differ by at most the critical difference of {difference:.2f}, the length of the bar on top "
    "(Nemenyi's test at 0.05, Demsar 2006): their ranks do not differ significantly.{friedman}{few}{left_out} "
    "The test assumes independent streams; streams of one data set are not independent."
)


def draw_ranks(results: Results) -> list[Drawing]:
    """Draw a diagram per strategy, base optimizer and metric with at least two rules on at least two streams.

    Args:
        results: results of a folder.

    Returns:
        The figures; streams on which a rule has no value are left out, and so are imported runs.
    """
    results = results.without_imported()
    done = results.runs[results.runs["status"] == "done"]
    rules = labels_of(results, "rule")
    drawings = []
    for (strategy, optimizer), runs in done.groupby(["strategy", "base_optimizer"], sort=False):
        for metric in RANKED:
            means = _means(runs, metric, [rule for rule in rules if (runs["rule"] == rule).any()])
            scores = means.dropna()
            if min(scores.shape) >= 2:
                ranking = rank(scores.to_numpy(), higher_is_better=METRICS[metric].higher_is_better)
                caption = _caption(ranking, metric, means)
                drawings.append(
                    _draw(ranking, list(map(str, scores.columns)), metric, (str(strategy), str(optimizer)), caption)
                )
    return drawings


def _means(runs: pd.DataFrame, metric: str, rules: list[str]) -> pd.DataFrame:
    """Means over seeds, one row per stream, one column per rule."""
    means = runs.groupby(["stream", "rule"], sort=False)[metric].mean().unstack()
    return means.reindex(columns=rules).round(12)  # ignores rounding errors


def _draw(ranking: Ranking, rules: list[str], metric: str, where: tuple[str, str], caption: str) -> Drawing:
    from matplotlib.figure import Figure

    known, k, difference = METRICS[metric], len(rules), ranking.critical_difference
    name = file_name(f"ranks-{metric.replace('_', '-')}", *where)
    order = sorted(range(k), key=lambda i: ranking.ranks[i])
    groups = cliques(ranking.ranks, difference)
    with style(name):
        figure = Figure((WIDTH, 1.4 + 0.28 * k + 0.16 * len(groups)))
        axes = figure.subplots()
        for row, i in enumerate(order):
            axes.plot([ranking.ranks[i]], [row], marker="o", color="#0072B2", linestyle="")
        for number, group in enumerate(groups):
            ranks = [ranking.ranks[i] for i in group]
            axes.plot([min(ranks), max(ranks)], [k - 0.4 + 0.5 * number] * 2, color="#3d3d3d", linewidth=3)
        axes.set_yticks(range(k), [short(rules[i]) for i in order])
        axes.plot([1, 1 + difference], [-1, -1], color="#3d3d3d", linewidth=1.2, marker="|", markersize=9)
        axes.text(
            1 + difference / 2, -1.2, f"critical difference {difference:.2f}", ha="center", va="bottom", fontsize=8.5
        )
        axes.set_ylim(k - 0.2 + 0.5 * len(groups), -2.1)
        axes.set_xlim(0.8, max(k, 1 + difference) + 0.2)
        axes.set_xlabel(f"average rank by {known.title}")
        apply_constrained_layout(figure)
        return finish(figure, name, f"Ranks by {known.title}: {', '.join(where)}", caption)


def _caption(ranking: Ranking, metric: str, means: pd.DataFrame) -> str:
    known = METRICS[metric]
    tested = ranking.friedman_p == ranking.friedman_p
    missing = [
        f"{stream} ({', '.join(map(str, row.index[row.isna()]))})"
        for stream, row in means.iterrows()
        if row.isna().any()
    ]
    return _CAPTION.format(
        title=known.title,
        formula=known.formula,
        better="higher" if known.higher_is_better else "lower",
        streams=ranking.streams,
        difference=ranking.critical_difference,
        friedman=f" Friedman's test of equal ranks: p = {ranking.friedman_p:.2g}." if tested else "",
        few=f" {ranking.streams} streams are few for these tests." if ranking.streams < _FEW else "",
        left_out=f" Streams on which a rule has no value are left out: {'; '.join(missing)}." if missing else "",
    )
