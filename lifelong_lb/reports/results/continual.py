"""Accuracies measured during training: as one tidy frame, and as metrics of each run."""

from os import PathLike
from pathlib import Path

import pandas as pd

from lifelong_lb.config import UserError
from lifelong_lb.evaluation import CONTINUAL_METRICS
from lifelong_lb.reports.results.accuracy_table import KEYS
from lifelong_lb.reports.results.collect import continual_accuracy
from lifelong_lb.reports.results.recorded import recorded_frames
from lifelong_lb.store import ResultFolder
from lifelong_lb.store.tuned import no_study_message


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
    folder = ResultFolder(Path(out))
    study = folder.read_study()
    if study is None:
        raise UserError(no_study_message(Path(out), "no results here (no study.json)"))
    frames = recorded_frames(folder, study, "continual")
    if not frames:
        raise UserError(
            f"{out}: no accuracies during training here; a study measures them with evaluation: {{every: 10}}"
        )
    return pd.concat(frames, ignore_index=True)


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
