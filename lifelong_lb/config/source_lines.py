"""Plain values that remember where each of them stands, for messages."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


class FileLocation(str):
    """A location in a study file that also has the file's folder.

    Args:
        location: what to call it in messages.
        folder: where the file lies.
    """

    __slots__ = ("folder",)

    folder: Path

    def __new__(cls, location: str, folder: Path) -> "FileLocation":
        """Make the text, with the folder as an attribute."""
        made = super().__new__(cls, location)
        made.folder = folder
        return made


class LocatedMapping(dict[Any, Any]):
    """A mapping with the location of each key: ``file.yaml:7``, or the option that set it.

    Args:
        values: the keys and values.
        places: where each key stands; keys may be missing.
    """

    def __init__(self, values: Mapping[Any, Any] | None = None, locations: Mapping[Any, str] | None = None) -> None:
        super().__init__(values or {})
        self.locations: dict[Any, str] = dict(locations or {})

    def copied(self) -> "LocatedMapping":
        """The same keys, values and places in a mapping of its own.

        Returns:
            A mapping.
        """
        return LocatedMapping(self, self.locations)


class LocatedList(list[Any]):
    """A list with the location of each item.

    Args:
        items: the items.
        places: where each of them stands.
    """

    def __init__(self, items: Iterable[Any] = (), locations: Iterable[str] = ()) -> None:
        super().__init__(items)
        self.locations: dict[Any, str] = dict(enumerate(locations))


def location_of(raw: Any, path: str) -> str | None:
    """Where the value that a path leads to stands, or the nearest one around it.

    Args:
        raw: the values of a study.
        path: such as ``rules[1].rho``; ``rules[0]`` also means the only entry where no list stands.

    Returns:
        The location; None where none is known.

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
    """The key with which a path begins, and how it is written there."""
    signs = [(key, f"[{key}]" if isinstance(raw, LocatedList) else f".{key}") for key in raw.locations]
    fitting = [(key, sign) for key, sign in signs if f"{path}.".startswith((f"{sign}.", f"{sign}["))]
    return max(fitting, key=lambda pair: len(pair[1]), default=None)
