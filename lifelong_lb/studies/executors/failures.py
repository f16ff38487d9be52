"""Records of runs whose process died or was stopped."""

import signal

from lifelong_lb.store import LOG, ResultFolder, RunRecord, Status
from lifelong_lb.store.files import write_text
from lifelong_lb.studies.durations import readable
from lifelong_lb.studies.job import TERMINATED, Job
from lifelong_lb.studies.run.environment import versions

STATUS_TIMEOUT_SECONDS = 1.0
"""How long to wait after a process has died: what has ended it (a cluster's SIGTERM) may be about to end this one too,
and then the run has not failed."""


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


def exit_message(code: int, orphaned: bool = False, error: str = "") -> str:
    """Why there is nothing of a run whose process has ended.

    Args:
        code: the exit code; -n for signal n.
        orphaned: whether the process that had forked it has died, and the exit code means nothing.
        error: what the process has reported, see :func:`~lifelong_lb.studies.executors.processes.error_of`.

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


def timeout_message(limit: float) -> str:
    """Why a run was stopped that had used up its time.

    Args:
        limit: seconds it might take.

    Returns:
        A message.
    """
    return f"stopped after {readable(limit)}, the time a run may take"
