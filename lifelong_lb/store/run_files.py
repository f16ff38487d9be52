"""Files of one run."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from lifelong_lb.store.checks import ConfigLookup, check_identity, checked_record
from lifelong_lb.store.files import write_json, write_text
from lifelong_lb.store.reading import exists, read_mapping, read_rows, read_tail
from lifelong_lb.store.recorded import CONFUSION_COLUMNS, CONTINUAL_COLUMNS
from lifelong_lb.store.run_record import RunRecord
from lifelong_lb.store.values import MAX_EXPERIENCES
from lifelong_lb.untrusted import printable, shortened

_MAX_TRACEBACK_CHARACTERS = 100_000
"""Most characters read from the end of a traceback."""
_MAX_ENVIRONMENT_BYTES = 2**18
"""Size limit of ``environment.json`` in bytes; the report shows its content."""
_MAX_REASON_CHARACTERS = 300
"""Most characters of the reason in DamagedRunError."""
_ENTRIES = {"trained": int, "evaluated": int, "accuracy": float}


class DamagedRunError(Exception):
    """A run's folder that cannot be read; the message names the file."""


def read_record(folder: Path, run: str, seed: int | None = None, expected: ConfigLookup | None = None) -> RunRecord:
    """Read a run's files.

    Args:
        folder: the run's folder.
        run: the run's id.
        seed: the seed it must have; None for any.
        expected: maps a run id to the configuration it must have; None for any.

    Returns:
        The record.

    Raises:
        DamagedRunError: if a file is missing or damaged, or belongs to another run.
    """
    if not exists(folder / "result.json"):
        raise DamagedRunError(f"{folder}: no result.json")
    try:
        trace = folder / "traceback.txt"
        record = checked_record({
            **read_mapping(folder / "result.json"),  # first: the entries below take precedence
            "run": run,
            "config": read_mapping(folder / "config.json"),
            "environment": read_mapping(folder / "environment.json", _MAX_ENVIRONMENT_BYTES),
            "accuracy": list(read_rows(folder / "accuracy.csv", _ENTRIES, MAX_EXPERIENCES**2)),
            "traceback": read_tail(trace, _MAX_TRACEBACK_CHARACTERS) if exists(trace) else "",
        })
        check_identity(record, seed, expected)
        return record
    except (OSError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as error:
        reason = printable(" ".join(str(error).split()), lines=False)
        raise DamagedRunError(f"{folder}: {shortened(reason, _MAX_REASON_CHARACTERS)}") from error


def write_record(
    folder: Path,
    record: RunRecord,
    diagnostics: Sequence[Mapping[str, float]] = (),
    continual: Sequence[tuple[int, int, int, float]] = (),
    confusion: Sequence[tuple[int, int, int, int, int]] = (),
) -> None:
    """Write a run's files, ``result.json`` last.

    Args:
        folder: the destination.
        record: the run's record.
        diagnostics: one mapping per recorded pass.
        continual: accuracies measured during training, the values of :data:`CONTINUAL_COLUMNS`.
        confusion: confusion counts, the values of :data:`CONFUSION_COLUMNS`.
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
    write_text(folder / "accuracy.csv", pd.DataFrame(record.accuracy.entries(), columns=columns).to_csv(index=False))
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
            "initial_accuracy": record.accuracy.initial.tolist() if record.accuracy.has_initial else [],
            "data": dict(record.data),
            **({"budgets": [dict(budget) for budget in record.budgets]} if record.budgets else {}),
        },
    )
