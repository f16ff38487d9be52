"""JSON Schema of study files, for completion and checks in editors.

It covers constraints on single values; ``lifelong-lb validate`` also checks those that involve several values.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from lifelong_lb.config.checks.labels import AXES
from lifelong_lb.config.entries.landscape import Landscape
from lifelong_lb.config.entries.models import MODEL_ENTRIES
from lifelong_lb.config.entries.schedules import SCHEDULE_ENTRIES
from lifelong_lb.config.entries.strategies import NOT_OFFERED
from lifelong_lb.config.entries.train import Evaluation, Train
from lifelong_lb.config.reading.extends import EXTENDS
from lifelong_lb.config.study import MAX_SEED, MAX_SEEDS, Study
from lifelong_lb.config.tuning import Chosen, HeldOut, Range, Search, Tuning

Json = dict[str, Any]

_BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
"""JSON Schema keywords for bounds; pydantic leaves its own keywords in fields that have a ``BeforeValidator``."""


def study_schema() -> Json:
    """Build the schema of a study file.

    Returns:
        A JSON Schema, draft 2020-12.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Study file of lifelong_lb",
        "type": "object",
        "properties": _keys(),
        "additionalProperties": False,
        "anyOf": [{"required": ["streams"]}, {"required": [EXTENDS]}],
        "if": {"not": {"required": [EXTENDS]}},
        "then": {"properties": {"model": _ref("model")}},
        "$defs": _definitions(),
    }


def _keys() -> Json:
    """The keys of a study file."""
    seeds = {"type": "integer", "minimum": 0, "maximum": MAX_SEED}
    keys: Json = {axis: _one_or_more(_ref(what)) for axis, (what, _) in AXES.items()}
    keys["seeds"] = {
        "description": "A number of seeds (6 means 0 to 5), or a list of them.",
        "anyOf": [
            {"type": "integer", "minimum": 1, "maximum": MAX_SEEDS},
            {"type": "array", "items": seeds, "minItems": 1, "uniqueItems": True},
        ],
    }
    keys["name"] = {"type": "string", "description": "Title of the study in reports.", "minLength": 1}
    keys["model"] = _model_or_changes()
    keys["train"], keys["evaluation"] = _ref("train"), _ref("evaluation")
    keys["skip_unsupported"] = {
        "type": "boolean",
        "description": "Leave out, instead of refusing, strategies that a stream, rule or optimizer does not support.",
    }
    keys["only"] = _selections("Combinations of entries that the study is restricted to, by label.")
    keys["exclude"] = _selections("Combinations of entries that are left out, by label.")
    keys["imports"] = {
        "description": "Modules, or files relative to this one, that register rules, models, strategies or streams.",
        **_one_or_more({"type": "string", "minLength": 1}),
    }
    keys["tuning"] = _or_null(_ref("tuning"))
    keys["chosen"] = {"type": "array", "items": _ref("chosen")}
    keys = {key: keys[key] for key in Study.model_fields}
    keys[EXTENDS] = {
        "description": "Study files, relative to this one, or preset:NAME, that give the keys missing in this one.",
        **_one_or_more({"type": "string", "minLength": 1}),
    }
    return keys


def _selections(description: str) -> Json:
    labels = _one_or_more({"type": "string"})
    selection: Json = {
        "type": "object",
        "properties": dict.fromkeys(AXES, labels),
        "additionalProperties": False,
        "minProperties": 1,
    }
    some = {"type": "array", "items": selection}
    return {"description": description, "anyOf": [selection, some]}


def _definitions() -> Json:
    models = {name: _settings(model) for name, model in MODEL_ENTRIES.items()}
    found: Json = {name: _settings(model) for name, model in (_SHARED | _NESTED).items()}
    found["evaluation"]["properties"]["landscape"] = _or_null(_ref("landscape"))
    found["model-changes"] = {
        "type": "object",
        "properties": {
            **{key: {} for settings in models.values() for key in settings["properties"]},
            "name": {"enum": [*models]},
        },
        "additionalProperties": False,
    }
    for what, known in (*AXES.values(), ("model", MODEL_ENTRIES), ("schedule", SCHEDULE_ENTRIES)):
        for name, model in known.items():
            entry = _settings(model)
            found[f"{what}-{name}"] = {**entry, "required": sorted({"name", *entry.get("required", ())})}
            if what == "optimizer":
                entry["properties"]["schedule"] = _or_null(_ref("schedule"))
            if what == "stream":
                entry["properties"]["model"] = _or_null(_model_or_changes())
                entry["properties"]["train"] = _or_null(_ref("train"))
        found[what] = _entry(what, known)
    return found


_SHARED: dict[str, type[BaseModel]] = {"train": Train, "evaluation": Evaluation, "landscape": Landscape}


_NESTED: dict[str, type[BaseModel]] = {
    "tuning": Tuning,
    "chosen": Chosen,
    "HeldOut": HeldOut,
    "Range": Range,
    "Search": Search,
}
"""Sections about tuning and the groups of settings within them, by the names used in pydantic's references."""


def _entry(what: str, known: Mapping[str, type[BaseModel]]) -> Json:
    """A bare name, or a mapping identified by its ``name``."""
    needs_more = [name for name, model in known.items() if any(f.is_required() for f in model.model_fields.values())]
    names: list[str] = [name for name in known if name not in needs_more]
    if what == "strategy":  # accepted, because skip_unsupported leaves them out
        names += NOT_OFFERED
    kinds: list[Json] = [_ref(f"{what}-{name}") for name in known]
    if what == "strategy":
        kinds.append({"type": "object", "properties": {"name": {"enum": [*NOT_OFFERED]}}, "required": ["name"]})
    return {"anyOf": [{"enum": names}, {"oneOf": kinds}]}


def _settings(model: type[BaseModel]) -> Json:
    """Schema of a group of settings, with the first line of its docstring as description."""
    schema: Json = _plain(model.model_json_schema())
    schema.pop("$defs", None)
    schema["description"] = (model.__doc__ or "").strip().splitlines()[0]
    return schema


def _plain(schema: Any) -> Any:
    """Replace pydantic's keywords for bounds, and drop the titles."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        _BOUNDS.get(key, key): _plain(value)
        for key, value in schema.items()
        if not (key == "title" and isinstance(value, str))
    }


def _model_or_changes() -> Json:
    """A model, or some settings that override the shared model."""
    return {"anyOf": [_ref("model"), _ref("model-changes")]}


def _or_null(schema: Json) -> Json:
    return {"anyOf": [schema, {"type": "null"}]}


def _one_or_more(schema: Json) -> Json:
    return {"anyOf": [schema, {"type": "array", "items": schema, "minItems": 1}]}


def _ref(name: str) -> Json:
    return {"$ref": f"#/$defs/{name}"}
