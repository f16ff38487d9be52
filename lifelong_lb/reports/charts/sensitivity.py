"""Metrics against one hyper-parameter."""

from collections.abc import Mapping, Sequence

import pandas as pd

from lifelong_lb.evaluation import METRICS, spread
from lifelong_lb.reports.charts.chart import Chart, Grid, Row
from lifelong_lb.reports.charts.labels import chart_names, file_name
from lifelong_lb.reports.charts.looks import BASELINE, Look, by_rule
from lifelong_lb.reports.charts.panels import INTERVALS, courses, faceted, mean_row, numbers, tooltip
from lifelong_lb.reports.names import display_name, symbol
from lifelong_lb.reports.statistics.sensitivity import PARAMETERS, Sweep

_METRICS = ("average_accuracy", "forgetting")
_BOUNDS = {"average_accuracy": (0.0, 100.0), "forgetting": (-100.0, 100.0)}
_LOGARITHMIC = 8
"""Minimum ratio of the largest to the smallest value for a logarithmic axis."""
_MOST_TICKS = 8
_CAPTION = (
    "{metrics}, against {parameter}, two panels per strategy: each line joins {what} that differ only in {parameter}. "
    f"Points are means over seeds; {INTERVALS}.{{baseline}}"
)


def sensitivity(sweep: Sweep, looks: Mapping[str, Look]) -> Chart:
    """Chart average accuracy and forgetting against a hyper-parameter.

    Args:
        sweep: runs that differ in it.
        looks: looks by label of a rule.

    Returns:
        The chart.
    """
    baseline = str(sweep.baseline["rule"].iloc[0]) if len(sweep.baseline) else ""
    lines = {family.label: looks[family.rule] for family in sweep.families}
    names = chart_names([*lines, *([baseline] if baseline else [])], sweep.base_optimizer)
    strategies = chart_names(dict.fromkeys(str(s) for family in sweep.families for s in family.runs["strategy"]))
    panels = {(s, m): f"{strategies[s]}: {METRICS[m].title}, %" for s in strategies for m in _METRICS}
    rows: list[Row] = []
    for (strategy, metric), panel in panels.items():
        for family in sweep.families:
            runs = family.runs[family.runs["strategy"] == strategy]
            for value, same in runs.groupby("value", sort=True):
                keys = {"panel": panel, "rule": names[family.label], "x": float(str(value))}
                rows += _mean(same, metric, keys)
        level = sweep.baseline[sweep.baseline["strategy"] == strategy]
        if baseline and len(level):
            rows += _mean(level, metric, {"panel": panel, "rule": names[baseline], "x": None})
    rule = by_rule({
        names[label]: look for label, look in {**lines, **({baseline: BASELINE} if baseline else {})}.items()
    })
    name = file_name(f"sensitivity-{sweep.parameter}", *sweep.labels)
    return Chart(
        name,
        f"Sensitivity to {symbol(sweep.parameter)}: {', '.join(map(display_name, sweep.labels))}",
        _caption(sweep.parameter, names.get(baseline, "")),
        faceted(
            name,
            list(panels.values()),
            [*_level(rule), *_lines(rule, symbol(sweep.parameter), sorted({row["x"] for row in rows} - {None}))],
            names=names.values(),
            grid=Grid(most=2, ratio=0.5, axis=3.4),
        ),
        {name: rows},
    )


def _mean(runs: pd.DataFrame, metric: str, keys: Row) -> list[Row]:
    found = spread(runs[metric].tolist())
    return [{**keys, **mean_row(found, 100, _BOUNDS[metric])}] if found.seeds else []


def _lines(rule: Mapping[str, Row], title: str, values: Sequence[float]) -> list[Row]:
    logarithmic = values[0] > 0 and values[-1] >= _LOGARITHMIC * values[0]
    scale = {"type": "log", "nice": False} if logarithmic else {}
    ticks = {"values": list(values)} if len(values) <= _MOST_TICKS else {}
    axis = {**ticks, "format": "~r", "labelOverlap": "greedy"}
    x = numbers("x", title, axis=axis, padding=8, **scale)
    shown = tooltip(("rule", "rule"), ("x", title), ("y", "mean, %"), ("low", "interval from"), ("high", "to"),
                    ("seeds", "seeds"), decimals={"x": "~r"})  # fmt: skip
    layers = courses(x, numbers("y", None), rule, shown)
    return [{**layer, "transform": [*layer.get("transform", []), {"filter": "datum.x != null"}]} for layer in layers]


def _level(rule: Mapping[str, Row]) -> list[Row]:
    """Draw rows without a value of the hyper-parameter as a dashed line with its interval as a band."""
    y, level = numbers("y", None), {"filter": "datum.x == null"}
    return [
        {
            "mark": {"type": "rect", "opacity": 0.12},
            "encoding": {"y": {**y, "field": "low"}, "y2": {"field": "high"}, "color": rule["color"]},
            "transform": [level, {"filter": "datum.low != null"}],
        },
        {
            "mark": {"type": "rule", "style": "course", "strokeDash": list(BASELINE.dash)},
            "encoding": {"y": y, "color": rule["color"]},
            "transform": [level],
        },
    ]


def _caption(parameter: str, baseline: str) -> str:
    metrics = " and ".join(f"{METRICS[metric].title} ({METRICS[metric].formula})" for metric in _METRICS)
    return _CAPTION.format(
        metrics=metrics[0].upper() + metrics[1:],
        parameter=symbol(parameter),
        what="rules of one name" if PARAMETERS[parameter] == "rule" else "base optimizers of one name, under one rule,",
        baseline=f" The dashed line is {baseline}, with its 95 % interval as a band." if baseline else "",
    )
