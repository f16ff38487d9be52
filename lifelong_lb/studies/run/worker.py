"""Execute a run and publish its record. Importing this module imports torch and avalanche, once for all runs."""

import contextlib
import faulthandler
import io
import multiprocessing
import os
import platform
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import sklearn.datasets  # noqa: F401  imported here because it takes each run on the embedded digits 0.25 s otherwise
import torch

from lifelong_lb import devices
from lifelong_lb.config import UserError
from lifelong_lb.config.entries.optimizers import External
from lifelong_lb.config.plugins.importing import digest_of, import_named
from lifelong_lb.config.plugins.register import origins_of
from lifelong_lb.store import (
    LOG,
    ResultFolder,
    RunProgress,
    RunRecord,
    Status,
    write_landscape,
    write_model,
    write_progress,
)
from lifelong_lb.strategies import DivergedError, MemoryMeter
from lifelong_lb.studies.job import TERMINATED, Job
from lifelong_lb.studies.requirements import required_package
from lifelong_lb.studies.run.checkpoints import Checkpoints
from lifelong_lb.studies.run.environment import machine, versions
from lifelong_lb.studies.run.execute import execute
from lifelong_lb.studies.run.loggers.dispatch import Loggers, values_of
from lifelong_lb.studies.run.state import RunState
from lifelong_lb.untrusted import encodable, error_message, printable


def work_in_own_process(job: Job) -> None:
    """Execute a run in a dedicated process, with its output redirected to the run's log.

    The process exits when its parent process is gone.

    Args:
        job: the run.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the launcher terminates its runs
    if hasattr(signal, "SIGUSR2"):
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)  # SLURM sends it to all processes of a job before its end
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))  # unwinds, so that the scratch folder is removed
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    with ResultFolder(job.out).new_run(job.config.run_id) as scratch, _logged_to(scratch / LOG):
        faulthandler.enable()
        if hasattr(faulthandler, "register"):
            faulthandler.register(signal.SIGUSR1)  # sent before a run that exceeds its time limit is killed
        work(job, scratch, alone=True)


def work(job: Job, scratch: Path, *, alone: bool = False) -> Status:
    """Execute a run and publish its record, also if it fails.

    Args:
        job: the run.
        scratch: folder from :meth:`lifelong_lb.store.ResultFolder.new_run`.
        alone: whether the process is dedicated to the run, so that its memory is the run's.

    Returns:
        The status of the run.
    """
    torch.set_num_threads(job.threads)
    if job.device != "cpu":
        import_named(job.imports)
    device = devices.activate(job.device)
    memory, progress = MemoryMeter(device, alone=alone), RunState()
    _log(f"run {job.config.run_id}: {job.title}")
    loggers = Loggers(job, _log)
    outcome = _execute(job, scratch, device, memory, progress, loggers, alone=alone)
    _log(f"{outcome.status} {outcome.message}\n{outcome.traceback}".strip())
    record = _record(job, device, progress, outcome, memory.peak())
    if progress.landscape and job.config.evaluation.landscape is not None:
        write_landscape(scratch, progress.landscape, job.config.evaluation.landscape.model_dump(mode="json"))
    ResultFolder(job.out).write_run(record, scratch, progress.diagnostics, progress.continual, progress.confusion)
    loggers.end(record)  # last, because it may be slow
    return outcome.status


@dataclass(frozen=True)
class _Outcome:
    """How a run ended.

    Attributes:
        status: its status.
        message: reason of a failure, or a remark on a run that is done.
        traceback: of the exception that ended it.
    """

    status: Status
    message: str = ""
    traceback: str = ""

    @classmethod
    def of_error(cls, status: Status, message: str) -> "_Outcome":
        """Outcome of a run that the exception being handled has ended."""
        return cls(status, message, encodable(traceback.format_exc()))


def _execute(
    job: Job, scratch: Path, device: str, memory: MemoryMeter, progress: RunState, loggers: Loggers, *, alone: bool
) -> _Outcome:
    """Execute a run; exceptions become its outcome."""
    try:
        checkpoints = _checkpoints(job, scratch, device, memory)
        with quiet():
            execute(
                job.config,
                progress,
                roots=job.roots,
                device=device,
                log=_log,
                keep=partial(write_model, scratch),
                measured=partial(_report_progress, scratch, progress, loggers),
                checkpoints=checkpoints,
            )
    except DivergedError as error:
        return _Outcome.of_error("diverged", encodable(str(error)))
    except UserError as error:
        return _Outcome.of_error("failed", encodable(str(error)))
    except BaseException as error:  # no failure of a run may end the study
        if not isinstance(error, Exception) and (not alone or _is_termination(error)):
            raise
        return _Outcome.of_error("failed", error_message(error))
    if checkpoints is not None and checkpoints.given_up:
        return _Outcome("done", f"no checkpoints were saved: {checkpoints.given_up}")
    return _Outcome("done")


def _record(job: Job, device: str, progress: RunState, outcome: _Outcome, peak: int | None) -> RunRecord:
    return RunRecord(
        run=job.config.run_id,
        config=job.config.to_json(),
        status=outcome.status,
        message=outcome.message,
        traceback=outcome.traceback,
        environment={**_environment(job, device), "continued": progress.continued, **_model(job, progress)},
        accuracy=progress.accuracy,
        gradient_evaluations=progress.gradient_evaluations,
        strategy_gradient_evaluations=progress.strategy_gradient_evaluations,
        train_seconds=progress.train_seconds,
        samples_seen=progress.samples_seen,
        forward_passes=progress.forward_passes,
        parameters=progress.parameters,
        peak_memory=progress.peak_of_all(peak),
        data=progress.data,
        budgets=progress.budgets,
    )


def _model(job: Job, progress: RunState) -> dict[str, Any]:
    """Weights and numbers of parameters of a model of which a part is trained, or whose weights are from a file."""
    model, known = job.config.model, progress.data.get("weights_sha256")
    if model.tune == "all" and known is None:
        return {}
    weights = {} if known is None else {"weights_sha256": known}
    counts = {"parameters": progress.parameters, "trained_parameters": progress.trained_parameters}
    return {"model": {"tune": model.tune, **weights, **counts}}


def _is_termination(error: BaseException) -> bool:
    """Whether an error results from SIGTERM, rather than from ``sys.exit`` in the code of the run."""
    return isinstance(error, SystemExit) and error.code == TERMINATED


def _report_progress(scratch: Path, progress: RunState, loggers: Loggers) -> None:
    """Write the run's progress for the launcher, and pass it to the loggers; I/O errors are ignored."""
    with contextlib.suppress(OSError):
        write_progress(scratch, RunProgress.of(progress.accuracy))
    progress.logged.append(values_of(progress))
    loggers.learnt(progress)


