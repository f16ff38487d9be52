"""From the stored runs to the two tidy frames that everything else is made from."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from lifelong_lb.config import UserError
from lifelong_lb.config.runs import ADDED_LATER
from lifelong_lb.evaluation import METRICS, AccuracyMatrix
from lifelong_lb.store import DamagedRunError, ResultFolder, RunRecord, StudyFile

KEYS = ["run", "stream", "strategy", "rule", "base_optimizer", "seed"]
"""Columns that say which run a row belongs to."""

_LEADING = ["average_accuracy", "learning_accuracy", "forgetting", "backward_transfer"]
_COSTS = ["gradient_evaluations", "train_seconds", "status"]
_FURTHER = [*(name for name in METRICS if name not in _LEADING), "strategy_gradient_evaluations"]
RESULT_COLUMNS = [*KEYS, *_LEADING, *_COSTS, *_FURTHER]
ACCURACY_COLUMNS = [*KEYS, "trained", "evaluated", "accuracy"]


@dataclass(frozen=True)
class Results:
    """All that a folder's runs have to say.

    Attributes:
        runs: one row a run that has ended, columns :data:`RESULT_COLUMNS`; metrics are NaN unless it is done.
        accuracy: one row an entry of a done run's accuracy matrix, columns :data:`ACCURACY_COLUMNS`.
        study: the folder's study, None when only tables were found.
        records: the stored records by run id.
        problems: sentences about runs that were left out, and about runs that do not belong together.
        missing: number of runs that were asked for and have not ended yet.
    """

    runs: pd.DataFrame
    accuracy: pd.DataFrame
    study: StudyFile | None = None
    records: dict[str, RunRecord] = field(default_factory=dict)
    problems: Sequence[str] = ()
    missing: int = 0


def collect(folder: ResultFolder) -> Results:
    """Read every run of a folder and compute its metrics anew from the accuracy matrix.

    Args:
        folder: a result folder. Where it holds no runs but the tables made from them, those are read.

    Returns:
        The frames, in the order of the study.

    Raises:
        UserError: when the folder holds no results.
    """
    study = folder.read_study()
    if study is None or (not _has_runs(folder) and (folder.path / "results.csv").is_file()):
        return _from_tables(folder, study)
    labels, seeds = study.labels(), study.seeds()
    records: dict[str, RunRecord] = {}
    problems: list[str] = []
    rows, entries = [], []
    missing = 0
    for run in labels:
        if not folder.has_run(run):
            missing += 1
            if folder.run_path(run).exists():
                problems.append(f"run {run}: left out, its folder is damaged (no result.json)")
            continue
        try:
            record = folder.read_run(run)
            numbers = _numbers(record)
        except (DamagedRunError, ValueError) as error:  # ValueError: what was read is no accuracy matrix
            problems.append(f"run {run}: left out, its folder is damaged ({error})")
            missing += 1
            continue
        records[run] = record
        key = {"run": run, **labels[run], "seed": seeds[run]}
        rows.append({**key, **numbers})
        if record.status == "done":
            entries += [{**key, "trained": i, "evaluated": j, "accuracy": a} for i, j, a in record.accuracy]
    problems += _mixtures(records)
    return Results(
        pd.DataFrame(rows, columns=RESULT_COLUMNS),
        pd.DataFrame(entries, columns=ACCURACY_COLUMNS),
        study,
        records,
        problems,
        missing,
    )


def _has_runs(folder: ResultFolder) -> bool:
    return folder.runs_path.is_dir() and any(not p.name.startswith(".") for p in folder.runs_path.iterdir())


def _numbers(record: RunRecord) -> dict[str, float | int | str]:
    numbers: dict[str, float | int | str] = {name: float("nan") for name in METRICS}
    if record.status == "done":
        matrix = AccuracyMatrix.from_entries(record.accuracy, record.experiences)
        numbers = {name: metric.function(matrix) for name, metric in METRICS.items()}
    return {
        **numbers,
        "gradient_evaluations": record.gradient_evaluations,
        "strategy_gradient_evaluations": record.strategy_gradient_evaluations,
        "train_seconds": record.train_seconds,
        "status": record.status,
    }


def _mixtures(records: dict[str, RunRecord]) -> list[str]:
    """Sentences about runs made with different versions of the code, or from different images or streams."""
    sentences = []
    for key in ("lifelong_lb", "commit", "torch", "avalanche"):
        versions = sorted({str(record.environment.get(key)) for record in records.values() if record.environment})
        if len(versions) > 1:
            sentences.append(f"runs with different versions of {key} are mixed here: {', '.join(versions)}")
    return [*sentences, *_different_streams(records.values()), *_on_validation(records.values())]


_DIFFERENCES = {
    "sha256": "saw {n} different sets of images",
    "class_order": "met the classes in {n} different orders",
    "class_names": "had {n} different lists of class names",
    "label_map": "had {n} different maps of labels",
    "permutations": "permuted pixels in {n} different ways",
    "angles": "turned images by {n} different lists of angles",
    "arrangement": "dealt the images out in {n} different ways",
}
"""What is recorded of a stream's images, and what to say where it differs between runs of one stream.

