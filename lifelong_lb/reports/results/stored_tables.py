"""The tables ``results.csv`` and ``accuracy.csv``: made from runs, and validated if read without them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lifelong_lb.config import UserError
from lifelong_lb.evaluation import CONTINUAL_METRICS, METRICS, REFERENCED, AccuracyMatrix, Described, Outcome, outcomes
from lifelong_lb.store import STATUSES, is_run_id
from lifelong_lb.store.values import MAX_EXPERIENCES, MAX_NAME_CHARACTERS
from lifelong_lb.untrusted import quoted, shortened

KEYS = ["run", "stream", "strategy", "rule", "base_optimizer", "seed"]
"""Columns that identify the run of a row."""
ACCURACY_COLUMNS = [*KEYS, "trained", "evaluated", "accuracy"]
"""Columns of ``accuracy.csv``."""
_LABELS = ("run", "stream", "strategy", "rule", "base_optimizer")
_TOLERANCE = 1e-9
_MAX_NUMBER = 2**53
_BUILT_IN: dict[str, Described] = {**METRICS, **REFERENCED, **CONTINUAL_METRICS}
_ALWAYS = ("average_accuracy", "learning_accuracy", "forgetting", "backward_transfer")
"""Metrics that every version writes."""


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


def check_runs(
    path: Path,
    runs: pd.DataFrame,
    numbers: Sequence[str],
    costs: Sequence[str],
    imported: Collection[str] = (),
) -> None:
    """Check a table of runs: unique runs, known statuses, numbers in range.

    Args:
        path: ``results.csv``, for messages.
        runs: its content; columns of numbers are converted in place.
        numbers: columns of built-in metrics.
        costs: cost columns.
        imported: ids of runs of another framework, which may have any form.

    Raises:
        UserError: if the table is invalid.
    """
    _check_labels(path, runs)
    local = ~runs["run"].isin(list(imported))
    _refuse(path, runs, "run", local & ~runs["run"].map(is_run_id), "an id of 12 hexadecimal digits")
    _numbers(path, runs, "seed", "a whole number >= 0", _is_index)
    for column in numbers:
        if _BUILT_IN[column].bounded:
            _numbers(path, runs, column, "a number from -1 to 1", lambda n: n.abs() <= 1, empty=True)
        else:
            _numbers(path, runs, column, "a number", lambda n: n.abs() < _MAX_NUMBER, empty=True)
    for column in costs:
        _numbers(path, runs, column, "a number >= 0", lambda n: (n >= 0) & (n < _MAX_NUMBER), empty=True)
    _refuse(path, runs, "status", ~runs["status"].isin(STATUSES), f"one of {', '.join(STATUSES)}")
    _refuse(path, runs, "run", runs["run"].duplicated(), "unique")
    twice = runs.duplicated([*_LABELS[1:], "seed"])
    _refuse(path, runs, "run", twice, "the only one with its labels and seed")


def checked_matrices(
    path: Path, accuracy: pd.DataFrame, runs: pd.DataFrame
) -> tuple[dict[str, AccuracyMatrix], dict[str, dict[str, Outcome]]]:
    """Check that a table contains the accuracies of exactly the done runs, and that they give the stored metrics.

    Args:
        path: ``accuracy.csv``, for messages.
        accuracy: its content; columns of numbers are converted in place.
        runs: checked content of ``results.csv``.

    Returns:
        Accuracy matrices, and outcomes of their metrics, by run id, in the order of the runs.

    Raises:
        UserError: if the table is invalid.
    """
    _check_labels(path, accuracy)
    _numbers(path, accuracy, "seed", "a whole number >= 0", _is_index)
    for column in ("trained", "evaluated"):
        what = f"a whole number from 0 to {MAX_EXPERIENCES - 1}"
        _numbers(path, accuracy, column, what, lambda n: _is_index(n) & (n < MAX_EXPERIENCES))
    _numbers(path, accuracy, "accuracy", "a fraction from 0 to 1", lambda n: (n >= 0) & (n <= 1))
    done = runs[runs["status"] == "done"]
    done_runs, measured = set(done["run"]), set(accuracy["run"])
    lacking, further = sorted(done_runs - measured), sorted(measured - done_runs)
    if lacking or further:
        run = shortened((lacking or further)[0])
        what = f"lacks the done run {run}" if lacking else f"contains {run}, which is not a done run"
        raise UserError(f"{path}: must contain exactly the done runs of results.csv; it {what}")
    lengths: dict[str, tuple[str, int]] = {}
    matrices, evaluated = {}, {}
    by_run = dict(list(accuracy.groupby("run", sort=False)))
    for row in done.to_dict("records"):
        run, rows = str(row["run"]), by_run[str(row["run"])]
        if any((rows[column] != row[column]).any() for column in (*_LABELS, "seed")):
            raise UserError(f"{path}: labels and seed of run {run} must be the same as in results.csv")
        matrix = _matrix(path, run, rows)
        other, T = lengths.setdefault(str(row["stream"]), (run, matrix.experiences))
        if matrix.experiences != T:
            raise UserError(
                f"{path}: runs of a stream must have the same number of experiences; "
                f"{other} has {T}, {run} has {matrix.experiences}"
            )
        matrices[run], evaluated[run] = matrix, outcomes(matrix)
        _check_metrics(path, run, evaluated[run], {name: float(row[name]) for name in METRICS})
    return matrices, evaluated


def _check_metrics(path: Path, run: str, evaluated: Mapping[str, Outcome], stored: Mapping[str, float]) -> None:
    for name, number in stored.items():
        expected = evaluated[name].value
        if np.isnan(number) and name not in _ALWAYS:  # not written by an earlier version
            continue
        if not np.isclose(number, expected, rtol=0, atol=_TOLERANCE, equal_nan=True):
            raise UserError(
                f"{path}: must agree with the metrics in results.csv; {name} of run {run} is {number:g} there, "
                f"{expected:g} from its accuracies"
            )


def _matrix(path: Path, run: str, rows: pd.DataFrame) -> AccuracyMatrix:
    if rows.duplicated(["trained", "evaluated"]).any():
        raise UserError(f"{path}: each accuracy must be given once; run {run} has duplicates")
    T = 1 + int(rows[["trained", "evaluated"]].to_numpy().max())
    last = set(rows.loc[rows["trained"] == T - 1, "evaluated"])
    if len(last) != T:
        raise UserError(f"{path}: must contain all accuracies after the last experience; run {run} lacks some")
    return matrix_of(rows)


def _is_index(n: "pd.Series[float]") -> "pd.Series[bool]":
    return (n >= 0) & (n % 1 == 0) & (n < 2**32)


def _check_labels(path: Path, frame: pd.DataFrame) -> None:
    for column in _LABELS:
        _refuse(path, frame, column, frame[column].isna(), "given in every line")
        too_long = frame[column].astype(str).str.len() > MAX_NAME_CHARACTERS
        _refuse(path, frame, column, too_long, f"a text of at most {MAX_NAME_CHARACTERS} characters")


def _numbers(
    path: Path,
    frame: pd.DataFrame,
    column: str,
    what: str,
    allowed: Callable[["pd.Series[float]"], "pd.Series[bool]"],
    *,
    empty: bool = False,
) -> None:
    """Convert a column to numbers and check them."""
    numbers = pd.to_numeric(frame[column], errors="coerce")
    missing = frame[column].isna()
    wrong = ~missing & (numbers.isna() | ~allowed(numbers.astype(float)))
    _refuse(path, frame, column, wrong if empty else wrong | missing, what)
    frame[column] = numbers


def _refuse(path: Path, frame: pd.DataFrame, column: str, wrong: "pd.Series[bool]", what: str) -> None:
    if wrong.any():
        line = int(np.argmax(wrong.to_numpy())) + 2
        value = frame[column].iloc[line - 2]
        shown = "nothing" if pd.isna(value) else quoted(value) if isinstance(value, str) else shortened(str(value))
        raise UserError(f"{path}, line {line}: {column} must be {what}; got {shown}")
