"""Commands that run studies: ``run`` and ``tune``."""

import os
import signal
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from lifelong_lb.cli.app import app
from lifelong_lb.cli.exit_status import print_summary_and_exit
from lifelong_lb.cli.numbers import number, seconds_or_never, whole_number
from lifelong_lb.cli.options import (
    AsJson,
    Assignments,
    CheckpointEvery,
    DataFolder,
    Device,
    Download,
    Executor,
    GpusPerRun,
    Loggers,
    Retry,
    RunsPerJob,
    Slurm,
    StudyArgument,
    Timeout,
    Workers,
    output_folder,
)
from lifelong_lb.cli.output import show
from lifelong_lb.cli.preparing import showing_progress
from lifelong_lb.cli.stdio import stdout_alone


@app.command()
def run(
    study: StudyArgument,
    out: Annotated[
        Path,
        typer.Option("--out", metavar="DIR", parser=output_folder, help="Result folder; finished runs in it are kept."),
    ],
    workers: Workers = None,
    executor: Executor = "local",
    device: Device = "auto",
    data: DataFolder = None,
    download: Download = False,
    assignments: Assignments = None,
    retry: Retry = None,
    timeout: Timeout = None,
    as_json: AsJson = False,
    checkpoint_every: CheckpointEvery = "10",
    loggers: Loggers = None,
    slurm: Slurm = None,
    runs_per_job: RunsPerJob = "1",
    gpus_per_run: GpusPerRun = "0",
) -> None:
    """Run the missing runs of a study; write tables and report to DIR. Concurrent calls share the runs.

    Exit code 0 if all runs are done, 1 if some are not, 2 if the input is invalid.
    """
    from rich.console import Console

    from lifelong_lb.config import expand, read_study
    from lifelong_lb.studies import run_study
    from lifelong_lb.studies.durations import seconds
    from lifelong_lb.studies.executors.cluster_options import parsed_settings
    from lifelong_lb.studies.planning.validate import about_unsupported
    from lifelong_lb.studies.progress.console import ConsoleObserver
    from lifelong_lb.studies.progress.json_lines import JsonObserver

    _handle_interrupts()
    with stdout_alone() if as_json else nullcontext() as stream, showing_progress():
        checked = read_study(study, assignments or ())
        for line in about_unsupported(checked):
            show(line, err=True)
        results = run_study(
            checked,
            out,
            workers=whole_number("--workers", workers),
            executor=executor,
            device=device,
            data=data,
            download=download,
            retry=retry or (),
            timeout=None if timeout is None else seconds("--timeout", timeout),
            checkpoint_every=seconds_or_never("--checkpoint-every", checkpoint_every),
            slurm=parsed_settings(slurm or []),
            runs_per_job=whole_number("--runs-per-job", runs_per_job) or 0,
            gpus_per_run=number("--gpus-per-run", gpus_per_run),
            observer=ConsoleObserver(Console(stderr=True)) if stream is None else JsonObserver(stream),
            loggers=loggers or (),
        )
    run_ids = {run.config.run_id for run in expand(checked)}
    print_summary_and_exit(out, results, run_ids, err=as_json)


@app.command()
def tune(
    study: StudyArgument,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", parser=output_folder, help="Folder; finished runs in it are kept.")
    ],
    trials: Annotated[str | None, typer.Option(metavar="N", help="Trials per search; default: from the study.")] = None,
    workers: Workers = None,
    executor: Executor = "local",
    device: Device = "auto",
    data: DataFolder = None,
    download: Download = False,
    assignments: Assignments = None,
    retry: Retry = None,
    timeout: Timeout = None,
    as_json: AsJson = False,
    checkpoint_every: CheckpointEvery = "10",
    loggers: Loggers = None,
    slurm: Slurm = None,
    runs_per_job: RunsPerJob = "1",
    gpus_per_run: GpusPerRun = "0",
) -> None:
    """Tune the hyper-parameters in the study's section tuning on separate data and seeds; then run the study.

    DIR/tuning holds the search, DIR/chosen.yaml the chosen settings, DIR/report the runs with them. Exit codes as for
    run.
    """
    from rich.console import Console

    from lifelong_lb.config import read_study
    from lifelong_lb.studies.durations import seconds
    from lifelong_lb.studies.executors.cluster_options import parsed_settings
    from lifelong_lb.studies.progress.console import ConsoleObserver
    from lifelong_lb.studies.progress.json_lines import JsonObserver
    from lifelong_lb.studies.tuning.tune import tune_study

    _handle_interrupts()
    with stdout_alone() if as_json else nullcontext() as stream, showing_progress():
        results = tune_study(
            read_study(study, assignments or ()),
            out,
            trials=whole_number("--trials", trials),
            workers=whole_number("--workers", workers),
            executor=executor,
            device=device,
            data=data,
            download=download,
            retry=retry or (),
            timeout=None if timeout is None else seconds("--timeout", timeout),
            checkpoint_every=seconds_or_never("--checkpoint-every", checkpoint_every),
            slurm=parsed_settings(slurm or []),
            runs_per_job=whole_number("--runs-per-job", runs_per_job) or 0,
            gpus_per_run=number("--gpus-per-run", gpus_per_run),
            observer=ConsoleObserver(Console(stderr=True)) if stream is None else JsonObserver(stream),
            loggers=loggers or (),
        )
    print_summary_and_exit(out / "report", results, err=as_json)


def _handle_interrupts() -> None:
    """Treat SIGTERM, which clusters send, like Ctrl-C; the first interrupt prints what a second one does."""
    signals = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) is not signal.SIG_IGN]

    def interrupt(*_: object) -> NoReturn:
        for one in signals:
            signal.signal(one, signal.default_int_handler)
        with suppress(OSError):  # stderr has no reader
            os.write(2, b"stopping active runs; press Ctrl-C again to stop at once\n")  # safe during another print
        raise KeyboardInterrupt

    for one in signals:
        signal.signal(one, interrupt)
