"""Mappings and lists that record the file and line of each value, for messages."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


class FileLocation(str):
    """Location in a study file, together with the folder of the file.

    Args:
        location: text for messages.
        folder: folder of the file.
    """

    __slots__ = ("folder",)

    folder: Path

    def __new__(cls, location: str, folder: Path) -> "FileLocation":
        """Create the text with the folder as an attribute."""
        made = super().__new__(cls, location)
        made.folder = folder
        return made


class LocatedMapping(dict[Any, Any]):
    """Mapping with the location of each key: ``file.yaml:7``, or the option that set it.

    Args:
        values: the keys and values.
        places: location of each key; keys may be missing.
    """

    def __init__(self, values: Mapping[Any, Any] | None = None, locations: Mapping[Any, str] | None = None) -> None:
        super().__init__(values or {})
        self.locations: dict[Any, str] = dict(locations or {})

    def copied(self) -> "LocatedMapping":
        """Copy the mapping with its locations.

        Returns:
            A shallow copy.
        """
        return LocatedMapping(self, self.locations)


class LocatedList(list[Any]):
    """List with the location of each item.

    Args:
        items: the items.
        places: location of each item.
    """

    def __init__(self, items: Iterable[Any] = (), locations: Iterable[str] = ()) -> None:
        super().__init__(items)
        self.locations: dict[Any, str] = dict(enumerate(locations))


def location_of(raw: Any, path: str) -> str | None:
    """Location of the value at a path, or of the nearest enclosing value.

    Args:
        raw: the values of a study.
        path: e.g. ``rules[1].rho``; ``rules[0]`` also denotes a single entry given without a list.

    Returns:
        The location; None if unknown.

    Example:
        >>> sam = LocatedMapping({"rho": -1}, {"rho": "my.yaml:7"})
        >>> raw = LocatedMapping({"rules": sam}, {"rules": "my.yaml:5"})
        >>> location_of(raw, "rules[0].rho"), location_of(raw, "rules.k"), location_of(raw, "streams")
        ('my.yaml:7', 'my.yaml:5', None)
    """
    rest, location = f".{path}", None
    while isinstance(raw, LocatedMapping | LocatedList):
        step = _step(raw, rest)
        if step is None:
            break
        key, sign = step
        raw, location, rest = raw[key], raw.locations[key], rest.removeprefix(sign)
        if not isinstance(raw, LocatedList):
            rest = rest.removeprefix("[0]")
    return location


def _step(raw: LocatedMapping | LocatedList, path: str) -> tuple[Any, str] | None:
    """First key of a path, and its notation in the path."""
    signs = [(key, f"[{key}]" if isinstance(raw, LocatedList) else f".{key}") for key in raw.locations]
    fitting = [(key, sign) for key, sign in signs if f"{path}.".startswith((f"{sign}.", f"{sign}["))]
    return max(fitting, key=lambda pair: len(pair[1]), default=None)
