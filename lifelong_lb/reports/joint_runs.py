"""Joint runs as references for runs of other folders."""

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from lifelong_lb.config.entries.strategies import STRATEGY_ENTRIES
from lifelong_lb.config.runs import without_later
from lifelong_lb.evaluation import AccuracyMatrix, intransigence
from lifelong_lb.store import RunRecord

_SAME = ("stream", "rule", "optimizer", "model", "train", "seed")
"""Parts of the configuration that a run has in common with its joint run."""
_SEEN = ("sha256", "class_order")
"""What is recorded of its images that has to be the same, too."""


def with_joint_runs(runs: pd.DataFrame, records: Mapping[str, RunRecord]) -> pd.DataFrame:
    """Compare done runs that have no joint run in their own folder with that of another.

    Args:
        runs: one row a run of all folders.
        records: their records, where they are known.

    Returns:
        The runs, their intransigence filled in where it was not known and a joint run was found: the first on the same
        stream, images and class order, with the same rule, base optimizer, model, training settings and seed.
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
            values[run] = _against(done[run], joint[_key(done[run])])
    return runs.assign(intransigence=[values[run] for run in runs["run"]])


def _against(record: RunRecord, joint: RunRecord) -> float:
    T = record.experiences
    last = {j: accuracy for i, j, accuracy in joint.accuracy if i == T - 1}
    return intransigence(AccuracyMatrix.from_entries(record.accuracy, T), [last[j] for j in range(T)])


def _is_joint(record: RunRecord) -> bool:
    strategy = STRATEGY_ENTRIES.get(record.config["strategy"]["name"])
    return strategy is not None and strategy.trained_once


def _key(record: RunRecord) -> str:
    settings: dict[str, Any] = without_later(record.config)
    told = {key: record.data.get(key) for key in _SEEN}
    return json.dumps([{key: settings.get(key) for key in _SAME}, told, record.experiences], sort_keys=True)
