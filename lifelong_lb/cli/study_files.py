"""Commands about study files: ``validate``, ``list``, ``init`` and ``schema``."""

from pathlib import Path
from typing import Annotated

import typer

from lifelong_lb.cli.app import Assignments, DataFolder, StudyArgument, app
from lifelong_lb.cli.numbers import whole_number
from lifelong_lb.cli.options import Imports
from lifelong_lb.cli.output import show
from lifelong_lb.cli.preparing import showing_progress


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
    from lifelong_lb.studies.planning.validate import (
        lines_about,
        lines_about_time,
        plan_of,
        warnings_about,
        without_images,
    )

    at_a_time = whole_number("--workers", workers)
    with showing_progress():
        plan = plan_of(read_study(study, assignments or ()), data, prepare=estimate)
    for line in list(lines_about(plan)):  # a complaint comes before any of them
        show(line)
    for line in warnings_about(plan):
        show(line, err=True)
    if estimate:
        for line in lines_about_time(plan, at_a_time):
            show(line)
    missing = without_images(plan)
    but = f"; but the images of {', '.join(missing)} were not found, without which run refuses it" if missing else ""
    show(f"{study}: a valid study of {plan.total:,} run{'s' * (plan.total != 1)}{but}")


@app.command(name="list")
def list_names(
    what: Annotated[
        str | None, typer.Argument(metavar="[streams|strategies|rules|optimizers|models|presets|metrics]")
    ] = None,
    imports: Imports = None,
) -> None:
    """List what a study file can name, with defaults."""
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
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there already.")] = False,
) -> None:
    """Write a commented study file to start from."""
    from lifelong_lb.config.reading.presets import write_starter

    write_starter(file, force=force)
    show(f"{file}: a study to start from; lifelong-lb run {file} --out results/{file.stem}")


@app.command()
def schema() -> None:
    """Print the JSON Schema of study files, with which editors complete and check them.

    lifelong-lb schema > study.schema.json, and "# yaml-language-server: $schema=study.schema.json" as a file's first
    line.
    """
    import json

    from lifelong_lb.config.schema import study_schema

    show(json.dumps(study_schema(), indent=2))
