"""Figures of metrics against one hyper-parameter, for rules or base optimizers that differ only in it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import pandas as pd

from lifelong_lb.evaluation import METRICS, Spread, spread
from lifelong_lb.reports.entries import settings_text
from lifelong_lb.reports.layout import Layout, create_panels
from lifelong_lb.reports.results import Results
from lifelong_lb.reports.style import WIDTH, Drawing, Look, file_name, finish, legend, lines_of, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

PARAMETERS = {"rho": "rule", "k": "rule", "alpha": "rule", "lr": "optimizer"}
"""Hyper-parameter to the part of a run's configuration that contains it."""
MIN_VALUES = 3
"""Minimum number of values for a figure."""

_METRICS = ("average_accuracy", "forgetting")
_MAX_STRATEGIES = 6
_LOGARITHMIC = 8
"""Minimum ratio of the largest to the smallest value for a logarithmic axis."""
_CAPTION = (
    "{metrics}, against {parameter}, one row per strategy: each line joins {what} that differ only in {parameter}. "
    "Points are means over seeds, bars their 95 % intervals (Student's t; none for one seed; clipped to [0, 1] for "
    "accuracies).{baseline}{few}"
)


@dataclass(frozen=True)
class Family:
    """Runs that differ in one hyper-parameter, in strategy and in seed.

    Attributes:
        label: label of its line.
        look: looks of its line.
        runs: rows of ``results.csv``, with a column ``value``.
    """

    label: str
    look: Look
    runs: pd.DataFrame


def draw_sensitivity(results: Results, stream: str, looks: Mapping[str, Look]) -> list[Drawing]:
    """Draw average accuracy and forgetting against each hyper-parameter that has enough values.

    Args:
        results: results of a folder.
        stream: label of the stream.
        looks: looks by rule.

    Returns:
        A figure for each of :data:`PARAMETERS` in which rules of one base optimizer, or base optimizers under one rule,
        differ; none if only tables were found.
    """
    runs = results.runs[(results.runs["status"] == "done") & (results.runs["stream"] == stream)]
    configs = {run: results.records[run].config for run in runs["run"] if run in results.records}
    tuned = results.study is not None and bool(results.study.study.chosen)
    if not configs or tuned:  # values of a tuned rule were chosen per strategy
        return []
    runs = runs[runs["run"].isin(list(configs))]
    drawings: list[Drawing] = []
    for parameter, part in PARAMETERS.items():
        fixed = "base_optimizer" if part == "rule" else None
        for optimizer, of_optimizer in runs.groupby(fixed, sort=False) if fixed else [("", runs)]:
            families = _families(of_optimizer, configs, parameter, looks)
            if families:
                baseline = of_optimizer[[configs[run]["rule"]["name"] == "none" for run in of_optimizer["run"]]]
                name = [stream, str(optimizer)] if fixed else [stream]
                drawings.append(_draw(name, parameter, families, baseline if part == "rule" else baseline.iloc[:0]))
    return drawings


