"""Single values of a study set from outside, as ``--set`` does."""

from collections.abc import Mapping, Sequence
from typing import Any

from lifelong_lb.config.errors import UserError, listed_names
from lifelong_lb.config.reading.yaml_file import parse_yaml
from lifelong_lb.config.source_lines import LocatedList, LocatedMapping
from lifelong_lb.untrusted import printable, quoted, shortened


def override(raw: dict[str, Any], assignment: str, defaults: Mapping[str, Any], axes: Sequence[str]) -> None:
    """Set one value of a raw study in place; what lies within it is copied before that, as aliases may share it.

    Args:
        raw: the study as read from YAML.
        assignment: ``path=value``; the path's parts are keys, numbers of a list's items, or what an entry of a grid
            axis is called, joined by dots; the value is YAML.
        defaults: what stands at the top where the study says nothing.
        axes: keys whose items may be called by their label or name.

    Raises:
        UserError: for anything that is not an assignment to a key or an item.
    """
    path, equals, text = assignment.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys):
        raise UserError(f"--set needs key=value, such as train.batch_size=64; got {quoted(assignment)}")
    option, key = f"--set {shortened(printable(assignment, lines=False))}", keys[0]
    inner = raw.get(key, defaults.get(key, {}))
    if len(keys) > 1 and isinstance(inner, str) and (key == "model" or (key in axes and keys[1] in ("0", inner))):
        inner = {"name": inner} if key == "model" else [inner]
    if len(keys) > 2 and key in axes and isinstance(inner, Mapping) and keys[1] in ("0", *_names_of(inner)):
        keys = [key, *keys[2:]]  # the only entry, which stands where a list may
    value = parse_yaml(text, option, lines=False)
    _put(raw, key, _assigned(inner, keys, value, option, key in axes) if len(keys) > 1 else value, option)


def _assigned(target: Any, keys: Sequence[str], value: Any, option: str, axis: bool) -> LocatedMapping | LocatedList:
    """A copy of a mapping or list called ``keys[0]``, with what the other keys lead to set in it."""
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
        mapping = LocatedMapping()  # another thing, of which the settings of the one before say nothing
    _put(mapping, key, _assigned(mapping.get(key, {}), [key, *rest], value, option, False) if rest else value, option)
    return mapping


def _index(items: Sequence[Any], key: str, option: str, parent: str, axis: bool) -> int:
    """Place of an item that is called by label, by name, or by its number."""
    for names in [[_names_of(item)[:1] for item in items], [_names_of(item) for item in items]] if axis else []:
        found = [index for index, names_of_item in enumerate(names) if key in names_of_item]
        if len(found) == 1:
            return found[0]
        if found:
            numbers = ", ".join(f"{parent}.{index}" for index in found)
            raise UserError(
                f"{option}: several of '{shortened(parent)}' are called {quoted(key)}: say one of {numbers}"
            )
    if key.isdecimal() and int(key) < len(items):
        return int(key)
    known = [f"{parent}.{(_names_of(item) or [str(index)])[0] if axis else index}" for index, item in enumerate(items)][
        :8
    ]
    raise UserError(
        f"{option}: '{parent}' is not a mapping in the study file; set {parent} as a whole, or one of its items by "
        f"number{' or by what it is called' if axis else ''} (known: {listed_names(known)})"
    )


def _names_of(item: Any) -> list[str]:
    """Label and name of an entry, so far as it has them."""
    if isinstance(item, str):
        return [item]
    names = [item.get("label"), item.get("name")] if isinstance(item, Mapping) else []
    return [name for name in names if isinstance(name, str)]


def _put(target: Any, key: Any, value: Any, location: str) -> None:
    inside = isinstance(value, LocatedMapping | LocatedList)
    if isinstance(target, LocatedMapping | LocatedList) and (key not in target.locations or not inside):
        target.locations[key] = location
    target[key] = value