Images have to be the same for all seeds, everything else within a seed.
"""


def _different_streams(records: Iterable[RunRecord]) -> list[str]:
    """Sentences about runs that cannot be compared, although the same stream was asked for."""
    found: dict[tuple[str, str, int | None], set[str]] = {}
    names: dict[str, str] = {}
    for record in records:
        settings = record.config["stream"].items()
        stream = json.dumps([pair for pair in sorted(settings) if pair not in ADDED_LATER["stream"].items()])
        names[stream] = str(record.config["stream"]["name"])
        for key in _DIFFERENCES:
            if key in record.data:  # older runs have recorded less
                seed = None if key == "sha256" else record.config.get("seed")
                found.setdefault((stream, key, seed), set()).add(json.dumps(record.data[key], sort_keys=True))
    differing: dict[tuple[str, str], dict[int | None, int]] = {}
    for (stream, key, seed), values in found.items():
        if len(values) > 1:
            differing.setdefault((stream, key), {})[seed] = len(values)
    sentence = "runs of {stream}{under} {how} and cannot be compared"
    return [
        sentence.format(stream=names[stream], under=_under(n), how=_DIFFERENCES[key].format(n=max(n.values())))
        for (stream, key), n in differing.items()
    ]


def _under(seeds: Iterable[int | None]) -> str:
    known = [str(seed) for seed in seeds if seed is not None]
    return f" with seed{'s' * (len(known) > 1)} {', '.join(known)}" if known else ""


def _on_validation(records: Iterable[RunRecord]) -> list[str]:
    """Sentences about streams whose accuracies are not those of the test part."""
    streams = (record.config["stream"] for record in records if record.accuracy)
    names = dict.fromkeys(stream["name"] for stream in streams if stream.get("evaluate") == "validation")
    return [f"accuracies of {name} are those of a validation part held out of its train part" for name in names]


def _from_tables(folder: ResultFolder, study: StudyFile | None) -> Results:
    if not (folder.path / "results.csv").is_file():
        raise UserError(f"{folder.path}: no results here (neither study.json with runs/ nor results.csv)")
    runs, accuracy = folder.read_table("results"), folder.read_table("accuracy")
    for name, frame, columns in (("results", runs, RESULT_COLUMNS), ("accuracy", accuracy, ACCURACY_COLUMNS)):
        lacking = [column for column in columns if column not in frame]
        if lacking:
            raise UserError(f"{folder.path / name}.csv: lacks the column {lacking[0]!r}")
    missing = len(set(study.labels()) - set(runs["run"])) if study else 0
    return Results(runs, accuracy, study, missing=missing)


def matrix_of(accuracy: pd.DataFrame) -> AccuracyMatrix:
    """The accuracy matrix of one run.

    Args:
        accuracy: the rows of one run, with columns trained, evaluated and accuracy.

    Returns:
        The matrix.
    """
    T = int(np.max(accuracy[["trained", "evaluated"]].to_numpy())) + 1
    entries = accuracy[["trained", "evaluated", "accuracy"]].itertuples(index=False)
    return AccuracyMatrix.from_entries(((int(i), int(j), float(a)) for i, j, a in entries), T)
