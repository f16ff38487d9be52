"""Learning accuracy against forgetting."""

from collections.abc import Mapping

import pandas as pd

from lifelong_lb.evaluation import spread
from lifelong_lb.reports.charts.chart import Canvas, Chart, Look, by_rule
from lifelong_lb.reports.names import display_name

_CAPTION = (
    "Learning accuracy against forgetting, one panel per strategy; up and to the left is better. Large points are "
    "means over seeds, with 95 % intervals (Student's t); small points are single seeds."
)


def trade_off(runs: pd.DataFrame, looks: Mapping[str, Look], canvas: Canvas, name: str = "trade-off") -> Chart | None:
    """Chart learning accuracy against forgetting, one panel per strategy.

    Args:
        runs: done runs of one stream and base optimizer, rows of ``results.csv``.
        looks: looks by label of a rule.
        canvas: the space.
        name: file name of the chart.

    Returns:
        The chart; None if no run has both metrics.
    """
    known = runs[runs["forgetting"].notna() & runs["learning_accuracy"].notna()]
    if known.empty:
        return None
    optimizer = str(known["base_optimizer"].iloc[0])
    names = {rule: display_name(rule, optimizer) for rule in looks if (known["rule"] == rule).any()}
    points, means = [], []
    for (strategy, rule), rows in known.groupby(["strategy", "rule"], sort=False):
        keys = {"strategy": display_name(str(strategy)), "rule": names[str(rule)]}
        x, y = (100 * rows[metric] for metric in ("forgetting", "learning_accuracy"))
        points += [{**keys, "x": a, "y": b, "seed": int(s)} for a, b, s in zip(x, y, rows["seed"], strict=True)]
        of_x, of_y = spread(x.tolist()), spread(y.tolist())
        interval = {"x_low": of_x.low, "x_high": of_x.high, "y_low": of_y.low, "y_high": of_y.high}
        known_interval = interval if of_x.seeds > 1 else {}
        means.append({**keys, "x": of_x.mean, "y": of_y.mean, "seeds": of_x.seeds, **known_interval})
    strategies = list(dict.fromkeys(row["strategy"] for row in means))
    columns, width = canvas.panels(len(strategies))
    rule = by_rule(canvas, {names[label]: look for label, look in looks.items() if label in names})
    scale = {"zero": False, "nice": True, "padding": 6}
    x = {"field": "x", "type": "quantitative", "title": "forgetting, %", "scale": scale}
    y = {"field": "y", "type": "quantitative", "title": "learning accuracy, %", "scale": scale}
    bars = {"opacity": 0.8, "strokeWidth": 1.4, "clip": True}
    hover = [
        {"field": "rule", "title": "rule"},
        {"field": "x", "title": "forgetting, %", "format": ".1f"},
        {"field": "y", "title": "learning accuracy, %", "format": ".1f"},
    ]
    layers = [
        {
            "mark": {"type": "point", "filled": True, "size": 14, "opacity": 0.3},
            "encoding": {"x": x, "y": y, "color": rule["color"], "tooltip": [*hover, {"field": "seed"}]},
            "transform": [{"filter": "datum.seed != null"}],
        },
        {
            "mark": {"type": "rule", **bars},
            "encoding": {"x": {**x, "field": "x_low"}, "x2": {"field": "x_high"}, "y": y, "color": rule["color"]},
            "transform": [{"filter": "datum.x_low != null"}],
        },
        {
            "mark": {"type": "rule", **bars},
            "encoding": {"x": x, "y": {**y, "field": "y_low"}, "y2": {"field": "y_high"}, "color": rule["color"]},
            "transform": [{"filter": "datum.x_low != null"}],
        },
        {
            "mark": {"type": "point", "filled": True, "size": 90, "opacity": 1},
            "encoding": {"x": x, "y": y, **rule, "tooltip": [*hover, {"field": "seeds"}]},
            "transform": [{"filter": "datum.seeds != null"}],
        },
    ]
    header = {"title": None}
    spec = {
        "data": {"name": name},
        "usermeta": {"panels": len(strategies)},
        "facet": {"field": "strategy", "type": "nominal", "sort": strategies, "header": header},
        "columns": columns,
        "spacing": canvas.font,
        "resolve": {"scale": {"x": "independent", "y": "independent"}},
        "spec": {"width": width, "height": min(width * 0.75, 19 * canvas.font), "layer": layers},
    }
    if len(strategies) == 1:
        spec = {"data": {"name": name}, "width": width, "height": min(width * 0.6, 26 * canvas.font), "layer": layers}
    return Chart(name, "Learning accuracy and forgetting", _CAPTION, spec, {name: [*points, *means]})
