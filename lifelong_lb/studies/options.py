"""Options for executing studies: names, types, defaults, ranges and help, in one place."""

import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from os import PathLike
from typing import TYPE_CHECKING, Any

from lifelong_lb.config import UserError

if TYPE_CHECKING:
    from lifelong_lb.studies.progress.observer import ProgressObserver


@dataclass(frozen=True)
class Flag:
    """Command-line form of an option.

    Attributes:
        help: its help text.
        argument: what its argument is, as in the help, e.g. ``"TIME"``; None for a plain text, or for a switch.
        name: name without dashes; None for the name of the field.
        repeatable: whether each use adds a value.
    """

    help: str
    argument: str | None = None
    name: str | None = None
    repeatable: bool = False


def _flag(
    help: str, argument: str | None = None, name: str | None = None, *, repeatable: bool = False
) -> dict[str, Flag]:
    return {"flag": Flag(help, argument, name, repeatable)}


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Options for executing a study; they do not change its results.

    A field with a flag is also an option of the commands ``run`` and ``tune``.

    Attributes:
        workers: number of concurrent runs; None for one per core, or one per accelerator. With ``"slurm"`` the number
            of jobs, with ``"ray"`` of tasks; None for 256.
        executor: ``"local"``, one process per run; ``"in-process"``; ``"slurm"``, jobs submitted from here; or
            ``"ray"``, the cluster of ``$RAY_ADDRESS`` or else this machine. Clusters need a shared file system.
        device: ``"cpu"``; a kind of accelerator that torch finds, e.g. ``"cuda"``: all devices, assigned to workers
            round-robin; ``"auto"``, the accelerators if there are any, or else the CPU; or a list of devices, e.g.
            ``"cuda:0,cuda:2"``.
        data: folder of the data sets; None for ``$LIFELONG_LB_DATA``, then the platform's cache folder.
        download: whether missing data sets may be downloaded.
        retry: statuses (failed, diverged, timeout) of ended runs to run again.
        timeout: time limit per run in seconds, from the start of its process. A run that exceeds it writes its stack
            trace to its log, is stopped, and is recorded as ``timeout``. None for no limit.
        checkpoint_every: seconds of work after which a run saves a checkpoint at the end of an experience, to resume
            from if its process is killed; 0 for after each experience, None for never.
        loggers: any of ``"tensorboard"``, ``"wandb"`` and ``"mlflow"``, called in each run's process. A logger that
            fails does not fail the run.
        slurm: settings of SLURM jobs, e.g. ``{"partition": "gpu", "gpus_per_node": 1, "mem_gb": 8}``.
        runs_per_job: runs executed one after the other in a SLURM job.
        gpus_per_run: fraction of a GPU that Ray reserves per run, 0 to 1.
        columns: metrics and costs in the tables of ``summary.md`` and ``summary.tex``; None for average accuracy,
            learning accuracy, forgetting and gradients.
        observer: receives progress events; None for no progress.

    Raises:
        UserError: for a number out of range.
    """

    workers: int | None = field(
        default=None, metadata=_flag("Number of parallel runs; default: one per core or GPU.", "N")
    )
    executor: str = field(default="local", metadata=_flag("in-process, local (one process per run), slurm or ray."))
    device: str = field(
        default="auto",
        metadata=_flag("cpu, auto, a kind of accelerator (cuda, mps, xpu), or a list: cuda:0,cuda:2."),
    )
    data: str | PathLike[str] | None = field(
        default=None,
        metadata=_flag("Folder of the data sets; default: LIFELONG_LB_DATA, then the cache folder.", "DIR"),
    )
    download: bool = field(default=False, metadata=_flag("Download missing data sets with torchvision."))
    retry: Sequence[str] = field(
        default=(), metadata=_flag("Repeat runs that ended as failed, diverged or timeout.", "STATUS", repeatable=True)
    )
    timeout: float | None = field(
        default=None, metadata=_flag("Time limit per run: seconds, or 30m, 2h; default: none.", "TIME")
    )
    checkpoint_every: float | None = field(
        default=10.0,
        metadata=_flag(
            "Least training time between checkpoints, from which a killed run resumes; 0: after each experience; "
            "never.",
            "SECONDS",
        ),
    )
    loggers: Sequence[str] = field(
        default=(),
        metadata=_flag("Log runs to tensorboard, wandb or mlflow; repeatable.", "NAME", "logger", repeatable=True),
    )
    slurm: Mapping[str, Any] | None = field(
        default=None, metadata=_flag("Setting of SLURM jobs, e.g. partition=gpu.", "NAME=VALUE", repeatable=True)
    )
    runs_per_job: int = field(default=1, metadata=_flag("Consecutive runs per SLURM job.", "N"))
    gpus_per_run: float = field(default=0.0, metadata=_flag("Share of a GPU that Ray reserves per run.", "SHARE"))
    columns: Sequence[str] | None = field(
        default=None,
        metadata=_flag("Metrics and costs in the summary's tables, e.g. forgetting,train_seconds.", "NAME,NAME"),
    )
    observer: "ProgressObserver | None" = None

    def __post_init__(self) -> None:
        for name in ("retry", "loggers", *(() if self.columns is None else ("columns",))):
            value = getattr(self, name)
            object.__setattr__(self, name, (value,) if isinstance(value, str) else tuple(dict.fromkeys(value)))
        if self.workers is not None and self.workers < 1:
            raise UserError(f"workers must be at least 1; got {self.workers}")
        if self.timeout is not None and not 0 < self.timeout < math.inf:
            raise UserError(f"timeout must be a positive number of seconds; got {self.timeout!r}")
        if self.checkpoint_every is not None and not 0 <= self.checkpoint_every < math.inf:
            raise UserError(f"checkpoint_every must be a number of seconds >= 0, or None; got {self.checkpoint_every}")
        if self.runs_per_job < 1:
            raise UserError(f"runs_per_job must be at least 1; got {self.runs_per_job}")
        if not 0 <= self.gpus_per_run <= 1:
            raise UserError(f"gpus_per_run must be in [0, 1], because a run uses one GPU; got {self.gpus_per_run}")


@dataclass(frozen=True, kw_only=True)
class TuneOptions(RunOptions):
    """Options for tuning a study: those of :class:`RunOptions`, and the length of the searches.

    Each run is retried once per call, and the new result is used. A trial with a run that exceeds the time limit counts
    as the worst. Runs of trials are logged in ``tuning``. The observer receives the events of each round of trials,
    then those of the study.

    Attributes:
        trials: number of trials per search; None for the study's setting.

    Raises:
        UserError: for a number out of range.
    """

    trials: int | None = field(default=None, metadata=_flag("Trials per search; default: from the study.", "N"))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.trials is not None and self.trials < 1:
            raise UserError(f"trials must be at least 1; got {self.trials}")


def flags(options: type[RunOptions]) -> dict[str, tuple[Flag, Any]]:
    """Command-line options of a class of options.

    Args:
        options: the class.

    Returns:
        Name of a field to its flag and default: fields that the class adds first, then inherited ones.
    """
    added = inspect.get_annotations(options)
    ordered = sorted(fields(options), key=lambda one: one.name not in added)
    return {one.name: (one.metadata["flag"], one.default) for one in ordered if "flag" in one.metadata}
