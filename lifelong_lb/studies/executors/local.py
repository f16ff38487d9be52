"""Local executor: one process per run, several at a time."""

import time
from collections.abc import Collection
from dataclasses import dataclass, replace
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess

from lifelong_lb.interrupts import uninterrupted
from lifelong_lb.studies.executors.failures import STATUS_TIMEOUT_SECONDS, exit_message, record, timeout_message
from lifelong_lb.studies.executors.processes import (
    error_of,
    kill,
    start,
    terminate,
    warm_up,
    was_orphaned,
)
from lifelong_lb.studies.executors.resources import Limits
from lifelong_lb.studies.executors.run_queue import POLL_SECONDS, RunQueue
from lifelong_lb.studies.job import Job


@dataclass(frozen=True)
class _Running:
    """A run with its process.

    Attributes:
        job: the run.
        slot: index of its worker, 0 to workers - 1.
        process: its process.
        started: start time on the monotonic clock.
    """

    job: Job
    slot: int
    process: BaseProcess
    started: float


def run_local(queue: RunQueue, limits: Limits) -> None:
    """Execute runs in separate processes, several at a time.

    A fork server imports torch and avalanche once and is forked for each run; on platforms without fork, each process
    imports them. A process that dies without a result is recorded as a failed run; a process that exceeds the time
    limit is killed and its run recorded as ``timeout``. If the server dies, active runs are restarted once from their
    checkpoints with a new server. On an exception, including Ctrl-C, active processes are terminated and their runs
    leave no result.

    Args:
        queue: the runs.
        limits: number of workers, devices and time limit.
    """
    running: dict[int, _Running] = {}
    orphaned: set[str] = set()
    try:
        if queue.has_more:
            warm_up()  # takes seconds, and may be interrupted
        while queue.has_more or running:
            while len(running) < limits.workers and (job := queue.take()) is not None:
                with uninterrupted():
                    run = _start(job, running.values(), limits)
                    running[run.process.sentinel] = run
            if not running:
                queue.wait()
                continue
            for sentinel in wait(list(running), timeout=POLL_SECONDS):
                assert isinstance(sentinel, int)
                _finalize(running[sentinel], queue, orphaned)
                running.pop(sentinel).process.close()
            for sentinel, run in list(running.items()):
                if not queue.is_ours(run.job):
                    terminate([run.process])
                    queue.put_back(run.job)
                elif limits.seconds is not None and time.monotonic() - run.started >= limits.seconds:
                    kill(run.process)
                    _finalize(run, queue, orphaned, limits.seconds)
                else:
                    continue
                running.pop(sentinel).process.close()
    finally:
        terminate([run.process for run in running.values()])


def _start(job: Job, running: Collection[_Running], limits: Limits) -> _Running:
    taken = {run.slot for run in running}
    slot = next(i for i in range(limits.workers) if i not in taken)
    return _Running(job, slot, start(replace(job, device=limits.device(slot))), time.monotonic())


def _finalize(run: _Running, queue: RunQueue, orphaned: set[str], limit: float | None = None) -> None:
    """Finalize a run whose process exited, or was killed after ``limit`` seconds."""
    run.process.join()
    lost = limit is None and was_orphaned(run.process)
    if lost:
        terminate([run.process])  # it may still be running
    if not queue.was_published(run.job):
        if limit is None:
            time.sleep(STATUS_TIMEOUT_SECONDS)
        again = lost and run.job.config.run_id not in orphaned
        if again or not queue.is_ours(run.job):
            orphaned.update([run.job.config.run_id] if lost else [])
            queue.put_back(run.job)
            return
        if limit is None:
            message, trace = error_of(run.process)
            record(run.job, queue.folder, "failed", exit_message(run.process.exitcode or 0, lost, message), trace)
        else:
            record(run.job, queue.folder, "timeout", timeout_message(limit))
    queue.ended(run.job)
