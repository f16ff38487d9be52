"""Charts of rules over several streams: average ranks, and performance profiles."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from lifelong_lb.evaluation import METRICS, Ranking, cliques, performance_profile, rank
from lifelong_lb.reports.charts.chart import Chart, Grid, Row
from lifelong_lb.reports.charts.panels import Look, by_rule, chart_names, file_name, numbers, panelled, rounded, tooltip
from lifelong_lb.reports.names import display_name
from lifelong_lb.reports.statistics.over_streams import StreamScores

RANKED = ("average_accuracy", "forgetting")
"""Metrics that rules are ranked by."""

_FEW = 5
_RANKS = (
    "Ranks of the rules by {title} ({formula}; {better} is better), averaged over {streams} streams; 1 is the best, "
    "ties share a rank. On each stream, the value of a rule is its mean over seeds. Thick bars join rules whose "
    "average ranks differ by at most the critical difference of {difference:.2f}, the length of the bar on top "
    "(Nemenyi's test at 0.05, Demsar 2006): their ranks do not differ significantly.{friedman}{few}{left_out} "
    "The test assumes independent streams; streams of one data set are not independent."
)
_PROFILES = (
    "Performance profiles (Agarwal et al. 2021, arXiv 2108.13264), one panel per strategy: the share of runs whose "
    "average accuracy is above the number on the axis, with equal weight for each stream. A curve further right is "
    "better; where two curves cross, neither rule is better throughout. The curves have no intervals: those of the "
    "interquartile mean are in the table."
)


def ranks(runs: pd.DataFrame, rules: Sequence[str]) -> list[Chart]:
    """Chart ranks per strategy, base optimizer and metric with at least two rules on at least two streams.

    Args:
        runs: done runs of all streams, rows of ``results.csv``.
        rules: labels of the rules, in the order of the study.

    Returns:
        The charts; streams on which a rule has no value are left out.
    """
    charts = []
    for (strategy, optimizer), of_both in runs.groupby(["strategy", "base_optimizer"], sort=False):
        for metric in RANKED:
            means = _means(of_both, metric, [rule for rule in rules if (of_both["rule"] == rule).any()])
            scores = means.dropna()
            if min(scores.shape) >= 2:
                ranking = rank(scores.to_numpy(), higher_is_better=METRICS[metric].higher_is_better)
                labels = list(map(str, scores.columns))
                charts.append(_rank_chart(ranking, labels, metric, (str(strategy), str(optimizer)), means))
    return charts


def _means(runs: pd.DataFrame, metric: str, rules: list[str]) -> pd.DataFrame:
    """Means over seeds, one row per stream, one column per rule."""
    means = runs.groupby(["stream", "rule"], sort=False)[metric].mean().unstack()
    return means.reindex(columns=rules).round(12)  # ignores rounding errors


def _rank_chart(
    ranking: Ranking, labels: Sequence[str], metric: str, where: tuple[str, str], means: pd.DataFrame
) -> Chart:
    strategy, optimizer = where
    names, difference = list(chart_names(labels, optimizer).values()), ranking.critical_difference
    title, top = METRICS[metric].title, f"critical difference {difference:.2f}"
    order = sorted(range(len(names)), key=lambda i: ranking.ranks[i])
    rows: list[Row] = [{"line": top, "kind": "difference", "from": 1, "to": rounded(1 + difference)}]
    rows += [{"line": names[i], "kind": "rule", "from": rounded(ranking.ranks[i])} for i in order]
    for number, group in enumerate(cliques(ranking.ranks, difference), 1):
        joined = sorted(ranking.ranks[i] for i in group)
        ends = {"from": rounded(joined[0]), "to": rounded(joined[-1])}
        rows.append({"line": " " * number, "kind": "clique", **ends})
    lines = [row["line"] for row in rows]
    longest = max(map(len, lines))
    name = file_name(f"ranks-{metric.replace('_', '-')}", strategy, optimizer)
    grid = Grid(axis=min(0.55 * longest + 2, 20), widest=40, lines=len(lines))
    panel = f"{display_name(strategy)}, {display_name(optimizer)}"
    return panelled(
        name,
        f"Ranks by {title}: {panel}",
        _ranks_caption(ranking, metric, means),
        [panel],
        _rank_layers(lines, title, max(len(names), 1 + difference)),
        [{"panel": panel, **row} for row in rows],
        grid=grid,
    )


def _rank_layers(lines: Sequence[str], title: str, last: float) -> list[Row]:
    x = numbers("from", f"average rank by {title}", domain=[0.8, rounded(last + 0.2)], nice=False)
    axis = {"grid": True, "ticks": False, "domain": False}
    y = {"field": "line", "type": "nominal", "title": None, "scale": {"domain": list(lines)}, "axis": axis}
    shown = tooltip(("line", "rule"), ("from", "average rank"), decimals={"line": "", "from": ".2f"})
    return [
        {
            "mark": {"type": "rule", "style": "thick"},
            "encoding": {"x": x, "x2": {"field": "to"}, "y": y},
            "transform": [{"filter": "datum.to != null"}],
        },
        {
            "mark": {"type": "point", "filled": True, "style": "mean", "opacity": 1, "color": "#0072b2"},
            "encoding": {"x": x, "y": y, "tooltip": shown},
            "transform": [{"filter": "datum.kind == 'rule'"}],
        },
    ]


def _ranks_caption(ranking: Ranking, metric: str, means: pd.DataFrame) -> str:
    known = METRICS[metric]
    tested = ranking.friedman_p == ranking.friedman_p
    missing = [
        f"{stream} ({', '.join(map(str, row.index[row.isna()]))})"
        for stream, row in means.iterrows()
        if row.isna().any()
    ]
    return _RANKS.format(
        title=known.title,
        formula=known.formula,
        better="higher" if known.higher_is_better else "lower",
        streams=ranking.streams,
        difference=ranking.critical_difference,
        friedman=f" Friedman's test of equal ranks: p = {ranking.friedman_p:.2g}." if tested else "",
        few=f" {ranking.streams} streams are few for these tests." if ranking.streams < _FEW else "",
        left_out=f" Streams on which a rule has no value are left out: {'; '.join(missing)}." if missing else "",
    )


def profiles(blocks: Sequence[StreamScores], looks: Mapping[str, Look]) -> Chart | None:
    """Chart the share of runs above each average accuracy, one panel per strategy.

    Args:
        blocks: average accuracies of one base optimizer, one block per strategy.
        looks: looks by label of a rule.

    Returns:
        The chart; None without blocks.
    """
    if not blocks:
        return None
    optimizer = blocks[0].base_optimizer
    names = chart_names([rule for rule in looks if any(rule in block.rules for block in blocks)], optimizer)
    panels = chart_names(block.strategy for block in blocks)
    rule = by_rule({names[label]: looks[label] for label in names})
    line = {
        "mark": {"type": "line", "interpolate": "step-after", "style": "course"},
        "encoding": {
            "x": numbers("x", "average accuracy, %"),
            "y": numbers("y", "runs above, %", domain=[0, 100]),
            "color": rule["color"],
            "strokeDash": rule["strokeDash"],
            "order": {"field": "step", "type": "quantitative"},
            "tooltip": tooltip(("rule", "rule"), ("x", "average accuracy, %"), ("y", "runs above, %")),
        },
    }
    name = file_name("profiles", optimizer)
    return panelled(
        name,
        f"Performance profiles over the streams: {display_name(optimizer)}",
        _PROFILES,
        panels.values(),
        [line],
        [row for block in blocks for row in _rows(block, names, panels[block.strategy])],
        names=names.values(),
    )


def _rows(block: StreamScores, names: Mapping[str, str], panel: str) -> list[Row]:
    """Corners of the curves, in percent; all begin and end at the lowest and highest score of the block."""
    scores = list(block.scores.values())
    every = np.concatenate([of_stream[~np.isnan(of_stream)] for of_stream in scores])
    rows: list[Row] = []
    for column, rule in enumerate(block.rules):
        values = [of_stream[~np.isnan(of_stream[:, column]), column] for of_stream in scores]
        corners = np.unique(np.concatenate([*values, [every.min(), every.max()]]))
        shares = performance_profile(values, corners)
        keys = {"panel": panel, "rule": names[rule]}
        start = {**keys, "step": 0, "x": round(100 * float(corners[0]), 3), "y": 100.0}
        rows.append(start)
        rows += [
            {**keys, "step": step, "x": round(100 * float(x), 3), "y": round(100 * float(y), 3)}
            for step, (x, y) in enumerate(zip(corners, shares, strict=True), 1)
        ]
    return rows
