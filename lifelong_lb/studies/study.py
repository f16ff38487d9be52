"""A whole study: what is missing is run, what is there is kept, tables and report are made from all of it."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from lifelong_lb.config import GridRun, Study, UserError, expand, parse_study, read_study, unknown_name
from lifelong_lb.config.models import Timm
from lifelong_lb.config.optimizers import External
from lifelong_lb.data import cache_folder, data_roots, find_images, prepared
from lifelong_lb.data.classes import check_classes
from lifelong_lb.data.selection import check_images
from lifelong_lb.reports import Results, collect, write_report, write_tables
from lifelong_lb.store import STATUSES, DamagedRunError, ResultFolder, RunRecord, StudyFile
from lifelong_lb.studies.environment import code_version
from lifelong_lb.studies.executors import EXECUTORS
from lifelong_lb.studies.job import Job

SECONDS_BETWEEN_TABLES = 20.0
"""How often the tables are brought up to date while a study runs."""
SECONDS_BETWEEN_CHECKPOINTS = 10.0
"""How much work of a run a killed process may cost, beside that on the experience under way."""


class Watcher(Protocol):
    """Somebody who is told how a study goes."""

    def start(self, total: int, present: int) -> None:
        """Called once: so many runs in the study, so many of them there already."""

    def ended(self, title: str, record: RunRecord) -> None:
        """Called after each run."""

    def stop(self) -> None:
        """Called at the end, however it comes."""


class Silent:
    """A watcher who says nothing."""

    def start(self, total: int, present: int) -> None:
        """Do nothing."""

    def ended(self, title: str, record: RunRecord) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""


@dataclass(frozen=True)
class _Options:
    """How to run a study; none of it changes the numbers.

    Attributes:
        workers: runs at a time; None for one a core.
        executor: a key of :data:`~lifelong_lb.studies.executors.EXECUTORS`.
        device: ``"cpu"``, ``"cuda"`` or ``"auto"``.
        data: folder of the data sets; None for the usual places.
        download: whether data sets that are not found may be downloaded.
        retry: statuses of ended runs that shall be run again.
        checkpoint_every: seconds of work between two checkpoints of a run; None for no checkpoints.
    """

    workers: int | None = None
    executor: str = "local"
    device: str = "auto"
    data: Path | None = None
    download: bool = False
    retry: Sequence[str] = ()
    checkpoint_every: float | None = SECONDS_BETWEEN_CHECKPOINTS


def run_study(
    config: Study | Mapping[str, Any] | str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    workers: int | None = None,
    executor: str = "local",
    device: str = "auto",
    data: str | os.PathLike[str] | None = None,
    download: bool = False,
    retry: Sequence[str] = (),
    checkpoint_every: float | None = SECONDS_BETWEEN_CHECKPOINTS,
    watcher: Watcher | None = None,
) -> Results:
    """Run what is missing of a study, and write its tables and report.

    Args:
        config: a study, its plain values, or the path of a study file.
        out: result folder. Runs that are there already are kept; a study with other shared settings is refused.
        workers: runs at a time; None for one a core.
        executor: ``"local"``, a process a run, or ``"in-process"``.
        device: ``"cpu"``, ``"cuda"`` or ``"auto"``, which takes CUDA where there is one.
        data: folder of the data sets; None for ``$LIFELONG_LB_DATA``, then the platform's cache folder.
        download: whether data sets that are not found may be downloaded.
        retry: statuses (failed, diverged, timeout) of ended runs that shall be run again.
        checkpoint_every: seconds of work after which a run saves itself when it has finished an experience, to go on
            from there if its process is killed; 0 for after each experience, None for never.
        watcher: is told how it goes.

    Returns:
        The results of all runs in the folder.

    Raises:
        UserError: when study, folder, data, an external optimizer or a model of timm cannot be used; nothing has been
            run or written then.
    """
    statuses = (retry,) if isinstance(retry, str) else tuple(retry)
    folder_of_data = None if data is None else Path(data)
    options = _Options(workers, executor, device, folder_of_data, download, statuses, checkpoint_every)
    watcher = watcher or Silent()
    _check_options(options)
    study = as_study(config)
    runs = expand(study)
    folder = ResultFolder(Path(out).absolute())
    _merged(folder, study)
    _try_out_optimizers(study)
    _try_out_models(runs)
    roots = _checked_data(study, options)
    folder.check_writable()
    with folder.locked():
        file = _merged(folder, study)
        folder.write_study(file)
        folder.remove_leftovers()
        missing = [run for run in runs if _is_missing(folder, run, options.retry)]
        jobs = _jobs(missing, file.labels(), folder, options, roots)
        watcher.start(len(runs), len(runs) - len(jobs))
        try:
            EXECUTORS[options.executor](jobs, options.workers or _cores(), _ender(folder, watcher))
        except BaseException:
            with suppress(OSError):  # the first trouble is the one to tell
                write_tables(folder, collect(folder))
            raise
        finally:
            watcher.stop()
        return write_report(folder)


def _merged(folder: ResultFolder, study: Study) -> StudyFile:
    """The folder's study file with this study in it; a UserError when the two do not go together."""
    stored = folder.read_study()
    file = StudyFile.of(study) if stored is None else stored.widened(study)
    file.labels()
    return file


