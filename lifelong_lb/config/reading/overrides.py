"""Assignments to single values of a study, as given by ``--set``."""

from collections.abc import Mapping, Sequence
from typing import Any

from lifelong_lb.config.errors import UserError, listed_names
from lifelong_lb.config.reading.yaml_file import parse_yaml
from lifelong_lb.config.source_lines import LocatedList, LocatedMapping
from lifelong_lb.untrusted import printable, quoted, shortened

OPTION = "--set"
"""Option of the command line whose assignments these are; locations of their values begin with it."""


def override(raw: dict[str, Any], assignment: str, defaults: Mapping[str, Any], axes: Sequence[str]) -> None:
    """Set one value of a raw study in place; nested values are copied first because aliases may share them.

    Args:
        raw: the study as read from YAML.
        assignment: ``path=value``; the path consists of keys, indices of list items, and labels or names of entries of
            a grid axis, joined by dots; the value is YAML.
        defaults: defaults of the top-level keys.
        axes: keys whose items may be given by label or name.

    Raises:
        UserError: if it is not an assignment to a key or an item.
    """
    path, equals, text = assignment.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys):
        raise UserError(f"--set needs key=value, such as train.batch_size=64; got {quoted(assignment)}")
    option, key = f"{OPTION} {shortened(printable(assignment, lines=False))}", keys[0]
    inner = raw.get(key, defaults.get(key, {}))
    if len(keys) > 1 and isinstance(inner, str) and (key == "model" or (key in axes and keys[1] in ("0", inner))):
        inner = {"name": inner} if key == "model" else [inner]
    if len(keys) > 2 and key in axes and isinstance(inner, Mapping) and keys[1] in ("0", *_names_of(inner)):
        keys = [key, *keys[2:]]  # a single entry given without a list
    value = parse_yaml(text, option, lines=False)
    _put(raw, key, _assigned(inner, keys, value, option, key in axes) if len(keys) > 1 else value, option)


def _assigned(target: Any, keys: Sequence[str], value: Any, option: str, axis: bool) -> LocatedMapping | LocatedList:
    """Copy the mapping or list ``keys[0]`` and set the value at the remaining keys in the copy."""
    parent, key, *rest = keys
    if isinstance(target, list | tuple):
        items = target if isinstance(target, LocatedList) else LocatedList(target)
        copy = LocatedList(items)
        copy.locations = dict(items.locations)
        index = _index(items, key, option, parent, axis)
        inner = {"name": items[index]} if axis and isinstance(items[index], str) else items[index]
        _put(copy, index, _assigned(inner, [key, *rest], value, option, False) if rest else value, option)
        return copy
    if not isinstance(target, Mapping):
        raise UserError(
            f"{option}: '{shortened(parent)}' is not a mapping in the study file; set {shortened(parent)} as a whole"
        )
    mapping = target.copied() if isinstance(target, LocatedMapping) else LocatedMapping(target)
    if not rest and key == "name" and mapping.get("name", value) != value:
        mapping = LocatedMapping()  # settings of the previous name do not apply
    _put(mapping, key, _assigned(mapping.get(key, {}), [key, *rest], value, option, False) if rest else value, option)
    return mapping


def _index(items: Sequence[Any], key: str, option: str, parent: str, axis: bool) -> int:
    """Index of an item given by label, name or index."""
    for names in [[_names_of(item)[:1] for item in items], [_names_of(item) for item in items]] if axis else []:
        found = [index for index, names_of_item in enumerate(names) if key in names_of_item]
        if len(found) == 1:
            return found[0]
        if found:
            numbers = ", ".join(f"{parent}.{index}" for index in found)
            raise UserError(
                f"{option}: several of '{shortened(parent)}' are called {quoted(key)}; use one of {numbers}"
            )
    if key.isdecimal() and int(key) < len(items):
        return int(key)
    known = [f"{parent}.{(_names_of(item) or [str(index)])[0] if axis else index}" for index, item in enumerate(items)][
        :8
    ]
    raise UserError(
        f"{option}: '{parent}' is not a mapping in the study file; set {parent} as a whole, or one of its items by "
        f"index{', label or name' if axis else ''} (known: {listed_names(known)})"
    )


def _names_of(item: Any) -> list[str]:
    """Label and name of an entry, if it has them."""
    if isinstance(item, str):
        return [item]
    names = [item.get("label"), item.get("name")] if isinstance(item, Mapping) else []
    return [name for name in names if isinstance(name, str)]


def _put(target: Any, key: Any, value: Any, location: str) -> None:
    inside = isinstance(value, LocatedMapping | LocatedList)
    if isinstance(target, LocatedMapping | LocatedList) and (key not in target.locations or not inside):
        target.locations[key] = location
    target[key] = value
