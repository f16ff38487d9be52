"""Run a study: execute missing runs, keep finished ones, and write tables and report."""

import math
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from lifelong_lb.config import GridRun, Study, UserError, parse_study, read_study, unknown_name
from lifelong_lb.config.entries.models import Timm
from lifelong_lb.config.entries.optimizers import External
from lifelong_lb.config.plugins.importing import MAIN
from lifelong_lb.config.plugins.register import factory_of, origins_of
from lifelong_lb.config.runs import combinations, runs_of
from lifelong_lb.data import cache_folder, data_roots, find_images, prepare_images
from lifelong_lb.data.classes import check_classes
from lifelong_lb.data.progress import note
from lifelong_lb.data.selection import check_images
from lifelong_lb.reports import Results, collect, write_report, write_tables
from lifelong_lb.store import STATUSES, Claims, DamagedRunError, ResultFolder, Session, StudyFile, active_sessions
from lifelong_lb.store.study_file import merge_studies
from lifelong_lb.studies.custom_metrics import store_custom_metrics
from lifelong_lb.studies.devices import devices
from lifelong_lb.studies.executors.cluster_options import PACKAGES, Cluster
from lifelong_lb.studies.executors.registry import EXECUTORS, ready
from lifelong_lb.studies.executors.resources import Limits
from lifelong_lb.studies.executors.run_queue import RunQueue
from lifelong_lb.studies.job import Job, LoggedAs
from lifelong_lb.studies.progress.dispatch import EventDispatcher
from lifelong_lb.studies.progress.observer import ProgressObserver
from lifelong_lb.studies.run.environment import code_version
from lifelong_lb.studies.run.loggers.registry import check_loggers
from lifelong_lb.studies.telemetry import switch_off_telemetry

SECONDS_BETWEEN_CHECKPOINTS = 10.0
"""Work that a run may lose when its process is killed, in addition to the current experience."""


