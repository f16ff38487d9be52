"""Accuracy matrices of runs as the table ``accuracy.csv``, and back."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from lifelong_lb.evaluation import AccuracyMatrix

KEYS = ["run", "stream", "strategy", "rule", "base_optimizer", "seed"]
"""Columns that identify the run of a row."""
ACCURACY_COLUMNS = [*KEYS, "trained", "evaluated", "accuracy"]


def accuracy_table(runs: pd.DataFrame, matrices: Mapping[str, AccuracyMatrix]) -> pd.DataFrame:
    """List the entries of accuracy matrices.

    Args:
        runs: one row per run, with the columns :data:`KEYS`.
        matrices: matrix by run id; runs without one have no rows.

    Returns:
        One row per evaluated entry, columns :data:`ACCURACY_COLUMNS`, in the order of the runs.
    """
    rows = [
        (*key, *entry)
        for key in runs[KEYS].itertuples(index=False, name=None)
        if key[0] in matrices
        for entry in matrices[key[0]].entries()
    ]
    return pd.DataFrame(rows, columns=ACCURACY_COLUMNS)


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