def as_study(config: Study | Mapping[str, Any] | str | os.PathLike[str]) -> Study:
    """A checked study from any form a user may have it in.

    Args:
        config: a study, its plain values, or the path of a study file.

    Returns:
        The study.

    Raises:
        UserError: when it cannot be used.
    """
    if isinstance(config, Study):
        return config
    if isinstance(config, Mapping):
        return parse_study(config)
    return read_study(Path(config))


def _check_options(options: _Options) -> None:
    if options.executor not in EXECUTORS:
        raise UserError(unknown_name("executor", options.executor, EXECUTORS))
    if options.workers is not None and options.workers < 1:
        raise UserError(f"workers must be at least 1; got {options.workers}")
    if options.checkpoint_every is not None and not 0 <= options.checkpoint_every < float("inf"):
        raise UserError(f"checkpoint_every must be a number of seconds >= 0, or None; got {options.checkpoint_every}")
    for status in options.retry:
        if status not in STATUSES or status == "done":
            raise UserError(unknown_name("status to retry", status, [s for s in STATUSES if s != "done"]))
    check_device(options.device)


def check_device(device: str) -> None:
    """See that a device is known, and there.

    Args:
        device: ``"cpu"``, ``"cuda"`` or ``"auto"``.

    Raises:
        UserError: when it is not.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise UserError(unknown_name("device", device, ("auto", "cpu", "cuda")))
    if device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise UserError("device cuda: torch finds no CUDA device on this machine; use cpu or auto")


def _checked_data(study: Study, options: _Options) -> tuple[Path, ...]:
    """Folders of the data sets, after seeing that their images can be read and dealt out as asked."""
    roots = tuple(data_roots(options.data))
    for stream in study.streams:
        check_classes(stream, find_images(stream, roots, options.download).labels())
    for stream in study.streams:  # what takes longer comes after what is seen at once
        images = prepared(find_images(stream, roots), cache_folder())
        check_images(stream, images.train.y, images.test.y)
    return roots


def _try_out_optimizers(study: Study) -> None:
    """See that external optimizers can be imported, built and stepped, which takes torch: only where there are any."""
    for index, entry in enumerate(study.optimizers):
        if isinstance(entry, External):
            from lifelong_lb.optim import ExternalOptimizer

            try:
                build = ExternalOptimizer(entry.target, entry.settings, entry.classes)
                build.try_out(closure=entry.closure, scheduled=entry.schedule is not None)
            except ValueError as error:
                raise UserError(f"optimizers[{index}]: {error}") from None


def _try_out_models(runs: Sequence[GridRun]) -> None:
    """See that models of timm can be built, which also fetches pretrained weights once for all runs."""
    for model in {repr(run.config.model): run.config.model for run in runs}.values():
        if isinstance(model, Timm):
            from lifelong_lb.models import FromTimm

            try:
                FromTimm((3, 32, 32), **model.model_dump(exclude={"name", "head"}))
            except UserError as error:
                raise UserError(f"model: {error}") from None


def _is_missing(folder: ResultFolder, run: GridRun, retry: Sequence[str]) -> bool:
    if not folder.has_run(run.config.run_id):
        return True
    try:
        return folder.read_run(run.config.run_id, run.config.seed).status in retry
    except DamagedRunError:
        return True


def _jobs(
    runs: Sequence[GridRun],
    labels: Mapping[str, Mapping[str, str]],
    folder: ResultFolder,
    options: _Options,
    roots: tuple[Path, ...],
) -> list[Job]:
    environment = code_version()
    return [
        Job(
            config=run.config,
            title=" ".join([*labels[run.config.run_id].values(), f"seed {run.config.seed}"]),
            out=folder.path,
            roots=roots,
            device=options.device,
            threads=1,
            environment=environment,
            checkpoint_every=options.checkpoint_every,
        )
        for run in runs
    ]


def _ender(folder: ResultFolder, watcher: Watcher) -> Callable[[Job], None]:
    """What to do after each run: tell, and now and then bring the tables up to date."""
    written = time.monotonic()

    def ended(job: Job) -> None:
        nonlocal written
        watcher.ended(job.title, folder.read_run(job.config.run_id))
        if time.monotonic() - written > SECONDS_BETWEEN_TABLES:
            write_tables(folder, collect(folder))
            written = time.monotonic()

    return ended


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
