"""JSON Schema of study files, for completion and checks in editors.

It covers constraints on single values; ``lifelong-lb validate`` also checks those that involve several values.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from lifelong_lb.config.checks.labels import AXES
from lifelong_lb.config.entries.fields import one_or_more
from lifelong_lb.config.entries.models import MODEL_ENTRIES
from lifelong_lb.config.entries.schedules import SCHEDULE_ENTRIES
from lifelong_lb.config.entries.strategies import NOT_OFFERED
from lifelong_lb.config.parse import REFERENCE
from lifelong_lb.config.plugins.importing import load_installed
from lifelong_lb.config.reading.extends import EXTENDS
from lifelong_lb.config.study import Study

Json = dict[str, Any]

_BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
"""JSON Schema keywords for bounds; pydantic leaves its own keywords in the strict numbers of registered extensions."""


def study_schema() -> Json:
    """Build the schema of a study file: that of :class:`Study`, with the known entries and what ``extends`` changes.

    Returns:
        A JSON Schema, draft 2020-12.
    """
    load_installed()
    study = _plain(Study.model_json_schema())
    models = {name: _plain(model.model_json_schema()) for name, model in MODEL_ENTRIES.items()}
    properties = study["properties"] | {
        "model": {
            **{key: value for key, value in study["properties"]["model"].items() if key != "$ref"},
            "anyOf": [_ref("model"), _ref("model-changes")],
        },
        EXTENDS: {
            "description": "Study files, relative to this one, or preset:NAME, that give the keys missing in this one.",
            **one_or_more({"type": "string", "minLength": 1}),
        },
    }
    changes = {
        "type": "object",
        "properties": {
            **{key: {} for settings in models.values() for key in settings["properties"]},
            "name": {"enum": [*models]},
        },
        "additionalProperties": False,
    }
    kinds = (*AXES.values(), ("model", MODEL_ENTRIES), ("schedule", SCHEDULE_ENTRIES))
    entries = {key: value for what, known in kinds for key, value in _entries(what, known).items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Study file of lifelong_lb",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "anyOf": [{"required": ["streams"]}, {"required": [EXTENDS]}],
        "if": {"not": {"required": [EXTENDS]}},
        "then": {"properties": {"model": _ref("model")}},
        "$defs": study["$defs"] | entries | {"model-changes": changes},
    }


def _entries(what: str, known: Mapping[str, type[BaseModel]]) -> Json:
    """Definitions of a kind of entry (a bare name or a mapping with ``name``), of each entry, and of settings in it."""
    found = {name: _plain(model.model_json_schema()) for name, model in known.items()}
    shared = {key: value for settings in found.values() for key, value in settings.pop("$defs", {}).items()}
    names = [name for name, settings in found.items() if not settings.get("required")]
    kinds: list[Json] = [_ref(f"{what}-{name}") for name in known]
    if what == "strategy":  # accepted, because skip_unsupported leaves them out
        names += NOT_OFFERED
        kinds.append({"type": "object", "properties": {"name": {"enum": [*NOT_OFFERED]}}, "required": ["name"]})
    each = {
        f"{what}-{name}": {**settings, "required": sorted({"name", *settings.get("required", ())})}
        for name, settings in found.items()
    }
    return {**shared, **each, what: {"anyOf": [{"enum": names}, {"oneOf": kinds}]}}


def _plain(schema: Any) -> Any:
    """Shorten descriptions to their first line of Markdown, resolve references, replace keywords, drop titles."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if REFERENCE in schema and isinstance(schema[REFERENCE], str):
        rest = {key: value for key, value in schema.items() if key in ("default", "description")}
        return {**_ref(schema[REFERENCE]), **rest}
    return {
        _BOUNDS.get(key, key): value.strip().splitlines()[0].replace("``", "`")
        if key == "description" and isinstance(value, str)
        else _plain(value)
        for key, value in schema.items()
        if not (key == "title" and isinstance(value, str))
    }


def _ref(name: str) -> Json:
    return {"$ref": f"#/$defs/{name}"}
