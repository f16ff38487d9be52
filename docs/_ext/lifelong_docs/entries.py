"""Reference of the entries that a study file can name: streams, strategies, rules, models, optimizers, schedules."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel

from lifelong_docs.markdown import arguments, inline, paragraphs, table, yaml_value
from lifelong_docs.study_keys import definition, keys_table
from lifelong_lb.config.checks.labels import AXES
from lifelong_lb.config.entries.models import MODEL_ENTRIES, ModelEntry
from lifelong_lb.config.entries.optimizer_base import OptimizerEntry
from lifelong_lb.config.entries.optimizers import OPTIMIZER_ENTRIES
from lifelong_lb.config.entries.rules import RULE_ENTRIES, RuleEntry
from lifelong_lb.config.entries.schedules import SCHEDULE_ENTRIES, ScheduleEntry
from lifelong_lb.config.entries.strategies import NOT_OFFERED
from lifelong_lb.config.entries.strategy_base import StrategyEntry
from lifelong_lb.config.entries.streams.base import StreamEntry
from lifelong_lb.optim import RULES

KINDS: dict[str, tuple[Mapping[str, type[BaseModel]], type[BaseModel]]] = {
    "stream": (AXES["streams"][1], StreamEntry),
    "strategy": (AXES["strategies"][1], StrategyEntry),
    "rule": (RULE_ENTRIES, RuleEntry),
    "optimizer": (OPTIMIZER_ENTRIES, OptimizerEntry),
    "model": (MODEL_ENTRIES, ModelEntry),
    "schedule": (SCHEDULE_ENTRIES, ScheduleEntry),
}
"""Entries by name, and their common base class."""


EXAMPLES: dict[str, Any] = {
    "source": "photos",
    "sources": [{"name": "mnist"}, {"path": "usps.npz"}],
    "experiences": ["art", "cartoon", "sketch"],
}
"""Values of required keys in examples."""


def common_keys(kind: str) -> str:
    """Table of the keys that all entries of a kind have.

    Args:
        kind: a key of :data:`KINDS`.

    Returns:
        Markdown; defaults that differ between entries are left out.
    """
    known, base = KINDS[kind]
    found = [definition(f"{kind}-{name}") for name in known]
    shared = {}
    for key in base.model_fields:
        options = [each["properties"][key] for each in found]
        same = all(each.get("default") == options[0].get("default") for each in options)
        shared[key] = {k: v for k, v in options[0].items() if same or k != "default"}
        values = [value for each in options for value in each.get("enum", [each.get("const")])]
        if any(value is not None for value in values):
            shared[key]["enum"] = list(dict.fromkeys(values))
    shared["name"] = {"type": "string", "description": shared["name"]["description"]}
    if "groups" in shared:
        shared["groups"] = {**shared["groups"], "anyOf": [{"type": "array", "items": {"type": "object"}}]}
    return keys_table({"properties": shared, "required": ["name"]})


def own_keys(kind: str, name: str) -> str:
    """Table of the keys of an entry that not all of its kind have.

    Args:
        kind: a key of :data:`KINDS`.
        name: name of the entry.

    Returns:
        Markdown, empty if there are none. Meanings of the keys of rules are those of the constructors in Python.
    """
    _, base = KINDS[kind]
    found = arguments(RULES[name].__doc__) if kind == "rule" else {}
    meanings = {key: re.sub(r", >=? \d+$", "", text.removesuffix(".")) + "." for key, text in found.items()}
    return keys_table(definition(f"{kind}-{name}"), list(base.model_fields), meanings)


def example(kind: str, name: str) -> str:
    """An entry with the defaults of its own keys, as in a study file.

    Args:
        kind: a key of :data:`KINDS`.
        name: name of the entry.

    Returns:
        YAML on one line; keys without a value are left out, those without a default are from :data:`EXAMPLES`.
    """
    known, base = KINDS[kind]
    settings = definition(f"{kind}-{name}")["properties"]
    values: dict[str, Any] = {"name": name}
    for key in known[name].model_fields:
        if key == "experiences" and "sources" in known[name].model_fields:
            continue  # one per source
        if known[name].model_fields[key].is_required():
            values[key] = EXAMPLES[key]
        elif key not in base.model_fields or key in ("experiences", "scenario"):
            values |= {key: settings[key]["default"]} if settings[key].get("default") is not None else {}
    return yaml_value(values if len(values) > 1 else name)


def entry(kind: str, name: str) -> str:
    """Describe an entry, without a heading.

    Args:
        kind: a key of :data:`KINDS`.
        name: name of the entry.

    Returns:
        Markdown: its docstring, facts, keys and an example.
    """
    model = KINDS[kind][0][name]
    line = example(kind, name)
    axis = {"stream": "streams", "strategy": "strategies", "rule": "rules", "optimizer": "optimizers"}.get(kind)
    code = f"{axis}:\n  - {line}" if axis else f"{kind}: {line}"
    parts = [*paragraphs(model.__doc__), *_facts(model), own_keys(kind, name), f"```yaml\n{code}\n```"]
    return "\n\n".join(filter(None, parts))


def _facts(model: type[BaseModel]) -> Iterable[str]:
    if issubclass(model, StreamEntry) and model.classes:
        partial = ", or a part of them" if model.may_be_partial else ""
        yield f"Data set `{model.dataset}`, {model.classes} classes{partial}."
    if issubclass(model, StrategyEntry):
        online = "; also on online streams" if model.online else ""
        yield f"Scenarios: {', '.join(model.scenarios)}{online}. Heads: {', '.join(model.heads)}."
        yield f"Further passes of a rule: {inline(model.further_passes.replace('`', '``'))}."
        if model.remark:
            yield f"Note: {inline(model.remark)}."
    if issubclass(model, RuleEntry):
        low, high = model().gradients(0)
        most = model().most_gradients()
        text = f"{low}" if low == high == most else f"at most {most:g}" if low == high else f"{low} to {high}"
        yield (
            f"Gradient evaluations per minibatch with the defaults: {text}, on average."
            if most != high
            else (f"Gradient evaluations per minibatch with the defaults: {text}.")
        )
    if issubclass(model, OptimizerEntry) and model.requires:
        yield f"Needs `{model.requires}`."


def entries(kind: str) -> str:
    """Describe all entries of a kind.

    Args:
        kind: a key of :data:`KINDS`.

    Returns:
        Markdown, a section per entry.
    """
    found = [f"### `{name}`\n\n{entry(kind, name)}" for name in KINDS[kind][0]]
    if kind == "strategy":
        rows = [[f"`{name}`", inline(why)] for name, why in NOT_OFFERED.items()]
        found.append("## Not offered\n\n" + table(["strategy of Avalanche", "reason"], rows))
    return "\n\n".join(found)


def overview(kind: str) -> str:
    """Table of all entries of a kind.

    Args:
        kind: a key of :data:`KINDS`.

    Returns:
        Markdown: name, first line of the docstring, own keys with their defaults.
    """
    rows, slugs = [], []
    for name, model in KINDS[kind][0].items():
        slug = re.sub(r"[^\w-]", "", name.lower())
        anchor = f"{slug}-{slugs.count(slug)}" if slug in slugs else slug  # as MyST numbers equal ones
        slugs.append(slug)
        rows.append([f"[`{name}`](#{anchor})", paragraphs((model.__doc__ or "").splitlines()[0])[0]])
    return table([kind, "description"], rows)
