"""Description of one run for an executor."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lifelong_lb.config import RunConfig


@dataclass(frozen=True)
class LoggedAs:
    """Loggers of a run, and its names there.

    Attributes:
        loggers: keys of :data:`~lifelong_lb.studies.run.loggers.registry.LOGGERS`.
        study: the study's name.
        labels: column of the result files to the run's label in it.
    """

    loggers: tuple[str, ...]
    study: str
    labels: Mapping[str, str]


@dataclass(frozen=True)
class Job:
    """One run to execute.

    Attributes:
        config: its configuration.
        title: one-line description.
        out: the result folder.
        roots: folders of the data sets.
        threads: number of torch threads. It changes the last digits of results, so it must not depend on the number of
            workers.
        environment: code version, stored in the run's record.
        device: torch device name; set by the executor if there are several devices.
        checkpoint_every: seconds of work after which a checkpoint is saved at the end of an experience; 0 for after
            each experience, None for no checkpoints.
        limited: whether the run has a time limit.
        logged: its loggers; None for no loggers.
        imports: modules and files named by the study, which may register a device of torch.
    """

    config: RunConfig
    title: str
    out: Path
    roots: tuple[Path, ...]
    threads: int
    environment: dict[str, Any]
    device: str = "cpu"
    checkpoint_every: float | None = None
    limited: bool = False
    logged: LoggedAs | None = None
    imports: tuple[str, ...] = ()


TERMINATED = 143
"""Exit code of a run's process that received SIGTERM, by the convention of shells."""
