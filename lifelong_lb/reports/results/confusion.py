"""Confusion counts: as one tidy frame, and as accuracies of single classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import pandas as pd

from lifelong_lb.config import UserError
from lifelong_lb.reports.results.accuracy_table import KEYS
from lifelong_lb.reports.results.collect import Results
from lifelong_lb.reports.results.comparability import listed
from lifelong_lb.reports.results.recorded import recorded_frames
from lifelong_lb.reports.text import plural
from lifelong_lb.store import ResultFolder, RunRecord
from lifelong_lb.store.tuned import no_study_message

CLASS_COLUMNS = [*KEYS, "class", "class_name", "experience", "images", "accuracy"]
"""Columns of ``class_accuracy.csv``."""


@dataclass(frozen=True)
class CollectedConfusion:
    """Confusion counts of a folder's done runs after their last experience.

    Attributes:
        frame: one row per combination that occurred: ``KEYS``, evaluated, class, predicted and count.
        classes: accuracy on each class, columns :data:`CLASS_COLUMNS`.
        problems: sentences about counts that were left out.
    """

    frame: pd.DataFrame
    classes: pd.DataFrame
    problems: Sequence[str] = ()


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
    folder = ResultFolder(Path(out))
    study = folder.read_study()
    if study is None:
        raise UserError(no_study_message(Path(out), "no results here (no study.json)"))
    frames = recorded_frames(folder, study, "confusion")
    if not frames:
        raise UserError(f"{out}: no confusion counts here; a study records them with evaluation: {{confusion: true}}")
    return pd.concat(frames, ignore_index=True)


def per_class_accuracy(confusion: pd.DataFrame) -> pd.DataFrame:
    """Compute the accuracy on the images of each class.

    Args:
        confusion: from :func:`load_confusion`, or a selection of its rows and columns: ``class``, ``predicted``,
            ``count``, and any columns to group by. Drop ``evaluated`` for accuracies over all experiences.

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
    frames, problems, uncounted = [], [], []
    for key in results.runs.loc[results.runs["status"] == "done", KEYS].to_dict("records"):
        run = str(key["run"])
        record = results.records.get(run)
        if record is None:  # tables without runs
            continue
        try:
            frame = results.homes.get(run, folder).read_confusion(run)
            if frame is None:
                uncounted += [run] if record.config.get("evaluation", {}).get("confusion") else []
                continue
            _check(frame, record)
        except (UserError, ValueError) as error:
            problems.append(f"run {run}: its confusion counts are left out, they are damaged ({error})")
            continue
        last = frame[frame["trained"] == frame["trained"].max()].drop(columns="trained")
        frames.append(last.assign(**{column: key[column] for column in KEYS})[[*KEYS, *last.columns]])
    if uncounted:
        n = len(uncounted)
        problems.append(f"{n} {plural('run', n)} without confusion counts (no confusion.csv): {listed(uncounted)}")
    if not frames:
        nothing = pd.DataFrame(columns=[*KEYS, "evaluated", "class", "predicted", "count"])
        return CollectedConfusion(nothing, pd.DataFrame(columns=CLASS_COLUMNS), problems)
    whole = pd.concat(frames, ignore_index=True)
    return CollectedConfusion(whole, class_table(whole, results.records), problems)


def _check(frame: pd.DataFrame, record: RunRecord) -> None:
    right = frame["count"].where(frame["class"] == frame["predicted"], 0)
    sums = frame.assign(right=right).groupby(["trained", "evaluated"])[["right", "count"]].sum()
    accuracies = dict(zip(sums.index, sums["right"] / sums["count"], strict=True))
    if accuracies != {(i, j): accuracy for i, j, accuracy in record.accuracy.entries()}:
        raise ValueError("they contradict its accuracy matrix")


def class_table(confusion: pd.DataFrame, records: Mapping[str, RunRecord]) -> pd.DataFrame:
    """Compute the accuracy on each class after the last experience.

    Args:
        confusion: the counts, see :class:`CollectedConfusion`.
        records: records of the runs, with the names of classes.

    Returns:
        One row per run and class, columns :data:`CLASS_COLUMNS`; the experience is the one whose test part contains the
        class, empty if several do.
    """
    table = per_class_accuracy(confusion.drop(columns="evaluated"))
    where = confusion.groupby(["run", "class"])["evaluated"].agg(["min", "max"])
    alone = where["min"].where(where["min"] == where["max"]).astype("Int64").rename("experience")
    table = table.join(alone, on=["run", "class"])
    names = {run: names_of_classes(records[run]) for run in dict.fromkeys(table["run"])}
    pairs = zip(table["run"], table["class"], strict=True)
    table["class_name"] = [names[run].get(label, str(label)) for run, label in pairs]
    return table[CLASS_COLUMNS]


def names_of_classes(record: RunRecord) -> dict[int, str]:
    """Return the class names of a run.

    Args:
        record: the run's record.

    Returns:
        Class name by label of the data set, in class order; empty if unknown.
    """
    return dict(zip(record.data.get("class_order", ()), record.data.get("class_names", ()), strict=False))
