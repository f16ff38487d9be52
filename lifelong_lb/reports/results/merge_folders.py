"""Load result folders, and merge the runs of several."""

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from operator import gt, lt
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from lifelong_lb.config import UserError
from lifelong_lb.config.entries.strategies import STRATEGY_ENTRIES
from lifelong_lb.config.plugins.importing import import_named
from lifelong_lb.config.runs import without_later
from lifelong_lb.evaluation import AccuracyMatrix, intransigence
from lifelong_lb.reports.results.collect import Results, collect
from lifelong_lb.reports.results.comparability import describe_other_streams, find_other_streams, mixed_versions
from lifelong_lb.store import ResultFolder, RunRecord
from lifelong_lb.untrusted import printable, quoted

PARTS = {
    "stream": ("stream", "model", "train", "evaluation"),
    "strategy": ("strategy",),
    "rule": ("rule",),
    "base_optimizer": ("optimizer",),
}
"""Column of the result files to the parts of a run's configuration that its labels denote."""
_SAME = ("stream", "rule", "optimizer", "model", "train", "seed")
"""Parts of the configuration that a run shares with its joint run."""
_SAME_DATA = ("sha256", "class_order")
"""Recorded properties of the data that must agree as well."""


def collect_all(folders: Sequence[ResultFolder]) -> Results:
    """Read several result folders and merge their results.

    A run in several folders counts once, from the first folder in which it is done. If a label stands for other
    settings than in an earlier folder, or its settings are unknown, the folder's path is appended to it, so that
    different settings are never averaged. Settings that have another label in an earlier folder get that label. Runs
    whose stream differs from that of other runs with the same label and seed are left out, and so are damaged folders
    and folders of an unsupported version. Joint runs serve as references for runs of all folders.

    Args:
        folders: the folders.

    Returns:
        The merged results, in the order of the folders, without a study.

    Raises:
        UserError: if a folder contains no results, no folder can be read, or different runs have the same labels.
    """
    folders, collected, problems = _readable(folders)
    homes, planned = _homes(collected), set[str]()
    runs: list[pd.DataFrame] = []
    matrices: dict[str, AccuracyMatrix] = {}
    records: dict[str, RunRecord] = {}
    meanings: dict[tuple[str, str], str] = {}
    for place, (folder, results) in enumerate(zip(folders, collected, strict=True)):
        counted = [run for run in results.runs["run"] if homes[run] == place]
        planned |= {*results.runs["run"], *(results.study.labels() if results.study else ())}
        names = _labels(results, folder, meanings)
        runs.append(_renamed(results.runs[results.runs["run"].isin(counted)], names))
        matrices |= {run: results.matrices[run] for run in counted if run in results.matrices}
        records |= {run: results.records[run] for run in counted if run in results.records}
        problems += [f"{folder.path}: {problem}" for problem in _folder_problems(results, folder, place, homes, names)]
    left_out = frozenset(run for results in collected for run in results.left_out)
    homes_of_runs = {run: folders[place] for run, place in homes.items()}
    imported = frozenset(run for results in collected for run in results.imported)
    during = {run: C for i, results in enumerate(collected) for run, C in results.during.items() if homes[run] == i}
    reasons = {run: r for i, results in enumerate(collected) for run, r in results.reasons.items() if homes[run] == i}
    joint = Results(
        pd.concat(runs, ignore_index=True),
        matrices,
        records=records,
        problems=problems,
        left_out=left_out,
        homes=homes_of_runs,
        imported=imported,
        during=during,
        reasons=reasons,
    )
    _check_distinct(joint.runs)
    return _comparable(joint, len(planned))


def _readable(folders: Sequence[ResultFolder]) -> tuple[list[ResultFolder], list[Results], list[str]]:
    """Readable folders, their results, and sentences about the others."""
    readable, collected, problems = [], [], []
    for folder in folders:
        try:
            collected.append(collect(folder))
            readable.append(folder)
        except UserError as error:
            if not folder.study_path.exists() and not (folder.path / "results.csv").exists():
                raise  # not a result folder
            problems.append(f"{folder.path}: left out, its results cannot be used ({error})")
            last = error
    if not readable:
        raise last
    return readable, collected, problems


def _homes(collected: Sequence[Results]) -> dict[str, int]:
    """Index of the folder whose copy of a run counts: the first where it is done, else the first where it ended."""
    homes: dict[str, int] = {}
    done = set()
    for place, results in enumerate(collected):
        for run, status in zip(results.runs["run"], results.runs["status"], strict=True):
            if run not in homes or (status == "done" and run not in done):
                homes[run] = place
            if status == "done":
                done.add(run)
    return homes


def _folder_problems(
    results: Results, folder: ResultFolder, place: int, homes: Mapping[str, int], names: Mapping[tuple[str, str], str]
) -> list[str]:
    """Problems of one folder."""
    sentences = list(results.problems)
    earlier, later = (sum(compare(homes[run], place) for run in results.runs["run"]) for compare in (lt, gt))
    if earlier:
        sentences.append(f"{earlier} of its runs are also in an earlier folder and counted once")
    if later:
        sentences.append(f"{later} of its runs are done in a later folder and counted there")
    if not results.records and len(results.runs):
        sentences.append("contains only tables; whether its runs used the same images as the others is unknown")
    for (_, label), name in names.items():
        if name == _with_folder(label, folder):
            sentences.append(f"{quoted(label)} has other settings than in an earlier folder; relabelled {quoted(name)}")
        elif name != label:
            sentences.append(
                f"{quoted(label)} has the settings of {quoted(name)} in an earlier folder; relabelled {quoted(name)}"
            )
    return sentences


