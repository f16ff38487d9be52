"""Commands for results: ``report``, ``site``, ``status`` and ``landscape``."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lifelong_lb.cli.app import app
from lifelong_lb.cli.exit_status import SOME_RUNS_NOT_DONE, Answer, print_summary_and_exit
from lifelong_lb.cli.options import Columns, DataFolder, Explain, FolderArgument, Imports, names, output_folder
from lifelong_lb.cli.output import show

if TYPE_CHECKING:
    from lifelong_lb.reports import Results


@app.command()
def report(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Result folders; several need --out.")],
    baseline: Annotated[
        str | None, typer.Option(metavar="RULE", help="Rule to compare the others with; default: none.")
    ] = None,
    metrics: Annotated[
        list[str] | None,
        typer.Option("--metric", metavar="COLUMN", help="Column of results.csv to compare."),
    ] = None,
    test: Annotated[
        str, typer.Option(metavar="TEST", help="Paired test over seeds: sign-flip, or wilcoxon (signed ranks).")
    ] = "sign-flip",
    columns: Columns = None,
    explain: Explain = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="DIR", parser=output_folder, help="Folder for the report of several folders."
        ),
    ] = None,
    every_figure: Annotated[
        bool, typer.Option("--all-figures", help="Draw all figures, also those of single strategies in large reports.")
    ] = False,
    figures: Annotated[
        str, typer.Option("--figures", metavar="FORMATS", help="Also write figures for a paper: pdf,svg,png.")
    ] = "",
    width: Annotated[
        str, typer.Option(metavar="WIDTH", help="Width of these figures: column (3.3 inches) or page (6.75 inches).")
    ] = "column",
    font_size: Annotated[float, typer.Option(metavar="POINTS", help="Size of the letters in these figures.")] = 8.0,
    parquet: Annotated[bool, typer.Option("--parquet", help="Also write tables as Parquet.")] = False,
    others: Annotated[
        list[Path] | None,
        typer.Option("--with", metavar="CSV", help="Accuracies measured by another framework; needs --out."),
    ] = None,
    imports: Imports = None,
) -> None:
    """Rebuild tables, figures and report from the stored runs of DIR, or write one report of several folders."""
    from lifelong_lb.config.plugins.importing import import_named
    from lifelong_lb.reports import write_report
    from lifelong_lb.store import ResultFolder
    from lifelong_lb.store.tuned import folder_to_report

    import_named(imports or ())
    folders = [folder_to_report(folder) for folder in folders]
    target, collected = folders[0], None
    if len(folders) > 1 or out is not None or others:
        target, collected = _joint_results(folders, out, others or ())
    shown = None if columns is None else names(columns)
    with _no_garbage_collection():
        results = write_report(
            ResultFolder(target),
            collected,
            baseline=baseline,
            metrics=metrics,
            test=test,
            columns=shown,
            every_figure=every_figure,
            figures=names(figures) if figures else (),
            width=width,
            font_size=font_size,
            parquet=parquet,
        )
    answer = Answer(shown, baseline, metrics, test, explain)
    print_summary_and_exit(target, results, answer=answer)


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Do not search for cycles: a report makes few, and a search takes longer with every run that was read."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@app.command()
def site(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Result folders.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", parser=output_folder, help="Folder of the site.")],
    title: Annotated[str, typer.Option(metavar="TEXT", help="Heading of the first page.")] = "Leaderboard",
    imports: Imports = None,
) -> None:
    """Write a static leaderboard over the results in DIR..., with the report and the study file of each folder.

    Exit code 0, or 1 if folders were left out because they cannot be read.
    """
    from lifelong_lb.config.plugins.importing import import_named
    from lifelong_lb.reports.site import write_site

    import_named(imports or ())
    written = write_site(folders, out, title)
    for path, reason in written.left_out.items():
        show(f"left out: {path}: {reason}", err=True)
    show(f"site: {written.index}")
    if written.left_out:
        raise typer.Exit(SOME_RUNS_NOT_DONE)


@app.command()
def status(folder: FolderArgument) -> None:
    """Show the status of the study in DIR: number of runs per status, running ones with their launcher.

    Runs that reports leave out, because they are not comparable with the others, are counted by their status and named.
    Exit code 0 if all runs are done, 1 if some are not.
    """
    from lifelong_lb.reports.results.comparability import incomparable_runs
    from lifelong_lb.store import ResultFolder, folder_status
    from lifelong_lb.store.tuned import tuned_folders

    tuned = tuned_folders(folder)
    statuses = {path: folder_status(ResultFolder(path)) for path in tuned or [folder]}
    for path, one in statuses.items():
        heading = f"{path}: " if tuned else ""
        show(heading + ", ".join(f"{count} {name}" for name, count in sorted(one.counts.items())))
        for line in (*one.running, *one.troubles):
            show(line)
        for sentence in incomparable_runs(ResultFolder(path)):
            show(f"not in the report: {sentence}")
    if any(set(one.counts) - {"done"} for one in statuses.values()):
        raise typer.Exit(SOME_RUNS_NOT_DONE)


@app.command()
def landscape(
    folder: FolderArgument,
    device: Annotated[
        str, typer.Option(help="cpu, auto, a kind of accelerator (cuda, mps, xpu), or a device: cuda:1.")
    ] = "auto",
    data: DataFolder = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting, e.g. images=64.")
    ] = None,
    imports: Imports = None,
) -> None:
    """Measure flatness and robustness of the finished runs in DIR, around their stored models.

    The study's evaluation.landscape selects the measures; default: all. Exit codes as for run.
    """
    from lifelong_lb.store.tuned import folder_to_report
    from lifelong_lb.studies import measure_landscape

    folder = folder_to_report(folder)

    def log(line: str) -> None:
        show(line, err=True)

    results = measure_landscape(
        folder, overrides=assignments or (), data=data, device=device, log=log, imports=imports or ()
    )
    print_summary_and_exit(folder, results)


def _joint_results(folders: list[Path], out: Path | None, others: Sequence[Path]) -> tuple[Path, "Results"]:
    """Folder of the joint report, and the results of all folders; a UserError if the folder holds runs."""
    from lifelong_lb.config import UserError
    from lifelong_lb.reports import collect_all, with_imported
    from lifelong_lb.store import ResultFolder

    if out is None:
        raise UserError("a report of several folders, or with --with, needs --out DIR, a separate folder")
    taken = {folder.resolve() for folder in folders}
    if (out / "runs").exists() or (out / "study.json").exists() or out.resolve() in taken:
        raise UserError(
            f"--out {out}: holds runs, or is one of the reported folders; a joint report needs another folder"
        )
    return out, with_imported(collect_all([ResultFolder(folder) for folder in folders]), others)
