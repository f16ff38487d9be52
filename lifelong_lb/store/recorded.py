"""Tables that a run has recorded beside its accuracy matrix: during training, of classes, along its passes."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from lifelong_lb.config import UserError
from lifelong_lb.store.reading import exists, read_frame
from lifelong_lb.store.values import LARGEST, MOST_EXPERIENCES

CONTINUAL_COLUMNS = ["iteration", "experience", "evaluated", "accuracy"]
"""Columns of the accuracies measured during training: training iterations taken over the whole stream, the experience
that was being learnt, the one that was evaluated, and the accuracy on it, a fraction."""
CONFUSION_COLUMNS = ["trained", "evaluated", "class", "predicted", "count"]
"""Columns of the confusion counts: the experience trained on last, the one evaluated, a class and what its images were
predicted as (the data set's own labels), and how many of them; combinations that did not occur are left out."""
_NAMES_OF_RUNS = {"run", "stream", "strategy", "rule", "base_optimizer", "seed"}
"""Columns that are put in front of those of a run."""
MOST_CLASSES = 2000
"""Most classes of a run whose confusion counts are read: its confusion matrix has the square of it entries."""
MOST_MEASUREMENTS = 2**24
"""Most measurements during training times experiences: the numbers that are kept of a run."""


def read_continual(run: Path) -> pd.DataFrame | None:
    """Read the accuracies that were measured during the training of a run.

    Args:
        run: the run's folder.

    Returns:
        One row per measurement and experience, columns :data:`CONTINUAL_COLUMNS`; None when nothing was measured.

    Raises:
        UserError: when the file cannot be read, or holds something else.
    """
    return _read(run / "continual.csv", _check_continual)


def read_confusion(run: Path) -> pd.DataFrame | None:
    """Read which class the test images of each class were predicted as, after each experience of a run.

    Args:
        run: the run's folder.

    Returns:
        One row per combination that occurred, columns :data:`CONFUSION_COLUMNS`; None when nothing was counted.

    Raises:
        UserError: when the file cannot be read, or holds something else.
    """
    return _read(run / "confusion.csv", _check_confusion)


def read_diagnostics(run: Path) -> pd.DataFrame | None:
    """Read what was recorded along the passes of a run.

    Args:
        run: the run's folder.

    Returns:
        One row per recorded pass; None when nothing was recorded.

    Raises:
        UserError: when the file cannot be read, or holds something other than numbers.
    """
    return _read(run / "diagnostics.csv", _check_diagnostics)


def _read(path: Path, check: Callable[[pd.DataFrame], None]) -> pd.DataFrame | None:
    if not exists(path):
        return None
    try:
        frame = read_frame(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error})") from None
    try:
        check(frame)
    except ValueError as error:
        raise UserError(f"{path}: {error}") from None
    return frame


def _check_continual(frame: pd.DataFrame) -> None:
    _check_columns(frame, CONTINUAL_COLUMNS)
    *whole, kind = (dtype.kind for dtype in frame.dtypes)
    if whole != ["i"] * len(whole):
        raise ValueError("iterations and experiences must be whole numbers")
    accuracy = frame["accuracy"].to_numpy()
    if kind not in "if" or not ((accuracy >= 0) & (accuracy <= 1)).all():
        raise ValueError("accuracies must be fractions in [0, 1]")
    _check_range(frame, ["iteration"], LARGEST)
    _check_range(frame, ["experience", "evaluated"], MOST_EXPERIENCES)
    if frame["iteration"].nunique() * (1 + frame["evaluated"].max()) > MOST_MEASUREMENTS:
        raise ValueError(f"holds more than {MOST_MEASUREMENTS} measurements")


def _check_confusion(frame: pd.DataFrame) -> None:
    _check_columns(frame, CONFUSION_COLUMNS)
    if not (frame.dtypes == "int64").all():
        raise ValueError("must hold whole numbers")
    if (frame["count"] < 1).any():
        raise ValueError("each count must be at least 1")
    _check_range(frame, ["trained", "evaluated"], MOST_EXPERIENCES)
    _check_range(frame, ["class", "predicted", "count"], LARGEST)
    if len(pd.unique(frame[["class", "predicted"]].to_numpy().ravel())) > MOST_CLASSES:
        raise ValueError(f"holds more than {MOST_CLASSES} classes")


def _check_diagnostics(frame: pd.DataFrame) -> None:
    for column, dtype in frame.dtypes.items():
        if not is_numeric_dtype(dtype) or is_bool_dtype(dtype):
            raise ValueError(f"{str(column)[:40]!r} must be a column of numbers")
        if not str(column).isidentifier() or column in _NAMES_OF_RUNS:
            raise ValueError(f"{str(column)[:40]!r} is not a name of a recorded number")


def _check_columns(frame: pd.DataFrame, columns: list[str]) -> None:
    if list(frame.columns) != columns:
        raise ValueError(f"must have the columns {', '.join(columns)}")


def _check_range(frame: pd.DataFrame, columns: list[str], end: int) -> None:
    for column in columns:
        if ((frame[column] < 0) | (frame[column] >= end)).any():
            raise ValueError(f"{column} must lie in 0..{end - 1}")
