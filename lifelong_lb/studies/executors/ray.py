"""The Ray executor: a task a run."""

import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lifelong_lb.config import UserError
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
"""How often to look whether all runs under way are still this launcher's."""
CANCEL_TIMEOUT_SECONDS = 15.0
"""How long cancelled tasks have for ending by themselves."""
CONNECT_TIMEOUT_SECONDS = 5.0
"""How long the machine that ``$RAY_ADDRESS`` names may take for accepting a connection; Ray would try for minutes."""
RETRIES = 3
"""How often a task is begun again whose process, or machine, has died."""


def run_ray(queue: RunQueue, limits: Limits) -> None:
    """Do the runs in tasks of Ray, each in a process that the task's starts.

    A task whose process or machine dies is begun again by Ray, and its run goes on from its checkpoint; a run whose own
    process dies has failed. On an exception, Ctrl-C included, the tasks are cancelled.

    Args:
        queue: the runs.
        limits: how many tasks at a time, on what, and how long a run may take.
    """
    with connected(limits):
        import ray

        submit = ray.remote(run_jobs).options(
            num_cpus=1, num_gpus=limits.cluster.gpus_per_run, max_retries=RETRIES, name="lifelong-lb"
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
    """Be connected with the caller's cluster or that of ``$RAY_ADDRESS``, else with one that is gone afterwards.

    Args:
        limits: how much is to be done there.

    Yields:
        Nothing.

    Raises:
        UserError: when there is no such cluster, or it cannot do that.
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
        _init(f"RAY_ADDRESS {address}: Ray cannot be reached there", address="auto", **quiet)
    else:
        local = {"address": "local", "num_cpus": min(limits.workers, cores()), "include_dashboard": False}
        _init("Ray cannot be started on this machine", **local, **quiet)
    try:
        if not address and ray.cluster_resources().get("GPU", 0) < limits.cluster.gpus_per_run:
            raise UserError(
                f"gpus_per_run {limits.cluster.gpus_per_run}: Ray finds no GPU on this machine, and RAY_ADDRESS names "
                "no cluster"
            )
        yield
    finally:
        ray.shutdown()


def _check_address(address: str) -> None:
    """See that somebody answers at an address that has a host and a port."""
    if address in ("auto", "local"):
        return
    parts = re.fullmatch(r"(?:ray://)?(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/\[\]]+)):([0-9]{1,5})", address)
    if parts is None or not 0 < int(parts[3]) < 2**16:
        raise UserError(f"RAY_ADDRESS must be HOST:PORT, such as head:6379; got {quoted(address)}")
    try:
        socket.create_connection((parts[1] or parts[2], int(parts[3])), timeout=CONNECT_TIMEOUT_SECONDS).close()
    except OSError as error:
        raise UserError(f"RAY_ADDRESS {address}: nobody answers there ({error.strerror or error})") from None


def _init(problem: str, **settings: Any) -> None:
    """``ray.init``, whose errors are of many kinds: no such cluster, another version, a token that is wrong."""
    import ray

    try:
        ray.init(**settings)
    except Exception as error:  # noqa: BLE001
        ray.shutdown()
        text = str(error).strip() or type(error).__name__
        raise UserError(f"{problem}: {text.splitlines()[0]}") from None


def _end(task: "ObjectRef", job: Job, queue: RunQueue) -> None:
    """See off a run whose task has ended, in whatever way."""
    import ray

    try:
        ray.get(task)
        message, trace = "the task has ended without doing the run", ""
    except ray.exceptions.RayError as error:
        message, trace = f"the task has died: {str(error).strip().splitlines()[0]}", str(error)
    if not queue.was_published(job):
        if not queue.is_ours(job):
            queue.put_back(job)
            return
        record(job, queue.folder, "failed", message, trace)
    queue.folder.remove_scratch(job.config.run_id)
    queue.ended(job)


def _cancel(tasks: "list[ObjectRef]") -> None:
    """Cancel tasks, gently if they let it be."""
    import ray

    for task in tasks:
        ray.cancel(task)
    if tasks:
        _, left = ray.wait(tasks, num_returns=len(tasks), timeout=CANCEL_TIMEOUT_SECONDS)
        for task in left:
            ray.cancel(task, force=True)
