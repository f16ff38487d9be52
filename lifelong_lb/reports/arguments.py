"""Result frames as a user hands them over: which runs, labels and metrics they hold."""

from collections.abc import Sequence
from os import PathLike

import pandas as pd
from pandas.api.types import is_numeric_dtype

from lifelong_lb.config import UserError, unknown_name
from lifelong_lb.evaluation import TESTS
from lifelong_lb.reports.load import load_results
from lifelong_lb.reports.results import KEYS, RESULT_COLUMNS
from lifelong_lb.reports.summary import GROUP
from lifelong_lb.reports.tables import KNOWN

Folder = str | PathLike[str]
Runs = pd.DataFrame | tuple[pd.DataFrame, pd.DataFrame] | Folder | Sequence[Folder]
"""The frame of runs, both frames of :func:`~lifelong_lb.load_results`, or the folders to read them from."""


def frame_of(results: Runs) -> pd.DataFrame:
    """The runs that a user names.

    Args:
        results: a frame with one row a run, both frames of :func:`~lifelong_lb.load_results`, a folder or several.

    Returns:
        The frame, its labels as text.

    Raises:
        UserError: when it lacks a column.
    """
    if isinstance(results, pd.DataFrame):
        frame = results
    elif isinstance(results, tuple) and results and isinstance(results[0], pd.DataFrame):
        frame = results[0]
    else:
        frame = load_results(results)[0]  # type: ignore[arg-type]
    for column in (*GROUP, "seed", "status"):
        if column not in frame:
            raise UserError(f"results: one row a run, as load_results gives them, must hold the column {column!r}")
    return frame.assign(**{column: frame[column].astype(str) for column in GROUP}).reset_index(drop=True)


def grid_columns(runs: pd.DataFrame) -> list[str]:
    """Columns that say what a run is, beside its seed: those of the grid, and those that a user added.

    Args:
        runs: one row a run.

    Returns:
        Names.
    """
    return [*GROUP, *(str(c) for c in runs if c not in RESULT_COLUMNS and c not in KNOWN)]


def checked_metric(runs: pd.DataFrame, metric: str) -> str:
    """A column of numbers.

    Args:
        runs: one row a run.
        metric: its name.

    Returns:
        The name.

    Raises:
        UserError: when there is no such column of numbers.
    """
    known = [str(column) for column in runs if column not in KEYS and is_numeric_dtype(runs[column])]
    if metric not in known:
        raise UserError(unknown_name("metric", metric, known))
    return metric


def checked_test(test: str) -> str:
    """A test of paired differences.

    Args:
        test: its name.

    Returns:
        The name.

    Raises:
        UserError: when there is no such test.
    """
    if test not in TESTS:
        raise UserError(unknown_name("test", test, TESTS))
    return test


def title_of(metric: str) -> str:
    """A metric in words, with its direction where that is known.

    Args:
        metric: a column of numbers.

    Returns:
        Such as ``"average accuracy (higher is better)"``.
    """
    if metric not in KNOWN:
        return metric
    return f"{KNOWN[metric].title} ({'higher' if KNOWN[metric].higher_is_better else 'lower'} is better)"
