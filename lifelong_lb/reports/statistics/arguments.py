"""Arguments of the comparison functions: result frames, and checks of metrics, tests and columns."""

from collections.abc import Sequence
from os import PathLike

import pandas as pd
from pandas.api.types import is_numeric_dtype

from lifelong_lb.config import UserError, unknown_name
from lifelong_lb.evaluation import TESTS
from lifelong_lb.reports.definitions import KNOWN
from lifelong_lb.reports.results.accuracy_table import KEYS
from lifelong_lb.reports.results.collect import RESULT_COLUMNS
from lifelong_lb.reports.results.load import load_results
from lifelong_lb.reports.statistics.summary import GROUP

Folder = str | PathLike[str]
Runs = pd.DataFrame | tuple[pd.DataFrame, pd.DataFrame] | Folder | Sequence[Folder]
"""The frame of runs, both frames of :func:`~lifelong_lb.load_results`, or result folders."""


def frame_of(results: Runs) -> pd.DataFrame:
    """Return the frame of runs that an argument denotes.

    Args:
        results: a frame of runs, both frames of :func:`~lifelong_lb.load_results`, or one or several folders.

    Returns:
        The frame, with labels as text.

    Raises:
        UserError: if a column is missing.
    """
    if isinstance(results, pd.DataFrame):
        frame = results
    elif isinstance(results, tuple) and results and isinstance(results[0], pd.DataFrame):
        frame = results[0]
    else:
        frame = load_results(results)[0]  # type: ignore[arg-type]
    for column in (*GROUP, "seed", "status"):
        if column not in frame:
            raise UserError(f"results must have one row per run, as from load_results; column {column!r} is missing")
    return frame.assign(**{column: frame[column].astype(str) for column in GROUP}).reset_index(drop=True)


def grid_columns(runs: pd.DataFrame) -> list[str]:
    """List the columns that identify a run apart from its seed: the grid columns and columns added by the user.

    Args:
        runs: one row per run.

    Returns:
        Column names.
    """
    return [*GROUP, *(str(c) for c in runs if c not in RESULT_COLUMNS and c not in KNOWN)]


def checked_metric(runs: pd.DataFrame, metric: str) -> str:
    """Check that a metric is a column of numbers.

    Args:
        runs: one row per run.
        metric: name of the metric.

    Returns:
        The name.

    Raises:
        UserError: if there is no such column.
    """
    known = [str(column) for column in runs if column not in KEYS and is_numeric_dtype(runs[column])]
    if metric not in known:
        raise UserError(unknown_name("metric", metric, known))
    return metric


def checked_test(test: str) -> str:
    """Check the name of a paired test.

    Args:
        test: name of the test.

    Returns:
        The name.

    Raises:
        UserError: for an unknown test.
    """
    if test not in TESTS:
        raise UserError(unknown_name("test", test, TESTS))
    return test


def title_of(metric: str) -> str:
    """Return the title of a metric, with its direction if known.

    Args:
        metric: a column of numbers.

    Returns:
        E.g. ``"average accuracy (higher is better)"``.
    """
    if metric not in KNOWN:
        return metric
    return f"{KNOWN[metric].title} ({'higher' if KNOWN[metric].higher_is_better else 'lower'} is better)"
