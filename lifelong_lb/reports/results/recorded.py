"""Files recorded per run: as tidy frames, as metrics of each run, and as Parquet over all runs."""

import warnings
from collections.abc import Callable, Iterator
from os import PathLike
from pathlib import Path

import pandas as pd

from lifelong_lb.config import UserError
from lifelong_lb.evaluation import CONTINUAL_METRICS
from lifelong_lb.reports.results.collect import Results, continual_accuracy
from lifelong_lb.reports.results.stored_tables import KEYS
from lifelong_lb.store import ResultFolder
from lifelong_lb.store.tuned import no_study_message
from lifelong_lb.untrusted import printable

Read = Callable[[ResultFolder, str], pd.DataFrame | None]
RECORDED: dict[str, Read] = {
    "continual": ResultFolder.read_continual,
    "confusion": ResultFolder.read_confusion,
    "diagnostics": ResultFolder.read_diagnostics,
}
"""File name to the function that reads a run's part of it. The CSV files of the runs are authoritative."""
_MISSING = {
    "continual": "no accuracies during training here; a study measures them with evaluation: {every: 10}",
    "confusion": "no confusion counts here; a study records them with evaluation: {confusion: true}",
    "diagnostics": "no diagnostics here; a study records them with evaluation: {diagnostics_every: 10}",
}


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
            frame = RECORDED[name](folder, run)
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
            frame = read(results.homes.get(run, folder), run)
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
