"""Runs done on behalf of a launcher on another machine, each in a process of its own that is watched from here."""

import signal
import time
from dataclasses import replace
from multiprocessing.process import BaseProcess

from lifelong_lb.config import UserError
from lifelong_lb.store import Status
from lifelong_lb.studies.devices import devices
from lifelong_lb.studies.executors.failures import SECONDS_FOR_NEWS, how_it_died, how_it_was_late, record
from lifelong_lb.studies.executors.processes import error_of, kill, start, terminate, was_orphaned
from lifelong_lb.studies.executors.remote_job import Errand, Parcel
from lifelong_lb.studies.job import TERMINATED
from lifelong_lb.studies.telemetry import switch_off_telemetry

SECONDS_BETWEEN_LOOKS = 1.0
"""How often to look whether a run has used up its time."""
SECONDS_BETWEEN_CLAIMS = 10.0
"""How often to look whether a run is still the launcher's."""
SECONDS_WITHOUT_CLAIM = 90.0
"""How long no claim may be seen before the launcher has given the run up: file systems that machines share may show a
file a minute late."""
SECONDS_TO_BE_ENDED = 300.0
"""How long to wait, after a run was told to end, for what has told it to end this process, too: a cluster that takes
back a machine may give its processes minutes."""
_TOLD_TO_END = (TERMINATED, -signal.SIGTERM, 255)
"""Exit codes of such a run; the last where the server of processes was told as well."""


def do_all(parcel: Parcel, device: str, seconds: float | None) -> None:
    """Do runs one after the other, those left out that have been published or are another launcher's.

    Args:
        parcel: the runs.
        device: what to compute on, see :func:`lifelong_lb.studies.devices.devices`; the first of several.
        seconds: how long each of them may take; None for as long as it likes.
    """
    switch_off_telemetry()  # this machine may have another environment than the launcher's
    for errand in parcel.opened():
        if errand.is_published() or errand.holder() not in (None, errand.owner):
            continue
        try:
            job = replace(errand.job, device=devices(device)[0])
        except UserError as error:
            _record(errand, "failed", str(error))
            continue
        do(replace(errand, job=job), seconds)


def do(errand: Errand, seconds: float | None) -> None:
    """Do a run; whatever ends this process or raises in it ends the run's, too.

    A run that another launcher has taken over, or that its launcher has given up, is ended and leaves nothing.

    Args:
        errand: the run.
        seconds: how long it may take.
    """
    process = start(errand.job)
    try:
        late = _watch(process, errand, time.monotonic(), seconds)
    finally:
        terminate([process])
    if errand.is_published():
        return
    if late and seconds is not None:
        _record(errand, "timeout", how_it_was_late(seconds))
        return
    code = process.exitcode or 0
    until = time.monotonic() + (SECONDS_TO_BE_ENDED if code in _TOLD_TO_END else SECONDS_FOR_NEWS)
    while time.monotonic() < until and errand.holder() == errand.owner:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    message, trace = error_of(process)
    _record(errand, "failed", how_it_died(code, was_orphaned(process), message), trace)


def _watch(process: BaseProcess, errand: Errand, started: float, seconds: float | None) -> bool:
    """Wait until a run's process has ended, or is not wanted any more; whether it had used up its time."""
    seen = looked = started
    while process.is_alive():
        process.join(SECONDS_BETWEEN_LOOKS)
        now = time.monotonic()
        if seconds is not None and now - started >= seconds and process.is_alive():
            kill(process)
            return True
        if now - looked >= SECONDS_BETWEEN_CLAIMS:
            looked, holder = now, errand.holder()
            if holder == errand.owner:
                seen = now
            elif holder is not None or now - seen > SECONDS_WITHOUT_CLAIM:
                break
    return False


def _record(errand: Errand, status: Status, message: str, trace: str = "") -> None:
    """Publish a run that is still the launcher's."""
    if errand.holder() == errand.owner:
        record(errand.job, errand.folder, status, message, trace)