@dataclass(frozen=True)
class Options:
    """Options for executing a study; they do not change the results.

    Attributes:
        workers: number of concurrent runs; None for one per core.
        executor: a key of :data:`~lifelong_lb.studies.executors.registry.EXECUTORS`.
        device: see :func:`~lifelong_lb.studies.devices.devices`.
        data: folder of the data sets; None for the default locations.
        download: whether missing data sets may be downloaded.
        retry: statuses of ended runs to run again.
        timeout: time limit per run in seconds; None for no limit.
        checkpoint_every: seconds of work between two checkpoints of a run; None for no checkpoints.
        loggers: keys of :data:`~lifelong_lb.studies.run.loggers.registry.LOGGERS`.
        cluster: cluster options.
    """

    workers: int | None = None
    executor: str = "local"
    device: str = "auto"
    data: Path | None = None
    download: bool = False
    retry: tuple[str, ...] = ()
    timeout: float | None = None
    checkpoint_every: float | None = SECONDS_BETWEEN_CHECKPOINTS
    loggers: tuple[str, ...] = ()
    cluster: Cluster = field(default_factory=Cluster)

    def limits(self) -> Limits:
        """Workers, devices and time limit for the executor."""
        if self.executor in PACKAGES:
            return Limits.of_cluster(self.workers, self.device, self.timeout, self.cluster)
        return Limits.of(self.workers, devices(self.device), self.timeout)


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
    timeout: float | None = None,
    checkpoint_every: float | None = SECONDS_BETWEEN_CHECKPOINTS,
    slurm: Mapping[str, Any] | None = None,
    runs_per_job: int = 1,
    gpus_per_run: float = 0.0,
    observer: ProgressObserver | None = None,
    loggers: Sequence[str] = (),
) -> Results:
    """Execute the missing runs of a study, and write its tables and report.

    Several calls may share a folder at the same time, on one machine or on several with a shared file system: each run
    is executed by one of them. Each call returns when all runs of its study have ended, and takes over runs that others
    abandoned.

    Args:
        config: a study, its plain values, or the path of a study file.
        out: result folder. Existing runs are kept; a study with other shared settings is refused.
        workers: number of concurrent runs; None for one per core, or one per CUDA device. With ``"slurm"`` the number
            of jobs, with ``"ray"`` of tasks; None for 256.
        executor: ``"local"``, one process per run; ``"in-process"``; ``"slurm"``, jobs submitted from here; or
            ``"ray"``, the cluster of ``$RAY_ADDRESS`` or else this machine. Clusters need a shared file system.
        device: ``"cpu"``; ``"cuda"``, all devices, assigned to workers round-robin; ``"auto"``, CUDA if available; or a
            list of devices, e.g. ``"cuda:0,cuda:2"``.
        data: folder of the data sets; None for ``$LIFELONG_LB_DATA``, then the platform's cache folder.
        download: whether missing data sets may be downloaded.
        retry: statuses (failed, diverged, timeout) of ended runs to run again.
        timeout: time limit per run in seconds, from the start of its process. A run that exceeds it writes its stack
            trace to its log, is stopped, and is recorded as ``timeout``. None for no limit.
        checkpoint_every: seconds of work after which a run saves a checkpoint at the end of an experience, to resume
            from if its process is killed; 0 for after each experience, None for never.
        slurm: settings of SLURM jobs, e.g. ``{"partition": "gpu", "gpus_per_node": 1, "mem_gb": 8}``.
        runs_per_job: runs executed one after the other in a SLURM job.
        gpus_per_run: fraction of a GPU that Ray reserves per run, 0 to 1.
        observer: receives progress events.
        loggers: any of ``"tensorboard"``, ``"wandb"`` and ``"mlflow"``, called in each run's process. A logger that
            fails does not fail the run.

    Returns:
        The results of all runs in the folder.

    Raises:
        UserError: if the study, the folder, the data, an external optimizer or a timm model cannot be used; nothing has
            been run or written then.
    """
    statuses = (retry,) if isinstance(retry, str) else tuple(retry)
    logger_names = (loggers,) if isinstance(loggers, str) else tuple(dict.fromkeys(loggers))
    data_folder = None if data is None else Path(data)
    cluster = Cluster(slurm or {}, runs_per_job, gpus_per_run)
    options = Options(
        workers, executor, device, data_folder, download, statuses, timeout, checkpoint_every, logger_names, cluster
    )
    if not os.fspath(out):
        raise UserError("out must name a folder, e.g. . for the current one; got an empty text")
    study = as_study(config)
    if study.tuning is not None:
        raise UserError(
            f"{study.name}: has a section tuning, whose settings are not chosen yet: lifelong-lb tune chooses them and "
            "runs the study with them; --set tuning=null runs it with the settings given in the file"
        )
    return reported(complete([study], Path(out), options, observer or ProgressObserver()))


def reported(folder: ResultFolder) -> Results:
    """Store custom metrics with the runs of a folder, and write its report.

    Args:
        folder: the result folder.

    Returns:
        Its results.
    """
    with folder.locked():  # with several launchers, the last report covers every run
        results = collect(folder)
        store_custom_metrics(folder, results)
        return write_report(folder, results)


def complete(studies: Sequence[Study], out: Path, options: Options, observer: ProgressObserver) -> ResultFolder:
    """Execute the missing runs of studies that share a folder, without writing the report.

    Args:
        studies: the studies, with equal shared settings.
        out: result folder.
        options: how to run them.
        observer: receives progress events.

    Returns:
        The folder.

    Raises:
        UserError: see :func:`run_study`.
    """
    switch_off_telemetry()
    _check_options(options)
    limits = options.limits()
    grids = [combinations(study) for study in studies]
    for study in studies:
        _check_extensions(study, options)
    folder = ResultFolder(out.absolute())
    _check_folder(folder, studies)
    for study, grid in zip(studies, grids, strict=True):
        _check_optimizers(study)
        _check_models([*runs_of(study, {entries[0]: entries for entries in grid}.values(), study.seeds[:1])])
    roots = _checked_data(studies, options)
    runs = [run for study, grid in zip(studies, grids, strict=True) for run in runs_of(study, grid)]
    with ready(options.executor, limits):
        _complete(studies, runs, folder, roots, options, limits, observer)
    return folder


