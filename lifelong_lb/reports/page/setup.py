"""Setup and provenance of results: entries, environments of runs, and runs that ended without being done."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lifelong_lb.config import AXES, Entry, axis_labels
from lifelong_lb.reports.names import settings_text
from lifelong_lb.reports.results.collect import Results
from lifelong_lb.store import COLUMNS, RunRecord
from lifelong_lb.untrusted import shortened

AXIS_TITLES = {
    "streams": "Streams",
    "strategies": "Strategies",
    "rules": "Update rules",
    "optimizers": "Base optimizers",
}
_MAX_VALUES, _MAX_CHARACTERS = 6, 1000


@dataclass(frozen=True)
class Described:
    """Description of an entry of a study.

    Attributes:
        label: its label in tables.
        settings: its name and hyper-parameters.
        about: first paragraph of its docstring, with the arXiv number of the paper if there is one.
    """

    label: str
    settings: str
    about: str


def describe_entries(results: Results) -> dict[str, list[Described]]:
    """Describe all entries of the study's axes.

    Args:
        results: results of a folder.

    Returns:
        Entries by title of their axis; empty without a study.
    """
    if results.study is None:
        return {}
    descriptions: dict[str, list[Described]] = {}
    for axis in AXES:
        entries: tuple[Entry, ...] = getattr(results.study.study, axis)
        described = zip(axis_labels(entries), entries, strict=True)
        descriptions[AXIS_TITLES[axis]] = [
            Described(label, settings_text(_plain(entry)) + _tuned(label, results), _first_paragraph(type(entry)))
            for label, entry in described
        ]
    return descriptions


def _tuned(label: str, results: Results) -> str:
    """Hyper-parameters of an entry that were chosen per combination."""
    chosen = results.study.study.chosen if results.study else ()
    keys = dict.fromkeys(key for choice in chosen for key in choice.settings.get(label, {}))
    return f"; {', '.join(keys)} chosen for each combination" if keys else ""


def models_of(results: Results) -> dict[str, tuple[str, str]]:
    """List the model and training settings of each stream.

    Args:
        results: results of a folder.

    Returns:
        Model and training settings by stream label, from its runs or else the study. One item with an empty label if
        all streams have the same settings.
    """
    if results.study is None:
        return {}
    study, labels = results.study.study, results.study.labels()
    shared = {"model": study.model.model_dump(mode="json"), "train": study.train.model_dump(mode="json")}
    first: dict[str, RunRecord] = {}
    for run, record in results.records.items():
        first.setdefault(labels[run][COLUMNS["streams"]], record)
    settings = {}
    for label in axis_labels(study.streams):
        config: Mapping[str, Any] = first[label].config if label in first else shared
        model, train = (config.get(part, shared[part]) for part in ("model", "train"))
        settings[label] = (settings_text(model), settings_text(train))
    values = list(settings.values())
    return {"": values[0]} if len(set(values)) == 1 else settings


def _plain(entry: Entry) -> dict[str, Any]:
    """Hyper-parameters of an entry that are set; without the overrides of a stream, which are shown elsewhere."""
    values = entry.identity()
    return {k: v for k, v in values.items() if v is not None and not (k in {"model", "train"} and isinstance(v, dict))}


def _first_paragraph(kind: type) -> str:
    paragraph = (kind.__doc__ or "").strip().split("\n\n")[0]
    return " ".join(paragraph.replace("``", "").split())


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


def _flat(environment: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in environment.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            yield shortened(f"{prefix}{key}", _MAX_CHARACTERS), shortened(text, _MAX_CHARACTERS)
