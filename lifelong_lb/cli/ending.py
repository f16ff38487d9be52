"""How commands that run or report something end."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from lifelong_lb.cli.app import SOME_RUNS_NOT_DONE
from lifelong_lb.cli.output import show

if TYPE_CHECKING:
    from lifelong_lb.reports import Results


def conclude(folder: Path, results: "Results", asked: set[str] | None = None, *, err: bool = False) -> None:
    """Print the summary; exit with 1 unless all runs asked for (by default, all of the folder) are done.

    Args:
        folder: where the report is.
        results: what the runs have to say.
        asked: ids of the runs asked for.
        err: whether to print to stderr.

    Raises:
        typer.Exit: unless all are done.
    """
    from lifelong_lb.reports import summary_text

    show(summary_text(results), err=err)
    show(f"report: {folder / 'report.html'}", err=err)
    done = set(results.runs.loc[results.runs["status"] == "done", "run"])
    if (asked - done) if asked is not None else (results.missing or len(done) < len(results.runs)):
        raise typer.Exit(SOME_RUNS_NOT_DONE)
