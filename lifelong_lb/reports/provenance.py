"""Where numbers come from: the environment that runs saw, and what became of those that are not done."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lifelong_lb.reports.results import Results
from lifelong_lb.store import RunRecord
from lifelong_lb.untrusted import shortened


@dataclass(frozen=True)
class Ending:
    """Runs that ended in the same way, other than done.

    Attributes:
        status: how.
        message: the line they left behind.
        runs: one line a run: its id, labels and seed.
        traceback: that of the first of them; empty when there is none.
    """

    status: str
    message: str
    runs: tuple[str, ...]
    traceback: str


def ended_otherwise(results: Results) -> list[Ending]:
    """Gather the runs that ended but are not done.

    Args:
        results: what a folder's runs have to say.

    Returns:
        One value for each status and message, in the order of the runs.
    """
    found: dict[tuple[str, str], list[str]] = {}
    traces: dict[tuple[str, str], str] = {}
    columns = ["run", "stream", "strategy", "rule", "base_optimizer", "seed", "status"]
    for run, *labels, seed, status in results.runs[columns].itertuples(index=False):
        if status == "done":
            continue
        record = results.records.get(str(run))
        key = (str(status), record.message if record else "")
        found.setdefault(key, []).append(f"{run}: {', '.join(map(str, labels))}, seed {seed}")
        traces.setdefault(key, record.traceback if record else "")
    return [Ending(*key, runs=tuple(runs), traceback=traces[key]) for key, runs in found.items()]


def environment_rows(records: Iterable[RunRecord]) -> list[tuple[str, str]]:
    """What the runs saw, key by key.

    Args:
        records: the runs.

    Returns:
        Pairs of a key and its value; where runs differ, each value with the number of its runs. Keys of nested
        mappings are joined by dots.
    """
    found: dict[str, Counter[str]] = {}
    total = 0
    for record in records:
        total += bool(record.environment)
        for key, value in _flat(record.environment):
            found.setdefault(key, Counter())[value] += 1
    rows = []
    for key, values in found.items():
        if len(values) == 1 and values.total() == total:
            rows.append((key, next(iter(values))))
        else:
            named = [f"{value} ({n} of {total} runs)" for value, n in values.most_common(_MOST_VALUES)]
            more = len(values) - _MOST_VALUES
            rows.append((key, "; ".join([*named, *([f"and {more} more"] if more > 0 else [])])))
    return rows


_MOST_VALUES, _LONGEST = 6, 1000


def _flat(environment: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in environment.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            yield shortened(f"{prefix}{key}", _LONGEST), shortened(text, _LONGEST)
