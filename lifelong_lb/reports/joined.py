"""Several result folders as one, where their runs can stand side by side."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from lifelong_lb.config.runs import without_later
from lifelong_lb.reports.results import Results, collect
from lifelong_lb.store import ResultFolder, RunRecord

PARTS = {
    "stream": ("stream", "model", "train", "evaluation"),
    "strategy": ("strategy",),
    "rule": ("rule",),
    "base_optimizer": ("optimizer",),
}
"""Column of the result files to the parts of a run's configuration that its label stands for."""


def collect_all(folders: Sequence[ResultFolder]) -> Results:
    """Read several result folders into one.

    Args:
        folders: the folders. A run that several of them hold counts once. Where a label means other settings than it
            does in an earlier folder, the folder's name is added to it, so that nothing is averaged that differs.

    Returns:
        The frames, in the order of the folders, without a study of their own.

    Raises:
        UserError: when a folder holds no results.
    """
    runs, accuracy, problems = [], [], []
    records: dict[str, RunRecord] = {}
    meanings: dict[tuple[str, str], str] = {}
    missing = 0
    for folder in folders:
        found = collect(folder)
        fresh = ~found.runs["run"].isin(records)
        if (~fresh).any():
            problems.append(f"{folder.path}: {int((~fresh).sum())} of its runs are in an earlier folder and count once")
        names = _names(found, folder, meanings)
        runs.append(_renamed(found.runs[fresh], names))
        accuracy.append(_renamed(found.accuracy[~found.accuracy["run"].isin(records)], names))
        problems += [f"{folder.path}: {problem}" for problem in found.problems]
        problems += [
            f"{folder.path}: {label!r} means other settings here than in an earlier folder, so it is called {name!r}"
            for (_, label), name in names.items()
            if name != label
        ]
        records |= {run: record for run, record in found.records.items() if run not in records}
        missing += found.missing
    return Results(
        pd.concat(runs, ignore_index=True), pd.concat(accuracy, ignore_index=True), None, records, problems, missing
    )


def _names(found: Results, folder: ResultFolder, meanings: dict[tuple[str, str], str]) -> dict[tuple[str, str], str]:
    """What each label of a folder is to be called, ``(column, label)`` to text; ``meanings`` grows by the new ones."""
    names = {}
    for column in PARTS:
        for run, label in zip(found.runs["run"], found.runs[column].astype(str), strict=True):
            if (column, label) in names or run not in found.records:
                continue
            meaning = _meaning(found.records[run].config, column)
            called = label if meanings.setdefault((column, label), meaning) == meaning else f"{label} [{folder.path}]"
            meanings.setdefault((column, called), meaning)
            names[column, label] = called
    return names


def _meaning(config: Mapping[str, Any], column: str) -> str:
    settings = without_later(config)
    return json.dumps({part: settings.get(part, {}) for part in PARTS[column]}, sort_keys=True)


def _renamed(frame: pd.DataFrame, names: Mapping[tuple[str, str], str]) -> pd.DataFrame:
    columns = {column: [names.get((column, str(label)), str(label)) for label in frame[column]] for column in PARTS}
    return frame.assign(**columns)
