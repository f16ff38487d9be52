"""Provenance of results: environments of runs, and runs that ended without being done."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lifelong_lb.reports.results.collect import Results
from lifelong_lb.store import RunRecord
from lifelong_lb.untrusted import shortened


@dataclass(frozen=True)
class EndedRuns:
    """Runs that ended with the same status, not done, and the same message.

    Attributes:
        status: the status.
        message: the message.
        runs: one line per run: its id, labels and seed.
        traceback: traceback of the first run; empty if there is none.
    """

    status: str
    message: str
    runs: tuple[str, ...]
    traceback: str


def unsuccessful_runs(results: Results) -> list[EndedRuns]:
    """Group the runs that ended without being done.

    Args:
        results: results of a folder.

    Returns:
        One item per status and message, in the order of the runs.
    """
    lines: dict[tuple[str, str], list[str]] = {}
    tracebacks: dict[tuple[str, str], str] = {}
    columns = ["run", "stream", "strategy", "rule", "base_optimizer", "seed", "status"]
    for run, *labels, seed, status in results.runs[columns].itertuples(index=False):
        if status == "done":
            continue
        record = results.records.get(str(run))
        key = (str(status), record.message if record else "")
        lines.setdefault(key, []).append(f"{run}: {', '.join(map(str, labels))}, seed {seed}")
        tracebacks.setdefault(key, record.traceback if record else "")
    return [EndedRuns(*key, runs=tuple(runs), traceback=tracebacks[key]) for key, runs in lines.items()]


def environment_rows(records: Iterable[RunRecord]) -> list[tuple[str, str]]:
    """List the environment of runs, key by key.

    Args:
        records: the runs.

    Returns:
        Pairs of key and value; if runs differ, each value with its number of runs. Keys of nested mappings are joined
        by dots.
    """
    counts: dict[str, Counter[str]] = {}
    total = 0
    for record in records:
        total += bool(record.environment)
        for key, value in _flat(record.environment):
            counts.setdefault(key, Counter())[value] += 1
    rows = []
    for key, values in counts.items():
        if len(values) == 1 and values.total() == total:
            rows.append((key, next(iter(values))))
        else:
            named = [f"{value} ({n} of {total} runs)" for value, n in values.most_common(_MAX_VALUES)]
            more = len(values) - _MAX_VALUES
            rows.append((key, "; ".join([*named, *([f"and {more} more"] if more > 0 else [])])))
    return rows


_MAX_VALUES, _MAX_CHARACTERS = 6, 1000


def _flat(environment: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in environment.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            yield shortened(f"{prefix}{key}", _MAX_CHARACTERS), shortened(text, _MAX_CHARACTERS)
