"""Results of a folder: a frame of runs and a frame of accuracies, read from the stored runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from lifelong_lb.config import AXES, UserError
from lifelong_lb.evaluation import (
    ADDED_METRICS,
    CONTINUAL_METRICS,
    METRICS,
    REFERENCED,
    AccuracyMatrix,
    ContinualAccuracy,
    forward_transfer,
    intransigence,
)
from lifelong_lb.reports.comparability import comparable_records, listed
from lifelong_lb.reports.custom_metrics import collect_custom_metrics
from lifelong_lb.reports.text import plural
from lifelong_lb.reports.validate_tables import check_accuracy, check_runs
from lifelong_lb.store import CONTINUAL_COLUMNS, ResultFolder, RunRecord, StudyFile, is_run_id
from lifelong_lb.store.tuned import no_study_message
from lifelong_lb.untrusted import quoted

KEYS = ["run", "stream", "strategy", "rule", "base_optimizer", "seed"]
"""Columns that identify the run of a row."""

_LEADING = ["average_accuracy", "learning_accuracy", "forgetting", "backward_transfer"]
_COSTS = ["gradient_evaluations", "train_seconds", "status"]
_SIZES = ["samples_seen", "forward_passes", "parameters", "peak_memory"]
_FURTHER = [*(name for name in METRICS if name not in _LEADING), "strategy_gradient_evaluations", *REFERENCED, *_SIZES]
RESULT_COLUMNS = [*KEYS, *_LEADING, *_COSTS, *_FURTHER]
ACCURACY_COLUMNS = [*KEYS, "trained", "evaluated", "accuracy"]
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
        accuracy: one row per entry of a done run's accuracy matrix, columns :data:`ACCURACY_COLUMNS`.
        study: the folder's study; None if only tables were found, or if folders were merged.
        records: the stored records by run id.
        problems: sentences about runs that were left out or are not comparable.
        missing: number of planned runs that have not ended yet or were left out.
        left_out: ids of runs that were left out; the problems give the reasons.
        homes: folder of each run, by run id, if several folders were read.
        imported: ids of runs of another framework; their seeds are paired with none.
        during: accuracies measured during training, by run id, of done runs that have some.
        reasons: why custom metrics are undefined, by run id and metric.
    """

    runs: pd.DataFrame
    accuracy: pd.DataFrame
    study: StudyFile | None = None
    records: dict[str, RunRecord] = field(default_factory=dict)
    problems: Sequence[str] = ()
    missing: int = 0
    left_out: frozenset[str] = frozenset()
    homes: Mapping[str, ResultFolder] = field(default_factory=dict)
    imported: frozenset[str] = frozenset()
    during: Mapping[str, ContinualAccuracy] = field(default_factory=dict)
    reasons: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def without_imported(self) -> "Results":
        """Return the results without imported runs."""
        runs, accuracy = (frame[~frame["run"].isin(list(self.imported))] for frame in (self.runs, self.accuracy))
        return replace(self, runs=runs, accuracy=accuracy, imported=frozenset())

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
    custom = collect_custom_metrics(folder, study, records)
    problems += custom.problems
    labels, seeds = study.labels(), study.seeds()
    rows, entries, unmeasured, during = [], [], [], {}
    measured = study.study.evaluation.every is not None
    for run, record in records.items():
        key = {"run": run, **labels[run], "seed": seeds[run]}
        numbers = {**_numbers(record), **custom.values.get(run, {})}
        if measured and record.status == "done":
            try:
                C = _measured_during(folder, record)
                if C is not None:
                    numbers |= {name: metric.function(C) for name, metric in CONTINUAL_METRICS.items()}
                    during[run] = C
                elif record.config.get("evaluation", {}).get("every") and not _is_trained_once(record):
                    unmeasured.append(run)
            except (UserError, ValueError, OverflowError, MemoryError) as error:
                problems.append(f"run {run}: its accuracies during training are left out, they are damaged ({error})")
        rows.append({**key, **numbers})
        if record.status == "done":
            entries += [{**key, "trained": i, "evaluated": j, "accuracy": a} for i, j, a in record.accuracy]
    if unmeasured:
        n = len(unmeasured)
        problems.append(
            f"{n} {plural('run', n)} without accuracies during training (no continual.csv): {listed(unmeasured)}"
        )
    further = dict.fromkeys([*ADDED_METRICS, *custom.names(), *(CONTINUAL_METRICS if measured else ())])
    runs = pd.DataFrame(rows, columns=[*RESULT_COLUMNS, *further])
    _add_intransigence(runs, study, records)
    accuracy = pd.DataFrame(entries, columns=ACCURACY_COLUMNS)
    left_out = frozenset(run for run in labels if run not in records and folder.has_folder(run))
    missing = len(labels) + len(study.left_out) - len(records)
    return Results(runs, accuracy, study, records, problems, missing, left_out, during=during, reasons=custom.reasons)


def numbers_of(record: RunRecord) -> dict[str, float | int | str]:
    """Compute the row of a run in ``results.csv``.

    Args:
        record: the run's record.

    Returns:
        Column to value: metrics, costs and status; NaN where undefined.
    """
    numbers = _numbers(record)
    if record.status == "done":
        matrix = AccuracyMatrix.from_entries(record.accuracy, record.experiences)
        numbers |= {name: metric.function(matrix) for name, metric in ADDED_METRICS.items()}
    return numbers


