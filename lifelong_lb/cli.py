"""The command line: it parses, calls and prints."""

import os
import signal
import sys
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from lifelong_lb.reports import Results

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Compare optimizers across continual-learning task sequences.",
)

data_app = typer.Typer(no_args_is_help=True, help="Look for data sets, and keep them decoded.")
app.add_typer(data_app, name="data")

StudyArgument = Annotated[Path, typer.Argument(metavar="STUDY.yaml", help="The study file, or preset:NAME.")]
FolderArgument = Annotated[Path, typer.Argument(metavar="DIR", help="A result folder.")]
DataFolder = Annotated[
    Path | None,
    typer.Option(
        "--data", metavar="DIR", help="Where the data sets are; default: LIFELONG_LB_DATA, then the cache folder."
    ),
]
Assignments = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting, e.g. train.batch_size=64.")
]
OK, SOME_RUNS_NOT_DONE, UNUSABLE_INPUT, INTERRUPTED = 0, 1, 2, 130


@app.command()
def run(
    study: StudyArgument,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Result folder; runs found there are kept.")],
    workers: Annotated[
        str | None, typer.Option(metavar="N", help="Runs at a time; default: one a core or GPU.")
    ] = None,
    executor: Annotated[str, typer.Option(help="in-process, local (a process a run), slurm or ray.")] = "local",
    device: Annotated[str, typer.Option(help="cpu, cuda, auto, or some CUDA devices: cuda:0,cuda:2.")] = "auto",
    data: DataFolder = None,
    download: Annotated[bool, typer.Option("--download", help="Let torchvision fetch a data set not found.")] = False,
    assignments: Assignments = None,
    retry: Annotated[
        list[str] | None, typer.Option(metavar="STATUS", help="Run again what ended as failed, diverged or timeout.")
    ] = None,
    timeout: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Stop a run that takes longer: seconds, or 30m, 2h; default: never."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Tell of progress in JSON, an object a line; the summary goes to stderr.")
    ] = False,
    checkpoint_every: Annotated[
        str,
        typer.Option(
            metavar="SECONDS",
            help="Work after which a run saves itself to go on from there if it is killed; 0: after each experience; "
            "never.",
        ),
    ] = "10",
    loggers: Annotated[
        list[str] | None,
        typer.Option("--logger", metavar="NAME", help="Tell it how runs go: tensorboard, wandb or mlflow; repeatable."),
    ] = None,
    slurm: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A setting of SLURM's jobs, e.g. partition=gpu.")
    ] = None,
    runs_per_job: Annotated[
        str, typer.Option(metavar="N", help="Runs that a job of SLURM does one after the other.")
    ] = "1",
    gpus_per_run: Annotated[str, typer.Option(metavar="SHARE", help="How much of a GPU Ray keeps for a run.")] = "0",
) -> None:
    """Run what is missing of a study; write tables and report into DIR. Several may do so at once, and share the runs.

    Exit code 0 when all runs are done, 1 when some are not, 2 when the input cannot be used.
    """
    from rich.console import Console

    from lifelong_lb.config import expand, read_study
    from lifelong_lb.studies import run_study
    from lifelong_lb.studies.cluster import parsed_settings
    from lifelong_lb.studies.durations import seconds
    from lifelong_lb.studies.json_lines import JsonWatcher
    from lifelong_lb.studies.progress import ConsoleWatcher

    _heed_interrupts()
    checked = read_study(study, assignments or ())
    watcher = JsonWatcher(sys.stdout) if as_json else ConsoleWatcher(Console(stderr=True))
    with redirect_stdout(sys.stderr) if as_json else nullcontext():  # what else is printed must not get in between
        results = run_study(
            checked,
            out,
            workers=_whole_number("--workers", workers),
            executor=executor,
            device=device,
            data=data,
            download=download,
            retry=retry or (),
            timeout=None if timeout is None else seconds("--timeout", timeout),
            checkpoint_every=_seconds("--checkpoint-every", checkpoint_every),
            slurm=parsed_settings(slurm or []),
            runs_per_job=_whole_number("--runs-per-job", runs_per_job) or 0,
            gpus_per_run=_number("--gpus-per-run", gpus_per_run),
            watcher=watcher,
            loggers=loggers or (),
        )
    asked = {run.config.run_id for run in expand(checked)}
    _conclude(out, results, asked, err=as_json)


