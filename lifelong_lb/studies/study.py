"""A whole study: what is missing is run, what is there is kept, tables and report are made from all of it."""

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
from lifelong_lb.data import cache_folder, data_roots, find_images, prepared
from lifelong_lb.data.classes import check_classes
from lifelong_lb.data.progress import note
from lifelong_lb.data.selection import check_images
from lifelong_lb.reports import Results, collect, write_report, write_tables
from lifelong_lb.store import STATUSES, Claims, DamagedRunError, ResultFolder, Session, StudyFile, living_sessions
from lifelong_lb.store.study_file import united
from lifelong_lb.studies.devices import devices
from lifelong_lb.studies.executors.cluster_options import PACKAGES, Cluster
from lifelong_lb.studies.executors.registry import EXECUTORS, ready
from lifelong_lb.studies.executors.resources import Limits
from lifelong_lb.studies.executors.run_queue import RunQueue
from lifelong_lb.studies.job import Job, LoggedAs
from lifelong_lb.studies.own_metrics import store_own_metrics
from lifelong_lb.studies.progress.dispatch import EventDispatcher
from lifelong_lb.studies.progress.observer import ProgressObserver
from lifelong_lb.studies.run.environment import code_version
from lifelong_lb.studies.run.loggers.registry import check_loggers
from lifelong_lb.studies.telemetry import switch_off_telemetry

SECONDS_BETWEEN_CHECKPOINTS = 10.0
"""How much work of a run a killed process may cost, beside that on the experience under way."""


