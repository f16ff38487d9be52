"""The files that hold what one run has left behind."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from lifelong_lb.config import UserError
from lifelong_lb.store.checks import Asked, check_place, checked_record
from lifelong_lb.store.files import write_json, write_text
from lifelong_lb.store.run_record import RunRecord

CONTINUAL_COLUMNS = ["iteration", "experience", "evaluated", "accuracy"]
"""Columns of the accuracies measured during training: training iterations taken over the whole stream, the experience
that was being learnt, the one that was evaluated, and the accuracy on it, a fraction."""
CONFUSION_COLUMNS = ["trained", "evaluated", "class", "predicted", "count"]
"""Columns of the confusion counts: the experience trained on last, the one evaluated, a class and what its images were
predicted as (the data set's own labels), and how many of them; combinations that did not occur are left out."""
_PANDAS = tuple(map(int, pd.__version__.split(".")[:2]))
EXACT: dict[str, Any] = {} if _PANDAS >= (3, 1) else {"float_precision": "round_trip"}
"""What pandas before 3.1 needs to read floats as they were written; later ones do so by themselves."""


class DamagedRunError(Exception):
    """A run's folder that cannot be read; the message names the file."""


def read_record(folder: Path, run: str, seed: int | None = None, asked: Asked | None = None) -> RunRecord:
    """Read a run's files.

    Args:
        folder: the run's folder.
        run: the run's id.
        seed: the seed it must have; None for any.
        asked: knows the configuration that it must have; None for any.

    Returns:
        Its record.

    Raises:
        DamagedRunError: when a file of it is missing or broken, or holds another run.
    """
    try:
        trace = folder / "traceback.txt"
        record = checked_record({
            **read_mapping(folder / "result.json"),  # first, so that it replaces nothing below
            "run": run,
            "config": read_mapping(folder / "config.json"),
            "environment": read_mapping(folder / "environment.json"),
            "accuracy": _read_entries(folder / "accuracy.csv"),
            "traceback": trace.read_text(encoding="utf-8") if trace.exists() else "",
        })
        check_place(record, seed, asked)
        return record
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise DamagedRunError(f"{folder}: {' '.join(str(error).split())}") from error


def write_record(
    folder: Path,
    record: RunRecord,
    diagnostics: Sequence[Mapping[str, float]] = (),
    continual: Sequence[tuple[int, int, int, float]] = (),
    confusion: Sequence[tuple[int, int, int, int, int]] = (),
) -> None:
    """Write a run's files, ``result.json`` last.

    Args:
        folder: where to.
        record: what the run left behind.
        diagnostics: one mapping a recorded pass.
        continual: accuracies measured during training, the values of :data:`CONTINUAL_COLUMNS`.
        confusion: which classes were predicted, the values of :data:`CONFUSION_COLUMNS`.
    """
    if diagnostics:
        write_text(folder / "diagnostics.csv", pd.DataFrame(diagnostics).to_csv(index=False))
    if continual:
        frame = pd.DataFrame(list(continual), columns=CONTINUAL_COLUMNS)
        write_text(folder / "continual.csv", frame.to_csv(index=False))
    if confusion:
        counts = pd.DataFrame(list(confusion), columns=CONFUSION_COLUMNS)
        write_text(folder / "confusion.csv", counts.to_csv(index=False))
    write_json(folder / "config.json", dict(record.config))
    write_json(folder / "environment.json", dict(record.environment))
    columns = ["trained", "evaluated", "accuracy"]
    write_text(folder / "accuracy.csv", pd.DataFrame(record.accuracy, columns=columns).to_csv(index=False))
    if record.traceback:
        write_text(folder / "traceback.txt", record.traceback)
    write_json(
        folder / "result.json",
        {
            "status": record.status,
            "message": record.message,
            "experiences": record.experiences,
            "gradient_evaluations": record.gradient_evaluations,
            "strategy_gradient_evaluations": record.strategy_gradient_evaluations,
            "train_seconds": record.train_seconds,
            "samples_seen": record.samples_seen,
            "forward_passes": record.forward_passes,
            "parameters": record.parameters,
            "peak_memory": record.peak_memory,
            "initial_accuracy": list(record.initial_accuracy),
            "data": dict(record.data),
            **({"budgets": [dict(budget) for budget in record.budgets]} if record.budgets else {}),
        },
    )


def read_recorded(path: Path) -> pd.DataFrame | None:
    """Read a table of numbers that a run has recorded.

    Args:
        path: the file.

    Returns:
        The table; None when there is no such file.

    Raises:
        UserError: when it cannot be read.
    """
    if not path.exists():
        return None
    try:
        frame: pd.DataFrame = pd.read_csv(path, **EXACT)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error})") from None
    return frame


def read_mapping(path: Path) -> dict[str, Any]:
    """Read a JSON file.

    Args:
        path: the file.

    Returns:
        What it holds.

    Raises:
        OSError: when it is not there.
        ValueError: when it is not JSON.
        TypeError: when it holds something other than a mapping.
    """
    value = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(value, dict):
        raise TypeError(f"{path.name}: not a mapping")
    return value


def _read_entries(path: Path) -> list[tuple[int, int, float]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [(int(r["trained"]), int(r["evaluated"]), float(r["accuracy"])) for r in csv.DictReader(file)]
