"""Result folders written through the store, with accuracies chosen by a test."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lifelong_lb.config import parse_study
from lifelong_lb.evaluation import AccuracyMatrix
from lifelong_lb.store import ResultFolder, RunRecord, StudyFile

Entries = list[tuple[int, int, float]]

ENVIRONMENT = {"lifelong_lb": "0.1.0", "torch": "2.6.0", "machine": {"name": "box", "cores": 2}}
CONFIG = {
    "stream": {"name": "split-digits"},
    **{part: {"name": part} for part in ("strategy", "rule", "optimizer", "model")},
}
TWO = {
    "name": "two rules",
    "streams": [{"name": "split-digits", "experiences": 2}],
    "rules": ["none", "sam"],
    "seeds": 2,
}


def two_experiences(first: float, second: float, first_at_end: float) -> Entries:
    """R = [[first, nan], [first_at_end, second]]."""
    return [(0, 0, first), (1, 0, first_at_end), (1, 1, second)]


def wave(T: int, seed: int = 0) -> Entries:
    """A full lower triangle of accuracies that differ between seeds."""
    return [(i, j, round(0.5 + 0.04 * ((3 * i + 5 * j + 7 * seed) % 11), 6)) for i in range(T) for j in range(i + 1)]


Fill = Callable[[Mapping[str, str], int], Any]
"""From labels and seed to the accuracy entries of a done run, its status if not done, or None if it has not ended."""


def make(path: Path, raw: Mapping[str, Any], fill: Fill, T: int = 2, **parts: Any) -> ResultFolder:
    """Write a folder; further arguments replace parts of every record and of its configuration."""
    folder, file = ResultFolder(path), StudyFile.of(parse_study({**raw, "streams": _of_length(raw["streams"], T)}))
    folder.write_study(file)
    labels = file.labels()
    for place in file.places:
        outcome = fill(labels[place.run], place.seed)
        if outcome is not None:
            write(folder, place.run, outcome, T, **parts)
    return folder


def _of_length(streams: Any, T: int) -> list[Any]:
    """Streams with T experiences unless they specify a number."""
    listed = [streams] if isinstance(streams, str | Mapping) else streams
    entries = [{"name": entry} if isinstance(entry, str) else entry for entry in listed]
    part = {"experiences": T} if 10 % T == 0 else {"experiences": 5 if T < 5 else 10, "first": T}
    return [entry if {"experiences", "first"} & set(entry) else {**entry, **part} for entry in entries]


def write(folder: ResultFolder, run: str, outcome: str | Sequence[Any], T: int, **parts: Any) -> None:
    """Write one run as planned by the folder's study, with given parts replaced."""
    done = not isinstance(outcome, str)
    file = folder.read_study()
    given = {k: part for k, part in parts.get("config", {}).items() if part != CONFIG.get(k)}
    parts["config"] = {**((file.expected_config(run) if file else None) or CONFIG), **given}
    values: dict[str, Any] = {
        "run": run,
        "status": "done" if done else outcome,
        "accuracy": AccuracyMatrix.from_entries(outcome if done else [], T),
        "gradient_evaluations": 100,
        "train_seconds": 0.1 + 0.2,
        "message": "" if done else "loss is not finite",
        "traceback": "" if done else "Traceback: x < y & z",
        "environment": ENVIRONMENT,
        "data": {"sha256": "00"},
    }
    with folder.new_run(run) as scratch:
        folder.write_run(RunRecord(**{**values, **parts}), scratch)
