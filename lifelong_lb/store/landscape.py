"""Files of a run's loss landscape: models after each experience, and measurements around them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lifelong_lb.config import UserError
from lifelong_lb.store.files import write_bytes, write_json, write_text
from lifelong_lb.store.reading import check_range, exists, read_columns, read_frame, read_mapping
from lifelong_lb.store.values import MAX_EXPERIENCES

LANDSCAPE_COLUMNS = ("trained", "measured", "measure", "at", "value", "std")
"""Columns of ``landscape.csv``: the experience trained last, the experience whose images are used, the measure, its
radius, noise scale, rank or position on the line, the value and its standard deviation."""
_MAX_ROWS, _MAX_NUMBER_DIGITS = 1_000_000, 9
_EXPERIENCES, _NUMBERS = ["trained", "measured"], ["at", "value", "std"]
_MAX_NUMBER = 3.5e38
"""Larger numbers, which float32 cannot hold, are read as infinite."""
_TYPES = {"trained": int, "measured": int, "measure": str, "at": float, "value": float, "std": float}
_CELLS: dict[str, Any] = {
    "dtype": {"measure": object},
    "na_values": {column: ["", "nan"] for column in _NUMBERS},
    "keep_default_na": False,
}


def write_landscape(run: Path, rows: Sequence[Sequence[Any]], settings: Mapping[str, Any]) -> None:
    """Write measurements, then their settings; both files must exist for the measurements to count.

    Args:
        run: the run's folder, or the scratch folder of a run in progress.
        rows: values of :data:`LANDSCAPE_COLUMNS`.
        settings: plain JSON values.
    """
    (run / "landscape.json").unlink(missing_ok=True)
    write_text(run / "landscape.csv", pd.DataFrame(rows, columns=list(LANDSCAPE_COLUMNS)).to_csv(index=False))
    write_json(run / "landscape.json", dict(settings))


def landscape_settings(run: Path) -> dict[str, Any] | None:
    """Read the settings with which a run's landscape was measured.

    Args:
        run: the run's folder.

    Returns:
        The settings; None if it was not measured.

    Raises:
        UserError: if the file cannot be read.
    """
    path = run / "landscape.json"
    try:
        return read_mapping(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{path}: cannot be read ({error})") from None


def read_landscape(run: Path) -> pd.DataFrame | None:
    """Read the measurements of a run's landscape.

    Args:
        run: the run's folder.

    Returns:
        A frame with :data:`LANDSCAPE_COLUMNS`; None if nothing was measured.

    Raises:
        UserError: if a file cannot be read.
    """
    columns = landscape_columns(run)
    return None if columns is None else pd.DataFrame(columns)


def landscape_columns(run: Path) -> dict[str, NDArray[Any]] | None:
    """Read the same as arrays, which is faster for many runs.

    Args:
        run: the run's folder.

    Returns:
        Values by column of :data:`LANDSCAPE_COLUMNS`; None if nothing was measured.

    Raises:
        UserError: if a file cannot be read.
    """
    path = run / "landscape.csv"
    if landscape_settings(run) is None:
        if exists(path):
            raise UserError(f"{path}: the settings of the measurement are unknown because landscape.json is missing")
        return None
    try:
        return _checked(read_columns(path, _TYPES) or read_frame(path, complete=True, **_CELLS))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error})") from None


def _checked(table: Mapping[str, Any] | pd.DataFrame) -> dict[str, NDArray[Any]]:
    missing = [column for column in LANDSCAPE_COLUMNS if column not in table]
    if missing:
        raise ValueError(f"lacks the column {missing[0]!r}")
    columns = {column: np.asarray(table[column]) for column in LANDSCAPE_COLUMNS}
    rows = len(columns["measure"])
    if rows > _MAX_ROWS:
        raise ValueError(f"holds more than {_MAX_ROWS} rows")
    for column in _EXPERIENCES if rows else ():
        check_range(columns[column], column, MAX_EXPERIENCES)
    for column in _NUMBERS if rows else ():
        numbers = columns[column]
        if numbers.dtype.kind not in "if":
            raise ValueError(f"{column} must be a column of numbers")
        large = np.abs(numbers) > _MAX_NUMBER
        if large.any():
            columns[column] = np.where(large, np.copysign(np.inf, numbers), numbers)
    return columns


def model_path(run: Path, experience: int) -> Path:
    """Path of the model after an experience.

    Args:
        run: the run's folder.
        experience: index of the experience.

    Returns:
        The path of a ``state_dict`` saved by torch; it exists if the study keeps models.
    """
    return run / "models" / f"after-{experience}.pt"


def write_model(run: Path, experience: int, content: bytes) -> None:
    """Write the model after an experience.

    Args:
        run: the run's folder, or the scratch folder of a run in progress.
        experience: index of the experience.
        content: its ``state_dict``, serialized by torch.
    """
    write_bytes(model_path(run, experience), content)


def stored_models(run: Path) -> list[int]:
    """List the experiences after which the model was kept.

    Args:
        run: the run's folder.

    Returns:
        Experiences, ascending.
    """
    names = [path.stem.removeprefix("after-") for path in (run / "models").glob("after-*.pt")]
    return sorted(int(name) for name in names if name.isdecimal() and len(name) <= _MAX_NUMBER_DIGITS)
