"""Results of a folder: a frame of runs and their accuracy matrices, read from the stored runs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from lifelong_lb.config import AXES, UserError
from lifelong_lb.config.errors import listed_names
from lifelong_lb.config.plugins.importing import is_imported
from lifelong_lb.evaluation import (
    ADDED_METRICS,
    CONTINUAL_METRICS,
    METRICS,
    REFERENCED,
    STORED_METRICS,
    AccuracyMatrix,
    ContinualAccuracy,
    Outcome,
)
from lifelong_lb.evaluation.accuracy_matrix import Array
from lifelong_lb.evaluation.extending import is_free_name
from lifelong_lb.reports.names import listed, plural
from lifelong_lb.reports.results.comparability import comparable_records
from lifelong_lb.reports.results.stored_tables import (
    ACCURACY_COLUMNS,
    KEYS,
    accuracy_table,
    check_runs,
    checked_matrices,
)
from lifelong_lb.store import (
    CONTINUAL_COLUMNS,
    COSTS,
    ResultFolder,
    RunRecord,
    StudyFile,
    custom_metrics_of,
    is_run_id,
    read_custom_metrics,
)
from lifelong_lb.store.recorded import read_measurements
from lifelong_lb.store.tuned import no_study_message
from lifelong_lb.untrusted import quoted

_LEADING = ["average_accuracy", "learning_accuracy", "forgetting", "backward_transfer"]
_COSTS = ["gradient_evaluations", "train_seconds", "status"]
_SIZES = ["samples_seen", "forward_passes", "parameters", "peak_memory"]
_FURTHER = [*(name for name in METRICS if name not in _LEADING), "strategy_gradient_evaluations", *REFERENCED, *_SIZES]
RESULT_COLUMNS = [*KEYS, *_LEADING, *_COSTS, *_FURTHER]
"""Columns of ``results.csv``; custom metrics and those measured during training follow."""
IMPORTED = "imported"
"""Column of ``results.csv`` that marks runs of another framework; present only if there are any."""


@dataclass(frozen=True)
class Results:
    """Results of the runs of one or several folders.

    Attributes:
        runs: one row per run that has ended, columns :data:`RESULT_COLUMNS`, those of
            :data:`~lifelong_lb.evaluation.ADDED_METRICS`, and those of
            :data:`~lifelong_lb.evaluation.CONTINUAL_METRICS` if accuracies were measured during training; metrics
            are NaN unless the run is done.
        matrices: accuracy matrix of each done run, by run id.
        study: the folder's study; None if only tables were found, or if folders were merged.
        records: the stored records by run id.
        problems: sentences about runs that were left out or are not comparable.
        missing: number of planned runs that have not ended yet or were left out.
        left_out: ids of runs that were left out; the problems give the reasons.
        homes: folder of each run, by run id, if several folders were read.
        imported: ids of runs of another framework; their seeds are paired with none.
        during: accuracies measured during training, by run id, of done runs that have some.
        reasons: why metrics of done runs are undefined, by run id and metric; not for those of
            :data:`~lifelong_lb.evaluation.CONTINUAL_METRICS`.
    """

    runs: pd.DataFrame
    matrices: Mapping[str, AccuracyMatrix]
    study: StudyFile | None = None
    records: dict[str, RunRecord] = field(default_factory=dict)
    problems: Sequence[str] = ()
    missing: int = 0
    left_out: frozenset[str] = frozenset()
    homes: Mapping[str, ResultFolder] = field(default_factory=dict)
    imported: frozenset[str] = frozenset()
    during: Mapping[str, ContinualAccuracy] = field(default_factory=dict)
    reasons: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @cached_property
    def accuracy(self) -> pd.DataFrame:
        """Table of ``accuracy.csv``: one row per entry of a done run's accuracy matrix."""
        return accuracy_table(self.runs, self.matrices)

    def without_imported(self) -> "Results":
        """Return the results without imported runs."""
        return replace(self, runs=self.runs[~self.runs["run"].isin(list(self.imported))], imported=frozenset())

    def table(self) -> pd.DataFrame:
        """Return the table of ``results.csv``: the runs, and a column :data:`IMPORTED` if some are."""
        marks = self.runs["run"].isin(list(self.imported))
        return self.runs.assign(**{IMPORTED: marks}) if self.imported else self.runs