def _log(line: str) -> None:
    text = f"{time.strftime('%Y-%m-%d %H:%M:%S')} {printable(line)}"
    with contextlib.suppress(BrokenPipeError):  # with the executor in-process, stdout may be closed
        try:
            print(text, flush=True)  # noqa: T201  the run's log
        except UnicodeError:
            print(text.encode("ascii", "backslashreplace").decode(), flush=True)  # noqa: T201


def _checkpoint_environment(job: Job, device: str) -> dict[str, Any]:
    """Environment fields that must match to resume from a checkpoint."""
    parts = {"rule": job.config.rule, "strategy": job.config.strategy, "stream": job.config.stream}
    extensions = {origin: digest_of(origin) for origin in origins_of({**parts, "model": job.config.model})}
    return {
        **job.environment,
        **versions(),
        "machine": platform.machine(),
        "device": devices.model_name(device),
        "threads": job.threads,
        **({"extensions": extensions} if extensions else {}),
    }


def _environment(job: Job, device: str) -> dict[str, Any]:
    return {
        **_checkpoint_environment(job, device),
        **machine(),
        **devices.toolkit(device),
        "torch_threads": torch.get_num_threads(),
        "deterministic_algorithms": torch.are_deterministic_algorithms_enabled(),
        "cudnn_deterministic": torch.backends.cudnn.deterministic,
        "cudnn_benchmark": torch.backends.cudnn.benchmark,
        "float32_matmul_precision": torch.get_float32_matmul_precision(),
    }


def _checkpoints(job: Job, scratch: Path, device: str, memory: MemoryMeter) -> Checkpoints | None:
    """Checkpoints of a run; a run that failed with an exception has none, and a retry starts from the beginning."""
    if job.checkpoint_every is None:
        return None
    checkpoint = ResultFolder(job.out).checkpoint(job.config.run_id)
    environment = {key: value for key, value in _checkpoint_environment(job, device).items() if key != "commit"}
    identity = {"run": job.config.run_id, **environment, "instructions": torch.backends.cpu.get_cpu_capability()}
    if isinstance(job.config.optimizer, External):
        package = job.config.optimizer.target.partition(".")[0]
        identity[package] = str(getattr(sys.modules.get(package), "__version__", "of no known version"))
    elif (required := required_package(job.config.optimizer)) is not None:
        identity[required] = version(required)
    return Checkpoints(checkpoint, job.checkpoint_every, identity, scratch, _log, memory.peak, first=job.limited)


_AVALANCHE_WARNINGS = (
    "Call to deprecated function update",  # its memories
    "Using a non-tuple sequence for multidimensional indexing",  # importances of a head that has grown
    "__array_wrap__ must accept context",  # synaptic intelligence
)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Suppress warnings about Avalanche's internals, some of which bypass the warning filters.

    Yields:
        Nothing.
    """
    with warnings.catch_warnings():
        show = warnings.showwarning

        def show_filtered(message: Warning | str, *rest: Any) -> None:
            if not str(message).startswith(_AVALANCHE_WARNINGS):
                show(message, *rest)

        warnings.showwarning = show_filtered  # type: ignore[assignment]  # the same arguments, not all named
        yield


@contextlib.contextmanager
def _logged_to(path: Path) -> Iterator[None]:
    """Redirect this process's output, including that of native code, to a file."""
    with path.open("a", encoding="utf-8") as log:
        sys.stdout.flush()
        sys.stderr.flush()
        for text in (sys.stdout, sys.stderr):
            if isinstance(text, io.TextIOWrapper):  # independent of the encoding of the launcher's terminal
                text.reconfigure(encoding="utf-8", errors="backslashreplace")
        for stream in (1, 2):
            os.dup2(log.fileno(), stream)
        yield
        sys.stdout.flush()
        sys.stderr.flush()


def _exit_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
