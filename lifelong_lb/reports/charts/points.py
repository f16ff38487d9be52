"""Charts with one point per rule: learning accuracy against forgetting, and accuracy against cost."""

from collections.abc import Mapping, Sequence

import pandas as pd

from lifelong_lb.evaluation import METRICS, pareto_front, spread
from lifelong_lb.reports.charts.chart import Chart, Row
from lifelong_lb.reports.charts.panels import (
    FEWEST_SEEDS,
    INTERVALS,
    Look,
    by_rule,
    chart_names,
    file_name,
    mean_row,
    numbers,
    panelled,
    rounded,
    tooltip,
    vertical_intervals,
)
from lifelong_lb.reports.names import display_name

_TRADE_OFF = (
    "Learning accuracy ({learning}) against forgetting ({forgetting}), one panel per strategy; up and to the left is "
    f"better. Large points are means over seeds; {INTERVALS}; small points are single seeds."
)
PRICES = {"gradients": "gradient evaluations", "train_seconds": "training time, seconds"}
"""Cost column to title of the axis; ``gradients`` are those of the rule and of the strategy."""
_NAMES = {"gradients": "cost-gradients", "train_seconds": "cost-seconds"}
_NEAR = 0.002
"""Costs whose difference is below this fraction of the largest are drawn side by side."""
_COSTS = (
    "Average accuracy ({formula}) against {what}, one panel per strategy; up and to the left is better. Points are "
    f"means over seeds; {INTERVALS}. The stepped line joins the rules that no other rule beats at the same or "
    "lower cost, by these means; this is not a test. Points at equal cost are moved side by side.{hardware}"
)
_WHAT = {
    "gradients": "gradient evaluations of a run, including those taken by the strategy",
    "train_seconds": "seconds of training",
}
_COUNTS = {"labelExpr": "datum.value ? format(datum.value, '~s') : '0'"}
_HARDWARE = " Compare seconds only between runs made on the same hardware."


def trade_off(runs: pd.DataFrame, looks: Mapping[str, Look]) -> Chart | None:
    """Chart learning accuracy against forgetting, one panel per strategy.

    Args:
        runs: done runs of one stream and base optimizer, rows of ``results.csv``.
        looks: looks by label of a rule.

    Returns:
        The chart; None if no run has both metrics.
    """
    known = runs[runs["forgetting"].notna() & runs["learning_accuracy"].notna()]
    if known.empty:
        return None
    stream, optimizer = str(known["stream"].iloc[0]), str(known["base_optimizer"].iloc[0])
    names = chart_names([rule for rule in looks if (known["rule"] == rule).any()], optimizer)
    panels = chart_names(map(str, known["strategy"].unique()))
    points: list[Row] = []
    means: list[Row] = []
    for (strategy, label), rows in known.groupby(["strategy", "rule"], sort=False):
        keys = {"panel": panels[str(strategy)], "rule": names[str(label)]}
        x, y = ((100 * rows[metric]).map(rounded) for metric in ("forgetting", "learning_accuracy"))
        points += [{**keys, "x": a, "y": b, "seed": int(s)} for a, b, s in zip(x, y, rows["seed"], strict=True)]
        of_x, of_y = spread(x.tolist()), spread(y.tolist())
        ends = {"x_low": of_x.low, "x_high": of_x.high, "y_low": max(of_y.low, 0), "y_high": min(of_y.high, 100)}
        interval = {name: rounded(end) for name, end in ends.items()} if of_x.seeds >= FEWEST_SEEDS else {}
        means.append({**keys, "x": rounded(of_x.mean), "y": rounded(of_y.mean), "seeds": of_x.seeds, **interval})
    rule = by_rule({names[label]: looks[label] for label in names})
    name = file_name("trade-off", stream, optimizer)
    return panelled(
        name,
        f"Learning accuracy and forgetting: {stream}, {display_name(optimizer)}",
        _TRADE_OFF.format(learning=METRICS["learning_accuracy"].formula, forgetting=METRICS["forgetting"].formula),
        panels.values(),
        _trade_off_layers(rule),
        [*points, *means],
        names=names.values(),
    )


def _trade_off_layers(rule: Mapping[str, Row]) -> list[Row]:
    """Draw seeds, the intervals of both means, and the means."""
    x_axis = numbers("x", "forgetting, %", nice=True, padding=6)
    y_axis = numbers("y", "learning accuracy, %", nice=True, padding=6)
    hover = (("rule", "rule"), ("x", "forgetting, %"), ("y", "learning accuracy, %"))
    place = {"x": x_axis, "y": y_axis, "color": rule["color"]}
    ends_of_x = {**place, "x": {**x_axis, "field": "x_low"}, "x2": {"field": "x_high"}}
    ends_of_y = {**place, "y": {**y_axis, "field": "y_low"}, "y2": {"field": "y_high"}}
    return [
        {
            "mark": {"type": "point", "filled": True, "style": "seed", "opacity": 0.3},
            "encoding": {**place, "tooltip": tooltip(*hover, ("seed", "seed"))},
            "transform": [{"filter": "datum.seed != null"}],
        },
        *(
            {
                "mark": {"type": "rule", "style": "interval", "clip": True},
                "encoding": ends,
                "transform": [{"filter": "datum.x_low != null"}],
            }
            for ends in (ends_of_x, ends_of_y)
        ),
        {
            "mark": {"type": "point", "filled": True, "style": "mean", "opacity": 1},
            "encoding": {**place, "shape": rule["shape"], "tooltip": tooltip(*hover, ("seeds", "seeds"))},
            "transform": [{"filter": "datum.seeds != null"}],
        },
    ]


