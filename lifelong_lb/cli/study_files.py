"""Commands for study files: ``validate``, ``list``, ``init`` and ``schema``."""

from pathlib import Path
from typing import Annotated

import typer

from lifelong_lb.cli.app import app
from lifelong_lb.cli.numbers import whole_number
from lifelong_lb.cli.options import Assignments, DataFolder, Imports, StudyArgument
from lifelong_lb.cli.output import show
from lifelong_lb.cli.preparing import showing_progress
from lifelong_lb.studies.options import RunOptions


@app.command()
def validate(
    study: StudyArgument,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Measure a few steps of each kind of run, and estimate the total time.")
    ] = False,
    workers: Annotated[str | None, typer.Option(metavar="N", help="Number of parallel runs, for --estimate.")] = None,
    data: DataFolder = None,
    assignments: Assignments = None,
) -> None:
    """Check a study file without running it; count its runs and their gradient evaluations."""
    from lifelong_lb.config import read_study
    from lifelong_lb.studies.planning.validate import (
        lines_about,
        lines_about_time,
        plan_of,
        warnings_about,
        without_images,
    )

    options = RunOptions(workers=whole_number("--workers", workers), data=data)
    with showing_progress():
        plan = plan_of(read_study(study, assignments or ()), options.data, prepare=estimate)
    for line in list(lines_about(plan)):  # all lines first, so that an error precedes them
        show(line)
    for line in warnings_about(plan):
        show(line, err=True)
    if estimate:
        for line in lines_about_time(plan, options):
            show(line)
    missing = without_images(plan)
    note = f"; the images of {', '.join(missing)} were not found, and run needs them" if missing else ""
    show(f"{study}: a valid study of {plan.total:,} run{'s' * (plan.total != 1)}{note}")


def _kinds(incomplete: str) -> list[str]:
    """Kinds of names for the completion of shells."""
    from lifelong_lb.config.describe import KINDS

    return [kind for kind in (*KINDS, "presets", "metrics") if kind.startswith(incomplete)]


@app.command(name="list")
def list_names(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="[streams|strategies|rules|optimizers|models|schedules|presets|metrics]",
            help="What to list; default: all.",
            autocompletion=_kinds,
        ),
    ] = None,
    imports: Imports = None,
) -> None:
    """List the names that a study file can use, with their defaults."""
    from lifelong_lb.config.describe import listing
    from lifelong_lb.config.plugins.importing import import_named

    import_named(imports or ())

    def metrics() -> str:
        from lifelong_lb.evaluation import ADDED_METRICS, CONTINUAL_METRICS, METRICS, REFERENCED

        known = {**METRICS, **REFERENCED, **ADDED_METRICS, **CONTINUAL_METRICS}
        return "\n".join(f"  {name:<30} {metric.formula} ({metric.paper})" for name, metric in known.items())

    show(listing(what, metrics))


@app.command()
def init(
    file: Annotated[Path, typer.Argument(metavar="[FILE]", help="The file to write.")] = Path("study.yaml"),
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Write a commented study file to start from."""
    from lifelong_lb.config.reading.presets import write_starter

    write_starter(file, force=force)
    show(f"{file}: a study to start from; lifelong-lb run {file} --out results/{file.stem}")


@app.command()
def schema() -> None:
    """Print the JSON Schema of study files, for completion and checks in editors.

    Run lifelong-lb schema > study.schema.json, and make "# yaml-language-server: $schema=study.schema.json" the first
    line of a study file.
    """
    import json

    from lifelong_lb.config.schema import study_schema

    show(json.dumps(study_schema(), indent=2))