@app.command()
def tune(
    study: StudyArgument,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder; what is there already is kept.")],
    trials: Annotated[
        str | None, typer.Option(metavar="N", help="Trials of each search; default: the study's.")
    ] = None,
    workers: Annotated[
        str | None, typer.Option(metavar="N", help="Runs at a time; default: one a core or GPU.")
    ] = None,
    executor: Annotated[str, typer.Option(help="in-process or local (a process a run).")] = "local",
    device: Annotated[str, typer.Option(help="cpu, cuda, auto, or some CUDA devices: cuda:0,cuda:2.")] = "auto",
    data: DataFolder = None,
    download: Annotated[bool, typer.Option("--download", help="Let torchvision fetch a data set not found.")] = False,
    assignments: Assignments = None,
    timeout: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Stop a run that takes longer: seconds, or 30m, 2h; default: never."),
    ] = None,
) -> None:
    """Choose what the study's section tuning searches on data and seeds that are not reported; then run the study.

    DIR/tuning holds the search, DIR/chosen.yaml what was chosen, DIR/report the runs with it. Exit codes are those of
    run.
    """
    from rich.console import Console

    from lifelong_lb.config import read_study
    from lifelong_lb.studies.durations import seconds
    from lifelong_lb.studies.progress import ConsoleWatcher
    from lifelong_lb.studies.tuning import tune_study

    _heed_interrupts()
    results = tune_study(
        read_study(study, assignments or ()),
        out,
        trials=_whole_number("--trials", trials),
        workers=_whole_number("--workers", workers),
        executor=executor,
        device=device,
        data=data,
        download=download,
        timeout=None if timeout is None else seconds("--timeout", timeout),
        watcher=ConsoleWatcher(Console(stderr=True)),
    )
    _conclude(out / "report", results)


@app.command()
def report(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Result folders; several need --out.")],
    baseline: Annotated[
        str | None, typer.Option(metavar="RULE", help="Rule that the others are compared with; default: none.")
    ] = None,
    metrics: Annotated[
        list[str] | None,
        typer.Option("--metric", metavar="COLUMN", help="Column of results.csv to compare."),
    ] = None,
    test: Annotated[
        str, typer.Option(metavar="TEST", help="Test of paired seeds: sign-flip, or wilcoxon for signed ranks.")
    ] = "sign-flip",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where the report of several folders is written.")
    ] = None,
    every_figure: Annotated[
        bool, typer.Option("--all-figures", help="Draw single strategies in large reports, too: all of them.")
    ] = False,
    parquet: Annotated[bool, typer.Option("--parquet", help="Write tables as Parquet, too.")] = False,
    others: Annotated[
        list[Path] | None,
        typer.Option("--with", metavar="CSV", help="Accuracies that another framework has measured; needs --out."),
    ] = None,
) -> None:
    """Make tables, figures and report anew from the stored runs of DIR, or one report of several folders."""
    from lifelong_lb.reports import collect_all, comparison_table, comparisons_text, with_imported, write_report
    from lifelong_lb.store import ResultFolder

    target = out or folders[0]
    results = None
    if len(folders) > 1 or out is not None or others:
        target = _place_for_a_joint_report(folders, out)
        results = with_imported(collect_all([ResultFolder(folder) for folder in folders]), others or ())
    folder = ResultFolder(target)
    results = write_report(
        folder,
        results,
        baseline=baseline,
        metrics=metrics,
        test=test,
        every_figure=every_figure,
        parquet=parquet,
    )
    if baseline is not None or metrics or test != "sign-flip":
        typer.echo(comparisons_text(comparison_table(results, baseline, metrics, test), test))
    _conclude(target, results)


@app.command()
def status(folder: FolderArgument) -> None:
    """Say how far the study in DIR has come: runs done, failed, diverged, missing, running and in whose hands.

    Exit code 0 when all runs are done, 1 when some are not.
    """
    from lifelong_lb.store import ResultFolder, folder_status

    found = folder_status(ResultFolder(folder))
    typer.echo(", ".join(f"{count} {name}" for name, count in sorted(found.counts.items())))
    for line in (*found.running, *found.troubles):
        typer.echo(line)
    if set(found.counts) - {"done"}:
        raise typer.Exit(SOME_RUNS_NOT_DONE)


