"""Command that creates a repository for a benchmark: ``new``."""

from pathlib import Path
from typing import Annotated

import typer

from lifelong_lb.cli.app import app
from lifelong_lb.cli.options import output_folder
from lifelong_lb.cli.output import show


@app.command()
def new(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", parser=output_folder, help="The folder to create; an empty one is used.")
    ],
) -> None:
    """Create a repository for a benchmark of your own: a study, a custom rule with its tests, a workflow."""
    from lifelong_lb.scaffold import write_repository

    for path in write_repository(folder):
        show(path)
    show(f"{folder}: a benchmark to start from; cd {folder}, then lifelong-lb run study.yaml")
