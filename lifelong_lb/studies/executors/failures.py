"""Records of runs whose process died or was killed."""

import signal

from lifelong_lb.store import LOG, ResultFolder, RunRecord, Status, log_of_dead_process
from lifelong_lb.store.files import write_text
from lifelong_lb.studies.durations import readable
from lifelong_lb.studies.job import TERMINATED, Job
from lifelong_lb.studies.run.environment import versions

STATUS_TIMEOUT_SECONDS = 1.0
"""How long to wait after a process died before recording a failure: if a cluster's SIGTERM ended it, this process is
terminated, too, and the run did not fail."""


def record(job: Job, folder: ResultFolder, status: Status, message: str, trace: str = "") -> None:
    """Publish a record for a process that published none; the checkpoint is kept for a retry.

    Args:
        job: the run.
        folder: the result folder.
        status: how it ended.
        message: the reason, one line.
        trace: the details, such as a traceback.
    """
    config, run = job.config.to_json(), job.config.run_id
    if (reason := folder.checkpoint(run).reason()) is not None:
        message = f"{message}; a retry starts from the beginning, because no checkpoint could be saved ({reason})"
    log, environment = log_of_dead_process(folder.runs_path, run), {**job.environment, **versions()}
    with folder.new_run(run) as scratch:
        write_text(scratch / LOG, f"{log}{message}\n{trace}")
        result = RunRecord(run, config, status, message=message, traceback=trace, environment=environment)
        folder.write_run(result, scratch, keep_checkpoint=True)


def exit_message(code: int, orphaned: bool = False, error: str = "") -> str:
    """Explain why a run's process exited without a result.

    Args:
        code: the exit code; -n for signal n.
        orphaned: whether the fork server died, so that the exit code is meaningless.
        error: the error from :func:`~lifelong_lb.studies.executors.processes.error_of`.

    Returns:
        A message.
    """
    if orphaned:
        return "the fork server died during the run"
    if error:
        return f"the run's process ended: {error}"
    number = signal.SIGTERM if code == TERMINATED else -code
    how = f"was killed by signal {number:d}" if number > 0 else f"ended with exit code {code}"
    return f"the run's process {how}{' (out of memory?)' if code == -9 else ''}"


def timeout_message(limit: float) -> str:
    """Explain why a run was stopped after its time limit.

    Args:
        limit: seconds.

    Returns:
        A message.
    """
    return f"stopped after {readable(limit)}, the time limit per run"
