"""Ranks of the rules over several streams, with what a critical difference does not tell apart."""

import pandas as pd

from lifelong_lb.evaluation import METRICS, Ranking, cliques, rank
from lifelong_lb.reports.drawing import WIDTH, Drawing, file_name, finish, settle, short, style
from lifelong_lb.reports.results import Results
from lifelong_lb.reports.summary import labels_of

RANKED = ("average_accuracy", "forgetting")
"""Metrics that rules are ranked by."""

_FEW = 5
_CAPTION = (
    "Ranks of the rules by {title} ({formula}; {better} is better), averaged over {streams} streams; 1 is the best, "
    "ties share a rank. On each stream a rule counts with its mean over its seeds. Bars join rules whose average ranks "
    "lie within the critical difference of {difference:.2f} (Nemenyi's test at 0.05, Demsar 2006): the streams do "
    "not tell them apart.{friedman}{few} Streams of one data set are not independent, as the test takes them to be."
)


def draw_ranks(results: Results) -> list[Drawing]:
    """Draw a diagram for each strategy, base optimizer and metric with two rules or more on two streams or more.

    Args:
        results: what a folder's runs have to say.

    Returns:
        The figures; a stream on which a rule has no value does not count. Imported runs are left out.
    """
    results = results.own()
    done = results.runs[results.runs["status"] == "done"]
    rules = labels_of(results, "rule")
    found = []
    for (strategy, optimizer), runs in done.groupby(["strategy", "base_optimizer"], sort=False):
        for metric in RANKED:
            scores = _scores(runs, metric, [rule for rule in rules if (runs["rule"] == rule).any()])
            if min(scores.shape) >= 2:
                ranking = rank(scores.to_numpy(), higher_is_better=METRICS[metric].higher_is_better)
                found.append(_draw(ranking, list(map(str, scores.columns)), metric, str(strategy), str(optimizer)))
    return found


def _scores(runs: pd.DataFrame, metric: str, rules: list[str]) -> pd.DataFrame:
    """Means over seeds, a row a stream on which every rule has one, a column a rule."""
    means = runs.groupby(["stream", "rule"], sort=False)[metric].mean().unstack()
    return means.reindex(columns=rules).dropna().round(12)  # equal but for rounding is equal


def _draw(ranking: Ranking, rules: list[str], metric: str, strategy: str, optimizer: str) -> Drawing:
    from matplotlib.figure import Figure

    known, k = METRICS[metric], len(rules)
    name = file_name(f"ranks-{metric.replace('_', '-')}", strategy, optimizer)
    order = sorted(range(k), key=lambda i: ranking.ranks[i])
    groups = cliques(ranking.ranks, ranking.critical_difference)
    with style(name):
        figure = Figure((WIDTH, 1.0 + 0.28 * k + 0.16 * len(groups)))
        axes = figure.subplots()
        for row, i in enumerate(order):
            axes.plot([ranking.ranks[i]], [row], marker="o", color="#0072B2", linestyle="")
        for number, group in enumerate(groups):
            ranks = [ranking.ranks[i] for i in group]
            axes.plot([min(ranks), max(ranks)], [k - 0.4 + 0.5 * number] * 2, color="#3d3d3d", linewidth=3)
        axes.set_yticks(range(k), [short(rules[i]) for i in order])
        axes.set_ylim(k - 0.2 + 0.5 * len(groups), -0.6)
        axes.set_xlim(0.8, k + 0.2)
        axes.set_xlabel(f"average rank by {known.title}")
        settle(figure)
        caption = _CAPTION.format(
            title=known.title,
            formula=known.formula,
            better="higher" if known.higher_is_better else "lower",
            streams=ranking.streams,
            difference=ranking.critical_difference,
            friedman=f" Friedman's test that all are alike: p = {ranking.friedman_p:.2g}."
            if ranking.friedman_p == ranking.friedman_p
            else "",
            few=f" {ranking.streams} streams are few for either test." if ranking.streams < _FEW else "",
        )
        return finish(figure, name, f"Ranks by {known.title}: {strategy}, {optimizer}", caption)
