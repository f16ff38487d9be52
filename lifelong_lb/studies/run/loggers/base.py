"""What a logger is told, and the interface that each one has."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

Scalar = bool | int | float | str


@dataclass(frozen=True)
class RunInfo:
    """A run, as loggers are told of it.

    Attributes:
        run: its id.
        title: one line for people.
        study: the study's name.
        labels: column of the result files to its label there.
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
        """What runs that differ in base optimizer and seed alone have in common."""
        return "/".join(self.labels[column] for column in ("stream", "strategy", "rule"))

    @property
    def file_name(self) -> str:
        """The title as a part of a path, with the run's id at its end."""
        return f"{re.sub(r'[^A-Za-z0-9._=+-]+', '_', self.title)[:100]}-{self.run}"

    def settings(self) -> dict[str, Scalar]:
        """The configuration as hyper-parameters.

        Returns:
            Keys of nested mappings joined by dots; lists as text, without what is not set.
        """
        return dict(_flat(self.config))


class RunLogger(Protocol):
    """Receives what there is to know of one run. It may raise anything: the run goes on without it."""

    def start(self, info: RunInfo, log: "LogFn") -> None:
        """The run begins, or goes on. What an earlier process has logged of it is replaced.

        Args:
            info: the run.
            log: writes a line into the run's log.
        """

    def experience(self, values: Mapping[str, float], step: int) -> None:
        """An experience was learnt.

        Args:
            values: what was measured, no NaN among it.
            step: the experience, in 0..T-1.
        """

    def end(self, metrics: Mapping[str, float], status: str) -> None:
        """The run has ended.

        Args:
            metrics: its metrics and costs, no NaN among them.
            status: how it ended.
        """


class LogFn(Protocol):
    """Writes a line."""

    def __call__(self, line: str, /) -> None:
        """Write it.

        Args:
            line: the line.
        """


def _flat(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Scalar]]:
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        elif value is not None:
            yield f"{prefix}{key}", value if isinstance(value, Scalar) else str(value)