def collect(folder: ResultFolder) -> Results:
    """Read every run of a folder and recompute its metrics from the accuracy matrix.

    Args:
        folder: a result folder. If it contains tables but no runs, the tables are read.

    Returns:
        The results, in the order of the study.

    Raises:
        UserError: if the folder contains no results.
    """
    study = folder.read_study()
    if study is None or (not folder.has_runs() and (folder.path / "results.csv").is_file()):
        return _from_tables(folder, study)
    records, problems = comparable_records(folder, study)
    done = {run: record for run, record in records.items() if record.status == "done"}
    joint = _joint_accuracies(study, done)
    outcomes = {run: record.outcomes(joint.get(run)) for run, record in done.items()}
    custom, unusable = _custom_metrics(folder, study, outcomes)
    outcomes = {run: {**own, **custom[run]} for run, own in outcomes.items()}
    during, continual, notes = _measurements(folder, study, done)
    labels, seeds = study.labels(), study.seeds()
    undefined = dict.fromkeys((*METRICS, *REFERENCED, *ADDED_METRICS), math.nan)
    rows = []
    for run, record in records.items():
        key = {"run": run, **labels[run], "seed": seeds[run]}
        values = {name: outcome.value for name, outcome in outcomes.get(run, {}).items()}
        numbers = {**undefined, **values, **continual.get(run, {}), **record.costs()}
        rows.append({**key, **numbers, "status": record.status})
    measured = study.study.evaluation.every is not None
    added = dict.fromkeys([*ADDED_METRICS, *(name for own in custom.values() for name in own)])
    further = added | dict.fromkeys(CONTINUAL_METRICS if measured else ())
    return Results(
        pd.DataFrame(rows, columns=[*RESULT_COLUMNS, *further]),
        {run: record.accuracy for run, record in done.items()},
        study,
        records,
        [*problems, *unusable, *notes],
        missing=len(labels) + len(study.left_out) - len(records),
        left_out=frozenset(run for run in labels if run not in records and folder.has_folder(run)),
        during=during,
        reasons=reasons_of(outcomes),
    )


def reasons_of(outcomes: Mapping[str, Mapping[str, Outcome]]) -> dict[str, dict[str, str]]:
    """Select the reasons why metrics are undefined.

    Args:
        outcomes: outcomes of metrics, by run id and metric.

    Returns:
        Reasons by run id and metric.
    """
    return {run: {name: each.reason for name, each in own.items() if each.reason} for run, own in outcomes.items()}


def _custom_metrics(
    folder: ResultFolder, study: StudyFile, evaluated: Mapping[str, Mapping[str, Outcome]]
) -> tuple[dict[str, dict[str, Outcome]], list[str]]:
    """Custom metrics by run id, those of this process and the other stored ones, and sentences about those left out."""
    found: dict[str, dict[str, Outcome]] = {}
    problems, unstored = [], []
    faults: dict[str, list[str]] = {}
    for run, outcomes in evaluated.items():
        try:
            stored = read_custom_metrics(folder.run_path(run))
        except UserError as error:
            problems.append(f"run {run}: its custom metrics are left out, they are damaged ({error})")
            stored = {}
        unstored += [run] if stored is None else []
        others = {name: metric for name, metric in (stored or {}).items() if is_free_name(name)}
        metrics = {**others, **custom_metrics_of(outcomes)}
        found[run] = {name: metric.outcome for name, metric in metrics.items()}
        for name, metric in metrics.items():
            if metric.failed:
                faults.setdefault(metric.reason, []).append(run)
            if name not in ADDED_METRICS:
                STORED_METRICS[name] = metric.described
    for reason, runs in faults.items():
        problems.append(f"{reason} ({len(runs)} {plural('run', len(runs))}: {listed(runs)})")
    unknown = [origin for origin in study.study.imports if not is_imported(origin)]
    if unstored and unknown:
        problems.append(
            f"custom metrics are not stored with {len(unstored)} {plural('run', len(unstored))}; if "
            f"{listed_names(unknown)} defines some, lifelong-lb report --imports FILE executes it and computes them"
        )
    return found, problems


def _measurements(
    folder: ResultFolder, study: StudyFile, done: Mapping[str, RunRecord]
) -> tuple[dict[str, ContinualAccuracy], dict[str, dict[str, float]], list[str]]:
    """Accuracies measured during training and their metrics, by run id, and sentences about runs without them."""
    during, metrics, problems, unmeasured = {}, {}, [], []
    for run, record in done.items() if study.study.evaluation.every is not None else ():
        try:
            C = _measured_during(folder, record)
            if C is not None:
                metrics[run] = {name: metric.function(C) for name, metric in CONTINUAL_METRICS.items()}
                during[run] = C
            elif record.config.get("evaluation", {}).get("every") and not _is_trained_once(record):
                unmeasured.append(run)
        except (UserError, ValueError, OverflowError, MemoryError) as error:
            problems.append(f"run {run}: its accuracies during training are left out, they are damaged ({error})")
    if unmeasured:
        n = len(unmeasured)
        problems.append(
            f"{n} {plural('run', n)} without accuracies during training (no continual.csv): {listed(unmeasured)}"
        )
    return during, metrics, problems


