"""Start, watch and kill the processes of runs."""

import multiprocessing
import os
import signal
import sys
import tempfile
import time
import traceback
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from unittest.mock import patch
from weakref import WeakKeyDictionary

from lifelong_lb.descriptors import open_closed_descriptors
from lifelong_lb.studies.job import Job
from lifelong_lb.temporary import temporary_folder
from lifelong_lb.untrusted import encodable, error_message, shortened

SHUTDOWN_SECONDS = 1.0
"""Time for a run to write its stack trace to its log before it is killed."""
TERMINATE_TIMEOUT_SECONDS = 10.0
"""Time for a terminated process to exit before it is killed."""
REAP_SECONDS = 10.0
"""Time for which a dying process may remain in the process table after its pipes were closed, on a busy machine."""
UNKNOWN_EXIT_CODE = 255
"""Exit code that multiprocessing reports if the fork server died before the process."""
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_SERVERS: WeakKeyDictionary[BaseProcess, int] = WeakKeyDictionary()
"""Process id of the fork server that started each process."""
_ERRORS: WeakKeyDictionary[BaseProcess, Connection] = WeakKeyDictionary()
"""Read end of the pipe through which each process reports a fatal error."""
MESSAGE_CHARACTERS, TRACEBACK_CHARACTERS = 1000, 5000
"""Limits of an error report, which must fit into the pipe's buffer: it is read only after the process has exited."""


def warm_up() -> None:
    """Start the fork server, and wait until it has imported what runs need.

    Raises:
        ChildProcessError: if it cannot be started, or an import fails.
    """
    if not _can_fork():
        return
    process = _start_process("warm-up", 1)
    process.join()
    code, (reason, _) = process.exitcode, error_of(process)
    process.close()
    if code:
        raise ChildProcessError(f"runs cannot be started: {reason or _exit_text(code)}")


def start(job: Job) -> BaseProcess:
    """Start the process of a run.

    Args:
        job: the run.

    Returns:
        The process; on POSIX the leader of a new process group.
    """
    return _start_process(f"run-{job.config.run_id}", job.threads, job)


def _can_fork() -> bool:
    """Whether a fork server can be used: not on Windows; on macOS, system libraries may crash in forked processes."""
    return sys.platform != "darwin" and "forkserver" in multiprocessing.get_all_start_methods()


def _start_process(name: str, threads: int, job: Job | None = None) -> BaseProcess:
    """Start a process; retry once with a new fork server if the server dies."""
    context = multiprocessing.get_context("forkserver" if _can_fork() else "spawn")
    with _clean_start(threads):
        for attempt in (1, 2):
            try:
                _start_server()
                reader, writer = context.Pipe(duplex=False)
                process: BaseProcess = context.Process(target=_target, args=(job, writer), name=name)  # type: ignore[attr-defined]
                with writer:
                    process.start()
                break
            except (ConnectionError, EOFError):
                how = _server_exit_text()  # waits: a server still in the process table would be used again
                if attempt == 2:
                    raise ChildProcessError(f"the fork server {how} before it was ready, twice in a row") from None
    _ERRORS[process] = reader
    if (server := _server()) is not None:
        _SERVERS[process] = server
    return process


def _start_server() -> None:
    """Start the fork server unless it is running, with Ctrl-C blocked because it would interrupt the imports."""
    if not _can_fork():
        return
    from multiprocessing import forkserver, resource_tracker, util

    # the tracker comes first because it unblocks SIGINT after its start
    resource_tracker.ensure_running()
    forkserver.set_forkserver_preload(["lifelong_lb.studies.executors.preload"])
    with patch.object(tempfile, "tempdir", str(temporary_folder())):
        util.get_temp_dir()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # inherited by server and children
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _server_exit_text() -> str:
    pid, until = _server(), time.monotonic() + REAP_SECONDS
    while pid is not None and hasattr(os, "waitid") and time.monotonic() < until:
        with suppress(ChildProcessError):
            exited = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
            if exited is not None:
                return _exit_text(exited.si_status if exited.si_code == os.CLD_EXITED else -exited.si_status)
        time.sleep(0.05)
    return "ended"


def _exit_text(code: int) -> str:
    return f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"


