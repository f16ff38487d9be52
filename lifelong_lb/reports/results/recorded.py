"""Files recorded per run: as tidy frames, as Parquet, as metrics during training and accuracies on classes."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lifelong_lb.config import UserError
from lifelong_lb.evaluation import CONTINUAL_METRICS
from lifelong_lb.reports.names import listed, plural
from lifelong_lb.reports.results.collect import Results, continual_accuracy
from lifelong_lb.reports.results.stored_tables import KEYS, repeated_keys
from lifelong_lb.store import ResultFolder, RunRecord
from lifelong_lb.store.recorded import read_confusion, read_continual, read_counts, read_diagnostics
from lifelong_lb.store.tuned import no_study_message
from lifelong_lb.untrusted import printable

Read = Callable[[Path], pd.DataFrame | None]
RECORDED: dict[str, Read] = {
    "continual": read_continual,
    "confusion": read_confusion,
    "diagnostics": read_diagnostics,
}
"""File name to the function that reads it from the folder of a run. The CSV files of the runs are authoritative."""
_MISSING = {
    "continual": "no accuracies during training here; a study measures them with evaluation: {every: 10}",
    "confusion": "no confusion counts here; a study records them with evaluation: {confusion: true}",
    "diagnostics": "no diagnostics here; a study records them with evaluation: {diagnostics_every: 10}",
}
CLASS_COLUMNS = [*KEYS, "class", "class_name", "experience", "images", "accuracy"]
"""Columns of ``class_accuracy.csv``."""
Counts = NDArray[np.int64]


def write_recorded(folder: ResultFolder, results: Results) -> None:
    """Write ``continual.parquet``, ``confusion.parquet`` and ``diagnostics.parquet``, if Parquet is requested.

    Args:
        folder: the result folder.
        results: its results; unreadable files are skipped.
    """
    for name, read in RECORDED.items():
        if folder.wants_parquet(name):
            frames = list(_frames(folder, results, read))
            if frames:
                folder.write_parquet(name, pd.concat(frames, ignore_index=True))


def _recorded_frame(out: str | PathLike[str], name: str) -> pd.DataFrame:
    """Read one table of all runs of a folder, with the columns ``KEYS`` in front; warn of damaged ones."""
    folder = ResultFolder(Path(out))
    study = folder.read_study()
    if study is None:
        raise UserError(no_study_message(Path(out), "no results here (no study.json)"))
    labels, seeds = study.labels(), study.seeds()
    frames, problems = [], []
    for run in labels:
        try:
            frame = RECORDED[name](folder.run_path(run))
        except UserError as error:
            problems.append(printable(str(error)))
            continue
        if frame is not None:
            frames.append(frame.assign(run=run, seed=seeds[run], **labels[run])[[*KEYS, *frame.columns]])
    if problems and not frames:
        raise UserError("; ".join(problems[:3]))
    for problem in problems:
        warnings.warn(f"run left out: {problem}", stacklevel=3)
    if not frames:
        raise UserError(f"{out}: {_MISSING[name]}")
    return pd.concat(frames, ignore_index=True)


def _frames(folder: ResultFolder, results: Results, read: Read) -> Iterator[pd.DataFrame]:
    for key in results.runs[KEYS].to_dict("records"):
        run = str(key["run"])
        try:
            frame = read(results.homes.get(run, folder).run_path(run))
        except UserError:
            continue
        if frame is not None:
            yield frame.assign(**{column: key[column] for column in KEYS})[[*KEYS, *frame.columns]]


def load_confusion(out: str | PathLike[str]) -> pd.DataFrame:
    """Read the confusion counts of all runs of a result folder.

    Args:
        out: the folder. A study counts predictions with ``evaluation: {confusion: true}``.

    Returns:
        One row per combination that occurred: run, stream, strategy, rule, base_optimizer and seed as in
        ``results.csv``; ``trained``, the experience trained on last; ``evaluated``, the experience whose test images
        were classified; ``class`` and ``predicted``, labels of the data set; and ``count``, the number of images. In
        the task-incremental scenario, predictions are restricted to the classes of the experience; in permuted and
        rotated streams, every experience contains all classes. For custom streams, labels are the targets of the model.

    Raises:
        UserError: if the folder contains none, or all of it is damaged; a warning names damaged files of single runs,
            which are left out.
    """
    return _recorded_frame(out, "confusion")


def load_diagnostics(out: str | PathLike[str]) -> pd.DataFrame:
    """Read the diagnostics of all runs of a result folder.

    Args:
        out: the folder. A study records diagnostics with ``evaluation: {diagnostics_every: 10}``.

    Returns:
        One row per recorded pass: run, stream, strategy, rule, base_optimizer and seed as in ``results.csv``; ``step``
        from 0 over the whole run, ``experience``, and ``iteration`` from 0 within it; then pass, loss, gradient_norm,
        distance, cosine, alpha, alpha_min and alpha_max, see :class:`lifelong_lb.optim.Diagnostics`.

    Raises:
        UserError: if the folder contains none, or all of it is damaged; a warning names damaged files of single runs,
            which are left out.
    """
    return _recorded_frame(out, "diagnostics")


def load_continual(out: str | PathLike[str]) -> pd.DataFrame:
    """Read the accuracies measured during training of all runs of a result folder.

    Args:
        out: the folder. A study measures them with ``evaluation: {every: 10}``.

    Returns:
        One row per measurement and evaluated experience: run, stream, strategy, rule, base_optimizer and seed as in
        ``results.csv``; ``iteration``, the number of training iterations since the start of the stream; ``experience``,
        the one being learnt; ``evaluated``, the one evaluated, and ``accuracy`` on it, a fraction. The last rows of an
        experience are those of the accuracy matrix.

    Raises:
        UserError: if the folder contains none, or all of it is damaged; a warning names damaged files of single runs,
            which are left out.
    """
    return _recorded_frame(out, "continual")


def continual_metrics(frame: pd.DataFrame) -> pd.DataFrame:
    """Compute the metrics of accuracies measured during training.

    Args:
        frame: from :func:`load_continual`, or the rows of some of its done runs.

    Returns:
        One row per run: run, stream, strategy, rule, base_optimizer and seed, then the columns of
        :data:`~lifelong_lb.evaluation.CONTINUAL_METRICS`; NaN where a metric is undefined.

    Raises:
        ValueError: if a run did not reach the end of its stream.
    """
    rows = []
    for key, run in frame.groupby(KEYS, sort=False, dropna=False):
        C = continual_accuracy(run)
        values = {name: metric.function(C) for name, metric in CONTINUAL_METRICS.items()}
        rows.append({**dict(zip(KEYS, key, strict=True)), **values})
    return pd.DataFrame(rows, columns=[*KEYS, *CONTINUAL_METRICS])


@dataclass(frozen=True)
class CollectedConfusion:
    """Confusion counts of a folder's done runs after their last experience.

    Attributes:
        frame: one row per combination that occurred, over all experiences: ``KEYS``, class, predicted and count.
        classes: accuracy on each class, columns :data:`CLASS_COLUMNS`.
        problems: sentences about counts that were left out.
    """

    frame: pd.DataFrame
    classes: pd.DataFrame
    problems: Sequence[str] = ()


def per_class_accuracy(confusion: pd.DataFrame) -> pd.DataFrame:
    """Compute the accuracy on the images of each class.

    Args:
        confusion: from :func:`~lifelong_lb.load_confusion`, or a selection of its rows and columns: ``class``,
            ``predicted``, ``count``, and any columns to group by. Drop ``evaluated`` for accuracies over all
            experiences.

    Returns:
        One row per class and combination of the grouping columns: ``images``, the number of its images, and
        ``accuracy``, the fraction classified correctly.

    Example:
        >>> counts = [(0, 0, 6), (0, 1, 2), (1, 1, 5)]
        >>> per_class_accuracy(pd.DataFrame(counts, columns=["class", "predicted", "count"]))
           class  images  accuracy
        0      0       8      0.75
        1      1       5      1.00
    """
    keys = [column for column in confusion.columns if column not in ("predicted", "count")]
    right = confusion["count"].where(confusion["class"] == confusion["predicted"], 0)
    sums = confusion[keys].assign(images=confusion["count"], right=right)
    table: pd.DataFrame = sums.groupby(keys, sort=False, dropna=False, as_index=False).sum()
    table["accuracy"] = table["right"] / table["images"]
    return table.drop(columns="right")


def collect_confusion(folder: ResultFolder, results: Results) -> CollectedConfusion:
    """Read the confusion counts of all done runs after their last experience.

    Args:
        folder: the result folder.
        results: its results.

    Returns:
        The counts. Counts that contradict a run's accuracy matrix are left out.
    """
    keys, counts, classes, problems, uncounted = [], [], [], [], []
    for key in results.runs.loc[results.runs["status"] == "done", KEYS].to_dict("records"):
        run = str(key["run"])
        record = results.records.get(run)
        if record is None:  # tables without runs
            continue
        try:
            values = read_counts(results.homes.get(run, folder).run_path(run))
            if values is None:
                uncounted += [run] if record.config.get("evaluation", {}).get("confusion") else []
                continue
            _check(values, record)
        except (UserError, ValueError) as error:
            problems.append(f"run {run}: its confusion counts are left out, they are damaged ({error})")
            continue
        last = values[values[:, 0] == values[:, 0].max(), 1:]
        keys.append(tuple(key.values()))
        counts.append(_over_experiences(last))
        classes.append(class_accuracies(last, _names_of_classes(record)))
    if uncounted:
        n = len(uncounted)
        problems.append(f"{n} {plural('run', n)} without confusion counts (no confusion.csv): {listed(uncounted)}")
    if not keys:
        nothing = pd.DataFrame(columns=[*KEYS, "class", "predicted", "count"])
        return CollectedConfusion(nothing, pd.DataFrame(columns=CLASS_COLUMNS), problems)
    frame = pd.DataFrame(np.concatenate(counts), columns=["class", "predicted", "count"])
    frame = pd.concat([repeated_keys(keys, list(map(len, counts))), frame], axis=1)
    return CollectedConfusion(frame, _class_table(keys, classes), problems)


def _class_table(keys: Sequence[tuple[Any, ...]], classes: Sequence[Mapping[str, NDArray[Any]]]) -> pd.DataFrame:
    table = pd.DataFrame({name: np.concatenate([of_run[name] for of_run in classes]) for name in classes[0]})
    experience = table["experience"].astype("Int64").mask(table["experience"] < 0)
    labels = repeated_keys(keys, [len(of_run["class"]) for of_run in classes])
    return pd.concat([labels, table.assign(experience=experience)], axis=1)[CLASS_COLUMNS]


def _check(values: Counts, record: RunRecord) -> None:
    """Compare with the accuracy matrix the values of :data:`~lifelong_lb.store.CONFUSION_COLUMNS`."""
    T, (trained, evaluated, label, predicted, count) = record.experiences, values.T
    if values[:, :2].max(initial=0) < T:
        place = trained * T + evaluated
        images = np.bincount(place, count, T * T)
        right = np.bincount(place, np.where(label == predicted, count, 0), T * T)
        accuracy = np.divide(right, images, out=np.full(T * T, np.nan), where=images > 0)
        if np.array_equal(accuracy, record.accuracy.values.ravel(), equal_nan=True):
            return
    raise ValueError("they contradict its accuracy matrix")


def _over_experiences(last: Counts) -> Counts:
    """Class, predicted class and number of images over all experiences, of evaluated, class, predicted and count."""
    labels, places = np.unique(last[:, 1:3], return_inverse=True)
    place, predicted = places.reshape(-1, 2).T
    pairs, of_pair = np.unique(place * len(labels) + predicted, return_inverse=True)
    count = np.bincount(of_pair, last[:, 3]).astype(np.int64)
    return np.column_stack([labels[pairs // len(labels)], labels[pairs % len(labels)], count])


def class_accuracies(last: Counts, names: Mapping[int, str]) -> dict[str, NDArray[Any]]:
    """Compute the accuracy of one run on each class after the last experience.

    Args:
        last: ``(n, 4)``: evaluated, class, predicted and count.
        names: names of classes by label.

    Returns:
        One value per class, in the order of the counts, by column of :data:`CLASS_COLUMNS` besides ``KEYS``; the
        experience is the one whose test part contains the class, -1 if several do.
    """
    labels, first, place = np.unique(last[:, 1], return_index=True, return_inverse=True)
    images = np.bincount(place, last[:, 3]).astype(np.int64)
    right = np.bincount(place, np.where(last[:, 1] == last[:, 2], last[:, 3], 0)).astype(np.int64)
    lowest, highest = np.full(len(labels), np.iinfo(np.int64).max), np.full(len(labels), -1)
    np.minimum.at(lowest, place, last[:, 0])
    np.maximum.at(highest, place, last[:, 0])
    columns = {
        "class": labels,
        "class_name": np.array([names.get(label, str(label)) for label in labels.tolist()], dtype=object),
        "experience": np.where(lowest == highest, lowest, -1),
        "images": images,
        "accuracy": right / images,
    }
    order = np.argsort(first)
    return {name: column[order] for name, column in columns.items()}


def _names_of_classes(record: RunRecord) -> dict[int, str]:
    return dict(zip(record.data.get("class_order", ()), record.data.get("class_names", ()), strict=False))