def _measured_during(folder: ResultFolder, record: RunRecord) -> ContinualAccuracy | None:
    """Accuracies measured during training; None if there are none, as for a strategy trained once."""
    rows = read_measurements(folder.run_path(record.run))
    if rows is None:
        return None
    C = _continual_accuracy(rows)
    if C.experiences != record.experiences:
        raise ValueError(f"{C.experiences} of {record.experiences} experiences")
    if not np.array_equal(C.matrix.values, record.accuracy.seen().values, equal_nan=True):
        raise ValueError("they contradict its accuracy matrix")
    return C


def _is_trained_once(record: RunRecord) -> bool:
    """Whether a done run has only the last row of its accuracy matrix."""
    return record.accuracy.measured_after == [record.experiences - 1]


def _joint_accuracies(study: StudyFile, done: Mapping[str, RunRecord]) -> dict[str, Array]:
    """Final accuracies, ``(T,)``, of the joint run of the same stream, rule, optimizer and seed, by run id."""
    once = [index for index, entry in enumerate(study.study.strategies) if entry.trained_once]
    joint: dict[tuple[Any, ...], Array] = {}
    others = {}
    for place in study.places:
        if place.run in done:
            key = (*(place.entries[axis] for axis in AXES if axis != "strategies"), place.seed)
            if place.entries["strategies"] in once:
                joint.setdefault(key, done[place.run].accuracy.values[-1])
            else:
                others[place.run] = key
    return {run: joint[key] for run, key in others.items() if key in joint}


def _from_tables(folder: ResultFolder, study: StudyFile | None) -> Results:
    if not (folder.path / "results.csv").is_file():
        raise UserError(
            no_study_message(folder.path, "no results here (neither study.json with runs/ nor results.csv)")
        )
    runs, accuracy = folder.read_table("results"), folder.read_table("accuracy")
    path = folder.path / "results.csv"
    if IMPORTED in runs and runs[IMPORTED].dtype != bool:
        raise UserError(f"{path}: {IMPORTED} must be True or False in every line")
    imported = frozenset(runs.loc[runs.pop(IMPORTED), "run"]) if IMPORTED in runs else frozenset()
    for name, frame, columns in (("results", runs, RESULT_COLUMNS), ("accuracy", accuracy, ACCURACY_COLUMNS)):
        lacking = [column for column in columns if column not in frame and column not in _FURTHER]
        if lacking:
            raise UserError(f"{folder.path / name}.csv: lacks the column {lacking[0]!r}")
        for column in columns:  # missing in files of earlier versions
            if column not in frame:
                frame[column] = float("nan")
    metrics = [name for name in (*METRICS, *REFERENCED, *CONTINUAL_METRICS) if name in runs]
    check_runs(path, runs, metrics, COSTS, imported)
    matrices, outcomes = checked_matrices(folder.path / "accuracy.csv", accuracy, runs)
    invalid = [run for run in runs["run"] if run not in imported and not is_run_id(run)]
    if invalid:
        raise UserError(f"{path}: a run id has 12 hexadecimal digits; got {quoted(invalid[0])}")
    for name in ADDED_METRICS:
        runs[name] = runs["run"].map({run: own[name].value for run, own in outcomes.items()}).astype(float)
    missing = len(set(study.labels()) - set(runs["run"])) if study else 0
    problems = ["the numbers are read from results.csv and accuracy.csv, not recomputed from runs"]
    if study is None and folder.has_runs():
        problems[0] += ": runs/ cannot be read without study.json"
    reasons = reasons_of(outcomes)
    return Results(runs, matrices, study, problems=problems, missing=missing, imported=imported, reasons=reasons)


def continual_accuracy(run: pd.DataFrame) -> ContinualAccuracy:
    """Build the accuracies measured during the training of one run.

    Args:
        run: rows of the run, with columns iteration, experience, evaluated and accuracy.

    Returns:
        The accuracies as one value.

    Raises:
        ValueError: if the training of an experience is incomplete.
    """
    return _continual_accuracy(run[CONTINUAL_COLUMNS].to_numpy(dtype=np.float64))


def _continual_accuracy(rows: Array) -> ContinualAccuracy:
    return ContinualAccuracy.from_rows(rows, 1 + int(np.max(rows[:, 1:3], initial=-1)))
