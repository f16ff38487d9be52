"""Worker on a cluster machine: execute claimed runs, each in a supervised process."""

import signal
import time
from dataclasses import replace
from multiprocessing.process import BaseProcess

from lifelong_lb.config import UserError
from lifelong_lb.config.plugins.importing import import_named
from lifelong_lb.store import Status
from lifelong_lb.studies.devices import devices
from lifelong_lb.studies.executors.failures import STATUS_TIMEOUT_SECONDS, exit_message, record, timeout_message
from lifelong_lb.studies.executors.processes import error_of, kill, start, terminate, was_orphaned
from lifelong_lb.studies.executors.remote_job import ClaimedJob, JobBundle
from lifelong_lb.studies.job import TERMINATED
from lifelong_lb.studies.telemetry import switch_off_telemetry

POLL_SECONDS = 1.0
"""Interval at which the time limit of a run is checked."""
CLAIM_CHECK_SECONDS = 10.0
"""Interval at which the launcher's claim is checked."""
CLAIM_GRACE_SECONDS = 90.0
"""How long the claim may be invisible before the run is considered abandoned: shared file systems may show a file a
minute late."""
TERMINATION_WAIT_SECONDS = 300.0
"""How long to wait after a run was terminated for this process to be terminated, too: a cluster that reclaims a machine
may give its processes minutes."""
_TERMINATION_CODES = (TERMINATED, -signal.SIGTERM, 255)
"""Exit codes of a terminated run; 255 if the fork server was terminated as well."""


def run_jobs(bundle: JobBundle, device: str, seconds: float | None) -> None:
    """Execute runs one after the other, skipping those published already or claimed by another launcher.

    Args:
        bundle: the runs.
        device: see :func:`lifelong_lb.studies.devices.devices`; of several devices, the first is used.
        seconds: time limit per run; None for no limit.
    """
    switch_off_telemetry()  # this machine's environment may differ from the launcher's
    for claimed in bundle.unpack():
        if claimed.is_published() or claimed.holder() not in (None, claimed.owner):
            continue
        try:
            import_named(claimed.job.imports)
            job = replace(claimed.job, device=devices(device)[0])
        except UserError as error:
            _record(claimed, "failed", str(error))
            continue
        run_job(replace(claimed, job=job), seconds)


def run_job(claimed: ClaimedJob, seconds: float | None) -> None:
    """Execute a run in a process, which is terminated when this process ends or raises.

    A run that another launcher took over, or that its launcher abandoned, is terminated and leaves no result.

    Args:
        claimed: the run.
        seconds: time limit; None for no limit.
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
    """Wait until a run's process exits or its claim is lost; return whether it exceeded its time limit."""
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
    """Publish a run if the launcher still holds its claim."""
    if claimed.holder() == claimed.owner:
        record(claimed.job, claimed.folder, status, message, trace)
