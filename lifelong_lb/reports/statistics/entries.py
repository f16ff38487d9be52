"""Descriptions of the entries of a study's axes: hyper-parameters and papers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lifelong_lb.config import AXES, Entry, axis_labels
from lifelong_lb.reports.results.collect import Results
from lifelong_lb.store import COLUMNS, RunRecord

AXIS_TITLES = {
    "streams": "Streams",
    "strategies": "Strategies",
    "rules": "Update rules",
    "optimizers": "Base optimizers",
}


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


def settings_text(settings: Mapping[str, Any]) -> str:
    """Format settings as one line, without those that are None.

    Args:
        settings: plain values, with or without a ``name``.

    Returns:
        E.g. ``"sam (rho = 0.05)"``, or ``"epochs = 1, batch_size = 10"`` without a name.

    Example:
        >>> settings_text({"name": "mlp", "head": "multi", "hidden": [256, 256]})
        'mlp (head = multi, hidden = [256, 256])'
        >>> settings_text({"epochs": 1, "budget": None})
        'epochs = 1'
    """
    others = ", ".join(
        f"{key} = {_value(value)}" for key, value in settings.items() if key != "name" and value is not None
    )
    if "name" not in settings:
        return others
    return f"{settings['name']} ({others})" if others else str(settings["name"])


def _plain(entry: Entry) -> dict[str, Any]:
    """Hyper-parameters of an entry that are set; without the overrides of a stream, which are shown elsewhere."""
    values = entry.identity()
    return {k: v for k, v in values.items() if v is not None and not (k in {"model", "train"} and isinstance(v, dict))}


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _first_paragraph(kind: type) -> str:
    paragraph = (kind.__doc__ or "").strip().split("\n\n")[0]
    return " ".join(paragraph.replace("``", "").split())
