"""Executors: they take runs from a queue while they have room, do them, and tell it of each run's end."""

import warnings
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Protocol

from lifelong_lb.studies.executors.local import run_local
from lifelong_lb.studies.executors.resources import Limits
from lifelong_lb.studies.executors.run_queue import RunQueue


class Executor(Protocol):
    """Does the runs of a queue.

    While ``queue.has_more``: ``queue.take()`` whenever there is room. A run that was taken is done by
    :func:`lifelong_lb.studies.run.worker.work`, wherever that may be, and given to ``queue.ended(job)`` once it has
    been published; for one that died without publishing anything, :func:`lifelong_lb.studies.executors.failures.record`
    does so. Where nothing is free and nothing is under way, ``queue.wait()``. An exception, ``KeyboardInterrupt``
    included, ends what is under way.
    """

    def __call__(self, queue: RunQueue, limits: Limits) -> None:
        """Do the runs.

        Args:
            queue: the runs.
            limits: how many at a time, on what, and for how long.
        """


def ready(executor: str, limits: Limits) -> AbstractContextManager[None]:
    """Reach what an executor needs for its work, before anything is written.

    Args:
        executor: its name.
        limits: how much it will take on.

    Returns:
        What is left when the work is done.

    Raises:
        UserError: on entering, when that cannot be reached.
    """
    if executor == "ray":
        from lifelong_lb.studies.executors.ray import connected

        return connected(limits)
    return nullcontext()


def run_in_process(queue: RunQueue, limits: Limits) -> None:
    """Do the runs one after the other in this process: for debugging.

    Args:
        queue: the runs.
        limits: of which only the first device matters: nobody is there to stop a run.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="no QP solver found")  # told when avalanche is imported
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
"""Names that the command line knows, and the functions that do the runs."""