def _comparable(joint: Results, planned: int) -> Results:
    """The results without runs whose stream differs from that of other runs with the same label and seed."""
    streams = dict(zip(joint.runs["run"], joint.runs["stream"], strict=True))
    seeds = dict(zip(joint.runs["run"], joint.runs["seed"], strict=True))
    others = find_other_streams(joint.records, streams, seeds)
    records = {run: record for run, record in joint.records.items() if run not in others}
    mixed = mixed_versions(list(records.values()))
    new = [sentence for sentence in mixed if not any(sentence in problem for problem in joint.problems)]
    runs = _with_joint_runs(joint.runs[~joint.runs["run"].isin(list(others))].reset_index(drop=True), records)
    problems = [*joint.problems, *describe_other_streams(others, streams), *new]
    left_out = joint.left_out.union(others).difference(runs["run"])
    return replace(
        joint,
        runs=runs,
        matrices={run: R for run, R in joint.matrices.items() if run not in others},
        records=records,
        problems=problems,
        missing=planned - len(runs),
        left_out=left_out,
    )


def _check_distinct(runs: pd.DataFrame) -> None:
    twice = runs[runs.duplicated([*PARTS, "seed"])]
    if len(twice):
        labels = ", ".join(str(twice.iloc[0][column]) for column in [*PARTS, "seed"])
        raise UserError(
            f"different runs have the same labels and seed ({labels}): change a label in one of the folders"
        )


def _labels(results: Results, folder: ResultFolder, meanings: dict[tuple[str, str], str]) -> dict[tuple[str, str], str]:
    """New label by ``(column, label)`` of a folder; adds the settings of new labels to ``meanings``."""
    configs: dict[str, Mapping[str, Any]] = {run: record.config for run, record in results.records.items()}
    if results.study is not None and not configs:
        configs = {run: config.to_json() for run, config in results.study.configurations().items()}
    names = {}
    for column in PARTS:
        meaning_of: dict[str, str | None] = {}
        for run, label in zip(results.runs["run"], results.runs[column].astype(str), strict=True):
            meaning_of.setdefault(label, _meaning(configs[run], column) if run in configs else None)
        if results.study is not None and results.study.study.chosen and column != "stream":
            # settings were chosen per combination, so a label has several meanings
            chosen = [one.model_dump_json(exclude={"search"}) for one in results.study.study.chosen]
            meaning_of = {label: None if known is None else f"{known}, {chosen}" for label, known in meaning_of.items()}
        earlier_labels = {meaning: label for (of, label), meaning in reversed(meanings.items()) if of == column}
        for label, known in meaning_of.items():
            meaning = known or f"unknown in {folder.path}"
            new_label = label if meanings.get((column, label), meaning) == meaning else _with_folder(label, folder)
            if known in earlier_labels and list(meaning_of.values()).count(known) == 1:
                new_label = earlier_labels[known]
            names[column, label] = new_label
        for label, new_label in ((label, names[column, label]) for label in meaning_of):
            meanings.setdefault((column, new_label), meaning_of[label] or f"unknown in {folder.path}")
    return names


def _with_folder(label: str, folder: ResultFolder) -> str:
    return f"{label} [{folder.path}]"


def _meaning(config: Mapping[str, Any], column: str) -> str:
    settings = without_later(config)
    return json.dumps({part: settings.get(part, {}) for part in PARTS[column]}, sort_keys=True)


def _renamed(frame: pd.DataFrame, names: Mapping[tuple[str, str], str]) -> pd.DataFrame:
    columns = {column: [names.get((column, str(label)), str(label)) for label in frame[column]] for column in PARTS}
    return frame.assign(**columns)


def _with_joint_runs(runs: pd.DataFrame, records: Mapping[str, RunRecord]) -> pd.DataFrame:
    """Compute missing intransigence from joint runs of other folders."""
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


def load_results(
    out: str | PathLike[str] | Sequence[str | PathLike[str]],
    *more: str | PathLike[str],
    imports: str | Sequence[str] = (),
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Load the runs and accuracies of one or several result folders.

    Modules named in a folder's study are not imported.

    Args:
        out: a folder, or several.
        more: further folders. Runs are merged as in a report of several folders, see
            :func:`~lifelong_lb.reports.collect_all`: each run counts once, incomparable runs are left out, and each
            label stands for one setting. Warnings report what was left out or relabelled.
        imports: modules, or files, that register custom metrics. These metrics are then computed from the accuracies
            instead of read from the runs. The modules are executed: name only trusted ones.

    Returns:
        The frames of ``results.csv`` and ``accuracy.csv``, recomputed from the runs if the folders contain them. A
        warning names runs that cannot be read, which are left out.

    Raises:
        UserError: if no folder is given, a folder contains no results, or a module cannot be imported.
    """
    import_named(imports)
    first = [out] if isinstance(out, (str, PathLike)) else list(out)
    folders = [ResultFolder(Path(path)) for path in (*first, *more)]
    if len(folders) == 1:
        results = collect(folders[0])
        problems = results.problems if results.left_out else ()
    elif not folders:
        raise UserError("no result folder given")
    else:
        results = collect_all(folders)
        problems = results.problems
    for problem in problems:
        warnings.warn(printable(problem), stacklevel=2)
    return results.runs, results.accuracy