def costs(runs: pd.DataFrame, looks: Mapping[str, Look]) -> list[Chart]:
    """Chart average accuracy against gradient evaluations and against seconds, one panel per strategy.

    Args:
        runs: done runs of one stream and base optimizer, rows of ``results.csv``.
        looks: looks by label of a rule.

    Returns:
        The charts; none if no run has an average accuracy.
    """
    known = runs[runs["average_accuracy"].notna()]
    known = known.assign(gradients=known["gradient_evaluations"] + known["strategy_gradient_evaluations"])
    priced = {price: known[known[price].notna()] for price in PRICES}
    return [_chart(rows, price, looks) for price, rows in priced.items() if len(rows)]


def _chart(runs: pd.DataFrame, price: str, looks: Mapping[str, Look]) -> Chart:
    stream, optimizer = str(runs["stream"].iloc[0]), str(runs["base_optimizer"].iloc[0])
    names = chart_names([rule for rule in looks if (runs["rule"] == rule).any()], optimizer)
    panels = chart_names(map(str, runs["strategy"].unique()))
    rows: list[Row] = []
    for strategy, of_strategy in runs.groupby("strategy", sort=False):
        rows += _panel(of_strategy, price, panels[str(strategy)], names)
    rule = by_rule({names[label]: looks[label] for label in names})
    x = numbers("x", PRICES[price], axis=_COUNTS if price == "gradients" else None, zero=True, padding=6)
    y = numbers("y", "average accuracy, %", padding=6)
    shown = tooltip(("rule", "rule"), ("cost", PRICES[price]), ("y", "average accuracy, %"), ("seeds", "seeds"),
                    decimals={"cost": ",.4~r"})  # fmt: skip
    step = {"type": "line", "interpolate": "step-after", "style": ["course", "quiet"]}
    layers = [
        {"mark": step, "encoding": {"x": x, "y": y}, "transform": [{"filter": "datum.front"}]},
        vertical_intervals(x, y, rule["color"]),
        {
            "mark": {"type": "point", "filled": True, "style": "mean", "opacity": 1},
            "encoding": {"x": x, "y": y, "color": rule["color"], "shape": rule["shape"], "tooltip": shown},
        },
    ]
    name = file_name(_NAMES[price], stream, optimizer)
    title = "Average accuracy and " + ("gradient evaluations" if price == "gradients" else "training time")
    hardware = _HARDWARE if price == "train_seconds" else ""
    caption = _COSTS.format(formula=METRICS["average_accuracy"].formula, what=_WHAT[price], hardware=hardware)
    title = f"{title}: {stream}, {display_name(optimizer)}"
    return panelled(name, title, caption, panels.values(), layers, rows, names=names.values())


def _panel(runs: pd.DataFrame, price: str, panel: str, names: Mapping[str, str]) -> list[Row]:
    """Means of each rule of a strategy."""
    found = [(label, runs[runs["rule"] == label]) for label in names if (runs["rule"] == label).any()]
    prices = [spread(rows[price].tolist()).mean for _, rows in found]
    means = [spread(rows["average_accuracy"].tolist()) for _, rows in found]
    front = pareto_front(prices, [mean.mean for mean in means])
    return [
        {"panel": panel, "rule": names[label], "x": rounded(x), "cost": rounded(cost), "front": bool(best)}
        | mean_row(mean, 100, (0, 100))
        for (label, _), x, cost, best, mean in zip(found, side_by_side(prices), prices, front, means, strict=True)
    ]


def side_by_side(costs: Sequence[float]) -> list[float]:
    """Move nearly equal costs apart.

    Args:
        costs: one per rule, >= 0.

    Returns:
        Costs in the same order. Neighbours whose differences are below 0.2 % of the largest cost are spread
        around their mean, in the order of the rules.

    Example:
        >>> side_by_side([100, 50, 100])
        [98.75, 50, 101.25]
    """
    room = max(costs, default=0.0)
    order = sorted(range(len(costs)), key=lambda i: costs[i])
    groups: list[list[int]] = []
    for i in order:
        if groups and costs[i] - costs[groups[-1][-1]] <= _NEAR * room:
            groups[-1].append(i)
        else:
            groups.append([i])
    places = list(costs)
    for group in groups:
        centre, gap = sum(costs[i] for i in group) / len(group), room * min(0.025, 0.2 / len(group))
        for k, i in enumerate(sorted(group)):
            places[i] = centre + (k - (len(group) - 1) / 2) * gap if len(group) > 1 else costs[i]
    return places
