"""Runs done on behalf of a launcher on another machine, each in a process of its own that is watched from here."""

import signal
import time
from dataclasses import replace
from multiprocessing.process import BaseProcess

from lifelong_lb.config import UserError
from lifelong_lb.store import Status
from lifelong_lb.studies.devices import devices
from lifelong_lb.studies.executors.failures import STATUS_TIMEOUT_SECONDS, exit_message, record, timeout_message
from lifelong_lb.studies.executors.processes import error_of, kill, start, terminate, was_orphaned
from lifelong_lb.studies.executors.remote_job import ClaimedJob, JobBundle
from lifelong_lb.studies.job import TERMINATED
from lifelong_lb.studies.telemetry import switch_off_telemetry

POLL_SECONDS = 1.0
"""How often to look whether a run has used up its time."""
CLAIM_CHECK_SECONDS = 10.0
"""How often to look whether a run is still the launcher's."""
CLAIM_GRACE_SECONDS = 90.0
"""How long no claim may be seen before the launcher has given the run up: file systems that machines share may show a
file a minute late."""
TERMINATION_WAIT_SECONDS = 300.0
"""How long to wait, after a run was told to end, for what has told it to end this process, too: a cluster that takes
back a machine may give its processes minutes."""
_TERMINATION_CODES = (TERMINATED, -signal.SIGTERM, 255)
"""Exit codes of such a run; the last where the server of processes was told as well."""


def run_jobs(bundle: JobBundle, device: str, seconds: float | None) -> None:
    """Do runs one after the other, those left out that have been published or are another launcher's.

    Args:
        bundle: the runs.
        device: what to compute on, see :func:`lifelong_lb.studies.devices.devices`; the first of several.
        seconds: how long each of them may take; None for as long as it likes.
    """
    switch_off_telemetry()  # this machine may have another environment than the launcher's
    for claimed in bundle.unpack():
        if claimed.is_published() or claimed.holder() not in (None, claimed.owner):
            continue
        try:
            job = replace(claimed.job, device=devices(device)[0])
        except UserError as error:
            _record(claimed, "failed", str(error))
            continue
        run_job(replace(claimed, job=job), seconds)


def run_job(claimed: ClaimedJob, seconds: float | None) -> None:
    """Do a run; whatever ends this process or raises in it ends the run's, too.

    A run that another launcher has taken over, or that its launcher has given up, is ended and leaves nothing.

    Args:
        claimed: the run.
        seconds: how long it may take.
    """
    process = start(claimed.job)
    try:
        timed_out = _watch(process, claimed, time.monotonic(), seconds)
    finally:
        terminate([process])
    if claimed.is_published():
        return
    if timed_out and seconds is not None:
        _record(claimed, "timeout", timeout_message(seconds))
        return
    code = process.exitcode or 0
    until = time.monotonic() + (TERMINATION_WAIT_SECONDS if code in _TERMINATION_CODES else STATUS_TIMEOUT_SECONDS)
    while time.monotonic() < until and claimed.holder() == claimed.owner:
        time.sleep(POLL_SECONDS)
    message, trace = error_of(process)
    _record(claimed, "failed", exit_message(code, was_orphaned(process), message), trace)


def _watch(process: BaseProcess, claimed: ClaimedJob, started: float, seconds: float | None) -> bool:
    """Wait until a run's process has ended, or is not wanted any more; whether it had used up its time."""
    last_held = last_check = started
    while process.is_alive():
        process.join(POLL_SECONDS)
        now = time.monotonic()
        if seconds is not None and now - started >= seconds and process.is_alive():
            kill(process)
            return True
        if now - last_check >= CLAIM_CHECK_SECONDS:
            last_check, holder = now, claimed.holder()
            if holder == claimed.owner:
                last_held = now
            elif holder is not None or now - last_held > CLAIM_GRACE_SECONDS:
                break
    return False


def _record(claimed: ClaimedJob, status: Status, message: str, trace: str = "") -> None:
    """Publish a run that is still the launcher's."""
    if claimed.holder() == claimed.owner:
        record(claimed.job, claimed.folder, status, message, trace)