@app.command()
def landscape(
    folder: FolderArgument,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto.")] = "auto",
    data: DataFolder = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting, e.g. images=64.")
    ] = None,
) -> None:
    """Measure flatness and robustness of the done runs in DIR, around the models they have kept.

    What is measured is what the study says under evaluation.landscape, else everything. Exit codes are those of run.
    """
    from lifelong_lb.studies import measure_landscape

    def log(line: str) -> None:
        typer.echo(line, err=True)

    _conclude(folder, measure_landscape(folder, overrides=assignments or (), data=data, device=device, log=log))


@app.command()
def validate(
    study: StudyArgument,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Measure a few steps of each kind of run, and say how long all take.")
    ] = False,
    workers: Annotated[str | None, typer.Option(metavar="N", help="Runs at a time, for --estimate.")] = None,
    data: DataFolder = None,
    assignments: Assignments = None,
) -> None:
    """Check a study file without running it; count its runs and the gradients that they take."""
    from lifelong_lb.config import read_study
    from lifelong_lb.studies.validation import lines_about, lines_about_time, plan_of

    plan = plan_of(read_study(study, assignments or ()), data, prepare=estimate)
    for line in lines_about(plan):
        typer.echo(line)
    if estimate:
        for line in lines_about_time(plan, _whole_number("--workers", workers)):
            typer.echo(line)
    typer.echo(f"{study}: a valid study of {len(plan.runs)} runs")


@app.command(name="list")
def list_names(
    what: Annotated[
        str | None, typer.Argument(metavar="[streams|strategies|rules|optimizers|models|presets|metrics]")
    ] = None,
) -> None:
    """List what a study file can name, with defaults."""
    from lifelong_lb.config.listing import listing

    def metrics() -> str:
        from lifelong_lb.evaluation import ADDED_METRICS, CONTINUAL_METRICS, METRICS, REFERENCED

        known = {**METRICS, **REFERENCED, **ADDED_METRICS, **CONTINUAL_METRICS}
        return "\n".join(f"  {name:<30} {metric.formula} ({metric.paper})" for name, metric in known.items())

    typer.echo(listing(what, metrics))


@app.command()
def init(
    file: Annotated[Path, typer.Argument(metavar="[FILE]", help="The file to write.")] = Path("study.yaml"),
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there already.")] = False,
) -> None:
    """Write a commented study file to start from."""
    from lifelong_lb.config.starter import write_starter

    write_starter(file, force=force)
    typer.echo(f"{file}: a study to start from; lifelong-lb run {file} --out results/{file.stem}")


@app.command()
def schema() -> None:
    """Print the JSON Schema of study files, with which editors complete and check them.

    lifelong-lb schema > study.schema.json, and "# yaml-language-server: $schema=study.schema.json" as a file's first
    line.
    """
    import json

    from lifelong_lb.config.schema import study_schema

    typer.echo(json.dumps(study_schema(), indent=2))


@data_app.command(name="list")
def list_data(data: DataFolder = None) -> None:
    """Say where each data set is found, and what is prepared."""
    from lifelong_lb.config import UserError
    from lifelong_lb.data import DATASETS, cache_folder, data_roots, find_dataset
    from lifelong_lb.data.prepared import description, entries

    roots = data_roots(data)
    for name in DATASETS:
        try:
            where = find_dataset(name, roots).description
        except UserError:
            where = "not found"
        typer.echo(f"{name:<13} {where}")
    for entry in entries(cache_folder()):
        megabytes = sum(path.stat().st_size for path in entry.iterdir()) / 1e6
        typer.echo(f"prepared      {entry} ({megabytes:.0f} MB) from {description(entry)}")


@data_app.command(name="prepare")
def prepare_data(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME...", help="Data sets, see lifelong-lb data list, or paths of your own.")
    ],
    data: DataFolder = None,
    download: Annotated[bool, typer.Option("--download", help="Let torchvision fetch a data set not found.")] = False,
) -> None:
    """Decode data sets into the cache, so that runs only open them. Studies do it by themselves."""
    from lifelong_lb.config import UserError, unknown_name
    from lifelong_lb.data import DATASETS, cache_folder, data_roots, find_dataset, own_source, prepared

    roots = data_roots(data)
    for name in names:
        if name not in DATASETS and not any((folder / Path(name).expanduser()).exists() for folder in (*roots, Path())):
            raise UserError(unknown_name("data set", name, DATASETS))
    for name in names:
        source = find_dataset(name, roots, download) if name in DATASETS else own_source(name, roots)
        found = prepared(source, cache_folder())
        typer.echo(f"{name:<13} {len(found.train.y)} + {len(found.test.y)} images, digest {found.digest}")


