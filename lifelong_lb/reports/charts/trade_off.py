"""Learning accuracy against forgetting."""

from collections.abc import Mapping

import pandas as pd

from lifelong_lb.evaluation import METRICS, spread
from lifelong_lb.reports.charts.chart import Chart, Row
from lifelong_lb.reports.charts.looks import Look, by_rule, chart_names, file_name
from lifelong_lb.reports.charts.panels import FEWEST_SEEDS, INTERVALS, faceted, numbers, rounded, tooltip
from lifelong_lb.reports.names import display_name

_CAPTION = (
    "Learning accuracy ({learning}) against forgetting ({forgetting}), one panel per strategy; up and to the left is "
    f"better. Large points are means over seeds; {INTERVALS}; small points are single seeds."
)


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
    return Chart(
        name,
        f"Learning accuracy and forgetting: {stream}, {display_name(optimizer)}",
        _CAPTION.format(learning=METRICS["learning_accuracy"].formula, forgetting=METRICS["forgetting"].formula),
        faceted(name, list(panels.values()), _layers(rule), names=names.values()),
        {name: [*points, *means]},
    )


def _layers(rule: Mapping[str, Row]) -> list[Row]:
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
