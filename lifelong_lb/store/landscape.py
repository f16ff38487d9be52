"""Files of a run's landscape: its models after each experience, and what was measured around them."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from lifelong_lb.config import UserError
from lifelong_lb.store.files import write_bytes, write_json, write_text
from lifelong_lb.store.reading import exists, read_mapping, read_rows
from lifelong_lb.store.values import MOST_EXPERIENCES, whole_number

LANDSCAPE_COLUMNS = ("trained", "measured", "measure", "at", "value", "std")
"""Columns of ``landscape.csv``: after which experience, on the images of which, what, at which radius (noise scale,
rank, place on the line), the number, and its spread."""


_MOST_ROWS, _LONGEST_NUMBER = 1_000_000, 9
_LARGEST = 3.5e38
"""Larger numbers than float32 can hold are not measured: they are undefined, as infinity is."""


def _number(cell: str) -> float:
    number = float(cell or "nan")
    return math.copysign(math.inf, number) if abs(number) > _LARGEST else number


def _experience(cell: str) -> int:
    return whole_number(int(cell), "an experience", MOST_EXPERIENCES - 1)


_READ: dict[str, Callable[[str], Any]] = {
    **{"trained": _experience, "measured": _experience, "measure": str},
    **dict.fromkeys(["at", "value", "std"], _number),
}
"""Column to what makes a value of its text: for so few rows quicker than pandas' reader, and as exact."""


def write_landscape(run: Path, rows: Sequence[Sequence[Any]], settings: Mapping[str, Any]) -> None:
    """Write what was measured, and then with which settings: it counts once both are there.

    Args:
        run: the run's folder, or the scratch folder of a run in progress.
        rows: values of :data:`LANDSCAPE_COLUMNS`.
        settings: plain JSON values.
    """
    (run / "landscape.json").unlink(missing_ok=True)
    write_text(run / "landscape.csv", pd.DataFrame(rows, columns=list(LANDSCAPE_COLUMNS)).to_csv(index=False))
    write_json(run / "landscape.json", dict(settings))


def landscape_settings(run: Path) -> dict[str, Any] | None:
    """With which settings a run's landscape was measured.

    Args:
        run: the run's folder.

    Returns:
        The settings; None when it was not measured.

    Raises:
        UserError: when the file cannot be read.
    """
    path = run / "landscape.json"
    try:
        return read_mapping(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{path}: cannot be read ({error})") from None


def read_landscape(run: Path) -> pd.DataFrame | None:
    """What was measured.

    Args:
        run: the run's folder.

    Returns:
        A frame with :data:`LANDSCAPE_COLUMNS`; None when nothing was measured.

    Raises:
        UserError: when a file cannot be read.
    """
    path = run / "landscape.csv"
    if landscape_settings(run) is None:
        if exists(path):
            raise UserError(f"{path}: nobody knows how it was measured, landscape.json is missing")
        return None
    try:
        rows = list(read_rows(path, _READ, _MOST_ROWS))
        return pd.DataFrame(rows, columns=list(LANDSCAPE_COLUMNS))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error})") from None


def model_path(run: Path, experience: int) -> Path:
    """Where a run's model lies.

    Args:
        run: the run's folder.
        experience: after which experience.

    Returns:
        The path of a ``state_dict`` as torch saves it; it exists where the study asked for it.
    """
    return run / "models" / f"after-{experience}.pt"


def write_model(run: Path, experience: int, content: bytes) -> None:
    """Keep a model.

    Args:
        run: the run's folder, or the scratch folder of a run in progress.
        experience: after which experience.
        content: what torch made of its ``state_dict``.
    """
    write_bytes(model_path(run, experience), content)


def stored_models(run: Path) -> list[int]:
    """After which experiences a run's model was kept.

    Args:
        run: the run's folder.

    Returns:
        Experiences, ascending.
    """
    names = [path.stem.removeprefix("after-") for path in (run / "models").glob("after-*.pt")]
    return sorted(int(name) for name in names if name.isdecimal() and len(name) <= _LONGEST_NUMBER)
