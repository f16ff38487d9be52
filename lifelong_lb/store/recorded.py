"""Further tables of a run: accuracies during training, confusion counts, diagnostics."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from lifelong_lb.config import UserError
from lifelong_lb.store.reading import check_range, exists, read_columns, read_frame
from lifelong_lb.store.values import MAX_EXPERIENCES, MAX_NUMBER

CONTINUAL_COLUMNS = ["iteration", "experience", "evaluated", "accuracy"]
"""Columns of the accuracies measured during training: training iterations since the start of the stream, the experience
being learnt, the experience evaluated, and the accuracy on it, a fraction."""
CONFUSION_COLUMNS = ["trained", "evaluated", "class", "predicted", "count"]
"""Columns of the confusion counts: the experience trained on last, the one evaluated, the true and the
predicted class (labels of the data set), and the number of images; zero counts are left out."""
Array = NDArray[Any]
_NAMES_OF_RUNS = {"run", "stream", "strategy", "rule", "base_optimizer", "seed"}
"""Columns that identify a run."""
MAX_CLASSES = 2000
"""Most classes in confusion counts: the confusion matrix has the square of that many entries."""
MAX_MEASUREMENTS = 2**24
"""Most measurements during training times number of experiences."""


def read_continual(run: Path) -> pd.DataFrame | None:
    """Read the accuracies measured during the training of a run.

    Args:
        run: the run's folder.

    Returns:
        One row per measurement and experience, columns :data:`CONTINUAL_COLUMNS`; None if nothing was measured.

    Raises:
        UserError: if the file cannot be read, or its content is invalid.
    """
    return _read(run / "continual.csv", _check_continual)


def read_confusion(run: Path) -> pd.DataFrame | None:
    """Read the confusion counts on the test images after each experience of a run.

    Args:
        run: the run's folder.

    Returns:
        One row per combination that occurred, columns :data:`CONFUSION_COLUMNS`; None if nothing was counted.

    Raises:
        UserError: if the file cannot be read, or its content is invalid.
    """
    return _read(run / "confusion.csv", _check_confusion)


def read_measurements(run: Path) -> NDArray[np.float64] | None:
    """Read the accuracies of :func:`read_continual` as an array, which is faster for many runs.

    Args:
        run: the run's folder.

    Returns:
        ``(n, 4)``, the values of :data:`CONTINUAL_COLUMNS`; None if nothing was measured.

    Raises:
        UserError: as for :func:`read_continual`.
    """
    path = run / "continual.csv"
    columns = read_columns(path, {**dict.fromkeys(CONTINUAL_COLUMNS, int), "accuracy": float})
    if columns is None:
        frame = read_continual(run)
        return None if frame is None else frame.to_numpy(dtype=np.float64)
    with _named(path):
        _check_measurements(*columns.values())
    return np.column_stack(list(columns.values()))


def read_counts(run: Path) -> NDArray[np.int64] | None:
    """Read the counts of :func:`read_confusion` as an array, which is faster for many runs.

    Args:
        run: the run's folder.

    Returns:
        ``(n, 5)``, the values of :data:`CONFUSION_COLUMNS`; None if nothing was counted.

    Raises:
        UserError: as for :func:`read_confusion`.
    """
    path = run / "confusion.csv"
    columns = read_columns(path, dict.fromkeys(CONFUSION_COLUMNS, int))
    if columns is None:
        frame = read_confusion(run)
        return None if frame is None else frame.to_numpy()
    with _named(path):
        _check_counts(list(columns.values()))
    return np.column_stack(list(columns.values()))


def read_diagnostics(run: Path) -> pd.DataFrame | None:
    """Read the quantities recorded at the passes of a run.

    Args:
        run: the run's folder.

    Returns:
        One row per recorded pass; None if nothing was recorded.

    Raises:
        UserError: if the file cannot be read, or a column is not numeric.
    """
    return _read(run / "diagnostics.csv", _check_diagnostics)


def _read(path: Path, check: Callable[[pd.DataFrame], None]) -> pd.DataFrame | None:
    if not exists(path):
        return None
    try:
        frame = read_frame(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error})") from None
    with _named(path):
        check(frame)
    return frame


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise UserError(f"{path}: {error}") from None


def _check_continual(frame: pd.DataFrame) -> None:
    _check_columns(frame, CONTINUAL_COLUMNS)
    *whole, kind = (dtype.kind for dtype in frame.dtypes)
    if whole != ["i"] * len(whole):
        raise ValueError("iterations and experiences must be whole numbers")
    if kind not in "if":
        raise ValueError("accuracies must be fractions in [0, 1]")
    _check_measurements(*(frame[column].to_numpy() for column in CONTINUAL_COLUMNS))


def _check_measurements(iteration: Array, experience: Array, evaluated: Array, accuracy: Array) -> None:
    if not ((accuracy >= 0) & (accuracy <= 1)).all():
        raise ValueError("accuracies must be fractions in [0, 1]")
    check_range(iteration, "iteration", MAX_NUMBER)
    check_range(experience, "experience", MAX_EXPERIENCES)
    check_range(evaluated, "evaluated", MAX_EXPERIENCES)
    experiences = 1 + int(evaluated.max(initial=0))
    if len(iteration) * experiences > MAX_MEASUREMENTS < len(np.unique(iteration)) * experiences:
        raise ValueError(f"holds more than {MAX_MEASUREMENTS} measurements")


def _check_confusion(frame: pd.DataFrame) -> None:
    _check_columns(frame, CONFUSION_COLUMNS)
    if any(dtype != "int64" for dtype in frame.dtypes):
        raise ValueError("must hold whole numbers")
    _check_counts(list(frame.to_numpy().T))


def _check_counts(columns: Sequence[Array]) -> None:
    if columns[-1].min(initial=1) < 1:
        raise ValueError("each count must be at least 1")
    for numbers, column in zip(columns, CONFUSION_COLUMNS, strict=True):
        check_range(numbers, column, MAX_EXPERIENCES if column in ("trained", "evaluated") else MAX_NUMBER)
    labels = columns[2:4]
    if max(of.max(initial=0) for of in labels) >= MAX_CLASSES < len(np.unique(labels)):
        raise ValueError(f"holds more than {MAX_CLASSES} classes")


def _check_diagnostics(frame: pd.DataFrame) -> None:
    for column, dtype in frame.dtypes.items():
        if not is_numeric_dtype(dtype) or is_bool_dtype(dtype):
            raise ValueError(f"{str(column)[:40]!r} must be a column of numbers")
        if not str(column).isidentifier() or column in _NAMES_OF_RUNS:
            raise ValueError(f"{str(column)[:40]!r} is not a name of a recorded number")


def _check_columns(frame: pd.DataFrame, columns: list[str]) -> None:
    if list(frame.columns) != columns:
        raise ValueError(f"must have the columns {', '.join(columns)}")
