"""Entries of a grid axis: one or several, all different."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from pydantic_core.core_schema import with_info_before_validator_function

from lifelong_lb.config.checks.labels import AXES
from lifelong_lb.config.entries.fields import Entry, one_or_more
from lifelong_lb.config.entries.strategies import NOT_OFFERED
from lifelong_lb.config.parse import REFERENCE, as_list, parse_entry
from lifelong_lb.config.problems import NestedProblems, Problems, TooManyProblems
from lifelong_lb.untrusted import quoted

SKIP = "skip"
"""Key in the context of a validation: whether strategies that are not offered are left out instead of refused."""


@dataclass(frozen=True)
class Axis:
    """Constraint of a field to the entries of a grid axis, given as one entry or a list.

    Attributes:
        axis: a key of :data:`~lifelong_lb.config.checks.labels.AXES`.
    """

    axis: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Parse before the type is checked."""
        return with_info_before_validator_function(self._parsed, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """One entry or more."""
        return one_or_more({REFERENCE: AXES[self.axis][0]})

    def _parsed(self, value: Any, info: ValidationInfo) -> tuple[Entry, ...]:
        problems = Problems()
        try:
            entries = self._entries(value, problems, skip=(info.context or {}).get(SKIP, False))
        except TooManyProblems:
            entries = ()
        if problems.found:
            raise NestedProblems(problems.found)
        return entries

    def _entries(self, value: Any, problems: Problems, *, skip: bool) -> tuple[Entry, ...]:
        what, known = AXES[self.axis]
        items = as_list(value)
        if not items:
            problems.add("", f"needs at least one {what} (known: {', '.join(known)})")
        paths = [f"[{i}]" if isinstance(value, list | tuple) else "" for i in range(len(items))]
        parsed = [self._entry(item, path, problems, skip) for item, path in zip(items, paths, strict=True)]
        entries = [(path, entry) for path, entry in zip(paths, parsed, strict=True) if entry is not None]
        same: dict[Hashable, str] = {}
        labelled: dict[str, str] = {}
        for path, entry in entries:
            earlier = same.setdefault(entry.key(), path)
            if earlier != path:
                problems.add(path, f"is the same as {self.axis}{earlier}")
            elif entry.label is not None and labelled.setdefault(entry.label, path) != path:
                first = f"{self.axis}{labelled[entry.label]}"
                problems.add(path, f"has the same label {quoted(entry.label)} as {first}; labels must be unique")
        return tuple(entry for _, entry in entries)

    def _entry(self, item: Any, path: str, problems: Problems, skip: bool) -> Entry | None:
        what, known = AXES[self.axis]
        if isinstance(item, Entry):
            return item
        name = item.get("name") if isinstance(item, Mapping) else item
        if self.axis == "strategies" and isinstance(name, str) and name in NOT_OFFERED:
            if not skip:
                why = NOT_OFFERED[name]
                problems.add(path, f"{name} cannot be used in a study: {why} (known: {', '.join(known)})")
            return None
        return parse_entry(what, known, item, path, problems)
