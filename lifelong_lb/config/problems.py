"""Problems of a study, collected before one error with all of them is raised."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from lifelong_lb.config.errors import UserError
from lifelong_lb.config.source_lines import location_of
from lifelong_lb.untrusted import QUOTED_CHARACTERS, printable, shortened

MAX_PROBLEMS = 100
"""Number of problems after which checking stops."""
MAX_LINES, MAX_MESSAGE_CHARACTERS = 20, 1500
"""Maximum number of problems per message, and of characters after which no further problem is listed."""
MAX_PATH_CHARACTERS = 200
"""Maximum length of a field's path in a message."""
_LONG_PART = re.compile(rf"[^.\[\]]{{{QUOTED_CHARACTERS + 1},}}")


@dataclass(frozen=True)
class Problem:
    """A problem with one field of a study.

    Attributes:
        path: field, e.g. ``rules[1].rho``.
        sentence: the requirement and the value.
        at: path used to find the line in the study file if it differs from ``path``, e.g. that of an unknown key.
    """

    path: str
    sentence: str
    at: str | None = None

    def __str__(self) -> str:
        path = _LONG_PART.sub(lambda part: shortened(part[0]), self.path)
        return f"{shortened(printable(path, lines=False), MAX_PATH_CHARACTERS)}: {self.sentence}"


class TooManyProblems(Exception):  # noqa: N818  ends the collection, is not an error itself
    """Raised to stop checking after :data:`MAX_PROBLEMS` problems."""


class Problems:
    """Problems found in one study, at most :data:`MAX_PROBLEMS`."""

    def __init__(self) -> None:
        self.found: list[Problem] = []

    def add(self, path: str, sentence: str, at: str | None = None) -> None:
        """Add a problem.

        Args:
            path: field, e.g. ``rules[1].rho``.
            sentence: the requirement and the value.
            at: path used to find the line in the study file, if it differs.

        Raises:
            TooManyProblems: if the maximum is reached.
        """
        self.extend([Problem(path, sentence, at)])

    def extend(self, problems: Iterable[Problem]) -> None:
        """Add several problems.

        Args:
            problems: the problems.

        Raises:
            TooManyProblems: if the maximum is reached.
        """
        for problem in problems:
            self.found.append(problem)
            if len(self.found) >= MAX_PROBLEMS:
                raise TooManyProblems

    def raise_if_any(self, source: str, raw: Any = None) -> None:
        """Raise an error if there are problems.

        Args:
            source: name of the study for messages, e.g. the file's.
            raw: the values read; those with a location are reported with file and line.

        Raises:
            UserError: listing the problems, one per line.
        """
        found = self.found[:MAX_LINES]
        places = [location_of(raw, problem.path if problem.at is None else problem.at) for problem in found]
        if len(self.found) == 1:
            raise UserError(f"{places[0] or source}: {self.found[0]}")
        if self.found:
            lines = [f"{place}: {each}" if place else str(each) for place, each in zip(places, found, strict=True)]
            while len(lines) > 1 and sum(map(len, lines)) > MAX_MESSAGE_CHARACTERS:
                lines.pop()
            lines += [f"and {len(self.found) - len(lines)} more"] * (len(self.found) > len(lines))
            least = "at least " if len(self.found) >= MAX_PROBLEMS else ""
            raise UserError(f"{source}: {least}{len(self.found)} problems\n  " + "\n  ".join(lines))


class NestedProblems(ValueError):
    """Problems with nested settings, raised by the validator of a field.

    Args:
        found: problems with paths relative to the field.
    """

    def __init__(self, found: Sequence[Problem]) -> None:
        super().__init__("; ".join(map(str, found)))
        self.found = tuple(found)
