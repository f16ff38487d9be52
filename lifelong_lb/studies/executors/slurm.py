"""SLURM executor: jobs submitted through submitit, each executing one or more runs."""

import math
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lifelong_lb.config import UserError
from lifelong_lb.store import remove_scratch
from lifelong_lb.studies.executors.cluster_options import GENERIC
from lifelong_lb.studies.executors.failures import record
from lifelong_lb.studies.executors.remote_job import JobBundle
from lifelong_lb.studies.executors.remote_worker import run_jobs
from lifelong_lb.studies.executors.resources import Limits
from lifelong_lb.studies.executors.run_queue import RunQueue
from lifelong_lb.studies.job import Job

if TYPE_CHECKING:
    import submitit

POLL_SECONDS = 2.0
"""Interval at which jobs are checked; SLURM itself is queried less often."""
RESULTS_TIMEOUT_SECONDS = 5.0
"""How long after the end of a job its results may take to become visible here."""
CANCEL_TIMEOUT_SECONDS = 15.0
"""How long to wait for cancelled jobs to end."""
RETRY_SUBMIT_SECONDS = 30.0
"""How long to wait after a failed submission."""
EXTRA_MINUTES = 5
"""Time requested for a job beyond the time limits of its runs, for its start and for SLURM's warning before its end."""


class Work:
    """Function executed by a job, again when the job is requeued.

    A requeued job skips published runs and resumes the active run from its checkpoint.
    """

    def __call__(self, bundle: JobBundle, device: str, seconds: float | None) -> None:
        """Execute runs.

        Args:
            bundle: the runs.
            device: the device.
            seconds: time limit per run.
        """
        run_jobs(bundle, device, seconds)

    def checkpoint(self, bundle: JobBundle, device: str, seconds: float | None) -> Any:
        """Return the submission for a requeued job; called by submitit.

        Args:
            bundle: the runs.
            device: the device.
            seconds: time limit per run.

        Returns:
            The same submission.
        """
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, bundle, device, seconds)


@dataclass
class _Submitted:
    """A job and its unfinished runs.

    Attributes:
        job: the job.
        runs: the runs, in order of execution.
        lost: whether another launcher took over one of its runs.
        dead_since: time at which the job was first seen to have ended with unfinished runs.
    """

    job: "submitit.Job[None]"
    runs: list[Job] = field(default_factory=list)
    lost: bool = False
    dead_since: float | None = None


def run_slurm(queue: RunQueue, limits: Limits) -> None:
    """Execute runs in SLURM jobs.

    Runs are claimed here; the jobs execute and publish them. If a job dies, its active run is recorded as failed, and
    its remaining runs are submitted again. On an exception, including Ctrl-C, the jobs are cancelled.

    Args:
        queue: the runs.
        limits: number of jobs, device, time limit per run, and SLURM settings.
    """
    executor = _executor(queue, limits)
    active: list[_Submitted] = []
    try:
        while queue.has_more or active:
            if len(active) < limits.workers:
                active += _submit(executor, queue, limits, limits.workers - len(active), bool(active))
            if not active:
                queue.wait()
                continue
            active = [submitted for submitted in active if not _has_ended(submitted, queue)]
            if active:
                time.sleep(POLL_SECONDS)
    finally:
        _cancel(active)


def _executor(queue: RunQueue, limits: Limits) -> "submitit.AutoExecutor":
    import submitit

    settings = {"name": "lifelong-lb", "cpus_per_task": 1, **limits.slurm}
    target = settings.pop("cluster", "slurm")
    if "timeout_min" not in settings and limits.seconds is not None:
        settings["timeout_min"] = math.ceil(limits.seconds * limits.options.runs_per_job / 60) + EXTRA_MINUTES
    executor = submitit.AutoExecutor(queue.folder.path / "submitit", cluster=target)
    parameters = {name if name in GENERIC else f"slurm_{name}": value for name, value in settings.items()}
    executor.update_parameters(**parameters, slurm_array_parallelism=limits.workers)
    return executor