def error_of(process: BaseProcess) -> tuple[str, str]:
    """Read the error that a process reported before it exited.

    Args:
        process: an exited process.

    Returns:
        Message and traceback; empty if none was reported.
    """
    reader = _ERRORS.get(process)
    try:
        report = reader.recv_bytes() if reader is not None and reader.poll() else b""
    except (OSError, EOFError):
        report = b""
    message, _, trace = report.decode("utf-8", "replace").partition("\0")
    return message, trace


def _server() -> int | None:
    """Process id of the fork server."""
    module = sys.modules.get("multiprocessing.forkserver")
    pid: int | None = getattr(getattr(module, "_forkserver", None), "_forkserver_pid", None)
    return pid


def was_orphaned(process: BaseProcess) -> bool:
    """Whether the fork server of a process died, so that the exit code of the process is unknown.

    The process may still be running; :func:`terminate` kills it.

    Args:
        process: a process that appears to have exited.

    Returns:
        True if the server died.
    """
    server = _SERVERS.get(process)
    if server is None or process.exitcode != UNKNOWN_EXIT_CODE:
        return False
    until = time.monotonic() + REAP_SECONDS
    while (running := _is_running(server)) and time.monotonic() < until:
        time.sleep(0.05)
    return not running


def _is_running(pid: int) -> bool:
    import psutil

    try:
        return psutil.Process(pid).status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.NoSuchProcess:
        return False


def kill(process: BaseProcess) -> None:
    """Kill a process and its children, after giving it time to write its stack trace to its log.

    Args:
        process: the process.
    """
    if hasattr(signal, "SIGUSR1") and process.pid is not None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGUSR1)
        process.join(SHUTDOWN_SECONDS)
    _kill_group(process)


def terminate(processes: Sequence[BaseProcess]) -> None:
    """Terminate processes with SIGTERM, then kill those still running; kill immediately if interrupted.

    Args:
        processes: the processes; some may have exited already.
    """
    try:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(TERMINATE_TIMEOUT_SECONDS)
    finally:
        for process in processes:
            _kill_group(process)
        for process in processes:
            process.join()


def _kill_group(process: BaseProcess) -> None:
    """Kill a process and its process group."""
    if not process.is_alive():
        if was_orphaned(process):
            _kill_orphan(process.pid)
        return
    if hasattr(os, "killpg") and process.pid is not None:
        with suppress(ProcessLookupError, PermissionError):  # exited, or not yet the leader of its group
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()


def _kill_orphan(pid: int | None) -> None:
    """Kill a process that has no parent to wait for it, with its group, and wait until it is gone."""
    if pid is None:
        return
    for send in (os.killpg, os.kill):  # it may not lead its group yet; a fork server exists on POSIX only
        with suppress(ProcessLookupError, PermissionError):
            send(pid, signal.SIGKILL)
    until = time.monotonic() + TERMINATE_TIMEOUT_SECONDS
    while _is_running(pid) and time.monotonic() < until:
        time.sleep(0.05)


def _target(job: Job | None, errors: Connection) -> None:
    """Entry point of a process: import what runs need, execute the job if given, report a fatal error."""
    if hasattr(os, "setsid"):
        os.setsid()
    try:
        from lifelong_lb.studies.run.worker import work_in_own_process

        if job is not None:
            work_in_own_process(job)
    except Exception as error:  # noqa: BLE001  the launcher records errors of any kind
        message = shortened(error_message(error).replace("\0", " "), MESSAGE_CHARACTERS)
        trace = encodable(traceback.format_exc())[-TRACEBACK_CHARACTERS:]
        with suppress(OSError):
            errors.send_bytes(f"{message}\0{trace}".encode())
        sys.exit(1)


@contextmanager
def _clean_start(threads: int) -> Iterator[None]:
    """Hide the caller's main module from a new process, and limit its threads.

    multiprocessing executes the main module again in each child, which fails for scripts without a main guard.
    """
    open_closed_descriptors()
    variables = dict.fromkeys(_THREAD_VARIABLES, str(threads))
    # importing avalanche warns about the QP solver
    filters = [os.environ.get("PYTHONWARNINGS", ""), "ignore:no QP solver found"]
    variables["PYTHONWARNINGS"] = ",".join(filter(None, filters))
    main, before = sys.modules["__main__"], {name: os.environ.get(name) for name in variables}
    sys.modules["__main__"] = types.ModuleType("__main__")
    os.environ.update(variables)
    try:
        yield
    finally:
        sys.modules["__main__"] = main
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
