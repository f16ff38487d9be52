"""Accuracy matrices of runs as the table ``accuracy.csv``, and back."""

from collections.abc import Mapping, Sequence
from typing import Any

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
    keys = [key for key in runs[KEYS].itertuples(index=False, name=None) if key[0] in matrices]
    if not keys:
        return pd.DataFrame([], columns=ACCURACY_COLUMNS)
    values = [matrices[key[0]].values for key in keys]
    places = [np.nonzero(~np.isnan(R)) for R in values]
    trained, evaluated = (np.concatenate(indices) for indices in zip(*places, strict=True))
    accuracy = np.concatenate([R[place] for R, place in zip(values, places, strict=True)])
    entries = pd.DataFrame({"trained": trained, "evaluated": evaluated, "accuracy": accuracy})
    return pd.concat([repeated_keys(keys, [len(rows) for rows, _ in places]), entries], axis=1)


def repeated_keys(keys: Sequence[tuple[Any, ...]], rows: Sequence[int], dtype: Any = None) -> pd.DataFrame:
    """Repeat the labels of runs, as the first columns of a table with several rows per run.

    Args:
        keys: values of :data:`KEYS` by run.
        rows: number of rows of each run.
        dtype: type of the columns of texts; ``category`` takes less memory; None for the usual one.

    Returns:
        The columns :data:`KEYS`.
    """
    frame = pd.DataFrame(list(keys), columns=KEYS)
    if dtype is not None:
        frame = frame.astype(dict.fromkeys(KEYS[:-1], dtype))
    return frame.take(np.repeat(np.arange(len(frame)), rows)).reset_index(drop=True)


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