def _submit(
    executor: "submitit.AutoExecutor", queue: RunQueue, limits: Limits, room: int, others: bool
) -> list[_Submitted]:
    """Submit free runs as one job array; on failure, put them back, and raise if no other job is active."""
    groups: list[list[Job]] = []
    while len(groups) < room and (group := _take(queue, limits.options.runs_per_job)):
        groups.append(group)
    if not groups:
        return []
    bundles = [JobBundle.of([queue.claimed(job) for job in group]) for group in groups]
    n = len(bundles)
    try:
        with _stderr_to_log(queue.folder.path / "submitit", limits):
            jobs = executor.map_array(Work(), bundles, [limits.devices[0]] * n, [limits.seconds] * n)
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        for group in groups:
            for job in group:
                queue.put_back(job)
        if not others:
            raise UserError(f"slurm: cannot submit the jobs: {str(error).strip()}") from None
        time.sleep(RETRY_SUBMIT_SECONDS)
        return []
    return [_Submitted(job, list(group)) for job, group in zip(jobs, groups, strict=True)]


@contextmanager
def _stderr_to_log(folder: Path, limits: Limits) -> Iterator[None]:
    """Redirect stderr to a file while submitit starts local processes, which print messages when cancelled."""
    if limits.slurm.get("cluster") != "local":
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    stderr = os.dup(2)
    try:
        with (folder / "controllers.log").open("ab") as log:
            os.dup2(log.fileno(), 2)
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)


def _take(queue: RunQueue, runs: int) -> list[Job]:
    taken: list[Job] = []
    while len(taken) < runs and (job := queue.take()) is not None:
        taken.append(job)
    return taken


def _has_ended(submitted: _Submitted, queue: RunQueue) -> bool:
    """Finalize the ended runs of a job; return whether the job has ended and no run is left."""
    ended = submitted.job.done()
    for job in list(submitted.runs):
        if queue.was_published(job):
            remove_scratch(queue.folder.runs_path, job.config.run_id)
            queue.ended(job)
        elif not queue.is_ours(job):
            queue.put_back(job)
            submitted.lost = True
        elif ended:
            continue
        else:
            break  # runs are executed in order
        submitted.runs.remove(job)
    if not submitted.runs and not ended and submitted.lost:
        submitted.job.cancel(check=False)
    if not submitted.runs or not ended:
        return ended or (not submitted.runs and submitted.lost)
    if submitted.dead_since is None:
        submitted.dead_since = time.monotonic()
    if time.monotonic() - submitted.dead_since < RESULTS_TIMEOUT_SECONDS:
        return False
    _fail(submitted, queue)
    return True


def _fail(submitted: _Submitted, queue: RunQueue) -> None:
    """Record the active run of a dead job as failed, and put back the runs it had not started."""
    first, *others = submitted.runs
    record(first, queue.folder, "failed", *_failure_of(submitted.job))
    remove_scratch(queue.folder.runs_path, first.config.run_id)
    queue.ended(first)
    for job in others:
        queue.put_back(job)


def _failure_of(job: "submitit.Job[None]") -> tuple[str, str]:
    """Message and details about a job that has ended without finishing its runs."""
    if job.paths.result_pickle.exists():
        text = str(job.exception() or "it did not execute the run")
        last = text.strip(" \n-").partition("\n---")[2].partition("\n---")[0].strip().rpartition("\n")[2]
        return f"job {job.job_id} failed: {last or text.splitlines()[0]}", text
    return f"job {job.job_id} ended without a result (state: {job.state})", job.stderr() or ""


def _cancel(active: Sequence[_Submitted]) -> None:
    """Cancel jobs, and wait for them for a short time."""
    for submitted in active:
        submitted.job.cancel(check=False)
    until = time.monotonic() + CANCEL_TIMEOUT_SECONDS
    while time.monotonic() < until and not all(_is_over(submitted.job) for submitted in active):
        time.sleep(0.2)


def _is_over(job: "submitit.Job[None]") -> bool:
    try:
        return job.done()
    except RuntimeError:  # raised by cancelled jobs of the cluster "debug"
        return True