def _numbers(record: RunRecord) -> dict[str, float | int | str]:
    """As numbers_of; custom metrics are NaN."""
    numbers: dict[str, float | int | str] = {name: float("nan") for name in (*METRICS, *ADDED_METRICS, *REFERENCED)}
    if record.status == "done":
        matrix = AccuracyMatrix.from_entries(record.accuracy, record.experiences)
        numbers |= {name: metric.function(matrix) for name, metric in METRICS.items()}
        if record.initial_accuracy:
            numbers["forward_transfer"] = forward_transfer(matrix, record.initial_accuracy)
    return {
        **numbers,
        "gradient_evaluations": record.gradient_evaluations,
        "strategy_gradient_evaluations": record.strategy_gradient_evaluations,
        "train_seconds": record.train_seconds,
        "samples_seen": _or_nan(record.samples_seen),
        "forward_passes": _or_nan(record.forward_passes),
        "parameters": _or_nan(record.parameters),
        "peak_memory": _or_nan(record.peak_memory),
        "status": record.status,
    }


def metrics_of(matrix: AccuracyMatrix) -> dict[str, float]:
    """Compute the metrics of an accuracy matrix.

    Args:
        matrix: the matrix.

    Returns:
        Metrics of ``results.csv`` that need no reference, by name; NaN where undefined.
    """
    return {name: metric.function(matrix) for name, metric in {**METRICS, **ADDED_METRICS}.items()}


def _or_nan(number: int | None) -> float:
    return float("nan") if number is None else number


def _measured_during(folder: ResultFolder, record: RunRecord) -> ContinualAccuracy | None:
    """Accuracies measured during training; None if there are none, as for a strategy trained once."""
    frame = folder.read_continual(record.run)
    if frame is None:
        return None
    C = continual_accuracy(frame)
    if C.experiences != record.experiences:
        raise ValueError(f"{C.experiences} of {record.experiences} experiences")
    if C.matrix.entries() != sorted((i, j, accuracy) for i, j, accuracy in record.accuracy if j <= i):
        raise ValueError("they contradict its accuracy matrix")
    return C


def _is_trained_once(record: RunRecord) -> bool:
    """Whether a done run has only the last row of its accuracy matrix."""
    return all(trained == record.experiences - 1 for trained, _, _ in record.accuracy)


def _add_intransigence(runs: pd.DataFrame, study: StudyFile, records: dict[str, RunRecord]) -> None:
    """Compute the intransigence of done runs that have a joint run of the same stream, rule, optimizer and seed."""
    once = [index for index, entry in enumerate(study.study.strategies) if entry.trained_once]
    joint: dict[tuple[Any, ...], list[float]] = {}
    others = {}
    for place in study.places:
        record = records.get(place.run)
        if record is not None and record.status == "done":
            key = (*(place.entries[axis] for axis in AXES if axis != "strategies"), place.seed)
            if place.entries["strategies"] in once:
                last = {j: accuracy for i, j, accuracy in record.accuracy if i == record.experiences - 1}
                joint.setdefault(key, [last[j] for j in range(record.experiences)])
            else:
                others[place.run] = key
    values = {
        run: intransigence(AccuracyMatrix.from_entries(records[run].accuracy, records[run].experiences), joint[key])
        for run, key in others.items()
        if key in joint
    }
    runs["intransigence"] = runs["run"].map(values).astype(float)


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
    costs = [*_COSTS[:-1], "strategy_gradient_evaluations", *_SIZES]
    check_runs(
        path, runs, [name for name in (*METRICS, *REFERENCED, *CONTINUAL_METRICS) if name in runs], costs, imported
    )
    check_accuracy(folder.path / "accuracy.csv", accuracy, runs)
    invalid = [run for run in runs["run"] if run not in imported and not is_run_id(run)]
    if invalid:
        raise UserError(f"{path}: a run id has 12 hexadecimal digits; got {quoted(invalid[0])}")
    for name, metric in ADDED_METRICS.items():
        matrices = {run: matrix_of(rows) for run, rows in accuracy.groupby("run", sort=False)}
        runs[name] = runs["run"].map({run: metric.function(matrix) for run, matrix in matrices.items()}).astype(float)
    missing = len(set(study.labels()) - set(runs["run"])) if study else 0
    problems = ["the numbers are read from results.csv and accuracy.csv, not recomputed from runs"]
    if study is None and folder.has_runs():
        problems[0] += ": runs/ cannot be read without study.json"
    return Results(runs, accuracy, study, problems=problems, missing=missing, imported=imported)


def continual_accuracy(run: pd.DataFrame) -> ContinualAccuracy:
    """Build the accuracies measured during the training of one run.

    Args:
        run: rows of the run, with columns iteration, experience, evaluated and accuracy.

    Returns:
        The accuracies as one value.

    Raises:
        ValueError: if the training of an experience is incomplete.
    """
    rows = run[CONTINUAL_COLUMNS].to_numpy(dtype=np.float64)
    return ContinualAccuracy.from_rows(rows, 1 + int(np.max(rows[:, 1:3], initial=-1)))


def matrix_of(accuracy: pd.DataFrame) -> AccuracyMatrix:
    """Build the accuracy matrix of one run.

    Args:
        accuracy: the rows of one run, with columns trained, evaluated and accuracy.

    Returns:
        The matrix.
    """
    T = int(np.max(accuracy[["trained", "evaluated"]].to_numpy())) + 1
    entries = accuracy[["trained", "evaluated", "accuracy"]].itertuples(index=False)
    return AccuracyMatrix.from_entries(((int(i), int(j), float(a)) for i, j, a in entries), T)
