"""Plain values that remember where each of them stands, for messages."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


class FilePlace(str):
    """A place in a study file that also has the file's folder.

    Args:
        place: what to call it in messages.
        folder: where the file lies.
    """

    __slots__ = ("folder",)

    folder: Path

    def __new__(cls, place: str, folder: Path) -> "FilePlace":
        """Make the text, with the folder as an attribute."""
        made = super().__new__(cls, place)
        made.folder = folder
        return made


class LocatedMapping(dict[Any, Any]):
    """A mapping with the place of each key: ``file.yaml:7``, or the option that set it.

    Args:
        values: the keys and values.
        places: where each key stands; keys may be missing.
    """

    def __init__(self, values: Mapping[Any, Any] | None = None, places: Mapping[Any, str] | None = None) -> None:
        super().__init__(values or {})
        self.places: dict[Any, str] = dict(places or {})

    def copied(self) -> "LocatedMapping":
        """The same keys, values and places in a mapping of its own.

        Returns:
            A mapping.
        """
        return LocatedMapping(self, self.places)


class LocatedList(list[Any]):
    """A list with the place of each item.

    Args:
        items: the items.
        places: where each of them stands.
    """

    def __init__(self, items: Iterable[Any] = (), places: Iterable[str] = ()) -> None:
        super().__init__(items)
        self.places: dict[Any, str] = dict(enumerate(places))


def place_of(raw: Any, path: str) -> str | None:
    """Where the value that a path leads to stands, or the nearest one around it.

    Args:
        raw: the values of a study.
        path: such as ``rules[1].rho``; ``rules[0]`` also means the only entry where no list stands.

    Returns:
        The place; None where none is known.

    Example:
        >>> sam = LocatedMapping({"rho": -1}, {"rho": "my.yaml:7"})
        >>> raw = LocatedMapping({"rules": sam}, {"rules": "my.yaml:5"})
        >>> place_of(raw, "rules[0].rho"), place_of(raw, "rules.k"), place_of(raw, "streams")
        ('my.yaml:7', 'my.yaml:5', None)
    """
    rest, place = f".{path}", None
    while isinstance(raw, LocatedMapping | LocatedList):
        step = _step(raw, rest)
        if step is None:
            break
        key, sign = step
        raw, place, rest = raw[key], raw.places[key], rest.removeprefix(sign)
        if not isinstance(raw, LocatedList):
            rest = rest.removeprefix("[0]")
    return place


def _step(raw: LocatedMapping | LocatedList, path: str) -> tuple[Any, str] | None:
    """The key with which a path begins, and how it is written there."""
    signs = [(key, f"[{key}]" if isinstance(raw, LocatedList) else f".{key}") for key in raw.places]
    fitting = [(key, sign) for key, sign in signs if f"{path}.".startswith((f"{sign}.", f"{sign}["))]
    return max(fitting, key=lambda pair: len(pair[1]), default=None)
