"""Diagnostics of the gradient passes of a study's runs, as one tidy frame."""

from os import PathLike
from pathlib import Path

import pandas as pd

from lifelong_lb.config import UserError
from lifelong_lb.reports.results.recorded import recorded_frames
from lifelong_lb.store import ResultFolder
from lifelong_lb.store.tuned import no_study_message


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
    folder = ResultFolder(Path(out))
    study = folder.read_study()
    if study is None:
        raise UserError(no_study_message(Path(out), "no results here (no study.json)"))
    frames = recorded_frames(folder, study, "diagnostics")
    if not frames:
        raise UserError(f"{out}: no diagnostics here; a study records them with evaluation: {{diagnostics_every: 10}}")
    return pd.concat(frames, ignore_index=True)
