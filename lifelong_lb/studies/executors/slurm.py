"""The SLURM executor: jobs of the cluster, submitted through submitit, each of which does some runs."""

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
"""How often to look what has become of the jobs; SLURM itself is asked less often."""
RESULTS_TIMEOUT_SECONDS = 5.0
"""How long after the end of a job the results of its runs may take to be seen here."""
CANCEL_TIMEOUT_SECONDS = 15.0
"""How long cancelled jobs have for ending, where that can be seen at once."""
RETRY_SUBMIT_SECONDS = 30.0
"""How long to wait after jobs could not be submitted."""
EXTRA_MINUTES = 5
"""How much longer than its runs may take a job is asked for: for starting, and for being announced its end."""


class Work:
    """What a job does, and does again when it is requeued.

    Runs that have been published are left out then, and the one that was under way goes on from its checkpoint.
    """

    def __call__(self, bundle: JobBundle, device: str, seconds: float | None) -> None:
        """Do runs.

        Args:
            bundle: the runs.
            device: what to compute on.
            seconds: how long each may take.
        """
        run_jobs(bundle, device, seconds)

    def checkpoint(self, bundle: JobBundle, device: str, seconds: float | None) -> Any:
        """Called by submitit before it requeues the job.

        Args:
            bundle: the runs.
            device: what to compute on.
            seconds: how long each may take.

        Returns:
            What is submitted: the same again.
        """
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, bundle, device, seconds)


@dataclass
class _Submitted:
    """A job and those of its runs that have not ended yet.

    Attributes:
        job: the job.
        runs: the runs, in the order in which it does them.
        lost: whether another launcher has taken over a run of it.
        dead_since: when it was first seen to have ended while runs were left.
    """

    job: "submitit.Job[None]"
    runs: list[Job] = field(default_factory=list)
    lost: bool = False
    dead_since: float | None = None


def run_slurm(queue: RunQueue, limits: Limits) -> None:
    """Do the runs in jobs of SLURM.

    Runs are claimed here, done and published by the jobs. A job that dies fails the run it was at; those that it had
    not begun are done by another. On an exception, Ctrl-C included, the jobs are cancelled.

    Args:
        queue: the runs.
        limits: how many jobs at a time, on what, how long a run may take, and how jobs are submitted.
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

    settings = {"name": "lifelong-lb", "cpus_per_task": 1, **limits.cluster.slurm}
    target = settings.pop("cluster", "slurm")
    if "timeout_min" not in settings and limits.seconds is not None:
        settings["timeout_min"] = math.ceil(limits.seconds * limits.cluster.runs_per_job / 60) + EXTRA_MINUTES
    executor = submitit.AutoExecutor(queue.folder.path / "submitit", cluster=target)
    parameters = {name if name in GENERIC else f"slurm_{name}": value for name, value in settings.items()}
    executor.update_parameters(**parameters, slurm_array_parallelism=limits.workers)
    return executor


def _submit(
    executor: "submitit.AutoExecutor", queue: RunQueue, limits: Limits, room: int, others: bool
) -> list[_Submitted]:
    """Submit what is free, as one array; where that fails, later, unless there are no others that could end."""
    groups: list[list[Job]] = []
    while len(groups) < room and (group := _take(queue, limits.cluster.runs_per_job)):
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
            raise UserError(f"slurm: the jobs cannot be submitted: {str(error).strip()}") from None
        time.sleep(RETRY_SUBMIT_SECONDS)
        return []
    return [_Submitted(job, list(group)) for job, group in zip(jobs, groups, strict=True)]


@contextmanager
def _stderr_to_log(folder: Path, limits: Limits) -> Iterator[None]:
    """Keep from the terminal what submitit's processes on this machine say of being cancelled; they inherit stderr."""
    if limits.cluster.slurm.get("cluster") != "local":
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
    """Tell what has ended of a job's runs; whether the job has, too, and nothing is left of it."""
    ended = submitted.job.done()
    for job in list(submitted.runs):
        if queue.was_published(job):
            queue.folder.remove_scratch(job.config.run_id)
            queue.ended(job)
        elif not queue.is_ours(job):
            queue.put_back(job)
            submitted.lost = True
        elif ended:
            continue
        else:
            break  # the others come after it
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
    """Record the run that a dead job was at, and put back those that it had not begun."""
    first, *others = submitted.runs
    record(first, queue.folder, "failed", *_failure_of(submitted.job))
    queue.folder.remove_scratch(first.config.run_id)
    queue.ended(first)
    for job in others:
        queue.put_back(job)


def _failure_of(job: "submitit.Job[None]") -> tuple[str, str]:
    """A message about a job that has ended, and all that submitit says of it."""
    if job.paths.result_pickle.exists():
        text = str(job.exception() or "it has not done the run")
        last = text.strip(" \n-").partition("\n---")[2].partition("\n---")[0].strip().rpartition("\n")[2]
        return f"the job {job.job_id} has failed: {last or text.splitlines()[0]}", text
    return f"the job {job.job_id} has ended without a result (state: {job.state})", job.stderr() or ""


def _cancel(active: Sequence[_Submitted]) -> None:
    """Cancel jobs, and wait a little for those whose end can be seen."""
    for submitted in active:
        submitted.job.cancel(check=False)
    until = time.monotonic() + CANCEL_TIMEOUT_SECONDS
    while time.monotonic() < until and not all(_is_over(submitted.job) for submitted in active):
        time.sleep(0.2)


def _is_over(job: "submitit.Job[None]") -> bool:
    try:
        return job.done()
    except RuntimeError:  # which is how a job of the cluster "debug" says that it was cancelled
        return True
