"""What an executor is handed: one run, and where its images and its results lie."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lifelong_lb.config import RunConfig


@dataclass(frozen=True)
class LoggedAs:
    """What loggers call a run, beside its configuration.

    Attributes:
        loggers: keys of :data:`~lifelong_lb.studies.run.loggers.registry.LOGGERS`.
        study: the study's name.
        labels: column of the result files to the run's label there.
    """

    loggers: tuple[str, ...]
    study: str
    labels: Mapping[str, str]


@dataclass(frozen=True)
class Job:
    """One run to be done.

    Attributes:
        config: what to run.
        title: one line for people.
        out: the result folder.
        roots: folders of the data sets, as the launcher found them.
        threads: torch's threads in the run's process. Results depend on it in the last digits, so it never follows
            from the number of workers.
        environment: what the run's record says of the code that ran it.
        device: what to compute on, as torch knows it; the executor says which where there are several.
        checkpoint_every: seconds of work after which the next experience is followed by a checkpoint; 0 for one after
            each experience, None for no checkpoints.
        limited: whether the run is stopped when it has used up its time.
        logged: the loggers that are told how it goes, and what they call it; None for no loggers.
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


TERMINATED = 143
"""Exit code of a run's process that was told to end, as shells have it."""
