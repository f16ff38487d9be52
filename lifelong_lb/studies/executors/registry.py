"""Registry of executors, which take runs from a queue and execute them."""

import warnings
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Protocol

from lifelong_lb.studies.executors.local import run_local
from lifelong_lb.studies.executors.resources import Limits
from lifelong_lb.studies.executors.run_queue import RunQueue


class Executor(Protocol):
    """Interface of an executor.

    While ``queue.has_more``, call ``queue.take()`` whenever a worker is free. Execute each run with
    :func:`lifelong_lb.studies.run.worker.work`, in any process, and pass it to ``queue.ended(job)`` after it was
    published; for a run that died before that, call :func:`lifelong_lb.studies.executors.failures.record` first. Call
    ``queue.wait()`` if no run is free and none is active. On an exception, including ``KeyboardInterrupt``, terminate
    active runs.
    """

    def __call__(self, queue: RunQueue, limits: Limits) -> None:
        """Execute the runs.

        Args:
            queue: the runs.
            limits: number of workers, devices and time limit.
        """


def ready(executor: str, limits: Limits) -> AbstractContextManager[None]:
    """Connect to what an executor needs, before anything is written.

    Args:
        executor: its name.
        limits: number of workers, devices and time limit.

    Returns:
        A context that stays open while the executor runs.

    Raises:
        UserError: on entering, if the connection fails.
    """
    if executor == "ray":
        from lifelong_lb.studies.executors.ray import connected

        return connected(limits)
    return nullcontext()


def run_in_process(queue: RunQueue, limits: Limits) -> None:
    """Execute runs one after the other in this process, for debugging.

    Args:
        queue: the runs.
        limits: only the first device is used; no time limit can be enforced.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="no QP solver found")  # issued when avalanche is imported
        from lifelong_lb.studies.run.worker import work

    while queue.has_more:
        job = queue.take()
        if job is None:
            queue.wait()
            continue
        with queue.folder.new_run(job.config.run_id) as scratch:
            work(replace(job, device=limits.device(0)), scratch)
        queue.ended(job)


def _slurm(queue: RunQueue, limits: Limits) -> None:
    from lifelong_lb.studies.executors.slurm import run_slurm

    run_slurm(queue, limits)


def _ray(queue: RunQueue, limits: Limits) -> None:
    from lifelong_lb.studies.executors.ray import run_ray

    run_ray(queue, limits)


EXECUTORS: dict[str, Executor] = {"in-process": run_in_process, "local": run_local, "ray": _ray, "slurm": _slurm}
"""Executors by the name used on the command line."""