def _complete(
    studies: Sequence[Study],
    runs: Sequence[GridRun],
    folder: ResultFolder,
    roots: tuple[Path, ...],
    options: Options,
    limits: Limits,
    observer: ProgressObserver,
) -> None:
    """Write the study file, and execute the missing runs."""
    folder.check_writable()
    with folder.locked():
        file = _merged(folder, studies)
        folder.write_study(file)
        session = Session(folder.study_stamp(), options.retry)
    labels = file.labels()
    jobs = [
        replace(
            job,
            logged=LoggedAs(options.loggers, studies[0].name, labels[job.config.run_id]),
            limited=options.timeout is not None,
        )
        for job in _jobs(runs, labels, folder, roots, options.checkpoint_every)
    ]
    _run_missing(jobs, folder, session, partial(EXECUTORS[options.executor], limits=limits), observer)


def _run_missing(
    jobs: Sequence[Job],
    folder: ResultFolder,
    session: Session,
    execute: Callable[[RunQueue], None],
    observer: ProgressObserver,
) -> None:
    """Execute the missing runs, shared with other launchers of the folder."""
    stamps = {job.config.run_id: folder.stamp(job.config.run_id) for job in jobs}
    present = _present(folder, jobs, stamps, session)
    missing = [job for job in jobs if job.config.run_id not in present]
    update = partial(_update_tables, folder)
    try:
        with (
            EventDispatcher(observer, update, folder.runs_path) as dispatcher,
            Claims(folder.runs_path, session=session) as claims,
        ):
            dispatcher.start(len(jobs), Counter(present.values()))
            claims.remove_abandoned()
            folder.remove_leftovers(claims)
            try:
                execute(RunQueue(folder, missing, stamps, claims, dispatcher))
            finally:
                folder.remove_leftovers(claims)
    except BaseException as error:
        if not isinstance(error.__context__, KeyboardInterrupt):  # after a second Ctrl-C, exit immediately
            with suppress(OSError):  # the first error is the one to report
                update()
        raise


def _check_folder(folder: ResultFolder, studies: Sequence[Study]) -> None:
    """Check studies against the study file of their folder, before their grids are expanded."""
    file = folder.read_study()
    whole = None if file is None else file.study
    for study in studies:
        whole = study if whole is None else merge_studies(whole, study)[0]


def _merged(folder: ResultFolder, studies: Sequence[Study]) -> StudyFile:
    """Merge studies into the folder's study file; raise a UserError if they are incompatible."""
    file = folder.read_study()
    for study in studies:
        file = StudyFile.of(study) if file is None else file.widened(study)
    assert file is not None, "no studies"
    file.labels()
    return file


def as_study(config: Study | Mapping[str, Any] | str | os.PathLike[str]) -> Study:
    """Validate a study given in any form.

    Args:
        config: a study, its plain values, or the path of a study file.

    Returns:
        The study.

    Raises:
        UserError: if it is invalid.
    """
    if isinstance(config, Study):
        return config
    if isinstance(config, Mapping):
        return parse_study(config)
    return read_study(Path(config))


def _check_options(options: Options) -> None:
    if options.executor not in EXECUTORS:
        raise UserError(unknown_name("executor", options.executor, EXECUTORS))
    if options.workers is not None and options.workers < 1:
        raise UserError(f"workers must be at least 1; got {options.workers}")
    if options.timeout is not None:
        if not 0 < options.timeout < math.inf:
            raise UserError(f"timeout must be a positive number of seconds; got {options.timeout!r}")
        if options.executor == "in-process":
            raise UserError("timeout needs the executor local, slurm or ray: runs in this process cannot be stopped")
    options.cluster.check(options.executor, options.device, options.timeout)
    if options.checkpoint_every is not None and not 0 <= options.checkpoint_every < float("inf"):
        raise UserError(f"checkpoint_every must be a number of seconds >= 0, or None; got {options.checkpoint_every}")
    check_loggers(options.loggers)
    for status in options.retry:
        if status not in STATUSES or status == "done":
            raise UserError(unknown_name("status to retry", status, [s for s in STATUSES if s != "done"]))


def _check_extensions(study: Study, options: Options) -> None:
    """Refuse entries defined in ``__main__`` unless runs execute in this process."""
    if options.executor == "in-process":
        return
    axes: dict[str, Sequence[Any]] = {
        "rule": study.rules,
        "strategy": study.strategies,
        "stream": study.streams,
        "model": (study.model,),
    }
    for kind, entries in axes.items():
        for entry in entries:
            if MAIN in origins_of({kind: entry}):
                raise UserError(
                    f"the {kind} {entry.name} is defined in the script or notebook, which other processes "
                    "cannot import: define it in a file and name that under imports, or use the executor in-process"
                )


