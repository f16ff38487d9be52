"""Base class of sources that join several sources to one."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import TypeVar

from lifelong_lb.config import at_key
from lifelong_lb.data.arrays import Source

T = TypeVar("T")


@dataclass(frozen=True)
class SeveralParts(Source):
    """Several sources as one.

    Attributes:
        parts: the sources.
        titles: a name for each.
        keys: item of the stream's entry that names each part, for messages; empty if one key names all.
    """

    parts: tuple[Source, ...]
    titles: tuple[str, ...]
    keys: tuple[str, ...] = ()

    @property
    def description(self) -> str:  # type: ignore[override]  # a read-only attribute
        """The descriptions of all parts."""
        return "; ".join(part.description for part in self.parts)

    def settings(self) -> dict[str, str]:
        """Return the settings of each part that affect the decoded images.

        Returns:
            A mapping of strings.
        """
        return {title: _settings(part) for title, part in zip(self.titles, self.parts, strict=True)}

    def of_parts(self, call: Callable[[Source], T]) -> list[T]:
        """Call a function with each part.

        Args:
            call: the function.

        Returns:
            Its results.

        Raises:
            UserError: that of the function, with the key of the part at fault.
        """
        results = []
        for part, key in zip_longest(self.parts, self.keys):
            with at_key(key):
                results.append(call(part))
        return results

    def files(self) -> list[Path]:
        """List the files of all parts.

        Returns:
            Paths.
        """
        return [path for paths in self.of_parts(lambda part: part.files()) for path in paths]

    def file_names(self) -> list[str]:
        """Names of the files, prefixed by the title of their part.

        Returns:
            One name per file.
        """
        parts = zip(self.titles, self.parts, strict=True)
        return [f"{title}/{file}" for title, part in parts for file in part.file_names()]

    def notes(self) -> list[str]:
        """Notes of all parts.

        Returns:
            One sentence per note.
        """
        return [note for part in self.parts for note in part.notes()]


def _settings(part: Source) -> str:
    """Settings of a part; embedded data has none."""
    return f"{type(part).__name__} {part.settings() if part.files() else {}}"
