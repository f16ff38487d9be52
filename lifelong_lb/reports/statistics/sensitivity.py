"""Runs that differ in one hyper-parameter: rules or base optimizers of a study that differ only in it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lifelong_lb.reports.results.collect import Results
from lifelong_lb.reports.statistics.entries import settings_text

PARAMETERS = {"rho": "rule", "k": "rule", "alpha": "rule", "lr": "optimizer"}
"""Hyper-parameter to the part of a run's configuration that contains it."""
MIN_VALUES = 3
"""Minimum number of values for a chart."""


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
        baseline: runs of the rule ``none``; empty if the families differ in the base optimizer.
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
    configs = {run: results.records[run].config for run in runs["run"] if run in results.records}
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
                baseline = of_optimizer[[configs[run]["rule"]["name"] == "none" for run in of_optimizer["run"]]]
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