@data_app.command(name="verify")
def verify_data() -> None:
    """Read all that is prepared and compare it with the hashes taken when it was made.

    Exit code 0 when all is as it was, 1 when something is broken (it is made anew when it is needed).
    """
    import shutil

    from lifelong_lb.data import cache_folder
    from lifelong_lb.data.prepared import description, entries, verify

    broken = False
    for entry in entries(cache_folder()):
        whole = verify(entry)
        typer.echo(f"{entry}: {'as it was made' if whole else 'broken, removed'}, from {description(entry)}")
        if not whole:
            broken = True
            shutil.rmtree(entry)
    if broken:
        raise typer.Exit(SOME_RUNS_NOT_DONE)


def main() -> None:
    """Entry point of ``lifelong-lb``: a user's mistake ends in one message and exit code 2."""
    from lifelong_lb.config import UserError

    try:
        code = app(standalone_mode=False)
    except UserError as error:
        typer.echo(f"error: {error}", err=True)
        code = UNUSABLE_INPUT
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        typer.echo(f"error: {where}{error.strerror or error}; finished runs are kept", err=True)
        code = SOME_RUNS_NOT_DONE
    except typer.Exit as stop:
        code = stop.exit_code
    except Exception as error:  # typer's own complaints about the command line
        if not hasattr(error, "format_message"):
            raise
        message = error.format_message()
        if message:  # empty where the help has been shown instead
            typer.echo(f"error: {message}", err=True)
        code = UNUSABLE_INPUT
    if code == INTERRUPTED:
        typer.echo("interrupted: finished runs are kept; the same command continues the study", err=True)
    sys.exit(code)


def _place_for_a_joint_report(folders: list[Path], out: Path | None) -> Path:
    """The folder it goes to; a UserError where that would be one that holds runs."""
    from lifelong_lb.config import UserError

    if out is None:
        raise UserError("a report of several folders, or with other matrices, needs --out DIR, a folder of its own")
    taken = {folder.resolve() for folder in folders}
    if (out / "runs").exists() or (out / "study.json").exists() or out.resolve() in taken:
        raise UserError(
            f"--out {out}: holds runs of its own, or is one of the folders; a joint report needs another folder"
        )
    return out


def _heed_interrupts() -> None:
    """Let SIGTERM, which clusters send, end a study like Ctrl-C, and say what a second one does."""
    numbers = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) is not signal.SIG_IGN]

    def interrupt(*_: object) -> NoReturn:
        for number in numbers:
            signal.signal(number, signal.default_int_handler)
        os.write(2, b"stopping the runs under way; once more stops at once\n")  # safe in the midst of another print
        raise KeyboardInterrupt

    for number in numbers:
        signal.signal(number, interrupt)


def _whole_number(option: str, text: str | None) -> int | None:
    from lifelong_lb.config import UserError

    try:
        return None if text is None else int(text)
    except ValueError:
        raise UserError(f"{option} must be a whole number, at least 1; got {text!r}") from None


def _number(option: str, text: str) -> float:
    from lifelong_lb.config import UserError

    try:
        return float(text)
    except ValueError:
        raise UserError(f"{option} must be a number; got {text!r}") from None


def _seconds(option: str, text: str) -> float | None:
    from lifelong_lb.config import UserError

    try:
        return None if text == "never" else float(text)
    except ValueError:
        raise UserError(f"{option} must be a number of seconds >= 0, or never; got {text!r}") from None


def _conclude(folder: Path, results: "Results", asked: set[str] | None = None, *, err: bool = False) -> None:
    """Print the summary; exit with 1 unless all runs asked for (by default, all of the folder) are done."""
    from lifelong_lb.reports import summary_text

    typer.echo(summary_text(results), err=err)
    typer.echo(f"report: {folder / 'report.html'}", err=err)
    done = set(results.runs.loc[results.runs["status"] == "done", "run"])
    if (asked - done) if asked is not None else (results.missing or len(done) < len(results.runs)):
        raise typer.Exit(SOME_RUNS_NOT_DONE)