@dataclass(frozen=True)
class Options:
    """How to run a study; none of it changes the numbers.

    Attributes:
        workers: runs at a time; None for one a core.
        executor: a key of :data:`~lifelong_lb.studies.executors.registry.EXECUTORS`.
        device: what runs compute on, see :func:`~lifelong_lb.studies.devices.devices`.
        data: folder of the data sets; None for the usual places.
        download: whether data sets that are not found may be downloaded.
        retry: statuses of ended runs that shall be run again.
        timeout: seconds that a run may take; None for as long as it likes.
        checkpoint_every: seconds of work between two checkpoints of a run; None for no checkpoints.
        loggers: keys of :data:`~lifelong_lb.studies.run.loggers.registry.LOGGERS`, which runs tell how they go.
        cluster: how runs are given to a cluster.
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
        """How much to take on."""
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
    """Run what is missing of a study, and write its tables and report.

    Several may do so in one folder at once, on one machine or on several that share it: each run is done by one of
    them, and each ends when all runs of its study have ended, after taking over what others have left undone.

    Args:
        config: a study, its plain values, or the path of a study file.
        out: result folder. Runs that are there already are kept; a study with other shared settings is refused.
        workers: runs at a time; None for one a core, or one a CUDA device; jobs at a time with ``"slurm"``, tasks with
            ``"ray"``, None for 256.
        executor: ``"local"``, a process a run; ``"in-process"``; ``"slurm"``, jobs submitted from here; or ``"ray"``,
            the cluster of ``$RAY_ADDRESS``, else one of this machine. Clusters need a file system that machines share.
        device: ``"cpu"``; ``"cuda"``, all devices of which runs are dealt out to in turn; ``"auto"``, which takes CUDA
            where there is one; or some of its devices, such as ``"cuda:0,cuda:2"``.
        data: folder of the data sets; None for ``$LIFELONG_LB_DATA``, then the platform's cache folder.
        download: whether data sets that are not found may be downloaded.
        retry: statuses (failed, diverged, timeout) of ended runs that shall be run again.
        timeout: seconds that a run may take from the start of its process; one that takes longer is stopped, after it
            has said in its log where it is, and recorded as ``timeout``. None for as long as it likes.
        checkpoint_every: seconds of work after which a run saves itself when it has finished an experience, to go on
            from there if its process is killed; 0 for after each experience, None for never.
        slurm: settings of SLURM's jobs, such as ``{"partition": "gpu", "gpus_per_node": 1, "mem_gb": 8}``.
        runs_per_job: runs that a job of SLURM does one after the other.
        gpus_per_run: how much of a GPU Ray keeps for a run, 0 to 1.
        observer: is told how it goes.
        loggers: ``"tensorboard"``, ``"wandb"`` or ``"mlflow"``, any of which runs tell how they go, each in its own
            process. One that fails does not fail a run.

    Returns:
        The results of all runs in the folder.

    Raises:
        UserError: when study, folder, data, an external optimizer or a model of timm cannot be used; nothing has been
            run or written then.
    """
    statuses = (retry,) if isinstance(retry, str) else tuple(retry)
    called = (loggers,) if isinstance(loggers, str) else tuple(dict.fromkeys(loggers))
    place = None if data is None else Path(data)
    cluster = Cluster(slurm or {}, runs_per_job, gpus_per_run)
    options = Options(workers, executor, device, place, download, statuses, timeout, checkpoint_every, called, cluster)
    if not os.fspath(out):
        raise UserError("out must name a folder, such as . for the current one; got an empty text")
    study = as_study(config)
    if study.tuning is not None:
        raise UserError(
            f"{study.name}: has a section tuning, whose settings are not chosen yet: lifelong-lb tune chooses them and "
            "runs the study with them; --set tuning=null runs it with the settings as they stand"
        )
    return reported(complete([study], Path(out), options, observer or ProgressObserver()))


def reported(folder: ResultFolder) -> Results:
    """Store a user's own metrics with the runs of a folder, and write its report.

    Args:
        folder: the result folder.

    Returns:
        Its results.
    """
    with folder.locked():  # the last of several launchers has read every run
        results = collect(folder)
        store_own_metrics(folder, results)
        return write_report(folder, results)


def complete(studies: Sequence[Study], out: Path, options: Options, observer: ProgressObserver) -> ResultFolder:
    """Run what is missing of studies that share a folder, and leave the report to whoever asks.

    Args:
        studies: the studies, which share what the runs of a folder share.
        out: result folder.
        options: how to run them.
        observer: is told how it goes.

    Returns:
        The folder.

    Raises:
        UserError: as :func:`run_study`.
    """
    switch_off_telemetry()
    _check_options(options)
    limits = options.limits()
    among = [combinations(study) for study in studies]
    for study in studies:
        _check_extensions(study, options)
    folder = ResultFolder(out.absolute())
    _check_folder(folder, studies)
    for study, own in zip(studies, among, strict=True):
        _try_out_optimizers(study)
        _try_out_models([*runs_of(study, {one[0]: one for one in own}.values(), study.seeds[:1])])
    roots = _checked_data(studies, options)
    runs = [run for study, own in zip(studies, among, strict=True) for run in runs_of(study, own)]
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
    """Write what the studies are, and do those of their runs that are missing."""
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
    _do(jobs, folder, session, partial(EXECUTORS[options.executor], limits=limits), observer)


def _do(
    jobs: Sequence[Job],
    folder: ResultFolder,
    session: Session,
    execute: Callable[[RunQueue], None],
    observer: ProgressObserver,
) -> None:
    """Do the runs that are missing, together with whoever else does so."""
    stamps = {job.config.run_id: folder.stamp(job.config.run_id) for job in jobs}
    present = _present(folder, jobs, stamps, session)
    missing = [job for job in jobs if job.config.run_id not in present]
    update = partial(_bring_up_to_date, folder)
    try:
        with (
            EventDispatcher(observer, update, folder.runs_path) as told,
            Claims(folder.runs_path, session=session) as claims,
        ):
            told.start(len(jobs), Counter(present.values()))
            claims.tidy()
            folder.remove_leftovers(claims)
            try:
                execute(RunQueue(folder, missing, stamps, claims, told))
            finally:
                folder.remove_leftovers(claims)
    except BaseException as trouble:
        if not isinstance(trouble.__context__, KeyboardInterrupt):  # a second Ctrl-C wants nothing more
            with suppress(OSError):  # the first trouble is the one to tell
                update()
        raise


def _check_folder(folder: ResultFolder, studies: Sequence[Study]) -> None:
    """See that studies go with what is in their folder, before any of their runs is spelt out."""
    file = folder.read_study()
    whole = None if file is None else file.study
    for study in studies:
        whole = study if whole is None else united(whole, study)[0]


def _merged(folder: ResultFolder, studies: Sequence[Study]) -> StudyFile:
    """The folder's study file with these studies in it; a UserError when they do not go together."""
    file = folder.read_study()
    for study in studies:
        file = StudyFile.of(study) if file is None else file.widened(study)
    assert file is not None, "nobody runs no study"
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


