"""Files recorded per run, concatenated over all runs as Parquet."""

import warnings
from collections.abc import Callable, Iterator

import pandas as pd

from lifelong_lb.config import UserError
from lifelong_lb.reports.results.accuracy_table import KEYS
from lifelong_lb.reports.results.collect import Results
from lifelong_lb.store import ResultFolder, StudyFile
from lifelong_lb.untrusted import printable

Read = Callable[[ResultFolder, str], pd.DataFrame | None]
RECORDED: dict[str, Read] = {
    "continual": ResultFolder.read_continual,
    "confusion": ResultFolder.read_confusion,
    "diagnostics": ResultFolder.read_diagnostics,
}
"""File name to the function that reads a run's part of it. The CSV files of the runs are authoritative."""


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


def recorded_frames(folder: ResultFolder, study: StudyFile, name: str) -> list[pd.DataFrame]:
    """Read one table of all runs of a folder; damaged tables are left out with a warning.

    Args:
        folder: the result folder.
        study: its study.
        name: a key of :data:`RECORDED`.

    Returns:
        One frame per run that has recorded something, with the columns ``KEYS`` in front.

    Raises:
        UserError: if tables are damaged and none can be read.
    """
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
    return frames


def _frames(folder: ResultFolder, results: Results, read: Read) -> Iterator[pd.DataFrame]:
    for key in results.runs[KEYS].to_dict("records"):
        run = str(key["run"])
        try:
            frame = read(results.homes.get(run, folder), run)
        except UserError:
            continue
        if frame is not None:
            yield frame.assign(**{column: key[column] for column in KEYS})[[*KEYS, *frame.columns]]