def _families(
    runs: pd.DataFrame, configs: Mapping[str, Mapping[str, Any]], parameter: str, looks: Mapping[str, Look]
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
    order = list(looks)
    families = []
    for members, settings_of in zip(groups, known, strict=True):
        look = looks[str(members["rule"].iloc[0])]
        label = _family_label(members, settings_of, known, part)
        families.append(Family(label, look, members.astype({"value": float})))
    return sorted(families, key=lambda family: order.index(str(family.runs["rule"].iloc[0])))


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


def _draw(labels: Sequence[str], parameter: str, families: Sequence[Family], baseline: pd.DataFrame) -> Drawing:
    strategies = list(dict.fromkeys(str(s) for family in families for s in family.runs["strategy"]))
    shown = strategies[:_MAX_STRATEGIES]
    names = [str(baseline["rule"].iloc[0])] if len(baseline) else []
    name = file_name(f"sensitivity-{parameter}", *labels)
    layout = Layout(
        headings=[f"{lines_of(strategy, 36)}\n{METRICS[m].title}" for strategy in shown for m in _METRICS],
        columns=len(_METRICS),
        height=1.9,
        width=WIDTH,
        shared="none",
        labelled="all",
        rules=[*(family.label for family in families), *names],
    )
    ticks = sorted({float(value) for family in families for value in family.runs["value"]})
    with style(name):
        figure, grid = create_panels(layout, [parameter] * len(_METRICS), "")
        handles: dict[str, Line2D] = {}
        for axes, (strategy, metric) in zip(grid, product(shown, _METRICS), strict=True):
            for family in families:
                of_strategy = family.runs[family.runs["strategy"] == strategy]
                handles |= zip([family.label], _line(axes, of_strategy, metric, family.look), strict=False)
            of_strategy = baseline[baseline["strategy"] == strategy]
            handles |= zip(names, _level(axes, of_strategy, metric), strict=False)
            _scale(axes, ticks)
        legend(figure, handles)
        caption = _caption(parameter, names, len(shown), len(strategies))
        return finish(figure, name, f"Sensitivity to {parameter}: {', '.join(labels)}", caption)


def _line(axes: "Axes", runs: pd.DataFrame, metric: str, look: Look) -> "list[Line2D]":
    """Draw the line of a family, with a bar per point; nothing without runs."""
    points = [(float(str(v)), spread(of_value[metric].tolist())) for v, of_value in runs.groupby("value", sort=True)]
    for value, statistics in points:
        if statistics.seeds > 1:
            axes.plot([value, value], _ends(statistics, metric), color=look.colour, linewidth=1.1, alpha=0.6)
    if not points:
        return []
    x, y = [value for value, _ in points], [statistics.mean for _, statistics in points]
    return axes.plot(x, y, color=look.colour, marker=look.marker, linestyle=look.dashes, mew=0)


def _ends(statistics: Spread, metric: str) -> tuple[float, float]:
    """The interval of a mean, clipped to [0, 1] for accuracies."""
    if metric != "average_accuracy":
        return statistics.low, statistics.high
    return max(statistics.low, 0.0), min(statistics.high, 1.0)


def _level(axes: "Axes", runs: pd.DataFrame, metric: str) -> "list[Line2D]":
    """Draw the line of the baseline and its band; nothing without runs."""
    statistics = spread(runs[metric].tolist())
    if statistics.seeds > 1:
        axes.axhspan(*_ends(statistics, metric), color="#777777", alpha=0.12, linewidth=0, zorder=0)
    if not statistics.seeds:
        return []
    return [axes.axhline(statistics.mean, color="#777777", linestyle=(0, (4, 2)), linewidth=1.2, zorder=1)]


def _scale(axes: "Axes", ticks: Sequence[float]) -> None:
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

    if ticks[0] > 0 and ticks[-1] >= _LOGARITHMIC * ticks[0]:
        axes.set_xscale("log")
    if len(ticks) <= _LOGARITHMIC:
        axes.xaxis.set_major_locator(FixedLocator(ticks))
        axes.xaxis.set_major_formatter(FixedFormatter([f"{tick:g}" for tick in ticks]))
        axes.xaxis.set_minor_locator(NullLocator())


def _caption(parameter: str, names: Sequence[str], shown: int, strategies: int) -> str:
    metrics = " and ".join(f"{METRICS[metric].title} ({METRICS[metric].formula})" for metric in _METRICS)
    return _CAPTION.format(
        metrics=metrics[0].upper() + metrics[1:],
        parameter=parameter,
        what="rules of one name" if PARAMETERS[parameter] == "rule" else "base optimizers of one name, under one rule,",
        baseline=f" The dashed line is {names[0]}, with its 95 % interval as a band." if names else "",
        few=f" Shown are {shown} of {strategies} strategies; results.csv contains all." if shown < strategies else "",
    )
