"""Text listing of everything a study file can name."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from lifelong_lb.config.checks.labels import AXES
from lifelong_lb.config.entries.models import MODEL_ENTRIES
from lifelong_lb.config.entries.schedules import SCHEDULE_ENTRIES
from lifelong_lb.config.entries.strategies import NOT_OFFERED
from lifelong_lb.config.entries.strategy_base import StrategyEntry
from lifelong_lb.config.errors import UserError, unknown_name
from lifelong_lb.config.plugins.importing import load_installed
from lifelong_lb.config.reading.presets import FOLDER, about_preset, preset_names

KINDS: dict[str, Mapping[str, type[BaseModel]]] = {
    **{axis: known for axis, (_, known) in AXES.items()},
    "models": MODEL_ENTRIES,
    "schedules": SCHEDULE_ENTRIES,
}


def listing(what: str | None = None, metrics: Callable[[], str] | None = None) -> str:
    """List names with their hyper-parameters and defaults.

    Args:
        what: ``streams``, ``strategies``, ``rules``, ``optimizers``, ``models``, ``schedules``, ``presets`` or
            ``metrics``; None for all.
        metrics: returns the text about metrics, which are defined in another package.

    Returns:
        One paragraph per kind.

    Raises:
        UserError: if the kind is unknown.
    """
    load_installed()
    kinds = [*KINDS, "presets", *(["metrics"] if metrics else [])]
    if what is not None and what not in kinds:
        raise UserError(unknown_name("kind", what, kinds))
    paragraphs = []
    for kind in kinds if what is None else [what]:
        if kind == "presets":
            width = max(map(len, preset_names()))
            body = "\n".join(f"  {name:<{width}} {about_preset(name)[0]}" for name in preset_names())
            body += f"\n  (sources of their settings, and differences, are in the files: {FOLDER})"
        else:
            body = metrics() if kind == "metrics" and metrics else _entries(KINDS[kind])
        if kind == "strategies":
            body += "".join(f"\n  {name:<20} not offered: {why}" for name, why in NOT_OFFERED.items())
        paragraphs.append(f"{kind}\n{body}")
    return "\n\n".join(paragraphs)


def _entries(known: Mapping[str, type[BaseModel]]) -> str:
    settings = {name: _settings(model) for name, model in known.items()}
    common = dict(set.intersection(*(set(each.items()) for each in settings.values()))) if len(known) > 1 else {}
    lines = []
    for name, model in known.items():
        lines.append(f"  {name:<20} {(model.__doc__ or '').strip().splitlines()[0]}")
        specific = [f"{key}={value}" for key, value in settings[name].items() if key not in common]
        if specific:
            lines.append(f"  {'':<20} {', '.join(specific)}")
        if issubclass(model, StrategyEntry):
            lines += [f"  {'':<20} {line}" for line in _about_strategy(model)]
    if common:
        shared = [f"{key}={value}" for key, value in next(iter(settings.values())).items() if key in common]
        lines.append(f"  {'(each of them)':<20} {', '.join(shared)}")
    return "\n".join(lines)


def _about_strategy(model: type[StrategyEntry]) -> list[str]:
    """Scenarios and heads of a strategy, and the effect of a rule's further passes."""
    scenarios = ", ".join(name.removesuffix("incremental") for name in model.scenarios) + "incremental"
    where = f"{scenarios}{', online' * model.online}; heads {', '.join(model.heads)}"
    about = [where, f"further passes: {model.further_passes.replace('`', '')}"]
    return about if model.remark is None else [*about, model.remark]


def _settings(model: type[BaseModel]) -> dict[str, str]:
    """Settings of an entry and their defaults, as text."""
    return {
        key: _shown(field.get_default(call_default_factory=True))
        for key, field in model.model_fields.items()
        if key not in ("name", "label")
    }


def _shown(value: Any) -> str:
    if value is PydanticUndefined:
        return "(needed)"
    if value is None:
        return "null"
    return str(list(value)) if isinstance(value, tuple) else str(value)
