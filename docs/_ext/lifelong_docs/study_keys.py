"""Tables of the keys of a study file, from its JSON Schema."""

import math
import re
from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

from lifelong_docs.markdown import inline, table, yaml_value
from lifelong_lb.config.schema import study_schema
from lifelong_lb.hyperparameters import Range

Json = Mapping[str, Any]
schema = cache(study_schema)
_UNBOUNDED = 2**53  # of integers that are exact as floats

LINKS = {
    "stream": "streams.md",
    "strategy": "strategies.md",
    "rule": "rules.md",
    "optimizer": "optimizers.md",
    "model": "models.md",
    "model-changes": "models.md",
    "schedule": "study-file.md#schedule",
    "Train": "study-file.md#train",
    "Evaluation": "study-file.md#evaluation",
    "Landscape": "study-file.md#landscape",
    "Tuning": "study-file.md#tuning",
    "HeldOut": "study-file.md#held-out-data",
    "Range": "study-file.md#search-spaces",
    "Selection": "study-file.md#selections",
    "Chosen": "study-file.md#chosen",
}
"""Section that describes a definition of the schema."""
_WORDS = {
    **dict.fromkeys(("Train", "Evaluation", "Landscape", "Tuning", "HeldOut"), "settings"),
    "Chosen": "settings",
    "Search": "a mapping",
    "Range": "a range",
    "model-changes": "changes of it",
}


def type_text(found: Json) -> str:
    """Type and range of a value.

    Args:
        found: its JSON Schema.

    Returns:
        Markdown.

    Example:
        >>> type_text({"type": "integer", "minimum": 1}), type_text({"type": "number", "minimum": 0, "maximum": 1})
        ('whole number >= 1', 'number in [0, 1]')
        >>> type_text({"anyOf": [{"enum": ["a", "b"]}, {"type": "array", "items": {"type": "string"}}]})
        '`a` or `b`, or a list of: text'
    """
    if "anyOf" in found or "oneOf" in found:
        options = [type_text(each) for each in found.get("anyOf", found.get("oneOf"))]
        return ", or ".join(dict.fromkeys(options))
    if "$ref" in found:
        name = found["$ref"].rpartition("/")[2]
        word = _WORDS.get(name, f"{'an' if name[0].lower() in 'aeiou' else 'a'} {spaced(name)}")
        link = LINKS.get(name) or (f"study-file.md#{spaced(name).replace(' ', '-')}" if name in further() else "")
        return f"[{word}]({link})" if link else word
    if "const" in found or "enum" in found:
        return " or ".join(f"`{yaml_value(value)}`" for value in found.get("enum", [found.get("const")]))
    kind = found.get("type")
    if kind == "array":
        return f"a list of: {type_text(found.get('items', {}))}"
    if kind in ("integer", "number"):
        return _range_text(found)
    return {"boolean": "`true` or `false`", "string": "text", "null": "`null`", "object": "mapping"}.get(kind, "value")


def spaced(name: str) -> str:
    """Separate the words of a definition's name.

    Args:
        name: e.g. ``ImageSource``.

    Returns:
        E.g. ``image source``.
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()


def further() -> list[str]:
    """List definitions that are neither entries nor in :data:`LINKS`.

    Returns:
        Their names; without ``Search``, which ``lifelong-lb tune`` writes.
    """
    entries = tuple(f"{kind}-" for kind in LINKS if kind.islower())
    return [name for name in schema()["$defs"] if name not in (*LINKS, "Search") and not name.startswith(entries)]


def further_sections() -> str:
    """Describe them.

    Returns:
        Markdown, a section each.
    """
    parts = []
    for name in further():
        found = definition(name)
        parts += [f"### {spaced(name).capitalize()}", inline(found["description"]), keys_table(found)]
    return "\n\n".join(parts)


def _range_text(found: Json) -> str:
    whole = found["type"] == "integer"
    low = found.get("minimum", found.get("exclusiveMinimum", -math.inf))
    high = found.get("maximum", found.get("exclusiveMaximum", math.inf))
    if whole and abs(low) == _UNBOUNDED:
        low = -math.inf
    if whole and high == _UNBOUNDED:
        high = math.inf
    if low == -math.inf:
        return "whole number" if whole else "number"
    allowed = Range(low, high, above="exclusiveMinimum" in found, below="exclusiveMaximum" in found, whole=whole)
    return str(allowed).removeprefix("a ").replace("finite ", "").replace("<", "&lt;")


def keys_table(settings: Json, leave_out: Collection[str] = (), meanings: Mapping[str, str] | None = None) -> str:
    """Table of keys with type, default and meaning.

    Args:
        settings: schema of the mapping that has the keys.
        leave_out: keys that are described elsewhere.
        meanings: descriptions, as Markdown, of keys that have none in the schema.

    Returns:
        A Markdown table; empty without keys.

    Raises:
        ValueError: for a key without a description.
    """
    rows = []
    for key, found in settings["properties"].items():
        if key in leave_out:
            continue
        meaning = inline(found["description"]) if "description" in found else (meanings or {}).get(key)
        if not meaning:
            raise ValueError(f"{key}: has no description; write a docstring below the field")
        missing = "required" if key in settings.get("required", ()) else "-"
        default = f"`{yaml_value(found['default'])}`" if "default" in found else missing
        rows.append([f"`{key}`", type_text(found), default, meaning[0].upper() + meaning[1:]])
    return table(["key", "type and range", "default", "meaning"], rows) if rows else ""


def definition(name: str) -> Json:
    """Part of the schema.

    Args:
        name: e.g. ``Train`` or ``rule-sam``.

    Returns:
        Its JSON Schema.
    """
    found: Json = schema()["$defs"][name]
    return found


def section(name: str = "") -> str:
    """Table of the keys of a section of a study file.

    Args:
        name: definition in the schema; empty for the top level.

    Returns:
        Markdown.
    """
    return keys_table(definition(name) if name else schema())


def section_example(name: str) -> str:
    """A section with its defaults, to copy.

    Args:
        name: definition in the schema.

    Returns:
        A fenced block of YAML; keys without a value are left out.
    """
    properties = definition(name)["properties"]
    values = {key: found["default"] for key, found in properties.items() if found.get("default") is not None}
    lines = [f"  {key}: {yaml_value(value)}" for key, value in values.items()]
    return "\n".join(["```yaml", f"{name.lower()}:", *lines, "```"])
