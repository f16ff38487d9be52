"""Intransigence of runs whose joint run is in another folder."""

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from lifelong_lb.config.entries.strategies import STRATEGY_ENTRIES
from lifelong_lb.config.runs import without_later
from lifelong_lb.evaluation import intransigence
from lifelong_lb.store import RunRecord

_SAME = ("stream", "rule", "optimizer", "model", "train", "seed")
"""Parts of the configuration that a run shares with its joint run."""
_SAME_DATA = ("sha256", "class_order")
"""Recorded properties of the data that must agree as well."""


def with_joint_runs(runs: pd.DataFrame, records: Mapping[str, RunRecord]) -> pd.DataFrame:
    """Compute missing intransigence from joint runs of other folders.

    Args:
        runs: one row per run of all folders.
        records: their records, if known.

    Returns:
        The runs. Missing intransigence is filled in from the first joint run with the same stream, images, class order,
        rule, base optimizer, model, training settings and seed.
    """
    done = {run: record for run, record in records.items() if record.status == "done"}
    joint: dict[str, RunRecord] = {}
    for record in done.values():
        if _is_joint(record):
            joint.setdefault(_key(record), record)
    if not joint:
        return runs
    values = dict(zip(runs["run"], runs["intransigence"].astype(float), strict=True))
    for run in runs.loc[runs["intransigence"].isna(), "run"]:
        if run in done and not _is_joint(done[run]) and _key(done[run]) in joint:
            values[run] = intransigence(done[run].accuracy, joint[_key(done[run])].accuracy.values[-1])
    return runs.assign(intransigence=[values[run] for run in runs["run"]])


def _is_joint(record: RunRecord) -> bool:
    strategy = STRATEGY_ENTRIES.get(record.config["strategy"]["name"])
    return strategy is not None and strategy.trained_once


def _key(record: RunRecord) -> str:
    settings: dict[str, Any] = without_later(record.config)
    data = {key: record.data.get(key) for key in _SAME_DATA}
    return json.dumps([{key: settings.get(key) for key in _SAME}, data, record.experiences], sort_keys=True)
