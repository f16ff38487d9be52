"""Ray executor: one task per run."""

import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lifelong_lb.config import UserError
from lifelong_lb.store import remove_scratch
from lifelong_lb.studies.devices import cores
from lifelong_lb.studies.executors.failures import record
from lifelong_lb.studies.executors.remote_job import JobBundle
from lifelong_lb.studies.executors.remote_worker import run_jobs
from lifelong_lb.studies.executors.resources import Limits
from lifelong_lb.studies.executors.run_queue import RunQueue
from lifelong_lb.studies.job import Job
from lifelong_lb.untrusted import quoted

if TYPE_CHECKING:
    from ray import ObjectRef

POLL_SECONDS = 1.0
"""Interval at which the claims on active runs are checked."""
CANCEL_TIMEOUT_SECONDS = 15.0
"""Time for cancelled tasks to end before they are killed."""
CONNECT_TIMEOUT_SECONDS = 5.0
"""Timeout of a connection to ``$RAY_ADDRESS``; Ray itself would try for minutes."""
RETRIES = 3
"""How often Ray restarts a task whose process or machine died."""


def run_ray(queue: RunQueue, limits: Limits) -> None:
    """Execute runs in Ray tasks, each of which starts a process for its run.

    Ray restarts a task whose process or machine died, and its run resumes from its checkpoint; a run whose own process
    died has failed. On an exception, including Ctrl-C, the tasks are cancelled.

    Args:
        queue: the runs.
        limits: number of tasks, devices and time limit per run.
    """
    with connected(limits):
        import ray

        submit = ray.remote(run_jobs).options(
            num_cpus=1, num_gpus=limits.options.gpus_per_run, max_retries=RETRIES, name="lifelong-lb"
        )
        active: dict[ObjectRef, Job] = {}
        try:
            while queue.has_more or active:
                while len(active) < limits.workers and (job := queue.take()) is not None:
                    bundle = JobBundle.of([queue.claimed(job)])
                    active[submit.remote(bundle, limits.devices[0], limits.seconds)] = job
                if not active:
                    queue.wait()
                    continue
                for task in ray.wait(list(active), timeout=POLL_SECONDS)[0]:
                    _end(task, active.pop(task), queue)
                for task, job in list(active.items()):
                    if not queue.is_ours(job):
                        ray.cancel(task)
                        queue.put_back(active.pop(task))
        finally:
            _cancel(list(active))


@contextmanager
def connected(limits: Limits) -> Iterator[None]:
    """Connect to the caller's cluster or that of ``$RAY_ADDRESS``, otherwise to a temporary one on this machine.

    Args:
        limits: number of tasks and GPUs per run.

    Yields:
        Nothing.

    Raises:
        UserError: if the cluster cannot be reached, or has no GPU although one is needed.
    """
    address = os.environ.get("RAY_ADDRESS", "")
    if address:
        _check_address(address)
    import ray

    if ray.is_initialized():
        yield
        return
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    if address:
        _init(f"RAY_ADDRESS {address}: cannot reach Ray", address="auto", **quiet)
    else:
        local = {"address": "local", "num_cpus": min(limits.workers, cores()), "include_dashboard": False}
        _init("cannot start Ray on this machine", **local, **quiet)
    try:
        if not address and ray.cluster_resources().get("GPU", 0) < limits.options.gpus_per_run:
            raise UserError(
                f"gpus_per_run {limits.options.gpus_per_run}: Ray finds no GPU on this machine, and RAY_ADDRESS sets "
                "no cluster"
            )
        yield
    finally:
        ray.shutdown()


def _check_address(address: str) -> None:
    """Check that the host and port of an address accept connections."""
    if address in ("auto", "local"):
        return
    parts = re.fullmatch(r"(?:ray://)?(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/\[\]]+)):([0-9]{1,5})", address)
    if parts is None or not 0 < int(parts[3]) < 2**16:
        raise UserError(f"RAY_ADDRESS must be HOST:PORT, e.g. head:6379; got {quoted(address)}")
    try:
        socket.create_connection((parts[1] or parts[2], int(parts[3])), timeout=CONNECT_TIMEOUT_SECONDS).close()
    except OSError as error:
        raise UserError(f"RAY_ADDRESS {address}: cannot connect ({error.strerror or error})") from None


def _init(problem: str, **settings: Any) -> None:
    """Call ``ray.init``; it raises errors of many kinds, e.g. for another version or a wrong token."""
    import ray

    try:
        ray.init(**settings)
    except Exception as error:  # noqa: BLE001
        ray.shutdown()
        text = str(error).strip() or type(error).__name__
        raise UserError(f"{problem}: {text.splitlines()[0]}") from None


def _end(task: "ObjectRef", job: Job, queue: RunQueue) -> None:
    """Finalize a run whose Ray task finished or failed."""
    import ray

    try:
        ray.get(task)
        message, trace = "the task ended without executing the run", ""
    except ray.exceptions.RayError as error:
        message, trace = f"the task died: {str(error).strip().splitlines()[0]}", str(error)
    if not queue.was_published(job):
        if not queue.is_ours(job):
            queue.put_back(job)
            return
        record(job, queue.folder, "failed", message, trace)
    remove_scratch(queue.folder.runs_path, job.config.run_id)
    queue.ended(job)


def _cancel(tasks: "list[ObjectRef]") -> None:
    """Cancel tasks, then kill those that have not ended."""
    import ray

    for task in tasks:
        ray.cancel(task)
    if tasks:
        _, left = ray.wait(tasks, num_returns=len(tasks), timeout=CANCEL_TIMEOUT_SECONDS)
        for task in left:
            ray.cancel(task, force=True)
