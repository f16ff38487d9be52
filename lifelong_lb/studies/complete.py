"""Execute the missing runs of studies that share a folder."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from lifelong_lb.config import GridRun, Study, UserError
from lifelong_lb.config.runs import combinations, runs_of
from lifelong_lb.data import data_roots
from lifelong_lb.store import (
    Claims,
    DamagedRunError,
    ResultFolder,
    Session,
    StudyFile,
    active_sessions,
    remove_leftovers,
)
from lifelong_lb.store.study_file import merge_studies
from lifelong_lb.studies.checks import check_extensions, check_models, check_options, check_precision, checked_data
from lifelong_lb.studies.executors.registry import EXECUTORS, ready
from lifelong_lb.studies.executors.resources import Limits
from lifelong_lb.studies.executors.run_queue import RunQueue
from lifelong_lb.studies.job import Job, LoggedAs
from lifelong_lb.studies.optimizer_checks import check_groups, check_optimizers
from lifelong_lb.studies.options import RunOptions
from lifelong_lb.studies.progress.dispatch import EventDispatcher
from lifelong_lb.studies.progress.observer import ProgressObserver
from lifelong_lb.studies.run.environment import code_version
from lifelong_lb.studies.telemetry import switch_off_telemetry
from lifelong_lb.studies.updates import Updates


def complete(studies: Sequence[Study], out: Path, options: RunOptions) -> tuple[ResultFolder, list[str]]:
    """Execute the missing runs of studies that share a folder, without writing the report.

    Args:
        studies: the studies, with equal shared settings.
        out: result folder.
        options: how to run them.

    Returns:
        The folder, and sentences about problems that did not affect the runs.

    Raises:
        UserError: see :func:`lifelong_lb.run_study`.
    """
    switch_off_telemetry()
    check_options(options)
    limits = Limits.of(options)
    check_precision(studies, limits.devices, options.executor)
    grids = [combinations(study) for study in studies]
    for study in studies:
        check_extensions(study, options.executor)
    folder = ResultFolder(out.absolute())
    _check_folder(folder, studies)
    folders = data_roots(options.data)
    for study, grid in zip(studies, grids, strict=True):
        check_optimizers(study)
        check_models(
            study, [*runs_of(study, {entries[0]: entries for entries in grid}.values(), study.seeds[:1])], folders
        )
    roots = checked_data(studies, options)
    for study, grid in zip(studies, grids, strict=True):
        check_groups(study, grid, roots)
    runs = [run for study, grid in zip(studies, grids, strict=True) for run in runs_of(study, grid)]
    with ready(options.executor, limits):
        folder.check_writable()
        with folder.locked():
            file = _merged(folder, studies)
            folder.write_study(file)
            session = Session(folder.study_stamp(), tuple(options.retry))
        jobs = _jobs(runs, studies, file.labels(), folder, roots, options)
        execute = partial(EXECUTORS[options.executor], limits=limits)
        problems = _run_missing(jobs, folder, session, execute, options.observer or ProgressObserver())
    return folder, problems


def _run_missing(
    jobs: Sequence[Job],
    folder: ResultFolder,
    session: Session,
    execute: Callable[[RunQueue], None],
    observer: ProgressObserver,
) -> list[str]:
    """Execute the missing runs, shared with other launchers of the folder; return problems that did not affect them."""
    stamps = {job.config.run_id: folder.stamp(job.config.run_id) for job in jobs}
    present = present_runs(folder, jobs, stamps, session)
    missing = [job for job in jobs if job.config.run_id not in present]
    update = Updates(folder)
    try:
        with (
            EventDispatcher(observer, update, folder.runs_path) as dispatcher,
            Claims(folder.runs_path, session=session) as claims,
        ):
            dispatcher.start(len(jobs), Counter(present.values()))
            claims.remove_abandoned()
            remove_leftovers(folder.runs_path, claims)
            try:
                execute(RunQueue(folder, missing, stamps, claims, dispatcher))
            finally:
                remove_leftovers(folder.runs_path, claims)
    except BaseException as error:
        if not isinstance(error.__context__, KeyboardInterrupt):  # after a second Ctrl-C, exit immediately
            update()
        raise
    return [*update.problems, *dispatcher.problems]


_OURS = ("results.csv", "accuracy.csv", "summary.csv", "summary.md", "summary.tex", "report.html")
"""Files that every report writes."""


def _check_folder(folder: ResultFolder, studies: Sequence[Study]) -> None:
    """Check studies against the study file of their folder, before their grids are expanded."""
    file = folder.read_study()
    whole = None if file is None else file.study
    found = [name for name in _OURS if (folder.path / name).exists()]
    if file is None and found and not folder.runs_path.exists():
        raise UserError(f"{folder.path}: holds {found[0]}, but no study: a report would replace it; use another --out")
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


def present_runs(
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
    studies: Sequence[Study],
    labels: Mapping[str, Mapping[str, str]],
    folder: ResultFolder,
    roots: tuple[Path, ...],
    options: RunOptions,
) -> list[Job]:
    environment = code_version()
    imports = tuple(dict.fromkeys(name for study in studies for name in study.imports))
    return [
        Job(
            config=run.config,
            title=" ".join([*labels[run.config.run_id].values(), f"seed {run.config.seed}"]),
            out=folder.path,
            roots=roots,
            threads=1,
            environment=environment,
            checkpoint_every=options.checkpoint_every,
            limited=options.timeout is not None,
            logged=LoggedAs(tuple(options.loggers), studies[0].name, labels[run.config.run_id]),
            imports=imports,
        )
        for run in runs
    ]
