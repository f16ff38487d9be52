"""The local executor: a process a run, some at a time."""

import signal
import time
from collections.abc import Collection
from dataclasses import dataclass, replace
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess

from lifelong_lb.store import LOG, ResultFolder, RunRecord, Status
from lifelong_lb.store.files import write_text
from lifelong_lb.studies.durations import readable
from lifelong_lb.studies.environment import versions
from lifelong_lb.studies.job import Job
from lifelong_lb.studies.limits import Limits
from lifelong_lb.studies.processes import (
    TERMINATED,
    error_of,
    kill,
    start,
    terminate,
    uninterrupted,
    warm_up,
    was_orphaned,
)
from lifelong_lb.studies.queue import SECONDS_BETWEEN_LOOKS, RunQueue

SECONDS_FOR_NEWS = 1.0
"""How long to wait after a process has died: what has ended it (a cluster's SIGTERM) may be about to end this one too,
and then the run has not failed."""


@dataclass(frozen=True)
class _Running:
    """A run whose process has started.

    Attributes:
        job: the run.
        place: its number among those at work, 0 to workers - 1.
        process: its process.
        started: when that had started, by the monotonic clock.
    """

    job: Job
    place: int
    process: BaseProcess
    started: float


def run_local(queue: RunQueue, limits: Limits) -> None:
    """Do the runs in processes of their own, some at a time.

    A server process imports torch and avalanche once and is forked for each run (where the platform cannot fork, each
    process imports for itself). A process that dies without a result is recorded as a failed run, one that takes too
    long is killed and recorded as ``timeout``. Should the server die, the runs under way go on from their checkpoints
    in processes of another one, unless that has died, too, while they are. On an exception, Ctrl-C included, the
    processes under way are ended and their runs leave nothing.

    Args:
        queue: the runs.
        limits: how many at a time, on what, and for how long.
    """
    running: dict[int, _Running] = {}
    orphaned: set[str] = set()
    try:
        if queue.has_more:
            warm_up()  # takes seconds, and may be interrupted
        while queue.has_more or running:
            while len(running) < limits.workers and (job := queue.take()) is not None:
                with uninterrupted():
                    one = _start(job, running.values(), limits)
                    running[one.process.sentinel] = one
            if not running:
                queue.wait()
                continue
            for sentinel in wait(list(running), timeout=SECONDS_BETWEEN_LOOKS):
                assert isinstance(sentinel, int)
                _end(running[sentinel], queue, orphaned)
                running.pop(sentinel).process.close()
            for sentinel, one in list(running.items()):
                if not queue.is_ours(one.job):
                    terminate([one.process])
                    queue.put_back(one.job)
                elif limits.seconds is not None and time.monotonic() - one.started >= limits.seconds:
                    kill(one.process)
                    _end(one, queue, orphaned, limits.seconds)
                else:
                    continue
                running.pop(sentinel).process.close()
    finally:
        terminate([one.process for one in running.values()])


def record(job: Job, folder: ResultFolder, status: Status, message: str, trace: str = "") -> None:
    """Publish a run for a process that has published nothing; what it has saved of itself stays, should it be retried.

    Args:
        job: the run.
        folder: the result folder.
        status: how it ended.
        message: what there is to say.
        trace: what there is to say at length.
    """
    config, run = job.config.to_json(), job.config.run_id
    if (reason := folder.checkpoint(run).reason()) is not None:
        message = f"{message}; a retry begins again, since nothing could be saved ({reason})"
    log, environment = folder.salvaged_log(run), {**job.environment, **versions()}
    with folder.new_run(run) as scratch:
        write_text(scratch / LOG, f"{log}{message}\n{trace}")
        result = RunRecord(run, config, status, message=message, traceback=trace, environment=environment)
        folder.write_run(result, scratch, keep_checkpoint=True)


def how_it_died(code: int, orphaned: bool = False, error: str = "") -> str:
    """Why there is nothing of a run whose process has ended.

    Args:
        code: the exit code; -n for signal n.
        orphaned: whether the process that had forked it has died, and the exit code means nothing.
        error: what the process has reported, see :func:`~lifelong_lb.studies.processes.error_of`.

    Returns:
        A message.
    """
    if orphaned:
        return "the server of processes, which starts those of runs, has died while the run was under way"
    if error:
        return f"the run's process ended: {error}"
    number = signal.SIGTERM if code == TERMINATED else -code
    how = f"was killed by signal {number:d}" if number > 0 else f"ended with exit code {code}"
    return f"the run's process {how}{' (out of memory?)' if code == -9 else ''}"


def how_it_was_late(limit: float) -> str:
    """Why a run was stopped that had used up its time.

    Args:
        limit: seconds it might take.

    Returns:
        A message.
    """
    return f"stopped after {readable(limit)}, the time a run may take"


def _start(job: Job, running: Collection[_Running], limits: Limits) -> _Running:
    taken = {one.place for one in running}
    place = next(i for i in range(limits.workers) if i not in taken)
    return _Running(job, place, start(replace(job, device=limits.device(place))), time.monotonic())


def _end(one: _Running, queue: RunQueue, orphaned: set[str], limit: float | None = None) -> None:
    """See a run off whose process has ended, by itself or because it had used up its time."""
    one.process.join()
    lost = limit is None and was_orphaned(one.process)
    if lost:
        terminate([one.process])  # it may be at work still
    if not queue.was_published(one.job):
        if limit is None:
            time.sleep(SECONDS_FOR_NEWS)
        again = lost and one.job.config.run_id not in orphaned
        if again or not queue.is_ours(one.job):
            orphaned.update([one.job.config.run_id] if lost else [])
            queue.put_back(one.job)
            return
        if limit is None:
            message, trace = error_of(one.process)
            record(one.job, queue.folder, "failed", how_it_died(one.process.exitcode or 0, lost, message), trace)
        else:
            record(one.job, queue.folder, "timeout", how_it_was_late(limit))
    queue.ended(one.job)
