"""Base class of sources that join several sources to one."""

from dataclasses import dataclass
from pathlib import Path

from lifelong_lb.data.arrays import Source


@dataclass(frozen=True)
class SeveralParts(Source):
    """Several sources as one.

    Attributes:
        parts: the sources.
        titles: a name for each.
    """

    parts: tuple[Source, ...]
    titles: tuple[str, ...]

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

    def files(self) -> list[Path]:
        """List the files of all parts.

        Returns:
            Paths.
        """
        return [path for part in self.parts for path in part.files()]

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