def _checked_data(studies: Sequence[Study], options: Options) -> tuple[Path, ...]:
    """Check the images of all streams, and return the folders of the data sets."""
    roots = tuple(root.absolute() for root in data_roots(options.data))
    streams = list({repr(stream): stream for study in studies for stream in study.streams}.values())
    for stream in streams:
        check_classes(stream, find_images(stream, roots, options.download).labels())
    for stream in streams:  # slow checks come after the fast ones
        source = find_images(stream, roots)
        images = prepare_images(source, cache_folder())
        for sentence in source.notes():
            note(sentence)
        check_images(stream, images.train.y, images.test.y)
    return roots


def _check_optimizers(study: Study) -> None:
    """Import, build and step external optimizers; torch is imported only if there are any."""
    for index, entry in enumerate(study.optimizers):
        if isinstance(entry, External):
            from lifelong_lb.optim import ExternalOptimizer

            try:
                build = ExternalOptimizer(entry.target, entry.settings, entry.classes)
                build.try_out(closure=entry.closure, scheduled=entry.schedule is not None)
            except ValueError as error:
                raise UserError(f"optimizers[{index}]: {error}") from None
            _check_averaging(study, index, build)


def _check_averaging(study: Study, index: int, build: Any) -> None:
    """Check an optimizer that evaluates at averaged weights against the rules and strategies of its runs."""
    from lifelong_lb.optim import RULES, Passes
    from lifelong_lb.optim.modes import averages, loop_conflict, path_conflict
    from lifelong_lb.optim.rule import averaging_conflict

    if not averages(build.kind()):
        return
    class_name = build.kind().__name__
    affected = [entries for entries in combinations(study) if entries[3] == index]
    for run in runs_of(study, affected, study.seeds[:1]):
        rule, strategy = run.config.rule, run.config.strategy
        settings = {**rule.hyper_parameters(), "passes": Passes(**rule.passes())}
        reason = averaging_conflict(factory_of("rule", rule.name, RULES)(**settings), class_name)
        if strategy.follows_path:
            reason = path_conflict(strategy.name, class_name)
        if strategy.own_loop is not None and strategy.takes_gradients:
            reason = loop_conflict(strategy.name, class_name)
        if reason is not None:
            raise UserError(f"optimizers[{index}] with {strategy.name} and {rule.name}: {reason}")


def _check_models(runs: Sequence[GridRun]) -> None:
    """Build timm models once, which also downloads pretrained weights before the runs need them."""
    for model in {repr(run.config.model): run.config.model for run in runs}.values():
        if isinstance(model, Timm):
            from lifelong_lb.models import FromTimm

            try:
                FromTimm((3, 32, 32), **model.model_dump(exclude={"name", "head"}))
            except UserError as error:
                raise UserError(f"model: {error}") from None


def _present(
    folder: ResultFolder, jobs: Sequence[Job], stamps: Mapping[str, int | None], session: Session
) -> dict[str, str]:
    """Run id to status of the runs that have ended and are kept."""
    others = active_sessions(folder.runs_path)
    present: dict[str, str] = {}
    for job in jobs:
        name = job.config.run_id
        published = stamps[name]
        if published is None:
            continue
        try:
            status = folder.read_run(name, job.config.seed, job.config.expected_config).status
        except DamagedRunError:
            continue
        # do not retry a run that another active launcher has just retried
        if status not in session.retry or any(other.has_retried(status, published) for other in others):
            present[name] = status
    return present


def _jobs(
    runs: Sequence[GridRun],
    labels: Mapping[str, Mapping[str, str]],
    folder: ResultFolder,
    roots: tuple[Path, ...],
    checkpoint_every: float | None,
) -> list[Job]:
    environment = code_version()
    return [
        Job(
            config=run.config,
            title=" ".join([*labels[run.config.run_id].values(), f"seed {run.config.seed}"]),
            out=folder.path,
            roots=roots,
            threads=1,
            environment=environment,
            checkpoint_every=checkpoint_every,
        )
        for run in runs
    ]


def _update_tables(folder: ResultFolder) -> None:
    """Write the tables, unless another launcher is writing them."""
    with suppress(TimeoutError), folder.locked(seconds=0):
        results = collect(folder)
        store_custom_metrics(folder, results)
        write_tables(folder, results)
