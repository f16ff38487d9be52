"""Commands that run studies: ``run`` and ``tune``."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from lifelong_lb.cli.app import app
from lifelong_lb.cli.exit_status import Answer, print_summary_and_exit
from lifelong_lb.cli.options import AsJson, Assignments, Explain, StudyArgument, default_folder, output_folder
from lifelong_lb.cli.output import show
from lifelong_lb.cli.preparing import showing_progress
from lifelong_lb.cli.run_options import takes_options
from lifelong_lb.cli.stdio import stdout_alone
from lifelong_lb.studies.options import RunOptions, TuneOptions

if TYPE_CHECKING:
    from lifelong_lb.studies import ProgressObserver


@app.command()
@takes_options(RunOptions)
def run(
    study: StudyArgument,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="DIR",
            parser=output_folder,
            help="Result folder; finished runs in it are kept. Default: results/ and the study's name.",
        ),
    ] = None,
    *,
    assignments: Assignments = None,
    options: RunOptions,
    as_json: AsJson = False,
    explain: Explain = False,
) -> None:
    """Run the missing runs of a study; write tables and report to DIR. Concurrent calls share the runs.

    Exit code 0 if all runs are done, 1 if some are not, 2 if the input is invalid.
    """
    from lifelong_lb.config import expand, read_study
    from lifelong_lb.studies import run_study
    from lifelong_lb.studies.planning.validate import about_unsupported

    _handle_interrupts()
    with _progress(as_json) as observer:
        checked = read_study(study, assignments or ())
        for line in about_unsupported(checked):
            show(line, err=True)
        if out is None:
            out = default_folder(checked.name)
            show(f"results: {out}", err=True)
        results = run_study(checked, out, options=replace(options, observer=observer))
    run_ids = {run.config.run_id for run in expand(checked)}
    print_summary_and_exit(out, results, run_ids, err=as_json, answer=Answer(options.columns, explain=explain))


@app.command()
@takes_options(TuneOptions)
def tune(
    study: StudyArgument,
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="DIR", parser=output_folder, help="Folder; finished runs in it are kept."),
    ],
    *,
    assignments: Assignments = None,
    options: TuneOptions,
    as_json: AsJson = False,
    explain: Explain = False,
) -> None:
    """Tune the hyper-parameters in the study's section tuning on separate data and seeds; then run the study.

    DIR/tuning holds the search, DIR/chosen.yaml the chosen settings, DIR/report the runs with them. Exit codes as for
    run.
    """
    from lifelong_lb.config import read_study
    from lifelong_lb.studies import tune_study

    _handle_interrupts()
    with _progress(as_json) as observer:
        checked = read_study(study, assignments or ())
        results = tune_study(checked, out, options=replace(options, observer=observer))
    print_summary_and_exit(out / "report", results, err=as_json, answer=Answer(options.columns, explain=explain))


@contextmanager
def _progress(as_json: bool) -> Iterator["ProgressObserver"]:
    """Show the progress of a study, and of preparing its images."""
    from rich.console import Console

    from lifelong_lb.studies.progress.console import ConsoleObserver
    from lifelong_lb.studies.progress.json_lines import JsonObserver

    with stdout_alone() if as_json else nullcontext() as stream, showing_progress():
        yield ConsoleObserver(Console(stderr=True)) if stream is None else JsonObserver(stream)


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
