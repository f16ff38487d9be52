"""Executors: they take jobs and tell of each run's end."""

import multiprocessing
import os
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess

from lifelong_lb.store import LOG, ResultFolder, RunRecord
from lifelong_lb.studies.job import Job

Ended = Callable[[Job], None]
"""Called in the calling process after a run has been published."""

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def run_in_process(jobs: Sequence[Job], workers: int, ended: Ended) -> None:
    """Do the runs one after the other in this process: for debugging.

    Args:
        jobs: the runs.
        workers: not used.
        ended: called after each run.
    """
    from lifelong_lb.studies.worker import work

    for job in jobs:
        with ResultFolder(job.out).new_run(job.config.run_id) as scratch:
            work(job, scratch)
        ended(job)


def run_local(jobs: Sequence[Job], workers: int, ended: Ended) -> None:
    """Do the runs in processes of their own, some at a time.

    A server process imports torch and avalanche once and is forked for each run (where the platform cannot fork, each
    process imports for itself). A process that dies without a result is recorded as a failed run. On an exception,
    Ctrl-C included, the processes under way are ended and their runs leave nothing.

    Args:
        jobs: the runs.
        workers: runs at a time, >= 1.
        ended: called after each run.
    """
    waiting = list(reversed(jobs))
    running: dict[int, tuple[Job, BaseProcess, int | None]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                job = waiting.pop()
                before = ResultFolder(job.out).stamp(job.config.run_id)
                process = _start(job)
                running[process.sentinel] = (job, process, before)
            for sentinel in wait(list(running)):
                assert isinstance(sentinel, int)
                job, process, before = running.pop(sentinel)
                process.join()
                if ResultFolder(job.out).stamp(job.config.run_id) == before:
                    _record_death(job, process)
                process.close()
                ended(job)
    finally:
        for _, process, _ in running.values():
            process.terminate()
        for _, process, _ in running.values():
            process.join()
        for out in {job.out for job in jobs}:
            ResultFolder(out).remove_leftovers()


EXECUTORS: dict[str, Callable[[Sequence[Job], int, Ended], None]] = {
    "in-process": run_in_process,
    "local": run_local,
}
"""Names that the command line knows, and the functions that do the runs."""


def _start(job: Job) -> BaseProcess:
    can_fork = "forkserver" in multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if can_fork else "spawn")
    if can_fork:
        context.set_forkserver_preload(["lifelong_lb.studies.worker"])
    with _clean_start(job.threads):
        process = context.Process(target=_target, args=(job,), name=f"run-{job.config.run_id}")  # type: ignore[attr-defined]
        process.start()
    started: BaseProcess = process
    return started


def _target(job: Job) -> None:
    from lifelong_lb.studies.worker import work_in_process_of_its_own

    work_in_process_of_its_own(job)


@contextmanager
def _clean_start(threads: int) -> Iterator[None]:
    """Start a process that knows nothing of the caller's script and takes no more threads than it is given.

    multiprocessing runs the caller's main module again in each child, which a script without a main guard does not
    survive; a run needs nothing of it.
    """
    wanted = dict.fromkeys(_THREAD_VARIABLES, str(threads))
    hushed = [os.environ.get("PYTHONWARNINGS", ""), "ignore:no QP solver found"]  # told when avalanche is imported
    wanted["PYTHONWARNINGS"] = ",".join(filter(None, hushed))
    main, before = sys.modules["__main__"], {name: os.environ.get(name) for name in wanted}
    sys.modules["__main__"] = types.ModuleType("__main__")
    os.environ.update(wanted)
    try:
        yield
    finally:
        sys.modules["__main__"] = main
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _record_death(job: Job, process: BaseProcess) -> None:
    """Publish a failed run for a process that published nothing."""
    folder = ResultFolder(job.out)
    code = process.exitcode or 0
    how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
    hint = " (out of memory?)" if code == -9 else ""
    message = f"the run's process {how}{hint}"
    log = folder.salvaged_log(job.config.run_id)
    with folder.new_run(job.config.run_id) as scratch:
        (scratch / LOG).write_text(f"{log}{message}\n", encoding="utf-8")
        config, run = job.config.to_json(), job.config.run_id
        folder.write_run(RunRecord(run, config, "failed", message=message, environment=job.environment), scratch)
