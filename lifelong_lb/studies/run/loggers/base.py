"""Interface of loggers."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

Scalar = bool | int | float | str


@dataclass(frozen=True)
class RunInfo:
    """Description of a run for loggers.

    Attributes:
        run: its id.
        title: one-line description.
        study: the study's name.
        labels: column of the result files to the run's label in it.
        config: its configuration as plain JSON values.
        folder: the result folder.
    """

    run: str
    title: str
    study: str
    labels: Mapping[str, str]
    config: Mapping[str, Any]
    folder: Path

    @property
    def group(self) -> str:
        """Stream, strategy and rule: shared by runs that differ only in base optimizer and seed."""
        return "/".join(self.labels[column] for column in ("stream", "strategy", "rule"))

    @property
    def file_name(self) -> str:
        """The title as a path component, followed by the run's id."""
        return f"{re.sub(r'[^A-Za-z0-9._=+-]+', '_', self.title)[:100]}-{self.run}"

    def settings(self) -> dict[str, Scalar]:
        """Flatten the configuration to hyper-parameters.

        Returns:
            Nested keys joined by dots; lists as text; keys with None left out.
        """
        return dict(_flat(self.config))


class RunLogger(Protocol):
    """Receive the values of one run. After an exception, the run continues without the logger."""

    def start(self, info: RunInfo, log: "LogFn") -> None:
        """Called when the run starts or resumes; replaces what an earlier process logged of it.

        Args:
            info: the run.
            log: writes a line into the run's log.
        """

    def experience(self, values: Mapping[str, float], step: int) -> None:
        """Called after an experience.

        Args:
            values: finite values by name.
            step: the experience, 0..T-1.
        """

    def end(self, metrics: Mapping[str, float], status: str) -> None:
        """Called when the run has ended.

        Args:
            metrics: finite metrics and costs by name.
            status: how it ended.
        """


class LogFn(Protocol):
    """Write a line to a log."""

    def __call__(self, line: str, /) -> None:
        """Write a line.

        Args:
            line: the line.
        """


def _flat(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Scalar]]:
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        elif value is not None:
            yield f"{prefix}{key}", value if isinstance(value, Scalar) else str(value)
