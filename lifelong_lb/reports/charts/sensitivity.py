"""Sensitivity to one hyper-parameter: rules or base optimizers that differ only in it, and their chart."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lifelong_lb.config.runs import without_later
from lifelong_lb.evaluation import METRICS, spread
from lifelong_lb.reports.charts.chart import Chart, Grid, Row
from lifelong_lb.reports.charts.panels import (
    BASELINE,
    INTERVALS,
    Look,
    by_rule,
    chart_names,
    courses,
    file_name,
    mean_row,
    numbers,
    panelled,
    tooltip,
)
from lifelong_lb.reports.names import display_name, settings_text, symbol
from lifelong_lb.reports.results.collect import Results

PARAMETERS = {"rho": "rule", "k": "rule", "alpha": "rule", "lr": "optimizer"}
"""Hyper-parameter to the part of a run's configuration that contains it."""
MIN_VALUES = 3
"""Minimum number of values for a chart."""
_METRICS = ("average_accuracy", "forgetting")
_BOUNDS = {"average_accuracy": (0.0, 100.0), "forgetting": (-100.0, 100.0)}
_LOGARITHMIC = 8
"""Minimum ratio of the largest to the smallest value for a logarithmic axis."""
_MOST_TICKS = 8
_CAPTION = (
    "{metrics}, against {parameter}, two panels per strategy: each line joins {what} that differ only in {parameter}. "
    f"Points are means over seeds; {INTERVALS}.{{baseline}}"
)


@dataclass(frozen=True)
class Family:
    """Runs that differ in one hyper-parameter, in strategy and in seed.

    Attributes:
        label: label of its line.
        rule: label of its first rule.
        runs: rows of ``results.csv``, with a column ``value``.
    """

    label: str
    rule: str
    runs: pd.DataFrame


@dataclass(frozen=True)
class Sweep:
    """Families along one hyper-parameter.

    Attributes:
        parameter: one of :data:`PARAMETERS`.
        labels: the stream, and the base optimizer if all families have the same.
        families: in the order of the rules.
        baseline: runs of the first rule ``none``; empty if the families differ in the base optimizer.
    """

    parameter: str
    labels: Sequence[str]
    families: Sequence[Family]
    baseline: pd.DataFrame

    @property
    def base_optimizer(self) -> str:
        """Label of the base optimizer; empty for several."""
        return self.labels[1] if len(self.labels) > 1 else ""


def sweeps(results: Results, stream: str, rules: Sequence[str]) -> list[Sweep]:
    """Find the hyper-parameters that have enough values.

    Args:
        results: results of a folder.
        stream: label of the stream.
        rules: labels of all rules, in the order of the study.

    Returns:
        One for each of :data:`PARAMETERS` in which rules of one base optimizer, or base optimizers under one rule,
        differ; none if only tables were found.
    """
    runs = results.runs[(results.runs["status"] == "done") & (results.runs["stream"] == stream)]
    configs = {run: without_later(results.records[run].config) for run in runs["run"] if run in results.records}
    tuned = results.study is not None and bool(results.study.study.chosen)
    if not configs or tuned:  # values of a tuned rule were chosen per strategy
        return []
    runs = runs[runs["run"].isin(list(configs))]
    found: list[Sweep] = []
    for parameter, part in PARAMETERS.items():
        fixed = "base_optimizer" if part == "rule" else None
        for optimizer, of_optimizer in runs.groupby(fixed, sort=False) if fixed else [("", runs)]:
            families = _families(of_optimizer, configs, parameter, rules)
            if families:
                plain = of_optimizer[[configs[run]["rule"]["name"] == "none" for run in of_optimizer["run"]]]
                baseline = plain[plain["rule"] == next((rule for rule in rules if (plain["rule"] == rule).any()), "")]
                labels = [stream, str(optimizer)] if fixed else [stream]
                found.append(Sweep(parameter, labels, families, baseline if part == "rule" else baseline.iloc[:0]))
    return found


def _families(
    runs: pd.DataFrame, configs: Mapping[str, Mapping[str, Any]], parameter: str, rules: Sequence[str]
) -> list[Family]:
    """Runs with enough values of a hyper-parameter, in the order of the rules."""
    part = PARAMETERS[parameter]
    settings = [configs[run].get(part, {}) for run in runs["run"]]
    values = [settings_of.get(parameter) for settings_of in settings]
    numeric = [isinstance(value, int | float) and not isinstance(value, bool) for value in values]
    rest = [{k: v for k, v in settings_of.items() if k not in {parameter, "label"}} for settings_of in settings]
    keys = [json.dumps(each, sort_keys=True) for each in rest]
    numeric_runs = runs.assign(value=values, family=keys)[numeric]
    by = ["family"] if part == "rule" else ["rule", "family"]
    groups = [
        members for _, members in numeric_runs.groupby(by, sort=False) if members["value"].nunique() >= MIN_VALUES
    ]
    known = [json.loads(members["family"].iloc[0]) for members in groups]
    order = list(rules)
    families = []
    for members, settings_of in zip(groups, known, strict=True):
        label = _family_label(members, settings_of, known, part)
        families.append(Family(label, str(members["rule"].iloc[0]), members.astype({"value": float})))
    return sorted(families, key=lambda family: order.index(family.rule))


def _family_label(
    runs: pd.DataFrame, settings: Mapping[str, Any], others: Sequence[Mapping[str, Any]], part: str
) -> str:
    """Label of a family: its name, and the settings in which it differs from others of that name."""
    alike = [other for other in others if other["name"] == settings["name"]]
    differing = {k: v for k, v in settings.items() if any(other.get(k) != v for other in alike)}
    text = settings_text({"name": settings["name"], **differing})
    if part == "rule":
        return text
    rule = str(runs["rule"].iloc[0])
    return rule if len({json.dumps(other, sort_keys=True) for other in others}) == 1 else f"{rule}, {text}"


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
    return panelled(
        name,
        f"Sensitivity to {symbol(sweep.parameter)}: {', '.join(map(display_name, sweep.labels))}",
        _caption(sweep.parameter, names.get(baseline, "")),
        list(panels.values()),
        [*_level(rule), *_lines(rule, symbol(sweep.parameter), sorted({row["x"] for row in rows} - {None}))],
        rows,
        names=names.values(),
        grid=Grid(most=2, ratio=0.5, axis=3.4),
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