def _check_options(options: Options) -> None:
    if options.executor not in EXECUTORS:
        raise UserError(unknown_name("executor", options.executor, EXECUTORS))
    if options.workers is not None and options.workers < 1:
        raise UserError(f"workers must be at least 1; got {options.workers}")
    if options.timeout is not None:
        if not 0 < options.timeout < math.inf:
            raise UserError(f"timeout must be a positive number of seconds; got {options.timeout!r}")
        if options.executor == "in-process":
            raise UserError(
                "timeout needs the executor local, slurm or ray: nobody could stop a run that is done in this process"
            )
    options.cluster.check(options.executor, options.device, options.timeout)
    if options.checkpoint_every is not None and not 0 <= options.checkpoint_every < float("inf"):
        raise UserError(f"checkpoint_every must be a number of seconds >= 0, or None; got {options.checkpoint_every}")
    check_loggers(options.loggers)
    for status in options.retry:
        if status not in STATUSES or status == "done":
            raise UserError(unknown_name("status to retry", status, [s for s in STATUSES if s != "done"]))


def _check_extensions(study: Study, options: Options) -> None:
    """What a script has added itself can be used in its own process only."""
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
                    f"the {kind} {entry.name} is defined in the script or notebook itself, which other processes "
                    "cannot import: define it in a file and name that under imports, or use the executor in-process"
                )


def _checked_data(studies: Sequence[Study], options: Options) -> tuple[Path, ...]:
    """Folders of the data sets, after seeing that their images can be read and dealt out as asked."""
    roots = tuple(root.absolute() for root in data_roots(options.data))
    streams = list({repr(stream): stream for study in studies for stream in study.streams}.values())
    for stream in streams:
        check_classes(stream, find_images(stream, roots, options.download).labels())
    for stream in streams:  # what takes longer comes after what is seen at once
        source = find_images(stream, roots)
        images = prepared(source, cache_folder())
        for sentence in source.notes():
            note(sentence)
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
            _check_averaging(study, index, build)


def _check_averaging(study: Study, index: int, build: Any) -> None:
    """See that an optimizer that keeps the weights to evaluate apart goes with the rules and strategies of its runs."""
    from lifelong_lb.optim import RULES, Passes
    from lifelong_lb.optim.modes import averages, loop_conflict, path_conflict
    from lifelong_lb.optim.rule import averaging_conflict

    if not averages(build.kind()):
        return
    called = build.kind().__name__
    meant = [one for one in combinations(study) if one[3] == index]
    for run in runs_of(study, meant, study.seeds[:1]):
        rule, strategy = run.config.rule, run.config.strategy
        settings = {**rule.hyper_parameters(), "passes": Passes(**rule.passes())}
        reason = averaging_conflict(factory_of("rule", rule.name, RULES)(**settings), called)
        if strategy.follows_path:
            reason = path_conflict(strategy.name, called)
        if strategy.own_loop is not None and strategy.takes_gradients:
            reason = loop_conflict(strategy.name, called)
        if reason is not None:
            raise UserError(f"optimizers[{index}] with {strategy.name} and {rule.name}: {reason}")


def _try_out_models(runs: Sequence[GridRun]) -> None:
    """See that models of timm can be built, which also fetches pretrained weights once for all runs."""
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
    """Run id to status of the runs that have ended and stay as they are."""
    others = living_sessions(folder.runs_path)
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
        # what another launcher, still at work, has just tried again is not tried a third time
        if status not in session.retry or any(other.has_tried(status, published) for other in others):
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


def _bring_up_to_date(folder: ResultFolder) -> None:
    """Write the tables, unless another launcher is just doing so."""
    with suppress(TimeoutError), folder.locked(seconds=0):
        results = collect(folder)
        store_own_metrics(folder, results)
        write_tables(folder, results)
